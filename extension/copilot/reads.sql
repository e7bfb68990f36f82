-- What has been delivered and read: a position for each person and thread.
--
-- A position is a message; everything up to it, in the order of time, has been
-- delivered, or read.  It only moves forward, and what is read is delivered.  What is
-- unread is counted behind it, in the index, up to 100: nobody needs to know more
-- exactly, and so no counter has to be kept that every writer would wait for.
--
-- Positions are everybody's own.  Others are told by events, and by message.receipts,
-- of messages that they may read themselves.

CREATE FUNCTION copilot.make_message_reads()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.message_reads (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		thread_id uuid NOT NULL,
		user_id uuid NOT NULL DEFAULT wrk.user_id()::uuid,
		delivered_to uuid NOT NULL,
		delivered_time timestamptz NOT NULL,
		read_to uuid,
		read_time timestamptz,
		updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (tenant_id, thread_id, user_id),
		CHECK ((read_to IS NULL) = (read_time IS NULL)),
		FOREIGN KEY (tenant_id, user_id) REFERENCES copilot.tenant_users ON DELETE CASCADE
	);
	CREATE INDEX IF NOT EXISTS message_reads_user_idx ON copilot.message_reads (tenant_id, user_id);
	COMMENT ON TABLE copilot.message_reads IS 'how far a person has read in a thread; everybody sees their own rows';
	COMMENT ON COLUMN copilot.message_reads.thread_id IS 'as messages.thread_id; no foreign key, since there are three tables it may be from';
	COMMENT ON COLUMN copilot.message_reads.read_to IS 'last message that was read; read_time is when it was written';
	COMMENT ON COLUMN copilot.message_reads.delivered_to IS 'last message that was delivered; delivered_time is when it was written';
	CREATE OR REPLACE TRIGGER forward BEFORE INSERT OR UPDATE ON copilot.message_reads
		FOR EACH ROW EXECUTE FUNCTION copilot.message_read_forward();
	CREATE OR REPLACE TRIGGER tell AFTER INSERT OR UPDATE ON copilot.message_reads
		FOR EACH ROW EXECUTE FUNCTION copilot.message_read_tell();
	PERFORM wrk.enable_tenancy('copilot.message_reads');
	PERFORM copilot.put_policy('message_reads', 'own', 'everybody''s own positions',
		'AS RESTRICTIVE USING (user_id = (SELECT copilot.as_uuid(wrk.user_id())))');
	PERFORM copilot.put_policy('message_reads', 'begins', 'only with a message that one may read',
		'AS RESTRICTIVE FOR INSERT WITH CHECK (copilot.message_is_seen(thread_id, delivered_to))');
	GRANT SELECT, INSERT (thread_id, delivered_to, delivered_time, read_to, read_time),
		UPDATE (delivered_to, delivered_time, read_to, read_time) ON copilot.message_reads TO wrk_member;
	PERFORM copilot.put_call('message.mark_read', 'copilot.call_message_mark_read(jsonb)');
	PERFORM copilot.put_call('message.mark_delivered', 'copilot.call_message_mark_delivered(jsonb)');
	INSERT INTO wrk.receipt_rule AS r VALUES ('message.created', 'message.mark_delivered')
	ON CONFLICT (event_type) DO UPDATE SET method = excluded.method WHERE r.method <> excluded.method;
	PERFORM copilot.put_call('message.unread', 'copilot.call_message_unread(jsonb)');
	PERFORM copilot.put_call('message.receipts', 'copilot.call_message_receipts(jsonb)');
	PERFORM wrk.maintenance_register('copilot.message_reads', 'copilot.message_read_retention()', '1 day');
END
$$;
COMMENT ON FUNCTION copilot.make_message_reads() IS 'part of copilot.install(): table message_reads, its rights and calls';

CREATE FUNCTION copilot.message_is_seen(thread uuid, message uuid)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- under the caller's policies
	RETURN EXISTS (SELECT FROM copilot.messages m WHERE m.id = message AND m.thread_id = thread);
END
$$;
COMMENT ON FUNCTION copilot.message_is_seen(uuid, uuid) IS
'policy expression: the thread has such a message, and the caller may read it';

CREATE FUNCTION copilot.message_time(tenant uuid, thread uuid, message uuid)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- under the caller's policies
	SELECT m.created_at FROM copilot.messages m
	WHERE m.tenant_id = tenant AND m.thread_id = thread AND m.id = message
$$;
COMMENT ON FUNCTION copilot.message_time(uuid, uuid, uuid) IS
'when a message of the thread was written; NULL for one the caller may not read';

CREATE FUNCTION copilot.message_read_forward()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- when a message was written is not for its reader to say
	NEW.read_time := copilot.message_time(NEW.tenant_id, NEW.thread_id, NEW.read_to);
	NEW.delivered_time := coalesce(copilot.message_time(NEW.tenant_id, NEW.thread_id, NEW.delivered_to), '-infinity');
	IF NEW.read_time IS NULL THEN
		NEW.read_to := NULL;
	END IF;
	IF TG_OP = 'UPDATE' AND NEW.read_time IS NULL
		OR TG_OP = 'UPDATE' AND (NEW.read_time, NEW.read_to) < (OLD.read_time, OLD.read_to) THEN
		NEW.read_time := OLD.read_time;
		NEW.read_to := OLD.read_to;
	END IF;
	IF TG_OP = 'UPDATE' AND (NEW.delivered_time, NEW.delivered_to) < (OLD.delivered_time, OLD.delivered_to) THEN
		NEW.delivered_time := OLD.delivered_time;
		NEW.delivered_to := OLD.delivered_to;
	END IF;
	IF (NEW.delivered_time, NEW.delivered_to) < (NEW.read_time, NEW.read_to) THEN
		NEW.delivered_time := NEW.read_time;
		NEW.delivered_to := NEW.read_to;
	END IF;
	NEW.updated_at := clock_timestamp();
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.message_read_forward() IS
'trigger of message_reads: positions are messages that there are, do not go back, and what is read is delivered';

CREATE FUNCTION copilot.message_read_tell()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		PERFORM copilot.message_position_tell('message.delivered', NEW.tenant_id, NEW.thread_id, NEW.user_id,
			NULL, NULL, NEW.delivered_time, NEW.delivered_to)
		WHERE NEW.delivered_to IS DISTINCT FROM NEW.read_to;
		PERFORM copilot.message_position_tell('message.read', NEW.tenant_id, NEW.thread_id, NEW.user_id,
			NULL, NULL, NEW.read_time, NEW.read_to);
	ELSE
		PERFORM copilot.message_position_tell('message.delivered', NEW.tenant_id, NEW.thread_id, NEW.user_id,
			OLD.delivered_time, OLD.delivered_to, NEW.delivered_time, NEW.delivered_to)
		WHERE NEW.delivered_to IS DISTINCT FROM NEW.read_to;
		PERFORM copilot.message_position_tell('message.read', NEW.tenant_id, NEW.thread_id, NEW.user_id,
			OLD.read_time, OLD.read_to, NEW.read_time, NEW.read_to);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.message_read_tell() IS
'trigger of message_reads: events message.delivered and message.read; what is delivered by being read is told as read only';

CREATE FUNCTION copilot.message_position_tell(event text, tenant uuid, thread uuid, person uuid, from_time timestamptz,
											  from_id uuid, to_time timestamptz, to_id uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	ops text[] := ARRAY(SELECT 'role:' || r FROM unnest(copilot.ops_roles()) r);
	told record;
BEGIN
	IF (to_time, to_id) IS NOT DISTINCT FROM (from_time, from_id) THEN
		RETURN;
	END IF;
	-- each of those who follow the thread is told of the last message that they may read
	FOR told IN
		SELECT last.*, c.audience
		FROM (VALUES (1, '{client,system,chat}'::text[], '{}'::text[]),
			(2, '{ops}', ops || '{role:builder,role:qa,role:system}'::text[]), (3, '{internal_note}', ops)) c (n, types, audience)
		CROSS JOIN LATERAL (
			SELECT m.id, m.project_id, m.automation_version_id, m.room_id, m.room_kind FROM copilot.messages m
			WHERE m.tenant_id = tenant AND m.thread_id = thread AND m.deleted_at IS NULL AND m.type = ANY (c.types)
				AND (m.created_at, m.id) <= (to_time, to_id)
				AND (m.created_at, m.id) > (coalesce(from_time, '-infinity'),
					coalesce(from_id, '00000000-0000-0000-0000-000000000000'))
			ORDER BY m.created_at DESC, m.id DESC LIMIT 1) last
		ORDER BY c.n
	LOOP
		PERFORM wrk.emit(event, jsonb_build_object('id', told.id, 'user_id', person, 'thread_id', thread),
			ARRAY[concat_ws(':', 'tenant', tenant, coalesce(told.room_kind,
				CASE WHEN told.project_id IS NULL THEN 'automation_version' ELSE 'project' END), thread)],
			audience => told.audience, class => 'state',
			state_key => concat_ws(':', event, thread, person, cardinality(told.audience)), tenant_id => tenant::text);
	END LOOP;
END
$$;
COMMENT ON FUNCTION copilot.message_position_tell(text, uuid, uuid, uuid, timestamptz, uuid, timestamptz, uuid) IS
'event message.read or message.delivered {id, user_id, thread_id} on the channel of the thread: the last message up to which a person has got; one event for each group of readers, so that nobody learns of a message they may not read';

-- ---------- moving on ----------

CREATE FUNCTION copilot.message_mark(thread uuid, message uuid, is_read boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	at record;
	moved boolean;
BEGIN
	-- under the caller's policies: nobody's position is at what they may not read
	SELECT m.thread_id, m.id, m.created_at INTO at FROM copilot.messages m
	WHERE m.id = message OR message IS NULL AND m.thread_id = thread AND m.deleted_at IS NULL
	ORDER BY m.created_at DESC, m.id DESC LIMIT 1;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	INSERT INTO copilot.message_reads AS r (thread_id, delivered_to, delivered_time, read_to, read_time)
	VALUES (at.thread_id, at.id, at.created_at, CASE WHEN is_read THEN at.id END,
			CASE WHEN is_read THEN at.created_at END)
	ON CONFLICT (tenant_id, thread_id, user_id) DO UPDATE SET
		delivered_to = excluded.delivered_to, delivered_time = excluded.delivered_time,
		read_to = coalesce(excluded.read_to, r.read_to), read_time = coalesce(excluded.read_time, r.read_time)
	WHERE (excluded.delivered_time, excluded.delivered_to) > (r.delivered_time, r.delivered_to)
		OR (excluded.read_time, excluded.read_to) > (r.read_time, r.read_to)
		OR r.read_to IS NULL AND excluded.read_to IS NOT NULL
	RETURNING true INTO moved;
	RETURN coalesce(moved, false);
END
$$;
COMMENT ON FUNCTION copilot.message_mark(uuid, uuid, boolean) IS
'moves the caller''s position to a message, or (message NULL) to the last one of a thread that the caller may read; whether it moved. is_read: read, else only delivered';

CREATE FUNCTION copilot.call_message_mark(params jsonb, is_read boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	thread record;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'project_id', 'automation_version_id', 'room_id');
	IF wrk.user_id() IS NULL THEN
		RAISE EXCEPTION 'only people read' USING ERRCODE = 'WK403';
	END IF;
	IF params ? 'id' THEN
		PERFORM copilot.check_params(params, 'id');
		RETURN jsonb_build_object('moved', copilot.message_mark(NULL, copilot.want_message(params), is_read));
	END IF;
	thread := copilot.want_thread(params);
	RETURN jsonb_build_object('moved',
		copilot.message_mark(coalesce(thread.project, thread.version, thread.room), NULL, is_read));
END
$$;
COMMENT ON FUNCTION copilot.call_message_mark(jsonb, boolean) IS 'what message.mark_read and message.mark_delivered have in common';

CREATE FUNCTION copilot.call_message_mark_read(params jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.call_message_mark(params, true);
COMMENT ON FUNCTION copilot.call_message_mark_read(jsonb) IS
'call message.mark_read {id} or {project_id | automation_version_id | room_id}: {moved}; everything up to this message, or in this thread, is read. A position does not go back. Errors: WK400, WK403, WK404';

CREATE FUNCTION copilot.call_message_mark_delivered(params jsonb)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN copilot.call_message_mark(params, false);
COMMENT ON FUNCTION copilot.call_message_mark_delivered(jsonb) IS
'call message.mark_delivered {id} or {project_id | automation_version_id | room_id}: {moved}; everything up to this message, or in this thread, has arrived. Errors: WK400, WK403, WK404';

-- ---------- asking ----------

CREATE FUNCTION copilot.unread_counts()
RETURNS TABLE (kind text, thread_id uuid, unread integer)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	me uuid := copilot.as_uuid(wrk.user_id());
BEGIN
	RETURN QUERY
	SELECT t.kind, t.id, n.unread
	FROM (SELECT 'project' AS kind, p.id FROM copilot.projects p
		UNION ALL SELECT 'automation_version', v.id FROM copilot.automation_versions v
		UNION ALL SELECT r.kind, r.id FROM copilot.rooms r) t
	LEFT JOIN copilot.message_reads r ON r.thread_id = t.id AND r.user_id = me
	CROSS JOIN LATERAL (
		SELECT count(*)::integer AS unread FROM (
			SELECT FROM copilot.messages m
			WHERE m.thread_id = t.id AND m.deleted_at IS NULL AND m.author_id IS DISTINCT FROM me
				AND (m.created_at, m.id) > (
					-- not coalesce(): the planner knows of CASE that it gives nothing away, and uses the index
					CASE WHEN r.read_time IS NULL THEN '-infinity' ELSE r.read_time END,
					CASE WHEN r.read_to IS NULL THEN '00000000-0000-0000-0000-000000000000' ELSE r.read_to END)
			LIMIT 100) u) n
	WHERE n.unread > 0;
END
$$;
COMMENT ON FUNCTION copilot.unread_counts() IS
'the caller''s threads (kind: project, automation_version, chat, workspace) with messages that others have written since the caller''s position, and how many; 100 means at least that';

CREATE FUNCTION copilot.call_message_unread(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, VARIADIC '{}');
	RETURN (SELECT jsonb_build_object('total', coalesce(sum(u.unread), 0),
			'threads', coalesce(jsonb_agg(jsonb_build_object('kind', u.kind, 'id', u.thread_id, 'unread', u.unread)
				ORDER BY u.kind, u.thread_id), '[]'))
		FROM copilot.unread_counts() u);
END
$$;
COMMENT ON FUNCTION copilot.call_message_unread(jsonb) IS
'call message.unread {}: {total, threads: [{kind, id, unread}]}, those with something unread; one''s own messages are not, and 100 means at least that many. Error: WK400';

CREATE FUNCTION copilot.message_receipts(message uuid)
RETURNS TABLE (user_id uuid, state text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT r.user_id, CASE WHEN (r.read_time, r.read_to) >= (m.created_at, m.id) THEN 'read' ELSE 'delivered' END
	FROM copilot.messages m JOIN copilot.message_reads r ON r.tenant_id = m.tenant_id AND r.thread_id = m.thread_id
	WHERE m.tenant_id = copilot.as_uuid(wrk.tenant_id()) AND m.id = message
		AND (r.delivered_time, r.delivered_to) >= (m.created_at, m.id)
		-- of a message that the asker may read: asked as the policies ask, since this runs without them
		AND copilot.message_is_read_by(m.tenant_id, copilot.as_uuid(wrk.user_id()), m.project_id,
			m.automation_version_id, m.room_id, m.type)
		AND copilot.message_is_read_by(m.tenant_id, r.user_id, m.project_id, m.automation_version_id, m.room_id, m.type)
	ORDER BY r.user_id;
END
$$;
COMMENT ON FUNCTION copilot.message_receipts(uuid) IS
'who has got a message, delivered or read, among those who may read it; nothing for a message that the caller may not read';

CREATE FUNCTION copilot.call_message_receipts(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_message(params);
	RETURN jsonb_build_object('id', wanted, 'receipts', (
		SELECT coalesce(jsonb_agg(jsonb_build_object('user_id', r.user_id, 'name', u.name, 'state', r.state)
			ORDER BY r.user_id), '[]')
		FROM copilot.message_receipts(wanted) r JOIN copilot.users u ON u.id = r.user_id));
END
$$;
COMMENT ON FUNCTION copilot.call_message_receipts(jsonb) IS
'call message.receipts {id}: {id, receipts: [{user_id, name, state: delivered or read}]}. Errors: WK400, WK404';

CREATE FUNCTION copilot.message_read_retention()
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH gone AS (
		DELETE FROM copilot.message_reads r WHERE NOT EXISTS (SELECT FROM copilot.messages m
			WHERE m.tenant_id = r.tenant_id AND m.thread_id = r.thread_id AND m.deleted_at IS NULL) RETURNING 1)
	SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION copilot.message_read_retention() IS
'forgets positions in threads that have no messages any more; run by the background worker';

REVOKE ALL ON FUNCTION copilot.make_message_reads(), copilot.message_is_seen(uuid, uuid),
	copilot.message_time(uuid, uuid, uuid), copilot.message_read_forward(), copilot.message_read_tell(),
	copilot.message_position_tell(text, uuid, uuid, uuid, timestamptz, uuid, timestamptz, uuid),
	copilot.message_mark(uuid, uuid, boolean), copilot.call_message_mark(jsonb, boolean),
	copilot.call_message_mark_read(jsonb), copilot.call_message_mark_delivered(jsonb), copilot.unread_counts(),
	copilot.call_message_unread(jsonb), copilot.message_receipts(uuid), copilot.call_message_receipts(jsonb),
	copilot.message_read_retention() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.message_time(uuid, uuid, uuid), copilot.message_is_seen(uuid, uuid), copilot.message_mark(uuid, uuid, boolean), copilot.call_message_mark(jsonb, boolean),
	copilot.call_message_mark_read(jsonb), copilot.call_message_mark_delivered(jsonb), copilot.unread_counts(),
	copilot.call_message_unread(jsonb), copilot.message_receipts(uuid),
	copilot.call_message_receipts(jsonb) TO wrk_member;
