/*
 * session.c: see session.h.
 *
 * Adding a frame type: a handler and a line in handlers[]. A new operation of the
 * application needs neither: it is a function that `call` may call.
 */
#include "session.h"

#include "admit.h"
#include "auth.h"
#include "clock.h"
#include "delivery.h"
#include "log.h"
#include "mem.h"
#include "present.h"
#include "publish.h"
#include "recheck.h"
#include "refusal.h"
#include "resume.h"
#include "stats.h"
#include "subscribe.h"
#include "trace.h"

#include <stdlib.h>
#include <string.h>

typedef void (*Handler)(Gateway *gateway, Conn *conn, const Request *request);

/* --------------------------------------------------------- connect and auth */

/* The token of the payload; NULL when the refusal was sent. */
static const char *
token_of(Conn *conn, const Request *request)
{
	const char *token = request_string(request, "token");

	if (token == NULL || *token == '\0')
		reply_error(conn, request->id, NULL, &error_bad_request, "a token is needed");
	return token && *token ? token : NULL;
}

/* Who are you? */
static void
handle_connect(Gateway *gateway, Conn *conn, const Request *request)
{
	const char *token;

	if (conn->state != CONN_OPEN)
	{
		reply_error(conn, request->id, NULL, &error_bad_request,
					"already connected; use auth for a new token");
		return;
	}
	token = token_of(conn, request);
	if (token != NULL)
		auth_connect(gateway, conn, request, token);
}

/* A fresh token for the same person. */
static void
handle_auth(Gateway *gateway, Conn *conn, const Request *request)
{
	const char *token = token_of(conn, request);

	if (token != NULL)
		auth_refresh(gateway, conn, request, token);
}

/* -------------------------------------------------------------------- call */

/* What a caller may not do is worth remembering; what was wrong with the call is not. */
static void
refuse_call(const Pending *pending, const ErrorCode *code)
{
	if (code->status == 403)
		refusal_record(pending->gateway, pending->conn, REFUSED_CALL, code,
					   pending->text);
}

/* The function has returned, or failed. */
static void
on_called(void *arg, const PgAnswer *answer)
{
	Pending *pending = arg;
	Conn *conn = pending->conn;
	const char *result;
	const char *event_id;
	Buf json = {0};

	trace_called(pending, answer);
	if (conn == NULL)
		;
	else if (answer->status != PG_ROWS)
		refuse_call(pending, reply_database_error(conn, pending->id, NULL, answer));
	else
	{
		result = pg_value(answer, 0, 0);
		event_id = pg_value(answer, 0, 1);
		wire_open(&json, "result", pending->id, NULL);
		buf_puts(&json, result ? result : "null");
		if (event_id != NULL)
		{
			buf_puts(&json, ",\"id\":");
			buf_json_string(&json, event_id);
		}
		wire_close(&json);
		conn_send(conn, &json);
		buf_free(&json);
	}
	pending_end(pending);
}

/* params: JSON text, freed here, or NULL for none; key: idempotency key or NULL. */
static void
call(Gateway *gateway, Conn *conn, const Request *request, const char *method,
	 char *params, const char *key)
{
	const char *values[4] = {conn->token, method, params ? params : "{}", key};
	Pending *pending = pending_begin(gateway, conn, request);

	if (pending != NULL)
	{
		pending->text = mem_strdup(method);
		pending_send(pending, STMT_CALL, values, on_called);
	}
	free(params);
}

/* The idempotency key; false, and refused, if it is none. */
static bool
read_key(Conn *conn, const Request *request, const json_t **key)
{
	*key = json_object_get(request->payload, "key");
	if (*key == NULL || json_is_string(*key) || json_is_null(*key))
		return true;
	reply_error(conn, request->id, NULL, &error_bad_request, "key must be a string");
	return false;
}

/* Runs a registered function as the user. */
static void
handle_call(Gateway *gateway, Conn *conn, const Request *request)
{
	const char *method = request_string(request, "method");
	const json_t *key;

	if (method == NULL || *method == '\0')
	{
		reply_error(conn, request->id, NULL, &error_bad_request, "call needs a method");
		return;
	}
	if (read_key(conn, request, &key))
		call(gateway, conn, request, method, request_text(request, "params"),
			 json_string_value(key));
}

/*
 * The payload but for the key, which is not one of the function's parameters, as it
 * was written; malloc'd.
 */
static char *
payload_without_key(const Request *request)
{
	Buf json = {0};
	const char *name;
	json_t *value;

	buf_puts(&json, "{");
	json_object_foreach(request->payload, name, value)
	{
		char *text;

		if (strcmp(name, "key") == 0)
			continue;
		text = request_text(request, name);
		buf_puts(&json, json.len > 1 ? "," : "");
		buf_json_string(&json, name);
		buf_puts(&json, ":");
		buf_puts(&json, text);
		free(text);
	}
	buf_puts(&json, "}");
	(void) buf_cstr(&json);
	return json.data;
}

/* Frames of the source systems that are calls: the payload is the parameters. */
static void
handle_source_call(Gateway *gateway, Conn *conn, const Request *request)
{
	static const char *const methods[][2] = {{"message", "message.send"},
											 {"change", "blueprint.apply"},
											 {"file_update", "file.update"},
											 {"lock", "lock.acquire"},
											 {"unlock", "lock.release"}};
	const char *method = request->type;
	const json_t *key;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
	{
		if (strcmp(request->type, methods[i][0]) == 0)
			method = methods[i][1];
	}
	if (read_key(conn, request, &key))
		call(gateway, conn, request, method, payload_without_key(request),
			 json_string_value(key));
}

/* ------------------------------------------------------------ small frames */

/* Answered at once, whoever asks. */
static void
handle_ping(Gateway *gateway, Conn *conn, const Request *request)
{
	Buf json = {0};

	(void) gateway;
	wire_open(&json, "pong", request->id, NULL);
	buf_puts(&json, "{}");
	wire_close(&json);
	conn_send(conn, &json);
	buf_free(&json);
}

/* A live socket is heartbeat enough; the frames are accepted for old clients. */
static void
handle_heartbeat(Gateway *gateway, Conn *conn, const Request *request)
{
	(void) gateway;
	reply_empty(conn, request->id, "result");
}

/* Answers, then closes. */
static void
handle_disconnect(Gateway *gateway, Conn *conn, const Request *request)
{
	(void) gateway;
	reply_empty(conn, request->id, "result");
	conn_close_after_flush(conn, 1000, "");
}

/* ---------------------------------------------------------------- dispatch */

/* What may be said of a type, or-ed. */
enum
{
	ANYBODY = 1,   /* accepted before connect */
	ANYTIME = 2,   /* and while the database is asked what the client may */
	HEARTBEAT = 4, /* no sign that anybody is there */
};

typedef struct FrameType
{
	const char *type;
	Handler handle;
	unsigned flags;
} FrameType;

static const FrameType frame_types[] = {
	{"connect", handle_connect, ANYBODY},
	{"auth", handle_auth, ANYTIME},
	{"subscribe", subscribe_request, 0},
	{"unsubscribe", unsubscribe_request, 0},
	{"publish", publish_request, 0},
	{"call", handle_call, 0},
	{"ping", handle_ping, ANYBODY},
	{"pong", handle_heartbeat, ANYBODY | HEARTBEAT},
	{"disconnect", handle_disconnect, ANYBODY},
	{"presence:heartbeat", handle_heartbeat, ANYTIME | HEARTBEAT},
	{"presence:join", subscribe_request, 0},
	{"presence:update", present_update, 0},
	{"presence:leave", present_leave, 0},
	/* names of the source systems */
	{"join", subscribe_request, 0},
	{"join_room", subscribe_request, 0},
	{"leave", unsubscribe_request, 0},
	{"leave_room", unsubscribe_request, 0},
	{"typing_start", publish_source_request, 0},
	{"typing_stop", publish_source_request, 0},
	{"cursor", publish_source_request, 0},
	{"edit", publish_source_request, 0},
	{"message", handle_source_call, 0},
	{"change", handle_source_call, 0},
	{"file_update", handle_source_call, 0},
	{"lock", handle_source_call, 0},
	{"unlock", handle_source_call, 0},
	{"presence", handle_heartbeat, ANYTIME | HEARTBEAT},
};

/* NULL when there is no such frame. */
static const FrameType *
find_frame_type(const char *type)
{
	for (size_t i = 0; i < sizeof(frame_types) / sizeof(frame_types[0]); i++)
	{
		if (strcmp(frame_types[i].type, type) == 0)
			return &frame_types[i];
	}
	return NULL;
}

/* Whose limits it counts against. */
static LimitClass
class_of(const FrameType *frame)
{
	if (frame->handle == handle_call || frame->handle == handle_source_call)
		return CLASS_OF_CALLS;
	if (frame->handle == publish_request || frame->handle == publish_source_request)
		return CLASS_OF_PUBLISHES;
	if (frame->handle == subscribe_request)
		return CLASS_OF_SUBSCRIBES;
	return CLASS_OF_OTHERS;
}

/* Checks that the frame may come now, and calls its handler. */
static void
dispatch(Gateway *gateway, Conn *conn, const Request *request, const char *text,
		 size_t len)
{
	const FrameType *found = find_frame_type(request->type);

	if (found != NULL && (found->flags & HEARTBEAT) == 0)
		conn->active_at = clock_now_ms();

	if (found == NULL)
	{
		stats.bad_requests_total++;
		reply_error(conn, request->id, request->channel, &error_bad_request,
					"unknown frame type");
	}
	else if (conn->state != CONN_READY && !(found->flags & ANYBODY))
		reply_error(conn, request->id, request->channel, &error_unauthorized,
					"connect with a token first");
	else if (gateway->draining)
		reply_unavailable(conn, request->id, request->channel);
	else if (!recheck_admits(conn, request, found->flags & (ANYBODY | ANYTIME), text,
							 len))
		;
	else if (conn->state != CONN_READY || admit_frame(conn, request, class_of(found)))
		found->handle(gateway, conn, request);
}

void
session_frame(Gateway *gateway, Conn *conn, const char *text, size_t len)
{
	const Config *config = &gateway->config;
	Request request;
	const char *why = NULL;
	int64_t retry_ms;

	stats.frames_in_total++;
	if (!request_parse(&request, text, len, &why))
	{
		stats.bad_requests_total++;
		reply_error(conn, request.id, NULL, &error_bad_request, why);
		admit_lose_patience(conn);
	}
	else if (!bucket_take(&conn->rate, config->rate_limit, config->rate_burst,
						  clock_now_ms(), &retry_ms))
		admit_refuse_frame(conn, &request, retry_ms);
	else
		dispatch(gateway, conn, &request, text, len);
	request_free(&request);
}

void
session_deferred(Gateway *gateway, Conn *conn, const char *text, size_t len)
{
	Request request;
	const char *why = NULL;

	if (request_parse(&request, text, len, &why))
		dispatch(gateway, conn, &request, text, len);
	request_free(&request);
}

void
session_begin(Gateway *gateway, Conn *conn, const char *token)
{
	const Request from_upgrade = {0};

	if (token != NULL)
		auth_connect(gateway, conn, &from_upgrade, token);
}

void
session_end(Gateway *gateway, Conn *conn)
{
	pending_orphan_all(conn);
	recheck_gone(conn);
	resume_gone(conn);
	delivery_gone(conn);
	hub_unsubscribe_all(&gateway->hub, conn);
}
