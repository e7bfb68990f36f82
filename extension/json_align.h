/*
 * json_align.h
 *	  Which element of one array became which of another.
 *
 * Keyed arrays (json_keyed.h) are aligned by their ids, others by what is the
 * same: a longest common subsequence; then values that went elsewhere in the
 * array; then, between two that stayed, one by one, as changed.
 */
#ifndef WRK_JSON_ALIGN_H
#define WRK_JSON_ALIGN_H

#include "json_tree.h"

/* one of these for each pair of arrays; owns what it points to */
typedef struct JsonAlignment
{
	int *from;   /* for each of the second array: position in the first, -1 = new */
	bool *moves; /* whether it does not keep its place among those that have one */
} JsonAlignment;

extern JsonAlignment json_align(JsonNode *a, JsonNode *b);

#endif /* WRK_JSON_ALIGN_H */
