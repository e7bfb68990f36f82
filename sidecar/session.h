/*
 * session.h: what a client may ask for (layer 3).
 *
 * session_frame() takes one complete text message and dispatches it by type; each
 * type has one handler. Names of the source systems are entries of the same table.
 */
#ifndef WRK_SESSION_H
#define WRK_SESSION_H

#include "gateway.h"

/* The socket became a WebSocket; token is what the upgrade brought, or NULL. */
extern void session_begin(Gateway *gateway, Conn *conn, const char *token);

/* One text message, valid UTF-8. */
extern void session_frame(Gateway *gateway, Conn *conn, const char *text, size_t len);

/* A message that waited until the database had said what its client may. */
extern void session_deferred(Gateway *gateway, Conn *conn, const char *text, size_t len);

/* The connection is about to be freed. */
extern void session_end(Gateway *gateway, Conn *conn);

#endif
