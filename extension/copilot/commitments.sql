-- Commitments: units a month that are paid for whether used or not.
--
-- The first one begins, with what was signed, on the day its version is launched, and
-- the last ends on the day the version is archived.  In between the volume changes from
-- a day on: the old commitment ends where the new one begins, and the new volume has the
-- unit price that the signed tiers say for it.
--
-- Must stay true: a version has one commitment a day at most, from its first day up to,
-- not including, the day it ends; a past day never changes.  Days are those of UTC.

CREATE FUNCTION copilot.make_commitments()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	ops text[] := copilot.ops_roles() || '{client}'::text[];
	audience text[] := ARRAY(SELECT 'role:' || r FROM unnest(ops || '{system}'::text[]) r);
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.commitments (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		automation_version_id uuid NOT NULL,
		quote_id uuid NOT NULL,
		units bigint NOT NULL CHECK (units BETWEEN 0 AND 1000000000000),
		unit_price numeric(30,6) NOT NULL CHECK (unit_price >= 0),
		monthly_amount numeric(30,2) NOT NULL CHECK (monthly_amount = copilot.amount(units, unit_price)),
		from_day date NOT NULL,
		until_day date CHECK (until_day >= from_day),
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, automation_version_id)
			REFERENCES copilot.automation_versions ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, automation_version_id, quote_id)
			REFERENCES copilot.quotes (tenant_id, automation_version_id, id),
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	CREATE UNIQUE INDEX IF NOT EXISTS commitments_open_key
		ON copilot.commitments (tenant_id, automation_version_id) WHERE until_day IS NULL;
	CREATE INDEX IF NOT EXISTS commitments_version_idx
		ON copilot.commitments (tenant_id, automation_version_id, from_day);
	COMMENT ON TABLE copilot.commitments IS 'units a month that are paid for whether used or not';
	COMMENT ON COLUMN copilot.commitments.quote_id IS 'what was signed; its tiers price every volume';
	COMMENT ON COLUMN copilot.commitments.unit_price IS 'effective unit price: what the tiers say for these units';
	COMMENT ON COLUMN copilot.commitments.monthly_amount IS 'of a whole month; part of one is prorated by days';
	COMMENT ON COLUMN copilot.commitments.until_day IS 'first day (UTC) it is not in force any more; NULL: it goes on';
	CREATE OR REPLACE TRIGGER zz_commitment_follow AFTER UPDATE OF status ON copilot.automation_versions
		FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION copilot.commitment_follow();
	PERFORM wrk.enable_tenancy('copilot.commitments');
	PERFORM copilot.put_permissions('commitment', 'tenant', '{read}', ops || '{system}'::text[]);
	PERFORM copilot.put_permissions('commitment', 'tenant', '{upgrade}', ops);
	PERFORM copilot.put_permissions('commitment', 'tenant', '{downgrade}', '{ops_admin,admin}');
	PERFORM copilot.put_policy('commitments', 'visible', 'builders and testers see no prices',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''commitment'')))');
	GRANT SELECT ON copilot.commitments TO wrk_member;
	PERFORM wrk.enable_events('copilot.commitments', 'commitment',
		channels => ARRAY['automation_version:{automation_version_id}'], audience => to_jsonb(audience));
	PERFORM wrk.enable_audit('copilot.commitments', 'commitment', history => 'readers', announce => true);
	PERFORM copilot.put_call('commitment.list', 'copilot.call_commitment_list(jsonb)');
	PERFORM copilot.put_call('commitment.preview', 'copilot.call_commitment_preview(jsonb)');
	PERFORM copilot.put_call('commitment.change', 'copilot.call_commitment_change(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_commitments() IS
'part of copilot.make_billing(): table commitments, with its rights, events, audit and calls';

CREATE FUNCTION copilot.prorated(units numeric, first_day date, end_day date, period_start date, period_end date)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN round(units * greatest(least(end_day, period_end) - greatest(first_day, period_start), 0)
			 / (period_end - period_start), 6);
COMMENT ON FUNCTION copilot.prorated(numeric, date, date, date, date) IS
'the part of a month''s units that falls to the days from first_day up to, not including, end_day (NULL: for ever), to 6 decimals';

CREATE FUNCTION copilot.commitment_follow()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
	IF wrk.status_importing() THEN
		RETURN NULL;
	END IF;
	IF NEW.status = 'live' AND OLD.status = 'ready_to_launch' THEN
		INSERT INTO copilot.commitments (tenant_id, automation_version_id, quote_id, units, unit_price,
										 monthly_amount, from_day)
		SELECT q.tenant_id, q.automation_version_id, q.id, q.committed_units, q.unit_price, q.monthly_amount, today
		FROM copilot.quotes q
		WHERE q.tenant_id = NEW.tenant_id AND q.automation_version_id = NEW.id AND q.superseded_at IS NULL
			AND q.status = 'signed' AND NOT EXISTS (SELECT FROM copilot.commitments c
				WHERE c.tenant_id = NEW.tenant_id AND c.automation_version_id = NEW.id);
	ELSIF NEW.status = 'archived' THEN
		UPDATE copilot.commitments c SET until_day = greatest(c.from_day, today)
		WHERE c.tenant_id = NEW.tenant_id AND c.automation_version_id = NEW.id
			AND (c.until_day IS NULL OR c.until_day > today);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.commitment_follow() IS
'trigger of automation_versions: what was signed is in force from the day of the launch to that of the archive; a pause is no reason not to pay';

-- ---------- another volume ----------

CREATE FUNCTION copilot.commitment_plan(version uuid, units bigint, from_day date DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := wrk.tenant_id()::uuid;
	today date := (now() AT TIME ZONE 'UTC')::date;
	first_day date := coalesce(from_day, today);
	month date := date_trunc('month', first_day::timestamp)::date;
	month_end date := (month + interval '1 month')::date;
	price numeric;
	was copilot.commitments;
BEGIN
	IF first_day NOT BETWEEN today AND today + 366 THEN
		PERFORM copilot.bad_param('from', 'must be from today to a year from now');
	END IF;
	SELECT c.* INTO was FROM copilot.commitments c
	WHERE c.tenant_id = tenant AND c.automation_version_id = version AND c.until_day IS NULL;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the version has no commitment to change' USING ERRCODE = 'WK422',
			HINT = 'The first one begins when the version is launched, the last ends when it is archived.';
	END IF;
	IF units IS NULL OR units NOT BETWEEN 0 AND 1000000000000 OR units = was.units THEN
		PERFORM copilot.bad_param('units', format('must be another whole number than %s, from 0 to 1000000000000', was.units));
	END IF;
	IF first_day < was.from_day THEN
		RAISE EXCEPTION 'a change from % is planned already', to_char(was.from_day, 'YYYY-MM-DD') USING ERRCODE = 'WK422',
			HINT = 'Choose that day or a later one.';
	END IF;
	PERFORM copilot.check_right(CASE WHEN units > was.units THEN 'upgrade' ELSE 'downgrade' END, 'commitment');
	SELECT copilot.tier_price(q.tiers, commitment_plan.units) INTO price
	FROM copilot.quotes q WHERE q.tenant_id = tenant AND q.id = was.quote_id;
	RETURN jsonb_build_object('automation_version_id', version, 'quote_id', was.quote_id, 'units', units,
		'unit_price', price, 'monthly_amount', copilot.amount(units, price), 'from_day', first_day,
		'was', jsonb_build_object('id', was.id, 'units', was.units, 'unit_price', was.unit_price,
			'monthly_amount', was.monthly_amount, 'from_day', was.from_day),
		'first_month_amount',
			copilot.amount(copilot.prorated(was.units, was.from_day, first_day, month, month_end), was.unit_price)
			+ copilot.amount(copilot.prorated(units, first_day, NULL, month, month_end), price));
END
$$;
COMMENT ON FUNCTION copilot.commitment_plan(uuid, bigint, date) IS
'what another volume would cost from a day on (default: today, UTC): {automation_version_id, quote_id, units, unit_price, monthly_amount, from_day, was: {id, units, unit_price, monthly_amount, from_day}, first_month_amount}, the last for the old and the new volume by their days in the month of the change. Errors: WK400, WK403 not for this identity, WK422 not launched, archived, or a later change is planned';

CREATE FUNCTION copilot.commitment_change(version uuid, units bigint, from_day date DEFAULT NULL, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := wrk.tenant_id()::uuid;
	plan jsonb;
	made uuid;
BEGIN
	-- before anything is locked or told; which of the two it takes, the plan says
	IF wrk.can('downgrade', 'commitment') IS NOT TRUE THEN
		PERFORM copilot.check_right('upgrade', 'commitment');
	END IF;
	plan := copilot.key_claim(key, 'copilot.commitment_change', jsonb_build_array(version, units, from_day));
	IF plan IS NOT NULL THEN
		RETURN plan;
	END IF;
	-- one change after the other, and none in the midst of an archive
	PERFORM FROM copilot.automation_versions v
	WHERE v.tenant_id = tenant AND v.id = commitment_change.version FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'automation version not found' USING ERRCODE = 'WK404';
	END IF;
	plan := copilot.commitment_plan(version, units, from_day);
	UPDATE copilot.commitments c SET until_day = (plan ->> 'from_day')::date
	WHERE c.tenant_id = tenant AND c.id = (plan #>> '{was,id}')::uuid;
	INSERT INTO copilot.commitments AS c (tenant_id, automation_version_id, quote_id, units, unit_price,
										  monthly_amount, from_day)
	SELECT tenant, p.* FROM jsonb_to_record(plan) AS p (automation_version_id uuid, quote_id uuid, units bigint,
		unit_price numeric, monthly_amount numeric, from_day date)
	RETURNING c.id INTO made;
	plan := plan || jsonb_build_object('id', made);
	RETURN copilot.key_answer(key, plan);
END
$$;
COMMENT ON FUNCTION copilot.commitment_change(uuid, bigint, date, text) IS
'commits to another volume from a day on (default: today, UTC), at the unit price that the signed tiers say for it. More is for clients and operations, less for admins; key: idempotency key. Answers as copilot.commitment_plan(), with the id of the new commitment. Errors: WK400, WK401, WK403, WK404, WK422, WK4K2';

CREATE FUNCTION copilot.call_commitment_preview(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	version uuid;
BEGIN
	PERFORM copilot.check_params(params, 'automation_version_id', 'units', 'from');
	version := copilot.want_uuid(params, 'automation_version_id', true);
	IF wrk.can('downgrade', 'commitment') IS NOT TRUE THEN
		PERFORM copilot.check_right('upgrade', 'commitment');
	END IF;
	PERFORM copilot.check_thread(NULL, version);
	RETURN copilot.commitment_plan(version, copilot.want_number(params, 'units', 0, 1000000000000)::bigint,
		(copilot.want_time(params, 'from') AT TIME ZONE 'UTC')::date);
END
$$;
COMMENT ON FUNCTION copilot.call_commitment_preview(jsonb) IS
'call commitment.preview {automation_version_id, units, from}: what commitment.change would answer, without changing anything. Errors: WK400, WK403, WK404, WK422';

CREATE FUNCTION copilot.call_commitment_change(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'automation_version_id', 'units', 'from');
	RETURN copilot.commitment_change(copilot.want_uuid(params, 'automation_version_id', true),
		copilot.want_number(params, 'units', 0, 1000000000000)::bigint,
		(copilot.want_time(params, 'from') AT TIME ZONE 'UTC')::date);
END
$$;
COMMENT ON FUNCTION copilot.call_commitment_change(jsonb) IS
'call commitment.change {automation_version_id, units, from}: {id, units, unit_price, monthly_amount, from_day, was: {units, unit_price, monthly_amount, from_day}, first_month_amount}; from: a day (UTC) from today on. Errors: WK400, WK403, WK404, WK422 not launched, archived, or a later change is planned';

CREATE FUNCTION copilot.call_commitment_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	version uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'automation_version_id', 'after', 'limit');
	version := copilot.want_uuid(params, 'automation_version_id');
	page := copilot.want_page(params);
	WITH found AS (
		SELECT c.* FROM copilot.commitments c
		WHERE (c.created_at, c.id) < (page.before_time, page.before_id)
			AND (version IS NULL OR c.automation_version_id = version)
		ORDER BY c.created_at DESC, c.id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('commitments',
		jsonb_agg(copilot.answer(to_jsonb(f)) ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_commitment_list(jsonb) IS
'call commitment.list {automation_version_id, after, limit}: {commitments, next} newest first, ended ones included; next is null on the last page. Error: WK400';

REVOKE ALL ON FUNCTION copilot.make_commitments(), copilot.prorated(numeric, date, date, date, date),
	copilot.commitment_follow(), copilot.commitment_plan(uuid, bigint, date),
	copilot.commitment_change(uuid, bigint, date, text), copilot.call_commitment_preview(jsonb),
	copilot.call_commitment_change(jsonb), copilot.call_commitment_list(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.prorated(numeric, date, date, date, date),
	copilot.commitment_plan(uuid, bigint, date), copilot.commitment_change(uuid, bigint, date, text),
	copilot.call_commitment_preview(jsonb), copilot.call_commitment_change(jsonb),
	copilot.call_commitment_list(jsonb) TO wrk_member;
