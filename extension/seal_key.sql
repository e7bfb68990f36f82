-- The keys that seals of the audit log are signed with.

CREATE TABLE wrk.seal_key (
	kid text PRIMARY KEY CHECK (octet_length(kid) BETWEEN 1 AND 256),
	jwk jsonb NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE wrk.seal_key IS
'keys of seals, with their private halves; read by their owner and the extension only. The newest signs, the others verify what they signed: none may be deleted';
COMMENT ON COLUMN wrk.seal_key.kid IS 'name of the key in seals';
COMMENT ON COLUMN wrk.seal_key.jwk IS 'the key as a JWK, private half included';
COMMENT ON COLUMN wrk.seal_key.created_at IS 'from then on it signed, until a newer one did';
SELECT pg_catalog.pg_extension_config_dump('wrk.seal_key', '');
REVOKE ALL ON wrk.seal_key FROM PUBLIC;

CREATE FUNCTION wrk.seal_key_make(alg text)
RETURNS jsonb
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_seal_key_make';
COMMENT ON FUNCTION wrk.seal_key_make(text) IS
'a new random key as a JWK, EdDSA (Ed25519) or HS256; part of wrk.seal_key_create(). Error: WK400 bad_request for another algorithm';

CREATE FUNCTION wrk.seal_key_create(alg text DEFAULT 'EdDSA')
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	made jsonb := wrk.seal_key_make(alg);
	made_kid text := coalesce(wrk.jwt_key_prepare(made, alg, '{}') ->> 'thumbprint', gen_random_uuid()::text);
BEGIN
	INSERT INTO wrk.seal_key (kid, jwk) VALUES (made_kid, made);
	PERFORM wrk.audit('seal_key.created', 'seal_key', made_kid, jsonb_build_object('alg', alg), NULL);
	RETURN made_kid;
END
$$;
COMMENT ON FUNCTION wrk.seal_key_create(text) IS
'makes the key that seals are signed with from now on and returns its kid (of EdDSA, the RFC 7638 thumbprint). alg: EdDSA, which outsiders can verify, or HS256, which only who has the secret can. The first seal makes one by itself. Recorded as fact seal_key.created, of no tenant. Error: WK400 bad_request for another algorithm';

CREATE FUNCTION wrk.seal_keys(OUT kid text, OUT jwk jsonb, OUT created_at timestamptz, OUT signs boolean)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT k.kid,
		   CASE WHEN k.jwk ->> 'kty' <> 'oct' THEN
				wrk.jwt_key_prepare(k.jwk, k.jwk ->> 'alg', '{}') -> 'jwk' || jsonb_build_object('kid', k.kid)
		   END,
		   k.created_at, row_number() OVER (ORDER BY k.created_at DESC, k.kid) = 1
	FROM wrk.seal_key k ORDER BY k.created_at DESC, k.kid
$$;
COMMENT ON FUNCTION wrk.seal_keys() IS
'the keys of seals, newest first, with their public halves as JWK (NULL of a secret); signs: new seals are signed with this one. For everybody who may see seals: what an outsider verifies with should come another way than the proofs';

REVOKE ALL ON FUNCTION wrk.seal_key_make(text), wrk.seal_key_create(text), wrk.seal_keys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.seal_keys() TO wrk_member, wrk_ops;
