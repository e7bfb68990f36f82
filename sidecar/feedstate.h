/*
 * feedstate.h: the inside of the feed, for feed*.c only (layer 3).
 *
 * feed.c owns the cycle of fetches, feedhello.c how a connection begins.
 */
#ifndef WRK_FEEDSTATE_H
#define WRK_FEEDSTATE_H

#include "doorbell.h"
#include "feed.h"
#include "list.h"
#include "loop.h"
#include "pace.h"
#include "stream.h"

typedef enum FeedState
{
	FEED_DOWN,
	FEED_HELLO,    /* gateway_hello is in flight */
	FEED_LISTEN,   /* LISTEN is in flight */
	FEED_IDLE,     /* waiting for the doorbell, the poll or the end of the pause */
	FEED_FETCHING, /* a page is in flight */
} FeedState;

struct Feed
{
	Gateway *gateway;
	PgLink *link;
	FeedState state;
	Stream stream;
	char *upto; /* of the cycle's pages, NULL when none of them is out */
	char after_id[24];
	char *known; /* snapshot of the page before: control events up to it were told */
	uint64_t cycle;
	int64_t rows; /* to ask for */

	int64_t cycle_events;
	bool wanted; /* somebody rang while a fetch was in flight */
	/* monotonic ms: since when somebody waits, 0 = nobody does */
	int64_t wanted_at;  /* for a fetch to begin */
	int64_t running_at; /* for the one that runs */
	Doorbell *doorbell;
	Pace pace;
	LoopTimer *pause_timer;
	int64_t cost_us; /* of handing out this cycle */

	List waiting; /* for a fetch to begin */
	List running; /* for the one that runs */
};

enum
{
	FEED_STMT_HELLO,
	FEED_STMT_FETCH,
	FEED_STMT_LISTEN,
	FEED_STMT_ATTACH,
	FEED_STMT_SWEEP
};

extern const PgStatement feed_statements[];

/* Fetches now, or when the pause is over. */
extern void feed_want_fetch(Feed *feed);

/* The next fetch begins a cycle of its own. */
extern void feed_forget_cycle(Feed *feed);

/* The connection is there. */
extern void feed_say_hello(Feed *feed);

/* Hears on the bus what has changed since. */
extern void feed_hear_changes(Feed *feed);

#endif
