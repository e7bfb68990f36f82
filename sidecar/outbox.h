/*
 * outbox.h: what a connection has still to send (layer 1).
 *
 * Bound: bytes, checked before a chunk is taken, so a chunk of any size goes
 *   through an empty outbox and the overshoot is one chunk.
 * Classes and overflow policy: ephemeral chunks are refused past ephemeral_max
 *   and thrown out when a critical one needs the room; a state chunk replaces
 *   the unsent one of its key if that is one of the last few; critical chunks are never
 * dropped one by one: OUTBOX_FULL tells the owner to break the stream, see flow.h.
 * What is the connection's own always fits: a state of its own replaces the last one.
 * Replies are never dropped and do not count: a client that does not read is
 *   not read from either, and has requests_max requests in flight at most.
 * Counters: stats.dropped_ephemeral_total, stats.coalesced_state_total (of channels'
 *   states), stats.outbox_bytes; the first two also for each outbox.
 *
 * The outbox holds one reference on each chunk in it. The head may be sent in
 * part; it is then neither dropped nor replaced, or the stream would break.
 */
#ifndef WRK_OUTBOX_H
#define WRK_OUTBOX_H

#include "event.h"

#include <stddef.h>
#include <stdint.h>

#define OUTBOX_COALESCE 32 /* chunks looked at for one to replace */
#define OUTBOX_INLINE 2    /* chunks held without allocating: a batch and a position */

typedef struct Outbox
{
	Chunk **ring; /* NULL = the inline slots are the ring */
	Chunk *slots[OUTBOX_INLINE];
	uint32_t cap; /* 0 stands for OUTBOX_INLINE */
	uint32_t first;
	uint32_t count;
	uint32_t sent; /* bytes of the head that are gone */
	uint32_t nstate;
	uint32_t nephemeral;
	uint64_t bytes;       /* unsent */
	uint64_t reply_bytes; /* of them replies */
	uint32_t dropped;     /* ephemeral frames, since the owner has set it to 0 */
	uint32_t coalesced;   /* channels' states, likewise */
} Outbox;

typedef struct OutboxLimits
{
	uint64_t max;
	uint64_t ephemeral_max;
} OutboxLimits;

typedef enum OutboxResult
{
	OUTBOX_TAKEN,
	OUTBOX_DROPPED, /* it was ephemeral and there was no room */
	OUTBOX_FULL,    /* it was not, and there was no room: the stream is broken */
} OutboxResult;

/* Takes its own reference. */
extern OutboxResult outbox_push(Outbox *outbox, Chunk *chunk, const OutboxLimits *limits);

/*
 * Puts bytes before everything that waits, nothing of which may have been sent: the
 * head of an answer whose body has collected. Never refused. Takes its own reference.
 */
extern void outbox_push_front(Outbox *outbox, Chunk *chunk);

/* Would a critical chunk be refused? */
extern bool outbox_is_full(const Outbox *outbox, const OutboxLimits *limits);

/*
 * Drops what came for channels, and positions, which are true no more; answers and
 * the state of the database stay. Returns how many frames were dropped.
 */
extern uint32_t outbox_drop_events(Outbox *outbox);

/* Drops everything but a head that is sent in part (keep_partial), or that too. */
extern void outbox_clear(Outbox *outbox, bool keep_partial);

/* Appends all that waits, for a body that is sent as a whole. */
extern void outbox_copy(const Outbox *outbox, Buf *out);

/* n bytes from the front were written. */
extern void outbox_consume(Outbox *outbox, size_t n);

/* Calls back when the last byte of a chunk with a receipt was. One for the process. */
extern void outbox_on_receipt(void (*written)(Outbox *outbox, const Receipt *receipt));

/*
 * One of these for the process: joins several chunks into one write. Subscribers
 * of the same channels have the same chunks waiting, so the last join is kept
 * and reused while the sequence of chunks is the same. It holds references on
 * what it remembers until joiner_forget().
 */
#define JOINER_REMEMBERED 8

typedef struct Joiner
{
	char *buffer;
	size_t max; /* most bytes of a write */
	Chunk *remembered[JOINER_REMEMBERED];
	uint32_t nremembered;
	size_t len;
} Joiner;

extern void joiner_init(Joiner *joiner, size_t max);
extern void joiner_forget(Joiner *joiner);
extern void joiner_free(Joiner *joiner);

/* The next bytes to write, at most joiner->max; length 0 when there are none. */
extern const char *outbox_next_write(const Outbox *outbox, Joiner *joiner, size_t *len);

#endif
