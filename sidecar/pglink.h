/*
 * pglink.h: the inside of a database link, for pg*.c only (layer 3).
 *
 * pg.c owns the life of a link, pgquery.c what is in flight on it, pgtarget.c where
 * it leads. A link is CONNECTING until PQconnectPoll is done, then PREPARING until
 * every statement is parsed, then UP. Any failure leads to WAITING, and a timer from
 * there to CONNECTING.
 */
#ifndef WRK_PGLINK_H
#define WRK_PGLINK_H

#include "list.h"
#include "loop.h"
#include "pg.h"
#include "pgtarget.h"

#include <libpq-fe.h>

typedef enum LinkState
{
	LINK_WAITING,    /* for the backoff timer */
	LINK_CONNECTING, /* names are looked up, then PQconnectPoll */
	LINK_PREPARING,  /* setup and statements are in flight */
	LINK_UP,
} LinkState;

/* One of these for each query in flight, in the order of sending. */
typedef struct Query
{
	ListNode node;
	PgCallback callback;
	void *arg;
	bool answered; /* its result came; the Sync is still awaited */
} Query;

struct PgLink
{
	const Config *config;
	PgRoute route;
	const char *label;
	const char *setup;
	const PgStatement *statements;
	PgLinkHooks hooks;
	void *arg;
	PgTarget *target; /* while names are looked up */
	PGconn *conn;
	LoopPoll *poll;
	LoopTimer *timer;
	LoopTimer *watch;
	int64_t progress_at; /* last sign of life, or since when one is due */
	LinkState state;
	List queries;
	int in_flight;
	int failures; /* in a row */
	int restarts; /* likewise, that the owner asked for */
	int to_prepare;
	bool shared;  /* a pooler's: nothing stays on it from one query to the next */
	bool busy;    /* inside link_read_answers: tearing down must wait */
	bool broken;  /* tear down when that is over */
	bool closing; /* and free it then */
};

/* Notes why, and tears down now or when the answers being read are over. */
extern void link_fail(PgLink *link, const char *what, const char *why);
extern void link_tear_down(PgLink *link);

/* Puts a query at the end of those in flight. */
extern Query *link_add_query(PgLink *link, PgCallback callback, void *arg);

/* Tells everybody in flight that the answer will not come. */
extern void link_lose_queries(PgLink *link);

/* Writes what libpq has buffered, as far as the socket takes it. */
extern void link_flush(PgLink *link);

/* Takes everything libpq has received. */
extern void link_read_answers(PgLink *link);

#endif
