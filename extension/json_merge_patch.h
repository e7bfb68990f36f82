/*
 * json_merge_patch.h
 *	  JSON Merge Patch (RFC 7396) on trees of json_tree.h.
 */
#ifndef WRK_JSON_MERGE_PATCH_H
#define WRK_JSON_MERGE_PATCH_H

#include "json_tree.h"

/* the document after the patch; may share nodes with both, so keep them and change
 * neither */
extern JsonNode *json_merge_patch(JsonNode *doc, JsonNode *patch);

/*
 * A merge patch that makes b of a; shares nodes with b.  Error: bad_request with
 * detail {"path":pointer} where b has a member null that a has not, for in a
 * merge patch null says "remove".
 */
extern JsonNode *json_merge_diff(JsonNode *a, JsonNode *b);

#endif /* WRK_JSON_MERGE_PATCH_H */
