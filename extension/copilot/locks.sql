-- Locks, as a browser asks for them.  The engine keeps them and knows who may; here
-- are its calls, and who of the product's people may take a lock away.

CREATE FUNCTION copilot.make_locks()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_permissions(t, 'tenant', '{steal_lock}', '{ops_admin,admin}')
	FROM unnest('{project,automation_version,file}'::text[]) t;
	PERFORM copilot.put_call('lock.acquire', 'copilot.call_lock_acquire(jsonb)');
	PERFORM copilot.put_call('lock.renew', 'copilot.call_lock_renew(jsonb)');
	PERFORM copilot.put_call('lock.release', 'copilot.call_lock_release(jsonb)');
	PERFORM copilot.put_call('lock.steal', 'copilot.call_lock_steal(jsonb)');
	PERFORM copilot.put_call('lock.list', 'copilot.call_lock_list(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_locks() IS 'part of copilot.install(): calls and permissions of locks';

CREATE FUNCTION copilot.want_lease(params jsonb)
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT coalesce(copilot.want_int(params, 'seconds', 1, 3600), 60) * interval '1 second'
$$;
COMMENT ON FUNCTION copilot.want_lease(jsonb) IS
'member "seconds" (1 to 3600, else 60) of a call''s parameters. Error: WK400 bad_request';

CREATE FUNCTION copilot.call_lock_acquire(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'resource', 'field', 'seconds');
	RETURN wrk.lock_acquire(copilot.want_text(params, 'resource', 512, true), copilot.want_lease(params),
							copilot.want_text(params, 'field', 512));
END
$$;
COMMENT ON FUNCTION copilot.call_lock_acquire(jsonb) IS
'call lock.acquire {resource, field, seconds}: {resource, field, user_id, token, acquired_at, expires_at}; resource is a channel, such as project:ID or file:ID, seconds (1 to 3600, else 60) how long without lock.renew. Errors: WK400, WK403, WK404, WK423 with {resource, field, user_id, expires_at}, WK4L9';

CREATE FUNCTION copilot.call_lock_renew(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'resource', 'field', 'seconds', 'token');
	RETURN wrk.lock_renew(copilot.want_text(params, 'resource', 512, true), copilot.want_lease(params),
						  copilot.want_text(params, 'field', 512), copilot.want_token(params));
END
$$;
COMMENT ON FUNCTION copilot.call_lock_renew(jsonb) IS
'call lock.renew {resource, field, seconds, token}: as lock.acquire, for who still holds it. Errors: WK400, WK404, WK409 for a lock that is lost';

CREATE FUNCTION copilot.want_token(params jsonb)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF jsonb_typeof(params -> 'token') NOT IN ('number', 'null') OR params ->> 'token' !~ '^[0-9]{1,16}$' THEN
		PERFORM copilot.bad_param('token', 'must be the token of a lock');
	END IF;
	RETURN (params ->> 'token')::bigint;
END
$$;
COMMENT ON FUNCTION copilot.want_token(jsonb) IS
'member "token" of a call''s parameters. Error: WK400 bad_request';

CREATE FUNCTION copilot.call_lock_release(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'resource', 'field', 'token');
	RETURN jsonb_build_object('released', wrk.lock_release(copilot.want_text(params, 'resource', 512, true),
		copilot.want_text(params, 'field', 512), copilot.want_token(params)));
END
$$;
COMMENT ON FUNCTION copilot.call_lock_release(jsonb) IS
'call lock.release {resource, field, token}: {released}, false for a lock the caller does not hold. Errors: WK400, WK404';

CREATE FUNCTION copilot.call_lock_steal(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'resource', 'field', 'seconds', 'reason');
	RETURN wrk.lock_steal(copilot.want_text(params, 'resource', 512, true), copilot.want_lease(params),
						  copilot.want_text(params, 'field', 512), copilot.want_text(params, 'reason', 2000));
END
$$;
COMMENT ON FUNCTION copilot.call_lock_steal(jsonb) IS
'call lock.steal {resource, field, seconds, reason}: as lock.acquire, whoever holds it; for those with permission "steal_lock". Errors: WK400, WK403, WK404, WK4L9';

CREATE FUNCTION copilot.call_lock_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'resource');
	RETURN jsonb_build_object('locks', (
		SELECT coalesce(jsonb_agg(to_jsonb(l) || jsonb_build_object('name', u.name) ORDER BY l.field), '[]')
		FROM wrk.lock_list(copilot.want_text(params, 'resource', 512, true)) l
		LEFT JOIN copilot.users u ON u.id = copilot.as_uuid(l.user_id)));
END
$$;
COMMENT ON FUNCTION copilot.call_lock_list(jsonb) IS
'call lock.list {resource}: {locks: [{field, user_id, name, acquired_at, expires_at}]}; field null is the whole of it. Errors: WK400, WK404';

REVOKE ALL ON FUNCTION copilot.make_locks(), copilot.want_lease(jsonb), copilot.want_token(jsonb),
	copilot.call_lock_acquire(jsonb), copilot.call_lock_renew(jsonb), copilot.call_lock_release(jsonb),
	copilot.call_lock_steal(jsonb), copilot.call_lock_list(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.want_lease(jsonb), copilot.want_token(jsonb),
	copilot.call_lock_acquire(jsonb), copilot.call_lock_renew(jsonb), copilot.call_lock_release(jsonb),
	copilot.call_lock_steal(jsonb), copilot.call_lock_list(jsonb) TO wrk_member;
