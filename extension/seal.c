/*
 * seal.c
 *	  wrk.seal(): appends what was committed to the audit log to the trees.
 *
 * Which rows are new is said by snapshots: those whose transaction the snapshot of
 * the last sealing (wrk.seal_state) does not see and that of this one does.  So a
 * writer that commits late is sealed late, and nobody waits for anybody.  After a
 * restore there is no such snapshot, and what is in no seal is new.
 *
 * Must stay true: (1) rows are read with the very snapshot that is stored.  (2) The
 * snapshot never outlives a crash that a transaction it calls finished does not.  It
 * is stored by this transaction, whose commit record is behind theirs in the log;
 * if one is on disk all are, even those nobody waited for.  Hence no flush, unlike
 * for a position (position.c), which leaves before any commit.  (3) A log that
 * lacks its last seal or tile is not gone on with: that would bury the loss.
 */
#include "wrk_copilot.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "position.h"
#include "seal_key.h"
#include "seal_store.h"

#define FETCH_ROWS 1000

PG_FUNCTION_INFO_V1(wrk_seal);

/* One per call of wrk.seal(); lives in its SPI context. */
typedef struct Sealer
{
	XidSnapshot *seen; /* of the last sealing; NULL: unknown */
	char *now;         /* what this one sees */
	int64 max_rows;
	SealKey *key; /* got when first needed */
	SealLog *log; /* the log that is growing; NULL: none yet */
	Seal seal;    /* the seal that is growing */
	StringInfoData leaf;
	MemoryContext context;     /* for all of it */
	MemoryContext row_context; /* reset after each row */
	MemoryContext log_context; /* reset after each log */
	int64 sealed;
} Sealer;


/* ---------- which rows ---------- */

/* conditions on a row l: seen by the snapshot now, of $1 and $2, not by that of $3, $4 */
#define ROW_IS_SEEN " WHERE l.xid < $1 AND l.xid <> ALL ($2) "
#define ROW_IS_NEW ROW_IS_SEEN "AND (l.xid >= $3 OR l.xid = ANY ($4)) "

/* the same where no snapshot is known */
#define ROW_IN_NO_SEAL \
	ROW_IS_SEEN "AND NOT EXISTS (SELECT FROM wrk.audit_seal s," \
				" unnest(s.ids) sealed(id) WHERE sealed.id = l.id) "

#define ROW_ORDER "ORDER BY " SEAL_ROW_LOG ", l.id "

/* arguments of queries with these conditions, and a number as the last */
typedef struct RowArgs
{
	int n;
	Oid types[5];
	Datum values[5];
} RowArgs;

static void
add_arg(RowArgs *args, Oid type, Datum value)
{
	args->types[args->n] = type;
	args->values[args->n++] = value;
}

static void
add_snapshot(RowArgs *args, const XidSnapshot *snapshot)
{
	Datum *xip = palloc(sizeof(Datum) * (snapshot->nxip + 1));

	for (int i = 0; i < snapshot->nxip; i++)
		xip[i] = Int64GetDatum((int64) snapshot->xip[i]);
	add_arg(args, INT8OID, Int64GetDatum((int64) snapshot->xmax));
	add_arg(args, INT8ARRAYOID,
			PointerGetDatum(construct_array(xip, snapshot->nxip, INT8OID, sizeof(int64),
											FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
}

static RowArgs
row_args(const Sealer *sealer)
{
	RowArgs args = {0};

	add_snapshot(&args, snapshot_parse(sealer->now));
	if (sealer->seen != NULL)
		add_snapshot(&args, sealer->seen);
	return args;
}

/* the one value of a query for a transaction id, 0 for SQL NULL or no row */
static uint64
query_xid(const char *query, RowArgs *args)
{
	bool isnull = true;
	Datum value = (Datum) 0;

	seal_query(query, args->n, args->types, args->values, true, 1);
	if (SPI_processed == 1)
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return isnull ? 0 : (uint64) DatumGetInt64(value);
}

/*
 * The last of the new transactions, by id, that are taken this time; 0: all are.
 * Whole ones only, at least one, with max_rows rows in all if that is possible.
 */
static uint64
last_taken(const Sealer *sealer)
{
	RowArgs args = row_args(sealer);
	uint64 first_left;
	uint64 last;

	add_arg(&args, INT8OID, Int64GetDatum(sealer->max_rows));
	first_left = query_xid("SELECT l.xid FROM wrk.audit_log l" ROW_IS_NEW
						   "ORDER BY l.xid LIMIT 1 OFFSET $5",
						   &args);
	if (first_left == 0)
		return 0;
	args.n--;
	add_arg(&args, INT8OID, Int64GetDatum((int64) first_left));
	last = query_xid("SELECT l.xid FROM wrk.audit_log l" ROW_IS_NEW
					 "AND l.xid < $5 ORDER BY l.xid DESC LIMIT 1",
					 &args);
	return last ? last : first_left;
}

static int
compare_xids(const void *a, const void *b)
{
	uint64 x = *(const uint64 *) a;
	uint64 y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/*
 * The snapshot that sees what seen does and, of the rest of what now does, the
 * transactions up to last.
 */
static char *
cut_snapshot(const XidSnapshot *seen, const XidSnapshot *now, uint64 last)
{
	uint64 xmax = Max(seen->xmax, last + 1);
	uint64 *xip = palloc(sizeof(uint64) * (seen->nxip + now->nxip + 1));
	int n = 0;
	int kept = 0;
	StringInfoData text;

	for (int i = 0; i < now->nxip && now->xip[i] < xmax; i++)
		xip[n++] = now->xip[i];
	for (int i = 0; i < seen->nxip; i++)
		if (seen->xip[i] > last)
			xip[n++] = seen->xip[i];
	qsort(xip, n, sizeof(uint64), compare_xids);
	for (int i = 0; i < n; i++)
		if (i == 0 || xip[i] != xip[i - 1])
			xip[kept++] = xip[i];

	initStringInfo(&text);
	appendStringInfo(&text, UINT64_FORMAT ":" UINT64_FORMAT ":", kept ? xip[0] : xmax,
					 xmax);
	for (int i = 0; i < kept; i++)
		appendStringInfo(&text, "%s" UINT64_FORMAT, i ? "," : "", xip[i]);
	return text.data;
}

/* a cursor over the rows to seal; makes sealer->now no more than what they are */
static Portal
open_rows(Sealer *sealer)
{
	RowArgs args;
	const char *query;

	if (sealer->seen != NULL)
	{
		uint64 last = last_taken(sealer);

		if (last != 0)
			sealer->now = cut_snapshot(sealer->seen, snapshot_parse(sealer->now), last);
		args = row_args(sealer);
		query = "SELECT " SEAL_ROW_COLUMNS " FROM wrk.audit_log l" ROW_IS_NEW ROW_ORDER;
	}
	else
	{
		args = row_args(sealer);
		add_arg(&args, INT8OID, Int64GetDatum(sealer->max_rows));
		query = "SELECT " SEAL_ROW_COLUMNS
				" FROM wrk.audit_log l" ROW_IN_NO_SEAL ROW_ORDER "LIMIT $3";
	}
	return SPI_cursor_open_with_args(NULL, query, args.n, args.types, args.values, NULL,
									 true, 0);
}


/* ---------- seals ---------- */

static void
store_tile(void *arg, int level, uint64 tile, const SealHash *hashes)
{
	seal_tile_write(((Sealer *) arg)->log->tenant, level, tile, hashes);
}

/* whether the last seal, and the last full tile, are there and are what they were */
static bool
log_is_whole(const SealLog *log)
{
	Seal *last = log->seq ? seal_read(log->tenant, log->seq) : NULL;
	uint64 tiles = log->tail.size / SEAL_TILE;
	SealHash hash = {{0}};
	SealHash tile[SEAL_TILE];

	if (last != NULL)
		seal_hash(last, &hash);
	return (log->seq == 0) == (log->tail.size == 0) &&
		   (last != NULL) == (log->seq != 0) &&
		   (last == NULL || last->size == log->tail.size) &&
		   seal_hash_equal(&hash, &log->hash) &&
		   seal_read(log->tenant, log->seq + 1) == NULL &&
		   (tiles == 0 || seal_tile_read(log->tenant, 0, tiles - 1, tile));
}

static void
begin_log(Sealer *sealer, const char *tenant)
{
	MemoryContext old_context = MemoryContextSwitchTo(sealer->log_context);

	sealer->log = palloc(sizeof(SealLog));
	if (!seal_log_read(tenant, sealer->log) || !log_is_whole(sealer->log))
		ereport(ERROR,
				(errcode(ERRCODE_WRK_UNAVAILABLE),
				 errmsg("the seals of tenant \"%s\" are not as they were left", tenant),
				 errhint("Wait for a restore to complete, or see what"
						 " wrk.audit_verify() says.")));
	sealer->seal.ids = palloc(sizeof(int64) * SEAL_MAX_LEAVES);
	MemoryContextSwitchTo(old_context);
}

/* the next seal of the log; what was stored of the one before is not read again */
static void
begin_seal(Sealer *sealer)
{
	Seal *seal = &sealer->seal;

	seal->tenant = sealer->log->tenant;
	seal->seq = sealer->log->seq + 1;
	seal->first_leaf = sealer->log->tail.size;
	seal->prev = sealer->log->hash;
	seal->nids = 0;
}

static void
finish_seal(Sealer *sealer)
{
	Seal *seal = &sealer->seal;
	uint8 signature[JWS_MAX_SIGNATURE_LEN];
	StringInfoData head;
	MemoryContext old_context = MemoryContextSwitchTo(sealer->context);

	if (sealer->key == NULL)
		sealer->key = seal_key_current();
	MemoryContextSwitchTo(sealer->log_context);
	seal->size = sealer->log->tail.size;
	seal_tail_root(&sealer->log->tail, &seal->root);
	seal->sealed_at = GetCurrentTimestamp();
	seal->kid = sealer->key->kid;
	initStringInfo(&head);
	seal_head_bytes(seal, &head);
	seal->signature = signature;
	seal->signature_len = jws_sign_bytes(head.data, head.len, sealer->key->jwk,
										 sealer->key->alg, signature);
	sealer->log->seq = seal->seq;
	seal_sha256(head.data, head.len, &sealer->log->hash);
	seal_write(seal, sealer->log);
	sealer->sealed += seal->nids;
	MemoryContextSwitchTo(old_context);
}

static void
finish_log(Sealer *sealer)
{
	if (sealer->log == NULL)
		return;
	finish_seal(sealer);
	sealer->log = NULL;
	MemoryContextReset(sealer->log_context);
}

/* has a seal to append to of the log of that tenant */
static void
enter_log(Sealer *sealer, const char *tenant)
{
	if (sealer->log != NULL && strcmp(tenant, sealer->log->tenant) != 0)
		finish_log(sealer);
	if (sealer->log == NULL)
	{
		begin_log(sealer, tenant);
		begin_seal(sealer);
	}
	else if (sealer->seal.nids == SEAL_MAX_LEAVES)
	{
		finish_seal(sealer);
		begin_seal(sealer);
	}
}

/* appends a row to the seal of its log */
static void
seal_row(Sealer *sealer, const Datum *values, const bool *nulls)
{
	int64 id = DatumGetInt64(values[SEAL_ROW_ID]);
	TimestampTz at = DatumGetTimestampTz(values[SEAL_ROW_CREATED_AT]);
	Seal *seal = &sealer->seal;
	SealHash leaf;

	enter_log(sealer, nulls[SEAL_ROW_TENANT_ID]
						  ? ""
						  : TextDatumGetCString(values[SEAL_ROW_TENANT_ID]));
	seal_encode_row(&sealer->leaf, values, nulls);
	seal_leaf(sealer->leaf.data, sealer->leaf.len, &leaf);
	seal_tail_append(&sealer->log->tail, &leaf, store_tile, sealer);
	seal->min_id = seal->nids ? Min(seal->min_id, id) : id;
	seal->max_id = seal->nids ? Max(seal->max_id, id) : id;
	seal->from_at = seal->nids ? Min(seal->from_at, at) : at;
	seal->upto_at = seal->nids ? Max(seal->upto_at, at) : at;
	seal->ids[seal->nids++] = id;
}

static void
seal_rows(Sealer *sealer)
{
	Portal rows = open_rows(sealer);
	MemoryContext old_context = CurrentMemoryContext;

	for (;;)
	{
		SPITupleTable *table;
		uint64 n;

		SPI_cursor_fetch(rows, true, FETCH_ROWS);
		table = SPI_tuptable; /* storing a tile makes another the current one */
		n = SPI_processed;
		for (uint64 i = 0; i < n; i++)
		{
			Datum values[SEAL_ROW_NCOLUMNS];
			bool nulls[SEAL_ROW_NCOLUMNS];

			CHECK_FOR_INTERRUPTS();
			MemoryContextSwitchTo(sealer->row_context);
			heap_deform_tuple(table->vals[i], table->tupdesc, values, nulls);
			seal_row(sealer, values, nulls);
			MemoryContextSwitchTo(old_context);
			MemoryContextReset(sealer->row_context);
		}
		SPI_freetuptable(table);
		if (n == 0)
			break;
	}
	SPI_cursor_close(rows);
	finish_log(sealer);
}


/* ---------- state ---------- */

/* the snapshot of the last sealing, NULL if there was none on this server */
static XidSnapshot *
read_seen(void)
{
	Datum value;
	bool isnull;

	seal_query("SELECT seen FROM wrk.seal_state", 0, NULL, NULL, true, 1);
	if (SPI_processed != 1)
		elog(ERROR, "wrk.seal_state has no row");
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return isnull ? NULL : snapshot_from_datum(value);
}

/*
 * Without a snapshot there may be more rows than were asked for.  And as long as
 * there is nothing at all, a restore may yet bring rows and seals.
 */
static void
store_seen(const Sealer *sealer)
{
	RowArgs args = {0};

	if (sealer->seen == NULL &&
		(sealer->sealed == 0 || sealer->sealed >= sealer->max_rows))
		return;
	add_arg(&args, PG_SNAPSHOTOID,
			DirectFunctionCall1(pg_snapshot_in, CStringGetDatum(sealer->now)));
	seal_query("UPDATE wrk.seal_state SET seen = $1", args.n, args.types, args.values,
			   false, 0);
}

/* seals with the rights of the owner; the caller holds the lock */
static int64
seal_new_rows(int64 max_rows)
{
	Sealer sealer = {.max_rows = max_rows};
	StringInfoData now;

	SPI_connect();
	sealer.context = CurrentMemoryContext;
	sealer.row_context =
		AllocSetContextCreate(CurrentMemoryContext, "wrk row", ALLOCSET_DEFAULT_SIZES);
	sealer.log_context =
		AllocSetContextCreate(CurrentMemoryContext, "wrk log", ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&sealer.leaf);

	/* taken after the lock, so it sees what the sealer before has left */
	PushActiveSnapshot(GetLatestSnapshot());
	initStringInfo(&now);
	snapshot_append_current(&now);
	sealer.now = now.data;
	sealer.seen = read_seen();
	seal_rows(&sealer);
	store_seen(&sealer);
	PopActiveSnapshot();
	SPI_finish();
	return sealer.sealed;
}

Datum
wrk_seal(PG_FUNCTION_ARGS)
{
	int32 max_rows = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);
	WrkRoleSwitch saved;
	int64 sealed;

	if (max_rows < 1)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("max_rows must be at least 1")));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("sealing needs isolation level read committed")));
	/* held to the end of the transaction; readers and writers do not meet it */
	if (!ConditionalLockRelationOid(wrk_relation("seal_state"), ShareRowExclusiveLock))
		PG_RETURN_NULL();

	saved = wrk_become(wrk_owner());
	sealed = seal_new_rows(max_rows);
	wrk_unbecome(saved);
	PG_RETURN_INT64(sealed);
}
