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
 * Must stay true: (1) a row goes to nobody rather than to everybody: an audience
 * that names only absent users is no audience; (2) a row that is too large does
 * not fail its writer, its event goes without it.
 */
#include "event.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "event_check.h"
#include "event_config.h"
#include "wrk_json.h"

/* how to write a column's values; fn_oid is InvalidOid until first used */
typedef struct ColumnWriter
{
	FmgrInfo text;
	FmgrInfo json;
} ColumnWriter;

/* one of these for each event trigger this backend has fired */
typedef struct TriggerEntry
{
	Oid trigger; /* key */
	Oid relid;
	bool valid;
	MemoryContext context; /* of all that follows */
	EventConfig *config;
	ColumnWriter *writers; /* by attribute number - 1 */
} TriggerEntry;

/* where the event of a row goes; palloc'd */
typedef struct Target
{
	char *tenant;
	char *id;
	List *channels; /* of char *, canonical */
	List *audience; /* of char *; NIL = all who may read the channel */
	bool nobody;    /* there is an audience, and nobody is in it */
} Target;

/* one change of a row on its way to becoming events */
typedef struct Change
{
	TriggerEntry *entry;
	Relation rel;
	TupleTableSlot *before; /* NULL for INSERT */
	TupleTableSlot *after;  /* NULL for DELETE */
} Change;

static HTAB *entries = NULL;

PG_FUNCTION_INFO_V1(wrk_event_trigger);
PG_FUNCTION_INFO_V1(wrk_event_config_check);


/* ---------- configurations ---------- */

static void
trigger_relcache_callback(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	TriggerEntry *entry;

	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (relid == InvalidOid || entry->relid == relid)
			entry->valid = false;
}

static void
make_entries(void)
{
	HASHCTL ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(TriggerEntry)};

	entries = hash_create("wrk event triggers", 32, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(trigger_relcache_callback, (Datum) 0);
}

static void
load_entry(TriggerEntry *entry, const TriggerData *data)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "wrk event trigger", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	EventConfig *config;

	if (data->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" has no configuration", data->tg_trigger->tgname),
				 errhint("Use wrk.enable_events() to make it.")));
	config = event_config_parse(data->tg_relation, data->tg_trigger->tgargs[0]);
	entry->writers = palloc0(sizeof(ColumnWriter) * config->natts);
	MemoryContextSwitchTo(old);

	/* a trigger further up may be in the midst of using the old one */
	if (entry->context != NULL)
		MemoryContextSetParent(entry->context, TopTransactionContext);
	MemoryContextSetParent(context, CacheMemoryContext);
	entry->context = context;
	entry->config = config;
	entry->relid = RelationGetRelid(data->tg_relation);
	entry->valid = true;
}

static TriggerEntry *
get_entry(const TriggerData *data)
{
	TriggerEntry *entry;
	bool found;

	if (entries == NULL)
		make_entries();
	entry = hash_search(entries, &data->tg_trigger->tgoid, HASH_ENTER, &found);
	if (!found)
	{
		entry->valid = false;
		entry->context = NULL;
		entry->relid = InvalidOid;
	}
	if (!entry->valid)
		load_entry(entry, data);
	return entry;
}


/* ---------- values ---------- */

static Form_pg_attribute
attribute(const Change *change, AttrNumber column)
{
	return TupleDescAttr(RelationGetDescr(change->rel), column - 1);
}

/* palloc'd text form of a column's value, NULL for SQL NULL */
static char *
column_text(const Change *change, TupleTableSlot *row, AttrNumber column)
{
	FmgrInfo *writer = &change->entry->writers[column - 1].text;
	bool isnull;
	Datum value = slot_getattr(row, column, &isnull);

	if (isnull)
		return NULL;
	if (!OidIsValid(writer->fn_oid))
	{
		Oid function;
		bool is_varlena;

		getTypeOutputInfo(attribute(change, column)->atttypid, &function, &is_varlena);
		fmgr_info_cxt(function, writer, change->entry->context);
	}
	return OutputFunctionCall(writer, value);
}

/* to_jsonb() learns the type of its argument from the expression it is called by */
static void
prepare_to_jsonb(FmgrInfo *writer, Oid type, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Const *argument = makeNullConst(type, -1, InvalidOid);

	fmgr_info_cxt(F_TO_JSONB, writer, context);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument),
											 InvalidOid, InvalidOid,
											 COERCE_EXPLICIT_CALL),
					   writer);
	MemoryContextSwitchTo(old);
}

/* the value as JSON; NULL for SQL NULL */
static Jsonb *
column_json(const Change *change, TupleTableSlot *row, AttrNumber column)
{
	FmgrInfo *writer = &change->entry->writers[column - 1].json;
	Oid type = attribute(change, column)->atttypid;
	bool isnull;
	Datum value = slot_getattr(row, column, &isnull);

	if (isnull)
		return NULL;
	if (type == JSONBOID)
		return DatumGetJsonbP(value);
	if (!OidIsValid(writer->fn_oid))
		prepare_to_jsonb(writer, type, change->entry->context);
	return DatumGetJsonbP(FunctionCall1(writer, value));
}

static void
push_column(JsonbParseState **state, const char *key, const Change *change,
			TupleTableSlot *row, AttrNumber column)
{
	Jsonb *value = column_json(change, row, column);

	if (value == NULL)
		wrk_json_pair_null(state, key);
	else
		wrk_json_pair_jsonb(state, key, value);
}


/* ---------- where events go ---------- */

/* a value must not turn into more than the segment it stands for */
static void
check_segment(const Change *change, AttrNumber column, const char *value,
			  bool may_have_colons)
{
	bool bad = !may_have_colons && strchr(value, ':') != NULL;

	for (const unsigned char *p = (const unsigned char *) value; !bad && *p; p++)
		bad = *p < 0x20 || *p == 0x7f;
	if (bad)
		ereport(
			ERROR,
			(errcode(ERRCODE_WRK_BAD_REQUEST),
			 errmsg(
				 "value of column \"%s\" of table \"%s\" cannot be part of a channel's name",
				 NameStr(attribute(change, column)->attname),
				 RelationGetRelationName(change->rel)),
			 errdetail("It is empty or contains a colon or a control character.")));
}

/* appends the name the template makes of the row; false if one of its columns is NULL or
 * empty */
static bool
expand(const Change *change, TupleTableSlot *row, const Template *template,
	   StringInfo name)
{
	for (int i = 0; i < template->nparts; i++)
	{
		const TemplatePart *part = &template->parts[i];
		char *value;

		if (part->literal != NULL)
		{
			appendStringInfoString(name, part->literal);
			continue;
		}
		value = column_text(change, row, part->column);
		if (value == NULL || value[0] == '\0')
			return false;
		check_segment(change, part->column, value,
					  template->may_end_in_colons && i == template->nparts - 1);
		appendStringInfoString(name, value);
	}
	return true;
}

static List *
row_channels(const Change *change, TupleTableSlot *row, const char *tenant)
{
	const EventConfig *config = change->entry->config;
	List *channels = NIL;

	for (int i = 0; i < config->nchannels; i++)
	{
		StringInfoData name;

		initStringInfo(&name);
		appendStringInfo(&name, "tenant:%s", tenant);
		if (config->channels[i].nparts > 0)
			appendStringInfoChar(&name, ':');
		if (expand(change, row, &config->channels[i], &name))
			channels = lappend(channels, name.data);
	}
	return channels;
}

/* the audience the row's value decides for */
static const Audience *
deciding_audience(const Change *change, TupleTableSlot *row)
{
	const EventConfig *config = change->entry->config;
	char *value = NULL;

	if (config->audience_column != 0)
		value = column_text(change, row, config->audience_column);
	for (int i = 0; value != NULL && i < config->ncases; i++)
		if (strcmp(config->cases[i].value, value) == 0)
			return &config->cases[i].audience;
	return &config->audience;
}

static void
add_audience(const Change *change, TupleTableSlot *row, Target *target)
{
	const Audience *audience = deciding_audience(change, row);

	for (int i = 0; i < audience->nentries; i++)
	{
		StringInfoData entry;

		initStringInfo(&entry);
		if (expand(change, row, &audience->entries[i], &entry))
			target->audience = lappend(target->audience, entry.data);
	}
	target->nobody = audience->nentries > 0 && target->audience == NIL;
}

/* where events of the row go; NULL for no row */
static Target *
row_target(const Change *change, TupleTableSlot *row)
{
	const EventConfig *config = change->entry->config;
	Target *target;

	if (row == NULL)
		return NULL;
	target = palloc0(sizeof(Target));
	target->tenant = column_text(change, row, config->tenant);
	target->id = column_text(change, row, config->id);
	if (target->tenant == NULL || target->id == NULL)
		ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
						errmsg("row of table \"%s\" has no %s and cannot be announced",
							   RelationGetRelationName(change->rel),
							   target->tenant ? "id" : "tenant")));
	event_check_tenant(target->tenant);
	target->channels = row_channels(change, row, target->tenant);
	add_audience(change, row, target);
	return target;
}


/* ---------- payloads ---------- */

static bool
column_changed(const Change *change, AttrNumber column)
{
	Form_pg_attribute att = attribute(change, column);
	bool null_before, null_after;
	Datum before = slot_getattr(change->before, column, &null_before);
	Datum after = slot_getattr(change->after, column, &null_after);

	if (null_before || null_after)
		return null_before != null_after;
	return !datum_image_eq(before, after, att->attbyval, att->attlen);
}

/* numbers of the chosen columns that an UPDATE gave another value */
static List *
changed_columns(const Change *change)
{
	const EventConfig *config = change->entry->config;
	List *changed = NIL;

	for (int i = 0; i < config->natts; i++)
		if (config->chosen[i] && column_changed(change, i + 1))
			changed = lappend_int(changed, i + 1);
	return changed;
}

/* about how many bytes the chosen columns take, without fetching them */
static Size
row_bytes(const Change *change, TupleTableSlot *row)
{
	const EventConfig *config = change->entry->config;
	Size bytes = 0;

	for (int i = 0; i < config->natts; i++)
	{
		bool isnull;
		Datum value = slot_getattr(row, i + 1, &isnull);

		if (config->chosen[i] && !isnull && attribute(change, i + 1)->attlen == -1)
			bytes += toast_raw_datum_size(value);
	}
	return bytes;
}

static void
push_row(JsonbParseState **state, const Change *change, TupleTableSlot *row)
{
	const EventConfig *config = change->entry->config;

	wrk_json_key(state, "data");
	wrk_json_begin_object(state);
	for (int i = 0; i < config->natts; i++)
		if (config->chosen[i])
			push_column(state, NameStr(attribute(change, i + 1)->attname), change, row,
						i + 1);
	wrk_json_end_object(state);
}

static void
push_names(JsonbParseState **state, const Change *change, List *columns)
{
	ListCell *cell;

	wrk_json_key(state, "changed");
	wrk_json_begin_array(state);
	foreach (cell, columns)
		wrk_json_elem_text(state, NameStr(attribute(change, lfirst_int(cell))->attname));
	wrk_json_end_array(state);
}

/* {"id"} and, as asked for, "data", "changed", or "oversize" instead of data */
static Jsonb *
make_payload(const Change *change, TupleTableSlot *row, bool with_row, List *changed)
{
	JsonbParseState *state = NULL;
	bool oversize = with_row && row_bytes(change, row) > event_max_bytes;
	Jsonb *payload;

	for (;;)
	{
		state = NULL;
		wrk_json_begin_object(&state);
		push_column(&state, "id", change, row, change->entry->config->id);
		if (with_row && !oversize)
			push_row(&state, change, row);
		if (oversize)
			wrk_json_pair_bool(&state, "oversize", true);
		if (changed != NIL)
			push_names(&state, change, changed);
		payload = wrk_json_finish_object(&state);
		if (oversize || !with_row || VARSIZE(payload) <= event_max_bytes)
			return payload;
		oversize = true;
	}
}


/* ---------- events ---------- */

static void
announce(const Change *change, const char *what, const Target *target, List *channels,
		 Jsonb *payload)
{
	EventRow row = {0};

	if (channels == NIL || target->nobody)
		return;
	row.type = psprintf("%s.%s", change->entry->config->entity, what);
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
			 make_payload(change, change->after, true, NIL));
}

static void
announce_deleted(const Change *change, const Target *target, List *channels)
{
	announce(change, "deleted", target, channels,
			 make_payload(change, change->before, false, NIL));
}

static bool
contains(List *strings, const char *value)
{
	ListCell *cell;

	foreach (cell, strings)
		if (strcmp(lfirst(cell), value) == 0)
			return true;
	return false;
}

/* those of strings that are in others, or those that are not */
static List *
sift(List *strings, List *others, bool in)
{
	List *result = NIL;
	ListCell *cell;

	foreach (cell, strings)
		if (contains(others, lfirst(cell)) == in)
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
	changed = kept != NIL ? changed_columns(change) : NIL;
	if (changed != NIL)
		announce(change, "updated", after, kept,
				 make_payload(change, change->after, true, changed));
	if (sift(after->channels, kept, false) != NIL)
		announce_created(change, after, sift(after->channels, kept, false));
}

static void
announce_change(const Change *change)
{
	Target *before = row_target(change, change->before);
	Target *after = row_target(change, change->after);

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

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("wrk.event_trigger() must be called as a trigger")));
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		refuse_truncate(data->tg_relation);
	if (!TRIGGER_FIRED_AFTER(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("wrk.event_trigger() must be fired after each row")));

	change.entry = get_entry(data);
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
