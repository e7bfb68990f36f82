-- access.sql: how the tests of log-ins and of access begin: the application, fixture.sql, and on top of it Cleo, who hands out
-- some roles, names for people and tenants, and answers in one line. The role regress_service and all of it are gone after
-- \i :end, access_end.sql.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install() \g /dev/null
\set SHOW_CONTEXT never
\set end :abs_srcdir '/regress/access_end.sql'
\ir fixture.sql
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_service LOGIN IN ROLE wrk_service;
INSERT INTO regress.person VALUES ('cleo', regress.id('0', 1, 8), 'a', '{cs_admin}');
INSERT INTO copilot.users (id, email, name) VALUES (regress.id('0', 1, 8), 'cleo@example.com', 'Cleo');
INSERT INTO copilot.tenant_users (tenant_id, user_id) VALUES (regress.id('a', 0, 0), regress.id('0', 1, 8));
INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES (regress.id('a', 0, 0), regress.id('0', 1, 8), 'cs_admin'),
	(regress.id('b', 0, 0), regress.id('0', 1, 4), 'ops');
\set cleo 'BEGIN; DO $$BEGIN PERFORM regress.act(''cleo''); END$$; SET LOCAL ROLE wrk_member;'
SELECT regress.id('a', 0, 0) AS acme, regress.id('b', 0, 0) AS globex, regress.id('0', 1, 1) AS ann_id, regress.id('0', 1, 4) AS otto_id,
	regress.id('0', 1, 5) AS ada_id, regress.id('0', 1, 6) AS gil_id, regress.id('0', 1, 2) AS bob_id, regress.id('0', 1, 8) AS cleo_id \gset
-- one line an answer: the answer, or the error
CREATE FUNCTION regress.call(method text, params jsonb DEFAULT '{}', key text DEFAULT NULL) RETURNS text LANGUAGE sql
RETURN regress.answer(method, params, detailed => NULL, key => key);
-- the same for whom a token stands, who it is
CREATE FUNCTION regress.with(token text, method text, params jsonb DEFAULT '{}', key text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrk.authenticate(token);
	RETURN (SELECT result FROM wrk.rpc_call(method, params, key));
EXCEPTION WHEN OTHERS THEN
	RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
CREATE FUNCTION regress.who(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE who jsonb;
BEGIN
	who := wrk.authenticate(token);
	RETURN concat_ws(' ', who ->> 'via', (SELECT t.name FROM copilot.tenants t WHERE t.id::text = who ->> 'tenant_id'),
		(SELECT u.name FROM copilot.users u WHERE u.id::text = who ->> 'user_id'), who ->> 'roles');
EXCEPTION WHEN OTHERS THEN
	RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
-- what a server is answered, without what differs each time
CREATE FUNCTION regress.short(answer jsonb) RETURNS jsonb LANGUAGE sql RETURN answer - '{access_token,refresh_token,session_id,expires_at,tenant_id}'::text[];
