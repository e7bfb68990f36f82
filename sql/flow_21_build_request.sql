-- Flow 21: a version that is to be built is queued for a worker, once.
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
CREATE FUNCTION regress.call(method text, params jsonb) RETURNS text LANGUAGE sql
RETURN regress.answer(method, params, detailed => NULL);
CREATE FUNCTION regress.build(n int, t text DEFAULT 'a') RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text := regress.call('build.request', jsonb_build_object('id', regress.id(t, 3, n)));
BEGIN
	RETURN CASE WHEN answer LIKE '{%' THEN
		(answer::jsonb - '{id,job_id,created_at,updated_at}'::text[])::text ELSE answer END;
END $$;

-- not before it is approved
:bob
SELECT regress.build(1);
ROLLBACK;
-- both versions of the first tenant are approved, as migrated data is
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'build_in_progress' WHERE tenant_id = regress.id('a', 0, 0);
COMMIT;

-- the system asks when a version enters the build; again is no second build
SELECT coalesce(max(id), 0) AS looked FROM wrk.event \gset
SELECT copilot.build_request(regress.id('a', 0, 0), regress.id('a', 3, 1)) = copilot.build_request(regress.id('a', 0, 0), regress.id('a', 3, 1)) AS same;
SELECT b.status, b.percent, b.requested_by, j.queue, j.state, j.tenant_id = b.tenant_id::text AS own, j.payload - 'build_id' AS payload, j.payload ->> 'build_id' = b.id::text AS its
FROM copilot.builds b JOIN wrk.job j ON j.id = b.job_id;
-- the event tells the thread of the version
SELECT type, channels, payload #>> '{data,status}' FROM wrk.event WHERE type LIKE 'build.%' AND id > :looked ORDER BY id;

-- whoever may, asks; but not while it is being built
:bob
SELECT regress.build(1);
SELECT jsonb_array_length(regress.call('build.list', jsonb_build_object('id', regress.id('a', 3, 1)))::jsonb -> 'builds');
-- a builder asks for the versions of their projects
SELECT regress.build(2);
COMMIT;
:otto
SELECT regress.build(2);
SELECT regress.build(2);
COMMIT;
SELECT count(*), count(DISTINCT payload ->> 'automation_version_id') FROM wrk.job WHERE queue = 'build-requests' AND state = 'ready' AND tenant_id = regress.id('a', 0, 0)::text;
SELECT requested_by = regress.id('0', 1, 4) AS by_otto FROM copilot.builds WHERE automation_version_id = regress.id('a', 3, 2);

-- wrong role, wrong tenant, nothing at all
:ann
SELECT regress.build(2);
INSERT INTO copilot.builds (automation_version_id) VALUES (regress.id('a', 3, 2));
ROLLBACK;
:ann
SELECT jsonb_array_length(regress.call('build.list', jsonb_build_object('id', regress.id('a', 3, 2)))::jsonb -> 'builds');
UPDATE copilot.builds SET percent = 100;
ROLLBACK;
:quinn
SELECT regress.build(1);
SELECT copilot.build_request(regress.id('a', 0, 0), regress.id('a', 3, 1));
ROLLBACK;
:bob
SELECT count(*) FROM copilot.builds;
INSERT INTO copilot.builds (automation_version_id, job_id) VALUES (regress.id('a', 3, 1), 1);
ROLLBACK;
:bob
INSERT INTO copilot.builds (automation_version_id) VALUES (regress.id('a', 3, 2));
ROLLBACK;
-- nor does anybody learn whether a version is there, or where it is in its life
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'live' WHERE id = regress.id('a', 3, 2);
DO $$BEGIN PERFORM regress.act('bob'); END$$;
SET LOCAL ROLE wrk_member;
INSERT INTO copilot.builds (automation_version_id) VALUES (regress.id('a', 3, 2));
ROLLBACK;
:bob
INSERT INTO copilot.builds (automation_version_id) VALUES (regress.id('a', 3, 99));
ROLLBACK;
:gil
SELECT regress.build(1);
SELECT count(*) FROM copilot.builds;
SELECT regress.call('build.list', jsonb_build_object('id', regress.id('a', 3, 1)));
INSERT INTO copilot.builds (automation_version_id) VALUES (regress.id('a', 3, 1));
ROLLBACK;
:otto
SELECT regress.build(9);
SELECT regress.call('build.request', '{}');
SELECT regress.call('build.request', '{"id": "x"}');
SELECT regress.call('build.request', '{"id": null, "force": true}');
ROLLBACK;

-- a transaction that fails leaves neither build nor job
BEGIN;
DELETE FROM copilot.builds;
DELETE FROM wrk.job WHERE queue = 'build-requests';
SAVEPOINT s;
SELECT copilot.build_request(regress.id('a', 0, 0), regress.id('a', 3, 1)) > 0;
ROLLBACK TO s;
SELECT count(*) FROM copilot.builds;
SELECT count(*) FROM wrk.job WHERE queue = 'build-requests';
ROLLBACK;
-- its workers died: the version is not blocked by a build that nobody will end
UPDATE wrk.job SET state = 'dead', finished_at = now(), last_error = 'lease of worker "w" ended' WHERE id = (SELECT job_id FROM copilot.builds WHERE automation_version_id = regress.id('a', 3, 1));
:bob
SELECT regress.build(1);
COMMIT;
SELECT status, error, finished_at IS NOT NULL FROM copilot.builds WHERE automation_version_id = regress.id('a', 3, 1) ORDER BY created_at;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.job;
