-- Automations and their versions: what a tenant has built, and its lifecycle.
--
-- A builder or tester sees the automations of the projects they are members of,
-- everybody else of the tenant sees all.  automation_versions.version counts the
-- changes of a row; whoever saves says which one they started from.

CREATE FUNCTION copilot.make_automations()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.automations (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
		description text CHECK (length(description) <= 20000),
		created_by uuid DEFAULT wrk.user_id()::uuid,
		archived_at timestamptz,
		created_at timestamptz NOT NULL DEFAULT now(),
		updated_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	ALTER TABLE copilot.automations ADD COLUMN IF NOT EXISTS
		archived_reason text CHECK (length(archived_reason) <= 2000);
	CREATE INDEX IF NOT EXISTS automations_recent_idx
		ON copilot.automations (tenant_id, created_at, id);
	COMMENT ON TABLE copilot.automations IS 'automations of a tenant; what they do is in their versions';
	COMMENT ON COLUMN copilot.automations.archived_at IS 'when it was archived, all its versions with it; see copilot.automation_archive()';
	PERFORM copilot.put_touch('automations');
	PERFORM wrk.enable_tenancy('copilot.automations');
	GRANT SELECT, INSERT (name, description), UPDATE (name, description)
		ON copilot.automations TO wrk_member;
	REVOKE UPDATE (archived_at) ON copilot.automations FROM wrk_member; -- older installations gave it
END
$$;
COMMENT ON FUNCTION copilot.make_automations() IS 'part of copilot.install(): table automations';

CREATE FUNCTION copilot.make_automation_versions()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.automation_versions (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		automation_id uuid NOT NULL,
		number integer NOT NULL DEFAULT 1 CHECK (number > 0),
		status text NOT NULL DEFAULT 'intake_in_progress' CHECK (status IN
			('intake_in_progress', 'needs_pricing', 'awaiting_client_approval', 'build_in_progress',
			 'qa_testing', 'ready_to_launch', 'live', 'archived', 'paused', 'blocked')),
		status_reason text CHECK (length(status_reason) <= 2000),
		status_changed_at timestamptz NOT NULL DEFAULT now(),
		intake_progress integer NOT NULL DEFAULT 0 CHECK (intake_progress BETWEEN 0 AND 100),
		blueprint_json jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(blueprint_json) = 'object'),
		version bigint NOT NULL DEFAULT 1,
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT now(),
		updated_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id, automation_id, number),
		UNIQUE (tenant_id, automation_id, id), -- what projects refer to
		FOREIGN KEY (tenant_id, automation_id) REFERENCES copilot.automations ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	ALTER TABLE copilot.automation_versions ADD COLUMN IF NOT EXISTS based_on uuid;
	IF NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = 'automation_versions_based_on_fkey'
		AND c.conrelid = 'copilot.automation_versions'::regclass) THEN
		ALTER TABLE copilot.automation_versions ADD CONSTRAINT automation_versions_based_on_fkey
			FOREIGN KEY (tenant_id, automation_id, based_on)
			REFERENCES copilot.automation_versions (tenant_id, automation_id, id);
	END IF;
	CREATE INDEX IF NOT EXISTS automation_versions_status_idx
		ON copilot.automation_versions (tenant_id, status, status_changed_at);
	CREATE INDEX IF NOT EXISTS automation_versions_recent_idx
		ON copilot.automation_versions (tenant_id, created_at, id);
	COMMENT ON TABLE copilot.automation_versions IS 'versions of an automation, each on its way through the lifecycle';
	COMMENT ON COLUMN copilot.automation_versions.number IS 'which version of its automation this is, from 1';
	COMMENT ON COLUMN copilot.automation_versions.based_on IS 'version of the automation whose blueprint and answers it began with';
	COMMENT ON COLUMN copilot.automation_versions.version IS 'counts the changes of this row, for optimistic locking; kept by a trigger';
	COMMENT ON COLUMN copilot.automation_versions.status_reason IS 'why the last change of status was made; given together with it, never changed without';
	COMMENT ON COLUMN copilot.automation_versions.blueprint_json IS 'the design: nodes, edges and what else its editor keeps; too large for row events, which leave it out';
	CREATE OR REPLACE TRIGGER begin_version BEFORE INSERT ON copilot.automation_versions
		FOR EACH ROW EXECUTE FUNCTION copilot.automation_version_begin();
	CREATE OR REPLACE TRIGGER count_version BEFORE UPDATE ON copilot.automation_versions
		FOR EACH ROW EXECUTE FUNCTION copilot.automation_version_count();
	PERFORM wrk.enable_tenancy('copilot.automation_versions');
	-- which steps of the status are whose is for its state machine to say
	GRANT SELECT, INSERT (automation_id, number, blueprint_json, based_on),
		UPDATE (status, status_reason, intake_progress, blueprint_json)
		ON copilot.automation_versions TO wrk_member;
	GRANT UPDATE (status, status_reason) ON copilot.automation_versions TO wrk_service;
END
$$;
COMMENT ON FUNCTION copilot.make_automation_versions() IS 'part of copilot.install(): table automation_versions';

CREATE FUNCTION copilot.automation_version_begin()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	archived timestamptz;
BEGIN
	-- nor may it be archived before this version is there to be archived with it
	SELECT a.archived_at INTO archived FROM copilot.automations a
	WHERE a.tenant_id = NEW.tenant_id AND a.id = NEW.automation_id FOR SHARE;
	-- that of another tenant is refused by policies and references, in their words
	IF archived IS NOT NULL AND NOT wrk.status_importing() THEN
		RAISE EXCEPTION 'the automation is archived' USING ERRCODE = 'WK409', HINT = 'Create another automation.';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.automation_version_begin() IS
'trigger of automation_versions: an archived automation gets no version any more, whoever inserts it. Error: WK409 conflict';

CREATE FUNCTION copilot.automation_version_count()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	was copilot.automation_versions := OLD;
BEGIN
	NEW.version := OLD.version;
	-- what counts in a blueprint has just been counted; the rest only says how an editor shows it
	IF NEW.blueprint_version = OLD.blueprint_version THEN
		was.blueprint_json := NEW.blueprint_json;
	END IF;
	-- nor does it say anything of a version that its machine has another one
	was.status_machine_version := NEW.status_machine_version;
	IF NEW IS NOT DISTINCT FROM was THEN
		RETURN NEW;
	END IF;
	NEW.version := OLD.version + 1;
	NEW.updated_at := clock_timestamp();
	IF NEW.status <> OLD.status THEN
		NEW.status_changed_at := NEW.updated_at;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.automation_version_count() IS
'trigger of automation_versions: counts changes in version, stamps updated_at and status_changed_at; nothing of it for a blueprint in which only keys of the user interface change';

CREATE FUNCTION copilot.automation_version_announce(step jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant text := 'tenant:' || (step ->> 'tenant_id');
	channels text[] := ARRAY[tenant || ':automation_version:' || (step ->> 'id')];
	payload jsonb := jsonb_build_object('automation_id', step #> '{row,automation_id}',
		'version', step #> '{row,version}');
BEGIN
	payload := payload || (SELECT jsonb_object_agg(m.key, m.value) FROM jsonb_each(step) m
		WHERE m.key IN ('id', 'from', 'to', 'by', 'change_id') OR m.key = 'reason' AND m.value <> 'null');
	channels := channels || ARRAY(
		SELECT tenant || ':project:' || p.id FROM copilot.projects p
		WHERE p.tenant_id = (step ->> 'tenant_id')::uuid
			AND p.automation_version_id = (step ->> 'id')::uuid ORDER BY p.id);
	-- an event goes to at most 32 channels
	FOR i IN 1 .. cardinality(channels) BY 32 LOOP
		PERFORM wrk.emit('automation_version.status_changed', payload, channels[i : i + 31],
						 tenant_id => step ->> 'tenant_id');
	END LOOP;
	-- on the tenant's channel only to those who see every project of the tenant
	PERFORM wrk.emit('automation_version.status_changed', payload, ARRAY[tenant],
		audience => ARRAY(SELECT 'role:' || r FROM unnest(copilot.ops_roles() || '{client,system}'::text[]) r),
		tenant_id => step ->> 'tenant_id');
END
$$;
COMMENT ON FUNCTION copilot.automation_version_announce(jsonb) IS
'after every step of an automation version: event automation_version.status_changed {id, automation_id, from, to, reason, by, change_id, version} on the channels of the version, of its projects and of the tenant. Nobody may call it: an event is the consequence of a step';

CREATE FUNCTION copilot.make_automation_rights()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- the first arm is an InitPlan; only who lacks that right pays for the second,
	-- which runs once a query and under the policies of copilot.projects
	PERFORM copilot.put_policy('automations', 'visible',
		'builders and testers see automations of their projects',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''automation''))'
		' OR id IN (SELECT p.automation_id FROM copilot.projects p))');
	PERFORM copilot.put_policy('automations', 'creatable', 'who may create automations',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT wrk.can(''create'', ''automation'')))');
	PERFORM copilot.put_policy('automations', 'changeable', 'who may change automations',
		'AS RESTRICTIVE FOR UPDATE USING ((SELECT wrk.can(''update'', ''automation'')))');

	PERFORM copilot.put_policy('automation_versions', 'visible',
		'builders and testers see versions of their projects'' automations',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''automation_version''))'
		' OR automation_id IN (SELECT p.automation_id FROM copilot.projects p))');
	PERFORM copilot.put_policy('automation_versions', 'creatable', 'who may create versions',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT wrk.can(''create'', ''automation_version'')))');
	PERFORM copilot.put_policy('automation_versions', 'changeable', 'who may change versions',
		'AS RESTRICTIVE FOR UPDATE USING ((SELECT wrk.can(''update'', ''automation_version''))'
		' OR wrk.can(''update'', ''automation_version'', id::text))');
END
$$;
COMMENT ON FUNCTION copilot.make_automation_rights() IS
'part of copilot.install(): policies of automations and versions that need the table projects';

CREATE FUNCTION copilot.project_of_automation(automation_id text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- under the caller's policies: for a builder this is a project they are a member of
	RETURN (SELECT p.id FROM copilot.projects p
			WHERE p.automation_id = copilot.as_uuid(project_of_automation.automation_id)
			ORDER BY p.created_at DESC, p.id LIMIT 1);
END
$$;
COMMENT ON FUNCTION copilot.project_of_automation(text) IS
'parent of an automation for wrk.can(): the newest project about it that the caller sees';

CREATE FUNCTION copilot.automation_of_version(version_id text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT v.automation_id FROM copilot.automation_versions v
			WHERE v.id = copilot.as_uuid(version_id));
END
$$;
COMMENT ON FUNCTION copilot.automation_of_version(text) IS
'parent of an automation version for wrk.can(): its automation, if the caller sees it';

CREATE FUNCTION copilot.may_join_automation_version(id text)
RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT '{read,publish}'::text[] FROM copilot.automation_versions v
			WHERE v.id = copilot.as_uuid(may_join_automation_version.id));
END
$$;
COMMENT ON FUNCTION copilot.may_join_automation_version(text) IS
'rights of the caller on the channel of an automation version; NULL for every id the caller does not see';

CREATE FUNCTION copilot.want_automation_version(params jsonb)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid := copilot.want_uuid(params, 'id', true);
BEGIN
	PERFORM copilot.check_thread(NULL, wanted);
	RETURN wanted;
END
$$;
COMMENT ON FUNCTION copilot.want_automation_version(jsonb) IS
'member "id" of a call''s parameters as an automation version that the caller sees. Errors: WK400 bad_request, WK404 not_found';

CREATE FUNCTION copilot.automation_version_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_uuid(params, 'id', true);
	SELECT copilot.answer(to_jsonb(v)) || jsonb_build_object('automation_name', a.name) INTO result
	FROM copilot.automation_versions v
	JOIN copilot.automations a ON a.tenant_id = v.tenant_id AND a.id = v.automation_id
	WHERE v.id = wanted;
	IF result IS NULL THEN
		RAISE EXCEPTION 'automation version not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.automation_version_get(jsonb) IS
'call automation_version.get {id}: the version with its blueprint and the name of its automation. Errors: WK400, WK404';

REVOKE ALL ON FUNCTION copilot.make_automations(), copilot.make_automation_versions(),
	copilot.make_automation_rights(), copilot.automation_version_begin(), copilot.automation_version_count(),
	copilot.automation_version_announce(jsonb), copilot.project_of_automation(text),
	copilot.automation_of_version(text), copilot.may_join_automation_version(text),
	copilot.want_automation_version(jsonb),
	copilot.automation_version_get(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.project_of_automation(text), copilot.automation_of_version(text),
	copilot.may_join_automation_version(text), copilot.automation_version_get(jsonb),
	copilot.want_automation_version(jsonb) TO wrk_member;
