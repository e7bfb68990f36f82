/*
 * Presence: rules one by one, then random lives of three gateways and their database
 * against a model that keeps nothing but the connections (WRK_SEED, WRK_ROUNDS).
 */
#include "mem.h"
#include "presence.h"
#include "tap.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define ROOM "tenant:t:presence:project/1"

static const PresenceState nothing_said;

static PresenceState
says(PresenceStatus status, const char *meta)
{
	return (PresenceState){true, status, meta != NULL, meta};
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

	presence_init(&presence);
	list_init(&one);
	list_init(&two);
	presence_watch(presence_room(&presence, "t", ROOM));
	first = enter(&presence, &one, "ann", says(PRESENCE_AWAY, "{\"a\":1}"), 10);
	ok(strcmp(announced(&presence, 0), "+ann:away:1 ") == 0, "who comes is announced");
	second = enter(&presence, &two, "ann", says(PRESENCE_IDLE, NULL), 11);
	ok(strcmp(announced(&presence, 0), "~ann:idle:2 ") == 0,
	   "a second tab is the same member, and the best status counts");
	ok(strstr(presence_list(presence_find(&presence, ROOM))->data, "\"meta\":{}") != NULL,
	   "and the latest meta");
	ok(written(&presence) == 1, "two tabs are one row");
	presence_leave(second, 12);
	ok(strcmp(announced(&presence, 0), "~ann:away:1 ") == 0, "one tab is left");
	presence_set(first, &nothing_said, 13);
	presence_set(first, &(PresenceState){true, PRESENCE_AWAY, true, "{\"a\":1}"}, 14);
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
	presence_linger(place, 1000, 20);
	ok(list_is_empty(&presence.due) && written(&presence) == 0,
	   "a connection that is lost is no news");
	ok(presence_expire(&presence, 999) == 1000, "it may come back for a while");
	place = enter(&presence, &conn, "ann", nothing_said, 30);
	ok(strcmp(announced(&presence, 0), "") == 0 && written(&presence) == 0,
	   "who comes back within it is as before, for everybody and the database");
	ok(place->status == PRESENCE_IDLE && presence_expire(&presence, 5000) == 0,
	   "and lingers no more");
	presence_linger(place, 6000, 40);
	ok(presence_expire(&presence, 6000) == 0, "it does not come back");
	ok(strcmp(announced(&presence, 0), "-ann:offline:0 ") == 0 && written(&presence) == 1,
	   "then it has left");
	presence_unwatch(presence_find(&presence, ROOM));
	ok(presence.rooms.count == 0, "nothing is left");
	presence_free(&presence);
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

/* ------------------------------------------------------------ random lives */

#define NODES 3
#define ROOMS 2
#define USERS 4
#define CONNS 8
#define GRACE 50

static const char *const rooms[ROOMS] = {"tenant:t:presence:a/1",
										 "tenant:t:presence:b/2"};
static const char *const users[USERS] = {"ann", "bob", "cat", "dan"};
static const char *const metas[] = {NULL, "{\"x\":1}", "{\"x\":2}", "{}"};

/* One connection in one room, as naively as can be. */
typedef struct Here
{
	bool used;
	int room;
	int user;
	PresenceStatus status;
	const char *meta;
	int64_t at;
	int64_t until;
	PresencePlace *place;
	List owner;
} Here;

/* A row of the database. */
typedef struct Row
{
	bool used;
	int status;
	int connections;
	char meta[16];
	bool has_meta;
	int64_t at;
} Row;

/* One of these for each gateway, and what its clients know. */
typedef struct Node
{
	Presence presence;
	int64_t stamp;
	Here here[CONNS];
	bool watched[ROOMS];
	json_t *client[ROOMS]; /* user -> object */
	Row rows[ROOMS][USERS];
	Row dead[ROOMS][USERS]; /* of the one before it, not swept yet */
	bool amnesia;           /* the database forgot; others may not be back */
} Node;

static Node nodes[NODES];
static int64_t now;
static bool sound;

static int
pick(int n)
{
	return (int) (random() % n);
}

static void
expect(bool condition, const char *what)
{
	if (!condition && sound)
	{
		sound = false;
		printf("# %s\n", what);
	}
}

static int
index_of(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

static int64_t
stamp(Node *node)
{
	node->stamp = now > node->stamp ? now : node->stamp + 1;
	return node->stamp;
}

/* Changes the naive connection as the state says. */
static void
say_naively(Node *node, Here *here, const PresenceState *state)
{
	bool other = (state->has_status && state->status != here->status) ||
				 (state->has_meta && strcmp(state->meta ? state->meta : "",
											here->meta ? here->meta : "") != 0);

	if (state->has_status)
		here->status = state->status;
	if (state->has_meta)
		here->meta = state->meta;
	if (other)
		here->at = stamp(node);
}

static PresenceState
random_state(void)
{
	return (PresenceState){pick(2), (PresenceStatus) pick(3), pick(2), metas[pick(4)]};
}

/* The user's connection that lingers and came first, or a free slot. */
static void
do_enter(Node *node)
{
	int room = pick(ROOMS);
	int user = pick(USERS);
	PresenceState state = random_state();
	PresencePlace *place;
	List owner;
	Here *here = NULL;

	for (int i = 0; i < CONNS; i++)
	{
		Here *slot = &node->here[i];

		if (slot->used && slot->room == room && slot->user == user && slot->until)
			here = NULL, i = CONNS; /* found below, by the place that was taken */
		else if (!slot->used)
			here = slot;
	}
	list_init(&owner);
	if (here == NULL)
	{
		bool lingers = false;

		for (int i = 0; i < CONNS; i++)
			lingers |= node->here[i].used && node->here[i].room == room &&
					   node->here[i].user == user && node->here[i].until;
		if (!lingers)
			return;
	}
	place = presence_enter(presence_room(&node->presence, "t", rooms[room]), &owner,
						   users[user], users[user], &state, now);
	for (int i = 0; i < CONNS; i++)
	{
		if (node->here[i].used && node->here[i].place == place)
			here = &node->here[i];
	}
	if (!here->used)
	{
		*here = (Here){.used = true, .room = room, .user = user, .at = stamp(node)};
		here->place = place;
	}
	here->until = 0;
	list_remove(&place->in_owner);
	list_init(&here->owner);
	list_push_tail(&here->owner, &place->in_owner);
	say_naively(node, here, &state);
}

static void
do_change(Node *node)
{
	Here *here = &node->here[pick(CONNS)];
	PresenceState state = random_state();

	if (!here->used || here->until)
		return;
	switch (pick(3))
	{
		case 0:
			presence_set(here->place, &state, now);
			say_naively(node, here, &state);
			break;
		case 1:
			presence_leave(here->place, now);
			here->used = false;
			break;
		case 2:
			here->until = now + GRACE;
			presence_linger(here->place, here->until, now);
			break;
	}
}

static void
pass_time(void)
{
	now += pick(30);
	for (int n = 0; n < NODES; n++)
	{
		presence_expire(&nodes[n].presence, now);
		for (int i = 0; i < CONNS; i++)
		{
			Here *here = &nodes[n].here[i];

			if (here->used && here->until && here->until <= now)
				here->used = false;
		}
	}
}

/* The database takes a batch, as wrk.gateway_presence() does. */
static void
store(Node *node, const char *text)
{
	json_t *list = json_loads(text, 0, NULL);
	json_t *change;
	size_t i;

	expect(list != NULL, "what is to be written is JSON");
	json_array_foreach(list, i, change)
	{
		int room =
			index_of(rooms, ROOMS, json_string_value(json_object_get(change, "channel")));
		int user =
			index_of(users, USERS, json_string_value(json_object_get(change, "user")));
		Row *row = &node->rows[room][user];
		const char *meta = json_string_value(json_object_get(change, "meta"));

		*row = (Row){0};
		row->connections =
			(int) json_integer_value(json_object_get(change, "connections"));
		row->used = row->connections > 0;
		row->status = (int) json_integer_value(json_object_get(change, "status"));
		row->at = json_integer_value(json_object_get(change, "at"));
		row->has_meta = meta != NULL;
		snprintf(row->meta, sizeof(row->meta), "%s", meta ? meta : "");
	}
	json_decref(list);
}

static size_t
do_write(Node *node, bool may_fail)
{
	Buf json = {0};
	size_t count = presence_take(&node->presence, &json, 1 + (size_t) pick(5), 200);
	bool lost = may_fail && pick(4) == 0;

	if (!lost || pick(2))
		store(node, buf_cstr(&json));
	/* life goes on meanwhile */
	if (may_fail)
		do_change(node);
	presence_written(&node->presence, lost ? PRESENCE_UNKNOWN : PRESENCE_WRITTEN);
	buf_free(&json);
	return count;
}

/* Adds a row of another gateway to what is said of the user. */
static void
add_row(PresenceElsewhere *all, const Row *row)
{
	const char *meta = row->has_meta ? row->meta : NULL;

	if (!row->used)
		return;
	if (all->connections == 0 || (PresenceStatus) row->status < all->status)
		all->status = (PresenceStatus) row->status;
	if (all->connections == 0 || row->at > all->at ||
		(row->at == all->at && strcmp(meta ? meta : "", all->meta ? all->meta : "") > 0))
	{
		all->meta = meta;
		all->at = row->at;
	}
	all->connections += (uint32_t) row->connections;
}

/* The gateway reads what the others have, as wrk.gateway_present() tells it. */
static void
do_read(Node *node, int room)
{
	PresenceRoom *r = presence_find(&node->presence, rooms[room]);

	if (r == NULL || !r->watched)
		return;
	presence_others_begin(r);
	for (int user = 0; user < USERS; user++)
	{
		PresenceElsewhere all = {.name = users[user]};

		for (int n = 0; n < NODES; n++)
		{
			if (&nodes[n] != node)
				add_row(&all, &nodes[n].rows[room][user]);
			add_row(&all, &nodes[n].dead[room][user]);
		}
		if (all.connections > 0)
			presence_others_say(r, users[user], &all);
	}
	presence_others_end(r, node->amnesia);
}

/* What the client makes of one kind of change. */
static void
apply(json_t *client, const Buf *elements, char kind)
{
	Buf array = {0};
	json_t *list;
	json_t *user;
	size_t i;

	buf_printf(&array, "[%.*s]", (int) elements->len,
			   elements->len ? elements->data : "");
	list = json_loads(buf_cstr(&array), 0, NULL);
	expect(list != NULL, "what is announced is JSON");
	json_array_foreach(list, i, user)
	{
		const char *id = json_string_value(json_object_get(user, "id"));
		json_t *known = json_object_get(client, id);

		expect((known != NULL) == (kind != '+'),
			   "each kind of change for whom it is for");
		if (known != NULL && kind == '~')
		{
			json_t *same = json_deep_copy(user);

			json_object_set(same, "lastSeen", json_object_get(known, "lastSeen"));
			expect(!json_equal(same, known), "an update changes something");
			json_decref(same);
		}
		if (kind == '-')
			json_object_del(client, id);
		else
			json_object_set(client, id, user);
	}
	json_decref(list);
	buf_free(&array);
}

/* The list as a client would have it. */
static json_t *
client_of(PresenceRoom *room)
{
	json_t *client = json_object();
	json_t *list = json_loads(buf_cstr((Buf *) (uintptr_t) presence_list(room)), 0, NULL);
	json_t *user;
	size_t i;

	expect(list != NULL, "the list is JSON");
	json_array_foreach(list, i, user)
	{
		json_object_set(client, json_string_value(json_object_get(user, "id")), user);
	}
	json_decref(list);
	return client;
}

static void
do_announce(Node *node, int room)
{
	PresenceRoom *r = presence_find(&node->presence, rooms[room]);
	PresenceChanges changes = {0};
	json_t *list;

	if (r == NULL || !node->watched[room])
		return;
	presence_announce(r, now, &changes);
	apply(node->client[room], &changes.leave, '-');
	apply(node->client[room], &changes.join, '+');
	apply(node->client[room], &changes.update, '~');
	list = client_of(r);
	expect(json_equal(list, node->client[room]),
		   "the changes lead from the earlier list to the one of now");
	json_decref(list);
	presence_changes_free(&changes);
}

static void
do_watch(Node *node, int room)
{
	PresenceRoom *r;

	node->watched[room] = !node->watched[room];
	json_decref(node->client[room]);
	node->client[room] = NULL;
	if (!node->watched[room])
	{
		presence_unwatch(presence_find(&node->presence, rooms[room]));
		return;
	}
	r = presence_room(&node->presence, "t", rooms[room]);
	presence_watch(r);
	node->client[room] = client_of(r);
}

/* kill -9: another process takes its place, its rows stay for a while. */
static void
do_kill(Node *node)
{
	for (int room = 0; room < ROOMS; room++)
	{
		for (int user = 0; user < USERS; user++)
		{
			if (!node->dead[room][user].used)
				node->dead[room][user] = node->rows[room][user];
			node->rows[room][user].used = false;
		}
		json_decref(node->client[room]);
		node->client[room] = NULL;
		node->watched[room] = false;
	}
	presence_free(&node->presence);
	presence_init(&node->presence);
	memset(node->here, 0, sizeof(node->here));
	node->stamp = 0;
}

/* The server crashed: its tables are empty, and each gateway finds out. */
static void
do_crash(void)
{
	for (int n = 0; n < NODES; n++)
	{
		memset(nodes[n].rows, 0, sizeof(nodes[n].rows));
		memset(nodes[n].dead, 0, sizeof(nodes[n].dead));
		presence_forgotten(&nodes[n].presence);
		nodes[n].amnesia = true;
	}
}

/* Everything that is under way arrives. */
static void
settle(void)
{
	for (int n = 0; n < NODES; n++)
	{
		memset(nodes[n].dead, 0, sizeof(nodes[n].dead));
		nodes[n].amnesia = false;
		while (do_write(&nodes[n], false) > 0)
			;
	}
	for (int n = 0; n < NODES; n++)
	{
		for (int room = 0; room < ROOMS; room++)
		{
			do_read(&nodes[n], room);
			do_announce(&nodes[n], room);
		}
	}
}

/* Is what a client knows of a user what all the connections make? */
static bool
is_true(const json_t *known, int room, int user)
{
	PresenceElsewhere all = {0};
	const char *status;
	char *meta;
	bool same;

	for (int n = 0; n < NODES; n++)
	{
		for (int i = 0; i < CONNS; i++)
		{
			const Here *here = &nodes[n].here[i];
			Row row = {true, (int) here->status, 1, "", here->meta != NULL, here->at};

			if (!here->used || here->room != room || here->user != user)
				continue;
			snprintf(row.meta, sizeof(row.meta), "%s", here->meta ? here->meta : "");
			if (all.connections == 0 || here->at > all.at ||
				(here->at == all.at && strcmp(row.meta, all.meta ? all.meta : "") > 0))
			{
				all.meta = here->meta;
				all.at = here->at;
			}
			if (all.connections == 0 || here->status < all.status)
				all.status = here->status;
			all.connections++;
		}
	}
	if (all.connections == 0 || known == NULL)
		return all.connections == 0 && known == NULL;
	status = json_string_value(json_object_get(known, "status"));
	meta = json_dumps(json_object_get(known, "meta"), JSON_COMPACT);
	same = strcmp(status, presence_status_name(all.status)) == 0 &&
		   json_integer_value(json_object_get(known, "connections")) == all.connections &&
		   strcmp(meta, all.meta ? all.meta : "{}") == 0;
	free(meta);
	return same;
}

static void
check_truth(void)
{
	for (int n = 0; n < NODES; n++)
	{
		for (int room = 0; room < ROOMS; room++)
		{
			for (int user = 0; user < USERS && nodes[n].watched[room]; user++)
				expect(is_true(json_object_get(nodes[n].client[room], users[user]), room,
							   user),
					   "every client knows what is so");
		}
	}
}

static void
random_step(void)
{
	Node *node = &nodes[pick(NODES)];
	int room = pick(ROOMS);

	switch (pick(40))
	{
		case 0:
			do_kill(node);
			break;
		case 1:
			do_crash();
			break;
		case 2:
		case 3:
			do_watch(node, room);
			break;
		case 4:
		case 5:
		case 6:
			pass_time();
			break;
		case 7:
			memset(node->dead, 0, sizeof(node->dead)); /* swept */
			break;
		default:
			switch (pick(5))
			{
				case 0:
					do_enter(node);
					break;
				case 1:
					do_change(node);
					break;
				case 2:
					do_write(node, true);
					break;
				case 3:
					do_read(node, room);
					break;
				case 4:
					do_announce(node, room);
					break;
			}
	}
}

/* Everybody goes, and nothing must be left. */
static void
end_lives(void)
{
	for (int n = 0; n < NODES; n++)
	{
		for (int i = 0; i < CONNS; i++)
		{
			if (nodes[n].here[i].used && !nodes[n].here[i].until)
				presence_leave(nodes[n].here[i].place, now);
			nodes[n].here[i].used = false;
		}
		presence_expire(&nodes[n].presence, INT64_MAX);
	}
	settle();
	check_truth();
	for (int n = 0; n < NODES; n++)
	{
		for (int room = 0; room < ROOMS; room++)
		{
			if (nodes[n].watched[room])
				do_watch(&nodes[n], room);
		}
		expect(nodes[n].presence.rooms.count == 0 && nodes[n].presence.nplaces == 0,
			   "when everybody has gone nothing is left");
		presence_free(&nodes[n].presence);
	}
}

static void
test_random(unsigned seed, int rounds)
{
	sound = true;
	for (int life = 0; life < rounds && sound; life++)
	{
		srandom(seed + (unsigned) life);
		memset(nodes, 0, sizeof(nodes));
		now = 1;
		for (int n = 0; n < NODES; n++)
			presence_init(&nodes[n].presence);
		for (int i = 0; i < 400 && sound; i++)
		{
			random_step();
			if (i % 50 == 49)
			{
				settle();
				check_truth();
			}
		}
		if (!sound)
			printf("# seed %u\n", seed + (unsigned) life);
		end_lives();
	}
	ok(sound, "%d random lives of three gateways: the model says what is so", rounds);
}

int
main(void)
{
	const char *seed = getenv("WRK_SEED");
	const char *rounds = getenv("WRK_ROUNDS");

	test_tabs();
	test_grace();
	test_elsewhere();
	test_crowd();
	test_random(seed ? (unsigned) atoi(seed) : (unsigned) time(NULL),
				rounds ? atoi(rounds) : 500);
	return tap_done();
}
