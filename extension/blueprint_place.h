/*
 * blueprint_place.h
 *	  Where in a document given by a client something is wrong, and saying so.
 *
 * Places are made on the stack while descending, so that they cost nothing as
 * long as nothing is wrong.
 */
#ifndef WRK_BLUEPRINT_PLACE_H
#define WRK_BLUEPRINT_PLACE_H

#include "json_tree.h"

/* one of these for each level; the document itself is NULL */
typedef struct BlueprintPlace
{
	const struct BlueprintPlace *up;
	JsonText name; /* of a member */
	int index;     /* of an element, if name has no bytes to point to */
} BlueprintPlace;

extern BlueprintPlace blueprint_member(const BlueprintPlace *up, JsonText name);
extern BlueprintPlace blueprint_named(const BlueprintPlace *up, const char *name);
extern BlueprintPlace blueprint_item(const BlueprintPlace *up, int index);

/*
 * Raise bad_request and conflict with DETAIL {"path": [member or index, ...]}, of
 * a conflict also "id" unless that is NULL.  They do not return.
 */
extern void blueprint_malformed(const BlueprintPlace *place, const char *message);
extern void blueprint_conflict(const BlueprintPlace *place, JsonNode *id,
							   const char *message);

#endif /* WRK_BLUEPRINT_PLACE_H */
