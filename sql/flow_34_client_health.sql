-- Flow 34: health of clients; what the system sees, what people say, alerts and retention tasks.
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
CREATE FUNCTION regress.call(method text, params jsonb DEFAULT '{}') RETURNS text LANGUAGE sql
RETURN regress.answer(method, params, '{id,created_at,updated_at,assessed_at,members,next}', NULL);
SELECT tenant_id AS acme_tenant, id AS acme FROM copilot.clients WHERE tenant_id = regress.id('a', 0, 0) \gset
UPDATE copilot.clients SET owner_id = regress.id('0', 1, 4) WHERE tenant_id = :'acme_tenant';
DELETE FROM copilot.tasks;
DELETE FROM copilot.notifications;
CREATE TABLE regress.looked AS SELECT coalesce(max(id), 0) AS id FROM wrk.event;
-- what operations has to do and is told
CREATE FUNCTION regress.tasks() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' | ', title, status, priority, (SELECT name FROM copilot.users u WHERE u.id = assignee_id), rule,
		round(extract(epoch FROM due_at - now()) / 86400) || ' days') FROM copilot.tasks WHERE kind = 'client_retention' ORDER BY created_at
$$;
CREATE FUNCTION regress.told() RETURNS SETOF text LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM copilot.notifications n WHERE resource_type = 'client' RETURNING n.*)
	SELECT concat_ws(' | ', (SELECT name FROM copilot.users u WHERE u.id = user_id), kind, title, payload ->> 'from', payload ->> 'to', payload ->> 'reason') FROM gone ORDER BY 1
$$;

-- nothing to be seen: good health, nobody is told, nothing to do
SELECT copilot.client_assess(:'acme_tenant') - '{id,assessed_at,created_at,updated_at}'::text[];
SELECT regress.tasks(), regress.told();

-- a person of operations sees a risk: with a reason, and the other people of operations are alerted; one task for the owner
:otto
SELECT regress.call('client.set_health', '{"status": "at_risk"}');
SELECT regress.call('client.set_health', '{"status": "at_risk", "reason": "They look at others", "hold_days": 10}')::jsonb - 'held_until';
COMMIT;
SELECT regress.tasks();
SELECT regress.told();
-- saying it again prolongs it and repeats nothing; it gets worse, and the same task more urgent
:otto
SELECT regress.call('client.set_health', '{"status": "at_risk"}')::jsonb ->> 'status_reason';
SELECT round(extract(epoch FROM held_until - now()) / 86400) FROM copilot.client_health;
COMMIT;
SELECT regress.told();
:ada
SELECT regress.call('client.set_health', '{"status": "churn_risk", "reason": "They have given notice"}')::jsonb ->> 'status';
COMMIT;
SELECT regress.tasks();
SELECT regress.told();

-- what a person said holds: the assessment sees no risk and leaves it at that, until the time is over
SELECT copilot.client_assess(:'acme_tenant') ->> 'status';
UPDATE copilot.client_health SET held_until = now() - interval '1 second';
SELECT copilot.client_assess(:'acme_tenant') ->> 'status';
SELECT regress.tasks();
SELECT regress.told();

-- what the system sees: runs that fail, usage that falls, versions that wait, people who stay away
CREATE FUNCTION regress.month(n int) RETURNS date LANGUAGE sql STABLE RETURN (date_trunc('month', now() AT TIME ZONE 'UTC') - n * interval '1 month')::date;
SELECT signal, weight, message FROM copilot.client_signals(:'acme_tenant');
INSERT INTO copilot.usage_aggregates (tenant_id, automation_version_id, period_start, period_end, runs, succeeded, failed, units)
SELECT :'acme_tenant', regress.id('a', 3, 1), regress.month(m), regress.month(m - 1), 100, 100 - f, f, u
FROM (VALUES (0, 10, 10), (1, 10, 49), (2, 0, 100)) v (m, f, u);
SELECT signal, weight, message FROM copilot.client_signals(:'acme_tenant');
-- exactly a half is no fall, exactly a fifth is a failure
UPDATE copilot.usage_aggregates SET units = 50, failed = 30, succeeded = 70 WHERE period_start = regress.month(1);
SELECT signal, weight, message FROM copilot.client_signals(:'acme_tenant');
UPDATE copilot.usage_aggregates SET units = 49 WHERE period_start = regress.month(1);
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'blocked', status_reason = 'x' WHERE id = regress.id('a', 3, 1);
UPDATE copilot.automation_versions SET status = 'paused' WHERE id = regress.id('a', 3, 2);
COMMIT;
SELECT count(*) AS too_young FROM copilot.client_signals(:'acme_tenant') WHERE signal IN ('blocked', 'paused');
ALTER TABLE copilot.automation_versions DISABLE TRIGGER USER;
UPDATE copilot.automation_versions SET status_changed_at = now() - interval '15 days' WHERE tenant_id = :'acme_tenant';
ALTER TABLE copilot.automation_versions ENABLE TRIGGER USER;
UPDATE copilot.tenant_users tu SET last_seen_at = now() - interval '31 days' FROM copilot.users u WHERE u.id = tu.user_id AND u.name IN ('Ann', 'Gil');
SELECT signal, weight, message FROM copilot.client_signals(:'acme_tenant');
-- nothing of it is the other tenant's
SELECT signal, weight, message FROM copilot.client_signals(regress.id('b', 0, 0));

-- the background worker assesses each client once a day; the risk is the system's word and has its consequences
SELECT count(*) FROM wrk.maintenance WHERE name = 'copilot.client_assess_due';
SELECT copilot.client_assess_due() > 0 AS assessed, copilot.client_assess_due();
SELECT status, score FROM copilot.client_health WHERE tenant_id = regress.id('b', 0, 0);
UPDATE copilot.client_health SET assessed_at = now() - interval '25 hours' WHERE tenant_id = :'acme_tenant';
SELECT copilot.client_assess_due();
SELECT status, score, status_reason FROM copilot.client_health WHERE tenant_id = :'acme_tenant';
SELECT regress.tasks();
SELECT regress.told();
-- a suspended tenant is left alone
UPDATE copilot.tenants SET status = 'suspended' WHERE id = :'acme_tenant';
UPDATE copilot.client_health SET assessed_at = NULL WHERE tenant_id = :'acme_tenant';
SELECT copilot.client_assess_due();
UPDATE copilot.tenants SET status = 'active' WHERE id = :'acme_tenant';

-- somebody works on the task: with good health it stays theirs
:otto
SELECT regress.call('task.update', jsonb_build_object('id', id, 'status', 'in_progress'))::jsonb ->> 'status' FROM copilot.tasks WHERE rule = 'client_health' AND status = 'open';
SELECT regress.call('client.set_health', '{"status": "good", "hold_days": 0}')::jsonb ->> 'status';
COMMIT;
SELECT regress.tasks();
-- asked for by hand; a renewal that is near is a task, once, whatever becomes of it
UPDATE copilot.clients SET renews_on = (now() AT TIME ZONE 'UTC')::date + 31 WHERE id = :'acme';
:otto
SELECT regress.call('client.assess')::jsonb - 'signals' - 'held_until';
COMMIT;
SELECT count(*) FROM copilot.tasks WHERE rule LIKE 'renewal:%';
UPDATE copilot.clients SET renews_on = (now() AT TIME ZONE 'UTC')::date + 30 WHERE id = :'acme';
SELECT copilot.client_assess(:'acme_tenant') ->> 'status', copilot.client_assess(:'acme_tenant') ->> 'status';
UPDATE copilot.tasks SET status = 'done' WHERE rule LIKE 'renewal:%';
SELECT copilot.client_assess(:'acme_tenant') ->> 'status';
SELECT replace(title, to_char(now() AT TIME ZONE 'UTC' + interval '30 days', 'YYYY-MM-DD'), 'DAY'), status, priority, rule = 'renewal:' || (now() AT TIME ZONE 'UTC' + interval '30 days')::date FROM copilot.tasks WHERE rule LIKE 'renewal:%';

-- who said what, and the system; each change is an event for operations only, and in the log
:otto
SELECT c ->> 'from', c ->> 'to', c ->> 'reason', c ->> 'name' FROM jsonb_array_elements(regress.call('client.health_history')::jsonb -> 'changes') c;
COMMIT;
SELECT DISTINCT e.type, e.channels = ARRAY['tenant:' || e.tenant_id || ':client:' || :'acme'], e.audience FROM wrk.event e
WHERE e.type LIKE 'client_health.%' AND e.tenant_id = :'acme_tenant' AND e.id > (SELECT id FROM regress.looked);
SELECT action, count(*) FROM wrk.audit_log WHERE resource_type = 'client_health' AND resource_id = :'acme' GROUP BY 1 ORDER BY 1;

-- the client learns nothing of it, whatever is asked; builders and testers neither, and no other tenant
:ann
SELECT m, regress.call(m, CASE m WHEN 'client.set_health' THEN '{"status": "good"}' ELSE '{}' END::jsonb)
FROM unnest('{client.set_health,client.assess,client.health_history}'::text[]) m;
SELECT regress.call('client.get')::jsonb ? 'health';
SELECT (SELECT count(*) FROM copilot.client_health), (SELECT count(*) FROM copilot.tasks WHERE kind = 'client_retention'), (SELECT count(*) FROM copilot.notifications);
UPDATE copilot.client_health SET status = 'good' RETURNING 1;
SELECT regress.call('history.list', jsonb_build_object('type', 'client_health', 'id', :'acme')) ~ '^WK404 history of client_health "[-0-9a-f]{36}" not found$' AS hidden;
ROLLBACK;
:bob
SELECT m, regress.call(m, CASE m WHEN 'client.set_health' THEN '{"status": "good"}' ELSE '{}' END::jsonb)
FROM unnest('{client.set_health,client.assess,client.health_history}'::text[]) m;
ROLLBACK;
:gil
SELECT regress.call('client.set_health', '{"status": "good"}'), (SELECT count(*) FROM copilot.client_health);
ROLLBACK;
:otto
SELECT regress.call('client.set_health', p) FROM unnest('{"{}","{\"status\": \"bored\"}","{\"status\": \"at_risk\", \"reason\": \"x\", \"hold_days\": 366}","{\"status\": \"at_risk\", \"reason\": \" \"}"}'::jsonb[]) p;
SELECT regress.call('client.assess', '{"tenant": 1}');
SELECT copilot.client_set_health('at_risk', 'x', '-1 day');
ROLLBACK;
-- nobody assesses, or reads the signals of, a tenant by name, nor writes a score
:ada
SELECT copilot.client_assess(regress.id('b', 0, 0));
ROLLBACK;
:ada
SELECT * FROM copilot.client_signals(regress.id('b', 0, 0));
ROLLBACK;
:ada
UPDATE copilot.client_health SET score = 100;
ROLLBACK;
:ada
SELECT copilot.client_assess_due();
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.job;
