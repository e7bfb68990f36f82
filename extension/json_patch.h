/*
 * json_patch.h
 *	  JSON Patch (RFC 6902) on a tree of json_tree.h.
 */
#ifndef WRK_JSON_PATCH_H
#define WRK_JSON_PATCH_H

#include "json_tree.h"

#define JSON_PATCH_MAX_OPERATIONS 100000

/* bytes that copies may add: so many, or so many times the document, if that is more */
#define JSON_PATCH_COPIED ((Size) 16 * 1024 * 1024)
#define JSON_PATCH_COPIED_TIMES 8

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
