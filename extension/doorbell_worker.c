/*
 * doorbell_worker.c
 *	  The doorbell's processes: a launcher, and one worker for each database.
 *
 * The launcher belongs to no database.  It compares the databases that exist
 * with those named in wrk_copilot.databases, starts what is missing, and starts
 * again what has died, after a pause that doubles with every early death.  It
 * also starts the short-lived workers that run wrk.maintenance (maintenance.c):
 * the worker that rings must not wait for anything.
 *
 * Must stay true: only the launcher gives slots to databases; a worker owns the
 * slot's pid and latch from taking it to its exit.
 */
#include "doorbell_shared.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/async.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* how often the launcher looks around without being asked to */
#define LOOK_MS 5000
/* a worker that lives this long counts as healthy */
#define HEALTHY_MS 60000
#define MAX_PAUSE_MS 60000
/* under load the bell rings once in this time, so that ringing leaves the cores to the
 * writers */
#define RING_GAP_MS 1

/* one of these for each slot, in the launcher's memory */
typedef struct Launch
{
	BackgroundWorkerHandle *bell;        /* NULL = not started by this launcher */
	BackgroundWorkerHandle *maintenance; /* NULL = none is running */
	TimestampTz bell_started;
	TimestampTz not_before; /* pause after a death */
	TimestampTz next_maintenance;
	int early_deaths;
	bool named; /* in wrk_copilot.databases, and exists */
	bool exists;
} Launch;

static Launch launches[DOORBELL_MAX_DATABASES];
static MemoryContext launcher_context;


/* ---------- launcher ---------- */

void
doorbell_register_launcher(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = 5,
		.bgw_name = "wrk_copilot launcher",
		.bgw_type = "wrk_copilot launcher",
		.bgw_library_name = "wrk_copilot",
		.bgw_function_name = "doorbell_launcher_main",
	};

	/* pg_upgrade wants nobody to write but itself */
	if (!IsBinaryUpgrade)
		RegisterBackgroundWorker(&worker);
}

/* registers a dynamic worker for slot i; NULL if the server has no room for it */
static BackgroundWorkerHandle *
start_worker(int i, const char *type, const char *function)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "wrk_copilot",
		.bgw_main_arg = Int32GetDatum(i),
		.bgw_notify_pid = MyProcPid,
	};
	MemoryContext old = MemoryContextSwitchTo(launcher_context);
	BackgroundWorkerHandle *handle = NULL;

	strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker.bgw_type, type, BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "%s for database %u", type,
			 doorbell_shared->slots[i].dboid);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		ereport(LOG, (errmsg("could not start %s", worker.bgw_name),
					  errhint("You may need to increase max_worker_processes.")));
		handle = NULL;
	}
	MemoryContextSwitchTo(old);
	return handle;
}

/* whether the process is gone; forgets the handle of one that is */
static bool
has_stopped(BackgroundWorkerHandle **handle)
{
	pid_t pid;

	if (GetBackgroundWorkerPid(*handle, &pid) != BGWH_STOPPED)
		return false;
	pfree(*handle);
	*handle = NULL;
	return true;
}

/* the slot of the database, a free one made its own if it has none; -1 = all are taken */
static int
slot_for(Oid dboid)
{
	int unused = -1;

	for (int i = 0; i < DOORBELL_MAX_DATABASES; i++)
	{
		if (doorbell_shared->slots[i].dboid == dboid)
			return i;
		if (doorbell_shared->slots[i].dboid == InvalidOid && unused < 0)
			unused = i;
	}
	if (unused >= 0)
	{
		DoorbellSlot *slot = &doorbell_shared->slots[unused];

		memset(&launches[unused], 0, sizeof(Launch));
		pg_atomic_write_u64(&slot->queues_pending, 0);
		pg_atomic_write_u32(&slot->pending, 0);
		pg_atomic_write_u64(&slot->commits, 0);
		pg_atomic_write_u64(&slot->rings, 0);
		SpinLockAcquire(&slot->mutex);
		slot->hold_until = 0;
		memset(slot->queues, 0, sizeof(slot->queues));
		slot->dboid = dboid;
		SpinLockRelease(&slot->mutex);
	}
	return unused;
}

static bool
is_named(const char *database)
{
	ListCell *cell;

	foreach (cell, doorbell_database_names())
		if (strcmp(lfirst(cell), database) == 0)
			return true;
	return false;
}

/* marks the slots of databases that exist, and gives slots to those named */
static void
look_at_databases(void)
{
	Relation rel;
	TableScanDesc scan;
	HeapTuple tuple;

	for (int i = 0; i < DOORBELL_MAX_DATABASES; i++)
		launches[i].named = launches[i].exists = false;
	StartTransactionCommand();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		bool named = database->datallowconn && is_named(NameStr(database->datname));
		DoorbellSlot *known = doorbell_find_slot(database->oid);
		int i = named   ? slot_for(database->oid)
				: known ? known - doorbell_shared->slots
						: -1;

		if (i < 0)
			continue;
		launches[i].exists = true;
		launches[i].named = named;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
}

/* takes back the slot of a database that was dropped, once its workers are gone */
static void
free_slot(int i)
{
	DoorbellSlot *slot = &doorbell_shared->slots[i];

	SpinLockAcquire(&slot->mutex);
	if (slot->pid == 0 && slot->maintenance_pid == 0 && launches[i].bell == NULL &&
		launches[i].maintenance == NULL)
		slot->dboid = InvalidOid;
	SpinLockRelease(&slot->mutex);
}

static void
note_death(Launch *launch, TimestampTz now)
{
	int pause = 1000;

	if (TimestampDifferenceExceeds(launch->bell_started, now, HEALTHY_MS))
		launch->early_deaths = 0;
	for (int i = 0; i < launch->early_deaths && pause < MAX_PAUSE_MS; i++)
		pause *= 2;
	launch->early_deaths++;
	launch->not_before = TimestampTzPlusMilliseconds(now, Min(pause, MAX_PAUSE_MS));
}

/* starts and forgets the workers of slot i as needed */
static void
tend_slot(int i, TimestampTz now)
{
	DoorbellSlot *slot = &doorbell_shared->slots[i];
	Launch *launch = &launches[i];
	/* a commit may have found the worker alive and then gone: ring for it, named or not
	 */
	bool wanted =
		launch->named || (launch->exists && (pg_atomic_read_u32(&slot->pending) ||
											 pg_atomic_read_u64(&slot->queues_pending)));

	if (launch->bell != NULL && has_stopped(&launch->bell))
		note_death(launch, now);
	if (launch->maintenance != NULL)
		(void) has_stopped(&launch->maintenance);
	if (!launch->exists)
	{
		free_slot(i);
		return;
	}
	if (now < slot->hold_until)
		return;
	/* a worker of an earlier launcher has no handle but a pid */
	if (wanted && launch->bell == NULL && slot->pid == 0 && now >= launch->not_before)
	{
		launch->bell = start_worker(i, "wrk_copilot doorbell", "doorbell_worker_main");
		launch->bell_started = now;
		if (launch->bell == NULL)
			note_death(launch, now);
	}
	if (launch->named && maintenance_interval > 0 && launch->maintenance == NULL &&
		slot->maintenance_pid == 0 && now >= launch->next_maintenance)
	{
		launch->maintenance =
			start_worker(i, "wrk_copilot maintenance", "maintenance_worker_main");
		launch->next_maintenance =
			TimestampTzPlusMilliseconds(now, maintenance_interval * 1000L);
	}
}

static void
leave_launcher(int code, Datum arg)
{
	SpinLockAcquire(&doorbell_shared->mutex);
	doorbell_shared->launcher = NULL;
	SpinLockRelease(&doorbell_shared->mutex);
}

/* how long the launcher may sleep: to the next thing due, at most LOOK_MS */
static long
time_to_sleep(TimestampTz now)
{
	TimestampTz until = TimestampTzPlusMilliseconds(now, LOOK_MS);

	for (int i = 0; i < DOORBELL_MAX_DATABASES; i++)
	{
		Launch *launch = &launches[i];

		if (!launch->named)
			continue;
		if (doorbell_shared->slots[i].hold_until > now)
			until = Min(until, doorbell_shared->slots[i].hold_until);
		if (launch->not_before > now && launch->bell == NULL)
			until = Min(until, launch->not_before);
		if (launch->next_maintenance > now && launch->maintenance == NULL)
			until = Min(until, launch->next_maintenance);
	}
	return Max(TimestampDifferenceMilliseconds(now, until), 10);
}

void
doorbell_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	launcher_context = AllocSetContextCreate(TopMemoryContext, "wrk_copilot launcher",
											 ALLOCSET_SMALL_SIZES);
	before_shmem_exit(leave_launcher, (Datum) 0);
	SpinLockAcquire(&doorbell_shared->mutex);
	doorbell_shared->launcher = MyLatch;
	SpinLockRelease(&doorbell_shared->mutex);

	while (!ShutdownRequestPending)
	{
		TimestampTz now;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		look_at_databases();
		now = GetCurrentTimestamp();
		for (int i = 0; i < DOORBELL_MAX_DATABASES; i++)
			if (OidIsValid(doorbell_shared->slots[i].dboid))
				tend_slot(i, now);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 time_to_sleep(GetCurrentTimestamp()), PG_WAIT_EXTENSION);
	}
	/* anything but success, so that the postmaster starts another one */
	proc_exit(1);
}


/* ---------- the worker that rings ---------- */

static void
leave_slot(int code, Datum arg)
{
	DoorbellSlot *slot = doorbell_worker_slot(arg);

	SpinLockAcquire(&slot->mutex);
	if (slot->pid == MyProcPid)
	{
		slot->pid = 0;
		slot->latch = NULL;
	}
	SpinLockRelease(&slot->mutex);
}

/* false if another worker has the slot */
static bool
take_slot(DoorbellSlot *slot)
{
	bool taken;

	SpinLockAcquire(&slot->mutex);
	taken = slot->pid == 0;
	if (taken)
	{
		slot->pid = MyProcPid;
		slot->latch = MyLatch;
	}
	SpinLockRelease(&slot->mutex);
	return taken;
}

/* rings for what was committed since the last time; false if there is nothing */
static bool
ring(DoorbellSlot *slot)
{
	bool events = pg_atomic_exchange_u32(&slot->pending, 0) == 1;
	uint64 queues = doorbell_queues_take(slot);

	if (!events && queues == 0)
		return false;
	StartTransactionCommand();
	if (events)
		Async_Notify(DOORBELL_CHANNEL, "");
	doorbell_queues_notify_bits(slot, queues);
	CommitTransactionCommand();
	if (events)
		pg_atomic_fetch_add_u64(&slot->rings, 1);
	return true;
}

/* whether wrk_copilot.databases still names our database */
static bool
still_named(void)
{
	bool named;

	StartTransactionCommand();
	named = is_named(get_database_name(MyDatabaseId));
	CommitTransactionCommand();
	return named;
}

static void
sleep_ms(long ms)
{
	(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
}

void
doorbell_worker_main(Datum arg)
{
	DoorbellSlot *slot = doorbell_worker_slot(arg);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(slot->dboid, InvalidOid, 0);
	/* a ring that is lost in a crash has nobody left to hear it */
	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_OVERRIDE);
	before_shmem_exit(leave_slot, arg);
	if (!take_slot(slot))
		proc_exit(0);

	/* for those who found no worker, and to learn at once whether we are wanted */
	pg_atomic_write_u32(&slot->pending, 1);
	doorbell_queues_ring_any(slot);
	ConfigReloadPending = true;
	while (!ShutdownRequestPending)
	{
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ring(slot))
		{
			sleep_ms(RING_GAP_MS);
			continue;
		}
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			if (!still_named())
				break;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1,
						 PG_WAIT_EXTENSION);
	}
	proc_exit(0);
}
