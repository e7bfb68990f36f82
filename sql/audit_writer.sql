-- The log's partition stays open from row to row, and who did it is made once for many rows:
-- neither may be seen in what is written.  A partition that is forgotten shows as a WARNING.
-- The next month is not tested: a row's time is that of the clock, and each row asks for its
-- partition by it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
CREATE SCHEMA awr;
CREATE TABLE awr.item (id int PRIMARY KEY, v text);
SELECT wrk.enable_audit('awr.item', 'awr_item');
CREATE FUNCTION awr.month() RETURNS regclass LANGUAGE sql RETURN ('wrk.' || wrk.audit_partition_name(now()))::regclass;
CREATE FUNCTION awr.run(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format(command, awr.month());
	RETURN 'done';
END
$$;
-- what was written since the last look; "month": in the partition of the month, not in another
CREATE TABLE awr.mark (id bigint);
INSERT INTO awr.mark SELECT coalesce(max(id), 0) FROM wrk.audit_log;
CREATE FUNCTION awr.news() RETURNS TABLE (id text, op "char", part text, by text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT l.resource_id, l.op, replace(l.tableoid::regclass::text, awr.month()::text, 'month'), l.user_id
		FROM wrk.audit_log l, awr.mark m WHERE l.id > m.id AND l.resource_type = 'awr_item' ORDER BY l.id;
	UPDATE awr.mark m SET id = (SELECT max(l.id) FROM wrk.audit_log l);
END
$$;

-- ---------- transactions ----------
\echo -- savepoints: what is rolled back is not there, whoever opened the log
BEGIN;
SAVEPOINT a;
INSERT INTO awr.item VALUES (1);
ROLLBACK TO a;
INSERT INTO awr.item VALUES (2);
SAVEPOINT b;
INSERT INTO awr.item VALUES (3);
SAVEPOINT c;
INSERT INTO awr.item VALUES (4);
RELEASE c;
ROLLBACK TO b;
INSERT INTO awr.item VALUES (5);
SAVEPOINT d;
INSERT INTO awr.item VALUES (6);
RELEASE d;
COMMIT;
SELECT * FROM awr.news();
\echo -- an error in the midst of a statement of many rows, over and over
CREATE FUNCTION awr.fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.v = 'fail' THEN
		RAISE EXCEPTION 'row % fails', NEW.id;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER zz_fail AFTER INSERT OR UPDATE ON awr.item FOR EACH ROW EXECUTE FUNCTION awr.fail();
DO $$
BEGIN
	FOR i IN 1..20 LOOP
		BEGIN
			INSERT INTO awr.item SELECT i * 100 + n, CASE WHEN n = 3 AND i % 10 <> 0 THEN 'fail' END FROM generate_series(1, 5) n;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
		INSERT INTO awr.item VALUES (-i);
	END LOOP;
END
$$;
SELECT count(*), count(*) FILTER (WHERE id::int > 0) AS of_bulk, min(id::int), max(id::int),
	count(*) - (SELECT count(*) FROM awr.item WHERE item.id < 0 OR item.id > 99) AS off
FROM awr.news();
\echo -- ... that nobody catches
INSERT INTO awr.item SELECT 7000 + n, CASE WHEN n = 3 THEN 'fail' END FROM generate_series(1, 5) n;
SELECT * FROM awr.news();
\echo -- a trigger with savepoints of its own between two rows of a statement
CREATE FUNCTION awr.nest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		INSERT INTO awr.item VALUES (NEW.id + 1, 'inner');
		RAISE EXCEPTION USING ERRCODE = 'WK400';
	EXCEPTION WHEN SQLSTATE 'WK400' THEN
		NULL;
	END;
	BEGIN
		INSERT INTO awr.item VALUES (NEW.id + 2, 'inner');
	EXCEPTION WHEN SQLSTATE 'WK400' THEN
		NULL;
	END;
	RETURN NULL;
END
$$;
CREATE TRIGGER zz_nest AFTER INSERT ON awr.item FOR EACH ROW WHEN (NEW.v = 'nest') EXECUTE FUNCTION awr.nest();
INSERT INTO awr.item VALUES (8010, 'nest'), (8020, 'nest'), (8030, NULL);
SELECT * FROM awr.news();
\echo -- PREPARE TRANSACTION, here and there
BEGIN;
INSERT INTO awr.item VALUES (10), (11);
PREPARE TRANSACTION 'awr_kept';
BEGIN;
INSERT INTO awr.item VALUES (12);
PREPARE TRANSACTION 'awr_lost';
INSERT INTO awr.item VALUES (13);
COMMIT PREPARED 'awr_kept';
ROLLBACK PREPARED 'awr_lost';
SELECT * FROM awr.news() ORDER BY id;
\echo -- a procedure that commits, a trigger that waits for the commit, COPY
CREATE PROCEDURE awr.commits() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 20..23 LOOP
		INSERT INTO awr.item VALUES (i);
		IF i % 2 = 0 THEN
			COMMIT;
		ELSE
			ROLLBACK;
		END IF;
	END LOOP;
END
$$;
CALL awr.commits();
CREATE FUNCTION awr.later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO awr.item VALUES (NEW.id + 1, 'later');
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON awr.item DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.v = 'defer') EXECUTE FUNCTION awr.later();
INSERT INTO awr.item VALUES (30, 'defer');
COPY awr.item FROM stdin;
40	a
41	b
\.
SELECT id, op FROM awr.news();
\echo -- a cursor that goes on changing rows
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM awr.item WHERE id IN (40, 41) ORDER BY id FOR UPDATE;
FETCH c;
UPDATE awr.item SET v = 'c' WHERE CURRENT OF c;
FETCH c;
UPDATE awr.item SET v = 'c' WHERE CURRENT OF c;
CLOSE c;
COMMIT;
SELECT id, op FROM awr.news();

-- ---------- the log itself changes ----------
\echo -- commands on the log after rows went into it, in one transaction
BEGIN;
INSERT INTO awr.item VALUES (50);
ALTER TABLE wrk.audit_log ALTER COLUMN request_id SET STATISTICS 10;
INSERT INTO awr.item VALUES (51);
SELECT awr.run('REINDEX TABLE %s');
INSERT INTO awr.item VALUES (52);
TRUNCATE wrk.audit_log;
ROLLBACK;
\echo -- a new index has what comes after it, also one on an expression or with a predicate
BEGIN;
INSERT INTO awr.item VALUES (60, 'x');
CREATE INDEX awr_plain ON wrk.audit_log (action, id);
INSERT INTO awr.item VALUES (61, 'x');
CREATE FUNCTION awr.risky(doc jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	BEGIN
		RAISE EXCEPTION USING ERRCODE = 'WK400';
	EXCEPTION WHEN SQLSTATE 'WK400' THEN
		RETURN doc -> 'new' ->> 'v';
	END;
END
$$;
CREATE INDEX awr_expression ON wrk.audit_log (awr.risky(changes));
CREATE INDEX awr_predicate ON wrk.audit_log (op) WHERE resource_type = 'awr_item' AND resource_id = '63';
INSERT INTO awr.item VALUES (62, 'x'), (63, 'x');
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT count(*) FROM wrk.audit_log WHERE action = 'awr_item.created' AND resource_id IN ('60', '61', '62', '63');
SELECT resource_id FROM wrk.audit_log WHERE awr.risky(changes) = 'x' ORDER BY id;
SELECT op FROM wrk.audit_log WHERE resource_type = 'awr_item' AND resource_id = '63' AND op > '' ORDER BY op;
SET LOCAL enable_seqscan = on;
DROP INDEX wrk.awr_expression, wrk.awr_predicate;
INSERT INTO awr.item VALUES (64);
DROP INDEX wrk.awr_plain;
INSERT INTO awr.item VALUES (65);
COMMIT;
SELECT id, part FROM awr.news();
\echo -- an error in the index of somebody is an error, and the log goes on
BEGIN;
CREATE FUNCTION awr.breaks(id text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF id = '71' THEN
		RAISE EXCEPTION 'index fails' USING ERRCODE = 'WK400';
	END IF;
	RETURN id;
END
$$;
CREATE INDEX awr_breaks ON wrk.audit_log (awr.breaks(resource_id));
SAVEPOINT a;
INSERT INTO awr.item VALUES (70), (71);
ROLLBACK TO a;
INSERT INTO awr.item VALUES (72);
DROP INDEX wrk.awr_breaks;
SAVEPOINT b;
INSERT INTO awr.item VALUES (71);
ROLLBACK TO b;
INSERT INTO awr.item VALUES (73);
COMMIT;
SELECT id FROM awr.news();
\echo -- the partition of the month goes and comes back within a transaction
BEGIN;
INSERT INTO awr.item VALUES (80);
SAVEPOINT a;
SELECT awr.run('DROP TABLE %s');
INSERT INTO awr.item VALUES (81);
SELECT id, part FROM (SELECT l.resource_id AS id, l.tableoid::regclass AS part FROM wrk.audit_log l WHERE l.resource_id = '81') l;
ROLLBACK TO a;
INSERT INTO awr.item VALUES (82);
SAVEPOINT b;
SELECT awr.run('DROP TABLE %s');
SAVEPOINT c;
SELECT wrk.audit_partitions() >= 1 AS made;
INSERT INTO awr.item VALUES (83);
SELECT l.tableoid = awr.month() AS in_month FROM wrk.audit_log l WHERE l.resource_id = '83';
ROLLBACK TO c;
INSERT INTO awr.item VALUES (84);
SELECT l.tableoid::regclass AS part FROM wrk.audit_log l WHERE l.resource_id = '84';
ROLLBACK TO b;
INSERT INTO awr.item VALUES (85);
COMMIT;
SELECT id, part FROM awr.news();
\echo -- ... by errors that are caught, which no command tells of
CREATE FUNCTION awr.where_is(id text) RETURNS text LANGUAGE sql
RETURN (SELECT regexp_replace(l.tableoid::regclass::text, '\d+_\d+', 'month') FROM wrk.audit_log l WHERE l.resource_id = where_is.id);
DO $$
BEGIN
	INSERT INTO awr.item VALUES (86);
	BEGIN
		PERFORM awr.run('DROP TABLE %s');
		BEGIN
			PERFORM wrk.audit_partitions();
			INSERT INTO awr.item VALUES (87);
			RAISE '87 is in %', awr.where_is('87');
		EXCEPTION WHEN raise_exception THEN
			RAISE NOTICE '%', SQLERRM;
		END;
		INSERT INTO awr.item VALUES (88);
		RAISE '88 is in %', awr.where_is('88');
	EXCEPTION WHEN raise_exception THEN
		RAISE NOTICE '%', SQLERRM;
	END;
	INSERT INTO awr.item VALUES (89);
	RAISE NOTICE '89 is in %', awr.where_is('89');
END
$$;
SELECT id, part FROM awr.news();
\echo -- a function whose plans are kept finds the log of now, and again when what was done to it is undone
CREATE FUNCTION awr.put(id int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO awr.item VALUES (put.id);
	RETURN awr.where_is(put.id::text);
END
$$;
SELECT awr.put(90);
BEGIN;
SELECT awr.put(91);
SELECT awr.run('ALTER TABLE %s RENAME TO audit_log_aside');
SELECT awr.put(92);
ROLLBACK;
SELECT awr.put(93);
SELECT id FROM awr.news();

-- ---------- who did it ----------
\echo -- each row says who did it, however often that changes
BEGIN;
INSERT INTO awr.item VALUES (100);
SELECT wrk.impersonate('acme', 'ann', '{client}') ->> 'user_id' AS user;
INSERT INTO awr.item VALUES (101);
SAVEPOINT a;
SELECT wrk.impersonate('acme', 'bob', '{client,ops}') ->> 'user_id' AS user;
INSERT INTO awr.item VALUES (102);
ROLLBACK TO a;
INSERT INTO awr.item VALUES (103);
SAVEPOINT b;
SELECT wrk.impersonate('acme', 'cyd', '{}') ->> 'user_id' AS user;
RELEASE b;
INSERT INTO awr.item VALUES (104);
CREATE ROLE awr_other SUPERUSER;
CREATE ROLE awr_before SUPERUSER;
SELECT session_user AS me \gset
SET LOCAL SESSION AUTHORIZATION awr_other;
INSERT INTO awr.item VALUES (105);
SET LOCAL SESSION AUTHORIZATION awr_before;
INSERT INTO awr.item VALUES (106);
SET LOCAL SESSION AUTHORIZATION :me;
INSERT INTO awr.item VALUES (107);
SELECT resource_id, user_id, roles, via, replace(db_user, :'me', 'me') AS db_user FROM wrk.audit_log
WHERE resource_type = 'awr_item' AND resource_id::int > 99 AND resource_id::int < 108 ORDER BY id;
ROLLBACK;
INSERT INTO awr.item VALUES (100);
SELECT id, by FROM awr.news();

-- ---------- values ----------
\echo -- values are as to_jsonb() has them, to the last digit
CREATE DOMAIN awr.word AS text;
CREATE TYPE awr.mood AS ENUM ('glad', 'sad');
CREATE TABLE awr.kind (id int PRIMARY KEY, b boolean, i2 int2, i4 int4, i8 int8, n numeric, f4 float4, f8 float8,
	t text, vc varchar(20), bc char(5), w awr.word, m awr.mood, u uuid, d date, ts timestamp, tz timestamptz,
	iv interval, j jsonb, js json, a int[], by bytea, r int4range);
SELECT wrk.enable_audit('awr.kind', 'awr_kind');
SET timezone TO 'UTC';
SET intervalstyle TO postgres;
INSERT INTO awr.kind VALUES
	(1, true, -32768, -2147483648, -9223372036854775808, 0, 0.1, 0.1, '', '', '', '', 'glad',
	 '00000000-0000-0000-0000-000000000000', 'infinity', '-infinity', 'infinity', '1 mon', '{}', '{}', '{}', '', 'empty'),
	(2, false, 32767, 2147483647, 9223372036854775807, 1.50, 'NaN', '-Infinity', E'a"\\\n\u00e4\U0001F600', 'vc', 'bc', 'w', 'sad',
	 'ABCDEF00-1234-4000-8000-00000000000f', '0044-03-15 BC', '2026-02-28 23:59:59.999999', '0001-01-01 00:00:00+00 BC',
	 '-1 day 00:00:01', '[1, 2.0]', ' {"a": 1}', '{1,NULL}', '\xff00', '[1,5)'),
	(3, NULL, 0, 100, 1000000, 'NaN', NULL, 1e300, repeat('x', 5000), NULL, NULL, NULL, NULL, NULL, '2026-01-01',
	 '2026-01-01', '294276-12-31 23:59:59.999999+00', NULL, 'null', 'null', NULL, NULL, NULL),
	(4, NULL, -1, -100, -10000, -123456789012345678901234567890.123456789000, 1e-10, -0.0, 'ß', NULL, NULL, NULL, NULL, NULL,
	 '1999-12-31', '1999-12-31 12:00', '1999-12-31 12:00:00.5+02', NULL, '"s"', '1', '{{1,2},{3,4}}', NULL, NULL),
	(5, NULL, 1, 10, 100, 'Infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	 '{"b": [1, {"c": null}]}', NULL, NULL, NULL, NULL),
	(6, NULL, 10000, 99999999, 10000000000000000, 1e-20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	 NULL, NULL, NULL, NULL, NULL);
SET timezone TO 'Asia/Tokyo';
INSERT INTO awr.kind (id, n, tz, ts, d)
SELECT 1000 + i, (i - 500) * 10::numeric ^ (i % 40 - 20), '2000-01-01'::timestamptz + (i * 7919 || ' hours')::interval,
	'2000-01-01'::timestamp - (i * 104729 || ' minutes')::interval, '2000-01-01'::date + i * 31
FROM generate_series(0, 999) i;
SET timezone TO 'UTC';
SELECT count(*), count(*) FILTER (WHERE ((l.changes -> 'new') - 'j' - 'js')::text
	IS DISTINCT FROM jsonb_strip_nulls(to_jsonb(k) - 'j' - 'js')::text) AS other,
	count(*) FILTER (WHERE l.changes -> 'new' -> 'j' IS DISTINCT FROM k.j
		OR l.changes -> 'new' -> 'js' IS DISTINCT FROM k.js::jsonb) AS other_documents
FROM wrk.audit_log l JOIN awr.kind k ON k.id::text = l.resource_id WHERE l.resource_type = 'awr_kind';
RESET timezone;
RESET intervalstyle;
\echo -- a cast to json with settings of its own does not bring back those of the session
CREATE FUNCTION awr.mood_json(awr.mood) RETURNS json LANGUAGE sql SET timezone TO 'Asia/Tokyo' SET datestyle TO 'SQL, DMY'
	SET extra_float_digits TO 0 AS $$ SELECT '"a mood"'::json $$;
CREATE CAST (awr.mood AS json) WITH FUNCTION awr.mood_json(awr.mood);
CREATE TABLE awr.feeling (id int PRIMARY KEY, m awr.mood, tz timestamptz, f float8, again awr.mood, iv interval);
SELECT wrk.enable_audit('awr.feeling', 'awr_feeling');
SET timezone TO 'America/New_York';
SET extra_float_digits TO -10;
SET intervalstyle TO iso_8601;
INSERT INTO awr.feeling VALUES (1, 'glad', '2026-01-01 00:00Z', 0.1234567890123456, 'sad', '1 day');
SELECT changes FROM wrk.audit_log WHERE resource_type = 'awr_feeling';
RESET timezone;
RESET extra_float_digits;
RESET intervalstyle;
\echo -- an edit of a document takes less room than what it says
CREATE TABLE awr.doc (id int PRIMARY KEY, body jsonb);
SELECT wrk.enable_audit('awr.doc', 'awr_doc');
INSERT INTO awr.doc SELECT 1, jsonb_build_object('nodes', jsonb_agg(jsonb_build_object('id', 'step_' || i,
	'data', jsonb_build_object('label', 'Step ' || i, 'text', md5(i::text))))) FROM generate_series(1, 1000) i;
UPDATE awr.doc SET body = jsonb_set(body, '{nodes,499,data,label}', '"Ask for approval"');
SELECT changes, pg_column_size(changes) <= 300 AS small FROM wrk.audit_log WHERE resource_type = 'awr_doc' AND op = 'u';

-- ---------- what is not as it should be ----------
\echo -- a log with a column more is not written to by number
BEGIN;
ALTER TABLE wrk.audit_log ADD COLUMN extra text;
DO $$
BEGIN
	INSERT INTO awr.doc VALUES (2);
EXCEPTION WHEN datatype_mismatch THEN
	RAISE NOTICE '%', replace(SQLERRM, wrk.audit_partition_name(now()), 'month');
END
$$;
ROLLBACK;
\echo -- bytes that are no text in this encoding: the startup packet can bring them
\set bytes `printf 'r\303\251q_\377\303'`
\set connection 'dbname=':DBNAME' options=\'-c wrk_copilot.request_id=':bytes'\''
\c :connection
INSERT INTO awr.doc VALUES (3);
SELECT request_id FROM wrk.audit_log WHERE resource_type = 'awr_doc' AND resource_id = '3';

SET client_min_messages = warning;
DROP SCHEMA awr CASCADE;
