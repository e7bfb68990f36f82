-- What a call answers for another tenant's rows, next to what it answers for rows that
-- do not exist.  Needs regress/world.sql, regress/calls.sql and two tenants, a and b.
CREATE FUNCTION regress.value_of(t text, kind text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE kind
		WHEN 'email' THEN regress.mark(t) || '-user@example.com'
		WHEN 'key' THEN regress.mark(t) || 'key'
		WHEN 'change' THEN coalesce((SELECT max(l.id) FROM wrk.audit_log l WHERE l.tenant_id = regress.wid(t, 'tenant')::text
			AND l.resource_type = 'automation' AND l.resource_id = regress.wid(t, 'automation')::text), 900000000000000)::text
		WHEN 'job' THEN coalesce((SELECT max(j.id) FROM wrk.job j WHERE j.tenant_id = regress.wid(t, 'tenant')::text AND j.state = 'dead'),
			900000000000000)::text
		ELSE regress.wid(t, kind)::text END
$$;
CREATE FUNCTION regress.kinds_in(params text) RETURNS text[] LANGUAGE sql IMMUTABLE
RETURN ARRAY(SELECT DISTINCT k[1] FROM regexp_matches(params, '<([a-z_ ]+)>', 'g') k ORDER BY 1);
-- the parameters with ids of that tenant for one kind (NULL: for all) and own ones for the others
CREATE FUNCTION regress.fill(params text, t text, chosen text, own text DEFAULT 'a') RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
	kind text;
BEGIN
	FOREACH kind IN ARRAY regress.kinds_in(params) LOOP
		params := replace(params, '<' || kind || '>',
			regress.value_of(CASE WHEN chosen IS NULL OR kind = chosen THEN t ELSE own END, kind));
	END LOOP;
	RETURN params::jsonb;
END
$$;

-- one answer, and everything that could tell somebody something
CREATE TYPE regress.outcome AS (state text, told text, touched boolean);
CREATE FUNCTION regress.ask(identity_token text, method text, params jsonb) RETURNS regress.outcome LANGUAGE plpgsql AS $$
DECLARE
	o regress.outcome;
	detail text;
	hint text;
	context text;
BEGIN
	o.touched := false;
	BEGIN
		PERFORM wrk.authenticate(identity_token);
		SELECT result INTO o.told FROM wrk.rpc_call(method, params);
		o.state := '00000';
		o.touched := EXISTS (SELECT FROM wrk.event e WHERE e.xid = pg_current_xact_id() AND e.tenant_id = regress.wid('b', 'tenant')::text)
			OR EXISTS (SELECT FROM wrk.audit_log l WHERE l.xid = pg_current_xact_id()::text::bigint AND l.tenant_id = regress.wid('b', 'tenant')::text);
		RAISE EXCEPTION USING ERRCODE = 'RGOUT', MESSAGE = 'nothing stays';
	EXCEPTION
		WHEN SQLSTATE 'RGOUT' THEN
			NULL;
		WHEN SQLSTATE 'RGWRT' THEN
			o.touched := true;
			o.told := SQLERRM;
			o.state := SQLSTATE;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			o.state := SQLSTATE;
			o.told := concat_ws(' | ', SQLERRM, nullif(detail, ''), nullif(hint, ''));
	END;
	RETURN o;
END
$$;

-- whoever acts for tenant a writes rows of tenant a
CREATE FUNCTION regress.guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog, pg_temp AS $$
DECLARE
	row_tenant text := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END ->> 'tenant_id';
BEGIN
	IF wrk.tenant_id() IS NOT NULL AND row_tenant IS DISTINCT FROM wrk.tenant_id() THEN
		RAISE EXCEPTION '% of a row of tenant % in %', TG_OP, row_tenant, TG_RELID::regclass USING ERRCODE = 'RGWRT';
	END IF;
	RETURN NULL;
END
$$;
CREATE FUNCTION regress.watch() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	tbl regclass;
	watched bigint := 0;
BEGIN
	FOR tbl IN SELECT a.attrelid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE c.relnamespace::regnamespace::text IN ('copilot', 'wrk') AND c.relkind = 'r' AND NOT c.relispartition
			AND a.attname = 'tenant_id' AND c.relname !~ '^(seal|audit)'
	LOOP
		EXECUTE format('CREATE TRIGGER zzz_regress AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION regress.guard()', tbl);
		watched := watched + 1;
	END LOOP;
	RETURN watched;
END
$$;

-- an answer without the ids that were asked with
CREATE FUNCTION regress.without(told text, params text, t text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
	kind text;
BEGIN
	FOREACH kind IN ARRAY regress.kinds_in(params) LOOP
		told := replace(told, regress.value_of(t, kind), '<' || kind || '>');
	END LOOP;
	-- what is made anew each time
	RETURN regexp_replace(regexp_replace(told, '\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*([+-]\d\d(:\d\d)?|Z)?', 'TIME', 'g'),
		'"(id|event_id|job_id|token|key|secret|change_id)": ?("[^"]*"|\d+)', '"\1": NEW', 'g');
END
$$;

CREATE FUNCTION regress.token_of(t text, role text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT wrk.jwt_sign(jsonb_build_object('tenant_id', regress.wid(t, 'tenant'), 'sub', regress.wid(t, CASE role WHEN 'none' THEN 'user' ELSE role END),
		'roles', CASE role WHEN 'none' THEN '[]' ELSE jsonb_build_array(role) END, 'sid', regress.wid(t, 'session ' || CASE role WHEN 'none' THEN 'user' ELSE role END), 'exp', 4102444800),
		'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "regress"}')
$$;
CREATE FUNCTION regress.roles() RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT name FROM wrk.role WHERE bit < 50 UNION ALL SELECT 'none'
$$;

-- every call, for every role, with every one of its ids in turn, and all of them, another tenant's
CREATE FUNCTION regress.trespass() RETURNS TABLE (finding text, method text, role text, asked jsonb, theirs text, nobodys text) LANGUAGE plpgsql AS $$
DECLARE
	e regress.example;
	r text;
	kind text;
	credential text;
	b regress.outcome;
	none regress.outcome;
	own_found boolean;
	own regress.outcome;
BEGIN
	FOR e IN SELECT x.* FROM regress.example x JOIN wrk.rpc USING (method) ORDER BY 1, 2 LOOP
		own_found := false;
		FOR r IN SELECT regress.roles() LOOP
			credential := regress.token_of('a', r);
			own := regress.ask(credential, e.method, regress.fill(e.params, 'a', NULL));
			own_found := own_found OR own.state NOT IN ('WK400', 'WK401', 'WK403', 'WK404');
			IF own.touched OR own.told ~ 'b0000000' THEN
				RETURN QUERY SELECT 'reveals or touches', e.method, r, regress.fill(e.params, 'a', NULL), own.state || ' ' || own.told, NULL;
			END IF;
			IF own.state !~ '^(00000|WK...|42501)$' THEN
				RETURN QUERY SELECT 'breaks', e.method, r, regress.fill(e.params, 'a', NULL), own.state || ' ' || own.told, NULL;
			END IF;
			FOR kind IN SELECT k FROM unnest(regress.kinds_in(e.params)) k
				UNION ALL SELECT NULL WHERE cardinality(regress.kinds_in(e.params)) > 1
			LOOP
				b := regress.ask(credential, e.method, regress.fill(e.params, 'b', kind));
				none := regress.ask(credential, e.method, regress.fill(e.params, '9', kind));
				b.told := regress.without(b.told, e.params, 'b');
				none.told := regress.without(none.told, e.params, '9');
				IF b.touched OR b.told ~ 'b0000000' THEN
					RETURN QUERY SELECT 'reveals or touches', e.method, r, regress.fill(e.params, 'b', kind), b.state || ' ' || b.told, NULL;
				ELSIF (b.state, b.told) IS DISTINCT FROM (none.state, none.told) THEN
					RETURN QUERY SELECT 'tells apart', e.method, r, regress.fill(e.params, 'b', kind), b.state || ' ' || b.told,
						none.state || ' ' || none.told;
				END IF;
			END LOOP;
		END LOOP;
		IF NOT own_found THEN
			RETURN QUERY SELECT 'example is of no use to anybody', e.method, NULL, regress.fill(e.params, 'a', NULL), own.state || ' ' || own.told, NULL;
		END IF;
	END LOOP;
END
$$;

-- ---------- without calls ----------

-- statements of a role of tenant a on the rows of tenant b, in each table
CREATE FUNCTION regress.burgle(tbl regclass, statement text, wanted jsonb DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
	one jsonb;
	answer text := 'refused';
BEGIN
	BEGIN
		SET LOCAL ROLE wrk_member;
		IF wanted IS NULL THEN
			EXECUTE format('WITH x AS (%s) SELECT count(*) FROM x', statement) INTO n;
			answer := CASE WHEN n > 0 THEN n || ' rows: ' || statement END;
		ELSE
			EXECUTE statement INTO one USING wanted;
			-- what was made belongs to a, and so must all that it refers to
			SELECT statement || ' ' || string_agg(a.attname, ', ') INTO answer
			FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
			WHERE k.conrelid = tbl AND k.contype = 'f' AND one ->> a.attname ~ 'b0000000';
		END IF;
		RAISE EXCEPTION USING ERRCODE = 'RGOUT';
	EXCEPTION
		WHEN SQLSTATE 'RGOUT' THEN
			NULL;
		WHEN OTHERS THEN
			answer := NULL;
	END;
	RETURN answer;
END
$$;
CREATE FUNCTION regress.columns_for(tbl regclass, privilege text) RETURNS text[] LANGUAGE sql STABLE AS $$
	SELECT coalesce(array_agg(quote_ident(a.attname) ORDER BY a.attnum), '{}') FROM pg_attribute a
	WHERE a.attrelid = tbl AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		AND has_column_privilege('wrk_member', tbl, a.attnum, privilege)
$$;
CREATE FUNCTION regress.burglaries(tbl regclass) RETURNS TABLE (statement text, wanted jsonb) LANGUAGE plpgsql AS $$
DECLARE
	victim jsonb;
	b text := quote_literal(regress.wid('b', 'tenant'));
	insertable text[] := regress.columns_for(tbl, 'INSERT');
	own_part text[] := array_remove(insertable, 'tenant_id');
BEGIN
	EXECUTE format('SELECT to_jsonb(t) FROM %s t WHERE tenant_id = %s LIMIT 1', tbl, b) INTO victim;
	RETURN QUERY SELECT format('SELECT 1 FROM %s WHERE tenant_id = %s', tbl, b), NULL::jsonb
		UNION ALL SELECT format('SELECT 1 FROM %s t WHERE t::text ~ ''b0000000''', tbl), NULL
		UNION ALL SELECT format('DELETE FROM %s WHERE tenant_id = %s RETURNING 1', tbl, b), NULL
		UNION ALL SELECT format('UPDATE %s SET %s = %2$s WHERE tenant_id = %s RETURNING 1', tbl, c, b), NULL
		FROM unnest(regress.columns_for(tbl, 'UPDATE')) c;
	IF cardinality(own_part) > 0 THEN
		RETURN QUERY SELECT format('INSERT INTO %s AS t (%s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1) RETURNING to_jsonb(t)',
			tbl, array_to_string(own_part, ', ')), victim;
		IF 'tenant_id' = ANY (insertable) THEN
			RETURN QUERY SELECT format('INSERT INTO %s AS t (%s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1) RETURNING to_jsonb(t)',
				tbl, array_to_string(insertable, ', ')), victim;
		END IF;
	END IF;
END
$$;
CREATE FUNCTION regress.break_in() RETURNS TABLE (finding text, role text) LANGUAGE plpgsql AS $$
DECLARE
	tbl regclass;
	r text;
	found_one text;
	tried record;
BEGIN
	FOR r IN SELECT regress.roles() LOOP
		PERFORM wrk.authenticate(regress.token_of('a', r));
		FOR tbl IN SELECT a.attrelid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			WHERE c.relnamespace::regnamespace::text = 'copilot' AND c.relkind IN ('r', 'p') AND a.attname = 'tenant_id'
		LOOP
			FOR tried IN SELECT * FROM regress.burglaries(tbl) LOOP
				found_one := regress.burgle(tbl, tried.statement, tried.wanted);
				IF found_one IS NOT NULL THEN
					RETURN QUERY SELECT found_one, r;
				END IF;
			END LOOP;
		END LOOP;
	END LOOP;
END
$$;
