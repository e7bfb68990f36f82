-- Periodic work: functions that the background worker runs, so that no other scheduler is needed.

CREATE TABLE wrk.maintenance (
	name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_.]{0,62}$'),
	function text NOT NULL,
	every interval NOT NULL CHECK (every >= '1 second'),
	last_run timestamptz,
	last_error text
);
COMMENT ON TABLE wrk.maintenance IS
'functions run now and then in databases of wrk_copilot.databases; see wrk.maintenance_register()';
COMMENT ON COLUMN wrk.maintenance.function IS 'takes nothing; runs with the rights of its owner, in a transaction of its own';
COMMENT ON COLUMN wrk.maintenance.last_run IS 'when it was last started';
COMMENT ON COLUMN wrk.maintenance.last_error IS 'what went wrong then, NULL if nothing did';
CREATE TRIGGER function_name BEFORE INSERT OR UPDATE ON wrk.maintenance
	FOR EACH ROW EXECUTE FUNCTION wrk.function_name('function');
COMMENT ON TRIGGER function_name ON wrk.maintenance IS 'keeps the full name of a function that is there';
-- CREATE EXTENSION makes the engine's own entries again
SELECT pg_catalog.pg_extension_config_dump('wrk.maintenance', 'WHERE name NOT LIKE ''wrk.%''');
REVOKE ALL ON wrk.maintenance FROM PUBLIC;

CREATE FUNCTION wrk.maintenance_call(function regprocedure)
RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_maintenance_call';
COMMENT ON FUNCTION wrk.maintenance_call(regprocedure) IS
'calls a function without arguments with the rights of its owner, as a security-restricted operation; internal to wrk.maintenance_step()';

CREATE FUNCTION wrk.maintenance_step(due_at timestamptz DEFAULT clock_timestamp())
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	entry wrk.maintenance;
	started timestamptz;
	problem text;
BEGIN
	SELECT * INTO entry FROM wrk.maintenance m
	WHERE m.last_run IS NULL OR m.last_run + m.every <= due_at
	ORDER BY m.last_run NULLS FIRST, m.name
	LIMIT 1 FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	started := greatest(clock_timestamp(), due_at);
	BEGIN
		PERFORM wrk.maintenance_call(entry.function::regprocedure);
	EXCEPTION WHEN OTHERS THEN
		problem := SQLERRM || ' (' || SQLSTATE || ')';
		RAISE LOG 'maintenance "%" failed: %', entry.name, problem;
	END;
	UPDATE wrk.maintenance m SET last_run = started, last_error = problem WHERE m.name = entry.name;
	RETURN entry.name;
END
$$;
COMMENT ON FUNCTION wrk.maintenance_step(timestamptz) IS
'runs one registered function that was due then and that nobody else is running; returns its name, NULL if there is none. An error is logged and recorded, not raised';

CREATE PROCEDURE wrk.maintenance_run()
LANGUAGE plpgsql
AS $$
DECLARE
	due_at timestamptz := pg_catalog.clock_timestamp();
BEGIN
	WHILE wrk.maintenance_step(due_at) IS NOT NULL LOOP
		COMMIT;
	END LOOP;
END
$$;
COMMENT ON PROCEDURE wrk.maintenance_run() IS
'runs everything that is due, each in a transaction of its own; for installations without the background worker';

CREATE FUNCTION wrk.maintenance_register(name text, function regprocedure, every interval)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	INSERT INTO wrk.maintenance AS m (name, function, every) VALUES (name, function::text, every)
	ON CONFLICT ON CONSTRAINT maintenance_pkey DO UPDATE SET function = excluded.function, every = excluded.every
$$;
COMMENT ON FUNCTION wrk.maintenance_register(text, regprocedure, interval) IS
'has the function run every so often; registering a name again replaces it. It runs with the rights of its owner. Names that begin with wrk. are the engine''s';

CREATE FUNCTION wrk.maintenance_unregister(name text)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH gone AS (DELETE FROM wrk.maintenance m WHERE m.name = maintenance_unregister.name RETURNING 1)
	SELECT EXISTS (SELECT FROM gone)
$$;
COMMENT ON FUNCTION wrk.maintenance_unregister(text) IS 'ends the runs of that name; false if there was none';

REVOKE ALL ON FUNCTION wrk.maintenance_call(regprocedure), wrk.maintenance_step(timestamptz),
	wrk.maintenance_register(text, regprocedure, interval), wrk.maintenance_unregister(text) FROM PUBLIC;
REVOKE ALL ON PROCEDURE wrk.maintenance_run() FROM PUBLIC;
