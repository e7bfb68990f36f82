/*
 * buspack.c: see buspack.h.
 */
#include "buspack.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define NODE_CHARACTERS LOWER "0123456789-"

/* Bytes that a message takes in a payload. */
static size_t
packed_size(const char *kind, size_t len)
{
	size_t digits = len > 999 ? 4 : len > 99 ? 3 : len > 9 ? 2 : 1;

	return strlen(kind) + 1 + digits + 1 + len;
}

/* A payload that has so much room: the last one, or a new one. */
static Buf *
get_payload(BusPack *pack, const char *node, size_t size)
{
	Buf *last = pack->count ? &pack->payloads[pack->count - 1] : NULL;

	if (last != NULL && last->len + size <= BUS_PAYLOAD_MAX)
		return last;
	if (pack->count == pack->cap)
	{
		pack->cap = pack->cap ? pack->cap * 2 : 4;
		pack->payloads = mem_realloc(pack->payloads, pack->cap * sizeof(Buf));
	}
	last = &pack->payloads[pack->count++];
	*last = (Buf){0};
	buf_printf(last, "%s ", node);
	pack->bytes += last->len;
	return last;
}

bool
buspack_add(BusPack *pack, const char *node, const char *kind, const char *text,
			size_t len)
{
	Buf *payload;
	size_t before;

	if (len > BUS_MESSAGE_MAX || memchr(text, '\0', len) != NULL)
		return false;
	payload = get_payload(pack, node, packed_size(kind, len));
	before = payload->len;
	buf_printf(payload, "%s:%zu:", kind, len);
	buf_append(payload, text, len);
	pack->bytes += payload->len - before;
	return true;
}

void
buspack_move(BusPack *to, BusPack *from)
{
	to->payloads = mem_realloc(to->payloads, (to->count + from->count) * sizeof(Buf));
	if (from->count > 0)
		memcpy(to->payloads + to->count, from->payloads, from->count * sizeof(Buf));
	to->count += from->count;
	to->cap = to->count;
	to->bytes += from->bytes;
	free(from->payloads);
	*from = (BusPack){0};
}

void
buspack_append_elements(const BusPack *pack, Buf *out)
{
	for (size_t i = 0; i < pack->count; i++)
	{
		const Buf *payload = &pack->payloads[i];
		size_t start = 0;

		buf_puts(out, out->len > 1 ? ",\"" : "\"");
		for (size_t at = 0; at < payload->len; at++)
		{
			if (payload->data[at] != '"' && payload->data[at] != '\\')
				continue;
			buf_append(out, payload->data + start, at - start);
			buf_puts(out, "\\");
			start = at;
		}
		buf_append(out, payload->data + start, payload->len - start);
		buf_puts(out, "\"");
	}
}

void
buspack_free(BusPack *pack)
{
	for (size_t i = 0; i < pack->count; i++)
		buf_free(&pack->payloads[i]);
	free(pack->payloads);
	*pack = (BusPack){0};
}

/* Copies a word of these characters that ends with that one; NULL when there is none. */
static const char *
read_word(const char *at, const char *characters, char end, char *out, size_t max)
{
	size_t len = strspn(at, characters);

	if (len == 0 || len > max || at[len] != end)
		return NULL;
	memcpy(out, at, len);
	out[len] = '\0';
	return at + len + 1;
}

bool
buspack_node(const char *payload, char node[BUS_NODE_MAX + 1])
{
	return read_word(payload, NODE_CHARACTERS, ' ', node, BUS_NODE_MAX) != NULL;
}

/* The message that begins here; returns where it ended, NULL when it is none. */
static const char *
read_message(const char *at, const char *end, BusMessage *message)
{
	char digits[5];

	at = read_word(at, LOWER, ':', message->kind, BUS_KIND_MAX);
	if (at == NULL)
		return NULL;
	at = read_word(at, "0123456789", ':', digits, sizeof(digits) - 1);
	if (at == NULL)
		return NULL;
	message->text = at;
	message->len = strtoul(digits, NULL, 10);
	return message->len <= (size_t) (end - at) ? at + message->len : NULL;
}

/* Walks over the messages, and shows them when there is somebody to show them to. */
static bool
walk(const char *payload, BusVisitor visitor, void *arg)
{
	const char *end = payload + strlen(payload);
	BusMessage message;
	const char *at = read_word(payload, NODE_CHARACTERS, ' ', message.node, BUS_NODE_MAX);

	while (at != NULL && at < end)
	{
		at = read_message(at, end, &message);
		if (at != NULL && visitor != NULL)
		{
			char *text = mem_strndup(message.text, message.len);

			message.text = text;
			visitor(arg, &message);
			free(text);
		}
	}
	return at != NULL;
}

bool
buspack_read(const char *payload, BusVisitor visitor, void *arg)
{
	return walk(payload, NULL, NULL) && walk(payload, visitor, arg);
}
