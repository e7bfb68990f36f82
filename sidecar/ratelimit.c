/*
 * ratelimit.c: see ratelimit.h.
 */
#include "ratelimit.h"

#define WHOLE 1000

bool
bucket_take(Bucket *bucket, int64_t rate, int64_t burst, int64_t now_ms,
			int64_t *retry_ms)
{
	int64_t elapsed = now_ms - bucket->seen_ms;

	if (elapsed > 0)
	{
		/* rate tokens a second is rate thousandths a millisecond */
		if (elapsed > bucket->spent / rate)
			bucket->spent = 0;
		else
			bucket->spent -= elapsed * rate;
		bucket->seen_ms = now_ms;
	}
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
