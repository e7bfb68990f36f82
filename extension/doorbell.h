/*
 * doorbell.h
 *	  Tells listeners that something was committed which they may want to fetch.
 */
#ifndef WRK_DOORBELL_H
#define WRK_DOORBELL_H

#include "wrk_copilot.h"

/* what listeners LISTEN to; the payload is empty */
#define DOORBELL_CHANNEL "wrk_event"
/* what workers LISTEN to; the payload is the name of a queue, empty for all of them */
#define DOORBELL_QUEUE_CHANNEL "wrk_job"

/* from _PG_init: settings, and if preloaded shared memory and the launcher */
extern void doorbell_init(void);

/* if this transaction commits, the bell will ring */
extern void doorbell_mark(void);

/* the same for who works on a queue of jobs */
extern void doorbell_queue_mark(const char *queue);

/*
 * Rings for what is committed already, if a worker serves this database; what a
 * commit leaves to do.  Never fails.  False if no worker lives: the bell then
 * rings when one starts.
 */
extern bool doorbell_ring_now(void);

#endif /* WRK_DOORBELL_H */
