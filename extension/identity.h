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
	const char
		*scopes;      /* methods it is good for, a blank between; NULL: for everything */
	bool in_scope;    /* one of those methods is being called just now */
	int64 expires_at; /* unix seconds, 0 = does not expire */
	int nroles;
	const char **roles;
} Identity;

extern void identity_init(void);

/*
 * The identity of this transaction, NULL for nobody; error once it has expired, and
 * for one with scopes, forbidden, unless a method within them is being called.
 */
extern const Identity *identity_current(void);

/* the same for those who only show it or ask about its scopes, which are good anywhere */
extern const Identity *identity_presented(void);

/* another number whenever the identity may have become another, for what is made of it */
extern uint64 identity_version(void);

/*
 * Makes id the identity until this transaction ends.  Errors: forbidden when
 * another tenant was set in this transaction, bad_request for a value with
 * control characters, token_expired.
 */
extern void identity_set(const Identity *id);

/*
 * Begins and ends what an identity with scopes is good for.  identity_enter() says
 * whether there is something to end; it is undone with the subtransaction as well.
 * Error: forbidden for a method outside of the scopes.
 */
extern bool identity_enter(const char *method);
extern void identity_leave(void);

/* verifies a JWT or an API key and sets the identity it stands for; errors: unauthorized,
 * token_expired, and those of identity_set() */
extern void identity_authenticate(const char *token, size_t len);

#endif /* WRK_IDENTITY_H */
