-- Flow 12: what is live stays as it is; the next version begins with a copy.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set flow :abs_srcdir '/regress/flow.sql'
\set ECHO none
\i :fixture
\i :flow
\set ECHO all
\pset format unaligned
\pset tuples_only on

:ann
SELECT regress.version('capture', 1, '{"answers": {"goals": {"problem": "Invoices lie around"}}}') ~ '"intake_progress": 10';
COMMIT;
SELECT regress.load(1, 'live');
:ann
INSERT INTO regress.known SELECT 'next', (v.result ->> 'id')::uuid FROM wrk.rpc_call('automation_version.create_version', jsonb_build_object('automation_id', regress.id('a', 2, 1))) v;
SELECT number, status, intake_progress, blueprint_json, requirements, based_on = regress.id('a', 3, 1) AS of_the_live_one FROM copilot.automation_versions WHERE id = regress.known('next');
-- it has a life of its own
SELECT copilot.blueprint_apply(regress.known('next'), 1, '{"nodes": {"added": [{"id": "n2"}]}, "meta": {"set": [[["edges"], [{"id": "e1", "source": "n1", "target": "n2"}]]]}}') ->> 'version';
SELECT regress.call('automation_version.capture', jsonb_build_object('id', regress.known('next'), 'answers', '{"goals": {"problem": "It is too slow"}}'::jsonb)) ~ '"intake_progress": 20';
COMMIT;
:otto
SELECT number, status, blueprint_json -> 'edges' IS NOT NULL AS drawn FROM copilot.automation_versions WHERE automation_id = regress.id('a', 2, 1) ORDER BY 1;
-- from the newest, unless another is named
SELECT regress.call('automation_version.create_version', jsonb_build_object('automation_id', regress.id('a', 2, 1))) ~ '"problem": "It is too slow"' AS of_the_newest,
	regress.call('automation_version.create_version', jsonb_build_object('automation_id', regress.id('a', 2, 1), 'base', regress.id('a', 3, 1))) ~ '"problem": "Invoices lie around"' AS of_the_first;
SELECT string_agg(number::text, ' ' ORDER BY number) FROM copilot.automation_versions WHERE automation_id = regress.id('a', 2, 1);
-- one key, one version
SELECT copilot.automation_next_version(regress.id('a', 2, 2), key => 'flow 12, 1') = copilot.automation_next_version(regress.id('a', 2, 2), key => 'flow 12, 1') AS same;
SELECT count(*) FROM copilot.automation_versions WHERE automation_id = regress.id('a', 2, 2);
COMMIT;
-- pages of versions: newest first, of an automation, of a status
:ann
WITH RECURSIVE page (n, answer) AS (
	SELECT 1, copilot.call_automation_version_list(jsonb_build_object('automation_id', regress.id('a', 2, 1), 'limit', 3))
	UNION ALL
	SELECT n + 1, copilot.call_automation_version_list(jsonb_build_object('automation_id', regress.id('a', 2, 1), 'limit', 3, 'after', answer ->> 'next'))
	FROM page WHERE answer ->> 'next' IS NOT NULL AND n < 9)
SELECT n, count(*), bool_or(v ?| '{blueprint_json,requirements,tenant_id}') AS large FROM page, jsonb_array_elements(answer -> 'versions') v GROUP BY n ORDER BY n;
SELECT v ->> 'number', v ->> 'automation_name', v ->> 'status' FROM copilot.call_automation_version_list('{"status": "live"}') l, jsonb_array_elements(l -> 'versions') v;
SELECT regress.call('automation_version.list', p) FROM unnest(ARRAY['{"status": "sleeping"}', '{"after": "x"}', '{"automation_id": 7}', '{"colour": "red"}']::jsonb[]) p;
COMMIT;

-- who may not: builders and testers; who does not see it learns nothing
:bob
SELECT regress.call('automation_version.create_version', jsonb_build_object('automation_id', a)) FROM unnest(ARRAY[regress.id('a', 2, 1), regress.id('a', 2, 2), regress.id('b', 2, 1), regress.id('a', 2, 9)]) a;
SELECT count(*) = 4 AS of_my_project FROM copilot.call_automation_version_list('{}') l, jsonb_array_elements(l -> 'versions') v;
COMMIT;
:gil
SELECT regress.call('automation_version.create_version', jsonb_build_object('automation_id', regress.id('a', 2, 1)));
-- no base of another automation, whoever's it is
SELECT regress.call('automation_version.create_version', jsonb_build_object('automation_id', regress.id('b', 2, 1), 'base', b)) FROM unnest(ARRAY[regress.id('b', 3, 2), regress.id('a', 3, 1)]) b;
INSERT INTO copilot.automation_versions (automation_id, number, based_on) VALUES (regress.id('b', 2, 1), 7, regress.id('b', 3, 2));
ROLLBACK;
-- what is archived has no next version
UPDATE copilot.automations SET archived_at = now() WHERE id = regress.id('a', 2, 2);
:ann
SELECT regress.call('automation_version.create_version', jsonb_build_object('automation_id', regress.id('a', 2, 2)));
-- nor by a bare statement
INSERT INTO copilot.automation_versions (automation_id, number) VALUES (regress.id('a', 2, 2), 9);
ROLLBACK;
-- that another tenant's is archived is not said
:gil
INSERT INTO copilot.automation_versions (automation_id, number) VALUES (regress.id('a', 2, 2), 9);
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
