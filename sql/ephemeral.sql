-- Ephemeral events from SQL, and rules for receipts.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
CREATE ROLE regress_eph_member LOGIN IN ROLE wrk_member;
CREATE ROLE regress_eph_service LOGIN IN ROLE wrk_service;
CREATE ROLE regress_eph_nobody LOGIN;
\set SHOW_CONTEXT never
\pset null -
CREATE FUNCTION public.eph_room(id text) RETURNS text[] LANGUAGE sql STABLE
RETURN CASE id WHEN 'lobby' THEN ARRAY['read', 'publish'] WHEN 'library' THEN ARRAY['read'] END;
INSERT INTO wrk.channel_rule (pattern, authorizer) VALUES ('room:{id}', 'public.eph_room(text)');
SELECT wrk.api_key_create('acme', 'ann', '{}') AS ann, wrk.api_key_create('globex', 'gil', '{}') AS gil,
	wrk.api_key_create('acme', 'sue', '{}', scopes => '{note.*}') AS scoped \gset

-- without a gateway there is nobody to hear it, but the rules are the same
DELETE FROM wrk.gateway_bus;
BEGIN;
SET LOCAL ROLE regress_eph_member;
SELECT wrk.authenticate(:'ann') IS NOT NULL AS ann;
SELECT wrk.broadcast('room:lobby', 'cursor', '{"x": 1}');
COMMIT;

-- with one, what it says is tried by sidecar/test/e2e_ephemeral.test.mjs; here, who may say it
INSERT INTO wrk.gateway_bus (previous, channel, next) VALUES ('wrk_x_old', 'wrk_x_test', 'wrk_x_next');
CREATE FUNCTION public.eph_send(key text, channel text, type text, payload jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF key IS NOT NULL THEN
		PERFORM wrk.authenticate(key);
	END IF;
	PERFORM wrk.broadcast(channel, type, payload);
	RETURN 'sent';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || left(SQLERRM, 100);
END $$;
\pset format unaligned
\pset tuples_only on
SET ROLE regress_eph_member;
SELECT public.eph_send(:'ann', 'room:lobby', 'cursor', '{"x": 1}');
SELECT public.eph_send(:'ann', 'tenant:acme:room:lobby', 'typing_start', '{}');
SELECT public.eph_send(:'ann', 'room:library', 'cursor', '{}');
SELECT public.eph_send(:'ann', 'tenant:acme', 'cursor', '{}');
SELECT public.eph_send(:'ann', 'me', 'cursor', '{}');
-- of another tenant, of none, of nobody: one answer
SELECT public.eph_send(:'ann', c, 'cursor', '{}')
FROM unnest('{tenant:globex:room:lobby,tenant:globex:room:nothing,tenant:globex,tenant:nobody,room:nothing,attic:lobby,user:otto,tenant:acme:global,tenant:}'::text[]) c;
SELECT public.eph_send(:'ann', 'global', 'cursor', '{}');
SELECT public.eph_send(NULL, 'tenant:acme:room:lobby', 'cursor', '{}');
SELECT public.eph_send(:'scoped', 'room:lobby', 'cursor', '{}');
SELECT public.eph_send(:'ann', c, 'cursor', '{}') FROM unnest(ARRAY['', E'room:lobby\n', repeat('x', 600), NULL]) c;
-- types: nothing that the server itself would say
SELECT t, public.eph_send(:'ann', 'room:lobby', t, '{}')
FROM unnest(ARRAY['cursor', 'a', 'a_1', repeat('a', 32), repeat('a', 33), '', 'Cursor', '1a', '_a', 'a.b', 'presence:join', 'task.created', 'gap', 'bye', 'position', 'result', 'error', NULL]) t;
-- payloads: 6,144 bytes, not characters
SELECT octet_length(p::text), public.eph_send(:'ann', 'room:lobby', 'cursor', p)
FROM unnest(ARRAY[to_jsonb(repeat('x', 6142)), to_jsonb(repeat('x', 6143)), to_jsonb(repeat('€', 2047)), to_jsonb(repeat('€', 2048)),
	to_jsonb(repeat('"', 3071)), to_jsonb(repeat('"', 3072)), 'null', '1', '[]', NULL]) p;
RESET ROLE;
-- a service: any channel by its canonical name, and with an identity as that
SET ROLE regress_eph_service;
SELECT c, public.eph_send(NULL, c, 'cursor', '{}')
FROM unnest(ARRAY['tenant:acme:room:lobby', 'tenant:globex', 'global', 'room:lobby', 'me', 'tenant:', 'tenant::x', 'tenant', '', E'tenant:a\tb']) c;
BEGIN;
SELECT wrk.impersonate('acme', 'ann') IS NOT NULL;
SELECT public.eph_send(NULL, 'room:lobby', 'cursor', '{}'), public.eph_send(NULL, 'tenant:globex:room:lobby', 'cursor', '{}'),
	public.eph_send(NULL, 'tenant:acme:room:nothing', 'cursor', '{}'), public.eph_send(NULL, 'room:nothing', 'cursor', '{}');
COMMIT;
-- nobody else
SET ROLE regress_eph_nobody;
SELECT wrk.broadcast('tenant:acme', 'cursor');
SELECT * FROM wrk.receipt_rule;
SELECT wrk.gateway_receipts();
SET ROLE regress_eph_member;
SELECT * FROM wrk.receipt_rule;
INSERT INTO wrk.receipt_rule VALUES ('note.created', 'note.mark');
SELECT wrk.gateway_receipts();
RESET ROLE;
-- in a transaction of two phases nothing can be told
BEGIN;
SELECT public.eph_send(:'ann', 'room:lobby', 'cursor', '{}');
PREPARE TRANSACTION 'regress_eph';
ROLLBACK;

-- rules for receipts: gateways are told when they begin, and when they change
CREATE TEMP TABLE was AS SELECT * FROM wrk.receipt_rule;
DELETE FROM wrk.receipt_rule;
SELECT wrk.gateway_receipts();
INSERT INTO wrk.receipt_rule VALUES ('note.created', 'note.mark'), ('memo.created', 'note.mark');
SELECT wrk.gateway_hello('test') -> 'receipts';
INSERT INTO wrk.receipt_rule VALUES ('no type', 'x');
SELECT 'wrk.receipt_rule'::regclass = ANY (extconfig) FROM pg_extension WHERE extname = 'wrk_copilot';
DELETE FROM wrk.receipt_rule;
INSERT INTO wrk.receipt_rule SELECT * FROM was;

DELETE FROM wrk.gateway_bus;
DELETE FROM wrk.channel_rule;
DELETE FROM wrk.api_key;
DROP FUNCTION public.eph_room(text), public.eph_send(text, text, text, jsonb);
DROP ROLE regress_eph_member, regress_eph_service, regress_eph_nobody;
