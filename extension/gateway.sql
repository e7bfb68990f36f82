-- The only functions the gateway may call.
--
-- The gateway knows sockets and nothing else: it hands on tokens it cannot
-- read and asks here for every decision. Its database role is a member of
-- wrk_gateway, which may execute what this file grants and has no other right.
-- Each call carries the token and is verified again.

CREATE TYPE wrk.gateway_event AS (
	id bigint,
	tenant_id text,
	channels text[],
	type text,
	payload text,
	sender_id text,
	audience_mask bigint,
	audience_users text[],
	class "char",
	created_ms bigint,
	state_key text,
	key text
);
COMMENT ON TYPE wrk.gateway_event IS
'an event as the gateway gets it: payload as JSON text; visible to a connection if audience_mask and audience_users are both null, or the masks share a bit, or its user is listed; class c(ritical), s(tate) or e(phemeral); class x is no event but says in its payload whose access to ask about again, see wrk.access_changed()';

CREATE FUNCTION wrk.gateway_audience_mask(audience text[])
RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN cardinality(audience) > 0 THEN wrk.role_mask(ARRAY(
		SELECT substr(a, 6) FROM unnest(audience) a WHERE starts_with(a, 'role:'))) END
$$;
COMMENT ON FUNCTION wrk.gateway_audience_mask(text[]) IS
'roles of an audience as a mask; NULL for an empty audience, which is everyone';

CREATE FUNCTION wrk.gateway_audience_users(audience text[])
RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN cardinality(audience) > 0 THEN ARRAY(
		SELECT substr(a, 6) FROM unnest(audience) a WHERE starts_with(a, 'user:')) END
$$;
COMMENT ON FUNCTION wrk.gateway_audience_users(text[]) IS
'users of an audience; NULL for an empty audience, which is everyone';

-- Without a SET clause, so that the planner takes it into the caller's query and
-- a filter comes before the work on payloads. Its callers pin the path.
CREATE FUNCTION wrk.gateway_events(since pg_snapshot, upto pg_snapshot, after_id bigint, max_rows integer,
								   channel text DEFAULT NULL, known pg_snapshot DEFAULT NULL)
RETURNS SETOF wrk.gateway_event
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
AS $$
	SELECT e.id, e.tenant_id, e.channels, e.type, e.payload::text, e.sender_id,
		   CASE WHEN cardinality(e.audience) > 0 THEN wrk.gateway_audience_mask(e.audience) END,
		   CASE WHEN cardinality(e.audience) > 0 THEN wrk.gateway_audience_users(e.audience) END,
		   e.class, (date_part('epoch', e.created_at) * 1000)::bigint, e.state_key, e.key
	FROM wrk.event_since(since, upto, after_id, max_rows, channel, channel IS NULL, known) e
$$;
COMMENT ON FUNCTION wrk.gateway_events(pg_snapshot, pg_snapshot, bigint, integer, text, pg_snapshot) IS
'wrk.event_since() in the shape the gateway gets';

-- What the gateway tells a browser for an SQLSTATE: our own states, and by their
-- first characters those of the server that are the caller's doing.
CREATE FUNCTION wrk.gateway_errors()
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT jsonb_agg(jsonb_build_object('sqlstate', sqlstate, 'code', code, 'status', status, 'retry', retry))
	FROM (
		SELECT sqlstate, code, status, retry FROM wrk.error_code
		UNION ALL
		SELECT p.prefix, e.code, e.status, p.retry
		FROM (VALUES
			('22', 'bad_request', 'no'),			-- data exception
			('23', 'bad_request', 'no'),			-- constraint violated
			('23505', 'conflict', 'refetch'),		-- unique violation
			('23503', 'not_found', 'no'),			-- no such row to refer to
			('40', 'conflict', 'backoff'),			-- serialization, deadlock
			('42501', 'forbidden', 'no'),			-- privilege, row security
			('53', 'unavailable', 'backoff'),		-- out of resources
			('55P03', 'locked', 'backoff'),			-- lock not available
			('57', 'unavailable', 'backoff'),		-- operator intervention, time-out
			('08', 'unavailable', 'backoff')		-- connection
		) AS p (prefix, code, retry)
		JOIN wrk.error_code e USING (code)
	) all_errors
$$;
COMMENT ON FUNCTION wrk.gateway_errors() IS
'SQLSTATEs, or their first characters, with the code, HTTP status and retry advice for a client; the longest match counts';

CREATE FUNCTION wrk.gateway_hello(gateway text, protocol integer DEFAULT 1)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	here text := wrk.position();
BEGIN
	IF protocol IS DISTINCT FROM 1 THEN
		RAISE EXCEPTION 'this extension speaks protocol 1, the gateway asks for %', protocol
			USING ERRCODE = 'WK400', HINT = 'Install a gateway and an extension of the same version.';
	END IF;
	RETURN jsonb_build_object(
		'version', (SELECT extversion FROM pg_extension WHERE extname = 'wrk_copilot'),
		'protocol', 1,
		'epoch', wrk.epoch(),
		'snapshot', split_part(here, '.', 2),
		'position', here,
		'doorbell', wrk.doorbell_mode(),
		'listen', jsonb_build_array('wrk_event'),
		'heartbeat', 25000,
		'receipts', wrk.gateway_receipts(),
		'errors', wrk.gateway_errors());
END
$$;
COMMENT ON FUNCTION wrk.gateway_hello(text, integer) IS
'what a gateway needs to begin: versions, epoch and snapshot to fetch from, channels to LISTEN to, heartbeat in ms, receipts [{type, method}], see wrk.receipt_rule, and the table of errors. Error: WK400 for a protocol this version does not speak';

CREATE FUNCTION wrk.gateway_open(token text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	who jsonb := wrk.authenticate(token);
	tenant text := who ->> 'tenant_id';
	user_id text := who ->> 'user_id';
	-- what is good for some calls only hears nothing
	deaf boolean := who ? 'scopes';
	channels text[] := '{}';
BEGIN
	IF NOT deaf THEN
		channels := channels || ('tenant:' || tenant);
		IF user_id IS NOT NULL THEN
			channels := channels || ('tenant:' || tenant || ':user:' || user_id);
		END IF;
	END IF;
	RETURN jsonb_build_object(
		'user', jsonb_build_object('id', user_id, 'roles', who -> 'roles'),
		'tenant', tenant,
		-- what a control event names: an API key has no session
		'session', CASE WHEN who ->> 'via' = 'api_key' THEN to_jsonb('api_key:' || (who ->> 'actor'))
						ELSE who -> 'session_id' END,
		'expiresAt', (who ->> 'expires_at')::bigint * 1000,
		'audience', CASE WHEN deaf THEN '0' ELSE wrk.role_mask(wrk.roles())::text END,
		'channels', channels,
		'limits', wrk.tenant_limits(tenant),
		'presence', CASE WHEN NOT deaf THEN wrk.presence_self() END);
END
$$;
COMMENT ON FUNCTION wrk.gateway_open(text) IS
'who a token stands for: {user: {id, roles}, tenant, session, expiresAt (ms), audience (role mask as decimal text), channels (joined from the start; none for an API key with scopes), limits (those that the tenant has of its own, see wrk.tenant_limit), presence (see wrk.presence_self(); null for an API key with scopes)}. session: claim sid, else jti, or api_key:{id}. Errors: WK401 unauthorized, WK4E1 token_expired, WK4E2 session_revoked, WK403 forbidden (suspended)';

CREATE FUNCTION wrk.gateway_subscribe(token text, channel text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM wrk.authenticate(token);
	RETURN wrk.channel_resolve(channel);
END
$$;
COMMENT ON FUNCTION wrk.gateway_subscribe(text, text) IS
'may this token join the channel: {channel, as, can, presence}, see wrk.channel_resolve(). Errors: WK401 unauthorized, WK4E1 token_expired, WK404 not_found';

CREATE FUNCTION wrk.gateway_recheck(token text, channels jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	opened jsonb := wrk.gateway_open(token);
	answers jsonb := '{}';
	channel text;
BEGIN
	FOR channel IN SELECT jsonb_array_elements_text(channels) LOOP
		BEGIN
			answers := answers || jsonb_build_object(channel, wrk.channel_resolve(channel));
		EXCEPTION WHEN SQLSTATE 'WK403' OR SQLSTATE 'WK404' THEN
			answers := answers || jsonb_build_object(channel, jsonb_build_object('sqlstate', SQLSTATE));
		END;
	END LOOP;
	RETURN opened || jsonb_build_object('granted', answers);
END
$$;
COMMENT ON FUNCTION wrk.gateway_recheck(text, jsonb) IS
'gateway_open() and, for each of the channels (a JSON array of canonical names), gateway_subscribe(), once more: what the first answers and granted {channel: {channel, as, can} or {sqlstate}}. Errors: those of gateway_open()';

-- Events of a fetch are cut by rows and by bytes: a page is what the gateway
-- holds in memory at once.
CREATE FUNCTION wrk.gateway_fetch(since text, upto text DEFAULT NULL, after_id bigint DEFAULT 0,
								  max_rows integer DEFAULT 1000, known text DEFAULT NULL)
RETURNS SETOF wrk.gateway_event
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 100 SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page_bytes CONSTANT bigint := 8 * 1024 * 1024;
	here CONSTANT text := split_part(wrk.position(), '.', 2);
	max_control CONSTANT integer := 1000;
	e wrk.gateway_event;
	bytes bigint := 0;
	n integer := 0;
	control integer := 0;
	whole text[] := '{}'; -- tenants that are asked about as a whole; '' for everybody
	more boolean := false;
BEGIN
	FOR e IN
		SELECT * FROM wrk.gateway_events(since::pg_snapshot, upto::pg_snapshot, after_id, max_rows,
										 known => known::pg_snapshot)
	LOOP
		IF e.class = 'x' THEN
			-- rather all of a tenant than a list without an end, and rather everybody than
			-- tenants without one; but nobody makes others wait by changing much
			control := control + 1;
			IF control > max_control THEN
				IF cardinality(whole) >= max_control THEN
					e.tenant_id := NULL;
				END IF;
				CONTINUE WHEN coalesce(e.tenant_id, '') = ANY (whole);
				whole := whole || coalesce(e.tenant_id, '');
				e.payload := CASE WHEN e.tenant_id IS NULL THEN '{"all": true}'
					ELSE jsonb_build_object('tenant', e.tenant_id)::text END;
			END IF;
			RETURN NEXT e;
			CONTINUE;
		END IF;
		IF bytes > page_bytes THEN
			more := true;
			EXIT;
		END IF;
		n := n + 1;
		bytes := bytes + octet_length(e.payload);
		RETURN NEXT e;
	END LOOP;
	e := NULL;
	e.type := 'position';
	-- taken from a position because clients will be given it as one
	e.payload := coalesce(upto, here);
	e.key := here;
	e.class := CASE WHEN more OR n >= max_rows THEN 'm' ELSE 'd' END;
	RETURN NEXT e;
END
$$;
COMMENT ON FUNCTION wrk.gateway_fetch(text, text, bigint, integer, text) IS
'events that the snapshot since could not see and upto (NULL: now) can, in id order after after_id, at most max_rows; before them control events (class x), which are not counted: with after_id 0 all, else those that came since the snapshot known; always followed by one row with id NULL, type position, the snapshot as payload, the one of this statement as key, and class d (done) or m (more: call again with upto = the payload, known = the key and after_id = the last id)';

CREATE FUNCTION wrk.gateway_replay(token text, channel text, since text, upto text, max_rows integer DEFAULT 1000)
RETURNS SETOF wrk.gateway_event
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 100 SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	replay_bytes CONSTANT bigint := 8 * 1024 * 1024;
	canonical text;
	mask bigint;
	me text;
	e wrk.gateway_event;
	bytes bigint := 0;
	n integer := 0;
BEGIN
	PERFORM wrk.authenticate(token);
	canonical := wrk.channel_resolve(channel) ->> 'channel';
	mask := wrk.role_mask(wrk.roles());
	me := wrk.user_id();
	FOR e IN
		SELECT * FROM wrk.gateway_events(wrk.position_snapshot(since), upto::pg_snapshot, 0, NULL, canonical) s
		WHERE (s.audience_mask IS NULL OR s.audience_mask & mask <> 0 OR me = ANY (s.audience_users))
	LOOP
		n := n + 1;
		IF n > max_rows THEN
			RAISE EXCEPTION 'more than % events to replay', max_rows USING ERRCODE = 'WK410',
				HINT = 'Read the current state and subscribe from its position.';
		END IF;
		bytes := bytes + octet_length(e.payload);
		IF bytes > replay_bytes THEN
			RAISE EXCEPTION 'more than % bytes to replay', replay_bytes USING ERRCODE = 'WK410',
				HINT = 'Read the current state and subscribe from its position.';
		END IF;
		RETURN NEXT e;
	END LOOP;
END
$$;
COMMENT ON FUNCTION wrk.gateway_replay(text, text, text, text, integer) IS
'events of a channel after the position since and up to the snapshot upto that the token may see now. Errors: WK410 unrecoverable (other epoch, older than retention, more than max_rows or 8 MB, or than wrk_copilot.max_replay_scan allows to look at), WK400 for what is no position, and those of gateway_subscribe()';

CREATE FUNCTION wrk.gateway_call(token text, method text, params jsonb, key text DEFAULT NULL,
								 OUT result jsonb, OUT event_id bigint)
RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	answer record;
BEGIN
	PERFORM wrk.authenticate(token);
	answer := wrk.rpc_call(method, params, key);
	result := answer.result;
	event_id := answer.event_id;
END
$$;
COMMENT ON FUNCTION wrk.gateway_call(text, text, jsonb, text) IS
'runs a registered method as the user of the token; see wrk.rpc_call()';

-- ---------- refusals ----------

-- A limit, not a record: it may be lost with a crash.
CREATE UNLOGGED TABLE wrk.gateway_refusal_rate (
	tenant_id text,
	kind text,
	minute timestamptz NOT NULL,
	recorded integer NOT NULL DEFAULT 0,
	left_out bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant_id, kind)
);
COMMENT ON TABLE wrk.gateway_refusal_rate IS 'how many refusals of a kind wrk.gateway_refused() has recorded of late; empty tenant: of nobody';
COMMENT ON COLUMN wrk.gateway_refusal_rate.minute IS 'minute that recorded counts for';
COMMENT ON COLUMN wrk.gateway_refusal_rate.left_out IS 'refusals since the last that was recorded';
REVOKE ALL ON wrk.gateway_refusal_rate FROM PUBLIC;

CREATE FUNCTION wrk.gateway_refusal_tenant(token text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN wrk.authenticate(token) ->> 'tenant_id';
EXCEPTION
	WHEN SQLSTATE 'WK400' OR SQLSTATE 'WK401' OR SQLSTATE 'WK403' OR SQLSTATE 'WK4E1' OR SQLSTATE 'WK4E2' THEN
		RETURN NULL; -- it was good for the connection and is not any more
END
$$;
COMMENT ON FUNCTION wrk.gateway_refusal_tenant(text) IS
'makes a token the identity of the transaction and returns its tenant; NULL and nobody for one that is refused';

CREATE FUNCTION wrk.gateway_refused(kind text, code text, name text, address text, token text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	per_minute CONSTANT integer := 30;
	this_minute timestamptz := date_trunc('minute', clock_timestamp());
	tenant text;
	rate wrk.gateway_refusal_rate;
BEGIN
	IF kind IS NULL OR kind NOT IN ('login', 'call', 'channel') THEN
		RAISE EXCEPTION '"%" is no kind of refusal', kind USING ERRCODE = 'WK400',
			HINT = 'Use login, call or channel.';
	END IF;
	IF token IS NOT NULL THEN
		tenant := wrk.gateway_refusal_tenant(token);
	END IF;
	INSERT INTO wrk.gateway_refusal_rate AS r (tenant_id, kind, minute)
	VALUES (coalesce(tenant, ''), gateway_refused.kind, this_minute) ON CONFLICT DO NOTHING;
	SELECT * INTO rate FROM wrk.gateway_refusal_rate r
	WHERE r.tenant_id = coalesce(tenant, '') AND r.kind = gateway_refused.kind FOR UPDATE;
	IF rate.minute = this_minute AND rate.recorded >= per_minute THEN
		UPDATE wrk.gateway_refusal_rate r SET left_out = r.left_out + 1
		WHERE r.tenant_id = rate.tenant_id AND r.kind = rate.kind;
		RETURN false;
	END IF;
	UPDATE wrk.gateway_refusal_rate r SET minute = this_minute, left_out = 0,
		recorded = 1 + CASE WHEN rate.minute = this_minute THEN rate.recorded ELSE 0 END
	WHERE r.tenant_id = rate.tenant_id AND r.kind = rate.kind;
	PERFORM wrk.audit(kind || '.refused', kind, left(name, 128), jsonb_strip_nulls(jsonb_build_object(
		'code', left(code, 64), 'address', left(address, 64), 'left_out', nullif(rate.left_out, 0))), tenant);
	RETURN true;
END
$$;
COMMENT ON FUNCTION wrk.gateway_refused(text, text, text, text, text) IS
'records that the gateway refused a login, a call or a channel: fact <kind>.refused {code, address, left_out} of the tenant and user that the token stands for, of no tenant without one or with one that is refused. name: the method or channel, NULL for a login; address: of the peer, if known. Of a tenant, and of nobody, at most 30 of a kind a minute, then false; the next one says with left_out how many there were between. Error: WK400 bad_request for another kind';

DO $$
DECLARE
	fn regprocedure;
BEGIN
	FOR fn IN
		SELECT p.oid FROM pg_catalog.pg_proc p
		WHERE p.pronamespace = 'wrk'::pg_catalog.regnamespace AND pg_catalog.starts_with(p.proname, 'gateway_')
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', fn);
	END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION wrk.gateway_hello(text, integer), wrk.gateway_open(text),
	wrk.gateway_subscribe(text, text), wrk.gateway_recheck(text, jsonb), wrk.gateway_fetch(text, text, bigint, integer, text),
	wrk.gateway_replay(text, text, text, text, integer),
	wrk.gateway_call(text, text, jsonb, text),
	wrk.gateway_refused(text, text, text, text, text) TO wrk_gateway;
