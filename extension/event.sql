-- Events: rows that tell others about a change, written by the transaction that makes it.
--
-- Events are kept in a fixed number of slots used in turn, so that forgetting
-- old ones is a TRUNCATE. pg_dump leaves them out: the transaction ids they are
-- found by mean nothing on another server, and a restored database refuses the
-- old one's positions (its epoch is another one; on the same server, positions
-- older than the extension are refused). It keeps the sequence of ids, so that an
-- id is never used twice, and the retention. pg_upgrade moves tables as files and
-- keeps everything, but makes a new epoch.

CREATE SEQUENCE wrk.event_id_seq;
COMMENT ON SEQUENCE wrk.event_id_seq IS 'ids of events; goes on rising after a restore';
REVOKE ALL ON wrk.event_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('wrk.event_id_seq', '');

CREATE TABLE wrk.event_slot (
	slot smallint PRIMARY KEY,
	current boolean NOT NULL DEFAULT false,
	opened_at timestamptz,
	lost_xid xid8,
	lost_as_of pg_snapshot,
	CHECK ((lost_xid IS NULL) = (lost_as_of IS NULL))
);
COMMENT ON TABLE wrk.event_slot IS 'which slot of wrk.event takes new events, and what was thrown away with the others';
COMMENT ON COLUMN wrk.event_slot.opened_at IS 'when the slot last became the current one';
COMMENT ON COLUMN wrk.event_slot.lost_xid IS 'highest transaction id of the events thrown away from this slot';
COMMENT ON COLUMN wrk.event_slot.lost_as_of IS 'snapshot in which all of those were visible';
CREATE UNIQUE INDEX event_slot_current_idx ON wrk.event_slot (current) WHERE current;
COMMENT ON INDEX wrk.event_slot_current_idx IS 'one slot is the current one';
REVOKE ALL ON wrk.event_slot FROM PUBLIC;

-- What was emitted before the extension was made here counts as thrown away: a
-- restored database does not continue the one it was taken from.
INSERT INTO wrk.event_slot (slot, current, opened_at, lost_xid, lost_as_of)
SELECT s, s = 0, CASE WHEN s = 0 THEN pg_catalog.now() END,
	CASE WHEN s = 0 THEN pg_catalog.pg_current_xact_id() END,
	CASE WHEN s = 0 THEN pg_catalog.pg_current_snapshot() END
FROM pg_catalog.generate_series(0, 7) s;

-- ALWAYS: a replica must not leave backends with what was current once
CREATE TRIGGER cache_invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON wrk.event_slot
	FOR EACH STATEMENT EXECUTE FUNCTION wrk.cache_invalidate();
ALTER TABLE wrk.event_slot ENABLE ALWAYS TRIGGER cache_invalidate;

CREATE FUNCTION wrk.event_slot_current()
RETURNS smallint
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_event_slot_current';
COMMENT ON FUNCTION wrk.event_slot_current() IS 'slot of wrk.event that takes new events';
REVOKE ALL ON FUNCTION wrk.event_slot_current() FROM PUBLIC;

-- Columns are read by number in C (event_store.h).
CREATE TABLE wrk.event (
	id bigint NOT NULL DEFAULT nextval('wrk.event_id_seq'),
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	slot smallint NOT NULL DEFAULT wrk.event_slot_current(),
	tenant_id text,
	channels text[] NOT NULL,
	type text NOT NULL,
	payload jsonb NOT NULL,
	sender_id text,
	audience text[] NOT NULL DEFAULT '{}',
	class "char" NOT NULL DEFAULT 'c',
	state_key text,
	key text,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (id, slot)
) PARTITION BY LIST (slot);
COMMENT ON TABLE wrk.event IS 'events that are kept; written by wrk.emit() and the trigger of wrk.enable_events() only';
COMMENT ON COLUMN wrk.event.id IS 'rises with the order of writing, not of committing';
COMMENT ON COLUMN wrk.event.xid IS 'transaction that wrote it; what positions are compared with';
COMMENT ON COLUMN wrk.event.slot IS 'table it is kept in, see wrk.event_slot';
COMMENT ON COLUMN wrk.event.tenant_id IS 'tenant it belongs to, NULL for an event of all tenants';
COMMENT ON COLUMN wrk.event.channels IS 'canonical names of the channels it goes to';
COMMENT ON COLUMN wrk.event.audience IS 'who may see it, role:NAME and user:ID; empty: all who may read a channel of it';
COMMENT ON COLUMN wrk.event.class IS 'c(ritical): must arrive; s(tate): the last one of a state_key must; e(phemeral): need not; x: for gateways only, see wrk.access_changed()';
COMMENT ON COLUMN wrk.event.key IS 'idempotency key of the call that caused it';
CREATE INDEX event_xid_idx ON wrk.event (xid);
COMMENT ON INDEX wrk.event_xid_idx IS 'events after a position; see wrk.event_since()';
REVOKE ALL ON wrk.event FROM PUBLIC;

CREATE TABLE wrk.event_0 PARTITION OF wrk.event FOR VALUES IN (0);
CREATE TABLE wrk.event_1 PARTITION OF wrk.event FOR VALUES IN (1);
CREATE TABLE wrk.event_2 PARTITION OF wrk.event FOR VALUES IN (2);
CREATE TABLE wrk.event_3 PARTITION OF wrk.event FOR VALUES IN (3);
CREATE TABLE wrk.event_4 PARTITION OF wrk.event FOR VALUES IN (4);
CREATE TABLE wrk.event_5 PARTITION OF wrk.event FOR VALUES IN (5);
CREATE TABLE wrk.event_6 PARTITION OF wrk.event FOR VALUES IN (6);
CREATE TABLE wrk.event_7 PARTITION OF wrk.event FOR VALUES IN (7);
REVOKE ALL ON wrk.event_0, wrk.event_1, wrk.event_2, wrk.event_3, wrk.event_4, wrk.event_5, wrk.event_6,
	wrk.event_7 FROM PUBLIC;

CREATE FUNCTION wrk.emit(type text, payload jsonb, channels text[], audience text[] DEFAULT '{}',
						 class text DEFAULT 'critical', state_key text DEFAULT NULL,
						 tenant_id text DEFAULT wrk.tenant_id())
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_emit';
COMMENT ON FUNCTION wrk.emit(text, jsonb, text[], text[], text, text, text) IS
'writes an event with this transaction and returns its id. type: [a-z][a-z0-9_.:-]*, up to 128, not the name of a frame that gateways send themselves (result, bye, presence:...); channels: 1 to 32 canonical names of the tenant, such as tenant:T:project:42; audience: role:NAME and user:ID, empty for all who may read the channel; class: critical, state (with state_key) or ephemeral; tenant_id NULL and channel global: for all tenants. Not for end users, who could forge events: functions that call it for them are SECURITY DEFINER. Errors: WK400 bad_request, WK403 forbidden (another tenant, or all, for who is not in wrk_service), WK413 too_large';
REVOKE ALL ON FUNCTION wrk.emit(text, jsonb, text[], text[], text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.emit(text, jsonb, text[], text[], text, text, text) TO wrk_service;

CREATE FUNCTION wrk.epoch()
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_epoch';
COMMENT ON FUNCTION wrk.epoch() IS
'this server and this stretch of its history: system identifier in hexadecimal, timeline; another one after a restore or fail-over';

CREATE FUNCTION wrk.position()
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_position';
COMMENT ON FUNCTION wrk.position() IS
'position of the snapshot of this statement, <epoch>.<snapshot>: what the statement reads is up to date with all events before it, and none is missed by whoever goes on from it. Flushes the log. Error: 55000 on a standby';

CREATE FUNCTION wrk.position_snapshot("position" text)
RETURNS pg_snapshot
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_position_snapshot';
COMMENT ON FUNCTION wrk.position_snapshot(text) IS
'snapshot of a position from which everything can still be replayed. Errors: WK400 malformed, WK410 unrecoverable (another epoch, or older than what is kept)';

CREATE FUNCTION wrk.event_recoverable("position" text)
RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_event_recoverable';
COMMENT ON FUNCTION wrk.event_recoverable(text) IS
'whether everything after the position can still be replayed. Error: WK400 for what is no position';

CREATE FUNCTION wrk.event_since(since pg_snapshot, upto pg_snapshot DEFAULT NULL,
								after_id bigint DEFAULT 0, max_rows integer DEFAULT NULL,
								channel text DEFAULT NULL, control boolean DEFAULT false,
								known pg_snapshot DEFAULT NULL)
RETURNS SETOF wrk.event
LANGUAGE C STABLE PARALLEL SAFE ROWS 100 COST 1000
AS 'MODULE_PATHNAME', 'wrk_event_since';
COMMENT ON FUNCTION wrk.event_since(pg_snapshot, pg_snapshot, bigint, integer, text, boolean, pg_snapshot) IS
'events that the snapshot since could not see and upto (NULL: this statement''s) can, in id order after after_id, at most max_rows; of all channels or of one (canonical name). control: also the control events of wrk.access_changed(), before the others and not counted; with after_id 0 all of them, else those that the snapshot known could not see and this statement''s can (known NULL: none). All tenants'' events, so for the engine only. Error: WK410 unrecoverable when some of them are not kept any more, or more than wrk_copilot.max_replay_scan have to be looked at for the channel';

REVOKE ALL ON FUNCTION wrk.epoch(), wrk.position(), wrk.position_snapshot(text),
	wrk.event_recoverable(text), wrk.event_since(pg_snapshot, pg_snapshot, bigint, integer, text, boolean, pg_snapshot) FROM PUBLIC;
-- a position says nothing about anybody's data
GRANT EXECUTE ON FUNCTION wrk.epoch(), wrk.position() TO PUBLIC;
