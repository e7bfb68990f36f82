-- An API key stands for its tenant, user and roles until it is revoked or expires.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
CREATE ROLE regress_service LOGIN IN ROLE wrk_service;
CREATE ROLE regress_member LOGIN IN ROLE wrk_member;
\set SHOW_CONTEXT never

SET ROLE regress_service;
SELECT wrk.api_key_create('acme', 'robot', '{ops}', 'test') AS key \gset
SELECT :'key' ~ '^wrk_test_[0-9a-f]{16}_[0-9a-f]{64}$' AS looks_like_a_key, split_part(:'key', '_', 3) AS id \gset
SELECT :'looks_like_a_key' AS looks_like_a_key;
SELECT wrk.api_key_create('acme', 'robot', env => 'a_b');
SELECT wrk.api_key_create(NULL, 'robot');
-- nobody reads the table, services included
SELECT count(*) FROM wrk.api_key;

SET ROLE regress_member;
SELECT count(*) FROM wrk.api_key;
SELECT wrk.api_key_create('acme', 'robot');
BEGIN;
SELECT wrk.authenticate(:'key') - 'actor' AS identity;
SELECT wrk.tenant_id(), wrk.user_id(), wrk.has_role('ops');
COMMIT;

-- one answer for whatever is wrong with it
SELECT wrk.authenticate(:'key' || '0');
SELECT wrk.authenticate('wrk_live_' || :'id' || '_' || split_part(:'key', '_', 4));
SELECT wrk.authenticate('wrk_test_0000000000000000_' || split_part(:'key', '_', 4));
SELECT wrk.authenticate('wrk_test_' || :'id' || '_');
SELECT wrk.authenticate('wrk_test');
SELECT wrk.authenticate('wrk___');
SELECT wrk.authenticate('wrk_test_' || repeat('x', 1000) || '_y');
SELECT wrk.authenticate(NULL);

RESET ROLE;
SELECT set_config('regress.key', :'key', false) <> '' AS kept;
SELECT encode(secret_sha256, 'hex') = encode(sha256(convert_to(split_part(:'key', '_', 4), 'UTF8')), 'hex')
	AS only_the_hash_is_kept FROM wrk.api_key WHERE id = :'id';
UPDATE wrk.api_key SET expires_at = now() - interval '1 day' WHERE id = :'id';
DO $$ BEGIN PERFORM wrk.authenticate(current_setting('regress.key')); EXCEPTION WHEN SQLSTATE 'WK4E1' THEN RAISE WARNING 'expired'; END $$;
UPDATE wrk.api_key SET expires_at = NULL WHERE id = :'id';
SET ROLE regress_service;
SELECT wrk.api_key_revoke(:'id'), wrk.api_key_revoke(:'id') AS again, wrk.api_key_revoke('none');
SELECT wrk.authenticate(:'key');
RESET ROLE;

-- made and revoked are facts of its tenant, by whom, without secret or hash
SET ROLE regress_service;
SELECT split_part(wrk.api_key_create('globex', 'gil', '{ops,client}', expires_at => '2099-01-01 UTC', label => repeat('x', 300)), '_', 3) AS other \gset
RESET ROLE;
SELECT l.action, l.tenant_id, l.resource_type, l.resource_id IN (:'id', :'other') AS named, l.user_id, l.db_user = session_user AS by,
	replace(l.metadata::text, repeat('x', 200), '200 x') AS metadata
FROM wrk.audit_log l WHERE l.resource_id IN (:'id', :'other') ORDER BY l.id;
SELECT count(*) FROM wrk.audit_log l WHERE to_jsonb(l)::text ~ (split_part(:'key', '_', 4) || '|'
	|| encode(sha256(convert_to(split_part(:'key', '_', 4), 'UTF8')), 'hex'));
-- what is refused is not a fact
SELECT count(*) FROM wrk.audit_log l WHERE l.action LIKE 'api\_key.%' AND l.metadata ->> 'env' = 'a_b';
-- a key that was put there for a tenant that cannot be can be revoked
INSERT INTO wrk.api_key (id, env, secret_sha256, tenant_id) VALUES ('odd', 'live', sha256('x'), 'a:b');
SELECT wrk.api_key_revoke('odd');
SELECT tenant_id, action FROM wrk.audit_log WHERE resource_id = 'odd';

-- rotation: a new secret, the one before for the overlap, older ones no more
SELECT wrk.api_key_create('acme', NULL, '{ops}', 'test') AS first \gset
SELECT split_part(:'first', '_', 3) AS id \gset
CREATE FUNCTION pg_temp.fits(key text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN wrk.authenticate(key) ->> 'tenant_id';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT wrk.api_key_rotate(:'id') AS second \gset
SELECT pg_temp.fits(:'first'), pg_temp.fits(:'second'), :'first' = :'second' AS same;
SELECT wrk.api_key_rotate(:'id', '1 hour') AS third \gset
SELECT pg_temp.fits(:'first'), pg_temp.fits(:'second'), pg_temp.fits(:'third');
SELECT wrk.api_key_rotate(:'id', '0') AS fourth \gset
SELECT pg_temp.fits(:'third'), pg_temp.fits(:'fourth');
SELECT wrk.api_key_rotate(:'id', '31 days');
SELECT wrk.api_key_rotate(:'id', '-1 s');
SELECT wrk.api_key_rotate('none');
SELECT wrk.api_key_revoke(:'id');
SELECT pg_temp.fits(:'fourth');
SELECT set_config('regress.id', :'id', false) <> '' AS kept;
DO $$ BEGIN PERFORM wrk.api_key_rotate(current_setting('regress.id')); EXCEPTION WHEN SQLSTATE 'WK404' THEN RAISE WARNING 'nothing to rotate'; END $$;
SET ROLE regress_member;
SELECT wrk.api_key_rotate(:'id');
RESET ROLE;

-- when it was last used: to the minute, and not where writing it down could fail
SELECT wrk.api_key_create('acme', NULL, '{ops}', 'test') AS used \gset
SELECT split_part(:'used', '_', 3) AS id \gset
SELECT last_used_at IS NULL AS never FROM wrk.api_key_use WHERE id = :'id';
BEGIN READ ONLY;
SELECT pg_temp.fits(:'used');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.fits(:'used');
COMMIT;
SELECT last_used_at IS NULL AS never FROM wrk.api_key_use WHERE id = :'id';
SELECT pg_temp.fits(:'used');
SELECT last_used_at > now() - interval '1 minute' AS just_now, xmin AS stamp FROM wrk.api_key_use WHERE id = :'id' \gset
SELECT :'just_now' AS just_now;
SELECT pg_temp.fits(:'used');
SELECT xmin = :'stamp' AS not_again_within_a_minute FROM wrk.api_key_use WHERE id = :'id';
UPDATE wrk.api_key_use SET last_used_at = now() - interval '61 s' WHERE id = :'id';
SELECT pg_temp.fits(:'used');
SELECT last_used_at > now() - interval '1 minute' AS again FROM wrk.api_key_use WHERE id = :'id';

-- scopes: these calls and nothing else, by whatever way
SELECT wrk.api_key_create('acme', NULL, scopes => '{}');
SELECT s, wrk.api_key_scopes_valid(ARRAY[s]) FROM unnest(ARRAY['task.create', 'task.*', 'a.b.*', '*', 'task', 'task.', '*.task', 'task*', 'Task.create', 'task.create; DROP', 'a b', '']) s;
SELECT wrk.api_key_create('acme', NULL, scopes => '{NULL}');
SELECT wrk.api_key_create('acme', NULL, scopes => array_fill('a.b'::text, '{101}'));
CREATE TABLE public.regress_thing (tenant_id text NOT NULL, id int, PRIMARY KEY (tenant_id, id));
INSERT INTO public.regress_thing VALUES ('acme', 1), ('globex', 2);
GRANT SELECT, INSERT ON public.regress_thing TO wrk_member;
SELECT wrk.enable_tenancy('public.regress_thing');
CREATE FUNCTION public.regress_count(params jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT jsonb_build_object(''n'', count(*)) FROM public.regress_thing';
CREATE FUNCTION public.regress_nested(params jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		RETURN (SELECT result FROM wrk.rpc_call(params ->> 'method'));
	EXCEPTION WHEN SQLSTATE 'WK403' THEN
		RETURN jsonb_build_object('refused', SQLERRM, 'but', (SELECT result FROM wrk.rpc_call('regress.count')));
	END;
END $$;
CREATE FUNCTION public.regress_fail(params jsonb) RETURNS jsonb LANGUAGE plpgsql AS 'BEGIN RAISE ''it fails''; END';
INSERT INTO wrk.rpc (method, function) VALUES ('regress.count', 'public.regress_count(jsonb)'), ('regress.nested', 'public.regress_nested(jsonb)'),
	('regress.fail', 'public.regress_fail(jsonb)'), ('regression.count', 'public.regress_count(jsonb)');
SELECT wrk.api_key_create('acme', 'robot', '{ops}', 'test', scopes => '{regress.*}') AS scoped \gset
SELECT wrk.api_key_create('acme', 'robot', '{ops}', 'test', scopes => '{regress.count,other.*}') AS narrow \gset
SELECT wrk.api_key_create('acme', 'robot', '{ops}', 'test', scopes => '{*}') AS calls \gset
BEGIN;
SELECT wrk.authenticate(:'scoped') - 'actor';
SET LOCAL ROLE wrk_member;
SELECT result FROM wrk.rpc_call('regress.count');
SELECT result FROM wrk.rpc_call('regress.count', key => 'k');
SELECT result FROM wrk.rpc_call('regress.count', key => 'k');
-- the function itself, its table, the readers: nothing
SAVEPOINT s;
SELECT public.regress_count('{}');
ROLLBACK TO s;
SELECT * FROM public.regress_thing;
ROLLBACK TO s;
INSERT INTO public.regress_thing (id) VALUES (3);
ROLLBACK TO s;
SELECT wrk.tenant_id();
ROLLBACK TO s;
SELECT wrk.has_role('ops');
ROLLBACK TO s;
SELECT wrk.can('read', 'project');
ROLLBACK TO s;
SELECT wrk.identity();
ROLLBACK TO s;
SELECT wrk.channel_resolve('tenant:acme');
ROLLBACK TO s;
SELECT wrk.rpc_call('regression.count');
ROLLBACK TO s;
SELECT wrk.rpc_call('no.such');
ROLLBACK TO s;
SELECT wrk.rpc_enter('regress.count');
ROLLBACK TO s;
-- nor what a failed call leaves behind
SELECT wrk.rpc_call('regress.fail');
ROLLBACK TO s;
SELECT wrk.tenant_id();
ROLLBACK TO s;
DO $$ BEGIN PERFORM wrk.rpc_call('regress.fail'); EXCEPTION WHEN OTHERS THEN RAISE WARNING 'in here: %', SQLERRM; END $$;
SELECT wrk.tenant_id();
ROLLBACK TO s;
-- calls within calls are measured alike
SELECT result FROM wrk.rpc_call('regress.nested', '{"method": "regress.count"}');
SELECT result FROM wrk.rpc_call('regress.nested', '{"method": "regression.count"}');
SELECT wrk.tenant_id();
ROLLBACK;
BEGIN;
SELECT wrk.authenticate(:'narrow') ->> 'scopes';
SELECT result FROM wrk.rpc_call('regress.count');
SAVEPOINT s;
SELECT wrk.rpc_call('regress.nested', '{"method": "regress.count"}');
ROLLBACK;
BEGIN;
SELECT wrk.authenticate(:'calls') ->> 'scopes';
SELECT result FROM wrk.rpc_call('regression.count');
SELECT wrk.tenant_id();
ROLLBACK;
-- what shows claims to others shows none of it
SET wrk_copilot.mirror_claims = on;
BEGIN;
SELECT wrk.impersonate('acme', 'robot', '{ops}') IS NULL, current_setting('request.jwt.claims')::jsonb ->> 'sub';
SELECT wrk.authenticate(:'scoped') IS NULL, current_setting('request.jwt.claims');
ROLLBACK;
RESET wrk_copilot.mirror_claims;
-- a gateway lets it make its calls and hear nothing
SELECT wrk.gateway_open(:'scoped') -> 'channels', wrk.gateway_open(:'scoped') -> 'audience';
SELECT result FROM wrk.gateway_call(:'scoped', 'regress.count', '{}');
SELECT wrk.gateway_call(:'scoped', 'regression.count', '{}');
SELECT wrk.gateway_subscribe(:'scoped', 'tenant:acme');

-- an answer that is kept is for who got it: not for another key of the tenant, nor for the same person with other roles
CREATE FUNCTION public.regress_who(params jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT to_jsonb(wrk.roles())';
INSERT INTO wrk.rpc (method, function) VALUES ('regress.who', 'public.regress_who(jsonb)');
SELECT wrk.api_key_create('acme', NULL, '{ops}') AS wide, wrk.api_key_create('acme', NULL, '{qa}') AS other \gset
CREATE FUNCTION pg_temp.who(credential text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrk.authenticate(credential);
	RETURN (SELECT result FROM wrk.rpc_call('regress.who', key => 'mine'));
END $$;
SELECT pg_temp.who(:'wide');
SELECT pg_temp.who(:'other');
SELECT pg_temp.who(:'wide');
CREATE FUNCTION pg_temp.as_robot(roles text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrk.impersonate('acme', 'robot', roles);
	RETURN (SELECT result FROM wrk.rpc_call('regress.who', key => 'mine'));
END $$;
SELECT pg_temp.as_robot('{ops,qa}');
SELECT pg_temp.as_robot('{qa,ops}');
SELECT pg_temp.as_robot('{qa}');
DROP FUNCTION public.regress_who(jsonb);

DELETE FROM wrk.rpc WHERE method ~ '^regress';
DELETE FROM wrk.rpc_key;
DROP TABLE public.regress_thing;
DROP FUNCTION public.regress_count, public.regress_nested, public.regress_fail;
DELETE FROM wrk.api_key;
DROP ROLE regress_service, regress_member;
