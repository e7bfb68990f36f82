/*
 * event_config.h
 *	  What wrk.enable_events() was told about a table, ready for use.
 *
 * It travels as one JSON argument of the trigger, with columns by name, so that
 * it survives dump and restore; here columns are numbers of one relation.
 */
#ifndef WRK_EVENT_CONFIG_H
#define WRK_EVENT_CONFIG_H

#include "wrk_copilot.h"
#include "utils/rel.h"

/* a piece of a name: literal text, or else the value of a column */
typedef struct TemplatePart
{
	const char *literal; /* NULL = column */
	AttrNumber column;
} TemplatePart;

/* a name with column values in it */
typedef struct Template
{
	int nparts;
	TemplatePart *parts;
	bool may_end_in_colons; /* its last value may contain colons */
} Template;

/* who may see an event; no entries = all who may read the channel */
typedef struct Audience
{
	int nentries;
	Template *entries;
} Audience;

/* the audience for one value of the deciding column */
typedef struct AudienceCase
{
	const char *value;
	Audience audience;
} AudienceCase;

/* One of these for each trigger; everything in the context it was parsed in. */
typedef struct EventConfig
{
	const char *entity;
	AttrNumber id;
	AttrNumber tenant;
	int nchannels;
	Template *channels; /* without "tenant:{tenant}:"; one without parts is the tenant's
						   own channel */
	AttrNumber audience_column; /* decides between cases, 0 = there are none */
	int ncases;
	AudienceCase *cases;
	Audience audience; /* if no case fits */
	int natts;
	bool *chosen; /* by attribute number - 1: whether the column is part of events */
} EventConfig;

/*
 * Parses a configuration for rel.  Error, with the member and value in question,
 * if it is malformed or names a column that rel does not have.
 */
extern EventConfig *event_config_parse(Relation rel, const char *json);

#endif /* WRK_EVENT_CONFIG_H */
