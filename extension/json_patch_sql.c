/*
 * json_patch_sql.c
 *	  JSON Patch and JSON Merge Patch for SQL.
 *
 * A call works in a memory context of its own, deleted at its end, because one
 * statement may patch any number of documents; only the result is made outside.
 */
#include "wrk_copilot.h"

#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "json_merge_patch.h"
#include "json_patch.h"

PG_FUNCTION_INFO_V1(wrk_json_patch);
PG_FUNCTION_INFO_V1(wrk_json_merge_patch);
PG_FUNCTION_INFO_V1(wrk_json_merge_diff);

typedef JsonNode *(*Work)(JsonNode *a, JsonNode *b);

/* the jsonb that the work makes of both arguments */
static Datum
call(FunctionCallInfo fcinfo, Work work)
{
	MemoryContext own =
		AllocSetContextCreate(CurrentMemoryContext, "json", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(own);
	JsonNode *a = json_from_jsonb(PG_GETARG_JSONB_P(0));
	JsonNode *b = json_from_jsonb(PG_GETARG_JSONB_P(1));
	JsonNode *result = work(a, b);
	Jsonb *doc;

	MemoryContextSwitchTo(caller);
	doc = json_to_jsonb(result);
	MemoryContextDelete(own);
	PG_RETURN_JSONB_P(doc);
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
