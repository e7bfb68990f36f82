/*
 * resume.h: taking up a connection that broke, or taking over one that is there
 * (layer 3).
 *
 * `connected` names the connection (session) and gives a secret (key); who comes back
 * with both, as the same user of the same tenant, takes its place: a connection that
 * is still there is closed 4409, what it was a member of moves (attendance.h), and
 * `resumed` is true. Nothing of its events is kept: what was missed follows from
 * positions. What must stay true: a key is good once; a wrong one, somebody else's and
 * one that is not known any more look the same, and disturb nobody.
 *
 * Places of connections that are gone. Bound: max_connections, and resume_grace.
 * Overflow: the oldest goes.
 */
#ifndef WRK_RESUME_H
#define WRK_RESUME_H

#include "gateway.h"

extern void resume_init(Gateway *gateway);
extern void resume_free(void);

/* A name and a key for a connection that has just become somebody. */
extern void resume_begin(Conn *conn);

/* NULL for one that nobody can come back to: of a poll or call. */
extern const char *resume_session(const Conn *conn);
extern const char *resume_key(const Conn *conn);

/* Takes the place that "session.key" (or NULL) names; false when it cannot be had. */
extern bool resume_take(Gateway *gateway, Conn *conn, const char *resume);

/* The connection will be freed: its place stays for a while, unless it was closed. */
extern void resume_gone(Conn *conn);

/* Forgets places that have been empty for too long. Call every second or so. */
extern void resume_sweep(Gateway *gateway, int64_t now);

#endif
