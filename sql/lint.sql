-- wrk.lint(): nothing on a fresh installation, and each finding made to appear once.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT * FROM wrk.lint();
SELECT copilot.install();
SELECT * FROM wrk.lint();

CREATE ROLE regress_owner NOLOGIN;
CREATE SCHEMA regress_lint AUTHORIZATION regress_owner;
SET search_path TO regress_lint;
CREATE TABLE good (tenant_id uuid, id int, PRIMARY KEY (tenant_id, id));
SELECT wrk.enable_tenancy('good');
SELECT * FROM wrk.lint();

\set finding 'SELECT name, level, replace(detail, current_user, ''OWNER'') AS detail, remediation FROM wrk.lint();'
\x on
-- tables
BEGIN;
CREATE TABLE bad (tenant_id uuid, id int);
:finding
ROLLBACK;
BEGIN;
CREATE TABLE other (org text NOT NULL, PRIMARY KEY (org));
SELECT wrk.enable_tenancy('other', 'org') \g /dev/null
CREATE TABLE bad (org text);
:finding
ROLLBACK;
BEGIN;
ALTER TABLE good DISABLE ROW LEVEL SECURITY;
:finding
ROLLBACK;
BEGIN;
ALTER TABLE good NO FORCE ROW LEVEL SECURITY;
:finding
ROLLBACK;
BEGIN;
CREATE TABLE parted (tenant_id text, at date, PRIMARY KEY (tenant_id, at)) PARTITION BY RANGE (at);
SELECT wrk.enable_tenancy('parted') \g /dev/null
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
:finding
SELECT wrk.enable_tenancy('parted') \g /dev/null
SELECT count(*) AS after FROM wrk.lint();
ROLLBACK;
BEGIN;
ALTER TABLE good DROP CONSTRAINT good_pkey;
:finding
ALTER TABLE good ALTER COLUMN tenant_id DROP NOT NULL;
:finding
ROLLBACK;
BEGIN;
ALTER TABLE good ADD UNIQUE (id);
CREATE TABLE refers (tenant_id uuid, id int REFERENCES good (id), same int, PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, same) REFERENCES good);
SELECT wrk.enable_tenancy('refers') \g /dev/null
:finding
ROLLBACK;
-- policies and triggers
BEGIN;
DROP POLICY wrk_tenancy ON good;
:finding
ROLLBACK;
BEGIN;
ALTER POLICY wrk_tenancy ON good USING (true);
:finding
ROLLBACK;
BEGIN;
CREATE POLICY slow ON good AS RESTRICTIVE USING (tenant_id::text = wrk.tenant_id());
CREATE POLICY slow_sub ON good AS RESTRICTIVE USING (EXISTS (SELECT FROM wrk.error_code e WHERE e.code = wrk.user_id()));
CREATE POLICY fast ON good AS RESTRICTIVE USING (tenant_id::text = (SELECT coalesce(wrk.tenant_id(), 'a ) b')) OR (SELECT wrk.has_role('ops') AND wrk.has_role('qa')));
:finding
ROLLBACK;
BEGIN;
ALTER TABLE good DISABLE TRIGGER zz_wrk_tenancy;
:finding
ROLLBACK;
BEGIN;
ALTER TABLE copilot.messages DISABLE TRIGGER USER;
SELECT DISTINCT name, level FROM wrk.lint();
ROLLBACK;
-- code
BEGIN;
CREATE FUNCTION loose() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION pinned() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 1';
:finding
ROLLBACK;
BEGIN;
CREATE VIEW through AS SELECT * FROM good;
CREATE VIEW invoked WITH (security_invoker = true) AS SELECT * FROM good;
CREATE MATERIALIZED VIEW copied AS SELECT * FROM good;
:finding
GRANT SELECT ON copied TO wrk_member;
:finding
ROLLBACK;
-- grants
BEGIN;
GRANT SELECT ON wrk.api_key TO PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.api_key_create(text, text, text[], text, timestamptz, text, text[]) TO PUBLIC;
GRANT CREATE ON SCHEMA wrk TO PUBLIC;
:finding
ROLLBACK;
BEGIN;
GRANT ALL ON good TO wrk_member;
:finding
ROLLBACK;
-- roles
BEGIN;
CREATE ROLE regress_bypass BYPASSRLS IN ROLE wrk_service;
CREATE ROLE regress_super SUPERUSER IN ROLE wrk_member;
:finding
ROLLBACK;
BEGIN;
GRANT wrk_member TO regress_owner;
ALTER ROLE regress_owner LOGIN;
ALTER TABLE good OWNER TO regress_owner;
:finding
ROLLBACK;
-- who may ask
SET ROLE wrk_member;
SELECT count(*) FROM wrk.lint();
SET ROLE wrk_ops;
SELECT count(*) FROM wrk.lint();
RESET ROLE;
\x off
DROP SCHEMA regress_lint CASCADE;
DROP ROLE regress_owner;
