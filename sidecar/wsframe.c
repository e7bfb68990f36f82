/*
 * wsframe.c: see wsframe.h.
 */
#include "wsframe.h"

#include "utf8.h"

#include <string.h>

/* Text, binary, continuation, close, ping, pong. */
static bool
opcode_is_known(unsigned opcode)
{
	return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

/* Reserved bit 1 says that a message is compressed, on its first frame only. */
static bool
first_byte_is_legal(unsigned char byte, bool deflate)
{
	unsigned opcode = byte & 0x0f;

	if ((byte & 0x30) != 0 || !opcode_is_known(opcode))
		return false;
	return (byte & 0x40) == 0 || (deflate && (opcode == WS_TEXT || opcode == WS_BINARY));
}

/* The rules that the first two bytes can break. */
static bool
header_is_legal(const unsigned char *bytes, bool deflate)
{
	unsigned opcode = bytes[0] & 0x0f;
	bool fin = (bytes[0] & 0x80) != 0;

	if (!first_byte_is_legal(bytes[0], deflate))
		return false;
	if ((bytes[1] & 0x80) == 0)
		return false; /* a client must mask */
	if (opcode >= WS_CLOSE && (!fin || (bytes[1] & 0x7f) > 125))
		return false;
	return true;
}

/* Reads the extended length; false when it is not in its shortest form. */
static bool
read_length(const unsigned char *bytes, size_t size, uint64_t *length)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | bytes[i];
	*length = value;
	return size == 2 ? value >= 126 : value > 0xffff && value <= INT64_MAX;
}

/* Eight bytes at a time. */
static void
unmask(unsigned char *payload, size_t len, const unsigned char *mask)
{
	uint64_t wide;
	uint32_t narrow;
	size_t i = 0;

	memcpy(&narrow, mask, 4);
	wide = (uint64_t) narrow << 32 | narrow;
	for (; i + 8 <= len; i += 8)
	{
		uint64_t word;

		memcpy(&word, payload + i, 8);
		word ^= wide;
		memcpy(payload + i, &word, 8);
	}
	for (; i < len; i++)
		payload[i] ^= mask[i & 3];
}

WsParse
wsframe_parse(unsigned char *bytes, size_t len, size_t max_payload, bool deflate,
			  WsFrame *frame, size_t *used)
{
	size_t extended;
	uint64_t payload_len;
	size_t start;

	if (len < 2)
		return len == 1 && !first_byte_is_legal(bytes[0], deflate) ? WS_BROKEN
																   : WS_NEED_MORE;
	if (!header_is_legal(bytes, deflate))
		return WS_BROKEN;
	payload_len = bytes[1] & 0x7f;
	extended = payload_len == 126 ? 2 : payload_len == 127 ? 8 : 0;
	if (len < 2 + extended)
		return WS_NEED_MORE;
	if (extended > 0 && !read_length(bytes + 2, extended, &payload_len))
		return WS_BROKEN;
	if (payload_len > max_payload)
		return WS_TOO_LARGE;
	start = 2 + extended + 4;
	if (len < start + payload_len)
		return WS_NEED_MORE;
	frame->opcode = (WsOpcode) (bytes[0] & 0x0f);
	frame->fin = (bytes[0] & 0x80) != 0;
	frame->compressed = (bytes[0] & 0x40) != 0;
	frame->payload = bytes + start;
	frame->len = (size_t) payload_len;
	unmask(frame->payload, frame->len, bytes + start - 4);
	*used = start + frame->len;
	return WS_FRAME;
}

size_t
wsframe_header(unsigned char header[WS_HEADER_MAX], WsOpcode opcode, size_t payload_len)
{
	header[0] = (unsigned char) (0x80 | opcode);
	if (payload_len < 126)
	{
		header[1] = (unsigned char) payload_len;
		return 2;
	}
	if (payload_len <= 0xffff)
	{
		header[1] = 126;
		header[2] = (unsigned char) (payload_len >> 8);
		header[3] = (unsigned char) payload_len;
		return 4;
	}
	header[1] = 127;
	for (int i = 0; i < 8; i++)
		header[2 + i] = (unsigned char) ((uint64_t) payload_len >> (56 - 8 * i));
	return 10;
}

void
wsframe_append(Buf *out, WsOpcode opcode, const void *payload, size_t len)
{
	unsigned char header[WS_HEADER_MAX];

	buf_append(out, header, wsframe_header(header, opcode, len));
	buf_append(out, payload, len);
}

size_t
wsframe_walk(const char *bytes, WsOpcode *opcode, const char **payload, size_t *len)
{
	const unsigned char *at = (const unsigned char *) bytes;
	size_t extended = at[1] == 126 ? 2 : at[1] == 127 ? 8 : 0;
	uint64_t size = extended ? 0 : at[1];

	for (size_t i = 0; i < extended; i++)
		size = size << 8 | at[2 + i];
	*opcode = (WsOpcode) (at[0] & 0x0f);
	*payload = bytes + 2 + extended;
	*len = (size_t) size;
	return 2 + extended + *len;
}

void
wsframe_append_close(Buf *out, int code, const char *reason)
{
	unsigned char payload[125];
	size_t len = strlen(reason);

	if (len > sizeof(payload) - 2)
		len = sizeof(payload) - 2;
	payload[0] = (unsigned char) (code >> 8);
	payload[1] = (unsigned char) code;
	memcpy(payload + 2, reason, len);
	wsframe_append(out, WS_CLOSE, payload, len + 2);
}

int
wsframe_close_code(const WsFrame *frame)
{
	int code;

	if (frame->len == 0)
		return 1005;
	if (frame->len == 1 || !utf8_is_valid(frame->payload + 2, frame->len - 2))
		return 1002;
	code = frame->payload[0] << 8 | frame->payload[1];
	if (code < 1000 || code > 4999 || (code >= 1004 && code <= 1006) ||
		(code > 1014 && code < 3000))
		return 1002;
	return code;
}
