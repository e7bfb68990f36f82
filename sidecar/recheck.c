/*
 * recheck.c: see recheck.h.
 *
 * One Recheck for each connection that is asked about. It waits in line, is sent (its
 * channels are those to ask for: the suspended ones, or all), and ends with the answer;
 * news that arrives meanwhile sends it again. Tenants take turns in the line: whoever
 * takes rights from thousands does not make others' losses wait. While the database
 * cannot be asked, the line waits, and so do its connections: nobody gets what nobody
 * knows they may have.
 */
#include "recheck.h"

#include "access.h"
#include "admit.h"
#include "attendance.h"
#include "clock.h"
#include "deferred.h"
#include "eventrow.h"
#include "feed.h"
#include "lanes.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "opened.h"
#include "session.h"
#include "stats.h"
#include "verdict.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE 16   /* rechecks at the database */
#define RETRY_MS 200 /* when it cannot be asked, or does not know */
#define TRIES 50     /* then the client is sent to ask another gateway */

/* One of these for each connection that is asked about; freed with its last answer. */
typedef struct Recheck
{
	LaneItem in_line; /* linked while it waits to be sent, in line or for later */
	Lane *lane;       /* its tenant's, while it is in line */
	Conn *conn;       /* NULL once that is gone */
	bool sent;
	bool again; /* there was news since it was sent */
	bool whole; /* all subscriptions, not only the suspended */
	int tries;
	Deferred deferred;
} Recheck;

static Gateway *gateway;
static Lanes line; /* by tenant; bounded by the connections */
static List later; /* those that the database could not answer */
static int at_database;
static LoopTimer *retry;

static void send_next(void);
static void on_answer(void *arg, const PgAnswer *answer);

/* Takes it off the list that it is in, if any. */
static void
leave(Recheck *recheck)
{
	if (list_is_linked(&recheck->in_line.node))
		stats.rechecks_waiting--;
	if (recheck->lane == NULL)
	{
		list_remove(&recheck->in_line.node);
		return;
	}
	lanes_remove(&line, recheck->lane, &recheck->in_line);
	lanes_settle(&line, recheck->lane);
	recheck->lane = NULL;
}

static void
stand_in_line(Recheck *recheck)
{
	leave(recheck);
	recheck->lane = lanes_get(&line, recheck->conn->tenant);
	lanes_add(&line, recheck->lane, &recheck->in_line);
	stats.rechecks_waiting++;
}

static void
on_retry(void *arg)
{
	(void) arg;
	list_foreach(node, following, &later)
	{
		stand_in_line(list_entry(node, Recheck, in_line.node));
	}
	send_next();
}

void
recheck_init(Gateway *of)
{
	gateway = of;
	lanes_init(&line, INT64_MAX);
	list_init(&later);
	retry = loop_timer_new(on_retry, NULL);
}

void
recheck_free(void)
{
	loop_timer_free(retry);
	lanes_free(&line);
}

/* ------------------------------------------------------------------ asking */

/* The database cannot be asked, or does not know: in a while. */
static void
wait_a_while(void)
{
	if (!loop_timer_is_active(retry))
		loop_timer_start(retry, RETRY_MS, 0);
}

static void
free_recheck(Recheck *recheck)
{
	leave(recheck);
	deferred_free(&recheck->deferred);
	if (recheck->conn != NULL)
		recheck->conn->recheck = NULL;
	free(recheck);
}

/* The channels to ask about, as a JSON array. */
static void
append_channels(Buf *out, const Recheck *recheck)
{
	const char *separator = "";

	buf_puts(out, "[");
	list_foreach(node, following, &recheck->conn->subs)
	{
		const Sub *sub = list_entry(node, Sub, in_conn);

		if (!recheck->whole && !sub->suspended)
			continue;
		buf_puts(out, separator);
		buf_json_string(out, sub->channel->name);
		separator = ",";
	}
	buf_puts(out, "]");
}

/* Asks; false when the database cannot be asked now. */
static bool
ask(Recheck *recheck)
{
	Buf channels = {0};
	const char *values[2] = {recheck->conn->token, NULL};
	bool sent;

	append_channels(&channels, recheck);
	values[1] = buf_cstr(&channels);
	recheck->sent = true;
	recheck->again = false;
	sent = pool_send(gateway->pool, &pool_statements[STMT_RECHECK], values, on_answer,
					 recheck);
	buf_free(&channels);
	recheck->sent = sent;
	return sent;
}

/* Sends as many as may be at the database at once. */
static void
send_next(void)
{
	while (at_database < AT_ONCE && !list_is_empty(&line.turn))
	{
		Lane *lane = list_entry(line.turn.next, Lane, in_turn);
		Recheck *recheck = list_entry(lane->waiting.next, Recheck, in_line.node);

		if (!ask(recheck))
		{
			wait_a_while();
			return;
		}
		lanes_take(&line, lane);
		lanes_settle(&line, lane);
		recheck->lane = NULL;
		stats.rechecks_waiting--;
		at_database++;
		stats.rechecks_total++;
	}
}

/* Has the connection asked about, after what it was asked last if that is under way. */
static void
enqueue(Conn *conn, bool whole)
{
	Recheck *recheck = conn->recheck;

	if (recheck == NULL)
	{
		recheck = mem_zalloc(sizeof(Recheck));
		list_init(&recheck->in_line.node);
		deferred_init(&recheck->deferred);
		recheck->conn = conn;
		conn->recheck = recheck;
	}
	recheck->whole |= whole;
	recheck->again = recheck->sent;
	if (!recheck->sent && !list_is_linked(&recheck->in_line.node))
		stand_in_line(recheck);
}

/* -------------------------------------------------------------- suspending */

/* Holds everything for it from now on. */
static void
suspend(Conn *conn, ConnWait why)
{
	conn->waits |= (uint8_t) why;
	list_foreach(node, following, &conn->subs)
	{
		sub_suspend(list_entry(node, Sub, in_conn));
	}
}

/* Suspends and enqueues; the caller sends. */
static void
question(Conn *conn)
{
	if (conn->state != CONN_READY)
		return;
	suspend(conn, WAITS_FOR_RECHECK);
	enqueue(conn, true);
}

void
recheck_conn(Conn *conn)
{
	question(conn);
	send_next();
}

void
recheck_quietly(Conn *conn)
{
	conn->rechecked_at = clock_now_ms();
	enqueue(conn, true);
	send_next();
}

void
recheck_joined(Pending *pending, Sub *sub)
{
	Conn *conn = pending->conn;

	if (conn->waits == 0 && conn->access_seq <= pending->access_seq)
		return;
	sub_suspend(sub);
	enqueue(conn, false);
	send_next();
}

void
recheck_everybody(void)
{
	gateway->access_seq++;
	list_foreach(node, following, &gateway->table.all)
	{
		Conn *conn = list_entry(node, Conn, in_table);

		conn->access_seq = gateway->access_seq;
		question(conn);
	}
	send_next();
}

/* What the news means for one connection of a tenant that it is about. */
static void
apply(AccessNews *news, Conn *conn)
{
	bool suspended = false;

	/* its requests may have been answered before the news was known */
	conn->access_seq = gateway->access_seq;
	if (access_names(news, conn->tenant, conn->user, conn->sid))
	{
		question(conn);
		return;
	}
	list_foreach(node, following, &conn->subs)
	{
		Sub *sub = list_entry(node, Sub, in_conn);

		if (!access_names_channel(news, conn->tenant, sub->channel->name))
			continue;
		sub_suspend(sub);
		suspended = true;
	}
	if (suspended)
		enqueue(conn, false);
}

int
recheck_take(const PgAnswer *answer, int nrows)
{
	AccessNews news = {0};
	int taken = 0;

	for (; taken < nrows; taken++)
	{
		const char *class = pg_value(answer, taken, EVENT_COLUMN_CLASS);

		if (class == NULL || *class != 'x')
			break;
		access_add(&news, pg_value(answer, taken, EVENT_COLUMN_PAYLOAD));
	}
	if (taken == 0)
		return 0;
	stats.access_news_total += taken;
	gateway->access_seq++;
	list_foreach(node, following, &gateway->table.all)
	{
		Conn *conn = list_entry(node, Conn, in_table);

		if (conn->state == CONN_READY && access_is_about(&news, conn->tenant))
			apply(&news, conn);
	}
	attendance_news(gateway, &news);
	access_free(&news);
	send_next();
	return taken;
}

/* ---------------------------------------------------------------- answers */

/* Handles what the client sent meanwhile, in order. */
static void
let_go_on(Recheck *recheck)
{
	Conn *conn = recheck->conn;
	Deferred frames;
	DeferredFrame *frame;

	deferred_move(&frames, &recheck->deferred);
	conn->waits &= (uint8_t) ~WAITS_FOR_RECHECK;
	free_recheck(recheck);
	feed_send_position(gateway->feed, conn);
	while ((frame = deferred_next(&frames)) != NULL)
	{
		if (conn->state == CONN_READY)
			session_deferred(gateway, conn, frame->text, frame->len);
		free(frame);
	}
}

/* It is still somebody: who, and in which channels. */
static void
take_answer(Recheck *recheck, const Opened *opened)
{
	Conn *conn = recheck->conn;

	conn->rechecked_at = clock_now_ms();
	if (conn->expires_at != opened->expires_at)
	{
		conn->expires_at = opened->expires_at;
		conn->warned = false;
	}
	admit_own_limits(conn, opened->limits);
	attendance_identified(gateway, conn, json_object_get(opened->root, "presence"));
	recheck->whole = false;
	if (verdict_take(gateway, conn, opened))
		stand_in_line(recheck);
	else
		let_go_on(recheck);
}

/* The close code that says what to do about a refusal, 0 when it is none. */
static int
close_code(const ErrorCode *code)
{
	if (code->status == 403)
		return 4503;
	if (code->status != 401)
		return 0;
	return strcmp(code->retry, "no") == 0 ? 4501 : 4401;
}

/* It cannot be asked about now, or the answer helps nobody. */
static void
try_again(Recheck *recheck)
{
	if (++recheck->tries >= TRIES)
	{
		conn_close(recheck->conn, 1012, "rights cannot be asked for");
		return;
	}
	leave(recheck);
	list_push_tail(&later, &recheck->in_line.node);
	stats.rechecks_waiting++;
	wait_a_while();
}

/* The database refuses the token. */
static void
take_refusal(Recheck *recheck, const PgAnswer *answer)
{
	const ErrorCode *code = errors_find(answer->sqlstate);
	Conn *conn = recheck->conn;

	if (close_code(code) == 0)
	{
		log_warn("rights could not be asked for", "sqlstate=%s reason=%s",
				 answer->sqlstate, log_quote(answer->message));
		try_again(recheck);
	}
	else if (strcmp(code->code, error_token_expired.code) == 0 &&
			 clock_wall_ms() < conn->expires_at + gateway->config.token_grace)
	{
		/* a little late is not gone: what it sent meanwhile is answered, too */
		recheck_wait_for_token(conn);
		let_go_on(recheck);
	}
	else
	{
		stats.revoked_total++;
		conn_close(conn, close_code(code), code->code);
	}
}

/* The database has answered, or will not. */
static void
on_answer(void *arg, const PgAnswer *answer)
{
	Recheck *recheck = arg;
	Opened opened = {0};

	at_database--;
	recheck->sent = false;
	if (recheck->conn == NULL || recheck->conn->state != CONN_READY)
		free_recheck(recheck);
	else if (recheck->again)
		stand_in_line(recheck);
	else if (answer->status == PG_LOST)
		try_again(recheck);
	else if (answer->status == PG_ERROR)
		take_refusal(recheck, answer);
	else if (!opened_read(&opened, pg_value(answer, 0, 0)))
		try_again(recheck);
	else
		take_answer(recheck, &opened);
	opened_free(&opened);
	send_next();
}

/* ------------------------------------------------------- tokens and frames */

void
recheck_wait_for_token(Conn *conn)
{
	if ((conn->waits & WAITS_FOR_TOKEN) == 0)
		suspend(conn, WAITS_FOR_TOKEN);
}

void
recheck_got_token(Conn *conn)
{
	conn->waits &= (uint8_t) ~WAITS_FOR_TOKEN;
	recheck_conn(conn);
}

bool
recheck_admits(Conn *conn, const Request *request, bool anytime, const char *text,
			   size_t len)
{
	if (conn->waits == 0 || anytime)
		return true;
	if ((conn->waits & WAITS_FOR_TOKEN) != 0)
		reply_error(conn, request->id, request->channel, &error_token_expired,
					"the token has expired: send auth with a fresh one");
	else if (conn->recheck == NULL ||
			 !deferred_add(&conn->recheck->deferred, &gateway->config, text, len))
		reply_unavailable(conn, request->id, request->channel);
	return false;
}

void
recheck_gone(Conn *conn)
{
	Recheck *recheck = conn->recheck;

	if (recheck == NULL)
		return;
	conn->recheck = NULL;
	recheck->conn = NULL;
	if (!recheck->sent)
		free_recheck(recheck);
}
