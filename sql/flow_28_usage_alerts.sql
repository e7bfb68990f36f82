-- Flow 28: usage of a period reaches a threshold; clients and admins are told, once each threshold and period.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set ECHO none
\i :fixture
\set ECHO all
\pset format unaligned
\pset tuples_only on
CREATE TABLE regress.looked AS SELECT coalesce((SELECT max(id) FROM wrk.event), 0) AS event, coalesce((SELECT max(id) FROM wrk.audit_log), 0) AS log;
CREATE FUNCTION regress.call(method text, params jsonb) RETURNS text LANGUAGE sql
RETURN regress.answer(method, params, '{id,automation_version_id,created_at}', NULL);
CREATE FUNCTION regress.threshold(metric text, value jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT regress.call('usage.set_threshold', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'metric', metric, 'value', value))
$$;
-- runs of this month, at its very beginning, reported by the engine's own server
CREATE FUNCTION regress.runs(first int, last int, status text, months int DEFAULT 0) RETURNS text LANGUAGE sql AS $$
	SELECT copilot.ingest_run_events(b.id, (SELECT jsonb_agg(jsonb_build_object('run_id', months || '-' || n, 'status', runs.status, 'units', 2,
		'occurred_at', to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => months), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))) FROM generate_series(first, last) n)) - 'workflow_binding_id'
	FROM copilot.workflow_bindings b
$$;
CREATE VIEW regress.alert AS
	SELECT l.metric, l.value, l.observed, to_char(age(l.period_start, date_trunc('month', now() AT TIME ZONE 'UTC')::date), 'MM') AS month FROM copilot.usage_alerts l ORDER BY l.created_at, l.metric, l.value;
CREATE VIEW regress.told AS
	SELECT p.name, n.title, count(*) FROM copilot.notifications n JOIN regress.person p ON p.id = n.user_id WHERE n.kind = 'alert' GROUP BY 1, 2 ORDER BY 2, 1;
:otto
SELECT copilot.binding_create(regress.id('a', 3, 1), 'n8n', 'invoices') IS NOT NULL;
UPDATE copilot.workflow_bindings SET status = 'active';
COMMIT;

-- the client asks to be told, operations as well; builders may not ask, another tenant finds nothing
:ann
SELECT regress.threshold('runs', '5'), regress.threshold('runs', '5'), regress.threshold('units', '16');
SELECT regress.threshold('runs', v) FROM unnest('{0,-1,"\"5\"",null,1e13}'::jsonb[]) v;
SELECT regress.threshold('days', '5');
COMMIT;
:otto
SELECT regress.threshold('failed', '1.5');
COMMIT;
:bob
SELECT regress.threshold('runs', '1');
INSERT INTO copilot.usage_thresholds (automation_version_id, metric, value) VALUES (regress.id('a', 3, 1), 'runs', 1);
ROLLBACK;
:gil
SELECT regress.threshold('runs', '1'), regress.call('usage.remove_threshold', jsonb_build_object('id', regress.id('a', 9, 9)));
COMMIT;

-- below it nothing is said; reaching it, and going on, is said once
SELECT regress.runs(1, 4, 'succeeded');
SELECT * FROM regress.alert;
SELECT regress.runs(4, 6, 'succeeded');
SELECT regress.runs(7, 8, 'succeeded');
SELECT regress.runs(1, 9, 'succeeded');
SELECT * FROM regress.alert;
-- two failures, the second corrected from running; it does not matter when
SELECT regress.runs(10, 11, 'running');
SELECT regress.runs(10, 11, 'failed');
SELECT * FROM regress.alert;
-- the clients, the admins and whoever asked; nobody else, and each once
SELECT * FROM regress.told;
-- another period is another chance
SELECT regress.runs(1, 5, 'cancelled', -1);
SELECT * FROM regress.alert;
-- a threshold below what has been used is reached at once; going below and back is no news
:ann
SELECT regress.threshold('runs', '6');
COMMIT;
UPDATE copilot.run_events SET test = true;
UPDATE copilot.run_events SET test = false;
SELECT * FROM regress.alert;
SELECT count(*) AS notifications FROM copilot.notifications WHERE kind = 'alert';

-- events: the usage as it is, and the alert, on the version's channel
SELECT e.type, count(*), bool_and(e.channels = ARRAY[format('tenant:%s:automation_version:%s', regress.id('a', 0, 0), regress.id('a', 3, 1))])
FROM wrk.event e, regress.looked WHERE e.id > looked.event AND e.type ~ '^usage_alert\.' GROUP BY 1;
SELECT (e.payload #>> '{data,runs}')::int, (e.payload #>> '{data,units}')::numeric FROM wrk.event e, regress.looked WHERE e.id > looked.event AND e.type = 'usage.updated' ORDER BY e.id LIMIT 3;
-- who sees the version sees thresholds and alerts; who removes one, removes its alerts
:bob
SELECT jsonb_array_length(u -> 'thresholds'), jsonb_array_length(u -> 'alerts') FROM copilot.call_usage_get(jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) u;
SELECT regress.call('usage.remove_threshold', jsonb_build_object('id', t.id)) FROM copilot.usage_thresholds t WHERE metric = 'units';
COMMIT;
:ann
SELECT regress.call('usage.remove_threshold', jsonb_build_object('id', t.id)) FROM copilot.usage_thresholds t WHERE metric = 'units';
SELECT jsonb_array_length(u -> 'thresholds'), jsonb_array_length(u -> 'alerts') FROM copilot.call_usage_get(jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) u;
COMMIT;
-- a version has at most a hundred
:ann
SELECT r, count(*) FROM (SELECT regexp_replace(regress.threshold('runs', to_jsonb(1000 + n)), '^{.*', 'set') AS r FROM generate_series(1, 100) n) t GROUP BY 1 ORDER BY 1;
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
