/*
 * seal_verify_leaves.c
 *	  Part of wrk.audit_verify(): are the rows still what their seals say?
 *
 * For each leaf there are two hashes, that of the row as it is now and that which is
 * stored in the tiles.  The signed root says which of the two is right: if the stored
 * ones make the root, a row that differs was changed; if the rows do, a tile was.
 *
 * Must stay true: rows are read by tenant, id and time first, which is fast, but a row
 * counts as deleted only if no row has its id at all.
 */
#include "seal_verify.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define FETCH_ROWS 1000

/* One per leaf of a batch. */
typedef struct Leaf
{
	int64 id;
	bool stored; /* the tiles have a hash */
	bool exists; /* there is a row */
	bool dropped;
	bool doubled; /* there is another row of that id */
	bool outside; /* of the time its seal says */
	SealHash stored_hash;
	SealHash row_hash;
} Leaf;

/* One per batch; lives in its context. */
typedef struct Batch
{
	Verifier *v;
	Seal **seals;
	int nseals;
	Leaf *leaves; /* in order of the log */
	Leaf **by_id;
	Seal **seal_of; /* each leaf's */
	int nleaves;
	StringInfoData buf;
} Batch;


/* ---------- stored hashes ---------- */

int
seal_verify_tile(Verifier *v, int level, uint64 tile, SealHash *hashes)
{
	uint64 size = v->log_fits ? v->log.tail.size : 0;

	if (seal_tile_read(v->tenant, level, tile, hashes))
		return SEAL_TILE;
	if (SEAL_ENTRIES(size, level) / SEAL_TILE != tile)
		return 0;
	memcpy(hashes, v->log.tail.entries[level],
		   SEAL_TAIL_LEN(size, level) * sizeof(SealHash));
	return SEAL_TAIL_LEN(size, level);
}

static void
read_stored(Batch *batch)
{
	SealHash hashes[SEAL_TILE];
	uint64 first = batch->seals[0]->first_leaf;
	uint64 loaded = PG_UINT64_MAX;
	int n = 0;

	for (int i = 0; i < batch->nleaves; i++)
	{
		uint64 index = first + i;

		if (index / SEAL_TILE != loaded)
		{
			loaded = index / SEAL_TILE;
			n = seal_verify_tile(batch->v, 0, loaded, hashes);
		}
		batch->leaves[i].stored = index % SEAL_TILE < n;
		if (batch->leaves[i].stored)
			batch->leaves[i].stored_hash = hashes[index % SEAL_TILE];
	}
}


/* ---------- rows ---------- */

static int
compare_leaves(const void *a, const void *b)
{
	int64 x = (*(Leaf *const *) a)->id;
	int64 y = (*(Leaf *const *) b)->id;

	return (x > y) - (x < y);
}

/* lays out the leaves of the seals */
static void
make_leaves(Batch *batch)
{
	int n = 0;

	for (int i = 0; i < batch->nseals; i++)
		batch->nleaves += batch->seals[i]->nids;
	batch->leaves = MemoryContextAllocHuge(CurrentMemoryContext,
										   sizeof(Leaf) * (Size) batch->nleaves);
	memset(batch->leaves, 0, sizeof(Leaf) * (Size) batch->nleaves);
	batch->by_id = palloc(sizeof(Leaf *) * batch->nleaves);
	batch->seal_of = palloc(sizeof(Seal *) * batch->nleaves);
	for (int i = 0; i < batch->nseals; i++)
	{
		for (int j = 0; j < batch->seals[i]->nids; j++, n++)
		{
			batch->leaves[n].id = batch->seals[i]->ids[j];
			batch->by_id[n] = &batch->leaves[n];
			batch->seal_of[n] = batch->seals[i];
		}
	}
	qsort(batch->by_id, n, sizeof(Leaf *), compare_leaves);
}

/* a row with the id of the leaf */
static void
take_row(Batch *batch, Leaf *leaf, const Datum *values, const bool *nulls)
{
	const Seal *seal = batch->seal_of[leaf - batch->leaves];
	TimestampTz at = DatumGetTimestampTz(values[SEAL_ROW_CREATED_AT]);
	SealHash hash;

	seal_encode_row(&batch->buf, values, nulls);
	seal_leaf(batch->buf.data, batch->buf.len, &hash);
	/* of two rows of one id, the one that was sealed is meant */
	leaf->doubled = leaf->exists;
	if (leaf->exists && leaf->stored &&
		seal_hash_equal(&leaf->row_hash, &leaf->stored_hash))
		return;
	leaf->exists = true;
	leaf->row_hash = hash;
	leaf->outside = at < seal->from_at || at > seal->upto_at;
}

/* rows in order of id; each goes to the leaves of its id */
static void
match_rows(Batch *batch, Portal rows)
{
	MemoryContext old_context = CurrentMemoryContext;
	int at = 0;

	for (;;)
	{
		SPI_cursor_fetch(rows, true, FETCH_ROWS);
		MemoryContextSwitchTo(batch->v->row_context);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			Datum values[SEAL_ROW_NCOLUMNS];
			bool nulls[SEAL_ROW_NCOLUMNS];
			int64 id;

			CHECK_FOR_INTERRUPTS();
			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values,
							  nulls);
			id = DatumGetInt64(values[SEAL_ROW_ID]);
			while (at < batch->nleaves && batch->by_id[at]->id < id)
				at++;
			for (int j = at; j < batch->nleaves && batch->by_id[j]->id == id; j++)
				take_row(batch, batch->by_id[j], values, nulls);
			MemoryContextReset(batch->v->row_context);
		}
		MemoryContextSwitchTo(old_context);
		SPI_freetuptable(SPI_tuptable);
		if (SPI_processed == 0)
			return;
	}
}

static void
read_rows(Batch *batch)
{
	Verifier *v = batch->v;
	TimestampTz from = batch->seals[0]->from_at;
	TimestampTz upto = batch->seals[0]->upto_at;
	Oid types[] = {TEXTOID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum args[lengthof(types)];
	MemoryContext old_context = CurrentMemoryContext;
	Portal rows;

	for (int i = 1; i < batch->nseals; i++)
	{
		from = Min(from, batch->seals[i]->from_at);
		upto = Max(upto, batch->seals[i]->upto_at);
	}
	args[0] = CStringGetTextDatum(v->tenant);
	args[1] = Int64GetDatum(batch->by_id[0]->id);
	args[2] = Int64GetDatum(batch->by_id[batch->nleaves - 1]->id);
	args[3] = TimestampTzGetDatum(from);
	args[4] = TimestampTzGetDatum(upto);
	rows = SPI_cursor_open_with_args(
		NULL,
		psprintf("SELECT " SEAL_ROW_COLUMNS " FROM wrk.audit_log l WHERE %s"
				 " AND l.id BETWEEN $2 AND $3 AND l.created_at BETWEEN $4 AND $5"
				 " ORDER BY l.id",
				 seal_row_filter(v)),
		lengthof(args), types, args, NULL, true, 0);
	MemoryContextSwitchTo(old_context);
	match_rows(batch, rows);
	SPI_cursor_close(rows);
	MemoryContextSwitchTo(old_context);
}

/* What retention says it has dropped.  Believed only if the log itself says so, too. */
void
seal_verify_read_dropped(Verifier *v)
{
	bool isnull;

	seal_query("SELECT lower(r), upper(r) FROM wrk.audit_dropped d, unnest(d.ids) r"
			   " WHERE EXISTS (SELECT FROM wrk.audit_log f WHERE f.tenant_id IS NULL"
			   " AND f.resource_type = 'audit_log' AND f.resource_id = d.part"
			   " AND f.action = 'audit.retention' AND f.metadata ->> 'ids_sha256'"
			   " = encode(sha256(convert_to(d.ids::text, 'UTF8')), 'hex'))"
			   " ORDER BY 1",
			   0, NULL, NULL, true, 0);
	v->dropped_ranges = palloc(sizeof(DroppedRange) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;

		v->dropped_ranges[i].from = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
		v->dropped_ranges[i].upto = DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull));
	}
	v->ndropped_ranges = SPI_processed;
	SPI_freetuptable(SPI_tuptable);
}

static bool
is_dropped(const Verifier *v, int64 id)
{
	int low = 0;
	int high = v->ndropped_ranges;

	while (low < high)
	{
		int mid = low + (high - low) / 2;

		if (v->dropped_ranges[mid].upto <= id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < v->ndropped_ranges && v->dropped_ranges[low].from <= id;
}

/* a row of that id in whatever log and time */
static void
look_everywhere(Batch *batch, Leaf *leaf)
{
	Oid types[] = {INT8OID};
	Datum args[] = {Int64GetDatum(leaf->id)};
	Datum values[SEAL_ROW_NCOLUMNS];
	bool nulls[SEAL_ROW_NCOLUMNS];

	seal_query("SELECT " SEAL_ROW_COLUMNS " FROM wrk.audit_log l WHERE l.id = $1", 1,
			   types, args, true, 1);
	if (SPI_processed > 0)
	{
		heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values, nulls);
		take_row(batch, leaf, values, nulls);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* the first that is really missing ends it: it is a problem already */
static void
look_for_missing(Batch *batch)
{
	for (int i = 0; i < batch->nleaves; i++)
	{
		Leaf *leaf = &batch->leaves[i];

		if (leaf->exists)
			continue;
		leaf->dropped = is_dropped(batch->v, leaf->id);
		if (leaf->dropped)
			continue;
		look_everywhere(batch, leaf);
		if (!leaf->exists)
			return;
	}
}


/* ---------- which of them is right ---------- */

static const SealHash *
stored_or_row(const Leaf *leaf)
{
	return leaf->stored ? &leaf->stored_hash : &leaf->row_hash;
}

static const SealHash *
row_or_stored(const Leaf *leaf)
{
	return leaf->exists ? &leaf->row_hash : &leaf->stored_hash;
}

/* a tile above the leaves must be what the leaves make it */
static void
check_upper_tile(void *arg, int level, uint64 tile, const SealHash *hashes)
{
	Verifier *v = arg;
	SealHash stored[SEAL_TILE];

	if (level > 0 && (seal_verify_tile(v, level, tile, stored) != SEAL_TILE ||
					  memcmp(stored, hashes, sizeof(stored)) != 0))
		seal_problem(v, "tiles_changed", v->seq + 1, 0,
					 "tile " UINT64_FORMAT " of level %d", tile, level);
}

static bool
grows_to_root(Verifier *v, const Seal *seal, const Leaf *leaves,
			  const SealHash *(*hash)(const Leaf *), SealTileTaker taker)
{
	SealHash root;

	for (int i = 0; i < seal->nids; i++)
		seal_tail_append(&v->tree, hash(&leaves[i]), taker, v);
	seal_tail_root(&v->tree, &root);
	return seal_hash_equal(&root, &seal->root);
}

/* whether the row is that of another leaf of the seal */
static bool
moved(const Seal *seal, const Leaf *leaves, const Leaf *leaf)
{
	for (int i = 0; i < seal->nids; i++)
		if (&leaves[i] != leaf && leaves[i].stored &&
			seal_hash_equal(&leaves[i].stored_hash, &leaf->row_hash))
			return true;
	return false;
}

/* the row of a leaf whose stored hash is right */
static void
check_row(Verifier *v, const Seal *seal, const Leaf *leaves, const Leaf *leaf)
{
	uint64 index = seal->first_leaf + (leaf - leaves);

	if (!leaf->exists && !leaf->dropped)
		seal_problem(v, "deleted", seal->seq, leaf->id, "leaf " UINT64_FORMAT, index);
	else if (leaf->exists && leaf->stored &&
			 !seal_hash_equal(&leaf->row_hash, &leaf->stored_hash))
		seal_problem(v, moved(seal, leaves, leaf) ? "reordered" : "changed", seal->seq,
					 leaf->id, "leaf " UINT64_FORMAT, index);
	else if (leaf->doubled)
		seal_problem(v, "inserted", seal->seq, leaf->id,
					 "there is more than one row of this id");
	else if (leaf->outside)
		seal_problem(v, "seal_changed", seal->seq, leaf->id,
					 "its from_at and upto_at do not span its rows");
	else if (!leaf->stored)
		seal_problem(v, "tiles_changed", seal->seq, leaf->id,
					 "tile " UINT64_FORMAT " of level 0", index / SEAL_TILE);
	v->rows += leaf->exists;
	v->dropped += leaf->dropped;
}

/* the stored hashes do not make the root */
static void
find_culprit(Verifier *v, const Seal *seal, const Leaf *leaves)
{
	bool rows_fit;

	v->tree = v->before;
	rows_fit = grows_to_root(v, seal, leaves, row_or_stored, NULL);
	for (int i = 0; i < seal->nids && v->found.problem == NULL; i++)
	{
		bool differs = !leaves[i].stored || !leaves[i].exists ||
					   !seal_hash_equal(&leaves[i].stored_hash, &leaves[i].row_hash);

		if (rows_fit && differs && !leaves[i].dropped)
			seal_problem(v, "tiles_changed", seal->seq, leaves[i].id,
						 "tile " UINT64_FORMAT " of level 0",
						 (uint64) (seal->first_leaf + i) / SEAL_TILE);
		else if (!rows_fit)
			check_row(v, seal, leaves, &leaves[i]);
	}
	seal_problem(v, "changed", seal->seq, 0,
				 "a row from " INT64_FORMAT " to " INT64_FORMAT
				 " and its hash were changed together",
				 seal->min_id, seal->max_id);
}

static void
check_leaves(Verifier *v, const Seal *seal, const Leaf *leaves)
{
	v->before = v->tree;
	if (!grows_to_root(v, seal, leaves, stored_or_row, check_upper_tile))
	{
		v->found.problem = NULL; /* a tile above wrong leaves says nothing */
		find_culprit(v, seal, leaves);
		return;
	}
	for (int i = 0; i < seal->nids && v->found.problem == NULL; i++)
		check_row(v, seal, leaves, &leaves[i]);
	v->seq = seal->seq;
	seal_hash(seal, &v->hash);
	v->seals++;
}

void
seal_verify_leaves(Verifier *v, Seal **seals, int nseals)
{
	Batch batch = {.v = v, .seals = seals, .nseals = nseals};
	Leaf *leaves;

	if (nseals == 0)
		return;
	initStringInfo(&batch.buf);
	make_leaves(&batch);
	read_stored(&batch);
	read_rows(&batch);
	look_for_missing(&batch);
	leaves = batch.leaves;
	for (int i = 0; i < nseals && v->found.problem == NULL; i++)
	{
		check_leaves(v, seals[i], leaves);
		leaves += seals[i]->nids;
	}
}
