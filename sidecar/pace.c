/*
 * pace.c: see pace.h.
 *
 * Between the two thresholds the pause stays as it is, so that a steady load
 * finds a steady pause.
 */
#include "pace.h"

#define BUSY_HIGH 70
#define BUSY_LOW 50

void
pace_cycle_ended(Pace *pace, int64_t now_us, int64_t cost_us)
{
	int64_t period = now_us - pace->ended_us;
	int64_t share = period > 0 ? cost_us * 100 / period : 100;

	pace->ended_us = now_us;
	pace->busy = (pace->busy * 3 + share) / 4;
	if (pace->busy > BUSY_HIGH)
		pace->pause_ms += pace->pause_ms / 4 + 1;
	else if (pace->busy < BUSY_LOW)
		pace->pause_ms -= pace->pause_ms / 4 + 1;
	if (pace->pause_ms > pace->max_ms)
		pace->pause_ms = pace->max_ms;
	if (pace->pause_ms < 0)
		pace->pause_ms = 0;
}

int64_t
pace_rest_ms(const Pace *pace, int64_t now_us)
{
	return pace->pause_ms - (now_us - pace->ended_us) / 1000;
}
