-- Flow 32: tasks are updated, and the progress of the checklist follows them.
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
CREATE FUNCTION regress.call(method text, params jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text;
BEGIN
	RETURN (SELECT concat_ws(' ', result ->> 'title', result ->> 'status', result ->> 'priority', 'completed: ' || (result ->> 'completed_at' IS NOT NULL))
		FROM wrk.rpc_call(method, params));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', state, message, nullif(detail, ''));
END $$;
CREATE FUNCTION regress.progress() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT name || ' ' || checklist_progress FROM copilot.projects ORDER BY name
$$;
CREATE TABLE regress.looked (id bigint);
INSERT INTO regress.looked SELECT coalesce(max(id), 0) FROM wrk.event;
CREATE FUNCTION regress.news(OUT type text, OUT changed text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT e.type, concat_ws(' ', e.payload -> 'changed', e.payload #> '{data,checklist_progress}') FROM wrk.event e
	WHERE e.id > (SELECT l.id FROM regress.looked l) AND e.type ~ '^(project|task|notification)\.' ORDER BY e.id;
	UPDATE regress.looked SET id = (SELECT max(e.id) FROM wrk.event e);
END $$;

-- the checklist of a1: one task of the fixture, two that the builder adds, one of them of the version
:bob
SELECT regress.call('task.create', jsonb_build_object('project_id', regress.id('a', 4, 1), 'kind', 'build_checklist', 'title', 'Second'));
SELECT regress.call('task.create', jsonb_build_object('project_id', regress.id('a', 4, 1), 'automation_version_id', regress.id('a', 3, 1),
	'kind', 'build_checklist', 'title', 'Third', 'priority', 'high'));
COMMIT;
SELECT * FROM regress.progress();
SELECT count(*) FROM regress.news();
-- nobody holds up a version they do not see with a task of a project they do
:bob
INSERT INTO copilot.tasks (project_id, automation_version_id, kind, title) VALUES (regress.id('a', 4, 1), regress.id('a', 3, 2), 'build_checklist', 'In the way');
ROLLBACK;
-- done one after the other; a task of project and version counts once
:bob
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 11), 'status', 'in_progress'));
SELECT * FROM regress.progress();
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 11), 'status', 'done'));
COMMIT;
SELECT * FROM regress.progress();
SELECT * FROM regress.news();
:bob
SELECT regress.call('task.update', jsonb_build_object('id', t.id, 'status', 'done')) FROM copilot.tasks t WHERE kind = 'build_checklist' AND title IN ('Second', 'Third') ORDER BY title;
COMMIT;
SELECT * FROM regress.progress();
-- reopened, cancelled, deleted, moved: it follows; other kinds do not count
:otto
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 11), 'status', 'open'));
SELECT * FROM regress.progress();
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 11), 'status', 'cancelled'));
SELECT * FROM regress.progress();
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 12), 'status', 'done'));
SELECT * FROM regress.progress();
DELETE FROM copilot.tasks WHERE title = 'Second';
SELECT * FROM regress.progress();
COMMIT;
DELETE FROM copilot.tasks WHERE kind = 'build_checklist' AND tenant_id = regress.id('a', 0, 0) AND project_id = regress.id('a', 4, 1);
SELECT * FROM regress.progress();
-- a task of the version alone counts for the version's projects; one that changes its project counts in both
INSERT INTO copilot.tasks (tenant_id, automation_version_id, kind, title) VALUES (regress.id('a', 0, 0), regress.id('a', 3, 2), 'build_checklist', 'Of the version');
UPDATE copilot.tasks SET status = 'done' WHERE title = 'Of the version';
SELECT * FROM regress.progress();
UPDATE copilot.tasks SET project_id = regress.id('a', 4, 1), automation_version_id = regress.id('a', 3, 1) WHERE id = regress.id('a', 6, 21);
SELECT * FROM regress.progress();
-- many in one statement, of both tenants
UPDATE copilot.tasks SET status = 'done' WHERE kind = 'build_checklist';
SELECT * FROM regress.progress();

-- whoever is given a task is told; who takes one is not; who may not see it is not
SELECT count(*) FROM regress.news();
:otto
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 12), 'status', 'open', 'assignee_id', regress.id('0', 1, 2)));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 12), 'assignee_id', regress.id('0', 1, 2), 'title', 'Same'));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 12), 'assignee_id', regress.id('0', 1, 4)));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 13), 'assignee_id', regress.id('0', 1, 1)));
COMMIT;
SELECT (SELECT name FROM copilot.users u WHERE u.id = n.user_id), kind, title, payload ->> 'what' FROM copilot.notifications n ORDER BY created_at;

-- lists: pages and filters
:bob
SELECT t ->> 'title' FROM copilot.task_list('{"status": "open"}') r, jsonb_array_elements(r -> 'tasks') t ORDER BY 1;
SELECT r ->> 'next' IS NULL AS last, jsonb_array_length(r -> 'tasks') FROM copilot.task_list('{"limit": 1}') r;
SELECT r ->> 'next' IS NULL AS last, jsonb_array_length(r -> 'tasks') FROM copilot.task_list(jsonb_build_object('limit', 200, 'after', copilot.task_list('{"limit": 1}') ->> 'next')) r;
SELECT count(*) FROM copilot.task_list(jsonb_build_object('assignee_id', regress.id('0', 1, 4), 'project_id', regress.id('a', 4, 1))) r, jsonb_array_elements(r -> 'tasks') t;
SELECT copilot.task_list(jsonb_build_object('project_id', regress.id('a', 4, 2))) -> 'tasks';
SELECT regress.call('task.list', '{"kind": "whim"}');
SELECT regress.call('task.list', '{"assignee_id": "me"}');
COMMIT;

-- refused: steps that make no sense, somebody else's tasks, another tenant's, the progress itself
:bob
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 11), 'status', 'finished'));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 22), 'status', 'done'));
UPDATE copilot.projects SET checklist_progress = 100 WHERE id = regress.id('a', 4, 1) RETURNING name;
ROLLBACK;
:bob
SELECT copilot.project_progress(ARRAY[regress.id('a', 0, 0)], NULL, NULL);
ROLLBACK;
:ann
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 12), 'status', 'done'));
COMMIT;
:gil
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 12), 'status', 'done'));
SELECT count(*) FROM copilot.task_list('{}') r, jsonb_array_elements(r -> 'tasks') t WHERE t ->> 'title' LIKE 'a%';
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.job;
