/*
 * bus.c: see bus.h.
 */
#include "bus.h"

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUS_PREFIX "wrk_x_"
#define BUS_HANDLERS 8
#define BUS_PEERS_MAX \
	64 /* known by name; of more it is enough to know that there are \
		*/
#define BUS_RETRY_MS 250
#define BUS_HERE_MS (BUS_PEER_MS / 3)

/* One of these for each kind of message. */
typedef struct Handler
{
	const char *kind;
	BusCallback callback;
	void *arg;
} Handler;

/* One of these for each other gateway. */
typedef struct Peer
{
	char node[BUS_NODE_MAX + 1];
	int64_t heard_at;
} Peer;

struct Bus
{
	Gateway *gateway;
	char node[BUS_NODE_MAX + 1];
	Handler handlers[BUS_HANDLERS];
	int nhandlers;
	LoopCallback met;
	void *met_arg;
	LoopCallback collect;
	void *collect_arg;
	bool wanted; /* there is something to collect */
	Peer peers[BUS_PEERS_MAX];
	int npeers;
	BusPack kept; /* wait to be sent */
	BusPack lossy;
	BusPack flight; /* to be kept, in the statement in flight */
	bool in_flight;
	int64_t sent_at;
	bool here_waits; /* among those to be kept */
	LoopTimer *flush;
	LoopTimer *here;
};

const char *
bus_node(const Bus *bus)
{
	return bus->node;
}

bool
bus_has_peers(const Bus *bus)
{
	return bus->npeers > 0;
}

/* ------------------------------------------------------------------ sending */

static void on_sent(void *arg, const PgAnswer *answer);

/* Sends when the pause is over, unless that is arranged for already. */
static void
schedule(Bus *bus, int64_t pause)
{
	int64_t rest = bus->sent_at + pause - clock_now_ms();

	if (!bus->in_flight && !loop_timer_is_active(bus->flush))
		loop_timer_start(bus->flush, rest > 0 ? rest : 0, 0);
}

/* The database did not take it: what is to be kept goes to the front again. */
static void
keep_for_later(Bus *bus)
{
	buspack_move(&bus->flight, &bus->kept);
	bus->kept = bus->flight;
	bus->flight = (BusPack){0};
	if (bus->kept.count > 0)
		schedule(bus, BUS_RETRY_MS);
}

/* Everything that waits, in one statement. */
static void
on_flush(void *arg)
{
	Bus *bus = arg;
	Buf array = {0};
	const char *values[1];
	size_t count;

	if (bus->in_flight)
		return;
	if (bus->wanted && bus->collect != NULL)
		bus->collect(bus->collect_arg);
	bus->wanted = false;
	count = bus->kept.count + bus->lossy.count;
	if (count == 0)
		return;
	buf_puts(&array, "{");
	buspack_append_elements(&bus->kept, &array);
	buspack_append_elements(&bus->lossy, &array);
	buf_puts(&array, "}");
	values[0] = buf_cstr(&array);
	bus->flight = bus->kept;
	bus->kept = (BusPack){0};
	bus->here_waits = false;
	buspack_free(&bus->lossy);
	bus->sent_at = clock_now_ms();
	if (pool_send(bus->gateway->pool, &pool_statements[STMT_BUS], values, on_sent, bus))
	{
		bus->in_flight = true;
		stats.bus_notifications_total += (int64_t) count;
	}
	else
		keep_for_later(bus);
	buf_free(&array);
}

/* It is said, or it is not; what collected meanwhile is next. */
static void
on_sent(void *arg, const PgAnswer *answer)
{
	Bus *bus = arg;

	bus->in_flight = false;
	if (answer->status == PG_LOST)
	{
		keep_for_later(bus);
		return;
	}
	if (answer->status == PG_ERROR)
		log_warn("cannot tell the other gateways", "sqlstate=%s reason=%s",
				 answer->sqlstate, log_quote(answer->message));
	buspack_free(&bus->flight);
	if (bus->wanted || bus->kept.count > 0 || bus->lossy.count > 0)
		schedule(bus, BUS_INTERVAL_MS);
}

/* Queues a message, whether or not anybody is known. */
static bool
say(Bus *bus, const char *kind, const char *text, size_t len, BusCare care)
{
	BusPack *pack = care == BUS_KEPT ? &bus->kept : &bus->lossy;
	size_t max = care == BUS_KEPT ? 4 * BUS_QUEUE_MAX : BUS_QUEUE_MAX;

	if (pack->bytes + len > max || !buspack_add(pack, bus->node, kind, text, len))
	{
		stats.bus_dropped_total++;
		return false;
	}
	stats.bus_messages_out_total++;
	schedule(bus, BUS_INTERVAL_MS);
	return true;
}

bool
bus_send(Bus *bus, const char *kind, const char *text, size_t len, BusCare care)
{
	return !bus_has_peers(bus) || say(bus, kind, text, len, care);
}

/* -------------------------------------------------------------------- peers */

/* Tells who listens that we do; one that waits to be sent is for all who begin. */
static void
say_here(Bus *bus)
{
	bus->here_waits = bus->here_waits || say(bus, "here", "", 0, BUS_KEPT);
}

/* Time to be heard, and to forget who was not. */
static void
on_here(void *arg)
{
	Bus *bus = arg;
	int64_t now = clock_now_ms();

	if (bus->npeers == 0)
		return;
	for (int i = bus->npeers - 1; i >= 0; i--)
	{
		if (now - bus->peers[i].heard_at > BUS_PEER_MS)
			bus->peers[i] = bus->peers[--bus->npeers];
	}
	stats.bus_peers = bus->npeers;
	if (bus->npeers > 0)
		say_here(bus);
	else
		bus_listening(bus); /* perhaps it was us who slept */
}

/* Notes that a gateway lives. */
static void
heard_from(Bus *bus, const char *node)
{
	int i = 0;

	while (i < bus->npeers && strcmp(bus->peers[i].node, node) != 0)
		i++;
	if (i == BUS_PEERS_MAX)
		return;
	bus->peers[i].heard_at = clock_now_ms();
	if (i < bus->npeers)
		return;
	snprintf(bus->peers[i].node, sizeof(bus->peers[i].node), "%s", node);
	bus->npeers++;
	stats.bus_peers = bus->npeers;
	if (bus->met != NULL)
		bus->met(bus->met_arg);
}

/* ---------------------------------------------------------------- receiving */

/* To whoever it concerns. */
static void
dispatch(void *arg, const BusMessage *message)
{
	Bus *bus = arg;

	stats.bus_messages_in_total++;
	if (strcmp(message->kind, "hi") == 0)
		say_here(bus);
	for (int i = 0; i < bus->nhandlers; i++)
	{
		if (strcmp(bus->handlers[i].kind, message->kind) == 0)
			bus->handlers[i].callback(bus->handlers[i].arg, message);
	}
}

bool
bus_notified(Bus *bus, const char *channel, const char *payload)
{
	char node[BUS_NODE_MAX + 1];

	if (strncmp(channel, BUS_PREFIX, strlen(BUS_PREFIX)) != 0)
		return false;
	if (!buspack_node(payload, node) || !buspack_read(payload, NULL, NULL))
	{
		stats.bus_malformed_total++;
		return true;
	}
	if (strcmp(node, bus->node) == 0)
		return true;
	/* the database itself is no gateway */
	if (strcmp(node, "-") != 0)
		heard_from(bus, node);
	buspack_read(payload, dispatch, bus);
	return true;
}

void
bus_listening(Bus *bus)
{
	say(bus, "hi", "", 0, BUS_KEPT);
}

void
bus_on(Bus *bus, const char *kind, BusCallback callback, void *arg)
{
	if (bus->nhandlers < BUS_HANDLERS)
		bus->handlers[bus->nhandlers++] = (Handler){kind, callback, arg};
	else
		log_error("too many kinds of messages", "kind=%s", kind);
}

void
bus_on_collect(Bus *bus, LoopCallback collect, void *arg)
{
	bus->collect = collect;
	bus->collect_arg = arg;
}

void
bus_want(Bus *bus)
{
	bus->wanted = true;
	schedule(bus, BUS_INTERVAL_MS);
}

void
bus_on_peer(Bus *bus, LoopCallback callback, void *arg)
{
	bus->met = callback;
	bus->met_arg = arg;
}

/* A name that no other process has. */
static void
choose_node(Bus *bus)
{
	unsigned char random[BUS_NODE_MAX / 2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
		log_error("the system has no random numbers", "");
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(bus->node + 2 * i, 3, "%02x", random[i]);
}

Bus *
bus_open(Gateway *gateway)
{
	Bus *bus = mem_zalloc(sizeof(Bus));

	bus->gateway = gateway;
	choose_node(bus);
	bus->sent_at = clock_now_ms() - BUS_INTERVAL_MS;
	bus->flush = loop_timer_new(on_flush, bus);
	bus->here = loop_timer_new(on_here, bus);
	loop_timer_start(bus->here, BUS_HERE_MS, BUS_HERE_MS);
	return bus;
}

void
bus_close(Bus *bus)
{
	loop_timer_free(bus->flush);
	loop_timer_free(bus->here);
	buspack_free(&bus->kept);
	buspack_free(&bus->lossy);
	buspack_free(&bus->flight);
	free(bus);
}
