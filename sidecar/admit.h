/*
 * admit.h: limits in force: refusals and their answers (layer 3).
 *
 * limits.c counts; here a client is told. A refusal has the code rate_limited (too
 * many in a time) or limit_exceeded (too many at once), retryAfter, and
 * details.limit, the name of the limit. It refuses that operation and nothing else;
 * only who goes on regardless is closed, 4429, and who comes back for more of that,
 * 4529.
 */
#ifndef WRK_ADMIT_H
#define WRK_ADMIT_H

#include "request.h"

/* A socket was accepted; false when it must be closed without a word. */
extern bool admit_socket(Conn *conn);

/*
 * Its request is read, so the client's address is known; false when it may not be
 * here. A WebSocket is then closed with admit_turn_away(), HTTP answers 429.
 */
extern bool admit_newcomer(Conn *conn, LimitHit *hit);
extern void admit_turn_away(Conn *conn, const LimitHit *hit);

/*
 * The token of a connect was good, limits is what gateway_open() said of them. False
 * when there are too many of the user or tenant; it was told, and closed.
 */
extern bool admit_person(Conn *conn, const char *id, const char *tenant, const char *user,
						 const json_t *limits);

/* What gateway_open() said again, after auth or because something changed. */
extern void admit_own_limits(Conn *conn, const json_t *limits);

/* A frame of somebody known; false when it was refused. */
extern bool admit_frame(Conn *conn, const Request *request, LimitClass limit_class);

/* Too many frames of any kind for one connection. */
extern void admit_refuse_frame(Conn *conn, const Request *request, int64_t retry_ms);

/* A request to the database; false when it was refused. Ends with limits_end(). */
extern bool admit_request(Conn *conn, const Request *request, Ticket *ticket);

/* One more subscription; false when it was refused. */
extern bool admit_subscription(Conn *conn, const char *id, const char *channel);

/* What a well-behaved client does not send: one day it is enough. */
extern void admit_lose_patience(Conn *conn);

/* The value that holds for this connection; 0 = no limit. */
extern int64_t admit_value(const Conn *conn, LimitName name);

#endif
