/*
 * receive.h: what a client's bytes are (layer 4).
 *
 * Heads of requests while it speaks HTTP, frames once it is a WebSocket. What must
 * stay true: a connection with no incomplete input owns no buffer, and nobody makes
 * us keep more than a head, or a message of the size that is allowed.
 */
#ifndef WRK_RECEIVE_H
#define WRK_RECEIVE_H

#include "gateway.h"

/* Bytes from the socket; they are changed in place. */
extern void receive_bytes(Gateway *gateway, Conn *conn, unsigned char *bytes, size_t len);

#endif
