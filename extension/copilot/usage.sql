-- Usage: what runs add up to, and alerts when that reaches a threshold.
--
-- Triggers of run_events add the difference that a statement makes, so the sums are
-- exact whatever comes twice, late or corrected, by whatever statement.  A run counts
-- in the calendar month (UTC) it began in; trials count nowhere.  Deleting old runs
-- takes nothing off: what was used was used.

CREATE FUNCTION copilot.usage_period_start(at timestamptz)
RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN date_trunc('month', at AT TIME ZONE 'UTC')::date;
COMMENT ON FUNCTION copilot.usage_period_start(timestamptz) IS
'first day of the period of usage that a time is in: a calendar month in UTC';

CREATE FUNCTION copilot.usage_period_end(at timestamptz)
RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (date_trunc('month', at AT TIME ZONE 'UTC') + interval '1 month')::date;
COMMENT ON FUNCTION copilot.usage_period_end(timestamptz) IS
'first day after the period of usage that a time is in';

CREATE FUNCTION copilot.usage_add(deltas jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- a difference may be negative, which no new row may be
	INSERT INTO copilot.usage_aggregates (tenant_id, automation_version_id, period_start, period_end)
	SELECT d.tenant_id, d.automation_version_id, d.period_start, d.period_end
	FROM jsonb_to_recordset(deltas) AS d (tenant_id uuid, automation_version_id uuid, period_start date, period_end date)
	ORDER BY 1, 2, 3 ON CONFLICT (tenant_id, automation_version_id, period_start, period_end) DO NOTHING;
	UPDATE copilot.usage_aggregates a
	SET runs = a.runs + d.runs, succeeded = a.succeeded + d.succeeded, failed = a.failed + d.failed,
		cancelled = a.cancelled + d.cancelled, units = a.units + d.units, seconds = a.seconds + d.seconds
	FROM jsonb_to_recordset(deltas) AS d (tenant_id uuid, automation_version_id uuid, period_start date,
		period_end date, runs bigint, succeeded bigint, failed bigint, cancelled bigint, units numeric, seconds numeric)
	WHERE a.tenant_id = d.tenant_id AND a.automation_version_id = d.automation_version_id
		AND a.period_start = d.period_start AND a.period_end = d.period_end;
END
$$;
COMMENT ON FUNCTION copilot.usage_add(jsonb) IS 'part of copilot.usage_count(): adds differences to their periods';

CREATE FUNCTION copilot.usage_count()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- what an UPDATE does to a run is the new one more and the old one less
	runs text := 'SELECT 1 AS sign, n.* FROM runs_now n'
		|| CASE TG_OP WHEN 'UPDATE' THEN ' UNION ALL SELECT -1, b.* FROM runs_before b' ELSE '' END;
	deltas jsonb;
BEGIN
	EXECUTE format($query$
		SELECT jsonb_agg(to_jsonb(d)) FROM (
			SELECT r.tenant_id, r.automation_version_id, copilot.usage_period_start(r.started_at) AS period_start,
				copilot.usage_period_end(r.started_at) AS period_end, sum(r.sign) AS runs,
				coalesce(sum(r.sign) FILTER (WHERE r.status = 'succeeded'), 0) AS succeeded,
				coalesce(sum(r.sign) FILTER (WHERE r.status = 'failed'), 0) AS failed,
				coalesce(sum(r.sign) FILTER (WHERE r.status = 'cancelled'), 0) AS cancelled,
				coalesce(sum(r.sign * r.units) FILTER (WHERE r.status = 'succeeded'), 0) AS units,
				coalesce(sum(r.sign * greatest(extract(epoch FROM r.finished_at - r.started_at), 0))
					FILTER (WHERE r.status <> 'running'), 0) AS seconds
			FROM (%s) r WHERE NOT r.test GROUP BY 1, 2, 3, 4) d
		WHERE (d.runs, d.succeeded, d.failed, d.cancelled, d.units, d.seconds) <> (0, 0, 0, 0, 0, 0)
		$query$, runs) INTO deltas;
	IF deltas IS NOT NULL THEN
		PERFORM copilot.usage_add(deltas);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.usage_count() IS
'trigger of run_events: adds what a statement changes to usage_aggregates';

-- ---------- alerts ----------

CREATE FUNCTION copilot.usage_of(usage jsonb, metric text)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (usage ->> metric)::numeric;
COMMENT ON FUNCTION copilot.usage_of(jsonb, text) IS 'what a row of usage_aggregates says of a metric';

CREATE FUNCTION copilot.usage_notify(alert jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := alert ->> 'tenant_id';
	name text := (SELECT a.name FROM copilot.automation_versions v
		JOIN copilot.automations a ON a.tenant_id = v.tenant_id AND a.id = v.automation_id
		WHERE v.tenant_id = tenant AND v.id = (alert ->> 'automation_version_id')::uuid);
BEGIN
	-- those who answer for what is used, and who asked to be told
	PERFORM copilot.notify(tenant, u.user_id, 'alert',
		format('%s: %s of %s %s', name, alert ->> 'observed', alert ->> 'value',
			CASE alert ->> 'metric' WHEN 'failed' THEN 'failed runs' ELSE alert ->> 'metric' END),
		copilot.answer(alert), 'automation_version', alert ->> 'automation_version_id')
	FROM (SELECT r.user_id FROM copilot.user_roles r
		  WHERE r.tenant_id = tenant AND r.role IN ('client', 'ops_admin', 'cs_admin', 'admin')
		  UNION
		  SELECT t.created_by FROM copilot.usage_thresholds t
		  WHERE t.tenant_id = tenant AND t.id = (alert ->> 'usage_threshold_id')::uuid AND t.created_by IS NOT NULL
		  ORDER BY 1 LIMIT 200) u;
END
$$;
COMMENT ON FUNCTION copilot.usage_notify(jsonb) IS
'part of copilot.usage_alert(): tells the clients and admins of the tenant, and whoever set the threshold';

CREATE FUNCTION copilot.usage_alert()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	alert jsonb;
BEGIN
	IF TG_TABLE_NAME = 'usage_thresholds' THEN
		-- runs that come just now either see the threshold or are seen
		PERFORM pg_advisory_xact_lock(hashtextextended('copilot.run_events ' || NEW.automation_version_id, 0));
	END IF;
	-- a threshold that is new is held against the present period, usage against all thresholds
	FOR alert IN
		INSERT INTO copilot.usage_alerts AS l (tenant_id, automation_version_id, usage_threshold_id,
			period_start, period_end, metric, value, observed)
		SELECT t.tenant_id, t.automation_version_id, t.id, a.period_start, a.period_end, t.metric, t.value,
			copilot.usage_of(to_jsonb(a), t.metric)
		FROM copilot.usage_thresholds t
		JOIN copilot.usage_aggregates a ON a.tenant_id = t.tenant_id AND a.automation_version_id = t.automation_version_id
		WHERE t.tenant_id = NEW.tenant_id
			AND CASE TG_TABLE_NAME WHEN 'usage_thresholds' THEN
				t.id = NEW.id AND a.period_start <= (now() AT TIME ZONE 'UTC')::date
				AND a.period_end > (now() AT TIME ZONE 'UTC')::date
				ELSE a.id = NEW.id END
			AND copilot.usage_of(to_jsonb(a), t.metric) >= t.value
		ORDER BY t.metric, t.value
		ON CONFLICT (tenant_id, usage_threshold_id, period_start, period_end) DO NOTHING
		RETURNING to_jsonb(l)
	LOOP
		PERFORM copilot.usage_notify(alert);
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.usage_alert() IS
'trigger of usage_aggregates and usage_thresholds: makes a usage_alert for each threshold that is reached, once each and period, and notifies';

-- ---------- calls ----------

CREATE FUNCTION copilot.usage_check_thresholds()
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF wrk.can('manage', 'usage_threshold') IS NOT TRUE THEN
		RAISE EXCEPTION 'thresholds of usage are not for this role to set' USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.usage_check_thresholds() IS
'refuses who may not set thresholds of usage. Error: WK403 forbidden';

CREATE FUNCTION copilot.usage_set_threshold(version uuid, metric text, value numeric)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	result jsonb;
BEGIN
	PERFORM copilot.check_thread(NULL, coalesce(version, '00000000-0000-0000-0000-000000000000'));
	PERFORM copilot.usage_check_thresholds();
	IF (usage_set_threshold.metric IN ('runs', 'failed', 'units')
		AND usage_set_threshold.value > 0 AND usage_set_threshold.value <= 1000000000000) IS NOT TRUE THEN
		RAISE EXCEPTION 'a threshold has a metric (runs, failed, units) and a value above 0' USING ERRCODE = 'WK400';
	END IF;
	IF (SELECT count(*) FROM copilot.usage_thresholds t WHERE t.automation_version_id = version) >= 100 THEN
		RAISE EXCEPTION 'a version has at most 100 thresholds' USING ERRCODE = 'WK4L9';
	END IF;
	INSERT INTO copilot.usage_thresholds (automation_version_id, metric, value)
	VALUES (version, usage_set_threshold.metric, usage_set_threshold.value)
	ON CONFLICT DO NOTHING;
	SELECT copilot.answer(to_jsonb(t)) INTO result FROM copilot.usage_thresholds t
	WHERE t.automation_version_id = version AND t.metric = usage_set_threshold.metric
		AND t.value = usage_set_threshold.value;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.usage_set_threshold(uuid, text, numeric) IS
'asks for an alert once the metric (runs, failed, units) of a version reaches the value in a period, at once if it has in the present one: the threshold. The same again is the same threshold. Errors: WK400, WK403, WK404, WK4L9 for more than 100 of a version';

CREATE FUNCTION copilot.usage_remove_threshold(threshold uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM copilot.usage_thresholds t WHERE t.id = threshold) THEN
		RAISE EXCEPTION 'threshold not found' USING ERRCODE = 'WK404';
	END IF;
	PERFORM copilot.usage_check_thresholds();
	DELETE FROM copilot.usage_thresholds t WHERE t.id = threshold;
END
$$;
COMMENT ON FUNCTION copilot.usage_remove_threshold(uuid) IS
'removes a threshold and its alerts. Errors: WK403, WK404';

CREATE FUNCTION copilot.usage(version uuid, from_day date, upto_day date)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('automation_version_id', version,
		'periods', (SELECT coalesce(jsonb_agg(copilot.answer(to_jsonb(a))
				|| jsonb_build_object('running', a.runs - a.succeeded - a.failed - a.cancelled) ORDER BY a.period_start), '[]')
			FROM copilot.usage_aggregates a
			WHERE a.automation_version_id = version AND a.period_start < upto_day AND a.period_end > from_day),
		'thresholds', (SELECT coalesce(jsonb_agg(copilot.answer(to_jsonb(t)) ORDER BY t.metric, t.value, t.id), '[]')
			FROM copilot.usage_thresholds t WHERE t.automation_version_id = version),
		'alerts', (SELECT coalesce(jsonb_agg(copilot.answer(to_jsonb(l)) ORDER BY l.created_at, l.id), '[]')
			FROM copilot.usage_alerts l
			WHERE l.automation_version_id = version AND l.period_start < upto_day AND l.period_end > from_day))
$$;
COMMENT ON FUNCTION copilot.usage(uuid, date, date) IS
'usage of a version, as far as the caller sees it: {automation_version_id, periods, thresholds, alerts}, of the periods that have a day from from_day (inclusive) to upto_day (exclusive)';

CREATE FUNCTION copilot.call_usage_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	version uuid;
	upto timestamp;
	since timestamp;
BEGIN
	PERFORM copilot.check_params(params, 'automation_version_id', 'from', 'to');
	version := copilot.want_uuid(params, 'automation_version_id', true);
	upto := coalesce(copilot.want_time(params, 'to'), now() + interval '1 day') AT TIME ZONE 'UTC';
	since := coalesce(copilot.want_time(params, 'from') AT TIME ZONE 'UTC', upto - interval '1 year');
	IF upto - since > interval '3660 days' THEN
		PERFORM copilot.bad_param('from', 'is more than ten years before "to"');
	END IF;
	PERFORM copilot.check_thread(NULL, version);
	-- a day that has begun counts
	RETURN copilot.usage(version, since::date, (upto + interval '1 day' - interval '1 microsecond')::date);
END
$$;
COMMENT ON FUNCTION copilot.call_usage_get(jsonb) IS
'call usage.get {automation_version_id, from, to}: {automation_version_id, periods: [{period_start, period_end, runs, running, succeeded, failed, cancelled, units, seconds}], thresholds, alerts}, of the periods that have some of the time from from (inclusive) to to (exclusive), by default the last year. Errors: WK400, WK404';

CREATE FUNCTION copilot.call_usage_set_threshold(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'automation_version_id', 'metric', 'value');
	IF jsonb_typeof(params -> 'value') IS DISTINCT FROM 'number' THEN
		PERFORM copilot.bad_param('value', 'must be a number');
	END IF;
	RETURN copilot.usage_set_threshold(copilot.want_uuid(params, 'automation_version_id', true),
		copilot.want_choice(params, 'metric', 'runs', 'failed', 'units'), (params ->> 'value')::numeric);
END
$$;
COMMENT ON FUNCTION copilot.call_usage_set_threshold(jsonb) IS
'call usage.set_threshold {automation_version_id, metric: runs, failed, units, value}: the threshold; an alert follows once usage of a period reaches it, at once if it has. Errors: WK400, WK403, WK404, WK4L9';

CREATE FUNCTION copilot.call_usage_remove_threshold(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_uuid(params, 'id', true);
	PERFORM copilot.usage_remove_threshold(wanted);
	RETURN jsonb_build_object('id', wanted);
END
$$;
COMMENT ON FUNCTION copilot.call_usage_remove_threshold(jsonb) IS
'call usage.remove_threshold {id}: {id}; its alerts go with it. Errors: WK400, WK403, WK404';

REVOKE ALL ON FUNCTION copilot.usage_period_start(timestamptz), copilot.usage_period_end(timestamptz),
	copilot.usage_add(jsonb), copilot.usage_count(),
	copilot.usage_of(jsonb, text), copilot.usage_notify(jsonb), copilot.usage_alert(),
	copilot.usage_check_thresholds(), copilot.usage_set_threshold(uuid, text, numeric),
	copilot.usage_remove_threshold(uuid), copilot.usage(uuid, date, date), copilot.call_usage_get(jsonb),
	copilot.call_usage_set_threshold(jsonb), copilot.call_usage_remove_threshold(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.usage_period_start(timestamptz), copilot.usage_period_end(timestamptz),
	copilot.usage_check_thresholds(),
	copilot.usage_set_threshold(uuid, text, numeric), copilot.usage_remove_threshold(uuid),
	copilot.usage(uuid, date, date), copilot.call_usage_get(jsonb),
	copilot.call_usage_set_threshold(jsonb), copilot.call_usage_remove_threshold(jsonb) TO wrk_member;
