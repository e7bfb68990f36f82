/*
 * fuzz_patch.c
 *	  Any patch ends in a document or in an error, and operations do what RFC
 *	  6902 says of them, as far as pointers can tell.
 */
#include "target.h"

#include "lib/stringinfo.h"

#include "json_patch.h"
#include "json_pointer.h"

static const char *const operations[] = {"add",  "remove", "replace",
										 "move", "copy",   "test"};

/* a pointer that mostly leads somewhere in the document */
static JsonNode *
make_pointer(Bytes *bytes, JsonNode *doc)
{
	StringInfoData pointer;

	initStringInfo(&pointer);
	for (int n = take(bytes, 5); n > 0 && doc != NULL; n--)
	{
		int i = take(bytes, 256);

		if (i >= 240)
			json_pointer_add_key(&pointer, make_key(bytes));
		else if (doc->kind == JSON_ARRAY)
			json_pointer_add_index(&pointer, i % (doc->n + 1));
		else if (doc->kind == JSON_OBJECT && doc->n > 0)
			json_pointer_add_key(&pointer, json_member(doc, i % doc->n)->key);
		else
			break;
		doc = json_pointer_get(doc, json_text(pointer.data));
	}
	if (take(bytes, 16) == 15)
		appendStringInfoString(&pointer, "/-");
	if (take(bytes, 64) == 63)
		appendStringInfoChar(&pointer, '~');
	return json_new_text((JsonText){pointer.data, pointer.len});
}

static JsonNode *
make_operation(Bytes *bytes, JsonNode *doc)
{
	JsonNode *operation = json_new_object();
	JsonNode *path = make_pointer(bytes, doc);
	JsonNode *there =
		json_pointer_valid(path->u.string) ? json_pointer_get(doc, path->u.string) : NULL;

	json_set_named(operation, "op",
				   json_new_string(operations[take(bytes, lengthof(operations))]));
	json_set_named(operation, "path", path);
	json_set_named(operation, "from", make_pointer(bytes, doc));
	if (there != NULL && take(bytes, 2) == 1)
		json_set_named(operation, "value", json_copy(there));
	else
		json_set_named(operation, "value", make_value(bytes, 2));
	if (take(bytes, 32) == 31)
		json_set(operation, make_key(bytes), make_value(bytes, 1));
	if (take(bytes, 64) == 63)
		(void) json_remove(operation, json_member(operation, 0)->key);
	return operation;
}

typedef struct Try
{
	JsonNode *doc;
	JsonNode *patch;
	JsonNode *result;
} Try;

static void
try_patch(void *arg)
{
	Try *try = arg;

	try->result = json_patch(try->doc, try->patch);
}

/* the document after one operation, NULL if it was refused */
static JsonNode *
patched(JsonNode *doc, JsonNode *operation)
{
	JsonNode *patch = json_new_array();
	Try try = {freeze(doc), patch, NULL};
	int state;

	json_append(patch, freeze(operation));
	state = server_try(try_patch, &try);
	CHECK(state == 0 || server_may_refuse(state));
	return state == 0 ? freeze(try.result) : NULL;
}

static JsonNode *
at(JsonNode *doc, JsonNode *operation, const char *member)
{
	return json_pointer_get(doc, json_get_named(operation, member)->u.string);
}

static bool
is(JsonNode *operation, const char *name)
{
	return json_text_is(json_get_named(operation, "op")->u.string, name);
}

/* what an operation that was not refused has done */
static void
check_operation(JsonNode *doc, JsonNode *operation, JsonNode *result)
{
	JsonNode *value = json_get_named(operation, "value");
	JsonText path = json_get_named(operation, "path")->u.string;
	bool at_end = path.len > 0 && path.val[path.len - 1] == '-';

	if (is(operation, "test"))
		CHECK(same_written(doc, result) && json_equal(at(doc, operation, "path"), value));
	if ((is(operation, "add") || is(operation, "replace")) && !at_end)
		CHECK(same_written(at(result, operation, "path"), value));
	if (is(operation, "replace") || is(operation, "remove"))
		CHECK(at(doc, operation, "path") != NULL);
	if ((is(operation, "move") || is(operation, "copy")) && !at_end)
		CHECK(same_written(at(result, operation, "path"), at(doc, operation, "from")));
	if (is(operation, "copy"))
		CHECK(json_size(result) >= json_size(at(doc, operation, "from")));
}

static bool
has_all(JsonNode *operation)
{
	static const char *const members[] = {"op", "path", "from", "value"};

	for (int i = 0; i < lengthof(members); i++)
		if (json_get_named(operation, members[i]) == NULL ||
			(i < 3 && json_get_named(operation, members[i])->kind != JSON_STRING))
			return false;
	return true;
}

static void
work(void *arg)
{
	Bytes *bytes = arg;
	JsonNode *start = freeze(make_first(bytes, 4));
	JsonNode *doc = start;
	JsonNode *all = json_new_array();

	for (int n = 1 + take(bytes, 8); n > 0; n--)
	{
		JsonNode *operation = make_operation(bytes, freeze(doc));
		JsonNode *result = patched(doc, operation);

		if (result == NULL)
			continue;
		if (has_all(operation))
			check_operation(freeze(doc), operation, result);
		json_append(all, freeze(operation));
		doc = result;
	}

	show("doc", start);
	show("patch", all);

	/* all at once is one after the other, whatever is open */
	CHECK(same_written(json_patch(freeze_some(bytes, start), freeze_some(bytes, all)),
					   doc));
	(void) json_patch(freeze(start), freeze(make_value(bytes, 3)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return run_target(work, data, size);
}
