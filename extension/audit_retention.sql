-- Forgetting old months of the audit log.
--
-- Nobody but wrk.audit_retention() takes anything out of the log, and it leaves a
-- record of what it took: rows that are gone by it are not missing.

CREATE TABLE wrk.audit_dropped (
	part text PRIMARY KEY,
	created_from timestamptz NOT NULL,
	created_upto timestamptz NOT NULL,
	row_count bigint NOT NULL,
	ids int8multirange NOT NULL,
	dropped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	db_user text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE wrk.audit_dropped IS 'what wrk.audit_retention() took out of the log';
COMMENT ON COLUMN wrk.audit_dropped.part IS 'partition that was dropped; default, @ and the time it was done: rows of the default partition';
COMMENT ON COLUMN wrk.audit_dropped.created_from IS 'created_at of the oldest row';
COMMENT ON COLUMN wrk.audit_dropped.created_upto IS 'created_at of the newest row';
COMMENT ON COLUMN wrk.audit_dropped.ids IS 'ids of the rows; fact audit.retention of the log has the SHA-256 of their text';
SELECT pg_catalog.pg_extension_config_dump('wrk.audit_dropped', '');
REVOKE ALL ON wrk.audit_dropped FROM PUBLIC;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON wrk.audit_dropped
	FOR EACH STATEMENT EXECUTE FUNCTION wrk.audit_refuse_change();
COMMENT ON TRIGGER append_only ON wrk.audit_dropped IS 'nobody changes the record';
ALTER TABLE wrk.audit_dropped ENABLE ALWAYS TRIGGER append_only;

CREATE FUNCTION wrk.audit_drop_record(part text, rows_table regclass, before timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	gone wrk.audit_dropped;
BEGIN
	EXECUTE format('SELECT min(r.created_at), max(r.created_at), count(*),'
		' coalesce(range_agg(int8range(r.id, r.id, ''[]'')), ''{}'')'
		' FROM ONLY %s r WHERE r.created_at < $1', rows_table)
	INTO gone.created_from, gone.created_upto, gone.row_count, gone.ids USING before;
	IF gone.row_count = 0 THEN
		RETURN 0;
	END IF;
	INSERT INTO wrk.audit_dropped (part, created_from, created_upto, row_count, ids)
	VALUES (audit_drop_record.part, gone.created_from, gone.created_upto, gone.row_count, gone.ids);
	PERFORM wrk.audit('audit.retention', 'audit_log', audit_drop_record.part, jsonb_build_object(
		'rows', gone.row_count, 'from', gone.created_from, 'upto', gone.created_upto,
		'ids_sha256', encode(sha256(convert_to(gone.ids::text, 'UTF8')), 'hex')), tenant_id => NULL);
	RETURN gone.row_count;
END
$$;
COMMENT ON FUNCTION wrk.audit_drop_record(text, regclass, timestamptz) IS
'part of wrk.audit_retention(): records the rows of a table that are older, and returns how many they are';

CREATE FUNCTION wrk.audit_retention_again(before timestamptz)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT wrk.audit(f.action, f.resource_type, f.resource_id,
		jsonb_build_object('since', f.created_at) || f.metadata, tenant_id => NULL)
	FROM wrk.audit_log f JOIN wrk.audit_dropped d ON d.part = f.resource_id
	WHERE f.action = 'audit.retention' AND f.resource_type = 'audit_log' AND f.tenant_id IS NULL
		AND f.created_at < before
		AND f.metadata ->> 'ids_sha256' = encode(sha256(convert_to(d.ids::text, 'UTF8')), 'hex')
	ORDER BY f.id
$$;
COMMENT ON FUNCTION wrk.audit_retention_again(timestamptz) IS
'part of wrk.audit_retention(): facts audit.retention that are about to go are said again, with since, when that was first said; what the log does not say of wrk.audit_dropped is not believed';

CREATE FUNCTION wrk.audit_retention(keep interval DEFAULT nullif(current_setting('wrk_copilot.audit_keep'), '-1')::interval)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
SET lock_timeout TO '5s' SET datestyle TO iso SET timezone TO 'UTC'
AS $$
DECLARE
	before timestamptz;
	month timestamptz;
	partition_name name;
	sealed bigint;
	gone bigint := 0;
	old bigint;
BEGIN
	IF keep IS NULL THEN
		RETURN 0;
	END IF;
	IF keep < interval '1 month' THEN
		RAISE EXCEPTION 'the audit log is kept for a month at least, not for %', keep USING ERRCODE = 'WK400';
	END IF;
	before := date_trunc('month', now() - keep);
	-- what is not sealed has left no trace yet
	LOOP
		sealed := wrk.seal();
		IF sealed IS NULL THEN
			RAISE EXCEPTION 'somebody else is sealing the audit log' USING ERRCODE = '55P03',
				HINT = 'Try again later.';
		END IF;
		EXIT WHEN sealed = 0;
	END LOOP;
	PERFORM wrk.audit_retention_again(before);
	FOR partition_name, month IN
		SELECT c.relname, to_timestamp(right(c.relname, 7), 'YYYY_MM')
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'wrk.audit_log'::regclass AND c.relname ~ '^audit_log_\d{4}_\d\d$' ORDER BY 1
	LOOP
		CONTINUE WHEN month >= before;
		gone := gone + wrk.audit_drop_record(partition_name, format('wrk.%I', partition_name)::regclass, 'infinity');
		EXECUTE format('DROP TABLE wrk.%I', partition_name);
	END LOOP;
	old := wrk.audit_drop_record('default@' || clock_timestamp(), 'wrk.audit_log_default', before);
	IF old > 0 THEN
		ALTER TABLE wrk.audit_log_default DISABLE TRIGGER append_only;
		DELETE FROM wrk.audit_log_default d WHERE d.created_at < before;
		ALTER TABLE wrk.audit_log_default ENABLE ALWAYS TRIGGER append_only;
	END IF;
	RETURN gone + old;
END
$$;
COMMENT ON FUNCTION wrk.audit_retention(interval) IS
'drops the months of the audit log that ended more than keep ago, after sealing them, records that in wrk.audit_dropped and as fact audit.retention, and returns how many rows they had. keep: at least one month; default: setting wrk_copilot.audit_keep; NULL: for ever. Errors: WK400, 55P03 when somebody else is sealing, or has been reading for more than 5 s';

CREATE FUNCTION wrk.audit_keep()
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT wrk.audit_retention()
$$;
COMMENT ON FUNCTION wrk.audit_keep() IS
'drops what setting wrk_copilot.audit_keep says need not be kept; run by the background worker';
REVOKE ALL ON FUNCTION wrk.audit_drop_record(text, regclass, timestamptz), wrk.audit_retention_again(timestamptz),
	wrk.audit_retention(interval), wrk.audit_keep() FROM PUBLIC;
SELECT wrk.maintenance_register('wrk.audit_keep', 'wrk.audit_keep()', '1 day');
