/*
 * blueprint_merge_sql.c
 *	  Merging blueprints for SQL.
 */
#include "wrk_copilot.h"

#include "blueprint_merge.h"
#include "json_work.h"

PG_FUNCTION_INFO_V1(wrk_blueprint_merge);

Datum
wrk_blueprint_merge(PG_FUNCTION_ARGS)
{
	JsonWork work = json_work_begin();
	BlueprintMergeOptions options =
		blueprint_merge_options(json_from_jsonb(PG_GETARG_JSONB_P(3)));

	return json_work_end(work, blueprint_merge(json_from_jsonb(PG_GETARG_JSONB_P(0)),
											   json_from_jsonb(PG_GETARG_JSONB_P(1)),
											   json_from_jsonb(PG_GETARG_JSONB_P(2)),
											   &options));
}
