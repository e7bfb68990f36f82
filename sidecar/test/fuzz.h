/*
 * fuzz.h: seeded random input for as long as WRK_FUZZ_MS says; WRK_SEED is where it
 * begins, and a failure names its own.
 */
#ifndef WRK_FUZZ_H
#define WRK_FUZZ_H

#include "clock.h"
#include "tap.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct FuzzCase
{
	const char *name;
	bool (*one)(void); /* false = failed */
} FuzzCase;

static uint64_t state;

/* splitmix64 */
static uint64_t
next(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static size_t
below(size_t limit)
{
	return next() % limit;
}

/* Changes some bytes of text, cuts some out, doubles some; gives the new length. */
static size_t
mutate(unsigned char *text, size_t len, size_t most, unsigned char (*byte)(void))
{
	for (size_t n = below(4); n > 0 && len > 1; n--)
	{
		size_t at = below(len);
		size_t span = 1 + below(len - at);

		switch (below(3))
		{
			case 0:
				text[at] = byte();
				break;
			case 1:
				memmove(text + at, text + at + span, len - at - span);
				len -= span;
				break;
			default:
				if (len + span > most)
					break;
				memmove(text + at + span, text + at, len - at);
				len += span;
				break;
		}
	}
	return len;
}

/* Runs one of them for its share of the time. */
static void
fuzz(const FuzzCase *test, uint64_t seed, int64_t ms)
{
	int64_t end = clock_now_ms() + ms;
	uint64_t failed = 0;

	while (clock_now_ms() < end && failed == 0)
	{
		state = ++seed;
		if (!test->one())
			failed = seed;
	}
	ok(failed == 0, "%s", test->name);
	if (failed != 0)
		printf("# WRK_SEED=%llu\n", (unsigned long long) failed - 1);
}

/* Runs them all; returns what main() is to return. */
static int
fuzz_all(const FuzzCase *cases, size_t ncases, int64_t default_ms)
{
	const char *ms = getenv("WRK_FUZZ_MS");
	const char *seed_text = getenv("WRK_SEED");
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10)
							  : (uint64_t) clock_jitter(INT64_MAX) >> 20;

	printf("# WRK_SEED=%llu\n", (unsigned long long) seed);
	for (size_t i = 0; i < ncases; i++)
		fuzz(&cases[i], seed, (ms ? atoll(ms) : default_ms) / (int64_t) ncases);
	return tap_done();
}

#endif
