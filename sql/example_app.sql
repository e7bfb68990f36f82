-- Foreign tables become collaborative with public calls only; see regress/example_app.sql.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set example :abs_srcdir '/regress/example_app.sql'
\set ECHO none
\o /dev/null
\i :example
\o
\set ECHO all
-- nothing of it is left open
SELECT * FROM wrk.lint();
CREATE SCHEMA regress;
GRANT USAGE ON SCHEMA regress TO PUBLIC;
CREATE FUNCTION regress.act(name text, role text, tenant text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	SELECT wrk.impersonate(tenant, name, ARRAY[role])
$$;
\set ann 'BEGIN; DO $$BEGIN PERFORM regress.act(''ann'', ''app_editor'', ''acme''); END$$; SET LOCAL ROLE wrk_member;'
\set bob 'BEGIN; DO $$BEGIN PERFORM regress.act(''bob'', ''app_editor'', ''acme''); END$$; SET LOCAL ROLE wrk_member;'
\set lea 'BEGIN; DO $$BEGIN PERFORM regress.act(''lea'', ''app_lead'', ''acme''); END$$; SET LOCAL ROLE wrk_member;'
\set eve 'BEGIN; DO $$BEGIN PERFORM regress.act(''eve'', ''app_lead'', ''globex''); END$$; SET LOCAL ROLE wrk_member;'
CREATE FUNCTION regress.call(method text, params jsonb, key text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT result FROM wrk.rpc_call(method, params, key));
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION regress.events() RETURNS TABLE (type text, channels text[], what jsonb) LANGUAGE sql SECURITY DEFINER AS $$
	SELECT type, channels, coalesce(payload -> 'changed', payload -> 'conflicts', payload #> '{data,title}', payload -> 'field')
	FROM wrk.event WHERE xid = pg_current_xact_id() ORDER BY id
$$;

:ann
INSERT INTO app.module (name) VALUES ('Invoices');
INSERT INTO app.atom (module_id, title, body) VALUES (1, 'Read', '{"a": 1, "b": 1}');
SELECT * FROM regress.events();
SELECT regress.call('atom.get', '{"id": 1}');
COMMIT;
-- two edits from one version: different parts stay, of the same the last is there and the first told
:bob
SELECT regress.call('atom.patch', '{"id": 1, "version": 1, "changes": {"title": "Read it", "body": {"a": 2, "b": 1}}}', 'k1');
COMMIT;
:ann
SELECT regress.call('atom.patch', '{"id": 1, "version": 1, "changes": {"title": "Read mail", "body": {"a": 1, "b": 2}}}');
SELECT * FROM regress.events();
SELECT regress.call('atom.get', '{"id": 1}');
COMMIT;
-- a call that comes again does nothing more
:bob
SELECT regress.call('atom.patch', '{"id": 1, "version": 1, "changes": {"title": "Read it", "body": {"a": 2, "b": 1}}}', 'k1');
SELECT regress.call('atom.get', '{"id": 1}');
SELECT regress.call('atom.patch', '{"id": 1, "version": 1, "changes": {"title": "Mine"}, "mode": "strict"}');
COMMIT;
-- a lock of a column is in the way of writing that column, and the whole row
:ann
SELECT regress.call('atom.lock', '{"id": 1, "field": "title"}')::jsonb - '{acquired_at,expires_at,token}'::text[];
SELECT * FROM regress.events();
COMMIT;
:bob
SELECT regress.call('atom.patch', '{"id": 1, "version": 3, "changes": {"title": "Mine"}}');
SELECT regress.call('atom.patch', '{"id": 1, "version": 3, "changes": {"body": {"a": 3, "b": 2}}}');
SELECT regress.call('atom.lock', '{"id": 1}');
DELETE FROM app.atom;
ROLLBACK;
:lea
SELECT wrk.lock_steal('atom:1') ->> 'user_id';
SELECT regress.call('atom.patch', '{"id": 1, "version": 3, "changes": {"title": "Hers"}}');
ROLLBACK;
-- history, and the way back
:bob
SELECT e -> 'user_id' AS who, e -> 'op' AS op, e #> '{changes,new}' AS new FROM jsonb_array_elements(regress.call('atom.history', '{"id": 1}')::jsonb) e;
SELECT wrk.revert((SELECT max(id) FROM wrk.history('app.atom', '1'))) -> 'conflicts';
ROLLBACK;
:ann
SELECT wrk.revert((SELECT max(id) FROM wrk.history('app.atom', '1'))) -> 'changed';
SELECT title, body, version FROM app.atom;
ROLLBACK;
-- channels: events to read, presence to take part in
:ann
SELECT wrk.channel_resolve('entity:atom:1'), wrk.channel_resolve('atom:1');
ROLLBACK;
-- for another tenant nothing of it is there, and no answer tells it from what is not
:eve
SELECT m, regress.call(m, p || '{"id": 1}') AS theirs, regress.call(m, p || '{"id": 7}') AS none
FROM (VALUES ('atom.get', '{}'::jsonb), ('atom.patch', '{"version": 3, "changes": {"title": "x"}}'), ('atom.lock', '{}'), ('atom.history', '{}')) c (m, p);
SELECT wrk.channel_resolve('atom:1');
ROLLBACK;
:eve
SELECT count(*) FROM app.atom;
INSERT INTO app.atom (module_id, title) VALUES (1, 'x');
ROLLBACK;
:eve
INSERT INTO app.atom (tenant_id, module_id, title) VALUES ('acme', 1, 'x');
ROLLBACK;

DROP SCHEMA regress, app CASCADE;
DELETE FROM wrk.rpc WHERE method LIKE 'atom.%';
DELETE FROM wrk.channel_rule WHERE pattern IN ('module:{id}', 'atom:{id}');
DELETE FROM wrk.permission WHERE role LIKE 'app\_%';
DELETE FROM wrk.role WHERE name LIKE 'app\_%';
DELETE FROM wrk.lock;
