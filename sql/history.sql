-- History: what is told of a row, and to whom.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE SCHEMA regress;
GRANT USAGE ON SCHEMA regress TO PUBLIC;
INSERT INTO wrk.role (name, bit) VALUES ('rh_user', 50), ('rh_auditor', 51);
INSERT INTO wrk.permission (role, action, resource_type) VALUES ('rh_auditor', 'read', 'audit_log');
-- by a token: to impersonate would be a fact of its own, and take an id
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "regress"}') AS key;
CREATE FUNCTION regress.act(name text, roles text[], tenant text DEFAULT 'acme') RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	SELECT wrk.authenticate(wrk.jwt_sign(jsonb_build_object('tenant_id', tenant, 'sub', name, 'roles', roles, 'exp', 4102444800),
		'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "regress"}'))
$$;
\set user 'BEGIN; DO $$BEGIN PERFORM regress.act(''ann'', ''{rh_user}''); END$$; SET LOCAL ROLE wrk_member;'
\set auditor 'BEGIN; DO $$BEGIN PERFORM regress.act(''aud'', ''{rh_auditor}''); END$$; SET LOCAL ROLE wrk_member;'
\set other 'BEGIN; DO $$BEGIN PERFORM regress.act(''eve'', ''{rh_user,rh_auditor}'', ''globex''); END$$; SET LOCAL ROLE wrk_member;'

CREATE TABLE regress.task (
	tenant_id text NOT NULL, id int, title text, due timestamptz, doc jsonb, rate float8, secret text, pin text, junk text,
	twice int GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (tenant_id, id));
SELECT wrk.enable_tenancy('regress.task');
GRANT SELECT, INSERT, UPDATE, DELETE ON regress.task TO wrk_member;
SELECT wrk.enable_audit('regress.task', exclude => '{junk}', redact => '{pin}', action_column => 'secret', history => 'readers');
CREATE TABLE regress.ledger (tenant_id text NOT NULL, id uuid, amount numeric, PRIMARY KEY (tenant_id, id));
SELECT wrk.enable_tenancy('regress.ledger');
GRANT SELECT, INSERT, UPDATE ON regress.ledger TO wrk_member;
SELECT wrk.enable_audit('regress.ledger');
-- ids of the log count from here
SELECT nextval('wrk.audit_log_id_seq') AS base \gset

:user
INSERT INTO regress.task (id, title, due, doc, rate, secret, pin, junk)
VALUES (1, 'first', '2024-01-01 12:00Z', '{"nodes": [{"id": "a", "x": 1}], "v": 1.0}', 0.1, 's0', '1', 'x'), (2, 'second', NULL, 'null', NULL, NULL, NULL, NULL);
UPDATE regress.task SET title = 'FIRST' WHERE id = 1;
UPDATE regress.task SET doc = '{"nodes": [{"id": "a", "x": 2}, {"id": "b"}], "v": 1.00}', secret = 's1', pin = '2' WHERE id = 1;
UPDATE regress.task SET junk = 'y' WHERE id = 1;
UPDATE regress.task SET due = NULL, secret = 's2' WHERE id = 1;
COMMIT;
:other
INSERT INTO regress.task (id, title) VALUES (1, 'theirs');
COMMIT;

-- who sees the row sees its changes, oldest first; each has an id, which is the version it made
:user
SELECT id - :base AS id, created_at <= clock_timestamp() AS at, user_id, op, action, changes, metadata FROM wrk.history('regress.task', '1');
ROLLBACK;
-- what was as the session prints it does not matter
:user
SET LOCAL timezone = 'Asia/Kathmandu';
SET LOCAL extra_float_digits = -10;
SET LOCAL datestyle = 'SQL, DMY';
SELECT v, wrk.as_of('regress.task', '1', :base + v) FROM generate_series(1, 5) v;
SELECT wrk.as_of('regress.task', '1', 0);
SELECT wrk.as_of('regress.task', '1', now()) = wrk.as_of('regress.task', '1', :base + 5) AS now;
SELECT wrk.as_of('regress.task', '1', '2001-01-01'::timestamptz);
-- a time is that of a change or later
SELECT count(*) AS same FROM wrk.history('regress.task', '1') h
WHERE wrk.as_of('regress.task', '1', h.created_at) = wrk.as_of('regress.task', '1', h.id);
-- from one version to another, and back
SELECT wrk.history_diff('regress.task', '1', :base + 1, :base + 5);
SELECT wrk.history_diff('regress.task', '1', :base + 5, :base + 3);
SELECT wrk.history_diff('regress.task', '1', 0, :base + 1) ? 'old', wrk.history_diff('regress.task', '1', :base + 1, 0) ? 'new',
	wrk.history_diff('regress.task', '1', :base + 1, :base + 1);
-- who made each part of it what it is
SELECT path, change_id - :base AS change, user_id FROM wrk.blame('regress.task', '1');
SELECT path, change_id - :base AS change FROM wrk.blame('regress.task', '1', '{doc,nodes,a}');
SELECT count(*) AS nowhere FROM wrk.blame('regress.task', '1', '{doc,nodes,z}');
ROLLBACK;

-- a column the caller may not select is in nothing, also not in a name
REVOKE SELECT ON regress.task FROM wrk_member;
GRANT SELECT (tenant_id, id, title, doc) ON regress.task TO wrk_member;
:user
SELECT id - :base AS id, action, changes FROM wrk.history('regress.task', '1');
SELECT wrk.as_of('regress.task', '1', :base + 5);
SELECT wrk.history_diff('regress.task', '1', :base + 3, :base + 5);
SELECT DISTINCT path[1] FROM wrk.blame('regress.task', '1') ORDER BY 1;
ROLLBACK;
GRANT SELECT ON regress.task TO wrk_member;
-- nor is what is kept from the log by now
SELECT wrk.enable_audit('regress.task', exclude => '{junk}', redact => '{pin,title}', history => 'readers');
:user
SELECT count(*) FROM wrk.history('regress.task', '1') h WHERE h.changes::text ~* 'first' OR h.action LIKE '%s1';
SELECT wrk.as_of('regress.task', '1', :base + 1) ? 'title';
ROLLBACK;
SELECT wrk.enable_audit('regress.task', exclude => '{junk}', redact => '{pin}', action_column => 'secret', history => 'readers');

-- a row of another tenant with the same id is another row
:other
SELECT action, changes FROM wrk.history('regress.task', '1');
SELECT wrk.as_of('regress.task', '2', now());
ROLLBACK;
:other
SELECT count(*) FROM wrk.history('regress.task', '2');
ROLLBACK;
-- one wording for what is not there, is not seen, or is not audited yet
:user
SAVEPOINT s;
SELECT count(*) FROM wrk.history('regress.task', '99');
ROLLBACK TO s;
SELECT wrk.as_of('regress.task', '99', 0);
ROLLBACK TO s;
SELECT wrk.history_diff('regress.task', '99', 0, 0);
ROLLBACK TO s;
SELECT count(*) FROM wrk.blame('regress.task', '99');
ROLLBACK;

-- auditors only: who sees the row knows no more than who does not
:user
INSERT INTO regress.ledger (id, amount) VALUES ('00000000-0000-0000-0000-00000000000a', 1.50);
UPDATE regress.ledger SET amount = 1.5;
COMMIT;
:user
SELECT count(*) FROM wrk.history('regress.ledger', '00000000-0000-0000-0000-00000000000a');
ROLLBACK;
:user
SELECT wrk.as_of('regress.ledger', '00000000-0000-0000-0000-00000000000b', 0);
ROLLBACK;
-- two spellings of one uuid are one id
:auditor
SELECT op, user_id, changes FROM wrk.history('regress.ledger', '{00000000-0000-0000-0000-00000000000A}');
SELECT path, user_id FROM wrk.blame('regress.ledger', '0000000000000000000000000000000A');
ROLLBACK;
-- an auditor of another tenant is none here
:other
SELECT count(*) FROM wrk.history('regress.ledger', '00000000-0000-0000-0000-00000000000a');
ROLLBACK;
-- without an identity there is nobody to be an auditor
SET ROLE wrk_member;
SELECT count(*) FROM wrk.history('regress.ledger', '00000000-0000-0000-0000-00000000000a');
RESET ROLE;

-- the same id again is another row: its readers do not know the one before, auditors do
:user
DELETE FROM regress.task WHERE id = 1;
COMMIT;
:user
SELECT count(*) FROM wrk.history('regress.task', '1');
ROLLBACK;
:auditor
SELECT op, count(*) FROM wrk.history('regress.task', '1') GROUP BY op ORDER BY op;
SELECT wrk.as_of('regress.task', '1', now()) IS NULL AS gone, wrk.as_of('regress.task', '1', :base + 2) ->> 'title' AS was;
SELECT count(*) FROM wrk.blame('regress.task', '1');
ROLLBACK;
:other
UPDATE regress.task SET title = 'still theirs' WHERE id = 1;
COMMIT;
BEGIN;
SELECT regress.act('bob', '{rh_user}');
SET LOCAL ROLE wrk_member;
INSERT INTO regress.task (id, title) VALUES (1, 'anew');
UPDATE regress.task SET due = '2024-02-02 00:00Z' WHERE id = 1;
SELECT op, user_id, action FROM wrk.history('regress.task', '1');
SELECT wrk.as_of('regress.task', '1', :base + 2);
SELECT DISTINCT user_id FROM wrk.blame('regress.task', '1');
COMMIT;
:auditor
SELECT string_agg(op::text, '' ORDER BY id) FROM wrk.history('regress.task', '1');
SELECT wrk.as_of('regress.task', '1', :base + 2) ->> 'title' AS before_that;
SELECT DISTINCT user_id FROM wrk.blame('regress.task', '1');
ROLLBACK;
-- operations staff and the owner need no identity where the id says enough
SELECT count(*) FROM wrk.history('regress.ledger', '00000000-0000-0000-0000-00000000000a');
SELECT count(*) FROM wrk.history('regress.task', '1');
SELECT count(*) FROM wrk.history('regress.task', '2');

-- no operator, function, cast or type of the caller's own is used
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE FUNCTION trap.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.eq);
CREATE FUNCTION trap.ge(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE OPERATOR trap.>= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = trap.ge);
CREATE FUNCTION trap.eq(int, int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE OPERATOR trap.= (LEFTARG = int, RIGHTARG = int, FUNCTION = trap.eq);
CREATE FUNCTION trap.min(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE FUNCTION trap.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped as %', current_user; END$$;
CREATE VIEW trap.audit_log AS SELECT 1 AS id;
:user
SET LOCAL search_path = trap, pg_catalog;
SELECT string_agg(op::text, '' ORDER BY id) FROM wrk.history('regress.task', '1');
SELECT wrk.as_of('regress.task', '1', now()) ->> 'title';
SELECT count(*) > 0 FROM wrk.blame('regress.task', '1');
ROLLBACK;
DROP SCHEMA trap CASCADE;

-- a column is known by its name; one that is gone, or new, harms nobody
CREATE TABLE regress.odd (id numeric, a int, b int, j jsonb);
GRANT ALL ON regress.odd TO wrk_member;
SELECT wrk.enable_audit('regress.odd', history => 'readers');
SELECT last_value AS base FROM wrk.audit_log_id_seq \gset
INSERT INTO regress.odd VALUES (1.50, 1, 1, '{"x": 1}');
UPDATE regress.odd SET a = 2, b = 2, j = '{"x": 2}';
ALTER TABLE regress.odd DROP COLUMN b, ADD COLUMN c text DEFAULT 'new', ALTER COLUMN a TYPE text;
UPDATE regress.odd SET a = '3', c = 'newer';
:user
SELECT v, wrk.as_of('regress.odd', '1.5', :base + v) FROM generate_series(1, 3) v;
SELECT id - :base AS id, changes FROM wrk.history('regress.odd', '1.5');
SELECT path, change_id - :base AS change FROM wrk.blame('regress.odd', '1.5');
ROLLBACK;
-- so a document that became text has no way back
ALTER TABLE regress.odd ALTER COLUMN j TYPE text;
\set VERBOSITY sqlstate
SELECT wrk.as_of('regress.odd', '1.5', :base + 1);
\set VERBOSITY terse
ALTER TABLE regress.odd DROP COLUMN j;
SELECT wrk.as_of('regress.odd', '1.5', :base + 1);
-- an id that two rows have is nobody's
INSERT INTO regress.odd VALUES (1.5, '4');
SELECT count(*) FROM wrk.history('regress.odd', '1.50');
TRUNCATE regress.odd;
SELECT string_agg(op::text, '' ORDER BY id) FROM wrk.history('regress.odd', '1.50');
SELECT wrk.as_of('regress.odd', '1.50', now());
-- what the log does not know cannot be told
INSERT INTO regress.odd VALUES (1.50, '5');
\set VERBOSITY sqlstate
SELECT wrk.as_of('regress.odd', '1.50', 0);
\set VERBOSITY terse
SELECT count(*) FROM wrk.history('regress.odd', 'one');
SELECT wrk.as_of('regress.odd', '1.50', -1);
SELECT wrk.as_of('regress.odd', '1.50', NULL::bigint);
SELECT wrk.as_of('regress.odd', NULL, 1);
SELECT wrk.as_of(NULL, '1', 1);
SELECT count(*) FROM wrk.blame('regress.odd', '1.50', NULL);
SELECT count(*) FROM wrk.blame('regress.odd', '1.50', '{a,NULL}');
SELECT wrk.disable_audit('regress.odd');
SELECT count(*) FROM wrk.history('regress.odd', '1.50');
SELECT count(*) FROM wrk.history('pg_class', '1');
-- a row from before it was audited has one version
CREATE DOMAIN regress.word AS text CHECK (VALUE ~ '^[a-z]+$');
CREATE TABLE regress.old (id regress.word, a int);
INSERT INTO regress.old VALUES ('one', 1), ('two', 1);
SELECT wrk.enable_audit('regress.old', history => 'readers');
SELECT wrk.as_of('regress.old', 'one', 0), wrk.as_of('regress.old', 'one', now());
SELECT wrk.as_of('regress.old', 'one', now() - interval '1 hour');
SELECT path, change_id FROM wrk.blame('regress.old', 'one');
SELECT count(*) FROM wrk.history('regress.old', 'one');
UPDATE regress.old SET a = 2 WHERE id = 'one';
SELECT wrk.as_of('regress.old', 'one', 0), wrk.as_of('regress.old', 'one', now() - interval '1 hour');
SELECT wrk.as_of('regress.old', 'one', 1);
SELECT path, change_id IS NULL AS older FROM wrk.blame('regress.old', 'one');
SELECT count(*) FROM wrk.history('regress.old', 'ONE');

-- what a user did, for who may read the log
:user
SELECT count(*) FROM wrk.changes_by('ann', '2001-01-01');
ROLLBACK;
:auditor
SELECT action, resource_id FROM wrk.changes_by('ann', '2001-01-01', 3);
SELECT count(*) FROM wrk.changes_by('eve', '2001-01-01') WHERE op <> 'f';
SELECT count(*) FROM wrk.changes_by('ann', now());
SELECT count(*) FROM wrk.changes_by('ann', now(), 0);
ROLLBACK;
SELECT count(*) FROM wrk.changes_by(NULL, now());

DROP SCHEMA regress CASCADE;
DELETE FROM wrk.permission WHERE role LIKE 'rh\_%';
DELETE FROM wrk.role WHERE name LIKE 'rh\_%';
DELETE FROM wrk.jwt_key WHERE kid = 'regress';
