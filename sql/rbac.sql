-- Rights are data; what is unknown is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
CREATE ROLE regress_service LOGIN IN ROLE wrk_service;
CREATE ROLE regress_member LOGIN IN ROLE wrk_member;

INSERT INTO wrk.role (name, bit) VALUES ('regress_client', 40), ('regress_builder', 41), ('regress_admin', 42);
INSERT INTO wrk.permission (role, action, resource_type, scope) VALUES
	('regress_client', 'read', 'project', 'tenant'),
	('regress_builder', 'read', 'project', 'member'),
	('regress_builder', 'edit', 'automation', 'member'),
	('regress_admin', 'edit', 'automation', 'tenant');
CREATE FUNCTION public.regress_project_of(automation text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE WHEN automation LIKE 'a1%' THEN 'p1' END;
GRANT EXECUTE ON FUNCTION public.regress_project_of(text) TO PUBLIC;
INSERT INTO wrk.resource_type (name, parent_type, parent_of)
VALUES ('automation', 'project', 'public.regress_project_of(text)');
INSERT INTO wrk.membership VALUES
	('acme', 'bob', 'project', 'p1', 'regress_builder'),
	('acme', 'bob', 'automation', 'a9', 'regress_builder'),
	('acme', 'eve', 'project', 'p1', 'regress_client');

-- nobody may do nothing
SELECT wrk.can('read', 'project'), wrk.can('read', 'project', 'p1'), wrk.can(NULL, 'project');

SET ROLE regress_service;
-- a tenant-wide permission
BEGIN;
SELECT wrk.impersonate('acme', 'carol', '{regress_client}') IS NOT NULL AS client;
SELECT wrk.can('read', 'project'), wrk.can('read', 'project', 'p2'), wrk.can('edit', 'automation', 'a1'),
	wrk.can('read', 'unknown'), wrk.can('unknown', 'project'), wrk.can('read', repeat('x', 100));
COMMIT;
-- a permission of members, on the resource itself or through its parent
BEGIN;
SELECT wrk.impersonate('acme', 'bob', '{regress_builder}') IS NOT NULL AS builder;
SELECT wrk.can('read', 'project') AS everywhere, wrk.can('read', 'project', 'p1') AS p1,
	wrk.can('read', 'project', 'p2') AS p2, wrk.can('edit', 'automation', 'a9') AS a9,
	wrk.can('edit', 'automation', 'a11') AS through_project, wrk.can('edit', 'automation', 'a2') AS a2;
COMMIT;
-- the membership counts, whatever the token says, but only with its own role's permissions
BEGIN;
SELECT wrk.impersonate('acme', 'bob') IS NOT NULL AS no_roles;
SELECT wrk.can('read', 'project', 'p1'), wrk.can('edit', 'automation', 'a9');
COMMIT;
BEGIN;
SELECT wrk.impersonate('acme', 'eve') IS NOT NULL AS member_as_client;
SELECT wrk.can('read', 'project', 'p1'), wrk.can('edit', 'automation', 'a11');
COMMIT;
-- not in another tenant, not for another user, not for a service without a user
BEGIN;
SELECT wrk.impersonate('globex', 'bob', '{regress_builder}') IS NOT NULL AS other_tenant;
SELECT wrk.can('read', 'project', 'p1'), wrk.can('edit', 'automation', 'a9');
COMMIT;
BEGIN;
SELECT wrk.impersonate('acme', NULL, '{regress_builder}') IS NOT NULL AS no_user;
SELECT wrk.can('read', 'project', 'p1');
COMMIT;
-- a role nobody defined grants nothing
BEGIN;
SELECT wrk.impersonate('acme', 'bob', '{superuser,postgres}') IS NOT NULL AS made_up;
SELECT wrk.can('read', 'project', 'p2');
COMMIT;

-- a change of rights counts from the next statement, in cached sessions too
BEGIN;
SELECT wrk.impersonate('acme', 'carol', '{regress_client}') IS NOT NULL AS client;
SELECT wrk.can('edit', 'automation', 'a1') AS before;
RESET ROLE;
INSERT INTO wrk.permission VALUES ('regress_client', 'edit', 'automation');
SELECT wrk.can('edit', 'automation', 'a1') AS after;
DELETE FROM wrk.role WHERE name = 'regress_client';
SELECT wrk.can('edit', 'automation', 'a1') AS without_role;
ROLLBACK;

-- the tables are not for members
SET ROLE regress_member;
SELECT count(*) FROM wrk.membership;
INSERT INTO wrk.permission VALUES ('regress_client', 'edit', 'automation');
SELECT wrk.role_mask('{regress_admin}');
RESET ROLE;
SELECT wrk.role_mask('{regress_admin,regress_client,unknown}') = (1::bigint << 42) | (1::bigint << 40) AS mask;

-- names that could be cut short, and so be taken for others, are refused
INSERT INTO wrk.permission VALUES ('regress_admin', repeat(U&'\20AC', 22), 'automation');
INSERT INTO wrk.permission VALUES ('regress_admin', 'edit', repeat(U&'\20AC', 22));
INSERT INTO wrk.resource_type VALUES (repeat(U&'\20AC', 22));

-- a function that does not lead to a parent is refused, not called
BEGIN;
SELECT wrk.impersonate('acme', 'bob', '{regress_builder}') IS NOT NULL AS builder;
UPDATE wrk.resource_type SET parent_of = 'pg_catalog.to_tsvector(text)';
SAVEPOINT s;
SELECT wrk.can('edit', 'automation', 'a11');
ROLLBACK TO s;
UPDATE wrk.resource_type SET parent_of = 'pg_catalog.int4(bigint)';
SELECT wrk.can('edit', 'automation', 'a11');
ROLLBACK;

DELETE FROM wrk.membership;
DELETE FROM wrk.resource_type;
DELETE FROM wrk.role WHERE name LIKE 'regress%';
DROP FUNCTION public.regress_project_of(text);
DROP ROLE regress_service, regress_member;
