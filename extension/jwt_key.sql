-- The keys whose tokens wrk.authenticate() accepts.  Whoever can change this table can mint
-- identities: only its owner may, and others by an explicit GRANT on the functions below.

CREATE TABLE wrk.jwt_key (
	kid text CHECK (octet_length(kid) BETWEEN 1 AND 256 AND kid !~ '[[:cntrl:]]'),
	issuer text DEFAULT '',
	alg text NOT NULL,
	jwk jsonb NOT NULL,
	audience text[] CHECK (cardinality(audience) > 0 AND array_position(audience, NULL) IS NULL),
	claims jsonb NOT NULL DEFAULT '{}',
	leeway integer NOT NULL DEFAULT 0 CHECK (leeway BETWEEN 0 AND 60),
	imported_at timestamptz NOT NULL DEFAULT now(),
	retire_at timestamptz,
	PRIMARY KEY (kid, issuer)
);
COMMENT ON TABLE wrk.jwt_key IS 'keys that verify tokens; written by wrk.jwt_key_import() and read by nobody but the extension itself';
COMMENT ON COLUMN wrk.jwt_key.kid IS 'key id as in the header of tokens';
COMMENT ON COLUMN wrk.jwt_key.issuer IS 'claim iss of the tokens it verifies; empty: not looked at';
COMMENT ON COLUMN wrk.jwt_key.alg IS 'the one signature algorithm it is used with';
COMMENT ON COLUMN wrk.jwt_key.jwk IS 'key material as a JWK: the public half, or a shared secret';
COMMENT ON COLUMN wrk.jwt_key.audience IS 'claim aud must name one of these; NULL: tokens may not have an audience';
COMMENT ON COLUMN wrk.jwt_key.claims IS 'where in the claims the parts of an identity are; see wrk.jwt_key_import()';
COMMENT ON COLUMN wrk.jwt_key.leeway IS 'seconds that exp, nbf and iat may be off';
COMMENT ON COLUMN wrk.jwt_key.imported_at IS 'when this material came in last';
COMMENT ON COLUMN wrk.jwt_key.retire_at IS 'from then on it verifies nothing; NULL: active';
SELECT pg_catalog.pg_extension_config_dump('wrk.jwt_key', '');
REVOKE ALL ON wrk.jwt_key FROM PUBLIC;

SELECT wrk.cache_watch('wrk.jwt_key', 'every backend reads the keys again');

CREATE FUNCTION wrk.jwt_key_prepare(jwk jsonb, alg text, claims jsonb)
RETURNS jsonb
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_jwt_key_prepare';
COMMENT ON FUNCTION wrk.jwt_key_prepare(jsonb, text, jsonb) IS
'checks a JWK and a claim map and returns what to store: {kid, thumbprint (RFC 7638, null for a secret), alg, jwk (without private half)}. Error: WK400 bad_request';

CREATE FUNCTION wrk.jwt_key_report(what text, key wrk.jwt_key, thumbprint text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp SET timezone TO 'UTC'
AS $$
BEGIN
	-- named one by one: material must not be among them
	PERFORM wrk.audit('jwt_key.' || what, 'jwt_key', key.kid, jsonb_strip_nulls(jsonb_build_object(
		'issuer', nullif(key.issuer, ''), 'alg', key.alg, 'audience', key.audience, 'leeway', key.leeway,
		'retire_at', key.retire_at, 'thumbprint', thumbprint)) || jsonb_build_object('claims', key.claims), NULL);
END
$$;
COMMENT ON FUNCTION wrk.jwt_key_report(text, wrk.jwt_key, text) IS
'records what was done to a key as jwt_key.<what>, without its material; of no tenant, for a key may vouch for all';

-- One key of an import; its kid.
CREATE FUNCTION wrk.jwt_key_store(prepared jsonb, kid text, issuer text, audience text[],
								  claims jsonb, leeway interval)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	key_id text := coalesce(kid, prepared ->> 'kid', prepared ->> 'thumbprint');
	key_issuer text := coalesce(issuer, '');
	was wrk.jwt_key;
	is_now wrk.jwt_key;
BEGIN
	-- a secret without a name: the one it got last time, else a random one
	IF key_id IS NULL THEN
		SELECT k.kid INTO key_id FROM wrk.jwt_key k
		WHERE k.issuer = key_issuer AND k.jwk = prepared -> 'jwk' LIMIT 1;
		key_id := coalesce(key_id, gen_random_uuid()::text);
	ELSIF octet_length(key_id) NOT BETWEEN 1 AND 256 OR key_id ~ '[[:cntrl:]]' THEN
		RAISE EXCEPTION 'a kid must have 1 to 256 bytes and no control characters'
			USING ERRCODE = 'WK400';
	END IF;
	SELECT * INTO was FROM wrk.jwt_key k WHERE k.kid = key_id AND k.issuer = key_issuer;
	INSERT INTO wrk.jwt_key AS k (kid, issuer, alg, jwk, audience, claims, leeway)
	VALUES (key_id, key_issuer, prepared ->> 'alg', prepared -> 'jwk', jwt_key_store.audience,
			jwt_key_store.claims, extract(epoch FROM jwt_key_store.leeway))
	ON CONFLICT ON CONSTRAINT jwt_key_pkey DO UPDATE
	SET alg = excluded.alg, jwk = excluded.jwk, audience = excluded.audience,
		claims = excluded.claims, leeway = excluded.leeway, imported_at = now(), retire_at = NULL
	RETURNING * INTO is_now;
	-- a set is fetched again and again: only what that changes is worth telling
	was.imported_at := is_now.imported_at;
	IF was IS DISTINCT FROM is_now THEN
		PERFORM wrk.jwt_key_report(CASE WHEN was.kid IS NULL THEN 'imported' ELSE 'replaced' END,
								   is_now, prepared ->> 'thumbprint');
	END IF;
	RETURN key_id;
END
$$;
COMMENT ON FUNCTION wrk.jwt_key_store(jsonb, text, text, text[], jsonb, interval) IS
'part of wrk.jwt_key_import(): adds or replaces one prepared key; returns its kid';

CREATE FUNCTION wrk.jwt_key_import(jwk_or_jwks jsonb, issuer text DEFAULT NULL,
								   audience text[] DEFAULT NULL, claims jsonb DEFAULT '{}',
								   leeway interval DEFAULT '0', alg text DEFAULT NULL,
								   kid text DEFAULT NULL, retire_missing boolean DEFAULT false)
RETURNS SETOF text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	is_set boolean := jwk_or_jwks ? 'keys';
	jwk jsonb;
	prepared jsonb;
	retired wrk.jwt_key;
	kids text[] := '{}';
BEGIN
	IF leeway IS NULL OR leeway NOT BETWEEN '0' AND '60 seconds' THEN
		RAISE EXCEPTION 'leeway must be between 0 and 60 seconds' USING ERRCODE = 'WK400';
	ELSIF audience = '{}' OR array_position(audience, NULL) IS NOT NULL THEN
		RAISE EXCEPTION 'audience must name somebody' USING ERRCODE = 'WK400';
	ELSIF is_set AND kid IS NOT NULL THEN
		RAISE EXCEPTION 'a set of keys cannot be given one kid' USING ERRCODE = 'WK400';
	ELSIF retire_missing AND (issuer IS NULL OR NOT is_set) THEN
		RAISE EXCEPTION 'retire_missing needs a set of keys and an issuer' USING ERRCODE = 'WK400';
	ELSIF is_set AND jsonb_typeof(jwk_or_jwks -> 'keys') <> 'array' THEN
		RAISE EXCEPTION 'member "keys" of a JWKS must be an array' USING ERRCODE = 'WK400';
	END IF;

	FOR jwk IN SELECT jsonb_array_elements(CASE WHEN is_set THEN jwk_or_jwks -> 'keys'
												ELSE jsonb_build_array(jwk_or_jwks) END)
	LOOP
		BEGIN
			prepared := wrk.jwt_key_prepare(jwk, alg, claims);
		EXCEPTION WHEN SQLSTATE 'WK400' THEN
			-- RFC 7517 section 5: a set may hold keys for other purposes
			IF NOT is_set OR jwk ->> 'kty' IS NOT DISTINCT FROM 'oct' THEN
				RAISE;
			END IF;
			RAISE NOTICE 'key "%" of the set is left out: %', jwk ->> 'kid', SQLERRM;
			CONTINUE;
		END;
		kids := kids || wrk.jwt_key_store(prepared, kid, issuer, audience, claims, leeway);
	END LOOP;

	IF kids = '{}' THEN
		RAISE EXCEPTION 'the set has no key that can be used' USING ERRCODE = 'WK400';
	END IF;
	IF retire_missing THEN
		FOR retired IN
			UPDATE wrk.jwt_key k SET retire_at = now()
			WHERE k.issuer = jwt_key_import.issuer AND k.kid <> ALL (kids)
			  AND (k.retire_at IS NULL OR k.retire_at > now()) RETURNING *
		LOOP
			PERFORM wrk.jwt_key_report('retired', retired);
		END LOOP;
	END IF;
	RETURN QUERY SELECT unnest(kids);
END
$$;
COMMENT ON FUNCTION wrk.jwt_key_import(jsonb, text, text[], jsonb, interval, text, text, boolean) IS
'lets tokens signed with this key (JWK) or these keys (JWKS, RFC 7517) vouch for an identity; returns their kids. A kid known for this issuer is replaced and active again. '
'issuer: claim iss must equal it. audience: claim aud must name one of these; without it tokens may not have an audience. '
'claims: where the parts of an identity are, {"tenant_id", "user_id", "roles", "session_id", "expires_at"} each a claim name or an array of names as path, by default tenant_id, sub, roles, sid else jti, exp; null for user_id, roles or session_id: none. '
'leeway: 0 to 60 s for exp, nbf and iat. alg: for keys without "alg"; else HS256 for oct, RS256 for RSA. kid: for a key without. retire_missing: retires the issuer''s other keys. '
'Of a private key only the public half is stored. Recorded as jwt_key.imported, .replaced and .retired. Error: WK400 bad_request';

CREATE FUNCTION wrk.jwt_key_list(OUT kid text, OUT issuer text, OUT alg text, OUT audience text[],
								 OUT claims jsonb, OUT leeway interval, OUT imported_at timestamptz,
								 OUT retire_at timestamptz, OUT active boolean)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT k.kid, nullif(k.issuer, ''), k.alg, k.audience, k.claims, make_interval(secs => k.leeway),
		   k.imported_at, k.retire_at, k.retire_at IS NULL OR k.retire_at > now()
	FROM wrk.jwt_key k ORDER BY k.issuer, k.kid
$$;
COMMENT ON FUNCTION wrk.jwt_key_list() IS 'the stored keys without their material';

CREATE FUNCTION wrk.jwt_key_retire(kid text, at timestamptz DEFAULT now(), issuer text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	retired wrk.jwt_key;
	any_retired boolean := false;
BEGIN
	FOR retired IN
		UPDATE wrk.jwt_key k SET retire_at = jwt_key_retire.at
		WHERE k.kid = jwt_key_retire.kid
		  AND (jwt_key_retire.issuer IS NULL OR k.issuer = jwt_key_retire.issuer) RETURNING *
	LOOP
		PERFORM wrk.jwt_key_report(CASE WHEN at IS NULL THEN 'restored' ELSE 'retired' END, retired);
		any_retired := true;
	END LOOP;
	RETURN any_retired;
END
$$;
COMMENT ON FUNCTION wrk.jwt_key_retire(text, timestamptz, text) IS
'the key with this kid (of this issuer, or of any) verifies nothing from then on; false if there is none. at NULL makes it active again. Recorded as jwt_key.retired or .restored';

REVOKE ALL ON FUNCTION wrk.jwt_key_prepare(jsonb, text, jsonb),
	wrk.jwt_key_report(text, wrk.jwt_key, text),
	wrk.jwt_key_store(jsonb, text, text, text[], jsonb, interval),
	wrk.jwt_key_import(jsonb, text, text[], jsonb, interval, text, text, boolean), wrk.jwt_key_list(),
	wrk.jwt_key_retire(text, timestamptz, text) FROM PUBLIC;
