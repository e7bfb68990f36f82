-- An application of somebody else's, whose rows become collaborative entities with
-- nothing but public calls of the engine.  What it has itself comes first; begin below
-- "-- collaboration" to do the same to your own tables.
--
--   tools/cluster psql -d wrk -f regress/example_app.sql
CREATE SCHEMA app;
CREATE TABLE app.module (
	tenant_id text NOT NULL,
	id bigint GENERATED ALWAYS AS IDENTITY,
	name text NOT NULL,
	PRIMARY KEY (tenant_id, id)
);
CREATE TABLE app.atom (
	tenant_id text NOT NULL,
	id bigint GENERATED ALWAYS AS IDENTITY,
	module_id bigint NOT NULL,
	title text NOT NULL,
	body jsonb NOT NULL DEFAULT '{}',
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, module_id) REFERENCES app.module (tenant_id, id)
);

-- ---------- collaboration ----------

-- tenants are kept apart: row-level security, for the owner of the tables as well
SELECT wrk.enable_tenancy('app.module');
SELECT wrk.enable_tenancy('app.atom');
GRANT USAGE ON SCHEMA app TO wrk_member;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.module, app.atom TO wrk_member;

-- each change of a row is an event on entity:atom and entity:atom:ID
SELECT wrk.enable_events('app.module', 'module');
SELECT wrk.enable_events('app.atom', 'atom');

-- a row counts its versions, and its history is for those who see it
ALTER TABLE app.module ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE app.atom ADD COLUMN version bigint NOT NULL DEFAULT 1;
CREATE TRIGGER version BEFORE INSERT OR UPDATE ON app.module FOR EACH ROW EXECUTE FUNCTION wrk.entity_count();
CREATE TRIGGER version BEFORE INSERT OR UPDATE ON app.atom FOR EACH ROW EXECUTE FUNCTION wrk.entity_count();
SELECT wrk.enable_audit('app.module', 'module', history => 'readers', version_column => 'version');
SELECT wrk.enable_audit('app.atom', 'atom', history => 'readers', version_column => 'version');

-- who may follow events, and take a lock away
INSERT INTO wrk.role (name, bit, label) VALUES ('app_editor', 58, 'Editor'), ('app_lead', 59, 'Lead');
INSERT INTO wrk.permission (role, action, resource_type)
SELECT role, action, type FROM unnest('{module,atom}'::text[]) type,
	(VALUES ('app_editor', 'read'), ('app_lead', 'read'), ('app_lead', 'steal_lock')) p (role, action);

-- presence: whoever sees a row joins channel atom:ID, tells the others there of cursors and typing, and may lock the row
CREATE FUNCTION app.may_join_module(id text) RETURNS text[] LANGUAGE sql STABLE SET search_path TO pg_catalog, pg_temp AS $$
	SELECT '{read,publish}'::text[] FROM app.module m WHERE m.id::text = may_join_module.id
$$;
CREATE FUNCTION app.may_join_atom(id text) RETURNS text[] LANGUAGE sql STABLE SET search_path TO pg_catalog, pg_temp AS $$
	SELECT '{read,publish}'::text[] FROM app.atom a WHERE a.id::text = may_join_atom.id
$$;
INSERT INTO wrk.channel_rule (pattern, authorizer, description) VALUES
	('module:{id}', 'app.may_join_module(text)', 'presence and locks of a module one sees'),
	('atom:{id}', 'app.may_join_atom(text)', 'presence and locks of an atom one sees');

-- what somebody has locked, the whole row or a column, nobody else writes
CREATE FUNCTION app.locked() RETURNS trigger LANGUAGE plpgsql SET search_path TO pg_catalog, pg_temp AS $$
DECLARE
	changed text;
BEGIN
	IF TG_OP = 'DELETE' THEN
		PERFORM wrk.lock_check(format('%s:%s', TG_TABLE_NAME, OLD.id));
		RETURN OLD;
	END IF;
	FOR changed IN
		SELECT n.key FROM jsonb_each(to_jsonb(NEW)) n JOIN jsonb_each(to_jsonb(OLD)) o USING (key)
		WHERE n.value IS DISTINCT FROM o.value ORDER BY n.key
	LOOP
		PERFORM wrk.lock_check(format('%s:%s', TG_TABLE_NAME, OLD.id), changed);
	END LOOP;
	RETURN NEW;
END
$$;
CREATE TRIGGER locked BEFORE UPDATE OR DELETE ON app.module FOR EACH ROW EXECUTE FUNCTION app.locked();
CREATE TRIGGER locked BEFORE UPDATE OR DELETE ON app.atom FOR EACH ROW EXECUTE FUNCTION app.locked();

-- calls for browsers
CREATE FUNCTION app.atom_patch(params jsonb) RETURNS jsonb LANGUAGE sql SET search_path TO pg_catalog, pg_temp AS $$
	SELECT wrk.entity_patch('app.atom', params ->> 'id', (params ->> 'version')::bigint, params -> 'changes',
							coalesce(params ->> 'mode', 'lww'))
$$;
CREATE FUNCTION app.atom_get(params jsonb) RETURNS jsonb LANGUAGE sql STABLE SET search_path TO pg_catalog, pg_temp AS $$
	SELECT to_jsonb(a) FROM app.atom a WHERE a.id::text = params ->> 'id'
$$;
CREATE FUNCTION app.atom_lock(params jsonb) RETURNS jsonb LANGUAGE sql SET search_path TO pg_catalog, pg_temp AS $$
	SELECT wrk.lock_acquire('atom:' || (params ->> 'id'), field => params ->> 'field')
$$;
CREATE FUNCTION app.atom_history(params jsonb) RETURNS jsonb LANGUAGE sql STABLE SET search_path TO pg_catalog, pg_temp AS $$
	SELECT jsonb_agg(to_jsonb(h) ORDER BY h.id DESC) FROM wrk.history('app.atom', params ->> 'id') h
$$;
INSERT INTO wrk.rpc (method, function, description)
SELECT 'atom.' || name, format('app.atom_%s(jsonb)', name), format('example: %s of an atom', name)
FROM unnest('{patch,get,lock,history}'::text[]) name;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA app FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA app TO wrk_member;
