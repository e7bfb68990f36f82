/*
 * json_work.c
 *	  Beginning and ending a call; see json_work.h.
 */
#include "json_work.h"

#include "utils/memutils.h"

JsonWork
json_work_begin(void)
{
	JsonWork work = {.own = AllocSetContextCreate(CurrentMemoryContext, "json",
												  ALLOCSET_DEFAULT_SIZES)};

	work.caller = MemoryContextSwitchTo(work.own);
	return work;
}

Datum
json_work_end(JsonWork work, JsonNode *result)
{
	Jsonb *doc;

	MemoryContextSwitchTo(work.caller);
	doc = json_to_jsonb(result);
	MemoryContextDelete(work.own);
	return JsonbPGetDatum(doc);
}
