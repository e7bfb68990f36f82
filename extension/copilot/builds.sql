-- Builds: a version in Build in Progress is built by a worker of the queue
-- "build-requests", who reports how far it is.
--
-- A build is a row; that it is there is the request.  Whoever inserts it, a person
-- by build.request or the system when a version enters the build, a trigger asks
-- whether the version is where it can be built, and queues the job.  A version has
-- one open build at a time.
--
-- What a worker says of a build it says as the holder of the job: with the job's
-- token, in the tenant it has taken with wrk.impersonate().  A worker that has lost
-- its lease is refused before it has written anything.

CREATE FUNCTION copilot.make_builds()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.builds (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		automation_version_id uuid NOT NULL,
		status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
		percent integer NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
		step text CHECK (length(step) <= 200),
		error text CHECK (length(error) <= 2000),
		result jsonb,
		job_id bigint NOT NULL,
		blueprint_version bigint NOT NULL,
		requested_by uuid DEFAULT copilot.as_uuid(wrk.user_id()),
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		started_at timestamptz,
		finished_at timestamptz,
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, automation_version_id)
			REFERENCES copilot.automation_versions ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, requested_by) REFERENCES copilot.tenant_users
	);
	CREATE UNIQUE INDEX IF NOT EXISTS builds_open_key
		ON copilot.builds (tenant_id, automation_version_id) WHERE status IN ('queued', 'running');
	CREATE INDEX IF NOT EXISTS builds_version_idx
		ON copilot.builds (tenant_id, automation_version_id, created_at, id);
	CREATE INDEX IF NOT EXISTS builds_job_idx ON copilot.builds (job_id);
	COMMENT ON TABLE copilot.builds IS 'builds of automation versions, requested, under way and ended';
	COMMENT ON COLUMN copilot.builds.job_id IS 'job of queue build-requests; kept by a trigger';
	COMMENT ON COLUMN copilot.builds.blueprint_version IS 'of the version when the build was requested; kept by a trigger';
	COMMENT ON COLUMN copilot.builds.requested_by IS 'from the identity; null for the system';
	CREATE OR REPLACE TRIGGER queue BEFORE INSERT ON copilot.builds
		FOR EACH ROW EXECUTE FUNCTION copilot.build_queue();
	CREATE OR REPLACE TRIGGER "check" AFTER INSERT ON copilot.builds
		FOR EACH ROW EXECUTE FUNCTION copilot.build_check();
	PERFORM copilot.put_touch('builds');
	PERFORM wrk.enable_tenancy('copilot.builds');
	PERFORM copilot.put_permissions('automation_version', 'tenant', '{build}', '{ops,ops_admin,admin,system}');
	PERFORM copilot.put_permissions('automation_version', 'member', '{build}', '{builder}');
	PERFORM copilot.put_policy('builds', 'visible', 'builds of the versions one sees',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''automation_version''))'
		' OR automation_version_id IN (SELECT v.id FROM copilot.automation_versions v))');
	PERFORM copilot.put_policy('builds', 'requestable', 'who may have a version built',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ('
		'wrk.can(''build'', ''automation_version'', automation_version_id::text))');
	GRANT SELECT, INSERT (automation_version_id) ON copilot.builds TO wrk_member;
	PERFORM wrk.enable_events('copilot.builds', 'build', channels => ARRAY['automation_version:{automation_version_id}'],
		exclude => '{result,updated_at}');
	PERFORM wrk.enable_audit('copilot.builds', 'build', exclude => '{percent,step,result,updated_at}',
		action_column => 'status', announce => true);
	PERFORM copilot.put_call('build.request', 'copilot.call_build_request(jsonb)');
	PERFORM copilot.put_call('build.list', 'copilot.build_list(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_builds() IS 'part of copilot.install(): table builds, its rights, events and calls';

CREATE FUNCTION copilot.build_queue()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	version record;
BEGIN
	SELECT v.blueprint_version, v.automation_id INTO version FROM copilot.automation_versions v
	WHERE v.tenant_id = NEW.tenant_id AND v.id = NEW.automation_version_id AND v.status = 'build_in_progress'
	FOR KEY SHARE;
	IF NOT FOUND THEN
		-- policies come first: whoever may not ask learns nothing of the version
		NEW.blueprint_version := 0;
		NEW.job_id := 0;
		RETURN NEW;
	END IF;
	NEW.blueprint_version := version.blueprint_version;
	NEW.job_id := wrk.job_enqueue('build-requests', jsonb_build_object('build_id', NEW.id,
			'automation_id', version.automation_id, 'automation_version_id', NEW.automation_version_id,
			'blueprint_version', version.blueprint_version),
		key => 'build:' || NEW.automation_version_id, tenant_id => NEW.tenant_id::text);
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.build_queue() IS
'trigger of builds: queues the job of a new build, whose payload is {build_id, automation_id, automation_version_id, blueprint_version}; no job for a version that cannot be built';

CREATE FUNCTION copilot.build_check()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.job_id = 0 THEN
		RAISE EXCEPTION 'only a version in Build in Progress is built' USING ERRCODE = 'WK422';
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.build_check() IS
'trigger of builds, behind the policies: refuses a build without a job. Error: WK422 invalid_transition';

CREATE FUNCTION copilot.build_give_up(tenant uuid, version uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE copilot.builds b SET status = 'failed', finished_at = clock_timestamp(),
		error = coalesce((SELECT j.last_error FROM wrk.job j WHERE j.id = b.job_id), 'its job is gone')
	WHERE b.tenant_id = tenant AND b.automation_version_id = version AND b.status IN ('queued', 'running')
		AND NOT EXISTS (SELECT FROM wrk.job j WHERE j.id = b.job_id AND j.state IN ('ready', 'delayed', 'running'));
END
$$;
COMMENT ON FUNCTION copilot.build_give_up(uuid, uuid) IS
'a build whose job will not be done any more has failed: its workers died and could not say so';

CREATE FUNCTION copilot.build_request(tenant uuid, version uuid)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.build_give_up(tenant, version);
	INSERT INTO copilot.builds (tenant_id, automation_version_id) VALUES (tenant, version)
	ON CONFLICT (tenant_id, automation_version_id) WHERE status IN ('queued', 'running') DO NOTHING;
	RETURN (SELECT b.job_id FROM copilot.builds b WHERE b.tenant_id = tenant
		AND b.automation_version_id = version AND b.status IN ('queued', 'running'));
END
$$;
COMMENT ON FUNCTION copilot.build_request(uuid, uuid) IS
'has a version built that is in Build in Progress, unless it is being built already; returns the job of queue build-requests. For the system: nobody may call it. Errors: WK422, 23503 for no such version';

CREATE FUNCTION copilot.call_build_request(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_automation_version(params);
	IF NOT coalesce(wrk.can('build', 'automation_version', wanted::text), false) THEN
		RAISE EXCEPTION 'builds are not for this role to request' USING ERRCODE = 'WK403';
	END IF;
	PERFORM copilot.build_let_go(wanted);
	INSERT INTO copilot.builds AS b (automation_version_id) VALUES (wanted)
	RETURNING copilot.answer(to_jsonb(b)) INTO result;
	RETURN result;
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'this version is being built' USING ERRCODE = 'WK409',
		HINT = 'build.list says how far it is.';
END
$$;
COMMENT ON FUNCTION copilot.call_build_request(jsonb) IS
'call build.request {id}: the build that was queued for this automation version. Errors: WK400, WK403, WK404, WK409 for a version that is being built, WK422 for one that is not in Build in Progress';

CREATE FUNCTION copilot.build_let_go(version uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.build_give_up(copilot.delivery_tenant(), version);
END
$$;
COMMENT ON FUNCTION copilot.build_let_go(uuid) IS
'copilot.build_give_up() in the caller''s tenant: anybody may notice that nobody builds';

CREATE FUNCTION copilot.build_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	page record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'after', 'limit');
	wanted := copilot.want_automation_version(params);
	page := copilot.want_page(params);
	WITH found AS (
		SELECT b.* FROM copilot.builds b
		WHERE b.automation_version_id = wanted AND (b.created_at, b.id) < (page.before_time, page.before_id)
		ORDER BY b.created_at DESC, b.id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('builds',
		jsonb_agg(copilot.answer(to_jsonb(f)) ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.build_list(jsonb) IS
'call build.list {id, after, limit}: {builds, next} of an automation version, newest first. Errors: WK400, WK404';

-- ---------- what the worker says ----------

CREATE FUNCTION copilot.build_held(job bigint, token bigint)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.delivery_tenant();
	held uuid;
BEGIN
	PERFORM wrk.job_hold(job, token);
	SELECT b.id INTO held FROM copilot.builds b
	WHERE b.tenant_id = tenant AND b.job_id = job AND b.status IN ('queued', 'running');
	IF NOT FOUND THEN
		RAISE EXCEPTION 'job % builds nothing of this tenant', job USING ERRCODE = 'WK404';
	END IF;
	RETURN held;
END
$$;
COMMENT ON FUNCTION copilot.build_held(bigint, bigint) IS
'the build, in the tenant of the identity, that the holder of a job may speak for until the transaction ends. Errors: WK401 unauthorized, WK404 not_found, WK409 conflict for who does not hold the job';

CREATE FUNCTION copilot.build_report(job bigint, token bigint, percent integer, step text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	held uuid := copilot.build_held(job, token);
BEGIN
	IF percent IS NULL OR percent NOT BETWEEN 0 AND 100 THEN
		RAISE EXCEPTION 'progress must be 0 to 100 %%, not %', percent USING ERRCODE = 'WK400';
	END IF;
	UPDATE copilot.builds b SET status = 'running', percent = build_report.percent,
		step = left(build_report.step, 200), started_at = coalesce(b.started_at, clock_timestamp())
	WHERE b.tenant_id = copilot.delivery_tenant() AND b.id = held;
END
$$;
COMMENT ON FUNCTION copilot.build_report(bigint, bigint, integer, text) IS
'a build is under way: how far (0 to 100) and what is done just now; event build.updated. For the holder of the job, a member of wrk_service, in the tenant of the identity. Errors: WK400, WK401, WK404, WK409';

CREATE FUNCTION copilot.build_tell(build uuid, kind text, title text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.delivery_tenant();
BEGIN
	PERFORM copilot.notify(tenant, w.person, kind, title,
		jsonb_build_object('build_id', build, 'automation_version_id', w.version), 'automation_version', w.version::text)
	FROM (SELECT b.requested_by AS person, b.automation_version_id AS version FROM copilot.builds b
		  WHERE b.tenant_id = tenant AND b.id = build AND b.requested_by IS NOT NULL
		  UNION
		  SELECT m.user_id, b.automation_version_id FROM copilot.builds b
		  JOIN copilot.projects p ON p.tenant_id = b.tenant_id AND p.automation_version_id = b.automation_version_id
		  JOIN copilot.project_members m ON m.tenant_id = p.tenant_id AND m.project_id = p.id AND m.role = 'builder'
		  WHERE b.tenant_id = tenant AND b.id = build ORDER BY 1 LIMIT 1000) w;
END
$$;
COMMENT ON FUNCTION copilot.build_tell(uuid, text, text) IS
'tells whoever requested a build, and the builders of its projects, what became of it';

CREATE FUNCTION copilot.build_complete(job bigint, token bigint, result jsonb DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	held uuid := copilot.build_held(job, token);
BEGIN
	UPDATE copilot.builds b SET status = 'succeeded', percent = 100, step = NULL, error = NULL,
		result = build_complete.result, finished_at = clock_timestamp(),
		started_at = coalesce(b.started_at, clock_timestamp())
	WHERE b.tenant_id = copilot.delivery_tenant() AND b.id = held;
	PERFORM wrk.job_complete(job, token, result);
	PERFORM copilot.build_tell(held, 'build_complete', 'The build is complete');
END
$$;
COMMENT ON FUNCTION copilot.build_complete(bigint, bigint, jsonb) IS
'a build is done, and so is its job; who requested it and the builders are notified (build_complete). The version stays in Build in Progress: handing it over is for its builder. For the holder of the job, as copilot.build_report(). Errors: WK401, WK404, WK409, WK413';

CREATE FUNCTION copilot.build_fail(job bigint, token bigint, error text, retry boolean DEFAULT true)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	held uuid := copilot.build_held(job, token);
	next_state text := wrk.job_fail(job, token, error, retry => retry);
BEGIN
	UPDATE copilot.builds b SET status = CASE next_state WHEN 'dead' THEN 'failed' ELSE 'queued' END,
		error = left(coalesce(build_fail.error, ''), 2000), step = NULL,
		finished_at = CASE next_state WHEN 'dead' THEN clock_timestamp() END
	WHERE b.tenant_id = copilot.delivery_tenant() AND b.id = held;
	IF next_state = 'dead' THEN
		PERFORM copilot.build_tell(held, 'alert', 'The build has failed');
	END IF;
	RETURN next_state;
END
$$;
COMMENT ON FUNCTION copilot.build_fail(bigint, bigint, text, boolean) IS
'an attempt to build has failed; returns what became of the job, see wrk.job_fail(). With the last attempt, or with retry false, the build has failed, and who requested it and the builders are notified (alert). For the holder of the job, as copilot.build_report(). Errors: WK401, WK404, WK409';

REVOKE ALL ON FUNCTION copilot.make_builds(), copilot.build_queue(), copilot.build_check(), copilot.build_give_up(uuid, uuid),
	copilot.build_request(uuid, uuid), copilot.call_build_request(jsonb), copilot.build_let_go(uuid),
	copilot.build_list(jsonb), copilot.build_held(bigint, bigint),
	copilot.build_report(bigint, bigint, integer, text), copilot.build_tell(uuid, text, text),
	copilot.build_complete(bigint, bigint, jsonb), copilot.build_fail(bigint, bigint, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.call_build_request(jsonb), copilot.build_let_go(uuid), copilot.build_list(jsonb)
	TO wrk_member;
GRANT EXECUTE ON FUNCTION copilot.build_report(bigint, bigint, integer, text),
	copilot.build_complete(bigint, bigint, jsonb), copilot.build_fail(bigint, bigint, text, boolean) TO wrk_service;
