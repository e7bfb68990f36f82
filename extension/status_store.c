/*
 * status_store.c
 *	  wrk.state_change: every change of state that was made.
 *
 * A row is written by the transaction that makes the change, straight into the
 * table and its indexes, as events are; the table is ours and has no triggers
 * or checks that this could pass over.  It is also where the way back from a
 * stop-over is found.
 *
 * Must stay true: it is read with a fresh snapshot.  The row whose history is
 * asked for is locked by then, so what is newer than the statement's snapshot is
 * just what made the row what it is.
 */
#include "status.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#include "event.h"
#include "identity.h"

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

static void
put_text(Datum *values, bool *nulls, int column, const char *value)
{
	nulls[column - 1] = value == NULL;
	if (value != NULL)
		values[column - 1] = CStringGetTextDatum(value);
}

static const char *
state_code(const StatusStep *step, int state)
{
	return state >= 0 ? step->machine->states[state].code : NULL;
}

static void
put_identity(Datum *values, bool *nulls)
{
	const Identity *id = identity_current();
	int nroles = id ? id->nroles : 0;
	Datum *roles = palloc(sizeof(Datum) * Max(nroles, 1));

	for (int i = 0; i < nroles; i++)
		roles[i] = CStringGetTextDatum(id->roles[i]);
	put_text(values, nulls, CHANGE_USER_ID, id ? id->user_id : NULL);
	/* without an identity, the role of the database is all that is known */
	put_text(values, nulls, CHANGE_ACTOR,
			 id ? psprintf("%s:%s", id->via, id->actor)
				: psprintf("role:%s", GetUserNameFromId(GetUserId(), false)));
	values[CHANGE_ROLES - 1] =
		PointerGetDatum(construct_array(roles, nroles, TEXTOID, -1, false, TYPALIGN_INT));
}

int64
status_record(const StatusStep *step, bool imported)
{
	Relation rel = table_open(wrk_relation("state_change"), RowExclusiveLock);
	int64 id = nextval_internal(wrk_relation("state_change_id_seq"), false);
	Datum values[CHANGE_NCOLUMNS];
	bool nulls[CHANGE_NCOLUMNS] = {false};
	HeapTuple tuple;

	values[CHANGE_ID - 1] = Int64GetDatum(id);
	put_text(values, nulls, CHANGE_TENANT_ID, step->tenant);
	put_text(values, nulls, CHANGE_ENTITY, step->table->entity);
	put_text(values, nulls, CHANGE_ROW_ID, step->id);
	put_text(values, nulls, CHANGE_MACHINE, step->machine->name);
	values[CHANGE_VERSION - 1] = Int32GetDatum(step->machine->version);
	put_text(values, nulls, CHANGE_FROM, step->from_code);
	put_text(values, nulls, CHANGE_TO, state_code(step, step->to));
	put_text(values, nulls, CHANGE_REASON, step->reason);
	put_identity(values, nulls);
	values[CHANGE_RETURNED - 1] = BoolGetDatum(step->returned);
	values[CHANGE_IMPORTED - 1] = BoolGetDatum(imported);
	put_text(values, nulls, CHANGE_KEY, event_call_key());
	values[CHANGE_CREATED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());

	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	CatalogTupleInsert(rel, tuple);
	heap_freetuple(tuple);
	table_close(rel, NoLock);
	return id;
}

/* text of a column of a change, NULL for SQL NULL */
static char *
change_text(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* whether the change entered the state the row is in, other than by going back to it */
static bool
is_entry(const StatusStep *step, HeapTuple tuple, TupleDesc desc)
{
	bool isnull;

	return !DatumGetBool(heap_getattr(tuple, CHANGE_RETURNED, desc, &isnull)) &&
		   strcmp(change_text(tuple, desc, CHANGE_TO), state_code(step, step->from)) == 0;
}

static void
init_key(ScanKey key, AttrNumber column, const char *value)
{
	ScanKeyEntryInitialize(key, value ? 0 : SK_ISNULL | SK_SEARCHNULL, column,
						   value ? BTEqualStrategyNumber : InvalidStrategy, InvalidOid,
						   C_COLLATION_OID, value ? F_TEXTEQ : InvalidOid,
						   value ? CStringGetTextDatum(value) : (Datum) 0);
}

int
status_previous(const StatusStep *step)
{
	Relation rel = table_open(wrk_relation("state_change"), AccessShareLock);
	Relation index = index_open(wrk_relation("state_change_row_idx"), AccessShareLock);
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple tuple;
	char *code = NULL;

	/* in the order of the index */
	init_key(&keys[0], CHANGE_ROW_ID, step->id);
	init_key(&keys[1], CHANGE_ENTITY, step->table->entity);
	init_key(&keys[2], CHANGE_TENANT_ID, step->tenant);
	scan = systable_beginscan_ordered(rel, index, NULL, lengthof(keys), keys);
	while (
		HeapTupleIsValid(tuple = systable_getnext_ordered(scan, BackwardScanDirection)))
	{
		if (is_entry(step, tuple, RelationGetDescr(rel)))
		{
			code = change_text(tuple, RelationGetDescr(rel), CHANGE_FROM);
			break;
		}
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return code ? status_state(step->machine, code) : STATUS_NONE;
}
