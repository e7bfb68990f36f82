-- Flow 13: what follows from each step of a version, once and in its transaction.
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

-- what the router calls, noted instead of done; all of this is rolled back
BEGIN;
CREATE TABLE regress.routed (n int GENERATED ALWAYS AS IDENTITY, what text);
CREATE OR REPLACE FUNCTION copilot.quote_make(tenant uuid, version uuid) RETURNS void LANGUAGE sql SECURITY DEFINER
	AS $$ INSERT INTO regress.routed (what) SELECT 'quote ' || version || ' of ' || tenant $$;
CREATE OR REPLACE FUNCTION copilot.build_begin(tenant uuid, version uuid) RETURNS void LANGUAGE sql SECURITY DEFINER
	AS $$ INSERT INTO regress.routed (what) SELECT 'build ' || version || ' of ' || tenant $$;
CREATE OR REPLACE FUNCTION copilot.binding_launch(tenant uuid, version uuid) RETURNS void LANGUAGE sql SECURITY DEFINER
	AS $$ INSERT INTO regress.routed (what) SELECT 'bindings ' || version || ' of ' || tenant $$;
-- the steps of a life, each by whose it is; then who was told
CREATE FUNCTION regress.step(person text, target text, why text DEFAULT NULL) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	DELETE FROM regress.routed;
	DELETE FROM copilot.notifications;
	PERFORM regress.act(person);
	SET LOCAL ROLE wrk_member;
	line := concat_ws(' ', person, '->', target, regress.version('transition', 1, jsonb_strip_nulls(jsonb_build_object('to', target, 'reason', why))));
	RESET ROLE;
	RETURN NEXT line;
	RETURN QUERY SELECT '  ' || replace(replace(r.what, regress.id('a', 3, 1)::text, 'v1'), regress.id('a', 0, 0)::text, 'a') FROM regress.routed r ORDER BY r.n;
	RETURN QUERY SELECT '  ' || t FROM regress.told() t;
END $$;
UPDATE copilot.automation_versions SET intake_progress = 100 WHERE id = regress.id('a', 3, 1);
UPDATE copilot.tasks SET status = 'done' WHERE project_id = regress.id('a', 4, 1);
SELECT * FROM regress.step('ann', 'needs_pricing');
SELECT * FROM regress.step('otto', 'awaiting_client_approval');
SELECT * FROM regress.step('ann', 'needs_pricing', 'Too expensive');
SELECT * FROM regress.step('otto', 'awaiting_client_approval');
SELECT * FROM regress.step('ann', 'build_in_progress');
SELECT * FROM regress.step('bob', 'qa_testing');
-- after a failed test it is built again
SELECT * FROM regress.step('quinn', 'build_in_progress', 'Dates are read wrong');
-- unblocking begins nothing anew
SELECT * FROM regress.step('bob', 'blocked', 'No credentials');
SELECT * FROM regress.step('otto', 'previous');
SELECT * FROM regress.step('bob', 'qa_testing');
SELECT * FROM regress.step('quinn', 'ready_to_launch');
SELECT * FROM regress.step('otto', 'live');
SELECT * FROM regress.step('ann', 'paused');
SELECT * FROM regress.step('otto', 'blocked', 'Password has changed');
SELECT * FROM regress.step('otto', 'previous');
SELECT * FROM regress.step('ann', 'previous');
SELECT * FROM regress.step('ada', 'archived');
-- unblocked while it needs pricing, it is not quoted a second time
SELECT regress.load(1, 'intake_in_progress');
SELECT * FROM regress.step('ann', 'needs_pricing');
SELECT * FROM regress.step('otto', 'blocked', 'Who pays?');
SELECT * FROM regress.step('otto', 'previous');
-- a step that is refused has no consequence
SELECT * FROM regress.step('ann', 'live');
SELECT * FROM regress.step('quinn', 'archived', 'x');
ROLLBACK;

-- and what really followed: a draft of a quote, the build and its tasks, bindings that run
UPDATE copilot.automation_versions SET intake_progress = 100 WHERE id = regress.id('a', 3, 1);
:ann
SELECT regress.version('transition', 1, '{"to": "needs_pricing"}');
COMMIT;
SELECT 'quote', q.status FROM copilot.quotes q WHERE q.automation_version_id = regress.id('a', 3, 1);
:otto
SELECT event_id AS sent FROM wrk.rpc_call('automation_version.transition', jsonb_build_object('id', regress.id('a', 3, 1), 'to', 'awaiting_client_approval')) \gset
COMMIT;
:ann
SELECT event_id AS approved FROM wrk.rpc_call('automation_version.transition', jsonb_build_object('id', regress.id('a', 3, 1), 'to', 'build_in_progress')) \gset
COMMIT;
SELECT 'quote', q.status FROM copilot.quotes q WHERE q.automation_version_id = regress.id('a', 3, 1);
-- a call answers with its last event: that is the one that tells of the step, whatever followed from it
SELECT e.type, e.payload ->> 'to' FROM wrk.event e WHERE e.id IN (:sent, :approved) ORDER BY e.id;
SELECT 'task', t.kind, count(*) > 0 FROM copilot.tasks t WHERE t.automation_version_id = regress.id('a', 3, 1) AND t.rule IS NOT NULL GROUP BY t.kind ORDER BY 2;
SELECT 'build', b.status FROM copilot.builds b WHERE b.automation_version_id = regress.id('a', 3, 1);
SELECT regress.load(1, 'ready_to_launch');
:otto
INSERT INTO regress.known SELECT 'binding', (copilot.binding_create(regress.id('a', 3, 1), 'n8n', 'wf-1') ->> 'id')::uuid;
SELECT regress.version('launch', 1);
SELECT 'binding', b.status FROM copilot.workflow_bindings b;
SELECT regress.version('pause', 1);
SELECT 'binding', b.status FROM copilot.workflow_bindings b;
SELECT regress.version('resume', 1);
SELECT 'binding', b.status FROM copilot.workflow_bindings b;
COMMIT;
-- all of it is told as events of this tenant, and none of another
SELECT DISTINCT split_part(e.channels[1], ':', 2) = regress.id('a', 0, 0)::text FROM wrk.event e, regress.looked l WHERE e.id > l.event;
SELECT regress.load(1, 'intake_in_progress');

-- a step and its consequences are one: where one of them fails, there was no step
BEGIN;
CREATE OR REPLACE FUNCTION copilot.quote_make(tenant uuid, version uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
	AS $$ BEGIN RAISE EXCEPTION 'no price list' USING ERRCODE = 'WK409'; END $$;
UPDATE copilot.automation_versions SET intake_progress = 100 WHERE id = regress.id('a', 3, 1);
SELECT regress.look();
SELECT regress.act('ann');
SET LOCAL ROLE wrk_member;
SELECT regress.version('transition', 1, '{"to": "needs_pricing"}');
SELECT regress.statuses(1);
RESET ROLE;
SELECT count(*) FROM regress.news('status_changed|notification');
ROLLBACK;

-- a bare UPDATE has them as well, and so has every row of a statement for many; builders and testers are told of their projects
BEGIN;
INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role) VALUES (regress.id('a', 0, 0), regress.id('a', 4, 2), regress.id('0', 1, 3), 'qa');
SELECT regress.look();
SELECT regress.act('otto');
SET LOCAL ROLE wrk_member;
UPDATE copilot.automation_versions SET status = 'blocked', status_reason = 'Strike' WHERE automation_id IN (regress.id('a', 2, 1), regress.id('a', 2, 2));
RESET ROLE;
SELECT t FROM regress.told() t ORDER BY 1;
-- people of the other company were told nothing
SELECT count(*) FROM copilot.notifications n WHERE n.tenant_id <> regress.id('a', 0, 0);
ROLLBACK;
-- what is loaded as it is has no consequences
BEGIN;
SELECT regress.look();
SELECT regress.load(1, 'blocked');
SELECT count(*) FROM regress.news('status_changed|notification');
ROLLBACK;

-- nobody makes consequences without a step, nor sees where a step leads to
:ada
SELECT copilot.automation_version_entered('{"to": "live"}');
ROLLBACK;
:ada
SELECT copilot.route_news('{}', false);
ROLLBACK;
SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'copilot'::regnamespace AND p.proname ~ '^route_|_entered$'
	AND (has_function_privilege('wrk_member', p.oid, 'EXECUTE') OR has_function_privilege('wrk_gateway', p.oid, 'EXECUTE'));

-- an installation from before the router gets it in the machine it has made of ours; what is on its way goes on by that
BEGIN;
DELETE FROM wrk.state_machine WHERE name = 'automation_version';
ALTER TABLE copilot.automation_versions DISABLE TRIGGER USER;
SELECT wrk.define_state_machine(replace(m::text, copilot.version_hooks()::text, '"copilot.automation_version_announce"')::jsonb)
FROM copilot.machines() m WHERE m ->> 'name' = 'automation_version';
SELECT wrk.define_state_machine(jsonb_set(m.definition, '{title}', '"Ours"')) FROM wrk.state_machine m WHERE m.name = 'automation_version';
UPDATE copilot.automation_versions SET status_machine_version = 2, intake_progress = 100;
ALTER TABLE copilot.automation_versions ENABLE TRIGGER USER;
SELECT copilot.define_machines();
SELECT m.version, m.title, count(*) FILTER (WHERE 'copilot.automation_version_entered(pg_catalog.jsonb)' = ANY (t.after)) = count(*) AS routed
FROM wrk.state_machine m JOIN wrk.transition t ON t.machine = m.name AND t.version = m.version WHERE m.name = 'automation_version' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT status_machine_version, version, count(*) FROM copilot.automation_versions GROUP BY 1, 2 ORDER BY 1, 2;
SELECT regress.look(), regress.act('ann');
SET LOCAL ROLE wrk_member;
SELECT regress.version('transition', 1, '{"to": "needs_pricing"}');
RESET ROLE;
SELECT * FROM regress.told();
-- again: nothing is left to do
SELECT copilot.define_machines();
SELECT max(version) FROM wrk.state_machine WHERE name = 'automation_version';
ROLLBACK;

DELETE FROM wrk.job WHERE tenant_id = regress.id('a', 0, 0)::text;
SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
