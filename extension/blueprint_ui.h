/*
 * blueprint_ui.h
 *	  Members that only say how an editor shows a blueprint just now.
 *
 * A collection is a keyed array (json_keyed.h) that is a member of the document
 * under any name but "meta".  UI-only members are given by their paths inside an
 * element of a collection.  They make no difference between two documents.
 */
#ifndef WRK_BLUEPRINT_UI_H
#define WRK_BLUEPRINT_UI_H

#include "json_tree.h"

#define BLUEPRINT_META "meta"

/* names a path may have; what lies deeper is not told apart */
#define BLUEPRINT_MAX_PATH 64

/*
 * The paths as a tree of objects, JSON null at the end of each:
 * {"selected": null, "data": {"selected": null}}.  Option "ui" of options is an
 * array whose elements are a key or a path each; without it the usual keys of
 * React Flow.  NULL if there are none.  Error: bad_request, DETAIL {"path": [...]}.
 */
extern JsonNode *blueprint_ui(JsonNode *options);

/* what is UI-only below a member: NULL if nothing is, JSON null if all of it */
extern JsonNode *blueprint_ui_below(JsonNode *ui, JsonText key);
extern bool blueprint_ui_all(const JsonNode *ui);

/* whether the member of a document is a collection if it is a keyed array */
extern bool blueprint_is_collection(JsonText name);

/* take away what is UI-only: in an element or part of one, in all of an array, in a
 * document */
extern void blueprint_strip_value(JsonNode *value, JsonNode *ui);
extern void blueprint_strip_array(JsonNode *array, JsonNode *ui);
extern void blueprint_strip(JsonNode *doc, JsonNode *ui);

#endif /* WRK_BLUEPRINT_UI_H */
