-- Taking back one change of a row, and nothing that came after it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE SCHEMA regress;
GRANT USAGE ON SCHEMA regress TO PUBLIC;
INSERT INTO wrk.role (name, bit) VALUES ('rv_user', 50), ('rv_auditor', 51);
INSERT INTO wrk.permission (role, action, resource_type) VALUES ('rv_auditor', 'read', 'audit_log');
-- by a token: to impersonate would be a fact of its own, and take an id
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "regress"}') AS key;
CREATE FUNCTION regress.act(name text, roles text[], tenant text DEFAULT 'acme') RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	SELECT wrk.authenticate(wrk.jwt_sign(jsonb_build_object('tenant_id', tenant, 'sub', name, 'roles', roles, 'exp', 4102444800),
		'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "regress"}'))
$$;
\set ann 'BEGIN; DO $$BEGIN PERFORM regress.act(''ann'', ''{rv_user}''); END$$; SET LOCAL ROLE wrk_member;'
\set bob 'BEGIN; DO $$BEGIN PERFORM regress.act(''bob'', ''{rv_user}''); END$$; SET LOCAL ROLE wrk_member;'
\set auditor 'BEGIN; DO $$BEGIN PERFORM regress.act(''aud'', ''{rv_user,rv_auditor}''); END$$; SET LOCAL ROLE wrk_member;'
\set other 'BEGIN; DO $$BEGIN PERFORM regress.act(''eve'', ''{rv_user,rv_auditor}'', ''globex''); END$$; SET LOCAL ROLE wrk_member;'
CREATE TABLE regress.plan (
	tenant_id text NOT NULL, id int, title text, due timestamptz, doc jsonb, extra jsonb, tags text[], pin text, junk text DEFAULT 'none',
	twice int GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (tenant_id, id));
SELECT wrk.enable_tenancy('regress.plan');
GRANT SELECT, INSERT, UPDATE, DELETE ON regress.plan TO wrk_member;
SELECT wrk.enable_audit('regress.plan', exclude => '{junk}', redact => '{pin}', history => 'readers');
SELECT nextval('wrk.audit_log_id_seq') AS base \gset
-- the answer, with ids that count from here
CREATE FUNCTION regress.told(answer jsonb, base bigint) RETURNS jsonb LANGUAGE sql AS $$
	SELECT answer || jsonb_build_object('change_id', (answer ->> 'change_id')::bigint - base)
$$;

:ann
INSERT INTO regress.plan (id, title, due, doc, extra, tags, pin) VALUES (1, 'first', '2024-01-01 12:00Z',
	'{"nodes": [{"id": "a", "x": 1}, {"id": "b", "x": 1}], "edges": [{"id": "e", "source": "a", "target": "b"}]}', 'null', '{x,"y z"}', '1');
UPDATE regress.plan SET title = 'FIRST', due = NULL, tags = '{}', extra = NULL, pin = '2', junk = 'some',
	doc = '{"nodes": [{"id": "a", "x": 2}, {"id": "b", "x": 2}, {"id": "c"}], "edges": [{"id": "e", "source": "a", "target": "b"}]}';
COMMIT;
-- what the change did is taken back, what it left alone and what is kept from the log stays
:bob
SET LOCAL timezone = 'Asia/Kathmandu';
SELECT regress.told(wrk.revert(:base + 2), :base);
SELECT title, due = '2024-01-01 12:00Z' AS due, doc, extra, tags, pin, junk FROM regress.plan;
SELECT id - :base AS id, user_id, op, metadata ->> 'reverts' = (:base + 2)::text AS reverts FROM wrk.history('regress.plan', '1');
-- and once more: that change is taken back, so it is as it was before it
SELECT regress.told(wrk.revert(:base + 3), :base);
SELECT title, due, extra, tags, pin FROM regress.plan;
-- twice is no more than once
SELECT regress.told(wrk.revert(:base + 3), :base);
ROLLBACK;

-- what others have changed since stays, and is told of
:bob
UPDATE regress.plan SET title = 'second', doc = jsonb_set(doc, '{nodes,0,x}', '3');
COMMIT;
CREATE FUNCTION regress.refusal(change bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM wrk.revert(change);
EXCEPTION WHEN SQLSTATE 'WK409' THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail;
END $$;
:ann
SELECT regress.refusal(:base + 2);
ROLLBACK;
:ann
SELECT regress.told(wrk.revert(:base + 2, 'ours'), 0) - 'change_id';
SELECT title, due IS NULL AS no_due, doc, tags FROM regress.plan;
-- also an edge to a node that would go: then the document is left as it is
ROLLBACK;
:bob
UPDATE regress.plan SET title = 'FIRST', doc = '{"nodes": [{"id": "a", "x": 2}, {"id": "b", "x": 2}, {"id": "c"}],
	"edges": [{"id": "e", "source": "a", "target": "b"}, {"id": "f", "source": "a", "target": "c"}]}';
SELECT wrk.revert(:base + 2, 'ours') -> 'conflicts';
SELECT title, doc #> '{nodes,0,x}' AS x, jsonb_array_length(doc -> 'nodes') AS nodes, jsonb_array_length(doc -> 'edges') AS edges FROM regress.plan;
ROLLBACK;

-- an insert is taken back by deleting what nobody has touched
:ann
INSERT INTO regress.plan (id, title) VALUES (2, 'two'), (3, 'three'), (4, 'four');
COMMIT;
SELECT id AS two FROM wrk.history('regress.plan', '2') \gset
SELECT id AS three FROM wrk.history('regress.plan', '3') \gset
SELECT id AS four FROM wrk.history('regress.plan', '4') \gset
:bob
UPDATE regress.plan SET title = 'drei' WHERE id = 3;
UPDATE regress.plan SET pin = 'secret' WHERE id = 4;
COMMIT;
:ann
SELECT wrk.revert(:two) ->> 'changed' AS two, wrk.revert(:three, 'ours') AS three, wrk.revert(:four, 'ours') AS four;
SELECT id FROM regress.plan ORDER BY id;
SAVEPOINT s;
\set VERBOSITY sqlstate
SELECT wrk.revert(:three);
ROLLBACK TO s;
-- it is gone, and with it what a reader knew
SELECT wrk.revert(:two);
\set VERBOSITY terse
COMMIT;

-- a deleted row comes back with what the log has, for who may know of it
:ann
DELETE FROM regress.plan WHERE id = 1;
COMMIT;
SELECT max(id) AS gone FROM wrk.audit_log WHERE resource_type = 'plan' AND op = 'd' AND resource_id = '1' \gset
\set VERBOSITY sqlstate
:ann
SELECT wrk.revert(:gone);
ROLLBACK;
\set VERBOSITY terse
:auditor
SELECT wrk.revert(:gone) ->> 'changed';
SELECT title, due, doc, tags, pin, junk, twice FROM regress.plan WHERE id = 1;
SELECT op, user_id, metadata ->> 'reverts' = :'gone' AS reverts FROM wrk.history('regress.plan', '1') ORDER BY id DESC LIMIT 1;
-- what was before the deletion can be taken back as well: it is the same row
SELECT wrk.revert(:base + 1, 'ours') -> 'changed' AS changed_since, wrk.revert(:gone) - 'change_id' AS is_back;
ROLLBACK;
-- the same id again is taken
:bob
INSERT INTO regress.plan (id, title) VALUES (1, 'mine');
COMMIT;
:auditor
SELECT jsonb_path_query_array(wrk.revert(:gone, 'ours'), '$.conflicts[*].path[0]');
SELECT title FROM regress.plan WHERE id = 1;
-- nor is it the row that was inserted first
UPDATE regress.plan SET title = 'first', due = '2024-01-01 12:00Z', extra = 'null', tags = '{x,"y z"}', doc = '{"nodes": [{"id": "a", "x": 1},
	{"id": "b", "x": 1}], "edges": [{"id": "e", "source": "a", "target": "b"}]}' WHERE id = 1;
SELECT wrk.revert(:base + 1, 'ours') - 'change_id';
SAVEPOINT s;
\set VERBOSITY sqlstate
SELECT wrk.revert(:gone + 0);
ROLLBACK;
:ann
-- for the one who sees the new row, the old one never was
SELECT wrk.revert(:gone);
ROLLBACK;
:ann
SELECT wrk.revert(:base + 2);
ROLLBACK;

-- neither another tenant's change nor one that is not there is told from the other
:other
SELECT wrk.revert(:base + 2);
ROLLBACK;
:other
SELECT wrk.revert(:three);
ROLLBACK;
BEGIN;
SET LOCAL ROLE wrk_member;
SELECT wrk.revert(:three);
ROLLBACK;
\set VERBOSITY terse
:ann
SELECT wrk.revert(9000000000000000000);
ROLLBACK;

-- facts and TRUNCATE are no changes of rows, which who may read the log is told
SELECT wrk.audit('login.refused', 'login', NULL, NULL, 'acme') AS fact \gset
\set VERBOSITY sqlstate
:ann
SELECT wrk.revert(:fact);
ROLLBACK;
:auditor
SELECT wrk.revert(:fact);
ROLLBACK;
SELECT wrk.revert(:three, 'lww');
SELECT wrk.revert(:three, NULL);
SELECT wrk.revert(NULL);

-- it takes the rights that any change takes
REVOKE UPDATE, DELETE ON regress.plan FROM wrk_member;
:bob
SELECT wrk.revert(:four, 'ours');
ROLLBACK;
GRANT UPDATE (title), DELETE ON regress.plan TO wrk_member;
:bob
UPDATE regress.plan SET title = 'vier' WHERE id = 4;
COMMIT;
SELECT max(id) AS vier FROM wrk.history('regress.plan', '4') \gset
:ann
SELECT wrk.revert(:vier) ->> 'changed';
ROLLBACK;
GRANT UPDATE ON regress.plan TO wrk_member;
CREATE POLICY frozen ON regress.plan AS RESTRICTIVE FOR UPDATE TO wrk_member USING (title <> 'vier');
:ann
SELECT wrk.revert(:vier);
ROLLBACK;
DROP POLICY frozen ON regress.plan;
CREATE FUNCTION regress.no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER no BEFORE UPDATE ON regress.plan FOR EACH ROW EXECUTE FUNCTION regress.no();
:ann
SELECT wrk.revert(:vier);
ROLLBACK;
DROP TRIGGER no ON regress.plan;
\set VERBOSITY terse
-- what an error leaves behind is no note on what comes next
CREATE FUNCTION regress.fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.title = 'four' THEN RAISE 'not four'; END IF; RETURN NEW; END$$;
CREATE TRIGGER fail BEFORE UPDATE ON regress.plan FOR EACH ROW EXECUTE FUNCTION regress.fail();
:ann
SAVEPOINT s;
SELECT wrk.revert(:vier);
ROLLBACK TO s;
UPDATE regress.plan SET title = 'quatre' WHERE id = 4;
SELECT metadata FROM wrk.history('regress.plan', '4') ORDER BY id DESC LIMIT 1;
ROLLBACK;
DROP TRIGGER fail ON regress.plan;
-- a column the caller does not see is left alone
:bob
UPDATE regress.plan SET title = 'cuatro', due = '2025-01-01 00:00Z' WHERE id = 4;
COMMIT;
SELECT max(id) AS cuatro FROM wrk.history('regress.plan', '4') \gset
REVOKE SELECT ON regress.plan FROM wrk_member;
GRANT SELECT (tenant_id, id, title) ON regress.plan TO wrk_member;
:ann
SELECT wrk.revert(:cuatro) - 'change_id';
RESET ROLE;
SELECT title, due IS NOT NULL AS due FROM regress.plan WHERE id = 4 AND tenant_id = 'acme';
ROLLBACK;
GRANT SELECT ON regress.plan TO wrk_member;

-- but keeps a row that was inserted by then
:ann
INSERT INTO regress.plan (id, title) VALUES (5, 'five');
UPDATE regress.plan SET due = now() WHERE id = 5;
COMMIT;
SELECT min(id) AS five FROM wrk.history('regress.plan', '5') \gset
REVOKE SELECT ON regress.plan FROM wrk_member;
GRANT SELECT (tenant_id, id, title) ON regress.plan TO wrk_member;
:ann
SELECT wrk.revert(:five, 'ours');
ROLLBACK;
GRANT SELECT ON regress.plan TO wrk_member;

-- no operator, function, cast or type of the caller's own runs with other rights than his
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE FUNCTION trap.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.eq);
CREATE FUNCTION trap.eq(int, int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE OPERATOR trap.= (LEFTARG = int, RIGHTARG = int, FUNCTION = trap.eq);
CREATE FUNCTION trap.get(jsonb, text) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE OPERATOR trap.-> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = trap.get);
CREATE FUNCTION trap.jsonb_to_record(jsonb) RETURNS record LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE DOMAIN trap.text AS pg_catalog.text CHECK (false);
:ann
SET LOCAL search_path = trap, pg_catalog;
SELECT jsonb_typeof(wrk.revert(:cuatro)), title FROM regress.plan WHERE id OPERATOR(pg_catalog.=) 4;
ROLLBACK;
DROP SCHEMA trap CASCADE;

-- types of all kinds come back as they were; the id may have any name, identity columns included
CREATE TYPE regress.pair AS (a int, b text);
CREATE TYPE regress.mood AS ENUM ('ok', 'bad');
CREATE DOMAIN regress.positive AS numeric(8, 2) NOT NULL CHECK (VALUE > 0);
CREATE DOMAIN regress.json_object AS jsonb CHECK (jsonb_typeof(VALUE) IN ('object', 'null'));
CREATE TABLE regress."Odd Table" (
	"select" int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "the ""n""" regress.positive, b bytea, f float8, i interval, d date, t timestamp, z timetz,
	p regress.pair, ps regress.pair[], m regress.mood, r int4range, c char(4), v varchar(3), bits bit(3), o regress.json_object, j json, ip inet, e text NOT NULL DEFAULT 'd');
SELECT wrk.enable_audit('regress."Odd Table"', 'odd_table', id_column => 'select');
INSERT INTO regress."Odd Table" ("the ""n""", b, f, i, d, t, z, p, ps, m, r, c, v, bits, o, j, ip)
VALUES (1.50, '\xdeadbeef', 'NaN', '-1 day 2 hours -3 seconds', '4001-02-29 BC', 'infinity', '12:00+05:45', '(1,"x,y")', '{"(2,)",NULL}', 'bad', '[1,5)',
	'ab', '', '101', 'null', '{"a": 1}', '10.0.0.1/8');
CREATE TABLE regress.kept AS TABLE regress."Odd Table";
UPDATE regress."Odd Table" SET "the ""n""" = 2, b = NULL, f = 0, i = NULL, d = NULL, t = NULL, z = NULL, p = NULL, ps = NULL, m = NULL, r = NULL, c = NULL, v = NULL,
	bits = NULL, o = NULL, j = NULL, ip = NULL, e = 'else';
SELECT max(id) AS changed FROM wrk.history('regress."Odd Table"', '1') \gset
SET intervalstyle = sql_standard;
SET datestyle = 'SQL, DMY';
SELECT wrk.revert(:changed) -> 'changed';
SELECT (SELECT odd::text FROM regress."Odd Table" odd) = (SELECT k::text FROM regress.kept k) AS same,
	(SELECT o FROM regress."Odd Table") AS json_null;
DELETE FROM regress."Odd Table";
SELECT max(id) AS deleted FROM wrk.history('regress."Odd Table"', '1') \gset
SELECT wrk.revert(:deleted) -> 'changed';
SELECT (SELECT odd::text FROM regress."Odd Table" odd) = (SELECT k::text FROM regress.kept k) AS same;
RESET intervalstyle;
RESET datestyle;
-- what must not be null and is not in the log cannot come back
SELECT wrk.enable_audit('regress."Odd Table"', 'odd_table', id_column => 'select', include => '{f,b}');
DELETE FROM regress."Odd Table";
SELECT max(id) AS deleted FROM wrk.history('regress."Odd Table"', '1') \gset
SELECT wrk.revert(:deleted) -> 'changed';
ALTER TABLE regress."Odd Table" DROP COLUMN "the ""n""", ADD must text NOT NULL;
SELECT wrk.revert(:deleted);
ALTER TABLE regress."Odd Table" ALTER must SET DEFAULT 'must';
SELECT wrk.revert(:deleted) -> 'changed';
SELECT "select", b, f, must, e FROM regress."Odd Table";
-- a column that is gone is a conflict
UPDATE regress."Odd Table" SET f = 2, b = 'x';
SELECT max(id) AS changed FROM wrk.history('regress."Odd Table"', '1') \gset
ALTER TABLE regress."Odd Table" RENAME b TO bb;
SELECT wrk.enable_audit('regress."Odd Table"', 'odd_table', id_column => 'select', include => '{f,bb}');
SELECT wrk.revert(:changed, 'ours') - 'change_id';
SELECT f, bb FROM regress."Odd Table";
-- and a value that only one row may have is taken
CREATE TABLE regress.one (id int PRIMARY KEY, u int UNIQUE);
SELECT wrk.enable_audit('regress.one');
INSERT INTO regress.one VALUES (1, 1), (2, 2);
DELETE FROM regress.one WHERE id = 1;
UPDATE regress.one SET u = 1;
SELECT max(id) AS deleted FROM wrk.history('regress.one', '1') \gset
SELECT wrk.revert(:deleted);

DROP SCHEMA regress CASCADE;
DELETE FROM wrk.permission WHERE role LIKE 'rv\_%';
DELETE FROM wrk.role WHERE name LIKE 'rv\_%';
DELETE FROM wrk.jwt_key WHERE kid = 'regress';
