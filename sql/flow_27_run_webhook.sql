-- Flow 27: an engine tells of a run by webhook; the run is stored and counted, and whoever watches the version sees it.
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
RETURN regress.answer(method, params, '{id,automation_version_id,workflow_binding_id,created_at,updated_at,activated_at,created_by,secret,by,change_id,event_id}', NULL);
-- what an HTTP server does with a request: it has no identity and hands over headers and bytes
CREATE FUNCTION regress.post(headers jsonb, body text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN copilot.ingest_run_event(headers, convert_to(body, 'UTF8')) - 'workflow_binding_id';
EXCEPTION WHEN OTHERS THEN
	RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
CREATE TABLE regress.engine (binding uuid, secret text, began timestamptz NOT NULL DEFAULT now() - interval '1 hour');
GRANT ALL ON regress.engine TO PUBLIC;
CREATE FUNCTION regress.run(run text, status text, seconds int) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT jsonb_build_object('type', 'run.' || status, 'timestamp', to_char((e.began + seconds * interval '1 second') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
		'data', jsonb_build_object('workflow_binding_id', e.binding, 'run_id', run)) FROM regress.engine e
$$;

-- the version is being launched: operations bind it to its workflow and hand the secret to the engine
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'ready_to_launch' WHERE id = regress.id('a', 3, 1);
COMMIT;
:otto
INSERT INTO regress.engine SELECT (b ->> 'id')::uuid, b ->> 'secret'
FROM wrk.rpc_call('binding.create', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'engine', 'n8n', 'workflow_ref', 'invoices')) c (b, e);
COMMIT;
-- too early: what is not active runs nothing
SET ROLE wrk_member;
SELECT regress.post(wrk.webhook_sign(convert_to(b, 'UTF8'), secret, 'msg_0'), b) FROM regress.engine, regress.run('e-1', 'running', 0) b;
RESET ROLE;
:ann
SELECT regress.call('binding.transition', jsonb_build_object('id', binding, 'to', 'active')) FROM regress.engine;
COMMIT;
:gil
SELECT regress.call('binding.transition', jsonb_build_object('id', binding, 'to', 'active')) FROM regress.engine;
COMMIT;
:otto
SELECT regress.call('binding.transition', jsonb_build_object('id', binding, 'to', 'active')) FROM regress.engine;
SELECT regress.call('binding.transition', jsonb_build_object('id', binding, 'to', 'active')) ~ 'WK422' FROM regress.engine;
COMMIT;

-- a run begins and ends; the end comes first, and again
SET ROLE wrk_member;
SELECT regress.post(wrk.webhook_sign(convert_to(b, 'UTF8'), secret, 'msg_2'), b) FROM regress.engine, regress.run('e-1', 'succeeded', 45) b;
SELECT regress.post(wrk.webhook_sign(convert_to(b, 'UTF8'), secret, 'msg_1'), b) FROM regress.engine, regress.run('e-1', 'running', 0) b;
SELECT regress.post(wrk.webhook_sign(convert_to(b, 'UTF8'), secret, 'msg_2'), b) FROM regress.engine, regress.run('e-1', 'succeeded', 45) b;
-- the plain signature
SELECT regress.post(wrk.webhook_sign(convert_to(b, 'UTF8'), secret), b) FROM regress.engine, regress.run('e-2', 'failed', 60) b;
-- refused: forged, altered on the way, old, unsigned
SELECT regress.post(wrk.webhook_sign(convert_to(b, 'UTF8'), 'whsec_' || encode(sha256('guess'), 'base64'), 'msg_3'), b) FROM regress.run('e-3', 'succeeded', 0) b;
SELECT regress.post(wrk.webhook_sign(convert_to(b, 'UTF8'), secret, 'msg_3'), replace(b, 'e-2', 'e-3')) FROM regress.engine, regress.run('e-2', 'succeeded', 0) b;
SELECT regress.post(wrk.webhook_sign(convert_to(b, 'UTF8'), secret, 'msg_3', now() - interval '1 hour'), b) FROM regress.engine, regress.run('e-3', 'succeeded', 0) b;
SELECT regress.post('{}', b) FROM regress.run('e-3', 'succeeded', 0) b;
-- nobody without identity sees what has been stored
SELECT count(*) FROM copilot.run_events;
RESET ROLE;

-- the client sees the runs and what they come to; so does the builder of the project
:ann
SELECT r ->> 'run_id', r ->> 'status', (r ->> 'occurred_at')::timestamptz - (r ->> 'started_at')::timestamptz
FROM wrk.rpc_call('run.list', jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) c (l, e), jsonb_array_elements(l -> 'runs') r;
SELECT sum((p ->> 'runs')::int), sum((p ->> 'succeeded')::int), sum((p ->> 'failed')::int), sum((p ->> 'units')::numeric)
FROM wrk.rpc_call('usage.get', jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) c (u, e), jsonb_array_elements(u -> 'periods') p;
COMMIT;
:bob
SELECT r ->> 'run_id', regress.call('run.get', jsonb_build_object('id', r ->> 'id')) ~ '"status"'
FROM wrk.rpc_call('run.list', jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) c (l, e), jsonb_array_elements(l -> 'runs') r;
COMMIT;
:gil
SELECT regress.call(m, jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) FROM unnest('{run.list,usage.get}'::text[]) m;
COMMIT;
-- each change of the run was announced once
SELECT e.type, e.payload #>> '{data,run_id}', e.payload #>> '{data,status}' FROM wrk.event e, regress.looked WHERE e.id > looked.event AND e.type ~ '^run\.' ORDER BY e.id;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
