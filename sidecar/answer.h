/*
 * answer.h: an HTTP answer (layer 2).
 *
 * What must stay true: every answer says how long it is and what it is, and no browser
 * guesses or keeps it unless it is told to.
 */
#ifndef WRK_ANSWER_H
#define WRK_ANSWER_H

#include "conn.h"
#include "wire.h"

/* Zeroed but for status and content_type; answer_send() frees the buffers. */
typedef struct Answer
{
	int status;
	const char *content_type; /* NULL: there is no body */
	const char *caching;      /* NULL: no-store */
	bool head_only;           /* the body is counted, but not sent */
	Buf headers;              /* more header lines, each with CRLF */
	Buf body;
	Chunk *shared; /* what others are sent as well, instead of body; borrowed, or NULL */
} Answer;

/*
 * Sends it and moves the connection to CONN_HTTP; conn->keep_alive says whether
 * another request may follow.
 */
extern void answer_send(Conn *conn, Answer *answer);

/* Makes it the error's payload, with its status and what headers say of it. */
extern void answer_set_error(Answer *answer, const WireError *error);

/* Header lines for a page of that origin, NULL when it is no page's request. */
extern void answer_allow_origin(Buf *headers, const char *origin);

/* Retry-After in seconds, when there is something to wait for. */
extern void answer_retry_after(Buf *headers, int64_t ms);

#endif
