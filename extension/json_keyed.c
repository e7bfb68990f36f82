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
#define BATCH_SIZE 128 /* ids that are made at a time */
#define CACHE_LINE 64

/* elements to be looked at soon, far apart in memory, are fetched so much earlier */
#define AHEAD 6

typedef struct Slot
{
	uint32 hash;
	int position; /* or EMPTY */
} Slot;

/* one of these for each array that is looked into; owns the arrays, not the ids */
struct JsonKeys
{
	int n;
	JsonNode **ids;
	uint32 mask; /* of the table, whose size is a power of two */
	Slot *slots;
};

/* nodes for ids that are still raw */
typedef struct Batch
{
	JsonNode *nodes;
	int left;
} Batch;

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

static bool
fill_raw_id(JsonNode *id, const JsonbContainer *container, int n)
{
	char *base = (char *) &container->children[2 * n];
	int i = find_raw_id(container, n);
	uint32 offset;
	uint32 end;

	if (i < 0)
		return false;
	offset = end = child_offset(container, n + i);
	JBE_ADVANCE_OFFSET(end, container->children[n + i]);
	if (JBE_ISSTRING(container->children[n + i]))
	{
		id->kind = JSON_STRING;
		id->u.string = (JsonText){base + offset, (int) (end - offset)};
		return true;
	}
	id->kind = JSON_NUMBER;
	id->u.number = (Numeric) (base + INTALIGN(offset));
	return JBE_ISNUMERIC(container->children[n + i]);
}

static JsonNode *
find_id(JsonNode *node, Batch *batch, int wanted)
{
	JsonNode *id;

	if (node->kind != JSON_OBJECT)
		return NULL;
	if (node->raw != NULL)
	{
		if (batch->left == 0)
		{
			batch->left = Min(wanted, BATCH_SIZE);
			batch->nodes = palloc0(sizeof(JsonNode) * batch->left);
		}
		batch->left--;
		id = batch->nodes++;
		return fill_raw_id(id, node->raw, node->n) ? id : NULL;
	}
	id = json_get_named(node, "id");
	if (id == NULL || (id->kind != JSON_STRING && id->kind != JSON_NUMBER))
		return NULL;
	return id;
}

JsonNode *
json_id(JsonNode *node)
{
	Batch batch = {0};

	return find_id(node, &batch, 1);
}

/* ---------- the index ---------- */

/* the slot that holds the id, or the empty one where it belongs */
static Slot *
find_slot(const JsonKeys *keys, JsonNode *id, uint32 hash)
{
	uint32 i = hash & keys->mask;

	while (keys->slots[i].position != EMPTY &&
		   (keys->slots[i].hash != hash ||
			!json_same(keys->ids[keys->slots[i].position], id)))
		i = (i + 1) & keys->mask;
	return &keys->slots[i];
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
	keys->slots = palloc_extended(sizeof(Slot) * nslots, MCXT_ALLOC_HUGE);
	for (Size i = 0; i < nslots; i++)
		keys->slots[i].position = EMPTY;
	return keys;
}

static void
free_keys(JsonKeys *keys)
{
	pfree(keys->ids);
	pfree(keys->slots);
	pfree(keys);
}

/* the beginning of an element, where its id is as a rule */
static inline void
fetch_early(JsonNode *array, int i)
{
	const char *raw;

	if (i >= array->n)
		return;
	raw = (const char *) json_item(array, i)->raw;
	if (raw == NULL)
		return;
	__builtin_prefetch(raw);
	__builtin_prefetch(raw + CACHE_LINE);
	__builtin_prefetch(raw + 2 * CACHE_LINE);
}

/* false if there is such an id already */
static bool
add_id(JsonKeys *keys, int i, JsonNode *id)
{
	uint32 hash = (uint32) json_hash(id);
	Slot *slot = find_slot(keys, id, hash);

	keys->ids[i] = id;
	if (slot->position != EMPTY)
		return false;
	slot->hash = hash;
	slot->position = i;
	return true;
}

JsonKeys *
json_keys(JsonNode *array)
{
	JsonKeys *keys;
	Batch batch = {0};

	if (array->kind != JSON_ARRAY ||
		(array->n > 0 && json_id(json_item(array, 0)) == NULL))
		return NULL;
	keys = new_keys(array->n);
	for (int i = 0; i < array->n; i++)
	{
		JsonNode *id;

		CHECK_FOR_INTERRUPTS();
		fetch_early(array, i + AHEAD);
		id = find_id(json_item(array, i), &batch, array->n - i);
		if (id == NULL || !add_id(keys, i, id))
		{
			free_keys(keys);
			return NULL;
		}
	}
	return keys;
}

int
json_keys_find(const JsonKeys *keys, JsonNode *id)
{
	return find_slot(keys, id, (uint32) json_hash(id))->position;
}

int
json_keys_next(const JsonKeys *keys, JsonNode *id, int *next)
{
	int i = *next;

	if (i >= keys->n || !json_same(keys->ids[i], id))
		i = json_keys_find(keys, id);
	if (i >= 0)
		*next = i + 1;
	return i;
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
