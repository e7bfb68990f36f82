/* Layer 2: what becomes of a client that reads slowly. */
#include "clock.h"
#include "flow.h"
#include "mem.h"
#include "stats.h"
#include "tap.h"

#include <stdlib.h>

#define CAP 16384
#define EPHEMERAL 4096

static Config config;
static ConnTable table;
static Hub hub;
static Joiner joiner;
static int64_t kernel_bytes;
static int64_t now;

static void
nothing(Conn *conn)
{
	conn->socket = NULL;
}

static void
gone(Conn *conn)
{
	hub_unsubscribe_all(&hub, conn);
}

static int64_t
unsent(const Conn *conn)
{
	(void) conn;
	return kernel_bytes;
}

/* A client in two channels whose socket is full. */
static Conn *
slow_client(void)
{
	Conn *conn = conn_create(&table, &table);

	conn_set_state(conn, CONN_OPEN);
	conn_set_state(conn, CONN_AUTHENTICATING);
	conn_set_identity(conn, "t", "u", "");
	conn_set_state(conn, CONN_READY);
	hub_subscribe(&hub, conn, "c");
	hub_subscribe(&hub, conn, "d");
	conn->blocked = true;
	stats = (Stats){0};
	return conn;
}

/* An event of a channel, with a number in it. */
static void
deliver(Conn *conn, const char *channel, FrameClass frame_class, int n, const char *key)
{
	char bytes[1000];
	Chunk *chunk;

	memset(bytes, '.', sizeof(bytes));
	snprintf(bytes, sizeof(bytes), "{%s%d}", channel, n);
	chunk = chunk_new(frame_class, bytes, sizeof(bytes), 1, key);
	sub_deliver(hub_find_sub(conn, channel), chunk);
	chunk_unref(chunk);
}

static void
send_position(Conn *conn)
{
	Chunk *chunk = chunk_new(CLASS_STATE, "{position}", 10, 1, "position");

	conn_push(conn, chunk);
	chunk_unref(chunk);
}

/* Everything that waits, as text; the socket took it all. */
static const char *
read_all(Conn *conn)
{
	static Buf text;
	const char *bytes;
	size_t len;

	text.len = 0;
	while ((bytes = outbox_next_write(&conn->out, &joiner, &len)) != NULL)
	{
		buf_append(&text, bytes, len);
		outbox_consume(&conn->out, len);
	}
	for (size_t i = 0; i < text.len; i++)
		text.data[i] = text.data[i] == '\0' ? ' ' : text.data[i];
	return buf_cstr(&text);
}

static int
count(const char *text, const char *what)
{
	int n = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
		n++;
	return n;
}

/* The sum of what the flow frames of a text say was dropped. */
static int
told(const char *text, const char *what)
{
	int sum = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
		sum += atoi(at + strlen(what));
	return sum;
}

static void
end(Conn *conn)
{
	conn_doom(conn);
	conn_table_reap(&table);
}

static void
test_levels(void)
{
	Conn *conn = slow_client();
	Buf all = {0};
	const char *text;

	for (int i = 0; i < 10; i++)
		deliver(conn, "c", CLASS_EPHEMERAL, i, NULL);
	ok(conn->level == 1 && stats.dropped_ephemeral_total == 5,
	   "past ephemeral_max, level 1: %d dropped", (int) stats.dropped_ephemeral_total);
	for (int i = 0; i < 5; i++)
		deliver(conn, "c", CLASS_STATE, i, "c\nkey");
	ok(conn->level == 1 && stats.coalesced_state_total == 4, "the last state is kept");
	for (int i = 70; i < 74; i++)
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
	ok(conn->level == 2, "past half of outbox_max, level 2");
	buf_puts(&all, read_all(conn));
	ok(conn->level == 2, "what the socket keeps is not out");
	conn->blocked = false;
	flow_drained(conn);
	buf_puts(&all, read_all(conn));
	text = buf_cstr(&all);
	ok(conn->level == 0 && count(text, "\"flow\"") == 3, "drained, level 0");
	ok(told(text, "\"ephemeral\":") == stats.dropped_ephemeral_total &&
		   told(text, "\"state\":") == stats.coalesced_state_total,
	   "the frames add up with the counters");
	ok(count(text, "{c73}") == 1 && count(text, "\"gap\"") == 0,
	   "nothing critical is lost");
	flow_drained(conn);
	ok(conn->out.count == 0, "who is at level 0 is told nothing");
	buf_free(&all);
	end(conn);
}

static void
test_gap(void)
{
	Conn *conn = slow_client();
	Sub *sub = hub_find_sub(conn, "c");
	Buf answer = {0};
	const char *text;

	buf_puts(&answer, "{\"answer\":1}");
	conn_send(conn, &answer);
	for (int i = 0; i < 17; i++)
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
	send_position(conn);
	ok(conn->npending == 0, "up to the cap nothing happens");
	deliver(conn, "d", CLASS_CRITICAL, 0, NULL);
	ok(conn->state == CONN_READY && conn->npending == 2 && stats.slow_gaps_total == 1,
	   "past it every channel has a gap, and the client stays");
	ok(stats.dropped_gap_total == 18, "what was dropped is counted");
	deliver(conn, "c", CLASS_CRITICAL, 99, NULL);
	ok(stats.skipped_total == 1, "nothing more comes for a channel with a gap");
	ok(conn->out.bytes == conn->out.reply_bytes, "only answers wait");
	text = read_all(conn);
	ok(count(text, "{c") == 0 && count(text, "{position}") == 0 &&
		   count(text, "\"gap\"") == 2 && count(text, "slow_consumer") == 2 &&
		   count(text, "\"answer\":1") == 1,
	   "the gaps and the answers are what the client gets");
	conn->blocked = false;
	flow_drained(conn);
	read_all(conn);
	sub_set_broken(sub, false);
	deliver(conn, "c", CLASS_CRITICAL, 100, NULL);
	ok(count(read_all(conn), "{c100}") == 1, "subscribed again, it flows");
	conn->blocked = true;
	for (int i = 0; i < 18; i++)
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
	ok(conn->state == CONN_READY && stats.slow_gaps_total == 2,
	   "it may happen again once the last one is out");
	sub_set_broken(sub, false);
	for (int i = 0; i < 18; i++)
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
	ok(conn->state == CONN_CLOSING && stats.slow_consumers_total == 1,
	   "but not before: that closes");
	buf_free(&answer);
	end(conn);
}

static void
test_partly_sent(void)
{
	Conn *conn = slow_client();
	const char *text;

	for (int i = 0; i < 17; i++)
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
	outbox_consume(&conn->out, 400);
	deliver(conn, "c", CLASS_CRITICAL, 17, NULL);
	deliver(conn, "c", CLASS_CRITICAL, 18, NULL);
	text = read_all(conn);
	ok(strncmp(text, "....", 4) == 0 && strstr(text, "\"gap\"") > text + 600,
	   "a frame that is sent in part is sent to its end");
	end(conn);
}

static void
test_held(void)
{
	Conn *conn = slow_client();
	Sub *sub = hub_find_sub(conn, "c");
	const char *text;

	conn->blocked = false;
	sub_set_pending(sub);
	for (int i = 0; i < 30; i++)
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
	ok(conn->state == CONN_READY && conn->held_bytes == 0 && sub->overrun,
	   "what is held behind a replay has the same cap");
	sub_release(sub, true);
	text = read_all(conn);
	ok(count(text, "\"gap\"") == 1 && count(text, "{c") == 0 && conn->npending == 1,
	   "past it the channel has a gap behind its replay");
	sub_set_broken(sub, false);
	sub_set_pending(sub);
	sub_set_pending(hub_find_sub(conn, "d"));
	for (int i = 0; i < 12; i++)
	{
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
		deliver(conn, "d", CLASS_CRITICAL, i, NULL);
	}
	ok(conn->held_bytes <= CAP + 1000, "all subscriptions of a connection share it: %d",
	   (int) conn->held_bytes);
	hub_unsubscribe_all(&hub, conn);
	ok(conn->held_bytes == 0, "and the books balance");
	end(conn);
}

static void
test_pending_at_gap(void)
{
	Conn *conn = slow_client();
	Sub *pending = hub_find_sub(conn, "d");

	sub_set_pending(pending);
	deliver(conn, "d", CLASS_CRITICAL, 1, NULL);
	for (int i = 0; i < 18; i++)
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
	ok(!pending->broken && conn->npending == 2,
	   "one that awaits its replay has no gap: that comes behind it");
	conn->blocked = false;
	read_all(conn);
	flow_drained(conn);
	sub_release(pending, true);
	ok(count(read_all(conn), "{d1}") == 1, "and what was held for it flows");
	end(conn);
}

static void
test_suspended_at_gap(void)
{
	Conn *conn = slow_client();
	Sub *suspended = hub_find_sub(conn, "d");
	const char *text;

	deliver(conn, "d", CLASS_CRITICAL, 1, NULL);
	sub_suspend(suspended);
	deliver(conn, "d", CLASS_CRITICAL, 2, NULL);
	for (int i = 0; i < 18; i++)
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
	conn->blocked = false;
	ok(count(read_all(conn), "{d1}") == 0 && !suspended->broken,
	   "what waited for one that is asked about is dropped with the rest");
	flow_drained(conn);
	sub_resume(suspended);
	text = read_all(conn);
	ok(suspended->broken && count(text, "\"gap\"") == 1 && count(text, "{d2}") == 0,
	   "and it has its gap once it is known that it may go on");
	end(conn);
}

static void
test_taken_back(void)
{
	Conn *conn = slow_client();

	deliver(conn, "c", CLASS_CRITICAL, 1, NULL);
	hub_unsubscribe(&hub, hub_find_sub(conn, "c"));
	conn->blocked = false;
	flow_take_back(conn);
	ok(conn->out.count == 1, "what is about to go out goes out");
	conn->blocked = true;
	flow_take_back(conn);
	ok(count(read_all(conn), "{c1}") == 0 && hub_find_sub(conn, "d")->broken,
	   "what waits for a slow client is taken back, and its streams have a gap");
	end(conn);
}

static void
test_takes_nothing(void)
{
	Conn *conn = slow_client();

	for (int i = 0; i < 18; i++)
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
	for (int64_t begin = now; now < begin + 10000; now += 500)
	{
		clock_set_for_test(now, now);
		kernel_bytes--;
		flow_check(conn, now);
	}
	ok(conn->state == CONN_READY && conn->heard_at > now - 1000,
	   "who takes a little lives, however slowly");
	now += 999;
	flow_check(conn, now);
	ok(conn->state == CONN_READY, "who takes nothing has slow_timeout");
	now += 1;
	flow_check(conn, now);
	ok(conn->state == CONN_CLOSING && stats.slow_consumers_total == 1, "and no longer");
	end(conn);
}

static void
test_status_stays(void)
{
	Conn *conn = slow_client();
	Chunk *status = chunk_new(CLASS_STATE, "{status}", 8, 1, "status");

	conn_push(conn, status);
	for (int i = 0; i < 18; i++)
		deliver(conn, "c", CLASS_CRITICAL, i, NULL);
	ok(count(read_all(conn), "{status}") == 1,
	   "that the database is up is no part of a stream");
	for (int i = 0; i < 17; i++)
		deliver(conn, "d", CLASS_CRITICAL, i, NULL);
	chunk_unref(status);
	end(conn);
}

int
main(void)
{
	const ConnOps ops = {nothing, nothing, gone, unsent, NULL};

	now = 1000000;
	clock_set_for_test(now, now);
	config =
		(Config){.outbox_max = CAP, .ephemeral_max = EPHEMERAL, .slow_timeout = 1500};
	conn_table_init(&table, &config, &ops);
	hub_init(&hub);
	joiner_init(&joiner, 100000);
	test_levels();
	test_gap();
	test_partly_sent();
	test_held();
	test_pending_at_gap();
	test_suspended_at_gap();
	test_taken_back();
	test_takes_nothing();
	test_status_stays();
	ok(table.count == 0 && hub.channels.count == 0, "nothing is left");
	joiner_free(&joiner);
	hub_free(&hub);
	conn_table_free(&table);
	return tap_done();
}
