/*
 * delivery.h: telling the application what has arrived (layer 3).
 *
 * What was really written to a WebSocket, and acknowledged by its client with a pong,
 * is told by calling the method of its rule in the client's name (receipts.h says
 * what waits for what). Nobody waits for it: calls are few, at most one a second for
 * each connection and DELIVERY_CALLS at a time, and only the last event of a channel
 * counts, so a backlog does not grow.
 *
 * Counters: stats.receipts_total, stats.receipts_failed_total.
 */
#ifndef WRK_DELIVERY_H
#define WRK_DELIVERY_H

#include "gateway.h"

#define DELIVERY_CALLS 8

typedef struct Delivery Delivery;

extern Delivery *delivery_open(Gateway *gateway);

/* After the pool, which answers what is in flight, and after the connections. */
extern void delivery_close(Delivery *delivery);

/* A pong frame came. */
extern void delivery_pong(Delivery *delivery, Conn *conn, const void *payload,
						  size_t len);

/* The connection is about to be freed. */
extern void delivery_gone(Conn *conn);

#endif
