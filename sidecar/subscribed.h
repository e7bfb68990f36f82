/*
 * subscribed.h: the frame that answers a subscribe (layer 3).
 *
 * It has what was missed, as the database replayed it and the filter lets it pass, and
 * who is there when that was asked for.
 */
#ifndef WRK_SUBSCRIBED_H
#define WRK_SUBSCRIBED_H

#include "request.h"

/* The client is told that it has the subscription; events may be NULL: none. */
extern void subscribed_send(Pending *pending, Sub *sub, const PgAnswer *events,
							bool recovered);

#endif
