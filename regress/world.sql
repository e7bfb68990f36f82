-- A tenant with people of every role and rows in every table of the application, for
-- generated tests: SELECT regress.make_world('b', 42) makes tenant b, 42 deciding
-- what is left to chance.
--
-- Ids can be told by sight: regress.wid('b', 'task') is b0000000-KIND-...; and every
-- text of tenant b has b0000000 in it.  So an answer that another tenant gets must not.
CREATE SCHEMA IF NOT EXISTS regress;

CREATE FUNCTION regress.mark(tenant text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN rpad(tenant, 8, '0');
CREATE FUNCTION regress.wid(tenant text, kind text, n bigint DEFAULT 1) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN (regress.mark(tenant) || '-' || left(md5(kind), 4) || '-4000-8000-' || lpad(n::text, 12, '0'))::uuid;
CREATE FUNCTION regress.any_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE
RETURN choices[1 + floor(random() * cardinality(choices))];

CREATE FUNCTION regress.make_people(t text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	x uuid := regress.wid(t, 'tenant');
	m text := regress.mark(t);
	r text;
BEGIN
	INSERT INTO copilot.tenants (id, name, slug) VALUES (x, m || ' tenant', m);
	FOREACH r IN ARRAY (SELECT array_agg(name::text) || 'user'::text || 'other'::text FROM wrk.role WHERE bit < 50) LOOP
		INSERT INTO copilot.users (id, email, name) VALUES (regress.wid(t, r), m || '-' || r || '@example.com', m || ' ' || r);
		INSERT INTO copilot.tenant_users (tenant_id, user_id) VALUES (x, regress.wid(t, r));
		INSERT INTO copilot.user_roles (tenant_id, user_id, role)
		VALUES (x, regress.wid(t, r), CASE WHEN r IN ('user', 'other') THEN regress.any_of('client', 'builder', 'qa', 'ops') ELSE r END);
		INSERT INTO copilot.user_passwords (user_id, hash) VALUES (regress.wid(t, r), '$2a$06$' || repeat('x', 53));
		INSERT INTO copilot.user_subjects (issuer, subject, user_id) VALUES ('https://id.example.com', m || ' ' || r, regress.wid(t, r));
		INSERT INTO copilot.sessions (tenant_id, id, user_id, method, client, refresh_salt, expires_at)
		VALUES (x, regress.wid(t, 'session ' || r), regress.wid(t, r), 'service', m, sha256(m::bytea), now() + interval '1 day');
		INSERT INTO copilot.refresh_tokens (tenant_id, session_id, sha256)
		VALUES (x, regress.wid(t, 'session ' || r), sha256((m || r)::bytea));
		INSERT INTO copilot.notifications (tenant_id, id, user_id, kind, title, resource_type, resource_id)
		VALUES (x, regress.wid(t, 'notification ' || r), regress.wid(t, r), regress.any_of('system', 'mention', 'alert'), m, 'project',
			regress.wid(t, 'project')::text);
		INSERT INTO copilot.notification_preferences (tenant_id, user_id, kind, channels) VALUES (x, regress.wid(t, r), 'any', '{in_app,email}');
		INSERT INTO copilot.notification_deliveries (tenant_id, notification_id, channel, user_id)
		VALUES (x, regress.wid(t, 'notification ' || r), 'email', regress.wid(t, r)) ON CONFLICT DO NOTHING;
	END LOOP;
	INSERT INTO copilot.invitations (tenant_id, id, email, roles, token_sha256, invited_by, expires_at)
	VALUES (x, regress.wid(t, 'invitation'), m || '-new@example.com', '{client}', sha256(m::bytea), regress.wid(t, 'admin'), now() + interval '1 day');
	INSERT INTO wrk.api_key (id, env, secret_sha256, tenant_id, roles, label, created_by)
	VALUES (regress.mark(t) || 'key', 'live', sha256(m::bytea), x, '{client}', m, regress.wid(t, 'admin'));
END
$$;

CREATE FUNCTION regress.make_versions(t text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	x uuid := regress.wid(t, 'tenant');
	m text := regress.mark(t);
	s text;
	place int;
BEGIN
	INSERT INTO copilot.automations (tenant_id, id, name, description, created_by)
	VALUES (x, regress.wid(t, 'automation'), m || ' automation', m, regress.wid(t, 'client'));
	FOR s, place IN SELECT code, position FROM wrk.state WHERE machine = 'automation_version' AND version = (SELECT max(version) FROM wrk.state_machine
		WHERE name = 'automation_version') ORDER BY position
	LOOP
		INSERT INTO copilot.automation_versions (tenant_id, id, automation_id, number, status, requirements, blueprint_json, created_by)
		VALUES (x, regress.wid(t, s), regress.wid(t, 'automation'), place + 1, s, (SELECT jsonb_build_object(q.section, jsonb_build_object(q.code, m)) FROM copilot.intake_questions q
				WHERE q.kind = 'text' ORDER BY q.position LIMIT 1),
			jsonb_build_object('nodes', jsonb_build_array(jsonb_build_object('id', 'n1', 'label', m))), regress.wid(t, 'client'));
		UPDATE copilot.automation_versions SET blueprint_json = jsonb_set(blueprint_json, '{nodes,0,x}', to_jsonb(m))
		WHERE id = regress.wid(t, s);
	END LOOP;
	INSERT INTO copilot.projects (tenant_id, id, name, automation_id, automation_version_id, owner_id, created_by)
	SELECT x, regress.wid(t, 'project', n), m || ' project ' || n, regress.wid(t, 'automation'),
		regress.wid(t, regress.any_of('intake_in_progress', 'live', 'qa_testing')), regress.wid(t, 'ops'), regress.wid(t, 'ops')
	FROM generate_series(1, 1 + floor(random() * 3)::int) n;
	INSERT INTO copilot.project_members (tenant_id, project_id, user_id, role)
	SELECT x, p.id, regress.wid(t, r), r FROM copilot.projects p, unnest('{client,builder,qa,ops}'::text[]) r
	WHERE p.tenant_id = x AND (p.id = regress.wid(t, 'project') OR random() < 0.5);
	INSERT INTO copilot.builds (tenant_id, automation_version_id, status, job_id, blueprint_version, requested_by)
	VALUES (x, regress.wid(t, 'build_in_progress'), 'failed', 1, 1, regress.wid(t, 'ops'));
	UPDATE copilot.automations SET description = m || ' described' WHERE tenant_id = x;
END
$$;

CREATE FUNCTION regress.make_talk(t text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	x uuid := regress.wid(t, 'tenant');
	m text := regress.mark(t);
BEGIN
	INSERT INTO copilot.rooms (tenant_id, id, kind, name, created_by)
	VALUES (x, regress.wid(t, 'room'), 'chat', m || ' room', regress.wid(t, 'client')),
		(x, regress.wid(t, 'workspace'), 'workspace', m || ' workspace', regress.wid(t, 'client'));
	INSERT INTO copilot.room_members (tenant_id, room_id, room_kind, user_id, role)
	SELECT x, r.id, r.kind, u.user_id, 'owner' FROM copilot.rooms r JOIN copilot.tenant_users u USING (tenant_id)
	WHERE r.tenant_id = x AND u.user_id <> regress.wid(t, 'user');
	INSERT INTO copilot.messages (tenant_id, id, project_id, type, body, author_id)
	SELECT x, regress.wid(t, 'message ' || r), regress.wid(t, 'project'), CASE r WHEN 'client' THEN r ELSE regress.any_of('client', 'ops') END,
		m || ' ' || r, regress.wid(t, r)
	FROM unnest('{client,builder,qa,ops,ops_admin,cs_admin,admin}'::text[]) r;
	INSERT INTO copilot.files (tenant_id, id, workspace_id, path, content, created_by)
	VALUES (x, regress.wid(t, 'file'), regress.wid(t, 'workspace'), m || '.txt', m, regress.wid(t, 'client'));
	INSERT INTO copilot.messages (tenant_id, id, room_id, type, body, author_id)
	VALUES (x, regress.wid(t, 'chat'), regress.wid(t, 'room'), 'chat', m || ' chat', regress.wid(t, 'client'));
	INSERT INTO copilot.message_reads (tenant_id, thread_id, user_id, delivered_to, delivered_time)
	SELECT tenant_id, thread_id, regress.wid(t, 'ops'), id, created_at FROM copilot.messages WHERE id = regress.wid(t, 'chat');
	INSERT INTO wrk.presence (channel, user_id, node, tenant_id, name, status, connections, meta, changed_ms)
	SELECT format('tenant:%s:presence:%s', x, r), regress.wid(t, 'client'), md5(m), x, m || ' client', 0, 1, format('{"m": "%s"}', m), 0
	FROM unnest(ARRAY['tenant', 'project/' || regress.wid(t, 'project')]) r;
	INSERT INTO wrk.last_seen (tenant_id, user_id, seen_at) SELECT x, regress.wid(t, r), now() FROM unnest('{client,builder}'::text[]) r;
	INSERT INTO copilot.tasks (tenant_id, id, project_id, kind, title, assignee_id, priority)
	SELECT x, regress.wid(t, 'task', n), regress.wid(t, 'project'), k, m || ' ' || k, CASE WHEN random() < 0.5 THEN regress.wid(t, 'client') END,
		regress.any_of('low', 'normal', 'high', 'urgent')
	FROM unnest('{general_todo,build_checklist,client_retention}'::text[]) WITH ORDINALITY o (k, n);
END
$$;

CREATE FUNCTION regress.make_business(t text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	x uuid := regress.wid(t, 'tenant');
	m text := regress.mark(t);
	tiers jsonb := '[{"from": 0, "unit_price": 1}]';
BEGIN
	UPDATE copilot.clients SET legal_name = m || ' client' WHERE tenant_id = x;
	INSERT INTO copilot.client_health (tenant_id, id, status_reason) SELECT x, c.id, m FROM copilot.clients c WHERE c.tenant_id = x
	ON CONFLICT DO NOTHING;
	INSERT INTO copilot.price_lists (tenant_id, currency, setup_fee, committed_units, tiers) VALUES (x, 'USD', 100, 10, tiers);
	INSERT INTO copilot.quotes (tenant_id, id, automation_version_id, status, currency, setup_fee, committed_units, tiers)
	VALUES (x, regress.wid(t, 'quote'), regress.wid(t, 'needs_pricing'), 'draft', 'USD', 100, 10, tiers),
		(x, regress.wid(t, 'sent quote'), regress.wid(t, 'awaiting_client_approval'), 'sent', 'USD', 100, 10, tiers),
		(x, regress.wid(t, 'live quote'), regress.wid(t, 'live'), 'signed', 'USD', 100, 10, tiers);
	INSERT INTO copilot.commitments (tenant_id, id, automation_version_id, quote_id, units, unit_price, monthly_amount, from_day)
	VALUES (x, regress.wid(t, 'commitment'), regress.wid(t, 'live'), regress.wid(t, 'live quote'), 10, 1, 10, '2026-01-01');
	INSERT INTO copilot.billing_periods (tenant_id, id, period_start, period_end, currency)
	VALUES (x, regress.wid(t, 'period'), '2026-01-01', '2026-02-01', 'USD');
	INSERT INTO copilot.billing_lines (tenant_id, billing_period_id, position, kind, automation_version_id, quote_id, commitment_id, first_day, end_day,
		quantity, unit_price, amount)
	VALUES (x, regress.wid(t, 'period'), 1, 'commitment', regress.wid(t, 'live'), regress.wid(t, 'live quote'), regress.wid(t, 'commitment'), '2026-01-01',
		'2026-02-01', 10, 1, 10);
	INSERT INTO copilot.pricing_overrides (tenant_id, quote_id, reason, before, after)
	VALUES (x, regress.wid(t, 'quote'), m, '{}', '{}');
	INSERT INTO copilot.workflow_bindings (tenant_id, id, automation_version_id, engine, workflow_ref, status)
	VALUES (x, regress.wid(t, 'binding'), regress.wid(t, 'live'), 'n8n', m || ' workflow', 'active');
	INSERT INTO copilot.workflow_binding_secrets (tenant_id, workflow_binding_id, secret)
	VALUES (x, regress.wid(t, 'binding'), m || 'secretsecretsecret');
	INSERT INTO copilot.usage_thresholds (tenant_id, id, automation_version_id, metric, value)
	VALUES (x, regress.wid(t, 'threshold'), regress.wid(t, 'live'), 'runs', 2);
	INSERT INTO copilot.run_events (tenant_id, id, automation_version_id, workflow_binding_id, run_id, status, occurred_at, started_at, units, data)
	SELECT x, regress.wid(t, 'run', n), regress.wid(t, 'live'), regress.wid(t, 'binding'), m || n, regress.any_of('running', 'failed', 'cancelled'),
		now(), now(), 1, jsonb_build_object('m', m)
	FROM generate_series(1, 3 + floor(random() * 4)::int) n;
	INSERT INTO wrk.job (queue, tenant_id, state, priority, payload, finished_at)
	VALUES ('notifications', x, 'dead', 0, jsonb_build_object('m', m), now());
END
$$;

CREATE FUNCTION regress.make_world(t text, seed int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(1.0 / (1 + seed % 100000));
	PERFORM wrk.status_import();
	PERFORM regress.make_people(t);
	PERFORM regress.make_versions(t);
	PERFORM regress.make_talk(t);
	PERFORM regress.make_business(t);
END
$$;

-- tables of the application that keep rows of a tenant, without one of this tenant
CREATE FUNCTION regress.empty_tables(t text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	tbl regclass;
	found_one boolean;
BEGIN
	FOR tbl IN SELECT a.attrelid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE c.relnamespace = 'copilot'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attname = 'tenant_id' ORDER BY 1
	LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE tenant_id::text = $1)', tbl) INTO found_one USING regress.wid(t, 'tenant')::text;
		IF NOT found_one THEN
			RETURN NEXT tbl::text;
		END IF;
	END LOOP;
END
$$;
