-- Definitions of status machines: what is sound, what is said about what is not, and versions.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
CREATE SCHEMA regress;
INSERT INTO wrk.role (name, bit) VALUES ('rs_boss', 50);
\pset format unaligned
\pset tuples_only on

-- everything that is wrong is said at once
CREATE FUNCTION regress.problems(definition jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM wrk.define_state_machine(definition);
	RETURN NEXT 'none';
EXCEPTION WHEN SQLSTATE 'WK400' THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN NEXT SQLERRM;
	RETURN QUERY SELECT concat_ws(' ', p ->> 'path', p ->> 'problem') FROM jsonb_array_elements(detail::jsonb) p;
END $$;
CREATE FUNCTION regress.no_guard(change jsonb) RETURNS boolean LANGUAGE sql RETURN true;
SELECT * FROM regress.problems('[]');
SELECT * FROM regress.problems('{}');
SELECT * FROM regress.problems('{"name": "Bad Name", "colour": 1, "states": [], "transitions": {}}');
SELECT * FROM regress.problems('{"name": "rs_m",
	"states": [{"code": "a"}, {"code": "a"}, {"code": "previous", "terminal": 1}, {"code": "B"}, {"kind": 1}],
	"transitions": [{"from": "a", "to": "c"}, {"from": "a", "to": "a"}, {"from": ["a", "d"], "to": "previous", "rolls": 1}, {"to": "a"}, {"from": "a"}]}');
SELECT * FROM regress.problems('{"name": "rs_m",
	"states": [{"code": "a", "initial": true}, {"code": "island", "terminal": true}, {"code": "pit"}, {"code": "over", "terminal": true},
		{"code": "stop", "history": true}],
	"transitions": [{"from": "a", "to": "pit"}, {"from": "a", "to": "over"}, {"from": "over", "to": "a"}, {"from": "a", "to": "pit"},
		{"from": "a", "to": "previous"}, {"from": "a", "to": "stop"}]}');
SELECT * FROM regress.problems('{"name": "rs_m",
	"states": [{"code": "a", "initial": true}, {"code": "b", "terminal": true}],
	"transitions": [{"from": "a", "to": "b", "roles": ["rs_bos"], "permission": "fly", "guard": "regress.no_guard", "after": ["regress.no_guard", "nowhere"], "needs_reason": "yes"}]}');
SELECT * FROM regress.problems('{"name": "rs_m", "states": [{"code": "a", "initial": true}, {"code": "b", "terminal": true}],
	"transitions": [{"from": "a", "to": "b", "roles": []}]}');

-- a version for each definition, none for the same again
\set v1 '{"name": "rs_m", "states": [{"code": "a", "initial": true, "label": "Beginning; \\"A\\""}, {"code": "b"}, {"code": "c", "terminal": true}, {"code": "s", "history": true}], "transitions": [{"from": "a", "to": "b", "label": "Go on"}, {"from": "b", "to": "c", "roles": ["rs_boss"], "needs_reason": true}, {"from": "b", "to": "s"}, {"from": "s", "to": "previous"}]}'
\set v2 '{"name": "rs_m", "states": [{"code": "a", "initial": true}, {"code": "bb"}, {"code": "c", "terminal": true}], "transitions": [{"from": "a", "to": "bb"}, {"from": ["a", "bb"], "to": "c"}]}'
SELECT wrk.define_state_machine(:'v1'), wrk.define_state_machine(:'v1');
SELECT wrk.state_machine_diagram('rs_m');
SELECT wrk.state_machine_diagram('rs_m', 7);
SELECT wrk.state_machine_diagram('rs_none');

-- no other than the owner of the extension defines what others will run
GRANT EXECUTE ON FUNCTION wrk.define_state_machine(jsonb) TO wrk_service;
SET ROLE wrk_service;
SELECT wrk.define_state_machine(:'v2');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION wrk.define_state_machine(jsonb) FROM wrk_service;

-- what a table must be
CREATE TABLE regress.thing (id int PRIMARY KEY, status text, rank int);
SELECT wrk.enable_status('regress.thing', 'rs_none', tenant_column => NULL);
SELECT wrk.enable_status('regress.thing', 'rs_m');
SELECT wrk.enable_status('regress.thing', 'rs_m', 'rank', tenant_column => NULL);
SELECT wrk.enable_status('regress.thing', 'rs_m', 'state', tenant_column => NULL);
SELECT wrk.enable_status('regress.thing', 'rs_m', tenant_column => NULL, entity => 'A thing');
SELECT wrk.enable_status('regress.thing', 'rs_m', tenant_column => NULL, audience => '[]');
CREATE VIEW regress.things AS TABLE regress.thing;
SELECT wrk.enable_status('regress.things', 'rs_m', tenant_column => NULL);
GRANT wrk_service TO wrk_ops;
SET ROLE wrk_ops;
SELECT wrk.enable_status('pg_catalog.pg_class', 'rs_m', tenant_column => NULL);
RESET ROLE;
REVOKE wrk_service FROM wrk_ops;

-- rows keep the version they began with, also those that were there before
INSERT INTO regress.thing VALUES (1, 'b');
SELECT wrk.enable_status('regress.thing', 'rs_m', tenant_column => NULL);
INSERT INTO regress.thing VALUES (2, NULL), (3, 'a');
SELECT wrk.define_state_machine(:'v2');
INSERT INTO regress.thing VALUES (4);
SELECT * FROM regress.thing ORDER BY id;
SELECT wrk.transition('regress.thing', '2', 'b') ->> 'to';
SELECT wrk.transition('regress.thing', '4', 'b');
SELECT wrk.transition('regress.thing', '4', 'bb') ->> 'to';
SELECT wrk.define_state_machine(:'v1');
CREATE TABLE regress.other (id int PRIMARY KEY, status text);
SELECT wrk.enable_status('regress.other', 'rs_m', tenant_column => NULL, entity => 'thing');

-- moving them to another version
SELECT wrk.migrate_status('regress.thing', 2);
SELECT wrk.migrate_status('regress.thing', 2, '{"b": "bb"}');
SELECT * FROM regress.thing ORDER BY id;
INSERT INTO regress.thing VALUES (5, 'bb');
SELECT wrk.migrate_status('regress.thing', 9);
SELECT wrk.migrate_status('regress.other');
SELECT row_id, from_state, to_state, machine_version, imported FROM wrk.state_change WHERE entity = 'thing' ORDER BY row_id::int, id;

-- an enum will do as well, and so do partitions; no row wanders between them
CREATE TYPE regress.phase AS ENUM ('a', 'b', 'c', 's', 'z');
CREATE TABLE regress.part (region text, id int, phase regress.phase, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE regress.part_n PARTITION OF regress.part FOR VALUES IN ('n');
CREATE TABLE regress.part_s PARTITION OF regress.part FOR VALUES IN ('s');
SELECT wrk.enable_status('regress.part', 'rs_m', 'phase', tenant_column => NULL);
INSERT INTO regress.part VALUES ('n', 1), ('s', 2) RETURNING phase;
SELECT wrk.transition('regress.part', '1', 'b') ->> 'to';
UPDATE regress.part_n SET phase = 'c' WHERE id = 1;
UPDATE regress.part SET phase = 'z' WHERE id = 1;
UPDATE regress.part SET region = 's' WHERE id = 1;
SELECT wrk.transition('regress.part', '1', 's') ->> 'to';
SELECT wrk.transition('regress.part_n', '1', 'previous') ->> 'to';
SELECT wrk.status_config('regress.part_n');
SELECT wrk.enable_status('regress.part_n', 'rs_m', 'phase', tenant_column => NULL);
SELECT wrk.disable_status('regress.part');
UPDATE regress.part SET phase = 'z', region = 's' WHERE id = 1 RETURNING phase;

-- the owner of a table who is no superuser: his rows are checked though row security binds him
CREATE ROLE regress_owner;
GRANT wrk_service TO regress_owner;
GRANT ALL ON SCHEMA regress TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE regress.owned (tenant_id text NOT NULL, id int, status text, PRIMARY KEY (tenant_id, id));
INSERT INTO regress.owned VALUES ('acme', 1, 'elsewhere');
SELECT wrk.enable_tenancy('regress.owned');
SELECT wrk.enable_status('regress.owned', 'rs_m');
ALTER TABLE regress.owned NO FORCE ROW LEVEL SECURITY;
UPDATE regress.owned SET status = 'b';
ALTER TABLE regress.owned FORCE ROW LEVEL SECURITY;
SELECT wrk.enable_status('regress.owned', 'rs_m');
SELECT wrk.migrate_status('regress.owned', 2, '{"b": "bb"}');
SELECT relforcerowsecurity FROM pg_class WHERE oid = 'regress.owned'::regclass;
RESET ROLE;
SELECT * FROM regress.owned;

DROP SCHEMA regress CASCADE;
DROP ROLE regress_owner;
DELETE FROM wrk.state_machine WHERE name = 'rs_m';
DELETE FROM wrk.state_change;
DELETE FROM wrk.role WHERE name = 'rs_boss';
