-- Rooms: chats and workspaces, and who is in them.
--
-- A room is its members' own: nobody else of the tenant sees it, whatever their
-- role, and nobody joins who was not let in by an owner.  But the audit log has what
-- was said and saved in it, for those who may read that.  Members change nothing by
-- themselves; the functions below check who asks and write for them.

CREATE FUNCTION copilot.make_rooms()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.rooms (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		kind text NOT NULL CHECK (kind IN ('chat', 'workspace')),
		name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
		created_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id, id, kind), -- what messages, members and files refer to
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users
	);
	COMMENT ON TABLE copilot.rooms IS 'chats, and workspaces, which have files as well; seen by their members';
	CREATE TABLE IF NOT EXISTS copilot.room_members (
		-- directly, so that all of a tenant can be deleted at once, whoever added whom
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		room_id uuid NOT NULL,
		room_kind text NOT NULL,
		user_id uuid NOT NULL,
		role text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member')),
		added_by uuid DEFAULT wrk.user_id()::uuid,
		added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, room_id, user_id),
		FOREIGN KEY (tenant_id, room_id, room_kind) REFERENCES copilot.rooms (tenant_id, id, kind) ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, user_id) REFERENCES copilot.tenant_users ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, added_by) REFERENCES copilot.tenant_users
	);
	CREATE INDEX IF NOT EXISTS room_members_user_idx ON copilot.room_members (tenant_id, user_id);
	COMMENT ON TABLE copilot.room_members IS 'who is in a room; owners let others in and take them out';
	PERFORM copilot.put_room_channels('rooms', 'kind', 'id');
	PERFORM copilot.put_room_channels('room_members', 'room_kind', 'room_id');
	PERFORM copilot.put_touch('rooms');
	PERFORM wrk.enable_tenancy('copilot.rooms');
	PERFORM wrk.enable_tenancy('copilot.room_members');
	PERFORM copilot.put_policy('rooms', 'visible', 'the rooms one is in',
		'AS RESTRICTIVE USING (id IN (SELECT copilot.my_rooms()))');
	PERFORM copilot.put_policy('room_members', 'visible', 'members of the rooms one is in',
		'AS RESTRICTIVE USING (room_id IN (SELECT copilot.my_rooms()))');
	GRANT SELECT ON copilot.rooms, copilot.room_members TO wrk_member;
	PERFORM copilot.register_rooms();
END
$$;
COMMENT ON FUNCTION copilot.make_rooms() IS 'part of copilot.install(): tables rooms and room_members';

CREATE FUNCTION copilot.put_room_channels(tbl text, kind_column text, room_column text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	kind text;
BEGIN
	FOREACH kind IN ARRAY '{chat,workspace}'::text[] LOOP
		EXECUTE format('ALTER TABLE copilot.%I ADD COLUMN IF NOT EXISTS %I uuid'
					   ' GENERATED ALWAYS AS (CASE WHEN %I = %L THEN %I END) STORED',
					   tbl, kind || '_id', kind_column, kind, room_column);
		EXECUTE format('COMMENT ON COLUMN copilot.%I.%I IS %L', tbl, kind || '_id', 'the room, if it is a ' || kind
					   || ': part of the name of its channel');
	END LOOP;
END
$$;
COMMENT ON FUNCTION copilot.put_room_channels(text, text, text) IS
'gives a table of rows that belong to rooms the columns chat_id and workspace_id, which the channels of its events are made of';

CREATE FUNCTION copilot.register_rooms()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_permissions('room', 'tenant', '{create}', copilot.ops_roles() || '{client,builder,qa,system}'::text[]);
	PERFORM copilot.put_audit_id('room_members', 'room_id::text || '':'' || user_id::text', 'room:user');
	PERFORM wrk.enable_audit('copilot.rooms', 'room', exclude => '{updated_at}', announce => true);
	PERFORM wrk.enable_audit('copilot.room_members', 'room_member', announce => true);
	PERFORM wrk.enable_events('copilot.rooms', 'room', channels => ARRAY['chat:{chat_id}', 'workspace:{workspace_id}'],
		exclude => ARRAY['chat_id', 'workspace_id']);
	-- whoever is let in, or taken out, is told where they look anyway
	PERFORM wrk.enable_events('copilot.room_members', 'room_member',
		channels => ARRAY['chat:{chat_id}', 'workspace:{workspace_id}', 'user:{user_id}'],
		exclude => ARRAY['chat_id', 'workspace_id']);
	INSERT INTO wrk.channel_rule AS r (pattern, authorizer, description) VALUES
		('chat:{id}', 'copilot.may_join_chat(text)', 'a chat one is in: its messages and members'),
		('workspace:{id}', 'copilot.may_join_workspace(text)', 'a workspace one is in: its messages, members and files')
	ON CONFLICT (pattern) DO UPDATE SET authorizer = excluded.authorizer, description = excluded.description;
	PERFORM copilot.put_call('room.create', 'copilot.call_room_create(jsonb)');
	PERFORM copilot.put_call('room.list', 'copilot.call_room_list(jsonb)');
	PERFORM copilot.put_call('room.rename', 'copilot.call_room_rename(jsonb)');
	PERFORM copilot.put_call('room.add_member', 'copilot.call_room_add_member(jsonb)');
	PERFORM copilot.put_call('room.remove_member', 'copilot.call_room_remove_member(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.register_rooms() IS 'part of copilot.install(): audit, events, channels and calls of rooms';

-- ---------- who is in ----------

CREATE FUNCTION copilot.my_rooms(owned boolean DEFAULT false)
RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT m.room_id FROM copilot.room_members m
	WHERE m.tenant_id = copilot.as_uuid(wrk.tenant_id()) AND m.user_id = copilot.as_uuid(wrk.user_id())
		AND (m.role = 'owner' OR NOT owned)
$$;
COMMENT ON FUNCTION copilot.my_rooms(boolean) IS
'rooms that the user of this transaction is in, or owns; for policies, which cannot ask room_members about itself';

CREATE FUNCTION copilot.may_join_room(kind text, id text)
RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT '{read,publish}'::text[] FROM copilot.rooms r
			WHERE r.id = copilot.as_uuid(may_join_room.id) AND r.kind = may_join_room.kind);
END
$$;
COMMENT ON FUNCTION copilot.may_join_room(text, text) IS
'rights of the caller on the channel of a room of that kind; NULL for every id the caller does not see';

CREATE FUNCTION copilot.may_join_chat(id text)
RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN copilot.may_join_room('chat', id);
COMMENT ON FUNCTION copilot.may_join_chat(text) IS 'authorizer of the channels chat:{id}; see copilot.may_join_room()';

CREATE FUNCTION copilot.may_join_workspace(id text)
RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN copilot.may_join_room('workspace', id);
COMMENT ON FUNCTION copilot.may_join_workspace(text) IS 'authorizer of the channels workspace:{id}; see copilot.may_join_room()';

CREATE FUNCTION copilot.check_room(room uuid, owned boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM copilot.my_rooms() r WHERE r = room) THEN
		RAISE EXCEPTION 'room not found' USING ERRCODE = 'WK404';
	END IF;
	IF owned AND NOT EXISTS (SELECT FROM copilot.my_rooms(true) r WHERE r = room) THEN
		RAISE EXCEPTION 'only an owner of the room may do this' USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_room(uuid, boolean) IS
'refuses a room that the caller is not in, or does not own. Errors: WK403, WK404';

-- ---------- what can be done ----------

CREATE FUNCTION copilot.room_answer(row_json jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN copilot.answer(row_json) - '{chat_id,workspace_id}'::text[];
COMMENT ON FUNCTION copilot.room_answer(jsonb) IS 'a room as calls answer it';

CREATE FUNCTION copilot.room_create(kind text, name text, members uuid[] DEFAULT '{}')
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := wrk.tenant_id();
	me uuid := wrk.user_id();
	made copilot.rooms;
BEGIN
	IF me IS NULL OR NOT wrk.can('create', 'room') THEN
		RAISE EXCEPTION 'rooms are not for this role to create' USING ERRCODE = 'WK403';
	END IF;
	IF cardinality(members) > 200 THEN
		RAISE EXCEPTION 'a room begins with at most 200 members, not %', cardinality(members) USING ERRCODE = 'WK413';
	END IF;
	INSERT INTO copilot.rooms AS r (tenant_id, kind, name) VALUES (tenant, room_create.kind, room_create.name)
	RETURNING r.* INTO made;
	INSERT INTO copilot.room_members (tenant_id, room_id, room_kind, user_id, role)
	VALUES (tenant, made.id, made.kind, me, 'owner');
	PERFORM copilot.room_add_member(made.id, m) FROM unnest(members) m WHERE m <> me;
	RETURN copilot.room_answer(to_jsonb(made));
END
$$;
COMMENT ON FUNCTION copilot.room_create(text, text, uuid[]) IS
'makes a room (chat or workspace) that the caller owns, with these members; returns it. For who has permission "create" for rooms. Errors: WK400 for who does not work in the tenant, WK403, WK413, 23514';

CREATE FUNCTION copilot.room_add_member(room uuid, person uuid, role text DEFAULT 'member')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	tenant uuid := wrk.tenant_id();
BEGIN
	PERFORM copilot.check_room(room, true);
	IF NOT EXISTS (SELECT FROM copilot.tenant_users u
		WHERE u.tenant_id = tenant AND u.user_id = person AND u.status = 'active') THEN
		PERFORM copilot.bad_param('user_id', 'is not an active user of this tenant');
	END IF;
	INSERT INTO copilot.room_members AS m (tenant_id, room_id, room_kind, user_id, role)
	SELECT r.tenant_id, r.id, r.kind, person, room_add_member.role FROM copilot.rooms r
	WHERE r.tenant_id = tenant AND r.id = room
	ON CONFLICT (tenant_id, room_id, user_id) DO UPDATE SET role = excluded.role WHERE m.role <> excluded.role;
	PERFORM copilot.check_room_owned(tenant, room);
	IF (SELECT count(*) FROM copilot.room_members m WHERE m.tenant_id = tenant AND m.room_id = room) > 1000 THEN
		RAISE EXCEPTION 'a room has at most 1000 members' USING ERRCODE = 'WK4L9';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.room_add_member(uuid, uuid, text) IS
'lets a person of the tenant into a room, as owner or member, or changes which they are. For owners of the room. Errors: WK400, WK403, WK404, WK409 for the last owner, WK4L9 for more than 1000';

CREATE FUNCTION copilot.check_room_owned(tenant uuid, room uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- two owners who leave at once: the second waits here and sees that the first has gone
	PERFORM FROM copilot.rooms r WHERE r.tenant_id = tenant AND r.id = room FOR NO KEY UPDATE;
	IF NOT EXISTS (SELECT FROM copilot.room_members m
		WHERE m.tenant_id = tenant AND m.room_id = room AND m.role = 'owner')
		AND EXISTS (SELECT FROM copilot.room_members m WHERE m.tenant_id = tenant AND m.room_id = room) THEN
		RAISE EXCEPTION 'a room with members needs an owner' USING ERRCODE = 'WK409',
			HINT = 'Make somebody else an owner first.';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_room_owned(uuid, uuid) IS
'refuses a change that leaves members of a room without an owner. Error: WK409 conflict';

CREATE FUNCTION copilot.room_remove_member(room uuid, person uuid)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := wrk.tenant_id();
BEGIN
	-- everybody may leave
	PERFORM copilot.check_room(room, person IS DISTINCT FROM copilot.as_uuid(wrk.user_id()));
	DELETE FROM copilot.room_members m WHERE m.tenant_id = tenant AND m.room_id = room AND m.user_id = person;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM copilot.check_room_owned(tenant, room);
	RETURN true;
END
$$;
COMMENT ON FUNCTION copilot.room_remove_member(uuid, uuid) IS
'takes a person out of a room; false if they were not in it. For owners of the room, and for oneself. Errors: WK403, WK404, WK409 for the last owner of a room with other members';

CREATE FUNCTION copilot.room_rename(room uuid, name text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	made copilot.rooms;
BEGIN
	PERFORM copilot.check_room(room, true);
	UPDATE copilot.rooms r SET name = room_rename.name
	WHERE r.tenant_id = wrk.tenant_id()::uuid AND r.id = room RETURNING r.* INTO made;
	RETURN copilot.room_answer(to_jsonb(made));
END
$$;
COMMENT ON FUNCTION copilot.room_rename(uuid, text) IS
'renames a room and returns it. For owners of the room. Errors: WK403, WK404, 23514';

-- ---------- calls ----------

CREATE FUNCTION copilot.want_uuids(params jsonb, param text, most integer)
RETURNS uuid[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	list jsonb := coalesce(nullif(params -> param, 'null'), '[]');
BEGIN
	IF jsonb_typeof(list) <> 'array' OR jsonb_array_length(list) > most
		OR EXISTS (SELECT FROM jsonb_array_elements(list) e
			WHERE jsonb_typeof(e) <> 'string' OR copilot.as_uuid(e #>> '{}') IS NULL) THEN
		PERFORM copilot.bad_param(param, format('must be an array of up to %s UUIDs', most));
	END IF;
	RETURN ARRAY(SELECT DISTINCT e::uuid FROM jsonb_array_elements_text(list) e);
END
$$;
COMMENT ON FUNCTION copilot.want_uuids(jsonb, text, integer) IS
'member of a call''s parameters as uuids, each once; empty when it is absent. Error: WK400 bad_request';

CREATE FUNCTION copilot.call_room_create(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'kind', 'name', 'members');
	RETURN copilot.room_create(coalesce(copilot.want_choice(params, 'kind', 'chat', 'workspace'), 'chat'),
		copilot.want_text(params, 'name', 200, true), copilot.want_uuids(params, 'members', 200));
END
$$;
COMMENT ON FUNCTION copilot.call_room_create(jsonb) IS
'call room.create {name, kind: chat (default) or workspace, members: [user_id]}: the room, which the caller owns. Errors: WK400, WK403';

CREATE FUNCTION copilot.call_room_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'kind', 'after', 'limit');
	page := copilot.want_page(params);
	WITH found AS (
		SELECT r.* FROM copilot.rooms r
		WHERE (r.created_at, r.id) < (page.before_time, page.before_id)
			AND r.kind = coalesce(copilot.want_choice(params, 'kind', 'chat', 'workspace'), r.kind)
		ORDER BY r.created_at DESC, r.id DESC LIMIT page.page_size + 1),
	shown AS (
		SELECT f.*, (SELECT jsonb_agg(jsonb_build_object('user_id', m.user_id, 'name', u.name, 'role', m.role)
				ORDER BY u.name, m.user_id)
			FROM copilot.room_members m JOIN copilot.users u ON u.id = m.user_id WHERE m.room_id = f.id) AS members
		FROM found f)
	SELECT copilot.page_answer('rooms',
		jsonb_agg(copilot.room_answer(to_jsonb(s)) ORDER BY s.created_at DESC, s.id DESC),
		array_agg(copilot.page_key(s.created_at, s.id) ORDER BY s.created_at DESC, s.id DESC), page.page_size)
	INTO result FROM shown s;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_room_list(jsonb) IS
'call room.list {kind, after, limit}: {rooms, next} newest first, those the caller is in, each with members [{user_id, name, role}]; next is null on the last page. Error: WK400';

CREATE FUNCTION copilot.call_room_rename(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'name');
	RETURN copilot.room_rename(copilot.want_uuid(params, 'id', true), copilot.want_text(params, 'name', 200, true));
END
$$;
COMMENT ON FUNCTION copilot.call_room_rename(jsonb) IS
'call room.rename {id, name}: the room. For its owners. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.call_room_add_member(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'user_id', 'role');
	PERFORM copilot.room_add_member(copilot.want_uuid(params, 'id', true), copilot.want_uuid(params, 'user_id', true),
		coalesce(copilot.want_choice(params, 'role', 'owner', 'member'), 'member'));
	RETURN '{"added": true}';
END
$$;
COMMENT ON FUNCTION copilot.call_room_add_member(jsonb) IS
'call room.add_member {id, user_id, role: member (default) or owner}: {added: true}. For owners of the room. Errors: WK400, WK403, WK404, WK409 for the last owner';

CREATE FUNCTION copilot.call_room_remove_member(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'user_id');
	RETURN jsonb_build_object('removed', copilot.room_remove_member(copilot.want_uuid(params, 'id', true),
		coalesce(copilot.want_uuid(params, 'user_id'), copilot.as_uuid(wrk.user_id()))));
END
$$;
COMMENT ON FUNCTION copilot.call_room_remove_member(jsonb) IS
'call room.remove_member {id, user_id}: {removed}; without user_id the caller leaves. For owners of the room, and oneself. Errors: WK400, WK403, WK404, WK409 for the last owner of a room with other members';

REVOKE ALL ON FUNCTION copilot.make_rooms(), copilot.put_room_channels(text, text, text), copilot.register_rooms(), copilot.my_rooms(boolean),
	copilot.may_join_room(text, text), copilot.may_join_chat(text), copilot.may_join_workspace(text),
	copilot.check_room(uuid, boolean), copilot.room_answer(jsonb), copilot.room_create(text, text, uuid[]),
	copilot.room_add_member(uuid, uuid, text), copilot.check_room_owned(uuid, uuid),
	copilot.room_remove_member(uuid, uuid), copilot.room_rename(uuid, text),
	copilot.want_uuids(jsonb, text, integer), copilot.call_room_create(jsonb), copilot.call_room_list(jsonb),
	copilot.call_room_rename(jsonb), copilot.call_room_add_member(jsonb),
	copilot.call_room_remove_member(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.my_rooms(boolean), copilot.may_join_room(text, text),
	copilot.may_join_chat(text), copilot.may_join_workspace(text), copilot.check_room(uuid, boolean),
	copilot.room_answer(jsonb), copilot.room_create(text, text, uuid[]), copilot.room_add_member(uuid, uuid, text),
	copilot.room_remove_member(uuid, uuid), copilot.room_rename(uuid, text),
	copilot.want_uuids(jsonb, text, integer), copilot.call_room_create(jsonb), copilot.call_room_list(jsonb),
	copilot.call_room_rename(jsonb), copilot.call_room_add_member(jsonb),
	copilot.call_room_remove_member(jsonb) TO wrk_member;
