/*
 * deflate.h: permessage-deflate (RFC 7692), without I/O (layer 1); deflate.c is the
 * only file that knows zlib.
 *
 * Every message is compressed on its own (no context takeover, either way): so what is
 * compressed for one client is the same for all of them and is made once, and nobody
 * costs a window of memory. What must stay true: a message is inflated to at most as
 * many bytes as it might have had uncompressed, whatever it claims.
 */
#ifndef WRK_DEFLATE_H
#define WRK_DEFLATE_H

#include "buf.h"
#include "httphead.h"

#define DEFLATE_MIN 128 /* bytes below which a message is sent as it is */

typedef enum Inflate
{
	INFLATE_DONE,
	INFLATE_BROKEN,    /* close 1002 */
	INFLATE_TOO_LARGE, /* close 1009 */
} Inflate;

/*
 * Takes the first offer in Sec-WebSocket-Extensions that can be kept, and appends the
 * answer's value. False when there is none.
 */
extern bool deflate_negotiate(const HttpHead *head, Buf *answer);

/* Appends a text frame, compressed if that makes it smaller. */
extern void deflate_append_frame(Buf *out, const char *text, size_t len);

/* Appends what a client's compressed message says, at most max bytes. */
extern Inflate deflate_inflate(Buf *out, const unsigned char *bytes, size_t len,
							   size_t max);

#endif
