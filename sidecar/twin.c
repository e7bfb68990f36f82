/*
 * twin.c: see twin.h.
 */
#include "twin.h"

#include "deflate.h"
#include "wsframe.h"

#include <ctype.h>
#include <string.h>

/* How frames begin that an event stream treats in its own way: wire_open() and
 * stream.c write them so, and no event can, because an event names its channel. */
#define POSITION_FRAME "{\"type\":\"position\",\"payload\":{\"position\":\""
#define PING_FRAME "{\"type\":\"ping\"}"
#define BYE_FRAME "{\"type\":\"bye\",\"payload\":{"
#define RETRY_AFTER "\"retryAfter\":"

static bool
begins_with(const char *json, size_t len, const char *prefix)
{
	size_t size = strlen(prefix);

	return len >= size && memcmp(json, prefix, size) == 0;
}

/* The position as the event's id; it has no character that JSON would escape. */
static void
append_id(Buf *out, const char *json, size_t len)
{
	const char *position = json + strlen(POSITION_FRAME);
	const char *end = memchr(position, '"', len - strlen(POSITION_FRAME));

	if (end == NULL || memchr(position, '\\', (size_t) (end - position)) != NULL)
		return;
	buf_puts(out, "id: ");
	buf_append(out, position, (size_t) (end - position));
	buf_puts(out, "\n");
}

/* How long a browser shall wait before it comes back by itself. */
static void
append_retry(Buf *out, const char *json, size_t len)
{
	const char *at = memmem(json, len, RETRY_AFTER, strlen(RETRY_AFTER));
	const char *digits = at ? at + strlen(RETRY_AFTER) : NULL;
	size_t size = 0;

	while (digits != NULL && digits + size < json + len &&
		   isdigit((unsigned char) digits[size]))
		size++;
	if (size == 0 || size > 9 || *digits == '0')
		return;
	buf_puts(out, "retry: ");
	buf_append(out, digits, size);
	buf_puts(out, "\n");
}

/* One frame's JSON, appended as a server-sent event. */
static void
sse_append(Buf *out, const char *json, size_t len)
{
	size_t start;

	if (begins_with(json, len, PING_FRAME))
	{
		buf_puts(out, ":\n\n");
		return;
	}
	if (begins_with(json, len, POSITION_FRAME))
		append_id(out, json, len);
	else if (begins_with(json, len, BYE_FRAME))
		append_retry(out, json, len);
	buf_puts(out, "data: ");
	start = out->len;
	buf_append(out, json, len);
	/* between tokens, where a client may have written them, they end no line here */
	for (size_t i = start; i < out->len; i++)
	{
		if (out->data[i] == '\n' || out->data[i] == '\r')
			out->data[i] = ' ';
	}
	buf_puts(out, "\n\n");
}

/* One frame in the other framing. */
static void
append_frame(Buf *out, Framing framing, const char *json, size_t len)
{
	switch (framing)
	{
		case FRAMING_SSE:
			sse_append(out, json, len);
			break;
		case FRAMING_LIST:
			buf_append(out, json, len);
			buf_puts(out, ",");
			break;
		case FRAMING_DEFLATE:
			deflate_append_frame(out, json, len);
			break;
		case FRAMING_WS:
			wsframe_append(out, WS_TEXT, json, len);
			break;
	}
}

/* Lays the frames out anew; the chunk owns the first reference. */
static Chunk *
make_twin(Chunk *chunk, Framing framing)
{
	Buf out = {0};
	Buf key = {0};
	size_t at = 0;
	Chunk *twin;

	while (at < chunk->len)
	{
		WsOpcode opcode;
		const char *payload;
		size_t len;

		at += wsframe_walk(chunk->data + at, &opcode, &payload, &len);
		if (opcode == WS_TEXT)
			append_frame(&out, framing, payload, len);
	}
	buf_append(&key, chunk->data + chunk->len, chunk->key_len);
	twin = chunk_new((FrameClass) chunk->frame_class, out.len ? out.data : "", out.len,
					 chunk->frames, key.len ? buf_cstr(&key) : NULL);
	twin->framing = (uint8_t) framing;
	twin->receipt = receipt_ref(chunk->receipt);
	twin->twins = chunk->twins;
	chunk->twins = twin;
	buf_free(&key);
	buf_free(&out);
	return twin;
}

Chunk *
chunk_as(Chunk *chunk, Framing framing)
{
	if (chunk->framing == framing)
		return chunk;
	for (Chunk *twin = chunk->twins; twin != NULL; twin = twin->twins)
	{
		if (twin->framing == framing)
			return twin;
	}
	return make_twin(chunk, framing);
}
