-- Tenant isolation of any table: what it promises and what it refuses.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
CREATE ROLE tenancy_member LOGIN IN ROLE wrk_member;
CREATE ROLE tenancy_service LOGIN IN ROLE wrk_service;
CREATE ROLE tenancy_owner LOGIN IN ROLE wrk_service;
CREATE SCHEMA shop AUTHORIZATION tenancy_owner;
GRANT USAGE ON SCHEMA shop TO wrk_member;
SET search_path TO shop, public;

CREATE FUNCTION shop.state(tbl regclass, OUT row_security boolean, OUT forced boolean, OUT policies bigint,
						   OUT triggers bigint, OUT tenant_default text, OUT indexes bigint)
LANGUAGE sql STABLE AS $$
	SELECT c.relrowsecurity, c.relforcerowsecurity,
		(SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid),
		(SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid),
		(SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = c.oid AND d.adnum = 1),
		(SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid)
	FROM pg_class c WHERE c.oid = tbl
$$;

SET ROLE tenancy_owner;
CREATE TABLE shop.item (tenant_id uuid NOT NULL, id int, label text, PRIMARY KEY (tenant_id, id));
INSERT INTO shop.item SELECT ('00000000-0000-0000-0000-00000000000' || t)::uuid, i, 'item ' || t || i
FROM generate_series(1, 3) t, generate_series(1, 2) i;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.item TO wrk_member;

-- enabling twice is enabling once
SELECT wrk.enable_tenancy('shop.item');
SELECT wrk.enable_tenancy('shop.item');
SELECT * FROM shop.state('shop.item');
SELECT polname, polpermissive, polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid) AS "using",
	pg_get_expr(polwithcheck, polrelid) AS "check"
FROM pg_policy WHERE polrelid = 'shop.item'::regclass ORDER BY polname;
SELECT wrk.tenancy_column('shop.item'), wrk.tenancy_made('shop.item');

-- nobody sees no rows, the owner included
SELECT count(*) FROM shop.item;
RESET ROLE;
SET SESSION AUTHORIZATION tenancy_service;
SELECT count(*) FROM shop.item;

-- a member of a tenant sees and changes that tenant's rows
BEGIN;
SELECT wrk.impersonate('00000000-0000-0000-0000-000000000001', 'u1') IS NOT NULL AS ok;
SELECT * FROM shop.item ORDER BY id;
INSERT INTO shop.item (id, label) VALUES (3, 'default tenant') RETURNING *;
UPDATE shop.item SET label = 'changed' RETURNING id;
UPDATE shop.item SET tenant_id = tenant_id, label = 'same tenant' WHERE id = 1 RETURNING *;
SAVEPOINT s;
INSERT INTO shop.item VALUES ('00000000-0000-0000-0000-000000000002', 9, 'foreign');
ROLLBACK TO s;
UPDATE shop.item SET tenant_id = '00000000-0000-0000-0000-000000000002';
ROLLBACK TO s;
UPDATE shop.item SET label = 'x' WHERE tenant_id = '00000000-0000-0000-0000-000000000002';
DELETE FROM shop.item WHERE tenant_id <> '00000000-0000-0000-0000-000000000001';
ROLLBACK;
-- a tenant that is no uuid is an error, not somebody's tenant
BEGIN;
SELECT wrk.impersonate('acme', 'u1') IS NOT NULL AS ok;
SELECT count(*) FROM shop.item;
ROLLBACK;
RESET SESSION AUTHORIZATION;

-- the tenant of a row cannot be changed, by the superuser either
SELECT count(*) FROM shop.item;
UPDATE shop.item SET tenant_id = gen_random_uuid();
UPDATE shop.item SET id = id, label = label || '!';
-- except where the server applies what another one has checked
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE shop.item SET tenant_id = gen_random_uuid() WHERE id = 1;
ROLLBACK;

-- the plan: one InitPlan whose result is the index key
CREATE TABLE shop.big (tenant_id int NOT NULL, id int, filler text, PRIMARY KEY (tenant_id, id));
INSERT INTO shop.big SELECT i % 10, i, repeat('x', 50) FROM generate_series(1, 20000) i;
SELECT wrk.enable_tenancy('shop.big');
ANALYZE shop.big;
GRANT SELECT ON shop.big TO wrk_member;
SET SESSION AUTHORIZATION tenancy_service;
BEGIN;
SELECT wrk.impersonate('3', 'u1') IS NOT NULL AS ok;
EXPLAIN (COSTS OFF) SELECT * FROM shop.big WHERE id = 13;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM shop.big;
SELECT count(*), count(DISTINCT tenant_id) FROM shop.big;
ROLLBACK;
RESET SESSION AUTHORIZATION;

-- disabling takes back what enabling made, and nothing else
SET ROLE tenancy_owner;
SELECT wrk.disable_tenancy('shop.item');
SELECT wrk.disable_tenancy('shop.item');
SELECT * FROM shop.state('shop.item');
CREATE TABLE shop.mine (tenant_id text NOT NULL DEFAULT 'house', id int);
ALTER TABLE shop.mine ENABLE ROW LEVEL SECURITY;
SELECT wrk.enable_tenancy('shop.mine', add_index => true);
SELECT * FROM shop.state('shop.mine');
SELECT wrk.tenancy_made('shop.mine');
SELECT wrk.disable_tenancy('shop.mine');
SELECT * FROM shop.state('shop.mine');
-- policies that somebody added later must not lose their footing
SELECT wrk.enable_tenancy('shop.item');
CREATE POLICY later ON shop.item AS RESTRICTIVE USING (id < 100);
SELECT wrk.disable_tenancy('shop.item');
SELECT * FROM shop.state('shop.item');

-- every type a tenant may have
CREATE TABLE shop.as_text (tenant_id text, id int, PRIMARY KEY (tenant_id, id));
CREATE TABLE shop.as_varchar (tenant_id varchar(4), id int, PRIMARY KEY (tenant_id, id));
CREATE TABLE shop.as_bigint ("Mandant ü" bigint, id int, PRIMARY KEY ("Mandant ü", id));
CREATE DOMAIN shop.tenant AS uuid CHECK (VALUE <> '00000000-0000-0000-0000-000000000000');
CREATE TABLE shop.as_domain (tenant_id shop.tenant, id int, PRIMARY KEY (tenant_id, id));
SELECT wrk.enable_tenancy('shop.as_text'), wrk.enable_tenancy('shop.as_varchar'),
	wrk.enable_tenancy('shop.as_bigint', 'Mandant ü'), wrk.enable_tenancy('shop.as_domain');
SELECT polrelid::regclass, pg_get_expr(polqual, polrelid), wrk.tenancy_column(polrelid)
FROM pg_policy WHERE polname = 'wrk_tenancy' AND polrelid::regclass::text LIKE 'as%' ORDER BY polrelid;
-- a long tenant is not cut down to a short one
GRANT SELECT ON shop.as_varchar TO wrk_member;
RESET ROLE;
INSERT INTO shop.as_varchar VALUES ('acme', 1);
SET ROLE tenancy_service;
BEGIN;
SELECT wrk.impersonate('acme-rival', 'u1') IS NOT NULL AS ok;
SELECT count(*) FROM shop.as_varchar;
ROLLBACK;
BEGIN;
SELECT wrk.impersonate('acme', 'u1') IS NOT NULL AS ok;
SELECT count(*) FROM shop.as_varchar;
ROLLBACK;

RESET ROLE;
SET ROLE tenancy_owner;
-- a renamed tenant column keeps its protection and asks for its trigger to be renewed
ALTER TABLE shop.as_text RENAME tenant_id TO org;
BEGIN;
SELECT wrk.impersonate('t1', 'u1') IS NOT NULL AS ok;
INSERT INTO shop.as_text (id) VALUES (1) RETURNING *;
UPDATE shop.as_text SET id = 2;
ROLLBACK;
SELECT wrk.enable_tenancy('shop.as_text', 'org');
BEGIN;
SELECT wrk.impersonate('t1', 'u1') IS NOT NULL AS ok;
INSERT INTO shop.as_text (id) VALUES (1);
UPDATE shop.as_text SET id = 2 RETURNING *;
UPDATE shop.as_text SET org = 'T1';
ROLLBACK;

-- partitions: named directly they are as closed as through their parent
CREATE TABLE shop.log (tenant_id text NOT NULL, at date NOT NULL, line text) PARTITION BY RANGE (at);
CREATE TABLE shop.log_1 PARTITION OF shop.log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
SELECT wrk.enable_tenancy('shop.log', add_index => true);
CREATE TABLE shop.log_2 PARTITION OF shop.log FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
SELECT wrk.enable_tenancy('shop.log');
GRANT ALL ON shop.log, shop.log_1, shop.log_2 TO wrk_member;
RESET ROLE;
INSERT INTO shop.log VALUES ('t1', '2020-05-05', 'a'), ('t2', '2020-05-05', 'b'), ('t2', '2021-05-05', 'c');
UPDATE shop.log SET tenant_id = 't9';
UPDATE shop.log_2 SET tenant_id = 't9';
SET SESSION AUTHORIZATION tenancy_service;
BEGIN;
SELECT wrk.impersonate('t2', 'u1') IS NOT NULL AS ok;
SELECT * FROM shop.log ORDER BY at;
SELECT * FROM shop.log_1;
UPDATE shop.log SET at = '2021-06-06' RETURNING *;
INSERT INTO shop.log_1 VALUES ('t1', '2020-01-01', 'forged');
ROLLBACK;
RESET SESSION AUTHORIZATION;
SET ROLE tenancy_owner;
SELECT wrk.disable_tenancy('shop.log');
SELECT * FROM shop.state('shop.log') UNION ALL SELECT * FROM shop.state('shop.log_1') UNION ALL SELECT * FROM shop.state('shop.log_2');

-- refusals
CREATE TABLE shop.no_index (tenant_id uuid NOT NULL, id int PRIMARY KEY);
CREATE INDEX ON shop.no_index (tenant_id) WHERE id > 5;
SELECT wrk.enable_tenancy('shop.no_index');
CREATE TABLE shop.nullable (tenant_id uuid, id int);
SELECT wrk.enable_tenancy('shop.nullable', add_index => true);
SELECT wrk.enable_tenancy('shop.item', 'organisation');
CREATE TABLE shop.padded (tenant_id char(8) NOT NULL);
SELECT wrk.enable_tenancy('shop.padded', add_index => true);
CREATE VIEW shop.item_view AS SELECT * FROM shop.item;
SELECT wrk.enable_tenancy('shop.item_view');
CREATE MATERIALIZED VIEW shop.item_copy AS SELECT * FROM shop.item;
SELECT wrk.enable_tenancy('shop.item_copy');
SELECT wrk.enable_tenancy('shop.log_1');
CREATE TABLE shop.parent (tenant_id uuid NOT NULL);
CREATE TABLE shop.child () INHERITS (shop.parent);
SELECT wrk.enable_tenancy('shop.parent', add_index => true);
SELECT wrk.enable_tenancy('shop.child', add_index => true);
CREATE TABLE shop.two (tenant_id uuid NOT NULL, other uuid NOT NULL, PRIMARY KEY (tenant_id, other));
CREATE INDEX ON shop.two (other);
SELECT wrk.enable_tenancy('shop.two');
SELECT wrk.enable_tenancy('shop.two', 'other');
SELECT wrk.enable_tenancy(NULL);
RESET ROLE;
CREATE COLLATION shop.case_blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE shop.blind (tenant_id text COLLATE shop.case_blind NOT NULL);
SELECT wrk.enable_tenancy('shop.blind', add_index => true);
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE TABLE shop.mixed (tenant_id text NOT NULL) PARTITION BY LIST (tenant_id);
CREATE FOREIGN TABLE shop.mixed_1 PARTITION OF shop.mixed FOR VALUES IN ('t1') SERVER nowhere;
SELECT wrk.enable_tenancy('shop.mixed', add_index => true);
SET ROLE tenancy_member;
SELECT wrk.enable_tenancy('shop.two');
SELECT wrk.disable_tenancy('shop.two');
RESET ROLE;
-- the trigger function serves nobody else
SELECT wrk.tenancy_guard();
CREATE TABLE shop.plain (tenant_id text);
CREATE TRIGGER wrong AFTER UPDATE ON shop.plain FOR EACH ROW EXECUTE FUNCTION wrk.tenancy_guard('tenant_id');
INSERT INTO shop.plain VALUES ('a');
UPDATE shop.plain SET tenant_id = 'a';

-- what the trigger says was made is its owner's word, which does not reach other tables
CREATE TABLE shop.precious (tenant_id text NOT NULL, note text);
CREATE INDEX precious_idx ON shop.precious (note);
CREATE TABLE shop.trap (tenant_id text NOT NULL);
ALTER TABLE shop.trap OWNER TO tenancy_member;
SET ROLE tenancy_member;
CREATE TRIGGER zz_wrk_tenancy BEFORE UPDATE ON shop.trap FOR EACH ROW
	EXECUTE FUNCTION wrk.tenancy_guard('tenant_id', '{"index": "precious_idx"}');
RESET ROLE;
SELECT wrk.disable_tenancy('shop.trap');
SELECT to_regclass('shop.precious_idx') AS still_there;

RESET search_path;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
DROP SERVER nowhere;
DROP FOREIGN DATA WRAPPER nowhere;
DROP ROLE tenancy_member, tenancy_service, tenancy_owner;
