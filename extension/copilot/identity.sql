-- Tenants, people, and who works in which tenant with which roles.
--
-- A person (users) is global; being in a tenant is a row of tenant_users, and
-- every reference to a person from a tenant's table goes through it, so that no
-- tenant can point at, or learn of, somebody else's people.  The roles of a
-- request come from its credential; user_roles is where issuers of credentials
-- look them up.

CREATE FUNCTION copilot.make_tenants()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.tenants (
		id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
		name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
		slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
		status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
		created_at timestamptz NOT NULL DEFAULT now(),
		updated_at timestamptz NOT NULL DEFAULT now()
	);
	COMMENT ON TABLE copilot.tenants IS 'workspaces: the companies the product serves; a member sees its own';
	COMMENT ON COLUMN copilot.tenants.slug IS 'name in URLs; unique over all tenants, hence never writable by members';
	PERFORM copilot.put_touch('tenants');
	PERFORM wrk.enable_tenancy('copilot.tenants', 'id');
	GRANT SELECT ON copilot.tenants TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_tenants() IS 'part of copilot.install(): table tenants';

CREATE FUNCTION copilot.make_user_checks()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- what draws nothing of its own, but moves, hides or reverses what stands beside it
	bidi CONSTANT text := '\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069';
	control CONSTANT text := '[\u0001-\u001f\u007f-\u009f' || bidi || ']';
	-- something to see; not \S, which depends on the database's locale
	visible CONSTANT text := '[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200d'
		'\u2028\u2029\u202f\u205f-\u2065\u206a-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0' || bidi || ']';
BEGIN
	-- rows of an older installation: a check that is NOT VALID would refuse the next update of any of
	-- their columns, such as a login's of last_seen_at.  The audit log has what they were
	UPDATE copilot.users u SET
		name = CASE WHEN u.name ~ visible
			THEN btrim(regexp_replace(regexp_replace(u.name, '[' || bidi || ']', '', 'g'), control, ' ', 'g')) ELSE 'Unnamed' END,
		avatar_url = CASE WHEN u.avatar_url ~ control THEN NULL ELSE u.avatar_url END
	WHERE u.name ~ control OR u.name !~ visible OR u.avatar_url ~ control;
	-- the name of the check is what whoever gives a bad one is told
	EXECUTE format('ALTER TABLE copilot.users'
		' ADD CONSTRAINT users_name_is_not_blank CHECK (name ~ %1$L),'
		' ADD CONSTRAINT users_name_has_no_control_characters CHECK (name !~ %2$L),'
		' ADD CONSTRAINT users_avatar_url_has_no_control_characters CHECK (avatar_url !~ %2$L)', visible, control);
	COMMENT ON CONSTRAINT users_name_is_not_blank ON copilot.users IS 'there is something to see of whom it names';
	COMMENT ON CONSTRAINT users_name_has_no_control_characters ON copilot.users IS
		'nor characters that set the direction of text: a name stands in other people''s pages, terminals and mails';
	COMMENT ON CONSTRAINT users_avatar_url_has_no_control_characters ON copilot.users IS 'nor characters that set the direction of text';
END
$$;
COMMENT ON FUNCTION copilot.make_user_checks() IS
'part of copilot.install(): what people may be called; in rows of an older installation that cannot be read, control characters become blanks or go, a name without anything to see becomes "Unnamed" and such a picture''s address NULL';

CREATE FUNCTION copilot.make_users()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.users (
		id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
		email text NOT NULL CHECK (email ~ '^[^@\s]+@[^@\s]+$' AND length(email) <= 254),
		name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
		avatar_url text CHECK (avatar_url ~ '^https://' AND length(avatar_url) <= 2000),
		last_seen_at timestamptz,
		created_at timestamptz NOT NULL DEFAULT now(),
		updated_at timestamptz NOT NULL DEFAULT now()
	);
	CREATE UNIQUE INDEX IF NOT EXISTS users_email_key ON copilot.users (lower(email));
	COMMENT ON TABLE copilot.users IS
		'people, one row each, whatever tenants they work in; a member sees those of its own tenant';
	COMMENT ON COLUMN copilot.users.email IS
		'unique whatever its case; never writable by members, for a clash would tell of somebody unseen, and not read by them but through copilot.member_email()';
	PERFORM copilot.put_touch('users');
	IF NOT EXISTS (SELECT FROM pg_constraint c
		WHERE c.conrelid = 'copilot.users'::regclass AND c.conname = 'users_name_is_not_blank') THEN
		PERFORM copilot.make_user_checks();
	END IF;

	CREATE TABLE IF NOT EXISTS copilot.tenant_users (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		user_id uuid NOT NULL REFERENCES copilot.users,
		status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
		joined_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (tenant_id, user_id)
	);
	CREATE INDEX IF NOT EXISTS tenant_users_user_idx ON copilot.tenant_users (user_id);
	COMMENT ON TABLE copilot.tenant_users IS
		'who works, or has worked, in a tenant; what other tables of the tenant refer to for a person';
	PERFORM wrk.enable_tenancy('copilot.tenant_users');
	ALTER TABLE copilot.tenant_users ADD COLUMN IF NOT EXISTS last_seen_at timestamptz;
	COMMENT ON COLUMN copilot.tenant_users.last_seen_at IS 'when the person was last active in this tenant, to the minute';
	GRANT SELECT ON copilot.tenant_users TO wrk_member;

	-- no tenant column to isolate by: visible through tenant_users, whose own policies apply
	ALTER TABLE copilot.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	PERFORM copilot.put_policy('users', 'same_tenant', 'people of the reader''s tenant',
		'FOR SELECT TO wrk_member USING (id IN (SELECT tu.user_id FROM copilot.tenant_users tu))');
	PERFORM copilot.put_policy('users', 'own_row', 'everybody keeps their own row up to date',
		'FOR UPDATE TO wrk_member USING (id::text = (SELECT wrk.user_id())'
		' AND id IN (SELECT tu.user_id FROM copilot.tenant_users tu))');
	-- when somebody was last active anywhere is no business of a tenant's
	COMMENT ON COLUMN copilot.users.last_seen_at IS
		'when the person was last active in any tenant; members see that of their own in tenant_users';
	IF has_table_privilege('wrk_member', 'copilot.users', 'SELECT') THEN
		REVOKE SELECT ON copilot.users FROM wrk_member; -- an older installation granted all of it
	END IF;
	IF has_column_privilege('wrk_member', 'copilot.users', 'email', 'SELECT') THEN
		REVOKE SELECT (email) ON copilot.users FROM wrk_member; -- likewise
	END IF;
	-- addresses: by copilot.member_email()
	GRANT SELECT (id, name, avatar_url, created_at) ON copilot.users TO wrk_member;
	GRANT UPDATE (name, avatar_url) ON copilot.users TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_users() IS 'part of copilot.install(): tables users and tenant_users';

CREATE FUNCTION copilot.member_name(tenant uuid, person uuid)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- through tenant_users: nobody learns what somebody else's people are called
	SELECT u.name FROM copilot.tenant_users tu JOIN copilot.users u ON u.id = tu.user_id
	WHERE tu.tenant_id = tenant AND tu.user_id = person
$$;
COMMENT ON FUNCTION copilot.member_name(uuid, uuid) IS
'what a person who works, or has worked, in a tenant is called now; NULL for anybody else. For triggers, which ask it without the policies: those look at all people of the tenant';

CREATE FUNCTION copilot.member_email(person uuid)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT u.email FROM copilot.tenant_users tu JOIN copilot.users u ON u.id = tu.user_id
	WHERE tu.tenant_id = copilot.as_uuid(wrk.tenant_id()) AND tu.user_id = person
		AND (person::text = wrk.user_id() OR wrk.can('read_email', 'member'))
$$;
COMMENT ON FUNCTION copilot.member_email(uuid) IS
'address of a person of the caller''s tenant, for operations staff (permission "read_email" for members) and of oneself; else NULL. The only way to it for members: they read no column email';

CREATE FUNCTION copilot.make_user_roles()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.user_roles (
		tenant_id uuid NOT NULL,
		user_id uuid NOT NULL,
		role text NOT NULL CHECK (role IN
			('client', 'builder', 'qa', 'ops', 'ops_admin', 'cs_admin', 'admin', 'system')),
		granted_by uuid DEFAULT wrk.user_id()::uuid,
		granted_at timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (tenant_id, user_id, role),
		FOREIGN KEY (tenant_id, user_id) REFERENCES copilot.tenant_users ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, granted_by) REFERENCES copilot.tenant_users
	);
	COMMENT ON TABLE copilot.user_roles IS
		'roles of a person in a tenant; issuers of credentials put them into the claim "roles"';
	-- a tenant that goes takes them along at once, whoever granted them to whom
	IF NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = 'copilot.user_roles'::regclass
				   AND k.confrelid = 'copilot.tenants'::regclass) THEN
		ALTER TABLE copilot.user_roles ADD FOREIGN KEY (tenant_id) REFERENCES copilot.tenants ON DELETE CASCADE;
	END IF;
	PERFORM wrk.enable_tenancy('copilot.user_roles');
	-- whoever may manage roles may hand out those of the ordinary work; the rest takes an admin
	PERFORM copilot.put_policy('user_roles', 'grant_role', 'who may hand out roles',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT wrk.can(''manage'', ''any_role''))'
		' OR (SELECT wrk.can(''manage'', ''work_role'')) AND role IN (''client'', ''builder'', ''qa'', ''ops''))');
	PERFORM copilot.put_policy('user_roles', 'take_role', 'who may take roles away',
		'AS RESTRICTIVE FOR DELETE USING ((SELECT wrk.can(''manage'', ''any_role''))'
		' OR (SELECT wrk.can(''manage'', ''work_role'')) AND role IN (''client'', ''builder'', ''qa'', ''ops''))');
	GRANT SELECT, INSERT (user_id, role), DELETE ON copilot.user_roles TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_user_roles() IS 'part of copilot.install(): table user_roles';

CREATE FUNCTION copilot.register_roles()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- bits are part of stored events: never change or reuse one
	INSERT INTO wrk.role (name, bit, label) VALUES
		('client', 0, 'Client'), ('builder', 1, 'Builder'), ('qa', 2, 'QA'), ('ops', 3, 'Operations'),
		('ops_admin', 4, 'Operations admin'), ('cs_admin', 5, 'Customer success admin'),
		('admin', 6, 'Admin'), ('system', 7, 'System')
	ON CONFLICT (name) DO NOTHING;
END
$$;
COMMENT ON FUNCTION copilot.register_roles() IS 'part of copilot.install(): the product''s roles';

CREATE FUNCTION copilot.ops_roles()
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['ops', 'ops_admin', 'cs_admin', 'admin'];
COMMENT ON FUNCTION copilot.ops_roles() IS 'the roles of operations staff: they see everything of the tenant they act in';

CREATE FUNCTION copilot.register_permissions()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	ops text[] := copilot.ops_roles();
	-- who sees all projects of the tenant, and who only those they are a member of
	everywhere text[] := ops || '{client,system}'::text[];
	staff text[] := '{builder,qa}';
BEGIN
	INSERT INTO wrk.permission (role, action, resource_type, scope)
	SELECT r, a, p.resource_type, p.scope
	FROM (VALUES
		('{admin}'::text[], 'tenant', '{manage}'::text[], 'any_role'),
		('{ops_admin,cs_admin,admin}', 'tenant', '{manage}', 'work_role'),
		('{ops_admin,cs_admin,admin}', 'tenant', '{read}', 'audit_log'),

		(everywhere, 'tenant', '{read}', 'project'),
		(ops || '{system}'::text[], 'tenant', '{create,update,delete,manage}', 'project'),
		(staff, 'member', '{read,create_task,update_task}', 'project'),
		(everywhere, 'tenant', '{read,create,update}', 'automation'),
		(staff, 'member', '{read}', 'automation'),
		(everywhere, 'tenant', '{read,create,update}', 'automation_version'),
		(staff, 'member', '{read,update}', 'automation_version'),

		-- messages by type: who reads those that not everybody reads, and who writes them
		(ops || '{client}'::text[], 'tenant', '{create}', 'client_message'),
		(ops || staff, 'tenant', '{read,create}', 'ops_message'),
		('{system}', 'tenant', '{read}', 'ops_message'),
		(ops, 'tenant', '{read,create}', 'internal_note'),
		('{system}', 'tenant', '{create}', 'system_message'),

		(ops || '{system}'::text[], 'tenant', '{create,update,delete}', 'task'),
		(ops || '{system}'::text[], 'tenant', '{read,create}', 'client_retention_task')
	) AS p (roles, scope, actions, resource_type), unnest(p.roles) r, unnest(p.actions) a
	-- a type that has permissions is the installation's business: what it took away stays away
	WHERE NOT EXISTS (SELECT FROM wrk.permission had WHERE had.resource_type = p.resource_type);
END
$$;
COMMENT ON FUNCTION copilot.register_permissions() IS
'part of copilot.install(): what the product''s roles may do, for each type of resource nothing is known of yet';

REVOKE ALL ON FUNCTION copilot.make_tenants(), copilot.make_user_checks(), copilot.make_users(), copilot.make_user_roles(),
	copilot.member_name(uuid, uuid), copilot.member_email(uuid), copilot.register_roles(), copilot.ops_roles(),
	copilot.register_permissions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.member_email(uuid) TO wrk_member;
