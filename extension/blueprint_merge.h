/*
 * blueprint_merge.h
 *	  What two sides made of one blueprint, put together.
 *
 * As json_merge.h has it, but that UI-only members (blueprint_ui.h) are never in
 * conflict: theirs win; and that an edge of the result whose node one side
 * deleted, while it was there in some version, is dropped: conflict of kind
 * dangling_edge, {"path": ["edges", id], "nodes": [id, ...], "base", "ours", "theirs"}.
 */
#ifndef WRK_BLUEPRINT_MERGE_H
#define WRK_BLUEPRINT_MERGE_H

#include "json_tree.h"

typedef struct BlueprintMergeOptions
{
	bool theirs_win;
	bool strict;  /* any conflict is an error */
	JsonNode *ui; /* as blueprint_ui() makes it */
} BlueprintMergeOptions;

/* options "policy" and "ui"; error: bad_request */
extern BlueprintMergeOptions blueprint_merge_options(JsonNode *options);

/*
 * {"result": document, "conflicts": [...], "dropped_edges": [id, ...]}, only to be
 * read.  Error if strict: conflict, DETAIL {"conflicts": [...]}.
 */
extern JsonNode *blueprint_merge(JsonNode *base, JsonNode *ours, JsonNode *theirs,
								 const BlueprintMergeOptions *options);

#endif /* WRK_BLUEPRINT_MERGE_H */
