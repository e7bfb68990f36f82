-- The pipeline: what is on its way, where it is, how long it has been there, who answers
-- for it and what it is worth.
--
-- One row for each version that is not archived.  For operations only, whatever else a
-- reader sees of versions and quotes: the view asks for the right itself, and the tables
-- below it for theirs.

CREATE FUNCTION copilot.make_pipeline()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_permissions('pipeline', 'tenant', '{read}', copilot.ops_roles());
	CREATE OR REPLACE VIEW copilot.pipeline WITH (security_invoker, security_barrier) AS
	SELECT v.id, v.automation_id, a.name AS automation_name, v.number, v.status, v.status_reason,
		v.status_changed_at, now() - v.status_changed_at AS age, v.intake_progress,
		p.id AS project_id, p.name AS project_name, p.owner_id, p.eta, p.checklist_progress,
		q.id AS quote_id, q.status AS quote_status, q.currency, q.setup_fee, q.monthly_amount
	FROM copilot.automation_versions v
	JOIN copilot.automations a ON a.tenant_id = v.tenant_id AND a.id = v.automation_id
	LEFT JOIN LATERAL (
		SELECT o.* FROM copilot.projects o
		WHERE o.tenant_id = v.tenant_id AND o.automation_version_id = v.id
		ORDER BY o.created_at DESC, o.id LIMIT 1) p ON true
	LEFT JOIN copilot.quotes q
		ON q.tenant_id = v.tenant_id AND q.automation_version_id = v.id AND q.superseded_at IS NULL
	WHERE v.status <> 'archived' AND (SELECT wrk.can('read', 'pipeline'));
	COMMENT ON VIEW copilot.pipeline IS
		'versions that are not archived: status, since when and for how long, newest project about the version and its owner, quote in force; for operations staff';
	GRANT SELECT ON copilot.pipeline TO wrk_member;
	PERFORM copilot.put_call('pipeline.list', 'copilot.call_pipeline_list(jsonb)');
	PERFORM copilot.put_call('pipeline.summary', 'copilot.call_pipeline_summary(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_pipeline() IS 'part of copilot.make_operations(): view pipeline, its right and calls';

CREATE FUNCTION copilot.check_pipeline()
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF wrk.can('read', 'pipeline') IS NOT TRUE THEN
		RAISE EXCEPTION 'the pipeline is not for this role to read' USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_pipeline() IS 'refuses who may not read the pipeline. Error: WK403 forbidden';

CREATE FUNCTION copilot.call_pipeline_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	wanted_status text;
	wanted_owner uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'status', 'owner_id', 'after', 'limit');
	wanted_status := copilot.want_choice(params, 'status', 'intake_in_progress', 'needs_pricing',
		'awaiting_client_approval', 'build_in_progress', 'qa_testing', 'ready_to_launch', 'live', 'paused', 'blocked');
	wanted_owner := copilot.want_uuid(params, 'owner_id');
	page := copilot.want_page(params);
	PERFORM copilot.check_pipeline();
	WITH found AS (
		-- what has waited longest comes first, and begins before everything
		SELECT l.* FROM copilot.pipeline l
		WHERE (params ->> 'after' IS NULL OR (l.status_changed_at, l.id) > (page.before_time, page.before_id))
			AND (wanted_status IS NULL OR l.status = wanted_status)
			AND (wanted_owner IS NULL OR l.owner_id = wanted_owner)
		ORDER BY l.status_changed_at, l.id LIMIT page.page_size + 1)
	SELECT copilot.page_answer('versions',
		jsonb_agg(to_jsonb(f) - 'age' || jsonb_build_object('owner_name', u.name,
			'age_seconds', greatest(floor(extract(epoch FROM f.age)), 0)) ORDER BY f.status_changed_at, f.id),
		array_agg(copilot.page_key(f.status_changed_at, f.id) ORDER BY f.status_changed_at, f.id), page.page_size)
	INTO result FROM found f LEFT JOIN copilot.users u ON u.id = f.owner_id;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_pipeline_list(jsonb) IS
'call pipeline.list {status, owner_id, after, limit}: {versions: [{id, automation_id, automation_name, number, status, status_reason, status_changed_at, age_seconds, intake_progress, project_id, project_name, owner_id, owner_name, eta, checklist_progress, quote_id, quote_status, currency, setup_fee, monthly_amount}], next}, what has been in its status longest first; next is null on the last page. Errors: WK400, WK403';

CREATE FUNCTION copilot.call_pipeline_summary(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, VARIADIC '{}'::text[]);
	PERFORM copilot.check_pipeline();
	-- money of two currencies is not added up
	RETURN (
		WITH amounts AS (
			SELECT l.status, l.currency, count(*) AS n, min(l.status_changed_at) AS since,
				sum(l.setup_fee) AS setup_fee, sum(l.monthly_amount) AS monthly_amount
			FROM copilot.pipeline l GROUP BY 1, 2),
		stages AS (
			SELECT a.status, sum(a.n) AS versions, floor(extract(epoch FROM now() - min(a.since))) AS oldest_seconds,
				coalesce(jsonb_agg(jsonb_build_object('currency', a.currency, 'setup_fee', a.setup_fee,
					'monthly_amount', a.monthly_amount) ORDER BY a.currency) FILTER (WHERE a.currency IS NOT NULL), '[]') AS amounts
			FROM amounts a GROUP BY 1)
		SELECT jsonb_build_object('stages', coalesce(jsonb_agg(to_jsonb(s)
			|| jsonb_build_object('oldest_seconds', greatest(s.oldest_seconds, 0)) ORDER BY o.n), '[]'))
		FROM stages s JOIN unnest('{intake_in_progress,needs_pricing,awaiting_client_approval,build_in_progress,qa_testing,ready_to_launch,live,paused,blocked}'::text[])
			WITH ORDINALITY o (status, n) ON o.status = s.status);
END
$$;
COMMENT ON FUNCTION copilot.call_pipeline_summary(jsonb) IS
'call pipeline.summary {}: {stages: [{status, versions, oldest_seconds, amounts: [{currency, setup_fee, monthly_amount}]}]} in the order of a version''s life, stages without a version left out. Errors: WK400, WK403';

REVOKE ALL ON FUNCTION copilot.make_pipeline(), copilot.check_pipeline(), copilot.call_pipeline_list(jsonb),
	copilot.call_pipeline_summary(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.check_pipeline(), copilot.call_pipeline_list(jsonb),
	copilot.call_pipeline_summary(jsonb) TO wrk_member;
