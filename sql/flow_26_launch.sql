-- Flow 26: what was tested is launched.
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

SELECT regress.load(1, 'ready_to_launch'), regress.load(2, 'qa_testing');
SELECT regress.look();
-- not by those who built, tested or ordered it
:bob
SELECT regress.version('launch', 1);
COMMIT;
:quinn
SELECT regress.version('launch', 1);
COMMIT;
:ann
SELECT regress.version('launch', 1);
COMMIT;
:gil
SELECT regress.version('launch', 1), regress.version('launch', 99);
COMMIT;
:otto
-- nor before its time
SELECT regress.version('launch', 2);
SELECT regress.version('launch', 1);
SELECT regress.statuses(1);
-- what is live is not launched again
SELECT regress.version('launch', 1);
COMMIT;
SELECT type, payload FROM regress.news('status_changed');
SELECT * FROM regress.told();
-- resuming is not launching
:otto
SELECT regress.version('pause', 1);
SELECT regress.version('launch', 1);
SELECT regress.version('resume', 1);
COMMIT;
-- the design of what is live stays; the next version is launched beside it, and whoever launches is told so
:ann
SELECT regress.call('blueprint.apply', jsonb_build_object('id', regress.id('a', 3, 1), 'version', 1, 'diff', '{"nodes": {"added": [{"id": "n9"}]}}'::jsonb));
INSERT INTO regress.known SELECT 'next', (copilot.automation_next_version(regress.id('a', 2, 1)) ->> 'id')::uuid;
COMMIT;
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'ready_to_launch' WHERE id = regress.known('next');
COMMIT;
:otto
SELECT copilot.automation_version_act(regress.known('next'), 'launch', key => 'flow 26, 1') -> 'also_live' = jsonb_build_array(regress.id('a', 3, 1)) AS also_live;
SELECT copilot.automation_version_act(regress.known('next'), 'launch', key => 'flow 26, 1') ->> 'to' AS once_more;
COMMIT;
:ann
SELECT a ->> 'name', a -> 'newest' ->> 'status' FROM copilot.call_automation_list('{"status": "live"}') l, jsonb_array_elements(l -> 'automations') a;
COMMIT;
SET ROLE wrk_member;
SELECT regress.version('launch', 1);
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
