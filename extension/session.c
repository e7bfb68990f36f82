/*
 * session.c
 *	  Who is not let in though the credential verifies: revoked sessions (table
 *	  wrk.revoked_session) and suspended tenants and users (wrk.suspension).
 *
 * A row is looked up through the primary key each time.  A cache would have to
 * be thrown away in every backend with each log-out, and read anew whole, where
 * one probe of an index costs about a microsecond.
 *
 * Must stay true: the tables are read with the latest snapshot, not that of the
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
	COL_UNTIL,
	COL_REVOKED_AT,
	COL_ENDED
};

/* what is known of a session */
typedef enum Revocation
{
	NOT_REVOKED,
	TOKENS_VOID, /* it lives on, with new tokens */
	SESSION_ENDED
} Revocation;

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

static Revocation
revocation(const char *tenant_id, const char *session_id)
{
	Relation rel = table_open(wrk_relation("revoked_session"), AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	Revocation revoked = NOT_REVOKED;

	ScanKeyEntryInitialize(
		&key, 0, COL_SESSION_ID, BTEqualStrategyNumber, InvalidOid,
		TupleDescAttr(RelationGetDescr(rel), COL_SESSION_ID - 1)->attcollation, F_TEXTEQ,
		CStringGetTextDatum(session_id));
	scan = systable_beginscan(rel, wrk_relation("revoked_session_pkey"), true, snapshot,
							  1, &key);
	while (revoked != SESSION_ENDED && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TupleDesc desc = RelationGetDescr(rel);
		bool isnull;

		if (row_holds(tuple, desc, tenant_id))
			revoked = DatumGetBool(heap_getattr(tuple, COL_ENDED, desc, &isnull))
						  ? SESSION_ENDED
						  : TOKENS_VOID;
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return revoked;
}

/* whether there is a row for the tenant and the user, "" for all of them */
static bool
is_suspended(const char *tenant_id, const char *user_id)
{
	const char *values[] = {tenant_id, user_id};
	ScanKeyData keys[lengthof(values)];
	Relation rel = table_open(wrk_relation("suspension"), AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan;
	bool found;

	for (int i = 0; i < lengthof(values); i++)
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   TupleDescAttr(RelationGetDescr(rel), i)->attcollation,
							   F_TEXTEQ, CStringGetTextDatum(values[i]));
	scan = systable_beginscan(rel, wrk_relation("suspension_pkey"), true, snapshot,
							  lengthof(keys), keys);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return found;
}

void
session_check(const char *tenant_id, const char *session_id)
{
	switch (revocation(tenant_id, session_id))
	{
		case NOT_REVOKED:
			break;
		case TOKENS_VOID:
			ereport(ERROR, (errcode(ERRCODE_WRK_UNAUTHORIZED),
							errmsg("the token is void: rights of its user have changed"),
							errhint("Get a new token."), WRK_HIDE_CREDENTIAL));
			break;
		case SESSION_ENDED:
			ereport(ERROR, (errcode(ERRCODE_WRK_SESSION_REVOKED),
							errmsg("the session has been ended"),
							errhint("Log in again."), WRK_HIDE_CREDENTIAL));
			break;
	}
}

void
suspension_check(const char *tenant_id, const char *user_id)
{
	if (is_suspended(tenant_id, ""))
		ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN), errmsg("the tenant is suspended"),
						WRK_HIDE_CREDENTIAL));
	if (user_id != NULL && user_id[0] != '\0' && is_suspended(tenant_id, user_id))
		ereport(ERROR,
				(errcode(ERRCODE_WRK_FORBIDDEN),
				 errmsg("the user is suspended in this tenant"), WRK_HIDE_CREDENTIAL));
}
