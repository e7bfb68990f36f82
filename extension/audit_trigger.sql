-- Audit of any table: changes of rows go to the log by themselves.
--
-- What wrk.enable_audit() was told is one JSON argument of the trigger, with
-- columns by name, so it lives in the table's own catalog entries and travels with
-- pg_dump.

CREATE FUNCTION wrk.audit_trigger()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_audit_trigger';
COMMENT ON FUNCTION wrk.audit_trigger() IS
'trigger of wrk.enable_audit(): appends changes of rows, and TRUNCATE, to wrk.audit_log. Errors: 23502 for a row without an id, WK400 for an id of more than 512 bytes';

CREATE FUNCTION wrk.audit_config_check(tbl regclass, config text)
RETURNS void
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_audit_config_check';
COMMENT ON FUNCTION wrk.audit_config_check(regclass, text) IS
'refuses a configuration that the trigger of this table could not use; part of wrk.enable_audit(). Errors: WK400 bad_request, 42703 for a column that does not exist';

CREATE FUNCTION wrk.audit_config(tbl regclass)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT wrk.trigger_config(tbl, 'wrk.audit_trigger()')
$$;
COMMENT ON FUNCTION wrk.audit_config(regclass) IS
'what wrk.enable_audit() was told about the table: {resource, id, tenant?, include?, exclude?, redact?, action?, history, announce}; NULL if it is not audited';

CREATE FUNCTION wrk.audit_table(resource_type text)
RETURNS regclass
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tbl regclass;
BEGIN
	SELECT t.tgrelid INTO tbl FROM pg_trigger t
	WHERE t.tgfoid = 'wrk.audit_trigger()'::regprocedure AND t.tgnargs = 1 AND t.tgparentid = 0
		AND wrk.audit_config(t.tgrelid) ->> 'resource' = resource_type;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no table is audited as "%"', resource_type USING ERRCODE = 'WK404';
	END IF;
	RETURN tbl;
END
$$;
COMMENT ON FUNCTION wrk.audit_table(text) IS
'the table whose rows the log calls so. Error: WK404 not_found';

CREATE FUNCTION wrk.audit_check_resource(tbl regclass, resource_type text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	other regclass;
BEGIN
	SELECT t.tgrelid INTO other FROM pg_trigger t
	WHERE t.tgfoid = 'wrk.audit_trigger()'::regprocedure AND t.tgnargs = 1 AND t.tgparentid = 0
		AND t.tgrelid <> tbl AND wrk.audit_config(t.tgrelid) ->> 'resource' = resource_type;
	IF FOUND THEN
		RAISE EXCEPTION 'table % is already audited as "%"', other, resource_type USING ERRCODE = 'WK409',
			HINT = 'Rows of two tables would share their histories: choose another resource_type.';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.audit_check_resource(regclass, text) IS
'part of wrk.enable_audit(): refuses a name that the log has for another table''s rows. Error: WK409 conflict';

CREATE FUNCTION wrk.enable_audit(tbl regclass, resource_type text DEFAULT NULL, include text[] DEFAULT NULL,
								 exclude text[] DEFAULT NULL, redact text[] DEFAULT NULL,
								 id_column text DEFAULT 'id', tenant_column text DEFAULT NULL,
								 action_column text DEFAULT NULL, history text DEFAULT 'auditors',
								 announce boolean DEFAULT false, version_column text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	config text;
	resource text := resource_type;
	tenant text := tenant_column;
BEGIN
	PERFORM wrk.event_check_table(tbl);
	IF include IS NOT NULL AND exclude IS NOT NULL THEN
		RAISE EXCEPTION 'include and exclude cannot be used together' USING ERRCODE = 'WK400';
	END IF;
	IF resource IS NULL THEN
		SELECT c.relname INTO resource FROM pg_class c WHERE c.oid = tbl;
	END IF;
	IF tenant IS NULL THEN
		SELECT a.attname INTO tenant FROM pg_attribute a
		WHERE a.attrelid = tbl AND a.attname = 'tenant_id' AND NOT a.attisdropped;
	END IF;
	-- two at once would not see each other's names
	PERFORM pg_advisory_xact_lock(hashtext('wrk.enable_audit'));
	PERFORM wrk.audit_check_resource(tbl, resource);
	config := jsonb_strip_nulls(jsonb_build_object('resource', resource, 'id', id_column, 'tenant', tenant,
		'include', include, 'exclude', exclude, 'redact', redact, 'action', action_column,
		'history', history, 'announce', announce, 'version', version_column));
	PERFORM wrk.audit_config_check(tbl, config);
	PERFORM wrk.audit_partitions();
	-- before any other trigger that may change the row again: ids rise as changes were made
	EXECUTE format('CREATE OR REPLACE TRIGGER "00_wrk_audit" AFTER INSERT OR UPDATE OR DELETE ON %s'
		' FOR EACH ROW EXECUTE FUNCTION wrk.audit_trigger(%L)', tbl, config);
	EXECUTE format('CREATE OR REPLACE TRIGGER wrk_audit_truncate AFTER TRUNCATE ON %s'
		' FOR EACH STATEMENT EXECUTE FUNCTION wrk.audit_trigger()', tbl);
END
$$;
COMMENT ON FUNCTION wrk.enable_audit(regclass, text, text[], text[], text[], text, text, text, text, boolean, text) IS
'has every change of a row appended to wrk.audit_log with who made it and what it was before; calling it again replaces what was said before.
resource_type: what the log calls the rows (a-z, 0-9, _ and -), by default the table''s name; no other table may have it.
include or exclude: columns to record, all by default; an UPDATE of no such column is not recorded. Exclude what every UPDATE changes (updated_at, a version): to revert an older change would be in conflict with it. redact: columns of which only is said that they changed. Generated columns are left out.
id_column must not be NULL in any row. tenant_column: by default tenant_id if the table has it, else rows belong to no tenant.
action_column: an UPDATE that changes it is called <resource_type>.<column>.<new value>, others <resource_type>.updated.
history: who may read the history of a row: auditors (who may read the log; default) or readers (whoever sees the row as it is now; choose it only if that is right for older values as well).
announce: at the end of a transaction that appended, event audit.appended on channel tenant:{tenant}:audit.
version_column: integer or bigint that every change of a row raises (see wrk.entity_count()), the version wrk.entity_patch() is told; wrk.revert() leaves it alone. By default a version is the id of a change.
For the owner of the table. Errors: WK400 bad_request, WK409 conflict, 42501, 42703, 42809';

CREATE FUNCTION wrk.disable_audit(tbl regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM wrk.tenancy_check_owner(tbl);
	IF wrk.audit_config(tbl) IS NOT NULL THEN
		PERFORM wrk.protection_disabled(tbl, 'audit');
	END IF;
	PERFORM wrk.trigger_drop(tbl, 'wrk.audit_trigger()');
END
$$;
COMMENT ON FUNCTION wrk.disable_audit(regclass) IS
'ends what wrk.enable_audit() began, what is in the log stays; nothing happens if it did not. Recorded as protection.disabled. For the owner of the table. Error: 42501';

-- Whoever may put this trigger on a table of his own can write into the history of
-- any row by changing rows there, so not everybody who owns a table may.
REVOKE ALL ON FUNCTION wrk.audit_trigger(), wrk.audit_config_check(regclass, text), wrk.audit_config(regclass),
	wrk.audit_table(text), wrk.audit_check_resource(regclass, text),
	wrk.enable_audit(regclass, text, text[], text[], text[], text, text, text, text, boolean, text),
	wrk.disable_audit(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.audit_trigger(), wrk.audit_config_check(regclass, text), wrk.audit_config(regclass),
	wrk.audit_table(text), wrk.audit_check_resource(regclass, text),
	wrk.enable_audit(regclass, text, text[], text[], text[], text, text, text, text, boolean, text),
	wrk.disable_audit(regclass) TO wrk_service;
