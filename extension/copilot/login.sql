-- Logging in: with a local password, or as somebody an identity provider vouches for.
--
-- Passwords are an optional fall-back and need the extension pgcrypto, which makes
-- and checks their hashes (bcrypt). An address nobody has costs and says the same as
-- a wrong password. Failures are counted for an address and the network they come
-- from, known address or not: ten make it pause, longer each time. Those from
-- everywhere together pause it as well, but much later and not for a network the
-- person has logged in from before, so that nobody can lock others out.
--
-- Must stay true: a failure is counted before it is told of, and two attempts for
-- the same address and network never run at once.

CREATE FUNCTION copilot.make_login()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.user_passwords (
		user_id uuid PRIMARY KEY REFERENCES copilot.users ON DELETE CASCADE,
		hash text NOT NULL CHECK (hash ~ '^\$2[abxy]\$'),
		changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
	);
	COMMENT ON TABLE copilot.user_passwords IS 'local passwords, as bcrypt makes them; for nobody to read';

	CREATE TABLE IF NOT EXISTS copilot.user_subjects (
		issuer text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 500),
		subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
		user_id uuid NOT NULL REFERENCES copilot.users ON DELETE CASCADE,
		linked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (issuer, subject)
	);
	CREATE INDEX IF NOT EXISTS user_subjects_user_idx ON copilot.user_subjects (user_id);
	COMMENT ON TABLE copilot.user_subjects IS 'who a person is at an identity provider; for nobody to read';

	CREATE TABLE IF NOT EXISTS copilot.login_failures (
		login_sha256 bytea NOT NULL CHECK (octet_length(login_sha256) = 32),
		origin text NOT NULL,
		failures integer NOT NULL DEFAULT 1,
		last_failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (login_sha256, origin)
	);
	CREATE INDEX IF NOT EXISTS login_failures_age_idx ON copilot.login_failures (last_failed_at);
	COMMENT ON TABLE copilot.login_failures IS 'failed attempts to log in; of the address only the hash, for people type their passwords there';
	COMMENT ON COLUMN copilot.login_failures.origin IS 'network the attempts came from, empty: not known, *: all together';
	-- no policy: whatever is granted by mistake shows nothing
	ALTER TABLE copilot.user_passwords ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	ALTER TABLE copilot.user_subjects ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	ALTER TABLE copilot.login_failures ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	PERFORM copilot.put_call('password.change', 'copilot.call_password_change(jsonb)');
	PERFORM wrk.maintenance_register('copilot.login_retention', 'copilot.login_retention()', '1 hour');
END
$$;
COMMENT ON FUNCTION copilot.make_login() IS
'part of copilot.install(): tables user_passwords, user_subjects and login_failures';

-- ---------- passwords ----------

CREATE FUNCTION copilot.password_crypt(password text, setting text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	pgcrypto name;
	result text;
BEGIN
	SELECT n.nspname INTO pgcrypto FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname = 'pgcrypto';
	IF NOT FOUND THEN
		RAISE EXCEPTION 'passwords need the extension pgcrypto' USING ERRCODE = 'WK503',
			HINT = 'CREATE EXTENSION pgcrypto; or let an identity provider vouch for people.';
	END IF;
	EXECUTE CASE WHEN setting IS NULL THEN format('SELECT %I.crypt($1::text, %1$I.gen_salt(''bf''::text, 10))', pgcrypto)
			ELSE format('SELECT %I.crypt($1::text, $2::text)', pgcrypto) END
	INTO result USING password, setting;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.password_crypt(text, text) IS
'hash of a password with a new salt, or with the setting that a hash begins with. Error: WK503 unavailable (pgcrypto is not installed)';

CREATE FUNCTION copilot.password_fits(person uuid, password text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- for those who have none: the same work, and no password makes just this
	stored text := coalesce((SELECT p.hash FROM copilot.user_passwords p WHERE p.user_id = person),
							'$2a$10$nobodyhasthispasswordu');
BEGIN
	-- bcrypt looks at the first 72 bytes only
	RETURN copilot.password_crypt(password, stored) = stored AND octet_length(password) <= 72;
END
$$;
COMMENT ON FUNCTION copilot.password_fits(uuid, text) IS
'whether it is the person''s password; takes the same time for a person who has none or is NULL. Error: WK503';

CREATE FUNCTION copilot.password_store(person uuid, password text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF password IS NULL OR length(password) < 12 OR octet_length(password) > 72 THEN
		RAISE EXCEPTION 'a password has at least 12 characters and at most 72 bytes' USING ERRCODE = 'WK400';
	ELSIF EXISTS (SELECT FROM copilot.users u WHERE u.id = person AND lower(u.email) = lower(password)) THEN
		RAISE EXCEPTION 'a password is not one''s address' USING ERRCODE = 'WK400';
	END IF;
	INSERT INTO copilot.user_passwords AS p (user_id, hash) VALUES (person, copilot.password_crypt(password))
	ON CONFLICT ON CONSTRAINT user_passwords_pkey DO UPDATE
		SET hash = excluded.hash, changed_at = clock_timestamp();
	PERFORM wrk.audit('password.changed', 'user', person::text, tenant_id => NULL);
END
$$;
COMMENT ON FUNCTION copilot.password_store(uuid, text) IS
'keeps the hash of a new password; for functions that have checked the right to. Errors: WK400, WK503';

CREATE FUNCTION copilot.password_set(person uuid, password text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM copilot.users u WHERE u.id = person) THEN
		RAISE EXCEPTION 'user not found' USING ERRCODE = 'WK404';
	END IF;
	PERFORM copilot.password_store(person, password);
	PERFORM copilot.session_close_all(NULL, person, 'password_changed');
END
$$;
COMMENT ON FUNCTION copilot.password_set(uuid, text) IS
'gives a person a password (12 characters to 72 bytes) and ends all their sessions. For servers. Errors: WK400, WK404, WK503 (pgcrypto is not installed)';

-- ---------- failures ----------

CREATE FUNCTION copilot.login_origin(client jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- who has one address of version 6 has 2^64
	SELECT coalesce(network(CASE WHEN family(a) = 6 THEN set_masklen(a, 64) ELSE a END)::text, '')
	FROM copilot.client_address(client) a
$$;
COMMENT ON FUNCTION copilot.login_origin(jsonb) IS 'network that an attempt comes from, empty if nobody says';

CREATE FUNCTION copilot.login_pause(failures integer, free integer, longest interval)
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN failures < free THEN interval '0' ELSE least(longest, interval '30 s' * 2 ^ least(failures - free, 20)) END;
COMMENT ON FUNCTION copilot.login_pause(integer, integer, interval) IS
'how long to wait after so many failures: nothing at first, then 30 seconds and twice as long each time';

CREATE FUNCTION copilot.login_wait(login bytea, origin text, person uuid)
RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT max(f.last_failed_at + CASE f.origin
		WHEN '*' THEN copilot.login_pause(f.failures, 100, '1 minute')
		ELSE copilot.login_pause(f.failures, 10, '15 minutes') END) - clock_timestamp()
	FROM copilot.login_failures f
	WHERE f.login_sha256 = login AND f.last_failed_at > now() - interval '1 day'
		AND (f.origin = login_wait.origin OR f.origin = '*' AND NOT EXISTS (
			SELECT FROM copilot.sessions s
			WHERE s.user_id = person AND copilot.login_origin(jsonb_build_object('address', host(s.address))) = login_wait.origin
				AND login_wait.origin <> ''))
$$;
COMMENT ON FUNCTION copilot.login_wait(bytea, text, uuid) IS
'how long attempts for this address from this network have to wait; NULL or not above zero: they need not. Ten failures are free, a hundred from everywhere together; pauses grow to 15 minutes, of the latter to one, and those do not hold where the person was logged in from before';

CREATE FUNCTION copilot.login_failed(login bytea, origin text, person uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	so_far integer;
BEGIN
	INSERT INTO copilot.login_failures AS f (login_sha256, origin)
	SELECT login, o FROM unnest(ARRAY['*', login_failed.origin]) o
	ON CONFLICT ON CONSTRAINT login_failures_pkey DO UPDATE SET last_failed_at = clock_timestamp(),
		failures = CASE WHEN f.last_failed_at > now() - interval '1 day' THEN f.failures + 1 ELSE 1 END;
	SELECT f.failures INTO so_far FROM copilot.login_failures f
	WHERE f.login_sha256 = login AND f.origin = login_failed.origin;
	-- of no tenant: a person may work in many
	PERFORM wrk.audit('login.refused', 'user', person::text,
		jsonb_build_object('origin', origin, 'failures', so_far), NULL);
END
$$;
COMMENT ON FUNCTION copilot.login_failed(bytea, text, uuid) IS
'counts a failed attempt and records it as login.refused, of a person if the address is somebody''s';

CREATE FUNCTION copilot.login_check(email text, password text, client jsonb, OUT person uuid, OUT refusal jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	login bytea := sha256(convert_to(lower(btrim(email)), 'UTF8'));
	net text := copilot.login_origin(client);
	wait interval;
	found_person uuid;
BEGIN
	-- who guesses many at once guesses one, and holds up nobody's connection
	IF NOT pg_try_advisory_xact_lock(hashtextextended('copilot.login ' || encode(login, 'hex') || net, 0)) THEN
		refusal := copilot.refusal('rate_limited', 'another attempt is under way', '1 second');
		RETURN;
	END IF;
	SELECT u.id INTO found_person FROM copilot.users u WHERE lower(u.email) = lower(btrim(login_check.email));
	wait := copilot.login_wait(login, net, found_person);
	IF wait > interval '0' THEN
		refusal := copilot.refusal('rate_limited', 'too many failed attempts: wait', wait);
	ELSIF copilot.password_fits(found_person, password) THEN
		person := found_person;
		DELETE FROM copilot.login_failures f WHERE f.login_sha256 = login AND f.origin = net;
	ELSE
		PERFORM copilot.login_failed(login, net, found_person);
		refusal := copilot.refusal('unauthorized', 'address or password is wrong');
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.login_check(text, text, jsonb) IS
'part of copilot.login_password(): the person whose address and password these are, or how to refuse. Errors: WK400, WK503';

CREATE FUNCTION copilot.login_retention()
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	WITH gone AS (DELETE FROM copilot.login_failures WHERE last_failed_at < now() - interval '1 day' RETURNING 1)
	SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION copilot.login_retention() IS
'forgets failed attempts a day after the last; run by the background worker';

-- ---------- logging in ----------

CREATE FUNCTION copilot.tenants_of(person uuid)
RETURNS TABLE (tenant_id uuid, name text, slug text, roles text[])
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 3 SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT t.id, t.name, t.slug, ARRAY(SELECT r.role FROM copilot.user_roles r
									   WHERE r.tenant_id = t.id AND r.user_id = person ORDER BY r.role)
	FROM copilot.tenant_users tu JOIN copilot.tenants t ON t.id = tu.tenant_id
	WHERE tu.user_id = person AND tu.status = 'active' AND t.status = 'active'
	ORDER BY t.name, t.id
$$;
COMMENT ON FUNCTION copilot.tenants_of(uuid) IS
'the open tenants a person works in, and as what. For servers: nobody may learn from one tenant of another';

CREATE FUNCTION copilot.login_finish(person uuid, tenant uuid, method text, client jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	choices jsonb;
	chosen uuid := tenant;
BEGIN
	IF chosen IS NULL THEN
		SELECT jsonb_agg(jsonb_build_object('tenant_id', t.tenant_id, 'name', t.name, 'slug', t.slug)) INTO choices
		FROM copilot.tenants_of(person) t;
		IF jsonb_array_length(choices) > 1 THEN
			RETURN jsonb_build_object('choose', choices);
		END IF;
		chosen := (choices -> 0 ->> 'tenant_id')::uuid;
	END IF;
	RETURN copilot.session_start(chosen, person, method, client);
END
$$;
COMMENT ON FUNCTION copilot.login_finish(uuid, uuid, text, jsonb) IS
'a session for somebody who has proven who they are; without a tenant in the only one, else {choose: [{tenant_id, name, slug}]}';

CREATE FUNCTION copilot.login_password(email text, password text, tenant uuid DEFAULT NULL, client jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	checked record;
BEGIN
	IF email IS NULL OR password IS NULL OR length(email) > 254 OR octet_length(password) > 1000 THEN
		RAISE EXCEPTION 'logging in takes an address of up to 254 characters and a password of up to 1000 bytes' USING ERRCODE = 'WK400';
	END IF;
	checked := copilot.login_check(email, password, client);
	RETURN coalesce(checked.refusal, copilot.login_finish(checked.person, tenant, 'password', client));
END
$$;
COMMENT ON FUNCTION copilot.login_password(text, text, uuid, jsonb) IS
'begins a session for who knows the password: as copilot.session_answer(); {choose: [{tenant_id, name, slug}]} for who works in several tenants and says none; or {error, message, retry_after}: unauthorized, forbidden (not in this tenant), rate_limited (too many failures, or two attempts at once). client: {agent, address} of the device; without an address all failures count together. Commit in any case, else failures are not counted. For servers. Errors: WK400, WK503 (pgcrypto is not installed)';

CREATE FUNCTION copilot.login_external(issuer text, subject text, tenant uuid DEFAULT NULL, client jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	person uuid;
BEGIN
	SELECT s.user_id INTO person FROM copilot.user_subjects s
	WHERE s.issuer = login_external.issuer AND s.subject = login_external.subject;
	IF NOT FOUND THEN
		RETURN copilot.refusal('unauthorized', 'nobody is known by this subject');
	END IF;
	RETURN copilot.login_finish(person, tenant, 'external', client);
END
$$;
COMMENT ON FUNCTION copilot.login_external(text, text, uuid, jsonb) IS
'begins a session for whom an identity provider vouches, whose token the calling server has verified; answers as copilot.login_password(). For servers';

CREATE FUNCTION copilot.session_begin(tenant uuid, person uuid, client jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.session_start(tenant, person, 'service', client)
$$;
COMMENT ON FUNCTION copilot.session_begin(uuid, uuid, jsonb) IS
'begins a session for somebody whom the calling server knows, for one who goes from one tenant to another for instance; answers as copilot.session_answer() or {error: forbidden}. For servers';

CREATE FUNCTION copilot.subject_link(person uuid, issuer text, subject text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM copilot.users u WHERE u.id = person) THEN
		RAISE EXCEPTION 'user not found' USING ERRCODE = 'WK404';
	END IF;
	INSERT INTO copilot.user_subjects AS s (issuer, subject, user_id) VALUES (issuer, subject, person)
	ON CONFLICT ON CONSTRAINT user_subjects_pkey DO NOTHING;
	IF FOUND THEN
		PERFORM wrk.audit('subject.linked', 'user', person::text,
			jsonb_build_object('issuer', issuer, 'subject', subject), NULL);
	ELSIF NOT EXISTS (SELECT FROM copilot.user_subjects s WHERE s.issuer = subject_link.issuer
					  AND s.subject = subject_link.subject AND s.user_id = person) THEN
		RAISE EXCEPTION 'this subject is another person' USING ERRCODE = 'WK409';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.subject_link(uuid, text, text) IS
'has a person logged in as this subject of an identity provider (claims iss, sub). Never link by address alone: providers differ in whether they check it. For servers. Errors: WK404, WK409 (the subject is somebody else)';

CREATE FUNCTION copilot.subject_unlink(issuer text, subject text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	person uuid;
BEGIN
	DELETE FROM copilot.user_subjects s
	WHERE s.issuer = subject_unlink.issuer AND s.subject = subject_unlink.subject RETURNING s.user_id INTO person;
	IF FOUND THEN
		PERFORM wrk.audit('subject.unlinked', 'user', person::text,
			jsonb_build_object('issuer', issuer, 'subject', subject), NULL);
	END IF;
	RETURN person IS NOT NULL;
END
$$;
COMMENT ON FUNCTION copilot.subject_unlink(text, text) IS
'undoes copilot.subject_link(); false if there was no such link. Sessions go on. For servers';

CREATE FUNCTION copilot.call_password_change(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	me uuid := copilot.as_uuid(wrk.user_id());
	old_password text;
	new_password text;
	checked record;
BEGIN
	PERFORM copilot.check_params(params, 'old', 'new');
	old_password := copilot.want_text(params, 'old', 1000, true);
	new_password := copilot.want_text(params, 'new', 1000, true);
	IF me IS NULL OR wrk.identity() ->> 'via' <> 'jwt' THEN
		RAISE EXCEPTION 'only whoever is logged in changes a password' USING ERRCODE = 'WK403';
	END IF;
	checked := copilot.login_check((SELECT u.email FROM copilot.users u WHERE u.id = me), old_password, '{}');
	IF checked.refusal IS NOT NULL THEN
		RETURN checked.refusal || '{"changed": false}';
	END IF;
	PERFORM copilot.password_store(me, new_password);
	PERFORM copilot.session_close_all(NULL, me, 'password_changed', (SELECT s.id FROM copilot.sessions s
		WHERE s.tenant_id::text = wrk.tenant_id() AND s.token_session::text = wrk.session_id()));
	RETURN jsonb_build_object('changed', true);
END
$$;
COMMENT ON FUNCTION copilot.call_password_change(jsonb) IS
'call password.change {old, new}: {changed: true}, all other sessions of the caller end; or {changed: false, error, message, retry_after}, for a wrong old one counts as a failed attempt to log in. Errors: WK400, WK403 (an API key), WK503';

REVOKE ALL ON FUNCTION copilot.make_login(), copilot.password_crypt(text, text), copilot.password_fits(uuid, text),
	copilot.password_store(uuid, text), copilot.password_set(uuid, text), copilot.login_origin(jsonb),
	copilot.login_pause(integer, integer, interval), copilot.login_wait(bytea, text, uuid),
	copilot.login_failed(bytea, text, uuid), copilot.login_check(text, text, jsonb), copilot.login_retention(),
	copilot.tenants_of(uuid), copilot.login_finish(uuid, uuid, text, jsonb),
	copilot.login_password(text, text, uuid, jsonb), copilot.login_external(text, text, uuid, jsonb),
	copilot.session_begin(uuid, uuid, jsonb), copilot.subject_link(uuid, text, text),
	copilot.subject_unlink(text, text), copilot.call_password_change(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.password_set(uuid, text), copilot.tenants_of(uuid),
	copilot.login_password(text, text, uuid, jsonb), copilot.login_external(text, text, uuid, jsonb),
	copilot.session_begin(uuid, uuid, jsonb), copilot.subject_link(uuid, text, text),
	copilot.subject_unlink(text, text) TO wrk_service;
GRANT EXECUTE ON FUNCTION copilot.call_password_change(jsonb) TO wrk_member;
