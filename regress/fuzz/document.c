/*
 * document.c
 *	  Making and changing documents; see document.h.
 */
#include "document.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "json_text.h"
#include "number.h"

#define MAX_DEPTH 5

/* names that mean something somewhere, and what pointers must escape */
static const char *const names[] = {
	"a",        "b",    "c",        "id",       "nodes",  "edges",  "data",
	"selected", "meta", "metadata", "position", "source", "target", "a/b",
	"~",        "",     "~1",       "0",        "-",      "type",
};

int
take(Bytes *bytes, int limit)
{
	if (bytes->left == 0)
		return 0;
	bytes->left--;
	return *bytes->next++ % limit;
}

int
take_last(Bytes *bytes, int limit)
{
	if (bytes->left == 0)
		return 0;
	bytes->left--;
	return bytes->next[bytes->left] % limit;
}

/* the first half of the bytes that are left */
static Bytes
half(Bytes *bytes)
{
	Bytes first = {bytes->next, bytes->left / 2};

	bytes->next += first.left;
	bytes->left -= first.left;
	return first;
}

/* few mostly, more than a stride of entries at times */
static int
take_count(Bytes *bytes)
{
	int n = take(bytes, 256);

	return n < 230 ? n % 6 : n - 200;
}

static JsonText
make_text(Bytes *bytes)
{
	int len = take(bytes, 12);
	char *text = palloc(len + 1);

	for (int i = 0; i < len; i++)
		text[i] = "abcdefgh~/01"[take(bytes, 12)];
	return (JsonText){text, len};
}

JsonText
make_key(Bytes *bytes)
{
	int i = take(bytes, 32);

	return i < lengthof(names) ? json_text(names[i]) : make_text(bytes);
}

static JsonNode *
make_number(Bytes *bytes)
{
	JsonNode *node = json_new_int(0);
	int value = take(bytes, 256);

	node->u.number = fuzz_number(value / 4, value % 4);
	return node;
}

static JsonNode *
make_array(Bytes *bytes, int depth)
{
	JsonNode *array = json_new_array();

	for (int n = take_count(bytes); n > 0; n--)
		json_append(array, make_value(bytes, depth - 1));
	return array;
}

static JsonNode *
make_object(Bytes *bytes, int depth)
{
	JsonNode *object = json_new_object();

	for (int n = take_count(bytes); n > 0; n--)
	{
		JsonText key = make_key(bytes);

		json_set(object, key, make_value(bytes, depth - 1));
	}
	return object;
}

/* ids are those of a step through a field of 97, hence unique */
static JsonNode *
make_id(int i)
{
	return i % 5 == 0 ? json_new_int(i) : json_new_string(psprintf("n%d", i % 97));
}

static JsonNode *
make_keyed(Bytes *bytes, int depth)
{
	JsonNode *array = json_new_array();
	int step = 1 + take(bytes, 96);
	int id = take(bytes, 97);

	for (int n = take_count(bytes); n > 0; n--)
	{
		JsonNode *element = make_object(bytes, depth - 1);

		id = (id + step) % 97;
		json_set_named(element, "id", make_id(id));
		json_append(array, element);
	}
	return array;
}

/* a value so deep inside of arrays that it may be too much for the stack */
static JsonNode *
make_deep(Bytes *bytes, JsonNode *node)
{
	for (int n = take(bytes, 256) * 16; n > 0; n--)
	{
		JsonNode *outer = n % 2 ? json_new_array() : json_new_object();

		if (n % 2)
			json_append(outer, node);
		else
			json_set_named(outer, "a", node);
		node = outer;
	}
	return node;
}

JsonNode *
make_value(Bytes *bytes, int depth)
{
	int kind = take(bytes, depth > 0 ? 16 : 8);

	switch (kind)
	{
		case 0:
			return json_new_null();
		case 1:
		case 2:
			return json_new_bool(kind == 1);
		case 3:
		case 4:
			return make_number(bytes);
		case 5:
		case 6:
			return json_new_text(make_text(bytes));
		case 7:
			if (depth == MAX_DEPTH && take(bytes, 64) == 63)
				return make_deep(bytes, json_new_null());
			return make_number(bytes);
		case 8:
		case 9:
			return make_array(bytes, depth);
		case 10:
		case 11:
			return make_keyed(bytes, depth);
		default:
			return make_object(bytes, depth);
	}
}

JsonNode *
make_first(Bytes *bytes, int depth)
{
	Bytes first = half(bytes);

	return make_value(&first, depth);
}

JsonNode *
make_blueprint(Bytes *all)
{
	Bytes first = half(all);
	Bytes *bytes = &first;
	JsonNode *blueprint = json_new_object();
	JsonNode *edges = make_keyed(bytes, 2);

	json_set_named(blueprint, "nodes", make_keyed(bytes, 3));
	for (int i = 0; i < edges->n; i++)
	{
		json_set_named(json_item(edges, i), "source", make_id(take(bytes, 97)));
		json_set_named(json_item(edges, i), "target", make_id(take(bytes, 97)));
	}
	json_set_named(blueprint, "edges", edges);
	for (int n = take(bytes, 4); n > 0; n--)
	{
		JsonText key = make_key(bytes);

		json_set(blueprint, key, make_value(bytes, 3));
	}
	return blueprint;
}

/* ---------- changing ---------- */

static JsonNode *change(Bytes *bytes, JsonNode *node, int depth);

static void
change_object(Bytes *bytes, JsonNode *object, int depth)
{
	JsonText key = make_key(bytes);

	if (object->n > 0 && take(bytes, 4) > 0)
		key = json_member(object, take(bytes, 256) % object->n)->key;
	switch (take(bytes, 4))
	{
		case 0:
			(void) json_remove(object, key);
			break;
		case 1:
			json_set(object, key, make_value(bytes, 2));
			break;
		default:
			if (json_get(object, key) != NULL)
				json_set(object, key, change(bytes, json_get(object, key), depth - 1));
	}
}

static void
change_array(Bytes *bytes, JsonNode *array, int depth)
{
	int i = array->n > 0 ? take(bytes, 256) % array->n : 0;
	JsonNode *item;

	switch (take(bytes, 6))
	{
		case 0:
			if (array->n > 0)
				(void) json_remove_item(array, i);
			break;
		case 1:
			json_insert(array, i, make_value(bytes, 2));
			break;
		case 2: /* another element of a keyed array */
			item = make_object(bytes, 2);
			json_set_named(item, "id", make_id(take(bytes, 97)));
			json_insert(array, i, item);
			break;
		case 3:
			if (array->n == 0)
				break;
			item = json_remove_item(array, i);
			json_insert(array, take(bytes, 256) % (array->n + 1), item);
			break;
		default:
			if (array->n > 0)
				json_set_item(array, i, change(bytes, json_item(array, i), depth - 1));
	}
}

/* what the node becomes */
static JsonNode *
change(Bytes *bytes, JsonNode *node, int depth)
{
	if (depth > 0 && node->kind == JSON_OBJECT)
		change_object(bytes, node, depth);
	else if (depth > 0 && node->kind == JSON_ARRAY)
		change_array(bytes, node, depth);
	else
		return make_value(bytes, 2);
	return node;
}

JsonNode *
make_changed(Bytes *bytes, JsonNode *node)
{
	node = json_copy(node);
	for (int n = take_count(bytes); n > 0; n--)
		node = change(bytes, node, MAX_DEPTH + 1);
	return node;
}

/* ---------- raw and open ---------- */

JsonNode *
freeze(JsonNode *node)
{
	Jsonb *doc = json_to_jsonb(node);

	check_well_formed(doc);
	return json_from_jsonb(doc);
}

void
open_all(JsonNode *node)
{
	check_stack_depth();
	for (int i = 0; node->kind == JSON_ARRAY && i < node->n; i++)
		open_all(json_item(node, i));
	for (int i = 0; node->kind == JSON_OBJECT && i < node->n; i++)
		open_all(json_member(node, i)->value);
}

JsonNode *
freeze_some(Bytes *bytes, JsonNode *node)
{
	switch (take_last(bytes, 4))
	{
		case 0:
		case 1:
			return freeze(node);
		case 2:
			node = freeze(node);
			if (node->kind == JSON_ARRAY && node->n > 0)
				open_all(json_item(node, take_last(bytes, 256) % node->n));
			return node;
		default:
			node = freeze(node);
			open_all(node);
			return node;
	}
}

bool
same_written(JsonNode *a, JsonNode *b)
{
	Jsonb *x = json_to_jsonb(a);
	Jsonb *y = json_to_jsonb(b);

	check_well_formed(x);
	check_well_formed(y);
	return VARSIZE(x) == VARSIZE(y) && memcmp(x, y, VARSIZE(x)) == 0;
}

int
count_values(JsonNode *node)
{
	int n = 1;

	check_stack_depth();
	for (int i = 0; node->kind == JSON_ARRAY && i < node->n; i++)
		n += count_values(json_item(node, i));
	for (int i = 0; node->kind == JSON_OBJECT && i < node->n; i++)
		n += count_values(json_member(node, i)->value);
	return n;
}

/* ---------- showing ---------- */

static void
print_scalar(StringInfo text, const JsonNode *node)
{
	int64 value;

	if (node->kind == JSON_NULL)
		appendStringInfoString(text, "null");
	else if (node->kind == JSON_BOOL)
		appendStringInfoString(text, node->u.boolean ? "true" : "false");
	else if (node->kind == JSON_STRING)
		appendStringInfo(text, "\"%.*s\"", node->u.string.len, node->u.string.val);
	else
	{
		memcpy(&value, (char *) node->u.number + VARHDRSZ, sizeof(value));
		appendStringInfo(text, "%ld", (long) value);
		for (int i = VARSIZE(node->u.number) - VARHDRSZ - sizeof(value); i > 0; i--)
			appendStringInfoString(text, ".0");
	}
}

static void
print(StringInfo text, JsonNode *node)
{
	check_stack_depth();
	if (node->kind != JSON_ARRAY && node->kind != JSON_OBJECT)
	{
		print_scalar(text, node);
		return;
	}
	appendStringInfoString(text, node->kind == JSON_ARRAY ? "[" : "{");
	for (int i = 0; i < node->n; i++)
	{
		JsonText key = {"", 0};

		if (i > 0)
			appendStringInfoString(text, ", ");
		if (node->kind == JSON_OBJECT)
		{
			key = json_member(node, i)->key;
			appendStringInfo(text, "\"%.*s\": ", key.len, key.val);
		}
		print(text, node->kind == JSON_ARRAY ? json_item(node, i)
											 : json_member(node, i)->value);
	}
	appendStringInfoString(text, node->kind == JSON_ARRAY ? "]" : "}");
}

/* text that is good enough to tell values apart */
char *
json_to_cstring(JsonNode *node)
{
	StringInfoData text;

	initStringInfo(&text);
	print(&text, node);
	return text.data;
}

#undef fprintf
void
show(const char *name, JsonNode *node)
{
	if (getenv("FUZZ_PRINT") != NULL)
		fprintf(stderr, "%s: %s\n", name, json_to_cstring(freeze(node)));
}
