/*
 * pgquery.c: see pglink.h and pg.h; what is in flight on a link.
 *
 * Each query has its own Sync, so that an error stays with its query and, behind a
 * pooler, each is a transaction of its own. An answer belongs to the first query in
 * flight: whoever between us and the server loses count would give people the answers
 * of others, so the first sign of that is the end of the link.
 */
#include "pglink.h"

#include "clock.h"
#include "mem.h"

#include <stdlib.h>

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

void
link_lose_queries(PgLink *link)
{
	static const PgAnswer lost = {PG_LOST, 0,    "08006", "connection lost",
								  NULL,    NULL, NULL};
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

Query *
link_add_query(PgLink *link, PgCallback callback, void *arg)
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

void
link_flush(PgLink *link)
{
	int more = PQflush(link->conn);

	if (more < 0)
		link_fail(link, "lost a database connection", PQerrorMessage(link->conn));
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
	link_add_query(link, callback, arg);
	if (link->shared)
		sent(link, PQsendQueryParams(link->conn, statement->sql, statement->nparams, NULL,
									 values, NULL, NULL, 0));
	else
		sent(link, PQsendQueryPrepared(link->conn, statement->name, statement->nparams,
									   values, NULL, NULL, 0));
	return true;
}

bool
pg_send_sql(PgLink *link, const char *sql, PgCallback callback, void *arg)
{
	if (!pg_is_up(link))
		return false;
	link_add_query(link, callback, arg);
	sent(link, PQsendQueryParams(link->conn, sql, 0, NULL, NULL, NULL, NULL, 0));
	return true;
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
		answer.hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	}
	query->callback(query->arg, &answer);
}

/* Nothing more belongs to the query, which was answered. */
static void
query_ends(PgLink *link, Query *query)
{
	list_remove(&query->node);
	link->in_flight--;
	free(query);
	if (link->state == LINK_UP && link->hooks.room != NULL)
		link->hooks.room(link->arg);
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
	if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
	{
		if (!query->answered)
		{
			query->answered = true;
			answer_with(result, query);
		}
	}
	else if (query->answered)
		query_ends(link, query);
	else
		link_fail(link, "lost count of the answers of a database connection",
				  "a query ended without one");
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

void
link_read_answers(PgLink *link)
{
	if (!PQconsumeInput(link->conn))
	{
		link_fail(link, "lost a database connection", PQerrorMessage(link->conn));
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
		link_tear_down(link);
}
