/*
 * fuzz_tree.c
 *	  A document is the same however much of it is open, and what is written is
 *	  a jsonb.
 */
#include "document.h"
#include "target.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "json_pointer.h"
#include "number.h"

static JsonNode *
open_copy(JsonNode *node)
{
	node = json_copy(node);
	open_all(node);
	return node;
}

/* gives every number another size with the same value */
static void
loosen(JsonNode *node)
{
	int64 value;
	int zeros;

	check_stack_depth();
	if (node->kind == JSON_NUMBER)
	{
		memcpy(&value, (char *) node->u.number + VARHDRSZ, sizeof(value));
		zeros = VARSIZE(node->u.number) - VARHDRSZ - sizeof(value);
		node->u.number = fuzz_number(value, zeros + 1);
	}
	for (int i = 0; node->kind == JSON_ARRAY && i < node->n; i++)
		loosen(json_item(node, i));
	for (int i = 0; node->kind == JSON_OBJECT && i < node->n; i++)
		loosen(json_member(node, i)->value);
}

/* every place of a document is found by the pointer to it, and is inside of those above
 */
static void
check_pointers(JsonNode *doc, JsonNode *node, StringInfo pointer, int depth)
{
	int len = pointer->len;
	int n = node->kind == JSON_ARRAY || node->kind == JSON_OBJECT ? node->n : 0;

	CHECK(json_pointer_valid((JsonText){pointer->data, pointer->len}));
	CHECK(json_pointer_get(doc, (JsonText){pointer->data, pointer->len}) == node);
	for (int i = 0; depth > 0 && i < n; i++)
	{
		JsonText above = {pnstrdup(pointer->data, len), len};
		JsonNode *child;

		if (node->kind == JSON_ARRAY)
		{
			child = json_item(node, i);
			json_pointer_add_index(pointer, i);
		}
		else
		{
			child = json_member(node, i)->value;
			json_pointer_add_key(pointer, json_member(node, i)->key);
		}
		CHECK(json_pointer_is_above(above, (JsonText){pointer->data, pointer->len}));
		CHECK(!json_pointer_is_above((JsonText){pointer->data, pointer->len}, above));
		check_pointers(doc, child, pointer, depth - 1);
		pointer->len = len;
		pointer->data[len] = '\0';
	}
}

static void
work(void *arg)
{
	Bytes *bytes = arg;
	JsonNode *made = make_first(bytes, 5);
	JsonNode *raw = freeze(made);
	JsonNode *open = open_copy(freeze(made));
	JsonNode *loose = open_copy(freeze(made));
	JsonNode *changed = make_changed(bytes, freeze_some(bytes, made));
	bool same = same_written(made, changed);
	StringInfoData pointer;

	CHECK(same_written(made, raw));
	CHECK(same_written(made, open));
	CHECK(json_same(raw, freeze(made)) && json_same(raw, open) && json_equal(open, made));
	CHECK(json_same(made, changed) == same);
	CHECK(json_same(freeze(made), freeze(changed)) == same);
	CHECK(json_same(freeze(made), changed) == same);
	CHECK(!same || json_equal(freeze(made), freeze(changed)));
	CHECK(json_equal(made, freeze(changed)) == json_equal(changed, made));
	loosen(loose);
	CHECK(json_equal(loose, freeze(made)) && json_equal(freeze(made), freeze(loose)));
	CHECK(json_same(loose, open) == same_written(loose, made));
	initStringInfo(&pointer);
	check_pointers(open, open, &pointer, 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return run_target(work, data, size);
}
