-- Merging blueprints: who wins, what is no conflict, and what becomes of edges.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set vectors :abs_srcdir '/regress/vectors/blueprint_merge.json'
\set random :abs_srcdir '/regress/json_random.sql'

-- ---------- vectors ----------

SELECT count(*) AS vectors, count(*) FILTER (WHERE is_right) AS are_right, string_agg(name, ', ') FILTER (WHERE NOT is_right) AS wrong
FROM (SELECT v->>'name' AS name, wrk.blueprint_merge(v->'base', v->'ours', v->'theirs', v->'options')::text
		= (v - '{name,base,ours,theirs,options}'::text[])::text AS is_right
	FROM jsonb_array_elements(pg_read_file(:'vectors')::jsonb) v) r;

CREATE TEMP TABLE t AS SELECT '{
	"nodes": [
		{"id": "a", "position": {"x": 1, "y": 1}, "data": {"label": "A"}},
		{"id": "b", "position": {"x": 2, "y": 1}, "data": {"label": "B", "steps": [{"id": 1, "do": "x"}, {"id": 2, "do": "y"}]}},
		{"id": "c", "position": {"x": 3, "y": 1}, "data": {}}],
	"edges": [
		{"id": "ab", "source": "a", "target": "b"},
		{"id": "bc", "source": "b", "target": "c"}],
	"metadata": {"name": "one", "selected": 1}}'::jsonb AS b;

-- each side a diff of the base; the conflicts are shown one a line
CREATE FUNCTION pg_temp.merged(ours jsonb, theirs jsonb, options jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT wrk.blueprint_merge(b, wrk.blueprint_patch(b, ours), wrk.blueprint_patch(b, theirs), options) FROM t
$$;
CREATE FUNCTION pg_temp.show(ours jsonb, theirs jsonb, options jsonb DEFAULT '{}') RETURNS TABLE (what text, value jsonb) LANGUAGE sql AS $$
	SELECT 'result' AS what, wrk.blueprint_diff(b, m->'result', '{"ui": []}') FROM t, pg_temp.merged(ours, theirs, options) m
	UNION ALL SELECT 'conflict', c FROM pg_temp.merged(ours, theirs, options) m, jsonb_array_elements(m->'conflicts') c
	UNION ALL SELECT 'dropped', m->'dropped_edges' FROM pg_temp.merged(ours, theirs, options) m WHERE m->'dropped_edges' <> '[]'
$$;

-- ---------- policies ----------

\set ours '{"nodes": {"updated": [{"id": "a", "set": [[["data", "label"], "ours"], [["data", "o"], 1]]}]}}'
\set theirs '{"nodes": {"updated": [{"id": "a", "set": [[["data", "label"], "theirs"], [["data", "t"], 1]]}]}}'
SELECT * FROM pg_temp.show(:'ours', :'theirs');
SELECT * FROM pg_temp.show(:'ours', :'theirs', '{"policy": "lww"}');
SELECT * FROM pg_temp.show(:'ours', :'theirs', '{"policy": "ours"}');
SELECT * FROM pg_temp.show(:'ours', :'theirs', '{"policy": "report"}');
SELECT * FROM pg_temp.show(:'ours', :'theirs', '{"policy": "strict"}');
SELECT * FROM pg_temp.show(:'ours', '{"nodes": {"updated": [{"id": "a", "set": [[["position", "x"], 9]]}]}}', '{"policy": "strict"}');

-- ---------- delete against edit ----------

\set drop_c '{"nodes": {"deleted": ["c"]}, "edges": {"deleted": ["bc"]}}'
\set edit_c '{"nodes": {"updated": [{"id": "c", "set": [[["data", "label"], "C"]]}]}}'
SELECT * FROM pg_temp.show(:'drop_c', :'edit_c');
SELECT * FROM pg_temp.show(:'edit_c', :'drop_c');
SELECT * FROM pg_temp.show(:'edit_c', :'drop_c', '{"policy": "ours"}');

-- ---------- nested arrays and order ----------

SELECT * FROM pg_temp.show(
	'{"nodes": {"updated": [{"id": "b", "in": [{"path": ["data", "steps"], "updated": [{"id": 1, "set": [[["do"], "z"]]}], "order": [[2, null]]}]}]}}',
	'{"nodes": {"updated": [{"id": "b", "in": [{"path": ["data", "steps"], "updated": [{"id": 1, "set": [[["how"], "well"]]}], "added": [{"id": 3}]}]}]}}');
SELECT * FROM pg_temp.show('{"nodes": {"order": [["c", null]]}}', '{"nodes": {"order": [["a", "b"]]}}');

-- ---------- UI-only members ----------

\set select_a '{"nodes": {"updated": [{"id": "a", "set": [[["selected"], true], [["data", "selected"], true]]}]}}'
\set unselect_a '{"nodes": {"updated": [{"id": "a", "set": [[["selected"], false], [["data", "selected"], false]]}]}}'
-- theirs win whatever the policy
SELECT * FROM pg_temp.show(:'select_a', :'unselect_a', '{"policy": "ours"}');
SELECT * FROM pg_temp.show(:'select_a', :'unselect_a', '{"policy": "strict"}');
SELECT * FROM pg_temp.show(:'select_a', :'unselect_a', '{"policy": "ours", "ui": []}');
SELECT * FROM pg_temp.show(:'select_a', :'unselect_a', '{"policy": "ours", "ui": [["data", "selected"]]}');
-- who only selects a node does not keep it from being deleted, nor its data
SELECT * FROM pg_temp.show(:'select_a', '{"nodes": {"deleted": ["a"]}, "edges": {"deleted": ["ab"]}}', '{"policy": "strict"}');
SELECT * FROM pg_temp.show('{"nodes": {"deleted": ["a"]}, "edges": {"deleted": ["ab"]}}', :'select_a', '{"policy": "strict"}');
SELECT * FROM pg_temp.show(:'select_a', '{"nodes": {"updated": [{"id": "a", "unset": [["data"]]}]}}', '{"policy": "strict"}');
SELECT * FROM pg_temp.show(:'select_a', '{"meta": {"unset": [["nodes"], ["edges"]]}}', '{"policy": "strict"}');
-- added by both, the same but for that
SELECT * FROM pg_temp.show('{"nodes": {"added": [{"id": "n", "selected": true}]}}', '{"nodes": {"added": [{"id": "n", "dragging": true}]}}', '{"policy": "strict"}');
-- the same name elsewhere is no UI-only member
SELECT * FROM pg_temp.show('{"meta": {"set": [[["metadata", "selected"], 2]]}}', '{"meta": {"set": [[["metadata", "selected"], 3]]}}');
SELECT * FROM pg_temp.show('{"nodes": {"updated": [{"id": "a", "set": [[["style"], {"selected": 1}]]}]}}',
	'{"nodes": {"updated": [{"id": "a", "set": [[["style"], {"selected": 2}]]}]}}');
-- nor is an element that happens to have it for an id
WITH d AS (SELECT v, jsonb_build_object('nodes', jsonb_build_array(jsonb_build_object('id', 'n', 'data',
		jsonb_build_array(jsonb_build_object('id', 'selected', 'v', v))))) AS doc FROM generate_series(1, 3) v)
SELECT wrk.blueprint_merge((SELECT doc FROM d WHERE v = 1), (SELECT doc FROM d WHERE v = 2), (SELECT doc FROM d WHERE v = 3))->'conflicts';

-- ---------- edges whose node is gone ----------

\set drop_b '{"nodes": {"deleted": ["b"]}, "edges": {"deleted": ["ab", "bc"]}}'
\set add_edges '{"edges": {"added": [{"id": "bb", "source": "b", "target": "b"}, {"id": "ac", "source": "a", "target": "c"}, {"id": "cb", "source": "c", "target": "b"}]}}'
SELECT * FROM pg_temp.show(:'drop_b', :'add_edges');
SELECT * FROM pg_temp.show(:'add_edges', :'drop_b');
SELECT * FROM pg_temp.show(:'add_edges', :'drop_b', '{"policy": "strict"}');
-- both of its nodes, each by another
SELECT * FROM pg_temp.show('{"nodes": {"deleted": ["a"]}, "edges": {"deleted": []}}', '{"nodes": {"deleted": ["b"]}}');
-- an edge to nowhere that never led anywhere is not ours to drop
SELECT * FROM pg_temp.show('{"edges": {"added": [{"id": "x", "source": "nobody", "target": 1}, {"id": "y"}]}}', :'edit_c');
-- nodes that the winner restored keep their edges
SELECT * FROM pg_temp.show('{"nodes": {"deleted": ["c"]}}', :'edit_c');
-- numbers are not strings
SELECT wrk.blueprint_merge('{"nodes": [{"id": 1}, {"id": "1"}]}', '{"nodes": [{"id": "1"}]}',
	'{"nodes": [{"id": 1}, {"id": "1"}], "edges": [{"id": 1, "source": 1, "target": "1"}, {"id": 2, "source": "1", "target": "1"}]}');

-- ---------- options ----------

SELECT pg_temp.merged('{}', '{}', '{"policy": "theirs"}');
SELECT pg_temp.merged('{}', '{}', '{"policy": null}');
SELECT pg_temp.merged('{}', '{}', '{"police": "lww"}');
SELECT pg_temp.merged('{}', '{}', '{"ui": "selected"}');
SELECT pg_temp.merged('{}', '{}', '[]');

-- ---------- laws, on documents at random ----------

\i :random
SELECT setseed(0.5) \g /dev/null
CREATE FUNCTION pg_temp.random_edges() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_agg(jsonb_build_object('id', i, 'source', pg_temp.random_id(), 'target', pg_temp.random_id()))
	FROM generate_series(1, 5) i
$$;
CREATE TEMP TABLE triple AS
SELECT b, pg_temp.random_changes(b, 1 + i % 4) AS x, pg_temp.random_changes(b, 1 + i / 4 % 4) AS y
FROM (SELECT i, jsonb_build_object('nodes', pg_temp.random_doc(3), 'edges', pg_temp.random_edges(), 'a', pg_temp.random_doc(2)) AS b
	FROM generate_series(1, 2000) i OFFSET 0) t;
-- keys that changes at random may have for UI-only
\set ui '{"ui": ["a", ["data", "b"]]}'

SELECT count(*) FILTER (WHERE m->'dropped_edges' <> '[]') > 50 AS some_drop_edges, count(*) FILTER (WHERE m->'conflicts' <> '[]') > 300 AS many_in_conflict
FROM triple, wrk.blueprint_merge(b, x, y, :'ui') m;

-- whether it has edges to nodes that others have and it has not
CREATE FUNCTION pg_temp.dangling(doc jsonb, VARIADIC others jsonb[]) RETURNS boolean LANGUAGE sql AS $$
	SELECT bool_or(wrk.blueprint_merge(o, doc, doc)->'dropped_edges' <> '[]') FROM unnest(others) o
$$;
SELECT 'a side that did nothing changes nothing' AS broken, b, x FROM triple
WHERE NOT pg_temp.dangling(x, b) AND ((wrk.blueprint_merge(b, b, x, :'ui')->'result')::text <> x::text
	OR (wrk.blueprint_merge(b, x, b, :'ui')->'result')::text <> x::text OR (wrk.blueprint_merge(b, x, x, :'ui')->'result')::text <> x::text);
SELECT 'the winner decides, not the side' AS broken, b, x, y FROM triple
WHERE (wrk.blueprint_merge(b, x, y, '{"policy": "ours", "ui": []}')->'result')::text
	<> (wrk.blueprint_merge(b, y, x, '{"policy": "lww", "ui": []}')->'result')::text;
SELECT 'a node that was and is no more has no edge' AS broken, b, x, y FROM triple, wrk.blueprint_merge(b, x, y) m
WHERE pg_temp.dangling(m->'result', b, x, y);
SELECT 'what differs in UI-only members is in no conflict' AS broken, b, x, y FROM triple
WHERE wrk.blueprint_strip(x, :'ui')::text = wrk.blueprint_strip(y, :'ui')::text AND wrk.blueprint_merge(b, x, y, :'ui')->'conflicts' <> '[]'
	AND NOT pg_temp.dangling(x, b, y) AND NOT pg_temp.dangling(y, b, x);
SELECT 'report is ours' AS broken, b, x, y FROM triple
WHERE wrk.blueprint_merge(b, x, y, '{"policy": "ours"}')::text <> wrk.blueprint_merge(b, x, y, '{"policy": "report"}')::text;
