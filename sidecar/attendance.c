/*
 * attendance.c: see attendance.h.
 */
#include "attendance.h"

#include "clock.h"
#include "exchange.h"
#include "feed.h"
#include "loop.h"
#include "mem.h"
#include "recheck.h"
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

static const PresenceState nothing_said;

/* --------------------------------------------------------------- announcing */

/* Hands one kind of change out. */
static void
publish(const PresenceRoom *room, const Channel *channel, const char *type,
		const Buf *users, const Conn *except)
{
	Buf json = {0};
	Chunk *chunk;

	if (users->len == 0)
		return;
	wire_open(&json, type, NULL, room->name);
	buf_puts(&json, "{\"users\":[");
	buf_append(&json, users->data, users->len);
	buf_puts(&json, "]}");
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
		publish(room, channel, "presence:leave", &changes.leave, except);
		publish(room, channel, "presence:join", &changes.join, except);
		publish(room, channel, "presence:update", &changes.update, except);
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
static void
look(Attendance *attendance)
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
	look(attendance);
}

/* The first of those who did not come back. */
static void
on_expire(void *arg)
{
	Attendance *attendance = arg;

	presence_expire(&attendance->model, clock_now_ms());
	look(attendance);
}

/* Others have changed something. */
static void
on_read(void *arg)
{
	look(arg);
}

/* ------------------------------------------------------------------- places */

/* The connection's place in a room. */
static PresencePlace *
find_place(const Conn *conn, const PresenceRoom *room)
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
static PresencePlace *
find_home(const Conn *conn)
{
	list_foreach(node, following, &conn->places)
	{
		PresencePlace *place = list_entry(node, PresencePlace, in_owner);

		if (place->stands)
			return place;
	}
	return NULL;
}

/* Is this the room's name, or its short form? */
static bool
is_called(const Conn *conn, const PresenceRoom *room, const char *name)
{
	size_t tenant = strlen("tenant:") + strlen(conn->tenant) + strlen(":");

	return strcmp(room->name, name) == 0 || strcmp(room->name + tenant, name) == 0;
}

/* Its place in the room of that name. */
static PresencePlace *
find_called(const Conn *conn, const char *name)
{
	list_foreach(node, following, &conn->places)
	{
		PresencePlace *place = list_entry(node, PresencePlace, in_owner);

		if (is_called(conn, place->member->room, name))
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
		presence_linger(list_entry(node, PresencePlace, in_owner), until,
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
	look(own);
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
	place = find_place(sub->conn, room);
	if (sub->channel->nsubs == 1 && room->watched)
		presence_unwatch(room);
	if (place != NULL && !place->stands)
		presence_leave(place, clock_wall_ms());
	look(attendance);
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

/* A single call over HTTP: nobody is there when it is answered. */
static bool
is_call(const Conn *conn)
{
	return conn->exchange != NULL && conn->exchange->kind == EXCHANGE_CALL;
}

void
attendance_identified(Gateway *gateway, Conn *conn, const json_t *presence)
{
	Attendance *attendance = gateway->attendance;
	const char *channel = json_string_value(json_object_get(presence, "channel"));
	const char *name = json_string_value(json_object_get(presence, "name"));
	PresencePlace *home = find_home(conn);

	if (channel == NULL || *conn->user == '\0')
		leave_all(conn);
	else if (home == NULL && !is_call(conn))
	{
		home = presence_enter(presence_room(&attendance->model, conn->tenant, channel),
							  &conn->places, conn->user, name, &nothing_said,
							  clock_wall_ms());
		home->stands = true;
	}
	else if (home != NULL)
		rename_all(conn, name);
	look(attendance);
}

void
attendance_news(Gateway *gateway, AccessNews *news)
{
	Attendance *attendance = gateway->attendance;

	list_foreach(node, following, &attendance->model.lingering)
	{
		PresencePlace *place = list_entry(node, PresencePlace, in_owner);
		const PresenceRoom *room = place->member->room;

		if (access_names(news, room->tenant, place->member->user, "") ||
			access_names_channel(news, room->tenant, room->name))
			presence_leave(place, clock_wall_ms());
	}
	look(attendance);
}

void
attendance_move(Gateway *gateway, Conn *from, Conn *to)
{
	list_foreach(node, following, &from->places)
	{
		PresencePlace *place = list_entry(node, PresencePlace, in_owner);

		if (find_place(to, place->member->room) != NULL)
			presence_leave(place, clock_wall_ms());
	}
	linger_all(gateway->attendance, from);
	look(gateway->attendance);
}

/* ------------------------------------------------------------- what is said */

/* Reads status and meta of a payload; NULL when they were refused. */
static Ask *
read_ask(Conn *conn, const Request *request, const char *id, const char *channel)
{
	const json_t *status = json_object_get(request->payload, "status");
	const json_t *meta = json_object_get(request->payload, "meta");
	PresenceState state = {.has_status = status != NULL, .has_meta = meta != NULL};
	char *text = json_is_object(meta) ? request_text(request, "meta") : NULL;
	size_t size = text ? strlen(text) + 1 : 0;
	Ask *ask = NULL;

	if (status != NULL &&
		(!json_is_string(status) ||
		 !presence_status_parse(json_string_value(status), &state.status)))
		reply_error(conn, id, channel, &error_bad_request,
					"status must be active, idle or away");
	else if (meta != NULL && text == NULL && !json_is_null(meta))
		reply_error(conn, id, channel, &error_bad_request, "meta must be an object");
	else if (size > (size_t) conn->table->config->presence_meta + 1)
		reply_error(conn, id, channel, &error_too_large, "meta is too large");
	else
	{
		ask = mem_alloc(sizeof(Ask) + size);
		*ask = (Ask){.state = state};
		if (size > 0)
			ask->state.meta = memcpy(ask->meta, text, size);
	}
	free(text);
	return ask;
}

/* The same of payload.presence, in the client's own words. */
static Ask *
read_nested(Conn *conn, const Request *request)
{
	char *text = request_text(request, "presence");
	Buf frame = {0};
	Request inner;
	const char *why;
	Ask *ask = NULL;

	buf_puts(&frame, "{\"type\":\"presence\",\"payload\":");
	buf_puts(&frame, text);
	buf_puts(&frame, "}");
	if (request_parse(&inner, frame.data, frame.len, &why))
		ask = read_ask(conn, &inner, request->id, request->channel);
	else
		reply_error(conn, request->id, request->channel, &error_bad_request, why);
	request_free(&inner);
	buf_free(&frame);
	free(text);
	return ask;
}

bool
attendance_read(Pending *pending, const Request *request)
{
	const json_t *presence = json_object_get(request->payload, "presence");
	bool joins = strcmp(request->type, "presence:join") == 0;

	if (joins)
		pending->ask = read_ask(pending->conn, request, request->id, request->channel);
	else if (json_is_object(presence))
		pending->ask = read_nested(pending->conn, request);
	else if (presence == NULL || json_is_null(presence))
		return true;
	else
		reply_error(pending->conn, request->id, request->channel, &error_bad_request,
					"presence must be an object");
	if (pending->ask != NULL)
		pending->ask->joins = joins;
	return pending->ask != NULL;
}

/* ---------------------------------------------------------------- subscribe */

/* Is it the presence channel itself that is subscribed to? */
static bool
is_direct(const Pending *pending)
{
	return pending->presence != NULL && strcmp(pending->presence, pending->channel) == 0;
}

static bool
needs_list(const Pending *pending)
{
	return is_direct(pending) || (pending->presence != NULL && pending->ask != NULL);
}

/* Refuses the request. */
static bool
refuse(const Pending *pending, const ErrorCode *code, const char *message)
{
	reply_error(pending->conn, pending->id, pending->channel, code, message);
	return false;
}

/* Is the room full, and the user not in it? */
static bool
is_full(const Pending *pending)
{
	const Gateway *gateway = pending->gateway;
	const PresenceRoom *room =
		presence_find(&gateway->attendance->model, pending->presence);

	return room != NULL &&
		   room->members.count >= (size_t) gateway->config.presence_members &&
		   strmap_get(&room->members, pending->conn->user) == NULL;
}

bool
attendance_admits(const Pending *pending)
{
	if (pending->ask == NULL)
		return true;
	if (pending->presence == NULL)
		return refuse(pending, &error_bad_request, "nobody is present in this channel");
	if (pending->ask->joins && !is_direct(pending))
		return refuse(pending, &error_bad_request,
					  "presence:join needs a presence channel");
	if (find_home(pending->conn) == NULL)
		return refuse(pending, &error_forbidden, "only users are present");
	if (is_full(pending))
		return refuse(pending, &error_limit_exceeded, "too many are present");
	return true;
}

bool
attendance_wait(Pending *pending, WaiterCallback callback)
{
	Attendance *attendance = pending->gateway->attendance;
	PresenceRoom *room;

	if (!needs_list(pending))
		return false;
	room = presence_room(&attendance->model, pending->conn->tenant, pending->presence);
	presence_watch(room);
	return !room->known && roster_wait(attendance->roster, room, callback, pending);
}

void
attendance_give_up(const Pending *pending)
{
	const Gateway *gateway = pending->gateway;
	PresenceRoom *room;

	if (!needs_list(pending) || hub_find(&gateway->hub, pending->presence) != NULL)
		return;
	room = presence_find(&gateway->attendance->model, pending->presence);
	if (room != NULL && room->watched)
		presence_unwatch(room);
}

/* The presence channel comes along with the resource's. */
static void
bring_along(Pending *pending, Sub *sub)
{
	Gateway *gateway = pending->gateway;
	Sub *companion = hub_find_sub(pending->conn, pending->presence);

	if (companion != NULL)
		return;
	companion = hub_subscribe(&gateway->hub, pending->conn, pending->presence);
	companion->answered = true;
	feed_join(gateway->feed, companion);
	/* in doubt about the one, in doubt about the other */
	recheck_joined(pending, companion);
	free(sub->companion);
	sub->companion = mem_strdup(pending->presence);
}

/* Takes a place in the room, or says what is new of the one there is. */
static void
take_place(const Pending *pending, PresenceRoom *room)
{
	Conn *conn = pending->conn;
	PresencePlace *place = find_place(conn, room);

	if (place != NULL)
		presence_set(place, &pending->ask->state, clock_wall_ms());
	else
	{
		place =
			presence_enter(room, &conn->places, conn->user, find_home(conn)->member->name,
						   &pending->ask->state, clock_wall_ms());
		place->stands = false;
	}
}

void
attendance_enter(Pending *pending, Sub *sub)
{
	Attendance *attendance = pending->gateway->attendance;
	PresenceRoom *room;

	if (!needs_list(pending))
		return;
	room = presence_room(&attendance->model, pending->conn->tenant, pending->presence);
	presence_watch(room);
	if (pending->ask != NULL && find_home(pending->conn) != NULL)
	{
		if (!is_direct(pending))
			bring_along(pending, sub);
		take_place(pending, room);
	}
	/* in a quiet room the list has the one who gets it, too */
	if (list_is_linked(&room->in_due) && due_at(room) <= clock_now_ms())
		announce(attendance, room, pending->conn);
	look(attendance);
}

/* The subscription that gets the changes, unless that is over already. */
static Sub *
listener_of(const Pending *pending)
{
	return hub_find_sub(pending->conn, pending->presence);
}

void
attendance_append(const Pending *pending, Buf *out)
{
	PresenceRoom *room;
	const Buf *list;

	if (!needs_list(pending) || is_direct(pending) || listener_of(pending) == NULL ||
		listener_of(pending)->suspended)
		return;
	room = presence_find(&pending->gateway->attendance->model, pending->presence);
	list = presence_list(room);
	buf_puts(out, ",\"presence\":");
	buf_append(out, list->data, list->len);
}

void
attendance_sync(const Pending *pending)
{
	Sub *sub = needs_list(pending) ? listener_of(pending) : NULL;
	PresenceRoom *room;

	if (sub == NULL || !(is_direct(pending) || sub->suspended))
		return;
	room = presence_find(&pending->gateway->attendance->model, pending->presence);
	if (sub->suspended)
	{
		sub_deliver(sub, presence_sync(room)); /* once it is known that it may */
		return;
	}
	conn_push(pending->conn, presence_sync(room));
	/* the list covers the changes that were held behind it */
	if (sub->pending)
		sub_set_pending(sub);
}

/* ------------------------------------------------------------------- frames */

void
attendance_update(Gateway *gateway, Conn *conn, const Request *request)
{
	PresencePlace *place = request->channel ? find_called(conn, request->channel) : NULL;
	Ask *ask;

	if (place == NULL)
	{
		reply_error(conn, request->id, request->channel, &error_not_found,
					"not present in this channel");
		return;
	}
	ask = read_ask(conn, request, request->id, request->channel);
	if (ask == NULL)
		return;
	presence_set(place, &ask->state, clock_wall_ms());
	free(ask);
	look(gateway->attendance);
	reply_empty(conn, request->id, "result");
}

void
attendance_leave(Gateway *gateway, Conn *conn, const Request *request)
{
	const Sub *sub = request->channel ? hub_find_sub(conn, request->channel) : NULL;
	Buf json = {0};

	if (sub == NULL ||
		presence_find(&gateway->attendance->model, sub->channel->name) == NULL)
	{
		reply_error(conn, request->id, request->channel, &error_not_found,
					"not present in this channel");
		return;
	}
	wire_open(&json, "unsubscribed", request->id, sub->channel->name);
	buf_puts(&json, "{}");
	wire_close(&json);
	hub_unsubscribe(&gateway->hub, hub_find_sub(conn, request->channel));
	conn_send(conn, &json);
	buf_free(&json);
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
	gateway->moved = attendance_move;
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
