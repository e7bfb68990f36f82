-- What must hold for whatever documents: a, and two changes of it, b and c.
--
-- Equal is what has the same bytes (*=), not what = says: 1.0 = 1.00.  A law that
-- cannot be about a pair (a blueprint is an object) holds for it.

CREATE TYPE image AS (doc jsonb);
CREATE FUNCTION same(x jsonb, y jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN ROW(x)::image *= ROW(y)::image;

-- each law by name, and whether it holds for the pair
CREATE TYPE law AS (name text, holds boolean);

CREATE FUNCTION blueprint_laws(a jsonb, b jsonb, c jsonb) RETURNS SETOF law LANGUAGE plpgsql AS $$
DECLARE
	exact CONSTANT jsonb := '{"ui": []}';
	d jsonb := wrk.blueprint_diff(a, b, exact);
	shown jsonb := wrk.blueprint_diff(a, b);
	after jsonb := wrk.blueprint_patch(a, shown);
BEGIN
	RETURN QUERY VALUES
		('blueprint: patch of the diff is the new document', same(wrk.blueprint_patch(a, d), b)),
		('blueprint: patch of the inverse is the old document', same(wrk.blueprint_patch(b, wrk.blueprint_invert(d, a)), a)),
		('blueprint: the diff is empty only for the same document', (d = '{}') = same(a, b)),
		('blueprint: no difference from itself', wrk.blueprint_diff(b, b, exact) = '{}'),
		('blueprint: a diff is written as the server writes it', same(d, d::text::jsonb) AND same(shown, shown::text::jsonb)),
		('blueprint: but for what is shown', same(wrk.blueprint_strip(after), wrk.blueprint_strip(b))),
		('blueprint: what is shown is no difference', (shown = '{}') = same(wrk.blueprint_strip(a), wrk.blueprint_strip(b))),
		('blueprint: to be undone to the byte', same(wrk.blueprint_patch(after, wrk.blueprint_invert(shown, a)), a)),
		('blueprint: nothing is left to strip', same(wrk.blueprint_strip(wrk.blueprint_strip(b)), wrk.blueprint_strip(b))
		AND wrk.blueprint_diff(wrk.blueprint_strip(b), b) = '{}' AND wrk.blueprint_diff(b, wrk.blueprint_strip(b)) = '{}'),
		('blueprint: one change after the other', same(wrk.blueprint_patch(wrk.blueprint_patch(a, d), wrk.blueprint_diff(b, c, exact)), c));
END
$$;

CREATE FUNCTION patch_laws(a jsonb, b jsonb) RETURNS SETOF law LANGUAGE plpgsql AS $$
DECLARE
	d jsonb := wrk.json_diff(a, b);
BEGIN
	RETURN QUERY VALUES
		('patch: patch of the diff is the new document', same(wrk.json_patch(a, d), b)),
		('patch: and back', same(wrk.json_patch(b, wrk.json_diff(b, a)), a)),
		('patch: the diff is empty only for the same document', (d = '[]') = same(a, b)),
		('patch: a diff is written as the server writes it', same(d, d::text::jsonb));
END
$$;

-- a merge patch cannot say that a member shall be null
CREATE FUNCTION merge_patch_laws(a jsonb, b jsonb) RETURNS SETOF law LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY VALUES
		('merge patch: patch of the diff is the new document',
		b @? 'lax $.**.* ? (@ == null)' OR same(wrk.json_merge_patch(a, wrk.json_merge_diff(a, b)), b)),
		('merge patch: applying it again changes nothing',
		same(wrk.json_merge_patch(wrk.json_merge_patch(a, b), b), wrk.json_merge_patch(a, b)));
END
$$;

-- ours and theirs are b and c
CREATE FUNCTION merge_laws(a jsonb, b jsonb, c jsonb) RETURNS SETOF law LANGUAGE plpgsql AS $$
DECLARE
	ours jsonb := wrk.json_merge(a, b, c, 'ours');
	report jsonb := wrk.json_merge(a, b, c, 'report');
	swapped jsonb := wrk.json_merge(a, c, b, 'theirs');
BEGIN
	RETURN QUERY VALUES
		('merge: what one side left is the other''s', same(wrk.json_merge(a, a, b) -> 'result', b)
			AND same(wrk.json_merge(a, b, a) -> 'result', b)),
		('merge: what both made is that', same(wrk.json_merge(a, b, b) -> 'result', b)),
		('merge: it does not matter which side is which', same(ours -> 'result', swapped -> 'result')
			AND jsonb_array_length(ours -> 'conflicts') = jsonb_array_length(swapped -> 'conflicts')),
		('merge: a report has ours', same(report -> 'result', ours -> 'result')),
		('merge: without conflicts nothing fails', jsonb_array_length(report -> 'conflicts') > 0
			OR same(wrk.json_merge(a, b, c) -> 'result', report -> 'result'));
END
$$;

-- ids of a keyed array, NULL if it is none
CREATE FUNCTION ids(elements jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN count(DISTINCT e -> 'id') = count(*) AND bool_and(jsonb_typeof(e -> 'id') IN ('string', 'number'))
		THEN array_agg((e -> 'id')::text) END
	FROM jsonb_array_elements(CASE jsonb_typeof(elements) WHEN 'array' THEN elements ELSE '[0]' END) e
$$;

-- edges of the document that end in a node that is in none of its nodes, but was in those
CREATE FUNCTION dangling(doc jsonb, nodes text[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT count(*) FROM jsonb_array_elements(doc -> 'edges') e
	CROSS JOIN LATERAL (VALUES (e -> 'source'), (e -> 'target')) t (node)
	WHERE node::text = ANY (nodes) AND node::text <> ALL (ids(doc -> 'nodes'))
$$;

CREATE FUNCTION blueprint_merge_laws(a jsonb, b jsonb, c jsonb) RETURNS SETOF law LANGUAGE plpgsql AS $$
DECLARE
	exact CONSTANT jsonb := '{"ui": [], "policy": "report"}';
	one jsonb := wrk.blueprint_merge(a, a, b, exact);
	other jsonb := wrk.blueprint_merge(a, b, a, exact);
	lww jsonb := wrk.blueprint_merge(a, b, c);
	report jsonb := wrk.blueprint_merge(a, b, c, '{"policy": "report"}');
	ours jsonb := wrk.blueprint_merge(a, b, c, '{"policy": "ours"}');
BEGIN
	RETURN QUERY VALUES
		('blueprint merge: what one side left is the other''s', (one -> 'dropped_edges' <> '[]' OR same(one -> 'result', b))
			AND (other -> 'dropped_edges' <> '[]' OR same(other -> 'result', b))),
		('blueprint merge: a report has ours', same(report, ours)),
		('blueprint merge: without conflicts strict is no error', report -> 'conflicts' <> '[]'
			OR same(wrk.blueprint_merge(a, b, c, '{"policy": "strict"}'), report)),
		('blueprint merge: what is dropped is a conflict', (SELECT count(*) FROM jsonb_array_elements(lww -> 'conflicts') x
			WHERE x ->> 'kind' = 'dangling_edge') = jsonb_array_length(lww -> 'dropped_edges')),
		('blueprint merge: no edge without the node it had', ids(lww #> '{result,nodes}') IS NULL OR ids(lww #> '{result,edges}') IS NULL
			OR dangling(lww -> 'result', array_cat(ids(a -> 'nodes'), array_cat(ids(b -> 'nodes'), ids(c -> 'nodes')))) = 0),
		('blueprint merge: a diff leads to it', same(lww -> 'result',
			wrk.blueprint_patch(b, wrk.blueprint_diff(b, lww -> 'result', '{"ui": []}'))));
END
$$;

CREATE FUNCTION laws(a jsonb, b jsonb, c jsonb) RETURNS SETOF law LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT * FROM patch_laws(a, b);
	RETURN QUERY SELECT * FROM merge_patch_laws(a, b);
	RETURN QUERY SELECT * FROM merge_laws(a, b, c);
	IF jsonb_typeof(a) = 'object' AND jsonb_typeof(b) = 'object' AND jsonb_typeof(c) = 'object' THEN
		RETURN QUERY SELECT * FROM blueprint_laws(a, b, c);
		RETURN QUERY SELECT * FROM blueprint_merge_laws(a, b, c);
	END IF;
END
$$;

-- names of the laws that do not hold, or the error there was; NULL if all is well
CREATE FUNCTION broken_laws(a jsonb, b jsonb, c jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	context text;
BEGIN
	RETURN (SELECT string_agg(name, '; ') FROM laws(a, b, c) WHERE holds IS NOT TRUE);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	RETURN concat_ws(' ', SQLSTATE, SQLERRM, context);
END
$$;

CREATE UNLOGGED TABLE pair (i int, a jsonb, b jsonb, c jsonb);
CREATE VIEW broken AS
SELECT p.*, b.laws FROM pair p, broken_laws(a, b, c) b (laws) WHERE b.laws IS NOT NULL;

-- what kinds of changes the pairs have, so that none is missed
CREATE VIEW coverage AS
SELECT count(*) AS pairs, round(avg(octet_length(a::text))) AS bytes,
	count(*) FILTER (WHERE d = '{}') AS same, count(*) FILTER (WHERE d @? 'lax $.*.added') AS added,
	count(*) FILTER (WHERE d @? 'lax $.*.deleted') AS deleted, count(*) FILTER (WHERE d @? 'lax $.*.updated') AS updated,
	count(*) FILTER (WHERE d @? 'lax $.*.order') AS ordered, count(*) FILTER (WHERE d @? 'lax $.*.updated.in') AS inside,
	count(*) FILTER (WHERE d @? 'lax $.*.updated.in.updated.in') AS inside_inside, count(*) FILTER (WHERE d ? 'meta') AS meta,
	count(*) FILTER (WHERE d <> wrk.blueprint_diff(a, b)) AS shown,
	count(*) FILTER (WHERE m -> 'conflicts' <> '[]') AS conflicts, count(*) FILTER (WHERE m -> 'dropped_edges' <> '[]') AS dropped
FROM pair CROSS JOIN LATERAL wrk.blueprint_diff(a, b, '{"ui": []}') d CROSS JOIN LATERAL wrk.blueprint_merge(a, b, c) m
WHERE jsonb_typeof(a) = 'object' AND jsonb_typeof(b) = 'object';
