-- Flow 11: a version that needs pricing gets a quote; it is sent, and signed or rejected, and its version goes with it.
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
-- one line an answer: what is to be shown of it, or the error; what is refused is rolled back
CREATE FUNCTION regress.attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; state text; message text; detail text;
BEGIN
	EXECUTE command INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN regexp_replace(concat_ws(' ', state, message, CASE WHEN state = 'WK422' THEN detail END), '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}', 'ID', 'g');
END $$;
CREATE TABLE regress.looked AS SELECT coalesce((SELECT max(id) FROM wrk.event), 0) AS event, coalesce((SELECT max(id) FROM wrk.audit_log), 0) AS log;
CREATE FUNCTION regress.call(method text, params jsonb, key text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT regress.attempt(format('SELECT concat_ws('' '', r ->> ''status'', r ->> ''number'', r ->> ''setup_fee'', r ->> ''committed_units'', r ->> ''unit_price'', r ->> ''monthly_amount'', r ->> ''currency'') FROM wrk.rpc_call(%L, %L, %L) c (r, e)', method, params, key))
$$;
CREATE FUNCTION regress.go(n int, target text, why text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT regress.attempt(format('SELECT (r ->> ''from'') || '' -> '' || (r ->> ''to'') FROM wrk.rpc_call(%L, %L) c (r, e)', 'automation_version.transition', jsonb_strip_nulls(
		jsonb_build_object('id', regress.id('a', 3, n), 'to', target, 'reason', why))))
$$;
-- the present quote of version n of Acme, whoever asks
CREATE FUNCTION regress.quote(n int) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
	SELECT jsonb_build_object('id', q.id) FROM copilot.quotes q WHERE q.automation_version_id = regress.id('a', 3, n) AND q.superseded_at IS NULL
$$;
CREATE VIEW regress.state AS
	SELECT a.name, v.status AS version, q.number, q.status AS quote, q.superseded_at IS NOT NULL AS superseded, q.status_reason, q.answered_by = regress.id('0', 1, 1) AS by_ann, q.valid_until - (q.sent_at AT TIME ZONE 'UTC')::date AS days
	FROM copilot.quotes q JOIN copilot.automation_versions v ON v.id = q.automation_version_id JOIN copilot.automations a ON a.id = v.automation_id ORDER BY 1, 3;
UPDATE copilot.automation_versions SET intake_progress = 100;

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
