/*
 * bus.h: what gateways tell each other (layer 3).
 *
 * Messages travel as payloads of notifications on a channel whose name the database
 * keeps secret (extension/gateway_bus.sql). What must stay true:
 *  - nothing is sent while no other gateway is known to live;
 *  - messages of the same care arrive in the order of sending: one statement is in
 *    flight at a time, and one begins at most every BUS_INTERVAL_MS;
 *  - what arrives is believed no more than a client's frame: the receiver checks it;
 *  - nobody hears what it said itself.
 *
 * Who lives: a gateway says `hi` when it begins to listen, is answered `here`, and
 * says `here` now and then as long as it knows of another. Who was silent for
 * BUS_PEER_MS is forgotten; who forgets the last one says `hi` once more.
 *
 * Queue: messages that wait for the statement in flight or the end of the pause.
 * Bound: BUS_QUEUE_MAX bytes, four times that for those to be kept. Overflow: the
 * message is refused. Counter: stats.bus_dropped_total. When the database cannot be
 * asked, what is lossy is dropped, and the rest is sent again later.
 */
#ifndef WRK_BUS_H
#define WRK_BUS_H

#include "buspack.h"
#include "gateway.h"
#include "loop.h"

#define BUS_INTERVAL_MS 50
#define BUS_PEER_MS 15000
#define BUS_QUEUE_MAX (256 * 1024)

typedef struct Bus Bus;

typedef enum BusCare
{
	BUS_LOSSY, /* a cursor: the next one makes up for it */
	BUS_KEPT,  /* sent again when the database did not take it */
} BusCare;

/* text is of another gateway, or of somebody who found out the name: judge it. */
typedef void (*BusCallback)(void *arg, const BusMessage *message);

extern Bus *bus_open(Gateway *gateway);

/* After the pool, which answers what is in flight. */
extern void bus_close(Bus *bus);

/* This process's name among the gateways: 32 hexadecimal digits, new at each start. */
extern const char *bus_node(const Bus *bus);

/* Is there another gateway to tell? */
extern bool bus_has_peers(const Bus *bus);

/* Messages of this kind (a-z) go there; one callback a kind. */
extern void bus_on(Bus *bus, const char *kind, BusCallback callback, void *arg);

/*
 * Another gateway was heard that was not known: what was not told while it was not
 * may be missing here, so state that is only told when it changes is read again.
 */
extern void bus_on_peer(Bus *bus, LoopCallback callback, void *arg);

/*
 * collect is called just before messages are sent, to add (lossy) ones that were kept
 * back until now because the next replaces them; bus_want() says that there are some.
 */
extern void bus_on_collect(Bus *bus, LoopCallback collect, void *arg);
extern void bus_want(Bus *bus);

/*
 * Tells the other gateways. text: at most BUS_MESSAGE_MAX bytes of UTF-8 without NUL.
 * False when it is longer or the queue is full; true also when there is nobody to tell.
 */
extern bool bus_send(Bus *bus, const char *kind, const char *text, size_t len,
					 BusCare care);

/* A notification of the feed's connection; false when it was not on the bus. */
extern bool bus_notified(Bus *bus, const char *channel, const char *payload);

/* The feed listens to the bus, from its beginning or again. */
extern void bus_listening(Bus *bus);

#endif
