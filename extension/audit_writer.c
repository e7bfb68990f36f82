/*
 * audit_writer.c
 *	  The partition of wrk.audit_log that takes new rows; see audit_writer.h.
 *
 * Opening a partition with its indexes costs as much as writing one of them, so
 * it is kept open from row to row.  Which partition it is, is found by name
 * (audit.sql makes them), once for each month and whenever the log's partitions
 * have changed.
 *
 * Must stay true, of what is kept open: (1) it belongs to the transaction, not to
 * the statement or savepoint that was there first, and is let go of before the
 * transaction ends; (2) it is let go of before every utility command, none of which
 * likes a table that is in use, and at the rollback of every savepoint, which may
 * have made the partition; (3) no code of others runs while a row goes into it, so
 * that it cannot be let go of under a row: with an index on an expression, or with
 * a predicate, nothing is kept.
 */
#include "audit_writer.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "executor/executor.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/resowner.h"

#include "table_insert.h"

/* what this backend knows of the log */
typedef struct LogStore
{
	Oid log; /* InvalidOid: nothing is known */
	Oid sequence;
	Oid partition;    /* where rows of the month go */
	bool is_default;  /* for want of a partition of the month */
	TimestampTz from; /* the month */
	TimestampTz upto;
} LogStore;

static LogStore store;
static AuditWriter *kept = NULL; /* NULL: none */
static bool ending = false;      /* nobody would let go of it any more */
static ProcessUtility_hook_type prev_ProcessUtility = NULL;


/* ---------- which partition ---------- */

static void
log_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == store.log || relid == store.partition ||
		store.is_default)
		store.log = InvalidOid;
}

/* beginning of the month, UTC, that is so many months after that of the time */
static TimestampTz
month_of(TimestampTz time, int later, struct pg_tm *tm)
{
	Timestamp result;
	fsec_t fsec;

	if (timestamp2tm(time, NULL, tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "time of an audit row out of range");
	tm->tm_mon += later;
	if (tm->tm_mon > MONTHS_PER_YEAR)
	{
		tm->tm_mon -= MONTHS_PER_YEAR;
		tm->tm_year++;
	}
	tm->tm_mday = 1;
	tm->tm_hour = tm->tm_min = tm->tm_sec = 0;
	if (tm2timestamp(tm, 0, NULL, &result) != 0)
		elog(ERROR, "month of an audit row out of range");
	return result;
}

static void
load_store(TimestampTz now)
{
	LogStore fresh;
	struct pg_tm tm;
	Oid partition;

	fresh.log = wrk_relation("audit_log");
	fresh.sequence = wrk_relation("audit_log_id_seq");
	fresh.upto = month_of(now, 1, &tm);
	fresh.from = month_of(now, 0, &tm);
	partition = get_relname_relid(psprintf("audit_log_%04d_%02d", tm.tm_year, tm.tm_mon),
								  get_rel_namespace(fresh.log));
	fresh.is_default = !OidIsValid(partition) || !get_rel_relispartition(partition) ||
					   get_partition_parent(partition, true) != fresh.log;
	if (fresh.is_default)
		partition = wrk_relation("audit_log_default");
	fresh.partition = partition;
	store = fresh;
}

static bool
store_is_for(TimestampTz now)
{
	return OidIsValid(store.log) && now >= store.from && now < store.upto;
}

/* opens and locks the partition that takes rows of now */
static Relation
open_partition(TimestampTz now)
{
	for (;;)
	{
		Relation rel;

		if (!store_is_for(now))
			load_store(now);
		rel = try_table_open(store.partition, RowExclusiveLock);
		/* waiting for the lock may have brought news */
		if (rel != NULL && OidIsValid(store.log))
			return rel;
		if (rel != NULL)
			table_close(rel, RowExclusiveLock);
		store.log = InvalidOid;
	}
}


/* ---------- opening and closing ---------- */

static void
make_slot(AuditWriter *writer)
{
	MemoryContext old = MemoryContextSwitchTo(writer->estate->es_query_cxt);

	writer->slot =
		MakeSingleTupleTableSlot(RelationGetDescr(writer->rel), &TTSOpsVirtual);
	MemoryContextSwitchTo(old);
}

static AuditWriter *
make_writer(Relation rel)
{
	EState *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	AuditWriter *writer = palloc0(sizeof(AuditWriter));

	writer->rel = rel;
	writer->sequence = store.sequence;
	writer->estate = estate;
	writer->result = makeNode(ResultRelInfo);
	writer->result->ri_RelationDesc = rel;
	ExecOpenIndices(writer->result, false);
	MemoryContextSwitchTo(old);
	make_slot(writer);
	return writer;
}

/* locks stay; frees the writer */
static void
close_writer(AuditWriter *writer)
{
	ExecDropSingleTupleTableSlot(writer->slot);
	for (int i = 0; i < writer->result->ri_NumIndices; i++)
		index_close(writer->result->ri_IndexRelationDescs[i], NoLock);
	table_close(writer->rel, NoLock);
	FreeExecutorState(writer->estate);
}

static void
let_go(void)
{
	AuditWriter *writer = kept;
	ResourceOwner old = CurrentResourceOwner;

	if (writer == NULL)
		return;
	kept = NULL;
	CurrentResourceOwner = TopTransactionResourceOwner;
	close_writer(writer);
	CurrentResourceOwner = old;
}

static void
own_relation(Relation rel, ResourceOwner from, ResourceOwner to)
{
	CurrentResourceOwner = to;
	RelationIncrementReferenceCount(rel);
	CurrentResourceOwner = from;
	RelationDecrementReferenceCount(rel);
}

/*
 * Makes what the statement has opened the transaction's.  It is opened first and
 * handed over then, because an error in the midst of opening must not leave the
 * transaction something that nobody knows of.
 */
static void
keep(AuditWriter *writer)
{
	ResourceOwner owner = CurrentResourceOwner;
	ResultRelInfo *result = writer->result;

	ExecDropSingleTupleTableSlot(writer->slot);
	MemoryContextSetParent(writer->estate->es_query_cxt, TopTransactionContext);
	for (int i = 0; i < result->ri_NumIndices; i++)
		own_relation(result->ri_IndexRelationDescs[i], owner,
					 TopTransactionResourceOwner);
	own_relation(writer->rel, owner, TopTransactionResourceOwner);
	CurrentResourceOwner = TopTransactionResourceOwner;
	make_slot(writer);
	CurrentResourceOwner = owner;
	kept = writer;
}

AuditWriter *
audit_writer_open(TimestampTz now)
{
	AuditWriter *writer;

	if (kept != NULL && store_is_for(now))
		return kept;
	let_go();
	writer = make_writer(open_partition(now));
	if (!ending && table_has_plain_indexes(writer->result))
		keep(writer);
	return writer;
}

void
audit_writer_insert(AuditWriter *writer, const Datum *values, const bool *nulls, int n)
{
	TupleTableSlot *slot = writer->slot;

	/* of another version, or with a column of somebody's own */
	if (slot->tts_tupleDescriptor->natts != n)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("table \"wrk.%s\" has %d columns, not %d",
						RelationGetRelationName(writer->rel),
						slot->tts_tupleDescriptor->natts, n),
				 errhint("Is the extension wrk_copilot of this database up to date?")));
	ExecClearTuple(slot);
	memcpy(slot->tts_values, values, sizeof(Datum) * n);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * n);
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(writer->rel, slot, GetCurrentCommandId(true), 0, NULL);
	GetPerTupleExprContext(writer->estate)->ecxt_scantuple = slot;
	wrk_insert_index_tuples(writer->result, slot, writer->estate);
	wrk_index_insert_cleanup(writer->result);
	ResetPerTupleExprContext(writer->estate);
	ExecClearTuple(slot);
}

void
audit_writer_done(AuditWriter *writer)
{
	if (writer != kept)
		close_writer(writer);
}


/* ---------- letting go in time ---------- */

static void
writer_xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			let_go();
			ending = true;
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			kept = NULL; /* after an error the server lets go of it */
			ending = false;
			break;
		default:
			break;
	}
}

static void
writer_subxact_callback(SubXactEvent event, SubTransactionId mine,
						SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		let_go();
}

static void
writer_ProcessUtility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
					  ProcessUtilityContext context, ParamListInfo params,
					  QueryEnvironment *environment, DestReceiver *dest,
					  QueryCompletion *completion)
{
	let_go();
	(prev_ProcessUtility ? prev_ProcessUtility : standard_ProcessUtility)(
		pstmt, query, read_only_tree, context, params, environment, dest, completion);
}

void
audit_writer_init(void)
{
	CacheRegisterRelcacheCallback(log_changed, (Datum) 0);
	RegisterXactCallback(writer_xact_callback, NULL);
	RegisterSubXactCallback(writer_subxact_callback, NULL);
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = writer_ProcessUtility;
}
