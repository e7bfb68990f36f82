-- What people do with billing periods: prepare, finalize and read them.
--
-- Nobody may write a period or its lines; preparing and finalizing check the right to it
-- and then write as the owner.  Reading goes by the caller's rights.

CREATE FUNCTION copilot.billing_get(period uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	p copilot.billing_periods;
BEGIN
	SELECT * INTO p FROM copilot.billing_periods b WHERE b.id = period;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'billing period not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN copilot.answer(to_jsonb(p)) || jsonb_build_object(
		'late_units', (SELECT coalesce(sum(a.units), 0) - p.used_units FROM copilot.usage_aggregates a
			WHERE a.tenant_id = p.tenant_id AND a.period_start = p.period_start AND a.period_end = p.period_end),
		'lines', (SELECT coalesce(jsonb_agg(copilot.answer(to_jsonb(l)) - 'billing_period_id'
				|| jsonb_build_object('automation_name', a.name, 'version_number', v.number) ORDER BY l.position), '[]')
			FROM copilot.billing_lines l
			JOIN copilot.automation_versions v ON v.tenant_id = l.tenant_id AND v.id = l.automation_version_id
			JOIN copilot.automations a ON a.tenant_id = v.tenant_id AND a.id = v.automation_id
			WHERE l.tenant_id = p.tenant_id AND l.billing_period_id = p.id));
END
$$;
COMMENT ON FUNCTION copilot.billing_get(uuid) IS
'a billing period that the caller sees, with its lines; late_units: used in the month, but reported after it was worked out. Error: WK404 not_found';

CREATE FUNCTION copilot.billing_draft(month date)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := wrk.tenant_id()::uuid;
	today date := (now() AT TIME ZONE 'UTC')::date;
	made uuid;
BEGIN
	PERFORM copilot.check_right('prepare', 'billing_period');
	IF month IS NULL OR extract(day FROM month) <> 1 OR month > today OR month < '2000-01-01' THEN
		PERFORM copilot.bad_param('month', 'must be a month that has begun, given by its first day, from 2000 on');
	END IF;
	made := copilot.billing_make(tenant, month);
	RETURN copilot.billing_get(made);
END
$$;
COMMENT ON FUNCTION copilot.billing_draft(date) IS
'works out what the own tenant owes for a month, given by its first day; the draft that is there is worked out anew. Answers as copilot.billing_get(). Errors: WK400, WK401, WK403, WK409 for one that is finalized';

CREATE FUNCTION copilot.billing_notify(tenant uuid, period uuid)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.notify(tenant, u.user_id, 'system',
		format('The bill for %s is %s %s', to_char(b.period_start, 'YYYY-MM'), b.amount, b.currency),
		jsonb_build_object('period_start', b.period_start, 'amount', b.amount, 'currency', b.currency),
		'billing_period', b.id::text)
	FROM copilot.billing_periods b
	JOIN (SELECT DISTINCT r.user_id FROM copilot.user_roles r
		  WHERE r.tenant_id = tenant AND r.role IN ('client', 'admin')) u ON true
	WHERE b.tenant_id = tenant AND b.id = period
$$;
COMMENT ON FUNCTION copilot.billing_notify(uuid, uuid) IS
'part of copilot.billing_finalize(): tells the clients and admins of a tenant what the bill is';

CREATE FUNCTION copilot.billing_finalize(period uuid, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := wrk.tenant_id()::uuid;
	answer jsonb;
BEGIN
	PERFORM copilot.check_right('finalize', 'billing_period');
	answer := copilot.key_claim(key, 'copilot.billing_finalize', jsonb_build_array(period));
	IF answer IS NOT NULL THEN
		RETURN answer;
	END IF;
	-- a last time, under the lock that the others wait for
	PERFORM copilot.billing_compute(tenant, period);
	PERFORM wrk.transition('copilot.billing_periods', period::text, 'finalized', expected => 'draft');
	PERFORM copilot.billing_notify(tenant, period);
	answer := copilot.billing_get(period);
	RETURN copilot.key_answer(key, answer);
END
$$;
COMMENT ON FUNCTION copilot.billing_finalize(uuid, text) IS
'works out a draft a last time and makes it final: once, however many try at once; its lines are frozen. key: idempotency key. Answers as copilot.billing_get(). Errors: WK400, WK401, WK403, WK404, WK409 finalized already, WK422 its month has not ended (UTC), WK4K2, 40001 at REPEATABLE READ or above';

CREATE FUNCTION copilot.billing_summary()
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	today date := (now() AT TIME ZONE 'UTC')::date;
	months jsonb;
	commitments jsonb;
	offers jsonb;
BEGIN
	PERFORM copilot.check_right('read', 'commitment');
	SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.period_start DESC), '[]') INTO months FROM (
		SELECT b.id, b.period_start, b.status, b.currency, b.amount, b.used_units FROM copilot.billing_periods b
		ORDER BY b.period_start DESC LIMIT 12) p;
	SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.automation_name, x.automation_version_id), '[]') INTO commitments FROM (
		SELECT c.automation_version_id, a.name AS automation_name, q.currency, c.units, c.unit_price, c.monthly_amount,
			c.from_day, c.until_day
		FROM copilot.commitments c
		JOIN copilot.quotes q ON q.tenant_id = c.tenant_id AND q.id = c.quote_id
		JOIN copilot.automation_versions v ON v.tenant_id = c.tenant_id AND v.id = c.automation_version_id
		JOIN copilot.automations a ON a.tenant_id = v.tenant_id AND a.id = v.automation_id
		WHERE c.from_day <= today AND (c.until_day IS NULL OR c.until_day > today)
		ORDER BY a.name, c.automation_version_id LIMIT 200) x;
	SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.sent_at), '[]') INTO offers FROM (
		SELECT q.id, q.automation_version_id, q.number, q.currency, q.setup_fee, q.monthly_amount, q.valid_until, q.sent_at
		FROM copilot.quotes q WHERE q.status = 'sent' AND q.superseded_at IS NULL ORDER BY q.sent_at LIMIT 200) x;
	RETURN jsonb_build_object('months', months, 'commitments', commitments, 'offers', offers,
		'monthly_amount', (SELECT coalesce(sum(c.monthly_amount), 0) FROM copilot.commitments c
			WHERE c.from_day <= today AND (c.until_day IS NULL OR c.until_day > today)),
		'billed_amount', (SELECT coalesce(sum(b.amount), 0) FROM copilot.billing_periods b WHERE b.status = 'finalized'));
END
$$;
COMMENT ON FUNCTION copilot.billing_summary() IS
'what the own tenant pays, as far as the caller sees it: {months: the last 12 [{id, period_start, status, currency, amount, used_units}], commitments in force today (at most 200), offers that await an answer (at most 200), monthly_amount of the commitments, billed_amount of all that is final}. Errors: WK401, WK403';

-- ---------- calls ----------

CREATE FUNCTION copilot.call_billing_draft(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	month text;
BEGIN
	PERFORM copilot.check_params(params, 'month');
	month := copilot.want_text(params, 'month', 7, true);
	IF month !~ '^\d{4}-(0[1-9]|1[0-2])$' THEN
		PERFORM copilot.bad_param('month', 'must be like 2026-01');
	END IF;
	RETURN copilot.billing_draft((month || '-01')::date);
END
$$;
COMMENT ON FUNCTION copilot.call_billing_draft(jsonb) IS
'call billing.draft {month: "YYYY-MM"}: the draft of the month as billing.get has it, worked out anew. Errors: WK400, WK403, WK409 for one that is finalized';

CREATE FUNCTION copilot.call_billing_finalize(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id');
	RETURN copilot.billing_finalize(copilot.want_uuid(params, 'id', true));
END
$$;
COMMENT ON FUNCTION copilot.call_billing_finalize(jsonb) IS
'call billing.finalize {id}: the period as billing.get has it, final. Errors: WK400, WK403, WK404, WK409 finalized already, WK422 its month has not ended';

CREATE FUNCTION copilot.call_billing_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id');
	RETURN copilot.billing_get(copilot.want_uuid(params, 'id', true));
END
$$;
COMMENT ON FUNCTION copilot.call_billing_get(jsonb) IS
'call billing.get {id}: the period with late_units and lines [{position, kind: setup, commitment or overage, automation_version_id, automation_name, version_number, quote_id, commitment_id, first_day, end_day, quantity, unit_price, amount}]. Errors: WK400, WK404';

CREATE FUNCTION copilot.call_billing_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted_status text;
	before date;
	page_size integer;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'status', 'after', 'limit');
	wanted_status := copilot.want_choice(params, 'status', 'draft', 'finalized');
	before := coalesce((copilot.want_time(params, 'after') AT TIME ZONE 'UTC')::date, 'infinity');
	page_size := copilot.want_limit(params);
	WITH found AS (
		SELECT b.* FROM copilot.billing_periods b
		WHERE b.period_start < before AND (wanted_status IS NULL OR b.status = wanted_status)
		ORDER BY b.period_start DESC LIMIT page_size + 1)
	SELECT copilot.page_answer('periods', jsonb_agg(copilot.answer(to_jsonb(f)) ORDER BY f.period_start DESC),
		array_agg(to_char(f.period_start, 'YYYY-MM-DD') ORDER BY f.period_start DESC), page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_billing_list(jsonb) IS
'call billing.list {status, after, limit}: {periods, next} newest month first; next is null on the last page. Error: WK400';

CREATE FUNCTION copilot.call_billing_summary(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, VARIADIC '{}');
	RETURN copilot.billing_summary();
END
$$;
COMMENT ON FUNCTION copilot.call_billing_summary(jsonb) IS
'call billing.summary {}: {months: the last 12 [{id, period_start, status, currency, amount, used_units}], commitments in force [{automation_version_id, automation_name, currency, units, unit_price, monthly_amount, from_day, until_day}], offers [{id, automation_version_id, number, currency, setup_fee, monthly_amount, valid_until, sent_at}], monthly_amount, billed_amount}. Errors: WK400, WK403';

REVOKE ALL ON FUNCTION copilot.billing_get(uuid), copilot.billing_draft(date), copilot.billing_notify(uuid, uuid),
	copilot.billing_finalize(uuid, text), copilot.billing_summary(), copilot.call_billing_draft(jsonb),
	copilot.call_billing_finalize(jsonb), copilot.call_billing_get(jsonb), copilot.call_billing_list(jsonb),
	copilot.call_billing_summary(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.billing_get(uuid), copilot.billing_draft(date), copilot.billing_finalize(uuid, text),
	copilot.billing_summary(), copilot.call_billing_draft(jsonb), copilot.call_billing_finalize(jsonb),
	copilot.call_billing_get(jsonb), copilot.call_billing_list(jsonb), copilot.call_billing_summary(jsonb) TO wrk_member;
