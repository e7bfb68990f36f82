/*
 * jwt_claims.h
 *	  What the claims of a verified token mean (RFC 7519 section 4).
 */
#ifndef WRK_JWT_CLAIMS_H
#define WRK_JWT_CLAIMS_H

#include "jose_json.h"
#include "jwt.h"

/* the parts of an identity that a token can bring */
typedef enum ClaimSlot
{
	CLAIM_TENANT_ID,
	CLAIM_USER_ID,
	CLAIM_ROLES,
	CLAIM_SESSION_ID,
	CLAIM_EXPIRES_AT,
	CLAIM_SLOTS
} ClaimSlot;

/* where in the claims a part is found: names from the outside in; depth 0 = nowhere */
typedef struct ClaimPath
{
	int depth;
	const char **names;
} ClaimPath;

/* one of these for each stored key */
typedef struct ClaimMap
{
	ClaimPath paths[CLAIM_SLOTS];
	bool jti_as_session; /* no path was given for session_id: sid, else jti */
} ClaimMap;

/* parses {"tenant_id": "name" | ["path", ...], ...}; palloc'd; error bad_request */
extern void claim_map_parse(const Jsonb *json, ClaimMap *out);

/*
 * Checks exp (at expires_at), nbf and iat against now.  Returns the second
 * from which the token is no longer good, leeway included.  Errors:
 * unauthorized, token_expired.
 */
extern int64 claims_check_times(const JsonbValue *claims, const ClaimPath *expires_at,
								int64 leeway, TimestampTz now);

/* issuer NULL: not looked at; naudience 0: the token may not name an audience */
extern void claims_check_issuer(const JsonbValue *claims, const char *issuer);
extern void claims_check_audience(const JsonbValue *claims, char *const *audience,
								  int naudience);

/* fills who is asking; everything palloc'd */
extern void claims_principal(const JsonbValue *claims, const ClaimMap *map,
							 JwtPrincipal *out);

#endif /* WRK_JWT_CLAIMS_H */
