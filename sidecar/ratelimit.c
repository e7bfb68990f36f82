/*
 * ratelimit.c: see ratelimit.h.
 */
#include "ratelimit.h"

#define WHOLE 1000

/* Gives back what came in since the last time: so many fractions a millisecond. */
static void
refill(Bucket *bucket, int64_t fractions, int64_t now_ms)
{
	int64_t elapsed = now_ms - bucket->seen_ms;

	if (elapsed <= 0)
		return;
	if (elapsed > bucket->spent / fractions)
		bucket->spent = 0;
	else
		bucket->spent -= elapsed * fractions;
	bucket->seen_ms = now_ms;
}

bool
bucket_take(Bucket *bucket, int64_t rate, int64_t burst, int64_t now_ms,
			int64_t *retry_ms)
{
	/* rate tokens a second is rate thousandths a millisecond */
	refill(bucket, rate, now_ms);
	if (bucket->spent + WHOLE > burst * WHOLE)
	{
		int64_t missing = bucket->spent + WHOLE - burst * WHOLE;

		*retry_ms = (missing + rate - 1) / rate;
		return false;
	}
	bucket->spent += WHOLE;
	*retry_ms = 0;
	return true;
}

int64_t
window_wait(Bucket *bucket, const Window *window, int64_t now_ms)
{
	int64_t missing;

	/* a token is as many fractions as the window has milliseconds */
	refill(bucket, window->count, now_ms);
	missing = bucket->spent + window->ms - window->count * window->ms;
	return missing <= 0 ? 0 : (missing + window->count - 1) / window->count;
}

void
window_take(Bucket *bucket, const Window *window)
{
	bucket->spent += window->ms;
}
