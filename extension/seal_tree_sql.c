/*
 * seal_tree_sql.c
 *	  Merkle trees of leaves that are given, for trying and for testing.
 *
 * They go through the same tiles and tail as a log that is stored.
 */
#include "wrk_copilot.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "seal_tree.h"

PG_FUNCTION_INFO_V1(wrk_merkle_root);
PG_FUNCTION_INFO_V1(wrk_merkle_path);
PG_FUNCTION_INFO_V1(wrk_merkle_consistency);

/* one per call: the tiles of level 0 one after the other, and so on for each level */
typedef struct GivenTree
{
	SealHash *level[SEAL_LEVELS];
	SealTail tail;
} GivenTree;

static void
keep_tile(void *arg, int level, uint64 tile, const SealHash *hashes)
{
	GivenTree *tree = arg;

	memcpy(tree->level[level] + tile * SEAL_TILE, hashes, SEAL_TILE * sizeof(SealHash));
}

static const SealHash *
given_tile(void *arg, int level, uint64 tile)
{
	GivenTree *tree = arg;

	if (tile == SEAL_ENTRIES(tree->tail.size, level) / SEAL_TILE)
		return tree->tail.entries[level];
	return tree->level[level] + tile * SEAL_TILE;
}

/* the tree of the leaves in argument 0, ready to be read; palloc'd */
static SealSource
make_tree(FunctionCallInfo fcinfo)
{
	GivenTree *tree = palloc0(sizeof(GivenTree));
	Datum *leaves;
	bool *nulls;
	int n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), BYTEAOID, -1, false, TYPALIGN_INT,
					  &leaves, &nulls, &n);
	for (int level = 0; level < SEAL_LEVELS; level++)
		tree->level[level] =
			palloc(SEAL_ENTRIES(n, level) * sizeof(SealHash) + sizeof(SealHash));
	for (int i = 0; i < n; i++)
	{
		bytea *leaf;
		SealHash hash;

		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
							errmsg("leaf %d must not be null", i + 1)));
		leaf = DatumGetByteaPP(leaves[i]);
		seal_leaf(VARDATA_ANY(leaf), VARSIZE_ANY_EXHDR(leaf), &hash);
		seal_tail_append(&tree->tail, &hash, keep_tile, tree);
	}
	return (SealSource){given_tile, tree};
}

static uint64
tree_size(const SealSource *source)
{
	return ((const GivenTree *) source->arg)->tail.size;
}

static Datum
hash_datum(const SealHash *hash)
{
	bytea *value = palloc(VARHDRSZ + SEAL_HASH_LEN);

	SET_VARSIZE(value, VARHDRSZ + SEAL_HASH_LEN);
	memcpy(VARDATA(value), hash->bytes, SEAL_HASH_LEN);
	return PointerGetDatum(value);
}

static Datum
path_datum(const SealHash *path, int len)
{
	Datum hashes[SEAL_MAX_PATH];

	for (int i = 0; i < len; i++)
		hashes[i] = hash_datum(&path[i]);
	return PointerGetDatum(
		construct_array(hashes, len, BYTEAOID, -1, false, TYPALIGN_INT));
}

Datum
wrk_merkle_root(PG_FUNCTION_ARGS)
{
	SealSource tree = make_tree(fcinfo);
	SealHash root;

	seal_root(&tree, tree_size(&tree), &root);
	return hash_datum(&root);
}

Datum
wrk_merkle_path(PG_FUNCTION_ARGS)
{
	SealSource tree = make_tree(fcinfo);
	int64 index = PG_GETARG_INT64(1);
	SealHash path[SEAL_MAX_PATH];

	if (index < 0 || index >= tree_size(&tree))
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("there is no leaf " INT64_FORMAT, index),
						errhint("Leaves are counted from 0.")));
	return path_datum(path, seal_inclusion(&tree, index, tree_size(&tree), path));
}

Datum
wrk_merkle_consistency(PG_FUNCTION_ARGS)
{
	SealSource tree = make_tree(fcinfo);
	int64 first = PG_GETARG_INT64(1);
	SealHash path[SEAL_MAX_PATH];

	if (first <= 0 || first > tree_size(&tree))
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("the tree never had " INT64_FORMAT " leaves", first),
						errhint("Sizes are from 1 to the number of leaves.")));
	return path_datum(path, seal_consistency(&tree, first, tree_size(&tree), path));
}
