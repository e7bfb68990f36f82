/*
 * api_key.h
 *	  API keys: wrk_<env>_<id>_<secret>, kept as a hash.
 */
#ifndef WRK_API_KEY_H
#define WRK_API_KEY_H

#include "identity.h"

/* whether a credential is an API key rather than a JWT; looks at its beginning only */
extern bool api_key_looks_like(const char *token, size_t len);

/*
 * Verifies the key and fills *out; strings are palloc'd in the current context.
 * Every refusal is the same error, unauthorized, but for expiry (token_expired).
 */
extern void api_key_authenticate(const char *token, size_t len, Identity *out);

#endif /* WRK_API_KEY_H */
