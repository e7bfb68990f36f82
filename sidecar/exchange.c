/*
 * exchange.c: see exchange.h.
 */
#include "exchange.h"

#include "clock.h"
#include "joining.h"
#include "mem.h"
#include "poll.h"
#include "session.h"
#include "stats.h"
#include "url.h"
#include "utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CALL_ID "\"rpc\""
#define RETRY_MIN_MS 1000 /* a browser comes back by itself after so long, and */
#define RETRY_SPREAD_MS 2000

/* ---------------------------------------------------------------- beginning */

/* The value of Authorization: Bearer; NULL when there is none. */
static const char *
bearer_of(const HttpHead *head)
{
	const char *value = http_header(head, "Authorization");

	if (value == NULL || strncasecmp(value, "Bearer ", 7) != 0)
		return NULL;
	return value + 7 + strspn(value + 7, " ");
}

/* ?token= of the query. */
static void
token_of_query(const HttpHead *head, Buf *token)
{
	const char *query = head->query;
	Buf name = {0};
	Buf value = {0};
	bool broken = false;

	while (url_query_next(&query, &name, &value, &broken))
	{
		if (strcmp(name.data, "token") != 0)
			continue;
		token->len = 0;
		buf_append(token, value.data, value.len);
	}
	buf_free(&name);
	buf_free(&value);
}

bool
exchange_token(const Config *config, const HttpHead *head, Buf *token)
{
	const char *bearer = bearer_of(head);

	if (bearer != NULL)
		buf_puts(token, bearer);
	else if (config->token_in_query && strcmp(head->path, "/sse") == 0)
		token_of_query(head, token);
	return token->len > 0 && utf8_is_valid((unsigned char *) token->data, token->len);
}

/* A copy of a header's value, NULL when there is none or it is not text. */
static char *
copy_header(const HttpHead *head, const char *name)
{
	const char *value = http_header(head, name);

	if (value == NULL || !utf8_is_valid((const unsigned char *) value, strlen(value)))
		return NULL;
	return mem_strdup(value);
}

void
exchange_begin(Gateway *gateway, Conn *conn, ExchangeKind kind, const HttpHead *head,
			   Buf *body)
{
	Exchange *exchange = mem_zalloc(sizeof(Exchange));
	Buf token = {0};

	exchange->gateway = gateway;
	exchange->conn = conn;
	exchange->kind = kind;
	exchange->asked.most = (size_t) gateway->config.subscriptions_max;
	exchange->origin = copy_header(head, "Origin");
	exchange->body = *body;
	*body = (Buf){0};
	if (kind == EXCHANGE_STREAM)
		joining_read_query(exchange, head);
	else if (kind == EXCHANGE_CALL)
	{
		exchange->method = mem_strdup(head->path + strlen("/rpc/"));
		exchange->key = copy_header(head, "Idempotency-Key");
	}
	conn->exchange = exchange;
	conn->framing = kind == EXCHANGE_STREAM ? FRAMING_SSE : FRAMING_LIST;
	conn->keep_alive = conn->keep_alive && kind != EXCHANGE_STREAM;
	conn_set_state(conn, CONN_OPEN);
	exchange_token(&gateway->config, head, &token);
	if (exchange->phase == EXCHANGE_FAILED)
		conn_touch(conn);
	else
		session_begin(gateway, conn, buf_cstr(&token));
	buf_free(&token);
}

void
exchange_free(Conn *conn)
{
	Exchange *exchange = conn->exchange;

	if (exchange == NULL)
		return;
	conn->exchange = NULL;
	if (exchange->kind == EXCHANGE_STREAM && exchange->phase == EXCHANGE_STREAMING)
		stats.streams--;
	asked_free(&exchange->asked);
	poll_end(exchange);
	buf_free(&exchange->body);
	buf_free(&exchange->error);
	buf_free(&exchange->result);
	free(exchange->origin);
	free(exchange->event_id);
	free(exchange->method);
	free(exchange->key);
	free(exchange);
}

const char *
exchange_page(const Conn *conn)
{
	return conn->exchange ? conn->exchange->asked.page : NULL;
}

bool
exchange_is_same_page(const Conn *conn, const Conn *other)
{
	const char *page = exchange_page(conn);
	const char *same = exchange_page(other);

	return page != NULL && same != NULL && strcmp(page, same) == 0 &&
		   conn->tenant != NULL && other->tenant != NULL &&
		   strcmp(conn->tenant, other->tenant) == 0 &&
		   strcmp(conn->user, other->user) == 0;
}

/* Is it over when one frame was answered? */
static bool
is_single(const Exchange *exchange)
{
	return exchange->kind >= EXCHANGE_CALL;
}

/* ------------------------------------------------------------------ replies */

/* A member of the error's payload as a number, 0 when it is not there. */
static int64_t
number_of(const Buf *payload, const char *name)
{
	const char *value;
	size_t len;

	if (!wire_member(payload->data, payload->len, name, &value, &len))
		return 0;
	return strtoll(value, NULL, 10); /* a brace or comma follows */
}

/* Keeps the payload of an error frame: the first one counts. */
static void
note_error(Exchange *exchange, const Buf *json)
{
	const char *payload;
	size_t len;

	if (exchange->error.len > 0 ||
		!wire_member(json->data, json->len, "payload", &payload, &len))
		return;
	buf_append(&exchange->error, payload, len);
	(void) buf_cstr(&exchange->error);
	exchange->status = (int) number_of(&exchange->error, "status");
	exchange->retry_after = number_of(&exchange->error, "retryAfter");
}

void
exchange_fail(Exchange *exchange, const ErrorCode *code, const char *message)
{
	WireError error = {.code = code, .message = message};

	if (exchange->phase == EXCHANGE_FAILED)
		return; /* the first reason counts */
	if (code->status == 503)
		error.retry_after = 500 + clock_jitter(1000);
	exchange->phase = EXCHANGE_FAILED;
	buf_free(&exchange->error);
	exchange->status = code->status;
	exchange->retry_after = error.retry_after;
	wire_error_payload(&exchange->error, &error);
}

/* What a close code is to somebody who waits for an answer. */
static const ErrorCode *
code_of_close(int64_t close)
{
	switch (close)
	{
		case 4401:
			return &error_token_expired;
		case 4429:
			return &error_rate_limited;
		case 4501:
			return &error_session_revoked;
		case 4503:
			return &error_forbidden;
		default:
			return &error_unavailable;
	}
}

/* The connection ends. Without a word to answer with, why is the answer. */
static void
note_bye(Exchange *exchange, const Buf *json)
{
	const char *payload;
	size_t len;
	Buf bye = {0};

	if (exchange->phase >= EXCHANGE_WAITING && !is_single(exchange))
		return;
	if (wire_member(json->data, json->len, "payload", &payload, &len))
		buf_append(&bye, payload, len);
	(void) buf_cstr(&bye);
	if (exchange->result.len == 0)
	{
		const ErrorCode *code = code_of_close(number_of(&bye, "code"));

		/* a call that is under way may have run: that is what unavailable means */
		if (exchange->phase == EXCHANGE_WAITING)
			code = &error_unavailable;

		exchange_fail(exchange, code,
					  code == &error_unavailable ? "the connection was ended"
												 : code->code);
	}
	buf_free(&bye);
}

/* The answer to the frame of a call or publish. */
static void
note_call_answer(Exchange *exchange, const Buf *json, bool failed)
{
	const char *text;
	size_t len;

	if (!wire_member_is(json->data, json->len, "requestId", CALL_ID))
		return;
	if (failed)
	{
		note_error(exchange, json);
		exchange->phase = EXCHANGE_FAILED;
		return;
	}
	if (wire_member(json->data, json->len, "payload", &text, &len))
		buf_append(&exchange->result, text, len);
	if (wire_member(json->data, json->len, "id", &text, &len))
		exchange->event_id = mem_strndup(text, len);
}

void
exchange_replied(Conn *conn, const Buf *json)
{
	Exchange *exchange = conn->exchange;
	bool failed = wire_member_is(json->data, json->len, "type", "\"error\"");

	if (wire_member_is(json->data, json->len, "type", "\"bye\""))
		note_bye(exchange, json);
	else if (exchange->phase == EXCHANGE_KNOCKING && failed)
	{
		note_error(exchange, json);
		exchange->phase = EXCHANGE_FAILED;
	}
	else if (exchange->phase == EXCHANGE_KNOCKING &&
			 wire_member_is(json->data, json->len, "type", "\"connected\""))
	{
		exchange->phase = EXCHANGE_JOINING;
		if (exchange->kind != EXCHANGE_CALL)
			joining_connected(exchange);
	}
	else if (exchange->phase == EXCHANGE_JOINING && exchange->kind != EXCHANGE_CALL)
		joining_replied(exchange, json);
	else if (exchange->phase == EXCHANGE_WAITING && is_single(exchange))
		note_call_answer(exchange, json, failed);
}

/* ------------------------------------------------------------------ answers */

/* An HTTP answer in place of what was collected. */
static void
answer(Exchange *exchange, Answer *made)
{
	outbox_clear(&exchange->conn->out, false);
	poll_end(exchange);
	answer_allow_origin(&made->headers, exchange->origin);
	exchange->conn->keep_alive =
		exchange->conn->keep_alive && !exchange->gateway->draining;
	answer_send(exchange->conn, made);
}

/* The error that was noted, with its status. */
static void
answer_failure(Exchange *exchange)
{
	Answer made = {.status = exchange->status, .content_type = "application/json"};

	answer_retry_after(&made.headers, exchange->retry_after);
	if (made.status == 401)
		buf_puts(&made.headers, "WWW-Authenticate: Bearer\r\n");
	buf_append(&made.body, exchange->error.data, exchange->error.len);
	answer(exchange, &made);
}

/* The frame of a call. The parameters were checked to be one object. */
static void
send_call(Exchange *exchange)
{
	const Buf *body = &exchange->body;
	json_t *params = body->len ? wire_load(body->data, body->len) : json_object();
	Buf json = {0};

	if (json_is_object(params))
	{
		exchange->phase = EXCHANGE_WAITING;
		wire_open(&json, "call", CALL_ID, NULL);
		buf_puts(&json, "{\"method\":");
		buf_json_string(&json, exchange->method);
		buf_puts(&json, ",\"params\":");
		buf_append(&json, body->len ? body->data : "{}", body->len ? body->len : 2);
		buf_puts(&json, ",\"key\":");
		buf_json_string(&json, exchange->key);
		buf_puts(&json, "}");
		wire_close(&json);
		session_frame(exchange->gateway, exchange->conn, json.data, json.len);
	}
	else
		exchange_fail(exchange, &error_bad_request,
					  "the body must be one JSON object, the parameters");
	json_decref(params);
	buf_free(&json);
	buf_free(&exchange->body);
}

/* The frame of a publish: the body is its payload. */
static void
send_publish(Exchange *exchange)
{
	const Buf *body = &exchange->body;
	Buf json = {0};

	exchange->phase = EXCHANGE_WAITING;
	wire_open(&json, "publish", CALL_ID, exchange->asked.wanted[0].channel);
	buf_append(&json, body->data, body->len);
	wire_close(&json);
	session_frame(exchange->gateway, exchange->conn, json.data, json.len);
	buf_free(&json);
	buf_free(&exchange->body);
}

/* What the call returned, or that it was published. */
static void
answer_call(Exchange *exchange)
{
	Answer made = {.status = 200, .content_type = "application/json"};

	stats.rpc_total += exchange->kind == EXCHANGE_CALL;
	if (exchange->event_id != NULL)
		buf_printf(&made.headers, "Wrk-Event-Id: %.*s\r\n",
				   (int) strcspn(exchange->event_id + 1, "\""), exchange->event_id + 1);
	buf_append(&made.body, exchange->result.data, exchange->result.len);
	answer(exchange, &made);
}

/* The poll's frames, as they are in the outbox. */
static void
answer_poll(Exchange *exchange)
{
	Answer made = {.status = 200, .content_type = "application/json"};

	stats.polls_total++;
	poll_collect(exchange, &made.body);
	answer(exchange, &made);
}

/* The head goes before what was collected, and from now on frames go out. */
static void
begin_stream(Exchange *exchange)
{
	Conn *conn = exchange->conn;
	Buf head = {0};
	Chunk *chunk;

	buf_puts(&head, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
					"Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
					"X-Content-Type-Options: nosniff\r\nConnection: close\r\n");
	answer_allow_origin(&head, exchange->origin);
	buf_printf(&head, "\r\nretry: %" PRId64 "\n\n",
			   RETRY_MIN_MS + clock_jitter(RETRY_SPREAD_MS));
	chunk = chunk_new(CLASS_REPLY, head.data, head.len, 0, NULL);
	outbox_push_front(&conn->out, chunk);
	chunk_unref(chunk);
	buf_free(&head);
	exchange->phase = EXCHANGE_STREAMING;
	stats.http_requests_total++;
	stats.streams++;
}

/* Everything asked for is there or refused. */
static void
on_joined(Exchange *exchange)
{
	joining_settle(exchange);
	if (exchange->nnamed > 0 && exchange->nrefused >= exchange->nnamed)
		exchange->phase = EXCHANGE_FAILED; /* with the first refusal */
	else if (exchange->kind == EXCHANGE_STREAM)
	{
		begin_stream(exchange);
		joining_forget(exchange);
	}
	else if (exchange->kind == EXCHANGE_PUBLISH)
		send_publish(exchange);
	else
	{
		exchange->phase = EXCHANGE_WAITING;
		poll_begin(exchange);
	}
}

/* Sends what is to be sent next. */
static void
advance(Exchange *exchange)
{
	if (exchange->phase != EXCHANGE_JOINING || exchange->conn->state != CONN_READY)
		return;
	if (exchange->kind == EXCHANGE_CALL)
		send_call(exchange);
	else if (joining_step(exchange))
		on_joined(exchange);
}

/* After a gap a channel must be subscribed anew, which a stream's client cannot. */
static void
end_if_broken(Conn *conn)
{
	if (conn->npending == 0)
		return;
	list_foreach(node, following, &conn->subs)
	{
		if (!list_entry(node, Sub, in_conn)->broken)
			continue;
		conn_close_after_flush(conn, 4430, "gap");
		return;
	}
}

bool
exchange_may_write(Conn *conn)
{
	Exchange *exchange = conn->exchange;

	if (exchange != NULL && exchange->phase == EXCHANGE_STREAMING)
		end_if_broken(conn);
	if (exchange == NULL || conn->state == CONN_HTTP ||
		exchange->phase == EXCHANGE_STREAMING)
		return true;
	if (conn->state == CONN_DEAD)
		return false;
	advance(exchange);
	if (exchange->phase == EXCHANGE_STREAMING)
		return true;
	if (exchange->phase == EXCHANGE_FAILED)
		answer_failure(exchange);
	else if (exchange->phase == EXCHANGE_WAITING && is_single(exchange) &&
			 exchange->result.len > 0)
		answer_call(exchange);
	else if (exchange->phase == EXCHANGE_WAITING && exchange->kind == EXCHANGE_POLL &&
			 poll_is_over(exchange))
		answer_poll(exchange);
	return conn->state == CONN_HTTP;
}
