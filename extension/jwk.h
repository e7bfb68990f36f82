/*
 * jwk.h
 *	  JSON Web Keys (RFC 7517) made ready for OpenSSL, and the table of
 *	  signature algorithms (RFC 7518 section 3.1, RFC 8037).
 */
#ifndef WRK_JWK_H
#define WRK_JWK_H

#include "wrk_copilot.h"

#include <openssl/evp.h>

#include "utils/jsonb.h"

#if defined(OPENSSL_VERSION_NUMBER) && OPENSSL_VERSION_NUMBER < 0x30000000L
#error "wrk_copilot needs OpenSSL 3"
#endif

/* member "kty" */
typedef enum JwkType
{
	JWK_OCT,
	JWK_RSA,
	JWK_EC,
	JWK_OKP
} JwkType;

/* One row of the table of algorithms; these never change and are compared by address. */
typedef struct JwsAlg
{
	const char *name;
	JwkType kty;
	const char *curve;  /* "crv" the key must have; NULL if its type has none */
	const char *digest; /* as OpenSSL calls it; NULL when the algorithm brings its own */
	int digest_len;     /* bytes; an HMAC key may not be shorter, a PSS salt is as long */
	int half_len;       /* ECDSA: bytes of r and of s; else 0 */
	bool pss;
} JwsAlg;

/*
 * One of these for each key in use.  Lives in the memory context it was parsed
 * into; a reset callback of that context frees what OpenSSL holds and wipes
 * the secret.
 */
typedef struct Jwk
{
	JwkType kty;
	const char *curve;
	const JwsAlg
		*alg; /* the only one allowed; NULL: any that fits type, curve and length */
	bool can_sign;
	char *kid; /* may be NULL */
	EVP_PKEY *pkey;
	uint8 *secret; /* oct */
	size_t secret_len;
	EVP_MAC_CTX *mac; /* keyed and reusable; made at first use */
	const JwsAlg *mac_alg;
	MemoryContextCallback release;
} Jwk;

/* Errors: bad_request, because a malformed key is a mistake of who brought it. */
#define JWK_REFUSE(...) \
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST), WRK_HIDE_CREDENTIAL, __VA_ARGS__))

/* NULL if name is no algorithm of ours ("none" is not) */
extern const JwsAlg *jws_alg_find(const char *name, size_t len);

/* same, from a C string; error bad_request if there is none */
extern const JwsAlg *jws_alg_named(const char *name);

/* makes a JWK ready for use; everything it holds goes with context */
extern Jwk *jwk_parse(const Jsonb *jwk, MemoryContext context);

extern bool jwk_permits(const Jwk *key, const JwsAlg *alg);

/* the algorithm to assume where neither key nor caller names one */
extern const JwsAlg *jwk_default_alg(const Jwk *key);

/* the members of jwk that verifying needs and no others: no private half, no kid, no alg
 */
extern Jsonb *jwk_for_verification(const Jsonb *jwk, const Jwk *key);

/* base64url of the RFC 7638 thumbprint of what jwk_for_verification() returned */
extern char *jwk_thumbprint(const Jsonb *jwk, const Jwk *key);

/* what OpenSSL says went wrong; empties its queue of errors */
extern const char *openssl_failure(void);

#endif /* WRK_JWK_H */
