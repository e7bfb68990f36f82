/*
 * subscribe.c: see subscribe.h.
 */
#include "subscribe.h"

#include "admit.h"
#include "eventrow.h"
#include "feed.h"
#include "log.h"
#include "mem.h"
#include "opened.h"
#include "present.h"
#include "recheck.h"
#include "refusal.h"
#include "stats.h"
#include "subscribed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* times outbox_max: a slow line may bring many channels back */
#define REPLAYS_UNSENT 4

#define REPLAY_ROWS_ANY INT64_C(1000000) /* no limit: bytes end it */

#define REPLAYS_MAX 5 /* of one request, when rights change all the time */

static uint64_t last_serial;

static void replay(Pending *pending);

/* The subscription that this request made, if it still stands for it. */
static Sub *
own_sub(const Pending *pending)
{
	Sub *sub = hub_find_sub(pending->conn, pending->channel);

	return sub != NULL && sub->serial == pending->serial ? sub : NULL;
}

/* Ends a subscription, and the one to its presence that it brought along. */
static void
leave(Gateway *gateway, Sub *sub)
{
	const Conn *conn = sub->conn;
	char *companion = sub->companion;

	sub->companion = NULL;
	hub_unsubscribe(&gateway->hub, sub);
	if (companion != NULL && hub_find_sub(conn, companion) != NULL)
		hub_unsubscribe(&gateway->hub, hub_find_sub(conn, companion));
	free(companion);
}

/*
 * An error answers the request: no subscription is left, unless it was asked for
 * wrongly or too often.
 */
static void
drop_earlier(Gateway *gateway, const Conn *conn, const char *channel,
			 const ErrorCode *code)
{
	Sub *sub = hub_find_sub(conn, channel);

	if (sub != NULL && code->status != 400 && code->status != 429)
		leave(gateway, sub);
}

/* The database cannot be asked. */
static void
refuse_unavailable(Pending *pending)
{
	reply_unavailable(pending->conn, pending->id, pending->channel);
	drop_earlier(pending->gateway, pending->conn, pending->channel, &error_unavailable);
}

/* What was held goes out behind the answer. */
static void
release(Pending *pending, bool replayed)
{
	Sub *sub = own_sub(pending);

	if (sub == NULL)
		return;
	sub->answered = true;
	sub_release(sub, replayed);
	feed_send_position(pending->gateway->feed, pending->conn);
}

/* No replay: a subscription made for it goes, one that was there goes on if it may. */
static void
replay_failed(Pending *pending, const PgAnswer *answer)
{
	const ErrorCode *code =
		reply_database_error(pending->conn, pending->id, pending->channel, answer);

	if (pending->made)
		hub_unsubscribe(&pending->gateway->hub, own_sub(pending));
	else
	{
		drop_earlier(pending->gateway, pending->conn, pending->channel, code);
		release(pending, false);
	}
}

/* Does more wait to be sent than another replay should be added to? */
static bool
is_crowded(const Conn *conn)
{
	return conn->out.reply_bytes > REPLAYS_UNSENT * conn->table->limits.max;
}

/* Does nobody know whether the client may see what was replayed? */
static bool
is_doubtful(const Pending *pending, const PgAnswer *answer)
{
	return answer->status == PG_ROWS && own_sub(pending)->doubted;
}

/* The right was lost while it was replayed: the words for one that never was. */
static void
deny(Pending *pending)
{
	reply_no_channel(pending->conn, pending->id, pending->channel);
	hub_unsubscribe(&pending->gateway->hub, own_sub(pending));
}

/* The database has replayed, or says that it cannot. */
static void
on_replayed(void *arg, const PgAnswer *answer)
{
	Pending *pending = arg;

	if (!pending_is_wanted(pending))
	{
		pending_end(pending);
		return;
	}
	if (own_sub(pending) == NULL)
		reply_error(pending->conn, pending->id, pending->channel, &error_conflict,
					"overtaken by a later request for this channel");
	else if (own_sub(pending)->denied)
		deny(pending);
	else if (is_doubtful(pending, answer) && pending->replays < REPLAYS_MAX)
	{
		replay(pending); /* with the rights of now */
		return;
	}
	else if (answer->status == PG_ROWS)
	{
		bool recovered = !is_crowded(pending->conn) && !is_doubtful(pending, answer);

		subscribed_send(pending, own_sub(pending), recovered ? answer : NULL, recovered);
		release(pending, true);
	}
	else if (answer->status == PG_ERROR && errors_find(answer->sqlstate)->status == 410)
	{
		subscribed_send(pending, own_sub(pending), NULL, false);
		release(pending, true);
	}
	else
		replay_failed(pending, answer);
	pending_end(pending);
}

/*
 * From where the subscription goes on. One that is there already and is not to
 * have a replay just goes on: to begin it anew in the middle of a fetch would skip
 * the rest of that. One that is broken has skipped what came of it already.
 */
static const char *
continue_from(const Pending *pending, Sub *sub)
{
	Feed *feed = pending->gateway->feed;

	return pending->made || sub->broken || pending->text != NULL ? feed_join(feed, sub)
																 : feed_snapshot(feed);
}

/* Makes the subscription, or takes over the one there is, from here on. */
static Sub *
join(Pending *pending)
{
	Gateway *gateway = pending->gateway;
	Sub *sub = hub_find_sub(pending->conn, pending->channel);
	Buf position = {0};

	pending->made = sub == NULL || !sub->answered;
	if (sub == NULL)
		sub = hub_subscribe(&gateway->hub, pending->conn, pending->channel);
	hub_set_alias(sub, pending->as);
	hub_set_filter(sub, type_filter_ref(pending->filter));
	sub->can_publish = pending->can_publish;
	sub->serial = ++last_serial;
	pending->serial = sub->serial;
	free(pending->upto);
	free(pending->position);
	pending->upto = mem_strdup(continue_from(pending, sub));
	sub_set_broken(sub, false);
	/* with the epoch of now: another database may answer before we do */
	recheck_joined(pending, sub);
	feed_append_position(gateway->feed, &position, pending->upto);
	pending->position = mem_strdup(buf_cstr(&position));
	buf_free(&position);
	return sub;
}

/* Subscribes, pending, and asks for what was missed. */
static void
replay(Pending *pending)
{
	char rows[24];
	const char *values[5] = {pending->conn->token, pending->channel, pending->text, NULL,
							 rows};
	Gateway *gateway = pending->gateway;
	Sub *sub = join(pending);
	int64_t most = admit_value(pending->conn, LIMIT_replay_rows);

	sub_set_pending(sub);
	sub->doubted = false;
	pending->replays++;
	snprintf(rows, sizeof(rows), "%" PRId64, most > 0 ? most : REPLAY_ROWS_ANY);
	values[3] = pending->upto;
	if (!pending_send(pending, STMT_REPLAY, values, on_replayed))
		hub_unsubscribe(&gateway->hub, sub);
}

/* The feed is not behind the client any more. */
static void
on_feed_caught_up(void *arg, bool ok)
{
	Pending *pending = arg;

	if (!pending_is_wanted(pending))
		pending_end(pending);
	else if (!ok)
	{
		refuse_unavailable(pending);
		pending_end(pending);
	}
	else
		replay(pending);
}

/* Keeps what gateway_subscribe() answered; false when it makes no sense. */
static bool
read_grant(Pending *pending, const PgAnswer *answer)
{
	const char *text = pg_value(answer, 0, 0);
	json_t *grant = json_loads(text ? text : "", 0, NULL);
	const char *channel = json_string_value(json_object_get(grant, "channel"));
	const char *as = json_string_value(json_object_get(grant, "as"));
	const char *presence = json_string_value(json_object_get(grant, "presence"));
	json_t *can = json_object_get(grant, "can");

	if (channel != NULL && json_is_array(can))
	{
		free(pending->as);
		pending->as = mem_strdup(as ? as : pending->channel);
		free(pending->channel);
		pending->channel = mem_strdup(channel);
		pending->presence = presence ? mem_strdup(presence) : NULL;
		pending->rights = json_dumps(can, JSON_COMPACT);
		pending->can_publish = grant_may_publish(grant);
	}
	json_decref(grant);
	return pending->rights != NULL;
}

/* Without a replay: what an overtaken one held is part of a stream that goes on. */
static void
release_live(Pending *pending)
{
	Sub *sub = own_sub(pending);

	if (pending->made)
		sub_set_pending(sub);
	sub_release(sub, pending->made);
	sub->answered = true;
}

/* Joins at once, or after the feed has caught up with the position. */
static void
join_or_wait(Pending *pending)
{
	Gateway *gateway = pending->gateway;

	if (!feed_is_up(gateway->feed))
		refuse_unavailable(pending);
	else if (pending->text == NULL)
	{
		join(pending);
		subscribed_send(pending, own_sub(pending), NULL, true);
		release_live(pending);
	}
	else if (feed_after_next_fetch(gateway->feed, on_feed_caught_up, pending))
		return;
	pending_end(pending);
}

/* Who is there elsewhere is known, or cannot be. */
static void
on_presence_read(void *arg, bool ok)
{
	Pending *pending = arg;

	(void) ok;
	if (pending_is_wanted(pending))
		join_or_wait(pending);
	else
		pending_end(pending);
}

/* May join: when all that the answer tells is known. */
static void
proceed(Pending *pending)
{
	if (!present_wait(pending, on_presence_read))
		join_or_wait(pending);
}

/* Checked again, because requests run side by side; refused if not. */
static bool
has_room(const Pending *pending)
{
	return hub_find_sub(pending->conn, pending->channel) != NULL ||
		   admit_subscription(pending->conn, pending->id, pending->channel);
}

/* Whoever names a channel of another tenant did not get there by mistake. */
static void
refuse_channel(const Pending *pending, const ErrorCode *code)
{
	if (code->status == 404 &&
		refusal_is_foreign(pending->channel, pending->conn->tenant))
		refusal_record(pending->gateway, pending->conn, REFUSED_CHANNEL, code,
					   pending->channel);
}

/* The database has decided whether this client may join. */
static void
on_granted(void *arg, const PgAnswer *answer)
{
	Pending *pending = arg;

	if (!pending_is_wanted(pending))
		pending_end(pending);
	else if (answer->status != PG_ROWS)
	{
		const ErrorCode *code =
			reply_database_error(pending->conn, pending->id, pending->channel, answer);

		drop_earlier(pending->gateway, pending->conn, pending->channel, code);
		refuse_channel(pending, code);
		pending_end(pending);
	}
	else if (!read_grant(pending, answer))
	{
		log_error("gateway_subscribe answered nonsense", "");
		reply_error(pending->conn, pending->id, pending->channel, &error_internal,
					"internal error");
		pending_end(pending);
	}
	else if (!has_room(pending) || !present_admits(pending))
		pending_end(pending);
	else
		proceed(pending);
}

void
subscribe_request(Gateway *gateway, Conn *conn, const Request *request)
{
	const char *values[2] = {conn->token, request->channel};
	const json_t *since = json_object_get(request->payload, "since");
	TypeFilter *filter;
	const char *why;
	Pending *pending;

	if (request->channel == NULL || *request->channel == '\0')
	{
		reply_error(conn, request->id, NULL, &error_bad_request,
					"subscribe needs a channel");
		return;
	}
	if (since != NULL && !json_is_string(since) && !json_is_null(since))
	{
		reply_error(conn, request->id, request->channel, &error_bad_request,
					"since must be a position");
		return;
	}
	if (hub_find_sub(conn, request->channel) == NULL &&
		!admit_subscription(conn, request->id, request->channel))
		return;
	if (!type_filter_read(json_object_get(request->payload, "types"), &filter, &why))
	{
		reply_error(conn, request->id, request->channel, &error_bad_request, why);
		return;
	}
	pending = pending_begin(gateway, conn, request);
	if (pending == NULL)
	{
		type_filter_unref(filter);
		return;
	}
	pending->filter = filter;
	if (!present_read(pending, request))
	{
		pending_end(pending);
		return;
	}
	if (json_is_string(since))
		pending->text = mem_strdup(json_string_value(since));
	if (!pending_send(pending, STMT_SUBSCRIBE, values, on_granted))
		drop_earlier(gateway, conn, request->channel, &error_unavailable);
}

void
unsubscribe_request(Gateway *gateway, Conn *conn, const Request *request)
{
	Sub *sub = request->channel ? hub_find_sub(conn, request->channel) : NULL;
	Buf json = {0};

	if (sub == NULL)
	{
		reply_error(conn, request->id, request->channel, &error_not_found,
					"not subscribed to this channel");
		return;
	}
	wire_open(&json, "unsubscribed", request->id, sub->channel->name);
	buf_puts(&json, "{}");
	wire_close(&json);
	leave(gateway, sub);
	conn_send(conn, &json);
	buf_free(&json);
}
