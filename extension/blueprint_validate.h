/*
 * blueprint_validate.h
 *	  Whether a document is a sound blueprint.
 *
 * Sound is: "nodes" and "edges", where there are any, are arrays of objects with
 * unique ids; every edge has a source and a target, ids of nodes that are there;
 * nothing is larger or deeper than its limit.  All else is the author's.
 *
 * Takes linear time and opens nothing but the arrays and the edges themselves.
 */
#ifndef WRK_BLUEPRINT_VALIDATE_H
#define WRK_BLUEPRINT_VALIDATE_H

#include "blueprint_problems.h"

/* sizes are bytes as jsonb has them, uncompressed; a scalar has depth 0, {} 1 */
typedef struct BlueprintLimits
{
	int64 node_bytes;
	int64 document_bytes;
	int64 nodes;
	int64 depth;
} BlueprintLimits;

#define BLUEPRINT_LIMITS \
	{ \
		.node_bytes = 262144, .document_bytes = 1048576, .nodes = 5000, .depth = 64 \
	}

/* the limit of this name, NULL if there is none */
extern int64 *blueprint_limit(BlueprintLimits *limits, JsonText name);

/* array of problems, empty if there is none; too_large tells whether one is of size */
extern JsonNode *blueprint_validate(JsonNode *doc, const BlueprintLimits *limits,
									bool *too_large);

#endif /* WRK_BLUEPRINT_VALIDATE_H */
