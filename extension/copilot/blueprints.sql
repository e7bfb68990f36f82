-- Blueprints: the design of an automation version, and many who edit it at once.
--
-- automation_versions.blueprint_json is the one truth, its triggers are the one
-- road: whoever writes it, by whatever statement, the document is checked, the
-- change counted (blueprint_version), kept with its inverse in blueprint_changes
-- and announced.  So versions have no gaps, and the changes from any version on
-- lead to the present one.  Keys that only say how an editor shows an element
-- (selected, dragging ...) are stored, and are no change.
--
-- Who edits says which version they know.  What others did since is found by
-- going back from the present document, change by change; see blueprint_edit.sql.

CREATE FUNCTION copilot.make_blueprints()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	ALTER TABLE copilot.automation_versions ADD COLUMN IF NOT EXISTS
		blueprint_version bigint NOT NULL DEFAULT 1 CHECK (blueprint_version > 0);
	COMMENT ON COLUMN copilot.automation_versions.blueprint_version IS
		'counts the changes of the blueprint alone, without gaps; kept by a trigger';
	CREATE TABLE IF NOT EXISTS copilot.blueprint_changes (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		automation_version_id uuid NOT NULL,
		version bigint NOT NULL,
		base_version bigint NOT NULL CHECK (base_version BETWEEN 1 AND version - 1),
		diff jsonb NOT NULL,
		inverse jsonb NOT NULL,
		author_id uuid,
		session text,
		key text,
		event_id bigint,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, automation_version_id, version),
		FOREIGN KEY (tenant_id, automation_version_id)
			REFERENCES copilot.automation_versions ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, author_id) REFERENCES copilot.tenant_users
	);
	COMMENT ON TABLE copilot.blueprint_changes IS
		'what was changed in a blueprint, as far back as it is kept; written by a trigger of automation_versions and by nobody else';
	COMMENT ON COLUMN copilot.blueprint_changes.version IS 'blueprint_version that the change led to';
	COMMENT ON COLUMN copilot.blueprint_changes.base_version IS 'version its author knew; the diff is from version - 1';
	COMMENT ON COLUMN copilot.blueprint_changes.inverse IS 'leads from version back to version - 1';
	COMMENT ON COLUMN copilot.blueprint_changes.key IS 'idempotency key of the call that made it';
	COMMENT ON COLUMN copilot.blueprint_changes.event_id IS 'its event blueprint.updated';
	PERFORM copilot.make_blueprint_undo();
	-- a document is written anew with every change, and the default way of compressing it takes
	-- longer than all the rest together; not every server has the other
	BEGIN
		ALTER TABLE copilot.automation_versions ALTER COLUMN blueprint_json SET COMPRESSION lz4;
		ALTER TABLE copilot.blueprint_changes ALTER COLUMN diff SET COMPRESSION lz4,
			ALTER COLUMN inverse SET COMPRESSION lz4;
	EXCEPTION WHEN feature_not_supported THEN
		NULL;
	END;
	-- before count_version, which counts for the row what this one counts for the blueprint
	CREATE OR REPLACE TRIGGER blueprint_count BEFORE INSERT OR UPDATE ON copilot.automation_versions
		FOR EACH ROW EXECUTE FUNCTION copilot.blueprint_count();
	-- after wrk_event: the last event of an edit is the one that tells of it
	CREATE OR REPLACE TRIGGER zz_blueprint_record AFTER UPDATE ON copilot.automation_versions
		FOR EACH ROW EXECUTE FUNCTION copilot.blueprint_record();
	PERFORM wrk.enable_tenancy('copilot.blueprint_changes');
	PERFORM copilot.put_policy('blueprint_changes', 'visible', 'changes of the versions one sees',
		'AS RESTRICTIVE USING (EXISTS (SELECT FROM copilot.automation_versions v'
		' WHERE v.tenant_id = blueprint_changes.tenant_id'
		' AND v.id = blueprint_changes.automation_version_id))');
	GRANT SELECT ON copilot.blueprint_changes TO wrk_member;
	PERFORM wrk.maintenance_register('copilot.blueprint_retention',
									 'copilot.blueprint_retention()', '1 hour');
END
$$;
COMMENT ON FUNCTION copilot.make_blueprints() IS
'part of copilot.install(): column blueprint_version, table blueprint_changes';

-- ---------- the road of every change ----------

CREATE FUNCTION copilot.blueprint_states()
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['intake_in_progress', 'needs_pricing', 'build_in_progress', 'qa_testing'];
COMMENT ON FUNCTION copilot.blueprint_states() IS
'statuses of an automation version in which its blueprint may be edited: not while a client decides on it, nor from launch on';

CREATE FUNCTION copilot.blueprint_check_status(status text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF status <> ALL (copilot.blueprint_states()) THEN
		RAISE EXCEPTION 'the blueprint cannot be edited while the automation version is "%"', status
			USING ERRCODE = 'WK403',
				DETAIL = json_build_object('status', status, 'editable', copilot.blueprint_states())::text,
				HINT = 'Take the version to a status where it is worked on, or create the next one.';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.blueprint_check_status(text) IS
'refuses to edit a blueprint in this status; DETAIL is {"status", "editable": [statuses]}. Error: WK403 forbidden';

CREATE FUNCTION copilot.blueprint_count()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		PERFORM wrk.blueprint_check(NEW.blueprint_json, '{}');
		RETURN NEW;
	END IF;
	NEW.blueprint_version := OLD.blueprint_version;
	-- by its bytes: 1.0 and 1.00 are equal, yet a change that can be seen
	IF ROW(NEW.blueprint_json)::record *= ROW(OLD.blueprint_json)::record THEN
		RETURN NEW;
	END IF;
	-- nor may an edit come with the step that ends editing
	IF NOT wrk.status_importing() THEN
		PERFORM copilot.blueprint_check_status(OLD.status);
		PERFORM copilot.blueprint_check_status(NEW.status);
	END IF;
	PERFORM wrk.blueprint_check(NEW.blueprint_json, '{}');
	IF wrk.blueprint_diff(OLD.blueprint_json, NEW.blueprint_json, '{}') <> '{}' THEN
		NEW.blueprint_version := OLD.blueprint_version + 1;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.blueprint_count() IS
'trigger of automation_versions: refuses a blueprint that is not sound or may not be edited now, counts its changes in blueprint_version. Errors: WK400, WK413, WK403 for the status';

CREATE FUNCTION copilot.blueprint_record()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- what copilot.blueprint_store() says about the edit; of a plain UPDATE nothing is said
	edit jsonb := nullif(current_setting('copilot.blueprint_edit', true), '');
	known bigint := coalesce((edit ->> 'base')::bigint, OLD.blueprint_version);
	me uuid := CASE WHEN wrk.tenant_id() = NEW.tenant_id::text THEN copilot.as_uuid(wrk.user_id()) END;
	step bigint; -- edit that is undone or redone
	diff jsonb;
	event_id bigint;
BEGIN
	IF edit ?| '{undoes,redoes}' THEN
		step := copilot.blueprint_mark(NEW.tenant_id, NEW.id, NEW.blueprint_version, me, edit);
	END IF;
	IF NEW.blueprint_version = OLD.blueprint_version THEN
		RETURN NULL;
	END IF;
	known := least(greatest(known, 1), OLD.blueprint_version);
	diff := wrk.blueprint_diff(OLD.blueprint_json, NEW.blueprint_json, '{}');
	IF (edit ->> 'conflicts')::boolean AND known < OLD.blueprint_version THEN
		PERFORM copilot.blueprint_tell_losers(NEW.tenant_id, NEW.id, known, OLD.blueprint_version,
											  OLD.blueprint_json, NEW.blueprint_json);
	END IF;
	event_id := copilot.blueprint_announce(NEW.tenant_id, NEW.id, NEW.blueprint_version, diff);
	INSERT INTO copilot.blueprint_changes (tenant_id, automation_version_id, version, base_version,
										   diff, inverse, author_id, session, key, event_id, undoes, redoes)
	VALUES (NEW.tenant_id, NEW.id, NEW.blueprint_version, known, diff,
			wrk.blueprint_diff(NEW.blueprint_json, OLD.blueprint_json, '{}'),
			me, wrk.session_id(), wrk.rpc_event_key(), event_id,
			CASE WHEN edit ? 'undoes' THEN step END, CASE WHEN edit ? 'redoes' THEN step END);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.blueprint_record() IS
'trigger of automation_versions: keeps every change of a blueprint in blueprint_changes and announces it';

-- ---------- events ----------

CREATE FUNCTION copilot.blueprint_emit(type text, payload jsonb, content jsonb, channel text, tenant uuid)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	whole jsonb := content || payload;
BEGIN
	-- too much to send, or a part of the document has the name of a member of the event
	IF pg_column_size(whole) > pg_size_bytes(current_setting('wrk_copilot.max_event_bytes'))
		OR EXISTS (SELECT FROM jsonb_object_keys(content) k WHERE payload ? k OR k = 'oversize') THEN
		whole := payload || '{"oversize": true}';
	END IF;
	RETURN wrk.emit(type, whole, ARRAY['tenant:' || tenant || ':' || channel], tenant_id => tenant::text);
END
$$;
COMMENT ON FUNCTION copilot.blueprint_emit(text, jsonb, jsonb, text, uuid) IS
'writes an event with payload and content in one object; without content, but with oversize: true, if that cannot be';

CREATE FUNCTION copilot.blueprint_announce(tenant uuid, version_id uuid, version bigint, diff jsonb)
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.blueprint_emit('blueprint.updated', jsonb_build_object('id', version_id,
		'base', version - 1, 'version', version, 'by', wrk.user_id()), diff,
		'automation_version:' || version_id, tenant)
$$;
COMMENT ON FUNCTION copilot.blueprint_announce(uuid, uuid, bigint, jsonb) IS
'event blueprint.updated {id, base, version, by, and the members of the diff that leads from base to version} on the channel of the automation version';

CREATE FUNCTION copilot.blueprint_tell_losers(tenant uuid, version_id uuid, known bigint, current bigint,
											  ours jsonb, result jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	me uuid := copilot.as_uuid(wrk.user_id());
	lost record;
	conflicts jsonb;
BEGIN
	-- nobody's word is taken for it: what was overwritten follows from the documents
	conflicts := wrk.blueprint_merge(copilot.blueprint_at(tenant, version_id, current, ours, known),
									 ours, result, '{"policy": "report"}') -> 'conflicts';
	FOR lost IN
		SELECT l.author_id, jsonb_agg(l.conflict ORDER BY l.n) AS conflicts
		FROM copilot.blueprint_losers(tenant, version_id, known, current, conflicts) l
		WHERE l.author_id IS DISTINCT FROM me AND copilot.blueprint_is_seen(tenant, version_id, l.author_id)
		GROUP BY l.author_id ORDER BY l.author_id
	LOOP
		PERFORM copilot.blueprint_emit('conflict.detected', jsonb_build_object(
			'automation_version_id', version_id, 'version', current + 1, 'by', wrk.user_id(),
			'name', copilot.member_name(tenant, me)),
			jsonb_build_object('conflicts', lost.conflicts), 'user:' || lost.author_id, tenant);
	END LOOP;
END
$$;
COMMENT ON FUNCTION copilot.blueprint_tell_losers(uuid, uuid, bigint, bigint, jsonb, jsonb) IS
'event conflict.detected {automation_version_id, version, by, name, conflicts} on the channel of each user whose change, made after the known version, was overwritten, and who still sees the automation version';

CREATE FUNCTION copilot.blueprint_is_seen(tenant uuid, version_id uuid, wanted_user uuid)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM copilot.tenant_users u
		JOIN copilot.user_roles r ON r.tenant_id = u.tenant_id AND r.user_id = u.user_id
		JOIN wrk.permission g ON g.role = r.role AND g.action = 'read' AND g.resource_type = 'automation_version'
		WHERE u.tenant_id = tenant AND u.user_id = wanted_user AND u.status = 'active'
			AND (g.scope = 'tenant' OR EXISTS (
				SELECT FROM copilot.automation_versions v
				JOIN copilot.projects p ON p.tenant_id = v.tenant_id AND p.automation_id = v.automation_id
				JOIN copilot.project_members m ON m.tenant_id = p.tenant_id AND m.project_id = p.id
				WHERE v.tenant_id = tenant AND v.id = version_id
					AND m.user_id = wanted_user AND m.role = r.role)))
$$;
COMMENT ON FUNCTION copilot.blueprint_is_seen(uuid, uuid, uuid) IS
'whether a user, who is not the one asking, sees an automation version by the roles and projects they have now';

CREATE FUNCTION copilot.blueprint_losers(tenant uuid, version_id uuid, known bigint, current bigint,
										 conflicts jsonb)
RETURNS TABLE (author_id uuid, n bigint, conflict jsonb)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- every path is read once and found by equality: there are thousands of either
	WITH lost AS MATERIALIZED (
		SELECT k.n, k.conflict, k.conflict ->> 'kind' = 'order' AS is_order,
			ARRAY(SELECT jsonb_array_elements_text(k.conflict -> 'path')) AS place
		FROM jsonb_array_elements(conflicts) WITH ORDINALITY k (conflict, n)),
	touched AS MATERIALIZED (
		SELECT p.path, p.is_order, max(c.version) AS version
		FROM copilot.blueprint_changes c CROSS JOIN LATERAL copilot.blueprint_paths(c.diff) p
		WHERE c.tenant_id = tenant AND c.automation_version_id = version_id
			AND c.version > known AND c.version <= current
		GROUP BY p.path, p.is_order),
	-- the very path, one above it, or one below it
	hit AS (
		SELECT l.n, t.version FROM lost l JOIN touched t ON t.path = l.place AND t.is_order = l.is_order
		UNION ALL
		SELECT l.n, t.version FROM lost l CROSS JOIN generate_series(1, cardinality(l.place) - 1) i
		JOIN touched t ON t.path = l.place[:i] WHERE NOT t.is_order AND NOT l.is_order
		UNION ALL
		SELECT l.n, t.version FROM touched t CROSS JOIN generate_series(0, cardinality(t.path) - 1) i
		JOIN lost l ON l.place = t.path[:i] WHERE NOT t.is_order AND NOT l.is_order)
	SELECT c.author_id, l.n, l.conflict
	FROM (SELECT hit.n, max(hit.version) AS version FROM hit GROUP BY hit.n) h
	JOIN lost l ON l.n = h.n
	JOIN copilot.blueprint_changes c ON c.tenant_id = tenant AND c.automation_version_id = version_id
		AND c.version = h.version
	WHERE c.author_id IS NOT NULL
$$;
COMMENT ON FUNCTION copilot.blueprint_losers(uuid, uuid, bigint, bigint, jsonb) IS
'whose change each of the conflicts is with: the last one after the known version, up to the current one, that touches its path';

CREATE FUNCTION copilot.blueprint_name_rivals(tenant uuid, version_id uuid, known bigint, current bigint,
											  conflicts jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	asked jsonb;
BEGIN
	-- as a rule there is nobody to be looked for
	IF conflicts = '[]' THEN
		RETURN conflicts;
	END IF;
	-- of an edge that was drawn to a node that is gone, it is whoever deleted the node
	SELECT jsonb_agg(CASE WHEN c ->> 'kind' = 'dangling_edge' AND NOT c ? 'ours'
		THEN jsonb_set(c, '{path}', jsonb_build_array('nodes', c #> '{nodes,0}')) ELSE c END ORDER BY n)
	INTO asked FROM jsonb_array_elements(conflicts) WITH ORDINALITY o (c, n);
	RETURN (SELECT jsonb_agg(k.conflict || jsonb_build_object('by', l.author_id, 'name', u.name) ORDER BY k.n)
		FROM jsonb_array_elements(conflicts) WITH ORDINALITY k (conflict, n)
		LEFT JOIN copilot.blueprint_losers(tenant, version_id, known, current, asked) l ON l.n = k.n
		LEFT JOIN copilot.users u ON u.id = l.author_id);
END
$$;
COMMENT ON FUNCTION copilot.blueprint_name_rivals(uuid, uuid, bigint, bigint, jsonb) IS
'the conflicts, each with by and name: who made what is there, as copilot.blueprint_losers() finds it; null for nobody, or somebody whom the caller may not see';

CREATE FUNCTION copilot.blueprint_paths(part jsonb, prefix text[] DEFAULT '{}', in_array boolean DEFAULT false)
RETURNS TABLE (path text[], is_order boolean)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	one jsonb;
	name text;
	place text[];
BEGIN
	IF NOT in_array THEN -- a whole diff
		FOR name, one IN SELECT m.key, m.value FROM jsonb_each(part) m LOOP
			RETURN QUERY SELECT p.* FROM copilot.blueprint_paths(CASE WHEN name = 'meta'
				THEN jsonb_build_object('updated', jsonb_build_array(one)) ELSE one END,
				CASE WHEN name <> 'meta' THEN ARRAY[name] END, true) p;
		END LOOP;
		RETURN;
	END IF;
	RETURN QUERY SELECT prefix || (e ->> 'id'), false FROM jsonb_array_elements(part -> 'added') e
		UNION ALL SELECT prefix || d, false FROM jsonb_array_elements_text(part -> 'deleted') d
		UNION ALL SELECT prefix, true WHERE part ? 'order'
		UNION ALL SELECT array_remove(prefix || (u ->> 'id'), NULL)
			|| ARRAY(SELECT jsonb_array_elements_text(t.path)), false
		FROM jsonb_array_elements(part -> 'updated') u CROSS JOIN LATERAL (
			SELECT s -> 0 FROM jsonb_array_elements(u -> 'set') s
			UNION ALL SELECT x FROM jsonb_array_elements(u -> 'unset') x) AS t (path);
	FOR one, place IN
		SELECT i, array_remove(prefix || (u ->> 'id'), NULL)
			|| ARRAY(SELECT jsonb_array_elements_text(i -> 'path'))
		FROM jsonb_array_elements(part -> 'updated') u, jsonb_array_elements(u -> 'in') i
	LOOP
		RETURN QUERY SELECT p.* FROM copilot.blueprint_paths(one, place, true) p;
	END LOOP;
END
$$;
COMMENT ON FUNCTION copilot.blueprint_paths(jsonb, text[], boolean) IS
'what a diff touches, as paths of the kind conflicts have: elements by their id; is_order: the order below the path';

-- ---------- older versions ----------

CREATE FUNCTION copilot.blueprint_at(tenant uuid, version_id uuid, current bigint, document jsonb, wanted bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	at bigint := current;
	change record;
BEGIN
	IF wanted BETWEEN 1 AND current - 1 THEN
		FOR change IN
			SELECT c.version, c.inverse FROM copilot.blueprint_changes c
			WHERE c.tenant_id = tenant AND c.automation_version_id = version_id
				AND c.version > wanted AND c.version <= current
			ORDER BY c.version DESC
		LOOP
			EXIT WHEN change.version <> at;
			document := wrk.blueprint_patch(document, change.inverse);
			at := at - 1;
		END LOOP;
	END IF;
	IF at IS DISTINCT FROM wanted THEN
		RAISE EXCEPTION 'version % of the blueprint is not kept', wanted USING ERRCODE = 'WK4S9',
			DETAIL = json_build_object('version', current, 'oldest',
				copilot.blueprint_oldest(tenant, version_id, current))::text,
			HINT = 'Read the blueprint again and edit that.';
	END IF;
	RETURN document;
END
$$;
COMMENT ON FUNCTION copilot.blueprint_at(uuid, uuid, bigint, jsonb, bigint) IS
'the wanted version of a blueprint, from the current one back; UI keys are the current one''s. Error: WK4S9 too_stale with DETAIL {"version": current, "oldest": kept}';

CREATE FUNCTION copilot.blueprint_oldest(tenant uuid, version_id uuid, current bigint)
RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT coalesce(min(c.version) - 1, current) FROM copilot.blueprint_changes c
	WHERE c.tenant_id = tenant AND c.automation_version_id = version_id
$$;
COMMENT ON FUNCTION copilot.blueprint_oldest(uuid, uuid, bigint) IS
'oldest version of a blueprint that the changes kept lead back to';

CREATE FUNCTION copilot.blueprint_retention()
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	gone bigint;
BEGIN
	-- always the oldest up to some version, so that what stays has no gap
	WITH old AS (
		SELECT v.tenant_id, v.id, greatest(v.blueprint_version - 500, least(v.blueprint_version - 50, (
			SELECT coalesce(max(c.version), 0) FROM copilot.blueprint_changes c
			WHERE c.tenant_id = v.tenant_id AND c.automation_version_id = v.id
				AND c.created_at < now() - interval '30 days'))) AS upto
		FROM copilot.automation_versions v WHERE v.blueprint_version > 50)
	DELETE FROM copilot.blueprint_changes c USING old o
	WHERE c.tenant_id = o.tenant_id AND c.automation_version_id = o.id AND c.version <= o.upto;
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;
COMMENT ON FUNCTION copilot.blueprint_retention() IS
'forgets changes of blueprints that are older than 30 days or than the last 500 of their version; the last 50 stay. Run by the background worker';

REVOKE ALL ON FUNCTION copilot.make_blueprints(), copilot.blueprint_states(),
	copilot.blueprint_check_status(text), copilot.blueprint_count(), copilot.blueprint_record(),
	copilot.blueprint_emit(text, jsonb, jsonb, text, uuid),
	copilot.blueprint_announce(uuid, uuid, bigint, jsonb),
	copilot.blueprint_tell_losers(uuid, uuid, bigint, bigint, jsonb, jsonb),
	copilot.blueprint_is_seen(uuid, uuid, uuid), copilot.blueprint_losers(uuid, uuid, bigint, bigint, jsonb),
	copilot.blueprint_paths(jsonb, text[], boolean),
	copilot.blueprint_name_rivals(uuid, uuid, bigint, bigint, jsonb),
	copilot.blueprint_at(uuid, uuid, bigint, jsonb, bigint), copilot.blueprint_oldest(uuid, uuid, bigint),
	copilot.blueprint_retention() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.blueprint_states(), copilot.blueprint_check_status(text),
	copilot.blueprint_losers(uuid, uuid, bigint, bigint, jsonb), copilot.blueprint_paths(jsonb, text[], boolean),
	copilot.blueprint_name_rivals(uuid, uuid, bigint, bigint, jsonb),
	copilot.blueprint_at(uuid, uuid, bigint, jsonb, bigint), copilot.blueprint_oldest(uuid, uuid, bigint)
	TO wrk_member;
