/*
 * access_trigger.c
 *	  wrk.access_trigger(): rows that give rights, when they stop doing so.
 *
 * Put on a table by wrk.enable_access(), it tells gateways whom to ask about again
 * when such a row changes or goes: the user it names, whoever is in the channel it
 * names, or, if it names neither, everybody of its tenant.  What the row says is
 * read as for events (event_row.c): the configuration is one of those, with the
 * user as the audience.
 *
 * Must stay true: in doubt more are asked about, never fewer; a row whose user or
 * channel is NULL may be everybody's.
 */
#include "access.h"

#include "commands/trigger.h"
#include "utils/builtins.h"

#include "event_row.h"
#include "table_cache.h"

#define USER_PREFIX "user:"

/* one of these for each access trigger this backend has fired */
typedef struct TriggerEntry
{
	MemoryContext context; /* of all that follows */
	EventConfig *config;
	ColumnWriter *writers; /* by attribute number - 1 */
} TriggerEntry;

static TableCache triggers = {"wrk access trigger"};

PG_FUNCTION_INFO_V1(wrk_access_trigger);


static void *
read_entry(void *arg)
{
	const TriggerData *data = arg;
	TriggerEntry *entry = palloc(sizeof(TriggerEntry));

	if (data->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" has no configuration", data->tg_trigger->tgname),
				 errhint("Use wrk.enable_access() to make it.")));
	entry->context = CurrentMemoryContext;
	entry->config = event_config_parse(data->tg_relation, data->tg_trigger->tgargs[0]);
	entry->writers = palloc0(sizeof(ColumnWriter) * entry->config->natts);
	return entry;
}

static TriggerEntry *
get_entry(TriggerData *data)
{
	return table_cache_get(&triggers, data->tg_trigger->tgoid,
						   RelationGetRelid(data->tg_relation), read_entry, data);
}

/* the one channel "tenant" stands for no channel at all */
static bool
names_channel(const EventConfig *config)
{
	return config->nchannels > 0 && config->channels[0].nparts > 0;
}

/* tells whom this row gives, or gave, rights to */
static void
announce_row(const Change *change, TupleTableSlot *row)
{
	Target *target = event_row_target(change, row);
	AccessChange access = {.tenant_id = target->tenant};
	ListCell *cell;

	foreach (cell, target->audience)
		access.users = lappend(access.users, (char *) lfirst(cell) + strlen(USER_PREFIX));
	if (names_channel(change->config))
		access.channels = target->channels;
	/* a user that is NULL is perhaps everybody, whatever the channel */
	if (target->nobody || (names_channel(change->config) && access.channels == NIL))
		access.users = access.channels = NIL;
	access_announce(&access);
}

static void
announce_change(const Change *change)
{
	if (change->before != NULL && change->after != NULL &&
		event_row_changed(change) == NIL)
		return;
	if (change->before != NULL)
		announce_row(change, change->before);
	if (change->after != NULL)
		announce_row(change, change->after);
}

Datum
wrk_access_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Change change = {0};
	TriggerEntry *entry;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("wrk.access_trigger() must be called as a trigger")));
	if (!TRIGGER_FIRED_AFTER(data->tg_event) ||
		TRIGGER_FIRED_FOR_ROW(data->tg_event) ==
			TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("wrk.access_trigger() must be fired after each row, or"
							   " after TRUNCATE")));
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
	{
		access_announce(&(AccessChange){.tenant_id = NULL});
		return PointerGetDatum(NULL);
	}
	entry = get_entry(data);
	change.config = entry->config;
	change.writers = entry->writers;
	change.context = entry->context;
	change.rel = data->tg_relation;
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		change.after = data->tg_trigslot;
	else
		change.before = data->tg_trigslot;
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		change.after = data->tg_newslot;
	announce_change(&change);
	return PointerGetDatum(NULL);
}
