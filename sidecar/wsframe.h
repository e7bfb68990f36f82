/*
 * wsframe.h: WebSocket frames (RFC 6455, section 5), without I/O (layer 1).
 *
 * The parser keeps no state: it looks at the bytes that are there and says
 * whether a whole frame is among them. What must stay true: nothing is accepted
 * that the RFC forbids a client (no mask, reserved bits or opcodes, fragmented
 * or long control frames, lengths not in their shortest form).
 */
#ifndef WRK_WSFRAME_H
#define WRK_WSFRAME_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_HEADER_MAX 10 /* of a server's frame; a client's has 4 bytes of mask more */

typedef enum WsOpcode
{
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10
} WsOpcode;

typedef enum WsParse
{
	WS_FRAME,     /* *frame is filled; *used bytes belong to it */
	WS_NEED_MORE, /* the frame is not complete yet */
	WS_BROKEN,    /* close 1002 */
	WS_TOO_LARGE, /* close 1009 */
} WsParse;

typedef struct WsFrame
{
	WsOpcode opcode;
	bool fin;
	bool compressed;        /* reserved bit 1 of a data frame, RFC 7692 */
	unsigned char *payload; /* inside the input, unmasked in place */
	size_t len;
} WsFrame;

/* Takes the first frame off a client's bytes; deflate: that was agreed upon. */
extern WsParse wsframe_parse(unsigned char *bytes, size_t len, size_t max_payload,
							 bool deflate, WsFrame *frame, size_t *used);

/* Writes the header of an unmasked final frame; returns its length, 2, 4 or 10. */
extern size_t wsframe_header(unsigned char header[WS_HEADER_MAX], WsOpcode opcode,
							 size_t payload_len);

/* Appends an unmasked final frame. */
extern void wsframe_append(Buf *out, WsOpcode opcode, const void *payload, size_t len);

/*
 * Takes the first frame off bytes of our own making, which may be followed by more:
 * *payload lies in them. Returns the frame's length, header included.
 */
extern size_t wsframe_walk(const char *bytes, WsOpcode *opcode, const char **payload,
						   size_t *len);

/* Appends a close frame; the reason is cut at 123 bytes. */
extern void wsframe_append_close(Buf *out, int code, const char *reason);

/* The code a peer's close frame carries; 1005 when it has none, 1002 when invalid. */
extern int wsframe_close_code(const WsFrame *frame);

#endif
