-- Blueprints of automation versions: many editors, every change kept and told, none lost.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set ECHO none
\i :fixture
\set ECHO all
DELETE FROM wrk.event;
\pset format unaligned
\pset tuples_only on
-- the version of Acme's first automation
CREATE FUNCTION regress.v1() RETURNS uuid LANGUAGE sql IMMUTABLE RETURN regress.id('a', 3, 1);
CREATE FUNCTION regress.edit(known bigint, diff jsonb, mode text DEFAULT 'lww', key text DEFAULT NULL) RETURNS text LANGUAGE sql
RETURN regress.try(format('SELECT copilot.blueprint_apply(regress.v1(), %L, %L, %L, %L) - ''event_id''', known, diff, mode, key));
CREATE FUNCTION regress.call(method text, params jsonb, id uuid DEFAULT regress.v1(), key text DEFAULT NULL) RETURNS text LANGUAGE sql
RETURN regress.answer(method, jsonb_build_object('id', id) || params, '{event_id}', key => key);
-- one field of one node
CREATE FUNCTION regress.set(node text, field text, value text) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object('nodes', jsonb_build_object('updated', jsonb_build_array(jsonb_build_object('id', node,
	'set', jsonb_build_array(jsonb_build_array(string_to_array(field, '.'), value))))));
CREATE FUNCTION regress.doc() RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS
$$SELECT blueprint_json FROM copilot.automation_versions WHERE id = regress.v1()$$;
CREATE TABLE regress.looked (id bigint);
INSERT INTO regress.looked SELECT coalesce(max(id), 0) FROM wrk.event;
CREATE FUNCTION regress.news(OUT type text, OUT channels text, OUT payload jsonb, OUT key text)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT e.type, regexp_replace(array_to_string(e.channels, ' '), 'tenant:.0000000-0000-4000-8000-000000000000:', '', 'g'),
		e.payload - '{id,automation_version_id}'::text[], e.key
	FROM wrk.event e WHERE e.class <> 'x' AND e.id > (SELECT l.id FROM regress.looked l) AND e.type NOT IN ('automation_version.updated', 'audit.appended') ORDER BY e.id;
	UPDATE regress.looked SET id = (SELECT max(e.id) FROM wrk.event e);
END $$;

-- ---------- one road ----------

-- whatever writes it: checked, counted, kept, told
UPDATE copilot.automation_versions SET blueprint_json = '{"title": "T", "nodes": [
	{"id": "n1", "data": {"label": "Start", "retry": 1}}, {"id": "n2", "data": {"label": "Read"}}, {"id": "n3", "data": {"label": "Write"}}],
	"edges": [{"id": "e1", "source": "n1", "target": "n2"}, {"id": "e2", "source": "n2", "target": "n3"}]}'
WHERE id = regress.v1() RETURNING blueprint_version, version;
:ann
UPDATE copilot.automation_versions SET blueprint_json = jsonb_set(blueprint_json, '{title}', '"Invoices"')
WHERE id = regress.v1() RETURNING blueprint_version, version;
UPDATE copilot.automation_versions SET requirements = '{"goals": {"problem": "Mail"}}' WHERE id = regress.v1() RETURNING blueprint_version, version;
UPDATE copilot.automation_versions SET blueprint_json = blueprint_json WHERE id = regress.v1() RETURNING blueprint_version, version;
COMMIT;
SELECT * FROM regress.news();
SELECT c.version, c.base_version, p.name, c.diff - 'nodes' - 'edges', c.inverse - 'nodes' - 'edges', e.type
FROM copilot.blueprint_changes c LEFT JOIN regress.person p ON p.id = c.author_id LEFT JOIN wrk.event e ON e.id = c.event_id ORDER BY 1;
-- nobody chooses the count
:ann
UPDATE copilot.automation_versions SET blueprint_version = 100 WHERE id = regress.v1();
ROLLBACK;
UPDATE copilot.automation_versions SET blueprint_version = 100 WHERE id = regress.v1() RETURNING blueprint_version;
-- equal numbers of other digits are a change
BEGIN;
UPDATE copilot.automation_versions SET blueprint_json = jsonb_set(blueprint_json, '{nodes,0,data,retry}', '1.0') WHERE id = regress.v1() RETURNING blueprint_version;
SELECT diff FROM copilot.blueprint_changes ORDER BY version DESC LIMIT 1;
ROLLBACK;
-- what is not sound gets in on no road
SELECT regress.try($$UPDATE copilot.automation_versions SET blueprint_json = '{"nodes": [{"id": "n1"}, {"id": "n1"}]}' WHERE id = regress.v1() RETURNING '{}'::jsonb$$);
SELECT regress.try($$INSERT INTO copilot.automation_versions (tenant_id, automation_id, number, blueprint_json)
	VALUES (regress.id('a', 0, 0), regress.id('a', 2, 1), 7, '{"edges": [{"id": "e", "source": "x", "target": "y"}]}') RETURNING '{}'::jsonb$$);
:ann
SELECT left(regress.edit(3, jsonb_build_object('nodes', jsonb_build_object('added', jsonb_build_array(jsonb_build_object('id', 'big', 'x', repeat('x', 300000)))))), 60);
SELECT left(regress.call('blueprint.replace', jsonb_build_object('version', 3, 'document', jsonb_build_object('x', repeat('x', 1100000)))), 60);
SELECT left(regress.call('blueprint.replace', '{"version": 3, "document": {"nodes": [{"id": "n1"}], "edges": [{"id": "e1", "source": "n1", "target": "n9"}]}}'), 40);
ROLLBACK;

-- ---------- two editors ----------

-- of different nodes: both stay
:ann
SELECT regress.edit(3, regress.set('n1', 'data.label', 'Mail'));
COMMIT;
:bob
SELECT regress.edit(3, regress.set('n2', 'data.label', 'Scan'));
COMMIT;
-- of different fields of one node: both stay
:otto
SELECT regress.edit(3, regress.set('n1', 'data.retry', '5'));
COMMIT;
SELECT regress.doc() #> '{nodes,0}', regress.doc() #> '{nodes,1}';
SELECT * FROM regress.news();
-- an edit of an old version says what it was in fact: base is what it was applied to
SELECT version, base_version, name FROM copilot.blueprint_changes c JOIN regress.person p ON p.id = c.author_id ORDER BY 1;

-- of one field, strict: nothing of it is done
:bob
SELECT regress.edit(3, jsonb_set(regress.set('n1', 'data.label', 'Fax'), '{nodes,updated,1}',
	'{"id": "n3", "set": [[["data", "label"], "Save"]]}'), 'strict');
-- ... ours: the rest of it is done
SELECT regress.edit(3, jsonb_set(regress.set('n1', 'data.label', 'Fax'), '{nodes,updated,1}',
	'{"id": "n3", "set": [[["data", "label"], "Save"]]}'), 'ours');
COMMIT;
SELECT * FROM regress.news();
-- ... lww: the last wins, and the one before is told
:bob
SELECT regress.edit(3, regress.set('n1', 'data.label', 'Fax'));
COMMIT;
SELECT * FROM regress.news();
SELECT c.channels[1] LIKE '%' || regress.id('0', 1, 1) AS ann_is_told FROM wrk.event c WHERE type = 'conflict.detected';
-- ... whoever wrote it last, and nobody for what was their own
:otto
SELECT regress.edit(8, regress.set('n1', 'data.label', 'Post'));
COMMIT;
:ann
SELECT regress.edit(3, jsonb_set(regress.set('n1', 'data.label', 'Letter'), '{nodes,updated,1}', '{"id": "n2", "set": [[["data", "label"], "OCR"]]}'));
SELECT regress.edit(3, regress.set('n1', 'data.label', 'Letter?'));
COMMIT;
SELECT type, p.name, payload FROM regress.news() LEFT JOIN regress.person p ON p.id::text = right(channels, 36);
-- ... and for the same edit there is no conflict and nothing to do
:bob
SELECT regress.edit(3, regress.set('n1', 'data.label', 'Letter?'), 'strict');
COMMIT;
SELECT * FROM regress.news();

-- who does not see the version any more is told nothing of it, be it by project, role or tenant
CREATE FUNCTION regress.told_bob(without text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regress.act('bob');
	PERFORM copilot.blueprint_apply(regress.v1(), 11, regress.set('n2', 'data.label', 'Scan'));
	EXECUTE without;
	PERFORM regress.act('ann');
	PERFORM copilot.blueprint_apply(regress.v1(), 11, regress.set('n2', 'data.label', 'Copy'));
	RETURN QUERY SELECT e.type FROM regress.news() e;
END $$;
BEGIN;
SELECT regress.told_bob('SELECT');
ROLLBACK;
BEGIN;
SELECT regress.told_bob('DELETE FROM copilot.project_members WHERE user_id = regress.id(''0'', 1, 2)');
ROLLBACK;
BEGIN;
SELECT regress.told_bob('DELETE FROM copilot.user_roles WHERE user_id = regress.id(''0'', 1, 2)');
ROLLBACK;
BEGIN;
SELECT regress.told_bob('UPDATE copilot.tenant_users SET status = ''inactive'' WHERE user_id = regress.id(''0'', 1, 2)');
ROLLBACK;

-- thousands of conflicts take no longer than there are
CREATE FUNCTION regress.nodes(label text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('nodes', jsonb_agg(jsonb_build_object('id', 'n' || i, 'data', jsonb_build_object('label', label || i)) ORDER BY i))
	FROM generate_series(1, 3000) i $$;
BEGIN;
SET LOCAL statement_timeout = '10s';
UPDATE copilot.automation_versions SET blueprint_json = regress.nodes('x') WHERE id = regress.v1() RETURNING blueprint_version;
SELECT regress.act('bob');
SELECT copilot.blueprint_replace(regress.v1(), 12, regress.nodes('b')) ->> 'version';
SELECT regress.act('ann');
SELECT jsonb_array_length(copilot.blueprint_replace(regress.v1(), 12, regress.nodes('a')) -> 'conflicts');
SELECT type, jsonb_array_length(payload -> 'conflicts') FROM regress.news();
ROLLBACK;

-- deleted here, edited there: the last wins, and is told of it
:ann
SELECT regress.edit(11, '{"nodes": {"deleted": ["n3"]}, "edges": {"deleted": ["e2"]}}');
COMMIT;
:bob
SELECT regress.edit(11, regress.set('n3', 'data.label', 'Send'), 'strict');
SELECT regress.edit(11, regress.set('n3', 'data.label', 'Send'), 'ours');
SELECT regress.edit(11, regress.set('n3', 'data.label', 'Send'));
COMMIT;
:ann
SELECT regress.edit(11, '{"nodes": {"deleted": ["n3"]}, "edges": {"deleted": ["e2"]}}');
COMMIT;
SELECT type, p.name, payload FROM regress.news() LEFT JOIN regress.person p ON p.id::text = right(channels, 36);

-- an edge that nobody touched goes with its node, and is in nobody's way
:ann
SELECT regress.edit(13, '{"nodes": {"deleted": ["n2"]}}', 'strict');
ROLLBACK;
-- an edge to a node that is gone goes as well, and its author is told
:ann
SELECT regress.edit(14, '{"nodes": {"deleted": ["n2"]}}');
COMMIT;
:bob
SELECT regress.edit(14, '{"nodes": {"added": [{"id": "n4"}]}, "edges": {"added": [{"id": "e4", "source": "n4", "target": "n2"}, {"id": "e5", "source": "n4", "target": "n1"}]}}', 'strict');
SELECT regress.edit(14, '{"nodes": {"added": [{"id": "n4"}]}, "edges": {"added": [{"id": "e4", "source": "n4", "target": "n2"}, {"id": "e5", "source": "n4", "target": "n1"}]}}');
COMMIT;
:ann
SELECT regress.edit(15, '{"nodes": {"deleted": ["n1"]}}', 'ours') LIKE '%"dropped_edges": ["e5"]%' AS in_this_mode_too;
RESET ROLE;
SELECT type FROM regress.news() WHERE payload ->> 'version' = '17';
ROLLBACK;
:ann
SELECT regress.edit(15, '{"nodes": {"deleted": ["n1"]}}');
COMMIT;
SELECT type, p.name, payload FROM regress.news() LEFT JOIN regress.person p ON p.id::text = right(channels, 36);
SELECT regress.doc();

-- ---------- what only the editor's screen shows ----------

:ann
SELECT regress.edit(17, '{"nodes": {"updated": [{"id": "n4", "set": [[["selected"], true]]}]}}');
SELECT version, blueprint_version, blueprint_json #> '{nodes,0}' FROM copilot.automation_versions WHERE id = regress.v1();
SELECT regress.edit(17, regress.set('n4', 'label', 'Four'));
COMMIT;
SELECT * FROM regress.news();
SELECT regress.doc() #> '{nodes,0}';
-- ... counts nothing for the row either, and is no event
CREATE TEMP TABLE before AS SELECT version, blueprint_version, updated_at, (SELECT max(id) FROM wrk.event) AS event
	FROM copilot.automation_versions WHERE id = regress.v1();
:ann
UPDATE copilot.automation_versions SET blueprint_json = jsonb_set(blueprint_json, '{nodes,0,dragging}', 'true') WHERE id = regress.v1();
SELECT regress.edit(18, '{"nodes": {"updated": [{"id": "n4", "set": [[["selected"], false]]}]}}');
COMMIT;
SELECT v.version = b.version AND v.blueprint_version = b.blueprint_version AND v.updated_at = b.updated_at AS same,
	(SELECT count(*) FROM wrk.event WHERE id > b.event AND type <> 'audit.appended') AS events, blueprint_json #> '{nodes,0}'
FROM copilot.automation_versions v, before b WHERE v.id = regress.v1();
-- ... but what comes with it does
BEGIN;
UPDATE copilot.automation_versions SET blueprint_json = jsonb_set(blueprint_json, '{nodes,0,dragging}', 'false'), intake_progress = 20 WHERE id = regress.v1();
SELECT v.version - b.version, v.blueprint_version = b.blueprint_version,
	(SELECT jsonb_agg(payload -> 'changed') FROM wrk.event WHERE id > b.event AND type <> 'audit.appended')
FROM copilot.automation_versions v, before b WHERE v.id = regress.v1();
ROLLBACK;

-- ---------- what is refused ----------

:ann
SELECT regress.edit(99, regress.set('n4', 'label', 'x'));
SELECT regress.edit(0, regress.set('n4', 'label', 'x'));
SELECT regress.edit(-1, regress.set('n4', 'label', 'x'));
SELECT regress.edit(NULL, regress.set('n4', 'label', 'x'));
SELECT regress.edit(18, NULL);
SELECT regress.edit(18, '{}');
SELECT regress.edit(18, jsonb_build_object('meta', jsonb_build_object('set', (SELECT jsonb_agg(jsonb_build_array(jsonb_build_array('k' || i), i)) FROM generate_series(1, 300000) i))));
SELECT regress.edit(18, '{}', 'theirs');
SELECT regress.edit(18, '{}', NULL);
SELECT regress.edit(18, regress.set('n9', 'label', 'x'));
SELECT regress.edit(18, '{"nodes": {"deleted": ["n9"]}}');
SELECT regress.edit(18, '{"nodes": {"added": [{"id": "n4"}]}}');
SELECT regress.edit(18, d) FROM unnest(ARRAY['[]', '"x"', 'null', '1', '{"nodes": []}', '{"nodes": {"add": []}}', '{"nodes": {"added": [1]}}',
	'{"nodes": {"added": [{"id": {}}]}}', '{"nodes": {"updated": [{"id": "n4", "set": [["label", 1]]}]}}',
	'{"nodes": {"updated": [{"id": "n4", "set": [[[], 1]]}]}}', '{"nodes": {"updated": [{"id": "n4", "set": [[["id"], "n5"]]}]}}',
	'{"title": {"added": [{"id": 1}]}}', '{"meta": {"set": [[["nodes"], 1]]}}', '{"meta": {"unset": [[]]}}']::jsonb[]) d;
SELECT regress.call('blueprint.apply', '{"version": 18}');
SELECT regress.call('blueprint.apply', '{"version": 18, "diff": []}');
SELECT regress.call('blueprint.apply', '{"diff": {}}');
SELECT regress.call('blueprint.apply', '{"version": "18", "diff": {}}');
SELECT regress.call('blueprint.apply', '{"version": 18, "diff": {}, "mode": "mine"}');
SELECT regress.call('blueprint.apply', '{"version": 18, "diff": {}, "force": true}');
SELECT regress.call('blueprint.replace', '{"version": 18, "document": []}');
SELECT regress.call('blueprint.get', '{"version": 0}');
SELECT regress.call('blueprint.get', '{"version": 99}');
ROLLBACK;
SELECT count(*) AS nothing_was_told FROM regress.news();

-- somebody else's is not there; seen is not yet editable
:gil
SELECT regress.call('blueprint.apply', '{"version": 18, "diff": {}}'), regress.call('blueprint.replace', '{"version": 18, "document": {}}'),
	regress.call('blueprint.get', '{}'), regress.call('blueprint.get', '{}', regress.id('a', 3, 9));
SELECT count(*) FROM copilot.blueprint_changes;
ROLLBACK;
:bob
SELECT regress.call('blueprint.get', '{}', regress.id('a', 3, 2));
SELECT count(*) FROM copilot.blueprint_changes;
ROLLBACK;
BEGIN;
DELETE FROM wrk.permission WHERE role = 'client' AND action = 'update' AND resource_type = 'automation_version';
SELECT regress.act('ann');
SET LOCAL ROLE wrk_member;
SELECT regress.edit(18, regress.set('n4', 'label', 'x'));
SELECT left(regress.call('blueprint.get', '{}'), 40);
ROLLBACK;
-- the history is read by who sees the version, and written by nobody
:ann
SELECT count(*), min(version), max(version) FROM copilot.blueprint_changes;
SELECT regress.try($$DELETE FROM copilot.blueprint_changes RETURNING '{}'::jsonb$$);
SELECT regress.try($$UPDATE copilot.blueprint_changes SET diff = '{}' RETURNING '{}'::jsonb$$);
SELECT regress.try($$INSERT INTO copilot.blueprint_changes (automation_version_id, version, base_version, diff, inverse) VALUES (regress.v1(), 99, 98, '{}', '{}') RETURNING '{}'::jsonb$$);
SELECT regress.try(format('SELECT to_jsonb(copilot.blueprint_%s)', f)) FROM unnest(ARRAY['announce(NULL, NULL, 1, NULL)',
	'tell_losers(NULL, NULL, 1, 1, NULL, NULL)', 'emit(NULL, NULL, NULL, NULL, NULL)', 'retention()']) f;
ROLLBACK;
-- a made-up base tells nobody of what was not overwritten
:bob
SELECT set_config('copilot.blueprint_edit', '{"base": 3, "conflicts": true}', true);
UPDATE copilot.automation_versions SET blueprint_json = blueprint_json || '{"lang": "en"}' WHERE id = regress.v1() RETURNING blueprint_version;
SELECT base_version FROM copilot.blueprint_changes ORDER BY version DESC LIMIT 1;
RESET ROLE;
SELECT type FROM regress.news();
ROLLBACK;
:gil
SELECT set_config('copilot.blueprint_edit', '{"base": -5, "conflicts": true}', true);
UPDATE copilot.automation_versions SET blueprint_json = '{"x": 1}' WHERE id = regress.id('b', 3, 1) RETURNING blueprint_version;
COMMIT;
SELECT * FROM regress.news();
SELECT base_version FROM copilot.blueprint_changes WHERE automation_version_id = regress.id('b', 3, 1);

-- ---------- in which status ----------

CREATE FUNCTION regress.put(wanted text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrk.status_import();
	UPDATE copilot.automation_versions SET status = wanted WHERE id = regress.v1();
	PERFORM wrk.status_import(false);
END $$;
BEGIN;
SELECT s.code, (SELECT regress.put(s.code)) AS put,
	regress.try('SELECT copilot.blueprint_apply(regress.v1(), blueprint_version, regress.set(''n4'', ''label'', $$' || s.code || '$$)) - ''{version,base,event_id}''::text[] FROM copilot.automation_versions WHERE id = regress.v1()')
FROM jsonb_array_elements(copilot.automation_version_machine() -> 'states') WITH ORDINALITY m (state, n), LATERAL (SELECT state ->> 'code') s (code) ORDER BY n;
SELECT regress.put('live');
SELECT regress.try($$UPDATE copilot.automation_versions SET blueprint_json = '{}' WHERE id = regress.v1() RETURNING '{}'::jsonb$$);
-- not even with the step that leads there, or with the one that leads back
SELECT regress.put('needs_pricing');
SELECT regress.try($$UPDATE copilot.automation_versions SET status = 'awaiting_client_approval', blueprint_json = '{}' WHERE id = regress.v1() RETURNING '{}'::jsonb$$);
SELECT regress.put('awaiting_client_approval');
SELECT regress.try($$UPDATE copilot.automation_versions SET status = 'build_in_progress', blueprint_json = '{}' WHERE id = regress.v1() RETURNING '{}'::jsonb$$);
-- what is loaded from elsewhere may be in any
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET blueprint_json = '{}' WHERE id = regress.v1() RETURNING status, blueprint_version;
ROLLBACK;

-- ---------- once per key ----------

:ann
SELECT regress.edit(18, regress.set('n4', 'label', 'keyed'), key => 'k1');
SELECT regress.edit(18, regress.set('n4', 'label', 'keyed'), key => 'k1');
SELECT regress.edit(18, regress.set('n4', 'label', 'other'), key => 'k1');
SELECT regress.try($$SELECT copilot.blueprint_replace(regress.v1(), 19, '{"nodes": [{"id": "n4"}]}', key => 'k2') - 'event_id'$$);
SELECT regress.try($$SELECT copilot.blueprint_replace(regress.v1(), 19, '{"nodes": [{"id": "n4"}]}', key => 'k2') - 'event_id'$$);
SELECT regress.call('blueprint.apply', jsonb_build_object('version', 20, 'diff', regress.set('n4', 'label', 'called')), key => 'k3');
SELECT regress.call('blueprint.apply', jsonb_build_object('version', 20, 'diff', regress.set('n4', 'label', 'called')), key => 'k3');
SELECT result ->> 'event_id' = event_id::text AS is_its_event
FROM wrk.rpc_call('blueprint.apply', jsonb_build_object('id', regress.v1(), 'version', 21, 'diff', regress.set('n4', 'label', 'again')));
COMMIT;
SELECT payload ->> 'version', key FROM regress.news();
SELECT version, key FROM copilot.blueprint_changes WHERE version > 18 ORDER BY 1;

-- ---------- the whole document ----------

-- what differs from the version it was made from is the edit; what others did elsewhere stays
:ann
SELECT regress.call('blueprint.replace', '{"version": 22, "document": {"title": "Bills", "nodes": [{"id": "n4", "label": "again"}, {"id": "n5"}]}}');
COMMIT;
:bob
SELECT regress.call('blueprint.replace', '{"version": 22, "document": {"lang": "de", "nodes": [{"id": "n6"}, {"id": "n4", "label": "again", "selected": true}]}}');
COMMIT;
SELECT regress.doc();
SELECT type, payload FROM regress.news();

-- ---------- older versions ----------

-- every version, back from the present and forth from the first, is the same
:ann
SELECT result FROM wrk.rpc_call('blueprint.get', jsonb_build_object('id', regress.v1()));
SELECT result FROM wrk.rpc_call('blueprint.get', jsonb_build_object('id', regress.v1(), 'version', 3));
WITH RECURSIVE forth (version, document) AS (
	SELECT 1::bigint, '{"nodes": [{"id": "n1"}]}'::jsonb
	UNION ALL
	SELECT f.version + 1, wrk.blueprint_patch(f.document, c.diff)
	FROM forth f JOIN copilot.blueprint_changes c ON c.version = f.version + 1 AND c.automation_version_id = regress.v1())
SELECT count(*) AS versions, bool_and(document::text = copilot.blueprint_get(jsonb_build_object('id', regress.v1(), 'version', version)) -> 'document' #>> '{}')
	FILTER (WHERE version < 24) AS same, bool_or(document::text = wrk.blueprint_strip(regress.doc())::text) AS and_the_present
FROM forth;
COMMIT;
-- a change that cannot be sent is told without what it is
BEGIN;
SET LOCAL wrk_copilot.max_event_bytes = 1024;
UPDATE copilot.automation_versions SET blueprint_json = jsonb_build_object('x', repeat('x', 2000)) WHERE id = regress.v1();
UPDATE copilot.automation_versions SET blueprint_json = '{"version": [{"id": 1}]}' WHERE id = regress.v1();
UPDATE copilot.automation_versions SET blueprint_json = '{"version": [{"id": 1}, {"id": 2}]}' WHERE id = regress.v1();
SELECT type, payload FROM regress.news();
ROLLBACK;

-- ---------- how long ----------

SELECT copilot.blueprint_retention();
DO $$BEGIN FOR i IN 1 .. 60 LOOP
	UPDATE copilot.automation_versions SET blueprint_json = jsonb_build_object('i', i) WHERE id = regress.v1();
END LOOP; END$$;
SELECT copilot.blueprint_retention();
-- older than 30 days, but the last 50
UPDATE copilot.blueprint_changes SET created_at = now() - interval '31 days' WHERE version <= 80;
SELECT copilot.blueprint_retention();
SELECT count(*), min(version), max(version) FROM copilot.blueprint_changes WHERE automation_version_id = regress.v1();
:ann
SELECT regress.edit(33, '{"meta": {"set": [[["late"], true]]}}');
SELECT regress.edit(34, '{"meta": {"set": [[["late"], true]]}}');
SELECT left(regress.call('blueprint.get', '{"version": 33}'), 60), left(regress.call('blueprint.get', '{"version": 34}'), 60);
ROLLBACK;
-- more than 500
INSERT INTO copilot.blueprint_changes (tenant_id, automation_version_id, version, base_version, diff, inverse)
SELECT regress.id('a', 0, 0), regress.v1(), i, i - 1, '{}', '{}' FROM generate_series(85, 700) i;
ALTER TABLE copilot.automation_versions DISABLE TRIGGER USER;
UPDATE copilot.automation_versions SET blueprint_version = 700 WHERE id = regress.v1();
ALTER TABLE copilot.automation_versions ENABLE TRIGGER USER;
SELECT copilot.blueprint_retention();
SELECT count(*), min(version), max(version) FROM copilot.blueprint_changes WHERE automation_version_id = regress.v1();
SELECT name, function, every FROM wrk.maintenance WHERE name = 'copilot.blueprint_retention';

-- ---------- the next version ----------

:ann
SELECT regress.try(format('SELECT result - ''{id,based_on,created_at,updated_at,status_changed_at}''::text[] FROM wrk.rpc_call(''automation_version.create_version'', ''{"automation_id": "%s"}'')', a))
FROM unnest(ARRAY[regress.id('a', 2, 1), regress.id('a', 2, 1), regress.id('b', 2, 1), regress.id('a', 2, 9)]) a;
SELECT regress.try($$SELECT result FROM wrk.rpc_call('automation_version.create_version', '{}')$$);
COMMIT;
:bob
SELECT regress.try(format('SELECT result FROM wrk.rpc_call(''automation_version.create_version'', ''{"automation_id": "%s"}'')', regress.id('a', 2, 1)));
COMMIT;
SELECT number, status, blueprint_json = regress.doc() AS same, blueprint_version, name
FROM copilot.automation_versions v LEFT JOIN regress.person p ON p.id = v.created_by WHERE automation_id = regress.id('a', 2, 1) ORDER BY 1;
-- with its version a history goes
DELETE FROM copilot.projects WHERE id = regress.id('b', 4, 1);
DELETE FROM copilot.automation_versions WHERE id = regress.id('b', 3, 1);
SELECT DISTINCT automation_version_id FROM copilot.blueprint_changes;
DELETE FROM copilot.tenants;
SELECT count(*) FROM copilot.blueprint_changes;

SET client_min_messages = warning;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.rpc_key;
