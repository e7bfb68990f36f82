/*
 * doorbell_shared.h
 *	  What the doorbell's processes share; internal to doorbell*.c and maintenance.c.
 */
#ifndef WRK_DOORBELL_SHARED_H
#define WRK_DOORBELL_SHARED_H

#include "doorbell.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#define DOORBELL_MAX_DATABASES 32
/* queues of a database that ring by their names; a bit more stands for the others */
#define DOORBELL_MAX_QUEUES 63

/*
 * One of these for each database that has or had a worker.  The launcher gives
 * it to a database and takes it back when the database is gone, so a backend
 * that has found its own may keep the pointer.
 */
typedef struct DoorbellSlot
{
	slock_t mutex;         /* guards what follows up to queues */
	Oid dboid;             /* InvalidOid = free */
	pid_t pid;             /* the worker that rings, 0 = none lives */
	Latch *latch;          /* its latch */
	pid_t maintenance_pid; /* the worker that runs wrk.maintenance, 0 = none */
	TimestampTz
		hold_until; /* start no worker before: somebody wants the database for himself */
	char queues[DOORBELL_MAX_QUEUES][NAMEDATALEN]; /* that have rung, "" = free */

	pg_atomic_uint64 queues_pending; /* bits of queues with jobs not rung for yet */
	pg_atomic_uint32 pending; /* somebody has committed since the bell was last rung */
	pg_atomic_uint64 commits; /* that wanted the bell */
	pg_atomic_uint64 rings;
} DoorbellSlot;

typedef struct DoorbellShared
{
	slock_t mutex; /* guards launcher */
	Latch *launcher;
	DoorbellSlot slots[DOORBELL_MAX_DATABASES];
} DoorbellShared;

/* NULL unless the library was preloaded */
extern DoorbellShared *doorbell_shared;

/* settings */
extern char *doorbell_databases;
extern int maintenance_interval;

/* the slot of a database, NULL if it has none */
extern DoorbellSlot *doorbell_find_slot(Oid dboid);

/* the slot a background worker was started for; its argument is the number */
extern DoorbellSlot *doorbell_worker_slot(Datum arg);

/* names in wrk_copilot.databases, as a list of palloc'd strings; NIL if malformed */
extern List *doorbell_database_names(void);

/* ---------- doorbell_queue.c ---------- */

/* whether this transaction has marked queues; drops the marks */
extern bool doorbell_queues_marked(void);
extern void doorbell_queues_forget(void);

/* notifies for the marked queues in this transaction */
extern void doorbell_queues_notify(void);

/* leaves the marked queues, or all there are, to the worker of the slot; never fails */
extern void doorbell_queues_ring(DoorbellSlot *slot);
extern void doorbell_queues_ring_any(DoorbellSlot *slot);

/* takes the bits of the queues that are to be rung for; notifies for such bits */
extern uint64 doorbell_queues_take(DoorbellSlot *slot);
extern void doorbell_queues_notify_bits(DoorbellSlot *slot, uint64 bits);

/* from doorbell_init() when preloading */
extern void doorbell_register_launcher(void);

/* where background workers begin */
extern PGDLLEXPORT void doorbell_launcher_main(Datum arg);
extern PGDLLEXPORT void doorbell_worker_main(Datum arg);
extern PGDLLEXPORT void maintenance_worker_main(Datum arg);

#endif /* WRK_DOORBELL_SHARED_H */
