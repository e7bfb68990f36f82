/*
 * seal_key.c
 *	  The keys that seals are signed with.
 *
 * A key is a JWK with its private half, an Ed25519 key unless asked otherwise, in a
 * table that nobody but its owner reads.  The newest one signs, and older ones go on
 * verifying what they have signed.
 *
 * Must stay true: whoever holds the private half can sign anything; what makes that
 * show is that others kept signed heads (see seal_proof.c).
 */
#include "seal_key.h"

#include <openssl/crypto.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "base64url.h"
#include "seal_store.h"
#include "wrk_json.h"

#define SECRET_LEN 32

PG_FUNCTION_INFO_V1(wrk_seal_key_make);


/* ---------- making ---------- */

/* member of an object: bytes as base64url */
static void
pair_bytes(JsonbParseState **state, const char *name, const uint8 *bytes, size_t len)
{
	char *encoded = palloc0(BASE64URL_ENCODED_LEN(len) + 1);

	(void) base64url_encode(bytes, len, encoded);
	wrk_json_pair_text(state, name, encoded);
}

/* RFC 8037 section 2 */
static void
make_ed25519(JsonbParseState **state)
{
	uint8 public[SECRET_LEN];
	uint8 private[SECRET_LEN];
	size_t public_len = sizeof(public);
	size_t private_len = sizeof(private);
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, public, &public_len) &&
			  EVP_PKEY_get_raw_private_key(key, private, &private_len);

	EVP_PKEY_free(key);
	if (!ok)
		elog(ERROR, "could not make a key: %s", openssl_failure());
	wrk_json_pair_text(state, "crv", "Ed25519");
	pair_bytes(state, "d", private, private_len);
	wrk_json_pair_text(state, "kty", "OKP");
	pair_bytes(state, "x", public, public_len);
	OPENSSL_cleanse(private, sizeof(private));
}

static void
make_secret(JsonbParseState **state)
{
	uint8 secret[SECRET_LEN];

	if (!pg_strong_random(secret, sizeof(secret)))
		elog(ERROR, "could not make a secret");
	pair_bytes(state, "k", secret, sizeof(secret));
	wrk_json_pair_text(state, "kty", "oct");
	OPENSSL_cleanse(secret, sizeof(secret));
}

Datum
wrk_seal_key_make(PG_FUNCTION_ARGS)
{
	char *alg = text_to_cstring(PG_GETARG_TEXT_PP(0));
	JsonbParseState *state = NULL;

	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "alg", alg);
	if (strcmp(alg, "EdDSA") == 0)
		make_ed25519(&state);
	else if (strcmp(alg, "HS256") == 0)
		make_secret(&state);
	else
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("seals are not signed with \"%s\"", alg),
						errhint("Use EdDSA or HS256.")));
	PG_RETURN_JSONB_P(wrk_json_finish_object(&state));
}


/* ---------- using ---------- */

/* the key that the query found, in the current context; NULL if it found none */
static SealKey *
key_found(void)
{
	SealKey *key;
	bool isnull;
	Jsonb *jwk;

	if (SPI_processed == 0)
		return NULL;
	key = palloc(sizeof(SealKey));
	key->kid = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	jwk = DatumGetJsonbP(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	key->jwk = jwk_parse(jwk, CurrentMemoryContext);
	key->alg = jwk_default_alg(key->jwk);
	return key;
}

SealKey *
seal_key_current(void)
{
	const char *newest =
		"SELECT kid, jwk FROM wrk.seal_key ORDER BY created_at DESC, kid LIMIT 1";

	seal_query(newest, 0, NULL, NULL, false, 1);
	if (SPI_processed == 0)
	{
		seal_query("SELECT wrk.seal_key_create()", 0, NULL, NULL, false, 0);
		seal_query(newest, 0, NULL, NULL, false, 1);
	}
	return key_found();
}

SealKey *
seal_key_find(const char *kid)
{
	Oid types[] = {TEXTOID};
	Datum args[] = {CStringGetTextDatum(kid)};

	seal_query("SELECT kid, jwk FROM wrk.seal_key WHERE kid = $1", 1, types, args, true,
			   1);
	return key_found();
}

bool
seal_key_verifies(const SealKey *key, const void *bytes, size_t len,
				  const uint8 *signature, size_t signature_len)
{
	Jws signed_bytes = {
		.alg = key->alg,
		.signing_input = bytes,
		.signing_input_len = len,
		.signature = (uint8 *) signature,
		.signature_len = signature_len,
	};

	return jws_signature_valid(&signed_bytes, key->jwk);
}
