-- The bell that tells listeners of channel wrk_event that there is something to fetch.

CREATE FUNCTION wrk.doorbell_mode()
RETURNS text
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'wrk_doorbell_mode';
COMMENT ON FUNCTION wrk.doorbell_mode() IS
'who notifies listeners of new events in this database: worker (a background worker, after the commit) or transaction (each transaction that emits, in its commit)';
REVOKE ALL ON FUNCTION wrk.doorbell_mode() FROM PUBLIC;
