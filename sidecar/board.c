/*
 * board.c: see board.h.
 */
#include "board.h"

#include "clock.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct Slot
{
	int64_t heard_at; /* monotonic ms, one clock for all processes */
	int32_t state;
	Stats stats;
	Meter meter;
} Slot;

/* Slot 0 has what workers that ended had counted. */
static Slot *slots;
static int nslots;
static int own;

void
board_make(int workers)
{
	size_t size = (size_t) (workers + 1) * sizeof(Slot);
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
	{
		log_error("out of memory", "");
		abort();
	}
	slots = memory;
	nslots = workers + 1;
	own = 1;
}

void
board_take(int worker)
{
	own = worker;
}

void
board_publish(WorkerState state)
{
	Slot *slot = &slots[own];

	slot->state = (int32_t) state;
	slot->stats = stats;
	slot->meter = meter;
	slot->heard_at = clock_now_ms();
}

WorkerState
board_state(int worker)
{
	return (WorkerState) slots[worker].state;
}

int64_t
board_silence(int worker)
{
	return clock_now_ms() - slots[worker].heard_at;
}

/* What is no counter ends with who had it. */
static void
forget_gauges(Stats *of)
{
	const int64_t counter_stays = 1;
	const int64_t gauge_stays = 0;

#define X(member, type, help) of->member *= type##_stays;
	STATS_TABLE(X)
#undef X
}

/* Adds all up. */
static void
add_stats(Stats *total, const Stats *from)
{
#define X(member, type, help) total->member += from->member;
	STATS_TABLE(X)
#undef X
}

void
board_retire(int worker)
{
	Slot *slot = &slots[worker];

	forget_gauges(&slot->stats);
	add_stats(&slots[0].stats, &slot->stats);
	meter_add(&slots[0].meter, &slot->meter);
	memset(slot, 0, sizeof(*slot));
}

int
board_workers(void)
{
	return nslots - 1;
}

int
board_count(WorkerState state)
{
	int count = 0;

	for (int i = 1; i < nslots; i++)
		count += slots[i].state == (int32_t) state;
	return count;
}

static void
at_least(int64_t *value, int64_t other)
{
	if (*value < other)
		*value = other;
}

/* Of what says yes or no, or how long, a sum says nothing: the worst of all does. */
static void
take_worst(Stats *total)
{
	total->database_up = total->database_up == board_workers();
	total->feed_polling = total->feed_polling > 0;
	total->fetch_pause_ms = total->feed_lag_ms = total->queue_wait_ms = 0;
	for (int i = 1; i < nslots; i++)
	{
		at_least(&total->fetch_pause_ms, slots[i].stats.fetch_pause_ms);
		at_least(&total->feed_lag_ms, slots[i].stats.feed_lag_ms);
		at_least(&total->queue_wait_ms, slots[i].stats.queue_wait_ms);
	}
}

void
board_sum(Stats *total, Meter *labelled)
{
	memset(total, 0, sizeof(*total));
	memset(labelled, 0, sizeof(*labelled));
	for (int i = 0; i < nslots; i++)
	{
		add_stats(total, &slots[i].stats);
		meter_add(labelled, &slots[i].meter);
	}
	take_worst(total);
}
