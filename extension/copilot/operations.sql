-- What the administrators of a tenant do out of the ordinary: look over all of it, stop
-- everything, hand over somebody's work, have lost jobs done after all.
--
-- Must stay true: each of these asks for the right to administer the tenant first, acts
-- in the tenant of the identity only, needs a reason if it changes anything, and leaves
-- that reason in the audit log as a fact, in the transaction of the change.

CREATE FUNCTION copilot.make_operations()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	admins text[] := '{ops_admin,cs_admin,admin}';
BEGIN
	PERFORM copilot.make_clients();
	PERFORM copilot.make_client_health();
	PERFORM copilot.make_client_rows();
	PERFORM copilot.make_project_work();
	PERFORM copilot.make_pipeline();
	PERFORM copilot.put_permissions('tenant', 'tenant', '{administer}', admins);
	PERFORM copilot.put_call('admin.overview', 'copilot.call_admin_overview(jsonb)', admins);
	PERFORM copilot.put_call('admin.pause_all', 'copilot.call_admin_pause_all(jsonb)', admins);
	PERFORM copilot.put_call('admin.reassign', 'copilot.call_admin_reassign(jsonb)', admins);
	PERFORM copilot.put_call('admin.failed_jobs', 'copilot.call_admin_failed_jobs(jsonb)', admins);
	PERFORM copilot.put_call('admin.retry_job', 'copilot.call_admin_retry_job(jsonb)', admins);
END
$$;
COMMENT ON FUNCTION copilot.make_operations() IS
'part of copilot.install(): clients, their health, work with projects, the pipeline and the calls of administrators';

-- ---------- what they have in common ----------

CREATE FUNCTION copilot.admin_tenant()
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF wrk.can('administer', 'tenant') IS NOT TRUE THEN
		RAISE EXCEPTION 'this is for administrators of the tenant' USING ERRCODE = 'WK403';
	END IF;
	RETURN copilot.as_uuid(wrk.tenant_id());
END
$$;
COMMENT ON FUNCTION copilot.admin_tenant() IS
'tenant that the caller administers. Error: WK403 forbidden for who administers none';

CREATE FUNCTION copilot.want_reason(params jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN copilot.want_text(params, 'reason', 2000, true);
COMMENT ON FUNCTION copilot.want_reason(jsonb) IS
'member "reason" of a call''s parameters, which has to be there. Error: WK400 bad_request';

CREATE FUNCTION copilot.check_reason(reason text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF coalesce(btrim(reason, E' \t\r\n'), '') = '' OR length(reason) > 2000 THEN
		RAISE EXCEPTION 'this takes a reason of up to 2000 characters' USING ERRCODE = 'WK400';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_reason(text) IS
'refuses what is to be done for no reason. Error: WK400 bad_request';

-- ---------- looking ----------

CREATE FUNCTION copilot.call_admin_overview(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.admin_tenant();
BEGIN
	PERFORM copilot.check_params(params, VARIADIC '{}'::text[]);
	RETURN jsonb_build_object(
		'people', (SELECT count(*) FROM copilot.tenant_users u WHERE u.tenant_id = tenant AND u.status = 'active'),
		'versions', (SELECT coalesce(jsonb_object_agg(s.status, s.n), '{}') FROM (
			SELECT v.status, count(*) AS n FROM copilot.automation_versions v WHERE v.tenant_id = tenant GROUP BY 1) s),
		'projects', (SELECT coalesce(jsonb_object_agg(s.status, s.n), '{}') FROM (
			SELECT p.status, count(*) AS n FROM copilot.projects p WHERE p.tenant_id = tenant GROUP BY 1) s),
		'tasks', (SELECT jsonb_build_object('open', count(*), 'overdue', count(*) FILTER (WHERE t.due_at < now()),
				'unassigned', count(*) FILTER (WHERE t.assignee_id IS NULL))
			FROM copilot.tasks t WHERE t.tenant_id = tenant AND t.status IN ('open', 'in_progress')),
		'bindings_in_error', (SELECT count(*) FROM copilot.workflow_bindings b
			WHERE b.tenant_id = tenant AND b.status = 'error'),
		'failed_jobs', (SELECT count(*) FROM wrk.job j WHERE j.tenant_id = tenant::text AND j.state = 'dead'),
		'health', (SELECT jsonb_build_object('status', h.status, 'score', h.score)
			FROM copilot.client_health h WHERE h.tenant_id = tenant));
END
$$;
COMMENT ON FUNCTION copilot.call_admin_overview(jsonb) IS
'call admin.overview {}: {people, versions: {status: n}, projects: {status: n}, tasks: {open, overdue, unassigned}, bindings_in_error, failed_jobs, health: {status, score}} of the tenant. Errors: WK400, WK403';

CREATE FUNCTION copilot.call_admin_failed_jobs(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant text := copilot.admin_tenant()::text;
	page record;
BEGIN
	PERFORM copilot.check_params(params, 'after', 'limit');
	page := copilot.want_log_page(params);
	-- not what is in them: that may be for one person only
	RETURN (
		WITH found AS (
			SELECT j.id, j.queue, j.attempts, j.last_error, j.created_at, j.finished_at FROM wrk.job j
			WHERE j.tenant_id = tenant AND j.state = 'dead' AND j.id < coalesce(page.before_id, 9223372036854775807)
			ORDER BY j.id DESC LIMIT page.page_size + 1)
		SELECT copilot.page_answer('jobs', jsonb_agg(to_jsonb(f) ORDER BY f.id DESC),
			array_agg(f.id::text ORDER BY f.id DESC), page.page_size)
		FROM found f);
END
$$;
COMMENT ON FUNCTION copilot.call_admin_failed_jobs(jsonb) IS
'call admin.failed_jobs {after, limit}: {jobs: [{id, queue, attempts, last_error, created_at, finished_at}], next} of the tenant that are dead, newest first. Errors: WK400, WK403';

-- ---------- acting ----------

CREATE FUNCTION copilot.admin_retry_job(job bigint, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant text := copilot.admin_tenant()::text;
	queue text;
BEGIN
	PERFORM copilot.check_reason(reason);
	SELECT j.queue INTO queue FROM wrk.job j WHERE j.id = job AND j.tenant_id = tenant;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no job %', job USING ERRCODE = 'WK404';
	END IF;
	PERFORM wrk.job_retry(job);
	PERFORM wrk.audit('admin.job_retried', 'job', job::text, jsonb_build_object('reason', reason, 'queue', queue));
END
$$;
COMMENT ON FUNCTION copilot.admin_retry_job(bigint, text) IS
'has a job of the tenant that is dead or delayed done once more; fact admin.job_retried. Errors: WK400, WK403, WK404, WK409 for a job that is not dead or delayed';

CREATE FUNCTION copilot.call_admin_retry_job(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	job text := params ->> 'id';
BEGIN
	PERFORM copilot.check_params(params, 'id', 'reason');
	IF coalesce(jsonb_typeof(params -> 'id') <> 'number' OR job !~ '^[1-9][0-9]{0,17}$', true) THEN
		PERFORM copilot.bad_param('id', 'must be the number of a job');
	END IF;
	PERFORM copilot.admin_retry_job(job::bigint, copilot.want_reason(params));
	RETURN jsonb_build_object('id', job::bigint);
END
$$;
COMMENT ON FUNCTION copilot.call_admin_retry_job(jsonb) IS
'call admin.retry_job {id, reason}: {id}; the job, of admin.failed_jobs, is tried anew. Errors: WK400, WK403, WK404, WK409';

CREATE FUNCTION copilot.admin_pause_all(reason text)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.admin_tenant();
	paused integer;
BEGIN
	PERFORM copilot.check_reason(reason);
	SELECT count(*) INTO paused FROM (
		SELECT wrk.transition('copilot.automation_versions', v.id::text, 'paused', reason)
		FROM copilot.automation_versions v WHERE v.tenant_id = tenant AND v.status = 'live' ORDER BY v.id) s;
	PERFORM wrk.audit('admin.paused_all', 'tenant', tenant::text,
		jsonb_build_object('reason', reason, 'versions', paused));
	RETURN paused;
END
$$;
COMMENT ON FUNCTION copilot.admin_pause_all(text) IS
'pauses every live version of the tenant, all or none, and returns how many; each is resumed by itself. Fact admin.paused_all. Errors: WK400, WK403, as wrk.transition()';

CREATE FUNCTION copilot.call_admin_pause_all(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'reason');
	RETURN jsonb_build_object('paused', copilot.admin_pause_all(copilot.want_reason(params)));
END
$$;
COMMENT ON FUNCTION copilot.call_admin_pause_all(jsonb) IS
'call admin.pause_all {reason}: {paused}, how many live versions of the tenant were paused. Errors: WK400, WK403';

CREATE FUNCTION copilot.admin_reassign(person uuid, successor uuid, reason text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.admin_tenant();
	result jsonb := '{}';
	n bigint;
BEGIN
	PERFORM copilot.check_reason(reason);
	IF NOT EXISTS (SELECT FROM copilot.tenant_users u WHERE u.tenant_id = tenant AND u.user_id = person) THEN
		RAISE EXCEPTION 'no such person in this tenant' USING ERRCODE = 'WK404';
	ELSIF person = successor OR NOT EXISTS (SELECT FROM copilot.tenant_users u
		WHERE u.tenant_id = tenant AND u.user_id = successor AND u.status = 'active') THEN
		PERFORM copilot.bad_param('to', 'is not another active user of this tenant');
	ELSIF EXISTS (SELECT FROM copilot.tasks t WHERE t.tenant_id = tenant AND t.assignee_id = person
			AND t.status IN ('open', 'in_progress')
			AND (NOT copilot.person_sees(tenant, successor, t.project_id, t.automation_version_id)
					AND (t.project_id, t.automation_version_id) IS DISTINCT FROM (NULL, NULL)
				OR t.kind = 'client_retention' AND NOT copilot.person_can(tenant, successor, 'read', 'client_retention_task')))
		OR EXISTS (SELECT FROM copilot.projects p WHERE p.tenant_id = tenant AND p.owner_id = person
			AND p.status NOT IN ('completed', 'cancelled') AND NOT copilot.person_sees(tenant, successor, p.id, NULL)) THEN
		RAISE EXCEPTION 'the successor does not see all of this work' USING ERRCODE = 'WK422',
			HINT = 'Add them to the projects, or give them the role, first.';
	END IF;
	UPDATE copilot.tasks t SET assignee_id = successor
	WHERE t.tenant_id = tenant AND t.assignee_id = person AND t.status IN ('open', 'in_progress');
	GET DIAGNOSTICS n = ROW_COUNT;
	result := result || jsonb_build_object('tasks', n);
	UPDATE copilot.projects p SET owner_id = successor
	WHERE p.tenant_id = tenant AND p.owner_id = person AND p.status NOT IN ('completed', 'cancelled');
	GET DIAGNOSTICS n = ROW_COUNT;
	result := result || jsonb_build_object('projects', n);
	UPDATE copilot.clients c SET owner_id = successor WHERE c.tenant_id = tenant AND c.owner_id = person;
	GET DIAGNOSTICS n = ROW_COUNT;
	result := result || jsonb_build_object('clients', n);
	PERFORM wrk.audit('admin.reassigned', 'user', person::text,
		result || jsonb_build_object('reason', reason, 'to', successor));
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.admin_reassign(uuid, uuid, text) IS
'hands over what a person of the tenant has to do: open tasks, projects that are not over, the client; returns how many of each. Fact admin.reassigned. Errors: WK400, WK403, WK404, WK422 for a successor who does not see all of it';

CREATE FUNCTION copilot.call_admin_reassign(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'from', 'to', 'reason');
	RETURN copilot.admin_reassign(copilot.want_uuid(params, 'from', true), copilot.want_uuid(params, 'to', true),
		copilot.want_reason(params));
END
$$;
COMMENT ON FUNCTION copilot.call_admin_reassign(jsonb) IS
'call admin.reassign {from, to, reason}: {tasks, projects, clients}, how many of each went from one person to the other. Errors: WK400, WK403, WK404, WK422';

CREATE FUNCTION copilot.tenant_set_status(tenant uuid, status text, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_reason(reason);
	UPDATE copilot.tenants t SET status = tenant_set_status.status WHERE t.id = tenant;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'tenant not found' USING ERRCODE = 'WK404';
	END IF;
	PERFORM wrk.audit('admin.tenant_' || status, 'tenant', tenant::text, jsonb_build_object('reason', reason),
		tenant_id => tenant::text);
END
$$;
COMMENT ON FUNCTION copilot.tenant_set_status(uuid, text, text) IS
'makes a tenant active, suspended or closed; nobody stays logged in to one that is not active, so this is not for its own people but for members of wrk_service. Fact admin.tenant_STATUS. Errors: WK400, WK404, 23514';

REVOKE ALL ON FUNCTION copilot.make_operations(), copilot.admin_tenant(), copilot.want_reason(jsonb), copilot.check_reason(text),
	copilot.call_admin_overview(jsonb), copilot.call_admin_failed_jobs(jsonb),
	copilot.admin_retry_job(bigint, text), copilot.call_admin_retry_job(jsonb), copilot.admin_pause_all(text),
	copilot.call_admin_pause_all(jsonb), copilot.admin_reassign(uuid, uuid, text),
	copilot.call_admin_reassign(jsonb), copilot.tenant_set_status(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.admin_tenant(), copilot.want_reason(jsonb), copilot.call_admin_overview(jsonb),
	copilot.call_admin_failed_jobs(jsonb), copilot.admin_retry_job(bigint, text),
	copilot.call_admin_retry_job(jsonb), copilot.admin_pause_all(text), copilot.call_admin_pause_all(jsonb),
	copilot.admin_reassign(uuid, uuid, text), copilot.call_admin_reassign(jsonb) TO wrk_member;
GRANT EXECUTE ON FUNCTION copilot.tenant_set_status(uuid, text, text) TO wrk_service;
