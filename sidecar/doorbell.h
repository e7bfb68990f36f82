/*
 * doorbell.h: hearing of new events, or asking for them (layer 3).
 *
 * The bell is a notification on the feed's connection. Now and then, and at the
 * start, a probe is rung on another connection and must be heard; while it is
 * not, the feed polls fast. A slow poll always runs: an event is at worst late.
 */
#ifndef WRK_DOORBELL_H
#define WRK_DOORBELL_H

#include "gateway.h"
#include "loop.h"

typedef struct Doorbell Doorbell;

/* rung is called when it is time to fetch. */
extern Doorbell *doorbell_new(Gateway *gateway, LoopCallback rung, void *arg);
extern void doorbell_free(Doorbell *doorbell);

/* The channel to LISTEN to besides those of the database. */
extern const char *doorbell_channel(const Doorbell *doorbell);

/* The feed listens now: poll, and probe as soon as the pool is up. */
extern void doorbell_start(Doorbell *doorbell);

/* The feed's connection is gone. */
extern void doorbell_stop(Doorbell *doorbell);

/* The pool came up: a probe can be rung. */
extern void doorbell_probe(Doorbell *doorbell);

/* A notification arrived, the probe or the bell. */
extern void doorbell_notified(Doorbell *doorbell, const char *channel,
							  const char *payload);

/* Was the last probe heard? */
extern bool doorbell_works(const Doorbell *doorbell);

/* A cycle ended that had begun with or without the bell: counts what it missed. */
extern void doorbell_cycle_ended(Doorbell *doorbell, int64_t events);

#endif
