-- Locks of any resource: who may take one, who is kept out, and when it ends.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
-- documents: all see and publish in those that begin with d, all read those that begin with r, or a uuid
CREATE FUNCTION public.may_join_doc(id text) RETURNS text[] LANGUAGE sql STABLE
RETURN CASE WHEN id ~ '^d' THEN '{read,publish}'::text[] WHEN id ~ '^[r0]' THEN '{read}'::text[] END;
INSERT INTO wrk.channel_rule (pattern, authorizer) VALUES ('doc:{id}', 'public.may_join_doc(text)');
INSERT INTO wrk.role (name, bit) VALUES ('regress_writer', 50), ('regress_boss', 51);
INSERT INTO wrk.permission (role, action, resource_type) VALUES ('regress_boss', 'steal_lock', 'doc'), ('regress_boss', 'lock', 'doc'),
	('regress_writer', 'read', 'regress_atom'), ('regress_writer', 'lock', 'regress_atom');
CREATE TABLE public.looked (id bigint);
INSERT INTO public.looked SELECT coalesce(max(id), 0) FROM wrk.event;
-- a statement in a user's name: its answer or its error, and what it wrote stays
CREATE FUNCTION public.attempt(who text, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; state text; message text; detail text;
BEGIN
	PERFORM wrk.impersonate(CASE WHEN who LIKE 'g%' THEN 'globex' ELSE 'acme' END, who,
		CASE WHEN who LIKE '%boss' THEN '{regress_boss}' ELSE '{regress_writer}' END::text[]);
	SET LOCAL ROLE wrk_member;
	EXECUTE command INTO answer;
	RESET ROLE;
	RETURN CASE WHEN answer LIKE '{%}' THEN (answer::jsonb - '{token,acquired_at,expires_at}'::text[])::text ELSE answer END;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', state, message, CASE WHEN detail LIKE '{%' THEN detail::jsonb - 'expires_at' END);
END $$;
CREATE FUNCTION public.news(OUT type text, OUT channels text, OUT payload jsonb) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT e.type, array_to_string(e.channels, ' '), e.payload - '{acquired_at,expires_at}'::text[]
	FROM wrk.event e WHERE e.id > (SELECT l.id FROM public.looked l) AND e.type <> 'audit.appended' ORDER BY e.id;
	UPDATE public.looked SET id = (SELECT max(e.id) FROM wrk.event e);
END $$;

-- one holds it, another is told who; whoever holds it keeps it; what is given back is free
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:d1')$$);
SELECT attempt('bob', $$SELECT wrk.lock_acquire('doc:d1')$$);
SELECT attempt('bob', $$SELECT wrk.lock_release('doc:d1')$$);
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:d1', '5 minutes')$$);
SELECT count(*), count(DISTINCT token), bool_and(expires_at > now() + interval '4 minutes') FROM wrk.lock WHERE resource = 'doc:d1';
SELECT attempt('ann', $$SELECT wrk.lock_release('doc:d1')$$);
SELECT attempt('ann', $$SELECT wrk.lock_release('doc:d1')$$);
SELECT attempt('bob', $$SELECT wrk.lock_acquire('doc:d1')$$);
SELECT * FROM news();
-- the same name in another tenant is another thing
SELECT attempt('gil', $$SELECT wrk.lock_acquire('doc:d1')$$);
SELECT attempt('gil', $$SELECT wrk.lock_acquire('tenant:acme:doc:d1')$$);
-- the canonical name and the short one are one resource, and so are spellings of a uuid
SELECT attempt('ann', $$SELECT wrk.lock_acquire('tenant:acme:doc:d1')$$);
SELECT attempt('boss', $$SELECT wrk.lock_acquire('doc:0E37DF36-F698-11E6-8DD4-CB9CED3DF976')$$);
SELECT attempt('bigboss', $$SELECT wrk.lock_acquire('doc:0e37df36-f698-11e6-8dd4-cb9ced3df976')$$);

-- fields: two of one resource do not meet, the whole meets each
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:d2', field => 'title')$$);
SELECT attempt('bob', $$SELECT wrk.lock_acquire('doc:d2', field => 'body')$$);
SELECT attempt('bob', $$SELECT wrk.lock_acquire('doc:d2', field => 'title')$$);
SELECT attempt('bob', $$SELECT wrk.lock_acquire('doc:d2')$$);
SELECT attempt('cat', $$SELECT string_agg(concat_ws(' ', field, user_id), ', ') FROM wrk.lock_list('doc:d2')$$);
SELECT attempt('ann', $$SELECT wrk.lock_release('doc:d2', field => 'title')$$);
SELECT attempt('bob', $$SELECT wrk.lock_acquire('doc:d2')$$);
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:d2', field => 'title')$$);

-- a lease that has run out counts for nothing, though nobody has removed it
UPDATE wrk.lock SET expires_at = now() - interval '1 second' WHERE resource = 'doc:d1' AND tenant_id = 'acme';
SELECT attempt('cat', $$SELECT count(*) FROM wrk.lock_list('doc:d1')$$);
-- not even its holder renews it
SELECT attempt('bob', $$SELECT wrk.lock_renew('doc:d1')$$);
SELECT token AS old FROM wrk.lock WHERE resource = 'doc:d1' AND tenant_id = 'acme' \gset
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:d1')$$);
SELECT token > :old AS a_greater_token FROM wrk.lock WHERE resource = 'doc:d1' AND tenant_id = 'acme';
SELECT attempt('bob', $$SELECT wrk.lock_renew('doc:d1')$$);
SELECT attempt('ann', $$SELECT wrk.lock_renew('doc:d1', '1 hour')$$);
SELECT attempt('ann', format('SELECT wrk.lock_renew(''doc:d1'', token => %s)', :old));
SELECT attempt('ann', format('SELECT wrk.lock_release(''doc:d1'', token => %s)', :old));
SELECT attempt('ann', format('SELECT wrk.lock_release(''doc:d1'', token => %s)', token)) FROM wrk.lock WHERE resource = 'doc:d1' AND tenant_id = 'acme';
-- the sweep only tidies up, and tells
UPDATE public.looked SET id = (SELECT max(id) FROM wrk.event);
UPDATE wrk.lock SET expires_at = now() - interval '1 second' WHERE resource = 'doc:d2' AND field = 'body';
SELECT wrk.lock_expire();
SELECT wrk.lock_expire();
SELECT * FROM news();

-- taking it away: a permission, told to the loser, and kept in the audit log
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:d3', field => 'title')$$);
SELECT attempt('bob', $$SELECT wrk.lock_steal('doc:d3')$$);
UPDATE public.looked SET id = (SELECT max(id) FROM wrk.event);
SELECT attempt('boss', $$SELECT wrk.lock_steal('doc:d3', reason => 'Ann is on holiday')$$);
SELECT * FROM news();
SELECT user_id, action, resource_type, resource_id, metadata FROM wrk.audit_log WHERE action = 'lock.stolen';
SELECT attempt('ann', $$SELECT wrk.lock_renew('doc:d3', field => 'title')$$);
-- of what is free, or one's own, nothing is stolen
SELECT attempt('boss', $$SELECT wrk.lock_steal('doc:d3')$$);
SELECT attempt('boss', $$SELECT wrk.lock_steal('doc:d4')$$);
SELECT count(*) FROM wrk.audit_log WHERE action = 'lock.stolen';

-- writers ask: refused for what another holds, whole or field, not for one's own, not for nobody
SELECT attempt('ann', $$SELECT wrk.lock_check('doc:d3')$$);
SELECT attempt('ann', $$SELECT wrk.lock_check('doc:d3', 'title')$$);
SELECT attempt('boss', $$SELECT wrk.lock_check('doc:d3')$$);
SELECT attempt('ann', $$SELECT wrk.lock_check('doc:d5')$$);
SELECT attempt('bob', $$SELECT wrk.lock_acquire('doc:d6', field => 'title')$$);
SELECT attempt('ann', $$SELECT wrk.lock_check('doc:d6')$$);
SELECT attempt('ann', $$SELECT wrk.lock_check('doc:d6', 'body')$$);
SELECT wrk.lock_check('doc:d3');

-- entities without a channel rule: the permission says it all
SELECT attempt('ann', $$SELECT wrk.lock_acquire('entity:regress_atom:7', field => '/label')$$);
SELECT attempt('boss', $$SELECT wrk.lock_acquire('entity:regress_atom:7')$$);

-- refused: what may not be seen is as if it did not exist, seen but not taken part in, no resources, bad leases
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:x1')$$);
SELECT attempt('ann', $$SELECT * FROM wrk.lock_list('doc:x1')$$);
SELECT attempt('ann', $$SELECT wrk.lock_check('doc:x1')$$);
SELECT attempt('boss', $$SELECT wrk.lock_steal('doc:x1')$$);
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:r1')$$);
SELECT attempt('boss', $$SELECT wrk.lock_acquire('doc:r1')$$);
SELECT n, attempt('ann', format('SELECT wrk.lock_acquire(%L)', n)) FROM unnest('{tenant:acme,global,me,user:ann,audit,entity:regress_atom,planet:7,"",NULL}'::text[]) n;
SELECT l, attempt('ann', format('SELECT wrk.lock_acquire(''doc:d9'', %L)', l)) FROM unnest('{0 s,-1 s,61 minutes,NULL,infinity}'::text[]) l;
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:d9', field => repeat('x', 513))$$);
SELECT attempt('boss', $$SELECT wrk.lock_steal('doc:d9', reason => repeat('x', 2001))$$);
BEGIN;
SELECT wrk.impersonate('acme', NULL, '{regress_writer}') IS NOT NULL;
SELECT wrk.lock_acquire('doc:d9');
ROLLBACK;
SELECT wrk.lock_acquire('doc:d9');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:d9')$$);
ROLLBACK;
SELECT attempt('ann', $$SELECT * FROM wrk.lock$$);
SELECT attempt('ann', $$SELECT wrk.lock_expire()$$);
SELECT attempt('ann', $$SELECT wrk.lock_put('doc:d9', '', '1 hour')$$);
-- not more than one can keep in mind
INSERT INTO wrk.lock (tenant_id, resource, user_id, acquired_at, expires_at)
SELECT 'acme', 'doc:d' || i, 'dan', now(), now() + interval '1 hour' FROM generate_series(1000, 1499) i;
SELECT attempt('dan', $$SELECT wrk.lock_acquire('doc:d9')$$);
-- rolled back, never locked
BEGIN;
SELECT attempt('ann', $$SELECT wrk.lock_acquire('doc:d9')$$);
ROLLBACK;
SELECT attempt('bob', $$SELECT wrk.lock_acquire('doc:d9')$$);

DROP FUNCTION public.attempt(text, text), public.news(), public.may_join_doc(text);
DROP TABLE public.looked;
DELETE FROM wrk.channel_rule WHERE pattern = 'doc:{id}';
DELETE FROM wrk.role WHERE name LIKE 'regress_%';
DELETE FROM wrk.lock;
