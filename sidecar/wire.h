/*
 * wire.h: wrk.v1 frames as text (layer 1).
 *
 * Reading: one JSON object, no duplicate members, no NUL. Writing: wire_open()
 * starts {"type":...,"requestId":...,"channel":...,"payload": and the caller
 * appends the payload and wire_close().
 */
#ifndef WRK_WIRE_H
#define WRK_WIRE_H

#include "buf.h"
#include "errors.h"

#include <jansson.h>

#define WIRE_ID_MAX 128    /* characters of a requestId */
#define WIRE_HINT_MAX 1000 /* bytes; a longer hint is left out */

/* A client's frame. Strings belong to root; release with request_free(). */
typedef struct Request
{
	json_t *root;
	const char *type;
	char *id;            /* the requestId as JSON text, NULL when there is none */
	const char *channel; /* NULL when there is none */
	json_t *payload;     /* an object or NULL */
	const char *text;    /* the frame itself, borrowed from the caller */
	size_t len;
} Request;

/*
 * Reads a frame. On failure *why is a message for the client; the id is kept when
 * it could be read, so that the error finds its request. Free in either case.
 */
extern bool request_parse(Request *request, const char *text, size_t len,
						  const char **why);
extern void request_free(Request *request);

/* A string member of the payload; NULL when absent or not a string. */
extern const char *request_string(const Request *request, const char *name);

/*
 * A member of the payload, or with NULL the payload itself, as JSON text of the
 * client's own words: a json_t turns 0.1 into 0.10000000000000001. malloc'd; NULL
 * when absent.
 */
extern char *request_text(const Request *request, const char *name);

/*
 * A client's JSON: one value, no duplicate members, no NUL. NULL when it is none; the
 * caller's to release.
 */
extern json_t *wire_load(const char *text, size_t len);

/*
 * A member of an object of our own writing, as its text: *value lies in json. False
 * when there is none.
 */
extern bool wire_member(const char *json, size_t len, const char *name,
						const char **value, size_t *value_len);

/* Is the member there, with a value that is spelt so? */
extern bool wire_member_is(const char *json, size_t len, const char *name,
						   const char *text);

/*
 * A member of a client's object, which was parsed, as its text in the client's own
 * words, or as jansson's when its key is spelt with escapes. malloc'd; NULL when absent.
 */
extern char *wire_member_text(const char *json, size_t len, const json_t *object,
							  const char *name);

/*
 * The next element of an array that was parsed; *at is its text, and later how far it
 * was read. False when there is none.
 */
extern bool wire_element(const char **at, const char *end, const char **value,
						 size_t *value_len);

/* id and channel may be NULL. */
extern void wire_open(Buf *out, const char *type, const char *id, const char *channel);
extern void wire_close(Buf *out);

/* Whole frames that are sent from more than one place. */
extern void wire_gap(Buf *out, const char *channel, const char *reason);
extern void wire_position(Buf *out, const char *position);

typedef struct WireError
{
	const ErrorCode *code;
	const char *message;
	const char *hint;    /* what to do about it, for people; NULL = none */
	int64_t retry_after; /* ms, 0 = none */
	const char *details; /* JSON text or NULL */
} WireError;

/* Just its payload. */
extern void wire_error_payload(Buf *out, const WireError *error);

extern void wire_error(Buf *out, const char *id, const char *channel,
					   const WireError *error);

/* Appends a JSON number of milliseconds, or null for 0. */
extern void wire_number_or_null(Buf *out, int64_t number);

/* May a client name an ephemeral event so? No dots or colons, no server frame. */
extern bool wire_is_ephemeral_type(const char *type);

#endif
