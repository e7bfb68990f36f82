-- The gateway may call gateway_* and nothing else; every call is verified again.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
CREATE ROLE regress_gateway LOGIN IN ROLE wrk_gateway;
\set SHOW_CONTEXT never

-- a small application: notes in rooms, of which "lobby" may be joined
CREATE TABLE public.note (id bigint GENERATED ALWAYS AS IDENTITY, tenant_id text NOT NULL DEFAULT wrk.tenant_id(),
	author text NOT NULL DEFAULT wrk.user_id(), body text NOT NULL, PRIMARY KEY (tenant_id, id));
GRANT SELECT, INSERT ON public.note TO wrk_member;
CREATE FUNCTION public.may_join_room(id text) RETURNS text[] LANGUAGE sql STABLE
RETURN CASE WHEN id = 'lobby' AND current_user = 'wrk_member' THEN ARRAY['read', 'publish'] END;
CREATE FUNCTION public.note_add(params jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE new_id bigint;
BEGIN
	INSERT INTO public.note (body) VALUES (params ->> 'body') RETURNING id INTO new_id;
	RETURN jsonb_build_object('id', new_id, 'as', current_user, 'user', wrk.user_id());
END $$;
CREATE FUNCTION public.note_emit(params jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp AS $$
BEGIN
	PERFORM wrk.emit('note.created', params, ARRAY['tenant:' || wrk.tenant_id() || ':room:lobby'],
		ARRAY(SELECT jsonb_array_elements_text(params -> 'audience')));
	RETURN params;
END $$;
CREATE FUNCTION public.note_secret(params jsonb) RETURNS jsonb LANGUAGE sql RETURN params;
REVOKE ALL ON FUNCTION public.note_secret(jsonb) FROM PUBLIC;
INSERT INTO wrk.role (name, bit) VALUES ('regress_client', 40), ('regress_ops', 41);
INSERT INTO wrk.permission VALUES ('regress_client', 'read', 'note');
INSERT INTO wrk.channel_rule (pattern, authorizer) VALUES ('room:{id}', 'public.may_join_room(text)');
INSERT INTO wrk.rpc (method, function, roles) VALUES
	('note.add', 'public.note_add(jsonb)', '{regress_client,regress_ops}'),
	('note.emit', 'public.note_emit(jsonb)', NULL),
	('note.secret', 'public.note_secret(jsonb)', NULL);
SELECT wrk.api_key_create('acme', 'ann', '{regress_client}') AS ann,
	wrk.api_key_create('acme', 'otto', '{regress_ops}') AS otto,
	wrk.api_key_create('globex', 'gil', '{regress_client}') AS gil \gset

SET ROLE regress_gateway;
-- what it is for
SELECT h ->> 'version' = '0.1.0' AS version, h ->> 'position' = (h ->> 'epoch') || '.' || (h ->> 'snapshot') AS position,
	h -> 'listen' AS listen, h -> 'heartbeat' AS heartbeat, jsonb_array_length(h -> 'errors') > 20 AS errors
FROM wrk.gateway_hello('test', 1) h;
SELECT wrk.gateway_hello('test', 2);
SELECT wrk.gateway_open(:'ann') - 'session', wrk.gateway_open(:'ann') ->> 'session' ~ '^api_key:[0-9a-f]{16}$' AS names_the_key;
-- asked again: who, and each channel by itself
SELECT wrk.gateway_recheck(:'ann', '["tenant:acme", "tenant:globex", "tenant:acme:user:ann", "tenant:acme:user:bob", "global"]') -> 'granted';
SELECT wrk.gateway_recheck(:'ann', '[]') - 'granted' = wrk.gateway_open(:'ann') AS the_same;
SELECT wrk.gateway_recheck('no token', '[]');
SELECT wrk.gateway_open('wrk_live_no_key');
SELECT wrk.gateway_open('no token');

-- channels: short and canonical names, and one answer for all that cannot be joined
SELECT wrk.gateway_subscribe(:'ann', 'room:lobby');
SELECT wrk.gateway_subscribe(:'ann', 'tenant:acme:room:lobby');
SELECT wrk.gateway_subscribe(:'ann', 'tenant:acme');
SELECT wrk.gateway_subscribe(:'ann', 'me');
SELECT wrk.gateway_subscribe(:'ann', 'user:ann');
SELECT wrk.gateway_subscribe(:'ann', 'global');
SELECT wrk.gateway_subscribe(:'ann', 'entity:note');
SELECT wrk.gateway_subscribe(:'ann', 'entity:note:7');
SELECT wrk.gateway_subscribe(:'otto', 'entity:note');
SELECT wrk.gateway_subscribe(:'ann', 'room:cellar');
SELECT wrk.gateway_subscribe(:'ann', 'tenant:globex:room:lobby');
SELECT wrk.gateway_subscribe(:'ann', 'tenant:globex');
SELECT wrk.gateway_subscribe(:'ann', 'tenant:acme2');
SELECT wrk.gateway_subscribe(:'ann', 'tenant:acme:');
SELECT wrk.gateway_subscribe(:'ann', 'tenant:acme:tenant:globex');
SELECT wrk.gateway_subscribe(:'ann', 'tenant:acme:global');
SELECT wrk.gateway_subscribe(:'ann', 'user:otto');
SELECT wrk.gateway_subscribe(:'ann', 'room:');
SELECT wrk.gateway_subscribe(:'ann', ':lobby');
SELECT wrk.gateway_subscribe(:'ann', 'attic:lobby');
SELECT wrk.gateway_subscribe(:'ann', '');
SELECT wrk.gateway_subscribe(:'ann', E'room:lobby\n');
SELECT wrk.gateway_subscribe(:'ann', repeat('x', 600));
SELECT wrk.gateway_subscribe(:'ann', NULL);

-- calls run as wrk_member, as the user, and once per key
SELECT * FROM wrk.gateway_call(:'ann', 'note.add', '{"body": "hello"}', 'k1');
SELECT * FROM wrk.gateway_call(:'ann', 'note.add', '{"body": "hello"}', 'k1');
SELECT * FROM wrk.gateway_call(:'ann', 'note.add', '{"body": "other"}', 'k1');
SELECT * FROM wrk.gateway_call(:'otto', 'note.add', '{"body": "the key of another user"}', 'k1');
SELECT * FROM wrk.gateway_call(:'ann', 'note.add', '{"body": "no key"}');
SELECT * FROM wrk.gateway_call(:'ann', 'note.add', '{}', 'k2');
SELECT * FROM wrk.gateway_call(:'ann', 'note.add', '{"body": "the failed call left the key free"}', 'k2');
SELECT * FROM wrk.gateway_call(:'ann', 'note.add', '{}', '');
SELECT * FROM wrk.gateway_call(:'ann', 'note.none', '{}');
SELECT * FROM wrk.gateway_call(:'ann', 'note.secret', '{}');
SELECT * FROM wrk.gateway_call(:'gil', 'note.add', '{"body": "another tenant"}', 'k1');
RESET ROLE;
SELECT tenant_id, author, body FROM public.note ORDER BY tenant_id, id;
UPDATE wrk.rpc SET roles = '{regress_ops}' WHERE method = 'note.add';
SET ROLE regress_gateway;
SELECT * FROM wrk.gateway_call(:'ann', 'note.add', '{"body": "not your role"}');
-- a function of another shape is refused, not called
RESET ROLE;
BEGIN;
SELECT wrk.impersonate('acme', 'ann', '{regress_client}') IS NOT NULL AS ann;
SAVEPOINT s;
INSERT INTO wrk.rpc VALUES ('note.odd', 'pg_catalog.to_jsonb(anyelement)');
SELECT wrk.rpc_call('note.odd');
ROLLBACK TO s;
SELECT wrk.rpc_invoke('public.note_add(jsonb)', NULL);
ROLLBACK TO s;
INSERT INTO wrk.channel_rule VALUES ('odd:{id}', 'pg_catalog.md5');
ROLLBACK TO s;
INSERT INTO wrk.channel_rule VALUES ('odd:{id}', 'pg_catalog.md5(text)');
SELECT wrk.channel_resolve('odd:1');
ROLLBACK;
SET ROLE regress_gateway;

-- fetch, replay and rights
SELECT h ->> 'snapshot' AS snapshot, h ->> 'position' AS position, h ->> 'epoch' AS epoch
FROM wrk.gateway_hello('test') h \gset
SELECT event_id IS NOT NULL AS call_names_its_event FROM wrk.gateway_call(:'ann', 'note.emit', '{"n": 1, "audience": []}', 'k3');
-- what others hear only need not be waited for
SELECT event_id IS NULL AS ok FROM wrk.gateway_call(:'ann', 'note.emit', '{"n": 2, "audience": ["role:regress_ops"]}');
SELECT event_id IS NOT NULL AS ok FROM wrk.gateway_call(:'ann', 'note.emit', '{"n": 3, "audience": ["user:ann"]}');
SELECT event_id IS NOT NULL AS ok FROM wrk.gateway_call(:'gil', 'note.emit', '{"n": 4, "audience": []}');
SELECT type, tenant_id, channels, payload::jsonb -> 'n' AS n, sender_id, audience_mask, audience_users, class, key
FROM wrk.gateway_fetch(:'snapshot') WHERE id IS NOT NULL;
SELECT id, type, payload ~ '^\d+:\d+:' AS payload, class FROM wrk.gateway_fetch(:'snapshot') WHERE id IS NULL;
-- in pages: the first says there is more, the next ones end at its snapshot
SELECT max(id) AS last, max(payload) FILTER (WHERE id IS NULL) AS upto, max(class) FILTER (WHERE id IS NULL) AS more
FROM wrk.gateway_fetch(:'snapshot', NULL, 0, 3) \gset
SELECT event_id IS NOT NULL AS ok FROM wrk.gateway_call(:'ann', 'note.emit', '{"n": 5, "audience": []}');
SELECT :'more' AS more;
SELECT payload::jsonb -> 'n' AS n, class FROM wrk.gateway_fetch(:'snapshot', :'upto', :last, 3) WHERE id IS NOT NULL;
SELECT payload::jsonb -> 'n' AS n FROM wrk.gateway_fetch(:'upto') WHERE id IS NOT NULL;

SELECT payload::jsonb -> 'n' AS ann FROM wrk.gateway_replay(:'ann', 'room:lobby', :'position', :'upto');
SELECT payload::jsonb -> 'n' AS otto FROM wrk.gateway_replay(:'otto', 'room:lobby', :'position', :'upto');
SELECT payload::jsonb -> 'n' AS gil FROM wrk.gateway_replay(:'gil', 'room:lobby', :'position', :'upto');
SELECT count(*) AS nothing_new FROM wrk.gateway_replay(:'ann', 'room:lobby', :'epoch' || '.' || :'upto', :'upto');
SELECT count(*) FROM wrk.gateway_replay(:'ann', 'room:lobby', :'position', :'upto', 1);
\echo :LAST_ERROR_SQLSTATE
-- a client chooses its position: what it may make the database look at is bounded
RESET ROLE;
SET wrk_copilot.max_replay_scan = 1000;
SELECT wrk.position() AS quiet \gset
SELECT count(wrk.emit('noise.made', '{}', '{tenant:initech}', tenant_id => 'initech')) FROM generate_series(1, 1001);
SELECT pg_current_snapshot() AS later \gset
SELECT count(*) FROM wrk.gateway_replay(:'ann', 'room:lobby', :'quiet', :'later');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM wrk.gateway_fetch(split_part(:'quiet', '.', 2), :'later', 0, 2000);
SET wrk_copilot.max_replay_scan = 1001;
SELECT count(*) FROM wrk.gateway_replay(:'ann', 'room:lobby', :'quiet', :'later');
RESET wrk_copilot.max_replay_scan;
SET ROLE regress_gateway;
SELECT count(*) FROM wrk.gateway_replay(:'ann', 'room:lobby', 'ffff-1.' || :'upto', :'upto');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM wrk.gateway_replay(:'ann', 'room:lobby', 'rubbish', :'upto');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM wrk.gateway_replay(:'gil', 'tenant:acme:room:lobby', :'position', :'upto');

-- and nothing else
SELECT p.oid::regprocedure AS may_execute FROM pg_proc p
WHERE pronamespace = 'wrk'::regnamespace AND has_function_privilege('regress_gateway', p.oid, 'EXECUTE')
	AND proname ~ '^(gateway|rpc|emit|event|api_key|jwt_key|impersonate|membership|doorbell|maintenance)' ORDER BY 1::text;
SELECT count(*) AS tables_it_may_read FROM pg_class
WHERE relnamespace = 'wrk'::regnamespace AND relkind IN ('r', 'p') AND has_table_privilege('regress_gateway', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE');
SELECT count(*) FROM public.note;
SELECT wrk.impersonate('acme', 'ann');
SELECT r AS may_become FROM unnest('{wrk_member,wrk_service,wrk_ops}'::name[]) r WHERE pg_has_role('regress_gateway', r, 'MEMBER');
RESET ROLE;

-- what was refused is a fact of whose token it was, of nobody without one, and no secret is in it
SELECT coalesce(max(id), 0) AS start FROM wrk.audit_log \gset
SELECT set_config('regress.ann', :'ann', false) = :'ann' AS kept;
SET ROLE regress_gateway;
SELECT wrk.gateway_refused('login', 'unauthorized', NULL, '192.0.2.7');
SELECT wrk.gateway_refused('call', 'forbidden', 'note.secret', '2001:db8::7', :'ann');
SELECT wrk.gateway_refused('channel', 'not_found', 'tenant:globex:room:lobby', NULL, :'ann');
SELECT wrk.gateway_refused('channel', 'not_found', 'tenant:acme', NULL, :'gil');
-- a token that is good no longer says nothing about anybody
SELECT wrk.gateway_refused('call', 'forbidden', 'note.secret', NULL, :'ann' || 'x');
SELECT wrk.gateway_refused('call', 'forbidden', 'note.secret', NULL, 'wrk_live_no_key');
-- however long it is
SELECT wrk.gateway_refused('call', repeat('c', 1000), repeat(U&'\+01F600', 10000), repeat('a', 1000), :'otto');
SELECT wrk.gateway_refused('export', 'forbidden', NULL, NULL);
SELECT wrk.gateway_refused(NULL, 'forbidden', NULL, NULL);
RESET ROLE;
SELECT l.tenant_id, l.user_id, l.via, l.db_user = session_user AS by, l.action, l.resource_type, left(l.resource_id, 24) AS resource_id, length(l.resource_id) AS long,
	left(l.metadata::text, 60) AS metadata, length(l.metadata::text) AS long
FROM wrk.audit_log l WHERE l.id > :start ORDER BY l.id;
SELECT count(*) FROM wrk.audit_log l WHERE to_jsonb(l)::text ~ (split_part(:'ann', '_', 4));
-- nobody floods the log: of a kind and tenant 30 a minute (and here a minute may end in between); others are not affected
DELETE FROM wrk.gateway_refusal_rate;
SELECT max(id) AS start FROM wrk.audit_log \gset
SET ROLE regress_gateway;
SELECT count(*) FILTER (WHERE recorded) BETWEEN 30 AND 60 AS bounded, count(*)
FROM (SELECT wrk.gateway_refused('call', 'forbidden', 'note.secret', NULL, current_setting('regress.ann')) AS recorded FROM generate_series(1, 100)) r;
SELECT count(*) FILTER (WHERE recorded) BETWEEN 30 AND 60 AS bounded, count(*)
FROM (SELECT wrk.gateway_refused('login', 'unauthorized', NULL, NULL) AS recorded FROM generate_series(1, 100)) r;
SELECT wrk.gateway_refused('channel', 'not_found', 'tenant:x', NULL, :'ann') AS another_kind;
SELECT wrk.gateway_refused('call', 'forbidden', 'x', NULL, :'gil') AS another_tenant;
RESET ROLE;
SELECT count(*) <= 60 AS bounded FROM wrk.audit_log WHERE id > :start AND action = 'call.refused' AND tenant_id = 'acme';
-- ... and the next one that is recorded says how many were not
UPDATE wrk.gateway_refusal_rate SET minute = minute - interval '1 minute';
SELECT max(id) AS start FROM wrk.audit_log \gset
SET ROLE regress_gateway;
SELECT wrk.gateway_refused('call', 'forbidden', 'note.secret', NULL, :'ann'), wrk.gateway_refused('call', 'forbidden', 'note.secret', NULL, :'ann');
RESET ROLE;
SELECT (metadata ->> 'left_out')::int BETWEEN 40 AND 70 AS says_how_many FROM wrk.audit_log WHERE id > :start ORDER BY id;
SELECT tenant_id, kind, left_out FROM wrk.gateway_refusal_rate ORDER BY 1, 2;
DELETE FROM wrk.gateway_refusal_rate;

DROP TABLE public.note;
DELETE FROM wrk.rpc;
-- answers are kept for a day, not for ever
SELECT count(*) > 0 AS kept FROM wrk.rpc_key;
UPDATE wrk.rpc_key SET created_at = now() - interval '25 hours';
UPDATE wrk.maintenance SET last_run = NULL WHERE name = 'wrk.rpc_key_retention';
CALL wrk.maintenance_run();
SELECT count(*) FROM wrk.rpc_key;
DELETE FROM wrk.channel_rule;
DROP FUNCTION public.may_join_room(text), public.note_add(jsonb), public.note_emit(jsonb), public.note_secret(jsonb);
DELETE FROM wrk.api_key;
DELETE FROM wrk.role WHERE name LIKE 'regress%';
DROP ROLE regress_gateway;
