-- The application's log: what is in it, who reads it, and who is told that it grew.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set ECHO none
\i :fixture
\set ECHO all
SELECT coalesce(max(id), 0) AS start FROM wrk.audit_log \gset
SELECT set_config('regress.start', :'start', false) = :'start';
INSERT INTO regress.person VALUES ('carl', regress.id('0', 1, 8), 'a', '{cs_admin}'), ('olga', regress.id('0', 1, 9), 'a', '{ops_admin}'),
	('sys', NULL, 'a', '{system}'), ('gina', regress.id('0', 1, 10), 'b', '{admin}');
\set carl 'BEGIN; DO $$BEGIN PERFORM regress.act(''carl''); END$$; SET LOCAL ROLE wrk_member;'
\set gina 'BEGIN; DO $$BEGIN PERFORM regress.act(''gina''); END$$; SET LOCAL ROLE wrk_member;'
-- an answer or an error in one line; ids of the log count from the test's beginning
CREATE FUNCTION regress.call(method text, params jsonb) RETURNS text LANGUAGE sql
RETURN regress.answer(method, params);
CREATE FUNCTION regress.list(params jsonb) RETURNS TABLE (action text, type text, who text, name text) LANGUAGE sql AS $$
	SELECT e ->> 'action', e ->> 'resource_type', coalesce(p.name, '-'), coalesce(e ->> 'name', '-')
	FROM wrk.rpc_call('audit.list', params) r, jsonb_array_elements(r.result -> 'entries') WITH ORDINALITY o (e, n)
	LEFT JOIN regress.person p ON p.id::text = e ->> 'user_id'
	WHERE (e ->> 'id')::bigint > current_setting('regress.start')::bigint AND e ->> 'op' <> 'f' ORDER BY o.n
$$;
GRANT SELECT ON regress.person TO wrk_member;
\pset format unaligned
\pset tuples_only on

-- every table is audited, or it is said here that it is not; whose history its readers see
SELECT c.relname, coalesce(a ->> 'resource', 'NOT AUDITED'), a ->> 'id', a ->> 'tenant', a ->> 'action', a ->> 'history', a -> 'announce', a -> 'exclude'
FROM pg_class c CROSS JOIN LATERAL wrk.audit_config(c.oid) a
WHERE c.relnamespace = 'copilot'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1;
-- under the names that events have
SELECT c.relname, wrk.event_config(c.oid) ->> 'entity' FROM pg_class c WHERE c.relnamespace = 'copilot'::regnamespace
	AND wrk.event_config(c.oid) ->> 'entity' <> coalesce(wrk.audit_config(c.oid) ->> 'resource', '');
-- readers see the history only of rows that they see whatever is in them
SELECT p.tablename, p.policyname FROM pg_policies p JOIN pg_class c ON c.oid = format('%I.%I', p.schemaname, p.tablename)::regclass
WHERE wrk.audit_config(c.oid) ->> 'history' = 'readers' AND p.cmd IN ('ALL', 'SELECT') ORDER BY 1, 2;
-- and what a member may not write, a trigger keeps; none of it is in the log but what never changes
SELECT a.attrelid::regclass, string_agg(a.attname, ',' ORDER BY a.attnum)
FROM pg_attribute a WHERE a.attrelid IN (SELECT c.oid FROM pg_class c WHERE wrk.audit_config(c.oid) ->> 'history' = 'readers')
	AND a.attnum > 0 AND NOT a.attisdropped AND NOT has_column_privilege('wrk_member', a.attrelid, a.attnum, 'UPDATE')
	AND NOT coalesce(wrk.audit_config(a.attrelid) -> 'exclude', '[]') ? a.attname::text GROUP BY 1 ORDER BY 1;

-- ---------- what is recorded ----------
:otto
UPDATE copilot.tasks SET status = 'in_progress' WHERE id = regress.id('a', 6, 12);
UPDATE copilot.tasks SET status = 'done', title = 'done at last' WHERE id = regress.id('a', 6, 12);
UPDATE copilot.projects SET eta = '2026-03-01 UTC' WHERE id = regress.id('a', 4, 1);
INSERT INTO copilot.messages (project_id, type, body) VALUES (regress.id('a', 4, 1), 'internal_note', 'they are late with money');
UPDATE copilot.projects SET eta = eta;
COMMIT;
:ada
INSERT INTO copilot.user_roles (user_id, role) VALUES (regress.id('0', 1, 1), 'ops');
DELETE FROM copilot.user_roles WHERE user_id = regress.id('0', 1, 1) AND role = 'ops';
COMMIT;
:ann
UPDATE copilot.users SET name = 'Ann B.' WHERE id = regress.id('0', 1, 1);
SELECT regress.call('blueprint.apply', jsonb_build_object('id', regress.id('a', 3, 1), 'version', 1, 'diff',
	'{"nodes": {"added": [{"id": "n2"}]}}'::jsonb)) LIKE '%"version": 2%';
COMMIT;
:gil
INSERT INTO copilot.messages (project_id, type, body) VALUES (regress.id('b', 4, 1), 'client', 'hello');
COMMIT;
:ada
SELECT * FROM regress.list('{}');
SELECT l.resource_id, l.op, l.changes #- '{new,granted_at}' #- '{old,granted_at}' FROM copilot.audit_logs(max_rows => 20) l
WHERE l.id > current_setting('regress.start')::bigint AND l.resource_type IN ('user_role', 'task') ORDER BY l.id;
-- the words of an internal note are in the log of who may read the log
SELECT l.changes #>> '{new,body}', l.roles FROM copilot.audit_logs(resource_type => 'message', max_rows => 1) l;
-- a design as a diff, without its counters
SELECT l.changes -> 'diff', l.changes ? 'new' FROM copilot.audit_logs(resource_type => 'automation_version', max_rows => 1) l;
COMMIT;
-- people belong to no tenant
SELECT tenant_id, user_id, changes FROM wrk.audit_log WHERE id > :start AND resource_type = 'user' AND op = 'u';

-- ---------- filters and pages ----------
:ada
SELECT * FROM regress.list('{"action": "task."}');
SELECT * FROM regress.list('{"action": "task.status.done"}');
SELECT * FROM regress.list(jsonb_build_object('user', regress.id('0', 1, 1)));
SELECT * FROM regress.list('{"type": "user_role"}');
SELECT * FROM regress.list(jsonb_build_object('type', 'task', 'id', upper(regress.id('a', 6, 12)::text), 'limit', 2));
SELECT * FROM regress.list('{"type": "task", "to": "2001-01-01"}');
SELECT count(*) FROM regress.list('{"type": "user_role", "from": "2001-01-01", "to": "2999-01-01"}');
SELECT count(*) FROM regress.list('{"action": "%"}');
SET LOCAL wrk_copilot.request_id = 'request 7';
UPDATE copilot.automations SET description = 'seventh' WHERE id = regress.id('a', 2, 1);
SELECT * FROM regress.list('{"request": "request 7"}');
-- page by page is the same as all at once
CREATE FUNCTION pg_temp.pages(size int) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE page jsonb; next text;
BEGIN
	LOOP
		page := copilot.audit_list(jsonb_strip_nulls(jsonb_build_object('limit', size, 'after', next)));
		RETURN QUERY SELECT jsonb_array_elements(page -> 'entries');
		next := page ->> 'next';
		EXIT WHEN next IS NULL;
	END LOOP;
END $$;
SELECT count(*) > 20 AS many, count(DISTINCT e -> 'id') = count(*) AS once,
	array_agg(e ORDER BY n) = (SELECT array_agg(x) FROM (SELECT jsonb_array_elements(copilot.audit_list('{"limit": 200}') -> 'entries') x) o) AS same
FROM pg_temp.pages(7) WITH ORDINALITY p (e, n);
SELECT e ? 'tenant_id' OR e ? 'xid' FROM pg_temp.pages(200) e LIMIT 1;
SELECT regress.call('audit.list', '{"after": "x"}');
SELECT regress.call('audit.list', '{"after": "0"}');
SELECT regress.call('audit.list', '{"after": 5}');
SELECT regress.call('audit.list', '{"limit": 201}');
SELECT regress.call('audit.list', '{"from": "yesterday"}');
SELECT regress.call('audit.list', '{"tenant": "b"}');
SELECT regress.call('audit.list', '[]');
SELECT regress.call('audit.verify', '{"from": "yesterday"}');
SELECT regress.call('audit.verify', '{"tenant": "b"}');
SELECT r.result - '{at,rows,seals,unsealed}'::text[], r.result -> 'at' IS NOT NULL, (r.result -> 'rows')::integer + (r.result -> 'unsealed')::integer > 0
FROM wrk.rpc_call('audit.verify', '{}') r;
SELECT copilot.audit_logs(max_rows => 1001);
ROLLBACK;

-- ---------- who reads it ----------
\echo :gina
:gina
SELECT * FROM regress.list('{}');
SELECT count(*) FROM copilot.audit_logs(max_rows => 1000) l WHERE l.tenant_id <> regress.id('b', 0, 0)::text;
SELECT count(*) FROM copilot.audit_logs(resource_id => regress.id('a', 6, 12)::text);
SELECT count(*) FROM copilot.audit_logs(user_id => regress.id('0', 1, 1)::text);
COMMIT;
-- whoever administers the tenant does, nobody else: nothing of the rows they see either, nor by the table
CREATE FUNCTION regress.reads(person text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regress.act(person);
	SET LOCAL ROLE wrk_member;
	RETURN format('%s: log %s, table %s, channel %s, call %s', person, (SELECT count(*) > 0 FROM copilot.audit_logs()),
		(SELECT count(*) > 0 FROM wrk.audit_log), regress.channel('audit'), left(regress.call('audit.list', '{}'), 6)) ||
		format(', seals %s', regress.call('audit.verify', '{"from": "2000-01-01", "to": "2000-01-02"}') !~ 'WK403');
END $$;
CREATE FUNCTION regress.channel(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN wrk.channel_resolve(name);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
\set reads 'BEGIN; SELECT regress.reads('
:reads 'ada'); ROLLBACK;
:reads 'olga'); ROLLBACK;
:reads 'carl'); ROLLBACK;
:reads 'otto'); ROLLBACK;
:reads 'ann'); ROLLBACK;
:reads 'bob'); ROLLBACK;
:reads 'quinn'); ROLLBACK;
:reads 'sys'); ROLLBACK;
-- nobody: no identity
BEGIN; SET LOCAL ROLE wrk_member; SELECT count(*) FROM copilot.audit_logs(); ROLLBACK;
-- reading is all, and of the own tenant only
:ada
SELECT regress.channel('audit');
SELECT regress.channel('tenant:' || regress.id('a', 0, 0) || ':audit');
SELECT regress.channel('tenant:' || regress.id('b', 0, 0) || ':audit');
SELECT regress.channel('audit:'), regress.channel('audit:1'), regress.channel('audits'), regress.channel('tenant:audit');
INSERT INTO wrk.audit_log SELECT * FROM wrk.audit_log LIMIT 1;
ROLLBACK;
-- what was internal stays so: who sees the row now does not see what it was before
UPDATE copilot.messages SET type = 'client', body = 'all is well' WHERE id = regress.id('a', 5, 13);
UPDATE copilot.tasks SET kind = 'general_todo', title = 'Call' WHERE id = regress.id('a', 6, 13);
CREATE FUNCTION regress.history(tbl regclass, id uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT string_agg(coalesce(h.changes #>> '{old,body}', h.changes #>> '{old,title}', h.changes #>> '{old,eta}', '-'), ' ' ORDER BY h.id)
		FROM wrk.history(tbl, id::text) h);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
:ann
SELECT (SELECT body FROM copilot.messages m WHERE m.id = regress.id('a', 5, 13)), (SELECT title FROM copilot.tasks t WHERE t.id = regress.id('a', 6, 13));
SELECT regress.history('copilot.messages', regress.id('a', 5, 13)), regress.history('copilot.tasks', regress.id('a', 6, 13)),
	regress.history('copilot.projects', regress.id('a', 4, 1)) <> 'WK404';
COMMIT;
:ada
SELECT regress.history('copilot.messages', regress.id('a', 5, 13)), regress.history('copilot.tasks', regress.id('a', 6, 13));
COMMIT;
-- the channel's events: of this tenant's log, and only there
SELECT DISTINCT e.channels = ARRAY['tenant:' || e.tenant_id || ':audit'], e.class
FROM wrk.event e WHERE e.type = 'audit.appended';

-- ---------- installed again, over an installation without it ----------
SELECT count(*) AS audited FROM pg_class c WHERE c.relnamespace = 'copilot'::regnamespace AND wrk.audit_config(c.oid) IS NOT NULL \gset
SELECT count(wrk.disable_audit(c.oid)::text) = :audited FROM pg_class c WHERE c.relnamespace = 'copilot'::regnamespace AND wrk.audit_config(c.oid) IS NOT NULL;
DELETE FROM wrk.permission WHERE resource_type = 'audit_log';
DELETE FROM wrk.rpc WHERE method = 'audit.list';
ALTER TABLE copilot.user_roles DROP COLUMN id;
BEGIN; SELECT regress.reads('ada'); ROLLBACK;
SELECT copilot.install();
BEGIN; SELECT regress.reads('ada'); ROLLBACK;
SELECT count(*) = :audited FROM pg_class c WHERE c.relnamespace = 'copilot'::regnamespace AND wrk.audit_config(c.oid) IS NOT NULL;
SELECT id FROM copilot.user_roles WHERE user_id = regress.id('0', 1, 5);
-- what the installation took away stays away
DELETE FROM wrk.permission WHERE resource_type = 'audit_log' AND role = 'cs_admin';
SELECT copilot.install();
BEGIN; SELECT regress.reads('carl'); ROLLBACK;
INSERT INTO wrk.permission (role, action, resource_type) VALUES ('cs_admin', 'read', 'audit_log');

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.event;
