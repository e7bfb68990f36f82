-- What a browser asks about its user's notifications, and says of them.
--
-- All of it runs with the caller's rights: the policies leave nothing to see or to
-- change but one's own.  A service that has no user has no notifications.

CREATE FUNCTION copilot.want_own_user()
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF copilot.as_uuid(wrk.user_id()) IS NULL THEN
		RAISE EXCEPTION 'only a user has notifications' USING ERRCODE = 'WK403';
	END IF;
	RETURN copilot.as_uuid(wrk.user_id());
END
$$;
COMMENT ON FUNCTION copilot.want_own_user() IS 'the user of the identity. Error: WK403 forbidden for one without';

CREATE FUNCTION copilot.want_ids(params jsonb, param text, most integer)
RETURNS uuid[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	value jsonb := params -> param;
	ids uuid[];
BEGIN
	IF value IS NULL OR jsonb_typeof(value) <> 'array' OR jsonb_array_length(value) NOT BETWEEN 1 AND most THEN
		PERFORM copilot.bad_param(param, format('must be an array of 1 to %s UUIDs', most));
	END IF;
	SELECT array_agg(copilot.as_uuid(CASE WHEN jsonb_typeof(v) = 'string' THEN v #>> '{}' END)) INTO ids
	FROM jsonb_array_elements(value) v;
	IF array_position(ids, NULL) IS NOT NULL THEN
		PERFORM copilot.bad_param(param, format('must be an array of 1 to %s UUIDs', most));
	END IF;
	RETURN ids;
END
$$;
COMMENT ON FUNCTION copilot.want_ids(jsonb, text, integer) IS
'member of a call''s parameters as an array of UUIDs, at least one. Error: WK400 bad_request';

CREATE FUNCTION copilot.notification_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	own uuid := copilot.want_own_user();
	page record;
	wanted_kind text;
	unread boolean;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'unread', 'kind', 'after', 'limit');
	page := copilot.want_page(params);
	wanted_kind := copilot.want_choice(params, 'kind', VARIADIC copilot.notification_kinds());
	IF jsonb_typeof(params -> 'unread') NOT IN ('boolean', 'null') THEN
		PERFORM copilot.bad_param('unread', 'must be true or false');
	END IF;
	unread := coalesce((params ->> 'unread')::boolean, false);
	WITH found AS (
		SELECT n.* FROM copilot.notifications n
		WHERE n.user_id = own AND n.shown AND (n.created_at, n.id) < (page.before_time, page.before_id)
			AND (n.read_at IS NULL OR NOT unread) AND (n.kind = wanted_kind OR wanted_kind IS NULL)
		ORDER BY n.created_at DESC, n.id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('notifications',
		jsonb_agg(copilot.answer(to_jsonb(f)) - '{shown,user_id}'::text[] ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.notification_list(jsonb) IS
'call notification.list {unread, kind, after, limit}: {notifications, next} of the caller, newest first; unread true: only those. Errors: WK400, WK403';

CREATE FUNCTION copilot.notification_unread()
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT jsonb_build_object('unread', least(count(*), 1000), 'more', count(*) > 1000)
		FROM (SELECT FROM copilot.notifications n
			WHERE n.user_id = copilot.as_uuid(wrk.user_id()) AND n.shown AND n.read_at IS NULL LIMIT 1001) u);
END
$$;
COMMENT ON FUNCTION copilot.notification_unread() IS
'{unread, more}: how many of the caller''s notifications are unread, counted up to 1000; more: there are more';

CREATE FUNCTION copilot.notification_unread_count(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.want_own_user();
	PERFORM copilot.check_params(params, VARIADIC '{}');
	RETURN copilot.notification_unread();
END
$$;
COMMENT ON FUNCTION copilot.notification_unread_count(jsonb) IS
'call notification.unread_count {}: {unread, more}, counted up to 1000. Errors: WK400, WK403';

CREATE FUNCTION copilot.notification_mark_read(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	own uuid := copilot.want_own_user();
	ids uuid[];
	marked bigint;
BEGIN
	PERFORM copilot.check_params(params, 'ids');
	ids := copilot.want_ids(params, 'ids', 200);
	-- in one order, so that two windows of one person do not wait for each other
	WITH these AS (
		SELECT n.tenant_id, n.id FROM copilot.notifications n
		WHERE n.user_id = own AND n.id = ANY (ids) AND n.read_at IS NULL ORDER BY n.id FOR UPDATE)
	UPDATE copilot.notifications n SET read_at = clock_timestamp()
	FROM these t WHERE n.tenant_id = t.tenant_id AND n.id = t.id;
	GET DIAGNOSTICS marked = ROW_COUNT;
	RETURN copilot.notification_unread() || jsonb_build_object('marked', marked);
END
$$;
COMMENT ON FUNCTION copilot.notification_mark_read(jsonb) IS
'call notification.mark_read {ids}: {marked, unread, more}; marks up to 200 of the caller''s notifications, passing over what is read already or nobody''s. Errors: WK400, WK403';

CREATE FUNCTION copilot.notification_mark_all_read(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	own uuid := copilot.want_own_user();
	upto timestamptz;
	marked bigint;
BEGIN
	PERFORM copilot.check_params(params, 'until');
	-- what came since the reader looked is not read
	upto := coalesce(copilot.want_time(params, 'until'), 'infinity');
	WITH these AS (
		SELECT n.tenant_id, n.id FROM copilot.notifications n
		WHERE n.user_id = own AND n.shown AND n.read_at IS NULL AND n.created_at <= upto
		ORDER BY n.id LIMIT 10000 FOR UPDATE)
	UPDATE copilot.notifications n SET read_at = clock_timestamp()
	FROM these t WHERE n.tenant_id = t.tenant_id AND n.id = t.id;
	GET DIAGNOSTICS marked = ROW_COUNT;
	RETURN copilot.notification_unread() || jsonb_build_object('marked', marked);
END
$$;
COMMENT ON FUNCTION copilot.notification_mark_all_read(jsonb) IS
'call notification.mark_all_read {until}: {marked, unread, more}; marks all of the caller''s notifications made until then, at most 10,000 a call. Errors: WK400, WK403';

CREATE FUNCTION copilot.notification_preferences_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.want_own_user();
	PERFORM copilot.check_params(params, VARIADIC '{}');
	RETURN jsonb_build_object('preferences', (
		SELECT jsonb_agg(jsonb_build_object('kind', k.kind, 'channels', p.channels, 'digest', p.digest,
			'own', EXISTS (SELECT FROM copilot.notification_preferences o
						   WHERE o.user_id = copilot.as_uuid(wrk.user_id()) AND o.kind = k.kind)) ORDER BY k.o)
		FROM unnest(copilot.notification_kinds()) WITH ORDINALITY k (kind, o)
		CROSS JOIN LATERAL copilot.notification_preference(
			copilot.as_uuid(wrk.tenant_id()), copilot.as_uuid(wrk.user_id()), k.kind) p));
END
$$;
COMMENT ON FUNCTION copilot.notification_preferences_get(jsonb) IS
'call notification.preferences {}: {preferences: [{kind, channels, digest, own}]}, one for each kind; own: the caller has said so of this kind. Errors: WK400, WK403';

CREATE FUNCTION copilot.notification_preference_set(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	own uuid := copilot.want_own_user();
	wanted_kind text;
	wanted_digest text;
	wanted text[];
BEGIN
	PERFORM copilot.check_params(params, 'kind', 'channels', 'digest');
	wanted_kind := copilot.want_choice(params, 'kind', VARIADIC copilot.notification_kinds() || '{any}'::text[]);
	IF wanted_kind IS NULL THEN
		PERFORM copilot.bad_param('kind', 'is required');
	END IF;
	wanted_digest := coalesce(copilot.want_choice(params, 'digest', 'none', 'hourly', 'daily'), 'none');
	IF jsonb_typeof(params -> 'channels') = 'null' OR NOT params ? 'channels' THEN
		DELETE FROM copilot.notification_preferences p WHERE p.user_id = own AND p.kind = wanted_kind;
		RETURN copilot.notification_preferences_get('{}');
	END IF;
	IF jsonb_typeof(params -> 'channels') <> 'array' OR NOT params -> 'channels' <@ '["in_app", "email", "slack"]' THEN
		PERFORM copilot.bad_param('channels', 'must be an array of in_app, email and slack');
	END IF;
	wanted := ARRAY(SELECT DISTINCT jsonb_array_elements_text(params -> 'channels') ORDER BY 1);
	INSERT INTO copilot.notification_preferences AS p (kind, channels, digest)
	VALUES (wanted_kind, wanted, wanted_digest)
	ON CONFLICT (tenant_id, user_id, kind) DO UPDATE SET channels = excluded.channels, digest = excluded.digest;
	RETURN copilot.notification_preferences_get('{}');
END
$$;
COMMENT ON FUNCTION copilot.notification_preference_set(jsonb) IS
'call notification.set_preference {kind, channels, digest}: the preferences as notification.preferences answers them. kind any: for kinds without a preference of their own; channels: in_app, email, slack, [] for off, null for what is the default; digest: none, hourly, daily, for what is sent elsewhere. Errors: WK400, WK403';

REVOKE ALL ON FUNCTION copilot.want_own_user(), copilot.want_ids(jsonb, text, integer),
	copilot.notification_list(jsonb), copilot.notification_unread(), copilot.notification_unread_count(jsonb),
	copilot.notification_mark_read(jsonb), copilot.notification_mark_all_read(jsonb),
	copilot.notification_preferences_get(jsonb), copilot.notification_preference_set(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.want_own_user(), copilot.want_ids(jsonb, text, integer),
	copilot.notification_list(jsonb), copilot.notification_unread(), copilot.notification_unread_count(jsonb),
	copilot.notification_mark_read(jsonb), copilot.notification_mark_all_read(jsonb),
	copilot.notification_preferences_get(jsonb), copilot.notification_preference_set(jsonb),
	copilot.notification_preference(uuid, uuid, text), copilot.notification_default(text) TO wrk_member;
