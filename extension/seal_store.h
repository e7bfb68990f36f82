/*
 * seal_store.h
 *	  Seals as they are stored: wrk.audit_seal, wrk.audit_tile, wrk.audit_head.
 *
 * Everything here needs SPI and the owner's rights, and lives in the current memory
 * context.  The log of what belongs to no tenant has the tenant "".
 */
#ifndef WRK_SEAL_STORE_H
#define WRK_SEAL_STORE_H

#include "wrk_copilot.h"
#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/timestamp.h"

#include "seal_encode.h"
#include "seal_tree.h"

/* leaves of one seal at most; more rows become several seals */
#define SEAL_MAX_LEAVES 65536

/* the log a row belongs to, for queries that call the row l */
#define SEAL_ROW_LOG "coalesce(l.tenant_id, '') COLLATE \"C\""

/* A row of wrk.audit_seal. */
typedef struct Seal
{
	char *tenant;
	int64 seq;        /* from 1 in each log */
	int64 first_leaf; /* index of its first leaf */
	int64 size;       /* leaves of the log with it */
	int64 *ids;       /* of the rows, in the order of the leaves */
	int nids;
	int64 min_id;
	int64 max_id;
	TimestampTz from_at; /* of the rows' created_at */
	TimestampTz upto_at;
	SealHash root; /* of all leaves so far */
	SealHash prev; /* seal_hash() of the one before, zeros for the first */
	TimestampTz sealed_at;
	char *kid;
	uint8 *signature;
	int signature_len;
} Seal;

#define SEAL_COLUMNS \
	"s.seq, s.first_leaf, s.size, s.ids, s.min_id, s.max_id, s.from_at, s.upto_at, " \
	"s.root, s.prev, s.sealed_at, s.kid, s.signature"

/* A row of wrk.audit_head: where a log has got to. */
typedef struct SealLog
{
	char *tenant;
	int64 seq;
	SealHash hash; /* seal_hash() of the last seal */
	SealTail tail;
} SealLog;

/* a query, and back into the caller's memory context; SPI would leave its own behind */
extern void seal_query(const char *query, int nargs, Oid *types, Datum *args,
					   bool read_only, long limit);

/* of what a seal says of its rows: their ids and times */
extern void seal_rows_hash(const Seal *seal, SealHash *hash);

/* what is signed, replacing what is in buf; see seal_store.c */
extern void seal_head_bytes(const Seal *seal, StringInfo buf);
extern void seal_hash(const Seal *seal, SealHash *hash);

/* a row of SEAL_COLUMNS; whatever it holds, values that make no sense become empty ones
 */
extern Seal *seal_from_tuple(const char *tenant, HeapTuple tuple, TupleDesc desc);

/* a seal by its number, or by the size of the log with it; NULL if there is none */
extern Seal *seal_read(const char *tenant, int64 seq);
extern Seal *seal_read_of_size(const char *tenant, int64 size);

/* where the log has got to; an empty log has no row.  False: the row makes no sense */
extern bool seal_log_read(const char *tenant, SealLog *log);

/* stores a seal that is signed, and where the log has got to with it */
extern void seal_write(const Seal *seal, const SealLog *log);

extern void seal_tile_write(const char *tenant, int level, uint64 tile,
							const SealHash *hashes);

/* false if there is no such tile or it makes no sense */
extern bool seal_tile_read(const char *tenant, int level, uint64 tile, SealHash *hashes);

/* value of a bytea of just that length; zeros if it is another one */
extern void seal_hash_from_datum(Datum value, bool isnull, SealHash *hash);
extern Datum seal_hash_datum(const SealHash *hash);

#endif /* WRK_SEAL_STORE_H */
