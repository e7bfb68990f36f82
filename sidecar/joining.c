/*
 * joining.c: see joining.h.
 */
#include "joining.h"

#include "admit.h"
#include "feed.h"
#include "mem.h"
#include "poll.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------- what is asked */

/* Nothing was wrong with it, or the request fails. */
static void
judge(Exchange *exchange)
{
	if (exchange->asked.error != NULL)
		exchange_fail(exchange, exchange->asked.error, exchange->asked.why);
	exchange->nnamed = exchange->asked.nwanted;
}

void
joining_read_query(Exchange *exchange, const HttpHead *head)
{
	asked_read_query(&exchange->asked, head->query, http_header(head, "Last-Event-ID"));
	judge(exchange);
}

/* How long the client will wait; bounded by ours. */
static int64_t
wait_of(const Exchange *exchange)
{
	int64_t most = exchange->gateway->config.poll_wait_max;
	int64_t wait = exchange->asked.wait < 0 ? POLL_WAIT_MS : exchange->asked.wait;

	return wait < most ? wait : most;
}

/* A poll's is not needed any more, a publish's is what it says. */
static void
read_body(Exchange *exchange)
{
	Buf *body = &exchange->body;

	if (exchange->kind == EXCHANGE_POLL)
	{
		asked_read_poll(&exchange->asked, body->data, body->len);
		exchange->wait = wait_of(exchange);
		buf_free(body);
	}
	else if (exchange->kind == EXCHANGE_PUBLISH)
		asked_read_publish(&exchange->asked, body->data, body->len);
	judge(exchange);
}

/* ------------------------------------------------------------------ subscribing */

void
joining_connected(Exchange *exchange)
{
	Conn *conn = exchange->conn;

	if (exchange->kind != EXCHANGE_STREAM)
		read_body(exchange);
	conn->npending++; /* taken back by joining_settle() */
	if (exchange->asked.since == NULL)
		return;
	list_foreach(node, following, &conn->subs)
	{
		sub_set_pending(list_entry(node, Sub, in_conn));
	}
}

/* A refusal leaves the channel out; what may pass fails the request. */
static void
note_refusal(Exchange *exchange, const Buf *json)
{
	const char *text;
	size_t len;
	Buf payload = {0};
	int status = 0;

	if (wire_member(json->data, json->len, "payload", &text, &len))
		buf_append(&payload, text, len);
	(void) buf_cstr(&payload); /* numbers in it are read as text */
	if (wire_member(payload.data, payload.len, "status", &text, &len))
		status = atoi(text);
	exchange->news = true;
	/* two names of one channel: the answer to the later one counts */
	if (status != 409)
	{
		exchange->nrefused++;
		if (exchange->error.len == 0 || (status != 403 && status != 404))
		{
			buf_free(&exchange->error);
			exchange->error = payload;
			payload = (Buf){0};
			exchange->status = status;
			if (wire_member(exchange->error.data, exchange->error.len, "retryAfter",
							&text, &len))
				exchange->retry_after = atoll(text);
		}
		if (status != 403 && status != 404)
			exchange->phase = EXCHANGE_FAILED;
	}
	buf_free(&payload);
}

/* Did the replay bring something, or say that it cannot; who is there, perhaps? */
static void
note_subscribed(Exchange *exchange, const Buf *json)
{
	const char *payload;
	const char *list;
	size_t len;
	size_t list_len;

	if (!wire_member(json->data, json->len, "payload", &payload, &len))
		return;
	if (wire_member_is(payload, len, "recovered", "false") ||
		!wire_member_is(payload, len, "events", "[]") ||
		(wire_member(payload, len, "presence", &list, &list_len) && *list == '['))
		exchange->news = true;
}

void
joining_replied(Exchange *exchange, const Buf *json)
{
	bool subscribed = wire_member_is(json->data, json->len, "type", "\"subscribed\"");
	bool refused = wire_member_is(json->data, json->len, "type", "\"error\"");

	if ((!subscribed && !refused) || exchange->inflight == 0)
		return;
	exchange->inflight--;
	if (subscribed)
		note_subscribed(exchange, json);
	else
		note_refusal(exchange, json);
}

/* Is it there already, by another name? */
static bool
is_joined(const Exchange *exchange, const char *channel)
{
	const Sub *sub = hub_find_sub(exchange->conn, channel);

	return sub != NULL && sub->serial != 0;
}

/* Did another channel bring it along, to hear who is there? */
static bool
is_companion(const Sub *sub)
{
	list_foreach(node, following, &sub->conn->subs)
	{
		const char *companion = list_entry(node, Sub, in_conn)->companion;

		if (companion != NULL && strcmp(companion, sub->channel->name) == 0)
			return true;
	}
	return false;
}

/* The channels that nobody named go on from the position, too, with all their types. */
static void
add_the_rest(Exchange *exchange)
{
	Asked *asked = &exchange->asked;

	exchange->completed = true;
	if (asked->since == NULL)
		return;
	list_foreach(node, following, &exchange->conn->subs)
	{
		const Sub *sub = list_entry(node, Sub, in_conn);

		if (sub->serial == 0 && !is_companion(sub))
			asked_add(asked, sub->channel->name, asked->since);
	}
}

/* One subscribe frame. */
static void
send_subscribe(Exchange *exchange, const Wanted *wanted)
{
	Buf json = {0};

	buf_puts(&json, "{\"type\":\"subscribe\",\"channel\":");
	buf_json_string(&json, wanted->channel);
	buf_puts(&json, ",\"payload\":");
	buf_puts(&json, wanted->payload);
	buf_puts(&json, "}");
	exchange->inflight++;
	session_frame(exchange->gateway, exchange->conn, json.data, json.len);
	buf_free(&json);
}

bool
joining_step(Exchange *exchange)
{
	int64_t window = admit_value(exchange->conn, LIMIT_requests_max);

	if (window == 0 || window > EXCHANGE_WINDOW)
		window = EXCHANGE_WINDOW;
	if (exchange->next == exchange->asked.nwanted && exchange->inflight == 0 &&
		!exchange->completed)
		add_the_rest(exchange);
	while (exchange->next < exchange->asked.nwanted &&
		   exchange->inflight < (size_t) window && exchange->phase == EXCHANGE_JOINING)
	{
		const Wanted *wanted = &exchange->asked.wanted[exchange->next++];

		if (!is_joined(exchange, wanted->channel))
			send_subscribe(exchange, wanted);
	}
	if (exchange->phase != EXCHANGE_JOINING || exchange->inflight > 0)
		return false;
	return exchange->completed || joining_step(exchange);
}

void
joining_settle(Exchange *exchange)
{
	exchange->conn->npending--;
	feed_settle_position(exchange->gateway->feed, exchange->conn);
}

void
joining_forget(Exchange *exchange)
{
	char *page = exchange->asked.page;

	exchange->asked.page = NULL;
	asked_free(&exchange->asked);
	exchange->asked.page = page;
}
