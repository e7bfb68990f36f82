-- Two tenants with people, projects and threads, for tests of the application.
-- Loaded with \i by whoever needs it; starts from an installed, empty application.
--
-- Ids can be read: the first digit is the tenant (a, b; 0 for people), the second
-- group the kind (1 user, 2 automation, 3 version, 4 project, 5 message, 6 task).
--
--   Acme:   ann (client), bob (builder of project a1), quinn (qa of project a1),
--           otto (ops, in both tenants), ada (admin)
--   Globex: gil (client), bea (builder of project b1)
--
-- psql variables :ann, :bob ... begin a transaction as that person with no other
-- right than wrk_member's.
CREATE SCHEMA regress;
GRANT USAGE ON SCHEMA regress TO PUBLIC;

CREATE FUNCTION regress.id(tenant text, kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN (rpad(tenant, 8, '0') || '-000' || kind || '-4000-8000-' || lpad(n::text, 12, '0'))::uuid;

CREATE TABLE regress.person (name text PRIMARY KEY, id uuid, tenant text, roles text[]);
INSERT INTO regress.person VALUES
	('ann', regress.id('0', 1, 1), 'a', '{client}'),
	('bob', regress.id('0', 1, 2), 'a', '{builder}'),
	('quinn', regress.id('0', 1, 3), 'a', '{qa}'),
	('otto', regress.id('0', 1, 4), 'a', '{ops}'),
	('ada', regress.id('0', 1, 5), 'a', '{admin}'),
	('gil', regress.id('0', 1, 6), 'b', '{client}'),
	('bea', regress.id('0', 1, 7), 'b', '{builder}');

CREATE FUNCTION regress.act(person text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	SELECT wrk.impersonate(regress.id(p.tenant, 0, 0)::text, p.id::text, p.roles)
	FROM regress.person p WHERE p.name = person
$$;
\set ann 'BEGIN; DO $$BEGIN PERFORM regress.act(''ann''); END$$; SET LOCAL ROLE wrk_member;'
\set bob 'BEGIN; DO $$BEGIN PERFORM regress.act(''bob''); END$$; SET LOCAL ROLE wrk_member;'
\set quinn 'BEGIN; DO $$BEGIN PERFORM regress.act(''quinn''); END$$; SET LOCAL ROLE wrk_member;'
\set otto 'BEGIN; DO $$BEGIN PERFORM regress.act(''otto''); END$$; SET LOCAL ROLE wrk_member;'
\set ada 'BEGIN; DO $$BEGIN PERFORM regress.act(''ada''); END$$; SET LOCAL ROLE wrk_member;'
\set gil 'BEGIN; DO $$BEGIN PERFORM regress.act(''gil''); END$$; SET LOCAL ROLE wrk_member;'
\set bea 'BEGIN; DO $$BEGIN PERFORM regress.act(''bea''); END$$; SET LOCAL ROLE wrk_member;'

INSERT INTO copilot.tenants (id, name, slug) VALUES
	(regress.id('a', 0, 0), 'Acme', 'acme'), (regress.id('b', 0, 0), 'Globex', 'globex');
INSERT INTO copilot.users (id, email, name)
SELECT id, name || '@example.com', initcap(name) FROM regress.person;
INSERT INTO copilot.tenant_users (tenant_id, user_id)
SELECT regress.id(tenant, 0, 0), id FROM regress.person
UNION ALL SELECT regress.id('b', 0, 0), id FROM regress.person WHERE name = 'otto';
INSERT INTO copilot.user_roles (tenant_id, user_id, role)
SELECT regress.id(tenant, 0, 0), id, unnest(roles) FROM regress.person;

INSERT INTO copilot.automations (tenant_id, id, name)
SELECT regress.id(t, 0, 0), regress.id(t, 2, n), t || n || ' automation'
FROM unnest('{a,b}'::text[]) t, generate_series(1, 2) n;
INSERT INTO copilot.automation_versions (tenant_id, id, automation_id, blueprint_json)
SELECT tenant_id, regress.id(left(name, 1), 3, right(left(name, 2), 1)::int), id, '{"nodes": [{"id": "n1"}]}'
FROM copilot.automations;
INSERT INTO copilot.projects (tenant_id, id, name, automation_id, automation_version_id, created_at)
SELECT v.tenant_id, regress.id(left(a.name, 1), 4, right(left(a.name, 2), 1)::int), left(a.name, 2) || ' project',
	v.automation_id, v.id, timestamptz '2026-01-01 UTC' + right(left(a.name, 2), 1)::int * interval '1 day'
FROM copilot.automation_versions v JOIN copilot.automations a ON a.id = v.automation_id;
INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
SELECT regress.id(tenant, 0, 0), regress.id(tenant, 4, 1), id, unnest(roles)
FROM regress.person WHERE roles && '{builder,qa}';

INSERT INTO copilot.messages (tenant_id, id, project_id, type, body, author_id, created_at)
SELECT p.tenant_id, regress.id(left(p.name, 1), 5, right(left(p.name, 2), 1)::int * 10 + n), p.id, m,
	left(p.name, 2) || ' ' || m, CASE WHEN m <> 'system' THEN regress.id('0', 1, 4) END,
	timestamptz '2026-01-01 12:00 UTC' + n * interval '1 minute'
FROM copilot.projects p, unnest('{client,ops,internal_note,system}'::text[]) WITH ORDINALITY o (m, n);
INSERT INTO copilot.messages (tenant_id, automation_version_id, type, body, author_id)
SELECT v.tenant_id, v.id, m, 'version ' || m, regress.id('0', 1, 4)
FROM copilot.automation_versions v, unnest('{client,internal_note}'::text[]) m;
INSERT INTO copilot.tasks (tenant_id, id, project_id, kind, title, assignee_id)
SELECT p.tenant_id, regress.id(left(p.name, 1), 6, right(left(p.name, 2), 1)::int * 10 + n), p.id, k,
	left(p.name, 2) || ' ' || k, CASE WHEN p.name = 'a2 project' AND k = 'general_todo' THEN regress.id('0', 1, 1) END
FROM copilot.projects p, unnest('{build_checklist,general_todo,client_retention}'::text[]) WITH ORDINALITY o (k, n);

-- One line an answer: what a command answers, or its error.  Its DETAIL is told if SQLSTATE and DETAIL
-- together match a pattern: any by default.  What is refused is rolled back, what is done stays.
CREATE FUNCTION regress.try(command text, detailed text DEFAULT ' .') RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; state text; message text; detail text;
BEGIN
	EXECUTE command INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', state, message, CASE WHEN state || ' ' || detail ~ detailed THEN detail END);
END $$;
-- the same for a call as a browser makes it, without members that differ from run to run
CREATE FUNCTION regress.answer(method text, params jsonb, without text[] DEFAULT '{}', detailed text DEFAULT ' .', key text DEFAULT NULL)
RETURNS text LANGUAGE sql RETURN regress.try(format('SELECT result - %L::text[] FROM wrk.rpc_call(%L, %L, %L)', without, method, params, key), detailed);
