/*
 * seal_store.c
 *	  Seals as they are stored: wrk.audit_seal, wrk.audit_tile, wrk.audit_head.
 *
 * What is signed, the head of a seal, is the text "wrk-seal-v1", the tenant, the
 * number of the seal, the size of the log, its root, the SHA-256 of the head before
 * (zeros if there is none), the SHA-256 of what it says of its rows (from_at, upto_at
 * and the ids, 8 bytes each), the time and the kid.  Each is a length of 4 bytes and
 * then the bytes; integers have 8, times are microseconds since 2000-01-01 UTC.  The
 * highest byte is first and texts are UTF-8, as in seal_encode.c.
 *
 * The ids are signed because a row that retention has dropped has nothing else to
 * say which it was: any other could be passed off as it.
 *
 * Must stay true: what is read may have been tampered with.  Reading it never fails
 * and never trusts a length; what makes no sense becomes something that fits nothing.
 */
#include "seal_store.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define SEAL_NCOLUMNS 13

void
seal_query(const char *query, int nargs, Oid *types, Datum *args, bool read_only,
		   long limit)
{
	MemoryContext caller = CurrentMemoryContext;

	SPI_execute_with_args(query, nargs, types, args, NULL, read_only, limit);
	MemoryContextSwitchTo(caller);
}


/* ---------- values ---------- */

void
seal_hash_from_datum(Datum value, bool isnull, SealHash *hash)
{
	bytea *bytes = isnull ? NULL : DatumGetByteaPP(value);

	if (bytes != NULL && VARSIZE_ANY_EXHDR(bytes) == SEAL_HASH_LEN)
		memcpy(hash->bytes, VARDATA_ANY(bytes), SEAL_HASH_LEN);
	else
		memset(hash, 0, sizeof(SealHash));
}

static Datum
bytes_datum(const void *bytes, size_t len)
{
	bytea *value = palloc(VARHDRSZ + len);

	SET_VARSIZE(value, VARHDRSZ + len);
	memcpy(VARDATA(value), bytes, len);
	return PointerGetDatum(value);
}

Datum
seal_hash_datum(const SealHash *hash)
{
	return bytes_datum(hash->bytes, SEAL_HASH_LEN);
}

static int64
int64_or_zero(Datum value, bool isnull)
{
	return isnull ? 0 : DatumGetInt64(value);
}

static void
read_ids(Seal *seal, Datum value, bool isnull)
{
	ArrayType *array = isnull ? NULL : DatumGetArrayTypePCopy(value);

	seal->nids = -1;
	if (array == NULL || ARR_HASNULL(array) || ARR_NDIM(array) > 1)
		return;
	seal->nids = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	seal->ids = (int64 *) ARR_DATA_PTR(array);
}

static Datum
ids_datum(const Seal *seal)
{
	size_t bytes = ARR_OVERHEAD_NONULLS(1) + seal->nids * sizeof(int64);
	ArrayType *array = palloc0(bytes);

	SET_VARSIZE(array, bytes);
	array->ndim = 1;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = seal->nids;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), seal->ids, seal->nids * sizeof(int64));
	return PointerGetDatum(array);
}


/* ---------- seals ---------- */

void
seal_rows_hash(const Seal *seal, SealHash *hash)
{
	StringInfoData rows;

	initStringInfo(&rows);
	pq_sendint64(&rows, seal->from_at);
	pq_sendint64(&rows, seal->upto_at);
	for (int i = 0; i < seal->nids; i++)
		pq_sendint64(&rows, seal->ids[i]);
	seal_sha256(rows.data, rows.len, hash);
	pfree(rows.data);
}

void
seal_head_bytes(const Seal *seal, StringInfo buf)
{
	const char *format = "wrk-seal-v1";
	SealHash rows;

	seal_rows_hash(seal, &rows);
	resetStringInfo(buf);
	seal_put_text(buf, format, strlen(format));
	seal_put_text(buf, seal->tenant, strlen(seal->tenant));
	seal_put_int64(buf, seal->seq);
	seal_put_int64(buf, seal->size);
	seal_put_bytes(buf, seal->root.bytes, SEAL_HASH_LEN);
	seal_put_bytes(buf, seal->prev.bytes, SEAL_HASH_LEN);
	seal_put_bytes(buf, rows.bytes, SEAL_HASH_LEN);
	seal_put_int64(buf, seal->sealed_at);
	seal_put_text(buf, seal->kid, strlen(seal->kid));
}

void
seal_hash(const Seal *seal, SealHash *hash)
{
	StringInfoData head;

	initStringInfo(&head);
	seal_head_bytes(seal, &head);
	seal_sha256(head.data, head.len, hash);
	pfree(head.data);
}

Seal *
seal_from_tuple(const char *tenant, HeapTuple tuple, TupleDesc desc)
{
	Seal *seal = palloc0(sizeof(Seal));
	Datum v[SEAL_NCOLUMNS];
	bool n[SEAL_NCOLUMNS];
	bytea *signature;

	Assert(desc->natts == SEAL_NCOLUMNS);
	heap_deform_tuple(tuple, desc, v, n);
	seal->tenant = pstrdup(tenant);
	seal->seq = int64_or_zero(v[0], n[0]);
	seal->first_leaf = int64_or_zero(v[1], n[1]);
	seal->size = int64_or_zero(v[2], n[2]);
	read_ids(seal, v[3], n[3]);
	seal->min_id = int64_or_zero(v[4], n[4]);
	seal->max_id = int64_or_zero(v[5], n[5]);
	seal->from_at = int64_or_zero(v[6], n[6]);
	seal->upto_at = int64_or_zero(v[7], n[7]);
	seal_hash_from_datum(v[8], n[8], &seal->root);
	seal_hash_from_datum(v[9], n[9], &seal->prev);
	seal->sealed_at = int64_or_zero(v[10], n[10]);
	seal->kid = n[11] ? pstrdup("") : TextDatumGetCString(v[11]);
	signature = n[12] ? NULL : DatumGetByteaPCopy(v[12]);
	seal->signature = (uint8 *) (signature ? VARDATA(signature) : NULL);
	seal->signature_len = signature ? VARSIZE(signature) - VARHDRSZ : 0;
	return seal;
}

static Seal *
read_where(const char *query, const char *tenant, int64 number)
{
	Oid types[] = {TEXTOID, INT8OID};
	Datum args[] = {CStringGetTextDatum(tenant), Int64GetDatum(number)};

	Seal *seal = NULL;

	seal_query(query, lengthof(args), types, args, true, 1);
	if (SPI_processed > 0)
		seal = seal_from_tuple(tenant, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
	return seal;
}

Seal *
seal_read(const char *tenant, int64 seq)
{
	return read_where("SELECT " SEAL_COLUMNS " FROM wrk.audit_seal s"
					  " WHERE s.tenant_id = $1 AND s.seq = $2",
					  tenant, seq);
}

Seal *
seal_read_of_size(const char *tenant, int64 size)
{
	return read_where("SELECT " SEAL_COLUMNS " FROM wrk.audit_seal s"
					  " WHERE s.tenant_id = $1 AND s.size = $2",
					  tenant, size);
}


/* ---------- logs ---------- */

/* the entries of all levels one after the other */
static Datum
tail_datum(const SealTail *tail)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int level = 0; level < SEAL_LEVELS; level++)
		appendBinaryStringInfo(&buf, (const char *) tail->entries[level],
							   SEAL_TAIL_LEN(tail->size, level) * sizeof(SealHash));
	return bytes_datum(buf.data, buf.len);
}

static bool
tail_from_datum(Datum value, bool isnull, int64 size, SealTail *tail)
{
	bytea *bytes = isnull ? NULL : DatumGetByteaPP(value);
	const char *at = bytes ? VARDATA_ANY(bytes) : NULL;
	size_t expected = 0;

	for (int level = 0; level < SEAL_LEVELS; level++)
		expected += SEAL_TAIL_LEN((uint64) size, level) * sizeof(SealHash);
	if (size < 0 || bytes == NULL || VARSIZE_ANY_EXHDR(bytes) != expected)
		return false;
	tail->size = size;
	for (int level = 0; level < SEAL_LEVELS; level++)
	{
		size_t len = SEAL_TAIL_LEN((uint64) size, level) * sizeof(SealHash);

		memcpy(tail->entries[level], at, len);
		at += len;
	}
	return true;
}

bool
seal_log_read(const char *tenant, SealLog *log)
{
	Oid types[] = {TEXTOID};
	Datum args[] = {CStringGetTextDatum(tenant)};
	Datum v[4];
	bool n[4];
	bool fits = true;

	memset(log, 0, sizeof(SealLog));
	log->tenant = pstrdup(tenant);
	seal_query("SELECT seq, size, hash, tail FROM wrk.audit_head"
			   " WHERE tenant_id = $1",
			   1, types, args, true, 1);
	if (SPI_processed > 0)
	{
		heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, v, n);
		log->seq = int64_or_zero(v[0], n[0]);
		seal_hash_from_datum(v[2], n[2], &log->hash);
		fits = tail_from_datum(v[3], n[3], int64_or_zero(v[1], n[1]), &log->tail);
	}
	SPI_freetuptable(SPI_tuptable);
	return fits;
}

static void
write_seal(const Seal *seal)
{
	Oid types[] = {TEXTOID,  INT8OID,        INT8OID,        INT8OID,        INT8ARRAYOID,
				   INT8OID,  INT8OID,        TIMESTAMPTZOID, TIMESTAMPTZOID, BYTEAOID,
				   BYTEAOID, TIMESTAMPTZOID, TEXTOID,        BYTEAOID};
	Datum args[] = {CStringGetTextDatum(seal->tenant),
					Int64GetDatum(seal->seq),
					Int64GetDatum(seal->first_leaf),
					Int64GetDatum(seal->size),
					ids_datum(seal),
					Int64GetDatum(seal->min_id),
					Int64GetDatum(seal->max_id),
					TimestampTzGetDatum(seal->from_at),
					TimestampTzGetDatum(seal->upto_at),
					seal_hash_datum(&seal->root),
					seal_hash_datum(&seal->prev),
					TimestampTzGetDatum(seal->sealed_at),
					CStringGetTextDatum(seal->kid),
					bytes_datum(seal->signature, seal->signature_len)};

	seal_query(
		"INSERT INTO wrk.audit_seal (tenant_id, seq, first_leaf, size, ids, min_id, max_id,"
		" from_at, upto_at, root, prev, sealed_at, kid, signature)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
		lengthof(args), types, args, false, 0);
}

void
seal_write(const Seal *seal, const SealLog *log)
{
	Oid types[] = {TEXTOID, INT8OID, INT8OID, BYTEAOID, BYTEAOID};
	Datum args[] = {CStringGetTextDatum(log->tenant), Int64GetDatum(log->seq),
					Int64GetDatum(log->tail.size), seal_hash_datum(&log->hash),
					tail_datum(&log->tail)};

	write_seal(seal);
	seal_query("INSERT INTO wrk.audit_head AS h (tenant_id, seq, size, hash, tail)"
			   " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id)"
			   " DO UPDATE SET seq = excluded.seq, size = excluded.size,"
			   " hash = excluded.hash, tail = excluded.tail",
			   lengthof(args), types, args, false, 0);
}


/* ---------- tiles ---------- */

void
seal_tile_write(const char *tenant, int level, uint64 tile, const SealHash *hashes)
{
	Oid types[] = {TEXTOID, INT2OID, INT8OID, BYTEAOID};
	Datum args[] = {CStringGetTextDatum(tenant), Int16GetDatum(level),
					Int64GetDatum(tile),
					bytes_datum(hashes, SEAL_TILE * sizeof(SealHash))};

	seal_query("INSERT INTO wrk.audit_tile (tenant_id, level, tile, hashes)"
			   " VALUES ($1, $2, $3, $4)",
			   lengthof(args), types, args, false, 0);
}

bool
seal_tile_read(const char *tenant, int level, uint64 tile, SealHash *hashes)
{
	Oid types[] = {TEXTOID, INT2OID, INT8OID};
	Datum args[] = {CStringGetTextDatum(tenant), Int16GetDatum(level),
					Int64GetDatum(tile)};
	bytea *bytes = NULL;
	bool isnull;
	Datum value;

	seal_query("SELECT hashes FROM wrk.audit_tile"
			   " WHERE tenant_id = $1 AND level = $2 AND tile = $3",
			   lengthof(args), types, args, true, 1);
	if (SPI_processed == 1)
	{
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		bytes = isnull ? NULL : DatumGetByteaPP(value);
	}
	if (bytes != NULL && VARSIZE_ANY_EXHDR(bytes) == SEAL_TILE * sizeof(SealHash))
		memcpy(hashes, VARDATA_ANY(bytes), SEAL_TILE * sizeof(SealHash));
	else
		bytes = NULL;
	SPI_freetuptable(SPI_tuptable);
	return bytes != NULL;
}
