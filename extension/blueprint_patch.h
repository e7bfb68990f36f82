/*
 * blueprint_patch.h
 *	  Making the changes of a diff (blueprint_diff.h) to a blueprint.
 */
#ifndef WRK_BLUEPRINT_PATCH_H
#define WRK_BLUEPRINT_PATCH_H

#include "json_tree.h"

/*
 * Changes doc, which takes over nodes of the diff.  In each collection elements
 * are deleted and updated, then added at the end in their order, then moved as
 * "order" says, one step after the other.  Errors: bad_request for a diff that is
 * none; conflict for one that does not fit the document, DETAIL {"path": [...]
 * into the diff, "id"}.  After an error doc is good for nothing.
 */
extern void blueprint_patch(JsonNode *doc, JsonNode *diff);

#endif /* WRK_BLUEPRINT_PATCH_H */
