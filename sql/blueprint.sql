-- Blueprints: what a diff says, that it can be applied and undone, and what is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never

-- ---------- what a diff says ----------

CREATE FUNCTION pg_temp.element(id text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object('id', id) || more;
CREATE FUNCTION pg_temp.nodes(VARIADIC ids text[]) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object('nodes', (SELECT coalesce(jsonb_agg(pg_temp.element(i)), '[]') FROM unnest(ids) i));

SELECT wrk.blueprint_diff('{"nodes": [{"id": "a"}]}', '{"nodes": [{"id": "a"}]}') AS nothing;
SELECT wrk.blueprint_diff(pg_temp.nodes('a', 'b'), pg_temp.nodes('b', 'c')) AS added_and_deleted;
SELECT wrk.blueprint_diff(
	'{"nodes": [{"id": "a", "type": "llm", "data": {"prompt": "hi", "old": 1, "list": [1, 2]}}]}',
	'{"nodes": [{"id": "a", "type": null, "data": {"prompt": "ho", "new": {}, "list": [1, 2, 3]}}]}') AS members_are_set_and_unset;
SELECT wrk.blueprint_diff(
	'{"nodes": [{"id": "a", "data": {"tools": [{"id": 1, "on": true}, {"id": 2}]}}]}',
	'{"nodes": [{"id": "a", "data": {"tools": [{"id": 2}, {"id": 1, "on": false}, {"id": 3}]}}]}') AS keyed_arrays_inside;
SELECT wrk.blueprint_diff(
	'{"name": "x", "viewport": {"x": 1, "zoom": 2}, "tags": [1], "meta": [{"id": 1}], "nodes": []}',
	'{"name": "y", "viewport": {"x": 1}, "tags": [2], "meta": [{"id": 1}, {"id": 2}], "edges": []}') AS all_else_is_meta;
SELECT wrk.blueprint_diff('{"nodes": [{"id": 1}, {"id": "1"}]}', '{"nodes": [{"id": 1.0}, {"id": "1"}]}') AS ids_are_bytes;
SELECT wrk.blueprint_diff('{"nodes": [{"id": 1}, {"id": 1}]}', '{"nodes": [{"id": 1}, {"id": 2}]}') AS no_collection;
SELECT b, wrk.blueprint_diff('{"nodes": [{"id": 1}]}', b) AS no_array_any_more
FROM unnest(ARRAY['{"nodes": 5}', '{"nodes": null}', '{"nodes": {"id": 1}}']::jsonb[]) b;
SELECT wrk.blueprint_diff('{"nodes": [{"id": 1, "x": 1.0}]}', '{"nodes": [{"id": 1, "x": 1.00}]}') AS numbers_are_bytes;

-- few moves, and it is what was added that moves
SELECT a, b, wrk.blueprint_diff(pg_temp.nodes(VARIADIC a), pg_temp.nodes(VARIADIC b)) #> '{nodes,order}' AS moves
FROM (VALUES
	('{a,b,c,d,e}'::text[], '{b,c,d,e,a}'::text[]),
	('{a,b,c,d,e}', '{e,a,b,c,d}'),
	('{a,b,c,d,e}', '{a,d,c,b,e}'),
	('{a,b,c}', '{a,x,b,c}'),
	('{a,b,c}', '{x,c,y,b,a}'),
	('{a,b,c}', '{c,d}')) t (a, b);

-- ---------- what makes no difference ----------

\set shown '{"nodes": [{"id": "a", "selected": true, "positionAbsolute": {"x": 1}, "data": {"selected": true, "v": 1}}], "x": {"selected": 1}}'
\set hidden '{"nodes": [{"id": "a", "dragging": true, "data": {"v": 1}}], "x": {"selected": 1}}'
SELECT wrk.blueprint_diff(:'shown', :'hidden') AS nothing,
	wrk.blueprint_diff(:'shown', :'hidden', '{"ui": ["selected", "dragging", "positionAbsolute", ["data"]]}') AS other_keys;
SELECT wrk.blueprint_diff(:'shown', :'hidden', '{"ui": []}') AS no_keys;
SELECT wrk.blueprint_diff('{"nodes": []}', :'shown') AS new_elements_go_without,
	wrk.blueprint_diff('{}', :'shown') AS new_collections_as_well;
SELECT wrk.blueprint_strip(:'shown'), wrk.blueprint_strip(:'shown', '{"ui": [["data", "v"]]}') AS other_keys;
SELECT wrk.blueprint_strip('{"nodes": [{"id": 1, "selected": true}, {"id": 1}], "meta": [{"id": 1, "selected": true}]}') AS no_collections;
SELECT wrk.blueprint_patch(:'shown', wrk.blueprint_diff(:'shown', '{"nodes": [{"id": "a", "data": {"v": 2}}]}')) AS keeps_what_is_shown;

-- ---------- there and back ----------

CREATE TEMP TABLE pair (a jsonb, b jsonb);
INSERT INTO pair VALUES
	('{}', '{"nodes": [], "meta": null}'),
	('{"nodes": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}', '{"nodes": [{"id": "c"}, {"id": "x"}, {"id": "a", "": {"": 1}}]}'),
	('{"nodes": [{"id": "a", "x/~.\"y": {"é": 1}}]}', '{"nodes": [{"id": "a", "x/~.\"y": {"é": 1.0, "😀": null}}]}'),
	('{"nodes": {"a": 1}, "edges": [{"id": 1}]}', '{"nodes": [{"id": 1}], "edges": {"a": 1}}'),
	('{"nodes": [], "edges": [], "name": []}', '{"nodes": {}, "edges": "", "name": {}}'),
	('{"nodes": [{"id": "a", "k": [{"id": 1, "k": [{"id": 1, "v": 1}]}]}]}', '{"nodes": [{"id": "a", "k": [{"id": 2}, {"id": 1, "k": [{"id": 1, "v": 2}, {"id": 0}]}]}]}'),
	(:'shown', :'hidden');
INSERT INTO pair SELECT b, a FROM pair;
SELECT bool_and(wrk.blueprint_patch(a, d)::text = b::text) AS there,
	bool_and(wrk.blueprint_patch(b, wrk.blueprint_invert(d, a))::text = a::text) AS back,
	bool_and(wrk.blueprint_strip(wrk.blueprint_patch(a, wrk.blueprint_diff(a, b)))::text = wrk.blueprint_strip(b)::text) AS but_for_what_is_shown
FROM pair, wrk.blueprint_diff(a, b, '{"ui": []}') d;

-- ---------- what is refused ----------

CREATE FUNCTION pg_temp.try(doc jsonb, diff jsonb, OUT state text, OUT message text, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
	message := wrk.blueprint_patch(doc, diff);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END
$$;
CREATE FUNCTION pg_temp.try_options(options jsonb, OUT state text, OUT message text, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
	message := wrk.blueprint_strip('{}', options);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END
$$;
\x on
\pset format unaligned

-- what is no diff
SELECT diff, (pg_temp.try('{"nodes": [{"id": "a", "v": {"w": 1}, "k": []}, {"id": "b"}], "n": {"m": 1}}', diff)).*
FROM unnest(ARRAY['[]', '1', '{"nodes": []}', '{"nodes": {"addded": []}}', '{"nodes": {"path": ["x"], "added": []}}',
	'{"nodes": {"added": {}}}', '{"nodes": {"added": [1]}}', '{"nodes": {"added": [{"id": "x"}, {}]}}',
	'{"nodes": {"added": [{"id": null}]}}', '{"nodes": {"added": [{"id": "x"}, {"id": "y"}, {"id": "x"}, {"id": "y"}]}}',
	'{"nodes": {"deleted": [null]}}', '{"nodes": {"deleted": ["a", "a"]}}', '{"nodes": {"deleted": ["a"], "updated": [{"id": "a"}]}}',
	'{"nodes": {"deleted": ["a"], "added": [{"id": "a"}]}}',
	'{"nodes": {"updated": [{"set": []}]}}', '{"nodes": {"updated": [{"id": "a"}, {"id": "a"}]}}',
	'{"nodes": {"updated": [{"id": "a", "sets": []}]}}', '{"nodes": {"updated": [{"id": "a", "set": {}}]}}',
	'{"nodes": {"updated": [{"id": "a", "set": [[["x"]]]}]}}', '{"nodes": {"updated": [{"id": "a", "set": [["x", 1]]}]}}',
	'{"nodes": {"updated": [{"id": "a", "set": [[["x"], 1], [[], 1]]}]}}', '{"nodes": {"updated": [{"id": "a", "set": [[["x", 0], 1]]}]}}',
	'{"nodes": {"updated": [{"id": "a", "set": [[["id"], "b"]]}]}}', '{"nodes": {"updated": [{"id": "a", "unset": [["id"]]}]}}',
	'{"nodes": {"updated": [{"id": "a", "set": [[["x"], 1], [["x", "y"], 1]]}]}}',
	'{"nodes": {"updated": [{"id": "a", "set": [[["v", "w"], 1]], "unset": [["v", "w"]]}]}}',
	'{"nodes": {"updated": [{"id": "a", "unset": [["v"]], "in": [{"path": ["v", "k"]}]}]}}',
	'{"nodes": {"updated": [{"id": "a", "in": [{"added": []}]}]}}', '{"nodes": {"updated": [{"id": "a", "in": [{"path": ["k"], "set": []}]}]}}',
	'{"nodes": {"updated": [{"id": "a", "in": [{"path": ["k"], "added": [{"id": 1}, {"id": true}]}]}]}}',
	'{"nodes": {"order": [["a"]]}}', '{"nodes": {"order": [["a", "a"]]}}', '{"nodes": {"order": [["a", null], ["b", "a"], ["a", "b"]]}}',
	'{"nodes": {"order": [[null, "a"]]}}', '{"nodes": {"order": [["a", false]]}}',
	'{"meta": []}', '{"meta": {"added": []}}', '{"meta": {"id": 1}}', '{"nodes": {}, "meta": {"set": [[["nodes"], []]]}}',
	'{"meta": {"set": [[["n"], 1], [["m"], 1], [["n"], 2]]}}']::jsonb[]) diff;

-- what does not fit the document
SELECT diff, (pg_temp.try('{"nodes": [{"id": "a", "v": {"w": 1}, "k": [{"id": 1}], "p": [1]}, {"id": "b"}], "n": {"m": 1}}', diff)).*
FROM unnest(ARRAY['{"edges": {"added": [{"id": "x"}]}}', '{"n": {"deleted": ["m"]}}', '{"nodes": {"deleted": ["x"]}}',
	'{"nodes": {"updated": [{"id": "b"}, {"id": 1}]}}', '{"nodes": {"added": [{"id": "x"}, {"id": "b"}]}}',
	'{"nodes": {"order": [["x", "a"]]}}', '{"nodes": {"order": [["a", "x"]]}}', '{"nodes": {"deleted": ["a"], "order": [["b", "a"]]}}',
	'{"nodes": {"updated": [{"id": "a", "unset": [["v", "x"]]}]}}', '{"nodes": {"updated": [{"id": "a", "set": [[["v", "w", "x"], 1]]}]}}',
	'{"nodes": {"updated": [{"id": "a", "set": [[["u", "w"], 1]]}]}}', '{"nodes": {"updated": [{"id": "a", "set": [[["p", "0"], 1]]}]}}',
	'{"nodes": {"updated": [{"id": "a", "in": [{"path": ["v"]}]}]}}', '{"nodes": {"updated": [{"id": "a", "in": [{"path": ["p"], "added": []}]}]}}',
	'{"nodes": {"updated": [{"id": "a", "in": [{"path": ["k"], "deleted": [1, 2]}]}]}}',
	'{"meta": {"unset": [["x"]]}}', '{"meta": {"set": [[["n", "m", "l"], 1]]}}']::jsonb[]) diff;
SELECT (pg_temp.try('[]', '{}')).*;
SELECT (pg_temp.try('{"nodes": [{"id": 1}, {"id": 1}]}', '{"nodes": {"added": [{"id": 2}]}}')).*;

-- what is no option
SELECT options, (pg_temp.try_options(options)).*
FROM unnest(ARRAY['[]', '{"uii": []}', '{"ui": {}}', '{"ui": ["a", 1]}', '{"ui": [[]]}', '{"ui": [["a", 1]]}', '{"ui": ["id"]}', '{"ui": [["id", "x"]]}']::jsonb[]) options;
\pset format aligned
\x off

-- a change on each of many levels: the diff does not grow with the square of the depth
CREATE FUNCTION pg_temp.deep(depth int, leaf int) RETURNS jsonb LANGUAGE sql
RETURN (repeat('{"v": ' || leaf || ', "d": ', depth) || leaf || repeat('}', depth))::jsonb;
SELECT length(d::text) < 100000 AS small, wrk.blueprint_patch(pg_temp.deep(2000, 1), d) = pg_temp.deep(2000, 2) AS there
FROM wrk.blueprint_diff(pg_temp.deep(2000, 1), pg_temp.deep(2000, 2)) d;

-- many members below a long key: the key is said once
CREATE FUNCTION pg_temp.wide(n int) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object(repeat('k', 100000), (SELECT jsonb_object_agg('m' || i, n) FROM generate_series(1, 3000) i));
SELECT length(d::text) < 200000 AS small, wrk.blueprint_patch(pg_temp.wide(1), d) = pg_temp.wide(2) AS there
FROM wrk.blueprint_diff(pg_temp.wide(1), pg_temp.wide(2)) d;
-- ... and what is UI-only below it still is
CREATE FUNCTION pg_temp.ui(n int) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object('nodes', jsonb_build_array(jsonb_build_object('id', 1, repeat('k', 1000), jsonb_build_object('ui', n))));
SELECT wrk.blueprint_diff(pg_temp.ui(1), pg_temp.ui(2), jsonb_build_object('ui', jsonb_build_array(jsonb_build_array(repeat('k', 1000), 'ui'))));

-- members may, everybody may not
SELECT p.proname, array_agg(a.grantee::regrole::text ORDER BY 1) FILTER (WHERE a.grantee <> p.proowner) AS may
FROM pg_proc p, aclexplode(p.proacl) a
WHERE p.pronamespace = 'wrk'::regnamespace AND p.proname IN ('blueprint_diff', 'blueprint_patch', 'blueprint_invert', 'blueprint_strip')
GROUP BY 1 ORDER BY 1;

-- what is added to a collection that is not there begins it, and is undone with it
SELECT patched, wrk.blueprint_patch(patched, wrk.blueprint_invert(d, '{}')) AS undone
FROM (SELECT d, wrk.blueprint_patch('{}', d) AS patched FROM (VALUES ('{"nodes": {"added": [{"id": "a"}, {"id": "b"}], "order": [["b", null]]}}'::jsonb)) v (d)) p;
