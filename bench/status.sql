-- What bench/status measures with: three tables of the same rows, one unguarded, one under
-- wrk.enable_status(), one guarded the way it is usually written in PL/pgSQL.
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO wrk_member;

INSERT INTO wrk.role (name, bit) VALUES ('worker', 40);
SELECT wrk.define_state_machine('{"name": "job", "title": "Job",
	"states": [
		{"code": "running", "label": "Running", "initial": true}, {"code": "queued", "label": "Queued"},
		{"code": "waiting", "label": "Waiting"}, {"code": "failed", "label": "Failed", "terminal": true},
		{"code": "done", "label": "Done", "terminal": true}],
	"transitions": [
		{"from": "running", "to": "queued", "roles": ["worker"]}, {"from": "queued", "to": "running", "roles": ["worker"]},
		{"from": "running", "to": "waiting"}, {"from": "waiting", "to": "running"},
		{"from": ["queued", "running", "waiting"], "to": "failed", "needs_reason": true}, {"from": "running", "to": "done"}]}') AS version \gset

CREATE TABLE bench.none (
	id int PRIMARY KEY, tenant_id text NOT NULL, status text NOT NULL, note int NOT NULL DEFAULT 0, body text NOT NULL);
CREATE TABLE bench.ours (LIKE bench.none INCLUDING ALL);
CREATE TABLE bench.plpgsql (LIKE bench.none INCLUDING ALL);
SELECT wrk.enable_status('bench.ours', 'job');

-- ---------- the yardstick ----------

-- One machine without versions, guards, hooks, ways back, events and keys: it does less, and
-- nothing that it does is done in a roundabout way.
CREATE TABLE bench.transition (
	from_state text, to_state text, roles text[], needs_reason boolean NOT NULL, PRIMARY KEY (from_state, to_state));
INSERT INTO bench.transition
SELECT from_state, to_state, roles, needs_reason FROM wrk.transition WHERE machine = 'job';
CREATE TABLE bench.state_change (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id text, entity text NOT NULL, row_id text NOT NULL,
	from_state text, to_state text NOT NULL, reason text, user_id text, roles text[], created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON bench.state_change (tenant_id, entity, row_id, id);

CREATE FUNCTION bench.guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog, pg_temp AS $$
DECLARE
	step bench.transition;
	reason text := nullif(current_setting('bench.reason', true), '');
BEGIN
	SELECT * INTO step FROM bench.transition t WHERE t.from_state = OLD.status AND t.to_state = NEW.status;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no step from % to %', OLD.status, NEW.status USING ERRCODE = 'WK422';
	END IF;
	IF step.roles IS NOT NULL AND NOT coalesce(step.roles && wrk.roles(), false) THEN
		RAISE EXCEPTION 'the step from % to % is not yours', OLD.status, NEW.status USING ERRCODE = 'WK403';
	END IF;
	IF step.needs_reason AND reason IS NULL THEN
		RAISE EXCEPTION 'the step from % to % needs a reason', OLD.status, NEW.status USING ERRCODE = 'WK400';
	END IF;
	INSERT INTO bench.state_change (tenant_id, entity, row_id, from_state, to_state, reason, user_id, roles)
	VALUES (NEW.tenant_id, TG_TABLE_NAME, NEW.id::text, OLD.status, NEW.status, reason, wrk.user_id(), wrk.roles());
	RETURN NEW;
END
$$;
-- not even called when the status stays
CREATE TRIGGER guard BEFORE UPDATE ON bench.plpgsql
FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION bench.guard();

CREATE FUNCTION bench.transition(row_id int, wanted text, reason text DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	old_status text;
BEGIN
	SELECT status INTO old_status FROM bench.plpgsql t WHERE t.id = row_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no %', row_id USING ERRCODE = 'WK404';
	END IF;
	IF old_status = wanted THEN
		RAISE EXCEPTION 'it is already %', wanted USING ERRCODE = 'WK422';
	END IF;
	IF reason IS NOT NULL THEN
		PERFORM set_config('bench.reason', reason, true);
	END IF;
	UPDATE bench.plpgsql t SET status = wanted WHERE t.id = row_id;
	RETURN jsonb_build_object('id', row_id::text, 'from', old_status, 'to', wanted, 'by', wrk.user_id(),
		'change_id', currval('bench.state_change_id_seq'));
END
$$;

-- ---------- rows ----------

INSERT INTO bench.none (id, tenant_id, status, body) SELECT i, 'bench', 'running', repeat('x', 100) FROM generate_series(1, :rows) i;
INSERT INTO bench.ours (id, tenant_id, status, body) SELECT id, tenant_id, status, body FROM bench.none;
INSERT INTO bench.plpgsql (id, tenant_id, status, body) SELECT id, tenant_id, status, body FROM bench.none;
GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA bench TO wrk_member;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA bench TO wrk_member;
