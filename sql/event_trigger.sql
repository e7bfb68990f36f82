-- Events of a table: who hears what of which change, and what is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
CREATE ROLE watch_owner IN ROLE wrk_service;
CREATE ROLE watch_other IN ROLE wrk_service;
CREATE SCHEMA watch AUTHORIZATION watch_owner;
GRANT USAGE ON SCHEMA watch TO PUBLIC;
CREATE TABLE watch.mark (id bigint);
INSERT INTO watch.mark VALUES (0);
GRANT SELECT, UPDATE ON watch.mark TO watch_owner;

-- the events since the last look
CREATE FUNCTION watch.news(OUT channels text, OUT type text, OUT audience text, OUT payload jsonb) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	e wrk.event;
	last bigint := (SELECT id FROM watch.mark);
BEGIN
	FOR e IN SELECT * FROM wrk.event v WHERE v.id > last ORDER BY v.id LOOP
		SELECT string_agg(replace(c, 'tenant:acme', ''), ' ') INTO channels FROM unnest(e.channels) c;
		type := e.type;
		audience := array_to_string(e.audience, ' ');
		payload := e.payload;
		UPDATE watch.mark SET id = e.id;
		RETURN NEXT;
	END LOOP;
END
$$;
SELECT count(*) >= 0 AS ok FROM watch.news();

SET ROLE watch_owner;
CREATE TABLE watch.task (
	tenant_id text NOT NULL, id int, project_id int, title text, secret text,
	PRIMARY KEY (tenant_id, id));

-- the defaults: channels of the entity, everything in it, for everyone there
SELECT wrk.enable_events('watch.task', 'task');
SELECT wrk.event_config('watch.task');
INSERT INTO watch.task VALUES ('acme', 1, 7, 'one', 's');
UPDATE watch.task SET title = 'uno', secret = NULL;
UPDATE watch.task SET title = title;
DELETE FROM watch.task;
SELECT * FROM watch.news();

-- again, with other channels and without the secret: replaces what was said before
SELECT wrk.enable_events('watch.task', 'task',
	channels => '{"project:{project_id}","list:{entity}:all",tenant}', exclude => '{secret,tenant_id}');
SELECT tgname, tgnargs FROM pg_trigger WHERE tgrelid = 'watch.task'::regclass ORDER BY 1;
INSERT INTO watch.task VALUES ('acme', 1, 7, 'one', 's'), ('acme', 2, NULL, 'two', 's');
SELECT * FROM watch.news();
UPDATE watch.task SET secret = 'other';
SELECT count(*) AS none FROM watch.news();
-- a move: those who lose it, those who keep it, those who gain it
UPDATE watch.task SET project_id = 8, title = 'moved' WHERE id = 1;
SELECT * FROM watch.news();
UPDATE watch.task SET project_id = NULL WHERE id = 1;
SELECT * FROM watch.news();
-- another id is another thing
UPDATE watch.task SET id = 3 WHERE id = 1;
SELECT * FROM watch.news();
-- DELETE goes where the old row was, and tells only the id
UPDATE watch.task SET project_id = 9 WHERE id = 3;
DELETE FROM watch.task WHERE id = 3;
SELECT * FROM watch.news() OFFSET 2;

-- chosen columns only
SELECT wrk.enable_events('watch.task', 'task', channels => '{tenant}', include => '{title}');
UPDATE watch.task SET title = 'TWO', project_id = 1;
UPDATE watch.task SET project_id = 2;
SELECT * FROM watch.news();

-- TRUNCATE would tell nobody
TRUNCATE watch.task;

-- a renamed column must not fall out of the exclusion
SELECT wrk.enable_events('watch.task', 'task', exclude => '{secret}');
ALTER TABLE watch.task RENAME secret TO hidden;
UPDATE watch.task SET title = 'x';
SELECT wrk.enable_events('watch.task', 'task', exclude => '{hidden}');
ALTER TABLE watch.task ADD added text DEFAULT 'new';
ALTER TABLE watch.task DROP project_id;
UPDATE watch.task SET title = 'x';
SELECT * FROM watch.news();

-- off
SELECT wrk.disable_events('watch.task');
SELECT wrk.disable_events('watch.task');
SELECT wrk.event_config('watch.task') IS NULL AS off;
DELETE FROM watch.task;
TRUNCATE watch.task;
SELECT count(*) AS none FROM watch.news();

-- who may see it: constants
CREATE TABLE watch.message (tenant_id text NOT NULL, id int PRIMARY KEY, type text, author text, reader text);
SELECT wrk.enable_events('watch.message', 'message', channels => '{tenant}', include => '{id}', audience => '["role:ops","role:admin"]');
INSERT INTO watch.message VALUES ('acme', 1, 'x', 'u1');
SELECT * FROM watch.news();
-- users named by the row; nobody named is nobody, not everybody
SELECT wrk.enable_events('watch.message', 'message', channels => '{tenant}', include => '{id}', audience => '["user:{author}","user:{reader}"]');
UPDATE watch.message SET reader = 'u2';
SELECT * FROM watch.news();
UPDATE watch.message SET reader = NULL, author = NULL;
SELECT * FROM watch.news();
INSERT INTO watch.message VALUES ('acme', 2, 'x');
DELETE FROM watch.message;
SELECT count(*) AS none FROM watch.news();
-- a column decides; what is not foreseen falls to the default
SELECT wrk.enable_events('watch.message', 'message', channels => '{tenant}', include => '{id}',
	audience => '{"column": "type", "map": {"client": [], "ops": ["role:ops", "role:builder"], "note": ["role:ops"]}, "default": ["role:admin"]}');
INSERT INTO watch.message VALUES ('acme', 1, 'client'), ('acme', 2, 'ops'), ('acme', 3, 'note'), ('acme', 4, 'Client'), ('acme', 5, NULL);
SELECT * FROM watch.news();
UPDATE watch.message SET type = 'note' WHERE id = 1;
SELECT * FROM watch.news();
DELETE FROM watch.message;
SELECT type, audience FROM watch.news();

-- a value cannot become more than its segment of a name
SELECT wrk.enable_events('watch.message', 'message', channels => '{"thread:{type}"}');
INSERT INTO watch.message VALUES ('acme', 1, 'a:b');
INSERT INTO watch.message VALUES ('acme', 1, E'a\nb');
INSERT INTO watch.message VALUES ('acme:thread', 1, 'x');
INSERT INTO watch.message VALUES ('', 1, 'x');
INSERT INTO watch.message VALUES ('acme', 7, '');
SELECT count(*) AS none FROM watch.news();
SELECT wrk.enable_events('watch.message', 'message', channels => '{"entity:{entity}:{type}"}', include => '{type}');
INSERT INTO watch.message VALUES ('acme', 1, 'urn:a:b');
SELECT * FROM watch.news();

-- every type of value; what is too large goes without
CREATE TABLE watch.thing (tenant_id text NOT NULL, id uuid PRIMARY KEY, i int, n numeric, b boolean, f float8, at timestamptz,
	day date, j json, jb jsonb, tags text[], doc text, r int4range, g int GENERATED ALWAYS AS (i * 2) STORED);
SELECT wrk.enable_events('watch.thing', 'thing', channels => '{tenant}', exclude => '{tenant_id}');
INSERT INTO watch.thing VALUES ('acme', '00000000-0000-0000-0000-000000000001', 7, 1.50, true, 0.1, '2026-01-02 03:04:05+00',
	'2026-01-02', '{"b":1, "a":2}', '[1, {"x": null}]', '{a,NULL,"b c"}', 'd', '[1,5)');
SELECT payload FROM watch.news();
UPDATE watch.thing SET n = 1.5, i = 8;
SELECT payload -> 'changed' AS changed FROM watch.news();
INSERT INTO watch.thing (tenant_id, id, doc) SELECT 'acme', '00000000-0000-0000-0000-000000000002', repeat('x', 1048576);
SELECT length(payload #>> '{data,doc}') AS one_megabyte FROM watch.news();
INSERT INTO watch.thing (tenant_id, id, doc) SELECT 'acme', '00000000-0000-0000-0000-000000000003', repeat('x', 9000000);
UPDATE watch.thing SET i = 1 WHERE id = '00000000-0000-0000-0000-000000000003';
SELECT type, payload FROM watch.news();

-- partitions: a row that moves between them leaves and comes
CREATE TABLE watch.part (tenant_id text NOT NULL, id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE watch.part_a PARTITION OF watch.part FOR VALUES IN (1);
CREATE TABLE watch.part_b (k int NOT NULL, id int NOT NULL, tenant_id text NOT NULL);
ALTER TABLE watch.part ATTACH PARTITION watch.part_b FOR VALUES IN (2);
SELECT wrk.enable_events('watch.part', 'part', channels => '{tenant}');
INSERT INTO watch.part VALUES ('acme', 1, 1), ('acme', 2, 2);
UPDATE watch.part SET k = 2 WHERE id = 1;
SELECT type, payload FROM watch.news();

-- what cannot make events, and who may not
SELECT wrk.enable_events(NULL, 'x');
SELECT wrk.enable_events('watch.part_a', 'x');
CREATE VIEW watch.v AS SELECT * FROM watch.task;
SELECT wrk.enable_events('watch.v', 'x');
CREATE TEMP TABLE scratch (tenant_id text NOT NULL, id int);
SELECT wrk.enable_events('scratch', 'x');
CREATE TABLE watch.bare (a int, nullable text);
SELECT wrk.enable_events('watch.bare', 'x');
SELECT wrk.enable_events('watch.bare', 'x', tenant_column => 'nullable');
SELECT wrk.enable_events('watch.bare', 'x', tenant_column => NULL);
SELECT wrk.enable_events('watch.message', 'x', id_column => 'nix');
SELECT wrk.enable_events('watch.message', 'x', include => '{id}', exclude => '{type}');
SELECT wrk.enable_events('watch.message', 'x', exclude => '{nix}');
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT wrk.enable_events(''watch.message'', ' || call || ')';
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
SELECT e, pg_temp.try(quote_nullable(e)) FROM unnest(ARRAY['a', 'a_b-9', 'A', '9', '', 'a:b', 'a.b', repeat('a', 64), NULL]) e;
SELECT c, pg_temp.try(format('''x'', channels => %L', ARRAY[c]))
FROM unnest(ARRAY['tenant', 'a', 'a:{id}', 'a:{type}-{author}', 'global', 'tenant:other', 'tenant:{author}', '{author}', 'a:{nix}', 'a::b', 'a:', ':a',
	'a:{id', 'a:id}', 'a:{}', 'a:{{id}}', 'A:b', 'a b', '', NULL]) c;
SELECT pg_temp.try('''x'', channels => ''{}''');
SELECT a, pg_temp.try(format('''x'', audience => %L', a))
FROM unnest(ARRAY['[]', '["role:ops"]', '["user:{author}"]', '["role:{type}"]', '{"column": "type", "map": {}, "default": []}',
	'null', '"role:ops"', '7', '["ops"]', '["role:"]', '[7]', '[["role:a"]]', '["user:{nix}"]', '{}',
	'{"column": "type", "map": {}}', '{"column": "nix", "map": {}, "default": []}', '{"column": "type", "map": [], "default": []}',
	'{"column": "type", "map": {"a": "role:x"}, "default": []}', '{"map": {}, "default": []}']) a;
RESET ROLE;
SET ROLE watch_other;
SELECT wrk.enable_events('watch.task', 'task');
SELECT wrk.disable_events('watch.task');
RESET ROLE;
-- owning a table is not enough: its owner could make events of any tenant
CREATE ROLE watch_plain;
GRANT CREATE ON SCHEMA watch TO watch_plain;
SET ROLE watch_plain;
CREATE TABLE watch.forged (tenant_id text NOT NULL, id int);
SELECT wrk.enable_events('watch.forged', 'task');
CREATE TRIGGER t AFTER INSERT ON watch.forged FOR EACH ROW EXECUTE FUNCTION wrk.event_trigger('{}');
RESET ROLE;
-- a trigger that was not made by enable_events()
CREATE TABLE watch.odd (tenant_id text NOT NULL, id int);
CREATE TRIGGER t AFTER INSERT ON watch.odd FOR EACH ROW EXECUTE FUNCTION wrk.event_trigger();
INSERT INTO watch.odd VALUES ('acme', 1);
CREATE OR REPLACE TRIGGER t AFTER INSERT ON watch.odd FOR EACH STATEMENT EXECUTE FUNCTION wrk.event_trigger('{}');
INSERT INTO watch.odd VALUES ('acme', 1);
CREATE OR REPLACE TRIGGER t AFTER INSERT ON watch.odd FOR EACH ROW EXECUTE FUNCTION wrk.event_trigger('{}');
INSERT INTO watch.odd VALUES ('acme', 1);

-- a member's change is announced although the member may not emit
GRANT INSERT ON watch.message TO wrk_member;
SET ROLE watch_owner;
SELECT wrk.enable_events('watch.message', 'message', channels => '{tenant}', include => '{id}');
RESET ROLE;
BEGIN;
SELECT wrk.impersonate('acme', 'u9') IS NOT NULL AS ok;
SET LOCAL ROLE wrk_member;
SET LOCAL search_path = pg_temp;
INSERT INTO watch.message VALUES ('acme', 99);
RESET ROLE;
SELECT sender_id, type, payload FROM wrk.event ORDER BY id DESC LIMIT 1;
COMMIT;

-- a value that goes with every event cannot get around the limit of its size
CREATE TABLE watch.wide (tenant_id text NOT NULL, id text, room text);
SELECT wrk.enable_events('watch.wide', 'wide', channels => '{tenant}');
INSERT INTO watch.wide VALUES ('acme', repeat('x', 513));
SELECT wrk.enable_events('watch.wide', 'wide', channels => ARRAY['room:{room}']);
INSERT INTO watch.wide VALUES ('acme', 'a', repeat('x', 513));
INSERT INTO watch.wide VALUES ('acme', repeat('x', 512), repeat('y', 512));
SELECT wrk.enable_events('watch.wide', 'wide', channels => '{tenant}', audience => '["user:{room}"]');
UPDATE watch.wide SET room = repeat('x', 513);

-- a table without tenancy: nobody speaks for a tenant but who acts for it, or is trusted with the table
CREATE TABLE watch.open (tenant_id uuid NOT NULL, id int);
SELECT wrk.enable_events('watch.open', 'open');
GRANT ALL ON watch.open TO wrk_member, watch_other, watch_plain;
GRANT wrk_member TO watch_plain;
\set mine '\'A0000000-0000-4000-8000-00000000000a\''
\set theirs '\'b0000000-0000-4000-8000-00000000000b\''
SET ROLE watch_plain;
INSERT INTO watch.open VALUES (:mine, 1);
RESET ROLE;
BEGIN;
SELECT wrk.impersonate(:mine, 'u9') IS NOT NULL AS ok;
SET LOCAL ROLE watch_plain;
INSERT INTO watch.open VALUES (:mine, 2);
SAVEPOINT s;
INSERT INTO watch.open VALUES (:theirs, 3);
ROLLBACK TO s;
UPDATE watch.open SET tenant_id = :theirs;
ROLLBACK TO s;
SET LOCAL ROLE watch_other;
INSERT INTO watch.open VALUES (:theirs, 4);
COMMIT;
REVOKE wrk_member FROM watch_plain;
SET ROLE watch_plain;
INSERT INTO watch.open VALUES (:theirs, 5);
RESET ROLE;
ALTER TABLE watch.open OWNER TO watch_plain;
BEGIN;
SELECT wrk.impersonate(:mine, 'u9') IS NOT NULL AS ok;
SET LOCAL ROLE watch_plain;
DELETE FROM watch.open WHERE id = 5;
COMMIT;
GRANT wrk_member TO watch_plain;
SET ROLE watch_plain;
DELETE FROM watch.open WHERE id = 4;
RESET ROLE;
SELECT id FROM watch.open ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA watch CASCADE;
DROP OWNED BY watch_owner, watch_other, watch_plain CASCADE;
DROP ROLE watch_owner, watch_other, watch_plain;
