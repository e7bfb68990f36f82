/*
 * deflate.c: see deflate.h.
 */
#include "deflate.h"

#include "mem.h"
#include "wsframe.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define WINDOW_BITS 15
#define INFLATE_STEP 4096
#define RSV1 0x40

/* What every message would end with; it is left out (RFC 7692, section 7.2.1). */
static const unsigned char tail[4] = {0x00, 0x00, 0xff, 0xff};

/* ---------------------------------------------------------------- negotiation */

/* One offer; a parameter that comes twice spoils it. */
typedef struct DeflateOffer
{
	bool no_server_context;
	bool no_client_context;
	bool server_window;
	bool client_window;
} DeflateOffer;

/* The next piece between semicolons, without the blanks around it; NULL at the end. */
static const char *
next_piece(const char **at, const char *end, size_t *len)
{
	const char *piece = *at;
	const char *stop;

	if (piece > end)
		return NULL;
	stop = memchr(piece, ';', (size_t) (end - piece));
	if (stop == NULL)
		stop = end;
	*at = stop + 1;
	while (piece < stop && (*piece == ' ' || *piece == '\t'))
		piece++;
	while (stop > piece && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	*len = (size_t) (stop - piece);
	return piece;
}

/* A number of window bits, maybe quoted; 0 for what is none. */
static int
read_bits(const char *text, size_t len)
{
	int bits = 0;

	if (len >= 2 && *text == '"' && text[len - 1] == '"')
	{
		text++;
		len -= 2;
	}
	if (len == 0 || len > 2 || *text == '0')
		return 0;
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return 0;
		bits = bits * 10 + text[i] - '0';
	}
	return bits >= 8 && bits <= 15 ? bits : 0;
}

/* Notes that a parameter is there; false when it was before. */
static bool
once(bool *seen)
{
	bool first = !*seen;

	*seen = true;
	return first;
}

/* Can this parameter be kept? Frames that all share have one window size. */
static bool
take_parameter(DeflateOffer *offer, const char *text, size_t len)
{
	const char *equals = memchr(text, '=', len);
	size_t name = equals ? (size_t) (equals - text) : len;
	int bits = equals ? read_bits(equals + 1, len - name - 1) : 0;

#define IS(word) (name == strlen(word) && strncasecmp(text, word, name) == 0)
	if (IS("server_no_context_takeover"))
		return equals == NULL && once(&offer->no_server_context);
	if (IS("client_no_context_takeover"))
		return equals == NULL && once(&offer->no_client_context);
	if (IS("server_max_window_bits"))
		return bits == WINDOW_BITS && once(&offer->server_window);
	if (IS("client_max_window_bits"))
		return (equals == NULL || bits > 0) && once(&offer->client_window);
#undef IS
	return false;
}

/* Is it permessage-deflate with nothing but what can be kept? */
static bool
take_offer(const char *item, size_t item_len, DeflateOffer *offer)
{
	const char *at = item;
	size_t len;
	const char *piece = next_piece(&at, item + item_len, &len);

	*offer = (DeflateOffer){0};
	if (piece == NULL || len != strlen("permessage-deflate") ||
		strncasecmp(piece, "permessage-deflate", len) != 0)
		return false;
	while ((piece = next_piece(&at, item + item_len, &len)) != NULL)
	{
		if (!take_parameter(offer, piece, len))
			return false;
	}
	return true;
}

bool
deflate_negotiate(const HttpHead *head, Buf *answer)
{
	HttpListState walk = {0, NULL};
	const char *item;
	size_t len;

	while (http_list_next(head, "Sec-WebSocket-Extensions", &walk, &item, &len))
	{
		DeflateOffer offer;

		if (!take_offer(item, len, &offer))
			continue;
		buf_puts(answer, "permessage-deflate; server_no_context_takeover; "
						 "client_no_context_takeover");
		if (offer.server_window)
			buf_puts(answer, "; server_max_window_bits=15");
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------- compression */

/* The one of the process: each message begins anew. */
static z_stream *
deflater(void)
{
	static z_stream stream;
	static bool ready;

	if (!ready)
		ready = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -WINDOW_BITS, 8,
							 Z_DEFAULT_STRATEGY) == Z_OK;
	else
		deflateReset(&stream);
	return ready ? &stream : NULL;
}

static z_stream *
inflater(void)
{
	static z_stream stream;
	static bool ready;

	if (!ready)
		ready = inflateInit2(&stream, -WINDOW_BITS) == Z_OK;
	else
		inflateReset(&stream);
	return ready ? &stream : NULL;
}

/* The compressed message, without its tail; 0 when it would not be smaller. */
static size_t
compress_into(unsigned char *out, const char *text, size_t len)
{
	z_stream *stream = deflater();

	if (stream == NULL)
		return 0;
	stream->next_in = (unsigned char *) (uintptr_t) text;
	stream->avail_in = (uInt) len;
	stream->next_out = out;
	stream->avail_out = (uInt) len;
	if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in > 0 ||
		stream->avail_out == 0)
		return 0;
	return len - stream->avail_out - sizeof(tail);
}

void
deflate_append_frame(Buf *out, const char *text, size_t len)
{
	unsigned char *packed = len >= DEFLATE_MIN ? mem_alloc(len) : NULL;
	size_t size = packed ? compress_into(packed, text, len) : 0;
	size_t start = out->len;

	if (size > 0)
	{
		wsframe_append(out, WS_TEXT, packed, size);
		out->data[start] = (char) (out->data[start] | RSV1);
	}
	else
		wsframe_append(out, WS_TEXT, text, len);
	free(packed);
}

/* Behind a block that says it is the last may be the rest of an octet (7.2.3.4). */
static bool
is_over(z_stream *stream)
{
	if (stream->avail_in > 1 || (stream->avail_in == 1 && *stream->next_in != 0))
		return false;
	stream->avail_in = 0;
	return true;
}

/* Inflates one piece of input; what goes past max is noticed, not kept. */
static Inflate
inflate_piece(z_stream *stream, Buf *out, size_t start, size_t max, bool *ended)
{
	for (;;)
	{
		size_t room = max - (out->len - start) + 1;
		int result;

		if (room > INFLATE_STEP)
			room = INFLATE_STEP;
		buf_reserve(out, room);
		stream->next_out = (unsigned char *) out->data + out->len;
		stream->avail_out = (uInt) room;
		result = inflate(stream, Z_SYNC_FLUSH);
		out->len += room - stream->avail_out;
		if (out->len - start > max)
			return INFLATE_TOO_LARGE;
		*ended = result == Z_STREAM_END;
		if (*ended)
			return is_over(stream) ? INFLATE_DONE : INFLATE_BROKEN;
		if (result != Z_OK && result != Z_BUF_ERROR)
			return INFLATE_BROKEN;
		if (stream->avail_out > 0)
			return stream->avail_in == 0 ? INFLATE_DONE : INFLATE_BROKEN;
	}
}

Inflate
deflate_inflate(Buf *out, const unsigned char *bytes, size_t len, size_t max)
{
	z_stream *stream = inflater();
	size_t start = out->len;
	bool ended = false;
	Inflate result;

	if (stream == NULL)
		return INFLATE_BROKEN;
	stream->next_in = (unsigned char *) (uintptr_t) bytes;
	stream->avail_in = (uInt) len;
	result = inflate_piece(stream, out, start, max, &ended);
	if (result != INFLATE_DONE || ended)
		return result;
	stream->next_in = (unsigned char *) (uintptr_t) tail;
	stream->avail_in = sizeof(tail);
	return inflate_piece(stream, out, start, max, &ended);
}
