/*
 * blueprint_merge_sql.c
 *	  Merging blueprints for SQL.
 *
 * A call works in a memory context of its own, deleted at its end; only the
 * result is made outside.
 */
#include "wrk_copilot.h"

#include "utils/memutils.h"

#include "blueprint_merge.h"

PG_FUNCTION_INFO_V1(wrk_blueprint_merge);

Datum
wrk_blueprint_merge(PG_FUNCTION_ARGS)
{
	MemoryContext own =
		AllocSetContextCreate(CurrentMemoryContext, "blueprint", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(own);
	BlueprintMergeOptions options =
		blueprint_merge_options(json_from_jsonb(PG_GETARG_JSONB_P(3)));
	JsonNode *result = blueprint_merge(json_from_jsonb(PG_GETARG_JSONB_P(0)),
									   json_from_jsonb(PG_GETARG_JSONB_P(1)),
									   json_from_jsonb(PG_GETARG_JSONB_P(2)), &options);
	Jsonb *doc;

	MemoryContextSwitchTo(caller);
	doc = json_to_jsonb(result);
	MemoryContextDelete(own);
	PG_RETURN_JSONB_P(doc);
}
