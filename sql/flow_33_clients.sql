-- Flow 33: clients; each tenant is one, and its own people and operations keep it up to date.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set ECHO none
\i :fixture
\set ECHO all
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION regress.call(method text, params jsonb DEFAULT '{}') RETURNS text LANGUAGE sql
RETURN regress.answer(method, params, '{id,created_at,updated_at,assessed_at,members,next}', NULL);
INSERT INTO regress.person VALUES ('olga', regress.id('0', 1, 8), 'a', '{ops_admin}');
INSERT INTO copilot.users (id, email, name) SELECT id, name || '@example.com', initcap(name) FROM regress.person WHERE name = 'olga';

-- one to one: a tenant has a client from the beginning, whoever makes it, and never two
SELECT t.slug, count(c.id), count(h.id) FROM copilot.tenants t LEFT JOIN copilot.clients c ON c.tenant_id = t.id
LEFT JOIN copilot.client_health h ON h.tenant_id = t.id GROUP BY 1 ORDER BY 1;
\set VERBOSITY sqlstate
INSERT INTO copilot.clients (tenant_id) VALUES (regress.id('a', 0, 0));
\set VERBOSITY default
-- a tenant from before there were clients becomes one
DELETE FROM copilot.clients WHERE tenant_id = regress.id('a', 0, 0);
SELECT copilot.install(), copilot.install();
SELECT count(*), count(DISTINCT tenant_id) FROM copilot.clients;

-- a new client: its tenant, and somebody of operations who lets others in
SET ROLE wrk_service;
SELECT copilot.client_create('Initech', 'initech', regress.id('0', 1, 8), 'Bill', 'bill@initech.example') IS NOT NULL AS made;
SELECT copilot.client_create('Initech again', 'initech', regress.id('0', 1, 8));
\set VERBOSITY sqlstate
SELECT copilot.client_create('Nobody''s', 'nobodys', regress.id('0', 1, 99));
SELECT copilot.client_create('Spaces', 'no slug', regress.id('0', 1, 8));
\set VERBOSITY default
RESET ROLE;
SELECT t.name, t.status, c.contact_name, c.contact_email, u.name, r.role, h.status FROM copilot.tenants t
JOIN copilot.clients c ON c.tenant_id = t.id JOIN copilot.client_health h ON h.tenant_id = t.id
JOIN copilot.users u ON u.id = c.owner_id JOIN copilot.user_roles r ON r.tenant_id = t.id WHERE t.slug = 'initech';
SELECT count(*) FROM copilot.tenants;
-- members cannot make one
:ada
SELECT copilot.client_create('Mine', 'mine', regress.id('0', 1, 5));
ROLLBACK;

-- the client's own people read and correct it; of its health they learn nothing, nor what is for operations to say
:ann
SELECT regress.call('client.get');
SELECT regress.call('client.update', '{"legal_name": "Acme Ltd.", "contact_name": "Ann", "contact_email": "ann@acme.example", "contact_phone": "+1 555", "website": "https://acme.example", "industry": "Anvils"}');
SELECT regress.call('client.update', '{"industry": null}')::jsonb -> 'industry';
SELECT regress.call('client.update', '{"renews_on": "2099-01-01"}');
SELECT regress.call('client.update', jsonb_build_object('owner_id', regress.id('0', 1, 1)));
SELECT count(*) FROM copilot.client_health;
COMMIT;
:ann
UPDATE copilot.clients SET renews_on = '2099-01-01';
ROLLBACK;
-- operations say who answers for it and when it is renewed
:otto
SELECT regress.call('client.update', jsonb_build_object('owner_id', regress.id('0', 1, 4), 'renews_on', '2099-03-01'));
SELECT (regress.call('client.get')::jsonb -> 'health') - 'assessed_at';
COMMIT;
-- refused: an owner who is nobody here, what is no address, what is not known
:otto
SELECT regress.call('client.update', p) FROM unnest(ARRAY[jsonb_build_object('owner_id', regress.id('0', 1, 6)), '{"contact_email": "ann"}', '{"website": "javascript:x"}', '{"contact_phone": 5}',
	'{"renews_on": "soon"}', '{"legal_name": ""}', '{"status": "closed"}', '[]', jsonb_build_object('legal_name', repeat('x', 201))]) p;
SELECT regress.call('client.get', '{"id": 1}');
COMMIT;
-- builders and testers see no client
:bob
SELECT regress.call('client.get'), regress.call('client.update', '{"industry": "x"}');
SELECT count(*) FROM copilot.clients;
COMMIT;
:quinn
SELECT regress.call('client.get');
COMMIT;
-- nor does anybody that of another tenant
:gil
SELECT regress.call('client.get')::jsonb - 'owner_name';
UPDATE copilot.clients SET industry = 'Taken over' WHERE contact_name = 'Ann' RETURNING 1;
SELECT name, copilot.may_join_client(c.id::text) FROM copilot.clients c JOIN copilot.tenants t ON t.id = c.tenant_id;
COMMIT;
SELECT id AS acme FROM copilot.clients WHERE tenant_id = regress.id('a', 0, 0) \gset
:gil
SELECT copilot.may_join_client(:'acme');
COMMIT;
:ann
SELECT copilot.may_join_client(:'acme');
INSERT INTO copilot.clients DEFAULT VALUES;
ROLLBACK;
:bob
SELECT copilot.may_join_client(:'acme');
DELETE FROM copilot.clients;
ROLLBACK;

-- each change is an event for those who see the client, and in the log; readers of the client see its history
SELECT e.type, e.audience, count(*) FROM wrk.event e
WHERE e.channels = ARRAY['tenant:' || regress.id('a', 0, 0) || ':client:' || :'acme'] GROUP BY 1, 2 ORDER BY 1;
SELECT l.action, l.user_id = regress.id('0', 1, 1)::text AS by_ann, l.changes -> 'new' FROM wrk.audit_log l WHERE l.resource_id = :'acme' AND l.op = 'u' ORDER BY l.id;
:ann
SELECT jsonb_array_length(regress.call('history.list', jsonb_build_object('type', 'client', 'id', :'acme'))::jsonb -> 'changes');
COMMIT;

-- a tenant is suspended from outside, with a reason that stays
SET ROLE wrk_service;
SELECT copilot.tenant_set_status(regress.id('b', 0, 0), 'suspended', ' ');
SELECT copilot.tenant_set_status(regress.id('b', 9, 0), 'suspended', 'not paid');
SELECT copilot.tenant_set_status(regress.id('b', 0, 0), 'suspended', 'not paid');
RESET ROLE;
SELECT status FROM copilot.tenants WHERE id = regress.id('b', 0, 0);
SELECT action, metadata FROM wrk.audit_log WHERE tenant_id = regress.id('b', 0, 0)::text AND action LIKE 'admin.%';
:ada
SELECT copilot.tenant_set_status(regress.id('a', 0, 0), 'closed', 'x');
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.job;
