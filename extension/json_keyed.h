/*
 * json_keyed.h
 *	  Keyed arrays: arrays whose elements are known by their "id".
 *
 * An array is keyed if every element is an object with a member "id" that is a
 * string or a number, and no two ids are the same.  An empty array is keyed.
 * Ids are compared by their bytes: "1" is not 1, and 1 is not 1.0.
 *
 * An index tells positions as they were when it was made, in linear time.  It
 * opens no element.
 */
#ifndef WRK_JSON_KEYED_H
#define WRK_JSON_KEYED_H

#include "json_tree.h"

typedef struct JsonKeys JsonKeys;

/* palloc'd; NULL if the node is no array or not keyed */
extern JsonKeys *json_keys(JsonNode *array);

/* position of the element in the array, -1 if there is none */
extern int json_keys_find(const JsonKeys *keys, JsonNode *id);

/*
 * The same, quicker where elements follow each other as they do here: looks at
 * *next first, and moves it on.  Begin with 0.
 */
extern int json_keys_next(const JsonKeys *keys, JsonNode *id, int *next);

/* id of the i-th element */
extern JsonNode *json_keys_id(const JsonKeys *keys, int i);

extern int json_keys_count(const JsonKeys *keys);

/* the id of a node, which need not be opened; NULL if it has none that can be one */
extern JsonNode *json_id(JsonNode *node);

#endif /* WRK_JSON_KEYED_H */
