-- copilot.install(): makes the application in this database, or brings it up to date.
--
-- Everything it calls can run again, so it is also the way forward after
-- ALTER EXTENSION wrk_copilot UPDATE.  Tables belong to whoever calls it and are
-- protected and announced through the engine's public calls only.

CREATE FUNCTION copilot.enable_all_events()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	thread text[] := ARRAY['project:{project_id}', 'automation_version:{automation_version_id}'];
	room text[] := ARRAY['chat:{chat_id}', 'workspace:{workspace_id}'];
	ops text[] := ARRAY(SELECT 'role:' || r FROM unnest(copilot.ops_roles()) r);
BEGIN
	PERFORM wrk.enable_events('copilot.projects', 'project', channels => ARRAY['project:{id}'],
		exclude => ARRAY['status_machine_version']);
	PERFORM wrk.enable_events('copilot.automation_versions', 'automation_version',
		channels => ARRAY['automation_version:{id}'],
		exclude => ARRAY['blueprint_json', 'requirements', 'status_machine_version']);
	-- the same rule as the policy "readable" of the table
	PERFORM wrk.enable_events('copilot.messages', 'message', channels => thread || room,
		exclude => ARRAY['thread_id', 'room_kind', 'chat_id', 'workspace_id'],
		audience => jsonb_build_object('column', 'type', 'map', jsonb_build_object(
			'client', '[]'::jsonb, 'system', '[]'::jsonb, 'chat', '[]'::jsonb,
			'ops', ops || '{role:builder,role:qa,role:system}'::text[],
			'internal_note', ops), 'default', ops));
	-- the same rule as the policy "kind" of the table
	PERFORM wrk.enable_events('copilot.tasks', 'task', channels => thread,
		exclude => ARRAY['status_machine_version'],
		audience => jsonb_build_object('column', 'kind', 'map', jsonb_build_object(
			'client_retention', ops || '{role:system}'::text[]), 'default', '[]'::jsonb));
END
$$;
COMMENT ON FUNCTION copilot.enable_all_events() IS
'part of copilot.install(): which rows become events, on which channels, for whom';

CREATE FUNCTION copilot.register_calls()
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	INSERT INTO wrk.rpc AS r (method, function, description)
	SELECT m.method, m.function, obj_description(m.function::regprocedure, 'pg_proc')
	FROM (VALUES
		('project.get', 'copilot.project_get(jsonb)'),
		('project.list', 'copilot.project_list(jsonb)'),
		('automation_version.get', 'copilot.automation_version_get(jsonb)'),
		('automation_version.transition', 'copilot.automation_version_transition(jsonb)'),
		('automation_version.available_transitions',
		 'copilot.automation_version_available_transitions(jsonb)'),
		('automation_version.create_version', 'copilot.automation_version_create(jsonb)'),
		('blueprint.apply', 'copilot.call_blueprint_apply(jsonb)'),
		('blueprint.replace', 'copilot.call_blueprint_replace(jsonb)'),
		('blueprint.get', 'copilot.blueprint_get(jsonb)'),
		('blueprint.undo', 'copilot.call_blueprint_undo(jsonb)'),
		('blueprint.redo', 'copilot.call_blueprint_redo(jsonb)'),
		('blueprint.import', 'copilot.call_blueprint_import(jsonb)'),
		('audit.list', 'copilot.audit_list(jsonb)'),
		('audit.verify', 'copilot.call_audit_verify(jsonb)'),
		('history.list', 'copilot.history_list(jsonb)'),
		('history.diff', 'copilot.history_diff(jsonb)'),
		('history.blame', 'copilot.history_blame(jsonb)'),
		('history.revert', 'copilot.history_revert(jsonb)'),
		('automation_version.history', 'copilot.automation_version_history(jsonb)'),
		('message.send', 'copilot.message_send(jsonb)'),
		('message.list', 'copilot.message_list(jsonb)'),
		('task.create', 'copilot.task_create(jsonb)'),
		('task.update', 'copilot.task_update(jsonb)')) AS m (method, function)
	ON CONFLICT (method) DO UPDATE
		SET function = excluded.function, description = excluded.description;
	INSERT INTO wrk.channel_rule AS r (pattern, authorizer, description) VALUES
		('project:{id}', 'copilot.may_join_project(text)',
		 'a project one sees: its tasks, messages and changes'),
		('automation_version:{id}', 'copilot.may_join_automation_version(text)',
		 'a version one sees: its status, messages and changes')
	ON CONFLICT (pattern) DO UPDATE
		SET authorizer = excluded.authorizer, description = excluded.description;
	INSERT INTO wrk.resource_type AS t (name, parent_type, parent_of) VALUES
		('automation', 'project', 'copilot.project_of_automation(text)'),
		('automation_version', 'automation', 'copilot.automation_of_version(text)')
	ON CONFLICT (name) DO UPDATE
		SET parent_type = excluded.parent_type, parent_of = excluded.parent_of;
$$;
COMMENT ON FUNCTION copilot.register_calls() IS
'part of copilot.install(): what may be called and joined from outside. Who may do it is decided by the rights the functions ask for';

CREATE FUNCTION copilot.install()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
SET client_min_messages TO warning
AS $$
BEGIN
	IF NOT (SELECT pg_has_role(e.extowner, 'USAGE') FROM pg_extension e
			WHERE e.extname = 'wrk_copilot') THEN
		RAISE EXCEPTION 'must be owner of extension wrk_copilot' USING ERRCODE = '42501';
	END IF;
	-- two at once would trip over each other's tables
	PERFORM pg_advisory_xact_lock(hashtext('copilot.install'));
	PERFORM copilot.register_roles();
	PERFORM copilot.register_permissions();
	PERFORM copilot.make_tenants();
	PERFORM copilot.make_users();
	PERFORM copilot.make_user_roles();
	PERFORM copilot.make_sessions();
	PERFORM copilot.make_login();
	PERFORM copilot.make_access();
	PERFORM copilot.make_api_keys();
	PERFORM copilot.make_automations();
	PERFORM copilot.make_automation_versions();
	PERFORM copilot.make_projects();
	PERFORM copilot.make_project_members();
	PERFORM copilot.make_automation_rights();
	PERFORM copilot.make_blueprints();
	PERFORM copilot.make_intake();
	PERFORM copilot.make_rooms();
	PERFORM copilot.make_messages();
	PERFORM copilot.make_message_reads();
	PERFORM copilot.make_tasks();
	PERFORM copilot.make_locks();
	PERFORM copilot.make_files();
	PERFORM copilot.make_notifications();
	PERFORM copilot.make_presence();
	PERFORM copilot.make_builds();
	PERFORM copilot.define_machines();
	PERFORM copilot.enable_all_status();
	PERFORM copilot.make_execution();
	PERFORM copilot.make_billing();
	PERFORM copilot.make_operations();
	PERFORM copilot.register_calls();
	PERFORM copilot.enable_all_events();
	PERFORM copilot.make_revocations();
	PERFORM copilot.register_automations();
	PERFORM copilot.enable_all_audit();
END
$$;
COMMENT ON FUNCTION copilot.install() IS
'makes or updates the tables, rights, events and calls of the application; can be called again at any time and changes no rows, but for the version of the state machine that they follow and names of people that an older version took and nobody can read. For the owner of the extension. Error: 42501';

REVOKE ALL ON FUNCTION copilot.enable_all_events(), copilot.register_calls(), copilot.install() FROM PUBLIC;
