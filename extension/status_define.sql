-- Status machines: definitions.
--
-- A machine is rows, one set for each version.  Versions never change: rows that
-- are under way keep the rules they began with until wrk.migrate_status().

CREATE TABLE wrk.state_machine (
	name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
	version integer NOT NULL CHECK (version > 0),
	title text,
	definition jsonb NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (name, version)
);
COMMENT ON TABLE wrk.state_machine IS 'status machines, all versions; the newest is the current one';
COMMENT ON COLUMN wrk.state_machine.definition IS 'what wrk.define_state_machine() was given';

CREATE TABLE wrk.state (
	machine text NOT NULL,
	version integer NOT NULL,
	code text NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{0,62}$' AND code <> 'previous'),
	label text NOT NULL,
	position integer NOT NULL,
	initial boolean NOT NULL,
	terminal boolean NOT NULL,
	history boolean NOT NULL,
	PRIMARY KEY (machine, version, code),
	FOREIGN KEY (machine, version) REFERENCES wrk.state_machine ON DELETE CASCADE
);
COMMENT ON TABLE wrk.state IS 'states of status machines';
COMMENT ON COLUMN wrk.state.initial IS 'a new row may begin here';
COMMENT ON COLUMN wrk.state.terminal IS 'nothing leads out of it';
COMMENT ON COLUMN wrk.state.history IS 'a stop-over, from which a transition may go back to the previous state';

CREATE TABLE wrk.transition (
	machine text NOT NULL,
	version integer NOT NULL,
	from_state text NOT NULL,
	to_state text NOT NULL,
	position integer NOT NULL,
	label text,
	roles text[],
	permission text,
	guard text,
	after text[],
	needs_reason boolean NOT NULL,
	PRIMARY KEY (machine, version, from_state, to_state),
	FOREIGN KEY (machine, version, from_state) REFERENCES wrk.state ON DELETE CASCADE
);
COMMENT ON TABLE wrk.transition IS 'steps of status machines, and who may take them';
COMMENT ON COLUMN wrk.transition.to_state IS 'a state, or previous: where the row was before its latest entry into from_state';
COMMENT ON COLUMN wrk.transition.roles IS 'one of them suffices; with no permission either, everybody may';
COMMENT ON COLUMN wrk.transition.permission IS 'action for wrk.can(action, entity, row id); suffices without a role';
COMMENT ON COLUMN wrk.transition.guard IS 'function (jsonb) returns text, run before: NULL lets it pass, a text refuses';
COMMENT ON COLUMN wrk.transition.after IS 'functions (jsonb) returns void, run after the change in its transaction';

SELECT pg_catalog.pg_extension_config_dump('wrk.state_machine', '');
SELECT pg_catalog.pg_extension_config_dump('wrk.state', '');
SELECT pg_catalog.pg_extension_config_dump('wrk.transition', '');
REVOKE ALL ON wrk.state_machine, wrk.state, wrk.transition FROM PUBLIC;
-- labels and rules are no secret to who lives by them
GRANT SELECT ON wrk.state_machine, wrk.state, wrk.transition TO wrk_member, wrk_service;
SELECT wrk.cache_watch('wrk.state_machine', 'which version is the current one is cached by every backend');

-- ---------- reading a definition ----------

-- Functions are kept by name: pg_upgrade refuses tables that hold their oids.
CREATE FUNCTION wrk.status_hook(function_name text, result regtype)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT format('%s.%I(pg_catalog.jsonb)', p.pronamespace::regnamespace, p.proname)
	FROM pg_proc p
	WHERE p.oid = to_regprocedure(function_name || CASE WHEN function_name LIKE '%)' THEN '' ELSE '(jsonb)' END)
		AND p.prokind = 'f' AND NOT p.proretset AND p.prorettype = result
		AND p.pronargs = 1 AND p.proargtypes[0] = 'jsonb'::regtype
		AND has_function_privilege(p.oid, 'EXECUTE')
$$;
COMMENT ON FUNCTION wrk.status_hook(text, regtype) IS
'full name of the function of that name that takes one jsonb, returns the type and may be executed by the caller; NULL if there is none. Name qualified, with or without (jsonb)';

CREATE FUNCTION wrk.status_texts(value jsonb)
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof(value)
	WHEN 'string' THEN ARRAY[value #>> '{}']
	WHEN 'array' THEN ARRAY(SELECT e #>> '{}' FROM jsonb_array_elements(value) WITH ORDINALITY x (e, n) ORDER BY n)
	ELSE '{}' END;
COMMENT ON FUNCTION wrk.status_texts(jsonb) IS
'part of wrk.define_state_machine(): one string or an array of strings as text[]';

CREATE FUNCTION wrk.status_states(definition jsonb)
RETURNS TABLE (n bigint, code text, label text, initial boolean, terminal boolean, history boolean, raw jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT s.n - 1, s.raw ->> 'code', coalesce(s.raw ->> 'label', s.raw ->> 'code'),
		coalesce(s.raw -> 'initial' = 'true', false), coalesce(s.raw -> 'terminal' = 'true', false),
		coalesce(s.raw -> 'history' = 'true', false), s.raw
	FROM jsonb_array_elements(CASE jsonb_typeof(definition -> 'states')
		WHEN 'array' THEN definition -> 'states' ELSE '[]' END) WITH ORDINALITY s (raw, n)
$$;
COMMENT ON FUNCTION wrk.status_states(jsonb) IS 'part of wrk.define_state_machine(): the states of a definition';

CREATE FUNCTION wrk.status_transitions(definition jsonb)
RETURNS TABLE (n bigint, from_state text, to_state text, raw jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT t.n - 1, f, t.raw ->> 'to', t.raw
	FROM jsonb_array_elements(CASE jsonb_typeof(definition -> 'transitions')
		WHEN 'array' THEN definition -> 'transitions' ELSE '[]' END) WITH ORDINALITY t (raw, n)
	LEFT JOIN LATERAL unnest(wrk.status_texts(t.raw -> 'from')) f ON true
$$;
COMMENT ON FUNCTION wrk.status_transitions(jsonb) IS
'part of wrk.define_state_machine(): the transitions of a definition, a row for each state they lead from';

-- ---------- finding what is wrong with it ----------
--
-- Each function returns one row a problem, so that whoever writes a machine sees
-- all of them at once.

CREATE FUNCTION wrk.status_shape_problems(definition jsonb)
RETURNS TABLE (path text, problem text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT 'definition', 'is not an object' WHERE jsonb_typeof(definition) IS DISTINCT FROM 'object'
	UNION ALL
	SELECT k, 'is not known; known are name, title, states and transitions'
	FROM jsonb_object_keys(CASE jsonb_typeof(definition) WHEN 'object' THEN definition ELSE '{}' END) k
	WHERE k NOT IN ('name', 'title', 'states', 'transitions')
	UNION ALL
	SELECT 'name', 'must be 1 to 63 lower-case letters, digits and underscores that begin with a letter'
	WHERE coalesce(definition ->> 'name', '') !~ '^[a-z][a-z0-9_]{0,62}$'
	UNION ALL
	SELECT m, 'must be an array that is not empty' FROM unnest('{states,transitions}'::text[]) m
	WHERE jsonb_typeof(definition -> m) IS DISTINCT FROM 'array' OR definition -> m = '[]'
	UNION ALL
	SELECT format('states[%s].%s', s.n, k), 'is not known; known are code, label, initial, terminal and history'
	FROM wrk.status_states(definition) s,
		jsonb_object_keys(CASE jsonb_typeof(s.raw) WHEN 'object' THEN s.raw ELSE '{}' END) k
	WHERE k NOT IN ('code', 'label', 'initial', 'terminal', 'history')
	UNION ALL
	SELECT format('states[%s].%s', s.n, k), 'must be true or false'
	FROM wrk.status_states(definition) s, unnest('{initial,terminal,history}'::text[]) k
	WHERE jsonb_typeof(s.raw -> k) <> 'boolean'
	UNION ALL
	SELECT format('transitions[%s].%s', t.n, k),
		'is not known; known are from, to, label, roles, permission, guard, after and needs_reason'
	FROM (SELECT DISTINCT d.n, d.raw FROM wrk.status_transitions(definition) d) t,
		jsonb_object_keys(CASE jsonb_typeof(t.raw) WHEN 'object' THEN t.raw ELSE '{}' END) k
	WHERE k NOT IN ('from', 'to', 'label', 'roles', 'permission', 'guard', 'after', 'needs_reason')
	UNION ALL
	SELECT format('transitions[%s].needs_reason', t.n), 'must be true or false'
	FROM (SELECT DISTINCT d.n, d.raw FROM wrk.status_transitions(definition) d) t
	WHERE jsonb_typeof(t.raw -> 'needs_reason') <> 'boolean'
$$;
COMMENT ON FUNCTION wrk.status_shape_problems(jsonb) IS
'part of wrk.define_state_machine(): members that are missing, unknown or of the wrong type';

CREATE FUNCTION wrk.status_state_problems(definition jsonb)
RETURNS TABLE (path text, problem text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH RECURSIVE states AS (SELECT * FROM wrk.status_states(definition)),
	steps AS (SELECT * FROM wrk.status_transitions(definition)),
	reached AS (
		SELECT s.code FROM states s WHERE s.initial
		UNION
		SELECT t.to_state FROM reached r JOIN steps t ON t.from_state = r.code WHERE t.to_state <> 'previous')
	SELECT format('states[%s].code', s.n),
		format('"%s" is no code: lower-case letters, digits and underscores, not "previous"', s.code)
	FROM states s WHERE s.code IS NULL OR s.code !~ '^[a-z][a-z0-9_]{0,62}$' OR s.code = 'previous'
	UNION ALL
	SELECT format('states[%s].code', s.n), format('"%s" is there already', s.code)
	FROM states s WHERE EXISTS (SELECT FROM states b WHERE b.code = s.code AND b.n < s.n)
	UNION ALL
	SELECT 'states', 'no state is initial'
	WHERE EXISTS (SELECT FROM states) AND NOT EXISTS (SELECT FROM states s WHERE s.initial)
	UNION ALL
	SELECT format('states[%s]', s.n), format('"%s" cannot be reached from an initial state', s.code)
	FROM states s WHERE s.code NOT IN (SELECT r.code FROM reached r) AND EXISTS (SELECT FROM reached)
	UNION ALL
	SELECT format('states[%s]', s.n), format('"%s" is a dead end: nothing leads out and it is not terminal', s.code)
	FROM states s WHERE NOT s.terminal AND NOT EXISTS (SELECT FROM steps t WHERE t.from_state = s.code)
	UNION ALL
	SELECT format('states[%s]', s.n), format('"%s" is terminal, but a transition leads out of it', s.code)
	FROM states s WHERE s.terminal AND EXISTS (SELECT FROM steps t WHERE t.from_state = s.code)
	UNION ALL
	SELECT format('states[%s]', s.n), format('"%s" has history, but no transition goes back to "previous"', s.code)
	FROM states s WHERE s.history
		AND NOT EXISTS (SELECT FROM steps t WHERE t.from_state = s.code AND t.to_state = 'previous')
$$;
COMMENT ON FUNCTION wrk.status_state_problems(jsonb) IS
'part of wrk.define_state_machine(): codes, states nobody can reach or leave';

CREATE FUNCTION wrk.status_transition_problems(definition jsonb)
RETURNS TABLE (path text, problem text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH states AS (SELECT * FROM wrk.status_states(definition)),
	steps AS (SELECT * FROM wrk.status_transitions(definition))
	SELECT format('transitions[%s].from', t.n), format('"%s" is no state', coalesce(t.from_state, ''))
	FROM steps t WHERE t.from_state IS NULL OR t.from_state NOT IN (SELECT s.code FROM states s)
	UNION
	SELECT format('transitions[%s].to', t.n), format('"%s" is no state', coalesce(t.to_state, ''))
	FROM steps t WHERE t.to_state IS NULL OR t.to_state <> 'previous' AND t.to_state NOT IN (SELECT s.code FROM states s)
	UNION
	SELECT format('transitions[%s].to', t.n), format('"%s" leads to itself', t.to_state)
	FROM steps t WHERE t.from_state = t.to_state
	UNION
	SELECT format('transitions[%s]', t.n), format('from "%s" to "%s" is there already', t.from_state, t.to_state)
	FROM steps t WHERE EXISTS (
		SELECT FROM steps b WHERE b.from_state = t.from_state AND b.to_state = t.to_state AND b.n < t.n)
	UNION
	SELECT format('transitions[%s].to', t.n), format('there is no way back from "%s", which has no history', t.from_state)
	FROM steps t JOIN states s ON s.code = t.from_state WHERE t.to_state = 'previous' AND NOT s.history
	UNION
	SELECT format('transitions[%s].roles', t.n), 'is not an array of roles that is not empty'
	FROM steps t WHERE t.raw ? 'roles' AND (jsonb_typeof(t.raw -> 'roles') <> 'array' OR t.raw -> 'roles' = '[]')
	UNION
	SELECT format('transitions[%s].roles', t.n), format('"%s" is no role of wrk.role', r)
	FROM steps t, unnest(wrk.status_texts(t.raw -> 'roles')) r WHERE r IS NULL OR r NOT IN (SELECT w.name FROM wrk.role w)
	UNION
	SELECT format('transitions[%s].permission', t.n), format('no role has permission "%s" for anything', t.raw ->> 'permission')
	FROM steps t WHERE t.raw ? 'permission'
		AND NOT EXISTS (SELECT FROM wrk.permission p WHERE p.action = t.raw ->> 'permission')
	UNION
	SELECT format('transitions[%s].guard', t.n), format('"%s" is no schema-qualified function (jsonb) returns text you may execute', t.raw ->> 'guard')
	FROM steps t WHERE t.raw ? 'guard' AND wrk.status_hook(t.raw ->> 'guard', 'text') IS NULL
	UNION
	SELECT format('transitions[%s].after', t.n), format('"%s" is no schema-qualified function (jsonb) returns void you may execute', f)
	FROM steps t, unnest(wrk.status_texts(t.raw -> 'after')) f WHERE wrk.status_hook(f, 'void') IS NULL
	UNION
	SELECT format('transitions[%s].after', t.n), 'is neither a function nor an array of functions'
	FROM steps t WHERE jsonb_typeof(t.raw -> 'after') NOT IN ('string', 'array')
$$;
COMMENT ON FUNCTION wrk.status_transition_problems(jsonb) IS
'part of wrk.define_state_machine(): transitions whose states, roles, permission or functions are not there';

CREATE FUNCTION wrk.status_check_definition(definition jsonb)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	problems jsonb;
	summary text;
BEGIN
	SELECT jsonb_agg(jsonb_build_object('path', p.path, 'problem', p.problem) ORDER BY p.path, p.problem),
		(array_agg(p.path || ' ' || p.problem ORDER BY p.path, p.problem))[1]
	INTO problems, summary
	FROM (SELECT * FROM wrk.status_shape_problems(definition)
		  UNION ALL SELECT * FROM wrk.status_state_problems(definition)
		  UNION ALL SELECT * FROM wrk.status_transition_problems(definition)) p;
	IF problems IS NOT NULL THEN
		RAISE EXCEPTION 'status machine "%" has % problem%, first: %', coalesce(definition ->> 'name', ''),
			jsonb_array_length(problems), CASE WHEN jsonb_array_length(problems) > 1 THEN 's' ELSE '' END, summary
			USING ERRCODE = 'WK400', DETAIL = problems::text;
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.status_check_definition(jsonb) IS
'refuses a definition that is no sound machine. DETAIL is an array of {path, problem}. Error: WK400 bad_request';

-- ---------- making a version ----------

CREATE FUNCTION wrk.status_store_definition(definition jsonb, machine_version integer)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	INSERT INTO wrk.state_machine (name, version, title, definition)
	VALUES (definition ->> 'name', machine_version, definition ->> 'title', definition);
	INSERT INTO wrk.state (machine, version, code, label, position, initial, terminal, history)
	SELECT definition ->> 'name', machine_version, s.code, s.label, s.n, s.initial, s.terminal, s.history
	FROM wrk.status_states(definition) s;
	INSERT INTO wrk.transition (machine, version, from_state, to_state, position, label, roles, permission,
		guard, after, needs_reason)
	SELECT definition ->> 'name', machine_version, t.from_state, t.to_state, row_number() OVER (ORDER BY t.n, t.from_state),
		t.raw ->> 'label', CASE WHEN t.raw ? 'roles' THEN wrk.status_texts(t.raw -> 'roles') END,
		t.raw ->> 'permission', wrk.status_hook(t.raw ->> 'guard', 'text'),
		CASE WHEN t.raw ? 'after' THEN ARRAY(
			SELECT wrk.status_hook(f, 'void')
			FROM unnest(wrk.status_texts(t.raw -> 'after')) WITH ORDINALITY a (f, n) ORDER BY a.n) END,
		coalesce(t.raw -> 'needs_reason' = 'true', false)
	FROM wrk.status_transitions(definition) t;
$$;
COMMENT ON FUNCTION wrk.status_store_definition(jsonb, integer) IS
'part of wrk.define_state_machine(): the rows of one version';

-- Without statistics of JSON the planner thinks that compiling its queries pays.
CREATE FUNCTION wrk.define_state_machine(definition jsonb)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp SET jit TO off
AS $$
#variable_conflict use_variable
DECLARE
	newest wrk.state_machine;
	machine_version integer;
BEGIN
	IF NOT (SELECT pg_has_role(e.extowner, 'USAGE') FROM pg_extension e WHERE e.extname = 'wrk_copilot') THEN
		RAISE EXCEPTION 'must be owner of extension wrk_copilot' USING ERRCODE = '42501',
			DETAIL = 'A machine names functions that run with the rights of whoever changes a status.';
	END IF;
	PERFORM wrk.status_check_definition(definition);
	-- one at a time, readers go on
	LOCK TABLE wrk.state_machine IN SHARE ROW EXCLUSIVE MODE;
	SELECT * INTO newest FROM wrk.state_machine m
	WHERE m.name = definition ->> 'name' ORDER BY m.version DESC LIMIT 1;
	IF newest.definition = definition THEN
		RETURN newest.version;
	END IF;
	machine_version := coalesce(newest.version, 0) + 1;
	PERFORM wrk.status_store_definition(definition, machine_version);
	RETURN machine_version;
END
$$;
COMMENT ON FUNCTION wrk.define_state_machine(jsonb) IS
'makes a status machine, or a new version of one, and returns the version; what is defined as it is already makes no new one.
definition: {"name", "title"?, "states": [{"code", "label"?, "initial"?, "terminal"?, "history"?}], "transitions": [{"from": code or [code], "to": code or "previous", "label"?, "roles"?: [role], "permission"?: action, "guard"?: function, "after"?: function or [function], "needs_reason"?}]}.
roles: any one of them suffices, those of wrk.role; permission: an action of wrk.permission, asked with wrk.can(action, entity, row id); with neither everybody may. previous: from a state with history, where the row was before it.
guard and after are names of functions with their schema. A guard (jsonb) returns text: NULL lets the step pass, a text refuses it; after (jsonb) returns void runs when it is made, in its transaction. Both get {entity, table, id, tenant_id, machine, machine_version, from, to, reason, by, returned, row}, after change_id as well; null is what there is not.
New rows follow the newest version, others keep theirs; see wrk.migrate_status(). For the owner of the extension. Errors: 42501, WK400 with all problems in DETAIL';

CREATE FUNCTION wrk.state_machine_diagram(machine text, version integer DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted integer := coalesce(version, (SELECT max(m.version) FROM wrk.state_machine m WHERE m.name = machine));
BEGIN
	IF NOT EXISTS (SELECT FROM wrk.state_machine m WHERE m.name = machine AND m.version = wanted) THEN
		RAISE EXCEPTION 'no status machine "%"%', machine, coalesce(' of version ' || version, '') USING ERRCODE = 'WK404';
	END IF;
	RETURN 'stateDiagram-v2' || E'\n' || (
		SELECT string_agg('    ' || l.line, E'\n' ORDER BY l.part, l.n)
		FROM (
			SELECT 1 AS part, s.position AS n, format('%s : %s', s.code, translate(s.label, E';:#\n\r', '     ')) AS line
			FROM wrk.state s WHERE s.machine = state_machine_diagram.machine AND s.version = wanted
			UNION ALL
			SELECT 2, s.position, format('[*] --> %s', s.code)
			FROM wrk.state s WHERE s.machine = state_machine_diagram.machine AND s.version = wanted AND s.initial
			UNION ALL
			SELECT 3, t.position, format('%s --> %s : %s', t.from_state, CASE t.to_state WHEN 'previous' THEN t.from_state || '_previous' ELSE t.to_state END,
				translate(concat_ws(', ', coalesce(t.label, CASE t.to_state WHEN 'previous' THEN 'back' ELSE t.to_state END),
					CASE WHEN t.roles IS NOT NULL THEN 'by ' || array_to_string(t.roles, ' ') END, 'if may ' || t.permission,
					CASE WHEN t.needs_reason THEN 'with reason' END), E';:#\n\r', '     '))
			FROM wrk.transition t WHERE t.machine = state_machine_diagram.machine AND t.version = wanted
			UNION ALL
			SELECT 4, s.position, format('state "previous" as %s_previous', s.code)
			FROM wrk.state s WHERE s.machine = state_machine_diagram.machine AND s.version = wanted AND s.history
			UNION ALL
			SELECT 5, s.position, format('%s --> [*]', s.code)
			FROM wrk.state s WHERE s.machine = state_machine_diagram.machine AND s.version = wanted AND s.terminal) l);
END
$$;
COMMENT ON FUNCTION wrk.state_machine_diagram(text, integer) IS
'a machine as text for Mermaid (stateDiagram-v2); the current version unless one is named. Error: WK404 not_found';

REVOKE ALL ON FUNCTION wrk.status_hook(text, regtype), wrk.status_texts(jsonb), wrk.status_states(jsonb),
	wrk.status_transitions(jsonb), wrk.status_shape_problems(jsonb), wrk.status_state_problems(jsonb),
	wrk.status_transition_problems(jsonb), wrk.status_check_definition(jsonb),
	wrk.status_store_definition(jsonb, integer), wrk.define_state_machine(jsonb),
	wrk.state_machine_diagram(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.state_machine_diagram(text, integer) TO wrk_member, wrk_service;
