/*
 * meter.h: measurements that have labels (layer 1).
 *
 * Stats counts what has a name of its own; a Meter counts by kind. What must stay
 * true: the number of series is bounded whatever clients send. A method has a label
 * once a call of it went well, so that only methods which exist do; further ones
 * than METER_METHODS count as "other". A Meter is plain memory: it can be copied,
 * kept where other processes read it, and added up.
 */
#ifndef WRK_METER_H
#define WRK_METER_H

#include <stddef.h>
#include <stdint.h>

/* Upper bounds of the buckets of a latency, ms; one more has the rest. */
#define METER_BOUNDS \
	{ \
		1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000 \
	}
#define METER_BUCKETS 14

#define METER_CLASSES 4 /* as many as FrameClass has */
#define METER_METHODS 200
#define METER_CODES 12 /* of a method; further ones are "other", too */
#define METER_CLOSES 24
#define METER_NAME_MAX 64

typedef struct Histogram
{
	int64_t buckets[METER_BUCKETS]; /* each for itself, not added up */
	int64_t sum_ms;
} Histogram;

typedef struct MeterCode
{
	char code[32]; /* "" = free */
	int64_t count;
} MeterCode;

typedef struct MeterMethod
{
	char method[METER_NAME_MAX]; /* "" = free */
	MeterCode codes[METER_CODES];
	int64_t other; /* with codes beyond these */
} MeterMethod;

typedef struct Meter
{
	Histogram delivery;
	int64_t class_frames[METER_CLASSES];
	int64_t class_bytes[METER_CLASSES];
	int64_t closes[METER_CLOSES];           /* see meter_close_label() */
	MeterMethod methods[METER_METHODS + 1]; /* the last is "other" */
} Meter;

extern Meter meter;

/* milliseconds from an event's birth to its write; the clocks are two machines' */
extern void histogram_observe(Histogram *histogram, int64_t ms);

/* code: "ok" or that of an error. */
extern void meter_call(Meter *into, const char *method, const char *code);

/* code: the close code that was sent, METER_CLOSE_PEER or METER_CLOSE_LOST. */
#define METER_CLOSE_PEER (-1)
#define METER_CLOSE_LOST (-2)
extern void meter_close(Meter *into, int code);

/* "4401", "peer", "lost" or "other" for closes[i]; NULL for one that is not used. */
extern const char *meter_close_label(size_t i);

/* Adds all of one to the other. */
extern void meter_add(Meter *into, const Meter *from);

#endif
