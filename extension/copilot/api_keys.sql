-- API keys of a tenant, for its admins.
--
-- The keys are the engine's (wrk.api_key); here is who may make, see, rotate and
-- revoke those of the own tenant. A key stands for the tenant itself or for who makes
-- it, with roles that person may grant; no key makes keys, or a narrow one could make
-- itself a wide one.

CREATE FUNCTION copilot.make_api_keys()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_permissions('api_key', 'tenant', '{read,manage}', '{admin}');
	PERFORM copilot.put_call('apikey.create', 'copilot.call_apikey_create(jsonb)');
	PERFORM copilot.put_call('apikey.list', 'copilot.call_apikey_list(jsonb)');
	PERFORM copilot.put_call('apikey.rotate', 'copilot.call_apikey_rotate(jsonb)');
	PERFORM copilot.put_call('apikey.revoke', 'copilot.call_apikey_revoke(jsonb)');
	UPDATE wrk.rpc SET once = '{key}' WHERE method IN ('apikey.create', 'apikey.rotate');
END
$$;
COMMENT ON FUNCTION copilot.make_api_keys() IS 'part of copilot.install(): calls about API keys';

CREATE FUNCTION copilot.check_manages_keys()
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF wrk.can('manage', 'api_key') IS NOT TRUE THEN
		RAISE EXCEPTION 'API keys are not for this role to manage' USING ERRCODE = 'WK403';
	ELSIF wrk.identity() ->> 'via' = 'api_key' THEN
		RAISE EXCEPTION 'an API key does not manage API keys' USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_manages_keys() IS 'refuses who may not manage API keys, and API keys. Error: WK403';

CREATE FUNCTION copilot.apikey_answer(id text)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('id', k.id, 'env', k.env, 'label', k.label, 'user_id', k.user_id, 'roles', k.roles,
		'scopes', k.scopes, 'created_at', k.created_at, 'created_by', k.created_by, 'expires_at', k.expires_at,
		'revoked_at', k.revoked_at, 'last_used_at', u.last_used_at,
		'previous_until', CASE WHEN k.previous_until > now() THEN k.previous_until END)
	FROM wrk.api_key k LEFT JOIN wrk.api_key_use u ON u.id = k.id
	WHERE k.id = apikey_answer.id AND k.tenant_id = wrk.tenant_id()
$$;
COMMENT ON FUNCTION copilot.apikey_answer(text) IS 'an API key of the caller''s tenant as calls answer it, without its secret';

-- The rights are asked for inside: members do not see wrk.api_key.
CREATE FUNCTION copilot.call_apikey_create(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	roles text[];
	expires timestamptz;
	made text;
BEGIN
	PERFORM copilot.check_params(params, 'label', 'roles', 'scopes', 'env', 'expires_at', 'as_me');
	PERFORM copilot.check_manages_keys();
	roles := coalesce(copilot.want_texts(params, 'roles', 8), '{}');
	expires := copilot.want_time(params, 'expires_at');
	IF EXISTS (SELECT FROM unnest(roles) r WHERE r NOT IN (SELECT k.name FROM wrk.role k)) THEN
		PERFORM copilot.bad_param('roles', 'has one that is none');
	ELSIF expires <= now() THEN
		PERFORM copilot.bad_param('expires_at', 'is over');
	ELSIF params ->> 'as_me' IS NOT NULL AND jsonb_typeof(params -> 'as_me') <> 'boolean' THEN
		PERFORM copilot.bad_param('as_me', 'must be true or false');
	END IF;
	PERFORM copilot.check_may_grant(roles);
	-- who is sent away, or loses a role, at this moment comes before or after, not in between
	PERFORM FROM copilot.tenant_users tu
	WHERE tu.tenant_id::text = wrk.tenant_id() AND tu.user_id::text = wrk.user_id() FOR SHARE;
	IF (SELECT count(*) FROM wrk.api_key k WHERE k.tenant_id = wrk.tenant_id() AND k.revoked_at IS NULL
		AND (k.expires_at IS NULL OR k.expires_at > now())) >= 100 THEN
		RAISE EXCEPTION 'a tenant has at most 100 API keys' USING ERRCODE = 'WK4L9', HINT = 'Revoke one first.';
	END IF;
	made := wrk.api_key_create(wrk.tenant_id(), CASE WHEN (params ->> 'as_me')::boolean THEN wrk.user_id() END, roles,
		coalesce(copilot.want_text(params, 'env', 16), 'live'), expires, copilot.want_text(params, 'label', 200, true),
		copilot.want_texts(params, 'scopes', 100));
	RETURN copilot.apikey_answer(split_part(made, '_', 3)) || jsonb_build_object('key', made);
END
$$;
COMMENT ON FUNCTION copilot.call_apikey_create(jsonb) IS
'call apikey.create {label, roles, scopes, env, expires_at, as_me}: the API key and, this once, its credential as "key". It stands for the tenant or, with as_me, for the caller; scopes are methods or prefixes such as task.*, without it may whatever its roles may. Errors: WK400, WK403, WK4L9 (100 keys)';

CREATE FUNCTION copilot.call_apikey_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'after', 'limit');
	page := copilot.want_page(params);
	IF wrk.can('read', 'api_key') IS NOT TRUE THEN
		RAISE EXCEPTION 'API keys are not for this role to read' USING ERRCODE = 'WK403';
	END IF;
	-- the ids of keys are hexadecimal: half a UUID
	WITH found AS (
		SELECT k.id, k.created_at, (k.id || repeat('0', 16))::uuid AS place FROM wrk.api_key k
		WHERE k.tenant_id = wrk.tenant_id() AND k.id ~ '^[0-9a-f]{16}$'
			AND (k.created_at, (k.id || repeat('0', 16))::uuid) < (page.before_time, page.before_id)
		ORDER BY k.created_at DESC, place DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('keys',
		jsonb_agg(copilot.apikey_answer(f.id) ORDER BY f.created_at DESC, f.place DESC),
		array_agg(copilot.page_key(f.created_at, f.place) ORDER BY f.created_at DESC, f.place DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_apikey_list(jsonb) IS
'call apikey.list {after, limit}: {keys, next} of the tenant, newest first, those revoked as well; last_used_at to the minute. Errors: WK400, WK403';

CREATE FUNCTION copilot.check_own_key(id text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	k record;
BEGIN
	PERFORM copilot.check_manages_keys();
	SELECT x.user_id, x.roles INTO k FROM wrk.api_key x WHERE x.id = check_own_key.id AND x.tenant_id = wrk.tenant_id();
	IF NOT FOUND THEN
		RAISE EXCEPTION 'API key not found' USING ERRCODE = 'WK404';
	END IF;
	PERFORM copilot.check_may_grant(k.roles);
END
$$;
COMMENT ON FUNCTION copilot.check_own_key(text) IS
'refuses an API key that is not of the caller''s tenant or has roles the caller may not grant. Errors: WK403, WK404';

CREATE FUNCTION copilot.call_apikey_rotate(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted text;
	made text;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'overlap_hours');
	wanted := copilot.want_text(params, 'id', 64, true);
	PERFORM copilot.check_own_key(wanted);
	IF EXISTS (SELECT FROM wrk.api_key k WHERE k.id = wanted AND k.user_id <> coalesce(wrk.user_id(), '')) THEN
		RAISE EXCEPTION 'the API key stands for somebody else' USING ERRCODE = 'WK403', HINT = 'Revoke it instead.';
	END IF;
	made := wrk.api_key_rotate(wanted, make_interval(hours => coalesce(copilot.want_int(params, 'overlap_hours', 0, 720), 24)));
	RETURN copilot.apikey_answer(wanted) || jsonb_build_object('key', made);
END
$$;
COMMENT ON FUNCTION copilot.call_apikey_rotate(jsonb) IS
'call apikey.rotate {id, overlap_hours (0 to 720, else 24)}: the API key and, this once, its new credential as "key"; the one before is good for the overlap. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.call_apikey_revoke(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted text;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_text(params, 'id', 64, true);
	PERFORM copilot.check_own_key(wanted);
	RETURN jsonb_build_object('revoked', wrk.api_key_revoke(wanted));
END
$$;
COMMENT ON FUNCTION copilot.call_apikey_revoke(jsonb) IS
'call apikey.revoke {id}: {revoked: false if it was before}; refused at once from then on. Errors: WK400, WK403, WK404';

REVOKE ALL ON FUNCTION copilot.make_api_keys(), copilot.check_manages_keys(), copilot.apikey_answer(text),
	copilot.call_apikey_create(jsonb), copilot.call_apikey_list(jsonb), copilot.check_own_key(text),
	copilot.call_apikey_rotate(jsonb), copilot.call_apikey_revoke(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.call_apikey_create(jsonb), copilot.call_apikey_list(jsonb),
	copilot.call_apikey_rotate(jsonb), copilot.call_apikey_revoke(jsonb) TO wrk_member;
