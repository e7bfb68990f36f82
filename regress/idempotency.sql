-- Every call that succeeds, made twice with one key.  Needs regress/world.sql, calls.sql
-- and isolation.sql and tenant a.
--
-- Each example gets a tenant of its own, made before anything is called, so that what one call does is not in the way
-- of the next, and is made by the first role that may.
CREATE TABLE regress.run (n int PRIMARY KEY, t text NOT NULL, method text NOT NULL, params jsonb NOT NULL, role text NOT NULL, credential text NOT NULL);
CREATE TABLE regress.chosen AS
SELECT row_number() OVER (ORDER BY x.method, x.params)::int AS n, x.method, x.params, NULL::text AS role FROM regress.example x JOIN wrk.rpc USING (method);
CREATE PROCEDURE regress.make_runs(seed int) LANGUAGE plpgsql AS $$
DECLARE
	e regress.chosen;
	tenant text;
BEGIN
	UPDATE regress.chosen c SET role = (SELECT r FROM regress.roles() r
		WHERE (regress.ask(regress.token_of('a', r), c.method, regress.fill(c.params, 'a', NULL))).state = '00000' LIMIT 1);
	COMMIT;
	-- apart from that: while rows are loaded everybody may take any step
	FOR e IN SELECT * FROM regress.chosen WHERE role IS NOT NULL ORDER BY n LOOP
		tenant := 'c' || lpad(to_hex(e.n), 3, '0');
		PERFORM regress.make_world(tenant, seed);
		INSERT INTO regress.run VALUES (e.n, tenant, e.method, regress.fill(e.params, tenant, NULL), e.role, regress.token_of(tenant, e.role));
	END LOOP;
END
$$;

-- what a transaction has left behind so far
CREATE FUNCTION regress.traces() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT concat_ws(' ', (SELECT count(*) FROM wrk.event e WHERE e.xid = pg_current_xact_id()),
		(SELECT count(*) FROM wrk.audit_log l WHERE l.xid = pg_current_xact_id()::text::bigint), (SELECT count(*) FROM wrk.job))
$$;
CREATE FUNCTION regress.call_once(run regress.run, OUT state text, OUT result jsonb, OUT event_id bigint) LANGUAGE plpgsql AS $$
BEGIN
	state := '00000';
	PERFORM wrk.authenticate(run.credential);
	SELECT c.result, c.event_id INTO result, event_id FROM wrk.rpc_call(run.method, run.params, 'key ' || run.n) c;
EXCEPTION WHEN OTHERS THEN
	state := SQLSTATE;
	result := to_jsonb(SQLERRM);
END
$$;

-- what of an answer is given again
CREATE FUNCTION regress.kept(called text, result jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN r.once IS NULL THEN kept.result ELSE kept.result - r.once END FROM wrk.rpc r WHERE r.method = called
$$;

-- one after the other, taken back
CREATE FUNCTION regress.twice(run regress.run) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	one record;
	two record;
	left_behind text;
	other record;
	finding text;
BEGIN
	BEGIN
		one := regress.call_once(run);
		left_behind := regress.traces();
		two := regress.call_once(run);
		other := regress.call_once(ROW(run.n, run.t, run.method, run.params || '{"limit": 7}', run.role, run.credential));
		finding := CASE
			WHEN one.state <> '00000' THEN format('is refused: %s %s', one.state, one.result)
			WHEN two.state <> '00000' THEN format('is refused the second time: %s %s', two.state, two.result)
			WHEN (two.result, two.event_id) IS DISTINCT FROM
				(regress.kept(run.method, one.result), one.event_id) THEN format('answers otherwise: %s after %s', two.result, one.result)
			WHEN regress.traces() <> left_behind THEN 'does it again'
			WHEN other.state <> 'WK4K2' THEN 'takes the key for another request: ' || other.state END;
		RAISE EXCEPTION USING ERRCODE = 'RGOUT';
	EXCEPTION WHEN SQLSTATE 'RGOUT' THEN
		RETURN run.method || ' ' || finding; -- NULL: as it should be
	END;
END
$$;

-- a transaction acts for one tenant
CREATE PROCEDURE regress.twice_each(INOUT findings text DEFAULT '') LANGUAGE plpgsql AS $$
DECLARE
	run regress.run;
BEGIN
	FOR run IN SELECT * FROM regress.run ORDER BY n LOOP
		findings := concat_ws(E'\n', nullif(findings, ''), regress.twice(run));
		COMMIT;
	END LOOP;
END
$$;

-- Two sessions at once: the first makes the call and commits when somebody waits for it,
-- the second makes it when the first has.  Advisory locks say how far they are.
CREATE FUNCTION regress.await(condition text, n int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	deadline timestamptz := clock_timestamp() + interval '20 seconds';
	reached boolean;
BEGIN
	LOOP
		EXECUTE condition INTO reached USING n;
		EXIT WHEN reached OR clock_timestamp() > deadline;
		PERFORM pg_sleep(0.001);
	END LOOP;
	RETURN reached;
END
$$;
CREATE TABLE regress.answer (session int, n int, method text, state text, result jsonb, event_id bigint, in_time boolean);
CREATE PROCEDURE regress.lead() LANGUAGE plpgsql AS $$
DECLARE
	run regress.run;
	got record;
BEGIN
	FOR run IN SELECT * FROM regress.run ORDER BY n LOOP
		got := regress.call_once(run);
		PERFORM pg_advisory_xact_lock(4711, run.n);
		INSERT INTO regress.answer SELECT 1, run.n, run.method, got.state, got.result, got.event_id, got.state = '00000' AND
			regress.await('SELECT EXISTS (SELECT FROM pg_locks l WHERE NOT l.granted AND pg_backend_pid() = ANY (pg_blocking_pids(l.pid))) AND $1 > 0', run.n);
		COMMIT;
	END LOOP;
END
$$;
CREATE PROCEDURE regress.follow() LANGUAGE plpgsql AS $$
DECLARE
	run regress.run;
	got record;
	led boolean;
BEGIN
	FOR run IN SELECT * FROM regress.run ORDER BY n LOOP
		led := regress.await('SELECT EXISTS (SELECT FROM pg_locks l WHERE l.locktype = ''advisory'' AND l.classid = 4711 AND l.objid = $1 AND l.granted)', run.n);
		COMMIT;
		got := regress.call_once(run);
		INSERT INTO regress.answer VALUES (2, run.n, run.method, got.state, got.result, got.event_id, led);
		COMMIT;
	END LOOP;
END
$$;
