-- Quotes: what building and running a version will cost, and the client's answer.
--
-- A version that needs pricing has a quote made for it.  Quote and version go together:
-- a quote that is sent, signed or rejected takes its version along, and a version that
-- is sent for approval, approved or rejected its quote, in one transaction either way.
--
-- Must stay true: a version has at most one quote that is not superseded; terms change
-- in a draft that was never sent, and prices only by an override with its reason
-- (quote_calls.sql).
-- Clients see what was sent to them, builders and testers see no prices at all.

CREATE FUNCTION copilot.make_quotes()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.quotes (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		automation_version_id uuid NOT NULL,
		number integer NOT NULL DEFAULT 1 CHECK (number > 0),
		status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'sent', 'signed', 'rejected')),
		status_reason text CHECK (length(status_reason) <= 2000),
		currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
		setup_fee numeric(30,2) NOT NULL CHECK (setup_fee BETWEEN 0 AND 1000000000),
		committed_units bigint NOT NULL CHECK (committed_units BETWEEN 0 AND 1000000000000),
		tiers jsonb NOT NULL CHECK (copilot.tiers_problem(tiers) IS NULL),
		unit_price numeric(30,6) NOT NULL CHECK (unit_price = copilot.tier_price(tiers, committed_units)),
		monthly_amount numeric(30,2) NOT NULL CHECK (monthly_amount = copilot.amount(committed_units, unit_price)),
		valid_until date,
		supersedes uuid,
		superseded_at timestamptz,
		sent_at timestamptz,
		answered_at timestamptz,
		answered_by uuid,
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id, automation_version_id, number),
		UNIQUE (tenant_id, automation_version_id, id), -- what commitments refer to
		FOREIGN KEY (tenant_id, automation_version_id)
			REFERENCES copilot.automation_versions ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, supersedes) REFERENCES copilot.quotes,
		FOREIGN KEY (tenant_id, answered_by) REFERENCES copilot.tenant_users,
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	CREATE UNIQUE INDEX IF NOT EXISTS quotes_open_key
		ON copilot.quotes (tenant_id, automation_version_id) WHERE superseded_at IS NULL;
	CREATE INDEX IF NOT EXISTS quotes_recent_idx ON copilot.quotes (tenant_id, created_at, id);
	CREATE INDEX IF NOT EXISTS quotes_supersedes_idx ON copilot.quotes (tenant_id, supersedes);
	CREATE INDEX IF NOT EXISTS quotes_signed_idx
		ON copilot.quotes (tenant_id, answered_at) WHERE status = 'signed';
	COMMENT ON TABLE copilot.quotes IS 'what building and running a version costs: offers, and the answers to them';
	COMMENT ON COLUMN copilot.quotes.number IS 'which quote of its version this is, from 1';
	COMMENT ON COLUMN copilot.quotes.setup_fee IS 'once, when it is signed';
	COMMENT ON COLUMN copilot.quotes.committed_units IS 'units of usage a month that are paid for whether used or not';
	COMMENT ON COLUMN copilot.quotes.tiers IS 'unit prices by volume, [{from, unit_price}]; see copilot.tier_price()';
	COMMENT ON COLUMN copilot.quotes.unit_price IS 'effective unit price: what the tiers say for the committed units';
	COMMENT ON COLUMN copilot.quotes.monthly_amount IS 'committed units at their unit price';
	COMMENT ON COLUMN copilot.quotes.valid_until IS 'last day (UTC) it can be signed; 30 days after it was sent unless said otherwise';
	COMMENT ON COLUMN copilot.quotes.superseded_at IS 'since when another quote stands in its place';
	COMMENT ON COLUMN copilot.quotes.answered_at IS 'with answered_by: when, and by whom, it was signed or rejected';
	CREATE OR REPLACE TRIGGER derive BEFORE INSERT OR UPDATE ON copilot.quotes
		FOR EACH ROW EXECUTE FUNCTION copilot.quote_derive();
	CREATE OR REPLACE TRIGGER fix_terms BEFORE UPDATE ON copilot.quotes
		FOR EACH ROW EXECUTE FUNCTION copilot.quote_fix_terms();
	-- before wrk_status_changed: the last event of a step is the one that tells of it
	CREATE OR REPLACE TRIGGER quote_follow AFTER UPDATE OF status ON copilot.automation_versions
		FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION copilot.quote_follow();
	CREATE OR REPLACE TRIGGER write_lines AFTER INSERT OR UPDATE OF setup_fee, committed_units, tiers ON copilot.quotes
		FOR EACH ROW EXECUTE FUNCTION copilot.quote_write_lines();
	PERFORM copilot.put_touch('quotes');
	PERFORM wrk.enable_tenancy('copilot.quotes');
	GRANT SELECT, UPDATE (status, status_reason, committed_units, valid_until) ON copilot.quotes TO wrk_member;

	CREATE TABLE IF NOT EXISTS copilot.quote_lines (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		quote_id uuid NOT NULL,
		kind text NOT NULL CHECK (kind IN ('setup', 'commitment')),
		quantity numeric(30,6) NOT NULL CHECK (quantity >= 0),
		unit_price numeric(30,6) NOT NULL CHECK (unit_price >= 0),
		amount numeric(30,2) NOT NULL CHECK (amount = copilot.amount(quantity, unit_price)),
		PRIMARY KEY (tenant_id, quote_id, kind),
		FOREIGN KEY (tenant_id, quote_id) REFERENCES copilot.quotes ON DELETE CASCADE
	);
	COMMENT ON TABLE copilot.quote_lines IS
		'lines of a quote: setup once, commitment each month; written by a trigger of quotes';
	PERFORM wrk.enable_tenancy('copilot.quote_lines');
	GRANT SELECT ON copilot.quote_lines TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_quotes() IS 'part of copilot.make_billing(): tables quotes and quote_lines';

CREATE FUNCTION copilot.make_quote_rights()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	ops text[] := copilot.ops_roles() || '{system}'::text[];
	staff text[] := ARRAY(SELECT 'role:' || r FROM unnest(ops) r);
BEGIN
	PERFORM copilot.put_permissions('quote', 'tenant', '{read,update}', ops);
	PERFORM copilot.put_permissions('sent_quote', 'tenant', '{read,answer}', '{client}');
	PERFORM copilot.put_policy('quotes', 'visible', 'clients see what was sent to them',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''quote''))'
		' OR status <> ''draft'' AND (SELECT wrk.can(''read'', ''sent_quote'')))');
	PERFORM copilot.put_policy('quotes', 'changeable', 'operations staff, and clients who answer',
		'AS RESTRICTIVE FOR UPDATE USING ((SELECT wrk.can(''update'', ''quote''))'
		' OR status <> ''draft'' AND (SELECT wrk.can(''answer'', ''sent_quote''))) WITH CHECK (true)');
	PERFORM copilot.put_policy('quote_lines', 'visible', 'lines of the quotes one sees',
		'AS RESTRICTIVE USING (EXISTS (SELECT FROM copilot.quotes q'
		' WHERE q.tenant_id = quote_lines.tenant_id AND q.id = quote_id))');
	-- no event of its own for the status: quote.updated says it
	PERFORM wrk.enable_status('copilot.quotes', 'quote', reason_column => 'status_reason', entity => 'quote');
	-- the same rule as the policy "visible" of the table
	PERFORM wrk.enable_events('copilot.quotes', 'quote',
		channels => ARRAY['automation_version:{automation_version_id}'], exclude => '{status_machine_version}',
		audience => jsonb_build_object('column', 'status', 'map', jsonb_build_object('draft', staff),
			'default', staff || '{role:client}'::text[]));
	PERFORM wrk.enable_audit('copilot.quotes', 'quote', action_column => 'status', announce => true,
		exclude => '{updated_at,status_machine_version,sent_at,answered_at,answered_by}');
END
$$;
COMMENT ON FUNCTION copilot.make_quote_rights() IS
'part of copilot.make_billing(): permissions, policies, status, events and audit of quotes';

-- ---------- what is true of a row ----------

CREATE FUNCTION copilot.quote_derive()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	NEW.unit_price := copilot.tier_price(NEW.tiers, NEW.committed_units);
	NEW.monthly_amount := copilot.amount(NEW.committed_units, NEW.unit_price);
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.quote_derive() IS 'trigger of quotes: unit_price and monthly_amount follow from tiers and committed units';

CREATE FUNCTION copilot.quote_fix_terms()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF (OLD.status <> 'draft' OR OLD.superseded_at IS NOT NULL)
		AND (NEW.currency, NEW.setup_fee, NEW.committed_units, NEW.tiers, NEW.valid_until)
			IS DISTINCT FROM (OLD.currency, OLD.setup_fee, OLD.committed_units, OLD.tiers, OLD.valid_until) THEN
		RAISE EXCEPTION 'quote % is %, its terms are fixed', OLD.number,
			CASE WHEN OLD.superseded_at IS NULL THEN OLD.status ELSE 'superseded' END USING ERRCODE = 'WK422';
	END IF;
	-- who signs, signs what they were sent by this id, also if it was withdrawn and sent again meanwhile
	IF OLD.sent_at IS NOT NULL AND (NEW.currency, NEW.setup_fee, NEW.committed_units, NEW.tiers)
		IS DISTINCT FROM (OLD.currency, OLD.setup_fee, OLD.committed_units, OLD.tiers) THEN
		RAISE EXCEPTION 'quote % was sent before, its terms are fixed', OLD.number USING ERRCODE = 'WK422',
			HINT = 'Override it: another quote takes its place.';
	END IF;
	IF NEW.status = OLD.status OR wrk.status_importing() THEN
		RETURN NEW;
	END IF;
	IF NEW.status = 'sent' THEN
		NEW.sent_at := clock_timestamp();
		NEW.valid_until := coalesce(NEW.valid_until, (NEW.sent_at AT TIME ZONE 'UTC')::date + 30);
	ELSIF NEW.status IN ('signed', 'rejected') THEN
		NEW.answered_at := clock_timestamp();
		NEW.answered_by := copilot.as_uuid(wrk.user_id());
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.quote_fix_terms() IS
'trigger of quotes: terms change in a draft only, and in one that was sent before nothing but its last day; stamps when it was sent and answered, and by whom. Error: WK422 invalid_transition';

CREATE FUNCTION copilot.quote_write_lines()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO copilot.quote_lines AS l (tenant_id, quote_id, kind, quantity, unit_price, amount)
	VALUES (NEW.tenant_id, NEW.id, 'setup', 1, NEW.setup_fee, copilot.amount(1, NEW.setup_fee)),
		(NEW.tenant_id, NEW.id, 'commitment', NEW.committed_units, NEW.unit_price, NEW.monthly_amount)
	ON CONFLICT (tenant_id, quote_id, kind) DO UPDATE
		SET quantity = excluded.quantity, unit_price = excluded.unit_price, amount = excluded.amount;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.quote_write_lines() IS 'trigger of quotes: keeps quote_lines what the terms add up to';

-- ---------- making one ----------

CREATE FUNCTION copilot.quote_revise(tenant uuid, quote uuid)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	made uuid;
BEGIN
	UPDATE copilot.quotes q SET superseded_at = clock_timestamp() WHERE q.tenant_id = tenant AND q.id = quote;
	INSERT INTO copilot.quotes AS n (tenant_id, automation_version_id, number, currency, setup_fee,
									 committed_units, tiers, supersedes)
	SELECT q.tenant_id, q.automation_version_id, q.number + 1, q.currency, q.setup_fee, q.committed_units, q.tiers, q.id
	FROM copilot.quotes q WHERE q.tenant_id = tenant AND q.id = quote
	RETURNING n.id INTO made;
	RETURN made;
END
$$;
COMMENT ON FUNCTION copilot.quote_revise(uuid, uuid) IS
'puts a new draft with the same terms in the place of a quote and returns its id; the quote is locked by the caller';

CREATE FUNCTION copilot.quote_first(tenant uuid, version uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(hashtextextended('copilot.prices ' || tenant, 0));
	-- from now on the tenant has prices of its own: other defaults are for others
	INSERT INTO copilot.price_lists (tenant_id, currency, setup_fee, committed_units, tiers)
	SELECT tenant, p.currency, p.setup_fee, p.committed_units, p.tiers FROM copilot.prices_of(tenant) p
	ON CONFLICT (tenant_id) DO NOTHING;
	INSERT INTO copilot.quotes (tenant_id, automation_version_id, currency, setup_fee, committed_units, tiers)
	SELECT tenant, version, p.currency, p.setup_fee, p.committed_units, p.tiers FROM copilot.prices_of(tenant) p;
END
$$;
COMMENT ON FUNCTION copilot.quote_first(uuid, uuid) IS
'part of copilot.quote_make(): a draft by the tenant''s price list';

CREATE FUNCTION copilot.quote_make(tenant uuid, version uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	last copilot.quotes;
BEGIN
	SELECT * INTO last FROM copilot.quotes q
	WHERE q.tenant_id = tenant AND q.automation_version_id = version AND q.superseded_at IS NULL FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM copilot.quote_first(tenant, version);
	ELSIF last.status IN ('sent', 'rejected') THEN
		IF last.status = 'sent' THEN
			-- the version was rejected, and that is the answer to its quote
			PERFORM wrk.transition('copilot.quotes', last.id::text, 'rejected', (SELECT v.status_reason
				FROM copilot.automation_versions v WHERE v.tenant_id = tenant AND v.id = quote_make.version));
		END IF;
		PERFORM copilot.quote_revise(tenant, last.id);
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.quote_make(uuid, uuid) IS
'has a version that needs pricing have a draft: by the price list of its tenant, or with the terms of the quote that was rejected, whose place it takes. Called when a version enters needs_pricing; nobody else may';

-- ---------- quote and version go together ----------

CREATE FUNCTION copilot.quote_is_open(step jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN step #>> '{row,superseded_at}' IS NOT NULL THEN 'the quote is superseded by another one'
		WHEN step ->> 'to' IN ('sent', 'signed')
			AND (step #>> '{row,valid_until}')::date < (now() AT TIME ZONE 'UTC')::date
			THEN format('the quote was valid until %s', step #>> '{row,valid_until}') END
$$;
COMMENT ON FUNCTION copilot.quote_is_open(jsonb) IS
'guard: a quote that is superseded takes no more steps, and one that is not valid any more is not signed';

CREATE FUNCTION copilot.quote_entered(step jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := step ->> 'tenant_id';
	subject uuid := step #>> '{row,automation_version_id}';
	target text := CASE step ->> 'to' WHEN 'sent' THEN 'awaiting_client_approval'
		WHEN 'signed' THEN 'build_in_progress' WHEN 'rejected' THEN 'needs_pricing' END;
BEGIN
	-- a version that is there already brought its quote along
	IF EXISTS (SELECT FROM copilot.automation_versions v
			   WHERE v.tenant_id = tenant AND v.id = subject AND v.status <> target) THEN
		PERFORM wrk.transition('copilot.automation_versions', subject::text, target, step ->> 'reason');
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.quote_entered(jsonb) IS
'after every step of a quote: takes its version along, sent to awaiting_client_approval, signed to build_in_progress, rejected to needs_pricing; a quote whose version may not follow stays where it is. Nobody may call it';

CREATE FUNCTION copilot.quote_follow()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	target text := CASE WHEN OLD.status = 'needs_pricing' AND NEW.status = 'awaiting_client_approval' THEN 'sent'
		WHEN OLD.status = 'awaiting_client_approval' AND NEW.status = 'build_in_progress' THEN 'signed' END;
	quote uuid;
BEGIN
	IF target IS NULL OR wrk.status_importing() THEN
		RETURN NULL;
	END IF;
	SELECT q.id INTO quote FROM copilot.quotes q
	WHERE q.tenant_id = NEW.tenant_id AND q.automation_version_id = NEW.id AND q.superseded_at IS NULL
		AND q.status <> target;
	-- none: the version is older than quotes are, or came here with its quote
	IF FOUND THEN
		PERFORM wrk.transition('copilot.quotes', quote::text, target);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.quote_follow() IS
'trigger of automation_versions: a version sent for approval has its quote sent, one that is approved has it signed; the step is refused if the quote''s is. Who rejects is dealt with by copilot.quote_make()';

REVOKE ALL ON FUNCTION copilot.make_quotes(), copilot.make_quote_rights(), copilot.quote_derive(),
	copilot.quote_fix_terms(), copilot.quote_write_lines(), copilot.quote_revise(uuid, uuid), copilot.quote_first(uuid, uuid),
	copilot.quote_make(uuid, uuid), copilot.quote_is_open(jsonb), copilot.quote_entered(jsonb),
	copilot.quote_follow() FROM PUBLIC;
