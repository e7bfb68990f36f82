-- Run events: what engines tell of their runs.
--
-- A run is one row, whatever is told of it, how often and in which order: of two
-- reports the one wins that ends the run, then the later one, then an order that is
-- total; the beginning is the earliest ever told, a trial is a trial once one report
-- says so.  So every order of the same reports leads to the same row, and a report
-- that says nothing new changes nothing.
--
-- Must stay true: nobody is believed but who signs with a secret of the binding, may
-- create runs, or is a server of ours; the tenant is the binding's.

CREATE FUNCTION copilot.run_horizon()
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN interval '400 days';
COMMENT ON FUNCTION copilot.run_horizon() IS
'how long runs are kept; what began before is not taken any more, or it could be counted twice';

-- ---------- reading ----------

CREATE FUNCTION copilot.run_event_problem(e jsonb)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	times text := concat_ws(' ', e ->> 'occurred_at', e ->> 'started_at', e ->> 'finished_at');
BEGIN
	RETURN CASE
		WHEN jsonb_typeof(e) <> 'object' THEN 'it is no object'
		WHEN jsonb_typeof(e -> 'run_id') IS DISTINCT FROM 'string' OR length(e ->> 'run_id') NOT BETWEEN 1 AND 200
			THEN '"run_id" must be a string of 1 to 200 characters'
		WHEN (e ->> 'status' IN ('running', 'succeeded', 'failed', 'cancelled')) IS NOT TRUE
			THEN '"status" must be one of running, succeeded, failed, cancelled'
		WHEN times = '' THEN 'one of "occurred_at", "started_at" and "finished_at" is required'
		WHEN times !~ '^(\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)( |$))+$'
			THEN 'times must be ISO 8601 with a zone'
		WHEN jsonb_typeof(e -> 'units') NOT IN ('number', 'null') THEN '"units" must be a number'
		WHEN (e ->> 'units')::numeric NOT BETWEEN 0 AND 1000000000 OR scale(trim_scale((e ->> 'units')::numeric)) > 6
			THEN '"units" must be from 0 to 1000000000 with at most 6 decimals'
		WHEN jsonb_typeof(e -> 'error') NOT IN ('string', 'null') OR length(e ->> 'error') > 2000
			THEN '"error" must be a string of at most 2000 characters'
		WHEN jsonb_typeof(e -> 'test') NOT IN ('boolean', 'null') THEN '"test" must be true or false'
		WHEN pg_column_size(e -> 'data') > 65536 THEN '"data" is larger than 64 kB' END;
END
$$;
COMMENT ON FUNCTION copilot.run_event_problem(jsonb) IS
'what is wrong with a report of a run, NULL for nothing; whether times exist is for their cast to say';

CREATE FUNCTION copilot.run_event_open(e jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN e ->> 'type' ~ '^run\.' AND jsonb_typeof(e -> 'data') = 'object' AND NOT e ? 'run_id' THEN
	jsonb_build_object('occurred_at', e -> 'timestamp', 'status', substr(e ->> 'type', 5)) || (e -> 'data')
	ELSE e END;
COMMENT ON FUNCTION copilot.run_event_open(jsonb) IS
'a report in the envelope of Standard Webhooks {type: "run.STATUS", timestamp, data} as one without';

CREATE FUNCTION copilot.run_events_refuse(events jsonb)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	given record;
	problem text;
BEGIN
	FOR given IN SELECT n, e FROM jsonb_array_elements(events) WITH ORDINALITY o (e, n) ORDER BY n LOOP
		problem := copilot.run_event_problem(given.e);
		IF problem IS NULL THEN
			BEGIN
				PERFORM (given.e ->> t)::timestamptz FROM unnest('{occurred_at,started_at,finished_at}'::text[]) t;
			EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format OR invalid_time_zone_displacement_value THEN
				problem := 'a time does not exist';
			END;
		END IF;
		IF problem IS NOT NULL THEN
			RAISE EXCEPTION 'run event %: %', given.n, problem USING ERRCODE = 'WK400',
				DETAIL = json_build_object('event', given.n)::text;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION copilot.run_events_refuse(jsonb) IS
'refuses the first of some reports that has something wrong with it. Error: WK400 with DETAIL {"event": its number from 1}';

CREATE TYPE copilot.run_report AS (
	run_id text, status text, test boolean, occurred_at timestamptz, started_at timestamptz,
	finished_at timestamptz, units numeric, error text, data jsonb);
COMMENT ON TYPE copilot.run_report IS 'what some reports say of one run; see copilot.run_events';
REVOKE ALL ON TYPE copilot.run_report FROM PUBLIC;

CREATE FUNCTION copilot.run_events_read(events jsonb)
RETURNS SETOF copilot.run_report
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM jsonb_array_elements(events) e WHERE copilot.run_event_problem(e) IS NOT NULL) THEN
		PERFORM copilot.run_events_refuse(events);
	END IF;
	RETURN QUERY
	WITH given AS (
		SELECT e ->> 'run_id' AS run_id, e ->> 'status' AS status, (e ->> 'test')::boolean AS test,
			coalesce(e ->> 'occurred_at', e ->> 'finished_at', e ->> 'started_at')::timestamptz AS occurred_at,
			coalesce(e ->> 'started_at', e ->> 'occurred_at', e ->> 'finished_at')::timestamptz AS started_at,
			(e ->> 'finished_at')::timestamptz AS finished_at,
			coalesce((e ->> 'units')::numeric, 1) AS units, e ->> 'error' AS error, nullif(e -> 'data', 'null') AS data
		FROM jsonb_array_elements(events) e)
	SELECT DISTINCT ON (g.run_id) g.run_id, g.status, coalesce(bool_or(g.test) OVER run, false), g.occurred_at,
		min(g.started_at) OVER run, g.finished_at, g.units, g.error, g.data
	FROM given g WINDOW run AS (PARTITION BY g.run_id)
	-- the order of copilot.run_store()
	ORDER BY g.run_id, g.status <> 'running' DESC, g.occurred_at DESC, g.status COLLATE "C" DESC, g.units DESC,
		coalesce(g.finished_at, '-infinity') DESC, coalesce(g.error, '') COLLATE "C" DESC, coalesce(g.data, 'null') DESC;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format OR invalid_time_zone_displacement_value THEN
	PERFORM copilot.run_events_refuse(events);
	RAISE;
END
$$;
COMMENT ON FUNCTION copilot.run_events_read(jsonb) IS
'an array of reports as one row for each run. Error: WK400 for the first that is none';

-- ---------- storing ----------

CREATE FUNCTION copilot.run_events_given(binding uuid, message jsonb, most integer)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	events jsonb := CASE WHEN jsonb_typeof(message) = 'array' THEN message ELSE jsonb_build_array(message) END;
BEGIN
	IF message IS NULL OR jsonb_array_length(events) NOT BETWEEN 1 AND most THEN
		RAISE EXCEPTION 'there must be 1 to % run events', most USING ERRCODE = 'WK400';
	END IF;
	SELECT jsonb_agg(copilot.run_event_open(e) ORDER BY n) INTO events
	FROM jsonb_array_elements(events) WITH ORDINALITY o (e, n);
	IF EXISTS (SELECT FROM jsonb_array_elements(events) e
		WHERE lower(e ->> 'workflow_binding_id') <> binding::text) THEN
		RAISE EXCEPTION 'a run event is of another workflow binding' USING ERRCODE = 'WK400';
	END IF;
	RETURN events;
END
$$;
COMMENT ON FUNCTION copilot.run_events_given(uuid, jsonb, integer) IS
'a report or an array of them as an array without envelopes. Error: WK400 for none, too many, or one of another binding';

CREATE FUNCTION copilot.run_reports_check(binding uuid, reports copilot.run_report[])
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	bound record;
	stranger text;
BEGIN
	SELECT r.run_id INTO stranger FROM unnest(reports) r
	WHERE r.started_at < now() - copilot.run_horizon() ORDER BY 1 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'run "%" began more than % days ago', stranger,
			extract(day FROM copilot.run_horizon()) USING ERRCODE = 'WK4S9';
	END IF;
	SELECT r.run_id INTO stranger FROM unnest(reports) r
	WHERE greatest(r.started_at, r.occurred_at, r.finished_at) > now() + interval '1 day' ORDER BY 1 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'run "%" is of the future', stranger USING ERRCODE = 'WK400';
	END IF;
	SELECT b.tenant_id, b.status, b.activated_at, b.deactivated_at INTO bound
	FROM copilot.workflow_bindings b WHERE b.id = binding;
	-- what began while it was active is told to its end
	SELECT r.run_id INTO stranger FROM unnest(reports) r
	WHERE bound.status = 'inactive'
		AND (bound.activated_at IS NULL OR r.started_at >= bound.deactivated_at)
		AND NOT EXISTS (SELECT FROM copilot.run_events e WHERE e.tenant_id = bound.tenant_id
			AND e.workflow_binding_id = binding AND e.run_id = r.run_id)
	ORDER BY 1 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'the workflow binding of run "%" is not active', stranger USING ERRCODE = 'WK409',
			HINT = 'Launching its version makes it active; so does binding.transition.';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.run_reports_check(uuid, copilot.run_report[]) IS
'refuses runs of the far past (WK4S9 too_stale), of the future (WK400) and new ones of a binding that is not active (WK409)';

CREATE FUNCTION copilot.run_store(tenant uuid, version uuid, binding uuid, events jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	reports copilot.run_report[];
	stored bigint;
BEGIN
	-- all change the same counters at last: one after the other from the start, they
	-- cannot wait for each other in a circle
	PERFORM pg_advisory_xact_lock(hashtextextended('copilot.run_events ' || version, 0));
	reports := ARRAY(SELECT r FROM copilot.run_events_read(events) r);
	PERFORM copilot.run_reports_check(binding, reports);
	INSERT INTO copilot.run_events AS r (tenant_id, automation_version_id, workflow_binding_id, run_id, status, test,
										 occurred_at, started_at, finished_at, units, error, data)
	SELECT tenant, version, binding, g.run_id, g.status, g.test, g.occurred_at, g.started_at, g.finished_at,
		g.units, g.error, g.data
	FROM unnest(reports) g
	ON CONFLICT (tenant_id, workflow_binding_id, run_id) DO UPDATE
		SET (status, occurred_at, finished_at, units, error, data) = (
			SELECT w.status, w.occurred_at, w.finished_at, w.units, w.error, w.data
			FROM (VALUES (r.status, r.occurred_at, r.finished_at, r.units, r.error, r.data),
				(excluded.status, excluded.occurred_at, excluded.finished_at, excluded.units, excluded.error, excluded.data))
				AS w (status, occurred_at, finished_at, units, error, data)
			ORDER BY w.status <> 'running' DESC, w.occurred_at DESC, w.status COLLATE "C" DESC, w.units DESC,
				coalesce(w.finished_at, '-infinity') DESC, coalesce(w.error, '') COLLATE "C" DESC,
				coalesce(w.data, 'null') DESC LIMIT 1),
			started_at = least(r.started_at, excluded.started_at), test = r.test OR excluded.test
		WHERE excluded.started_at < r.started_at OR excluded.test AND NOT r.test
			OR (excluded.status <> 'running', excluded.occurred_at, excluded.status COLLATE "C", excluded.units,
				coalesce(excluded.finished_at, '-infinity'), coalesce(excluded.error, '') COLLATE "C",
				coalesce(excluded.data, 'null'))
			> (r.status <> 'running', r.occurred_at, r.status COLLATE "C", r.units,
				coalesce(r.finished_at, '-infinity'), coalesce(r.error, '') COLLATE "C", coalesce(r.data, 'null'));
	GET DIAGNOSTICS stored = ROW_COUNT;
	RETURN jsonb_build_object('workflow_binding_id', binding, 'events', jsonb_array_length(events),
		'runs', cardinality(reports), 'changed', stored);
END
$$;
COMMENT ON FUNCTION copilot.run_store(uuid, uuid, uuid, jsonb) IS
'stores reports of runs of a binding, all or none: {workflow_binding_id, events, runs, changed}, how many reports, of how many runs, and of how many runs they said something new. Whether the sender is to be believed is the caller''s to know. Errors: WK400, WK409, WK4S9';

-- ---------- webhooks ----------

CREATE FUNCTION copilot.run_message(raw_body bytea)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN convert_from(raw_body, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception OR statement_too_complex THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.run_message(bytea) IS 'the body of a webhook as JSON, NULL if it is none';

CREATE FUNCTION copilot.run_header_binding(headers jsonb)
RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT copilot.as_uuid(h.value)
			FROM jsonb_each_text(CASE jsonb_typeof(headers) WHEN 'object' THEN headers END) h
			WHERE lower(h.key) = 'x-workflow-binding-id' LIMIT 1);
END
$$;
COMMENT ON FUNCTION copilot.run_header_binding(jsonb) IS
'the binding that header X-Workflow-Binding-Id names, NULL for none';

CREATE FUNCTION copilot.run_body_binding(message jsonb)
RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN copilot.as_uuid(copilot.run_event_open(
		CASE jsonb_typeof(message) WHEN 'array' THEN message -> 0 ELSE message END) ->> 'workflow_binding_id');
END
$$;
COMMENT ON FUNCTION copilot.run_body_binding(jsonb) IS
'the binding that the first report of a body names, NULL for none';

CREATE FUNCTION copilot.ingest_run_event(headers jsonb, raw_body bytea, binding uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid := coalesce(binding, copilot.run_header_binding(headers));
	message jsonb;
	bound record;
	secrets text[];
BEGIN
	IF length(raw_body) > 1048576 THEN
		RAISE EXCEPTION 'a webhook about runs has % bytes', length(raw_body) USING ERRCODE = 'WK413',
			DETAIL = 'At most 1048576 are accepted.';
	END IF;
	-- a body that nobody vouches for yet is read only if nothing else says whose it is
	IF wanted IS NULL THEN
		message := copilot.run_message(raw_body);
		wanted := copilot.run_body_binding(message);
	END IF;
	SELECT b.tenant_id, b.id, b.automation_version_id INTO bound
	FROM copilot.workflow_bindings b WHERE b.id = wanted;
	secrets := ARRAY(SELECT s.secret FROM copilot.workflow_binding_secrets s
		WHERE s.tenant_id = bound.tenant_id AND s.workflow_binding_id = bound.id
			AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp())
		ORDER BY s.created_at DESC LIMIT 16);
	IF secrets = '{}' THEN
		-- a binding that does not exist is refused like a signature that is wrong
		secrets := ARRAY[encode(sha256(uuid_send(gen_random_uuid())), 'hex')];
	END IF;
	PERFORM wrk.webhook_verify(headers, raw_body, secrets);
	message := coalesce(message, copilot.run_message(raw_body));
	IF message IS NULL THEN
		RAISE EXCEPTION 'the body of the webhook is no JSON' USING ERRCODE = 'WK400';
	END IF;
	RETURN copilot.run_store(bound.tenant_id, bound.automation_version_id, bound.id,
		copilot.run_events_given(bound.id, message, 1000));
END
$$;
COMMENT ON FUNCTION copilot.ingest_run_event(jsonb, bytea, uuid) IS
'takes a webhook in which an engine tells of runs; no identity is needed, a secret of the binding is the credential, and the tenant is the binding''s. headers: {name: value}, signed as wrk.webhook_verify() asks (5 minutes); raw_body: as it came, at most 1 MB; binding: if the address says it, else header X-Workflow-Binding-Id or member workflow_binding_id.
Body: a report or an array of up to 1000: {run_id, status: running, succeeded, failed, cancelled, occurred_at, started_at, finished_at (ISO 8601 with zone, one of them required), units (1), error, data, test}, or {type: "run.STATUS", timestamp, data: {run_id, ...}}. Reports may come in any order and again and again.
Returns {workflow_binding_id, events, runs, changed}, changed being of how many runs something new was said. Errors: WK401 unauthorized (unknown binding, signature, time), WK400 bad_request with the number of the report, WK409 for a new run of a binding that is not active, WK4S9 too_stale (began more than 400 days ago), WK413 too_large; nothing is stored then';

CREATE FUNCTION copilot.ingest_run_event(headers jsonb, raw_body text, binding uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.ingest_run_event(headers, convert_to(raw_body, 'UTF8'), binding)
$$;
COMMENT ON FUNCTION copilot.ingest_run_event(jsonb, text, uuid) IS
'as with bytes, for a body that is at hand as text and was UTF-8 when it was signed';

-- ---------- servers ----------

CREATE FUNCTION copilot.run_ingest(binding uuid, message jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	bound record;
BEGIN
	SELECT b.tenant_id, b.id, b.automation_version_id INTO bound
	FROM copilot.workflow_bindings b WHERE b.id = binding;
	-- who acts for a tenant does so for no other, and takes a right; a service alone is trusted
	IF wrk.tenant_id() IS NOT NULL AND wrk.can('create', 'run') IS NOT TRUE THEN
		RAISE EXCEPTION 'runs are not for this role to report' USING ERRCODE = 'WK403';
	END IF;
	IF bound.id IS NULL OR bound.tenant_id::text <> wrk.tenant_id() THEN
		RAISE EXCEPTION 'workflow binding not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN copilot.run_store(bound.tenant_id, bound.automation_version_id, bound.id,
		copilot.run_events_given(bound.id, message, 10000));
END
$$;
COMMENT ON FUNCTION copilot.run_ingest(uuid, jsonb) IS
'part of copilot.ingest_run_events() and of call run.ingest';

CREATE FUNCTION copilot.ingest_run_events(binding uuid, events jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.run_ingest(binding, events)
$$;
COMMENT ON FUNCTION copilot.ingest_run_events(uuid, jsonb) IS
'takes an array of up to 10000 reports of runs of a binding from a server of ours, a member of wrk_service; they and the answer are as with copilot.ingest_run_event(). For more, COPY into a temporary table and hand them over by the ten thousand. An identity, if there is one, must be of the binding''s tenant and may create runs. Errors: WK400, WK403, WK404, WK409, WK4S9';

CREATE FUNCTION copilot.call_run_ingest(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'workflow_binding_id', 'events');
	IF wrk.tenant_id() IS NULL THEN
		RAISE EXCEPTION 'nobody is authenticated' USING ERRCODE = 'WK401';
	END IF;
	IF jsonb_typeof(params -> 'events') IS DISTINCT FROM 'array' THEN
		PERFORM copilot.bad_param('events', 'must be an array');
	END IF;
	RETURN copilot.run_ingest(copilot.want_uuid(params, 'workflow_binding_id', true), params -> 'events');
END
$$;
COMMENT ON FUNCTION copilot.call_run_ingest(jsonb) IS
'call run.ingest {workflow_binding_id, events}: {workflow_binding_id, events, runs, changed}, for systems of the tenant; events as for copilot.ingest_run_event(), at most 10000. Errors: WK400, WK401, WK403, WK404, WK409, WK4S9';

CREATE FUNCTION copilot.run_retention()
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	gone bigint;
BEGIN
	-- a day later than reports are refused: none of these can come again
	DELETE FROM copilot.run_events r USING (
		SELECT o.tenant_id, o.id FROM copilot.automation_versions v CROSS JOIN LATERAL (
			SELECT e.tenant_id, e.id FROM copilot.run_events e
			WHERE e.tenant_id = v.tenant_id AND e.automation_version_id = v.id
				AND e.started_at < now() - copilot.run_horizon() - interval '1 day' LIMIT 10000) o
		LIMIT 10000) old
	WHERE r.tenant_id = old.tenant_id AND r.id = old.id;
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;
COMMENT ON FUNCTION copilot.run_retention() IS
'deletes runs older than copilot.run_horizon(), up to 10000 at a time; what they added up to stays. Run by the background worker';

-- ---------- reading ----------

CREATE FUNCTION copilot.call_run_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	version uuid;
	wanted_status text;
	page record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'automation_version_id', 'status', 'after', 'limit');
	version := copilot.want_uuid(params, 'automation_version_id', true);
	wanted_status := copilot.want_choice(params, 'status', 'running', 'succeeded', 'failed', 'cancelled');
	page := copilot.want_page(params);
	PERFORM copilot.check_thread(NULL, version);
	-- one arm with and one without a status: each finds its page in its own index
	WITH found AS (
		(SELECT r.* FROM copilot.run_events r
		 WHERE wanted_status IS NULL AND r.automation_version_id = version
			AND (r.started_at, r.id) < (page.before_time, page.before_id)
		 ORDER BY r.started_at DESC, r.id DESC LIMIT page.page_size + 1)
		UNION ALL
		(SELECT r.* FROM copilot.run_events r
		 WHERE r.status = wanted_status AND r.automation_version_id = version
			AND (r.started_at, r.id) < (page.before_time, page.before_id)
		 ORDER BY r.started_at DESC, r.id DESC LIMIT page.page_size + 1))
	SELECT copilot.page_answer('runs',
		jsonb_agg(copilot.answer(to_jsonb(f)) - 'data' ORDER BY f.started_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.started_at, f.id) ORDER BY f.started_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_run_list(jsonb) IS
'call run.list {automation_version_id, status, after, limit}: {runs, next}, those that began last first, without their data; next is null on the last page. Errors: WK400, WK404';

CREATE FUNCTION copilot.call_run_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_uuid(params, 'id', true);
	SELECT copilot.answer(to_jsonb(r)) INTO result FROM copilot.run_events r WHERE r.id = wanted;
	IF result IS NULL THEN
		RAISE EXCEPTION 'run not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_run_get(jsonb) IS
'call run.get {id}: what is known of the run, with its data. Errors: WK400, WK404';

REVOKE ALL ON FUNCTION copilot.run_horizon(), copilot.run_event_problem(jsonb), copilot.run_event_open(jsonb),
	copilot.run_events_refuse(jsonb), copilot.run_events_read(jsonb),
	copilot.run_events_given(uuid, jsonb, integer), copilot.run_reports_check(uuid, copilot.run_report[]),
	copilot.run_store(uuid, uuid, uuid, jsonb), copilot.run_message(bytea),
	copilot.run_header_binding(jsonb), copilot.run_body_binding(jsonb), copilot.ingest_run_event(jsonb, bytea, uuid),
	copilot.ingest_run_event(jsonb, text, uuid), copilot.run_ingest(uuid, jsonb),
	copilot.ingest_run_events(uuid, jsonb), copilot.call_run_ingest(jsonb), copilot.run_retention(),
	copilot.call_run_list(jsonb), copilot.call_run_get(jsonb) FROM PUBLIC;
-- the webhook's signature is its permission
GRANT EXECUTE ON FUNCTION copilot.ingest_run_event(jsonb, bytea, uuid),
	copilot.ingest_run_event(jsonb, text, uuid), copilot.call_run_ingest(jsonb),
	copilot.call_run_list(jsonb), copilot.call_run_get(jsonb) TO wrk_member;
GRANT EXECUTE ON FUNCTION copilot.run_ingest(uuid, jsonb), copilot.ingest_run_events(uuid, jsonb) TO wrk_service;
