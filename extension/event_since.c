/*
 * event_since.c
 *	  wrk.event_since(): the events that one snapshot could not see and another can.
 *
 * They are those of the transactions from the snapshot's xmax on and of those
 * it lists as unfinished.  In each slot the index on xid is walked from one
 * such transaction to the next, so the cost is that of the events found, not of
 * those kept, and no planner with wrong statistics has a say in it.
 *
 * A long backlog is read page by page, in id order.  For a later page the index
 * on id is tried first: right after the last id there are usually only unseen
 * events.  If what is passed on the way gets too much, the first method takes over.
 *
 * The events of one channel are what a client asks for, with a position of its
 * own choice: others are passed over before they cost more than a look, and the
 * looks are counted.
 *
 * Control events (access.c) are for gateways only: they are left out unless asked
 * for, and then come all at once and before any other, so that what was committed
 * behind a loss of rights is never handed out before the loss is known.  A backlog
 * takes time, in which rights are lost, too: with later pages come the control events
 * that were committed since the page before, whatever `upto` says.  A commit
 * is visible a little before other backends are told to forget what they have in
 * their caches, rights and keys among it, so we wait for that, too: whoever asks
 * about rights because of a control event gets an answer that knows of the change.
 *
 * Must stay true: the slots are locked before anything is decided, and a
 * snapshot that misses a thrown-away event is an error, never a shorter answer.
 */
#include "event_store.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "event.h"

#define INT8_LESS_OPERATOR 412

/* seen entries that are stepped over before it is cheaper to descend the index again */
#define STEPS_BEFORE_SEEK 16

/* events looked at for one page of a backlog before walking by id is given up */
#define MAX_LOOKED_AT(limit) (1000 + 4 * (limit))

/* one of these for each call */
typedef struct Fetch
{
	const XidSnapshot *since;
	const XidSnapshot *upto; /* NULL = the current snapshot */
	int64 after_id;
	int64 limit;              /* 0 = none */
	const char *channel;      /* NULL = all; otherwise the only one asked for */
	int64 looked_at;          /* for the channel */
	const XidSnapshot *known; /* later pages tell control events behind it; NULL = none */
	bool only_control;        /* other events are not asked for */
	Tuplestorestate *control; /* takes control events, NULL = they are left out */
	uint64 settled;           /* transaction of the last of them */
	Relation slots[EVENT_SLOTS];
	Tuplesortstate *sort; /* by id */
	TupleTableSlot *input;
} Fetch;

PG_FUNCTION_INFO_V1(wrk_event_since);


static uint64
tuple_xid(HeapTuple tuple, TupleDesc desc)
{
	bool isnull;

	return DatumGetUInt64(fastgetattr(tuple, EVENT_XID, desc, &isnull));
}

static int64
tuple_id(HeapTuple tuple, TupleDesc desc)
{
	bool isnull;

	return DatumGetInt64(fastgetattr(tuple, EVENT_ID, desc, &isnull));
}

static bool
goes_to_channel(HeapTuple tuple, TupleDesc desc, const char *channel)
{
	size_t len = strlen(channel);
	bool isnull;
	Datum value = fastgetattr(tuple, EVENT_CHANNELS, desc, &isnull);
	ArrayType *channels = DatumGetArrayTypeP(value);
	bool found = false;
	Datum *names;
	int n;

	deconstruct_array(channels, TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &n);
	for (int i = 0; i < n && !found; i++)
		found = VARSIZE_ANY_EXHDR(names[i]) == len &&
				memcmp(VARDATA_ANY(names[i]), channel, len) == 0;
	/* the next ones will need memory too, and there may be many */
	pfree(names);
	if ((Pointer) channels != DatumGetPointer(value))
		pfree(channels);
	return found;
}

/* opens the slot's index that begins with the column */
static Relation
open_index(Relation slot, int column)
{
	ListCell *cell;

	foreach (cell, RelationGetIndexList(slot))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_index->indkey.values[0] == column && index->rd_index->indisvalid)
			return index;
		index_close(index, AccessShareLock);
	}
	elog(ERROR, "no index on column %d of \"%s\"", column, RelationGetRelationName(slot));
}

/* whether the event is asked for, apart from its id */
static bool
is_new(const Fetch *fetch, uint64 xid)
{
	return !snapshot_sees(fetch->since, xid) &&
		   (fetch->upto == NULL || snapshot_sees(fetch->upto, xid));
}

static bool
is_control(HeapTuple tuple, TupleDesc desc)
{
	bool isnull;

	return DatumGetChar(fastgetattr(tuple, EVENT_CLASS, desc, &isnull)) == EVENT_CONTROL;
}

/*
 * Waits until a transaction that is visible has sent its invalidations: it keeps the
 * lock on its id longer than that, but runs nobody's code any more.
 */
static void
settle(uint64 xid)
{
	uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());
	TransactionId id = (TransactionId) xid;

	/* too old to be at its end, and its number perhaps another's */
	if (next - xid > PG_INT32_MAX || TransactionIdIsCurrentTransactionId(id) ||
		RecoveryInProgress())
		return;
	XactLockTableWait(id, NULL, NULL, XLTW_None);
}

static void
take_control(Fetch *fetch, HeapTuple tuple, TupleDesc desc)
{
	uint64 xid = tuple_xid(tuple, desc);

	if (fetch->control == NULL)
		return;
	if (xid != fetch->settled)
		settle(xid);
	fetch->settled = xid;
	tuplestore_puttuple(fetch->control, tuple);
}

/* whether it counts as one of the events asked for */
static bool
take(Fetch *fetch, HeapTuple tuple)
{
	TupleDesc desc = RelationGetDescr(fetch->slots[0]);

	if (is_control(tuple, desc))
	{
		take_control(fetch, tuple, desc);
		return false;
	}
	if (fetch->only_control)
		return false;
	if (fetch->channel != NULL && !goes_to_channel(tuple, desc, fetch->channel))
		return false;
	ExecForceStoreHeapTuple(tuple, fetch->input, false);
	tuplesort_puttupleslot(fetch->sort, fetch->input);
	return true;
}


static void
refuse_long_replay(void)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_UNRECOVERABLE),
					errmsg("too much has happened since this snapshot"),
					errhint("Read the current state and go on from its position.")));
}


/* ---------- by transaction ---------- */

/* reads from transaction xid on; returns where to go on, 0 = the slot is done */
static uint64
walk_xids(Fetch *fetch, Relation slot, Relation index, uint64 xid)
{
	TupleDesc desc = RelationGetDescr(slot);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	int steps = 0;
	uint64 go_on = 0;

	ScanKeyInit(&key, EVENT_XID, BTGreaterEqualStrategyNumber, F_XID8GE,
				UInt64GetDatum(xid));
	scan = systable_beginscan_ordered(slot, index, GetActiveSnapshot(), 1, &key);
	while (go_on == 0 &&
		   HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		uint64 found = tuple_xid(tuple, desc);

		CHECK_FOR_INTERRUPTS();
		if (fetch->channel != NULL && ++fetch->looked_at > event_max_replay_scan)
			refuse_long_replay();
		if (is_new(fetch, found) && tuple_id(tuple, desc) > fetch->after_id)
			(void) take(fetch, tuple);
		else if (snapshot_sees(fetch->since, found) && ++steps > STEPS_BEFORE_SEEK)
			go_on = snapshot_next_unseen(fetch->since, found);
	}
	systable_endscan_ordered(scan);
	return go_on;
}

/* finds everything by transaction id */
static void
fetch_by_xid(Fetch *fetch)
{
	for (int i = 0; i < EVENT_SLOTS; i++)
	{
		Relation index = open_index(fetch->slots[i], EVENT_XID);
		uint64 xid = snapshot_next_unseen(fetch->since, fetch->since->xmin);

		while (xid != 0)
			xid = walk_xids(fetch, fetch->slots[i], index, xid);
		index_close(index, NoLock);
	}
}

/* the control events that came while a backlog is handed out; few are new by then */
static void
fetch_late_control(Fetch *fetch, Tuplestorestate *result)
{
	Fetch late = *fetch;

	late.since = fetch->known;
	late.upto = NULL;
	late.after_id = 0;
	late.control = result;
	late.only_control = true;
	fetch_by_xid(&late);
}


/* ---------- by id ---------- */

/* one of these for each slot */
typedef struct IdWalk
{
	Relation index;
	SysScanDesc scan;
	HeapTuple next; /* NULL = no more */
} IdWalk;

static void
begin_walks(const Fetch *fetch, IdWalk *walks)
{
	ScanKeyData key;

	ScanKeyInit(&key, EVENT_ID, BTGreaterStrategyNumber, F_INT8GT,
				Int64GetDatum(fetch->after_id));
	for (int i = 0; i < EVENT_SLOTS; i++)
	{
		walks[i].index = open_index(fetch->slots[i], EVENT_ID);
		walks[i].scan = systable_beginscan_ordered(fetch->slots[i], walks[i].index,
												   GetActiveSnapshot(), 1, &key);
		walks[i].next = systable_getnext_ordered(walks[i].scan, ForwardScanDirection);
	}
}

static void
end_walks(IdWalk *walks)
{
	for (int i = 0; i < EVENT_SLOTS; i++)
	{
		systable_endscan_ordered(walks[i].scan);
		index_close(walks[i].index, NoLock);
	}
}

/* the walk whose next event has the smallest id, NULL if all have ended */
static IdWalk *
smallest(IdWalk *walks, TupleDesc desc)
{
	IdWalk *found = NULL;

	for (int i = 0; i < EVENT_SLOTS; i++)
		if (walks[i].next != NULL && (found == NULL || tuple_id(walks[i].next, desc) <
														   tuple_id(found->next, desc)))
			found = &walks[i];
	return found;
}

/*
 * Takes the next page in id order.  False if it took too long to find; then
 * everything up to the new after_id is done.
 */
static bool
fetch_by_id(Fetch *fetch)
{
	TupleDesc desc = RelationGetDescr(fetch->slots[0]);
	IdWalk walks[EVENT_SLOTS];
	IdWalk *walk;
	int64 looked_at = 0;
	int64 taken = 0;

	begin_walks(fetch, walks);
	while ((walk = smallest(walks, desc)) != NULL && taken < fetch->limit &&
		   looked_at++ < MAX_LOOKED_AT(fetch->limit))
	{
		CHECK_FOR_INTERRUPTS();
		if (is_new(fetch, tuple_xid(walk->next, desc)) && take(fetch, walk->next))
			taken++;
		fetch->after_id = tuple_id(walk->next, desc);
		walk->next = systable_getnext_ordered(walk->scan, ForwardScanDirection);
	}
	end_walks(walks);
	return walk == NULL || taken == fetch->limit;
}


/* ---------- together ---------- */

static void
refuse_unrecoverable(void)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_UNRECOVERABLE),
					errmsg("events since this snapshot are not kept any more"),
					errhint("Read the current state and go on from its position.")));
}

static void
begin_fetch(Fetch *fetch, FunctionCallInfo fcinfo)
{
	TupleDesc desc;
	AttrNumber id_column = EVENT_ID;
	Oid less = INT8_LESS_OPERATOR;
	Oid collation = InvalidOid;
	bool nulls_first = false;

	fetch->since = snapshot_from_datum(PG_GETARG_DATUM(0));
	fetch->upto = PG_ARGISNULL(1) ? NULL : snapshot_from_datum(PG_GETARG_DATUM(1));
	fetch->after_id = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	fetch->limit = PG_ARGISNULL(3) ? 0 : Max(PG_GETARG_INT32(3), 1);
	fetch->channel = PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4));
	fetch->known = PG_ARGISNULL(6) ? NULL : snapshot_from_datum(PG_GETARG_DATUM(6));
	event_store_open_all(fetch->slots);
	if (!event_store_keeps(fetch->since))
		refuse_unrecoverable();

	desc = RelationGetDescr(fetch->slots[0]);
	fetch->input = MakeSingleTupleTableSlot(desc, &TTSOpsHeapTuple);
	fetch->sort = tuplesort_begin_heap(desc, 1, &id_column, &less, &collation,
									   &nulls_first, work_mem, NULL, WRK_SORT_BOUNDED);
	if (fetch->limit > 0)
		tuplesort_set_bound(fetch->sort, fetch->limit);
}

/* hands the events over in id order and closes everything but the locks */
static void
end_fetch(Fetch *fetch, ReturnSetInfo *rsinfo)
{
	TupleTableSlot *output =
		MakeSingleTupleTableSlot(RelationGetDescr(fetch->slots[0]), &TTSOpsMinimalTuple);
	int64 n = 0;

	tuplesort_performsort(fetch->sort);
	while ((fetch->limit == 0 || n++ < fetch->limit) &&
		   tuplesort_gettupleslot(fetch->sort, true, false, output, NULL))
		tuplestore_puttupleslot(rsinfo->setResult, output);
	tuplesort_end(fetch->sort);
	ExecDropSingleTupleTableSlot(output);
	ExecDropSingleTupleTableSlot(fetch->input);
	for (int i = 0; i < EVENT_SLOTS; i++)
		table_close(fetch->slots[i], NoLock);
}

Datum
wrk_event_since(PG_FUNCTION_ARGS)
{
	Fetch fetch = {0};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool control = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);

	wrk_require_arg(fcinfo, 0, "since");
	InitMaterializedSRF(fcinfo, 0);
	begin_fetch(&fetch, fcinfo);
	/* the first page looks at every event, later ones go on behind it */
	if (control && fetch.after_id == 0)
		fetch.control = rsinfo->setResult;
	else if (control && fetch.known != NULL)
		fetch_late_control(&fetch, rsinfo->setResult);
	if (fetch.after_id == 0 || fetch.limit == 0 || fetch.channel != NULL ||
		!fetch_by_id(&fetch))
		fetch_by_xid(&fetch);
	end_fetch(&fetch, rsinfo);
	/* the caller will go on from the snapshot of this statement */
	if (fetch.upto == NULL)
		position_make_durable();
	return (Datum) 0;
}
