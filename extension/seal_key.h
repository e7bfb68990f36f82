/*
 * seal_key.h
 *	  The keys that seals are signed with (wrk.seal_key).
 */
#ifndef WRK_SEAL_KEY_H
#define WRK_SEAL_KEY_H

#include "jws.h"

/* One row of wrk.seal_key; lives in the context it was read into. */
typedef struct SealKey
{
	char *kid;
	const JwsAlg *alg;
	Jwk *jwk;
} SealKey;

/* All of these need SPI and the owner's rights. */

/* the key to sign with, the newest; makes one if there is none */
extern SealKey *seal_key_current(void);

/* the key of that name, NULL if there is none */
extern SealKey *seal_key_find(const char *kid);

extern bool seal_key_verifies(const SealKey *key, const void *bytes, size_t len,
							  const uint8 *signature, size_t signature_len);

#endif /* WRK_SEAL_KEY_H */
