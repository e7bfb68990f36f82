-- Merging what two sides made of a blueprint.

CREATE FUNCTION wrk.blueprint_merge(base jsonb, ours jsonb, theirs jsonb, options jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_blueprint_merge';
COMMENT ON FUNCTION wrk.blueprint_merge(jsonb, jsonb, jsonb, jsonb) IS
'three-way merge of blueprints: {"result": document, "conflicts": [...], "dropped_edges": [id, ...]}, conflicts as wrk.json_merge() has them. UI-only members (option "ui", as wrk.blueprint_diff() has it) are in none: theirs win. Edges of the result whose node one side deleted are dropped, conflict of kind dangling_edge with the ids of "nodes". Option "policy": lww (the default: theirs win), ours, report (as ours), or strict. Errors: bad_request, DETAIL {"path": [...]} into the options; with strict conflict, DETAIL {"conflicts": [...]}';
REVOKE ALL ON FUNCTION wrk.blueprint_merge(jsonb, jsonb, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.blueprint_merge(jsonb, jsonb, jsonb, jsonb) TO wrk_member, wrk_service;
