/*
 * json_text.h
 *	  A tree as JSON text, for the DETAIL of errors.
 */
#ifndef WRK_JSON_TEXT_H
#define WRK_JSON_TEXT_H

#include "json_tree.h"

/* palloc'd */
extern char *json_to_cstring(JsonNode *node);

#endif /* WRK_JSON_TEXT_H */
