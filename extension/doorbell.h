/*
 * doorbell.h
 *	  Tells listeners that events were committed, without saying which.
 */
#ifndef WRK_DOORBELL_H
#define WRK_DOORBELL_H

#include "wrk_copilot.h"

/* from _PG_init: settings, shared memory, launcher */
extern void doorbell_init(void);

/*
 * This transaction has emitted: makes sure that its commit will be heard of.  Its
 * commit must then call doorbell_ring_now().
 */
extern void doorbell_mark(void);

/* rings, with what is committed already; never fails, so a commit callback may call it */
extern void doorbell_ring_now(void);

#endif /* WRK_DOORBELL_H */
