-- Flow 14: operations overrides prices of a draft, with a reason; the reason and what it was before are kept.
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
INSERT INTO regress.person VALUES ('olga', regress.id('0', 1, 8), 'a', '{ops_admin}');
INSERT INTO copilot.users (id, email, name) SELECT id, 'olga@example.com', 'Olga' FROM regress.person WHERE name = 'olga';
INSERT INTO copilot.tenant_users (tenant_id, user_id) SELECT regress.id('a', 0, 0), id FROM regress.person WHERE name = 'olga';
\set olga 'BEGIN; DO $$BEGIN PERFORM regress.act(''olga''); END$$; SET LOCAL ROLE wrk_member;'
:ann
SELECT regress.go(1, 'needs_pricing');
COMMIT;

-- who may not: operations without the right, the client, the builder, another tenant; nor may anybody write prices past it
:otto
SELECT regress.override('{"reason": "x", "setup_fee": 1}');
SELECT regress.attempt('UPDATE copilot.quotes SET setup_fee = 1'), regress.attempt('UPDATE copilot.quotes SET tiers = ''[]'''), regress.attempt('DELETE FROM copilot.quotes'), regress.attempt('INSERT INTO copilot.quotes (automation_version_id) VALUES (NULL)');
SELECT regress.attempt('INSERT INTO copilot.pricing_overrides (reason) VALUES (''x'')'), regress.attempt('UPDATE copilot.quote_lines SET amount = 1');
COMMIT;
:ann
SELECT regress.override('{"reason": "x", "setup_fee": 1}');
COMMIT;
:bob
SELECT regress.override('{"reason": "x", "setup_fee": 1}');
COMMIT;
BEGIN; SELECT wrk.impersonate(regress.id('b', 0, 0)::text, regress.id('0', 1, 6)::text, '{admin}'); SET LOCAL ROLE wrk_member;
SELECT regress.override('{"reason": "x", "setup_fee": 1}');
COMMIT;

-- what is no override
:olga
SELECT more, regress.override(more::jsonb) FROM unnest(ARRAY['{"setup_fee": 1}', '{"reason": "  ", "setup_fee": 1}', '{"reason": "x"}', '{"reason": "x", "setup_fee": -1}',
	'{"reason": "x", "setup_fee": 1.005}', '{"reason": "x", "setup_fee": "1"}', '{"reason": "x", "setup_fee": 1e10}', '{"reason": "x", "unit_price": 0.0000001}', '{"reason": "x", "unit_price": 1, "tiers": [{"from": 0, "unit_price": 1}]}',
	'{"reason": "x", "committed_units": 1.5}', '{"reason": "x", "tiers": []}', '{"reason": "x", "tiers": {"from": 0}}', '{"reason": "x", "tiers": [1]}', '{"reason": "x", "tiers": [{"from": 1, "unit_price": 1}]}', '{"reason": "x", "tiers": [{"from": 0, "unit_price": 1}, {"from": 0, "unit_price": 1}]}',
	'{"reason": "x", "tiers": [{"from": 0, "unit_price": -1}]}', '{"reason": "x", "tiers": [{"from": 0, "unit_price": 1, "x": 1}]}', '{"reason": "x", "discount": 1}']) more;
SELECT regress.call('quote.override', '{"id": "42", "reason": "x", "setup_fee": 1}'), regress.call('quote.override', jsonb_build_object('id', regress.id('a', 9, 9), 'reason', 'x', 'setup_fee', 1));
COMMIT;

-- the draft changes in its place; lines follow, and the volume decides which tier it is
:olga
SELECT regress.override('{"reason": "Pilot customer", "setup_fee": 250.5}', 'one');
SELECT regress.override('{"reason": "Pilot customer", "setup_fee": 250.5}', 'one');
SELECT regress.override('{"reason": "Pilot customer", "setup_fee": 99}', 'one');
SELECT regress.override('{"reason": "Volume as agreed", "committed_units": 12000}');
SELECT regress.override('{"reason": "Their own tiers", "tiers": [{"from": 0, "unit_price": 0.2}, {"from": 12000, "unit_price": 0.033335}, {"from": 12001, "unit_price": 0.01}]}');
SELECT regress.override('{"reason": "One price", "unit_price": 0.07}');
COMMIT;
SELECT * FROM regress.state;
SELECT kind, quantity, unit_price, amount FROM copilot.quote_lines ORDER BY kind DESC;
-- operations prepares a draft without an override: volume and validity, not the price
:otto
SELECT regress.call('quote.update', regress.quote(1) || '{"committed_units": 1000, "valid_until": "2999-12-31"}');
SELECT regress.call('quote.update', regress.quote(1) || '{"setup_fee": 1}');
-- and reads who changed what, from what, and why
SELECT o ->> 'reason', o -> 'before', o -> 'after' FROM copilot.call_quote_get(regress.quote(1)) q, jsonb_array_elements(q -> 'overrides') o;
COMMIT;
:ann
SELECT count(*) FROM copilot.pricing_overrides;
SELECT regress.call('quote.update', regress.quote(1) || '{"committed_units": 1}');
COMMIT;
SELECT l.action, p.name, l.changes #>> '{new,reason}' AS reason FROM wrk.audit_log l JOIN regress.person p ON p.id::text = l.user_id, regress.looked
WHERE l.id > looked.log AND l.resource_type = 'pricing_override' ORDER BY l.id;

-- what the client reads is the price, not why
:otto
SELECT regress.call('quote.send', regress.quote(1));
COMMIT;
:ann
SELECT regress.call('quote.get', regress.quote(1)), copilot.call_quote_get(regress.quote(1)) ? 'overrides' AS sees_overrides;
SELECT regress.call('quote.update', regress.quote(1) || '{"committed_units": 1}');
SELECT regress.call('quote.sign', regress.quote(1));
SELECT regress.call('quote.sign', regress.quote(1));
COMMIT;
:olga
SELECT regress.override('{"reason": "Too late", "setup_fee": 1}');
COMMIT;

-- prices of the tenant: new quotes begin with them, those that are there stay
:otto
SELECT regress.attempt($$ SELECT result FROM wrk.rpc_call('price.get', '{}') $$);
SELECT regress.attempt($$ SELECT result FROM wrk.rpc_call('price.set', '{"setup_fee": 1}') $$);
COMMIT;
:ann
SELECT regress.attempt($$ SELECT result FROM wrk.rpc_call('price.get', '{}') $$), (SELECT count(*) FROM copilot.price_lists);
COMMIT;
:olga
SELECT regress.attempt($$ SELECT result FROM wrk.rpc_call('price.set', '{"setup_fee": 750, "committed_units": 0, "tiers": [{"from": 0, "unit_price": 0.125}]}') $$);
SELECT regress.attempt($$ SELECT result FROM wrk.rpc_call('price.set', '{"currency": "EUR"}') $$);
SELECT regress.attempt($$ SELECT result FROM wrk.rpc_call('price.set', '{"currency": "eur"}') $$);
SELECT regress.attempt($$ SELECT result FROM wrk.rpc_call('price.set', '{"tiers": [{"from": 5, "unit_price": 1}]}') $$);
COMMIT;
:ann
SELECT regress.go(2, 'needs_pricing');
COMMIT;
:otto
SELECT regress.call('quote.get', regress.quote(n)) FROM generate_series(1, 2) n;
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
