-- Billing: what prices, quotes, commitments and periods promise beside their flows, and what they refuse.
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
CREATE FUNCTION regress.quote(n int, tenant text DEFAULT 'a') RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$
	SELECT q.id FROM copilot.quotes q WHERE q.automation_version_id = regress.id(tenant, 3, n) AND q.superseded_at IS NULL
$$;

-- an amount is rounded once, half away from zero, to cents; what prices are not
SELECT q, p, copilot.amount(q, p) FROM (VALUES (1, 0.005), (1, 0.004999), (3, 0.015), (1, 2.675), (7, 0.142857), (1000000000000, 1000000), (0.333333, 0.03), (0, 5)) t (q, p);
SELECT u, copilot.tier_price('[{"from": 0, "unit_price": 0.3}, {"from": 10, "unit_price": 0.25}, {"from": 1000, "unit_price": 0}]', u) FROM unnest('{-1,0,9,9.999999,10,999.5,1000,1e12}'::numeric[]) u;
SELECT t, copilot.tiers_problem(t::jsonb) FROM unnest(ARRAY['[{"from": 0, "unit_price": 0.1}]', 'null', '{}', '"x"', '[]', '[null]', '[[]]', '[{"from": "0", "unit_price": 1}]', '[{"from": 0}]', '[{"from": 0, "unit_price": null}]',
	'[{"from": 0.5, "unit_price": 1}]', '[{"from": 0, "unit_price": 1}, {"from": 1e13, "unit_price": 1}]', '[{"from": 0, "unit_price": 1}, {"from": 5, "unit_price": 1}, {"from": 4, "unit_price": 1}]', '[{"from": 0, "unit_price": 0.1234567}]', '[{"from": 0, "unit_price": 0.1000000}]', '[{"from": 0, "unit_price": 1e999}]']) t;
SELECT copilot.tiers_problem(jsonb_agg(jsonb_build_object('from', n, 'unit_price', 1))) FROM generate_series(0, 20) n;

-- the sum of rounded lines is the sum, for random prices and volumes; a whole month is a whole month however it is cut
SELECT setseed(0.42) IS NOT NULL;
SELECT count(*) AS differ FROM (SELECT (random() * 1e6)::bigint AS units, (random() * 28)::int AS cut FROM generate_series(1, 2000)) t
WHERE abs(copilot.prorated(units, '2026-01-01', '2026-01-01'::date + cut, '2026-01-01', '2026-02-01') + copilot.prorated(units, '2026-01-01'::date + cut, NULL, '2026-01-01', '2026-02-01') - units) > 0.000001;

-- a tenant gets its prices from the default with its first quote, and keeps them
UPDATE copilot.automation_versions SET intake_progress = 100;
:ann
SELECT count(*) FROM copilot.price_lists;
UPDATE copilot.automation_versions SET status = 'needs_pricing' WHERE id = regress.id('a', 3, 1);
COMMIT;
SELECT tenant_id = regress.id('a', 0, 0), currency, setup_fee, committed_units FROM copilot.price_lists;
UPDATE copilot.default_prices SET setup_fee = 1, currency = 'EUR';
:ann
UPDATE copilot.automation_versions SET status = 'needs_pricing' WHERE id = regress.id('a', 3, 2);
COMMIT;
:gil
UPDATE copilot.automation_versions SET status = 'needs_pricing' WHERE id = regress.id('b', 3, 1);
COMMIT;
UPDATE copilot.default_prices SET setup_fee = 500, currency = 'USD';
SELECT left(tenant_id::text, 1), currency, setup_fee FROM copilot.quotes ORDER BY 1, created_at;
:ada
SELECT regress.attempt($$ SELECT copilot.price_set(setup_fee => -1) $$), regress.attempt($$ SELECT copilot.price_set(committed_units => 1000000000001) $$), regress.attempt($$ SELECT copilot.price_set(tiers => 'null') $$);
COMMIT;
SELECT regress.attempt('SELECT copilot.price_list()'), regress.attempt('SELECT copilot.billing_summary()'), regress.attempt(format('SELECT copilot.billing_finalize(%L)', regress.id('a', 9, 1)));

-- what is another tenant's is not there: whatever an admin tries, with ids they should not have
:gil
SELECT count(*) FROM copilot.quotes;
COMMIT;
BEGIN; DO $$BEGIN PERFORM wrk.impersonate(regress.id('b', 0, 0)::text, regress.id('0', 1, 6)::text, '{admin}'); END$$; SET LOCAL ROLE wrk_member;
SELECT f, regress.attempt(format('SELECT copilot.' || f, regress.quote(1))) FROM unnest(ARRAY['quote_get(%L)', 'quote_send(%L)', 'quote_sign(%L)', 'quote_reject(%L, ''x'')', 'quote_update(%L, 1)', 'quote_override(%L, ''x'', 1)', 'billing_get(%L)', 'billing_finalize(%L)']) f;
SELECT regress.attempt(format('SELECT copilot.commitment_change(%L, 10)', regress.id('a', 3, 1))), regress.attempt(format('SELECT wrk.transition(''copilot.quotes'', %L, ''sent'')', regress.quote(1)));
SELECT left(tenant_id::text, 1), count(*) FROM copilot.quotes GROUP BY 1;
SELECT left(tenant_id::text, 1), count(*) FROM copilot.quote_lines GROUP BY 1;
COMMIT;
-- nor may members call what works for the system
SELECT f FROM unnest('{quote_make,quote_revise,quote_first,quote_entered,quote_follow,quote_override_apply,quote_notify,prices_of,billing_make,billing_compute,billing_charges,billing_sweep,billing_notify,commitment_follow}'::text[]) f
JOIN pg_proc p ON p.proname = f AND p.pronamespace = 'copilot'::regnamespace WHERE has_function_privilege('wrk_member', p.oid, 'EXECUTE') OR has_function_privilege('public', p.oid, 'EXECUTE');

-- a step is whole or not at all: a version that is blocked does not follow, so its quote is not sent
:otto
UPDATE copilot.automation_versions SET status = 'blocked', status_reason = 'No access' WHERE id = regress.id('a', 3, 1);
SELECT regress.attempt(format('SELECT copilot.quote_send(%L) ->> ''status''', regress.quote(1)));
SELECT wrk.transition('copilot.automation_versions', regress.id('a', 3, 1)::text, 'previous') ->> 'to';
-- coming back from there is no new quote
SELECT count(*), max(number) FROM copilot.quotes WHERE automation_version_id = regress.id('a', 3, 1);
SELECT copilot.quote_send(regress.quote(1)) ->> 'status';
UPDATE copilot.automation_versions SET status = 'blocked', status_reason = 'No access' WHERE id = regress.id('a', 3, 1);
COMMIT;
:ann
SELECT regress.attempt(format('SELECT copilot.quote_sign(%L) ->> ''status''', regress.quote(1)));
COMMIT;
SELECT v.status, q.status, q.answered_at FROM copilot.automation_versions v JOIN copilot.quotes q ON q.automation_version_id = v.id WHERE v.id = regress.id('a', 3, 1);
:otto
SELECT wrk.transition('copilot.automation_versions', regress.id('a', 3, 1)::text, 'previous') ->> 'to';
COMMIT;
-- a client who may answer changes nothing else of a quote
:ann
SELECT regress.attempt('UPDATE copilot.quotes SET committed_units = 1 RETURNING number'), regress.attempt('UPDATE copilot.quotes SET valid_until = NULL RETURNING number'), regress.attempt('UPDATE copilot.quotes SET status = ''draft'' RETURNING number');
SELECT copilot.quote_sign(regress.quote(1)) ->> 'status';
COMMIT;
-- the system may sign, with nobody's name
:otto
SELECT copilot.quote_send(regress.quote(2)) ->> 'status';
COMMIT;
BEGIN; DO $$BEGIN PERFORM wrk.impersonate(regress.id('a', 0, 0)::text, NULL, '{system}'); END$$; SET LOCAL ROLE wrk_member;
SELECT copilot.quote_sign(regress.quote(2)) -> 'answered_by';
COMMIT;

-- a version from before there were quotes is approved without one, and launched without a commitment
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'awaiting_client_approval' WHERE id = regress.id('b', 3, 2);
SELECT wrk.status_import(false);
COMMIT;
:gil
SELECT wrk.transition('copilot.automation_versions', regress.id('b', 3, 2)::text, 'build_in_progress') ->> 'to';
COMMIT;
SELECT count(*) FROM copilot.quotes WHERE automation_version_id = regress.id('b', 3, 2);
-- what is rejected there gets its first quote
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'awaiting_client_approval' WHERE id = regress.id('b', 3, 2);
SELECT wrk.status_import(false);
COMMIT;
:gil
SELECT wrk.transition('copilot.automation_versions', regress.id('b', 3, 2)::text, 'needs_pricing', 'No') ->> 'to';
COMMIT;
SELECT number, status FROM copilot.quotes WHERE automation_version_id = regress.id('b', 3, 2);

-- installing again changes no row, and gives back no right that was taken away
CREATE TABLE regress.before AS SELECT (SELECT jsonb_agg(q ORDER BY id) FROM copilot.quotes q) AS quotes, (SELECT jsonb_agg(l ORDER BY id) FROM copilot.price_lists l) AS lists, (SELECT jsonb_agg(d) FROM copilot.default_prices d) AS defaults;
DELETE FROM wrk.permission WHERE resource_type = 'commitment' AND action = 'upgrade' AND role = 'client';
SELECT copilot.install();
SELECT quotes = (SELECT jsonb_agg(q ORDER BY id) FROM copilot.quotes q), lists = (SELECT jsonb_agg(l ORDER BY id) FROM copilot.price_lists l), defaults = (SELECT jsonb_agg(d) FROM copilot.default_prices d) FROM regress.before;
SELECT count(*) FROM wrk.permission WHERE resource_type = 'commitment' AND action = 'upgrade' AND role = 'client';
INSERT INTO wrk.permission (role, action, resource_type, scope) VALUES ('client', 'upgrade', 'commitment', 'tenant');
SELECT * FROM wrk.lint() WHERE detail ~ 'copilot\.(quote|pric|default_pric|commitment|billing)';

-- a bill is in the currency of its lines, whatever prices were in when its draft was made
SELECT copilot.client_create('Initech', 'initech', regress.id('0', 1, 5)) AS initech \gset
INSERT INTO copilot.automations (tenant_id, id, name) VALUES (:'initech', regress.id('c', 2, 1), 'c1');
INSERT INTO copilot.automation_versions (tenant_id, id, automation_id, intake_progress) VALUES (:'initech', regress.id('c', 3, 1), regress.id('c', 2, 1), 100);
BEGIN;
SELECT wrk.impersonate(:'initech', regress.id('0', 1, 5)::text, '{admin}') ->> 'roles';
SET LOCAL ROLE wrk_member;
SELECT d ->> 'currency', d ->> 'amount' FROM copilot.billing_draft(date_trunc('month', now() AT TIME ZONE 'UTC')::date) d;
SELECT copilot.price_set(currency => 'JPY') ->> 'currency';
UPDATE copilot.automation_versions SET status = 'needs_pricing';
SELECT copilot.quote_send(id) ->> 'currency' FROM copilot.quotes;
SELECT copilot.quote_sign(id) ->> 'status' FROM copilot.quotes;
SELECT d ->> 'currency', d ->> 'amount' FROM copilot.billing_draft(date_trunc('month', now() AT TIME ZONE 'UTC')::date) d;
COMMIT;
DELETE FROM copilot.tenants WHERE id = :'initech';

-- setup is billed once; a line costs what quantity and price say; a period is a calendar month
INSERT INTO copilot.billing_periods (tenant_id, period_start, period_end, currency) SELECT regress.id('a', 0, 0), '2024-02-01', '2024-03-01', 'USD';
INSERT INTO copilot.billing_lines SELECT b.tenant_id, b.id, 1, 'setup', q.automation_version_id, q.id, NULL, '2024-02-03', '2024-02-04', 1, 500, 500 FROM copilot.billing_periods b, copilot.quotes q WHERE q.id = regress.quote(1);
SELECT regress.attempt('INSERT INTO copilot.billing_lines SELECT tenant_id, billing_period_id, 2, kind, automation_version_id, quote_id, NULL, first_day, end_day, 1, 500, 500 FROM copilot.billing_lines RETURNING position');
SELECT regress.attempt('INSERT INTO copilot.billing_lines SELECT tenant_id, billing_period_id, 2, ''overage'', automation_version_id, quote_id, NULL, first_day, end_day, 1, 0.5, 0.51 FROM copilot.billing_lines RETURNING position');
SELECT regress.attempt('INSERT INTO copilot.billing_periods (tenant_id, period_start, period_end, currency) SELECT tenant_id, ''2024-02-02'', ''2024-03-02'', ''USD'' FROM copilot.billing_periods RETURNING id');
-- a tenant goes with everything, final bills included
BEGIN; DO $$BEGIN PERFORM wrk.impersonate(regress.id('a', 0, 0)::text, NULL, '{system}'); END$$;
UPDATE copilot.billing_periods SET status = 'finalized';
COMMIT;
SELECT status, finalized_at IS NOT NULL AS stamped FROM copilot.billing_periods;
DELETE FROM copilot.tenants WHERE id = regress.id('a', 0, 0);
SELECT (SELECT count(*) FROM copilot.billing_lines), (SELECT count(*) FROM copilot.quotes WHERE tenant_id = regress.id('a', 0, 0)), (SELECT count(*) FROM copilot.price_lists WHERE tenant_id = regress.id('a', 0, 0));

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
