-- Calls about invitations, roles and members.

CREATE FUNCTION copilot.want_texts(params jsonb, param text, max_count integer, required boolean DEFAULT false)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	value jsonb := nullif(params -> param, 'null');
BEGIN
	IF value IS NULL THEN
		IF required THEN
			PERFORM copilot.bad_param(param, 'is required');
		END IF;
		RETURN NULL;
	END IF;
	IF jsonb_typeof(value) <> 'array' THEN
		PERFORM copilot.bad_param(param, 'must be an array of strings');
	ELSIF jsonb_array_length(value) NOT BETWEEN 1 AND max_count THEN
		PERFORM copilot.bad_param(param, format('must have 1 to %s elements', max_count));
	ELSIF EXISTS (SELECT FROM jsonb_array_elements(value) e
				  WHERE jsonb_typeof(e) <> 'string' OR length(e #>> '{}') NOT BETWEEN 1 AND 200) THEN
		PERFORM copilot.bad_param(param, 'must be an array of strings');
	END IF;
	RETURN ARRAY(SELECT jsonb_array_elements_text(value));
END
$$;
COMMENT ON FUNCTION copilot.want_texts(jsonb, text, integer, boolean) IS
'member of a call''s parameters as an array of strings that is not empty. Error: WK400 bad_request';

-- ---------- invitations ----------

CREATE FUNCTION copilot.call_invitation_create(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'email', 'roles', 'days');
	RETURN copilot.invite(copilot.want_text(params, 'email', 254, true), copilot.want_texts(params, 'roles', 7, true),
		make_interval(days => coalesce(copilot.want_int(params, 'days', 1, 30), 7)));
END
$$;
COMMENT ON FUNCTION copilot.call_invitation_create(jsonb) IS
'call invitation.create {email, roles, days (1 to 30, else 7)}: the invitation, without its token, which only the mail has. Errors: WK400, WK403, WK409, WK4L9';

CREATE FUNCTION copilot.call_invitation_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	wanted text;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'status', 'after', 'limit');
	wanted := copilot.want_choice(params, 'status', 'pending', 'accepted', 'revoked', 'expired');
	page := copilot.want_page(params);
	IF wrk.can('read', 'invitation') IS NOT TRUE THEN
		RAISE EXCEPTION 'invitations are not for this role to read' USING ERRCODE = 'WK403';
	END IF;
	WITH found AS (
		SELECT i.* FROM (
			SELECT x.id, x.email, x.roles, x.invited_by, x.accepted_by, x.created_at, x.expires_at,
				CASE WHEN x.status = 'pending' AND x.expires_at <= now() THEN 'expired' ELSE x.status END AS status
			FROM copilot.invitations x) i
		WHERE (i.created_at, i.id) < (page.before_time, page.before_id) AND (wanted IS NULL OR i.status = wanted)
		ORDER BY i.created_at DESC, i.id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('invitations',
		jsonb_agg(to_jsonb(f) ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_invitation_list(jsonb) IS
'call invitation.list {status (pending, accepted, revoked, expired), after, limit}: {invitations, next} newest first. Errors: WK400, WK403';

CREATE FUNCTION copilot.call_invitation_revoke(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	was text;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_uuid(params, 'id', true);
	SELECT i.status INTO was FROM copilot.invitations i WHERE i.id = wanted;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'invitation not found' USING ERRCODE = 'WK404';
	ELSIF wrk.can('revoke', 'invitation') IS NOT TRUE THEN
		RAISE EXCEPTION 'invitations are not for this role to revoke' USING ERRCODE = 'WK403';
	END IF;
	UPDATE copilot.invitations i SET status = 'revoked' WHERE i.id = wanted AND i.status = 'pending';
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the invitation is not pending any more' USING ERRCODE = 'WK409';
	END IF;
	RETURN jsonb_build_object('revoked', true);
END
$$;
COMMENT ON FUNCTION copilot.call_invitation_revoke(jsonb) IS
'call invitation.revoke {id}: {revoked: true}; its token is good no more. Errors: WK400, WK403, WK404, WK409 (accepted or revoked before)';

-- ---------- members and roles ----------

CREATE FUNCTION copilot.want_role(params jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT coalesce(copilot.want_choice(params, 'role', 'client', 'builder', 'qa', 'ops', 'ops_admin', 'cs_admin',
		'admin', 'system'), copilot.want_text(params, 'role', 200, true))
$$;
COMMENT ON FUNCTION copilot.want_role(jsonb) IS 'member "role" of a call''s parameters. Error: WK400 bad_request';

CREATE FUNCTION copilot.call_role_grant(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'user_id', 'role');
	RETURN jsonb_build_object('granted',
		copilot.role_grant(copilot.want_uuid(params, 'user_id', true), copilot.want_role(params)));
END
$$;
COMMENT ON FUNCTION copilot.call_role_grant(jsonb) IS
'call role.grant {user_id, role}: {granted: false if they had it}; in force with their next token. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.call_role_revoke(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'user_id', 'role');
	RETURN jsonb_build_object('revoked',
		copilot.role_revoke(copilot.want_uuid(params, 'user_id', true), copilot.want_role(params)));
END
$$;
COMMENT ON FUNCTION copilot.call_role_revoke(jsonb) IS
'call role.revoke {user_id, role}: {revoked: false if they had it not}; in force at once, API keys that stand for them with it are revoked. Errors: WK400, WK403, WK404, WK409 (the last admin)';

CREATE FUNCTION copilot.call_member_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	wanted text;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'status', 'after', 'limit');
	wanted := copilot.want_choice(params, 'status', 'active', 'inactive');
	page := copilot.want_page(params);
	WITH found AS (
		SELECT tu.user_id, tu.status, tu.joined_at, u.name, u.avatar_url, tu.last_seen_at
		FROM copilot.tenant_users tu JOIN copilot.users u ON u.id = tu.user_id
		WHERE (tu.joined_at, tu.user_id) < (page.before_time, page.before_id) AND (wanted IS NULL OR tu.status = wanted)
		ORDER BY tu.joined_at DESC, tu.user_id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('members',
		jsonb_agg(to_jsonb(f) || jsonb_build_object('email', copilot.member_email(f.user_id), 'roles', ARRAY(
			SELECT r.role FROM copilot.user_roles r WHERE r.user_id = f.user_id ORDER BY r.role)) ORDER BY f.joined_at DESC, f.user_id DESC),
		array_agg(copilot.page_key(f.joined_at, f.user_id) ORDER BY f.joined_at DESC, f.user_id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_member_list(jsonb) IS
'call member.list {status (active, inactive), after, limit}: {members: [{user_id, name, email, avatar_url, status, roles, joined_at, last_seen_at}], next}, who joined last first. email is for operations staff, and one''s own; else null. Error: WK400';

CREATE FUNCTION copilot.call_member_deactivate(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'user_id', 'reason');
	RETURN jsonb_build_object('changed', copilot.member_set_status(copilot.want_uuid(params, 'user_id', true),
		'inactive', copilot.want_text(params, 'reason', 2000, true)));
END
$$;
COMMENT ON FUNCTION copilot.call_member_deactivate(jsonb) IS
'call member.deactivate {user_id, reason}: {changed}; their sessions end at once, API keys that stand for them are revoked, invitations by them as well. Errors: WK400, WK403, WK404, WK409 (the last admin)';

CREATE FUNCTION copilot.call_member_activate(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'user_id', 'reason');
	RETURN jsonb_build_object('changed', copilot.member_set_status(copilot.want_uuid(params, 'user_id', true),
		'active', copilot.want_text(params, 'reason', 2000)));
END
$$;
COMMENT ON FUNCTION copilot.call_member_activate(jsonb) IS
'call member.activate {user_id, reason}: {changed}; with the roles they had. Errors: WK400, WK403, WK404';

REVOKE ALL ON FUNCTION copilot.want_texts(jsonb, text, integer, boolean), copilot.call_invitation_create(jsonb),
	copilot.call_invitation_list(jsonb), copilot.call_invitation_revoke(jsonb), copilot.want_role(jsonb),
	copilot.call_role_grant(jsonb), copilot.call_role_revoke(jsonb), copilot.call_member_list(jsonb),
	copilot.call_member_deactivate(jsonb), copilot.call_member_activate(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.want_texts(jsonb, text, integer, boolean), copilot.call_invitation_create(jsonb),
	copilot.call_invitation_list(jsonb), copilot.call_invitation_revoke(jsonb), copilot.want_role(jsonb),
	copilot.call_role_grant(jsonb), copilot.call_role_revoke(jsonb), copilot.call_member_list(jsonb),
	copilot.call_member_deactivate(jsonb), copilot.call_member_activate(jsonb) TO wrk_member;
