-- Who is there: what gateways write and read, who may ask, and what becomes of a gateway that is lost.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_presence LOGIN IN ROLE wrk_gateway;
-- documents: those of acme that begin with d may be read by all but cat
CREATE FUNCTION public.may_join_leaf(id text) RETURNS text[] LANGUAGE sql STABLE
RETURN CASE WHEN id ~ '^d' AND wrk.tenant_id() = 'acme' AND wrk.user_id() IS DISTINCT FROM 'cat' THEN '{read,publish}'::text[] END;
INSERT INTO wrk.channel_rule (pattern, authorizer) VALUES ('leaf:{id}', 'public.may_join_leaf(text)'),
	('tree:leaf:{id}', 'public.may_join_leaf(text)');
INSERT INTO wrk.role (name, bit) VALUES ('regress_reader', 52), ('regress_other', 53);
INSERT INTO wrk.permission (role, action, resource_type) VALUES ('regress_reader', 'read', 'seed');
-- a statement in a user's name: its answer or its error
CREATE FUNCTION public.attempt_as(who text, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; state text; message text;
BEGIN
	PERFORM wrk.impersonate(CASE WHEN who LIKE 'g%' THEN 'globex' ELSE 'acme' END, nullif(who, 'service'),
		CASE WHEN who = 'bob' THEN '{regress_other}' ELSE '{regress_reader}' END::text[]);
	SET LOCAL ROLE wrk_member;
	EXECUTE command INTO answer;
	RESET ROLE;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	RETURN concat_ws(' ', state, message);
END $$;
CREATE FUNCTION public.resolved(who text, name text) RETURNS text LANGUAGE sql
RETURN attempt_as(who, format('SELECT wrk.channel_resolve(%L)', name));

-- a resource has a channel for who is there, named by it, for whoever may read it
SELECT resolved('ann', 'leaf:d1');
SELECT resolved('ann', 'presence:leaf/d1');
SELECT resolved('ann', 'tenant:acme:presence:leaf/d1');
SELECT resolved('ann', 'tree:leaf:d1'), resolved('ann', 'presence:tree/leaf:d1');
SELECT resolved('ann', 'entity:seed:7/8'), resolved('ann', 'presence:entity/seed:7/8');
SELECT resolved('ann', 'entity:seed'), resolved('ann', 'presence:entity/seed');
SELECT resolved('ann', 'tenant:acme'), resolved('ann', 'presence:tenant');
-- a user's own channel and such have none
SELECT resolved('ann', 'me');
-- attack: another tenant's, one that does not exist, one that may not be read: the same answer
SELECT resolved('ann', n) FROM unnest('{presence:leaf/x1,tenant:globex:presence:leaf/d1,tenant:globex:presence:tenant}'::text[]) n;
SELECT resolved('cat', 'presence:leaf/d1'), resolved('bob', 'presence:entity/seed');
SELECT resolved('gil', 'presence:leaf/d1');
SELECT resolved('service', 'presence:tenant');
-- attack: no presence of a presence, of somebody, of everything; one spelling each
SELECT n, resolved('ann', n) FROM unnest(ARRAY['presence:', 'presence:leaf', 'presence:leaf:d1', 'presence:/d1', 'presence:leaf/', 'presence:presence/leaf/d1',
	'presence:presence:leaf/d1', 'presence:user/ann', 'presence:me/x', 'presence:global', 'presence:audit', 'presence:tenant/acme', 'presence:tree:leaf/d1']) n;
INSERT INTO wrk.channel_rule (pattern, authorizer) VALUES ('presence:{id}', 'public.may_join_leaf(text)');

-- names are the application's: run as a member, cut, and no reason to keep anybody out
CREATE FUNCTION public.name_of(user_id text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF user_id = 'bob' THEN RAISE EXCEPTION 'no names today'; END IF;
	RETURN CASE user_id WHEN 'cat' THEN repeat('c', 500) WHEN 'dan' THEN '' ELSE initcap(user_id) || ' of ' || wrk.tenant_id() || ', says ' || current_user END;
END $$;
CREATE FUNCTION public.self(who text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	PERFORM wrk.impersonate('acme', nullif(who, 'service'), '{regress_reader}');
	answer := wrk.presence_self();
	RAISE EXCEPTION USING ERRCODE = 'RGOUT', MESSAGE = coalesce(answer, 'nobody');
EXCEPTION WHEN SQLSTATE 'RGOUT' THEN
	RETURN SQLERRM;
END $$;
SELECT self('ann');
INSERT INTO wrk.presence_rule (namer) VALUES ('public.name_of(text)');
SELECT self('ann'), self('bob'), length(self('cat')::jsonb ->> 'name'), self('dan'), self('service');
-- attack: a function that members may not execute, one of another shape, a second rule
REVOKE ALL ON FUNCTION public.name_of(text) FROM PUBLIC;
SELECT self('ann');
UPDATE wrk.presence_rule SET namer = 'pg_catalog.length(text)';
SELECT self('ann');
INSERT INTO wrk.presence_rule (namer) VALUES ('public.name_of(text)');
GRANT EXECUTE ON FUNCTION public.name_of(text) TO wrk_member;
UPDATE wrk.presence_rule SET namer = 'public.name_of(text)';
-- a token brings it; a key that is good for some calls only is in no channel
SELECT wrk.api_key_create('acme', 'ann', '{regress_reader}') AS ann, wrk.api_key_create('acme', NULL, '{regress_reader}') AS service,
	wrk.api_key_create('acme', 'ann', '{regress_reader}', scopes => '{leaf.*}') AS scoped \gset
SET ROLE regress_presence;
SELECT wrk.gateway_open(:'ann') -> 'presence';
SELECT wrk.gateway_open(:'service') -> 'presence';
SELECT wrk.gateway_open(:'scoped') -> 'presence';
SELECT wrk.gateway_subscribe(:'scoped', 'presence:tenant');
SELECT wrk.gateway_subscribe(:'ann', 'presence:leaf/d1');

-- two gateways (both live as long as this session)
\set one '''11111111111111111111111111111111'''
\set two '''22222222222222222222222222222222'''
SELECT wrk.gateway_presence(:one, '[]');
SELECT wrk.gateway_attach(:one, 'one', 15000);
SELECT wrk.gateway_attach(:two, 'two', 15000);
SELECT wrk.gateway_attach(:one, 'one', 15000);
SELECT wrk.gateway_sweep(:one);
SELECT wrk.gateway_attach('../../one', 'one', 15000);
SELECT wrk.gateway_attach('33333333333333333333333333333333', 'three', -1);
-- reads and writes: one row a channel and user and gateway
SELECT wrk.gateway_presence(:one, '[{"channel": "tenant:acme:presence:leaf/d1", "tenant": "acme", "user": "ann", "name": "Ann", "status": 1, "connections": 2, "meta": "{\"x\": 1}", "at": 1000},
	{"channel": "tenant:acme:presence:tenant", "tenant": "acme", "user": "ann", "name": "Ann", "status": 0, "connections": 2, "at": 900},
	{"channel": "tenant:globex:presence:tenant", "tenant": "globex", "user": "gil", "name": "Gil", "status": 0, "connections": 1, "at": 900}]');
SELECT wrk.gateway_presence(:two, '[{"channel": "tenant:acme:presence:leaf/d1", "tenant": "acme", "user": "ann", "name": "Ann", "status": 0, "connections": 1, "meta": "{\"x\": 2}", "at": 2000},
	{"channel": "tenant:acme:presence:leaf/d1", "tenant": "acme", "user": "bob", "name": null, "status": 2, "connections": 1, "meta": null, "at": 1500}]');
SELECT * FROM wrk.gateway_present(:one, '{tenant:acme:presence:leaf/d1,tenant:acme:presence:tenant}') ORDER BY 1, 2;
SELECT * FROM wrk.gateway_present(:two, '{tenant:acme:presence:leaf/d1,tenant:acme:presence:tenant}') ORDER BY 1, 2;
SELECT * FROM wrk.gateway_present('33333333333333333333333333333333', '{tenant:acme:presence:leaf/d1}') ORDER BY 1, 2;
-- refused: a row of one tenant in a channel of another, a status that is none
SELECT wrk.gateway_presence(:one, '[{"channel": "tenant:acme:presence:leaf/d1", "tenant": "globex", "user": "gil", "status": 0, "connections": 1, "at": 1}]');
SELECT wrk.gateway_presence(:one, '[{"channel": "tenant:acme:leaf:d1", "tenant": "acme", "user": "ann", "status": 0, "connections": 1, "at": 1}]');
SELECT wrk.gateway_presence(:one, '[{"channel": "tenant:acme:presence:leaf/d1", "tenant": "acme", "user": "ann", "status": 3, "connections": 1, "at": 1}]');
SELECT wrk.gateway_presence(:one, '{"channel": 1}');
-- attack: the gateway's role reads no tables, and lists nothing without an identity
SELECT * FROM wrk.presence;
SELECT wrk.presence_list('leaf:d1');
RESET ROLE;

-- who may read the channel may list it
CREATE FUNCTION public.listed(who text, name text) RETURNS text LANGUAGE sql
RETURN attempt_as(who, format('SELECT wrk.presence_list(%L)', name));
SELECT listed('bob', 'leaf:d1');
SELECT listed('bob', 'presence:leaf/d1') = listed('bob', 'leaf:d1'), listed('bob', 'tenant:acme:leaf:d1') = listed('bob', 'leaf:d1');
SELECT listed('bob', 'presence:tenant');
SELECT listed('gil', 'presence:tenant');
SELECT listed('bob', 'leaf:d2'), listed('cat', 'leaf:d1'), listed('bob', 'me');
SELECT listed('gil', 'leaf:d1');
SELECT attempt_as('bob', $$SELECT wrk.presence_list('leaf:d1', 1)$$), attempt_as('bob', $$SELECT wrk.presence_list('leaf:d1', 0)$$);
-- a number that JSON may have and jsonb may not keeps nobody from the list
SELECT wrk.gateway_presence(:two, '[{"channel": "tenant:acme:presence:leaf/d1", "tenant": "acme", "user": "bob", "name": null, "status": 2, "connections": 1, "meta": "{\"x\": 1e-99999}", "at": 1500}]');
SELECT attempt_as('ann', $$SELECT wrk.presence_list('leaf:d1')$$);
SELECT wrk.gateway_presence(:two, '[{"channel": "tenant:acme:presence:leaf/d1", "tenant": "acme", "user": "bob", "name": null, "status": 2, "connections": 1, "meta": null, "at": 1500}]');
SELECT attempt_as('ann', 'SELECT * FROM wrk.presence'), attempt_as('ann', 'SELECT * FROM wrk.last_seen');
SELECT attempt_as('ann', $$SELECT wrk.presence_json('tenant:globex:presence:tenant')$$);
-- of some users: there, or when they were; nobody of another tenant
CREATE FUNCTION public.told(who text, VARIADIC users text[]) RETURNS text LANGUAGE sql
RETURN regexp_replace(attempt_as(who, format('SELECT wrk.presence_of(%L)', users)), '"lastSeen": \d{5,}', '"lastSeen": then', 'g');
SELECT told('bob', 'ann', 'bob', 'gil', 'nobody');
SELECT told('gil', 'ann');
SELECT wrk.gateway_presence(:one, '[{"channel": "tenant:acme:presence:tenant", "tenant": "acme", "user": "ann", "connections": 0}]');
SELECT told('bob', 'ann', 'bob', 'gil', 'nobody');
SELECT told('gil', 'ann', 'gil');
SELECT attempt_as('ann', $$SELECT wrk.presence_of('{}')$$);

-- nothing is written when nothing has changed
BEGIN;
SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) AS before FROM pg_stat_xact_user_tables WHERE schemaname = 'wrk' \gset
SELECT wrk.gateway_presence(:two, '[{"channel": "tenant:acme:presence:leaf/d1", "tenant": "acme", "user": "bob", "name": null, "status": 2, "connections": 1, "meta": null, "at": 1500}]');
SELECT count(wrk.gateway_sweep(:one)) FROM generate_series(1, 10);
SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) - :before AS written FROM pg_stat_xact_user_tables WHERE schemaname = 'wrk';
COMMIT;

-- a gateway whose session is gone is first found lost, and then, after its grace, with its members gone
UPDATE wrk.gateway_node SET pid = 0 WHERE node = :two;
SELECT wrk.gateway_sweep(:one);
SELECT count(*) FROM wrk.presence WHERE node = :two;
-- it comes back within the grace: nothing has happened
SELECT wrk.gateway_attach(:two, 'two', 15000);
SELECT wrk.gateway_sweep(:one), (SELECT lost_at FROM wrk.gateway_node WHERE node = :two);
-- it does not
UPDATE wrk.gateway_node SET backend_start = now() - interval '1 day' WHERE node = :two;
SELECT wrk.gateway_sweep(:one);
UPDATE wrk.gateway_node SET lost_at = lost_at - interval '14 seconds' WHERE node = :two;
SELECT wrk.gateway_sweep(:one);
UPDATE wrk.gateway_node SET lost_at = lost_at - interval '1 second' WHERE node = :two;
SELECT wrk.gateway_sweep(:one);
SELECT node, user_id FROM wrk.presence ORDER BY 1, 2;
SELECT wrk.gateway_presence(:two, '[]'), wrk.gateway_sweep(:two);
-- it writes everything again
SELECT wrk.gateway_attach(:two, 'two', 15000);

-- what is told fits into notifications, however many channels
SELECT wrk.gateway_listen();
UNLISTEN *;
SELECT wrk.gateway_presence(:two, (SELECT jsonb_agg(jsonb_build_object('channel', 'tenant:acme:presence:leaf/d' || repeat('x', 400) || i, 'tenant', 'acme',
	'user', 'ann', 'status', 0, 'connections', 1, 'at', 1)) FROM generate_series(1, 50) i));
SELECT count(*), count(DISTINCT channel) FROM wrk.gateway_present(:one, (SELECT array_agg(channel) FROM wrk.presence));

-- retention
UPDATE wrk.last_seen SET seen_at = now() - interval '401 days' WHERE user_id = 'gil';
SELECT wrk.last_seen_retention(), wrk.last_seen_retention();

SELECT wrk.gateway_forget(:two);
DELETE FROM wrk.presence;
DELETE FROM wrk.gateway_node;
DELETE FROM wrk.last_seen;
DELETE FROM wrk.presence_rule;
DELETE FROM wrk.channel_rule WHERE pattern LIKE '%leaf:{id}';
DELETE FROM wrk.permission WHERE role = 'regress_reader';
DELETE FROM wrk.role WHERE name LIKE 'regress_%er';
DELETE FROM wrk.api_key WHERE tenant_id = 'acme' AND roles = '{regress_reader}';
DROP FUNCTION public.may_join_leaf(text), public.attempt_as(text, text), public.resolved(text, text), public.name_of(text), public.self(text),
	public.listed(text, text), public.told(text, text[]);
DROP ROLE regress_presence;
