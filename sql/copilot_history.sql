-- The product's history: what browsers ask of a row, who made it what it is, and back.
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
-- the version of Acme's first automation
CREATE FUNCTION regress.v1() RETURNS uuid LANGUAGE sql IMMUTABLE RETURN regress.id('a', 3, 1);
CREATE FUNCTION regress.call(method text, params jsonb) RETURNS text LANGUAGE sql
RETURN regress.answer(method, params);
CREATE FUNCTION regress.row(type text, id uuid) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN jsonb_build_object('type', type, 'id', id);
-- ids of changes differ from run to run: here they count from 1, from where the row was inserted last
CREATE VIEW regress.log AS SELECT l.id, l.resource_id, row_number() OVER (PARTITION BY l.resource_id ORDER BY l.id) AS n FROM wrk.audit_log l
WHERE l.resource_type <> 'note' AND l.id >= (
	SELECT max(i.id) FROM wrk.audit_log i WHERE i.resource_id = l.resource_id AND i.resource_type = l.resource_type AND i.op = 'i');
CREATE FUNCTION regress.nth(id uuid, change bigint) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
$$SELECT CASE WHEN change > 0 THEN (SELECT l.n FROM regress.log l WHERE l.resource_id = nth.id::text AND l.id = change) ELSE change END$$;
CREATE FUNCTION regress.change(id uuid, n bigint) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
$$SELECT CASE WHEN n > 0 THEN (SELECT l.id FROM regress.log l WHERE l.resource_id = change.id::text AND l.n = change.n) ELSE n END$$;
CREATE FUNCTION regress.timeless(answer text) RETURNS text LANGUAGE sql IMMUTABLE RETURN regexp_replace(answer, '"created_at": "[^"]*", ', '', 'g');
CREATE FUNCTION regress.list(type text, id uuid, more jsonb DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
	WITH a AS MATERIALIZED (SELECT regress.call('history.list', regress.row(type, id) || more) AS answer)
	SELECT answer FROM a WHERE answer LIKE 'WK%'
	UNION ALL
	SELECT concat_ws(' ', regress.nth(list.id, (c ->> 'id')::bigint), c ->> 'op', c ->> 'action', c ->> 'name', regress.timeless((c -> 'changes')::text),
		'reverts ' || regress.nth(list.id, (c ->> 'reverts')::bigint))
	FROM a, jsonb_array_elements(CASE WHEN answer NOT LIKE 'WK%' THEN answer::jsonb -> 'changes' END) WITH ORDINALITY e (c, n)
	UNION ALL
	SELECT 'next ' || regress.nth(list.id, (answer::jsonb ->> 'next')::bigint) FROM a WHERE answer NOT LIKE 'WK%' AND answer::jsonb ->> 'next' IS NOT NULL
$$;

-- ---------- whose history ----------

:ann
SELECT copilot.automation_version_capture(regress.v1(), '{"goals": {"problem": "Mail"}}') ->> 'intake_progress';
COMMIT;
-- the rest of the intake, which the log has nothing of: progress is computed
UPDATE copilot.automation_versions SET intake_progress = 100 WHERE id = regress.v1();
:ann
SELECT copilot.blueprint_apply(regress.v1(), 1, '{"meta": {"set": [[["title"], "Invoices"]]}, "nodes": {"added": [{"id": "n2", "label": "Read", "at": {"x": 1, "y": 2}}]}}') ->> 'version';
COMMIT;
:otto
SELECT wrk.transition('copilot.automation_versions', regress.v1()::text, 'needs_pricing') ->> 'to';
COMMIT;
:bob
SELECT copilot.blueprint_apply(regress.v1(), 2, '{"nodes": {"updated": [{"id": "n1", "set": [[["label"], "Scan"]]}]}}') ->> 'version';
COMMIT;
:ann
SELECT copilot.blueprint_undo(regress.v1()) ->> 'version', copilot.blueprint_redo(regress.v1()) ->> 'version';
COMMIT;

-- whoever sees the row sees what became of it, newest first
:quinn
SELECT * FROM regress.list('automation_version', regress.v1());
COMMIT;
-- an entry
:quinn
SELECT jsonb_object_agg(m.key, CASE m.key WHEN 'id' THEN to_jsonb((m.value #>> '{}')::bigint > 0) WHEN 'at' THEN to_jsonb((m.value #>> '{}')::timestamptz <= clock_timestamp())
	WHEN 'by' THEN to_jsonb((m.value #>> '{}')::uuid = regress.id('0', 1, 2)) ELSE m.value END)
FROM jsonb_each(regress.call('history.list', regress.row('automation_version', regress.v1()) || jsonb_build_object('limit', 1, 'after', regress.change(regress.v1(), 6)::text))::jsonb #> '{changes,0}') m;
-- by pages
SELECT * FROM regress.list('automation_version', regress.v1(), '{"limit": 2}');
SELECT * FROM regress.list('automation_version', regress.v1(), jsonb_build_object('limit', 2, 'after', regress.change(regress.v1(), 5)::text));
SELECT * FROM regress.list('automation_version', regress.v1(), jsonb_build_object('limit', 2, 'after', regress.change(regress.v1(), 3)::text));
SELECT regress.call('history.list', regress.row('automation_version', regress.v1()) || jsonb_build_object('after', regress.change(regress.v1(), 1)::text));
COMMIT;
-- that end sooner when they are large
BEGIN;
UPDATE copilot.automation_versions SET blueprint_json = jsonb_build_object('x', repeat(i::text, 250000)) FROM generate_series(1, 1) i WHERE id = regress.v1();
UPDATE copilot.automation_versions SET blueprint_json = jsonb_build_object('x', repeat('2', 250000)) WHERE id = regress.v1();
UPDATE copilot.automation_versions SET blueprint_json = jsonb_build_object('x', repeat('3', 250000)) WHERE id = regress.v1();
SELECT regress.act('ann');
SET LOCAL ROLE wrk_member;
WITH page AS (SELECT regress.call('history.list', regress.row('automation_version', regress.v1()))::jsonb p)
SELECT jsonb_array_length(p -> 'changes'), regress.nth(regress.v1(), (p ->> 'next')::bigint) FROM page;
ROLLBACK;

-- what nobody may know of is not told from what is not: other tenants' rows, other types, other ids
:gil
SELECT DISTINCT replace(replace(regress.call(m, regress.row(t.type, t.id) || p), t.type, 'TYPE'), t.id::text, 'ID')
FROM (VALUES ('history.list', '{}'::jsonb), ('history.diff', '{"from": 0, "to": 1}'), ('history.blame', '{"path": ["status"]}')) c (m, p),
	(VALUES ('automation_version', regress.v1()), ('automation_version', regress.id('a', 3, 9)), ('task', regress.id('a', 6, 13)),
		('message', regress.id('a', 5, 11)), ('user', regress.id('0', 1, 6)), ('nonsense', regress.v1())) t (type, id);
COMMIT;
-- what may turn from internal to public, and what is gone, is for those who may read the log
UPDATE copilot.tasks SET title = 'call them' WHERE id = regress.id('a', 6, 13);
:otto
SELECT * FROM regress.list('task', regress.id('a', 6, 13));
DELETE FROM copilot.tasks WHERE id = regress.id('a', 6, 13);
SELECT * FROM regress.list('task', regress.id('a', 6, 13));
COMMIT;
:ada
SELECT * FROM regress.list('task', regress.id('a', 6, 13), '{"limit": 1}');
SELECT regress.call('history.list', jsonb_build_object('type', 'user_role', 'id', regress.id('0', 1, 2) || ':builder')) ~ '"action": "user_role.created"';
COMMIT;
:quinn
SELECT regress.call('history.list', jsonb_build_object('type', 'user_role', 'id', regress.id('0', 1, 2) || ':builder')) ~ '^WK404';
COMMIT;
-- a table of somebody's own is none of the product's, whatever its rows are called
CREATE TABLE regress.note (tenant_id text NOT NULL, id uuid, body text, PRIMARY KEY (tenant_id, id));
GRANT SELECT ON regress.note TO wrk_member;
SELECT wrk.enable_tenancy('regress.note');
SELECT wrk.enable_audit('regress.note', 'note', history => 'readers');
INSERT INTO regress.note VALUES (regress.id('a', 0, 0), regress.v1(), 'mine');
:ada
SELECT count(*) > 0 FROM wrk.history('regress.note', regress.v1()::text);
SELECT regress.call('history.list', regress.row('note', regress.v1()));
COMMIT;
-- two spellings of one id; what is no id names nothing
:quinn
SELECT regress.call('history.list', jsonb_build_object('type', 'automation_version', 'id', upper(regress.v1()::text))) = regress.call('history.list', regress.row('automation_version', regress.v1()));
SELECT DISTINCT regress.call('history.list', jsonb_build_object('type', t, 'id', '7 or 8')) FROM unnest('{automation_version,user,tenant_user,user_role,project_member,nonsense}'::text[]) t ORDER BY 1;
COMMIT;

-- ---------- from one to another ----------

CREATE FUNCTION regress.diff(v1 int, v2 int) RETURNS text LANGUAGE sql RETURN
regexp_replace(regress.call('history.diff', regress.row('automation_version', regress.v1()) || jsonb_build_object(
	'from', regress.change(regress.v1(), v1), 'to', regress.change(regress.v1(), v2))), '"(to|from|created_at)": ("[^"]*"|\d+)(, )?', '', 'g');
:quinn
SELECT regress.diff(2, 4);
SELECT regress.diff(4, 2);
SELECT regress.diff(1, 6);
SELECT regress.diff(2, 2), regress.diff(0, 0);
SELECT regress.diff(0, 3);
COMMIT;

-- ---------- who made it what it is ----------

CREATE FUNCTION regress.blame(type text, id uuid, more jsonb DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
	WITH a AS MATERIALIZED (SELECT regress.call('history.blame', regress.row(type, id) || more) AS said),
	b AS (SELECT said::jsonb AS answer FROM a WHERE said NOT LIKE 'WK%')
	SELECT o.said FROM (
	SELECT 0, said FROM a WHERE said LIKE 'WK%'
	UNION ALL
	SELECT n, concat_ws(' ', regress.nth(blame.id, (l ->> 'change')::bigint), l ->> 'path', c ->> 'name')
	FROM b, jsonb_array_elements(answer -> 'leaves') WITH ORDINALITY e (l, n)
	LEFT JOIN LATERAL (SELECT c FROM b, jsonb_array_elements(answer -> 'changes') c WHERE c -> 'id' = l -> 'change') c ON true) o (n, said) ORDER BY n
$$;
:quinn
SELECT * FROM regress.blame('automation_version', regress.v1(), '{"path": ["blueprint_json"]}');
SELECT * FROM regress.blame('automation_version', regress.v1(), '{"path": ["blueprint_json", "nodes", "n1"]}');
SELECT * FROM regress.blame('automation_version', regress.v1(), '{"path": ["status"]}');
SELECT count(*) FROM regress.blame('automation_version', regress.v1()) b WHERE b ~ 'status_reason|requirements';
SELECT * FROM regress.blame('automation_version', regress.v1(), '{"path": ["blueprint_json", "nodes", "n9"]}');
SELECT * FROM regress.blame('automation_version', regress.v1(), '{"path": ["nonsense"]}');
COMMIT;

-- ---------- parameters ----------

:ann
SELECT regress.call('history.list', '{}'), regress.call('history.list', '{"type": "task"}'),
	regress.call('history.list', '{"id": 7, "type": 7}');
SELECT regress.call('history.list', regress.row('task', regress.v1()) || p) FROM (VALUES ('{"limit": 0}'::jsonb), ('{"limit": 201}'), ('{"after": 1}'),
	('{"after": "0"}'), ('{"after": "x"}'), ('{"tenant": 1}')) v (p);
SELECT regress.call('history.diff', regress.row('task', regress.v1()) || p) FROM (VALUES ('{"from": 1}'::jsonb), ('{"to": 1}'), ('{"from": "1", "to": 1}'),
	('{"from": -1, "to": 1}'), ('{"from": 1, "to": 1.5}'), ('{"from": 1, "to": 9007199254740992}'), ('{"from": 1, "to": 1e16}')) v (p);
SELECT regress.call('history.blame', regress.row('automation_version', regress.v1()) || p) FROM (VALUES ('{"path": "status"}'::jsonb), ('{"path": {}}'),
	('{"path": [1]}'), ('{"path": [null]}'), ('{"path": [["status"]]}'), (jsonb_build_object('path', array_fill('x'::text, '{101}')))) v (p);
SELECT regress.call('history.blame', regress.row('automation_version', regress.v1()) || '{"path": null}') LIKE '{"leaves"%';
COMMIT;

-- ---------- taking back a change ----------

-- the nth change of the row
CREATE FUNCTION regress.revert(n bigint, mode text DEFAULT 'strict', id uuid DEFAULT regress.v1()) RETURNS text LANGUAGE sql RETURN
regexp_replace(regress.call('history.revert', jsonb_build_object('change', regress.change(id, n), 'mode', mode)), '(change_id": |change )\d+', '\1N');
-- what somebody did is taken back, what others did since stays
DELETE FROM wrk.event;
:ann
SELECT regress.revert(5);
SELECT copilot.blueprint_get(jsonb_build_object('id', regress.v1())) -> 'document';
SELECT * FROM regress.list('automation_version', regress.v1(), '{"limit": 1}');
COMMIT;
-- it is an edit like any other to those who follow the blueprint, and can be undone
SELECT type, payload ->> 'version' FROM wrk.event WHERE type LIKE 'blueprint.%';
:ann
SELECT copilot.blueprint_undo(regress.v1()) -> 'changed', copilot.blueprint_get(jsonb_build_object('id', regress.v1())) #> '{document,nodes,0}';
COMMIT;
-- what was changed since is in conflict
:bob
SELECT copilot.blueprint_apply(regress.v1(), 7, '{"nodes": {"updated": [{"id": "n2", "set": [[["label"], "OCR"]]}]}}') -> 'version';
COMMIT;
:ann
SELECT regress.revert(7);
SELECT regress.revert(7, 'ours');
SELECT copilot.blueprint_get(jsonb_build_object('id', regress.v1())) -> 'document';
-- answers are taken back as long as they may be given
SELECT regress.revert(2);
ROLLBACK;
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'intake_in_progress' WHERE id = regress.v1();
SELECT wrk.status_import(false), regress.act('ann');
SET LOCAL ROLE wrk_member;
SELECT regress.revert(2);
SELECT requirements, intake_progress FROM copilot.automation_versions WHERE id = regress.v1();
ROLLBACK;
-- a status goes back if there is a step that leads there, for those whose step it is
:otto
SELECT regress.revert(4);
COMMIT;
-- with no more rights than by hand: who may not delete cannot take back an insert, nor insert with an id
:ada
SELECT regress.revert(1, id => regress.id('a', 3, 2)), regress.revert(3, id => regress.id('a', 6, 13));
COMMIT;
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'live' WHERE id = regress.v1();
SELECT wrk.status_import(false);
SELECT regress.act('ann');
SET LOCAL ROLE wrk_member;
SELECT regress.revert(5);
ROLLBACK;
-- a change one may not know of is none
:gil
SELECT DISTINCT regress.revert(n) FROM generate_series(1, 3) n;
SELECT regress.call('history.revert', '{"change": 9007199254740991}'), regress.call('history.revert', '{"change": 0}');
COMMIT;
:otto
SELECT regress.revert(3, id => regress.id('a', 6, 13));
SELECT regress.call('history.revert', '{}'), regress.call('history.revert', '{"change": "1"}'), regress.call('history.revert', '{"change": 1, "mode": "lww"}'),
	regress.call('history.revert', '{"change": 1, "id": 1}');
COMMIT;

SELECT method, description FROM wrk.rpc WHERE method LIKE 'history.%' ORDER BY 1;

SET client_min_messages = warning;
DROP TABLE regress.note;
DELETE FROM copilot.tenants;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.rpc_key;
