/*
 * event_row.h
 *	  What a row says about its events: where they go, for whom, with what inside.
 */
#ifndef WRK_EVENT_ROW_H
#define WRK_EVENT_ROW_H

#include "event_config.h"
#include "executor/tuptable.h"
#include "utils/jsonb.h"

/* how to write a column's values; fn_oid is InvalidOid until first used */
typedef struct ColumnWriter
{
	FmgrInfo text;
	FmgrInfo json;
} ColumnWriter;

/* one change of a row on its way to becoming events */
typedef struct Change
{
	const EventConfig *config;
	ColumnWriter *writers; /* by attribute number - 1, filled as needed ... */
	MemoryContext context; /* ... with what lives here */
	Relation rel;
	TupleTableSlot *before; /* NULL for INSERT */
	TupleTableSlot *after;  /* NULL for DELETE */
} Change;

/* where the events of a row go; palloc'd */
typedef struct Target
{
	char *tenant;
	char *id;
	List *channels; /* of char *, canonical */
	List *audience; /* of char *; NIL = all who may read the channel */
	bool nobody;    /* there is an audience, and nobody is in it */
} Target;

/* palloc'd text form of a column's value, NULL for SQL NULL; uses rel and writers only */
extern char *event_row_text(const Change *change, TupleTableSlot *row, AttrNumber column);

/*
 * Where events of the row go.  Errors: a row without tenant or id, bad_request
 * for a value that cannot be part of a name, forbidden for a row of a tenant its
 * writer does not act for.
 */
extern Target *event_row_target(const Change *change, TupleTableSlot *row);

/* numbers of the chosen columns that an UPDATE gave another value */
extern List *event_row_changed(const Change *change);

/*
 * {"id"} and, if with_row, "data", or "oversize" if the row is too large; "changed"
 * if changed is not NIL.  palloc'd.
 */
extern Jsonb *event_row_payload(const Change *change, TupleTableSlot *row, bool with_row,
								List *changed);

#endif /* WRK_EVENT_ROW_H */
