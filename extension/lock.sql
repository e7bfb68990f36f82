-- Locks: somebody works on a resource, or on one field of it, and others had better wait.
--
-- A resource is named as its channel is, project:42 or entity:atom:7.  Whoever may
-- join the channel sees its locks; who may publish there, or has the permission
-- "lock", takes one.  A lock is a lease: when it has run out it counts for nothing,
-- whether or not anybody has removed it, so nothing has to be swept for a lock to be
-- free.  The whole resource and a field of it exclude each other, two fields do not.
--
-- Everything about one resource happens under one advisory lock, which writers that
-- ask wrk.lock_check() share until they have committed.  So nobody gets a lock on
-- what is just being written, and nobody writes what has just been locked.

CREATE SEQUENCE wrk.lock_token_seq;
COMMENT ON SEQUENCE wrk.lock_token_seq IS 'tokens of locks; a later holder has a greater one';
REVOKE ALL ON wrk.lock_token_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('wrk.lock_token_seq', '');

CREATE TABLE wrk.lock (
	tenant_id text COLLATE "C" NOT NULL,
	resource text COLLATE "C" NOT NULL CHECK (octet_length(resource) BETWEEN 1 AND 512),
	field text COLLATE "C" NOT NULL DEFAULT '' CHECK (octet_length(field) <= 512),
	user_id text COLLATE "C" NOT NULL,
	token bigint NOT NULL DEFAULT nextval('wrk.lock_token_seq'),
	acquired_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	PRIMARY KEY (tenant_id, resource, field)
);
COMMENT ON TABLE wrk.lock IS 'locks that people hold, and some whose lease has run out';
COMMENT ON COLUMN wrk.lock.resource IS 'name of its channel below the tenant''s';
COMMENT ON COLUMN wrk.lock.field IS 'empty: the whole resource';
COMMENT ON COLUMN wrk.lock.token IS 'who lost the lock and got it again has another one';
CREATE INDEX lock_user_idx ON wrk.lock (tenant_id, user_id);
COMMENT ON INDEX wrk.lock_user_idx IS 'how many somebody holds';
CREATE INDEX lock_expires_idx ON wrk.lock (expires_at);
COMMENT ON INDEX wrk.lock_expires_idx IS 'oldest first, for wrk.lock_expire()';
REVOKE ALL ON wrk.lock FROM PUBLIC;

-- ---------- the resource ----------

CREATE FUNCTION wrk.lock_place(resource text, field text, OUT tenant text, OUT name text, OUT type text,
							   OUT id text, OUT channel text, OUT may_lock boolean)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	resolved jsonb;
BEGIN
	IF resource IS NULL OR octet_length(field) > 512 THEN
		RAISE EXCEPTION 'a lock needs a resource, and a field of at most 512 bytes if it is of one' USING ERRCODE = 'WK400';
	END IF;
	tenant := wrk.tenant_id();
	resolved := wrk.channel_resolve(regexp_replace(resource,
		-- a uuid has one spelling
		'[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$', lower(right(resource, 36))));
	channel := resolved ->> 'channel';
	name := substr(channel, length('tenant:' || tenant || ':') + 1);
	-- as channels are read: an entity's id may have colons in it, another's may not
	type := substring(name FROM CASE WHEN name LIKE 'entity:%' THEN '^entity:([^:]+):' ELSE '^(.+):[^:]+$' END);
	id := substring(name FROM CASE WHEN name LIKE 'entity:%' THEN '^entity:[^:]+:(.+)$' ELSE ':([^:]+)$' END);
	IF type IS NULL OR type = 'user' OR channel = 'global' THEN
		RAISE EXCEPTION 'channel "%" is not of a resource that can be locked', resource USING ERRCODE = 'WK400',
			HINT = 'Name one thing, such as project:42.';
	END IF;
	may_lock := resolved -> 'can' ? 'publish' OR wrk.can('lock', type, id);
END
$$;
COMMENT ON FUNCTION wrk.lock_place(text, text) IS
'what the name of a resource means for the identity of this transaction, and whether it may lock it; internal to locks. Errors: WK400 bad_request, WK401 unauthorized, WK404 for one that it may not know of';

CREATE FUNCTION wrk.lock_enter(tenant text, name text, shared boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	key bigint := hashtextextended(format('wrk.lock %s %s', tenant, name), 0);
BEGIN
	-- what was committed while we waited must be seen
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		RAISE EXCEPTION 'locks need isolation level read committed' USING ERRCODE = '0A000';
	END IF;
	IF shared THEN
		PERFORM pg_advisory_xact_lock_shared(key);
	ELSE
		PERFORM pg_advisory_xact_lock(key);
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.lock_enter(text, text, boolean) IS
'keeps others from changing the locks of a resource until this transaction ends; internal to locks. Error: 0A000 above read committed';

CREATE FUNCTION wrk.lock_refuse(tenant text, name text, field text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	held wrk.lock;
BEGIN
	SELECT * INTO held FROM wrk.lock l
	WHERE l.tenant_id = lock_refuse.tenant AND l.resource = lock_refuse.name
		AND (l.field = '' OR lock_refuse.field = '' OR l.field = lock_refuse.field)
		AND l.user_id IS DISTINCT FROM wrk.user_id() AND l.expires_at > clock_timestamp()
	ORDER BY l.expires_at DESC LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION '% is locked by user "%"', concat_ws(' ', held.resource, nullif(held.field, '')), held.user_id
			USING ERRCODE = 'WK423', DETAIL = json_build_object('resource', held.resource, 'field', nullif(held.field, ''),
				'user_id', held.user_id, 'expires_at', held.expires_at)::text,
			HINT = 'Wait until it is released or has expired.';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.lock_refuse(text, text, text) IS
'refuses what somebody else''s lock is in the way of; internal to locks. Error: WK423 locked with DETAIL {"resource", "field", "user_id", "expires_at"}';

CREATE FUNCTION wrk.lock_tell(event text, channels text[], held wrk.lock, more jsonb DEFAULT '{}')
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT wrk.emit(event, jsonb_build_object('resource', held.resource, 'field', nullif(held.field, ''),
			'user_id', held.user_id, 'acquired_at', held.acquired_at, 'expires_at', held.expires_at) || more,
		channels, tenant_id => held.tenant_id)
$$;
COMMENT ON FUNCTION wrk.lock_tell(text, text[], wrk.lock, jsonb) IS
'event about a lock, on the channel of its resource and perhaps others; internal to locks';

-- ---------- taking, keeping and giving back ----------

CREATE FUNCTION wrk.lock_put(place_name text, field text, lease interval)
RETURNS wrk.lock
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	made wrk.lock;
	at timestamptz := clock_timestamp();
BEGIN
	IF (SELECT count(*) FROM wrk.lock l WHERE l.tenant_id = wrk.tenant_id() AND l.user_id = wrk.user_id()
			AND l.expires_at > at) >= 500 THEN
		RAISE EXCEPTION 'user "%" holds 500 locks already', wrk.user_id() USING ERRCODE = 'WK4L9';
	END IF;
	INSERT INTO wrk.lock AS l (tenant_id, resource, field, user_id, acquired_at, expires_at)
	VALUES (wrk.tenant_id(), place_name, lock_put.field, wrk.user_id(), at, at + lease)
	ON CONFLICT (tenant_id, resource, field) DO UPDATE SET
		user_id = excluded.user_id, expires_at = excluded.expires_at,
		-- who has it already keeps it; what had run out is taken anew
		token = CASE WHEN l.user_id = excluded.user_id AND l.expires_at > at THEN l.token ELSE excluded.token END,
		acquired_at = CASE WHEN l.user_id = excluded.user_id AND l.expires_at > at THEN l.acquired_at
			ELSE excluded.acquired_at END
	RETURNING l.* INTO made;
	RETURN made;
END
$$;
COMMENT ON FUNCTION wrk.lock_put(text, text, interval) IS
'writes a lock of the identity that nothing is in the way of; internal to locks. Error: WK4L9 limit_exceeded for more than 500 at once';

CREATE FUNCTION wrk.lock_check_lease(lease interval)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF lease IS NULL OR lease NOT BETWEEN '1 s' AND '1 hour' THEN
		RAISE EXCEPTION 'a lease must be of 1 second to 1 hour, not %', lease USING ERRCODE = 'WK400';
	END IF;
	IF wrk.user_id() IS NULL THEN
		RAISE EXCEPTION 'locks are held by users' USING ERRCODE = 'WK403';
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.lock_check_lease(interval) IS
'refuses a lease that is none, and an identity without a user; internal to locks. Errors: WK400, WK403';

CREATE FUNCTION wrk.lock_answer(held wrk.lock)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT to_jsonb(held) - 'tenant_id' || jsonb_build_object('field', nullif(held.field, ''))
$$;
COMMENT ON FUNCTION wrk.lock_answer(wrk.lock) IS
'a lock as its holder is answered: {resource, field, user_id, token, acquired_at, expires_at}; internal to locks';

CREATE FUNCTION wrk.lock_acquire(resource text, lease interval DEFAULT '1 minute', field text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	place record := wrk.lock_place(resource, field);
	made wrk.lock;
BEGIN
	PERFORM wrk.lock_check_lease(lease);
	IF NOT place.may_lock THEN
		RAISE EXCEPTION '% is not for this role to lock', place.name USING ERRCODE = 'WK403';
	END IF;
	PERFORM wrk.lock_enter(place.tenant, place.name, false);
	PERFORM wrk.lock_refuse(place.tenant, place.name, coalesce(field, ''));
	made := wrk.lock_put(place.name, coalesce(field, ''), lease);
	PERFORM wrk.lock_tell('lock.acquired', ARRAY[place.channel], made);
	RETURN wrk.lock_answer(made);
END
$$;
COMMENT ON FUNCTION wrk.lock_acquire(text, interval, text) IS
'locks a resource, named as its channel is (project:42, entity:atom:7), or one field of it for the user of this transaction; returns {resource, field, user_id, token, acquired_at, expires_at}. Who holds it already keeps it, with a new lease of 1 second to 1 hour. Event lock.acquired on the channel of the resource. For who may join that channel and may publish there or has permission "lock". A user holds up to 500.
Errors: WK400, WK401, WK403, WK404, WK423 locked with {resource, field, user_id, expires_at} for somebody else''s, WK4L9, 0A000 above read committed';

CREATE FUNCTION wrk.lock_renew(resource text, lease interval DEFAULT '1 minute', field text DEFAULT NULL,
							   token bigint DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	place record := wrk.lock_place(resource, field);
	made wrk.lock;
BEGIN
	PERFORM wrk.lock_check_lease(lease);
	PERFORM wrk.lock_enter(place.tenant, place.name, false);
	UPDATE wrk.lock l SET expires_at = clock_timestamp() + lease
	WHERE l.tenant_id = place.tenant AND l.resource = place.name AND l.field = coalesce(lock_renew.field, '')
		AND l.user_id = wrk.user_id() AND l.expires_at > clock_timestamp()
		AND l.token = coalesce(lock_renew.token, l.token)
	RETURNING l.* INTO made;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the lock of % is not held any more', place.name USING ERRCODE = 'WK409',
			HINT = 'Acquire it again, and read again what it was about.';
	END IF;
	PERFORM wrk.lock_tell('lock.acquired', ARRAY[place.channel], made, '{"renewed": true}');
	RETURN wrk.lock_answer(made);
END
$$;
COMMENT ON FUNCTION wrk.lock_renew(text, interval, text, bigint) IS
'gives a lock that the user of this transaction still holds a new lease; answers as wrk.lock_acquire(). token: only if it is still that one. Event lock.acquired with renewed: true. Errors: WK400, WK401, WK403, WK404, WK409 for a lock that is lost, also when its lease ran out and nobody has taken it';

CREATE FUNCTION wrk.lock_release(resource text, field text DEFAULT NULL, token bigint DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	place record := wrk.lock_place(resource, field);
	gone wrk.lock;
BEGIN
	PERFORM wrk.lock_enter(place.tenant, place.name, false);
	DELETE FROM wrk.lock l
	WHERE l.tenant_id = place.tenant AND l.resource = place.name AND l.field = coalesce(lock_release.field, '')
		AND l.user_id = wrk.user_id() AND l.token = coalesce(lock_release.token, l.token)
	RETURNING l.* INTO gone;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM wrk.lock_tell('lock.released', ARRAY[place.channel], gone, '{"reason": "released"}');
	RETURN true;
END
$$;
COMMENT ON FUNCTION wrk.lock_release(text, text, bigint) IS
'gives a lock of the user of this transaction back; false if there is none. token: only if it is still that one. Event lock.released with reason "released". Errors: WK400, WK401, WK404';

CREATE FUNCTION wrk.lock_steal(resource text, lease interval DEFAULT '1 minute', field text DEFAULT NULL,
							   reason text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	place record := wrk.lock_place(resource, field);
	lost wrk.lock;
	made wrk.lock;
BEGIN
	PERFORM wrk.lock_check_lease(lease);
	IF NOT wrk.can('steal_lock', place.type, place.id) THEN
		RAISE EXCEPTION 'locks of % are not for this role to take away', place.name USING ERRCODE = 'WK403';
	END IF;
	IF length(reason) > 2000 THEN
		RAISE EXCEPTION 'reason is longer than 2000 characters' USING ERRCODE = 'WK400';
	END IF;
	PERFORM wrk.lock_enter(place.tenant, place.name, false);
	FOR lost IN
		DELETE FROM wrk.lock l
		WHERE l.tenant_id = place.tenant AND l.resource = place.name AND l.user_id <> wrk.user_id()
			AND (l.field = '' OR lock_steal.field IS NULL OR l.field = lock_steal.field)
			AND l.expires_at > clock_timestamp()
		RETURNING l.*
	LOOP
		-- who loses it may be looking elsewhere
		PERFORM wrk.lock_tell('lock.released', ARRAY[place.channel, format('tenant:%s:user:%s', lost.tenant_id, lost.user_id)],
			lost, jsonb_strip_nulls(jsonb_build_object('reason', 'stolen', 'by', wrk.user_id(), 'why', reason)));
		PERFORM wrk.audit('lock.stolen', place.type, place.id, jsonb_strip_nulls(jsonb_build_object(
			'field', nullif(lost.field, ''), 'from', lost.user_id, 'reason', reason)), lost.tenant_id);
	END LOOP;
	made := wrk.lock_put(place.name, coalesce(field, ''), lease);
	PERFORM wrk.lock_tell('lock.acquired', ARRAY[place.channel], made);
	RETURN wrk.lock_answer(made);
END
$$;
COMMENT ON FUNCTION wrk.lock_steal(text, interval, text, text) IS
'locks a resource, or a field of it, whoever holds it; answers as wrk.lock_acquire(). Who loses a lock is told by lock.released with reason "stolen", by and why, also on their own channel; the audit log says lock.stolen. For who may join the channel of the resource and has permission "steal_lock". Errors: WK400, WK401, WK403, WK404, WK4L9, 0A000 above read committed';

-- ---------- for those who read and write ----------

CREATE FUNCTION wrk.lock_check(resource text, field text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	place record;
BEGIN
	IF wrk.tenant_id() IS NULL THEN
		RETURN;
	END IF;
	place := wrk.lock_place(resource, field);
	PERFORM wrk.lock_enter(place.tenant, place.name, true);
	PERFORM wrk.lock_refuse(place.tenant, place.name, coalesce(field, ''));
END
$$;
COMMENT ON FUNCTION wrk.lock_check(text, text) IS
'for triggers: refuses to write a resource, or a field of it, that somebody else has locked, and keeps it from being locked until this transaction ends. A lock of one field is in the way of writing the whole. Who acts for nobody is not refused. Errors: WK404 for a resource the writer may not know of, WK423 locked as wrk.lock_acquire(), 0A000 above read committed';

CREATE FUNCTION wrk.lock_list(resource text)
RETURNS TABLE (field text, user_id text, acquired_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	place record := wrk.lock_place(resource, NULL);
BEGIN
	RETURN QUERY SELECT nullif(l.field, ''), l.user_id, l.acquired_at, l.expires_at FROM wrk.lock l
	WHERE l.tenant_id = place.tenant AND l.resource = place.name AND l.expires_at > clock_timestamp()
	ORDER BY l.field;
END
$$;
COMMENT ON FUNCTION wrk.lock_list(text) IS
'who holds which locks of a resource; field NULL is the whole of it. For who may join its channel. Errors: WK400, WK401, WK404';

CREATE FUNCTION wrk.lock_expire()
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	gone wrk.lock;
	expired bigint := 0;
BEGIN
	FOR gone IN
		DELETE FROM wrk.lock l WHERE l.expires_at <= clock_timestamp() RETURNING l.*
	LOOP
		PERFORM wrk.lock_tell('lock.released', ARRAY[format('tenant:%s:%s', gone.tenant_id, gone.resource)], gone,
							  '{"reason": "expired"}');
		expired := expired + 1;
	END LOOP;
	RETURN expired;
END
$$;
COMMENT ON FUNCTION wrk.lock_expire() IS
'removes locks whose lease has run out, which count for nothing any more, and says so: event lock.released with reason "expired"; run by the background worker. Returns how many';

REVOKE ALL ON FUNCTION wrk.lock_place(text, text), wrk.lock_enter(text, text, boolean),
	wrk.lock_refuse(text, text, text), wrk.lock_tell(text, text[], wrk.lock, jsonb),
	wrk.lock_put(text, text, interval), wrk.lock_check_lease(interval), wrk.lock_answer(wrk.lock),
	wrk.lock_acquire(text, interval, text), wrk.lock_renew(text, interval, text, bigint),
	wrk.lock_release(text, text, bigint), wrk.lock_steal(text, interval, text, text),
	wrk.lock_check(text, text), wrk.lock_list(text), wrk.lock_expire() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.lock_acquire(text, interval, text), wrk.lock_renew(text, interval, text, bigint),
	wrk.lock_release(text, text, bigint), wrk.lock_steal(text, interval, text, text),
	wrk.lock_check(text, text), wrk.lock_list(text) TO wrk_member, wrk_service;

SELECT wrk.maintenance_register('wrk.lock_expire', 'wrk.lock_expire()', '1 minute');
