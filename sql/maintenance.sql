-- Periodic work: what is due runs once, as its owner, and an error of one does not stop the others.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never
CREATE ROLE maintenance_owner;
CREATE SCHEMA chores AUTHORIZATION maintenance_owner;
CREATE TABLE chores.log (what text, who text, path text);
GRANT INSERT ON chores.log TO maintenance_owner;
SET ROLE maintenance_owner;
CREATE FUNCTION chores.good() RETURNS void LANGUAGE sql AS
	'INSERT INTO chores.log VALUES (''good'', current_user, current_setting(''search_path''))';
CREATE FUNCTION chores.bad() RETURNS integer LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO chores.log VALUES ('bad'); RETURN 1 / 0; END $$;
CREATE FUNCTION chores.escape() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RESET ROLE; END $$;
CREATE FUNCTION chores.escape_session() RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN SET SESSION AUTHORIZATION DEFAULT; END $$;
CREATE FUNCTION chores.with_argument(i integer) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION chores.rows() RETURNS SETOF integer LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE chores.proc() LANGUAGE sql AS '';
RESET ROLE;

-- the engine's own
SELECT name, function, every FROM wrk.maintenance WHERE name LIKE 'wrk.%' ORDER BY name;

SELECT wrk.maintenance_register('a.bad', 'chores.bad()', '1 hour');
SELECT wrk.maintenance_register('b.good', 'chores.good()', '1 hour');
SELECT wrk.maintenance_register('c.escape', 'chores.escape()', '1 hour');
SELECT wrk.maintenance_register('d.escape', 'chores.escape_session()', '1 hour');
SELECT wrk.maintenance_register('e.argument', 'chores.with_argument(integer)', '1 hour');
SELECT wrk.maintenance_register('f.rows', 'chores.rows()', '1 hour');
SELECT wrk.maintenance_register('g.proc', 'chores.proc()', '1 hour');
SELECT wrk.maintenance_register('too.often', 'chores.good()', '0');
SELECT wrk.maintenance_register('Not a name', 'chores.good()', '1 hour');
CALL wrk.maintenance_run();
SELECT name, last_run IS NOT NULL AS ran, last_error FROM wrk.maintenance WHERE name NOT LIKE 'wrk.%' ORDER BY name;
SELECT * FROM chores.log;

-- not again before it is due; registering again changes the time but not what was
CALL wrk.maintenance_run();
SELECT count(*) FROM chores.log;
SELECT wrk.maintenance_step(now() + interval '59 minutes');
UPDATE wrk.maintenance SET last_run = now() - interval '1 hour' WHERE name = 'b.good';
SELECT wrk.maintenance_step();
SELECT wrk.maintenance_step();
SELECT count(*) FROM chores.log;

-- nobody else may register, run or read
SET ROLE maintenance_owner;
SELECT wrk.maintenance_register('x', 'chores.good()', '1 hour');
SELECT wrk.maintenance_step();
SELECT wrk.maintenance_call('chores.good()');
CALL wrk.maintenance_run();
SELECT * FROM wrk.maintenance;
RESET ROLE;

SELECT wrk.maintenance_unregister('b.good'), wrk.maintenance_unregister('b.good');
DELETE FROM wrk.maintenance WHERE name ~ '^[a-g][.]';
SET client_min_messages = warning;
DROP SCHEMA chores CASCADE;
DROP ROLE maintenance_owner;
