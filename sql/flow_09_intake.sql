-- Flow 9: the client answers the questions of the intake; the progress follows from what is there.
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

-- what is asked: the form that a screen shows
:ann
SELECT q ->> 'section', q ->> 'code', q ->> 'kind', q ->> 'choices', q ->> 'required', q ->> 'answer'
FROM copilot.call_automation_version_intake(jsonb_build_object('id', regress.id('a', 3, 1))) i, jsonb_array_elements(i -> 'questions') q;
-- section by section; the answer says what is missing
SELECT regress.version('capture', 1, '{"answers": {"goals": {"problem": "Invoices lie around", "outcome": "Paid in a week"}}}');
SELECT regress.version('capture', 1, '{"answers": {"process": {"starts_with": "A mail", "steps": ["Read", "Check", "Book"], "monthly_runs": 400}, "systems": {"access": "some"}}}');
-- an answer is changed, one is taken back, what is not required counts for nothing
SELECT regress.version('capture', 1, '{"answers": {"goals": {"outcome": "Paid in a day", "problem": null}, "data": {"personal": true}}}');
SELECT requirements FROM copilot.automation_versions WHERE id = regress.id('a', 3, 1);
-- the same again changes nothing
SELECT version AS before FROM copilot.automation_versions WHERE id = regress.id('a', 3, 1) \gset
SELECT regress.version('capture', 1, '{"answers": {"goals": {"problem": null}, "data": {"personal": true}}}') LIKE '%"version": ' || :before || ',%';
COMMIT;
SELECT * FROM regress.news('captured');
SELECT l.action, p.name, l.changes #> '{diff,requirements}' FROM wrk.audit_log l JOIN regress.person p ON p.id = copilot.as_uuid(l.user_id), regress.looked
WHERE l.id > looked.log AND l.resource_type = 'automation_version' ORDER BY l.id;

-- what is no answer is refused in words that say which
:ann
SELECT regress.version('capture', 1, jsonb_build_object('answers', a)) FROM unnest(ARRAY[
	'[]', '{"goals": []}', '{"goals": {"colour": "red"}}', '{"colours": {"red": "yes"}}', '{"goals": {"problem": " "}}', '{"goals": {"problem": 5}}',
	'{"process": {"monthly_runs": "400"}}', '{"process": {"steps": []}}', '{"process": {"steps": ["Read", ""]}}', '{"process": {"steps": "Read"}}',
	'{"systems": {"access": "maybe"}}', '{"data": {"personal": "no"}}', '{"goals": {"outcome": {"deep": 1}}}']::jsonb[]) a;
SELECT regress.version('capture', 1, jsonb_build_object('answers', jsonb_build_object('goals', jsonb_build_object('problem', repeat('x', 5001)))));
SELECT regress.version('capture', 1);
SELECT regress.call('automation_version.capture', '{"answers": {}}');
-- nor does anybody state the progress, or write answers past the questions
SELECT intake_progress FROM copilot.automation_versions WHERE id = regress.id('a', 3, 1);
SAVEPOINT s;
UPDATE copilot.automation_versions SET intake_progress = 100 WHERE id = regress.id('a', 3, 1);
ROLLBACK TO s;
UPDATE copilot.automation_versions SET requirements = '{"goals": {"colour": "red"}}' WHERE id = regress.id('a', 3, 1);
ROLLBACK TO s;
UPDATE copilot.automation_versions SET requirements = '[]' WHERE id = regress.id('a', 3, 1);
ROLLBACK;

-- one key, one capture
:ann
SELECT copilot.automation_version_capture(regress.id('a', 3, 1), '{"people": {"contact": "Eve"}}', 'flow 9, 1') = copilot.automation_version_capture(regress.id('a', 3, 1), '{"people": {"contact": "Eve"}}', 'flow 9, 1') AS same;
COMMIT;

-- the members of the project may answer, testers as well; others may not even know of it
:bob
SELECT regress.version('capture', 1, '{"answers": {"process": {"exceptions": "Scans without text"}}}') ~ 'missing';
SELECT regress.version(m, 2, p) FROM (VALUES ('capture', '{"answers": {}}'::jsonb), ('intake', '{}'), ('ingest', '{"source": "x"}')) c (m, p);
COMMIT;
:gil
SELECT regress.version(m, 1, p) FROM (VALUES ('capture', '{"answers": {}}'::jsonb), ('intake', '{}'), ('ingest', '{"source": "x"}')) c (m, p);
SELECT regress.call('automation_version.capture', jsonb_build_object('id', regress.id('a', 3, 99), 'answers', '{}'::jsonb));
SELECT copilot.automation_version_ingest(regress.id('a', 3, 1), 'x');
COMMIT;
:bob
SELECT copilot.automation_version_ingest(regress.id('a', 3, 2), 'x');
COMMIT;

-- a document is left to a worker, twice the same is one job; the worker captures as anybody does
:ann
SELECT copilot.automation_version_ingest(regress.id('a', 3, 1), 'Minutes of our call') = copilot.automation_version_ingest(regress.id('a', 3, 1), 'Minutes of our call') AS one_job;
SELECT regress.version('ingest', 1, jsonb_build_object('source', repeat('x', 50001))), regress.version('ingest', 1);
COMMIT;
SELECT queue, state, payload - 'automation_version_id' - 'by' FROM wrk.job WHERE tenant_id = regress.id('a', 0, 0)::text AND queue = 'ai-ingestion';
BEGIN;
SELECT wrk.impersonate(regress.id('a', 0, 0)::text, NULL, '{system}') IS NOT NULL;
SET LOCAL ROLE wrk_member;
SELECT regress.version('capture', 1, '{"answers": {"goals": {"problem": "Invoices lie around"}, "systems": {"systems": ["Mail", "ERP"]}, "data": {"input": "PDF", "output": "Bookings in the ERP"}}}');
COMMIT;

-- complete, it is submitted; from then on no answer is changed
:ann
SELECT regress.version('transition', 1, '{"to": "needs_pricing"}');
SELECT copilot.blueprint_apply(regress.id('a', 3, 1), 1, '{"nodes": {"added": [{"id": "n2"}]}, "meta": {"set": [[["edges"], [{"id": "e1", "source": "n1", "target": "n2"}]]]}}') ->> 'version';
SELECT regress.version('transition', 1, '{"to": "needs_pricing"}');
SELECT regress.version('capture', 1, '{"answers": {"goals": {"problem": "Something else"}}}');
SELECT regress.version('ingest', 1, '{"source": "One more thing"}');
UPDATE copilot.automation_versions SET requirements = '{}' WHERE id = regress.id('a', 3, 1);
ROLLBACK;

-- the questions are the installation's: a new one is asked of all, and what was answered before it went stays
BEGIN;
INSERT INTO copilot.intake_questions (section, code, position, label) VALUES ('goals', 'budget', 99, 'What may it cost?');
DELETE FROM copilot.intake_questions WHERE code = 'contact';
SELECT copilot.install();
SELECT count(*) FROM copilot.intake_questions WHERE code IN ('budget', 'contact');
SELECT regress.act('ann');
SET LOCAL ROLE wrk_member;
SELECT regress.version('capture', 1, '{"answers": {"goals": {"budget": "500"}}}');
SELECT requirements #>> '{people,contact}' FROM copilot.automation_versions WHERE id = regress.id('a', 3, 1);
SELECT regress.version('capture', 1, '{"answers": {"people": {"contact": "Joe"}}}');
INSERT INTO copilot.intake_questions (section, code, position, label) VALUES ('goals', 'mine', 1, 'x');
ROLLBACK;
DELETE FROM wrk.job WHERE tenant_id = regress.id('a', 0, 0)::text;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
