/*
 * seal_verify.c
 *	  wrk.audit_verify(): is the audit log still what was sealed?
 *
 * Goes through the chain of seals, from the first or from the one before a stretch
 * of time.  A head must be signed and follow the one before; its rows and tiles must
 * make its root (seal_verify_leaves.c).  In the end every row that the last sealing
 * saw must be in a seal, and nothing may lie behind the last seal.
 *
 * Must stay true: (1) everything is read with one snapshot, taken after the
 * partitions are locked, because dropping one does not care for snapshots.  (2) What
 * is reported is the first thing that does not fit, so what comes before it is checked
 * before it is looked at.
 */
#include "wrk_copilot.h"

#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "position.h"
#include "seal_access.h"
#include "seal_verify.h"

/* a batch ends with the seal that reaches this */
#define BATCH_LEAVES 32768
#define BATCH_SEALS 1000

#define RESULT_NCOLUMNS 9

PG_FUNCTION_INFO_V1(wrk_audit_verify);

void
seal_problem(Verifier *v, const char *problem, int64 seal, int64 audit_id,
			 const char *detail, ...)
{
	MemoryContext old_context;
	StringInfoData text;
	va_list args;
	int needed;

	if (v->found.problem != NULL)
		return;
	old_context = MemoryContextSwitchTo(v->context);
	initStringInfo(&text);
	do
	{
		va_start(args, detail);
		needed = appendStringInfoVA(&text, detail, args);
		va_end(args);
		if (needed > 0)
			enlargeStringInfo(&text, needed);
	} while (needed > 0);
	v->found.problem = problem;
	v->found.seal = seal;
	v->found.audit_id = audit_id;
	v->found.detail = text.data;
	MemoryContextSwitchTo(old_context);
}

const char *
seal_row_filter(const Verifier *v)
{
	return v->tenant[0] ? "l.tenant_id = $1"
						: "(l.tenant_id IS NULL OR l.tenant_id = $1)";
}


/* ---------- heads ---------- */

static SealKey *
find_key(Verifier *v, const char *kid)
{
	MemoryContext old_context = MemoryContextSwitchTo(v->context);
	SealKey *key = NULL;
	ListCell *cell;

	foreach (cell, v->keys)
	{
		if (strcmp(((SealKey *) lfirst(cell))->kid, kid) == 0)
			key = lfirst(cell);
	}
	if (key == NULL && (key = seal_key_find(kid)) != NULL)
		v->keys = lappend(v->keys, key);
	MemoryContextSwitchTo(old_context);
	return key;
}

static bool
is_signed(Verifier *v, const Seal *seal)
{
	SealKey *key = find_key(v, seal->kid);
	StringInfoData head;

	initStringInfo(&head);
	seal_head_bytes(seal, &head);
	return key != NULL && seal_key_verifies(key, head.data, head.len, seal->signature,
											seal->signature_len);
}

/* whether what comes after the seal says that its head is what it was */
static bool
is_confirmed(Verifier *v, const Seal *seal)
{
	Seal *next = seal_read(v->tenant, seal->seq + 1);
	SealHash hash;

	seal_hash(seal, &hash);
	if (next != NULL)
		return seal_hash_equal(&hash, &next->prev);
	return v->log_fits && v->log.seq == seal->seq && seal_hash_equal(&hash, &v->log.hash);
}

/* whether ids and what is said of them agree; the rest follows from them and the rows */
static bool
ids_fit(const Seal *seal)
{
	int64 min = PG_INT64_MAX;
	int64 max = PG_INT64_MIN;

	for (int i = 0; i < seal->nids; i++)
	{
		min = Min(min, seal->ids[i]);
		max = Max(max, seal->ids[i]);
	}
	return seal->nids > 0 && seal->nids <= SEAL_MAX_LEAVES &&
		   seal->size - seal->first_leaf == seal->nids && seal->min_id == min &&
		   seal->max_id == max;
}

/* notes what is wrong with a head that should follow the one of prev_seq */
static void
check_head(Verifier *v, const Seal *seal, int64 prev_seq, int64 size,
		   const SealHash *prev)
{
	if (seal->seq != prev_seq + 1)
		seal_problem(v, "seal_missing", prev_seq + 1, 0,
					 "the next that is there is " INT64_FORMAT, seal->seq);
	else if (!is_signed(v, seal))
	{
		bool confirmed = is_confirmed(v, seal);

		seal_problem(v, confirmed ? "bad_signature" : "seal_changed", seal->seq, 0,
					 "key \"%s\" %s", seal->kid,
					 find_key(v, seal->kid) ? "did not sign this" : "is not there");
	}
	else if (!seal_hash_equal(&seal->prev, prev))
		seal_problem(
			v, "seal_changed", prev_seq, 0,
			"it is signed, but not the one that was there when the next was made");
	else if (seal->first_leaf != size || !ids_fit(seal))
		seal_problem(v, "seal_changed", seal->seq, 0,
					 "its ids, leaves and size do not agree");
}

/* the tail of the log when it ended with this seal, from tiles */
static void
rebuild_tree(Verifier *v, const Seal *seal)
{
	SealHash hashes[SEAL_TILE];
	SealHash root;

	v->tree.size = seal->size;
	for (int level = 0; level < SEAL_LEVELS; level++)
	{
		int n = SEAL_TAIL_LEN(v->tree.size, level);
		uint64 tile = SEAL_ENTRIES(v->tree.size, level) / SEAL_TILE;

		if (n == 0)
			continue;
		if (seal_verify_tile(v, level, tile, hashes) < n)
			seal_problem(v, "tiles_changed", seal->seq, 0,
						 "tile " UINT64_FORMAT " of level %d", tile, level);
		memcpy(v->tree.entries[level], hashes, n * sizeof(SealHash));
	}
	seal_tail_root(&v->tree, &root);
	if (!seal_hash_equal(&root, &seal->root))
		seal_problem(v, "tiles_changed", seal->seq, 0, "its leaves do not make its root");
}

/* begins behind the seal before the stretch that is asked for */
static void
begin_behind(Verifier *v, int64 seq)
{
	Seal *seal = seal_read(v->tenant, seq);

	v->seq = seq;
	if (seal == NULL)
	{
		seal_problem(v, "seal_missing", seq, 0, "there are later ones");
		return;
	}
	if (seal->size <= 0 || !is_signed(v, seal))
		seal_problem(v, is_confirmed(v, seal) ? "bad_signature" : "seal_changed", seq, 0,
					 "key \"%s\" did not sign this", seal->kid);
	else
		rebuild_tree(v, seal);
	seal_hash(seal, &v->hash);
}

/*
 * Takes seals off the cursor until there are enough for a batch, there are no more or
 * one does not fit; the problem of that one is returned, to be noted behind the batch.
 */
static SealProblem
next_batch(Verifier *v, Portal cursor, Seal **seals, int *nseals)
{
	int64 seq = v->seq;
	int64 size = v->tree.size;
	SealHash hash = v->hash;
	int64 leaves = 0;
	SealProblem problem;

	*nseals = 0;
	while (v->found.problem == NULL && leaves < BATCH_LEAVES && *nseals < BATCH_SEALS)
	{
		Seal *seal;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(cursor, true, 1);
		MemoryContextSwitchTo(v->batch_context);
		if (SPI_processed == 0)
			break;
		seal = seal_from_tuple(v->tenant, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
		SPI_freetuptable(SPI_tuptable);
		check_head(v, seal, seq, size, &hash);
		if (v->found.problem != NULL)
			break;
		seals[(*nseals)++] = seal;
		leaves += seal->nids;
		seq = seal->seq;
		size = seal->size;
		seal_hash(seal, &hash);
	}
	problem = v->found;
	v->found.problem = NULL;
	return problem;
}

/* the chain up to a seal, that one included */
static void
check_chain(Verifier *v, int64 last_seq)
{
	Oid types[] = {TEXTOID, INT8OID, INT8OID};
	Datum args[] = {CStringGetTextDatum(v->tenant), Int64GetDatum(v->first_seq),
					Int64GetDatum(last_seq)};
	Seal **seals = palloc(sizeof(Seal *) * BATCH_SEALS);
	Portal cursor;
	int n;

	cursor = SPI_cursor_open_with_args(
		NULL,
		"SELECT " SEAL_COLUMNS " FROM wrk.audit_seal s"
		" WHERE s.tenant_id = $1 AND s.seq BETWEEN $2 AND $3 ORDER BY s.seq",
		lengthof(args), types, args, NULL, true, 0);
	do
	{
		SealProblem problem;

		MemoryContextReset(v->batch_context);
		problem = next_batch(v, cursor, seals, &n);
		MemoryContextSwitchTo(v->batch_context);
		seal_verify_leaves(v, seals, n);
		if (v->found.problem == NULL)
			v->found = problem;
	} while (n > 0 && v->found.problem == NULL);
	SPI_cursor_close(cursor);
	MemoryContextSwitchTo(v->context);
}


/* ---------- what is in no seal ---------- */

/* the one row of a query for int8 columns, zeros for SQL NULL */
static void
query_int64s(const char *query, int nargs, Oid *types, Datum *args, int64 *values, int n)
{
	seal_query(query, nargs, types, args, true, 1);
	for (int i = 0; i < n; i++)
	{
		bool isnull = true;
		Datum value = (Datum) 0;

		if (SPI_processed > 0)
			value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1,
								  &isnull);
		values[i] = isnull ? 0 : DatumGetInt64(value);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Condition on a row l that is in no seal: the last sealing should have taken it, or it
 * has a transaction id that no transaction had.
 */
#define ROW_CAME_LATE \
	"s.n IS NULL AND CASE WHEN l.xid <= 0 THEN true ELSE" \
	" coalesce(pg_visible_in_snapshot(l.xid::text::xid8," \
	" (SELECT seen FROM wrk.seal_state)), false)" \
	" OR NOT pg_visible_in_snapshot(l.xid::text::xid8, pg_current_snapshot())" \
	" AND l.xid IS DISTINCT FROM pg_current_xact_id_if_assigned()::text::int8 END"

/* rows in no seal of those from first_seq to last_seq, and in more than one */
static int64
check_rows(Verifier *v, int64 last_seq)
{
	Oid types[] = {TEXTOID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum args[] = {CStringGetTextDatum(v->tenant), Int64GetDatum(v->first_seq),
					Int64GetDatum(last_seq), TimestampTzGetDatum(v->from),
					TimestampTzGetDatum(v->upto)};
	enum
	{
		ALL,
		UNSEALED,
		INSERTED,
		INSERTED_ID,
		DOUBLE,
		DOUBLE_ID,
		NCOUNTS
	};
	int64 found[NCOUNTS];
	int64 double_id = 0;

	query_int64s(
		psprintf("SELECT count(*), count(*) FILTER (WHERE s.n IS NULL),"
				 " count(*) FILTER (WHERE " ROW_CAME_LATE "),"
				 " min(l.id) FILTER (WHERE " ROW_CAME_LATE "),"
				 " count(*) FILTER (WHERE s.n > 1), min(l.id) FILTER (WHERE s.n > 1)"
				 " FROM wrk.audit_log l LEFT JOIN"
				 " (SELECT u.id, count(*) AS n FROM wrk.audit_seal s, unnest(s.ids) u(id)"
				 " WHERE s.tenant_id = $1 AND s.seq BETWEEN $2 AND $3 GROUP BY u.id) s"
				 " ON s.id = l.id"
				 " WHERE %s AND l.created_at >= $4 AND l.created_at < $5",
				 seal_row_filter(v)),
		lengthof(args), types, args, found, lengthof(found));
	if (found[INSERTED] > 0)
		seal_problem(v, "inserted", 0, found[INSERTED_ID],
					 "it is in no seal and came too late for one");
	if (found[DOUBLE] > 0)
		seal_problem(v, "inserted", 0, found[DOUBLE_ID], "it was sealed more than once");
	if (v->found.problem != NULL || !v->whole || found[ALL] == found[UNSEALED] + v->rows)
		return found[UNSEALED];

	query_int64s(psprintf("SELECT l.id FROM wrk.audit_log l WHERE %s GROUP BY l.id"
						  " HAVING count(*) > 1 ORDER BY l.id LIMIT 1",
						  seal_row_filter(v)),
				 1, types, args, &double_id, 1);
	seal_problem(v, "inserted", 0, double_id, "there is more than one row of this id");
	return found[UNSEALED];
}

/* nothing may lie behind the last seal */
static void
check_end(Verifier *v)
{
	Oid types[] = {TEXTOID, INT8OID};
	Datum args[] = {CStringGetTextDatum(v->tenant),
					Int64GetDatum((int64) (v->tree.size / SEAL_TILE))};
	int64 beyond;

	query_int64s("SELECT count(*) FROM wrk.audit_tile"
				 " WHERE tenant_id = $1 AND level = 0 AND tile >= $2",
				 lengthof(args), types, args, &beyond, 1);
	if (beyond > 0 || v->log.seq > v->seq)
		seal_problem(v, "truncated", v->seq + 1, 0, "there was this seal");
	else if (!v->log_fits || v->log.seq != v->seq || v->log.tail.size != v->tree.size ||
			 (v->seq > 0 && !seal_hash_equal(&v->log.hash, &v->hash)))
		seal_problem(v, "head_changed", v->seq, 0,
					 "wrk.audit_head is not where the seals end");
	for (int level = 0; level < SEAL_LEVELS; level++)
		if (memcmp(v->log.tail.entries[level], v->tree.entries[level],
				   SEAL_TAIL_LEN(v->tree.size, level) * sizeof(SealHash)) != 0)
			seal_problem(v, "tiles_changed", v->seq, 0, "tail of level %d", level);
}


/* ---------- the whole ---------- */

/* the seals that are asked for; the last is 0 if there are none */
static int64
read_bounds(Verifier *v)
{
	Oid types[] = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum args[] = {CStringGetTextDatum(v->tenant), TimestampTzGetDatum(v->from),
					TimestampTzGetDatum(v->upto)};
	int64 bounds[2];

	query_int64s("SELECT min(s.seq), max(s.seq) FROM wrk.audit_seal s"
				 " WHERE s.tenant_id = $1 AND s.from_at < $3 AND s.upto_at >= $2",
				 lengthof(args), types, args, bounds, 2);
	v->first_seq = v->whole ? PG_INT64_MIN : bounds[0];
	return v->whole ? PG_INT64_MAX : bounds[1];
}

/* returns the number of rows not sealed yet */
static int64
verify(Verifier *v)
{
	int64 last_seq = read_bounds(v);
	int64 unsealed = 0;

	v->log_fits = seal_log_read(v->tenant, &v->log);
	seal_verify_read_dropped(v);
	if (!v->whole && v->first_seq > 1)
		begin_behind(v, v->first_seq - 1);
	if (v->found.problem == NULL && last_seq != 0)
		check_chain(v, last_seq);
	if (v->found.problem == NULL && v->whole)
		check_end(v);
	if (v->found.problem == NULL)
		unsealed = check_rows(v, last_seq);
	return unsealed;
}

static Datum
make_result(FunctionCallInfo fcinfo, const Verifier *v, int64 unsealed)
{
	const SealProblem *found = &v->found;
	bool ok = found->problem == NULL;
	Datum values[RESULT_NCOLUMNS] = {
		BoolGetDatum(ok),
		Int64GetDatum(v->seals),
		Int64GetDatum(v->rows),
		Int64GetDatum(unsealed),
		Int64GetDatum(v->dropped),
		ok ? (Datum) 0 : CStringGetTextDatum(found->problem),
		Int64GetDatum(found->seal),
		Int64GetDatum(found->audit_id),
		ok ? (Datum) 0 : CStringGetTextDatum(found->detail),
	};
	bool nulls[RESULT_NCOLUMNS] = {[5] = ok,
								   [6] = ok || found->seal == 0,
								   [7] = ok || found->audit_id == 0,
								   [8] = ok};
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
wrk_audit_verify(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Verifier *v = palloc0(sizeof(Verifier));
	WrkRoleSwitch saved;
	int64 unsealed;
	Datum result;

	v->tenant = seal_tenant_arg(fcinfo, 0);
	v->whole = PG_ARGISNULL(1) && PG_ARGISNULL(2);
	v->from = PG_ARGISNULL(1) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(1);
	v->upto = PG_ARGISNULL(2) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(2);
	seal_check_reader(v->tenant);
	(void) find_all_inheritors(wrk_relation("audit_log"), AccessShareLock, NULL);

	saved = wrk_become(wrk_owner());
	SPI_connect();
	v->context = CurrentMemoryContext;
	v->batch_context =
		AllocSetContextCreate(v->context, "wrk seals", ALLOCSET_DEFAULT_SIZES);
	v->row_context = AllocSetContextCreate(v->context, "wrk row", ALLOCSET_DEFAULT_SIZES);
	PushActiveSnapshot(GetLatestSnapshot());
	unsealed = verify(v);
	PopActiveSnapshot();
	MemoryContextSwitchTo(caller);
	result = make_result(fcinfo, v, unsealed);
	SPI_finish();
	wrk_unbecome(saved);
	return result;
}
