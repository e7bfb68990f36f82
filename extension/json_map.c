/*
 * json_map.c
 *	  The table of json_map.h: open addressing, at most half full.
 */
#include "json_map.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "json_hash.h"

typedef struct Entry
{
	JsonNode *key; /* NULL if the slot is empty */
	int value;
} Entry;

struct JsonMap
{
	Entry *entries;
	uint32 mask; /* number of entries, a power of two, less one */
	uint32 used;
};

static Entry *
new_entries(Size n)
{
	return palloc_extended(sizeof(Entry) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

JsonMap *
json_map(int expected)
{
	JsonMap *table = palloc0(sizeof(JsonMap));
	Size size = 8;

	while (size < (Size) expected * 2)
		size *= 2;
	table->mask = (uint32) (size - 1);
	table->entries = new_entries(size);
	return table;
}

/* the entry of the key, or the empty one where it belongs */
static Entry *
find_entry(const JsonMap *table, JsonNode *key)
{
	uint32 i = (uint32) json_hash(key) & table->mask;

	while (table->entries[i].key != NULL && !json_same(table->entries[i].key, key))
		i = (i + 1) & table->mask;
	return &table->entries[i];
}

static void
grow(JsonMap *table)
{
	Entry *old = table->entries;
	uint32 old_mask = table->mask;

	table->mask = old_mask * 2 + 1;
	table->entries = new_entries((Size) table->mask + 1);
	for (uint32 i = 0; i <= old_mask; i++)
		if (old[i].key != NULL)
			*find_entry(table, old[i].key) = old[i];
	pfree(old);
}

int *
json_map_put(JsonMap *table, JsonNode *key, bool *found)
{
	Entry *entry = find_entry(table, key);

	CHECK_FOR_INTERRUPTS();
	*found = entry->key != NULL;
	if (*found)
		return &entry->value;
	if (table->used + 1 > table->mask / 2)
	{
		grow(table);
		entry = find_entry(table, key);
	}
	table->used++;
	entry->key = key;
	return &entry->value;
}

const int *
json_map_get(const JsonMap *table, JsonNode *key)
{
	const Entry *entry = find_entry(table, key);

	return entry->key != NULL ? &entry->value : NULL;
}
