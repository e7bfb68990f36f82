-- Notifications: what a person should know, where they want to be told, and what
-- they have read.
--
-- copilot.notify() is the one way in.  The person's preferences say whether the
-- notification is shown in the application, sent elsewhere (mail, chat), both or
-- neither, and whether what is sent elsewhere is collected in a digest.  Sending is
-- not ours: each notification, or digest, is a job of the queue "notifications",
-- and whoever works on it asks copilot.delivery_read() what to send.
--
-- Everybody sees their own notifications and nobody else's, whatever their role.

CREATE FUNCTION copilot.notification_kinds()
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{mention,change,conflict,presence,chat,system,quote,build_complete,blocked,alert}'::text[];
COMMENT ON FUNCTION copilot.notification_kinds() IS 'kinds of notifications; each has preferences of its own';

CREATE FUNCTION copilot.make_notifications()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.notifications (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		id uuid NOT NULL DEFAULT gen_random_uuid(),
		user_id uuid NOT NULL,
		kind text NOT NULL CHECK (kind = ANY (copilot.notification_kinds())),
		title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
		payload jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(payload) = 'object'),
		resource_type text CHECK (length(resource_type) BETWEEN 1 AND 63),
		resource_id text CHECK (length(resource_id) BETWEEN 1 AND 512),
		shown boolean NOT NULL DEFAULT true,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		read_at timestamptz,
		PRIMARY KEY (tenant_id, id),
		FOREIGN KEY (tenant_id, user_id) REFERENCES copilot.tenant_users ON DELETE CASCADE
	);
	CREATE INDEX IF NOT EXISTS notifications_user_idx
		ON copilot.notifications (tenant_id, user_id, created_at, id) WHERE shown;
	CREATE INDEX IF NOT EXISTS notifications_unread_idx
		ON copilot.notifications (tenant_id, user_id, created_at, id) WHERE shown AND read_at IS NULL;
	CREATE INDEX IF NOT EXISTS notifications_created_idx ON copilot.notifications (created_at);
	COMMENT ON TABLE copilot.notifications IS 'what people were, or are to be, told; everybody sees their own';
	COMMENT ON COLUMN copilot.notifications.shown IS 'in the application; false: it is only sent elsewhere';
	COMMENT ON COLUMN copilot.notifications.payload IS 'what a screen or a mail needs beside the title';
	COMMENT ON COLUMN copilot.notifications.resource_type IS 'with resource_id: what it is about';
	COMMENT ON COLUMN copilot.notifications.read_at IS 'stamped by a trigger; what was read stays read';
	CREATE OR REPLACE TRIGGER stamp_read BEFORE UPDATE ON copilot.notifications
		FOR EACH ROW EXECUTE FUNCTION copilot.notification_stamp_read();
	CREATE OR REPLACE TRIGGER announce_created AFTER INSERT ON copilot.notifications
		FOR EACH ROW WHEN (NEW.shown) EXECUTE FUNCTION copilot.notification_announce_created();
	CREATE OR REPLACE TRIGGER announce_read AFTER UPDATE ON copilot.notifications
		REFERENCING OLD TABLE AS was NEW TABLE AS now
		FOR EACH STATEMENT EXECUTE FUNCTION copilot.notification_announce_read();
	PERFORM wrk.enable_tenancy('copilot.notifications');
	PERFORM copilot.put_policy('notifications', 'own', 'everybody''s own notifications',
		'AS RESTRICTIVE USING (user_id = (SELECT copilot.as_uuid(wrk.user_id())))');
	GRANT SELECT, UPDATE (read_at) ON copilot.notifications TO wrk_member;
	PERFORM copilot.make_notification_delivery();
	PERFORM copilot.register_notifications();
END
$$;
COMMENT ON FUNCTION copilot.make_notifications() IS
'part of copilot.install(): tables, queue and calls of notifications';

CREATE FUNCTION copilot.make_notification_delivery()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.notification_preferences (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		user_id uuid NOT NULL DEFAULT wrk.user_id()::uuid,
		kind text NOT NULL CHECK (kind = ANY (copilot.notification_kinds() || '{any}'::text[])),
		channels text[] NOT NULL CHECK (channels <@ '{in_app,email,slack}'::text[]
			AND array_position(channels, NULL) IS NULL),
		digest text NOT NULL DEFAULT 'none' CHECK (digest IN ('none', 'hourly', 'daily')),
		PRIMARY KEY (tenant_id, user_id, kind),
		FOREIGN KEY (tenant_id, user_id) REFERENCES copilot.tenant_users ON DELETE CASCADE
	);
	COMMENT ON TABLE copilot.notification_preferences IS
		'where people want to be told of a kind of notification; without a row it is as copilot.notification_default() says';
	COMMENT ON COLUMN copilot.notification_preferences.kind IS 'any: all kinds without a row of their own';
	COMMENT ON COLUMN copilot.notification_preferences.channels IS 'in_app, email, slack; empty: off';
	COMMENT ON COLUMN copilot.notification_preferences.digest IS 'how what is sent elsewhere is collected; none: at once';
	PERFORM wrk.enable_tenancy('copilot.notification_preferences');
	PERFORM copilot.put_policy('notification_preferences', 'own', 'everybody''s own preferences',
		'AS RESTRICTIVE USING (user_id = (SELECT copilot.as_uuid(wrk.user_id())))');
	GRANT SELECT, INSERT (kind, channels, digest), UPDATE (channels, digest), DELETE
		ON copilot.notification_preferences TO wrk_member;
	PERFORM copilot.put_audit_id('notification_preferences', 'user_id::text || '':'' || kind', 'user:kind');
	PERFORM wrk.enable_audit('copilot.notification_preferences', 'notification_preference', announce => true);

	CREATE TABLE IF NOT EXISTS copilot.notification_deliveries (
		tenant_id uuid NOT NULL REFERENCES copilot.tenants ON DELETE CASCADE,
		notification_id uuid NOT NULL,
		channel text NOT NULL CHECK (channel IN ('email', 'slack')),
		user_id uuid NOT NULL,
		digest_until timestamptz,
		sent_at timestamptz,
		PRIMARY KEY (tenant_id, notification_id, channel),
		FOREIGN KEY (tenant_id, notification_id) REFERENCES copilot.notifications ON DELETE CASCADE
	);
	CREATE INDEX IF NOT EXISTS notification_deliveries_digest_idx
		ON copilot.notification_deliveries (tenant_id, user_id, channel, digest_until)
		WHERE sent_at IS NULL AND digest_until IS NOT NULL;
	CREATE INDEX IF NOT EXISTS notification_deliveries_late_idx
		ON copilot.notification_deliveries (digest_until) WHERE sent_at IS NULL AND digest_until IS NOT NULL;
	COMMENT ON TABLE copilot.notification_deliveries IS
		'what is, or was, to be sent elsewhere; for the workers of queue notifications';
	COMMENT ON COLUMN copilot.notification_deliveries.digest_until IS 'end of the time its digest collects; NULL: sent by itself';
	PERFORM wrk.enable_tenancy('copilot.notification_deliveries');
END
$$;
COMMENT ON FUNCTION copilot.make_notification_delivery() IS
'part of copilot.install(): tables notification_preferences and notification_deliveries';

CREATE FUNCTION copilot.register_notifications()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- a queue that is there may have been set otherwise by the installation
	PERFORM wrk.job_queue_set(q.name) FROM unnest('{build-requests,ai-ingestion,notifications,usage-sync}'::text[]) q (name)
	WHERE NOT EXISTS (SELECT FROM wrk.job_queue j WHERE j.name = q.name);
	PERFORM copilot.put_call('notification.list', 'copilot.notification_list(jsonb)');
	PERFORM copilot.put_call('notification.unread_count', 'copilot.notification_unread_count(jsonb)');
	PERFORM copilot.put_call('notification.mark_read', 'copilot.notification_mark_read(jsonb)');
	PERFORM copilot.put_call('notification.mark_all_read', 'copilot.notification_mark_all_read(jsonb)');
	PERFORM copilot.put_call('notification.preferences', 'copilot.notification_preferences_get(jsonb)');
	PERFORM copilot.put_call('notification.set_preference', 'copilot.notification_preference_set(jsonb)');
	PERFORM wrk.maintenance_register('copilot.notification_sweep', 'copilot.notification_sweep()', '10 minutes');
END
$$;
COMMENT ON FUNCTION copilot.register_notifications() IS
'part of copilot.install(): the product''s queues, and calls and maintenance of notifications';

-- ---------- what happens to a row ----------

CREATE FUNCTION copilot.notification_stamp_read()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	NEW.read_at := coalesce(OLD.read_at, CASE WHEN NEW.read_at IS NOT NULL THEN clock_timestamp() END);
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.notification_stamp_read() IS
'trigger of notifications: the time of reading is the clock''s, and the first one stays';

CREATE FUNCTION copilot.notification_announce_created()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM wrk.emit('notification.created', jsonb_build_object('id', NEW.id,
			'data', copilot.answer(to_jsonb(NEW)) - '{shown,user_id}'::text[]),
		ARRAY[format('tenant:%s:user:%s', NEW.tenant_id, NEW.user_id)],
		audience => ARRAY['user:' || NEW.user_id], tenant_id => NEW.tenant_id::text);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.notification_announce_created() IS
'trigger of notifications: event notification.created {id, data} on the channel of its user';

CREATE FUNCTION copilot.notification_announce_read()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	-- one event for a statement and user; who reads very many at once had better read the list anew
	PERFORM wrk.emit('notification.read', jsonb_build_object('count', count(*),
			'ids', CASE WHEN count(*) <= 200 THEN jsonb_agg(n.id ORDER BY n.created_at, n.id) END),
		ARRAY[format('tenant:%s:user:%s', n.tenant_id, n.user_id)],
		audience => ARRAY['user:' || n.user_id], tenant_id => n.tenant_id::text)
	FROM now n JOIN was w ON w.tenant_id = n.tenant_id AND w.id = n.id
	WHERE n.shown AND w.read_at IS NULL AND n.read_at IS NOT NULL
	GROUP BY n.tenant_id, n.user_id;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.notification_announce_read() IS
'trigger of notifications: event notification.read {count, ids} on the channel of the user; ids is null for more than 200, which are best read anew';

-- ---------- telling somebody ----------

CREATE FUNCTION copilot.notification_default(kind text, OUT channels text[], OUT digest text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (CASE WHEN kind IN ('mention', 'quote', 'build_complete', 'blocked', 'alert')
	THEN '{in_app,email}' ELSE '{in_app}' END::text[], 'none'::text);
COMMENT ON FUNCTION copilot.notification_default(text) IS
'where people are told of a kind who have not said anything';

CREATE FUNCTION copilot.notification_preference(tenant uuid, person uuid, kind text, OUT channels text[],
												OUT digest text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	SELECT p.channels, p.digest INTO channels, digest FROM copilot.notification_preferences p
	WHERE p.tenant_id = tenant AND p.user_id = person AND p.kind IN (notification_preference.kind, 'any')
	ORDER BY p.kind = 'any' LIMIT 1;
	IF NOT FOUND THEN
		SELECT d.channels, d.digest INTO channels, digest FROM copilot.notification_default(kind) d;
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.notification_preference(uuid, uuid, text) IS
'where a person is told of a kind: what they said of it, of any kind, or the default';

CREATE FUNCTION copilot.digest_until(digest text, at timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE digest
	WHEN 'hourly' THEN date_trunc('hour', at, 'UTC') + interval '1 hour'
	WHEN 'daily' THEN date_trunc('day', at - interval '7 hours', 'UTC') + interval '31 hours' END;
COMMENT ON FUNCTION copilot.digest_until(text, timestamptz) IS
'end of the digest that collects what happens at this time: the next full hour, or the next 7:00 UTC; NULL for no digest';

CREATE FUNCTION copilot.notify(tenant uuid, user_id uuid, kind text, title text, payload jsonb DEFAULT '{}',
							   resource_type text DEFAULT NULL, resource_id text DEFAULT NULL)
RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted record;
	made uuid;
BEGIN
	IF kind IS NULL OR kind <> ALL (copilot.notification_kinds()) THEN
		RAISE EXCEPTION 'no kind of notification "%"', kind USING ERRCODE = 'WK400';
	END IF;
	IF pg_column_size(payload) > 65536 THEN
		RAISE EXCEPTION 'payload of % bytes is larger than 65536', pg_column_size(payload) USING ERRCODE = 'WK413';
	END IF;
	IF NOT EXISTS (SELECT FROM copilot.tenant_users tu
		WHERE tu.tenant_id = notify.tenant AND tu.user_id = notify.user_id AND tu.status = 'active') THEN
		RETURN NULL;
	END IF;
	wanted := copilot.notification_preference(tenant, user_id, kind);
	IF cardinality(wanted.channels) = 0 THEN
		RETURN NULL;
	END IF;
	INSERT INTO copilot.notifications AS n (tenant_id, user_id, kind, title, payload, resource_type, resource_id, shown)
	VALUES (tenant, notify.user_id, notify.kind, left(notify.title, 200), coalesce(notify.payload, '{}'),
			notify.resource_type, notify.resource_id, 'in_app' = ANY (wanted.channels))
	RETURNING n.id INTO made;
	PERFORM copilot.deliver(tenant, made, notify.user_id, c, copilot.digest_until(wanted.digest, clock_timestamp()))
	FROM unnest(wanted.channels) c WHERE c <> 'in_app';
	RETURN made;
END
$$;
COMMENT ON FUNCTION copilot.notify(uuid, uuid, text, text, jsonb, text, text) IS
'tells a person of a tenant something, where they want to be told of this kind (mention, change, conflict, presence, chat, system, quote, build_complete, blocked, alert), if this transaction commits; returns the id of the notification, NULL if there is nobody to tell (no active user of the tenant) or they want to hear nothing of it. A title is cut to 200 characters, a payload has at most 64 kB. Not for end users: functions that call it for them are SECURITY DEFINER. Errors: WK400 bad_request, WK413 too_large, 23514 for an empty title';

CREATE FUNCTION copilot.deliver(tenant uuid, notification uuid, person uuid, channel text, digest_until timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	work jsonb := jsonb_build_object('user_id', person, 'channel', channel);
BEGIN
	INSERT INTO copilot.notification_deliveries (tenant_id, notification_id, channel, user_id, digest_until)
	VALUES (tenant, notification, channel, person, digest_until);
	IF digest_until IS NULL THEN
		PERFORM wrk.job_enqueue('notifications', work || jsonb_build_object('notification_id', notification),
			tenant_id => tenant::text);
	ELSE
		PERFORM copilot.deliver_digest(tenant, person, channel, digest_until);
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.deliver(uuid, uuid, uuid, text, timestamptz) IS
'part of copilot.notify(): has a notification sent elsewhere, by a job of its own or with a digest';

CREATE FUNCTION copilot.deliver_digest(tenant uuid, person uuid, channel text, digest_until timestamptz)
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- a minute later, for transactions that are still under way then
	SELECT wrk.job_enqueue('notifications',
		jsonb_build_object('user_id', person, 'channel', channel, 'digest_until', digest_until),
		key => concat_ws(':', 'digest', channel, person, extract(epoch FROM digest_until)::bigint),
		delay => greatest(digest_until + interval '1 minute' - clock_timestamp(), '0 s'),
		tenant_id => tenant::text)
$$;
COMMENT ON FUNCTION copilot.deliver_digest(uuid, uuid, text, timestamptz) IS
'one job for all that a person is sent by a channel in the time that ends then; returns its id';

REVOKE ALL ON FUNCTION copilot.notification_kinds(), copilot.make_notifications(),
	copilot.make_notification_delivery(), copilot.register_notifications(),
	copilot.notification_stamp_read(), copilot.notification_announce_created(),
	copilot.notification_announce_read(), copilot.notification_default(text),
	copilot.notification_preference(uuid, uuid, text), copilot.digest_until(text, timestamptz),
	copilot.notify(uuid, uuid, text, text, jsonb, text, text),
	copilot.deliver(uuid, uuid, uuid, text, timestamptz),
	copilot.deliver_digest(uuid, uuid, text, timestamptz) FROM PUBLIC;
-- CHECKs of preferences are evaluated with the rights of whoever writes the row
GRANT EXECUTE ON FUNCTION copilot.notification_kinds() TO wrk_member;
GRANT EXECUTE ON FUNCTION copilot.notify(uuid, uuid, text, text, jsonb, text, text) TO wrk_service;
