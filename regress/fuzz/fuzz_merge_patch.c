/*
 * fuzz_merge_patch.c
 *	  A merge patch made of two documents leads from one to the other, and to
 *	  apply any merge patch twice is to apply it once.
 */
#include "target.h"

#include "json_merge_patch.h"
#include "wrk_copilot.h"

typedef struct Try
{
	JsonNode *a;
	JsonNode *b;
	JsonNode *result;
} Try;

static void
try_diff(void *arg)
{
	Try *try = arg;

	try->result = json_merge_diff(try->a, try->b);
}

/* whether an object has a member that is null, other than inside of an array */
static bool
has_null(JsonNode *node)
{
	for (int i = 0; node->kind == JSON_OBJECT && i < node->n; i++)
		if (json_member(node, i)->value->kind == JSON_NULL ||
			has_null(json_member(node, i)->value))
			return true;
	return false;
}

static void
work(void *arg)
{
	Bytes *bytes = arg;
	JsonNode *a = freeze(make_first(bytes, 4));
	JsonNode *b = take(bytes, 4) ? make_changed(bytes, a) : make_value(bytes, 4);
	JsonNode *once;
	Try try = {freeze_some(bytes, a), freeze_some(bytes, b), NULL};
	int state = server_try(try_diff, &try);

	show("a", a);
	show("b", b);
	CHECK(state == 0 || (state == ERRCODE_WRK_BAD_REQUEST && has_null(b)) ||
		  state == ERRCODE_STATEMENT_TOO_COMPLEX);
	if (state == 0)
		CHECK(
			same_written(json_merge_patch(freeze_some(bytes, a), freeze(try.result)), b));
	once = freeze(json_merge_patch(freeze_some(bytes, a), freeze_some(bytes, b)));
	CHECK(same_written(json_merge_patch(freeze_some(bytes, once), freeze(b)), once));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return run_target(work, data, size);
}
