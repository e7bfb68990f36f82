-- Flow 11: a version that needs pricing gets a quote; it is sent, and signed or rejected, and its version goes with it.
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

-- the intake is submitted: a draft is there, by the tenant's prices, for operations staff to see
:ann
SELECT regress.go(1, 'needs_pricing');
SELECT count(*) FROM copilot.quotes;
SELECT regress.call('quote.get', regress.quote(1));
SELECT regress.call('quote.send', regress.quote(1));
COMMIT;
SELECT * FROM regress.state;
:otto
SELECT regress.call('quote.get', regress.quote(1));
SELECT l ->> 'kind', l ->> 'quantity', l ->> 'unit_price', l ->> 'amount' FROM copilot.call_quote_get(regress.quote(1)) q, jsonb_array_elements(q -> 'lines') l;
COMMIT;
-- builders and testers see no prices, another tenant finds nothing
:bob
SELECT regress.call('quote.get', regress.quote(1)), regress.call('quote.send', regress.quote(1)), (SELECT count(*) FROM copilot.quotes), (SELECT count(*) FROM copilot.quote_lines);
COMMIT;
:gil
SELECT regress.call(m, regress.quote(1)) FROM unnest('{quote.get,quote.send,quote.sign}'::text[]) m;
SELECT regress.call('quote.reject', regress.quote(1) || '{"reason": "x"}'), regress.call('quote.override', regress.quote(1) || '{"reason": "x", "setup_fee": 1}');
COMMIT;

-- sent, the version awaits approval; operations does not sign what it sends, and sends it once
:otto
SELECT regress.call('quote.sign', regress.quote(1));
SELECT regress.call('quote.send', regress.quote(1));
SELECT regress.call('quote.send', regress.quote(1));
SELECT regress.call('quote.sign', regress.quote(1));
COMMIT;
SELECT * FROM regress.state;
:bob
SELECT regress.call('quote.sign', regress.quote(1));
COMMIT;

-- the client says no and why: the version needs pricing again, a draft with the same terms stands in its place
:ann
SELECT regress.call('quote.reject', regress.quote(1));
SELECT regress.call('quote.reject', regress.quote(1) || '{"reason": " "}');
SELECT regress.call('quote.reject', regress.quote(1) || '{"reason": "Too expensive"}');
SELECT number, status FROM copilot.quotes;
COMMIT;
SELECT * FROM regress.state;
-- the old one takes no more steps
:otto
SELECT regress.attempt(format('SELECT wrk.transition(''copilot.quotes'', %L, ''draft'')', id)) FROM copilot.quotes WHERE number = 1;
SELECT regress.call('quote.send', regress.quote(1), 'send');
SELECT regress.call('quote.send', regress.quote(1), 'send');
COMMIT;

-- the client signs, once however often it is asked: the version is built
:ann
SELECT regress.call('quote.sign', regress.quote(1), 'sign');
SELECT regress.call('quote.sign', regress.quote(1), 'sign');
SELECT regress.call('quote.sign', regress.quote(1));
SELECT regress.call('quote.reject', regress.quote(1) || '{"reason": "Changed our mind"}');
COMMIT;
SELECT * FROM regress.state;

-- the other way round: a version that is sent, rejected and approved takes its quote along
:ann
SELECT regress.go(2, 'needs_pricing');
COMMIT;
:otto
SELECT regress.go(2, 'awaiting_client_approval');
COMMIT;
SELECT * FROM regress.state WHERE name ~ 'a2';
:ann
SELECT regress.go(2, 'needs_pricing', 'Not now');
COMMIT;
SELECT * FROM regress.state WHERE name ~ 'a2';
:otto
SELECT regress.go(2, 'awaiting_client_approval');
SELECT wrk.transition('copilot.quotes', regress.quote(2) ->> 'id', 'draft') ->> 'to';
COMMIT;
-- what was withdrawn is not approved
:ann
SELECT regress.go(2, 'build_in_progress');
COMMIT;
:otto
SELECT regress.call('quote.send', regress.quote(2));
COMMIT;
:ann
SELECT regress.go(2, 'build_in_progress');
COMMIT;
SELECT * FROM regress.state WHERE name ~ 'a2';
SELECT status FROM copilot.automation_versions WHERE id = regress.id('a', 3, 2);

-- who is told, and what is in the log and on the channel; drafts are for operations staff
SELECT p.name, n.title, count(*) FROM copilot.notifications n JOIN regress.person p ON p.id = n.user_id WHERE n.kind = 'quote' GROUP BY 1, 2 ORDER BY 2, 1;
SELECT l.action, count(*) FROM wrk.audit_log l, regress.looked WHERE l.id > looked.log AND l.resource_type = 'quote' GROUP BY 1 ORDER BY 1;
SELECT DISTINCT e.type, e.payload #>> '{data,status}' AS status, 'role:client' = ANY (e.audience) AS client, 'role:builder' = ANY (e.audience) OR e.audience = '{}' AS builder
FROM wrk.event e, regress.looked WHERE e.id > looked.event AND e.type ~ '^quote\.' ORDER BY 1, 2;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
