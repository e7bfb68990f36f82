-- Editing a blueprint: what was made from an older version is merged into the present one.
--
-- An edit holds the row from reading it to writing it, so edits of one blueprint
-- come one after the other and each sees all before it.  Edits of different things
-- both stay; of one thing, the mode decides.  They run with the rights of the
-- editor; that they are checked, kept and announced is the triggers' business.

CREATE FUNCTION copilot.blueprint_lock(version_id uuid, OUT tenant uuid, OUT current bigint, OUT document jsonb)
RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	status text;
BEGIN
	-- locking takes the right to update, by the policies of the table
	SELECT v.tenant_id, v.blueprint_version, v.blueprint_json, v.status
	INTO tenant, current, document, status
	FROM copilot.automation_versions v WHERE v.id = version_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM copilot.check_thread(NULL, coalesce(version_id, '00000000-0000-0000-0000-000000000000'));
		RAISE EXCEPTION 'this blueprint is not for this role to edit' USING ERRCODE = 'WK403';
	END IF;
	IF NOT wrk.status_importing() THEN
		PERFORM copilot.blueprint_check_status(status);
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.blueprint_lock(uuid) IS
'the blueprint as it is now, kept from others'' changes until the transaction ends. Errors: WK404, WK403 for a role or a status that may not edit it';

CREATE FUNCTION copilot.blueprint_merged(base jsonb, document jsonb, theirs jsonb, policy text,
										 OUT merged jsonb, OUT conflicts jsonb)
RETURNS record
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- an edge that nobody has touched just goes with its node
	SELECT m, (SELECT coalesce(jsonb_agg(c ORDER BY n), '[]')
			   FROM jsonb_array_elements(m -> 'conflicts') WITH ORDINALITY o (c, n)
			   WHERE c ->> 'kind' <> 'dangling_edge' OR c -> 'base' IS NULL
				   OR c -> 'base' IS DISTINCT FROM c -> 'ours')
	FROM wrk.blueprint_merge(base, document, theirs, jsonb_build_object('policy', policy)) m
$$;
COMMENT ON FUNCTION copilot.blueprint_merged(jsonb, jsonb, jsonb, text) IS
'what wrk.blueprint_merge() answers, and which of its conflicts are with somebody''s work';

CREATE FUNCTION copilot.blueprint_save(version_id uuid, last_known_version bigint, edit jsonb, is_diff boolean,
									   mode text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	was record;
	base jsonb;
	m record;
BEGIN
	IF mode IS NULL OR mode NOT IN ('lww', 'ours', 'strict') THEN
		RAISE EXCEPTION 'mode "%" is none of lww, ours, strict', mode USING ERRCODE = 'WK400';
	END IF;
	IF last_known_version IS NULL OR edit IS NULL THEN
		RAISE EXCEPTION 'an edit needs its base version and a change' USING ERRCODE = 'WK400';
	END IF;
	-- many times what a blueprint may be: not worth holding the row for
	IF pg_column_size(edit) > 8388608 THEN
		RAISE EXCEPTION 'the edit is larger than 8 MB' USING ERRCODE = 'WK413';
	END IF;
	was := copilot.blueprint_lock(version_id);
	base := copilot.blueprint_at(was.tenant, version_id, was.current, was.document, last_known_version);
	m := copilot.blueprint_merged(base, was.document,
		CASE WHEN is_diff THEN wrk.blueprint_patch(base, edit) ELSE edit END,
		-- against the present version there is nobody to be in conflict with
		CASE WHEN mode = 'lww' OR last_known_version = was.current THEN 'lww' ELSE 'report' END);
	m.conflicts := copilot.blueprint_name_rivals(was.tenant, version_id, last_known_version, was.current, m.conflicts);
	IF mode = 'strict' AND last_known_version < was.current THEN
		PERFORM copilot.blueprint_refuse(was.current, last_known_version, m.conflicts);
	END IF;
	RETURN copilot.blueprint_store(version_id, was.current, was.document, m.merged, m.conflicts,
								   jsonb_build_object('base', last_known_version));
END
$$;
COMMENT ON FUNCTION copilot.blueprint_save(uuid, bigint, jsonb, boolean, text) IS
'part of copilot.blueprint_apply() and copilot.blueprint_replace()';

CREATE FUNCTION copilot.blueprint_refuse(current bigint, known bigint, conflicts jsonb)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF conflicts <> '[]' THEN
		RAISE EXCEPTION 'others have changed the same since version %', known
			USING ERRCODE = 'WK409', DETAIL = json_build_object('version', current,
				'conflicts', conflicts)::text;
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.blueprint_refuse(bigint, bigint, jsonb) IS
'refuses an edit for its conflicts, if there are any. Error: WK409 with DETAIL {"version", "conflicts"}';

CREATE FUNCTION copilot.blueprint_store(version_id uuid, current bigint, document jsonb, merged jsonb,
										conflicts jsonb, about jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	result bigint;
	event_id bigint;
BEGIN
	-- what is undone or redone counts even where there was nothing left to change
	IF ROW(merged -> 'result')::record *<> ROW(document)::record OR about ?| '{undoes,redoes}' THEN
		PERFORM set_config('copilot.blueprint_edit',
			(about || jsonb_build_object('conflicts', conflicts <> '[]'))::text, true);
		UPDATE copilot.automation_versions v SET blueprint_json = merged -> 'result'
		WHERE v.id = version_id RETURNING v.blueprint_version INTO result;
		PERFORM set_config('copilot.blueprint_edit', '', true);
		SELECT c.event_id INTO event_id FROM copilot.automation_versions v
		JOIN copilot.blueprint_changes c ON c.tenant_id = v.tenant_id AND c.automation_version_id = v.id
		WHERE v.id = version_id AND c.version = result AND result > current;
	END IF;
	RETURN jsonb_build_object('version', coalesce(result, current), 'base', current,
		'changed', coalesce(result > current, false), 'conflicts', conflicts,
		'dropped_edges', merged -> 'dropped_edges', 'event_id', event_id);
END
$$;
COMMENT ON FUNCTION copilot.blueprint_store(uuid, bigint, jsonb, jsonb, jsonb, jsonb) IS
'writes what a merge has made of the current version of a blueprint and answers as copilot.blueprint_apply(); about: {"base": version the edit was made from, "undoes" or "redoes": version of an edit}, for copilot.blueprint_record()';

CREATE FUNCTION copilot.blueprint_save_once(version_id uuid, last_known_version bigint, edit jsonb,
											is_diff boolean, mode text, key text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	answer jsonb := copilot.key_claim(key,
		CASE WHEN is_diff THEN 'copilot.blueprint_apply' ELSE 'copilot.blueprint_replace' END,
		jsonb_build_array(version_id, last_known_version, edit, mode));
BEGIN
	RETURN coalesce(answer, copilot.key_answer(key,
		copilot.blueprint_save(version_id, last_known_version, edit, is_diff, mode)));
END
$$;
COMMENT ON FUNCTION copilot.blueprint_save_once(uuid, bigint, jsonb, boolean, text, text) IS
'copilot.blueprint_save(), once per key; part of copilot.blueprint_apply() and copilot.blueprint_replace()';

CREATE FUNCTION copilot.blueprint_apply(version_id uuid, last_known_version bigint, diff jsonb,
										mode text DEFAULT 'lww', key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.blueprint_save_once(version_id, last_known_version, diff, true, mode, key)
$$;
COMMENT ON FUNCTION copilot.blueprint_apply(uuid, bigint, jsonb, text, text) IS
'applies a diff (see wrk.blueprint_diff()) that was made from last_known_version to the blueprint as it is now, and returns {version, base, changed, conflicts, dropped_edges, event_id}; base is the version it was applied to, changed false if there was nothing left to do.
mode, for what others have changed since as well: lww (the last writer, this one, wins; they are told by conflict.detected), ours (what is there stays), strict (the whole edit is refused). A conflict is one of wrk.blueprint_merge() with by and name: who made what was there (ours), null if that is not known. Edges whose node is gone are dropped. Once per key.
Errors: WK400 bad_request, WK403 forbidden (role, or status of the version), WK404 not_found, WK409 conflict (strict; or the diff is not from that version), WK4S9 too_stale, WK413 too_large';

CREATE FUNCTION copilot.blueprint_replace(version_id uuid, last_known_version bigint, document jsonb,
										  mode text DEFAULT 'lww', key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.blueprint_save_once(version_id, last_known_version, document, false, mode, key)
$$;
COMMENT ON FUNCTION copilot.blueprint_replace(uuid, bigint, jsonb, text, text) IS
'like copilot.blueprint_apply(), for an editor that has the whole document instead of a diff: what differs from last_known_version is its edit, what others have changed elsewhere stays';

-- ---------- calls ----------

CREATE FUNCTION copilot.want_version(params jsonb, required boolean)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	value integer := copilot.want_int(params, 'version', 1, 999999999);
BEGIN
	IF value IS NULL AND required THEN
		PERFORM copilot.bad_param('version', 'is required');
	END IF;
	RETURN value;
END
$$;
COMMENT ON FUNCTION copilot.want_version(jsonb, boolean) IS
'member "version" of a call''s parameters: a version of a blueprint. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_object(params jsonb, param text)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF jsonb_typeof(params -> param) IS DISTINCT FROM 'object' THEN
		PERFORM copilot.bad_param(param, 'must be an object');
	END IF;
	RETURN params -> param;
END
$$;
COMMENT ON FUNCTION copilot.want_object(jsonb, text) IS
'member of a call''s parameters as an object, which must be there. Error: WK400 bad_request';

CREATE FUNCTION copilot.call_blueprint_apply(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'version', 'diff', 'mode');
	RETURN copilot.blueprint_apply(copilot.want_uuid(params, 'id', true), copilot.want_version(params, true),
		copilot.want_object(params, 'diff'),
		coalesce(copilot.want_choice(params, 'mode', 'lww', 'ours', 'strict'), 'lww'));
END
$$;
COMMENT ON FUNCTION copilot.call_blueprint_apply(jsonb) IS
'call blueprint.apply {id, version, diff, mode}: {version, base, changed, conflicts: [{kind, path, base, ours, theirs, by, name}], dropped_edges, event_id}; version is the one the diff was made from, mode lww (default), ours or strict. Errors: WK400, WK403, WK404, WK409 with {version, conflicts}, WK413, WK4S9 with {version, oldest}';

CREATE FUNCTION copilot.call_blueprint_replace(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'version', 'document', 'mode');
	RETURN copilot.blueprint_replace(copilot.want_uuid(params, 'id', true), copilot.want_version(params, true),
		copilot.want_object(params, 'document'),
		coalesce(copilot.want_choice(params, 'mode', 'lww', 'ours', 'strict'), 'lww'));
END
$$;
COMMENT ON FUNCTION copilot.call_blueprint_replace(jsonb) IS
'call blueprint.replace {id, version, document, mode}: as blueprint.apply, with the whole document as its author wants it';

CREATE FUNCTION copilot.blueprint_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	wanted_version bigint;
	found record;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'version');
	wanted := copilot.want_uuid(params, 'id', true);
	wanted_version := copilot.want_version(params, false);
	PERFORM copilot.check_thread(NULL, wanted);
	SELECT v.tenant_id, v.status, v.blueprint_version AS current, v.blueprint_json AS document INTO found
	FROM copilot.automation_versions v WHERE v.id = wanted;
	IF wanted_version <> found.current THEN
		found.document := wrk.blueprint_strip(copilot.blueprint_at(found.tenant_id, wanted, found.current,
			found.document, wanted_version), '{}');
	END IF;
	RETURN jsonb_build_object('id', wanted, 'version', coalesce(wanted_version, found.current),
		'current', found.current, 'status', found.status,
		'oldest', copilot.blueprint_oldest(found.tenant_id, wanted, found.current),
		'document', found.document);
END
$$;
COMMENT ON FUNCTION copilot.blueprint_get(jsonb) IS
'call blueprint.get {id, version}: {id, version, current, oldest, status, document}; the present version unless another is asked for, which comes without the keys of the user interface. Errors: WK400, WK404, WK4S9 with {version, oldest}';

CREATE FUNCTION copilot.call_blueprint_import(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- that of Node-RED is an array
	document jsonb := params -> 'document';
BEGIN
	PERFORM copilot.check_params(params, 'document', 'format');
	IF document IS NULL OR jsonb_typeof(document) NOT IN ('object', 'array') THEN
		PERFORM copilot.bad_param('document', 'must be the document of another editor');
	END IF;
	RETURN jsonb_build_object('document', wrk.blueprint_import(document,
		coalesce(copilot.want_choice(params, 'format', 'auto', 'react_flow', 'n8n', 'node_red', 'step_functions'), 'auto')));
END
$$;
COMMENT ON FUNCTION copilot.call_blueprint_import(jsonb) IS
'call blueprint.import {document, format}: {document}, a document of another editor as a blueprint, as wrk.blueprint_import() makes it; nothing is stored. format is auto (default), react_flow, n8n, node_red or step_functions. Error: WK400';

REVOKE ALL ON FUNCTION copilot.blueprint_lock(uuid),
	copilot.blueprint_merged(jsonb, jsonb, jsonb, text), copilot.blueprint_refuse(bigint, bigint, jsonb),
	copilot.blueprint_store(uuid, bigint, jsonb, jsonb, jsonb, jsonb),
	copilot.blueprint_save(uuid, bigint, jsonb, boolean, text),
	copilot.blueprint_save_once(uuid, bigint, jsonb, boolean, text, text),
	copilot.blueprint_apply(uuid, bigint, jsonb, text, text),
	copilot.blueprint_replace(uuid, bigint, jsonb, text, text),
	copilot.want_version(jsonb, boolean), copilot.want_object(jsonb, text),
	copilot.call_blueprint_apply(jsonb), copilot.call_blueprint_replace(jsonb),
	copilot.blueprint_get(jsonb), copilot.call_blueprint_import(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.blueprint_lock(uuid),
	copilot.blueprint_merged(jsonb, jsonb, jsonb, text), copilot.blueprint_refuse(bigint, bigint, jsonb),
	copilot.blueprint_store(uuid, bigint, jsonb, jsonb, jsonb, jsonb),
	copilot.blueprint_save(uuid, bigint, jsonb, boolean, text),
	copilot.blueprint_save_once(uuid, bigint, jsonb, boolean, text, text),
	copilot.blueprint_apply(uuid, bigint, jsonb, text, text),
	copilot.blueprint_replace(uuid, bigint, jsonb, text, text),
	copilot.want_version(jsonb, boolean), copilot.want_object(jsonb, text),
	copilot.call_blueprint_apply(jsonb), copilot.call_blueprint_replace(jsonb),
	copilot.blueprint_get(jsonb), copilot.call_blueprint_import(jsonb) TO wrk_member;
