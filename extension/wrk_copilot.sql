-- Schema, roles and the list of errors: what every later fragment stands on.

\echo Use "CREATE EXTENSION wrk_copilot" to load this file. \quit

CREATE SCHEMA wrk;
COMMENT ON SCHEMA wrk IS 'wrk_copilot: the engine (identity, tenancy, rights, events)';

-- Roles belong to the cluster, not to the extension: they may be there already
-- from another database, and dropping the extension leaves them.
DO $$
DECLARE
	role_name text;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['wrk_member', 'wrk_ops', 'wrk_service', 'wrk_gateway']
	LOOP
		IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
		END IF;
	END LOOP;
	IF NOT pg_catalog.pg_has_role('wrk_service', 'wrk_member', 'MEMBER') THEN
		GRANT wrk_member TO wrk_service;
	END IF;
END
$$;

-- Everyone may look into the schema; each object says who may use it.
GRANT USAGE ON SCHEMA wrk TO PUBLIC;

CREATE FUNCTION wrk.error_codes(OUT sqlstate text, OUT code text, OUT status integer,
								OUT retry text, OUT description text)
RETURNS SETOF record
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20
AS 'MODULE_PATHNAME', 'wrk_error_code';
COMMENT ON FUNCTION wrk.error_codes() IS
'every error of the extension: SQLSTATE, name on the wire, HTTP status, what a client may do next (no, backoff, refetch, refresh)';

GRANT EXECUTE ON FUNCTION wrk.error_codes() TO PUBLIC;

CREATE VIEW wrk.error_code AS SELECT * FROM wrk.error_codes();
COMMENT ON VIEW wrk.error_code IS 'every error of the extension; see wrk.error_codes()';
GRANT SELECT ON wrk.error_code TO PUBLIC;

-- Tables name functions by text: pg_upgrade refuses tables that hold their oids.
CREATE FUNCTION wrk.function_name()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_function_name';
COMMENT ON FUNCTION wrk.function_name() IS
'row trigger of tables that name functions; argument: the column. Finds the function as the writer would and keeps its full name. Error: 42883 for a function that is not there';
REVOKE ALL ON FUNCTION wrk.function_name() FROM PUBLIC;

CREATE FUNCTION wrk.cache_invalidate()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_cache_invalidate';
COMMENT ON FUNCTION wrk.cache_invalidate() IS
'statement trigger of tables whose content backends cache: at commit every backend drops what it keeps of the table';
REVOKE ALL ON FUNCTION wrk.cache_invalidate() FROM PUBLIC;

CREATE FUNCTION wrk.trigger_config(tbl regclass, trigger_function regprocedure)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT convert_from(trim('\x00'::bytea FROM t.tgargs), getdatabaseencoding())::jsonb
	FROM pg_trigger t
	WHERE t.tgrelid = tbl AND t.tgfoid = trigger_function AND t.tgnargs = 1
$$;
COMMENT ON FUNCTION wrk.trigger_config(regclass, regprocedure) IS
'the one argument, JSON, of the table''s trigger that calls the function; NULL if there is none';

CREATE FUNCTION wrk.trigger_drop(tbl regclass, VARIADIC trigger_functions regprocedure[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	trigger_name name;
BEGIN
	FOR trigger_name IN
		SELECT t.tgname FROM pg_trigger t
		WHERE t.tgrelid = tbl AND t.tgfoid = ANY (trigger_functions) AND t.tgparentid = 0
	LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, tbl);
	END LOOP;
END
$$;
COMMENT ON FUNCTION wrk.trigger_drop(regclass, regprocedure[]) IS
'drops the table''s own triggers that call the functions; with the rights of the caller, who must own the table';
REVOKE ALL ON FUNCTION wrk.trigger_config(regclass, regprocedure),
	wrk.trigger_drop(regclass, regprocedure[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.trigger_config(regclass, regprocedure),
	wrk.trigger_drop(regclass, regprocedure[]) TO wrk_service;

-- Row triggers, because changes that logical replication applies fire no others;
-- ALWAYS, because those fire no ordinary ones.
CREATE FUNCTION wrk.cache_watch(tbl regclass, purpose text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	watcher text;
BEGIN
	EXECUTE format('CREATE TRIGGER cache_invalidate AFTER INSERT OR UPDATE OR DELETE ON %s'
				   ' FOR EACH ROW EXECUTE FUNCTION wrk.cache_invalidate()', tbl);
	EXECUTE format('CREATE TRIGGER cache_invalidate_all AFTER TRUNCATE ON %s'
				   ' FOR EACH STATEMENT EXECUTE FUNCTION wrk.cache_invalidate()', tbl);
	FOREACH watcher IN ARRAY ARRAY['cache_invalidate', 'cache_invalidate_all']
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tbl, watcher);
		EXECUTE format('COMMENT ON TRIGGER %I ON %s IS %L', watcher, tbl, purpose);
	END LOOP;
END
$$;
COMMENT ON FUNCTION wrk.cache_watch(regclass, text) IS
'has every backend drop what it caches of the table whenever a row of it changes, also by logical replication; purpose becomes the triggers'' comment';
REVOKE ALL ON FUNCTION wrk.cache_watch(regclass, text) FROM PUBLIC;
