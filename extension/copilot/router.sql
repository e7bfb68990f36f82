-- The router: what follows from a step of an automation version.
--
-- It runs after every step, whoever makes it and by whatever statement, in the
-- transaction of the step: the step and what follows from it happen together or not
-- at all.  What follows is the business of other domains; here is only what is
-- called when, and who is told.
--
-- Must stay true: coming back from a stop-over (paused, blocked) is no new beginning.
-- Nothing is priced, sent or built a second time because somebody unblocked it.

CREATE FUNCTION copilot.automation_version_entered(step jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := step ->> 'tenant_id';
	version uuid := step ->> 'id';
	entered text := step ->> 'to';
	back boolean := (step ->> 'returned')::boolean;
BEGIN
	IF entered = 'needs_pricing' AND NOT back THEN
		PERFORM copilot.quote_make(tenant, version);
	ELSIF entered = 'build_in_progress' AND NOT back THEN
		-- after a failed test as well: it is built again, by the checklist it has
		PERFORM copilot.build_begin(tenant, version);
	ELSIF entered IN ('live', 'paused', 'blocked', 'archived') THEN
		-- what runs follows the status, on the way back as well
		PERFORM copilot.binding_launch(tenant, version);
	END IF;
	PERFORM copilot.route_news(step, back);
END
$$;
COMMENT ON FUNCTION copilot.automation_version_entered(jsonb) IS
'after every step of an automation version, before copilot.automation_version_announce(): has a quote made for what needs pricing, what is to be built built, bindings follow what is launched or stopped, and tells those whose turn it is. Nobody may call it: it is the consequence of a step';

-- ---------- who is told ----------

CREATE FUNCTION copilot.route_messages()
RETURNS TABLE (entered text, came_from text, returned boolean, roles text[], kind text, title text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	VALUES
		('needs_pricing', 'intake_in_progress', false, '{ops}'::text[], 'quote', '%s is ready to be priced'),
		('needs_pricing', 'awaiting_client_approval', false, '{ops}', 'quote', '%s was rejected by the client'),
		('awaiting_client_approval', NULL, false, '{client}', 'quote', '%s awaits your approval'),
		('build_in_progress', 'awaiting_client_approval', false, '{builder,ops}', 'change', '%s is approved and can be built'),
		('build_in_progress', 'qa_testing', false, '{builder}', 'change', '%s did not pass its tests'),
		('qa_testing', NULL, false, '{qa}', 'build_complete', '%s is built and can be tested'),
		('ready_to_launch', NULL, false, '{client,ops}', 'build_complete', '%s is ready to launch'),
		('live', NULL, false, '{client,ops}', 'change', '%s is live'),
		('live', 'paused', true, '{client,ops}', 'change', '%s runs again'),
		('paused', NULL, false, '{client,ops}', 'change', '%s is paused'),
		('blocked', NULL, false, '{client,builder,qa,ops}', 'blocked', '%s is blocked'),
		(NULL, 'blocked', true, '{client,builder,qa,ops}', 'change', '%s is no longer blocked'),
		('archived', NULL, false, '{client,ops}', 'change', '%s was archived')
$$;
COMMENT ON FUNCTION copilot.route_messages() IS
'part of copilot.automation_version_entered(): which step is news to which roles; NULL is any state, %s in a title the automation';

CREATE FUNCTION copilot.route_people(tenant uuid, automation uuid, roles text[])
RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT r.user_id FROM copilot.user_roles r
	JOIN copilot.tenant_users u ON u.tenant_id = r.tenant_id AND u.user_id = r.user_id AND u.status = 'active'
	WHERE r.tenant_id = tenant AND r.role = ANY (roles) AND (r.role NOT IN ('builder', 'qa') OR EXISTS (
		SELECT FROM copilot.projects p
		JOIN copilot.project_members m ON m.tenant_id = p.tenant_id AND m.project_id = p.id
		WHERE p.tenant_id = tenant AND p.automation_id = automation
			AND m.user_id = r.user_id AND m.role = r.role))
	GROUP BY r.user_id ORDER BY r.user_id
$$;
COMMENT ON FUNCTION copilot.route_people(uuid, uuid, text[]) IS
'people of a tenant with one of the roles who see the automation: builders and testers if they are members of a project about it';

CREATE FUNCTION copilot.route_news(step jsonb, back boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := step ->> 'tenant_id';
	automation uuid := step #>> '{row,automation_id}';
	news record;
	title text;
BEGIN
	SELECT m.* INTO news FROM copilot.route_messages() m
	WHERE coalesce(m.entered, step ->> 'to') = step ->> 'to' AND coalesce(m.came_from, step ->> 'from') = step ->> 'from'
		AND m.returned = back;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	SELECT format(news.title, left(a.name, 150)) INTO title FROM copilot.automations a
	WHERE a.tenant_id = tenant AND a.id = automation;
	PERFORM copilot.notify(tenant, p, news.kind, title,
		jsonb_build_object('automation_id', automation, 'change_id', step -> 'change_id',
			'from', step -> 'from', 'to', step -> 'to', 'reason', step -> 'reason'),
		'automation_version', step ->> 'id')
	FROM copilot.route_people(tenant, automation, news.roles) p
	-- whoever made the step knows
	WHERE p IS DISTINCT FROM copilot.as_uuid(step ->> 'by');
END
$$;
COMMENT ON FUNCTION copilot.route_news(jsonb, boolean) IS
'part of copilot.automation_version_entered(): notifies those to whom a step is news, but not whoever made it; payload {automation_id, change_id, from, to, reason}';

REVOKE ALL ON FUNCTION copilot.automation_version_entered(jsonb),
	copilot.route_messages(), copilot.route_people(uuid, uuid, text[]),
	copilot.route_news(jsonb, boolean) FROM PUBLIC;
