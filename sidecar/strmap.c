/*
 * strmap.c: see strmap.h.
 *
 * Deletion moves later entries of the same run back into the hole instead of
 * leaving tombstones, so lookups never get slower with churn.
 */
#include "strmap.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MIN_CAP 16

/* Random, once per process. */
static uint64_t
seed(void)
{
	static uint64_t value;

	while (value == 0)
	{
		if (getrandom(&value, sizeof(value), 0) != sizeof(value))
			value = (uint64_t) (uintptr_t) &value;
	}
	return value;
}

/* FNV-1a from a random basis, with the finalizer of MurmurHash3 */
uint64_t
strmap_hash(const char *key)
{
	uint64_t hash = seed() ^ 0xcbf29ce484222325u;

	for (; *key; key++)
		hash = (hash ^ (unsigned char) *key) * 0x100000001b3u;
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdu;
	hash ^= hash >> 33;
	return hash;
}

void
strmap_free(StrMap *map)
{
	free(map->slots);
	*map = (StrMap){0};
}

/* Returns the slot of the key, or the free slot where it would go. */
static size_t
find_slot(const StrMap *map, const char *key, uint64_t hash)
{
	size_t at = hash & (map->cap - 1);

	while (map->slots[at].key != NULL)
	{
		if (map->slots[at].hash == hash && strcmp(map->slots[at].key, key) == 0)
			break;
		at = (at + 1) & (map->cap - 1);
	}
	return at;
}

/* Moves all entries to a table of another size. */
static void
resize(StrMap *map, size_t cap)
{
	StrMap bigger = {mem_zalloc(cap * sizeof(StrMapEntry)), cap, map->count};

	for (size_t i = 0; i < map->cap; i++)
	{
		const StrMapEntry *entry = &map->slots[i];

		if (entry->key != NULL)
			bigger.slots[find_slot(&bigger, entry->key, entry->hash)] = *entry;
	}
	free(map->slots);
	*map = bigger;
}

void *
strmap_get(const StrMap *map, const char *key)
{
	if (map->count == 0)
		return NULL;
	return map->slots[find_slot(map, key, strmap_hash(key))].value;
}

void
strmap_add(StrMap *map, const char *key, void *value)
{
	uint64_t hash = strmap_hash(key);

	if ((map->count + 1) * 4 > map->cap * 3)
		resize(map, map->cap ? map->cap * 2 : MIN_CAP);
	map->slots[find_slot(map, key, hash)] = (StrMapEntry){key, value, hash};
	map->count++;
}

/* Closes the hole at `at` so that every probe sequence stays unbroken. */
static void
close_hole(StrMap *map, size_t at)
{
	size_t mask = map->cap - 1;
	size_t next = at;

	for (;;)
	{
		size_t home;

		next = (next + 1) & mask;
		if (map->slots[next].key == NULL)
			break;
		home = map->slots[next].hash & mask;
		if (((next - home) & mask) < ((next - at) & mask))
			continue; /* its home lies after the hole */
		map->slots[at] = map->slots[next];
		at = next;
	}
	map->slots[at] = (StrMapEntry){0};
}

void *
strmap_remove(StrMap *map, const char *key)
{
	size_t at;
	void *value;

	if (map->count == 0)
		return NULL;
	at = find_slot(map, key, strmap_hash(key));
	if (map->slots[at].key == NULL)
		return NULL;
	value = map->slots[at].value;
	close_hole(map, at);
	map->count--;
	if (map->cap > MIN_CAP && map->count * 8 < map->cap)
		resize(map, map->cap / 2);
	return value;
}

void *
strmap_next(const StrMap *map, size_t *position)
{
	while (*position < map->cap)
	{
		const StrMapEntry *entry = &map->slots[(*position)++];

		if (entry->key != NULL)
			return entry->value;
	}
	return NULL;
}
