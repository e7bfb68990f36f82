/*
 * feed.h: what happened in the database, in order, once (layer 3).
 *
 * One connection listens for the doorbell and fetches what is visible now and was
 * not in the snapshot of the last fetch. What must stay true:
 *  - at most one fetch is in flight; doorbells meanwhile mean one more;
 *  - the snapshot advances only after everything it covers was handed out, so a
 *    lost connection resumes without a gap, and a position never promises what
 *    was not sent;
 *  - an event is at worst late, never lost, when the doorbell is not heard: a
 *    slow poll always runs, a fast one while probes fail.
 */
#ifndef WRK_FEED_H
#define WRK_FEED_H

#include "gateway.h"
#include "waiters.h"

typedef struct Feed Feed;

typedef WaiterCallback FeedCallback;

extern Feed *feed_open(Gateway *gateway);
extern void feed_close(Feed *feed);

/* Has said hello and can fetch. */
extern bool feed_is_up(const Feed *feed);

/* "doorbell", "polling" or "down" */
extern const char *feed_mode(const Feed *feed);

/* Milliseconds that something has been waiting to be fetched; 0 when nothing is. */
extern int64_t feed_lag(const Feed *feed);

/* "" until the first hello. */
extern const char *feed_epoch(const Feed *feed);

/* The pool came up: a probe can be sent now. */
extern void feed_pool_changed(Feed *feed);

/*
 * Calls back when a fetch that began after this call is over: then the feed's
 * snapshot has everything that was committed before. ok is false when the
 * connection was lost instead. False when the feed is down.
 */
extern bool feed_after_next_fetch(Feed *feed, FeedCallback callback, void *arg);

/*
 * From where the live stream of a subscription that is made now goes on: replay up
 * to this snapshot, live after it. Borrowed until the next callback.
 */
extern const char *feed_join(Feed *feed, Sub *sub);

/* Everything up to here was handed out to every subscription; borrowed likewise. */
extern const char *feed_snapshot(const Feed *feed);

/* What is asked on the feed's own connection, whose life is the gateway's. */
typedef enum FeedQuestion
{
	FEED_ATTACH, /* node, name, grace */
	FEED_SWEEP,  /* node */
} FeedQuestion;

/* Asks; false when the feed is down. The callback gets PG_LOST when it goes down. */
extern bool feed_ask(Feed *feed, FeedQuestion question, const char *const *values,
					 PgCallback callback, void *arg);

/* epoch.snapshot as clients know it. */
extern void feed_append_position(const Feed *feed, Buf *out, const char *snapshot);

/* Sends the present position unless the connection has it. */
extern void feed_send_position(Feed *feed, Conn *conn);

/*
 * The same, but between two pages not before the last one is out: what was replayed
 * to a subscription made meanwhile is past the present position.
 */
extern void feed_settle_position(Feed *feed, Conn *conn);

#endif
