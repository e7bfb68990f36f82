/*
 * api_key.c
 *	  API keys for servers: wrk_<env>_<id>_<secret>.
 *
 * The id finds the row through its unique index; the secret, 244 random bits,
 * is stored only as its SHA-256.  A hash without salt or stretching is right
 * here because the secret is random, not chosen by a person.  Must stay true:
 * the secret is compared in constant time, and an unknown id costs and says
 * the same as a wrong secret.
 */
#include "api_key.h"

#include <openssl/crypto.h>

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
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
	char *tenant_id;
	char *user_id;
	const char **roles;
	int nroles;
	int64 expires_at;
	bool revoked;
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

static SPIPlanPtr
lookup_plan(void)
{
	static SPIPlanPtr plan = NULL;
	Oid argtypes[] = {TEXTOID, TEXTOID};

	if (plan == NULL)
	{
		plan = SPI_prepare(
			"SELECT secret_sha256, tenant_id, user_id, roles,"
			" pg_catalog.floor(pg_catalog.extract('epoch', expires_at))::bigint, revoked_at IS NOT NULL"
			" FROM wrk.api_key WHERE id OPERATOR(pg_catalog.=) $1"
			" AND env OPERATOR(pg_catalog.=) $2",
			2, argtypes);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare the look-up of API keys");
	}
	return plan;
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
	bytea *hash = DatumGetByteaPP(SPI_getbinval(tuple, desc, 1, &isnull));

	memcpy(out->hash, VARDATA_ANY(hash), PG_SHA256_DIGEST_LENGTH);
	out->tenant_id = TextDatumGetCString(SPI_getbinval(tuple, desc, 2, &isnull));
	value = SPI_getbinval(tuple, desc, 3, &isnull);
	out->user_id = isnull ? NULL : TextDatumGetCString(value);
	out->roles = (const char **) wrk_text_array(
		DatumGetArrayTypeP(SPI_getbinval(tuple, desc, 4, &isnull)), "role", &out->nroles);
	value = SPI_getbinval(tuple, desc, 5, &isnull);
	out->expires_at = isnull ? 0 : DatumGetInt64(value);
	out->revoked = DatumGetBool(SPI_getbinval(tuple, desc, 6, &isnull));
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
	if (SPI_execute_plan(lookup_plan(), args, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look up an API key");
	found = SPI_processed == 1;
	if (found)
		copy_row(context, out);
	SPI_finish();
	wrk_unbecome(saved);
	return found;
}

void
api_key_authenticate(const char *token, size_t len, Identity *out)
{
	KeyParts parts = split_key(token, len);
	KeyRow row = {0};
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	bool found = find_row(&parts, &row);

	hash_secret(parts.secret, parts.secret_len, digest);
	if (CRYPTO_memcmp(digest, row.hash, sizeof(digest)) != 0 || !found || row.revoked)
		refuse_key();
	out->tenant_id = row.tenant_id;
	out->user_id = row.user_id;
	out->via = "api_key";
	out->actor = pnstrdup(parts.id, parts.id_len);
	out->expires_at = row.expires_at;
	out->nroles = row.nroles;
	out->roles = row.roles;
}
