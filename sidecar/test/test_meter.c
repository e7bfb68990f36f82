/* Layers 0 and 1: figures with labels, figures of several processes, lines of the log as
 * JSON. */
#include "board.h"
#include "clock.h"
#include "logjson.h"
#include "meter.h"
#include "tap.h"

#include <jansson.h>
#include <stdlib.h>

static Meter one;
static Meter two;
static Meter sum;

static const MeterMethod *
find(const Meter *in, const char *method)
{
	for (size_t i = 0; i < METER_METHODS; i++)
	{
		if (strcmp(in->methods[i].method, method) == 0)
			return &in->methods[i];
	}
	return NULL;
}

static void
test_methods(void)
{
	const MeterMethod *other = &one.methods[METER_METHODS];
	char name[100];

	meter_call(&one, "made.up", "not_found");
	ok(find(&one, "made.up") == NULL && other->codes[0].count == 1,
	   "what never went well has no name");
	meter_call(&one, "echo", "ok");
	meter_call(&one, "echo", "not_found");
	meter_call(&one, "echo", "ok");
	ok(find(&one, "echo")->codes[0].count == 2 && find(&one, "echo")->codes[1].count == 1,
	   "what did is counted by its codes");
	for (int i = 0; i < METER_CODES + 5; i++)
	{
		snprintf(name, sizeof(name), "code%d", i);
		meter_call(&one, "echo", name);
	}
	ok(find(&one, "echo")->other == 7, "further codes are one");
	for (int i = 0; i < 10000; i++)
	{
		snprintf(name, sizeof(name), "real.%d", i);
		meter_call(&one, name, "ok");
	}
	ok(find(&one, "real.198") != NULL && find(&one, "real.199") == NULL &&
		   other->codes[1].count == 10000 - 199,
	   "further methods are one");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	meter_call(&two, name, "ok");
	meter_call(&two, "", "ok");
	ok(two.methods[0].method[0] == '\0' && two.methods[METER_METHODS].codes[0].count == 2,
	   "names that are none count as others");
}

static void
test_sums(void)
{
	meter_call(&two, "echo", "ok");
	histogram_observe(&two.delivery, -5);
	histogram_observe(&two.delivery, 1);
	histogram_observe(&two.delivery, 2);
	histogram_observe(&two.delivery, 1000000);
	meter_close(&two, 4401);
	meter_close(&two, 1234);
	meter_add(&sum, &one);
	meter_add(&sum, &two);
	ok(find(&sum, "echo")->codes[0].count == 3, "methods meet by their names");
	ok(sum.methods[METER_METHODS].codes[0].count +
			   sum.methods[METER_METHODS].codes[1].count ==
		   1 + (10000 - 199) + 2,
	   "others add up");
	ok(sum.delivery.buckets[0] == 2 && sum.delivery.buckets[1] == 1 &&
		   sum.delivery.buckets[METER_BUCKETS - 1] == 1 && sum.delivery.sum_ms == 1000003,
	   "each latency is in one bucket, a negative one is none");
	ok(sum.closes[7] == 1 && strcmp(meter_close_label(7), "4401") == 0, "closes by code");
	ok(meter_close_label(METER_CLOSES) == NULL, "and no further labels");
}

static void
test_board(void)
{
	Stats total;

	clock_set_for_test(1000, 0);
	board_make(2);
	board_take(1);
	stats.frames_in_total = 5;
	stats.connections = 3;
	stats.database_up = 1;
	board_publish(WORKER_READY);
	board_take(2);
	stats.frames_in_total = 7;
	stats.connections = 4;
	stats.feed_lag_ms = 90;
	board_publish(WORKER_WAITING);
	board_sum(&total, &sum);
	ok(total.frames_in_total == 12 && total.connections == 7, "figures add up");
	ok(total.database_up == 1 && total.feed_lag_ms == 90,
	   "but of a state the worst counts");
	ok(board_count(WORKER_READY) == 1 && board_count(WORKER_WAITING) == 1 &&
		   board_workers() == 2,
	   "who is how");
	clock_set_for_test(1600, 0);
	ok(board_silence(1) == 600, "and since when nothing was heard");
	board_retire(1);
	board_sum(&total, &sum);
	ok(total.frames_in_total == 12 && total.connections == 4,
	   "counters of who is gone stay, connections do not");
	ok(board_state(1) == WORKER_GONE, "and it is gone");
	board_take(1);
	memset(&stats, 0, sizeof(stats));
	board_publish(WORKER_READY);
	board_sum(&total, &sum);
	ok(total.frames_in_total == 12 && total.database_up == 0,
	   "its successor begins at 0");
	clock_set_for_test(-1, -1);
}

/* Is {"a":1 and these pairs} an object with that value under that name? */
static void
pairs(const char *text, const char *name, const char *value)
{
	Buf out = {0};
	json_t *object;
	const char *found;

	buf_puts(&out, "{\"a\":1");
	logjson_pairs(&out, text);
	buf_puts(&out, "}");
	object = json_loads(buf_cstr(&out), 0, NULL);
	found = json_string_value(json_object_get(object, name));
	ok(object != NULL && strchr(out.data, '\n') == NULL &&
		   (value == NULL || (found != NULL && strcmp(found, value) == 0)),
	   "%s", buf_cstr(&out));
	json_decref(object);
	buf_free(&out);
}

static void
test_log_json(void)
{
	unsigned seed = 7;

	pairs("", "a", NULL);
	pairs("x=y z=-", "x", "y");
	pairs("x=\"y z\" k=\"\"", "x", "y z");
	pairs("x=\"say \\\"hi\\\" and \\\\\" k=1", "x", "say \"hi\" and \\");
	pairs("x=\"two\nlines\tand\x01\"", "x", "two\nlines\tand\x01");
	pairs("x=\"cut", "x", "cut");
	pairs("x=\"cut\\", "x", "cut\\");
	pairs("x=\"\xff\xc3\"", "x", "\xef\xbf\xbd\xef\xbf\xbd");
	pairs("x=\"\xed\xa0\x80\"", "x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	pairs("x=\"\xf0\x9f\x98\x80\"", "x", "\xf0\x9f\x98\x80");
	pairs("x=0123 y=12345678901234567890", "x", "0123");
	pairs("x=-0 y=--1 z=1e5 w=-", NULL, NULL);
	pairs("=1 = a==b", NULL, NULL);
	for (int round = 0; round < 2000; round++)
	{
		char text[64];
		Buf out = {0};
		json_t *object;

		for (size_t i = 0; i < sizeof(text) - 1; i++)
			text[i] = "ab=\"\\ \n\xff\xe2\x80\x7f{}"[rand_r(&seed) % 14];
		text[sizeof(text) - 1] = '\0';
		buf_puts(&out, "{\"a\":1");
		logjson_pairs(&out, text);
		buf_puts(&out, "}");
		object = json_loads(buf_cstr(&out), 0, NULL);
		if (object == NULL || memchr(out.data, '\n', out.len) != NULL)
			ok(false, "round %d: %s", round, buf_cstr(&out));
		json_decref(object);
		buf_free(&out);
	}
	ok(true, "2000 random lines");
}

int
main(void)
{
	test_methods();
	test_sums();
	test_board();
	test_log_json();
	return tap_done();
}
