-- What protects a table is not switched off without a trace.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
GRANT CREATE, USAGE ON SCHEMA public TO regress_owner;
CREATE TABLE public."Item" (id bigint PRIMARY KEY, tenant_id text NOT NULL, state text NOT NULL DEFAULT 'open');
SELECT wrk.define_state_machine('{"name": "regress_item", "states": [{"code": "open", "initial": true}, {"code": "shut", "terminal": true}],
	"transitions": [{"from": "open", "to": "shut"}]}') IS NOT NULL AS defined;
SELECT coalesce(max(id), 0) AS start FROM wrk.audit_log \gset
PREPARE facts AS SELECT op, action, tenant_id, resource_type, resource_id, metadata FROM wrk.audit_log WHERE id > $1 AND op = 'f' ORDER BY id;

-- what is not on cannot be switched off
SELECT wrk.disable_tenancy('public."Item"'), wrk.disable_status('public."Item"'), wrk.disable_events('public."Item"'), wrk.disable_audit('public."Item"');
EXECUTE facts(:start);
SELECT wrk.enable_tenancy('public."Item"', add_index => true);
SELECT wrk.enable_status('public."Item"', 'regress_item', 'state', entity => 'regress_item');
SELECT wrk.enable_events('public."Item"', 'regress_item');
SELECT wrk.enable_audit('public."Item"', 'regress_item');
EXECUTE facts(:start);
SELECT wrk.disable_tenancy('public."Item"'), wrk.disable_status('public."Item"'), wrk.disable_events('public."Item"'), wrk.disable_audit('public."Item"');
SELECT wrk.disable_tenancy('public."Item"'), wrk.disable_status('public."Item"'), wrk.disable_events('public."Item"'), wrk.disable_audit('public."Item"');
EXECUTE facts(:start);

-- an owner without any other right leaves the trace too; who does not own the table can say nothing about it
SELECT max(id) AS start FROM wrk.audit_log \gset
SET ROLE regress_owner;
CREATE TABLE public.own (tenant_id text PRIMARY KEY);
SELECT wrk.enable_tenancy('public.own');
SELECT wrk.disable_tenancy('public.own');
SET ROLE regress_other;
SELECT wrk.disable_tenancy('public.own');
SELECT wrk.protection_disabled('public.own', 'tenancy');
RESET ROLE;
EXECUTE facts(:start);
-- anybody can make temporary tables: of these there is nothing to tell
SET ROLE regress_owner;
CREATE TEMP TABLE own_temp (tenant_id text PRIMARY KEY);
SELECT wrk.protection_disabled('own_temp', 'tenancy') IS NULL AS nothing;
RESET ROLE;
SELECT wrk.protection_disabled('public.own', 'everything');
SELECT wrk.protection_disabled(0, 'tenancy');
SELECT wrk.protection_disabled('public.own', NULL) IS NULL AS nothing;
-- taken back with its transaction
SELECT wrk.enable_tenancy('public.own');
BEGIN;
SELECT wrk.disable_tenancy('public.own');
ROLLBACK;
SELECT wrk.tenancy_column('public.own');
SELECT count(*) FROM wrk.audit_log WHERE id > :start AND op = 'f';

DROP TABLE public."Item", public.own;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner, regress_other;
DELETE FROM wrk.state_machine WHERE name = 'regress_item';
