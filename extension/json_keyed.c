/*
 * json_keyed.c
 *	  The index of json_keyed.h: a table of positions, open addressing.
 *
 * The id of an element that is still raw is read in the jsonb itself, because
 * what stays raw is compared by one memcmp() and written by one memcpy().
 */
#include "json_keyed.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "json_hash.h"

#define EMPTY (-1)

/* one of these for each array that is looked into; owns the arrays, not the ids */
struct JsonKeys
{
	int n;
	JsonNode **ids;
	uint32 mask; /* of the table, whose size is a power of two */
	int *slots;  /* positions, or EMPTY */
};

/* ---------- the id of one element ---------- */

/* where the bytes of a child begin; as getJsonbOffset() of the server */
static uint32
child_offset(const JsonbContainer *container, int i)
{
	uint32 offset = 0;

	for (int k = i - 1; k >= 0; k--)
	{
		offset += JBE_OFFLENFLD(container->children[k]);
		if (JBE_HAS_OFF(container->children[k]))
			break;
	}
	return offset;
}

/* which member is "id"; -1 if none is.  Short keys come first, so it is soon found. */
static int
find_raw_id(const JsonbContainer *container, int n)
{
	const char *base = (const char *) &container->children[2 * n];
	uint32 offset = 0;

	for (int i = 0; i < n; i++)
	{
		uint32 end = offset;

		JBE_ADVANCE_OFFSET(end, container->children[i]);
		if (end - offset > 2)
			return -1;
		if (end - offset == 2 && memcmp(base + offset, "id", 2) == 0)
			return i;
		offset = end;
	}
	return -1;
}

static JsonNode *
raw_id(const JsonbContainer *container, int n)
{
	char *base = (char *) &container->children[2 * n];
	int i = find_raw_id(container, n);
	uint32 offset;
	uint32 end;
	JsonNode *id;

	if (i < 0)
		return NULL;
	offset = end = child_offset(container, n + i);
	JBE_ADVANCE_OFFSET(end, container->children[n + i]);
	if (JBE_ISSTRING(container->children[n + i]))
		return json_new_text((JsonText){base + offset, (int) (end - offset)});
	if (!JBE_ISNUMERIC(container->children[n + i]))
		return NULL;
	id = json_new_null();
	id->kind = JSON_NUMBER;
	id->u.number = (Numeric) (base + INTALIGN(offset));
	return id;
}

JsonNode *
json_id(JsonNode *node)
{
	JsonNode *id;

	if (node->kind != JSON_OBJECT)
		return NULL;
	if (node->raw != NULL)
		return raw_id(node->raw, node->n);
	id = json_get_named(node, "id");
	if (id == NULL || (id->kind != JSON_STRING && id->kind != JSON_NUMBER))
		return NULL;
	return id;
}

/* ---------- the index ---------- */

/* the slot that holds the id, or the empty one where it belongs */
static uint32
find_slot(const JsonKeys *keys, JsonNode *id)
{
	uint32 slot = (uint32) json_hash(id) & keys->mask;

	while (keys->slots[slot] != EMPTY && !json_same(keys->ids[keys->slots[slot]], id))
		slot = (slot + 1) & keys->mask;
	return slot;
}

static JsonKeys *
new_keys(int n)
{
	JsonKeys *keys = palloc0(sizeof(JsonKeys));
	Size nslots = 8;

	while (nslots < (Size) n * 2)
		nslots *= 2;
	keys->n = n;
	keys->ids = palloc_extended(sizeof(JsonNode *) * Max(n, 1), MCXT_ALLOC_HUGE);
	keys->mask = (uint32) (nslots - 1);
	keys->slots = palloc_extended(sizeof(int) * nslots, MCXT_ALLOC_HUGE);
	for (Size i = 0; i < nslots; i++)
		keys->slots[i] = EMPTY;
	return keys;
}

static void
free_keys(JsonKeys *keys)
{
	pfree(keys->ids);
	pfree(keys->slots);
	pfree(keys);
}

JsonKeys *
json_keys(JsonNode *array)
{
	JsonKeys *keys;

	if (array->kind != JSON_ARRAY ||
		(array->n > 0 && json_id(json_item(array, 0)) == NULL))
		return NULL;
	keys = new_keys(array->n);
	for (int i = 0; i < array->n; i++)
	{
		uint32 slot;

		CHECK_FOR_INTERRUPTS();
		keys->ids[i] = json_id(json_item(array, i));
		if (keys->ids[i] == NULL)
		{
			free_keys(keys);
			return NULL;
		}
		slot = find_slot(keys, keys->ids[i]);
		if (keys->slots[slot] != EMPTY)
		{
			free_keys(keys);
			return NULL;
		}
		keys->slots[slot] = i;
	}
	return keys;
}

int
json_keys_find(const JsonKeys *keys, JsonNode *id)
{
	return keys->slots[find_slot(keys, id)];
}

JsonNode *
json_keys_id(const JsonKeys *keys, int i)
{
	Assert(i >= 0 && i < keys->n);
	return keys->ids[i];
}

int
json_keys_count(const JsonKeys *keys)
{
	return keys->n;
}
