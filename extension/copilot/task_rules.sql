-- Tasks that the system makes, and what follows from tasks by itself.
--
-- A rule makes at most one open task for a subject (project and version), however
-- often it finds a reason, and whoever finds it at the same time.  A project's
-- checklist_progress is the share of its build checklist that is done; whoever is
-- given a task is told, if they may see it.

CREATE FUNCTION copilot.make_task_rules()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	ALTER TABLE copilot.tasks ADD COLUMN IF NOT EXISTS
		rule text CHECK (length(rule) BETWEEN 1 AND 200);
	COMMENT ON COLUMN copilot.tasks.rule IS 'rule of the system that made it; NULL: a person did';
	CREATE UNIQUE INDEX IF NOT EXISTS tasks_rule_key
		ON copilot.tasks (tenant_id, rule, project_id, automation_version_id) NULLS NOT DISTINCT
		WHERE rule IS NOT NULL AND status IN ('open', 'in_progress');
	CREATE INDEX IF NOT EXISTS tasks_recent_idx ON copilot.tasks (tenant_id, created_at, id);
	CREATE OR REPLACE TRIGGER progress_insert AFTER INSERT ON copilot.tasks
		REFERENCING NEW TABLE AS now
		FOR EACH STATEMENT EXECUTE FUNCTION copilot.task_progress();
	CREATE OR REPLACE TRIGGER progress_update AFTER UPDATE ON copilot.tasks
		REFERENCING OLD TABLE AS was NEW TABLE AS now
		FOR EACH STATEMENT EXECUTE FUNCTION copilot.task_progress();
	CREATE OR REPLACE TRIGGER progress_delete AFTER DELETE ON copilot.tasks
		REFERENCING OLD TABLE AS was
		FOR EACH STATEMENT EXECUTE FUNCTION copilot.task_progress();
	CREATE OR REPLACE TRIGGER tell_assignee AFTER INSERT OR UPDATE OF assignee_id ON copilot.tasks
		FOR EACH ROW WHEN (NEW.assignee_id IS NOT NULL) EXECUTE FUNCTION copilot.task_tell_assignee();
	PERFORM copilot.put_call('task.list', 'copilot.task_list(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_task_rules() IS
'part of copilot.install(): column rule, triggers and list of tasks';

-- ---------- what follows from a task ----------

CREATE FUNCTION copilot.task_progress()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	touched record;
BEGIN
	-- the transition tables of a DELETE and an INSERT are one each
	IF TG_OP = 'INSERT' THEN
		SELECT array_agg(DISTINCT t.project_id) AS projects, array_agg(DISTINCT t.automation_version_id) AS versions,
			array_agg(DISTINCT t.tenant_id) AS tenants
		INTO touched FROM now t WHERE t.kind = 'build_checklist';
	ELSIF TG_OP = 'DELETE' THEN
		SELECT array_agg(DISTINCT t.project_id) AS projects, array_agg(DISTINCT t.automation_version_id) AS versions,
			array_agg(DISTINCT t.tenant_id) AS tenants
		INTO touched FROM was t WHERE t.kind = 'build_checklist';
	ELSE
		SELECT array_agg(DISTINCT t.project_id) AS projects, array_agg(DISTINCT t.automation_version_id) AS versions,
			array_agg(DISTINCT t.tenant_id) AS tenants
		INTO touched FROM (
			SELECT n.* FROM now n JOIN was o ON o.tenant_id = n.tenant_id AND o.id = n.id
			WHERE (o.status, o.kind, o.project_id, o.automation_version_id)
				IS DISTINCT FROM (n.status, n.kind, n.project_id, n.automation_version_id)
			UNION ALL
			SELECT o.* FROM now n JOIN was o ON o.tenant_id = n.tenant_id AND o.id = n.id
			WHERE (o.kind, o.project_id, o.automation_version_id)
				IS DISTINCT FROM (n.kind, n.project_id, n.automation_version_id)) t
		WHERE t.kind = 'build_checklist';
	END IF;
	IF touched.tenants IS NOT NULL THEN
		PERFORM copilot.project_progress(touched.tenants, touched.projects, touched.versions);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.task_progress() IS
'trigger of tasks: brings checklist_progress of the projects whose build checklist has changed up to date';

CREATE FUNCTION copilot.project_progress(tenants uuid[], project_ids uuid[], versions uuid[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- two who finish the last two tasks at once must not each miss the other's: first wait, then count
	PERFORM FROM copilot.projects p
	WHERE p.tenant_id = ANY (tenants) AND (p.id = ANY (project_ids) OR p.automation_version_id = ANY (versions))
	ORDER BY p.tenant_id, p.id FOR NO KEY UPDATE;
	UPDATE copilot.projects p SET checklist_progress = done.per_cent
	FROM (
		SELECT q.tenant_id, q.id, coalesce(100 * count(t.id) FILTER (WHERE t.status = 'done')
			/ nullif(count(t.id), 0), 0)::integer AS per_cent
		-- two arms, each with its index; a task of both counts once
		FROM copilot.projects q LEFT JOIN LATERAL (
			SELECT o.id, o.status FROM copilot.tasks o WHERE o.tenant_id = q.tenant_id
				AND o.project_id = q.id AND o.kind = 'build_checklist' AND o.status <> 'cancelled'
			UNION
			SELECT o.id, o.status FROM copilot.tasks o WHERE o.tenant_id = q.tenant_id
				AND o.automation_version_id = q.automation_version_id AND o.kind = 'build_checklist'
				AND o.status <> 'cancelled') t ON true
		WHERE q.tenant_id = ANY (tenants) AND (q.id = ANY (project_ids) OR q.automation_version_id = ANY (versions))
		GROUP BY q.tenant_id, q.id) done
	WHERE p.tenant_id = done.tenant_id AND p.id = done.id AND p.checklist_progress <> done.per_cent;
END
$$;
COMMENT ON FUNCTION copilot.project_progress(uuid[], uuid[], uuid[]) IS
'counts the build checklists of the projects, and of those about the versions, anew: done tasks in per cent of those that are not cancelled, rounded down; 0 without any';

CREATE FUNCTION copilot.task_tell_assignee()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND NEW.assignee_id IS NOT DISTINCT FROM OLD.assignee_id
		OR NEW.assignee_id::text = wrk.user_id() AND NEW.rule IS NULL
		OR NOT copilot.person_sees(NEW.tenant_id, NEW.assignee_id, NEW.project_id, NEW.automation_version_id)
		OR NEW.kind = 'client_retention'
			AND NOT copilot.person_can(NEW.tenant_id, NEW.assignee_id, 'read', 'client_retention_task') THEN
		RETURN NULL;
	END IF;
	PERFORM copilot.notify(NEW.tenant_id, NEW.assignee_id, CASE WHEN NEW.rule IS NULL THEN 'change' ELSE 'system' END,
		NEW.title, jsonb_build_object('what', 'task_assigned', 'kind', NEW.kind, 'due_at', NEW.due_at,
			'project_id', NEW.project_id, 'automation_version_id', NEW.automation_version_id),
		'task', NEW.id::text);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.task_tell_assignee() IS
'trigger of tasks: notifies whoever is given a task, unless they took it themselves or may not see it; kind system for a task of a rule, else change';

-- ---------- tasks of the system ----------

CREATE FUNCTION copilot.task_make(tenant uuid, project uuid, version uuid, kind text, title text,
								  assignee uuid DEFAULT NULL, due timestamptz DEFAULT NULL,
								  priority text DEFAULT 'normal', rule text DEFAULT NULL)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	made uuid;
	-- nobody who has left is given work; the task is made all the same
	person uuid := (SELECT u.user_id FROM copilot.tenant_users u
		WHERE u.tenant_id = tenant AND u.user_id = assignee AND u.status = 'active');
BEGIN
	LOOP
		INSERT INTO copilot.tasks AS t (tenant_id, project_id, automation_version_id, kind, title, assignee_id,
										due_at, priority, rule, created_by)
		VALUES (tenant, project, version, task_make.kind, left(task_make.title, 200), person,
				due, coalesce(task_make.priority, 'normal'), task_make.rule, NULL)
		ON CONFLICT DO NOTHING
		RETURNING t.id INTO made;
		EXIT WHEN FOUND;
		SELECT t.id INTO made FROM copilot.tasks t
		WHERE t.tenant_id = tenant AND t.rule = task_make.rule
			AND t.project_id IS NOT DISTINCT FROM project AND t.automation_version_id IS NOT DISTINCT FROM version
			AND t.status IN ('open', 'in_progress');
		EXIT WHEN FOUND;
		-- closed since, so make it after all; one that a snapshot cannot see stays out of sight
		IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
			RAISE EXCEPTION 'another transaction has just made or closed the task of rule "%"', rule
				USING ERRCODE = 'serialization_failure';
		END IF;
	END LOOP;
	RETURN made;
END
$$;
COMMENT ON FUNCTION copilot.task_make(uuid, uuid, uuid, text, text, uuid, timestamptz, text, text) IS
'makes a task in the name of the system and returns its id; with a rule only if there is no open task of that rule for the same project and version, which is then returned as it is. project and version may be NULL; an assignee who does not work in the tenant (any more) is left out; a title is cut to 200 characters. Not for end users: functions that call it for them are SECURITY DEFINER. Errors: 23503 for a project or version that is not the tenant''s, 23514 for a kind, priority or title that is none, 40001 for a rule that a snapshot is too old for';

CREATE FUNCTION copilot.build_checklist()
RETURNS TABLE (step text, title text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
VALUES ('connections', 'Connect the systems that the blueprint names'),
	('steps', 'Build every step of the blueprint'),
	('errors', 'Decide what happens when a step fails'),
	('samples', 'Run it with the client''s sample data'),
	('handover', 'Write down what QA has to know')
$$;
COMMENT ON FUNCTION copilot.build_checklist() IS 'what has to be done in every build before QA';

CREATE FUNCTION copilot.build_begin(tenant uuid, version uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	project record;
	builder uuid;
BEGIN
	SELECT p.id, p.owner_id INTO project FROM copilot.projects p
	WHERE p.tenant_id = tenant AND (p.automation_version_id = version OR p.automation_id = (
		SELECT v.automation_id FROM copilot.automation_versions v WHERE v.tenant_id = tenant AND v.id = build_begin.version))
	-- builders change what is in their project: without one of its own it goes into the newest about the automation
	ORDER BY p.automation_version_id = version DESC NULLS LAST, p.created_at DESC, p.id LIMIT 1;
	-- whose work it is goes without saying only if there is one builder
	SELECT (array_agg(m.user_id))[1] INTO builder FROM copilot.project_members m
	WHERE m.tenant_id = tenant AND m.project_id = project.id AND m.role = 'builder' HAVING count(*) = 1;
	-- back from QA or from a block it is the same build: what was done of it stays done
	IF NOT EXISTS (SELECT FROM copilot.tasks t
		WHERE t.tenant_id = tenant AND t.automation_version_id = version AND t.rule LIKE 'build:%') THEN
		PERFORM copilot.task_make(tenant, project.id, version, 'build_checklist', c.title, builder,
								  rule => 'build:' || c.step)
		FROM copilot.build_checklist() c;
		PERFORM copilot.task_make(tenant, project.id, version, 'credentials_issue',
			'Get credentials for the systems of this automation', coalesce(project.owner_id, builder),
			priority => 'high', rule => 'build:credentials');
	END IF;
	PERFORM copilot.build_request(tenant, version);
END
$$;
COMMENT ON FUNCTION copilot.build_begin(uuid, uuid) IS
'when an automation version enters its build: the build checklist and the task to get credentials, once in the life of the version, and the request to build it. Nobody may call it: it is the consequence of a step';

REVOKE ALL ON FUNCTION copilot.make_task_rules(), copilot.task_progress(),
	copilot.project_progress(uuid[], uuid[], uuid[]), copilot.task_tell_assignee(),
	copilot.task_make(uuid, uuid, uuid, text, text, uuid, timestamptz, text, text),
	copilot.build_checklist(), copilot.build_begin(uuid, uuid) FROM PUBLIC;
