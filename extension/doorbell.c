/*
 * doorbell.c
 *	  Tells listeners that events were committed: an empty NOTIFY wrk_event.  Jobs
 *	  are rung for alike, with more to say: doorbell_queue.c.
 *
 * NOTIFY takes a lock that every notifying transaction of the cluster holds
 * through its commit, so writers must not do it themselves.  With the library
 * preloaded, a transaction that has emitted sets a flag in shared memory after
 * its commit and, if the flag was clear, the latch of a background worker of
 * its database (doorbell_worker.c), which rings once for however many have
 * committed meanwhile.  Where no worker lives, the transaction notifies itself.
 *
 * Must stay true, so that no commit is missed: a committer sets the flag after
 * its commit is visible; the worker clears the flag before it rings; a worker
 * rings when it starts.
 */
#include "doorbell_shared.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_database.h"
#include "commands/async.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

/* how long a database whose workers were sent away stays without; the server waits 5 s
 * for them to go */
#define HOLD_MS 6000

DoorbellShared *doorbell_shared = NULL;
char *doorbell_databases = NULL;
int maintenance_interval = 60;

static bool launcher_wanted = false;  /* this transaction makes or renames a database */
static bool bell_wanted = false;      /* this transaction has emitted */
static bool rings_itself = false;     /* by a NOTIFY of its own */
static DoorbellSlot *own_slot = NULL; /* that of this backend's database, once found */
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;
static ProcessUtility_hook_type prev_ProcessUtility = NULL;
#ifdef WRK_HAVE_SHMEM_REQUEST_HOOK
static shmem_request_hook_type prev_shmem_request_hook = NULL;
#endif

PG_FUNCTION_INFO_V1(wrk_doorbell_mode);
PG_FUNCTION_INFO_V1(wrk_doorbell_status);


/* ---------- shared memory ---------- */

static void
request_shmem(void)
{
#ifdef WRK_HAVE_SHMEM_REQUEST_HOOK
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
#endif
	RequestAddinShmemSpace(MAXALIGN(sizeof(DoorbellShared)));
}

static void
startup_shmem(void)
{
	bool found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	doorbell_shared =
		ShmemInitStruct("wrk_copilot doorbell", sizeof(DoorbellShared), &found);
	if (!found)
	{
		memset(doorbell_shared, 0, sizeof(DoorbellShared));
		SpinLockInit(&doorbell_shared->mutex);
		for (int i = 0; i < DOORBELL_MAX_DATABASES; i++)
		{
			DoorbellSlot *slot = &doorbell_shared->slots[i];

			SpinLockInit(&slot->mutex);
			pg_atomic_init_u64(&slot->queues_pending, 0);
			pg_atomic_init_u32(&slot->pending, 0);
			pg_atomic_init_u64(&slot->commits, 0);
			pg_atomic_init_u64(&slot->rings, 0);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

DoorbellSlot *
doorbell_find_slot(Oid dboid)
{
	if (doorbell_shared == NULL || !OidIsValid(dboid))
		return NULL;
	for (int i = 0; i < DOORBELL_MAX_DATABASES; i++)
		if (doorbell_shared->slots[i].dboid == dboid)
			return &doorbell_shared->slots[i];
	return NULL;
}

DoorbellSlot *
doorbell_worker_slot(Datum arg)
{
	return &doorbell_shared->slots[DatumGetInt32(arg)];
}

/* the slot of this backend's database, NULL as long as it has none */
static DoorbellSlot *
get_own_slot(void)
{
	if (own_slot == NULL)
		own_slot = doorbell_find_slot(MyDatabaseId);
	return own_slot;
}

static bool
worker_lives(void)
{
	DoorbellSlot *slot = get_own_slot();
	bool lives = false;

	if (slot != NULL)
	{
		SpinLockAcquire(&slot->mutex);
		lives = slot->latch != NULL;
		SpinLockRelease(&slot->mutex);
	}
	return lives;
}

/* has the launcher look around now */
static void
wake_launcher(void)
{
	Latch *launcher;

	SpinLockAcquire(&doorbell_shared->mutex);
	launcher = doorbell_shared->launcher;
	SpinLockRelease(&doorbell_shared->mutex);
	if (launcher != NULL)
		SetLatch(launcher);
}


/* ---------- settings ---------- */

List *
doorbell_database_names(void)
{
	List *names = NIL;

	/* cuts the copy into the names, which point into it */
	if (doorbell_databases == NULL ||
		!SplitGUCList(pstrdup(doorbell_databases), ',', &names))
		return NIL;
	return names;
}

static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char *copy = pstrdup(*newval);
	List *names = NIL;
	bool ok = SplitGUCList(copy, ',', &names);
	int n = list_length(names);

	list_free(names);
	pfree(copy);
	if (!ok)
		GUC_check_errdetail("It is no list of names separated by commas.");
	else if (n > DOORBELL_MAX_DATABASES)
		GUC_check_errdetail("At most %d databases are served.", DOORBELL_MAX_DATABASES);
	return ok && n <= DOORBELL_MAX_DATABASES;
}

static void
define_settings(void)
{
	DefineCustomStringVariable(
		"wrk_copilot.databases", "Databases whose events a background worker announces.",
		"Separated by commas. Needs wrk_copilot in shared_preload_libraries;"
		" elsewhere each transaction announces its own, which is slower.",
		&doorbell_databases, "", PGC_SIGHUP, 0, check_databases, NULL, NULL);
	DefineCustomIntVariable("wrk_copilot.maintenance_interval",
							"Time between runs of what is registered in wrk.maintenance.",
							"In the databases of wrk_copilot.databases; 0 turns it off.",
							&maintenance_interval, 60, 0, 24 * 3600, PGC_SIGHUP,
							GUC_UNIT_S, NULL, NULL, NULL);
}


/* ---------- transactions ---------- */

void
doorbell_mark(void)
{
	bell_wanted = true;
}

bool
doorbell_ring_now(void)
{
	DoorbellSlot *slot = get_own_slot();
	Latch *latch;

	if (slot == NULL)
		return false;
	pg_atomic_fetch_add_u64(&slot->commits, 1);
	if (pg_atomic_exchange_u32(&slot->pending, 1) == 1)
		return true; /* somebody has woken the worker and it has not looked yet */
	SpinLockAcquire(&slot->mutex);
	latch = slot->latch;
	SpinLockRelease(&slot->mutex);
	if (latch == NULL)
		return false;
	/* should the worker have died by now, a spare wake-up for whoever has its latch */
	SetLatch(latch);
	return true;
}

static void
notify_in_transaction(void)
{
	if (bell_wanted)
		Async_Notify(DOORBELL_CHANNEL, "");
	doorbell_queues_notify();
}

static void
forget_marks(void)
{
	bell_wanted = launcher_wanted = false;
	doorbell_queues_forget();
}

/*
 * A transaction notifies itself if no worker does it.  One that is prepared need
 * not where the library is preloaded: whoever finishes it rings or notifies.
 * Elsewhere PREPARE ends in the server's refusal to prepare a transaction that
 * has notified.  A savepoint that took events or jobs back is not noticed: a
 * spare ring is harmless.
 */
static void
doorbell_xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			rings_itself = (bell_wanted || doorbell_queues_marked()) && !worker_lives();
			if (rings_itself)
				notify_in_transaction();
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (doorbell_shared == NULL)
				notify_in_transaction();
			break;
		case XACT_EVENT_COMMIT:
			if (bell_wanted && !rings_itself)
				(void) doorbell_ring_now();
			if (!rings_itself)
				doorbell_queues_ring(own_slot);
			if (launcher_wanted)
				wake_launcher();
			forget_marks();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			forget_marks();
			break;
		default:
			break;
	}
}


/* ---------- utility commands ---------- */

/* sends the workers of a database away so that its owner can have it for himself */
static void
dismiss_workers(const char *database)
{
	Oid dboid = get_database_oid(database, true);
	DoorbellSlot *slot = OidIsValid(dboid) ? doorbell_find_slot(dboid) : NULL;

	if (slot == NULL || !wrk_owns_database(dboid, GetUserId()))
		return;
	SpinLockAcquire(&slot->mutex);
	slot->hold_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HOLD_MS);
	if (slot->pid != 0)
		(void) kill(slot->pid, SIGTERM);
	if (slot->maintenance_pid != 0)
		(void) kill(slot->maintenance_pid, SIGTERM);
	SpinLockRelease(&slot->mutex);
}

/* the database a command needs nobody else to be connected to, NULL if none */
static const char *
database_needed_alone(Node *stmt)
{
	ListCell *cell;

	switch (nodeTag(stmt))
	{
		case T_DropdbStmt:
			return ((DropdbStmt *) stmt)->dbname;
		case T_RenameStmt:
			return ((RenameStmt *) stmt)->renameType == OBJECT_DATABASE
					   ? ((RenameStmt *) stmt)->subname
					   : NULL;
		case T_CreatedbStmt:
			foreach (cell, ((CreatedbStmt *) stmt)->options)
				if (strcmp(((DefElem *) lfirst(cell))->defname, "template") == 0 &&
					((DefElem *) lfirst(cell))->arg != NULL)
					return defGetString(lfirst(cell));
			return NULL;
		case T_AlterDatabaseStmt:
			foreach (cell, ((AlterDatabaseStmt *) stmt)->options)
				if (strcmp(((DefElem *) lfirst(cell))->defname, "tablespace") == 0)
					return ((AlterDatabaseStmt *) stmt)->dbname;
			return NULL;
		default:
			return NULL;
	}
}

/* who prepared the transaction may have emitted or left jobs; that is not known any more
 */
static void
ring_for_prepared(void)
{
	if (!OidIsValid(get_namespace_oid("wrk", true)))
		return;
	if (worker_lives() && doorbell_ring_now())
		doorbell_queues_ring_any(own_slot);
	else
	{
		Async_Notify(DOORBELL_CHANNEL, "");
		Async_Notify(DOORBELL_QUEUE_CHANNEL, "");
	}
}

static void
doorbell_ProcessUtility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
						ProcessUtilityContext context, ParamListInfo params,
						QueryEnvironment *queryEnv, DestReceiver *dest,
						QueryCompletion *qc)
{
	Node *stmt = pstmt->utilityStmt;
	bool commits_prepared =
		IsA(stmt, TransactionStmt) &&
		((TransactionStmt *) stmt)->kind == TRANS_STMT_COMMIT_PREPARED;
	const char *database = database_needed_alone(stmt);

	if (database != NULL)
		dismiss_workers(database);
	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context, params, queryEnv,
							dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context, params,
								queryEnv, dest, qc);
	if (commits_prepared)
		ring_for_prepared();
	if (IsA(stmt, CreatedbStmt) || IsA(stmt, RenameStmt))
		launcher_wanted = true;
}

void
doorbell_init(void)
{
	define_settings();
	RegisterXactCallback(doorbell_xact_callback, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
#ifdef WRK_HAVE_SHMEM_REQUEST_HOOK
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
#else
	request_shmem();
#endif
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = doorbell_ProcessUtility;
	doorbell_register_launcher();
}


/* ---------- SQL ---------- */

static const char *
mode_name(void)
{
	return worker_lives() ? "worker" : "transaction";
}

Datum
wrk_doorbell_mode(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(mode_name()));
}

Datum
wrk_doorbell_status(PG_FUNCTION_ARGS)
{
	DoorbellSlot *slot = get_own_slot();
	TupleDesc desc;
	Datum values[4] = {CStringGetTextDatum(mode_name())};
	bool nulls[4] = {false, true, slot == NULL, slot == NULL};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (slot != NULL)
	{
		values[1] = Int32GetDatum(slot->pid);
		nulls[1] = slot->pid == 0;
		values[2] = Int64GetDatum(pg_atomic_read_u64(&slot->commits));
		values[3] = Int64GetDatum(pg_atomic_read_u64(&slot->rings));
	}
	PG_RETURN_DATUM(
		HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
