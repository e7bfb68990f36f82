/*
 * presence.h: who is where, what of it was told, and what was written (layer 1).
 *
 * A Room is a presence channel, a Member somebody in it, however many tabs and
 * gateways. What makes a member: a Place for each connection of this process, and
 * what the other gateways say together (Elsewhere). Status is the best of them, meta
 * the latest. A place whose connection ended lingers for a while; whoever of that
 * user enters the room meanwhile takes it over. What must stay true:
 *  - presence_list() with the changes that were announced after it is the list of
 *    then: who is told of both needs nothing else;
 *  - what is as it was is neither announced nor written;
 *  - a member lives until nobody is there and that was told and written, a room until
 *    it has no member and nobody watches: calls marked (F) may free the room.
 *
 * Times: "wall" is Unix ms, for clients; "now" is monotonic, for deadlines.
 */
#ifndef WRK_PRESENCE_H
#define WRK_PRESENCE_H

#include "buf.h"
#include "event.h"
#include "list.h"
#include "strmap.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum PresenceStatus
{
	PRESENCE_ACTIVE, /* the best first */
	PRESENCE_IDLE,
	PRESENCE_AWAY,
} PresenceStatus;

typedef struct Presence Presence;

/* What one says of oneself; what is not said stays as it was, or active without meta. */
typedef struct PresenceState
{
	bool has_status;
	PresenceStatus status;
	bool has_meta;
	const char *meta; /* JSON text or NULL */
	const char *page; /* which of the user's requests says so, NULL = not known */
} PresenceState;

/* What the other gateways say of a user, taken together. */
typedef struct PresenceElsewhere
{
	const char *name; /* NULL: none */
	PresenceStatus status;
	const char *meta;     /* JSON text or NULL */
	uint32_t connections; /* not 0 */
	int64_t at;           /* wall ms of the latest state */
} PresenceElsewhere;

/* One of these for each presence channel with members or watchers; owned by the model. */
typedef struct PresenceRoom
{
	Presence *presence;
	StrMap members; /* by user */
	List changed;   /* members that may have to be announced */
	ListNode in_due;
	ListNode in_stale;
	bool watched;         /* somebody is to be told of changes */
	bool known;           /* what the others have was read since */
	int64_t announced_at; /* now ms */
	uint64_t round;       /* of what is elsewhere */
	uint64_t version;     /* of what was announced; see presence_tell.c */
	Buf list;             /* what was announced, as a JSON array; empty = not laid out */
	Chunk *sync;          /* the same as a frame, NULL = not laid out */
	char *tenant;
	char name[];
} PresenceRoom;

typedef struct PresenceMember PresenceMember;

/* One of these for each connection in a room; owned by its member. */
typedef struct PresencePlace
{
	ListNode in_member;
	ListNode in_owner; /* the connection's list, or those that linger */
	PresenceMember *member;
	int64_t at;    /* when its state became this, wall ms, each its own */
	int64_t until; /* lingers until then, now ms; 0: its connection is there */
	char *meta;    /* JSON text or NULL */
	char *page;    /* whose requests it is for, NULL = anybody's of the user */
	char *sid;     /* lingers: the session it ends with, NULL = unknown */
	PresenceStatus status;
	bool stands; /* by itself, rather than by a subscription */
} PresencePlace;

/* One of these for each user in a room; owned by the room. */
struct PresenceMember
{
	PresenceRoom *room;
	ListNode in_changed;
	ListNode in_unwritten;
	ListNode in_flight;
	List places;
	uint32_t nplaces;
	/* elsewhere; connections 0 = nowhere else */
	uint32_t connections;
	PresenceStatus status;
	int64_t at;
	uint64_t round;
	char *meta;
	char *name;          /* NULL: none */
	char *announced;     /* JSON text of the user as it was told, NULL = not there */
	size_t announced_to; /* bytes of it that matter: what follows is lastSeen */
	uint64_t written;    /* what the database has of us; see presence_write.c */
	uint64_t writing;
	int64_t seen_at; /* wall ms */
	char user[];
};

struct Presence
{
	StrMap rooms;
	List due;       /* rooms with something to announce */
	List stale;     /* rooms for which the others must be read */
	List unwritten; /* members that the database has otherwise */
	List flight;    /* those that are being written */
	List lingering; /* places, whose time is over first first */
	int64_t stamp;  /* the last that a place got */
	int64_t nplaces;
};

extern void presence_init(Presence *presence);
extern void presence_free(Presence *presence);

/* NULL when nobody is there and nobody looks. */
extern PresenceRoom *presence_find(const Presence *presence, const char *channel);

/* The room, made when there is none: enter or watch it at once. */
extern PresenceRoom *presence_room(Presence *presence, const char *tenant,
								   const char *channel);

extern const char *presence_status_name(PresenceStatus status);
extern bool presence_status_parse(const char *name, PresenceStatus *status);

/* ---- this gateway's connections ---- */

/*
 * A connection enters; owner is its list of places. Takes over one that lingers: that of
 * its page, which no other page takes, else one of which it says nothing new, because
 * that need not be told or written.
 */
extern PresencePlace *presence_enter(PresenceRoom *room, List *owner, const char *user,
									 const char *name, const PresenceState *state,
									 int64_t wall);

/* Its state is another one, or the same. */
extern void presence_set(PresencePlace *place, const PresenceState *state, int64_t wall);

/* The database calls the user so. */
extern void presence_rename(PresenceMember *member, const char *name);

/* It is gone for good. (F) */
extern void presence_leave(PresencePlace *place, int64_t wall);

/* Its connection, of that session, is gone, and may come back until then (now ms). */
extern void presence_linger(PresencePlace *place, const char *sid, int64_t until,
							int64_t wall);

/* One of the user's that linger, that of the page, does not come back. (F) */
extern void presence_let_go(const PresenceRoom *room, const char *user, const char *page,
							int64_t wall);

/* Those that lingered until now are gone; when the next ones are, 0 = nobody lingers. (F)
 */
extern int64_t presence_expire(Presence *presence, int64_t now);

/* ---- those who look ---- */

/* From now on its changes are announced; the list has what is so now. */
extern void presence_watch(PresenceRoom *room);

/* Nobody is told any more: what is elsewhere is forgotten. (F) */
extern void presence_unwatch(PresenceRoom *room);

/* What was announced: a JSON array, and a frame presence:sync. Borrowed until then. */
extern const Buf *presence_list(PresenceRoom *room);
extern Chunk *presence_sync(PresenceRoom *room);

/* Which list it is, as a JSON string: the same, whatever gateway and order, but for
 * lastSeen. */
extern void presence_append_version(const PresenceRoom *room, Buf *out);

/* Changes as elements of JSON arrays, each empty when there are none. */
typedef struct PresenceChanges
{
	Buf join;
	Buf update;
	Buf leave;
} PresenceChanges;

/* Announces what has changed, to nobody (NULL) or by appending it to *changes. */
extern void presence_announce(PresenceRoom *room, int64_t now, PresenceChanges *changes);
extern void presence_changes_free(PresenceChanges *changes);

/* ---- the other gateways ---- */

/* The others must be read. */
extern void presence_set_stale(PresenceRoom *room);

/* What they say, from begin to end; keep: who is not said stays for now. (F: end) */
extern void presence_others_begin(PresenceRoom *room);
extern void presence_others_say(PresenceRoom *room, const char *user,
								const PresenceElsewhere *elsewhere);
extern void presence_others_end(PresenceRoom *room, bool keep);

/* ---- the database ---- */

/*
 * Appends what the database has otherwise as a JSON array of changes, at most so many
 * and about so many bytes; returns how many. They are in flight until written() is
 * told what became of them.
 */
extern size_t presence_take(Presence *presence, Buf *json, size_t most, size_t bytes);

typedef enum PresenceOutcome
{
	PRESENCE_WRITTEN,
	PRESENCE_UNKNOWN, /* perhaps: written again */
	PRESENCE_GIVEN_UP /* it will not have them: not tried again until they change */
} PresenceOutcome;

extern void presence_written(Presence *presence, PresenceOutcome outcome); /* (F) */

/* The database has nothing of us any more: everything is written again. (F) */
extern void presence_forgotten(Presence *presence);

/* ---- between the files of this module ---- */

/* Appends the user as a JSON object; returns the bytes before lastSeen. */
extern size_t presence_render(const PresenceMember *member, Buf *out);

/* Appends one who is not there any more. */
extern void presence_render_gone(const PresenceMember *member, Buf *out);

/* Notes whether what the database has of us is what is so. */
extern void presence_check_written(PresenceMember *member);

/* The latest of our places; NULL when there is none. */
extern const PresencePlace *presence_latest(const PresenceMember *member);

/* Frees a member that has nothing left, and its room likewise. */
extern void presence_settle(PresenceMember *member);

#endif
