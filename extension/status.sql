-- Status machines on tables: who may have a row take which step.
--
-- What wrk.enable_status() was told is one JSON argument of the table's trigger,
-- with columns by name, so it lives in the table's own catalog entries and
-- travels with pg_dump.  The version of its machine that a row follows is a
-- column of the table.

CREATE SEQUENCE wrk.state_change_id_seq;
COMMENT ON SEQUENCE wrk.state_change_id_seq IS 'ids of changes of state';
REVOKE ALL ON wrk.state_change_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('wrk.state_change_id_seq', '');

-- Columns are read and written by number in C (status_store.c). No checks and no
-- triggers: C passes them over.
CREATE TABLE wrk.state_change (
	id bigint PRIMARY KEY DEFAULT nextval('wrk.state_change_id_seq'),
	tenant_id text COLLATE "C",
	entity text COLLATE "C" NOT NULL,
	row_id text COLLATE "C" NOT NULL,
	machine text NOT NULL,
	machine_version integer NOT NULL,
	from_state text,
	to_state text NOT NULL,
	reason text,
	user_id text,
	roles text[] NOT NULL,
	actor text NOT NULL,
	returned boolean NOT NULL,
	imported boolean NOT NULL,
	key text,
	created_at timestamptz NOT NULL
);
COMMENT ON TABLE wrk.state_change IS 'every change of state of every row; members read it through wrk.state_history()';
COMMENT ON COLUMN wrk.state_change.entity IS 'what the table calls its rows; see wrk.enable_status()';
COMMENT ON COLUMN wrk.state_change.from_state IS 'NULL: the row is new';
COMMENT ON COLUMN wrk.state_change.user_id IS 'user of the identity, NULL for a service and for nobody';
COMMENT ON COLUMN wrk.state_change.actor IS 'who vouched for the identity, or role:NAME of the database if there was none';
COMMENT ON COLUMN wrk.state_change.returned IS 'it went back to the previous state';
COMMENT ON COLUMN wrk.state_change.imported IS 'made under wrk.status_import(), by no rule of the machine';
COMMENT ON COLUMN wrk.state_change.key IS 'idempotency key of the call that made it';
CREATE INDEX state_change_row_idx ON wrk.state_change (row_id, entity, tenant_id, id);
COMMENT ON INDEX wrk.state_change_row_idx IS 'history of a row';
SELECT pg_catalog.pg_extension_config_dump('wrk.state_change', '');
REVOKE ALL ON wrk.state_change FROM PUBLIC;
GRANT SELECT ON wrk.state_change TO wrk_service;

CREATE FUNCTION wrk.status_guard()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_status_guard';
COMMENT ON FUNCTION wrk.status_guard() IS
'trigger of wrk.enable_status(): refuses a state that no legal step leads to, whoever writes it. Errors: WK422 invalid_transition, WK403 forbidden and WK401 unauthorized for a step that is not for this identity, WK400 for one without its reason';

CREATE FUNCTION wrk.status_changed()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_status_changed';
COMMENT ON FUNCTION wrk.status_changed() IS
'trigger of wrk.enable_status(): records a change of state, announces it and runs what comes after it';

CREATE FUNCTION wrk.status_import(enabled boolean DEFAULT true)
RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_status_import';
COMMENT ON FUNCTION wrk.status_import(boolean) IS
'until the end of the transaction, lets rows be written in any state their machine knows, to load data: no guards, no events, and the history says so. Ends with the savepoint it was called in. For members of wrk_service. Restores and replication need it not: ordinary triggers rest while session_replication_role is replica, and pg_restore makes them last';

CREATE FUNCTION wrk.status_importing()
RETURNS boolean
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'wrk_status_importing';
COMMENT ON FUNCTION wrk.status_importing() IS
'whether wrk.status_import() is in effect, for triggers that have rules of their own about states';

REVOKE ALL ON FUNCTION wrk.status_guard(), wrk.status_changed(), wrk.status_import(boolean),
	wrk.status_importing() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.status_guard(), wrk.status_changed(), wrk.status_import(boolean) TO wrk_service;
GRANT EXECUTE ON FUNCTION wrk.status_importing() TO wrk_member, wrk_service;

-- ---------- switching it on and off ----------

CREATE FUNCTION wrk.status_config(tbl regclass)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT wrk.trigger_config(tbl, 'wrk.status_guard()')
$$;
COMMENT ON FUNCTION wrk.status_config(regclass) IS
'what wrk.enable_status() was told about the table: {machine, entity, status, version, id, tenant?, reason?, channels?, audience?}; NULL if it follows no machine';

CREATE FUNCTION wrk.status_check_column(tbl regclass, col name, purpose text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	found_type regtype;
BEGIN
	SELECT coalesce(nullif(t.typbasetype, 0), t.oid)::regtype INTO found_type
	FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
	WHERE a.attrelid = tbl AND a.attname = col AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
	IF NOT FOUND THEN
		RAISE EXCEPTION 'column "%" of table % does not exist', col, tbl USING ERRCODE = 'undefined_column',
			HINT = format('Say which column holds the %s: %s_column => ''...''.', purpose, purpose);
	END IF;
	IF purpose IN ('status', 'reason') AND found_type NOT IN ('text'::regtype, 'varchar'::regtype)
		AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = found_type AND t.typtype = 'e' AND purpose = 'status') THEN
		RAISE EXCEPTION '% column "%" of table % has type %', purpose, col, tbl, found_type
			USING ERRCODE = 'datatype_mismatch', HINT = 'Use text or varchar, or, for a status, an enum.';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.status_check_column(regclass, name, text) IS
'part of wrk.enable_status(): refuses a column that is not there or cannot hold what it should. Errors: 42703, 42804';

-- Whoever owns the table but is bound by its policies would check, or move, none
-- of its rows; row security is forced again by the caller.
CREATE FUNCTION wrk.status_unforce(tbl regclass)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT row_security_active(tbl) THEN
		RETURN false;
	END IF;
	EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', tbl);
	RETURN true;
END
$$;
COMMENT ON FUNCTION wrk.status_unforce(regclass) IS
'part of wrk.enable_status() and wrk.migrate_status(): has the owner see all rows for the rest of the transaction; true if that was needed and must be taken back';

CREATE FUNCTION wrk.status_check_rows(tbl regclass, config jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	strangers text;
BEGIN
	EXECUTE format(
		'SELECT string_agg(format(''%%L (%%s rows)'', s.status, s.n), '', '' ORDER BY s.status)'
		' FROM (SELECT r.%1$I::text AS status, r.%2$I AS version, count(*) AS n FROM %3$s r GROUP BY 1, 2) s'
		' WHERE NOT EXISTS (SELECT FROM wrk.state d WHERE d.machine = $1 AND d.code = s.status'
		' AND d.version = coalesce(s.version, (SELECT max(m.version) FROM wrk.state_machine m WHERE m.name = $1)))',
		config ->> 'status', config ->> 'version', tbl)
	INTO strangers USING config ->> 'machine';
	IF strangers IS NOT NULL THEN
		RAISE EXCEPTION 'table % has rows in states that status machine "%" does not know: %', tbl,
			config ->> 'machine', strangers USING ERRCODE = 'WK422',
			HINT = 'Add the states, or give these rows another one first.';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.status_check_rows(regclass, jsonb) IS
'part of wrk.enable_status(): refuses a table with rows in unknown states. Error: WK422 invalid_transition';

CREATE FUNCTION wrk.status_check_entity(tbl regclass, entity text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	other regclass;
BEGIN
	SELECT t.tgrelid INTO other FROM pg_trigger t
	WHERE t.tgfoid = 'wrk.status_guard()'::regprocedure AND t.tgrelid <> tbl AND t.tgparentid = 0
		AND wrk.status_config(t.tgrelid) ->> 'entity' = entity LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'entity "%" is what table % calls its rows', entity, other USING ERRCODE = 'WK400',
			DETAIL = 'Histories of two tables would be mixed.', HINT = 'Pass another name: entity => ''...''.';
	END IF;
	IF entity !~ '^[a-z][a-z0-9_]{0,62}$' THEN
		RAISE EXCEPTION '"%" is no name for an entity', entity USING ERRCODE = 'WK400',
			HINT = 'Pass one of lower-case letters, digits and underscores: entity => ''...''.';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.status_check_entity(regclass, text) IS
'part of wrk.enable_status(): refuses a name that another table has. Error: WK400 bad_request';

CREATE FUNCTION wrk.status_add_column(tbl regclass, col name, machine_version integer)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = tbl AND a.attname = col AND NOT a.attisdropped) THEN
		-- rows that are there get it without being rewritten, new ones from the guard
		EXECUTE format('ALTER TABLE %s ADD COLUMN %I integer DEFAULT %s', tbl, col, machine_version);
		EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', tbl, col);
		EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', tbl, col, 'version of its status machine that the row follows');
	ELSIF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = tbl AND a.attname = col
		AND (a.atttypid <> 'integer'::regtype OR a.attgenerated <> '')) THEN
		RAISE EXCEPTION 'column "%" of table % is no plain integer', col, tbl USING ERRCODE = 'datatype_mismatch',
			HINT = 'It is to hold the version of the machine that a row follows.';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.status_add_column(regclass, name, integer) IS
'part of wrk.enable_status(): the column that says which version of its machine a row follows';

CREATE FUNCTION wrk.enable_status(tbl regclass, machine text, status_column name DEFAULT 'status',
								  reason_column name DEFAULT NULL, id_column name DEFAULT 'id',
								  tenant_column name DEFAULT 'tenant_id', entity text DEFAULT NULL,
								  channels text[] DEFAULT NULL, audience jsonb DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	current_version integer := (SELECT max(m.version) FROM wrk.state_machine m WHERE m.name = machine);
	version_column name := status_column || '_machine_version';
	config jsonb;
	forced boolean;
BEGIN
	PERFORM wrk.event_check_table(tbl);
	IF EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = tbl AND NOT c.relispartition) THEN
		RAISE EXCEPTION 'other tables inherit from %', tbl USING ERRCODE = 'wrong_object_type',
			DETAIL = 'Triggers are not inherited: their rows would change without a guard.',
			HINT = 'Use partitions.';
	END IF;
	IF current_version IS NULL THEN
		RAISE EXCEPTION 'no status machine "%"', machine USING ERRCODE = 'WK404',
			HINT = 'Make it with wrk.define_state_machine().';
	END IF;
	PERFORM wrk.status_check_column(tbl, c.col, c.purpose)
	FROM (VALUES (status_column, 'status'), (id_column, 'id'), (reason_column, 'reason'),
		(tenant_column, 'tenant')) c (col, purpose) WHERE c.col IS NOT NULL;
	entity := coalesce(entity, (SELECT c.relname FROM pg_class c WHERE c.oid = tbl));
	PERFORM wrk.status_check_entity(tbl, entity);
	config := jsonb_strip_nulls(jsonb_build_object('machine', machine, 'entity', entity, 'status', status_column,
		'version', version_column, 'reason', reason_column, 'id', id_column, 'tenant', tenant_column,
		'channels', channels));
	IF audience IS NOT NULL THEN
		config := config || jsonb_build_object('audience', audience);
	END IF;
	IF channels IS NOT NULL THEN
		PERFORM wrk.event_config_check(tbl, config::text);
	ELSIF audience IS NOT NULL THEN
		RAISE EXCEPTION 'an audience needs channels' USING ERRCODE = 'WK400';
	END IF;

	EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', tbl);
	forced := wrk.status_unforce(tbl);
	PERFORM wrk.status_add_column(tbl, version_column, current_version);
	PERFORM wrk.status_check_rows(tbl, config);
	IF forced THEN
		EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tbl);
	END IF;
	EXECUTE format('CREATE OR REPLACE TRIGGER zz_wrk_status BEFORE INSERT OR UPDATE ON %s'
		' FOR EACH ROW EXECUTE FUNCTION wrk.status_guard(%L)', tbl, config);
	-- before all others: what those have a new row do next is recorded after it began
	EXECUTE format('CREATE OR REPLACE TRIGGER "00_wrk_status_began" AFTER INSERT ON %s'
		' FOR EACH ROW EXECUTE FUNCTION wrk.status_changed()', tbl);
	-- no WHEN: its expression is read and compiled anew by every statement, which costs more than the call
	EXECUTE format('CREATE OR REPLACE TRIGGER wrk_status_changed AFTER UPDATE OF %I ON %s'
		' FOR EACH ROW EXECUTE FUNCTION wrk.status_changed()', status_column, tbl);
END
$$;
COMMENT ON FUNCTION wrk.enable_status(regclass, text, name, name, name, name, text, text[], jsonb) IS
'has the rows of a table follow a status machine: a new row begins in an initial state, and from then on only legal steps for the identity of the transaction are possible, for everybody. Adds the column <status_column>_machine_version. Calling it again replaces what was said before.
reason_column: column that keeps the reason of the last change; tenant_column NULL: a table without tenants; entity: what errors, history and events call a row (default: the table''s name).
channels, audience: as for wrk.enable_events(); with channels, each change is an event <entity>.status_changed {id, from, to, reason?, by, change_id}.
A row cannot move to another partition, and keeps its id and tenant, by which its history is kept. For the owner of the table who is a member of wrk_service. Errors: WK400, WK404 no such machine, WK422 rows in unknown states, 42501, 42703, 42804, 42809';

CREATE FUNCTION wrk.disable_status(tbl regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM wrk.tenancy_check_owner(tbl);
	IF wrk.status_config(tbl) IS NOT NULL THEN
		PERFORM wrk.protection_disabled(tbl, 'status');
	END IF;
	PERFORM wrk.trigger_drop(tbl, 'wrk.status_guard()', 'wrk.status_changed()');
END
$$;
COMMENT ON FUNCTION wrk.disable_status(regclass) IS
'ends what wrk.enable_status() began; the column of the machine''s version and the history stay. Recorded as protection.disabled. For the owner of the table. Error: 42501';

CREATE FUNCTION wrk.migrate_status(tbl regclass, to_version integer DEFAULT NULL, mapping jsonb DEFAULT '{}')
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	config jsonb := wrk.status_config(tbl);
	target integer;
	forced boolean;
	moved bigint;
BEGIN
	PERFORM wrk.tenancy_check_owner(tbl);
	IF config IS NULL THEN
		RAISE EXCEPTION 'table % has no status machine', tbl USING ERRCODE = 'WK400',
			HINT = 'Give it one with wrk.enable_status().';
	END IF;
	SELECT m.version INTO target FROM wrk.state_machine m
	WHERE m.name = config ->> 'machine' AND m.version = coalesce(to_version, m.version)
	ORDER BY m.version DESC LIMIT 1;
	IF target IS NULL THEN
		RAISE EXCEPTION 'status machine "%" has no version %', config ->> 'machine', to_version USING ERRCODE = 'WK404';
	END IF;
	EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', tbl);
	forced := wrk.status_unforce(tbl);
	PERFORM wrk.status_import();
	-- what a version does not know, the guard refuses
	EXECUTE format('UPDATE %1$s r SET %2$I = coalesce($1 ->> r.%2$I::text, r.%2$I::text)::%3$s, %4$I = $2'
		' WHERE r.%4$I IS DISTINCT FROM $2', tbl, config ->> 'status',
		(SELECT a.atttypid::regtype FROM pg_attribute a
		 WHERE a.attrelid = tbl AND a.attname = config ->> 'status'), config ->> 'version')
	USING mapping, target;
	GET DIAGNOSTICS moved = ROW_COUNT;
	PERFORM wrk.status_import(false);
	IF forced THEN
		EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tbl);
	END IF;
	RETURN moved;
END
$$;
COMMENT ON FUNCTION wrk.migrate_status(regclass, integer, jsonb) IS
'moves all rows to a version of their machine (default: the newest) and returns how many were moved; mapping {"old": "new"} says what becomes of states it does not have. Locks the table against writers. For the owner of the table who is a member of wrk_service. Errors: WK400, WK404, WK422 for a row in a state the version does not have, 42501';

REVOKE ALL ON FUNCTION wrk.status_config(regclass), wrk.status_check_column(regclass, name, text),
	wrk.status_unforce(regclass), wrk.status_check_rows(regclass, jsonb), wrk.status_check_entity(regclass, text),
	wrk.status_add_column(regclass, name, integer),
	wrk.enable_status(regclass, text, name, name, name, name, text, text[], jsonb),
	wrk.disable_status(regclass), wrk.migrate_status(regclass, integer, jsonb) FROM PUBLIC;
-- with the rights of their caller, who must own the table
GRANT EXECUTE ON FUNCTION wrk.status_config(regclass), wrk.status_check_column(regclass, name, text),
	wrk.status_unforce(regclass), wrk.status_check_rows(regclass, jsonb), wrk.status_check_entity(regclass, text),
	wrk.status_add_column(regclass, name, integer),
	wrk.enable_status(regclass, text, name, name, name, name, text, text[], jsonb),
	wrk.disable_status(regclass), wrk.migrate_status(regclass, integer, jsonb) TO wrk_service;

-- ---------- transitions ----------

CREATE FUNCTION wrk.transition_step(tbl regclass, id text, to_state text, reason text DEFAULT NULL,
									expected text DEFAULT NULL, on_locked text DEFAULT 'wait', dry_run boolean DEFAULT false)
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_transition';
COMMENT ON FUNCTION wrk.transition_step(regclass, text, text, text, text, text, boolean) IS
'one transition, as wrk.transition() makes it; on_locked: wait, skip (NULL is returned) or fail (WK423)';

CREATE FUNCTION wrk.transition(tbl regclass, id text, to_state text, reason text DEFAULT NULL, key text DEFAULT NULL,
							   dry_run boolean DEFAULT false, expected text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	answer jsonb;
BEGIN
	IF key IS NULL OR dry_run THEN
		RETURN wrk.transition_step(tbl, id, to_state, reason, expected, 'wait', dry_run);
	END IF;
	answer := wrk.key_claim(key, 'wrk.transition', jsonb_build_array(tbl, id, to_state, reason, expected));
	RETURN coalesce(answer, wrk.key_answer(key, wrk.transition_step(tbl, id, to_state, reason, expected)));
END
$$;
COMMENT ON FUNCTION wrk.transition(regclass, text, text, text, text, boolean, text) IS
'has a row take a step of its status machine: locks it, reads it again, checks, runs the guard, writes, records and announces the change. Returns {id, from, to, reason?, by, change_id, event_id?}.
to_state: a state, or previous from one with history; key: idempotency key, the same call with the same key is made once; dry_run: checks and runs the guard, but changes nothing; expected: the state the caller believes the row is in.
With the rights of the caller, who needs UPDATE on the status column. Errors: WK400 no reason given where one is needed, WK401, WK403 not for this identity, WK404 no such row, WK409 not in the expected state, WK422 no such step (or refused by its guard), WK4K2 key_reused, 40001 changed by another transaction at REPEATABLE READ or above';

CREATE FUNCTION wrk.status_row_id(tbl regclass, id text)
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_status_row_id';
COMMENT ON FUNCTION wrk.status_row_id(regclass, text) IS
'part of wrk.transition_all(): an id as its column writes it; two spellings of a uuid are one';

CREATE FUNCTION wrk.transition_all(tbl regclass, ids text[], to_state text, reason text DEFAULT NULL, key text DEFAULT NULL,
								   on_locked text DEFAULT 'wait', on_refused text DEFAULT 'fail')
RETURNS TABLE (id text, from_state text, new_state text, change_id bigint, code text, message text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	row_id text;
	answer jsonb;
	answers jsonb[] := '{}';
	failed text;
	refusal text;
BEGIN
	IF on_refused IS NULL OR on_refused NOT IN ('fail', 'report') THEN
		RAISE EXCEPTION '"%" is no way to deal with a refused row', on_refused USING ERRCODE = 'WK400',
			HINT = 'Ways are fail and report.';
	END IF;
	IF key IS NOT NULL THEN
		answer := wrk.key_claim(key, 'wrk.transition_all', jsonb_build_array(tbl, ids, to_state, reason, on_locked, on_refused));
	END IF;
	IF answer IS NOT NULL THEN
		RETURN QUERY SELECT * FROM jsonb_to_recordset(answer)
			AS a (id text, "from" text, "to" text, change_id bigint, code text, message text);
		RETURN;
	END IF;
	-- in one order, however they are spelt, so that two of these never wait for each other
	FOR row_id IN SELECT DISTINCT wrk.status_row_id(tbl, i) AS i FROM unnest(ids) i ORDER BY i
	LOOP
		IF on_refused = 'fail' THEN
			answer := wrk.transition_step(tbl, row_id, to_state, reason, NULL, on_locked);
		ELSE
			BEGIN
				answer := wrk.transition_step(tbl, row_id, to_state, reason, NULL, on_locked);
			EXCEPTION WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS failed = RETURNED_SQLSTATE;
				refusal := (SELECT e.code FROM wrk.error_code e WHERE e.sqlstate = failed AND e.status < 500);
				IF refusal IS NULL THEN
					RAISE;
				END IF;
				answer := jsonb_build_object('code', refusal, 'message', SQLERRM);
			END;
		END IF;
		answer := coalesce(answer, jsonb_build_object('code', 'locked', 'message', 'skipped: somebody else is changing it'))
			|| jsonb_build_object('id', row_id);
		IF key IS NOT NULL THEN
			answers := answers || answer;
		END IF;
		RETURN QUERY SELECT row_id, answer ->> 'from', answer ->> 'to', (answer ->> 'change_id')::bigint,
			answer ->> 'code', answer ->> 'message';
	END LOOP;
	IF key IS NOT NULL THEN
		PERFORM wrk.key_answer(key, to_jsonb(answers));
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.transition_all(regclass, text[], text, text, text, text, text) IS
'wrk.transition() for many rows, in the order of their ids; one row is returned for each, with code and message (of wrk.error_code) if it was left as it is.
on_locked: wait for rows that somebody else is changing, skip them, or fail; on_refused: fail (all or nothing) or report (the others go on). Errors: as wrk.transition(), WK423 locked';

CREATE FUNCTION wrk.available_transitions(tbl regclass, id text)
RETURNS TABLE (to_state text, state_label text, label text, needs_reason boolean, returns boolean)
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 5
AS 'MODULE_PATHNAME', 'wrk_available_transitions';
COMMENT ON FUNCTION wrk.available_transitions(regclass, text) IS
'steps the identity may have the row take from where it is; returns: it goes back to the previous state. Guards are not asked, a dry run of wrk.transition() does that. With the rights of the caller. Error: WK404 not_found';

CREATE FUNCTION wrk.state_history_of(entity text, row_id text, tenant_id text)
RETURNS TABLE (change_id bigint, from_state text, to_state text, reason text, user_id text, actor text,
			   imported boolean, changed_at timestamptz, duration interval)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH change AS (
		SELECT * FROM wrk.state_change c
		WHERE c.entity = state_history_of.entity AND c.row_id = state_history_of.row_id
			AND (c.tenant_id = state_history_of.tenant_id
				OR c.tenant_id IS NULL AND state_history_of.tenant_id IS NULL))
	SELECT c.id, c.from_state, c.to_state, c.reason, c.user_id, c.actor, c.imported, c.created_at,
		lead(c.created_at) OVER (ORDER BY c.id) - c.created_at
	FROM change c
	-- what went before was another row of that id, which the caller may never have seen
	WHERE c.id >= coalesce((SELECT max(b.id) FROM change b WHERE b.from_state IS NULL), 0)
	ORDER BY c.id
$$;
COMMENT ON FUNCTION wrk.state_history_of(text, text, text) IS
'all changes of state of a row since it was inserted, whoever may see it; internal to wrk.state_history()';
REVOKE ALL ON FUNCTION wrk.state_history_of(text, text, text) FROM PUBLIC;

CREATE FUNCTION wrk.state_history(tbl regclass, id text)
RETURNS TABLE (change_id bigint, from_state text, to_state text, reason text, user_id text, actor text,
			   imported boolean, changed_at timestamptz, duration interval)
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'wrk_state_history';
COMMENT ON FUNCTION wrk.state_history(regclass, text) IS
'changes of state of a row the caller sees, oldest first: who (user, and actor that vouched), when, from (NULL: it was new), to, why, and how long it stayed there (NULL: it is there still). A row deleted before of the same id is another row. Error: WK404 not_found';

REVOKE ALL ON FUNCTION wrk.transition_step(regclass, text, text, text, text, text, boolean),
	wrk.status_row_id(regclass, text),
	wrk.transition(regclass, text, text, text, text, boolean, text),
	wrk.transition_all(regclass, text[], text, text, text, text, text),
	wrk.available_transitions(regclass, text), wrk.state_history(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.transition_step(regclass, text, text, text, text, text, boolean),
	wrk.status_row_id(regclass, text),
	wrk.transition(regclass, text, text, text, text, boolean, text),
	wrk.transition_all(regclass, text[], text, text, text, text, text),
	wrk.available_transitions(regclass, text), wrk.state_history(regclass, text) TO wrk_member, wrk_service;
