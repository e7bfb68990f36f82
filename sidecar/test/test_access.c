/* News of access, and subscriptions that it suspends. */
#include "access.h"
#include "clock.h"
#include "hub.h"
#include "opened.h"
#include "tap.h"

#include <stdlib.h>

static Config config;
static ConnTable table;
static Hub hub;

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

static void
test_matching(void)
{
	AccessNews news = {0};

	ok(!access_is_about(&news, "t1") && !access_names(&news, "t1", "ann", "s"),
	   "no news is about nobody");
	access_add(&news, "{\"tenant\":\"t1\",\"users\":[\"ann\",\"\"],\"sessions\":[\"s1\"],"
					  "\"channels\":[\"tenant:t1:project:4\"]}");
	ok(news.any && !news.all, "names are not everybody");
	ok(access_is_about(&news, "t1") && !access_is_about(&news, "t2"), "one tenant");
	ok(access_names(&news, "t1", "ann", ""), "a user");
	ok(access_names(&news, "t1", "", "x"), "a service without a user");
	ok(access_names(&news, "t1", "bob", "s1"), "a session");
	ok(!access_names(&news, "t1", "bob", "") && !access_names(&news, "t2", "ann", "s1"),
	   "nobody else, and nobody of the same name elsewhere");
	ok(access_names_channel(&news, "t1", "tenant:t1:project:4"), "a channel");
	ok(access_names_channel(&news, "t1", "tenant:t1:presence:project/4"),
	   "and who is in it");
	ok(!access_names_channel(&news, "t1", "tenant:t1:project:42") &&
		   !access_names_channel(&news, "t1", "tenant:t1:presence:project/42") &&
		   !access_names_channel(&news, "t1", "tenant:t1:presence:") &&
		   !access_names_channel(&news, "t1", "global") &&
		   !access_names_channel(&news, "t1", ""),
	   "no other channel");
	access_add(&news, "{\"tenant\":\"t2\"}");
	ok(access_names(&news, "t2", "eve", "") && !access_names(&news, "t1", "bob", ""),
	   "a tenant as a whole");
	access_add(&news, "{\"sessions\":[\"s9\"]}");
	ok(access_is_about(&news, "t7") && access_names(&news, "t7", "x", "s9") &&
		   !access_names(&news, "t7", "x", "s1"),
	   "a session of any tenant");
	access_free(&news);
	ok(!news.any && !access_is_about(&news, "t1"), "forgotten");
}

static void
test_doubt(void)
{
	static const char *const payloads[] = {"",
										   "[]",
										   "5",
										   "{}",
										   "null",
										   "{\"all\":true}",
										   "{\"tenant\":5}",
										   "{\"tenant\":\"t1\",\"users\":\"ann\"}",
										   "{\"tenant\":\"t1\",\"users\":[1]}",
										   "{\"tenant\":\"t1\",\"channels\":{}}",
										   "{\"users\":[\"ann\"]}",
										   "{\"channels\":[\"global\"]}",
										   "{\"tenant\":\"t1\"",
										   NULL};

	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
	{
		AccessNews news = {0};

		access_add(&news, payloads[i]);
		ok(news.all && access_names(&news, "t9", "x", ""), "%s concerns everybody",
		   payloads[i] ? payloads[i] : "(null)");
		access_free(&news);
	}
}

static void
test_many(void)
{
	AccessNews news = {0};
	char payload[128];

	for (int i = 0; i < 5000; i++)
	{
		snprintf(payload, sizeof(payload), "{\"tenant\":\"t%d\",\"users\":[\"u%d\"]}",
				 i % 7, i);
		access_add(&news, payload);
	}
	ok(access_names(&news, "t0", "u4999", "") == (4999 % 7 == 0) &&
		   access_names(&news, "t1", "u4999", "") == (4999 % 7 == 1),
	   "thousands of names");
	access_free(&news);
}

/* Hands the channel a chunk of this length. */
static void
deliver(Sub *sub, size_t len)
{
	char bytes[256] = {0};
	Chunk *chunk = chunk_new(CLASS_CRITICAL, bytes, len, 1, NULL);

	sub_deliver(sub, chunk);
	chunk_unref(chunk);
}

static Conn *
somebody(void)
{
	Conn *conn = conn_create(&table, NULL);

	conn_set_state(conn, CONN_OPEN);
	conn_set_state(conn, CONN_AUTHENTICATING);
	conn_set_identity(conn, "t1", "ann", "");
	conn_set_state(conn, CONN_READY);
	return conn;
}

static void
test_suspended(void)
{
	Conn *conn = somebody();
	Sub *sub = hub_subscribe(&hub, conn, "tenant:t1:project:4");

	deliver(sub, 1);
	ok(conn->out.bytes == 1 && conn->npending == 0, "flows");
	sub_suspend(sub);
	sub_suspend(sub);
	deliver(sub, 2);
	ok(conn->out.bytes == 1 && conn->npending == 1, "held while suspended, once counted");
	sub_resume(sub);
	ok(conn->out.bytes == 3 && conn->npending == 0, "and released");
	sub_suspend(sub);
	deliver(sub, 4);
	sub_forget_held(sub);
	sub_resume(sub);
	ok(conn->out.bytes == 3, "or forgotten");
	conn_doom(conn);
	conn_table_reap(&table);
}

static void
test_suspended_and_replayed(void)
{
	Conn *conn = somebody();
	Sub *sub = hub_subscribe(&hub, conn, "tenant:t1:project:4");

	sub_suspend(sub);
	deliver(sub, 1); /* the replay will have it */
	sub_set_pending(sub);
	deliver(sub, 2);
	sub_release(sub, true);
	ok(conn->out.bytes == 0 && sub->nheld == 1 && sub->held_bytes == 2,
	   "a replay releases nothing of a suspended one, and takes what it covered");
	deliver(sub, 4);
	sub_resume(sub);
	ok(conn->out.bytes == 6 && conn->npending == 0, "what came behind it flows later");
	sub_set_pending(sub);
	sub_suspend(sub);
	deliver(sub, 8);
	sub_resume(sub);
	ok(conn->out.bytes == 6 && conn->npending == 1, "still waits for its replay");
	sub_release(sub, false);
	ok(conn->out.bytes == 14 && conn->npending == 0, "and flows without one");
	sub_suspend(sub);
	sub_set_broken(sub, true);
	hub_unsubscribe(&hub, sub);
	ok(conn->npending == 0, "whoever leaves waits for nothing");
	conn_doom(conn);
	conn_table_reap(&table);
}

static void
test_opened(void)
{
	Opened opened;

	ok(opened_read(&opened, "{\"tenant\":\"t\",\"user\":{\"id\":\"u\"},\"session\":\"s\","
							"\"audience\":\"5\",\"expiresAt\":7,\"limits\":{}}") &&
		   opened.mask == 5 && opened.expires_at == 7 && strcmp(opened.sid, "s") == 0 &&
		   strcmp(opened.user, "u") == 0 && opened.limits != NULL,
	   "who a token stands for");
	opened_free(&opened);
	ok(opened_read(&opened, "{\"tenant\":\"t\",\"user\":{\"id\":null},\"session\":null,"
							"\"expiresAt\":null}") &&
		   opened.mask == 0 && opened.expires_at == 0 && *opened.sid == '\0' &&
		   *opened.user == '\0',
	   "a service without a session");
	opened_free(&opened);
	ok(!opened_read(&opened, "{\"user\":{}}"), "nobody without a tenant");
	opened_free(&opened);
	ok(!opened_read(&opened, NULL) && !opened_read(&opened, "["), "nonsense");
	opened_free(&opened);
}

int
main(void)
{
	const ConnOps ops = {.write = write_nothing, .kill = kill_socket, .gone = gone};

	config.outbox_max = 65536;
	config.ephemeral_max = 1024;
	conn_table_init(&table, &config, &ops);
	hub_init(&hub);
	test_matching();
	test_doubt();
	test_many();
	test_suspended();
	test_suspended_and_replayed();
	test_opened();
	hub_free(&hub);
	conn_table_free(&table);
	return tap_done();
}
