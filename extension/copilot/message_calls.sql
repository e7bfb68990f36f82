-- Calls about messages: what a browser sends, edits, deletes and reads.

-- ---------- parameters ----------

CREATE FUNCTION copilot.want_thread(params jsonb, OUT project uuid, OUT version uuid, OUT room uuid)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	project := copilot.want_uuid(params, 'project_id');
	version := copilot.want_uuid(params, 'automation_version_id');
	room := copilot.want_uuid(params, 'room_id');
	IF num_nonnulls(project, version, room) <> 1 THEN
		RAISE EXCEPTION 'exactly one of the parameters "project_id", "automation_version_id" and "room_id" is required'
			USING ERRCODE = 'WK400';
	END IF;
	IF room IS NOT NULL THEN
		PERFORM copilot.check_room(room);
	ELSE
		PERFORM copilot.check_thread(project, version);
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.want_thread(jsonb) IS
'members "project_id", "automation_version_id" and "room_id" of a call''s parameters: the one thread, which the caller sees. Errors: WK400, WK404';

CREATE FUNCTION copilot.want_attachments(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	list jsonb := coalesce(nullif(params -> 'attachments', 'null'), '[]');
	one jsonb;
BEGIN
	IF jsonb_typeof(list) <> 'array' OR jsonb_array_length(list) > 20 OR octet_length(list::text) > 32768 THEN
		PERFORM copilot.bad_param('attachments', 'must be an array of up to 20 objects and 32 kB');
	END IF;
	FOR one IN SELECT * FROM jsonb_array_elements(list) LOOP
		IF jsonb_typeof(one) <> 'object' OR one - '{name,url,type,size}'::text[] <> '{}'
			OR jsonb_typeof(one -> 'name') IS DISTINCT FROM 'string' OR length(one ->> 'name') NOT BETWEEN 1 AND 200
			OR jsonb_typeof(one -> 'url') IS DISTINCT FROM 'string' OR length(one ->> 'url') > 2000
			OR one ->> 'url' !~ '^https://[^[:space:]]+$'
			OR jsonb_typeof(one -> 'type') <> 'string' OR length(one ->> 'type') > 200
			OR jsonb_typeof(one -> 'size') <> 'number' THEN
			PERFORM copilot.bad_param('attachments',
				'must be objects with a name, a url that begins with https:// and, if known, type and size');
		END IF;
	END LOOP;
	RETURN list;
END
$$;
COMMENT ON FUNCTION copilot.want_attachments(jsonb) IS
'member "attachments" of a call''s parameters: [{name, url, type, size}]. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_tags(params jsonb)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	list jsonb := coalesce(nullif(params -> 'tags', 'null'), '[]');
BEGIN
	IF jsonb_typeof(list) <> 'array' OR jsonb_array_length(list) > 20 OR EXISTS (
		SELECT FROM jsonb_array_elements(list) e
		WHERE jsonb_typeof(e) <> 'string' OR length(e #>> '{}') NOT BETWEEN 1 AND 50) THEN
		PERFORM copilot.bad_param('tags', 'must be an array of up to 20 strings of 1 to 50 characters');
	END IF;
	RETURN ARRAY(SELECT DISTINCT e FROM jsonb_array_elements_text(list) e ORDER BY e);
END
$$;
COMMENT ON FUNCTION copilot.want_tags(jsonb) IS
'member "tags" of a call''s parameters, each once. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_anchor(params jsonb, version uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	anchor jsonb := nullif(params -> 'anchor', 'null');
	what text;
BEGIN
	IF anchor IS NULL THEN
		RETURN NULL;
	END IF;
	IF jsonb_typeof(anchor) = 'object' THEN
		what := (SELECT k FROM jsonb_object_keys(anchor) k WHERE k IN ('node', 'edge', 'section') LIMIT 1);
	END IF;
	IF what IS NULL OR anchor - ARRAY[what, 'path'] <> '{}' OR jsonb_typeof(anchor -> what) <> 'string'
		OR octet_length(anchor::text) > 4000 OR jsonb_typeof(coalesce(anchor -> 'path', '[]')) <> 'array'
		OR EXISTS (SELECT FROM jsonb_array_elements(coalesce(anchor -> 'path', '[]')) e WHERE jsonb_typeof(e) <> 'string') THEN
		PERFORM copilot.bad_param('anchor', 'must be {"node" | "edge" | "section": id, "path": [member, ...]}');
	END IF;
	IF NOT EXISTS (SELECT FROM copilot.automation_versions v
		WHERE v.id = want_anchor.version AND v.blueprint_json -> (what || 's') @> jsonb_build_array(jsonb_build_object('id', anchor -> what))) THEN
		PERFORM copilot.bad_param('anchor', format('names no %s of the blueprint of this thread', what));
	END IF;
	RETURN anchor;
END
$$;
COMMENT ON FUNCTION copilot.want_anchor(jsonb, uuid) IS
'member "anchor" of a call''s parameters: something that the blueprint has now. Error: WK400 bad_request';

CREATE FUNCTION copilot.check_mentions(people uuid[])
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM unnest(people) p
		WHERE p NOT IN (SELECT tu.user_id FROM copilot.tenant_users tu)) THEN
		PERFORM copilot.bad_param('mentions', 'names somebody who is no user of this tenant');
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.check_mentions(uuid[]) IS
'refuses mentions of people of whom the caller''s tenant knows nothing. Error: WK400 bad_request';

CREATE FUNCTION copilot.want_message(params jsonb)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid := copilot.want_uuid(params, 'id', true);
BEGIN
	IF NOT EXISTS (SELECT FROM copilot.messages m WHERE m.id = wanted) THEN
		RAISE EXCEPTION 'message not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN wanted;
END
$$;
COMMENT ON FUNCTION copilot.want_message(jsonb) IS
'member "id" of a call''s parameters as a message that the caller may read. Errors: WK400 bad_request, WK404 not_found';

-- ---------- calls ----------

CREATE FUNCTION copilot.message_answer(row_json jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN copilot.answer(row_json) - '{thread_id,room_kind,chat_id,workspace_id,deleted_by}'::text[];
COMMENT ON FUNCTION copilot.message_answer(jsonb) IS 'a message as calls answer it; author_name is what its author was called then';

CREATE FUNCTION copilot.message_send(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	thread record;
	wanted_type text;
	mentioned uuid[];
	wanted_body text;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'project_id', 'automation_version_id', 'room_id', 'type', 'body',
								 'attachments', 'tags', 'mentions', 'anchor');
	wanted_type := copilot.want_choice(params, 'type', 'client', 'ops', 'internal_note', 'system', 'chat');
	wanted_body := copilot.want_text(params, 'body', 20000, true);
	mentioned := copilot.want_uuids(params, 'mentions', 50);
	thread := copilot.want_thread(params);
	wanted_type := coalesce(wanted_type, CASE WHEN thread.room IS NULL THEN 'client' ELSE 'chat' END);
	IF (wanted_type = 'chat') <> (thread.room IS NOT NULL) THEN
		PERFORM copilot.bad_param('type', 'is chat in a room, and nowhere else');
	END IF;
	IF wanted_type <> 'chat' AND NOT wrk.can('create', CASE wanted_type WHEN 'internal_note' THEN wanted_type
							 ELSE wanted_type || '_message' END) THEN
		RAISE EXCEPTION 'messages of type "%" are not for this role to send', wanted_type
			USING ERRCODE = 'WK403';
	END IF;
	PERFORM copilot.check_mentions(mentioned);
	INSERT INTO copilot.messages AS m (project_id, automation_version_id, room_id, type, body, attachments, tags,
									   mentions, anchor)
	VALUES (thread.project, thread.version, thread.room, wanted_type, wanted_body, copilot.want_attachments(params),
			copilot.want_tags(params), mentioned, copilot.want_anchor(params, thread.version))
	RETURNING copilot.message_answer(to_jsonb(m)) INTO result;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.message_send(jsonb) IS
'call message.send {project_id | automation_version_id | room_id, body, type: client (default), ops, internal_note, system; chat in a room, attachments: [{name, url, type, size}], tags, mentions: [user_id], anchor: {node | edge | section: id, path}}: the message, with author_name. A message with an anchor is a comment on that part of the version''s blueprint. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.call_message_edit(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	mentioned uuid[];
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'body', 'attachments', 'tags', 'mentions');
	wanted := copilot.want_message(params);
	mentioned := copilot.want_uuids(params, 'mentions', 50);
	PERFORM copilot.check_mentions(mentioned);
	UPDATE copilot.messages m SET
		body = coalesce(copilot.want_text(params, 'body', 20000), m.body),
		attachments = CASE WHEN params ? 'attachments' THEN copilot.want_attachments(params) ELSE m.attachments END,
		tags = CASE WHEN params ? 'tags' THEN copilot.want_tags(params) ELSE m.tags END,
		mentions = CASE WHEN params ? 'mentions' THEN mentioned ELSE m.mentions END
	WHERE m.id = wanted
	RETURNING copilot.message_answer(to_jsonb(m)) INTO result;
	IF result IS NULL THEN
		RAISE EXCEPTION 'only its author edits a message' USING ERRCODE = 'WK403';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_message_edit(jsonb) IS
'call message.edit {id, body, attachments, tags, mentions}: the message; what is absent stays. For its author, within 15 minutes. Errors: WK400, WK403, WK404, WK409 for a deleted one';

CREATE FUNCTION copilot.call_message_delete(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_message(params);
	UPDATE copilot.messages m SET deleted_at = coalesce(m.deleted_at, clock_timestamp()) WHERE m.id = wanted
	RETURNING jsonb_build_object('id', m.id, 'deleted_at', m.deleted_at) INTO result;
	IF result IS NULL THEN
		RAISE EXCEPTION 'this message is not for this role to delete' USING ERRCODE = 'WK403';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_message_delete(jsonb) IS
'call message.delete {id}: {id, deleted_at}; it stays in its thread, empty. For its author and for those with permission "delete" for messages. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.message_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	page record;
	thread record;
	commented text;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'project_id', 'automation_version_id', 'room_id', 'node', 'after', 'limit');
	page := copilot.want_page(params);
	commented := copilot.want_text(params, 'node');
	thread := copilot.want_thread(params);
	-- one arm per thread: each finds its page in its own index
	WITH found AS (
		(SELECT m.* FROM copilot.messages m
		 WHERE m.project_id = thread.project AND (m.created_at, m.id) < (page.before_time, page.before_id)
			AND (commented IS NULL OR m.anchor ->> 'node' = commented)
		 ORDER BY m.created_at DESC, m.id DESC LIMIT page.page_size + 1)
		UNION ALL
		(SELECT m.* FROM copilot.messages m
		 WHERE m.automation_version_id = thread.version AND (m.created_at, m.id) < (page.before_time, page.before_id)
			AND (commented IS NULL OR m.anchor ->> 'node' = commented)
		 ORDER BY m.created_at DESC, m.id DESC LIMIT page.page_size + 1)
		UNION ALL
		(SELECT m.* FROM copilot.messages m
		 WHERE m.room_id = thread.room AND (m.created_at, m.id) < (page.before_time, page.before_id)
			AND (commented IS NULL OR m.anchor ->> 'node' = commented)
		 ORDER BY m.created_at DESC, m.id DESC LIMIT page.page_size + 1))
	SELECT copilot.page_answer('messages',
		jsonb_agg(copilot.message_answer(to_jsonb(f)) ORDER BY f.created_at DESC, f.id DESC),
		array_agg(copilot.page_key(f.created_at, f.id) ORDER BY f.created_at DESC, f.id DESC), page.page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.message_list(jsonb) IS
'call message.list {project_id | automation_version_id | room_id, node, after, limit}: {messages, next} newest first, as far as the caller may read them, each with author_name; with node only comments on that node of the blueprint. A deleted one has deleted_at and no body; next is null on the last page. Errors: WK400, WK404';

REVOKE ALL ON FUNCTION copilot.want_thread(jsonb), copilot.want_attachments(jsonb),
	copilot.want_tags(jsonb), copilot.want_anchor(jsonb, uuid), copilot.check_mentions(uuid[]),
	copilot.message_send(jsonb), copilot.message_answer(jsonb), copilot.call_message_edit(jsonb),
	copilot.want_message(jsonb), copilot.call_message_delete(jsonb), copilot.message_list(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.want_thread(jsonb),
	copilot.want_attachments(jsonb), copilot.want_tags(jsonb), copilot.want_anchor(jsonb, uuid),
	copilot.check_mentions(uuid[]), copilot.message_send(jsonb), copilot.message_answer(jsonb),
	copilot.call_message_edit(jsonb), copilot.want_message(jsonb), copilot.call_message_delete(jsonb),
	copilot.message_list(jsonb) TO wrk_member;
