/*
 * json_patch.c
 *	  The six operations of RFC 6902; see json_patch.h.
 *
 * An operation is read whole, and refused if it is no operation, before it
 * touches the document.  That a patch is atomic needs no work: an error leaves
 * by ereport() and nobody looks at the tree again.
 *
 * Must stay true: a patch of a few lines cannot make a document of any size.
 * Every operation but copy adds only what is in the patch; copies are counted
 * before they are made, and a copy that was removed again counts as well, for
 * its memory is not free until the end.
 */
#include "json_patch.h"

#include "miscadmin.h"
#include "utils/json.h"

#include "json_pointer.h"
#include "wrk_copilot.h"

/* one of these for each call of json_patch(), on its stack */
typedef struct Patch
{
	JsonNode *doc;
	int op;      /* index of the operation at work */
	Size copied; /* by all copy operations so far */
	Size may_copy;
} Patch;

/* the members an operation has use for */
typedef struct Operation
{
	JsonText path;
	JsonText from;
	JsonNode *value;
} Operation;

typedef void (*Apply)(Patch *patch, const Operation *operation);

typedef struct OperationKind
{
	const char *name;
	Apply apply;
	bool has_from;
	bool has_value;
} OperationKind;

/* ---------- refusing ---------- */

/* palloc'd JSON; pointer is NULL where there is none to name */
static char *
detail(const Patch *patch, const JsonText *pointer)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"op\": %d, \"path\": ", patch->op);
	if (pointer == NULL)
		appendStringInfoString(&text, "null");
	else
		escape_json(&text, pnstrdup(pointer->val, pointer->len));
	appendStringInfoChar(&text, '}');
	return text.data;
}

#define REFUSE(patch, pointer, code, ...) \
	ereport(ERROR, (errcode(code), errmsg(__VA_ARGS__), \
					errdetail_internal("%s", detail(patch, pointer))))

static void
refuse_path(const Patch *patch, JsonText pointer)
{
	REFUSE(patch, &pointer, ERRCODE_WRK_NOT_FOUND,
		   "patch operation %d: the path does not exist", patch->op);
}

/* ---------- places in the document ---------- */

static JsonNode *
get(const Patch *patch, JsonText pointer)
{
	JsonNode *node = json_pointer_get(patch->doc, pointer);

	if (node == NULL)
		refuse_path(patch, pointer);
	return node;
}

static JsonNode *
parent(const Patch *patch, JsonText pointer, JsonText *last)
{
	JsonNode *node = json_pointer_parent(patch->doc, pointer, last);

	if (node == NULL)
		refuse_path(patch, pointer);
	return node;
}

/* index of an element that is there, or of the place behind the last if that is allowed
 */
static int
element(const Patch *patch, const JsonNode *array, JsonText token, JsonText pointer,
		bool behind)
{
	int i;

	if (behind && json_text_is(token, "-"))
		return array->n;
	i = json_pointer_index(token, behind ? array->n + 1 : array->n);
	if (i < 0)
		refuse_path(patch, pointer);
	return i;
}

static void
put(Patch *patch, JsonText pointer, JsonNode *value)
{
	JsonText last;
	JsonNode *holder;

	if (pointer.len == 0)
	{
		patch->doc = value;
		return;
	}
	holder = parent(patch, pointer, &last);
	if (holder->kind == JSON_OBJECT)
		json_set(holder, last, value);
	else
		json_insert(holder, element(patch, holder, last, pointer, true), value);
}

/* takes the value out of the document and returns it */
static JsonNode *
take(Patch *patch, JsonText pointer)
{
	JsonText last;
	JsonNode *holder;
	JsonNode *value;

	if (pointer.len == 0)
		REFUSE(patch, &pointer, ERRCODE_WRK_BAD_REQUEST,
			   "patch operation %d: the whole document cannot be removed", patch->op);
	holder = parent(patch, pointer, &last);
	if (holder->kind == JSON_ARRAY)
		return json_remove_item(holder, element(patch, holder, last, pointer, false));
	value = json_remove(holder, last);
	if (value == NULL)
		refuse_path(patch, pointer);
	return value;
}

/* ---------- operations ---------- */

static void
apply_add(Patch *patch, const Operation *operation)
{
	put(patch, operation->path, operation->value);
}

static void
apply_remove(Patch *patch, const Operation *operation)
{
	(void) take(patch, operation->path);
}

static void
apply_replace(Patch *patch, const Operation *operation)
{
	JsonText last;
	JsonNode *holder;

	(void) get(patch, operation->path);
	if (operation->path.len == 0)
	{
		patch->doc = operation->value;
		return;
	}
	holder = parent(patch, operation->path, &last);
	if (holder->kind == JSON_OBJECT)
		json_set(holder, last, operation->value);
	else
		json_set_item(holder, element(patch, holder, last, operation->path, false),
					  operation->value);
}

static void
apply_move(Patch *patch, const Operation *operation)
{
	(void) get(patch, operation->from);
	if (json_text_cmp(operation->from, operation->path) == 0)
		return;
	if (json_pointer_is_above(operation->from, operation->path))
		REFUSE(patch, &operation->path, ERRCODE_WRK_BAD_REQUEST,
			   "patch operation %d: a value cannot be moved into itself", patch->op);
	put(patch, operation->path, take(patch, operation->from));
}

/*
 * A copy as bytes, which raw containers are anyway: nodes take many times the
 * memory, and most of a copy is never opened.
 */
static JsonNode *
compact_copy(JsonNode *node)
{
	bool is_container = node->kind == JSON_ARRAY || node->kind == JSON_OBJECT;

	if (node->raw != NULL || !is_container)
		return json_copy(node);
	return json_from_jsonb(json_to_jsonb(node));
}

static void
apply_copy(Patch *patch, const Operation *operation)
{
	JsonNode *node = get(patch, operation->from);

	patch->copied += json_size(node);
	if (patch->copied > patch->may_copy)
		REFUSE(patch, &operation->path, ERRCODE_WRK_TOO_LARGE,
			   "patch operation %d: the patch copies more than %zu bytes", patch->op,
			   patch->may_copy);
	put(patch, operation->path, compact_copy(node));
}

static void
apply_test(Patch *patch, const Operation *operation)
{
	if (!json_equal(get(patch, operation->path), operation->value))
		REFUSE(patch, &operation->path, ERRCODE_WRK_CONFLICT,
			   "patch operation %d: the value is not the one tested for", patch->op);
}

static const OperationKind kinds[] = {
	{"add", apply_add, false, true},         {"remove", apply_remove, false, false},
	{"replace", apply_replace, false, true}, {"move", apply_move, true, false},
	{"copy", apply_copy, true, false},       {"test", apply_test, false, true},
};

/* ---------- reading ---------- */

static JsonText
string_member(const Patch *patch, JsonNode *operation, const char *name)
{
	JsonNode *value = json_get_named(operation, name);

	if (value == NULL || value->kind != JSON_STRING)
		REFUSE(patch, NULL, ERRCODE_WRK_BAD_REQUEST,
			   value == NULL ? "patch operation %d: member \"%s\" is missing"
							 : "patch operation %d: member \"%s\" is no string",
			   patch->op, name);
	return value->u.string;
}

static JsonText
pointer_member(const Patch *patch, JsonNode *operation, const char *name)
{
	JsonText pointer = string_member(patch, operation, name);

	if (!json_pointer_valid(pointer))
		REFUSE(patch, &pointer, ERRCODE_WRK_BAD_REQUEST,
			   "patch operation %d: member \"%s\" is no JSON pointer", patch->op, name);
	return pointer;
}

static const OperationKind *
kind_of(const Patch *patch, JsonNode *operation)
{
	JsonText name = string_member(patch, operation, "op");

	for (int i = 0; i < lengthof(kinds); i++)
		if (json_text_is(name, kinds[i].name))
			return &kinds[i];
	REFUSE(patch, NULL, ERRCODE_WRK_BAD_REQUEST,
		   "patch operation %d: there is no such operation", patch->op);
	return NULL;
}

static void
apply_operation(Patch *patch, JsonNode *node)
{
	const OperationKind *kind;
	Operation operation = {{NULL, 0}, {NULL, 0}, NULL};

	if (node->kind != JSON_OBJECT)
		REFUSE(patch, NULL, ERRCODE_WRK_BAD_REQUEST, "patch operation %d is no object",
			   patch->op);
	kind = kind_of(patch, node);
	operation.path = pointer_member(patch, node, "path");
	if (kind->has_from)
		operation.from = pointer_member(patch, node, "from");
	if (kind->has_value)
		operation.value = json_get_named(node, "value");
	if (kind->has_value && operation.value == NULL)
		REFUSE(patch, &operation.path, ERRCODE_WRK_BAD_REQUEST,
			   "patch operation %d: member \"value\" is missing", patch->op);
	kind->apply(patch, &operation);
}

JsonNode *
json_patch(JsonNode *doc, JsonNode *operations)
{
	Size times = json_size(doc) * JSON_PATCH_COPIED_TIMES;
	Patch patch = {.doc = doc,
				   .may_copy = Min(Max(JSON_PATCH_COPIED, times), JSON_PATCH_MAX_COPIED)};

	if (operations->kind != JSON_ARRAY)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST), errmsg("a patch is an array"),
				 errdetail_internal("{\"op\": null, \"path\": null}"),
				 errhint("Send the operations of RFC 6902; a merge patch (RFC 7396) "
						 "is for wrk.json_merge_patch().")));
	if (operations->n > JSON_PATCH_MAX_OPERATIONS)
		ereport(ERROR, (errcode(ERRCODE_WRK_TOO_LARGE),
						errmsg("a patch has up to %d operations, not %d",
							   JSON_PATCH_MAX_OPERATIONS, operations->n),
						errdetail_internal("{\"op\": null, \"path\": null}")));
	for (; patch.op < operations->n; patch.op++)
	{
		CHECK_FOR_INTERRUPTS();
		apply_operation(&patch, json_item(operations, patch.op));
	}
	return patch.doc;
}
