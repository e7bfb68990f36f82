/*
 * audit_store.c
 *	  Rows of wrk.audit_log on their way into the partition of their month.
 *
 * A row goes straight into the partition and its indexes, without planner and
 * executor, because every change of every audited table pays for it.  The log is
 * ours; it has no checks and generated columns, and no triggers that are meant for
 * us.  Which partition that is, is found by name (audit.sql makes them), once for
 * each month and whenever the log's partitions have changed.
 *
 * Must stay true: the id is taken while the row it tells of is locked, and the
 * sequence caches none, so the ids of one row's changes rise.
 */
#include "audit.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "identity.h"

/* columns of wrk.audit_log */
enum LogColumn
{
	LOG_ID = 1,
	LOG_CREATED_AT,
	LOG_XID,
	LOG_TENANT_ID,
	LOG_USER_ID,
	LOG_OP,
	LOG_ACTION,
	LOG_RESOURCE_TYPE,
	LOG_RESOURCE_ID,
	LOG_CHANGES,
	LOG_METADATA,
	LOG_ROLES,
	LOG_SESSION_ID,
	LOG_VIA,
	LOG_ACTOR,
	LOG_DB_USER,
	LOG_REQUEST_ID,
	LOG_NCOLUMNS = LOG_REQUEST_ID
};

/* what this backend knows of the log */
typedef struct LogStore
{
	Oid log; /* InvalidOid: nothing is known */
	Oid sequence;
	Oid partition;    /* where rows of the month go */
	TimestampTz from; /* the month */
	TimestampTz upto;
} LogStore;

static LogStore store;

static void
log_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == store.log || relid == store.partition)
		store.log = InvalidOid;
}

void
audit_store_init(void)
{
	CacheRegisterRelcacheCallback(log_changed, (Datum) 0);
}


/* ---------- where a row goes ---------- */

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
	if (!OidIsValid(partition) || !get_rel_relispartition(partition) ||
		get_partition_parent(partition, true) != fresh.log)
		partition = wrk_relation("audit_log_default");
	fresh.partition = partition;
	store = fresh;
}

/* opens and locks the partition that takes rows of now */
static Relation
open_partition(TimestampTz now)
{
	for (;;)
	{
		Relation rel;

		if (!OidIsValid(store.log) || now < store.from || now >= store.upto)
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


/* ---------- writing ---------- */

static Datum
roles_array(const Identity *who)
{
	int n = who ? who->nroles : 0;
	Datum *roles;

	if (n == 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	roles = palloc(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
		roles[i] = CStringGetTextDatum(who->roles[i]);
	return PointerGetDatum(construct_array(roles, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
put_actor(Datum *values, bool *nulls)
{
	const Identity *who = identity_current();

	wrk_put_text(values, nulls, LOG_USER_ID, who ? who->user_id : NULL);
	wrk_put_text(values, nulls, LOG_SESSION_ID, who ? who->session_id : NULL);
	wrk_put_text(values, nulls, LOG_VIA, who ? who->via : NULL);
	wrk_put_text(values, nulls, LOG_ACTOR, who ? who->actor : NULL);
	wrk_put_text(values, nulls, LOG_DB_USER, GetUserNameFromId(GetSessionUserId(), true));
	if (nulls[LOG_DB_USER - 1])
		wrk_put_text(values, nulls, LOG_DB_USER, ""); /* dropped meanwhile */
	values[LOG_ROLES - 1] = roles_array(who);
}

static void
put_jsonb(Datum *values, bool *nulls, int column, Jsonb *doc)
{
	nulls[column - 1] = doc == NULL;
	if (doc != NULL)
		values[column - 1] = JsonbPGetDatum(doc);
}

int64
audit_store(const AuditEntry *entry, const char *request_id)
{
	TimestampTz now = GetCurrentTimestamp();
	Relation rel = open_partition(now);
	int64 id = nextval_internal(store.sequence, false);
	Datum values[LOG_NCOLUMNS];
	bool nulls[LOG_NCOLUMNS] = {false};
	HeapTuple tuple;

	values[LOG_ID - 1] = Int64GetDatum(id);
	values[LOG_CREATED_AT - 1] = TimestampTzGetDatum(now);
	values[LOG_XID - 1] =
		Int64GetDatum((int64) U64FromFullTransactionId(GetTopFullTransactionId()));
	wrk_put_text(values, nulls, LOG_TENANT_ID, entry->tenant_id);
	values[LOG_OP - 1] = CharGetDatum(entry->op);
	wrk_put_text(values, nulls, LOG_ACTION, entry->action);
	wrk_put_text(values, nulls, LOG_RESOURCE_TYPE, entry->resource_type);
	wrk_put_text(values, nulls, LOG_RESOURCE_ID, entry->resource_id);
	put_jsonb(values, nulls, LOG_CHANGES, entry->changes);
	put_jsonb(values, nulls, LOG_METADATA, entry->metadata);
	put_actor(values, nulls);
	wrk_put_text(values, nulls, LOG_REQUEST_ID, request_id);

	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	CatalogTupleInsert(rel, tuple);
	heap_freetuple(tuple);
	table_close(rel, NoLock);
	return id;
}
