/*
 * Presence: its rules, one by one. Random lives are in test_presence_lives.c.
 */
#include "mem.h"
#include "presence.h"
#include "tap.h"

#include <jansson.h>
#include <stdlib.h>

#define ROOM "tenant:t:presence:project/1"

static const PresenceState nothing_said;

static PresenceState
says(PresenceStatus status, const char *meta)
{
	return (PresenceState){true, status, meta != NULL, meta, NULL};
}

static PresencePlace *
enter(Presence *presence, List *owner, const char *user, PresenceState state,
	  int64_t wall)
{
	return presence_enter(presence_room(presence, "t", ROOM), owner, user, user, &state,
						  wall);
}

/* What is announced now, as "join=... update=... leave=..." with only ids, status,
 * connections. */
static const char *
announced(Presence *presence, int64_t now)
{
	static char text[512];
	PresenceChanges changes = {0};
	PresenceRoom *room = presence_find(presence, ROOM);
	const Buf *const all[] = {&changes.join, &changes.update, &changes.leave};

	presence_announce(room, now, &changes);
	text[0] = '\0';
	for (int i = 0; i < 3; i++)
	{
		Buf array = {0};
		size_t index;
		json_t *user;
		json_t *list;

		buf_printf(&array, "[%.*s]", (int) all[i]->len, all[i]->len ? all[i]->data : "");
		list = json_loads(buf_cstr(&array), 0, NULL);
		json_array_foreach(list, index, user)
		{
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%c%s:%s:%d ",
					 "+~-"[i], json_string_value(json_object_get(user, "id")),
					 json_string_value(json_object_get(user, "status")),
					 (int) json_integer_value(json_object_get(user, "connections")));
		}
		json_decref(list);
		buf_free(&array);
	}
	presence_changes_free(&changes);
	return text;
}

/* How many changes are to be written; they are. */
static size_t
written(Presence *presence)
{
	Buf json = {0};
	size_t count = presence_take(presence, &json, 100000, SIZE_MAX);

	presence_written(presence, PRESENCE_WRITTEN);
	buf_free(&json);
	return count;
}

static void
test_tabs(void)
{
	Presence presence;
	List one;
	List two;
	PresencePlace *first;
	PresencePlace *second;
	const Buf *list;
	Buf text = {0};

	presence_init(&presence);
	list_init(&one);
	list_init(&two);
	presence_watch(presence_room(&presence, "t", ROOM));
	first = enter(&presence, &one, "ann", says(PRESENCE_AWAY, "{\"a\":1}"), 10);
	ok(strcmp(announced(&presence, 0), "+ann:away:1 ") == 0, "who comes is announced");
	second = enter(&presence, &two, "ann", says(PRESENCE_IDLE, NULL), 11);
	ok(strcmp(announced(&presence, 0), "~ann:idle:2 ") == 0,
	   "a second tab is the same member, and the best status counts");
	list = presence_list(presence_find(&presence, ROOM));
	buf_append(&text, list->data, list->len);
	ok(strstr(buf_cstr(&text), "\"meta\":{}") != NULL, "and the latest meta");
	buf_free(&text);
	ok(written(&presence) == 1, "two tabs are one row");
	presence_leave(second, 12);
	ok(strcmp(announced(&presence, 0), "~ann:away:1 ") == 0, "one tab is left");
	presence_set(first, &nothing_said, 13);
	presence_set(first, &(PresenceState){true, PRESENCE_AWAY, true, "{\"a\":1}", NULL},
				 14);
	ok(list_is_empty(&presence.due), "to say the same again is nothing to announce");
	written(&presence);
	ok(written(&presence) == 0, "nor to write");
	presence_leave(first, 15);
	ok(strcmp(announced(&presence, 0), "-ann:offline:0 ") == 0, "the last one leaves");
	ok(written(&presence) == 1, "and the row is taken away");
	presence_unwatch(presence_find(&presence, ROOM));
	ok(presence.rooms.count == 0 && presence.nplaces == 0, "nothing is left");
	presence_free(&presence);
}

static void
test_grace(void)
{
	Presence presence;
	List conn;
	PresencePlace *place;

	presence_init(&presence);
	list_init(&conn);
	presence_watch(presence_room(&presence, "t", ROOM));
	place = enter(&presence, &conn, "ann", says(PRESENCE_IDLE, "{\"a\":1}"), 10);
	announced(&presence, 0);
	written(&presence);
	presence_linger(place, "s", 1000, 20);
	ok(list_is_empty(&presence.due) && written(&presence) == 0,
	   "a connection that is lost is no news");
	ok(presence_expire(&presence, 999) == 1000, "it may come back for a while");
	place = enter(&presence, &conn, "ann", nothing_said, 30);
	ok(strcmp(announced(&presence, 0), "") == 0 && written(&presence) == 0,
	   "who comes back within it is as before, for everybody and the database");
	ok(place->status == PRESENCE_IDLE && presence_expire(&presence, 5000) == 0,
	   "and lingers no more");
	presence_linger(place, "s", 6000, 40);
	ok(presence_expire(&presence, 6000) == 0, "it does not come back");
	ok(strcmp(announced(&presence, 0), "-ann:offline:0 ") == 0 && written(&presence) == 1,
	   "then it has left");
	presence_unwatch(presence_find(&presence, ROOM));
	ok(presence.rooms.count == 0, "nothing is left");
	presence_free(&presence);
}

/* A place of a page that lingers. */
static PresencePlace *
lingering(Presence *presence, List *owner, const char *page, PresenceStatus status,
		  const char *meta)
{
	PresenceState state = {true, status, true, meta, page};
	PresencePlace *place = enter(presence, owner, "ann", state, 10);

	presence_linger(place, "s", 1000, 20);
	return place;
}

/* Who comes back to several places takes the right one. */
static void
test_pages(void)
{
	Presence presence;
	List conn;
	PresencePlace *one;
	PresencePlace *two;
	PresenceState state = {true, PRESENCE_IDLE, false, NULL, "p2"};

	presence_init(&presence);
	list_init(&conn);
	one = lingering(&presence, &conn, "p1", PRESENCE_IDLE, "{\"a\":1}");
	two = lingering(&presence, &conn, "p2", PRESENCE_AWAY, NULL);
	ok(one != two, "a page does not take another page's place");
	ok(enter(&presence, &conn, "ann", state, 30) == two,
	   "but its own, whatever it says now");
	presence_linger(two, "s", 1000, 40);
	ok(enter(&presence, &conn, "ann", says(PRESENCE_IDLE, "{\"a\":1}"), 50) == one &&
		   one->page == NULL,
	   "who is no page takes the one of which nothing new is said");
	presence_let_go(presence_find(&presence, ROOM), "ann", "p3", 60);
	ok(presence.nplaces == 2, "a page lets go of no place of another");
	presence_let_go(presence_find(&presence, ROOM), "ann", "p2", 60);
	presence_let_go(presence_find(&presence, ROOM), "bob", "p2", 60);
	ok(presence.nplaces == 1, "but of its own, at once");
	presence_free(&presence);
}

/* The version of a room's list. */
static const char *
version(const Presence *presence)
{
	static char text[16][32];
	static int next;
	Buf json = {0};
	char *copy = text[next++ % 16];

	presence_append_version(presence_find(presence, ROOM), &json);
	snprintf(copy, sizeof(text[0]), "%s", buf_cstr(&json));
	buf_free(&json);
	return copy;
}

/* A list is the same wherever and in whatever order it was told. */
static void
test_version(void)
{
	Presence here;
	Presence there;
	List conns;
	PresencePlace *bob;
	const char *before;

	presence_init(&here);
	presence_init(&there);
	list_init(&conns);
	presence_watch(presence_room(&here, "t", ROOM));
	presence_watch(presence_room(&there, "t", ROOM));
	enter(&here, &conns, "ann", says(PRESENCE_IDLE, NULL), 1);
	announced(&here, 0);
	before = version(&here);
	bob = enter(&here, &conns, "bob", says(PRESENCE_AWAY, "{\"b\":2}"), 2);
	ok(strcmp(version(&here), before) == 0, "what was not told changes no version");
	announced(&here, 0);
	enter(&there, &conns, "bob", says(PRESENCE_AWAY, "{\"b\":2}"), 7);
	enter(&there, &conns, "ann", says(PRESENCE_IDLE, NULL), 8);
	announced(&there, 0);
	ok(strcmp(version(&here), version(&there)) == 0 &&
		   strcmp(version(&here), before) != 0,
	   "the same list has the same version, when and wherever it came to be");
	presence_set(bob, &(PresenceState){true, PRESENCE_IDLE, false, NULL, NULL}, 9);
	announced(&here, 0);
	ok(strcmp(version(&here), version(&there)) != 0, "another status, another version");
	presence_leave(bob, 10);
	announced(&here, 0);
	ok(strcmp(version(&here), before) == 0, "and back");
	presence_free(&here);
	presence_free(&there);
}

static void
test_elsewhere(void)
{
	const PresenceElsewhere there = {"Ann", PRESENCE_ACTIVE, NULL, 2, 5};
	Presence presence;
	List conn;
	PresenceRoom *room;
	PresencePlace *place;

	presence_init(&presence);
	list_init(&conn);
	room = presence_room(&presence, "t", ROOM);
	presence_watch(room);
	place = enter(&presence, &conn, "ann", says(PRESENCE_AWAY, NULL), 10);
	announced(&presence, 0);
	written(&presence);
	presence_others_begin(room);
	presence_others_say(room, "ann", &there);
	presence_others_say(room, "bob", &there);
	presence_others_end(room, false);
	ok(strcmp(announced(&presence, 0), "+bob:active:2 ~ann:active:3 ") == 0 ||
		   strcmp(announced(&presence, 0), "") == 0,
	   "what is elsewhere is added");
	ok(written(&presence) == 0, "and is not ours to write");
	presence_leave(place, 20);
	ok(strcmp(announced(&presence, 0), "~ann:active:2 ") == 0,
	   "who leaves here and is elsewhere has not left");
	presence_others_begin(room);
	presence_others_end(room, true);
	ok(strcmp(announced(&presence, 0), "") == 0,
	   "what others do not say yet does not count for a while");
	presence_others_begin(room);
	presence_others_end(room, false);
	ok(strstr(announced(&presence, 0), "-bob:offline:0 ") != NULL,
	   "a gateway that is lost takes its members along");
	written(&presence);
	presence_unwatch(room);
	ok(presence.rooms.count == 0, "nothing is left");
	presence_free(&presence);
}

static void
test_crowd(void)
{
	Presence presence;
	List conns;
	size_t frames = 0;
	size_t writes = 0;
	Buf json = {0};

	presence_init(&presence);
	list_init(&conns);
	presence_watch(presence_room(&presence, "t", ROOM));
	for (int i = 0; i < 1000; i++)
	{
		char user[16];

		snprintf(user, sizeof(user), "u%d", i);
		enter(&presence, &conns, user, nothing_said, i);
		if (i % 100 == 0)
		{
			frames += announced(&presence, i)[0] == '+';
			writes += presence_take(&presence, &json, 1000, SIZE_MAX) > 0;
			presence_written(&presence, PRESENCE_WRITTEN);
		}
	}
	frames += announced(&presence, 1000)[0] == '+';
	ok(frames == 11 && writes == 10, "1,000 who come in a second are 11 frames");
	ok(presence_sync(presence_find(&presence, ROOM)) ==
		   presence_sync(presence_find(&presence, ROOM)),
	   "and their list is laid out once for all");
	buf_free(&json);
	presence_free(&presence);
}

int
main(void)
{
	test_tabs();
	test_grace();
	test_pages();
	test_version();
	test_elsewhere();
	test_crowd();
	return tap_done();
}
