-- What bench/unread measures: a tenant with threads, messages and readers.
-- psql variables: messages, threads, readers.
SELECT copilot.install();
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO PUBLIC;
CREATE FUNCTION bench.id(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN ('b0000000-000' || kind || '-4000-8000-' || lpad(n::text, 12, '0'))::uuid;
INSERT INTO copilot.tenants (id, name, slug) VALUES (bench.id(0, 0), 'Acme', 'acme');
INSERT INTO copilot.users (id, email, name) SELECT bench.id(1, i), i || '@example.com', 'Reader ' || i FROM generate_series(1, :readers) i;
INSERT INTO copilot.tenant_users (tenant_id, user_id) SELECT bench.id(0, 0), id FROM copilot.users;
INSERT INTO copilot.projects (tenant_id, id, name) SELECT bench.id(0, 0), bench.id(4, i), 'Project ' || i FROM generate_series(1, :threads) i;
INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
SELECT bench.id(0, 0), p.id, bench.id(1, 4), 'builder' FROM copilot.projects p;
-- a message a minute, round the threads; what triggers make of each is not measured here
SET session_replication_role TO replica;
INSERT INTO copilot.messages (tenant_id, project_id, type, body, author_id, created_at)
SELECT bench.id(0, 0), bench.id(4, 1 + i % :threads), (ARRAY['client', 'client', 'ops', 'internal_note'])[1 + (i / :threads) % 4],
	'Message ' || i || repeat(' and so on', 10), bench.id(1, 1 + (i / 7) % :readers), now() - (:messages - i) * interval '1 minute'
FROM generate_series(1, :messages) i;
-- reader 1 has never read; the others, but for the last tenth of an hour a thread, or the last month
INSERT INTO copilot.message_reads (tenant_id, thread_id, user_id, delivered_to, delivered_time, read_to, read_time)
SELECT m.tenant_id, m.thread_id, u.id, m.id, m.created_at, m.id, m.created_at
FROM copilot.users u CROSS JOIN LATERAL (
	SELECT DISTINCT ON (o.thread_id) o.* FROM copilot.messages o
	WHERE o.created_at < now() - CASE u.id WHEN bench.id(1, 2) THEN interval '30 days' ELSE interval '20 hours' END
	ORDER BY o.thread_id, o.created_at DESC) m
WHERE u.id <> bench.id(1, 1);
RESET session_replication_role;
VACUUM ANALYZE;

CREATE FUNCTION bench.act(n int, role text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	SELECT wrk.impersonate(bench.id(0, 0)::text, bench.id(1, n)::text, ARRAY[role])
$$;
-- the usual way: all that is behind the position, by thread
CREATE FUNCTION bench.exact() RETURNS TABLE (thread_id uuid, unread bigint) LANGUAGE sql STABLE AS $$
	SELECT m.thread_id, count(*) FROM copilot.messages m
	LEFT JOIN copilot.message_reads r ON r.thread_id = m.thread_id AND r.user_id = wrk.user_id()::uuid
	WHERE m.deleted_at IS NULL AND m.author_id <> wrk.user_id()::uuid
		AND (r.read_time IS NULL OR (m.created_at, m.id) > (r.read_time, r.read_to))
	GROUP BY m.thread_id
$$;
-- milliseconds of the median of so many, and what was counted
CREATE FUNCTION bench.measure(query text, repeats int, OUT ms numeric, OUT total bigint) LANGUAGE plpgsql AS $$
DECLARE
	took numeric[] := '{}';
	began timestamptz;
BEGIN
	FOR i IN 0 .. repeats LOOP
		began := clock_timestamp();
		EXECUTE query INTO total;
		took := took || CASE WHEN i > 0 THEN extract(epoch FROM clock_timestamp() - began) * 1000 END;
	END LOOP;
	ms := (SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY t)::numeric, 2) FROM unnest(took) t);
END $$;
