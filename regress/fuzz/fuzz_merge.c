/*
 * fuzz_merge.c
 *	  The laws of json_merge.h: who changed nothing has no say, the sides are
 *	  alike, and without a conflict nothing depends on who would have won but order.
 */
#include "target.h"

#include "json_merge.h"

/* the merged document, written and read; *conflicts says how many there were */
static JsonNode *
merged(JsonNode *base, JsonNode *ours, JsonNode *theirs, bool theirs_win, int *conflicts)
{
	JsonMergeOptions options = {.theirs_win = theirs_win};
	JsonNode *list = json_new_array();
	JsonNode *result = json_merge(base, ours, theirs, &options, list);

	*conflicts = list->n;
	(void) freeze(list);
	return freeze(result);
}

static void
work(void *arg)
{
	Bytes *bytes = arg;
	JsonNode *base =
		freeze(take(bytes, 2) ? make_blueprint(bytes) : make_first(bytes, 4));
	JsonNode *ours = freeze(make_changed(bytes, base));
	JsonNode *theirs = freeze(make_changed(bytes, take(bytes, 8) ? base : ours));
	JsonNode *both;
	int conflicts;
	int swapped;

	show("base", base);
	show("ours", ours);
	show("theirs", theirs);
	CHECK(same_written(merged(freeze(base), freeze_some(bytes, base), freeze(theirs),
							  false, &conflicts),
					   theirs) &&
		  conflicts == 0);
	CHECK(same_written(merged(freeze_some(bytes, base), freeze(ours), freeze(base), true,
							  &conflicts),
					   ours) &&
		  conflicts == 0);
	CHECK(same_written(merged(freeze(base), freeze_some(bytes, ours), freeze(ours), false,
							  &conflicts),
					   ours) &&
		  conflicts == 0);

	both = merged(freeze_some(bytes, base), freeze_some(bytes, ours),
				  freeze_some(bytes, theirs), false, &conflicts);
	CHECK(same_written(merged(freeze(base), freeze(theirs), freeze(ours), true, &swapped),
					   both));
	CHECK(conflicts == swapped);

	/* of what both put in the same place of an array the winner's comes last */
	theirs = merged(freeze(base), freeze(ours), freeze(theirs), true, &swapped);
	CHECK(conflicts == swapped);
	if (conflicts == 0)
		CHECK(count_values(theirs) == count_values(both));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return run_target(work, data, size);
}
