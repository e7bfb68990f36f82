/*
 * presence.c: see presence.h; rooms, members and places. What is said about them is in
 * presence_tell.c, what is written in presence_write.c.
 */
#include "presence.h"

#include "mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------- rooms */

void
presence_init(Presence *presence)
{
	*presence = (Presence){0};
	list_init(&presence->due);
	list_init(&presence->stale);
	list_init(&presence->unwritten);
	list_init(&presence->flight);
	list_init(&presence->lingering);
}

PresenceRoom *
presence_find(const Presence *presence, const char *channel)
{
	return strmap_get(&presence->rooms, channel);
}

PresenceRoom *
presence_room(Presence *presence, const char *tenant, const char *channel)
{
	PresenceRoom *room = presence_find(presence, channel);
	size_t size = strlen(channel) + 1;

	if (room != NULL)
		return room;
	room = mem_zalloc(sizeof(PresenceRoom) + size);
	memcpy(room->name, channel, size);
	room->presence = presence;
	room->tenant = mem_strdup(tenant);
	list_init(&room->changed);
	list_init(&room->in_due);
	list_init(&room->in_stale);
	room->announced_at = INT64_MIN / 2;
	strmap_add(&presence->rooms, room->name, room);
	return room;
}

static void
free_room(PresenceRoom *room)
{
	strmap_remove(&room->presence->rooms, room->name);
	list_remove(&room->in_due);
	list_remove(&room->in_stale);
	strmap_free(&room->members);
	buf_free(&room->list);
	if (room->sync != NULL)
		chunk_unref(room->sync);
	free(room->tenant);
	free(room);
}

/* Nobody is there and nobody looks. */
static void
settle_room(PresenceRoom *room)
{
	if (room->members.count == 0 && !room->watched)
		free_room(room);
}

/* ------------------------------------------------------------------ members */

static PresenceMember *
get_member(PresenceRoom *room, const char *user)
{
	PresenceMember *member = strmap_get(&room->members, user);
	size_t size = strlen(user) + 1;

	if (member != NULL)
		return member;
	member = mem_zalloc(sizeof(PresenceMember) + size);
	memcpy(member->user, user, size);
	member->room = room;
	list_init(&member->in_changed);
	list_init(&member->in_unwritten);
	list_init(&member->in_flight);
	list_init(&member->places);
	strmap_add(&room->members, member->user, member);
	return member;
}

static void
free_member(PresenceMember *member)
{
	strmap_remove(&member->room->members, member->user);
	list_remove(&member->in_changed);
	list_remove(&member->in_unwritten);
	list_remove(&member->in_flight);
	free(member->meta);
	free(member->name);
	free(member->announced);
	free(member);
}

/* Frees a member that has nothing left. */
static void
settle_member(PresenceMember *member)
{
	if (member->nplaces == 0 && member->connections == 0 && member->announced == NULL &&
		member->written == 0 && !list_is_linked(&member->in_flight) &&
		!list_is_linked(&member->in_unwritten))
		free_member(member);
}

void
presence_settle(PresenceMember *member)
{
	PresenceRoom *room = member->room;

	settle_member(member);
	settle_room(room);
}

/* It may have to be announced. */
static void
mark_changed(PresenceMember *member)
{
	PresenceRoom *room = member->room;

	if (!room->watched)
		return;
	if (!list_is_linked(&member->in_changed))
		list_push_tail(&room->changed, &member->in_changed);
	if (!list_is_linked(&room->in_due))
		list_push_tail(&room->presence->due, &room->in_due);
}

/* Something of ours may have changed. */
static void
touch(PresenceMember *member)
{
	mark_changed(member);
	presence_check_written(member);
}

void
presence_rename(PresenceMember *member, const char *name)
{
	if (name == member->name ||
		(name != NULL && member->name != NULL && strcmp(name, member->name) == 0))
		return;
	free(member->name);
	member->name = name ? mem_strdup(name) : NULL;
	touch(member);
}

/* ------------------------------------------------------------------- places */

/* A time that no other place has, so that one of them is the latest. */
static int64_t
next_stamp(Presence *presence, int64_t wall)
{
	presence->stamp = wall > presence->stamp ? wall : presence->stamp + 1;
	return presence->stamp;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void
set_text(char **to, const char *text)
{
	free(*to);
	*to = text ? mem_strdup(text) : NULL;
}

void
presence_set(PresencePlace *place, const PresenceState *state, int64_t wall)
{
	PresenceMember *member = place->member;
	bool other_status = state->has_status && state->status != place->status;
	bool other_meta = state->has_meta && !same_text(place->meta, state->meta);

	if (!other_status && !other_meta)
		return;
	if (other_status)
		place->status = state->status;
	if (other_meta)
		set_text(&place->meta, state->meta);
	place->at = next_stamp(member->room->presence, wall);
	member->seen_at = place->at;
	touch(member);
}

/* How well a place that lingers suits somebody who says this; 0 = it is another's. */
static int
suits(const PresencePlace *place, const PresenceState *state)
{
	bool same_page = same_text(place->page, state->page);
	bool as_said = (!state->has_status || state->status == place->status) &&
				   (!state->has_meta || same_text(place->meta, state->meta));

	if (!same_page && place->page != NULL && state->page != NULL)
		return 0;
	return 1 + 2 * same_page + as_said;
}

/* A place of the user whose connection is gone; NULL when there is none. */
static PresencePlace *
find_lingering(const PresenceMember *member, const PresenceState *state)
{
	PresencePlace *found = NULL;
	int best = 0;

	list_foreach(node, following, &member->places)
	{
		PresencePlace *place = list_entry(node, PresencePlace, in_member);

		if (place->until != 0 && suits(place, state) > best)
		{
			found = place;
			best = suits(place, state);
		}
	}
	return found;
}

/* A new place, active and without meta. */
static PresencePlace *
add_place(PresenceMember *member, int64_t wall)
{
	PresencePlace *place = mem_zalloc(sizeof(PresencePlace));

	place->member = member;
	list_init(&place->in_owner);
	list_push_tail(&member->places, &place->in_member);
	member->nplaces++;
	member->room->presence->nplaces++;
	place->at = next_stamp(member->room->presence, wall);
	member->seen_at = place->at;
	return place;
}

PresencePlace *
presence_enter(PresenceRoom *room, List *owner, const char *user, const char *name,
			   const PresenceState *state, int64_t wall)
{
	PresenceMember *member = get_member(room, user);
	PresencePlace *place = find_lingering(member, state);

	if (place == NULL)
		place = add_place(member, wall);
	list_remove(&place->in_owner);
	place->until = 0;
	set_text(&place->sid, NULL);
	set_text(&place->page, state->page);
	presence_set(place, state, wall);
	list_push_tail(owner, &place->in_owner);
	presence_rename(member, name);
	touch(member);
	return place;
}

static void
free_place(PresencePlace *place)
{
	free(place->meta);
	free(place->page);
	free(place->sid);
	free(place);
}

/* Takes the place away and tells whom it concerns; the room may be gone then. */
static void
remove_place(PresencePlace *place)
{
	PresenceMember *member = place->member;

	list_remove(&place->in_member);
	list_remove(&place->in_owner);
	member->nplaces--;
	member->room->presence->nplaces--;
	free_place(place);
	touch(member);
	presence_settle(member);
}

void
presence_leave(PresencePlace *place, int64_t wall)
{
	if (place->until == 0 && wall > place->member->seen_at)
		place->member->seen_at = wall;
	remove_place(place);
}

void
presence_linger(PresencePlace *place, const char *sid, int64_t until, int64_t wall)
{
	Presence *presence = place->member->room->presence;

	list_remove(&place->in_owner);
	set_text(&place->sid, sid);
	place->until = until;
	place->member->seen_at = wall;
	list_push_tail(&presence->lingering, &place->in_owner);
}

void
presence_let_go(const PresenceRoom *room, const char *user, const char *page,
				int64_t wall)
{
	const PresenceState state = {.page = page};
	const PresenceMember *member = strmap_get(&room->members, user);
	PresencePlace *place = member ? find_lingering(member, &state) : NULL;

	if (place != NULL)
		presence_leave(place, wall);
}

int64_t
presence_expire(Presence *presence, int64_t now)
{
	while (!list_is_empty(&presence->lingering))
	{
		PresencePlace *place =
			list_entry(presence->lingering.next, PresencePlace, in_owner);

		if (place->until > now)
			return place->until;
		remove_place(place);
	}
	return 0;
}

/* ---------------------------------------------------------------- elsewhere */

void
presence_set_stale(PresenceRoom *room)
{
	if (!list_is_linked(&room->in_stale))
		list_push_tail(&room->presence->stale, &room->in_stale);
}

void
presence_others_begin(PresenceRoom *room)
{
	room->round++;
}

void
presence_others_say(PresenceRoom *room, const char *user,
					const PresenceElsewhere *elsewhere)
{
	PresenceMember *member = get_member(room, user);

	member->round = room->round;
	member->connections = elsewhere->connections;
	member->status = elsewhere->status;
	member->at = elsewhere->at;
	if (!same_text(member->meta, elsewhere->meta))
	{
		free(member->meta);
		member->meta = elsewhere->meta ? mem_strdup(elsewhere->meta) : NULL;
	}
	/* ours is at least as new as that of another gateway */
	if (member->nplaces == 0)
		presence_rename(member, elsewhere->name);
	mark_changed(member);
}

/* Nobody else has the user. */
static void
forget_elsewhere(PresenceMember *member)
{
	if (member->connections == 0)
		return;
	if (member->at > member->seen_at)
		member->seen_at = member->at;
	member->connections = 0;
	free(member->meta);
	member->meta = NULL;
	mark_changed(member);
}

/* Members of the room, to be looked at while some are freed; freed by the caller. */
static PresenceMember **
all_members(const PresenceRoom *room, size_t *count)
{
	PresenceMember **members = mem_alloc((room->members.count + 1) * sizeof(*members));
	PresenceMember *member;
	size_t position = 0;

	*count = 0;
	while ((member = strmap_next(&room->members, &position)) != NULL)
		members[(*count)++] = member;
	return members;
}

void
presence_others_end(PresenceRoom *room, bool keep)
{
	size_t count;
	PresenceMember **members = all_members(room, &count);

	for (size_t i = 0; i < count && !keep; i++)
	{
		if (members[i]->round == room->round)
			continue;
		forget_elsewhere(members[i]);
		settle_member(members[i]);
	}
	free(members);
	room->known = true;
	settle_room(room);
}

/* ----------------------------------------------------------------- watching */

void
presence_watch(PresenceRoom *room)
{
	PresenceMember *member;
	size_t position = 0;

	if (room->watched)
		return;
	room->watched = true;
	while ((member = strmap_next(&room->members, &position)) != NULL)
		mark_changed(member);
	/* nobody is there to be told: it only becomes the list */
	presence_announce(room, room->announced_at, NULL);
}

/* Forgets what was told of somebody and what is elsewhere; that may be all there is. */
static void
unwatch_member(PresenceMember *member)
{
	list_remove(&member->in_changed);
	free(member->announced);
	member->announced = NULL;
	forget_elsewhere(member);
	settle_member(member);
}

void
presence_unwatch(PresenceRoom *room)
{
	size_t count;
	PresenceMember **members = all_members(room, &count);

	room->watched = false;
	room->known = false;
	room->version = 0;
	list_remove(&room->in_due);
	list_remove(&room->in_stale);
	buf_free(&room->list);
	if (room->sync != NULL)
		chunk_unref(room->sync);
	room->sync = NULL;
	for (size_t i = 0; i < count; i++)
		unwatch_member(members[i]);
	free(members);
	settle_room(room);
}

/* Everything, whoever is there. */
void
presence_free(Presence *presence)
{
	PresenceRoom *room;
	size_t position = 0;

	while ((room = strmap_next(&presence->rooms, &position)) != NULL)
	{
		size_t count;
		PresenceMember **members = all_members(room, &count);

		for (size_t i = 0; i < count; i++)
		{
			list_foreach(node, following, &members[i]->places)
			{
				PresencePlace *place = list_entry(node, PresencePlace, in_member);

				list_remove(&place->in_owner);
				free_place(place);
			}
			free_member(members[i]);
		}
		free(members);
		free_room(room);
		position = 0; /* the map has moved */
	}
	strmap_free(&presence->rooms);
}
