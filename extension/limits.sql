-- Limits that a tenant has of its own.
--
-- The gateway counts; what it holds a tenant to is its own settings, or the rows here,
-- of the same names. Rows are told with wrk.gateway_open() and, when they change, by
-- wrk.access_changed(), so that open connections have them within a second.

CREATE FUNCTION wrk.limit_names()
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{user_others_second,user_others_minute,user_calls_second,user_calls_minute,user_publishes_second,user_publishes_minute,user_subscribes_second,user_subscribes_minute,tenant_others_second,tenant_others_minute,tenant_calls_second,tenant_calls_minute,tenant_publishes_second,tenant_publishes_minute,tenant_subscribes_second,tenant_subscribes_minute,subscriptions_max,requests_max,replay_rows,user_connections,user_requests,tenant_connections,tenant_requests,tenant_links}'::text[];
COMMENT ON FUNCTION wrk.limit_names() IS
'limits of the gateway that a tenant may have a value of its own of; what each is says the page of the gateway''s options';

CREATE TABLE wrk.tenant_limit (
	tenant_id text COLLATE "C" NOT NULL CHECK (octet_length(tenant_id) BETWEEN 1 AND 512),
	name text COLLATE "C" NOT NULL CONSTRAINT tenant_limit_name CHECK (name = ANY (wrk.limit_names())),
	value bigint NOT NULL CHECK (value BETWEEN 0 AND 10000000),
	PRIMARY KEY (tenant_id, name)
);
COMMENT ON TABLE wrk.tenant_limit IS
'limits that hold for a tenant instead of the gateway''s settings; a change is in force on open connections with its commit, in each process of each gateway by itself';
COMMENT ON COLUMN wrk.tenant_limit.name IS 'one of wrk.limit_names()';
COMMENT ON COLUMN wrk.tenant_limit.value IS '0: no limit';
SELECT pg_catalog.pg_extension_config_dump('wrk.tenant_limit', '');
REVOKE ALL ON wrk.tenant_limit FROM PUBLIC;

CREATE FUNCTION wrk.tenant_limit_changed()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		PERFORM wrk.access_changed(NULL);
	ELSE
		IF TG_OP <> 'INSERT' THEN
			PERFORM wrk.access_changed(OLD.tenant_id);
		END IF;
		IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.tenant_id <> OLD.tenant_id) THEN
			PERFORM wrk.access_changed(NEW.tenant_id);
		END IF;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION wrk.tenant_limit_changed() IS 'trigger: gateways ask again what holds for the tenant';
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON wrk.tenant_limit
	FOR EACH ROW EXECUTE FUNCTION wrk.tenant_limit_changed();
CREATE TRIGGER changed_truncate AFTER TRUNCATE ON wrk.tenant_limit
	FOR EACH STATEMENT EXECUTE FUNCTION wrk.tenant_limit_changed();

CREATE FUNCTION wrk.tenant_limit_set(tenant_id text, name text, value bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF tenant_id IS NULL OR octet_length(tenant_id) NOT BETWEEN 1 AND 512 THEN
		RAISE EXCEPTION 'a limit is of a tenant, named in 1 to 512 bytes' USING ERRCODE = 'WK400';
	ELSIF name IS NULL OR name <> ALL (wrk.limit_names()) THEN
		RAISE EXCEPTION '"%" is no limit', coalesce(left(name, 128), '') USING ERRCODE = 'WK400',
			HINT = 'SELECT unnest(wrk.limit_names()) lists them.';
	ELSIF value NOT BETWEEN 0 AND 10000000 THEN
		RAISE EXCEPTION 'value of % must be between 0 and 10000000, not %', name, value USING ERRCODE = 'WK400',
			HINT = 'Use 0 for no limit, and NULL for what the gateway''s settings say.';
	END IF;
	IF value IS NULL THEN
		DELETE FROM wrk.tenant_limit t
		WHERE t.tenant_id = tenant_limit_set.tenant_id AND t.name = tenant_limit_set.name;
	ELSE
		INSERT INTO wrk.tenant_limit AS t (tenant_id, name, value)
		VALUES (tenant_limit_set.tenant_id, tenant_limit_set.name, tenant_limit_set.value)
		ON CONFLICT ON CONSTRAINT tenant_limit_pkey DO UPDATE SET value = excluded.value
			WHERE t.value <> excluded.value;
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.tenant_limit_set(text, text, bigint) IS
'gives a tenant a limit of its own, from the commit on; value 0: no limit, NULL: what the gateway''s settings say. Error: WK400 bad_request';

CREATE FUNCTION wrk.tenant_limits(tenant text)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(t.name, t.value), '{}') FROM wrk.tenant_limit t WHERE t.tenant_id = tenant
$$;
COMMENT ON FUNCTION wrk.tenant_limits(text) IS 'the limits that a tenant has of its own: {name: value}';

REVOKE ALL ON FUNCTION wrk.limit_names(), wrk.tenant_limit_changed(), wrk.tenant_limits(text),
	wrk.tenant_limit_set(text, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.limit_names(), wrk.tenant_limit_set(text, text, bigint) TO wrk_service;
GRANT SELECT ON wrk.tenant_limit TO wrk_service;
