-- The bell that tells listeners of channel wrk_event that there is something to fetch.

CREATE FUNCTION wrk.doorbell_mode()
RETURNS text
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'wrk_doorbell_mode';
COMMENT ON FUNCTION wrk.doorbell_mode() IS
'who notifies listeners of new events in this database: worker (a background worker, after the commit) or transaction (each transaction that emits, in its commit)';

CREATE FUNCTION wrk.doorbell_status(OUT mode text, OUT worker_pid integer, OUT commits bigint, OUT rings bigint)
RETURNS record
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'wrk_doorbell_status';
COMMENT ON FUNCTION wrk.doorbell_status() IS
'mode as in wrk.doorbell_mode(); process id of the worker, NULL if none lives; since the server started, transactions that left ringing to the worker (each COMMIT PREPARED counts) and rings they came to, NULL if this database has had no worker. Where the library is not preloaded, PREPARE TRANSACTION refuses a transaction that has emitted, as it does after NOTIFY';
REVOKE ALL ON FUNCTION wrk.doorbell_mode(), wrk.doorbell_status() FROM PUBLIC;
