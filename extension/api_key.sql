-- API keys for servers: wrk_<env>_<id>_<secret>, kept as a hash.

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
	revoked_at timestamptz
);
COMMENT ON TABLE wrk.api_key IS 'API keys; the secret is kept only as its SHA-256';
COMMENT ON COLUMN wrk.api_key.env IS 'where the key is meant to be used (live, test, ...); part of the credential';
CREATE INDEX api_key_tenant_idx ON wrk.api_key (tenant_id, created_at);
COMMENT ON INDEX wrk.api_key_tenant_idx IS 'a tenant''s keys, oldest first';
SELECT pg_catalog.pg_extension_config_dump('wrk.api_key', '');
REVOKE ALL ON wrk.api_key FROM PUBLIC;

CREATE FUNCTION wrk.api_key_create(tenant_id text, user_id text, roles text[] DEFAULT '{}',
								   env text DEFAULT 'live', expires_at timestamptz DEFAULT NULL,
								   label text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
SET timezone TO 'UTC'
AS $$
DECLARE
	-- two random UUIDs carry 122 random bits each
	secret text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
	key_id text := left(replace(gen_random_uuid()::text, '-', ''), 16);
BEGIN
	IF tenant_id IS NULL OR tenant_id = '' THEN
		RAISE EXCEPTION 'an API key needs a tenant' USING ERRCODE = 'WK400';
	END IF;
	IF env !~ '^[a-z0-9]{1,16}$' THEN
		RAISE EXCEPTION 'environment "%" of an API key is not valid', env USING ERRCODE = 'WK400',
			HINT = 'Use 1 to 16 lower-case letters and digits, such as live or test.';
	END IF;
	INSERT INTO wrk.api_key AS k (id, env, secret_sha256, tenant_id, user_id, roles, label, expires_at)
	VALUES (key_id, api_key_create.env, sha256(convert_to(secret, 'UTF8')), api_key_create.tenant_id,
			api_key_create.user_id, coalesce(api_key_create.roles, '{}'), api_key_create.label,
			api_key_create.expires_at);
	PERFORM wrk.audit('api_key.created', 'api_key', key_id, jsonb_build_object('env', env, 'user_id', user_id,
		'roles', coalesce(roles, '{}'), 'label', left(label, 200), 'expires_at', expires_at), tenant_id);
	RETURN 'wrk_' || env || '_' || key_id || '_' || secret;
END
$$;
COMMENT ON FUNCTION wrk.api_key_create(text, text, text[], text, timestamptz, text) IS
'makes an API key for tenant, user (NULL for a service itself) and roles; returns the credential, which is shown this once. Recorded as api_key.created. Error: WK400 bad_request';

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

REVOKE ALL ON FUNCTION wrk.api_key_create(text, text, text[], text, timestamptz, text),
	wrk.api_key_revoke(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.api_key_create(text, text, text[], text, timestamptz, text),
	wrk.api_key_revoke(text) TO wrk_service;
