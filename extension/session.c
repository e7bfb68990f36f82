/*
 * session.c
 *	  Revoked sessions (table wrk.revoked_session), asked for every token.
 *
 * A row is looked up through the primary key each time.  A cache would have to
 * be thrown away in every backend with each log-out, and read anew whole, where
 * one probe of an index costs about a microsecond.
 *
 * Must stay true: the table is read with the latest snapshot, not that of the
 * transaction, so that a revocation holds from the moment it was committed, also
 * for a REPEATABLE READ transaction that began before.
 */
#include "session.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* columns of wrk.revoked_session; the first is what its primary key begins with */
enum RevokedColumn
{
	COL_SESSION_ID = 1,
	COL_TENANT_ID,
	COL_UNTIL
};

/* a row without a tenant holds for all */
static bool
row_holds(HeapTuple tuple, TupleDesc desc, const char *tenant_id)
{
	bool isnull;
	char *tenant = TextDatumGetCString(heap_getattr(tuple, COL_TENANT_ID, desc, &isnull));
	TimestampTz until =
		DatumGetTimestampTz(heap_getattr(tuple, COL_UNTIL, desc, &isnull));

	return (tenant[0] == '\0' || strcmp(tenant, tenant_id) == 0) &&
		   GetCurrentTimestamp() < until;
}

static bool
is_revoked(const char *tenant_id, const char *session_id)
{
	Relation rel = table_open(wrk_relation("revoked_session"), AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool revoked = false;

	ScanKeyEntryInitialize(
		&key, 0, COL_SESSION_ID, BTEqualStrategyNumber, InvalidOid,
		TupleDescAttr(RelationGetDescr(rel), COL_SESSION_ID - 1)->attcollation, F_TEXTEQ,
		CStringGetTextDatum(session_id));
	scan = systable_beginscan(rel, wrk_relation("revoked_session_pkey"), true, snapshot,
							  1, &key);
	while (!revoked && HeapTupleIsValid(tuple = systable_getnext(scan)))
		revoked = row_holds(tuple, RelationGetDescr(rel), tenant_id);
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return revoked;
}

void
session_check(const char *tenant_id, const char *session_id)
{
	if (is_revoked(tenant_id, session_id))
		ereport(ERROR,
				(errcode(ERRCODE_WRK_UNAUTHORIZED), errmsg("the session has been ended"),
				 errhint("Log in again, or get a new token."), WRK_HIDE_CREDENTIAL));
}
