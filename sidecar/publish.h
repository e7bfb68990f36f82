/*
 * publish.h: ephemeral events from client to clients (layer 3).
 *
 * Never stored, never at the database: a frame goes to the other subscribers of
 * the channel at this gateway. The right to publish was settled when the client
 * subscribed; the type cannot be that of an event or of a server's frame, so
 * nobody can forge what the database says.
 */
#ifndef WRK_PUBLISH_H
#define WRK_PUBLISH_H

#include "request.h"

#define EPHEMERAL_MAX 8192 /* bytes of an ephemeral event's data */

extern void publish_request(Gateway *gateway, Conn *conn, const Request *request);

/* typing_start and the like: the frame's type is the event's. */
extern void publish_source_request(Gateway *gateway, Conn *conn, const Request *request);

#endif
