-- What is done with automations and their versions: beginning them, finding them, and
-- the steps that have a name of their own.
--
-- Everything runs with the rights of its caller, under the policies of the tables and
-- the machine of the versions.  Only the time at which an automation was archived is
-- written with the owner's, after asking for the caller's.

CREATE FUNCTION copilot.register_automations()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_permissions('automation', 'tenant', '{archive}', '{ops,ops_admin,admin}');
	PERFORM copilot.put_call(c.method, c.function::regprocedure)
	FROM (VALUES
		('automation.create', 'copilot.call_automation_create(jsonb)'),
		('automation.update', 'copilot.call_automation_update(jsonb)'),
		('automation.get', 'copilot.call_automation_get(jsonb)'),
		('automation.list', 'copilot.call_automation_list(jsonb)'),
		('automation.archive', 'copilot.call_automation_archive(jsonb)'),
		('automation_version.list', 'copilot.call_automation_version_list(jsonb)'),
		('automation_version.capture', 'copilot.call_automation_version_capture(jsonb)'),
		('automation_version.intake', 'copilot.call_automation_version_intake(jsonb)'),
		('automation_version.ingest', 'copilot.call_automation_version_ingest(jsonb)'),
		('automation_version.pause', 'copilot.call_automation_version_pause(jsonb)'),
		('automation_version.resume', 'copilot.call_automation_version_resume(jsonb)'),
		('automation_version.block', 'copilot.call_automation_version_block(jsonb)'),
		('automation_version.unblock', 'copilot.call_automation_version_unblock(jsonb)'),
		('automation_version.launch', 'copilot.call_automation_version_launch(jsonb)'),
		('automation_version.archive', 'copilot.call_automation_version_archive(jsonb)')) AS c (method, function);
	-- on entity:automation and entity:automation:ID, for those who may read them
	PERFORM wrk.enable_events('copilot.automations', 'automation');
END
$$;
COMMENT ON FUNCTION copilot.register_automations() IS
'part of copilot.install(): calls, permissions and events of automations';

-- ---------- beginning ----------

CREATE FUNCTION copilot.automation_make(name text, description text, blueprint jsonb, answers jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	made copilot.automations;
	version jsonb;
BEGIN
	IF (wrk.can('create', 'automation') AND wrk.can('create', 'automation_version')) IS NOT TRUE THEN
		RAISE EXCEPTION 'automations are not for this role to create' USING ERRCODE = 'WK403';
	END IF;
	PERFORM copilot.check_automation(name, description);
	PERFORM copilot.intake_check_shape(coalesce(answers, '{}'));
	INSERT INTO copilot.automations AS a (name, description) VALUES (name, description) RETURNING a.* INTO made;
	INSERT INTO copilot.automation_versions AS v (automation_id, number, blueprint_json, requirements)
	VALUES (made.id, 1, coalesce(blueprint, '{}'), copilot.intake_merged('{}', coalesce(answers, '{}')))
	RETURNING copilot.answer(to_jsonb(v)) INTO version;
	RETURN copilot.answer(to_jsonb(made)) || jsonb_build_object('version', version);
END
$$;
COMMENT ON FUNCTION copilot.automation_make(text, text, jsonb, jsonb) IS 'part of copilot.automation_create()';

CREATE FUNCTION copilot.check_automation(name text, description text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF name IS NULL OR btrim(name, E' \t\r\n') = '' OR length(name) > 200 THEN
		PERFORM copilot.bad_param('name', 'must have 1 to 200 characters');
	ELSIF length(description) > 20000 THEN
		PERFORM copilot.bad_param('description', 'is longer than 20000 characters');
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_automation(text, text) IS
'refuses what cannot be the name or the description of an automation. Error: WK400 bad_request';

CREATE FUNCTION copilot.automation_create(name text, description text DEFAULT NULL, blueprint jsonb DEFAULT '{}',
										  answers jsonb DEFAULT '{}', key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	answer jsonb := copilot.key_claim(key, 'copilot.automation_create', jsonb_build_array(name, description, blueprint, answers));
BEGIN
	RETURN coalesce(answer, copilot.key_answer(key, copilot.automation_make(name, description, blueprint, answers)));
END
$$;
COMMENT ON FUNCTION copilot.automation_create(text, text, jsonb, jsonb, text) IS
'a new automation of the own tenant with its first version, at the beginning of its intake; returns the automation with its version in "version". blueprint: a document, as wrk.blueprint_import() makes one as well; answers: {section: {question: answer}}, see copilot.automation_version_capture(). Once per key. Errors: WK400 bad_request, WK403 forbidden, WK413 too_large';

CREATE FUNCTION copilot.automation_next(automation uuid, base uuid)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	archived timestamptz;
	source copilot.automation_versions;
	result jsonb;
BEGIN
	-- two at once would take the same number; nor may it be archived meanwhile
	SELECT a.archived_at INTO archived FROM copilot.automations a WHERE a.id = automation FOR NO KEY UPDATE;
	IF NOT FOUND AND NOT EXISTS (SELECT FROM copilot.automations a WHERE a.id = automation) THEN
		RAISE EXCEPTION 'automation not found' USING ERRCODE = 'WK404';
	ELSIF NOT FOUND OR wrk.can('create', 'automation_version') IS NOT TRUE THEN
		RAISE EXCEPTION 'versions are not for this role to create' USING ERRCODE = 'WK403';
	ELSIF archived IS NOT NULL THEN
		RAISE EXCEPTION 'the automation is archived' USING ERRCODE = 'WK409', HINT = 'Create another automation.';
	END IF;
	SELECT v.* INTO source FROM copilot.automation_versions v
	WHERE v.automation_id = automation AND (base IS NULL OR v.id = base) ORDER BY v.number DESC LIMIT 1;
	IF NOT FOUND AND base IS NOT NULL THEN
		RAISE EXCEPTION 'automation version not found' USING ERRCODE = 'WK404';
	END IF;
	INSERT INTO copilot.automation_versions AS v (automation_id, number, blueprint_json, requirements, based_on)
	SELECT automation, coalesce(max(o.number), 0) + 1, coalesce(source.blueprint_json, '{}'),
		coalesce(source.requirements, '{}'), source.id
	FROM copilot.automation_versions o WHERE o.automation_id = automation
	RETURNING copilot.answer(to_jsonb(v)) INTO result;
	RETURN result;
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'somebody else has just created a version' USING ERRCODE = 'WK409';
END
$$;
COMMENT ON FUNCTION copilot.automation_next(uuid, uuid) IS 'part of copilot.automation_next_version()';

CREATE FUNCTION copilot.automation_next_version(automation uuid, base uuid DEFAULT NULL, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	answer jsonb := copilot.key_claim(key, 'copilot.automation_next_version', jsonb_build_array(automation, base));
BEGIN
	RETURN coalesce(answer, copilot.key_answer(key, copilot.automation_next(automation, base)));
END
$$;
COMMENT ON FUNCTION copilot.automation_next_version(uuid, uuid, text) IS
'the next version of an automation, at the beginning of its intake, with blueprint and answers of the base (a version of the same automation; NULL: the newest). Once per key. Errors: WK403 forbidden, WK404 not_found, WK409 conflict for an archived automation';

-- ---------- changing and archiving an automation ----------

CREATE FUNCTION copilot.automation_update(automation uuid, changes jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	was copilot.automations;
	result jsonb;
BEGIN
	SELECT a.* INTO was FROM copilot.automations a WHERE a.id = automation;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'automation not found' USING ERRCODE = 'WK404';
	END IF;
	PERFORM copilot.check_params(changes, 'name', 'description');
	was.name := CASE WHEN changes ? 'name' THEN changes ->> 'name' ELSE was.name END;
	was.description := CASE WHEN changes ? 'description' THEN changes ->> 'description' ELSE was.description END;
	PERFORM copilot.check_automation(was.name, was.description);
	UPDATE copilot.automations a SET name = was.name, description = was.description
	WHERE a.id = automation RETURNING copilot.answer(to_jsonb(a)) INTO result;
	IF result IS NULL THEN
		RAISE EXCEPTION 'this automation is not for this role to change' USING ERRCODE = 'WK403';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.automation_update(uuid, jsonb) IS
'changes {name, description} of an automation; what is absent stays, null empties the description; returns it. Errors: WK400 bad_request, WK403 forbidden, WK404 not_found';

CREATE FUNCTION copilot.automation_mark_archived(automation uuid, reason text)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	stamp timestamptz;
BEGIN
	IF wrk.can('archive', 'automation') IS NOT TRUE THEN
		RAISE EXCEPTION 'automations are not for this role to archive' USING ERRCODE = 'WK403';
	END IF;
	UPDATE copilot.automations a SET archived_at = clock_timestamp(), archived_reason = reason
	WHERE a.id = automation AND a.tenant_id::text = wrk.tenant_id() AND a.archived_at IS NULL
		AND NOT EXISTS (SELECT FROM copilot.automation_versions v
			WHERE v.tenant_id = a.tenant_id AND v.automation_id = a.id AND v.status <> 'archived')
	RETURNING a.archived_at INTO stamp;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the automation has versions that are not archived, or is archived already' USING ERRCODE = 'WK409';
	END IF;
	RETURN stamp;
END
$$;
COMMENT ON FUNCTION copilot.automation_mark_archived(uuid, text) IS
'part of copilot.automation_archive(): stamps an automation whose versions are all archived, with the owner''s rights, after asking for the caller''s. Errors: WK403 forbidden, WK409 conflict';

CREATE FUNCTION copilot.automation_end(automation uuid, reason text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	archived timestamptz;
	steps jsonb;
BEGIN
	IF reason IS NULL OR btrim(reason, E' \t\r\n') = '' OR length(reason) > 2000 THEN
		PERFORM copilot.bad_param('reason', 'must have 1 to 2000 characters');
	END IF;
	-- no version is begun from here on
	SELECT a.archived_at INTO archived FROM copilot.automations a WHERE a.id = automation FOR NO KEY UPDATE;
	IF NOT FOUND AND NOT EXISTS (SELECT FROM copilot.automations a WHERE a.id = automation) THEN
		RAISE EXCEPTION 'automation not found' USING ERRCODE = 'WK404';
	ELSIF NOT FOUND OR wrk.can('archive', 'automation') IS NOT TRUE THEN
		RAISE EXCEPTION 'automations are not for this role to archive' USING ERRCODE = 'WK403';
	ELSIF archived IS NOT NULL THEN
		RAISE EXCEPTION 'the automation is archived already' USING ERRCODE = 'WK409';
	END IF;
	-- all or none: the first step that is not the caller's refuses the rest
	SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'from', s.from_state) ORDER BY s.id), '[]') INTO steps
	FROM wrk.transition_all('copilot.automation_versions', ARRAY(
		SELECT v.id::text FROM copilot.automation_versions v WHERE v.automation_id = automation AND v.status <> 'archived'),
		'archived', reason) s;
	RETURN jsonb_build_object('id', automation, 'versions', steps,
		'archived_at', copilot.automation_mark_archived(automation, reason));
END
$$;
COMMENT ON FUNCTION copilot.automation_end(uuid, text) IS 'part of copilot.automation_archive()';

CREATE FUNCTION copilot.automation_archive(automation uuid, reason text, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	answer jsonb := copilot.key_claim(key, 'copilot.automation_archive', jsonb_build_array(automation, reason));
BEGIN
	RETURN coalesce(answer, copilot.key_answer(key, copilot.automation_end(automation, reason)));
END
$$;
COMMENT ON FUNCTION copilot.automation_archive(uuid, text, text) IS
'archives an automation with every version that is not archived yet, for the reason given, or nothing if one of these steps is not the caller''s (what has been launched takes an admin): {id, archived_at, versions: [{id, from}]}. Once per key. Errors: WK400 bad_request, WK403 forbidden, WK404 not_found, WK409 conflict if it is archived already';

-- ---------- steps with a name ----------

CREATE FUNCTION copilot.automation_version_act(version_id uuid, action text, reason text DEFAULT NULL, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	step record;
	found_status text;
	answer jsonb;
BEGIN
	-- a way back says which stop-over it leaves, and a launch is no resuming
	SELECT s.* INTO step FROM (VALUES
		('pause', 'paused', NULL), ('resume', 'previous', 'paused'),
		('block', 'blocked', NULL), ('unblock', 'previous', 'blocked'),
		('launch', 'live', 'ready_to_launch'), ('archive', 'archived', NULL)) AS s (name, target, expected)
	WHERE s.name = action;
	IF NOT FOUND THEN
		PERFORM copilot.bad_param('action', 'must be one of pause, resume, block, unblock, launch, archive');
	END IF;
	PERFORM copilot.check_thread(NULL, coalesce(version_id, '00000000-0000-0000-0000-000000000000'));
	IF key IS NULL THEN -- or else it may be the answer to a step that was made that is asked for
		SELECT v.status INTO found_status FROM copilot.automation_versions v WHERE v.id = version_id;
		IF found_status <> step.expected THEN
			RAISE EXCEPTION 'automation_version cannot be %ed while it is "%", only while it is "%"',
				rtrim(action, 'e'), found_status, step.expected USING ERRCODE = 'WK422', DETAIL = json_build_object('machine', 'automation_version',
					'from', found_status, 'expected', step.expected)::text;
		END IF;
	END IF;
	answer := wrk.transition('copilot.automation_versions', version_id::text, step.target, reason, key,
		expected => step.expected);
	IF action = 'launch' THEN
		answer := answer || jsonb_build_object('also_live', (
			SELECT coalesce(jsonb_agg(o.id ORDER BY o.number), '[]')
			FROM copilot.automation_versions v JOIN copilot.automation_versions o
				ON o.tenant_id = v.tenant_id AND o.automation_id = v.automation_id AND o.id <> v.id
			WHERE v.id = version_id AND o.status = 'live'));
	END IF;
	RETURN answer;
END
$$;
COMMENT ON FUNCTION copilot.automation_version_act(uuid, text, text, text) IS
'pause, resume, block, unblock, launch or archive a version, and return {id, from, to, reason, by, change_id, event_id} as wrk.transition() does; launch: also_live as well, other versions of the automation that are live. Once per key. Errors: WK400 (blocking needs a reason, so does archiving what was not launched), WK403, WK404, WK409 for resume, unblock and launch if somebody was quicker, WK422 with {machine, from, to, allowed}, or {machine, from, expected} for resume, unblock and launch of what is not paused, blocked or ready to launch';

CREATE FUNCTION copilot.call_version_act(params jsonb, action text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'reason');
	RETURN copilot.automation_version_act(copilot.want_uuid(params, 'id', true), action,
		copilot.want_text(params, 'reason', 2000));
END
$$;
COMMENT ON FUNCTION copilot.call_version_act(jsonb, text) IS 'part of the calls automation_version.pause and so on';

CREATE FUNCTION copilot.call_automation_version_pause(params jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.call_version_act(params, 'pause');
COMMENT ON FUNCTION copilot.call_automation_version_pause(jsonb) IS
'call automation_version.pause {id, reason}: {id, from, to, reason, by, change_id, event_id}; what is live stops until it is resumed. Errors: WK400, WK403, WK404, WK422';

CREATE FUNCTION copilot.call_automation_version_resume(params jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.call_version_act(params, 'resume');
COMMENT ON FUNCTION copilot.call_automation_version_resume(jsonb) IS
'call automation_version.resume {id, reason}: as automation_version.pause; what is paused is live again. Errors: WK400, WK403, WK404, WK409, WK422';

CREATE FUNCTION copilot.call_automation_version_block(params jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.call_version_act(params, 'block');
COMMENT ON FUNCTION copilot.call_automation_version_block(jsonb) IS
'call automation_version.block {id, reason}: as automation_version.pause; nothing goes on until it is unblocked, and the reason must be given. Errors: WK400, WK403, WK404, WK422';

CREATE FUNCTION copilot.call_automation_version_unblock(params jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.call_version_act(params, 'unblock');
COMMENT ON FUNCTION copilot.call_automation_version_unblock(jsonb) IS
'call automation_version.unblock {id, reason}: as automation_version.pause; what is blocked is again where it was. Errors: WK400, WK403, WK404, WK409, WK422';

CREATE FUNCTION copilot.call_automation_version_launch(params jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.call_version_act(params, 'launch');
COMMENT ON FUNCTION copilot.call_automation_version_launch(jsonb) IS
'call automation_version.launch {id, reason}: {id, from, to, reason, by, change_id, event_id, also_live}; what is ready to launch is live, also_live are other versions of the automation that are. Errors: WK400, WK403, WK404, WK409, WK422';

CREATE FUNCTION copilot.call_automation_version_archive(params jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.call_version_act(params, 'archive');
COMMENT ON FUNCTION copilot.call_automation_version_archive(jsonb) IS
'call automation_version.archive {id, reason}: as automation_version.pause; the end of the version. What was not launched needs a reason, what was, or is blocked, an admin. Errors: WK400, WK403, WK404, WK422';

-- ---------- calls of automations ----------

CREATE FUNCTION copilot.call_automation_create(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'name', 'description', 'blueprint', 'answers');
	RETURN copilot.automation_create(copilot.want_text(params, 'name', 200, true),
		copilot.want_text(params, 'description', 20000),
		CASE WHEN params ? 'blueprint' THEN copilot.want_object(params, 'blueprint') END,
		CASE WHEN params ? 'answers' THEN copilot.want_object(params, 'answers') END);
END
$$;
COMMENT ON FUNCTION copilot.call_automation_create(jsonb) IS
'call automation.create {name, description, blueprint, answers}: the automation, with its first version in "version", which is at the beginning of its intake. Errors: WK400, WK403, WK413';

CREATE FUNCTION copilot.automation_version_create(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'automation_id', 'base');
	RETURN copilot.automation_next_version(copilot.want_uuid(params, 'automation_id', true),
		copilot.want_uuid(params, 'base'));
END
$$;
COMMENT ON FUNCTION copilot.automation_version_create(jsonb) IS
'call automation_version.create_version {automation_id, base}: the new version, at the beginning of its life, with blueprint and answers of the base, which is the newest one unless another is named. Errors: WK400, WK403, WK404, WK409';

CREATE FUNCTION copilot.call_automation_update(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'name', 'description');
	PERFORM copilot.want_text(params, 'name'), copilot.want_text(params, 'description', 20000);
	RETURN copilot.automation_update(copilot.want_uuid(params, 'id', true), params - 'id');
END
$$;
COMMENT ON FUNCTION copilot.call_automation_update(jsonb) IS
'call automation.update {id, name, description}: the automation; what is absent stays, null empties the description. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.call_automation_archive(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'reason');
	RETURN copilot.automation_archive(copilot.want_uuid(params, 'id', true),
		copilot.want_text(params, 'reason', 2000, true));
END
$$;
COMMENT ON FUNCTION copilot.call_automation_archive(jsonb) IS
'call automation.archive {id, reason}: {id, archived_at, versions: [{id, from}]}, the automation and all its versions, or nothing. Errors: WK400, WK403, WK404, WK409';

REVOKE ALL ON FUNCTION copilot.register_automations(), copilot.check_automation(text, text),
	copilot.automation_make(text, text, jsonb, jsonb), copilot.automation_create(text, text, jsonb, jsonb, text),
	copilot.automation_next(uuid, uuid), copilot.automation_next_version(uuid, uuid, text),
	copilot.automation_update(uuid, jsonb), copilot.automation_mark_archived(uuid, text),
	copilot.automation_end(uuid, text), copilot.automation_archive(uuid, text, text),
	copilot.automation_version_act(uuid, text, text, text), copilot.call_version_act(jsonb, text),
	copilot.call_automation_version_pause(jsonb), copilot.call_automation_version_resume(jsonb),
	copilot.call_automation_version_block(jsonb), copilot.call_automation_version_unblock(jsonb),
	copilot.call_automation_version_launch(jsonb), copilot.call_automation_version_archive(jsonb),
	copilot.call_automation_create(jsonb), copilot.automation_version_create(jsonb),
	copilot.call_automation_update(jsonb), copilot.call_automation_archive(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.check_automation(text, text),
	copilot.automation_make(text, text, jsonb, jsonb), copilot.automation_create(text, text, jsonb, jsonb, text),
	copilot.automation_next(uuid, uuid), copilot.automation_next_version(uuid, uuid, text),
	copilot.automation_update(uuid, jsonb), copilot.automation_mark_archived(uuid, text),
	copilot.automation_end(uuid, text), copilot.automation_archive(uuid, text, text),
	copilot.automation_version_act(uuid, text, text, text), copilot.call_version_act(jsonb, text),
	copilot.call_automation_version_pause(jsonb), copilot.call_automation_version_resume(jsonb),
	copilot.call_automation_version_block(jsonb), copilot.call_automation_version_unblock(jsonb),
	copilot.call_automation_version_launch(jsonb), copilot.call_automation_version_archive(jsonb),
	copilot.call_automation_create(jsonb), copilot.automation_version_create(jsonb),
	copilot.call_automation_update(jsonb), copilot.call_automation_archive(jsonb) TO wrk_member;
