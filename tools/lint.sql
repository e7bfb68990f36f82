-- What the catalog of a fresh installation says against us, one row a finding: object, what is wrong.
-- psql variables: public and nodump, lines of tools/lint.allow.
SET client_min_messages = warning;
CREATE EXTENSION wrk_copilot;
SELECT to_regprocedure('copilot.install()') IS NOT NULL AS has_copilot,
	to_regprocedure('wrk.lint()') IS NOT NULL AS has_lint \gset
\if :has_copilot
SELECT copilot.install() \g /dev/null
\endif

CREATE TEMP TABLE allow_public AS
SELECT CASE WHEN entry ~ '^function ' -- in the server's own spelling, wrk."position"()
	THEN coalesce('function ' || to_regprocedure(substr(entry, 10))::text, entry) ELSE entry END AS entry
FROM string_to_table(:'public', E'\n') entry;
CREATE TEMP TABLE allow_nodump AS SELECT entry FROM string_to_table(:'nodump', E'\n') entry;
CREATE TEMP VIEW ours AS SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('wrk', 'copilot');

-- no comment
SELECT 'schema ' || nspname, 'has no comment' FROM ours WHERE obj_description(oid, 'pg_namespace') IS NULL;
SELECT 'relation ' || c.oid::regclass, 'has no comment'
FROM pg_class c JOIN ours n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'c', 'f') AND NOT c.relispartition AND obj_description(c.oid, 'pg_class') IS NULL
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
		AND d.refclassid = 'pg_class'::regclass)
	AND NOT (c.relkind = 'c' AND EXISTS (SELECT FROM pg_type t WHERE t.typrelid = c.oid AND obj_description(t.oid, 'pg_type') IS NOT NULL))
ORDER BY 1;
SELECT 'function ' || p.oid::regprocedure, 'has no comment'
FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace WHERE obj_description(p.oid, 'pg_proc') IS NULL ORDER BY 1;
SELECT 'type ' || t.oid::regtype, 'has no comment'
FROM pg_type t JOIN ours n ON n.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd', 'b', 'r') AND t.typelem = 0 AND obj_description(t.oid, 'pg_type') IS NULL ORDER BY 1;

-- left to everyone
SELECT 'function ' || p.oid::regprocedure, 'left to PUBLIC by default: REVOKE, then GRANT'
FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace WHERE p.proacl IS NULL ORDER BY 1;
CREATE TEMP VIEW granted AS
SELECT 'function ' || p.oid::regprocedure AS object, a.privilege_type
FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace, aclexplode(p.proacl) a WHERE a.grantee = 0
UNION ALL
SELECT 'relation ' || c.oid::regclass, a.privilege_type
FROM pg_class c JOIN ours n ON n.oid = c.relnamespace, aclexplode(c.relacl) a WHERE a.grantee = 0
UNION ALL
SELECT 'relation ' || c.oid::regclass, a.privilege_type
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN ours n ON n.oid = c.relnamespace, aclexplode(t.attacl) a
WHERE a.grantee = 0
UNION ALL
SELECT 'schema ' || n.nspname, a.privilege_type FROM pg_namespace s JOIN ours n USING (oid), aclexplode(s.nspacl) a WHERE a.grantee = 0;
SELECT object, 'PUBLIC has ' || string_agg(privilege_type, ', ') || ', but it is not in tools/lint.allow'
FROM granted WHERE object NOT IN (SELECT entry FROM allow_public) GROUP BY object ORDER BY 1;
SELECT object, 'PUBLIC may do more than read: ' || privilege_type
FROM granted WHERE privilege_type NOT IN ('SELECT', 'EXECUTE', 'USAGE') ORDER BY 1;
SELECT entry, 'stands in tools/lint.allow, but PUBLIC has no right on it' FROM allow_public
WHERE entry NOT IN (SELECT object FROM granted) ORDER BY 1;

-- rights of the owner with names of the caller
SELECT 'function ' || p.oid::regprocedure, 'SECURITY DEFINER without search_path pinned to end in pg_temp'
FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace
WHERE p.prosecdef AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~ '^search_path=([a-z_]+, )*pg_temp$') ORDER BY 1;

-- rows that pg_dump would lose
SELECT 'relation ' || c.oid::regclass, 'engine table without pg_extension_config_dump'
FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'wrk_copilot'
WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence = 'p' AND c.oid <> ALL (coalesce(e.extconfig, '{}'))
	AND c.oid::regclass::text NOT IN (SELECT entry FROM allow_nodump)
	AND NOT (c.relkind = 'p' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid)) -- its partitions hold the rows
ORDER BY 1;

-- what pg_upgrade refuses to take along
SELECT 'relation ' || c.oid::regclass, format('column %I of type %s stops pg_upgrade; keep a name', a.attname, t.oid::regtype)
FROM pg_class c JOIN ours n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
	JOIN pg_type t ON t.oid IN (a.atttypid, (SELECT e.typelem FROM pg_type e WHERE e.oid = a.atttypid))
WHERE c.relkind IN ('r', 'p', 'm') AND t.oid IN ('regproc'::regtype, 'regprocedure'::regtype, 'regoper'::regtype,
	'regoperator'::regtype, 'regcollation'::regtype, 'regnamespace'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype)
ORDER BY 1;

-- more than the gateway's functions for the gateway
SELECT object, 'wrk_gateway has ' || privilege_type || ' on it'
FROM (
	SELECT 'function ' || p.oid::regprocedure AS object, a.privilege_type, a.grantee
	FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace, aclexplode(p.proacl) a WHERE p.proname !~ '^gateway_'
	UNION ALL
	SELECT 'relation ' || c.oid::regclass, a.privilege_type, a.grantee
	FROM pg_class c JOIN ours n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
) o
WHERE grantee = 'wrk_gateway'::regrole ORDER BY 1;

\if :has_lint
SELECT 'wrk.lint() ' || l.name, to_jsonb(l)::text FROM wrk.lint() l;
\endif
