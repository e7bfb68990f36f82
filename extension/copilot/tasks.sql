-- Tasks: what is to be done, by whom and until when.
--
-- A task belongs to a project, to an automation version, to both or to the tenant
-- alone.  Client retention tasks are for operations staff; rows and events say so
-- alike.

CREATE FUNCTION copilot.make_tasks()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.tasks (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		project_id uuid,
		automation_version_id uuid,
		kind text NOT NULL DEFAULT 'general_todo' CHECK (kind IN
			('build_checklist', 'credentials_issue', 'general_todo', 'client_retention')),
		title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
		description text CHECK (length(description) <= 20000),
		status text NOT NULL DEFAULT 'open'
			CHECK (status IN ('open', 'in_progress', 'done', 'cancelled')),
		priority text NOT NULL DEFAULT 'normal'
			CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
		assignee_id uuid,
		due_at timestamptz,
		completed_at timestamptz,
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, project_id) REFERENCES copilot.projects ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, automation_version_id)
			REFERENCES copilot.automation_versions ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, assignee_id) REFERENCES copilot.tenant_users,
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	CREATE INDEX IF NOT EXISTS tasks_project_idx ON copilot.tasks (tenant_id, project_id, status);
	CREATE INDEX IF NOT EXISTS tasks_version_idx ON copilot.tasks (tenant_id, automation_version_id);
	CREATE INDEX IF NOT EXISTS tasks_assignee_idx
		ON copilot.tasks (tenant_id, assignee_id, status, due_at);
	ALTER TABLE copilot.tasks ADD COLUMN IF NOT EXISTS assignee_name text;
	COMMENT ON TABLE copilot.tasks IS 'what is to be done in a project, for an automation version or for the tenant';
	COMMENT ON COLUMN copilot.tasks.kind IS 'what it is about; client_retention is for operations staff only';
	COMMENT ON COLUMN copilot.tasks.completed_at IS 'when status became done; kept by a trigger';
	COMMENT ON COLUMN copilot.tasks.assignee_name IS
		'what the assignee was called when the task was given to them; kept by a trigger';
	CREATE OR REPLACE TRIGGER name_assignee BEFORE INSERT OR UPDATE OF assignee_id, assignee_name ON copilot.tasks
		FOR EACH ROW EXECUTE FUNCTION copilot.task_name_assignee();
	CREATE OR REPLACE TRIGGER complete BEFORE INSERT OR UPDATE ON copilot.tasks
		FOR EACH ROW EXECUTE FUNCTION copilot.task_complete();
	PERFORM copilot.put_touch('tasks');
	PERFORM wrk.enable_tenancy('copilot.tasks');
	PERFORM copilot.make_task_rights();
	PERFORM copilot.make_task_rules();
END
$$;
COMMENT ON FUNCTION copilot.make_tasks() IS 'part of copilot.install(): table tasks';

CREATE FUNCTION copilot.task_complete()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	NEW.completed_at := CASE WHEN NEW.status = 'done' THEN coalesce(
		CASE WHEN TG_OP = 'UPDATE' THEN OLD.completed_at END, NEW.completed_at, clock_timestamp()) END;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.task_complete() IS 'trigger of tasks: completed_at is the time of the step to done, null for other statuses';

CREATE FUNCTION copilot.task_name_assignee()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND NEW.assignee_id IS NOT DISTINCT FROM OLD.assignee_id THEN
		NEW.assignee_name := OLD.assignee_name;
	ELSE
		NEW.assignee_name := copilot.member_name(NEW.tenant_id, NEW.assignee_id);
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.task_name_assignee() IS
'trigger of tasks: assignee_name is what the assignee is called; it needs no other right than to give the task to them';

CREATE FUNCTION copilot.make_task_rights()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_policy('tasks', 'thread', 'tasks of the projects and versions one sees',
		'AS RESTRICTIVE USING (' || copilot.thread_visible() || ')');
	PERFORM copilot.put_policy('tasks', 'kind', 'client retention is a matter of operations staff',
		'AS RESTRICTIVE USING (kind <> ''client_retention'''
		' OR (SELECT wrk.can(''read'', ''client_retention_task'')))');
	PERFORM copilot.put_policy('tasks', 'creatable', 'who may create tasks',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT wrk.can(''create'', ''task''))'
		' OR wrk.can(''create_task'', ''project'', project_id::text)'
		-- seeing the project is enough to see a task, not to hold up a version one does not see
		' AND (automation_version_id IS NULL OR automation_version_id IN (SELECT v.id FROM copilot.automation_versions v)))');
	PERFORM copilot.put_policy('tasks', 'changeable',
		'staff of the project, and whoever a task is assigned to',
		'AS RESTRICTIVE FOR UPDATE USING ((SELECT wrk.can(''update'', ''task''))'
		' OR assignee_id::text = (SELECT wrk.user_id())'
		' OR wrk.can(''update_task'', ''project'', project_id::text)) WITH CHECK (true)');
	PERFORM copilot.put_policy('tasks', 'removable', 'who may delete tasks',
		'AS RESTRICTIVE FOR DELETE USING ((SELECT wrk.can(''delete'', ''task'')))');
	GRANT SELECT,
		INSERT (project_id, automation_version_id, kind, title, description, assignee_id, due_at, priority),
		UPDATE (title, description, status, assignee_id, due_at, priority), DELETE
		ON copilot.tasks TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_task_rights() IS 'part of copilot.install(): policies and grants of tasks';

CREATE FUNCTION copilot.check_assignee(assignee uuid)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF assignee IS NOT NULL AND NOT EXISTS (
		SELECT FROM copilot.tenant_users tu WHERE tu.user_id = assignee AND tu.status = 'active') THEN
		PERFORM copilot.bad_param('assignee_id', 'is not an active user of this tenant');
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_assignee(uuid) IS
'refuses an assignee who does not work in the caller''s tenant. Error: WK400 bad_request';

CREATE FUNCTION copilot.task_create(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	project uuid;
	version uuid;
	wanted_kind text;
	assignee uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'project_id', 'automation_version_id', 'kind', 'title',
								 'description', 'assignee_id', 'due_at', 'priority');
	project := copilot.want_uuid(params, 'project_id');
	version := copilot.want_uuid(params, 'automation_version_id');
	wanted_kind := coalesce(copilot.want_choice(params, 'kind', 'build_checklist', 'credentials_issue',
												'general_todo', 'client_retention'), 'general_todo');
	assignee := copilot.want_uuid(params, 'assignee_id');
	PERFORM copilot.check_assignee(assignee);
	IF project IS NOT NULL THEN
		PERFORM copilot.check_thread(project, NULL);
	END IF;
	IF version IS NOT NULL THEN
		PERFORM copilot.check_thread(NULL, version);
	END IF;
	IF NOT (wrk.can('create', 'task') OR wrk.can('create_task', 'project', project::text))
		OR wanted_kind = 'client_retention' AND NOT wrk.can('create', 'client_retention_task') THEN
		RAISE EXCEPTION 'tasks of kind "%" are not for this role to create here', wanted_kind
			USING ERRCODE = 'WK403';
	END IF;
	INSERT INTO copilot.tasks AS t (project_id, automation_version_id, kind, title, description,
									assignee_id, due_at, priority)
	VALUES (project, version, wanted_kind, copilot.want_text(params, 'title', 200, true),
			copilot.want_text(params, 'description', 20000), assignee, copilot.want_time(params, 'due_at'),
			coalesce(copilot.want_choice(params, 'priority', 'low', 'normal', 'high', 'urgent'), 'normal'))
	RETURNING copilot.answer(to_jsonb(t)) INTO result;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.task_create(jsonb) IS
'call task.create {title, project_id, automation_version_id, kind, description, assignee_id, due_at, priority}: the task, with assignee_name. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.task_update(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	task record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'title', 'description', 'status', 'assignee_id',
								 'due_at', 'priority');
	SELECT copilot.want_uuid(params, 'id', true) AS id,
		copilot.want_text(params, 'title', 200) AS title,
		copilot.want_text(params, 'description', 20000) AS description,
		copilot.want_choice(params, 'status', 'open', 'in_progress', 'done', 'cancelled') AS status,
		copilot.want_uuid(params, 'assignee_id') AS assignee_id,
		copilot.want_time(params, 'due_at') AS due_at,
		copilot.want_choice(params, 'priority', 'low', 'normal', 'high', 'urgent') AS priority
	INTO task;
	PERFORM copilot.check_assignee(task.assignee_id);
	IF NOT EXISTS (SELECT FROM copilot.tasks t WHERE t.id = task.id) THEN
		RAISE EXCEPTION 'task not found' USING ERRCODE = 'WK404';
	END IF;
	-- absent: as it was; null empties what may be empty
	UPDATE copilot.tasks t SET
		title = coalesce(task.title, t.title),
		description = CASE WHEN params ? 'description' THEN task.description ELSE t.description END,
		status = coalesce(task.status, t.status),
		assignee_id = CASE WHEN params ? 'assignee_id' THEN task.assignee_id ELSE t.assignee_id END,
		due_at = CASE WHEN params ? 'due_at' THEN task.due_at ELSE t.due_at END,
		priority = coalesce(task.priority, t.priority)
	WHERE t.id = task.id
	RETURNING copilot.answer(to_jsonb(t)) INTO result;
	IF result IS NULL THEN
		RAISE EXCEPTION 'this task is not for this role to change' USING ERRCODE = 'WK403';
	END IF;
	RETURN result;
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'the system has made this task anew' USING ERRCODE = 'WK409',
		HINT = 'Work on the open one.';
END
$$;
COMMENT ON FUNCTION copilot.task_update(jsonb) IS
'call task.update {id, title, description, status, assignee_id, due_at, priority}: the task, with assignee_name; what is absent stays, null empties description, assignee_id and due_at. Errors: WK400, WK403, WK404, WK409 for reopening a task of the system that it has made anew';

CREATE FUNCTION copilot.task_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	want record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'project_id', 'automation_version_id', 'assignee_id', 'kind', 'status',
								 'after', 'limit');
	page := copilot.want_page(params);
	SELECT copilot.want_uuid(params, 'project_id') AS project, copilot.want_uuid(params, 'automation_version_id') AS version,
		copilot.want_uuid(params, 'assignee_id') AS assignee,
		copilot.want_choice(params, 'kind', 'build_checklist', 'credentials_issue', 'general_todo', 'client_retention') AS kind,
		copilot.want_choice(params, 'status', 'open', 'in_progress', 'done', 'cancelled') AS status
	INTO want;
	WITH found AS (
		SELECT t.* FROM copilot.tasks t
		WHERE (t.created_at, t.id) < (page.before_time, page.before_id)
			AND (want.project IS NULL OR t.project_id = want.project)
			AND (want.version IS NULL OR t.automation_version_id = want.version)
			AND (want.assignee IS NULL OR t.assignee_id = want.assignee)
			AND (want.kind IS NULL OR t.kind = want.kind)
			AND (want.status IS NULL OR t.status = want.status)
		ORDER BY t.created_at DESC, t.id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('tasks',
		jsonb_agg(copilot.answer(to_jsonb(f)) ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.task_list(jsonb) IS
'call task.list {project_id, automation_version_id, assignee_id, kind, status, after, limit}: {tasks, next} newest first, those the caller sees, each with assignee_name; next is null on the last page. Error: WK400';

REVOKE ALL ON FUNCTION copilot.make_tasks(), copilot.task_complete(), copilot.task_name_assignee(), copilot.make_task_rights(),
	copilot.check_assignee(uuid), copilot.task_create(jsonb), copilot.task_update(jsonb),
	copilot.task_list(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.check_assignee(uuid), copilot.task_create(jsonb),
	copilot.task_update(jsonb), copilot.task_list(jsonb) TO wrk_member;
