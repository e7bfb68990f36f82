-- API keys for servers: wrk_<env>_<id>_<secret>, kept as a hash.

CREATE FUNCTION wrk.api_key_scopes_valid(scopes text[])
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN scopes IS NULL OR cardinality(scopes) BETWEEN 1 AND 100 AND NOT EXISTS (
	SELECT FROM unnest(scopes) s WHERE s !~ '^([a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?|\*)$' IS NOT FALSE
		OR length(s) > 100);
COMMENT ON FUNCTION wrk.api_key_scopes_valid(text[]) IS
'whether these are scopes of an API key: 1 to 100 methods (task.create), prefixes (task.*) or *; NULL: no bounds';
REVOKE ALL ON FUNCTION wrk.api_key_scopes_valid(text[]) FROM PUBLIC;

CREATE TABLE wrk.api_key (
	id text PRIMARY KEY,
	env text NOT NULL CHECK (env ~ '^[a-z0-9]{1,16}$'),
	secret_sha256 bytea NOT NULL CHECK (octet_length(secret_sha256) = 32),
	tenant_id text NOT NULL,
	user_id text,
	roles text[] NOT NULL DEFAULT '{}',
	label text,
	created_at timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz,
	revoked_at timestamptz,
	scopes text[] CHECK (wrk.api_key_scopes_valid(scopes)),
	previous_sha256 bytea CHECK (octet_length(previous_sha256) = 32),
	previous_until timestamptz CHECK ((previous_until IS NULL) = (previous_sha256 IS NULL)),
	created_by text DEFAULT wrk.user_id()
);
COMMENT ON TABLE wrk.api_key IS 'API keys; the secret is kept only as its SHA-256';
COMMENT ON COLUMN wrk.api_key.env IS 'where the key is meant to be used (live, test, ...); part of the credential';
COMMENT ON COLUMN wrk.api_key.scopes IS 'methods (task.create) and prefixes (task.*) it may call, and nothing else; NULL: whatever its roles may';
COMMENT ON COLUMN wrk.api_key.previous_sha256 IS 'of the secret before the last rotation, good until previous_until';
CREATE INDEX api_key_tenant_idx ON wrk.api_key (tenant_id, created_at);
COMMENT ON INDEX wrk.api_key_tenant_idx IS 'a tenant''s keys, oldest first';
SELECT pg_catalog.pg_extension_config_dump('wrk.api_key', '');
REVOKE ALL ON wrk.api_key FROM PUBLIC;

CREATE TABLE wrk.api_key_use (
	id text PRIMARY KEY REFERENCES wrk.api_key ON DELETE CASCADE,
	last_used_at timestamptz
);
COMMENT ON TABLE wrk.api_key_use IS
'when each API key was last used, to the minute; apart from wrk.api_key, so that whoever uses a key cannot hold up its revocation';
SELECT pg_catalog.pg_extension_config_dump('wrk.api_key_use', '');
REVOKE ALL ON wrk.api_key_use FROM PUBLIC;

CREATE FUNCTION wrk.api_key_secret()
RETURNS text
LANGUAGE sql VOLATILE PARALLEL SAFE
-- two random UUIDs carry 122 random bits each
RETURN replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
COMMENT ON FUNCTION wrk.api_key_secret() IS 'a new secret: 64 hexadecimal digits with 244 random bits';
REVOKE ALL ON FUNCTION wrk.api_key_secret() FROM PUBLIC;

CREATE FUNCTION wrk.api_key_create(tenant_id text, user_id text, roles text[] DEFAULT '{}',
								   env text DEFAULT 'live', expires_at timestamptz DEFAULT NULL,
								   label text DEFAULT NULL, scopes text[] DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
SET timezone TO 'UTC'
AS $$
DECLARE
	secret text := wrk.api_key_secret();
	key_id text := left(replace(gen_random_uuid()::text, '-', ''), 16);
BEGIN
	IF tenant_id IS NULL OR tenant_id = '' THEN
		RAISE EXCEPTION 'an API key needs a tenant' USING ERRCODE = 'WK400';
	END IF;
	IF env !~ '^[a-z0-9]{1,16}$' THEN
		RAISE EXCEPTION 'environment "%" of an API key is not valid', env USING ERRCODE = 'WK400',
			HINT = 'Use 1 to 16 lower-case letters and digits, such as live or test.';
	END IF;
	IF NOT wrk.api_key_scopes_valid(scopes) THEN
		RAISE EXCEPTION 'scopes of an API key are not valid' USING ERRCODE = 'WK400',
			HINT = 'Use 1 to 100 methods such as task.create, prefixes such as task.*, or *.';
	END IF;
	INSERT INTO wrk.api_key AS k (id, env, secret_sha256, tenant_id, user_id, roles, label, expires_at, scopes)
	VALUES (key_id, api_key_create.env, sha256(convert_to(secret, 'UTF8')), api_key_create.tenant_id,
			api_key_create.user_id, coalesce(api_key_create.roles, '{}'), api_key_create.label,
			api_key_create.expires_at, api_key_create.scopes);
	-- made now: making it while stamping would have to wait for whoever makes it as well
	INSERT INTO wrk.api_key_use (id) VALUES (key_id);
	PERFORM wrk.audit('api_key.created', 'api_key', key_id, jsonb_build_object('env', env, 'user_id', user_id,
		'roles', coalesce(roles, '{}'), 'label', left(label, 200), 'expires_at', expires_at, 'scopes', scopes), tenant_id);
	RETURN 'wrk_' || env || '_' || key_id || '_' || secret;
END
$$;
COMMENT ON FUNCTION wrk.api_key_create(text, text, text[], text, timestamptz, text, text[]) IS
'makes an API key for tenant, user (NULL for a service itself) and roles, with scopes for these calls only; returns the credential, which is shown this once. Recorded as api_key.created. Error: WK400 bad_request';

CREATE FUNCTION wrk.api_key_revoke(id text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	revoked wrk.api_key;
BEGIN
	UPDATE wrk.api_key k SET revoked_at = now()
	WHERE k.id = api_key_revoke.id AND k.revoked_at IS NULL
	RETURNING * INTO revoked;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM wrk.audit('api_key.revoked', 'api_key', revoked.id,
		jsonb_build_object('env', revoked.env, 'user_id', revoked.user_id),
		-- a key that was put there for a tenant that cannot be must be revocable as well
		CASE WHEN revoked.tenant_id !~ '^$|:|[[:cntrl:]]' THEN revoked.tenant_id END);
	RETURN true;
END
$$;
COMMENT ON FUNCTION wrk.api_key_revoke(text) IS
'revokes the API key with this id, recorded as api_key.revoked; false if there is none or it was revoked before';

CREATE FUNCTION wrk.api_key_rotate(id text, overlap interval DEFAULT '24 hours')
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
SET timezone TO 'UTC'
AS $$
DECLARE
	secret text := wrk.api_key_secret();
	rotated wrk.api_key;
BEGIN
	IF overlap IS NULL OR overlap NOT BETWEEN '0' AND '30 days' THEN
		RAISE EXCEPTION 'overlap must be between 0 and 30 days' USING ERRCODE = 'WK400';
	END IF;
	UPDATE wrk.api_key k SET secret_sha256 = sha256(convert_to(secret, 'UTF8')),
		previous_sha256 = k.secret_sha256, previous_until = clock_timestamp() + overlap
	WHERE k.id = api_key_rotate.id AND k.revoked_at IS NULL
		AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
	RETURNING * INTO rotated;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no API key "%" that is in use', id USING ERRCODE = 'WK404';
	END IF;
	PERFORM wrk.audit('api_key.rotated', 'api_key', rotated.id, jsonb_build_object('env', rotated.env,
		'user_id', rotated.user_id, 'previous_until', rotated.previous_until), rotated.tenant_id);
	RETURN 'wrk_' || rotated.env || '_' || rotated.id || '_' || secret;
END
$$;
COMMENT ON FUNCTION wrk.api_key_rotate(text, interval) IS
'gives the API key with this id a new secret and returns the credential, which is shown this once; the secret before it is good for the overlap (0 to 30 days), an older one no more. Recorded as api_key.rotated. Errors: WK400 bad_request, WK404 not_found (none, revoked or expired)';
REVOKE ALL ON FUNCTION wrk.api_key_rotate(text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.api_key_rotate(text, interval) TO wrk_service;

REVOKE ALL ON FUNCTION wrk.api_key_create(text, text, text[], text, timestamptz, text, text[]),
	wrk.api_key_revoke(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.api_key_create(text, text, text[], text, timestamptz, text, text[]),
	wrk.api_key_revoke(text) TO wrk_service;
