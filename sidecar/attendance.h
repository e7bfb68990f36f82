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

/* ---- for present.c ---- */

extern Presence *attendance_model(Attendance *attendance);

/* The connection's place in a room; its place in the tenant's presence; or NULL. */
extern PresencePlace *attendance_place(const Conn *conn, const PresenceRoom *room);
extern PresencePlace *attendance_home(const Conn *conn);

/* Has what the others have of the room read, unless it is known: true, and it waits. */
extern bool attendance_read_others(Attendance *attendance, PresenceRoom *room,
								   WaiterCallback callback, void *arg);

/* Announces the room if its pause is over, but not to that connection. */
extern void attendance_show(Attendance *attendance, PresenceRoom *room,
							const Conn *except);

/* After each change of the model: what follows from it is arranged. */
extern void attendance_look(Attendance *attendance);

#endif
