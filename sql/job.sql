-- The queue: jobs are done in their order, by one holder at a time, and none is lost.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA regress;
-- a job that has waited so long, or a lease that has ended
CREATE FUNCTION regress.pass(which bigint, span interval) RETURNS void LANGUAGE sql AS $$
	UPDATE wrk.job SET due_at = due_at - span, finished_at = finished_at - span WHERE id = which
$$;
-- from the beginning of the queue, however long the last look took: a rollback has the session forget it
CREATE FUNCTION regress.claim(n int DEFAULT 1, worker text DEFAULT 'w') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		RAISE EXCEPTION 'forget';
	EXCEPTION WHEN raise_exception THEN NULL;
	END;
	RETURN (SELECT string_agg(concat_ws(' ', payload ->> 'n', 'token', token, 'attempt', attempt || '/' || max_attempts), ', ')
		FROM wrk.job_claim('regress', worker, n));
END $$;
CREATE FUNCTION regress.job(n int) RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT id FROM wrk.job WHERE payload @> jsonb_build_object('n', n) ORDER BY id DESC LIMIT 1
$$;
-- ids that can be read, behind those of other tests
SELECT setval('wrk.job_id_seq', 900000) > 0;
SELECT wrk.job_queue_set('regress', max_attempts => 3, backoff => '10 s', backoff_max => '15 s');

-- in the order of priority, then of ids; what is delayed is in nobody's way
SELECT count(wrk.job_enqueue('regress', jsonb_build_object('n', n), priority => n % 3, delay => CASE WHEN n = 5 THEN interval '1 hour' END))
FROM generate_series(1, 7) n;
SELECT regress.claim(3);
SELECT regress.claim(10);
SELECT regress.claim();
SELECT regress.pass(regress.job(5), '2 hours');
SELECT regress.claim();
SELECT ready, delayed, running, overdue, done, dead FROM wrk.job_stats WHERE queue = 'regress';
SELECT due_at - claimed_at BETWEEN '59 s' AND '61 s' AS a_minute FROM wrk.job WHERE id = regress.job(1);

-- a session that goes on where it was claims in the same order, and more urgent jobs that came meanwhile first
SELECT count(wrk.job_enqueue('regress', jsonb_build_object('n', 100 + n))) FROM generate_series(1, 4) n;
SELECT payload ->> 'n' FROM wrk.job_claim('regress', 'w', 2);
SELECT count(wrk.job_enqueue('regress', jsonb_build_object('n', 110), priority => 10));
SELECT payload ->> 'n' FROM wrk.job_claim('regress', 'w', 2);
SELECT payload ->> 'n' FROM wrk.job_claim('regress', 'w', 2);
SELECT count(wrk.job_complete(id, token)) FROM wrk.job WHERE state = 'running' AND payload @> '{"n": 110}' OR (payload ->> 'n')::int BETWEEN 101 AND 104;

-- a holder completes; nobody else does, and nobody does twice
SELECT wrk.job_complete(regress.job(1), 1, '{"fine": true}');
SELECT state, result, due_at IS NULL, finished_at IS NOT NULL FROM wrk.job WHERE id = regress.job(1);
SELECT wrk.job_complete(regress.job(1), 1);
SELECT wrk.job_fail(regress.job(1), 1, 'late');
SELECT wrk.job_complete(regress.job(2), 2);
SELECT wrk.job_complete(regress.job(2), NULL);
SELECT wrk.job_complete(123456789, 1);

-- a lease that has ended: others claim it, and its first holder is refused whatever they say
SELECT regress.pass(regress.job(2), '2 minutes');
SELECT regress.claim(worker => 'second');
SELECT wrk.job_complete(regress.job(2), 1);
SELECT wrk.job_fail(regress.job(2), 1, 'late');
SELECT wrk.job_heartbeat(regress.job(2), 1);
SELECT wrk.job_hold(regress.job(2), 1);
SELECT worker, token, attempts, last_error FROM wrk.job WHERE id = regress.job(2);
SELECT wrk.job_hold(regress.job(2), 2);
SELECT wrk.job_complete(regress.job(2), 2);
-- one that has ended and that nobody claimed can still be kept, or completed
SELECT regress.pass(regress.job(3), '2 minutes');
SELECT wrk.job_heartbeat(regress.job(3), 1, '1 hour') > now() + interval '59 minutes';
SELECT regress.claim();
SELECT regress.pass(regress.job(3), '2 hours');
SELECT wrk.job_complete(regress.job(3), 1);
SELECT regress.claim();

-- failing: a pause that doubles up to its limit, of which at most half is taken off; after the last attempt it is dead
SELECT wrk.job_fail(regress.job(4), 1, 'no answer');
SELECT due_at - clock_timestamp() BETWEEN '4.9 s' AND '10 s', last_error FROM wrk.job WHERE id = regress.job(4);
SELECT regress.claim();
SELECT regress.pass(regress.job(4), '1 minute');
SELECT regress.claim();
SELECT wrk.job_fail(regress.job(4), 2, 'no answer');
SELECT due_at - clock_timestamp() BETWEEN '7.4 s' AND '15 s' FROM wrk.job WHERE id = regress.job(4);
SELECT regress.pass(regress.job(4), '1 minute');
SELECT regress.claim();
SELECT wrk.job_fail(regress.job(4), 3, repeat('x', 3000));
SELECT state, length(last_error), finished_at IS NOT NULL FROM wrk.job WHERE id = regress.job(4);
-- by hand it starts anew
SELECT wrk.job_retry(regress.job(4));
SELECT regress.claim();
SELECT wrk.job_retry(regress.job(4));
SELECT wrk.job_fail(regress.job(4), 4, 'at once', retry_in => '0 s');
SELECT regress.claim();
SELECT wrk.job_fail(regress.job(4), 5, 'never', retry => false);
SELECT wrk.job_retry(0);
SELECT wrk.job_fail(regress.job(5), 1, 'when?', retry_in => '-1 s');
SELECT wrk.job_fail(regress.job(5), 1, 'when?', retry_in => '1 year');

-- a job that kills whoever works on it is dead after its last attempt, without a word from anybody
SELECT regress.pass(regress.job(6), '1 hour') FROM wrk.job_heartbeat(regress.job(6), 1);
SELECT regress.claim();
SELECT regress.pass(regress.job(6), '1 hour');
SELECT regress.claim();
SELECT regress.pass(regress.job(6), '1 hour');
SELECT regress.claim();
SELECT state, last_error FROM wrk.job WHERE id = regress.job(6);

-- one open job of a key, for each queue and tenant; a finished one does not stand in the way
SELECT wrk.job_enqueue('regress', '{"n": 20}', 'key') = wrk.job_enqueue('regress', '{"n": 21}', 'key') AS same;
SELECT wrk.job_enqueue('regress', '{"n": 22}', 'key', delay => '1 hour') = regress.job(20) AS same;
SELECT wrk.job_enqueue('regress', '{"n": 23}', 'key', tenant_id => 't') = regress.job(20) AS same;
SELECT count(*) FROM wrk.job WHERE key = 'key';
SELECT regress.claim(2);
SELECT wrk.job_enqueue('regress', '{"n": 24}', 'key') = regress.job(20) AS same;
SELECT wrk.job_fail(regress.job(20), 1, 'no', retry => false);
SELECT wrk.job_enqueue('regress', '{"n": 25}', 'key') = regress.job(20) AS same;
SELECT wrk.job_retry(regress.job(20));
SELECT regress.claim();
SELECT wrk.job_complete(regress.job(25), 1);
SELECT wrk.job_retry(regress.job(20));
SELECT wrk.job_complete(regress.job(20), 2) FROM (SELECT regress.claim()) c;

-- a job is there if and only if its transaction was committed; so is a claim
BEGIN;
SELECT wrk.job_enqueue('regress', '{"n": 30}') > 0;
ROLLBACK;
SELECT wrk.job_enqueue('regress', '{"n": 31}') > 0;
BEGIN;
SELECT regress.claim();
SAVEPOINT s;
SELECT regress.claim();
ROLLBACK;
SELECT regress.claim();
BEGIN;
SAVEPOINT s;
SELECT wrk.job_complete(regress.job(31), 1);
ROLLBACK TO s;
SELECT wrk.job_heartbeat(regress.job(31), 1) > now();
COMMIT;
-- the clock was set back: what was not delayed does not wait for it
INSERT INTO wrk.job (queue, state, priority, payload, created_at) VALUES ('regress', 'ready', 0, '{"n": 32}', now() + interval '1 day');
SELECT regress.claim();
-- and forward: leases end early, which their holders learn
SELECT regress.pass(regress.job(32), '1 day');
SELECT regress.claim(worker => 'second');
SELECT wrk.job_complete(regress.job(32), 1);

-- retention, as each queue wants it; a queue that keeps nothing
SELECT regress.pass(regress.job(1), '25 hours'), regress.pass(regress.job(6), '25 hours'), regress.pass(regress.job(4), '31 days');
SELECT wrk.job_retention();
SELECT regress.job(1), regress.job(4), state FROM wrk.job WHERE id = regress.job(6);
SELECT name, every FROM wrk.maintenance WHERE function = 'wrk.job_retention()';
SELECT wrk.job_queue_set('regress', keep_done => '0 s');
SELECT wrk.job_complete(regress.job(31), 1);
SELECT regress.job(31);
SELECT wrk.job_complete(regress.job(31), 1);
SELECT wrk.job_complete(999, 1);
SELECT max_attempts, backoff, keep_done, keep_dead FROM wrk.job_queue WHERE name = 'regress';

-- refusals
SELECT wrk.job_enqueue('nowhere', '{}');
SELECT wrk.job_enqueue(NULL, '{}');
SELECT wrk.job_enqueue('regress', NULL);
SELECT wrk.job_enqueue('regress', to_jsonb(repeat('x', 300000)));
SELECT wrk.job_enqueue('regress', '{}', '');
SELECT wrk.job_enqueue('regress', '{}', repeat('k', 201));
SELECT wrk.job_enqueue('regress', '{}', delay => '2 years');
SELECT wrk.job_enqueue('regress', '{}', priority => 11);
SELECT wrk.job_enqueue('regress', '{}', priority => NULL);
SELECT wrk.job_claim('nowhere', 'w');
SELECT wrk.job_claim('regress', '');
SELECT wrk.job_claim('regress', 'w', 0);
SELECT wrk.job_claim('regress', 'w', 1001);
SELECT wrk.job_claim('regress', 'w', 1, '0 s');
SELECT wrk.job_claim('regress', 'w', 1, '2 days');
SELECT wrk.job_heartbeat(1, 1, NULL);
SELECT wrk.job_complete(1, 1, to_jsonb(repeat('x', 300000)));
SELECT wrk.job_queue_set('No Queue');
SELECT wrk.job_queue_set('regress', max_attempts => 0);
SELECT wrk.job_queue_set(NULL);

-- workers are services; members see and do nothing here, whatever their roles
CREATE ROLE regress_worker; GRANT wrk_service TO regress_worker;
CREATE ROLE regress_member; GRANT wrk_member TO regress_member;
GRANT USAGE ON SCHEMA regress TO PUBLIC;
SET ROLE regress_worker;
SELECT wrk.job_enqueue('regress', '{"n": 40}', tenant_id => 'other') > 0;
SELECT tenant_id, payload FROM wrk.job_claim('regress', 'w');
SELECT wrk.job_complete(regress.job(40), 1);
SELECT count(*) FROM wrk.job_stats WHERE queue = 'regress';
UPDATE wrk.job SET token = 1;
SELECT wrk.job_wake('regress');
SELECT wrk.job_scan_begin('regress', false);
SET ROLE regress_member;
SELECT wrk.impersonate('t', 'u', '{admin}');
RESET ROLE;
BEGIN;
SELECT wrk.impersonate('t', 'u', '{admin,system}') IS NOT NULL;
SET LOCAL ROLE wrk_member;
SELECT has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') AS may, c.relname
FROM pg_class c WHERE c.relnamespace = 'wrk'::regnamespace AND c.relname ~ '^job' AND c.relkind IN ('r', 'v') ORDER BY 2;
SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'wrk'::regnamespace AND p.proname ~ '^job' AND has_function_privilege(p.oid, 'EXECUTE');
SELECT wrk.job_enqueue('regress', '{}');
ROLLBACK;

DROP SCHEMA regress CASCADE;
DROP ROLE regress_worker, regress_member;
DELETE FROM wrk.job WHERE queue = 'regress';
DELETE FROM wrk.job_queue WHERE name = 'regress';
SELECT setval('wrk.job_id_seq', coalesce((SELECT max(id) FROM wrk.job), 1)) > 0;
