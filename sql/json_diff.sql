-- JSON patches from two documents: they lead from one to the other, and are short.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set random :abs_srcdir '/regress/json_random.sql'

-- the patch, and whether it does what it says, to the byte
CREATE FUNCTION pg_temp.right(a jsonb, b jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT wrk.json_patch(a, wrk.json_diff(a, b))::text = b::text
$$;
CREATE FUNCTION pg_temp.show(VARIADIC documents text[]) RETURNS TABLE (a text, b text, patch jsonb, is_right boolean) LANGUAGE sql AS $$
	SELECT documents[i], documents[i + 1], wrk.json_diff(documents[i]::jsonb, documents[i + 1]::jsonb),
		pg_temp.right(documents[i]::jsonb, documents[i + 1]::jsonb)
	FROM generate_series(1, cardinality(documents), 2) i
$$;

-- ---------- values and objects ----------

SELECT * FROM pg_temp.show(
	'{"a": 1}', '{"a": 1}',
	'1', '"1"',
	'1', '1.0',
	'{}', '[]',
	'{"a": 1}', '{"a": null}',
	'{"a": null}', '{}',
	'{"a": 1, "b": 1, "c": 1}', '{"a": 2, "b": 1, "d": 3}',
	'{"a": {"b": {"c": 1, "d": 2}}}', '{"a": {"b": {"c": 1, "d": 3}}}',
	'{"": 1, "a/b": {"~": 1}}', '{"": 2, "a/b": {"~": 2}}');
-- a member that only has another name now
SELECT * FROM pg_temp.show(
	'{"old": [1, 2, 3], "k": 1}', '{"new": [1, 2, 3], "k": 1}',
	'{"a": 1, "b": 1}', '{"c": 1, "d": 1, "e": 1}');

-- ---------- arrays of elements with ids ----------

SELECT * FROM pg_temp.show(
	'[{"id": 1}, {"id": 2}, {"id": 3}]', '[{"id": 3}]',
	'[{"id": 1}, {"id": 2}]', '[{"id": 0}, {"id": 1}, {"id": 5}, {"id": 2}, {"id": 9}]',
	'[{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d"}]', '[{"id": "d"}, {"id": "a"}, {"id": "b"}, {"id": "c"}]',
	'[{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d"}]', '[{"id": "d"}, {"id": "c"}, {"id": "b"}, {"id": "a"}]',
	'[{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d"}]', '[{"id": "c", "v": 1}, {"id": "x"}, {"id": "a"}, {"id": "d", "v": 2}]',
	'[{"id": 1}, {"id": "1"}]', '[{"id": "1"}, {"id": 1}]',
	'[]', '[{"id": 1}]',
	'[{"id": 1}]', '[]',
	'[{"id": 1, "in": [{"id": 1}, {"id": 2}]}]', '[{"id": 1, "in": [{"id": 2}, {"id": 1, "v": 1}]}]');

-- ---------- other arrays ----------

SELECT * FROM pg_temp.show(
	'[1, 2, 3]', '[1, 5, 3]',
	'[1, 2, 3, 4, 5]', '[1, 4, 5]',
	'[1, 2, 3]', '[0, 1, 9, 2, 3, 4]',
	'[1, 2, 3, 4]', '[4, 1, 2, 3]',
	'[1, 1, 1, 1]', '[1, 1]',
	'["a", "b", "c", "a", "b", "b", "a"]', '["c", "b", "a", "b", "a", "c"]',
	'[{"x": 1, "y": [1]}, 2, {"x": 3}]', '[{"x": 1, "y": [1, 2]}, 2, {"x": 4}]',
	'[{"id": 1}, {"id": 1}]', '[{"id": 1}, {"id": 2}, {"id": 1}]',
	'[[1, 2], [3, 4]]', '[[1, 2], [3, 5]]');

-- ---------- what is shorter said whole ----------

SELECT wrk.json_diff(jsonb_agg(i), jsonb_agg(-i)) AS patch
FROM generate_series(1, 20) i;
SELECT jsonb_array_length(wrk.json_diff(jsonb_object_agg('a' || i, i), jsonb_object_agg('b' || i, -i))) AS operations FROM generate_series(1, 100) i;

-- ---------- laws, on documents at random ----------

\i :random
SELECT setseed(0.75) \g /dev/null
CREATE TEMP TABLE pair AS
SELECT a, CASE WHEN i % 10 = 0 THEN pg_temp.random_doc(4) ELSE pg_temp.random_changes(a, 1 + i % 9) END AS b
FROM (SELECT i, pg_temp.random_doc(4) AS a FROM generate_series(1, 2500) i OFFSET 0) t;

SELECT count(*) > 2000 AS enough, count(*) FILTER (WHERE wrk.json_diff(a, b) @> '[{"op": "move"}]') > 100 AS many_move,
	avg(jsonb_array_length(wrk.json_diff(a, b))) > 2 AS with_many_operations
FROM pair WHERE a::text <> b::text;
SELECT 'a patch leads to the other document' AS broken, a, b FROM pair WHERE NOT pg_temp.right(a, b);
SELECT 'and back' AS broken, a, b FROM pair WHERE NOT pg_temp.right(b, a);
SELECT 'what is the same needs no patch' AS broken, a, b FROM pair WHERE (wrk.json_diff(a, b) = '[]') <> (a::text = b::text);
SELECT 'no patch is much longer than the document' AS broken, a, b FROM pair
WHERE octet_length(wrk.json_diff(a, b)::text) > 2 * octet_length(b::text) + 600;

-- arrays alone: few values that occur often, elements with ids in any order
CREATE TEMP TABLE arrays AS
SELECT COALESCE(jsonb_agg(CASE WHEN i % 3 = 0 THEN to_jsonb(floor(random() * 4)) ELSE jsonb_build_object('id', k) END), '[]') AS a, i
FROM generate_series(1, 2000) i LEFT JOIN LATERAL (SELECT k FROM generate_series(1, 20) k WHERE random() < 0.5 AND i > 0 ORDER BY random()) r ON true
GROUP BY i;
SELECT count(*) AS pairs, count(*) FILTER (WHERE pg_temp.right(x.a, y.a)) AS are_right,
	count(*) FILTER (WHERE jsonb_array_length(wrk.json_diff(x.a, y.a)) <= greatest(jsonb_array_length(x.a), jsonb_array_length(y.a))
		+ jsonb_array_length(y.a)) AS short_enough
FROM arrays x JOIN arrays y ON y.i = x.i + 3;

-- ---------- sizes: nothing here may take long ----------

CREATE FUNCTION pg_temp.nodes(a integer, b integer, v text DEFAULT 'v') RETURNS jsonb LANGUAGE sql AS $$
	SELECT COALESCE(jsonb_agg(jsonb_build_object('id', i, 'label', v || i, 'position', jsonb_build_object('x', i, 'y', -i)) ORDER BY i), '[]') FROM generate_series(a, b) i
$$;
CREATE FUNCTION pg_temp.measure(name text, a jsonb, b jsonb) RETURNS TABLE (what text, operations integer, is_right boolean) LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz := clock_timestamp();
	patch jsonb := wrk.json_diff(a, b);
BEGIN
	IF clock_timestamp() - start > interval '2 s' THEN
		RAISE WARNING '% took %', name, clock_timestamp() - start;
	END IF;
	RETURN QUERY SELECT name, jsonb_array_length(patch), wrk.json_patch(a, patch)::text = b::text;
END
$$;
SELECT m.* FROM pg_temp.nodes(1, 5000) n, LATERAL (
	SELECT jsonb_agg(e ORDER BY o) AS fewer FROM jsonb_array_elements(n) WITH ORDINALITY t (e, o) WHERE o % 100 <> 0) f,
	pg_temp.measure('50 of 5,000 deleted', n, fewer) m;
SELECT m.* FROM pg_temp.nodes(1, 5000) n, LATERAL (
	SELECT jsonb_agg(e ORDER BY o) AS fewer FROM jsonb_array_elements(n - 17) WITH ORDINALITY t (e, o) WHERE o % 100 <> 0) f,
	pg_temp.measure('the same in an object, and others changed', jsonb_build_object('nodes', n, 'k', 1),
	jsonb_build_object('nodes', jsonb_set(fewer, '{4000,label}', '"new"') || pg_temp.nodes(6000, 6010), 'k', 2)) m;
SELECT m.* FROM pg_temp.nodes(1, 20000) n, LATERAL (
	SELECT jsonb_agg(e ORDER BY o DESC) AS reversed FROM jsonb_array_elements(n) WITH ORDINALITY t (e, o)) r,
	pg_temp.measure('20,000 the other way round', n, reversed) m;
SELECT m.* FROM pg_temp.nodes(1, 5000) n, LATERAL (
	SELECT jsonb_agg(e ORDER BY o % 2, o) AS unshuffled FROM jsonb_array_elements(n) WITH ORDINALITY t (e, o)) r,
	pg_temp.measure('every second of 5,000 last', n, unshuffled) m;
SELECT m.* FROM (SELECT jsonb_agg(i) AS a FROM generate_series(1, 100000) i) t, pg_temp.measure('100,000 numbers, a few changed',
	a, jsonb_set(a - 99000 - 50000 - 500, '{7}', '"x"') || '[1, 2]') m;
SELECT m.* FROM (SELECT jsonb_agg(i % 2) AS a, jsonb_agg(i % 3) AS b FROM generate_series(1, 50000) i) t, pg_temp.measure('50,000 times the same few', a, b) m;
SELECT m.* FROM (SELECT jsonb_agg(i % 2000) AS a, jsonb_agg((i * 7 + i / 2000) % 2000) AS b FROM generate_series(1, 50000) i) t, pg_temp.measure('50,000 in another order', a, b) m;
SELECT m.* FROM (SELECT jsonb_object_agg(i, jsonb_build_object('t', repeat('t', 100), 'v', i)) AS a,
		jsonb_object_agg(i, jsonb_build_object('t', repeat('t', 100), 'v', -i)) AS b FROM generate_series(1, 100001) i) t,
	pg_temp.measure('more operations than a patch may have', a, b) m;
SELECT m.* FROM pg_temp.measure('deep', (repeat('{"a":[', 1500) || '1' || repeat(']}', 1500))::jsonb, (repeat('{"a":[', 1500) || '2' || repeat(']}', 1500))::jsonb) m;
