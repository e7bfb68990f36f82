/*
 * attendance.h: who is there, as clients say and hear it (layer 3).
 *
 * A connection of a user is in its tenant's presence from `connected` on, and in that of
 * a resource when it asks for it: by `presence:join` on the presence channel, or by
 * `subscribe` on the resource with payload.presence, which brings the presence channel
 * along as a companion. What must stay true:
 *  - user, name and channel come from the database; a client says status and meta;
 *  - who has no place in the tenant's presence has none anywhere;
 *  - a place in a resource's presence ends with its subscription, whoever ends that;
 *  - what a subscriber gets first is the list, then the changes since.
 *
 * Changes of a channel are announced at most every ANNOUNCE_MS, the first at once.
 */
#ifndef WRK_ATTENDANCE_H
#define WRK_ATTENDANCE_H

#include "access.h"
#include "presence.h"
#include "request.h"
#include "waiters.h"

#define ANNOUNCE_MS 100

typedef struct Attendance Attendance;

/* What a client says of itself when it asks to be present; one allocation. */
typedef struct Ask
{
	PresenceState state;
	bool joins; /* presence:join, rather than subscribe */
	char meta[];
} Ask;

extern Attendance *attendance_open(Gateway *gateway);

/* After the feed and the pool. */
extern void attendance_close(Attendance *attendance);

/* The feed listens, from its beginning or again. */
extern void attendance_listening(Attendance *attendance);

/*
 * The database has said who the connection is, from the beginning or again: presence is
 * {channel, name} of gateway_open(), or null, which ends every place at once.
 */
extern void attendance_identified(Gateway *gateway, Conn *conn, const json_t *presence);

/*
 * Rights may have become fewer. Who is there is asked about (recheck.h), who lingers
 * cannot be: those whom it names do not any more.
 */
extern void attendance_news(Gateway *gateway, AccessNews *news);

/* Its places, for the connection `to` of the same user to take over: see PROTOCOL.md. */
extern void attendance_move(Gateway *gateway, Conn *from, Conn *to);

/* ---- what subscribe.c asks ---- */

/* Reads what the frame says about presence; false when it was refused. */
extern bool attendance_read(Pending *pending, const Request *request);

/* May it be present as it asks, now that the channel is known? False when refused. */
extern bool attendance_admits(const Pending *pending);

/*
 * Sees that the list is known, if the answer needs it; true when the callback comes
 * later.
 */
extern bool attendance_wait(Pending *pending, WaiterCallback callback);

/* Nobody came of it after all. */
extern void attendance_give_up(const Pending *pending);

/* The subscription is made, its answer is about to be sent: enters. */
extern void attendance_enter(Pending *pending, Sub *sub);

/* Appends a member of the answer's payload, if it has one about presence. */
extern void attendance_append(const Pending *pending, Buf *out);

/* The answer was sent: the list follows, if it was not in it. */
extern void attendance_sync(const Pending *pending);

/* ---- frames ---- */

extern void attendance_update(Gateway *gateway, Conn *conn, const Request *request);
extern void attendance_leave(Gateway *gateway, Conn *conn, const Request *request);

#endif
