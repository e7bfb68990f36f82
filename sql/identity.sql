-- Only a verified credential sets the identity; it ends with its transaction.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
CREATE ROLE regress_service LOGIN IN ROLE wrk_service;
CREATE ROLE regress_member LOGIN IN ROLE wrk_member;
\set SHOW_CONTEXT never
\pset null '(null)'

-- nobody, to begin with
SELECT wrk.tenant_id(), wrk.user_id(), wrk.session_id(), wrk.roles(), wrk.has_role('ops'), wrk.identity();

-- a service vouches for somebody, for one transaction
SET ROLE regress_service;
BEGIN;
SELECT wrk.impersonate('acme', 'u1', '{client,ops}') - 'actor' AS identity;
SELECT wrk.tenant_id(), wrk.user_id(), wrk.roles(), wrk.has_role('ops'), wrk.has_role('op'), wrk.has_role('');
COMMIT;
SELECT wrk.tenant_id();
BEGIN;
SELECT wrk.impersonate('acme', NULL) -> 'user_id' AS a_service_has_no_user;
SELECT wrk.tenant_id(), wrk.user_id(), wrk.roles();
ROLLBACK;
SELECT wrk.tenant_id();

-- it follows savepoints, RESET gives it up, and the tenant is pinned
BEGIN;
SAVEPOINT a;
SELECT wrk.impersonate('acme', 'u1') ->> 'tenant_id' AS tenant;
ROLLBACK TO a;
SELECT wrk.tenant_id() AS nobody_after_rollback;
SELECT wrk.impersonate('acme', 'u2') ->> 'user_id' AS another_user_of_the_tenant;
RESET wrk_copilot.identity;
SELECT wrk.tenant_id() AS nobody_after_reset;
SELECT wrk.impersonate('globex', 'u1');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
SELECT wrk.impersonate('globex', 'u1') ->> 'tenant_id' AS next_transaction_is_free;
RESET ALL;
SELECT wrk.tenant_id() AS nobody_after_reset_all;
COMMIT;

-- function scope does not cut it short
CREATE FUNCTION pg_temp.become() RETURNS text LANGUAGE sql SET work_mem = '1MB'
AS $$ SELECT wrk.impersonate('acme', 'u1') ->> 'tenant_id' $$;
BEGIN;
SELECT pg_temp.become(), wrk.tenant_id();
SELECT wrk.tenant_id() AS still_there;
COMMIT;

-- refused: what is not an identity
SELECT wrk.impersonate(NULL, 'u1');
SELECT wrk.impersonate('', 'u1');
SELECT wrk.impersonate('acme:project', 'u1');
SELECT wrk.impersonate(E'acme\x1fglobex', 'u1');
SELECT wrk.impersonate('acme', E'u1\x1f');
SELECT wrk.impersonate('acme', 'u1', ARRAY[E'client\x1fadmin']);
SELECT wrk.impersonate('acme', 'u1', ARRAY['client', NULL]);
SELECT wrk.impersonate('acme', 'u1', ARRAY(SELECT 'r' || i FROM generate_series(1, 65) i));
SELECT wrk.impersonate(repeat('a', 129), 'u1');
SELECT wrk.impersonate('acme', repeat('u', 9000));
RESET ROLE;

-- refused: a member cannot vouch, even if somebody grants the function
SET ROLE regress_member;
SELECT wrk.impersonate('acme', 'u1');
RESET ROLE;
GRANT EXECUTE ON FUNCTION wrk.impersonate(text, text, text[]) TO regress_member;
SET ROLE regress_member;
SELECT wrk.impersonate('acme', 'u1');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION wrk.impersonate(text, text, text[]) FROM regress_member;

-- refused: every other way to set the setting, for the superuser too
SET wrk_copilot.identity = 'acme';
\echo :LAST_ERROR_SQLSTATE
SET LOCAL wrk_copilot.identity = 'acme';
SELECT set_config('wrk_copilot.identity', E'jwt\x1f\x1f0\x1facme\x1fu1\x1f', false);
ALTER SYSTEM SET wrk_copilot.identity = 'acme';
ALTER ROLE regress_member SET wrk_copilot.identity = 'acme';
ALTER DATABASE contrib_regression SET wrk_copilot.identity = 'acme';
CREATE FUNCTION pg_temp.forge() RETURNS text LANGUAGE sql SET wrk_copilot.identity = 'acme'
AS $$ SELECT wrk.tenant_id() $$;
BEGIN;
SELECT wrk.impersonate('acme', 'u1') ->> 'tenant_id' AS tenant;
-- nor may a function remember it
CREATE FUNCTION public.forge() RETURNS text LANGUAGE sql SET wrk_copilot.identity FROM CURRENT
AS $$ SELECT wrk.tenant_id() $$;
ROLLBACK;
BEGIN;
SELECT wrk.impersonate('acme', 'u1') ->> 'tenant_id' AS tenant;
SELECT set_config('wrk_copilot.identity', current_setting('wrk_copilot.identity'), false);
ROLLBACK;
SELECT wrk.tenant_id();

-- no rows past the end of the transaction
BEGIN;
SELECT wrk.impersonate('acme', 'u1') ->> 'tenant_id' AS tenant;
DECLARE c CURSOR WITH HOLD FOR SELECT wrk.tenant_id();
ROLLBACK;
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT wrk.tenant_id();
SELECT wrk.impersonate('acme', 'u1');
ROLLBACK;
-- nor behind a function that hides the identity for a while
CREATE FUNCTION pg_temp.hide() RETURNS void LANGUAGE plpgsql SET wrk_copilot.identity = ''
AS $$ BEGIN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT wrk.tenant_id()'; END $$;
BEGIN;
SELECT wrk.impersonate('acme', 'u1') ->> 'tenant_id' AS tenant;
SELECT pg_temp.hide();
ROLLBACK;
-- the same in a session that had not loaded the library when the cursor was declared
\c -
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT current_setting('wrk_copilot.identity', true);
SELECT wrk.impersonate('acme', 'u1');
ROLLBACK;

-- parallel workers know it too
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TABLE regress_parallel AS SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END AS t
FROM generate_series(1, 1000) i;
ALTER TABLE regress_parallel SET (parallel_workers = 2);
BEGIN;
SELECT wrk.impersonate('acme', 'u1') ->> 'tenant_id' AS tenant;
EXPLAIN (COSTS OFF) SELECT count(*) FROM regress_parallel WHERE t = wrk.tenant_id();
SELECT count(*) FROM regress_parallel WHERE t = wrk.tenant_id();
SET LOCAL force_parallel_mode = on;
SELECT wrk.tenant_id(), wrk.roles();
COMMIT;
-- setting it is no work for parallel plans, which may change no setting
BEGIN;
SET LOCAL force_parallel_mode = on;
SELECT wrk.impersonate('acme', 'u1') ->> 'tenant_id' AS tenant;
COMMIT;
DROP TABLE regress_parallel;

-- prepared statements are evaluated anew
PREPARE who AS SELECT wrk.tenant_id();
BEGIN;
SELECT wrk.impersonate('acme', 'u1') ->> 'tenant_id' AS tenant;
EXECUTE who;
COMMIT;
EXECUTE who;
BEGIN;
SELECT wrk.impersonate('globex', 'u1') ->> 'tenant_id' AS tenant;
EXECUTE who;
COMMIT;

-- shown to policies written for PostgREST if the DBA wants it; never read, so forging it is idle
SET ROLE regress_member;
SET wrk_copilot.mirror_claims = on;
RESET ROLE;
SET wrk_copilot.mirror_claims = on;
SET ROLE regress_service;
BEGIN;
SELECT wrk.impersonate('acme', 'u1', '{client}') ->> 'tenant_id' AS tenant;
SELECT current_setting('request.jwt.claims');
SET LOCAL request.jwt.claims = '{"tenant_id": "globex", "sub": "u2"}';
SELECT wrk.tenant_id(), wrk.user_id();
COMMIT;
SELECT current_setting('request.jwt.claims') AS gone_with_the_transaction;
RESET ROLE;
SET wrk_copilot.mirror_claims = off;
BEGIN;
SELECT wrk.impersonate('acme', 'u1') ->> 'tenant_id' AS tenant;
SELECT current_setting('request.jwt.claims') AS off;
COMMIT;

-- that somebody was impersonated is a fact, each time; in a transaction that only reads, of the server's log alone
SELECT coalesce(max(id), 0) AS start FROM wrk.audit_log \gset
SELECT coalesce(max(id), 0) AS event FROM wrk.event \gset
SET ROLE regress_service;
BEGIN;
SELECT wrk.impersonate('acme', 'u1', '{client,ops}') ->> 'user_id' AS who;
SELECT wrk.impersonate('acme', NULL) ->> 'user_id' AS who;
COMMIT;
BEGIN READ ONLY;
SELECT wrk.impersonate('acme', 'reader') ->> 'user_id' AS who;
COMMIT;
BEGIN;
SELECT wrk.impersonate('acme', repeat('u', 600)) IS NOT NULL AS long;
COMMIT;
BEGIN;
SELECT wrk.impersonate('acme', 'undone') ->> 'user_id' AS who;
ROLLBACK;
RESET ROLE;
BEGIN;
SET LOCAL ROLE regress_member;
SELECT wrk.impersonate('acme', 'u1');
ROLLBACK;
SELECT tenant_id, left(user_id, 8) AS user_id, roles, via, actor = session_user AS actor, op, action, resource_type, resource_id, metadata
FROM wrk.audit_log WHERE id > :start AND tenant_id = 'acme' ORDER BY id;
-- and nobody is told
SELECT count(*) FROM wrk.event WHERE id > :event;

DROP ROLE regress_service, regress_member;
