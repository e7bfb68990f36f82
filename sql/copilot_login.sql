-- Who is let in, for how long: what sessions, log-ins and invitations promise and refuse.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/regress/access.sql'
\set ECHO none
\i :setup
\set ECHO all

-- ---------- sessions ----------
SET ROLE regress_service;
SELECT copilot.session_begin(:'acme', :'ann_id', '{"agent": "Firefox", "address": "192.0.2.7"}') AS s \gset
SELECT regress.short(:'s'::jsonb), :'s'::jsonb ->> 'refresh_token' ~ '^wrs_[0-9a-f]{64}$' AS looks_right, :'s'::jsonb ->> 'access_token' AS a1, :'s'::jsonb ->> 'refresh_token' AS r1 \gset
\echo :short :looks_right
RESET ROLE;
SELECT regress.who(:'a1');
SELECT u.last_seen_at > now() - interval '1 minute' AS seen, tu.last_seen_at > now() - interval '1 minute' AS seen_here FROM copilot.users u JOIN copilot.tenant_users tu ON tu.user_id = u.id WHERE u.id = :'ann_id';
-- where else somebody works shows in nothing
SET ROLE wrk_member;
SELECT last_seen_at FROM copilot.users;
SELECT updated_at FROM copilot.users;
RESET ROLE;
-- nobody begins one where they do not work, nor for others; nobody reads a salt, a hash
SELECT copilot.session_begin(:'globex', :'ann_id'), copilot.session_begin(:'acme', NULL), copilot.session_begin(NULL, :'ann_id');
SELECT copilot.session_begin(:'acme', :'ann_id', '{"address": "here"}');
:ann
SELECT copilot.session_begin('a0000000-0000-4000-8000-000000000000', '00000000-0001-4000-8000-000000000001');
ROLLBACK;
:ann
SELECT copilot.session_refresh('x');
ROLLBACK;
:ada
SELECT refresh_salt FROM copilot.sessions;
ROLLBACK;
:ada
SELECT * FROM copilot.refresh_tokens;
ROLLBACK;
:ann
UPDATE copilot.sessions SET expires_at = 'infinity';
ROLLBACK;
:bob
SELECT count(*) FROM copilot.sessions;
ROLLBACK;
SELECT count(*) FROM copilot.refresh_tokens WHERE sha256 = sha256(convert_to(substr(:'r1', 5), 'UTF8'));
SELECT count(*) FROM copilot.refresh_tokens t, copilot.sessions s WHERE to_jsonb(t)::text || to_jsonb(s)::text LIKE '%' || substr(:'r1', 5) || '%';

-- an exchange; sent again it is answered alike; the token it gave goes on
SET ROLE regress_service;
SELECT copilot.session_refresh(:'r1') AS s \gset
SELECT copilot.session_refresh(:'r1') AS again \gset
SELECT :'s'::jsonb ->> 'refresh_token' AS r2, :'s'::jsonb ->> 'access_token' AS a2 \gset
SELECT :'r1' <> :'r2' AS rotated, :'again'::jsonb ->> 'refresh_token' = :'r2' AS alike, :'s'::jsonb ->> 'session_id' = :'again'::jsonb ->> 'session_id' AS same_session;
SELECT copilot.session_refresh(:'r2') ->> 'refresh_token' AS r3 \gset
-- guesses, other tokens and nonsense end nothing
SELECT copilot.session_refresh(x) FROM unnest(ARRAY['wrs_' || repeat('0', 64), 'wrs_', NULL, :'a2', upper(:'r3'), :'r3' || ' ']) x;
SELECT copilot.session_refresh(:'r3') ->> 'error' IS NULL AS still_good;
-- a used one is a copied one: the session is over, for whoever has a part of it
SELECT copilot.session_refresh(:'r1');
SELECT copilot.session_refresh(:'r3');
RESET ROLE;
SELECT regress.who(:'a2');
SELECT end_reason, ended_at IS NOT NULL FROM copilot.sessions;
SELECT action, tenant_id = :'acme' AS its_tenant, metadata ? 'used_at' FROM wrk.audit_log WHERE action LIKE 'session.%' AND tenant_id = :'acme' ORDER BY id;
SELECT type, channels = ARRAY['tenant:' || :'acme' || ':user:' || :'ann_id'] AS to_its_user, payload ->> 'reason' FROM wrk.event WHERE type LIKE 'session.%' ORDER BY id DESC LIMIT 1;
-- also when it comes late, though what it gave is not used yet
SELECT copilot.session_begin(:'acme', :'ann_id') ->> 'refresh_token' AS r1 \gset
SELECT copilot.session_refresh(:'r1') ->> 'refresh_token' AS r2 \gset
UPDATE copilot.refresh_tokens SET used_at = used_at - interval '11 s';
SELECT copilot.session_refresh(:'r1');
SELECT copilot.session_refresh(:'r2');
-- half an hour without a refresh, and thirty days with
SELECT copilot.session_begin(:'acme', :'ann_id') ->> 'refresh_token' AS idle, copilot.session_begin(:'acme', :'ann_id') ->> 'refresh_token' AS long \gset
UPDATE copilot.sessions SET last_used_at = now() - interval '29 minutes' WHERE ended_at IS NULL;
SELECT copilot.session_refresh(:'idle') ->> 'refresh_token' AS idle, copilot.session_refresh(:'long') ->> 'refresh_token' AS long \gset
UPDATE copilot.sessions SET last_used_at = now() - interval '31 minutes' WHERE id = (SELECT session_id FROM copilot.refresh_tokens WHERE sha256 = sha256(convert_to(substr(:'idle', 5), 'UTF8')));
UPDATE copilot.sessions SET expires_at = now() - interval '1 s' WHERE id = (SELECT session_id FROM copilot.refresh_tokens WHERE sha256 = sha256(convert_to(substr(:'long', 5), 'UTF8')));
SELECT copilot.session_refresh(:'idle'), copilot.session_refresh(:'long');
SELECT copilot.session_refresh(:'idle');
SELECT end_reason, count(*) FROM copilot.sessions GROUP BY 1 ORDER BY 1;

-- ---------- ending them ----------
SELECT copilot.session_begin(:'acme', :'ann_id', '{"agent": "phone"}') AS phone, copilot.session_begin(:'acme', :'ann_id', '{"agent": "laptop"}') AS laptop,
	copilot.session_begin(:'globex', :'gil_id') AS gils, copilot.session_begin(:'acme', :'otto_id') AS otto_acme, copilot.session_begin(:'globex', :'otto_id') AS otto_globex \gset
SELECT :'phone'::jsonb ->> 'access_token' AS phone_token, :'laptop'::jsonb ->> 'access_token' AS laptop_token, :'gils'::jsonb ->> 'access_token' AS gil_token,
	:'otto_acme'::jsonb ->> 'access_token' AS acme_token, :'otto_globex'::jsonb ->> 'access_token' AS globex_token \gset
CREATE FUNCTION regress.list(token text, params jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', s ->> 'client', CASE WHEN (s ->> 'current')::boolean THEN 'current' END), ', ') FROM jsonb_array_elements(regress.with(token, 'session.list', params)::jsonb -> 'sessions') s
$$;
SELECT regress.list(:'laptop_token');
SELECT regress.list(:'laptop_token', '{"limit": 1}');
SELECT regress.list(:'laptop_token', jsonb_build_object('user_id', :'otto_id'));
-- those of others, and of other tenants, are none
SELECT regress.with(:'laptop_token', 'session.end', jsonb_build_object('id', :'otto_acme'::jsonb ->> 'session_id'));
SELECT regress.with(:'gil_token', 'session.end', jsonb_build_object('id', :'laptop'::jsonb ->> 'session_id'));
SELECT regress.with(:'globex_token', 'session.end', jsonb_build_object('id', :'otto_acme'::jsonb ->> 'session_id'));
SELECT regress.with(:'laptop_token', 'session.end', jsonb_build_object('id', gen_random_uuid()));
SELECT regress.with(:'laptop_token', 'session.end', '{}');
SELECT regress.with(:'laptop_token', 'session.logout_all', jsonb_build_object('user_id', :'otto_id'));
-- one's own, from another device
SELECT regress.with(:'laptop_token', 'session.end', jsonb_build_object('id', :'phone'::jsonb ->> 'session_id'));
SELECT regress.with(:'laptop_token', 'session.end', jsonb_build_object('id', :'phone'::jsonb ->> 'session_id'));
SELECT regress.who(:'phone_token');
SELECT copilot.session_refresh(:'phone'::jsonb ->> 'refresh_token') ->> 'error';
-- the one in use
SELECT regress.with(:'laptop_token', 'session.logout');
SELECT regress.who(:'laptop_token');
-- everywhere in this tenant; a server does it in all
SELECT regress.with(:'acme_token', 'session.logout_all');
SELECT regress.who(:'acme_token');
SELECT regress.who(:'globex_token');
SELECT copilot.logout_everywhere(:'otto_id'), copilot.logout_everywhere(NULL);
SELECT regress.who(:'globex_token');
-- an admin ends those of anybody in the own tenant
SELECT copilot.session_begin(:'acme', :'ann_id') AS s \gset
:ada
SELECT regress.call('session.end', jsonb_build_object('id', :'gils'::jsonb ->> 'session_id'));
SELECT regress.call('session.logout_all', jsonb_build_object('user_id', :'gil_id'));
SELECT regress.call('session.end', jsonb_build_object('id', :'s'::jsonb ->> 'session_id'));
SELECT regress.call('session.logout');
COMMIT;
SELECT regress.who(:'s'::jsonb ->> 'access_token');
SELECT regress.who(:'gil_token');
-- a session of an identity provider ends as well
SELECT wrk.jwt_key_import('{"kty":"oct","kid":"provider","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}') \g /dev/null
SELECT wrk.jwt_sign(jsonb_build_object('sub', :'ann_id', 'tenant_id', :'acme', 'roles', '["client"]'::jsonb, 'sid', 'theirs', 'exp', extract(epoch FROM now() + interval '1 hour')::bigint),
	'{"kty":"oct","kid":"provider","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}') AS theirs \gset
SELECT regress.who(:'theirs');
SELECT regress.with(:'theirs', 'session.logout');
SELECT regress.who(:'theirs');
-- fifty at once; the oldest make room
SELECT count(copilot.session_begin(:'acme', :'ann_id')) FROM generate_series(1, 52);
SELECT end_reason, count(*) FROM copilot.sessions WHERE user_id = :'ann_id' AND end_reason IS DISTINCT FROM 'reuse' GROUP BY 1 ORDER BY 1;
SELECT copilot.logout_everywhere(:'ann_id');

-- a role that is taken is gone at once, without a new log-in
INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES (:'acme', :'ann_id', 'ops');
SELECT copilot.session_begin(:'acme', :'ann_id') AS s \gset
SELECT regress.who(:'s'::jsonb ->> 'access_token');
:ada
SELECT regress.call('role.revoke', jsonb_build_object('user_id', :'ann_id', 'role', 'ops'));
COMMIT;
SELECT regress.who(:'s'::jsonb ->> 'access_token');
SELECT copilot.session_refresh(:'s'::jsonb ->> 'refresh_token') AS s \gset
SELECT regress.who(:'s'::jsonb ->> 'access_token');
-- who leaves, and whose tenant closes, is out: sessions and the API keys that stand for them
SELECT wrk.api_key_create(:'acme', :'ann_id', '{client}') AS key, wrk.api_key_create(:'globex', :'ann_id') AS elsewhere, wrk.api_key_create(:'acme', NULL) AS of_tenant \gset
:ada
SELECT regress.call('member.deactivate', jsonb_build_object('user_id', :'ann_id', 'reason', 'Left the company'));
SELECT regress.call('member.deactivate', jsonb_build_object('user_id', :'ann_id', 'reason', 'Left the company'));
COMMIT;
SELECT regress.who(:'s'::jsonb ->> 'access_token');
SELECT copilot.session_refresh(:'s'::jsonb ->> 'refresh_token');
SELECT copilot.session_begin(:'acme', :'ann_id');
SELECT regress.who(:'key');
SELECT regress.who(:'of_tenant');
SELECT regress.who(:'elsewhere') LIKE 'api_key Globex%';
SELECT action, metadata FROM wrk.audit_log WHERE action LIKE 'member.%' ORDER BY id;
:ada
SELECT regress.call('member.activate', jsonb_build_object('user_id', :'ann_id'));
COMMIT;
SELECT copilot.session_begin(:'globex', :'otto_id') AS s \gset
BEGIN;
DELETE FROM copilot.messages WHERE tenant_id = :'globex';
DELETE FROM copilot.tenant_users WHERE tenant_id = :'globex' AND user_id = :'otto_id';
SELECT regress.who(:'s'::jsonb ->> 'access_token');
ROLLBACK;
SELECT regress.who(:'s'::jsonb ->> 'access_token');
SELECT copilot.session_begin(:'globex', :'gil_id') AS s \gset
UPDATE copilot.tenants SET status = 'suspended' WHERE id = :'globex';
SELECT regress.who(:'s'::jsonb ->> 'access_token');
SELECT copilot.session_begin(:'globex', :'gil_id');
UPDATE copilot.tenants SET status = 'active' WHERE id = :'globex';

-- ---------- passwords ----------
DROP EXTENSION IF EXISTS pgcrypto;
SELECT copilot.login_password('ann@example.com', 'x');
SELECT copilot.password_set(:'ann_id', 'correct horse battery');
CREATE SCHEMA regress_crypto;
CREATE EXTENSION pgcrypto SCHEMA regress_crypto;
SELECT copilot.password_set(:'ann_id', 'short');
SELECT copilot.password_set(:'ann_id', repeat('x', 73));
SELECT copilot.password_set(:'ann_id', 'ANN@example.com');
SELECT copilot.password_set(gen_random_uuid(), 'correct horse battery');
SELECT copilot.session_begin(:'acme', :'ann_id') AS before \gset
SET ROLE regress_service;
SELECT copilot.password_set(:'ann_id', 'correct horse battery');
SELECT copilot.password_set(:'otto_id', repeat('x', 72));
RESET ROLE;
SELECT regress.who(:'before'::jsonb ->> 'access_token');
SELECT hash ~ '^\$2a\$10\$.{53}$' FROM copilot.user_passwords;
SELECT count(*) FROM wrk.audit_log WHERE to_jsonb(audit_log)::text ~ 'correct horse|\$2a\$';
:ada
SELECT * FROM copilot.user_passwords;
ROLLBACK;
SET ROLE regress_service;
SELECT * FROM copilot.user_passwords;
SELECT copilot.login_password('ann@example.com', 'correct horse battery', client => '{"address": "192.0.2.7"}') AS s \gset
RESET ROLE;
SELECT regress.short(:'s'::jsonb);
SELECT regress.who(:'s'::jsonb ->> 'access_token');
-- one answer for whatever is wrong
SELECT copilot.login_password(email, password) FROM (VALUES ('ann@example.com', 'wrong'), ('nobody@example.com', 'wrong'), ('gil@example.com', 'has none'), ('', ''),
	('ann@example.com', 'correct horse battery '), ('ann@example.com', 'Correct horse battery'), ('otto@example.com', repeat('x', 73))) v (email, password);
-- ... in the time of one check, be it somebody's or not; the best of three
CREATE FUNCTION regress.fastest(person uuid) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE best double precision := 'infinity'; started timestamptz;
BEGIN
	FOR i IN 1 .. 3 LOOP
		started := clock_timestamp();
		PERFORM copilot.password_fits(person, 'wrong password');
		best := least(best, extract(epoch FROM clock_timestamp() - started));
	END LOOP;
	RETURN best;
END $$;
SELECT regress.fastest(gen_random_uuid()) / regress.fastest(:'ann_id') BETWEEN 0.5 AND 2 AS as_long, regress.fastest(NULL) > 0.005 AS not_at_once;
-- of whom works in several tenants it is asked which; of none of them it is refused
SELECT copilot.login_password('OTTO@example.com ', repeat('x', 72));
SELECT copilot.login_password('otto@example.com', repeat('x', 72), :'globex') ->> 'tenant_id' = :'globex';
SELECT copilot.login_password('ann@example.com', 'correct horse battery', :'globex');
SELECT copilot.login_password(NULL, 'x');
SELECT copilot.login_password('ann@example.com', repeat('x', 1001));
:ann
SELECT copilot.login_password('ann@example.com', 'correct horse battery');
ROLLBACK;

-- ---------- many failures ----------
DELETE FROM copilot.login_failures;
-- as if so many had failed
CREATE FUNCTION regress.fail(email text, address text, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		PERFORM copilot.login_failed(sha256(convert_to(email, 'UTF8')), copilot.login_origin(jsonb_build_object('address', address)), NULL);
	END LOOP;
END $$;
SELECT f, copilot.login_pause(f, 10, '15 minutes') FROM unnest('{0,9,10,11,14,15,16,1000000}'::int[]) f;
SELECT regress.fail('ann@example.com', '203.0.113.5', 9), regress.fail('nobody@example.com', '203.0.113.5', 9);
SELECT copilot.login_password('ann@example.com', 'wrong', client => '{"address": "203.0.113.5"}');
-- now the right one as well, and for an address that nobody has alike
SELECT copilot.login_password('ann@example.com', 'correct horse battery', client => '{"address": "203.0.113.5"}') - 'retry_after';
SELECT copilot.login_password('nobody@example.com', 'wrong', client => '{"address": "203.0.113.5"}');
SELECT copilot.login_password('nobody@example.com', 'wrong', client => '{"address": "203.0.113.5"}') - 'retry_after';
-- whoever fails so locks nobody else out
SELECT copilot.login_password('ann@example.com', 'correct horse battery', client => '{"address": "198.51.100.1"}') ->> 'token_type';
-- the pause ends, the count does not; a success forgives
UPDATE copilot.login_failures SET last_failed_at = last_failed_at - interval '31 s';
SELECT copilot.login_password('ann@example.com', 'wrong', client => '{"address": "203.0.113.5"}') ->> 'error';
SELECT copilot.login_password('ann@example.com', 'wrong', client => '{"address": "203.0.113.5"}') -> 'retry_after' > '30';
UPDATE copilot.login_failures SET last_failed_at = last_failed_at - interval '61 s';
SELECT copilot.login_password('ann@example.com', 'correct horse battery', client => '{"address": "203.0.113.5"}') ->> 'token_type';
SELECT origin, failures FROM copilot.login_failures WHERE login_sha256 = sha256('ann@example.com');
-- from everywhere, a hundred pause those who were never here, for a minute at most
SELECT count(regress.fail('ann@example.com', '10.0.' || i || '.1', 5)) FROM generate_series(1, 25) i;
SELECT copilot.login_password('ann@example.com', 'correct horse battery', client => '{"address": "10.9.9.9"}') -> 'retry_after';
SELECT copilot.login_password('ann@example.com', 'correct horse battery', client => '{"address": "198.51.100.1"}') ->> 'token_type';
-- an address of version 6 is one of many its owner has
SELECT regress.fail('bob@example.com', '2001:db8::1', 10);
SELECT copilot.login_password('bob@example.com', 'x', client => '{"address": "2001:db8::ffff:1"}') ->> 'error', copilot.login_password('bob@example.com', 'x', client => '{"address": "2001:db8:0:1::1"}') ->> 'error';
SELECT DISTINCT origin FROM copilot.login_failures WHERE login_sha256 = sha256('bob@example.com') ORDER BY 1;
-- nothing of an address that was typed is kept
SELECT count(*) FROM copilot.login_failures f WHERE to_jsonb(f)::text ~ 'example';
SELECT count(*) > 0, bool_and(tenant_id IS NULL) FROM wrk.audit_log WHERE action = 'login.refused' AND metadata ? 'failures';
SELECT count(*) FROM wrk.audit_log WHERE action = 'login.refused' AND metadata::text ~ 'example';
UPDATE copilot.login_failures SET last_failed_at = now() - interval '25 hours';
SELECT copilot.login_password('bob@example.com', 'x', client => '{"address": "2001:db8::1"}') ->> 'error';
SELECT failures FROM copilot.login_failures WHERE login_sha256 = sha256('bob@example.com') AND last_failed_at > now() - interval '1 hour';
SELECT copilot.login_retention() > 0;
SELECT count(*) FROM copilot.login_failures;
DELETE FROM copilot.login_failures;

-- ---------- a new password ----------
SELECT copilot.login_password('ann@example.com', 'correct horse battery') ->> 'access_token' AS here, copilot.session_begin(:'acme', :'ann_id') ->> 'access_token' AS there \gset
SELECT regress.with(:'here', 'password.change', '{"old": "wrong", "new": "another horse battery"}');
SELECT regress.with(:'here', 'password.change', '{"old": "correct horse battery", "new": "x"}');
SELECT regress.with(:'here', 'password.change', '{"new": "another horse battery"}');
:ann
SELECT regress.call('password.change', '{"old": "correct horse battery", "new": "another horse battery"}');
ROLLBACK;
SELECT regress.with(:'here', 'password.change', '{"old": "correct horse battery", "new": "another horse battery"}');
SELECT regress.who(:'here');
SELECT regress.who(:'there');
SELECT copilot.login_password('ann@example.com', 'correct horse battery') ->> 'error', copilot.login_password('ann@example.com', 'another horse battery') ->> 'token_type';

-- ---------- identity providers ----------
SET ROLE regress_service;
SELECT copilot.login_external('https://id.example.com', 'a-1');
SELECT copilot.subject_link(:'ann_id', 'https://id.example.com', 'a-1'), copilot.subject_link(:'ann_id', 'https://id.example.com', 'a-1');
SELECT copilot.subject_link(:'bob_id', 'https://id.example.com', 'a-1');
SELECT copilot.subject_link(gen_random_uuid(), 'https://id.example.com', 'a-2');
SELECT regress.short(copilot.login_external('https://id.example.com', 'a-1'));
-- the same subject of another issuer is somebody else
SELECT copilot.login_external('https://id.example.org', 'a-1');
SELECT copilot.subject_unlink('https://id.example.com', 'a-1'), copilot.subject_unlink('https://id.example.com', 'a-1');
SELECT copilot.login_external('https://id.example.com', 'a-1');
RESET ROLE;
SELECT t.name, t.roles FROM copilot.tenants_of(:'otto_id') t;
:ann
SELECT * FROM copilot.tenants_of('00000000-0001-4000-8000-000000000004');
ROLLBACK;

-- ---------- invitations ----------
CREATE FUNCTION regress.invite(email text, roles text[], extra jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT result - '{id,created_at,expires_at}'::text[] FROM wrk.rpc_call('invitation.create', jsonb_build_object('email', email, 'roles', roles) || extra));
EXCEPTION WHEN OTHERS THEN
	RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
CREATE FUNCTION regress.invitation(address text) RETURNS uuid LANGUAGE sql AS $$
	SELECT i.id FROM copilot.invitations i WHERE i.email = address ORDER BY i.created_at DESC LIMIT 1
$$;
-- who may invite, and as no more than they may grant
:ann
SELECT regress.invite('new@example.com', '{client}');
ROLLBACK;
:otto
SELECT regress.invite('new@example.com', '{client}');
ROLLBACK;
:cleo
SELECT regress.invite('new@example.com', '{client,builder}');
SELECT r, regress.invite('boss@example.com', ARRAY['client', r]) FROM unnest('{admin,ops_admin,cs_admin,system,ceo}'::text[]) r;
SELECT regress.invite('boss@example.com', '{}');
SELECT regress.invite('boss@example.com', NULL);
SELECT regress.invite('no address', '{client}');
SELECT regress.invite('late@example.com', '{client}', '{"days": 31}');
SELECT regress.invite('NEW@example.com', '{client}');
SELECT regress.invite('Ann@example.com', '{client}');
-- ... nor by writing the row oneself, nor by changing one
SAVEPOINT s;
INSERT INTO copilot.invitations (email, roles) VALUES ('boss@example.com', '{admin}');
ROLLBACK TO s;
INSERT INTO copilot.invitations (email, roles, expires_at) VALUES ('boss@example.com', '{client}', now() + interval '1 year');
ROLLBACK TO s;
UPDATE copilot.invitations SET roles = '{admin}';
ROLLBACK TO s;
UPDATE copilot.invitations SET status = 'accepted';
ROLLBACK TO s;
SELECT token_sha256 FROM copilot.invitations;
ROLLBACK TO s;
SELECT copilot.invitation_token(regress.invitation('new@example.com'));
ROLLBACK TO s;
INSERT INTO copilot.user_roles (user_id, role) VALUES ('00000000-0001-4000-8000-000000000008', 'admin');
ROLLBACK TO s;
COMMIT;
:ada
SELECT regress.invite('boss@example.com', '{admin}');
SELECT regress.invite('machine@example.com', '{system}');
COMMIT;
-- nobody of another tenant sees one; the mail is a job, and the token is made for it
:gil
SELECT count(*) FROM copilot.invitations;
ROLLBACK;
:ann
SELECT count(*) FROM copilot.invitations;
SELECT regress.call('invitation.list');
ROLLBACK;
:cleo
SELECT string_agg(i ->> 'email' || ' ' || (i ->> 'status'), ', ') FROM jsonb_array_elements(regress.call('invitation.list')::jsonb -> 'invitations') i;
SELECT regress.call('invitation.list', '{"status": "expired"}');
COMMIT;
SELECT tenant_id = :'acme', payload - '{tenant_id,invitation_id}'::text[], payload ? 'token' FROM wrk.job WHERE payload ->> 'kind' = 'invitation' ORDER BY id LIMIT 1;
SET ROLE regress_service;
SELECT copilot.invitation_token(:'ann_id');
RESET ROLE;
SELECT copilot.invitation_token(regress.invitation('new@example.com')) AS lost, copilot.invitation_token(regress.invitation('new@example.com')) AS token \gset
SELECT :'token' ~ '^wri_[0-9a-f]{64}$', (SELECT token_sha256 = sha256(convert_to(substr(:'token', 5), 'UTF8')) FROM copilot.invitations WHERE id = regress.invitation('new@example.com'));
SET ROLE regress_service;
-- a second mail makes the first link void; another person, a known person who has not logged in, nonsense
SELECT copilot.invitation_accept(:'lost', name => 'Thief');
SELECT copilot.invitation_accept('wri_' || repeat('0', 64), name => 'Thief');
SELECT copilot.invitation_accept(NULL);
SELECT copilot.invitation_accept(:'token', :'gil_id');
SELECT copilot.invitation_accept(:'token', gen_random_uuid());
SELECT copilot.invitation_accept(:'token', name => 'Nell', password => 'short');
-- it is taken up once, by the person of that address
SELECT copilot.invitation_accept(:'token', name => 'Nell', password => 'battery horse correct', client => '{"agent": "Safari"}') AS nell \gset
SELECT copilot.invitation_accept(:'token', name => 'Nell');
SELECT copilot.invitation_accept(:'token', :'gil_id');
RESET ROLE;
SELECT regress.short(:'nell'::jsonb) #- '{user,id}';
SELECT regress.who(:'nell'::jsonb ->> 'access_token');
SELECT i.status, i.accepted_by = u.id, (SELECT array_agg(r.role || ' by ' || (r.granted_by = :'cleo_id') ORDER BY r.role) FROM copilot.user_roles r WHERE r.user_id = u.id)
FROM copilot.invitations i JOIN copilot.users u ON u.email = i.email WHERE i.email = 'new@example.com';
SELECT copilot.login_password('new@example.com', 'battery horse correct') ->> 'token_type';
-- who is known elsewhere joins as who they are, after logging in there
:ada
SELECT regress.invite('GIL@example.com', '{client}');
COMMIT;
SELECT copilot.invitation_token(regress.invitation('GIL@example.com')) AS token \gset
SELECT copilot.invitation_accept(:'token', name => 'Gil');
SELECT copilot.invitation_accept(:'token', :'bob_id');
SELECT copilot.invitation_accept(:'token', :'gil_id', password => 'battery horse correct');
SELECT regress.short(copilot.invitation_accept(:'token', :'gil_id', issuer => 'https://id.example.com', subject => 'g-1'));
SELECT copilot.login_external('https://id.example.com', 'g-1', :'globex') ->> 'tenant_id' = :'globex';
SELECT count(*) FROM copilot.users WHERE lower(email) = 'gil@example.com';
-- revoked, expired, of a closed tenant, by somebody who may not any more
:cleo
SELECT regress.invite('r1@example.com', '{client}'), regress.invite('r2@example.com', '{client}');
COMMIT;
:ada
SELECT regress.invite('r3@example.com', '{ops_admin}'), regress.invite('r4@example.com', '{client}');
COMMIT;
SELECT copilot.invitation_token(regress.invitation('r1@example.com')) AS r1, copilot.invitation_token(regress.invitation('r2@example.com')) AS r2,
	copilot.invitation_token(regress.invitation('r3@example.com')) AS r3, copilot.invitation_token(regress.invitation('r4@example.com')) AS r4 \gset
SELECT regress.invitation('r1@example.com') AS r1_id \gset
:gil
SELECT regress.call('invitation.revoke', jsonb_build_object('id', :'r1_id'));
ROLLBACK;
:cleo
SELECT regress.call('invitation.revoke', jsonb_build_object('id', :'r1_id'));
SELECT regress.call('invitation.revoke', jsonb_build_object('id', :'r1_id'));
COMMIT;
SELECT copilot.invitation_accept(:'r1', name => 'R1');
UPDATE copilot.invitations SET expires_at = now() - interval '1 s' WHERE email = 'r4@example.com';
SELECT copilot.invitation_accept(:'r4', name => 'R4');
SELECT copilot.invitation_token(regress.invitation('r4@example.com'));
-- an expired one is no obstacle to another
:ada
SELECT regress.invite('r4@example.com', '{client}');
COMMIT;
UPDATE copilot.tenants SET status = 'closed' WHERE id = :'acme';
SELECT copilot.invitation_accept(:'r3', name => 'R3');
UPDATE copilot.tenants SET status = 'active' WHERE id = :'acme';
:ada
SELECT regress.call('role.revoke', jsonb_build_object('user_id', :'cleo_id', 'role', 'cs_admin'));
COMMIT;
SELECT copilot.invitation_accept(:'r2', name => 'R2');
SELECT email, status FROM copilot.invitations WHERE email ~ '^r' ORDER BY created_at;
SELECT count(*) FROM copilot.users WHERE email ~ '^r';
SELECT DISTINCT action FROM wrk.audit_log WHERE action LIKE 'invitation.%' AND tenant_id = :'acme' ORDER BY 1;
SELECT count(*) FROM wrk.audit_log WHERE resource_type = 'invitation' AND changes::text ~ 'token_sha256';
-- nor is anybody written to over and over, by whatever statement
:ada
CREATE FUNCTION pg_temp.again(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		INSERT INTO copilot.invitations (email, roles) VALUES ('Victim@example.com', '{client}');
		UPDATE copilot.invitations SET status = 'revoked' WHERE email = 'Victim@example.com' AND status = 'pending';
	END LOOP;
	RETURN 'sent';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT pg_temp.again(5), pg_temp.again(1), regress.invite('victim@example.com', '{client}'), regress.invite('other@example.com', '{client}');
ROLLBACK;
-- who comes back is what the invitation says, not what they were
INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES (:'acme', :'gil_id', 'admin');
:ada
SELECT regress.call('member.deactivate', jsonb_build_object('user_id', :'gil_id', 'reason', 'Left'));
SELECT regress.call('role.grant', jsonb_build_object('user_id', :'cleo_id', 'role', 'cs_admin'));
COMMIT;
:cleo
SELECT regress.call('member.activate', jsonb_build_object('user_id', :'gil_id'));
SELECT regress.invite('gil@example.com', '{qa}');
COMMIT;
SELECT copilot.invitation_token(regress.invitation('gil@example.com')) AS token \gset
SELECT copilot.invitation_accept(:'token', :'gil_id') -> 'roles';

-- installed again, nothing of it is lost, and what was taken away stays away
DELETE FROM wrk.permission WHERE resource_type = 'session' AND role = 'ops_admin';
SELECT copilot.install();
SELECT count(*) FROM wrk.permission WHERE resource_type = 'session';
SELECT name, detail FROM wrk.lint() WHERE detail ~ 'copilot';

DROP SCHEMA regress_crypto CASCADE;
DELETE FROM wrk.jwt_key WHERE kid = 'provider';
DELETE FROM wrk.permission WHERE resource_type = 'session';
SELECT copilot.install();
\set ECHO none
\i :end
