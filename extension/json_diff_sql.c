/*
 * json_diff_sql.c
 *	  Differences and merges of documents for SQL.
 */
#include "wrk_copilot.h"

#include "utils/builtins.h"

#include "json_diff.h"
#include "json_merge.h"
#include "json_text.h"
#include "json_work.h"

PG_FUNCTION_INFO_V1(wrk_json_diff);
PG_FUNCTION_INFO_V1(wrk_json_merge);

Datum
wrk_json_diff(PG_FUNCTION_ARGS)
{
	JsonWork work = json_work_begin();

	return json_work_end(work, json_diff(json_from_jsonb(PG_GETARG_JSONB_P(0)),
										 json_from_jsonb(PG_GETARG_JSONB_P(1))));
}

/* ---------- merging ---------- */

typedef enum MergePolicy
{
	MERGE_FAIL,
	MERGE_OURS,
	MERGE_THEIRS,
	MERGE_REPORT
} MergePolicy;

static MergePolicy
merge_policy(text *name)
{
	static const char *const names[] = {"fail", "ours", "theirs", "report"};
	char *given = text_to_cstring(name);

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(given, names[i]) == 0)
			return (MergePolicy) i;
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
					errmsg("there is no merge policy \"%s\"", given),
					errhint("Use fail, ours, theirs or report.")));
}

static void
refuse_conflicts(JsonNode *conflicts)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_CONFLICT),
					errmsg_plural("the documents are in conflict in %d place",
								  "the documents are in conflict in %d places",
								  conflicts->n, conflicts->n),
					errdetail_internal("%s", json_to_cstring(conflicts))));
}

Datum
wrk_json_merge(PG_FUNCTION_ARGS)
{
	JsonWork work = json_work_begin();
	MergePolicy policy = merge_policy(PG_GETARG_TEXT_PP(3));
	JsonMergeOptions options = {.theirs_win = policy == MERGE_THEIRS};
	JsonNode *conflicts = json_new_array();
	JsonNode *result = json_new_object();

	json_set_named(result, "result",
				   json_merge(json_from_jsonb(PG_GETARG_JSONB_P(0)),
							  json_from_jsonb(PG_GETARG_JSONB_P(1)),
							  json_from_jsonb(PG_GETARG_JSONB_P(2)), &options,
							  conflicts));
	if (policy == MERGE_FAIL && conflicts->n > 0)
		refuse_conflicts(conflicts);
	json_set_named(result, "conflicts", conflicts);
	return json_work_end(work, result);
}
