/*
 * recheck.h: what a connection may, asked again (layer 3).
 *
 * News of access says whose rights may have become fewer, never what is left of them.
 * So whoever is named is suspended at once, connections as a whole or single
 * subscriptions: what arrives for them is held, what they send waits. Then the
 * database is asked: yes lets everything flow; yes, but as somebody who sees other
 * events, is a `gap` reason rights_changed for what was held; no for a channel is an
 * `unsubscribed` of the server's own; no for the whole ends the connection: 4501
 * revoked, 4401 expired or void, 4503 suspended.
 *
 * What must stay true:
 *  - news is taken before the events of its fetch are handed out;
 *  - what the database answered before it knew of the news is not believed: who joins
 *    by such an answer is suspended from the start;
 *  - nobody is let go on by an answer to a question that was sent before the last news.
 *
 * Queues. Connections that wait to be asked about: bound by the connections; a few are
 * at the database at a time. Frames of a suspended client: bound requests_max and
 * frame_max bytes in all; past it: `unavailable`. Held events: see hub.h.
 * Counters: stats.rechecks_total, rechecks_waiting, revoked_total, unsubscribed_total.
 */
#ifndef WRK_RECHECK_H
#define WRK_RECHECK_H

#include "request.h"

extern void recheck_init(Gateway *gateway);
extern void recheck_free(void);

/*
 * Takes the control events at the head of a page, suspends whom they name and asks.
 * Returns how many rows they were.
 */
extern int recheck_take(const PgAnswer *answer, int nrows);

/* News may have been missed: everybody. */
extern void recheck_everybody(void);

/* The connection as a whole is suspended until the database has answered. */
extern void recheck_conn(Conn *conn);

/* Asks without suspending anything: nothing is known to have changed. */
extern void recheck_quietly(Conn *conn);

/*
 * A subscription was made by what the database answered to this request: suspends it
 * when there was news since, or the connection is suspended itself.
 */
extern void recheck_joined(Pending *pending, Sub *sub);

/* Its own token has expired: suspended until there is another one, or given back. */
extern void recheck_wait_for_token(Conn *conn);
extern void recheck_got_token(Conn *conn);

/*
 * May this frame be handled now? Else it waits, or was refused: all but the few that
 * are good at any time wait for the database's answer.
 */
extern bool recheck_admits(Conn *conn, const Request *request, bool anytime,
						   const char *text, size_t len);

/* The connection will be freed. */
extern void recheck_gone(Conn *conn);

#endif
