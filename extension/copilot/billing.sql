-- Billing periods: what a tenant owes for a calendar month (UTC).
--
-- A draft is worked out anew from what is signed, committed and used, as often as one
-- likes; finalizing works it out a last time and ends that.  Lines are frozen from then
-- on, for everybody.  Rounding: see pricing.sql.
--
-- Must stay true: one period a tenant and month; whoever works out or finalizes one holds
-- its row lock from before reading until the end, so a period is finalized once, with the
-- lines that were worked out in that transaction.

CREATE FUNCTION copilot.make_billing()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.make_prices();
	PERFORM copilot.make_quotes();
	PERFORM copilot.make_quote_rights();
	PERFORM copilot.make_quote_overrides();
	PERFORM copilot.make_commitments();
	PERFORM copilot.make_billing_periods();
	PERFORM copilot.make_billing_rights();
END
$$;
COMMENT ON FUNCTION copilot.make_billing() IS
'part of copilot.install(): prices, quotes, commitments and billing periods, with their rights, events, audit and calls';

CREATE FUNCTION copilot.make_billing_periods()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.billing_periods (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		period_start date NOT NULL CHECK (extract(day FROM period_start) = 1),
		period_end date NOT NULL CHECK (period_end = (period_start + interval '1 month')::date),
		status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'finalized')),
		currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
		amount numeric(30,2) NOT NULL DEFAULT 0 CHECK (amount >= 0),
		used_units numeric NOT NULL DEFAULT 0 CHECK (used_units >= 0),
		unpriced_units numeric NOT NULL DEFAULT 0 CHECK (unpriced_units BETWEEN 0 AND used_units),
		computed_at timestamptz,
		finalized_at timestamptz,
		finalized_by uuid,
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id, period_start),
		FOREIGN KEY (tenant_id, finalized_by) REFERENCES copilot.tenant_users,
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	COMMENT ON TABLE copilot.billing_periods IS 'what a tenant owes for a calendar month (UTC)';
	COMMENT ON COLUMN copilot.billing_periods.period_end IS 'first day that is not in it any more';
	COMMENT ON COLUMN copilot.billing_periods.amount IS 'sum of the lines, each rounded by itself';
	COMMENT ON COLUMN copilot.billing_periods.used_units IS 'units of all runs that were known when it was worked out';
	COMMENT ON COLUMN copilot.billing_periods.unpriced_units IS 'those of versions that nobody has signed a quote for: on no line';
	COMMENT ON COLUMN copilot.billing_periods.computed_at IS 'when it was worked out last';
	CREATE OR REPLACE TRIGGER fix BEFORE UPDATE OR DELETE ON copilot.billing_periods
		FOR EACH ROW EXECUTE FUNCTION copilot.billing_fix_period();
	PERFORM wrk.enable_tenancy('copilot.billing_periods');
	GRANT SELECT ON copilot.billing_periods TO wrk_member;

	CREATE TABLE IF NOT EXISTS copilot.billing_lines (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		billing_period_id uuid NOT NULL,
		position integer NOT NULL CHECK (position > 0),
		kind text NOT NULL CHECK (kind IN ('setup', 'commitment', 'overage')),
		automation_version_id uuid NOT NULL,
		quote_id uuid NOT NULL,
		commitment_id uuid,
		first_day date NOT NULL,
		end_day date NOT NULL CHECK (end_day > first_day),
		quantity numeric(30,6) NOT NULL CHECK (quantity > 0),
		unit_price numeric(30,6) NOT NULL CHECK (unit_price >= 0),
		amount numeric(30,2) NOT NULL CHECK (amount = copilot.amount(quantity, unit_price)),
		PRIMARY KEY (tenant_id, billing_period_id, position),
		FOREIGN KEY (tenant_id, billing_period_id) REFERENCES copilot.billing_periods ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, automation_version_id, quote_id)
			REFERENCES copilot.quotes (tenant_id, automation_version_id, id),
		FOREIGN KEY (tenant_id, commitment_id) REFERENCES copilot.commitments
	);
	CREATE UNIQUE INDEX IF NOT EXISTS billing_lines_setup_key
		ON copilot.billing_lines (tenant_id, quote_id) WHERE kind = 'setup';
	CREATE INDEX IF NOT EXISTS billing_lines_quote_idx
		ON copilot.billing_lines (tenant_id, automation_version_id, quote_id);
	CREATE INDEX IF NOT EXISTS billing_lines_commitment_idx ON copilot.billing_lines (tenant_id, commitment_id);
	COMMENT ON TABLE copilot.billing_lines IS
		'what a period is made of: setup of what was signed in it, commitments by their days, units used beyond them';
	COMMENT ON COLUMN copilot.billing_lines.end_day IS 'first day that is not in it any more';
	COMMENT ON COLUMN copilot.billing_lines.quantity IS
		'commitment: units of a month times its days of those of the month; overage: units used less those committed';
	CREATE OR REPLACE TRIGGER fix BEFORE INSERT OR UPDATE OR DELETE ON copilot.billing_lines
		FOR EACH ROW EXECUTE FUNCTION copilot.billing_fix_line();
	PERFORM wrk.enable_tenancy('copilot.billing_lines');
	GRANT SELECT ON copilot.billing_lines TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_billing_periods() IS
'part of copilot.make_billing(): tables billing_periods and billing_lines';

CREATE FUNCTION copilot.make_billing_rights()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	ops text[] := copilot.ops_roles() || '{system}'::text[];
	staff text[] := ARRAY(SELECT 'role:' || r FROM unnest(ops) r);
BEGIN
	PERFORM copilot.put_permissions('billing_period', 'tenant', '{read,prepare}', ops);
	PERFORM copilot.put_permissions('billing_period', 'tenant', '{finalize}', '{ops_admin,admin,system}');
	PERFORM copilot.put_permissions('final_billing_period', 'tenant', '{read}', '{client}');
	PERFORM copilot.put_policy('billing_periods', 'visible', 'clients see what is final',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''billing_period''))'
		' OR status = ''finalized'' AND (SELECT wrk.can(''read'', ''final_billing_period'')))');
	PERFORM copilot.put_policy('billing_lines', 'visible', 'lines of the periods one sees',
		'AS RESTRICTIVE USING (EXISTS (SELECT FROM copilot.billing_periods p'
		' WHERE p.tenant_id = billing_lines.tenant_id AND p.id = billing_period_id))');
	-- no event of its own for the status: billing_period.updated says it
	PERFORM wrk.enable_status('copilot.billing_periods', 'billing_period', entity => 'billing_period');
	-- the same rule as the policy "visible" of the table
	PERFORM wrk.enable_events('copilot.billing_periods', 'billing_period', channels => '{tenant}',
		exclude => '{computed_at,status_machine_version}',
		audience => jsonb_build_object('column', 'status', 'map', jsonb_build_object('draft', staff),
			'default', staff || '{role:client}'::text[]));
	-- lines follow from the period, which says what they add up to
	PERFORM wrk.enable_audit('copilot.billing_periods', 'billing_period', action_column => 'status', announce => true,
		exclude => '{computed_at,status_machine_version,finalized_at,finalized_by}');
	PERFORM copilot.put_call('billing.draft', 'copilot.call_billing_draft(jsonb)');
	PERFORM copilot.put_call('billing.finalize', 'copilot.call_billing_finalize(jsonb)');
	PERFORM copilot.put_call('billing.list', 'copilot.call_billing_list(jsonb)');
	PERFORM copilot.put_call('billing.get', 'copilot.call_billing_get(jsonb)');
	PERFORM copilot.put_call('billing.summary', 'copilot.call_billing_summary(jsonb)');
	PERFORM wrk.maintenance_register('copilot.billing_sweep', 'copilot.billing_sweep()', '1 hour');
END
$$;
COMMENT ON FUNCTION copilot.make_billing_rights() IS
'part of copilot.make_billing(): permissions, policies, status, events, audit, calls and maintenance of billing periods';

-- ---------- what is final stays ----------

CREATE FUNCTION copilot.billing_period_is_over(step jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN (step #>> '{row,period_end}')::date > (now() AT TIME ZONE 'UTC')::date THEN
	format('the period goes on until %s', step #>> '{row,period_end}') END;
COMMENT ON FUNCTION copilot.billing_period_is_over(jsonb) IS
'guard: nothing is final before its month has ended (UTC)';

CREATE FUNCTION copilot.billing_fix_period()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	was copilot.billing_periods := OLD;
BEGIN
	IF TG_OP = 'DELETE' THEN
		-- with its tenant only
		IF OLD.status = 'finalized' AND EXISTS (SELECT FROM copilot.tenants t WHERE t.id = OLD.tenant_id) THEN
			RAISE EXCEPTION 'billing period % is finalized', to_char(OLD.period_start, 'YYYY-MM') USING ERRCODE = 'WK422';
		END IF;
		RETURN OLD;
	END IF;
	IF OLD.status = 'finalized' THEN
		was.status_machine_version := NEW.status_machine_version;
		IF NEW IS DISTINCT FROM was THEN
			RAISE EXCEPTION 'billing period % is finalized', to_char(OLD.period_start, 'YYYY-MM') USING ERRCODE = 'WK422';
		END IF;
	ELSIF NEW.status = 'finalized' AND NOT wrk.status_importing() THEN
		NEW.finalized_at := clock_timestamp();
		NEW.finalized_by := copilot.as_uuid(wrk.user_id());
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.billing_fix_period() IS
'trigger of billing_periods: a final one never changes and goes with its tenant only; stamps when it was finalized, and by whom. Error: WK422 invalid_transition';

CREATE FUNCTION copilot.billing_fix_line()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	state text;
BEGIN
	-- locked before it is read: who is just finalizing it is waited for
	FOR state IN SELECT p.status FROM copilot.billing_periods p
		WHERE p.tenant_id = OLD.tenant_id AND p.id = OLD.billing_period_id
			OR p.tenant_id = NEW.tenant_id AND p.id = NEW.billing_period_id FOR SHARE
	LOOP
		-- with its tenant it goes
		IF state = 'finalized' AND (TG_OP <> 'DELETE'
			OR EXISTS (SELECT FROM copilot.tenants t WHERE t.id = OLD.tenant_id)) THEN
			RAISE EXCEPTION 'the billing period of this line is finalized' USING ERRCODE = 'WK422';
		END IF;
	END LOOP;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION copilot.billing_fix_line() IS
'trigger of billing_lines: those of a final period are not added to, changed or removed, but with their tenant. Error: WK422 invalid_transition';

-- ---------- working it out ----------

CREATE FUNCTION copilot.billing_committed(tenant uuid, period_start date, period_end date)
RETURNS TABLE (automation_version_id uuid, quote_id uuid, commitment_id uuid, first_day date, end_day date,
			   quantity numeric, unit_price numeric, units bigint)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT c.automation_version_id, c.quote_id, c.id, greatest(c.from_day, period_start), least(c.until_day, period_end),
		copilot.prorated(c.units, c.from_day, c.until_day, period_start, period_end), c.unit_price, c.units
	FROM copilot.commitments c
	WHERE c.tenant_id = tenant AND c.from_day < period_end AND (c.until_day IS NULL OR c.until_day > period_start)
		AND c.until_day IS DISTINCT FROM c.from_day
$$;
COMMENT ON FUNCTION copilot.billing_committed(uuid, date, date) IS
'part of copilot.billing_charges(): commitments by their days in the period; units: of a whole month';

CREATE FUNCTION copilot.billing_charges(tenant uuid, period_start date, period_end date)
RETURNS TABLE (kind text, automation_version_id uuid, quote_id uuid, commitment_id uuid, first_day date, end_day date,
			   quantity numeric, unit_price numeric)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT 'setup', q.automation_version_id, q.id, NULL::uuid, (q.answered_at AT TIME ZONE 'UTC')::date,
		(q.answered_at AT TIME ZONE 'UTC')::date + 1, 1::numeric, q.setup_fee
	FROM copilot.quotes q
	WHERE q.tenant_id = tenant AND q.status = 'signed' AND q.setup_fee > 0
		AND q.answered_at >= period_start::timestamp AT TIME ZONE 'UTC'
		AND q.answered_at < period_end::timestamp AT TIME ZONE 'UTC'
	UNION ALL
	SELECT 'commitment', c.automation_version_id, c.quote_id, c.commitment_id, c.first_day, c.end_day, c.quantity, c.unit_price
	FROM copilot.billing_committed(tenant, period_start, period_end) c WHERE c.quantity > 0
	UNION ALL
	-- units beyond what was committed, at the price that the greater of used and committed units has
	SELECT 'overage', q.automation_version_id, q.id, NULL, period_start, period_end,
		round(a.units, 6) - coalesce(c.quantity, 0), copilot.tier_price(q.tiers, greatest(a.units, c.units))
	FROM copilot.usage_aggregates a
	JOIN copilot.quotes q ON q.tenant_id = a.tenant_id AND q.automation_version_id = a.automation_version_id
		AND q.status = 'signed'
	LEFT JOIN (SELECT o.automation_version_id, sum(o.quantity) AS quantity, max(o.units) AS units
			   FROM copilot.billing_committed(tenant, period_start, period_end) o GROUP BY 1) c
		ON c.automation_version_id = a.automation_version_id
	WHERE a.tenant_id = tenant AND a.period_start = billing_charges.period_start
		AND a.period_end = billing_charges.period_end AND round(a.units, 6) > coalesce(c.quantity, 0)
$$;
COMMENT ON FUNCTION copilot.billing_charges(uuid, date, date) IS
'what a tenant owes for a month by what is known now: a line each for the setup of what was signed in it, for each commitment by its days, and for the units of each version used beyond them';

CREATE FUNCTION copilot.billing_compute(tenant uuid, period uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	p copilot.billing_periods;
BEGIN
	SELECT * INTO p FROM copilot.billing_periods b WHERE b.tenant_id = tenant AND b.id = period FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'billing period not found' USING ERRCODE = 'WK404';
	END IF;
	IF p.status <> 'draft' THEN
		RAISE EXCEPTION 'billing period % is finalized already', to_char(p.period_start, 'YYYY-MM') USING ERRCODE = 'WK409';
	END IF;
	DELETE FROM copilot.billing_lines l WHERE l.tenant_id = tenant AND l.billing_period_id = period;
	-- one statement, so that lines and sums are of one moment while runs go on being counted
	WITH made AS (
		INSERT INTO copilot.billing_lines AS l (tenant_id, billing_period_id, position, kind, automation_version_id,
			quote_id, commitment_id, first_day, end_day, quantity, unit_price, amount)
		SELECT tenant, period, row_number() OVER (ORDER BY c.automation_version_id,
				array_position('{setup,commitment,overage}', c.kind), c.first_day),
			c.*, copilot.amount(c.quantity, c.unit_price)
		FROM copilot.billing_charges(tenant, p.period_start, p.period_end) c
		RETURNING l.amount),
	used AS (
		SELECT coalesce(sum(a.units), 0) AS units, coalesce(sum(a.units) FILTER (WHERE q.id IS NULL), 0) AS unpriced
		FROM copilot.usage_aggregates a
		LEFT JOIN copilot.quotes q ON q.tenant_id = a.tenant_id AND q.automation_version_id = a.automation_version_id
			AND q.status = 'signed'
		WHERE a.tenant_id = tenant AND a.period_start = p.period_start AND a.period_end = p.period_end)
	UPDATE copilot.billing_periods b SET computed_at = clock_timestamp(), used_units = u.units,
		unpriced_units = u.unpriced,
		-- prices may have changed theirs since the draft was made, as long as there was no quote
		currency = (SELECT l.currency FROM copilot.prices_of(tenant) l),
		amount = (SELECT coalesce(sum(m.amount), 0) FROM made m)
	FROM used u WHERE b.tenant_id = tenant AND b.id = period;
END
$$;
COMMENT ON FUNCTION copilot.billing_compute(uuid, uuid) IS
'works out a draft anew and keeps it locked until the end of the transaction. Errors: WK404, WK409 for one that is finalized';

CREATE FUNCTION copilot.billing_make(tenant uuid, month date)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	period uuid;
BEGIN
	INSERT INTO copilot.billing_periods AS b (tenant_id, period_start, period_end, currency)
	SELECT tenant, month, (month + interval '1 month')::date, p.currency FROM copilot.prices_of(tenant) p
	ON CONFLICT (tenant_id, period_start) DO NOTHING;
	SELECT b.id INTO period FROM copilot.billing_periods b WHERE b.tenant_id = tenant AND b.period_start = month;
	PERFORM copilot.billing_compute(tenant, period);
	RETURN period;
END
$$;
COMMENT ON FUNCTION copilot.billing_make(uuid, date) IS
'makes the draft of a month, or works out anew the one that is there, and returns its id. Error: WK409 for one that is finalized';

CREATE FUNCTION copilot.billing_sweep()
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT count(copilot.billing_make(t.id, m.month))
	FROM (SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month')::date AS month) m, copilot.tenants t
	WHERE EXISTS (SELECT FROM copilot.quotes q WHERE q.tenant_id = t.id AND q.status = 'signed'
			AND q.answered_at < (m.month + interval '1 month') AT TIME ZONE 'UTC')
		AND NOT EXISTS (SELECT FROM copilot.billing_periods b WHERE b.tenant_id = t.id AND b.period_start = m.month)
$$;
COMMENT ON FUNCTION copilot.billing_sweep() IS
'makes the drafts of last month that tenants with something signed lack, and returns how many; run by the background worker';

REVOKE ALL ON FUNCTION copilot.make_billing(), copilot.make_billing_periods(), copilot.make_billing_rights(),
	copilot.billing_period_is_over(jsonb), copilot.billing_fix_period(), copilot.billing_fix_line(),
	copilot.billing_committed(uuid, date, date), copilot.billing_charges(uuid, date, date),
	copilot.billing_compute(uuid, uuid), copilot.billing_make(uuid, date), copilot.billing_sweep() FROM PUBLIC;
