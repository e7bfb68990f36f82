/*
 * strmap.h: hash map from string to pointer (layer 0).
 *
 * Open addressing with linear probing, at most 3/4 full, shrinks when it becomes
 * sparse. The map owns neither keys nor values: a key must live as long as its
 * entry (it usually is a member of the value). Hashes are seeded once per
 * process, because keys may be chosen by clients.
 */
#ifndef WRK_STRMAP_H
#define WRK_STRMAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct StrMapEntry
{
	const char *key; /* NULL = free slot */
	void *value;
	uint64_t hash;
} StrMapEntry;

typedef struct StrMap
{
	StrMapEntry *slots;
	size_t cap; /* 0 or a power of two */
	size_t count;
} StrMap;

extern void strmap_free(StrMap *map);
extern void *strmap_get(const StrMap *map, const char *key);

/* The key must not be in the map yet. */
extern void strmap_add(StrMap *map, const char *key, void *value);

/* Returns the value that was removed, NULL when the key was not there. */
extern void *strmap_remove(StrMap *map, const char *key);

/* Iterates: start with *position = 0; NULL at the end. No changes meanwhile. */
extern void *strmap_next(const StrMap *map, size_t *position);

extern uint64_t strmap_hash(const char *key);

#endif
