/*
 * hist.c
 *	  A log-linear histogram of microseconds.
 */
#include "hist.h"

#include <string.h>

#define SUB_BUCKETS ((uint64_t) 1 << HIST_SUB_BITS)


/* Bucket of a value: its leading bit chooses the power, the next five the part. */
static unsigned
bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < 2 * SUB_BUCKETS)
		return (unsigned) value;
	shift = 63u - (unsigned) __builtin_clzll(value) - HIST_SUB_BITS;
	return (unsigned) (shift * SUB_BUCKETS + (value >> shift));
}

/* Largest value of a bucket: the inverse of bucket_of(). */
static uint64_t
bucket_top(unsigned bucket)
{
	unsigned shift;
	uint64_t part;

	if (bucket < 2 * SUB_BUCKETS)
		return bucket;
	shift = (unsigned) (bucket / SUB_BUCKETS - 1);
	part = bucket - shift * SUB_BUCKETS;
	return ((part + 1) << shift) - 1;
}

/* Make it empty. */
void
hist_reset(Hist *hist)
{
	memset(hist, 0, sizeof(*hist));
}

/* Count one value. */
void
hist_add(Hist *hist, uint64_t value)
{
	hist->count++;
	hist->bucket[bucket_of(value)]++;
	if (value > hist->max)
		hist->max = value;
}

/* Smallest value that at least q of all values do not exceed, rounded up. */
uint64_t
hist_quantile(const Hist *hist, double q)
{
	uint64_t rank = (uint64_t) (q * (double) hist->count + 0.5);
	uint64_t seen = 0;

	if (hist->count == 0)
		return 0;
	if (rank < 1)
		rank = 1;
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
	{
		seen += hist->bucket[i];
		if (seen >= rank)
			return bucket_top(i) < hist->max ? bucket_top(i) : hist->max;
	}
	return hist->max;
}
