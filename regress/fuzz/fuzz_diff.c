/*
 * fuzz_diff.c
 *	  A patch made of two documents leads from one to the other byte for byte,
 *	  is empty just for the same document, the same each time, and never much
 *	  longer than the document it makes.
 */
#include "target.h"

#include "json_diff.h"
#include "json_patch.h"
#include "json_text.h"

static JsonNode *
checked_diff(Bytes *bytes, JsonNode *a, JsonNode *b)
{
	JsonNode *patch = freeze(json_diff(freeze_some(bytes, a), freeze_some(bytes, b)));

	show("patch", patch);
	CHECK((patch->n == 0) == same_written(a, b));
	CHECK(patch->n <= JSON_PATCH_MAX_OPERATIONS);
	CHECK(strlen(json_to_cstring(patch)) <= 2 * strlen(json_to_cstring(b)) + 1024);
	CHECK(same_written(json_patch(freeze_some(bytes, a), freeze_some(bytes, patch)), b));
	return patch;
}

static void
work(void *arg)
{
	Bytes *bytes = arg;
	JsonNode *a = freeze(take(bytes, 4) ? make_first(bytes, 4) : make_blueprint(bytes));
	JsonNode *b = freeze(take(bytes, 8) ? make_changed(bytes, a) : make_value(bytes, 4));
	JsonNode *again;

	show("a", a);
	show("b", b);
	again = checked_diff(bytes, a, b);
	CHECK(same_written(checked_diff(bytes, a, b), again));
	(void) checked_diff(bytes, b, a);
	(void) checked_diff(bytes, a, a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return run_target(work, data, size);
}
