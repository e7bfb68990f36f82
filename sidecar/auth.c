/*
 * auth.c: see auth.h.
 */
#include "auth.h"

#include "admit.h"
#include "attendance.h"
#include "clock.h"
#include "feed.h"
#include "mem.h"
#include "opened.h"
#include "recheck.h"
#include "refusal.h"
#include "resume.h"
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The connection is this identity from now on, and keeps the token for its requests. */
static void
adopt(Conn *conn, const Opened *opened, const char *token)
{
	conn_set_identity(conn, opened->tenant, opened->user, opened->sid);
	conn_set_token(conn, token);
	conn->expires_at = opened->expires_at;
	conn->warned = false;
	admit_own_limits(conn, opened->limits);
}

/* Channels that the database joins a client to without being asked. */
static void
subscribe_defaults(Gateway *gateway, Conn *conn, const Opened *opened)
{
	size_t index;
	json_t *item;

	json_array_foreach(json_object_get(opened->root, "channels"), index, item)
	{
		const char *name = json_string_value(item);

		if (name != NULL && hub_find_sub(conn, name) == NULL)
		{
			Sub *sub = hub_subscribe(&gateway->hub, conn, name);

			sub->answered = true;
			feed_join(gateway->feed, sub);
		}
	}
}

/* Appends a JSON value, null when there is none. */
static void
append_json(Buf *out, const json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	buf_puts(out, text ? text : "null");
	free(text);
}

/* What connected and the answer to auth both tell. */
static void
append_identity(Buf *out, const Conn *conn, const Opened *opened)
{
	buf_puts(out, "{\"session\":");
	buf_json_string(out, resume_session(conn));
	buf_puts(out, ",\"user\":");
	append_json(out, json_object_get(opened->root, "user"));
	buf_puts(out, ",\"tenant\":");
	buf_json_string(out, conn->tenant);
	buf_puts(out, ",\"expiresAt\":");
	wire_number_or_null(out, conn->expires_at);
}

/* Tells the client who it is, what it is in, and from where its stream goes on. */
static void
send_connected(Gateway *gateway, Conn *conn, const char *id, const Opened *opened,
			   const char *snapshot, bool resumed)
{
	const Config *config = &gateway->config;
	Buf json = {0};
	Buf position = {0};

	feed_append_position(gateway->feed, &position, snapshot);
	wire_open(&json, "connected", id, NULL);
	append_identity(&json, conn, opened);
	buf_puts(&json, ",\"key\":");
	buf_json_string(&json, resume_key(conn));
	buf_printf(&json, ",\"resumed\":%s,\"channels\":", resumed ? "true" : "false");
	append_json(&json, json_object_get(opened->root, "channels"));
	buf_printf(&json,
			   ",\"heartbeat\":%" PRId64 ",\"limits\":{\"subscriptions\":%" PRId64
			   ",\"frame\":%" PRId64 ",\"rate\":%" PRId64 ",\"calls\":%" PRId64
			   "},\"position\":",
			   config->heartbeat, admit_value(conn, LIMIT_subscriptions_max),
			   config->frame_max, config->rate_limit,
			   admit_value(conn, LIMIT_user_calls_second));
	buf_json_string(&json, buf_cstr(&position));
	buf_puts(&json, "}");
	wire_close(&json);
	conn_send(conn, &json);
	buf_free(&json);
	buf_free(&position);
}

/* The snapshot that a subscription made now goes on from; borrowed. */
static const char *
present_snapshot(Gateway *gateway)
{
	Sub unused = {0};

	return feed_join(gateway->feed, &unused);
}

/* A verified client: from here on it gets events. */
static void
accept_client(Pending *pending, const Opened *opened)
{
	Gateway *gateway = pending->gateway;
	Conn *conn = pending->conn;
	char *snapshot;
	bool resumed;

	stats.auth_ok_total++;
	if (!admit_person(conn, pending->id, opened->tenant, opened->user, opened->limits))
		return;
	snapshot = mem_strdup(present_snapshot(gateway));
	adopt(conn, opened, pending->text);
	conn->mask = opened->mask;
	conn_set_state(conn, CONN_READY);
	resumed = resume_take(gateway, conn, pending->resume);
	resume_begin(conn);
	subscribe_defaults(gateway, conn, opened);
	attendance_identified(gateway, conn, json_object_get(opened->root, "presence"));
	send_connected(gateway, conn, pending->id, opened, snapshot, resumed);
	conn->position_at = clock_now_ms();
	/* not all at once when many came at once */
	conn->rechecked_at =
		conn->position_at - clock_jitter(gateway->config.recheck_interval / 2 + 1);
	if (gateway->access_seq > pending->access_seq)
		recheck_conn(conn);
	free(snapshot);
}

/* The answer to a token was no, rather than that it cannot be answered now. */
static void
record_refusal(const Pending *pending, const ErrorCode *code)
{
	if (code->status == 401 || code->status == 403)
		refusal_record(pending->gateway, pending->conn, REFUSED_LOGIN, code, NULL);
}

/* A refused token ends the connection with the code that says what to do. */
static void
refuse_client(Conn *conn, const ErrorCode *code)
{
	if (code->status == 401)
		conn_close_after_flush(conn, strcmp(code->retry, "no") == 0 ? 4501 : 4401,
							   code->code);
	else if (code->status == 403)
		conn_close_after_flush(conn, 4503, code->code);
	else
		conn_set_state(conn, CONN_OPEN);
}

/* "session.key" of what the client wants to take up; NULL when it does not say it. */
static char *
read_resume(const Request *request)
{
	const json_t *resume = json_object_get(request->payload, "resume");
	const char *session = json_string_value(json_object_get(resume, "session"));
	const char *key = json_string_value(json_object_get(resume, "key"));
	Buf text = {0};

	if (session == NULL || key == NULL)
		return NULL;
	buf_printf(&text, "%s.%s", session, key);
	(void) buf_cstr(&text);
	return text.data;
}

/* The database has judged the token of a connect. */
static void
on_connect_answer(void *arg, const PgAnswer *answer)
{
	Pending *pending = arg;
	Conn *conn = pending->conn;
	Opened opened = {0};

	if (conn != NULL && conn->state == CONN_AUTHENTICATING)
	{
		if (answer->status != PG_ROWS)
		{
			const ErrorCode *code = reply_database_error(conn, pending->id, NULL, answer);

			stats.auth_refused_total += answer->status == PG_ERROR;
			record_refusal(pending, code);
			refuse_client(conn, code);
		}
		else if (!feed_is_up(pending->gateway->feed) ||
				 !opened_read(&opened, pg_value(answer, 0, 0)))
		{
			reply_unavailable(conn, pending->id, NULL);
			conn_set_state(conn, CONN_OPEN);
		}
		else
			accept_client(pending, &opened);
	}
	opened_free(&opened);
	pending_end(pending);
}

void
auth_connect(Gateway *gateway, Conn *conn, const Request *request, const char *token)
{
	const char *values[1] = {token};
	Pending *pending;

	if (!feed_is_up(gateway->feed))
	{
		reply_unavailable(conn, request->id, NULL);
		return;
	}
	pending = pending_begin(gateway, conn, request);
	if (pending == NULL)
		return;
	pending->text = mem_strdup(token);
	pending->resume = read_resume(request);
	conn_set_state(conn, CONN_AUTHENTICATING);
	if (!pending_send(pending, STMT_OPEN, values, on_connect_answer))
		conn_set_state(conn, CONN_OPEN);
}

/* Answers an auth frame. */
static void
send_refreshed(Conn *conn, const char *id, const Opened *opened)
{
	Buf json = {0};

	wire_open(&json, "result", id, NULL);
	append_identity(&json, conn, opened);
	buf_puts(&json, "}");
	wire_close(&json);
	conn_send(conn, &json);
	buf_free(&json);
}

/* Takes the new token if it is for the same person. */
static void
refresh_with(Pending *pending, const Opened *opened)
{
	Conn *conn = pending->conn;

	if (strcmp(opened->tenant, conn->tenant) != 0 ||
		strcmp(opened->user, conn->user) != 0)
	{
		stats.auth_refused_total++;
		reply_error(conn, pending->id, NULL, &error_forbidden,
					"the token is for somebody else");
		record_refusal(pending, &error_forbidden);
		return;
	}
	stats.auth_ok_total++;
	adopt(conn, opened, pending->text);
	attendance_identified(pending->gateway, conn,
						  json_object_get(opened->root, "presence"));
	send_refreshed(conn, pending->id, opened);
	/* what the token before was told is not what this one may */
	conn->access_seq = ++pending->gateway->access_seq;
	/* what it may as that, in the channels it is in; held until that is known */
	recheck_got_token(conn);
}

/* The database has judged the token of an auth. */
static void
on_refresh_answer(void *arg, const PgAnswer *answer)
{
	Pending *pending = arg;
	Conn *conn = pending->conn;
	Opened opened = {0};

	if (conn != NULL && conn->state == CONN_READY)
	{
		if (answer->status != PG_ROWS)
			record_refusal(pending,
						   reply_database_error(conn, pending->id, NULL, answer));
		else if (!opened_read(&opened, pg_value(answer, 0, 0)))
			reply_error(conn, pending->id, NULL, &error_internal, "internal error");
		else
			refresh_with(pending, &opened);
	}
	opened_free(&opened);
	pending_end(pending);
}

void
auth_refresh(Gateway *gateway, Conn *conn, const Request *request, const char *token)
{
	const char *values[1] = {token};
	Pending *pending = pending_begin(gateway, conn, request);

	if (pending == NULL)
		return;
	pending->text = mem_strdup(token);
	pending_send(pending, STMT_OPEN, values, on_refresh_answer);
}
