-- Flow 22: the worker that builds a version reports progress and completion, as the
-- system in the version's tenant, and only while it holds the job.
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
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'build_in_progress' WHERE tenant_id = regress.id('a', 0, 0);
COMMIT;
DELETE FROM wrk.job;
SELECT copilot.build_request(regress.id('a', 0, 0), regress.id('a', 3, 1)) AS job \gset
:otto
SELECT wrk.rpc_call('build.request', jsonb_build_object('id', regress.id('a', 3, 2))) IS NOT NULL;
COMMIT;
CREATE TABLE regress.looked (id bigint);
INSERT INTO regress.looked SELECT coalesce(max(id), 0) FROM wrk.event;
GRANT SELECT ON regress.looked TO PUBLIC;
-- a worker's role: no more than wrk_service
CREATE ROLE regress_builder; GRANT wrk_service TO regress_builder;
\set worker 'BEGIN; SET LOCAL ROLE regress_builder;'
\set acme 'DO $$BEGIN PERFORM wrk.impersonate(''a0000000-0000-4000-8000-000000000000'', NULL, ''{system}''); END$$;'
\set globex 'DO $$BEGIN PERFORM wrk.impersonate(''b0000000-0000-4000-8000-000000000000'', NULL, ''{system}''); END$$;'

-- what it claims says whose it is and what to do
:worker
SELECT c.id = :job AS first, c.token, c.tenant_id, c.payload - 'build_id', c.attempt FROM wrk.job_claim('build-requests', 'builder 1', 1, '5 minutes') c;
COMMIT;
:worker :acme
SELECT copilot.build_report(:job, 1, 20, 'Drawing the flow');
SELECT copilot.build_report(:job, 1, 60, 'Connecting');
COMMIT;
-- everybody who sees the version sees how far it is
:ann
SELECT b - '{id,job_id,created_at,updated_at,started_at}'::text[], b ->> 'started_at' IS NOT NULL
FROM wrk.rpc_call('build.list', jsonb_build_object('id', regress.id('a', 3, 1))) r, jsonb_array_elements(r.result -> 'builds') b;
COMMIT;
SELECT e.type, e.channels, e.payload #> '{data,percent}', e.payload #> '{data,step}'
FROM wrk.event e WHERE e.type LIKE 'build.%' AND e.id > (SELECT id FROM regress.looked) ORDER BY e.id;

\set VERBOSITY sqlstate
-- for nobody: no identity, another tenant's, another job, a token that is not the holder's
:worker
SELECT copilot.build_report(:job, 1, 70);
ROLLBACK;
:worker :globex
SELECT copilot.build_report(:job, 1, 70);
ROLLBACK;
:worker :acme
SELECT copilot.build_report(:job + 1, 1, 70);
ROLLBACK;
:worker :acme
SELECT copilot.build_report(:job, 2, 70);
ROLLBACK;
:worker :acme
SELECT copilot.build_report(:job, 1, 101);
ROLLBACK;
-- members do not report, whatever their role
:bob
SELECT copilot.build_report(:job, 1, 100);
ROLLBACK;
:ada
SELECT copilot.build_complete(:job, 1);
ROLLBACK;
\set VERBOSITY default

-- the worker stops; another one has the job, and the first can say nothing of it any more
UPDATE wrk.job SET due_at = now() - interval '1 second' WHERE id = :job;
DO $$ BEGIN BEGIN RAISE EXCEPTION 'forget'; EXCEPTION WHEN raise_exception THEN NULL; END; END $$;
:worker
SELECT c.id = :job AS same, c.token, c.attempt FROM wrk.job_claim('build-requests', 'builder 2', 2) c WHERE c.id = :job;
COMMIT;
\set VERBOSITY sqlstate
:worker :acme
SELECT copilot.build_report(:job, 1, 90);
ROLLBACK;
:worker :acme
SELECT copilot.build_complete(:job, 1);
ROLLBACK;
:worker :acme
SELECT copilot.build_fail(:job, 1, 'too late');
ROLLBACK;
\set VERBOSITY default
SELECT status, percent, step FROM copilot.builds WHERE job_id = :job;

-- it fails once and is tried again; then it is complete, and the builders know
:worker :acme
SELECT copilot.build_fail(:job, 2, 'the registry does not answer');
COMMIT;
SELECT status, error FROM copilot.builds WHERE job_id = :job;
SELECT wrk.job_retry(:job);
:worker
SELECT c.token FROM wrk.job_claim('build-requests', 'builder 3') c;
COMMIT;
:worker :acme
SELECT copilot.build_report(:job, 3, 50, repeat('x', 300));
SELECT copilot.build_complete(:job, 3, '{"artifact": "s3://builds/1"}');
COMMIT;
SELECT b.status, b.percent, b.step, b.error, b.result, b.finished_at IS NOT NULL, j.state, j.result FROM copilot.builds b JOIN wrk.job j ON j.id = b.job_id WHERE j.id = :job;
SELECT u.name, n.kind, n.title, n.resource_type, n.resource_id = regress.id('a', 3, 1)::text FROM copilot.notifications n JOIN copilot.users u ON u.id = n.user_id WHERE n.resource_type = 'automation_version' ORDER BY 1;
SELECT payload ->> 'channel' FROM wrk.job WHERE queue = 'notifications';
SELECT v.status FROM copilot.automation_versions v WHERE v.id = regress.id('a', 3, 1);
-- once
\set VERBOSITY sqlstate
:worker :acme
SELECT copilot.build_complete(:job, 3);
ROLLBACK;
\set VERBOSITY default

-- one that cannot be built: whoever asked for it is told
SELECT id AS second, token AS second_token FROM wrk.job WHERE queue = 'build-requests' AND state = 'running' \gset
:worker :acme
SELECT copilot.build_fail(:second, :second_token, 'no such connector: fax', retry => false);
COMMIT;
SELECT status, error, finished_at IS NOT NULL FROM copilot.builds WHERE job_id = :second;
SELECT u.name, n.kind, n.title FROM copilot.notifications n JOIN copilot.users u ON u.id = n.user_id WHERE n.resource_id = regress.id('a', 3, 2)::text;
-- what the log says of it
SELECT action, user_id FROM wrk.audit_log WHERE resource_type = 'build' AND tenant_id = regress.id('a', 0, 0)::text
	AND resource_id IN (SELECT id::text FROM copilot.builds WHERE job_id IN (:job, :second)) ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DROP OWNED BY regress_builder;
DROP ROLE regress_builder;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.job;
