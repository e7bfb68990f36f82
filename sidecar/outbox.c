/*
 * outbox.c: see outbox.h.
 */
#include "outbox.h"

#include "mem.h"
#include "stats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Slots of the ring in use, a power of two. */
static inline uint32_t
capacity(const Outbox *outbox)
{
	return outbox->ring ? outbox->cap : OUTBOX_INLINE;
}

/* The index-th chunk from the front. */
static inline Chunk **
slot(const Outbox *outbox, uint32_t index)
{
	Chunk *const *ring = outbox->ring ? outbox->ring : outbox->slots;

	return (Chunk **) (uintptr_t) &ring[(outbox->first + index) & (capacity(outbox) - 1)];
}

/* Moves the ring to a larger one. */
static void
grow(Outbox *outbox)
{
	uint32_t cap = capacity(outbox) * 4;
	Chunk **ring = mem_alloc(cap * sizeof(Chunk *));

	for (uint32_t i = 0; i < outbox->count; i++)
		ring[i] = *slot(outbox, i);
	free(outbox->ring);
	outbox->ring = ring;
	outbox->cap = cap;
	outbox->first = 0;
}

/* Adds to (or takes from) what is unsent. */
static void
account_bytes(Outbox *outbox, const Chunk *chunk, int64_t bytes)
{
	outbox->bytes += (uint64_t) bytes;
	if (chunk->frame_class == CLASS_REPLY)
		outbox->reply_bytes += (uint64_t) bytes;
	stats.outbox_bytes += bytes;
}

/* Adds a chunk to the books, or takes it off them. */
static void
account(Outbox *outbox, const Chunk *chunk, int direction)
{
	if (chunk->frame_class == CLASS_STATE)
		outbox->nstate += (uint32_t) direction;
	else if (chunk->frame_class == CLASS_EPHEMERAL)
		outbox->nephemeral += (uint32_t) direction;
	account_bytes(outbox, chunk, (int64_t) chunk->len * direction);
}

bool
outbox_is_full(const Outbox *outbox, const OutboxLimits *limits)
{
	return outbox->bytes - outbox->reply_bytes >= limits->max;
}

/* Takes out the index-th chunk, which must not be a head sent in part. */
static void
remove_at(Outbox *outbox, uint32_t index)
{
	Chunk *chunk = *slot(outbox, index);

	assert(index > 0 || outbox->sent == 0);
	account(outbox, chunk, -1);
	for (uint32_t i = index; i + 1 < outbox->count; i++)
		*slot(outbox, i) = *slot(outbox, i + 1);
	outbox->count--;
	chunk_unref(chunk);
}

/* First chunk that may still be taken out. */
static uint32_t
first_removable(const Outbox *outbox)
{
	return outbox->sent > 0 ? 1 : 0;
}

/*
 * Takes out the unsent chunk that the newer one replaces, if it is among the last
 * few: a change of thousands of rows is thousands of keys, for every connection.
 */
static void
coalesce(Outbox *outbox, const Chunk *newer)
{
	uint32_t end = first_removable(outbox);

	if (outbox->count > end + OUTBOX_COALESCE)
		end = outbox->count - OUTBOX_COALESCE;
	for (uint32_t i = outbox->count; i > end; i--)
	{
		if (!chunk_supersedes(newer, *slot(outbox, i - 1)))
			continue;
		remove_at(outbox, i - 1);
		if (chunk_is_of_channel(newer))
		{
			stats.coalesced_state_total++;
			outbox->coalesced++;
		}
		return;
	}
}

/* Takes out all ephemeral chunks. */
static void
drop_ephemeral(Outbox *outbox)
{
	uint32_t i = first_removable(outbox);

	while (i < outbox->count)
	{
		const Chunk *chunk = *slot(outbox, i);

		if (chunk->frame_class == CLASS_EPHEMERAL)
		{
			stats.dropped_ephemeral_total += chunk->frames;
			outbox->dropped += chunk->frames;
			remove_at(outbox, i);
		}
		else
			i++;
	}
}

/* Is it the connection's own, rather than a channel's? Then it is small, or asked for. */
static bool
is_own(const Chunk *chunk)
{
	return chunk->frame_class == CLASS_REPLY ||
		   (chunk->frame_class == CLASS_STATE && !chunk_is_of_channel(chunk));
}

OutboxResult
outbox_push(Outbox *outbox, Chunk *chunk, const OutboxLimits *limits)
{
	if (chunk->frame_class == CLASS_EPHEMERAL && outbox->bytes > limits->ephemeral_max)
	{
		stats.dropped_ephemeral_total += chunk->frames;
		outbox->dropped += chunk->frames;
		return OUTBOX_DROPPED;
	}
	if (chunk->frame_class == CLASS_STATE && outbox->nstate > 0)
		coalesce(outbox, chunk);
	if (outbox_is_full(outbox, limits) && outbox->nephemeral > 0)
		drop_ephemeral(outbox);
	if (outbox_is_full(outbox, limits) && !is_own(chunk))
		return OUTBOX_FULL;
	if (outbox->count == capacity(outbox))
		grow(outbox);
	outbox->count++;
	*slot(outbox, outbox->count - 1) = chunk_ref(chunk);
	account(outbox, chunk, 1);
	return OUTBOX_TAKEN;
}

void
outbox_push_front(Outbox *outbox, Chunk *chunk)
{
	assert(outbox->sent == 0);
	if (outbox->count == capacity(outbox))
		grow(outbox);
	outbox->first = (outbox->first - 1) & (capacity(outbox) - 1);
	outbox->count++;
	*slot(outbox, 0) = chunk_ref(chunk);
	account(outbox, chunk, 1);
}

void
outbox_copy(const Outbox *outbox, Buf *out)
{
	for (uint32_t i = 0; i < outbox->count; i++)
		buf_append(out, (*slot(outbox, i))->data, (*slot(outbox, i))->len);
}

/* An empty outbox owns nothing: most connections are idle. */
static void
shrink(Outbox *outbox)
{
	outbox->first = 0;
	if (outbox->ring == NULL)
		return;
	free(outbox->ring);
	outbox->ring = NULL;
	outbox->cap = 0;
}

static void (*on_receipt)(Outbox *outbox, const Receipt *receipt);

void
outbox_on_receipt(void (*written)(Outbox *outbox, const Receipt *receipt))
{
	on_receipt = written;
}

void
outbox_consume(Outbox *outbox, size_t n)
{
	while (n > 0)
	{
		Chunk *head;
		size_t left;

		assert(outbox->count > 0);
		head = *slot(outbox, 0);
		left = head->len - outbox->sent;
		if (n < left)
		{
			outbox->sent += (uint32_t) n;
			account_bytes(outbox, head, -(int64_t) n);
			return;
		}
		n -= left;
		/* what was sent before is already off the books: give it back first */
		account_bytes(outbox, head, outbox->sent);
		outbox->sent = 0;
		account(outbox, head, -1);
		outbox->first = (outbox->first + 1) & (capacity(outbox) - 1);
		outbox->count--;
		if (head->receipt != NULL && on_receipt != NULL)
			on_receipt(outbox, head->receipt);
		chunk_unref(head);
	}
	if (outbox->count == 0)
		shrink(outbox);
}

uint32_t
outbox_drop_events(Outbox *outbox)
{
	uint32_t kept = first_removable(outbox);
	uint32_t frames = 0;

	for (uint32_t i = kept; i < outbox->count; i++)
	{
		Chunk *chunk = *slot(outbox, i);

		if (is_own(chunk) && !chunk_is_position(chunk))
		{
			*slot(outbox, kept++) = chunk;
			continue;
		}
		frames += chunk->frames;
		account(outbox, chunk, -1);
		chunk_unref(chunk);
	}
	outbox->count = kept;
	if (kept == 0)
		shrink(outbox);
	return frames;
}

void
outbox_clear(Outbox *outbox, bool keep_partial)
{
	uint32_t keep = keep_partial && outbox->sent > 0 ? 1 : 0;

	while (outbox->count > keep)
	{
		if (outbox->count == 1 && outbox->sent > 0)
			outbox_consume(outbox, (*slot(outbox, 0))->len - outbox->sent);
		else
			remove_at(outbox, outbox->count - 1);
	}
	if (outbox->count == 0)
		shrink(outbox);
}

void
joiner_init(Joiner *joiner, size_t max)
{
	*joiner = (Joiner){.buffer = mem_alloc(max), .max = max};
}

void
joiner_forget(Joiner *joiner)
{
	for (uint32_t i = 0; i < joiner->nremembered; i++)
		chunk_unref(joiner->remembered[i]);
	joiner->nremembered = 0;
	joiner->len = 0;
}

void
joiner_free(Joiner *joiner)
{
	joiner_forget(joiner);
	free(joiner->buffer);
	joiner->buffer = NULL;
}

/* Is what would be joined now what was joined last? */
static bool
remembers(const Joiner *joiner, const Outbox *outbox)
{
	if (joiner->nremembered == 0 || joiner->nremembered != outbox->count ||
		outbox->sent > 0)
		return false;
	for (uint32_t i = 0; i < outbox->count; i++)
	{
		if (*slot(outbox, i) != joiner->remembered[i])
			return false;
	}
	return true;
}

/* Copies as many whole chunks as fit, and remembers them if that was all. */
static void
join(const Outbox *outbox, Joiner *joiner)
{
	uint32_t i;

	joiner_forget(joiner);
	for (i = 0; i < outbox->count; i++)
	{
		const Chunk *chunk = *slot(outbox, i);
		size_t skip = i == 0 ? outbox->sent : 0;
		size_t len = chunk->len - skip;

		if (joiner->len + len > joiner->max)
			break;
		memcpy(joiner->buffer + joiner->len, chunk->data + skip, len);
		joiner->len += len;
	}
	if (i != outbox->count || outbox->sent > 0 || i > JOINER_REMEMBERED)
		return;
	for (i = 0; i < outbox->count; i++)
		joiner->remembered[i] = chunk_ref(*slot(outbox, i));
	joiner->nremembered = outbox->count;
}

const char *
outbox_next_write(const Outbox *outbox, Joiner *joiner, size_t *len)
{
	const Chunk *head;
	size_t left;

	*len = 0;
	if (outbox->count == 0)
		return NULL;
	head = *slot(outbox, 0);
	left = head->len - outbox->sent;
	if (outbox->count == 1 || left + (*slot(outbox, 1))->len > joiner->max)
	{
		*len = left < joiner->max ? left : joiner->max;
		return head->data + outbox->sent;
	}
	if (!remembers(joiner, outbox))
		join(outbox, joiner);
	*len = joiner->len;
	return joiner->buffer;
}
