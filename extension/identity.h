/*
 * identity.h
 *	  Who is asking: the verified identity of this transaction.
 *
 * There is at most one identity per transaction.  It is set by code that has
 * checked a credential (or the caller's right to vouch for somebody) and it is
 * gone when the transaction ends.  Readers get a pointer that stays valid until
 * the identity changes; copy what must live longer.
 */
#ifndef WRK_IDENTITY_H
#define WRK_IDENTITY_H

#include "wrk_copilot.h"

/* One flat allocation, made by the assign path; every pointer points inside it. */
typedef struct Identity
{
	const char *tenant_id;  /* as in the claim; never NULL, never empty */
	const char *user_id;    /* NULL for a service without a user */
	const char *session_id; /* sid or jti; may be NULL */
	const char *via;        /* "jwt", "api_key" or "impersonate" */
	const char *actor;      /* who vouches: key id, API key id or database role */
	int64 expires_at;       /* unix seconds, 0 = does not expire */
	int nroles;
	const char **roles;
} Identity;

extern void identity_init(void);

/* the identity of this transaction, NULL for nobody; error once it has expired */
extern const Identity *identity_current(void);

/*
 * Makes id the identity until this transaction ends.  Errors: forbidden when
 * another tenant was set in this transaction, bad_request for a value with
 * control characters, token_expired.
 */
extern void identity_set(const Identity *id);

/* verifies a JWT or an API key and sets the identity it stands for; errors: unauthorized,
 * token_expired, and those of identity_set() */
extern void identity_authenticate(const char *token, size_t len);

#endif /* WRK_IDENTITY_H */
