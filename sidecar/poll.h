/*
 * poll.h: how long a poll waits, and what it is answered (layer 3).
 *
 * It is over when something came that others did, when its time is, or when its
 * connection is to end. The answer is whole fetches: what came between two pages waits
 * for the last of them, because only then a position covers it. So a client that goes
 * on from the position at the end misses nothing and gets nothing twice.
 */
#ifndef WRK_POLL_H
#define WRK_POLL_H

#include "exchange.h"

#define POLL_WAIT_MS 25000
#define POLL_GRACE_MS 2000 /* past its time, for the last page of a fetch */

extern void poll_begin(Exchange *exchange);
extern bool poll_is_over(Exchange *exchange);

/* It waits no more; harmless for what never did. */
extern void poll_end(Exchange *exchange);

/* The body: {"frames":[...]}, with the position at the end where there is one. */
extern void poll_collect(Exchange *exchange, Buf *body);

#endif
