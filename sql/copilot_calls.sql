-- What may be called from outside, by whom, and how bad parameters are refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set ECHO none
\i :fixture
\set ECHO all
-- one line an answer: what was asked, the answer or the error; what it wrote is rolled back only if it fails
CREATE FUNCTION regress.call(method text, params jsonb) RETURNS text LANGUAGE sql
RETURN regress.answer(method, params, '{id,created_at,updated_at,completed_at,status_changed_at}');
\pset format unaligned
\pset tuples_only on
SELECT method, function FROM wrk.rpc ORDER BY 1;
SELECT pattern, authorizer FROM wrk.channel_rule ORDER BY 1;

-- projects
:ann
SELECT regress.call('project.get', jsonb_build_object('id', regress.id('a', 4, 1)));
SELECT regress.call('project.get', jsonb_build_object('id', regress.id('b', 4, 1)));
SELECT regress.call('project.get', jsonb_build_object('id', regress.id('a', 4, 9)));
SELECT regress.call('project.get', '{"id": "42"}');
SELECT regress.call('project.get', '{"id": 42}');
SELECT regress.call('project.get', '{"id": null}');
SELECT regress.call('project.get', '{}');
SELECT regress.call('project.get', '[]');
SELECT regress.call('project.get', '{"id": "42", "colour": "red"}');
SELECT r ->> 'next', p ->> 'name' FROM copilot.project_list('{"limit": 1}') r, jsonb_array_elements(r -> 'projects') p;
SELECT r ->> 'next', p ->> 'name' FROM copilot.project_list(jsonb_build_object('limit', 1, 'after',
	copilot.project_list('{"limit": 1}') ->> 'next')) r, jsonb_array_elements(r -> 'projects') p;
SELECT p ->> 'name' FROM copilot.project_list('{"status": "planned"}') r, jsonb_array_elements(r -> 'projects') p;
SELECT copilot.project_list('{"status": "completed"}');
SELECT regress.call('project.list', '{"status": "finished"}');
SELECT regress.call('project.list', '{"limit": 0}');
SELECT regress.call('project.list', '{"limit": 10.5}');
SELECT regress.call('project.list', '{"limit": "10"}');
SELECT regress.call('project.list', '{"after": "x"}');
SELECT regress.call('project.list', '{"after": "1_x"}');
COMMIT;
:bob
SELECT p ->> 'name' FROM copilot.project_list('{}') r, jsonb_array_elements(r -> 'projects') p;
SELECT regress.call('project.get', jsonb_build_object('id', regress.id('a', 4, 2)));
SELECT copilot.project_get(jsonb_build_object('id', regress.id('a', 4, 1))) -> 'can';
COMMIT;
:otto
SELECT copilot.project_get(jsonb_build_object('id', regress.id('a', 4, 1))) -> 'can';
COMMIT;
:ada
SELECT copilot.project_get(jsonb_build_object('id', regress.id('a', 4, 1))) -> 'can';
COMMIT;

-- automation versions
:ann
SELECT regress.call('automation_version.get', jsonb_build_object('id', regress.id('a', 3, 1)));
SELECT regress.call('automation_version.get', jsonb_build_object('id', regress.id('b', 3, 1)));
COMMIT;
:bob
SELECT regress.call('automation_version.get', jsonb_build_object('id', regress.id('a', 3, 2)));
COMMIT;

-- messages
:ann
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'hello'));
SELECT regress.call('message.send', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'body', 'hello', 'type', 'client'));
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'hello', 'type', t))
FROM unnest('{ops,internal_note,system,shout}'::text[]) t;
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('b', 4, 1), 'body', 'hello'));
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', E' \n'));
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', repeat('x', 20001)));
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'forged', 'author_id', regress.id('0', 1, 5)));
SELECT regress.call('message.send', '{"body": "no thread"}');
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'automation_version_id', regress.id('a', 3, 1), 'body', 'two'));
ROLLBACK;
:otto
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'note', 'type', 'internal_note'));
ROLLBACK;
:bob
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'to staff', 'type', 'ops'));
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'to the client'));
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 2), 'body', 'elsewhere', 'type', 'ops'));
ROLLBACK;
-- a message says what its author was called when it was written, to who reads it and to who hears of it
:otto
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'signed')) LIKE '%"author_name": "Otto"%' AS signed;
UPDATE copilot.users SET name = 'Otto B.' WHERE id = regress.id('0', 1, 4) RETURNING name;
SELECT m ->> 'author_name' FROM copilot.message_list(jsonb_build_object('project_id', regress.id('a', 4, 1), 'limit', 1)) r, jsonb_array_elements(r -> 'messages') m;
RESET ROLE;
SELECT payload -> 'data' ->> 'author_name' FROM wrk.event WHERE type = 'message.created' AND payload -> 'data' ->> 'body' = 'signed';
ROLLBACK;
-- a page at a time, each as far as its reader may see
:ann
SELECT m ->> 'body' FROM copilot.message_list(jsonb_build_object('project_id', regress.id('a', 4, 1))) r, jsonb_array_elements(r -> 'messages') m;
SELECT m ->> 'body' FROM copilot.message_list(jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) r, jsonb_array_elements(r -> 'messages') m;
COMMIT;
:otto
WITH RECURSIVE page (n, answer) AS (
	SELECT 1, copilot.message_list(jsonb_build_object('project_id', regress.id('a', 4, 1), 'limit', 2))
	UNION ALL
	SELECT n + 1, copilot.message_list(jsonb_build_object('project_id', regress.id('a', 4, 1), 'limit', 2, 'after', answer ->> 'next'))
	FROM page WHERE answer ->> 'next' IS NOT NULL AND n < 9)
SELECT n, m ->> 'body' FROM page, jsonb_array_elements(answer -> 'messages') WITH ORDINALITY o (m, i) ORDER BY n, i;
SELECT regress.call('message.list', jsonb_build_object('project_id', regress.id('b', 4, 1)));
COMMIT;
-- the plan of a page: from its own index, as far as the page goes
INSERT INTO copilot.messages (tenant_id, project_id, body, author_id)
SELECT regress.id('a', 0, 0), regress.id('a', 4, 2), 'm' || i, regress.id('0', 1, 1) FROM generate_series(1, 5000) i;
ANALYZE copilot.messages;
\pset tuples_only off
\pset format aligned
:ann
EXPLAIN (COSTS OFF) SELECT m.* FROM copilot.messages m
WHERE m.project_id = 'a0000000-0004-4000-8000-000000000002' AND (m.created_at, m.id) < ('infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY m.created_at DESC, m.id DESC LIMIT 51;
COMMIT;
\pset format unaligned
\pset tuples_only on

-- tasks
:otto
SELECT regress.call('task.create', jsonb_build_object('title', 'Call them', 'project_id', regress.id('a', 4, 1), 'assignee_id', regress.id('0', 1, 2),
	'due_at', '2026-03-01T10:00:00+02:00', 'priority', 'high', 'description', 'soon'));
SELECT regress.call('task.create', '{"title": "Keep them", "kind": "client_retention"}');
SELECT regress.call('task.create', '{}');
SELECT regress.call('task.create', '{"title": "x", "kind": "whim"}');
SELECT regress.call('task.create', '{"title": "x", "due_at": "tomorrow"}');
SELECT regress.call('task.create', '{"title": "x", "due_at": "2026-02-30"}');
SELECT regress.call('task.create', jsonb_build_object('title', 'x', 'assignee_id', regress.id('0', 1, 6)));
SELECT regress.call('task.create', jsonb_build_object('title', 'x', 'project_id', regress.id('b', 4, 1)));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 11), 'status', 'done', 'assignee_id', regress.id('0', 1, 2)));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 11), 'assignee_id', NULL, 'title', 'Renamed'));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 11), 'status', 'open'));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('b', 6, 11), 'status', 'done'));
SELECT regress.call('task.update', '{"status": "done"}');
ROLLBACK;
:bob
SELECT regress.call('task.create', jsonb_build_object('title', 'Checklist', 'kind', 'build_checklist', 'project_id', regress.id('a', 4, 1)));
SELECT regress.call('task.create', jsonb_build_object('title', 'Retain', 'kind', 'client_retention', 'project_id', regress.id('a', 4, 1)));
SELECT regress.call('task.create', '{"title": "of the tenant"}');
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 11), 'status', 'in_progress'));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 13), 'status', 'done'));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 21), 'status', 'done'));
ROLLBACK;
:ann
-- another editor's document as a blueprint, of which nothing is kept
SELECT jsonb_path_query_array(r.result, '$.document.nodes[*]') FROM wrk.rpc_call('blueprint.import',
	'{"document": [{"id": "n", "type": "inject", "x": 40, "y": 20, "z": "f", "wires": [[]]}, {"id": "f", "type": "tab"}]}') r;
SELECT regress.call('blueprint.import', '{"document": "n8n"}');
SELECT regress.call('blueprint.import', '{}');
SELECT regress.call('blueprint.import', '{"document": {}, "format": "zapier"}');
SELECT regress.call('task.create', jsonb_build_object('title', 'x', 'project_id', regress.id('a', 4, 1)));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 22), 'status', 'done'));
SELECT regress.call('task.update', jsonb_build_object('id', regress.id('a', 6, 21), 'status', 'done'));
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
