/*
 * httphead.h: the head of an HTTP/1.1 request, without I/O (layer 1).
 *
 * Parsed in place: names and values point into the caller's bytes, which get
 * NULs. A head is refused rather than guessed at: no obsolete line folding, no
 * space before a colon, no control characters, bounded size and count.
 */
#ifndef WRK_HTTPHEAD_H
#define WRK_HTTPHEAD_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX 16384
#define HTTP_HEADERS_MAX 64

typedef struct HttpHeader
{
	const char *name;
	const char *value;
} HttpHeader;

typedef struct HttpHead
{
	const char *method;
	const char *path;
	const char *query; /* "" when there is none */
	int minor;         /* of HTTP/1.x */
	HttpHeader headers[HTTP_HEADERS_MAX];
	size_t nheaders;
} HttpHead;

typedef enum HttpParse
{
	HTTP_HEAD_DONE,
	HTTP_HEAD_MORE,
	HTTP_HEAD_BROKEN,    /* answer 400 */
	HTTP_HEAD_TOO_LARGE, /* answer 431 */
} HttpParse;

extern HttpParse http_head_parse(char *bytes, size_t len, HttpHead *head, size_t *used);

/* First header of that name, NULL when there is none. */
extern const char *http_header(const HttpHead *head, const char *name);

/* How many headers of that name there are. */
extern size_t http_header_count(const HttpHead *head, const char *name);

/* Is the token in a comma separated header (case does not matter)? */
extern bool http_header_has(const HttpHead *head, const char *name, const char *token);

/*
 * Walks the comma separated items of all headers of that name; *state starts at
 * zeros. False at the end.
 */
typedef struct HttpListState
{
	size_t header;
	const char *at;
} HttpListState;

extern bool http_list_next(const HttpHead *head, const char *name, HttpListState *state,
						   const char **item, size_t *len);

/* Decodes unpadded base64url; a malloc'd, NUL-terminated text, NULL if malformed. */
extern char *base64url_decode(const char *text, size_t len);

#endif
