/*
 * jws.h
 *	  Signed tokens in compact serialization (RFC 7515 section 7.1).
 */
#ifndef WRK_JWS_H
#define WRK_JWS_H

#include "jose_json.h"
#include "jwk.h"

/* the longest signature is that of the longest RSA key allowed, with room to spare */
#define JWS_MAX_SIGNATURE_LEN 1100

/* longer tokens are refused before anything else is done with them */
#define JWS_MAX_LEN (16 * 1024)

/* A token taken apart; it is not verified yet.  Points into the token but for what is
 * palloc'd. */
typedef struct Jws
{
	const JwsAlg *alg;
	char *kid; /* palloc'd; NULL if the header has none */
	const char *signing_input;
	size_t signing_input_len;
	const char *payload; /* still encoded */
	size_t payload_len;
	uint8 *signature; /* palloc'd */
	size_t signature_len;
} Jws;

/* takes a token apart and checks its header; error unauthorized */
extern void jws_parse(const char *token, size_t len, Jws *out);

/* whether key may be used for this token and the signature is right */
extern bool jws_signature_valid(const Jws *jws, Jwk *key);

/* the one answer to every failure that depends on a key; why goes to the server log only
 */
extern void jws_refuse_signature(const char *why) pg_attribute_noreturn();

/* palloc'd payload; error unauthorized if it is not canonical base64url */
extern uint8 *jws_payload(const Jws *jws, size_t *len);

/* palloc'd tree of the payload as claims; errors as jose_json_parse() */
extern JsonbValue *jws_claims(const Jws *jws);

/* palloc'd compact token of a text; the key must be able to sign with alg, else
 * bad_request */
extern char *jws_sign(char *payload, Jwk *key, const JwsAlg *alg);

/*
 * The signature of any bytes, of at most JWS_MAX_SIGNATURE_LEN; returns its length.
 * Error: bad_request if the key cannot sign with alg.
 */
extern size_t jws_sign_bytes(const void *bytes, size_t len, Jwk *key, const JwsAlg *alg,
							 uint8 *signature);

#endif /* WRK_JWS_H */
