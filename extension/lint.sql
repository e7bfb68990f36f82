-- wrk.lint(): what in this database weakens the isolation of tenants.
--
-- Catalogs only: it runs in milliseconds, changes nothing and sees what psql
-- shows.  A fresh installation has no findings; anything that appears was done
-- later, by somebody who may not have known.  Objects of other extensions are
-- theirs and are left out.

CREATE FUNCTION wrk.lint_foreign(classid oid, objid oid)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM pg_depend d
				   WHERE d.classid = lint_foreign.classid AND d.objid = lint_foreign.objid AND d.deptype = 'e')
$$;
COMMENT ON FUNCTION wrk.lint_foreign(oid, oid) IS 'part of wrk.lint(): whether the object belongs to an extension';

CREATE FUNCTION wrk.lint_tenancy(OUT tbl regclass, OUT tenant_column name, OUT attnum smallint)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- partitions carry a copy of their parent's trigger and count by themselves
	SELECT t.tgrelid, a.attname, a.attnum
	FROM pg_trigger t
	JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attname = wrk.tenancy_column(t.tgrelid)
	WHERE t.tgfoid = 'wrk.tenancy_guard()'::regprocedure
$$;
COMMENT ON FUNCTION wrk.lint_tenancy() IS 'part of wrk.lint(): tables under wrk.enable_tenancy() and their tenant column';

CREATE FUNCTION wrk.lint_tables()
RETURNS TABLE (name text, level text, detail text, remediation text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT 'unprotected_table', 'error',
		format('table %s has a column %I, and nothing keeps its tenants apart', c.oid::regclass, a.attname),
		format('SELECT wrk.enable_tenancy(%L, %L);', c.oid::regclass, a.attname)
	FROM pg_class c
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
		AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
		AND (a.attname = 'tenant_id' OR a.attname IN (
			SELECT l.tenant_column FROM wrk.lint_tenancy() l WHERE l.tenant_column <> 'id'))
		AND c.oid NOT IN (SELECT l.tbl FROM wrk.lint_tenancy() l)
		AND NOT wrk.lint_foreign('pg_class'::regclass, c.oid)
	UNION ALL
	SELECT 'unprotected_partition', 'error',
		format('partition %s of an isolated table has no row-level security of its own', l.tbl),
		format('SELECT wrk.enable_tenancy(%L, %L);', pg_partition_root(l.tbl), l.tenant_column)
	FROM wrk.lint_tenancy() l JOIN pg_class c ON c.oid = l.tbl AND c.relispartition
	WHERE NOT c.relrowsecurity
	UNION ALL
	SELECT 'row_security_off', 'error',
		format('row-level security of isolated table %s was switched off', l.tbl),
		format('SELECT wrk.enable_tenancy(%L, %L);', l.tbl, l.tenant_column)
	FROM wrk.lint_tenancy() l JOIN pg_class c ON c.oid = l.tbl AND NOT c.relispartition
	WHERE NOT c.relrowsecurity
	UNION ALL
	SELECT 'row_security_not_forced', 'error',
		format('row-level security of table %s does not bind its owner %I', c.oid::regclass,
			   pg_get_userbyid(c.relowner)),
		format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', c.oid::regclass)
	FROM pg_class c
	WHERE c.relrowsecurity AND NOT c.relforcerowsecurity
		AND NOT wrk.lint_foreign('pg_class'::regclass, c.oid)
	UNION ALL
	SELECT 'missing_index', 'warning',
		format('isolated table %s has no index that leads with %I', l.tbl, l.tenant_column),
		format('CREATE INDEX CONCURRENTLY ON %s (%I);', l.tbl, l.tenant_column)
	FROM wrk.lint_tenancy() l WHERE wrk.tenancy_index(l.tbl, l.tenant_column) IS NULL
	UNION ALL
	SELECT 'tenant_nullable', 'error',
		format('tenant column %I of isolated table %s may be null', l.tenant_column, l.tbl),
		format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL;', l.tbl, l.tenant_column)
	FROM wrk.lint_tenancy() l JOIN pg_attribute a ON a.attrelid = l.tbl AND a.attnum = l.attnum
	WHERE NOT a.attnotnull
	UNION ALL
	SELECT 'foreign_key_crosses_tenants', 'error',
		format('foreign key %I of %s refers to %s without the tenant on both sides,'
			   ' so a row can refer to another tenant''s',
			   k.conname, k.conrelid::regclass, k.confrelid::regclass),
		format('Replace it by one over (%I, ...) that refers to a key beginning with %I of %s.',
			   here.tenant_column, there.tenant_column, there.tbl)
	FROM pg_constraint k
	JOIN wrk.lint_tenancy() here ON here.tbl = k.conrelid
	JOIN wrk.lint_tenancy() there ON there.tbl = k.confrelid
	WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT EXISTS (
		SELECT FROM unnest(k.conkey, k.confkey) AS pair (mine, theirs)
		WHERE pair.mine = here.attnum AND pair.theirs = there.attnum)
$$;
COMMENT ON FUNCTION wrk.lint_tables() IS 'part of wrk.lint(): tables, their indexes and references';

CREATE FUNCTION wrk.lint_expression(expression text)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	rest text := regexp_replace(expression, '''(''''|[^''])*''', '', 'g');
	innermost text;
BEGIN
	-- folds parentheses from the inside: a sub-select that reads no table runs
	-- once, so what it calls may go; all others become brackets and stay
	LOOP
		innermost := substring(rest FROM '\([^()]*\)');
		EXIT WHEN innermost IS NULL;
		rest := replace(rest, innermost, CASE
			WHEN innermost ~ '^\(\s*SELECT\s' AND innermost !~ '\sFROM\s' THEN 'once'
			ELSE '[' || substr(innermost, 2, length(innermost) - 2) || ']' END);
	END LOOP;
	RETURN rest ~ '\mwrk\.(tenant_id|user_id|session_id|roles|has_role|identity)\[';
END
$$;
COMMENT ON FUNCTION wrk.lint_expression(text) IS
'part of wrk.lint(): whether a policy''s expression calls a reader of the identity once a row rather than once a query';

CREATE FUNCTION wrk.lint_policies()
RETURNS TABLE (name text, level text, detail text, remediation text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT 'tenancy_policy_changed', 'error',
		format('isolated table %s lacks the restrictive policy wrk_tenancy for all roles and commands', l.tbl),
		format('SELECT wrk.enable_tenancy(%L, %L);', coalesce(pg_partition_root(l.tbl), l.tbl),
			   l.tenant_column)
	FROM wrk.lint_tenancy() l JOIN pg_class c ON c.oid = l.tbl AND c.relrowsecurity
	WHERE NOT EXISTS (
		SELECT FROM pg_policy p
		WHERE p.polrelid = l.tbl AND p.polname = 'wrk_tenancy' AND NOT p.polpermissive
			AND p.polcmd = '*' AND p.polroles = '{0}'
			AND pg_get_expr(p.polqual, p.polrelid)
				~ '= \( SELECT \(?wrk\.tenant_id\(\)\)?(::\w+)? AS tenant_id\)\)$'
			AND pg_get_expr(p.polwithcheck, p.polrelid) = pg_get_expr(p.polqual, p.polrelid))
	UNION ALL
	SELECT 'policy_reads_identity_per_row', 'warning',
		format('policy %I of table %s calls a reader of the identity once a row', p.polname,
			   p.polrelid::regclass),
		'Write (SELECT wrk.tenant_id()) instead of wrk.tenant_id(), and so on.'
	FROM pg_policy p
	WHERE wrk.lint_expression(coalesce(pg_get_expr(p.polqual, p.polrelid), ''))
		OR wrk.lint_expression(coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''))
	UNION ALL
	SELECT 'trigger_disabled', 'error',
		format('trigger %I of table %s, which calls %s, is %s', t.tgname, t.tgrelid::regclass,
			   t.tgfoid::regprocedure,
			   CASE t.tgenabled WHEN 'D' THEN 'disabled' ELSE 'enabled for replicas only' END),
		format('ALTER TABLE %s ENABLE TRIGGER %I;', t.tgrelid::regclass, t.tgname)
	FROM pg_trigger t
	JOIN pg_proc f ON f.oid = t.tgfoid AND f.pronamespace::regnamespace::text IN ('wrk', 'copilot')
	WHERE t.tgenabled IN ('D', 'R')
$$;
COMMENT ON FUNCTION wrk.lint_policies() IS 'part of wrk.lint(): policies and triggers';

CREATE FUNCTION wrk.lint_code()
RETURNS TABLE (name text, level text, detail text, remediation text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT 'definer_without_search_path', 'error',
		format('function %s runs with the rights of %I and finds names on the path of its caller',
			   f.oid::regprocedure, pg_get_userbyid(f.proowner)),
		format('ALTER FUNCTION %s SET search_path TO pg_catalog, pg_temp;', f.oid::regprocedure)
	FROM pg_proc f
	WHERE f.prosecdef
		AND f.pronamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
		AND NOT EXISTS (SELECT FROM unnest(f.proconfig) s WHERE starts_with(s, 'search_path='))
		AND (NOT wrk.lint_foreign('pg_proc'::regclass, f.oid)
			 OR f.pronamespace::regnamespace::text IN ('wrk', 'copilot'))
	UNION ALL
	SELECT DISTINCT 'view_bypasses_row_security', 'error',
		format('%s %s reads isolated table %s with the rights of %I',
			   CASE v.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END,
			   v.oid::regclass, l.tbl, pg_get_userbyid(v.relowner)),
		CASE WHEN v.relkind = 'm' THEN
				format('Keep it from wrk_member: REVOKE ALL ON %s FROM PUBLIC, wrk_member;', v.oid::regclass)
			WHEN current_setting('server_version_num')::integer < 150000 THEN
				'PostgreSQL 14 has no security_invoker: revoke the view from wrk_member, or upgrade to 15.'
			ELSE format('ALTER VIEW %s SET (security_invoker = true);', v.oid::regclass) END
	FROM pg_class v
	JOIN pg_rewrite r ON r.ev_class = v.oid
	JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
		AND d.refclassid = 'pg_class'::regclass
	JOIN wrk.lint_tenancy() l ON l.tbl = d.refobjid
	WHERE v.relkind IN ('v', 'm') AND NOT wrk.lint_foreign('pg_class'::regclass, v.oid)
		AND coalesce((SELECT o.option_value::boolean FROM pg_options_to_table(v.reloptions) o
					  WHERE o.option_name = 'security_invoker'), false) = false
		AND (v.relkind = 'v' OR has_table_privilege('wrk_member', v.oid, 'SELECT'))
$$;
COMMENT ON FUNCTION wrk.lint_code() IS 'part of wrk.lint(): functions and views that run with another''s rights';

CREATE FUNCTION wrk.lint_grants()
RETURNS TABLE (name text, level text, detail text, remediation text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH object AS (
		SELECT 'pg_proc'::regclass AS classid, f.oid, format('function %s', f.oid::regprocedure) AS label,
			coalesce(f.proacl, acldefault('f', f.proowner)) AS acl
		FROM pg_proc f
		UNION ALL
		SELECT 'pg_class'::regclass, c.oid, format('%s', c.oid::regclass),
			coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))
		FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
		UNION ALL
		SELECT 'pg_namespace'::regclass, n.oid, format('schema %I', n.nspname),
			coalesce(n.nspacl, acldefault('n', n.nspowner))
		FROM pg_namespace n),
	ours AS (
		SELECT o.*, i.initprivs FROM object o
		JOIN pg_depend d ON d.classid = o.classid AND d.objid = o.oid AND d.deptype = 'e'
		JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
			AND e.extname = 'wrk_copilot'
		LEFT JOIN pg_init_privs i ON i.classoid = o.classid AND i.objoid = o.oid AND i.objsubid = 0)
	SELECT 'public_grant', 'error',
		format('everybody has %s on %s of the extension, which did not grant it', p.privilege_type, o.label),
		format('REVOKE %s ON %s FROM PUBLIC;', p.privilege_type, o.label)
	FROM ours o, aclexplode(o.acl) p
	WHERE p.grantee = 0 AND NOT EXISTS (
		SELECT FROM aclexplode(o.initprivs) i WHERE i.grantee = 0 AND i.privilege_type = p.privilege_type)
	UNION ALL
	SELECT 'grant_beyond_row_security', 'error',
		format('%s has %s on isolated table %s, which row-level security does not limit',
			   CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE p.grantee::regrole::text END, p.privilege_type, l.tbl),
		format('REVOKE %s ON %s FROM %s;', p.privilege_type, l.tbl,
			   CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE p.grantee::regrole::text END)
	FROM wrk.lint_tenancy() l JOIN pg_class c ON c.oid = l.tbl, aclexplode(c.relacl) p
	WHERE p.privilege_type IN ('TRUNCATE', 'TRIGGER', 'REFERENCES')
		AND (p.grantee = 0 OR p.grantee IN (SELECT m.oid FROM wrk.lint_members() m))
$$;
COMMENT ON FUNCTION wrk.lint_grants() IS 'part of wrk.lint(): rights that were granted later, or that row-level security does not limit';

CREATE FUNCTION wrk.lint_members(OUT oid oid, OUT name name)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- by grant only: a superuser has the rights of every role anyway
	WITH RECURSIVE member (id) AS (
		SELECT r.oid FROM pg_roles r WHERE r.rolname IN ('wrk_member', 'wrk_ops', 'wrk_gateway')
		UNION
		SELECT m.member FROM pg_auth_members m JOIN member ON member.id = m.roleid)
	SELECT r.oid, r.rolname FROM member JOIN pg_roles r ON r.oid = member.id
$$;
COMMENT ON FUNCTION wrk.lint_members() IS 'part of wrk.lint(): roles that act as members, directly or through other roles';

CREATE FUNCTION wrk.lint_roles()
RETURNS TABLE (name text, level text, detail text, remediation text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT 'member_bypasses_row_security', 'error',
		format('role %I is a member of wrk_member and %s, so no policy binds it', r.rolname,
			   CASE WHEN r.rolsuper THEN 'a superuser' ELSE 'has BYPASSRLS' END),
		format('ALTER ROLE %I %s;', r.rolname,
			   CASE WHEN r.rolsuper THEN 'NOSUPERUSER NOBYPASSRLS' ELSE 'NOBYPASSRLS' END)
	FROM wrk.lint_members() m JOIN pg_roles r ON r.oid = m.oid
	WHERE r.rolsuper OR r.rolbypassrls
	UNION ALL
	SELECT 'member_owns_table', 'error',
		format('role %I is a member of wrk_member and owns isolated table %s,'
			   ' so it can take the protection away',
			   r.rolname, l.tbl),
		format('ALTER TABLE %s OWNER TO a role that no application uses;', l.tbl)
	FROM wrk.lint_tenancy() l JOIN pg_class c ON c.oid = l.tbl JOIN pg_roles r ON r.oid = c.relowner
	WHERE r.rolcanlogin AND r.oid IN (SELECT m.oid FROM wrk.lint_members() m)
$$;
COMMENT ON FUNCTION wrk.lint_roles() IS 'part of wrk.lint(): database roles that policies do not bind';

CREATE FUNCTION wrk.lint()
RETURNS TABLE (name text, level text, detail text, remediation text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT * FROM wrk.lint_tables()
	UNION ALL SELECT * FROM wrk.lint_policies()
	UNION ALL SELECT * FROM wrk.lint_code()
	UNION ALL SELECT * FROM wrk.lint_grants()
	UNION ALL SELECT * FROM wrk.lint_roles()
	ORDER BY 2, 1, 3
$$;
COMMENT ON FUNCTION wrk.lint() IS
'one row for each thing in this database that weakens the isolation of tenants: name of the finding, level (error, warning), what it is about, what to do. Empty on a fresh installation';

REVOKE ALL ON FUNCTION wrk.lint_foreign(oid, oid), wrk.lint_tenancy(), wrk.lint_tables(),
	wrk.lint_expression(text), wrk.lint_policies(), wrk.lint_code(), wrk.lint_grants(),
	wrk.lint_members(), wrk.lint_roles(), wrk.lint() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.lint_foreign(oid, oid), wrk.lint_tenancy(), wrk.lint_tables(),
	wrk.lint_expression(text), wrk.lint_policies(), wrk.lint_code(), wrk.lint_grants(),
	wrk.lint_members(), wrk.lint_roles(), wrk.lint() TO wrk_ops, wrk_service;
