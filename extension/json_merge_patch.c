/*
 * json_merge_patch.c
 *	  Applying and making merge patches; see json_merge_patch.h.
 *
 * Both walk two objects at once in jsonb's order of keys, so that they take time
 * in proportion to the members, however many change.
 */
#include "json_merge_patch.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/json.h"

#include "json_pointer.h"
#include "wrk_copilot.h"

/* ---------- members of two objects, side by side ---------- */

/* one of these while two objects are walked */
typedef struct Pair
{
	JsonNode *a;
	JsonNode *b;
	int i; /* next member of a */
	int j; /* and of b */
	JsonText key;
	JsonNode *left;  /* its value in a, NULL if it has none */
	JsonNode *right; /* and in b */
} Pair;

/* goes on to the next key that one of them has */
static bool
next_pair(Pair *pair)
{
	const JsonMember *a = pair->i < pair->a->n ? json_member(pair->a, pair->i) : NULL;
	const JsonMember *b = pair->j < pair->b->n ? json_member(pair->b, pair->j) : NULL;
	int order;

	if (a == NULL && b == NULL)
		return false;
	if (a == NULL || b == NULL)
		order = a == NULL ? 1 : -1;
	else
		order = json_text_cmp(a->key, b->key);
	pair->key = order <= 0 ? a->key : b->key;
	pair->left = order <= 0 ? a->value : NULL;
	pair->right = order >= 0 ? b->value : NULL;
	pair->i += order <= 0;
	pair->j += order >= 0;
	return true;
}

/* ---------- applying ---------- */

JsonNode *
json_merge_patch(JsonNode *doc, JsonNode *patch)
{
	JsonNode *result;
	Pair pair = {.a = doc, .b = patch};

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (patch->kind != JSON_OBJECT)
		return patch;
	if (doc == NULL || doc->kind != JSON_OBJECT)
		pair.a = json_new_object();
	else if (patch->n == 0)
		return doc;
	result = json_new_object();
	while (next_pair(&pair))
	{
		if (pair.right == NULL)
			json_set(result, pair.key, pair.left);
		else if (pair.right->kind != JSON_NULL)
			json_set(result, pair.key, json_merge_patch(pair.left, pair.right));
	}
	return result;
}

/* ---------- making ---------- */

/* the place at work, from the inside out */
typedef struct Place
{
	const struct Place *outer;
	JsonText key;
} Place;

static void
append_place(StringInfo pointer, const Place *place)
{
	check_stack_depth();
	if (place == NULL)
		return;
	append_place(pointer, place->outer);
	json_pointer_add_key(pointer, place->key);
}

static void
refuse_null(const Place *place)
{
	StringInfoData pointer;
	StringInfoData detail;

	initStringInfo(&pointer);
	append_place(&pointer, place);
	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"path\": ");
	escape_json(&detail, pointer.data);
	appendStringInfoChar(&detail, '}');
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
					errmsg("a merge patch cannot set a member to null"),
					errdetail_internal("%s", detail.data),
					errhint("Use wrk.json_diff(), which can.")));
}

/* refuses members that are null; elements of arrays may be what they like */
static void
check_nulls(JsonNode *value, const Place *place)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (value->kind == JSON_NULL && place != NULL)
		refuse_null(place);
	for (int i = 0; value->kind == JSON_OBJECT && i < value->n; i++)
	{
		const JsonMember *member = json_member(value, i);
		Place inner = {place, member->key};

		check_nulls(member->value, &inner);
	}
}

static JsonNode *
diff(JsonNode *a, JsonNode *b, const Place *place)
{
	JsonNode *patch;
	Pair pair = {.a = a, .b = b};

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (a == NULL || a->kind != JSON_OBJECT || b->kind != JSON_OBJECT)
	{
		check_nulls(b, place);
		return b;
	}
	patch = json_new_object();
	if (json_same(a, b))
		return patch;
	while (next_pair(&pair))
	{
		Place inner = {place, pair.key};

		if (pair.right == NULL)
			json_set(patch, pair.key, json_new_null());
		else if (pair.left == NULL || !json_same(pair.left, pair.right))
			json_set(patch, pair.key, diff(pair.left, pair.right, &inner));
	}
	return patch;
}

JsonNode *
json_merge_diff(JsonNode *a, JsonNode *b)
{
	return diff(a, b, NULL);
}
