-- Health of clients: whether a client is content, and what is done if not.
--
-- Once a day the background worker adds up what it sees (copilot.client_signals())
-- and moves the health by machine client_health; people of operations move it as
-- well, with a reason, and what they say holds for a time.  Whoever moves it and by
-- whatever statement, a risk makes a retention task and alerts operations, in the
-- same transaction.
--
-- Must stay true: a client never learns of it.  Rows, events, tasks and notifications
-- are for operations staff only.

CREATE FUNCTION copilot.make_client_health()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	ops text[] := copilot.ops_roles() || '{system}'::text[];
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.client_health (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL,
		status text NOT NULL DEFAULT 'good' CHECK (status IN ('good', 'at_risk', 'churn_risk')),
		status_reason text CHECK (length(status_reason) <= 2000),
		score integer CHECK (score BETWEEN 0 AND 100),
		signals jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(signals) = 'array'),
		held_until timestamptz,
		assessed_at timestamptz,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, id) REFERENCES copilot.clients ON DELETE CASCADE
	);
	CREATE INDEX IF NOT EXISTS client_health_due_idx ON copilot.client_health (assessed_at NULLS FIRST);
	COMMENT ON TABLE copilot.client_health IS 'how content clients are, one row each; for operations staff only';
	COMMENT ON COLUMN copilot.client_health.id IS 'of the client';
	COMMENT ON COLUMN copilot.client_health.score IS '100 less the weights of the signals; NULL: not assessed yet';
	COMMENT ON COLUMN copilot.client_health.signals IS 'what was seen, [{signal, weight, message}]; see copilot.client_signals()';
	COMMENT ON COLUMN copilot.client_health.held_until IS 'until then the system does not move what a person has said';
	CREATE OR REPLACE TRIGGER alert AFTER UPDATE OF status ON copilot.client_health
		FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION copilot.client_health_alert();
	PERFORM copilot.put_touch('client_health');
	PERFORM wrk.enable_tenancy('copilot.client_health');
	PERFORM copilot.put_permissions('client_health', 'tenant', '{read,update}', ops);
	PERFORM copilot.put_policy('client_health', 'visible', 'who sees how content the client is',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''client_health'')))');
	PERFORM copilot.put_policy('client_health', 'changeable', 'who says how content the client is',
		'AS RESTRICTIVE FOR UPDATE USING ((SELECT wrk.can(''update'', ''client_health'')))');
	GRANT SELECT, UPDATE (status, status_reason, held_until) ON copilot.client_health TO wrk_member;
	-- no event of its own: client_health.updated says "status"
	PERFORM wrk.enable_status('copilot.client_health', 'client_health',
		reason_column => 'status_reason', entity => 'client_health');
	PERFORM wrk.enable_events('copilot.client_health', 'client_health', channels => ARRAY['client:{id}'],
		audience => to_jsonb(ARRAY(SELECT 'role:' || r FROM unnest(ops) r)),
		exclude => '{assessed_at,updated_at,status_machine_version}');
	PERFORM wrk.enable_audit('copilot.client_health', 'client_health', action_column => 'status',
		exclude => '{score,signals,assessed_at,updated_at,status_machine_version}', announce => true);
	PERFORM copilot.put_call('client.set_health', 'copilot.call_client_set_health(jsonb)');
	PERFORM copilot.put_call('client.assess', 'copilot.call_client_assess(jsonb)');
	PERFORM copilot.put_call('client.health_history', 'copilot.call_client_health_history(jsonb)');
	PERFORM wrk.maintenance_register('copilot.client_assess_due', 'copilot.client_assess_due()', '10 minutes');
END
$$;
COMMENT ON FUNCTION copilot.make_client_health() IS
'part of copilot.make_operations(): table client_health, its rights, machine, events, audit, calls and maintenance';

-- ---------- what follows ----------

CREATE FUNCTION copilot.client_health_alert()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	client record;
BEGIN
	SELECT left(t.name, 100) AS name, c.owner_id INTO client
	FROM copilot.clients c JOIN copilot.tenants t ON t.id = c.tenant_id WHERE c.tenant_id = NEW.tenant_id;
	IF NEW.status = 'good' THEN
		-- what somebody works on already is theirs to end
		UPDATE copilot.tasks t SET status = 'cancelled'
		WHERE t.tenant_id = NEW.tenant_id AND t.rule = 'client_health' AND t.status = 'open';
	ELSE
		PERFORM copilot.client_retain(NEW.tenant_id, NEW.status,
			format(CASE NEW.status WHEN 'churn_risk' THEN 'Keep %s: about to leave' ELSE 'Keep %s: at risk' END, client.name),
			client.owner_id);
	END IF;
	PERFORM copilot.notify(NEW.tenant_id, r.user_id, CASE NEW.status WHEN 'good' THEN 'change' ELSE 'alert' END,
		format(CASE NEW.status WHEN 'churn_risk' THEN '%s is about to leave' WHEN 'at_risk' THEN '%s is at risk'
			ELSE '%s is in good health again' END, client.name),
		jsonb_build_object('from', OLD.status, 'to', NEW.status, 'reason', NEW.status_reason, 'score', NEW.score),
		'client', NEW.id::text)
	FROM (SELECT DISTINCT u.user_id FROM copilot.user_roles u
		  WHERE u.tenant_id = NEW.tenant_id AND u.role = ANY (copilot.ops_roles())
		  ORDER BY 1 LIMIT 200) r
	-- whoever said it knows
	WHERE r.user_id IS DISTINCT FROM copilot.as_uuid(wrk.user_id())
		AND copilot.person_can(NEW.tenant_id, r.user_id, 'read', 'client_health');
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.client_health_alert() IS
'trigger of client_health: a risk makes or sharpens the retention task and alerts operations; with good health that task is cancelled unless somebody works on it';

CREATE FUNCTION copilot.client_retain(tenant uuid, status text, title text, owner uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	urgent boolean := status = 'churn_risk';
	due timestamptz := clock_timestamp() + CASE WHEN status = 'churn_risk' THEN interval '2 days' ELSE '7 days' END;
	task uuid := copilot.task_make(tenant, NULL, NULL, 'client_retention', title, owner, due,
								   CASE WHEN urgent THEN 'urgent' ELSE 'high' END, 'client_health');
BEGIN
	-- one that was there before is not made easier
	UPDATE copilot.tasks t SET title = client_retain.title, due_at = least(t.due_at, due), priority = 'urgent'
	WHERE t.tenant_id = tenant AND t.id = task AND urgent AND t.priority <> 'urgent';
END
$$;
COMMENT ON FUNCTION copilot.client_retain(uuid, text, text, uuid) IS
'part of copilot.client_health_alert(): one open retention task, for the client''s owner; high and due in 7 days, or urgent and due in 2';

-- ---------- assessing ----------

CREATE FUNCTION copilot.client_signals(tenant uuid)
RETURNS TABLE (signal text, weight integer, message text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH month AS (
		SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') - m * interval '1 month')::date AS start, m
		FROM generate_series(0, 2) m),
	usage AS (
		SELECT m.m, coalesce(sum(a.failed), 0) AS failed, coalesce(sum(a.succeeded + a.failed), 0) AS ended,
			coalesce(sum(a.units), 0) AS units
		FROM month m LEFT JOIN copilot.usage_aggregates a ON a.tenant_id = tenant AND a.period_start = m.start
		GROUP BY m.m),
	waiting AS (
		SELECT v.status, count(*) AS n FROM copilot.automation_versions v
		WHERE v.tenant_id = tenant AND (v.status = 'blocked' AND v.status_changed_at < now() - interval '3 days'
			OR v.status IN ('paused', 'awaiting_client_approval') AND v.status_changed_at < now() - interval '14 days')
		GROUP BY 1)
	SELECT 'failing_runs', 35, format('%s of %s runs failed since last month', sum(u.failed), sum(u.ended))
	FROM usage u WHERE u.m <= 1 HAVING sum(u.ended) >= 10 AND sum(u.failed) * 5 >= sum(u.ended)
	UNION ALL
	SELECT 'falling_usage', 35, format('%s units last month, %s the month before', l.units, b.units)
	FROM usage l, usage b WHERE l.m = 1 AND b.m = 2 AND b.units > 0 AND l.units * 2 < b.units
	UNION ALL
	SELECT CASE w.status WHEN 'awaiting_client_approval' THEN 'late_approval' ELSE w.status END,
		CASE w.status WHEN 'blocked' THEN 25 ELSE 15 END,
		format(CASE w.status WHEN 'blocked' THEN '%s blocked for more than 3 days'
			WHEN 'paused' THEN '%s paused for more than 14 days' ELSE '%s awaiting approval for more than 14 days' END, w.n)
	FROM waiting w
	UNION ALL
	SELECT 'absent', 25, 'nobody seen for more than 30 days'
	FROM copilot.user_roles r JOIN copilot.tenant_users p ON p.tenant_id = r.tenant_id AND p.user_id = r.user_id
	WHERE r.tenant_id = tenant AND r.role = 'client' HAVING max(p.last_seen_at) < now() - interval '30 days'
	ORDER BY 2 DESC, 1
$$;
COMMENT ON FUNCTION copilot.client_signals(uuid) IS
'what speaks against a client''s content, with its weight in the score: failing_runs (35; a fifth of at least 10 runs of this month and the last), falling_usage (35; last month less than half of the month before), blocked (25; 3 days), late_approval and paused (15 each; 14 days), absent (25; 30 days). Nobody may call it but the assessment';

CREATE FUNCTION copilot.client_health_move(tenant uuid, new_status text, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE copilot.client_health h SET status = new_status, status_reason = reason WHERE h.tenant_id = tenant;
EXCEPTION WHEN SQLSTATE 'WK403' OR SQLSTATE 'WK401' THEN
	-- the assessment is the system's, which has no identity in the background
	PERFORM wrk.status_import();
	UPDATE copilot.client_health h SET status = new_status, status_reason = reason WHERE h.tenant_id = tenant;
	PERFORM wrk.status_import(false);
END
$$;
COMMENT ON FUNCTION copilot.client_health_move(uuid, text, text) IS
'part of copilot.client_assess(): has the health take a step, whoever the caller is; if it is nobody whose step this is, the history says "imported"';

CREATE FUNCTION copilot.client_assess(tenant uuid)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	health record;
	seen record;
	wanted text;
BEGIN
	SELECT h.status, h.held_until INTO health FROM copilot.client_health h WHERE h.tenant_id = tenant FOR NO KEY UPDATE;
	SELECT greatest(100 - coalesce(sum(s.weight), 0), 0)::integer AS score, string_agg(s.message, '; ') AS reason,
		coalesce(jsonb_agg(to_jsonb(s)), '[]') AS signals
	INTO seen FROM copilot.client_signals(tenant) s;
	wanted := CASE WHEN seen.score >= 70 THEN 'good' WHEN seen.score >= 40 THEN 'at_risk' ELSE 'churn_risk' END;
	UPDATE copilot.client_health h SET score = seen.score, signals = seen.signals, assessed_at = clock_timestamp()
	WHERE h.tenant_id = tenant;
	IF wanted <> health.status AND coalesce(health.held_until <= clock_timestamp(), true) THEN
		PERFORM copilot.client_health_move(tenant, wanted, coalesce(left(seen.reason, 2000), 'nothing speaks against it'));
	END IF;
	PERFORM copilot.client_renew(tenant);
	RETURN (SELECT copilot.answer(to_jsonb(h)) FROM copilot.client_health h WHERE h.tenant_id = tenant);
END
$$;
COMMENT ON FUNCTION copilot.client_assess(uuid) IS
'adds up the signals of a client to a score of 0 to 100 and moves its health: good from 70, at risk from 40, else churn risk, unless a person''s word still holds; returns the health. Also sees to its renewal. Nobody may call it but the background worker and the call client.assess';

CREATE FUNCTION copilot.client_renew(tenant uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	client record;
BEGIN
	SELECT c.owner_id, c.renews_on, 'renewal:' || c.renews_on AS rule, left(t.name, 100) AS name INTO client
	FROM copilot.clients c JOIN copilot.tenants t ON t.id = c.tenant_id
	WHERE c.tenant_id = tenant AND c.renews_on BETWEEN (now() AT TIME ZONE 'UTC')::date
		AND (now() AT TIME ZONE 'UTC')::date + 30;
	-- once for a renewal, whatever became of its task
	IF FOUND AND NOT EXISTS (SELECT FROM copilot.tasks t WHERE t.tenant_id = tenant AND t.rule = client.rule) THEN
		PERFORM copilot.task_make(tenant, NULL, NULL, 'client_retention',
			format('Renew the contract of %s by %s', client.name, to_char(client.renews_on, 'YYYY-MM-DD')),
			client.owner_id, client.renews_on::timestamp AT TIME ZONE 'UTC', 'high', client.rule);
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.client_renew(uuid) IS
'part of copilot.client_assess(): a retention task for the client''s owner, 30 days before the contract is renewed, once';

CREATE FUNCTION copilot.client_assess_due()
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	due uuid;
	assessed bigint := 0;
BEGIN
	FOR due IN
		SELECT h.tenant_id FROM copilot.client_health h JOIN copilot.tenants t ON t.id = h.tenant_id
		WHERE coalesce(h.assessed_at < now() - interval '1 day', true) AND t.status = 'active'
		ORDER BY h.assessed_at NULLS FIRST LIMIT 200 FOR NO KEY UPDATE OF h SKIP LOCKED
	LOOP
		BEGIN
			PERFORM copilot.client_assess(due);
			assessed := assessed + 1;
		EXCEPTION WHEN OTHERS THEN
			-- one that cannot be assessed does not keep the others waiting
			RAISE WARNING 'cannot assess client of tenant %: %', due, SQLERRM;
			UPDATE copilot.client_health h SET assessed_at = clock_timestamp() WHERE h.tenant_id = due;
		END;
	END LOOP;
	RETURN assessed;
END
$$;
COMMENT ON FUNCTION copilot.client_assess_due() IS
'assesses clients of active tenants that were not assessed for a day, up to 200 at a time, and returns how many. Run by the background worker';

-- ---------- calls ----------

CREATE FUNCTION copilot.check_client_health(right_wanted text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF wrk.can(right_wanted, 'client_health') IS NOT TRUE THEN
		RAISE EXCEPTION 'the health of the client is not for this role to %', right_wanted USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_client_health(text) IS
'refuses who may not read or update the health of the client. Error: WK403 forbidden';

CREATE FUNCTION copilot.client_set_health(status text, reason text, hold interval DEFAULT '30 days')
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	health record;
BEGIN
	PERFORM copilot.check_client_health('update');
	IF (hold BETWEEN '0' AND interval '365 days') IS NOT TRUE THEN
		RAISE EXCEPTION 'what a person says of a client holds from 0 to 365 days, not %', hold USING ERRCODE = 'WK400';
	END IF;
	SELECT h.id, h.status INTO health FROM copilot.client_health h FOR NO KEY UPDATE;
	-- saying it again prolongs it
	IF client_set_health.status IS DISTINCT FROM health.status THEN
		PERFORM wrk.transition('copilot.client_health', health.id::text, client_set_health.status, reason);
	END IF;
	UPDATE copilot.client_health h SET held_until = clock_timestamp() + hold WHERE h.id = health.id;
	RETURN (SELECT copilot.answer(to_jsonb(h)) FROM copilot.client_health h WHERE h.id = health.id);
END
$$;
COMMENT ON FUNCTION copilot.client_set_health(text, text, interval) IS
'a person of operations says how content the client is (good, at_risk, churn_risk; a risk with its reason), and for how long (0 to 365 days) the assessment leaves it at that; returns the health. Saying again what is said already prolongs it and keeps its reason. Errors: WK400, WK403, WK422';

CREATE FUNCTION copilot.call_client_set_health(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'status', 'reason', 'hold_days');
	PERFORM copilot.want_text(params, 'status', required => true);
	RETURN copilot.client_set_health(copilot.want_choice(params, 'status', 'good', 'at_risk', 'churn_risk'),
		copilot.want_text(params, 'reason', 2000),
		make_interval(days => coalesce(copilot.want_int(params, 'hold_days', 0, 365), 30)));
END
$$;
COMMENT ON FUNCTION copilot.call_client_set_health(jsonb) IS
'call client.set_health {status, reason, hold_days}: {id, status, status_reason, score, signals, held_until, assessed_at}; status good, at_risk or churn_risk, which need a reason; hold_days (0 to 365, else 30) keeps the assessment from changing it. Errors: WK400, WK403';

CREATE FUNCTION copilot.call_client_assess(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, VARIADIC '{}'::text[]);
	PERFORM copilot.check_client_health('update');
	RETURN copilot.client_assess(copilot.delivery_tenant());
END
$$;
COMMENT ON FUNCTION copilot.call_client_assess(jsonb) IS
'call client.assess {}: assesses the client of the own tenant now and answers its health, as client.set_health does. Errors: WK400, WK403';

CREATE FUNCTION copilot.call_client_health_history(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, VARIADIC '{}'::text[]);
	PERFORM copilot.check_client_health('read');
	RETURN jsonb_build_object('changes', (
		SELECT coalesce(jsonb_agg(jsonb_build_object('change_id', s.change_id, 'from', s.from_state, 'to', s.to_state,
			'reason', s.reason, 'by', s.user_id, 'name', u.name, 'at', s.changed_at) ORDER BY s.change_id), '[]')
		FROM copilot.client_health h
		CROSS JOIN LATERAL wrk.state_history('copilot.client_health', h.id::text) s
		LEFT JOIN copilot.users u ON u.id = copilot.as_uuid(s.user_id)));
END
$$;
COMMENT ON FUNCTION copilot.call_client_health_history(jsonb) IS
'call client.health_history {}: {changes: [{change_id, from, to, reason, by, name, at}]} oldest first; by is null for the system, from for the beginning. Errors: WK400, WK403';

REVOKE ALL ON FUNCTION copilot.make_client_health(), copilot.client_health_alert(),
	copilot.client_retain(uuid, text, text, uuid), copilot.client_signals(uuid),
	copilot.client_health_move(uuid, text, text), copilot.client_assess(uuid), copilot.client_renew(uuid),
	copilot.client_assess_due(), copilot.check_client_health(text),
	copilot.client_set_health(text, text, interval), copilot.call_client_set_health(jsonb),
	copilot.call_client_assess(jsonb), copilot.call_client_health_history(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.check_client_health(text), copilot.client_set_health(text, text, interval),
	copilot.call_client_set_health(jsonb), copilot.call_client_assess(jsonb),
	copilot.call_client_health_history(jsonb) TO wrk_member;
