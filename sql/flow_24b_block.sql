-- Flow 24B: work that cannot go on is blocked, with a reason, and goes on where it was.
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

-- from everywhere before the archive, and back to exactly there; by each whose it is
CREATE FUNCTION regress.round(person text, state text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE went text; back text;
BEGIN
	PERFORM regress.load(1, state);
	PERFORM regress.act(person);
	SET LOCAL ROLE wrk_member;
	went := regress.version('block', 1, '{"reason": "No credentials"}');
	back := regress.version('unblock', 1);
	RESET ROLE;
	RETURN format('%s %s: %s, %s', person, state, coalesce(went::jsonb ->> 'to', went), back::jsonb ->> 'to');
EXCEPTION WHEN invalid_text_representation THEN
	RESET ROLE;
	RETURN format('%s %s: %s', person, state, left(went, 5));
END $$;
SELECT regress.round(p, s.code) FROM wrk.state s, unnest('{bob,quinn,otto,ann}'::text[]) WITH ORDINALITY o (p, n)
WHERE s.machine = 'automation_version' AND NOT s.terminal AND NOT s.history ORDER BY n, s.position;

SELECT regress.load(1, 'build_in_progress');
SELECT regress.look();
:bob
-- why must be said
SELECT regress.version('block', 1);
SELECT regress.version('block', 1, '{"reason": " "}');
SELECT regress.version('block', 1, jsonb_build_object('reason', repeat('x', 2001)));
SELECT regress.version('block', 1, '{"reason": "No credentials for the ERP"}');
SELECT regress.statuses(1);
-- meanwhile nothing goes on, and nobody edits the design
SELECT regress.version('transition', 1, '{"to": "qa_testing"}');
SELECT regress.version('block', 1, '{"reason": "Again"}');
SELECT regress.call('blueprint.apply', jsonb_build_object('id', regress.id('a', 3, 1), 'version', 1, 'diff', '{}'::jsonb));
COMMIT;
SELECT * FROM regress.told();
:otto
SELECT regress.version('unblock', 1, '{"reason": "They have sent them"}');
SELECT regress.version('unblock', 1);
COMMIT;
:ann
SELECT c ->> 'from', c ->> 'to', c ->> 'reason', c ->> 'name' FROM copilot.automation_version_history(jsonb_build_object('id', regress.id('a', 3, 1))) h, jsonb_array_elements(h -> 'changes') c
ORDER BY (c ->> 'change_id')::bigint DESC LIMIT 2;
-- not the client's to block or unblock
SELECT regress.version('block', 1, '{"reason": "I am not happy"}');
COMMIT;
-- the system blocks, people unblock
BEGIN;
SELECT wrk.impersonate(regress.id('a', 0, 0)::text, NULL, '{system}') IS NOT NULL;
SET LOCAL ROLE wrk_member;
SELECT regress.version('block', 1, '{"reason": "Access was revoked"}');
SELECT regress.version('unblock', 1);
ROLLBACK;
-- what is archived is not blocked; who does not see it learns nothing
SELECT regress.load(2, 'archived');
:otto
SELECT regress.version('block', 2, '{"reason": "x"}');
COMMIT;
:bob
SELECT regress.version('block', 2, '{"reason": "x"}');
COMMIT;
:gil
SELECT regress.version('block', 1, '{"reason": "x"}'), regress.version('unblock', 99);
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
