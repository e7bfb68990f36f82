/*
 * feed.c: see feed.h.
 *
 * Once it has said hello and listens (feedhello.c), it fetches. A fetch that finds
 * more than fetch_rows comes in pages under one snapshot, `upto`; the feed's own
 * snapshot moves when the last page is out. A subscription made between two pages
 * takes its replay up to `upto` and skips the rest of the cycle, which that replay
 * covers. Later pages bring the control events that came since the one before, so that
 * a long cycle delays no loss of rights. A cycle that fails between two pages goes on
 * after the last page, so that nobody gets twice what was handed out, and who skips it
 * still does.
 */
#include "feedstate.h"

#include "bus.h"
#include "clock.h"
#include "eventrow.h"
#include "log.h"
#include "mem.h"
#include "meter.h"
#include "recheck.h"
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_FETCH_ROWS 8
#define RETRY_FETCH_MS 500

const PgStatement feed_statements[] = {
	[FEED_STMT_HELLO] = {"hello", "SELECT wrk.gateway_hello($1, $2)", 2},
	[FEED_STMT_FETCH] = {"fetch",
						 "SELECT " EVENT_COLUMNS
						 " FROM wrk.gateway_fetch($1, $2, $3, $4, $5)",
						 5},
	[FEED_STMT_LISTEN] = {"listen", "SELECT wrk.gateway_listen()", 0},
	[FEED_STMT_ATTACH] = {"attach", "SELECT wrk.gateway_attach($1, $2, $3)", 3},
	[FEED_STMT_SWEEP] = {"sweep", "SELECT wrk.gateway_sweep($1)", 1},
	{NULL, NULL, 0},
};

bool
feed_is_up(const Feed *feed)
{
	return feed->state >= FEED_IDLE;
}

/* Since when something waits to be fetched, 0 = nothing does. */
static int64_t
behind_since(const Feed *feed)
{
	return feed->running_at ? feed->running_at : feed->wanted_at;
}

int64_t
feed_lag(const Feed *feed)
{
	int64_t since = behind_since(feed);

	return since ? clock_now_ms() - since : 0;
}

/* No fetch brought it, and none is under way: it goes on waiting, from now at the latest.
 */
static void
is_owed(Feed *feed)
{
	int64_t since = behind_since(feed);

	feed->wanted_at = since ? since : clock_now_ms();
	feed->running_at = 0;
}

const char *
feed_mode(const Feed *feed)
{
	if (!feed_is_up(feed))
		return "down";
	return doorbell_works(feed->doorbell) ? "doorbell" : "polling";
}

bool
feed_ask(Feed *feed, FeedQuestion question, const char *const *values,
		 PgCallback callback, void *arg)
{
	int statement = question == FEED_ATTACH ? FEED_STMT_ATTACH : FEED_STMT_SWEEP;

	return feed_is_up(feed) &&
		   pg_send(feed->link, &feed_statements[statement], values, callback, arg);
}

const char *
feed_epoch(const Feed *feed)
{
	return feed && feed->stream.epoch ? feed->stream.epoch : "";
}

void
feed_append_position(const Feed *feed, Buf *out, const char *snapshot)
{
	stream_append_position(&feed->stream, out, snapshot);
}

void
feed_send_position(Feed *feed, Conn *conn)
{
	const Stream *stream = &feed->stream;

	if (stream->position != NULL && conn->position_seq != stream->position_seq)
		fanout_send_position(conn, stream->position, stream->position_seq);
}

void
feed_settle_position(Feed *feed, Conn *conn)
{
	if (feed->upto == NULL)
		feed_send_position(feed, conn);
	else if (!list_is_linked(&conn->in_got))
		list_push_tail(&feed->gateway->fanout.got, &conn->in_got);
}

const char *
feed_snapshot(const Feed *feed)
{
	return feed->stream.snapshot;
}

const char *
feed_join(Feed *feed, Sub *sub)
{
	if (feed->upto == NULL)
	{
		sub->skip_cycle = 0;
		return feed->stream.snapshot;
	}
	sub->skip_cycle = feed->cycle;
	return feed->upto;
}

bool
feed_after_next_fetch(Feed *feed, FeedCallback callback, void *arg)
{
	if (!feed_is_up(feed))
		return false;
	waiters_add(&feed->waiting, callback, arg);
	feed_want_fetch(feed);
	return true;
}

/* -------------------------------------------------------------------- fetch */

/* Adds the event of a row to the batches of this page. */
static void
add_row(Feed *feed, const PgAnswer *answer, int row)
{
	Event event;
	size_t nchannels;
	char **channels =
		text_array_parse(pg_value(answer, row, EVENT_COLUMN_CHANNELS), &nchannels);
	const char *users = pg_value(answer, row, EVENT_COLUMN_USERS);

	row_to_event(answer, row, &event);
	event.has_users = users != NULL;
	event.users = text_array_parse(users, &event.nusers);
	if (event.type != NULL)
		fanout_add(&feed->gateway->fanout, &event, channels, nchannels);
	text_array_free(event.users, event.nusers);
	text_array_free(channels, nchannels);
}

/* Asks for fewer rows when they are large, so that a page fits in memory. */
static void
adapt_rows(Feed *feed, const PgAnswer *answer, int nevents)
{
	const Config *config = &feed->gateway->config;
	int64_t bytes = 0;
	int64_t rows;

	if (nevents == 0)
		return;
	for (int row = 0; row < nevents; row++)
		bytes += (int64_t) pg_length(answer, row, EVENT_COLUMN_PAYLOAD) + 200;
	rows = config->fetch_bytes / (bytes / nevents);
	if (rows > config->fetch_rows)
		rows = config->fetch_rows;
	feed->rows = rows < MIN_FETCH_ROWS ? MIN_FETCH_ROWS : rows;
}

static void on_page(void *arg, const PgAnswer *answer);

/* Asks for the next page. */
static void
send_fetch(Feed *feed)
{
	char rows[24];
	const char *values[5] = {feed->stream.snapshot, feed->upto, feed->after_id, rows,
							 feed->known};

	snprintf(rows, sizeof(rows), "%" PRId64, feed->rows);
	feed->state = FEED_FETCHING;
	stats.fetches_total++;
	pg_send(feed->link, &feed_statements[FEED_STMT_FETCH], values, on_page, feed);
}

/* Begins to read what is new; who waits now gets its answer at the end. */
static void
begin_cycle(Feed *feed)
{
	is_owed(feed);
	feed->running_at = feed->wanted_at;
	if (feed->upto != NULL)
	{
		/* the rest of an interrupted one first: it is older than who waits */
		feed->wanted = true;
		send_fetch(feed);
		return;
	}
	feed->wanted_at = 0;
	feed->wanted = false;
	feed->cycle++;
	feed->cost_us = 0;
	feed->cycle_events = 0;
	snprintf(feed->after_id, sizeof(feed->after_id), "0");
	waiters_move(&feed->running, &feed->waiting);
	send_fetch(feed);
}

void
feed_want_fetch(Feed *feed)
{
	int64_t rest;

	feed->wanted = true;
	if (feed->wanted_at == 0)
		feed->wanted_at = clock_now_ms();
	if (feed->state != FEED_IDLE || loop_timer_is_active(feed->pause_timer))
		return;
	rest = pace_rest_ms(&feed->pace, clock_now_us());
	if (rest > 0)
		loop_timer_start(feed->pause_timer, rest, 0);
	else
		begin_cycle(feed);
}

/* Events had time to collect. */
static void
on_pause_over(void *arg)
{
	Feed *feed = arg;

	if (feed->state == FEED_IDLE && feed->wanted)
		begin_cycle(feed);
}

void
feed_forget_cycle(Feed *feed)
{
	free(feed->upto);
	free(feed->known);
	feed->upto = NULL;
	feed->known = NULL;
}

/* All pages are out: the snapshot moves on and clients get their position. */
static void
end_cycle(Feed *feed, const char *snapshot)
{
	feed_forget_cycle(feed);
	feed->state = FEED_IDLE;
	feed->running_at = 0;
	stream_set_snapshot(&feed->stream, snapshot);
	fanout_finish(&feed->gateway->fanout, feed->stream.position,
				  feed->stream.position_seq);
}

/* The trailer says whether the cycle is over. */
static void
on_trailer(Feed *feed, const PgAnswer *answer, int nevents)
{
	const char *snapshot = pg_value(answer, nevents, EVENT_COLUMN_PAYLOAD);
	const char *how = pg_value(answer, nevents, EVENT_COLUMN_CLASS);
	const char *known = pg_value(answer, nevents, EVENT_COLUMN_KEY);

	if (how != NULL && *how == 'm' && nevents > 0)
	{
		if (feed->upto == NULL)
			feed->upto = mem_strdup(snapshot);
		free(feed->known);
		feed->known = known ? mem_strdup(known) : NULL;
		snprintf(feed->after_id, sizeof(feed->after_id), "%s",
				 pg_value(answer, nevents - 1, EVENT_COLUMN_ID));
	}
	else
		end_cycle(feed, snapshot);
}

/* Hands out one page and writes it at once. */
static void
take_page(Feed *feed, const PgAnswer *answer)
{
	int nevents = answer->nrows - 1;
	int64_t began = clock_now_us();
	int nnews = recheck_take(answer, nevents);

	for (int row = nnews; row < nevents; row++)
		add_row(feed, answer, row);
	stats.events_total += nevents - nnews;
	feed->cycle_events += nevents;
	adapt_rows(feed, answer, nevents);
	fanout_deliver(&feed->gateway->fanout, feed->cycle);
	on_trailer(feed, answer, nevents);
	conn_table_flush(&feed->gateway->table);
	for (int row = 0; row < nevents; row++)
		histogram_observe(&meter.delivery, row_age_ms(answer, row));
	feed->cost_us += clock_now_us() - began;
}

/* Tries again later, from where it stood unless that is too old. */
static void
fetch_failed(Feed *feed, const PgAnswer *answer)
{
	stats.fetch_errors_total++;
	log_warn("a fetch failed", "sqlstate=%s reason=%s", answer->sqlstate,
			 log_quote(answer->message));
	feed->state = FEED_IDLE;
	is_owed(feed);
	waiters_release(&feed->running, false);
	if (strcmp(answer->sqlstate, "WK410") == 0)
	{
		/* too long away: what was in between is gone */
		feed_forget_cycle(feed);
		fanout_gap(&feed->gateway->fanout, "unrecoverable");
		recheck_everybody();
		stream_forget_snapshot(&feed->stream);
		pg_restart(feed->link);
		return;
	}
	feed->wanted = true;
	loop_timer_start(feed->pause_timer, RETRY_FETCH_MS, 0);
}

/* A page, or why there is none. */
static void
on_page(void *arg, const PgAnswer *answer)
{
	Feed *feed = arg;

	if (answer->status == PG_LOST)
		return; /* on_down cleans up */
	if (answer->status == PG_ERROR || answer->nrows == 0 ||
		pg_value(answer, answer->nrows - 1, EVENT_COLUMN_PAYLOAD) == NULL)
	{
		fetch_failed(feed, answer);
		return;
	}
	take_page(feed, answer);
	if (feed->state == FEED_FETCHING)
	{
		send_fetch(feed);
		return;
	}
	pace_cycle_ended(&feed->pace, clock_now_us(), feed->cost_us);
	stats.fetch_pause_ms = feed->pace.pause_ms;
	doorbell_cycle_ended(feed->doorbell, feed->cycle_events);
	waiters_release(&feed->running, true);
	if (feed->wanted)
		feed_want_fetch(feed);
}

/* The bell rang, or it is time to look. */
static void
on_bell(void *arg)
{
	feed_want_fetch(arg);
}

/* A notification on our connection. */
static void
on_notified(void *arg, const char *channel, const char *payload)
{
	Feed *feed = arg;

	if (!bus_notified(feed->gateway->bus, channel, payload))
		doorbell_notified(feed->doorbell, channel, payload);
}

void
feed_pool_changed(Feed *feed)
{
	if (pool_is_up(feed->gateway->pool))
		doorbell_probe(feed->doorbell);
}

/* The connection is there. */
static void
on_up(void *arg)
{
	feed_say_hello(arg);
}

/* The connection is gone; the stream stands where it stood. */
static void
on_down(void *arg)
{
	Feed *feed = arg;

	feed->state = FEED_DOWN;
	is_owed(feed);
	doorbell_stop(feed->doorbell);
	loop_timer_stop(feed->pause_timer);
	waiters_release(&feed->running, false);
	waiters_release(&feed->waiting, false);
	gateway_check_database(feed->gateway);
}

Feed *
feed_open(Gateway *gateway)
{
	static const PgLinkHooks hooks = {on_up, on_down, on_notified, NULL};
	Feed *feed = mem_zalloc(sizeof(Feed));

	feed->gateway = gateway;
	feed->rows = gateway->config.fetch_rows;
	list_init(&feed->waiting);
	list_init(&feed->running);
	feed->pace.max_ms = gateway->config.fetch_pause_max;
	feed->doorbell = doorbell_new(gateway, on_bell, feed);
	feed->pause_timer = loop_timer_new(on_pause_over, feed);
	feed_hear_changes(feed);
	feed->link =
		pg_open(&gateway->config, PG_DIRECT, "feed", NULL, feed_statements, &hooks, feed);
	return feed;
}

void
feed_close(Feed *feed)
{
	pg_close(feed->link);
	doorbell_free(feed->doorbell);
	loop_timer_free(feed->pause_timer);
	waiters_release(&feed->running, false);
	waiters_release(&feed->waiting, false);
	stream_free(&feed->stream);
	feed_forget_cycle(feed);
	free(feed);
}
