/*
 * jwt_key.h
 *	  The keys that may vouch for an identity, kept ready in each backend.
 */
#ifndef WRK_JWT_KEY_H
#define WRK_JWT_KEY_H

#include "jws.h"
#include "jwt_claims.h"

/* One row of wrk.jwt_key.  Owned by the cache: valid until the next jwt_key_choose(). */
typedef struct JwtKey
{
	const char *kid;
	const char *issuer; /* NULL: whatever the token says */
	const JwsAlg *alg;
	const Jsonb *jwk;
	Jwk *ready; /* made from jwk at first use */
	char **audience;
	int naudience;
	ClaimMap claims;
	int64 leeway;          /* seconds */
	TimestampTz retire_at; /* DT_NOEND: never */
} JwtKey;

/* watches the table; from _PG_init */
extern void jwt_key_init(void);

/*
 * The stored key that a token must be verified with, or NULL and the reason in
 * *why.  kid and algorithm must match and the key must be active; when the
 * token has no kid, or two issuers use the same, its issuer decides.
 */
extern JwtKey *jwt_key_choose(const Jws *jws, TimestampTz now, const char **why);

#endif /* WRK_JWT_KEY_H */
