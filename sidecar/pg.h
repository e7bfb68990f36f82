/*
 * pg.h: one asynchronous connection to Postgres (layer 3); pg*.c are the only files
 * that know libpq.
 *
 * A link connects, prepares its statements, runs in pipeline mode and reconnects
 * by itself with capped, fully jittered backoff. Each query has its own Sync, so
 * an error stays with its query. What must stay true: every query that
 * pg_send() accepted is answered exactly once, with PG_LOST when the connection
 * goes; never with the answer to another; and no callback runs inside pg_send().
 *
 * Queue: queries in flight. Bound: PG_DEPTH, one behind a pooler (pg_has_room()),
 * which pgpool.c keeps to and feed.c never comes near.
 */
#ifndef WRK_PG_H
#define WRK_PG_H

#include "config.h"

#include <stdbool.h>
#include <stddef.h>

/* Queries in flight at a time: enough to hide the round trip. */
#define PG_DEPTH 4

typedef struct PgLink PgLink;

typedef enum PgStatus
{
	PG_ROWS,
	PG_ERROR, /* the query failed; the link lives */
	PG_LOST,  /* the link is gone; whether the query ran is unknown */
} PgStatus;

/* Valid during the callback only. */
typedef struct PgAnswer
{
	PgStatus status;
	int nrows;
	const char *sqlstate; /* of an error, never NULL */
	const char *message;
	const char *detail; /* NULL when there is none */
	const char *hint;   /* likewise */
	const void *result; /* for the accessors */
} PgAnswer;

typedef void (*PgCallback)(void *arg, const PgAnswer *answer);

/* NULL for SQL NULL. */
extern const char *pg_value(const PgAnswer *answer, int row, int column);
extern size_t pg_length(const PgAnswer *answer, int row, int column);

typedef struct PgStatement
{
	const char *name;
	const char *sql;
	int nparams;
	bool may_be_slow; /* runs code of the application */
} PgStatement;

/* Which of the two connection strings leads there, see database_direct. */
typedef enum PgRoute
{
	PG_REQUESTS, /* database: perhaps a pooler, then without setup and prepared statements
				  */
	PG_DIRECT,   /* database_direct if there is one */
} PgRoute;

typedef struct PgLinkHooks
{
	void (*up)(void *arg);   /* prepared and ready for queries */
	void (*down)(void *arg); /* after all answers were PG_LOST */
	void (*notified)(void *arg, const char *channel, const char *payload);
	void (*room)(void *arg); /* a query has left the link */
} PgLinkHooks;

/* Is it a connection string? Does not say what is wrong: that may be the password. */
extern bool pg_conninfo_is_valid(const char *conninfo);

/*
 * Starts connecting. setup is SQL that runs first on each new connection (may be
 * NULL); statements end with a NULL name. Everything borrowed must outlive the link.
 */
extern PgLink *pg_open(const Config *config, PgRoute route, const char *label,
					   const char *setup, const PgStatement *statements,
					   const PgLinkHooks *hooks, void *arg);

/* Answers what is in flight with PG_LOST (without calling down) and frees it. */
extern void pg_close(PgLink *link);

/*
 * Drops the connection and starts over, as if the server had gone; waits longer
 * each time until the owner is content.
 */
extern void pg_restart(PgLink *link);
extern void pg_settled(PgLink *link);

extern bool pg_is_up(const PgLink *link);
extern int pg_in_flight(const PgLink *link);

/* Is it up, and may it get another query now? */
extern bool pg_has_room(const PgLink *link);

/* Milliseconds since the last answer, or the first query without; 0 when none waits. */
extern int64_t pg_silence(const PgLink *link);

/* Sends a prepared statement; values has the statement's number of parameters. */
extern bool pg_send(PgLink *link, const PgStatement *statement, const char *const *values,
					PgCallback callback, void *arg);

/* The same for SQL text without parameters. */
extern bool pg_send_sql(PgLink *link, const char *sql, PgCallback callback, void *arg);

#endif
