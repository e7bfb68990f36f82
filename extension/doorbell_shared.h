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

/*
 * One of these for each database that has or had a worker.  The launcher gives
 * it to a database and takes it back when the database is gone, so a backend
 * that has found its own may keep the pointer.
 */
typedef struct DoorbellSlot
{
	slock_t mutex;         /* guards what follows up to hold_until */
	Oid dboid;             /* InvalidOid = free */
	pid_t pid;             /* the worker that rings, 0 = none lives */
	Latch *latch;          /* its latch */
	pid_t maintenance_pid; /* the worker that runs wrk.maintenance, 0 = none */
	TimestampTz
		hold_until; /* start no worker before: somebody wants the database for himself */

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

/* from doorbell_init() when preloading */
extern void doorbell_register_launcher(void);

/* where background workers begin */
extern PGDLLEXPORT void doorbell_launcher_main(Datum arg);
extern PGDLLEXPORT void doorbell_worker_main(Datum arg);
extern PGDLLEXPORT void maintenance_worker_main(Datum arg);

#endif /* WRK_DOORBELL_SHARED_H */
