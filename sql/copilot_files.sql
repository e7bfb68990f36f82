-- Files of a workspace: revisions, conflicts, locks, and who sees them.
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
INSERT INTO copilot.rooms (tenant_id, id, kind, name) VALUES
	(regress.id('a', 0, 0), regress.id('a', 7, 1), 'workspace', 'Shared'), (regress.id('a', 0, 0), regress.id('a', 7, 2), 'chat', 'Chat'),
	(regress.id('b', 0, 0), regress.id('b', 7, 1), 'workspace', 'Theirs');
INSERT INTO copilot.room_members (tenant_id, room_id, room_kind, user_id, role)
SELECT regress.id(p.tenant, 0, 0), regress.id(p.tenant, 7, n), CASE n WHEN 1 THEN 'workspace' ELSE 'chat' END, p.id, 'owner'
FROM regress.person p, generate_series(1, 2) n WHERE p.name IN ('ann', 'bob', 'ada') OR p.name = 'gil' AND n = 1;
INSERT INTO copilot.files (tenant_id, id, workspace_id, path, content) VALUES
	(regress.id('a', 0, 0), regress.id('a', 8, 1), regress.id('a', 7, 1), 'docs/plan.md', 'v1'),
	(regress.id('b', 0, 0), regress.id('b', 8, 1), regress.id('b', 7, 1), 'secret.md', 'theirs');
CREATE FUNCTION regress.call(method text, params jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text;
BEGIN
	RETURN (SELECT result - '{id,created_at,updated_at,acquired_at,expires_at,token,tenant_id,workspace_id}'::text[] FROM wrk.rpc_call(method, params));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', state, message, CASE WHEN detail LIKE '{%' THEN detail::jsonb - '{updated_at,expires_at}'::text[] END);
END $$;
CREATE FUNCTION regress.save(base int, content text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT regress.call('file.save', jsonb_build_object('id', regress.id('a', 8, 1), 'revision', base, 'content', content) || more)
$$;
CREATE TABLE regress.looked (id bigint);
INSERT INTO regress.looked SELECT coalesce(max(id), 0) FROM wrk.event;
CREATE FUNCTION regress.news(OUT type text, OUT channels text, OUT payload jsonb) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT e.type, regexp_replace(array_to_string(e.channels, ' '), 'tenant:(.)0000000-0000-4000-8000-000000000000', '\1', 'g'),
		CASE WHEN e.payload ? 'data' THEN jsonb_build_object('revision', e.payload #> '{data,revision}', 'has_content', e.payload -> 'data' ? 'content')
			ELSE e.payload - '{id,acquired_at,expires_at}'::text[] END
	FROM wrk.event e WHERE e.class <> 'x' AND e.id > (SELECT l.id FROM regress.looked l) AND e.type <> 'audit.appended' ORDER BY e.id;
	UPDATE regress.looked SET id = (SELECT max(e.id) FROM wrk.event e);
END $$;

-- each save counts, and is told in the workspace without the text
:ann
SELECT regress.save(1, 'v2');
COMMIT;
SELECT * FROM regress.news();
-- what changes nothing is no revision
:ann
SELECT regress.save(2, 'v2');
COMMIT;
SELECT * FROM regress.news();
-- who started from an older one is refused, and nothing is written; who insists wins, and the other is told
:bob
SELECT regress.save(1, 'bob');
SELECT regress.call('file.get', jsonb_build_object('id', regress.id('a', 8, 1))) LIKE '%"content": "v2"%';
SELECT regress.save(1, 'bob', '{"mode": "lww"}');
COMMIT;
SELECT * FROM regress.news();
-- not of one's own, and not for who has left
:bob
SELECT regress.save(1, 'bob again', '{"mode": "lww"}') LIKE '%"revision": 4%';
COMMIT;
SELECT type FROM regress.news();
DELETE FROM copilot.room_members WHERE user_id = regress.id('0', 1, 2) AND room_kind = 'workspace';
:ann
SELECT regress.save(1, 'ann', '{"mode": "lww"}') LIKE '%"revision": 5%';
COMMIT;
SELECT type FROM regress.news();
:bob
SELECT regress.save(5, 'bob');
SELECT count(*) FROM copilot.files;
COMMIT;

-- a locked file: its holder saves, nobody else does, by whatever statement
:ann
SELECT regress.call('lock.acquire', jsonb_build_object('resource', 'file:' || regress.id('a', 8, 1), 'seconds', 600));
COMMIT;
:ada
SELECT regress.save(5, 'ada');
SELECT regress.save(4, 'ada', '{"mode": "lww"}');
SELECT regress.call('file.delete', jsonb_build_object('id', regress.id('a', 8, 1)));
\set VERBOSITY terse
UPDATE copilot.files SET path = 'moved.md';
\set VERBOSITY default
ROLLBACK;
:ann
SELECT regress.save(5, 'ann has it');
COMMIT;
-- who may, takes it away
:ada
SELECT regress.call('lock.steal', jsonb_build_object('resource', 'file:' || regress.id('a', 8, 1), 'reason', 'Urgent'));
SELECT regress.save(6, 'ada');
COMMIT;
:ann
SELECT regress.save(7, 'ann');
SELECT regress.call('lock.renew', jsonb_build_object('resource', 'file:' || regress.id('a', 8, 1)));
SELECT regress.call('lock.list', jsonb_build_object('resource', 'file:' || regress.id('a', 8, 1))) LIKE '%"name": "Ada"%';
SELECT regress.call('lock.steal', jsonb_build_object('resource', 'file:' || regress.id('a', 8, 1)));
COMMIT;
:ada
SELECT regress.call('lock.release', jsonb_build_object('resource', 'file:' || regress.id('a', 8, 1)));
COMMIT;
-- an expired lock is in nobody's way
:ada
SELECT regress.call('lock.acquire', jsonb_build_object('resource', 'file:' || regress.id('a', 8, 1))) IS NOT NULL;
COMMIT;
UPDATE wrk.lock SET expires_at = now() - interval '1 second';
:ann
SELECT regress.save(7, 'ann');
COMMIT;
SELECT type, payload ->> 'reason' FROM regress.news() WHERE type LIKE 'lock%';

-- new files, their paths, and what is none
:ann
SELECT regress.call('file.save', jsonb_build_object('workspace_id', regress.id('a', 7, 1), 'path', 'a.txt'));
SELECT regress.call('file.update', jsonb_build_object('workspace_id', regress.id('a', 7, 1), 'path', 'b.json', 'content', '{}', 'content_type', 'application/json'));
SELECT regress.call('file.save', jsonb_build_object('workspace_id', regress.id('a', 7, 1), 'path', 'a.txt'));
SELECT regress.save(8, 'x', '{"path": "a.txt"}');
SELECT regress.call('file.save', jsonb_build_object('workspace_id', regress.id('a', 7, 1), 'path', p)) FROM unnest(ARRAY['/etc/passwd', '../x', 'a//b', 'a/..', '.', 'a/', E'a\nb']) p;
SELECT regress.call('file.save', jsonb_build_object('workspace_id', regress.id('a', 7, 1), 'path', 'big', 'content', repeat('x', 1048577)));
SELECT regress.call('file.save', jsonb_build_object('workspace_id', regress.id('a', 7, 2), 'path', 'x'));
SELECT regress.call('file.save', jsonb_build_object('workspace_id', regress.id('b', 7, 1), 'path', 'x'));
SELECT regress.call('file.save', '{"path": "x"}');
SELECT regress.save(99, 'x');
SELECT regress.save(NULL, 'x');
SELECT regress.save(8, 'x', '{"mode": "mine"}');
SELECT regress.save(8, 'x', '{"revision": "8"}');
SELECT r ->> 'next', f ->> 'path', f ? 'content' FROM copilot.call_file_list(jsonb_build_object('workspace_id', regress.id('a', 7, 1), 'limit', 2)) r, jsonb_array_elements(r -> 'files') f;
SELECT r ->> 'next', f ->> 'path' FROM copilot.call_file_list(jsonb_build_object('workspace_id', regress.id('a', 7, 1), 'after', 'b.json')) r, jsonb_array_elements(r -> 'files') f;
SELECT regress.call('file.delete', jsonb_build_object('id', regress.id('a', 8, 1)));
ROLLBACK;
-- nobody else's: not of the tenant, not of another, not by the ops role
:otto
SELECT m, regress.call(m, jsonb_build_object('id', regress.id('a', 8, 1)) || CASE m WHEN 'file.save' THEN '{"revision": 8, "content": "x"}' ELSE '{}' END::jsonb)
FROM unnest('{file.get,file.save,file.delete}'::text[]) m;
SELECT regress.call('file.list', jsonb_build_object('workspace_id', regress.id('a', 7, 1)));
SELECT regress.call('lock.acquire', jsonb_build_object('resource', 'file:' || regress.id('a', 8, 1)));
SELECT count(*) FROM copilot.files;
COMMIT;
:gil
SELECT regress.call('file.get', jsonb_build_object('id', regress.id('a', 8, 1)));
SELECT regress.call('lock.list', jsonb_build_object('resource', 'file:' || regress.id('a', 8, 1)));
SELECT path FROM copilot.files;
UPDATE copilot.files SET revision = 9;
ROLLBACK;
-- what a file was stays with those who read the log
:ada
SELECT string_agg(l.changes #>> '{new,content}', ' ' ORDER BY l.id) FROM copilot.audit_logs(resource_type => 'file') l WHERE l.resource_id = regress.id('a', 8, 1)::text AND l.op = 'u';
COMMIT;
-- a workspace takes its files along, locked or not
:ada
SELECT regress.call('lock.acquire', jsonb_build_object('resource', 'file:' || regress.id('a', 8, 1))) IS NOT NULL;
COMMIT;
DELETE FROM copilot.rooms WHERE id = regress.id('a', 7, 1);
SELECT count(*) FROM copilot.files;

-- bad parameters of locks
:ann
SELECT regress.call('lock.acquire', p) FROM unnest(ARRAY['{}', '{"resource": 5}', '{"resource": "project:x"}', '{"resource": "tenant"}', '{"resource": "project:x", "seconds": 0}',
	'{"resource": "project:x", "lease": 5}', jsonb_build_object('resource', 'project:' || regress.id('b', 4, 1))]::jsonb[]) p;
SELECT regress.call('lock.renew', jsonb_build_object('resource', 'project:' || regress.id('a', 4, 1), 'token', '5'));
SELECT regress.call('lock.acquire', jsonb_build_object('resource', 'project:' || regress.id('a', 4, 1), 'field', 'name'));
SELECT regress.call('lock.release', jsonb_build_object('resource', 'project:' || regress.id('a', 4, 1), 'field', 'name'));
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM wrk.lock;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
