/*
 * api_key.c
 *	  API keys for servers: wrk_<env>_<id>_<secret>.
 *
 * The id finds the row through its unique index; the secret, 244 random bits,
 * is stored only as its SHA-256.  A hash without salt or stretching is right
 * here because the secret is random, not chosen by a person.
 *
 * When a key was last used is kept in a table of its own, wrk.api_key_use, to the
 * minute: whoever holds a key can keep the row it stamped locked for as long as
 * the transaction lasts, and must not be able to hold up the key's revocation.
 *
 * Must stay true: (1) the secret is compared in constant time, and an unknown id
 * costs and says the same as a wrong secret (that a key was revoked is said to who
 * knows its secret); (2) a revocation holds from its commit
 * on, whatever snapshot the transaction has; (3) stamping waits for nobody and
 * fails no transaction.
 */
#include "api_key.h"

#include <openssl/crypto.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define KEY_PREFIX "wrk_"
#define KEY_MAX_LEN 256

/* what a key says, cut at its underscores; pointers into the credential */
typedef struct KeyParts
{
	const char *env;
	size_t env_len;
	const char *id;
	size_t id_len;
	const char *secret;
	size_t secret_len;
} KeyParts;

/* the stored side of a key; palloc'd in the context of the caller */
typedef struct KeyRow
{
	uint8 hash[PG_SHA256_DIGEST_LENGTH];
	uint8 previous[PG_SHA256_DIGEST_LENGTH];
	bool has_previous;    /* the secret before the last rotation is still good ... */
	int64 previous_until; /* ... up to here */
	char *tenant_id;
	char *user_id;
	const char **roles;
	int nroles;
	char *scopes; /* NULL: all */
	int64 expires_at;
	bool revoked;
	bool stamp_due; /* its last use was not written down within the last minute */
} KeyRow;

bool
api_key_looks_like(const char *token, size_t len)
{
	return len > strlen(KEY_PREFIX) && memcmp(token, KEY_PREFIX, strlen(KEY_PREFIX)) == 0;
}

static void
refuse_key(void)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_UNAUTHORIZED), errmsg("API key is not valid"),
					WRK_HIDE_CREDENTIAL));
}

/* cuts the piece up to the next underscore off *rest */
static const char *
cut_piece(const char **rest, size_t *rest_len, size_t *piece_len)
{
	const char *piece = *rest;
	const char *end = memchr(piece, '_', *rest_len);

	if (end == NULL || end == piece)
		refuse_key();
	*piece_len = end - piece;
	*rest += *piece_len + 1;
	*rest_len -= *piece_len + 1;
	return piece;
}

static KeyParts
split_key(const char *token, size_t len)
{
	KeyParts parts;
	const char *rest = token + strlen(KEY_PREFIX);
	size_t rest_len = len - strlen(KEY_PREFIX);

	if (len > KEY_MAX_LEN)
		refuse_key();
	parts.env = cut_piece(&rest, &rest_len, &parts.env_len);
	parts.id = cut_piece(&rest, &rest_len, &parts.id_len);
	parts.secret = rest;
	parts.secret_len = rest_len;
	return parts;
}

static void
hash_secret(const char *secret, size_t len, uint8 *digest)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);

	if (pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) secret, len) < 0 ||
		pg_cryptohash_final(ctx, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(ctx));
	pg_cryptohash_free(ctx);
}

/* a plan for the life of the process */
static SPIPlanPtr
kept_plan(const char *sql, int nargs, Oid *argtypes)
{
	SPIPlanPtr plan = SPI_prepare(sql, nargs, argtypes);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare: %s", sql);
	return plan;
}

/* columns in the order of lookup_plan() */
enum KeyColumn
{
	COL_HASH = 1,
	COL_PREVIOUS,
	COL_PREVIOUS_UNTIL,
	COL_TENANT_ID,
	COL_USER_ID,
	COL_ROLES,
	COL_SCOPES,
	COL_EXPIRES_AT,
	COL_REVOKED,
	COL_STAMP_DUE
};

static SPIPlanPtr
lookup_plan(void)
{
	static SPIPlanPtr plan = NULL;
	Oid argtypes[] = {TEXTOID, TEXTOID};

	if (plan == NULL)
		plan = kept_plan(
			"SELECT k.secret_sha256,"
			" CASE WHEN k.previous_until OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()"
			" THEN k.previous_sha256 END,"
			" pg_catalog.floor(pg_catalog.extract('epoch', k.previous_until))::bigint,"
			" k.tenant_id, k.user_id, k.roles, pg_catalog.array_to_string(k.scopes, ' '),"
			" pg_catalog.floor(pg_catalog.extract('epoch', k.expires_at))::bigint,"
			" k.revoked_at IS NOT NULL,"
			" u.last_used_at IS NULL OR u.last_used_at OPERATOR(pg_catalog.<)"
			" (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) interval '1 minute')"
			" FROM wrk.api_key k LEFT JOIN wrk.api_key_use u"
			" ON u.id OPERATOR(pg_catalog.=) k.id"
			" WHERE k.id OPERATOR(pg_catalog.=) $1 AND k.env OPERATOR(pg_catalog.=) $2",
			2, argtypes);
	return plan;
}

static void
copy_hash(HeapTuple tuple, TupleDesc desc, int column, uint8 *out, bool *present)
{
	bool isnull;
	Datum value = SPI_getbinval(tuple, desc, column, &isnull);

	*present = !isnull;
	if (!isnull)
		memcpy(out, VARDATA_ANY(DatumGetByteaPP(value)), PG_SHA256_DIGEST_LENGTH);
}

static char *
copy_text(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(tuple, desc, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* copies the row SPI just found into out, in the context that called SPI_connect() */
static void
copy_row(MemoryContext context, KeyRow *out)
{
	HeapTuple tuple = SPI_tuptable->vals[0];
	TupleDesc desc = SPI_tuptable->tupdesc;
	MemoryContext old = MemoryContextSwitchTo(context);
	bool isnull;
	Datum value;

	copy_hash(tuple, desc, COL_HASH, out->hash, &isnull);
	copy_hash(tuple, desc, COL_PREVIOUS, out->previous, &out->has_previous);
	value = SPI_getbinval(tuple, desc, COL_PREVIOUS_UNTIL, &isnull);
	out->previous_until = isnull ? 0 : DatumGetInt64(value);
	out->tenant_id = copy_text(tuple, desc, COL_TENANT_ID);
	out->user_id = copy_text(tuple, desc, COL_USER_ID);
	out->roles = (const char **) wrk_text_array(
		DatumGetArrayTypeP(SPI_getbinval(tuple, desc, COL_ROLES, &isnull)), "role",
		&out->nroles);
	out->scopes = copy_text(tuple, desc, COL_SCOPES);
	value = SPI_getbinval(tuple, desc, COL_EXPIRES_AT, &isnull);
	out->expires_at = isnull ? 0 : DatumGetInt64(value);
	out->revoked = DatumGetBool(SPI_getbinval(tuple, desc, COL_REVOKED, &isnull));
	out->stamp_due = DatumGetBool(SPI_getbinval(tuple, desc, COL_STAMP_DUE, &isnull));
	MemoryContextSwitchTo(old);
}

/* finds the stored side with the rights of the extension's owner */
static bool
find_row(const KeyParts *parts, KeyRow *out)
{
	MemoryContext context = CurrentMemoryContext;
	Datum args[] = {
		PointerGetDatum(cstring_to_text_with_len(parts->id, parts->id_len)),
		PointerGetDatum(cstring_to_text_with_len(parts->env, parts->env_len))};
	WrkRoleSwitch saved = wrk_become(wrk_owner());
	bool found;

	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute_plan(lookup_plan(), args, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look up an API key");
	PopActiveSnapshot();
	found = SPI_processed == 1;
	if (found)
		copy_row(context, out);
	SPI_finish();
	wrk_unbecome(saved);
	return found;
}

/*
 * Writes down that the key is used.  Not where that could fail: a transaction that
 * only reads, or whose snapshot is older than somebody else's stamp.  Whose row
 * somebody else is stamping just now needs no other stamp.
 */
static void
stamp_use(const KeyParts *parts)
{
	static SPIPlanPtr plan = NULL;
	Oid argtypes[] = {TEXTOID};
	Datum args[] = {PointerGetDatum(cstring_to_text_with_len(parts->id, parts->id_len))};
	WrkRoleSwitch saved;

	if (XactReadOnly || IsolationUsesXactSnapshot() || IsInParallelMode() ||
		RecoveryInProgress())
		return;
	saved = wrk_become(wrk_owner());
	SPI_connect();
	if (plan == NULL)
		plan =
			kept_plan("UPDATE wrk.api_key_use u"
					  " SET last_used_at = pg_catalog.clock_timestamp()"
					  " FROM (SELECT id FROM wrk.api_key_use"
					  " WHERE id OPERATOR(pg_catalog.=) $1 FOR UPDATE SKIP LOCKED) free"
					  " WHERE u.id OPERATOR(pg_catalog.=) free.id",
					  1, argtypes);
	if (SPI_execute_plan(plan, args, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write down the use of an API key");
	SPI_finish();
	wrk_unbecome(saved);
}

/*
 * Compares with both, so that the time says nothing about which; *is_old: it is the
 * secret before the last rotation.
 */
static bool
secret_fits(const KeyParts *parts, const KeyRow *row, bool *is_old)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	int is_current, is_previous;

	hash_secret(parts->secret, parts->secret_len, digest);
	is_current = CRYPTO_memcmp(digest, row->hash, sizeof(digest)) == 0;
	is_previous = CRYPTO_memcmp(digest, row->previous, sizeof(digest)) == 0;
	*is_old = !is_current;
	return (is_current | (is_previous & row->has_previous)) != 0;
}

/* the earlier of two times in unix seconds, 0 = never */
static int64
earlier(int64 a, int64 b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

void
api_key_authenticate(const char *token, size_t len, Identity *out)
{
	KeyParts parts = split_key(token, len);
	KeyRow row = {0};
	bool found = find_row(&parts, &row);
	bool is_old;

	if (!secret_fits(&parts, &row, &is_old) || !found)
		refuse_key();
	if (row.revoked)
		ereport(ERROR, (errcode(ERRCODE_WRK_SESSION_REVOKED),
						errmsg("API key has been revoked"), WRK_HIDE_CREDENTIAL));
	if (row.stamp_due)
		stamp_use(&parts);
	out->tenant_id = row.tenant_id;
	out->user_id = row.user_id;
	out->via = "api_key";
	out->actor = pnstrdup(parts.id, parts.id_len);
	out->scopes = row.scopes;
	out->expires_at =
		is_old ? earlier(row.expires_at, row.previous_until) : row.expires_at;
	out->nroles = row.nroles;
	out->roles = row.roles;
}
