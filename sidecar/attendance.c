/*
 * attendance.c: see attendance.h.
 */
#include "attendance.h"

#include "clock.h"
#include "exchange.h"
#include "feed.h"
#include "loop.h"
#include "mem.h"
#include "roster.h"
#include "stats.h"

#include <stdlib.h>
#include <string.h>

struct Attendance
{
	Gateway *gateway;
	Presence model;
	Roster *roster;
	LoopTimer *announce;
	int64_t announce_at; /* when it rings */
	LoopTimer *expire;
};

/* The process's own: a connection that leaves knows no gateway. */
static Attendance *own;

/* --------------------------------------------------------------- announcing */

/* Hands one kind of change out; the last one makes the list of now. */
static void
publish(const PresenceRoom *room, const Channel *channel, const char *type,
		const Buf *users, const Conn *except, bool last)
{
	Buf json = {0};
	Chunk *chunk;

	if (users->len == 0)
		return;
	wire_open(&json, type, NULL, room->name);
	buf_puts(&json, "{\"users\":[");
	buf_append(&json, users->data, users->len);
	buf_puts(&json, "]");
	if (last)
	{
		buf_puts(&json, ",\"version\":");
		presence_append_version(room, &json);
	}
	buf_puts(&json, "}");
	wire_close(&json);
	chunk = chunk_from_json(CLASS_CRITICAL, &json, NULL);
	fanout_publish(channel, chunk, except);
	chunk_unref(chunk);
	buf_free(&json);
	stats.presence_frames_total++;
}

/* Tells those who watch, but for the one who is about to get the list. */
static void
announce(const Attendance *attendance, PresenceRoom *room, const Conn *except)
{
	const Channel *channel = hub_find(&attendance->gateway->hub, room->name);
	PresenceChanges changes = {0};

	presence_announce(room, clock_now_ms(), channel ? &changes : NULL);
	if (channel != NULL)
	{
		publish(room, channel, "presence:leave", &changes.leave, except,
				changes.join.len + changes.update.len == 0);
		publish(room, channel, "presence:join", &changes.join, except,
				changes.update.len == 0);
		publish(room, channel, "presence:update", &changes.update, except, true);
	}
	presence_changes_free(&changes);
}

/* When a room may be announced again. */
static int64_t
due_at(const PresenceRoom *room)
{
	return room->announced_at + ANNOUNCE_MS;
}

/* Rings when the first of those that wait may be announced. */
static void
pace(Attendance *attendance)
{
	int64_t now = clock_now_ms();
	int64_t first = INT64_MAX;

	if (list_is_empty(&attendance->model.due) ||
		(loop_timer_is_active(attendance->announce) && attendance->announce_at <= now))
		return;
	list_foreach(node, following, &attendance->model.due)
	{
		int64_t at = due_at(list_entry(node, PresenceRoom, in_due));

		first = at < first ? at : first;
	}
	attendance->announce_at = first > now ? first : now;
	loop_timer_start(attendance->announce, attendance->announce_at - now, 0);
}

/* After each change of the model: what follows from it is arranged. */
void
attendance_look(Attendance *attendance)
{
	const List *lingering = &attendance->model.lingering;

	stats.presence_places = attendance->model.nplaces;
	pace(attendance);
	roster_look(attendance->roster);
	if (!list_is_empty(lingering) && !loop_timer_is_active(attendance->expire))
	{
		int64_t rest =
			list_entry(lingering->next, PresencePlace, in_owner)->until - clock_now_ms();

		loop_timer_start(attendance->expire, rest > 0 ? rest : 0, 0);
	}
}

Presence *
attendance_model(Attendance *attendance)
{
	return &attendance->model;
}

bool
attendance_read_others(Attendance *attendance, PresenceRoom *room,
					   WaiterCallback callback, void *arg)
{
	return !room->known && roster_wait(attendance->roster, room, callback, arg);
}

void
attendance_show(Attendance *attendance, PresenceRoom *room, const Conn *except)
{
	if (list_is_linked(&room->in_due) && due_at(room) <= clock_now_ms())
		announce(attendance, room, except);
}

/* Announces every room whose pause is over. */
static void
on_announce(void *arg)
{
	Attendance *attendance = arg;
	int64_t now = clock_now_ms();

	list_foreach(node, following, &attendance->model.due)
	{
		PresenceRoom *room = list_entry(node, PresenceRoom, in_due);

		if (due_at(room) <= now)
			announce(attendance, room, NULL);
	}
	attendance_look(attendance);
}

/* The first of those who did not come back. */
static void
on_expire(void *arg)
{
	Attendance *attendance = arg;

	presence_expire(&attendance->model, clock_now_ms());
	attendance_look(attendance);
}

/* Others have changed something. */
static void
on_read(void *arg)
{
	attendance_look(arg);
}

/* ------------------------------------------------------------------- places */

/* The connection's place in a room. */
PresencePlace *
attendance_place(const Conn *conn, const PresenceRoom *room)
{
	list_foreach(node, following, &conn->places)
	{
		PresencePlace *place = list_entry(node, PresencePlace, in_owner);

		if (place->member->room == room)
			return place;
	}
	return NULL;
}

/* Its place in the tenant's presence; NULL for who is present nowhere. */
PresencePlace *
attendance_home(const Conn *conn)
{
	list_foreach(node, following, &conn->places)
	{
		PresencePlace *place = list_entry(node, PresencePlace, in_owner);

		if (place->stands)
			return place;
	}
	return NULL;
}

/* Gone at once, all of them. */
static void
leave_all(Conn *conn)
{
	list_foreach(node, following, &conn->places)
	{
		presence_leave(list_entry(node, PresencePlace, in_owner), clock_wall_ms());
	}
}

/* They may come back. */
static void
linger_all(const Attendance *attendance, Conn *conn)
{
	int64_t until = clock_now_ms() + attendance->gateway->config.presence_grace;

	list_foreach(node, following, &conn->places)
	{
		presence_linger(list_entry(node, PresencePlace, in_owner), conn->sid, until,
						clock_wall_ms());
	}
}

/* Did we end it for a reason that coming back does not mend, or was it asked for? */
static bool
is_final(int close_code)
{
	return close_code == 1000 || close_code == 4501 || close_code == 4503 ||
		   close_code == 4529;
}

/* The connection closes. */
static void
on_leaves(Conn *conn)
{
	if (list_is_empty(&conn->places))
		return;
	if (is_final(conn->close_code) || own->gateway->config.presence_grace == 0)
		leave_all(conn);
	else
		linger_all(own, conn);
	attendance_look(own);
}

/* A subscription ends, whoever ends it: the place that it was for, too. */
static void
on_left(void *arg, Sub *sub)
{
	Attendance *attendance = arg;
	PresenceRoom *room = presence_find(&attendance->model, sub->channel->name);
	PresencePlace *place;

	if (room == NULL)
		return;
	place = attendance_place(sub->conn, room);
	if (sub->channel->nsubs == 1 && room->watched)
		presence_unwatch(room);
	if (place != NULL && !place->stands)
		presence_leave(place, clock_wall_ms());
	attendance_look(attendance);
}

/* The name under which it is present everywhere. */
static void
rename_all(const Conn *conn, const char *name)
{
	list_foreach(node, following, &conn->places)
	{
		presence_rename(list_entry(node, PresencePlace, in_owner)->member, name);
	}
}

/* A single request over HTTP: nobody is there when it is answered. */
static bool
is_call(const Conn *conn)
{
	return conn->exchange != NULL && conn->exchange->kind >= EXCHANGE_CALL;
}

void
attendance_identified(Gateway *gateway, Conn *conn, const json_t *presence)
{
	Attendance *attendance = gateway->attendance;
	const char *channel = json_string_value(json_object_get(presence, "channel"));
	const char *name = json_string_value(json_object_get(presence, "name"));
	PresencePlace *home = attendance_home(conn);
	const PresenceState said = {.page = exchange_page(conn)};

	if (channel == NULL || *conn->user == '\0')
		leave_all(conn);
	else if (home == NULL && !is_call(conn))
	{
		home = presence_enter(presence_room(&attendance->model, conn->tenant, channel),
							  &conn->places, conn->user, name, &said, clock_wall_ms());
		home->stands = true;
	}
	else if (home != NULL)
		rename_all(conn, name);
	attendance_look(attendance);
}

void
attendance_news(Gateway *gateway, AccessNews *news)
{
	Attendance *attendance = gateway->attendance;

	list_foreach(node, following, &attendance->model.lingering)
	{
		PresencePlace *place = list_entry(node, PresencePlace, in_owner);
		const PresenceRoom *room = place->member->room;

		if (access_names(news, room->tenant, place->member->user, place->sid) ||
			access_names_channel(news, room->tenant, room->name))
			presence_leave(place, clock_wall_ms());
	}
	attendance_look(attendance);
}

void
attendance_move(Gateway *gateway, Conn *from, Conn *to)
{
	list_foreach(node, following, &from->places)
	{
		PresencePlace *place = list_entry(node, PresencePlace, in_owner);

		if (attendance_place(to, place->member->room) != NULL)
			presence_leave(place, clock_wall_ms());
	}
	linger_all(gateway->attendance, from);
	attendance_look(gateway->attendance);
}

/* --------------------------------------------------------------------- life */

void
attendance_listening(Attendance *attendance)
{
	roster_listening(attendance->roster);
}

Attendance *
attendance_open(Gateway *gateway)
{
	Attendance *attendance = mem_zalloc(sizeof(Attendance));

	own = attendance;
	attendance->gateway = gateway;
	presence_init(&attendance->model);
	attendance->announce = loop_timer_new(on_announce, attendance);
	attendance->expire = loop_timer_new(on_expire, attendance);
	attendance->roster = roster_open(gateway, &attendance->model, on_read, attendance);
	gateway->table.leaves = on_leaves;
	hub_on_left(&gateway->hub, on_left, attendance);
	return attendance;
}

void
attendance_close(Attendance *attendance)
{
	loop_timer_free(attendance->announce);
	loop_timer_free(attendance->expire);
	roster_close(attendance->roster);
	presence_free(&attendance->model);
	free(attendance);
	own = NULL;
}
