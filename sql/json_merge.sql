-- Three-way merges: what both sides did is there, what they did to one place is a conflict.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set vectors :abs_srcdir '/regress/vectors/json_merge.json'
\set random :abs_srcdir '/regress/json_random.sql'

-- ---------- vectors ----------

CREATE TEMP TABLE vector AS
SELECT v->>'name' AS name, v->'base' AS base, v->'ours' AS ours, v->'theirs' AS theirs,
	COALESCE(v->'ours_win', v->'result') AS ours_win, COALESCE(v->'theirs_win', v->'result') AS theirs_win,
	v->'conflicts' AS conflicts
FROM jsonb_array_elements(pg_read_file(:'vectors')::jsonb) v;

-- jsonb's own comparison takes 1.0 for 1, text does not
SELECT count(*) AS vectors,
	count(*) FILTER (WHERE wrk.json_merge(base, ours, theirs, 'ours')::text
		= jsonb_build_object('result', ours_win, 'conflicts', conflicts)::text) AS ours,
	count(*) FILTER (WHERE wrk.json_merge(base, ours, theirs, 'theirs')::text
		= jsonb_build_object('result', theirs_win, 'conflicts', conflicts)::text) AS theirs,
	count(*) FILTER (WHERE wrk.json_merge(base, ours, theirs, 'report')::text
		= wrk.json_merge(base, ours, theirs, 'ours')::text) AS report,
	count(*) FILTER (WHERE (wrk.json_merge(base, theirs, ours, 'theirs')->'result')::text = ours_win::text
		AND (wrk.json_merge(base, theirs, ours, 'ours')->'result')::text = theirs_win::text) AS swapped,
	count(DISTINCT conflicts) AS different_conflicts
FROM vector;

SELECT name, policy, wrk.json_merge(base, ours, theirs, policy)
FROM vector, unnest(ARRAY['ours', 'theirs']) policy
WHERE wrk.json_merge(base, ours, theirs, policy)::text
	<> jsonb_build_object('result', CASE policy WHEN 'ours' THEN ours_win ELSE theirs_win END, 'conflicts', conflicts)::text;

-- ---------- policy fail, which is the default ----------

SELECT wrk.json_merge('{"a": 1, "b": 1}', '{"a": 2, "b": 1}', '{"a": 1, "b": 2}');
\set VERBOSITY default
SELECT wrk.json_merge('{"a": {"b": 1}}', '{"a": {"b": 2}}', '{"a": {"b": 3}}');
SELECT wrk.json_merge('[{"id": "ä\"", "a": 1}]', '[{"id": "ä\"", "a": 2}]', '[]', 'fail');
SELECT wrk.json_merge('{"a": 1}', '{"a": 2}', '{"a": 2}', 'mine');
SELECT wrk.json_merge('1', '1', '1', NULL) IS NULL AS strict;

-- ---------- laws, on documents at random ----------

\i :random
SELECT setseed(0.25) \g /dev/null
CREATE TEMP TABLE triple AS
SELECT b, pg_temp.random_changes(b, 1 + i % 4) AS x, pg_temp.random_changes(b, 1 + i / 4 % 4) AS y
FROM (SELECT i, pg_temp.random_doc(4) AS b FROM generate_series(1, 3000) i OFFSET 0) t;

CREATE FUNCTION pg_temp.result(b jsonb, x jsonb, y jsonb, policy text DEFAULT 'fail') RETURNS text
LANGUAGE sql AS $$ SELECT (wrk.json_merge(b, x, y, policy)->'result')::text $$;
CREATE FUNCTION pg_temp.conflicts(b jsonb, x jsonb, y jsonb) RETURNS jsonb
LANGUAGE sql AS $$ SELECT wrk.json_merge(b, x, y, 'report')->'conflicts' $$;
-- the conflicts with sides exchanged, in no particular order
CREATE FUNCTION pg_temp.swapped(conflicts jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(c::text, ',' ORDER BY c::text COLLATE "C") FROM (
		SELECT (c - 'ours' - 'theirs' || CASE WHEN c ? 'theirs' THEN jsonb_build_object('ours', c->'theirs') ELSE '{}' END
			|| CASE WHEN c ? 'ours' THEN jsonb_build_object('theirs', c->'ours') ELSE '{}' END
			|| jsonb_build_object('kind', CASE c->>'kind' WHEN 'edit_delete' THEN 'delete_edit'
				WHEN 'delete_edit' THEN 'edit_delete' ELSE c->>'kind' END)) AS c
		FROM jsonb_array_elements(conflicts) c) s
$$;

SELECT count(*) > 2000 AS enough, count(*) FILTER (WHERE pg_temp.conflicts(b, x, y) <> '[]') > 500 AS many_in_conflict
FROM triple WHERE x <> b AND y <> b;
SELECT kind, count(*) > 5 AS some FROM triple, jsonb_array_elements(pg_temp.conflicts(b, x, y)) c, jsonb_extract_path_text(c, 'kind') kind
GROUP BY kind ORDER BY kind COLLATE "C";

-- none of these finds anything
SELECT 'a side that did nothing changes nothing' AS broken, b, x FROM triple
WHERE pg_temp.result(b, b, x) <> x::text OR pg_temp.result(b, x, b) <> x::text OR pg_temp.result(b, x, x) <> x::text;
SELECT 'the winner decides, not the side' AS broken, b, x, y FROM triple
WHERE pg_temp.result(b, x, y, 'ours') <> pg_temp.result(b, y, x, 'theirs');
SELECT 'both sides see the same conflicts' AS broken, b, x, y FROM triple
WHERE pg_temp.swapped(pg_temp.conflicts(b, x, y))
	IS DISTINCT FROM (SELECT string_agg(c::text, ',' ORDER BY c::text COLLATE "C") FROM jsonb_array_elements(pg_temp.conflicts(b, y, x)) c);
SELECT 'disjoint changes are all there' AS broken, b, x, y FROM triple
WHERE wrk.json_merge(jsonb_build_object('l', b, 'r', b), jsonb_build_object('l', x, 'r', b), jsonb_build_object('l', b, 'r', y))::text
	<> jsonb_build_object('result', jsonb_build_object('l', x, 'r', y), 'conflicts', '[]'::jsonb)::text;
SELECT 'disjoint elements are all there' AS broken, b, x, y FROM triple,
	LATERAL (SELECT '{"id": 1}' || jsonb_build_object('v', b) AS b1, '{"id": 1}' || jsonb_build_object('v', x) AS x1,
		'{"id": "1"}' || jsonb_build_object('v', b) AS b2, '{"id": "1"}' || jsonb_build_object('v', y) AS y2) e
WHERE wrk.json_merge(jsonb_build_array(b1, b2), jsonb_build_array(x1, b2), jsonb_build_array(b1, y2))::text
	<> jsonb_build_object('result', jsonb_build_array(x1, y2), 'conflicts', '[]'::jsonb)::text;

-- ---------- sizes ----------

-- 20,000 elements, each changed by one side or the other, one half moved to the front
WITH doc AS (
	SELECT jsonb_agg(jsonb_build_object('id', i, 'v', 0) ORDER BY i) AS b,
		jsonb_agg(jsonb_build_object('id', i, 'v', CASE WHEN i % 2 = 0 THEN 1 ELSE 0 END) ORDER BY i % 2, i) AS x,
		jsonb_agg(jsonb_build_object('id', i, 'v', CASE WHEN i % 2 = 1 THEN 2 ELSE 0 END) ORDER BY i) AS y,
		jsonb_agg(jsonb_build_object('id', i, 'v', 1 + i % 2) ORDER BY i % 2, i) AS z
	FROM generate_series(1, 20000) i)
SELECT pg_temp.result(b, x, y) = z::text AS merged FROM doc;

-- as deep as a document can be read
SELECT wrk.json_merge((repeat('{"a":', 2000) || '1' || repeat('}', 2000))::jsonb, (repeat('{"a":', 2000) || '2' || repeat('}', 2000))::jsonb,
	(repeat('{"a":', 2000) || '{"b":1}' || repeat('}', 2000))::jsonb, 'theirs')->'result'
	= (repeat('{"a":', 2000) || '{"b":1}' || repeat('}', 2000))::jsonb AS deep;

-- many conflicts below a long key or id: it is said once
CREATE FUNCTION pg_temp.wide(n int) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object(repeat('k', 100000), (SELECT jsonb_object_agg('m' || i, n) FROM generate_series(1, 3000) i));
CREATE FUNCTION pg_temp.long_id(n int) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_array((SELECT jsonb_object_agg('m' || i, n) FROM generate_series(1, 3000) i) || jsonb_build_object('id', repeat('k', 100000)));
SELECT length(m::text) < 1000000 AS small, m -> 'result' = pg_temp.wide(2) AS ours, jsonb_array_length(m -> 'conflicts')
FROM wrk.json_merge(pg_temp.wide(1), pg_temp.wide(2), pg_temp.wide(3), 'report') m;
SELECT length(m::text) < 1000000 AS small, m -> 'result' = pg_temp.long_id(2) AS ours, jsonb_array_length(m -> 'conflicts')
FROM wrk.json_merge(pg_temp.long_id(1), pg_temp.long_id(2), pg_temp.long_id(3), 'report') m;
