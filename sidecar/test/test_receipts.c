/* Layers 1 and 2: what a client has acknowledged, and what is told of it. */
#include "clock.h"
#include "fanout.h"
#include "mem.h"
#include "receipts.h"
#include "tap.h"

#include <stdlib.h>

static Config config;
static ConnTable table;
static Hub hub;
static Conn *conn;
static int64_t now = 1000000;

static void
nothing(Conn *one)
{
	one->socket = NULL;
}

static void
gone(Conn *one)
{
	hub_unsubscribe_all(&hub, one);
	receipts_free(one);
}

static Conn *
join(const char *user)
{
	Conn *one = conn_create(&table, &table);

	conn_set_state(one, CONN_OPEN);
	conn_set_state(one, CONN_AUTHENTICATING);
	conn_set_identity(one, "t", user, "");
	conn_set_state(one, CONN_READY);
	return one;
}

/* An event of this channel, id and sender was written to the connection. */
static void
written(const char *channel, const char *id, const char *sender)
{
	Receipt *receipt = NULL;

	receipt_add(&receipt, channel, "note.mark", id, sender);
	receipts_written(conn, receipt);
	receipt_unref(receipt);
}

/* The id of the next call, "" for none. */
static const char *
call(void)
{
	ReceiptCall next;

	return receipts_next_call(conn, now, &next) ? next.id : "";
}

static char *
id_of(const char *payload)
{
	return receipt_id(payload, strlen(payload));
}

static void
test_rules(void)
{
	json_t *rules = json_loads(
		"[{\"type\":\"note.created\",\"method\":\"note.mark\"},{\"type\":1},{}]", 0,
		NULL);
	char *id;

	receipt_rules_load(rules);
	json_decref(rules);
	ok(strcmp(receipt_method("note.created"), "note.mark") == 0 &&
		   receipt_method("note.updated") == NULL,
	   "rules are those of the database");
	id = id_of("{\"id\":\"a\\\"b\",\"data\":{\"id\":1}}");
	ok(id != NULL && strcmp(id, "\"a\\\"b\"") == 0, "an id is a text");
	free(id);
	id = id_of("{\"id\":42}");
	ok(id != NULL && strcmp(id, "42") == 0, "or a number");
	free(id);
	ok(id_of("{\"id\":null}") == NULL && id_of("[1]") == NULL &&
		   id_of("{\"id\":{}}") == NULL && id_of("") == NULL,
	   "nothing else");
}

static void
test_own(void)
{
	Receipt *receipt = NULL;

	receipt_add(&receipt, "c", "m", "1", "ann");
	ok(receipt_for(receipt, "ann") == NULL &&
		   strcmp(receipt_for(receipt, "bob"), "1") == 0,
	   "one's own is not acknowledged");
	receipt_add(&receipt, "c", "m", "2", "bob");
	receipt_add(&receipt, "c", "m", "3", "bob");
	ok(strcmp(receipt_for(receipt, "ann"), "3") == 0, "of others' the last");
	ok(strcmp(receipt_for(receipt, "bob"), "1") == 0, "behind which one's own may be");
	receipt_add(&receipt, "c", "m", "4", "eve");
	receipt_add(&receipt, "c", "m", "5", "ann");
	ok(strcmp(receipt_for(receipt, "ann"), "4") == 0 &&
		   strcmp(receipt_for(receipt, "eve"), "5") == 0,
	   "whoever they are");
	receipt_add(&receipt, "c", "other", "6", "ann");
	ok(receipt_for(receipt, "ann") == NULL &&
		   strcmp(receipt_for(receipt, "eve"), "6") == 0,
	   "what another method is for is another matter");
	receipt_unref(receipt);
}

static void
test_order(void)
{
	uint32_t first;
	uint32_t second;

	conn = join("ann");
	ok(receipts_ping(conn, now) == 0 && strcmp(call(), "") == 0 &&
		   !receipts_is_busy(conn),
	   "nothing written, nothing asked");
	written("c", "1", "bob");
	written("c", "2", "bob");
	first = receipts_ping(conn, now);
	ok(first != 0, "what was written is asked about");
	ok(strcmp(call(), "") == 0, "and not told before it was acknowledged");
	written("c", "3", "bob");
	now += 5000;
	ok(receipts_ping(conn, now) == 0, "one ping at a time");
	receipts_pong(conn, first + 1);
	receipts_pong(conn, 0);
	ok(strcmp(call(), "") == 0, "another number acknowledges nothing");
	receipts_pong(conn, first);
	ok(strcmp(call(), "2") == 0,
	   "the pong acknowledges what was written before the ping, and no more");
	receipts_pong(conn, first);
	receipts_called(conn, false);
	now += 5000;
	ok(strcmp(call(), "") == 0, "once");
	second = receipts_ping(conn, now);
	ok(second != 0 && second != first, "then what came later is asked about");
	receipts_pong(conn, second);
	ok(strcmp(call(), "3") == 0, "and told");
	receipts_called(conn, true);
	ok(strcmp(call(), "") == 0, "what was not heard is told again, not at once");
	now += RECEIPT_INTERVAL_MS;
	ok(strcmp(call(), "3") == 0, "but later");
	receipts_called(conn, false);
	ok(!receipts_is_busy(conn), "then there is nothing to do");
	conn_doom(conn);
	conn_table_reap(&table);
}

static void
test_rate(void)
{
	int calls = 0;
	int pings = 0;
	const char *last = "";
	static char kept[16];
	char id[16];

	conn = join("ann");
	for (int i = 0; i < 10000; i++)
	{
		uint32_t number;

		now += 1;
		snprintf(id, sizeof(id), "%d", i);
		written(i % 2 ? "odd" : "even", id, "bob");
		number = receipts_ping(conn, now);
		pings += number != 0;
		receipts_pong(conn, number);
		last = call();
		if (*last != '\0')
		{
			calls++;
			snprintf(kept, sizeof(kept), "%s", last);
			receipts_called(conn, false);
		}
	}
	ok(calls == 10 && pings == 10,
	   "10,000 events in ten seconds are ten pings and ten calls: %d, %d", pings, calls);
	for (int i = 0; i < 4; i++)
	{
		uint32_t number;

		now += RECEIPT_INTERVAL_MS;
		number = receipts_ping(conn, now);
		receipts_pong(conn, number);
		last = call();
		if (*last != '\0')
		{
			snprintf(kept, sizeof(kept), "%s", last);
			receipts_called(conn, false);
		}
	}
	ok(strcmp(kept, "9999") == 0 || strcmp(kept, "9998") == 0,
	   "the last of each channel is told: %s", kept);
	ok(!receipts_is_busy(conn), "and then none is left");
	for (int i = 0; i < 1000; i++)
	{
		snprintf(id, sizeof(id), "c%d", i);
		written(id, "1", "bob");
	}
	now += RECEIPT_INTERVAL_MS;
	receipts_pong(conn, receipts_ping(conn, now));
	for (calls = 0; receipts_is_busy(conn) && calls < 1000; calls++)
	{
		now += RECEIPT_INTERVAL_MS;
		call();
		receipts_called(conn, false);
	}
	ok(calls == RECEIPT_CHANNELS - 2, "channels are bounded: %d", calls);
	conn_doom(conn);
	conn_table_reap(&table);
}

static Receipt *seen;

static void
on_written(Outbox *outbox, const Receipt *receipt)
{
	(void) outbox;
	receipt_unref(seen);
	seen = receipt_ref((Receipt *) (uintptr_t) receipt);
}

static void
test_fanout(void)
{
	Fanout fanout;
	char *channels[] = {(char *) (uintptr_t) "c"};
	const char *payloads[] = {"{\"id\":\"a\"}", "{\"id\":\"b\"}", "{\"id\":\"c\"}"};
	Conn *client = join("ann");
	Conn *staff = join("otto");
	size_t len;
	Joiner joiner;

	client->mask = 1;
	staff->mask = 2;
	joiner_init(&joiner, 1 << 16);
	outbox_on_receipt(on_written);
	hub_subscribe(&hub, client, "c");
	hub_subscribe(&hub, staff, "c");
	fanout_init(&fanout, &hub);
	for (int i = 0; i < 3; i++)
	{
		const Event event = {.id = "1",
							 .type = i == 1 ? "note.updated" : "note.created",
							 .payload = payloads[i],
							 .payload_len = 10,
							 .sender_id = "bob",
							 .timestamp = "1",
							 .has_mask = i == 2,
							 .mask = 2};

		fanout_add(&fanout, &event, channels, 1);
	}
	fanout_deliver(&fanout, 1);
	outbox_next_write(&client->out, &joiner, &len);
	outbox_consume(&client->out, len - 1);
	ok(seen == NULL, "a chunk that was written in part says nothing");
	outbox_consume(&client->out, 1);
	ok(seen != NULL && strcmp(receipt_for(seen, "ann"), "\"a\"") == 0 &&
		   strcmp(seen->channel, "c") == 0,
	   "written whole, it says what the client got");
	outbox_next_write(&staff->out, &joiner, &len);
	outbox_consume(&staff->out, len);
	ok(strcmp(receipt_for(seen, "otto"), "\"c\"") == 0, "who may see more got more");
	joiner_free(&joiner);
	receipt_unref(seen);
	fanout_free(&fanout);
	conn_doom(client);
	conn_doom(staff);
	conn_table_reap(&table);
}

int
main(void)
{
	config.outbox_max = 4 << 20;
	config.ephemeral_max = 4 << 20;
	conn_table_init(&table, &config,
					&(ConnOps){.write = nothing, .kill = nothing, .gone = gone});
	hub_init(&hub);
	test_rules();
	test_own();
	test_order();
	test_rate();
	test_fanout();
	receipt_rules_load(NULL);
	hub_free(&hub);
	return tap_done();
}
