-- Messages in the thread of a project, of an automation version or of a room.
--
-- The type says who may read: client and system messages everybody who sees the
-- thread, ops messages nobody who is only a client, internal notes operations
-- staff alone.  What is said in a room is of type chat and for all who are in it.
-- Rows (policies below), events (the audience that copilot.enable_all_events()
-- declares) and notifications (copilot.message_is_read_by()) say the same.  Nobody
-- chooses author or time of a message: they come from the identity and the clock.
-- An author may edit for 15 minutes; what was deleted is gone for readers, and
-- stays in the audit log.

CREATE FUNCTION copilot.make_messages()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.messages (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		project_id uuid,
		automation_version_id uuid,
		type text NOT NULL DEFAULT 'client',
		body text NOT NULL,
		author_id uuid DEFAULT wrk.user_id()::uuid CHECK (author_id IS NOT NULL OR type = 'system'),
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, project_id) REFERENCES copilot.projects ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, automation_version_id)
			REFERENCES copilot.automation_versions ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, author_id) REFERENCES copilot.tenant_users
	);
	CREATE INDEX IF NOT EXISTS messages_project_idx
		ON copilot.messages (tenant_id, project_id, created_at, id);
	CREATE INDEX IF NOT EXISTS messages_version_idx
		ON copilot.messages (tenant_id, automation_version_id, created_at, id);
	COMMENT ON TABLE copilot.messages IS 'what people (and the system) say in the thread of a project, of an automation version or of a room';
	COMMENT ON COLUMN copilot.messages.type IS
		'who may read it: client and system all of the thread, ops not clients, internal_note operations staff only, chat all who are in the room';
	COMMENT ON COLUMN copilot.messages.author_id IS 'from the identity; null for the system';
	PERFORM copilot.make_message_columns();
	PERFORM wrk.enable_tenancy('copilot.messages');
	PERFORM copilot.make_message_rights();
	PERFORM copilot.put_call('message.edit', 'copilot.call_message_edit(jsonb)');
	PERFORM copilot.put_call('message.delete', 'copilot.call_message_delete(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_messages() IS 'part of copilot.install(): table messages';

CREATE FUNCTION copilot.make_message_columns()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	ALTER TABLE copilot.messages
		ADD COLUMN IF NOT EXISTS room_id uuid,
		ADD COLUMN IF NOT EXISTS room_kind text,
		ADD COLUMN IF NOT EXISTS thread_id uuid
			GENERATED ALWAYS AS (coalesce(project_id, automation_version_id, room_id)) STORED,
		ADD COLUMN IF NOT EXISTS attachments jsonb NOT NULL DEFAULT '[]',
		ADD COLUMN IF NOT EXISTS tags text[] NOT NULL DEFAULT '{}',
		ADD COLUMN IF NOT EXISTS mentions uuid[] NOT NULL DEFAULT '{}',
		ADD COLUMN IF NOT EXISTS anchor jsonb,
		ADD COLUMN IF NOT EXISTS edited_at timestamptz,
		ADD COLUMN IF NOT EXISTS deleted_at timestamptz,
		ADD COLUMN IF NOT EXISTS deleted_by uuid,
		ADD COLUMN IF NOT EXISTS author_name text;
	PERFORM copilot.put_room_channels('messages', 'room_kind', 'room_id');
	COMMENT ON COLUMN copilot.messages.room_kind IS 'kind of the room; kept by a trigger';
	COMMENT ON COLUMN copilot.messages.thread_id IS 'the project, automation version or room';
	COMMENT ON COLUMN copilot.messages.attachments IS '[{"name", "url", "type", "size"}]: where files are kept, not what is in them';
	COMMENT ON COLUMN copilot.messages.mentions IS 'people who are to notice it; told if they may read it';
	COMMENT ON COLUMN copilot.messages.anchor IS
		'what of the blueprint is commented on: {"node" | "edge" | "section": id, "path": [member, ...]}';
	COMMENT ON COLUMN copilot.messages.author_name IS
		'what the author was called then, for events to say it without a look-up by each who hears them; kept by a trigger';
	COMMENT ON COLUMN copilot.messages.edited_at IS 'of the last change by its author; kept by a trigger';
	COMMENT ON COLUMN copilot.messages.deleted_at IS 'whoever sets it empties the message; the time is the clock''s';
	IF NOT EXISTS (SELECT FROM pg_constraint c
		WHERE c.conrelid = 'copilot.messages'::regclass AND c.conname = 'messages_thread_check') THEN
		PERFORM copilot.make_message_checks();
	END IF;
	CREATE INDEX IF NOT EXISTS messages_room_idx
		ON copilot.messages (tenant_id, room_id, created_at, id) WHERE room_id IS NOT NULL;
	-- what is unread is counted from here
	CREATE INDEX IF NOT EXISTS messages_thread_idx
		ON copilot.messages (tenant_id, thread_id, created_at, id) INCLUDE (type, author_id) WHERE deleted_at IS NULL;
	CREATE OR REPLACE TRIGGER stamp_room BEFORE INSERT ON copilot.messages
		FOR EACH ROW WHEN (NEW.room_id IS NOT NULL) EXECUTE FUNCTION copilot.message_stamp_room();
	CREATE OR REPLACE TRIGGER name_author BEFORE INSERT ON copilot.messages
		FOR EACH ROW WHEN (NEW.author_id IS NOT NULL) EXECUTE FUNCTION copilot.message_name_author();
	CREATE OR REPLACE TRIGGER change BEFORE UPDATE ON copilot.messages
		FOR EACH ROW EXECUTE FUNCTION copilot.message_change();
	CREATE OR REPLACE TRIGGER tell_mentioned AFTER INSERT OR UPDATE OF mentions ON copilot.messages
		FOR EACH ROW WHEN (cardinality(NEW.mentions) > 0) EXECUTE FUNCTION copilot.message_tell_mentioned();
END
$$;
COMMENT ON FUNCTION copilot.make_message_columns() IS
'part of copilot.install(): what messages have beside thread, type, body and author, also those of an older installation';

CREATE FUNCTION copilot.make_message_checks()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	ALTER TABLE copilot.messages
		DROP CONSTRAINT IF EXISTS messages_one_thread, DROP CONSTRAINT IF EXISTS messages_type_check,
		DROP CONSTRAINT IF EXISTS messages_body_check,
		ADD CONSTRAINT messages_thread_check CHECK (num_nonnulls(project_id, automation_version_id, room_id) = 1
			AND (room_id IS NULL) = (room_kind IS NULL)),
		ADD CONSTRAINT messages_type_check CHECK (CASE WHEN room_id IS NULL
			THEN type IN ('client', 'ops', 'internal_note', 'system') ELSE type = 'chat' END),
		ADD CONSTRAINT messages_body_check CHECK (length(body) BETWEEN (deleted_at IS NULL)::integer AND 20000),
		ADD CONSTRAINT messages_attachments_check CHECK (jsonb_typeof(attachments) = 'array'
			AND jsonb_array_length(attachments) <= 20 AND octet_length(attachments::text) <= 32768),
		ADD CONSTRAINT messages_tags_check CHECK (cardinality(tags) <= 20 AND array_position(tags, NULL) IS NULL
			AND octet_length(array_to_string(tags, '')) <= 4000),
		ADD CONSTRAINT messages_mentions_check CHECK (cardinality(mentions) <= 50
			AND array_position(mentions, NULL) IS NULL),
		ADD CONSTRAINT messages_anchor_check CHECK (anchor IS NULL OR automation_version_id IS NOT NULL
			AND jsonb_typeof(anchor) = 'object' AND octet_length(anchor::text) <= 4000),
		ADD FOREIGN KEY (tenant_id, room_id, room_kind) REFERENCES copilot.rooms (tenant_id, id, kind) ON DELETE CASCADE,
		ADD FOREIGN KEY (tenant_id, deleted_by) REFERENCES copilot.tenant_users;
END
$$;
COMMENT ON FUNCTION copilot.make_message_checks() IS 'part of copilot.install(): what must hold for messages';

CREATE FUNCTION copilot.make_message_rights()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_policy('messages', 'thread',
		'messages of the projects and versions one sees, and of the rooms one is in',
		'AS RESTRICTIVE USING (room_id IS NULL AND (' || copilot.thread_visible() || ')'
		' OR room_id IN (SELECT copilot.my_rooms()))');
	PERFORM copilot.put_policy('messages', 'readable', 'the type of a message says who reads it',
		'AS RESTRICTIVE FOR SELECT USING (type IN (''client'', ''system'', ''chat'')'
		' OR type = ''ops'' AND (SELECT wrk.can(''read'', ''ops_message''))'
		' OR type = ''internal_note'' AND (SELECT wrk.can(''read'', ''internal_note'')))');
	PERFORM copilot.put_policy('messages', 'writable',
		'in one''s own name, and only types one may write',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ('
		'author_id IS NOT DISTINCT FROM (SELECT wrk.user_id()::uuid)'
		' AND (type = ''client'' AND (SELECT wrk.can(''create'', ''client_message''))'
		' OR type = ''ops'' AND (SELECT wrk.can(''create'', ''ops_message''))'
		' OR type = ''internal_note'' AND (SELECT wrk.can(''create'', ''internal_note''))'
		' OR type = ''chat'''
		' OR type = ''system'' AND (SELECT wrk.can(''create'', ''system_message''))))');
	-- what may be changed, and until when, is the trigger's business
	PERFORM copilot.put_policy('messages', 'changeable', 'one''s own, and all for whoever keeps order',
		'AS RESTRICTIVE FOR UPDATE USING (author_id = (SELECT copilot.as_uuid(wrk.user_id()))'
		' OR (SELECT wrk.can(''delete'', ''message'')))');
	PERFORM copilot.put_permissions('message', 'tenant', '{delete}', '{ops_admin,cs_admin,admin}');
	GRANT SELECT, INSERT (project_id, automation_version_id, room_id, type, body, attachments, tags, mentions, anchor),
		UPDATE (body, attachments, tags, mentions, deleted_at) ON copilot.messages TO wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_message_rights() IS 'part of copilot.install(): policies and grants of messages';

CREATE FUNCTION copilot.thread_visible()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '(SELECT wrk.can(''read'', ''project'')) OR wrk.can(''read'', ''project'', project_id::text)'
	|| ' OR automation_version_id IN (SELECT v.id FROM copilot.automation_versions v)';
COMMENT ON FUNCTION copilot.thread_visible() IS
'policy expression: the row''s project or automation version is one the reader sees';

CREATE FUNCTION copilot.check_thread(thread_project uuid, thread_version uuid)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF num_nonnulls(thread_project, thread_version) <> 1 THEN
		RAISE EXCEPTION 'exactly one of the parameters "project_id" and "automation_version_id" is required'
			USING ERRCODE = 'WK400';
	END IF;
	IF thread_project IS NOT NULL AND NOT EXISTS (
		SELECT FROM copilot.projects p WHERE p.id = thread_project) THEN
		RAISE EXCEPTION 'project not found' USING ERRCODE = 'WK404';
	END IF;
	IF thread_version IS NOT NULL AND NOT EXISTS (
		SELECT FROM copilot.automation_versions v WHERE v.id = thread_version) THEN
		RAISE EXCEPTION 'automation version not found' USING ERRCODE = 'WK404';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_thread(uuid, uuid) IS
'refuses a call that does not name exactly one thread, or one the caller does not see. Errors: WK400, WK404';

-- ---------- what happens to a row ----------

CREATE FUNCTION copilot.message_stamp_room()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- as far as the writer sees the room: the policies refuse the others
	NEW.room_kind := (SELECT r.kind FROM copilot.rooms r WHERE r.tenant_id = NEW.tenant_id AND r.id = NEW.room_id);
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.message_stamp_room() IS 'trigger of messages: room_kind is that of the room';

CREATE FUNCTION copilot.message_name_author()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	NEW.author_name := copilot.member_name(NEW.tenant_id, NEW.author_id);
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.message_name_author() IS
'trigger of messages: author_name is what the author is called; it needs no other right than to write the message';

CREATE FUNCTION copilot.message_change()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	-- maintenance and restores act for nobody
	someone boolean := wrk.tenant_id() IS NOT NULL;
BEGIN
	IF NEW IS NOT DISTINCT FROM OLD THEN
		RETURN NEW;
	END IF;
	IF OLD.deleted_at IS NOT NULL THEN
		RAISE EXCEPTION 'this message was deleted' USING ERRCODE = 'WK409';
	END IF;
	IF NEW.deleted_at IS NOT NULL THEN
		NEW.deleted_at := clock_timestamp();
		NEW.deleted_by := copilot.as_uuid(wrk.user_id());
		NEW.body := '';
		NEW.attachments := '[]';
		NEW.tags := '{}';
		NEW.mentions := '{}';
		RETURN NEW;
	END IF;
	IF someone AND OLD.author_id IS DISTINCT FROM copilot.as_uuid(wrk.user_id()) THEN
		RAISE EXCEPTION 'only its author edits a message' USING ERRCODE = 'WK403';
	END IF;
	IF someone AND OLD.created_at < clock_timestamp() - interval '15 minutes' THEN
		RAISE EXCEPTION 'a message may be edited for 15 minutes' USING ERRCODE = 'WK403',
			HINT = 'Write another one.';
	END IF;
	NEW.edited_at := clock_timestamp();
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.message_change() IS
'trigger of messages: who is no author edits nothing, and nobody after 15 minutes; deleting empties the message, and what was deleted stays so. Errors: WK403, WK409';

CREATE FUNCTION copilot.message_is_read_by(tenant uuid, person uuid, project uuid, version uuid, room uuid, type text)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN room IS NOT NULL THEN EXISTS (SELECT FROM copilot.room_members m
			JOIN copilot.tenant_users u ON u.tenant_id = m.tenant_id AND u.user_id = m.user_id AND u.status = 'active'
			WHERE m.tenant_id = tenant AND m.room_id = room AND m.user_id = person)
		ELSE copilot.person_sees(tenant, person, project, version) AND CASE type
			WHEN 'ops' THEN copilot.person_can(tenant, person, 'read', 'ops_message')
			WHEN 'internal_note' THEN copilot.person_can(tenant, person, 'read', 'internal_note')
			ELSE true END
		END
$$;
COMMENT ON FUNCTION copilot.message_is_read_by(uuid, uuid, uuid, uuid, uuid, text) IS
'whether a person of a tenant may read messages of a type in a thread; the same rule as the policies of messages';

CREATE FUNCTION copilot.message_tell_mentioned()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	known uuid[] := CASE WHEN TG_OP = 'UPDATE' THEN OLD.mentions ELSE '{}' END;
	author text := (SELECT u.name FROM copilot.users u WHERE u.id = NEW.author_id);
BEGIN
	PERFORM copilot.notify(NEW.tenant_id, m, 'mention', concat(left(author, 100), ' mentioned you'),
		jsonb_strip_nulls(jsonb_build_object('message_id', NEW.id, 'excerpt', left(NEW.body, 200), 'by', NEW.author_id,
			'project_id', NEW.project_id, 'automation_version_id', NEW.automation_version_id,
			'room_id', NEW.room_id, 'anchor', NEW.anchor)),
		'message', NEW.id::text)
	FROM (SELECT DISTINCT u AS m FROM unnest(NEW.mentions) u) o
	-- whoever may not read it does not learn that it is there
	WHERE m <> ALL (known) AND m IS DISTINCT FROM NEW.author_id
		-- once, however often an edit takes the name out and puts it in again
		AND NOT (TG_OP = 'UPDATE' AND EXISTS (SELECT FROM copilot.notifications n
			WHERE n.tenant_id = NEW.tenant_id AND n.user_id = m AND n.created_at >= NEW.created_at
				AND n.kind = 'mention' AND n.resource_type = 'message' AND n.resource_id = NEW.id::text))
		AND copilot.message_is_read_by(NEW.tenant_id, m, NEW.project_id, NEW.automation_version_id, NEW.room_id, NEW.type);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.message_tell_mentioned() IS
'trigger of messages: notification "mention" for whoever is mentioned for the first time and may read the message';

REVOKE ALL ON FUNCTION copilot.make_messages(), copilot.make_message_columns(), copilot.make_message_checks(),
	copilot.make_message_rights(), copilot.thread_visible(), copilot.check_thread(uuid, uuid),
	copilot.message_stamp_room(), copilot.message_name_author(), copilot.message_change(),
	copilot.message_is_read_by(uuid, uuid, uuid, uuid, uuid, text), copilot.message_tell_mentioned() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.check_thread(uuid, uuid) TO wrk_member;
