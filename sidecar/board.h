/*
 * board.h: what the processes of one gateway know of each other (layer 1).
 *
 * Several workers share a port, and who asks for /metrics or /readyz reaches one of
 * them: so each writes its figures where all can read them, once a second and
 * whenever it is asked. One writer a slot, nobody waits for anybody. A single
 * process has a board of one slot. What must stay true: a sum of counters never
 * falls, so what a worker that ended had counted is kept.
 */
#ifndef WRK_BOARD_H
#define WRK_BOARD_H

#include "meter.h"
#include "stats.h"

#include <stdbool.h>

typedef enum WorkerState
{
	WORKER_GONE,     /* or not there yet */
	WORKER_STARTING, /* does not listen yet */
	WORKER_WAITING,  /* listens; the database or the feed is not as it should be */
	WORKER_READY,
	WORKER_DRAINING,
} WorkerState;

/* Makes room for so many workers; before the first fork. */
extern void board_make(int workers);

/* This process is that worker from now on, 1 to workers. */
extern void board_take(int worker);

/* Writes down how this process is and what it has counted. */
extern void board_publish(WorkerState state);

/* Of the others: how it is, and since how many ms nothing was heard of it. */
extern WorkerState board_state(int worker);
extern int64_t board_silence(int worker);

/* A worker has ended: its counters stay, the rest is forgotten. */
extern void board_retire(int worker);

/* How many there are room for, and how many are in that state. */
extern int board_workers(void);
extern int board_count(WorkerState state);

/* All workers' figures, those of this process included as they were published. */
extern void board_sum(Stats *total, Meter *labelled);

#endif
