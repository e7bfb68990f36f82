/*
 * feed.c: see feed.h.
 *
 * up: hello -> LISTEN -> fetch. A fetch that finds more than fetch_rows comes in
 * pages under one snapshot, `upto`; the feed's own snapshot moves when the last
 * page is out. A subscription made between two pages takes its replay up to
 * `upto` and skips the rest of the cycle, which that replay covers.
 *
 * The pause: each fetch costs one write per interested connection, however few
 * events it brings. When handing out takes most of the time, waiting a little
 * makes batches larger and writes fewer; when it does not, there is no pause.
 */
#include "feed.h"

#include "clock.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "stats.h"
#include "wire.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROTOCOL "1"
#define MIN_FETCH_ROWS 8
#define RETRY_FETCH_MS 500

/* percent of the time spent handing out: above, the pause grows; below, shrinks */
#define BUSY_HIGH 70
#define BUSY_LOW 50

typedef enum FeedState
{
	FEED_DOWN,
	FEED_HELLO,    /* gateway_hello is in flight */
	FEED_LISTEN,   /* LISTEN is in flight */
	FEED_IDLE,     /* waiting for the doorbell, the poll or the end of the pause */
	FEED_FETCHING, /* a page is in flight */
} FeedState;

/* One of these for each call of feed_after_next_fetch(). */
typedef struct Waiter
{
	ListNode node;
	FeedCallback callback;
	void *arg;
} Waiter;

struct Feed
{
	Gateway *gateway;
	PgLink *link;
	FeedState state;
	char *epoch;
	char *snapshot; /* everything visible in it was handed out */
	char *upto;     /* of the cycle's pages, NULL between cycles and on the first page */
	char after_id[24];
	uint64_t cycle;
	Chunk *position;
	uint64_t position_seq;
	int64_t rows; /* to ask for */

	bool wanted;      /* somebody rang while a fetch was in flight */
	bool bell_heard;  /* since the last fetch began */
	LoopTimer *poll;
	LoopTimer *pause_timer;
	int64_t pause_ms;
	int64_t ended_us; /* of the last cycle */
	int64_t cost_us;  /* of handing out this cycle */
	int64_t busy;     /* percent, smoothed */

	char probe_channel[48];
	uint64_t probe_number;
	bool probe_out;
	bool doorbell; /* the last probe was heard */
	LoopTimer *probe_timer;

	List waiting; /* for a fetch to begin */
	List running; /* for the one that runs */
};

enum
{
	FEED_STMT_HELLO,
	FEED_STMT_FETCH
};

static const PgStatement feed_statements[] = {
	[FEED_STMT_HELLO] = {"hello", "SELECT wrk.gateway_hello($1, $2)", 2},
	[FEED_STMT_FETCH] = {"fetch",
						 "SELECT " EVENT_COLUMNS
						 " FROM wrk.gateway_fetch($1, $2, $3, $4)",
						 4},
	{NULL, NULL, 0},
};

static void want_fetch(Feed *feed);

bool
feed_is_up(const Feed *feed)
{
	return feed->state >= FEED_IDLE;
}

const char *
feed_mode(const Feed *feed)
{
	if (!feed_is_up(feed))
		return "down";
	return feed->doorbell ? "doorbell" : "polling";
}

const char *
feed_epoch(const Feed *feed)
{
	return feed && feed->epoch ? feed->epoch : "";
}

void
feed_append_position(const Feed *feed, Buf *out, const char *snapshot)
{
	buf_puts(out, feed->epoch);
	buf_append(out, ".", 1);
	buf_puts(out, snapshot ? snapshot : feed->snapshot);
}

static void
make_position(Feed *feed)
{
	Buf text = {0};
	Buf json = {0};

	feed_append_position(feed, &text, NULL);
	wire_open(&json, "position", NULL, NULL);
	buf_puts(&json, "{\"position\":");
	buf_json_string(&json, buf_cstr(&text));
	buf_puts(&json, "}");
	wire_close(&json);
	if (feed->position != NULL)
		chunk_unref(feed->position);
	feed->position = chunk_from_json(CLASS_STATE, &json, "position");
	feed->position_seq++;
	buf_free(&text);
	buf_free(&json);
}

static void
set_snapshot(Feed *feed, const char *snapshot)
{
	if (feed->snapshot != NULL && strcmp(feed->snapshot, snapshot) == 0)
		return;
	free(feed->snapshot);
	feed->snapshot = mem_strdup(snapshot);
	make_position(feed);
}

void
feed_send_position(Feed *feed, Conn *conn)
{
	if (feed->position != NULL && conn->position_seq != feed->position_seq)
		fanout_send_position(conn, feed->position, feed->position_seq);
}

const char *
feed_join(Feed *feed, Sub *sub)
{
	if (feed->upto == NULL)
	{
		sub->skip_cycle = 0;
		return feed->snapshot;
	}
	sub->skip_cycle = feed->cycle;
	return feed->upto;
}

/* ----------------------------------------------------------------- waiters */

bool
feed_after_next_fetch(Feed *feed, FeedCallback callback, void *arg)
{
	Waiter *waiter;

	if (!feed_is_up(feed))
		return false;
	waiter = mem_zalloc(sizeof(Waiter));
	waiter->callback = callback;
	waiter->arg = arg;
	list_push_tail(&feed->waiting, &waiter->node);
	want_fetch(feed);
	return true;
}

static void
release_waiters(List *list, bool ok)
{
	ListNode *node;

	while ((node = list_pop_head(list)) != NULL)
	{
		Waiter *waiter = list_entry(node, Waiter, node);
		FeedCallback callback = waiter->callback;
		void *arg = waiter->arg;

		free(waiter);
		callback(arg, ok);
	}
}

/* ------------------------------------------------------------------ the gap */

/* The stream is broken: every subscription must start from its own position. */
static void
send_gaps(Feed *feed, const char *reason)
{
	Gateway *gateway = feed->gateway;
	size_t position = 0;
	Channel *channel;

	while ((channel = strmap_next(&gateway->hub.channels, &position)) != NULL)
	{
		Buf json = {0};
		Chunk *chunk;

		wire_open(&json, "gap", NULL, channel->name);
		buf_puts(&json, "{\"reason\":");
		buf_json_string(&json, reason);
		buf_puts(&json, "}");
		wire_close(&json);
		chunk = chunk_from_json(CLASS_CRITICAL, &json, NULL);
		fanout_publish(channel, chunk, NULL);
		chunk_unref(chunk);
		buf_free(&json);
	}
}

/* -------------------------------------------------------------------- fetch */

static FrameClass
class_from_text(const char *text)
{
	if (text == NULL)
		return CLASS_CRITICAL;
	return *text == 'e' ? CLASS_EPHEMERAL : *text == 's' ? CLASS_STATE : CLASS_CRITICAL;
}

void
row_to_event(const PgAnswer *answer, int row, Event *event)
{
	const char *mask = pg_value(answer, row, 5);

	*event = (Event){
		.id = pg_value(answer, row, 0),
		.type = pg_value(answer, row, 2),
		.payload = pg_value(answer, row, 3),
		.payload_len = pg_length(answer, row, 3),
		.sender_id = pg_value(answer, row, 4),
		.has_mask = mask != NULL,
		.mask = mask ? strtoll(mask, NULL, 10) : 0,
		.frame_class = class_from_text(pg_value(answer, row, 7)),
		.timestamp = pg_value(answer, row, 8),
		.state_key = pg_value(answer, row, 9),
		.key = pg_value(answer, row, 10),
	};
	if (event->payload == NULL)
	{
		event->payload = "null";
		event->payload_len = 4;
	}
	if (event->timestamp == NULL)
		event->timestamp = "0";
	/* state without a key has nothing to replace */
	if (event->frame_class == CLASS_STATE && event->state_key == NULL)
		event->frame_class = CLASS_CRITICAL;
}

static void
add_row(Feed *feed, const PgAnswer *answer, int row)
{
	Event event;
	size_t nchannels;
	char **channels = text_array_parse(pg_value(answer, row, 1), &nchannels);

	row_to_event(answer, row, &event);
	event.users = text_array_parse(pg_value(answer, row, 6), &event.nusers);
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
		bytes += (int64_t) pg_length(answer, row, 3) + 200;
	rows = config->fetch_bytes / (bytes / nevents);
	if (rows > config->fetch_rows)
		rows = config->fetch_rows;
	feed->rows = rows < MIN_FETCH_ROWS ? MIN_FETCH_ROWS : rows;
}

static void
on_page(void *arg, const PgAnswer *answer);

static void
send_fetch(Feed *feed)
{
	char rows[24];
	const char *values[4] = {feed->snapshot, feed->upto, feed->after_id, rows};

	snprintf(rows, sizeof(rows), "%" PRId64, feed->rows);
	feed->state = FEED_FETCHING;
	stats.fetches_total++;
	pg_send(feed->link, &feed_statements[FEED_STMT_FETCH], values, on_page, feed);
}

static void
begin_cycle(Feed *feed)
{
	ListNode *node;

	feed->wanted = false;
	feed->cycle++;
	feed->cost_us = 0;
	snprintf(feed->after_id, sizeof(feed->after_id), "0");
	while ((node = list_pop_head(&feed->waiting)) != NULL)
		list_push_tail(&feed->running, node);
	send_fetch(feed);
}

/* How long to let events collect before the next fetch. */
static void
adapt_pause(Feed *feed)
{
	int64_t now = clock_now_us();
	int64_t period = now - feed->ended_us;
	int64_t share = period > 0 ? feed->cost_us * 100 / period : 100;
	int64_t max = feed->gateway->config.fetch_pause_max;

	feed->ended_us = now;
	feed->busy = (feed->busy * 3 + share) / 4;
	if (feed->busy > BUSY_HIGH)
		feed->pause_ms += feed->pause_ms / 4 + 1;
	else if (feed->busy < BUSY_LOW)
		feed->pause_ms -= feed->pause_ms / 4 + 1;
	if (feed->pause_ms > max)
		feed->pause_ms = max;
	if (feed->pause_ms < 0)
		feed->pause_ms = 0;
	stats.fetch_pause_ms = feed->pause_ms;
}

/* Fetches now, or when the pause is over. */
static void
want_fetch(Feed *feed)
{
	int64_t rest;

	feed->wanted = true;
	if (feed->state != FEED_IDLE || loop_timer_is_active(feed->pause_timer))
		return;
	rest = feed->pause_ms - (clock_now_us() - feed->ended_us) / 1000;
	if (rest > 0)
		loop_timer_start(feed->pause_timer, rest, 0);
	else
		begin_cycle(feed);
}

static void
on_pause_over(void *arg)
{
	Feed *feed = arg;

	if (feed->state == FEED_IDLE && feed->wanted)
		begin_cycle(feed);
}

static void
end_cycle(Feed *feed, const char *snapshot)
{
	free(feed->upto);
	feed->upto = NULL;
	feed->state = FEED_IDLE;
	set_snapshot(feed, snapshot);
	fanout_finish(&feed->gateway->fanout, feed->position, feed->position_seq);
}

/* The trailer says whether the cycle is over. */
static void
on_trailer(Feed *feed, const PgAnswer *answer, int nevents)
{
	const char *snapshot = pg_value(answer, nevents, 3);
	const char *how = pg_value(answer, nevents, 7);

	if (how != NULL && *how == 'm' && nevents > 0)
	{
		if (feed->upto == NULL)
			feed->upto = mem_strdup(snapshot);
		snprintf(feed->after_id, sizeof(feed->after_id), "%s",
				 pg_value(answer, nevents - 1, 0));
	}
	else
		end_cycle(feed, snapshot);
}

static void
take_page(Feed *feed, const PgAnswer *answer)
{
	int nevents = answer->nrows - 1;
	int64_t began = clock_now_us();

	for (int row = 0; row < nevents; row++)
		add_row(feed, answer, row);
	stats.events_total += nevents;
	if (nevents > 0 && feed->doorbell && !feed->bell_heard)
		stats.doorbells_missed_total += nevents;
	adapt_rows(feed, answer, nevents);
	fanout_deliver(&feed->gateway->fanout, feed->cycle);
	on_trailer(feed, answer, nevents);
	conn_table_flush(&feed->gateway->table);
	feed->cost_us += clock_now_us() - began;
}

static void
fetch_failed(Feed *feed, const PgAnswer *answer)
{
	stats.fetch_errors_total++;
	log_warn("a fetch failed", "sqlstate=%s reason=\"%s\"", answer->sqlstate,
			 answer->message);
	free(feed->upto);
	feed->upto = NULL;
	feed->state = FEED_IDLE;
	release_waiters(&feed->running, false);
	if (strcmp(answer->sqlstate, "WK410") == 0)
	{
		/* too long away: what was in between is gone */
		send_gaps(feed, "unrecoverable");
		free(feed->snapshot);
		feed->snapshot = NULL;
		pg_restart(feed->link);
		return;
	}
	feed->wanted = true;
	loop_timer_start(feed->pause_timer, RETRY_FETCH_MS, 0);
}

static void
on_page(void *arg, const PgAnswer *answer)
{
	Feed *feed = arg;

	if (answer->status == PG_LOST)
		return; /* on_down cleans up */
	if (answer->status == PG_ERROR || answer->nrows == 0 ||
		pg_value(answer, answer->nrows - 1, 3) == NULL)
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
	adapt_pause(feed);
	feed->bell_heard = false;
	release_waiters(&feed->running, true);
	if (feed->wanted)
		want_fetch(feed);
}

/* ------------------------------------------------------- doorbell and probes */

static void
start_poll(Feed *feed)
{
	const Config *config = &feed->gateway->config;
	int64_t every = feed->doorbell ? config->poll_safety : config->poll_fast;

	loop_timer_start(feed->poll, every, every);
}

static void
on_poll_timer(void *arg)
{
	want_fetch(arg);
}

static void
set_doorbell(Feed *feed, bool works)
{
	stats.feed_polling = !works;
	if (feed->doorbell == works)
		return;
	feed->doorbell = works;
	log_line(works ? LOG_INFO : LOG_WARN,
			 works ? "the doorbell works" : "the doorbell is not heard, polling", "");
	start_poll(feed);
}

static void
on_probe_sent(void *arg, const PgAnswer *answer)
{
	(void) arg;
	if (answer->status == PG_ERROR)
		log_warn("cannot ring the probe", "reason=\"%s\"", answer->message);
}

static void
send_probe(Feed *feed)
{
	const Config *config = &feed->gateway->config;
	char number[24];
	const char *values[2] = {feed->probe_channel, number};

	if (!feed_is_up(feed) || feed->gateway->pool == NULL)
		return;
	snprintf(number, sizeof(number), "%" PRIu64, ++feed->probe_number);
	if (!pool_send(feed->gateway->pool, &pool_statements[STMT_NOTIFY], values,
				   on_probe_sent, feed))
		return;
	feed->probe_out = true;
	loop_timer_start(feed->probe_timer, config->probe_timeout, 0);
}

/* Either a probe was not heard in time, or the next one is due. */
static void
on_probe_timer(void *arg)
{
	Feed *feed = arg;

	if (feed->probe_out)
	{
		stats.probes_lost_total++;
		feed->probe_out = false;
		set_doorbell(feed, false);
	}
	send_probe(feed);
}

static void
on_probe_heard(Feed *feed, const char *payload)
{
	if (!feed->probe_out || strtoull(payload, NULL, 10) != feed->probe_number)
		return;
	feed->probe_out = false;
	set_doorbell(feed, true);
	loop_timer_start(feed->probe_timer, feed->gateway->config.probe_interval, 0);
}

static void
on_notified(void *arg, const char *channel, const char *payload)
{
	Feed *feed = arg;

	if (strcmp(channel, feed->probe_channel) == 0)
	{
		on_probe_heard(feed, payload);
		return;
	}
	stats.doorbells_total++;
	feed->bell_heard = true;
	want_fetch(feed);
}

void
feed_pool_changed(Feed *feed)
{
	if (pool_is_up(feed->gateway->pool))
		send_probe(feed);
}

/* -------------------------------------------------------------------- hello */

static void
on_listening(void *arg, const PgAnswer *answer)
{
	Feed *feed = arg;

	if (answer->status == PG_LOST || feed->state != FEED_LISTEN)
		return;
	if (answer->status == PG_ERROR)
	{
		log_error("cannot listen", "reason=\"%s\"", answer->message);
		pg_restart(feed->link);
		return;
	}
	feed->state = FEED_IDLE;
	start_poll(feed);
	want_fetch(feed);
	send_probe(feed);
	gateway_check_database(feed->gateway);
}

/* LISTEN takes no parameters; names are quoted as identifiers. */
static void
append_listen(Buf *sql, const char *name)
{
	buf_puts(sql, "LISTEN \"");
	for (; *name; name++)
	{
		if (*name == '"')
			buf_puts(sql, "\"");
		buf_append(sql, name, 1);
	}
	buf_puts(sql, "\"");
}

static void
listen_to(Feed *feed, const json_t *names)
{
	size_t index;
	json_t *name;
	Buf sql = {0};

	/* only the last answer counts: they come in order */
	json_array_foreach((json_t *) (uintptr_t) names, index, name)
	{
		const char *text = json_string_value(name);

		if (text == NULL)
			continue;
		sql.len = 0;
		append_listen(&sql, text);
		pg_send_sql(feed->link, buf_cstr(&sql), on_probe_sent, feed);
	}
	sql.len = 0;
	append_listen(&sql, feed->probe_channel);
	feed->state = FEED_LISTEN;
	pg_send_sql(feed->link, buf_cstr(&sql), on_listening, feed);
	buf_free(&sql);
}

static void
set_epoch(Feed *feed, const char *epoch, const char *snapshot)
{
	bool changed = feed->epoch != NULL && strcmp(feed->epoch, epoch) != 0;

	if (feed->epoch == NULL || changed)
	{
		free(feed->epoch);
		feed->epoch = mem_strdup(epoch);
	}
	if (changed)
	{
		log_warn("another database answers: positions are void", "epoch=%s", epoch);
		send_gaps(feed, "epoch_changed");
	}
	if (feed->snapshot == NULL || changed)
	{
		free(feed->snapshot);
		feed->snapshot = NULL;
		set_snapshot(feed, snapshot);
	}
}

static bool
take_hello(Feed *feed, const json_t *hello)
{
	const char *epoch = json_string_value(json_object_get(hello, "epoch"));
	const char *snapshot = json_string_value(json_object_get(hello, "snapshot"));
	const char *version = json_string_value(json_object_get(hello, "version"));

	if (epoch == NULL || snapshot == NULL ||
		json_integer_value(json_object_get(hello, "protocol")) != 1)
		return false;
	log_info("the database says hello", "version=%s epoch=%s doorbell=%s",
			 version ? version : "?", epoch,
			 json_string_value(json_object_get(hello, "doorbell")));
	errors_load(json_object_get(hello, "errors"));
	set_epoch(feed, epoch, snapshot);
	listen_to(feed, json_object_get(hello, "listen"));
	return true;
}

static void
on_hello(void *arg, const PgAnswer *answer)
{
	Feed *feed = arg;
	json_t *hello;

	if (answer->status == PG_LOST)
		return;
	if (answer->status == PG_ERROR)
	{
		log_error("the database refuses to be gateway", "sqlstate=%s reason=\"%s\"",
				  answer->sqlstate, answer->message);
		pg_restart(feed->link);
		return;
	}
	hello = json_loads(pg_value(answer, 0, 0) ? pg_value(answer, 0, 0) : "", 0, NULL);
	if (!take_hello(feed, hello))
	{
		log_error("the database speaks another protocol", "expected=" PROTOCOL);
		pg_restart(feed->link);
	}
	json_decref(hello);
}

static void
on_up(void *arg)
{
	Feed *feed = arg;
	const char *values[2] = {feed->gateway->config.name, PROTOCOL};

	feed->state = FEED_HELLO;
	pg_send(feed->link, &feed_statements[FEED_STMT_HELLO], values, on_hello, feed);
}

static void
on_down(void *arg)
{
	Feed *feed = arg;

	feed->state = FEED_DOWN;
	feed->probe_out = false;
	free(feed->upto);
	feed->upto = NULL;
	loop_timer_stop(feed->poll);
	loop_timer_stop(feed->probe_timer);
	loop_timer_stop(feed->pause_timer);
	set_doorbell(feed, false);
	loop_timer_stop(feed->poll);
	release_waiters(&feed->running, false);
	release_waiters(&feed->waiting, false);
	gateway_check_database(feed->gateway);
}

Feed *
feed_open(Gateway *gateway)
{
	static const PgLinkHooks hooks = {on_up, on_down, on_notified};
	Feed *feed = mem_zalloc(sizeof(Feed));

	feed->gateway = gateway;
	feed->rows = gateway->config.fetch_rows;
	list_init(&feed->waiting);
	list_init(&feed->running);
	snprintf(feed->probe_channel, sizeof(feed->probe_channel), "wrk_probe_%d_%" PRIx64,
			 (int) getpid(), (uint64_t) clock_jitter(INT64_MAX));
	feed->poll = loop_timer_new(on_poll_timer, feed);
	feed->pause_timer = loop_timer_new(on_pause_over, feed);
	feed->probe_timer = loop_timer_new(on_probe_timer, feed);
	feed->link =
		pg_open(&gateway->config, "feed", NULL, feed_statements, &hooks, feed);
	stats.feed_polling = 1;
	return feed;
}

void
feed_close(Feed *feed)
{
	pg_close(feed->link);
	loop_timer_free(feed->poll);
	loop_timer_free(feed->pause_timer);
	loop_timer_free(feed->probe_timer);
	release_waiters(&feed->running, false);
	release_waiters(&feed->waiting, false);
	if (feed->position != NULL)
		chunk_unref(feed->position);
	free(feed->epoch);
	free(feed->snapshot);
	free(feed->upto);
	free(feed);
}
