/*
 * fanout.h: events become batches, batches become references (layer 2).
 *
 * The unit is the batch: what one page of a fetch brought for one channel is laid
 * out once as contiguous frames, and every subscriber gets a reference. When
 * events are meant for some roles or users only, a batch has variants: one for
 * each set of audiences that actual subscribers belong to, made when first
 * needed. So the right to see costs a few bit tests per subscriber and batch,
 * whatever the number of events.
 *
 * A batch is cut into runs where the class changes, where a state event stands
 * alone so that it can be coalesced, at 64 audiences and before RUN_BYTES, so that
 * a giant event is alone and not in every variant of what it came with.
 */
#ifndef WRK_FANOUT_H
#define WRK_FANOUT_H

#include "event.h"
#include "hub.h"

#define RUN_BYTES (256 * 1024)

typedef struct Fanout
{
	Hub *hub;
	Channel **touched; /* channels with events in this page */
	uint32_t ntouched;
	uint32_t cap;
	List got; /* connections that got events since the last position */
} Fanout;

extern void fanout_init(Fanout *fanout, Hub *hub);
extern void fanout_free(Fanout *fanout);

/* Adds an event of the page to the batch of each channel somebody listens to. */
extern void fanout_add(Fanout *fanout, const Event *event, char **channels,
					   size_t nchannels);

/* Hands the page out. Subscriptions that skip this cycle are passed over. */
extern void fanout_deliver(Fanout *fanout, uint64_t cycle);

/* Ends the fetch: connections that got something get their position. */
extern void fanout_finish(Fanout *fanout, Chunk *position, uint64_t position_seq);

/* Gives a connection a position unless a replay is awaited or a gap not mended. */
extern void fanout_send_position(Conn *conn, Chunk *position, uint64_t position_seq);

/* Sends a chunk to the subscribers of a channel, except to one connection. */
extern void fanout_publish(const Channel *channel, Chunk *chunk, const Conn *except);

/* The stream is broken: tells every subscription to start from its position. */
extern void fanout_gap(const Fanout *fanout, const char *reason);

#endif
