-- What bench/audit measures with: three tables of the same shape, one plain, one under
-- wrk.enable_audit(), one audited the way it is usually written in PL/pgSQL; and three with a
-- blueprint each.
CREATE SCHEMA bench;

CREATE TABLE bench.none (
	id bigint PRIMARY KEY, tenant_id text NOT NULL, customer_id bigint NOT NULL, status text NOT NULL,
	total numeric NOT NULL, due_at timestamptz, note int NOT NULL DEFAULT 0, body text NOT NULL);
CREATE INDEX ON bench.none (tenant_id, customer_id);
CREATE TABLE bench.ours (LIKE bench.none INCLUDING ALL);
CREATE TABLE bench.plpgsql (LIKE bench.none INCLUDING ALL);
SELECT wrk.enable_audit('bench.ours', 'row');

CREATE TABLE bench.none_document (id bigint PRIMARY KEY, tenant_id text NOT NULL, document jsonb NOT NULL);
CREATE TABLE bench.ours_document (LIKE bench.none_document INCLUDING ALL);
CREATE TABLE bench.plpgsql_document (LIKE bench.none_document INCLUDING ALL);
SELECT wrk.enable_audit('bench.ours_document', 'document');

-- ---------- the yardstick ----------

-- One log, in which a row has the whole row as it was (of an INSERT, as it came to be) and the
-- fields that changed.  It can be changed by whoever owns it, has no partitions, does not say
-- who vouched for the identity, and is read as it is: it does less, and nothing that it does is
-- done in a roundabout way.
CREATE TABLE bench.log (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(), tenant_id text COLLATE "C", user_id text, roles text[],
	db_user text NOT NULL DEFAULT session_user, op text NOT NULL, resource_type text COLLATE "C" NOT NULL,
	resource_id text COLLATE "C" NOT NULL, row_data jsonb NOT NULL, changed_fields jsonb);
CREATE INDEX ON bench.log (tenant_id, id);
CREATE INDEX ON bench.log (resource_id, resource_type, tenant_id, id);

CREATE FUNCTION bench.audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog, pg_temp AS $$
DECLARE
	was jsonb;
	is_now jsonb;
	changed jsonb;
BEGIN
	IF TG_OP = 'INSERT' THEN
		is_now := to_jsonb(NEW);
		was := is_now;
	ELSIF TG_OP = 'DELETE' THEN
		was := to_jsonb(OLD);
		is_now := was;
	ELSE
		was := to_jsonb(OLD);
		is_now := to_jsonb(NEW);
		SELECT jsonb_object_agg(n.key, n.value) INTO changed
		FROM jsonb_each(is_now) n WHERE was -> n.key IS DISTINCT FROM n.value;
		IF changed IS NULL THEN
			RETURN NULL;
		END IF;
	END IF;
	INSERT INTO bench.log (tenant_id, user_id, roles, op, resource_type, resource_id, row_data, changed_fields)
	VALUES (is_now ->> 'tenant_id', wrk.user_id(), wrk.roles(), TG_OP, TG_TABLE_NAME, is_now ->> 'id', was, changed);
	RETURN NULL;
END
$$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON bench.plpgsql
FOR EACH ROW EXECUTE FUNCTION bench.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON bench.plpgsql_document
FOR EACH ROW EXECUTE FUNCTION bench.audit();

-- ---------- rows ----------

-- adds rows that come after those that are there
CREATE FUNCTION bench.fill(tbl regclass, first bigint, rows bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %s (id, tenant_id, customer_id, status, total, due_at, body)
		SELECT i, ''bench'', i * 7919 %% 5000, ''open'', i %% 1000 * 1.25, ''2026-01-01''::timestamptz + i * interval ''1 minute'',
			repeat(''x'', 100)
		FROM generate_series($1, $1 + $2 - 1) i', tbl)
	USING first, rows;
END
$$;

-- empties the logs, which nobody may but who can switch triggers off; both begin anew with the
-- same little, so that a run's pages do not depend on how many ran before
CREATE FUNCTION bench.empty_logs() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	part regclass;
BEGIN
	TRUNCATE bench.log;
	FOR part IN SELECT relid FROM pg_partition_tree('wrk.audit_log') WHERE isleaf LOOP
		EXECUTE format('ALTER TABLE %s DISABLE TRIGGER append_only_truncate', part);
		EXECUTE format('TRUNCATE %s', part);
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only_truncate', part);
	END LOOP;
END
$$;

-- ---------- documents ----------

CREATE FUNCTION bench.node(i integer) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object('id', 'agent_' || i, 'type', 'agentFlow', 'position', jsonb_build_object('x', i % 40 * 312, 'y', i / 40 * 173),
		'data', jsonb_build_object('name', 'step' || i, 'label', 'Approve the order, step ' || i, 'description', repeat(md5((i * 3)::text) || ' ', 3),
			'inputs', jsonb_build_object('model', 'large', 'temperature', i % 10 / 10.0, 'memory', i % 2 = 0,
				'prompt', repeat(md5((i * 5)::text) || ' ', 10), 'tools', jsonb_build_array('search', 'mail', i % 7))))
$$;

CREATE FUNCTION bench.blueprint(nodes integer) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object(
		'nodes', (SELECT jsonb_agg(bench.node(i) ORDER BY i) FROM generate_series(0, nodes - 1) AS i),
		'edges', (SELECT jsonb_agg(jsonb_build_object('id', 'edge_' || i, 'source', 'agent_' || i, 'target', 'agent_' || i + 1) ORDER BY i)
			FROM generate_series(0, nodes - 2) AS i))
$$;

-- changes the label of one step; returns the bytes of WAL that took
CREATE FUNCTION bench.edit(tbl regclass, step integer, label text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	start pg_lsn := pg_current_wal_insert_lsn();
BEGIN
	EXECUTE format('UPDATE %s SET document = jsonb_set(document, $1, $2)', tbl)
	USING ARRAY['nodes', step::text, 'data', 'label'], to_jsonb(label);
	RETURN pg_current_wal_insert_lsn() - start;
END
$$;

-- bytes of some columns of the latest row of a log, of all if NULL, as stored: compressed, and
-- out of line, where the server does so
CREATE FUNCTION bench.stored(log regclass, columns text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	bytes bigint;
BEGIN
	EXECUTE (SELECT format('SELECT %s FROM %s l ORDER BY id DESC LIMIT 1',
							string_agg(format('coalesce(pg_column_size(l.%I), 0)', attname), ' + '), log)
			 FROM pg_attribute
			 WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND (columns IS NULL OR attname = ANY (columns)))
	INTO bytes;
	RETURN bytes;
END
$$;
