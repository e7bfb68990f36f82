/*
 * maintenance.c
 *	  The worker that runs what is registered in wrk.maintenance.
 *
 * The launcher starts one for each database from time to time; it does what is
 * due, each thing in a transaction of its own, and ends.  Which things, and what
 * became of them, is SQL (maintenance.sql).
 *
 * Must stay true: a registered function runs with the rights of its owner, not
 * with ours, and cannot get out of them: who may replace a function must not
 * become superuser by it.
 */
#include "doorbell_shared.h"

#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(wrk_maintenance_call);


/* ---------- worker ---------- */

/* runs the next thing that was due then; false if there is none */
static bool
run_step(TimestampTz then)
{
	Oid argtypes[] = {TIMESTAMPTZOID};
	Datum args[] = {TimestampTzGetDatum(then)};
	bool found = false;
	bool isnull;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (OidIsValid(get_extension_oid("wrk_copilot", true)))
	{
		if (SPI_execute_with_args("SELECT wrk.maintenance_step($1)", 1, argtypes, args,
								  NULL, false, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not run maintenance");
		(void) SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		found = !isnull;
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return found;
}

static void
leave_slot(int code, Datum arg)
{
	DoorbellSlot *slot = doorbell_worker_slot(arg);

	SpinLockAcquire(&slot->mutex);
	if (slot->maintenance_pid == MyProcPid)
		slot->maintenance_pid = 0;
	SpinLockRelease(&slot->mutex);
}

void
maintenance_worker_main(Datum arg)
{
	DoorbellSlot *slot = doorbell_worker_slot(arg);
	TimestampTz now;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	before_shmem_exit(leave_slot, arg);
	SpinLockAcquire(&slot->mutex);
	slot->maintenance_pid = MyProcPid;
	SpinLockRelease(&slot->mutex);
	BackgroundWorkerInitializeConnectionByOid(slot->dboid, InvalidOid, 0);

	now = GetCurrentTimestamp();
	pgstat_report_activity(STATE_RUNNING, "wrk.maintenance");
	while (run_step(now))
		CHECK_FOR_INTERRUPTS();
	proc_exit(0);
}


/* ---------- SQL ---------- */

/* owner of a function that can be called without arguments; error if it cannot */
static Oid
owner_of_callable(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	bool callable;
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("function with OID %u does not exist", function)));
	form = (Form_pg_proc) GETSTRUCT(tuple);
	callable =
		form->prokind == PROKIND_FUNCTION && form->pronargs == 0 && !form->proretset;
	owner = form->proowner;
	ReleaseSysCache(tuple);
	if (!callable)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function %s cannot be run as maintenance",
						format_procedure(function)),
				 errhint("It must take no arguments and return one value or void.")));
	return owner;
}

Datum
wrk_maintenance_call(PG_FUNCTION_ARGS)
{
	Oid function = PG_GETARG_OID(0);
	Oid owner = owner_of_callable(function);
	Oid saved_user;
	int saved_context;
	int nest_level = NewGUCNestLevel();
	LOCAL_FCINFO(call, 0);
	FmgrInfo flinfo;

	GetUserIdAndSecContext(&saved_user, &saved_context);
	SetUserIdAndSecContext(owner, saved_context | SECURITY_RESTRICTED_OPERATION);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*call, &flinfo, 0, InvalidOid, NULL, NULL);
	(void) FunctionCallInvoke(call);
	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(saved_user, saved_context);
	PG_RETURN_VOID();
}
