/*
 * presence_write.c: what the database has of this gateway's members, and what it is yet
 * to be told; see presence.h.
 *
 * A member keeps a hash of what was written. In a gateway's life it is written when it
 * comes, when it goes and when its state becomes another one: what came back to what it
 * was meanwhile is not written at all.
 */
#include "presence.h"

#include <inttypes.h>

#define NOTHING 0   /* the database has no row of it, or is to have none */
#define UNCERTAIN 1 /* it may have another one */
#define FIRST_HASH 2

const PresencePlace *
presence_latest(const PresenceMember *member)
{
	const PresencePlace *latest = NULL;

	list_foreach(node, following, &member->places)
	{
		const PresencePlace *place = list_entry(node, PresencePlace, in_member);

		if (latest == NULL || place->at > latest->at)
			latest = place;
	}
	return latest;
}

/* Appends what the database is to have of the member. */
static void
append_change(const PresenceMember *member, Buf *json)
{
	const PresencePlace *latest = presence_latest(member);
	PresenceStatus best = PRESENCE_AWAY;

	buf_puts(json, "{\"channel\":");
	buf_json_string(json, member->room->name);
	buf_puts(json, ",\"tenant\":");
	buf_json_string(json, member->room->tenant);
	buf_puts(json, ",\"user\":");
	buf_json_string(json, member->user);
	buf_printf(json, ",\"connections\":%" PRIu32, member->nplaces);
	if (latest != NULL)
	{
		list_foreach(node, following, &member->places)
		{
			PresenceStatus status = list_entry(node, PresencePlace, in_member)->status;

			best = status < best ? status : best;
		}
		buf_puts(json, ",\"name\":");
		buf_json_string(json, member->name);
		buf_printf(json, ",\"status\":%d,\"at\":%" PRId64 ",\"meta\":", (int) best,
				   latest->at);
		buf_json_string(json, latest->meta);
	}
	buf_puts(json, "}");
}

/* What the database is to have, as a number. */
static uint64_t
hash_of(const PresenceMember *member)
{
	Buf text = {0};
	uint64_t hash;

	if (member->nplaces == 0)
		return NOTHING;
	append_change(member, &text);
	hash = strmap_hash(buf_cstr(&text));
	buf_free(&text);
	return hash < FIRST_HASH ? FIRST_HASH : hash;
}

void
presence_check_written(PresenceMember *member)
{
	Presence *presence = member->room->presence;

	if (list_is_linked(&member->in_flight))
		return; /* looked at when it has landed */
	if (hash_of(member) == member->written)
		list_remove(&member->in_unwritten);
	else if (!list_is_linked(&member->in_unwritten))
		list_push_tail(&presence->unwritten, &member->in_unwritten);
}

size_t
presence_take(Presence *presence, Buf *json, size_t most, size_t bytes)
{
	size_t start = json->len;
	size_t count = 0;
	ListNode *node;

	buf_puts(json, "[");
	while (count < most && json->len - start < bytes &&
		   (node = list_pop_head(&presence->unwritten)) != NULL)
	{
		PresenceMember *member = list_entry(node, PresenceMember, in_unwritten);

		if (count++ > 0)
			buf_puts(json, ",");
		append_change(member, json);
		member->writing = hash_of(member);
		list_push_tail(&presence->flight, &member->in_flight);
	}
	buf_puts(json, "]");
	return count;
}

void
presence_written(Presence *presence, PresenceOutcome outcome)
{
	ListNode *node;

	while ((node = list_pop_head(&presence->flight)) != NULL)
	{
		PresenceMember *member = list_entry(node, PresenceMember, in_flight);

		member->written = outcome == PRESENCE_UNKNOWN ? UNCERTAIN : member->writing;
		presence_check_written(member);
		presence_settle(member);
	}
}

/* Makes a member of a room that the database knows nothing of. */
static void
forget_member(PresenceMember *member)
{
	member->written = list_is_linked(&member->in_flight) ? member->written : NOTHING;
	presence_check_written(member);
}

void
presence_forgotten(Presence *presence)
{
	PresenceRoom *room;
	size_t position = 0;
	List gone;
	ListNode *node;

	list_init(&gone);
	while ((room = strmap_next(&presence->rooms, &position)) != NULL)
	{
		PresenceMember *member;
		size_t at = 0;

		while ((member = strmap_next(&room->members, &at)) != NULL)
		{
			forget_member(member);
			/* nothing may be freed while the maps are walked */
			if (!list_is_linked(&member->in_unwritten) &&
				!list_is_linked(&member->in_flight))
				list_push_tail(&gone, &member->in_unwritten);
		}
	}
	while ((node = list_pop_head(&gone)) != NULL)
		presence_settle(list_entry(node, PresenceMember, in_unwritten));
}
