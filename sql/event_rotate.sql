-- How long events are kept: slots in turn, and honesty about what is gone.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SET client_min_messages = notice;
\set SHOW_CONTEXT never

-- retention
SELECT wrk.event_retention();
SELECT wrk.event_retention('90 minutes');
SELECT wrk.event_retention();
SELECT wrk.event_retention('59 seconds');
SELECT wrk.event_retention(NULL);
SELECT wrk.event_retention();

-- not before its time
SELECT wrk.event_rotate();
UPDATE wrk.event_slot SET opened_at = now() - interval '14 minutes' WHERE current;
SELECT wrk.event_rotate();
SELECT slot AS old_slot FROM wrk.event_slot WHERE current \gset
UPDATE wrk.event_slot SET opened_at = now() - interval '16 minutes' WHERE current;
SELECT wrk.event_rotate();
SELECT (slot - :old_slot + 8) % 8 AS moved, opened_at > now() - interval '1 minute' AS just_now
FROM wrk.event_slot WHERE current;
SELECT wrk.event_rotate();

-- all the way round: an event is kept until its slot is needed again
SELECT wrk.position() AS before \gset
SELECT wrk.emit('kept.long', '{}', '{tenant:acme}', tenant_id => 'acme') IS NOT NULL AS ok;
SELECT wrk.position() AS after \gset
DO $$ BEGIN FOR i IN 1..7 LOOP PERFORM wrk.event_rotate(true); END LOOP; END $$;
SELECT wrk.event_recoverable(:'before');
SELECT array_agg(type) FROM wrk.event_since(wrk.position_snapshot(:'before'));
SELECT wrk.event_rotate(true);
SELECT wrk.event_recoverable(:'before') AS before, wrk.event_recoverable(:'after') AS after;
SELECT count(*) FROM wrk.event_since(wrk.position_snapshot(:'after'));
SELECT * FROM wrk.event_since(wrk.position_snapshot(:'before'));
SELECT * FROM wrk.event_since(split_part(:'before', '.', 2)::pg_snapshot);

-- an old snapshot would not show what is about to be lost
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT wrk.event_rotate(true);
ROLLBACK;

-- undone with its transaction, and writers go on where they should
BEGIN;
SELECT wrk.event_slot_current() AS old_slot \gset
SELECT wrk.event_rotate(true);
SELECT wrk.event_slot_current() = :old_slot AS same;
SELECT wrk.emit('in.new_slot', '{}', '{tenant:acme}', tenant_id => 'acme') IS NOT NULL AS ok;
SELECT slot = wrk.event_slot_current() AS in_current FROM wrk.event ORDER BY id DESC LIMIT 1;
ROLLBACK;
SELECT wrk.event_slot_current() = :old_slot AS same;
SELECT wrk.emit('in.old_slot', '{}', '{tenant:acme}', tenant_id => 'acme') IS NOT NULL AS ok;
SELECT slot = :old_slot AS in_old FROM wrk.event ORDER BY id DESC LIMIT 1;

-- everything is the extension's, and only the settings and the sequence are dumped
SELECT c.relname FROM pg_extension e, unnest(e.extconfig) t JOIN pg_class c ON c.oid = t
WHERE e.extname = 'wrk_copilot' AND c.relname ~ '^(event|maintenance)' ORDER BY 1;
SELECT count(*) FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
WHERE d.deptype = 'e' AND c.relname ~ '^event(_[0-9])?$';
DELETE FROM wrk.event_setting;
