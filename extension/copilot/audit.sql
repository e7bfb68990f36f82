-- Audit of the application: which tables are in the log, and reading it.
--
-- Every table that people change is audited under the name its events have.  What
-- triggers keep for themselves (times, counters, the version of a machine) is left
-- out: it says nothing that the rest does not, and a revert must not set it.
--
-- Readers of a row see its history only where the right to see a row hangs on
-- nothing in it that changes.  A message or a task may turn from internal to public;
-- what it was before stays with whoever may read the log.

CREATE FUNCTION copilot.put_audit_id(tbl text, id_expression text, rows_are text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format('ALTER TABLE copilot.%I ADD COLUMN IF NOT EXISTS'
				   ' id text NOT NULL GENERATED ALWAYS AS (%s) STORED', tbl, id_expression);
	EXECUTE format('COMMENT ON COLUMN copilot.%I.id IS %L', tbl,
				   'name of the row in the audit log: ' || rows_are);
END
$$;
COMMENT ON FUNCTION copilot.put_audit_id(text, text, text) IS
'part of copilot.enable_all_audit(): gives a table whose key has several columns one that stands for them, the same for a row that comes again';

CREATE FUNCTION copilot.enable_all_audit()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_audit_id('user_roles', 'user_id::text || '':'' || role', 'user:role');
	PERFORM copilot.put_audit_id('project_members',
		'project_id::text || '':'' || user_id::text || '':'' || role', 'project:user:role');

	PERFORM wrk.enable_audit('copilot.tenants', 'tenant', exclude => '{updated_at}',
		tenant_column => 'id', action_column => 'status', announce => true);
	-- a person belongs to no tenant: operations staff read this part of the log
	PERFORM wrk.enable_audit('copilot.users', 'user', exclude => '{updated_at,last_seen_at}',
		announce => true);
	PERFORM wrk.enable_audit('copilot.tenant_users', 'tenant_user', id_column => 'user_id', exclude => '{last_seen_at}',
		action_column => 'status', announce => true);
	PERFORM wrk.enable_audit('copilot.user_roles', 'user_role', announce => true);
	PERFORM wrk.enable_audit('copilot.project_members', 'project_member', announce => true);
	PERFORM wrk.enable_audit('copilot.messages', 'message', exclude => '{author_name,edited_at,room_kind}', announce => true);
	PERFORM wrk.enable_audit('copilot.tasks', 'task', action_column => 'status', announce => true,
		exclude => '{assignee_name,updated_at,completed_at,status_machine_version}');

	-- who sees such a row sees it whatever is in it
	PERFORM wrk.enable_audit('copilot.automations', 'automation', exclude => '{updated_at}',
		history => 'readers', announce => true);
	PERFORM wrk.enable_audit('copilot.automation_versions', 'automation_version',
		exclude => '{updated_at,version,status_changed_at,status_machine_version,blueprint_version,intake_progress}',
		action_column => 'status', history => 'readers', announce => true);
	PERFORM wrk.enable_audit('copilot.projects', 'project',
		exclude => '{updated_at,status_machine_version,pricing_status,checklist_progress}',
		action_column => 'status', history => 'readers', announce => true);
END
$$;
COMMENT ON FUNCTION copilot.enable_all_audit() IS
'part of copilot.install(): which tables are audited, under which names, and whose history their readers see. blueprint_changes is not: it follows from automation_versions';

-- ---------- reading the log ----------

CREATE FUNCTION copilot.audit_logs(user_id text DEFAULT NULL, action_prefix text DEFAULT NULL,
								   resource_type text DEFAULT NULL, resource_id text DEFAULT NULL,
								   request_id text DEFAULT NULL, from_time timestamptz DEFAULT NULL,
								   upto timestamptz DEFAULT NULL, before_id bigint DEFAULT NULL,
								   max_rows integer DEFAULT 100)
RETURNS SETOF wrk.audit_log
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- only what is asked for: a plan for filters that may be absent could use no index;
	-- the tenant, though the policy says it too, because the planner knows this one
	conditions text := concat_ws(' AND ', 'l.tenant_id = $10',
		CASE WHEN user_id IS NOT NULL THEN 'l.user_id = $1' END,
		CASE WHEN action_prefix IS NOT NULL THEN 'starts_with(l.action, $2)' END,
		CASE WHEN resource_type IS NOT NULL THEN 'l.resource_type = $3' END,
		CASE WHEN resource_id IS NOT NULL THEN 'l.resource_id = $4' END,
		CASE WHEN request_id IS NOT NULL THEN 'l.request_id = $5' END,
		CASE WHEN from_time IS NOT NULL THEN 'l.created_at >= $6' END,
		CASE WHEN upto IS NOT NULL THEN 'l.created_at < $7' END,
		CASE WHEN before_id IS NOT NULL THEN 'l.id < $8' END);
BEGIN
	IF max_rows NOT BETWEEN 1 AND 1000 THEN
		RAISE EXCEPTION 'max_rows must be from 1 to 1000, not %', max_rows USING ERRCODE = 'WK400';
	END IF;
	RETURN QUERY EXECUTE format('SELECT l.* FROM wrk.audit_log l WHERE %s ORDER BY l.id DESC LIMIT $9', conditions)
		USING user_id, action_prefix, resource_type,
			-- a uuid has one spelling in the log
			coalesce(copilot.as_uuid(resource_id)::text, resource_id),
			request_id, from_time, upto, before_id, max_rows, wrk.tenant_id();
END
$$;
COMMENT ON FUNCTION copilot.audit_logs(text, text, text, text, text, timestamptz, timestamptz, bigint, integer) IS
'the audit log of the own tenant as far as the caller may read it, newest first: filters that are NULL let everything pass. action_prefix: beginning of the action, such as task. or task.status.done; from_time inclusive, upto exclusive; before_id: id of the last row of the page before; max_rows 1 to 1000. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_log_page(params jsonb, OUT before_id bigint, OUT page_size integer)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	key text := copilot.want_text(params, 'after');
BEGIN
	page_size := copilot.want_limit(params);
	IF key !~ '^[1-9][0-9]{0,17}$' THEN
		PERFORM copilot.bad_param('after', 'must be the "next" of an earlier page');
	END IF;
	before_id := key::bigint;
END
$$;
COMMENT ON FUNCTION copilot.want_log_page(jsonb) IS
'members "after" (the "next" of an earlier page, an id of the log) and "limit" (1 to 200, else 50) of a call''s parameters. Error: WK400 bad_request';

CREATE FUNCTION copilot.audit_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'user', 'action', 'type', 'id', 'request', 'from', 'to', 'after', 'limit');
	page := copilot.want_log_page(params);
	IF wrk.can('read', 'audit_log') IS NOT TRUE THEN
		RAISE EXCEPTION 'the audit log is not for this role to read' USING ERRCODE = 'WK403';
	END IF;
	WITH found AS MATERIALIZED (
		SELECT l.* FROM copilot.audit_logs(copilot.want_text(params, 'user'), copilot.want_text(params, 'action'),
			copilot.want_text(params, 'type'), copilot.want_text(params, 'id', 512),
			copilot.want_text(params, 'request'), copilot.want_time(params, 'from'),
			copilot.want_time(params, 'to'), page.before_id, page.page_size + 1) l)
	SELECT copilot.page_answer('entries',
		jsonb_agg(to_jsonb(f) - '{tenant_id,xid}'::text[] || jsonb_build_object('name', u.name) ORDER BY f.id DESC),
		array_agg(f.id::text ORDER BY f.id DESC), page.page_size)
	INTO result FROM found f LEFT JOIN copilot.users u ON u.id = copilot.as_uuid(f.user_id);
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.audit_list(jsonb) IS
'call audit.list {user, action, type, id, request, from, to, after, limit}: {entries, next} newest first, of the own tenant; action is the beginning of one, such as task. or task.status.done; from inclusive, to exclusive. An entry is a row of wrk.audit_log and the name of its user. Errors: WK400, WK403';

CREATE FUNCTION copilot.call_audit_verify(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	from_time timestamptz;
	upto timestamptz;
BEGIN
	PERFORM copilot.check_params(params, 'from', 'to');
	from_time := copilot.want_time(params, 'from');
	upto := copilot.want_time(params, 'to');
	-- who may is the engine's to say
	RETURN (SELECT to_jsonb(v) || jsonb_build_object('at', clock_timestamp())
			FROM wrk.audit_verify(wrk.tenant_id(), from_time, upto) v);
END
$$;
COMMENT ON FUNCTION copilot.call_audit_verify(jsonb) IS
'call audit.verify {from, to}: {ok, seals, rows, unsealed, dropped, problem, seal, audit_id, detail, at}, what wrk.audit_verify() says of the own tenant''s log, all of it or the seals that have rows of a time (from inclusive, to exclusive), and when it was asked. For whoever may read the log. Errors: WK400, WK403';

REVOKE ALL ON FUNCTION copilot.put_audit_id(text, text, text), copilot.enable_all_audit(),
	copilot.audit_logs(text, text, text, text, text, timestamptz, timestamptz, bigint, integer),
	copilot.want_log_page(jsonb), copilot.audit_list(jsonb), copilot.call_audit_verify(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
	copilot.audit_logs(text, text, text, text, text, timestamptz, timestamptz, bigint, integer),
	copilot.want_log_page(jsonb), copilot.audit_list(jsonb), copilot.call_audit_verify(jsonb) TO wrk_member;
