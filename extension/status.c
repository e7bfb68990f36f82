/*
 * status.c
 *	  wrk.transition() and what is asked about the states of a row.
 *
 * A transition locks the row, reads it again, and makes an UPDATE of it; all
 * rules are the guard's (status_trigger.c), so there is one place that decides,
 * whichever way a row is changed.  Everything happens with the caller's rights:
 * row-level security decides which rows there are, column privileges who may
 * change the status at all.
 *
 * Must stay true: a row that the caller does not see is not found, whether it
 * exists or not.
 */
#include "status.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "event.h"
#include "json_tree.h"
#include "wrk_json.h"

/* one transition as it was asked for */
typedef struct Request
{
	Relation rel;
	const StatusTable *table;
	const char *id;
	const char *to;
	const char *reason;
	const char *expected; /* NULL: any state will do */
	StatusLock lock;
	bool dry_run;
} Request;

PG_FUNCTION_INFO_V1(wrk_transition);
PG_FUNCTION_INFO_V1(wrk_available_transitions);
PG_FUNCTION_INFO_V1(wrk_state_history);
PG_FUNCTION_INFO_V1(wrk_status_row_id);


/* ---------- the row ---------- */

static Relation
open_table(FunctionCallInfo fcinfo)
{
	wrk_require_arg(fcinfo, 0, "tbl");
	wrk_require_arg(fcinfo, 1, "id");
	return table_open(PG_GETARG_OID(0), AccessShareLock);
}

static void
refuse_missing(const StatusTable *table, const char *id)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_NOT_FOUND),
					errmsg("%s \"%s\" not found", table->entity, id)));
}

/* the row, locked as the request has it; false: it is locked, and to be skipped */
static bool
lock_row(const Request *request, MemoryContext context, StatusRow *row)
{
	if (status_read_row(request->table, request->rel, request->id, request->lock,
						request->dry_run, context, row))
		return true;
	/* a lock asks for more than looking does */
	if (request->lock == STATUS_NO_LOCK ||
		!status_read_row(request->table, request->rel, request->id, STATUS_NO_LOCK, false,
						 context, row))
		refuse_missing(request->table, request->id);
	if (request->lock == STATUS_LOCK_SKIP)
		return false;
	ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
					errmsg("this identity may not change %s \"%s\"",
						   request->table->entity, request->id)));
}

/* where the row is; to is still to be found */
static StatusStep
step_from(const StatusTable *table, const StatusRow *row)
{
	StatusStep step = {
		.table = table, .id = row->id, .to = STATUS_NONE, .from = STATUS_NONE};

	step.tenant = row->tenant;
	step.from_code = row->status;
	step.machine = status_machine(table->machine,
								  row->version ? row->version
											   : status_machine_current(table->machine));
	if (row->status != NULL)
		step.from = status_state(step.machine, row->status);
	if (step.from == STATUS_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_CONFLICT),
				 errmsg("%s \"%s\" is in state \"%s\", which version %d of status machine"
						" \"%s\" does not have",
						table->entity, row->id, row->status ? row->status : "NULL",
						step.machine->version, step.machine->name),
				 errhint("wrk.migrate_status() or wrk.status_import() can mend it.")));
	return step;
}

/* ---------- wrk.transition() ---------- */

static char *
expected_detail(const char *from, const char *expected)
{
	JsonbParseState *state = NULL;

	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "from", from);
	wrk_json_pair_text(&state, "expected", expected);
	return wrk_json_text(wrk_json_finish_object(&state));
}

static void
check_expected(const Request *request, const StatusRow *row)
{
	if (request->expected == NULL || strcmp(request->expected, row->status) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WRK_CONFLICT),
			 errmsg("%s \"%s\" is \"%s\", not \"%s\" any more", request->table->entity,
					request->id, row->status, request->expected),
			 errdetail_internal("%s", expected_detail(row->status, request->expected)),
			 errhint("Read it again, then decide.")));
}

/* the row has its new state, but no trigger of ours has seen it */
static void
refuse_unrecorded(const Request *request)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("status of %s \"%s\" is not guarded", request->table->entity,
					request->id),
			 errdetail("Triggers of table \"%s\" are switched off, or the row is in a"
					   " table that inherits from it.",
					   RelationGetRelationName(request->rel)),
			 errhint("wrk.enable_status() guards a table and its partitions.")));
}

/* the UPDATE, with the reason handed to the guard */
static void
write_row(const Request *request, const StatusStep *step)
{
	int64 last = status_last_change();
	const StatusStep *before = status_announce_step(step);

	PG_TRY();
	{
		status_write_row(request->table, request->rel, request->id,
						 status_code(step->machine, step->to));
	}
	PG_FINALLY();
	{
		(void) status_announce_step(before);
	}
	PG_END_TRY();
	if (status_last_change() == last)
		refuse_unrecorded(request);
}

static Jsonb *
result(const Request *request, const StatusStep *step, int64 event_before)
{
	JsonbParseState *state = NULL;

	wrk_json_begin_object(&state);
	status_put_step(&state, step, request->reason);
	if (request->dry_run)
		wrk_json_pair_bool(&state, "dry_run", true);
	else
		wrk_json_pair_int64(&state, "change_id", status_last_change());
	if (event_last_id() != event_before)
		wrk_json_pair_int64(&state, "event_id", event_last_id());
	return wrk_json_finish_object(&state);
}

/* the row as the step would leave it, which is what guards look at */
static Jsonb *
row_after(const Request *request, const StatusStep *step, const Jsonb *json)
{
	JsonNode *row = json_from_jsonb(json);
	const StatusTable *table = request->table;

	json_set_named(row, status_column_name(request->rel, table->status),
				   json_new_string(status_code(step->machine, step->to)));
	if (table->reason != 0)
		json_set_named(row, status_column_name(request->rel, table->reason),
					   request->reason ? json_new_string(request->reason)
									   : json_new_null());
	return json_to_jsonb(row);
}

/* makes, or tries, the transition; NULL: the row is locked, and to be skipped */
static Jsonb *
transition(const Request *request)
{
	MemoryContext context = CurrentMemoryContext;
	int64 event_before = event_last_id();
	StatusRow row;
	StatusStep step;

	SPI_connect();
	if (!lock_row(request, context, &row))
	{
		SPI_finish();
		return NULL;
	}
	step = step_from(request->table, &row);
	check_expected(request, &row);
	step.reason = request->reason;
	step.to = status_wanted(&step, request->to);
	if (step.to == step.from)
		status_refuse(&step, row.status,
					  psprintf("%s \"%s\" is \"%s\" already", request->table->entity,
							   request->id, row.status),
					  NULL);
	if (!request->dry_run)
		write_row(request, &step);
	else
	{
		status_find_step(&step);
		status_check_step(&step, row_after(request, &step, row.json));
	}
	SPI_finish();
	return result(request, &step, event_before);
}

static StatusLock
lock_from_name(const char *name)
{
	if (name == NULL || strcmp(name, "wait") == 0)
		return STATUS_LOCK_WAIT;
	if (strcmp(name, "skip") == 0)
		return STATUS_LOCK_SKIP;
	if (strcmp(name, "fail") == 0)
		return STATUS_LOCK_FAIL;
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
					errmsg("\"%s\" is no way to deal with a locked row", name),
					errhint("Ways are wait, skip and fail.")));
}

Datum
wrk_transition(PG_FUNCTION_ARGS)
{
	Request request = {0};
	Jsonb *answer;

	wrk_require_arg(fcinfo, 2, "to_state");
	request.rel = open_table(fcinfo);
	request.table = status_table(request.rel);
	request.id = status_row_id(request.table, request.rel, wrk_text_arg(fcinfo, 1));
	request.to = wrk_text_arg(fcinfo, 2);
	request.reason = wrk_text_arg(fcinfo, 3);
	request.expected = wrk_text_arg(fcinfo, 4);
	request.dry_run = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);
	request.lock =
		request.dry_run ? STATUS_NO_LOCK : lock_from_name(wrk_text_arg(fcinfo, 5));
	answer = transition(&request);
	table_close(request.rel, NoLock);
	if (answer == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(answer);
}

/* ---------- readers ---------- */

Datum
wrk_status_row_id(PG_FUNCTION_ARGS)
{
	Relation rel = open_table(fcinfo);
	char *id = status_row_id(status_table(rel), rel, wrk_text_arg(fcinfo, 1));

	table_close(rel, AccessShareLock);
	PG_RETURN_TEXT_P(cstring_to_text(id));
}

/* the row as the caller sees it; error: not_found */
static void
see_row(const StatusTable *table, Relation rel, const char *id, StatusRow *row)
{
	MemoryContext context = CurrentMemoryContext;
	bool found;

	SPI_connect();
	found = status_read_row(table, rel, id, STATUS_NO_LOCK, false, context, row);
	SPI_finish();
	if (!found)
		refuse_missing(table, id);
}

static void
put_transition(ReturnSetInfo *rsinfo, const StatusStep *step,
			   const StatusTransition *transition, int to)
{
	const StatusState *state = &step->machine->states[to];
	Datum values[5] = {
		CStringGetTextDatum(state->code), CStringGetTextDatum(state->label),
		transition->label ? CStringGetTextDatum(transition->label) : (Datum) 0,
		BoolGetDatum(transition->needs_reason),
		BoolGetDatum(transition->to == STATUS_TO_PREVIOUS)};
	bool nulls[5] = {false, false, transition->label == NULL, false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
wrk_available_transitions(PG_FUNCTION_ARGS)
{
	Relation rel = open_table(fcinfo);
	const StatusTable *table = status_table(rel);
	char *id = status_row_id(table, rel, wrk_text_arg(fcinfo, 1));
	StatusRow row;
	StatusStep step;

	InitMaterializedSRF(fcinfo, 0);
	see_row(table, rel, id, &row);
	step = step_from(table, &row);
	for (int i = 0; i < step.machine->ntransitions; i++)
	{
		const StatusTransition *transition = &step.machine->transitions[i];
		int to;

		if (transition->from == step.from && status_allowed(&step, transition, &to) &&
			to != STATUS_NONE)
			put_transition((ReturnSetInfo *) fcinfo->resultinfo, &step, transition, to);
	}
	table_close(rel, AccessShareLock);
	return (Datum) 0;
}

/* all changes of the row; they are the extension's own, and the caller may see the row */
static void
read_history(const StatusTable *table, const char *id, const char *tenant,
			 ReturnSetInfo *rsinfo)
{
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum values[] = {CStringGetTextDatum(table->entity), CStringGetTextDatum(id),
					  tenant ? CStringGetTextDatum(tenant) : (Datum) 0};
	char nulls[] = {' ', ' ', tenant ? ' ' : 'n', '\0'};
	WrkRoleSwitch saved = wrk_become(wrk_owner());

	SPI_connect();
	if (SPI_execute_with_args(
			"SELECT change_id, from_state, to_state, reason, user_id, actor,"
			" imported, changed_at, duration"
			" FROM wrk.state_history_of($1, $2, $3)",
			lengthof(types), types, values, nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the history of a row");
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	wrk_unbecome(saved);
}

Datum
wrk_state_history(PG_FUNCTION_ARGS)
{
	Relation rel = open_table(fcinfo);
	const StatusTable *table = status_table(rel);
	char *id = status_row_id(table, rel, wrk_text_arg(fcinfo, 1));
	StatusRow row;

	InitMaterializedSRF(fcinfo, 0);
	see_row(table, rel, id, &row);
	read_history(table, row.id, row.tenant, (ReturnSetInfo *) fcinfo->resultinfo);
	table_close(rel, AccessShareLock);
	return (Datum) 0;
}
