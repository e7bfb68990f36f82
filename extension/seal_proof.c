/*
 * seal_proof.c
 *	  Proofs for outsiders: that a row is in the log, and that a log only grew.
 *
 * A proof is a JSON document that tools/audit-check verifies without a database.  It
 * has hashes in hexadecimal, other bytes in base64url and times as microseconds since
 * 2000-01-01 UTC, as they are in what is signed.
 *
 * Must stay true: a proof is worth what the outsider brings along, the public key and
 * a signed head of before.  Nothing in it is to be believed for being in it.
 */
#include "wrk_copilot.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "base64url.h"
#include "seal_access.h"
#include "seal_store.h"
#include "wrk_json.h"

PG_FUNCTION_INFO_V1(wrk_audit_proof);
PG_FUNCTION_INFO_V1(wrk_audit_consistency);
PG_FUNCTION_INFO_V1(wrk_audit_head);

/* One per call: a log, and the tile that was read last. */
typedef struct Reader
{
	SealLog log;
	int level; /* -1: none yet */
	uint64 tile;
	SealHash hashes[SEAL_TILE];
} Reader;


/* ---------- reading ---------- */

static const SealHash *
read_tile(void *arg, int level, uint64 tile)
{
	Reader *reader = arg;

	if (tile == SEAL_ENTRIES(reader->log.tail.size, level) / SEAL_TILE)
		return reader->log.tail.entries[level];
	if (level == reader->level && tile == reader->tile)
		return reader->hashes;
	if (!seal_tile_read(reader->log.tenant, level, tile, reader->hashes))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("tile " UINT64_FORMAT " of level %d is missing", tile, level),
				 errhint("See what wrk.audit_verify() says.")));
	reader->level = level;
	reader->tile = tile;
	return reader->hashes;
}

static SealSource
open_log(const char *tenant)
{
	Reader *reader = palloc0(sizeof(Reader));

	reader->level = -1;
	if (!seal_log_read(tenant, &reader->log))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("the head of the log makes no sense"),
						errhint("See what wrk.audit_verify() says.")));
	return (SealSource){read_tile, reader};
}

/* the row and the log it is in, which the caller may read; false if there is none */
static bool
find_row(int64 id, StringInfo leaf, char **tenant)
{
	Oid types[] = {INT8OID};
	Datum args[] = {Int64GetDatum(id)};
	Datum values[SEAL_ROW_NCOLUMNS];
	bool nulls[SEAL_ROW_NCOLUMNS];
	bool found = false;

	seal_query("SELECT " SEAL_ROW_COLUMNS " FROM wrk.audit_log l WHERE l.id = $1", 1,
			   types, args, true, 1);
	if (SPI_processed > 0)
	{
		heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values, nulls);
		*tenant = nulls[SEAL_ROW_TENANT_ID]
					  ? pstrdup("")
					  : TextDatumGetCString(values[SEAL_ROW_TENANT_ID]);
		seal_encode_row(leaf, values, nulls);
		found = true;
	}
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/* index of the row's leaf, -1 if it is not sealed */
static int64
find_leaf(const char *tenant, int64 id)
{
	Oid types[] = {TEXTOID, INT8OID};
	Datum args[] = {CStringGetTextDatum(tenant), Int64GetDatum(id)};
	int64 index = -1;
	bool isnull;

	seal_query("SELECT s.first_leaf + array_position(s.ids, $2) - 1"
			   " FROM wrk.audit_seal s WHERE s.tenant_id = $1 AND s.max_id >= $2"
			   " AND s.min_id <= $2 AND $2 = ANY (s.ids) ORDER BY s.max_id LIMIT 1",
			   lengthof(args), types, args, true, 1);
	if (SPI_processed > 0)
		index = DatumGetInt64(
			SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return index;
}


/* ---------- writing ---------- */

static void
pair_base64url(JsonbParseState **state, const char *key, const void *bytes, size_t len)
{
	char *text = palloc0(BASE64URL_ENCODED_LEN(len) + 1);

	(void) base64url_encode(bytes, len, text);
	wrk_json_pair_text(state, key, text);
}

static char *
hex(const SealHash *hash)
{
	char *text = palloc0(2 * SEAL_HASH_LEN + 1);

	(void) hex_encode((const char *) hash->bytes, SEAL_HASH_LEN, text);
	return text;
}

static void
pair_path(JsonbParseState **state, const SealHash *path, int len)
{
	wrk_json_key(state, "path");
	wrk_json_begin_array(state);
	for (int i = 0; i < len; i++)
		wrk_json_elem_text(state, hex(&path[i]));
	wrk_json_end_array(state);
}

/* a signed head; what is signed is described in seal_store.c */
static void
put_head(JsonbParseState **state, const Seal *seal)
{
	SealHash rows;

	seal_rows_hash(seal, &rows);
	wrk_json_begin_object(state);
	wrk_json_pair_text(state, "format", "wrk-seal-v1");
	wrk_json_pair_text(state, "tenant", seal->tenant);
	wrk_json_pair_int64(state, "seq", seal->seq);
	wrk_json_pair_int64(state, "size", seal->size);
	wrk_json_pair_text(state, "root", hex(&seal->root));
	wrk_json_pair_text(state, "prev", hex(&seal->prev));
	wrk_json_pair_text(state, "rows", hex(&rows));
	wrk_json_pair_int64(state, "sealed_at", seal->sealed_at);
	wrk_json_pair_text(state, "kid", seal->kid);
	pair_base64url(state, "signature", seal->signature, seal->signature_len);
}

/* a member of that name; null if there is no seal */
static void
pair_head(JsonbParseState **state, const char *key, const Seal *seal)
{
	if (seal == NULL)
	{
		wrk_json_pair_null(state, key);
		return;
	}
	wrk_json_key(state, key);
	put_head(state, seal);
	wrk_json_end_object(state);
}


/* ---------- proofs ---------- */

/* begins reading with the owner's rights */
static WrkRoleSwitch
begin_reading(void)
{
	WrkRoleSwitch saved = wrk_become(wrk_owner());

	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	return saved;
}

/* ends it; a document, finished before, outlives it */
static Datum
end_reading(WrkRoleSwitch saved, Jsonb *document)
{
	Datum copy = SPI_datumTransfer(PointerGetDatum(document), false, -1);

	PopActiveSnapshot();
	SPI_finish();
	wrk_unbecome(saved);
	return copy;
}

static Jsonb *
make_proof(int64 id, int64 index, const SealSource *log, const StringInfo leaf)
{
	const Reader *reader = log->arg;
	const char *tenant = reader->log.tenant;
	JsonbParseState *state = NULL;
	SealHash path[SEAL_MAX_PATH];
	int len = seal_inclusion(log, index, reader->log.tail.size, path);

	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "format", "wrk-audit-proof-v1");
	wrk_json_pair_int64(&state, "id", id);
	wrk_json_pair_int64(&state, "index", index);
	pair_base64url(&state, "leaf", leaf->data, leaf->len);
	pair_path(&state, path, len);
	pair_head(&state, "seal", seal_read(tenant, reader->log.seq));
	return wrk_json_finish_object(&state);
}

Datum
wrk_audit_proof(PG_FUNCTION_ARGS)
{
	int64 id = PG_GETARG_INT64(0);
	WrkRoleSwitch saved = begin_reading();
	StringInfoData leaf;
	SealSource log;
	char *tenant = NULL;
	int64 index = -1;

	initStringInfo(&leaf);
	if (find_row(id, &leaf, &tenant))
	{
		bool may_read;

		wrk_unbecome(saved); /* it is the caller who asks */
		may_read = seal_may_read(tenant);
		(void) wrk_become(wrk_owner());
		if (may_read)
			index = find_leaf(tenant, id);
		log = open_log(tenant);
	}
	if (index < 0 || index >= ((Reader *) log.arg)->log.tail.size)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_NOT_FOUND),
				 errmsg("there is no sealed row " INT64_FORMAT " of the audit log", id),
				 errhint("A new row is sealed within a minute as a rule; see"
						 " wrk.seal().")));
	return end_reading(saved, make_proof(id, index, &log, &leaf));
}

Datum
wrk_audit_consistency(PG_FUNCTION_ARGS)
{
	char *tenant = seal_tenant_arg(fcinfo, 0);
	int64 first;
	int64 second;
	WrkRoleSwitch saved;
	SealSource log;
	JsonbParseState *state = NULL;
	SealHash path[SEAL_MAX_PATH];
	int len;

	wrk_require_arg(fcinfo, 1, "size1");
	wrk_require_arg(fcinfo, 2, "size2");
	first = PG_GETARG_INT64(1);
	second = PG_GETARG_INT64(2);
	seal_check_reader(tenant);
	saved = begin_reading();
	log = open_log(tenant);
	if (first < 1 || first > second || second > ((Reader *) log.arg)->log.tail.size)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("the log has no sizes " INT64_FORMAT " and " INT64_FORMAT
							   " in this order",
							   first, second),
						errhint("Sizes are from 1 to that of the last seal.")));
	len = seal_consistency(&log, first, second, path);
	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "format", "wrk-audit-consistency-v1");
	wrk_json_pair_int64(&state, "size1", first);
	wrk_json_pair_int64(&state, "size2", second);
	pair_path(&state, path, len);
	pair_head(&state, "seal1", seal_read_of_size(tenant, first));
	pair_head(&state, "seal2", seal_read_of_size(tenant, second));
	return end_reading(saved, wrk_json_finish_object(&state));
}

Datum
wrk_audit_head(PG_FUNCTION_ARGS)
{
	char *tenant = seal_tenant_arg(fcinfo, 0);
	JsonbParseState *state = NULL;
	WrkRoleSwitch saved;
	Reader *reader;
	Seal *seal;

	seal_check_reader(tenant);
	saved = begin_reading();
	reader = open_log(tenant).arg;
	seal = reader->log.seq > 0 ? seal_read(tenant, reader->log.seq) : NULL;
	if (seal == NULL)
		ereport(ERROR, (errcode(ERRCODE_WRK_NOT_FOUND),
						errmsg("the log of tenant \"%s\" has no seal", tenant),
						errhint("Its first rows are sealed within a minute as a rule; see"
								" wrk.seal().")));
	put_head(&state, seal);
	return end_reading(saved, wrk_json_finish_object(&state));
}
