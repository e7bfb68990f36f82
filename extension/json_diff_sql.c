/*
 * json_diff_sql.c
 *	  Differences and merges of documents for SQL.
 *
 * A call works in a memory context of its own, deleted at its end, because one
 * statement may compare any number of documents; only the result is made outside.
 */
#include "wrk_copilot.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "json_diff.h"
#include "json_merge.h"
#include "json_text.h"

PG_FUNCTION_INFO_V1(wrk_json_diff);
PG_FUNCTION_INFO_V1(wrk_json_merge);

static MemoryContext
begin_work(MemoryContext *caller)
{
	MemoryContext own =
		AllocSetContextCreate(CurrentMemoryContext, "json", ALLOCSET_DEFAULT_SIZES);

	*caller = MemoryContextSwitchTo(own);
	return own;
}

/* the tree as jsonb of the caller; what else was made is freed */
static Datum
finish_work(MemoryContext own, MemoryContext caller, JsonNode *result)
{
	Jsonb *doc;

	MemoryContextSwitchTo(caller);
	doc = json_to_jsonb(result);
	MemoryContextDelete(own);
	return JsonbPGetDatum(doc);
}

Datum
wrk_json_diff(PG_FUNCTION_ARGS)
{
	MemoryContext caller;
	MemoryContext own = begin_work(&caller);

	return finish_work(own, caller,
					   json_diff(json_from_jsonb(PG_GETARG_JSONB_P(0)),
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
	MemoryContext caller;
	MemoryContext own = begin_work(&caller);
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
	return finish_work(own, caller, result);
}
