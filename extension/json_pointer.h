/*
 * json_pointer.h
 *	  JSON pointers (RFC 6901) into a tree of json_tree.h.
 *
 * A pointer is used as the text it is: walking takes a token at a time off its
 * front, so that a long one costs no more than the document is deep.  Each
 * character has one way to be written, hence pointers compare as their bytes.
 */
#ifndef WRK_JSON_POINTER_H
#define WRK_JSON_POINTER_H

#include "postgres.h"
#include "lib/stringinfo.h"

#include "json_tree.h"

/* whether it is empty or begins with "/", and "~" stands only in "~0" and "~1" */
extern bool json_pointer_valid(JsonText pointer);

/*
 * Takes the first token off a valid pointer; false at its end.  The token is
 * unescaped, which allocates only if there is something to do.
 */
extern bool json_pointer_next(JsonText *pointer, JsonText *token);

/* the token as index of an array, strictly ("0", "10", not "01"); -1 if it is none below
 * limit */
extern int json_pointer_index(JsonText token, int limit);

/* the child of a container that the token names, NULL if there is none */
extern JsonNode *json_pointer_child(JsonNode *node, JsonText token);

/* what the pointer points to, NULL if there is nothing */
extern JsonNode *json_pointer_get(JsonNode *doc, JsonText pointer);

/*
 * The container that holds or would hold what the pointer points to, with the
 * last token; NULL if there is no such array or object.  Not for the empty
 * pointer, which nothing holds.
 */
extern JsonNode *json_pointer_parent(JsonNode *doc, JsonText pointer, JsonText *last);

/* whether below lies inside of what above points to; no pointer is above itself */
extern bool json_pointer_is_above(JsonText above, JsonText below);

/* one more token at the end of a pointer that is being built */
extern void json_pointer_add_key(StringInfo pointer, JsonText key);
extern void json_pointer_add_index(StringInfo pointer, int index);

#endif /* WRK_JSON_POINTER_H */
