/*
 * document.h
 *	  Documents out of whatever bytes the fuzzer comes up with.
 *
 * Every sequence of bytes means some documents, and a small change of the bytes
 * mostly a small change of a document.  When the bytes are used up all choices
 * are the first one, so that everything ends.
 */
#ifndef FUZZ_DOCUMENT_H
#define FUZZ_DOCUMENT_H

#include "server.h"

#include "json_tree.h"

typedef struct Bytes
{
	const uint8 *next;
	size_t left;
} Bytes;

/* a choice of 0 .. limit - 1, limit at most 256 */
extern int take(Bytes *bytes, int limit);

/* a choice that is left however much a document took: from the end of the bytes */
extern int take_last(Bytes *bytes, int limit);

/* a value out of half of the bytes that are left, so that there is something for what
 * follows */
extern JsonNode *make_first(Bytes *bytes, int depth);

/* any value, containers nested at most so deep; in some cases much deeper */
extern JsonNode *make_value(Bytes *bytes, int depth);
extern JsonText make_key(Bytes *bytes);

/* nodes, edges between them, and more of the kind; out of half of the bytes as well */
extern JsonNode *make_blueprint(Bytes *bytes);

/* a copy with a few changes somewhere in it */
extern JsonNode *make_changed(Bytes *bytes, JsonNode *node);

/* the same document as a jsonb that was well-formed, all of it raw */
extern JsonNode *freeze(JsonNode *node);

/* the same; of which the bytes say what is raw */
extern JsonNode *freeze_some(Bytes *bytes, JsonNode *node);

/* opens all containers */
extern void open_all(JsonNode *node);

/* whether both are written as the same bytes */
extern bool same_written(JsonNode *a, JsonNode *b);

/* aborts if the jsonb is not what the server would have made of its values */
extern void check_well_formed(const Jsonb *doc);

/* how many values it has, itself included */
extern int count_values(JsonNode *node);

/* with FUZZ_PRINT in the environment: prints the document, for who looks into a failure
 */
extern void show(const char *name, JsonNode *node);

#endif /* FUZZ_DOCUMENT_H */
