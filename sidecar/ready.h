/*
 * ready.h: can clients be served, and telling who asks (layer 3).
 *
 * What must stay true: "ready" is never said while events would not arrive or
 * requests would not be answered. A database that does not answer counts like one
 * that is gone.
 */
#ifndef WRK_READY_H
#define WRK_READY_H

#include "gateway.h"

#include <stdbool.h>

typedef struct Readiness
{
	bool ready;
	const char *why;    /* "" when ready */
	int64_t feed_lag;   /* ms that something has been waiting to be fetched */
	int64_t queue_wait; /* ms that the oldest request has been waiting */
} Readiness;

/* The same as JSON, with how its workers are. Returns the HTTP status. */
extern int ready_render(const Gateway *gateway, Buf *out);

/* Writes it on the board and tells systemd; call it twice a second. */
extern void ready_pulse(const Gateway *gateway);

#endif
