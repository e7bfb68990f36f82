-- The application's schema, and what its domains share: installing helpers and
-- the reading of call parameters.
--
-- Functions belong to the extension, tables do not: copilot.install() makes
-- them, each domain's file says how.  Every installing function can run again.

CREATE SCHEMA copilot;
COMMENT ON SCHEMA copilot IS 'WRK Copilot: the application on top of the engine; copilot.install() makes its tables';
GRANT USAGE ON SCHEMA copilot TO wrk_member;

-- ---------- installing ----------

CREATE FUNCTION copilot.put_policy(tbl text, policy text, purpose text, definition text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format('DROP POLICY IF EXISTS %I ON copilot.%I', policy, tbl);
	EXECUTE format('CREATE POLICY %I ON copilot.%I %s', policy, tbl, definition);
	EXECUTE format('COMMENT ON POLICY %I ON copilot.%I IS %L', policy, tbl, purpose);
END
$$;
COMMENT ON FUNCTION copilot.put_policy(text, text, text, text) IS
'makes or replaces a policy of a table of the application; definition is what follows CREATE POLICY name ON table';

CREATE FUNCTION copilot.touch()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- an update that changes nothing stays one: no new time, no event
	IF NEW IS DISTINCT FROM OLD THEN
		NEW.updated_at := clock_timestamp();
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.touch() IS 'trigger: stamps updated_at of a row that really changes';

CREATE FUNCTION copilot.put_touch(tbl text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON copilot.%I'
				   ' FOR EACH ROW EXECUTE FUNCTION copilot.touch()', tbl);
END
$$;
COMMENT ON FUNCTION copilot.put_touch(text) IS 'gives a table of the application the trigger copilot.touch()';

CREATE FUNCTION copilot.put_call(method text, function regprocedure, roles text[] DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	INSERT INTO wrk.rpc AS r (method, function, roles, description)
	VALUES (method, function::text, roles, obj_description(function, 'pg_proc'))
	ON CONFLICT ON CONSTRAINT rpc_pkey DO UPDATE
		SET function = excluded.function, roles = excluded.roles, description = excluded.description
$$;
COMMENT ON FUNCTION copilot.put_call(text, regprocedure, text[]) IS
'registers or replaces a call of the application, described by the function''s comment; roles: who may call it at all, NULL for everybody whose rights suffice';

CREATE FUNCTION copilot.put_permissions(resource_type text, scope text, actions text[], roles text[])
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	INSERT INTO wrk.permission (role, action, resource_type, scope)
	SELECT r, a, put_permissions.resource_type, put_permissions.scope
	FROM unnest(roles) r, unnest(actions) a
	-- what an installation has taken away stays away
	WHERE NOT EXISTS (SELECT FROM wrk.permission had
		WHERE had.resource_type = put_permissions.resource_type AND had.scope = put_permissions.scope
			AND had.action = ANY (actions))
$$;
COMMENT ON FUNCTION copilot.put_permissions(text, text, text[], text[]) IS
'lets the roles do the actions with resources of a type, unless the installation has permissions for any of these actions already';

-- ---------- once per key ----------
--
-- For functions with an idempotency key that may be absent.

CREATE FUNCTION copilot.key_claim(key text, method text, request jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE WHEN key IS NOT NULL THEN wrk.key_claim(key, method, request) END;
END
$$;
COMMENT ON FUNCTION copilot.key_claim(text, text, jsonb) IS
'the answer that a request with this key has had before, NULL if it has had none, or has no key; see wrk.key_claim()';

CREATE FUNCTION copilot.key_answer(key text, answer jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE WHEN key IS NULL THEN answer ELSE wrk.key_answer(key, answer) END;
END
$$;
COMMENT ON FUNCTION copilot.key_answer(text, jsonb) IS
'the answer, remembered for the key if there is one; see wrk.key_answer()';

-- ---------- reading the parameters of a call ----------
--
-- A call gets one jsonb object.  Each reader returns one typed member, NULL when
-- it is absent or null, and names the member in its error.

CREATE FUNCTION copilot.bad_param(param text, problem text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'parameter "%" %', param, problem USING ERRCODE = 'WK400',
		DETAIL = json_build_object('param', param)::text;
END
$$;
COMMENT ON FUNCTION copilot.bad_param(text, text) IS
'refuses a call because of one parameter; DETAIL is {"param": name}. Error: WK400 bad_request';

CREATE FUNCTION copilot.check_params(params jsonb, VARIADIC known text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	stranger text;
BEGIN
	IF params IS NULL OR jsonb_typeof(params) <> 'object' THEN
		RAISE EXCEPTION 'parameters must be a JSON object' USING ERRCODE = 'WK400';
	END IF;
	SELECT k INTO stranger FROM jsonb_object_keys(params) k WHERE k <> ALL (known) ORDER BY k LIMIT 1;
	IF stranger IS NOT NULL THEN
		PERFORM copilot.bad_param(stranger, 'is not known; known are ' || array_to_string(known, ', '));
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_params(jsonb, text[]) IS
'refuses parameters that are no object or have a member that is not known. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_text(params jsonb, param text, max_length integer DEFAULT 200,
								  required boolean DEFAULT false)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	value text := params ->> param;
BEGIN
	IF value IS NULL THEN
		IF required THEN
			PERFORM copilot.bad_param(param, 'is required');
		END IF;
		RETURN NULL;
	END IF;
	IF jsonb_typeof(params -> param) <> 'string' THEN
		PERFORM copilot.bad_param(param, 'must be a string');
	END IF;
	IF btrim(value, E' \t\r\n') = '' THEN
		PERFORM copilot.bad_param(param, 'must not be empty');
	END IF;
	IF length(value) > max_length THEN
		PERFORM copilot.bad_param(param, format('is longer than %s characters', max_length));
	END IF;
	RETURN value;
END
$$;
COMMENT ON FUNCTION copilot.want_text(jsonb, text, integer, boolean) IS
'member of a call''s parameters as text that is not blank. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_choice(params jsonb, param text, VARIADIC choices text[])
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	value text := copilot.want_text(params, param);
BEGIN
	IF value <> ALL (choices) THEN
		PERFORM copilot.bad_param(param, 'must be one of ' || array_to_string(choices, ', '));
	END IF;
	RETURN value;
END
$$;
COMMENT ON FUNCTION copilot.want_choice(jsonb, text, text[]) IS
'member of a call''s parameters as one of the choices. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_uuid(params jsonb, param text, required boolean DEFAULT false)
RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	value text := copilot.want_text(params, param, 200, required);
BEGIN
	IF value IS NOT NULL AND copilot.as_uuid(value) IS NULL THEN
		PERFORM copilot.bad_param(param, 'must be a UUID');
	END IF;
	RETURN copilot.as_uuid(value);
END
$$;
COMMENT ON FUNCTION copilot.want_uuid(jsonb, text, boolean) IS
'member of a call''s parameters as uuid. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_int(params jsonb, param text, lowest integer, highest integer)
RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	value text := params ->> param;
BEGIN
	IF value IS NULL THEN
		RETURN NULL;
	END IF;
	IF jsonb_typeof(params -> param) <> 'number' OR value !~ '^-?[0-9]{1,9}$'
		OR value::integer NOT BETWEEN lowest AND highest THEN
		PERFORM copilot.bad_param(param, format('must be a whole number from %s to %s', lowest, highest));
	END IF;
	RETURN value::integer;
END
$$;
COMMENT ON FUNCTION copilot.want_int(jsonb, text, integer, integer) IS
'member of a call''s parameters as integer within bounds. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_time(params jsonb, param text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
SET datestyle TO iso SET timezone TO 'UTC'
AS $$
DECLARE
	value text := copilot.want_text(params, param);
BEGIN
	IF value !~ '^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)?)?$' THEN
		PERFORM copilot.bad_param(param, 'must be an ISO 8601 date or time');
	END IF;
	RETURN value::timestamptz;
EXCEPTION
	WHEN datetime_field_overflow OR invalid_datetime_format THEN
		PERFORM copilot.bad_param(param, 'must be an ISO 8601 date or time');
END
$$;
COMMENT ON FUNCTION copilot.want_time(jsonb, text) IS
'member of a call''s parameters as a time, UTC unless it has a zone (ISO 8601). Error: WK400 bad_request';

CREATE FUNCTION copilot.as_uuid(value text)
RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN value ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' THEN value::uuid END;
COMMENT ON FUNCTION copilot.as_uuid(text) IS
'the uuid a text spells in the usual form, NULL for any other text';

CREATE FUNCTION copilot.answer(row_json jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN row_json - '{tenant_id,status_machine_version}'::text[];
COMMENT ON FUNCTION copilot.answer(jsonb) IS
'a row as calls answer it: without its tenant, who is the caller''s own, and without the engine''s book-keeping';

-- ---------- pages of a list ----------
--
-- Lists go newest first by (created_at, id); a page ends with the key of its
-- last row, and the next page takes up behind it.  A list reads one row more
-- than the page holds, to know whether another page follows.

CREATE FUNCTION copilot.page_key(created_at timestamptz, id uuid)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (extract(epoch FROM created_at) * 1000000)::bigint || '_' || id;
COMMENT ON FUNCTION copilot.page_key(timestamptz, uuid) IS
'what a list answers as "next": microseconds since 1970 and id of the last row';

CREATE FUNCTION copilot.want_limit(params jsonb)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT coalesce(copilot.want_int(params, 'limit', 1, 200), 50)
$$;
COMMENT ON FUNCTION copilot.want_limit(jsonb) IS
'member "limit" of a list''s parameters: how many lines a page has, 1 to 200, else 50. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_page(params jsonb, OUT before_time timestamptz, OUT before_id uuid,
								  OUT page_size integer)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	key text := copilot.want_text(params, 'after');
BEGIN
	page_size := copilot.want_limit(params);
	before_time := 'infinity';
	before_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
	IF key IS NULL THEN
		RETURN;
	END IF;
	IF key !~ '^[0-9]{1,17}_' OR copilot.as_uuid(split_part(key, '_', 2)) IS NULL THEN
		PERFORM copilot.bad_param('after', 'must be the "next" of an earlier page');
	END IF;
	before_time := timestamptz 'epoch' + split_part(key, '_', 1)::bigint * interval '1 microsecond';
	before_id := copilot.as_uuid(split_part(key, '_', 2));
END
$$;
COMMENT ON FUNCTION copilot.want_page(jsonb) IS
'members "after" (the "next" of an earlier page) and "limit" (1 to 200, else 50) of a list''s parameters. Error: WK400 bad_request';

CREATE FUNCTION copilot.page_answer(list text, lines jsonb, keys text[], page_size integer)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_build_object(list, coalesce(lines - page_size, '[]'),
	'next', CASE WHEN cardinality(keys) > page_size THEN keys[page_size] END);
COMMENT ON FUNCTION copilot.page_answer(text, jsonb, text[], integer) IS
'what a list answers: {list: lines, next}; lines (a JSON array) and keys, such as copilot.page_key() makes, are of the same rows in the same order, NULL for none; the row that the page no longer holds is left out. No errors';

REVOKE ALL ON FUNCTION copilot.put_policy(text, text, text, text), copilot.touch(), copilot.put_touch(text),
	copilot.put_call(text, regprocedure, text[]), copilot.put_permissions(text, text, text[], text[]),
	copilot.key_claim(text, text, jsonb), copilot.key_answer(text, jsonb), copilot.want_limit(jsonb),
	copilot.bad_param(text, text), copilot.check_params(jsonb, text[]),
	copilot.want_text(jsonb, text, integer, boolean), copilot.want_choice(jsonb, text, text[]),
	copilot.want_uuid(jsonb, text, boolean), copilot.want_int(jsonb, text, integer, integer),
	copilot.want_time(jsonb, text), copilot.as_uuid(text), copilot.answer(jsonb),
	copilot.page_key(timestamptz, uuid), copilot.want_page(jsonb),
	copilot.page_answer(text, jsonb, text[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.key_claim(text, text, jsonb), copilot.key_answer(text, jsonb),
	copilot.want_limit(jsonb), copilot.bad_param(text, text), copilot.check_params(jsonb, text[]),
	copilot.want_text(jsonb, text, integer, boolean), copilot.want_choice(jsonb, text, text[]),
	copilot.want_uuid(jsonb, text, boolean), copilot.want_int(jsonb, text, integer, integer),
	copilot.want_time(jsonb, text), copilot.as_uuid(text), copilot.answer(jsonb),
	copilot.page_key(timestamptz, uuid), copilot.want_page(jsonb),
	copilot.page_answer(text, jsonb, text[], integer) TO wrk_member;
