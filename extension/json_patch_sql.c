/*
 * json_patch_sql.c
 *	  JSON Patch and JSON Merge Patch for SQL.
 */
#include "wrk_copilot.h"

#include "json_merge_patch.h"
#include "json_patch.h"
#include "json_work.h"

PG_FUNCTION_INFO_V1(wrk_json_patch);
PG_FUNCTION_INFO_V1(wrk_json_merge_patch);
PG_FUNCTION_INFO_V1(wrk_json_merge_diff);

typedef JsonNode *(*Work)(JsonNode *a, JsonNode *b);

/* the jsonb that the work makes of both arguments */
static Datum
call(FunctionCallInfo fcinfo, Work work)
{
	JsonWork own = json_work_begin();

	return json_work_end(own, work(json_from_jsonb(PG_GETARG_JSONB_P(0)),
								   json_from_jsonb(PG_GETARG_JSONB_P(1))));
}

Datum
wrk_json_patch(PG_FUNCTION_ARGS)
{
	return call(fcinfo, json_patch);
}

Datum
wrk_json_merge_patch(PG_FUNCTION_ARGS)
{
	return call(fcinfo, json_merge_patch);
}

Datum
wrk_json_merge_diff(PG_FUNCTION_ARGS)
{
	return call(fcinfo, json_merge_diff);
}
