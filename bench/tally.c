/*
 * tally.c
 *	  What a step of the load brought: counts, latencies, and who got what.
 */
#include "tally.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

/* No step is that long: a larger place is a damaged payload. */
#define MAX_PLACE (1u << 28)


/* Forget the last step; the next one's events are numbered from first_seq. */
void
tally_begin(Tally *tally, uint64_t first_seq)
{
	uint32_t channels = tally->channels;

	memset(tally, 0, sizeof(*tally));
	tally->channels = channels;
	tally->first_seq = first_seq;
}

/* Count one event frame of any connection. */
void
tally_event_frame(Tally *tally, uint64_t bytes)
{
	tally->frames++;
	tally->bytes += bytes;
	tally->last_us = tally->now_us;
	if (tally->first_us == 0)
		tally->first_us = tally->now_us;
}

/* Add a place to the set; false when it was there. */
static bool
seen_add(Seen *seen, uint64_t place)
{
	uint64_t bit = (uint64_t) 1 << (place & 63);
	size_t word = (size_t) (place >> 6);

	if (word >= seen->words)
	{
		size_t words = word * 2 + 16;

		seen->bits = xrealloc(seen->bits, words * sizeof(*seen->bits));
		memset(seen->bits + seen->words, 0, (words - seen->words) * sizeof(*seen->bits));
		seen->words = words;
	}
	if ((seen->bits[word] & bit) != 0)
		return false;
	seen->bits[word] |= bit;
	seen->count++;
	return true;
}

/* Check one event of a sampled connection, and take its latency. */
void
tally_sampled(Tally *tally, Seen *seen, uint32_t channel, uint64_t seq, uint64_t sent_us)
{
	if (seq < tally->first_seq)
	{
		tally->late++;
		return;
	}
	if (seq % tally->channels != channel)
	{
		tally->stray++;
		return;
	}
	if ((seq - tally->first_seq) / tally->channels > MAX_PLACE)
		fatal("an event has the impossible number %llu", (unsigned long long) seq);
	if (!seen_add(seen, (seq - tally->first_seq) / tally->channels))
		tally->twice++;
	hist_add(&tally->latency, tally->now_us > sent_us ? tally->now_us - sent_us : 0);
}

/* Make the set empty, keeping its memory. */
void
seen_reset(Seen *seen)
{
	if (seen->bits != NULL)
		memset(seen->bits, 0, seen->words * sizeof(*seen->bits));
	seen->count = 0;
}

/* Free the set's memory. */
void
seen_free(Seen *seen)
{
	free(seen->bits);
	*seen = (Seen){NULL, 0, 0};
}
