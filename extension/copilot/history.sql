-- History: what became of a row of the product, who made it what it is, and back.
--
-- The engine keeps the log and knows who may read what of it; here is what a browser
-- asks.  A row is named by its type, as the log and the events have it, and its id.
-- Types are those of the product's own tables, whatever else the database has under
-- audit; a type that does not exist is refused in the same words as a row that the
-- caller may not know of.

-- ---------- parameters ----------

CREATE FUNCTION copilot.want_change(params jsonb, param text, required boolean DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	value text := params ->> param;
BEGIN
	IF value IS NULL THEN
		IF required THEN
			PERFORM copilot.bad_param(param, 'is required');
		END IF;
		RETURN NULL;
	END IF;
	-- as far as a browser's numbers are whole
	IF jsonb_typeof(params -> param) <> 'number' OR value !~ '^[0-9]{1,16}$'
		OR value::bigint > 9007199254740991 THEN
		PERFORM copilot.bad_param(param, 'must be the id of a change');
	END IF;
	RETURN value::bigint;
END
$$;
COMMENT ON FUNCTION copilot.want_change(jsonb, text, boolean) IS
'member of a call''s parameters as id of a change, or 0. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_path(params jsonb)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	path jsonb := coalesce(nullif(params -> 'path', 'null'), '[]');
BEGIN
	IF jsonb_typeof(path) <> 'array' OR jsonb_array_length(path) > 100
		OR jsonb_path_exists(path, 'strict $[*] ? (@.type() != "string")') THEN
		PERFORM copilot.bad_param('path', 'must be an array of up to 100 strings');
	END IF;
	RETURN ARRAY(SELECT jsonb_array_elements_text(path));
END
$$;
COMMENT ON FUNCTION copilot.want_path(jsonb) IS
'member "path" of a call''s parameters: a column, then members and ids of elements; empty if it is absent. Error: WK400 bad_request';

CREATE FUNCTION copilot.audited_table(type text, OUT tbl regclass, OUT id_type regtype)
RETURNS record
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- not wrk.audit_table(), which knows all tables and is not for members
	SELECT t.tgrelid::regclass, a.atttypid::regtype
	FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
	CROSS JOIN LATERAL (
		SELECT convert_from(trim('\x00'::bytea FROM t.tgargs), getdatabaseencoding())::jsonb) config (doc)
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = doc ->> 'id'
	WHERE c.relnamespace = 'copilot'::regnamespace
		AND t.tgfoid = 'wrk.audit_trigger()'::regprocedure AND t.tgnargs = 1 AND doc ->> 'resource' = type
$$;
COMMENT ON FUNCTION copilot.audited_table(text) IS
'the table of the product whose rows the log calls so, and the type of their ids; NULLs if there is none';

CREATE FUNCTION copilot.want_row(params jsonb, OUT tbl regclass, OUT id text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted_type text := copilot.want_text(params, 'type', 63, true);
	id_type regtype;
BEGIN
	id := copilot.want_text(params, 'id', 512, true);
	SELECT t.tbl, t.id_type INTO tbl, id_type FROM copilot.audited_table(wanted_type) t;
	-- the engine's own words; what is no uuid is the id of nothing where ids are uuids
	IF tbl IS NULL OR id_type = 'uuid'::regtype AND copilot.as_uuid(id) IS NULL THEN
		RAISE EXCEPTION 'history of % "%" not found', wanted_type, id USING ERRCODE = 'WK404';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.want_row(jsonb) IS
'members "type" and "id" of a call''s parameters: the row of an audited table. Errors: WK400 bad_request, WK404 not_found';

-- ---------- calls ----------

CREATE FUNCTION copilot.history_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted record;
	want record;
	answer jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'type', 'id', 'after', 'limit');
	wanted := copilot.want_row(params);
	want := copilot.want_log_page(params);
	WITH earlier AS (
		SELECT h.*, row_number() OVER w AS n, sum(pg_column_size(h.changes)) OVER w AS bytes
		FROM wrk.history(wanted.tbl, wanted.id) h
		WHERE want.before_id IS NULL OR h.id < want.before_id
		WINDOW w AS (ORDER BY h.id DESC)),
	page AS (
		-- a blueprint's changes may be large: then it ends sooner
		SELECT e.* FROM earlier e WHERE e.n = 1 OR e.n <= want.page_size AND e.bytes <= 1048576)
	SELECT jsonb_build_object('changes', coalesce(jsonb_agg(jsonb_build_object(
			'id', p.id, 'at', p.created_at, 'by', p.user_id, 'name', u.name, 'op', p.op, 'action', p.action,
			'changes', p.changes, 'reverts', p.metadata -> 'reverts') ORDER BY p.id DESC), '[]'),
		'next', CASE WHEN count(*) < (SELECT count(*) FROM earlier) THEN min(p.id)::text END)
	INTO answer
	FROM page p LEFT JOIN copilot.users u ON u.id = copilot.as_uuid(p.user_id);
	RETURN answer;
END
$$;
COMMENT ON FUNCTION copilot.history_list(jsonb) IS
'call history.list {type, id, after, limit}: {changes: [{id, at, by, name, op, action, changes, reverts}], next} newest first; type and id are those of its events: automation, automation_version, project, which whoever sees the row may ask for, or what else is audited, for those who may read the log. op is i, u or d, changes {old, new, diff, inverse} by column, reverts the id of the change that it takes back. A page is up to limit (1 to 200, else 50) changes, or about 1 MB; next, null at the end, is the after of the next page. Errors: WK400, WK404';

CREATE FUNCTION copilot.history_diff(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted record;
	v1 bigint;
	v2 bigint;
BEGIN
	PERFORM copilot.check_params(params, 'type', 'id', 'from', 'to');
	wanted := copilot.want_row(params);
	v1 := copilot.want_change(params, 'from', true);
	v2 := copilot.want_change(params, 'to', true);
	RETURN jsonb_build_object('from', v1, 'to', v2,
		'changes', wrk.history_diff(wanted.tbl, wanted.id, v1, v2));
END
$$;
COMMENT ON FUNCTION copilot.history_diff(jsonb) IS
'call history.diff {type, id, from, to}: {from, to, changes: {old, new, diff, inverse}}, from what the row was after one change to what it was after another, earlier or later; 0 is before the first that is kept. Errors: WK400, WK404, WK4S9';

CREATE FUNCTION copilot.history_blame(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted record;
	answer jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'type', 'id', 'path');
	wanted := copilot.want_row(params);
	WITH leaf AS MATERIALIZED (
		SELECT b.path, b.change_id, b.user_id, b.created_at
		FROM wrk.blame(wanted.tbl, wanted.id, copilot.want_path(params)) b),
	change AS (
		SELECT DISTINCT ON (l.change_id) l.change_id, l.user_id, u.name, l.created_at
		FROM leaf l LEFT JOIN copilot.users u ON u.id = copilot.as_uuid(l.user_id)
		WHERE l.change_id IS NOT NULL)
	SELECT jsonb_build_object(
		'leaves', (SELECT coalesce(jsonb_agg(jsonb_build_object('path', l.path, 'change', l.change_id)
				ORDER BY l.path COLLATE "C"), '[]') FROM leaf l),
		'changes', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.change_id, 'at', c.created_at,
				'by', c.user_id, 'name', c.name) ORDER BY c.change_id DESC), '[]') FROM change c))
	INTO answer;
	RETURN answer;
END
$$;
COMMENT ON FUNCTION copilot.history_blame(jsonb) IS
'call history.blame {type, id, path}: {leaves: [{path, change}], changes: [{id, at, by, name}]}, for every value of the row at or below path (an array: a column, then members, and ids of elements; absent: all of it) the last change that made it what it is; change null: older than what is kept. Errors: WK400, WK404';

CREATE FUNCTION copilot.history_revert(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'change', 'mode');
	RETURN wrk.revert(copilot.want_change(params, 'change', true),
		coalesce(copilot.want_choice(params, 'mode', 'ours', 'strict'), 'strict'));
END
$$;
COMMENT ON FUNCTION copilot.history_revert(jsonb) IS
'call history.revert {change, mode}: {change_id, changed, conflicts}; takes back a change of anybody''s, as far as the caller may make the opposite one by hand; change_id is that of the new change, null if there was nothing left to change. What was changed since stays: with mode strict (default) it is a conflict and nothing is done, with ours the rest is taken back. Errors: WK400, WK403, WK404, WK409 with {conflicts}, WK422';

REVOKE ALL ON FUNCTION copilot.want_change(jsonb, text, boolean), copilot.want_path(jsonb),
	copilot.audited_table(text), copilot.want_row(jsonb), copilot.history_list(jsonb),
	copilot.history_diff(jsonb), copilot.history_blame(jsonb), copilot.history_revert(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.want_change(jsonb, text, boolean), copilot.want_path(jsonb),
	copilot.audited_table(text), copilot.want_row(jsonb), copilot.history_list(jsonb),
	copilot.history_diff(jsonb), copilot.history_blame(jsonb), copilot.history_revert(jsonb) TO wrk_member;
