/*
 * history.c
 *	  wrk.history(), wrk.as_of(), wrk.history_diff() and wrk.blame().
 *
 * Entry points: the row is opened as the caller sees it, the rest is left to those
 * who know the log and the way back.
 */
#include "history.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "history_blame.h"
#include "wrk_json.h"

PG_FUNCTION_INFO_V1(wrk_history);
PG_FUNCTION_INFO_V1(wrk_as_of_time);
PG_FUNCTION_INFO_V1(wrk_as_of_version);
PG_FUNCTION_INFO_V1(wrk_history_diff);
PG_FUNCTION_INFO_V1(wrk_blame);

static HistoryRow *
open_row(FunctionCallInfo fcinfo)
{
	wrk_require_arg(fcinfo, 0, "tbl");
	wrk_require_arg(fcinfo, 1, "id");
	return history_open(PG_GETARG_OID(0), wrk_text_arg(fcinfo, 1), NULL, false);
}

static int64
version_arg(FunctionCallInfo fcinfo, int argno, const char *name)
{
	int64 version;

	wrk_require_arg(fcinfo, argno, name);
	version = PG_GETARG_INT64(argno);
	if (version < 0)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("%lld is no version", (long long) version),
						errhint("A version is the id of a change, or 0.")));
	return version;
}

/* ---------- wrk.history() ---------- */

static void
put_change(ReturnSetInfo *rsinfo, const HistoryChange *change)
{
	Datum values[7];
	bool nulls[7] = {false};

	values[0] = Int64GetDatum(change->id);
	values[1] = TimestampTzGetDatum(change->created_at);
	wrk_put_text(values, nulls, 3, change->user_id);
	values[3] = CharGetDatum(change->op);
	wrk_put_text(values, nulls, 5, change->action);
	wrk_put_jsonb(values, nulls, 6, change->changes);
	wrk_put_jsonb(values, nulls, 7, change->metadata);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* the changes that the caller may know of; their number */
static int64
put_changes(const HistoryRow *row, ReturnSetInfo *rsinfo)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "wrk change of a row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HistoryLog *log = history_log_open(row, false);
	HistoryChange *change;
	MemoryContext each =
		AllocSetContextCreate(context, "wrk change of a row", ALLOCSET_DEFAULT_SIZES);
	int64 n = 0;

	MemoryContextSwitchTo(each);
	while ((change = history_log_next(log, each)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (history_show(row, change))
		{
			put_change(rsinfo, change);
			n++;
		}
		MemoryContextReset(each);
	}
	history_log_close(log);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return n;
}

Datum
wrk_history(PG_FUNCTION_ARGS)
{
	HistoryRow *row = open_row(fcinfo);

	InitMaterializedSRF(fcinfo, 0);
	if (put_changes(row, (ReturnSetInfo *) fcinfo->resultinfo) == 0)
		history_refuse(row->config, wrk_text_arg(fcinfo, 1));
	history_close(row);
	return (Datum) 0;
}

/* ---------- wrk.as_of(), wrk.history_diff() ---------- */

static HistoryState *
open_state(const HistoryRow *row)
{
	HistoryState *state = history_state_open(row);

	if (!history_state_begins(state))
		history_refuse(row->config, row->id);
	return state;
}

static Datum
row_then(FunctionCallInfo fcinfo, HistoryRow *row, HistoryState *state)
{
	Jsonb *result =
		state->values ? json_to_jsonb(history_row_json(row, state->values)) : NULL;

	history_state_close(state);
	history_close(row);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(result);
}

Datum
wrk_as_of_version(PG_FUNCTION_ARGS)
{
	int64 version = version_arg(fcinfo, 2, "version");
	HistoryRow *row = open_row(fcinfo);
	HistoryState *state = open_state(row);

	history_state_to_version(state, version);
	return row_then(fcinfo, row, state);
}

Datum
wrk_as_of_time(PG_FUNCTION_ARGS)
{
	HistoryRow *row;
	HistoryState *state;

	wrk_require_arg(fcinfo, 2, "at");
	row = open_row(fcinfo);
	state = open_state(row);
	history_state_to_time(state, PG_GETARG_TIMESTAMPTZ(2));
	return row_then(fcinfo, row, state);
}

Datum
wrk_history_diff(PG_FUNCTION_ARGS)
{
	int64 v1 = version_arg(fcinfo, 2, "v1");
	int64 v2 = version_arg(fcinfo, 3, "v2");
	HistoryRow *row = open_row(fcinfo);
	HistoryState *state = open_state(row);
	JsonNode *later;
	JsonNode *earlier;
	Jsonb *result;

	history_state_to_version(state, Max(v1, v2));
	later = history_state_copy(state);
	history_state_to_version(state, Min(v1, v2));
	earlier = history_state_copy(state);
	result = json_to_jsonb(v1 <= v2 ? history_compare(row, earlier, later)
									: history_compare(row, later, earlier));
	history_state_close(state);
	history_close(row);
	PG_RETURN_JSONB_P(result);
}

/* ---------- wrk.blame() ---------- */

/* elements of the path argument */
static char **
path_arg(FunctionCallInfo fcinfo, int argno, int *n)
{
	wrk_require_arg(fcinfo, argno, "path");
	return wrk_text_array(PG_GETARG_ARRAYTYPE_P(argno), "path element", n);
}

/* what is to be said of a change */
static HistoryChange *
copy_author(const HistoryChange *change)
{
	HistoryChange *author = palloc0(sizeof(HistoryChange));

	author->id = change->id;
	author->created_at = change->created_at;
	author->user_id = change->user_id ? pstrdup(change->user_id) : NULL;
	return author;
}

/* false: this is the change the row began with */
static bool
walk_change(Blame *blame, const HistoryChange *change, MemoryContext context)
{
	int open = blame_open(blame);
	HistoryChange *author;

	/* the row came back without the log knowing */
	if (change->op == AUDIT_DELETE)
		return false;
	author = copy_author(change);
	MemoryContextSwitchTo(context);
	if (change->op == AUDIT_INSERT)
		blame_insert(blame, author);
	else if (change->changes != NULL)
		blame_update(blame, json_from_jsonb(change->changes), author);
	if (blame_open(blame) == open)
		pfree(author);
	return change->op != AUDIT_INSERT;
}

/* marks the leaves, from the newest change to the one the row began with */
static void
walk_changes(const HistoryRow *row, Blame *blame)
{
	HistoryLog *log = history_log_open(row, true);
	MemoryContext each = AllocSetContextCreate(
		CurrentMemoryContext, "wrk change of a row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;
	bool more = true;

	while (more && blame_open(blame) > 0)
	{
		HistoryChange *change = history_log_next(log, each);

		CHECK_FOR_INTERRUPTS();
		more = change != NULL && walk_change(blame, change, each);
		MemoryContextSwitchTo(old);
		MemoryContextReset(each);
	}
	history_log_close(log);
}

static Datum
path_datum(JsonNode *path)
{
	Datum *elems = palloc(sizeof(Datum) * Max(path->n, 1));

	for (int i = 0; i < path->n; i++)
	{
		JsonNode *name = json_item(path, i);

		elems[i] = name->kind == JSON_STRING
					   ? PointerGetDatum(cstring_to_text_with_len(name->u.string.val,
																  name->u.string.len))
					   : CStringGetTextDatum(DatumGetCString(DirectFunctionCall1(
							 numeric_out, NumericGetDatum(name->u.number))));
	}
	return PointerGetDatum(
		construct_array(elems, path->n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
put_leaf(void *arg, JsonNode *path, const void *who)
{
	ReturnSetInfo *rsinfo = arg;
	const HistoryChange *change = who;
	Datum values[4] = {path_datum(path)};
	bool nulls[4] = {false, change == NULL, change == NULL, change == NULL};

	if (change != NULL)
	{
		values[1] = Int64GetDatum(change->id);
		wrk_put_text(values, nulls, 3, change->user_id);
		values[3] = TimestampTzGetDatum(change->created_at);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
wrk_blame(PG_FUNCTION_ARGS)
{
	int npath;
	char **path = path_arg(fcinfo, 2, &npath);
	HistoryRow *row = open_row(fcinfo);
	Blame *blame;

	if (row->values == NULL)
		history_refuse(row->config, wrk_text_arg(fcinfo, 1));
	InitMaterializedSRF(fcinfo, 0);
	blame = blame_begin(history_row_json(row, row->values), path, npath);
	walk_changes(row, blame);
	blame_leaves(blame, put_leaf, fcinfo->resultinfo);
	history_close(row);
	return (Datum) 0;
}
