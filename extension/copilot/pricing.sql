-- Prices: what a unit of usage costs by volume, and where new quotes take it from.
--
-- Tiers are one JSON value, [{"from": units, "unit_price": price}], because they are
-- agreed, frozen and replaced as a whole.  The tier that a volume reaches prices all of
-- its units, not only those above the tier's beginning.
--
-- Money is numeric.  A unit price has up to 6 decimals, a quantity is rounded to 6, and
-- an amount is quantity times unit price, rounded once, to 2 decimals, half away from
-- zero.  Sums add amounts and are never rounded again, so that they are what adding up
-- the lines on paper gives.

CREATE FUNCTION copilot.amount(quantity numeric, unit_price numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN round(quantity * unit_price, 2);
COMMENT ON FUNCTION copilot.amount(numeric, numeric) IS
'what a line costs: quantity times unit price, rounded to 2 decimals, half away from zero';

CREATE FUNCTION copilot.tiers_problem(tiers jsonb)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tier jsonb;
	above numeric := -1;
BEGIN
	IF tiers IS NULL OR jsonb_typeof(tiers) <> 'array' OR jsonb_array_length(tiers) NOT BETWEEN 1 AND 20 THEN
		RETURN 'must be an array of 1 to 20 tiers {from, unit_price}';
	END IF;
	FOR tier IN SELECT t FROM jsonb_array_elements(tiers) t LOOP
		IF jsonb_typeof(tier -> 'from') IS DISTINCT FROM 'number'
			OR jsonb_typeof(tier -> 'unit_price') IS DISTINCT FROM 'number'
			OR (SELECT count(*) FROM jsonb_object_keys(tier)) > 2 THEN
			RETURN 'has a tier that is not {"from": number, "unit_price": number}';
		END IF;
		IF (tier ->> 'from')::numeric <= above OR (tier ->> 'from')::numeric > 1000000000000
			OR above = -1 AND (tier ->> 'from')::numeric <> 0 OR (tier ->> 'from')::numeric % 1 <> 0 THEN
			RETURN 'must begin at 0 and go up in whole units, to at most 1000000000000';
		END IF;
		IF (tier ->> 'unit_price')::numeric NOT BETWEEN 0 AND 1000000
			OR scale(trim_scale((tier ->> 'unit_price')::numeric)) > 6 THEN
			RETURN 'must have unit prices from 0 to 1000000 with at most 6 decimals';
		END IF;
		above := (tier ->> 'from')::numeric;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.tiers_problem(jsonb) IS
'what is wrong with tiers, NULL if nothing is: an array of 1 to 20 objects {from: whole units, unit_price: with up to 6 decimals}, the first from 0, each from more than the one before';

CREATE FUNCTION copilot.tier_price(tiers jsonb, units numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT round((t ->> 'unit_price')::numeric, 6) FROM jsonb_array_elements(tiers) t
	WHERE (t ->> 'from')::numeric <= greatest(units, 0)
	ORDER BY (t ->> 'from')::numeric DESC LIMIT 1
$$;
COMMENT ON FUNCTION copilot.tier_price(jsonb, numeric) IS
'what one unit costs when there are so many: the price of the tier that the volume reaches';

CREATE FUNCTION copilot.make_prices()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.default_prices (
		one boolean PRIMARY KEY DEFAULT true CHECK (one),
		currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
		setup_fee numeric(30,2) NOT NULL CHECK (setup_fee BETWEEN 0 AND 1000000000),
		committed_units bigint NOT NULL CHECK (committed_units BETWEEN 0 AND 1000000000000),
		tiers jsonb NOT NULL CHECK (copilot.tiers_problem(tiers) IS NULL)
	);
	COMMENT ON TABLE copilot.default_prices IS
		'one row: prices of tenants without a price list, who get theirs from it with their first quote; for the owner of the installation to change';
	INSERT INTO copilot.default_prices (currency, setup_fee, committed_units, tiers)
	VALUES ('USD', 500, 1000, '[{"from": 0, "unit_price": 0.1}, {"from": 10000, "unit_price": 0.08},'
		' {"from": 100000, "unit_price": 0.05}]')
	ON CONFLICT DO NOTHING;

	CREATE TABLE IF NOT EXISTS copilot.price_lists (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
		setup_fee numeric(30,2) NOT NULL CHECK (setup_fee BETWEEN 0 AND 1000000000),
		committed_units bigint NOT NULL CHECK (committed_units BETWEEN 0 AND 1000000000000),
		tiers jsonb NOT NULL CHECK (copilot.tiers_problem(tiers) IS NULL),
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id)
	);
	COMMENT ON TABLE copilot.price_lists IS 'what new quotes of a tenant begin with; without a row, as default_prices says';
	COMMENT ON COLUMN copilot.price_lists.committed_units IS 'units a month that a quote offers unless told otherwise';
	PERFORM copilot.put_touch('price_lists');
	PERFORM wrk.enable_tenancy('copilot.price_lists');
	PERFORM copilot.put_permissions('price_list', 'tenant', '{read}', copilot.ops_roles() || '{system}'::text[]);
	PERFORM copilot.put_permissions('price_list', 'tenant', '{manage}', '{ops_admin,admin}');
	PERFORM copilot.put_policy('price_lists', 'visible', 'prices before they are offered are for operations staff',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''price_list'')))');
	GRANT SELECT ON copilot.price_lists TO wrk_member;
	PERFORM wrk.enable_audit('copilot.price_lists', 'price_list', exclude => '{updated_at}', announce => true);
	PERFORM copilot.put_call('price.get', 'copilot.call_price_get(jsonb)');
	PERFORM copilot.put_call('price.set', 'copilot.call_price_set(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_prices() IS
'part of copilot.make_billing(): tables default_prices and price_lists, with their rights, audit and calls';

CREATE FUNCTION copilot.prices_of(tenant uuid, OUT currency text, OUT setup_fee numeric,
								  OUT committed_units bigint, OUT tiers jsonb)
RETURNS record
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT l.currency, l.setup_fee, l.committed_units, l.tiers FROM copilot.price_lists l WHERE l.tenant_id = tenant
	UNION ALL
	SELECT d.currency, d.setup_fee, d.committed_units, d.tiers FROM copilot.default_prices d
	WHERE NOT EXISTS (SELECT FROM copilot.price_lists l WHERE l.tenant_id = tenant)
$$;
COMMENT ON FUNCTION copilot.prices_of(uuid) IS 'the prices a tenant''s new quotes begin with; not for end users';

CREATE FUNCTION copilot.check_right(action text, resource_type text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF wrk.tenant_id() IS NULL THEN
		RAISE EXCEPTION 'nobody is authenticated' USING ERRCODE = 'WK401';
	END IF;
	IF wrk.can(action, resource_type) IS NOT TRUE THEN
		RAISE EXCEPTION 'to % a % is not for this role', action, replace(resource_type, '_', ' ')
			USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_right(text, text) IS
'refuses an identity that may not do this throughout its tenant. Errors: WK401 unauthorized, WK403 forbidden';

CREATE FUNCTION copilot.price_list()
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_right('read', 'price_list');
	RETURN to_jsonb(copilot.prices_of(wrk.tenant_id()::uuid)) || jsonb_build_object('own', EXISTS (
		SELECT FROM copilot.price_lists l WHERE l.tenant_id = wrk.tenant_id()::uuid));
END
$$;
COMMENT ON FUNCTION copilot.price_list() IS
'prices that new quotes of the own tenant begin with: {currency, setup_fee, committed_units, tiers, own}, own: not the installation''s default. Errors: WK401, WK403';

CREATE FUNCTION copilot.price_set(currency text DEFAULT NULL, setup_fee numeric DEFAULT NULL,
								  committed_units bigint DEFAULT NULL, tiers jsonb DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	tenant uuid := wrk.tenant_id()::uuid;
	was record;
BEGIN
	PERFORM copilot.check_right('manage', 'price_list');
	IF price_set.tiers IS NOT NULL AND copilot.tiers_problem(price_set.tiers) IS NOT NULL THEN
		PERFORM copilot.bad_param('tiers', copilot.tiers_problem(price_set.tiers));
	END IF;
	IF price_set.currency !~ '^[A-Z]{3}$' THEN
		PERFORM copilot.bad_param('currency', 'must be a code of three capitals (ISO 4217)');
	END IF;
	-- quotes that are made just now either come first, or have these prices
	PERFORM pg_advisory_xact_lock(hashtextextended('copilot.prices ' || tenant, 0));
	was := copilot.prices_of(tenant);
	IF price_set.currency <> was.currency AND EXISTS (SELECT FROM copilot.quotes q WHERE q.tenant_id = tenant) THEN
		RAISE EXCEPTION 'the currency stays %: there are quotes in it', was.currency USING ERRCODE = 'WK409',
			HINT = 'What a tenant owes is one sum in one currency.';
	END IF;
	INSERT INTO copilot.price_lists AS l (tenant_id, currency, setup_fee, committed_units, tiers)
	VALUES (tenant, coalesce(price_set.currency, was.currency), coalesce(price_set.setup_fee, was.setup_fee),
			coalesce(price_set.committed_units, was.committed_units), coalesce(price_set.tiers, was.tiers))
	ON CONFLICT (tenant_id) DO UPDATE SET currency = excluded.currency, setup_fee = excluded.setup_fee,
		committed_units = excluded.committed_units, tiers = excluded.tiers;
	RETURN copilot.price_list();
END
$$;
COMMENT ON FUNCTION copilot.price_set(text, numeric, bigint, jsonb) IS
'gives the own tenant its price list, or changes what is not NULL of it; quotes that are there keep their prices. setup_fee: 2 decimals; committed_units: a month. Answers as copilot.price_list(). Errors: WK400, WK401, WK403, WK409 for another currency than there are quotes in, 23514 for numbers out of bounds';

CREATE FUNCTION copilot.want_number(params jsonb, param text, decimals integer, highest numeric)
RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	value jsonb := nullif(params -> param, 'null');
BEGIN
	IF value IS NOT NULL AND (jsonb_typeof(value) <> 'number' OR value::numeric NOT BETWEEN 0 AND highest
		OR scale(trim_scale(value::numeric)) > decimals) THEN
		PERFORM copilot.bad_param(param, CASE decimals WHEN 0 THEN format('must be a whole number from 0 to %s', highest)
			ELSE format('must be a number from 0 to %s with at most %s decimals', highest, decimals) END);
	END IF;
	RETURN value::numeric;
END
$$;
COMMENT ON FUNCTION copilot.want_number(jsonb, text, integer, numeric) IS
'member of a call''s parameters as an exact number from 0 with so many decimals. Error: WK400 bad_request';

CREATE FUNCTION copilot.call_price_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, VARIADIC '{}');
	RETURN copilot.price_list();
END
$$;
COMMENT ON FUNCTION copilot.call_price_get(jsonb) IS
'call price.get {}: {currency, setup_fee, committed_units, tiers: [{from, unit_price}], own}, what new quotes begin with. Errors: WK400, WK403';

CREATE FUNCTION copilot.call_price_set(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'currency', 'setup_fee', 'committed_units', 'tiers');
	RETURN copilot.price_set(copilot.want_text(params, 'currency', 3),
		copilot.want_number(params, 'setup_fee', 2, 1000000000),
		copilot.want_number(params, 'committed_units', 0, 1000000000000)::bigint, nullif(params -> 'tiers', 'null'));
END
$$;
COMMENT ON FUNCTION copilot.call_price_set(jsonb) IS
'call price.set {currency, setup_fee, committed_units, tiers}: as price.get; what is absent stays. Errors: WK400, WK403, WK409 for another currency than there are quotes in';

REVOKE ALL ON FUNCTION copilot.amount(numeric, numeric), copilot.tiers_problem(jsonb), copilot.tier_price(jsonb, numeric),
	copilot.make_prices(), copilot.prices_of(uuid), copilot.check_right(text, text), copilot.price_list(),
	copilot.price_set(text, numeric, bigint, jsonb), copilot.want_number(jsonb, text, integer, numeric),
	copilot.call_price_get(jsonb), copilot.call_price_set(jsonb) FROM PUBLIC;
-- CHECKs and generated columns are evaluated with the rights of whoever writes the row
GRANT EXECUTE ON FUNCTION copilot.amount(numeric, numeric), copilot.tiers_problem(jsonb), copilot.tier_price(jsonb, numeric),
	copilot.check_right(text, text), copilot.price_list(), copilot.price_set(text, numeric, bigint, jsonb),
	copilot.want_number(jsonb, text, integer, numeric),
	copilot.call_price_get(jsonb), copilot.call_price_set(jsonb) TO wrk_member;
