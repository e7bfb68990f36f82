-- Access: rights that are taken away take effect on open connections, too.
--
-- A row that gives a right may be any row of any table. Whoever takes it away says whom
-- to ask about again (wrk.access_changed()), or has a trigger say it
-- (wrk.enable_access()); what is left of somebody's rights is then asked where it always
-- is. It is a control event: written with the change, read by gateways before anything
-- else that was committed with or behind it, and by nobody but them.

CREATE FUNCTION wrk.access_changed(tenant_id text, users text[] DEFAULT NULL, sessions text[] DEFAULT NULL,
								   channels text[] DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_access_changed';
COMMENT ON FUNCTION wrk.access_changed(text, text[], text[], text[]) IS
'with the commit, gateways ask again what these connections may: of the users (empty string: of services without one), of the sessions (claim sid, else jti, or api_key:{id}), and whoever is in the channels (canonical names, such as tenant:T:project:42); without any list all of the tenant, without a tenant everybody or, with sessions, those of any tenant. Until they are answered nothing is handed out to them. To say it once too often does no harm. Several at once are told as fewer, and more than 100 as the whole tenant. Not for end users. Errors: WK400 bad_request, WK403 forbidden';
REVOKE ALL ON FUNCTION wrk.access_changed(text, text[], text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.access_changed(text, text[], text[], text[]) TO wrk_service;

-- ---------- tables of applications ----------

CREATE FUNCTION wrk.access_trigger()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_access_trigger';
COMMENT ON FUNCTION wrk.access_trigger() IS
'trigger of wrk.enable_access(): tells gateways whose rights came from the row. Errors: WK400 for a value that cannot be part of a channel''s name, WK403 for a row of a tenant that its writer does not act for, 23502 for a row without tenant';

CREATE FUNCTION wrk.access_config(tbl regclass)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT wrk.trigger_config(tbl, 'wrk.access_trigger()')
$$;
COMMENT ON FUNCTION wrk.access_config(regclass) IS
'what wrk.enable_access() was told about the table; NULL if it was told nothing';

CREATE FUNCTION wrk.enable_access(tbl regclass, user_column name DEFAULT NULL, channel text DEFAULT NULL,
								  columns text[] DEFAULT NULL, on_insert boolean DEFAULT false,
								  tenant_column name DEFAULT 'tenant_id')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- asked for by a channel only, so that a column that comes later changes nothing
	id_column text := CASE WHEN channel LIKE '%{id}%' THEN 'id' ELSE tenant_column END;
	named text[] := ARRAY(SELECT m[1] FROM regexp_matches(coalesce(channel, ''), '\{([^{}]*)\}', 'g') m
						  UNION SELECT unnest(columns) UNION SELECT user_column WHERE user_column IS NOT NULL);
	missing text;
	config jsonb;
BEGIN
	PERFORM wrk.event_check_table(tbl);
	SELECT n INTO missing FROM unnest(named) n
	WHERE NOT EXISTS (SELECT FROM pg_attribute a
		WHERE a.attrelid = tbl AND a.attname = n AND a.attnum > 0 AND NOT a.attisdropped) ORDER BY n LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'column "%" of table % does not exist', missing, tbl USING ERRCODE = 'undefined_column';
	END IF;
	IF tenant_column IS NULL OR on_insert IS NULL THEN
		RAISE EXCEPTION 'tenant_column and on_insert must not be null' USING ERRCODE = 'WK400';
	END IF;
	PERFORM wrk.tenancy_check_column(tbl, tenant_column);
	config := jsonb_build_object('entity', 'access', 'id', id_column, 'tenant', tenant_column,
		'channels', jsonb_build_array(coalesce(channel, 'tenant')));
	IF user_column IS NOT NULL THEN
		config := config || jsonb_build_object('audience', jsonb_build_array(format('user:{%s}', user_column)));
	END IF;
	-- what names nothing counts whatever changes
	IF named <> '{}' THEN
		config := config || jsonb_build_object('include', named || tenant_column::text);
	END IF;
	PERFORM wrk.event_config_check(tbl, config::text);
	EXECUTE format('CREATE OR REPLACE TRIGGER wrk_access AFTER %s UPDATE OR DELETE ON %s'
		' FOR EACH ROW EXECUTE FUNCTION wrk.access_trigger(%L)', CASE WHEN on_insert THEN 'INSERT OR' END, tbl, config);
	EXECUTE format('CREATE OR REPLACE TRIGGER wrk_access_truncate AFTER TRUNCATE ON %s'
		' FOR EACH STATEMENT EXECUTE FUNCTION wrk.access_trigger()', tbl);
END
$$;
COMMENT ON FUNCTION wrk.enable_access(regclass, name, text, text[], boolean, name) IS
'for a table whose rows give rights: when one is deleted, or an UPDATE changes what it says, gateways ask again what those may whom it names, as wrk.access_changed() has it; calling it again replaces what was said before.
user_column: whom the row gives rights. channel: name below the row''s tenant with {column} in it, such as project:{project_id}: whoever is in it. Both with the values before and after. Without them, or where one is NULL: everybody of the tenant.
columns: others whose change counts; without any named here all do. on_insert: also when a row is inserted, for rows that take rights away. TRUNCATE has everybody asked about.
For the owner of the table. Errors: WK400 bad_request, 42501, 42703, 42809, 42P16, 42804';

CREATE FUNCTION wrk.disable_access(tbl regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM wrk.tenancy_check_owner(tbl);
	IF wrk.access_config(tbl) IS NOT NULL THEN
		PERFORM wrk.protection_disabled(tbl, 'access');
	END IF;
	PERFORM wrk.trigger_drop(tbl, 'wrk.access_trigger()');
END
$$;
COMMENT ON FUNCTION wrk.disable_access(regclass) IS
'ends what wrk.enable_access() began; nothing happens if it did not. Recorded as protection.disabled. For the owner of the table. Error: 42501';

-- Whoever may put this trigger on a table of his own can have gateways ask about any
-- tenant, so not everybody who owns a table may.
REVOKE ALL ON FUNCTION wrk.access_trigger(), wrk.access_config(regclass),
	wrk.enable_access(regclass, name, text, text[], boolean, name), wrk.disable_access(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.access_trigger(), wrk.access_config(regclass),
	wrk.enable_access(regclass, name, text, text[], boolean, name), wrk.disable_access(regclass) TO wrk_service;

-- ---------- the engine's own ----------

CREATE FUNCTION wrk.access_watch()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	about text := CASE TG_OP WHEN 'TRUNCATE' THEN 'everybody' ELSE TG_TABLE_NAME END;
BEGIN
	CASE about
		WHEN 'revoked_session' THEN
			PERFORM wrk.access_changed(nullif(NEW.tenant_id, ''), sessions => ARRAY[NEW.session_id]);
		WHEN 'suspension' THEN
			PERFORM wrk.access_changed(NEW.tenant_id, CASE WHEN NEW.user_id <> '' THEN ARRAY[NEW.user_id] END);
		WHEN 'membership' THEN
			PERFORM wrk.access_changed(OLD.tenant_id, ARRAY[OLD.user_id]);
		WHEN 'api_key' THEN
			PERFORM wrk.access_changed(OLD.tenant_id, sessions => ARRAY['api_key:' || OLD.id]);
		ELSE
			-- roles, permissions, channels and keys are everybody's
			PERFORM wrk.access_changed(NULL);
	END CASE;
	RETURN NULL;
EXCEPTION WHEN SQLSTATE 'WK400' THEN
	-- nobody connects with such a tenant or name, and the row must be removable
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION wrk.access_watch() IS
'trigger of the engine''s own tables that rights come from: calls wrk.access_changed() for whom the row is about. Errors: none';
REVOKE ALL ON FUNCTION wrk.access_watch() FROM PUBLIC;

-- ALWAYS, because changes that logical replication applies fire no ordinary ones.
CREATE FUNCTION wrk.access_watch_table(tbl regclass, events text, condition text DEFAULT 'true')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	watcher text;
BEGIN
	EXECUTE format('CREATE TRIGGER access_watch AFTER %s ON %s FOR EACH ROW WHEN (%s)'
				   ' EXECUTE FUNCTION wrk.access_watch()', events, tbl, condition);
	-- what a condition says of an UPDATE cannot be said of a DELETE
	IF condition <> 'true' THEN
		EXECUTE format('CREATE TRIGGER access_watch_delete AFTER DELETE ON %s FOR EACH ROW'
					   ' EXECUTE FUNCTION wrk.access_watch()', tbl);
	END IF;
	EXECUTE format('CREATE TRIGGER access_watch_all AFTER TRUNCATE ON %s'
				   ' FOR EACH STATEMENT EXECUTE FUNCTION wrk.access_watch()', tbl);
	FOR watcher IN SELECT t.tgname FROM pg_trigger t
				   WHERE t.tgrelid = tbl AND t.tgfoid = 'wrk.access_watch()'::regprocedure
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tbl, watcher);
		EXECUTE format('COMMENT ON TRIGGER %I ON %s IS %L', watcher, tbl, 'open connections are asked about again');
	END LOOP;
END
$$;
COMMENT ON FUNCTION wrk.access_watch_table(regclass, text, text) IS
'has the events (such as DELETE, or UPDATE under a condition and then DELETE, too) of a table of the engine ask about open connections again; for the engine''s own installation';
REVOKE ALL ON FUNCTION wrk.access_watch_table(regclass, text, text) FROM PUBLIC;

SELECT wrk.access_watch_table('wrk.revoked_session', 'INSERT OR UPDATE');
SELECT wrk.access_watch_table('wrk.suspension', 'INSERT OR UPDATE');
SELECT wrk.access_watch_table('wrk.membership', 'UPDATE OR DELETE');
SELECT wrk.access_watch_table('wrk.api_key', 'UPDATE', 'OLD.* IS DISTINCT FROM NEW.*');
SELECT wrk.access_watch_table('wrk.role', 'UPDATE', 'OLD.* IS DISTINCT FROM NEW.*');
SELECT wrk.access_watch_table('wrk.permission', 'UPDATE', 'OLD.* IS DISTINCT FROM NEW.*');
SELECT wrk.access_watch_table('wrk.resource_type', 'UPDATE', 'OLD.* IS DISTINCT FROM NEW.*');
SELECT wrk.access_watch_table('wrk.channel_rule', 'UPDATE', 'OLD.* IS DISTINCT FROM NEW.*');
-- a set of keys is fetched again and again
SELECT wrk.access_watch_table('wrk.jwt_key', 'UPDATE',
	'ROW(OLD.alg, OLD.jwk, OLD.audience, OLD.claims, OLD.leeway, OLD.retire_at, OLD.issuer, OLD.kid) IS DISTINCT FROM'
	' ROW(NEW.alg, NEW.jwk, NEW.audience, NEW.claims, NEW.leeway, NEW.retire_at, NEW.issuer, NEW.kid)');
