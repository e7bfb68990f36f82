-- Messages in the thread of a project or of an automation version.
--
-- The type says who may read: client and system messages everybody who sees the
-- thread, ops messages nobody who is only a client, internal notes operations
-- staff alone.  Rows (policies below) and events (the audience that
-- copilot.enable_all_events() declares) say the same.  Nobody chooses author or
-- time of a message: they come from the identity and the clock.

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
		type text NOT NULL DEFAULT 'client'
			CHECK (type IN ('client', 'ops', 'internal_note', 'system')),
		body text NOT NULL CHECK (length(body) BETWEEN 1 AND 20000),
		author_id uuid DEFAULT wrk.user_id()::uuid CHECK (author_id IS NOT NULL OR type = 'system'),
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		CONSTRAINT messages_one_thread CHECK (num_nonnulls(project_id, automation_version_id) = 1),
		FOREIGN KEY (tenant_id, project_id) REFERENCES copilot.projects ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, automation_version_id)
			REFERENCES copilot.automation_versions ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, author_id) REFERENCES copilot.tenant_users
	);
	CREATE INDEX IF NOT EXISTS messages_project_idx
		ON copilot.messages (tenant_id, project_id, created_at, id);
	CREATE INDEX IF NOT EXISTS messages_version_idx
		ON copilot.messages (tenant_id, automation_version_id, created_at, id);
	COMMENT ON TABLE copilot.messages IS 'what people (and the system) say in the thread of a project or of an automation version';
	COMMENT ON COLUMN copilot.messages.type IS
		'who may read it: client and system all of the thread, ops not clients, internal_note operations staff only';
	COMMENT ON COLUMN copilot.messages.author_id IS 'from the identity; null for the system';
	PERFORM wrk.enable_tenancy('copilot.messages');
	PERFORM copilot.make_message_rights();
END
$$;
COMMENT ON FUNCTION copilot.make_messages() IS 'part of copilot.install(): table messages';

CREATE FUNCTION copilot.make_message_rights()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.put_policy('messages', 'thread',
		'messages of the projects and versions one sees',
		'AS RESTRICTIVE USING (' || copilot.thread_visible() || ')');
	PERFORM copilot.put_policy('messages', 'readable', 'the type of a message says who reads it',
		'AS RESTRICTIVE FOR SELECT USING (type IN (''client'', ''system'')'
		' OR type = ''ops'' AND (SELECT wrk.can(''read'', ''ops_message''))'
		' OR type = ''internal_note'' AND (SELECT wrk.can(''read'', ''internal_note'')))');
	PERFORM copilot.put_policy('messages', 'writable',
		'in one''s own name, and only types one may write',
		'AS RESTRICTIVE FOR INSERT WITH CHECK ('
		'author_id IS NOT DISTINCT FROM (SELECT wrk.user_id()::uuid)'
		' AND (type = ''client'' AND (SELECT wrk.can(''create'', ''client_message''))'
		' OR type = ''ops'' AND (SELECT wrk.can(''create'', ''ops_message''))'
		' OR type = ''internal_note'' AND (SELECT wrk.can(''create'', ''internal_note''))'
		' OR type = ''system'' AND (SELECT wrk.can(''create'', ''system_message''))))');
	GRANT SELECT, INSERT (project_id, automation_version_id, type, body) ON copilot.messages TO wrk_member;
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

CREATE FUNCTION copilot.message_send(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	project uuid;
	version uuid;
	wanted_type text;
	wanted_body text;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'project_id', 'automation_version_id', 'type', 'body');
	project := copilot.want_uuid(params, 'project_id');
	version := copilot.want_uuid(params, 'automation_version_id');
	wanted_type := coalesce(
		copilot.want_choice(params, 'type', 'client', 'ops', 'internal_note', 'system'), 'client');
	wanted_body := copilot.want_text(params, 'body', 20000, true);
	PERFORM copilot.check_thread(project, version);
	IF NOT wrk.can('create', CASE wanted_type WHEN 'internal_note' THEN wanted_type
							 ELSE wanted_type || '_message' END) THEN
		RAISE EXCEPTION 'messages of type "%" are not for this role to send', wanted_type
			USING ERRCODE = 'WK403';
	END IF;
	INSERT INTO copilot.messages AS m (project_id, automation_version_id, type, body)
	VALUES (project, version, wanted_type, wanted_body)
	RETURNING copilot.answer(to_jsonb(m)) INTO result;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.message_send(jsonb) IS
'call message.send {project_id | automation_version_id, body, type: client (default), ops, internal_note, system}: the message. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.message_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	project uuid;
	version uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'project_id', 'automation_version_id', 'after', 'limit');
	project := copilot.want_uuid(params, 'project_id');
	version := copilot.want_uuid(params, 'automation_version_id');
	page := copilot.want_page(params);
	PERFORM copilot.check_thread(project, version);
	-- one arm per thread: each finds its page in its own index
	WITH found AS (
		(SELECT m.* FROM copilot.messages m
		 WHERE m.project_id = project AND (m.created_at, m.id) < (page.before_time, page.before_id)
		 ORDER BY m.created_at DESC, m.id DESC LIMIT page.page_size + 1)
		UNION ALL
		(SELECT m.* FROM copilot.messages m
		 WHERE m.automation_version_id = version AND (m.created_at, m.id) < (page.before_time, page.before_id)
		 ORDER BY m.created_at DESC, m.id DESC LIMIT page.page_size + 1)),
	shown AS (
		SELECT f.* FROM found f ORDER BY f.created_at DESC, f.id DESC LIMIT page.page_size)
	SELECT jsonb_build_object(
		'messages', coalesce(jsonb_agg(copilot.answer(to_jsonb(s)) ORDER BY s.created_at DESC, s.id DESC), '[]'),
		'next', CASE WHEN (SELECT count(*) FROM found) > page.page_size THEN
			(SELECT copilot.page_key(l.created_at, l.id) FROM shown l ORDER BY l.created_at, l.id LIMIT 1) END)
	INTO result FROM shown s;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.message_list(jsonb) IS
'call message.list {project_id | automation_version_id, after, limit}: {messages, next} newest first, as far as the caller may read them; next is null on the last page. Errors: WK400, WK404';

REVOKE ALL ON FUNCTION copilot.make_messages(), copilot.make_message_rights(), copilot.thread_visible(),
	copilot.check_thread(uuid, uuid), copilot.message_send(jsonb), copilot.message_list(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.check_thread(uuid, uuid), copilot.message_send(jsonb),
	copilot.message_list(jsonb) TO wrk_member;
