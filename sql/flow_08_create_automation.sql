-- Flow 8: a client begins an automation; its first version is there with it, at the beginning of its intake.
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

-- nothing but a name is needed
:ann
SELECT regress.call('automation.create', '{"name": "Invoices"}');
-- with a design and first answers; what is not part of the answer stays at what a version begins with
INSERT INTO regress.known SELECT 'first', (a ->> 'id')::uuid FROM copilot.automation_create('Reminders', 'Who has not paid is reminded',
	'{"nodes": [{"id": "n1"}, {"id": "n2"}], "edges": [{"id": "e1", "source": "n1", "target": "n2"}]}',
	'{"goals": {"problem": "Nobody reminds them", "outcome": null}}') a;
INSERT INTO regress.known SELECT 'version', v.id FROM copilot.automation_versions v WHERE v.automation_id = regress.known('first');
SELECT a ->> 'name', a ->> 'description', v - '{id,created_at,updated_at,status_changed_at}'::text[]
FROM copilot.call_automation_get(jsonb_build_object('id', regress.known('first'))) a, jsonb_array_elements(a -> 'versions') v;
SELECT v - '{id,automation_id,created_at,updated_at,status_changed_at}'::text[] FROM copilot.automation_version_get(jsonb_build_object('id', regress.known('version'))) v;
-- the design of another tool, made one of ours
SELECT copilot.automation_create('Imported', NULL, wrk.blueprint_import('{"nodes": [{"id": "a", "position": {"x": 0, "y": 0}, "data": {}}, {"id": "b", "position": {"x": 9, "y": 0}, "data": {}}],
	"edges": [{"id": "e", "source": "a", "target": "b"}]}')) #>> '{version,intake_progress}';
COMMIT;
-- it was announced to those who see all automations, and is in the log with who made it
SELECT type, regexp_replace(channels, ':[0-9a-f-]{36}', ':ID'), payload #>> '{data,name}' FROM regress.news('^automation\.');
SELECT l.action, l.resource_type, p.name FROM wrk.audit_log l JOIN regress.person p ON p.id = copilot.as_uuid(l.user_id), regress.looked WHERE l.id > looked.log AND l.resource_type ~ '^automation' ORDER BY l.id;

-- the same key makes one automation, whoever was impatient; with another request it is refused
:ann
SELECT a.result ->> 'name', a.result = b.result AS same FROM wrk.rpc_call('automation.create', '{"name": "Once"}', 'flow 8, 1') a, wrk.rpc_call('automation.create', '{"name": "Once"}', 'flow 8, 1') b;
SELECT copilot.automation_create('Once more', key => 'flow 8, 2') = copilot.automation_create('Once more', key => 'flow 8, 2') AS same;
SELECT count(*) FROM copilot.automations WHERE name LIKE 'Once%';
SELECT regress.call('automation.create', '{"name": "Another"}', 'flow 8, 1');
COMMIT;

-- what is no automation is refused, and nothing of it stays
:ann
SELECT regress.call('automation.create', p) FROM unnest(ARRAY['{}', '{"name": " "}', '{"name": 7}', '{"name": "x", "owner": "me"}', '{"name": "x", "blueprint": []}',
	'{"name": "x", "answers": {"goals": "all"}}', '{"name": "x", "answers": {"goals": {"colour": "red"}}}', '{"name": "x", "answers": {"process": {"monthly_runs": "often"}}}',
	'{"name": "x", "blueprint": {"nodes": [{"id": "n1"}, {"id": "n1"}]}}']::jsonb[]) p;
SELECT regress.call('automation.create', jsonb_build_object('name', repeat('x', 201)));
SELECT count(*) FROM copilot.automations WHERE name LIKE 'x%';
-- nobody says who made it, when, or how far it is
INSERT INTO copilot.automation_versions (automation_id, number, intake_progress) VALUES (regress.id('a', 2, 1), 2, 100);
ROLLBACK;
:ann
INSERT INTO copilot.automations (name, created_by) VALUES ('forged', regress.id('0', 1, 5));
ROLLBACK;

-- not for those who build or test, nor for who has not said who they are
:bob
SELECT regress.call('automation.create', '{"name": "Mine"}');
COMMIT;
:quinn
SELECT regress.call('automation.create', '{"name": "Mine"}');
COMMIT;
SET ROLE wrk_member;
SELECT regress.call('automation.create', '{"name": "Nobody''s"}');
RESET ROLE;
-- another tenant has automations of its own and sees none of these, by whatever call
:gil
SELECT regress.call('automation.create', '{"name": "Ours"}');
SELECT regress.call(m, jsonb_build_object('id', regress.known('first'))) FROM unnest('{automation.get,automation.update}'::text[]) m;
SELECT a ->> 'name' FROM copilot.call_automation_list('{}') l, jsonb_array_elements(l -> 'automations') a WHERE a ->> 'name' NOT LIKE 'b_ automation';
SELECT jsonb_array_length(copilot.call_automation_version_list(jsonb_build_object('automation_id', regress.known('first'))) -> 'versions');
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
