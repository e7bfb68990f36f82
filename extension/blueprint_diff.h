/*
 * blueprint_diff.h
 *	  What changed between two blueprints, element by element.
 *
 * A diff is an object, empty if nothing changed:
 *
 *	{"<collection>": {"added": [element, ...],
 *					  "updated": [{"id": id, "set": [[path, value], ...],
 *								   "unset": [path, ...], "in": [...]}, ...],
 *					  "deleted": [id, ...],
 *					  "order": [[id, id of the one before or null], ...]},
 *	 "meta": {"set": ..., "unset": ..., "in": ...}}
 *
 * A collection is a member that is a keyed array in both documents; whatever
 * else changed in the document is in "meta".  A path is an array of member names
 * and leads through objects only; other arrays are set as a whole.  A keyed array
 * inside an element is an element of "in": the members of a collection, and
 * "path".  Deleted ids are in the old order, all else in the new one.
 */
#ifndef WRK_BLUEPRINT_DIFF_H
#define WRK_BLUEPRINT_DIFF_H

#include "json_tree.h"

/*
 * ui as blueprint_ui() has it: what differs there only is no difference.  The
 * result shares nodes with both, and b may lose what is UI-only.  Error:
 * bad_request for documents that are no objects.
 */
extern JsonNode *blueprint_diff(JsonNode *a, JsonNode *b, JsonNode *ui);

#endif /* WRK_BLUEPRINT_DIFF_H */
