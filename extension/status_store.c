/*
 * status_store.c
 *	  wrk.state_change: every change of state that was made.
 *
 * A row is written by the transaction that makes the change, straight into the
 * table and its indexes, as events are; the table is ours and has no triggers
 * or checks that this could pass over.  It is also where the way back from a
 * stop-over is found.
 *
 * Must stay true: it is read as it is now, not as the statement's snapshot has it.
 * The row whose history is asked for is locked by then, so what is newer than the
 * snapshot is just what made the row what it is.
 */
#include "status.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "event.h"
#include "identity.h"
#include "table_insert.h"

/* columns of wrk.state_change */
enum ChangeColumn
{
	CHANGE_ID = 1,
	CHANGE_TENANT_ID,
	CHANGE_ENTITY,
	CHANGE_ROW_ID,
	CHANGE_MACHINE,
	CHANGE_VERSION,
	CHANGE_FROM,
	CHANGE_TO,
	CHANGE_REASON,
	CHANGE_USER_ID,
	CHANGE_ROLES,
	CHANGE_ACTOR,
	CHANGE_RETURNED,
	CHANGE_IMPORTED,
	CHANGE_KEY,
	CHANGE_CREATED_AT,
	CHANGE_NCOLUMNS = CHANGE_CREATED_AT
};

static int64 last_change = 0; /* id of what this backend has recorded last */

int64
status_last_change(void)
{
	return last_change;
}

void
status_set_last_change(int64 id)
{
	last_change = id;
}

static void
put_identity(Datum *values, bool *nulls)
{
	const Identity *id = identity_current();
	int nroles = id ? id->nroles : 0;
	Datum *roles = palloc(sizeof(Datum) * Max(nroles, 1));

	for (int i = 0; i < nroles; i++)
		roles[i] = CStringGetTextDatum(id->roles[i]);
	wrk_put_text(values, nulls, CHANGE_USER_ID, id ? id->user_id : NULL);
	/* without an identity, the role of the database is all that is known */
	wrk_put_text(values, nulls, CHANGE_ACTOR,
				 id ? psprintf("%s:%s", id->via, id->actor)
					: psprintf("role:%s", GetUserNameFromId(GetUserId(), false)));
	values[CHANGE_ROLES - 1] =
		PointerGetDatum(construct_array(roles, nroles, TEXTOID, -1, false, TYPALIGN_INT));
}

void
status_record(const StatusStep *step, bool imported)
{
	Relation rel = table_open(wrk_relation("state_change"), RowExclusiveLock);
	int64 id = nextval_internal(wrk_relation("state_change_id_seq"), false);
	Datum values[CHANGE_NCOLUMNS];
	bool nulls[CHANGE_NCOLUMNS] = {false};
	HeapTuple tuple;

	values[CHANGE_ID - 1] = Int64GetDatum(id);
	wrk_put_text(values, nulls, CHANGE_TENANT_ID, step->tenant);
	wrk_put_text(values, nulls, CHANGE_ENTITY, step->table->entity);
	wrk_put_text(values, nulls, CHANGE_ROW_ID, step->id);
	wrk_put_text(values, nulls, CHANGE_MACHINE, step->machine->name);
	values[CHANGE_VERSION - 1] = Int32GetDatum(step->machine->version);
	wrk_put_text(values, nulls, CHANGE_FROM, step->from_code);
	wrk_put_text(values, nulls, CHANGE_TO, status_code(step->machine, step->to));
	wrk_put_text(values, nulls, CHANGE_REASON, step->reason);
	put_identity(values, nulls);
	values[CHANGE_RETURNED - 1] = BoolGetDatum(step->returned);
	values[CHANGE_IMPORTED - 1] = BoolGetDatum(imported);
	wrk_put_text(values, nulls, CHANGE_KEY, event_call_key());
	values[CHANGE_CREATED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());

	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	table_insert(rel, tuple);
	heap_freetuple(tuple);
	table_close(rel, NoLock);
	last_change = id;
}

/* text of a column of a change, NULL for SQL NULL */
static char *
change_text(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static void
init_key(ScanKey key, AttrNumber column, const char *value)
{
	ScanKeyEntryInitialize(key, value ? 0 : SK_ISNULL | SK_SEARCHNULL, column,
						   value ? BTEqualStrategyNumber : InvalidStrategy, InvalidOid,
						   C_COLLATION_OID, value ? F_TEXTEQ : InvalidOid,
						   value ? CStringGetTextDatum(value) : (Datum) 0);
}

typedef bool (*ChangeTest)(const StatusStep *step, HeapTuple tuple, TupleDesc desc);

/*
 * The latest change of the row that passes the test, copied; NULL if none does.
 * What this very command has recorded counts as well.
 */
static HeapTuple
latest_change(const StatusStep *step, Relation rel, ChangeTest test)
{
	Relation index = index_open(wrk_relation("state_change_row_idx"), AccessShareLock);
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple tuple;

	/* in the order of the index */
	init_key(&keys[0], CHANGE_ROW_ID, step->id);
	init_key(&keys[1], CHANGE_ENTITY, step->table->entity);
	init_key(&keys[2], CHANGE_TENANT_ID, step->tenant);
	scan = systable_beginscan_ordered(rel, index, SnapshotSelf, lengthof(keys), keys);
	do
		tuple = systable_getnext_ordered(scan, BackwardScanDirection);
	while (HeapTupleIsValid(tuple) && !test(step, tuple, RelationGetDescr(rel)));
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	return tuple;
}

/* whether the change entered the state the row is in, other than by going back to it */
static bool
is_entry(const StatusStep *step, HeapTuple tuple, TupleDesc desc)
{
	bool isnull;

	return !DatumGetBool(heap_getattr(tuple, CHANGE_RETURNED, desc, &isnull)) &&
		   strcmp(change_text(tuple, desc, CHANGE_TO),
				  status_code(step->machine, step->from)) == 0;
}

int
status_previous(const StatusStep *step)
{
	Relation rel = table_open(wrk_relation("state_change"), AccessShareLock);
	HeapTuple tuple = latest_change(step, rel, is_entry);
	char *code = tuple ? change_text(tuple, RelationGetDescr(rel), CHANGE_FROM) : NULL;

	table_close(rel, AccessShareLock);
	return code ? status_state(step->machine, code) : STATUS_NONE;
}

static bool
is_step(const StatusStep *step, HeapTuple tuple, TupleDesc desc)
{
	const char *from = change_text(tuple, desc, CHANGE_FROM);

	return from != NULL && step->from_code != NULL &&
		   strcmp(from, step->from_code) == 0 &&
		   strcmp(change_text(tuple, desc, CHANGE_TO),
				  status_code(step->machine, step->to)) == 0;
}

int64
status_recorded(StatusStep *step)
{
	Relation rel = table_open(wrk_relation("state_change"), AccessShareLock);
	HeapTuple tuple = latest_change(step, rel, is_step);
	TupleDesc desc = RelationGetDescr(rel);
	bool isnull;
	int64 id;

	/* the guard was switched off, or somebody else made the row what it is */
	if (tuple == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("a change of state of %s was not seen by its guard",
							   step->table->entity),
						errhint("Is trigger zz_wrk_status of its table enabled?")));
	id = DatumGetInt64(heap_getattr(tuple, CHANGE_ID, desc, &isnull));
	step->reason = change_text(tuple, desc, CHANGE_REASON);
	step->returned = DatumGetBool(heap_getattr(tuple, CHANGE_RETURNED, desc, &isnull));
	table_close(rel, AccessShareLock);
	return id;
}
