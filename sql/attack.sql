-- Attacks: a login role that is a member of wrk_member, may run any SQL and holds
-- the credential of one person of Acme.  Every attack ends in an error or counts
-- the foreign rows it got hold of, which must be 0.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set ECHO none
\i :fixture
\set ECHO all
-- the helper of the fixture may impersonate anybody: not for attackers
REVOKE ALL ON FUNCTION regress.act(text) FROM PUBLIC;
CREATE ROLE regress_attacker LOGIN IN ROLE wrk_member;
CREATE ROLE regress_boss SUPERUSER;
SELECT current_user AS owner \gset
CREATE SCHEMA evil AUTHORIZATION regress_attacker;
ANALYZE;
SELECT wrk.api_key_create(regress.id('a', 0, 0)::text, regress.id('0', 1, 1)::text, '{client}') AS ann,
	wrk.api_key_create(regress.id('b', 0, 0)::text, regress.id('0', 1, 6)::text, '{client}') AS gil,
	wrk.api_key_create(regress.id('a', 0, 0)::text, regress.id('0', 1, 1)::text, '{client}', expires_at => now() - interval '1 second') AS stale,
	wrk.api_key_create(regress.id('a', 0, 0)::text, regress.id('0', 1, 4)::text, '{ops}') AS otto \gset
-- a signing key of the installation, and what the attacker is given: a token of its own
\set key '{"kty":"oct","alg":"HS256","kid":"house","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}'
SELECT wrk.jwt_key_import(:'key');
CREATE FUNCTION regress.claims(person text) RETURNS jsonb LANGUAGE sql RETURN (
	SELECT jsonb_build_object('sub', p.id, 'tenant_id', regress.id(p.tenant, 0, 0), 'roles', p.roles,
		'exp', extract(epoch FROM now())::bigint + 600) FROM regress.person p WHERE p.name = person);
SELECT wrk.jwt_sign(regress.claims('ann'), :'key') AS token, regress.claims('gil') AS gil_claims \gset
-- what Globex owns must be the same at the end
CREATE FUNCTION regress.globex() RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (
		SELECT p::text FROM copilot.projects p WHERE tenant_id = regress.id('b', 0, 0)
		UNION ALL SELECT m::text FROM copilot.messages m WHERE tenant_id = regress.id('b', 0, 0)
		UNION ALL SELECT k::text FROM copilot.tasks k WHERE tenant_id = regress.id('b', 0, 0)
		UNION ALL SELECT r::text FROM copilot.user_roles r WHERE tenant_id = regress.id('b', 0, 0)) AS every (t)
$$;
SELECT regress.globex() AS before \gset
\set acme '\'a0000000-0000-4000-8000-000000000000\''
\set globex '\'b0000000-0000-4000-8000-000000000000\''
\set globex_project '\'b0000000-0004-4000-8000-000000000001\''
\set login 'BEGIN; DO $$BEGIN PERFORM wrk.authenticate(' :'ann' '); END$$;'
\set login_gil 'BEGIN; DO $$BEGIN PERFORM wrk.authenticate(' :'gil' '); END$$;'
\set login_otto 'BEGIN; DO $$BEGIN PERFORM wrk.authenticate(' :'otto' '); END$$;'
-- rows of anybody but Acme, and as a check of the check, rows of Acme
\set look 'SELECT (SELECT count(*) FROM copilot.tenants WHERE id <> ' :acme ') + (SELECT count(*) FROM copilot.projects WHERE tenant_id <> ' :acme ') + (SELECT count(*) FROM copilot.messages WHERE tenant_id <> ' :acme ') + (SELECT count(*) FROM copilot.tasks WHERE tenant_id <> ' :acme ') + (SELECT count(*) FROM copilot.users WHERE name IN (''Gil'', ''Bea'')) + (SELECT count(*) FROM copilot.tenant_users WHERE tenant_id <> ' :acme ') AS foreign_rows, (SELECT count(*) FROM copilot.messages) AS own_rows;'
\c - regress_attacker
SET client_min_messages = warning;

-- an honest session, to compare with
:login
:look
COMMIT;
:look

-- setting the identity without a credential
\set forged 'jwt\x1fk\x1f0\x1fb0000000-0000-4000-8000-000000000000\x1fu\x1f'
SET wrk_copilot.identity = 'api_key';
SET LOCAL wrk_copilot.identity = 'api_key';
SELECT set_config('wrk_copilot.identity', E:'forged', false);
WITH c AS MATERIALIZED (SELECT set_config('wrk_copilot.identity', E:'forged', true)) SELECT count(*) FROM c, copilot.projects;
SELECT (SELECT count(*) FROM copilot.projects) AS foreign_rows FROM generate_series(1, 2) i ORDER BY set_config('wrk_copilot.identity', E:'forged', false) || i;
:login
SELECT set_config('wrk_copilot.identity', replace(current_setting('wrk_copilot.identity'), 'a0000000', 'b0000000'), true);
ROLLBACK;
:login
UPDATE pg_settings SET setting = E:'forged' WHERE name = 'wrk_copilot.identity';
:look
ROLLBACK;
ALTER ROLE regress_attacker SET wrk_copilot.identity = 'api_key';
DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET wrk_copilot.identity = ''api_key''', current_database()); END$$;
ALTER SYSTEM SET wrk_copilot.identity = 'api_key';
CREATE FUNCTION evil.dressed() RETURNS bigint LANGUAGE sql SET wrk_copilot.identity = 'api_key' AS 'SELECT count(*) FROM copilot.projects';
:login
CREATE FUNCTION evil.dressed() RETURNS bigint LANGUAGE sql SET wrk_copilot.identity FROM CURRENT AS 'SELECT count(*) FROM copilot.projects';
ROLLBACK;
SET request.jwt.claims = '{"tenant_id": "b0000000-0000-4000-8000-000000000000", "roles": ["admin"]}';
SET request.jwt.claim.tenant_id = 'b0000000-0000-4000-8000-000000000000';
SET app.tenant_id = 'b0000000-0000-4000-8000-000000000000';
:look
:login
:look
COMMIT;
RESET ALL;
SET client_min_messages = warning;

-- setting it before the library is there to refuse, or while connecting
\setenv PGDATABASE :DBNAME
\setenv PGUSER regress_attacker
\! psql -XAtq -c "SELECT 'connected'"
\! psql -XAtq -c "SET wrk_copilot.identity = 'api_key'" -c "SELECT count(*) FROM copilot.projects" 2>/dev/null | grep -vc '^0$'
\! PGOPTIONS="-c wrk_copilot.identity=api_key" psql -XAtq -c "SELECT count(*) FROM copilot.projects" 2>/dev/null | grep -vc '^0$'

-- tokens: its own is good; nothing it can make of it is
BEGIN;
SELECT wrk.authenticate(:'token') ->> 'via' AS via;
:look
COMMIT;
SELECT translate(encode(convert_to(:'gil_claims', 'UTF8'), 'base64'), E'+/=\n', '-_') AS gil_payload,
	translate(encode('{"alg":"none"}', 'base64'), '+/=', '-_') AS none \gset
SELECT wrk.authenticate(split_part(:'token', '.', 1) || '.' || :'gil_payload' || '.' || split_part(:'token', '.', 3));
SELECT wrk.authenticate(:'none' || '.' || :'gil_payload' || '.');
SELECT wrk.authenticate(wrk.jwt_sign(:'gil_claims', '{"kty":"oct","kid":"house","k":"b3duZWQtb3duZWQtb3duZWQtb3duZWQtb3duZWQtb3c"}'));
SELECT wrk.jwt_key_import('{"kty":"oct","kid":"mine","alg":"HS256","k":"b3duZWQtb3duZWQtb3duZWQtb3duZWQtb3duZWQtb3c"}');
SELECT * FROM wrk.jwt_key;
UPDATE wrk.jwt_key SET kid = 'mine';

-- giving the identity up does not leave somebody else's behind
:login
RESET ALL;
:look
COMMIT;
:login
RESET wrk_copilot.identity;
:look
COMMIT;
:login
SET LOCAL wrk_copilot.identity TO DEFAULT;
:look
COMMIT;
:login
DISCARD ALL;
COMMIT;
DISCARD ALL;
SET client_min_messages = warning;
:look

-- two tenants in one transaction, by every road
:login
DO $$BEGIN PERFORM wrk.authenticate(current_setting('evil.token', true)); END$$;
ROLLBACK;
:login
SAVEPOINT s;
SELECT wrk.authenticate(:'gil');
ROLLBACK TO s;
:look
RESET wrk_copilot.identity;
SELECT wrk.authenticate(:'gil');
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT wrk.authenticate(:'gil') IS NOT NULL AS in_savepoint;
ROLLBACK TO s;
:look
SELECT wrk.authenticate(:'ann') IS NOT NULL AS after_rollback;
ROLLBACK;
-- committed away inside a procedure
CREATE PROCEDURE evil.hop(token text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrk.authenticate(token);
	COMMIT;
	RAISE WARNING 'after commit: %', (SELECT count(*) FROM copilot.projects);
END $$;
CALL evil.hop(:'gil');

-- other roles
SET ROLE regress_boss;
SET ROLE wrk_service;
SET ROLE wrk_gateway;
SET ROLE wrk_ops;
SET SESSION AUTHORIZATION regress_boss;
RESET SESSION AUTHORIZATION;
:look
:login
SET LOCAL ROLE wrk_member;
:look
ROLLBACK;
SELECT wrk.impersonate(:globex, 'u', '{admin}');
SELECT wrk.api_key_create(:globex, 'u', '{admin}');
GRANT wrk_service TO regress_attacker;
ALTER ROLE regress_attacker BYPASSRLS;
SET row_security = off;
:login
:look
ROLLBACK;
RESET row_security;

-- the tables behind it all
SELECT * FROM wrk.api_key;
UPDATE wrk.api_key SET tenant_id = :globex;
INSERT INTO wrk.membership VALUES (:acme, 'u', 'project', 'p', 'admin');
INSERT INTO wrk.permission VALUES ('client', 'manage', 'any_role', 'tenant');
UPDATE wrk.role SET bit = 6 WHERE name = 'client';
SELECT * FROM wrk.membership;
ALTER TABLE copilot.projects DISABLE ROW LEVEL SECURITY;
ALTER TABLE copilot.projects OWNER TO regress_attacker;
ALTER TABLE copilot.projects DISABLE TRIGGER ALL;
CREATE POLICY mine ON copilot.projects USING (true);
DROP POLICY wrk_tenancy ON copilot.projects;
CREATE TRIGGER spy BEFORE UPDATE ON copilot.projects FOR EACH ROW EXECUTE FUNCTION wrk.tenancy_guard('id', '{}');
CREATE RULE spy AS ON SELECT TO copilot.projects DO INSTEAD SELECT 1;
CREATE TABLE evil.ref (tenant_id uuid, id uuid, FOREIGN KEY (tenant_id, id) REFERENCES copilot.projects);
CREATE TABLE evil.child () INHERITS (copilot.projects);
CREATE FUNCTION copilot.planted() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION wrk.tenant_id(int DEFAULT 1) RETURNS text LANGUAGE sql AS 'SELECT ''b''';
SELECT wrk.disable_tenancy('copilot.projects');
SELECT copilot.install();
TRUNCATE copilot.tasks;
SET session_replication_role = replica;

-- what the engine keeps for itself, the gateway and servers
SELECT wrk.emit('message.created', '{}', ARRAY['tenant:' || :globex]);
SELECT count(*) FROM wrk.event;
INSERT INTO wrk.event (channels, type, payload) VALUES ('{global}', 'forged', '{}');
SELECT * FROM wrk.event_since('1:1:');
SELECT * FROM wrk.gateway_fetch('1:1:');
SELECT wrk.gateway_open(:'ann');
SELECT wrk.gateway_replay(:'ann', 'me', wrk.position(), '1:1:');
SELECT wrk.rpc_invoke('copilot.project_list(jsonb)', '{}');
INSERT INTO wrk.rpc VALUES ('evil.call', 'pg_catalog.jsonb_pretty(jsonb)');
INSERT INTO wrk.channel_rule VALUES ('evil:{id}', 'copilot.may_join_project(text)');
SELECT wrk.rpc_call('project.list');
:login
SELECT c AS channel, wrk.channel_resolve(c) ->> 'channel' AS joined
FROM unnest(ARRAY['me', 'project:a0000000-0004-4000-8000-000000000001']) c;
SAVEPOINT s;
SELECT wrk.channel_resolve('project:' || :globex_project);
ROLLBACK TO s;
SELECT wrk.channel_resolve('project:b0000000-0004-4000-8000-00000000ffff');
ROLLBACK TO s;
SELECT wrk.channel_resolve('tenant:' || :globex || ':project:' || :globex_project);
ROLLBACK TO s;
SELECT wrk.channel_resolve('tenant:' || :globex);
ROLLBACK TO s;
SELECT wrk.rpc_call('project.get', jsonb_build_object('id', :globex_project));
ROLLBACK TO s;
SELECT wrk.rpc_call('evil.call');
ROLLBACK;

-- names: functions, tables and operators of its own in front of the path
CREATE FUNCTION evil.tenant_id() RETURNS text LANGUAGE sql AS 'SELECT ''b0000000-0000-4000-8000-000000000000''';
CREATE FUNCTION evil.can(text, text, text DEFAULT NULL) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION evil.always(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR evil.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = evil.always);
CREATE FUNCTION pg_temp.tenant_id() RETURNS text LANGUAGE sql AS 'SELECT ''b0000000-0000-4000-8000-000000000000''';
CREATE TEMP TABLE projects AS SELECT 1 AS id;
SET search_path TO evil, pg_temp, wrk, copilot, pg_catalog;
:login
SELECT count(*) AS foreign_rows FROM copilot.projects WHERE tenant_id OPERATOR(pg_catalog.<>) :acme;
SELECT count(*) AS foreign_rows FROM copilot.projects WHERE id = :globex_project AND tenant_id OPERATOR(pg_catalog.<>) :acme;
SELECT copilot.project_get(jsonb_build_object('id', :globex_project));
ROLLBACK;
:login
SELECT copilot.may_join_project(:globex_project) AS rights;
SELECT copilot.message_list(jsonb_build_object('project_id', :globex_project));
ROLLBACK;
RESET search_path;

-- functions and expressions that tell what they are shown
CREATE FUNCTION evil.tell(t uuid, what text) RETURNS boolean LANGUAGE plpgsql COST 0.000001 AS $$
BEGIN
	IF t <> 'a0000000-0000-4000-8000-000000000000' THEN RAISE WARNING 'LEAK %', what; END IF;
	RETURN true;
END $$;
CREATE FUNCTION evil.proof(uuid) RETURNS boolean LANGUAGE plpgsql LEAKPROOF AS 'BEGIN RETURN true; END';
ALTER FUNCTION evil.tell(uuid, text) LEAKPROOF;
:login
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT count(*) FROM copilot.messages WHERE evil.tell(tenant_id, body);
SELECT count(*) FROM copilot.projects p JOIN copilot.messages m ON evil.tell(m.tenant_id, m.body) AND evil.tell(p.tenant_id, p.name);
SELECT count(*) FROM copilot.messages WHERE 1 / (tenant_id = :acme)::int = 1;
SELECT count(*) FROM copilot.messages WHERE (CASE WHEN tenant_id = :acme THEN '1' ELSE body END)::int = 1;
SELECT count(*) FROM copilot.users WHERE 1 / (name NOT IN ('Gil', 'Bea'))::int = 1;
SELECT count(*) FROM copilot.messages TABLESAMPLE SYSTEM (100) WHERE evil.tell(tenant_id, body);
SELECT count(*) FROM copilot.messages WHERE ctid = ANY (ARRAY(SELECT format('(0,%s)', i)::tid FROM generate_series(1, 200) i)) AND tenant_id <> :acme;
SELECT count(*) FROM (SELECT t FROM copilot.tasks t FOR KEY SHARE) s WHERE NOT evil.tell((t).tenant_id, (t).title);
ROLLBACK;
RESET client_min_messages;
SET client_min_messages = warning;

-- views, copies and statistics
CREATE VIEW evil.v AS SELECT * FROM copilot.messages;
CREATE VIEW evil.barrier WITH (security_barrier) AS SELECT * FROM copilot.messages;
:login
SELECT count(*) AS foreign_rows FROM evil.v WHERE tenant_id <> :acme;
SELECT count(*) AS foreign_rows FROM evil.barrier WHERE tenant_id <> :acme;
CREATE MATERIALIZED VIEW evil.m AS SELECT * FROM copilot.messages;
SELECT count(*) AS foreign_rows FROM evil.m WHERE tenant_id <> :acme;
COPY (SELECT count(*) FROM copilot.messages WHERE tenant_id <> 'a0000000-0000-4000-8000-000000000000') TO STDOUT;
COPY copilot.tenants (name) TO STDOUT;
ROLLBACK;
:login
COPY copilot.tasks (title) FROM STDIN;
\.
ROLLBACK;
COPY (SELECT 1) TO PROGRAM 'true';
SELECT pg_read_file('PG_VERSION');
SELECT count(*) AS visible_statistics FROM pg_stats WHERE schemaname = 'copilot';
SELECT count(*) FROM pg_statistic;

-- cursors that outlive the identity, in both orders
:login
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM copilot.messages;
ROLLBACK;
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM copilot.messages;
SELECT wrk.authenticate(:'gil');
ROLLBACK;
:login
DO $$BEGIN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT * FROM copilot.messages'; END$$;
ROLLBACK;
:login_gil
DECLARE c CURSOR FOR SELECT * FROM copilot.messages;
COMMIT;
FETCH ALL FROM c;

-- a statement another tenant prepared, planned once and for all
SET plan_cache_mode = force_generic_plan;
PREPARE p AS SELECT count(*) AS rows, count(*) FILTER (WHERE tenant_id <> 'a0000000-0000-4000-8000-000000000000') AS foreign_rows FROM copilot.messages;
CREATE FUNCTION evil.cached() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN (SELECT count(*) FROM copilot.messages WHERE tenant_id <> 'a0000000-0000-4000-8000-000000000000'); END $$;
:login_gil
EXECUTE p;
SELECT evil.cached() AS of_globex;
COMMIT;
:login
EXECUTE p;
SELECT evil.cached() AS foreign_rows;
COMMIT;
EXECUTE p;
RESET plan_cache_mode;

-- parallel workers
:login
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_indexonlyscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM copilot.projects;
:look
ROLLBACK;

-- credentials that have ended, before and during a transaction
SELECT wrk.authenticate(:'stale');
\c - :owner
SELECT date_trunc('second', now()) + interval '2 seconds' AS soon \gset
SELECT wrk.api_key_create(regress.id('a', 0, 0)::text, regress.id('0', 1, 1)::text, '{client}', expires_at => :'soon') AS fading \gset
\c - regress_attacker
SET client_min_messages = warning;
BEGIN;
SELECT wrk.authenticate(:'fading') IS NOT NULL AS accepted;
SELECT count(*) > 0 AS own_rows FROM copilot.projects;
SELECT pg_sleep_until(:'soon') \g /dev/null
:look
ROLLBACK;
SELECT wrk.authenticate(left(:'gil', -1) || 'x');
SELECT wrk.authenticate('');

-- writing, as somebody who may write much in Acme
:login_otto
INSERT INTO copilot.tasks (tenant_id, title) VALUES (:globex, 'planted');
ROLLBACK;
:login_otto
INSERT INTO copilot.tasks (project_id, title) VALUES (:globex_project, 'planted');
ROLLBACK;
:login_otto
UPDATE copilot.tasks SET tenant_id = :globex;
ROLLBACK;
:login_otto
WITH hit AS (UPDATE copilot.tasks SET title = 'defaced' WHERE tenant_id <> :acme RETURNING 1) SELECT count(*) AS foreign_rows FROM hit;
WITH hit AS (DELETE FROM copilot.tasks WHERE tenant_id <> :acme RETURNING *) SELECT count(*) AS foreign_rows FROM hit;
WITH hit AS (DELETE FROM copilot.project_members USING copilot.projects p WHERE p.tenant_id <> :acme RETURNING p.*) SELECT count(*) AS foreign_rows FROM hit;
WITH hit AS (UPDATE copilot.users SET name = 'defaced' FROM copilot.messages m WHERE m.tenant_id <> :acme RETURNING m.body) SELECT count(*) AS foreign_rows FROM hit;
MERGE INTO copilot.tasks t USING (SELECT 1) s ON t.tenant_id <> :acme WHEN MATCHED THEN UPDATE SET title = 'defaced';
SAVEPOINT s;
INSERT INTO copilot.user_roles (user_id, role) VALUES ('00000000-0001-4000-8000-000000000006', 'client') ON CONFLICT DO NOTHING;
ROLLBACK TO s;
INSERT INTO copilot.project_members (project_id, user_id, role) VALUES (:globex_project, '00000000-0001-4000-8000-000000000001', 'client') ON CONFLICT DO NOTHING RETURNING *;
ROLLBACK TO s;
UPDATE copilot.automations SET tenant_id = :globex;
ROLLBACK;
:login_otto
INSERT INTO copilot.messages (project_id, body) VALUES (:globex_project, 'planted');
ROLLBACK;
:login_otto
UPDATE copilot.projects SET owner_id = '00000000-0001-4000-8000-000000000006';
ROLLBACK;

-- what errors tell: a foreign id and one that does not exist read the same
CREATE FUNCTION evil.error_of(statement text, id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text;
BEGIN
	EXECUTE format(statement, id);
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN replace(concat_ws(' | ', state, message, detail), id, 'ID');
END $$;
:login
SELECT evil.error_of(s, 'b0000000-0004-4000-8000-000000000001') = evil.error_of(s, 'b0000000-0004-4000-8000-00000000ffff') AS same,
	evil.error_of(s, 'b0000000-0004-4000-8000-000000000001') AS error
FROM unnest(ARRAY[
	'INSERT INTO copilot.messages (project_id, body) VALUES (%L, ''x'')',
	'SELECT copilot.project_get(jsonb_build_object(''id'', %L))',
	'SELECT copilot.message_send(jsonb_build_object(''project_id'', %L, ''body'', ''x''))',
	'SELECT copilot.message_list(jsonb_build_object(''project_id'', %L))',
	'SELECT copilot.task_create(jsonb_build_object(''project_id'', %L, ''title'', ''x''))']) s;
SELECT evil.error_of(s, '00000000-0001-4000-8000-000000000006') = evil.error_of(s, '00000000-0001-4000-8000-00000000ffff') AS same,
	evil.error_of(s, '00000000-0001-4000-8000-000000000006') AS error
FROM unnest(ARRAY[
	'UPDATE copilot.tasks SET assignee_id = %L WHERE assignee_id IS NOT NULL',
	'INSERT INTO copilot.user_roles (user_id, role) VALUES (%L, ''client'')',
	'SELECT copilot.task_update(jsonb_build_object(''id'', (SELECT id FROM copilot.tasks LIMIT 1), ''assignee_id'', %L))']) s;
ROLLBACK;

-- the doorbell is nobody's secret: it carries nothing, and ringing it only makes the gateway look
LISTEN wrk_event;
UNLISTEN *;
NOTIFY wrk_event, 'forged';

\c - :owner
SET client_min_messages = warning;
SELECT regress.globex() = :'before' AS globex_is_untouched;
DROP SCHEMA regress, evil CASCADE;
DROP OWNED BY regress_attacker;
DROP ROLE regress_attacker, regress_boss;
DELETE FROM wrk.api_key;
DELETE FROM wrk.jwt_key;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
