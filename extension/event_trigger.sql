-- Events of any table: changes of rows announce themselves.
--
-- The configuration is one JSON argument of the trigger, with columns by name,
-- so it lives in the table's own catalog entries and travels with pg_dump.

CREATE FUNCTION wrk.event_trigger()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_event_trigger';
COMMENT ON FUNCTION wrk.event_trigger() IS
'trigger of wrk.enable_events(): writes events for changes of rows, refuses TRUNCATE. Errors: WK400 for a value that cannot be part of a channel''s name, WK403 for a row of a tenant that its writer does not act for, 23502 for a row without tenant or id, 55000 for TRUNCATE';

CREATE FUNCTION wrk.event_config_check(tbl regclass, config text)
RETURNS void
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_event_config_check';
COMMENT ON FUNCTION wrk.event_config_check(regclass, text) IS
'refuses a configuration that the trigger of this table could not use; part of wrk.enable_events(). Errors: WK400 bad_request, 42703 for a column that does not exist';

CREATE FUNCTION wrk.event_config(tbl regclass)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT wrk.trigger_config(tbl, 'wrk.event_trigger()')
$$;
COMMENT ON FUNCTION wrk.event_config(regclass) IS
'what wrk.enable_events() was told about the table; NULL if it makes no events';

CREATE FUNCTION wrk.event_check_table(tbl regclass)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	rel pg_class;
BEGIN
	PERFORM wrk.tenancy_check_owner(tbl);
	SELECT * INTO rel FROM pg_class c WHERE c.oid = tbl;
	IF rel.relkind NOT IN ('r', 'p') OR rel.relpersistence = 't' THEN
		RAISE EXCEPTION '% is not a table that can make events', tbl USING ERRCODE = 'wrong_object_type',
			HINT = 'Use a permanent table.';
	END IF;
	IF rel.relispartition THEN
		RAISE EXCEPTION '% is a partition', tbl USING ERRCODE = 'wrong_object_type',
			HINT = 'Call it for the partitioned table.';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.event_check_table(regclass) IS
'refuses who does not own the table and what cannot make events. Errors: 42501, 42809';

CREATE FUNCTION wrk.enable_events(tbl regclass, entity text, channels text[] DEFAULT NULL, audience jsonb DEFAULT NULL,
								  include text[] DEFAULT NULL, exclude text[] DEFAULT NULL,
								  id_column text DEFAULT 'id', tenant_column text DEFAULT 'tenant_id')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	config text := jsonb_strip_nulls(jsonb_build_object('entity', entity, 'id', id_column, 'tenant', tenant_column,
		'channels', channels, 'include', include, 'exclude', exclude));
BEGIN
	PERFORM wrk.event_check_table(tbl);
	IF entity IS NULL OR id_column IS NULL OR tenant_column IS NULL THEN
		RAISE EXCEPTION 'entity, id_column and tenant_column must not be null' USING ERRCODE = 'WK400';
	END IF;
	IF include IS NOT NULL AND exclude IS NOT NULL THEN
		RAISE EXCEPTION 'include and exclude cannot be used together' USING ERRCODE = 'WK400';
	END IF;
	IF audience IS NOT NULL THEN
		config := config::jsonb || jsonb_build_object('audience', audience);
	END IF;
	PERFORM wrk.tenancy_check_column(tbl, tenant_column::name);
	PERFORM wrk.event_config_check(tbl, config);
	EXECUTE format('CREATE OR REPLACE TRIGGER wrk_event AFTER INSERT OR UPDATE OR DELETE ON %s'
		' FOR EACH ROW EXECUTE FUNCTION wrk.event_trigger(%L)', tbl, config);
	EXECUTE format('CREATE OR REPLACE TRIGGER wrk_event_truncate BEFORE TRUNCATE ON %s'
		' FOR EACH STATEMENT EXECUTE FUNCTION wrk.event_trigger()', tbl);
END
$$;
COMMENT ON FUNCTION wrk.enable_events(regclass, text, text[], jsonb, text[], text[], text, text) IS
'makes changes of rows events <entity>.created, .updated and .deleted with payload {id, data, changed}; calling it again replaces what was said before.
channels: names below the row''s tenant with {column} in them, such as project:{project_id}; {id} and {entity} are the row''s id and the entity, the word tenant alone is the tenant''s own channel; one with a NULL or nothing in it is left out. Default: entity:{entity} and entity:{entity}:{id}.
audience: array of role:NAME and user:{column}, or {"column": name, "map": {value: array}, "default": array} to let a column decide; [] is everyone who may read the channel; if all columns are NULL nobody gets the event. Default: everyone.
include or exclude: columns in data; an UPDATE of no such column is no event.
An UPDATE that moves a row to other channels, another audience or another id is .deleted for those who lose it and .created for those who gain it. TRUNCATE is refused, because nobody would be told. A row larger than wrk_copilot.max_event_bytes goes without data but with oversize: true.
For the owner of the table. Errors: WK400 bad_request, 42501, 42703, 42809, 42P16, 42804';

CREATE FUNCTION wrk.disable_events(tbl regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM wrk.tenancy_check_owner(tbl);
	IF wrk.event_config(tbl) IS NOT NULL THEN
		PERFORM wrk.protection_disabled(tbl, 'events');
	END IF;
	PERFORM wrk.trigger_drop(tbl, 'wrk.event_trigger()');
END
$$;
COMMENT ON FUNCTION wrk.disable_events(regclass) IS
'ends what wrk.enable_events() began; nothing happens if it did not. Recorded as protection.disabled. For the owner of the table. Error: 42501';

-- Whoever may put this trigger on a table of his own can make events of any
-- tenant by writing rows there, so not everybody who owns a table may.
REVOKE ALL ON FUNCTION wrk.event_trigger(), wrk.event_config_check(regclass, text), wrk.event_config(regclass),
	wrk.event_check_table(regclass),
	wrk.enable_events(regclass, text, text[], jsonb, text[], text[], text, text),
	wrk.disable_events(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.event_trigger(), wrk.event_config_check(regclass, text), wrk.event_config(regclass),
	wrk.event_check_table(regclass),
	wrk.enable_events(regclass, text, text[], jsonb, text[], text[], text, text),
	wrk.disable_events(regclass) TO wrk_service;
