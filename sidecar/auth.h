/*
 * auth.h: who a connection is (layer 3).
 *
 * The token is the database's to judge: it goes there with connect, with every
 * later call, and again when the client refreshes it. A refresh must be for the
 * same tenant and user; anything else is a new connection's business.
 */
#ifndef WRK_AUTH_H
#define WRK_AUTH_H

#include "request.h"

/* The connect frame, or a token that came with the upgrade (request is empty). */
extern void auth_connect(Gateway *gateway, Conn *conn, const Request *request,
						 const char *token);

/* The auth frame: a fresh token on the open socket. */
extern void auth_refresh(Gateway *gateway, Conn *conn, const Request *request,
						 const char *token);

#endif
