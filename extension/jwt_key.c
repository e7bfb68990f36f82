/*
 * jwt_key.c
 *	  Stored keys (table wrk.jwt_key) and their cache.
 *
 * Nobody but the extension's owner can read the table, so it is read with the
 * owner's rights, once, and kept in parsed form.  A trigger on the table sends
 * a relation cache invalidation with every change; it reaches every backend
 * and is undone with the change, so the cache needs no clock and no polling.
 *
 * Must stay true: (1) the table is read with the latest snapshot, not that of
 * the transaction, or a REPEATABLE READ transaction could leave keys retired
 * long ago in the cache; (2) what was read while a change arrived serves this
 * one time but is not kept; (3) the callback only marks: freeing happens at
 * the next use, when nobody holds a key.
 */
#include "jwt_key.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "wrk_json.h"

PG_FUNCTION_INFO_V1(wrk_jwt_key_prepare);

/* The cache: one per backend, everything in its own memory context. */
static MemoryContext cache_context = NULL;
static JwtKey *cache_keys = NULL;
static int cache_nkeys = 0;
static Oid cache_relid = InvalidOid;
static bool cache_good = false;
static uint64 changes_seen = 0;


/* ---------- keeping the cache true ---------- */

/* relation cache callback; relid InvalidOid means "everything" */
static void
key_table_changed(Datum arg, Oid relid)
{
	if (relid != InvalidOid && relid != cache_relid)
		return;
	cache_good = false;
	changes_seen++;
}

void
jwt_key_init(void)
{
	CacheRegisterRelcacheCallback(key_table_changed, (Datum) 0);
}


/* ---------- reading the table ---------- */

/* columns in the order of the query of read_keys() */
enum KeyColumn
{
	COL_KID = 1,
	COL_ISSUER,
	COL_ALG,
	COL_JWK,
	COL_AUDIENCE,
	COL_CLAIMS,
	COL_LEEWAY,
	COL_RETIRE_AT
};

/* in the context of the cache */
static void
read_key(HeapTuple tuple, TupleDesc desc, JwtKey *out)
{
	bool isnull;
	Datum value;

	out->kid = TextDatumGetCString(SPI_getbinval(tuple, desc, COL_KID, &isnull));
	out->issuer = TextDatumGetCString(SPI_getbinval(tuple, desc, COL_ISSUER, &isnull));
	if (out->issuer[0] == '\0')
		out->issuer = NULL;
	out->alg =
		jws_alg_named(TextDatumGetCString(SPI_getbinval(tuple, desc, COL_ALG, &isnull)));
	out->jwk = DatumGetJsonbPCopy(SPI_getbinval(tuple, desc, COL_JWK, &isnull));
	value = SPI_getbinval(tuple, desc, COL_AUDIENCE, &isnull);
	if (!isnull)
		out->audience =
			wrk_text_array(DatumGetArrayTypeP(value), "audience", &out->naudience);
	claim_map_parse(DatumGetJsonbP(SPI_getbinval(tuple, desc, COL_CLAIMS, &isnull)),
					&out->claims);
	out->leeway = DatumGetInt32(SPI_getbinval(tuple, desc, COL_LEEWAY, &isnull));
	value = SPI_getbinval(tuple, desc, COL_RETIRE_AT, &isnull);
	out->retire_at = isnull ? DT_NOEND : DatumGetTimestampTz(value);
}

/* palloc'd keys in context */
static JwtKey *
read_keys(MemoryContext context, int *nkeys)
{
	MemoryContext old;
	JwtKey *keys;

	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute("SELECT kid, issuer, alg, jwk, audience, claims, leeway, retire_at"
					" FROM wrk.jwt_key",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the stored keys");
	PopActiveSnapshot();
	*nkeys = SPI_processed;
	old = MemoryContextSwitchTo(context);
	keys = palloc0(sizeof(JwtKey) * Max(*nkeys, 1));
	for (int i = 0; i < *nkeys; i++)
		read_key(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, &keys[i]);
	MemoryContextSwitchTo(old);
	SPI_finish();
	return keys;
}

static void
fill_cache(void)
{
	MemoryContext context;
	WrkRoleSwitch saved;
	uint64 changes_before = changes_seen;
	int nkeys;

	cache_nkeys = 0;
	if (cache_context != NULL)
		MemoryContextDelete(cache_context);
	cache_context = NULL;

	/* goes with the transaction unless it becomes the cache */
	context = AllocSetContextCreate(CurTransactionContext, "stored keys of wrk_copilot",
									ALLOCSET_SMALL_SIZES);
	cache_relid = wrk_relation("jwt_key");
	saved = wrk_become(wrk_owner());
	cache_keys = read_keys(context, &nkeys);
	wrk_unbecome(saved);
	MemoryContextSetParent(context, TopMemoryContext);
	cache_context = context;
	cache_nkeys = nkeys;
	cache_good = changes_seen == changes_before;
}


/* ---------- choosing ---------- */

static bool
matches(const JwtKey *key, const Jws *jws, TimestampTz now)
{
	return key->alg == jws->alg && now < key->retire_at &&
		   (jws->kid == NULL || strcmp(key->kid, jws->kid) == 0);
}

/* the only match among keys of this issuer (NULL: keys without one); NULL if none or
 * several */
static JwtKey *
only_match(const Jws *jws, TimestampTz now, const JsonbValue *issuer)
{
	JwtKey *only = NULL;

	for (int i = 0; i < cache_nkeys; i++)
	{
		JwtKey *key = &cache_keys[i];
		bool same_issuer =
			issuer == NULL ? key->issuer == NULL
						   : key->issuer != NULL && jose_json_equals(issuer, key->issuer);

		if (!same_issuer || !matches(key, jws, now))
			continue;
		if (only != NULL)
			return NULL;
		only = key;
	}
	return only;
}

/*
 * Several keys match: let the issuer decide.  The claims are read before the
 * signature is verified, but only to choose a key; whatever they say is checked
 * again afterwards.
 */
static JwtKey *
match_by_issuer(const Jws *jws, TimestampTz now)
{
	const JsonbValue *iss = jose_json_get(jws_claims(jws), "iss");
	JwtKey *key = NULL;

	if (iss != NULL && iss->type == jbvString)
		key = only_match(jws, now, iss);
	return key ? key : only_match(jws, now, NULL);
}

JwtKey *
jwt_key_choose(const Jws *jws, TimestampTz now, const char **why)
{
	JwtKey *key = NULL;
	int found = 0;

	AcceptInvalidationMessages();
	if (!cache_good)
		fill_cache();
	for (int i = 0; i < cache_nkeys; i++)
	{
		if (!matches(&cache_keys[i], jws, now))
			continue;
		key = &cache_keys[i];
		found++;
	}
	if (found > 1)
		key = match_by_issuer(jws, now);
	if (key == NULL)
		*why = found > 0
				   ? "Several stored keys match and the issuer does not tell them apart."
				   : "No active stored key has this key id and algorithm.";
	else if (key->ready == NULL)
		key->ready = jwk_parse(key->jwk, cache_context);
	return key;
}


/* ---------- import ---------- */

/*
 * wrk.jwt_key_prepare(jwk jsonb, alg text, claims jsonb): what
 * wrk.jwt_key_import() stores of a key, after everything was checked:
 * {"kid": or null, "thumbprint": or null for a secret, "alg", "jwk"}.
 */
Datum
wrk_jwt_key_prepare(PG_FUNCTION_ARGS)
{
	Jsonb *jwk;
	Jwk *key;
	const JwsAlg *alg;
	ClaimMap map;
	Jsonb *stored;
	JsonbParseState *state = NULL;

	wrk_require_arg(fcinfo, 0, "jwk");
	wrk_require_arg(fcinfo, 2, "claims");
	jwk = PG_GETARG_JSONB_P(0);
	key = jwk_parse(jwk, CurrentMemoryContext);
	alg = PG_ARGISNULL(1) || key->alg ? jwk_default_alg(key)
									  : jws_alg_named(wrk_text_arg(fcinfo, 1));
	if (!jwk_permits(key, alg))
		JWK_REFUSE(errmsg("key cannot be used for %s", alg->name));
	claim_map_parse(PG_GETARG_JSONB_P(2), &map);

	stored = jwk_for_verification(jwk, key);
	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "kid", key->kid);
	wrk_json_pair_text(&state, "thumbprint",
					   key->kty == JWK_OCT ? NULL : jwk_thumbprint(stored, key));
	wrk_json_pair_text(&state, "alg", alg->name);
	wrk_json_pair_jsonb(&state, "jwk", stored);
	PG_RETURN_JSONB_P(wrk_json_finish_object(&state));
}
