-- Sessions: tokens that this installation signs itself, sessions that are over, and who
-- is suspended.
--
-- Whoever may execute wrk.token_issue() can be anybody; only functions of the owner
-- may. The key is an entry of wrk.jwt_key under an issuer of our own: what signs
-- here is what verifies here, and it never leaves the database.

-- Columns are read by number in C (session.c).
CREATE TABLE wrk.revoked_session (
	session_id text COLLATE "C" NOT NULL CHECK (octet_length(session_id) BETWEEN 1 AND 512),
	tenant_id text COLLATE "C" NOT NULL,
	until timestamptz NOT NULL,
	revoked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	ended boolean NOT NULL DEFAULT true,
	PRIMARY KEY (session_id, tenant_id)
);
COMMENT ON TABLE wrk.revoked_session IS 'sessions whose tokens wrk.authenticate() refuses though they verify';
COMMENT ON COLUMN wrk.revoked_session.session_id IS 'as in the claim sid, else jti';
COMMENT ON COLUMN wrk.revoked_session.tenant_id IS 'whose session; empty: of any tenant';
COMMENT ON COLUMN wrk.revoked_session.until IS 'when the last token of the session has expired by itself; the row is of no use from then on';
COMMENT ON COLUMN wrk.revoked_session.ended IS 'the session is over; false: it lives on with new tokens';
CREATE INDEX revoked_session_until_idx ON wrk.revoked_session (until);
COMMENT ON INDEX wrk.revoked_session_until_idx IS 'what is over first, for retention';
SELECT pg_catalog.pg_extension_config_dump('wrk.revoked_session', '');
REVOKE ALL ON wrk.revoked_session FROM PUBLIC;

CREATE FUNCTION wrk.session_revoke(session_id text, until timestamptz DEFAULT now() + interval '24 hours',
								   tenant_id text DEFAULT wrk.tenant_id(), ended boolean DEFAULT true)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF session_id IS NULL OR octet_length(session_id) NOT BETWEEN 1 AND 512 THEN
		RAISE EXCEPTION 'a session has a name of 1 to 512 bytes' USING ERRCODE = 'WK400';
	ELSIF until IS NULL OR until > now() + interval '366 days' THEN
		RAISE EXCEPTION 'a session is revoked for at most 366 days' USING ERRCODE = 'WK400',
			HINT = 'Say when its last token expires.';
	END IF;
	INSERT INTO wrk.revoked_session AS r (session_id, tenant_id, until, ended)
	VALUES (session_revoke.session_id, coalesce(session_revoke.tenant_id, ''), session_revoke.until,
			coalesce(session_revoke.ended, true))
	ON CONFLICT ON CONSTRAINT revoked_session_pkey DO UPDATE
		SET until = greatest(r.until, excluded.until), ended = r.ended OR excluded.ended;
END
$$;
COMMENT ON FUNCTION wrk.session_revoke(text, timestamptz, text, boolean) IS
'from its commit on, wrk.authenticate() refuses (WK4E2) tokens of this session (claim sid, else jti) of the tenant, NULL: of any tenant, and gateways close its connections. until: when the last of them expires by itself. ended false: only the tokens given out so far are void (WK401), the session goes on with another one. Nothing takes it back. Error: WK400 bad_request';

CREATE FUNCTION wrk.session_retention()
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH gone AS (DELETE FROM wrk.revoked_session WHERE until < now() RETURNING 1)
	SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION wrk.session_retention() IS
'forgets revoked sessions whose tokens have expired; run by the background worker';

-- ---------- suspension ----------

-- Columns are read by number in C (session.c).
CREATE TABLE wrk.suspension (
	tenant_id text COLLATE "C" NOT NULL CHECK (tenant_id <> ''),
	user_id text COLLATE "C" NOT NULL DEFAULT '',
	since timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (tenant_id, user_id)
);
COMMENT ON TABLE wrk.suspension IS 'tenants, and users of a tenant, that wrk.authenticate() refuses whatever their credential';
COMMENT ON COLUMN wrk.suspension.user_id IS 'who; empty: everybody of the tenant';
SELECT pg_catalog.pg_extension_config_dump('wrk.suspension', '');
REVOKE ALL ON wrk.suspension FROM PUBLIC;

CREATE FUNCTION wrk.suspend(tenant_id text, user_id text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF coalesce(tenant_id, '') = '' THEN
		RAISE EXCEPTION 'who is suspended has a tenant' USING ERRCODE = 'WK400';
	END IF;
	INSERT INTO wrk.suspension (tenant_id, user_id) VALUES (suspend.tenant_id, coalesce(suspend.user_id, ''))
	ON CONFLICT DO NOTHING;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION wrk.suspend(text, text) IS
'from its commit on, wrk.authenticate() refuses (WK403) credentials of the tenant or, with user_id, of that user of it, and gateways close their connections; false if it did so already. Error: WK400 bad_request';

CREATE FUNCTION wrk.unsuspend(tenant_id text, user_id text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM wrk.suspension s
	WHERE s.tenant_id = unsuspend.tenant_id AND s.user_id = coalesce(unsuspend.user_id, '');
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION wrk.unsuspend(text, text) IS
'ends what wrk.suspend() with the same arguments began; false if it had not. Sessions that were ended stay so';

-- ---------- tokens of this installation ----------

CREATE FUNCTION wrk.token_key()
RETURNS wrk.jwt_key
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT k.* FROM wrk.jwt_key k
	WHERE k.issuer = 'wrk_copilot' AND k.alg = 'HS256' AND k.retire_at IS NULL
	ORDER BY k.imported_at DESC, k.kid LIMIT 1
$$;
COMMENT ON FUNCTION wrk.token_key() IS 'the key wrk.token_issue() signs with, with its secret; NULL if there is none';

CREATE FUNCTION wrk.token_key_rotate(overlap interval DEFAULT '1 hour')
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- each random UUID carries 122 random bits
	secret bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
						   || uuid_send(gen_random_uuid()));
	new_kid text := 'wrk-' || gen_random_uuid();
BEGIN
	IF overlap IS NULL OR overlap NOT BETWEEN '0' AND '366 days' THEN
		RAISE EXCEPTION 'overlap must be between 0 and 366 days' USING ERRCODE = 'WK400';
	END IF;
	-- two at once would leave two keys that sign
	PERFORM pg_advisory_xact_lock(hashtext('wrk.token_key_rotate'));
	PERFORM wrk.jwt_key_retire(k.kid, now() + overlap, k.issuer) FROM wrk.jwt_key k
	WHERE k.issuer = 'wrk_copilot' AND (k.retire_at IS NULL OR k.retire_at > now() + overlap);
	PERFORM wrk.jwt_key_import(jsonb_build_object('kty', 'oct', 'alg', 'HS256', 'kid', new_kid,
		'k', translate(rtrim(encode(secret, 'base64'), '='), E'+/\n', '-_')), issuer => 'wrk_copilot');
	RETURN new_kid;
END
$$;
COMMENT ON FUNCTION wrk.token_key_rotate(interval) IS
'makes the key that wrk.token_issue() signs with from now on, and returns its kid; tokens of the one before verify for the overlap (0 to 366 days). Error: WK400 bad_request';

CREATE FUNCTION wrk.token_key_ensure()
RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT coalesce((wrk.token_key()).kid, wrk.token_key_rotate())
$$;
COMMENT ON FUNCTION wrk.token_key_ensure() IS
'makes the key of wrk.token_issue() unless there is one; returns its kid';

CREATE FUNCTION wrk.token_issue(tenant_id text, user_id text, roles text[], session_id text,
								lifetime interval DEFAULT '15 minutes')
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	key wrk.jwt_key := wrk.token_key();
	issued_at bigint := floor(extract(epoch FROM clock_timestamp()));
BEGIN
	IF key.kid IS NULL THEN
		RAISE EXCEPTION 'this installation has no key to sign tokens with' USING ERRCODE = 'WK503',
			HINT = 'Call wrk.token_key_ensure() once.';
	ELSIF lifetime IS NULL OR lifetime NOT BETWEEN '1 second' AND '24 hours' THEN
		RAISE EXCEPTION 'a token lives for 1 second to 24 hours' USING ERRCODE = 'WK400';
	ELSIF coalesce(tenant_id, '') = '' OR coalesce(user_id, '') = '' OR coalesce(session_id, '') = '' THEN
		RAISE EXCEPTION 'a token needs a tenant, a user and a session' USING ERRCODE = 'WK400';
	END IF;
	RETURN wrk.jwt_sign(jsonb_build_object('iss', 'wrk_copilot', 'sub', user_id, 'tenant_id', tenant_id,
		'roles', coalesce(roles, '{}'), 'sid', session_id, 'iat', issued_at,
		'exp', issued_at + extract(epoch FROM lifetime)::bigint),
		key.jwk || jsonb_build_object('kid', key.kid), key.alg);
END
$$;
COMMENT ON FUNCTION wrk.token_issue(text, text, text[], text, interval) IS
'signs a token with the installation''s own key: claims iss wrk_copilot, sub, tenant_id, roles, sid, iat, exp. Whoever may call it can be anybody: for functions of the owner that have checked who is asking. Errors: WK400 bad_request, WK503 unavailable (no key)';

REVOKE ALL ON FUNCTION wrk.session_revoke(text, timestamptz, text, boolean), wrk.suspend(text, text),
	wrk.unsuspend(text, text), wrk.session_retention(), wrk.token_key(),
	wrk.token_key_rotate(interval), wrk.token_key_ensure(),
	wrk.token_issue(text, text, text[], text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.session_revoke(text, timestamptz, text, boolean), wrk.suspend(text, text),
	wrk.unsuspend(text, text) TO wrk_service;

SELECT wrk.maintenance_register('wrk.session_retention', 'wrk.session_retention()', '10 minutes');
