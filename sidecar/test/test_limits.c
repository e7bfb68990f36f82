/* Layers 1 and 2: token windows, and who may have how much. */
#include "clock.h"
#include "lanes.h"
#include "limits.h"
#include "mem.h"
#include "stats.h"
#include "tap.h"

#include <stdlib.h>

static Config config;
static Limits limits;
static const LimitValues none;

/* Every limit off, but for what a test sets. */
static void
begin(void)
{
	memset(&config, 0, sizeof(config));
	limits_init(&limits, &config);
	stats = (Stats){0};
}

static bool
person(Seat *seat, const char *tenant, const char *user, int64_t now)
{
	LimitHit hit;

	return limits_identify(&limits, seat, tenant, user, &none, now, &hit);
}

static bool
admit(Seat *seat, LimitClass limit_class, int64_t now, LimitHit *hit)
{
	return limits_admit(&limits, seat, limit_class, now, hit);
}

static void
test_window(void)
{
	const Window window = {30, 60000};
	Bucket bucket = {0};
	int taken = 0;

	while (window_wait(&bucket, &window, 1000) == 0)
	{
		window_take(&bucket, &window);
		taken++;
	}
	ok(taken == 30, "so many at once as the window has");
	ok(window_wait(&bucket, &window, 1000) == 2000, "then says when one is back");
	ok(window_wait(&bucket, &window, 2999) == 1 &&
		   window_wait(&bucket, &window, 3000) == 0,
	   "not a moment before, but then");
	ok(window_wait(&bucket, &(Window){10, 60000}, 3000) > 0,
	   "a window that became smaller holds at once");
}

static void
test_rates(void)
{
	Seat ann = {0};
	Seat tab = {0};
	Seat bob = {0};
	Seat foreign = {0};
	LimitHit hit;

	begin();
	config.user_calls_second = 3;
	config.tenant_calls_minute = 5;
	person(&ann, "t", "ann", 0);
	person(&tab, "t", "ann", 0);
	person(&bob, "t", "bob", 0);
	person(&foreign, "u", "ann", 0);
	ok(admit(&ann, CLASS_OF_CALLS, 0, &hit) && admit(&tab, CLASS_OF_CALLS, 0, &hit) &&
		   admit(&ann, CLASS_OF_CALLS, 0, &hit),
	   "a user may n times");
	ok(!admit(&tab, CLASS_OF_CALLS, 0, &hit) && hit.is_rate && hit.retry_ms == 334 &&
		   strcmp(hit.limit, "user_calls_second") == 0,
	   "but not once more, whatever the connection");
	ok(admit(&ann, CLASS_OF_OTHERS, 0, &hit), "another class has its own");
	ok(admit(&bob, CLASS_OF_CALLS, 0, &hit) && admit(&bob, CLASS_OF_CALLS, 0, &hit),
	   "another user has their own");
	ok(!admit(&bob, CLASS_OF_CALLS, 0, &hit) && hit.retry_ms == 12000 &&
		   strcmp(hit.limit, "tenant_calls_minute") == 0,
	   "all of a tenant together have theirs");
	ok(admit(&foreign, CLASS_OF_CALLS, 0, &hit),
	   "a user of that name elsewhere is another");
	for (int i = 0; i < 100; i++)
		admit(&bob, CLASS_OF_CALLS, 0, &hit);
	ok(admit(&bob, CLASS_OF_CALLS, 12000, &hit),
	   "what was refused took nothing: after retry_ms it goes");
	limits_leave(&limits, &ann, 0);
	limits_leave(&limits, &tab, 0);
	limits_leave(&limits, &bob, 0);
	limits_leave(&limits, &foreign, 0);
	limits_free(&limits);
}

static void
test_coming_back(void)
{
	Seat ann = {0};
	LimitHit hit;

	begin();
	config.user_calls_minute = 1;
	person(&ann, "t", "ann", 0);
	ok(admit(&ann, CLASS_OF_CALLS, 0, &hit), "the one call of a minute");
	limits_leave(&limits, &ann, 1000);
	person(&ann, "t", "ann", 1000);
	ok(!admit(&ann, CLASS_OF_CALLS, 1000, &hit) && hit.retry_ms == 59000,
	   "leaving and coming back gains none");
	limits_leave(&limits, &ann, 2000);
	limits_sweep(&limits, 61999);
	ok(limits.users.map.count == 1, "it is remembered for a minute");
	limits_sweep(&limits, 62000);
	ok(limits.users.map.count == 0 && limits.tenants.map.count == 0 && stats.quotas == 0,
	   "and then forgotten");
	person(&ann, "t", "ann", 70000);
	limits_leave(&limits, &ann, 70000);
	ok(stats.quotas == 0, "who did nothing leaves nothing behind");
	limits_free(&limits);
}

static void
test_bounded(void)
{
	char user[16];
	LimitHit hit;

	begin();
	config.user_calls_minute = 1;
	for (int i = 0; i < 3 * QUOTAS_REMEMBERED; i++)
	{
		Seat seat = {0};

		snprintf(user, sizeof(user), "u%d", i);
		person(&seat, "t", user, i);
		admit(&seat, CLASS_OF_CALLS, i, &hit);
		limits_leave(&limits, &seat, i);
	}
	ok(limits.users.map.count == QUOTAS_REMEMBERED, "however many come and go");
	limits_free(&limits);
	ok(stats.quotas == 0, "all are freed");
}

static void
test_connections(void)
{
	Seat seats[4] = {0};
	LimitHit hit;

	begin();
	config.user_connections = 2;
	config.tenant_connections = 3;
	ok(person(&seats[0], "t", "ann", 0) && person(&seats[1], "t", "ann", 0) &&
		   !limits_identify(&limits, &seats[2], "t", "ann", &none, 0, &hit) &&
		   strcmp(hit.limit, "user_connections") == 0 && !hit.is_rate,
	   "n connections of a user, not one more");
	ok(seats[2].tenant == NULL && person(&seats[2], "t", "bob", 0) &&
		   !limits_identify(&limits, &seats[3], "t", "cid", &none, 0, &hit) &&
		   strcmp(hit.limit, "tenant_connections") == 0,
	   "n of a tenant, not one more");
	limits_leave(&limits, &seats[0], 0);
	ok(person(&seats[3], "t", "ann", 0), "one left, one may come");
	for (int i = 1; i < 4; i++)
		limits_leave(&limits, &seats[i], 0);
	limits_free(&limits);
}

static void
test_names(void)
{
	Seat one = {0};
	Seat other = {0};

	begin();
	config.user_connections = 1;
	ok(person(&one, "a", "1:b", 0) && person(&other, "a1", ":b", 0) &&
		   one.user != other.user,
	   "no two users share a key, whatever their names");
	limits_leave(&limits, &one, 0);
	limits_leave(&limits, &other, 0);
	limits_free(&limits);
}

static void
test_addresses(void)
{
	Seat seats[5] = {0};
	LimitHit hit;

	begin();
	config.address_connections = 2;
	config.address_strangers = 3;
	config.strangers_max = 4;
	for (int i = 0; i < 3; i++)
		limits_enter(&limits, &seats[i], "192.0.2.1", 0, &hit);
	ok(limits_stay(&limits, &seats[0], 0, &hit) == false &&
		   strcmp(hit.limit, "address_connections") == 0,
	   "too many of an address");
	ok(!limits_enter(&limits, &seats[3], "192.0.2.1", 0, &hit) &&
		   strcmp(hit.limit, "address_strangers") == 0,
	   "too many nobodies of an address");
	person(&seats[0], "t", "ann", 0);
	ok(limits_enter(&limits, &seats[3], "192.0.2.1", 0, &hit),
	   "somebody is none of them");
	limits_enter(&limits, &seats[4], "198.51.100.7", 0, &hit);
	ok(limits.strangers == 4 &&
		   !limits_enter(&limits, &(Seat){0}, "203.0.113.9", 0, &hit) &&
		   strcmp(hit.limit, "strangers_max") == 0,
	   "too many of all");
	limits_leave(&limits, &seats[1], 0);
	limits_leave(&limits, &seats[2], 0);
	ok(limits_stay(&limits, &seats[3], 0, &hit), "when they have left, it may");
	ok(limits_enter(&limits, &seats[4], "203.0.113.9", 0, &hit) &&
		   limits.addresses.map.count == 2 && limits.strangers == 2,
	   "who turns out to be behind a proxy moves");
	for (int i = 0; i < 5; i++)
		limits_leave(&limits, &seats[i], 0);
	ok(limits.strangers == 0 && stats.quotas == 0, "and nothing is left");
	limits_enter(&limits, &seats[0], "2001:db8:1:2::1", 0, &hit);
	limits_enter(&limits, &seats[1], "2001:db8:1:2:ffff::9", 0, &hit);
	limits_enter(&limits, &seats[2], "2001:db8:1:3::1", 0, &hit);
	ok(seats[0].address == seats[1].address && seats[0].address != seats[2].address,
	   "a network of 64 bits of IPv6 is one address");
	for (int i = 0; i < 3; i++)
		limits_leave(&limits, &seats[i], 0);
	limits_free(&limits);
}

static void
test_requests(void)
{
	Seat seat = {0};
	Ticket tickets[3];
	LimitHit hit;

	begin();
	config.user_requests = 2;
	person(&seat, "t", "ann", 0);
	limits_begin(&limits, &seat, &tickets[0], &hit);
	limits_begin(&limits, &seat, &tickets[1], &hit);
	ok(!limits_begin(&limits, &seat, &tickets[2], &hit) &&
		   strcmp(hit.limit, "user_requests") == 0,
	   "n requests, not one more");
	limits_leave(&limits, &seat, 0);
	person(&seat, "t", "ann", 0);
	ok(!limits_begin(&limits, &seat, &tickets[2], &hit),
	   "requests of a connection that left still count");
	limits_end(&tickets[0], 0);
	ok(limits_begin(&limits, &seat, &tickets[2], &hit), "until they are answered");
	limits_leave(&limits, &seat, 0);
	limits_end(&tickets[1], 0);
	limits_end(&tickets[2], 0);
	ok(stats.quotas == 0, "the last one out frees the counters");
	limits_free(&limits);
}

static void
test_own_values(void)
{
	Seat one = {0};
	Seat two = {0};
	LimitValues own = {0};
	LimitHit hit;

	begin();
	config.subscriptions_max = 50;
	config.tenant_connections = 10;
	limits_note(&own, "subscriptions_max", 7);
	limits_note(&own, "tenant_connections", 1);
	limits_note(&own, "no_such_limit", 1);
	ok(limits_identify(&limits, &one, "t", "ann", &own, 0, &hit) &&
		   !limits_identify(&limits, &two, "t", "bob", &own, 0, &hit),
	   "a tenant's own value holds from its first connection on");
	own.value[LIMIT_tenant_connections] = 0;
	ok(limits_identify(&limits, &two, "t", "bob", &own, 0, &hit), "0 is no limit");
	ok(limits_value(&limits, &one, LIMIT_subscriptions_max) == 7, "all of it share them");
	own.value[LIMIT_subscriptions_max] = 9;
	limits_set_own(&two, &own);
	ok(limits_value(&limits, &one, LIMIT_subscriptions_max) == 9,
	   "a change is every connection's at once");
	limits_set_own(&one, &none);
	ok(limits_value(&limits, &two, LIMIT_subscriptions_max) == 50 &&
		   limits_value(&limits, &two, LIMIT_tenant_connections) == 10,
	   "without any the settings hold");
	config.subscriptions_max = 60;
	ok(limits_value(&limits, &two, LIMIT_subscriptions_max) == 60,
	   "a changed setting holds at once");
	limits_leave(&limits, &one, 0);
	limits_leave(&limits, &two, 0);
	limits_free(&limits);
}

static void
test_bans(void)
{
	Seat ann = {0};
	Seat stranger = {0};
	Seat neighbour = {0};
	LimitHit hit;
	int64_t ms = 0;

	begin();
	config.ban_after = 3;
	config.ban_time = 60000;
	person(&ann, "t", "ann", 0);
	ok(!limits_strike(&limits, &ann, 0, &ms) && !limits_strike(&limits, &ann, 1, &ms) &&
		   limits_strike(&limits, &ann, 2, &ms) && ms == 60000,
	   "the third time is once too often");
	limits_leave(&limits, &ann, 2);
	ok(!limits_identify(&limits, &ann, "t", "ann", &none, 3, &hit) && hit.is_ban &&
		   hit.retry_ms == 59999,
	   "a ban outlives the connection");
	limits_sweep(&limits, 60001);
	ok(person(&ann, "t", "ann", 60002), "and ends");
	limits_leave(&limits, &ann, 60002);
	limits_enter(&limits, &stranger, "192.0.2.1", 0, &hit);
	limits_enter(&limits, &neighbour, "192.0.2.1", 0, &hit);
	person(&neighbour, "t", "bob", 0);
	for (int i = 0; i < 5; i++)
		ok(!limits_strike(&limits, &stranger, 0, &ms),
		   "an address with people on it is never banned");
	limits_leave(&limits, &neighbour, 0);
	for (int i = 0; i < 3; i++)
		limits_strike(&limits, &stranger, 0, &ms);
	ok(!limits_stay(&limits, &stranger, 0, &hit) && hit.is_ban, "one without is");
	limits_leave(&limits, &stranger, 0);
	limits_free(&limits);
}

/* The key of the lane whose turn it is, whose item is then done. */
static char
next_turn(Lanes *lanes)
{
	Lane *lane = list_entry(lanes->turn.next, Lane, in_turn);
	char key = lane->key[0];

	free(lanes_take(lanes, lane));
	lanes_settle(lanes, lane);
	return key;
}

static bool
add(Lanes *lanes, const char *key)
{
	Lane *lane = lanes_get(lanes, key);
	LaneItem *item;

	if (!lanes_have_room(lanes, lane))
	{
		lanes_settle(lanes, lane);
		return false;
	}
	item = mem_zalloc(sizeof(LaneItem));
	list_init(&item->node);
	lanes_add(lanes, lane, item);
	return true;
}

static void
test_lanes(void)
{
	Lanes lanes;
	char order[8] = "";
	int filled = 0;

	lanes_init(&lanes, 100);
	for (const char *key = "aaabbc"; *key; key++)
		add(&lanes, (char[]){*key, 0});
	for (int i = 0; i < 6; i++)
		order[i] = next_turn(&lanes);
	ok(strcmp(order, "abcaba") == 0, "lanes take turns: %s", order);
	ok(lanes.map.count == 0 && lanes.length == 0, "an empty lane is gone");
	while (add(&lanes, "a"))
		filled++;
	ok(filled == 100, "one lane may fill the queue");
	ok(add(&lanes, "b"), "another still finds room");
	while (add(&lanes, "b"))
		filled++;
	ok(lanes_get(&lanes, "b")->length == 33, "for its share");
	for (int i = 0; i < 1000; i++)
		add(&lanes, (char[]){(char) ('c' + i % 60), 0});
	ok(lanes.length <= 200, "there is an end to it: %d", (int) lanes.length);
	ok(lanes_others_wait(&lanes, lanes_get(&lanes, "a")), "others wait");
	while (lanes.length > 0)
		next_turn(&lanes);
	lanes_free(&lanes);
}

/* Who does not wait for its turn leaves the others theirs. */
static void
test_leaving_a_lane(void)
{
	Lanes lanes;
	Lane *lane;
	char order[4] = "";

	lanes_init(&lanes, 100);
	for (const char *key = "aabcc"; *key; key++)
		add(&lanes, (char[]){*key, 0});
	for (const char *key = "bc"; *key; key++)
	{
		LaneItem *last;

		lane = lanes_get(&lanes, (char[]){*key, 0});
		last = list_entry(lane->waiting.prev, LaneItem, node);
		lanes_remove(&lanes, lane, last);
		lanes_settle(&lanes, lane);
		free(last);
	}
	ok(lanes.length == 3 && lanes.nturn == 2 && lanes.map.count == 2,
	   "a lane left by all is gone");
	for (int i = 0; i < 3; i++)
		order[i] = next_turn(&lanes);
	ok(strcmp(order, "aca") == 0, "and the others keep their turns: %s", order);
	lanes_free(&lanes);
}

int
main(void)
{
	test_lanes();
	test_leaving_a_lane();
	test_window();
	test_rates();
	test_coming_back();
	test_bounded();
	test_connections();
	test_names();
	test_addresses();
	test_requests();
	test_own_values();
	test_bans();
	return tap_done();
}
