-- Status machines: ways round them, and why they lead nowhere.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
CREATE SCHEMA regress;
GRANT USAGE ON SCHEMA regress TO PUBLIC;
INSERT INTO wrk.role (name, bit) VALUES ('rs_author', 50), ('rs_editor', 51);
CREATE FUNCTION regress.has_words(change jsonb) RETURNS text LANGUAGE sql
RETURN CASE WHEN coalesce(change #>> '{row,body}', '') = '' THEN 'an article without words' END;
SELECT wrk.define_state_machine('{"name": "piece",
	"states": [{"code": "draft", "initial": true}, {"code": "review"}, {"code": "published", "terminal": true},
		{"code": "held", "history": true}],
	"transitions": [
		{"from": "draft", "to": "review", "guard": "regress.has_words"},
		{"from": "review", "to": "draft", "needs_reason": true},
		{"from": "review", "to": "published", "roles": ["rs_editor"]},
		{"from": ["draft", "review"], "to": "held"},
		{"from": "held", "to": "previous"}]}');
CREATE TABLE regress.piece (
	tenant_id text NOT NULL, id int NOT NULL, body text, status text, why text, PRIMARY KEY (tenant_id, id));
SELECT wrk.enable_status('regress.piece', 'piece', reason_column => 'why');
SELECT wrk.enable_tenancy('regress.piece');
GRANT SELECT, INSERT, UPDATE, DELETE ON regress.piece TO wrk_member;
CREATE FUNCTION regress.act(name text, roles text[], tenant text DEFAULT 'acme') RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	SELECT wrk.impersonate(tenant, name, roles)
$$;
\set author 'BEGIN; DO $$BEGIN PERFORM regress.act(''ann'', ''{rs_author}''); END$$; SET LOCAL ROLE wrk_member;'
\set editor 'BEGIN; DO $$BEGIN PERFORM regress.act(''ed'', ''{rs_editor}''); END$$; SET LOCAL ROLE wrk_member;'
\set other 'BEGIN; DO $$BEGIN PERFORM regress.act(''eve'', ''{rs_editor}'', ''globex''); END$$; SET LOCAL ROLE wrk_member;'
:author
INSERT INTO regress.piece (id, body) VALUES (1, 'words'), (2, ''), (3, 'words');
SELECT wrk.transition('regress.piece', '1', s) ->> 'to' FROM unnest('{review,held}'::text[]) s;
SELECT wrk.transition('regress.piece', '2', 'held') ->> 'to';
COMMIT;

-- the version is written as the number it is, or not at all
CREATE TABLE regress.odd (id int, status text, status_machine_version text);
SELECT wrk.enable_status('regress.odd', 'piece', tenant_column => NULL);
ALTER TABLE regress.odd DROP COLUMN status_machine_version;
SELECT wrk.enable_status('regress.odd', 'piece', tenant_column => NULL);
ALTER TABLE regress.odd ALTER COLUMN status_machine_version TYPE text;
INSERT INTO regress.odd VALUES (1);
ALTER TABLE regress.odd DROP COLUMN status_machine_version, ADD COLUMN status_machine_version int GENERATED ALWAYS AS (id * 7) STORED;
INSERT INTO regress.odd VALUES (1);
SELECT wrk.enable_status('regress.odd', 'piece', tenant_column => NULL);
DROP TABLE regress.odd;

-- no row takes the place of another: neither its way back, nor its permissions, nor its history
:author
DELETE FROM regress.piece WHERE id = 1;
UPDATE regress.piece SET id = 1 WHERE id = 2;
\echo :SQLSTATE
ROLLBACK;
:author
UPDATE regress.piece SET id = 1, status = 'review' WHERE id = 2;
\echo :SQLSTATE
ROLLBACK;
-- nor does a refusal tell where another tenant's row was
:other
INSERT INTO regress.piece (id, body) VALUES (7, 'ours');
UPDATE regress.piece SET status = 'held' WHERE id = 7;
UPDATE regress.piece SET tenant_id = 'acme', id = 1, status = 'published' WHERE id = 7;
\echo :SQLSTATE
ROLLBACK;
:other
INSERT INTO regress.piece (id, body) VALUES (7, 'ours');
UPDATE regress.piece SET tenant_id = 'acme', status = 'published' WHERE id = 7;
\echo :SQLSTATE
ROLLBACK;
-- also where ids are renumbered by a reference
CREATE TABLE regress.number (n int PRIMARY KEY);
INSERT INTO regress.number VALUES (1), (2), (3);
ALTER TABLE regress.piece ADD FOREIGN KEY (id) REFERENCES regress.number ON UPDATE CASCADE ON DELETE CASCADE;
UPDATE regress.number SET n = 4 WHERE n = 2;
\echo :SQLSTATE
ALTER TABLE regress.piece DROP CONSTRAINT piece_id_fkey;
-- who loads data may
BEGIN;
SELECT wrk.status_import();
UPDATE regress.piece SET id = 20 WHERE id = 2 RETURNING id;
\echo :SQLSTATE
ROLLBACK;

-- a reason is that of the step it was given for, not of those that follow from it
CREATE FUNCTION regress.hasten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE regress.piece SET status = 'draft' WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
	RETURN NULL;
END $$;
CREATE TRIGGER zz_hasten AFTER UPDATE ON regress.piece FOR EACH ROW WHEN (NEW.status = 'review') EXECUTE FUNCTION regress.hasten();
:author
SELECT wrk.transition('regress.piece', '3', 'review', 'is ready');
\echo :SQLSTATE
ROLLBACK;
CREATE OR REPLACE FUNCTION regress.hasten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE regress.piece SET status = 'draft', why = 'is not' WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
	RETURN NULL;
END $$;
:author
SELECT wrk.transition('regress.piece', '3', 'review', 'is ready') ->> 'reason';
SELECT from_state, to_state, reason FROM wrk.state_history('regress.piece', '3');
ROLLBACK;
DROP TRIGGER zz_hasten ON regress.piece;
-- nor of a step after one that failed
:author
SAVEPOINT s;
SELECT wrk.transition('regress.piece', '2', 'previous', 'oops') ->> 'reason';
ROLLBACK TO s;
UPDATE regress.piece SET status = 'draft' WHERE id = 2 RETURNING status, why;
SAVEPOINT s;
SELECT wrk.transition('regress.piece', '2', 'review', 'oops');
\echo :SQLSTATE
ROLLBACK TO s;
UPDATE regress.piece SET status = 'review', body = 'words' WHERE id = 2 RETURNING status, why;
UPDATE regress.piece SET status = 'draft' WHERE id = 2 RETURNING status, why;
\echo :SQLSTATE
ROLLBACK;

-- who may see and change no more than the status may have the row take a step
CREATE TABLE regress.sealed (id int PRIMARY KEY, status text, secret text);
SELECT wrk.enable_status('regress.sealed', 'piece', tenant_column => NULL);
INSERT INTO regress.sealed VALUES (1, 'draft', 'no words');
GRANT SELECT (id, status, status_machine_version), UPDATE (status) ON regress.sealed TO wrk_member;
:author
SELECT wrk.transition('regress.sealed', '1', 'held') ->> 'to';
SELECT to_state FROM wrk.available_transitions('regress.sealed', '1');
SELECT to_state FROM wrk.state_history('regress.sealed', '1');
-- a try has guards look at the whole row
SELECT wrk.transition('regress.sealed', '1', 'previous', dry_run => true);
\echo :SQLSTATE
ROLLBACK;
DROP TABLE regress.sealed;

-- a row is found by what its column takes for equal, and has one history
CREATE TABLE regress.loose (id numeric, status text, why text);
SELECT wrk.enable_status('regress.loose', 'piece', tenant_column => NULL, reason_column => 'why');
INSERT INTO regress.loose VALUES (1.50);
BEGIN;
SELECT wrk.transition('regress.loose', '1.5', 'held', 'because') - 'change_id' - 'by';
SELECT wrk.transition('regress.loose', '1.5', 'previous') - 'change_id' - 'by';
SELECT from_state, to_state, reason FROM wrk.state_history('regress.loose', '1.5');
\echo :SQLSTATE
ROLLBACK;
DROP TABLE regress.loose;

-- a hook that was made anew is the hook, also for who knew the old one
:author
SELECT wrk.transition('regress.piece', '3', 'review') ->> 'to';
ROLLBACK;
DROP FUNCTION regress.has_words(jsonb);
CREATE FUNCTION regress.has_words(change jsonb) RETURNS text LANGUAGE sql
RETURN CASE WHEN coalesce(change #>> '{row,body}', '') = '' THEN 'words are missing' END;
:author
SELECT wrk.transition('regress.piece', '3', 'review') ->> 'to';
ROLLBACK;
:author
UPDATE regress.piece SET status = 'draft' WHERE id = 2;
UPDATE regress.piece SET status = 'review' WHERE id = 2;
\echo :SQLSTATE
ROLLBACK;

-- a table is itself, whatever it and its schema are called by now
CREATE SCHEMA regress_blue
	CREATE TABLE thing (id int PRIMARY KEY, status text);
CREATE SCHEMA regress_green
	CREATE TABLE thing (id int PRIMARY KEY, status text);
SELECT wrk.enable_status('regress_blue.thing', 'piece', tenant_column => NULL, entity => 'blue_thing');
SELECT wrk.enable_status('regress_green.thing', 'piece', tenant_column => NULL, entity => 'green_thing');
INSERT INTO regress_blue.thing VALUES (1);
INSERT INTO regress_green.thing VALUES (1);
SELECT wrk.transition('regress_blue.thing', '1', 'held') ->> 'to';
ALTER SCHEMA regress_blue RENAME TO regress_old;
ALTER SCHEMA regress_green RENAME TO regress_blue;
SELECT wrk.transition('regress_old.thing', '1', 'previous') - 'change_id';
SELECT 'old', status FROM regress_old.thing UNION ALL SELECT 'blue', status FROM regress_blue.thing;
ALTER TABLE regress_old.thing RENAME TO thong;
ALTER TABLE regress_old.thong RENAME status TO state;
ALTER TABLE regress_old.thong DROP COLUMN id, ADD COLUMN status text DEFAULT 'held', ADD COLUMN id int DEFAULT 1;
SELECT wrk.transition('regress_old.thong', '1', 'held');
SELECT wrk.disable_status('regress_old.thong');
SELECT wrk.enable_status('regress_old.thong', 'piece', status_column => 'state', tenant_column => NULL, entity => 'blue_thing');
SELECT wrk.transition('regress_old.thong', '1', 'held') - 'change_id';
SELECT * FROM regress_old.thong;
DROP SCHEMA regress_old, regress_blue CASCADE;

-- a step that nobody would guard is not taken
CREATE TABLE regress.heir () INHERITS (regress.piece);
INSERT INTO regress.heir (tenant_id, id, status) VALUES ('acme', 50, 'review');
:editor
SELECT wrk.transition('regress.piece', '50', 'published');
\echo :SQLSTATE
ROLLBACK;
SELECT wrk.enable_status('regress.piece', 'piece');
DROP TABLE regress.heir;
ALTER TABLE regress.piece DISABLE TRIGGER USER;
:editor
SELECT wrk.transition('regress.piece', '3', 'review');
\echo :SQLSTATE
ROLLBACK;
ALTER TABLE regress.piece ENABLE TRIGGER USER;
-- and what a collation takes for equal is a change all the same
CREATE COLLATION regress.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE regress.cased (id int, status text COLLATE regress.ci);
SELECT wrk.enable_status('regress.cased', 'piece', tenant_column => NULL);
INSERT INTO regress.cased VALUES (1);
UPDATE regress.cased SET status = 'DRAFT' WHERE status = 'Draft';
\echo :SQLSTATE
DROP TABLE regress.cased;

-- who takes the id of a row that is gone does not take its history
:author
DELETE FROM regress.piece WHERE id = 1;
INSERT INTO regress.piece (id, body) VALUES (1, 'mine');
SELECT from_state, to_state FROM wrk.state_history('regress.piece', '1');
SELECT wrk.transition('regress.piece', '1', 'held') ->> 'to';
SELECT to_state FROM wrk.available_transitions('regress.piece', '1');
SELECT from_state, to_state FROM wrk.state_history('regress.piece', '1');
ROLLBACK;
SELECT count(*) FROM wrk.state_change WHERE entity = 'piece' AND row_id = '1';

-- hooks of a wrong shape are not left out, nor is a way not said taken for one
SELECT wrk.define_state_machine('{"name": "lax", "states": [{"code": "a", "initial": true}, {"code": "b", "terminal": true}],
	"transitions": [{"from": "a", "to": "b", "after": {"regress.x": 1}}]}');
:author
SELECT * FROM wrk.transition_all('regress.piece', '{1}', 'previous', on_refused => NULL);
\echo :SQLSTATE
ROLLBACK;

-- nobody writes the history of others by way of a table of its own
CREATE ROLE regress_service IN ROLE wrk_service;
BEGIN;
SET LOCAL ROLE regress_service;
CREATE TEMPORARY TABLE forged (tenant_id text, id int, status text, status_machine_version int);
CREATE TRIGGER zz_wrk_status BEFORE INSERT OR UPDATE ON forged FOR EACH ROW EXECUTE FUNCTION wrk.status_guard(
	'{"machine": "piece", "entity": "piece", "id": "id", "tenant": "tenant_id", "status": "status", "version": "status_machine_version"}');
CREATE TRIGGER recorded AFTER INSERT OR UPDATE ON forged FOR EACH ROW EXECUTE FUNCTION wrk.status_changed();
INSERT INTO forged VALUES ('acme', 1);
\echo :SQLSTATE
ROLLBACK;
DROP ROLE regress_service;

-- a row begins before it goes on, whatever the trigger is called that has it do so
CREATE FUNCTION regress.hurry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE regress.piece SET status = 'held' WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
	UPDATE regress.piece SET status = 'draft' WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
	RETURN NULL;
END $$;
CREATE TRIGGER a_hurry AFTER INSERT ON regress.piece FOR EACH ROW EXECUTE FUNCTION regress.hurry();
:author
INSERT INTO regress.piece (id) VALUES (30);
SELECT from_state, to_state FROM wrk.state_history('regress.piece', '30');
ROLLBACK;
DROP TRIGGER a_hurry ON regress.piece;

-- what follows from one row's step may have other rows of the statement go on: each history is in order
CREATE TABLE regress.domino (id int PRIMARY KEY, status text);
CREATE FUNCTION regress.others(change jsonb) RETURNS void LANGUAGE sql AS $$
	UPDATE regress.domino SET status = 'down' WHERE status = 'falling' AND id::text <> change ->> 'id'
$$;
SELECT wrk.define_state_machine('{"name": "domino",
	"states": [{"code": "up", "initial": true}, {"code": "falling"}, {"code": "down", "terminal": true}],
	"transitions": [{"from": "up", "to": "falling", "after": "regress.others"}, {"from": "falling", "to": "down"}]}');
SELECT wrk.enable_status('regress.domino', 'domino', tenant_column => NULL);
INSERT INTO regress.domino VALUES (1), (2), (3);
UPDATE regress.domino SET status = 'falling';
SELECT d.id, d.status, (SELECT string_agg(h.to_state, ' ' ORDER BY h.change_id) FROM wrk.state_history('regress.domino', d.id::text) h) AS history
FROM regress.domino d ORDER BY d.id;
DELETE FROM wrk.state_machine WHERE name = 'domino';

DROP SCHEMA regress CASCADE;
DELETE FROM wrk.state_machine WHERE name = 'piece';
DELETE FROM wrk.state_change;
DELETE FROM wrk.role WHERE name LIKE 'rs\_%';
