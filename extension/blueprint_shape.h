/*
 * blueprint_shape.h
 *	  Whether what a client sent is a diff as blueprint_diff.h describes it.
 */
#ifndef WRK_BLUEPRINT_SHAPE_H
#define WRK_BLUEPRINT_SHAPE_H

#include "json_tree.h"

/*
 * Refuses what is no diff, whatever the document.  Error: bad_request, DETAIL
 * {"path": [...]} into the diff.  What names an element twice is found out by
 * blueprint_patch(), which looks all of them up.
 */
extern void blueprint_check_shape(JsonNode *diff);

#endif /* WRK_BLUEPRINT_SHAPE_H */
