-- Working with projects: making and changing them, who takes part, and how far their
-- price is.
--
-- A project's pricing_status follows the steps of the version it is about, whoever
-- makes them; nobody writes it.  Who is given a project, or a part in one, is told.

CREATE FUNCTION copilot.make_project_work()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE OR REPLACE TRIGGER price BEFORE INSERT OR UPDATE OF automation_version_id ON copilot.projects
		FOR EACH ROW EXECUTE FUNCTION copilot.project_price();
	-- before wrk_status_changed: the last event of a step is the one that tells of it
	CREATE OR REPLACE TRIGGER price_projects AFTER UPDATE OF status ON copilot.automation_versions
		FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION copilot.version_price_projects();
	CREATE OR REPLACE TRIGGER tell_owner AFTER INSERT OR UPDATE OF owner_id ON copilot.projects
		FOR EACH ROW WHEN (NEW.owner_id IS NOT NULL) EXECUTE FUNCTION copilot.project_tell();
	CREATE OR REPLACE TRIGGER tell_member AFTER INSERT ON copilot.project_members
		FOR EACH ROW EXECUTE FUNCTION copilot.project_tell();
	-- projects of an installation from before there was a price
	UPDATE copilot.projects p SET pricing_status = s.pricing
	FROM (SELECT q.tenant_id, q.id, copilot.pricing_of(q.tenant_id, q.automation_version_id) AS pricing
		  FROM copilot.projects q WHERE q.automation_version_id IS NOT NULL) s
	WHERE s.tenant_id = p.tenant_id AND s.id = p.id AND p.pricing_status = 'none' AND s.pricing <> 'none';
	PERFORM copilot.put_call('project.create', 'copilot.call_project_create(jsonb)');
	PERFORM copilot.put_call('project.update', 'copilot.call_project_update(jsonb)');
	PERFORM copilot.put_call('project.add_member', 'copilot.call_project_add_member(jsonb)');
	PERFORM copilot.put_call('project.remove_member', 'copilot.call_project_remove_member(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_project_work() IS
'part of copilot.make_operations(): triggers and calls of projects';

-- ---------- the price ----------

CREATE FUNCTION copilot.pricing_after(from_status text, to_status text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
	WHEN to_status = 'intake_in_progress' THEN 'none'
	WHEN to_status = 'needs_pricing' THEN
		CASE from_status WHEN 'awaiting_client_approval' THEN 'rejected' ELSE 'pending' END
	WHEN to_status = 'awaiting_client_approval' THEN 'quoted'
	WHEN to_status IN ('build_in_progress', 'qa_testing', 'ready_to_launch', 'live') THEN 'approved' END;
COMMENT ON FUNCTION copilot.pricing_after(text, text) IS
'what a step of an automation version makes of its price; NULL for the stop-overs (paused, blocked) and the archive, which say nothing of it';

CREATE FUNCTION copilot.pricing_of(tenant uuid, version uuid)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- the way back from a stop-over says nothing of it either
	SELECT coalesce((
		SELECT copilot.pricing_after(c.from_state, c.to_state) FROM wrk.state_change c
		WHERE c.entity = 'automation_version' AND c.tenant_id = tenant::text AND c.row_id = version::text
			AND NOT c.returned AND copilot.pricing_after(c.from_state, c.to_state) IS NOT NULL
		ORDER BY c.id DESC LIMIT 1), 'none')
$$;
COMMENT ON FUNCTION copilot.pricing_of(uuid, uuid) IS
'how far an automation version is with its price, by its history: none, pending, quoted, approved, rejected';

CREATE FUNCTION copilot.project_price()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- a step that is under way either is seen here or sees this project
	PERFORM FROM copilot.automation_versions v
	WHERE v.tenant_id = NEW.tenant_id AND v.id = NEW.automation_version_id FOR SHARE;
	NEW.pricing_status := copilot.pricing_of(NEW.tenant_id, NEW.automation_version_id);
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.project_price() IS 'trigger of projects: pricing_status is that of the version it is about';

CREATE FUNCTION copilot.version_price_projects()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	pricing text := copilot.pricing_after(OLD.status, NEW.status);
BEGIN
	-- back from a stop-over it is as it was; NULL is not different from anything below
	IF OLD.status IN ('paused', 'blocked') AND NOT wrk.status_importing() THEN
		RETURN NULL;
	END IF;
	-- in the order in which copilot.project_progress() locks them
	PERFORM FROM copilot.projects p
	WHERE p.tenant_id = NEW.tenant_id AND p.automation_version_id = NEW.id AND p.pricing_status <> pricing
	ORDER BY p.id FOR NO KEY UPDATE;
	UPDATE copilot.projects p SET pricing_status = pricing
	WHERE p.tenant_id = NEW.tenant_id AND p.automation_version_id = NEW.id AND p.pricing_status <> pricing;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.version_price_projects() IS
'trigger of automation_versions: the pricing_status of its projects follows a step';

-- ---------- who is told ----------

CREATE FUNCTION copilot.project_tell()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	project uuid := CASE TG_TABLE_NAME WHEN 'projects' THEN (to_jsonb(NEW) ->> 'id')::uuid
		ELSE (to_jsonb(NEW) ->> 'project_id')::uuid END;
	person uuid := coalesce(to_jsonb(NEW) ->> 'owner_id', to_jsonb(NEW) ->> 'user_id');
	name text := (SELECT left(p.name, 150) FROM copilot.projects p WHERE p.tenant_id = NEW.tenant_id AND p.id = project);
BEGIN
	IF TG_OP = 'UPDATE' AND to_jsonb(NEW) -> 'owner_id' = to_jsonb(OLD) -> 'owner_id'
		-- who is loaded with others' data was told there
		OR wrk.tenant_id() IS NULL OR person::text = wrk.user_id()
		OR NOT copilot.person_sees(NEW.tenant_id, person, project, NULL) THEN
		RETURN NULL;
	END IF;
	PERFORM copilot.notify(NEW.tenant_id, person, 'change',
		format(CASE TG_TABLE_NAME WHEN 'projects' THEN 'You now own %s' ELSE 'You were added to %s' END, name),
		jsonb_build_object('what', CASE TG_TABLE_NAME WHEN 'projects' THEN 'project_owner' ELSE 'project_member' END,
			'role', to_jsonb(NEW) -> 'role'), 'project', project::text);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.project_tell() IS
'trigger of projects and project_members: tells whoever is given a project or a part in one, unless they took it themselves, do not see it, or nobody is acting';

-- ---------- calls ----------

CREATE FUNCTION copilot.check_project(project uuid, right_wanted text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF project IS NOT NULL AND NOT EXISTS (SELECT FROM copilot.projects p WHERE p.id = project) THEN
		RAISE EXCEPTION 'project not found' USING ERRCODE = 'WK404';
	END IF;
	IF wrk.can(right_wanted, 'project') IS NOT TRUE THEN
		RAISE EXCEPTION 'projects are not for this role to %', right_wanted USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_project(uuid, text) IS
'refuses a project that the caller does not see, and a caller who may not create, update or manage projects. Errors: WK403 forbidden, WK404 not_found';

CREATE FUNCTION copilot.check_project_subject(automation uuid, version uuid)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	about uuid := automation;
BEGIN
	IF version IS NOT NULL THEN
		SELECT v.automation_id INTO about FROM copilot.automation_versions v
		WHERE v.id = version AND v.automation_id = coalesce(automation, v.automation_id);
		IF NOT FOUND THEN
			RAISE EXCEPTION 'automation version not found' USING ERRCODE = 'WK404';
		END IF;
	ELSIF automation IS NOT NULL AND NOT EXISTS (SELECT FROM copilot.automations a WHERE a.id = automation) THEN
		RAISE EXCEPTION 'automation not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN about;
END
$$;
COMMENT ON FUNCTION copilot.check_project_subject(uuid, uuid) IS
'the automation that a project about it, or about one of its versions, belongs to. Error: WK404 not_found, also for a version of another automation';

CREATE FUNCTION copilot.project_create(name text, kind text DEFAULT 'new_automation', automation uuid DEFAULT NULL,
									   version uuid DEFAULT NULL, owner uuid DEFAULT NULL, eta timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	result jsonb;
BEGIN
	PERFORM copilot.check_project(NULL, 'create');
	PERFORM copilot.check_person(owner, 'owner_id');
	INSERT INTO copilot.projects AS p (name, kind, automation_id, automation_version_id, owner_id, eta)
	VALUES (project_create.name, project_create.kind,
			copilot.check_project_subject(project_create.automation, project_create.version),
			project_create.version, project_create.owner, project_create.eta)
	RETURNING copilot.answer(to_jsonb(p)) INTO result;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.project_create(text, text, uuid, uuid, uuid, timestamptz) IS
'makes a project (kind new_automation or revision) about an automation, one of its versions, or nothing yet; returns it. Errors: WK400, WK403, WK404, 23514';

CREATE FUNCTION copilot.call_project_create(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'name', 'kind', 'automation_id', 'automation_version_id', 'owner_id', 'eta');
	RETURN copilot.project_create(copilot.want_text(params, 'name', 200, true),
		coalesce(copilot.want_choice(params, 'kind', 'new_automation', 'revision'), 'new_automation'),
		copilot.want_uuid(params, 'automation_id'), copilot.want_uuid(params, 'automation_version_id'),
		copilot.want_uuid(params, 'owner_id'), copilot.want_time(params, 'eta'));
END
$$;
COMMENT ON FUNCTION copilot.call_project_create(jsonb) IS
'call project.create {name, kind, automation_id, automation_version_id, owner_id, eta}: the project; kind new_automation (default) or revision; a version says its automation. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.project_update(project uuid, changes jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	want record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(changes, 'name', 'status', 'automation_id', 'automation_version_id', 'owner_id', 'eta');
	SELECT copilot.want_text(changes, 'name', 200) AS name, copilot.want_uuid(changes, 'owner_id') AS owner_id,
		copilot.want_uuid(changes, 'automation_id') AS automation,
		copilot.want_uuid(changes, 'automation_version_id') AS version,
		copilot.want_time(changes, 'eta') AS eta, copilot.want_choice(changes, 'status',
			'planned', 'in_progress', 'on_hold', 'completed', 'cancelled', 'previous') AS status
	INTO want;
	PERFORM copilot.check_project(project, 'update');
	PERFORM copilot.check_person(want.owner_id, 'owner_id');
	want.automation := copilot.check_project_subject(want.automation, want.version);
	-- absent: as it was; null empties what may be empty; another subject replaces both its parts
	UPDATE copilot.projects p SET
		name = coalesce(want.name, p.name),
		owner_id = CASE WHEN changes ? 'owner_id' THEN want.owner_id ELSE p.owner_id END,
		eta = CASE WHEN changes ? 'eta' THEN want.eta ELSE p.eta END,
		automation_id = CASE WHEN changes ? 'automation_id' OR want.version IS NOT NULL
			THEN want.automation ELSE p.automation_id END,
		automation_version_id = CASE WHEN changes ?| '{automation_id,automation_version_id}'
			THEN want.version ELSE p.automation_version_id END
	WHERE p.id = project;
	IF want.status IS NOT NULL THEN
		PERFORM wrk.transition('copilot.projects', project::text, want.status);
	END IF;
	SELECT copilot.answer(to_jsonb(p)) INTO result FROM copilot.projects p WHERE p.id = project;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.project_update(uuid, jsonb) IS
'changes a project: members as in the call project.update; returns it. Errors: WK400, WK403, WK404, WK422 for a status no step leads to';

CREATE FUNCTION copilot.call_project_update(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'name', 'status', 'automation_id', 'automation_version_id', 'owner_id', 'eta');
	RETURN copilot.project_update(copilot.want_uuid(params, 'id', true), params - 'id');
END
$$;
COMMENT ON FUNCTION copilot.call_project_update(jsonb) IS
'call project.update {id, name, status, automation_id, automation_version_id, owner_id, eta}: the project; what is absent stays, null empties owner_id, eta and what it is about. status is a step of machine project, "previous" takes up what was on hold. Errors: WK400, WK403, WK404, WK422';

CREATE FUNCTION copilot.project_add_member(project uuid, person uuid, role text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM copilot.check_project(coalesce(project, '00000000-0000-0000-0000-000000000000'), 'manage');
	PERFORM copilot.check_person(person, 'user_id');
	INSERT INTO copilot.project_members (project_id, user_id, role)
	VALUES (project, person, project_add_member.role)
	ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION copilot.project_add_member(uuid, uuid, text) IS
'has a person of the tenant take part in a project as client, builder, qa or ops; being it already is no error. Errors: WK400, WK403, WK404, 23514';

CREATE FUNCTION copilot.project_remove_member(project uuid, person uuid, role text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM copilot.check_project(coalesce(project, '00000000-0000-0000-0000-000000000000'), 'manage');
	DELETE FROM copilot.project_members m
	WHERE m.project_id = project AND m.user_id = person
		AND m.role = coalesce(project_remove_member.role, m.role);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no such member of the project' USING ERRCODE = 'WK404';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.project_remove_member(uuid, uuid, text) IS
'takes a person out of a project, or only out of one role in it. Errors: WK403, WK404';

CREATE FUNCTION copilot.call_project_add_member(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	project uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'user_id', 'role');
	project := copilot.want_uuid(params, 'id', true);
	PERFORM copilot.want_text(params, 'role', required => true);
	PERFORM copilot.project_add_member(project, copilot.want_uuid(params, 'user_id', true),
		copilot.want_choice(params, 'role', 'client', 'builder', 'qa', 'ops'));
	RETURN copilot.project_get(jsonb_build_object('id', project));
END
$$;
COMMENT ON FUNCTION copilot.call_project_add_member(jsonb) IS
'call project.add_member {id, user_id, role}: the project and its members, as project.get; role client, builder, qa or ops. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.call_project_remove_member(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	project uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'user_id', 'role');
	project := copilot.want_uuid(params, 'id', true);
	PERFORM copilot.project_remove_member(project, copilot.want_uuid(params, 'user_id', true),
		copilot.want_choice(params, 'role', 'client', 'builder', 'qa', 'ops'));
	RETURN copilot.project_get(jsonb_build_object('id', project));
END
$$;
COMMENT ON FUNCTION copilot.call_project_remove_member(jsonb) IS
'call project.remove_member {id, user_id, role}: the project and its members, as project.get; without role all of the person''s. Errors: WK400, WK403, WK404';

REVOKE ALL ON FUNCTION copilot.make_project_work(), copilot.pricing_after(text, text),
	copilot.pricing_of(uuid, uuid), copilot.project_price(),
	copilot.version_price_projects(), copilot.project_tell(), copilot.check_project(uuid, text),
	copilot.check_project_subject(uuid, uuid),
	copilot.project_create(text, text, uuid, uuid, uuid, timestamptz), copilot.call_project_create(jsonb),
	copilot.project_update(uuid, jsonb), copilot.call_project_update(jsonb),
	copilot.project_add_member(uuid, uuid, text), copilot.project_remove_member(uuid, uuid, text),
	copilot.call_project_add_member(jsonb), copilot.call_project_remove_member(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.check_project(uuid, text), copilot.check_project_subject(uuid, uuid),
	copilot.project_create(text, text, uuid, uuid, uuid, timestamptz), copilot.call_project_create(jsonb),
	copilot.project_update(uuid, jsonb), copilot.call_project_update(jsonb),
	copilot.project_add_member(uuid, uuid, text), copilot.project_remove_member(uuid, uuid, text),
	copilot.call_project_add_member(jsonb), copilot.call_project_remove_member(jsonb) TO wrk_member;
