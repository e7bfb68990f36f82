/*
 * pace.h: how long to let events collect before the next fetch (layer 1).
 *
 * Each fetch costs one write per interested connection, however few events it
 * brings. While handing out takes most of the time, waiting a little makes
 * batches larger and writes fewer; while it does not, there is no pause.
 */
#ifndef WRK_PACE_H
#define WRK_PACE_H

#include <stdint.h>

typedef struct Pace
{
	int64_t pause_ms;
	int64_t max_ms;
	int64_t busy;     /* percent of the time spent handing out, smoothed */
	int64_t ended_us; /* when the last cycle ended */
} Pace;

/* A cycle has ended; handing out took cost_us of the time since the one before. */
extern void pace_cycle_ended(Pace *pace, int64_t now_us, int64_t cost_us);

/* Milliseconds until the next fetch may begin; 0 or less = now. */
extern int64_t pace_rest_ms(const Pace *pace, int64_t now_us);

#endif
