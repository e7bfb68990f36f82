-- Flow 24A: what is paused runs again.
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

SELECT regress.load(1, 'live'), regress.load(2, 'live');
:ann
SELECT regress.version('pause', 1);
COMMIT;
SELECT regress.look();
:ann
SELECT regress.version('resume', 1);
SELECT regress.statuses(1);
-- what is live is not resumed, nor is anything that waits for something else
SELECT regress.version('resume', 1);
COMMIT;
SELECT type, payload FROM regress.news('status_changed');
SELECT * FROM regress.told();
-- the system pauses, people resume; those who build or test do not
:otto
SELECT regress.version('pause', 1, '{"reason": "Maintenance"}');
COMMIT;
BEGIN;
SELECT wrk.impersonate(regress.id('a', 0, 0)::text, NULL, '{system}') IS NOT NULL;
SET LOCAL ROLE wrk_member;
SELECT regress.version('resume', 1);
ROLLBACK;
:bob
SELECT regress.version('resume', 1);
COMMIT;
:quinn
SELECT regress.version('resume', 1);
COMMIT;
:gil
SELECT regress.version('resume', 1), regress.version('resume', 99);
COMMIT;
-- resuming is no way round a block: that is left first, by whose it is, and leads back to the pause
:otto
SELECT regress.version('block', 1, '{"reason": "Not paid"}');
COMMIT;
:ann
SELECT regress.version('resume', 1);
SELECT regress.version('unblock', 1);
COMMIT;
:otto
SELECT regress.version('resume', 1);
SELECT regress.version('unblock', 1);
SELECT regress.version('unblock', 1);
COMMIT;
:ann
SELECT regress.version('resume', 1);
COMMIT;
-- what was loaded as paused knows no way back: say where it shall go
BEGIN;
SELECT regress.load(2, 'paused');
DELETE FROM wrk.state_change WHERE row_id = regress.id('a', 3, 2)::text;
SELECT regress.act('ann');
SET LOCAL ROLE wrk_member;
SELECT regress.version('resume', 2);
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
