-- The gateway's side of the contract with the database, without the extension: enough of wrk.gateway_* for
-- the gateway's own tests, on any Postgres. Tokens are not signed: 'tenant:user:role,role[:expires_ms]'.
-- Roles: client = 1, ops = 2, admin = 4. Channels: tenant:T, project:N (404 is not found, 403 is read only),
-- user:ID / me, global. mock_emit() is the writer.

BEGIN;
CREATE SCHEMA wrk;

CREATE TABLE wrk.event (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	tenant_id text,
	channels text[] NOT NULL,
	type text NOT NULL,
	payload jsonb,
	sender_id text,
	audience_mask bigint,
	audience_users text[],
	class "char" NOT NULL DEFAULT 'c',
	state_key text,
	key text,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON wrk.event (xid);

CREATE TABLE wrk.mock_setting (epoch text NOT NULL);
INSERT INTO wrk.mock_setting VALUES ('mock-1');

CREATE TYPE wrk.gateway_event AS (id bigint, tenant_id text, channels text[], type text, payload text,
	sender_id text, audience_mask bigint, audience_users text[], class "char", created_ms bigint,
	state_key text, key text);

CREATE FUNCTION wrk.mock_fail(state text, message text, detail text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message, DETAIL = coalesce(detail, '');
END $$;

CREATE TABLE wrk.mock_demoted (usr text); -- has no role any more

CREATE FUNCTION wrk.mock_token(token text, OUT tenant text, OUT usr text, OUT mask bigint, OUT expires bigint)
LANGUAGE plpgsql AS $$
DECLARE
	part text[] := string_to_array(token, ':');
BEGIN
	IF token = 'suspended' THEN
		PERFORM wrk.mock_fail('WK403', 'the tenant is suspended');
	END IF;
	IF cardinality(part) < 3 THEN
		PERFORM wrk.mock_fail('WK401', 'the token is not valid');
	END IF;
	tenant := part[1];
	usr := part[2];
	mask := (CASE WHEN part[3] LIKE '%client%' THEN 1 ELSE 0 END) + (CASE WHEN part[3] LIKE '%ops%' THEN 2 ELSE 0 END)
		+ (CASE WHEN part[3] LIKE '%admin%' THEN 4 ELSE 0 END);
	IF usr IN (SELECT d.usr FROM wrk.mock_demoted d) THEN
		mask := 0;
	END IF;
	expires := coalesce(part[4]::bigint, 0);
	IF expires > 0 AND expires < extract(epoch FROM clock_timestamp()) * 1000 THEN
		PERFORM wrk.mock_fail('WK491', 'the token has expired');
	END IF;
END $$;

CREATE FUNCTION wrk.gateway_hello(gateway text, protocol int) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT jsonb_build_object('version', 'mock', 'protocol', 1, 'epoch', epoch,
		'snapshot', pg_current_snapshot()::text, 'position', epoch || '.' || pg_current_snapshot()::text,
		'doorbell', 'transaction', 'listen', jsonb_build_array('wrk_event'), 'heartbeat', 25000,
		'errors', '[{"sqlstate":"WK401","code":"unauthorized","status":401,"retry":"refresh"},
			{"sqlstate":"WK491","code":"token_expired","status":401,"retry":"refresh"},
			{"sqlstate":"WK4E2","code":"session_revoked","status":401,"retry":"no"},
			{"sqlstate":"WK403","code":"forbidden","status":403,"retry":"no"},
			{"sqlstate":"WK404","code":"not_found","status":404,"retry":"no"},
			{"sqlstate":"WK410","code":"unrecoverable","status":410,"retry":"refetch"},
			{"sqlstate":"WK422","code":"invalid_transition","status":422,"retry":"refetch"},
			{"sqlstate":"23","code":"conflict","status":409,"retry":"refetch"},
			{"sqlstate":"22","code":"bad_request","status":400,"retry":"no"},
			{"sqlstate":"53","code":"unavailable","status":503,"retry":"backoff"},
			{"sqlstate":"57","code":"unavailable","status":503,"retry":"backoff"}]'::jsonb)
	FROM wrk.mock_setting
$$;

CREATE FUNCTION wrk.gateway_listen() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'LISTEN wrk_x_mock'; END $$;
CREATE FUNCTION wrk.gateway_send(payloads text[]) RETURNS void LANGUAGE sql AS $$
	SELECT pg_notify('wrk_x_mock', p) FROM unnest(payloads) p
$$;

-- nobody is present here
CREATE FUNCTION wrk.gateway_attach(node text, name text, grace_ms int) RETURNS jsonb LANGUAGE sql AS
$$ SELECT '{"kept": false, "others": 0}'::jsonb $$;
CREATE FUNCTION wrk.gateway_sweep(node text) RETURNS jsonb LANGUAGE sql AS
$$ SELECT '{"attached": true, "others": 0}'::jsonb $$;
CREATE FUNCTION wrk.gateway_presence(node text, changes jsonb) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE FUNCTION wrk.gateway_present(node text, channels text[]) RETURNS TABLE (channel text, user_id text, name text,
	status smallint, connections bigint, meta text, changed_ms bigint) LANGUAGE sql AS
$$ SELECT NULL::text, NULL::text, NULL::text, 0::smallint, 0::bigint, NULL::text, 0::bigint WHERE false $$;

CREATE FUNCTION wrk.gateway_open(token text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('user', jsonb_build_object('id', t.usr, 'roles', '[]'::jsonb), 'tenant', t.tenant,
		'session', NULL, 'expiresAt', nullif(t.expires, 0), 'audience', t.mask::text,
		'channels', jsonb_build_array('tenant:' || t.tenant, 'tenant:' || t.tenant || ':user:' || t.usr),
		'limits', jsonb_build_object('subscriptions', 50))
	FROM wrk.mock_token(token) AS t
$$;

CREATE TABLE wrk.mock_closed (channel text); -- no longer there for anybody

CREATE FUNCTION wrk.mock_channel(token text, channel text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t record;
	name text := channel;
BEGIN
	SELECT * INTO t FROM wrk.mock_token(token);
	IF name = 'global' THEN
		RETURN name;
	END IF;
	IF name = 'me' THEN
		name := 'user:' || t.usr;
	END IF;
	IF name IN (SELECT 'tenant:' || t.tenant || ':' || c.channel FROM wrk.mock_closed c) THEN
		PERFORM wrk.mock_fail('WK404', 'there is no such channel');
	END IF;
	IF name LIKE '%project:slowadmin' AND t.mask & 4 = 0 THEN
		PERFORM wrk.mock_fail('WK404', 'there is no such channel');
	END IF;
	IF name = 'tenant:' || t.tenant OR name LIKE 'tenant:' || t.tenant || ':%' THEN
		RETURN name;
	END IF;
	IF name IN (SELECT c.channel FROM wrk.mock_closed c) OR name LIKE 'tenant:%' OR name = 'project:404' OR name !~ '^(project|user|entity|chat):' THEN
		PERFORM wrk.mock_fail('WK404', 'there is no such channel');
	END IF;
	RETURN 'tenant:' || t.tenant || ':' || name;
END $$;

-- project:slowN decides at once and says so later; project:slowadmin is for admins
CREATE FUNCTION wrk.gateway_subscribe(token text, channel text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	answer jsonb := jsonb_build_object('channel', wrk.mock_channel(token, channel), 'as', channel,
		'can', CASE WHEN channel LIKE '%project:403' THEN '["read"]' ELSE '["read","publish"]' END::jsonb);
BEGIN
	IF channel LIKE 'project:slow%' THEN
		PERFORM pg_sleep(1.5);
	END IF;
	RETURN answer;
END $$;

CREATE FUNCTION wrk.gateway_recheck(token text, channels jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	opened jsonb := wrk.gateway_open(token);
	granted jsonb := '{}';
	channel text;
BEGIN
	FOR channel IN SELECT jsonb_array_elements_text(channels) LOOP
		BEGIN
			granted := granted || jsonb_build_object(channel, wrk.gateway_subscribe(token, channel));
		EXCEPTION WHEN OTHERS THEN
			granted := granted || jsonb_build_object(channel, jsonb_build_object('sqlstate', SQLSTATE));
		END;
	END LOOP;
	RETURN opened || jsonb_build_object('granted', granted);
END $$;

CREATE FUNCTION wrk.mock_row(e wrk.event) RETURNS wrk.gateway_event LANGUAGE sql STABLE AS $$
	SELECT ROW(e.id, e.tenant_id, e.channels, e.type, e.payload::text, e.sender_id, e.audience_mask,
		e.audience_users, e.class, (extract(epoch FROM e.created_at) * 1000)::bigint, e.state_key, e.key)::wrk.gateway_event
$$;

-- project:lateN is read at once and answered later
CREATE FUNCTION wrk.gateway_replay(token text, channel text, since text, upto text, max_rows int)
RETURNS SETOF wrk.gateway_event LANGUAGE plpgsql AS $$
DECLARE
	t record;
	name text := wrk.mock_channel(token, channel);
	found_rows bigint;
BEGIN
	SELECT * INTO t FROM wrk.mock_token(token);
	IF since NOT LIKE (SELECT epoch FROM wrk.mock_setting) || '.%' THEN
		PERFORM wrk.mock_fail('WK410', 'the position is from another database');
	END IF;
	RETURN QUERY SELECT (wrk.mock_row(e)).* FROM wrk.event AS e
	WHERE name = ANY (e.channels)
		AND pg_visible_in_snapshot(e.xid, upto::pg_snapshot)
		AND NOT pg_visible_in_snapshot(e.xid, split_part(since, '.', 2)::pg_snapshot)
		AND ((e.audience_mask IS NULL AND e.audience_users IS NULL) OR e.audience_mask & t.mask <> 0
			OR t.usr = ANY (e.audience_users))
	ORDER BY e.id LIMIT max_rows + 1;
	GET DIAGNOSTICS found_rows = ROW_COUNT;
	IF found_rows > max_rows THEN
		PERFORM wrk.mock_fail('WK410', 'too many events since');
	END IF;
	IF name LIKE '%:project:late%' THEN
		PERFORM pg_sleep(1.5);
	END IF;
END $$;

CREATE FUNCTION wrk.gateway_fetch(since text, upto text, after_id bigint, max_rows int, known text)
RETURNS SETOF wrk.gateway_event LANGUAGE sql STABLE AS $$
	WITH page AS MATERIALIZED (
		SELECT e FROM wrk.event AS e
		WHERE (e.xid >= pg_snapshot_xmax(since::pg_snapshot) OR e.xid IN (SELECT pg_snapshot_xip(since::pg_snapshot)))
			AND pg_visible_in_snapshot(e.xid, coalesce(upto::pg_snapshot, pg_current_snapshot()))
			AND e.id > after_id
		ORDER BY e.id LIMIT max_rows + 1
	), numbered AS (
		SELECT (wrk.mock_row(e)).*, row_number() OVER (ORDER BY (e).id) AS n FROM page
	)
	SELECT * FROM (SELECT id, tenant_id, channels, type, payload, sender_id, audience_mask, audience_users,
		class, created_ms, state_key, key FROM numbered WHERE n <= max_rows ORDER BY class = 'x' DESC, id) AS events
	UNION ALL
	SELECT NULL, NULL, NULL, 'position', coalesce(upto, pg_current_snapshot()::text), NULL, NULL, NULL,
		(CASE WHEN (SELECT count(*) FROM page) > max_rows THEN 'm' ELSE 'd' END)::"char", NULL, NULL, NULL
$$;

CREATE FUNCTION wrk.mock_emit(type text, payload jsonb, channels text[], mask bigint DEFAULT NULL,
	users text[] DEFAULT NULL, class "char" DEFAULT 'c', state_key text DEFAULT NULL, sender text DEFAULT NULL,
	key text DEFAULT NULL)
RETURNS bigint LANGUAGE sql AS $$
	SELECT pg_notify('wrk_event', '');
	INSERT INTO wrk.event (channels, type, payload, sender_id, audience_mask, audience_users, class, state_key, key)
	VALUES (channels, type, payload, sender, mask, users, class, state_key, key) RETURNING id
$$;

-- what was refused, as the gateway told it; of a method named slow.*, only after a while
CREATE TABLE wrk.mock_refused (n serial, kind text, code text, name text, address text, token text);

CREATE FUNCTION wrk.gateway_refused(kind text, code text, name text, address text, token text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO wrk.mock_refused (kind, code, name, address, token) VALUES (kind, code, name, address, token);
	IF name LIKE 'slow.%' THEN
		PERFORM pg_sleep(2);
	END IF;
	RETURN name IS DISTINCT FROM 'enough';
END $$;

CREATE FUNCTION wrk.gateway_call(token text, method text, params jsonb, key text)
RETURNS TABLE (result jsonb, event_id bigint) LANGUAGE plpgsql AS $$
DECLARE
	t record;
BEGIN
	SELECT * INTO t FROM wrk.mock_token(token);
	CASE method
		WHEN 'echo' THEN
			RETURN QUERY SELECT params, NULL::bigint;
		WHEN 'echo.text' THEN
			RETURN QUERY SELECT to_jsonb(params::text), NULL::bigint;
		WHEN 'message.send' THEN
			RETURN QUERY SELECT jsonb_build_object('params', params, 'key', key), wrk.mock_emit('message.created', params,
				ARRAY['tenant:' || t.tenant || ':project:' || (params ->> 'project')], sender => t.usr, key => key);
		WHEN 'sleep' THEN
			PERFORM pg_sleep((params ->> 'seconds')::float8);
			RETURN QUERY SELECT 'true'::jsonb, NULL::bigint;
		WHEN 'fail.forbidden', 'slow.forbidden', 'enough' THEN
			PERFORM wrk.mock_fail('WK403', 'not for you');
		WHEN 'fail.transition' THEN
			PERFORM wrk.mock_fail('WK422', 'not from here', '{"from": "draft", "to": "live", "allowed": ["review"]}');
		WHEN 'fail.constraint' THEN
			CREATE TEMP TABLE IF NOT EXISTS inner_table (n int CONSTRAINT inner_check CHECK (n > 0));
			INSERT INTO inner_table VALUES (-1);
		WHEN 'fail.text' THEN
			RAISE EXCEPTION '%', params ->> 'text';
		WHEN 'fail.internal' THEN
			RAISE EXCEPTION 'secret detail of the inside';
		ELSE
			PERFORM wrk.mock_fail('WK404', 'there is no such method');
	END CASE;
END $$;
COMMIT;
