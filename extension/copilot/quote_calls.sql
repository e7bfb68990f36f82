-- What people do with quotes: read, prepare, send, sign and reject them, and override
-- their prices.
--
-- All but the override runs with the caller's rights: policies say which quotes there
-- are, the machine whose step it is.  Prices nobody may write, so the override checks
-- the right to it and then writes as the owner, together with who did it and why.
-- A version is locked before its quote, as a step of the version does.

CREATE FUNCTION copilot.make_quote_overrides()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.pricing_overrides (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		quote_id uuid NOT NULL,
		reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
		before jsonb NOT NULL,
		after jsonb NOT NULL,
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, quote_id) REFERENCES copilot.quotes ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	CREATE INDEX IF NOT EXISTS pricing_overrides_quote_idx
		ON copilot.pricing_overrides (tenant_id, quote_id, created_at);
	COMMENT ON TABLE copilot.pricing_overrides IS 'prices that were set by hand: by whom, why, and what they were before';
	COMMENT ON COLUMN copilot.pricing_overrides.quote_id IS 'the quote that has the new terms';
	COMMENT ON COLUMN copilot.pricing_overrides.before IS '{setup_fee, committed_units, tiers}, as after';
	PERFORM wrk.enable_tenancy('copilot.pricing_overrides');
	PERFORM copilot.put_permissions('quote', 'tenant', '{override}', '{ops_admin,admin}');
	PERFORM copilot.put_policy('pricing_overrides', 'visible', 'reasons are for operations staff',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''quote'')))');
	GRANT SELECT ON copilot.pricing_overrides TO wrk_member;
	PERFORM wrk.enable_audit('copilot.pricing_overrides', 'pricing_override', announce => true);
	PERFORM copilot.put_call('quote.list', 'copilot.call_quote_list(jsonb)');
	PERFORM copilot.put_call('quote.get', 'copilot.call_quote_get(jsonb)');
	PERFORM copilot.put_call('quote.update', 'copilot.call_quote_update(jsonb)');
	PERFORM copilot.put_call('quote.send', 'copilot.call_quote_send(jsonb)');
	PERFORM copilot.put_call('quote.sign', 'copilot.call_quote_sign(jsonb)');
	PERFORM copilot.put_call('quote.reject', 'copilot.call_quote_reject(jsonb)');
	PERFORM copilot.put_call('quote.override', 'copilot.call_quote_override(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_quote_overrides() IS
'part of copilot.make_billing(): table pricing_overrides, with its rights and audit, and the calls of quotes';

-- ---------- reading ----------

CREATE FUNCTION copilot.quote_get(quote uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	result jsonb;
BEGIN
	SELECT copilot.answer(to_jsonb(q)) || jsonb_build_object('lines', (
		SELECT coalesce(jsonb_agg(copilot.answer(to_jsonb(l)) - 'quote_id' ORDER BY l.kind DESC), '[]')
		FROM copilot.quote_lines l WHERE l.tenant_id = q.tenant_id AND l.quote_id = q.id))
	INTO result FROM copilot.quotes q WHERE q.id = quote;
	IF result IS NULL THEN
		RAISE EXCEPTION 'quote not found' USING ERRCODE = 'WK404';
	END IF;
	IF wrk.can('read', 'quote') THEN
		result := result || jsonb_build_object('overrides', (
			SELECT coalesce(jsonb_agg(copilot.answer(to_jsonb(o)) - 'quote_id' ORDER BY o.created_at, o.id), '[]')
			FROM copilot.pricing_overrides o WHERE o.quote_id = quote));
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.quote_get(uuid) IS
'a quote that the caller sees, with its lines and, for operations staff, its overrides. Error: WK404 not_found';

CREATE FUNCTION copilot.call_quote_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id');
	RETURN copilot.quote_get(copilot.want_uuid(params, 'id', true));
END
$$;
COMMENT ON FUNCTION copilot.call_quote_get(jsonb) IS
'call quote.get {id}: the quote with lines [{kind: setup (once) or commitment (each month), quantity, unit_price, amount}] and, for operations staff, overrides [{id, reason, before, after, created_by, created_at}]. Errors: WK400, WK404';

CREATE FUNCTION copilot.call_quote_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	wanted_status text;
	version uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'automation_version_id', 'status', 'after', 'limit');
	wanted_status := copilot.want_choice(params, 'status', 'draft', 'sent', 'signed', 'rejected');
	version := copilot.want_uuid(params, 'automation_version_id');
	page := copilot.want_page(params);
	WITH found AS (
		SELECT q.* FROM copilot.quotes q
		WHERE (q.created_at, q.id) < (page.before_time, page.before_id)
			AND (wanted_status IS NULL OR q.status = wanted_status)
			AND (version IS NULL OR q.automation_version_id = version)
		ORDER BY q.created_at DESC, q.id DESC LIMIT page.page_size + 1)
	SELECT copilot.page_answer('quotes',
		jsonb_agg(copilot.answer(to_jsonb(f)) ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_quote_list(jsonb) IS
'call quote.list {automation_version_id, status, after, limit}: {quotes, next} newest first, superseded ones included; next is null on the last page. Error: WK400';

-- ---------- steps ----------

CREATE FUNCTION copilot.quote_lock(quote uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	subject uuid;
BEGIN
	SELECT q.automation_version_id INTO subject FROM copilot.quotes q
	WHERE q.id = quote AND q.tenant_id = wrk.tenant_id()::uuid;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'quote not found' USING ERRCODE = 'WK404';
	END IF;
	PERFORM FROM copilot.automation_versions v
	WHERE v.tenant_id = wrk.tenant_id()::uuid AND v.id = subject FOR UPDATE;
END
$$;
COMMENT ON FUNCTION copilot.quote_lock(uuid) IS
'locks the version of a quote, so that no step of it comes in between. Error: WK404 not_found';

CREATE FUNCTION copilot.quote_step(quote uuid, target text, reason text, key text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	answer jsonb;
BEGIN
	answer := copilot.key_claim(key, 'copilot.quote_step', jsonb_build_array(quote, target, reason));
	IF answer IS NOT NULL THEN
		RETURN answer;
	END IF;
	PERFORM copilot.quote_lock(quote);
	PERFORM wrk.transition('copilot.quotes', quote::text, target, reason);
	answer := copilot.quote_get(quote);
	RETURN copilot.key_answer(key, answer);
END
$$;
COMMENT ON FUNCTION copilot.quote_step(uuid, text, text, text) IS
'has a quote take a step, and its version with it; key: idempotency key. Answers as copilot.quote_get(). Errors: WK400, WK401, WK403 not for this identity, WK404, WK422 no such step, superseded, not valid any more or the version may not follow, WK4K2';

CREATE FUNCTION copilot.quote_send(quote uuid, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.quote_step(quote, 'sent', NULL, key);
COMMENT ON FUNCTION copilot.quote_send(uuid, text) IS
'sends a draft to the client, whose version then awaits approval; see copilot.quote_step()';

CREATE FUNCTION copilot.quote_sign(quote uuid, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.quote_step(quote, 'signed', NULL, key);
COMMENT ON FUNCTION copilot.quote_sign(uuid, text) IS
'signs a quote that was sent, whose version is then built; see copilot.quote_step()';

CREATE FUNCTION copilot.quote_reject(quote uuid, reason text, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.quote_step(quote, 'rejected', reason, key);
COMMENT ON FUNCTION copilot.quote_reject(uuid, text, text) IS
'rejects a quote that was sent: its version needs pricing again, and a draft with the same terms takes its place; see copilot.quote_step()';

CREATE FUNCTION copilot.call_quote_send(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id');
	RETURN copilot.quote_send(copilot.want_uuid(params, 'id', true));
END
$$;
COMMENT ON FUNCTION copilot.call_quote_send(jsonb) IS
'call quote.send {id}: the quote as quote.get has it; its version awaits approval. Errors: WK400, WK403, WK404, WK422';

CREATE FUNCTION copilot.call_quote_sign(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id');
	RETURN copilot.quote_sign(copilot.want_uuid(params, 'id', true));
END
$$;
COMMENT ON FUNCTION copilot.call_quote_sign(jsonb) IS
'call quote.sign {id}: the quote as quote.get has it; its version is built. Errors: WK400, WK403, WK404, WK422 also for one that is superseded or not valid any more';

CREATE FUNCTION copilot.call_quote_reject(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'reason');
	RETURN copilot.quote_reject(copilot.want_uuid(params, 'id', true), copilot.want_text(params, 'reason', 2000, true));
END
$$;
COMMENT ON FUNCTION copilot.call_quote_reject(jsonb) IS
'call quote.reject {id, reason}: the quote as quote.get has it; its version needs pricing again. Errors: WK400, WK403, WK404, WK422';

-- ---------- terms ----------

CREATE FUNCTION copilot.quote_update(quote uuid, committed_units bigint DEFAULT NULL, valid_until date DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE copilot.quotes q SET committed_units = coalesce(quote_update.committed_units, q.committed_units),
		valid_until = coalesce(quote_update.valid_until, q.valid_until) WHERE q.id = quote;
	IF NOT FOUND THEN
		-- not found at all, or not to be changed
		PERFORM copilot.quote_get(quote);
		RAISE EXCEPTION 'to change a quote is not for this role' USING ERRCODE = 'WK403';
	END IF;
	RETURN copilot.quote_get(quote);
END
$$;
COMMENT ON FUNCTION copilot.quote_update(uuid, bigint, date) IS
'changes what is not NULL of a draft: committed units a month, last day to sign. Answers as copilot.quote_get(). Errors: WK403, WK404, WK422 for a quote that is no draft, or for units of one that was sent before, 23514 for numbers out of bounds';

CREATE FUNCTION copilot.call_quote_update(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'committed_units', 'valid_until');
	RETURN copilot.quote_update(copilot.want_uuid(params, 'id', true),
		copilot.want_number(params, 'committed_units', 0, 1000000000000)::bigint,
		(copilot.want_time(params, 'valid_until') AT TIME ZONE 'UTC')::date);
END
$$;
COMMENT ON FUNCTION copilot.call_quote_update(jsonb) IS
'call quote.update {id, committed_units, valid_until}: the draft as quote.get has it; what is absent stays. Errors: WK400, WK403, WK404, WK422';

CREATE FUNCTION copilot.quote_terms(quote uuid)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('setup_fee', q.setup_fee, 'committed_units', q.committed_units, 'tiers', q.tiers)
	FROM copilot.quotes q WHERE q.id = quote AND q.tenant_id = wrk.tenant_id()::uuid
$$;
COMMENT ON FUNCTION copilot.quote_terms(uuid) IS 'part of copilot.quote_override(): what an override may change';

CREATE FUNCTION copilot.quote_override_check(reason text, setup_fee numeric, unit_price numeric,
											 committed_units bigint, tiers jsonb)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_right('override', 'quote');
	IF coalesce(length(btrim(reason, E' \t\r\n')), 0) NOT BETWEEN 1 AND 2000 THEN
		PERFORM copilot.bad_param('reason', 'must say in 1 to 2000 characters why');
	END IF;
	IF num_nonnulls(setup_fee, unit_price, committed_units, tiers) = 0 THEN
		RAISE EXCEPTION 'nothing is overridden' USING ERRCODE = 'WK400',
			HINT = 'Pass setup_fee, unit_price or tiers, committed_units.';
	END IF;
	IF unit_price IS NOT NULL AND tiers IS NOT NULL THEN
		PERFORM copilot.bad_param('unit_price', 'cannot be given together with tiers');
	END IF;
	IF tiers IS NOT NULL AND copilot.tiers_problem(tiers) IS NOT NULL THEN
		PERFORM copilot.bad_param('tiers', copilot.tiers_problem(tiers));
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.quote_override_check(text, numeric, numeric, bigint, jsonb) IS
'part of copilot.quote_override(): who may, and with what. Errors: WK400, WK401, WK403';

CREATE FUNCTION copilot.quote_override_apply(quote uuid, reason text, setup_fee numeric, committed_units bigint, tiers jsonb)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := wrk.tenant_id()::uuid;
	was copilot.quotes;
	target uuid := quote;
	before jsonb;
BEGIN
	PERFORM copilot.quote_lock(quote);
	SELECT * INTO was FROM copilot.quotes q WHERE q.tenant_id = tenant AND q.id = quote FOR UPDATE;
	IF was.superseded_at IS NOT NULL OR was.status NOT IN ('draft', 'sent') THEN
		RAISE EXCEPTION 'quote % is %, its prices are fixed', was.number,
			CASE WHEN was.superseded_at IS NULL THEN was.status ELSE 'superseded' END USING ERRCODE = 'WK422';
	END IF;
	before := copilot.quote_terms(quote);
	IF was.sent_at IS NOT NULL THEN
		target := copilot.quote_revise(tenant, quote);
	END IF;
	UPDATE copilot.quotes q SET setup_fee = coalesce(quote_override_apply.setup_fee, q.setup_fee),
		committed_units = coalesce(quote_override_apply.committed_units, q.committed_units),
		tiers = coalesce(quote_override_apply.tiers, q.tiers)
	WHERE q.tenant_id = tenant AND q.id = target;
	INSERT INTO copilot.pricing_overrides (tenant_id, quote_id, reason, before, after)
	VALUES (tenant, target, reason, before, copilot.quote_terms(target));
	IF was.status = 'sent' THEN
		PERFORM wrk.transition('copilot.quotes', target::text, 'sent');
		PERFORM copilot.quote_notify(tenant, target, '%s has a new price');
	END IF;
	RETURN target;
END
$$;
COMMENT ON FUNCTION copilot.quote_override_apply(uuid, text, numeric, bigint, jsonb) IS
'part of copilot.quote_override(): changes a draft, puts another in the place of one that was withdrawn, or sends another quote in the place of one that was sent; returns the id of the quote that has the new terms';

CREATE FUNCTION copilot.quote_notify(tenant uuid, quote uuid, title text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.notify(tenant, p, 'quote', format(title, left(a.name, 150)),
		jsonb_build_object('automation_id', a.id, 'automation_version_id', q.automation_version_id, 'number', q.number),
		'quote', q.id::text)
	FROM copilot.quotes q
	JOIN copilot.automation_versions v ON v.tenant_id = q.tenant_id AND v.id = q.automation_version_id
	JOIN copilot.automations a ON a.tenant_id = v.tenant_id AND a.id = v.automation_id
	CROSS JOIN LATERAL copilot.route_people(tenant, a.id, '{client}') p
	WHERE q.tenant_id = tenant AND q.id = quote
$$;
COMMENT ON FUNCTION copilot.quote_notify(uuid, uuid, text) IS
'tells the clients of a tenant something about a quote; %s in the title is the automation';

CREATE FUNCTION copilot.quote_override(quote uuid, reason text, setup_fee numeric DEFAULT NULL,
									   unit_price numeric DEFAULT NULL, committed_units bigint DEFAULT NULL,
									   tiers jsonb DEFAULT NULL, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	target uuid;
	answer jsonb;
BEGIN
	PERFORM copilot.quote_override_check(reason, setup_fee, unit_price, committed_units, tiers);
	answer := copilot.key_claim(key, 'copilot.quote_override',
		jsonb_build_array(quote, reason, setup_fee, unit_price, committed_units, tiers));
	IF answer IS NOT NULL THEN
		RETURN answer;
	END IF;
	IF unit_price IS NOT NULL THEN
		-- one price, whatever the volume
		tiers := jsonb_build_array(jsonb_build_object('from', 0, 'unit_price', unit_price));
		IF copilot.tiers_problem(tiers) IS NOT NULL THEN
			PERFORM copilot.bad_param('unit_price', 'must be from 0 to 1000000 with at most 6 decimals');
		END IF;
	END IF;
	-- two statements: what only reads sees what was there when its statement began
	target := copilot.quote_override_apply(quote, reason, setup_fee, committed_units, tiers);
	answer := copilot.quote_get(target);
	RETURN copilot.key_answer(key, answer);
END
$$;
COMMENT ON FUNCTION copilot.quote_override(uuid, text, numeric, numeric, bigint, jsonb, text) IS
'sets prices of a quote by hand, what is not NULL: a draft is changed, one that was sent is superseded by another that is sent in its place, one that was withdrawn by another draft. unit_price: for every volume, tiers: [{from, unit_price}]; key: idempotency key. Who, why and what it was before is kept in pricing_overrides. Answers the quote with the new terms as copilot.quote_get(). Errors: WK400, WK401, WK403, WK404, WK422 for one that is signed, rejected or superseded, WK4K2, 23514 for numbers out of bounds';

CREATE FUNCTION copilot.call_quote_override(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'reason', 'setup_fee', 'unit_price', 'committed_units', 'tiers');
	RETURN copilot.quote_override(copilot.want_uuid(params, 'id', true), copilot.want_text(params, 'reason', 2000, true),
		copilot.want_number(params, 'setup_fee', 2, 1000000000), copilot.want_number(params, 'unit_price', 6, 1000000),
		copilot.want_number(params, 'committed_units', 0, 1000000000000)::bigint, nullif(params -> 'tiers', 'null'));
END
$$;
COMMENT ON FUNCTION copilot.call_quote_override(jsonb) IS
'call quote.override {id, reason, setup_fee, unit_price or tiers, committed_units}: the quote with the new terms, another one if it was sent already. Errors: WK400, WK403, WK404, WK422 for one that is signed, rejected or superseded';

REVOKE ALL ON FUNCTION copilot.make_quote_overrides(), copilot.quote_get(uuid), copilot.call_quote_get(jsonb),
	copilot.call_quote_list(jsonb), copilot.quote_lock(uuid), copilot.quote_step(uuid, text, text, text),
	copilot.quote_send(uuid, text), copilot.quote_sign(uuid, text), copilot.quote_reject(uuid, text, text),
	copilot.call_quote_send(jsonb), copilot.call_quote_sign(jsonb), copilot.call_quote_reject(jsonb),
	copilot.quote_update(uuid, bigint, date), copilot.call_quote_update(jsonb), copilot.quote_terms(uuid),
	copilot.quote_override_check(text, numeric, numeric, bigint, jsonb),
	copilot.quote_override_apply(uuid, text, numeric, bigint, jsonb), copilot.quote_notify(uuid, uuid, text),
	copilot.quote_override(uuid, text, numeric, numeric, bigint, jsonb, text),
	copilot.call_quote_override(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.quote_get(uuid), copilot.call_quote_get(jsonb), copilot.call_quote_list(jsonb),
	copilot.quote_lock(uuid), copilot.quote_step(uuid, text, text, text), copilot.quote_send(uuid, text),
	copilot.quote_sign(uuid, text), copilot.quote_reject(uuid, text, text), copilot.call_quote_send(jsonb),
	copilot.call_quote_sign(jsonb), copilot.call_quote_reject(jsonb), copilot.quote_update(uuid, bigint, date),
	copilot.call_quote_update(jsonb), copilot.quote_override(uuid, text, numeric, numeric, bigint, jsonb, text),
	copilot.call_quote_override(jsonb) TO wrk_member;
