/*
 * history_log.c
 *	  Reading the changes of one row from wrk.audit_log.
 *
 * The log is the extension's own and is read with its owner's rights, a few rows at
 * a time; what of it the caller may know was settled by history_open().
 *
 * Must stay true: nothing of the caller's runs while we are the owner.  Statements
 * name everything by its schema, and touch no table but ours.
 */
#include "history.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

/* rows that are fetched at a time */
#define BATCH 50

/* parameters of the statements on the log */
enum Parameter
{
	PARAM_ID,
	PARAM_RESOURCE,
	PARAM_TENANT,
	PARAM_FROM,
	NPARAMS
};

/* one of these while a log is read; the portal is the SPI connection's */
struct HistoryLog
{
	Portal portal;
	SPITupleTable *batch;
	uint64 n; /* rows in it */
	uint64 at;
};

#define OF_THE_ROW \
	" FROM wrk.audit_log l" \
	" WHERE l.resource_id OPERATOR(pg_catalog.=) $1" \
	" AND l.resource_type OPERATOR(pg_catalog.=) $2" \
	" AND l.op OPERATOR(pg_catalog.=) ANY ('{i,u,d}'::pg_catalog.\"char\"[])"
#define OF_TENANT " AND l.tenant_id OPERATOR(pg_catalog.=) $3"
#define OF_NO_TENANT " AND l.tenant_id IS NULL"
#define OF_TENANTS(row) ((row)->tenant ? OF_TENANT : OF_NO_TENANT)

typedef struct Parameters
{
	Oid types[NPARAMS];
	Datum values[NPARAMS];
	char nulls[NPARAMS + 1];
} Parameters;

static Parameters
parameters(const HistoryRow *row)
{
	Parameters params = {{TEXTOID, TEXTOID, TEXTOID, INT8OID}, {0}, "    "};

	params.values[PARAM_ID] = CStringGetTextDatum(row->id);
	params.values[PARAM_RESOURCE] = CStringGetTextDatum(row->config->resource);
	if (row->tenant != NULL)
		params.values[PARAM_TENANT] = CStringGetTextDatum(row->tenant);
	else
		params.nulls[PARAM_TENANT] = 'n';
	params.values[PARAM_FROM] = Int64GetDatum(row->from);
	return params;
}

/* ---------- change by change ---------- */

HistoryLog *
history_log_open(const HistoryRow *row, bool newest_first)
{
	HistoryLog *log = palloc0(sizeof(HistoryLog));
	Parameters params = parameters(row);
	const char *text = psprintf(
		"SELECT l.id, l.created_at, l.user_id, l.op, l.action, l.changes, l.metadata"
		"%s%s AND l.id OPERATOR(pg_catalog.>=) $4 ORDER BY l.id%s",
		OF_THE_ROW, OF_TENANTS(row), newest_first ? " DESC" : "");
	MemoryContext context = CurrentMemoryContext;
	WrkRoleSwitch saved = wrk_become(wrk_owner());

	SPI_connect();
	log->portal = SPI_cursor_open_with_args(NULL, text, NPARAMS, params.types,
											params.values, params.nulls, !row->fresh, 0);
	MemoryContextSwitchTo(context);
	wrk_unbecome(saved);
	return log;
}

static bool
fetch_batch(HistoryLog *log)
{
	MemoryContext context = CurrentMemoryContext;
	WrkRoleSwitch saved = wrk_become(wrk_owner());

	if (log->batch != NULL)
		SPI_freetuptable(log->batch);
	SPI_cursor_fetch(log->portal, true, BATCH);
	log->batch = SPI_tuptable;
	log->n = SPI_processed;
	log->at = 0;
	MemoryContextSwitchTo(context);
	wrk_unbecome(saved);
	return log->n > 0;
}

static Jsonb *
copy_jsonb(HeapTuple tuple, TupleDesc desc, int number)
{
	bool isnull;
	Datum value = SPI_getbinval(tuple, desc, number, &isnull);

	return isnull ? NULL : DatumGetJsonbPCopy(value);
}

HistoryChange *
history_log_next(HistoryLog *log, MemoryContext context)
{
	MemoryContext old;
	HistoryChange *change;
	HeapTuple tuple;
	TupleDesc desc;
	bool isnull;

	if (log->at == log->n && !fetch_batch(log))
		return NULL;
	old = MemoryContextSwitchTo(context);
	tuple = log->batch->vals[log->at++];
	desc = log->batch->tupdesc;
	change = palloc0(sizeof(HistoryChange));
	change->id = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
	change->created_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 2, &isnull));
	change->user_id = SPI_getvalue(tuple, desc, 3);
	change->op = DatumGetChar(SPI_getbinval(tuple, desc, 4, &isnull));
	change->action = SPI_getvalue(tuple, desc, 5);
	change->changes = copy_jsonb(tuple, desc, 6);
	change->metadata = copy_jsonb(tuple, desc, 7);
	MemoryContextSwitchTo(old);
	return change;
}

void
history_log_close(HistoryLog *log)
{
	SPI_cursor_close(log->portal);
	SPI_finish();
	pfree(log);
}

/* ---------- single questions ---------- */

/* the first row of the result, if there is one, as text in the caller's context */
static bool
ask(const HistoryRow *row, const char *text, long limit, char **first, char **second)
{
	MemoryContext context = CurrentMemoryContext;
	Parameters params = parameters(row);
	WrkRoleSwitch saved = wrk_become(wrk_owner());
	bool found;

	SPI_connect();
	if (SPI_execute_with_args(text, NPARAMS, params.types, params.values, params.nulls,
							  !row->fresh, limit) != SPI_OK_SELECT)
		elog(ERROR, "could not ask the audit log of a row");
	found = SPI_processed > 0;
	if (found)
	{
		char *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		char *other = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);

		*first = value ? MemoryContextStrdup(context, value) : NULL;
		*second = other ? MemoryContextStrdup(context, other) : NULL;
	}
	SPI_finish();
	wrk_unbecome(saved);
	return found;
}

int64
history_log_beginning(const HistoryRow *row)
{
	char *id;
	char *op;

	if (!ask(row,
			 psprintf("SELECT l.id, l.op%s%s AND l.op OPERATOR(pg_catalog.<>) 'u'"
					  " ORDER BY l.id DESC LIMIT 1",
					  OF_THE_ROW, OF_TENANTS(row)),
			 1, &id, &op))
		return 0;
	return pg_strtoint64(id) + (op[0] == AUDIT_DELETE ? 1 : 0);
}

char *
history_log_tenant(const HistoryRow *row)
{
	char *least;
	char *greatest;

	if (!ask(row,
			 "SELECT pg_catalog.min(l.tenant_id), pg_catalog.max(l.tenant_id)" OF_THE_ROW,
			 1, &least, &greatest) ||
		least == NULL || strcmp(least, greatest) != 0)
		return NULL;
	return least;
}

int64
history_log_newest(const HistoryRow *row)
{
	char *id;
	char *op;

	if (!ask(row,
			 psprintf("SELECT l.id, l.op%s%s ORDER BY l.id DESC LIMIT 1", OF_THE_ROW,
					  OF_TENANTS(row)),
			 1, &id, &op))
		return 0;
	return pg_strtoint64(id);
}

/* ---------- what a change was about ---------- */

/* the first row of the result in the caller's context, its columns as text; or false */
static bool
ask_about(const char *text, Oid type, Datum value, int n, char **columns)
{
	MemoryContext context = CurrentMemoryContext;
	WrkRoleSwitch saved = wrk_become(wrk_owner());
	bool found;

	SPI_connect();
	if (SPI_execute_with_args(text, 1, &type, &value, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not ask the audit log of a change");
	found = SPI_processed > 0;
	for (int i = 0; found && i < n; i++)
	{
		char *column = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1);

		columns[i] = column ? MemoryContextStrdup(context, column) : NULL;
	}
	SPI_finish();
	wrk_unbecome(saved);
	return found;
}

bool
history_log_find(int64 change, HistoryTarget *target)
{
	char *columns[4];

	if (!ask_about("SELECT l.op, l.resource_type, l.resource_id, l.tenant_id"
				   " FROM wrk.audit_log l WHERE l.id OPERATOR(pg_catalog.=) $1",
				   INT8OID, Int64GetDatum(change), lengthof(columns), columns))
		return false;
	target->op = columns[0][0];
	target->resource = columns[1];
	target->id = columns[2];
	target->tenant = columns[3];
	return true;
}

Oid
history_log_table(const char *resource)
{
	char *relid;

	if (!ask_about(
			"SELECT t.tgrelid FROM pg_catalog.pg_trigger t"
			" WHERE t.tgfoid OPERATOR(pg_catalog.=)"
			" 'wrk.audit_trigger()'::pg_catalog.regprocedure"
			" AND t.tgnargs OPERATOR(pg_catalog.=) 1"
			" AND t.tgparentid OPERATOR(pg_catalog.=) 0"
			" AND (wrk.audit_config(t.tgrelid) OPERATOR(pg_catalog.->>) 'resource')"
			" OPERATOR(pg_catalog.=) $1",
			TEXTOID, CStringGetTextDatum(resource), 1, &relid))
		return InvalidOid;
	return atooid(relid);
}

/* ---------- what is to be seen ---------- */

/* the columns of a member that are shown; NULL if none is */
static JsonNode *
shown_columns(const HistoryRow *row, JsonNode *columns)
{
	JsonNode *result = json_new_object();

	for (int i = 0; i < columns->n; i++)
	{
		const JsonMember *column = json_member(columns, i);

		if (history_is_shown(row, column->key))
			json_set(result, column->key, column->value);
	}
	return result->n > 0 ? result : NULL;
}

static Jsonb *
shown_changes(const HistoryRow *row, const Jsonb *changes)
{
	static const char *const members[] = {"old", "new", "diff", "inverse"};
	JsonNode *all = json_from_jsonb(changes);
	JsonNode *result = json_new_object();

	for (int i = 0; i < lengthof(members); i++)
	{
		JsonNode *columns =
			all->kind == JSON_OBJECT ? json_get_named(all, members[i]) : NULL;

		if (columns != NULL && columns->kind == JSON_OBJECT)
			columns = shown_columns(row, columns);
		else
			columns = NULL;
		if (columns != NULL)
			json_set_named(result, members[i], columns);
	}
	return json_to_jsonb(result);
}

/* what it says of other changes; the rest is for those who may read the log */
static Jsonb *
shown_metadata(const Jsonb *metadata)
{
	JsonNode *all = json_from_jsonb(metadata);
	JsonNode *reverts = all->kind == JSON_OBJECT ? json_get_named(all, "reverts") : NULL;
	JsonNode *result = json_new_object();

	if (reverts == NULL)
		return NULL;
	json_set_named(result, "reverts", reverts);
	return json_to_jsonb(result);
}

/* a value in its name is that of a column, and not always of the one it is now */
static const char *
shown_action(const HistoryRow *row, const HistoryChange *change)
{
	AttrNumber column = row->config->action;

	if (change->op != AUDIT_UPDATE)
		return change->action;
	if (column != 0 && row->shown[column - 1])
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(row->rel), column - 1);
		char *prefix = psprintf("%s.%s.", row->config->resource, NameStr(att->attname));

		if (strncmp(change->action, prefix, strlen(prefix)) == 0)
			return change->action;
	}
	return psprintf("%s.updated", row->config->resource);
}

bool
history_show(const HistoryRow *row, HistoryChange *change)
{
	if (row->auditor)
		return true;
	change->changes = change->changes ? shown_changes(row, change->changes) : NULL;
	change->metadata = change->metadata ? shown_metadata(change->metadata) : NULL;
	change->action = shown_action(row, change);
	return change->op != AUDIT_UPDATE ||
		   (change->changes != NULL && JB_ROOT_COUNT(change->changes) > 0);
}
