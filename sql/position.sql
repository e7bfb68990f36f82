-- Positions: what can be replayed from where, and what is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never

SELECT wrk.epoch() ~ '^[0-9a-f]{16}-[0-9]+$' AS epoch_is_system_and_timeline,
	wrk.position() = wrk.epoch() || '.' || pg_current_snapshot() AS position_is_epoch_and_snapshot;

-- the snapshot comes back
SELECT wrk.position_snapshot(wrk.epoch() || '.' || s)::text = s AS same
FROM (SELECT pg_current_snapshot()::text AS s) t;
SELECT wrk.event_recoverable(wrk.position());

-- what asks for a position may yet emit, so it does not count itself as seen
BEGIN;
SELECT pg_current_xact_id() IS NOT NULL AS has_xid;
SAVEPOINT s;
SELECT pg_visible_in_snapshot(pg_current_xact_id(), split_part(wrk.position(), '.', 2)::pg_snapshot) AS seen;
COMMIT;

-- other servers, other times
SELECT wrk.event_recoverable('0123456789abcdef-1.' || pg_current_snapshot());
SELECT wrk.position_snapshot('0123456789abcdef-1.' || pg_current_snapshot());
SELECT wrk.event_recoverable(wrk.epoch() || '.9000000000000000000:9000000000000000000:');
SELECT wrk.event_recoverable(wrk.epoch() || '.3:3:');
SELECT wrk.position_snapshot(wrk.epoch() || '.3:3:');

-- what is no position
CREATE FUNCTION pg_temp.try(position_text text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrk.position_snapshot(position_text);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SELECT p, pg_temp.try(wrk.epoch() || p) FROM unnest(ARRAY['', '.', ':1:1:', '.1', '.1:1', '.a:1:', '.1:a:', '.0:1:',
	'.2:1:', '.1:2:2', '.5:9:6,6', '.5:9:7,6', '.5:9:4', '.5:9:6,', '.5:9:,6', '.5:9:6 ', '. 5:9:6', '.5:9:6.5',
	'.-1:9:', '.1:99999999999999999999:', '.1:9:6' || chr(10)]) p;
SELECT pg_temp.try(NULL), pg_temp.try(''), pg_temp.try('x'), pg_temp.try(repeat('9', 600000));
SELECT wrk.event_recoverable('nonsense');
SELECT wrk.event_recoverable(NULL) IS NULL AS null_is_null;

-- everybody may take one; what can be read from it is for the engine
CREATE ROLE position_stranger;
SET ROLE position_stranger;
SELECT wrk.position() IS NOT NULL AS ok;
SELECT wrk.position_snapshot(wrk.position());
SELECT wrk.event_recoverable(wrk.position());
SELECT * FROM wrk.event_since('3:3:');
RESET ROLE;
DROP ROLE position_stranger;
