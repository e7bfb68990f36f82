-- History: what became of a row, what it was before, and who made it what it is.
--
-- All of it is told from wrk.audit_log and the row as the caller sees it.

CREATE FUNCTION wrk.history(tbl regclass, id text)
RETURNS TABLE (id bigint, created_at timestamptz, user_id text, op "char", action text, changes jsonb, metadata jsonb)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20
AS 'MODULE_PATHNAME', 'wrk_history';
COMMENT ON FUNCTION wrk.history(regclass, text) IS
'changes of a row of an audited table, oldest first, as wrk.audit_log has them; id is also the version the row had from then on.
Whoever may read the log of the row''s tenant, owns the table or is not bound by row-level security sees all of them, also of a row that is gone. If the table has history => readers, whoever sees the row sees what happened since its latest INSERT in columns he may SELECT, and of metadata only what reverts what.
With an identity, the row is one of its tenant. Errors: WK404 not_found (no such row, nothing in the log, or not to be known of), WK400 (table not audited, id not unique), those of the id''s type';

CREATE FUNCTION wrk.as_of(tbl regclass, id text, at timestamptz)
RETURNS jsonb
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_as_of_time';
COMMENT ON FUNCTION wrk.as_of(regclass, text, timestamptz) IS
'a row as it was at a time, NULL if there was none: the columns the table has now that are audited and that the caller may SELECT, as to_jsonb() has them with times in UTC. What was changed under another name of the column is not found. Who may ask: as wrk.history(). Errors: WK404 not_found, WK4S9 too_stale (the log does not go back that far, or the row was changed without it), WK400, those of the id''s type';

CREATE FUNCTION wrk.as_of(tbl regclass, id text, version bigint)
RETURNS jsonb
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_as_of_version';
COMMENT ON FUNCTION wrk.as_of(regclass, text, bigint) IS
'a row as its change of that id left it; version 0 is the row before the first change that is kept. Otherwise as wrk.as_of(regclass, text, timestamptz)';

CREATE FUNCTION wrk.history_diff(tbl regclass, id text, v1 bigint, v2 bigint)
RETURNS jsonb
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_history_diff';
COMMENT ON FUNCTION wrk.history_diff(regclass, text, bigint, bigint) IS
'what changed from one version of a row to another, earlier or later, in the form of wrk.audit_log.changes: {"old", "new", "diff", "inverse"}; {} for nothing. Versions and errors: as wrk.as_of(regclass, text, bigint)';

CREATE FUNCTION wrk.blame(tbl regclass, id text, path text[] DEFAULT '{}')
RETURNS TABLE (path text[], change_id bigint, user_id text, created_at timestamptz)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'wrk_blame';
COMMENT ON FUNCTION wrk.blame(regclass, text, text[]) IS
'for every leaf of the row as it is, at or below path, the last change that made it what it is; change_id NULL: it is older than what is kept. A path is a column, then members, and elements of arrays by their "id" where every element has one of its own; a leaf is what has no such parts. Columns: as wrk.as_of(). Who may ask: as wrk.history(), of a row he sees. Errors: WK404 not_found, WK400, those of the id''s type';

CREATE FUNCTION wrk.changes_by(user_id text, since timestamptz, max_rows integer DEFAULT 1000)
RETURNS SETOF wrk.audit_log
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF user_id IS NULL OR since IS NULL THEN
		RAISE EXCEPTION 'user_id and since must not be null' USING ERRCODE = 'WK400';
	END IF;
	IF max_rows IS NULL OR max_rows NOT BETWEEN 1 AND 10000 THEN
		RAISE EXCEPTION 'max_rows must be from 1 to 10000, not %', coalesce(max_rows::text, 'NULL')
			USING ERRCODE = 'WK400';
	END IF;
	RETURN QUERY SELECT l.* FROM wrk.audit_log l
		WHERE l.user_id = changes_by.user_id AND l.created_at >= since
		ORDER BY l.id DESC LIMIT max_rows;
END
$$;
COMMENT ON FUNCTION wrk.changes_by(text, timestamptz, integer) IS
'what a user did, the newest first; max_rows from 1 to 10000. With the rights of the caller: what he may read of wrk.audit_log. Error: WK400 bad_request';

CREATE FUNCTION wrk.revert(change_id bigint, mode text DEFAULT 'strict')
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_revert';
COMMENT ON FUNCTION wrk.revert(bigint, text) IS
'takes back one change of a row, and nothing that came after it: an UPDATE of what it changed, a DELETE for an INSERT, an INSERT for a DELETE, with the rights of the caller (who needs UPDATE on a row that is there, to lock it). Returns {"change_id": id of the change this is, or null, "changed", "conflicts": [{"path": [column, ...], "kind", "base", "ours", "theirs"}]}; base is what the change had made, theirs what was before it, ours what is there; kinds as wrk.json_merge() has them, and dangling_edge of wrk.blueprint_merge(); path [] is the whole row.
A column is taken back if it is still what the change made it; documents (jsonb objects) part by part. What others have changed since is a conflict and stays: with mode strict all is refused then, with ours the rest is taken back (of a document in which somebody has drawn an edge to a node that would go, nothing). An inserted row that was changed since stays, also if the caller may not know in what: path [] then. Redacted and excluded columns, and those the caller may not SELECT, are left alone.
The new change has metadata {"reverts": change_id}. Who may: whoever may know the change, see wrk.history(). Errors: WK404 not_found (no such change, or not to be known of), WK409 conflict with DETAIL {"conflicts"}, or for a value of a unique key that is taken, WK400 bad_request (no change of a row; a deleted row with a column that must not be null and is not in the log), WK403, WK4S9 too_stale, 42501, and what triggers refuse';

REVOKE ALL ON FUNCTION wrk.history(regclass, text), wrk.as_of(regclass, text, timestamptz),
	wrk.as_of(regclass, text, bigint), wrk.history_diff(regclass, text, bigint, bigint),
	wrk.blame(regclass, text, text[]), wrk.changes_by(text, timestamptz, integer),
	wrk.revert(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.history(regclass, text), wrk.as_of(regclass, text, timestamptz),
	wrk.as_of(regclass, text, bigint), wrk.history_diff(regclass, text, bigint, bigint),
	wrk.blame(regclass, text, text[]), wrk.changes_by(text, timestamptz, integer),
	wrk.revert(bigint, text) TO wrk_member, wrk_service;
