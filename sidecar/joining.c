/*
 * joining.c: see joining.h.
 */
#include "joining.h"

#include "admit.h"
#include "feed.h"
#include "mem.h"
#include "poll.h"
#include "session.h"
#include "url.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------- what is asked */

/* The payload of a subscribe frame. Either may be NULL; types is JSON text. */
static char *
make_payload(const char *since, const char *types)
{
	Buf json = {0};

	buf_puts(&json, "{\"since\":");
	buf_json_string(&json, since);
	if (types != NULL)
	{
		buf_puts(&json, ",\"types\":");
		buf_puts(&json, types);
	}
	buf_puts(&json, "}");
	(void) buf_cstr(&json);
	return json.data;
}

/* Takes over the payload; a channel that was named before is left out. */
static void
want(Exchange *exchange, const char *channel, char *payload)
{
	for (size_t i = 0; i < exchange->nwanted; i++)
	{
		if (strcmp(exchange->wanted[i].channel, channel) == 0)
		{
			free(payload);
			return;
		}
	}
	exchange->wanted =
		mem_realloc(exchange->wanted, (exchange->nwanted + 1) * sizeof(Wanted));
	exchange->wanted[exchange->nwanted++] = (Wanted){mem_strdup(channel), payload};
}

/* Is there room for one more? Fails the request when not. */
static bool
has_room(Exchange *exchange)
{
	int64_t most = exchange->gateway->config.subscriptions_max;

	if (most == 0 || exchange->nwanted < (size_t) most)
		return true;
	exchange_fail(exchange, &error_limit_exceeded, "too many subscriptions");
	return false;
}

/* The comma separated items of a types= as a JSON array's elements. */
static void
append_types(Buf *types, const char *list)
{
	while (*list != '\0')
	{
		size_t len = strcspn(list, ",");
		char *item = mem_strndup(list, len);

		if (len > 0)
		{
			buf_puts(types, types->len ? "," : "[");
			buf_json_string(types, item);
		}
		free(item);
		list += len + (list[len] == ',');
	}
}

/* Replaces what was there. */
static void
set_since(Exchange *exchange, const char *since)
{
	free(exchange->since);
	exchange->since = *since ? mem_strdup(since) : NULL;
}

/* Reads one name=value of the query. */
static void
read_item(Exchange *exchange, const char *name, const char *value, Buf *types)
{
	if (strcmp(name, "channel") == 0 && has_room(exchange))
		want(exchange, value, NULL);
	else if (strcmp(name, "since") == 0 && exchange->since == NULL)
		set_since(exchange, value);
	else if (strcmp(name, "last_event_id") == 0)
		set_since(exchange, value);
	else if (strcmp(name, "types") == 0)
		append_types(types, value);
}

/* What a browser sends by itself when it comes back is the newest. */
static void
read_last_event_id(Exchange *exchange, const HttpHead *head)
{
	const char *id = http_header(head, "Last-Event-ID");

	if (id == NULL || *id == '\0')
		return;
	if (utf8_is_valid((const unsigned char *) id, strlen(id)))
		set_since(exchange, id);
	else
		exchange_fail(exchange, &error_bad_request, "Last-Event-ID is not UTF-8");
}

void
joining_read_query(Exchange *exchange, const HttpHead *head)
{
	const char *query = head->query;
	Buf name = {0};
	Buf value = {0};
	Buf types = {0};
	bool broken = false;

	while (url_query_next(&query, &name, &value, &broken))
		read_item(exchange, name.data, value.data, &types);
	if (broken)
		exchange_fail(exchange, &error_bad_request, "the query cannot be decoded");
	read_last_event_id(exchange, head);
	if (types.len > 0)
	{
		buf_puts(&types, "]");
		exchange->types = mem_strdup(buf_cstr(&types));
	}
	for (size_t i = 0; i < exchange->nwanted; i++)
		exchange->wanted[i].payload = make_payload(exchange->since, exchange->types);
	exchange->nnamed = exchange->nwanted;
	buf_free(&name);
	buf_free(&value);
	buf_free(&types);
}

/* A member that is a string or absent; false, and failed, when it is something else. */
static bool
read_string(Exchange *exchange, const json_t *object, const char *name, const char **text)
{
	const json_t *value = json_object_get(object, name);

	*text = json_string_value(value);
	if (value == NULL || json_is_null(value) || *text != NULL)
		return true;
	exchange_fail(exchange, &error_bad_request, "a channel or position is no string");
	return false;
}

/* One of the subscriptions of a poll. */
static void
read_subscription(Exchange *exchange, const json_t *item)
{
	const json_t *filter = json_object_get(item, "types");
	char *types = filter ? json_dumps(filter, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	const char *channel;
	const char *since;

	if (!read_string(exchange, item, "channel", &channel) ||
		!read_string(exchange, item, "since", &since))
		;
	else if (channel == NULL)
		exchange_fail(exchange, &error_bad_request, "a subscription needs a channel");
	else if (has_room(exchange))
		want(exchange, channel,
			 make_payload(since ? since : exchange->since,
						  types ? types : exchange->types));
	free(types);
}

/* How long the client will wait; bounded by ours. */
static void
read_wait(Exchange *exchange, const json_t *wait)
{
	int64_t most = exchange->gateway->config.poll_wait_max;

	exchange->wait = wait ? json_integer_value(wait) : POLL_WAIT_MS;
	if (wait != NULL && (!json_is_integer(wait) || exchange->wait < 0))
		exchange_fail(exchange, &error_bad_request, "wait is a number of milliseconds");
	if (exchange->wait > most)
		exchange->wait = most;
}

/* The members of a poll's body. */
static void
read_members(Exchange *exchange, const json_t *root)
{
	const json_t *list = json_object_get(root, "subscriptions");
	const json_t *types = json_object_get(root, "types");
	const char *since;
	size_t index;
	json_t *item;

	if (!read_string(exchange, root, "since", &since))
		return;
	if (since != NULL)
		set_since(exchange, since);
	if (types != NULL)
		exchange->types = json_dumps(types, JSON_COMPACT | JSON_ENCODE_ANY);
	read_wait(exchange, json_object_get(root, "wait"));
	if (list != NULL && !json_is_array(list))
		exchange_fail(exchange, &error_bad_request, "subscriptions is an array");
	json_array_foreach(list, index, item)
	{
		if (exchange->phase != EXCHANGE_FAILED)
			read_subscription(exchange, item);
	}
	exchange->nnamed = exchange->nwanted;
}

/* {"subscriptions":[{"channel","since","types"}],"since","types","wait"}. */
static void
joining_read_body(Exchange *exchange)
{
	json_t *root = exchange->body.len > 0
					   ? wire_load(exchange->body.data, exchange->body.len)
					   : NULL;

	if (json_is_object(root))
		read_members(exchange, root);
	else
		exchange_fail(exchange, &error_bad_request, "the body must be one JSON object");
	json_decref(root);
	buf_free(&exchange->body);
}

/* ------------------------------------------------------------------ subscribing */

void
joining_connected(Exchange *exchange)
{
	Conn *conn = exchange->conn;

	if (exchange->kind == EXCHANGE_POLL)
		joining_read_body(exchange);
	conn->npending++; /* taken back by joining_settle() */
	if (exchange->since == NULL)
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

/* Did the replay bring something, or say that it cannot? */
static void
note_subscribed(Exchange *exchange, const Buf *json)
{
	const char *payload;
	size_t len;

	if (!wire_member(json->data, json->len, "payload", &payload, &len))
		return;
	if (wire_member_is(payload, len, "recovered", "false") ||
		!wire_member_is(payload, len, "events", "[]"))
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

/* The channels that nobody named go on from the position, too, with all their types. */
static void
add_the_rest(Exchange *exchange)
{
	exchange->completed = true;
	if (exchange->since == NULL)
		return;
	list_foreach(node, following, &exchange->conn->subs)
	{
		const Sub *sub = list_entry(node, Sub, in_conn);

		if (sub->serial == 0)
			want(exchange, sub->channel->name, make_payload(exchange->since, NULL));
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
	if (exchange->next == exchange->nwanted && exchange->inflight == 0 &&
		!exchange->completed)
		add_the_rest(exchange);
	while (exchange->next < exchange->nwanted && exchange->inflight < (size_t) window &&
		   exchange->phase == EXCHANGE_JOINING)
	{
		const Wanted *wanted = &exchange->wanted[exchange->next++];

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
joining_free(Exchange *exchange)
{
	for (size_t i = 0; i < exchange->nwanted; i++)
	{
		free(exchange->wanted[i].channel);
		free(exchange->wanted[i].payload);
	}
	free(exchange->wanted);
	free(exchange->since);
	free(exchange->types);
	exchange->wanted = NULL;
	exchange->nwanted = 0;
	exchange->since = NULL;
	exchange->types = NULL;
}
