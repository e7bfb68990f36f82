-- The lifecycle of an automation version, cell by cell: every state, every way into a
-- stop-over, every role and nobody, by UPDATE and by wrk.transition(), against a grid
-- that was written by hand.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
SELECT copilot.install();
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set fixture :abs_srcdir '/regress/fixture.sql'
\set matrix :abs_srcdir '/regress/automation_version_matrix.sql'
\set ECHO none
\i :fixture
\i :matrix
\set ECHO all

-- the grid, read: one row for each cell and identity
CREATE TABLE regress.cell AS
SELECT w[1] AS origin, split_part(w[1], '<', 1) AS here, nullif(split_part(w[1], '<', 2), '') AS before,
	h.name AS target, w[h.i] AS cell, l.who,
	w[h.i] !~ '^[.=]' AND coalesce(strpos(w[h.i], l.letter) > 0, false) AS may, w[h.i] LIKE '%!' AS needs_reason
FROM (SELECT regexp_split_to_array(trim(line), ' +') AS w FROM regress.matrix WHERE n > (SELECT min(n) FROM regress.matrix)) g,
	regress.matrix m, unnest(regexp_split_to_array(trim(m.line), ' +')) WITH ORDINALITY h (name, i), regress.letter l
WHERE m.n = (SELECT min(n) FROM regress.matrix) AND h.i > 1;
SELECT count(*) AS cells, count(DISTINCT origin) AS lines, count(DISTINCT target) AS columns, count(DISTINCT who) AS identities,
	count(*) FILTER (WHERE may) AS allowed, count(*) FILTER (WHERE cell !~ '^([.=]|[cbqosyOa]+!?)$') AS unreadable
FROM regress.cell;
-- it is about the states and roles there are, all of them
SELECT s.code, c.code FROM (SELECT * FROM wrk.state WHERE machine = 'automation_version') s
FULL JOIN regress.short c USING (code) WHERE c.code IS NULL OR s.code IS NULL;
SELECT r.name, l.who FROM (SELECT name FROM wrk.role WHERE bit < 8 UNION ALL SELECT 'nobody') r
FULL JOIN regress.letter l ON l.who = r.name WHERE r.name IS NULL OR l.who IS NULL;
SELECT short FROM regress.short EXCEPT (SELECT here FROM regress.cell INTERSECT SELECT target FROM regress.cell);

-- what must come of asking: the state it is in then, or the refusal
CREATE FUNCTION regress.expected(c regress.cell, path text, reason text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE
		WHEN c.cell = '=' AND path = 'update' THEN (SELECT code FROM regress.short WHERE short = c.here) -- no change
		WHEN c.cell IN ('.', '=') THEN 'WK422'
		WHEN c.who = 'nobody' THEN 'WK401'
		WHEN NOT c.may THEN 'WK403'
		WHEN c.needs_reason AND reason IS NULL THEN 'WK400'
		ELSE (SELECT code FROM regress.short WHERE short = CASE c.target WHEN 'previous' THEN c.before ELSE c.target END)
	END
$$;

-- a version for each line, brought there by an admin, or loaded where nobody knows how it got there
CREATE TABLE regress.subject AS
SELECT origin, regress.id('a', 3, 100 + row_number() OVER (ORDER BY origin)) AS id, min(here) AS here, min(before) AS before,
	(row_number() OVER (ORDER BY origin))::int + 1 AS number
FROM regress.cell GROUP BY origin;
GRANT SELECT ON ALL TABLES IN SCHEMA regress TO PUBLIC;
CREATE FUNCTION regress.way(goal text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE goal WHEN 'archived' THEN line || '{archived}'::text[] WHEN 'paused' THEN line || '{paused}'::text[]
		ELSE line[1 : coalesce(array_position(line, goal), 0)] END
	FROM (SELECT '{pricing,approval,build,qa,ready,live}'::text[]) AS o (line)
$$;
BEGIN;
INSERT INTO copilot.automation_versions (tenant_id, id, automation_id, number, intake_progress)
SELECT regress.id('a', 0, 0), id, regress.id('a', 2, 1), number, 100 FROM regress.subject WHERE before IS DISTINCT FROM '?';
DO $$ BEGIN PERFORM regress.act('ada'); END $$;
DO $$
DECLARE
	step record;
BEGIN
	FOR step IN
		SELECT s.id, c.code
		FROM regress.subject s, unnest(CASE WHEN s.before IS NULL THEN regress.way(s.here) ELSE regress.way(s.before) || s.here END)
			WITH ORDINALITY w (step, n) JOIN regress.short c ON c.short = w.step
		WHERE s.before IS DISTINCT FROM '?' ORDER BY s.id, w.n
	LOOP
		PERFORM wrk.transition('copilot.automation_versions', step.id::text, step.code, 'on the way');
		UPDATE copilot.tasks SET status = 'done' WHERE automation_version_id = step.id AND status = 'open';
	END LOOP;
END $$;
COMMIT;
BEGIN;
DO $$ BEGIN PERFORM wrk.status_import(); END $$;
INSERT INTO copilot.automation_versions (tenant_id, id, automation_id, number, intake_progress, status)
SELECT regress.id('a', 0, 0), id, regress.id('a', 2, 1), number, 100, here FROM regress.subject WHERE before = '?';
COMMIT;
SELECT s.origin, v.status FROM regress.subject s JOIN copilot.automation_versions v USING (id)
WHERE v.status <> (SELECT code FROM regress.short WHERE short = s.here);

-- asks once, and takes it back: the state it led to, or the SQLSTATE
CREATE FUNCTION regress.ask(subject uuid, who text, target text, path text, reason text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	outcome text;
BEGIN
	IF who <> 'nobody' THEN
		PERFORM wrk.impersonate(regress.id('a', 0, 0)::text, regress.id('0', 1, CASE who WHEN 'client' THEN 1 WHEN 'builder' THEN 2
			WHEN 'qa' THEN 3 ELSE 4 END)::text, ARRAY[who]);
		SET LOCAL ROLE wrk_member;
	END IF;
	IF path = 'update' THEN
		UPDATE copilot.automation_versions v SET status = target, status_reason = coalesce(reason, v.status_reason)
		WHERE v.id = subject RETURNING v.status INTO outcome;
	ELSE
		outcome := wrk.transition('copilot.automation_versions', subject::text, target, reason) ->> 'to';
	END IF;
	RAISE EXCEPTION '%', coalesce(outcome, 'no row') USING ERRCODE = 'RG000';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'RG000' THEN SQLERRM ELSE SQLSTATE END;
END $$;

-- every cell without a reason, and with one where that makes a difference; "previous" is asked of the
-- call alone, an UPDATE names the state
CREATE TABLE regress.result AS
SELECT c.*, p.path, r.reason, regress.expected(c, p.path, r.reason),
	regress.ask(s.id, c.who, coalesce(t.code, c.target), p.path, r.reason) AS got
FROM regress.cell c JOIN regress.subject s USING (origin) LEFT JOIN regress.short t ON t.short = c.target,
	unnest('{update,transition}'::text[]) AS p (path), unnest('{NULL,because}'::text[]) AS r (reason)
WHERE (r.reason IS NULL OR c.needs_reason) AND (p.path = 'transition' OR c.target <> 'previous');
SELECT path, count(*) AS asked, count(*) FILTER (WHERE got NOT LIKE 'WK%') AS done, count(*) FILTER (WHERE got = 'WK400') AS without_reason,
	count(*) FILTER (WHERE got = 'WK401') AS nobody, count(*) FILTER (WHERE got = 'WK403') AS not_theirs,
	count(*) FILTER (WHERE got = 'WK422') AS no_such_step
FROM regress.result GROUP BY 1 ORDER BY 1;
SELECT count(*) AS differences FROM regress.result WHERE got IS DISTINCT FROM expected;
SELECT origin, target, cell, who, path, reason, expected, got FROM regress.result
WHERE got IS DISTINCT FROM expected ORDER BY 1, 2, 4, 5 LIMIT 20;

-- both ways say the same; only asking for the state it is in is an error for the one and no change for the other
SELECT count(*) AS compared, count(*) FILTER (WHERE u.got IS DISTINCT FROM t.got) AS disagreements
FROM regress.result u JOIN regress.result t USING (origin, target, who)
WHERE u.path = 'update' AND t.path = 'transition' AND u.reason IS NOT DISTINCT FROM t.reason AND u.cell <> '=';
-- and "previous" is nothing but another name for where it was
SELECT d.path, count(*) AS compared, count(*) FILTER (WHERE p.got IS DISTINCT FROM d.got) AS disagreements
FROM regress.result p JOIN regress.result d ON d.origin = p.origin AND d.who = p.who AND d.target = p.before
WHERE p.target = 'previous' GROUP BY 1 ORDER BY 1;

-- what a member is offered is what it may do
CREATE FUNCTION regress.offered(subject uuid, who text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	offer text[];
BEGIN
	PERFORM wrk.impersonate(regress.id('a', 0, 0)::text, regress.id('0', 1, CASE who WHEN 'client' THEN 1 WHEN 'builder' THEN 2
		WHEN 'qa' THEN 3 ELSE 4 END)::text, ARRAY[who]);
	offer := ARRAY(SELECT to_state FROM wrk.available_transitions('copilot.automation_versions', subject::text) ORDER BY 1);
	RAISE EXCEPTION '%', offer USING ERRCODE = 'RG000';
EXCEPTION WHEN SQLSTATE 'RG000' THEN
	RETURN SQLERRM::text[];
END $$;
SELECT count(*) AS offers, count(*) FILTER (WHERE o.offer IS DISTINCT FROM o.possible) AS differences
FROM (SELECT regress.offered(s.id, c.who) AS offer,
		coalesce(array_agg(t.code ORDER BY t.code) FILTER (WHERE c.may AND c.target <> 'previous'), '{}') AS possible
	FROM regress.cell c JOIN regress.subject s USING (origin) LEFT JOIN regress.short t ON t.short = c.target
	WHERE c.who <> 'nobody' GROUP BY s.id, c.who) o;

-- a grid that is wrong in one cell is noticed: two ways, with a reason and without
BEGIN;
UPDATE regress.cell SET may = NOT may WHERE origin = 'qa' AND target = 'build' AND who = 'client';
SELECT count(*) AS differences FROM regress.result r JOIN regress.cell c USING (origin, target, who)
WHERE r.got IS DISTINCT FROM regress.expected(c, r.path, r.reason);
ROLLBACK;

DROP SCHEMA regress CASCADE;
DELETE FROM copilot.tenants;
DELETE FROM copilot.users;
DELETE FROM wrk.membership;
DELETE FROM wrk.state_change;
