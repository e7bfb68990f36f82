/*
 * pieces.c: see pieces.h.
 */
#include "pieces.h"

#include "mem.h"
#include "wire.h"
#include "wsframe.h"

#include <stdlib.h>

#define VARIANTS 8 /* kept while pieces are handed out */

/* What all with the same filter get who did not speak themselves. */
typedef struct Variant
{
	const TypeFilter *filter;
	Chunk *chunk; /* NULL = nothing */
} Variant;

typedef struct Variants
{
	Variant items[VARIANTS];
	uint32_t count;
	uint32_t next; /* to be given up for another */
} Variants;

void
pieces_add(Pieces *pieces, const Word *word, Conn *conn)
{
	Buf json = {0};
	size_t start = pieces->bytes.len;

	wire_open(&json, word->type, NULL, word->channel);
	buf_append(&json, word->data, word->len);
	buf_puts(&json, ",\"sender_id\":");
	buf_json_string(&json, *word->user ? word->user : NULL);
	buf_puts(&json, ",\"ephemeral\":true");
	wire_close(&json);
	wsframe_append(&pieces->bytes, WS_TEXT, json.data, json.len);
	buf_free(&json);
	if (pieces->count == pieces->cap)
	{
		pieces->cap = pieces->cap ? pieces->cap * 2 : 8;
		pieces->items = mem_realloc(pieces->items, pieces->cap * sizeof(Piece));
	}
	pieces->items[pieces->count++] =
		(Piece){start, pieces->bytes.len - start, word->type, conn};
}

void
pieces_free(Pieces *pieces)
{
	buf_free(&pieces->bytes);
	free(pieces->items);
}

/* The frames for this subscriber; NULL when there are none. */
static Chunk *
make_variant(const Pieces *pieces, const Sub *sub)
{
	Buf bytes = {0};
	uint32_t count = 0;
	Chunk *chunk = NULL;

	for (uint32_t i = 0; i < pieces->count; i++)
	{
		const Piece *piece = &pieces->items[i];

		if (piece->conn == sub->conn || !type_filter_passes(sub->filter, piece->type))
			continue;
		buf_append(&bytes, pieces->bytes.data + piece->start, piece->len);
		count++;
	}
	if (count > 0)
		chunk = chunk_new(CLASS_EPHEMERAL, bytes.data, bytes.len, count, NULL);
	buf_free(&bytes);
	return chunk;
}

/* Gives up a reference that there may be. */
static void
drop(Chunk *chunk)
{
	if (chunk != NULL)
		chunk_unref(chunk);
}

/* The frames for somebody who did not speak, with a reference; NULL for none. */
static Chunk *
get_variant(Variants *variants, const Pieces *pieces, const Sub *sub)
{
	Variant *made;

	for (uint32_t i = 0; i < variants->count; i++)
	{
		Chunk *chunk = variants->items[i].chunk;

		if (variants->items[i].filter == sub->filter)
			return chunk ? chunk_ref(chunk) : NULL;
	}
	made = &variants->items[variants->next];
	if (variants->count < VARIANTS)
		variants->count++;
	else
		drop(made->chunk);
	variants->next = (variants->next + 1) % VARIANTS;
	*made = (Variant){sub->filter, make_variant(pieces, sub)};
	return made->chunk ? chunk_ref(made->chunk) : NULL;
}

/* Marks the connections whose own words are among these, or takes the mark away. */
static void
mark_speakers(const Pieces *pieces, bool speaks)
{
	for (uint32_t i = 0; i < pieces->count; i++)
	{
		if (pieces->items[i].conn != NULL)
			pieces->items[i].conn->speaks = speaks;
	}
}

void
pieces_deliver(const Pieces *pieces, const Channel *channel)
{
	Variants variants = {0};

	mark_speakers(pieces, true);
	for (uint32_t i = 0; i < channel->nsubs; i++)
	{
		Sub *sub = channel->subs[i];
		Chunk *chunk;

		if (sub->conn->state != CONN_READY)
			continue;
		chunk = sub->conn->speaks ? make_variant(pieces, sub)
								  : get_variant(&variants, pieces, sub);
		if (chunk != NULL)
			sub_deliver(sub, chunk);
		drop(chunk);
	}
	for (uint32_t i = 0; i < variants.count; i++)
		drop(variants.items[i].chunk);
	mark_speakers(pieces, false);
}
