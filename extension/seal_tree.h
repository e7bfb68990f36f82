/*
 * seal_tree.h
 *	  Merkle trees and their proofs (RFC 6962 section 2.1, SHA-256).
 *
 * A log is a growing list of leaves.  The hashes of its perfect subtrees whose
 * height is a multiple of 8 are its entries; entry i of level L stands for the
 * leaves from i * 256^L on.  256 neighbours of one level are a tile.  A full tile
 * never changes, and those that are not full yet, one a level, are the tail.
 */
#ifndef WRK_SEAL_TREE_H
#define WRK_SEAL_TREE_H

#include "postgres.h"

#define SEAL_HASH_LEN 32
#define SEAL_TILE 256
#define SEAL_LEVELS 8
#define SEAL_MAX_PATH 64

typedef struct SealHash
{
	uint8 bytes[SEAL_HASH_LEN];
} SealHash;

/* one per log that grows; the entries after the last full tile of each level */
typedef struct SealTail
{
	uint64 size; /* leaves of the log */
	SealHash entries[SEAL_LEVELS][SEAL_TILE];
} SealTail;

/* how many entries of a level are in the tail, and how many there are at all */
#define SEAL_TAIL_LEN(size, level) ((int) (((size) >> (8 * (level))) & (SEAL_TILE - 1)))
#define SEAL_ENTRIES(size, level) ((uint64) (size) >> (8 * (level)))

/* told of each tile that becomes full: SEAL_TILE hashes */
typedef void (*SealTileTaker)(void *arg, int level, uint64 tile, const SealHash *hashes);

/* where entries come from: the hashes of a tile, which stay valid until the next call */
typedef struct SealSource
{
	const SealHash *(*tile)(void *arg, int level, uint64 tile);
	void *arg;
} SealSource;

/* SHA-256 of some bytes */
extern void seal_sha256(const void *data, size_t len, SealHash *hash);

extern bool seal_hash_equal(const SealHash *a, const SealHash *b);

/* hash of a leaf with this content */
extern void seal_leaf(const void *data, size_t len, SealHash *hash);

/* appends a leaf, given as its hash */
extern void seal_tail_append(SealTail *tail, const SealHash *leaf, SealTileTaker taker,
							 void *arg);

/* hash of the tree over all leaves so far */
extern void seal_tail_root(const SealTail *tail, SealHash *root);

/* hash of the tree over the first size leaves; the source has at least these */
extern void seal_root(const SealSource *source, uint64 size, SealHash *root);

/*
 * Section 2.1.1: the path of leaf index (from 0) in the tree of the first size
 * leaves, from the leaf upwards.  Returns its length.
 */
extern int seal_inclusion(const SealSource *source, uint64 index, uint64 size,
						  SealHash path[SEAL_MAX_PATH]);

/*
 * Section 2.1.2: what shows that the tree of the first `first` leaves is how the
 * tree of the first `second` began, 0 < first <= second.  Returns its length.
 */
extern int seal_consistency(const SealSource *source, uint64 first, uint64 second,
							SealHash path[SEAL_MAX_PATH]);

#endif /* WRK_SEAL_TREE_H */
