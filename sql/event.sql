-- Events: what emit() writes, what it refuses, and reading after a snapshot.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
CREATE ROLE event_service IN ROLE wrk_service;
CREATE ROLE event_member IN ROLE wrk_member;
CREATE ROLE event_trusted IN ROLE wrk_member;
GRANT EXECUTE ON FUNCTION wrk.emit(text, jsonb, text[], text[], text, text, text) TO event_trusted;

-- tries a call and says what became of it
CREATE FUNCTION public.try(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT wrk.emit(' || call || ')';
	RETURN 'written';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;

-- an event and everything it carries
SELECT pg_current_snapshot() AS start \gset
BEGIN;
SELECT wrk.impersonate('acme', 'u1', '{ops}') IS NOT NULL AS ok;
SELECT wrk.emit('note.created', '{"id": 1}', '{tenant:acme:project:42,tenant:acme}',
	audience => '{role:ops,user:u2}', class => 'state', state_key => 'note:1') > 0 AS has_id;
SELECT wrk.emit('note.seen', '{}', '{tenant:acme}', class => 'ephemeral') > 0 AS has_id;
SELECT wrk.emit('twice.named', '[]', '{tenant:acme,tenant:acme:a,tenant:acme}', audience => '{role:x,role:x}') > 0 AS has_id;
SELECT xid = pg_current_xact_id() AS own, slot = wrk.event_slot_current() AS current_slot, tenant_id, channels, type, payload, sender_id, audience, class, state_key, key,
	created_at BETWEEN transaction_timestamp() AND clock_timestamp() AS now
FROM wrk.event_since(:'start') ORDER BY id;
COMMIT;

-- ids rise, and a page goes on where the last one ended
SELECT count(*), count(DISTINCT id), bool_and(id > before) AS rising
FROM (SELECT id, lag(id, 1, 0::bigint) OVER () AS before FROM wrk.event_since(:'start')) e;
SELECT array_agg(type) AS first_page, max(id) AS last FROM wrk.event_since(:'start', NULL, 0, 2) \gset
SELECT :'first_page', array_agg(type) AS second_page FROM wrk.event_since(:'start', NULL, :last, 2);
SELECT count(*) FROM wrk.event_since(pg_current_snapshot());

-- upto closes the window
SELECT pg_current_snapshot() AS middle \gset
SELECT wrk.emit('late.one', '{}', '{tenant:acme}', tenant_id => 'acme') > 0 AS ok;
SELECT array_agg(type) AS types FROM wrk.event_since(:'start', :'middle');
SELECT array_agg(type) AS types FROM wrk.event_since(:'middle');
SELECT wrk.event_since(NULL);
SELECT count(*) FROM wrk.event_since('3:3:');

-- rolled back, whole or in part, is never seen
BEGIN;
SELECT wrk.emit('rolled.back', '{}', '{tenant:acme}', tenant_id => 'acme') > 0 AS ok;
ROLLBACK;
BEGIN;
SAVEPOINT a;
SELECT wrk.emit('savepoint.back', '{}', '{tenant:acme}', tenant_id => 'acme') > 0 AS ok;
ROLLBACK TO a;
SAVEPOINT b;
SELECT wrk.emit('savepoint.kept', '{}', '{tenant:acme}', tenant_id => 'acme') > 0 AS ok;
RELEASE b;
COMMIT;
SELECT array_agg(type) AS types FROM wrk.event_since(:'middle');

-- whatever the size of the pages, they add up to the whole: here with a gap of events
-- that are seen already between those of a slow transaction and the rest
CREATE FUNCTION public.in_pages(since pg_snapshot, max_rows integer) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[] := '{}';
	page bigint[];
BEGIN
	LOOP
		SELECT array_agg(id) INTO page FROM wrk.event_since(since, NULL, coalesce(ids[cardinality(ids)], 0), max_rows);
		EXIT WHEN page IS NULL;
		ids := ids || page;
	END LOOP;
	RETURN ids;
END
$$;
BEGIN;
SELECT pg_current_xact_id()::text AS slow \gset
SELECT wrk.emit('slow.one', '{}', '{tenant:acme}', tenant_id => 'acme') > 0 AS ok;
SELECT count(wrk.emit('slow.more', '{}', '{tenant:acme}', tenant_id => 'acme')) FROM generate_series(1, 100);
COMMIT;
SET synchronous_commit = off;
DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM wrk.emit('seen', '{}', '{tenant:acme}', tenant_id => 'acme'); COMMIT; END LOOP; END $$;
SELECT format('%s:%s:%s', :'slow', pg_snapshot_xmax(pg_current_snapshot()), :'slow')::pg_snapshot AS gap \gset
DO $$ BEGIN FOR i IN 1..50 LOOP PERFORM wrk.emit('new', '{}', '{tenant:acme}', tenant_id => 'acme'); COMMIT; END LOOP; END $$;
RESET synchronous_commit;
SELECT type, count(*) FROM wrk.event_since(:'gap') GROUP BY 1 ORDER BY 1;
SELECT max_rows, public.in_pages(:'gap', max_rows) = (SELECT array_agg(id) FROM wrk.event_since(:'gap')) AS same
FROM unnest('{1,7,100,101,102,150,151,152,1000}'::int[]) max_rows;
DROP FUNCTION public.in_pages(pg_snapshot, integer);

-- types
SELECT t, public.try(format('%L, ''{}'', ''{tenant:acme}'', tenant_id => ''acme''', t))
FROM unnest(ARRAY['a', 'task.created', 'entity:updated', 'a-b_c.d:e0', 'a' || repeat('b', 127), 'a' || repeat('b', 128),
	'', 'Task', '9a', '.a', 'a b', 'a/b', E'a\n', 'é', 'status.changed', 'status', 'bye', 'presence:leave']) t;

-- channels: canonical, and of the tenant
SELECT c, public.try(format('''a'', ''{}'', %L, tenant_id => ''acme''', ARRAY[c]))
FROM unnest(ARRAY['tenant:acme', 'tenant:acme:project:1', 'tenant:acme:user:x@y', 'global',
	'tenant:acme2', 'tenant:acm', 'tenant:other:project:1', 'project:1', 'acme', '', 'tenant:', 'tenant:acme:',
	'tenant:acme::x', 'tenant:acme:x:', 'tenant:acme:9', 'Tenant:acme', E'tenant:acme:a\x07', NULL]) c;
SELECT public.try('''a'', ''{}'', ''{}'', tenant_id => ''acme''');
SELECT public.try('''a'', ''{}'', (SELECT array_agg(''tenant:acme:a:'' || i) FROM generate_series(1, 32) i), tenant_id => ''acme''');
SELECT public.try('''a'', ''{}'', (SELECT array_agg(''tenant:acme:a:'' || i) FROM generate_series(1, 33) i), tenant_id => ''acme''');
SELECT public.try('''a'', ''{}'', ARRAY[''tenant:acme:'' || repeat(''a'', 501)], tenant_id => ''acme''') ~ '^WK400' AS too_long;
SELECT public.try('''a'', ''{}'', ''{tenant:a:b}'', tenant_id => ''a:b''');
SELECT public.try('''a'', ''{}'', ''{tenant:}'', tenant_id => ''''');

-- audiences
SELECT a, public.try(format('''a'', ''{}'', ''{tenant:acme}'', audience => %L, tenant_id => ''acme''', ARRAY[a]))
FROM unnest(ARRAY['role:ops', 'user:1', 'user:a:b', 'ops', 'role:', 'group:x', '', E'user:\x01', NULL]) a;
SELECT public.try('''a'', ''{}'', ''{tenant:acme}'', audience => NULL, tenant_id => ''acme''');

-- classes and payloads
SELECT c, public.try(format('''a'', ''{}'', ''{tenant:acme}'', class => %L, state_key => ''k'', tenant_id => ''acme''', c))
FROM unnest(ARRAY['critical', 'state', 'ephemeral', 'c', '', NULL]) c;
SELECT public.try('''a'', ''{}'', ''{tenant:acme}'', class => ''state'', tenant_id => ''acme''');
SELECT public.try('NULL, ''{}'', ''{tenant:acme}'', tenant_id => ''acme''');
SELECT public.try('''a'', NULL, ''{tenant:acme}'', tenant_id => ''acme''');
SELECT public.try('''a'', ''{}'', NULL, tenant_id => ''acme''');
SELECT public.try('''a'', to_jsonb(repeat(''x'', 1048576)), ''{tenant:acme}'', tenant_id => ''acme''') AS one_megabyte;
SELECT octet_length(payload #>> '{}') FROM wrk.event_since(:'middle') WHERE pg_column_size(payload) > 10000;
SELECT public.try('''a'', to_jsonb(repeat(''x'', 9000000)), ''{tenant:acme}'', tenant_id => ''acme''') AS nine_megabytes;
SET wrk_copilot.max_event_bytes = '1kB';
SELECT public.try('''a'', to_jsonb(repeat(''x'', 1024)), ''{tenant:acme}'', tenant_id => ''acme''') AS limited;
RESET wrk_copilot.max_event_bytes;

-- who may emit: not members; trusted code for the tenant of the identity; services for all
SET ROLE event_member;
SELECT public.try('''a'', ''{}'', ''{tenant:acme}'', tenant_id => ''acme''');
SET wrk_copilot.max_event_bytes = '1GB';
SELECT * FROM wrk.event;
SELECT * FROM wrk.event_0;
INSERT INTO wrk.event (channels, type, payload) VALUES ('{global}', 'a', '{}');
SELECT nextval('wrk.event_id_seq');
UPDATE wrk.event_slot SET current = true;
RESET ROLE;
SET ROLE event_trusted;
SELECT public.try('''a'', ''{}'', ''{tenant:acme}'', tenant_id => ''acme''') AS nobody;
RESET ROLE;
BEGIN;
SELECT wrk.impersonate('acme', 'u1') IS NOT NULL AS ok;
SET LOCAL ROLE event_trusted;
SELECT public.try('''a'', ''{}'', ''{tenant:acme}''') AS own_tenant;
SELECT public.try('''a'', ''{}'', ''{tenant:other}'', tenant_id => ''other''') AS other_tenant;
SELECT public.try('''a'', ''{}'', ''{tenant:other}''') AS other_channel;
SELECT public.try('''a'', ''{}'', ''{global}''') AS global_channel;
SELECT public.try('''a'', ''{}'', ''{global}'', tenant_id => NULL') AS no_tenant;
SET LOCAL ROLE event_service;
SELECT public.try('''a'', ''{}'', ''{tenant:other}'', tenant_id => ''other''') AS service_other;
SELECT public.try('''a'', ''{}'', ''{global}'', tenant_id => NULL') AS service_global;
SELECT public.try('''a'', ''{}'', ''{tenant:acme}'', tenant_id => NULL') AS service_mixed;
COMMIT;

-- nothing that only reads may emit
BEGIN READ ONLY;
SELECT wrk.emit('a', '{}', '{tenant:acme}', tenant_id => 'acme');
ROLLBACK;

-- whoever administers the database may index what events hold
CREATE INDEX event_oddity ON wrk.event ((payload ->> 'n')) WHERE type = 'odd.thing';
SELECT count(wrk.emit(t, jsonb_build_object('n', n), '{tenant:acme}', tenant_id => 'acme'))
FROM (VALUES (1, 'odd.thing'), (2, 'odd.thing'), (3, 'usual.thing')) AS v (n, t);
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT payload FROM wrk.event WHERE type = 'odd.thing' AND payload ->> 'n' = '2' AND slot = 0;
SELECT payload FROM wrk.event WHERE type = 'odd.thing' AND payload ->> 'n' = '2';
RESET enable_seqscan;
DROP INDEX wrk.event_oddity;

-- without a worker for this database the transaction rings itself: once, and only if it commits
SELECT mode, worker_pid FROM wrk.doorbell_status();
SELECT wrk.doorbell_mode();
LISTEN wrk_event;
BEGIN;
SELECT wrk.emit('a', '{}', '{tenant:acme}', tenant_id => 'acme') IS NOT NULL AS ok FROM generate_series(1, 3);
ROLLBACK;
UNLISTEN wrk_event;

DROP FUNCTION public.try(text);
REVOKE EXECUTE ON FUNCTION wrk.emit(text, jsonb, text[], text[], text, text, text) FROM event_trusted;
DROP ROLE event_service, event_member, event_trusted;
