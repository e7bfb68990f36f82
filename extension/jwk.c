/*
 * jwk.c
 *	  JSON Web Keys into OpenSSL keys.
 *
 * A key decides which algorithms may be used with it; the header of a token
 * may only agree.  Must stay true: (1) no path leads from one type of key to
 * an algorithm of another type, so a public key never serves as HMAC secret;
 * (2) weak or inconsistent keys are refused here, once, and not at each use;
 * (3) between making an OpenSSL object and hanging it on something that frees
 * it, nothing may raise an error.
 */
#include "jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "utils/memutils.h"

#include "base64url.h"
#include "wrk_json.h"

#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 8192
#define RSA_MAX_EXPONENT_LEN 8
#define MAX_PARTS 8

/* RFC 7518 section 3.1 and RFC 8037 section 3.1; the first that fits a key is its default
 */
static const JwsAlg algs[] = {
	{"HS256", JWK_OCT, NULL, "SHA256", 32},
	{"HS384", JWK_OCT, NULL, "SHA384", 48},
	{"HS512", JWK_OCT, NULL, "SHA512", 64},
	{"RS256", JWK_RSA, NULL, "SHA256", 32},
	{"RS384", JWK_RSA, NULL, "SHA384", 48},
	{"RS512", JWK_RSA, NULL, "SHA512", 64},
	{"PS256", JWK_RSA, NULL, "SHA256", 32, .pss = true},
	{"PS384", JWK_RSA, NULL, "SHA384", 48, .pss = true},
	{"PS512", JWK_RSA, NULL, "SHA512", 64, .pss = true},
	{"ES256", JWK_EC, "P-256", "SHA256", 32, .half_len = 32},
	{"ES384", JWK_EC, "P-384", "SHA384", 48, .half_len = 48},
	{"ES512", JWK_EC, "P-521", "SHA512", 64, .half_len = 66},
	{"EdDSA", JWK_OKP, "Ed25519", NULL, 0},
};

/* what a key of each type is made of; required members first, a NULL name ends each list
 */
typedef struct JwkShape
{
	const char *kty;
	const char *identifying[5]; /* RFC 7638: in lexical order */
	const char *private[7];
} JwkShape;

static const JwkShape shapes[] = {
	[JWK_OCT] = {"oct", {"k", "kty"}, {NULL}},
	[JWK_RSA] = {"RSA", {"e", "kty", "n"}, {"d", "p", "q", "dp", "dq", "qi"}},
	[JWK_EC] = {"EC", {"crv", "kty", "x", "y"}, {"d"}},
	[JWK_OKP] = {"OKP", {"crv", "kty", "x"}, {"d"}},
};

/* a piece of key material on its way into OpenSSL; one array of these for each key */
typedef enum KeyPartKind
{
	PART_NUMBER,
	PART_OCTETS,
	PART_NAME
} KeyPartKind;

typedef struct KeyPart
{
	const char *param;
	KeyPartKind kind;
	const uint8 *data;
	size_t len;
} KeyPart;

/* exact comparison: names are case-sensitive */
const JwsAlg *
jws_alg_find(const char *name, size_t len)
{
	for (size_t i = 0; i < lengthof(algs); i++)
		if (strlen(algs[i].name) == len && memcmp(algs[i].name, name, len) == 0)
			return &algs[i];
	return NULL;
}

const JwsAlg *
jws_alg_named(const char *name)
{
	const JwsAlg *alg = jws_alg_find(name, strlen(name));

	if (alg == NULL)
		JWK_REFUSE(errmsg("signature algorithm \"%s\" is not supported", name),
				   errhint("Supported are HS256/384/512, RS256/384/512, PS256/384/512, "
						   "ES256/384/512 and EdDSA."));
	return alg;
}

/* within its type a key without "alg" may be used for every hash it is long enough for */
bool
jwk_permits(const Jwk *key, const JwsAlg *alg)
{
	if (key->alg != NULL)
		return key->alg == alg;
	if (key->kty != alg->kty)
		return false;
	if (alg->curve != NULL)
		return strcmp(key->curve, alg->curve) == 0;
	return key->kty != JWK_OCT || key->secret_len >= (size_t) alg->digest_len;
}

const JwsAlg *
jwk_default_alg(const Jwk *key)
{
	if (key->alg != NULL)
		return key->alg;
	for (size_t i = 0; i < lengthof(algs); i++)
		if (jwk_permits(key, &algs[i]))
			return &algs[i];
	elog(ERROR, "key without an algorithm");
}

/* a queue left behind would be reported by whoever asks OpenSSL next: libpq, or TLS */
const char *
openssl_failure(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return reason ? reason : "unknown OpenSSL error";
}


/* ---------- members ---------- */

/* palloc'd bytes of a base64url member; error if it is absent or not canonical */
static uint8 *
member_bytes(const Jsonb *jwk, const char *name, size_t *len)
{
	char *text = wrk_json_get_text(jwk, name);
	uint8 *bytes;
	ssize_t decoded;

	if (text == NULL)
		JWK_REFUSE(errmsg("key has no member \"%s\"", name));
	bytes = palloc(BASE64URL_DECODED_LEN(strlen(text)) + 1);
	decoded = base64url_decode(text, strlen(text), bytes);
	if (decoded <= 0)
		JWK_REFUSE(errmsg("member \"%s\" of the key is not base64url", name),
				   errhint("RFC 7515 uses the URL-safe alphabet without padding."));
	*len = decoded;
	return bytes;
}

/* the first look at what may be anything */
static JwkType
key_type(const Jsonb *jwk)
{
	char *kty;

	if (!JB_ROOT_IS_OBJECT(jwk))
		JWK_REFUSE(errmsg("a key must be a JSON object (a JWK)"));
	kty = wrk_json_get_text(jwk, "kty");
	for (size_t i = 0; kty != NULL && i < lengthof(shapes); i++)
		if (strcmp(kty, shapes[i].kty) == 0)
			return i;
	JWK_REFUSE(errmsg("key type \"%s\" is not supported", kty ? kty : ""),
			   errhint("Member \"kty\" must be oct, RSA, EC or OKP."));
}

/* members "use" and "key_ops" must not forbid signatures */
static void
check_purpose(const Jsonb *jwk)
{
	char *use = wrk_json_get_text(jwk, "use");
	JsonbValue ops;
	JsonbValue sign = {.type = jbvString, .val.string = {4, "sign"}};
	JsonbValue verify = {.type = jbvString, .val.string = {6, "verify"}};

	if (use != NULL && strcmp(use, "sig") != 0)
		JWK_REFUSE(errmsg("key is meant for \"%s\", not for signatures", use));
	if (!wrk_json_get(jwk, "key_ops", &ops))
		return;
	if (ops.type != jbvBinary || !JsonContainerIsArray(ops.val.binary.data))
		JWK_REFUSE(errmsg("member \"key_ops\" of the key must be an array"));
	if (!findJsonbValueFromContainer(ops.val.binary.data, JB_FARRAY, &sign) &&
		!findJsonbValueFromContainer(ops.val.binary.data, JB_FARRAY, &verify))
		JWK_REFUSE(
			errmsg("member \"key_ops\" of the key allows neither sign nor verify"));
}


/* ---------- into OpenSSL ---------- */

/* number receives what must live as long as builder */
static bool
push_part(OSSL_PARAM_BLD *builder, const KeyPart *part, BIGNUM **number)
{
	switch (part->kind)
	{
		case PART_OCTETS:
			return OSSL_PARAM_BLD_push_octet_string(builder, part->param, part->data,
													part->len);
		case PART_NAME:
			return OSSL_PARAM_BLD_push_utf8_string(builder, part->param,
												   (const char *) part->data, part->len);
		case PART_NUMBER:
			*number = BN_bin2bn(part->data, part->len, NULL);
			return *number != NULL &&
				   OSSL_PARAM_BLD_push_BN(builder, part->param, *number);
	}
	return false;
}

/* NULL if OpenSSL will not have it; raises nothing, so that nothing leaks */
static EVP_PKEY *
pkey_from_parts(const char *type, const KeyPart *parts, int nparts, bool is_private)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = NULL;
	BIGNUM *numbers[MAX_PARTS] = {NULL};
	EVP_PKEY *pkey = NULL;
	bool ok = builder != NULL && ctx != NULL;

	for (int i = 0; ok && i < nparts; i++)
		ok = push_part(builder, &parts[i], &numbers[i]);
	if (ok)
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params != NULL && EVP_PKEY_fromdata_init(ctx) > 0)
		(void) EVP_PKEY_fromdata(
			ctx, &pkey, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_BLD_free(builder);
	for (int i = 0; i < nparts; i++)
		BN_clear_free(numbers[i]);
	return pkey;
}

/* the key owns what was made, before anything can raise an error */
static void
adopt_pkey(Jwk *key, const char *type, const KeyPart *parts, int nparts)
{
	key->pkey = pkey_from_parts(type, parts, nparts, key->can_sign);
	if (key->pkey == NULL)
		JWK_REFUSE(errmsg("key is not a valid %s key", type),
				   errdetail_internal("%s", openssl_failure()));
}

/* a Base64urlUInt (RFC 7518 section 2) */
static KeyPart
number_part(const Jsonb *jwk, const char *member, const char *param)
{
	KeyPart part = {.param = param, .kind = PART_NUMBER};

	part.data = member_bytes(jwk, member, &part.len);
	return part;
}

/* RFC 7518 section 6.4 */
static void
load_oct(Jwk *key, const Jsonb *jwk)
{
	size_t len;
	uint8 *secret = member_bytes(jwk, "k", &len);
	int needed = key->alg ? key->alg->digest_len : algs[0].digest_len;

	if (len < (size_t) needed)
		JWK_REFUSE(errmsg("HMAC key is too short: %zu bytes", len),
				   errdetail("%s needs at least %d (RFC 7518 section 3.2).",
							 key->alg ? key->alg->name : algs[0].name, needed));
	key->secret = MemoryContextAlloc(GetMemoryChunkContext(key), len);
	key->secret_len = len;
	memcpy(key->secret, secret, len);
	OPENSSL_cleanse(secret, len);
	key->can_sign = true;
}

/* OpenSSL would take any numbers for a public key */
static void
check_rsa(const KeyPart *n, const KeyPart *e)
{
	const uint8 *n_last = &n->data[n->len - 1];
	const uint8 *e_last = &e->data[e->len - 1];

	if (e->len > RSA_MAX_EXPONENT_LEN || (*e_last & 1) == 0 ||
		(e->len == 1 && *e_last < 3))
		JWK_REFUSE(errmsg("member \"e\" of the key is not a usable RSA exponent"));
	if ((*n_last & 1) == 0)
		JWK_REFUSE(errmsg("member \"n\" of the key is not a usable RSA modulus"));
}

/* RFC 7518 section 6.3 */
static void
load_rsa(Jwk *key, const Jsonb *jwk)
{
	static const char *const params[] = {
		OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
		OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
		OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
	KeyPart parts[MAX_PARTS];
	int nparts = 0;
	int bits;

	parts[nparts++] = number_part(jwk, "n", OSSL_PKEY_PARAM_RSA_N);
	parts[nparts++] = number_part(jwk, "e", OSSL_PKEY_PARAM_RSA_E);
	check_rsa(&parts[0], &parts[1]);
	if (parts[0].len > RSA_MAX_BITS / 8 + 1)
		JWK_REFUSE(errmsg("RSA key is too long"),
				   errdetail("At most %d bits are used.", RSA_MAX_BITS));
	for (size_t i = 0; key->can_sign && i < lengthof(params); i++)
	{
		parts[nparts++] = number_part(jwk, shapes[JWK_RSA].private[i], params[i]);
		/* OpenSSL would calculate with it for hours, and nobody could stop it */
		if (parts[nparts - 1].len > parts[0].len)
			JWK_REFUSE(errmsg("member \"%s\" of the key is longer than its modulus",
							  shapes[JWK_RSA].private[i]));
	}
	adopt_pkey(key, "RSA", parts, nparts);
	bits = EVP_PKEY_get_bits(key->pkey);
	if (bits < RSA_MIN_BITS)
		JWK_REFUSE(
			errmsg("RSA key is too short: %d bits", bits),
			errdetail("At least %d are needed (RFC 7518 section 3.3).", RSA_MIN_BITS));
}

/* the algorithm of a curve, whose row also says how long a coordinate is */
static const JwsAlg *
curve_alg(const Jsonb *jwk, JwkType kty)
{
	char *curve = wrk_json_get_text(jwk, "crv");

	for (size_t i = 0; curve != NULL && i < lengthof(algs); i++)
		if (algs[i].kty == kty && strcmp(algs[i].curve, curve) == 0)
			return &algs[i];
	JWK_REFUSE(
		errmsg("curve \"%s\" is not supported", curve ? curve : ""),
		errhint("Member \"crv\" must be P-256, P-384 or P-521 (EC) or Ed25519 (OKP)."));
}

/* palloc'd coordinate or private scalar, which must be exactly as long as its field */
static const uint8 *
field_element(const Jsonb *jwk, const char *name, size_t expected)
{
	size_t len;
	const uint8 *bytes = member_bytes(jwk, name, &len);

	if (len != expected)
		JWK_REFUSE(errmsg("member \"%s\" of the key must be %zu bytes, not %zu", name,
						  expected, len));
	return bytes;
}

/* RFC 7518 section 6.2; OpenSSL refuses a point that is not on the curve */
static void
load_ec(Jwk *key, const Jsonb *jwk)
{
	const JwsAlg *alg = curve_alg(jwk, JWK_EC);
	size_t len = alg->half_len;
	uint8 *point = palloc(1 + 2 * len);
	KeyPart parts[] = {{OSSL_PKEY_PARAM_GROUP_NAME, PART_NAME, (const uint8 *) alg->curve,
						strlen(alg->curve)},
					   {OSSL_PKEY_PARAM_PUB_KEY, PART_OCTETS, point, 1 + 2 * len},
					   {OSSL_PKEY_PARAM_PRIV_KEY, PART_NUMBER, NULL, len}};

	point[0] = 4; /* both coordinates follow */
	memcpy(point + 1, field_element(jwk, "x", len), len);
	memcpy(point + 1 + len, field_element(jwk, "y", len), len);
	if (key->can_sign)
		parts[2].data = field_element(jwk, "d", len);
	key->curve = alg->curve;
	adopt_pkey(key, "EC", parts, key->can_sign ? 3 : 2);
}

/* RFC 8037 section 2 */
static void
load_okp(Jwk *key, const Jsonb *jwk)
{
	const JwsAlg *alg = curve_alg(jwk, JWK_OKP);
	KeyPart parts[] = {
		{OSSL_PKEY_PARAM_PUB_KEY, PART_OCTETS, field_element(jwk, "x", 32), 32},
		{OSSL_PKEY_PARAM_PRIV_KEY, PART_OCTETS, NULL, 32}};

	if (key->can_sign)
		parts[1].data = field_element(jwk, "d", 32);
	key->curve = alg->curve;
	adopt_pkey(key, "ED25519", parts, key->can_sign ? 2 : 1);
}

/* memory context callback */
static void
release_key(void *arg)
{
	Jwk *key = arg;

	EVP_PKEY_free(key->pkey);
	EVP_MAC_CTX_free(key->mac);
	if (key->secret != NULL)
		OPENSSL_cleanse(key->secret, key->secret_len);
}

Jwk *
jwk_parse(const Jsonb *jwk, MemoryContext context)
{
	static void (*const load[])(Jwk *, const Jsonb *) = {[JWK_OCT] = load_oct,
														 [JWK_RSA] = load_rsa,
														 [JWK_EC] = load_ec,
														 [JWK_OKP] = load_okp};
	Jwk *key = MemoryContextAllocZero(context, sizeof(Jwk));
	char *alg;
	char *kid;
	JsonbValue d;

	key->release.func = release_key;
	key->release.arg = key;
	MemoryContextRegisterResetCallback(context, &key->release);

	key->kty = key_type(jwk);
	check_purpose(jwk);
	alg = wrk_json_get_text(jwk, "alg");
	key->alg = alg ? jws_alg_named(alg) : NULL;
	kid = wrk_json_get_text(jwk, "kid");
	key->kid = kid ? MemoryContextStrdup(context, kid) : NULL;
	key->can_sign = wrk_json_get(jwk, "d", &d);
	load[key->kty](key, jwk);
	if (key->alg != NULL && (key->alg->kty != key->kty ||
							 (key->curve && strcmp(key->curve, key->alg->curve) != 0)))
		JWK_REFUSE(errmsg("key of type %s cannot be used for %s", shapes[key->kty].kty,
						  key->alg->name));
	return key;
}


/* ---------- what may be stored ---------- */

/* by listing what to keep: a member nobody thought of is left out */
Jsonb *
jwk_for_verification(const Jsonb *jwk, const Jwk *key)
{
	const char *const *member = shapes[key->kty].identifying;
	JsonbParseState *state = NULL;

	wrk_json_begin_object(&state);
	for (; *member != NULL; member++)
		wrk_json_pair_text(&state, *member, wrk_json_get_text(jwk, *member));
	return wrk_json_finish_object(&state);
}

char *
jwk_thumbprint(const Jsonb *jwk, const Jwk *key)
{
	const char *const *member = shapes[key->kty].identifying;
	uint8 digest[EVP_MAX_MD_SIZE];
	unsigned int digest_len;
	StringInfoData text;
	char *encoded;

	/* the values are base64url or names checked before: nothing to escape */
	initStringInfo(&text);
	for (; *member != NULL; member++)
		appendStringInfo(&text, "%c\"%s\":\"%s\"", text.len == 0 ? '{' : ',', *member,
						 wrk_json_get_text(jwk, *member));
	appendStringInfoChar(&text, '}');
	if (!EVP_Digest(text.data, text.len, digest, &digest_len, EVP_sha256(), NULL))
		elog(ERROR, "could not compute SHA-256: %s", openssl_failure());
	encoded = palloc0(BASE64URL_ENCODED_LEN(digest_len) + 1);
	(void) base64url_encode(digest, digest_len, encoded);
	return encoded;
}
