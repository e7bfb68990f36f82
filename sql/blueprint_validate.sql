-- Sound blueprints and what is said of others.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on

-- the problems of a document, one a line
CREATE FUNCTION pg_temp.problems(document jsonb, limits jsonb DEFAULT '{}') RETURNS SETOF jsonb LANGUAGE sql AS $$
	SELECT jsonb_array_elements(wrk.blueprint_validate(document, limits))
$$;
-- their codes, counted
CREATE FUNCTION pg_temp.codes(document jsonb, limits jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(code || ' ' || n, ', ' ORDER BY code COLLATE "C"), 'sound')
	FROM (SELECT p->>'code' AS code, count(*) AS n FROM pg_temp.problems(document, limits) p GROUP BY 1) c
$$;
CREATE FUNCTION pg_temp.check(document jsonb, limits jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM wrk.blueprint_check(document, limits);
	RETURN 'sound';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || SQLERRM || ' ' || (detail::jsonb = wrk.blueprint_validate(document, limits));
END
$$;
CREATE FUNCTION pg_temp.nested(depth int) RETURNS jsonb LANGUAGE sql AS $$
	SELECT (repeat('[', depth) || repeat(']', depth))::jsonb
$$;

-- sound: nothing at all, nothing but what we do not know, a graph, ids that are numbers, a loop, empty strings
SELECT wrk.blueprint_validate('{}'), wrk.blueprint_validate('{"nodes": [], "edges": []}'), pg_temp.check('{"a": [1, null]}');
SELECT wrk.blueprint_validate('{"nodes": [{"id": "a"}, {"id": 1}, {"id": "1"}, {"id": ""}],
	"edges": [{"id": "a", "source": "a", "target": 1}, {"id": 1, "source": "1", "target": "1"}, {"id": "", "source": "", "target": "a"}]}');

-- what is no document, no collection, no element
SELECT pg_temp.problems(d) FROM unnest(ARRAY['[]', 'null', '7', '"x"', 'true', '{"nodes": {}, "edges": null}',
	'{"nodes": [null, 1, "x", [], {}, {"id": null}, {"id": true}, {"id": []}, {"id": {}}]}',
	'{"edges": [false, {}]}']::jsonb[]) d;

-- all at once
SELECT pg_temp.problems('{"nodes": [{"id": "a"}, {"id": "a"}, {"id": 1}, {"id": "a"}, {"id": 1}, 3, {}],
	"edges": [{"id": "e", "source": "a", "target": "gone"}, {"id": "e", "source": "1", "target": 1}, {"source": null}]}');

-- an edge to a number is none to the same digits as text
SELECT pg_temp.problems('{"nodes": [{"id": "1"}], "edges": [{"id": 1, "source": 1, "target": 1.0}]}');

-- sizes are those of the binary form, and the limit itself is allowed
SELECT length(jsonb_send(d)) > 0, pg_temp.problems(d, jsonb_build_object('document_bytes', pg_column_size(d) - 1)),
	pg_temp.codes(d, jsonb_build_object('document_bytes', pg_column_size(d)))
FROM (SELECT '{"nodes": [{"id": "a", "data": "0123456789"}]}'::jsonb || '{}' AS d) t;
SELECT pg_temp.problems(d, jsonb_build_object('node_bytes', pg_column_size(d->'nodes'->0) - 5)),
	pg_temp.codes(d, jsonb_build_object('node_bytes', pg_column_size(d->'nodes'->0) - 4))
FROM (SELECT '{"nodes": [{"id": "a", "data": "0123456789"}, {"id": "b"}]}'::jsonb AS d) t;
SELECT pg_temp.problems('{"nodes": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}', '{"nodes": 2}'),
	pg_temp.codes('{"nodes": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}', '{"nodes": 3}');
-- the limits that hold if nothing is said
SELECT pg_temp.problems(jsonb_build_object('nodes', jsonb_build_array(jsonb_build_object('id', 'a', 'data', repeat('x', n)))))
FROM unnest(ARRAY[262000, 262144, 1048576]) n;
SELECT pg_temp.problems(jsonb_build_object('nodes', (SELECT jsonb_agg(jsonb_build_object('id', i)) FROM generate_series(1, n) i)))
FROM unnest(ARRAY[5000, 5001]) n;
SELECT pg_temp.codes(jsonb_build_object('a', pg_temp.nested(n))) FROM unnest(ARRAY[63, 64]) n;

-- depth: the member or the element where it is, also far below, also in arrays opened before
SELECT pg_temp.problems(jsonb_build_object('meta', jsonb_build_object('x', 1, 'y', pg_temp.nested(3)),
	'nodes', jsonb_build_array('{"id": 1}', jsonb_build_object('id', 2, 'data', jsonb_build_object('a', 1, 'b', pg_temp.nested(1))),
		jsonb_build_object('id', 3, 'data', pg_temp.nested(1)))), '{"depth": 4}');
SELECT depth, pg_temp.codes('{"nodes": [{"id": 1, "data": {}}], "edges": []}', jsonb_build_object('depth', depth)) FROM generate_series(0, 5) depth;
SELECT pg_temp.codes(jsonb_build_object('a', pg_temp.nested(3000))), pg_temp.codes(jsonb_build_object('nodes', pg_temp.nested(3000)));
SELECT pg_temp.codes(jsonb_build_object('a', pg_temp.nested(3000)), '{"depth": 3001}'), pg_temp.codes(jsonb_build_object('a', pg_temp.nested(3000)), '{"depth": 3000}');

-- a hundred are told, the others counted; sizes count though they come last
SELECT count(*), jsonb_agg(p) -> -1 FROM pg_temp.problems(jsonb_build_object('nodes', (SELECT jsonb_agg(i) FROM generate_series(1, 1000) i))) p;
SELECT pg_temp.check(jsonb_build_object('nodes', (SELECT jsonb_agg(i) FROM generate_series(1, 1000) i)), '{"nodes": 999}');
-- ids longer than a word are not repeated
SELECT p FROM pg_temp.problems(jsonb_build_object('nodes', jsonb_build_array(jsonb_build_object('id', repeat('x', 1000)), jsonb_build_object('id', repeat('x', 1000)))) ) p;

-- the check refuses: size before the rest, the problems as detail
SELECT pg_temp.check('{"nodes": [1]}'), pg_temp.check('{"nodes": [1, 2]}', '{"nodes": 1}'), pg_temp.check('{"nodes": []}', '{"document_bytes": 1}'),
	pg_temp.check('{"a": {"b": {}}}', '{"depth": 2}'), pg_temp.check('{"nodes": [{"id": 1}]}', '{"node_bytes": 1}');
SELECT wrk.blueprint_check('{"nodes": [{"id": "a"}], "edges": [{"id": "e", "source": "a", "target": "b"}]}');

-- limits that are none
CREATE FUNCTION pg_temp.try(limits jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN wrk.blueprint_validate('{}', limits);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT l, pg_temp.try(l) FROM unnest(ARRAY['[]', '1', '{"bytes": 1}', '{"nodes": "1"}', '{"nodes": -1}', '{"nodes": null}',
	'{"nodes": 2147483648}', '{"nodes": 2147483647}', '{"depth": 1e20}', '{"depth": -1e20}', '{"depth": 0.4}']::jsonb[]) l;

-- who may call it
SELECT role, has_function_privilege(role, f, 'EXECUTE') FROM unnest(ARRAY['public', 'wrk_member', 'wrk_service']) role,
	unnest(ARRAY['wrk.blueprint_validate(jsonb,jsonb)', 'wrk.blueprint_check(jsonb,jsonb)']) f ORDER BY f, role;

-- linear: twenty thousand of one id, and as many edges that lead nowhere
SELECT pg_temp.codes(jsonb_build_object('nodes', (SELECT jsonb_agg('{"id": 7}'::jsonb) FROM generate_series(1, 20000)),
	'edges', (SELECT jsonb_agg(jsonb_build_object('id', i, 'source', 7, 'target', i)) FROM generate_series(1, 20000) i)), '{"nodes": 20000, "document_bytes": 100000000}');
