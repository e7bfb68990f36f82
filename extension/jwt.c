/*
 * jwt.c
 *	  JSON Web Tokens in SQL, and the verification behind wrk.authenticate().
 *
 * The pure functions take the key as an argument and know no table.  A key
 * that comes as a constant is parsed once per call site and kept with the
 * function's own memory.  Must stay true: a refusal is an error, never NULL.
 */
#include "jwt.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "jws.h"
#include "jwt_claims.h"
#include "wrk_json.h"
#include "jwt_key.h"

PG_FUNCTION_INFO_V1(wrk_jws_verify);
PG_FUNCTION_INFO_V1(wrk_jwt_verify);
PG_FUNCTION_INFO_V1(wrk_jwt_sign);

/* The key of the last call from the same place; one of these for each call site. */
typedef struct KeyMemo
{
	MemoryContext context; /* owns what follows */
	Jsonb *jwk;
	Jwk *key;
} KeyMemo;

/* the key argument, parsed; valid until the next call from the same place */
static Jwk *
key_argument(FunctionCallInfo fcinfo, int argno)
{
	KeyMemo *memo = fcinfo->flinfo->fn_extra;
	Jsonb *jwk;

	wrk_require_arg(fcinfo, argno, "key");
	jwk = PG_GETARG_JSONB_P(argno);
	if (memo == NULL)
		fcinfo->flinfo->fn_extra = memo =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(KeyMemo));
	if (memo->key != NULL && VARSIZE(memo->jwk) == VARSIZE(jwk) &&
		memcmp(memo->jwk, jwk, VARSIZE(jwk)) == 0)
		return memo->key;

	memo->key = NULL;
	if (memo->context == NULL)
		memo->context = AllocSetContextCreate(
			fcinfo->flinfo->fn_mcxt, "key of a token function", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(memo->context);
	memo->jwk = MemoryContextAlloc(memo->context, VARSIZE(jwk));
	memcpy(memo->jwk, jwk, VARSIZE(jwk));
	memo->key = jwk_parse(jwk, memo->context);
	return memo->key;
}

/* takes the token argument apart and verifies its signature with the key argument */
static void
verified_argument(FunctionCallInfo fcinfo, Jws *out)
{
	text *token;
	Jwk *key;

	wrk_require_arg(fcinfo, 0, "token");
	token = PG_GETARG_TEXT_PP(0);
	key = key_argument(fcinfo, 1);
	jws_parse(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token), out);
	if (!jws_signature_valid(out, key))
		jws_refuse_signature("The key given does not verify it.");
}

Datum
wrk_jws_verify(PG_FUNCTION_ARGS)
{
	Jws jws;
	uint8 *payload;
	size_t len;
	bytea *result;

	verified_argument(fcinfo, &jws);
	payload = jws_payload(&jws, &len);
	result = palloc(len + VARHDRSZ);
	SET_VARSIZE(result, len + VARHDRSZ);
	memcpy(VARDATA(result), payload, len);
	PG_RETURN_BYTEA_P(result);
}

Datum
wrk_jwt_verify(PG_FUNCTION_ARGS)
{
	static const char *exp_name = "exp";
	static const ClaimPath exp_path = {1, &exp_name};
	Jws jws;
	JsonbValue *claims;

	verified_argument(fcinfo, &jws);
	claims = jws_claims(&jws);
	(void) claims_check_times(claims, &exp_path, 0, GetCurrentStatementStartTimestamp());
	PG_RETURN_JSONB_P(JsonbValueToJsonb(claims));
}

Datum
wrk_jwt_sign(PG_FUNCTION_ARGS)
{
	Jsonb *claims;
	char *payload;
	Jwk *key;
	const JwsAlg *alg;

	wrk_require_arg(fcinfo, 0, "claims");
	claims = PG_GETARG_JSONB_P(0);
	if (!JB_ROOT_IS_OBJECT(claims))
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("claims must be a JSON object")));
	key = key_argument(fcinfo, 1);
	alg = PG_ARGISNULL(2) ? jwk_default_alg(key) : jws_alg_named(wrk_text_arg(fcinfo, 2));
	payload = wrk_json_text(claims);
	PG_RETURN_TEXT_P(cstring_to_text(jws_sign(payload, key, alg)));
}

/* the last whole second before a time, which may be one of a key that retires */
static int64
unix_seconds(TimestampTz at)
{
	return at / USECS_PER_SEC + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

void
jwt_authenticate(const char *token, size_t len, JwtPrincipal *out)
{
	Jws jws;
	JwtKey *key;
	JsonbValue *claims;
	TimestampTz now = GetCurrentTimestamp();
	const char *why = "The signature is wrong.";

	jws_parse(token, len, &jws);
	key = jwt_key_choose(&jws, now, &why);
	if (key == NULL || !jws_signature_valid(&jws, key->ready))
		jws_refuse_signature(why);
	claims = jws_claims(&jws);
	claims_check_issuer(claims, key->issuer);
	claims_check_audience(claims, key->audience, key->naudience);
	out->expires_at = claims_check_times(claims, &key->claims.paths[CLAIM_EXPIRES_AT],
										 key->leeway, now);
	if (!TIMESTAMP_NOT_FINITE(key->retire_at))
		out->expires_at = Min(out->expires_at, unix_seconds(key->retire_at));
	claims_principal(claims, &key->claims, out);
	out->kid = pstrdup(key->kid);
}
