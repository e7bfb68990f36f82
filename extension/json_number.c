/*
 * json_number.c
 *	  Numbers by the server's own functions; see json_number.h.
 */
#include "json_number.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"

bool
json_number_equal(Numeric a, Numeric b)
{
	return DatumGetBool(
		DirectFunctionCall2(numeric_eq, NumericGetDatum(a), NumericGetDatum(b)));
}

Numeric
json_number_from_int(int64 value)
{
	return DatumGetNumeric(DirectFunctionCall1(int8_numeric, Int64GetDatum(value)));
}
