-- Threads: who of a tenant's people may read what is said where.
--
-- Policies ask this for whoever is asking, by wrk.can(); a notification goes to
-- somebody else, so here it is asked for them: by the roles and projects they have
-- now.  Both must say the same.

CREATE FUNCTION copilot.person_can(tenant uuid, person uuid, action text, resource_type text,
								   project uuid DEFAULT NULL)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM wrk.permission g
		WHERE g.action = person_can.action AND g.resource_type = person_can.resource_type
			AND EXISTS (SELECT FROM copilot.tenant_users u
				WHERE u.tenant_id = tenant AND u.user_id = person AND u.status = 'active')
			AND (g.scope = 'tenant' AND EXISTS (SELECT FROM copilot.user_roles r
					WHERE r.tenant_id = tenant AND r.user_id = person AND r.role = g.role)
				OR EXISTS (SELECT FROM copilot.project_members m
					WHERE m.tenant_id = tenant AND m.project_id = project AND m.user_id = person
						AND m.role = g.role)))
$$;
COMMENT ON FUNCTION copilot.person_can(uuid, uuid, text, text, uuid) IS
'what wrk.can() would say to a person of a tenant, by the roles they have there now and, with a project, those they have in it';

CREATE FUNCTION copilot.person_sees(tenant uuid, person uuid, project uuid, version uuid)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.person_can(tenant, person, 'read', 'project', project)
		OR person_sees.version IS NOT NULL AND (copilot.person_can(tenant, person, 'read', 'automation_version')
			OR EXISTS (SELECT FROM copilot.automation_versions v
				JOIN copilot.projects p ON p.tenant_id = v.tenant_id AND p.automation_id = v.automation_id
				WHERE v.tenant_id = tenant AND v.id = person_sees.version
					AND copilot.person_can(tenant, person, 'read', 'project', p.id)))
$$;
COMMENT ON FUNCTION copilot.person_sees(uuid, uuid, uuid, uuid) IS
'whether a person of a tenant sees what belongs to the project, or to the automation version; the same rule as copilot.thread_visible()';

REVOKE ALL ON FUNCTION copilot.person_can(uuid, uuid, text, text, uuid),
	copilot.person_sees(uuid, uuid, uuid, uuid) FROM PUBLIC;
