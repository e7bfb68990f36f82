-- Flow 35: a version, or an automation with all its versions, comes to its end.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set flow :abs_srcdir '/regress/flow.sql'
\set ECHO none
\i :fixture
\i :flow
\set ECHO all
\pset format unaligned
\pset tuples_only on

CREATE FUNCTION regress.archive(n int, why text, key text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT regress.call('automation.archive', jsonb_strip_nulls(jsonb_build_object('id', regress.id('a', 2, n), 'reason', why)), key)
$$;
-- a version: what was not launched by operations, with a reason
:otto
SELECT regress.version('archive', 2);
SELECT regress.version('archive', 2, '{"reason": "No budget"}');
SELECT regress.version('archive', 2, '{"reason": "No budget"}');
ROLLBACK;
:ann
SELECT regress.version('archive', 2, '{"reason": "No budget"}');
SELECT regress.archive(2, 'No budget');
COMMIT;
-- what was, or is blocked, takes an admin
SELECT regress.load(1, 'live');
:otto
SELECT regress.version('archive', 1, '{"reason": "They have left"}');
SELECT copilot.automation_next_version(regress.id('a', 2, 1)) ->> 'number';
COMMIT;

-- an automation: every version or none. One of these is not for operations to end, so nothing happens
SELECT regress.look();
:otto
SELECT regress.archive(1, 'They have left');
SELECT number, status FROM copilot.automation_versions WHERE automation_id = regress.id('a', 2, 1) ORDER BY 1;
SELECT archived_at FROM copilot.automations WHERE id = regress.id('a', 2, 1);
COMMIT;
SELECT count(*) FROM regress.news('status_changed|notification|^automation\.');
:ada
SELECT regress.archive(1, NULL), regress.archive(1, ' '), regress.archive(1, repeat('x', 2001));
SELECT v ->> 'from' FROM jsonb_array_elements(regress.archive(1, 'They have left', 'flow 35, 1')::jsonb -> 'versions') v ORDER BY 1;
SELECT number, status, status_reason FROM copilot.automation_versions WHERE automation_id = regress.id('a', 2, 1) ORDER BY 1;
SELECT archived_at IS NOT NULL AS archived, archived_reason FROM copilot.automations WHERE id = regress.id('a', 2, 1);
-- the same key gets the same answer, without it there is nothing left to archive
SELECT regress.archive(1, 'They have left', 'flow 35, 1') ~ 'versions', regress.archive(1, 'They have left');
COMMIT;
SELECT type, payload -> 'to', payload -> 'reason' FROM regress.news('status_changed') WHERE channels <> '';
SELECT type, channels, payload -> 'changed' FROM regress.news('^automation\.');
SELECT * FROM regress.told();
SELECT l.action, p.name, l.changes #>> '{new,archived_reason}' FROM wrk.audit_log l JOIN regress.person p ON p.id = copilot.as_uuid(l.user_id), regress.looked WHERE l.id > looked.log AND l.action ~ '^automation\.|archived' ORDER BY l.id;
-- it is not in the list any more, unless asked for; it can be read, and has no next version
:ann
SELECT s, string_agg(a ->> 'name', ', ' ORDER BY a ->> 'name') FROM unnest('{current,archived,all}'::text[]) s, copilot.call_automation_list(jsonb_build_object('show', s)) l, jsonb_array_elements(l -> 'automations') a GROUP BY s ORDER BY s;
SELECT regress.call('automation.get', jsonb_build_object('id', regress.id('a', 2, 1))) ~ '"status": "archived"';
SELECT regress.call('automation_version.create_version', jsonb_build_object('automation_id', regress.id('a', 2, 1)));
COMMIT;
-- with all its versions archived one by one, it is a step of its own; one without versions as well
:otto
SELECT regress.version('archive', 2, '{"reason": "No budget"}');
SELECT regress.archive(2, 'No budget');
INSERT INTO copilot.automations (name) VALUES ('without versions');
SELECT copilot.automation_archive(id, 'A mistake') -> 'versions' FROM copilot.automations WHERE name = 'without versions';
COMMIT;
-- nobody stamps it by hand, nor ends what is not ended, nor what is another's
:ada
UPDATE copilot.automations SET archived_at = now();
ROLLBACK;
:ann
SELECT copilot.automation_mark_archived(regress.id('a', 2, 1), 'x');
ROLLBACK;
:gil
SELECT regress.archive(1, 'x'), regress.archive(9, 'x');
SELECT regress.call('automation.archive', jsonb_build_object('id', regress.id('b', 2, 1), 'reason', 'x'));
COMMIT;
BEGIN;
INSERT INTO copilot.automations (tenant_id, id, name) VALUES (regress.id('a', 0, 0), regress.id('a', 2, 3), 'without versions');
SELECT wrk.impersonate(regress.id('b', 0, 0)::text, regress.id('0', 1, 4)::text, '{admin}') IS NOT NULL;
SET LOCAL ROLE wrk_member;
SELECT regress.archive(2, 'x');
SAVEPOINT s;
SELECT copilot.automation_mark_archived(regress.id('b', 2, 1), 'x');
ROLLBACK TO s;
SELECT copilot.automation_mark_archived(regress.id('a', 2, 3), 'x');
ROLLBACK;
:bob
SELECT regress.archive(1, 'x'), regress.archive(2, 'x');
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
