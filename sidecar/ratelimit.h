/*
 * ratelimit.h: token bucket (layer 1).
 *
 * Holds fractions of a token in a word, refilled when asked; a zeroed bucket is
 * full. Nothing runs while a client is quiet. A bucket is used with one of the two
 * pairs of functions below and never with both: they count in different fractions.
 */
#ifndef WRK_RATELIMIT_H
#define WRK_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Bucket
{
	int64_t spent;   /* fractions of tokens below full */
	int64_t seen_ms; /* when it was last refilled */
} Bucket;

/*
 * Takes one token from a bucket that refills at rate tokens a second up to
 * burst. False when it is empty; *retry_ms is then when one is back.
 */
extern bool bucket_take(Bucket *bucket, int64_t rate, int64_t burst, int64_t now_ms,
						int64_t *retry_ms);

/*
 * So many in so long, all of them at once if need be. Milliseconds until the bucket
 * has a token, 0 when it has one; and taking that. Apart, so that who must pass
 * several buckets takes from all of them or from none.
 */
typedef struct Window
{
	int64_t count; /* at least 1 */
	int64_t ms;
} Window;

extern int64_t window_wait(Bucket *bucket, const Window *window, int64_t now_ms);
extern void window_take(Bucket *bucket, const Window *window);

#endif
