-- Rights that are taken away: who is told, and what nobody else sees of it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
CREATE ROLE regress_service LOGIN IN ROLE wrk_service;
CREATE ROLE regress_member LOGIN IN ROLE wrk_member;
CREATE ROLE regress_owner LOGIN IN ROLE wrk_service;
CREATE SCHEMA regress_access AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA regress_access TO wrk_member;
\set SHOW_CONTEXT never

-- what a gateway is told that was not told before it looked last
CREATE TEMP TABLE looked (at pg_snapshot);
INSERT INTO looked VALUES (pg_current_snapshot());
CREATE FUNCTION pg_temp.told() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT payload FROM wrk.gateway_fetch((SELECT at FROM looked)::text) WHERE class = 'x' ORDER BY 1;
	UPDATE looked SET at = pg_current_snapshot();
END $$;
SELECT * FROM pg_temp.told();

-- ---------- saying it ----------

SELECT wrk.access_changed('acme', users => '{ann,""}', sessions => '{s1}', channels => '{tenant:acme:project:1}');
SELECT * FROM pg_temp.told();
SELECT wrk.access_changed('acme');
SELECT wrk.access_changed(NULL, sessions => '{s1}');
SELECT wrk.access_changed(NULL);
SELECT * FROM pg_temp.told();
-- nobody is not everybody
SELECT wrk.access_changed('acme', users => '{}');
SELECT * FROM pg_temp.told();
-- names that could mean something else, or nothing
SELECT wrk.access_changed('acme', channels => '{project:1}');
SELECT wrk.access_changed('acme', channels => '{tenant:globex:project:1}');
SELECT wrk.access_changed('acme', channels => '{tenant:acmeother}');
SELECT wrk.access_changed('acme', users => ARRAY[E'an\x1fn']);
SELECT wrk.access_changed('acme', users => ARRAY[repeat('x', 1025)]);
SELECT wrk.access_changed('acme', users => '{NULL}');
SELECT wrk.access_changed('a:b');
SELECT wrk.access_changed(NULL, users => '{ann}');
SELECT wrk.access_changed(NULL, channels => '{global}');
SELECT * FROM pg_temp.told();
-- not for end users, also when somebody grants it to them
SET ROLE regress_member;
SELECT wrk.access_changed('acme');
RESET ROLE;
GRANT EXECUTE ON FUNCTION wrk.access_changed(text, text[], text[], text[]) TO regress_member;
SET ROLE regress_member;
SELECT wrk.access_changed('acme');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION wrk.access_changed(text, text[], text[], text[]) FROM regress_member;
SET ROLE regress_service;
SELECT wrk.access_changed('acme', '{by a service}');
RESET ROLE;
SELECT * FROM pg_temp.told();

-- ---------- once, and together ----------

BEGIN;
SELECT wrk.access_changed('acme', '{ann,bob}');
SELECT wrk.access_changed('acme', '{bob,cid,cid}');
SELECT wrk.access_changed('globex', '{ann}');
SELECT wrk.access_changed('acme');
SELECT wrk.access_changed('acme', '{dan}');
COMMIT;
SELECT * FROM pg_temp.told();
-- what a savepoint took back is told when it happens again
BEGIN;
SAVEPOINT one;
SELECT wrk.access_changed('acme', '{ann}');
ROLLBACK TO one;
SELECT wrk.access_changed('acme', '{ann}');
SAVEPOINT two;
SELECT wrk.access_changed('acme', '{bob}');
RELEASE two;
SELECT wrk.access_changed('acme', '{bob}');
SAVEPOINT three;
SELECT wrk.access_changed('acme');
ROLLBACK TO three;
SELECT wrk.access_changed('acme', '{cid}');
COMMIT;
SELECT * FROM pg_temp.told();
BEGIN;
SELECT wrk.access_changed('acme', '{ann}');
ROLLBACK;
SELECT * FROM pg_temp.told();
-- many of a tenant are the tenant, many tenants are everybody
SELECT count(wrk.access_changed('acme', ARRAY['u' || i])) FROM generate_series(1, 100) i;
SELECT count(*) FROM pg_temp.told();
SELECT count(wrk.access_changed('acme', ARRAY['u' || i])) FROM generate_series(1, 101) i;
SELECT * FROM (SELECT pg_temp.told() AS told) t WHERE told NOT LIKE '%users%';
SELECT wrk.access_changed('acme', (SELECT array_agg('u' || i) FROM generate_series(1, 101) i));
SELECT * FROM pg_temp.told();
SELECT count(wrk.access_changed('t' || i, '{ann}')) FROM generate_series(1, 101) i;
SELECT * FROM (SELECT pg_temp.told() AS told) t WHERE told NOT LIKE '%users%';
SELECT count(wrk.access_changed('t' || i)) FROM generate_series(1, 101) i;
SELECT * FROM (SELECT pg_temp.told() AS told) t WHERE told NOT LIKE '%tenant%';
SELECT wrk.access_changed(NULL, sessions => (SELECT array_agg('s' || i) FROM generate_series(1, 101) i));
SELECT * FROM pg_temp.told();

-- ---------- before anything else, and for nobody else ----------

SELECT pg_current_snapshot()::text AS start \gset
BEGIN;
SELECT wrk.emit('first.thing', '{}', '{tenant:acme}', tenant_id => 'acme') AS id \gset
SELECT wrk.access_changed('acme', '{ann}');
SELECT wrk.emit('second.thing', '{}', '{tenant:acme}', tenant_id => 'acme') AS id \gset
COMMIT;
SELECT wrk.emit('third.thing', '{}', '{tenant:acme}', tenant_id => 'acme') AS id \gset
SELECT wrk.access_changed('acme', '{bob}');
-- all with the first page, however small it is
SELECT type, class FROM wrk.gateway_fetch(:'start', NULL, 0, 1);
SELECT type, class, payload FROM wrk.gateway_fetch(:'start', NULL, 0, 1) WHERE id IS NOT NULL;
SELECT id AS after, (SELECT payload FROM wrk.gateway_fetch(:'start', NULL, 0, 1) WHERE type = 'position') AS upto
FROM wrk.gateway_fetch(:'start', NULL, 0, 1) WHERE type = 'first.thing' \gset
SELECT type, class FROM wrk.gateway_fetch(:'start', :'upto', :after, 1);
SELECT type, class FROM wrk.gateway_fetch(:'start', :'upto', :after, 10);
-- with later pages what came since the one before, though it is behind the page's end
SELECT key AS known FROM wrk.gateway_fetch(:'start', :'upto', :after, 1) WHERE type = 'position' \gset
SELECT wrk.access_changed('acme', '{eve}');
SELECT wrk.emit('late.thing', '{}', '{tenant:acme}', tenant_id => 'acme') AS id \gset
SELECT type, class, CASE class WHEN 'x' THEN payload END AS control
FROM wrk.gateway_fetch(:'start', :'upto', :after, 10, :'known');
SELECT key AS known FROM wrk.gateway_fetch(:'start', :'upto', :after, 1, :'known') WHERE type = 'position' \gset
SELECT type, class FROM wrk.gateway_fetch(:'start', :'upto', :after, 10, :'known');
-- and again with the next first page
SELECT type, class, CASE class WHEN 'x' THEN payload END AS control FROM wrk.gateway_fetch(:'upto') WHERE id IS NOT NULL;
-- not in what others read
SELECT type FROM wrk.event_since(:'start') ORDER BY id;
SELECT type FROM wrk.event_since(:'start', control => true, after_id => :after) ORDER BY id;
SELECT type, channels, audience FROM wrk.event_since(:'start', control => true) WHERE class = 'x';
SELECT type FROM wrk.event_since(:'start', channel => '');
SET ROLE regress_member;
SELECT count(*) FROM wrk.event;
SELECT * FROM wrk.event_since(:'start', control => true);
RESET ROLE;
-- nobody makes one by hand
SELECT wrk.emit('access.changed', '{}', '{tenant:acme}', class => 'x', tenant_id => 'acme');
SELECT wrk.emit('access.changed', '{}', '{tenant:acme}', class => 'control', tenant_id => 'acme');
SELECT wrk.emit('access.changed', '{"all": true}', '{tenant:acme}', tenant_id => 'acme') AS id \gset
SELECT class FROM wrk.event WHERE id = :id;
-- much of it is told as all of the tenant, and nobody else has to wait for that
DO $$ BEGIN FOR i IN 1 .. 1002 LOOP PERFORM wrk.access_changed('acme', ARRAY['u' || i]); COMMIT; END LOOP; END $$;
SELECT payload FROM wrk.gateway_fetch(:'start') WHERE class = 'x' ORDER BY id OFFSET 1000;
SELECT wrk.access_changed('globex', '{ann}');
SELECT payload FROM wrk.gateway_fetch(:'start') WHERE class = 'x' ORDER BY id OFFSET 1000;
-- what is of no tenant, or of very many, is everybody's
SELECT wrk.access_changed(NULL, sessions => '{s}');
SELECT wrk.access_changed(NULL, sessions => '{s2}');
SELECT payload FROM wrk.gateway_fetch(:'start') WHERE class = 'x' ORDER BY id OFFSET 1000;
DO $$ BEGIN FOR i IN 1 .. 1000 LOOP PERFORM wrk.access_changed('t' || i, '{ann}'); COMMIT; END LOOP; END $$;
SELECT count(*), count(*) FILTER (WHERE payload = '{"all": true}') FROM wrk.gateway_fetch(:'start') WHERE class = 'x';
SELECT count(*) FROM pg_temp.told();

-- ---------- tables whose rows give rights ----------

SET ROLE regress_owner;
CREATE TABLE regress_access.member (tenant_id text NOT NULL, project_id text, user_id text, note text,
	id int, PRIMARY KEY (tenant_id, id));
GRANT SELECT, INSERT, UPDATE, DELETE ON regress_access.member TO wrk_member;
SELECT wrk.enable_access('regress_access.member', 'user_id', 'project:{project_id}');
SELECT wrk.access_config('regress_access.member');
INSERT INTO regress_access.member VALUES ('acme', 'p1', 'ann', '', 1), ('acme', 'p2', 'bob', '', 2), ('acme', NULL, 'cid', '', 3),
	('acme', 'p4', NULL, '', 4), ('acme', 'p5', '', '', 5), ('globex', 'p1', 'ann', '', 6);
RESET ROLE;
SELECT * FROM pg_temp.told();
UPDATE regress_access.member SET note = 'x';
SELECT * FROM pg_temp.told();
UPDATE regress_access.member SET user_id = 'eve', project_id = 'p9' WHERE id = 1;
SELECT * FROM pg_temp.told();
DELETE FROM regress_access.member WHERE id = 2;
SELECT * FROM pg_temp.told();
-- what is NULL may be anybody
DELETE FROM regress_access.member WHERE id = 3;
SELECT * FROM pg_temp.told();
DELETE FROM regress_access.member WHERE id = 4;
SELECT * FROM pg_temp.told();
DELETE FROM regress_access.member WHERE id = 5;
SELECT * FROM pg_temp.told();
TRUNCATE regress_access.member;
SELECT * FROM pg_temp.told();
-- said again: only the channel, another column, insertion as well
SET ROLE regress_owner;
SELECT wrk.enable_access('regress_access.member', NULL, 'entity:thing:{id}', '{note}', true);
INSERT INTO regress_access.member VALUES ('acme', 'p1', 'ann', '', 1);
RESET ROLE;
SELECT * FROM pg_temp.told();
UPDATE regress_access.member SET user_id = 'x';
SELECT * FROM pg_temp.told();
UPDATE regress_access.member SET note = 'x';
SELECT * FROM pg_temp.told();
SET ROLE regress_owner;
SELECT wrk.enable_access('regress_access.member');
UPDATE regress_access.member SET note = 'y';
RESET ROLE;
SELECT * FROM pg_temp.told();
-- a member of another tenant who may write there speaks for nobody else
SET ROLE regress_member;
UPDATE regress_access.member SET note = 'z';
RESET ROLE;
SELECT * FROM pg_temp.told();
-- what cannot be meant
SELECT wrk.enable_access('regress_access.member', 'nobody');
SELECT wrk.enable_access('regress_access.member', channel => 'project:{nothing}');
SELECT wrk.enable_access('regress_access.member', channel => 'project:{project_id');
SELECT wrk.enable_access('regress_access.member', channel => 'tenant:globex:project:{id}');
SELECT wrk.enable_access('regress_access.member', columns => '{nothing}');
SELECT wrk.enable_access('regress_access.member', tenant_column => 'project_id');
SELECT wrk.enable_access('regress_access.member', tenant_column => NULL);
SELECT wrk.enable_access('pg_catalog.pg_views');
SELECT wrk.enable_access(NULL);
SET ROLE regress_service;
SELECT wrk.enable_access('regress_access.member');
SELECT wrk.disable_access('regress_access.member');
SET ROLE regress_member;
SELECT wrk.enable_access('regress_access.member');
CREATE TEMP TABLE mine (tenant_id text);
CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION wrk.access_trigger();
CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION wrk.access_watch();
RESET ROLE;
-- a trigger that was not made by it says nothing
CREATE TRIGGER by_hand AFTER INSERT ON regress_access.member FOR EACH ROW EXECUTE FUNCTION wrk.access_trigger();
INSERT INTO regress_access.member VALUES ('acme', 'p1', 'ann', '', 7);
DROP TRIGGER by_hand ON regress_access.member;
CREATE TRIGGER by_hand BEFORE INSERT ON regress_access.member FOR EACH ROW EXECUTE FUNCTION wrk.access_trigger('{}');
INSERT INTO regress_access.member VALUES ('acme', 'p1', 'ann', '', 7);
DROP TRIGGER by_hand ON regress_access.member;
SELECT wrk.access_trigger();
-- switched off, and on record
ALTER TABLE regress_access.member DISABLE TRIGGER wrk_access;
SELECT name, detail FROM wrk.lint() WHERE name = 'trigger_disabled';
SET ROLE regress_owner;
SELECT wrk.disable_access('regress_access.member');
SELECT wrk.disable_access('regress_access.member');
RESET ROLE;
DELETE FROM regress_access.member;
SELECT * FROM pg_temp.told();
SELECT action, resource_id, metadata FROM wrk.audit_log ORDER BY id DESC LIMIT 1;

-- ---------- the engine's own tables ----------

SELECT wrk.session_revoke('s1', now() + interval '1 hour', 'acme');
SELECT wrk.session_revoke('s2', now() + interval '1 hour', NULL);
SELECT * FROM pg_temp.told();
SELECT wrk.suspend('acme', 'ann'), wrk.suspend('globex'), wrk.suspend('globex');
SELECT * FROM pg_temp.told();
-- what gives rights back needs nobody to be asked
SELECT wrk.unsuspend('acme', 'ann'), wrk.unsuspend('globex'), wrk.unsuspend('globex');
DELETE FROM wrk.revoked_session;
INSERT INTO wrk.role (name, bit) VALUES ('regress_a', 60), ('regress_b', 61);
INSERT INTO wrk.permission VALUES ('regress_a', 'read', 'project', 'member');
INSERT INTO wrk.membership VALUES ('acme', 'ann', 'project', 'p1', 'regress_a'), ('acme', 'bob', 'project', 'p1', 'regress_a');
INSERT INTO wrk.channel_rule VALUES ('regress:{id}', 'wrk.has_role(text)');
SELECT * FROM pg_temp.told();
DELETE FROM wrk.membership WHERE user_id = 'ann' AND resource_id = 'p1';
SELECT * FROM pg_temp.told();
UPDATE wrk.membership SET role = 'regress_b' WHERE user_id = 'bob';
SELECT * FROM pg_temp.told();
UPDATE wrk.permission SET scope = 'member' WHERE role = 'regress_a';
SELECT * FROM pg_temp.told();
UPDATE wrk.permission SET action = 'write' WHERE role = 'regress_a';
SELECT * FROM pg_temp.told();
UPDATE wrk.channel_rule SET description = description WHERE pattern = 'regress:{id}';
SELECT * FROM pg_temp.told();
DELETE FROM wrk.channel_rule WHERE pattern = 'regress:{id}';
SELECT * FROM pg_temp.told();
DELETE FROM wrk.role WHERE name IN ('regress_a', 'regress_b');
SELECT * FROM pg_temp.told();
TRUNCATE wrk.membership;
SELECT * FROM pg_temp.told();
-- keys
DELETE FROM wrk.api_key;
SELECT wrk.api_key_create('acme', NULL) AS key \gset
SELECT split_part(:'key', '_', 3) AS key_id \gset
SELECT * FROM pg_temp.told();
SELECT wrk.api_key_rotate(:'key_id') AS rotated \gset
SELECT replace(told, :'key_id', 'KEY') FROM pg_temp.told() told;
UPDATE wrk.api_key SET scopes = '{task.*}' WHERE id = :'key_id';
SELECT replace(told, :'key_id', 'KEY') FROM pg_temp.told() told;
SELECT wrk.api_key_revoke(:'key_id');
SELECT replace(told, :'key_id', 'KEY') FROM pg_temp.told() told;
DELETE FROM wrk.api_key WHERE id = :'key_id';
SELECT replace(told, :'key_id', 'KEY') FROM pg_temp.told() told;
SELECT wrk.jwt_key_import('{"kty": "oct", "kid": "regress", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"}');
SELECT wrk.jwt_key_import('{"kty": "oct", "kid": "regress", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"}');
SELECT * FROM pg_temp.told();
SELECT wrk.jwt_key_retire('regress');
SELECT * FROM pg_temp.told();
DELETE FROM wrk.jwt_key WHERE kid = 'regress';
SELECT * FROM pg_temp.told();
-- a row of a tenant that cannot connect can be removed
INSERT INTO wrk.membership SELECT 'a:b', 'ann', 'project', 'p1', name FROM wrk.role LIMIT 1;
DELETE FROM wrk.membership WHERE tenant_id = 'a:b';
SELECT * FROM pg_temp.told();

DROP TABLE regress_access.member, mine;
DROP SCHEMA regress_access;
DROP ROLE regress_service, regress_member, regress_owner;
