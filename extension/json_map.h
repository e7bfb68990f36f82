/*
 * json_map.h
 *	  Numbers by id: a table from strings and numbers to what a caller counts.
 *
 * Unlike the index of json_keyed.h it grows, takes what it is given in any order
 * and has no opinion on doubles.  Keys are compared by their bytes.  Lives in the
 * memory context it was made in and points to its keys.
 */
#ifndef WRK_JSON_MAP_H
#define WRK_JSON_MAP_H

#include "json_tree.h"

typedef struct JsonMap JsonMap;

extern JsonMap *json_map(int expected);

/*
 * Place for the number of this key, which is a string or a number; found tells
 * whether it was there, a new one is 0.  Valid until the next call.
 */
extern int *json_map_put(JsonMap *table, JsonNode *key, bool *found);

/* NULL if the key is not there */
extern const int *json_map_get(const JsonMap *table, JsonNode *key);

#endif /* WRK_JSON_MAP_H */
