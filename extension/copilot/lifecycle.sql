-- Lifecycles: which steps the product's rows may take, who may take them, and
-- what a browser asks about them.
--
-- Each machine is one JSON definition that copilot.install() gives to the engine.
-- admin and ops_admin may take every step there is, so they are added to each and
-- not named; all others take what is their work.  Projects and tasks name nobody:
-- the policies of their tables say who may change a row at all, the machine only
-- says which steps make sense.

CREATE FUNCTION copilot.automation_version_machine()
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- Who prices does not approve.  What runs is stopped by whoever sees the need, the
-- system included, and started by people; to keep a client from resuming, block.
-- Work nobody has launched is given up by operations, with a reason; what has
-- been live, also while blocked, is a contract and takes an admin to end.
RETURN '{
	"name": "automation_version",
	"title": "Life of an automation version",
	"states": [
		{"code": "intake_in_progress", "label": "Intake in Progress", "initial": true},
		{"code": "needs_pricing", "label": "Needs Pricing"},
		{"code": "awaiting_client_approval", "label": "Awaiting Client Approval"},
		{"code": "build_in_progress", "label": "Build in Progress"},
		{"code": "qa_testing", "label": "QA & Testing"},
		{"code": "ready_to_launch", "label": "Ready to Launch"},
		{"code": "live", "label": "Live"},
		{"code": "archived", "label": "Archived", "terminal": true},
		{"code": "paused", "label": "Paused", "history": true},
		{"code": "blocked", "label": "Blocked", "history": true}],
	"transitions": [
		{"from": "intake_in_progress", "to": "needs_pricing", "label": "Submit intake",
		 "roles": ["client", "ops", "cs_admin", "system"], "guard": "copilot.intake_is_complete"},
		{"from": "needs_pricing", "to": "awaiting_client_approval", "label": "Send for approval",
		 "roles": ["ops"]},
		{"from": "awaiting_client_approval", "to": "build_in_progress", "label": "Approve",
		 "roles": ["client", "system"]},
		{"from": "awaiting_client_approval", "to": "needs_pricing", "label": "Reject",
		 "roles": ["client", "system"], "needs_reason": true},
		{"from": "build_in_progress", "to": "qa_testing", "label": "Hand over to QA",
		 "roles": ["builder"], "guard": "copilot.checklist_is_done"},
		{"from": "qa_testing", "to": "ready_to_launch", "label": "Pass", "roles": ["qa"]},
		{"from": "qa_testing", "to": "build_in_progress", "label": "Fail",
		 "roles": ["qa"], "needs_reason": true},
		{"from": "ready_to_launch", "to": "live", "label": "Launch", "roles": ["ops"]},
		{"from": "live", "to": "paused", "label": "Pause",
		 "roles": ["client", "ops", "cs_admin", "system"]},
		{"from": "paused", "to": "previous", "label": "Resume",
		 "roles": ["client", "ops", "cs_admin"]},
		{"from": ["intake_in_progress", "needs_pricing", "awaiting_client_approval",
			"build_in_progress", "qa_testing", "ready_to_launch", "live", "paused"],
		 "to": "blocked", "label": "Block", "needs_reason": true,
		 "roles": ["builder", "qa", "ops", "system"]},
		{"from": "blocked", "to": "previous", "label": "Unblock",
		 "roles": ["builder", "qa", "ops"]},
		{"from": ["intake_in_progress", "needs_pricing", "awaiting_client_approval",
			"build_in_progress", "qa_testing", "ready_to_launch"],
		 "to": "archived", "label": "Abandon", "needs_reason": true, "roles": ["ops"]},
		{"from": "blocked", "to": "archived", "label": "Abandon", "needs_reason": true,
		 "roles": []},
		{"from": ["live", "paused"], "to": "archived", "label": "Archive", "roles": []}]
}'::jsonb;
COMMENT ON FUNCTION copilot.automation_version_machine() IS
'part of copilot.machines(): the machine automation_version, from intake to launch and archive, before the admins are added to it. What is in force is in wrk.state_machine';

CREATE FUNCTION copilot.work_machines()
RETURNS SETOF jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
VALUES ('{
	"name": "project",
	"title": "Life of a project",
	"states": [
		{"code": "planned", "label": "Planned", "initial": true},
		{"code": "in_progress", "label": "In Progress"},
		{"code": "on_hold", "label": "On Hold", "history": true},
		{"code": "completed", "label": "Completed"},
		{"code": "cancelled", "label": "Cancelled", "terminal": true}],
	"transitions": [
		{"from": "planned", "to": "in_progress", "label": "Start"},
		{"from": ["planned", "in_progress"], "to": "on_hold", "label": "Put on hold"},
		{"from": "on_hold", "to": "previous", "label": "Take up again"},
		{"from": "in_progress", "to": "completed", "label": "Complete"},
		{"from": "completed", "to": "in_progress", "label": "Reopen"},
		{"from": ["planned", "in_progress", "on_hold"], "to": "cancelled", "label": "Cancel"}]
}'::jsonb), ('{
	"name": "task",
	"title": "Life of a task",
	"states": [
		{"code": "open", "label": "Open", "initial": true},
		{"code": "in_progress", "label": "In Progress"},
		{"code": "done", "label": "Done"},
		{"code": "cancelled", "label": "Cancelled"}],
	"transitions": [
		{"from": "open", "to": "in_progress", "label": "Start"},
		{"from": "in_progress", "to": "open", "label": "Put back"},
		{"from": ["open", "in_progress"], "to": "done", "label": "Done"},
		{"from": ["open", "in_progress"], "to": "cancelled", "label": "Cancel"},
		{"from": ["done", "cancelled"], "to": "open", "label": "Reopen"},
		{"from": "done", "to": "in_progress", "label": "Work on it again"}]
}')
$$;
COMMENT ON FUNCTION copilot.work_machines() IS 'definitions of the machines project and task';

CREATE FUNCTION copilot.declared_machines()
RETURNS SETOF jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
VALUES ('{
	"name": "quote",
	"title": "Life of a quote",
	"states": [
		{"code": "draft", "label": "Draft", "initial": true},
		{"code": "sent", "label": "Sent"},
		{"code": "signed", "label": "Signed", "terminal": true},
		{"code": "rejected", "label": "Rejected"}],
	"transitions": [
		{"from": "draft", "to": "sent", "label": "Send", "roles": ["ops"],
		 "guard": "copilot.quote_is_open", "after": "copilot.quote_entered"},
		{"from": "sent", "to": "draft", "label": "Withdraw", "roles": ["ops"],
		 "guard": "copilot.quote_is_open"},
		{"from": "sent", "to": "signed", "label": "Sign", "roles": ["client", "system"],
		 "guard": "copilot.quote_is_open", "after": "copilot.quote_entered"},
		{"from": "sent", "to": "rejected", "label": "Reject", "needs_reason": true,
		 "roles": ["client", "system"],
		 "guard": "copilot.quote_is_open", "after": "copilot.quote_entered"},
		{"from": "rejected", "to": "draft", "label": "Revise", "roles": ["ops"],
		 "guard": "copilot.quote_is_open"}]
}'::jsonb), ('{
	"name": "workflow_binding",
	"title": "Life of a workflow binding",
	"states": [
		{"code": "inactive", "label": "Inactive", "initial": true},
		{"code": "active", "label": "Active"},
		{"code": "error", "label": "Error"}],
	"transitions": [
		{"from": ["inactive", "error"], "to": "active", "label": "Activate",
		 "roles": ["builder", "ops", "system"]},
		{"from": ["active", "error"], "to": "inactive", "label": "Deactivate",
		 "roles": ["builder", "ops", "system"]},
		{"from": ["inactive", "active"], "to": "error", "label": "Report an error",
		 "roles": ["builder", "ops", "system"], "needs_reason": true}]
}'), ('{
	"name": "billing_period",
	"title": "Life of a billing period",
	"states": [
		{"code": "draft", "label": "Draft", "initial": true},
		{"code": "finalized", "label": "Finalized", "terminal": true}],
	"transitions": [
		{"from": "draft", "to": "finalized", "label": "Finalize", "roles": ["system"],
		 "guard": "copilot.billing_period_is_over"}]
}'), ('{
	"name": "client_health",
	"title": "Health of a client",
	"states": [
		{"code": "good", "label": "Good", "initial": true},
		{"code": "at_risk", "label": "At Risk"},
		{"code": "churn_risk", "label": "Churn Risk"}],
	"transitions": [
		{"from": ["good", "churn_risk"], "to": "at_risk",
		 "roles": ["ops", "cs_admin", "system"], "needs_reason": true},
		{"from": ["good", "at_risk"], "to": "churn_risk",
		 "roles": ["ops", "cs_admin", "system"], "needs_reason": true},
		{"from": ["at_risk", "churn_risk"], "to": "good",
		 "roles": ["ops", "cs_admin", "system"]}]
}')
$$;
COMMENT ON FUNCTION copilot.declared_machines() IS
'definitions of the machines quote, workflow_binding, billing_period and client_health, for tables still to come';

CREATE FUNCTION copilot.version_hooks()
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- the last event of a step is the one that tells of it, whatever followed from it
RETURN '["copilot.automation_version_entered", "copilot.automation_version_announce"]'::jsonb;
COMMENT ON FUNCTION copilot.version_hooks() IS
'part of copilot.machines(): what runs after every step of an automation version, in this order';

CREATE FUNCTION copilot.machines()
RETURNS SETOF jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT jsonb_set(m, '{transitions}', (
		SELECT jsonb_agg(t
			|| CASE WHEN t ? 'roles' THEN jsonb_build_object(
				'roles', (t -> 'roles') || '["ops_admin", "admin"]') ELSE '{}' END
			|| CASE m ->> 'name' WHEN 'automation_version' THEN jsonb_build_object(
				'after', copilot.version_hooks()) ELSE '{}' END ORDER BY n)
		FROM jsonb_array_elements(m -> 'transitions') WITH ORDINALITY o (t, n)))
	FROM (SELECT copilot.automation_version_machine()
		  UNION ALL SELECT copilot.work_machines()
		  UNION ALL SELECT copilot.declared_machines()) AS d (m)
$$;
COMMENT ON FUNCTION copilot.machines() IS
'the product''s machines, complete: admins may take every step that names roles, every step of an automation version is announced and has its consequences';

CREATE FUNCTION copilot.define_machines()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	machine jsonb;
BEGIN
	PERFORM copilot.route_old_machine();
	FOR machine IN SELECT copilot.machines() LOOP
		-- one that was defined before, and changed by the installation since, stays changed
		IF NOT EXISTS (SELECT FROM wrk.state_machine m
					   WHERE m.name = machine ->> 'name' AND m.definition = machine) THEN
			PERFORM wrk.define_state_machine(machine);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION copilot.define_machines() IS
'part of copilot.install(): the product''s state machines. For the owner of the extension';

CREATE FUNCTION copilot.route_old_machine()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- as installations from before the router have it, changed by them or not
	hook jsonb := '"copilot.automation_version_announce"';
	newest jsonb := (SELECT m.definition FROM wrk.state_machine m
					 WHERE m.name = 'automation_version' ORDER BY m.version DESC LIMIT 1);
BEGIN
	IF newest IS NULL OR EXISTS (SELECT FROM wrk.state_machine m WHERE m.name = 'automation_version'
		AND m.definition::text LIKE '%copilot.automation_version_entered%') THEN
		RETURN;
	END IF;
	-- first the product's, so that what an installation has made of it stays the newest
	PERFORM wrk.define_state_machine(m) FROM copilot.machines() m WHERE m ->> 'name' = 'automation_version';
	PERFORM wrk.define_state_machine(jsonb_set(newest, '{transitions}', (
		SELECT jsonb_agg(CASE WHEN t -> 'after' = hook
			THEN t || jsonb_build_object('after', copilot.version_hooks()) ELSE t END ORDER BY n)
		FROM jsonb_array_elements(newest -> 'transitions') WITH ORDINALITY o (t, n))));
	-- the states are the same: whatever is on its way goes on by the new version
	IF wrk.status_config('copilot.automation_versions') IS NOT NULL THEN
		PERFORM wrk.migrate_status('copilot.automation_versions');
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.route_old_machine() IS
'part of copilot.define_machines(): where the machine automation_version is from before the router, gives it a version with the router, otherwise as the installation has it, and moves its rows there';

CREATE FUNCTION copilot.enable_all_status()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM wrk.enable_status('copilot.automation_versions', 'automation_version',
		reason_column => 'status_reason', entity => 'automation_version');
	-- no event of their own: project.updated and task.updated say "status"
	PERFORM wrk.enable_status('copilot.projects', 'project', entity => 'project');
	PERFORM wrk.enable_status('copilot.tasks', 'task', entity => 'task');
END
$$;
COMMENT ON FUNCTION copilot.enable_all_status() IS
'part of copilot.install(): which tables follow which machine';

-- ---------- guards ----------

CREATE FUNCTION copilot.intake_is_complete(step jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN (step #>> '{row,intake_progress}')::integer < 100 THEN
	format('the intake is at %s %%, not complete', step #>> '{row,intake_progress}') END;
COMMENT ON FUNCTION copilot.intake_is_complete(jsonb) IS
'guard: nothing can be priced before the intake is at 100 %';

CREATE FUNCTION copilot.checklist_is_done(step jsonb)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := step ->> 'tenant_id';
	version uuid := step ->> 'id';
	remaining bigint;
BEGIN
	SELECT count(*) INTO remaining FROM copilot.tasks t
	WHERE t.tenant_id = tenant AND t.kind = 'build_checklist' AND t.status IN ('open', 'in_progress')
		AND (t.automation_version_id = version OR t.project_id IN (
			SELECT p.id FROM copilot.projects p
			WHERE p.tenant_id = tenant AND p.automation_version_id = version));
	RETURN CASE WHEN remaining > 0 THEN
		format('open tasks of the build checklist: %s', remaining) END;
END
$$;
COMMENT ON FUNCTION copilot.checklist_is_done(jsonb) IS
'guard: nothing is tested before the build checklist of the version and its projects is done, as far as the caller sees it';

-- ---------- calls ----------

CREATE FUNCTION copilot.automation_version_transition(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'to', 'reason', 'expected');
	wanted := copilot.want_automation_version(params);
	RETURN wrk.transition('copilot.automation_versions', wanted::text,
		copilot.want_text(params, 'to', 63, true), reason => copilot.want_text(params, 'reason', 2000),
		expected => copilot.want_text(params, 'expected', 63));
END
$$;
COMMENT ON FUNCTION copilot.automation_version_transition(jsonb) IS
'call automation_version.transition {id, to, reason, expected}: {id, from, to, reason, by, change_id, event_id}; to may be "previous", expected is the status the caller saw. Errors: WK400, WK403, WK404, WK409 for another status than expected, WK422 with {machine, from, to, allowed}';

CREATE FUNCTION copilot.automation_version_available_transitions(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_automation_version(params);
	RETURN (
		SELECT jsonb_build_object('id', v.id, 'status', v.status, 'transitions', (
			SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')
			FROM wrk.available_transitions('copilot.automation_versions', wanted::text) t))
		FROM copilot.automation_versions v WHERE v.id = wanted);
END
$$;
COMMENT ON FUNCTION copilot.automation_version_available_transitions(jsonb) IS
'call automation_version.available_transitions {id}: {id, status, transitions: [{to_state, state_label, label, needs_reason, returns}]}, what the caller may do next. Errors: WK400, WK404';

CREATE FUNCTION copilot.automation_version_history(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_automation_version(params);
	RETURN jsonb_build_object('changes', (
		SELECT coalesce(jsonb_agg(jsonb_build_object(
			'change_id', h.change_id, 'from', h.from_state, 'to', h.to_state, 'reason', h.reason,
			'by', h.user_id, 'name', u.name, 'imported', h.imported, 'at', h.changed_at,
			'seconds', round(extract(epoch FROM h.duration), 3)) ORDER BY h.change_id), '[]')
		FROM wrk.state_history('copilot.automation_versions', wanted::text) h
		LEFT JOIN copilot.users u ON u.id = copilot.as_uuid(h.user_id)));
END
$$;
COMMENT ON FUNCTION copilot.automation_version_history(jsonb) IS
'call automation_version.history {id}: {changes: [{change_id, from, to, reason, by, name, imported, at, seconds}]} oldest first; from is null for the beginning, seconds (how long it stayed) for the present. Errors: WK400, WK404';

REVOKE ALL ON FUNCTION copilot.automation_version_machine(), copilot.work_machines(),
	copilot.declared_machines(), copilot.version_hooks(), copilot.machines(), copilot.define_machines(),
	copilot.route_old_machine(), copilot.enable_all_status(),
	copilot.intake_is_complete(jsonb), copilot.checklist_is_done(jsonb),
	copilot.automation_version_transition(jsonb),
	copilot.automation_version_available_transitions(jsonb),
	copilot.automation_version_history(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.automation_version_transition(jsonb),
	copilot.automation_version_available_transitions(jsonb),
	copilot.automation_version_history(jsonb) TO wrk_member;
