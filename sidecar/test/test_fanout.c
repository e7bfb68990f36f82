/* Layers 1 and 2: outbox, connections, hub, fan-out. */
#include "clock.h"
#include "fanout.h"
#include "mem.h"
#include "pace.h"
#include "stats.h"
#include "stream.h"
#include "tap.h"
#include "waiters.h"

#include <stdlib.h>

static Config config;
static ConnTable table;
static Hub hub;
static Fanout fanout;
static Joiner joiner;

static void
write_nothing(Conn *conn)
{
	(void) conn;
}

static void
kill_socket(Conn *conn)
{
	conn->socket = NULL;
}

static void
gone(Conn *conn)
{
	hub_unsubscribe_all(&hub, conn);
}

static Chunk *
chunk(FrameClass frame_class, size_t len, const char *key)
{
	char bytes[4096];

	memset(bytes, 'a' + (int) (len % 26), sizeof(bytes));
	return chunk_new(frame_class, bytes, len, 1, key);
}

/* Pushes and gives up the reference. */
static OutboxResult
push(Outbox *outbox, Chunk *one, const OutboxLimits *limits)
{
	OutboxResult result = outbox_push(outbox, one, limits);

	chunk_unref(one);
	return result;
}

/* Everything in the outbox, taken out in writes of at most the joiner's size. */
static void
drain(Outbox *outbox, Buf *out)
{
	const char *bytes;
	size_t len;

	while ((bytes = outbox_next_write(outbox, &joiner, &len)) != NULL)
	{
		buf_append(out, bytes, len);
		outbox_consume(outbox, len);
	}
}

static void
test_outbox_order(void)
{
	const OutboxLimits limits = {100000, 100000};
	Outbox outbox = {0};
	Buf out = {0};
	Buf expected = {0};
	uint64_t total = 0;

	for (size_t i = 1; i <= 200; i++)
	{
		Chunk *one = chunk(CLASS_CRITICAL, i % 97 + 1, NULL);

		buf_append(&expected, one->data, one->len);
		total += one->len;
		push(&outbox, one, &limits);
	}
	ok(outbox.bytes == total, "unsent bytes are counted");
	drain(&outbox, &out);
	ok(out.len == expected.len && memcmp(out.data, expected.data, out.len) == 0,
	   "chunks leave in order, whatever the writes");
	ok(outbox.count == 0 && outbox.bytes == 0 && outbox.ring == NULL,
	   "an empty outbox owns nothing");
	buf_free(&out);
	buf_free(&expected);
}

static void
test_outbox_partial(void)
{
	const OutboxLimits limits = {1000, 1000};
	Outbox outbox = {0};
	size_t len;

	push(&outbox, chunk(CLASS_CRITICAL, 100, NULL), &limits);
	push(&outbox, chunk(CLASS_CRITICAL, 50, NULL), &limits);
	outbox_consume(&outbox, 30);
	outbox_next_write(&outbox, &joiner, &len);
	ok(outbox.bytes == 120 && len == 120, "the rest of a head comes with what follows");
	outbox_clear(&outbox, true);
	ok(outbox.count == 1 && outbox.bytes == 70, "clearing keeps a head sent in part");
	outbox_clear(&outbox, false);
	ok(outbox.count == 0 && outbox.bytes == 0, "unless told otherwise");
}

static void
test_outbox_classes(void)
{
	const OutboxLimits limits = {300, 100};
	Outbox outbox = {0};

	stats = (Stats){0};
	ok(push(&outbox, chunk(CLASS_EPHEMERAL, 90, NULL), &limits) == OUTBOX_TAKEN &&
		   push(&outbox, chunk(CLASS_EPHEMERAL, 90, NULL), &limits) == OUTBOX_TAKEN &&
		   push(&outbox, chunk(CLASS_EPHEMERAL, 90, NULL), &limits) == OUTBOX_DROPPED,
	   "ephemeral chunks are refused past their bound");
	push(&outbox, chunk(CLASS_STATE, 10, "c\nk"), &limits);
	push(&outbox, chunk(CLASS_STATE, 20, "other"), &limits);
	push(&outbox, chunk(CLASS_STATE, 30, "c\nk"), &limits);
	ok(outbox.nstate == 2 && outbox.bytes == 230 && stats.coalesced_state_total == 1,
	   "a state chunk replaces the one of its key");
	push(&outbox, chunk(CLASS_CRITICAL, 100, NULL), &limits);
	ok(outbox.bytes == 330 && outbox.nephemeral == 2, "the bound is looked at before");
	ok(push(&outbox, chunk(CLASS_CRITICAL, 200, NULL), &limits) == OUTBOX_TAKEN &&
		   outbox.nephemeral == 0 && stats.dropped_ephemeral_total == 3,
	   "a critical chunk throws ephemeral ones out");
	ok(push(&outbox, chunk(CLASS_CRITICAL, 1, NULL), &limits) == OUTBOX_FULL,
	   "then there is no room: critical chunks are not dropped");
	ok(push(&outbox, chunk(CLASS_REPLY, 1000, NULL), &limits) == OUTBOX_TAKEN,
	   "an answer always fits");
	outbox_clear(&outbox, false);
	ok(stats.outbox_bytes == 0 && outbox.reply_bytes == 0, "the books balance");
}

static void
test_outbox_many_keys(void)
{
	const OutboxLimits limits = {1000000, 100};
	Outbox outbox = {0};
	char key[16];

	stats = (Stats){0};
	for (int i = 0; i < 1000; i++)
	{
		snprintf(key, sizeof(key), "c\n%d", i);
		push(&outbox, chunk(CLASS_STATE, 10, key), &limits);
	}
	push(&outbox, chunk(CLASS_STATE, 20, "c\n999"), &limits);
	push(&outbox, chunk(CLASS_STATE, 20, "c\n970"), &limits);
	ok(outbox.count == 1000 && stats.coalesced_state_total == 2,
	   "one of the last few is replaced");
	push(&outbox, chunk(CLASS_STATE, 20, "c\n0"), &limits);
	ok(outbox.count == 1001, "an older one is not searched for");
	outbox_clear(&outbox, false);
	ok(stats.outbox_bytes == 0 && outbox.nstate == 0, "the books balance");
}

static void
test_joiner_memory(void)
{
	const OutboxLimits limits = {100000, 100000};
	Outbox a = {0};
	Outbox b = {0};
	Chunk *one = chunk(CLASS_CRITICAL, 10, NULL);
	Chunk *two = chunk(CLASS_CRITICAL, 20, NULL);
	size_t len;

	outbox_push(&a, one, &limits);
	outbox_push(&a, two, &limits);
	outbox_push(&b, one, &limits);
	outbox_push(&b, two, &limits);
	outbox_next_write(&a, &joiner, &len);
	joiner.buffer[0] = '!';
	ok(outbox_next_write(&b, &joiner, &len)[0] == '!' && len == 30,
	   "the same chunks are joined once");
	outbox_consume(&b, 5);
	ok(outbox_next_write(&b, &joiner, &len)[0] != '!' && len == 25,
	   "a rest is joined for itself");
	outbox_clear(&a, false);
	outbox_clear(&b, false);
	joiner_forget(&joiner);
	ok(one->refs == 1 && two->refs == 1, "forgetting drops the references");
	chunk_unref(one);
	chunk_unref(two);
}

/* ------------------------------------------------------------------ fan-out */

static Conn *
client(const char *user, int64_t mask, const char *channel)
{
	static int socket;
	Conn *conn = conn_create(&table, &socket);

	conn_set_state(conn, CONN_OPEN);
	conn_set_state(conn, CONN_AUTHENTICATING);
	conn_set_identity(conn, "t", user, "s");
	conn->mask = mask;
	conn_set_state(conn, CONN_READY);
	hub_subscribe(&hub, conn, channel);
	return conn;
}

static void
emit(const char *id, FrameClass frame_class, const char *state_key, int64_t mask,
	 const char *user)
{
	char *channels[] = {(char *) (uintptr_t) "c", (char *) (uintptr_t) "nobody"};
	char *users[] = {(char *) (uintptr_t) user};
	Event event = {.id = id,
				   .type = "t",
				   .payload = "{}",
				   .payload_len = 2,
				   .timestamp = "1",
				   .state_key = state_key,
				   .frame_class = frame_class,
				   .has_mask = mask != 0,
				   .mask = mask,
				   .has_users = user != NULL,
				   .users = user && *user ? users : NULL,
				   .nusers = user && *user ? 1 : 0};

	fanout_add(&fanout, &event, channels, 2);
}

/* The ids of the events that wait for the connection, as text. */
static const char *
ids(Conn *conn)
{
	static char text[256];
	Buf out = {0};
	const char *at;

	text[0] = '\0';
	drain(&conn->out, &out);
	buf_cstr(&out);
	/* frames are short: no header byte is a NUL but a 64-bit length's */
	for (at = out.data; at && (at = memmem(at, out.len - (size_t) (at - out.data),
										   "\"id\":\"", 6)) != NULL;
		 at += 6)
	{
		strncat(text, at + 6, strcspn(at + 6, "\""));
		strcat(text, " ");
	}
	buf_free(&out);
	return text;
}

static void
end(Conn *conn)
{
	conn_doom(conn);
	conn_table_reap(&table);
}

static void
test_audiences(void)
{
	Conn *plain = client("u1", 1, "c");
	Conn *ops = client("u2", 2, "c");
	Conn *both = client("u3", 3, "c");
	Chunk *position = chunk(CLASS_STATE, 10, "position");

	emit("1", CLASS_CRITICAL, NULL, 0, NULL);
	emit("2", CLASS_CRITICAL, NULL, 2, NULL);
	emit("3", CLASS_CRITICAL, NULL, 0, "u1");
	emit("4", CLASS_CRITICAL, NULL, 4, "u3");
	emit("5", CLASS_CRITICAL, NULL, 1, NULL);
	fanout_deliver(&fanout, 1);
	fanout_finish(&fanout, position, 1);
	ok(strcmp(ids(plain), "1 3 5 ") == 0, "by user and by role");
	ok(strcmp(ids(ops), "1 2 ") == 0, "by role only");
	ok(strcmp(ids(both), "1 2 4 5 ") == 0, "by both, in order");
	ok(plain->position_seq == 1, "who got something gets the position");
	emit("6", CLASS_CRITICAL, NULL, 8, NULL);
	fanout_deliver(&fanout, 2);
	fanout_finish(&fanout, position, 2);
	ok(plain->position_seq == 1 && plain->out.count == 0,
	   "who may see nothing of it gets nothing, not even the position");
	emit("7", CLASS_CRITICAL, NULL, 0, "");
	fanout_deliver(&fanout, 2);
	ok(plain->out.count == 0 && both->out.count == 0,
	   "an empty list of users is nobody, not everybody");
	chunk_unref(position);
	end(plain);
	end(ops);
	end(both);
}

static void
test_giant_event(void)
{
	static char text[RUN_BYTES];
	Conn *a = client("a", 1, "c");
	Conn *b = client("b", 1, "c");
	char *channels[] = {(char *) (uintptr_t) "c"};
	Event event = {.id = "2",
				   .type = "t",
				   .payload = memset(text, '1', sizeof(text)),
				   .payload_len = sizeof(text),
				   .timestamp = "1",
				   .frame_class = CLASS_CRITICAL};

	emit("1", CLASS_CRITICAL, NULL, 0, "a");
	fanout_add(&fanout, &event, channels, 1);
	fanout_deliver(&fanout, 3);
	ok(a->out.count == 2 && b->out.count == 1 && a->out.slots[1] == b->out.slots[0],
	   "a giant event is shared, whatever it came with");
	end(a);
	end(b);
}

static void
test_sharing(void)
{
	Conn *a = client("a", 1, "c");
	Conn *b = client("b", 1, "c");
	const Chunk *shared;
	size_t len;
	const char *bytes;

	for (int i = 0; i < 100; i++)
		emit("1", CLASS_CRITICAL, NULL, 0, NULL);
	fanout_deliver(&fanout, 3);
	ok(a->out.count == 1 && b->out.count == 1, "a hundred events are one chunk");
	shared = a->out.slots[0];
	ok(shared == b->out.slots[0] && shared->refs == 2 && shared->frames == 100,
	   "which both subscribers share");
	bytes = outbox_next_write(&a->out, &joiner, &len);
	ok(bytes == shared->data && len == shared->len,
	   "and which is written without a copy");
	end(a);
	end(b);
}

/* The client takes these types only. */
static void
set_filter(const Conn *conn, const char *types)
{
	json_t *array = json_loads(types, 0, NULL);
	TypeFilter *filter = NULL;
	const char *why;

	if (!type_filter_read(array, &filter, &why))
		abort();
	hub_set_filter(hub_find_sub(conn, "c"), filter);
	json_decref(array);
}

static void
test_filters(void)
{
	Conn *a = client("a", 1, "c");
	Conn *b = client("b", 1, "c");
	Conn *ops = client("o", 2, "c");
	Conn *none = client("n", 2, "c");

	set_filter(a, "[\"t\",\"a\"]");
	set_filter(b, "[\"*\",\"b\"]");
	set_filter(ops, "[\"t\",\"o\"]");
	set_filter(none, "[\"x\"]");
	emit("1", CLASS_CRITICAL, NULL, 0, NULL);
	emit("2", CLASS_CRITICAL, NULL, 2, NULL);
	fanout_deliver(&fanout, 4);
	ok(a->out.count == 1 && a->out.slots[0] == b->out.slots[0],
	   "filters that pass the same share it, whatever else they name");
	ok(strcmp(ids(a), "1 ") == 0 && strcmp(ids(ops), "1 2 ") == 0,
	   "but not with another audience");
	ok(none->out.count == 0, "and one that passes nothing gets nothing");
	end(a);
	end(b);
	end(ops);
	end(none);
}

static void
test_classes_in_fanout(void)
{
	Conn *a = client("a", 1, "c");

	emit("1", CLASS_CRITICAL, NULL, 0, NULL);
	emit("2", CLASS_STATE, "k", 0, NULL);
	emit("3", CLASS_CRITICAL, NULL, 0, NULL);
	emit("4", CLASS_STATE, "k", 0, NULL);
	emit("5", CLASS_STATE, "l", 0, NULL);
	emit("6", CLASS_EPHEMERAL, NULL, 0, NULL);
	fanout_deliver(&fanout, 4);
	ok(strcmp(ids(a), "1 3 4 5 6 ") == 0, "state is coalesced, the rest keeps its order");
	end(a);
}

static void
test_pending(void)
{
	Conn *a = client("a", 1, "c");
	Sub *sub = hub_find_sub(a, "c");
	Chunk *position = chunk(CLASS_STATE, 10, "position");

	sub_set_pending(sub);
	emit("1", CLASS_CRITICAL, NULL, 0, NULL);
	fanout_deliver(&fanout, 5);
	fanout_finish(&fanout, position, 5);
	ok(a->out.count == 0 && a->position_seq == 0,
	   "before the replay neither events nor a position");
	sub_release(sub, true);
	ok(strcmp(ids(a), "1 ") == 0, "after it, what was held");
	for (int replayed = 0; replayed <= 1; replayed++)
	{
		sub_set_pending(sub);
		emit("2", CLASS_CRITICAL, NULL, 0, NULL);
		fanout_deliver(&fanout, 5);
		sub_set_pending(sub);
		emit("3", CLASS_CRITICAL, NULL, 0, NULL);
		fanout_deliver(&fanout, 5);
		sub_release(sub, replayed);
		ok(strcmp(ids(a), replayed ? "3 " : "2 3 ") == 0 && a->npending == 0,
		   replayed ? "a later replay has what was held behind an earlier one"
					: "without a replay all of it");
	}
	sub->skip_cycle = 6;
	emit("2", CLASS_CRITICAL, NULL, 0, NULL);
	fanout_deliver(&fanout, 6);
	emit("3", CLASS_CRITICAL, NULL, 0, NULL);
	fanout_deliver(&fanout, 7);
	ok(strcmp(ids(a), "3 ") == 0, "a cycle that the replay covers is skipped");
	chunk_unref(position);
	end(a);
}

static void
test_gap(void)
{
	Conn *a = client("a", 1, "c");
	Conn *b = client("b", 1, "c");
	Chunk *position = chunk(CLASS_STATE, 10, "position");

	hub_subscribe(&hub, a, "other");
	fanout_gap(&fanout, "epoch_changed");
	ok(a->out.count == 2 && b->out.count == 1, "a gap goes to every subscription");
	fanout_send_position(a, position, 7);
	sub_set_broken(hub_find_sub(a, "c"), false);
	fanout_send_position(a, position, 7);
	ok(a->position_seq == 0, "and no position comes while one of them has a gap");
	hub_unsubscribe(&hub, hub_find_sub(a, "other"));
	fanout_send_position(a, position, 7);
	ok(a->position_seq == 7, "but when all are subscribed again or left");
	chunk_unref(position);
	end(a);
	end(b);
}

static void
count_call(void *arg, bool good)
{
	*(int *) arg += good ? 1 : 100;
}

static void
test_waiters(void)
{
	List list;
	int calls = 0;

	list_init(&list);
	waiters_add(&list, count_call, &calls);
	waiters_add(&list, count_call, &calls);
	waiters_release(&list, true);
	ok(calls == 2 && list_is_empty(&list), "everybody who waits is called once");
	waiters_add(&list, count_call, &calls);
	waiters_release(&list, false);
	ok(calls == 102, "and told when it will not happen");
}

static void
test_pace(void)
{
	Pace pace = {.max_ms = 40};
	int64_t now = 1000000;

	for (int i = 0; i < 50; i++, now += 10000)
		pace_cycle_ended(&pace, now, 4000);
	ok(pace.pause_ms == 0, "no pause while there is time to spare");
	for (int i = 0; i < 50; i++, now += 10000)
		pace_cycle_ended(&pace, now, 9000);
	ok(pace.pause_ms == 40, "a pause up to the cap while handing out takes all of it");
	ok(pace_rest_ms(&pace, pace.ended_us + 10000) == 30, "counted from the last cycle");
	for (int i = 0; i < 50; i++, now += 10000)
		pace_cycle_ended(&pace, now, 1000);
	ok(pace.pause_ms == 0, "and none again when it does not");
}

static void
test_stream(void)
{
	Stream stream = {0};
	Buf text = {0};

	ok(!stream_set_epoch(&stream, "e1"), "the first epoch is no change");
	stream_set_snapshot(&stream, "1:1:");
	stream_append_position(&stream, &text, NULL);
	ok(strcmp(buf_cstr(&text), "e1.1:1:") == 0 && stream.position_seq == 1,
	   "a position is epoch and snapshot");
	stream_set_snapshot(&stream, "1:1:");
	ok(stream.position_seq == 1, "the same snapshot is the same position");
	ok(!stream_set_epoch(&stream, "e1") && stream_set_epoch(&stream, "e2"),
	   "another epoch is a change");
	buf_free(&text);
	stream_free(&stream);
}

static void
test_hub(void)
{
	Conn *a = client("a", 1, "c");
	Conn *b = client("b", 1, "c");
	Conn *d = client("d", 1, "c");

	hub_set_alias(hub_subscribe(&hub, a, "tenant:t:project:1"), "project:1");
	ok(hub_find_sub(a, "project:1") == hub_find_sub(a, "tenant:t:project:1") &&
		   hub_find_sub(a, "project:1") != NULL,
	   "a subscription is found by either name");
	end(b);
	ok(hub_find(&hub, "c")->nsubs == 2 && hub_find_sub(d, "c")->index < 2,
	   "the last subscriber takes the place of one that leaves");
	end(a);
	end(d);
	ok(hub.channels.count == 0 && stats.channels == 0,
	   "a channel goes with its last one");
}

int
main(void)
{
	const ConnOps ops = {.write = write_nothing, .kill = kill_socket, .gone = gone};

	config = (Config){.outbox_max = 16384, .ephemeral_max = 4096, .frame_max = 65536};
	conn_table_init(&table, &config, &ops);
	hub_init(&hub);
	fanout_init(&fanout, &hub);
	joiner_init(&joiner, 1000);
	test_outbox_order();
	test_outbox_partial();
	test_outbox_classes();
	test_outbox_many_keys();
	test_joiner_memory();
	joiner_free(&joiner);
	joiner_init(&joiner, 100000);
	stats = (Stats){0};
	test_audiences();
	test_giant_event();
	test_sharing();
	test_filters();
	test_classes_in_fanout();
	test_pending();
	test_hub();
	test_gap();
	test_waiters();
	test_pace();
	test_stream();
	ok(table.count == 0, "every connection is gone");
	joiner_free(&joiner);
	fanout_free(&fanout);
	hub_free(&hub);
	return tap_done();
}
