-- Differences between documents, and merges of what two sides made of one.

CREATE FUNCTION wrk.json_diff(a jsonb, b jsonb)
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_json_diff';
COMMENT ON FUNCTION wrk.json_diff(jsonb, jsonb) IS
'the JSON Patch (RFC 6902) that makes b of a: wrk.json_patch(a, wrk.json_diff(a, b)) is b to the byte. Elements of arrays of objects with unique "id" (string or number) are known by it, others by a longest common subsequence; what moved inside of an object or array is moved; a value is replaced whole where that is shorter';
REVOKE ALL ON FUNCTION wrk.json_diff(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.json_diff(jsonb, jsonb) TO wrk_member, wrk_service;

CREATE FUNCTION wrk.json_merge(base jsonb, ours jsonb, theirs jsonb, policy text DEFAULT 'fail')
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_json_merge';
COMMENT ON FUNCTION wrk.json_merge(jsonb, jsonb, jsonb, text) IS
'three-way merge: {"result": document, "conflicts": [{"path", "kind", "base", "ours", "theirs"}]}. Objects are merged by member and arrays of objects with unique "id" (string or number) by element, to any depth but below paths of more than 512 bytes; other values are changed whole. A path is an array of member names and ids; a version without the value has no such member; kinds are edit_edit, edit_delete (ours edited, theirs deleted), delete_edit, add_add and order. policy: fail (the default), ours, theirs, or report (conflicts are listed, the result has ours). Errors: WK400 bad_request for another policy; with fail WK409 conflict, DETAIL = the conflicts';
REVOKE ALL ON FUNCTION wrk.json_merge(jsonb, jsonb, jsonb, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.json_merge(jsonb, jsonb, jsonb, text) TO wrk_member, wrk_service;
