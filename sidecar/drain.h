/*
 * drain.h: the end of the process, without anybody losing anything (layer 3).
 *
 * Stop listening, let requests in flight finish for half of drain_timeout, say
 * good-bye to everybody with 1012, end when the last one left or the time is over.
 * Everybody is told another time to come back, anywhere within drain_spread, so that
 * whoever takes over is not run down.
 */
#ifndef WRK_DRAIN_H
#define WRK_DRAIN_H

#include "gateway.h"

/* Begins; a second call does not wait for the end. */
extern void drain_begin(Gateway *gateway);
extern void drain_free(void);

/* bye 1012 and when to come back, after what is queued. */
extern void drain_say_goodbye(const Gateway *gateway, Conn *conn);

#endif
