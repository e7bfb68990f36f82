/*
 * event_trigger.c
 *	  wrk.event_trigger(): turns changes of rows into events.
 *
 * INSERT, UPDATE and DELETE become <entity>.created, .updated and .deleted on
 * the channels, and for the audience, that the row's values name.  A deletion
 * is announced to those who could see the old row.  An UPDATE may move a row:
 * whoever loses sight of it gets .deleted, whoever gains it gets .created, and
 * only those who could see it before and after get .updated.
 *
 * Configurations are kept per trigger and read again after any change of the
 * table.  Nothing here looks up a name through search_path.
 *
 * Must stay true: a row that is too large does not fail its writer; its event
 * goes without it.
 */
#include "event.h"

#include "access/table.h"
#include "commands/trigger.h"
#include "utils/builtins.h"

#include "event_check.h"
#include "event_row.h"
#include "table_cache.h"

/* one of these for each event trigger this backend has fired */
typedef struct TriggerEntry
{
	MemoryContext context; /* of all that follows */
	EventConfig *config;
	ColumnWriter *writers; /* by attribute number - 1 */
} TriggerEntry;

static TableCache triggers = {"wrk event trigger"};

PG_FUNCTION_INFO_V1(wrk_event_trigger);
PG_FUNCTION_INFO_V1(wrk_event_config_check);


/* ---------- configurations ---------- */

static void *
read_entry(void *arg)
{
	const TriggerData *data = arg;
	TriggerEntry *entry = palloc(sizeof(TriggerEntry));

	if (data->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" has no configuration", data->tg_trigger->tgname),
				 errhint("Use wrk.enable_events() to make it.")));
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


/* ---------- events ---------- */

static void
announce(const Change *change, const char *what, const Target *target, List *channels,
		 Jsonb *payload)
{
	EventRow row = {0};

	if (channels == NIL || target->nobody)
		return;
	row.type = psprintf("%s.%s", change->config->entity, what);
	row.payload = JsonbPGetDatum(payload);
	row.channels = event_text_array(channels);
	row.audience = event_text_array(target->audience);
	row.tenant_id = target->tenant;
	row.class = EVENT_CRITICAL;
	(void) event_write(&row);
}

static void
announce_created(const Change *change, const Target *target, List *channels)
{
	announce(change, "created", target, channels,
			 event_row_payload(change, change->after, true, NIL));
}

static void
announce_deleted(const Change *change, const Target *target, List *channels)
{
	announce(change, "deleted", target, channels,
			 event_row_payload(change, change->before, false, NIL));
}

/* those of strings that are in others, or those that are not */
static List *
sift(List *strings, List *others, bool in)
{
	List *result = NIL;
	ListCell *cell;

	foreach (cell, strings)
		if (event_list_has(others, lfirst(cell)) == in)
			result = lappend(result, lfirst(cell));
	return result;
}

/* whether those who saw the row before may see it now, apart from its channels */
static bool
same_watchers(const Target *before, const Target *after)
{
	return strcmp(before->tenant, after->tenant) == 0 &&
		   strcmp(before->id, after->id) == 0 && before->nobody == after->nobody &&
		   sift(before->audience, after->audience, false) == NIL &&
		   sift(after->audience, before->audience, false) == NIL;
}

static void
announce_update(const Change *change, const Target *before, const Target *after)
{
	List *kept = NIL;
	List *changed;

	if (same_watchers(before, after))
		kept = sift(after->channels, before->channels, true);
	if (sift(before->channels, kept, false) != NIL)
		announce_deleted(change, before, sift(before->channels, kept, false));
	changed = kept != NIL ? event_row_changed(change) : NIL;
	if (changed != NIL)
		announce(change, "updated", after, kept,
				 event_row_payload(change, change->after, true, changed));
	if (sift(after->channels, kept, false) != NIL)
		announce_created(change, after, sift(after->channels, kept, false));
}

static void
announce_change(const Change *change)
{
	Target *before = change->before ? event_row_target(change, change->before) : NULL;
	Target *after = change->after ? event_row_target(change, change->after) : NULL;

	if (before == NULL)
		announce_created(change, after, after->channels);
	else if (after == NULL)
		announce_deleted(change, before, before->channels);
	else
		announce_update(change, before, after);
}

static void
refuse_truncate(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot truncate table \"%s\" because its changes are events",
					RelationGetRelationName(rel)),
			 errdetail("Nobody who watches its rows would be told that they are gone."),
			 errhint("Use DELETE, or call wrk.disable_events() before.")));
}

Datum
wrk_event_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Change change = {0};
	TriggerEntry *entry;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("wrk.event_trigger() must be called as a trigger")));
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		refuse_truncate(data->tg_relation);
	if (!TRIGGER_FIRED_AFTER(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("wrk.event_trigger() must be fired after each row")));

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

Datum
wrk_event_config_check(PG_FUNCTION_ARGS)
{
	Relation rel = table_open(PG_GETARG_OID(0), AccessShareLock);

	(void) event_config_parse(rel, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	table_close(rel, AccessShareLock);
	PG_RETURN_VOID();
}
