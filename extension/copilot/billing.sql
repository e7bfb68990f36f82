-- Billing periods: what a tenant owes for a calendar month.

CREATE FUNCTION copilot.make_billing()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.make_prices();
	PERFORM copilot.make_quotes();
	PERFORM copilot.make_quote_rights();
	PERFORM copilot.make_quote_overrides();
END
$$;
COMMENT ON FUNCTION copilot.make_billing() IS
'part of copilot.install(): prices, quotes, commitments and billing periods, with their rights, events, audit and calls';

CREATE FUNCTION copilot.billing_period_is_over(step jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN (step #>> '{row,period_end}')::date > (now() AT TIME ZONE 'UTC')::date THEN
	format('the period goes on until %s', step #>> '{row,period_end}') END;
COMMENT ON FUNCTION copilot.billing_period_is_over(jsonb) IS
'guard: nothing is final before its month has ended (UTC)';

REVOKE ALL ON FUNCTION copilot.make_billing(), copilot.billing_period_is_over(jsonb) FROM PUBLIC;
