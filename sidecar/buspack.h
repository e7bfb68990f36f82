/*
 * buspack.h: messages between gateways as payloads of notifications (layer 1).
 *
 * A payload is the node that says it and a space, then for each message its kind, a
 * colon, its length in bytes, a colon and its text: nothing is escaped, so a text
 * arrives as it was. What must stay true: no payload is longer than
 * BUS_PAYLOAD_MAX bytes, which is what a notification can carry; and a payload
 * that is not whole and sound is taken for nothing at all.
 */
#ifndef WRK_BUSPACK_H
#define WRK_BUSPACK_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

#define BUS_PAYLOAD_MAX 7999
#define BUS_NODE_MAX 32 /* characters of a node's name */
#define BUS_KIND_MAX 16 /* a-z */
/* what fits into a payload of its own, whoever says it */
#define BUS_MESSAGE_MAX \
	(BUS_PAYLOAD_MAX - (BUS_NODE_MAX + 1) - (BUS_KIND_MAX + 1) - (4 + 1))

/* Payloads in the making; zero-initialised means none. Owns the buffers. */
typedef struct BusPack
{
	Buf *payloads;
	size_t count;
	size_t cap;
	size_t bytes; /* of all of them */
} BusPack;

/* Appends to the last payload or begins another; false when it is too long. */
extern bool buspack_add(BusPack *pack, const char *node, const char *kind,
						const char *text, size_t len);

/* Moves all payloads of one behind those of the other. */
extern void buspack_move(BusPack *to, BusPack *from);

/* Adds them as elements of a Postgres text[] in its text form, without the braces. */
extern void buspack_append_elements(const BusPack *pack, Buf *out);

extern void buspack_free(BusPack *pack);

/* One message; everything is borrowed, and text ends with a NUL that is not counted. */
typedef struct BusMessage
{
	char node[BUS_NODE_MAX + 1];
	char kind[BUS_KIND_MAX + 1];
	const char *text;
	size_t len;
} BusMessage;

typedef void (*BusVisitor)(void *arg, const BusMessage *message);

/* Reads the name of the node; false when the payload does not begin with one. */
extern bool buspack_node(const char *payload, char node[BUS_NODE_MAX + 1]);

/* Shows every message; false, and none was shown, when the payload is not sound. */
extern bool buspack_read(const char *payload, BusVisitor visitor, void *arg);

#endif
