-- Forgetting old months of the audit log: only so, and it leaves a record.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
\echo -- a month at least, and never what is young
SELECT wrk.audit_retention('1 day');
ALTER SYSTEM SET wrk_copilot.audit_keep = '29d';
ALTER SYSTEM SET wrk_copilot.audit_keep = 0;
SELECT wrk.audit_retention(NULL);
SELECT wrk.audit_retention();
SET ROLE wrk_service;
SELECT wrk.audit_retention('1 month');
RESET ROLE;
\echo -- an old month goes, and leaves a record of what went
SELECT wrk.audit_partition_make(timestamptz '2020-02-11 UTC'), wrk.audit_partition_make(timestamptz '2020-02-29 UTC') AS again;
INSERT INTO wrk.audit_log (created_at, xid, tenant_id, op, action, resource_type, roles, db_user)
SELECT t, 1, 'acme', 'f', 'old.fact', 'thing', '{}', 'x'
FROM unnest('{2020-02-01 00:00:00 UTC, 2020-02-29 23:59:59.999999 UTC, 2019-07-01 UTC}'::timestamptz[]) t;
SELECT tableoid::regclass, count(*) FROM wrk.audit_log WHERE action = 'old.fact' GROUP BY 1 ORDER BY 1;
\echo -- a partition that comes late takes over what is there, and both stay guarded
BEGIN;
SELECT wrk.audit_partition_make(timestamptz '2019-07-01 UTC');
SELECT tableoid::regclass, count(*) FROM wrk.audit_log WHERE action = 'old.fact' GROUP BY 1 ORDER BY 1;
SELECT try('DELETE FROM wrk.audit_log_2019_07'), try('TRUNCATE wrk.audit_log_2019_07'), try('TRUNCATE wrk.audit_log_default');
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
WHERE tgrelid IN ('wrk.audit_log_default'::regclass, 'wrk.audit_log_2019_07'::regclass) ORDER BY 1, 2;
ROLLBACK;
SELECT wrk.audit_retention('5 years');
SELECT count(*) FROM wrk.audit_log WHERE action = 'old.fact';
SELECT part ~ '^(audit_log_2020_02|default@)' AS part, created_from, created_upto, row_count,
	(SELECT sum(upper(r) - lower(r)) FROM unnest(ids) r) AS ids FROM wrk.audit_dropped ORDER BY created_from;
SELECT action, tenant_id, resource_id ~ '^(audit_log_2020_02|default@)' AS resource_id, metadata ->> 'rows' AS rows,
	metadata ->> 'ids_sha256' IN (SELECT encode(sha256(convert_to(ids::text, 'UTF8')), 'hex') FROM wrk.audit_dropped) AS sha
FROM wrk.audit_log WHERE action = 'audit.retention' ORDER BY id;
\echo -- what says so goes in time, and is said again; not so what nobody had said
BEGIN;
SELECT wrk.audit_partition_make(timestamptz '2018-03-01 UTC');
INSERT INTO wrk.audit_dropped (part, created_from, created_upto, row_count, ids)
VALUES ('audit_log_2015_01', '2015-01-01 UTC', '2015-01-31 UTC', 1, '{[1,2)}'), ('audit_log_2015_02', '2015-02-01 UTC', '2015-02-28 UTC', 1, '{[2,3)}');
INSERT INTO wrk.audit_log (created_at, xid, op, action, resource_type, resource_id, metadata, roles, db_user)
SELECT '2018-03-01 UTC', 1, 'f', 'audit.retention', 'audit_log', d.part, jsonb_build_object('rows', 1,
	'ids_sha256', encode(sha256(convert_to(d.ids::text, 'UTF8')), 'hex')), '{}', 'x' FROM wrk.audit_dropped d WHERE d.part = 'audit_log_2015_01';
SELECT wrk.audit_retention('5 years');
SELECT resource_id, metadata ->> 'rows' AS rows, metadata -> 'since' AS since,
	metadata ->> 'ids_sha256' IN (SELECT encode(sha256(convert_to(ids::text, 'UTF8')), 'hex') FROM wrk.audit_dropped WHERE part = resource_id) AS sha
FROM wrk.audit_log WHERE action = 'audit.retention' AND resource_id LIKE '%2015%' ORDER BY id;
\echo -- twice in a month
INSERT INTO wrk.audit_log (created_at, xid, op, action, resource_type, roles, db_user)
VALUES ('2019-07-01 UTC', 1, 'f', 'old.fact', 'thing', '{}', 'x');
SELECT wrk.audit_retention('5 years');
ROLLBACK;
\echo -- the default partition is guarded again, and so is the record
BEGIN;
INSERT INTO wrk.audit_log (created_at, xid, op, action, resource_type, roles, db_user)
VALUES ('2019-07-01 UTC', 1, 'f', 'old.fact', 'thing', '{}', 'x');
SELECT try('DELETE FROM wrk.audit_log_default');
ROLLBACK;
SELECT try('DELETE FROM wrk.audit_dropped');

DROP FUNCTION try(text);
