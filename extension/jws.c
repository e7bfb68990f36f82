/*
 * jws.c
 *	  Taking signed tokens apart, verifying and making them.
 *
 * The order is fixed: bound the length, cut at the dots, read the header,
 * choose a key (the caller), verify the signature over the bytes as they came,
 * and only then look at the payload.  Of the header only alg, kid, crit and
 * b64 are looked at; keys it carries or points to (jwk, jku, x5c, x5u) are
 * somebody's wish and are never used.
 *
 * Must stay true: OpenSSL objects are freed on every path, because nothing
 * between making and freeing them can raise an error; its error queue is left
 * empty.
 */
#include "jws.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "base64url.h"

#define MAX_KID_LEN 256
#define MEMO_LEN 512

/*
 * The last good header and what was read in it.  The tokens of an issuer have
 * the same header byte for byte, so most of them need not be decoded again.
 */
typedef struct HeaderMemo
{
	size_t len; /* 0: none yet */
	char segment[MEMO_LEN];
	const JwsAlg *alg;
	bool has_kid;
	char kid[MEMO_LEN];
} HeaderMemo;

static HeaderMemo last_header = {0};


/* ---------- taking apart ---------- */

/* palloc'd bytes of a segment */
static uint8 *
decode_segment(const char *what, const char *segment, size_t len, size_t *decoded_len)
{
	uint8 *bytes = palloc(BASE64URL_DECODED_LEN(len) + 1);
	ssize_t decoded = base64url_decode(segment, len, bytes);

	if (decoded < 0)
		JOSE_REFUSE(
			errmsg("token %s: not canonical base64url", what),
			errdetail(
				"RFC 7515 allows the URL-safe alphabet, no padding and no unused bits."));
	*decoded_len = decoded;
	return bytes;
}

static void
read_alg(const JsonbValue *header, Jws *out)
{
	const JsonbValue *alg = jose_json_get(header, "alg");

	if (alg == NULL || alg->type != jbvString)
		JOSE_REFUSE(errmsg("token header has no \"alg\""));
	out->alg = jws_alg_find(alg->val.string.val, alg->val.string.len);
	if (out->alg == NULL)
		JOSE_REFUSE(errmsg("token uses an algorithm that is not accepted"),
					errdetail_log("The header says \"%s\".", jose_json_cstring(alg)));
}

static void
read_header(const char *segment, size_t len, Jws *out)
{
	size_t json_len;
	uint8 *json = decode_segment("header", segment, len, &json_len);
	const JsonbValue *header = jose_json_parse("header", json, json_len);
	const JsonbValue *kid = jose_json_get(header, "kid");
	const JsonbValue *b64 = jose_json_get(header, "b64");

	read_alg(header, out);
	if (jose_json_get(header, "crit") != NULL)
		JOSE_REFUSE(errmsg("token demands extensions that are not supported"),
					errdetail("Its header has a member \"crit\"."));
	if (b64 != NULL && (b64->type != jbvBool || !b64->val.boolean))
		JOSE_REFUSE(errmsg("token with an unencoded payload is not accepted"));
	if (kid != NULL && (kid->type != jbvString || kid->val.string.len > MAX_KID_LEN))
		JOSE_REFUSE(errmsg(
			"member \"kid\" of the token header must be a string of at most %d bytes",
			MAX_KID_LEN));
	out->kid = kid ? jose_json_cstring(kid) : NULL;
}

static bool
recall_header(const char *segment, size_t len, Jws *out)
{
	if (len == 0 || len != last_header.len ||
		memcmp(segment, last_header.segment, len) != 0)
		return false;
	out->alg = last_header.alg;
	out->kid = last_header.has_kid ? pstrdup(last_header.kid) : NULL;
	return true;
}

static void
remember_header(const char *segment, size_t len, const Jws *jws)
{
	if (len > MEMO_LEN)
		return;
	last_header.len = len;
	memcpy(last_header.segment, segment, len);
	last_header.alg = jws->alg;
	last_header.has_kid = jws->kid != NULL;
	if (jws->kid != NULL)
		strlcpy(last_header.kid, jws->kid, sizeof(last_header.kid));
}

void
jws_parse(const char *token, size_t len, Jws *out)
{
	const char *end = token + len;
	const char *first_dot;
	const char *second_dot;

	if (len > JWS_MAX_LEN)
		JOSE_REFUSE(errmsg("token is too long: %zu bytes", len),
					errdetail("At most %d are accepted.", JWS_MAX_LEN));
	first_dot = memchr(token, '.', len);
	second_dot = first_dot ? memchr(first_dot + 1, '.', end - first_dot - 1) : NULL;
	if (second_dot == NULL || memchr(second_dot + 1, '.', end - second_dot - 1) != NULL)
		JOSE_REFUSE(
			errmsg("token must have three segments"),
			errhint(
				"A signed token is header.payload.signature (RFC 7515 section 7.1)."));

	if (!recall_header(token, first_dot - token, out))
	{
		read_header(token, first_dot - token, out);
		remember_header(token, first_dot - token, out);
	}
	out->signing_input = token;
	out->signing_input_len = second_dot - token;
	out->payload = first_dot + 1;
	out->payload_len = second_dot - out->payload;
	out->signature = decode_segment("signature", second_dot + 1, end - second_dot - 1,
									&out->signature_len);
}

uint8 *
jws_payload(const Jws *jws, size_t *len)
{
	return decode_segment("payload", jws->payload, jws->payload_len, len);
}

JsonbValue *
jws_claims(const Jws *jws)
{
	size_t len;
	uint8 *json = jws_payload(jws, &len);

	return jose_json_parse("claims", json, len);
}


/* ---------- HMAC ---------- */

/*
 * The key's own context, ready for input.  Keying it hashes two blocks and
 * looks the digest up by name; starting it again costs neither.
 */
static EVP_MAC_CTX *
start_mac(Jwk *key, const JwsAlg *alg)
{
	static EVP_MAC *hmac = NULL; /* for the life of the process */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *) alg->digest, 0),
		OSSL_PARAM_construct_end()};

	if (key->mac != NULL && key->mac_alg == alg)
		return EVP_MAC_init(key->mac, NULL, 0, NULL) ? key->mac : NULL;
	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX_free(key->mac);
	key->mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	key->mac_alg = alg;
	if (key->mac != NULL && EVP_MAC_init(key->mac, key->secret, key->secret_len, params))
		return key->mac;
	EVP_MAC_CTX_free(key->mac);
	key->mac = NULL;
	return NULL;
}

/* writes alg->digest_len bytes */
static void
compute_mac(Jwk *key, const JwsAlg *alg, const char *input, size_t len, uint8 *out)
{
	EVP_MAC_CTX *mac = start_mac(key, alg);
	size_t out_len = 0;

	if (mac == NULL || !EVP_MAC_update(mac, (const uint8 *) input, len) ||
		!EVP_MAC_final(mac, out, &out_len, EVP_MAX_MD_SIZE) ||
		out_len != (size_t) alg->digest_len)
		elog(ERROR, "could not compute HMAC: %s", openssl_failure());
}


/* ---------- signatures ---------- */

/* an EVP context set up for alg; NULL if OpenSSL refuses */
static EVP_MD_CTX *
start_signature(Jwk *key, const JwsAlg *alg, bool signing)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	bool ok;

	if (ctx == NULL)
		return NULL;
	ok = signing ? EVP_DigestSignInit_ex(ctx, &pctx, alg->digest, NULL, NULL, key->pkey,
										 NULL) > 0
				 : EVP_DigestVerifyInit_ex(ctx, &pctx, alg->digest, NULL, NULL, key->pkey,
										   NULL) > 0;
	if (ok && alg->pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0 &&
			 EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) > 0;
	if (ok)
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

/* r and s side by side (RFC 7518 section 3.4) as the DER that OpenSSL reads;
 * OPENSSL_free() it */
static unsigned char *
ecdsa_to_der(const uint8 *rs, int half_len, size_t *der_len)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(rs, half_len, NULL);
	BIGNUM *s = BN_bin2bn(rs + half_len, half_len, NULL);
	unsigned char *der = NULL;
	int len = -1;

	if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s))
	{
		r = s = NULL; /* sig owns them now */
		len = i2d_ECDSA_SIG(sig, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	*der_len = len > 0 ? len : 0;
	return len > 0 ? der : NULL;
}

static bool
ecdsa_from_der(const uint8 *der, size_t der_len, int half_len, uint8 *rs)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, der_len);
	bool ok = sig != NULL &&
			  BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, half_len) == half_len &&
			  BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + half_len, half_len) == half_len;

	ECDSA_SIG_free(sig);
	return ok;
}

static bool
verify_with_pkey(const Jws *jws, Jwk *key)
{
	const JwsAlg *alg = jws->alg;
	unsigned char *der = NULL;
	const uint8 *signature = jws->signature;
	size_t signature_len = jws->signature_len;
	EVP_MD_CTX *ctx;
	bool valid;

	if (alg->half_len > 0)
	{
		if (signature_len != (size_t) alg->half_len * 2)
			return false;
		signature = der = ecdsa_to_der(signature, alg->half_len, &signature_len);
	}
	ctx = start_signature(key, alg, false);
	valid =
		signature != NULL && ctx != NULL &&
		EVP_DigestVerify(ctx, signature, signature_len,
						 (const uint8 *) jws->signing_input, jws->signing_input_len) == 1;
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(der);
	ERR_clear_error();
	return valid;
}

bool
jws_signature_valid(const Jws *jws, Jwk *key)
{
	uint8 mac[EVP_MAX_MD_SIZE];

	if (!jwk_permits(key, jws->alg))
		return false;
	if (key->kty != JWK_OCT)
		return verify_with_pkey(jws, key);
	compute_mac(key, jws->alg, jws->signing_input, jws->signing_input_len, mac);
	return jws->signature_len == (size_t) jws->alg->digest_len &&
		   CRYPTO_memcmp(mac, jws->signature, jws->signature_len) == 0;
}

void
jws_refuse_signature(const char *why)
{
	JOSE_REFUSE(
		errmsg("token signature cannot be verified"), errdetail_log("%s", why),
		errhint("The token is altered, or signed with a key or an algorithm that is not "
				"accepted here."));
	pg_unreachable();
}


/* ---------- making ---------- */

/* writes at most JWS_MAX_SIGNATURE_LEN bytes and returns how many, 0 if OpenSSL fails */
static size_t
sign_with_pkey(Jwk *key, const JwsAlg *alg, const char *input, size_t len, uint8 *out)
{
	EVP_MD_CTX *ctx = start_signature(key, alg, true);
	uint8 raw[JWS_MAX_SIGNATURE_LEN];
	size_t raw_len = sizeof(raw);
	bool ok =
		ctx != NULL && EVP_DigestSign(ctx, raw, &raw_len, (const uint8 *) input, len) > 0;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		return 0;
	if (alg->half_len > 0)
		return ecdsa_from_der(raw, raw_len, alg->half_len, out) ? alg->half_len * 2 : 0;
	memcpy(out, raw, raw_len);
	return raw_len;
}

static void
append_base64url(StringInfo buf, const uint8 *bytes, size_t len)
{
	enlargeStringInfo(buf, BASE64URL_ENCODED_LEN(len));
	buf->len += base64url_encode(bytes, len, buf->data + buf->len);
	buf->data[buf->len] = '\0';
}

/* text in the server's encoding; what goes into a token is UTF-8 */
static void
append_encoded_text(StringInfo buf, char *text)
{
	char *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);

	append_base64url(buf, (const uint8 *) utf8, strlen(utf8));
}

/* palloc'd {"alg":...,"typ":"JWT"[,"kid":...]} */
static StringInfo
make_header(const Jwk *key, const JwsAlg *alg)
{
	StringInfo header = makeStringInfo();

	appendStringInfo(header, "{\"alg\":\"%s\",\"typ\":\"JWT\"", alg->name);
	if (key->kid != NULL)
	{
		appendStringInfoString(header, ",\"kid\":");
		escape_json(header, key->kid);
	}
	appendStringInfoChar(header, '}');
	return header;
}

size_t
jws_sign_bytes(const void *bytes, size_t len, Jwk *key, const JwsAlg *alg,
			   uint8 *signature)
{
	size_t signature_len;

	if (!jwk_permits(key, alg))
		JWK_REFUSE(errmsg("key cannot be used for %s", alg->name));
	if (!key->can_sign)
		JWK_REFUSE(errmsg("key has no private half"),
				   errhint("Member \"d\" is missing."));
	if (key->kty == JWK_OCT)
	{
		compute_mac(key, alg, bytes, len, signature);
		return alg->digest_len;
	}
	signature_len = sign_with_pkey(key, alg, bytes, len, signature);
	if (signature_len == 0)
		JWK_REFUSE(errmsg("key does not sign"),
				   errdetail_internal("%s", openssl_failure()));
	return signature_len;
}

char *
jws_sign(char *payload, Jwk *key, const JwsAlg *alg)
{
	StringInfo header = make_header(key, alg);
	StringInfoData token;
	uint8 signature[JWS_MAX_SIGNATURE_LEN];
	size_t signature_len;

	initStringInfo(&token);
	append_encoded_text(&token, header->data);
	appendStringInfoChar(&token, '.');
	append_encoded_text(&token, payload);

	signature_len = jws_sign_bytes(token.data, token.len, key, alg, signature);
	appendStringInfoChar(&token, '.');
	append_base64url(&token, signature, signature_len);
	return token.data;
}
