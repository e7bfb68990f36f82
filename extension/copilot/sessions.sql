-- Sessions: how long somebody stays logged in, on which device, and how that ends.
--
-- A session has an access token, a JWT that lives for minutes, and a refresh token
-- that is good for one exchange. Every exchange makes the next refresh token; one
-- that comes a second time has been copied, so the session ends, whoever sent it.
-- A retry within seconds is answered as before, as long as the token it was given
-- has not been used: the next token is derived from the one before and a salt of
-- the session, so it need not be kept. Stored are hashes only.
--
-- The claim sid of access tokens is not the session's id but its token_session:
-- another one makes all tokens given out so far void and leaves the session, which
-- is what happens when a role is taken away.
--
-- What refuses here writes at the same time (a session ends, a failure is counted),
-- and an error would undo it. Logging in and refreshing therefore answer
-- {"error": ...}; whoever calls them must commit in any case.

CREATE FUNCTION copilot.session_rules(OUT access interval, OUT idle interval, OUT longest interval,
									  OUT retry interval, OUT most integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT interval '15 minutes', interval '30 minutes', interval '30 days', interval '10 seconds', 50
$$;
COMMENT ON FUNCTION copilot.session_rules() IS
'how long an access token lives, a session without a refresh, a session at all; for how long the same refresh token may be sent again; how many sessions somebody has in a tenant at once';

CREATE FUNCTION copilot.make_sessions()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.sessions (
		tenant_id uuid NOT NULL,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		user_id uuid NOT NULL,
		method text NOT NULL CHECK (method IN ('password', 'external', 'invitation', 'service')),
		client text CHECK (length(client) <= 300),
		address inet,
		token_session uuid NOT NULL DEFAULT gen_random_uuid(),
		refresh_salt bytea NOT NULL CHECK (octet_length(refresh_salt) = 32),
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		expires_at timestamptz NOT NULL,
		ended_at timestamptz,
		end_reason text CHECK (end_reason IN ('logout', 'logout_all', 'ended_by_admin', 'reuse', 'idle',
			'expired', 'replaced', 'password_changed', 'deactivated')),
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, user_id) REFERENCES copilot.tenant_users ON DELETE CASCADE,
		CHECK ((ended_at IS NULL) = (end_reason IS NULL))
	);
	CREATE INDEX IF NOT EXISTS sessions_user_idx ON copilot.sessions (tenant_id, user_id, created_at, id);
	CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON copilot.sessions (expires_at);
	COMMENT ON TABLE copilot.sessions IS 'who is, and was, logged in where; a member sees the own ones';
	COMMENT ON COLUMN copilot.sessions.method IS 'how it began';
	COMMENT ON COLUMN copilot.sessions.client IS 'user agent, as the server that logged somebody in says';
	COMMENT ON COLUMN copilot.sessions.token_session IS 'claim sid of its access tokens; another one makes them void';
	COMMENT ON COLUMN copilot.sessions.refresh_salt IS 'with a refresh token makes the next one; for nobody to read';
	COMMENT ON COLUMN copilot.sessions.last_used_at IS 'when it was last refreshed';
	COMMENT ON COLUMN copilot.sessions.expires_at IS 'when it ends, however often it is refreshed';

	CREATE TABLE IF NOT EXISTS copilot.refresh_tokens (
		tenant_id uuid NOT NULL,
		session_id uuid NOT NULL,
		sha256 bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
		issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		used_at timestamptz,
		PRIMARY KEY (tenant_id, session_id, sha256),
		FOREIGN KEY (tenant_id, session_id) REFERENCES copilot.sessions ON DELETE CASCADE
	);
	COMMENT ON TABLE copilot.refresh_tokens IS
		'all refresh tokens of a session, as hashes: those used are kept to be known when they come again; for nobody to read';
	PERFORM wrk.enable_tenancy('copilot.sessions');
	PERFORM wrk.enable_tenancy('copilot.refresh_tokens');
	PERFORM copilot.make_session_rights();
	-- recorded: the log has its months by now
	PERFORM wrk.token_key_ensure();
END
$$;
COMMENT ON FUNCTION copilot.make_sessions() IS 'part of copilot.install(): tables sessions and refresh_tokens';

CREATE FUNCTION copilot.make_session_rights()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_permissions('session', 'tenant', '{read,end}', '{ops_admin,cs_admin,admin}');
	PERFORM copilot.put_policy('sessions', 'own', 'one''s own sessions, or those of all for admins',
		'AS RESTRICTIVE USING (user_id::text = (SELECT wrk.user_id()) OR (SELECT wrk.can(''read'', ''session'')))');
	GRANT SELECT (tenant_id, id, user_id, method, client, address, token_session, created_at, last_used_at,
		expires_at, ended_at, end_reason) ON copilot.sessions TO wrk_member;
	PERFORM wrk.enable_audit('copilot.sessions', 'session', action_column => 'end_reason', announce => true,
		include => '{user_id,method,client,address,ended_at,end_reason}');
	CREATE OR REPLACE TRIGGER end_sessions AFTER UPDATE OF status ON copilot.tenant_users
		FOR EACH ROW WHEN (NEW.status <> 'active' AND OLD.status = 'active')
		EXECUTE FUNCTION copilot.session_user_left();
	-- before: afterwards the sessions have gone with their user
	CREATE OR REPLACE TRIGGER end_sessions_deleted BEFORE DELETE ON copilot.tenant_users
		FOR EACH ROW EXECUTE FUNCTION copilot.session_user_left();
	CREATE OR REPLACE TRIGGER void_tokens AFTER DELETE OR UPDATE ON copilot.user_roles
		FOR EACH ROW EXECUTE FUNCTION copilot.session_role_taken();
	CREATE OR REPLACE TRIGGER end_sessions AFTER UPDATE OF status ON copilot.tenants
		FOR EACH ROW WHEN (NEW.status <> 'active' AND OLD.status = 'active')
		EXECUTE FUNCTION copilot.session_tenant_closed();
	PERFORM copilot.put_call('session.list', 'copilot.call_session_list(jsonb)');
	PERFORM copilot.put_call('session.end', 'copilot.call_session_end(jsonb)');
	PERFORM copilot.put_call('session.logout', 'copilot.call_session_logout(jsonb)');
	PERFORM copilot.put_call('session.logout_all', 'copilot.call_session_logout_all(jsonb)');
	PERFORM wrk.maintenance_register('copilot.session_retention', 'copilot.session_retention()', '1 hour');
END
$$;
COMMENT ON FUNCTION copilot.make_session_rights() IS
'part of copilot.install(): who sees sessions, what ends them, and the calls about them';

-- ---------- beginning ----------

CREATE FUNCTION copilot.refusal(code text, message text, retry_after interval DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN jsonb_strip_nulls(jsonb_build_object('error', code, 'message', message,
	'retry_after', ceil(extract(epoch FROM retry_after))));
COMMENT ON FUNCTION copilot.refusal(text, text, interval) IS
'how what must not be undone is refused: {error: code as in wrk.error_code, message, retry_after (seconds)}';

-- Functions name no table as a type: the tables are made after them.
CREATE FUNCTION copilot.session_answer(tenant uuid, session uuid, refresh_token text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	s record;
	roles text[];
	lifetime interval := (copilot.session_rules()).access;
BEGIN
	SELECT * INTO s FROM copilot.sessions x WHERE x.tenant_id = tenant AND x.id = session;
	SELECT coalesce(array_agg(r.role ORDER BY r.role), '{}') INTO roles FROM copilot.user_roles r
	WHERE r.tenant_id = tenant AND r.user_id = s.user_id;
	UPDATE copilot.users u SET last_seen_at = clock_timestamp()
	WHERE u.id = s.user_id AND (u.last_seen_at IS NULL OR u.last_seen_at < clock_timestamp() - interval '1 minute');
	UPDATE copilot.tenant_users tu SET last_seen_at = clock_timestamp()
	WHERE tu.tenant_id = tenant AND tu.user_id = s.user_id
		AND (tu.last_seen_at IS NULL OR tu.last_seen_at < clock_timestamp() - interval '1 minute');
	RETURN jsonb_build_object('token_type', 'Bearer', 'expires_in', extract(epoch FROM lifetime)::integer,
		'access_token', wrk.token_issue(tenant::text, s.user_id::text, roles, s.token_session::text, lifetime),
		'refresh_token', refresh_token, 'session_id', session, 'tenant_id', tenant, 'roles', roles,
		'expires_at', s.expires_at,
		'user', (SELECT jsonb_build_object('id', u.id, 'name', u.name) FROM copilot.users u WHERE u.id = s.user_id));
END
$$;
COMMENT ON FUNCTION copilot.session_answer(uuid, uuid, text) IS
'what a log-in and a refresh answer: {access_token, token_type, expires_in (seconds), refresh_token, session_id, tenant_id, user: {id, name}, roles, expires_at}; for functions that have checked who is asking';

CREATE FUNCTION copilot.session_welcome(tenant uuid, person uuid)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM copilot.tenant_users tu JOIN copilot.tenants t ON t.id = tu.tenant_id
				   WHERE tu.tenant_id = tenant AND tu.user_id = person AND tu.status = 'active' AND t.status = 'active')
$$;
COMMENT ON FUNCTION copilot.session_welcome(uuid, uuid) IS
'whether somebody works in the tenant, and the tenant is open';

CREATE FUNCTION copilot.session_start(tenant uuid, person uuid, method text, client jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	secret text := wrk.api_key_secret();
	started uuid;
	old uuid;
BEGIN
	-- who is sent away, or loses a role, at this moment comes before or after, not in between
	PERFORM FROM copilot.tenant_users tu WHERE tu.tenant_id = tenant AND tu.user_id = person FOR SHARE;
	IF NOT copilot.session_welcome(tenant, person) THEN
		RETURN copilot.refusal('forbidden', 'this person does not work in this tenant');
	END IF;
	INSERT INTO copilot.sessions AS s (tenant_id, user_id, method, client, address, refresh_salt, expires_at)
	VALUES (tenant, person, session_start.method, left(session_start.client ->> 'agent', 300),
			copilot.client_address(session_start.client), sha256(convert_to(wrk.api_key_secret(), 'UTF8')),
			clock_timestamp() + (copilot.session_rules()).longest)
	RETURNING s.id INTO started;
	INSERT INTO copilot.refresh_tokens (tenant_id, session_id, sha256)
	VALUES (tenant, started, sha256(convert_to(secret, 'UTF8')));
	FOR old IN
		SELECT s.id FROM copilot.sessions s
		WHERE s.tenant_id = tenant AND s.user_id = person AND s.ended_at IS NULL
		ORDER BY s.created_at DESC, s.id OFFSET (copilot.session_rules()).most
	LOOP
		PERFORM copilot.session_close(tenant, old, 'replaced');
	END LOOP;
	RETURN copilot.session_answer(tenant, started, 'wrs_' || secret);
END
$$;
COMMENT ON FUNCTION copilot.session_start(uuid, uuid, text, jsonb) IS
'begins a session of somebody who has proven who they are, ends the oldest of too many and answers as copilot.session_answer() does, or refuses (forbidden). client: {agent, address} of the device';

CREATE FUNCTION copilot.client_address(client jsonb)
RETURNS inet
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN host((client ->> 'address')::inet)::inet;
EXCEPTION WHEN invalid_text_representation THEN
	RAISE EXCEPTION 'client address "%" is none', left(client ->> 'address', 100) USING ERRCODE = 'WK400';
END
$$;
COMMENT ON FUNCTION copilot.client_address(jsonb) IS
'member "address" of what a server says of a device, NULL if it says none. Error: WK400 bad_request';

-- ---------- refreshing ----------

CREATE FUNCTION copilot.session_next_secret(salt bytea, secret text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN encode(sha256(salt || convert_to(secret, 'UTF8')), 'hex');
COMMENT ON FUNCTION copilot.session_next_secret(bytea, text) IS
'the secret of the refresh token that follows one, in its session';

-- The caller holds the session's row.
CREATE FUNCTION copilot.session_exchange(tenant uuid, session uuid, secret text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	next_secret text := (SELECT copilot.session_next_secret(s.refresh_salt, secret)
						 FROM copilot.sessions s WHERE s.tenant_id = tenant AND s.id = session);
	used timestamptz;
BEGIN
	SELECT t.used_at INTO used FROM copilot.refresh_tokens t
	WHERE t.tenant_id = tenant AND t.session_id = session AND t.sha256 = sha256(convert_to(secret, 'UTF8'));
	IF used IS NOT NULL AND (used < clock_timestamp() - (copilot.session_rules()).retry OR NOT EXISTS (
		SELECT FROM copilot.refresh_tokens t
		WHERE t.tenant_id = tenant AND t.session_id = session AND t.used_at IS NULL
			AND t.sha256 = sha256(convert_to(next_secret, 'UTF8')))) THEN
		PERFORM copilot.session_close(tenant, session, 'reuse');
		PERFORM wrk.audit('session.refresh_reused', 'session', session::text,
						  jsonb_build_object('used_at', used), tenant::text);
		RETURN NULL;
	END IF;
	IF used IS NULL THEN
		UPDATE copilot.refresh_tokens t SET used_at = clock_timestamp()
		WHERE t.tenant_id = tenant AND t.session_id = session AND t.sha256 = sha256(convert_to(secret, 'UTF8'));
		INSERT INTO copilot.refresh_tokens (tenant_id, session_id, sha256)
		VALUES (tenant, session, sha256(convert_to(next_secret, 'UTF8')));
		UPDATE copilot.sessions s SET last_used_at = clock_timestamp()
		WHERE s.tenant_id = tenant AND s.id = session;
	END IF;
	RETURN copilot.session_answer(tenant, session, 'wrs_' || next_secret);
END
$$;
COMMENT ON FUNCTION copilot.session_exchange(uuid, uuid, text) IS
'part of copilot.session_refresh(): gives the next refresh token for one of this session, the same again for a retry; NULL if it was used before, which ends the session';

CREATE FUNCTION copilot.session_refresh(refresh_token text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	unknown CONSTANT jsonb := copilot.refusal('unauthorized', 'the refresh token is not valid');
	secret text := substr(refresh_token, 5);
	s record;
	too_old text;
BEGIN
	IF refresh_token !~ '^wrs_[0-9a-f]{64}$' IS NOT FALSE THEN
		RETURN unknown;
	END IF;
	-- waits for whoever refreshes, or ends, the same session
	SELECT x.* INTO s FROM copilot.sessions x
	WHERE (x.tenant_id, x.id) = (SELECT t.tenant_id, t.session_id FROM copilot.refresh_tokens t
								 WHERE t.sha256 = sha256(convert_to(secret, 'UTF8')))
	FOR UPDATE;
	IF NOT FOUND OR s.ended_at IS NOT NULL THEN
		RETURN unknown;
	END IF;
	too_old := CASE WHEN s.expires_at <= clock_timestamp() THEN 'expired'
		WHEN s.last_used_at <= clock_timestamp() - (copilot.session_rules()).idle THEN 'idle' END;
	IF too_old IS NOT NULL THEN
		PERFORM copilot.session_close(s.tenant_id, s.id, too_old);
		RETURN copilot.refusal('token_expired', 'the session has expired: log in again');
	END IF;
	IF NOT copilot.session_welcome(s.tenant_id, s.user_id) THEN
		PERFORM copilot.session_close(s.tenant_id, s.id, 'deactivated');
		RETURN unknown;
	END IF;
	RETURN coalesce(copilot.session_exchange(s.tenant_id, s.id, secret), unknown);
END
$$;
COMMENT ON FUNCTION copilot.session_refresh(text) IS
'exchanges a refresh token for the next one and a new access token: as copilot.session_answer(), or {error, message}: unauthorized (unknown, ended, or used before: then the session ends) or token_expired (not refreshed for 30 minutes, or older than 30 days). The same token sent again within 10 seconds gets the same next one, unless that was used. Commit in any case. For servers';

-- ---------- ending ----------

CREATE FUNCTION copilot.session_close(tenant uuid, session uuid, reason text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	s record;
BEGIN
	UPDATE copilot.sessions x SET ended_at = clock_timestamp(), end_reason = reason
	WHERE x.tenant_id = tenant AND x.id = session AND x.ended_at IS NULL
	RETURNING x.user_id, x.token_session INTO s;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	-- until the last access token has expired by itself
	PERFORM wrk.session_revoke(s.token_session::text,
		now() + (copilot.session_rules()).access + interval '1 minute', tenant::text);
	PERFORM wrk.emit('session.ended', jsonb_build_object('id', session, 'session', s.token_session, 'reason', reason),
		ARRAY[format('tenant:%s:user:%s', tenant, s.user_id)], tenant_id => tenant::text);
	RETURN true;
END
$$;
COMMENT ON FUNCTION copilot.session_close(uuid, uuid, text) IS
'ends a session: its refresh token and its access tokens are refused from the commit on, event session.ended {id, session, reason} on the channel of its user; false if it had ended before. For functions that have checked the right to';

CREATE FUNCTION copilot.session_close_all(tenant uuid, person uuid, reason text, but uuid DEFAULT NULL)
RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT count(*) FILTER (WHERE copilot.session_close(s.tenant_id, s.id, reason))::integer
	FROM (SELECT x.tenant_id, x.id FROM copilot.sessions x
		  WHERE (tenant IS NULL OR x.tenant_id = tenant) AND (person IS NULL OR x.user_id = person)
			  AND x.ended_at IS NULL AND x.id IS DISTINCT FROM but
		  -- the same order for all who do this at once
		  ORDER BY x.tenant_id, x.id) s
$$;
COMMENT ON FUNCTION copilot.session_close_all(uuid, uuid, text, uuid) IS
'ends the sessions of a person (NULL: of everybody) in a tenant (NULL: in all) but one; how many. For functions that have checked the right to';

CREATE FUNCTION copilot.logout_everywhere(person uuid, reason text DEFAULT 'logout_all')
RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN person IS NOT NULL THEN copilot.session_close_all(NULL, person, reason) ELSE 0 END
$$;
COMMENT ON FUNCTION copilot.logout_everywhere(uuid, text) IS
'ends all sessions of a person, in all tenants; how many. For servers';

CREATE FUNCTION copilot.session_user_left()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.session_close_all(OLD.tenant_id, OLD.user_id, 'deactivated');
	PERFORM wrk.api_key_revoke(k.id) FROM wrk.api_key k
	WHERE k.tenant_id = OLD.tenant_id::text AND k.user_id = OLD.user_id::text AND k.revoked_at IS NULL;
	RETURN OLD;
END
$$;
COMMENT ON FUNCTION copilot.session_user_left() IS
'trigger of tenant_users: who does not work there any more has no session and no API key there';

CREATE FUNCTION copilot.session_role_taken()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	s record;
	remaining text[];
BEGIN
	-- a session that is just beginning with the role is waited for
	PERFORM FROM copilot.tenant_users tu
	WHERE tu.tenant_id = OLD.tenant_id AND tu.user_id = OLD.user_id FOR NO KEY UPDATE;
	remaining := ARRAY(SELECT r.role FROM copilot.user_roles r
					   WHERE r.tenant_id = OLD.tenant_id AND r.user_id = OLD.user_id);
	-- what stands for a person does not keep what that person has lost, nor what only an admin handed out
	PERFORM wrk.api_key_revoke(k.id) FROM wrk.api_key k
	WHERE k.tenant_id = OLD.tenant_id::text AND k.user_id = OLD.user_id::text AND k.revoked_at IS NULL
		AND NOT k.roles <@ remaining
		AND (OLD.role = ANY (k.roles) OR OLD.role IN ('ops_admin', 'cs_admin', 'admin'));
	FOR s IN
		SELECT x.id, x.token_session FROM copilot.sessions x
		WHERE x.tenant_id = OLD.tenant_id AND x.user_id = OLD.user_id AND x.ended_at IS NULL
		ORDER BY x.id FOR UPDATE
	LOOP
		PERFORM wrk.session_revoke(s.token_session::text,
			now() + (copilot.session_rules()).access + interval '1 minute', OLD.tenant_id::text, ended => false);
		UPDATE copilot.sessions x SET token_session = gen_random_uuid()
		WHERE x.tenant_id = OLD.tenant_id AND x.id = s.id;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.session_role_taken() IS
'trigger of user_roles: access tokens that still say the role are void at once, the next refresh gives one without it; API keys that stand for the person and have roles beyond those left are revoked';

CREATE FUNCTION copilot.session_tenant_closed()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.session_close_all(NEW.id, NULL, 'deactivated');
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.session_tenant_closed() IS
'trigger of tenants: nobody stays logged in to a tenant that is suspended or closed';

CREATE FUNCTION copilot.session_retention()
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	gone bigint;
BEGIN
	DELETE FROM copilot.sessions s
	WHERE s.expires_at < now() OR s.ended_at < now() - interval '30 days';
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;
COMMENT ON FUNCTION copilot.session_retention() IS
'forgets sessions that are past their longest time or ended 30 days ago; run by the background worker';

-- ---------- calls ----------

CREATE FUNCTION copilot.call_session_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	person uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'user_id', 'after', 'limit');
	person := coalesce(copilot.want_uuid(params, 'user_id'), copilot.as_uuid(wrk.user_id()));
	page := copilot.want_page(params);
	WITH found AS (
		SELECT s.id, s.user_id, s.method, s.client, s.address, s.created_at, s.last_used_at, s.expires_at,
			s.token_session::text = wrk.session_id() IS TRUE AS current
		FROM copilot.sessions s
		WHERE s.user_id = person AND s.ended_at IS NULL AND s.expires_at > now()
			AND s.last_used_at > now() - (copilot.session_rules()).idle
			AND (s.created_at, s.id) < (page.before_time, page.before_id)
		ORDER BY s.created_at DESC, s.id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('sessions',
		jsonb_agg(to_jsonb(f) ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_session_list(jsonb) IS
'call session.list {user_id, after, limit}: {sessions, next} that are alive, newest first, of the caller or, for admins, of another; each {id, user_id, method, client, address, created_at, last_used_at, expires_at, current}. Error: WK400';

-- The right is asked for inside: whoever calls has those of the owner here.
CREATE FUNCTION copilot.call_session_end(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.as_uuid(wrk.tenant_id());
	session uuid;
	person uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	session := copilot.want_uuid(params, 'id', true);
	SELECT s.user_id INTO person FROM copilot.sessions s
	WHERE s.tenant_id = tenant AND s.id = session
		AND (s.user_id::text = wrk.user_id() OR wrk.can('end', 'session'));
	IF NOT FOUND THEN
		RAISE EXCEPTION 'session not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN jsonb_build_object('ended', copilot.session_close(tenant, session,
		CASE WHEN person::text = wrk.user_id() THEN 'logout' ELSE 'ended_by_admin' END));
END
$$;
COMMENT ON FUNCTION copilot.call_session_end(jsonb) IS
'call session.end {id}: {ended: false if it had ended before}, a session of the caller or, for admins, of anybody in the tenant. Errors: WK400, WK404';

CREATE FUNCTION copilot.call_session_logout(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.as_uuid(wrk.tenant_id());
	session uuid;
BEGIN
	PERFORM copilot.check_params(params, VARIADIC '{}'::text[]);
	IF wrk.session_id() IS NULL THEN
		RAISE EXCEPTION 'there is no session to log out of' USING ERRCODE = 'WK400';
	END IF;
	SELECT s.id INTO session FROM copilot.sessions s
	WHERE s.tenant_id = tenant AND s.user_id::text = wrk.user_id()
		AND s.token_session = copilot.as_uuid(wrk.session_id());
	IF FOUND THEN
		RETURN jsonb_build_object('ended', copilot.session_close(tenant, session, 'logout'));
	END IF;
	-- a token of somebody else's making: as long as it would have lived
	PERFORM wrk.session_revoke(wrk.session_id(), least(now() + interval '366 days',
		coalesce(to_timestamp((wrk.identity() ->> 'expires_at')::bigint), now()) + interval '1 minute'));
	RETURN jsonb_build_object('ended', true);
END
$$;
COMMENT ON FUNCTION copilot.call_session_logout(jsonb) IS
'call session.logout {}: {ended}; the session of the caller''s token ends, also one that an identity provider began, whose other tokens of this session are refused as long as this one would have lived. Error: WK400 (an API key has no session)';

CREATE FUNCTION copilot.call_session_logout_all(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.as_uuid(wrk.tenant_id());
	person uuid;
	mine boolean;
BEGIN
	PERFORM copilot.check_params(params, 'user_id');
	person := coalesce(copilot.want_uuid(params, 'user_id'), copilot.as_uuid(wrk.user_id()));
	mine := person::text = wrk.user_id();
	IF mine IS NOT TRUE AND NOT wrk.can('end', 'session') THEN
		RAISE EXCEPTION 'sessions of others are not for this role to end' USING ERRCODE = 'WK403';
	END IF;
	RETURN jsonb_build_object('ended', CASE WHEN person IS NULL THEN 0 ELSE
		copilot.session_close_all(tenant, person, CASE WHEN mine THEN 'logout_all' ELSE 'ended_by_admin' END) END);
END
$$;
COMMENT ON FUNCTION copilot.call_session_logout_all(jsonb) IS
'call session.logout_all {user_id}: {ended: how many}; all sessions of the caller or, for admins, of another, in this tenant; copilot.logout_everywhere() is for all tenants. Errors: WK400, WK403';

REVOKE ALL ON FUNCTION copilot.session_rules(), copilot.make_sessions(), copilot.make_session_rights(),
	copilot.refusal(text, text, interval), copilot.session_answer(uuid, uuid, text),
	copilot.session_welcome(uuid, uuid), copilot.session_start(uuid, uuid, text, jsonb),
	copilot.client_address(jsonb), copilot.session_next_secret(bytea, text),
	copilot.session_exchange(uuid, uuid, text), copilot.session_refresh(text),
	copilot.session_close(uuid, uuid, text), copilot.session_close_all(uuid, uuid, text, uuid),
	copilot.logout_everywhere(uuid, text), copilot.session_user_left(), copilot.session_role_taken(),
	copilot.session_tenant_closed(), copilot.session_retention(), copilot.call_session_list(jsonb),
	copilot.call_session_end(jsonb), copilot.call_session_logout(jsonb), copilot.call_session_logout_all(jsonb)
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.session_refresh(text), copilot.logout_everywhere(uuid, text) TO wrk_service;
GRANT EXECUTE ON FUNCTION copilot.session_rules(), copilot.call_session_list(jsonb), copilot.call_session_end(jsonb),
	copilot.call_session_logout(jsonb), copilot.call_session_logout_all(jsonb) TO wrk_member;
