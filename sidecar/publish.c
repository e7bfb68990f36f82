/*
 * publish.c: see publish.h.
 */
#include "publish.h"

#include "bus.h"
#include "clock.h"
#include "ephemeral.h"
#include "exchange.h"
#include "mem.h"
#include "stats.h"

#include <stdlib.h>
#include <string.h>

#define KIND "e"      /* of these messages on the bus */
#define SHORTEST_MS 5 /* between two looks at what is due */

/* One for the process. */
struct Publisher
{
	Gateway *gateway;
	Ephemeral ephemeral;
	LoopTimer *timer;
	int64_t due_at; /* when it fires */
};

/* ----------------------------------------------------------------- in due time */

/* Looks at what is due after so many ms, unless it does so before. */
static void
arm(Publisher *publisher, int64_t after_ms)
{
	int64_t at = clock_now_ms() + after_ms;

	if (loop_timer_is_active(publisher->timer) && publisher->due_at <= at)
		return;
	publisher->due_at = at;
	loop_timer_start(publisher->timer, after_ms, 0);
}

/* Does what is due, and comes back for the rest. */
static void
on_due(void *arg)
{
	Publisher *publisher = arg;
	int64_t rest = ephemeral_run(&publisher->ephemeral, clock_now_ms());

	if (rest >= 0)
		arm(publisher, rest > SHORTEST_MS ? rest : SHORTEST_MS);
	if (publisher->ephemeral.ntell > 0)
		bus_want(publisher->gateway->bus);
}

/* Says it now or when it is the channel's turn; false when that is full. */
static bool
say(Publisher *publisher, const Word *word, Conn *conn)
{
	Ephemeral *ephemeral = &publisher->ephemeral;
	bool said;

	ephemeral->has_others = bus_has_peers(publisher->gateway->bus);
	said = ephemeral_say(ephemeral, word, conn, clock_now_ms());
	if (ephemeral->ntell > 0)
		bus_want(publisher->gateway->bus);
	arm(publisher, EPHEMERAL_INTERVAL_MS);
	return said;
}

/* A subscription ends, and with it what its connection says there. */
static void
on_left(void *arg, Sub *sub)
{
	Publisher *publisher = arg;

	if (list_is_empty(&sub->conn->voices))
		return;
	if (sub->conn->framing == FRAMING_LIST)
	{
		/* its client is still there: this was one request of many */
		ephemeral_let_go(&publisher->ephemeral, sub->conn, sub->channel->name);
		return;
	}
	ephemeral_leave(&publisher->ephemeral, sub->conn, sub->channel->name);
	/* not from here: the hub is about to change */
	arm(publisher, 0);
}

/* --------------------------------------------------------- from and to gateways */

/* One word goes on the bus; false when that is full. */
static bool
tell(void *arg, const Word *word)
{
	Bus *bus = arg;
	Buf text = {0};
	bool told;

	told = !word_pack(word, &text, BUS_MESSAGE_MAX) ||
		   bus_send(bus, KIND, text.data, text.len, BUS_LOSSY);
	buf_free(&text);
	return told;
}

/* The bus is about to send. */
static void
on_collect(void *arg)
{
	Publisher *publisher = arg;

	ephemeral_tell(&publisher->ephemeral, tell, publisher->gateway->bus);
}

/* Another gateway, or wrk.broadcast(), tells; it may be anybody who knows the name. */
static void
on_told(void *arg, const BusMessage *message)
{
	Publisher *publisher = arg;
	Word word;
	json_t *root;

	if (!word_unpack(message->text, message->len, &word, &root))
		stats.bus_malformed_total++;
	else if (hub_find(&publisher->gateway->hub, word.channel) != NULL)
		say(publisher, &word, NULL);
	json_decref(root);
}

/* --------------------------------------------------------------------- clients */

/* May the client say something in this channel? NULL when it was told that not. */
static const Sub *
find_sub(Conn *conn, const Request *request)
{
	const Sub *sub = request->channel ? hub_find_sub(conn, request->channel) : NULL;

	if (sub != NULL && sub->suspended)
	{
		reply_unavailable(conn, request->id, request->channel);
		return NULL;
	}
	if (sub != NULL && sub->can_publish)
		return sub;
	reply_error(conn, request->id, request->channel,
				sub ? &error_forbidden : &error_not_found,
				sub ? "may not publish here" : "not subscribed to this channel");
	return NULL;
}

/* Can it be told to other gateways, whether or not there are any? */
static bool
fits(const Word *word)
{
	Buf text = {0};
	bool packed =
		word->len <= EPHEMERAL_DATA_MAX && word_pack(word, &text, BUS_MESSAGE_MAX);

	buf_free(&text);
	return packed;
}

/*
 * In whose name it is said: that of the stream or poll of the same page, so that it does
 * not hear itself; else of who asks.
 */
static Conn *
speaker_for(Conn *conn, const Channel *channel)
{
	for (uint32_t i = 0; exchange_page(conn) != NULL && i < channel->nsubs; i++)
	{
		Conn *other = channel->subs[i]->conn;

		if (other != conn && other->state == CONN_READY &&
			exchange_is_same_page(conn, other))
			return other;
	}
	return conn;
}

/* Checks the right and the size of that member (NULL: all), then says it. */
static void
publish(Gateway *gateway, Conn *conn, const Request *request, const char *type,
		const char *data)
{
	const Sub *sub = find_sub(conn, request);
	char *text;
	Word word;

	if (sub == NULL)
		return;
	if (sub->suspended)
	{
		/* nobody knows whether it may; what is ephemeral need not arrive */
		if (request->id != NULL)
			reply_unavailable(conn, request->id, request->channel);
		return;
	}
	text = request_text(request, data);
	word = (Word){sub->channel->name, conn->user, type, text ? text : "{}",
				  text ? strlen(text) : 2};
	if (!fits(&word))
		reply_error(conn, request->id, request->channel, &error_too_large,
					"too large for an ephemeral event");
	else
	{
		say(gateway->publisher, &word, speaker_for(conn, sub->channel));
		reply_empty(conn, request->id, "result");
	}
	free(text);
}

void
publish_request(Gateway *gateway, Conn *conn, const Request *request)
{
	const char *type = request_string(request, "type");

	if (type == NULL || !wire_is_ephemeral_type(type))
		reply_error(conn, request->id, request->channel, &error_bad_request,
					"an ephemeral type is a-z, 0-9 and _, and no frame of the protocol");
	else
		publish(gateway, conn, request, type, "data");
}

void
publish_source_request(Gateway *gateway, Conn *conn, const Request *request)
{
	publish(gateway, conn, request, request->type, NULL);
}

Publisher *
publish_open(Gateway *gateway)
{
	Publisher *publisher = mem_zalloc(sizeof(Publisher));

	publisher->gateway = gateway;
	ephemeral_init(&publisher->ephemeral, &gateway->hub, gateway->config.typing_timeout);
	publisher->timer = loop_timer_new(on_due, publisher);
	hub_on_left(&gateway->hub, on_left, publisher);
	bus_on(gateway->bus, KIND, on_told, publisher);
	bus_on_collect(gateway->bus, on_collect, publisher);
	return publisher;
}

void
publish_close(Publisher *publisher)
{
	ephemeral_free(&publisher->ephemeral);
	loop_timer_free(publisher->timer);
	free(publisher);
}
