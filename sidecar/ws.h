/*
 * ws.h: sockets, and what is written to them (layer 4); ws.c is the only file
 * that knows libwebsockets.
 */
#ifndef WRK_WS_H
#define WRK_WS_H

#include "gateway.h"

/* Makes libwebsockets a guest of the loop. False when it cannot start. */
extern bool ws_init(Gateway *gateway);

/* After the last connection was reaped. */
extern void ws_free(void);

/* An accepted socket becomes a connection; false when there is no room. */
extern bool ws_accept(void *gateway, int fd);

/* The same on metrics_listen. */
extern bool ws_accept_internal(void *gateway, int fd);

/* Sec-WebSocket-Accept of RFC 6455, section 4.2.2. */
#define WS_ACCEPT_SIZE 32
extern void ws_accept_key(const char *key, char out[WS_ACCEPT_SIZE]);

/* No more bytes for now: until its answer is out, or its socket takes more. */
extern void ws_pause_reading(Conn *conn);

/* For the ConnTable. */
extern const ConnOps ws_ops;

#endif
