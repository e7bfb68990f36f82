/*
 * http.h: what is served by plain HTTP on the same port (layer 4).
 *
 * GET (or HEAD) /healthz, /readyz, /metrics and the files of static_dir; GET /sse, POST
 * /poll and POST /rpc/{method}, which are sessions (exchange.h). What must stay true:
 * who has no token, no business or no permission to ask from that page is told so
 * before a body of theirs is read.
 */
#ifndef WRK_HTTP_H
#define WRK_HTTP_H

#include "gateway.h"
#include "httphead.h"

/* May the request's body be read? Otherwise it was answered. */
extern bool http_admit(const Gateway *gateway, Conn *conn, const HttpHead *head);

/* Serves a request that was admitted; the body's bytes may be taken over. */
extern void http_request(Gateway *gateway, Conn *conn, const HttpHead *head, Buf *body);

/* Answers a head that cannot be served; extra is header lines or "". The end. */
extern void http_refuse(Conn *conn, int status, const char *extra);

#endif
