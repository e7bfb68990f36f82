-- Flow 17: a client commits to a volume, and to more; the unit price is that of the tier, from a day on.
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
CREATE FUNCTION regress.attempt(command text) RETURNS text LANGUAGE sql RETURN regexp_replace(regress.try(command, '^WK422'), '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|\d{4}-\d\d-\d\d', 'ID', 'g');
CREATE TABLE regress.looked AS SELECT coalesce((SELECT max(id) FROM wrk.event), 0) AS event, coalesce((SELECT max(id) FROM wrk.audit_log), 0) AS log;
CREATE FUNCTION regress.call(method text, params jsonb, key text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT regress.attempt(format('SELECT concat_ws('' '', r ->> ''units'', r ->> ''unit_price'', r ->> ''monthly_amount'', r #>> ''{was,units}'', r #>> ''{was,unit_price}'') FROM wrk.rpc_call(%L, %L, %L) c (r, e)', method, params, key))
$$;
CREATE FUNCTION regress.today(days int DEFAULT 0) RETURNS date LANGUAGE sql STABLE RETURN (now() AT TIME ZONE 'UTC')::date + days;
CREATE FUNCTION regress.change(n int, units jsonb, days int DEFAULT NULL, tenant text DEFAULT 'a', method text DEFAULT 'commitment.change', key text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT regress.call(method, jsonb_build_object('automation_version_id', regress.id(tenant, 3, n), 'units', units, 'from', regress.today(days)), key)
$$;
-- days from today on, so that the answer is the same every day
CREATE VIEW regress.commitment AS
	SELECT v.id = regress.id('a', 3, 1) AS first, c.units, c.unit_price, c.monthly_amount, c.from_day - regress.today() AS from_day, c.until_day - regress.today() AS until_day
	FROM copilot.commitments c JOIN copilot.automation_versions v ON v.id = c.automation_version_id ORDER BY 1 DESC, c.from_day, c.created_at;
-- both versions of Acme are signed and wait for their launch
UPDATE copilot.automation_versions SET intake_progress = 100;
:otto
UPDATE copilot.automation_versions SET status = 'needs_pricing';
UPDATE copilot.quotes SET committed_units = 5000;
UPDATE copilot.automation_versions SET status = 'awaiting_client_approval';
COMMIT;
:ann
UPDATE copilot.automation_versions SET status = 'build_in_progress';
-- nothing is committed before the launch
SELECT regress.change(1, '10000');
COMMIT;
UPDATE copilot.tasks SET status = 'done' WHERE kind = 'build_checklist';
:ada
UPDATE copilot.automation_versions SET status = 'qa_testing';
UPDATE copilot.automation_versions SET status = 'ready_to_launch';
SELECT count(*) FROM copilot.commitments;
UPDATE copilot.automation_versions SET status = 'live' WHERE id = regress.id('a', 3, 1);
COMMIT;
SELECT * FROM regress.commitment;

-- what it would cost, and what bad questions are answered
:ann
SELECT regress.change(1, u::jsonb, method => 'commitment.preview') FROM unnest('{9999,10000,99999,100000,1000000000000}'::text[]) u;
SELECT u, regress.change(1, u::jsonb) FROM unnest('{5000,-1,1.5,"\"10\"",null,1000000000001}'::text[]) u;
SELECT regress.change(1, '10000', -1), regress.change(1, '10000', 367), regress.change(9, '10000'), regress.change(1, '10000', tenant => 'b');
SELECT regress.call('commitment.change', jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'units', 1, 'from', 'soon'));
COMMIT;
SELECT count(*) FROM copilot.commitments;
-- who may not: builders, another tenant; and the client not for less
:bob
SELECT regress.change(1, '10000'), regress.change(1, '10000', method => 'commitment.preview'), (SELECT count(*) FROM copilot.commitments);
COMMIT;
:gil
SELECT regress.change(1, '10000'), regress.change(1, '10000', method => 'commitment.preview'), (SELECT count(*) FROM copilot.commitments);
COMMIT;
:ann
SELECT regress.change(1, '100');
SELECT regress.attempt('UPDATE copilot.commitments SET units = 1'), regress.attempt('INSERT INTO copilot.commitments (units) VALUES (1)'), regress.attempt('DELETE FROM copilot.commitments');
COMMIT;
:otto
SELECT regress.change(1, '100');
COMMIT;

-- more, from today on, once; the price of the tier
:ann
SELECT regress.change(1, '10000', key => 'more');
SELECT regress.change(1, '10000', key => 'more');
SELECT regress.change(1, '20000', key => 'more');
COMMIT;
SELECT * FROM regress.commitment;
-- more still, from a day on; nothing before what is planned, but that day it can be changed
:ann
SELECT regress.change(1, '100000', 40);
SELECT regress.change(1, '200000', 39);
SELECT regress.change(1, '200000', 40);
COMMIT;
SELECT * FROM regress.commitment;
-- less takes an admin
:ada
SELECT regress.change(1, '50', 60);
COMMIT;
-- a day has one commitment at most
SELECT count(*) FROM copilot.commitments a JOIN copilot.commitments b ON a.automation_version_id = b.automation_version_id AND a.id < b.id
	AND daterange(a.from_day, a.until_day) && daterange(b.from_day, b.until_day);
:ann
SELECT (c ->> 'units')::bigint, c ->> 'unit_price' FROM copilot.call_commitment_list('{}') l, jsonb_array_elements(l -> 'commitments') c;
COMMIT;
-- part of a month: days of days, the amount rounded once
SELECT p, copilot.prorated(1000, f::date, e::date, '2026-02-01', '2026-03-01') AS units FROM (VALUES
	('whole', '2026-02-01', NULL), ('whole', '2020-01-01', '2026-03-01'), ('from the 15th', '2026-02-15', NULL), ('to the 14th', '2026-02-01', '2026-02-15'),
	('a day', '2026-02-28', '2026-03-01'), ('none', '2026-03-01', NULL), ('none', '2026-01-01', '2026-02-01'), ('none', '2026-02-03', '2026-02-03')) t (p, f, e);
-- the month in which the volume changes
:ann
SELECT (c ->> 'first_month_amount')::numeric = copilot.amount(copilot.prorated(50, NULL, d, m, e), 0.1) + copilot.amount(copilot.prorated(70, d, NULL, m, e), 0.1)
FROM (SELECT regress.today(300) AS d, date_trunc('month', regress.today(300)::timestamp)::date AS m, (date_trunc('month', regress.today(300)::timestamp) + interval '1 month')::date AS e) t,
	copilot.call_commitment_preview(jsonb_build_object('automation_version_id', regress.id('a', 3, 1), 'units', 70, 'from', t.d)) c;
COMMIT;

-- a pause changes nothing, resuming begins nothing; the archive ends it, and all that was planned
:ada
SELECT wrk.transition('copilot.automation_versions', regress.id('a', 3, 1)::text, 'paused') ->> 'to';
SELECT wrk.transition('copilot.automation_versions', regress.id('a', 3, 1)::text, 'previous') ->> 'to';
SELECT count(*) FROM copilot.commitments;
SELECT wrk.transition('copilot.automation_versions', regress.id('a', 3, 1)::text, 'archived') ->> 'to';
SELECT regress.change(1, '10000');
COMMIT;
SELECT * FROM regress.commitment;
SELECT l.action, count(*) FROM wrk.audit_log l, regress.looked WHERE l.id > looked.log AND l.resource_type = 'commitment' GROUP BY 1 ORDER BY 1;
SELECT DISTINCT e.type, 'role:client' = ANY (e.audience) AS client, 'role:builder' = ANY (e.audience) OR e.audience = '{}' AS builder FROM wrk.event e, regress.looked WHERE e.id > looked.event AND e.type ~ '^commitment\.' ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
