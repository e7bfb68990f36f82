-- Flow 30: messages, from writing one to knowing who has read it; comments, rooms, mentions.
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
-- one line an answer; :last is the id it had
CREATE TABLE regress.last (id uuid);
INSERT INTO regress.last VALUES (NULL);
CREATE FUNCTION regress.keep(answer jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ UPDATE regress.last SET id = copilot.as_uuid(answer ->> 'id') $$;
CREATE FUNCTION regress.last() RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$ SELECT id FROM regress.last $$;
CREATE FUNCTION regress.call(method text, params jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; answer jsonb;
BEGIN
	SELECT result INTO answer FROM wrk.rpc_call(method, params);
	IF method IN ('message.send', 'room.create') THEN PERFORM regress.keep(answer); END IF;
	-- what is empty, or a time, says nothing here
	RETURN (SELECT jsonb_object_agg(key, CASE WHEN key ~ '_at$' THEN '"stamped"' WHEN key = 'room_id' THEN '"the room"' ELSE value END)
		FROM jsonb_each(answer) WHERE key NOT IN ('id', 'created_at', 'updated_at') AND value NOT IN ('null', '[]'));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', state, message, nullif(detail, ''));
END $$;
CREATE FUNCTION regress.join(channel text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN wrk.channel_resolve(channel) -> 'can';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE TABLE regress.looked (id bigint);
INSERT INTO regress.looked SELECT coalesce(max(id), 0) FROM wrk.event;
CREATE FUNCTION regress.news(pattern text, OUT type text, OUT channels text, OUT audience text, OUT said text)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT e.type,
		regexp_replace(regexp_replace(array_to_string(e.channels, ' '), 'tenant:(.)0000000-0000-4000-8000-000000000000', '\1', 'g'), 'chat:[0-9a-f-]+', 'chat:room'),
		array_to_string(e.audience, ' '), coalesce(e.payload #>> '{data,body}', (SELECT m.body FROM copilot.messages m WHERE m.id::text = e.payload ->> 'id'))
	FROM wrk.event e WHERE e.class <> 'x' AND e.id > (SELECT l.id FROM regress.looked l) AND e.type ~ pattern ORDER BY e.id;
	UPDATE regress.looked SET id = (SELECT max(e.id) FROM wrk.event e);
END $$;
CREATE FUNCTION regress.told() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT concat_ws('|', u.name, n.kind, n.title, n.payload ->> 'excerpt') FROM copilot.notifications n JOIN copilot.users u ON u.id = n.user_id
	WHERE n.kind = 'mention' ORDER BY n.created_at, u.name
$$;

-- the client writes, with a file and tags; mentioned people who may read it are told
:ann
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'Here is the sample',
	'attachments', '[{"name": "sample.csv", "url": "https://files.example.com/1", "type": "text/csv", "size": 1200}]'::jsonb,
	'tags', '["sample", "urgent", "sample"]'::jsonb, 'mentions', jsonb_build_array(regress.id('0', 1, 2), regress.id('0', 1, 1))));
COMMIT;
SELECT * FROM regress.told();
-- those who may not read it are not: a client of an internal note, a builder of another project
:otto
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'Discount?', 'type', 'internal_note',
	'mentions', jsonb_build_array(regress.id('0', 1, 1), regress.id('0', 1, 2), regress.id('0', 1, 5)))) LIKE '%Discount%';
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 2), 'body', 'Elsewhere', 'type', 'ops',
	'mentions', jsonb_build_array(regress.id('0', 1, 2), regress.id('0', 1, 1), regress.id('0', 1, 5)))) LIKE '%Elsewhere%';
COMMIT;
SELECT * FROM regress.told();
-- what is no attachment, tag or mention
:ann
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'x') || p)
FROM unnest(ARRAY['{"attachments": {}}', '{"attachments": [{"name": "x"}]}', '{"attachments": [{"name": "x", "url": "javascript:alert(1)"}]}',
	'{"attachments": [{"name": "x", "url": "https://x", "run": 1}]}', '{"tags": "x"}', '{"tags": [1]}', '{"tags": [""]}', '{"mentions": ["ann"]}',
	jsonb_build_object('mentions', jsonb_build_array(regress.id('0', 1, 6))), '{"anchor": {"node": "n1"}}', '{"type": "chat"}',
	jsonb_build_object('attachments', (SELECT jsonb_agg(jsonb_build_object('name', 'x', 'url', 'https://x')) FROM generate_series(1, 21)))]::jsonb[]) p;
ROLLBACK;

-- editing: the author, for 15 minutes; who is mentioned anew is told
:ann
SELECT regress.call('message.send', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'body', 'frist'));
COMMIT;
SELECT count(*) FROM regress.news('.');
:ann
SELECT regress.call('message.edit', jsonb_build_object('id', regress.last(), 'body', 'first', 'mentions', jsonb_build_array(regress.id('0', 1, 3))));
COMMIT;
SELECT * FROM regress.news('message');
-- and not again because an edit takes the name out and puts it in
:ann
SELECT count(regress.call('message.edit', jsonb_build_object('id', regress.last(), 'mentions', m))) FROM (VALUES ('[]'::jsonb), (jsonb_build_array(regress.id('0', 1, 3)))) v (m);
COMMIT;
SELECT count(*) FROM regress.news('message');
SELECT * FROM regress.told() OFFSET 2;
:otto
SELECT regress.call('message.edit', jsonb_build_object('id', regress.last(), 'body', 'forged'));
COMMIT;
:ada
SELECT regress.call('message.edit', jsonb_build_object('id', regress.last(), 'body', 'forged'));
ROLLBACK;
:gil
SELECT regress.call('message.edit', jsonb_build_object('id', regress.last(), 'body', 'forged'));
SELECT regress.call('message.delete', jsonb_build_object('id', regress.last()));
COMMIT;
UPDATE copilot.messages SET created_at = created_at - interval '16 minutes' WHERE id = regress.last();
:ann
SELECT regress.call('message.edit', jsonb_build_object('id', regress.last(), 'body', 'too late'));
UPDATE copilot.messages SET body = 'too late' WHERE id = regress.last();
ROLLBACK;

-- deleting: the author at any time, and who keeps order; the body is gone for everybody but the log
:bob
SELECT regress.call('message.delete', jsonb_build_object('id', regress.last()));
COMMIT;
SELECT count(*) FROM regress.news('.');
:ann
SELECT regress.call('message.delete', jsonb_build_object('id', regress.last()));
SELECT regress.call('message.edit', jsonb_build_object('id', regress.last(), 'body', 'again'));
SELECT m ->> 'body' AS body, m ->> 'deleted_at' IS NOT NULL AS deleted, m -> 'mentions' AS mentions
FROM copilot.message_list(jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) r, jsonb_array_elements(r -> 'messages') m
WHERE m ->> 'id' = regress.last()::text;
COMMIT;
SELECT * FROM regress.news('message');
:ada
SELECT l.changes #>> '{old,body}' FROM copilot.audit_logs(resource_type => 'message', resource_id => regress.last()::text, max_rows => 1) l;
COMMIT;
:ann
SELECT regress.call('message.send', jsonb_build_object('project_id', regress.id('a', 4, 1), 'body', 'rude')) LIKE '%rude%';
COMMIT;
:ada
SELECT regress.call('message.delete', jsonb_build_object('id', regress.last()));
COMMIT;

-- comments on what the blueprint has, and on nothing else
:ann
SELECT regress.call('message.send', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'body', 'Why twice?', 'anchor', '{"node": "n1", "path": ["label"]}'::jsonb));
SELECT regress.call('message.send', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'body', 'x', 'anchor', a))
FROM unnest('{"{\"node\": \"n2\"}","{\"edge\": \"n1\"}","{\"node\": \"n1\", \"edge\": \"e1\"}","{\"path\": []}","{\"node\": 1}","{\"node\": \"n1\", \"path\": [1]}","[]"}'::jsonb[]) a;
SELECT m ->> 'body' FROM copilot.message_list(jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'node', 'n1')) r, jsonb_array_elements(r -> 'messages') m;
COMMIT;

-- a room is its members' own
:ann
SELECT regress.call('room.create', jsonb_build_object('name', 'Us', 'members', jsonb_build_array(regress.id('0', 1, 2))));
COMMIT;
SELECT regress.last() AS room \gset
SELECT * FROM regress.news('room');
:bob
SELECT regress.call('message.send', jsonb_build_object('room_id', :'room', 'body', 'hi', 'mentions', jsonb_build_array(regress.id('0', 1, 5))));
SELECT regress.call('message.send', jsonb_build_object('room_id', :'room', 'body', 'hi', 'type', 'ops'));
SELECT regress.call('room.add_member', jsonb_build_object('id', :'room', 'user_id', regress.id('0', 1, 3)));
SELECT regress.join('chat:' || :'room');
COMMIT;
SELECT * FROM regress.news('message');
-- not even an admin's, who is not told by a mention either
:ada
SELECT regress.call('message.list', jsonb_build_object('room_id', :'room'));
SELECT regress.call('message.send', jsonb_build_object('room_id', :'room', 'body', 'hi'));
SELECT regress.call('room.add_member', jsonb_build_object('id', :'room', 'user_id', regress.id('0', 1, 5)));
SELECT count(*) FROM copilot.messages WHERE type = 'chat';
SELECT count(*) FROM copilot.rooms;
INSERT INTO copilot.messages (room_id, type, body) VALUES (:'room', 'chat', 'forged');
ROLLBACK;
:ada
SELECT regress.join('chat:' || :'room');
ROLLBACK;
:gil
SELECT regress.call('message.list', jsonb_build_object('room_id', :'room'));
SELECT regress.call('room.remove_member', jsonb_build_object('id', :'room', 'user_id', regress.id('0', 1, 1)));
ROLLBACK;
SELECT count(*) FROM regress.told() t WHERE t LIKE 'Ada%hi';
-- a workspace is not a chat; owners let in and out; whoever is out sees nothing; the last owner stays
:ann
SELECT regress.join('workspace:' || :'room');
ROLLBACK;
:ann
SELECT regress.call('room.add_member', jsonb_build_object('id', :'room', 'user_id', regress.id('0', 1, 6)));
SELECT regress.call('room.add_member', jsonb_build_object('id', :'room', 'user_id', regress.id('0', 1, 3)));
SELECT regress.call('room.remove_member', jsonb_build_object('id', :'room'));
SELECT regress.call('room.add_member', jsonb_build_object('id', :'room', 'user_id', regress.id('0', 1, 1), 'role', 'member'));
SELECT regress.call('room.remove_member', jsonb_build_object('id', :'room', 'user_id', regress.id('0', 1, 2)));
SELECT regress.call('room.rename', jsonb_build_object('id', :'room', 'name', 'The two of us')) LIKE '%The two of us%';
SELECT jsonb_path_query_array(copilot.call_room_list('{}'), '$.rooms[*].members[*].name');
COMMIT;
:bob
SELECT regress.call('message.list', jsonb_build_object('room_id', :'room'));
COMMIT;

-- unread: what others have written and one may read; counted to 100
UPDATE copilot.messages SET deleted_at = now() WHERE deleted_at IS NULL AND author_id = regress.id('0', 1, 1);
:ann
SELECT jsonb_path_query_array(copilot.call_message_unread('{}'), '$.threads[*].unread'), copilot.call_message_unread('{}') -> 'total';
COMMIT;
:otto
SELECT copilot.call_message_unread('{}') -> 'total';
COMMIT;
INSERT INTO copilot.messages (tenant_id, project_id, body, author_id)
SELECT regress.id('a', 0, 0), regress.id('a', 4, 2), 'm' || i, regress.id('0', 1, 5) FROM generate_series(1, 150) i;
:ann
SELECT jsonb_path_query_array(copilot.call_message_unread('{}'), '$.threads[*].unread');
SELECT regress.call('message.mark_read', jsonb_build_object('project_id', regress.id('a', 4, 2)));
SELECT regress.call('message.mark_read', jsonb_build_object('project_id', regress.id('a', 4, 2)));
SELECT jsonb_path_query_array(copilot.call_message_unread('{}'), '$.threads[*].unread');
-- back goes nothing
SELECT regress.call('message.mark_read', jsonb_build_object('id', regress.id('a', 5, 21)));
SELECT jsonb_path_query_array(copilot.call_message_unread('{}'), '$.threads[*].unread');
COMMIT;
SELECT count(*) FROM regress.news('.');

-- delivered, then read: each reader of the thread is told of the last message they may read
:otto
SELECT regress.call('message.mark_delivered', jsonb_build_object('project_id', regress.id('a', 4, 1)));
SELECT regress.call('message.mark_read', jsonb_build_object('id', regress.id('a', 5, 13)));
COMMIT;
SELECT * FROM regress.news('message');
-- receipts: of messages one may read, from those who may read them
:ann
SELECT copilot.call_message_receipts(jsonb_build_object('id', regress.id('a', 5, 11))) -> 'receipts';
SELECT copilot.call_message_receipts(jsonb_build_object('id', regress.id('a', 5, 14))) -> 'receipts';
SELECT regress.call('message.receipts', jsonb_build_object('id', regress.id('a', 5, 13)));
SELECT regress.call('message.mark_read', jsonb_build_object('id', regress.id('a', 5, 13)));
SELECT count(*) FROM copilot.message_receipts(regress.id('a', 5, 13));
SELECT count(*), bool_and(user_id = regress.id('0', 1, 1)) FROM copilot.message_reads;
-- nor does anybody read what is not written yet
UPDATE copilot.message_reads SET read_time = 'infinity', delivered_time = 'infinity';
SELECT count(*) FILTER (WHERE isfinite(read_time) AND isfinite(delivered_time)) = count(*) AS finite FROM copilot.message_reads;
UPDATE copilot.message_reads SET read_to = gen_random_uuid(), read_time = 'infinity';
SELECT count(*) FILTER (WHERE read_to = delivered_to OR EXISTS (SELECT FROM copilot.messages m WHERE m.id = read_to)) = count(*) AS there FROM copilot.message_reads;
INSERT INTO copilot.message_reads (thread_id, delivered_to, delivered_time) VALUES (regress.id('a', 4, 1), regress.id('a', 5, 13), now());
ROLLBACK;
:gil
SELECT regress.call('message.receipts', jsonb_build_object('id', regress.id('a', 5, 11)));
SELECT regress.call('message.mark_read', jsonb_build_object('id', regress.id('a', 5, 11)));
SELECT regress.call('message.mark_read', jsonb_build_object('project_id', regress.id('a', 4, 1)));
SELECT regress.call('message.mark_read', '{}');
COMMIT;
-- positions of threads that are gone are forgotten
SELECT copilot.message_read_retention();
DELETE FROM copilot.messages WHERE project_id = regress.id('a', 4, 2);
SELECT copilot.message_read_retention();

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.job;
