/*
 * json_patch.h
 *	  JSON Patch (RFC 6902) on a tree of json_tree.h.
 */
#ifndef WRK_JSON_PATCH_H
#define WRK_JSON_PATCH_H

#include "json_tree.h"

#define JSON_PATCH_MAX_OPERATIONS 100000

/*
 * Bytes that all copy operations of a patch may add up to: so many, or several
 * times the document if that is more, but never more than a jsonb holds.  What is
 * opened afterwards takes up to twenty times the memory.
 */
#define JSON_PATCH_COPIED ((Size) 16 * 1024 * 1024)
#define JSON_PATCH_COPIED_TIMES 4
#define JSON_PATCH_MAX_COPIED ((Size) JENTRY_OFFLENMASK)

/*
 * The document after the patch.  Changes doc and moves values out of patch into
 * it, so neither tree is good for anything else afterwards, after an error either.
 *
 * Errors, each with detail {"op":index of the operation, "path":pointer or null}:
 * bad_request for what is no patch, not_found for a pointer to nothing, conflict
 * for a test that fails, too_large for too many operations or copies.
 */
extern JsonNode *json_patch(JsonNode *doc, JsonNode *patch);

#endif /* WRK_JSON_PATCH_H */
