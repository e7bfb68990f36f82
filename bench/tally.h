/*
 * tally.h
 *	  What a step of the load brought: counts, latencies, and who got what.
 *
 * Event number s (0, 1, 2, ... over the whole run) goes to channel s modulo
 * the number of channels.  A step covers a range of numbers beginning at
 * first_seq, a multiple of the number of channels, so the n-th event of a step
 * on any channel has the same place n in that channel's connections.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include "hist.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One per program. */
typedef struct Tally
{
	uint32_t channels;  /* over how many the events are dealt out */
	uint64_t first_seq; /* of the present step */
	uint64_t frames;    /* event frames, all connections */
	uint64_t bytes;     /* of these frames, headers included */
	uint64_t twice;     /* seen before, on sampled connections */
	uint64_t late;      /* of an earlier step, on sampled connections */
	uint64_t stray;     /* of another channel, on sampled connections */
	uint64_t gaps;      /* "gap" frames: the server gave up on a subscription */
	uint64_t now_us;    /* CLOCK_REALTIME after the read being parsed */
	uint64_t first_us;  /* when the first event frame came; 0 = none yet */
	uint64_t last_us;
	Hist latency; /* sampled connections: now_us - t_us */
} Tally;

/* The set of event places one sampled connection has seen.  Owns bits. */
typedef struct Seen
{
	uint64_t *bits;
	size_t words;
	uint64_t count; /* distinct places */
} Seen;

extern void tally_begin(Tally *tally, uint64_t first_seq);
extern void tally_event_frame(Tally *tally, uint64_t bytes);
extern void tally_sampled(Tally *tally, Seen *seen, uint32_t channel, uint64_t seq,
						  uint64_t sent_us);
extern void seen_reset(Seen *seen);
extern void seen_free(Seen *seen);

#endif /* BENCH_TALLY_H */
