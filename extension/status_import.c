/*
 * status_import.c
 *	  wrk.status_import(): loading rows that are in the midst of their life.
 *
 * Between switching it on and the end of the transaction, rows may be written in
 * any state their machine knows; no guard, "after" function or event is made of
 * it, and the history says that it was an import.
 *
 * Must stay true: it ends with the transaction, and with the savepoint it was
 * switched on in.  Switched off inside a savepoint, it stays off: the doubt ends
 * in the guard.
 */
#include "status.h"

#include "access/xact.h"

static SubTransactionId importing =
	InvalidSubTransactionId; /* where it was switched on */

PG_FUNCTION_INFO_V1(wrk_status_import);
PG_FUNCTION_INFO_V1(wrk_status_importing);

static void
import_subxact_callback(SubXactEvent event, SubTransactionId subid,
						SubTransactionId parent_subid, void *arg)
{
	if (importing != subid)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		importing = InvalidSubTransactionId;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		importing = parent_subid;
}

static void
import_xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		importing = InvalidSubTransactionId;
}

void
status_import_init(void)
{
	RegisterXactCallback(import_xact_callback, NULL);
	RegisterSubXactCallback(import_subxact_callback, NULL);
}

bool
status_importing(void)
{
	return importing != InvalidSubTransactionId;
}

Datum
wrk_status_import(PG_FUNCTION_ARGS)
{
	if (!PG_GETARG_BOOL(0))
		importing = InvalidSubTransactionId;
	else if (importing == InvalidSubTransactionId)
		importing = GetCurrentSubTransactionId();
	PG_RETURN_VOID();
}

Datum
wrk_status_importing(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(status_importing());
}
