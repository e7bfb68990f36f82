-- Blueprints: what changed between two of them, and making the same change.
--
-- A blueprint is an object; its collections are the members that are arrays of
-- elements with unique ids (nodes, edges).  Nothing else about it is known here.

CREATE FUNCTION wrk.blueprint_diff(old jsonb, new jsonb, options jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_blueprint_diff';
COMMENT ON FUNCTION wrk.blueprint_diff(jsonb, jsonb, jsonb) IS
'what changed, by collection (a member of both documents that is an array of elements with ids; what is none, or in one of them only, is in "meta"): {"<collection>": {"added": [element], "updated": [{"id", "set": [[path, value]], "unset": [path], "in": [{"path", ...}]}], "deleted": [id], "order": [[id, after or null]]}, "meta": {"set", "unset", "in"}}, {} for nothing. Option "ui": keys, or paths of keys, of elements of collections that make no difference. Error: bad_request';
REVOKE ALL ON FUNCTION wrk.blueprint_diff(jsonb, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.blueprint_diff(jsonb, jsonb, jsonb) TO wrk_member, wrk_service;

CREATE FUNCTION wrk.blueprint_patch(doc jsonb, diff jsonb)
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_blueprint_patch';
COMMENT ON FUNCTION wrk.blueprint_patch(jsonb, jsonb) IS
'the document after the changes of a diff of wrk.blueprint_diff(), all of them or none. Errors: bad_request for what is no diff, conflict for one that does not fit the document; DETAIL {"path": [...], "id"} into the diff';
REVOKE ALL ON FUNCTION wrk.blueprint_patch(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.blueprint_patch(jsonb, jsonb) TO wrk_member, wrk_service;

CREATE FUNCTION wrk.blueprint_invert(diff jsonb, doc jsonb)
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_blueprint_invert';
COMMENT ON FUNCTION wrk.blueprint_invert(jsonb, jsonb) IS
'the diff that undoes a diff of the document: applied to wrk.blueprint_patch(doc, diff) it gives the document to the byte. Errors: as wrk.blueprint_patch()';
REVOKE ALL ON FUNCTION wrk.blueprint_invert(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.blueprint_invert(jsonb, jsonb) TO wrk_member, wrk_service;

CREATE FUNCTION wrk.blueprint_strip(doc jsonb, options jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_blueprint_strip';
COMMENT ON FUNCTION wrk.blueprint_strip(jsonb, jsonb) IS
'the document without what only says how an editor shows it: option "ui", as wrk.blueprint_diff() has it, by default selected, dragging, resizing, measured, positionAbsolute and data.selected of each element. Error: bad_request';
REVOKE ALL ON FUNCTION wrk.blueprint_strip(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.blueprint_strip(jsonb, jsonb) TO wrk_member, wrk_service;
