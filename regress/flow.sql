-- What scenarios of the life of an automation share: calls as a browser makes them, and
-- what they told whom.  Loaded with \i behind fixture.sql.

-- ids that a scenario made, by the names it calls them
CREATE TABLE regress.known (name text PRIMARY KEY, id uuid);
CREATE TABLE regress.looked AS SELECT coalesce((SELECT max(id) FROM wrk.event), 0) AS event,
	coalesce((SELECT max(id) FROM wrk.audit_log), 0) AS log;
GRANT ALL ON regress.known, regress.looked TO PUBLIC;
CREATE FUNCTION regress.known(name text) RETURNS uuid LANGUAGE sql STABLE RETURN (
	SELECT k.id FROM regress.known k WHERE k.name = known.name);

-- one line an answer, or the error; what is refused is rolled back, what is done stays
CREATE FUNCTION regress.call(method text, params jsonb, key text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	RETURN (SELECT result - '{id,automation_id,by,change_id,event_id,job_id,created_at,updated_at,created_by,archived_at}'::text[]
			#- '{version,id}' #- '{version,automation_id}' #- '{version,created_at}' #- '{version,updated_at}' #- '{version,status_changed_at}'
		FROM wrk.rpc_call(method, params, key));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', SQLSTATE, regexp_replace(SQLERRM, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'ID', 'g'), nullif(detail, ''));
END $$;
-- the same for one version, n of tenant a
CREATE FUNCTION regress.version(method text, n int, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT regress.call('automation_version.' || method, jsonb_build_object('id', regress.id('a', 3, n)) || more)
$$;
CREATE FUNCTION regress.statuses(n int) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', v.status, v.status_reason) FROM copilot.automation_versions v WHERE v.id = regress.id('a', 3, n)
$$;

-- events of this kind since one has looked: type, channels below the tenant, audience, what they say
CREATE FUNCTION regress.news(kind text, OUT type text, OUT channels text, OUT payload jsonb) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT e.type, (SELECT string_agg(coalesce(k.name, p.name, c), ' ' ORDER BY c COLLATE "C")
			FROM unnest(e.channels) WITH ORDINALITY o (full_name, n)
			CROSS JOIN LATERAL (SELECT regexp_replace(full_name, '^tenant:[^:]*:?', '')) s (c)
			LEFT JOIN regress.person p ON c = 'user:' || p.id
			LEFT JOIN regress.known k ON c LIKE '%' || k.id),
		e.payload - '{id,automation_id,change_id,by,version}'::text[]
	FROM wrk.event e, regress.looked l WHERE e.id > l.event AND e.type ~ kind ORDER BY e.id
$$;
-- who was told what by a notification
CREATE FUNCTION regress.told() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s: %s (%s)%s', p.name, n.title, n.kind, ': ' || (n.payload ->> 'reason'))
	FROM copilot.notifications n JOIN regress.person p ON p.id = n.user_id
	WHERE n.resource_type = 'automation_version' ORDER BY n.created_at, p.name
$$;
CREATE FUNCTION regress.look() RETURNS void LANGUAGE sql AS $$
	UPDATE regress.looked SET event = (SELECT max(id) FROM wrk.event);
	DELETE FROM copilot.notifications;
$$;
-- loads version n of tenant a in the midst of its life
CREATE FUNCTION regress.load(n int, state text) RETURNS void LANGUAGE sql AS $$
	SELECT wrk.status_import();
	UPDATE copilot.automation_versions SET status = state, status_reason = NULL, intake_progress = 100 WHERE id = regress.id('a', 3, n);
	SELECT wrk.status_import(false);
$$;
