/*
 * json_diff.h
 *	  The JSON Patch (RFC 6902) that makes one document of another.
 *
 * Objects are compared by member, arrays as json_align.h has them.  Where saying
 * a value whole takes clearly fewer bytes than its changes, it is said whole.
 * Operations are add, remove, replace and, inside of one object or array, move.
 *
 * Law: json_patch(a, json_diff(a, b)) = b, byte for byte.
 */
#ifndef WRK_JSON_DIFF_H
#define WRK_JSON_DIFF_H

#include "json_tree.h"

/* an array of operations, which share nodes with b; opens both */
extern JsonNode *json_diff(JsonNode *a, JsonNode *b);

#endif /* WRK_JSON_DIFF_H */
