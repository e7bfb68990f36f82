-- What is sent elsewhere: for the workers of the queue "notifications".
--
-- A worker claims a job, takes its tenant with wrk.impersonate(), asks
-- copilot.delivery_read() what the job's payload comes to, sends it (the job's id is
-- a key that a provider of mail can tell repetitions by) and, in one transaction,
-- says copilot.delivery_done() and wrk.job_complete().  If it dies before that, the
-- message is sent again: at least once is what a queue can promise of the world
-- outside.
--
-- A digest takes up everything that was to be sent until its time and has not been,
-- so what an earlier one missed goes with the next; copilot.notification_sweep()
-- makes a job for what no later one would come for.

CREATE FUNCTION copilot.delivery_tenant()
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF wrk.tenant_id() IS NULL THEN
		RAISE EXCEPTION 'no tenant to act for' USING ERRCODE = 'WK401',
			HINT = 'Take the job''s tenant with wrk.impersonate().';
	END IF;
	RETURN copilot.as_uuid(wrk.tenant_id());
END
$$;
COMMENT ON FUNCTION copilot.delivery_tenant() IS 'tenant a worker acts for. Error: WK401 unauthorized';

CREATE FUNCTION copilot.delivery_pending(tenant uuid, work jsonb)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	person uuid := (work ->> 'user_id')::uuid;
BEGIN
	IF work ? 'notification_id' THEN
		RETURN QUERY SELECT d.notification_id FROM copilot.notification_deliveries d
		WHERE d.tenant_id = tenant AND d.notification_id = (work ->> 'notification_id')::uuid
			AND d.channel = work ->> 'channel' AND d.user_id = person AND d.sent_at IS NULL;
	ELSE
		RETURN QUERY SELECT d.notification_id FROM copilot.notification_deliveries d
		WHERE d.tenant_id = tenant AND d.user_id = person AND d.channel = work ->> 'channel'
			AND d.sent_at IS NULL AND d.digest_until <= (work ->> 'digest_until')::timestamptz
		ORDER BY d.digest_until LIMIT 5000;
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.delivery_pending(uuid, jsonb) IS
'part of copilot.delivery_read(): notifications that a job is to send and that are not sent yet';

CREATE FUNCTION copilot.delivery_drop(tenant uuid, work jsonb, pending uuid[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM copilot.notification_deliveries d USING copilot.notifications n
	WHERE d.tenant_id = tenant AND d.notification_id = ANY (pending) AND d.channel = work ->> 'channel'
		AND n.tenant_id = tenant AND n.id = d.notification_id
		AND (n.read_at IS NOT NULL
			OR NOT EXISTS (SELECT FROM copilot.tenant_users tu
				WHERE tu.tenant_id = tenant AND tu.user_id = n.user_id AND tu.status = 'active')
			OR NOT EXISTS (SELECT FROM copilot.notification_preference(tenant, n.user_id, n.kind) p
				WHERE d.channel = ANY (p.channels)));
END
$$;
COMMENT ON FUNCTION copilot.delivery_drop(uuid, jsonb, uuid[]) IS
'part of copilot.delivery_read(): what the person has read meanwhile, or does not want any more, or is not there any more to be told, is not sent';

CREATE FUNCTION copilot.delivery_read(work jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.delivery_tenant();
	pending uuid[] := ARRAY(SELECT copilot.delivery_pending(tenant, work));
	result jsonb;
BEGIN
	PERFORM copilot.delivery_drop(tenant, work, pending);
	pending := ARRAY(SELECT copilot.delivery_pending(tenant, work));
	IF cardinality(pending) = 0 THEN
		RETURN NULL;
	END IF;
	WITH shown AS (
		SELECT n.* FROM copilot.notifications n
		WHERE n.tenant_id = tenant AND n.id = ANY (pending) ORDER BY n.created_at DESC, n.id DESC LIMIT 200),
	groups AS (
		SELECT s.kind, max(s.created_at) AS latest, jsonb_agg(
			copilot.answer(to_jsonb(s)) - '{kind,shown,user_id,read_at}'::text[] ORDER BY s.created_at, s.id) AS notifications
		FROM shown s GROUP BY s.kind)
	SELECT jsonb_build_object('channel', work ->> 'channel', 'digest', NOT work ? 'notification_id',
		'to', (SELECT jsonb_build_object('user_id', u.id, 'name', u.name, 'email', u.email)
			   FROM copilot.users u WHERE u.id = (work ->> 'user_id')::uuid),
		'groups', jsonb_agg(jsonb_build_object('kind', g.kind, 'notifications', g.notifications)
							ORDER BY g.latest DESC, g.kind),
		'omitted', greatest(cardinality(pending) - 200, 0), 'ids', to_jsonb(pending))
	INTO result FROM groups g;
	RETURN result;
END
$$;
COMMENT ON FUNCTION copilot.delivery_read(jsonb) IS
'what the payload of a job of queue notifications comes to, in the tenant of the identity: {channel, digest, to: {user_id, name, email}, groups: [{kind, notifications}], omitted, ids}; of a digest the latest 200, the rest is counted in omitted. NULL: nothing (any more) to send; complete the job. For members of wrk_service. Error: WK401 unauthorized';

CREATE FUNCTION copilot.delivery_done(work jsonb, ids uuid[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	tenant uuid := copilot.delivery_tenant();
	sent bigint;
BEGIN
	UPDATE copilot.notification_deliveries d SET sent_at = clock_timestamp()
	WHERE d.tenant_id = tenant AND d.notification_id = ANY (ids) AND d.channel = work ->> 'channel'
		AND d.user_id = (work ->> 'user_id')::uuid AND d.sent_at IS NULL;
	GET DIAGNOSTICS sent = ROW_COUNT;
	RETURN sent;
END
$$;
COMMENT ON FUNCTION copilot.delivery_done(jsonb, uuid[]) IS
'what copilot.delivery_read() answered was sent: its ids; returns how many were not marked so yet. In one transaction with wrk.job_complete(). For members of wrk_service. Error: WK401 unauthorized';

CREATE FUNCTION copilot.notification_sweep()
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	late record;
	made bigint := 0;
BEGIN
	FOR late IN
		SELECT d.tenant_id, d.user_id, d.channel, max(d.digest_until) AS digest_until
		FROM copilot.notification_deliveries d
		WHERE d.sent_at IS NULL AND d.digest_until < clock_timestamp() - interval '10 minutes'
		GROUP BY 1, 2, 3 LIMIT 10000
	LOOP
		-- a dead job waits for a person, not for another one like it
		CONTINUE WHEN EXISTS (SELECT FROM wrk.job j WHERE j.queue = 'notifications' AND j.state = 'dead'
			AND j.finished_at > clock_timestamp() - interval '7 days' AND j.tenant_id = late.tenant_id::text
			AND j.payload @> jsonb_build_object('user_id', late.user_id, 'channel', late.channel));
		PERFORM copilot.deliver_digest(late.tenant_id, late.user_id, late.channel, late.digest_until);
		made := made + 1;
	END LOOP;
	DELETE FROM copilot.notifications n WHERE n.created_at < clock_timestamp() - interval '1 year'
		OR n.created_at < clock_timestamp() - interval '90 days' AND n.read_at IS NOT NULL;
	RETURN made;
END
$$;
COMMENT ON FUNCTION copilot.notification_sweep() IS
'makes jobs for digests that are late and have none, and forgets notifications older than 90 days that were read, and all older than a year; run by the background worker, returns how many digests it found';

REVOKE ALL ON FUNCTION copilot.delivery_tenant(), copilot.delivery_pending(uuid, jsonb),
	copilot.delivery_drop(uuid, jsonb, uuid[]), copilot.delivery_read(jsonb), copilot.delivery_done(jsonb, uuid[]),
	copilot.notification_sweep() FROM PUBLIC;
GRANT USAGE ON SCHEMA copilot TO wrk_service;
GRANT EXECUTE ON FUNCTION copilot.delivery_read(jsonb), copilot.delivery_done(jsonb, uuid[]) TO wrk_service;
