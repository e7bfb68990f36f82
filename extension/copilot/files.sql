-- Files of a workspace: texts that its members write together.
--
-- revision counts the changes of a file; whoever saves says which one they started
-- from.  If others have saved since, it is a conflict: nothing is saved, or, if the
-- writer insists, their text replaces what is there and whoever wrote that is told.
-- A file that somebody has locked (file:ID) is changed by nobody else, whatever
-- statement they use.

CREATE FUNCTION copilot.make_files()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.files (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		workspace_id uuid NOT NULL,
		room_kind text NOT NULL DEFAULT 'workspace' CHECK (room_kind = 'workspace'),
		path text NOT NULL CHECK (length(path) BETWEEN 1 AND 500 AND path ~ '^[^/[:cntrl:]]+(/[^/[:cntrl:]]+)*$'
			AND path !~ '(^|/)\.\.?(/|$)'),
		content text NOT NULL DEFAULT '' CHECK (octet_length(content) <= 1048576),
		content_type text NOT NULL DEFAULT 'text/plain' CHECK (length(content_type) BETWEEN 1 AND 200),
		revision bigint NOT NULL DEFAULT 1,
		created_by uuid DEFAULT wrk.user_id()::uuid,
		updated_by uuid DEFAULT wrk.user_id()::uuid,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, id),
		UNIQUE (tenant_id, workspace_id, path),
		FOREIGN KEY (tenant_id, workspace_id, room_kind) REFERENCES copilot.rooms (tenant_id, id, kind) ON DELETE CASCADE,
		FOREIGN KEY (tenant_id, created_by) REFERENCES copilot.tenant_users,
		FOREIGN KEY (tenant_id, updated_by) REFERENCES copilot.tenant_users
	);
	COMMENT ON TABLE copilot.files IS 'texts of a workspace, for those who are in it';
	COMMENT ON COLUMN copilot.files.room_kind IS 'only workspaces have files';
	COMMENT ON COLUMN copilot.files.path IS 'name with folders, a/b/c; of one workspace only one file has it';
	COMMENT ON COLUMN copilot.files.revision IS 'counts the changes; kept by a trigger, as is updated_by';
	CREATE OR REPLACE TRIGGER change BEFORE UPDATE ON copilot.files
		FOR EACH ROW EXECUTE FUNCTION copilot.file_change();
	-- what goes with its workspace goes, locked or not
	CREATE OR REPLACE TRIGGER locked BEFORE DELETE ON copilot.files
		FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION copilot.file_locked();
	CREATE OR REPLACE TRIGGER tell_loser AFTER UPDATE ON copilot.files
		FOR EACH ROW EXECUTE FUNCTION copilot.file_tell_loser();
	PERFORM wrk.enable_tenancy('copilot.files');
	PERFORM copilot.put_policy('files', 'visible', 'files of the workspaces one is in',
		'AS RESTRICTIVE USING (workspace_id IN (SELECT copilot.my_rooms()))');
	GRANT SELECT, INSERT (workspace_id, path, content, content_type), UPDATE (path, content, content_type), DELETE
		ON copilot.files TO wrk_member;
	PERFORM wrk.enable_events('copilot.files', 'file', channels => ARRAY['workspace:{workspace_id}', 'file:{id}'],
		exclude => ARRAY['content', 'room_kind']);
	PERFORM wrk.enable_audit('copilot.files', 'file', exclude => '{room_kind,revision,updated_by,updated_at}',
		announce => true);
	INSERT INTO wrk.channel_rule AS r (pattern, authorizer, description) VALUES
		('file:{id}', 'copilot.may_join_file(text)', 'a file of a workspace one is in: its changes and locks')
	ON CONFLICT (pattern) DO UPDATE SET authorizer = excluded.authorizer, description = excluded.description;
	PERFORM copilot.put_call('file.save', 'copilot.call_file_save(jsonb)');
	-- what a frame "file_update" calls
	PERFORM copilot.put_call('file.update', 'copilot.call_file_save(jsonb)');
	PERFORM copilot.put_call('file.get', 'copilot.call_file_get(jsonb)');
	PERFORM copilot.put_call('file.list', 'copilot.call_file_list(jsonb)');
	PERFORM copilot.put_call('file.delete', 'copilot.call_file_delete(jsonb)');
END
$$;
COMMENT ON FUNCTION copilot.make_files() IS 'part of copilot.install(): table files, its rights, events and calls';

CREATE FUNCTION copilot.may_join_file(id text)
RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT '{read,publish}'::text[] FROM copilot.files f WHERE f.id = copilot.as_uuid(may_join_file.id));
END
$$;
COMMENT ON FUNCTION copilot.may_join_file(text) IS
'rights of the caller on the channel of a file; NULL for every id the caller does not see';

-- ---------- what happens to a row ----------

CREATE FUNCTION copilot.file_change()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF (NEW.path, NEW.content, NEW.content_type) IS NOT DISTINCT FROM (OLD.path, OLD.content, OLD.content_type) THEN
		RETURN NEW;
	END IF;
	PERFORM wrk.lock_check('file:' || OLD.id);
	NEW.revision := OLD.revision + 1;
	NEW.updated_by := copilot.as_uuid(wrk.user_id());
	NEW.updated_at := clock_timestamp();
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.file_change() IS
'trigger of files: counts real changes, and refuses those of a file that somebody else has locked. Error: WK423 locked';

CREATE FUNCTION copilot.file_locked()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM wrk.lock_check('file:' || OLD.id);
	RETURN OLD;
END
$$;
COMMENT ON FUNCTION copilot.file_locked() IS
'trigger of files: nobody deletes what somebody else has locked. Error: WK423 locked';

CREATE FUNCTION copilot.file_tell_loser()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	base bigint := nullif(current_setting('copilot.file_base', true), '');
BEGIN
	-- whoever sets this by hand says no more than that they had not seen the newest
	IF NEW.revision = OLD.revision OR base IS NULL OR base >= OLD.revision OR OLD.updated_by IS NULL
		OR OLD.updated_by = NEW.updated_by OR NOT EXISTS (SELECT FROM copilot.room_members m
			WHERE m.tenant_id = NEW.tenant_id AND m.room_id = NEW.workspace_id AND m.user_id = OLD.updated_by) THEN
		RETURN NULL;
	END IF;
	PERFORM wrk.emit('conflict.detected', jsonb_build_object('file_id', NEW.id, 'workspace_id', NEW.workspace_id,
			'path', NEW.path, 'base', base, 'lost', OLD.revision, 'revision', NEW.revision, 'by', NEW.updated_by),
		ARRAY[format('tenant:%s:user:%s', NEW.tenant_id, OLD.updated_by)],
		audience => ARRAY['user:' || OLD.updated_by], tenant_id => NEW.tenant_id::text);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.file_tell_loser() IS
'trigger of files: event conflict.detected {file_id, workspace_id, path, base, lost, revision, by} for whoever wrote the revision that a writer who had not seen it has replaced';

-- ---------- saving ----------

CREATE FUNCTION copilot.file_save(file uuid, base bigint, content text DEFAULT NULL, path text DEFAULT NULL,
								  content_type text DEFAULT NULL, mode text DEFAULT 'strict')
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	was record;
	result jsonb;
BEGIN
	IF base IS NULL OR mode IS NULL OR mode NOT IN ('strict', 'lww') THEN
		RAISE EXCEPTION 'a file is saved with the revision it was made from, in mode strict or lww' USING ERRCODE = 'WK400';
	END IF;
	SELECT f.revision, f.updated_by, f.updated_at INTO was FROM copilot.files f WHERE f.id = file FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'file not found' USING ERRCODE = 'WK404';
	END IF;
	IF base > was.revision THEN
		RAISE EXCEPTION 'there is no revision % of this file yet', base USING ERRCODE = 'WK400';
	END IF;
	IF base < was.revision AND mode = 'strict' THEN
		RAISE EXCEPTION 'others have changed the file since revision %', base USING ERRCODE = 'WK409',
			DETAIL = json_build_object('revision', was.revision, 'updated_by', was.updated_by, 'updated_at', was.updated_at)::text;
	END IF;
	PERFORM set_config('copilot.file_base', base::text, true);
	UPDATE copilot.files f SET
		content = coalesce(file_save.content, f.content), path = coalesce(file_save.path, f.path),
		content_type = coalesce(file_save.content_type, f.content_type)
	WHERE f.id = file
	RETURNING copilot.file_answer(to_jsonb(f)) INTO result;
	PERFORM set_config('copilot.file_base', '', true);
	RETURN result || jsonb_build_object('base', base);
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'another file of this workspace has this path' USING ERRCODE = 'WK409';
END
$$;
COMMENT ON FUNCTION copilot.file_save(uuid, bigint, text, text, text, text) IS
'saves a file that was read at revision base and returns it without its content; NULL leaves content, path or content_type as it is. If others have saved since: mode strict refuses, lww replaces what they wrote, and they are told by conflict.detected. Errors: WK400, WK404, WK409 with {revision, updated_by, updated_at} or for a path that is taken, WK423 for a file that somebody else has locked, 23514 for a path or content that is none';

CREATE FUNCTION copilot.file_answer(row_json jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN copilot.answer(row_json) - '{content,room_kind}'::text[];
COMMENT ON FUNCTION copilot.file_answer(jsonb) IS 'a file as lists answer it, without its content';

-- ---------- calls ----------

CREATE FUNCTION copilot.want_content(params jsonb)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF jsonb_typeof(params -> 'content') NOT IN ('string', 'null') THEN
		PERFORM copilot.bad_param('content', 'must be a string');
	END IF;
	IF octet_length(params ->> 'content') > 1048576 THEN
		RAISE EXCEPTION 'a file has at most 1 MB' USING ERRCODE = 'WK413';
	END IF;
	RETURN params ->> 'content';
END
$$;
COMMENT ON FUNCTION copilot.want_content(jsonb) IS
'member "content" of a call''s parameters, which may be empty. Errors: WK400 bad_request, WK413 too_large';

CREATE FUNCTION copilot.want_file_path(params jsonb, required boolean)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	path text := copilot.want_text(params, 'path', 500, required);
BEGIN
	IF path !~ '^[^/[:cntrl:]]+(/[^/[:cntrl:]]+)*$' OR path ~ '(^|/)\.\.?(/|$)' THEN
		PERFORM copilot.bad_param('path', 'must be names with / between them');
	END IF;
	RETURN path;
END
$$;
COMMENT ON FUNCTION copilot.want_file_path(jsonb, boolean) IS
'member "path" of a call''s parameters: a/b/c. Error: WK400 bad_request';

CREATE FUNCTION copilot.call_file_save(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	room uuid;
	made copilot.files;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'revision', 'mode', 'workspace_id', 'path', 'content', 'content_type');
	IF params ? 'id' THEN
		PERFORM copilot.check_params(params, 'id', 'revision', 'mode', 'path', 'content', 'content_type');
		RETURN copilot.file_save(copilot.want_uuid(params, 'id', true), copilot.want_int(params, 'revision', 1, 999999999),
			copilot.want_content(params), copilot.want_file_path(params, false), copilot.want_text(params, 'content_type'),
			coalesce(copilot.want_choice(params, 'mode', 'strict', 'lww'), 'strict'));
	END IF;
	PERFORM copilot.check_params(params, 'workspace_id', 'path', 'content', 'content_type');
	room := copilot.want_uuid(params, 'workspace_id', true);
	IF NOT EXISTS (SELECT FROM copilot.rooms r WHERE r.id = room AND r.kind = 'workspace') THEN
		RAISE EXCEPTION 'workspace not found' USING ERRCODE = 'WK404';
	END IF;
	INSERT INTO copilot.files AS f (workspace_id, path, content, content_type)
	VALUES (room, copilot.want_file_path(params, true), coalesce(copilot.want_content(params), ''),
			coalesce(copilot.want_text(params, 'content_type'), 'text/plain'))
	RETURNING f.* INTO made;
	RETURN copilot.file_answer(to_jsonb(made));
EXCEPTION WHEN unique_violation THEN
	RAISE EXCEPTION 'another file of this workspace has this path' USING ERRCODE = 'WK409';
END
$$;
COMMENT ON FUNCTION copilot.call_file_save(jsonb) IS
'call file.save, or file.update, {id, revision, content, path, content_type, mode: strict (default) or lww}: the file without its content, and base; or {workspace_id, path, content, content_type} for a new file. revision is the one the writer has read: if others have saved since, strict refuses and lww replaces what they wrote. Errors: WK400, WK404, WK409 with {revision, updated_by, updated_at} or for a path that is taken, WK413, WK423 for a file that somebody else has locked';

CREATE FUNCTION copilot.call_file_get(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_uuid(params, 'id', true);
	SELECT copilot.file_answer(to_jsonb(f)) || jsonb_build_object('content', f.content) INTO result
	FROM copilot.files f WHERE f.id = wanted;
	IF result IS NULL THEN
		RAISE EXCEPTION 'file not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_file_get(jsonb) IS
'call file.get {id}: the file with its content. Errors: WK400, WK404';

CREATE FUNCTION copilot.call_file_list(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	room uuid;
	behind text;
	page_size integer;
	result jsonb;
BEGIN
	PERFORM copilot.check_params(params, 'workspace_id', 'after', 'limit');
	room := copilot.want_uuid(params, 'workspace_id', true);
	behind := coalesce(copilot.want_text(params, 'after', 500), '');
	page_size := copilot.want_limit(params);
	PERFORM copilot.check_room(room);
	WITH found AS (
		SELECT f.* FROM copilot.files f WHERE f.workspace_id = room AND f.path > behind
		ORDER BY f.path LIMIT page_size + 1)
	SELECT copilot.page_answer('files', jsonb_agg(copilot.file_answer(to_jsonb(f)) ORDER BY f.path),
		array_agg(f.path ORDER BY f.path), page_size)
	INTO result FROM found f;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.call_file_list(jsonb) IS
'call file.list {workspace_id, after, limit}: {files, next} by path, without content; next, null on the last page, is the after of the next one. Errors: WK400, WK404';

CREATE FUNCTION copilot.call_file_delete(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_uuid(params, 'id', true);
	DELETE FROM copilot.files f WHERE f.id = wanted;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'file not found' USING ERRCODE = 'WK404';
	END IF;
	RETURN '{"deleted": true}';
END
$$;
COMMENT ON FUNCTION copilot.call_file_delete(jsonb) IS
'call file.delete {id}: {deleted: true}; its content stays in the audit log. Errors: WK400, WK404, WK423 for a file that somebody else has locked';

REVOKE ALL ON FUNCTION copilot.make_files(), copilot.may_join_file(text), copilot.file_change(), copilot.file_locked(),
	copilot.file_tell_loser(), copilot.file_save(uuid, bigint, text, text, text, text), copilot.file_answer(jsonb),
	copilot.want_content(jsonb), copilot.want_file_path(jsonb, boolean), copilot.call_file_save(jsonb),
	copilot.call_file_get(jsonb), copilot.call_file_list(jsonb), copilot.call_file_delete(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.may_join_file(text), copilot.file_save(uuid, bigint, text, text, text, text),
	copilot.file_answer(jsonb), copilot.want_content(jsonb), copilot.want_file_path(jsonb, boolean),
	copilot.call_file_save(jsonb), copilot.call_file_get(jsonb), copilot.call_file_list(jsonb),
	copilot.call_file_delete(jsonb) TO wrk_member;
