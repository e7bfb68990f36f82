/*
 * pg.c: see pg.h.
 *
 * A link is CONNECTING until PQconnectPoll is done, then PREPARING until every
 * statement is parsed, then UP. Any failure leads to WAITING, and a timer from
 * there to CONNECTING. libpq's socket may change between two polls, so the watch
 * is made anew for each while connecting.
 */
#include "pg.h"

#include "clock.h"
#include "list.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "stats.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FAILURES 30 /* counted; the wait does not get longer after that many */

typedef enum LinkState
{
	LINK_WAITING,    /* for the backoff timer */
	LINK_CONNECTING, /* PQconnectPoll */
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
	const char *label;
	const char *setup;
	const PgStatement *statements;
	PgLinkHooks hooks;
	void *arg;
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
	bool busy;    /* inside read_answers: tearing down must wait */
	bool broken;  /* tear down when that is over */
	bool closing; /* and free it then */
};

/*
 * A server that hangs keeps its socket alive, and statement_timeout is its own to
 * observe: a link with queries in flight and no answer for so long is given up.
 */
#define PATIENCE 4 /* times query_timeout */
#define CONNECT_PATIENCE_MS 10000
#define WATCHES 4 /* in the shorter of the two */

static void start_connecting(void *arg);
static void fail(PgLink *link, const char *what, const char *why);

const char *
pg_value(const PgAnswer *answer, int row, int column)
{
	const PGresult *result = answer->result;

	if (row >= answer->nrows || PQgetisnull(result, row, column))
		return NULL;
	return PQgetvalue(result, row, column);
}

size_t
pg_length(const PgAnswer *answer, int row, int column)
{
	return (size_t) PQgetlength(answer->result, row, column);
}

bool
pg_is_up(const PgLink *link)
{
	return link->state == LINK_UP && !link->broken;
}

int
pg_in_flight(const PgLink *link)
{
	return link->in_flight;
}

int64_t
pg_silence(const PgLink *link)
{
	return link->in_flight > 0 ? clock_now_ms() - link->progress_at : 0;
}

/* First line of libpq's message. */
static const char *
first_line(const char *message)
{
	static char line[256];
	size_t len = strcspn(message, "\n");

	if (len >= sizeof(line))
		len = sizeof(line) - 1;
	memcpy(line, message, len);
	line[len] = '\0';
	return line;
}

/* Tells everybody in flight that the answer will not come. */
static void
lose_queries(PgLink *link)
{
	static const PgAnswer lost = {PG_LOST, 0, "08006", "connection lost", NULL, NULL};
	ListNode *node;

	while ((node = list_pop_head(&link->queries)) != NULL)
	{
		Query *query = list_entry(node, Query, node);

		link->in_flight--;
		if (!query->answered)
			query->callback(query->arg, &lost);
		free(query);
	}
}

/* Closes the connection and the watch on its socket. */
static void
drop_connection(PgLink *link)
{
	loop_poll_free(link->poll);
	link->poll = NULL;
	PQfinish(link->conn);
	link->conn = NULL;
}

/* The end of a link. */
static void
free_link(PgLink *link)
{
	loop_timer_free(link->timer);
	loop_timer_free(link->watch);
	free(link);
}

/* After a failure: answers everybody, tells the owner, waits to try again. */
static void
tear_down(PgLink *link)
{
	bool was_up = link->state == LINK_UP;

	link->broken = false;
	link->state = LINK_WAITING;
	drop_connection(link);
	lose_queries(link);
	if (link->closing)
	{
		free_link(link);
		return;
	}
	if (was_up)
	{
		stats.database_losses_total++;
		link->hooks.down(link->arg);
	}
	loop_timer_start(link->timer,
					 clock_backoff(link->failures, link->config->reconnect_min,
								   link->config->reconnect_max),
					 0);
	if (link->failures < MAX_FAILURES)
		link->failures++;
}

/* Notes why, and tears down now or when the answers being read are over. */
static void
fail(PgLink *link, const char *what, const char *why)
{
	/* the same refusal every few seconds is said loudly once */
	log_line(link->failures == 0 ? LOG_WARN : LOG_DEBUG, what, "link=%s reason=%s",
			 link->label, log_quote(first_line(why)));
	if (link->busy)
		link->broken = true;
	else
		tear_down(link);
}

/* Puts a query at the end of those in flight. */
static Query *
add_query(PgLink *link, PgCallback callback, void *arg)
{
	Query *query = mem_zalloc(sizeof(Query));

	query->callback = callback;
	query->arg = arg;
	if (link->in_flight == 0)
		link->progress_at = clock_now_ms();
	list_push_tail(&link->queries, &query->node);
	link->in_flight++;
	return query;
}

/* Writes what libpq has buffered, as far as the socket takes it. */
static void
flush(PgLink *link)
{
	int more = PQflush(link->conn);

	if (more < 0)
		fail(link, "lost a database connection", PQerrorMessage(link->conn));
	else
		loop_poll_set(link->poll, LOOP_READ | (more ? LOOP_WRITE : 0));
}

/* Defers what went wrong while sending: pg_send() must not call back. */
static void
sent(PgLink *link, int ok)
{
	if (!ok || !PQpipelineSync(link->conn))
	{
		link->broken = true;
		loop_timer_start(link->timer, 0, 0);
		return;
	}
	/* a write error will show up when reading, too */
	loop_poll_set(link->poll, LOOP_READ | LOOP_WRITE);
}

bool
pg_send(PgLink *link, const PgStatement *statement, const char *const *values,
		PgCallback callback, void *arg)
{
	if (!pg_is_up(link))
		return false;
	add_query(link, callback, arg);
	sent(link, PQsendQueryPrepared(link->conn, statement->name, statement->nparams,
								   values, NULL, NULL, 0));
	return true;
}

bool
pg_send_sql(PgLink *link, const char *sql, PgCallback callback, void *arg)
{
	if (!pg_is_up(link))
		return false;
	add_query(link, callback, arg);
	sent(link, PQsendQueryParams(link->conn, sql, 0, NULL, NULL, NULL, NULL, 0));
	return true;
}

/* One of the setup steps is done; after the last the link is up. */
static void
on_prepared(void *arg, const PgAnswer *answer)
{
	PgLink *link = arg;

	if (answer->status == PG_LOST)
		return;
	if (answer->status == PG_ERROR)
	{
		fail(link, "the database is not ready for a gateway", answer->message);
		return;
	}
	if (--link->to_prepare > 0)
		return;
	link->state = LINK_UP;
	link->failures = link->restarts;
	link->hooks.up(link->arg);
}

/* Sends setup and statements in one go. */
static void
prepare(PgLink *link)
{
	int ok = 1;

	link->state = LINK_PREPARING;
	link->to_prepare = 0;
	if (link->setup != NULL)
	{
		link->to_prepare++;
		add_query(link, on_prepared, link);
		ok = PQsendQueryParams(link->conn, link->setup, 0, NULL, NULL, NULL, NULL, 0) &&
			 PQpipelineSync(link->conn);
	}
	for (const PgStatement *statement = link->statements; ok && statement->name;
		 statement++)
	{
		link->to_prepare++;
		add_query(link, on_prepared, link);
		ok = PQsendPrepare(link->conn, statement->name, statement->sql, 0, NULL) &&
			 PQpipelineSync(link->conn);
	}
	if (!ok)
		fail(link, "cannot prepare statements", PQerrorMessage(link->conn));
	else
		flush(link);
}

/* Turns a result into an answer and delivers it. */
static void
answer_with(const PGresult *result, const Query *query)
{
	ExecStatusType status = PQresultStatus(result);
	PgAnswer answer = {.status = PG_ROWS, .result = result, .sqlstate = ""};

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		answer.nrows = PQntuples(result);
	else
	{
		const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

		answer.status = PG_ERROR;
		answer.sqlstate = sqlstate ? sqlstate : "XX000";
		answer.message = message ? message : PQresultErrorMessage(result);
		answer.detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	}
	query->callback(query->arg, &answer);
}

/* One result off the wire: an answer, or the Sync that ends a query. */
static void
take_result(PgLink *link, PGresult *result)
{
	Query *query;

	link->progress_at = clock_now_ms();
	if (list_is_empty(&link->queries))
	{
		PQclear(result);
		return;
	}
	query = list_entry(link->queries.next, Query, node);
	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
	{
		list_remove(&query->node);
		link->in_flight--;
		free(query);
	}
	else if (!query->answered)
	{
		query->answered = true;
		answer_with(result, query);
	}
	PQclear(result);
}

/* Delivers what was notified. */
static void
take_notifications(PgLink *link)
{
	PGnotify *notify;

	while (link->conn != NULL && (notify = PQnotifies(link->conn)) != NULL)
	{
		if (link->state == LINK_UP && link->hooks.notified != NULL)
			link->hooks.notified(link->arg, notify->relname, notify->extra);
		PQfreemem(notify);
	}
}

/* Takes everything libpq has received. */
static void
read_answers(PgLink *link)
{
	if (!PQconsumeInput(link->conn))
	{
		fail(link, "lost a database connection", PQerrorMessage(link->conn));
		return;
	}
	link->busy = true;
	while (!link->broken && link->in_flight > 0 && !PQisBusy(link->conn))
	{
		PGresult *result = PQgetResult(link->conn);

		if (result != NULL)
			take_result(link, result);
		else if (PQstatus(link->conn) == CONNECTION_BAD)
			link->broken = true;
	}
	if (!link->broken)
		take_notifications(link);
	link->busy = false;
	if (link->broken)
		tear_down(link);
}

/* The socket of a connection in pipeline mode is ready. */
static void
on_ready_io(void *arg, int events)
{
	PgLink *link = arg;

	if (link->broken)
	{
		tear_down(link);
		return;
	}
	if (events & LOOP_WRITE)
	{
		flush(link);
		if (link->conn == NULL)
			return;
	}
	if (events & LOOP_READ)
		read_answers(link);
}

/* Connected: from here on queries are sent without waiting for answers. */
static void
enter_pipeline(PgLink *link)
{
	if (PQsetnonblocking(link->conn, 1) != 0 || !PQenterPipelineMode(link->conn))
	{
		fail(link, "cannot use pipeline mode", PQerrorMessage(link->conn));
		return;
	}
	loop_poll_free(link->poll);
	link->poll = loop_poll_new(PQsocket(link->conn), on_ready_io, link);
	if (link->poll == NULL)
		fail(link, "cannot watch the database socket", "");
	else
		prepare(link);
}

/* One step of PQconnectPoll. */
static void
on_connecting_io(void *arg, int events)
{
	PgLink *link = arg;
	PostgresPollingStatusType next;

	(void) events;
	/* libpq may close the socket and open another: stop watching first */
	loop_poll_free(link->poll);
	link->poll = NULL;
	next = PQconnectPoll(link->conn);
	if (next == PGRES_POLLING_FAILED)
	{
		fail(link, "cannot connect to the database", PQerrorMessage(link->conn));
		return;
	}
	if (next == PGRES_POLLING_OK)
	{
		enter_pipeline(link);
		return;
	}
	link->poll = loop_poll_new(PQsocket(link->conn), on_connecting_io, link);
	if (link->poll == NULL)
		fail(link, "cannot watch the database socket", "");
	else
		loop_poll_set(link->poll, next == PGRES_POLLING_READING ? LOOP_READ : LOOP_WRITE);
}

/* A notice is for the log, and only for debugging. */
static void
on_notice(void *arg, const PGresult *result)
{
	const PgLink *link = arg;
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	log_debug("notice from the database", "link=%s text=%s", link->label,
			  log_quote(text ? text : ""));
}

/* Begins a connection, or finishes off a broken one first. */
static void
start_connecting(void *arg)
{
	PgLink *link = arg;
	/* frames are UTF-8, whatever the database is in */
	const char *keywords[] = {"dbname",          "application_name", "client_encoding",
							  "keepalives_idle", "tcp_user_timeout", NULL};
	const char *values[] = {
		link->config->database, "wrk_copilot_gateway", "UTF8", "30", "15000", NULL};

	if (link->broken)
	{
		tear_down(link);
		return;
	}
	link->state = LINK_CONNECTING;
	link->progress_at = clock_now_ms();
	link->conn = PQconnectStartParams(keywords, values, 1);
	if (link->conn == NULL || PQstatus(link->conn) == CONNECTION_BAD)
	{
		fail(link, "cannot connect to the database", PQerrorMessage(link->conn));
		return;
	}
	PQsetNoticeReceiver(link->conn, on_notice, link);
	link->poll = loop_poll_new(PQsocket(link->conn), on_connecting_io, link);
	if (link->poll == NULL)
		fail(link, "cannot watch the database socket", "");
	else
		loop_poll_set(link->poll, LOOP_WRITE);
}

/* How long the link may be silent in its state. */
static int64_t
patience(const PgLink *link)
{
	if (link->state == LINK_WAITING || (link->state == LINK_UP && link->in_flight == 0))
		return INT64_MAX;
	return link->state == LINK_UP ? PATIENCE * link->config->query_timeout
								  : CONNECT_PATIENCE_MS;
}

/* Gives a silent link up. */
static void
on_watch(void *arg)
{
	PgLink *link = arg;

	if (clock_now_ms() - link->progress_at > patience(link))
		fail(link, "the database does not answer", "");
}

/* Looks often enough for either patience. */
static void
start_watch(PgLink *link)
{
	int64_t every = PATIENCE * link->config->query_timeout;

	if (every > CONNECT_PATIENCE_MS)
		every = CONNECT_PATIENCE_MS;
	link->watch = loop_timer_new(on_watch, link);
	loop_timer_start(link->watch, every / WATCHES, every / WATCHES);
}

bool
pg_conninfo_is_valid(const char *conninfo)
{
	PQconninfoOption *options;

	/* without these it is the name of a database */
	if (strchr(conninfo, '=') == NULL && strstr(conninfo, "://") == NULL)
		return true;
	options = PQconninfoParse(conninfo, NULL);
	PQconninfoFree(options);
	return options != NULL;
}

PgLink *
pg_open(const Config *config, const char *label, const char *setup,
		const PgStatement *statements, const PgLinkHooks *hooks, void *arg)
{
	PgLink *link = mem_zalloc(sizeof(PgLink));

	link->config = config;
	link->label = label;
	link->setup = setup;
	link->statements = statements;
	link->hooks = *hooks;
	link->arg = arg;
	link->timer = loop_timer_new(start_connecting, link);
	list_init(&link->queries);
	start_watch(link);
	loop_timer_start(link->timer, 0, 0);
	return link;
}

void
pg_close(PgLink *link)
{
	link->closing = true;
	loop_timer_stop(link->timer);
	loop_timer_stop(link->watch);
	if (link->busy)
		link->broken = true;
	else
		tear_down(link);
}

void
pg_settled(PgLink *link)
{
	link->restarts = 0;
	link->failures = 0;
}

void
pg_restart(PgLink *link)
{
	if (link->restarts < MAX_FAILURES)
		link->restarts++;
	link->broken = true;
	if (!link->busy)
		loop_timer_start(link->timer, 0, 0);
}
