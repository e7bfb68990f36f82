-- Status machines on tables: which steps are legal, for whom, and what follows.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
CREATE SCHEMA regress;
GRANT USAGE ON SCHEMA regress TO PUBLIC;
INSERT INTO wrk.role (name, bit) VALUES ('rs_author', 50), ('rs_editor', 51);
INSERT INTO wrk.permission (role, action, resource_type, scope) VALUES ('rs_editor', 'rs_retract', 'article', 'tenant');
CREATE TABLE regress.called (n int GENERATED ALWAYS AS IDENTITY, what text, change jsonb);
GRANT INSERT ON regress.called TO PUBLIC;
CREATE FUNCTION regress.has_words(change jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO regress.called (what, change) VALUES ('guard', change);
	IF change #>> '{row,body}' = 'cursed' THEN
		RAISE EXCEPTION 'cursed words' USING ERRCODE = 'WK413';
	END IF;
	RETURN CASE WHEN coalesce(change #>> '{row,body}', '') = '' THEN 'an article without words' END;
END $$;
CREATE FUNCTION regress.congratulate(change jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO regress.called (what, change) VALUES ('after', change)
$$;
SELECT wrk.define_state_machine('{"name": "article", "title": "Articles",
	"states": [{"code": "draft", "label": "Draft", "initial": true}, {"code": "review", "label": "In Review"},
		{"code": "published", "label": "Published"}, {"code": "withdrawn", "terminal": true},
		{"code": "held", "history": true}, {"code": "frozen", "history": true}],
	"transitions": [
		{"from": "draft", "to": "review", "roles": ["rs_author", "rs_editor"], "guard": "regress.has_words", "label": "Submit"},
		{"from": "review", "to": "published", "roles": ["rs_editor"], "after": "regress.congratulate"},
		{"from": "review", "to": "draft", "roles": ["rs_editor"], "needs_reason": true},
		{"from": ["review", "published"], "to": "withdrawn", "permission": "rs_retract"},
		{"from": ["draft", "review", "published"], "to": "held"},
		{"from": ["draft", "review", "published", "held"], "to": "frozen", "roles": ["rs_editor"]},
		{"from": "held", "to": "previous"},
		{"from": "frozen", "to": "previous", "roles": ["rs_editor"]}]}');
CREATE TABLE regress.article (
	tenant_id text NOT NULL, id int NOT NULL, body text, status text, why text, PRIMARY KEY (tenant_id, id));
SELECT wrk.enable_status('regress.article', 'article', reason_column => 'why', channels => ARRAY['article:{id}']);
SELECT wrk.enable_tenancy('regress.article');
SELECT wrk.status_config('regress.article');
GRANT SELECT, INSERT, UPDATE ON regress.article TO wrk_member;

CREATE FUNCTION regress.act(name text, roles text[], tenant text DEFAULT 'acme') RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	SELECT wrk.impersonate(tenant, name, roles)
$$;
\set author 'BEGIN; DO $$BEGIN PERFORM regress.act(''ann'', ''{rs_author}''); END$$; SET LOCAL ROLE wrk_member;'
\set editor 'BEGIN; DO $$BEGIN PERFORM regress.act(''ed'', ''{rs_editor}''); END$$; SET LOCAL ROLE wrk_member;'
\set other 'BEGIN; DO $$BEGIN PERFORM regress.act(''eve'', ''{rs_editor}'', ''globex''); END$$; SET LOCAL ROLE wrk_member;'

-- a row begins where rows begin
:author
INSERT INTO regress.article (id, body) VALUES (1, 'words'), (2, ''), (3, 'words') RETURNING id, status, status_machine_version;
INSERT INTO regress.article (id, status) VALUES (9, 'draft') RETURNING status;
SAVEPOINT s;
INSERT INTO regress.article (id, status) VALUES (10, 'published');
\echo :SQLSTATE
ROLLBACK TO s;
INSERT INTO regress.article (id, status) VALUES (10, 'nowhere');
\echo :SQLSTATE
ROLLBACK TO s;
INSERT INTO regress.article (id, status_machine_version) VALUES (10, 77) RETURNING status_machine_version;
COMMIT;

-- a step that is not in the machine, one that is not for this identity, and one nobody may take
:author
UPDATE regress.article SET status = 'published' WHERE id = 1;
\echo :SQLSTATE
ROLLBACK;
:author
UPDATE regress.article SET status = 'frozen' WHERE id = 1;
\echo :SQLSTATE
ROLLBACK;
BEGIN;
UPDATE regress.article SET status = 'review' WHERE id = 1;
\echo :SQLSTATE
ROLLBACK;
:author
UPDATE regress.article SET status = 'nowhere' WHERE id = 1;
\echo :SQLSTATE
ROLLBACK;
:author
UPDATE regress.article SET status = NULL WHERE id = 1;
\echo :SQLSTATE
ROLLBACK;
-- the owner of the table, who is a superuser besides, is no exception
UPDATE regress.article SET status = 'published' WHERE id = 1;
-- nor are the machine's version and a reason by itself
:author
UPDATE regress.article SET status_machine_version = 1, why = 'because' WHERE id = 1;
\echo :SQLSTATE
ROLLBACK;
:author
UPDATE regress.article SET status_machine_version = 2 WHERE id = 1;
\echo :SQLSTATE
ROLLBACK;
-- other columns and the same state are nobody's business
:author
UPDATE regress.article SET body = 'more words', status = 'draft' WHERE id = 1 RETURNING status;
COMMIT;

-- a legal one, by UPDATE and by call: the guard looks at the new row
:author
UPDATE regress.article SET status = 'review', body = 'other words' WHERE id = 1 RETURNING status, why;
SELECT wrk.transition('regress.article', '2', 'review');
\echo :SQLSTATE
ROLLBACK;
:author
SELECT wrk.transition('regress.article', '3', 'review') - 'change_id' - 'event_id';
COMMIT;
SELECT what, change - 'machine_version' FROM regress.called ORDER BY n;
TRUNCATE regress.called;
:author
UPDATE regress.article SET status = 'review', body = 'cursed' WHERE id = 1;
\echo :SQLSTATE
ROLLBACK;

-- a reason where one is needed, of this change and no other
:editor
SELECT wrk.transition('regress.article', '3', 'draft');
\echo :SQLSTATE
ROLLBACK;
:editor
SELECT wrk.transition('regress.article', '3', 'draft', E' \t ');
\echo :SQLSTATE
ROLLBACK;
:editor
SELECT wrk.transition('regress.article', '3', 'draft', 'too short') - 'change_id' - 'event_id';
SELECT status, why FROM regress.article WHERE id = 3;
SELECT wrk.transition('regress.article', '3', 'review') - 'change_id' - 'event_id';
SELECT status, why FROM regress.article WHERE id = 3;
UPDATE regress.article SET status = 'draft', why = 'still too short' WHERE id = 3 RETURNING status, why;
UPDATE regress.article SET status = 'review' WHERE id = 3 RETURNING status, why;
UPDATE regress.article SET status = 'draft', why = 'still too short' WHERE id = 3 RETURNING status, why;
\echo :SQLSTATE
ROLLBACK;

-- what comes after, in the same transaction
:editor
SELECT wrk.transition('regress.article', '3', 'published', 'good one') - 'change_id' - 'event_id';
RESET ROLE;
SELECT what, change - 'change_id', change ? 'change_id' AS has_id FROM regress.called WHERE what = 'after';
\echo :SQLSTATE
ROLLBACK;
SELECT count(*) FROM regress.called;

-- a permission instead of a role
:author
SELECT wrk.transition('regress.article', '3', 'withdrawn');
\echo :SQLSTATE
ROLLBACK;
:editor
SELECT wrk.transition('regress.article', '3', 'withdrawn') ->> 'to';
SELECT wrk.transition('regress.article', '3', 'draft', 'x');
\echo :SQLSTATE
ROLLBACK;

-- previous: back to where it was, through stop-overs on the way
:editor
SELECT wrk.transition('regress.article', '3', 'previous');
\echo :SQLSTATE
ROLLBACK;
:editor
SELECT wrk.transition('regress.article', '3', s) ->> 'to' FROM unnest('{held,previous,held,frozen,previous,previous}'::text[]) s;
SELECT wrk.transition('regress.article', '3', 'held') ->> 'to';
SAVEPOINT s;
UPDATE regress.article SET status = 'published' WHERE id = 3;
\echo :SQLSTATE
ROLLBACK TO s;
SELECT * FROM wrk.available_transitions('regress.article', '3');
UPDATE regress.article SET status = 'review' WHERE id = 3 RETURNING status;
COMMIT;
SELECT from_state, to_state, returned FROM wrk.state_change WHERE entity = 'article' AND row_id = '3' ORDER BY id;

-- who sees what, in which order
:author
SELECT from_state, to_state, reason, user_id, actor, imported, duration >= '0' AS stayed FROM wrk.state_history('regress.article', '3');
SELECT * FROM wrk.available_transitions('regress.article', '3');
SELECT * FROM wrk.available_transitions('regress.article', '1');
COMMIT;
:other
SELECT wrk.transition('regress.article', '3', 'published');
\echo :SQLSTATE
ROLLBACK;
:other
SELECT * FROM wrk.state_history('regress.article', '3');
\echo :SQLSTATE
ROLLBACK;
:other
SELECT * FROM wrk.available_transitions('regress.article', '3');
\echo :SQLSTATE
ROLLBACK;
:other
SELECT count(*) FROM wrk.state_change;
\echo :SQLSTATE
ROLLBACK;
-- the same id in two tenants: two rows, two histories, also for who sees all rows
:other
INSERT INTO regress.article (id, body) VALUES (3, 'ours');
COMMIT;
BEGIN;
SELECT regress.act('eve', '{rs_editor}', 'globex');
SELECT wrk.transition('regress.article', '3', 'held') - 'change_id' - 'event_id';
SELECT from_state, to_state FROM wrk.state_history('regress.article', '3');
\echo :SQLSTATE
ROLLBACK;
SELECT wrk.transition('regress.article', '3', 'held');

-- what was asked for and is not so any more
:editor
SELECT wrk.transition('regress.article', '3', 'published', expected => 'draft');
\echo :SQLSTATE
ROLLBACK;
:editor
SELECT wrk.transition('regress.article', '3', 'review');
\echo :SQLSTATE
ROLLBACK;
:editor
SELECT wrk.transition('regress.article', '4', 'review');
\echo :SQLSTATE
ROLLBACK;
:editor
SELECT wrk.transition('regress.article', 'four', 'review');
\echo :SQLSTATE
ROLLBACK;
:editor
SELECT wrk.transition('regress.article', NULL, 'review');
\echo :SQLSTATE
ROLLBACK;
:editor
SELECT wrk.transition('regress.called', '3', 'review');
\echo :SQLSTATE
ROLLBACK;
-- a row one sees and may not change
CREATE POLICY hands_off ON regress.article AS RESTRICTIVE FOR UPDATE USING (id <> 3);
:editor
SELECT wrk.transition('regress.article', '3', 'published');
\echo :SQLSTATE
ROLLBACK;
DROP POLICY hands_off ON regress.article;

-- a try has the guard look at the row as it would be
:author
SELECT wrk.transition('regress.article', '1', 'review', 'a try', dry_run => true) ->> 'to';
RESET ROLE;
SELECT change #>> '{row,status}' AS status, change #>> '{row,why}' AS why FROM regress.called ORDER BY n DESC LIMIT 1;
ROLLBACK;
-- and changes nothing
:editor
SELECT wrk.transition('regress.article', '3', 'published', dry_run => true);
SELECT wrk.transition('regress.article', '2', 'review', dry_run => true);
\echo :SQLSTATE
ROLLBACK;
SELECT status FROM regress.article WHERE id = 3 AND tenant_id = 'acme';

-- once per key
:editor
SELECT wrk.transition('regress.article', '3', 'held', key => 'k1') ->> 'to';
COMMIT;
:editor
SELECT wrk.transition('regress.article', '3', 'held', key => 'k1') ->> 'to';
SELECT wrk.transition('regress.article', '3', 'frozen', key => 'k1') ->> 'to';
\echo :SQLSTATE
ROLLBACK;
SELECT wrk.transition('regress.article', '3', 'held', key => 'k1');
SELECT count(*), count(DISTINCT key) FROM wrk.state_change WHERE row_id = '3' AND tenant_id = 'acme' AND key = 'k1';
SELECT payload - 'change_id', channels, key, sender_id FROM wrk.event WHERE type = 'article.status_changed' ORDER BY id DESC LIMIT 1;
-- what follows a refusal in the same transaction is not part of the refused call
:author
SAVEPOINT s;
SELECT wrk.transition('regress.article', '9', 'nowhere', key => 'k2');
\echo :SQLSTATE
ROLLBACK TO s;
SELECT wrk.transition('regress.article', '9', 'held') ->> 'to' AS "to";
RESET ROLE;
SELECT c.key, e.key AS event_key FROM wrk.state_change c JOIN wrk.event e ON e.payload -> 'change_id' = to_jsonb(c.id)
ORDER BY c.id DESC LIMIT 1;
ROLLBACK;

-- within a call that has a key of its own, events carry that one
CREATE FUNCTION regress.twice(params jsonb) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
	SELECT wrk.transition('regress.article', '3', 'previous', key => 'inner');
	SELECT wrk.transition('regress.article', '3', 'held') - 'change_id' - 'event_id'
$$;
GRANT EXECUTE ON FUNCTION regress.twice(jsonb) TO wrk_member;
INSERT INTO wrk.rpc (method, function) VALUES ('regress.twice', 'regress.twice(jsonb)');
:editor
SELECT result FROM wrk.rpc_call('regress.twice', '{}', 'outer');
RESET ROLE;
SELECT to_state, key FROM wrk.state_change WHERE row_id = '3' AND tenant_id = 'acme' ORDER BY id DESC LIMIT 2;
ROLLBACK;
DELETE FROM wrk.rpc WHERE method = 'regress.twice';

-- many rows: all or nothing, or each for itself
:author
SELECT id, from_state, new_state, code, message FROM wrk.transition_all('regress.article', '{9,2,1}', 'review');
\echo :SQLSTATE
ROLLBACK;
:author
SELECT id, from_state, new_state, code, message FROM wrk.transition_all('regress.article', '{9,3,1,77,1}', 'review', on_refused => 'report', key => 'k2');
COMMIT;
:author
SELECT id, from_state, new_state, code, message FROM wrk.transition_all('regress.article', '{9,3,1,77,1}', 'review', on_refused => 'report', key => 'k2');
SELECT id, from_state, new_state, code, message FROM wrk.transition_all('regress.article', '{}', 'review');
SELECT * FROM wrk.transition_all('regress.article', '{1}', 'held', on_refused => 'perhaps');
\echo :SQLSTATE
ROLLBACK;
:author
SELECT * FROM wrk.transition_all('regress.article', '{1}', 'held', on_locked => 'perhaps');
\echo :SQLSTATE
ROLLBACK;
-- one row, however its id is spelt
:author
SELECT wrk.transition('regress.article', '+09', 'held', 'spelt') ->> 'id' AS id;
SELECT to_state, reason FROM wrk.state_history('regress.article', ' 9');
SELECT to_state, returns FROM wrk.available_transitions('regress.article', '09');
SELECT wrk.transition('regress.article', '009', 'previous') ->> 'to';
SELECT id, new_state, code FROM wrk.transition_all('regress.article', '{9,09}', 'held');
ROLLBACK;

-- loading data
BEGIN;
SET LOCAL ROLE wrk_member;
SELECT wrk.status_import();
\echo :SQLSTATE
ROLLBACK;
BEGIN;
SELECT wrk.status_import();
INSERT INTO regress.article (tenant_id, id, status) VALUES ('acme', 20, 'published'), ('acme', 21, 'held');
UPDATE regress.article SET status = 'review', why = 'as it was' WHERE id = 20;
SAVEPOINT s;
INSERT INTO regress.article (tenant_id, id, status) VALUES ('acme', 22, 'nowhere');
\echo :SQLSTATE
ROLLBACK TO s;
SELECT wrk.status_import(false);
INSERT INTO regress.article (tenant_id, id, status) VALUES ('acme', 22, 'published');
\echo :SQLSTATE
ROLLBACK TO s;
COMMIT;
BEGIN;
SAVEPOINT s;
SELECT wrk.status_import();
\echo :SQLSTATE
ROLLBACK TO s;
INSERT INTO regress.article (tenant_id, id, status) VALUES ('acme', 22, 'published');
\echo :SQLSTATE
ROLLBACK;
SELECT row_id, from_state, to_state, imported, actor LIKE 'role:%' AS by_role FROM wrk.state_change
WHERE entity = 'article' AND row_id IN ('20', '21') ORDER BY id;
-- where it was before is not known
:editor
SELECT wrk.transition('regress.article', '21', 'previous');
\echo :SQLSTATE
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO regress.article (tenant_id, id, status) VALUES ('acme', 23, 'published') RETURNING status, status_machine_version;
\echo :SQLSTATE
ROLLBACK;

-- a trigger that comes after the guard could slip in another state: nothing is written
CREATE FUNCTION regress.sly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.status := 'published'; RETURN NEW; END $$;
CREATE TRIGGER zzz_sly BEFORE INSERT OR UPDATE ON regress.article FOR EACH ROW EXECUTE FUNCTION regress.sly();
:author
INSERT INTO regress.article (id) VALUES (30);
\echo :SQLSTATE
ROLLBACK;
:author
UPDATE regress.article SET status = 'held' WHERE id = 9;
\echo :SQLSTATE
ROLLBACK;
ALTER TRIGGER zzz_sly ON regress.article RENAME TO sly;
:author
UPDATE regress.article SET status = 'held' WHERE id = 9;
\echo :SQLSTATE
ROLLBACK;
-- nor in a statement that says nothing of a state
:author
UPDATE regress.article SET body = 'words' WHERE id = 9;
\echo :SQLSTATE
ROLLBACK;
DROP TRIGGER sly ON regress.article;

-- a hook that is gone is an error, not a way round
ALTER FUNCTION regress.has_words(jsonb) RENAME TO had_words;
\c -
SET client_min_messages = warning;
\set author 'BEGIN; DO $$BEGIN PERFORM regress.act(''ann'', ''{rs_author}''); END$$; SET LOCAL ROLE wrk_member;'
:author
UPDATE regress.article SET status = 'held' WHERE id = 9;
\echo :SQLSTATE
ROLLBACK;
ALTER FUNCTION regress.had_words(jsonb) RENAME TO has_words;

-- switching it off; what it made for the rows stays
SELECT wrk.disable_status('regress.article');
UPDATE regress.article SET status = 'anything' WHERE id = 1;
SELECT wrk.enable_status('regress.article', 'article');
UPDATE regress.article SET status = 'review' WHERE id = 1;
SELECT wrk.enable_status('regress.article', 'article', entity => 'article');
SELECT wrk.disable_status('regress.article');
SELECT wrk.disable_status('regress.article');

DROP SCHEMA regress CASCADE;
DELETE FROM wrk.state_machine WHERE name = 'article';
DELETE FROM wrk.state_change;
DELETE FROM wrk.role WHERE name LIKE 'rs\_%';
DELETE FROM wrk.rpc_key;
