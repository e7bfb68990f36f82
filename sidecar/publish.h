/*
 * publish.h: ephemeral events from clients to clients, here and elsewhere (layer 3).
 *
 * Never stored: they go to the other subscribers of the channel at this gateway, and
 * over the bus to those at others (ephemeral.h has the rules). The right to publish was
 * settled when the client subscribed; the type cannot be that of an event or of a
 * server's frame, so nobody can forge what the database says. What the bus brings is
 * taken only if a gateway or wrk.broadcast() could have said it.
 */
#ifndef WRK_PUBLISH_H
#define WRK_PUBLISH_H

#include "request.h"

typedef struct Publisher Publisher;

/* After the bus. */
extern Publisher *publish_open(Gateway *gateway);
extern void publish_close(Publisher *publisher);

extern void publish_request(Gateway *gateway, Conn *conn, const Request *request);

/* typing_start and the like: the frame's type is the event's. */
extern void publish_source_request(Gateway *gateway, Conn *conn, const Request *request);

#endif
