-- Flow 24: what is live is paused.
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

SELECT regress.load(1, 'live'), regress.load(2, 'qa_testing');
SELECT regress.look();
:ann
SELECT regress.version('pause', 1, '{"reason": "Holidays"}');
SELECT regress.statuses(1);
-- what is paused is not paused again
SELECT regress.version('pause', 1);
COMMIT;
SELECT type, channels, payload FROM regress.news('status_changed');
SELECT * FROM regress.told();
SELECT l.action, p.name, l.changes -> 'new' FROM wrk.audit_log l JOIN regress.person p ON p.id = copilot.as_uuid(l.user_id), regress.looked WHERE l.id > looked.log AND l.action ~ 'status' ORDER BY l.id;
-- only what is live is paused
:otto
SELECT regress.version('pause', 2);
SELECT regress.version('resume', 1);
-- no reason is needed; one key, one step
SELECT a - 'event_id' = copilot.automation_version_act(regress.id('a', 3, 1), 'pause', key => 'flow 24, 1') - 'event_id' AS same FROM copilot.automation_version_act(regress.id('a', 3, 1), 'pause', key => 'flow 24, 1') a;
SELECT count(*) FROM wrk.state_history('copilot.automation_versions', regress.id('a', 3, 1)::text) h WHERE h.to_state = 'paused';
SELECT regress.version('pause', 1, '{"why": "x"}'), regress.version('pause', 1, '{"reason": 5}'), regress.call('automation_version.pause', '{}');
ROLLBACK;
-- pausing is not the work of those who build or test
SELECT regress.load(1, 'live');
:bob
SELECT regress.version('pause', 1);
SELECT regress.version('pause', 2);
COMMIT;
:quinn
SELECT regress.version('pause', 1);
COMMIT;
-- the system may: a limit was reached, say
BEGIN;
SELECT wrk.impersonate(regress.id('a', 0, 0)::text, NULL, '{system}') IS NOT NULL;
SET LOCAL ROLE wrk_member;
SELECT regress.version('pause', 1, '{"reason": "Over its limit"}');
ROLLBACK;
:gil
SELECT regress.version('pause', 1), regress.version('pause', 99);
COMMIT;
SET ROLE wrk_member;
SELECT regress.version('pause', 1);
RESET ROLE;
SELECT regress.statuses(1);

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
