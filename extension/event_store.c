/*
 * event_store.c
 *	  The slots of wrk.event: which one takes new events, and what was lost.
 *
 * wrk.event is partitioned into a fixed number of slots.  Rotation
 * (wrk.event_rotate()) makes the next slot the current one after emptying it
 * with TRUNCATE, so old events cost nothing to remove.  wrk.event_slot says
 * which slot is current and, for each, the highest transaction id that was
 * thrown away with it and the snapshot of that moment.
 *
 * Every backend keeps that table's content; a trigger on it invalidates the
 * copies at commit.  It is always read with a fresh snapshot, because TRUNCATE
 * does not care about old ones either.
 *
 * Must stay true: whoever reads or writes a slot holds its lock to the end of
 * the transaction, and trusts the cache only after getting the lock.  So a slot
 * cannot be emptied under a reader, and not while an event in it is uncommitted.
 */
#include "event_store.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* columns of wrk.event_slot */
enum SlotColumn
{
	SLOT_SLOT = 1,
	SLOT_CURRENT,
	SLOT_OPENED_AT,
	SLOT_LOST_XID,
	SLOT_LOST_AS_OF,
	SLOT_NCOLUMNS = SLOT_LOST_AS_OF
};

/* what a slot's last emptying took away; as_of NULL = nothing */
typedef struct LostEvents
{
	uint64 xid;         /* highest transaction id */
	XidSnapshot *as_of; /* all of them were visible in it */
} LostEvents;

/* what this backend knows; everything palloc'd lives in context */
typedef struct EventStore
{
	MemoryContext context;
	Oid slot_table; /* wrk.event_slot; InvalidOid = never loaded */
	Oid sequence;
	Oid partitions[EVENT_SLOTS];
	LostEvents lost[EVENT_SLOTS];
	int current;
} EventStore;

static EventStore store;
static uint64 invalidations = 1; /* how often something may have changed */
static uint64 loaded_at = 0;     /* value of invalidations the copy was read at */

PG_FUNCTION_INFO_V1(wrk_event_slot_current);


static void
store_relcache_callback(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == store.slot_table ||
		store.slot_table == InvalidOid)
		invalidations++;
}

void
event_store_init(void)
{
	CacheRegisterRelcacheCallback(store_relcache_callback, (Datum) 0);
}

/* takes one row of wrk.event_slot into fresh */
static void
load_row(EventStore *fresh, HeapTuple tuple, TupleDesc desc)
{
	Datum values[SLOT_NCOLUMNS];
	bool nulls[SLOT_NCOLUMNS];
	int slot;

	heap_deform_tuple(tuple, desc, values, nulls);
	slot = DatumGetInt16(values[SLOT_SLOT - 1]);
	if (slot < 0 || slot >= EVENT_SLOTS)
		elog(ERROR, "event slot %d out of range", slot);
	if (DatumGetBool(values[SLOT_CURRENT - 1]))
		fresh->current = slot;
	fresh->partitions[slot] = wrk_relation(psprintf("event_%d", slot));
	if (!nulls[SLOT_LOST_XID - 1])
	{
		fresh->lost[slot].xid = DatumGetUInt64(values[SLOT_LOST_XID - 1]);
		fresh->lost[slot].as_of = snapshot_from_datum(values[SLOT_LOST_AS_OF - 1]);
	}
}

static bool
store_valid(void)
{
	return loaded_at == invalidations;
}

/* reads wrk.event_slot; the copy replaces the old one only when complete */
static void
load_store(void)
{
	EventStore fresh = {.current = -1};
	MemoryContext old_context;
	uint64 as_of;
	Relation rel;
	SysScanDesc scan;
	HeapTuple tuple;

	fresh.context = AllocSetContextCreate(CurrentMemoryContext, "wrk event store",
										  ALLOCSET_SMALL_SIZES);
	old_context = MemoryContextSwitchTo(fresh.context);
	fresh.slot_table = wrk_relation("event_slot");
	fresh.sequence = wrk_relation("event_id_seq");
	rel = table_open(fresh.slot_table, AccessShareLock);
	store.slot_table = fresh.slot_table;
	as_of = invalidations;

	/* no snapshot given: the scan takes a fresh one */
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		load_row(&fresh, tuple, RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	MemoryContextSwitchTo(old_context);
	if (fresh.current < 0)
		elog(ERROR, "no current event slot");

	if (store.context != NULL)
		MemoryContextDelete(store.context);
	MemoryContextSetParent(fresh.context, CacheMemoryContext);
	store = fresh;
	loaded_at = as_of;
}

static const EventStore *
get_store(void)
{
	while (!store_valid())
		load_store();
	return &store;
}

Relation
event_store_open_current(int *slot)
{
	for (;;)
	{
		Relation rel;

		*slot = get_store()->current;
		rel = table_open(store.partitions[*slot], RowExclusiveLock);
		/* waiting for the lock, we may have heard that another one is current */
		if (store_valid() && store.current == *slot)
			return rel;
		table_close(rel, RowExclusiveLock);
	}
}

void
event_store_open_all(Relation slots[EVENT_SLOTS])
{
	for (int i = 0; i < EVENT_SLOTS; i++)
		slots[i] = table_open(get_store()->partitions[i], AccessShareLock);
}

Oid
event_store_sequence(void)
{
	return get_store()->sequence;
}

/*
 * An event that was thrown away is missing from what follows the snapshot if
 * the snapshot does not see its transaction.  Which transactions had events in
 * an emptied slot is not kept; but one that was still running then had none.
 */
static bool
saw_lost(const XidSnapshot *since, const LostEvents *lost)
{
	for (uint64 xid = snapshot_next_unseen(since, since->xmin); xid <= lost->xid;
		 xid = snapshot_next_unseen(since, xid + 1))
	{
		if (xid >= since->xmax || snapshot_sees(lost->as_of, xid))
			return false;
	}
	return true;
}

bool
event_store_keeps(const XidSnapshot *since)
{
	const EventStore *known = get_store();

	for (int i = 0; i < EVENT_SLOTS; i++)
		if (known->lost[i].as_of != NULL && !saw_lost(since, &known->lost[i]))
			return false;
	return true;
}

Datum
wrk_event_slot_current(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16(get_store()->current);
}
