-- Flow 19: a price is adjusted after it was sent; another quote supersedes the one the client has.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set quote :abs_srcdir '/regress/quote.sql'
\set ECHO none
\i :fixture
\i :quote
\set ECHO all
\pset format unaligned
\pset tuples_only on
:ann
SELECT regress.go(1, 'needs_pricing');
COMMIT;
:otto
SELECT regress.call('quote.send', regress.quote(1));
SELECT regress.override('{"reason": "x", "setup_fee": 1}');
COMMIT;
CREATE TABLE regress.old AS SELECT regress.quote(1) AS id;
GRANT SELECT ON regress.old TO PUBLIC;

-- another quote is sent in its place, the version goes on awaiting approval
:ada
SELECT regress.override('{"setup_fee": 400}');
SELECT regress.call('quote.override', id || '{"reason": "Loyal customer", "setup_fee": 400}', 'k') FROM regress.old, generate_series(1, 2);
COMMIT;
SELECT * FROM regress.state;
-- the client still reads the old one, but signs the new one only; operations cannot revive what is superseded
:ann
SELECT regress.call('quote.get', id), regress.call('quote.sign', id), regress.call('quote.reject', id || '{"reason": "x"}') FROM regress.old;
COMMIT;
:otto
SELECT regress.attempt(format('SELECT wrk.transition(''copilot.quotes'', %L, ''draft'')', id ->> 'id')) FROM regress.old;
COMMIT;
:ada
SELECT regress.call('quote.override', id || '{"reason": "x", "setup_fee": 1}') FROM regress.old;
COMMIT;
-- not even the owner changes what was sent
SELECT regress.attempt(format('UPDATE copilot.quotes SET setup_fee = 1 WHERE id = %L', id ->> 'id')) FROM regress.old;
SELECT regress.attempt('UPDATE copilot.quotes SET tiers = ''[{"from": 0, "unit_price": 0}]'' WHERE superseded_at IS NULL');
SELECT regress.attempt('UPDATE copilot.quotes SET superseded_at = NULL RETURNING id');

:ann
SELECT (q ->> 'number')::int, q ->> 'status', (q ->> 'superseded_at') IS NOT NULL AS superseded FROM copilot.call_quote_list(jsonb_build_object('automation_version_id', regress.id('a', 3, 1))) l, jsonb_array_elements(l -> 'quotes') q;
SELECT l ->> 'next' IS NOT NULL AS more, jsonb_array_length(l -> 'quotes') FROM copilot.call_quote_list('{"limit": 1}') l;
SELECT l ->> 'next', q ->> 'number' FROM copilot.call_quote_list(jsonb_build_object('limit', 1, 'after', copilot.call_quote_list('{"limit": 1}') ->> 'next')) l, jsonb_array_elements(l -> 'quotes') q;
SELECT regress.call('quote.list', '{"status": "lost"}');
COMMIT;

-- one that is withdrawn keeps the terms the client has seen: other terms are another quote
:ada
CREATE TEMP TABLE seen ON COMMIT DROP AS SELECT regress.quote(1) AS id;
SELECT regress.attempt(format('SELECT wrk.transition(''copilot.quotes'', %L, ''draft'') ->> ''to''', id ->> 'id')) FROM seen;
SELECT regress.call('quote.update', id || '{"committed_units": 999999}') FROM seen;
SELECT regress.call('quote.update', id || jsonb_build_object('valid_until', now()::date + 60)) FROM seen;
SELECT regress.override('{"reason": "Seen before", "committed_units": 999999}');
SELECT regress.call('quote.send', regress.quote(1));
SELECT regress.call('quote.sign', id) FROM seen;
ROLLBACK;

-- adjusted once more, the reason each time, then signed: that ends it
:ada
SELECT regress.override('{"reason": "Even more loyal", "unit_price": 0.09, "committed_units": 5000}');
COMMIT;
:ann
SELECT regress.call('quote.sign', regress.quote(1));
COMMIT;
:ada
SELECT regress.override('{"reason": "Too late", "setup_fee": 1}');
COMMIT;
SELECT * FROM regress.state;
-- what is not valid any more is not signed, until it is sent anew
:ann
SELECT regress.go(2, 'needs_pricing');
COMMIT;
:otto
SELECT regress.call('quote.update', regress.quote(2) || '{"valid_until": "2020-01-01"}');
SELECT regress.call('quote.send', regress.quote(2));
SELECT regress.call('quote.update', regress.quote(2) || jsonb_build_object('valid_until', now()::date + 1));
SELECT regress.call('quote.send', regress.quote(2));
COMMIT;
ALTER TABLE copilot.quotes DISABLE TRIGGER fix_terms;
UPDATE copilot.quotes SET valid_until = '2020-01-01' WHERE superseded_at IS NULL AND status = 'sent';
ALTER TABLE copilot.quotes ENABLE TRIGGER fix_terms;
:ann
SELECT regress.call('quote.sign', regress.quote(2)), regress.go(2, 'build_in_progress');
COMMIT;
:ada
SELECT regress.call('quote.override', regress.quote(2) || '{"reason": "Late, but welcome", "setup_fee": 500}');
COMMIT;
:ann
SELECT regress.call('quote.sign', regress.quote(2));
COMMIT;
SELECT number, version, quote, superseded FROM regress.state WHERE name ~ 'a2';

SELECT o.reason, p.name, q.number, o.before ->> 'setup_fee' AS before, o.after ->> 'setup_fee' AS after FROM copilot.pricing_overrides o JOIN copilot.quotes q ON q.id = o.quote_id JOIN regress.person p ON p.id = o.created_by ORDER BY o.created_at;
SELECT p.name, n.title, count(*) FROM copilot.notifications n JOIN regress.person p ON p.id = n.user_id WHERE n.title ~ 'price' GROUP BY 1, 2 ORDER BY 2, 1;
SELECT l.action, count(*) FROM wrk.audit_log l, regress.looked WHERE l.id > looked.log AND l.resource_type IN ('quote', 'pricing_override') GROUP BY 1 ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
