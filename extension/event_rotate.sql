-- How long events are kept, and forgetting them.

CREATE TABLE wrk.event_setting (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	retention interval NOT NULL CHECK (retention >= '1 minute')
);
COMMENT ON TABLE wrk.event_setting IS 'how long events are kept; no row: as wrk.event_retention() says';
-- without a row of our own, so that a restore can bring its one
SELECT pg_catalog.pg_extension_config_dump('wrk.event_setting', '');
REVOKE ALL ON wrk.event_setting FROM PUBLIC;

CREATE FUNCTION wrk.event_retention()
RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT coalesce((SELECT s.retention FROM wrk.event_setting s), '24 hours')
$$;
COMMENT ON FUNCTION wrk.event_retention() IS
'how long events are kept at least, 24 hours unless set; up to a third longer';

CREATE FUNCTION wrk.event_retention(retention interval)
RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF retention IS NULL OR retention < '1 minute' THEN
		RAISE EXCEPTION 'events cannot be kept for %', coalesce(retention::text, 'null')
			USING ERRCODE = 'WK400', HINT = 'Use an interval of at least one minute.';
	END IF;
	INSERT INTO wrk.event_setting AS s (retention) VALUES (event_retention.retention)
	ON CONFLICT (singleton) DO UPDATE SET retention = excluded.retention;
	RETURN retention;
END
$$;
COMMENT ON FUNCTION wrk.event_retention(interval) IS
'sets how long events are kept, at least one minute; returns it. A gateway or client that was away longer must read everything again. Error: WK400 bad_request';

CREATE FUNCTION wrk.event_slot_empty(slot smallint)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
SET lock_timeout TO '100ms'
AS $$
DECLARE
	in_use boolean;
	lost xid8;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM wrk.event_%s)', slot) INTO in_use;
	IF NOT in_use THEN
		RETURN true;
	END IF;
	-- what the lock waits for are readers, and those who come later wait behind it
	EXECUTE format('LOCK TABLE wrk.event_%s IN ACCESS EXCLUSIVE MODE', slot);
	EXECUTE format('SELECT xid FROM wrk.event_%s ORDER BY xid DESC LIMIT 1', slot) INTO lost;
	EXECUTE format('TRUNCATE wrk.event_%s', slot);
	UPDATE wrk.event_slot s
	SET lost_xid = CASE WHEN s.lost_xid > lost THEN s.lost_xid ELSE lost END, lost_as_of = pg_current_snapshot()
	WHERE s.slot = event_slot_empty.slot;
	RETURN true;
EXCEPTION WHEN lock_not_available THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION wrk.event_slot_empty(smallint) IS
'forgets the events of a slot and notes what was lost; false if somebody was using it. Part of wrk.event_rotate()';

CREATE FUNCTION wrk.event_rotate(force boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	slots CONSTANT integer := 8;
	this wrk.event_slot;
	next smallint;
BEGIN
	-- an old snapshot would not show all that is about to be lost
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'events can only be rotated in isolation level read committed' USING ERRCODE = '55000';
	END IF;
	SELECT * INTO this FROM wrk.event_slot s WHERE s.current FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false; -- somebody else is at it
	END IF;
	-- one slot is filling and one may be just emptied: the others hold what is kept
	IF NOT force AND this.opened_at > clock_timestamp() - wrk.event_retention() / (slots - 2) THEN
		RETURN false;
	END IF;
	next := (this.slot + 1) % slots;
	IF NOT wrk.event_slot_empty(next) THEN
		RETURN false;
	END IF;
	UPDATE wrk.event_slot s SET current = false WHERE s.slot = this.slot;
	UPDATE wrk.event_slot s SET current = true, opened_at = clock_timestamp() WHERE s.slot = next;
	RETURN true;
END
$$;
COMMENT ON FUNCTION wrk.event_rotate(boolean) IS
'takes the next slot for new events if the current one has been in use long enough (or force), forgetting what was in it; false if it is not time or a reader was in the way. Error: 55000 outside of read committed';

CREATE FUNCTION wrk.event_rotate()
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT wrk.event_rotate(false)
$$;
COMMENT ON FUNCTION wrk.event_rotate() IS 'wrk.event_rotate(false), as wrk.maintenance runs it';

REVOKE ALL ON FUNCTION wrk.event_retention(), wrk.event_retention(interval), wrk.event_slot_empty(smallint),
	wrk.event_rotate(boolean), wrk.event_rotate() FROM PUBLIC;

SELECT wrk.maintenance_register('wrk.event_rotate', 'wrk.event_rotate()', '10 seconds');
