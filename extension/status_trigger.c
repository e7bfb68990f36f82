/*
 * status_trigger.c
 *	  The guard in a table's way.
 *
 * wrk.status_guard() runs before a row is written.  A new row gets, or must
 * carry, an initial state and the machine's current version; a changed state
 * must be a legal step for the identity of this transaction.  An UPDATE that
 * leaves the state alone costs a few comparisons.  An UPDATE of the id or the
 * tenant would have the row go on with the history, and the permissions, of
 * another row, and is refused.
 *
 * The change is recorded here and not after the row was written, so that the
 * history has changes in the order in which rows took them, also when what
 * follows from one (status_changed.c) has other rows of the statement go on.
 *
 * What follows is not looked at for statements that do not set the column, which
 * would cost them dearly; that is why the guard refuses what another trigger
 * makes of the state in one of them.
 *
 * Must stay true: (1) the machine's version of a row changes with an import
 * only; (2) a reason belongs to a change of state and never changes without one;
 * (3) the guard is the last BEFORE trigger but for the tenancy guard, which
 * changes nothing; its name sees to that, and with another one behind it nothing
 * is written.
 */
#include "status.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "wrk_json.h"

static const StatusStep *given = NULL; /* the step wrk.transition() is about to take */

PG_FUNCTION_INFO_V1(wrk_status_guard);

const StatusStep *
status_announce_step(const StatusStep *step)
{
	const StatusStep *before = given;

	given = step;
	return before;
}

/* ---------- rows ---------- */

static Datum
column_value(Relation rel, HeapTuple tuple, AttrNumber column, bool *isnull)
{
	return heap_getattr(tuple, column, RelationGetDescr(rel), isnull);
}

bool
status_same_value(Relation rel, HeapTuple before, HeapTuple after, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), column - 1);
	bool before_null;
	bool after_null;
	Datum old_value = column_value(rel, before, column, &before_null);
	Datum new_value = column_value(rel, after, column, &after_null);

	if (before_null || after_null)
		return before_null && after_null;
	return datum_image_eq(old_value, new_value, att->attbyval, att->attlen);
}

/* copy of the tuple with another text in a column; NULL text is SQL NULL */
static HeapTuple
with_text(Relation rel, HeapTuple tuple, AttrNumber column, const char *text)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), column - 1);
	int columns[] = {column};
	bool nulls[] = {text == NULL};
	Datum values[] = {(Datum) 0};

	if (text != NULL)
	{
		Oid input;
		Oid ioparam;

		getTypeInputInfo(att->atttypid, &input, &ioparam);
		values[0] = OidInputFunctionCall(input, (char *) text, ioparam, att->atttypmod);
	}
	return heap_modify_tuple_by_cols(tuple, RelationGetDescr(rel), 1, columns, values,
									 nulls);
}

static HeapTuple
with_version(Relation rel, HeapTuple tuple, AttrNumber column, int version)
{
	int columns[] = {column};
	bool nulls[] = {false};
	Datum values[] = {Int32GetDatum(version)};

	return heap_modify_tuple_by_cols(tuple, RelationGetDescr(rel), 1, columns, values,
									 nulls);
}

/* version of the machine the row runs under; a row that does not say so is as new as can
 * be */
static int
row_version(const StatusTable *table, Relation rel, TupleTableSlot *row)
{
	char *version = status_column(table, rel, row, table->version);

	return version ? pg_strtoint32(version) : status_machine_current(table->machine);
}

Jsonb *
status_row_json(Relation rel, TupleTableSlot *row)
{
	bool should_free;
	HeapTuple tuple = ExecFetchSlotHeapTuple(row, true, &should_free);
	FmgrInfo writer;

	wrk_json_writer(&writer, RelationGetForm(rel)->reltype, CurrentMemoryContext);
	return DatumGetJsonbP(
		FunctionCall1(&writer, heap_copy_tuple_as_datum(tuple, RelationGetDescr(rel))));
}

static void
refuse_unknown_state(const StatusStep *step, const char *code)
{
	if (code == NULL)
		status_refuse(step, NULL, psprintf("%s must have a state", step->table->entity),
					  NULL);
	status_refuse(
		step, code,
		psprintf("status machine \"%s\" has no state \"%s\"", step->machine->name, code),
		status_importing() ? "Give it the state, or say in a mapping what becomes of it."
						   : NULL);
}

StatusStep
status_read_step(const StatusTable *table, Relation rel, TupleTableSlot *before,
				 TupleTableSlot *after)
{
	StatusStep step = {.table = table, .from = STATUS_NONE, .to = STATUS_NONE};
	char *from = before ? status_column(table, rel, before, table->status) : NULL;
	char *to = status_column(table, rel, after, table->status);

	step.machine = status_machine(table->machine, row_version(table, rel, after));
	step.id = status_column(table, rel, after, table->id);
	step.tenant = status_column(table, rel, after, table->tenant);
	step.from_code = from;
	if (from != NULL)
		step.from = status_state(step.machine, from);
	if (to != NULL)
		step.to = status_state(step.machine, to);
	if (step.id == NULL)
		ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
						errmsg("a row with a status must have an id")));
	if (step.to == STATUS_NONE)
		refuse_unknown_state(&step, to);
	return step;
}

/* ---------- before ---------- */

static bool
same_text(const char *one, const char *other)
{
	return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

/* whether it is the step of wrk.transition(), and not one that a trigger takes meanwhile
 */
static bool
is_given(const StatusStep *step)
{
	return given != NULL && same_text(given->table->entity, step->table->entity) &&
		   same_text(given->id, step->id) && same_text(given->tenant, step->tenant) &&
		   same_text(given->from_code, step->from_code) &&
		   same_text(status_code(given->machine, given->to),
					 status_code(step->machine, step->to));
}

/* the one initial state; with several, a row must say which */
static const char *
initial_state(const StatusTable *table, const StatusMachine *machine)
{
	const char *found = NULL;

	for (int i = 0; i < machine->nstates; i++)
	{
		if (!machine->states[i].initial)
			continue;
		if (found != NULL)
			ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
							errmsg("%s must say which state it begins in", table->entity),
							errdetail("Status machine \"%s\" has several initial states.",
									  machine->name)));
		found = machine->states[i].code;
	}
	return found;
}

void
status_refuse_beginning(const StatusStep *step)
{
	const char *code = status_code(step->machine, step->to);

	status_refuse(
		step, code, psprintf("%s cannot begin as \"%s\"", step->table->entity, code),
		"Insert it in an initial state, or, to load data as a member of wrk_service,"
		" call wrk.status_import() first. A row cannot move between partitions.");
}

static HeapTuple
guard_insert(const StatusTable *table, const TriggerData *data)
{
	Relation rel = data->tg_relation;
	HeapTuple tuple = data->tg_trigtuple;
	int current = status_machine_current(table->machine);
	bool isnull;
	StatusStep step;

	(void) column_value(rel, tuple, table->version, &isnull);
	if (isnull || !status_importing())
		tuple = with_version(rel, tuple, table->version, current);
	(void) column_value(rel, tuple, table->status, &isnull);
	if (isnull)
		tuple = with_text(rel, tuple, table->status,
						  initial_state(table, status_machine(table->machine, current)));
	if (tuple != data->tg_trigtuple)
		ExecForceStoreHeapTuple(tuple, data->tg_trigslot, false);
	step = status_read_step(table, rel, NULL, data->tg_trigslot);
	if (!status_importing() && !step.machine->states[step.to].initial)
		status_refuse_beginning(&step);
	return tuple;
}

static void
refuse_alone(const StatusTable *table, Relation rel, AttrNumber column, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
					errmsg("column \"%s\" of table \"%s\" cannot be changed by itself",
						   status_column_name(rel, column), RelationGetRelationName(rel)),
					errhint("%s", hint)));
}

/* the row stays in its state: so must what belongs to it */
static HeapTuple
guard_rest(const StatusTable *table, const TriggerData *data)
{
	if (table->reason != 0 && !status_importing() &&
		!status_same_value(data->tg_relation, data->tg_trigtuple, data->tg_newtuple,
						   table->reason))
		refuse_alone(
			table, data->tg_relation, table->reason,
			"A reason belongs to a change of state: pass it to wrk.transition().");
	return data->tg_newtuple;
}

/* what the row says, or wrk.transition(); an old reason is none */
static const char *
reason_of(const StatusStep *step, const TriggerData *data)
{
	AttrNumber column = step->table->reason;

	if (is_given(step))
	{
		const char *reason = given->reason;

		given = NULL; /* it is for this step, not for one that follows from it */
		return reason;
	}
	if (column == 0 || status_same_value(data->tg_relation, data->tg_trigtuple,
										 data->tg_newtuple, column))
		return NULL;
	return status_column(step->table, data->tg_relation, data->tg_newslot, column);
}

/* refuses a step that is not legal; its transition and reason are filled in */
static void
check_step(StatusStep *step, const TriggerData *data)
{
	Relation rel = data->tg_relation;

	step->reason = reason_of(step, data);
	if (step->from == STATUS_NONE)
		refuse_unknown_state(step, step->from_code);
	status_find_step(step);
	status_check_step(step, OidIsValid(step->transition->guard)
								? status_row_json(rel, data->tg_newslot)
								: NULL);
}

/* the last that can go wrong has not: the step is as good as taken */
static HeapTuple
guard_step(const StatusTable *table, const TriggerData *data)
{
	Relation rel = data->tg_relation;
	StatusStep step = status_read_step(table, rel, data->tg_trigslot, data->tg_newslot);

	if (status_importing())
		step.reason = status_column(table, rel, data->tg_newslot, table->reason);
	else
		check_step(&step, data);
	status_record(&step, status_importing());
	return table->reason == 0 || status_importing()
			   ? data->tg_newtuple
			   : with_text(rel, data->tg_newtuple, table->reason, step.reason);
}

/* what the row's history, and permissions, are found by */
static void
check_key(const StatusTable *table, const TriggerData *data, AttrNumber column)
{
	Relation rel = data->tg_relation;

	if (column == 0 ||
		status_same_value(rel, data->tg_trigtuple, data->tg_newtuple, column))
		return;
	ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
					errmsg("column \"%s\" of table \"%s\" cannot be changed",
						   status_column_name(rel, column), RelationGetRelationName(rel)),
					errdetail("The history of %s is kept by it.", table->entity),
					errhint("Delete the row and insert another one, or call"
							" wrk.status_import() first, as a member of wrk_service.")));
}

/* nobody would look at the row after it was written */
static void
refuse_hidden(const StatusTable *table, const TriggerData *data)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("a trigger changed column \"%s\" of table \"%s\" in a statement that"
					" does not set it",
					status_column_name(data->tg_relation, table->status),
					RelationGetRelationName(data->tg_relation)),
			 errhint("Set it in the statement, or call wrk.transition() in an AFTER"
					 " trigger.")));
}

static HeapTuple
guard_update(const StatusTable *table, const TriggerData *data)
{
	Relation rel = data->tg_relation;
	bool same_version =
		status_same_value(rel, data->tg_trigtuple, data->tg_newtuple, table->version);

	if (!status_importing())
	{
		check_key(table, data, table->id);
		check_key(table, data, table->tenant);
	}
	if (!same_version && !status_importing())
		refuse_alone(
			table, rel, table->version,
			"wrk.migrate_status() moves rows to another version of their machine.");
	if (!status_same_value(rel, data->tg_trigtuple, data->tg_newtuple, table->status))
	{
		if (!bms_is_member(table->status - FirstLowInvalidHeapAttributeNumber,
						   data->tg_updatedcols))
			refuse_hidden(table, data);
		return guard_step(table, data);
	}
	if (!same_version)
		(void) status_read_step(table, rel, data->tg_trigslot, data->tg_newslot);
	return guard_rest(table, data);
}

static void
refuse_late(const StatusTable *table, Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("trigger \"%s\" of table \"%s\" comes after the status guard",
					table->late, RelationGetRelationName(rel)),
			 errdetail("It could change what the guard let pass."),
			 errhint("Rename it, so that its name sorts before \"zz_wrk_status\".")));
}

Datum
wrk_status_guard(PG_FUNCTION_ARGS)
{
	const TriggerData *data = (TriggerData *) fcinfo->context;
	const StatusTable *table;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
		ereport(
			ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg(
				 "wrk.status_guard() must be a BEFORE INSERT OR UPDATE trigger for each row"),
			 errhint("Call wrk.enable_status() instead of creating the trigger.")));
	table = status_table(data->tg_relation);
	if (table->late != NULL)
		refuse_late(table, data->tg_relation);
	return PointerGetDatum(TRIGGER_FIRED_BY_INSERT(data->tg_event)
							   ? guard_insert(table, data)
							   : guard_update(table, data));
}
