/*
 * handshake.h: an HTTP request becomes a WebSocket (layer 4).
 *
 * Every well-formed upgrade is accepted, and who may not stay is closed with a code:
 * browsers hide the status of a failed upgrade.
 */
#ifndef WRK_HANDSHAKE_H
#define WRK_HANDSHAKE_H

#include "gateway.h"
#include "httphead.h"

/* Turns the connection into a WebSocket, whatever its client speaks. */
extern void handshake_upgrade(Gateway *gateway, Conn *conn, const HttpHead *head);

#endif
