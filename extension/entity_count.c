/*
 * entity_count.c
 *	  Trigger wrk.entity_count(): a row counts its own versions.
 *
 * Must stay true: no statement says what the number is, but for a row that is
 * inserted: one that was deleted comes back with the number it had.
 */
#include "wrk_copilot.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/int.h"
#include "executor/spi.h"
#include "utils/rel.h"

#define DEFAULT_COLUMN "version"

PG_FUNCTION_INFO_V1(wrk_entity_count);

static const TriggerData *
count_call(FunctionCallInfo fcinfo)
{
	const TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("wrk.entity_count() must be a BEFORE INSERT OR UPDATE trigger"
						" for each row")));
	return data;
}

static AttrNumber
counting_column(const TriggerData *data)
{
	const Trigger *trigger = data->tg_trigger;
	const char *name = trigger->tgnargs > 0 ? trigger->tgargs[0] : DEFAULT_COLUMN;
	AttrNumber column = wrk_stored_column(data->tg_relation, name, strlen(name));
	Oid type = InvalidOid;

	if (column > 0)
		type = TupleDescAttr(RelationGetDescr(data->tg_relation), column - 1)->atttypid;
	if (type != INT4OID && type != INT8OID)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("table \"%s\" has no column \"%s\" that can count",
							   RelationGetRelationName(data->tg_relation), name),
						errhint("It must be of type integer or bigint.")));
	return column;
}

static bool
is_int4(const TriggerData *data, AttrNumber column)
{
	return TupleDescAttr(RelationGetDescr(data->tg_relation), column - 1)->atttypid ==
		   INT4OID;
}

/* 0 for NULL */
static int64
number_in(const TriggerData *data, HeapTuple tuple, AttrNumber column)
{
	bool isnull;
	Datum value =
		heap_getattr(tuple, column, RelationGetDescr(data->tg_relation), &isnull);

	if (isnull)
		return 0;
	return is_int4(data, column) ? DatumGetInt32(value) : DatumGetInt64(value);
}

/* whether the update says anything new; generated columns are not made yet */
static bool
is_changed(const TriggerData *data, AttrNumber column)
{
	TupleDesc desc = RelationGetDescr(data->tg_relation);

	for (int i = 1; i <= desc->natts; i++)
		if (i != column && wrk_is_stored(TupleDescAttr(desc, i - 1)) &&
			wrk_column_changed(data->tg_relation, data->tg_trigslot, data->tg_newslot, i))
			return true;
	return false;
}

static int64
next_number(const TriggerData *data, AttrNumber column)
{
	int64 number;

	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		return Max(number_in(data, data->tg_trigtuple, column), 1);
	number = number_in(data, data->tg_trigtuple, column);
	if (is_changed(data, column) && pg_add_s64_overflow(number, 1, &number))
		number = -1;
	if (number < 0 || (is_int4(data, column) && number > PG_INT32_MAX))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("a row of table \"%s\" cannot be counted any further",
							   RelationGetRelationName(data->tg_relation))));
	return number;
}

Datum
wrk_entity_count(PG_FUNCTION_ARGS)
{
	const TriggerData *data = count_call(fcinfo);
	AttrNumber column = counting_column(data);
	int64 number = next_number(data, column);
	HeapTuple tuple =
		TRIGGER_FIRED_BY_INSERT(data->tg_event) ? data->tg_trigtuple : data->tg_newtuple;
	int columns[1] = {column};
	Datum values[1] = {is_int4(data, column) ? Int32GetDatum((int32) number)
											 : Int64GetDatum(number)};
	bool nulls[1] = {false};

	return PointerGetDatum(heap_modify_tuple_by_cols(
		tuple, RelationGetDescr(data->tg_relation), 1, columns, values, nulls));
}
