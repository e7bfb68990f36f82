/*
 * audit_config.c
 *	  What wrk.enable_audit() was told about a table; see audit_config.h.
 *
 * The argument of the table's trigger, JSON with columns by name:
 *
 *	{"resource", "id", "tenant", "include" or "exclude": [column ...],
 *	 "redact": [column ...], "action", "history": "readers" or "auditors", "announce",
 *	 "version"}
 *
 * A partition has a copy of its parent's trigger and counts by itself.
 *
 * Must stay true: in doubt, an error.  A column that was renamed since must not come
 * into the log that it was kept out of.
 */
#include "audit_config.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "table_cache.h"
#include "wrk_json.h"

#define RESOURCE_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define RESOURCE_MAX_LEN 63
#define WHAT "an audit configuration"

static TableCache tables = {"wrk audit table"};

PG_FUNCTION_INFO_V1(wrk_audit_config_check);


static void
refuse(Relation rel, const char *member, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
					errmsg("audit configuration of table \"%s\" has no usable \"%s\"",
						   RelationGetRelationName(rel), member),
					errhint("%s", hint)));
}

static AttrNumber
column_number(Relation rel, const char *name)
{
	AttrNumber number = wrk_stored_column(rel, name, strlen(name));

	if (number == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\", which the audit of table \"%s\" was told"
						" of, does not exist",
						name, RelationGetRelationName(rel)),
				 errhint("Call wrk.enable_audit() with columns that are there: id_column"
						 " (\"id\" unless told), tenant_column, action_column,"
						 " version_column, include, exclude, redact.")));
	return number;
}

/* number of the column a member names, 0 if there is no such member */
static AttrNumber
config_column(Relation rel, const Jsonb *doc, const char *member)
{
	const char *name = wrk_json_get_text(doc, member);

	return name ? column_number(rel, name) : 0;
}

static void
mark_columns(AuditConfig *config, Relation rel, const Jsonb *doc, const char *member,
			 AuditColumn mark)
{
	JsonbValue value;
	ListCell *cell;

	if (!wrk_json_get(doc, member, &value))
		return;
	foreach (cell, wrk_json_strings(&value, member, WHAT))
		config->columns[column_number(rel, lfirst(cell)) - 1] = mark;
}

/* "include" begins with nothing, all else with every column; generated ones follow from
 * others */
static void
choose_columns(AuditConfig *config, Relation rel, const Jsonb *doc)
{
	TupleDesc desc = RelationGetDescr(rel);
	JsonbValue value;
	bool all = !wrk_json_get(doc, "include", &value);

	config->natts = desc->natts;
	config->columns = palloc0(sizeof(AuditColumn) * desc->natts);
	config->json = palloc0(sizeof(FmgrInfo) * desc->natts);
	config->text = palloc0(sizeof(FmgrInfo) * desc->natts);
	for (int i = 0; all && i < desc->natts; i++)
		config->columns[i] = AUDIT_KEEP;
	mark_columns(config, rel, doc, "include", AUDIT_KEEP);
	mark_columns(config, rel, doc, "exclude", AUDIT_SKIP);
	mark_columns(config, rel, doc, "redact", AUDIT_REDACT);
	for (int i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->attisdropped || TupleDescAttr(desc, i)->attgenerated)
			config->columns[i] = AUDIT_SKIP;
}

/* a column that counts must be in the log, or no number leads back to a row */
static void
read_version(AuditConfig *config, Relation rel, const Jsonb *doc)
{
	Form_pg_attribute att;

	config->version = config_column(rel, doc, "version");
	if (config->version == 0)
		return;
	att = TupleDescAttr(RelationGetDescr(rel), config->version - 1);
	if ((att->atttypid != INT8OID && att->atttypid != INT4OID) ||
		config->columns[config->version - 1] != AUDIT_KEEP)
		refuse(rel, "version",
			   "It is an integer or bigint column whose changes are recorded.");
}

static void
read_history(AuditConfig *config, Relation rel, const Jsonb *doc)
{
	const char *history = wrk_json_get_text(doc, "history");
	JsonbValue value;

	if (history != NULL && strcmp(history, "readers") == 0)
		config->readers = true;
	else if (history != NULL && strcmp(history, "auditors") != 0)
		refuse(rel, "history", "It is 'auditors' or 'readers'.");
	if (wrk_json_get(doc, "announce", &value))
	{
		if (value.type != jbvBool)
			refuse(rel, "announce", "It is true or false.");
		config->announce = value.val.boolean;
	}
}

static AuditConfig *
parse_config(Relation rel, const char *json)
{
	const Jsonb *doc =
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	AuditConfig *config = palloc0(sizeof(AuditConfig));

	config->relid = RelationGetRelid(rel);
	config->context = CurrentMemoryContext;
	config->resource = wrk_json_get_text(doc, "resource");
	if (config->resource == NULL || config->resource[0] < 'a' ||
		config->resource[0] > 'z' || strlen(config->resource) > RESOURCE_MAX_LEN ||
		config->resource[strspn(config->resource, RESOURCE_CHARS)] != '\0')
		refuse(rel, "resource",
			   "It is 1 to 63 of a-z, 0-9, _ and -, the first a letter.");
	config->id = config_column(rel, doc, "id");
	config->tenant = config_column(rel, doc, "tenant");
	config->action = config_column(rel, doc, "action");
	if (config->id == 0)
		refuse(rel, "id", "It is a column whose values are recorded, not redacted.");
	choose_columns(config, rel, doc);
	/* what is kept out of changes must not come in by a name */
	if (config->action != 0 && config->columns[config->action - 1] != AUDIT_KEEP)
		refuse(rel, "action", "It is a column whose values are recorded.");
	if (config->columns[config->id - 1] == AUDIT_REDACT)
		refuse(rel, "id", "It is a column whose values are recorded, not redacted.");
	read_version(config, rel, doc);
	read_history(config, rel, doc);
	return config;
}

/* the argument of the table's trigger, copied: look-ups may build the relation anew */
static char *
trigger_argument(Relation rel)
{
	Oid function = LookupFuncName(
		list_make2(makeString("wrk"), makeString("audit_trigger")), 0, NULL, false);
	const TriggerDesc *triggers = rel->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (triggers->triggers[i].tgfoid == function &&
			triggers->triggers[i].tgnargs == 1)
			return pstrdup(triggers->triggers[i].tgargs[0]);
	return NULL;
}

static void *
read_config(void *arg)
{
	Relation rel = arg;
	const char *json = trigger_argument(rel);

	/* what is gone with its session must not add to the history of others */
	if (json == NULL || rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST),
				 errmsg("table \"%s\" is not audited", RelationGetRelationName(rel)),
				 errhint("Begin with wrk.enable_audit().")));
	return parse_config(rel, json);
}

AuditConfig *
audit_config(Relation rel)
{
	Oid relid = RelationGetRelid(rel);

	return table_cache_get(&tables, relid, relid, read_config, rel);
}

Datum
wrk_audit_config_check(PG_FUNCTION_ARGS)
{
	Relation rel = table_open(PG_GETARG_OID(0), AccessShareLock);

	(void) parse_config(rel, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	table_close(rel, AccessShareLock);
	PG_RETURN_VOID();
}
