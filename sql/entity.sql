-- Rows that several people edit at once: an edit is merged with what others have done since.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE SCHEMA regress;
GRANT USAGE ON SCHEMA regress TO PUBLIC;
INSERT INTO wrk.role (name, bit) VALUES ('en_user', 50), ('en_auditor', 51);
INSERT INTO wrk.permission (role, action, resource_type) VALUES ('en_auditor', 'read', 'audit_log');
-- by a token: to impersonate would be a fact of its own, and take an id
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "regress"}') AS key;
CREATE FUNCTION regress.act(name text, roles text[], tenant text DEFAULT 'acme') RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	SELECT wrk.authenticate(wrk.jwt_sign(jsonb_build_object('tenant_id', tenant, 'sub', name, 'roles', roles, 'exp', 4102444800),
		'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "regress"}'))
$$;
\set ann 'BEGIN; DO $$BEGIN PERFORM regress.act(''ann'', ''{en_user}''); END$$; SET LOCAL ROLE wrk_member;'
\set bob 'BEGIN; DO $$BEGIN PERFORM regress.act(''bob'', ''{en_user}''); END$$; SET LOCAL ROLE wrk_member;'
\set cy 'BEGIN; DO $$BEGIN PERFORM regress.act(''cy'', ''{en_user}''); END$$; SET LOCAL ROLE wrk_member;'
\set auditor 'BEGIN; DO $$BEGIN PERFORM regress.act(''aud'', ''{en_user,en_auditor}''); END$$; SET LOCAL ROLE wrk_member;'
\set other 'BEGIN; DO $$BEGIN PERFORM regress.act(''eve'', ''{en_user,en_auditor}'', ''globex''); END$$; SET LOCAL ROLE wrk_member;'
CREATE TABLE regress.atom (
	tenant_id text NOT NULL, id int, title text, due timestamptz, size numeric(8, 2), doc jsonb, tags text[], pin text, note text,
	version int NOT NULL DEFAULT 1, twice int GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (tenant_id, id));
SELECT wrk.enable_tenancy('regress.atom');
GRANT SELECT, INSERT, UPDATE, DELETE ON regress.atom TO wrk_member;
CREATE TRIGGER version BEFORE INSERT OR UPDATE ON regress.atom FOR EACH ROW EXECUTE FUNCTION wrk.entity_count();
SELECT wrk.enable_audit('regress.atom', exclude => '{note}', redact => '{pin}', history => 'readers', version_column => 'version');
CREATE FUNCTION regress.patch(base bigint, changes jsonb, mode text DEFAULT 'lww', id text DEFAULT '1') RETURNS jsonb LANGUAGE sql AS $$
	SELECT wrk.entity_patch('regress.atom', id, base, changes, mode)
$$;
-- the error with its detail
CREATE FUNCTION regress.refusal(base bigint, changes jsonb, mode text DEFAULT 'strict') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	RETURN regress.patch(base, changes, mode);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', SQLSTATE, SQLERRM, detail);
END $$;
CREATE FUNCTION regress.told() RETURNS TABLE (channels text[], payload jsonb) LANGUAGE sql SECURITY DEFINER AS $$
	SELECT channels, payload FROM wrk.event WHERE type = 'conflict.detected' AND xid = pg_current_xact_id() ORDER BY id
$$;

:ann
INSERT INTO regress.atom (id, title, due, size, doc, tags, pin, note, version) VALUES (1, 'one', '2024-01-01 12:00Z', 1,
	'{"nodes": [{"id": "a", "x": 1}, {"id": "b", "x": 1}], "edges": [], "name": "d"}', '{x}', '1', 'n', 1);
COMMIT;

-- different columns: both stay
:bob
SELECT regress.patch(1, '{"title": "uno"}');
COMMIT;
:ann
SELECT regress.patch(1, '{"size": "2.5", "tags": ["y", "z"]}');
SELECT title, size, tags, version FROM regress.atom;
SELECT * FROM regress.told();
COMMIT;
-- so do parts of a document, given as a whole
:bob
SELECT regress.patch(3, '{"doc": {"nodes": [{"id": "a", "x": 2}, {"id": "b", "x": 1}], "edges": [], "name": "d"}}');
COMMIT;
:ann
SELECT regress.patch(3, '{"doc": {"nodes": [{"id": "a", "x": 1}, {"id": "b", "x": 9}], "edges": [{"id": "e", "source": "a", "target": "b"}], "name": "d"}}');
SELECT doc, version FROM regress.atom;
COMMIT;

-- the same column: the last writer wins, and whose change that was is told, without a value
:bob
SELECT regress.patch(4, '{"title": "eins"}');
SELECT * FROM regress.told();
ROLLBACK;
:bob
SELECT regress.patch(1, '{"title": "eins"}');
SELECT * FROM regress.told();
ROLLBACK;
:ann
SELECT regress.patch(1, '{"title": "ein", "due": null, "size": 3}');
SELECT title, due, size, version FROM regress.atom;
SELECT * FROM regress.told();
ROLLBACK;
-- each of the right person, inside of a document as well; a change that was taken back by somebody is theirs
:cy
UPDATE regress.atom SET doc = jsonb_set(doc, '{name}', '"cy"') WHERE id = 1;
COMMIT;
:auditor
SELECT regress.patch(3, '{"title": "un", "doc": {"nodes": [{"id": "a", "x": 7}, {"id": "b", "x": 8}], "edges": [], "name": "mine"}}');
SELECT doc FROM regress.atom;
SELECT * FROM regress.told();
ROLLBACK;
-- what two have made the same is no conflict, nor is what differs in its spelling only
:cy
SELECT regress.patch(1, '{"title": "uno", "size": 2.500, "due": "2024-01-01T13:00:00+01:00"}');
SELECT version FROM regress.atom;
ROLLBACK;
-- what is there stays, if the editor says so
:cy
SELECT regress.patch(1, '{"title": "ein", "due": "2025-01-01"}', 'ours');
SELECT title, due = '2025-01-01' AS due FROM regress.atom;
SELECT * FROM regress.told();
ROLLBACK;
-- or all is refused
:cy
SELECT regress.refusal(1, '{"title": "ein", "due": "2025-01-01"}');
SELECT regress.refusal(1, '{"due": "2024-12-24 00:00Z"}');
ROLLBACK;
-- a node that others have drawn an edge to: the edge goes with it, its author is told; or the document stays
:cy
SELECT regress.patch(3, '{"doc": {"nodes": [{"id": "b", "x": 1}], "edges": [], "name": "d"}}') - 'version';
SELECT doc FROM regress.atom;
SELECT * FROM regress.told();
ROLLBACK;
:cy
SELECT jsonb_path_query_array(regress.patch(3, '{"doc": {"nodes": [{"id": "b", "x": 1}], "edges": [], "name": "e"}}', 'ours'), '$.conflicts[*].path');
SELECT doc FROM regress.atom;
ROLLBACK;

-- nothing to do is no change
:cy
SELECT regress.patch(6, '{}'), regress.patch(6, '{"title": "uno"}');
ROLLBACK;
-- a version that is not there, or that the log does not lead to
:cy
SELECT regress.refusal(7, '{"title": "x"}');
SELECT regress.refusal(-1, '{"title": "x"}');
SELECT regress.refusal(0, '{"title": "x"}');
-- columns that are not for editing, not audited, redacted or not there, and values that are none
SELECT column_name, regress.refusal(6, jsonb_build_object(column_name, 5))
FROM unnest('{id,tenant_id,version,twice,note,pin,nothing}'::text[]) column_name;
SELECT regress.refusal(6, '{"size": "much"}'), regress.refusal(6, '{"size": 12345678}');
SELECT regress.refusal(6, '[1]');
SELECT regress.refusal(6, '{"title": "x"}', 'first');
SELECT regress.refusal(6, '{"title": "x"}', NULL);
SELECT regress.refusal(6, jsonb_build_object('title', repeat('x', 9000000)));
SELECT wrk.entity_patch('regress.atom', '1', 6, NULL);
ROLLBACK;
:cy
SELECT wrk.entity_patch('regress.atom', 'one', 6, '{}');
ROLLBACK;
-- nobody tells another tenant's row from one that is not there
:other
SELECT wrk.entity_patch('regress.atom', '1', 6, '{"title": "x"}');
ROLLBACK;
:other
SELECT wrk.entity_patch('regress.atom', '2', 6, '{"title": "x"}');
ROLLBACK;
:other
SELECT wrk.entity_version('regress.atom', '1');
ROLLBACK;
BEGIN;
SET LOCAL ROLE wrk_member;
SELECT wrk.entity_version('regress.atom', '1');
ROLLBACK;

-- it takes the rights that any change takes
GRANT SELECT (tenant_id, id, title, version), UPDATE (title) ON regress.atom TO wrk_member;
REVOKE SELECT, UPDATE ON regress.atom FROM wrk_member;
GRANT SELECT (tenant_id, id, title, size, version), UPDATE (title) ON regress.atom TO wrk_member;
:cy
SELECT regress.refusal(6, '{"doc": {}}');
SELECT regress.refusal(6, '{"size": 8}');
SELECT regress.patch(6, '{"title": "eins"}');
ROLLBACK;
GRANT SELECT, UPDATE ON regress.atom TO wrk_member;
CREATE POLICY frozen ON regress.atom AS RESTRICTIVE FOR UPDATE TO wrk_member USING (title <> 'uno');
:cy
SELECT regress.refusal(6, '{"title": "eins"}');
ROLLBACK;
DROP POLICY frozen ON regress.atom;
-- the number is counted, never written
:cy
UPDATE regress.atom SET version = 77 WHERE id = 1;
UPDATE regress.atom SET title = title WHERE id = 1;
SELECT version - 6 AS more FROM regress.atom;
INSERT INTO regress.atom (id, version) VALUES (8, 2147483647), (9, -5), (10, NULL);
SELECT id, version FROM regress.atom WHERE id > 7;
UPDATE regress.atom SET note = 'x' WHERE id = 8;
ROLLBACK;
CREATE TABLE regress.uncounted (id int PRIMARY KEY, n text);
CREATE TRIGGER version BEFORE INSERT ON regress.uncounted FOR EACH ROW EXECUTE FUNCTION wrk.entity_count('n');
INSERT INTO regress.uncounted VALUES (1);
CREATE OR REPLACE TRIGGER version AFTER INSERT ON regress.uncounted FOR EACH ROW EXECUTE FUNCTION wrk.entity_count();
INSERT INTO regress.uncounted VALUES (1);

-- taking a change back leaves the number alone, and a deleted row goes on with it
SELECT min(id) AS uno FROM wrk.audit_log WHERE resource_type = 'atom' AND changes #>> '{new,title}' = 'uno' \gset
:bob
SELECT wrk.revert(:uno) - 'change_id';
SELECT title, version FROM regress.atom;
SELECT regress.patch(6, '{"title": "dos"}') -> 'conflicts';
DELETE FROM regress.atom;
COMMIT;
:bob
SELECT regress.refusal(6, '{"title": "x"}');
ROLLBACK;
SELECT max(id) AS gone FROM wrk.audit_log WHERE resource_type = 'atom' AND op = 'd' \gset
:auditor
-- also for who may read the log it is gone
SELECT regress.refusal(6, '{"title": "x"}');
SELECT wrk.revert(:gone) -> 'changed';
SELECT title, version FROM regress.atom;
SELECT regress.patch(8, '{"title": "tres"}');
-- but what was before is another stretch of its life
SELECT regress.refusal(7, '{"title": "x"}');
COMMIT;

-- without such a column a version is the id of a change
SELECT wrk.enable_audit('regress.atom', exclude => '{note,version}', redact => '{pin}', history => 'readers');
:ann
INSERT INTO regress.atom (id, title, size) VALUES (2, 'two', 1);
SELECT wrk.entity_version('regress.atom', '2') AS v \gset
UPDATE regress.atom SET title = 'zwei' WHERE id = 2;
SELECT wrk.entity_version('regress.atom', '2') - :v AS further;
COMMIT;
:bob
SELECT answer -> 'conflicts' AS conflicts, (answer ->> 'version')::bigint - :v AS version, (answer ->> 'base')::bigint - :v AS base
FROM (SELECT regress.patch(:v, '{"title": "deux", "size": 2}', id => '2') AS answer) a;
SELECT channels, (payload ->> 'version')::bigint = wrk.entity_version('regress.atom', '2') AS is_that, payload - 'version' AS payload FROM regress.told();
SELECT id - :v AS id, user_id, changes FROM wrk.history('regress.atom', '2');
COMMIT;
\set VERBOSITY sqlstate
:bob
SELECT regress.patch(0, '{"title": "x"}', id => '2');
ROLLBACK;
:bob
SELECT regress.patch(9000000000000000000, '{"title": "x"}', id => '2');
ROLLBACK;
\set VERBOSITY terse
-- 0 is a row from before the log
INSERT INTO regress.atom (tenant_id, id, title) VALUES ('acme', 3, 'three');
CREATE TABLE regress.plain (id int PRIMARY KEY, a int, b int);
INSERT INTO regress.plain VALUES (1, 1, 1);
SELECT wrk.enable_audit('regress.plain');
SELECT wrk.entity_version('regress.plain', '1'), wrk.entity_patch('regress.plain', '1', 0, '{"a": 2}') -> 'conflicts' AS first,
	wrk.entity_patch('regress.plain', '1', 0, '{"a": 3, "b": 3}') -> 'conflicts' AS second;
SELECT * FROM regress.plain;
-- a thousand changes ago is too long
DO $$BEGIN FOR i IN 1 .. 998 LOOP UPDATE regress.plain SET b = i + 10; END LOOP; END$$;
SELECT wrk.entity_patch('regress.plain', '1', 0, '{"a": 4}') -> 'changed' AS thousand;
SELECT wrk.entity_patch('regress.plain', '1', 0, '{"a": 5}');
-- a column added since is one that nobody has changed; what was changed without the log knowing is no guess
ALTER TABLE regress.plain ADD c int DEFAULT 5;
SELECT wrk.entity_version('regress.plain', '1') AS v \gset
UPDATE regress.plain SET a = 6;
SELECT wrk.entity_patch('regress.plain', '1', :v, '{"c": 6, "a": 7}') -> 'conflicts';
SELECT a, c FROM regress.plain;
ALTER TABLE regress.plain DISABLE TRIGGER "00_wrk_audit";
DELETE FROM regress.plain;
ALTER TABLE regress.plain ENABLE TRIGGER "00_wrk_audit";
INSERT INTO regress.plain VALUES (1, 1, 1);
ALTER TABLE regress.plain DISABLE TRIGGER "00_wrk_audit";
DELETE FROM regress.plain;
ALTER TABLE regress.plain ENABLE TRIGGER "00_wrk_audit";
INSERT INTO regress.plain VALUES (1, 2, 2);
\set VERBOSITY sqlstate
SELECT wrk.entity_patch('regress.plain', '1', :v, '{"a": 7}');
\set VERBOSITY terse
-- who may not know the history of a row cannot ask for its versions
GRANT SELECT, UPDATE ON regress.plain TO wrk_member;
:ann
SELECT wrk.entity_patch('regress.plain', '1', 0, '{"a": 5}');
ROLLBACK;
CREATE TABLE regress.unknown (id int PRIMARY KEY);
SELECT wrk.entity_patch('regress.unknown', '1', 0, '{}');
-- a version column is one that counts and is recorded
SELECT wrk.enable_audit('regress.atom', version_column => 'title');
SELECT wrk.enable_audit('regress.atom', version_column => 'version', exclude => '{version}');
SELECT wrk.enable_audit('regress.atom', version_column => 'nothing');

-- no function, operator or type of the caller's own runs with other rights than his
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE FUNCTION trap.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.eq);
CREATE FUNCTION trap.eq(int, int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE OPERATOR trap.= (LEFTARG = int, RIGHTARG = int, FUNCTION = trap.eq);
CREATE FUNCTION trap.jsonb_to_record(jsonb) RETURNS record LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE DOMAIN trap.text AS pg_catalog.text CHECK (false);
SELECT wrk.entity_version('regress.atom', '2') AS v \gset
:ann
SET LOCAL search_path = trap, pg_catalog;
SELECT wrk.entity_patch('regress.atom', '2', :v, '{"title": "fin", "size": 9}') -> 'changed';
ROLLBACK;
DROP SCHEMA trap CASCADE;

DROP SCHEMA regress CASCADE;
DELETE FROM wrk.permission WHERE role LIKE 'en\_%';
DELETE FROM wrk.role WHERE name LIKE 'en\_%';
DELETE FROM wrk.jwt_key WHERE kid = 'regress';
