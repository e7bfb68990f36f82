/*
 * clock.c: see clock.h.
 */
#include "clock.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t test_now_ms = -1;
static int64_t test_wall_ms = -1;

/* Microseconds of a system clock. */
static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_now_us(void)
{
	return test_now_ms >= 0 ? test_now_ms * 1000 : read_us(CLOCK_MONOTONIC);
}

int64_t
clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

int64_t
clock_wall_ms(void)
{
	return test_wall_ms >= 0 ? test_wall_ms : read_us(CLOCK_REALTIME) / 1000;
}

void
clock_set_for_test(int64_t now_ms, int64_t wall_ms)
{
	test_now_ms = now_ms;
	test_wall_ms = wall_ms;
}

int64_t
clock_jitter(int64_t limit)
{
	uint64_t value;

	if (limit <= 0)
		return 0;
	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		value = (uint64_t) clock_now_us();
	return (int64_t) (value % (uint64_t) limit);
}

int64_t
clock_backoff(int failures, int64_t first, int64_t most)
{
	int64_t limit = first;

	for (int i = 0; i < failures && limit < most; i++)
		limit *= 2;
	return 1 + clock_jitter(limit < most ? limit : most);
}
