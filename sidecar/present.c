/*
 * present.c: see present.h.
 */
#include "present.h"

#include "clock.h"
#include "exchange.h"
#include "feed.h"
#include "mem.h"
#include "recheck.h"
#include "subscribe.h"

#include <stdlib.h>
#include <string.h>

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
		ask->state.page = exchange_page(conn);
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

/* Reads which list the client has; false when that was refused. */
static bool
read_version(Pending *pending, const Request *request)
{
	const json_t *version = json_object_get(request->payload, "version");
	Buf text = {0};

	if (version == NULL || json_is_null(version))
		return true;
	if (!json_is_string(version))
	{
		reply_error(pending->conn, request->id, request->channel, &error_bad_request,
					"version must be a string");
		return false;
	}
	/* as it is told */
	buf_json_string(&text, json_string_value(version));
	pending->seen = mem_strdup(buf_cstr(&text));
	buf_free(&text);
	return true;
}

bool
present_read(Pending *pending, const Request *request)
{
	const json_t *presence = json_object_get(request->payload, "presence");
	bool joins = strcmp(request->type, "presence:join") == 0;

	if (!read_version(pending, request))
		return false;
	/* who has a socket says presence:leave; nobody else has one that would hear it */
	pending->lets_go = json_is_null(presence) && pending->conn->exchange != NULL;

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
		presence_find(attendance_model(gateway->attendance), pending->presence);

	return room != NULL &&
		   room->members.count >= (size_t) gateway->config.presence_members &&
		   strmap_get(&room->members, pending->conn->user) == NULL;
}

bool
present_admits(const Pending *pending)
{
	if (pending->ask == NULL)
		return true;
	if (pending->presence == NULL)
		return refuse(pending, &error_bad_request, "nobody is present in this channel");
	if (pending->ask->joins && !is_direct(pending))
		return refuse(pending, &error_bad_request,
					  "presence:join needs a presence channel");
	if (attendance_home(pending->conn) == NULL)
		return refuse(pending, &error_forbidden, "only users are present");
	if (is_full(pending))
		return refuse(pending, &error_limit_exceeded, "too many are present");
	return true;
}

bool
present_wait(Pending *pending, WaiterCallback callback)
{
	Attendance *attendance = pending->gateway->attendance;
	PresenceRoom *room;

	if (!needs_list(pending))
		return false;
	room = presence_room(attendance_model(attendance), pending->conn->tenant,
						 pending->presence);
	presence_watch(room);
	return attendance_read_others(attendance, room, callback, pending);
}

void
present_give_up(const Pending *pending)
{
	const Gateway *gateway = pending->gateway;
	PresenceRoom *room;

	if (!needs_list(pending) || hub_find(&gateway->hub, pending->presence) != NULL)
		return;
	room = presence_find(attendance_model(gateway->attendance), pending->presence);
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

/*
 * The request before this one of the same page may not have ended yet: what it has is
 * for this one to take over.
 */
static void
release_earlier(const Pending *pending, const PresenceRoom *room)
{
	const Channel *channel = hub_find(&pending->gateway->hub, room->name);

	if (channel == NULL || exchange_page(pending->conn) == NULL)
		return;
	for (uint32_t i = 0; i < channel->nsubs; i++)
	{
		const Conn *conn = channel->subs[i]->conn;
		PresencePlace *place;

		if (conn == pending->conn || !exchange_is_same_page(conn, pending->conn))
			continue;
		place = attendance_place(conn, room);
		if (place == NULL)
			continue;
		presence_linger(place, conn->sid,
						clock_now_ms() + pending->gateway->config.presence_grace,
						clock_wall_ms());
	}
}

/* Takes a place in the room, or says what is new of the one there is. */
static void
take_place(const Pending *pending, PresenceRoom *room)
{
	Conn *conn = pending->conn;
	PresencePlace *place = attendance_place(conn, room);

	if (place != NULL)
		presence_set(place, &pending->ask->state, clock_wall_ms());
	else
	{
		release_earlier(pending, room);
		place = presence_enter(room, &conn->places, conn->user,
							   attendance_home(conn)->member->name, &pending->ask->state,
							   clock_wall_ms());
		place->stands = false;
	}
}

/* The place that the client's last request left is not kept for it. */
static void
let_go(const Pending *pending)
{
	Attendance *attendance = pending->gateway->attendance;
	PresenceRoom *room;

	if (!pending->lets_go || pending->presence == NULL)
		return;
	room = presence_find(attendance_model(attendance), pending->presence);
	if (room == NULL)
		return;
	release_earlier(pending, room);
	presence_let_go(room, pending->conn->user, exchange_page(pending->conn),
					clock_wall_ms());
	attendance_look(attendance);
}

void
present_enter(Pending *pending, Sub *sub)
{
	Attendance *attendance = pending->gateway->attendance;
	PresenceRoom *room;

	let_go(pending);
	if (!needs_list(pending))
		return;
	room = presence_room(attendance_model(attendance), pending->conn->tenant,
						 pending->presence);
	presence_watch(room);
	if (pending->ask != NULL && attendance_home(pending->conn) != NULL)
	{
		if (!is_direct(pending))
			bring_along(pending, sub);
		take_place(pending, room);
	}
	/* in a quiet room the list has the one who gets it, too */
	attendance_show(attendance, room, pending->conn);
	attendance_look(attendance);
}

/* The subscription that gets the changes, unless that is over already. */
static Sub *
listener_of(const Pending *pending)
{
	return hub_find_sub(pending->conn, pending->presence);
}

/* Has the client this very list already? */
static bool
has_seen(const Pending *pending, const PresenceRoom *room)
{
	Buf version = {0};
	bool seen;

	presence_append_version(room, &version);
	seen = pending->seen != NULL && strcmp(pending->seen, buf_cstr(&version)) == 0;
	buf_free(&version);
	return seen;
}

void
present_append(const Pending *pending, Buf *out)
{
	PresenceRoom *room;
	const Buf *list;

	if (!needs_list(pending) || is_direct(pending) || listener_of(pending) == NULL ||
		listener_of(pending)->suspended)
		return;
	room =
		presence_find(attendance_model(pending->gateway->attendance), pending->presence);
	list = presence_list(room);
	buf_puts(out, ",\"presence\":");
	if (has_seen(pending, room))
		buf_puts(out, "null");
	else
		buf_append(out, list->data, list->len);
	buf_puts(out, ",\"version\":");
	presence_append_version(room, out);
}

/* The list is the one that the client has: an answer of its own, and no news. */
static void
send_unchanged(const Pending *pending, const PresenceRoom *room)
{
	Buf json = {0};

	wire_open(&json, "presence:sync", NULL, room->name);
	buf_puts(&json, "{\"users\":null,\"version\":");
	presence_append_version(room, &json);
	buf_puts(&json, "}");
	wire_close(&json);
	conn_send(pending->conn, &json);
	buf_free(&json);
}

void
present_sync(const Pending *pending)
{
	Sub *sub = needs_list(pending) ? listener_of(pending) : NULL;
	PresenceRoom *room;

	if (sub == NULL || !(is_direct(pending) || sub->suspended))
		return;
	room =
		presence_find(attendance_model(pending->gateway->attendance), pending->presence);
	if (sub->suspended)
	{
		sub_deliver(sub, presence_sync(room)); /* once it is known that it may */
		return;
	}
	if (has_seen(pending, room))
		send_unchanged(pending, room);
	else
		conn_push(pending->conn, presence_sync(room));
	/* the list covers the changes that were held behind it */
	if (sub->pending)
		sub_set_pending(sub);
}

/* ------------------------------------------------------------------- frames */

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

void
present_update(Gateway *gateway, Conn *conn, const Request *request)
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
	attendance_look(gateway->attendance);
	reply_empty(conn, request->id, "result");
}

void
present_leave(Gateway *gateway, Conn *conn, const Request *request)
{
	const Sub *sub = request->channel ? hub_find_sub(conn, request->channel) : NULL;

	if (sub == NULL ||
		presence_find(attendance_model(gateway->attendance), sub->channel->name) == NULL)
	{
		reply_error(conn, request->id, request->channel, &error_not_found,
					"not present in this channel");
		return;
	}
	unsubscribe_request(gateway, conn, request);
}
