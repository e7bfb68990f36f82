/*
 * status_table.c
 *	  What wrk.enable_status() was told about a table, as each backend keeps it.
 *
 * The configuration is the argument of the table's trigger, JSON with columns by
 * name, so that it travels with pg_dump; here columns are numbers.  It is read
 * again after any change of the table, and, as statements name it, of a schema.
 * A partition has a copy of its parent's trigger and counts by itself.
 */
#include "status.h"

#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "event_config.h"
#include "table_cache.h"
#include "wrk_json.h"

static TableCache tables = {"wrk status table"};

/* ---------- reading the configuration ---------- */

static Oid
trigger_function(const char *name)
{
	return LookupFuncName(list_make2(makeString("wrk"), makeString(pstrdup(name))), 0,
						  NULL, false);
}

/* the table's guard trigger; copied, because any look-up may build the relation anew */
typedef struct Guard
{
	const char *name; /* NULL: the table has none */
	const char *config;
} Guard;

static Guard
find_guard(Relation rel)
{
	Oid function = trigger_function("status_guard");
	const TriggerDesc *triggers = rel->trigdesc;
	Guard guard = {NULL};

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid != function || trigger->tgnargs != 1)
			continue;
		guard.name = pstrdup(trigger->tgname);
		guard.config = pstrdup(trigger->tgargs[0]);
		break;
	}
	return guard;
}

/* Name of a trigger that can change a row after the guard has looked at it, or NULL. */
static const char *
late_trigger(Relation rel, const Guard *guard)
{
	Oid harmless = trigger_function("tenancy_guard");

	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		if (TRIGGER_FOR_BEFORE(trigger->tgtype) && TRIGGER_FOR_ROW(trigger->tgtype) &&
			(TRIGGER_FOR_INSERT(trigger->tgtype) ||
			 TRIGGER_FOR_UPDATE(trigger->tgtype)) &&
			trigger->tgenabled != TRIGGER_DISABLED && trigger->tgfoid != harmless &&
			strcmp(trigger->tgname, guard->name) > 0)
			return pstrdup(trigger->tgname);
	}
	return NULL;
}

static void
refuse_config(Relation rel, const char *member)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_WRK_BAD_REQUEST),
		 errmsg("status configuration of table \"%s\" has no usable \"%s\"",
				RelationGetRelationName(rel), member),
		 errhint("Call wrk.enable_status() instead of creating the trigger; if a column"
				 " was renamed or has another type, call it again.")));
}

static const char *
config_text(Relation rel, const Jsonb *doc, const char *member)
{
	const char *value = wrk_json_get_text(doc, member);

	if (value == NULL)
		refuse_config(rel, member);
	return value;
}

/* number of the column a member names, 0 if there is no such member */
static AttrNumber
config_column(Relation rel, const Jsonb *doc, const char *member)
{
	const char *name = wrk_json_get_text(doc, member);
	int number;

	if (name == NULL)
		return 0;
	number = SPI_fnumber(RelationGetDescr(rel), name);
	if (number <= 0 || TupleDescAttr(RelationGetDescr(rel), number - 1)->attgenerated)
		refuse_config(rel, member);
	return number;
}

/* the column of the machine's version is written as the number that it is */
static AttrNumber
version_column(Relation rel, const Jsonb *doc)
{
	AttrNumber number = config_column(rel, doc, "version");

	if (number == 0 ||
		TupleDescAttr(RelationGetDescr(rel), number - 1)->atttypid != INT4OID)
		refuse_config(rel, "version");
	return number;
}

/* plans are not the context's own memory */
static void
free_plans(void *arg)
{
	SPIPlanPtr *plans = arg;

	for (int i = 0; i < STATUS_NPLANS; i++)
		if (plans[i] != NULL)
			(void) SPI_freeplan(plans[i]);
}

static void
make_plans(StatusTable *table)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	table->plans = palloc0(sizeof(SPIPlanPtr) * STATUS_NPLANS);
	callback->func = free_plans;
	callback->arg = table->plans;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
}

static StatusTable *
parse_config(Relation rel, const char *json)
{
	const Jsonb *doc =
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	StatusTable *table = palloc0(sizeof(StatusTable));
	JsonbValue channels;

	table->relid = RelationGetRelid(rel);
	table->context = CurrentMemoryContext;
	table->machine = config_text(rel, doc, "machine");
	table->entity = config_text(rel, doc, "entity");
	table->status = config_column(rel, doc, "status");
	table->version = version_column(rel, doc);
	table->reason = config_column(rel, doc, "reason");
	table->id = config_column(rel, doc, "id");
	table->tenant = config_column(rel, doc, "tenant");
	if (table->status == 0 || table->id == 0)
		refuse_config(rel, table->status == 0 ? "status" : "id");
	table->writers = palloc0(sizeof(ColumnWriter) * RelationGetDescr(rel)->natts);
	make_plans(table);
	if (wrk_json_get(doc, "channels", &channels))
		table->events = event_config_parse(rel, json);
	return table;
}

static void *
read_table(void *arg)
{
	Relation rel = arg;
	Guard guard = find_guard(rel);
	StatusTable *table;

	/* what is gone with its session has no history, and must not add to that of others */
	if (guard.name == NULL || rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("table \"%s\" has no status machine",
							   RelationGetRelationName(rel)),
						errhint("Give it one with wrk.enable_status().")));
	table = parse_config(rel, guard.config);
	table->late = late_trigger(rel, &guard);
	return table;
}

const StatusTable *
status_table(Relation rel)
{
	Oid relid = RelationGetRelid(rel);

	return table_cache_get(&tables, relid, relid, read_table, rel);
}

/* ---------- values ---------- */

char *
status_column(const StatusTable *table, Relation rel, TupleTableSlot *row,
			  AttrNumber column)
{
	Change change = {.writers = table->writers, .context = table->context, .rel = rel};

	return column == 0 ? NULL : event_row_text(&change, row, column);
}

const char *
status_column_name(Relation rel, AttrNumber column)
{
	return NameStr(TupleDescAttr(RelationGetDescr(rel), column - 1)->attname);
}

char *
status_relation_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}
