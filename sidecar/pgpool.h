/*
 * pgpool.h: a few database connections for the requests of all clients (layer 3).
 *
 * Queue. Bound: pool_queue requests. Overflow: pool_send() refuses and the
 * client is told `unavailable`. Counters: stats.requests_total,
 * stats.requests_unavailable_total. Requests of one client may run at the same
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

/* Copies the values. False when the queue is full or no link is up. */
extern bool pool_send(PgPool *pool, const PgStatement *statement,
					  const char *const *values, PgCallback callback, void *arg);

#endif
