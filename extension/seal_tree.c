/*
 * seal_tree.c
 *	  Merkle trees and their proofs (RFC 6962 section 2.1, SHA-256).
 *
 * Pure calculation: where entries are kept is the business of the caller.  A leaf
 * is hashed behind a zero byte, a node behind a one, so that neither can be passed
 * off as the other.
 *
 * Must stay true: a perfect subtree of height 8 * L + r is 2^r neighbours of level
 * L that are in one tile, so a proof reads no more than a few tiles a level.
 */
#include "seal_tree.h"

#include <openssl/evp.h>

#include "port/pg_bitutils.h"

#include "jwk.h"

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01


/* ---------- hashes ---------- */

/* looking the digest up by name each time would cost more than the hashing */
static EVP_MD_CTX *
start_sha256(void)
{
	static EVP_MD *digest = NULL; /* both for the life of the process */
	static EVP_MD_CTX *ctx = NULL;

	if (digest == NULL)
		digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (ctx == NULL)
		ctx = EVP_MD_CTX_new();
	if (digest == NULL || ctx == NULL || !EVP_DigestInit_ex(ctx, digest, NULL))
		elog(ERROR, "could not begin SHA-256: %s", openssl_failure());
	return ctx;
}

/* hash of a and b one after the other; a may be the bytes that hash points to */
static void
sha256_of_two(const void *a, size_t a_len, const void *b, size_t b_len, SealHash *hash)
{
	EVP_MD_CTX *ctx = start_sha256();

	if (!EVP_DigestUpdate(ctx, a, a_len) || !EVP_DigestUpdate(ctx, b, b_len) ||
		!EVP_DigestFinal_ex(ctx, hash->bytes, NULL))
		elog(ERROR, "could not compute SHA-256: %s", openssl_failure());
}

void
seal_sha256(const void *data, size_t len, SealHash *hash)
{
	sha256_of_two(data, len, "", 0, hash);
}

bool
seal_hash_equal(const SealHash *a, const SealHash *b)
{
	return memcmp(a->bytes, b->bytes, SEAL_HASH_LEN) == 0;
}

void
seal_leaf(const void *data, size_t len, SealHash *hash)
{
	const uint8 prefix = LEAF_PREFIX;

	sha256_of_two(&prefix, 1, data, len, hash);
}

/* node may be left or right */
static void
make_node(const SealHash *left, const SealHash *right, SealHash *node)
{
	uint8 prefixed[1 + SEAL_HASH_LEN];

	prefixed[0] = NODE_PREFIX;
	memcpy(prefixed + 1, left->bytes, SEAL_HASH_LEN);
	sha256_of_two(prefixed, sizeof(prefixed), right->bytes, SEAL_HASH_LEN, node);
}

/* the node above 2^height neighbours, height <= 8 */
static void
fold(const SealHash *entries, int height, SealHash *node)
{
	SealHash row[SEAL_TILE];
	int n = 1 << height;

	memcpy(row, entries, n * sizeof(SealHash));
	for (; n > 1; n /= 2)
		for (int i = 0; i < n / 2; i++)
			make_node(&row[2 * i], &row[2 * i + 1], &row[i]);
	*node = row[0];
}


/* ---------- growing ---------- */

void
seal_tail_append(SealTail *tail, const SealHash *leaf, SealTileTaker taker, void *arg)
{
	SealHash entry = *leaf;
	uint64 index = tail->size++;

	for (int level = 0; level < SEAL_LEVELS; level++)
	{
		SealHash *entries = tail->entries[level];

		entries[index % SEAL_TILE] = entry;
		if (index % SEAL_TILE != SEAL_TILE - 1)
			return;
		index /= SEAL_TILE;
		if (taker != NULL)
			taker(arg, level, index, entries);
		fold(entries, 8, &entry);
	}
}

/* a root needs no entry that is not in the tail */
static const SealHash *
tail_tile(void *arg, int level, uint64 tile)
{
	const SealTail *tail = arg;

	Assert(tile == SEAL_ENTRIES(tail->size, level) / SEAL_TILE);
	return tail->entries[level];
}

void
seal_tail_root(const SealTail *tail, SealHash *root)
{
	SealSource source = {tail_tile, (void *) tail};

	seal_root(&source, tail->size, root);
}


/* ---------- reading ---------- */

/* largest power of two smaller than n, n > 1 */
static uint64
split(uint64 n)
{
	return UINT64CONST(1) << pg_leftmost_one_pos64(n - 1);
}

/* hash of the tree over the leaves from start, a multiple of what n's tree is high, on */
static void
subtree(const SealSource *source, uint64 start, uint64 n, SealHash *node)
{
	SealHash right;
	int height = pg_leftmost_one_pos64(n);
	uint64 first;

	if ((n & (n - 1)) != 0)
	{
		uint64 k = split(n);

		subtree(source, start, k, node);
		subtree(source, start + k, n - k, &right);
		make_node(node, &right, node);
		return;
	}
	first = SEAL_ENTRIES(start, height / 8);
	fold(source->tile(source->arg, height / 8, first / SEAL_TILE) + first % SEAL_TILE,
		 height % 8, node);
}

void
seal_root(const SealSource *source, uint64 size, SealHash *root)
{
	if (size == 0)
		seal_sha256("", 0, root);
	else
		subtree(source, 0, size, root);
}

/* PATH(index, leaves from start on), from the leaf upwards */
static int
inclusion(const SealSource *source, uint64 index, uint64 start, uint64 n, SealHash *path)
{
	uint64 k;
	int len;

	if (n == 1)
		return 0;
	k = split(n);
	if (index < k)
	{
		len = inclusion(source, index, start, k, path);
		subtree(source, start + k, n - k, &path[len]);
	}
	else
	{
		len = inclusion(source, index - k, start + k, n - k, path);
		subtree(source, start, k, &path[len]);
	}
	return len + 1;
}

int
seal_inclusion(const SealSource *source, uint64 index, uint64 size,
			   SealHash path[SEAL_MAX_PATH])
{
	Assert(index < size);
	return inclusion(source, index, 0, size, path);
}

/* SUBPROOF(m, leaves from start on, known): known if their tree's hash is the old root */
static int
consistency(const SealSource *source, uint64 m, uint64 start, uint64 n, bool known,
			SealHash *path)
{
	uint64 k;
	int len;

	if (m == n)
	{
		if (!known)
			subtree(source, start, n, &path[0]);
		return known ? 0 : 1;
	}
	k = split(n);
	if (m <= k)
	{
		len = consistency(source, m, start, k, known, path);
		subtree(source, start + k, n - k, &path[len]);
	}
	else
	{
		len = consistency(source, m - k, start + k, n - k, false, path);
		subtree(source, start, k, &path[len]);
	}
	return len + 1;
}

int
seal_consistency(const SealSource *source, uint64 first, uint64 second,
				 SealHash path[SEAL_MAX_PATH])
{
	Assert(first > 0 && first <= second);
	return consistency(source, first, 0, second, true, path);
}
