/*
 * janitor.h: deadlines of connections, looked at once in a while (layer 3).
 *
 * One pass over all connections a second costs less than a timer for each, and
 * nothing here needs to be more punctual.
 */
#ifndef WRK_JANITOR_H
#define WRK_JANITOR_H

#include "gateway.h"

extern void janitor_pass(Gateway *gateway);

/* How often to make a pass, ms; shorter when the configured limits are. */
extern int64_t janitor_interval(const Config *config);

#endif
