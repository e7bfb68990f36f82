-- Whether a document is a sound blueprint: ids, edges, sizes, depth.

CREATE FUNCTION wrk.blueprint_validate(document jsonb, limits jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'wrk_blueprint_validate';
COMMENT ON FUNCTION wrk.blueprint_validate(jsonb, jsonb) IS
'everything that is wrong with a blueprint, as an array of {path, code, problem, ...}, empty if it is sound. Codes: not_object, not_array, missing_id, duplicate_id {id, count}, dangling_edge {id, end, node}, too_deep {limit}, and of size node_too_large {bytes, limit}, document_too_large {bytes, limit}, too_many_nodes {count, limit}; at most 100, then more_problems {count}. limits: node_bytes 262144, document_bytes 1048576 (as jsonb, uncompressed), nodes 5000, depth 64. Error: WK400 bad_request for limits that are none';

CREATE FUNCTION wrk.blueprint_check(document jsonb, limits jsonb DEFAULT '{}')
RETURNS void
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'wrk_blueprint_check';
COMMENT ON FUNCTION wrk.blueprint_check(jsonb, jsonb) IS
'refuses what wrk.blueprint_validate() has something to say about; DETAIL is what it says. Errors: WK413 too_large if any of it is of size, else WK400 bad_request';

REVOKE ALL ON FUNCTION wrk.blueprint_validate(jsonb, jsonb), wrk.blueprint_check(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.blueprint_validate(jsonb, jsonb), wrk.blueprint_check(jsonb, jsonb)
	TO wrk_member, wrk_service;
