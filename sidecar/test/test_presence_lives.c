/*
 * Presence: random lives of three gateways and their database against a model that
 * keeps nothing but the connections (WRK_SEED, WRK_ROUNDS).
 */
#include "mem.h"
#include "presence_world.h"
#include "tap.h"

#include <inttypes.h>
#include <time.h>

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

	test_random(seed ? (unsigned) atoi(seed) : (unsigned) time(NULL),
				rounds ? atoi(rounds) : 500);
	return tap_done();
}
