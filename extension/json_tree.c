/*
 * json_tree.c
 *	  Opening, changing and comparing the tree of json_tree.h.
 *
 * Opening a container makes a node for each child and no more; children that
 * are containers stay raw in their turn.  Comparing two raw containers is one
 * memcmp().
 *
 * Must stay true: (1) members of an opened object are in jsonb's order and
 * unique, so that writing need not sort; (2) recursion checks the stack, for a
 * document may be as deep as its sender likes.
 */
#include "json_tree.h"

#include "miscadmin.h"

#include "json_number.h"

#define FIRST_SPACE 8
#define BATCH_SIZE 128 /* nodes; a chunk that the allocator need not fetch by itself */
#define AHEAD 8        /* elements, far apart in memory: fetched so much earlier */

/* ---------- opening ---------- */

/* where a child lies in its container */
typedef struct Slot
{
	JEntry entry;
	char *base; /* of all children's bytes */
	uint32 offset;
	uint32 len;
} Slot;

/* nodes of one container's children, made several at a time */
typedef struct Batch
{
	JsonNode *nodes;
	int left;
} Batch;

static JsonNode *
next_node(Batch *batch, int wanted)
{
	if (batch->left == 0)
	{
		batch->left = Min(wanted, BATCH_SIZE);
		batch->nodes = palloc0(sizeof(JsonNode) * batch->left);
	}
	batch->left--;
	return batch->nodes++;
}

static void
fill_container(JsonNode *node, JsonbContainer *container, int len)
{
	node->kind = JsonContainerIsObject(container) ? JSON_OBJECT : JSON_ARRAY;
	node->raw = container;
	node->raw_len = len;
	node->n = JsonContainerSize(container);
}

static void
fill_node(JsonNode *node, const Slot *slot)
{
	uint32 aligned = INTALIGN(slot->offset);

	if (JBE_ISCONTAINER(slot->entry))
		fill_container(node, (JsonbContainer *) (slot->base + aligned),
					   (int) (slot->len - (aligned - slot->offset)));
	else if (JBE_ISSTRING(slot->entry))
	{
		node->kind = JSON_STRING;
		node->u.string = (JsonText){slot->base + slot->offset, (int) slot->len};
	}
	else if (JBE_ISBOOL(slot->entry))
	{
		node->kind = JSON_BOOL;
		node->u.boolean = JBE_ISBOOL_TRUE(slot->entry);
	}
	else if (JBE_ISNULL(slot->entry))
		node->kind = JSON_NULL;
	else
	{
		node->kind = JSON_NUMBER;
		node->u.number = (Numeric) (slot->base + aligned);
	}
}

/* goes on to the i-th child; children must be taken in order */
static void
next_slot(const JsonbContainer *container, int i, Slot *slot)
{
	uint32 end;

	slot->entry = container->children[i];
	slot->offset += slot->len;
	end = slot->offset;
	JBE_ADVANCE_OFFSET(end, slot->entry);
	slot->len = end - slot->offset;
}

static void
open_array(JsonNode *node)
{
	JsonbContainer *container = node->raw;
	Slot slot = {.base = (char *) &container->children[node->n]};
	Slot far = slot;
	Batch batch = {0};

	node->space = Max(node->n, 1);
	node->u.items = palloc(sizeof(JsonNode *) * node->space);
	for (int i = 0; i < Min(node->n, AHEAD); i++)
		next_slot(container, i, &far);
	for (int i = 0; i < node->n; i++)
	{
		if (i + AHEAD < node->n)
		{
			next_slot(container, i + AHEAD, &far);
			__builtin_prefetch(far.base + far.offset);
		}
		next_slot(container, i, &slot);
		node->u.items[i] = next_node(&batch, node->n - i);
		fill_node(node->u.items[i], &slot);
	}
}

static void
open_object(JsonNode *node)
{
	JsonbContainer *container = node->raw;
	Slot slot = {.base = (char *) &container->children[2 * node->n]};
	Batch batch = {0};

	node->space = Max(node->n, 1);
	node->u.members = palloc(sizeof(JsonMember) * node->space);
	for (int i = 0; i < node->n; i++)
	{
		next_slot(container, i, &slot);
		node->u.members[i].key = (JsonText){slot.base + slot.offset, (int) slot.len};
	}
	for (int i = 0; i < node->n; i++)
	{
		next_slot(container, node->n + i, &slot);
		node->u.members[i].value = next_node(&batch, node->n - i);
		fill_node(node->u.members[i].value, &slot);
	}
}

static inline void
open_node(JsonNode *node)
{
	if (node->raw == NULL)
		return;
	if (node->kind == JSON_ARRAY)
		open_array(node);
	else
		open_object(node);
	node->raw = NULL;
}

JsonNode *
json_from_jsonb(const Jsonb *doc)
{
	JsonbContainer *root = unconstify(JsonbContainer *, &doc->root);
	JsonNode *node = palloc0(sizeof(JsonNode));

	fill_container(node, root, VARSIZE(doc) - VARHDRSZ);
	return JsonContainerIsScalar(root) ? json_item(node, 0) : node;
}

/* ---------- comparing ---------- */

JsonText
json_text(const char *text)
{
	return (JsonText){text, (int) strlen(text)};
}

int
json_text_cmp(JsonText a, JsonText b)
{
	if (a.len != b.len)
		return a.len > b.len ? 1 : -1;
	return memcmp(a.val, b.val, a.len);
}

bool
json_text_is(JsonText a, const char *b)
{
	return json_text_cmp(a, json_text(b)) == 0;
}

static bool
same_number(Numeric a, Numeric b)
{
	return VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0;
}

typedef bool (*NumberTest)(Numeric a, Numeric b);

/* by_bytes: two raw containers are the same if and only if their bytes are */
static bool
compare(JsonNode *a, JsonNode *b, NumberTest same_numbers, bool by_bytes)
{
	check_stack_depth();
	if (a == b)
		return true;
	if (a->kind != b->kind || a->n != b->n)
		return false;
	switch (a->kind)
	{
		case JSON_NULL:
			return true;
		case JSON_BOOL:
			return a->u.boolean == b->u.boolean;
		case JSON_NUMBER:
			return same_numbers(a->u.number, b->u.number);
		case JSON_STRING:
			return json_text_cmp(a->u.string, b->u.string) == 0;
		case JSON_ARRAY:
		case JSON_OBJECT:
			break;
	}
	if (a->raw != NULL && b->raw != NULL)
	{
		bool same = a->raw_len == b->raw_len && memcmp(a->raw, b->raw, a->raw_len) == 0;

		if (same || by_bytes)
			return same;
	}
	open_node(a);
	open_node(b);
	for (int i = 0; i < a->n; i++)
	{
		if (a->kind == JSON_ARRAY)
		{
			if (!compare(a->u.items[i], b->u.items[i], same_numbers, by_bytes))
				return false;
		}
		else if (json_text_cmp(a->u.members[i].key, b->u.members[i].key) != 0 ||
				 !compare(a->u.members[i].value, b->u.members[i].value, same_numbers,
						  by_bytes))
			return false;
	}
	return true;
}

bool
json_same(JsonNode *a, JsonNode *b)
{
	return compare(a, b, same_number, true);
}

bool
json_equal(JsonNode *a, JsonNode *b)
{
	return compare(a, b, json_number_equal, false);
}

/* ---------- arrays ---------- */

static void
make_room(JsonNode *node)
{
	open_node(node);
	if (node->n < node->space)
		return;
	if (node->kind == JSON_ARRAY)
	{
		Size size = sizeof(JsonNode *) * Max(node->space * 2, FIRST_SPACE);

		node->u.items = node->space == 0 ? palloc(size) : repalloc(node->u.items, size);
	}
	else
	{
		Size size = sizeof(JsonMember) * Max(node->space * 2, FIRST_SPACE);

		node->u.members =
			node->space == 0 ? palloc(size) : repalloc(node->u.members, size);
	}
	node->space = Max(node->space * 2, FIRST_SPACE);
}

JsonNode *
json_item(JsonNode *array, int i)
{
	Assert(array->kind == JSON_ARRAY && i >= 0 && i < array->n);
	open_node(array);
	return array->u.items[i];
}

void
json_insert(JsonNode *array, int i, JsonNode *item)
{
	Assert(array->kind == JSON_ARRAY && i >= 0 && i <= array->n);
	make_room(array);
	memmove(&array->u.items[i + 1], &array->u.items[i],
			sizeof(JsonNode *) * (array->n - i));
	array->u.items[i] = item;
	array->n++;
}

void
json_append(JsonNode *array, JsonNode *item)
{
	json_insert(array, array->n, item);
}

JsonNode *
json_remove_item(JsonNode *array, int i)
{
	JsonNode *item = json_item(array, i);

	array->n--;
	memmove(&array->u.items[i], &array->u.items[i + 1],
			sizeof(JsonNode *) * (array->n - i));
	return item;
}

void
json_set_item(JsonNode *array, int i, JsonNode *item)
{
	(void) json_item(array, i);
	array->u.items[i] = item;
}

/* ---------- objects ---------- */

/* place of the key among the members, or where it would be */
static int
find_key(const JsonNode *object, JsonText key, bool *found)
{
	int low = 0;
	int high = object->n;

	*found = false;
	while (low < high)
	{
		int middle = low + (high - low) / 2;
		int order = json_text_cmp(object->u.members[middle].key, key);

		if (order == 0)
		{
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

JsonNode *
json_get(JsonNode *object, JsonText key)
{
	bool found;
	int i;

	Assert(object->kind == JSON_OBJECT);
	open_node(object);
	i = find_key(object, key, &found);
	return found ? object->u.members[i].value : NULL;
}

JsonNode *
json_get_named(JsonNode *object, const char *key)
{
	return json_get(object, json_text(key));
}

void
json_set(JsonNode *object, JsonText key, JsonNode *value)
{
	bool found;
	int i;

	Assert(object->kind == JSON_OBJECT);
	open_node(object);
	i = find_key(object, key, &found);
	if (!found)
	{
		make_room(object);
		memmove(&object->u.members[i + 1], &object->u.members[i],
				sizeof(JsonMember) * (object->n - i));
		object->u.members[i].key = key;
		object->n++;
	}
	object->u.members[i].value = value;
}

void
json_set_named(JsonNode *object, const char *key, JsonNode *value)
{
	json_set(object, json_text(key), value);
}

JsonNode *
json_remove(JsonNode *object, JsonText key)
{
	bool found;
	int i;
	JsonNode *value;

	Assert(object->kind == JSON_OBJECT);
	open_node(object);
	i = find_key(object, key, &found);
	if (!found)
		return NULL;
	value = object->u.members[i].value;
	object->n--;
	memmove(&object->u.members[i], &object->u.members[i + 1],
			sizeof(JsonMember) * (object->n - i));
	return value;
}

const JsonMember *
json_member(JsonNode *object, int i)
{
	Assert(object->kind == JSON_OBJECT && i >= 0 && i < object->n);
	open_node(object);
	return &object->u.members[i];
}
