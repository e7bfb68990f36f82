-- Flow 20: a month's bill is worked out from what is signed, committed and used, and finalized once; then it stays.
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
CREATE FUNCTION regress.attempt(command text) RETURNS text LANGUAGE sql RETURN regexp_replace(regress.try(command, '^WK422'), '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}', 'ID', 'g');
CREATE TABLE regress.looked AS SELECT coalesce((SELECT max(id) FROM wrk.event), 0) AS event, coalesce((SELECT max(id) FROM wrk.audit_log), 0) AS log;
CREATE FUNCTION regress.call(method text, params jsonb, key text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT regress.attempt(format('SELECT concat_ws('' '', r ->> ''period_start'', r ->> ''status'', r ->> ''amount'', r ->> ''currency'', ''used'', r ->> ''used_units'', ''unpriced'', r ->> ''unpriced_units'', ''late'', r ->> ''late_units'', ''lines'', jsonb_array_length(r -> ''lines''))
		FROM wrk.rpc_call(%L, %L, %L) c (r, e)', method, params, key))
$$;
CREATE FUNCTION regress.draft(month text) RETURNS text LANGUAGE sql AS $$ SELECT regress.call('billing.draft', jsonb_build_object('month', month)) $$;
-- the period of a month of Acme, whoever asks
CREATE FUNCTION regress.period(month text) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
	SELECT jsonb_build_object('id', b.id) FROM copilot.billing_periods b WHERE b.tenant_id = regress.id('a', 0, 0) AND b.period_start = (month || '-01')::date
$$;
CREATE VIEW regress.line AS
	SELECT to_char(b.period_start, 'YYYY-MM') AS month, l.position, right(l.automation_version_id::text, 1) AS version, l.kind, to_char(l.first_day, 'DD') AS first, l.end_day - l.first_day AS days, l.quantity, l.unit_price, l.amount
	FROM copilot.billing_lines l JOIN copilot.billing_periods b ON b.id = l.billing_period_id ORDER BY b.period_start, l.position;
-- what runs add up to, as execution counts it
CREATE FUNCTION regress.used(tenant text, n int, month date, units numeric) RETURNS void LANGUAGE sql AS $$
	INSERT INTO copilot.usage_aggregates AS a (tenant_id, automation_version_id, period_start, period_end, runs, succeeded, units)
	VALUES (regress.id(tenant, 0, 0), regress.id(tenant, 3, n), month, (month + interval '1 month')::date, 1, 1, used.units)
	ON CONFLICT (tenant_id, automation_version_id, period_start, period_end) DO UPDATE SET units = a.units + used.units
$$;

-- two versions of Acme are signed, the second without a commitment or a setup fee, at half a cent
UPDATE copilot.automation_versions SET intake_progress = 100;
:ada
UPDATE copilot.automation_versions SET status = 'needs_pricing';
UPDATE copilot.quotes SET committed_units = 5000 WHERE automation_version_id = regress.id('a', 3, 1);
SELECT copilot.quote_override(id, 'Pilot', setup_fee => 0, unit_price => 0.005, committed_units => 0) ->> 'status' FROM copilot.quotes WHERE automation_version_id = regress.id('a', 3, 2);
UPDATE copilot.automation_versions SET status = 'awaiting_client_approval';
COMMIT;
:ann
UPDATE copilot.automation_versions SET status = 'build_in_progress';
COMMIT;
UPDATE copilot.tasks SET status = 'done' WHERE kind = 'build_checklist';
:ada
UPDATE copilot.automation_versions SET status = 'qa_testing' WHERE id = regress.id('a', 3, 1);
UPDATE copilot.automation_versions SET status = 'ready_to_launch' WHERE id = regress.id('a', 3, 1);
UPDATE copilot.automation_versions SET status = 'live' WHERE id = regress.id('a', 3, 1);
SELECT copilot.commitment_change(regress.id('a', 3, 1), 10000, (now() AT TIME ZONE 'UTC')::date + 1) ->> 'unit_price';
COMMIT;
-- all that in February 2024: signed on the 3rd, launched on the 11th, more from the 21st on
UPDATE copilot.quotes SET answered_at = '2024-02-03 12:00 UTC' WHERE status = 'signed';
UPDATE copilot.commitments SET from_day = '2024-02-11', until_day = '2024-02-21' WHERE until_day IS NOT NULL;
UPDATE copilot.commitments SET from_day = '2024-02-21' WHERE until_day IS NULL;
SELECT regress.used('a', 1, '2024-02-01', 6000.5), regress.used('a', 2, '2024-02-01', 100), regress.used('b', 1, '2024-02-01', 77), regress.used('a', 1, '2024-01-01', 0);

-- who prepares a bill: operations; for a month that has begun
:ann
SELECT regress.draft('2024-02'), (SELECT count(*) FROM copilot.billing_periods);
COMMIT;
:bob
SELECT regress.draft('2024-02'), regress.call('billing.summary', '{}');
COMMIT;
:otto
SELECT m, regress.draft(m) FROM unnest('{2024-13,2024-2,soon,2999-01,1999-12,NULL}'::text[]) m;
SELECT regress.draft('2024-02');
COMMIT;
SELECT * FROM regress.line;
-- by hand: 5000 * 10 / 29 at 0.10, 10000 * 9 / 29 at 0.08, the rest at the price of 10000; each line rounded by itself
SELECT 500 + 172.41 + 248.28 + 93.83 + 0.50 AS amount;

-- as often as one likes while it is a draft; half a cent is rounded up
SELECT regress.used('a', 2, '2024-02-01', 1);
:otto
SELECT regress.draft('2024-02');
COMMIT;
SELECT * FROM regress.line WHERE version = '2';
-- clients do not see a draft, another tenant nothing of it
:ann
SELECT regress.call('billing.get', regress.period('2024-02')), (SELECT count(*) FROM copilot.billing_periods), (SELECT count(*) FROM copilot.billing_lines);
SELECT regress.attempt('INSERT INTO copilot.billing_periods (status) VALUES (NULL)'), regress.attempt('UPDATE copilot.billing_periods SET amount = 0'), regress.attempt('UPDATE copilot.billing_lines SET amount = 0');
COMMIT;
BEGIN; DO $$BEGIN PERFORM wrk.impersonate(regress.id('b', 0, 0)::text, regress.id('0', 1, 6)::text, '{admin}'); END$$; SET LOCAL ROLE wrk_member;
SELECT regress.call('billing.get', regress.period('2024-02')), regress.call('billing.finalize', regress.period('2024-02'));
SELECT regress.draft('2024-02');
COMMIT;

-- finalized by admins, once; operations prepares only
:otto
SELECT regress.call('billing.finalize', regress.period('2024-02'));
SELECT regress.attempt(format('SELECT wrk.transition(''copilot.billing_periods'', %L, ''finalized'')', regress.period('2024-02') ->> 'id'));
COMMIT;
:ann
SELECT regress.call('billing.finalize', regress.period('2024-02'));
COMMIT;
-- what came since it was worked out is in it
SELECT regress.used('a', 2, '2024-02-01', 100);
:ada
SELECT regress.call('billing.finalize', regress.period('2024-02'), 'once');
SELECT regress.call('billing.finalize', regress.period('2024-02'), 'once');
SELECT regress.call('billing.finalize', regress.period('2024-02'));
SELECT regress.draft('2024-02');
COMMIT;
SELECT * FROM regress.line;

-- then it stays, for everybody: what is reported late is said, but not billed
SELECT regress.attempt('UPDATE copilot.billing_periods SET amount = 0 WHERE status = ''finalized'' RETURNING amount');
SELECT regress.attempt('UPDATE copilot.billing_periods SET status = ''draft'' WHERE status = ''finalized'' RETURNING amount');
SELECT regress.attempt('DELETE FROM copilot.billing_periods WHERE status = ''finalized'' RETURNING amount');
SELECT regress.attempt('UPDATE copilot.billing_lines SET amount = amount WHERE position = 1 RETURNING amount');
SELECT regress.attempt('DELETE FROM copilot.billing_lines WHERE position = 1 RETURNING amount');
SELECT regress.attempt('INSERT INTO copilot.billing_lines SELECT tenant_id, billing_period_id, 99, ''overage'', automation_version_id, quote_id, NULL, first_day, end_day, 1, 1, 1 FROM copilot.billing_lines WHERE position = 1 AND kind = ''setup'' RETURNING amount');
SELECT regress.used('a', 1, '2024-02-01', 7);
:ann
SELECT regress.call('billing.get', regress.period('2024-02'));
SELECT l ->> 'kind', l ->> 'automation_name', l ->> 'quantity', l ->> 'amount' FROM copilot.call_billing_get(regress.period('2024-02')) p, jsonb_array_elements(p -> 'lines') l;
COMMIT;

-- the month after: a whole commitment, no setup again; a month is not over before it ends
:otto
SELECT regress.draft('2024-03');
SELECT regress.draft(to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')) ~ ' draft 800.00 USD used 0 ' AS this_month;
COMMIT;
:ada
SELECT regexp_replace(regress.call('billing.finalize', regress.period(to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'))), '\d{4}-\d\d-\d\d', 'DAY');
SELECT p ->> 'period_start', p ->> 'status', p ->> 'amount' FROM copilot.call_billing_list('{"status": "finalized"}') l, jsonb_array_elements(l -> 'periods') p;
SELECT l ->> 'next', p ->> 'period_start' FROM copilot.call_billing_list('{"after": "2024-04-01", "limit": 1}') l, jsonb_array_elements(l -> 'periods') p;
SELECT l ->> 'next', p ->> 'period_start' FROM copilot.call_billing_list('{"after": "2024-03-01", "limit": 1}') l, jsonb_array_elements(l -> 'periods') p;
SELECT regress.call('billing.list', '{"after": "x"}'), regress.call('billing.list', '{"status": "paid"}');
COMMIT;
SELECT * FROM regress.line WHERE month = '2024-03';

-- the summary: to operations with drafts, to clients what is final
:otto
SELECT jsonb_array_length(s -> 'months'), s -> 'monthly_amount', s -> 'billed_amount', jsonb_array_length(s -> 'commitments'), jsonb_array_length(s -> 'offers') FROM copilot.billing_summary() s;
COMMIT;
:ann
SELECT jsonb_array_length(s -> 'months'), s -> 'monthly_amount', s -> 'billed_amount', c - '{automation_version_id,from_day}'::text[] FROM copilot.billing_summary() s, jsonb_array_elements(s -> 'commitments') c;
COMMIT;
:gil
SELECT copilot.billing_summary();
COMMIT;

-- drafts of last month come by themselves, where something is signed and none is there
SELECT copilot.billing_sweep(), copilot.billing_sweep();
SELECT p.name, n.title, count(*) FROM copilot.notifications n JOIN regress.person p ON p.id = n.user_id WHERE n.title ~ 'bill' GROUP BY 1, 2 ORDER BY 2, 1;
SELECT l.action, count(*) FROM wrk.audit_log l, regress.looked WHERE l.id > looked.log AND l.resource_type = 'billing_period' AND l.tenant_id = regress.id('a', 0, 0)::text GROUP BY 1 ORDER BY 1;
SELECT DISTINCT e.type, 'role:client' = ANY (e.audience) AS client, 'role:builder' = ANY (e.audience) OR e.audience = '{}' AS builder, e.channels[1] ~ '^tenant:[0-9a-f-]+$' AS tenant FROM wrk.event e, regress.looked WHERE e.id > looked.event AND e.type ~ '^billing_period\.' ORDER BY 1, 2;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
