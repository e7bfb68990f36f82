-- Execution: where a version runs, what ran, how much, and when to say so.
--
-- A workflow binding ties a version to a workflow of an engine.  The engine reports
-- runs by webhook, signed with a secret of the binding (run_events.sql); what they add
-- up to is usage_aggregates (usage.sql).  Here are the tables and who may see them:
-- whoever sees the version.  Nobody but the functions of this domain writes runs,
-- usage and alerts, and no member reads a secret.

CREATE FUNCTION copilot.make_bindings()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.workflow_bindings (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		automation_version_id uuid NOT NULL,
		engine text NOT NULL CHECK (engine ~ '^[a-z][a-z0-9_]{0,62}$'),
		workflow_ref text NOT NULL CHECK (length(workflow_ref) BETWEEN 1 AND 200),
		status text NOT NULL DEFAULT 'inactive' CHECK (status IN ('inactive', 'active', 'error')),
		status_reason text CHECK (length(status_reason) <= 2000),
		held boolean NOT NULL DEFAULT false,
		activated_at timestamptz,
		deactivated_at timestamptz,
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id, automation_version_id, id), -- what runs refer to
		UNIQUE (tenant_id, automation_version_id, engine, workflow_ref),
		FOREIGN KEY (tenant_id, automation_version_id)
			REFERENCES copilot.automation_versions ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	-- a webhook names a binding and nothing else: the tenant comes from it
	CREATE UNIQUE INDEX IF NOT EXISTS workflow_bindings_id_key ON copilot.workflow_bindings (id);
	COMMENT ON TABLE copilot.workflow_bindings IS 'workflows of engines that run an automation version';
	COMMENT ON COLUMN copilot.workflow_bindings.workflow_ref IS 'what the engine calls the workflow';
	COMMENT ON COLUMN copilot.workflow_bindings.held IS
		'deactivated because its version stopped: activated again when that goes on';
	COMMENT ON COLUMN copilot.workflow_bindings.deactivated_at IS
		'runs that began before are still reported; kept by a trigger, as activated_at is';
	PERFORM wrk.enable_tenancy('copilot.workflow_bindings');
	CREATE OR REPLACE TRIGGER follow_status BEFORE UPDATE ON copilot.workflow_bindings
		FOR EACH ROW EXECUTE FUNCTION copilot.binding_status_changed();
	PERFORM copilot.put_touch('workflow_bindings');
	GRANT SELECT, INSERT (automation_version_id, engine, workflow_ref),
		UPDATE (workflow_ref, status, status_reason) ON copilot.workflow_bindings TO wrk_member;

	CREATE TABLE IF NOT EXISTS copilot.workflow_binding_secrets (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		workflow_binding_id uuid NOT NULL,
		-- what wrk.webhook_verify() can use: a bad one would refuse the good ones' webhooks, too
		secret text NOT NULL CHECK (octet_length(secret) BETWEEN 16 AND 1024 AND (secret !~ '^whsec_'
			OR secret ~ '^whsec_([A-Za-z0-9+/]{4}){6,}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$')),
		expires_at timestamptz,
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, workflow_binding_id)
			REFERENCES copilot.workflow_bindings ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	CREATE INDEX IF NOT EXISTS workflow_binding_secrets_binding_idx
		ON copilot.workflow_binding_secrets (tenant_id, workflow_binding_id, created_at);
	COMMENT ON TABLE copilot.workflow_binding_secrets IS
		'secrets that vouch for the webhooks of a binding; several while one is replaced by another';
	COMMENT ON COLUMN copilot.workflow_binding_secrets.secret IS
		'shown once, when it is made; for the owner of the table only';
	PERFORM wrk.enable_tenancy('copilot.workflow_binding_secrets');
	GRANT SELECT (tenant_id, id, workflow_binding_id, expires_at, created_by, created_at),
		INSERT (workflow_binding_id, secret), UPDATE (expires_at)
		ON copilot.workflow_binding_secrets TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_bindings() IS
'part of copilot.make_execution(): tables workflow_bindings and workflow_binding_secrets';

CREATE FUNCTION copilot.make_run_events()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.run_events (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		automation_version_id uuid NOT NULL,
		workflow_binding_id uuid NOT NULL,
		run_id text NOT NULL CHECK (length(run_id) BETWEEN 1 AND 200),
		status text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'cancelled')),
		test boolean NOT NULL DEFAULT false,
		occurred_at timestamptz NOT NULL,
		started_at timestamptz NOT NULL,
		finished_at timestamptz,
		units numeric NOT NULL DEFAULT 1 CHECK (units BETWEEN 0 AND 1000000000),
		error text CHECK (length(error) <= 2000),
		data jsonb,
		received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id, workflow_binding_id, run_id),
		FOREIGN KEY (tenant_id, automation_version_id, workflow_binding_id)
			REFERENCES copilot.workflow_bindings (tenant_id, automation_version_id, id) ON DELETE CASCADE
	);
	CREATE INDEX IF NOT EXISTS run_events_started_idx
		ON copilot.run_events (tenant_id, automation_version_id, started_at, id);
	CREATE INDEX IF NOT EXISTS run_events_status_idx
		ON copilot.run_events (tenant_id, automation_version_id, status, started_at, id);
	COMMENT ON TABLE copilot.run_events IS 'runs of workflows, one row each: what is known of it by now';
	COMMENT ON COLUMN copilot.run_events.run_id IS 'what the engine calls the run';
	COMMENT ON COLUMN copilot.run_events.test IS 'a trial: seen, but not counted';
	COMMENT ON COLUMN copilot.run_events.occurred_at IS 'when what is known last happened, by the engine''s clock';
	COMMENT ON COLUMN copilot.run_events.started_at IS 'the earliest time said of the run; decides in which period it counts';
	COMMENT ON COLUMN copilot.run_events.units IS 'what the run is worth in units of usage; counts once it has succeeded';
	COMMENT ON COLUMN copilot.run_events.received_at IS 'when the run was first heard of';
	PERFORM wrk.enable_tenancy('copilot.run_events');
	CREATE OR REPLACE TRIGGER count_new AFTER INSERT ON copilot.run_events
		REFERENCING NEW TABLE AS runs_now FOR EACH STATEMENT EXECUTE FUNCTION copilot.usage_count();
	CREATE OR REPLACE TRIGGER count_changed AFTER UPDATE ON copilot.run_events
		REFERENCING OLD TABLE AS runs_before NEW TABLE AS runs_now
		FOR EACH STATEMENT EXECUTE FUNCTION copilot.usage_count();
	GRANT SELECT ON copilot.run_events TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_run_events() IS 'part of copilot.make_execution(): table run_events';

CREATE FUNCTION copilot.make_usage()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- counters that every report of a run changes: room for new versions of a row in its page
	CREATE TABLE IF NOT EXISTS copilot.usage_aggregates (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		automation_version_id uuid NOT NULL,
		period_start date NOT NULL,
		period_end date NOT NULL CHECK (period_end > period_start),
		runs bigint NOT NULL DEFAULT 0 CHECK (runs >= succeeded + failed + cancelled),
		succeeded bigint NOT NULL DEFAULT 0 CHECK (succeeded >= 0),
		failed bigint NOT NULL DEFAULT 0 CHECK (failed >= 0),
		cancelled bigint NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
		units numeric NOT NULL DEFAULT 0 CHECK (units >= 0),
		seconds numeric NOT NULL DEFAULT 0 CHECK (seconds >= 0),
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id, automation_version_id, period_start, period_end),
		FOREIGN KEY (tenant_id, automation_version_id)
			REFERENCES copilot.automation_versions ON DELETE CASCADE
	) WITH (fillfactor = 50);
	COMMENT ON TABLE copilot.usage_aggregates IS
		'what the runs of a version add up to in each calendar month (UTC); kept by triggers of run_events';
	COMMENT ON COLUMN copilot.usage_aggregates.period_end IS 'first day that is not in it any more';
	COMMENT ON COLUMN copilot.usage_aggregates.runs IS 'all that began in the period, those still running included';
	COMMENT ON COLUMN copilot.usage_aggregates.units IS 'units of the runs that succeeded: what is billed';
	COMMENT ON COLUMN copilot.usage_aggregates.seconds IS 'from beginning to end, of all runs that have ended';
	PERFORM copilot.put_touch('usage_aggregates');
	PERFORM wrk.enable_tenancy('copilot.usage_aggregates');
	GRANT SELECT ON copilot.usage_aggregates TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_usage() IS 'part of copilot.make_execution(): table usage_aggregates';

CREATE FUNCTION copilot.make_usage_alerts()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.usage_thresholds (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		automation_version_id uuid NOT NULL,
		metric text NOT NULL CHECK (metric IN ('runs', 'failed', 'units')),
		value numeric NOT NULL CHECK (value > 0 AND value <= 1000000000000),
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id, automation_version_id, metric, value),
		UNIQUE (tenant_id, automation_version_id, id), -- what alerts refer to
		FOREIGN KEY (tenant_id, automation_version_id)
			REFERENCES copilot.automation_versions ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	COMMENT ON TABLE copilot.usage_thresholds IS 'how much usage of a version in a period is worth an alert';
	PERFORM wrk.enable_tenancy('copilot.usage_thresholds');
	GRANT SELECT, INSERT (automation_version_id, metric, value), DELETE
		ON copilot.usage_thresholds TO wrk_member;

	CREATE TABLE IF NOT EXISTS copilot.usage_alerts (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		automation_version_id uuid NOT NULL,
		usage_threshold_id uuid NOT NULL,
		period_start date NOT NULL,
		period_end date NOT NULL,
		metric text NOT NULL,
		value numeric NOT NULL,
		observed numeric NOT NULL,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		-- what makes it one alert, however many runs come at once
		UNIQUE (tenant_id, usage_threshold_id, period_start, period_end),
		FOREIGN KEY (tenant_id, automation_version_id, usage_threshold_id)
			REFERENCES copilot.usage_thresholds (tenant_id, automation_version_id, id) ON DELETE CASCADE
	);
	CREATE INDEX IF NOT EXISTS usage_alerts_recent_idx
		ON copilot.usage_alerts (tenant_id, automation_version_id, created_at, id);
	COMMENT ON TABLE copilot.usage_alerts IS 'thresholds that were reached, once each and period';
	COMMENT ON COLUMN copilot.usage_alerts.observed IS 'how much it was when the alert was made';
	PERFORM wrk.enable_tenancy('copilot.usage_alerts');
	GRANT SELECT ON copilot.usage_alerts TO wrk_member;

	CREATE OR REPLACE TRIGGER alert AFTER INSERT OR UPDATE ON copilot.usage_aggregates
		FOR EACH ROW EXECUTE FUNCTION copilot.usage_alert();
	CREATE OR REPLACE TRIGGER alert AFTER INSERT ON copilot.usage_thresholds
		FOR EACH ROW EXECUTE FUNCTION copilot.usage_alert();
END
$$;
COMMENT ON FUNCTION copilot.make_usage_alerts() IS
'part of copilot.make_execution(): tables usage_thresholds and usage_alerts';

CREATE FUNCTION copilot.make_execution_rights()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	ops text[] := copilot.ops_roles();
	tbl text;
BEGIN
	PERFORM copilot.put_permissions('automation_version', 'tenant', '{bind}', ops || '{system}'::text[]);
	PERFORM copilot.put_permissions('automation_version', 'member', '{bind}', '{builder}');
	PERFORM copilot.put_permissions('run', 'tenant', '{create}', '{system}');
	PERFORM copilot.put_permissions('usage_threshold', 'tenant', '{manage}', ops || '{client}'::text[]);

	FOREACH tbl IN ARRAY '{workflow_bindings,run_events,usage_aggregates,usage_thresholds,usage_alerts}'::text[] LOOP
		PERFORM copilot.put_policy(tbl, 'visible', 'of the versions one sees',
			'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''automation_version''))'
			' OR automation_version_id IN (SELECT v.id FROM copilot.automation_versions v))');
	END LOOP;
	PERFORM copilot.put_policy('workflow_bindings', 'creatable', 'who may bind a version to workflows',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT wrk.can(''bind'', ''automation_version''))'
		' OR wrk.can(''bind'', ''automation_version'', automation_version_id::text))');
	PERFORM copilot.put_policy('workflow_bindings', 'changeable', 'who may bind a version to workflows',
		'AS RESTRICTIVE FOR UPDATE USING ((SELECT wrk.can(''bind'', ''automation_version''))'
		' OR wrk.can(''bind'', ''automation_version'', automation_version_id::text))');
	PERFORM copilot.put_policy('workflow_binding_secrets', 'manageable', 'of the bindings one may change',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''bind'', ''automation_version''))'
		' OR workflow_binding_id IN (SELECT b.id FROM copilot.workflow_bindings b'
		' WHERE wrk.can(''bind'', ''automation_version'', b.automation_version_id::text)))');
	PERFORM copilot.put_policy('usage_thresholds', 'creatable', 'who may ask for alerts',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ((SELECT wrk.can(''manage'', ''usage_threshold'')))');
	PERFORM copilot.put_policy('usage_thresholds', 'removable', 'who may ask for alerts',
		'AS RESTRICTIVE FOR DELETE USING ((SELECT wrk.can(''manage'', ''usage_threshold'')))');
END
$$;
COMMENT ON FUNCTION copilot.make_execution_rights() IS
'part of copilot.make_execution(): permissions and policies of bindings, runs and usage';

CREATE FUNCTION copilot.make_execution()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	channel text[] := ARRAY['automation_version:{automation_version_id}'];
BEGIN
	PERFORM copilot.make_bindings();
	PERFORM copilot.make_run_events();
	PERFORM copilot.make_usage();
	PERFORM copilot.make_usage_alerts();
	PERFORM copilot.make_execution_rights();
	-- no event of its own: workflow_binding.updated says "status"
	PERFORM wrk.enable_status('copilot.workflow_bindings', 'workflow_binding',
		reason_column => 'status_reason', entity => 'workflow_binding');

	PERFORM wrk.enable_events('copilot.workflow_bindings', 'workflow_binding', channels => channel,
		exclude => '{status_machine_version}');
	-- what a run carried and why it failed is read by run.get
	PERFORM wrk.enable_events('copilot.run_events', 'run', channels => channel, exclude => '{data,error}');
	PERFORM wrk.enable_events('copilot.usage_aggregates', 'usage', channels => channel);
	PERFORM wrk.enable_events('copilot.usage_alerts', 'usage_alert', channels => channel);

	-- runs and what they add up to are no decisions of anybody's
	PERFORM wrk.enable_audit('copilot.workflow_bindings', 'workflow_binding', action_column => 'status',
		exclude => '{updated_at,status_machine_version,activated_at,deactivated_at}', announce => true);
	PERFORM wrk.enable_audit('copilot.workflow_binding_secrets', 'workflow_binding_secret',
		redact => '{secret}', announce => true);
	PERFORM wrk.enable_audit('copilot.usage_thresholds', 'usage_threshold', announce => true);

	PERFORM copilot.put_call('binding.create', 'copilot.call_binding_create(jsonb)');
	PERFORM copilot.put_call('binding.list', 'copilot.call_binding_list(jsonb)');
	PERFORM copilot.put_call('binding.get', 'copilot.call_binding_get(jsonb)');
	PERFORM copilot.put_call('binding.transition', 'copilot.call_binding_transition(jsonb)');
	PERFORM copilot.put_call('binding.rotate_secret', 'copilot.call_binding_rotate_secret(jsonb)');
	-- an answer that is kept for whoever calls again would keep the secret, too
	UPDATE wrk.rpc SET once = '{secret}' WHERE method IN ('binding.create', 'binding.rotate_secret');
	PERFORM copilot.put_call('run.ingest', 'copilot.call_run_ingest(jsonb)', '{system}');
	PERFORM copilot.put_call('run.list', 'copilot.call_run_list(jsonb)');
	PERFORM copilot.put_call('run.get', 'copilot.call_run_get(jsonb)');
	PERFORM copilot.put_call('usage.get', 'copilot.call_usage_get(jsonb)');
	PERFORM copilot.put_call('usage.set_threshold', 'copilot.call_usage_set_threshold(jsonb)');
	PERFORM copilot.put_call('usage.remove_threshold', 'copilot.call_usage_remove_threshold(jsonb)');
	PERFORM wrk.maintenance_register('copilot.run_retention', 'copilot.run_retention()', '1 hour');
END
$$;
COMMENT ON FUNCTION copilot.make_execution() IS
'part of copilot.install(): workflow bindings, their runs and usage, with their rights, events, audit and calls';

REVOKE ALL ON FUNCTION copilot.make_bindings(), copilot.make_run_events(), copilot.make_usage(),
	copilot.make_usage_alerts(), copilot.make_execution_rights(), copilot.make_execution() FROM PUBLIC;
