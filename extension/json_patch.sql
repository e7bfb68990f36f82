-- JSON Patch and JSON Merge Patch: changes of documents as documents.

CREATE FUNCTION wrk.json_patch(doc jsonb, patch jsonb)
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_json_patch';
COMMENT ON FUNCTION wrk.json_patch(jsonb, jsonb) IS
'the document after a JSON Patch (RFC 6902: add, remove, replace, move, copy, test; paths are JSON pointers, RFC 6901), all of it or an error. Errors, DETAIL {"op": index, "path": pointer or null}: WK400 bad_request for what is no patch, WK404 not_found for a path that does not exist, WK409 conflict for a test that fails, WK413 too_large for more than 100000 operations, copies of more than 16 MB (or 4 times the document, up to 256 MB), or a result of more than 256 MB';
REVOKE ALL ON FUNCTION wrk.json_patch(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.json_patch(jsonb, jsonb) TO wrk_member, wrk_service;

CREATE FUNCTION wrk.json_merge_patch(doc jsonb, patch jsonb)
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_json_merge_patch';
COMMENT ON FUNCTION wrk.json_merge_patch(jsonb, jsonb) IS
'the document after a JSON Merge Patch (RFC 7396): members of objects are set, null removes one, all but objects is replaced whole. Error: WK413 too_large for a result of more than 256 MB';
REVOKE ALL ON FUNCTION wrk.json_merge_patch(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.json_merge_patch(jsonb, jsonb) TO wrk_member, wrk_service;

CREATE FUNCTION wrk.json_merge_diff(a jsonb, b jsonb)
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_json_merge_diff';
COMMENT ON FUNCTION wrk.json_merge_diff(jsonb, jsonb) IS
'JSON Merge Patch (RFC 7396) that makes b of a. Error: WK400 bad_request, DETAIL {"path": JSON pointer}, where a member of b would have to be set to null, which a merge patch cannot say';
REVOKE ALL ON FUNCTION wrk.json_merge_diff(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.json_merge_diff(jsonb, jsonb) TO wrk_member, wrk_service;
