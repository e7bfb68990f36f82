-- Notifications: who is told what, where they want it, and what they have read.
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
CREATE FUNCTION regress.call(method text, params jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE state text; message text;
BEGIN
	RETURN (SELECT result FROM wrk.rpc_call(method, params));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	RETURN to_jsonb(concat_ws(' ', state, message));
END $$;
CREATE FUNCTION regress.tell(who text, kind text, title text) RETURNS boolean LANGUAGE sql AS $$
	SELECT copilot.notify(regress.id('a', 0, 0), (SELECT id FROM regress.person p WHERE p.name = who), kind, title) IS NOT NULL
$$;
CREATE FUNCTION regress.outbox() RETURNS TABLE (person text, channel text, due text, key boolean) LANGUAGE sql AS $$
	SELECT u.name, j.payload ->> 'channel', j.payload ->> 'digest_until', j.key IS NOT NULL
	FROM wrk.job j JOIN copilot.users u ON u.id::text = j.payload ->> 'user_id' WHERE j.queue = 'notifications' ORDER BY j.id
$$;
DELETE FROM copilot.notifications;
DELETE FROM wrk.job;
CREATE TABLE regress.looked (id bigint);
INSERT INTO regress.looked SELECT coalesce(max(id), 0) FROM wrk.event;

-- one way in, and only for people who are there
SELECT copilot.notify(regress.id('a', 0, 0), regress.id('0', 1, 1), 'mention', 'Otto mentions you', '{"message_id": 7}', 'project', regress.id('a', 4, 1)::text) IS NOT NULL AS told;
SELECT regress.tell('gil', 'mention', 'somebody else''s'), regress.tell('nobody', 'mention', 'nobody''s');
UPDATE copilot.tenant_users SET status = 'inactive' WHERE user_id = regress.id('0', 1, 3);
SELECT regress.tell('quinn', 'mention', 'has left');
SELECT regress.tell('ann', 'gossip', 'no such kind');
\set VERBOSITY sqlstate
SELECT regress.tell('ann', 'chat', '');
\set VERBOSITY default
SELECT copilot.notify(regress.id('a', 0, 0), regress.id('0', 1, 1), 'chat', 'x', to_jsonb(repeat('x', 70000)));
SELECT regress.tell('ann', 'chat', repeat('long ', 100));
SELECT length(title) FROM copilot.notifications WHERE kind = 'chat';
SELECT e.type, e.channels, e.audience, (e.payload -> 'data') - '{id,created_at}'::text[] FROM wrk.event e
WHERE e.type LIKE 'notification.%' AND e.id > (SELECT id FROM regress.looked) ORDER BY e.id LIMIT 1;
SELECT * FROM regress.outbox();

-- everybody reads their own, whatever their role
:ann
SELECT n ->> 'kind', n ->> 'title', n ->> 'resource_type', n -> 'read_at', n ? 'tenant_id' OR n ? 'user_id' AS leaks
FROM jsonb_array_elements(regress.call('notification.list', '{"limit": 1}') -> 'notifications') n;
SELECT regress.call('notification.list', '{"limit": 1}') ->> 'next' AS next \gset
SELECT n ->> 'kind' FROM jsonb_array_elements(regress.call('notification.list', jsonb_build_object('after', :'next')) -> 'notifications') n;
SELECT n ->> 'kind' FROM jsonb_array_elements(regress.call('notification.list', '{"kind": "mention", "unread": true}') -> 'notifications') n;
SELECT regress.call('notification.unread_count');
SELECT id AS mine FROM copilot.notifications WHERE kind = 'mention' \gset
COMMIT;
:ada
SELECT regress.call('notification.list'), regress.call('notification.unread_count');
SELECT regress.call('notification.mark_read', jsonb_build_object('ids', jsonb_build_array(:'mine')));
UPDATE copilot.notifications SET read_at = now();
SELECT count(*) FROM copilot.notification_deliveries;
ROLLBACK;
:ann
INSERT INTO copilot.notifications (user_id, kind, title) VALUES (wrk.user_id()::uuid, 'system', 'forged');
ROLLBACK;
:ann
SELECT copilot.notify(regress.id('a', 0, 0), regress.id('0', 1, 5), 'system', 'forged');
ROLLBACK;
:ann
UPDATE copilot.notifications SET title = 'changed';
ROLLBACK;
:ann
DELETE FROM copilot.notifications;
ROLLBACK;

-- read once, at the time the clock says; the other windows hear of it
:ann
SELECT regress.call('notification.mark_read', jsonb_build_object('ids', jsonb_build_array(:'mine', :'mine', gen_random_uuid())));
SELECT regress.call('notification.mark_read', jsonb_build_object('ids', jsonb_build_array(:'mine')));
UPDATE copilot.notifications SET read_at = '2000-01-01' WHERE kind = 'chat';
SELECT kind, read_at > now() - interval '1 minute' AS now FROM copilot.notifications ORDER BY kind;
UPDATE copilot.notifications SET read_at = NULL;
SELECT count(read_at) FROM copilot.notifications;
SELECT regress.call('notification.unread_count');
COMMIT;
SELECT e.type, e.channels, e.payload ->> 'count', jsonb_array_length(e.payload -> 'ids') FROM wrk.event e
WHERE e.type = 'notification.read' AND e.id > (SELECT id FROM regress.looked) ORDER BY e.id;
-- all of them, or those until then
SELECT count(*) FROM generate_series(1, 300) n WHERE regress.tell('ann', 'change', 'Change ' || n);
UPDATE copilot.notifications SET created_at = now() - interval '1 hour' WHERE title < 'Change 2';
:ann
SELECT regress.call('notification.mark_all_read', jsonb_build_object('until', to_char((now() - interval '30 minutes') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));
SELECT regress.call('notification.mark_all_read');
SELECT regress.call('notification.mark_all_read');
COMMIT;
SELECT e.payload ->> 'count', jsonb_typeof(e.payload -> 'ids') FROM wrk.event e
WHERE e.type = 'notification.read' AND e.id > (SELECT id FROM regress.looked) ORDER BY e.id OFFSET 2;

-- where they want it: nowhere, elsewhere only, collected
:ann
SELECT p ->> 'kind', p -> 'channels', p ->> 'digest', p ->> 'own' FROM jsonb_array_elements(regress.call('notification.preferences') -> 'preferences') p;
SELECT regress.call('notification.set_preference', '{"kind": "chat", "channels": []}') IS NOT NULL;
SELECT regress.call('notification.set_preference', '{"kind": "mention", "channels": ["slack"]}') IS NOT NULL;
SELECT regress.call('notification.set_preference', '{"kind": "any", "channels": ["email", "in_app", "email"], "digest": "hourly"}') IS NOT NULL;
SELECT p ->> 'kind', p -> 'channels', p ->> 'digest', p ->> 'own' FROM jsonb_array_elements(regress.call('notification.preferences') -> 'preferences') p LIMIT 5;
COMMIT;
DELETE FROM wrk.job;
SELECT regress.tell('ann', 'chat', 'off'), regress.tell('ann', 'mention', 'only slack'), regress.tell('ann', 'change', 'one'), regress.tell('ann', 'alert', 'two'), regress.tell('ada', 'alert', 'hers');
SELECT person, channel, due::timestamptz > now(), key FROM regress.outbox();
:ann
SELECT regress.call('notification.list', '{"unread": true}') -> 'notifications' @> '[{"title": "only slack"}]' AS shown;
SELECT count(*) FROM jsonb_array_elements(regress.call('notification.list', '{"unread": true}') -> 'notifications');
SELECT regress.call('notification.set_preference', '{"kind": "any", "channels": null}') #> '{preferences,1,own}';
COMMIT;
SELECT copilot.digest_until('hourly', '2026-03-01 10:59:59 UTC') = '2026-03-01 11:00 UTC', copilot.digest_until('hourly', '2026-03-01 11:00 UTC') = '2026-03-01 12:00 UTC',
	copilot.digest_until('daily', '2026-03-01 06:59:59 UTC') = '2026-03-01 07:00 UTC', copilot.digest_until('daily', '2026-03-01 07:00 UTC') = '2026-03-02 07:00 UTC', copilot.digest_until('none', now());

-- ---------- sending ----------
CREATE ROLE regress_sender; GRANT wrk_service TO regress_sender;
\set sender 'BEGIN; SET LOCAL ROLE regress_sender;'
\set acme 'DO $$BEGIN PERFORM wrk.impersonate(''a0000000-0000-4000-8000-000000000000'', NULL, ''{system}''); END$$;'
\set globex 'DO $$BEGIN PERFORM wrk.impersonate(''b0000000-0000-4000-8000-000000000000'', NULL, ''{system}''); END$$;'
SELECT payload AS slack FROM wrk.job WHERE payload ->> 'channel' = 'slack' \gset
SELECT payload AS digest FROM wrk.job WHERE payload ? 'digest_until' \gset
SELECT payload AS hers FROM wrk.job WHERE payload ->> 'user_id' = regress.id('0', 1, 5)::text \gset
:sender :acme
SELECT (copilot.delivery_read(:'slack') #- '{groups,0,notifications,0,id}' #- '{groups,0,notifications,0,created_at}') - 'ids'::text;
-- switched off since: it is not sent by mail any more; what was read is not, either
SELECT copilot.delivery_read(:'digest') #> '{groups,0,notifications}' IS NOT NULL AS something, jsonb_array_length(copilot.delivery_read(:'digest') -> 'ids');
COMMIT;
:ada
SELECT regress.call('notification.mark_all_read') ->> 'marked';
COMMIT;
:sender :acme
SELECT copilot.delivery_read(:'hers') IS NULL AS read_already;
COMMIT;
-- a digest: by kind, all that was not sent
:ann
SELECT regress.call('notification.set_preference', '{"kind": "any", "channels": ["email"], "digest": "daily"}') IS NOT NULL;
COMMIT;
SELECT count(*) FROM generate_series(1, 250) n WHERE regress.tell('ann', 'change', 'Change ' || n);
SELECT regress.tell('ann', 'alert', 'three');
SELECT payload AS digest, due_at - clock_timestamp() <= '24 hours 1 minute' AS by_tomorrow FROM wrk.job WHERE payload ? 'digest_until' ORDER BY id DESC LIMIT 1 \gset
SELECT count(*) FROM wrk.job WHERE payload = :'digest';
:sender :acme
SELECT g ->> 'kind', jsonb_array_length(g -> 'notifications') FROM jsonb_array_elements(copilot.delivery_read(:'digest') -> 'groups') g;
SELECT d ->> 'digest', d -> 'to', d ->> 'omitted', jsonb_array_length(d -> 'ids') FROM copilot.delivery_read(:'digest') d;
SELECT copilot.delivery_done(:'digest', ARRAY(SELECT jsonb_array_elements_text(copilot.delivery_read(:'digest') -> 'ids')::uuid));
SELECT copilot.delivery_read(:'digest') IS NULL;
COMMIT;
-- in its tenant only, and for services only
:sender
SELECT copilot.delivery_read(:'slack');
ROLLBACK;
:sender :globex
SELECT copilot.delivery_read(:'slack') IS NULL, copilot.delivery_done(:'slack', ARRAY(SELECT (:'slack'::jsonb ->> 'notification_id')::uuid));
COMMIT;
:ada
SELECT copilot.delivery_read(:'slack');
ROLLBACK;
:sender :acme
SELECT copilot.delivery_done(:'slack', ARRAY[(:'slack'::jsonb ->> 'notification_id')::uuid]), copilot.delivery_done(:'slack', ARRAY[(:'slack'::jsonb ->> 'notification_id')::uuid]);
SELECT copilot.delivery_read(:'slack') IS NULL;
COMMIT;
-- a digest that lost its job gets another; a dead one waits for a person
SELECT regress.tell('ann', 'alert', 'four');
DELETE FROM wrk.job;
SELECT copilot.notification_sweep();
UPDATE copilot.notification_deliveries SET digest_until = now() - interval '1 hour' WHERE sent_at IS NULL AND digest_until IS NOT NULL;
SELECT copilot.notification_sweep(), copilot.notification_sweep();
SELECT count(*) FROM wrk.job;
UPDATE wrk.job SET state = 'dead', finished_at = now(), due_at = NULL;
SELECT copilot.notification_sweep();
-- forgotten when they are old
UPDATE copilot.notifications SET created_at = now() - interval '100 days' WHERE kind = 'change';
SELECT copilot.notification_sweep();
SELECT kind, count(*), bool_or(read_at IS NULL) FROM copilot.notifications GROUP BY 1 ORDER BY 1;
SELECT every FROM wrk.maintenance WHERE name = 'copilot.notification_sweep';

-- refusals
:ann
SELECT regress.call('notification.mark_read', p) FROM unnest('{"{}", "{\"ids\": []}", "{\"ids\": [1]}", "{\"ids\": [\"x\"]}", "{\"ids\": null}", "{\"id\": 1}"}'::jsonb[]) p;
SELECT regress.call('notification.list', p) FROM unnest('{"{\"unread\": 1}", "{\"kind\": \"gossip\"}", "{\"limit\": 0}", "{\"after\": \"x\"}", "[]"}'::jsonb[]) p;
SELECT regress.call('notification.set_preference', p) FROM unnest('{"{}", "{\"kind\": \"gossip\"}", "{\"kind\": \"chat\", \"channels\": \"email\"}", "{\"kind\": \"chat\", \"channels\": [\"fax\"]}", "{\"kind\": \"chat\", \"channels\": [null]}", "{\"kind\": \"chat\", \"channels\": [], \"digest\": \"weekly\"}"}'::jsonb[]) p;
SELECT regress.call('notification.mark_all_read', '{"until": "tomorrow"}');
ROLLBACK;
BEGIN;
:acme
SET LOCAL ROLE wrk_member;
SELECT regress.call('notification.list'), regress.call('notification.set_preference', '{"kind": "chat", "channels": []}');
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DROP ROLE regress_sender;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.job;
