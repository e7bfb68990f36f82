-- Seals of the audit log: what is sealed when, what verification finds, proofs, and who may ask.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || regexp_replace(regexp_replace(SQLERRM, 'row \d+', 'row N'), '\d{3,}', 'N');
END
$$;
-- n facts of a tenant
CREATE FUNCTION pg_temp.facts(n int, tenant text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(wrk.audit('thing.done', 'thing', i::text, jsonb_build_object('i', i, 'list', '[1.50, null, true, "é", {"k": -1e-3}]'::jsonb), tenant))
	FROM generate_series(1, n) i
$$;
-- what other tests left, and a key before it is needed: that it was made is a row as well
DO $$ BEGIN IF NOT EXISTS (SELECT FROM wrk.seal_keys()) THEN PERFORM wrk.seal_key_create(); END IF; END $$;
SELECT wrk.seal(1000000) IS NULL AS somebody_else;

-- ---------- sealing ----------

SELECT wrk.seal() AS nothing_new;
SELECT pg_temp.facts(300, 'seal');
SELECT wrk.seal();
SELECT pg_temp.facts(1, 'seal'), pg_temp.facts(2, NULL), pg_temp.facts(3, 'other');
SELECT wrk.seal();
SELECT pg_temp.facts(299, 'seal');
SELECT wrk.seal();
SELECT seq, first_leaf, size, cardinality(ids) AS rows, octet_length(root) AS root, octet_length(signature) AS signature
FROM wrk.audit_seal WHERE tenant_id = 'seal' ORDER BY seq;
SELECT level, tile, octet_length(hashes) FROM wrk.audit_tile WHERE tenant_id = 'seal' ORDER BY 1, 2;

-- what the transaction itself wrote waits for the next
BEGIN;
SELECT pg_temp.facts(1, 'other');
SELECT wrk.seal();
SELECT unsealed FROM wrk.audit_verify('other');
COMMIT;
SELECT wrk.seal();

-- rows that were rolled back are nobody's, those around a savepoint are
BEGIN;
SELECT pg_temp.facts(1, 'other');
SAVEPOINT a;
SELECT pg_temp.facts(1, 'other');
ROLLBACK TO a;
SELECT pg_temp.facts(1, 'other');
SAVEPOINT b;
SELECT pg_temp.facts(1, 'other');
RELEASE b;
COMMIT;
BEGIN;
SELECT pg_temp.facts(5, 'other');
ROLLBACK;
SELECT wrk.seal();
SELECT ok, seals, rows, unsealed, dropped FROM wrk.audit_verify('other');

-- whole transactions of about so many rows at a time
SELECT pg_temp.facts(10, 'other');
SELECT pg_temp.facts(10, 'other');
SELECT pg_temp.facts(10, 'other');
SELECT wrk.seal(25), wrk.seal(5), wrk.seal(25);

-- without the snapshot, as after a restore, what is in no seal is new
SELECT pg_temp.facts(7, 'other');
UPDATE wrk.seal_state SET seen = NULL;
SELECT unsealed FROM wrk.audit_verify('other');
SELECT wrk.seal(5);
SELECT seen IS NULL AS more_to_do FROM wrk.seal_state;
SELECT wrk.seal(5);
SELECT seen IS NULL AS more_to_do FROM wrk.seal_state;
SELECT ok, seals, rows, unsealed FROM wrk.audit_verify('other');

SELECT pg_temp.refusal(s) FROM unnest(ARRAY['SELECT wrk.seal(0)', 'SELECT wrk.seal(NULL)',
	'UPDATE wrk.audit_seal SET seq = 0', 'DELETE FROM wrk.audit_seal', 'TRUNCATE wrk.audit_seal', 'UPDATE wrk.audit_tile SET level = 1',
	'DELETE FROM wrk.audit_tile', 'TRUNCATE wrk.audit_tile', 'DELETE FROM wrk.audit_head', 'TRUNCATE wrk.audit_head']) s;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT wrk.seal();
ROLLBACK;

-- ---------- verification ----------

SELECT ok, seals, rows, unsealed, dropped, problem FROM wrk.audit_verify('seal');
SELECT ok, seals, rows, unsealed, dropped, problem FROM wrk.audit_verify('nobody');
SELECT ok, seals, rows FROM wrk.audit_verify('seal', upto => '2000-01-01');
SELECT ok, seals, rows FROM wrk.audit_verify('seal', (SELECT from_at FROM wrk.audit_seal WHERE tenant_id = 'seal' AND seq = 2));

-- What it says once somebody with all rights has done this; ids are numbers of rows.  Everything is taken back.
CREATE FUNCTION pg_temp.id(n int) RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT id FROM wrk.audit_log WHERE tenant_id = 'seal' ORDER BY id OFFSET n - 1 LIMIT 1
$$;
CREATE FUNCTION pg_temp.after(statement text, OUT finding text) LANGUAGE plpgsql AS $$
DECLARE
	first_id bigint := pg_temp.id(1);
BEGIN
	ALTER TABLE wrk.audit_log DISABLE TRIGGER USER;
	ALTER TABLE wrk.audit_seal DISABLE TRIGGER USER;
	ALTER TABLE wrk.audit_tile DISABLE TRIGGER USER;
	ALTER TABLE wrk.audit_head DISABLE TRIGGER USER;
	EXECUTE statement;
	SELECT concat_ws(' ', v.problem, 'row ' || v.audit_id - first_id + 1, 'seal ' || v.seal,
					 '(' || regexp_replace(v.detail, '\d{5,}|"[^"]*"', '...', 'g') || ')') INTO finding
	FROM wrk.audit_verify('seal') v;
	RAISE EXCEPTION USING ERRCODE = 'TAKEB', MESSAGE = coalesce(finding, 'nothing');
EXCEPTION WHEN SQLSTATE 'TAKEB' THEN
	finding := CASE WHEN SQLERRM = '' THEN 'NOT FOUND' ELSE SQLERRM END;
END
$$;
CREATE FUNCTION pg_temp.forget_keys() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	part regclass;
BEGIN
	FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'wrk.audit_log'::regclass LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', part, (SELECT conname FROM pg_constraint WHERE conrelid = part AND contype = 'p'));
	END LOOP;
END
$$;
-- each column of a row
SELECT c.attname, pg_temp.after(format('UPDATE wrk.audit_log SET %I = %s WHERE id = pg_temp.id(77)', c.attname,
	CASE c.atttypid::regtype::text WHEN 'bigint' THEN '1000000000' WHEN 'text' THEN '''x''' WHEN '"char"' THEN '''u'''
		WHEN 'jsonb' THEN '''{"i": 78}''' WHEN 'text[]' THEN '''{x}''' ELSE 'created_at + interval ''1 us''' END))
FROM pg_attribute c WHERE c.attrelid = 'wrk.audit_log'::regclass AND c.attnum > 0 AND c.attname <> 'xid' ORDER BY c.attnum;

SELECT what, pg_temp.after(statement)
FROM (VALUES
	('nothing', 'SELECT'),
	('a number of the same value', $$UPDATE wrk.audit_log SET metadata = '{"i": 5.0, "list": [1.50, null, true, "é", {"k": -1e-3}]}' WHERE id = pg_temp.id(5)$$),
	('NULL made empty', $$UPDATE wrk.audit_log SET user_id = '' WHERE id = pg_temp.id(1)$$),
	('moved to another time', $$UPDATE wrk.audit_log SET created_at = created_at + interval '1 day' WHERE id = pg_temp.id(2)$$),
	('two rows', $$UPDATE wrk.audit_log SET action = 'x.y' WHERE id IN (pg_temp.id(500), pg_temp.id(42))$$),
	('first deleted', $$DELETE FROM wrk.audit_log WHERE id = pg_temp.id(1)$$),
	('one deleted', $$DELETE FROM wrk.audit_log WHERE id = pg_temp.id(301)$$),
	('last deleted', $$DELETE FROM wrk.audit_log WHERE id = pg_temp.id(600)$$),
	('all deleted', $$DELETE FROM wrk.audit_log WHERE tenant_id = 'seal'$$),
	('inserted', $$INSERT INTO wrk.audit_log (id, created_at, xid, tenant_id, op, action, resource_type, roles, db_user) SELECT pg_temp.id(600) + 1000000, created_at, xid, tenant_id, op, action, resource_type, roles, db_user FROM wrk.audit_log WHERE id = pg_temp.id(9)$$),
	('inserted from the future', $$INSERT INTO wrk.audit_log (id, created_at, xid, tenant_id, op, action, resource_type, roles, db_user) SELECT 0, created_at, 1000000000000, tenant_id, op, action, resource_type, roles, db_user FROM wrk.audit_log WHERE id = pg_temp.id(9)$$),
	('doubled', $$SELECT pg_temp.forget_keys(); INSERT INTO wrk.audit_log (id, created_at, xid, tenant_id, op, action, resource_type, roles, db_user) SELECT id, created_at + interval '1 us', xid, tenant_id, op, action, resource_type, roles, db_user FROM wrk.audit_log WHERE id = pg_temp.id(9)$$),
	('doubled, much later', $$SELECT pg_temp.forget_keys(); INSERT INTO wrk.audit_log (id, created_at, xid, tenant_id, op, action, resource_type, roles, db_user) SELECT id, created_at + interval '1 year', xid, tenant_id, op, action, resource_type, roles, db_user FROM wrk.audit_log WHERE id = pg_temp.id(9)$$),
	('contents swapped', $$UPDATE wrk.audit_log a SET resource_id = b.resource_id, metadata = b.metadata FROM wrk.audit_log b
		WHERE a.id = pg_temp.id(10) AND b.id = pg_temp.id(20) OR a.id = pg_temp.id(20) AND b.id = pg_temp.id(10)$$),
	('ids of rows swapped', $$UPDATE wrk.audit_log a SET id = -a.id WHERE a.id IN (pg_temp.id(10), pg_temp.id(20));
		UPDATE wrk.audit_log SET id = (SELECT - sum(id) FROM wrk.audit_log WHERE id < 0) + id WHERE id < 0$$),
	('ids of a seal reordered', $$UPDATE wrk.audit_seal SET ids = (ids[:9] || ids[20] || ids[11:19] || ids[10] || ids[21:]) WHERE tenant_id = 'seal' AND seq = 1$$),
	('an id of a seal replaced', $$UPDATE wrk.audit_seal SET ids[12] = ids[11] WHERE tenant_id = 'seal' AND seq = 3$$),
	('ids of a seal cut', $$UPDATE wrk.audit_seal SET ids = ids[:298] WHERE tenant_id = 'seal' AND seq = 3$$),
	('ids of a seal are nonsense', $$UPDATE wrk.audit_seal SET ids = '{{1,2},{3,4}}' WHERE tenant_id = 'seal' AND seq = 3$$),
	('last rows and last seal cut off', $$DELETE FROM wrk.audit_log WHERE tenant_id = 'seal' AND id > pg_temp.id(301);
		DELETE FROM wrk.audit_seal WHERE tenant_id = 'seal' AND seq = 3$$),
	('last seal cut off, head forged', $$DELETE FROM wrk.audit_seal WHERE tenant_id = 'seal' AND seq = 3; DELETE FROM wrk.audit_head WHERE tenant_id = 'seal'$$),
	('a seal deleted', $$DELETE FROM wrk.audit_seal WHERE tenant_id = 'seal' AND seq = 2$$),
	('first seal deleted', $$DELETE FROM wrk.audit_seal WHERE tenant_id = 'seal' AND seq = 1$$),
	('all seals deleted', $$DELETE FROM wrk.audit_seal WHERE tenant_id = 'seal'; DELETE FROM wrk.audit_tile WHERE tenant_id = 'seal';
		DELETE FROM wrk.audit_head WHERE tenant_id = 'seal'$$),
	('root', $$UPDATE wrk.audit_seal SET root = sha256('') WHERE tenant_id = 'seal' AND seq = 2$$),
	('root cut', $$UPDATE wrk.audit_seal SET root = '\x00' WHERE tenant_id = 'seal' AND seq = 2$$),
	('prev', $$UPDATE wrk.audit_seal SET prev = sha256('') WHERE tenant_id = 'seal' AND seq = 2$$),
	('size', $$UPDATE wrk.audit_seal SET size = 302 WHERE tenant_id = 'seal' AND seq = 2$$),
	('first_leaf', $$UPDATE wrk.audit_seal SET first_leaf = 299 WHERE tenant_id = 'seal' AND seq = 2$$),
	('sealed_at', $$UPDATE wrk.audit_seal SET sealed_at = now() WHERE tenant_id = 'seal' AND seq = 1$$),
	('sealed_at of the last', $$UPDATE wrk.audit_seal SET sealed_at = now() WHERE tenant_id = 'seal' AND seq = 3$$),
	('kid', $$UPDATE wrk.audit_seal SET kid = 'x' WHERE tenant_id = 'seal' AND seq = 2$$),
	('upto_at', $$UPDATE wrk.audit_seal SET upto_at = from_at WHERE tenant_id = 'seal' AND seq = 3$$),
	('max_id', $$UPDATE wrk.audit_seal SET max_id = max_id + 1 WHERE tenant_id = 'seal' AND seq = 3$$),
	('signature', $$UPDATE wrk.audit_seal SET signature = set_byte(signature, 3, get_byte(signature, 3) # 1) WHERE tenant_id = 'seal' AND seq = 2$$),
	('signature of the last', $$UPDATE wrk.audit_seal SET signature = '' WHERE tenant_id = 'seal' AND seq = 3$$),
	('key swapped', $$UPDATE wrk.seal_key SET jwk = wrk.seal_key_make('EdDSA')$$),
	('key deleted', $$DELETE FROM wrk.seal_key$$),
	('tile', $$UPDATE wrk.audit_tile SET hashes = set_byte(hashes, 32 * 6, get_byte(hashes, 32 * 6) # 1) WHERE tenant_id = 'seal' AND tile = 0$$),
	('tile deleted', $$DELETE FROM wrk.audit_tile WHERE tenant_id = 'seal' AND tile = 1$$),
	('tile cut', $$UPDATE wrk.audit_tile SET hashes = '' WHERE tenant_id = 'seal' AND tile = 1$$),
	('tile and its row', $$UPDATE wrk.audit_tile SET hashes = set_byte(hashes, 32 * 6, get_byte(hashes, 32 * 6) # 1) WHERE tenant_id = 'seal' AND tile = 0;
		UPDATE wrk.audit_log SET action = 'x' WHERE id = pg_temp.id(7)$$),
	('tail', $$UPDATE wrk.audit_head SET tail = set_byte(tail, 0, get_byte(tail, 0) # 1) WHERE tenant_id = 'seal'$$),
	('tail of the level above', $$UPDATE wrk.audit_head SET tail = set_byte(tail, octet_length(tail) - 1, get_byte(tail, octet_length(tail) - 1) # 1) WHERE tenant_id = 'seal'$$),
	('head cut', $$UPDATE wrk.audit_head SET tail = '' WHERE tenant_id = 'seal'$$),
	('head', $$UPDATE wrk.audit_head SET hash = sha256('') WHERE tenant_id = 'seal'$$),
	('dropped by nobody', $$DELETE FROM wrk.audit_log WHERE id = pg_temp.id(3);
		INSERT INTO wrk.audit_dropped (part, created_from, created_upto, row_count, ids) VALUES ('x', now(), now(), 1, int8multirange(int8range(0, 1000000000)))$$),
	('dropped by nobody, and that again', $$DELETE FROM wrk.audit_log WHERE id = pg_temp.id(3);
		INSERT INTO wrk.audit_dropped (part, created_from, created_upto, row_count, ids, dropped_at) VALUES
			('x', '2001-01-01', '2001-01-02', 1, int8multirange(int8range(0, 1000000000)), '2002-01-01'), ('y', '2000-01-01', '2003-01-01', 0, '{}', '2004-01-01')$$)
) v (what, statement);

-- sealing does not go on over what is missing
SELECT pg_temp.facts(1, 'other');
BEGIN;
ALTER TABLE wrk.audit_seal DISABLE TRIGGER USER;
DELETE FROM wrk.audit_seal WHERE tenant_id = 'other' AND seq = (SELECT seq FROM wrk.audit_head WHERE tenant_id = 'other');
SELECT pg_temp.refusal('SELECT wrk.seal()'), problem FROM wrk.audit_verify('other');
ROLLBACK;
SELECT wrk.seal();

-- what retention takes away lawfully is no loss, as long as the log itself says so
INSERT INTO wrk.audit_log (id, created_at, xid, tenant_id, op, action, resource_type, roles, db_user)
SELECT nextval('wrk.audit_log_id_seq'), '2020-02-01'::timestamptz + i * interval '1 day', 0, 'old', 'f', 'thing.done', 'thing', '{}', 'somebody'
FROM generate_series(1, 5) i;
SELECT pg_temp.facts(3, 'old');
SELECT wrk.seal();
BEGIN;
SELECT wrk.audit_retention('1 month');
SELECT ok, seals, rows, unsealed, dropped, problem FROM wrk.audit_verify('old');
SELECT ok, seals, rows, dropped FROM wrk.audit_verify('old', now() - interval '1 day');
-- nor does it cover for what is taken away otherwise
SELECT pg_temp.after($$DELETE FROM wrk.audit_log WHERE id = pg_temp.id(3);
	UPDATE wrk.audit_seal SET ids[3] = (SELECT min(lower(ids)) FROM wrk.audit_dropped) WHERE tenant_id = 'seal' AND seq = 1;
	UPDATE wrk.audit_seal SET min_id = ids[3] WHERE tenant_id = 'seal' AND seq = 1$$);
ALTER TABLE wrk.audit_log DISABLE TRIGGER USER;
DELETE FROM wrk.audit_log WHERE action = 'audit.retention';
SELECT ok, problem FROM wrk.audit_verify('old');
ROLLBACK;
SELECT ok, rows, dropped FROM wrk.audit_verify('old');

-- ---------- keys ----------

SELECT wrk.seal_key_create('HS256') IS NOT NULL AS made;
SELECT pg_temp.facts(3, 'seal');
SELECT wrk.seal();
SELECT wrk.seal_key_create() AS kid \gset
SELECT :'kid' = kid AS signs_now FROM wrk.seal_keys() WHERE signs;
SELECT pg_temp.facts(3, 'seal');
SELECT wrk.seal();
SELECT ok, seals, rows FROM wrk.audit_verify('seal');
SELECT jwk - 'x' - 'kid' AS public, signs FROM wrk.seal_keys();
SELECT seq, octet_length(signature) FROM wrk.audit_seal WHERE tenant_id = 'seal' ORDER BY seq;
SELECT pg_temp.refusal($$SELECT wrk.seal_key_create('none')$$);

-- ---------- proofs ----------

SELECT p ->> 'format' AS format, p -> 'index' AS index, jsonb_array_length(p -> 'path') AS path, p #>> '{seal,tenant}' AS tenant, p #> '{seal,size}' AS size,
	wrk.audit_head('seal') = p -> 'seal' AS is_head
FROM wrk.audit_proof(pg_temp.id(302)) p;
SELECT p - 'path' - 'seal1' - 'seal2', jsonb_array_length(p -> 'path') AS path, p #> '{seal1,seq}' AS seal1, p #> '{seal2,seq}' AS seal2
FROM (VALUES (300, 606), (301, 600), (606, 606), (7, 500)) v (a, b), wrk.audit_consistency('seal', a, b) p;
SELECT pg_temp.facts(1, 'seal');
SELECT pg_temp.refusal(s) FROM unnest(ARRAY['SELECT wrk.audit_proof(-1)', 'SELECT wrk.audit_proof(pg_temp.id(607))',
	$$SELECT wrk.audit_consistency('seal', 0, 1)$$, $$SELECT wrk.audit_consistency('seal', 2, 1)$$, $$SELECT wrk.audit_consistency('seal', 1, 607)$$,
	$$SELECT wrk.audit_consistency('seal', NULL, 607)$$, $$SELECT wrk.audit_head('nobody')$$]) s;
SELECT wrk.audit_head('nobody');

-- ---------- who may ask ----------

INSERT INTO wrk.role (name, bit, label) VALUES ('seal_auditor', 50, 'Auditor');
INSERT INTO wrk.permission (role, action, resource_type, scope) VALUES ('seal_auditor', 'read', 'audit_log', 'tenant');
CREATE FUNCTION pg_temp.asks(tenant text, roles text[], statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrk.impersonate(tenant, 'u', roles);
	SET LOCAL ROLE wrk_member;
	RETURN coalesce(pg_temp.refusal(statement), 'answered');
END
$$;
SELECT pg_temp.id(1) AS id1, wrk.seal() AS sealed \gset
BEGIN; SELECT pg_temp.asks('seal', '{seal_auditor}', $$SELECT wrk.audit_verify()$$); ROLLBACK;
BEGIN; SELECT pg_temp.asks('seal', '{seal_auditor}', format('SELECT wrk.audit_proof(%s), wrk.audit_head(), wrk.audit_consistency(wrk.tenant_id(), 1, 2)', :id1)); ROLLBACK;
\set sees_just_own 'SELECT 1 / (count(*) FILTER (WHERE tenant_id = ''seal'') > 0 AND count(*) = count(*) FILTER (WHERE tenant_id = ''seal''))::int FROM wrk.audit_seal'
BEGIN; SELECT pg_temp.asks('seal', '{seal_auditor}', :'sees_just_own'); ROLLBACK;
BEGIN; SELECT pg_temp.asks('seal', '{client}', :'sees_just_own'); ROLLBACK;
BEGIN; SELECT pg_temp.asks('seal', '{client}', $$SELECT wrk.audit_verify()$$); ROLLBACK;
BEGIN; SELECT pg_temp.asks('seal', '{client}', format('SELECT wrk.audit_proof(%s)', :id1)); ROLLBACK;
BEGIN; SELECT pg_temp.asks('other', '{seal_auditor}', $$SELECT wrk.audit_verify('seal')$$); ROLLBACK;
BEGIN; SELECT pg_temp.asks('other', '{seal_auditor}', $$SELECT wrk.audit_verify(NULL)$$); ROLLBACK;
BEGIN; SELECT pg_temp.asks('other', '{seal_auditor}', $$SELECT wrk.audit_head('seal')$$); ROLLBACK;
BEGIN; SELECT pg_temp.asks('other', '{seal_auditor}', $$SELECT wrk.audit_consistency('seal', 1, 2)$$); ROLLBACK;
BEGIN; SELECT pg_temp.asks('other', '{seal_auditor}', format('SELECT wrk.audit_proof(%s)', :id1)); ROLLBACK;
BEGIN; SELECT pg_temp.asks('seal', '{seal_auditor}', $$SELECT wrk.seal()$$); ROLLBACK;
BEGIN; SELECT pg_temp.asks('seal', '{seal_auditor}', $$SELECT * FROM wrk.seal_key$$); ROLLBACK;
BEGIN; SELECT pg_temp.asks('seal', '{seal_auditor}', $$SELECT wrk.seal_key_create()$$); ROLLBACK;
SET ROLE wrk_ops;
SELECT ok FROM wrk.audit_verify('seal');
SELECT wrk.audit_head('seal') ->> 'tenant';
SELECT count(*) > 0 FROM wrk.audit_seal;
RESET ROLE;
DELETE FROM wrk.permission WHERE role = 'seal_auditor';
DELETE FROM wrk.role WHERE name = 'seal_auditor';
