/*
 * fuzz_blueprint.c
 *	  A diff of two blueprints leads from one to the other, to the byte or but
 *	  for what is UI-only; any other diff ends in a document or in an error.
 */
#include "target.h"

#include "blueprint_diff.h"
#include "blueprint_patch.h"
#include "blueprint_shape.h"
#include "blueprint_ui.h"
#include "blueprint_validate.h"

typedef struct Try
{
	JsonNode *doc;
	JsonNode *diff;
} Try;

static void
try_patch(void *arg)
{
	Try *try = arg;

	blueprint_patch(try->doc, try->diff);
	(void) freeze(try->doc);
}

static JsonNode *
stripped(JsonNode *doc, JsonNode *ui)
{
	doc = freeze(doc);
	blueprint_strip(doc, ui);
	return freeze(doc);
}

/* the diff of two documents, which must make one of the other */
static JsonNode *
checked_diff(Bytes *bytes, JsonNode *a, JsonNode *b, JsonNode *ui)
{
	JsonNode *diff =
		freeze(blueprint_diff(freeze_some(bytes, a), freeze_some(bytes, b), ui));
	JsonNode *result = freeze_some(bytes, a);

	blueprint_check_shape(freeze(diff));
	blueprint_patch(result, freeze_some(bytes, diff));
	if (ui == NULL)
		CHECK(same_written(result, b));
	else
		CHECK(same_written(stripped(result, ui), stripped(b, ui)));
	CHECK((diff->n == 0) == same_written(stripped(a, ui), stripped(b, ui)));
	return diff;
}

static void
work(void *arg)
{
	Bytes *bytes = arg;
	JsonNode *ui = blueprint_ui(json_new_object());
	JsonNode *a = freeze(make_blueprint(bytes));
	JsonNode *b = take(bytes, 8) ? make_changed(bytes, a) : make_blueprint(bytes);
	BlueprintLimits limits = BLUEPRINT_LIMITS;
	bool too_large;
	Try try;
	int state;

	b = freeze(b->kind == JSON_OBJECT ? b : a);
	show("a", a);
	show("b", b);
	(void) checked_diff(bytes, a, b, NULL);
	(void) checked_diff(bytes, b, a, NULL);
	try.diff = make_changed(bytes, checked_diff(bytes, a, b, ui));
	CHECK(same_written(stripped(stripped(a, ui), ui), stripped(a, ui)));

	/* a diff that somebody meddled with, on the document it is for and on another */
	for (int i = 0; i < 2; i++)
	{
		try.doc = freeze_some(bytes, i == 0 ? a : b);
		try.diff = freeze_some(bytes, try.diff);
		state = server_try(try_patch, &try);
		CHECK(state == 0 || server_may_refuse(state));
	}
	(void) freeze(blueprint_validate(freeze_some(bytes, b), &limits, &too_large));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return run_target(work, data, size);
}
