/*
 * joining.h: the channels of an event stream, a poll or a publish (layer 3).
 *
 * They are subscribed to as a client's own frames would, a few at a time. With a
 * position for all of them, the channels that everybody is joined to anyway are resumed
 * from it as well: they wait (pending) from the moment on that the client is known, so
 * that nothing goes by which their replay would bring again.
 *
 * A channel that is refused (403, 404) is left out, with its error frame; when that
 * happened to every one that was named, the error is the answer. Any other error fails
 * the request: who comes back misses nothing.
 */
#ifndef WRK_JOINING_H
#define WRK_JOINING_H

#include "exchange.h"

/* What a stream asks for; see asked.h. */
extern void joining_read_query(Exchange *exchange, const HttpHead *head);

/* The client is known: until joining_settle() it gets no position. */
extern void joining_connected(Exchange *exchange);

/* Something was answered meanwhile. */
extern void joining_replied(Exchange *exchange, const Buf *json);

/* Sends the next frames; true when all of them are answered. */
extern bool joining_step(Exchange *exchange);

/* From now on positions are true; the present one is sent. */
extern void joining_settle(Exchange *exchange);

/* All of it is there: what was asked for is not needed any more. */
extern void joining_forget(Exchange *exchange);

#endif
