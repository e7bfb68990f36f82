-- JSON Web Tokens with the key as an argument: these functions know no table.

CREATE FUNCTION wrk.jws_verify(jws text, jwk jsonb)
RETURNS bytea
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_jws_verify';
COMMENT ON FUNCTION wrk.jws_verify(text, jsonb) IS
'payload of a signed token in compact serialization (RFC 7515) whose signature the key (a JWK, RFC 7517) verifies; HS, RS, PS, ES 256/384/512 and EdDSA. Errors: WK401 unauthorized for the token, WK400 bad_request for the key; never NULL';

CREATE FUNCTION wrk.jwt_verify(token text, jwk jsonb)
RETURNS jsonb
LANGUAGE C STABLE PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_jwt_verify';
COMMENT ON FUNCTION wrk.jwt_verify(text, jsonb) IS
'claims of a JWT (RFC 7519) whose signature the key (a JWK) verifies and whose exp, nbf and iat allow it now, without leeway; issuer and audience are the caller''s to check. Errors: WK401 unauthorized, WK4E1 token_expired, WK400 bad_request for the key; never NULL';

CREATE FUNCTION wrk.jwt_sign(claims jsonb, key jsonb, alg text DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_jwt_sign';
COMMENT ON FUNCTION wrk.jwt_sign(jsonb, jsonb, text) IS
'JWT with these claims, signed with the key (a JWK with its private half); alg defaults to that of the key, HS256 for a plain oct key and RS256 for a plain RSA key. For tests and small installations. Error: WK400 bad_request';

-- Meant for everyone: who calls them brings the key, so they give nobody a right.
GRANT EXECUTE ON FUNCTION wrk.jws_verify(text, jsonb), wrk.jwt_verify(text, jsonb),
	wrk.jwt_sign(jsonb, jsonb, text) TO PUBLIC;
