/*
 * asked.h: what an event stream, a poll or a publish asks for (layer 1).
 *
 * Read from a query or a JSON body into the payloads of the subscribe frames that it
 * stands for. What a client says of itself goes into them in its own words, as it does
 * in a frame. What must stay true: what is spliced into a payload was parsed before, so
 * nothing that a client sends adds a member to a frame or ends it.
 *
 * Bound: `most` channels; past it limit_exceeded.
 */
#ifndef WRK_ASKED_H
#define WRK_ASKED_H

#include "buf.h"
#include "errors.h"

#include <stdbool.h>
#include <stdint.h>

#define ASKED_PAGE_MAX 64 /* bytes of a page's name */

/* A channel to subscribe to. */
typedef struct Wanted
{
	char *channel;
	char *payload; /* of the subscribe frame */
} Wanted;

/* Zeroed but for most; freed by asked_free(). */
typedef struct Asked
{
	size_t most; /* channels, 0 = any number */
	Wanted *wanted;
	size_t nwanted;
	char *since;  /* for every channel without its own, NULL = from now on */
	char *types;  /* JSON text of the filter for all, NULL = everything */
	char *page;   /* who asks, among the requests of a user; NULL = not said */
	int64_t wait; /* of a poll, ms; -1 = not said */

	/* what is wrong with it: the first thing counts; NULL = nothing */
	const ErrorCode *error;
	const char *why;
} Asked;

extern void asked_free(Asked *asked);

/*
 * ?channel= (several), each followed by its presence= and meta=; since= or
 * last_event_id=, types=, page=. newest: the header Last-Event-ID, or NULL.
 */
extern void asked_read_query(Asked *asked, const char *query, const char *newest);

/* {"subscriptions":[{channel, since, types, presence, version}], since, types, wait,
 * page} */
extern void asked_read_poll(Asked *asked, const char *text, size_t len);

/* {channel, type, data, page}: the channel is wanted, the rest is publish's to judge. */
extern void asked_read_publish(Asked *asked, const char *text, size_t len);

/* One more channel with all its types, from there on. */
extern void asked_add(Asked *asked, const char *channel, const char *since);

#endif
