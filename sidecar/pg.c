/*
 * pg.c: see pg.h and pglink.h; the life of a link.
 *
 * libpq's socket may change between two polls, so the watch is made anew for each
 * while connecting. Before anything else is done on a new connection, its role is
 * looked at: one with more rights than a gateway needs is refused.
 */
#include "pglink.h"

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "stats.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FAILURES 30 /* counted; the wait does not get longer after that many */

/*
 * A server that hangs keeps its socket alive, and statement_timeout is its own to
 * observe: a link with queries in flight and no answer for so long is given up.
 */
#define PATIENCE 4 /* times query_timeout */
#define CONNECT_PATIENCE_MS 10000
#define WATCHES 4 /* in the shorter of the two */

/* What is wrong with the role we are, if anything; see role_check. */
static const char role_check_sql[] =
	"DO $$ DECLARE r record; others text; BEGIN"
	" SELECT * INTO r FROM pg_catalog.pg_roles WHERE rolname = SESSION_USER;"
	" IF r.rolsuper THEN RAISE EXCEPTION 'role \"%\" is a superuser', r.rolname; END IF;"
	" IF r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication THEN"
	"  RAISE EXCEPTION 'role \"%\" may more than a gateway needs (BYPASSRLS, CREATEROLE,"
	" CREATEDB or REPLICATION)', r.rolname; END IF;"
	" IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'wrk_gateway') OR"
	"  NOT pg_catalog.pg_has_role(SESSION_USER, 'wrk_gateway', 'MEMBER') THEN"
	"  RAISE EXCEPTION 'role \"%\" is no member of wrk_gateway', r.rolname; END IF;"
	" SELECT pg_catalog.string_agg(o.rolname, ', ' ORDER BY o.rolname) INTO others"
	"  FROM pg_catalog.pg_roles o WHERE o.oid <> r.oid"
	"  AND pg_catalog.pg_has_role(SESSION_USER, o.oid, 'MEMBER')"
	"  AND NOT pg_catalog.pg_has_role('wrk_gateway', o.oid, 'MEMBER');"
	" IF others IS NOT NULL THEN RAISE EXCEPTION 'role \"%\" is a member of % as well as"
	" of wrk_gateway', r.rolname, others; END IF; END $$";

static void start_connecting(void *arg);

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

/*
 * PgBouncer (1.18) loses count when one of several queries in flight fails: it hands the
 * server on with the next one half sent, and the answers fit no more.
 */
bool
pg_has_room(const PgLink *link)
{
	return pg_is_up(link) && link->in_flight < (link->shared ? 1 : PG_DEPTH);
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

/* Closes the connection and the watch on its socket. */
static void
drop_connection(PgLink *link)
{
	pg_target_free(link->target);
	link->target = NULL;
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

/* Answers everybody, tells the owner, waits to try again. */
void
link_tear_down(PgLink *link)
{
	bool was_up = link->state == LINK_UP;

	link->broken = false;
	link->state = LINK_WAITING;
	drop_connection(link);
	link_lose_queries(link);
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

void
link_fail(PgLink *link, const char *what, const char *why)
{
	/* the same refusal every few seconds is said loudly once */
	log_line(link->failures == 0 ? LOG_WARN : LOG_DEBUG, what, "link=%s reason=%s",
			 link->label, log_quote(first_line(why)));
	if (link->busy)
		link->broken = true;
	else
		link_tear_down(link);
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
		link_fail(link, "the database is not ready for a gateway", answer->message);
		return;
	}
	if (--link->to_prepare > 0)
		return;
	link->state = LINK_UP;
	link->failures = link->restarts;
	link->hooks.up(link->arg);
}

/* Sends a step of the preparation. */
static bool
prepare_sql(PgLink *link, const char *sql)
{
	link->to_prepare++;
	link_add_query(link, on_prepared, link);
	return PQsendQueryParams(link->conn, sql, 0, NULL, NULL, NULL, NULL, 0) &&
		   PQpipelineSync(link->conn);
}

/* Sends the statements to be parsed. */
static bool
prepare_statements(PgLink *link)
{
	for (const PgStatement *statement = link->statements; statement->name; statement++)
	{
		link->to_prepare++;
		link_add_query(link, on_prepared, link);
		if (!PQsendPrepare(link->conn, statement->name, statement->sql, 0, NULL) ||
			!PQpipelineSync(link->conn))
			return false;
	}
	return true;
}

/*
 * Sends all of the preparation in one go. What a pooler lends us is another's next:
 * nothing is left on it.
 */
static void
prepare(PgLink *link)
{
	bool ok;

	link->state = LINK_PREPARING;
	link->to_prepare = 0;
	ok = prepare_sql(link, link->config->role_check ? role_check_sql : "SELECT 1");
	if (!link->shared)
		ok = ok && (link->setup == NULL || prepare_sql(link, link->setup)) &&
			 prepare_statements(link);
	if (!ok)
		link_fail(link, "cannot prepare statements", PQerrorMessage(link->conn));
	else
		link_flush(link);
}

/* The socket of a connection in pipeline mode is ready. */
static void
on_ready_io(void *arg, int events)
{
	PgLink *link = arg;

	if (link->broken)
	{
		link_tear_down(link);
		return;
	}
	if (events & LOOP_WRITE)
	{
		link_flush(link);
		if (link->conn == NULL)
			return;
	}
	if (events & LOOP_READ)
		link_read_answers(link);
}

/* Connected: from here on queries are sent without waiting for answers. */
static void
enter_pipeline(PgLink *link)
{
	if (PQsetnonblocking(link->conn, 1) != 0 || !PQenterPipelineMode(link->conn))
	{
		link_fail(link, "cannot use pipeline mode", PQerrorMessage(link->conn));
		return;
	}
	loop_poll_free(link->poll);
	link->poll = loop_poll_new(PQsocket(link->conn), on_ready_io, link);
	if (link->poll == NULL)
		link_fail(link, "cannot watch the database socket", "");
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
		link_fail(link, "cannot connect to the database", PQerrorMessage(link->conn));
		return;
	}
	if (next == PGRES_POLLING_OK)
	{
		enter_pipeline(link);
		return;
	}
	link->poll = loop_poll_new(PQsocket(link->conn), on_connecting_io, link);
	if (link->poll == NULL)
		link_fail(link, "cannot watch the database socket", "");
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

/* Where the link leads by the configuration of now. */
static const char *
conninfo_of(const PgLink *link)
{
	const Config *config = link->config;

	return link->route == PG_DIRECT && *config->database_direct != '\0'
			   ? config->database_direct
			   : config->database;
}

/* Names are addresses now: begins the connection itself. */
static void
on_target(void *arg, const PgAddresses *addresses, const char *error)
{
	PgLink *link = arg;
	/* what is NULL, the connection string says; UTF-8, whatever the database is in */
	const char *keywords[] = {"dbname",
							  "application_name",
							  "client_encoding",
							  "keepalives_idle",
							  "tcp_user_timeout",
							  "host",
							  "hostaddr",
							  "port",
							  NULL};
	const char *values[] = {conninfo_of(link),
							"wrk_copilot_gateway",
							"UTF8",
							"30",
							"15000",
							addresses ? addresses->host : NULL,
							addresses ? addresses->hostaddr : NULL,
							addresses ? addresses->port : NULL,
							NULL};

	if (addresses == NULL)
	{
		link_fail(link, "cannot look up the database host", error);
		return;
	}
	link->progress_at = clock_now_ms();
	link->conn = PQconnectStartParams(keywords, values, 1);
	pg_target_free(link->target);
	link->target = NULL;
	if (link->conn == NULL || PQstatus(link->conn) == CONNECTION_BAD)
	{
		link_fail(link, "cannot connect to the database", PQerrorMessage(link->conn));
		return;
	}
	PQsetNoticeReceiver(link->conn, on_notice, link);
	link->poll = loop_poll_new(PQsocket(link->conn), on_connecting_io, link);
	if (link->poll == NULL)
		link_fail(link, "cannot watch the database socket", "");
	else
		loop_poll_set(link->poll, LOOP_WRITE);
}

/* Begins a connection, or finishes off a broken one first. */
static void
start_connecting(void *arg)
{
	PgLink *link = arg;

	if (link->broken)
	{
		link_tear_down(link);
		return;
	}
	link->state = LINK_CONNECTING;
	link->progress_at = clock_now_ms();
	link->shared = link->route == PG_REQUESTS && *link->config->database_direct != '\0';
	link->target = pg_target_find(conninfo_of(link), on_target, link);
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
		link_fail(link, "the database does not answer", "");
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
pg_open(const Config *config, PgRoute route, const char *label, const char *setup,
		const PgStatement *statements, const PgLinkHooks *hooks, void *arg)
{
	PgLink *link = mem_zalloc(sizeof(PgLink));

	link->config = config;
	link->route = route;
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
		link_tear_down(link);
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
