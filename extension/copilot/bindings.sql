-- Bindings: making them, switching them on and off, and the secrets of their webhooks.
--
-- Everything runs with the rights of its caller but copilot.binding_launch(), by which
-- a version that starts or stops takes its bindings along, whoever started or stopped
-- it.

CREATE FUNCTION copilot.binding_status_changed()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.status = 'active' AND OLD.status <> 'active' THEN
		NEW.activated_at := clock_timestamp();
		NEW.deactivated_at := NULL;
		NEW.held := false;
	ELSIF NEW.status = 'inactive' AND OLD.status <> 'inactive' THEN
		NEW.deactivated_at := clock_timestamp();
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.binding_status_changed() IS
'trigger of workflow_bindings: keeps activated_at and deactivated_at';

CREATE FUNCTION copilot.binding_version(wanted uuid)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	version uuid;
BEGIN
	SELECT b.automation_version_id INTO version FROM copilot.workflow_bindings b WHERE b.id = wanted;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'workflow binding not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN version;
END
$$;
COMMENT ON FUNCTION copilot.binding_version(uuid) IS
'the version of a binding that the caller sees. Error: WK404 not_found';

CREATE FUNCTION copilot.check_may_bind(version uuid)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF (wrk.can('bind', 'automation_version') OR wrk.can('bind', 'automation_version', version::text)) IS NOT TRUE THEN
		RAISE EXCEPTION 'workflow bindings are not for this role to change' USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_may_bind(uuid) IS
'refuses who may not bind a version to workflows. Error: WK403 forbidden';

-- ---------- secrets ----------

CREATE FUNCTION copilot.binding_add_secret(binding uuid)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- two UUIDs are 244 bits of the server's strong randomness
	made text := 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64');
BEGIN
	INSERT INTO copilot.workflow_binding_secrets (workflow_binding_id, secret) VALUES (binding, made);
	RETURN made;
END
$$;
COMMENT ON FUNCTION copilot.binding_add_secret(uuid) IS
'makes another secret for the webhooks of a binding and returns it; it is never shown again';

CREATE FUNCTION copilot.binding_rotate_secret(binding uuid, overlap interval DEFAULT '24 hours')
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	until timestamptz := clock_timestamp() + overlap;
BEGIN
	PERFORM copilot.check_may_bind(copilot.binding_version(binding));
	IF overlap IS NULL OR overlap NOT BETWEEN interval '0' AND interval '30 days' THEN
		RAISE EXCEPTION 'overlap must be from nothing to 30 days, not %', overlap USING ERRCODE = 'WK400';
	END IF;
	-- two at once come one after the other, or each would leave the other's secret in force
	PERFORM FROM copilot.workflow_bindings b WHERE b.id = binding FOR NO KEY UPDATE;
	UPDATE copilot.workflow_binding_secrets s SET expires_at = until
	WHERE s.workflow_binding_id = binding AND (s.expires_at IS NULL OR s.expires_at > until);
	RETURN jsonb_build_object('id', binding, 'secret', copilot.binding_add_secret(binding),
		'others_expire_at', until);
END
$$;
COMMENT ON FUNCTION copilot.binding_rotate_secret(uuid, interval) IS
'gives a binding a new secret for its webhooks and returns {id, secret, others_expire_at}: the secret is shown this once, those before it are good for the overlap (0 to 30 days) and no longer. Errors: WK400, WK403, WK404';

-- ---------- making ----------

CREATE FUNCTION copilot.binding_create(version uuid, engine text, workflow_ref text, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	made copilot.workflow_bindings;
	answer jsonb;
BEGIN
	answer := copilot.key_claim(key, 'copilot.binding_create', jsonb_build_array(version, engine, workflow_ref));
	IF answer IS NOT NULL THEN
		RETURN answer;
	END IF;
	PERFORM copilot.check_thread(NULL, coalesce(version, '00000000-0000-0000-0000-000000000000'));
	PERFORM copilot.check_may_bind(version);
	IF engine !~ '^[a-z][a-z0-9_]{0,62}$' IS NOT FALSE OR length(workflow_ref) BETWEEN 1 AND 200 IS NOT TRUE THEN
		RAISE EXCEPTION 'a workflow is named by its engine (a-z, 0-9, _) and a reference of 1 to 200 characters'
			USING ERRCODE = 'WK400';
	END IF;
	IF (SELECT v.status FROM copilot.automation_versions v WHERE v.id = version) = 'archived' THEN
		RAISE EXCEPTION 'the automation version is archived' USING ERRCODE = 'WK409';
	END IF;
	INSERT INTO copilot.workflow_bindings AS b (automation_version_id, engine, workflow_ref)
	VALUES (version, engine, workflow_ref) RETURNING b.* INTO made;
	answer := copilot.answer(to_jsonb(made)) || jsonb_build_object('secret', copilot.binding_add_secret(made.id));
	PERFORM copilot.key_answer(key, answer - 'secret');
	RETURN answer;
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'the version is bound to this workflow already' USING ERRCODE = 'WK409';
END
$$;
COMMENT ON FUNCTION copilot.binding_create(uuid, text, text, text) IS
'binds a version to a workflow of an engine: the binding, inactive, with the secret of its webhooks, which is shown this once. Once per key; who calls again with it gets the binding without the secret. Errors: WK400, WK403, WK404, WK409 (bound already, or the version is archived)';

-- ---------- a version starts and stops ----------

CREATE FUNCTION copilot.binding_set(tenant uuid, binding uuid, new_status text, new_reason text, hold boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE copilot.workflow_bindings b SET status = new_status, status_reason = new_reason, held = hold
	WHERE b.tenant_id = tenant AND b.id = binding;
EXCEPTION WHEN SQLSTATE 'WK403' OR SQLSTATE 'WK401' THEN
	-- whoever may stop or start a version need not be one to switch its bindings: the
	-- consequence is the system's, and the history says that no rule of theirs made it
	PERFORM wrk.status_import();
	UPDATE copilot.workflow_bindings b SET status = new_status, status_reason = new_reason, held = hold
	WHERE b.tenant_id = tenant AND b.id = binding;
	PERFORM wrk.status_import(false);
END
$$;
COMMENT ON FUNCTION copilot.binding_set(uuid, uuid, text, text, boolean) IS
'part of copilot.binding_launch(): has a binding take a step, whoever the caller is';

CREATE FUNCTION copilot.binding_launch(tenant uuid, version uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	now_in text := (SELECT v.status FROM copilot.automation_versions v WHERE v.tenant_id = tenant AND v.id = version);
	binding uuid;
	starts boolean := now_in = 'live';
BEGIN
	IF now_in IS NULL OR now_in NOT IN ('live', 'paused', 'blocked', 'archived') THEN
		RETURN;
	END IF;
	-- in one order, so that two of these never wait for each other
	FOR binding IN SELECT b.id FROM copilot.workflow_bindings b
		WHERE b.tenant_id = tenant AND b.automation_version_id = version
			-- what somebody has switched off stays off
			AND CASE WHEN starts THEN b.status = 'inactive' AND (b.held OR b.activated_at IS NULL)
				ELSE b.status = 'active' END
		ORDER BY b.id FOR NO KEY UPDATE
	LOOP
		PERFORM copilot.binding_set(tenant, binding, CASE WHEN starts THEN 'active' ELSE 'inactive' END,
			'automation version is ' || now_in, NOT starts);
	END LOOP;
END
$$;
COMMENT ON FUNCTION copilot.binding_launch(uuid, uuid) IS
'has the bindings of a version follow its status: live activates those that were never active or were held, paused, blocked and archived deactivate and hold those that are active, other states change nothing. Can be repeated. For what follows from a step of the version; nobody may call it';

-- ---------- calls ----------

CREATE FUNCTION copilot.call_binding_create(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'automation_version_id', 'engine', 'workflow_ref');
	RETURN copilot.binding_create(copilot.want_uuid(params, 'automation_version_id', true),
		copilot.want_text(params, 'engine', 63, true), copilot.want_text(params, 'workflow_ref', 200, true));
END
$$;
COMMENT ON FUNCTION copilot.call_binding_create(jsonb) IS
'call binding.create {automation_version_id, engine, workflow_ref}: the binding, inactive, with "secret", which is shown this once. Errors: WK400, WK403, WK404, WK409';

CREATE FUNCTION copilot.call_binding_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	version uuid;
	page record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'automation_version_id', 'after', 'limit');
	version := copilot.want_uuid(params, 'automation_version_id', true);
	page := copilot.want_page(params);
	PERFORM copilot.check_thread(NULL, version);
	WITH found AS (
		SELECT b.* FROM copilot.workflow_bindings b
		WHERE b.automation_version_id = version AND (b.created_at, b.id) < (page.before_time, page.before_id)
		ORDER BY b.created_at DESC, b.id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('bindings',
		jsonb_agg(copilot.answer(to_jsonb(f)) ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_binding_list(jsonb) IS
'call binding.list {automation_version_id, after, limit}: {bindings, next} newest first; next is null on the last page. Errors: WK400, WK404';

CREATE FUNCTION copilot.call_binding_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	was copilot.workflow_bindings;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_uuid(params, 'id', true);
	PERFORM copilot.binding_version(wanted);
	SELECT b.* INTO was FROM copilot.workflow_bindings b WHERE b.id = wanted;
	RETURN copilot.answer(to_jsonb(was)) || jsonb_build_object('secrets', (
		SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'created_at', s.created_at,
			'expires_at', s.expires_at) ORDER BY s.created_at DESC, s.id), '[]')
		FROM copilot.workflow_binding_secrets s WHERE s.workflow_binding_id = was.id));
END
$$;
COMMENT ON FUNCTION copilot.call_binding_get(jsonb) IS
'call binding.get {id}: the binding with "secrets" [{id, created_at, expires_at}], newest first, empty for who may not change it; never a secret itself. Errors: WK400, WK404';

CREATE FUNCTION copilot.call_binding_transition(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'to', 'reason', 'expected');
	wanted := copilot.want_uuid(params, 'id', true);
	PERFORM copilot.check_may_bind(copilot.binding_version(wanted));
	RETURN wrk.transition('copilot.workflow_bindings', wanted::text, copilot.want_text(params, 'to', 63, true),
		reason => copilot.want_text(params, 'reason', 2000), expected => copilot.want_text(params, 'expected', 63));
END
$$;
COMMENT ON FUNCTION copilot.call_binding_transition(jsonb) IS
'call binding.transition {id, to, reason, expected}: {id, from, to, reason, by, change_id}; to is active, inactive or error (with a reason), expected the status the caller saw. Errors: WK400, WK403, WK404, WK409 for another status than expected, WK422';

CREATE FUNCTION copilot.call_binding_rotate_secret(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'overlap_hours');
	RETURN copilot.binding_rotate_secret(copilot.want_uuid(params, 'id', true),
		make_interval(hours => coalesce(copilot.want_int(params, 'overlap_hours', 0, 720), 24)));
END
$$;
COMMENT ON FUNCTION copilot.call_binding_rotate_secret(jsonb) IS
'call binding.rotate_secret {id, overlap_hours: 0 to 720, else 24}: {id, secret, others_expire_at}; the secret is shown this once, those before it are good until then. Errors: WK400, WK403, WK404';

REVOKE ALL ON FUNCTION copilot.binding_status_changed(), copilot.binding_version(uuid), copilot.check_may_bind(uuid),
	copilot.binding_add_secret(uuid), copilot.binding_rotate_secret(uuid, interval),
	copilot.binding_create(uuid, text, text, text),
	copilot.binding_set(uuid, uuid, text, text, boolean), copilot.binding_launch(uuid, uuid),
	copilot.call_binding_create(jsonb), copilot.call_binding_list(jsonb), copilot.call_binding_get(jsonb),
	copilot.call_binding_transition(jsonb), copilot.call_binding_rotate_secret(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.binding_version(uuid), copilot.check_may_bind(uuid),
	copilot.binding_add_secret(uuid), copilot.binding_rotate_secret(uuid, interval),
	copilot.binding_create(uuid, text, text, text),
	copilot.call_binding_create(jsonb), copilot.call_binding_list(jsonb), copilot.call_binding_get(jsonb),
	copilot.call_binding_transition(jsonb), copilot.call_binding_rotate_secret(jsonb) TO wrk_member;
