-- Working on a queue: claim, keep, complete or fail a job; what becomes of those
-- nobody completes.
--
-- A worker listens to channel wrk_job, claims what there is, and works until there
-- is nothing.  It looks again when it hears the name of its queue (or an empty one)
-- and every few seconds in any case: nobody rings when a delay or a lease ends.

CREATE FUNCTION wrk.job_scan_begin(queue text, found_nothing boolean)
RETURNS bigint[]
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_job_scan_begin';
COMMENT ON FUNCTION wrk.job_scan_begin(text, boolean) IS
'where this session looks for jobs: behind which id, for each priority from 10 to -10; NULL: everywhere, and what waits for a time is due to be looked at, too. found_nothing: the last look from where it went on found none. Internal to wrk.job_claim()';

CREATE FUNCTION wrk.job_scan_end(queue text, last_priority integer, last_id bigint)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_job_scan_end';
COMMENT ON FUNCTION wrk.job_scan_end(text, integer, bigint) IS
'the last job that the look that has begun picked, NULL: it saw all there are. Internal to wrk.job_claim()';

CREATE FUNCTION wrk.job_wake(queue text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp SET enable_seqscan TO off SET enable_bitmapscan TO off
SET plan_cache_mode TO force_generic_plan
AS $$
DECLARE
	before timestamptz := clock_timestamp();
	ids bigint[];
	most integer;
	lost bigint;
BEGIN
	ids := ARRAY(SELECT j.id FROM wrk.job j
		WHERE j.queue = job_wake.queue AND j.state IN ('delayed', 'running') AND j.due_at <= before
		ORDER BY j.due_at LIMIT 1000 FOR UPDATE SKIP LOCKED);
	IF cardinality(ids) = 0 THEN
		RETURN 0;
	END IF;
	SELECT q.max_attempts INTO most FROM wrk.job_queue q WHERE q.name = queue;
	-- who lets go of it each time may be killed by it
	UPDATE wrk.job j SET state = 'dead', due_at = NULL, finished_at = before,
		last_error = format('lease of worker "%s" ended', j.worker)
	WHERE j.id = ANY (ids) AND coalesce(j.state, '') = 'running' AND j.attempts >= most;
	GET DIAGNOSTICS lost = ROW_COUNT;
	IF lost > 0 THEN
		RAISE LOG 'queue "%" has % more dead jobs: their workers did not come back', queue, lost;
	END IF;
	UPDATE wrk.job j SET state = 'ready', due_at = NULL,
		last_error = CASE j.state WHEN 'running' THEN format('lease of worker "%s" ended', j.worker)
								  ELSE j.last_error END
	WHERE j.id = ANY (ids) AND coalesce(j.state, '') IN ('delayed', 'running');
	PERFORM wrk.job_ring(queue);
	RETURN cardinality(ids);
END
$$;
COMMENT ON FUNCTION wrk.job_wake(text) IS
'makes ready what has waited for its time, at most 1000 jobs of the queue: delayed ones, and those whose lease has ended, which are dead after their last attempt. Internal to wrk.job_claim()';

CREATE FUNCTION wrk.job_pick(queue text, lows bigint[], n integer, OUT ids bigint[], OUT last_priority integer)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp SET enable_seqscan TO off SET enable_bitmapscan TO off
SET enable_sort TO off SET plan_cache_mode TO force_generic_plan
AS $$
BEGIN
	-- priority by priority, and no further than needed: each is a stretch of one index.  Said
	-- with "=" the planner could as well walk all jobs in the order of their ids
	SELECT array_agg(s.id), min(- s.rank) INTO ids, last_priority
	FROM (SELECT r.id, p.rank
		FROM (SELECT low, (o.i - 11)::smallint AS rank FROM unnest(lows) WITH ORDINALITY o (low, i)) p
		CROSS JOIN LATERAL (SELECT j.id FROM wrk.job j
			WHERE j.queue = job_pick.queue AND j.state = 'ready'
				AND (- j.priority, j.id) > (p.rank, p.low) AND - j.priority <= p.rank
			ORDER BY - j.priority, j.id LIMIT n FOR UPDATE SKIP LOCKED) r
		LIMIT n) s;
END
$$;
COMMENT ON FUNCTION wrk.job_pick(text, bigint[], integer) IS
'locks the next ready jobs that nobody else has locked, at most n, and the priority of the last one; NULL if there are none. Internal to wrk.job_claim()';

CREATE FUNCTION wrk.job_claim(queue text, worker text, n integer DEFAULT 1, lease interval DEFAULT '1 minute',
							  OUT id bigint, OUT token bigint, OUT tenant_id text, OUT payload jsonb, OUT key text,
							  OUT priority smallint, OUT attempt integer, OUT max_attempts integer,
							  OUT lease_until timestamptz, OUT created_at timestamptz)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
SET search_path TO pg_catalog, pg_temp SET enable_seqscan TO off SET enable_bitmapscan TO off
SET plan_cache_mode TO force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
	most integer;
	lows bigint[];
	picked record;
BEGIN
	most := wrk.job_check_claim(queue, worker, n, lease);
	lows := wrk.job_scan_begin(queue, false);
	LOOP
		IF lows IS NULL THEN
			PERFORM wrk.job_wake(queue);
		END IF;
		picked := wrk.job_pick(queue, coalesce(lows, array_fill(0::bigint, ARRAY[21])), n);
		IF cardinality(picked.ids) = n THEN
			PERFORM wrk.job_scan_end(queue, picked.last_priority, picked.ids[n]);
		ELSE
			PERFORM wrk.job_scan_end(queue, NULL, NULL);
		END IF;
		EXIT WHEN picked.ids IS NOT NULL OR lows IS NULL;
		lows := wrk.job_scan_begin(queue, true);
		EXIT WHEN lows IS NOT NULL;
	END LOOP;
	IF picked.ids IS NULL THEN
		RETURN;
	END IF;
	RETURN QUERY
	WITH claimed AS (
		UPDATE wrk.job j SET state = 'running', token = j.token + 1, attempts = j.attempts + 1,
			worker = job_claim.worker, claimed_at = clock_timestamp(), due_at = clock_timestamp() + lease
		WHERE j.id = ANY (picked.ids) RETURNING j.*)
	SELECT c.id, c.token, c.tenant_id, c.payload, c.key, c.priority, c.attempts, most, c.due_at, c.created_at
	FROM claimed c ORDER BY c.priority DESC, c.id;
END
$$;
COMMENT ON FUNCTION wrk.job_claim(text, text, integer, interval) IS
'claims the next n (1 to 1000) ready jobs of a queue that nobody else is about to claim, greatest priority first, then in the order of their ids, for the time of the lease (1 second to 1 day). None: there is nothing to do; a job that was retried, delayed or committed late may come up to 10 s later than it could where vacuum lags far behind.
worker: who claims, at most 200 characters. Whoever has id and token may say wrk.job_complete(), wrk.job_fail(), wrk.job_heartbeat(); when the lease has ended the job is claimed by others, with another token. Claims are those of the transaction: commit before the work begins. For members of wrk_service. Errors: WK400 bad_request, WK404 no such queue';

CREATE FUNCTION wrk.job_check_claim(queue text, worker text, n integer, lease interval)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	most integer;
BEGIN
	SELECT q.max_attempts INTO most FROM wrk.job_queue q WHERE q.name = queue;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no queue "%"', queue USING ERRCODE = 'WK404', HINT = 'Make it with wrk.job_queue_set().';
	END IF;
	IF worker IS NULL OR length(worker) NOT BETWEEN 1 AND 200 THEN
		RAISE EXCEPTION 'name of a worker must have 1 to 200 characters' USING ERRCODE = 'WK400';
	END IF;
	IF n IS NULL OR n NOT BETWEEN 1 AND 1000 THEN
		RAISE EXCEPTION 'jobs to claim must be 1 to 1000, not %', n USING ERRCODE = 'WK400';
	END IF;
	PERFORM wrk.job_check_lease(lease);
	RETURN most;
END
$$;
COMMENT ON FUNCTION wrk.job_check_claim(text, text, integer, interval) IS
'part of wrk.job_claim(): refuses a claim that is none; returns how often a job of the queue is attempted. Errors: WK400 bad_request, WK404 no such queue';

CREATE FUNCTION wrk.job_check_lease(lease interval)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF lease IS NULL OR lease NOT BETWEEN '1 s' AND '1 day' THEN
		RAISE EXCEPTION 'lease must be 1 second to 1 day, not %', lease USING ERRCODE = 'WK400';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.job_check_lease(interval) IS 'refuses a lease that is too short or too long. Error: WK400 bad_request';

-- ---------- what the holder says ----------
--
-- coalesce() around the state keeps the planner from walking the index of what waits for
-- a time, which it takes to be nearly empty, where it has the job's id.

CREATE FUNCTION wrk.job_lost(id bigint, token bigint)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'job % is not held with token % any more', id, token USING ERRCODE = 'WK409',
		HINT = 'Leave it alone: its lease has ended and others may have it, or it is finished.';
END
$$;
COMMENT ON FUNCTION wrk.job_lost(bigint, bigint) IS 'refuses what is said about a job by who does not hold it. Error: WK409 conflict';

CREATE FUNCTION wrk.job_hold(id bigint, token bigint)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	name text;
BEGIN
	SELECT j.queue INTO name FROM wrk.job j
	WHERE j.id = job_hold.id AND j.token = job_hold.token AND coalesce(j.state, '') = 'running' FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM wrk.job_lost(id, token);
	END IF;
	RETURN name;
END
$$;
COMMENT ON FUNCTION wrk.job_hold(bigint, bigint) IS
'keeps the job the caller''s until the transaction ends, even if its lease ends before: what is written for it meanwhile is written by its only holder; returns the name of its queue. Error: WK409 conflict if it is not held with this token';

CREATE FUNCTION wrk.job_heartbeat(id bigint, token bigint, lease interval DEFAULT '1 minute')
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	upto timestamptz := clock_timestamp() + lease;
BEGIN
	PERFORM wrk.job_check_lease(lease);
	UPDATE wrk.job j SET due_at = upto
	WHERE j.id = job_heartbeat.id AND j.token = job_heartbeat.token AND coalesce(j.state, '') = 'running';
	IF NOT FOUND THEN
		PERFORM wrk.job_lost(id, token);
	END IF;
	RETURN upto;
END
$$;
COMMENT ON FUNCTION wrk.job_heartbeat(bigint, bigint, interval) IS
'has the lease of a job end so long (1 second to 1 day) after now; returns when. A lease that has ended can still be prolonged as long as nobody else has claimed the job. Errors: WK400 bad_request, WK409 conflict if it is not held with this token';

CREATE FUNCTION wrk.job_complete(id bigint, token bigint, result jsonb DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF pg_column_size(result) > 262144 THEN
		RAISE EXCEPTION 'result of % bytes is larger than 262144', pg_column_size(result) USING ERRCODE = 'WK413';
	END IF;
	UPDATE wrk.job j SET state = 'done', due_at = NULL, finished_at = clock_timestamp(),
		result = job_complete.result, last_error = NULL
	FROM wrk.job_queue q
	WHERE j.id = job_complete.id AND j.token = job_complete.token AND coalesce(j.state, '') = 'running'
		AND q.name = j.queue AND q.keep_done > '0 s';
	IF FOUND THEN
		RETURN;
	END IF;
	-- of a queue that keeps none
	DELETE FROM wrk.job j WHERE j.id = job_complete.id AND j.token = job_complete.token AND coalesce(j.state, '') = 'running';
	IF NOT FOUND THEN
		PERFORM wrk.job_lost(id, token);
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.job_complete(bigint, bigint, jsonb) IS
'the job is done; result (at most 256 kB) is kept with it. Called in the transaction that writes what was done, that is written exactly once, for it is rolled back if somebody else has the job. Errors: WK409 conflict if it is not held with this token, WK413 too_large';

CREATE FUNCTION wrk.job_fail(id bigint, token bigint, error text, retry_in interval DEFAULT NULL,
							 retry boolean DEFAULT true)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	job record;
	pause interval;
	next_state text;
BEGIN
	SELECT j.queue, j.attempts, q.max_attempts, q.backoff, q.backoff_max INTO job
	FROM wrk.job j JOIN wrk.job_queue q ON q.name = j.queue
	WHERE j.id = job_fail.id AND j.token = job_fail.token AND coalesce(j.state, '') = 'running' FOR NO KEY UPDATE OF j;
	IF NOT FOUND THEN
		PERFORM wrk.job_lost(id, token);
	END IF;
	IF retry_in NOT BETWEEN '0 s' AND '30 days' THEN
		RAISE EXCEPTION 'pause before the next attempt must be 0 to 30 days, not %', retry_in USING ERRCODE = 'WK400';
	END IF;
	-- those that failed together do not come back together
	pause := coalesce(retry_in, least(job.backoff * 2 ^ least(job.attempts - 1, 40), job.backoff_max)
		* (0.5 + random() / 2));
	next_state := CASE WHEN job.attempts >= job.max_attempts OR NOT retry THEN 'dead'
		WHEN pause > '0 s' THEN 'delayed' ELSE 'ready' END;
	UPDATE wrk.job j SET state = next_state, last_error = left(coalesce(error, ''), 2000),
		due_at = CASE next_state WHEN 'delayed' THEN clock_timestamp() + pause END,
		finished_at = CASE next_state WHEN 'dead' THEN clock_timestamp() END
	WHERE j.id = job_fail.id;
	IF next_state = 'dead' THEN
		RAISE LOG 'job % of queue "%" is dead after % attempts', id, job.queue, job.attempts;
	ELSIF next_state = 'ready' THEN
		PERFORM wrk.job_ring(job.queue);
	END IF;
	RETURN next_state;
END
$$;
COMMENT ON FUNCTION wrk.job_fail(bigint, bigint, text, interval, boolean) IS
'this attempt has failed: the job is tried again after retry_in (0 to 30 days), by default the queue''s backoff, doubled with each attempt, of which a random part up to a half is taken off; or, after its last attempt or with retry false, it is dead. error: why, cut to 2000 characters. Returns delayed, ready or dead. Errors: WK400 bad_request, WK409 conflict if it is not held with this token';

-- ---------- by hand, and in the background ----------

CREATE FUNCTION wrk.job_retry(id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	job record;
BEGIN
	SELECT j.queue, j.state INTO job FROM wrk.job j WHERE j.id = job_retry.id FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no job %', id USING ERRCODE = 'WK404';
	END IF;
	IF job.state NOT IN ('dead', 'delayed') THEN
		RAISE EXCEPTION 'job % is %', id, job.state USING ERRCODE = 'WK409',
			HINT = 'Only what is dead or delayed can be retried.';
	END IF;
	UPDATE wrk.job j SET state = 'ready', attempts = 0, due_at = NULL, finished_at = NULL WHERE j.id = job_retry.id;
	PERFORM wrk.job_ring(job.queue);
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'another job with the key of job % is open', id USING ERRCODE = 'WK409';
END
$$;
COMMENT ON FUNCTION wrk.job_retry(bigint) IS
'makes a dead or delayed job ready, with all its attempts before it. Errors: WK404 not_found, WK409 conflict for a job that is neither, or whose key another open job has';

CREATE FUNCTION wrk.job_retention()
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	q wrk.job_queue;
	gone bigint;
	total bigint := 0;
BEGIN
	FOR q IN SELECT * FROM wrk.job_queue ORDER BY name LOOP
		DELETE FROM wrk.job j WHERE j.queue = q.name AND j.state = 'done'
			AND j.finished_at < clock_timestamp() - q.keep_done;
		GET DIAGNOSTICS gone = ROW_COUNT;
		total := total + gone;
		DELETE FROM wrk.job j WHERE j.queue = q.name AND j.state = 'dead'
			AND j.finished_at < clock_timestamp() - q.keep_dead;
		GET DIAGNOSTICS gone = ROW_COUNT;
		total := total + gone;
	END LOOP;
	RETURN total;
END
$$;
COMMENT ON FUNCTION wrk.job_retention() IS
'forgets finished jobs older than their queue keeps them; run by the background worker, returns how many';
SELECT wrk.maintenance_register('wrk.job_retention', 'wrk.job_retention()', '5 minutes');

CREATE VIEW wrk.job_stats AS
SELECT q.name AS queue, c.ready, c.delayed, c.running, c.overdue, c.done, c.dead,
	extract(epoch FROM clock_timestamp() - c.oldest)::numeric(20, 3) AS oldest_seconds
FROM wrk.job_queue q CROSS JOIN LATERAL (
	SELECT count(*) FILTER (WHERE j.state = 'ready') AS ready,
		count(*) FILTER (WHERE j.state = 'delayed') AS delayed,
		count(*) FILTER (WHERE j.state = 'running') AS running,
		count(*) FILTER (WHERE j.due_at <= clock_timestamp()) AS overdue,
		count(*) FILTER (WHERE j.state = 'done') AS done,
		count(*) FILTER (WHERE j.state = 'dead') AS dead,
		min(j.created_at) FILTER (WHERE j.state = 'ready') AS oldest
	FROM wrk.job j WHERE j.queue = q.name) c;
COMMENT ON VIEW wrk.job_stats IS
'jobs of each queue by state; overdue: delayed or running ones whose time is over and that nobody has looked at yet; oldest_seconds: age of the oldest ready one. Counts all jobs that are kept';
REVOKE ALL ON wrk.job_stats FROM PUBLIC;
GRANT SELECT ON wrk.job_stats TO wrk_service;

REVOKE ALL ON FUNCTION wrk.job_scan_begin(text, boolean), wrk.job_scan_end(text, integer, bigint), wrk.job_wake(text),
	wrk.job_pick(text, bigint[], integer), wrk.job_claim(text, text, integer, interval),
	wrk.job_check_claim(text, text, integer, interval), wrk.job_check_lease(interval), wrk.job_lost(bigint, bigint),
	wrk.job_hold(bigint, bigint), wrk.job_heartbeat(bigint, bigint, interval), wrk.job_complete(bigint, bigint, jsonb),
	wrk.job_fail(bigint, bigint, text, interval, boolean), wrk.job_retry(bigint), wrk.job_retention() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.job_claim(text, text, integer, interval), wrk.job_hold(bigint, bigint),
	wrk.job_heartbeat(bigint, bigint, interval), wrk.job_complete(bigint, bigint, jsonb),
	wrk.job_fail(bigint, bigint, text, interval, boolean), wrk.job_retry(bigint) TO wrk_service;
