-- Documents of other editors as blueprints: what becomes of them, and that nothing is lost.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on

-- all strings, numbers and truths of a document
CREATE FUNCTION pg_temp.leaves(document jsonb) RETURNS TABLE (leaf text) LANGUAGE sql AS $$
	SELECT DISTINCT v #>> '{}' FROM jsonb_path_query(document, 'strict $.**') v WHERE jsonb_typeof(v) NOT IN ('object', 'array', 'null')
$$;
-- what does not hold of an import; nothing if all does
CREATE FUNCTION pg_temp.broken(document jsonb, imported jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT nullif(concat_ws(', ',
		CASE WHEN wrk.blueprint_validate(imported) <> '[]' THEN 'not sound: ' || wrk.blueprint_validate(imported)::text END,
		CASE WHEN wrk.blueprint_import(imported)::text <> imported::text THEN 'not the same when imported again' END,
		CASE WHEN wrk.blueprint_import(wrk.blueprint_export(imported), 'react_flow')::text <> imported::text THEN 'not the same when exported and imported' END,
		CASE WHEN EXISTS (SELECT FROM jsonb_array_elements(imported->'nodes') n WHERE jsonb_typeof(n->'id') NOT IN ('string', 'number')
			OR jsonb_typeof(n->'type') <> 'string' OR jsonb_typeof(n->'position'->'x') <> 'number'
			OR jsonb_typeof(n->'position'->'y') <> 'number' OR jsonb_typeof(n->'data') <> 'object'
			OR NOT n ?& ARRAY['id', 'type', 'position', 'data']) THEN 'not canonical' END,
		(SELECT 'lost: ' || string_agg(l.leaf, ' ' ORDER BY l.leaf) FROM pg_temp.leaves(document) l WHERE NOT EXISTS (
			SELECT FROM pg_temp.leaves(imported) i WHERE i.leaf = l.leaf))), '')
$$;
-- the import, or why there is none
CREATE FUNCTION pg_temp.import(document jsonb, format text DEFAULT 'auto') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	imported jsonb;
BEGIN
	imported := wrk.blueprint_import(document, format);
	IF wrk.blueprint_import(document, format)::text <> imported::text THEN
		RETURN 'not the same twice';
	END IF;
	RETURN coalesce('BROKEN ' || pg_temp.broken(document, imported), jsonb_pretty(imported));
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- short: nodes by name or id, edges by ends, problems
CREATE FUNCTION pg_temp.brief(document jsonb, format text DEFAULT 'auto') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	i jsonb;
	broken text;
BEGIN
	i := wrk.blueprint_import(document, format);
	broken := pg_temp.broken(document, i);
	IF broken IS NOT NULL THEN
		RETURN NEXT 'BROKEN ' || broken;
	END IF;
	RETURN QUERY SELECT format('node %s %s (%s, %s) %s', n->'id', n->>'type', n->'position'->'x', n->'position'->'y', n->'data')
		FROM jsonb_array_elements(i->'nodes') n;
	RETURN QUERY SELECT format('edge %s:%s -> %s:%s %s', e->'source', e->>'sourceHandle', e->'target', e->>'targetHandle', e->'data')
		FROM jsonb_array_elements(i->'edges') e;
	RETURN QUERY SELECT format('problem %s %s', p->>'code', p->'path') FROM jsonb_array_elements(i->'metadata'->'problems') p;
	RETURN QUERY SELECT format('source %s', i->'metadata'->'source');
EXCEPTION WHEN OTHERS THEN
	RETURN NEXT SQLSTATE || ' ' || SQLERRM;
END
$$;

-- React Flow: nodes and edges stay as they are, other members wait for the export
SELECT pg_temp.import('{"nodes": [{"id": "a", "type": "in", "position": {"x": 1.50, "y": -2}, "data": {"label": "A"}, "selected": true, "parentNode": "b"},
		{"id": 2, "position": [3, 4], "data": {}}],
	"edges": [{"id": "e", "source": "a", "target": 2, "sourceHandle": "out", "zIndex": 1001}],
	"viewport": {"x": 0, "y": 0, "zoom": 1.25}, "description": "d"}');
SELECT wrk.blueprint_export(wrk.blueprint_import(d))::text = d::text
FROM (SELECT '{"nodes": [{"id": "a", "type": "in", "position": {"x": 1.50, "y": -2}, "data": {}, "width": 300}], "edges": [], "viewport": {"zoom": 1}}'::jsonb AS d) t;
-- what is missing is put right; what is wrong is kept elsewhere
SELECT pg_temp.brief('{"nodes": [{}, {"id": null, "type": null, "data": null, "position": null}, {"id": "", "type": 7, "data": "text", "position": {"x": "1", "y": 2}},
	{"id": true, "data": [1], "position": [1, 2, 3]}, 4, null, "x", [5]], "edges": [6, {"id": []}]}');
-- of two with an id the first one has it, also if it has one that would be made for another
SELECT pg_temp.brief('{"nodes": [{"id": "a", "data": {"n": 1}}, {"id": "a", "data": {"n": 2}}, {"id": "b"}],
	"edges": [{"id": "e", "source": "a", "target": "b"}, {"id": "e", "source": "b", "target": "a"}, {"source": "a", "target": "a"}, {"source": "a", "target": "a"},
		{"id": "gone", "source": "a", "target": "z"}, {"id": "e2", "source": 1, "target": "b"}]}');
SELECT count(DISTINCT n->'id'), min(n->>'id') FILTER (WHERE n->'data' ? 'keep') = (SELECT wrk.blueprint_import('{"nodes": [{}], "edges": []}')->'nodes'->0->>'id') AS kept
FROM jsonb_array_elements(wrk.blueprint_import(jsonb_build_object('edges', '[]'::jsonb, 'nodes', jsonb_build_array('{}'::jsonb,
	jsonb_build_object('id', wrk.blueprint_import('{"nodes": [{}], "edges": []}')->'nodes'->0->'id', 'data', '{"keep": 1}'::jsonb))))->'nodes') n;
-- a document's own metadata stays; what it holds is not overwritten
SELECT wrk.blueprint_import(d || '{"nodes": [], "edges": []}')->'metadata', pg_temp.broken(d, wrk.blueprint_import(d || '{"nodes": [], "edges": []}'))
FROM unnest(ARRAY['{"metadata": {}}', '{"metadata": {"title": "t"}}', '{"metadata": {"title": "t"}, "viewport": 1}', '{"metadata": [1]}', '{"metadata": null, "a": 1}',
	'{"metadata": {"source": "mine"}}', '{"metadata": {"source": "mine"}, "a": 1}', '{"metadata": {"source": {"document": 2}}, "a": 1}',
	'{"metadata": {"source": {"format": "n8n"}}, "a": 1}', '{"metadata": {"source": {"format": "react_flow", "document": {"nodes": 1}}}}',
	'{"metadata": {"problems": "none"}, "a": 1}']::jsonb[]) d;
SELECT wrk.blueprint_import('{"nodes": [8, 9], "edges": [], "metadata": {"problems": [1], "source": {"dropped": [2]}}}')->'metadata',
	wrk.blueprint_import('{"nodes": [8], "edges": [], "metadata": {"problems": {}, "source": {"dropped": 3}}}')->'metadata';

-- n8n: connections by name, kinds, outputs; ids of names for those that have none
SELECT pg_temp.import('{"name": "w", "settings": {}, "nodes": [
		{"id": "aaa", "name": "Start", "type": "t.start", "position": [10, 20.5], "parameters": {"p": 1}, "typeVersion": 1.1},
		{"name": "Model", "type": "t.model", "position": [0, 0], "parameters": {}}],
	"connections": {"Start": {"main": [[], [{"node": "Model", "type": "main", "index": 0}]]},
		"Model": {"ai_languageModel": [[{"node": "Start", "type": "ai_languageModel", "index": 2, "x": "more"}]]}}}');
-- the ids do not depend on the order of nodes; a cycle and a node connected to itself are as good as others
SELECT pg_temp.brief('{"nodes": [{"name": "A"}, {"name": "B"}], "connections": {"A": {"main": [[{"node": "B"}, {"node": "A"}]]}, "B": {"main": [[{"node": "A"}]]}}}');
SELECT pg_temp.brief('{"nodes": [{"name": "B"}, {"name": "A"}], "connections": {"A": {"main": [[{"node": "B"}, {"node": "A"}]]}, "B": {"main": [[{"node": "A"}]]}}}');
-- ids that several have are nobody's; names that several have are the first one's
SELECT pg_temp.brief('{"nodes": [{"id": "x", "name": "A"}, {"id": "x", "name": "B"}, {"id": "y", "name": "A"}, {"id": "x", "name": "A"}, {"id": 7, "name": "C"}, {"name": "A"}],
	"connections": {"A": {"main": [[{"node": "A", "type": "main", "index": 0}, {"node": "B", "type": "main", "index": 0}, {"node": "B", "type": "main", "index": 0}]]}}}');
-- an id that is also the one made for a name is taken
SELECT count(DISTINCT n->'id') FROM jsonb_array_elements(wrk.blueprint_import(jsonb_build_object('connections', '{}'::jsonb, 'nodes', jsonb_build_array('{"name": "A"}'::jsonb,
	jsonb_build_object('name', 'B', 'id', wrk.blueprint_import('{"nodes": [{"name": "A"}]}', 'n8n')->'nodes'->0->'id'))))->'nodes') n;
-- connections that lead nowhere or are none stay where they were
SELECT pg_temp.brief('{"nodes": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}, {"id": "c"}, {"id": "d", "name": 5}, 9],
	"connections": {"A": {"main": [null, [{"node": "B", "type": "main", "index": 0}, {"node": "gone"}, 1, {"node": 2}, {}], 3], "odd": "main", "empty": [[]]},
		"B": [4], "nobody": {"main": [[{"node": "A"}]]}}}');
SELECT pg_temp.brief('{"nodes": [{"id": "a", "name": "A"}], "connections": {"A": {"main": [[{"node": "A", "type": [], "index": "x"}, {"node": "A", "index": 1e5}, {"node": "A", "index": -1}]]}}}');
SELECT pg_temp.brief('{"nodes": [{"id": "a", "name": "A", "type": 1, "position": "here"}, {"id": [], "name": "B", "position": [1, "2"]}], "connections": {}}');

-- Node-RED: everything is a node, wires are edges, the number of outputs stays
SELECT pg_temp.brief('[{"id": "t", "type": "tab", "label": "Flow 1"}, {"id": "c", "type": "comment", "z": "t", "name": "note", "info": "i", "x": 5, "y": 6, "wires": []},
	{"id": "m", "type": "mqtt-broker", "host": "h"}, {"id": "s", "type": "switch", "z": "t", "x": 10, "y": 20, "wires": [["d", "s"], [], ["d"]]},
	{"id": "d", "type": "debug", "z": "t", "x": 30, "y": 20, "wires": []}]');
SELECT pg_temp.import('{"rev": "1", "flows": [{"id": "a", "type": "inject", "x": 1, "y": 2, "wires": [["a"]]}]}');
SELECT pg_temp.brief('[{"id": "a", "type": "x", "wires": [["a", "gone", 1, null], 2, null]}, {"id": "a", "type": "y", "wires": "w"}, {"type": "x", "x": 1, "y": "2", "wires": [["a"]]},
	{"type": "x", "wires": {}}, {"id": {}, "type": null}, 5, null, [6]]');

-- Step Functions: states by name, branches one in another, names used again in another branch
SELECT pg_temp.brief('{"Comment": "c", "StartAt": "Choose", "States": {
	"Choose": {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "All"}, {"Not": {"Variable": "$.b", "IsNull": true}, "Next": "Each"}], "Default": "Stop"},
	"All": {"Type": "Parallel", "Next": "Each", "Branches": [{"StartAt": "Work", "States": {"Work": {"Type": "Task", "Next": "Rest", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Rest"}]}, "Rest": {"Type": "Wait", "Seconds": 5, "End": true}}},
		{"StartAt": "Work", "States": {"Work": {"Type": "Pass", "End": true}}, "Comment": "second"}]},
	"Each": {"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Work", "States": {"Work": {"Type": "Pass", "End": true}}}, "Next": "Stop"},
	"Alone": {"Type": "Succeed"}, "Stop": {"Type": "Fail", "Error": "e"}}}');
-- what leads nowhere stays where it was
SELECT pg_temp.brief('{"StartAt": "Gone", "States": {"A": {"Type": "Task", "Next": "Gone", "Catch": [{"Next": 5}, 6, {"Next": "A"}], "Choices": "none", "Default": null}, "B": 7,
	"C": {"Type": 8, "Branches": [9, {"States": 10}, {"States": {"X": 11}, "StartAt": "X"}], "Iterator": {"StartAt": "A", "States": {"A": {"Next": "C"}}}}}}');

-- formats: known by what only they have
SELECT f, left(d::text, 60) AS document, left(regexp_replace(pg_temp.import(d, f), '\s+', ' ', 'g'), 70) AS result
FROM unnest(ARRAY['{}', '[]', 'null', '1', '"x"', '[1]', '[{"id": "a"}]', '{"nodes": []}', '{"nodes": {}, "edges": []}', '{"nodes": [], "edges": {}}', '{"nodes": [], "connections": []}',
	'{"nodes": [], "edges": [], "connections": {}}', '{"nodes": [], "edges": [], "States": {}}', '{"States": []}', '{"States": {}}', '{"flows": {}}', '{"flows": []}']::jsonb[]) WITH ORDINALITY d (d, n),
	unnest(ARRAY['auto', 'react_flow', 'n8n', 'node_red', 'step_functions']) WITH ORDINALITY f (f, m)
ORDER BY n, m;
SELECT wrk.blueprint_import('{}', 'visio');
SELECT wrk.blueprint_import('{}');
SELECT wrk.blueprint_import('{"nodes": [], "edges": [], "flows": []}');
SELECT wrk.blueprint_import('{"nodes": 1}', 'n8n');
SELECT wrk.blueprint_export('{"nodes": []}', 'n8n');
SELECT wrk.blueprint_export('[]');
SELECT wrk.blueprint_export('{}'), wrk.blueprint_import(NULL), wrk.blueprint_import('{}', NULL);

-- the ids that are made are those of RFC 9562, version 5: what other languages would make of the same name
SELECT i->>'id' ~ '^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', i->>'id'
FROM jsonb_array_elements(wrk.blueprint_import('{"StartAt": "A", "States": {"A": {}}}')->'nodes') i;

-- hostile: twenty thousand of a name and an id, names as long as documents, deep ones, all at once connected to all
CREATE FUNCTION pg_temp.counted(document jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s nodes, %s edges, %s problems, %s', jsonb_array_length(i->'nodes'), jsonb_array_length(i->'edges'),
		coalesce(jsonb_array_length(i->'metadata'->'problems'), 0),
		CASE WHEN wrk.blueprint_import(i)::text = i::text AND wrk.blueprint_validate(i, '{"nodes": 100000, "node_bytes": 1000000000, "document_bytes": 1000000000, "depth": 100000}') = '[]' THEN 'sound' END)
	FROM wrk.blueprint_import(document) i
$$;
SELECT pg_temp.counted(jsonb_build_object('connections', '{}'::jsonb, 'nodes', (SELECT jsonb_agg('{"id": "x", "name": "A"}'::jsonb) FROM generate_series(1, 20000))));
SELECT pg_temp.counted((SELECT jsonb_agg('{"id": "x", "type": "t", "wires": [["x", "y"]]}'::jsonb) FROM generate_series(1, 20000)));
SELECT pg_temp.counted(jsonb_build_object('edges', (SELECT jsonb_agg('{"id": 1, "source": 1, "target": 2}'::jsonb) FROM generate_series(1, 20000)), 'nodes', (SELECT jsonb_agg('{"id": 1}'::jsonb) FROM generate_series(1, 20000))));
SELECT pg_temp.counted(jsonb_build_object('nodes', jsonb_build_array(jsonb_build_object('id', repeat('i', 100000), 'name', repeat('n', 100000))),
	'connections', jsonb_build_object(repeat('n', 100000), jsonb_build_object('main', jsonb_build_array((SELECT jsonb_agg('{"node": "gone"}'::jsonb) FROM generate_series(1, 1000))), repeat('k', 100000), '[[{}]]'::jsonb))));
SELECT pg_temp.counted(jsonb_build_array(jsonb_build_object('type', 't', 'id', repeat('i', 100000), 'wires', jsonb_build_array((SELECT jsonb_agg('b'::text) FROM generate_series(1, 1000)))), '{"id": "b", "type": "t"}'::jsonb));
SELECT pg_temp.counted(jsonb_build_object('nodes', (SELECT jsonb_agg(jsonb_build_object('name', 'n' || i)) FROM generate_series(20000, 1, -1) i),
	'connections', (SELECT jsonb_object_agg('n' || i, '{"main": [[{"node": "n1"}, {}]]}'::jsonb) FROM generate_series(1, 20000) i)));
SELECT pg_temp.counted(('{"StartAt": "S", "States": ' || repeat('{"S": {"Type": "Map", "Iterator": {"StartAt": "S", "States": ', 500) || '{"S": {}}' || repeat('}}}', 500) || '}')::jsonb);
SELECT pg_temp.counted(jsonb_build_object('edges', '[]'::jsonb, 'nodes', jsonb_build_array(jsonb_build_object('id', 1, 'data', jsonb_build_object('deep', (repeat('[', 3000) || repeat(']', 3000))::jsonb)))));

-- who may call it
SELECT role, has_function_privilege(role, f, 'EXECUTE') FROM unnest(ARRAY['public', 'wrk_member', 'wrk_service']) role,
	unnest(ARRAY['wrk.blueprint_import(jsonb,text)', 'wrk.blueprint_export(jsonb,text)']) f ORDER BY f, role;
