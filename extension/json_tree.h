/*
 * json_tree.h
 *	  A jsonb document as a tree that can be changed.
 *
 * Building the tree costs nothing: a container stays raw, a pointer into the
 * jsonb, until somebody opens it, and what was never opened is written back as
 * the bytes it was.  So an edit costs what it touches, and a copy of the rest.
 *
 * Nodes live in the memory context they were made in and point into the jsonb
 * they were made from; both must outlive the tree.  A node belongs to one place
 * of one tree, unless it is only read; json_copy() makes another.
 *
 * Two values are the same if their bytes are, since jsonb is canonical: keys are
 * ordered and unique.  So 1.0 and 1.00, which are equal numbers, are not the same.
 */
#ifndef WRK_JSON_TREE_H
#define WRK_JSON_TREE_H

#include "postgres.h"
#include "utils/jsonb.h"

typedef enum JsonKind
{
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
} JsonKind;

typedef struct JsonNode JsonNode;

/* bytes of a key or string, not ended by a zero */
typedef struct JsonText
{
	const char *val;
	int len;
} JsonText;

typedef struct JsonMember
{
	JsonText key;
	JsonNode *value;
} JsonMember;

struct JsonNode
{
	JsonKind kind;
	JsonbContainer *raw; /* of an array or object that is not opened, else NULL */
	int n;               /* elements or members; of a raw container as well */
	union
	{
		bool boolean;
		Numeric number;
		JsonText string;
		JsonNode **items;    /* array */
		JsonMember *members; /* object, in jsonb's order of keys */
	} u;
	int space;   /* elements or members there is room for */
	int raw_len; /* bytes of raw */
};

/* ---------- from and to jsonb ---------- */

extern JsonNode *json_from_jsonb(const Jsonb *doc);

/* error: too_large for what a jsonb cannot hold */
extern Jsonb *json_to_jsonb(JsonNode *node);

/* bytes the node takes in a jsonb, nearly; costs what is opened */
extern Size json_size(JsonNode *node);

/* ---------- making nodes ---------- */

extern JsonNode *json_new_null(void);
extern JsonNode *json_new_bool(bool value);
extern JsonNode *json_new_int(int64 value);
extern JsonNode *json_new_text(JsonText text); /* keeps the pointer */
extern JsonNode *json_new_string(const char *text);
extern JsonNode *json_new_array(void);
extern JsonNode *json_new_object(void);
extern JsonNode *json_copy(JsonNode *node);

extern JsonText json_text(const char *text); /* keeps the pointer */

/* ---------- comparing ---------- */

/* as jsonb orders keys: shorter ones first */
extern int json_text_cmp(JsonText a, JsonText b);
extern bool json_text_is(JsonText a, const char *b);

/* same bytes */
extern bool json_same(JsonNode *a, JsonNode *b);

/* equal as RFC 6902 has it: numbers by value */
extern bool json_equal(JsonNode *a, JsonNode *b);

/* ---------- arrays ---------- */

extern JsonNode *json_item(JsonNode *array, int i);
extern void json_append(JsonNode *array, JsonNode *item);
extern void json_insert(JsonNode *array, int i, JsonNode *item);
extern JsonNode *json_remove_item(JsonNode *array, int i); /* returns it */
extern void json_set_item(JsonNode *array, int i, JsonNode *item);

/* ---------- objects ---------- */

/* NULL if there is no such member */
extern JsonNode *json_get(JsonNode *object, JsonText key);
extern JsonNode *json_get_named(JsonNode *object, const char *key);

/* adds or replaces; the key's bytes are not copied */
extern void json_set(JsonNode *object, JsonText key, JsonNode *value);
extern void json_set_named(JsonNode *object, const char *key, JsonNode *value);

/* returns the value, NULL if there was none */
extern JsonNode *json_remove(JsonNode *object, JsonText key);

/* the i-th member in order of keys; valid until the object is changed */
extern const JsonMember *json_member(JsonNode *object, int i);

#endif /* WRK_JSON_TREE_H */
