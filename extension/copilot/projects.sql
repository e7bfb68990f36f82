-- Projects: the work on a new automation or on a revision of one, and who takes part.
--
-- Builders and testers see the projects they are members of.  project_members is
-- the application's table; a trigger keeps wrk.membership, which wrk.can() reads,
-- equal to it.

CREATE FUNCTION copilot.make_projects()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.projects (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
		kind text NOT NULL DEFAULT 'new_automation' CHECK (kind IN ('new_automation', 'revision')),
		status text NOT NULL DEFAULT 'planned' CHECK (status IN
			('planned', 'in_progress', 'on_hold', 'completed', 'cancelled')),
		automation_id uuid,
		automation_version_id uuid CHECK (automation_version_id IS NULL OR automation_id IS NOT NULL),
		owner_id uuid,
		eta timestamptz,
		checklist_progress integer NOT NULL DEFAULT 0 CHECK (checklist_progress BETWEEN 0 AND 100),
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT now(),
		updated_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, automation_id) REFERENCES copilot.automations,
		FOREIGN KEY (tenant_id, automation_id, automation_version_id)
			REFERENCES copilot.automation_versions (tenant_id, automation_id, id),
		FOREIGN KEY (tenant_id, owner_id) REFERENCES copilot.tenant_users,
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	CREATE INDEX IF NOT EXISTS projects_recent_idx ON copilot.projects (tenant_id, created_at, id);
	CREATE INDEX IF NOT EXISTS projects_version_idx ON copilot.projects (tenant_id, automation_version_id);
	CREATE INDEX IF NOT EXISTS projects_automation_idx ON copilot.projects (tenant_id, automation_id);
	COMMENT ON TABLE copilot.projects IS 'the work on a new automation or on a revision of one';
	COMMENT ON COLUMN copilot.projects.owner_id IS 'who answers for the project';
	COMMENT ON COLUMN copilot.projects.eta IS 'when it is expected to be done';
	COMMENT ON COLUMN copilot.projects.checklist_progress IS 'per cent of the build checklist that is done';
	ALTER TABLE copilot.projects ADD COLUMN IF NOT EXISTS pricing_status text NOT NULL DEFAULT 'none'
		CHECK (pricing_status IN ('none', 'pending', 'quoted', 'approved', 'rejected'));
	COMMENT ON COLUMN copilot.projects.pricing_status IS
		'how far its version is with a price: none, pending, quoted (the client decides), approved or rejected; kept by triggers';
	PERFORM copilot.put_touch('projects');
	PERFORM wrk.enable_tenancy('copilot.projects');
	PERFORM copilot.put_policy('projects', 'visible',
		'builders and testers see projects they are members of',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''project''))'
		' OR wrk.can(''read'', ''project'', id::text))');
	PERFORM copilot.put_policy('projects', 'creatable', 'who may create projects',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT wrk.can(''create'', ''project'')))');
	PERFORM copilot.put_policy('projects', 'changeable', 'who may change projects',
		'AS RESTRICTIVE FOR UPDATE USING ((SELECT wrk.can(''update'', ''project'')))');
	GRANT SELECT,
		INSERT (name, kind, automation_id, automation_version_id, owner_id, eta),
		UPDATE (name, status, automation_id, automation_version_id, owner_id, eta)
		ON copilot.projects TO wrk_member;
	-- it follows from tasks
	REVOKE UPDATE (checklist_progress) ON copilot.projects FROM wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_projects() IS 'part of copilot.install(): table projects';

CREATE FUNCTION copilot.make_project_members()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.project_members (
		tenant_id uuid NOT NULL,
		project_id uuid NOT NULL,
		user_id uuid NOT NULL,
		role text NOT NULL CHECK (role IN ('client', 'builder', 'qa', 'ops')),
		added_by uuid DEFAULT wrk.user_id()::uuid,
		added_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (tenant_id, project_id, user_id, role),
		FOREIGN KEY (tenant_id, project_id) REFERENCES copilot.projects ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, user_id) REFERENCES copilot.tenant_users ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, added_by) REFERENCES copilot.tenant_users
	);
	CREATE INDEX IF NOT EXISTS project_members_user_idx ON copilot.project_members (tenant_id, user_id);
	COMMENT ON TABLE copilot.project_members IS 'who takes part in a project, and as what';
	CREATE OR REPLACE TRIGGER sync_membership
		AFTER INSERT OR UPDATE OR DELETE ON copilot.project_members
		FOR EACH ROW EXECUTE FUNCTION copilot.project_member_sync();
	CREATE OR REPLACE TRIGGER clear_membership AFTER TRUNCATE ON copilot.project_members
		FOR EACH STATEMENT EXECUTE FUNCTION copilot.project_member_sync();
	PERFORM wrk.enable_tenancy('copilot.project_members');
	PERFORM copilot.put_policy('project_members', 'visible', 'members of the projects one sees',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''project''))'
		' OR wrk.can(''read'', ''project'', project_id::text))');
	PERFORM copilot.put_policy('project_members', 'addable', 'who may add members',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT wrk.can(''manage'', ''project'')))');
	PERFORM copilot.put_policy('project_members', 'removable', 'who may remove members',
		'AS RESTRICTIVE FOR DELETE USING ((SELECT wrk.can(''manage'', ''project'')))');
	GRANT SELECT, INSERT (project_id, user_id, role), DELETE ON copilot.project_members TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_project_members() IS 'part of copilot.install(): table project_members';

CREATE FUNCTION copilot.project_member_sync()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		DELETE FROM wrk.membership m WHERE m.resource_type = 'project';
		RETURN NULL;
	END IF;
	IF TG_OP <> 'INSERT' THEN
		DELETE FROM wrk.membership m
		WHERE m.tenant_id = OLD.tenant_id::text AND m.user_id = OLD.user_id::text
			AND m.resource_type = 'project' AND m.resource_id = OLD.project_id::text
			AND m.role = OLD.role;
	END IF;
	IF TG_OP <> 'DELETE' THEN
		INSERT INTO wrk.membership (tenant_id, user_id, resource_type, resource_id, role)
		VALUES (NEW.tenant_id, NEW.user_id, 'project', NEW.project_id, NEW.role)
		ON CONFLICT DO NOTHING;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.project_member_sync() IS
'trigger of project_members: keeps wrk.membership equal to it';

CREATE FUNCTION copilot.may_join_project(id text)
RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT '{read,publish}'::text[] FROM copilot.projects p
			WHERE p.id = copilot.as_uuid(may_join_project.id));
END
$$;
COMMENT ON FUNCTION copilot.may_join_project(text) IS
'rights of the caller on the channel of a project; NULL for every id the caller does not see';

CREATE FUNCTION copilot.project_rights(project uuid)
RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- the same rules as the policies, which have the last word
	SELECT coalesce(array_agg(r.may ORDER BY r.may) FILTER (WHERE r.yes), '{}')
	FROM (VALUES
		('create_task', wrk.can('create', 'task') OR wrk.can('create_task', 'project', project::text)),
		('update_task', wrk.can('update', 'task') OR wrk.can('update_task', 'project', project::text)),
		('send_client', wrk.can('create', 'client_message')),
		('send_ops', wrk.can('create', 'ops_message')),
		('send_internal_note', wrk.can('create', 'internal_note')),
		('delete_message', wrk.can('delete', 'message')),
		('update', wrk.can('update', 'project')),
		('manage', wrk.can('manage', 'project')),
		('read_audit_log', wrk.can('read', 'audit_log'))) AS r (may, yes)
$$;
COMMENT ON FUNCTION copilot.project_rights(uuid) IS
'what the caller may do in a project that they see, for pages that offer nothing which would be refused: create_task, update_task (of anybody; one''s own may be updated in any case), send_client, send_ops, send_internal_note (messages of this type), delete_message (of anybody), update, manage (members), read_audit_log';

CREATE FUNCTION copilot.project_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_uuid(params, 'id', true);
	SELECT copilot.answer(to_jsonb(p)) INTO result FROM copilot.projects p WHERE p.id = wanted;
	IF result IS NULL THEN
		RAISE EXCEPTION 'project not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN result || jsonb_build_object('can', copilot.project_rights(wanted), 'members', (
		SELECT coalesce(jsonb_agg(jsonb_build_object('user_id', m.user_id, 'name', u.name, 'role', m.role)
								  ORDER BY u.name, m.user_id, m.role), '[]')
		FROM copilot.project_members m JOIN copilot.users u ON u.id = m.user_id
		WHERE m.project_id = wanted));
END
$$;
COMMENT ON FUNCTION copilot.project_get(jsonb) IS
'call project.get {id}: the project, its members [{user_id, name, role}] and can: what the caller may do in it, as copilot.project_rights() says. Errors: WK400, WK404';

CREATE FUNCTION copilot.project_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	wanted_status text;
	wanted_kind text;
	wanted_owner uuid;
	wanted_automation uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'status', 'kind', 'owner_id', 'automation_id', 'after', 'limit');
	wanted_owner := copilot.want_uuid(params, 'owner_id');
	wanted_automation := copilot.want_uuid(params, 'automation_id');
	wanted_status := copilot.want_choice(params, 'status',
		'planned', 'in_progress', 'on_hold', 'completed', 'cancelled');
	wanted_kind := copilot.want_choice(params, 'kind', 'new_automation', 'revision');
	page := copilot.want_page(params);
	WITH found AS (
		SELECT p.* FROM copilot.projects p
		WHERE (p.created_at, p.id) < (page.before_time, page.before_id)
			AND (wanted_status IS NULL OR p.status = wanted_status)
			AND (wanted_kind IS NULL OR p.kind = wanted_kind)
			AND (wanted_owner IS NULL OR p.owner_id = wanted_owner)
			AND (wanted_automation IS NULL OR p.automation_id = wanted_automation)
		ORDER BY p.created_at DESC, p.id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('projects',
		jsonb_agg(copilot.answer(to_jsonb(f)) ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.project_list(jsonb) IS
'call project.list {status, kind, owner_id, automation_id, after, limit}: {projects, next} newest first; next is null on the last page. Error: WK400';

REVOKE ALL ON FUNCTION copilot.make_projects(), copilot.make_project_members(),
	copilot.project_member_sync(), copilot.may_join_project(text), copilot.project_rights(uuid), copilot.project_get(jsonb),
	copilot.project_list(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.may_join_project(text), copilot.project_rights(uuid), copilot.project_get(jsonb),
	copilot.project_list(jsonb) TO wrk_member;
