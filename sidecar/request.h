/*
 * request.h: requests that wait for the database, and their answers (layer 3).
 *
 * Queue: a connection's pending requests. Bound: requests_max. Overflow: the
 * request is refused with limit_exceeded. What must stay true: a request with a
 * requestId gets exactly one answer, and a Pending outlives its connection, with
 * conn NULL, until the database has answered.
 */
#ifndef WRK_REQUEST_H
#define WRK_REQUEST_H

#include "gateway.h"
#include "pg.h"
#include "wire.h"

/* One of these for each request at the database; freed by pending_end(). */
typedef struct Pending
{
	ListNode in_conn;
	Ticket ticket; /* its place in the counters of user and tenant */
	Gateway *gateway;
	Conn *conn;     /* NULL once the connection is gone */
	char *id;       /* requestId as JSON text or NULL */
	char *channel;  /* as the client named it, later canonical; or NULL */
	char *text;     /* since of a subscribe, token of an auth, method of a call */
	char *position; /* that the subscription goes on from */
	char *upto;     /* the same as a snapshot, where its replay ends */
	char *rights;   /* JSON text of a subscription's rights */
	char *as;
	char *presence;      /* canonical name of the channel's presence, or NULL */
	struct Ask *ask;     /* to be present there, too, or NULL; see present.h */
	char *seen;          /* version of the list of who is there that the client has */
	bool lets_go;        /* its user is not there any more */
	TypeFilter *filter;  /* of a subscribe, NULL = all types */
	uint64_t serial;     /* of the subscription */
	uint64_t access_seq; /* news of access that the database knew when it was asked */
	char *resume;        /* "session.key" of a connect */
	bool can_publish;    /* by those rights */
	bool made;           /* no subscription had been answered before it */
	int replays;         /* asked for it so far */
	int64_t began;       /* monotonic ms */
} Pending;

/* NULL when the connection has too many already; the refusal was sent. */
extern Pending *pending_begin(Gateway *gateway, Conn *conn, const Request *request);
extern void pending_end(Pending *pending);

/* Is somebody there to be answered? */
extern bool pending_is_wanted(const Pending *pending);

/* The connection goes away: its requests have nobody to answer. */
extern void pending_orphan_all(Conn *conn);

/* Sends the statement; on refusal answers `unavailable`, ends it, returns false. */
extern bool pending_send(Pending *pending, int statement, const char *const *values,
						 PgCallback callback);

/* An answer with nothing to say; nothing for a request without an id. */
extern void reply_empty(Conn *conn, const char *id, const char *type);

extern void reply_error(Conn *conn, const char *id, const char *channel,
						const ErrorCode *code, const char *message);

/* There is no such channel for this client, in the words of the database. */
extern void reply_no_channel(Conn *conn, const char *id, const char *channel);

/* What the database said, or that it did not. Returns the code that was sent. */
extern const ErrorCode *reply_database_error(Conn *conn, const char *id,
											 const char *channel, const PgAnswer *answer);
extern void reply_unavailable(Conn *conn, const char *id, const char *channel);

#endif
