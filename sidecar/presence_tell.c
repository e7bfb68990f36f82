/*
 * presence_tell.c: what is said about members: JSON, the list and its changes; see
 * presence.h.
 *
 * A member keeps the text that was announced. So "has anything changed" is a
 * comparison of texts, whatever brought the change about, and the list is those texts
 * one after the other. lastSeen is at their end and alone is no reason to say anything.
 *
 * The list's version is the sum of a hash of each of these texts: it has no order, and is
 * kept up with each text that comes or goes.
 */
#include "presence.h"

#include "mem.h"
#include "wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_names[] = {"active", "idle", "away"};

const char *
presence_status_name(PresenceStatus status)
{
	return status_names[status];
}

bool
presence_status_parse(const char *name, PresenceStatus *status)
{
	for (size_t i = 0; i < sizeof(status_names) / sizeof(status_names[0]); i++)
	{
		if (strcmp(status_names[i], name) == 0)
		{
			*status = (PresenceStatus) i;
			return true;
		}
	}
	return false;
}

/* Everything that makes the member, here and elsewhere. */
typedef struct Whole
{
	uint32_t connections;
	PresenceStatus status;
	const char *meta;
	int64_t at;
} Whole;

/* Is this meta the one that counts? Of two of one time, the same everywhere. */
static bool
is_later(int64_t at, const char *meta, const Whole *whole)
{
	if (at != whole->at)
		return at > whole->at;
	return strcmp(meta ? meta : "", whole->meta ? whole->meta : "") > 0;
}

/* Adds so many connections of this state. */
static void
add(Whole *whole, uint32_t connections, PresenceStatus status, const char *meta,
	int64_t at)
{
	if (whole->connections == 0 || status < whole->status)
		whole->status = status;
	if (whole->connections == 0 || is_later(at, meta, whole))
	{
		whole->meta = meta;
		whole->at = at;
	}
	whole->connections += connections;
}

static Whole
sum_up(const PresenceMember *member)
{
	Whole whole = {0};

	list_foreach(node, following, &member->places)
	{
		const PresencePlace *place = list_entry(node, PresencePlace, in_member);

		add(&whole, 1, place->status, place->meta, place->at);
	}
	if (member->connections > 0)
		add(&whole, member->connections, member->status, member->meta, member->at);
	return whole;
}

static void
append_who(const PresenceMember *member, Buf *out)
{
	buf_puts(out, "{\"id\":");
	buf_json_string(out, member->user);
	buf_puts(out, ",\"name\":");
	buf_json_string(out, member->name);
}

size_t
presence_render(const PresenceMember *member, Buf *out)
{
	Whole whole = sum_up(member);
	size_t start = out->len;
	size_t end;

	append_who(member, out);
	buf_printf(out, ",\"status\":\"%s\",\"connections\":%" PRIu32 ",\"meta\":",
			   presence_status_name(whole.status), whole.connections);
	buf_puts(out, whole.meta ? whole.meta : "{}");
	end = out->len - start;
	buf_printf(out, ",\"lastSeen\":%" PRId64 "}", whole.at);
	return end;
}

void
presence_render_gone(const PresenceMember *member, Buf *out)
{
	append_who(member, out);
	buf_printf(out, ",\"status\":\"offline\",\"connections\":0,\"lastSeen\":%" PRId64 "}",
			   member->seen_at);
}

/* ----------------------------------------------------------------- the list */

const Buf *
presence_list(PresenceRoom *room)
{
	const PresenceMember *member;
	size_t position = 0;

	if (room->list.len > 0)
		return &room->list;
	buf_puts(&room->list, "[");
	while ((member = strmap_next(&room->members, &position)) != NULL)
	{
		if (member->announced == NULL)
			continue;
		if (room->list.len > 1)
			buf_puts(&room->list, ",");
		buf_puts(&room->list, member->announced);
	}
	buf_puts(&room->list, "]");
	return &room->list;
}

Chunk *
presence_sync(PresenceRoom *room)
{
	const Buf *list;
	Buf json = {0};

	if (room->sync != NULL)
		return room->sync;
	list = presence_list(room);
	wire_open(&json, "presence:sync", NULL, room->name);
	buf_puts(&json, "{\"users\":");
	buf_append(&json, list->data, list->len);
	buf_puts(&json, ",\"version\":");
	presence_append_version(room, &json);
	buf_puts(&json, "}");
	wire_close(&json);
	room->sync = chunk_from_json(CLASS_CRITICAL, &json, NULL);
	buf_free(&json);
	return room->sync;
}

void
presence_append_version(const PresenceRoom *room, Buf *out)
{
	buf_printf(out, "\"%016" PRIx64 "\"", room->version);
}

/* What the text that was announced adds to the version; FNV-1a, then mixed. */
static uint64_t
part_of_version(const PresenceMember *member)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; member->announced != NULL && i < member->announced_to; i++)
		hash = (hash ^ (unsigned char) member->announced[i]) * 0x100000001b3u;
	hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
	hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
	return member->announced != NULL ? hash ^ (hash >> 33) : 0;
}

/* The list is another one now. */
static void
forget_list(PresenceRoom *room)
{
	buf_free(&room->list);
	if (room->sync != NULL)
		chunk_unref(room->sync);
	room->sync = NULL;
}

/* -------------------------------------------------------------- the changes */

/* Appends an element to a JSON array, if there is one. */
static void
append_element(Buf *array, const char *text)
{
	if (array == NULL)
		return;
	if (array->len > 0)
		buf_puts(array, ",");
	buf_puts(array, text);
}

/* Is not there any more; that may be all there was. */
static void
announce_gone(PresenceMember *member, PresenceChanges *changes)
{
	Buf text = {0};

	if (member->announced != NULL)
	{
		presence_render_gone(member, &text);
		append_element(changes ? &changes->leave : NULL, buf_cstr(&text));
		buf_free(&text);
		member->room->version -= part_of_version(member);
		free(member->announced);
		member->announced = NULL;
		forget_list(member->room);
	}
	presence_settle(member);
}

/* Has come or is otherwise, unless it is as it was told. */
static void
announce_present(PresenceMember *member, PresenceChanges *changes)
{
	Buf text = {0};
	size_t end = presence_render(member, &text);
	Buf *array = NULL;

	buf_cstr(&text);
	if (member->announced != NULL && end == member->announced_to &&
		memcmp(member->announced, text.data, end) == 0)
	{
		buf_free(&text);
		return;
	}
	if (changes != NULL)
		array = member->announced ? &changes->update : &changes->join;
	append_element(array, text.data);
	member->room->version -= part_of_version(member);
	free(member->announced);
	member->announced = mem_strndup(text.data, text.len);
	member->announced_to = end;
	member->room->version += part_of_version(member);
	forget_list(member->room);
	buf_free(&text);
}

void
presence_announce(PresenceRoom *room, int64_t now, PresenceChanges *changes)
{
	ListNode *node;

	list_remove(&room->in_due);
	room->announced_at = now;
	while ((node = list_pop_head(&room->changed)) != NULL)
	{
		PresenceMember *member = list_entry(node, PresenceMember, in_changed);

		if (member->nplaces == 0 && member->connections == 0)
			announce_gone(member, changes);
		else
			announce_present(member, changes);
	}
}

void
presence_changes_free(PresenceChanges *changes)
{
	buf_free(&changes->join);
	buf_free(&changes->update);
	buf_free(&changes->leave);
}
