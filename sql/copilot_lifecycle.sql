-- The life of the product's rows: what their machines promise and what they refuse.
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
SELECT m.name, m.version, (SELECT string_agg(label, ' | ' ORDER BY position) FROM wrk.state s WHERE s.machine = m.name)
FROM wrk.state_machine m ORDER BY 1;
-- admins may take every step that is anybody's; every step of a version is announced and has its consequences
SELECT machine, from_state, to_state FROM wrk.transition WHERE NOT roles @> '{admin,ops_admin}';
SELECT count(*) AS silent FROM wrk.transition WHERE machine = 'automation_version'
	AND after IS DISTINCT FROM
	'{copilot.automation_version_entered(pg_catalog.jsonb),copilot.automation_version_announce(pg_catalog.jsonb)}';

-- one line an answer: the step or the error; what is refused is rolled back, what is done stays
CREATE FUNCTION regress.call(method text, params jsonb) RETURNS text LANGUAGE sql
RETURN regress.answer(method, params, '{id,by,change_id,event_id}');
-- automation version n of tenant a goes to a state, by the call a browser makes
CREATE FUNCTION regress.go(n int, target text, why text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT regress.call('automation_version.transition', jsonb_strip_nulls(
		jsonb_build_object('id', regress.id('a', 3, n), 'to', target, 'reason', why)))
$$;
CREATE TABLE regress.looked (id bigint);
INSERT INTO regress.looked SELECT coalesce(max(id), 0) FROM wrk.event;

-- nothing is priced before the intake is complete
:ann
SELECT regress.go(1, 'needs_pricing');
COMMIT;
UPDATE copilot.automation_versions SET intake_progress = 100 WHERE id = regress.id('a', 3, 1);
:ann
SELECT regress.go(1, 'needs_pricing');
-- nor does the client price, or approve what is not priced
SELECT regress.go(1, 'awaiting_client_approval');
SELECT regress.go(1, 'build_in_progress');
SELECT regress.go(1, 'pricing');
COMMIT;
:otto
SELECT regress.go(1, 'awaiting_client_approval');
-- who prices does not approve
SELECT regress.go(1, 'build_in_progress');
COMMIT;

-- the client says no, and why; then yes
:ann
SELECT regress.go(1, 'needs_pricing');
SELECT regress.go(1, 'needs_pricing', '   ');
SELECT regress.go(1, 'needs_pricing', 'Too expensive');
SELECT status, status_reason, status_changed_at = updated_at AS stamped FROM copilot.automation_versions WHERE id = regress.id('a', 3, 1);
COMMIT;
:otto
SELECT regress.go(1, 'awaiting_client_approval');
COMMIT;
:ann
-- the reason went with the step it explained
SELECT regress.go(1, 'build_in_progress');
SELECT status, status_reason FROM copilot.automation_versions WHERE id = regress.id('a', 3, 1);
COMMIT;

-- nothing is tested before the build checklist is done
:bob
SELECT regress.go(1, 'qa_testing');
SELECT count(*) FROM copilot.tasks t WHERE kind = 'build_checklist' AND status = 'open'
	AND regress.call('task.update', jsonb_build_object('id', t.id, 'status', 'done')) IS NOT NULL;
SELECT regress.go(1, 'qa_testing');
-- the builder does not test what they built
SELECT regress.go(1, 'ready_to_launch');
COMMIT;

-- quality assurance fails it, and says why; then passes it
:quinn
SELECT regress.go(1, 'build_in_progress');
SELECT regress.go(1, 'build_in_progress', 'Dates are read wrong');
COMMIT;
:bob
SELECT regress.go(1, 'qa_testing');
COMMIT;
:quinn
SELECT regress.go(1, 'ready_to_launch');
SELECT regress.go(1, 'live');
COMMIT;

-- blocked and back: where it was, not where one would like it to be
:bob
SELECT regress.go(1, 'blocked');
SELECT regress.go(1, 'blocked', 'No credentials');
SELECT regress.go(1, 'qa_testing');
SELECT regress.go(1, 'live');
SELECT regress.go(1, 'previous');
SELECT regress.go(1, 'previous');
COMMIT;
:otto
SELECT regress.go(1, 'live');
-- what is live may be blocked and is live again afterwards
SELECT regress.go(1, 'blocked', 'No credentials');
SELECT regress.go(1, 'previous');
COMMIT;

-- the client pauses and resumes; a block in between keeps it from resuming, and leads back to the pause
:ann
SELECT regress.go(1, 'paused');
SELECT regress.go(1, 'paused');
COMMIT;
:otto
SELECT regress.go(1, 'blocked', 'Password has changed');
COMMIT;
:ann
SELECT regress.go(1, 'previous');
SELECT regress.go(1, 'live');
COMMIT;
:otto
SELECT regress.go(1, 'previous');
COMMIT;
:ann
SELECT regress.go(1, 'previous');
-- ending it takes an admin
SELECT regress.go(1, 'archived');
COMMIT;
:otto
SELECT regress.go(1, 'archived', 'They have left');
COMMIT;
:ada
SELECT regress.call('automation_version.available_transitions', jsonb_build_object('id', regress.id('a', 3, 1)));
SELECT regress.go(1, 'archived');
SELECT regress.go(1, 'live');
SELECT regress.go(1, 'previous');
SELECT regress.call('automation_version.available_transitions', jsonb_build_object('id', regress.id('a', 3, 1)));
COMMIT;

-- what is not launched is given up by operations, with a reason
:ann
SELECT regress.go(2, 'archived', 'No need');
COMMIT;
:otto
SELECT regress.go(2, 'archived');
SELECT regress.go(2, 'archived', 'No need');
ROLLBACK;

-- a builder of another project and another tenant learn nothing, whatever they ask
:bob
SELECT m, regress.call(m, jsonb_build_object('id', id) || CASE m WHEN 'automation_version.transition' THEN '{"to": "blocked", "reason": "x"}' ELSE '{}' END::jsonb)
FROM unnest('{automation_version.transition,automation_version.available_transitions,automation_version.history}'::text[]) m,
	unnest(ARRAY[regress.id('a', 3, 2), regress.id('b', 3, 1), regress.id('a', 3, 99)]) id;
SELECT wrk.transition('copilot.automation_versions', regress.id('a', 3, 2)::text, 'blocked', 'x');
ROLLBACK;
:gil
SELECT regress.go(1, 'paused'), regress.go(99, 'paused');
UPDATE copilot.automation_versions SET status = 'blocked', status_reason = 'x' WHERE id = regress.id('a', 3, 2) RETURNING id;
COMMIT;

-- calls with bad parameters, and somebody who was quicker
:otto
SELECT regress.call('automation_version.transition', '{}');
SELECT regress.call('automation_version.transition', jsonb_build_object('id', regress.id('a', 3, 2)));
SELECT regress.call('automation_version.transition', jsonb_build_object('id', regress.id('a', 3, 2), 'to', 5));
SELECT regress.call('automation_version.transition', jsonb_build_object('id', regress.id('a', 3, 2), 'to', 'live', 'force', true));
SELECT regress.call('automation_version.transition', jsonb_build_object('id', regress.id('a', 3, 2), 'to', 'blocked', 'reason', repeat('x', 2001)));
SELECT regress.call('automation_version.transition', jsonb_build_object('id', regress.id('a', 3, 2), 'to', 'blocked', 'reason', 'x', 'expected', 'needs_pricing'));
SELECT regress.call('automation_version.history', '{"id": "x"}');
SELECT regress.call('automation_version.available_transitions', '{"id": "x", "colour": "red"}');
COMMIT;

-- the same rules for a bare UPDATE, whoever makes it
:ann
UPDATE copilot.automation_versions SET status = 'live' WHERE id = regress.id('a', 3, 2);
ROLLBACK;
:ann
UPDATE copilot.automation_versions SET status_reason = 'rewritten' WHERE id = regress.id('a', 3, 1);
ROLLBACK;
:ann
UPDATE copilot.automation_versions SET status_machine_version = 7 WHERE id = regress.id('a', 3, 2);
ROLLBACK;
UPDATE copilot.automation_versions SET status = 'blocked', status_reason = 'x' WHERE id = regress.id('a', 3, 2);
INSERT INTO copilot.automation_versions (tenant_id, automation_id, number, status)
VALUES (regress.id('a', 0, 0), regress.id('a', 2, 1), 9, 'live');
-- nobody can announce what did not happen
:ann
SELECT copilot.automation_version_announce('{"to": "live"}');
ROLLBACK;

-- the history says what happened, and every change was announced once for the project and once for the tenant, in order
:ann
SELECT c ->> 'from', c ->> 'to', c ->> 'reason', c ->> 'name', c -> 'imported', jsonb_typeof(c -> 'seconds')
FROM copilot.automation_version_history(jsonb_build_object('id', regress.id('a', 3, 1))) h, jsonb_array_elements(h -> 'changes') c;
COMMIT;
SELECT count(*) AS changes, count(*) FILTER (WHERE announced = 2) AS on_both_channels, count(*) FILTER (WHERE same) AS alike, bool_and(in_order) AS in_order
FROM (SELECT c.id, count(e.id) AS announced,
		bool_and((e.payload ->> 'from', e.payload ->> 'to', e.payload ->> 'by') = (c.from_state, c.to_state, c.user_id)
			AND e.payload ->> 'reason' IS NOT DISTINCT FROM c.reason) AS same,
		min(e.id) > coalesce(max(max(e.id)) OVER (ORDER BY c.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS in_order
	FROM wrk.state_change c LEFT JOIN wrk.event e ON e.type = 'automation_version.status_changed' AND (e.payload ->> 'change_id')::bigint = c.id
	WHERE c.row_id = regress.id('a', 3, 1)::text AND c.from_state IS NOT NULL GROUP BY c.id) s;
-- what was refused was not announced
SELECT count(*) FROM wrk.event e WHERE e.type = 'automation_version.status_changed' AND e.id > (SELECT id FROM regress.looked)
	AND NOT EXISTS (SELECT FROM wrk.state_change c WHERE c.id = (e.payload ->> 'change_id')::bigint);

-- many at once are announced like one, a change without a reason says none, loading is not announced
:otto
SELECT right(id, 1), from_state, code FROM wrk.transition_all('copilot.automation_versions',
	ARRAY[regress.id('a', 3, 1)::text, regress.id('a', 3, 2)::text, regress.id('b', 3, 1)::text], 'blocked', 'x', on_refused => 'report');
UPDATE copilot.automation_versions SET status = 'intake_in_progress' WHERE id = regress.id('a', 3, 2);
COMMIT;
UPDATE regress.looked SET id = (SELECT max(e.id) FROM wrk.event e);
SELECT payload - '{id,automation_id,change_id}'::text[] FROM wrk.event e
WHERE type = 'automation_version.status_changed' AND payload ->> 'id' = regress.id('a', 3, 2)::text AND cardinality(channels) = 1 ORDER BY id;
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'live' WHERE id = regress.id('a', 3, 2);
COMMIT;
SELECT type FROM wrk.event e WHERE e.id > (SELECT id FROM regress.looked) AND type <> 'audit.appended' ORDER BY id;

-- tasks: any way between open and closed, closed ones are reopened first; errors are clear through task.update
:otto
SELECT t, regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 12), 'status', t)) ~ format('"status": "%s"', t)
FROM unnest('{in_progress,open,done,in_progress,done,open,cancelled,open}'::text[]) t;
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 12), 'status', 'cancelled')) ~ 'cancelled';
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 12), 'status', 'done'));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 12), 'status', 'cancelled', 'title', 'Renamed')) ~ 'Renamed';
-- the row event says it, and nothing says it again
RESET ROLE;
SELECT type FROM wrk.event e WHERE e.payload ->> 'id' = regress.id('a', 6, 12)::text AND type <> 'task.created' GROUP BY 1;
ROLLBACK;

-- projects: on hold and back to where they were; what is cancelled stays so
:otto
UPDATE copilot.projects SET status = 'on_hold' WHERE id = regress.id('a', 4, 1);
SELECT wrk.transition('copilot.projects', regress.id('a', 4, 1)::text, 'previous') ->> 'to';
UPDATE copilot.projects SET status = 'in_progress' WHERE id = regress.id('a', 4, 1);
UPDATE copilot.projects SET status = 'on_hold' WHERE id = regress.id('a', 4, 1);
SAVEPOINT s;
UPDATE copilot.projects SET status = 'planned' WHERE id = regress.id('a', 4, 1);
ROLLBACK TO s;
SELECT wrk.transition('copilot.projects', regress.id('a', 4, 1)::text, 'previous') ->> 'to';
UPDATE copilot.projects SET status = 'completed' WHERE id = regress.id('a', 4, 1);
UPDATE copilot.projects SET status = 'in_progress' WHERE id = regress.id('a', 4, 1);
UPDATE copilot.projects SET status = 'cancelled' WHERE id = regress.id('a', 4, 1);
UPDATE copilot.projects SET status = 'planned' WHERE id = regress.id('a', 4, 1);
ROLLBACK;
:ann
UPDATE copilot.projects SET status = 'in_progress' WHERE id = regress.id('a', 4, 1) RETURNING status;
SELECT wrk.transition('copilot.projects', regress.id('a', 4, 1)::text, 'in_progress');
ROLLBACK;

-- a machine that an installation has changed stays changed
BEGIN;
SELECT wrk.define_state_machine(jsonb_set(definition, '{title}', '"Ours"')) FROM wrk.state_machine WHERE name = 'task';
SELECT copilot.define_machines();
SELECT version, title FROM wrk.state_machine WHERE name = 'task' ORDER BY 1;
ROLLBACK;
:ada
SELECT copilot.define_machines();
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
