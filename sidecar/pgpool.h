/*
 * pgpool.h: a few database connections for the requests of all clients (layer 3).
 *
 * Queue, one for calls and one for all else. Bound: pool_queue requests, see lanes.h.
 * Overflow: pool_send() refuses and the client is told `unavailable`. Counters:
 * stats.requests_total, stats.requests_waiting, stats.requests_unavailable_total.
 * Each tenant waits in a lane of its own, and those without a token yet in one for
 * each address; lanes take turns, so a tenant with a thousand calls waiting delays
 * another one's by one call. Requests of one client may run at the same
 * time on different connections; a client that needs an order waits for answers.
 */
#ifndef WRK_PGPOOL_H
#define WRK_PGPOOL_H

#include "pg.h"

typedef struct PgPool PgPool;

/* changed is called when the pool goes up (first link) or down (last link). */
extern PgPool *pool_open(const Config *config, const PgStatement *statements,
						 void (*changed)(void *arg), void *arg);
extern void pool_close(PgPool *pool);
extern bool pool_is_up(const PgPool *pool);

/*
 * Milliseconds for which no link of those that take connects, or none of those that
 * take calls, has answered anything; 0 while one is free.
 */
extern int64_t pool_longest_wait(const PgPool *pool);

/*
 * Copies the values. False when the queue is full or no link is up. lane: whose
 * request it is; links_max: how many links calls of it may hold, 0 = all but one.
 */
extern bool pool_send_for(PgPool *pool, const char *lane, int64_t links_max,
						  const PgStatement *statement, const char *const *values,
						  PgCallback callback, void *arg);

/* The same for what the gateway does in its own name. */
extern bool pool_send(PgPool *pool, const PgStatement *statement,
					  const char *const *values, PgCallback callback, void *arg);

#endif
