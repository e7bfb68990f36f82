-- Undo and redo of blueprints: one's own edits only, nobody's work overwritten.
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
CREATE FUNCTION regress.undo(mode text DEFAULT 'strict') RETURNS text LANGUAGE sql
RETURN regress.try(format('SELECT copilot.blueprint_undo(regress.v1(), %L) - ''event_id''', mode));
CREATE FUNCTION regress.redo(mode text DEFAULT 'strict') RETURNS text LANGUAGE sql
RETURN regress.try(format('SELECT copilot.blueprint_redo(regress.v1(), %L) - ''event_id''', mode));
CREATE FUNCTION regress.call(method text, params jsonb, id uuid DEFAULT regress.v1(), key text DEFAULT NULL) RETURNS text LANGUAGE sql
RETURN regress.answer(method, jsonb_build_object('id', id) || params, '{event_id}', key => key);
-- an edit made from the present version, whose number it returns
CREATE FUNCTION regress.edit(diff jsonb) RETURNS bigint LANGUAGE sql AS $$
	SELECT (copilot.blueprint_apply(v.id, v.blueprint_version, diff) ->> 'version')::bigint
	FROM copilot.automation_versions v WHERE v.id = regress.v1() $$;
CREATE FUNCTION regress.set(node text, field text, value text) RETURNS bigint LANGUAGE sql
RETURN regress.edit(jsonb_build_object('nodes', jsonb_build_object('updated', jsonb_build_array(jsonb_build_object('id', node,
	'set', jsonb_build_array(jsonb_build_array(jsonb_build_array(field), value)))))));
CREATE FUNCTION regress.doc() RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS
$$SELECT blueprint_json FROM copilot.automation_versions WHERE id = regress.v1()$$;
CREATE VIEW regress.stack AS
	SELECT c.version, p.name, c.base_version AS base, c.undoes, c.redoes, c.undone FROM copilot.blueprint_changes c
	LEFT JOIN regress.person p ON p.id = c.author_id WHERE c.automation_version_id = regress.v1() ORDER BY 1;
GRANT SELECT ON regress.stack TO wrk_member;

UPDATE copilot.automation_versions SET blueprint_json = '{"title": "T", "nodes": [{"id": "n1", "a": 0, "b": 0}, {"id": "n2", "a": 0}],
	"edges": [{"id": "e1", "source": "n1", "target": "n2"}]}' WHERE id = regress.v1();

-- ---------- one editor ----------

-- who has edited nothing has nothing to undo, be there edits of others or of nobody
:ann
SELECT regress.undo(), regress.redo(), regress.undo('ours'), regress.redo('ours');
-- undo and redo go back and forth by edits
SELECT regress.set('n1', 'a', 'one'), regress.set('n1', 'b', 'two');
SELECT regress.undo();
SELECT regress.doc() #> '{nodes,0}';
SELECT regress.undo();
SELECT regress.doc() #> '{nodes,0}';
SELECT regress.undo();
SELECT regress.redo();
SELECT regress.redo();
SELECT regress.redo();
SELECT regress.doc() #> '{nodes,0}';
SELECT regress.undo();
COMMIT;
SELECT * FROM regress.stack;
-- it is an edit like any other to those who follow the blueprint
SELECT type, payload ->> 'version', payload -> 'nodes' FROM wrk.event WHERE type LIKE 'blueprint.%' ORDER BY id DESC LIMIT 1;
-- a new edit ends what could be redone, and is undone itself
:ann
SELECT regress.set('n2', 'a', 'three');
SELECT regress.redo();
SELECT regress.undo();
SELECT regress.undo();
SELECT regress.redo(), regress.redo();
-- ... what was out of reach stays so, also when the new edit is undone
SELECT regress.redo();
SELECT regress.doc() #> '{nodes}';
-- an edit that changes nothing is none
SELECT regress.undo();
SELECT regress.set('n2', 'a', regress.doc() #>> '{nodes,1,a}') IS NOT NULL;
SELECT regress.redo();
-- a plain statement is an edit, too
UPDATE copilot.automation_versions SET blueprint_json = jsonb_set(blueprint_json, '{title}', '"plain"') WHERE id = regress.v1();
SELECT regress.redo();
SELECT regress.undo();
SELECT regress.doc() ->> 'title';
ROLLBACK;

-- ---------- others ----------

-- what others did elsewhere stays, what they did is not undone
:ann
SELECT regress.set('n1', 'a', 'ann');
COMMIT;
:bob
SELECT regress.set('n1', 'b', 'bob');
COMMIT;
:ann
SELECT regress.undo();
SELECT regress.doc() #> '{nodes,0}';
SELECT regress.redo();
SELECT regress.doc() #> '{nodes,0}';
COMMIT;
:bob
SELECT regress.undo();
SELECT regress.undo();
SELECT regress.redo();
COMMIT;
-- what they overwrote is in conflict: with strict nothing is done, and it remains the next
:bob
SELECT regress.edit('{"nodes": {"updated": [{"id": "n1", "set": [[["a"], "bob"]]}, {"id": "n2", "set": [[["a"], "bob"]]}]}}');
COMMIT;
:ann
SELECT regress.edit('{"meta": {"set": [[["title"], "ann"]]}, "nodes": {"updated": [{"id": "n2", "set": [[["a"], "ann"]]}]}}');
COMMIT;
:bob
SELECT regress.undo();
SELECT regress.undo();
-- ... with ours the rest is taken back
SELECT regress.undo('ours');
SELECT regress.doc() #> '{nodes}';
-- ... and that is what a redo brings back, no more; and an undo takes away
SELECT regress.redo();
SELECT regress.doc() #> '{nodes}';
SELECT regress.undo();
SELECT regress.doc() #> '{nodes}';
SELECT regress.redo();
COMMIT;
SELECT type, payload FROM wrk.event WHERE type = 'conflict.detected';
-- overwritten altogether: it counts as undone, and there is nothing to redo but the step
:ann
SELECT regress.edit('{"nodes": {"updated": [{"id": "n1", "set": [[["a"], "ann again"]]}, {"id": "n2", "set": [[["a"], "ann again"]]}]}}');
COMMIT;
CREATE TEMP TABLE was AS SELECT id, version, blueprint_version, updated_at FROM copilot.automation_versions;
:bob
SELECT regress.undo();
SELECT regress.undo('ours');
SELECT undone FROM regress.stack WHERE version = 16;
SELECT regress.redo();
SELECT undone FROM regress.stack WHERE version = 16;
SELECT regress.undo('ours');
COMMIT;
-- ... of which others see nothing
SELECT count(*) FROM was NATURAL JOIN copilot.automation_versions;
SELECT count(*) FROM wrk.event WHERE id > (SELECT max(event_id) FROM copilot.blueprint_changes) AND type <> 'audit.appended';
-- ... and the edit before is the next
:bob
SELECT regress.undo();
SELECT regress.redo(), regress.redo();
COMMIT;
-- to the value it had is no conflict, by whomever
:ann
SELECT regress.set('n1', 'b', 'x');
COMMIT;
:bob
SELECT regress.set('n1', 'b', 'bob');
COMMIT;
:ann
SELECT regress.undo();
COMMIT;

-- ---------- nodes and edges ----------

UPDATE copilot.automation_versions SET blueprint_json = '{"nodes": [{"id": "n1"}, {"id": "n2"}], "edges": [{"id": "e1", "source": "n1", "target": "n2"}]}'
WHERE id = regress.v1() RETURNING blueprint_version;
-- what was deleted comes back to its place, with its edges
:ann
SELECT regress.edit('{"nodes": {"deleted": ["n1"]}, "edges": {"deleted": ["e1"]}}');
SELECT regress.undo() LIKE '%"changed": true%', regress.doc();
ROLLBACK;
-- a node that somebody has edited, or drawn an edge to, since it was added
:ann
SELECT regress.edit('{"nodes": {"added": [{"id": "n3"}, {"id": "n4"}, {"id": "n5"}, {"id": "n6"}]}, "edges": {"added": [{"id": "e3", "source": "n5", "target": "n6"}]}}');
COMMIT;
:bob
SELECT regress.set('n3', 'a', 'bob');
SELECT regress.edit('{"edges": {"added": [{"id": "e4", "source": "n4", "target": "n3"}, {"id": "e5", "source": "n2", "target": "n4"}]}}');
COMMIT;
:ann
SELECT regress.undo();
SELECT regress.undo('ours');
SELECT regress.doc();
SELECT regress.redo() LIKE '%"changed": true%', regress.doc();
SELECT regress.undo() LIKE '%"changed": true%', regress.doc();
-- ... an edge of one's own, that another has changed
SELECT regress.edit('{"nodes": {"added": [{"id": "n7"}, {"id": "n8"}]}, "edges": {"added": [{"id": "e7", "source": "n7", "target": "n2"}]}}');
COMMIT;
:bob
SELECT regress.edit('{"edges": {"updated": [{"id": "e7", "set": [[["label"], "yes"]]}]}}');
COMMIT;
:ann
SELECT regress.undo('ours');
SELECT regress.doc();
COMMIT;
-- an edge whose node another has deleted does not come back
:ann
SELECT regress.edit('{"edges": {"deleted": ["e7"]}}');
COMMIT;
:bob
SELECT regress.edit('{"nodes": {"deleted": ["n7"]}}');
COMMIT;
:ann
SELECT regress.undo();
SELECT regress.undo('ours');
COMMIT;
-- the first nodes of a blueprint
UPDATE copilot.automation_versions SET blueprint_json = '{}' WHERE id = regress.v1() RETURNING blueprint_version;
:ann
SELECT regress.edit(wrk.blueprint_diff('{}', '{"title": "T", "nodes": [{"id": "n1"}, {"id": "n2"}, {"id": "n3"}]}'));
COMMIT;
:bob
SELECT regress.edit(wrk.blueprint_diff('{}', '{"edges": [{"id": "e", "source": "n3", "target": "n1"}]}'));
COMMIT;
:ann
SELECT regress.undo('ours');
SELECT regress.doc();
SELECT regress.redo() LIKE '%"changed": true%', regress.doc();
COMMIT;

-- ---------- who may ----------

:quinn
SELECT regress.undo(), regress.redo();
COMMIT;
:gil
SELECT regress.undo(), regress.redo('ours');
COMMIT;
-- when it is edited no more, nothing is undone
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'live' WHERE id = regress.v1();
COMMIT;
:ann
SELECT regress.undo();
COMMIT;
BEGIN;
SELECT wrk.status_import();
UPDATE copilot.automation_versions SET status = 'build_in_progress' WHERE id = regress.v1();
COMMIT;
-- who may do everything undoes nobody's edits but their own
:ada
SELECT regress.undo(), regress.redo();
SELECT regress.undo('lww'), regress.undo(NULL);
SELECT regress.try('SELECT copilot.blueprint_undo(NULL)'), regress.try(format('SELECT copilot.blueprint_undo(%L)', regress.id('a', 3, 9)));
-- nobody writes the stack but by undoing, nor undoes for others by what they say
UPDATE copilot.blueprint_changes SET undone = NULL;
ROLLBACK;
:bob
SELECT set_config('copilot.blueprint_edit', '{"base": 1, "undoes": ' || max(version) FILTER (WHERE name = 'ann') || '}', true) <> '' FROM regress.stack WHERE undoes IS NULL AND redoes IS NULL;
UPDATE copilot.automation_versions SET blueprint_json = jsonb_set(blueprint_json, '{title}', '"forged"') WHERE id = regress.v1();
SELECT * FROM regress.stack WHERE version >= (SELECT max(version) FROM regress.stack WHERE name = 'ann' AND undoes IS NULL AND redoes IS NULL);
ROLLBACK;
-- an undo that is rolled back was none
:ann
SELECT regress.set('n1', 'a', 'taken back');
SAVEPOINT s;
SELECT regress.undo();
ROLLBACK TO s;
SELECT regress.undo();
COMMIT;

-- ---------- calls ----------

:ann
SELECT regress.set('n1', 'a', 'first'), regress.set('n1', 'a', 'second'), regress.set('n1', 'a', 'third');
SELECT regress.call('blueprint.undo', '{}', key => 'u1');
-- the same request again is the same undo
SELECT regress.call('blueprint.undo', '{}', key => 'u1');
SELECT regress.call('blueprint.redo', '{"mode": "ours"}', key => 'u1');
SELECT regress.call('blueprint.redo', '{"mode": "ours"}', key => 'r1');
SELECT regress.try($$SELECT copilot.blueprint_undo(regress.v1(), key => 'u2') - 'event_id'$$);
SELECT regress.try($$SELECT copilot.blueprint_undo(regress.v1(), key => 'u2') - 'event_id'$$);
SELECT regress.try($$SELECT copilot.blueprint_redo(regress.v1(), key => 'u2') - 'event_id'$$);
SELECT regress.call('blueprint.undo', '{"mode": "lww"}'), regress.call('blueprint.redo', '{"version": 3}'),
	regress.call('blueprint.undo', '{"id": 7}'), regress.call('blueprint.redo', '{"id": null}');
SELECT regress.call('blueprint.redo', '{"mode": null}');
SELECT regress.call('blueprint.redo', '{}');
COMMIT;
:gil
SELECT regress.call('blueprint.undo', '{}');
COMMIT;
SELECT method, description FROM wrk.rpc WHERE method ~ 'undo|redo' ORDER BY 1;

-- ---------- how long ----------

-- what is kept no more cannot be undone; what an undo needs is always younger than the edit
:ann
SELECT regress.edit('{"meta": {"set": [[["old"], true]]}}') > 0;
SELECT regress.undo() LIKE '%"changed": true%';
COMMIT;
DO $$BEGIN FOR i IN 1 .. 49 LOOP
	UPDATE copilot.automation_versions SET blueprint_json = jsonb_set(blueprint_json, '{i}', to_jsonb(i)) WHERE id = regress.v1();
END LOOP; END$$;
UPDATE copilot.blueprint_changes SET created_at = now() - interval '31 days';
SELECT copilot.blueprint_retention() > 0;
SELECT count(*) FROM regress.stack;
SELECT name, version - max(version) OVER () AS version, undoes - version AS undoes FROM regress.stack ORDER BY 1 LIMIT 1;
:ann
SELECT regress.redo(), regress.undo();
COMMIT;

-- ---------- an installation that was made before ----------

DELETE FROM copilot.blueprint_changes;
ALTER TABLE copilot.blueprint_changes DROP COLUMN undoes CASCADE, DROP COLUMN redoes CASCADE, DROP COLUMN undone CASCADE;
SELECT copilot.install();
SELECT copilot.install();
:ann
SELECT regress.call('blueprint.replace', jsonb_build_object('version', blueprint_version, 'document', '{"x": 1}'::jsonb)) LIKE '%"changed": true%'
FROM copilot.automation_versions WHERE id = regress.v1();
SELECT regress.undo() LIKE '%"changed": true%', regress.redo() LIKE '%"changed": true%', regress.doc();
COMMIT;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'copilot.blueprint_changes'::regclass AND contype = 'c' ORDER BY 1;

SET client_min_messages = warning;
DELETE FROM copilot.tenants;
DROP SCHEMA regress CASCADE;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
DELETE FROM wrk.rpc_key;
