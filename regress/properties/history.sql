-- What must hold for the history of any row: random ones, and a model that keeps
-- every version whole.  Needs json_random.sql in the same session.
--
-- A version is the row as to_jsonb() has it after a change, NULL if there was none.

SET timezone = 'UTC';

CREATE TABLE item (
	tenant_id text, id int, word text, n numeric, at timestamptz, plain jsonb, doc jsonb,
	more jsonb, hidden text, PRIMARY KEY (tenant_id, id));
SELECT wrk.enable_audit('item', exclude => '{hidden}');

CREATE TABLE version (id int, change bigint, op "char", state jsonb, PRIMARY KEY (id, change));
CREATE TABLE broken (law text, id int, change bigint, got jsonb, wanted jsonb);
CREATE TABLE tried (what text, n bigint);

CREATE TYPE image AS (doc jsonb);
CREATE FUNCTION same(x jsonb, y jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN ROW(x)::image *= ROW(y)::image;

CREATE FUNCTION state_of(row_id int) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT to_jsonb(i) - 'hidden' FROM item i WHERE tenant_id = 'acme' AND i.id = row_id
$$;

-- the change that was just made, if it was one
CREATE FUNCTION keep_version(row_id int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO version
	SELECT row_id, l.id, l.op, state_of(row_id) FROM wrk.audit_log l
	WHERE l.resource_type = 'item' AND l.resource_id = row_id::text AND l.tenant_id = 'acme'
		AND l.id > coalesce((SELECT max(v.change) FROM version v WHERE v.id = row_id), 0)
$$;

-- ---------- random histories ----------

CREATE FUNCTION pg_temp.some_doc() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object('nodes', NULLIF(pg_temp.random_doc(3), 'null'),
		'meta', pg_temp.random_doc(2), pg_temp.random_name(), pg_temp.random_doc(4)))
$$;

-- a few nodes and edges between them, some of those that were there
CREATE FUNCTION pg_temp.some_nodes(old jsonb) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(jsonb_agg(jsonb_build_object('id', id)), '[]') FROM (VALUES ('a'), ('b'), ('c')) n (id)
	WHERE random() < 0.5 OR random() < 0.7 AND old @> jsonb_build_array(jsonb_build_object('id', id))
$$;
CREATE FUNCTION pg_temp.some_edges(old jsonb) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(jsonb_agg(jsonb_build_object('id', a || b, 'source', a, 'target', b)), '[]')
	FROM (VALUES ('a'), ('b'), ('c')) n (a), (VALUES ('a'), ('b'), ('c')) m (b)
	WHERE random() < 0.1 OR random() < 0.8 AND old @> jsonb_build_array(jsonb_build_object('id', a || b))
$$;

-- SQL NULL instead of JSON null: to_jsonb() does not tell them apart
CREATE FUNCTION pg_temp.change_row(row_id int) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	kind float8 := random();
BEGIN
	IF NOT EXISTS (SELECT FROM item i WHERE i.tenant_id = 'acme' AND i.id = row_id) THEN
		INSERT INTO item VALUES ('acme', row_id, pg_temp.one_of('a', 'b', NULL), 1.50, '2024-05-05 12:00Z',
			NULLIF(pg_temp.random_doc(2), 'null'), pg_temp.some_doc(), NULLIF(pg_temp.random_doc(3), 'null'), 'h');
	ELSIF kind < 0.07 THEN
		DELETE FROM item i WHERE i.tenant_id = 'acme' AND i.id = row_id;
	ELSIF kind < 0.2 THEN
		UPDATE item i SET word = pg_temp.one_of('a', 'b', 'c', NULL), n = pg_temp.one_of('1', '1.0', '2', NULL)::numeric
		WHERE i.tenant_id = 'acme' AND i.id = row_id;
	ELSIF kind < 0.3 THEN
		UPDATE item i SET at = pg_temp.one_of('2024-01-01', '2024-01-02', 'infinity', NULL)::timestamptz, hidden = random()::text
		WHERE i.tenant_id = 'acme' AND i.id = row_id;
	ELSIF kind < 0.45 THEN
		UPDATE item i SET plain = NULLIF(pg_temp.random_change(coalesce(plain, '[]')), 'null'),
			more = NULLIF(pg_temp.random_change(coalesce(more, '{}')), 'null')
		WHERE i.tenant_id = 'acme' AND i.id = row_id;
	ELSIF kind < 0.55 THEN
		-- below a path of that length a diff has values as a whole
		UPDATE item i SET doc = doc || jsonb_build_object(repeat('long', 140), pg_temp.random_changes(
			coalesce(doc -> repeat('long', 140), '{"a": {"b": 1, "c": [{"id": 1, "x": 1}, {"id": 2}]}, "d": {}}'), 1))
		WHERE i.tenant_id = 'acme' AND i.id = row_id AND jsonb_typeof(doc) = 'object';
	ELSIF kind < 0.65 THEN
		UPDATE item i SET doc = doc || jsonb_build_object('edges', pg_temp.some_edges(doc -> 'edges'),
			'nodes', pg_temp.some_nodes(doc -> 'nodes'))
		WHERE i.tenant_id = 'acme' AND i.id = row_id AND jsonb_typeof(doc) = 'object';
	ELSIF kind < 0.7 THEN
		UPDATE item i SET doc = NULLIF(pg_temp.one_of(NULL, pg_temp.random_doc(3)::text, pg_temp.some_doc()::text)::jsonb, 'null')
		WHERE i.tenant_id = 'acme' AND i.id = row_id;
	ELSE
		UPDATE item i SET doc = NULLIF(pg_temp.random_changes(coalesce(doc, '{}'), 1 + floor(random() * 4)::int), 'null'),
			word = CASE WHEN random() < 0.1 THEN 'z' ELSE word END
		WHERE i.tenant_id = 'acme' AND i.id = row_id;
	END IF;
END
$$;

-- between the changes, others change rows of the same id that are not this one
CREATE FUNCTION pg_temp.make_history(row_id int, changes int) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	FOR i IN 1 .. changes LOOP
		PERFORM wrk.impersonate('acme', pg_temp.one_of('ann', 'bob', 'cy'), '{}');
		PERFORM pg_temp.change_row(row_id);
		PERFORM keep_version(row_id);
		IF random() < 0.2 THEN
			INSERT INTO item (tenant_id, id, word) VALUES ('globex', row_id, 'theirs')
			ON CONFLICT (tenant_id, id) DO UPDATE SET word = item.word || '.', doc = pg_temp.some_doc();
		END IF;
	END LOOP;
END
$$;

-- ---------- the model ----------

-- ids of a keyed array that is not empty, NULL for what is none
CREATE FUNCTION ids(elements jsonb) RETURNS jsonb[] LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN count(DISTINCT (e -> 'id')::text) = count(*)
		AND bool_and(coalesce(jsonb_typeof(e) = 'object' AND jsonb_typeof(e -> 'id') IN ('string', 'number'), false))
		THEN array_agg(e -> 'id' ORDER BY n) END
	FROM jsonb_array_elements(CASE jsonb_typeof(elements) WHEN 'array' THEN elements ELSE '[]' END) WITH ORDINALITY o (e, n)
$$;

CREATE FUNCTION flatten(doc jsonb, steps jsonb DEFAULT '[]', names text[] DEFAULT '{}')
RETURNS TABLE (step jsonb, path text[], value text) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	known CONSTANT jsonb[] := ids(doc);
	i int;
	key text;
BEGIN
	IF jsonb_typeof(doc) = 'object' AND doc <> '{}' THEN
		FOR key IN SELECT jsonb_object_keys(doc) LOOP
			RETURN QUERY SELECT * FROM flatten(doc -> key, steps || jsonb_build_array(jsonb_build_object('m', key)), names || key);
		END LOOP;
	ELSIF known IS NOT NULL THEN
		FOR i IN 1 .. cardinality(known) LOOP
			RETURN QUERY SELECT * FROM flatten(doc -> (i - 1), steps || jsonb_build_array(jsonb_build_object('e', known[i]::text)),
				names || (known[i] #>> '{}'));
		END LOOP;
	ELSIF doc IS NOT NULL THEN
		RETURN QUERY VALUES (steps, names, doc::text);
	END IF;
END
$$;

-- the last change after which each leaf of the newest version was not what it was before
CREATE FUNCTION blame_model(row_id int) RETURNS TABLE (path text[], change bigint) LANGUAGE sql STABLE AS $$
	WITH numbered AS MATERIALIZED (
		SELECT v.change, v.state, row_number() OVER (ORDER BY v.change) AS n FROM version v WHERE v.id = row_id),
	leaf AS MATERIALIZED (
		SELECT v.n, v.change, f.* FROM numbered v, flatten(v.state) f),
	now AS (SELECT * FROM leaf WHERE n = (SELECT max(n) FROM numbered)),
	made AS (
		SELECT l.step, max(l.change) AS change FROM leaf l
		LEFT JOIN leaf before ON before.n = l.n - 1 AND before.step = l.step
		WHERE before.value IS DISTINCT FROM l.value GROUP BY l.step)
	SELECT now.path, made.change FROM now JOIN made USING (step)
$$;

-- ---------- laws ----------

CREATE FUNCTION check_as_of(row_id int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO broken
	SELECT 'a version is what the row was', row_id, v.change, wrk.as_of('item', row_id::text, v.change), v.state
	FROM version v WHERE v.id = row_id AND NOT same(wrk.as_of('item', row_id::text, v.change), v.state);
	INSERT INTO broken
	SELECT 'a time is that of the change before it', row_id, v.change, wrk.as_of('item', row_id::text, l.created_at), v.state
	FROM version v JOIN wrk.audit_log l ON l.id = v.change
	WHERE v.id = row_id AND NOT same(wrk.as_of('item', row_id::text, l.created_at), v.state);
	INSERT INTO tried SELECT 'versions', count(*) FROM version WHERE id = row_id;
	IF wrk.as_of('item', row_id::text, 0) IS NOT NULL THEN
		INSERT INTO broken VALUES ('there was no row at first', row_id);
	END IF;
END
$$;

-- one change on its own is the difference of two versions next to each other
CREATE FUNCTION check_diff(row_id int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO broken
	SELECT 'a change is the difference it made', row_id, h.id, d, h.changes
	FROM (SELECT h.*, lag(h.id, 1, 0::bigint) OVER (ORDER BY h.id) AS previous FROM wrk.history('item', row_id::text) h) h,
		wrk.history_diff('item', row_id::text, h.previous, h.id) d
	WHERE NOT same(d, h.changes)
$$;

CREATE FUNCTION check_blame(row_id int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF state_of(row_id) IS NULL THEN
		RETURN;
	END IF;
	INSERT INTO broken
	SELECT 'a leaf belongs to the last change that made it', row_id, coalesce(b.change_id, m.change),
		to_jsonb(b), to_jsonb(m)
	FROM (SELECT path, change_id, row_number() OVER (PARTITION BY path ORDER BY change_id) FROM wrk.blame('item', row_id::text)) b
	FULL JOIN (SELECT path, change, row_number() OVER (PARTITION BY path ORDER BY change) FROM blame_model(row_id)) m
		ON m.path = b.path AND m.row_number = b.row_number
	WHERE b.change_id IS DISTINCT FROM m.change;
	-- a part of it is the same as that part of the whole
	INSERT INTO broken
	SELECT 'a part is told as in the whole', row_id, w.change_id, to_jsonb(p), to_jsonb(w)
	FROM (SELECT * FROM wrk.blame('item', row_id::text) WHERE path[1:2] = '{doc,nodes}') w
	FULL JOIN wrk.blame('item', row_id::text, '{doc,nodes}') p USING (path, change_id, user_id, created_at)
	WHERE w.path IS NULL OR p.path IS NULL;
	INSERT INTO tried SELECT 'leaves', count(*) FROM wrk.blame('item', row_id::text);
	INSERT INTO tried SELECT 'changes that made them', count(DISTINCT change_id) FROM wrk.blame('item', row_id::text);
END
$$;

-- ---------- taking changes back ----------

-- what is left of conflicts: an edge that nobody has touched goes with its node
CREATE FUNCTION real_conflicts(conflicts jsonb) RETURNS TABLE (conflict jsonb) LANGUAGE sql IMMUTABLE AS $$
	SELECT c FROM jsonb_array_elements(conflicts) c
	WHERE c ->> 'kind' <> 'dangling_edge' OR c -> 'base' IS NULL OR NOT same(c -> 'base', c -> 'ours')
$$;

CREATE FUNCTION merge_model(base jsonb, ours jsonb, theirs jsonb, OUT result jsonb, OUT conflicts int) LANGUAGE plpgsql AS $$
DECLARE
	merged jsonb;
BEGIN
	conflicts := 0;
	result := ours;
	IF same(base, theirs) OR same(ours, theirs) THEN
		RETURN;
	ELSIF same(ours, base) THEN
		result := theirs;
	ELSIF jsonb_typeof(base) = 'object' AND jsonb_typeof(ours) = 'object' AND jsonb_typeof(theirs) = 'object' THEN
		merged := wrk.blueprint_merge(base, ours, theirs, '{"ui": [], "policy": "report"}');
		conflicts := (SELECT count(*) FROM real_conflicts(merged -> 'conflicts'));
		IF NOT EXISTS (SELECT FROM real_conflicts(merged -> 'conflicts') WHERE conflict ->> 'kind' = 'dangling_edge') THEN
			result := merged -> 'result';
		END IF;
	ELSE
		conflicts := 1;
	END IF;
END
$$;

CREATE FUNCTION revert_model(op "char", base jsonb, ours jsonb, theirs jsonb, OUT result jsonb, OUT conflicts bigint) LANGUAGE plpgsql AS $$
BEGIN
	result := ours;
	conflicts := 0;
	IF op = 'u' AND ours IS NOT NULL THEN
		SELECT jsonb_object_agg(k, m.result), sum(m.conflicts) INTO result, conflicts
		FROM jsonb_object_keys(ours) k, merge_model(base -> k, ours -> k, theirs -> k) m;
	ELSIF op = 'u' THEN
		conflicts := 1;
	ELSIF ours IS NULL THEN
		result := theirs;
	ELSE
		conflicts := (SELECT count(*) FROM jsonb_object_keys(ours) k WHERE NOT same(ours -> k, coalesce(base, theirs) -> k));
		IF op = 'i' AND conflicts = 0 THEN
			result := NULL;
		END IF;
	END IF;
END
$$;

-- whether no other row has had this id since: the change is of what is there now
CREATE FUNCTION is_of_row(row_id int, of_change bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT NOT EXISTS (SELECT FROM version v WHERE v.id = row_id AND v.change > of_change AND v.op <> 'u')
$$;

CREATE FUNCTION note(law text, row_id int, of_change bigint, got jsonb, wanted jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO broken VALUES (law, row_id, of_change, got, wanted)
$$;

-- what became of one change taken back: {before, after, answer, again, code}; nothing of it stays
CREATE FUNCTION try_revert(row_id int, of_change bigint, mode text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	answer jsonb;
	after jsonb;
	again jsonb;
	metadata jsonb;
	report text;
BEGIN
	BEGIN
		answer := wrk.revert(of_change, mode);
		after := state_of(row_id);
		IF (answer -> 'changed')::boolean THEN
			SELECT l.metadata INTO metadata FROM wrk.audit_log l WHERE l.id = (answer ->> 'change_id')::bigint;
			PERFORM wrk.revert((answer ->> 'change_id')::bigint);
			again := state_of(row_id);
		END IF;
		RAISE EXCEPTION USING ERRCODE = 'RB000', MESSAGE = 'back',
			DETAIL = jsonb_build_object('answer', answer, 'after', after, 'again', again, 'metadata', metadata)::text;
	EXCEPTION WHEN SQLSTATE 'RB000' THEN
		GET STACKED DIAGNOSTICS report = PG_EXCEPTION_DETAIL;
		RETURN report::jsonb;
	WHEN SQLSTATE 'WK409' THEN
		GET STACKED DIAGNOSTICS report = PG_EXCEPTION_DETAIL;
		RETURN jsonb_build_object('refused', (report::jsonb) -> 'conflicts');
	END;
END
$$;

CREATE FUNCTION check_revert(row_id int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	now jsonb := state_of(row_id);
	v record;
	model record;
	ours jsonb;
	whole jsonb;
BEGIN
	FOR v IN SELECT x.* FROM (SELECT version.*, lag(state) OVER (ORDER BY change) AS before FROM version WHERE id = row_id) x
		ORDER BY random() LIMIT 8
	LOOP
		model := revert_model(v.op, v.state, now, v.before);
		IF v.op = 'i' AND now IS NOT NULL AND NOT is_of_row(row_id, v.change) THEN
			SELECT now AS result, 1::bigint AS conflicts INTO model;
		END IF;
		ours := try_revert(row_id, v.change, 'ours');
		INSERT INTO tried SELECT 'edges that keep a node', 1 WHERE EXISTS
			(SELECT FROM real_conflicts(ours #> '{answer,conflicts}') WHERE conflict ->> 'kind' = 'dangling_edge');
		whole := try_revert(row_id, v.change, 'strict');
		INSERT INTO tried VALUES ('reverts', 1), ('reverts with conflicts', (model.conflicts > 0)::int),
			('reverts that change something', (NOT same(model.result, now))::int),
			('reverts that do both', (model.conflicts > 0 AND NOT same(model.result, now))::int);
		IF NOT same(ours -> 'after', coalesce(model.result, 'null')) THEN
			PERFORM note('a change taken back is the merge', row_id, v.change, ours, model.result);
		END IF;
		IF jsonb_array_length(ours #> '{answer,conflicts}') <> model.conflicts THEN
			PERFORM note('what others changed is a conflict', row_id, v.change, ours, to_jsonb(model.conflicts));
		END IF;
		IF (ours #> '{answer,changed}')::boolean IS DISTINCT FROM NOT same(model.result, now) THEN
			PERFORM note('it says whether anything changed', row_id, v.change, ours, model.result);
		END IF;
		IF (ours #> '{answer,changed}')::boolean AND NOT same(ours -> 'again', coalesce(now, 'null')) THEN
			PERFORM note('taken back twice is not at all', row_id, v.change, ours, now);
		END IF;
		IF (ours #> '{answer,changed}')::boolean AND NOT same(ours -> 'metadata', jsonb_build_object('reverts', v.change)) THEN
			PERFORM note('the log says what is taken back', row_id, v.change, ours, now);
		END IF;
		IF (model.conflicts > 0) <> (whole ? 'refused') OR model.conflicts = 0 AND NOT same(whole -> 'after', ours -> 'after')
			OR model.conflicts > 0 AND NOT same(whole -> 'refused', ours #> '{answer,conflicts}') THEN
			PERFORM note('strict is all or nothing', row_id, v.change, whole, ours);
		END IF;
		IF NOT same(state_of(row_id), now) THEN
			PERFORM note('a try leaves nothing', row_id, v.change, state_of(row_id), now);
		END IF;
	END LOOP;
END
$$;

-- from the last change to the first
CREATE FUNCTION check_undo_all(row_id int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v record;
BEGIN
	FOR v IN SELECT x.* FROM (SELECT version.*, lag(state) OVER (ORDER BY change) AS before FROM version WHERE id = row_id) x
		ORDER BY change DESC
	LOOP
		PERFORM wrk.revert(v.change, 'strict');
		IF NOT same(state_of(row_id), v.before) THEN
			PERFORM note('taken back in order, each step is the one before', row_id, v.change, state_of(row_id), v.before);
		END IF;
		INSERT INTO tried VALUES ('steps back', 1);
	END LOOP;
END
$$;
