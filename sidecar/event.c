/*
 * event.c: see event.h.
 */
#include "event.h"

#include "mem.h"
#include "wsframe.h"

#include <stdlib.h>
#include <string.h>

Chunk *
chunk_new(FrameClass frame_class, const void *frames, size_t len, uint32_t count,
		  const char *key)
{
	size_t key_len = key ? strlen(key) : 0;
	Chunk *chunk;

	if (key_len > UINT16_MAX)
		key_len = UINT16_MAX;
	chunk = mem_alloc(sizeof(Chunk) + len + key_len);
	chunk->twins = NULL;
	chunk->receipt = NULL;
	chunk->refs = 1;
	chunk->len = (uint32_t) len;
	chunk->frames = count;
	chunk->key_len = (uint16_t) key_len;
	chunk->frame_class = (uint8_t) frame_class;
	chunk->framing = FRAMING_WS;
	memcpy(chunk->data, frames, len);
	if (key_len > 0)
		memcpy(chunk->data + len, key, key_len);
	return chunk;
}

Chunk *
chunk_ref(Chunk *chunk)
{
	chunk->refs++;
	return chunk;
}

void
chunk_unref(Chunk *chunk)
{
	if (--chunk->refs > 0)
		return;
	while (chunk->twins != NULL)
	{
		Chunk *twin = chunk->twins;

		chunk->twins = twin->twins;
		twin->twins = NULL;
		chunk_unref(twin);
	}
	receipt_unref(chunk->receipt);
	free(chunk);
}

bool
chunk_supersedes(const Chunk *newer, const Chunk *older)
{
	return older->frame_class == CLASS_STATE && newer->frame_class == CLASS_STATE &&
		   older->key_len == newer->key_len &&
		   memcmp(older->data + older->len, newer->data + newer->len, newer->key_len) ==
			   0;
}

bool
chunk_is_of_channel(const Chunk *chunk)
{
	return memchr(chunk->data + chunk->len, '\n', chunk->key_len) != NULL;
}

bool
chunk_is_position(const Chunk *chunk)
{
	static const char key[] = POSITION_KEY;

	return chunk->key_len == sizeof(key) - 1 &&
		   memcmp(chunk->data + chunk->len, key, sizeof(key) - 1) == 0;
}

Chunk *
chunk_from_json(FrameClass frame_class, const Buf *json, const char *key)
{
	Buf frame = {0};
	Chunk *chunk;

	wsframe_append(&frame, WS_TEXT, json->data, json->len);
	chunk = chunk_new(frame_class, frame.data, frame.len, 1, key);
	buf_free(&frame);
	return chunk;
}

void
event_append_json(Buf *out, const Event *event, const char *channel)
{
	buf_puts(out, "{\"type\":");
	buf_json_string(out, event->type);
	buf_puts(out, ",\"channel\":");
	buf_json_string(out, channel);
	buf_puts(out, ",\"id\":");
	buf_json_string(out, event->id);
	buf_puts(out, ",\"payload\":");
	buf_append(out, event->payload, event->payload_len);
	buf_puts(out, ",\"sender_id\":");
	buf_json_string(out, event->sender_id);
	buf_puts(out, ",\"timestamp\":");
	buf_puts(out, event->timestamp);
	if (event->key != NULL)
	{
		buf_puts(out, ",\"key\":");
		buf_json_string(out, event->key);
	}
	buf_puts(out, "}");
}

/*
 * The header's size depends on the length of the JSON, which is known only after
 * writing it: leave room for the longest, then close the gap.
 */
void
event_append_frame(Buf *out, const Event *event, const char *channel)
{
	size_t start = out->len;
	unsigned char header[WS_HEADER_MAX];
	size_t header_len;
	size_t json_len;

	buf_reserve(out, WS_HEADER_MAX);
	out->len += WS_HEADER_MAX;
	event_append_json(out, event, channel);
	json_len = out->len - start - WS_HEADER_MAX;
	header_len = wsframe_header(header, WS_TEXT, json_len);
	memcpy(out->data + start, header, header_len);
	memmove(out->data + start + header_len, out->data + start + WS_HEADER_MAX, json_len);
	out->len = start + header_len + json_len;
}

/* Reads one element up to the comma or brace; returns where it ended. */
static const char *
parse_element(const char *at, Buf *item)
{
	bool quoted = *at == '"';

	if (quoted)
		at++;
	while (*at != '\0')
	{
		if (quoted ? *at == '"' : (*at == ',' || *at == '}'))
			break;
		if (*at == '\\' && at[1] != '\0')
			at++;
		buf_append(item, at++, 1);
	}
	return quoted && *at == '"' ? at + 1 : at;
}

char **
text_array_parse(const char *literal, size_t *count)
{
	char **items = NULL;
	size_t cap = 0;
	const char *at = literal;

	*count = 0;
	if (at == NULL || *at != '{' || at[1] == '}')
		return NULL;
	while (*at == '{' || *at == ',')
	{
		Buf item = {0};

		at = parse_element(at + 1, &item);
		if (*count == cap)
		{
			cap = cap ? cap * 2 : 4;
			items = mem_realloc(items, cap * sizeof(char *));
		}
		items[(*count)++] = mem_strndup(item.data ? item.data : "", item.len);
		buf_free(&item);
	}
	return items;
}

void
text_array_free(char **items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i]);
	free(items);
}
