/*
 * hist.h
 *	  A log-linear histogram of microseconds.
 *
 * Values below 64 have a bucket each; above, every power of two is cut into
 * 32 buckets, so a quantile is at most 3 % above the true value.  That is the
 * layout of HdrHistogram at its coarsest.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 5 /* 32 buckets for a power of two */
#define HIST_BUCKETS ((65 - HIST_SUB_BITS) << HIST_SUB_BITS)

/* Plain data; zeroed is empty. */
typedef struct Hist
{
	uint64_t count;
	uint64_t max;
	uint64_t bucket[HIST_BUCKETS];
} Hist;

extern void hist_reset(Hist *hist);
extern void hist_add(Hist *hist, uint64_t value);
extern uint64_t hist_quantile(const Hist *hist, double q); /* 0 when empty */

#endif /* BENCH_HIST_H */
