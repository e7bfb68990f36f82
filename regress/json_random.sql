-- Documents at random, and changes to them: nested objects, plain arrays and arrays with
-- ids, from so few names that both sides of a merge often meet.  setseed() repeats them.

CREATE FUNCTION pg_temp.one_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT choices[1 + floor(random() * cardinality(choices))::integer]
$$;

CREATE FUNCTION pg_temp.random_scalar() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT pg_temp.one_of('null', 'true', 'false', '0', '1', '1.0', '1.00', '-12345678901234567890.5', '1e300',
		'""', '"1"', '"long enough not to be short"', '"\u00e4\ud83d\ude00"', '"a/b~c"', '{}', '[]')::jsonb
$$;

CREATE FUNCTION pg_temp.random_name() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT pg_temp.one_of('a', 'b', 'c', 'data', 'nodes', 'id', '', 'a/b', '~1', '0', 'ä')
$$;

CREATE FUNCTION pg_temp.random_id() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
	SELECT pg_temp.one_of('0', '1', '2', '3', '1.0', '"1"', '"a"', '"b"', '"c"', '"d"', '"e"', '"f"', '"g"')::jsonb
$$;

CREATE FUNCTION pg_temp.random_doc(depth integer) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	kind float8 := random();
	n integer := floor(random() * 7);
	ids jsonb := '{}';
	id jsonb;
	result jsonb;
BEGIN
	IF depth <= 0 OR kind < 0.15 THEN
		RETURN pg_temp.random_scalar();
	ELSIF kind < 0.45 THEN
		result := '{}';
		FOR i IN 1 .. n LOOP
			result := result || jsonb_build_object(pg_temp.random_name(), pg_temp.random_doc(depth - 1));
		END LOOP;
		RETURN result;
	END IF;
	result := '[]';
	FOR i IN 1 .. n LOOP
		IF kind < 0.6 THEN
			result := result || jsonb_build_array(pg_temp.random_doc(depth - 1));
			CONTINUE;
		END IF;
		id := pg_temp.random_id();
		CONTINUE WHEN ids ? id::text;
		ids := ids || jsonb_build_object(id::text, 1);
		result := result || jsonb_build_array(jsonb_build_object('id', id, pg_temp.random_name(),
			pg_temp.random_doc(depth - 1)) || jsonb_build_object('id', id));
	END LOOP;
	RETURN result;
END
$$;

CREATE FUNCTION pg_temp.random_change_in_array(doc jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	n integer := jsonb_array_length(doc);
	at integer := floor(random() * n);
	other integer := floor(random() * (n + 1));
	kind float8 := random();
	moved jsonb := doc -> at;
BEGIN
	IF n = 0 OR kind < 0.25 THEN
		moved := CASE WHEN n = 0 AND random() < 0.5 OR doc #> '{0,id}' IS NOT NULL
			THEN jsonb_build_object('id', pg_temp.random_id(), 'v', pg_temp.random_doc(1))
			ELSE pg_temp.random_doc(1) END;
		RETURN jsonb_insert(doc, ARRAY[other::text], moved);
	ELSIF kind < 0.4 THEN
		RETURN doc - at;
	ELSIF kind < 0.6 THEN
		RETURN jsonb_insert(doc - at, ARRAY[least(other, n - 1)::text], moved);
	END IF;
	RETURN jsonb_set(doc, ARRAY[at::text], pg_temp.random_change(moved));
END
$$;

CREATE FUNCTION pg_temp.random_change(doc jsonb) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	kind float8 := random();
	name text;
BEGIN
	IF jsonb_typeof(doc) = 'array' AND kind < 0.95 THEN
		RETURN pg_temp.random_change_in_array(doc);
	ELSIF jsonb_typeof(doc) <> 'object' OR kind > 0.95 THEN
		RETURN pg_temp.random_doc(2);
	END IF;
	SELECT k INTO name FROM jsonb_object_keys(doc) k WHERE k <> 'id' OR random() < 0.1 ORDER BY random() LIMIT 1;
	IF name IS NULL OR kind < 0.2 THEN
		RETURN doc || jsonb_build_object(pg_temp.random_name(), pg_temp.random_doc(1));
	ELSIF kind < 0.35 THEN
		RETURN doc - name;
	END IF;
	RETURN doc || jsonb_build_object(name, pg_temp.random_change(doc -> name));
END
$$;

CREATE FUNCTION pg_temp.random_changes(doc jsonb, n integer) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		doc := pg_temp.random_change(doc);
	END LOOP;
	RETURN doc;
END
$$;
