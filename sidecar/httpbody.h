/*
 * httpbody.h: what follows the head of an HTTP/1.1 request, without I/O (layer 1).
 *
 * Where a request ends must be beyond doubt, or what a proxy takes for a body we
 * would take for the next request. So a body is refused rather than guessed at: both
 * Content-Length and Transfer-Encoding, one of them twice, a length or a chunk size
 * that is not plain digits, another coding than chunked, a line of the coding that
 * ends otherwise than in CRLF. Whoever is refused is also disconnected.
 */
#ifndef WRK_HTTPBODY_H
#define WRK_HTTPBODY_H

#include "buf.h"
#include "httphead.h"

#include <stdint.h>

#define HTTP_CHUNK_LINE_MAX 256 /* size and extensions of a chunk */
#define HTTP_TRAILERS_MAX 4096  /* read and dropped */

typedef enum HttpBodyState
{
	BODY_DONE,
	BODY_LENGTH, /* `left` bytes are to come */
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA, /* `left` bytes of the chunk are to come */
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	TRAILER_START,
	TRAILER,
	TRAILER_LF,
	CHUNKED_LF, /* of the empty line at the end */
} HttpBodyState;

/* Zeroed: a body that is over and owns nothing. */
typedef struct HttpBody
{
	HttpBodyState state;
	uint64_t left;
	size_t line;   /* bytes of the line, or of the trailers, so far */
	size_t digits; /* of the chunk size */
	size_t max;
	Buf data;
} HttpBody;

typedef enum HttpBodyParse
{
	HTTP_BODY_DONE,
	HTTP_BODY_MORE,
	HTTP_BODY_BROKEN,    /* answer 400 */
	HTTP_BODY_TOO_LARGE, /* answer 413 */
} HttpBodyParse;

/* Reads what the head says of it: 0, or the status that refuses the request. */
extern int http_body_begin(HttpBody *body, const HttpHead *head, size_t max);

/* Takes bytes as they come; *used of them belong to this body. */
extern HttpBodyParse http_body_feed(HttpBody *body, const char *bytes, size_t len,
									size_t *used);

/* One of these for a request whose body is still coming; owns its head's bytes. */
typedef struct HttpRequest
{
	Buf bytes; /* what `head` points into */
	HttpHead head;
	HttpBody body;
} HttpRequest;

/* NULL is fine. */
extern void http_request_free(HttpRequest *request);

#endif
