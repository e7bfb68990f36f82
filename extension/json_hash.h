/*
 * json_hash.h
 *	  Hashes of bytes and of values, for tables that live as long as a call.
 *
 * The seed differs from server to server and is told to nobody, so that nobody
 * can send values which all meet in one slot.  Nothing that is kept or shown
 * may depend on a hash, nor on the order of a table.
 */
#ifndef WRK_JSON_HASH_H
#define WRK_JSON_HASH_H

#include "json_tree.h"

extern uint64 json_hash_bytes(const void *data, int len);

/* values that are json_same() have the same hash; reads all of it */
extern uint64 json_hash(JsonNode *node);

#endif /* WRK_JSON_HASH_H */
