/*
 * http.h: plain HTTP on the same port (layer 4).
 *
 * GET (or HEAD) /healthz, /readyz, /metrics. One answer a connection, then it is
 * closed; what needs more (event streams, polling, calls) hangs on the same hook.
 */
#ifndef WRK_HTTP_H
#define WRK_HTTP_H

#include "gateway.h"
#include "httphead.h"

/* Answers a request that is no upgrade; moves the connection to CONN_HTTP. */
extern void http_request(const Gateway *gateway, Conn *conn, const HttpHead *head);

/* Answers a head that cannot be served; extra is header lines or "". */
extern void http_refuse(Conn *conn, int status, const char *extra);

#endif
