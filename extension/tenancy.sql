-- Tenant isolation for any table: row-level security switched on the same way everywhere.
--
-- Everything enable_tenancy() makes lives in the table's own catalog entries
-- (policies, a trigger, a default), so it travels with pg_dump and needs no
-- table of ours.  The trigger's second argument records what was switched on
-- here rather than before, which is what disable_tenancy() takes back.

CREATE FUNCTION wrk.tenancy_guard()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_tenancy_guard';
COMMENT ON FUNCTION wrk.tenancy_guard() IS
'trigger of wrk.enable_tenancy(): refuses a change of the tenant column, whoever makes it; arguments: column, what was made. Error: WK403 forbidden';
REVOKE ALL ON FUNCTION wrk.tenancy_guard() FROM PUBLIC;
-- whoever owns a table may put it there; it can do nothing but refuse
GRANT EXECUTE ON FUNCTION wrk.tenancy_guard() TO PUBLIC;

CREATE FUNCTION wrk.tenancy_column(tbl regclass)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- trigger arguments are stored one after the other, each ended by a zero byte
	SELECT convert_from(substr(t.tgargs, 1, position('\x00'::bytea IN t.tgargs) - 1),
						getdatabaseencoding())
	FROM pg_trigger t
	WHERE t.tgrelid = tbl AND t.tgfoid = 'wrk.tenancy_guard()'::regprocedure
$$;
COMMENT ON FUNCTION wrk.tenancy_column(regclass) IS
'column that wrk.enable_tenancy() isolates the table by, NULL if it does not';

CREATE FUNCTION wrk.tenancy_made(tbl regclass)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT convert_from(trim('\x00'::bytea FROM substr(t.tgargs, position('\x00'::bytea IN t.tgargs))),
						getdatabaseencoding())::jsonb
	FROM pg_trigger t
	WHERE t.tgrelid = tbl AND t.tgfoid = 'wrk.tenancy_guard()'::regprocedure
$$;
COMMENT ON FUNCTION wrk.tenancy_made(regclass) IS
'what wrk.enable_tenancy() switched on that was off before: {row_security, force, default, index}';

CREATE FUNCTION wrk.tenancy_relations(tbl regclass)
RETURNS SETOF regclass
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT tbl UNION SELECT t.relid FROM pg_partition_tree(tbl) t
$$;
COMMENT ON FUNCTION wrk.tenancy_relations(regclass) IS
'the table and its partitions on every level: policies of a parent do not guard a partition that is named directly';

CREATE FUNCTION wrk.tenancy_index(tbl regclass, tenant_column name)
RETURNS name
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT c.relname
	FROM pg_index i
	JOIN pg_class c ON c.oid = i.indexrelid
	JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
	JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
	WHERE i.indrelid = tbl AND a.attname = tenant_column
		AND i.indisvalid AND i.indpred IS NULL
	ORDER BY i.indisprimary DESC, c.oid
	LIMIT 1
$$;
COMMENT ON FUNCTION wrk.tenancy_index(regclass, name) IS
'a valid, whole-table btree index that leads with the column, NULL if there is none';

CREATE FUNCTION wrk.tenancy_check_owner(tbl regclass)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF tbl IS NULL THEN
		RAISE EXCEPTION 'tbl must not be null' USING ERRCODE = 'WK400';
	END IF;
	IF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c WHERE c.oid = tbl) THEN
		RAISE EXCEPTION 'must be owner of table %', tbl USING ERRCODE = '42501';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.tenancy_check_owner(regclass) IS
'refuses a caller who does not own the table. Error: 42501';

CREATE FUNCTION wrk.tenancy_check_table(tbl regclass)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	rel pg_class;
	foreign_part regclass;
BEGIN
	SELECT * INTO rel FROM pg_class c WHERE c.oid = tbl;
	IF rel.relkind NOT IN ('r', 'p') THEN
		RAISE EXCEPTION '% is not a table', tbl USING ERRCODE = 'wrong_object_type',
			DETAIL = 'Row-level security protects ordinary and partitioned tables only.',
			HINT = CASE rel.relkind
				WHEN 'v' THEN 'Protect the tables below the view and make the view WITH (security_invoker).'
				ELSE 'Do not grant it to wrk_member.' END;
	END IF;
	IF rel.relispartition THEN
		RAISE EXCEPTION '% is a partition', tbl USING ERRCODE = 'wrong_object_type',
			HINT = 'Call wrk.enable_tenancy() for the partitioned table; it sees to the partitions.';
	END IF;
	SELECT r INTO foreign_part
	FROM wrk.tenancy_relations(tbl) r JOIN pg_class c ON c.oid = r WHERE c.relkind = 'f' LIMIT 1;
	IF foreign_part IS NOT NULL THEN
		RAISE EXCEPTION 'partition % of % is a foreign table', foreign_part, tbl
			USING ERRCODE = 'wrong_object_type',
			DETAIL = 'Row-level security cannot protect a foreign table.';
	END IF;
	IF rel.relkind = 'r' AND EXISTS (
		SELECT FROM pg_inherits i WHERE tbl IN (i.inhrelid, i.inhparent)) THEN
		RAISE EXCEPTION '% takes part in table inheritance', tbl USING ERRCODE = 'wrong_object_type',
			DETAIL = 'Policies and triggers are not inherited.',
			HINT = 'Use declarative partitioning.';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.tenancy_check_table(regclass) IS
'refuses what row-level security cannot protect as a whole. Error: 42809 wrong_object_type';

CREATE FUNCTION wrk.tenancy_check_column(tbl regclass, tenant_column name)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	att pg_attribute;
	base_type regtype;
BEGIN
	SELECT * INTO att FROM pg_attribute a
	WHERE a.attrelid = tbl AND a.attname = tenant_column AND a.attnum > 0 AND NOT a.attisdropped;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'column "%" of table % does not exist', tenant_column, tbl
			USING ERRCODE = 'undefined_column',
				HINT = 'Say which column holds the tenant: tenant_column => ''...''.';
	END IF;
	IF NOT att.attnotnull THEN
		RAISE EXCEPTION 'tenant column "%" of table % may be null', tenant_column, tbl
			USING ERRCODE = 'invalid_table_definition',
			DETAIL = 'A row without a tenant would belong to nobody.',
			HINT = format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL;', tbl, tenant_column);
	END IF;
	SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END INTO base_type
	FROM pg_type t WHERE t.oid = att.atttypid;
	IF base_type NOT IN ('uuid'::regtype, 'text'::regtype, 'varchar'::regtype,
						 'smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN
		RAISE EXCEPTION 'tenant column "%" of table % has type %', tenant_column, tbl, base_type
			USING ERRCODE = 'datatype_mismatch',
			DETAIL = 'Types that cut, pad or round a value could take two tenants for one.',
			HINT = 'Use uuid, text, varchar, smallint, integer or bigint.';
	END IF;
	IF EXISTS (SELECT FROM pg_collation c
			   WHERE c.oid = att.attcollation AND NOT c.collisdeterministic) THEN
		RAISE EXCEPTION 'tenant column "%" of table % has a nondeterministic collation',
			tenant_column, tbl USING ERRCODE = 'collation_mismatch',
			DETAIL = 'Two tenants that compare equal would see each other.';
	END IF;
	RETURN CASE WHEN base_type IN ('text'::regtype, 'varchar'::regtype) THEN ''
		ELSE '::' || base_type::text END;
END
$$;
COMMENT ON FUNCTION wrk.tenancy_check_column(regclass, name) IS
'refuses a column that cannot hold a tenant safely; returns the cast that turns wrk.tenant_id() into its type, empty for none. Errors: 42703, 42P16, 42804, 42P21';

CREATE FUNCTION wrk.tenancy_drop_policies(rel regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	policy name;
BEGIN
	FOR policy IN
		SELECT p.polname FROM pg_policy p
		WHERE p.polrelid = rel AND p.polname IN ('wrk_tenancy', 'wrk_tenancy_base')
	LOOP
		EXECUTE format('DROP POLICY %I ON %s', policy, rel);
	END LOOP;
END
$$;
COMMENT ON FUNCTION wrk.tenancy_drop_policies(regclass) IS
'takes the policies of wrk.enable_tenancy() from one table or partition';

CREATE FUNCTION wrk.tenancy_protect(rel regclass, tenant_column name, type_cast text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- the sub-select runs once a query, not once a row, and its result can be an index key
	mine text := format('(%I = (SELECT wrk.tenant_id()%s))', tenant_column, type_cast);
	-- all of them; but it names a function of ours, so that DROP EXTENSION does not leave this
	-- policy without the one that narrows it. The planner makes it true.
	all_rows CONSTANT text := '((SELECT wrk.tenant_id()) IS NOT NULL OR true)';
BEGIN
	EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', rel);
	PERFORM wrk.tenancy_drop_policies(rel);
	EXECUTE format('CREATE POLICY wrk_tenancy ON %s AS RESTRICTIVE USING %s WITH CHECK %2$s',
				   rel, mine);
	EXECUTE format('COMMENT ON POLICY wrk_tenancy ON %s IS %L', rel,
				   'no role sees or writes a row of another tenant');
	EXECUTE format('CREATE POLICY wrk_tenancy_base ON %s TO wrk_member'
				   ' USING %s WITH CHECK %2$s', rel, all_rows);
	EXECUTE format('COMMENT ON POLICY wrk_tenancy_base ON %s IS %L', rel,
				   'members start from all rows of their tenant; restrictive policies narrow it');
END
$$;
COMMENT ON FUNCTION wrk.tenancy_protect(regclass, name, text) IS
'part of wrk.enable_tenancy(): row security and both policies of one table or partition';

CREATE FUNCTION wrk.enable_tenancy(tbl regclass, tenant_column name DEFAULT 'tenant_id',
								   add_index boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	rel pg_class;
	type_cast text;
	made jsonb;
	old_column text := wrk.tenancy_column(tbl);
BEGIN
	PERFORM wrk.tenancy_check_owner(tbl);
	PERFORM wrk.tenancy_check_table(tbl);
	type_cast := wrk.tenancy_check_column(tbl, tenant_column);
	IF old_column <> tenant_column AND EXISTS (
		SELECT FROM pg_attribute a
		WHERE a.attrelid = tbl AND a.attname = old_column AND NOT a.attisdropped) THEN
		RAISE EXCEPTION 'table % is isolated by column "%" already', tbl, old_column
			USING ERRCODE = 'object_in_use', HINT = 'Call wrk.disable_tenancy() first.';
	END IF;

	EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', tbl);
	SELECT * INTO rel FROM pg_class c WHERE c.oid = tbl;
	made := coalesce(wrk.tenancy_made(tbl), jsonb_build_object('row_security', NOT rel.relrowsecurity,
		'force', NOT rel.relforcerowsecurity, 'default', false));

	IF wrk.tenancy_index(tbl, tenant_column) IS NULL THEN
		IF NOT add_index THEN
			RAISE EXCEPTION 'table % has no index that leads with "%"', tbl, tenant_column
				USING ERRCODE = 'invalid_table_definition',
				DETAIL = 'Without one every query of a tenant reads all tenants'' rows.',
				HINT = 'Lead the primary key with it, or pass add_index => true.';
		END IF;
		EXECUTE format('CREATE INDEX ON %s (%I)', tbl, tenant_column);
		made := made || jsonb_build_object('index', wrk.tenancy_index(tbl, tenant_column));
	END IF;
	IF NOT EXISTS (SELECT FROM pg_attribute a
				   WHERE a.attrelid = tbl AND a.attname = tenant_column AND a.atthasdef) THEN
		EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT wrk.tenant_id()%s',
					   tbl, tenant_column, type_cast);
		made := made || '{"default": true}';
	END IF;

	PERFORM wrk.tenancy_protect(r, tenant_column, type_cast) FROM wrk.tenancy_relations(tbl) r;
	EXECUTE format('CREATE OR REPLACE TRIGGER zz_wrk_tenancy BEFORE UPDATE ON %s'
				   ' FOR EACH ROW EXECUTE FUNCTION wrk.tenancy_guard(%L, %L)', tbl, tenant_column, made);
END
$$;
COMMENT ON FUNCTION wrk.enable_tenancy(regclass, name, boolean) IS
'isolates the tenants of a table: forced row-level security with a restrictive policy for all roles, a base policy for wrk_member, a default from the identity, an immutable tenant column; partitions included. Asks for NOT NULL and an index that leads with the column (add_index makes one). Idempotent; call it again after adding partitions. The caller must own the table. Errors: 42501, 42809, 42703, 42P16, 42804, 42P21, 55006';

CREATE FUNCTION wrk.tenancy_unprotect(rel regclass, row_security boolean, force boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM wrk.tenancy_drop_policies(rel);
	IF EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = rel) THEN
		RAISE NOTICE 'table % keeps row-level security for its other policies', rel;
		RETURN;
	END IF;
	IF force THEN
		EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', rel);
	END IF;
	IF row_security THEN
		EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', rel);
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.tenancy_unprotect(regclass, boolean, boolean) IS
'part of wrk.disable_tenancy(): takes the policies and, if it was switched on with them, row security from one table or partition';

CREATE FUNCTION wrk.disable_tenancy(tbl regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	made jsonb := wrk.tenancy_made(tbl);
	tenant_column text := wrk.tenancy_column(tbl);
	made_index regclass;
BEGIN
	PERFORM wrk.tenancy_check_owner(tbl);
	IF made IS NULL THEN
		RETURN;
	END IF;
	PERFORM wrk.protection_disabled(tbl, 'tenancy');
	EXECUTE format('DROP TRIGGER zz_wrk_tenancy ON %s', tbl);
	PERFORM wrk.tenancy_unprotect(r, (made->>'row_security')::boolean, (made->>'force')::boolean)
	FROM wrk.tenancy_relations(tbl) r;
	IF (made->>'default')::boolean THEN
		EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', tbl, tenant_column);
	END IF;
	-- the trigger's arguments are its owner's word: an index of another table stays
	SELECT i.indexrelid::regclass INTO made_index
	FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
	WHERE i.indrelid = tbl AND c.relname = made->>'index';
	IF made_index IS NOT NULL THEN
		EXECUTE format('DROP INDEX %s', made_index);
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.disable_tenancy(regclass) IS
'takes back what wrk.enable_tenancy() made and nothing that was there before; row security stays while other policies use it. Does nothing for a table without tenancy. Recorded as protection.disabled. The caller must own the table. Error: 42501';

-- These run with the rights of their caller and ask for ownership of the table,
-- so everyone who owns a table may use them.
REVOKE ALL ON FUNCTION wrk.tenancy_column(regclass), wrk.tenancy_made(regclass),
	wrk.tenancy_relations(regclass),
	wrk.tenancy_index(regclass, name), wrk.tenancy_check_owner(regclass),
	wrk.tenancy_check_table(regclass), wrk.tenancy_check_column(regclass, name),
	wrk.tenancy_drop_policies(regclass), wrk.tenancy_protect(regclass, name, text),
	wrk.enable_tenancy(regclass, name, boolean),
	wrk.tenancy_unprotect(regclass, boolean, boolean), wrk.disable_tenancy(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.tenancy_column(regclass), wrk.tenancy_made(regclass),
	wrk.tenancy_relations(regclass),
	wrk.tenancy_index(regclass, name), wrk.tenancy_check_owner(regclass),
	wrk.tenancy_check_table(regclass), wrk.tenancy_check_column(regclass, name),
	wrk.tenancy_drop_policies(regclass), wrk.tenancy_protect(regclass, name, text),
	wrk.enable_tenancy(regclass, name, boolean),
	wrk.tenancy_unprotect(regclass, boolean, boolean), wrk.disable_tenancy(regclass) TO PUBLIC;
