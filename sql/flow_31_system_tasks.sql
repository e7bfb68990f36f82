-- Flow 31: tasks that the system makes when a version's build begins, and when a rule finds a reason.
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
RETURN regress.answer(method, params, '{id,by,change_id,event_id}');
UPDATE copilot.automation_versions SET intake_progress = 100 WHERE id = regress.id('a', 3, 1);
DELETE FROM copilot.tasks;
DELETE FROM wrk.job;

-- the client's approval begins the build: checklist and credentials task, for the only builder; nobody made them
:ann
SELECT regress.call('automation_version.transition', jsonb_build_object('id', regress.id('a', 3, 1), 'to', 'needs_pricing'));
COMMIT;
:otto
SELECT regress.call('automation_version.transition', jsonb_build_object('id', regress.id('a', 3, 1), 'to', 'awaiting_client_approval'));
COMMIT;
SELECT count(*) AS before FROM copilot.tasks;
:ann
SELECT regress.call('automation_version.transition', jsonb_build_object('id', regress.id('a', 3, 1), 'to', 'build_in_progress'));
COMMIT;
:bob
SELECT t ->> 'kind', t ->> 'title', t ->> 'priority', t ->> 'rule', t ->> 'created_by', (t ->> 'assignee_id')::uuid = regress.id('0', 1, 2) AS to_bob
FROM copilot.task_list(jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) l, jsonb_array_elements(l -> 'tasks') t ORDER BY 1, 4;
-- who is given work is told of it, once a task
SELECT kind, count(*), bool_and(resource_type = 'task') FROM copilot.notifications WHERE payload ->> 'what' = 'task_assigned' GROUP BY 1;
COMMIT;
-- and the worker has its job
SELECT queue, payload -> 'automation_version_id', key FROM wrk.job WHERE queue = 'build-requests';
-- beginning it again makes nothing twice, neither what is open nor what is done
UPDATE copilot.tasks SET status = 'done' WHERE rule IN ('build:steps', 'build:credentials');
SELECT copilot.build_begin(regress.id('a', 0, 0), regress.id('a', 3, 1));
SELECT count(*), count(*) FILTER (WHERE status = 'done') AS done FROM copilot.tasks;
SELECT count(*) FROM wrk.job WHERE queue = 'build-requests';

-- one open task of a rule and subject; another subject, or a closed one, is another task
SELECT (SELECT copilot.task_make(regress.id('a', 0, 0), regress.id('a', 4, 1), NULL, 'general_todo', 'Look at it', rule => 'usage')
	= copilot.task_make(regress.id('a', 0, 0), regress.id('a', 4, 1), NULL, 'general_todo', 'Look at it again', rule => 'usage')) AS same;
SELECT copilot.task_make(regress.id('a', 0, 0), regress.id('a', 4, 2), NULL, 'general_todo', 'Look at it', rule => 'usage') IS NOT NULL AS made;
SELECT copilot.task_make(regress.id('a', 0, 0), NULL, NULL, 'client_retention', 'Call them', rule => 'health',
	assignee => regress.id('0', 1, 6), due => '2026-03-01', priority => 'urgent') IS NOT NULL AS made;
SELECT title, kind, priority, assignee_id, created_by, rule FROM copilot.tasks WHERE rule IN ('usage', 'health') ORDER BY rule, project_id;
UPDATE copilot.tasks SET status = 'done' WHERE rule = 'usage' AND project_id = regress.id('a', 4, 1);
SELECT copilot.task_make(regress.id('a', 0, 0), regress.id('a', 4, 1), NULL, 'general_todo', 'Look at it', rule => 'usage') IS NOT NULL AS made;
SELECT status, count(*) FROM copilot.tasks WHERE rule = 'usage' AND project_id = regress.id('a', 4, 1) GROUP BY 1 ORDER BY 1;
-- the old one cannot be opened beside it
:otto
SELECT regress.call('task.update', jsonb_build_object('id', t.id, 'status', 'open'))
FROM copilot.tasks t WHERE rule = 'usage' AND status = 'done';
COMMIT;
-- without a rule each is one
SELECT copilot.task_make(regress.id('a', 0, 0), regress.id('a', 4, 1), NULL, 'general_todo', 'Plain')
	<> copilot.task_make(regress.id('a', 0, 0), regress.id('a', 4, 1), NULL, 'general_todo', 'Plain') AS two;

-- a retention task is told to nobody who may not see it, not even its assignee
SELECT copilot.task_make(regress.id('a', 0, 0), NULL, NULL, 'client_retention', 'Call ann', assignee => regress.id('0', 1, 1)) IS NOT NULL,
	copilot.task_make(regress.id('a', 0, 0), NULL, NULL, 'client_retention', 'Call anyone', assignee => regress.id('0', 1, 5)) IS NOT NULL;
SELECT (SELECT name FROM copilot.users u WHERE u.id = n.user_id), title FROM copilot.notifications n WHERE title LIKE 'Call %';
:ann
SELECT count(*) FROM copilot.tasks WHERE kind = 'client_retention';
COMMIT;

-- refused: another tenant's project, no such kind, whoever is not the system
SELECT copilot.task_make(regress.id('a', 0, 0), regress.id('b', 4, 1), NULL, 'general_todo', 'x');
\set VERBOSITY terse
SELECT copilot.task_make(regress.id('a', 0, 0), NULL, NULL, 'whim', 'x');
\set VERBOSITY default
:ada
SELECT copilot.task_make(regress.id('a', 0, 0), NULL, NULL, 'general_todo', 'x');
ROLLBACK;
:ada
SELECT copilot.build_begin(regress.id('a', 0, 0), regress.id('a', 3, 1));
ROLLBACK;
:otto
INSERT INTO copilot.tasks (title, rule) VALUES ('x', 'forged');
ROLLBACK;
-- nor does another tenant see any of it
:gil
SELECT count(*) FROM copilot.task_list('{}') l, jsonb_array_elements(l -> 'tasks') t WHERE t ->> 'rule' IS NOT NULL;
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.job;
