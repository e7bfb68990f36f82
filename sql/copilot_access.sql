-- As what somebody is let in: what roles, members and API keys promise and refuse.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/regress/access.sql'
\set ECHO none
\i :setup
\set ECHO all
-- Gil works in two tenants; Nell is another name in the list
INSERT INTO copilot.users (id, email, name) VALUES (regress.id('0', 1, 9), 'nell@example.com', 'Nell');
INSERT INTO copilot.tenant_users (tenant_id, user_id) SELECT :'acme', unnest(ARRAY[:'gil_id', regress.id('0', 1, 9)]::uuid[]);
INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES (:'acme', :'gil_id', 'qa'),
	(:'acme', regress.id('0', 1, 9), 'builder'), (:'acme', regress.id('0', 1, 9), 'client');

-- ---------- roles and members ----------
:ada
SELECT regress.call('role.grant', jsonb_build_object('user_id', :'cleo_id', 'role', 'client'));
SELECT regress.call('role.grant', jsonb_build_object('user_id', :'cleo_id', 'role', 'client'));
SELECT regress.call('role.grant', jsonb_build_object('user_id', regress.id('0', 1, 7), 'role', 'client'));
SELECT regress.call('role.grant', jsonb_build_object('user_id', :'cleo_id', 'role', 'emperor'));
SELECT regress.call('role.grant', jsonb_build_object('user_id', :'cleo_id'));
-- somebody stays to let others in
SELECT regress.call('role.revoke', jsonb_build_object('user_id', :'ada_id', 'role', 'admin'));
SELECT regress.call('member.deactivate', jsonb_build_object('user_id', :'ada_id', 'reason', 'x'));
COMMIT;
:ada
DELETE FROM copilot.user_roles WHERE role = 'admin';
ROLLBACK;
:ada
INSERT INTO copilot.user_roles (user_id, role) VALUES (:'bob_id', 'admin');
DELETE FROM copilot.user_roles WHERE role = 'admin' AND user_id = :'ada_id';
ROLLBACK;
:ann
SELECT regress.call('role.grant', jsonb_build_object('user_id', :'ann_id', 'role', 'admin')), regress.call('role.grant', jsonb_build_object('user_id', :'ann_id', 'role', 'ops'));
SELECT regress.call('role.revoke', jsonb_build_object('user_id', :'ada_id', 'role', 'admin'));
SELECT regress.call('member.deactivate', jsonb_build_object('user_id', :'ada_id', 'reason', 'x'));
SELECT m ->> 'name', m -> 'roles', m ->> 'status' FROM jsonb_array_elements(regress.call('member.list', '{"limit": 200}')::jsonb -> 'members') m ORDER BY 1;
ROLLBACK;
:cleo
SELECT regress.call('role.grant', jsonb_build_object('user_id', :'cleo_id', 'role', r)) FROM unnest('{admin,ops_admin,system,qa}'::text[]) r;
SELECT regress.call('role.revoke', jsonb_build_object('user_id', :'ada_id', 'role', 'admin'));
SELECT regress.call('member.deactivate', jsonb_build_object('user_id', :'ada_id', 'reason', 'x'));
SELECT regress.call('member.deactivate', jsonb_build_object('user_id', regress.id('0', 1, 7), 'reason', 'x'));
SELECT regress.call('member.deactivate', jsonb_build_object('user_id', :'bob_id'));
SELECT regress.call('member.deactivate', jsonb_build_object('user_id', :'bob_id', 'reason', 'Moved on'));
ROLLBACK;
-- clients and who builds see what people are called, and their own address; operations staff see all
:ann
SELECT count(*), string_agg(m ->> 'email', ', ') FROM jsonb_array_elements(regress.call('member.list')::jsonb -> 'members') m;
SELECT copilot.works_here('otto@example.com'), copilot.member_email(:'bob_id');
ROLLBACK;
:bob
SELECT string_agg(m ->> 'email', ', ') FROM jsonb_array_elements(regress.call('member.list')::jsonb -> 'members') m;
ROLLBACK;
:otto
SELECT count(m ->> 'email') = count(*) FROM jsonb_array_elements(regress.call('member.list')::jsonb -> 'members') m;
-- ... of this tenant
SELECT copilot.member_email(regress.id('0', 1, 7)), copilot.member_email(:'bob_id');
ROLLBACK;
:cleo
SELECT copilot.works_here('otto@example.com'), copilot.works_here('bea@example.com');
ROLLBACK;
:gil
SELECT count(*) FROM jsonb_array_elements(regress.call('member.list')::jsonb -> 'members') m WHERE m ->> 'name' IN ('Ann', 'Ada', 'Nell');
ROLLBACK;

-- ---------- API keys ----------
CREATE FUNCTION regress.key(answer text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT string_agg(k || ' ' || coalesce(v #>> '{}', '-'), ', ' ORDER BY k) FROM jsonb_each(answer::jsonb) e (k, v)
		WHERE k IN ('env', 'label', 'roles', 'scopes', 'revoked')) || CASE WHEN answer::jsonb ? 'key' THEN ', with key' ELSE '' END;
EXCEPTION WHEN OTHERS THEN
	RETURN answer;
END $$;
:otto
SELECT regress.call('apikey.create', '{"label": "mine", "roles": ["client"]}');
SELECT regress.call('apikey.list');
ROLLBACK;
:cleo
SELECT regress.call('apikey.create', '{"label": "mine"}');
ROLLBACK;
:ada
SELECT regress.call('apikey.create', p) FROM (VALUES ('{}'::jsonb), ('{"label": "x", "roles": ["emperor"]}'), ('{"label": "x", "roles": []}'), ('{"label": "x", "scopes": ["DROP"]}'),
	('{"label": "x", "scopes": "task.*"}'), ('{"label": "x", "expires_at": "2020-01-01"}'), ('{"label": "x", "as_me": "yes"}'), ('{"label": "x", "env": "a b"}'), ('{"label": "x", "user_id": "y"}')) v (p);
SELECT regress.call('apikey.create', '{"label": "ci", "roles": ["ops"], "scopes": ["task.*", "project.list"]}', 'k1') AS ci,
	regress.call('apikey.create', '{"label": "ci", "roles": ["ops"], "scopes": ["task.*", "project.list"]}', 'k1') AS ci_again,
	regress.call('apikey.create', '{"label": "all", "roles": ["admin"], "env": "test", "as_me": true}') AS everything \gset
COMMIT;
SELECT regress.key(:'ci'), regress.key(:'ci_again'), :'ci'::jsonb ->> 'id' = :'ci_again'::jsonb ->> 'id' AS the_same;
-- the credential is shown once and kept nowhere
SELECT count(*) FROM wrk.rpc_key k WHERE k.result::text LIKE '%' || (:'ci'::jsonb ->> 'key') || '%';
SELECT count(*) FROM wrk.audit_log l WHERE to_jsonb(l)::text LIKE '%' || split_part(:'ci'::jsonb ->> 'key', '_', 4) || '%';
SELECT regress.who(:'everything'::jsonb ->> 'key');
-- within its scopes it works, to the end of the transaction
SELECT regress.with(:'ci'::jsonb ->> 'key', 'task.create', '{"title": "Made by a machine"}')::jsonb -> 'created_by';
SELECT via, actor = :'ci'::jsonb ->> 'id' AS by_the_key FROM wrk.audit_log WHERE resource_type = 'task' ORDER BY id DESC LIMIT 1;
SELECT jsonb_array_length(regress.with(:'ci'::jsonb ->> 'key', 'project.list')::jsonb -> 'projects');
-- beyond them nothing does, by whatever way
SELECT regress.with(:'ci'::jsonb ->> 'key', 'project.get', jsonb_build_object('id', regress.id('a', 4, 1)));
SELECT regress.with(:'ci'::jsonb ->> 'key', 'apikey.create', '{"label": "wider"}');
BEGIN;
SELECT wrk.authenticate(:'ci'::jsonb ->> 'key') ->> 'scopes';
SET LOCAL ROLE wrk_member;
SAVEPOINT s;
SELECT copilot.project_get(jsonb_build_object('id', regress.id('a', 4, 1)));
ROLLBACK TO s;
SELECT copilot.task_create('{"title": "By hand"}');
ROLLBACK TO s;
SELECT count(*) FROM copilot.messages;
ROLLBACK TO s;
UPDATE copilot.tasks SET title = 'x';
ROLLBACK TO s;
SELECT copilot.call_apikey_list('{}');
ROLLBACK TO s;
SELECT wrk.transition('copilot.tasks', regress.id('a', 6, 12)::text, 'done');
ROLLBACK;
-- a key makes no keys, whatever its roles; ends no session it has not
SELECT regress.with(:'everything'::jsonb ->> 'key', 'apikey.create', '{"label": "more"}');
SELECT regress.with(:'everything'::jsonb ->> 'key', 'apikey.rotate', jsonb_build_object('id', :'ci'::jsonb ->> 'id'));
SELECT regress.with(:'everything'::jsonb ->> 'key', 'session.logout');
SELECT regress.with(:'everything'::jsonb ->> 'key', 'password.change', '{"old": "x", "new": "battery horse correct"}');
-- an admin of another tenant knows nothing of it
INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES (:'globex', :'gil_id', 'admin');
SELECT copilot.session_begin(:'globex', :'gil_id') ->> 'access_token' AS gil_token \gset
SELECT regress.with(:'gil_token', m, jsonb_build_object('id', :'ci'::jsonb ->> 'id')) FROM unnest('{apikey.rotate,apikey.revoke}'::text[]) m;
SELECT regress.with(:'gil_token', 'apikey.rotate', '{"id": "none"}');
SELECT jsonb_array_length(regress.with(:'gil_token', 'apikey.list')::jsonb -> 'keys') = (SELECT count(*) FROM wrk.api_key WHERE tenant_id = :'globex');
:ada
SELECT string_agg(k ->> 'label' || CASE WHEN k ? 'key' OR k::text ~ 'sha256' THEN ' with secrets' ELSE '' END, ', ' ORDER BY k ->> 'label') FROM jsonb_array_elements(regress.call('apikey.list')::jsonb -> 'keys') k;
SELECT (k ->> 'last_used_at')::timestamptz > now() - interval '1 minute' FROM jsonb_array_elements(regress.call('apikey.list')::jsonb -> 'keys') k WHERE k ->> 'label' = 'ci';
-- walked in pages each key comes once
WITH RECURSIVE page (n, answer) AS (
	SELECT 1, regress.call('apikey.list', '{"limit": 1}')::jsonb
	UNION ALL
	SELECT n + 1, regress.call('apikey.list', jsonb_build_object('limit', 1, 'after', answer ->> 'next'))::jsonb FROM page WHERE answer ->> 'next' IS NOT NULL AND n < 9)
SELECT count(*) = count(DISTINCT k ->> 'id') AND count(*) = jsonb_array_length(regress.call('apikey.list')::jsonb -> 'keys') FROM page, jsonb_array_elements(answer -> 'keys') k;
SELECT regress.call('apikey.rotate', jsonb_build_object('id', :'ci'::jsonb ->> 'id', 'overlap_hours', 1)) AS rotated \gset
COMMIT;
SELECT regress.key(:'rotated');
SELECT regress.with(:'ci'::jsonb ->> 'key', 'project.list') ~ '^{' AS old_for_now, regress.with(:'rotated'::jsonb ->> 'key', 'project.list') ~ '^{' AS new;
-- nobody gets a secret that stands for somebody else, or for roles beyond the own
INSERT INTO wrk.permission (role, action, resource_type) VALUES ('cs_admin', 'manage', 'api_key');
:cleo
SELECT regress.call('apikey.rotate', jsonb_build_object('id', :'everything'::jsonb ->> 'id'));
SELECT regress.call('apikey.create', '{"label": "x", "roles": ["admin"]}');
SELECT regress.key(regress.call('apikey.create', '{"label": "x", "roles": ["qa"]}'));
ROLLBACK;
DELETE FROM wrk.permission WHERE role = 'cs_admin' AND resource_type = 'api_key';
SELECT wrk.api_key_create(:'acme', :'bob_id', '{builder}') AS bobs \gset
:ada
SELECT regress.call('apikey.rotate', jsonb_build_object('id', split_part(:'bobs', '_', 3)));
SELECT regress.call('apikey.revoke', jsonb_build_object('id', split_part(:'bobs', '_', 3)));
SELECT regress.call('apikey.revoke', jsonb_build_object('id', :'ci'::jsonb ->> 'id'));
SELECT regress.call('apikey.revoke', jsonb_build_object('id', :'ci'::jsonb ->> 'id'));
COMMIT;
SELECT regress.who(:'rotated'::jsonb ->> 'key');
SELECT regress.who(:'bobs');
-- what stands for a person keeps no role that they have lost, nor one that only an admin could hand out
INSERT INTO copilot.user_roles (tenant_id, user_id, role) SELECT :'acme', :'bob_id', unnest('{builder,ops,cs_admin}'::text[]) ON CONFLICT DO NOTHING;
SELECT wrk.api_key_create(:'acme', :'bob_id', '{ops}') AS lost, wrk.api_key_create(:'acme', :'bob_id', '{builder}') AS kept,
	wrk.api_key_create(:'acme', :'bob_id', '{qa}') AS handed, wrk.api_key_create(:'acme', NULL, '{ops}') AS tenants \gset
:ada
SELECT regress.call('role.revoke', jsonb_build_object('user_id', :'bob_id', 'role', 'ops'));
COMMIT;
SELECT regress.who(:'lost'), regress.who(:'kept'), regress.who(:'handed'), regress.who(:'tenants');
:ada
SELECT regress.call('role.revoke', jsonb_build_object('user_id', :'bob_id', 'role', 'cs_admin'));
COMMIT;
SELECT regress.who(:'kept'), regress.who(:'handed'), regress.who(:'tenants');

\set ECHO none
\i :end
