-- Finding automations and their versions: pages, newest first.
--
-- A page says what a list shows.  Blueprint and answers are large and have calls of
-- their own; they are not even read here.

CREATE FUNCTION copilot.want_status(params jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN copilot.want_choice(params, 'status', 'intake_in_progress', 'needs_pricing', 'awaiting_client_approval',
	'build_in_progress', 'qa_testing', 'ready_to_launch', 'live', 'archived', 'paused', 'blocked');
COMMENT ON FUNCTION copilot.want_status(jsonb) IS
'member "status" of a call''s parameters: a status of automation versions. Error: WK400 bad_request';

CREATE FUNCTION copilot.version_lines(automation uuid, wanted_status text, before_time timestamptz, before_id uuid,
									  max_rows integer)
RETURNS TABLE (id uuid, automation_id uuid, number integer, status text, status_reason text, status_changed_at timestamptz,
			   intake_progress integer, version bigint, blueprint_version bigint, based_on uuid, created_by uuid,
			   created_at timestamptz, updated_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- only what is asked for: a plan for filters that may be absent could use no index
	conditions text := concat_ws(' AND ', '(v.created_at, v.id) < ($3, $4)',
		CASE WHEN automation IS NOT NULL THEN 'v.automation_id = $1' END,
		CASE WHEN wanted_status IS NOT NULL THEN 'v.status = $2' END);
BEGIN
	RETURN QUERY EXECUTE format('SELECT v.id, v.automation_id, v.number, v.status, v.status_reason, v.status_changed_at,'
		' v.intake_progress, v.version, v.blueprint_version, v.based_on, v.created_by, v.created_at, v.updated_at'
		' FROM copilot.automation_versions v WHERE %s ORDER BY v.created_at DESC, v.id DESC LIMIT $5', conditions)
		USING automation, wanted_status, before_time, before_id, max_rows;
END
$$;
COMMENT ON FUNCTION copilot.version_lines(uuid, text, timestamptz, uuid, integer) IS
'automation versions that the caller sees, as lists show them, newest first, before a place in that order; automation and status are NULL for all';

CREATE FUNCTION copilot.call_automation_version_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'automation_id', 'status', 'after', 'limit');
	page := copilot.want_page(params);
	WITH found AS MATERIALIZED (
		SELECT l.* FROM copilot.version_lines(copilot.want_uuid(params, 'automation_id'), copilot.want_status(params),
			page.before_time, page.before_id, page.page_size + 1) l),
	shown AS (
		SELECT f.*, a.name AS automation_name FROM found f JOIN copilot.automations a ON a.id = f.automation_id
		ORDER BY f.created_at DESC, f.id DESC LIMIT page.page_size)
	SELECT jsonb_build_object(
		'versions', coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.created_at DESC, s.id DESC), '[]'),
		'next', CASE WHEN (SELECT count(*) FROM found) > page.page_size THEN
			(SELECT copilot.page_key(l.created_at, l.id) FROM shown l ORDER BY l.created_at, l.id LIMIT 1) END)
	INTO result FROM shown s;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_automation_version_list(jsonb) IS
'call automation_version.list {automation_id, status, after, limit}: {versions, next} newest first, each with automation_name, without blueprint and answers; next is null on the last page. Error: WK400';

CREATE FUNCTION copilot.call_automation_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	wanted record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'status', 'show', 'name', 'after', 'limit');
	page := copilot.want_page(params);
	SELECT copilot.want_status(params) AS status, lower(copilot.want_text(params, 'name')) AS name,
		coalesce(copilot.want_choice(params, 'show', 'current', 'archived', 'all'), 'current') AS show INTO wanted;
	WITH found AS MATERIALIZED (
		SELECT a.* FROM copilot.automations a
		WHERE (a.created_at, a.id) < (page.before_time, page.before_id)
			AND (wanted.show = 'all' OR (a.archived_at IS NOT NULL) = (wanted.show = 'archived'))
			AND (wanted.name IS NULL OR strpos(lower(a.name), wanted.name) > 0)
			AND (wanted.status IS NULL OR EXISTS (SELECT FROM copilot.automation_versions v
				WHERE v.tenant_id = a.tenant_id AND v.automation_id = a.id AND v.status = wanted.status))
		ORDER BY a.created_at DESC, a.id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('automations',
		jsonb_agg(copilot.answer(to_jsonb(f)) || jsonb_build_object('newest', to_jsonb(n))
				  ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f LEFT JOIN LATERAL (
		SELECT v.id, v.number, v.status, v.intake_progress FROM copilot.automation_versions v
		WHERE v.tenant_id = f.tenant_id AND v.automation_id = f.id ORDER BY v.number DESC LIMIT 1) n ON true;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_automation_list(jsonb) IS
'call automation.list {status, show: current (default), archived, all; name, after, limit}: {automations, next} newest first, each with its newest version {id, number, status, intake_progress}; status: a version has it, name: a part of it; next is null on the last page. Error: WK400';

CREATE FUNCTION copilot.call_automation_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_uuid(params, 'id', true);
	SELECT copilot.answer(to_jsonb(a)) INTO result FROM copilot.automations a WHERE a.id = wanted;
	IF result IS NULL THEN
		RAISE EXCEPTION 'automation not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN result || jsonb_build_object('versions', (
		SELECT coalesce(jsonb_agg(to_jsonb(l) - 'automation_id' ORDER BY l.number DESC), '[]')
		FROM copilot.version_lines(wanted, NULL, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 50) l));
END
$$;
COMMENT ON FUNCTION copilot.call_automation_get(jsonb) IS
'call automation.get {id}: the automation and its versions, the newest 50, without blueprint and answers; the others are in automation_version.list. Errors: WK400, WK404';

REVOKE ALL ON FUNCTION copilot.want_status(jsonb),
	copilot.version_lines(uuid, text, timestamptz, uuid, integer), copilot.call_automation_version_list(jsonb),
	copilot.call_automation_list(jsonb), copilot.call_automation_get(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.want_status(jsonb),
	copilot.version_lines(uuid, text, timestamptz, uuid, integer), copilot.call_automation_version_list(jsonb),
	copilot.call_automation_list(jsonb), copilot.call_automation_get(jsonb) TO wrk_member;
