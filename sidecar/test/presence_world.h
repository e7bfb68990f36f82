/*
 * presence_world.h: three gateways and their database, as naively as can be.
 *
 * A gateway keeps nothing but its connections, the database a row for each gateway,
 * room and user. Beside each runs the real thing, told the same; whether both say the
 * same is for test_presence_lives.c.
 */
#ifndef WRK_PRESENCE_WORLD_H
#define WRK_PRESENCE_WORLD_H

#include "presence.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	return (PresenceState){pick(2), (PresenceStatus) pick(3), pick(2), metas[pick(4)],
						   NULL};
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
			presence_linger(here->place, "s", here->until, now);
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

#endif
