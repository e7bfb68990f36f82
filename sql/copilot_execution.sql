-- Execution: bindings, what engines may tell of runs, and what it adds up to.
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
CREATE FUNCTION regress.attempt(command text) RETURNS text LANGUAGE sql RETURN regress.try(command, '^WK... \{');
CREATE FUNCTION regress.call(method text, params jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT regress.attempt(format('SELECT result - ''{id,secret,secrets,automation_version_id,created_at,updated_at,others_expire_at,by,change_id,event_id}''::text[] FROM wrk.rpc_call(%L, %L)', method, params))
$$;
-- bindings that tests go on with, and a webhook of one: signed with its secret, now, unless said otherwise
CREATE TABLE regress.binding (name text PRIMARY KEY, id uuid, secret text);
GRANT ALL ON regress.binding TO PUBLIC;
CREATE FUNCTION regress.bind(name text, version uuid) RETURNS void LANGUAGE sql AS $$
	INSERT INTO regress.binding SELECT name, (b ->> 'id')::uuid, b ->> 'secret' FROM copilot.binding_create(version, 'n8n', name) b
$$;
CREATE FUNCTION regress.send(name text, body text, changes jsonb DEFAULT '{}', secret text DEFAULT NULL, age interval DEFAULT '0') RETURNS text LANGUAGE sql AS $$
	SELECT regress.attempt(format('SELECT r - ''workflow_binding_id'' FROM copilot.ingest_run_event(%L, %L::text) r',
		jsonb_strip_nulls(wrk.webhook_sign(convert_to(body, 'UTF8'), coalesce(send.secret, b.secret), 'm', now() - age)
			|| jsonb_build_object('X-Workflow-Binding-Id', b.id) || changes), body))
	FROM regress.binding b WHERE b.name = send.name
$$;
-- a time of the month before this one, as engines write it
CREATE FUNCTION regress.at(day int, months int DEFAULT -1) RETURNS text LANGUAGE sql STABLE RETURN
	to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => months, days => day - 1, hours => 12), 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
CREATE FUNCTION regress.run(id text, status text, day int, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql STABLE RETURN
	jsonb_build_object('run_id', id, 'status', status, 'occurred_at', regress.at(day)) || more;
CREATE VIEW regress.usage AS
	SELECT to_char(age(period_start, date_trunc('month', now() AT TIME ZONE 'UTC')::date), 'MM') AS month, runs, succeeded, failed, cancelled, units, seconds
	FROM copilot.usage_aggregates ORDER BY tenant_id, automation_version_id, period_start;

-- who binds a version to workflows: operations, and builders of its project; everybody who sees it sees the binding
:otto
SELECT regress.call('binding.create', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'engine', 'n8n', 'workflow_ref', 'wf-1'));
SELECT regress.call('binding.create', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'engine', 'n8n', 'workflow_ref', 'wf-1'));
SELECT regress.bind('one', regress.id('a', 3, 1)), regress.bind('two', regress.id('a', 3, 1)), regress.bind('off', regress.id('a', 3, 1));
COMMIT;
:bob
SELECT regress.call('binding.create', jsonb_build_object('automation_version_id', regress.id('a', 3, v), 'engine', 'make', 'workflow_ref', 'bob')) FROM generate_series(1, 2) v;
SELECT jsonb_array_length(copilot.call_binding_list(jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) -> 'bindings');
ROLLBACK;
:ann
SELECT regress.call('binding.create', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'engine', 'n8n', 'workflow_ref', 'x'));
SELECT regress.call(m, jsonb_build_object('id', id) || CASE m WHEN 'binding.transition' THEN '{"to": "active"}' ELSE '{}' END::jsonb)
FROM regress.binding, unnest('{binding.rotate_secret,binding.transition,binding.get}'::text[]) m WHERE name = 'one';
SELECT copilot.call_binding_get(jsonb_build_object('id', id)) -> 'secrets' FROM regress.binding WHERE name = 'one';
COMMIT;
:quinn
SELECT regress.call('binding.create', jsonb_build_object('automation_version_id', regress.id('a', 3, v), 'engine', 'n8n', 'workflow_ref', 'x')) FROM generate_series(1, 2) v;
COMMIT;
-- ... and nobody of another tenant learns that there is one
:gil
SELECT regress.call(m, jsonb_build_object('id', id) || CASE m WHEN 'binding.transition' THEN '{"to": "active"}' ELSE '{}' END::jsonb)
FROM unnest('{binding.rotate_secret,binding.transition,binding.get,run.get,usage.remove_threshold}'::text[]) m, (SELECT id FROM regress.binding WHERE name = 'one' UNION ALL SELECT regress.id('a', 9, 9)) b;
SELECT regress.call(m, jsonb_build_object('automation_version_id', regress.id('a', 3, 1)) || CASE m WHEN 'binding.create' THEN '{"engine": "n8n", "workflow_ref": "x"}' WHEN 'usage.set_threshold' THEN '{"metric": "runs", "value": 1}' ELSE '{}' END::jsonb)
FROM unnest('{binding.create,binding.list,run.list,usage.get,usage.set_threshold}'::text[]) m;
COMMIT;
-- bad parameters
:otto
SELECT regress.call('binding.create', jsonb_build_object('automation_version_id', regress.id('a', 3, 1)) || p)
FROM unnest('{"{}","{\"engine\": \"N8N\", \"workflow_ref\": \"x\"}","{\"engine\": \"n8n\", \"workflow_ref\": \"\"}","{\"engine\": 1, \"workflow_ref\": \"x\"}"}'::jsonb[]) p;
SELECT regress.call('binding.rotate_secret', jsonb_build_object('id', id, 'overlap_hours', 721)), regress.call('binding.transition', jsonb_build_object('id', id, 'to', 'error')) FROM regress.binding WHERE name = 'one';
SELECT regress.attempt(format('SELECT copilot.binding_rotate_secret(%L, %L)', id, o)) FROM regress.binding, unnest('{-1 hour,31 days,NULL}'::interval[]) o WHERE name = 'one';
-- a secret that no webhook could be verified with is none
SELECT regress.attempt(format('INSERT INTO copilot.workflow_binding_secrets (workflow_binding_id, secret) SELECT id, %L FROM regress.binding WHERE name = %L', s, 'one'))
FROM unnest(ARRAY['short', 'whsec_short and no base64', 'whsec_AAAA', repeat('x', 1025)]) s;
-- the same key makes one binding, and its secret is shown once and kept nowhere else
SELECT a - 'secret' = b, a ? 'secret', b ? 'secret' FROM copilot.binding_create(regress.id('a', 3, 1), 'n8n', 'keyed', 'k') a, copilot.binding_create(regress.id('a', 3, 1), 'n8n', 'keyed', 'k') b;
SELECT a.result - 'secret' = b.result, a.result ? 'secret', b.result ? 'secret' FROM jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'engine', 'n8n', 'workflow_ref', 'called') p,
	LATERAL wrk.rpc_call('binding.create', p, 'k2') a, LATERAL wrk.rpc_call('binding.create', p, 'k2') b;
SELECT a.result - 'secret' = b.result, a.result ? 'secret', b.result ? 'secret' FROM regress.binding, jsonb_build_object('id', id) p,
	LATERAL wrk.rpc_call('binding.rotate_secret', p, 'k3') a, LATERAL wrk.rpc_call('binding.rotate_secret', p, 'k3') b WHERE name = 'one';
ROLLBACK;
-- the tables say the same: no secret is read, no run, usage or alert written, by any member
:otto
SELECT regress.attempt(c) FROM unnest(ARRAY['SELECT secret FROM copilot.workflow_binding_secrets', 'SELECT s FROM copilot.workflow_binding_secrets s', 'INSERT INTO copilot.run_events DEFAULT VALUES', 'UPDATE copilot.run_events SET units = 0', 'DELETE FROM copilot.run_events',
	'INSERT INTO copilot.usage_aggregates DEFAULT VALUES', 'UPDATE copilot.usage_aggregates SET runs = 0', 'UPDATE copilot.usage_alerts SET value = 0', 'DELETE FROM copilot.usage_alerts', 'UPDATE copilot.workflow_bindings SET held = true', 'DELETE FROM copilot.workflow_bindings',
	'SELECT copilot.run_store(NULL, NULL, NULL, NULL)', 'SELECT copilot.ingest_run_events(NULL, NULL)', 'SELECT copilot.binding_launch(NULL, NULL)', 'SELECT copilot.usage_add(''[]'')']) c;
ROLLBACK;
:ann
INSERT INTO copilot.workflow_bindings (automation_version_id, engine, workflow_ref) VALUES (regress.id('a', 3, 1), 'n8n', 'x');
ROLLBACK;
:ann
UPDATE copilot.workflow_bindings SET status = 'active' RETURNING id;
SELECT id FROM copilot.workflow_binding_secrets;
INSERT INTO copilot.workflow_binding_secrets (workflow_binding_id, secret) SELECT id, 'a secret of my own' FROM regress.binding WHERE name = 'one';
ROLLBACK;
:bea
INSERT INTO copilot.workflow_binding_secrets (workflow_binding_id, secret) SELECT id, 'a secret of my own' FROM regress.binding WHERE name = 'one';
ROLLBACK;

-- a version that goes live takes its bindings along, and back, but not what somebody has switched off
CREATE FUNCTION regress.version(status text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrk.status_import();
	UPDATE copilot.automation_versions v SET status = $1, status_reason = 'test' WHERE v.id = regress.id('a', 3, 1);
	PERFORM wrk.status_import(false);
	PERFORM copilot.binding_launch(regress.id('a', 0, 0), regress.id('a', 3, 1)), copilot.binding_launch(regress.id('a', 0, 0), regress.id('a', 3, 1));
	RETURN QUERY SELECT concat_ws(' ', workflow_ref, b.status, CASE WHEN held THEN 'held' END, b.status_reason, activated_at IS NOT NULL, deactivated_at IS NOT NULL) FROM copilot.workflow_bindings b ORDER BY created_at;
END $$;
SELECT regress.version('ready_to_launch');
SELECT regress.version('live');
:otto
SELECT regress.call('binding.transition', jsonb_build_object('id', id, 'to', 'inactive', 'reason', 'no more')) FROM regress.binding WHERE name = 'off';
COMMIT;
SELECT regress.version('paused');
SELECT regress.version('live');
SELECT regress.version('blocked');
SELECT regress.version('live');
-- ... whoever has it stop and go on, though no binding is theirs to switch
CREATE FUNCTION regress.bindings() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', workflow_ref, status, CASE WHEN held THEN 'held' END) FROM copilot.workflow_bindings ORDER BY created_at
$$;
:ann
SELECT wrk.transition('copilot.automation_versions', regress.id('a', 3, 1)::text, 'paused') ->> 'to';
SELECT regress.bindings();
SELECT wrk.transition('copilot.automation_versions', regress.id('a', 3, 1)::text, 'previous') ->> 'to';
SELECT regress.bindings();
COMMIT;
-- every step is in the history; one that no rule of the caller's makes is marked
SELECT c.from_state, c.to_state, c.reason, c.imported FROM wrk.state_change c JOIN regress.binding b ON b.id::text = c.row_id AND b.name = 'one' WHERE c.entity = 'workflow_binding' ORDER BY c.id;

-- a webhook needs no identity, only a signature; named by header, address or body, in either scheme
SET ROLE wrk_member;
SELECT regress.send('one', regress.run('r1', 'running', 1));
SELECT regress.send('one', regress.run('r1', 'running', 1));
SELECT regress.send('one', regress.run('r1', 'succeeded', 1, jsonb_build_object('finished_at', replace(regress.at(1), '12:00:00', '12:01:30.5'))));
SELECT regress.send('one', jsonb_build_object('type', 'run.failed', 'timestamp', regress.at(2), 'data', jsonb_build_object('run_id', 'r2', 'error', 'no paper', 'data', '{"n": 1}'::jsonb))::text);
SELECT regress.send('one', regress.run('r3', 'succeeded', 2, jsonb_build_object('workflow_binding_id', id)), '{"X-Workflow-Binding-Id": null}') FROM regress.binding WHERE name = 'one';
SELECT r - 'workflow_binding_id' FROM regress.binding b, regress.run('r4', 'cancelled', 2) body, copilot.ingest_run_event(wrk.webhook_sign(convert_to(body, 'UTF8'), b.secret), convert_to(body, 'UTF8'), b.id) r WHERE name = 'one';
SELECT regress.send('one', format('[%s, %s, %s]', regress.run('r5', 'running', 3), regress.run('r6', 'running', 3), regress.run('r5', 'succeeded', 3, '{"units": 2.5}')));
RESET ROLE;
SELECT * FROM regress.usage;
-- refused: no signature, another one, another binding's, another body or time, a binding that is not there; all in the same words
SET ROLE wrk_member;
SELECT regress.send('one', regress.run('x', 'failed', 1), secret => b.secret) FROM regress.binding b WHERE b.name = 'two';
SELECT regress.send('one', regress.run('x', 'failed', 1), jsonb_build_object('X-Workflow-Binding-Id', b.id)) FROM regress.binding b WHERE b.name = 'two';
SELECT regress.send('one', regress.run('x', 'failed', 1), jsonb_build_object('X-Workflow-Binding-Id', h)) FROM unnest(ARRAY[regress.id('a', 9, 9)::text, 'x', NULL]) h;
SELECT regress.send('one', regress.run('x', 'failed', 1), '{"webhook-id": "n"}'), regress.send('one', regress.run('x', 'failed', 1), age => '6 minutes');
SELECT regress.attempt('SELECT copilot.ingest_run_event(''{}'', ''{}''::text)'), regress.attempt('SELECT copilot.ingest_run_event(''[]'', ''{}''::text)'), regress.attempt('SELECT copilot.ingest_run_event(NULL, NULL::text)');
SELECT regress.attempt('SELECT copilot.ingest_run_event(''{"x-signature": "sha256="}'', ''\xff00''::bytea)'), regress.attempt(format('SELECT copilot.ingest_run_event(''{"x-signature": "sha256="}'', %L::text)', repeat('[', 100000)));
SELECT regress.attempt('SELECT copilot.ingest_run_event(''{}'', repeat(''x'', 1048577))');
-- signed, and yet no report; which one of several is said, and nothing of the others is stored
SELECT regress.send('one', b) FROM unnest(ARRAY['x', '', '[]', '5', '{}', 'null', '[null]']) b;
SELECT regress.send('one', format('[%s, %s]', regress.run('good', 'failed', 1), regress.run('bad', 'failed', 1, p))) FROM unnest(ARRAY['{"run_id": null}', '{"run_id": 5}', '{"run_id": ""}', '{"status": "done"}', '{"status": null}', '{"occurred_at": null}', '{"occurred_at": "yesterday"}', '{"occurred_at": 1614265330}', '{"occurred_at": "2026-02-30T00:00:00Z"}',
	'{"started_at": "2026-02-01T25:00:00Z"}', '{"finished_at": "2026-02-01T00:00:00+99:00"}', '{"finished_at": "2026-02-01T00:00:00"}', '{"units": "1"}', '{"units": -1}', '{"units": 1e10}', '{"units": 0.0000001}', '{"units": 1e100000}', '{"error": {}}', '{"test": "yes"}', '{"started_at": "1999-01-01T00:00:00Z"}', '{"finished_at": "2999-01-01T00:00:00Z"}']::jsonb[]) p;
SELECT regress.send('one', regress.run('bad', 'failed', 1, jsonb_build_object(m, repeat('x', n)))) FROM (VALUES ('run_id', 201), ('error', 2001), ('data', 65537)) AS v (m, n);
SELECT regress.send('one', regress.run('bad', 'failed', 1, jsonb_build_object('workflow_binding_id', b.id))) FROM regress.binding b WHERE b.name = 'two';
SELECT regress.send('one', '[' || string_agg(regress.run('many' || n, 'failed', 1), ',') || ']') FROM generate_series(1, 1001) n;
RESET ROLE;
SELECT run_id, status, error, units FROM copilot.run_events ORDER BY run_id;
SELECT * FROM regress.usage;

-- a secret is replaced without a gap: the old one is good for the overlap, and no longer
:otto
SELECT regress.call('binding.rotate_secret', jsonb_build_object('id', id, 'overlap_hours', 1)) FROM regress.binding WHERE name = 'two';
INSERT INTO regress.binding SELECT 'two, new', b.id, copilot.binding_rotate_secret(b.id) ->> 'secret' FROM regress.binding b WHERE b.name = 'two';
SELECT regress.send(n, regress.run('rotated', 'failed', 1)) FROM unnest('{two,"two, new"}'::text[]) n;
SELECT count(*), count(*) FILTER (WHERE s -> 'expires_at' = 'null') AS for_good, bool_or(s ? 'secret') AS shown FROM regress.binding b, copilot.call_binding_get(jsonb_build_object('id', b.id)) g, jsonb_array_elements(g -> 'secrets') s WHERE b.name = 'two';
INSERT INTO regress.binding SELECT 'two, newest', b.id, copilot.binding_rotate_secret(b.id, '0') ->> 'secret' FROM regress.binding b WHERE b.name = 'two';
COMMIT;
SELECT n, regress.send(n, regress.run('rotated', 'failed', 1)) FROM unnest('{two,"two, new","two, newest"}'::text[]) n;

-- what began while a binding was active is told to its end; nothing new is taken after
SELECT regress.send('off', regress.run('begun', 'running', 1)), regress.send('off', jsonb_build_object('run_id', 'late', 'status', 'running', 'started_at', now())::text);
SELECT regress.send('off', regress.run('begun', 'succeeded', 2));
:otto
SELECT regress.call('binding.transition', jsonb_build_object('id', id, 'to', 'error', 'reason', 'the engine is down')) FROM regress.binding WHERE name = 'two';
SELECT regress.bind('never', regress.id('a', 3, 1));
COMMIT;
SELECT regress.send('never', regress.run('x', 'running', 1)), regress.send('two, newest', regress.run('y', 'running', 1));

-- reports of a run in every order, each twice, come to one and the same row
CREATE TABLE regress.story AS SELECT n, e FROM jsonb_array_elements(format('[%s, %s, %s, %s]',
	regress.run('', 'running', 5, jsonb_build_object('started_at', regress.at(27, -2))), regress.run('', 'failed', 6, '{"error": "first try", "units": 9}'),
	regress.run('', 'succeeded', 7, jsonb_build_object('started_at', regress.at(28, -2), 'finished_at', regress.at(7), 'units', 3)),
	regress.run('', 'running', 8))::jsonb) WITH ORDINALITY o (e, n);
DELETE FROM copilot.run_events;
DELETE FROM copilot.usage_aggregates;
DO $$
DECLARE
	told record;
BEGIN
	FOR told IN SELECT concat_ws('-', a.n, b.n, c.n, d.n) AS run, jsonb_build_array(a.e, b.e, c.e, d.e) AS events
		FROM regress.story a, regress.story b, regress.story c, regress.story d
		WHERE cardinality(ARRAY(SELECT DISTINCT n FROM unnest(ARRAY[a.n, b.n, c.n, d.n]) n)) = 4
	LOOP
		FOR i IN 0 .. 3 LOOP
			PERFORM regress.send('one', ((told.events -> i) || jsonb_build_object('run_id', told.run))::text),
				regress.send('one', ((told.events -> i) || jsonb_build_object('run_id', told.run))::text);
		END LOOP;
		PERFORM regress.send('one', (SELECT jsonb_agg(e || jsonb_build_object('run_id', 'at once ' || told.run)) FROM jsonb_array_elements(told.events || told.events) e)::text);
	END LOOP;
END $$;
SELECT count(*), status, test, occurred_at = regress.at(7)::timestamptz, started_at = regress.at(27, -2)::timestamptz, finished_at = regress.at(7)::timestamptz, units, error
FROM copilot.run_events GROUP BY 2, 3, 4, 5, 6, 7, 8;
SELECT month, runs, succeeded, failed, cancelled, units FROM regress.usage;
-- a trial counts nowhere, whenever it is said to be one
SELECT regress.send('one', regress.run('1-2-3-4', 'running', 5, '{"test": true}'));
SELECT month, runs, succeeded, units FROM regress.usage;
SELECT regress.send('one', regress.run('1-2-3-4', 'succeeded', 9, '{"test": false, "units": 50}')) ;
SELECT month, runs, succeeded, units FROM regress.usage;
-- whatever changes runs, the sums follow; what is forgotten stays counted
UPDATE copilot.run_events SET status = 'failed', units = 1 WHERE run_id ^@ 'at once';
SELECT month, runs, succeeded, failed, cancelled, units FROM regress.usage;
DELETE FROM copilot.run_events WHERE status = 'failed';
SELECT month, runs, succeeded, failed, cancelled, units FROM regress.usage;
SELECT copilot.run_retention();
UPDATE copilot.run_events SET started_at = now() - interval '402 days' WHERE run_id = '1-2-4-3';
SELECT copilot.run_retention(), copilot.run_retention();

-- what is seen of runs and usage: by whoever sees the version; run data by run.get only
SELECT regress.send('one', regress.run('shown', 'failed', 20, '{"error": "no ink", "data": {"page": 7}}'));
:bob
SELECT jsonb_array_length(l -> 'runs'), l -> 'next' IS NOT NULL FROM copilot.call_run_list(jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'limit', 200)) l;
SELECT r ->> 'run_id', r ->> 'error', r ? 'data', r ? 'tenant_id', copilot.call_run_get(jsonb_build_object('id', r ->> 'id')) -> 'data'
FROM copilot.call_run_list(jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'status', 'failed')) l, jsonb_array_elements(l -> 'runs') r;
-- page by page, each run once
WITH RECURSIVE p AS (
	SELECT copilot.call_run_list(jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'limit', 7)) AS page
	UNION ALL SELECT copilot.call_run_list(jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'limit', 7, 'after', page ->> 'next')) FROM p WHERE page ->> 'next' IS NOT NULL)
SELECT count(DISTINCT p.page), count(*), count(DISTINCT r ->> 'id') = (SELECT count(*) FROM copilot.run_events) FROM p, jsonb_array_elements(page -> 'runs') r;
SELECT p - '{id,seconds,period_start,period_end,created_at,updated_at,automation_version_id}'::text[] FROM copilot.call_usage_get(jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) u, jsonb_array_elements(u -> 'periods') p;
SELECT regress.call('usage.get', jsonb_build_object('automation_version_id', regress.id('a', 3, 2)));
SELECT regress.call('usage.get', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'from', '2030-01-01', 'to', '2030-02-01'));
SELECT regress.call('usage.get', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'from', '0001-01-01'));
COMMIT;
-- systems of the tenant report by call, servers of ours by function; nobody else
SELECT id AS one FROM regress.binding WHERE name = 'one' \gset
:otto
SELECT regress.call('run.ingest', jsonb_build_object('workflow_binding_id', :'one', 'events', '[]'::jsonb));
SELECT regress.attempt(format('SELECT copilot.call_run_ingest(%L)', jsonb_build_object('workflow_binding_id', :'one', 'events', '[]'::jsonb)));
COMMIT;
BEGIN;
SELECT FROM wrk.impersonate(regress.id('a', 0, 0)::text, NULL, '{system}');
SET LOCAL ROLE wrk_member;
SELECT regress.call('run.ingest', jsonb_build_object('workflow_binding_id', :'one', 'events', jsonb_build_array(regress.run('by call', 'succeeded', 9)::jsonb))) ~ '"changed": 1';
SELECT regress.call('run.ingest', jsonb_build_object('workflow_binding_id', regress.id('a', 9, 9), 'events', '[]'::jsonb)), regress.call('run.ingest', jsonb_build_object('workflow_binding_id', :'one', 'events', 5));
COMMIT;
BEGIN;
SELECT FROM wrk.impersonate(regress.id('b', 0, 0)::text, NULL, '{system}');
SET LOCAL ROLE wrk_member;
SELECT regress.call('run.ingest', jsonb_build_object('workflow_binding_id', :'one', 'events', '[]'::jsonb));
SET LOCAL ROLE wrk_service;
SELECT regress.attempt(format('SELECT copilot.ingest_run_events(%L, %L)', :'one', '[]'));
COMMIT;
SET ROLE wrk_service;
SELECT copilot.ingest_run_events(:'one', jsonb_build_array(regress.run('by service', 'succeeded', 9)::jsonb)) ->> 'changed';
SELECT regress.attempt(format('SELECT copilot.ingest_run_events(%L, %L)', :'one', e)) FROM unnest('{"[]","{}"}'::text[]) e;
RESET ROLE;
SET ROLE wrk_member;
SELECT regress.attempt(format('SELECT copilot.call_run_ingest(%L)', jsonb_build_object('workflow_binding_id', :'one', 'events', '[]'::jsonb)));
RESET ROLE;

-- each thing that happens is an event of the version's channel, without what a run carried, and the log never has a secret
SELECT e.type, count(*) > 0, bool_and(e.channels = ARRAY[format('tenant:%s:automation_version:%s', regress.id('a', 0, 0), regress.id('a', 3, 1))]), bool_or(e.payload::text ~ 'no ink|page')
FROM wrk.event e, regress.looked WHERE e.id > looked.event AND e.type ~ '^(run|usage|workflow_binding)\.' GROUP BY 1 ORDER BY 1;
SELECT l.resource_type, l.action, count(*) > 0, bool_or(l::text ~ 'whsec_') FROM wrk.audit_log l, regress.looked WHERE l.id > looked.log AND l.resource_type ~ '^workflow' GROUP BY 1, 2 ORDER BY 1, 2;

-- installing again changes no row and counts nothing twice
CREATE TABLE regress.before AS SELECT b::text FROM copilot.workflow_bindings b UNION ALL SELECT r::text FROM copilot.run_events r UNION ALL SELECT a::text FROM copilot.usage_aggregates a;
SELECT copilot.install();
SELECT count(*) FROM (SELECT b::text FROM copilot.workflow_bindings b UNION ALL SELECT r::text FROM copilot.run_events r UNION ALL SELECT a::text FROM copilot.usage_aggregates a EXCEPT SELECT * FROM regress.before) d;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
SELECT * FROM wrk.lint();
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
