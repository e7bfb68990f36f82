/* Layer 2: typing and cursors; layer 1: filters of types. */
#include "clock.h"
#include "ephemeral.h"
#include "fanout.h"
#include "mem.h"
#include "stats.h"
#include "tap.h"

#include <stdlib.h>

#define ROOM "tenant:t:project:1"

static Config config;
static ConnTable table;
static Hub hub;
static Ephemeral ephemeral;
static int64_t now;

static void
nothing(Conn *conn)
{
	conn->socket = NULL;
}

static void
gone(Conn *conn)
{
	ephemeral_leave(&ephemeral, conn, NULL);
	hub_unsubscribe_all(&hub, conn);
}

/* A ready connection that listens to the room. */
static Conn *
join(const char *user)
{
	Conn *conn = conn_create(&table, &table);

	conn_set_state(conn, CONN_OPEN);
	conn_set_state(conn, CONN_AUTHENTICATING);
	conn_set_identity(conn, "t", user, "");
	conn_set_state(conn, CONN_READY);
	hub_subscribe(&hub, conn, ROOM);
	return conn;
}

static void
leave(Conn *conn)
{
	conn_doom(conn);
	conn_table_reap(&table);
}

static bool
say(Conn *conn, const char *user, const char *type, const char *data)
{
	const Word word = {ROOM, user, type, data, strlen(data)};

	return ephemeral_say(&ephemeral, &word, conn, now);
}

/* What waits for the connection, as text; taken out. */
static const char *
heard(Conn *conn)
{
	static Buf text;
	size_t len;
	Joiner joiner;
	const char *bytes;

	text.len = 0;
	joiner_init(&joiner, 1 << 20);
	while ((bytes = outbox_next_write(&conn->out, &joiner, &len)) != NULL)
	{
		buf_append(&text, bytes, len);
		outbox_consume(&conn->out, len);
	}
	joiner_free(&joiner);
	for (size_t i = 0; i < text.len; i++)
		text.data[i] = text.data[i] == '\0' ? ' ' : text.data[i];
	return buf_cstr(&text);
}

/* How often a text is in another. */
static int
count(const char *text, const char *what)
{
	int n = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
		n++;
	return n;
}

/* Time passes, and what is due is done. */
static int64_t
later(int64_t ms)
{
	now += ms;
	return ephemeral_run(&ephemeral, now);
}

static void
test_rate(void)
{
	Conn *speaker = join("ann");
	Conn *listener = join("bob");
	int frames = 0;
	char data[32];
	const char *text = "";

	say(speaker, "ann", "cursor", "{\"x\":0}");
	ok(count(heard(listener), "\"x\":0}") == 1,
	   "the first word of a quiet channel goes at once");
	ok(strcmp(heard(speaker), "") == 0, "who says it does not hear it");
	/* 500 a second for two seconds */
	for (int i = 1; i <= 1000; i++)
	{
		later(2);
		snprintf(data, sizeof(data), "{\"x\":%d}", i);
		say(speaker, "ann", "cursor", data);
		text = heard(listener);
		frames += count(text, "cursor");
	}
	later(50);
	text = heard(listener);
	frames += count(text, "cursor");
	ok(frames >= 38 && frames <= 41, "of 1,000 in two seconds 40 arrive: %d", frames);
	ok(count(text, "{\"x\":1000}") == 1, "the last of them being the last");
	ok(later(50) == -1 && ephemeral.rooms.count == 0 && ephemeral.voices.count == 0,
	   "then nothing is left of it");
	leave(speaker);
	leave(listener);
}

static void
test_voices(void)
{
	Conn *ann = join("ann");
	Conn *tab = join("ann");
	Conn *bob = join("bob");
	Conn *eve = join("eve");
	const char *text;

	say(eve, "eve", "cursor", "0");
	heard(ann), heard(tab), heard(bob);
	say(ann, "ann", "cursor", "1");
	say(bob, "bob", "cursor", "2");
	say(ann, "ann", "selection", "3");
	say(ann, "ann", "cursor", "4");
	later(50);
	text = heard(eve);
	ok(count(text, "\"payload\":4") == 1 && count(text, "\"payload\":1") == 0,
	   "the next of a kind replaces it");
	ok(count(text, "\"payload\":2") == 1 && count(text, "\"payload\":3") == 1,
	   "not another's, nor another kind");
	ok(strstr(text, "\"payload\":3") < strstr(text, "\"payload\":4"),
	   "they come in the order of their last words");
	ok(count(text, "\"sender_id\":\"ann\"") == 2 &&
		   count(text, "\"ephemeral\":true") == 3,
	   "each says whose it is");
	text = heard(ann);
	ok(count(text, "payload") == 1 && count(text, "\"payload\":2") == 1,
	   "one's own are not among them");
	ok(count(heard(tab), "payload") == 3, "but at one's other connections");
	/* what is not heard any more is not said */
	say(ann, "ann", "cursor", "5");
	say(ann, "ann", "selection", "6");
	ephemeral_leave(&ephemeral, ann, ROOM);
	later(50);
	ok(strcmp(heard(eve), "") == 0, "what waits is not said for who has left");
	leave(ann);
	leave(tab);
	leave(bob);
	leave(eve);
	later(100);
	ok(ephemeral.voices.count == 0 && ephemeral.rooms.count == 0, "nobody, nothing");
}

static void
test_typing(void)
{
	Conn *ann = join("ann");
	Conn *bob = join("bob");

	say(ann, "ann", "typing_start", "{\"in\":7}");
	ok(count(heard(bob), "typing_start") == 1, "typing begins");
	for (int i = 0; i < 4; i++)
	{
		later(5000);
		say(ann, "ann", "typing_start", "{\"in\":7}");
	}
	ok(count(heard(bob), "typing_stop") == 0, "and goes on as long as that is said");
	ok(later(5999) == 1 && count(heard(bob), "typing_stop") == 0,
	   "its end is waited for");
	later(1);
	ok(strstr(heard(bob), "\"typing_stop\",\"channel\":\"" ROOM
						  "\",\"payload\":{\"in\":7},\"sender_id\":\"ann\"") != NULL,
	   "it ends by itself, with the words of its beginning");
	later(60000);
	ok(strcmp(heard(bob), "") == 0 && ephemeral.voices.count == 0, "once");

	say(ann, "ann", "typing_start", "{}");
	later(50);
	say(ann, "ann", "typing_stop", "{}");
	heard(bob);
	later(60000);
	ok(strcmp(heard(bob), "") == 0, "who says that it ended is believed");

	say(ann, "ann", "cursor", "{}");
	say(ann, "ann", "typing_stop", "{}");
	say(ann, "ann", "typing_start", "{}");
	heard(bob);
	later(50);
	ok(count(heard(bob), "typing_") == 1,
	   "stop and start within a turn are the last of both");
	leave(ann);
	later(50);
	ok(count(heard(bob), "typing_stop") == 1, "it ends with the connection");
	later(60000);
	ok(strcmp(heard(bob), "") == 0 && ephemeral.voices.count == 0, "once, too");
	leave(bob);
}

static int told;
static char last_told[64];
static int refuse_after = 1000000;

static bool
tell(void *arg, const Word *word)
{
	(void) arg;
	if (told >= refuse_after)
		return false;
	told++;
	snprintf(last_told, sizeof(last_told), "%s %s %.*s", word->user, word->type,
			 (int) word->len, word->data);
	return true;
}

/* Requests over HTTP leave as soon as they have spoken. */
static void
test_requests(void)
{
	Conn *request = join("ann");
	Conn *listener = join("bob");
	const char *text;

	say(request, "ann", "cursor", "{\"x\":1}");
	say(request, "ann", "typing_start", "{}");
	ephemeral_let_go(&ephemeral, request, ROOM);
	leave(request);
	later(50);
	text = heard(listener);
	ok(count(text, "\"x\":1") == 1 && count(text, "typing_start") == 1 &&
		   count(text, "typing_stop") == 0,
	   "what a request said is said, though it is over");
	later(5900);
	ok(count(heard(listener), "typing_stop") == 0, "who types still does");
	later(200);
	ok(count(heard(listener), "typing_stop") == 1, "until they are not heard of");
	request = join("ann");
	say(request, "ann", "typing_start", "{}");
	ephemeral_let_go(&ephemeral, request, ROOM);
	leave(request);
	request = join("ann");
	say(request, "ann", "typing_stop", "{}");
	leave(request);
	later(50);
	ok(count(heard(listener), "typing_stop") == 1, "or say so, with another request");
	leave(listener);
	later(50);
	ok(later(50) == -1 && ephemeral.voices.count == 0, "then nothing is left of it");
}

static void
test_elsewhere(void)
{
	Conn *ann = join("ann");
	Conn *bob = join("bob");

	say(ann, "ann", "cursor", "1");
	ephemeral_tell(&ephemeral, tell, NULL);
	ok(told == 0, "nobody is told when there is nobody");
	ephemeral.has_others = true;
	for (int i = 0; i < 100; i++)
		say(ann, "ann", "cursor", "2");
	say(ann, "ann", "cursor", "3");
	ephemeral_tell(&ephemeral, tell, NULL);
	ok(told == 1 && strcmp(last_told, "ann cursor 3") == 0,
	   "others are told the last word: %s", last_told);
	ephemeral_tell(&ephemeral, tell, NULL);
	ok(told == 1, "once");
	later(50);
	heard(bob);

	refuse_after = told + 1;
	say(ann, "ann", "cursor", "4");
	say(ann, "ann", "selection", "5");
	ephemeral_tell(&ephemeral, tell, NULL);
	ok(told == 2 && ephemeral.ntell == 1, "what is refused waits");
	refuse_after = 1000000;
	ephemeral_tell(&ephemeral, tell, NULL);
	ok(told == 3 && ephemeral.ntell == 0, "and is told later");
	later(50);
	later(50);
	heard(bob), heard(ann);

	/* from elsewhere */
	say(NULL, "zoe", "cursor", "6");
	ok(count(heard(ann), "\"payload\":6") == 1 && count(heard(bob), "\"payload\":6") == 1,
	   "what others tell is heard by all");
	say(NULL, "zoe", "typing_start", "{}");
	ephemeral_tell(&ephemeral, tell, NULL);
	ok(told == 3, "and not told again");
	later(50);
	heard(bob);
	later(6000 + EPHEMERAL_LATE_MS - 51);
	ok(strcmp(heard(bob), "") == 0, "their typing may go on a little longer");
	later(1);
	ok(count(heard(bob), "typing_stop") == 1,
	   "and ends when nothing more is heard of it");
	ephemeral_tell(&ephemeral, tell, NULL);
	ok(told == 3, "which is nobody else's business");

	for (int i = 0; i < 5000; i++)
	{
		char type[32];

		snprintf(type, sizeof(type), "kind%d", i);
		say(ann, "ann", type, "1");
	}
	ok(ephemeral.ntell == 4096, "what waits to be told is bounded");
	ephemeral.has_others = false;
	leave(ann);
	ok(ephemeral.ntell == 0, "and goes with the connection");
	leave(bob);
	later(100);
	later(100);
	ok(ephemeral.voices.count == 0 && ephemeral.rooms.count == 0, "nothing is left");
}

static void
test_bounds(void)
{
	Conn *ann = join("ann");
	Conn *bob = join("bob");
	char *large = mem_zalloc(EPHEMERAL_DATA_MAX + 1);
	int64_t dropped = stats.ephemeral_refused_total;
	int said = 0;

	memset(large, '1', EPHEMERAL_DATA_MAX);
	say(bob, "bob", "cursor", "0");
	for (int i = 0; i < 100; i++)
	{
		char type[32];

		snprintf(type, sizeof(type), "kind%d", i);
		said += say(ann, "ann", type, large);
	}
	ok(said == EPHEMERAL_ROOM_MAX / EPHEMERAL_DATA_MAX,
	   "a channel has room for so much: %d", said);
	ok(stats.ephemeral_refused_total - dropped == 100 - said,
	   "the rest is dropped and counted");
	later(50);
	ok(count(heard(bob), "kind") == said, "what was taken arrives");
	ok(say(ann, "ann", "cursor", "1"), "then there is room again");
	later(50);
	free(large);
	leave(ann);
	leave(bob);
	say(NULL, "zoe", "cursor", "1");
	later(50);
	later(50);
	ok(ephemeral.rooms.count == 0, "nobody listens, nothing is left");
}

static TypeFilter *
filter(const char *json)
{
	json_t *array = json_loads(json, JSON_DECODE_ANY, NULL);
	TypeFilter *made = NULL;
	const char *why = NULL;
	bool good = type_filter_read(array, &made, &why);

	json_decref(array);
	return good ? made : NULL;
}

static bool
refuses(const char *json)
{
	json_t *array = json_loads(json, JSON_DECODE_ANY, NULL);
	TypeFilter *made = NULL;
	const char *why = NULL;
	bool good = type_filter_read(array, &made, &why);

	json_decref(array);
	type_filter_unref(made);
	return !good && why != NULL;
}

static void
test_filter(void)
{
	static const char *const bad[] = {"{}",        "1",      "\"task.*\"",   "[]",
									  "[1]",       "[\"\"]", "[\"a b\"]",    "[\"*.x\"]",
									  "[\"a**\"]", "[null]", "[\"\\u00e9\"]"};
	TypeFilter *one = filter("[\"task.*\",\"cursor\"]");
	TypeFilter *same = filter("[ \"task.*\" , \"cursor\" ]");
	TypeFilter *other = filter("[\"task.*\"]");
	Buf long_one = {0};

	ok(one != NULL && one == same && one != other, "equal filters are one");
	ok(type_filter_passes(one, "task.created") && type_filter_passes(one, "cursor") &&
		   type_filter_passes(one, "task."),
	   "a name and the beginning of names pass");
	ok(!type_filter_passes(one, "task") && !type_filter_passes(one, "cursor2") &&
		   !type_filter_passes(one, "message.created") &&
		   !type_filter_passes(one, "tasks.x"),
	   "nothing else does");
	ok(type_filter_passes(NULL, "anything"), "without a filter everything passes");
	type_filter_unref(one);
	type_filter_unref(same);
	type_filter_unref(other);
	one = filter("[\"*\"]");
	ok(type_filter_passes(one, "x"), "a star alone is everything");
	type_filter_unref(one);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(refuses(bad[i]), "refused: %s", bad[i]);
	buf_puts(&long_one, "[\"a\"");
	for (int i = 0; i < TYPE_FILTER_MAX; i++)
		buf_puts(&long_one, ",\"a\"");
	buf_puts(&long_one, "]");
	ok(refuses(buf_cstr(&long_one)), "refused: too many names");
	buf_free(&long_one);
	ok(filter("null") == NULL && !refuses("null"), "null is no filter");
}

static void
test_filtered(void)
{
	Conn *all = join("ann");
	Conn *some = join("bob");
	Conn *none = join("eve");
	Fanout fanout;
	const Buf json = {(char *) (uintptr_t) "{\"type\":\"position\"}", 19, 0};
	Chunk *position = chunk_from_json(CLASS_STATE, &json, "position");
	char *channels[] = {(char *) (uintptr_t) ROOM};
	const char *text;
	static const char *const types[] = {"task.created", "message.created", "task.updated",
										"task.created"};

	hub_set_filter(hub_find_sub(some, ROOM), filter("[\"task.*\"]"));
	hub_set_filter(hub_find_sub(none, ROOM), filter("[\"quote.*\"]"));
	fanout_init(&fanout, &hub);
	for (int i = 0; i < 4; i++)
	{
		const Event event = {.id = "1",
							 .type = types[i],
							 .payload = "{}",
							 .payload_len = 2,
							 .sender_id = "x",
							 .timestamp = "1"};

		fanout_add(&fanout, &event, channels, 1);
	}
	fanout_deliver(&fanout, 1);
	fanout_finish(&fanout, position, 1);
	chunk_unref(position);
	ok(count(heard(all), "created") == 3, "who has no filter gets all");
	text = heard(some);
	ok(strstr(text, "message") == NULL && count(text, "task.created") == 2 &&
		   count(text, "task.updated") == 1 && count(text, "position") == 1,
	   "who has one gets what passes, and the position");
	ok(strcmp(heard(none), "") == 0, "who gets nothing is not told a position for it");
	fanout_free(&fanout);
	leave(none);
	leave(some);
	ok(hub_find(&hub, ROOM)->nfiltered == 0, "filters go with their subscriptions");

	some = join("bob");
	hub_set_filter(hub_find_sub(some, ROOM), filter("[\"cursor\"]"));
	say(NULL, "zoe", "note", "1");
	say(NULL, "zoe", "cursor", "2");
	later(50);
	ok(count(heard(some), "payload") == 1 && count(heard(all), "payload") == 2,
	   "ephemeral ones are filtered, too");
	leave(some);
	leave(all);
	later(50);
	later(50);
}

static bool
round_trips(const char *text)
{
	Word word;
	json_t *root;
	bool good = word_unpack(text, strlen(text), &word, &root);

	json_decref(root);
	return good;
}

static void
test_pack(void)
{
	static const char *const bad[] = {"",
									  "[]",
									  "[]\n{}",
									  "[\"c\",\"u\",\"cursor\"]",
									  "[\"c\",\"u\",\"cursor\"]\n",
									  "[\"c\",\"u\",\"cursor\"]\n{",
									  "[\"c\",\"u\",\"cursor\"]\n{}{}",
									  "[\"c\",\"u\",\"cursor\"]\n{},\"id\":\"1\"",
									  "[\"c\",\"u\",\"gap\"]\n{}",
									  "[\"c\",\"u\",\"task.created\"]\n{}",
									  "[\"c\",\"u\",\"presence:join\"]\n{}",
									  "[\"c\",1,\"cursor\"]\n{}",
									  "[\"c\",null,\"cursor\"]\n{}",
									  "[\"c\",\"u\",\"cursor\",1]\n{}",
									  "[\"c\",\"u\",\"cursor\"]\n\"\xff\""};
	const Word word = {"tenant:t:a \"b\"", "u\n1", "cursor", "{\"x\":0.10}", 10};
	Word back;
	json_t *root;
	Buf text = {0};
	char *large;

	ok(word_pack(&word, &text, 7000) && word_unpack(text.data, text.len, &back, &root),
	   "a word between gateways");
	ok(strcmp(back.channel, word.channel) == 0 && strcmp(back.user, word.user) == 0 &&
		   strcmp(back.type, "cursor") == 0 && back.len == 10 &&
		   memcmp(back.data, word.data, 10) == 0,
	   "is the same to the byte");
	json_decref(root);
	text.len = 0;
	ok(!word_pack(&word, &text, 20), "unless it is too long");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!round_trips(bad[i]), "what no gateway would have said: number %zu", i);
	text.len = 0;
	buf_puts(&text, "[\"c\",\"u\",\"cursor\"]\n");
	large = mem_zalloc(EPHEMERAL_DATA_MAX + 2);
	memset(large, '1', EPHEMERAL_DATA_MAX + 1);
	buf_puts(&text, large);
	ok(!round_trips(buf_cstr(&text)), "no word: too much data");
	free(large);
	buf_free(&text);
}

int
main(void)
{
	config.outbox_max = 4 << 20;
	config.ephemeral_max = 4 << 20;
	conn_table_init(&table, &config,
					&(ConnOps){.write = nothing, .kill = nothing, .gone = gone});
	hub_init(&hub);
	ephemeral_init(&ephemeral, &hub, 6000);
	now = 1000000;
	test_rate();
	test_voices();
	test_typing();
	test_requests();
	test_elsewhere();
	test_bounds();
	test_filter();
	test_filtered();
	test_pack();
	ephemeral_free(&ephemeral);
	hub_free(&hub);
	return tap_done();
}
