-- The audit log: what is recorded and what is not, who may read it, that nobody changes it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
CREATE ROLE aud_owner IN ROLE wrk_service;
CREATE ROLE aud_plain;
CREATE SCHEMA aud AUTHORIZATION aud_owner;
GRANT USAGE ON SCHEMA aud TO PUBLIC;
CREATE FUNCTION aud.act(tenant text, who text, VARIADIC roles text[]) RETURNS void LANGUAGE sql SECURITY DEFINER
AS $$ SELECT wrk.impersonate(tenant, who, roles) $$;
CREATE TABLE aud.mark (id bigint);
INSERT INTO aud.mark VALUES (0);
-- what was appended since the last look; what others report of identities is not asked for here
CREATE FUNCTION aud.news() RETURNS TABLE (op "char", action text, id text, tenant text, by text, changes jsonb)
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	RETURN QUERY SELECT l.op, l.action, l.resource_id, l.tenant_id, l.user_id, l.changes
		FROM wrk.audit_log l, aud.mark m WHERE l.id > m.id AND l.action <> 'identity.impersonated' ORDER BY l.id;
	UPDATE aud.mark m SET id = (SELECT max(l.id) FROM wrk.audit_log l);
END
$$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aud TO PUBLIC;

-- ---------- enable_audit ----------
CREATE TABLE aud.doc (tenant_id text, id uuid, title text, body jsonb, secret text, hits int DEFAULT 0,
	double_hits int GENERATED ALWAYS AS (hits * 2) STORED, status text DEFAULT 'draft',
	ratio float8, due timestamptz, PRIMARY KEY (tenant_id, id));
ALTER TABLE aud.doc OWNER TO aud_owner;
\echo -- refused: for whom and for what
SET ROLE aud_plain;
SELECT wrk.enable_audit('aud.doc');
RESET ROLE;
CREATE ROLE aud_stranger IN ROLE wrk_service;
SET ROLE aud_stranger;
SELECT wrk.enable_audit('aud.doc');
RESET ROLE;
SET ROLE aud_owner;
SELECT wrk.enable_audit('aud.doc', id_column => 'nope');
SELECT wrk.enable_audit('aud.doc', id_column => NULL);
SELECT wrk.enable_audit('aud.doc', tenant_column => 'nope');
SELECT wrk.enable_audit('aud.doc', include => '{title}', exclude => '{body}');
SELECT wrk.enable_audit('aud.doc', exclude => '{nope}');
SELECT wrk.enable_audit('aud.doc', redact => '{secret}', action_column => 'secret');
SELECT wrk.enable_audit('aud.doc', redact => '{id}');
SELECT wrk.enable_audit('aud.doc', exclude => '{status}', action_column => 'status');
SELECT wrk.enable_audit('aud.doc', history => 'everybody');
SELECT wrk.enable_audit('aud.doc', version_column => 'title');
SELECT wrk.enable_audit('aud.doc', resource_type => 'Not A Name');
SELECT wrk.enable_audit('pg_catalog.pg_class');
SELECT wrk.enable_audit('aud.doc', exclude => '{hits}', redact => '{secret}', action_column => 'status');
SELECT wrk.audit_config('aud.doc');
SELECT wrk.audit_table('doc'), wrk.audit_config('aud.doc') IS NOT NULL AS audited;
SELECT wrk.audit_table('nope');
CREATE TABLE aud.other (id int PRIMARY KEY);
\echo -- two tables do not share histories
SELECT wrk.enable_audit('aud.other', resource_type => 'doc');
SELECT wrk.enable_audit('aud.other');
RESET ROLE;

-- ---------- what is recorded ----------
INSERT INTO aud.doc (tenant_id, id, title, body, secret) VALUES
	('acme', '00000000-0000-4000-8000-000000000001', 'One', '{"nodes": [{"id": "a", "x": 1}, {"id": "b"}]}', 's1');
UPDATE aud.doc SET title = 'Eins';
\echo -- nothing: no change, or of what is left out
UPDATE aud.doc SET title = 'Eins', body = body;
UPDATE aud.doc SET hits = hits + 1;
SELECT * FROM aud.news();
\echo -- a document as what changed in it, both ways; a secret only as changed
UPDATE aud.doc SET body = jsonb_set(body, '{nodes,0,x}', '2'), secret = 's2';
SELECT * FROM aud.news();
\echo -- a document that becomes none, or was none, as a whole
UPDATE aud.doc SET body = '[1]';
UPDATE aud.doc SET body = 'null';
UPDATE aud.doc SET body = NULL;
UPDATE aud.doc SET body = '{}';
SELECT changes FROM aud.news();
\echo -- the action column names the action, other updates have the usual name
UPDATE aud.doc SET status = 'ready';
UPDATE aud.doc SET title = 'Uno', status = repeat('ä', 100);
UPDATE aud.doc SET status = NULL, title = NULL;
SELECT action, octet_length(action), changes ? 'new' AS has_new FROM aud.news();
\echo -- another id is another row
UPDATE aud.doc SET id = '00000000-0000-4000-8000-000000000002';
SELECT op, id FROM aud.news();
DELETE FROM aud.doc;
SELECT * FROM aud.news();
\echo -- what the session prints is not what the log says
SET extra_float_digits = -15;
SET timezone TO 'Asia/Tokyo';
SET datestyle TO 'SQL, DMY';
INSERT INTO aud.doc (tenant_id, id, ratio, due) VALUES ('acme', '00000000-0000-4000-8000-000000000003',
	0.1234567890123456, timestamptz '2026-03-04 05:06:07.000008 UTC');
SELECT changes -> 'new' ->> 'ratio' AS ratio, changes -> 'new' ->> 'due' AS due FROM aud.news();
SELECT ratio, due FROM aud.doc;
RESET extra_float_digits;
RESET timezone;
RESET datestyle;
\echo -- nor has one row two names, whoever writes it
CREATE TABLE aud.slot (id timestamptz PRIMARY KEY, v int);
SELECT wrk.enable_audit('aud.slot');
SET timezone TO 'Asia/Tokyo';
INSERT INTO aud.slot VALUES ('2026-03-04 05:06:07 UTC', 1);
SET timezone TO 'America/New_York';
UPDATE aud.slot SET v = 2;
RESET timezone;
SELECT op, id FROM aud.news();
\echo -- a trigger that changes the row again does so afterwards
CREATE FUNCTION aud.again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE aud.slot SET v = 10 WHERE v = 3;
	RETURN NULL;
END
$$;
CREATE TRIGGER "0again" AFTER UPDATE ON aud.slot FOR EACH ROW EXECUTE FUNCTION aud.again();
UPDATE aud.slot SET v = 3;
SELECT changes FROM aud.news();
\echo -- TRUNCATE
TRUNCATE aud.doc;
SELECT * FROM aud.news();
\echo -- rolled back: nothing happened
BEGIN;
INSERT INTO aud.other VALUES (1);
SAVEPOINT a;
INSERT INTO aud.other VALUES (2);
ROLLBACK TO a;
INSERT INTO aud.other VALUES (3);
COMMIT;
SELECT id, changes FROM aud.news();
\echo -- partitions of an audited table, and upserts
CREATE TABLE aud.part (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE aud.part_1 PARTITION OF aud.part FOR VALUES FROM (0) TO (10);
CREATE TABLE aud.part_2 (v text, id int NOT NULL);
ALTER TABLE aud.part ATTACH PARTITION aud.part_2 FOR VALUES FROM (10) TO (20);
SELECT wrk.enable_audit('aud.part');
INSERT INTO aud.part VALUES (1, 'a'), (11, 'b');
INSERT INTO aud.part VALUES (11, 'c') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT op, action, id, changes FROM aud.news();
\echo -- a renamed column is not taken for another: say again what is left out
ALTER TABLE aud.doc RENAME COLUMN hits TO views;
INSERT INTO aud.doc (tenant_id, id) VALUES ('acme', '00000000-0000-4000-8000-000000000004');
ALTER TABLE aud.doc RENAME COLUMN views TO hits;
INSERT INTO aud.doc (tenant_id, id) VALUES ('acme', '00000000-0000-4000-8000-000000000004');
\echo -- ids that cannot be kept
CREATE TABLE aud.loose (id text);
SELECT wrk.enable_audit('aud.loose');
INSERT INTO aud.loose VALUES (NULL);
INSERT INTO aud.loose VALUES (repeat('x', 513));
SELECT count(*) FROM aud.loose;

-- ---------- who did it ----------
\echo -- who, as what, vouched for by whom
SELECT count(*) FROM aud.news();
BEGIN;
SELECT aud.act('acme', 'ann', 'admin', 'builder');
SET LOCAL wrk_copilot.request_id = 'req-1';
UPDATE aud.doc SET title = 'by ann';
COMMIT;
SELECT tenant_id, user_id, roles, via, actor = session_user AS by_this_role, db_user = session_user AS logged_in,
	request_id, xid > 0 AS has_xid, created_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS in_time
FROM wrk.audit_log ORDER BY id DESC LIMIT 1;

-- ---------- facts ----------
\echo -- a fact, and what is none
SELECT wrk.audit('export.made', 'report', '7', '{"rows": 3}', 'acme') > 0 AS id;
SELECT op, action, resource_type, resource_id, tenant_id, metadata FROM wrk.audit_log ORDER BY id DESC LIMIT 1;
SELECT wrk.audit('Export made', 'report');
SELECT wrk.audit('export.made', NULL);
SELECT wrk.audit('export.made', 'report', repeat('x', 513));
SELECT wrk.audit('export.made', 'report', metadata => to_jsonb(repeat('x', 70000)));
SELECT wrk.audit('export.made', 'report', tenant_id => 'a:b');
SET ROLE wrk_member;
SELECT wrk.audit('export.made', 'report');
SET ROLE aud_plain;
SELECT wrk.audit('export.made', 'report');
RESET ROLE;
\echo -- not in a read-only transaction
BEGIN READ ONLY;
SELECT wrk.audit('export.made', 'report');
ROLLBACK;

-- ---------- who may read ----------
INSERT INTO wrk.role (name, bit) VALUES ('aud_admin', 55);
INSERT INTO wrk.permission (role, action, resource_type, scope) VALUES ('aud_admin', 'read', 'audit_log', 'tenant');
\echo -- an admin sees that of the own tenant, others nothing
BEGIN;
SELECT aud.act('acme', 'ann', 'aud_admin');
SET LOCAL ROLE wrk_member;
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE tenant_id IS DISTINCT FROM 'acme') AS foreign_rows FROM wrk.audit_log;
ROLLBACK;
BEGIN;
SELECT aud.act('acme', 'bob', 'builder');
SET LOCAL ROLE wrk_member;
SELECT count(*) FROM wrk.audit_log;
ROLLBACK;
BEGIN;
SELECT aud.act('globex', 'gil', 'aud_admin');
SET LOCAL ROLE wrk_member;
SELECT count(*) FROM wrk.audit_log WHERE action <> 'identity.impersonated';
ROLLBACK;
SET ROLE wrk_member;
SELECT count(*) FROM wrk.audit_log;
\echo -- not past the policies
SELECT * FROM wrk.audit_log_default;
INSERT INTO wrk.audit_log SELECT * FROM wrk.audit_log;
RESET ROLE;
SET ROLE aud_plain;
SELECT count(*) FROM wrk.audit_log;
RESET ROLE;
SET ROLE wrk_ops;
SELECT count(DISTINCT tenant_id) > 0 AS all_tenants FROM wrk.audit_log;
RESET ROLE;

-- ---------- append-only ----------
\echo -- refused to the owner of everything, also as a replica
CREATE FUNCTION aud.try(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION aud.tamper() RETURNS TABLE (n bigint, refusal text) LANGUAGE sql AS $$
	SELECT count(*), r FROM (
		SELECT aud.try(format(c, t)) FROM unnest(ARRAY['UPDATE %s SET user_id = NULL', 'DELETE FROM %s',
			'TRUNCATE %s']) c, unnest(ARRAY['wrk.audit_log', 'wrk.audit_log_default',
			'wrk.' || wrk.audit_partition_name(now())]) t
		-- of the default partition there is nothing to update yet
		WHERE t <> 'wrk.audit_log_default' OR c LIKE 'TRUNCATE%') AS tried (r)
	GROUP BY r ORDER BY r
$$;
SELECT * FROM aud.tamper();
SET session_replication_role = replica;
SELECT * FROM aud.tamper();
RESET session_replication_role;
SELECT aud.try('UPDATE wrk.audit_dropped SET row_count = 0');

-- ---------- the hijack ----------
\echo -- a schema of the writer with functions and operators of every name
SET client_min_messages = warning;
CREATE SCHEMA hijack AUTHORIZATION aud_plain;
GRANT SELECT, INSERT, UPDATE, DELETE ON aud.doc TO aud_plain;
SET ROLE aud_plain;
CREATE TABLE hijack.caught (what text);
CREATE FUNCTION hijack.catch(what text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	INSERT INTO hijack.caught VALUES (what || ' as ' || current_user);
END
$$;
DO $$
DECLARE
	f record;
BEGIN
	-- whatever the trigger could look up by name, of the argument types it has
	FOR f IN SELECT * FROM unnest(ARRAY['to_jsonb', 'jsonb_out', 'jsonb_in', 'textout', 'uuid_out', 'now',
			'nextval', 'audit_write', 'audit', 'audit_trigger', 'blueprint_diff', 'json_diff', 'tenant_id',
			'user_id', 'clock_timestamp', 'jsonb_build_object', 'format', 'event_write', 'emit', 'lower', 'can']) n,
		unnest(ARRAY['text', 'jsonb', 'uuid', 'anyelement', 'text, text', 'jsonb, jsonb', 'regclass', '']) a
	LOOP
		EXECUTE format('CREATE FUNCTION hijack.%I(%s) RETURNS text LANGUAGE plpgsql AS'
			' ''BEGIN PERFORM hijack.catch(%s); RETURN NULL; END''', f.n, f.a, replace(quote_literal(f.n), '''', ''''''));
	END LOOP;
	FOR f IN SELECT * FROM unnest(ARRAY['=', '<>', '||', '<', '>', '->', '->>']) o,
		unnest(ARRAY['text', 'jsonb', 'uuid', 'timestamptz', 'bigint']) t
	LOOP
		EXECUTE format('CREATE OR REPLACE FUNCTION hijack.op(%s, %s) RETURNS boolean LANGUAGE plpgsql AS'
			' ''BEGIN PERFORM hijack.catch(''''operator''''); RETURN true; END''', f.t, f.t);
		EXECUTE format('CREATE OPERATOR hijack.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = hijack.op)', f.o, f.t, f.t);
	END LOOP;
END
$$;
SET search_path = hijack, pg_catalog;
INSERT INTO aud.doc (tenant_id, id, title, body, status, due) VALUES
	('acme', '00000000-0000-4000-8000-000000000009', 'hijack', '{"nodes": [{"id": "a"}]}', 'draft', '2026-01-01 UTC');
UPDATE aud.doc SET title = 'more', status = 'ready', body = '{"nodes": [{"id": "a", "x": 1}]}'
WHERE id OPERATOR(pg_catalog.=) '00000000-0000-4000-8000-000000000009';
DELETE FROM aud.doc WHERE id OPERATOR(pg_catalog.=) '00000000-0000-4000-8000-000000000009';
SELECT pg_catalog.count(*) AS caught FROM hijack.caught;
\echo -- and the trap works: its own statement calls its own function
SELECT to_jsonb('x'::text);
SELECT * FROM hijack.caught;
RESET search_path;
RESET ROLE;
SELECT op, action, changes FROM aud.news();

-- ---------- disable_audit ----------
SET ROLE aud_stranger;
SELECT wrk.disable_audit('aud.doc');
SET ROLE aud_owner;
SELECT wrk.disable_audit('aud.doc');
SELECT wrk.disable_audit('aud.doc');
RESET ROLE;
UPDATE aud.doc SET title = 'unseen';
SELECT count(*) FROM aud.news() WHERE action LIKE 'doc.%';

SET client_min_messages = warning;
DELETE FROM wrk.permission WHERE resource_type = 'audit_log';
DELETE FROM wrk.role WHERE name = 'aud_admin';
DROP SCHEMA aud, hijack CASCADE;
DROP OWNED BY aud_plain, aud_owner, aud_stranger;
DROP ROLE aud_plain, aud_owner, aud_stranger;
