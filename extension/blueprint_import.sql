-- Blueprints from the documents of other editors, and back to React Flow's.

CREATE FUNCTION wrk.blueprint_import(document jsonb, format text DEFAULT 'auto')
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'wrk_blueprint_import';
COMMENT ON FUNCTION wrk.blueprint_import(jsonb, text) IS
'a document as a blueprint in canonical form: {nodes: [{id, type, position: {x, y}, data}], edges: [{id, source, target, ...}], metadata}. format: react_flow (Flowise too), n8n, node_red, step_functions, or auto for the one it has. Ids of the source are kept; those that are missing or doubled are UUIDs (version 5) that the same source always gets. Nothing is lost: metadata.source {format, document, dropped: [{path, value}]} holds what is no node or edge, metadata.problems what was wrong, as wrk.blueprint_validate() has it. The result has sound ids and edges; importing it again changes nothing. Error: WK400 bad_request for a format that is not known or not the document''s';

CREATE FUNCTION wrk.blueprint_export(document jsonb, format text DEFAULT 'react_flow')
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'wrk_blueprint_export';
COMMENT ON FUNCTION wrk.blueprint_export(jsonb, text) IS
'a blueprint as a document of React Flow: what wrk.blueprint_import() took from one is back in its place, and importing the result gives the same blueprint again. Error: WK400 bad_request';

REVOKE ALL ON FUNCTION wrk.blueprint_import(jsonb, text), wrk.blueprint_export(jsonb, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.blueprint_import(jsonb, text), wrk.blueprint_export(jsonb, text)
	TO wrk_member, wrk_service;
