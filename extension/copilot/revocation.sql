-- Rights that are taken away take effect on open connections, too.
--
-- What somebody may hear follows from rows: roles, memberships, the projects, rooms and
-- files themselves. Here is for each table of the application that an authorizer of
-- wrk.channel_rule or a policy below it reads, who is asked about again when a row of it
-- changes or goes. Memberships of projects are told by wrk.membership, sessions and API
-- keys by the engine.
--
-- Whoever is suspended, or does not work in the tenant any more, is refused whoever
-- issued the credential.

CREATE FUNCTION copilot.make_revocations()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM wrk.enable_access('copilot.user_roles', 'user_id', columns => '{role}');
	PERFORM wrk.enable_access('copilot.room_members', 'user_id', columns => '{room_id}');
	PERFORM wrk.enable_access('copilot.projects', channel => 'project:{id}');
	PERFORM wrk.enable_access('copilot.automation_versions', channel => 'automation_version:{id}',
		columns => '{automation_id}');
	PERFORM wrk.enable_access('copilot.files', channel => 'file:{id}', columns => '{workspace_id}');
	PERFORM wrk.enable_access('copilot.clients', channel => 'client:{id}');
	CREATE OR REPLACE TRIGGER move_access AFTER DELETE OR UPDATE OF automation_id ON copilot.projects
		FOR EACH ROW WHEN (OLD.automation_id IS NOT NULL) EXECUTE FUNCTION copilot.project_moved();
	CREATE OR REPLACE TRIGGER suspend AFTER INSERT OR DELETE OR UPDATE OF status ON copilot.tenants
		FOR EACH ROW EXECUTE FUNCTION copilot.tenant_suspend();
	CREATE OR REPLACE TRIGGER suspend AFTER INSERT OR DELETE OR UPDATE OF status ON copilot.tenant_users
		FOR EACH ROW EXECUTE FUNCTION copilot.tenant_user_suspend();
	-- of an installation from before
	PERFORM wrk.suspend(t.id::text) FROM copilot.tenants t WHERE t.status <> 'active';
	PERFORM wrk.suspend(tu.tenant_id::text, tu.user_id::text) FROM copilot.tenant_users tu WHERE tu.status <> 'active';
END
$$;
COMMENT ON FUNCTION copilot.make_revocations() IS
'part of copilot.install(): which rows give rights on open connections, and who is suspended';

CREATE FUNCTION copilot.project_moved()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	below text := format('tenant:%s:', OLD.tenant_id);
	versions uuid[];
BEGIN
	IF TG_OP = 'UPDATE' AND NEW.automation_id IS NOT DISTINCT FROM OLD.automation_id THEN
		RETURN NULL;
	END IF;
	versions := ARRAY(SELECT v.id FROM copilot.automation_versions v
					  WHERE v.tenant_id = OLD.tenant_id AND v.automation_id = OLD.automation_id LIMIT 50);
	-- all of them, or everybody
	PERFORM wrk.access_changed(OLD.tenant_id::text, channels => CASE WHEN cardinality(versions) < 50 THEN
		ARRAY[below || 'entity:automation:' || OLD.automation_id]
		|| ARRAY(SELECT below || c || v FROM unnest(versions) v,
				 unnest('{automation_version:,entity:automation_version:}'::text[]) c) END);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.project_moved() IS
'trigger of projects: whoever saw an automation and its versions because of the project is asked about again when the project leaves them';

CREATE FUNCTION copilot.tenant_suspend()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		PERFORM wrk.suspend(OLD.id::text);
	ELSIF NEW.status = 'active' THEN
		PERFORM wrk.unsuspend(NEW.id::text);
	ELSE
		PERFORM wrk.suspend(NEW.id::text);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.tenant_suspend() IS
'trigger of tenants: in one that is suspended, closed or gone nobody is let in, see wrk.suspend()';

CREATE FUNCTION copilot.tenant_user_suspend()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		-- with the tenant they all go, and one row says it
		IF EXISTS (SELECT FROM copilot.tenants t WHERE t.id = OLD.tenant_id) THEN
			PERFORM wrk.suspend(OLD.tenant_id::text, OLD.user_id::text);
		END IF;
	ELSIF NEW.status = 'active' THEN
		PERFORM wrk.unsuspend(NEW.tenant_id::text, NEW.user_id::text);
	ELSE
		PERFORM wrk.suspend(NEW.tenant_id::text, NEW.user_id::text);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.tenant_user_suspend() IS
'trigger of tenant_users: who does not work in the tenant any more is not let in, see wrk.suspend()';

REVOKE ALL ON FUNCTION copilot.make_revocations(), copilot.project_moved(), copilot.tenant_suspend(),
	copilot.tenant_user_suspend() FROM PUBLIC;
