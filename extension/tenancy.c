/*
 * tenancy.c
 *	  Keeps a row with the tenant it was born with.
 *
 * Row-level security decides what a query may see, and its WITH CHECK keeps a
 * member from writing into another tenant.  Neither binds a superuser or a
 * query that runs without row security, so a row could still be moved by
 * accident.  The trigger below forbids it to everybody.  Like any ordinary
 * trigger it rests while session_replication_role is "replica": replication
 * and restores write what the origin has checked.
 *
 * Must stay true: the trigger is the last BEFORE UPDATE trigger of its table
 * (its name sees to that), so that no other trigger changes the row after it.
 */
#include "wrk_copilot.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/datum.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(wrk_tenancy_guard);

/* what a trigger remembers between the rows of one statement */
typedef struct GuardedColumn
{
	AttrNumber attnum;
	int16 typlen;
	bool typbyval;
} GuardedColumn;

static const TriggerData *
guard_call(FunctionCallInfo fcinfo)
{
	const TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("wrk.tenancy_guard() can only be called as a trigger")));
	if (!TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(data->tg_event) || data->tg_trigger->tgnargs < 1)
		ereport(
			ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("wrk.tenancy_guard() must be a BEFORE UPDATE trigger for each row"),
			 errhint("Call wrk.enable_tenancy() instead of creating the trigger.")));
	return data;
}

/* finds the column named by the trigger's first argument; kept in the trigger's own
 * context */
static const GuardedColumn *
guarded_column(FunctionCallInfo fcinfo, const TriggerData *data)
{
	GuardedColumn *column = fcinfo->flinfo->fn_extra;
	TupleDesc desc = RelationGetDescr(data->tg_relation);
	int attnum;

	if (column != NULL)
		return column;
	attnum = SPI_fnumber(desc, data->tg_trigger->tgargs[0]);
	if (attnum <= 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("table \"%s\" has no tenant column \"%s\" any more",
					RelationGetRelationName(data->tg_relation),
					data->tg_trigger->tgargs[0]),
			 errhint("If it was renamed, call wrk.enable_tenancy() with the new name.")));
	column = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(GuardedColumn));
	column->attnum = attnum;
	column->typlen = TupleDescAttr(desc, attnum - 1)->attlen;
	column->typbyval = TupleDescAttr(desc, attnum - 1)->attbyval;
	fcinfo->flinfo->fn_extra = column;
	return column;
}

/* bytewise: what a collation calls equal may still be two tenants */
static bool
same_tenant(const TriggerData *data, const GuardedColumn *column)
{
	TupleDesc desc = RelationGetDescr(data->tg_relation);
	bool old_null;
	bool new_null;
	Datum old_value = heap_getattr(data->tg_trigtuple, column->attnum, desc, &old_null);
	Datum new_value = heap_getattr(data->tg_newtuple, column->attnum, desc, &new_null);

	if (old_null || new_null)
		return old_null && new_null;
	return datum_image_eq(old_value, new_value, column->typbyval, column->typlen);
}

Datum
wrk_tenancy_guard(PG_FUNCTION_ARGS)
{
	const TriggerData *data = guard_call(fcinfo);

	if (!same_tenant(data, guarded_column(fcinfo, data)))
		ereport(ERROR,
				(errcode(ERRCODE_WRK_FORBIDDEN),
				 errmsg("column \"%s\" of table \"%s\" cannot be changed",
						data->tg_trigger->tgargs[0],
						RelationGetRelationName(data->tg_relation)),
				 errdetail("A row stays with the tenant it was created for."),
				 errhint("Insert a new row for the other tenant and delete this one."),
				 errtablecol(data->tg_relation,
							 SPI_fnumber(RelationGetDescr(data->tg_relation),
										 data->tg_trigger->tgargs[0]))));
	return PointerGetDatum(data->tg_newtuple);
}
