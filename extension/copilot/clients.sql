-- Clients: whom the product is made for.  A client is a tenant as operations knows it:
-- whom to talk to, who answers for them, when their contract is renewed.
--
-- Must stay true: every tenant is one client, and every client one tenant, however the
-- tenant came to be.  Clients keep their own address up to date; who answers for them
-- and until when is for operations to say.  Builders and testers see neither.

CREATE FUNCTION copilot.make_clients()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.clients (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		legal_name text CHECK (length(legal_name) BETWEEN 1 AND 200),
		industry text CHECK (length(industry) BETWEEN 1 AND 200),
		website text CHECK (website ~ '^https?://' AND length(website) <= 2000),
		contact_name text CHECK (length(contact_name) BETWEEN 1 AND 200),
		contact_email text CHECK (contact_email ~ '^[^@\s]+@[^@\s]+$' AND length(contact_email) <= 254),
		contact_phone text CHECK (length(contact_phone) BETWEEN 1 AND 50),
		owner_id uuid,
		renews_on date,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id), -- one to one
		FOREIGN KEY (tenant_id, owner_id) REFERENCES copilot.tenant_users
	);
	COMMENT ON TABLE copilot.clients IS 'tenants as operations knows them, one row each; made with the tenant';
	COMMENT ON COLUMN copilot.clients.owner_id IS 'who of operations answers for the client';
	COMMENT ON COLUMN copilot.clients.renews_on IS 'day the contract ends or is renewed';
	PERFORM copilot.put_touch('clients');
	CREATE OR REPLACE TRIGGER "check" AFTER UPDATE ON copilot.clients
		FOR EACH ROW EXECUTE FUNCTION copilot.client_check();
	PERFORM wrk.enable_tenancy('copilot.clients');
	PERFORM copilot.make_client_rights();
	PERFORM copilot.put_call('client.get', 'copilot.call_client_get(jsonb)');
	PERFORM copilot.put_call('client.update', 'copilot.call_client_update(jsonb)');
	INSERT INTO wrk.channel_rule AS r (pattern, authorizer, description)
	VALUES ('client:{id}', 'copilot.may_join_client(text)', 'a client one sees: changes, and for operations its health')
	ON CONFLICT (pattern) DO UPDATE SET authorizer = excluded.authorizer, description = excluded.description;
END
$$;
COMMENT ON FUNCTION copilot.make_clients() IS
'part of copilot.make_operations(): table clients, its rights, events, audit and calls';

CREATE FUNCTION copilot.make_client_rights()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	readers text[] := copilot.ops_roles() || '{client,system}'::text[];
BEGIN
	PERFORM copilot.put_permissions('client', 'tenant', '{read,update}', readers);
	PERFORM copilot.put_permissions('client', 'tenant', '{manage}', copilot.ops_roles() || '{system}'::text[]);
	PERFORM copilot.put_policy('clients', 'visible', 'who sees the client',
		'AS RESTRICTIVE USING ((SELECT wrk.can(''read'', ''client'')))');
	PERFORM copilot.put_policy('clients', 'changeable', 'who may change the client',
		'AS RESTRICTIVE FOR UPDATE USING ((SELECT wrk.can(''update'', ''client'')))');
	GRANT SELECT, UPDATE (legal_name, industry, website, contact_name, contact_email, contact_phone,
						  owner_id, renews_on) ON copilot.clients TO wrk_member;
	PERFORM wrk.enable_events('copilot.clients', 'client', channels => ARRAY['client:{id}'],
		audience => to_jsonb(ARRAY(SELECT 'role:' || r FROM unnest(readers) r)));
	PERFORM wrk.enable_audit('copilot.clients', 'client', exclude => '{updated_at}',
		history => 'readers', announce => true);
END
$$;
COMMENT ON FUNCTION copilot.make_client_rights() IS
'part of copilot.make_clients(): permissions, policies, events and audit';

-- ---------- one to one ----------

CREATE FUNCTION copilot.make_client_rows()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE OR REPLACE TRIGGER make_client AFTER INSERT ON copilot.tenants
		FOR EACH ROW EXECUTE FUNCTION copilot.tenant_make_client();
	-- tenants of an installation from before there were clients
	INSERT INTO copilot.clients (tenant_id) SELECT t.id FROM copilot.tenants t
	ON CONFLICT (tenant_id) DO NOTHING;
	INSERT INTO copilot.client_health (tenant_id, id) SELECT c.tenant_id, c.id FROM copilot.clients c
	ON CONFLICT (tenant_id, id) DO NOTHING;
END
$$;
COMMENT ON FUNCTION copilot.make_client_rows() IS
'part of copilot.make_operations(): every tenant, new or old, is a client and has a health';

CREATE FUNCTION copilot.tenant_make_client()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	made uuid;
BEGIN
	INSERT INTO copilot.clients (tenant_id) VALUES (NEW.id)
	ON CONFLICT (tenant_id) DO NOTHING RETURNING id INTO made;
	IF FOUND THEN
		INSERT INTO copilot.client_health (tenant_id, id) VALUES (NEW.id, made);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.tenant_make_client() IS 'trigger of tenants: makes the client of a new tenant, in good health';

CREATE FUNCTION copilot.client_check()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF (NEW.owner_id, NEW.renews_on) IS DISTINCT FROM (OLD.owner_id, OLD.renews_on)
		AND wrk.tenant_id() IS NOT NULL AND wrk.can('manage', 'client') IS NOT TRUE THEN
		RAISE EXCEPTION 'owner and renewal of a client are for operations to change' USING ERRCODE = 'WK403';
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.client_check() IS
'trigger of clients: which columns are not the client''s own to change. Error: WK403 forbidden';

CREATE FUNCTION copilot.client_create(name text, slug text, owner uuid, contact_name text DEFAULT NULL,
									  contact_email text DEFAULT NULL)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid;
BEGIN
	INSERT INTO copilot.tenants (name, slug) VALUES (client_create.name, client_create.slug) RETURNING id INTO tenant;
	-- somebody has to be there to invite the others
	INSERT INTO copilot.tenant_users (tenant_id, user_id) VALUES (tenant, owner);
	INSERT INTO copilot.user_roles (tenant_id, user_id, role, granted_by) VALUES (tenant, owner, 'ops_admin', NULL);
	UPDATE copilot.clients c SET owner_id = owner, contact_name = client_create.contact_name,
		contact_email = client_create.contact_email
	WHERE c.tenant_id = tenant;
	RETURN tenant;
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'there is a client "%"', slug USING ERRCODE = 'WK409';
END
$$;
COMMENT ON FUNCTION copilot.client_create(text, text, uuid, text, text) IS
'makes a new client and its tenant, and returns the tenant''s id. owner: a person who answers for the client and, as ops_admin of the tenant, lets others in; slug: name in URLs, which is taken only once, so asking again is harmless. For members of wrk_service without an identity, for a new tenant is nobody''s yet. Errors: WK409 for a slug that is taken, 23503 for an owner who is nobody, 23514 for a name, slug or address that is none';

-- ---------- calls ----------

CREATE FUNCTION copilot.may_join_client(id text)
RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT '{read}'::text[] FROM copilot.clients c WHERE c.id = copilot.as_uuid(may_join_client.id));
END
$$;
COMMENT ON FUNCTION copilot.may_join_client(text) IS
'rights of the caller on the channel of a client; NULL for every id the caller does not see';

CREATE FUNCTION copilot.check_client(right_wanted text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF wrk.can(right_wanted, 'client') IS NOT TRUE THEN
		RAISE EXCEPTION 'the client is not for this role to %', right_wanted USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_client(text) IS
'refuses who may not read, update or manage the client of the own tenant. Error: WK403 forbidden';

CREATE FUNCTION copilot.check_person(person uuid, param text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF person IS NOT NULL AND NOT EXISTS (
		SELECT FROM copilot.tenant_users tu WHERE tu.user_id = person AND tu.status = 'active') THEN
		PERFORM copilot.bad_param(param, 'is not an active user of this tenant');
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_person(uuid, text) IS
'refuses a person who does not work in the caller''s tenant; NULL is nobody. Error: WK400 bad_request';

CREATE FUNCTION copilot.client_get()
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_client('read');
	RETURN (
		SELECT copilot.answer(to_jsonb(c)) || jsonb_build_object('name', t.name, 'slug', t.slug,
			'tenant_status', t.status, 'owner_name', u.name)
			|| coalesce((SELECT jsonb_build_object('health', copilot.answer(to_jsonb(h)) - '{id,created_at,updated_at}'::text[])
						 FROM copilot.client_health h WHERE h.id = c.id), '{}')
		FROM copilot.clients c
		JOIN copilot.tenants t ON t.id = c.tenant_id
		LEFT JOIN copilot.users u ON u.id = c.owner_id);
END
$$;
COMMENT ON FUNCTION copilot.client_get() IS
'the client of the own tenant, with the tenant''s name, slug and status, and, for who may read it, its health. Error: WK403 forbidden';

CREATE FUNCTION copilot.call_client_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, VARIADIC '{}'::text[]);
	RETURN copilot.client_get();
END
$$;
COMMENT ON FUNCTION copilot.call_client_get(jsonb) IS
'call client.get {}: the client of the own tenant {id, name, slug, tenant_status, legal_name, industry, website, contact_name, contact_email, contact_phone, owner_id, owner_name, renews_on} and, for operations, health {status, status_reason, score, signals, held_until, assessed_at}. Errors: WK400, WK403';

CREATE FUNCTION copilot.client_update(changes jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	email text;
	site text;
	owner uuid;
BEGIN
	PERFORM copilot.check_params(changes, 'legal_name', 'industry', 'website', 'contact_name', 'contact_email',
								 'contact_phone', 'owner_id', 'renews_on');
	email := copilot.want_text(changes, 'contact_email', 254);
	site := copilot.want_text(changes, 'website', 2000);
	owner := copilot.want_uuid(changes, 'owner_id');
	PERFORM copilot.check_client('update');
	IF email !~ '^[^@\s]+@[^@\s]+$' THEN
		PERFORM copilot.bad_param('contact_email', 'must be an address');
	ELSIF site !~ '^https?://' THEN
		PERFORM copilot.bad_param('website', 'must begin with http:// or https://');
	END IF;
	PERFORM copilot.check_person(owner, 'owner_id');
	-- absent: as it was; null empties
	UPDATE copilot.clients c SET
		legal_name = CASE WHEN changes ? 'legal_name' THEN copilot.want_text(changes, 'legal_name') ELSE c.legal_name END,
		industry = CASE WHEN changes ? 'industry' THEN copilot.want_text(changes, 'industry') ELSE c.industry END,
		website = CASE WHEN changes ? 'website' THEN site ELSE c.website END,
		contact_name = CASE WHEN changes ? 'contact_name' THEN copilot.want_text(changes, 'contact_name') ELSE c.contact_name END,
		contact_email = CASE WHEN changes ? 'contact_email' THEN email ELSE c.contact_email END,
		contact_phone = CASE WHEN changes ? 'contact_phone' THEN copilot.want_text(changes, 'contact_phone', 50) ELSE c.contact_phone END,
		owner_id = CASE WHEN changes ? 'owner_id' THEN owner ELSE c.owner_id END,
		renews_on = CASE WHEN changes ? 'renews_on' THEN (copilot.want_time(changes, 'renews_on') AT TIME ZONE 'UTC')::date ELSE c.renews_on END;
	RETURN copilot.client_get();
END
$$;
COMMENT ON FUNCTION copilot.client_update(jsonb) IS
'changes the client of the own tenant: members as in the call client.update. Errors: WK400, WK403';

CREATE FUNCTION copilot.call_client_update(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN copilot.client_update(params);
END
$$;
COMMENT ON FUNCTION copilot.call_client_update(jsonb) IS
'call client.update {legal_name, industry, website, contact_name, contact_email, contact_phone, owner_id, renews_on}: the client, as client.get has it; what is absent stays, null empties. owner_id and renews_on (a day, UTC) are for operations. Errors: WK400, WK403';

REVOKE ALL ON FUNCTION copilot.make_clients(), copilot.make_client_rights(), copilot.make_client_rows(),
	copilot.tenant_make_client(), copilot.client_check(),
	copilot.client_create(text, text, uuid, text, text), copilot.may_join_client(text),
	copilot.check_client(text), copilot.check_person(uuid, text), copilot.client_get(),
	copilot.call_client_get(jsonb), copilot.client_update(jsonb), copilot.call_client_update(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.may_join_client(text), copilot.check_client(text),
	copilot.check_person(uuid, text), copilot.client_get(), copilot.call_client_get(jsonb),
	copilot.client_update(jsonb), copilot.call_client_update(jsonb) TO wrk_member;
GRANT EXECUTE ON FUNCTION copilot.client_create(text, text, uuid, text, text) TO wrk_service;
