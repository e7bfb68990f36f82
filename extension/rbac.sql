-- Roles, permissions and memberships as data.
--
-- A role is a name and a bit; the bit is what events are filtered by, so it is
-- never given to another role.  A permission says that a role may do an action
-- on a type of resource: throughout the tenant, or only where the user is a
-- member with that role.  What the rows are is the application's business.

CREATE TABLE wrk.role (
	name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
	bit smallint NOT NULL UNIQUE CHECK (bit BETWEEN 0 AND 62),
	label text
);
COMMENT ON TABLE wrk.role IS 'roles an identity may carry; a role without a row grants nothing';
COMMENT ON COLUMN wrk.role.bit IS 'position in role masks (0 to 62); never reused for another role';

CREATE TABLE wrk.permission (
	role text NOT NULL REFERENCES wrk.role (name) ON UPDATE CASCADE ON DELETE CASCADE,
	action text NOT NULL CHECK (octet_length(action) BETWEEN 1 AND 63),
	resource_type text NOT NULL CHECK (octet_length(resource_type) BETWEEN 1 AND 63),
	scope text NOT NULL DEFAULT 'tenant' CHECK (scope IN ('tenant', 'member')),
	PRIMARY KEY (role, action, resource_type)
);
COMMENT ON TABLE wrk.permission IS 'what a role may do';
COMMENT ON COLUMN wrk.permission.scope IS
'tenant: on every resource of the type; member: only where the user has this role through wrk.membership';

CREATE TABLE wrk.resource_type (
	name text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 63),
	parent_type text CHECK (octet_length(parent_type) BETWEEN 1 AND 63),
	parent_of text,
	CHECK ((parent_type IS NULL) = (parent_of IS NULL))
);
COMMENT ON TABLE wrk.resource_type IS
'types of resources whose members follow from a parent (an automation''s from its project)';
COMMENT ON COLUMN wrk.resource_type.parent_of IS
'function (resource id text) returns parent id text; runs with the rights of whoever asks';

CREATE TABLE wrk.membership (
	tenant_id text NOT NULL,
	user_id text NOT NULL,
	resource_type text NOT NULL,
	resource_id text NOT NULL,
	role text NOT NULL REFERENCES wrk.role (name) ON UPDATE CASCADE ON DELETE CASCADE,
	PRIMARY KEY (tenant_id, user_id, resource_type, resource_id, role)
);
COMMENT ON TABLE wrk.membership IS 'a user''s role on one resource';
CREATE INDEX membership_resource_idx
	ON wrk.membership (tenant_id, resource_type, resource_id);
COMMENT ON INDEX wrk.membership_resource_idx IS 'members of a resource';

SELECT pg_catalog.pg_extension_config_dump('wrk.role', '');
SELECT pg_catalog.pg_extension_config_dump('wrk.permission', '');
CREATE TRIGGER function_name BEFORE INSERT OR UPDATE ON wrk.resource_type
	FOR EACH ROW EXECUTE FUNCTION wrk.function_name('parent_of');
COMMENT ON TRIGGER function_name ON wrk.resource_type IS 'keeps the full name of a function that is there';
SELECT pg_catalog.pg_extension_config_dump('wrk.resource_type', '');
SELECT pg_catalog.pg_extension_config_dump('wrk.membership', '');
REVOKE ALL ON wrk.role, wrk.permission, wrk.resource_type, wrk.membership FROM PUBLIC;

SELECT wrk.cache_watch('wrk.role', 'every backend reads the rights again');
SELECT wrk.cache_watch('wrk.permission', 'every backend reads the rights again');
SELECT wrk.cache_watch('wrk.resource_type', 'every backend reads the rights again');

CREATE FUNCTION wrk.can(action text, resource_type text, resource_id text DEFAULT NULL)
RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'wrk_can';
COMMENT ON FUNCTION wrk.can(text, text, text) IS
'whether the identity of this transaction may perform the action on the resource (or, without an id, on the type throughout the tenant); false for nobody and for everything unknown. Error: WK4E1 token_expired';
GRANT EXECUTE ON FUNCTION wrk.can(text, text, text) TO PUBLIC;

CREATE FUNCTION wrk.role_mask(roles text[])
RETURNS bigint
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 2
AS 'MODULE_PATHNAME', 'wrk_role_mask';
COMMENT ON FUNCTION wrk.role_mask(text[]) IS
'role names as a mask of wrk.role.bit; unknown names have no bit';
REVOKE ALL ON FUNCTION wrk.role_mask(text[]) FROM PUBLIC;
