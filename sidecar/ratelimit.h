/*
 * ratelimit.h: token bucket (layer 1).
 *
 * Holds thousandths of a token in a word, refilled when asked; a zeroed bucket
 * is full. Nothing runs while a client is quiet.
 */
#ifndef WRK_RATELIMIT_H
#define WRK_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Bucket
{
	int64_t spent;   /* thousandths of tokens below full */
	int64_t seen_ms; /* when it was last refilled */
} Bucket;

/*
 * Takes one token from a bucket that refills at rate tokens a second up to
 * burst. False when it is empty; *retry_ms is then when one is back.
 */
extern bool bucket_take(Bucket *bucket, int64_t rate, int64_t burst, int64_t now_ms,
						int64_t *retry_ms);

#endif
