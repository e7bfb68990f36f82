-- What bench/blueprint measures with: documents, edits of them, and diff and patch as they are
-- usually written in SQL.
CREATE SCHEMA bench;

-- Documents: like those of React Flow editors, deterministic, about 1.3 KB of JSON a node,
-- 0.3 KB an edge, 1.5 edges a node.

-- so many words, picked by the seed
CREATE FUNCTION bench.words(seed integer, count integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg(('{the,order,of,customer,invoice,total,when,payment,received,send,mail,to,sales,'
		'account,if,amount,exceeds,limit,ask,for,approval,from,manager,write,summary,in,german,and,attach,'
		'report,then,wait}'::text[])[1 + (hashint4(seed * 131 + i) & 31)], ' ' ORDER BY i)
	FROM generate_series(1, count) AS i
$$;

-- one input of a node's form
CREATE FUNCTION bench.input(node text, i integer, seed integer) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object('id', node || '-input-' || i, 'name', 'input' || i,
		'label', initcap(bench.words(seed + i, 2)), 'type', (ARRAY['string', 'number', 'options'])[1 + i % 3],
		'optional', i % 2 = 0, 'rows', 1 + i % 4)
$$;

-- what an editor keeps of a node for itself
CREATE FUNCTION bench.ui(place jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object('selected', false, 'dragging', false, 'positionAbsolute', place)
$$;

CREATE FUNCTION bench.node(i integer) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object('id', id, 'type', 'agentFlow', 'position', place, 'width', 175, 'height', 70,
		'data', jsonb_build_object('id', id, 'version', 1.1, 'name', 'step' || i, 'label', initcap(bench.words(i, 3)),
			'category', 'Agent Flows', 'color', '#' || lpad(to_hex(i * 7919 & 16777215), 6, '0'),
			'description', bench.words(i * 3, 14), 'baseClasses', '["Agent", "Runnable"]'::jsonb,
			'inputParams', jsonb_build_array(bench.input(id, 1, i), bench.input(id, 2, i), bench.input(id, 3, i)),
			'inputs', jsonb_build_object('model', 'large', 'temperature', trim_scale(i % 10 / 10.0), 'memory', i % 2 = 0,
				'prompt', bench.words(i * 5, 40), 'tools', jsonb_build_array('search', 'mail', i % 7), 'maxTokens', NULL),
			'outputs', '{}'::jsonb))
	FROM (SELECT 'agent_' || i AS id, jsonb_build_object('x', trim_scale(100 + i % 40 * 312.81594867785896),
		'y', trim_scale(i / 40 * 173.07943752447065)) AS place) AS n
$$;

CREATE FUNCTION bench.edge(i integer, source integer, target integer) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object('id', 'edge_' || i, 'type', 'agentFlow', 'source', 'agent_' || source,
		'sourceHandle', 'agent_' || source || '-output-agent', 'target', 'agent_' || target,
		'targetHandle', 'agent_' || target || '-input-' || 1 + i % 3,
		'data', jsonb_build_object('sourceColor', '#7EE787', 'targetColor', '#ff8fab', 'isHumanInput', i % 5 = 0))
$$;

-- The node in the middle has no edges, so that it can be removed.
CREATE FUNCTION bench.blueprint(nodes integer) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object(
		'nodes', (SELECT jsonb_agg(bench.node(i) || bench.ui(bench.node(i) -> 'position') ORDER BY i)
			FROM generate_series(0, nodes - 1) AS i),
		'edges', (SELECT jsonb_agg(bench.edge(i, CASE a WHEN nodes / 2 THEN 0 ELSE a END,
				CASE b WHEN nodes / 2 THEN 0 ELSE b END) ORDER BY i)
			FROM (SELECT i, i % nodes AS a, (i * 3 + 1) % nodes AS b
				FROM generate_series(0, nodes * 3 / 2 - 1) AS i) AS e),
		'metadata', jsonb_build_object('name', bench.words(nodes, 4), 'description', bench.words(nodes, 40)))
$$;

-- One node in a hundred, beginning with the first one, is edited in one or two fields ...
CREATE FUNCTION bench.edited(doc jsonb, first integer) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_set(doc, '{nodes}', (SELECT jsonb_agg(CASE
			WHEN (i - 1) % 200 = first THEN jsonb_set(jsonb_set(node, '{data,inputs,prompt}',
				to_jsonb(bench.words(i::integer * 7, 41))), '{position,x}', to_jsonb(i + 0.25))
			WHEN (i - 1) % 200 = (first + 100) % 200 THEN jsonb_set(node, '{data,inputs,temperature}', to_jsonb(i + 0.75))
			ELSE node END ORDER BY i)
		FROM jsonb_array_elements(doc -> 'nodes') WITH ORDINALITY AS n (node, i)))
$$;

-- ... and then one node is added, the one in the middle removed, one edge changed.
CREATE FUNCTION bench.rebuilt(doc jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_set(
		jsonb_set(doc, '{nodes}', (doc -> 'nodes') - n / 2 || bench.node(n)),
		ARRAY['edges', (n / 3)::text, 'target'], to_jsonb('agent_' || n))
	FROM jsonb_array_length(doc -> 'nodes') AS n
$$;

-- a document and another made of it, by number of nodes and kind of edit
CREATE TABLE bench.pair (nodes integer, kind text, old jsonb, new jsonb, diff jsonb, sql_diff jsonb, PRIMARY KEY (nodes, kind));
-- never compressed: decompression is not what is compared
ALTER TABLE bench.pair ALTER old SET STORAGE EXTERNAL, ALTER new SET STORAGE EXTERNAL;

-- Diff and patch in SQL: arrays joined by id, fields compared by jsonb_each().  They know one level
-- of fields where wrk.blueprint_diff() knows all, no order of elements and no removed field.

CREATE FUNCTION bench.sql_diff_part(old jsonb, new jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	WITH o AS (SELECT v ->> 'id' AS id, v FROM jsonb_array_elements(old) AS v),
		n AS (SELECT v ->> 'id' AS id, v FROM jsonb_array_elements(new) AS v)
	SELECT jsonb_build_object(
		'added', (SELECT coalesce(jsonb_agg(n.v), '[]') FROM n LEFT JOIN o USING (id) WHERE o.id IS NULL),
		'deleted', (SELECT coalesce(jsonb_agg(o.id), '[]') FROM o LEFT JOIN n USING (id) WHERE n.id IS NULL),
		'updated', (SELECT coalesce(jsonb_object_agg(id, fields), '{}') FROM o JOIN n USING (id), LATERAL (
				SELECT jsonb_object_agg(key, value) AS fields FROM jsonb_each(n.v)
				WHERE value IS DISTINCT FROM o.v -> key) AS changed
			WHERE o.v <> n.v))
$$;
CREATE FUNCTION bench.sql_diff(old jsonb, new jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object('nodes', bench.sql_diff_part(old -> 'nodes', new -> 'nodes'),
		'edges', bench.sql_diff_part(old -> 'edges', new -> 'edges'))
$$;

CREATE FUNCTION bench.sql_patch_part(doc jsonb, diff jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_agg(coalesce(v || (diff -> 'updated' -> (v ->> 'id')), v) ORDER BY i) || (diff -> 'added')
	FROM jsonb_array_elements(doc) WITH ORDINALITY AS e (v, i) WHERE NOT diff -> 'deleted' ? (v ->> 'id')
$$;
CREATE FUNCTION bench.sql_patch(doc jsonb, diff jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT doc || jsonb_build_object('nodes', bench.sql_patch_part(doc -> 'nodes', diff -> 'nodes'),
		'edges', bench.sql_patch_part(doc -> 'edges', diff -> 'edges'))
$$;


-- An automation version with such a blueprint, and somebody who may edit it.
CREATE FUNCTION bench.make_version(nodes integer) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	tenant uuid := '00000000-0000-4000-8000-000000000001';
	builder uuid := '00000000-0000-4000-8000-000000000002';
	version_id uuid;
BEGIN
	INSERT INTO copilot.tenants (id, name, slug) VALUES (tenant, 'Acme', 'acme') ON CONFLICT DO NOTHING;
	INSERT INTO copilot.users (id, email, name) VALUES (builder, 'builder@example.com', 'Builder') ON CONFLICT DO NOTHING;
	INSERT INTO copilot.tenant_users (tenant_id, user_id) VALUES (tenant, builder) ON CONFLICT DO NOTHING;
	INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES (tenant, builder, 'ops') ON CONFLICT DO NOTHING;
	WITH made AS (INSERT INTO copilot.automations (tenant_id, name) VALUES (tenant, nodes || ' nodes') RETURNING id)
	INSERT INTO copilot.automation_versions (tenant_id, automation_id, blueprint_json)
	SELECT tenant, id, bench.blueprint(nodes) FROM made RETURNING id INTO version_id;
	RETURN version_id;
END
$$;

-- Microseconds of an edit, there and back, each a transaction of its own.
CREATE PROCEDURE bench.apply_edits(version_id uuid, edits integer, INOUT us float) LANGUAGE plpgsql AS $$
DECLARE
	old jsonb;
	version bigint;
	diffs jsonb[];
	started timestamptz;
BEGIN
	SELECT blueprint_json, blueprint_version INTO old, version FROM copilot.automation_versions WHERE id = version_id;
	diffs[0] := wrk.blueprint_diff(old, bench.edited(old, 7));
	diffs[1] := wrk.blueprint_invert(diffs[0], old);
	COMMIT;
	started := clock_timestamp();
	FOR i IN 1 .. edits LOOP
		PERFORM wrk.impersonate('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002', '{ops}');
		version := copilot.blueprint_apply(version_id, version, diffs[(i - 1) % 2]) -> 'version';
		COMMIT;
	END LOOP;
	us := extract(epoch FROM clock_timestamp() - started) * 1e6 / edits;
END
$$;
