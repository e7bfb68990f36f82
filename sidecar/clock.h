/*
 * clock.h: time (layer 0).
 *
 * clock_now_ms() is monotonic and meant for intervals and deadlines;
 * clock_wall_ms() is the Unix time in milliseconds, for expiries and stamps.
 * Tests replace both with clock_set_for_test().
 */
#ifndef WRK_CLOCK_H
#define WRK_CLOCK_H

#include <stdint.h>

extern int64_t clock_now_ms(void);
extern int64_t clock_now_us(void);
extern int64_t clock_wall_ms(void);

/* From now on the clocks stand at these values; negative = real clocks again. */
extern void clock_set_for_test(int64_t now_ms, int64_t wall_ms);

/* A random number in [0, limit); not for secrets. */
extern int64_t clock_jitter(int64_t limit);

/*
 * How long to wait after that many failures in a row: full jitter, that is anywhere
 * between nothing and the exponential first * 2^failures, capped at most ms.
 */
extern int64_t clock_backoff(int failures, int64_t first, int64_t most);

#endif
