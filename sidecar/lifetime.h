/*
 * lifetime.h: how long a connection lives (layer 3).
 *
 * A token ends: token_warning before, the client is told; at its end nothing more is
 * handed out or accepted but a fresh one; token_grace later the connection is closed
 * 4401. A client that does nothing for idle_timeout is closed 4408; heartbeats are
 * nothing. Every recheck_interval its rights are asked for again, as a safety net:
 * what takes them away tells at once (recheck.h).
 */
#ifndef WRK_LIFETIME_H
#define WRK_LIFETIME_H

#include "gateway.h"

/* Looks at a connection that is somebody; the janitor comes once a second. */
extern void lifetime_check(Gateway *gateway, Conn *conn, int64_t now, int64_t wall);

#endif
