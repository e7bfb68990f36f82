-- JSON Patch and JSON Merge Patch: what every operation does, and what is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never

-- what a call ends in: its result, or the error's state, message and detail
CREATE FUNCTION pg_temp.try(doc jsonb, patch jsonb, function text DEFAULT 'json_patch') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	result text;
	state text;
	message text;
	detail text;
BEGIN
	EXECUTE format('SELECT wrk.%I($1, $2)', function) INTO result USING doc, patch;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', state, message, detail);
END
$$;
CREATE FUNCTION pg_temp.try_all(doc jsonb, VARIADIC operations text[]) RETURNS TABLE (operation text, result text)
LANGUAGE sql AS $$
	SELECT o, pg_temp.try(doc, ('[' || o || ']')::jsonb) FROM unnest(operations) WITH ORDINALITY u (o, i) ORDER BY i
$$;

-- ---------- RFC 6902 ----------

SELECT * FROM pg_temp.try_all('{"a": {"b": 1}, "l": [1, 2, 3]}',
	'{"op": "add", "path": "/a/c", "value": null}',
	'{"op": "add", "path": "/a", "value": 2}',
	'{"op": "add", "path": "", "value": "all"}',
	'{"op": "add", "path": "/l/0", "value": 0}',
	'{"op": "add", "path": "/l/3", "value": 4}',
	'{"op": "add", "path": "/l/-", "value": [4]}',
	'{"op": "add", "path": "/-", "value": "a member of this name"}',
	'{"op": "add", "path": "/", "value": "the empty key"}',
	'{"op": "add", "path": "/01", "value": "no index"}',
	'{"op": "remove", "path": "/a/b"}',
	'{"op": "remove", "path": "/l/1"}',
	'{"op": "replace", "path": "", "value": null}',
	'{"op": "replace", "path": "/a/b", "value": {"c": []}}',
	'{"op": "replace", "path": "/l/2", "value": {}}',
	'{"op": "move", "from": "/a", "path": "/l/0"}',
	'{"op": "move", "from": "/l/0", "path": "/l/2"}',
	'{"op": "move", "from": "/l/0", "path": "/l/-"}',
	'{"op": "move", "from": "/l", "path": "/l"}',
	'{"op": "move", "from": "", "path": ""}',
	'{"op": "move", "from": "/a/b", "path": "/a"}',
	'{"op": "move", "from": "/a/b", "path": ""}',
	'{"op": "copy", "from": "", "path": "/a/b"}',
	'{"op": "copy", "from": "/l/0", "path": "/l/0"}',
	'{"op": "test", "path": "", "value": {"l": [1.0, 2.00, 3e0], "a": {"b": 1}}}',
	'{"op": "test", "path": "/l/1", "value": 2, "unknown": "is ignored", "from": 7}');

-- a copy is a value of its own, and so is a value that was added
SELECT wrk.json_patch('{"a": {"b": 1}}', '[{"op": "copy", "from": "/a", "path": "/c"},
	{"op": "add", "path": "/a/b", "value": {"x": []}}, {"op": "copy", "from": "/a/b", "path": "/c/d"},
	{"op": "add", "path": "/c/d/x/-", "value": 1}, {"op": "add", "path": "/a/b/x/-", "value": 2}]');

-- escapes: "~1" is "/", "~0" is "~", and nothing is unescaped twice
SELECT * FROM pg_temp.try_all('{"a/b": 1, "m~n": 2, "~1": 3, "/": 4, "": {"": 5}, " ": 6}',
	'{"op": "test", "path": "/a~1b", "value": 1}, {"op": "test", "path": "/m~0n", "value": 2},
	 {"op": "test", "path": "/~01", "value": 3}, {"op": "test", "path": "/~1", "value": 4},
	 {"op": "test", "path": "//", "value": 5}, {"op": "test", "path": "/ ", "value": 6},
	 {"op": "replace", "path": "", "value": "all were found"}',
	'{"op": "test", "path": "/a/b", "value": 1}',
	'{"op": "test", "path": "/m~n", "value": 1}',
	'{"op": "test", "path": "/m~", "value": 1}',
	'{"op": "test", "path": "/~~00", "value": 1}');

-- nothing at the path
SELECT * FROM pg_temp.try_all('{"a": {"b": 1}, "l": [1, 2, 3], "s": "text"}',
	'{"op": "add", "path": "/x/y", "value": 1}',
	'{"op": "add", "path": "/s/y", "value": 1}',
	'{"op": "add", "path": "/s/0/-", "value": 1}',
	'{"op": "add", "path": "/l/4", "value": 1}',
	'{"op": "add", "path": "/l/-1", "value": 1}',
	'{"op": "add", "path": "/l/+1", "value": 1}',
	'{"op": "add", "path": "/l/01", "value": 1}',
	'{"op": "add", "path": "/l/1e0", "value": 1}',
	'{"op": "add", "path": "/l/1.0", "value": 1}',
	'{"op": "add", "path": "/l/4294967297", "value": 1}',
	'{"op": "add", "path": "/l/18446744073709551617", "value": 1}',
	'{"op": "add", "path": "/l/", "value": 1}',
	'{"op": "add", "path": "/l/a", "value": 1}',
	'{"op": "add", "path": "/l/-/a", "value": 1}',
	'{"op": "remove", "path": "/x"}',
	'{"op": "remove", "path": "/l/3"}',
	'{"op": "remove", "path": "/l/-"}',
	'{"op": "remove", "path": "/a/b/c"}',
	'{"op": "replace", "path": "/x", "value": 1}',
	'{"op": "replace", "path": "/l/-", "value": 1}',
	'{"op": "replace", "path": "/l/3", "value": 1}',
	'{"op": "move", "from": "/x", "path": "/a"}',
	'{"op": "move", "from": "/x", "path": "/x"}',
	'{"op": "move", "from": "/a", "path": "/x/y"}',
	'{"op": "move", "from": "/l/0", "path": "/l/3"}',
	'{"op": "copy", "from": "/l/-", "path": "/l/-"}',
	'{"op": "test", "path": "/x", "value": null}');

-- a test that fails
SELECT * FROM pg_temp.try_all('{"a": {"b": 1}, "l": [1, 2, 3], "s": "1"}',
	'{"op": "test", "path": "/a", "value": {"b": 2}}',
	'{"op": "test", "path": "/a", "value": {"b": 1, "c": 1}}',
	'{"op": "test", "path": "/l", "value": [3, 2, 1]}',
	'{"op": "test", "path": "/l", "value": [1, 2]}',
	'{"op": "test", "path": "/s", "value": 1}',
	'{"op": "test", "path": "/a/b", "value": true}',
	'{"op": "test", "path": "", "value": null}');

-- what is no patch
SELECT p, pg_temp.try('{"a": 1}', p) FROM unnest(ARRAY['{}', 'null', '"add"', '[[]]', '[1]', '[null]']::jsonb[]) p;
SELECT * FROM pg_temp.try_all('{"a": {"b": 1}}',
	'{}', '{"op": 1}', '{"op": "spam"}', '{"op": "Add", "path": "/x", "value": 1}', '{"op": "add"}',
	'{"op": "add", "path": null, "value": 1}', '{"op": "add", "path": ["a"], "value": 1}',
	'{"op": "add", "path": "a", "value": 1}', '{"op": "add", "path": "#/a", "value": 1}',
	'{"op": "add", "path": "/a"}', '{"op": "replace", "path": "/a"}', '{"op": "test", "path": "/a"}',
	'{"op": "move", "path": "/a"}', '{"op": "copy", "path": "/a", "from": 1}',
	'{"op": "copy", "path": "/a", "from": "a"}',
	'{"op": "remove", "path": ""}',
	'{"op": "move", "from": "/a", "path": "/a/b"}',
	'{"op": "move", "from": "/a", "path": "/a/b/c/d"}',
	'{"op": "move", "from": "", "path": "/a"}',
	'{"op": "remove", "path": "/a/\"\u00e9\n"}');

-- the name of a sibling may begin with that of the one that moves
SELECT wrk.json_patch('{"a": 1, "ab": {}}', '[{"op": "move", "from": "/a", "path": "/ab/c"}]');

-- the index is that of the first operation in fault; what came before it leaves no trace
CREATE TEMP TABLE doc (id int, d jsonb);
INSERT INTO doc VALUES (1, '{"a": 1}');
UPDATE doc SET d = wrk.json_patch(d, '[{"op": "add", "path": "/b", "value": 1}, {"op": "remove", "path": "/a"},
	{"op": "remove", "path": "/a"}, {"op": "spam"}]');
SELECT d FROM doc;

-- a patch of a few lines that would fill the memory, and one of too many operations
SELECT pg_temp.try('["0123456789"]',
	(SELECT jsonb_agg('{"op": "copy", "from": "", "path": "/-"}'::jsonb) FROM generate_series(1, 40)));
SELECT pg_temp.try(jsonb_build_array(repeat('x', 1000000)), (SELECT jsonb_agg(o) FROM generate_series(1, 300) n,
	unnest(ARRAY['{"op": "copy", "from": "/0", "path": "/1"}', '{"op": "remove", "path": "/1"}']::jsonb[]) o));
-- ... nor can many small copies of what is open, which took twenty times their bytes
SELECT pg_temp.try(jsonb_build_array((SELECT jsonb_agg(NULL::int) FROM generate_series(1, 1000)), '[]'::jsonb), '{"op": "replace", "path": "/0/0", "value": null}'::jsonb
	|| (SELECT jsonb_agg('{"op": "copy", "from": "/0", "path": "/1/-"}'::jsonb) FROM generate_series(1, 20000)));
-- ... but a large document may be said again
SELECT jsonb_array_length(wrk.json_patch(jsonb_build_array(repeat('x', 20000000)), '[{"op": "copy", "from": "/0", "path": "/-"}, {"op": "copy", "from": "/0", "path": "/-"}]'));
SELECT pg_temp.try('[]', (SELECT jsonb_agg('{"op": "add", "path": "/-", "value": 1}'::jsonb) FROM generate_series(1, 100001)));
SELECT jsonb_array_length(wrk.json_patch('[]',
	(SELECT jsonb_agg('{"op": "add", "path": "/-", "value": 1}'::jsonb) FROM generate_series(1, 100000))));

-- however deep the document or long the pointer
SET max_stack_depth = '200kB';
SELECT left(pg_temp.try('{}', (SELECT jsonb_agg(jsonb_build_object('op', 'add', 'path', repeat('/a', n), 'value', '{}'::jsonb))
	FROM generate_series(1, 5000) n)), 40);
RESET max_stack_depth;
SELECT pg_temp.try('[]', jsonb_build_array(jsonb_build_object('op', 'test', 'path', repeat('/0', 1000000), 'value', 1))) ~ '^WK404';

-- ---------- RFC 7396 ----------

SELECT d, p, wrk.json_merge_patch(d, p) FROM (VALUES
	('{"a": 1}', '{}'), ('{"a": 1}', '{"a": null, "b": null}'), ('{"a": {"b": 1, "c": 2}}', '{"a": {"b": null, "d": {"e": null}}}'),
	('[1, {"a": 1}]', '{"a": [null, {"b": null}]}'), ('"text"', '{}'), ('{"a": [1]}', '{"a": {"x": {"y": null, "z": 1}}}'),
	('{"e": null}', '{"a": 1}'), ('{"a": 1}', 'null'), ('null', '[]')) t (x, y),
	LATERAL (SELECT x::jsonb AS d, y::jsonb AS p) u;

-- a merge patch that makes one of the other
SELECT d, e, p AS patch, wrk.json_merge_patch(d, p) = e AS back FROM (VALUES
	('{"a": 1, "b": 2}', '{"b": 3, "c": {"d": []}}'), ('{"a": {"b": {"c": 1, "d": 2}}}', '{"a": {"b": {"c": 1}}}'),
	('{"a": 1}', '{"a": 1}'), ('1', '1'), ('[1]', '[1]'), ('[1]', '{}'), ('{"a": 1}', '{"a": {}}'), ('{"a": {"b": 1}}', '{"a": {}}'),
	('{"a": null, "b": 1}', '{"a": null, "b": 2}'), ('{"a": 1}', '{"a": [null, {"b": null}]}'), ('{"a": 1}', 'null'),
	('{"a": 1.0}', '{"a": 1.00}')) t (x, y), LATERAL (SELECT x::jsonb AS d, y::jsonb AS e) u, LATERAL wrk.json_merge_diff(d, e) p;
SELECT d, e, pg_temp.try(d, e, 'json_merge_diff') FROM (VALUES ('{"a": 1}', '{"a": null}'), ('{}', '{"a": {"b": {"c/d~": null}}}'),
	('[]', '{"a": null}'), ('{"a": [1]}', '{"a": {"b": null}}')) t (x, y), LATERAL (SELECT x::jsonb AS d, y::jsonb AS e) u;

-- ---------- the bytes ----------

-- operations that build a document from nothing, a value at a time
CREATE FUNCTION pg_temp.build(doc jsonb, path text DEFAULT '') RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
	child record;
BEGIN
	IF jsonb_typeof(doc) = 'object' THEN
		RETURN NEXT jsonb_build_object('op', 'add', 'path', path, 'value', '{}'::jsonb);
		FOR child IN SELECT key, value FROM jsonb_each(doc) ORDER BY md5(key) LOOP
			RETURN QUERY SELECT pg_temp.build(child.value, path || '/' || replace(replace(child.key, '~', '~0'), '/', '~1'));
		END LOOP;
	ELSIF jsonb_typeof(doc) = 'array' THEN
		RETURN NEXT jsonb_build_object('op', 'add', 'path', path, 'value', '[]'::jsonb);
		FOR child IN SELECT value, ordinality - 1 AS i FROM jsonb_array_elements(doc) WITH ORDINALITY LOOP
			RETURN QUERY SELECT pg_temp.build(child.value, path || '/' || child.i);
		END LOOP;
	ELSE
		RETURN NEXT jsonb_build_object('op', 'add', 'path', path, 'value', doc);
	END IF;
END
$$;
-- *= compares the bytes of values, not what they mean
CREATE TYPE pg_temp.image AS (doc jsonb);
CREATE FUNCTION pg_temp.same(a jsonb, b jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT x *= y FROM (SELECT row(a)::pg_temp.image AS x, row(b)::pg_temp.image AS y) t
$$;
SELECT pg_temp.same('[1.0]', '[1.00]'), '[1.0]'::jsonb = '[1.00]'::jsonb AS equal, pg_temp.same('[1.0, {}]', '[1.0,{}]') AS of_two_texts;
-- whether the server made the same bytes of the text as we did a value at a time, and after opening every container
CREATE FUNCTION pg_temp.same_bytes(doc jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT pg_temp.same(wrk.json_patch('0', (SELECT jsonb_agg(o) FROM pg_temp.build(doc) o)), doc)
		AND pg_temp.same(wrk.json_patch(doc, (SELECT coalesce(jsonb_agg(o || '{"op": "replace"}'), '[]') FROM pg_temp.build(doc) o
			WHERE o->'value' NOT IN ('{}', '[]'))), doc)
		AND pg_temp.same(wrk.json_patch(doc, '[]'), doc)
		AND (doc @? 'strict $.** ? (@ == null)' OR pg_temp.same(wrk.json_merge_patch('{}', doc), doc))
$$;
SELECT pg_temp.same_bytes(d), left(d::text, 60) AS doc FROM unnest(ARRAY['null', 'true', 'false', '0', '-1.50', '1e400', '1e-300', '""', '"text"',
	'{}', '[]', '[[]]', '[{}]', '{"": {}}', '[[[[[]]]]]', '{"a": {"b": {"c": {}}}}', '[null, true, false]', '["a", 1, "bc", 2.5, "def", {}]',
	'{"a": "x", "bb": 1, "ccc": [1], "dddd": {"e": 1}, "eeeee": null}', '["\u00e4\u20ac\ud83d\ude00", {"\u00e4": "\n"}]']::jsonb[]) d;
-- of every so many entries one is an offset, the others are lengths
SELECT bool_and(pg_temp.same_bytes(d)), count(*) FROM generate_series(1, 100) n, LATERAL (VALUES
	((SELECT jsonb_agg(i) FROM generate_series(1, n) i)),
	((SELECT jsonb_agg(repeat('x', i % 7)) FROM generate_series(1, n) i)),
	((SELECT jsonb_agg(CASE i % 3 WHEN 0 THEN '{}' WHEN 1 THEN '"a"' ELSE '1' END::jsonb) FROM generate_series(1, n) i)),
	((SELECT jsonb_object_agg(repeat('k', i % 5) || i, i) FROM generate_series(1, n) i)),
	((SELECT jsonb_object_agg('k' || i, CASE i % 4 WHEN 0 THEN '[]' WHEN 1 THEN '"abc"' WHEN 2 THEN 'true' ELSE '[1, "a"]' END::jsonb)
		FROM generate_series(1, n) i))) v (d);
-- of any shape
CREATE FUNCTION pg_temp.any_doc(depth int) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	n int := floor(random() * random() * random() * 80);
BEGIN
	CASE floor(random() * CASE WHEN depth > 0 THEN 8 ELSE 5 END)
		WHEN 0 THEN RETURN 'null';
		WHEN 1 THEN RETURN to_jsonb(random() < 0.5);
		WHEN 2 THEN RETURN to_jsonb(round((random() * 10 ^ floor(random() * 20))::numeric, floor(random() * 9)::int));
		WHEN 3, 4 THEN RETURN to_jsonb(left(md5(random()::text), floor(random() * 33)::int));
		WHEN 5 THEN RETURN coalesce((SELECT jsonb_agg(pg_temp.any_doc(depth - 1)) FROM generate_series(1, n)), '[]');
		ELSE RETURN coalesce((SELECT jsonb_object_agg(left(md5(random()::text), ceil(random() * 12)::int), pg_temp.any_doc(depth - 1))
			FROM generate_series(1, n)), '{}');
	END CASE;
END
$$;
SELECT setseed(0.6902);
SELECT count(*) FILTER (WHERE pg_temp.same_bytes(d)) AS same, count(*), sum(length(d::text)) > 100000 AS much
FROM (SELECT pg_temp.any_doc(3) AS d FROM generate_series(1, 400)) t;
-- a value stays what it was wherever it goes
SELECT count(*) FILTER (WHERE pg_temp.same(wrk.json_patch(jsonb_build_object('a', d, 'l', '["x"]'::jsonb),
		'[{"op": "copy", "from": "/a", "path": "/l/0"}, {"op": "move", "from": "/a", "path": "/bcd"}, {"op": "move", "from": "/l", "path": "/"}]'),
	jsonb_build_object('bcd', d, '', jsonb_build_array(d, 'x')))) AS same, count(*)
FROM (SELECT pg_temp.any_doc(3) AS d FROM generate_series(1, 200)) t;
-- a merge patch made of any two documents leads from one to the other, or says why not
SELECT count(*) FILTER (WHERE pg_temp.try(d, e, 'json_merge_diff') LIKE 'WK400 %'
	OR pg_temp.same(wrk.json_merge_patch(d, wrk.json_merge_diff(d, e)), e)) AS back,
	count(*), count(*) FILTER (WHERE pg_temp.try(d, e, 'json_merge_diff') NOT LIKE 'WK400 %') > 100 AS many_have_one
FROM (SELECT pg_temp.any_doc(2) AS d, pg_temp.any_doc(2) AS e FROM generate_series(1, 300)) t;

-- ---------- who may ----------

CREATE ROLE json_patch_stranger;
SET ROLE json_patch_stranger;
SELECT wrk.json_patch('{}', '[]');
SELECT wrk.json_merge_patch('{}', '{}');
SELECT wrk.json_merge_diff('{}', '{}');
SET ROLE wrk_member;
SELECT wrk.json_patch('{}', '[]'), wrk.json_merge_patch('{}', '{}'), wrk.json_merge_diff('{}', '{}'),
	wrk.json_patch(NULL, '[]') IS NULL AS null_is_null;
RESET ROLE;
DROP ROLE json_patch_stranger;
