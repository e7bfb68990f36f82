-- What the application announces: to which channels, for whom, with what inside.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set ECHO none
\i :fixture
\set ECHO all
-- events since the last look; the tenant in front of a channel as its first letter
CREATE TABLE regress.looked (id bigint);
INSERT INTO regress.looked SELECT coalesce(max(id), 0) FROM wrk.event;
CREATE FUNCTION regress.news(OUT type text, OUT channels text, OUT audience text, OUT payload jsonb)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT e.type,
		regexp_replace(array_to_string(e.channels, ' '), 'tenant:(.)0000000-0000-4000-8000-000000000000', '\1', 'g'),
		array_to_string(e.audience, ' '),
		e.payload - '{id,automation_id,change_id}'::text[] || CASE WHEN e.payload ? 'data' THEN jsonb_build_object('data', (
			SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(e.payload -> 'data') k)) ELSE '{}' END
	FROM wrk.event e WHERE e.id > (SELECT l.id FROM regress.looked l) AND e.type <> 'audit.appended' ORDER BY e.id;
	UPDATE regress.looked SET id = (SELECT max(e.id) FROM wrk.event e);
END $$;
\pset format unaligned
\pset tuples_only on

-- messages: the type is the audience, the thread the channel
:ann
SELECT copilot.message_send(jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'hello')) ->> 'body';
COMMIT;
SELECT * FROM regress.news();
:otto
SELECT copilot.message_send(jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'staff', 'type', 'ops')) ->> 'body';
SELECT copilot.message_send(jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'body', 'note', 'type', 'internal_note')) ->> 'body';
COMMIT;
SELECT * FROM regress.news();

-- tasks: client retention for operations staff only
:otto
SELECT copilot.task_create(jsonb_build_object('title', 'Call', 'project_id', regress.id('a', 4, 1))) ->> 'title';
SELECT copilot.task_create(jsonb_build_object('title', 'Keep', 'project_id', regress.id('a', 4, 1), 'kind', 'client_retention')) ->> 'title';
SELECT copilot.task_update(jsonb_build_object('id', regress.id('a', 6, 11), 'status', 'done')) ->> 'status';
SELECT copilot.task_update(jsonb_build_object('id', regress.id('a', 6, 11), 'status', 'done')) ->> 'status';
DELETE FROM copilot.tasks WHERE id = regress.id('a', 6, 11);
COMMIT;
SELECT * FROM regress.news();

-- projects
UPDATE copilot.projects SET checklist_progress = 10 WHERE id IN (regress.id('a', 4, 1), regress.id('b', 4, 1));
UPDATE copilot.projects SET name = name;
SELECT * FROM regress.news();

-- versions: the row's event has no blueprint, the change of it one of its own; a change of status is told on version, project and tenant
UPDATE copilot.automation_versions SET blueprint_json = '{"nodes": []}' WHERE id = regress.id('a', 3, 1);
SELECT * FROM regress.news();
:otto
UPDATE copilot.automation_versions SET status = 'blocked', status_reason = 'no access' WHERE id = regress.id('a', 3, 1);
COMMIT;
SELECT * FROM regress.news();
INSERT INTO copilot.projects (tenant_id, id, name, kind, automation_id, automation_version_id)
VALUES (regress.id('a', 0, 0), regress.id('a', 4, 3), 'a3 project', 'revision', regress.id('a', 2, 1), regress.id('a', 3, 1));
SELECT type FROM regress.news();
:otto
SELECT wrk.transition('copilot.automation_versions', regress.id('a', 3, 1)::text, 'previous') ->> 'to';
COMMIT;
SELECT type, channels, audience, payload FROM regress.news() WHERE type = 'automation_version.status_changed';

-- rows and events agree: who may read a row is who is shown its event, and nobody else
CREATE FUNCTION regress.compare(person text, joined uuid[], row_ids uuid[], OUT both_say bigint, OUT only_the_row bigint,
								OUT only_the_event bigint) LANGUAGE sql SECURITY DEFINER AS $$
	WITH event AS (
		SELECT (e.payload ->> 'id')::uuid AS id FROM wrk.event e, regress.person p
		WHERE p.name = person AND e.type IN ('message.created', 'task.created')
			AND e.tenant_id = regress.id(p.tenant, 0, 0)::text
			AND (e.audience = '{}' OR e.audience && ARRAY(SELECT 'role:' || r FROM unnest(p.roles) r))
			AND EXISTS (SELECT FROM unnest(e.channels) c WHERE right(c, 36)::uuid = ANY (joined))),
	seen AS (SELECT unnest(row_ids) AS id)
	SELECT count(*) FILTER (WHERE s.id = e.id), count(*) FILTER (WHERE e.id IS NULL), count(*) FILTER (WHERE s.id IS NULL)
	FROM seen s FULL JOIN event e ON e.id = s.id
$$;
DELETE FROM copilot.messages;
DELETE FROM copilot.tasks;
DELETE FROM wrk.event;
INSERT INTO copilot.messages (tenant_id, project_id, automation_version_id, type, body, author_id)
SELECT p.tenant_id, CASE WHEN v THEN NULL ELSE p.id END, CASE WHEN v THEN p.automation_version_id END, t, 'x', regress.id('0', 1, 4)
FROM copilot.projects p, unnest('{client,ops,internal_note,system}'::text[]) t, unnest('{true,false}'::boolean[]) v;
INSERT INTO copilot.tasks (tenant_id, project_id, automation_version_id, kind, title)
SELECT p.tenant_id, CASE WHEN v THEN NULL ELSE p.id END, CASE WHEN v THEN p.automation_version_id END, k, 'x'
FROM copilot.projects p, unnest('{build_checklist,general_todo,credentials_issue,client_retention}'::text[]) k, unnest('{true,false}'::boolean[]) v;
\set compare ', * FROM regress.compare(:\'who\', ARRAY(SELECT id FROM copilot.projects UNION ALL SELECT id FROM copilot.automation_versions), ARRAY(SELECT id FROM copilot.messages UNION ALL SELECT id FROM copilot.tasks)); COMMIT;'
\pset tuples_only off
\set who ann
:ann
SELECT :'who' AS who :compare
\set who bob
:bob
SELECT :'who' AS who :compare
\set who quinn
:quinn
SELECT :'who' AS who :compare
\set who otto
:otto
SELECT :'who' AS who :compare
\set who ada
:ada
SELECT :'who' AS who :compare
\set who gil
:gil
SELECT :'who' AS who :compare
\set who bea
:bea
SELECT :'who' AS who :compare

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
