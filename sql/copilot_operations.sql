-- Operations: projects, the pipeline, and what administrators do.
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
CREATE FUNCTION regress.call(method text, params jsonb DEFAULT '{}') RETURNS text LANGUAGE sql
RETURN regress.answer(method, params, '{id,created_at,updated_at,assessed_at,members,next}', NULL);
DELETE FROM copilot.notifications;
DELETE FROM wrk.job;
CREATE TABLE regress.looked AS SELECT coalesce(max(id), 0) AS id FROM wrk.audit_log;
-- a notification: to whom, and what
CREATE FUNCTION regress.told() RETURNS SETOF text LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM copilot.notifications n WHERE resource_type = 'project' RETURNING n.*)
	SELECT concat_ws(' | ', (SELECT name FROM copilot.users u WHERE u.id = user_id), kind, title, payload ->> 'role') FROM gone ORDER BY 1
$$;

-- ---------- projects ----------

-- operations make them; a version says its automation, and how far its price is
:otto
SELECT regress.call('project.create', jsonb_build_object('name', 'Scanner', 'kind', 'revision', 'automation_version_id', regress.id('a', 3, 2), 'owner_id', regress.id('0', 1, 5), 'eta', '2099-02-01'));
SELECT regress.call('project.create', '{"name": "Idea"}');
COMMIT;
SELECT regress.told();
SELECT id AS scanner FROM copilot.projects WHERE name = 'Scanner' \gset
SELECT id AS idea FROM copilot.projects WHERE name = 'Idea' \gset
-- refused: what is not there or another tenant's, a version of another automation, an owner from elsewhere, bad parameters
:otto
SELECT regress.call('project.create', '{"name": "x"}'::jsonb || p) FROM unnest(ARRAY[jsonb_build_object('automation_version_id', regress.id('b', 3, 1)), jsonb_build_object('automation_version_id', regress.id('a', 3, 99)),
	jsonb_build_object('automation_id', regress.id('b', 2, 1)), jsonb_build_object('automation_id', regress.id('a', 2, 1), 'automation_version_id', regress.id('a', 3, 2)),
	jsonb_build_object('owner_id', regress.id('0', 1, 6)), '{"kind": "whim"}', '{"name": ""}', '{"eta": "soon"}', '{"status": "completed"}', '{"pricing_status": "approved"}']) p;
INSERT INTO copilot.projects (name, pricing_status) VALUES ('x', 'approved');
ROLLBACK;
-- clients, builders and testers make and change none
:ann
SELECT regress.call('project.create', '{"name": "x"}'), regress.call('project.update', jsonb_build_object('id', :'scanner', 'name', 'x')),
	regress.call('project.add_member', jsonb_build_object('id', :'scanner', 'user_id', regress.id('0', 1, 1), 'role', 'client'));
COMMIT;
:bob
SELECT regress.call('project.create', '{"name": "x"}'), regress.call('project.update', jsonb_build_object('id', regress.id('a', 4, 1), 'name', 'x')),
	regress.call('project.update', jsonb_build_object('id', :'scanner', 'name', 'x')), regress.call('project.remove_member', jsonb_build_object('id', regress.id('a', 4, 1), 'user_id', regress.id('0', 1, 3)));
COMMIT;
:gil
SELECT regress.call(m, jsonb_build_object('id', :'scanner') || CASE m WHEN 'project.update' THEN '{"name": "x"}'::jsonb ELSE jsonb_build_object('user_id', regress.id('0', 1, 6), 'role', 'qa') END)
FROM unnest('{project.update,project.add_member,project.remove_member}'::text[]) m;
COMMIT;

-- changes: what is absent stays, null empties, the status takes legal steps only
:otto
SELECT regress.call('project.update', jsonb_build_object('id', :'scanner', 'name', 'Scanner 2', 'status', 'in_progress'))::jsonb - '{automation_id,automation_version_id,created_by}'::text[];
SELECT regress.call('project.update', jsonb_build_object('id', :'scanner', 'status', 'on_hold'))::jsonb ->> 'status';
SELECT regress.call('project.update', jsonb_build_object('id', :'scanner', 'status', 'completed'));
SELECT regress.call('project.update', jsonb_build_object('id', :'scanner', 'status', 'previous', 'eta', NULL, 'owner_id', NULL))::jsonb - '{automation_id,automation_version_id,created_by}'::text[];
-- nothing is half done: the step is refused, and so is the name
SELECT regress.call('project.update', jsonb_build_object('id', :'scanner', 'name', 'Half', 'status', 'planned'));
SELECT name FROM copilot.projects WHERE id = :'scanner';
SELECT regress.call('project.update', jsonb_build_object('id', :'idea', 'automation_version_id', regress.id('a', 3, 1)))::jsonb ->> 'automation_id';
SELECT regress.call('project.update', jsonb_build_object('id', :'idea', 'automation_id', NULL))::jsonb - '{created_by}'::text[];
SELECT regress.call('project.update', jsonb_build_object('id', :'idea', 'automation_version_id', regress.id('b', 3, 1)));
SELECT regress.call('project.update', jsonb_build_object('id', gen_random_uuid(), 'name', 'x')), regress.call('project.update', '{"name": "x"}');
SELECT jsonb_array_length(copilot.project_list(jsonb_build_object('automation_id', regress.id('a', 2, 2))) -> 'projects'), jsonb_array_length(copilot.project_list(jsonb_build_object('owner_id', regress.id('0', 1, 4))) -> 'projects');
COMMIT;

-- who takes part sees the project, and is told; who is taken out does not
:otto
SELECT copilot.call_project_add_member(jsonb_build_object('id', :'scanner', 'user_id', regress.id('0', 1, 2), 'role', r)) -> 'members' FROM unnest('{builder,builder,qa}'::text[]) r;
SELECT regress.call('project.add_member', jsonb_build_object('id', :'scanner', 'user_id', regress.id('0', 1, 6), 'role', 'builder')), regress.call('project.add_member', jsonb_build_object('id', :'scanner', 'user_id', regress.id('0', 1, 2), 'role', 'admin')),
	regress.call('project.add_member', jsonb_build_object('id', :'scanner', 'user_id', regress.id('0', 1, 2)));
COMMIT;
SELECT regress.told();
:bob
SELECT regress.call('project.get', jsonb_build_object('id', :'scanner'))::jsonb ->> 'name';
COMMIT;
:otto
SELECT copilot.call_project_remove_member(jsonb_build_object('id', :'scanner', 'user_id', regress.id('0', 1, 2), 'role', 'qa')) -> 'members';
SELECT copilot.call_project_remove_member(jsonb_build_object('id', :'scanner', 'user_id', regress.id('0', 1, 2))) -> 'members';
SELECT regress.call('project.remove_member', jsonb_build_object('id', :'scanner', 'user_id', regress.id('0', 1, 2)));
COMMIT;
:bob
SELECT regress.call('project.get', jsonb_build_object('id', :'scanner'));
COMMIT;

-- the price follows the version, whoever moves it, and stop-overs say nothing of it
CREATE FUNCTION regress.go(n int, target text) RETURNS text LANGUAGE sql AS $$
	SELECT wrk.transition('copilot.automation_versions', regress.id('a', 3, n)::text, target, 'because') ->> 'to'
$$;
CREATE FUNCTION regress.pricing() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(name || ' ' || pricing_status, ', ' ORDER BY name) FROM copilot.projects WHERE automation_version_id = regress.id('a', 3, 2)
$$;
UPDATE copilot.automation_versions SET intake_progress = 100;
:ada
SELECT regress.go(2, 'needs_pricing'), regress.pricing();
SELECT regress.pricing();
SELECT regress.go(2, 'blocked');
SELECT regress.go(2, 'previous');
SELECT regress.pricing();
SELECT regress.go(2, 'awaiting_client_approval');
SELECT regress.pricing();
SELECT regress.go(2, 'needs_pricing');
SELECT regress.pricing();
SELECT regress.go(2, 'blocked');
SELECT regress.pricing();
SELECT regress.go(2, 'previous');
SELECT regress.go(2, 'awaiting_client_approval');
SELECT regress.go(2, 'build_in_progress');
SELECT regress.pricing();
SELECT regress.go(2, 'archived');
SELECT regress.pricing();
SELECT copilot.project_create('Late', version => regress.id('a', 3, 2)) ->> 'pricing_status';
ROLLBACK;

-- an installation from before there were clients and prices gets them, for what it has
BEGIN;
SELECT regress.act('ada');
SELECT regress.go(2, 'needs_pricing');
DROP VIEW copilot.pipeline;
DROP TABLE copilot.client_health, copilot.clients;
DROP TRIGGER price ON copilot.projects;
ALTER TABLE copilot.projects DROP COLUMN pricing_status;
SELECT copilot.install(), copilot.install();
SELECT regress.pricing();
SELECT count(*), count(DISTINCT c.tenant_id), count(h.id) FROM copilot.clients c LEFT JOIN copilot.client_health h USING (tenant_id, id);
SELECT l FROM wrk.lint() l WHERE l::text !~ 'regress';
ROLLBACK;

-- ---------- the pipeline ----------

UPDATE copilot.projects SET owner_id = regress.id('0', 1, 4) WHERE id = regress.id('a', 4, 1);
:otto
SELECT regress.go(2, 'needs_pricing');
COMMIT;
ALTER TABLE copilot.automation_versions DISABLE TRIGGER USER;
UPDATE copilot.automation_versions SET status_changed_at = now() - interval '3 days' WHERE id = regress.id('a', 3, 1);
UPDATE copilot.automation_versions SET status_changed_at = now() - interval '1 day' WHERE id = regress.id('a', 3, 2);
ALTER TABLE copilot.automation_versions ENABLE TRIGGER USER;
:otto
SELECT v ->> 'automation_name', v ->> 'status', (v ->> 'age_seconds')::int / 3600 AS hours, v ->> 'project_name', v ->> 'owner_name', v ->> 'quote_status', v ->> 'currency', v ->> 'setup_fee', v ->> 'monthly_amount', v ? 'tenant_id' AS leaks
FROM jsonb_array_elements(copilot.call_pipeline_list('{}') -> 'versions') v;
-- page by page, each once
SELECT copilot.call_pipeline_list('{"limit": 1}') AS page \gset
SELECT v ->> 'automation_name' FROM jsonb_array_elements(:'page'::jsonb -> 'versions') v;
SELECT copilot.call_pipeline_list(jsonb_build_object('limit', 1, 'after', :'page'::jsonb -> 'next')) AS page \gset
SELECT v ->> 'automation_name', :'page'::jsonb -> 'next' FROM jsonb_array_elements(:'page'::jsonb -> 'versions') v;
SELECT jsonb_array_length(copilot.call_pipeline_list(p) -> 'versions') FROM unnest(ARRAY['{"status": "needs_pricing"}', '{"status": "live"}', jsonb_build_object('owner_id', regress.id('0', 1, 4))]) p;
SELECT s - 'oldest_seconds', (s ->> 'oldest_seconds')::int / 3600 FROM jsonb_array_elements(copilot.call_pipeline_summary('{}') -> 'stages') s;
SELECT regress.call('pipeline.list', '{"status": "archived"}'), regress.call('pipeline.list', '{"after": "x"}'), regress.call('pipeline.summary', '{"x": 1}');
-- what is archived is not on its way
SELECT regress.go(1, 'archived');
SELECT count(*) FROM copilot.pipeline;
ROLLBACK;
-- for operations only, by call and by view
:ann
SELECT regress.call('pipeline.list'), regress.call('pipeline.summary'), (SELECT count(*) FROM copilot.pipeline);
COMMIT;
:bob
SELECT regress.call('pipeline.list'), regress.call('pipeline.summary'), (SELECT count(*) FROM copilot.pipeline);
COMMIT;
:gil
SELECT regress.call('pipeline.list'), (SELECT count(*) FROM copilot.pipeline);
COMMIT;
BEGIN;
DO $$BEGIN PERFORM wrk.impersonate(regress.id('b', 0, 0)::text, regress.id('0', 1, 4)::text, '{ops}'); END$$;
SET LOCAL ROLE wrk_member;
SELECT automation_name FROM copilot.pipeline ORDER BY 1;
COMMIT;

-- ---------- administrators ----------

SELECT method, roles FROM wrk.rpc WHERE method LIKE 'admin.%' ORDER BY 1;
SELECT wrk.job_enqueue('usage-sync', '{"secret": 1}', tenant_id => regress.id(t, 0, 0)::text) > 0 FROM unnest('{a,a,b}'::text[]) t;
UPDATE wrk.job SET state = 'dead', finished_at = now(), last_error = 'no answer', attempts = 8 WHERE queue = 'usage-sync';
SELECT min(id) AS job, max(id) AS others FROM wrk.job WHERE queue = 'usage-sync' \gset
:ada
SELECT regress.call('admin.overview');
SELECT jsonb_array_length(copilot.call_admin_failed_jobs('{}') -> 'jobs'), copilot.call_admin_failed_jobs('{}')::text LIKE '%secret%' AS leaks;
SELECT (j -> 'jobs' -> 0) - '{id,created_at,finished_at}'::text[], j ->> 'next' IS NOT NULL FROM copilot.call_admin_failed_jobs('{"limit": 1}') j;
SELECT jsonb_array_length(copilot.call_admin_failed_jobs(jsonb_build_object('after', copilot.call_admin_failed_jobs('{"limit": 1}') -> 'next')) -> 'jobs');
SELECT regress.call('admin.retry_job', jsonb_build_object('id', :job, 'reason', 'it answers again'));
SELECT regress.call('admin.retry_job', jsonb_build_object('id', :job, 'reason', 'once more')) = format('WK409 job %s is ready', :job);
SELECT regress.call('admin.retry_job', jsonb_build_object('id', :others, 'reason', 'another''s')) = 'WK404 no job ' || :others;
SELECT regress.call('admin.retry_job', p) FROM unnest('{"{\"id\": 1}","{\"reason\": \"x\"}","{\"id\": \"1\", \"reason\": \"x\"}","{\"id\": 1.5, \"reason\": \"x\"}","{\"id\": 99999999999999999999, \"reason\": \"x\"}"}'::jsonb[]) p;
COMMIT;
SELECT state, attempts FROM wrk.job WHERE id = :job;

-- everything is stopped at once, each version by a step of its own
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'live';
COMMIT;
:ada
SELECT regress.call('admin.pause_all');
SELECT regress.call('admin.pause_all', '{"reason": "wrong invoices go out"}');
SELECT regress.call('admin.pause_all', '{"reason": "once more"}');
COMMIT;
:ada
SELECT copilot.admin_pause_all(' ');
ROLLBACK;
SELECT tenant_id = regress.id('a', 0, 0) AS ours, status, count(*) FROM copilot.automation_versions GROUP BY 1, 2 ORDER BY 1;

-- somebody leaves, and another takes over; only who sees all of it
UPDATE copilot.tasks SET assignee_id = regress.id('0', 1, 4) WHERE tenant_id = regress.id('a', 0, 0);
UPDATE copilot.clients SET owner_id = regress.id('0', 1, 4) WHERE tenant_id = regress.id('a', 0, 0);
UPDATE copilot.tasks SET status = 'done' WHERE id = regress.id('a', 6, 11);
:ada
SELECT regress.call('admin.reassign', jsonb_build_object('from', regress.id('0', 1, 4), 'to', regress.id('0', 1, n), 'reason', 'x')) FROM unnest('{2,1,4,6,99}'::int[]) n;
SELECT regress.call('admin.reassign', jsonb_build_object('from', regress.id('0', 1, n), 'to', regress.id('0', 1, 5), 'reason', 'x')) FROM unnest('{6,99}'::int[]) n;
SELECT regress.call('admin.reassign', jsonb_build_object('from', regress.id('0', 1, 4), 'to', regress.id('0', 1, 5)));
SELECT regress.call('admin.reassign', jsonb_build_object('from', regress.id('0', 1, 4), 'to', regress.id('0', 1, 5), 'reason', 'Otto has left'));
COMMIT;
SELECT (SELECT name FROM copilot.users u WHERE u.id = t.assignee_id), status, count(*) FROM copilot.tasks t WHERE tenant_id = regress.id('a', 0, 0) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) AS left_to_otto FROM copilot.projects WHERE owner_id = regress.id('0', 1, 4);

-- each is a fact of the log, with its reason
SELECT action, resource_type, user_id = regress.id('0', 1, 5)::text AS by_ada, metadata - '{to}'::text[] FROM wrk.audit_log
WHERE id > (SELECT id FROM regress.looked) AND action LIKE 'admin.%' ORDER BY id;

-- not for clients, builders or operations without the right, by call or by function
:otto
SELECT m, regress.call(m, '{"reason": "x"}') FROM unnest('{admin.overview,admin.pause_all,admin.reassign,admin.failed_jobs,admin.retry_job}'::text[]) m;
SELECT copilot.admin_pause_all('x');
ROLLBACK;
:otto
SELECT copilot.admin_reassign(regress.id('0', 1, 5), regress.id('0', 1, 4), 'x');
ROLLBACK;
:otto
SELECT copilot.call_admin_overview('{}');
ROLLBACK;
:ann
SELECT copilot.admin_retry_job(1, 'x');
ROLLBACK;
:gil
SELECT copilot.call_admin_failed_jobs('{}');
ROLLBACK;
-- who administers nothing leaves no fact
SELECT count(*) FROM wrk.audit_log WHERE id > (SELECT id FROM regress.looked) AND action LIKE 'admin.%' AND metadata ->> 'reason' = 'x';

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.job;
