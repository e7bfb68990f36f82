-- Presence for the application: how people are called, and the calls that list them.
--
-- Who is there is the engine's (wrk.presence_list()); who may see it is decided by
-- the channels of this application.

CREATE FUNCTION copilot.make_presence()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO wrk.presence_rule (namer) VALUES ('copilot.presence_name(text)')
	ON CONFLICT (alone) DO UPDATE SET namer = excluded.namer;
	PERFORM copilot.put_call('presence.online', 'copilot.call_presence_online(jsonb)');
	PERFORM copilot.put_call('presence.room', 'copilot.call_presence_room(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_presence() IS 'part of copilot.install(): how people are called, and the calls about who is there';

CREATE FUNCTION copilot.presence_name(user_id text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT u.name FROM copilot.users u WHERE u.id = copilot.as_uuid(presence_name.user_id)
$$;
COMMENT ON FUNCTION copilot.presence_name(text) IS
'name of a user whom the caller may see, else NULL; for wrk.presence_rule';

CREATE FUNCTION copilot.call_presence_online(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'users', 'limit');
	IF params ? 'users' THEN
		RETURN jsonb_build_object('users', wrk.presence_of(copilot.want_ids(params, 'users', 200)::text[]));
	END IF;
	RETURN jsonb_build_object('users',
		wrk.presence_list('presence:tenant', coalesce(copilot.want_int(params, 'limit', 1, 1000), 1000)));
END
$$;
COMMENT ON FUNCTION copilot.call_presence_online(jsonb) IS
'call presence.online {users, limit}: {users: [{id, name, status, connections, meta, lastSeen}]} who is connected, by id, at most limit (1 to 1000). users (1 to 200 UUIDs): of these, and also those who were seen before, with status offline and no name. Errors: WK400, WK401';

CREATE FUNCTION copilot.call_presence_room(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'channel', 'limit');
	RETURN jsonb_build_object('users', wrk.presence_list(copilot.want_text(params, 'channel', 512, true),
		coalesce(copilot.want_int(params, 'limit', 1, 1000), 1000)));
END
$$;
COMMENT ON FUNCTION copilot.call_presence_room(jsonb) IS
'call presence.room {channel, limit}: {users: [{id, name, status, connections, meta, lastSeen}]} who is in a channel that one may read, such as project:UUID, by id, at most limit (1 to 1000). Errors: WK400, WK401, WK404 for a channel one may not know of';

REVOKE ALL ON FUNCTION copilot.make_presence(), copilot.presence_name(text), copilot.call_presence_online(jsonb),
	copilot.call_presence_room(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.presence_name(text), copilot.call_presence_online(jsonb),
	copilot.call_presence_room(jsonb) TO wrk_member;
