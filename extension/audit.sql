-- Audit: who did what, in rows that nobody changes afterwards.
--
-- A row is written in C (audit_store.c) by the transaction it tells of, straight
-- into the partition of its month and that partition's indexes. Partitions are
-- ordinary tables, not members of the extension, because pg_dump does not dump
-- members that are made later; audit_log_default is one and takes what no month
-- has room for. Each partition has indexes of its own: those that a table gets for
-- being a partition cannot be restored where the parent is a member.

CREATE SEQUENCE wrk.audit_log_id_seq;
COMMENT ON SEQUENCE wrk.audit_log_id_seq IS 'ids of the audit log; must not cache any: the changes of one row rise in the order they were made';
REVOKE ALL ON wrk.audit_log_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('wrk.audit_log_id_seq', '');

-- Columns are written by number in C (audit_store.c). No checks: C passes them over.
CREATE TABLE wrk.audit_log (
	id bigint NOT NULL DEFAULT nextval('wrk.audit_log_id_seq'),
	created_at timestamptz NOT NULL,
	xid bigint NOT NULL,
	tenant_id text COLLATE "C",
	user_id text,
	op "char" NOT NULL,
	action text NOT NULL,
	resource_type text COLLATE "C" NOT NULL,
	resource_id text COLLATE "C",
	changes jsonb,
	metadata jsonb,
	roles text[] NOT NULL,
	session_id text,
	via text,
	actor text,
	db_user text NOT NULL,
	request_id text
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE wrk.audit_log IS
'who did what; appended to by the trigger of wrk.enable_audit() and by wrk.audit(), changed by nobody. Partitioned by month (UTC)';
COMMENT ON COLUMN wrk.audit_log.created_at IS 'when it was done, not when it was committed';
COMMENT ON COLUMN wrk.audit_log.xid IS 'full id of the transaction that wrote it here (a bigint, for BRIN); after a restore, of the one that restored it';
COMMENT ON COLUMN wrk.audit_log.tenant_id IS 'tenant of the row or of who reported the fact, NULL for what belongs to none';
COMMENT ON COLUMN wrk.audit_log.user_id IS 'user of the identity, NULL for a service and for the system';
COMMENT ON COLUMN wrk.audit_log.op IS 'i(nsert), u(pdate), d(elete), t(runcate) of rows; f(act) of wrk.audit()';
COMMENT ON COLUMN wrk.audit_log.action IS 'what was done: <resource_type>.created, .updated, .deleted, .truncated, .<column>.<value>, or the word of who reported it';
COMMENT ON COLUMN wrk.audit_log.changes IS
'{"old": {column: value}, "new": {column: value}, "diff": {column: diff}, "inverse": {column: diff}, "redacted": [column]}; members that would be empty are left out, and a column that is in neither old nor new is NULL. Of an update only the columns that changed; diff and inverse, as wrk.blueprint_diff() has them, for jsonb columns that were an object before and after';
COMMENT ON COLUMN wrk.audit_log.metadata IS 'what else there is to know; reverts: id of the change that this one takes back';
COMMENT ON COLUMN wrk.audit_log.roles IS 'roles of the identity';
COMMENT ON COLUMN wrk.audit_log.via IS 'how the identity was proven: jwt, api_key, or impersonate; NULL: there was none';
COMMENT ON COLUMN wrk.audit_log.actor IS 'who vouched for it: id of the key or of the API key, or who impersonated';
COMMENT ON COLUMN wrk.audit_log.db_user IS 'role that had logged in to the database';
COMMENT ON COLUMN wrk.audit_log.request_id IS 'setting wrk_copilot.request_id of who did it, or else the idempotency key of the call';
REVOKE ALL ON wrk.audit_log FROM PUBLIC;

CREATE FUNCTION wrk.audit_partition_index(part name)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	index record;
BEGIN
	EXECUTE format('ALTER TABLE wrk.%I ADD CONSTRAINT %I PRIMARY KEY (id)', part, part || '_pkey');
	FOR index IN
		SELECT part || i.suffix AS name, i.definition, i.purpose FROM (VALUES
			-- no two entries are alike, so looking for duplicates is in vain
			('_tenant_idx', '(tenant_id, id) WITH (deduplicate_items = off)', 'log of a tenant'),
			('_resource_idx', '(resource_id, resource_type, tenant_id, id) WITH (deduplicate_items = off)',
			 'history of a row'),
			('_xid_idx', 'USING brin (xid) WITH (pages_per_range = 16, autosummarize = on)',
			 'what came after a snapshot; see wrk.seal()')) AS i (suffix, definition, purpose)
	LOOP
		EXECUTE format('CREATE INDEX %I ON wrk.%I %s', index.name, part, index.definition);
		EXECUTE format('COMMENT ON INDEX wrk.%I IS %L', index.name, index.purpose);
	END LOOP;
	EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON wrk.%I'
				   ' FOR EACH STATEMENT EXECUTE FUNCTION wrk.audit_refuse_change()', part);
	EXECUTE format('COMMENT ON TRIGGER append_only_truncate ON wrk.%I IS %L', part, 'nobody empties the log');
	EXECUTE format('ALTER TABLE wrk.%I ENABLE ALWAYS TRIGGER append_only_truncate', part);
	-- whatever the default privileges of its owner are
	IF (SELECT c.relacl FROM pg_class c WHERE c.oid = format('wrk.%I', part)::regclass) IS NOT NULL THEN
		EXECUTE format('REVOKE ALL ON wrk.%I FROM PUBLIC, wrk_member, wrk_ops, wrk_service', part);
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.audit_partition_index(name) IS
'gives a new partition of the audit log what its parent cannot: indexes, the guard against TRUNCATE, no rights for anybody';
REVOKE ALL ON FUNCTION wrk.audit_partition_index(name) FROM PUBLIC;

-- ---------- append-only ----------

CREATE FUNCTION wrk.audit_refuse_change()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'cannot % what is in the audit log', lower(TG_OP) USING ERRCODE = 'WK403',
		HINT = 'Nobody may. Old months are dropped by wrk.audit_retention().';
END
$$;
COMMENT ON FUNCTION wrk.audit_refuse_change() IS 'trigger of wrk.audit_log: refuses UPDATE, DELETE and TRUNCATE to everybody. Error: WK403';

-- C does not fire it: what comes this way is a restore.
CREATE FUNCTION wrk.audit_restored()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	NEW.xid := pg_current_xact_id()::text::bigint;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION wrk.audit_restored() IS
'trigger of wrk.audit_log: a transaction id of another server says nothing here, so a row that is copied in has that of who copies it';
REVOKE ALL ON FUNCTION wrk.audit_refuse_change(), wrk.audit_restored() FROM PUBLIC;

-- ALWAYS: not to be passed over by playing the part of a replica
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON wrk.audit_log
	FOR EACH ROW EXECUTE FUNCTION wrk.audit_refuse_change();
COMMENT ON TRIGGER append_only ON wrk.audit_log IS 'nobody changes what is in the log';
CREATE TRIGGER restored BEFORE INSERT ON wrk.audit_log
	FOR EACH ROW EXECUTE FUNCTION wrk.audit_restored();
COMMENT ON TRIGGER restored ON wrk.audit_log IS 'gives restored rows a transaction id of this server';
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON wrk.audit_log
	FOR EACH STATEMENT EXECUTE FUNCTION wrk.audit_refuse_change();
COMMENT ON TRIGGER append_only_truncate ON wrk.audit_log IS 'nobody empties the log';
ALTER TABLE wrk.audit_log ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE wrk.audit_log ENABLE ALWAYS TRIGGER append_only_truncate;

CREATE TABLE wrk.audit_log_default PARTITION OF wrk.audit_log DEFAULT;
COMMENT ON TABLE wrk.audit_log_default IS 'log of months without a partition of their own';
SELECT wrk.audit_partition_index('audit_log_default');
SELECT pg_catalog.pg_extension_config_dump('wrk.audit_log_default', '');

-- ---------- who may read it ----------

ALTER TABLE wrk.audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY auditors ON wrk.audit_log FOR SELECT TO wrk_member
	USING (tenant_id = (SELECT wrk.tenant_id()) AND (SELECT wrk.can('read', 'audit_log')));
COMMENT ON POLICY auditors ON wrk.audit_log IS
'whoever has permission to read audit_log sees the log of the own tenant';
CREATE POLICY operations ON wrk.audit_log FOR SELECT TO wrk_ops USING (true);
COMMENT ON POLICY operations ON wrk.audit_log IS 'operations staff see all of it';
GRANT SELECT ON wrk.audit_log TO wrk_member, wrk_ops;

-- ---------- partitions ----------

CREATE FUNCTION wrk.audit_partition_name(month timestamptz)
RETURNS name
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT (to_char(month AT TIME ZONE 'UTC', '"audit_log_"YYYY"_"MM'))::name
$$;
COMMENT ON FUNCTION wrk.audit_partition_name(timestamptz) IS
'table of schema wrk that holds the log of the month; audit_store.c knows it as well';

CREATE FUNCTION wrk.audit_partition_make(month timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
SET datestyle TO iso SET timezone TO 'UTC' SET lock_timeout TO '5s'
AS $$
DECLARE
	first timestamptz := date_trunc('month', month);
	partition_name name := wrk.audit_partition_name(month);
BEGIN
	IF to_regclass(format('wrk.%I', partition_name)) IS NOT NULL THEN
		RETURN false;
	END IF;
	EXECUTE format('CREATE TABLE wrk.%I (LIKE wrk.audit_log INCLUDING DEFAULTS)', partition_name);
	-- what was recorded before anybody thought of partitions; as it is, and nobody sees it gone
	IF EXISTS (SELECT FROM wrk.audit_log_default d
			   WHERE d.created_at >= first AND d.created_at < first + interval '1 month') THEN
		LOCK TABLE wrk.audit_log_default IN ACCESS EXCLUSIVE MODE;
		ALTER TABLE wrk.audit_log_default DISABLE TRIGGER append_only;
		EXECUTE format('WITH moved AS (DELETE FROM wrk.audit_log_default d WHERE d.created_at >= $1 AND d.created_at < $2'
					   ' RETURNING d.*) INSERT INTO wrk.%I SELECT * FROM moved', partition_name)
		USING first, first + interval '1 month';
		ALTER TABLE wrk.audit_log_default ENABLE ALWAYS TRIGGER append_only;
	END IF;
	EXECUTE format('ALTER TABLE wrk.audit_log ATTACH PARTITION wrk.%I FOR VALUES FROM (%L) TO (%L)',
				   partition_name, first, first + interval '1 month');
	EXECUTE format('COMMENT ON TABLE wrk.%I IS %L', partition_name,
				   'audit log of ' || to_char(first, 'YYYY-MM'));
	PERFORM wrk.audit_partition_index(partition_name);
	RETURN true;
END
$$;
COMMENT ON FUNCTION wrk.audit_partition_make(timestamptz) IS
'makes the partition of a month, and takes over what the default partition holds of it; false if it is there. Error: 55P03 if the default partition is in use for more than 5 s';

CREATE FUNCTION wrk.audit_partitions()
RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT count(*)::integer
	FROM generate_series(0, 3) m
	WHERE wrk.audit_partition_make(now() + m * interval '1 month')
$$;
COMMENT ON FUNCTION wrk.audit_partitions() IS
'makes the partitions of this month and the next three that are missing, and returns how many; run by the background worker and by wrk.enable_audit()';
REVOKE ALL ON FUNCTION wrk.audit_partition_name(timestamptz), wrk.audit_partition_make(timestamptz),
	wrk.audit_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.audit_partitions() TO wrk_service;
SELECT wrk.maintenance_register('wrk.audit_partitions', 'wrk.audit_partitions()', '6 hours');

-- ---------- facts ----------

CREATE FUNCTION wrk.audit(action text, resource_type text, resource_id text DEFAULT NULL,
						  metadata jsonb DEFAULT NULL, tenant_id text DEFAULT wrk.tenant_id())
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_audit';
COMMENT ON FUNCTION wrk.audit(text, text, text, jsonb, text) IS
'appends a fact that is no change of a row (a refused login, an export) to the audit log and returns its id. action: words with dots between, such as login.refused; tenant_id NULL: of no tenant. Not for end users, who could report what is not so: functions that call it for them are SECURITY DEFINER. Errors: WK400 bad_request, WK403 forbidden (another tenant than the identity''s, for who is not in wrk_service), WK413 too_large';
REVOKE ALL ON FUNCTION wrk.audit(text, text, text, jsonb, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.audit(text, text, text, jsonb, text) TO wrk_service;
