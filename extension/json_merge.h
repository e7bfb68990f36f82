/*
 * json_merge.h
 *	  What two sides made of one document, put together.
 *
 * Objects are merged by member and keyed arrays (json_keyed.h) by element, both
 * to any depth that a path of some hundred bytes leads to; everything else is a
 * value that is changed whole.  A value that
 * only one side changed is that side's.
 *
 * A conflict is {"path", "kind", "base", "ours", "theirs"}: path is an array of
 * member names and, for elements of keyed arrays, ids as they stand there; a
 * version that has no such value has no such member.  Kinds:
 *
 *	edit_edit		both changed it, differently
 *	edit_delete		ours changed what theirs deleted
 *	delete_edit		ours deleted what theirs changed
 *	add_add			both added it, differently (objects are merged, elements are not)
 *	order			both moved elements of a keyed array, differently; the
 *					versions are ids of the elements that all three have
 *
 * Laws: merge(b, b, x) = merge(b, x, b) = merge(b, x, x) = x, byte for byte; and
 * to swap the sides and the winner changes nothing but the names in conflicts.
 */
#ifndef WRK_JSON_MERGE_H
#define WRK_JSON_MERGE_H

#include "json_tree.h"

/* one step from the document to a value in it */
typedef struct JsonMergeStep
{
	JsonNode *name; /* of a member, or id of an element */
	bool element;
} JsonMergeStep;

/* what a caller may know about its documents; all but the first may be NULL */
typedef struct JsonMergeOptions
{
	bool theirs_win; /* conflicts; otherwise ours */

	/* whether the value at this path is never in conflict; theirs wins */
	bool (*ignored)(void *arg, const JsonMergeStep *path, int n);

	/* the value at this path without what is ignored in it; must not change it */
	JsonNode *(*essence)(void *arg, const JsonMergeStep *path, int n, JsonNode *value);

	void *arg; /* for both */
} JsonMergeOptions;

/*
 * The merged document, which shares nodes with all three; conflicts are appended
 * to the array and share nodes with them as well.  So change none of these any
 * more, but copies.
 */
extern JsonNode *json_merge(JsonNode *base, JsonNode *ours, JsonNode *theirs,
							const JsonMergeOptions *options, JsonNode *conflicts);

/* the versions that a conflict is between; those that are NULL are left out */
extern void json_merge_put_versions(JsonNode *conflict, JsonNode *base, JsonNode *ours,
									JsonNode *theirs);

#endif /* WRK_JSON_MERGE_H */
