-- The application's first tables: who sees and does what.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
-- again: nothing changes, nothing is said
SELECT copilot.install();
RESET client_min_messages;
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\i :fixture

-- tables are the installer's, functions the extension's
SELECT c.relname, c.relowner = current_user::regrole AS mine, c.relrowsecurity AND c.relforcerowsecurity AS forced,
	EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') AS member
FROM pg_class c WHERE c.relnamespace = 'copilot'::regnamespace AND c.relkind = 'r' ORDER BY 1;
SELECT count(*) AS functions_outside_the_extension FROM pg_proc p WHERE p.pronamespace = 'copilot'::regnamespace
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e');
CREATE ROLE regress_nobody;
GRANT USAGE ON SCHEMA copilot TO regress_nobody;
GRANT EXECUTE ON FUNCTION copilot.install() TO regress_nobody;
SET ROLE regress_nobody;
SELECT copilot.install();
RESET ROLE;
REVOKE ALL ON FUNCTION copilot.install() FROM regress_nobody;
REVOKE ALL ON SCHEMA copilot FROM regress_nobody;
DROP ROLE regress_nobody;

-- what each of them sees
CREATE FUNCTION regress.sees(OUT tenants bigint, OUT people bigint, OUT automations bigint, OUT versions bigint,
							 OUT projects bigint, OUT members bigint, OUT messages bigint, OUT tasks bigint)
LANGUAGE sql STABLE AS $$
	SELECT (SELECT count(*) FROM copilot.tenants), (SELECT count(*) FROM copilot.users),
		(SELECT count(*) FROM copilot.automations), (SELECT count(*) FROM copilot.automation_versions),
		(SELECT count(*) FROM copilot.projects), (SELECT count(*) FROM copilot.project_members),
		(SELECT count(*) FROM copilot.messages), (SELECT count(*) FROM copilot.tasks)
$$;
SELECT 'superuser' AS who, * FROM regress.sees();
SET ROLE wrk_member;
SELECT 'nobody' AS who, * FROM regress.sees();
RESET ROLE;
:ann
SELECT 'client' AS who, * FROM regress.sees();
SELECT type, count(*) FROM copilot.messages GROUP BY 1 ORDER BY 1;
SELECT name FROM copilot.users ORDER BY 1;
COMMIT;
:bob
SELECT 'builder' AS who, * FROM regress.sees();
SELECT type, count(*) FROM copilot.messages GROUP BY 1 ORDER BY 1;
SELECT name FROM copilot.projects ORDER BY 1;
COMMIT;
:quinn
SELECT 'qa' AS who, * FROM regress.sees();
COMMIT;
:otto
SELECT 'ops' AS who, * FROM regress.sees();
SELECT type, count(*) FROM copilot.messages GROUP BY 1 ORDER BY 1;
COMMIT;
:gil
SELECT 'other tenant' AS who, * FROM regress.sees();
SELECT name FROM copilot.users ORDER BY 1;
COMMIT;
-- an identity whose roles nobody defined sees its tenant and its people, no work
BEGIN;
SELECT wrk.impersonate(regress.id('a', 0, 0)::text, regress.id('0', 1, 1)::text, '{superuser}') IS NOT NULL AS ok;
SET LOCAL ROLE wrk_member;
SELECT 'no role' AS who, * FROM regress.sees();
COMMIT;

-- membership decides for builders; taking it away takes the project
:ada
DELETE FROM copilot.project_members WHERE user_id = regress.id('0', 1, 2);
INSERT INTO copilot.project_members (project_id, user_id, role)
VALUES (regress.id('a', 4, 2), regress.id('0', 1, 2), 'builder');
COMMIT;
:bob
SELECT 'builder' AS who, * FROM regress.sees();
SELECT name FROM copilot.projects;
SELECT wrk.can('update', 'automation_version', regress.id('a', 3, 1)::text) AS old_version,
	wrk.can('update', 'automation_version', regress.id('a', 3, 2)::text) AS new_version;
ROLLBACK;
BEGIN;
TRUNCATE copilot.project_members;
SELECT count(*) AS memberships FROM wrk.membership WHERE resource_type = 'project';
ROLLBACK;

-- the lock counter counts changes, and nothing else does
:ann
UPDATE copilot.automation_versions SET requirements = '{"goals": {"problem": "Mail"}}' WHERE id = regress.id('a', 3, 1)
RETURNING version, intake_progress, updated_at > created_at AS touched;
UPDATE copilot.automation_versions SET requirements = '{"goals": {"problem": "Mail"}}' WHERE id = regress.id('a', 3, 1)
RETURNING version, intake_progress;
SAVEPOINT s;
UPDATE copilot.automation_versions SET version = 100;
ROLLBACK TO s;
UPDATE copilot.automation_versions SET status = 'live';
ROLLBACK;
UPDATE copilot.automation_versions SET version = 100 WHERE id = regress.id('a', 3, 1) RETURNING version;
:otto
UPDATE copilot.automation_versions SET status = 'blocked', status_reason = 'no credentials' WHERE id = regress.id('a', 3, 1)
RETURNING version, status_reason, status_changed_at = updated_at AS stamped;
UPDATE copilot.automation_versions SET status = 'intake_in_progress' WHERE id = regress.id('a', 3, 1)
RETURNING version, status_reason, status_changed_at = updated_at AS stamped;
COMMIT;

-- a member writes in its own name, in threads it sees, in types it may
:ann
INSERT INTO copilot.messages (project_id, body) VALUES (regress.id('a', 4, 1), 'hello')
RETURNING tenant_id = regress.id('a', 0, 0) AS tenant, author_id = regress.id('0', 1, 1) AS author, type;
SAVEPOINT s;
INSERT INTO copilot.messages (project_id, body, author_id) VALUES (regress.id('a', 4, 1), 'forged', regress.id('0', 1, 5));
ROLLBACK TO s;
INSERT INTO copilot.messages (project_id, body, author_name) VALUES (regress.id('a', 4, 1), 'in another name', 'Otto');
ROLLBACK TO s;
INSERT INTO copilot.messages (project_id, body, created_at) VALUES (regress.id('a', 4, 1), 'backdated', '2020-01-01');
ROLLBACK TO s;
INSERT INTO copilot.messages (project_id, body, type) VALUES (regress.id('a', 4, 1), 'ops', 'ops');
ROLLBACK TO s;
INSERT INTO copilot.messages (project_id, body, type) VALUES (regress.id('a', 4, 1), 'note', 'internal_note');
ROLLBACK TO s;
INSERT INTO copilot.messages (project_id, body, type) VALUES (regress.id('a', 4, 1), 'system', 'system');
ROLLBACK TO s;
INSERT INTO copilot.messages (project_id, automation_version_id, body)
VALUES (regress.id('a', 4, 1), regress.id('a', 3, 1), 'two threads');
ROLLBACK TO s;
UPDATE copilot.messages SET body = 'edited';
ROLLBACK TO s;
DELETE FROM copilot.messages;
ROLLBACK;
:bob
INSERT INTO copilot.messages (project_id, body, type) VALUES (regress.id('a', 4, 1), 'not my project', 'ops');
ROLLBACK;

-- roles: work roles by their managers, the rest by an admin, nothing by others
:ada
INSERT INTO copilot.user_roles (user_id, role) VALUES (regress.id('0', 1, 1), 'ops_admin');
ROLLBACK;
:ann
INSERT INTO copilot.user_roles (user_id, role) VALUES (regress.id('0', 1, 1), 'admin');
ROLLBACK;
:ann
DELETE FROM copilot.user_roles;
UPDATE copilot.users SET name = 'Ann B.' WHERE true RETURNING name;
SAVEPOINT s;
UPDATE copilot.users SET email = 'gil@example.com';
ROLLBACK;
BEGIN;
SELECT wrk.impersonate(regress.id('a', 0, 0)::text, regress.id('0', 1, 4)::text, '{ops_admin}') IS NOT NULL AS ops_admin;
SET LOCAL ROLE wrk_member;
INSERT INTO copilot.user_roles (user_id, role) VALUES (regress.id('0', 1, 1), 'builder') RETURNING role, granted_by = regress.id('0', 1, 4) AS by_me;
INSERT INTO copilot.user_roles (user_id, role) VALUES (regress.id('0', 1, 4), 'admin');
ROLLBACK;

-- a name can be seen and does nothing to what stands beside it
:ann
SAVEPOINT s;
UPDATE copilot.users SET name = E' \t\u00a0\u3000\u200b';
ROLLBACK TO s;
UPDATE copilot.users SET name = '  ';
ROLLBACK TO s;
UPDATE copilot.users SET name = E'Ann\nOtto';
ROLLBACK TO s;
COMMIT;
CREATE FUNCTION regress.refusal(value text, picture text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	UPDATE copilot.users SET name = value, avatar_url = picture WHERE id = regress.id('0', 1, 1);
	RAISE EXCEPTION 'taken' USING ERRCODE = 'ZZ000';
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN RETURN NULL;
	WHEN check_violation THEN
		GET STACKED DIAGNOSTICS said = CONSTRAINT_NAME;
		RETURN said;
END
$$;
SELECT regress.refusal('Ann' || chr(c) || 'Otto') AS refused, count(*), string_agg(upper(to_hex(c)), ' ' ORDER BY c) AS which
FROM (SELECT generate_series(1, 31) UNION ALL SELECT generate_series(126, 160) UNION ALL SELECT generate_series(8203, 8209)
	UNION ALL SELECT generate_series(8233, 8240) UNION ALL SELECT generate_series(8293, 8298) UNION ALL SELECT 1564) AS v (c)
GROUP BY 1 ORDER BY 1;
SELECT to_hex(c) AS blank, regress.refusal(chr(c) || ' ') FROM unnest(ARRAY[160, 173, 8195, 8203, 8205, 8239, 10240, 12288, 12644, 65279]) c;
SELECT name, regress.refusal(name) FROM unnest(ARRAY['x', 'Ann Lee', 'Zoë O’Neil-Łuk', '山田 太郎', 'نور', 'משה', '-', '👩‍👧']) name;
SELECT regress.refusal('Ann', 'https://example.com/a.png') AS picture, regress.refusal('Ann', E'https://example.com/\r\nX: 1') AS lines,
	regress.refusal('Ann', E'https://example.com/\u202egnp.a') AS reversed, regress.refusal('Ann', 'javascript:1') AS scheme;

-- what people are called is for all of their tenant, addresses are for nobody but by the call that asks who it is
:ada
SELECT email FROM copilot.users;
ROLLBACK;

-- references cannot cross a tenant, whoever makes them
UPDATE copilot.projects SET owner_id = regress.id('0', 1, 6) WHERE id = regress.id('a', 4, 1);
UPDATE copilot.projects SET automation_id = regress.id('b', 2, 1) WHERE id = regress.id('a', 4, 1);
UPDATE copilot.projects SET automation_version_id = regress.id('a', 3, 2) WHERE id = regress.id('a', 4, 1);
INSERT INTO copilot.messages (tenant_id, project_id, body, author_id)
VALUES (regress.id('a', 0, 0), regress.id('b', 4, 1), 'x', regress.id('0', 1, 1));

-- tasks
:ann
UPDATE copilot.tasks SET status = 'done' RETURNING title, completed_at IS NOT NULL AS completed;
UPDATE copilot.tasks SET assignee_id = regress.id('0', 1, 4) WHERE assignee_id IS NOT NULL RETURNING title, assignee_name;
ROLLBACK;
:bob
UPDATE copilot.tasks SET status = 'in_progress' RETURNING title;
SAVEPOINT s;
INSERT INTO copilot.tasks (project_id, title, kind) VALUES (regress.id('a', 4, 2), 'x', 'client_retention');
ROLLBACK TO s;
DELETE FROM copilot.tasks;
ROLLBACK;

-- a task says what its assignee is called, who is of the tenant; nobody says it for it, and nobody hears of others that way
CREATE FUNCTION regress.hear(name text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'heard %', name; RETURN name; END $$;
:otto
UPDATE copilot.tasks SET assignee_id = regress.id('0', 1, 2) WHERE title = 'a1 general_todo' RETURNING assignee_name;
UPDATE copilot.tasks SET assignee_id = NULL WHERE title = 'a1 general_todo' RETURNING assignee_name;
SAVEPOINT s;
UPDATE copilot.tasks SET assignee_id = regress.id('0', 1, 6) WHERE title = 'a1 general_todo' RETURNING regress.hear(assignee_name);
ROLLBACK TO s;
UPDATE copilot.tasks SET assignee_name = 'Gil';
ROLLBACK;

-- authorizers: one answer for what is not there, not ours or no id
:ann
SELECT t AS id, copilot.may_join_project(t), copilot.may_join_automation_version(t)
FROM unnest(ARRAY[regress.id('a', 4, 1)::text, regress.id('a', 3, 1)::text, regress.id('b', 4, 1)::text,
	regress.id('b', 3, 1)::text, regress.id('a', 4, 9)::text, '42', '', 'a'' OR true', NULL]) t;
COMMIT;
:bob
SELECT copilot.may_join_project(regress.id('a', 4, 1)::text) AS not_mine, copilot.may_join_project(regress.id('a', 4, 2)::text) AS mine,
	copilot.may_join_automation_version(regress.id('a', 3, 1)::text) AS not_mine, copilot.may_join_automation_version(regress.id('a', 3, 2)::text) AS mine;
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
