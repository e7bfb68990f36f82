/*
 * fuzz_diff.c
 *	  The law of json_diff.h: a patch leads from one document to the other, to the
 *	  byte, whatever of them was opened before; and none is needed for the same.
 */
#include "target.h"

#include "json_diff.h"
#include "json_patch.h"

static void
try_way(Bytes *bytes, JsonNode *from, JsonNode *to)
{
	JsonNode *patch = freeze(json_diff(freeze_some(bytes, from), freeze_some(bytes, to)));

	show("patch", patch);
	CHECK((patch->n == 0) == same_written(from, to));
	CHECK(patch->n <= JSON_PATCH_MAX_OPERATIONS);
	CHECK(same_written(json_patch(freeze_some(bytes, from), patch), to));
}

static void
work(void *arg)
{
	Bytes *bytes = arg;
	JsonNode *a = freeze(take(bytes, 2) ? make_blueprint(bytes) : make_value(bytes, 4));
	JsonNode *b = freeze(take(bytes, 8) ? make_changed(bytes, a) : make_value(bytes, 4));

	show("a", a);
	show("b", b);
	try_way(bytes, a, b);
	try_way(bytes, b, a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return run_target(work, data, size);
}
