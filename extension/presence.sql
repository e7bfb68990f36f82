-- Presence: who is there, and when somebody was last seen.
--
-- Each gateway writes down who is connected to it, one row a channel and user, and
-- reads what the others wrote. A row belongs to its gateway, and a gateway lives as
-- long as the database session that it attached with: not a lease that somebody has
-- to renew, and not an advisory lock, which anybody may hold. When that session is
-- gone and does not come back within the gateway's grace, so are its members.
--
-- What is here is about connections, so it need not survive a crash of the server:
-- the tables are not logged, and gateways write again what they know when they find
-- themselves gone. Only when somebody was last seen is kept.
--
-- All of it is about people, never about the rights they have: those are asked for
-- when a channel is joined, and names come from the application (see presence_rule).

CREATE UNLOGGED TABLE wrk.gateway_node (
	node text COLLATE "C" PRIMARY KEY CHECK (node ~ '^[0-9a-f]{32}$'),
	name text NOT NULL,
	pid integer NOT NULL,
	backend_start timestamptz NOT NULL,
	grace interval NOT NULL CHECK (grace BETWEEN '0' AND '10 minutes'),
	lost_at timestamptz
);
COMMENT ON TABLE wrk.gateway_node IS 'gateways that are attached, and those that were a moment ago';
COMMENT ON COLUMN wrk.gateway_node.node IS 'random, the gateway''s own, new at each of its starts';
COMMENT ON COLUMN wrk.gateway_node.name IS 'as configured, for people';
COMMENT ON COLUMN wrk.gateway_node.pid IS 'of the session it attached with; with backend_start that and no other';
COMMENT ON COLUMN wrk.gateway_node.grace IS 'how long its members outlive that session';
COMMENT ON COLUMN wrk.gateway_node.lost_at IS 'when the session was first found gone';
REVOKE ALL ON wrk.gateway_node FROM PUBLIC;

CREATE UNLOGGED TABLE wrk.presence (
	channel text COLLATE "C" NOT NULL,
	user_id text COLLATE "C" NOT NULL,
	node text COLLATE "C" NOT NULL,
	tenant_id text COLLATE "C" NOT NULL,
	name text,
	status smallint NOT NULL CHECK (status BETWEEN 0 AND 2),
	connections integer NOT NULL CHECK (connections > 0),
	meta text CHECK (octet_length(meta) <= 65536),
	changed_ms bigint NOT NULL,
	PRIMARY KEY (channel, user_id, node),
	CHECK (starts_with(channel, 'tenant:' || tenant_id || ':presence:'))
) WITH (fillfactor = 70);
COMMENT ON TABLE wrk.presence IS 'who is in a presence channel at which gateway';
COMMENT ON COLUMN wrk.presence.status IS '0 active, 1 idle, 2 away: the best of the connections';
COMMENT ON COLUMN wrk.presence.connections IS 'there, the user''s at that gateway, and those that may still come back';
COMMENT ON COLUMN wrk.presence.meta IS 'what the last of them said about itself, a JSON object as text';
COMMENT ON COLUMN wrk.presence.changed_ms IS 'when that was, Unix ms by the gateway''s clock; decides whose meta counts';
CREATE INDEX presence_node_idx ON wrk.presence (node);
COMMENT ON INDEX wrk.presence_node_idx IS 'the members of a gateway that is lost';
REVOKE ALL ON wrk.presence FROM PUBLIC;

CREATE TABLE wrk.last_seen (
	tenant_id text COLLATE "C" NOT NULL,
	user_id text COLLATE "C" NOT NULL,
	seen_at timestamptz NOT NULL,
	PRIMARY KEY (tenant_id, user_id)
);
COMMENT ON TABLE wrk.last_seen IS 'when users came or went last, for those who are not there any more';
COMMENT ON COLUMN wrk.last_seen.seen_at IS 'of somebody who is there: when they came, or changed their status';
CREATE INDEX last_seen_at_idx ON wrk.last_seen (seen_at);
COMMENT ON INDEX wrk.last_seen_at_idx IS 'longest ago first, for retention';
SELECT pg_catalog.pg_extension_config_dump('wrk.last_seen', '');
REVOKE ALL ON wrk.last_seen FROM PUBLIC;

CREATE FUNCTION wrk.last_seen_retention()
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH gone AS (DELETE FROM wrk.last_seen WHERE seen_at < now() - interval '400 days' RETURNING 1)
	SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION wrk.last_seen_retention() IS
'forgets who was last seen more than 400 days ago; run by the background worker. Returns how many';

-- ---------- names ----------

CREATE TABLE wrk.presence_rule (
	alone boolean PRIMARY KEY DEFAULT true CHECK (alone),
	namer text NOT NULL
);
COMMENT ON TABLE wrk.presence_rule IS 'how users are called; no row: they have no names';
COMMENT ON COLUMN wrk.presence_rule.namer IS
'function (user_id text) returns text: the display name of a user of the identity''s tenant, NULL for none; called as wrk_member, so it must be executable by that role';
CREATE TRIGGER function_name BEFORE INSERT OR UPDATE ON wrk.presence_rule
	FOR EACH ROW EXECUTE FUNCTION wrk.function_name('namer');
COMMENT ON TRIGGER function_name ON wrk.presence_rule IS 'keeps the full name of a function that is there';
SELECT pg_catalog.pg_extension_config_dump('wrk.presence_rule', '');
REVOKE ALL ON wrk.presence_rule FROM PUBLIC;

CREATE FUNCTION wrk.presence_ask_name(function regprocedure, user_id text)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_presence_ask_name';
COMMENT ON FUNCTION wrk.presence_ask_name(regprocedure, text) IS
'runs a function (text) returns text with the rights of wrk_member; internal to wrk.presence_name(). Errors: 42P13 for one of another shape, 42501';

CREATE FUNCTION wrk.presence_name(user_id text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	namer regprocedure := (SELECT to_regprocedure(r.namer) FROM wrk.presence_rule r);
BEGIN
	IF namer IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN nullif(left(wrk.presence_ask_name(namer, user_id), 200), '');
EXCEPTION
	-- nobody is kept out because they cannot be named
	WHEN OTHERS THEN
		RAISE LOG 'presence: % did not name a user: % (%)', namer, SQLERRM, SQLSTATE;
		RETURN NULL;
END
$$;
COMMENT ON FUNCTION wrk.presence_name(text) IS
'display name of a user of the identity''s tenant, as wrk.presence_rule has it, at most 200 characters; NULL if it has none. An error of that function is logged, not raised';

CREATE FUNCTION wrk.presence_self()
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF wrk.user_id() IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN jsonb_build_object('channel', format('tenant:%s:presence:tenant', wrk.tenant_id()),
		'name', wrk.presence_name(wrk.user_id()));
END
$$;
COMMENT ON FUNCTION wrk.presence_self() IS
'how the identity of this transaction is there: {channel: where everybody of the tenant is, name}; NULL, and in no channel, without a user';

-- ---------- gateways ----------

CREATE FUNCTION wrk.gateway_lives(pid integer, started timestamptz)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- one that has asked for nothing for a minute hangs: its session is asked something twice a second
	SELECT EXISTS (SELECT FROM pg_stat_get_activity(gateway_lives.pid) a
		WHERE a.backend_start = started
			AND coalesce(greatest(a.state_change, a.query_start), now()) > clock_timestamp() - interval '1 minute')
$$;
COMMENT ON FUNCTION wrk.gateway_lives(integer, timestamptz) IS
'is there still the session, by process id and start, and has it done anything for a minute; internal to presence';

CREATE FUNCTION wrk.gateway_tell_presence(node text, channels text[])
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- as the bus has it: the node, then kind, length and text of a message; cut so that each can be carried
	WITH measured AS (
		SELECT c, sum(octet_length(c) + 1) OVER (ORDER BY c) / 6000 AS part FROM unnest(channels) c),
	texts AS (SELECT string_agg(c, E'\n' ORDER BY c) AS t FROM measured GROUP BY part)
	SELECT wrk.gateway_send(array_agg(format('%s p:%s:%s', node, octet_length(t), t))) FROM texts
	HAVING count(*) > 0
$$;
COMMENT ON FUNCTION wrk.gateway_tell_presence(text, text[]) IS
'tells the gateways, in the name of one of them or of "-", that the presence in these channels has changed; internal to presence';

CREATE FUNCTION wrk.gateway_attach(node text, name text, grace_ms integer)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	kept boolean;
	started timestamptz := (SELECT a.backend_start FROM pg_stat_get_activity(pg_backend_pid()) a);
BEGIN
	-- a host that is switched off says no good-bye (of no effect for a socket of the same machine)
	PERFORM set_config('tcp_keepalives_idle', '4', false), set_config('tcp_keepalives_interval', '3', false),
		set_config('tcp_keepalives_count', '3', false), set_config('synchronous_commit', 'off', true);
	UPDATE wrk.gateway_node g SET pid = pg_backend_pid(), backend_start = started, lost_at = NULL
	WHERE g.node = gateway_attach.node;
	kept := FOUND;
	IF NOT kept THEN
		INSERT INTO wrk.gateway_node (node, name, pid, backend_start, grace)
		VALUES (gateway_attach.node, left(gateway_attach.name, 200), pg_backend_pid(), started, grace_ms * interval '1 ms');
	END IF;
	RETURN jsonb_build_object('kept', kept, 'others', (SELECT count(*) FROM wrk.gateway_node g WHERE g.node <> gateway_attach.node));
END
$$;
COMMENT ON FUNCTION wrk.gateway_attach(text, text, integer) IS
'this session is the life of gateway node (32 hexadecimal digits, its own) from now on: {kept, others}. kept: what it wrote with wrk.gateway_presence() is still there, else it writes all of it again; others: how many other gateways there are. grace_ms: how long its members stay when the session is gone. Error: 23514 for what is no node';

CREATE FUNCTION wrk.gateway_sweep(node text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	lost wrk.gateway_node;
BEGIN
	-- nothing is written while nobody is lost
	FOR lost IN SELECT * FROM wrk.gateway_node g WHERE NOT wrk.gateway_lives(g.pid, g.backend_start) LOOP
		PERFORM set_config('synchronous_commit', 'off', true);
		-- another gateway may be at it, or its own has come back
		SELECT * INTO lost FROM wrk.gateway_node g
		WHERE g.node = lost.node AND g.pid = lost.pid AND g.backend_start = lost.backend_start FOR UPDATE SKIP LOCKED;
		IF NOT FOUND THEN
			CONTINUE;
		ELSIF lost.lost_at IS NULL THEN
			UPDATE wrk.gateway_node g SET lost_at = clock_timestamp() WHERE g.node = lost.node;
		ELSIF lost.lost_at + lost.grace <= clock_timestamp() THEN
			PERFORM wrk.gateway_forget(lost.node);
		END IF;
	END LOOP;
	RETURN jsonb_build_object(
		'attached', EXISTS (SELECT FROM wrk.gateway_node g WHERE g.node = gateway_sweep.node AND g.pid = pg_backend_pid()),
		'others', (SELECT count(*) FROM wrk.gateway_node g WHERE g.node <> gateway_sweep.node));
END
$$;
COMMENT ON FUNCTION wrk.gateway_sweep(text) IS
'ends the presence at gateways whose session has been gone for their grace and tells the others; for gateway node to ask on the session that it attached with, more often than once a second: {attached, others}. attached false: it has been taken for lost and attaches anew';

CREATE FUNCTION wrk.gateway_forget(node text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	told text[];
BEGIN
	WITH gone AS (
		DELETE FROM wrk.presence p WHERE p.node = gateway_forget.node RETURNING p.channel, p.tenant_id, p.user_id),
	seen AS (
		INSERT INTO wrk.last_seen AS l (tenant_id, user_id, seen_at)
		SELECT g.tenant_id, g.user_id, n.lost_at FROM gone g, wrk.gateway_node n
		WHERE n.node = gateway_forget.node AND g.channel = 'tenant:' || g.tenant_id || ':presence:tenant'
		ORDER BY 1, 2
		ON CONFLICT (tenant_id, user_id) DO UPDATE SET seen_at = greatest(l.seen_at, excluded.seen_at))
	SELECT array_agg(DISTINCT g.channel) INTO told FROM gone g;
	DELETE FROM wrk.gateway_node g WHERE g.node = gateway_forget.node;
	PERFORM wrk.gateway_tell_presence('-', told);
END
$$;
COMMENT ON FUNCTION wrk.gateway_forget(text) IS
'removes a gateway that is lost and its members, who were last seen when it was lost; internal to wrk.gateway_sweep()';

CREATE FUNCTION wrk.gateway_presence(node text, changes jsonb)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	told text[];
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	-- nobody declares it lost meanwhile
	PERFORM FROM wrk.gateway_node g WHERE g.node = gateway_presence.node FOR KEY SHARE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	WITH change AS MATERIALIZED (
		SELECT * FROM jsonb_to_recordset(changes) AS c (channel text, tenant text, "user" text, name text,
			status smallint, connections integer, meta text, at bigint)),
	gone AS (
		DELETE FROM wrk.presence p USING change c
		WHERE c.connections = 0 AND p.channel = c.channel AND p.user_id = c."user" AND p.node = gateway_presence.node
		RETURNING p.channel, p.tenant_id, p.user_id),
	put AS (
		INSERT INTO wrk.presence AS p (channel, user_id, node, tenant_id, name, status, connections, meta, changed_ms)
		SELECT c.channel, c."user", gateway_presence.node, c.tenant, left(c.name, 200), c.status, c.connections, c.meta, c.at
		FROM change c WHERE c.connections > 0
		ON CONFLICT (channel, user_id, node) DO UPDATE SET name = excluded.name, status = excluded.status,
			connections = excluded.connections, meta = excluded.meta, changed_ms = excluded.changed_ms
		WHERE (p.name, p.status, p.connections, p.meta, p.changed_ms)
			IS DISTINCT FROM (excluded.name, excluded.status, excluded.connections, excluded.meta, excluded.changed_ms)
		RETURNING p.channel, p.tenant_id, p.user_id),
	touched AS (SELECT * FROM gone UNION ALL SELECT * FROM put),
	seen AS (
		INSERT INTO wrk.last_seen AS l (tenant_id, user_id, seen_at)
		SELECT t.tenant_id, t.user_id, clock_timestamp() FROM touched t
		WHERE t.channel = 'tenant:' || t.tenant_id || ':presence:tenant'
		-- two gateways that write the same people do not wait for each other in a circle
		ORDER BY 1, 2
		ON CONFLICT (tenant_id, user_id) DO UPDATE SET seen_at = greatest(l.seen_at, excluded.seen_at))
	SELECT array_agg(DISTINCT t.channel) INTO told FROM touched t;
	IF EXISTS (SELECT FROM wrk.gateway_node g WHERE g.node <> gateway_presence.node) THEN
		PERFORM wrk.gateway_tell_presence(gateway_presence.node, told);
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION wrk.gateway_presence(text, jsonb) IS
'writes who is at gateway node, and tells the others. changes: array of {channel, tenant, user, name, status: 0 to 2, connections, meta: JSON text, at: ms}, each user of a channel at most once; connections 0: not any more. False: the gateway is not attached, nothing was written. It is believed what it says: whoever holds its role can invent people, who get no right by it. Errors: 22xxx and 23xxx for changes that are none';

CREATE FUNCTION wrk.gateway_present(node text, channels text[])
RETURNS TABLE (channel text, user_id text, name text, status smallint, connections bigint, meta text, changed_ms bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT p.channel, p.user_id, max(p.name), min(p.status), sum(p.connections),
		(array_agg(p.meta ORDER BY p.changed_ms DESC, p.meta DESC NULLS LAST))[1], max(p.changed_ms)
	FROM wrk.presence p
	WHERE p.channel = ANY (channels) AND p.node <> gateway_present.node
	GROUP BY p.channel, p.user_id
$$;
COMMENT ON FUNCTION wrk.gateway_present(text, text[]) IS
'who is in these channels at other gateways than node, one row a channel and user; columns as in wrk.presence';

-- ---------- for everybody else ----------

CREATE FUNCTION wrk.presence_meta(meta text)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN coalesce(meta::jsonb, '{}');
EXCEPTION
	-- JSON has numbers that jsonb has not: nobody keeps others from the list with one
	WHEN data_exception THEN
		RETURN '{}';
END
$$;
COMMENT ON FUNCTION wrk.presence_meta(text) IS
'what somebody who is present says of themselves, empty when jsonb cannot hold it; internal to wrk.presence_json()';

CREATE FUNCTION wrk.presence_json(room text, who text[] DEFAULT NULL, most integer DEFAULT 1000)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH member AS (
		SELECT p.user_id, max(p.name) AS name, min(p.status) AS status, sum(p.connections) AS connections,
			(array_agg(p.meta ORDER BY p.changed_ms DESC, p.meta DESC NULLS LAST))[1] AS meta, max(p.changed_ms) AS changed_ms
		FROM wrk.presence p WHERE p.channel = room AND (who IS NULL OR p.user_id = ANY (who))
		GROUP BY p.user_id ORDER BY p.user_id LIMIT most)
	SELECT coalesce(jsonb_agg(jsonb_build_object('id', m.user_id, 'name', m.name,
		'status', (ARRAY['active', 'idle', 'away'])[m.status + 1], 'connections', m.connections,
		'meta', wrk.presence_meta(m.meta), 'lastSeen', m.changed_ms) ORDER BY m.user_id), '[]') FROM member m
$$;
COMMENT ON FUNCTION wrk.presence_json(text, text[], integer) IS
'the members of a presence channel, by its canonical name, as clients get them; without a check of rights, internal to presence';

CREATE FUNCTION wrk.presence_list(channel text, most integer DEFAULT 1000)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	room text := wrk.channel_resolve(channel) ->> 'presence';
BEGIN
	IF room IS NULL THEN
		RAISE EXCEPTION 'nobody is present in channel "%"', channel USING ERRCODE = 'WK400',
			HINT = 'Name one thing, such as project:42, or presence:tenant.';
	ELSIF most IS NULL OR most NOT BETWEEN 1 AND 10000 THEN
		RAISE EXCEPTION 'a list has 1 to 10000 members, not %', most USING ERRCODE = 'WK400';
	END IF;
	RETURN wrk.presence_json(room, most => most);
END
$$;
COMMENT ON FUNCTION wrk.presence_list(text, integer) IS
'who is there, for whoever may read the channel: a resource (project:42), its presence channel (presence:project/42) or presence:tenant for everybody of the tenant. Array of {id, name, status: active, idle or away, connections, meta, lastSeen (ms)} by id, at most as many as most says (up to 10000). lastSeen: when they came or changed something. At most a moment behind the gateways. Errors: WK400, WK401, WK404';

CREATE FUNCTION wrk.presence_of(users text[])
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	room text := wrk.channel_resolve('presence:tenant') ->> 'channel';
	tenant text := wrk.tenant_id();
	present jsonb;
BEGIN
	IF users IS NULL OR cardinality(users) NOT BETWEEN 1 AND 1000 THEN
		RAISE EXCEPTION 'presence is asked of 1 to 1000 users' USING ERRCODE = 'WK400';
	END IF;
	present := wrk.presence_json(room, users);
	RETURN present || (SELECT coalesce(jsonb_agg(jsonb_build_object('id', l.user_id, 'status', 'offline', 'connections', 0,
			'lastSeen', (extract(epoch FROM l.seen_at) * 1000)::bigint) ORDER BY l.user_id), '[]')
		FROM wrk.last_seen l
		WHERE l.tenant_id = tenant AND l.user_id = ANY (users)
			AND NOT EXISTS (SELECT FROM jsonb_array_elements(present) p WHERE p ->> 'id' = l.user_id));
END
$$;
COMMENT ON FUNCTION wrk.presence_of(text[]) IS
'which of these users (1 to 1000) of the identity''s tenant are there, as wrk.presence_list() has them, then those who are not but were: {id, status: offline, connections: 0, lastSeen (ms)}. Who was never seen is left out. Errors: WK400, WK401';

REVOKE ALL ON FUNCTION wrk.last_seen_retention(), wrk.presence_ask_name(regprocedure, text), wrk.presence_name(text),
	wrk.presence_self(), wrk.gateway_lives(integer, timestamptz), wrk.gateway_tell_presence(text, text[]),
	wrk.gateway_attach(text, text, integer), wrk.gateway_sweep(text), wrk.gateway_forget(text),
	wrk.gateway_presence(text, jsonb), wrk.gateway_present(text, text[]), wrk.presence_meta(text), wrk.presence_json(text, text[], integer),
	wrk.presence_list(text, integer), wrk.presence_of(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.gateway_attach(text, text, integer), wrk.gateway_sweep(text),
	wrk.gateway_presence(text, jsonb), wrk.gateway_present(text, text[]) TO wrk_gateway;
GRANT EXECUTE ON FUNCTION wrk.presence_list(text, integer), wrk.presence_of(text[]) TO wrk_member, wrk_service;

SELECT wrk.maintenance_register('wrk.last_seen_retention', 'wrk.last_seen_retention()', '1 day');
