-- The queue: work that a transaction leaves to somebody else, who does it later
-- and at least once.
--
-- A job is a row, so it exists if and only if the transaction that asked for it
-- was committed.  It is ready, delayed (until due_at), running (held by a worker
-- until its lease ends at due_at), done or dead.  Who claims it gets a token; each
-- claim of the job has a greater one, and what is said about the job under an
-- earlier token is refused.  So the clock decides how soon a job whose worker has
-- died runs again, and never whether two may speak for it.
--
-- Ready jobs are claimed in the order of (priority, id) from one index.  What waits
-- for a time, a delay or the end of a lease, is in another and made ready by
-- whoever claims next (job.c says how often), so nothing in the future is in the
-- way of what can be done now, and a clock that was set back delays no job that
-- was not delayed anyway.

CREATE TABLE wrk.job_queue (
	name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
	max_attempts integer NOT NULL DEFAULT 8 CHECK (max_attempts BETWEEN 1 AND 1000),
	backoff interval NOT NULL DEFAULT '5 s' CHECK (backoff BETWEEN '0 s' AND '1 day'),
	backoff_max interval NOT NULL DEFAULT '1 hour' CHECK (backoff_max BETWEEN '0 s' AND '30 days'),
	keep_done interval NOT NULL DEFAULT '1 day' CHECK (keep_done >= '0 s'),
	keep_dead interval NOT NULL DEFAULT '30 days' CHECK (keep_dead >= '0 s')
);
COMMENT ON TABLE wrk.job_queue IS 'the queues there are, and how each treats its jobs; see wrk.job_queue_set()';
COMMENT ON COLUMN wrk.job_queue.max_attempts IS 'a job that was claimed so often without being completed is dead';
COMMENT ON COLUMN wrk.job_queue.backoff IS 'pause after the first failure; doubles with each further one';
COMMENT ON COLUMN wrk.job_queue.keep_done IS 'how long a job that is done is kept; 0: not at all';
COMMENT ON COLUMN wrk.job_queue.keep_dead IS 'how long a dead job waits for wrk.job_retry()';
SELECT pg_catalog.pg_extension_config_dump('wrk.job_queue', '');
REVOKE ALL ON wrk.job_queue FROM PUBLIC;
GRANT SELECT ON wrk.job_queue TO wrk_service;

CREATE SEQUENCE wrk.job_id_seq;
COMMENT ON SEQUENCE wrk.job_id_seq IS 'ids of jobs';
REVOKE ALL ON wrk.job_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('wrk.job_id_seq', '');

-- No trigger and no constraint that reads another row: these are the hottest rows there are.
CREATE TABLE wrk.job (
	id bigint PRIMARY KEY DEFAULT nextval('wrk.job_id_seq'),
	queue text COLLATE "C" NOT NULL,
	tenant_id text COLLATE "C",
	state text COLLATE "C" NOT NULL CHECK (state IN ('ready', 'delayed', 'running', 'done', 'dead')),
	priority smallint NOT NULL CHECK (priority BETWEEN -10 AND 10),
	payload jsonb NOT NULL,
	key text COLLATE "C" CHECK (length(key) BETWEEN 1 AND 200),
	token bigint NOT NULL DEFAULT 0,
	attempts integer NOT NULL DEFAULT 0,
	due_at timestamptz CHECK (due_at IS NULL = (state NOT IN ('delayed', 'running'))),
	worker text,
	last_error text,
	result jsonb,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	claimed_at timestamptz,
	finished_at timestamptz CHECK (finished_at IS NULL = (state NOT IN ('done', 'dead')))
);
COMMENT ON TABLE wrk.job IS 'jobs, those that are open and, for a time, those that are done or dead';
COMMENT ON COLUMN wrk.job.tenant_id IS 'tenant it is about, NULL for none';
COMMENT ON COLUMN wrk.job.key IS 'of one queue and tenant, only one open job has it';
COMMENT ON COLUMN wrk.job.token IS 'counts the claims; the holder of the last one speaks for the job';
COMMENT ON COLUMN wrk.job.attempts IS 'claims since it was made or retried by hand';
COMMENT ON COLUMN wrk.job.due_at IS 'delayed: when it becomes ready; running: when the lease ends';
COMMENT ON COLUMN wrk.job.worker IS 'who claimed it last';
-- what job_pick() compares with: a stretch of it has a beginning in both columns
CREATE INDEX job_ready_idx ON wrk.job (queue, (- priority), id) WHERE state = 'ready';
COMMENT ON INDEX wrk.job_ready_idx IS 'what can be claimed, in its order';
CREATE INDEX job_due_idx ON wrk.job (queue, due_at) WHERE state IN ('delayed', 'running');
COMMENT ON INDEX wrk.job_due_idx IS 'what waits for a time';
CREATE UNIQUE INDEX job_key_idx ON wrk.job (queue, key, (coalesce(tenant_id, '')))
	WHERE key IS NOT NULL AND state IN ('ready', 'delayed', 'running');
COMMENT ON INDEX wrk.job_key_idx IS 'one open job of a key';
CREATE INDEX job_finished_idx ON wrk.job (queue, state, finished_at) WHERE state IN ('done', 'dead');
COMMENT ON INDEX wrk.job_finished_idx IS 'oldest first, for retention';
SELECT pg_catalog.pg_extension_config_dump('wrk.job', '');
REVOKE ALL ON wrk.job FROM PUBLIC;
GRANT SELECT ON wrk.job TO wrk_service;
ALTER TABLE wrk.job SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE FUNCTION wrk.job_queue_set(name text, max_attempts integer DEFAULT NULL, backoff interval DEFAULT NULL,
								  backoff_max interval DEFAULT NULL, keep_done interval DEFAULT NULL,
								  keep_dead interval DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO wrk.job_queue AS q (name) VALUES (name) ON CONFLICT ON CONSTRAINT job_queue_pkey DO NOTHING;
	UPDATE wrk.job_queue q SET
		max_attempts = coalesce(job_queue_set.max_attempts, q.max_attempts),
		backoff = coalesce(job_queue_set.backoff, q.backoff),
		backoff_max = coalesce(job_queue_set.backoff_max, q.backoff_max),
		keep_done = coalesce(job_queue_set.keep_done, q.keep_done),
		keep_dead = coalesce(job_queue_set.keep_dead, q.keep_dead)
	WHERE q.name = job_queue_set.name;
EXCEPTION WHEN check_violation OR not_null_violation THEN
	RAISE EXCEPTION 'no queue can be like this: %', SQLERRM USING ERRCODE = 'WK400',
		HINT = 'A name is 1 to 63 of a-z, 0-9, _ and -, the first a letter; attempts are 1 to 1000, backoff is up to a day, '
			'backoff_max up to 30 days.';
END
$$;
COMMENT ON FUNCTION wrk.job_queue_set(text, integer, interval, interval, interval, interval) IS
'makes a queue or changes one; what is NULL stays as it is, or is the default: 8 attempts, pauses of 5 s doubling up to 1 hour, done jobs kept 1 day, dead ones 30. Error: WK400 bad_request';

CREATE FUNCTION wrk.job_ring(queue text)
RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_job_ring';
COMMENT ON FUNCTION wrk.job_ring(text) IS
'if this transaction commits, who listens to channel wrk_job is told the name of the queue, once however often it is called; by the background worker where it runs, which rings once for many transactions. An empty name stands for all queues';

CREATE FUNCTION wrk.job_enqueue(queue text, payload jsonb, key text DEFAULT NULL, delay interval DEFAULT NULL,
								priority integer DEFAULT 0, tenant_id text DEFAULT wrk.tenant_id())
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	later boolean := coalesce(delay > '0 s', false);
	made bigint;
BEGIN
	PERFORM wrk.job_check(queue, payload, key, delay, priority);
	LOOP
		INSERT INTO wrk.job AS j (queue, tenant_id, state, priority, payload, key, due_at)
		VALUES (job_enqueue.queue, job_enqueue.tenant_id, CASE WHEN later THEN 'delayed' ELSE 'ready' END,
				job_enqueue.priority, job_enqueue.payload, job_enqueue.key,
				CASE WHEN later THEN clock_timestamp() + delay END)
		ON CONFLICT (queue, key, (coalesce(tenant_id, '')))
			WHERE key IS NOT NULL AND state IN ('ready', 'delayed', 'running') DO NOTHING
		RETURNING j.id INTO made;
		EXIT WHEN FOUND;
		SELECT j.id INTO made FROM wrk.job j
		WHERE j.queue = job_enqueue.queue AND j.key = job_enqueue.key
			AND coalesce(j.tenant_id, '') = coalesce(job_enqueue.tenant_id, '')
			AND j.state IN ('ready', 'delayed', 'running');
		IF FOUND THEN
			RETURN made;
		END IF;
		-- not open any more: make it after all; one that a snapshot cannot see stays out of sight
		IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
			RAISE EXCEPTION 'another transaction has just made or ended the job with key "%"', key
				USING ERRCODE = 'serialization_failure';
		END IF;
	END LOOP;
	IF NOT later THEN
		PERFORM wrk.job_ring(queue);
	END IF;
	RETURN made;
END
$$;
COMMENT ON FUNCTION wrk.job_enqueue(text, jsonb, text, interval, integer, text) IS
'leaves a job to whoever works on the queue, if this transaction commits; returns its id, or that of the open job with the same key of the same queue and tenant, which stays as it is.
payload: at most 256 kB; key: at most 200 characters; delay: at most 1 year; priority: -10 to 10, greater ones first, those of one priority in the order of their ids. Not for end users: functions that call it for them are SECURITY DEFINER.
Errors: WK400 bad_request, WK404 no such queue, WK413 too_large, 40001 for a key that a snapshot is too old for';

CREATE FUNCTION wrk.job_check(queue text, payload jsonb, key text, delay interval, priority integer)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM wrk.job_queue q WHERE q.name = queue) THEN
		RAISE EXCEPTION 'no queue "%"', queue USING ERRCODE = 'WK404', HINT = 'Make it with wrk.job_queue_set().';
	END IF;
	IF payload IS NULL THEN
		RAISE EXCEPTION 'a job needs a payload' USING ERRCODE = 'WK400';
	END IF;
	IF pg_column_size(payload) > 262144 THEN
		RAISE EXCEPTION 'payload of % bytes is larger than 262144', pg_column_size(payload)
			USING ERRCODE = 'WK413', HINT = 'Store it elsewhere and send where it is.';
	END IF;
	IF length(key) NOT BETWEEN 1 AND 200 THEN
		RAISE EXCEPTION 'key of a job must have 1 to 200 characters, not %', length(key) USING ERRCODE = 'WK400';
	END IF;
	IF delay > '1 year' THEN
		RAISE EXCEPTION 'delay of % is longer than a year', delay USING ERRCODE = 'WK400';
	END IF;
	IF priority IS NULL OR priority NOT BETWEEN -10 AND 10 THEN
		RAISE EXCEPTION 'priority must be -10 to 10, not %', priority USING ERRCODE = 'WK400';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.job_check(text, jsonb, text, interval, integer) IS
'part of wrk.job_enqueue(): refuses what is no job. Errors: WK400 bad_request, WK404 no such queue, WK413 too_large';

REVOKE ALL ON FUNCTION wrk.job_queue_set(text, integer, interval, interval, interval, interval),
	wrk.job_ring(text), wrk.job_enqueue(text, jsonb, text, interval, integer, text),
	wrk.job_check(text, jsonb, text, interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.job_queue_set(text, integer, interval, interval, interval, interval),
	wrk.job_enqueue(text, jsonb, text, interval, integer, text) TO wrk_service;
