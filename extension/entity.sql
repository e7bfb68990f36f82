-- Rows that several people edit at once.
--
-- Nothing is registered: any table under wrk.enable_audit() whose history its readers
-- may see can be edited so.

CREATE FUNCTION wrk.entity_version(tbl regclass, id text)
RETURNS bigint
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_entity_version';
COMMENT ON FUNCTION wrk.entity_version(regclass, text) IS
'version of a row as this statement sees it, for wrk.entity_patch(): the id of its latest change, 0 if there is none in the log, or what stands in the version_column of wrk.enable_audit(). Who may ask: whoever sees the row and may know its history, see wrk.history(). Errors: WK404 not_found, WK400 (table not audited, id not unique), those of the id''s type';

CREATE FUNCTION wrk.entity_patch(tbl regclass, id text, base_version bigint, changes jsonb, mode text DEFAULT 'lww')
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_entity_patch';
COMMENT ON FUNCTION wrk.entity_patch(regclass, text, bigint, jsonb, text) IS
'edits a row with what the editor made of version base_version of it, merged with what others have done since; returns {"version": what the row has now, "base": the version it had just before, "changed", "conflicts": [{"path": [column, ...], "kind", "base", "ours", "theirs"}]}. changes: {column: value}, up to 8 MB; null is SQL NULL. Columns that are audited and that the caller may SELECT can be edited, but not id, tenant and version.
Different columns both stay, and so do different parts of a document (jsonb object, given as a whole; merged as by wrk.blueprint_merge()). mode, for what others have changed as well: lww (the last writer, this one, wins), ours (what is there stays; a document in which somebody has drawn an edge to a node that would go stays as a whole), strict (the whole edit is refused). Kinds as wrk.json_merge() has them, and dangling_edge.
With lww, whose change is overwritten gets event conflict.detected {"type", "id", "version", "by", "conflicts": [{"path", "kind"}]} on channel tenant:T:user:ID, for 100 conflicts at most and in tables with a tenant; it names no values.
The row is locked and written by an ordinary UPDATE with the rights of the caller. Errors: WK404 not_found (no such row, or its history is not the caller''s to know: history => readers of wrk.enable_audit()), WK400 bad_request (a column that cannot be edited, a version the row does not have), WK409 conflict with DETAIL {"version", "conflicts"}, WK4S9 too_stale (more than 1000 changes ago, or the log does not go back that far), WK413 too_large, WK403, 42501, those of the values'' types, and what triggers refuse';

CREATE FUNCTION wrk.entity_count()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_entity_count';
COMMENT ON FUNCTION wrk.entity_count() IS
'trigger BEFORE INSERT OR UPDATE for each row, after all others that change the row (they fire in order of their names): column version, or the one its argument names, is 1 in a new row, unless the statement says more, and one more after each change, whatever a statement says; for version_column of wrk.enable_audit(). An id must not be used again for another row. Errors: 42703 for a column that cannot count, 22003 when there is no greater number';

REVOKE ALL ON FUNCTION wrk.entity_version(regclass, text), wrk.entity_patch(regclass, text, bigint, jsonb, text),
	wrk.entity_count() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.entity_version(regclass, text),
	wrk.entity_patch(regclass, text, bigint, jsonb, text) TO wrk_member, wrk_service;
GRANT EXECUTE ON FUNCTION wrk.entity_count() TO wrk_service;
