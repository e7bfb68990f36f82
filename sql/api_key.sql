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

DELETE FROM wrk.api_key;
DROP ROLE regress_service, regress_member;
