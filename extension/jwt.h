/*
 * jwt.h
 *	  Verified bearer tokens (RFC 7519 over RFC 7515 compact serialization).
 */
#ifndef WRK_JWT_H
#define WRK_JWT_H

#include "wrk_copilot.h"

/* what a verified token says; everything palloc'd in the caller's context */
typedef struct JwtPrincipal
{
	char *tenant_id;
	char *user_id;    /* claim sub; may be NULL when the key allows it */
	char *session_id; /* sid or jti; may be NULL */
	char *kid;        /* which stored key verified it */
	int64 expires_at; /* unix seconds; the leeway of the key is in it */
	int nroles;
	char **roles;
} JwtPrincipal;

/*
 * Verifies token against the stored keys and fills *out, which comes zeroed.
 * Every refusal is an error: unauthorized or token_expired.
 */
extern void jwt_authenticate(const char *token, size_t len, JwtPrincipal *out);

#endif /* WRK_JWT_H */
