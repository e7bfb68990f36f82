-- What scenarios of quotes share.  Loaded with \i behind fixture.sql.

-- ids are not the same in two runs; of DETAIL only what a refused step says counts
CREATE FUNCTION regress.attempt(command text) RETURNS text LANGUAGE sql RETURN regexp_replace(regress.try(command, '^WK422'), '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}', 'ID', 'g');
CREATE TABLE regress.looked AS SELECT coalesce((SELECT max(id) FROM wrk.event), 0) AS event, coalesce((SELECT max(id) FROM wrk.audit_log), 0) AS log;
CREATE FUNCTION regress.call(method text, params jsonb, key text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT regress.attempt(format('SELECT concat_ws('' '', r ->> ''status'', r ->> ''number'', r ->> ''setup_fee'', r ->> ''committed_units'', r ->> ''unit_price'', r ->> ''monthly_amount'', r ->> ''currency'') FROM wrk.rpc_call(%L, %L, %L) c (r, e)', method, params, key))
$$;
CREATE FUNCTION regress.go(n int, target text, why text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT regress.attempt(format('SELECT (r ->> ''from'') || '' -> '' || (r ->> ''to'') FROM wrk.rpc_call(%L, %L) c (r, e)', 'automation_version.transition', jsonb_strip_nulls(
		jsonb_build_object('id', regress.id('a', 3, n), 'to', target, 'reason', why))))
$$;
-- the present quote of version n of Acme, whoever asks
CREATE FUNCTION regress.quote(n int) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
	SELECT jsonb_build_object('id', q.id) FROM copilot.quotes q WHERE q.automation_version_id = regress.id('a', 3, n) AND q.superseded_at IS NULL
$$;
CREATE VIEW regress.state AS
	SELECT a.name, v.status AS version, q.number, q.status AS quote, q.superseded_at IS NOT NULL AS superseded, q.status_reason, q.answered_by = regress.id('0', 1, 1) AS by_ann, q.valid_until - (q.sent_at AT TIME ZONE 'UTC')::date AS days
	FROM copilot.quotes q JOIN copilot.automation_versions v ON v.id = q.automation_version_id JOIN copilot.automations a ON a.id = v.automation_id ORDER BY 1, 3;
CREATE FUNCTION regress.override(more jsonb, key text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$ SELECT regress.call('quote.override', regress.quote(1) || more, key) $$;
UPDATE copilot.automation_versions SET intake_progress = 100;
