-- Intake: what is asked before an automation is priced, what was answered, and how far
-- that has come.
--
-- The questions are rows, an installation's to change.  The answers are one document,
-- automation_versions.requirements: {section: {question: answer}}.  Its triggers are the
-- one road: whoever writes it, by whatever statement, the answers are checked against
-- the questions, the progress is computed and the change is announced.
--
-- intake_progress is the share of what must be there: an answer to every question that
-- requires one, and a blueprint that joins at least two steps.  Nobody states it, as long
-- as there are such questions.

CREATE FUNCTION copilot.make_intake()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE IF NOT EXISTS copilot.intake_questions (
		section text NOT NULL CHECK (section ~ '^[a-z][a-z0-9_]{0,62}$'),
		code text NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{0,62}$'),
		position integer NOT NULL,
		label text NOT NULL CHECK (length(label) BETWEEN 1 AND 500),
		kind text NOT NULL DEFAULT 'text' CHECK (kind IN ('text', 'number', 'boolean', 'choice', 'list')),
		choices text[] CHECK ((choices IS NOT NULL) = (kind = 'choice')),
		required boolean NOT NULL DEFAULT true,
		PRIMARY KEY (section, code)
	);
	COMMENT ON TABLE copilot.intake_questions IS
		'what is asked in the intake of an automation version; the same for all tenants, an installation''s to change';
	COMMENT ON COLUMN copilot.intake_questions.kind IS
		'what an answer is: text, number, boolean, one of the choices, or a list of texts';
	COMMENT ON COLUMN copilot.intake_questions.required IS 'the intake is not complete without an answer';
	-- the same for everybody, so that nothing of it is a secret; grants say who writes
	ALTER TABLE copilot.intake_questions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	PERFORM copilot.put_policy('intake_questions', 'everybody', 'questions are the same for all tenants', 'USING (true)');
	GRANT SELECT ON copilot.intake_questions TO wrk_member;
	PERFORM copilot.register_intake_questions();

	ALTER TABLE copilot.automation_versions ADD COLUMN IF NOT EXISTS
		requirements jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(requirements) = 'object');
	COMMENT ON COLUMN copilot.automation_versions.requirements IS
		'answers of the intake: {section: {question: answer}}; too large for row events, which leave it out';
	COMMENT ON COLUMN copilot.automation_versions.intake_progress IS
		'per cent of the intake that is there; kept by a trigger';
	-- behind blueprint_count, whose count it reads, and before count_version
	CREATE OR REPLACE TRIGGER captured BEFORE INSERT OR UPDATE ON copilot.automation_versions
		FOR EACH ROW EXECUTE FUNCTION copilot.intake_count();
	CREATE OR REPLACE TRIGGER zz_captured AFTER UPDATE ON copilot.automation_versions
		FOR EACH ROW WHEN (NEW.requirements IS DISTINCT FROM OLD.requirements)
		EXECUTE FUNCTION copilot.intake_announce();
	GRANT INSERT (requirements), UPDATE (requirements) ON copilot.automation_versions TO wrk_member;
	REVOKE INSERT (intake_progress) ON copilot.automation_versions FROM wrk_member;
END
$$;
COMMENT ON FUNCTION copilot.make_intake() IS
'part of copilot.install(): table intake_questions, column requirements of automation_versions';

CREATE FUNCTION copilot.register_intake_questions()
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	INSERT INTO copilot.intake_questions (section, code, position, label, kind, choices, required)
	SELECT q.* FROM (VALUES
		('goals', 'problem', 1, 'What is the problem today?', 'text', NULL::text[], true),
		('goals', 'outcome', 2, 'What will be different when it is solved?', 'text', NULL, true),
		('process', 'starts_with', 3, 'What starts it?', 'text', NULL, true),
		('process', 'steps', 4, 'What are its steps?', 'list', NULL, true),
		('process', 'monthly_runs', 5, 'How often does it happen in a month?', 'number', NULL, true),
		('process', 'exceptions', 6, 'What can go wrong, and what then?', 'text', NULL, false),
		('systems', 'systems', 7, 'Which systems take part?', 'list', NULL, true),
		('systems', 'access', 8, 'Is there access to them?', 'choice', '{yes,some,no}', true),
		('data', 'input', 9, 'Which data does it need?', 'text', NULL, true),
		('data', 'output', 10, 'Which data does it make, and where do they go?', 'text', NULL, true),
		('data', 'personal', 11, 'Are there personal data among them?', 'boolean', NULL, false),
		('people', 'contact', 12, 'Who knows the process best?', 'text', NULL, false),
		('people', 'approvers', 13, 'Who must agree to a change?', 'list', NULL, false)
	) AS q (section, code, "position", label, kind, choices, required)
	WHERE NOT EXISTS (SELECT FROM copilot.intake_questions)
$$;
COMMENT ON FUNCTION copilot.register_intake_questions() IS
'part of copilot.install(): the product''s questions, unless the installation has any';

-- ---------- answers ----------

CREATE FUNCTION copilot.intake_problem(kind text, choices text[], answer jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT CASE kind
		WHEN 'text' THEN CASE WHEN jsonb_typeof(answer) <> 'string' OR btrim(answer #>> '{}', E' \t\r\n') = ''
			OR length(answer #>> '{}') > 5000 THEN 'must be a text of 1 to 5000 characters' END
		WHEN 'number' THEN CASE WHEN jsonb_typeof(answer) <> 'number' OR abs((answer #>> '{}')::numeric) > 1e12
			THEN 'must be a number up to 1000000000000' END
		WHEN 'boolean' THEN CASE WHEN jsonb_typeof(answer) <> 'boolean' THEN 'must be true or false' END
		WHEN 'choice' THEN CASE WHEN jsonb_typeof(answer) <> 'string' OR answer #>> '{}' <> ALL (choices)
			THEN 'must be one of ' || array_to_string(choices, ', ') END
		WHEN 'list' THEN CASE WHEN jsonb_typeof(answer) <> 'array' OR jsonb_array_length(answer) NOT BETWEEN 1 AND 100
			OR EXISTS (SELECT FROM jsonb_array_elements(answer) e WHERE jsonb_typeof(e) <> 'string'
				OR btrim(e #>> '{}', E' \t\r\n') = '' OR length(e #>> '{}') > 500)
			THEN 'must be an array of 1 to 100 texts of 1 to 500 characters' END
		END
$$;
COMMENT ON FUNCTION copilot.intake_problem(text, text[], jsonb) IS
'part of copilot.intake_check(): what is wrong with an answer to a question of that kind; NULL if it is one';

CREATE FUNCTION copilot.intake_check_shape(answers jsonb)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF jsonb_typeof(answers) IS DISTINCT FROM 'object'
		OR jsonb_path_exists(answers, 'strict $.* ? (@.type() != "object")') THEN
		PERFORM copilot.bad_param('answers', 'must be an object {section: {question: answer}}');
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.intake_check_shape(jsonb) IS
'refuses what is no document of answers, whatever they are. Error: WK400 bad_request';

CREATE FUNCTION copilot.intake_check(was jsonb, answers jsonb)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wrong record;
BEGIN
	PERFORM copilot.intake_check_shape(answers);
	IF pg_column_size(answers) > 262144 THEN
		RAISE EXCEPTION 'answers of % bytes are larger than 262144', pg_column_size(answers) USING ERRCODE = 'WK413';
	END IF;
	-- what was right once stays: a question may have gone since
	SELECT a.section, a.question, a.problem INTO wrong
	FROM (
		SELECT s.key AS section, v.key AS question, CASE WHEN q.code IS NULL THEN 'is no question of the intake'
			ELSE copilot.intake_problem(q.kind, q.choices, v.value) END AS problem
		FROM jsonb_each(answers) s CROSS JOIN jsonb_each(s.value) v
		LEFT JOIN copilot.intake_questions q ON q.section = s.key AND q.code = v.key
		WHERE v.value IS DISTINCT FROM was #> ARRAY[s.key, v.key]) a
	WHERE a.problem IS NOT NULL ORDER BY a.section, a.question LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'answer "%" %', left(wrong.section || '.' || wrong.question, 150), wrong.problem
			USING ERRCODE = 'WK400', DETAIL = json_build_object('param', 'answers',
				'section', left(wrong.section, 150), 'question', left(wrong.question, 150))::text;
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.intake_check(jsonb, jsonb) IS
'refuses answers that are not to a question, or no answer to it, unless they were there before; DETAIL is {"param", "section", "question"}. Errors: WK400 bad_request, WK413 too_large';

CREATE FUNCTION copilot.intake_check_status(status text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF status <> 'intake_in_progress' THEN
		RAISE EXCEPTION 'the intake is over: the automation version is "%"', status USING ERRCODE = 'WK403',
			DETAIL = json_build_object('status', status, 'editable', '{intake_in_progress}'::text[])::text,
			HINT = 'Create the next version to ask for something else.';
	END IF;
END
$$;
COMMENT ON FUNCTION copilot.intake_check_status(text) IS
'refuses to change answers in this status; DETAIL is {"status", "editable": [statuses]}. Error: WK403 forbidden';

-- ---------- progress ----------

CREATE FUNCTION copilot.intake_measure(requirements jsonb, blueprint jsonb)
RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- an edge is sound only between two nodes that are there
	SELECT (100 * (count(*) FILTER (WHERE requirements #> ARRAY[q.section, q.code] IS NOT NULL)
		+ CASE WHEN jsonb_typeof(blueprint -> 'edges') = 'array' AND blueprint -> 'edges' <> '[]' THEN 1 ELSE 0 END)
		/ (count(*) + 1))::integer
	FROM copilot.intake_questions q WHERE q.required HAVING count(*) > 0
$$;
COMMENT ON FUNCTION copilot.intake_measure(jsonb, jsonb) IS
'per cent of an intake that is there, rounded down: required answers, and a blueprint with an edge; NULL if no question requires an answer';

CREATE FUNCTION copilot.intake_count()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		-- what the version before has was checked there
		PERFORM copilot.intake_check(coalesce((
			SELECT b.requirements FROM copilot.automation_versions b
			WHERE b.tenant_id = NEW.tenant_id AND b.automation_id = NEW.automation_id AND b.id = NEW.based_on), '{}'),
			NEW.requirements);
		-- what is loaded with a number keeps it; members cannot give one
		IF NEW.intake_progress = 0 THEN
			NEW.intake_progress := coalesce(copilot.intake_measure(NEW.requirements, NEW.blueprint_json), 0);
		END IF;
	ELSIF wrk.status_importing() THEN
		RETURN NEW;
	ELSIF NEW.requirements <> OLD.requirements THEN
		PERFORM copilot.intake_check_status(OLD.status);
		PERFORM copilot.intake_check(OLD.requirements, NEW.requirements);
		NEW.intake_progress := coalesce(copilot.intake_measure(NEW.requirements, NEW.blueprint_json), NEW.intake_progress);
	ELSIF NEW.blueprint_version <> OLD.blueprint_version AND OLD.status = 'intake_in_progress' THEN
		-- by as much as it counts: the rest may have been loaded, or asked by other questions
		NEW.intake_progress := coalesce(least(100, greatest(0, OLD.intake_progress
			+ copilot.intake_measure(NEW.requirements, NEW.blueprint_json)
			- copilot.intake_measure(OLD.requirements, OLD.blueprint_json))), NEW.intake_progress);
	ELSIF NEW.intake_progress <> OLD.intake_progress AND wrk.tenant_id() IS NOT NULL
		AND EXISTS (SELECT FROM copilot.intake_questions q WHERE q.required) THEN
		RAISE EXCEPTION 'the progress of an intake is computed, nobody states it' USING ERRCODE = 'WK403',
			HINT = 'Answer its questions with automation_version.capture.';
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION copilot.intake_count() IS
'trigger of automation_versions: refuses answers that are not sound or come after the intake, and computes intake_progress. Errors: WK400, WK413, WK403 for the status, or for a progress that an identity states by itself';

CREATE FUNCTION copilot.intake_announce()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	changed jsonb;
BEGIN
	SELECT jsonb_object_agg(c.section, c.answers) INTO changed
	FROM (
		SELECT s.section, jsonb_object_agg(q.code, coalesce(NEW.requirements #> ARRAY[s.section, q.code], 'null')) AS answers
		FROM (SELECT jsonb_object_keys(OLD.requirements || NEW.requirements)) s (section)
		CROSS JOIN LATERAL (SELECT jsonb_object_keys(coalesce(OLD.requirements -> s.section, '{}')
			|| coalesce(NEW.requirements -> s.section, '{}'))) q (code)
		WHERE NEW.requirements #> ARRAY[s.section, q.code] IS DISTINCT FROM OLD.requirements #> ARRAY[s.section, q.code]
		GROUP BY s.section) c;
	PERFORM wrk.emit('automation_version.captured', jsonb_build_object('id', NEW.id,
			'automation_id', NEW.automation_id, 'answers', coalesce(changed, '{}'),
			'intake_progress', NEW.intake_progress, 'by', wrk.user_id(), 'version', NEW.version),
		ARRAY[format('tenant:%s:automation_version:%s', NEW.tenant_id, NEW.id)], tenant_id => NEW.tenant_id::text);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION copilot.intake_announce() IS
'trigger of automation_versions: event automation_version.captured {id, automation_id, answers, intake_progress, by, version} on the channel of the version; answers are those that changed, null for one that was taken back';

-- ---------- capturing ----------

CREATE FUNCTION copilot.intake_merged(requirements jsonb, answers jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_object_agg(m.section, m.answers), '{}')
	FROM (
		SELECT k AS section, coalesce(requirements -> k, '{}') || coalesce(answers -> k, '{}') AS whole
		FROM jsonb_object_keys(requirements || answers) k) s
	CROSS JOIN LATERAL (
		SELECT s.section, jsonb_object_agg(a.key, a.value) AS answers
		FROM jsonb_each(s.whole) a WHERE a.value <> 'null') m
	WHERE m.answers IS NOT NULL
$$;
COMMENT ON FUNCTION copilot.intake_merged(jsonb, jsonb) IS
'answers of an intake with others laid over them: null takes one back, a section without answers is gone';

CREATE FUNCTION copilot.intake_state(version_id uuid)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('id', v.id, 'status', v.status, 'intake_progress', v.intake_progress, 'version', v.version,
		'missing', (SELECT coalesce(jsonb_agg(m.what ORDER BY m.n), '[]') FROM (
			SELECT q.section || '.' || q.code, q.position FROM copilot.intake_questions q
			WHERE q.required AND v.requirements #> ARRAY[q.section, q.code] IS NULL
			UNION ALL
			SELECT 'blueprint', 2147483647 WHERE copilot.intake_measure(v.requirements, v.blueprint_json)
				= copilot.intake_measure(v.requirements, '{}')) AS m (what, n)))
	FROM copilot.automation_versions v WHERE v.id = version_id
$$;
COMMENT ON FUNCTION copilot.intake_state(uuid) IS
'how far the intake of a version is: {id, status, intake_progress, version, missing: [section.question, or blueprint]}; NULL if the caller does not see it';

CREATE FUNCTION copilot.intake_save(version_id uuid, answers jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	was record;
BEGIN
	PERFORM copilot.intake_check_shape(answers);
	-- from here on nobody else's answers come in between; locking takes the right to update
	SELECT v.status, v.requirements INTO was FROM copilot.automation_versions v
	WHERE v.id = version_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM copilot.check_thread(NULL, coalesce(version_id, '00000000-0000-0000-0000-000000000000'));
		RAISE EXCEPTION 'this intake is not for this role to answer' USING ERRCODE = 'WK403';
	END IF;
	PERFORM copilot.intake_check_status(was.status);
	UPDATE copilot.automation_versions v SET requirements = copilot.intake_merged(was.requirements, answers)
	WHERE v.id = version_id AND v.requirements <> copilot.intake_merged(was.requirements, answers);
	RETURN copilot.intake_state(version_id);
END
$$;
COMMENT ON FUNCTION copilot.intake_save(uuid, jsonb) IS 'part of copilot.automation_version_capture()';

CREATE FUNCTION copilot.automation_version_capture(version_id uuid, answers jsonb, key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	answer jsonb := copilot.key_claim(key, 'copilot.automation_version_capture', jsonb_build_array(version_id, answers));
BEGIN
	RETURN coalesce(answer, copilot.key_answer(key, copilot.intake_save(version_id, answers)));
END
$$;
COMMENT ON FUNCTION copilot.automation_version_capture(uuid, jsonb, text) IS
'lays answers {section: {question: answer}} over those that an automation version has, null takes one back, and returns {id, status, intake_progress, version, missing}. Answers to different questions given at the same time all stay; to one question, the last. Once per key.
Errors: WK400 bad_request, WK403 forbidden (role, or the intake is over), WK404 not_found, WK413 too_large';

-- ---------- calls ----------

CREATE FUNCTION copilot.call_automation_version_capture(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'answers');
	RETURN copilot.automation_version_capture(copilot.want_uuid(params, 'id', true),
		copilot.want_object(params, 'answers'));
END
$$;
COMMENT ON FUNCTION copilot.call_automation_version_capture(jsonb) IS
'call automation_version.capture {id, answers: {section: {question: answer}}}: {id, status, intake_progress, version, missing}; answers are laid over what is there, null takes one back. Errors: WK400, WK403, WK404, WK413';

CREATE FUNCTION copilot.call_automation_version_intake(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id');
	wanted := copilot.want_automation_version(params);
	RETURN copilot.intake_state(wanted) || jsonb_build_object('questions', (
		SELECT coalesce(jsonb_agg(jsonb_build_object('section', q.section, 'code', q.code, 'label', q.label,
			'kind', q.kind, 'choices', q.choices, 'required', q.required,
			'answer', v.requirements #> ARRAY[q.section, q.code]) ORDER BY q.position, q.section, q.code), '[]')
		FROM copilot.automation_versions v CROSS JOIN copilot.intake_questions q WHERE v.id = wanted));
END
$$;
COMMENT ON FUNCTION copilot.call_automation_version_intake(jsonb) IS
'call automation_version.intake {id}: {id, status, intake_progress, version, missing, questions: [{section, code, label, kind, choices, required, answer}]}. Errors: WK400, WK404';

-- ---------- documents that say it all ----------

CREATE FUNCTION copilot.automation_version_ingest(version_id uuid, source text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	found_status text;
BEGIN
	SELECT v.status INTO found_status FROM copilot.automation_versions v
	WHERE v.id = version_id AND v.tenant_id::text = wrk.tenant_id();
	IF NOT FOUND OR (wrk.can('read', 'automation_version')
		OR wrk.can('read', 'automation_version', version_id::text)) IS NOT TRUE THEN
		RAISE EXCEPTION 'automation version not found' USING ERRCODE = 'WK404';
	END IF;
	IF (wrk.can('update', 'automation_version') OR wrk.can('update', 'automation_version', version_id::text)) IS NOT TRUE THEN
		RAISE EXCEPTION 'this intake is not for this role to answer' USING ERRCODE = 'WK403';
	END IF;
	IF source IS NULL OR length(source) NOT BETWEEN 1 AND 50000 THEN
		RAISE EXCEPTION 'a document must have 1 to 50000 characters, not %', coalesce(length(source), 0)
			USING ERRCODE = CASE WHEN length(source) > 50000 THEN 'WK413' ELSE 'WK400' END;
	END IF;
	PERFORM copilot.intake_check_status(found_status);
	-- the same document twice is one job, as long as that is under way
	RETURN wrk.job_enqueue('ai-ingestion', jsonb_build_object('automation_version_id', version_id,
		'source', source, 'by', wrk.user_id()),
		key => version_id || ':' || encode(sha256(convert_to(source, 'UTF8')), 'hex'));
END
$$;
COMMENT ON FUNCTION copilot.automation_version_ingest(uuid, text) IS
'leaves a document to the workers of queue ai-ingestion, who read answers and blueprint out of it and capture them as anybody does; returns the id of the job, whose payload is {automation_version_id, source, by}. With the owner''s rights, after asking for the caller''s. Errors: WK400, WK403, WK404, WK413';

CREATE FUNCTION copilot.call_automation_version_ingest(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	wanted uuid;
BEGIN
	PERFORM copilot.check_params(params, 'id', 'source');
	wanted := copilot.want_automation_version(params);
	RETURN jsonb_build_object('id', wanted, 'job_id', copilot.automation_version_ingest(wanted,
		copilot.want_text(params, 'source', 50000, true)));
END
$$;
COMMENT ON FUNCTION copilot.call_automation_version_ingest(jsonb) IS
'call automation_version.ingest {id, source}: {id, job_id}; source is a document of up to 50,000 characters from which a worker is to capture answers. Errors: WK400, WK403, WK404';

REVOKE ALL ON FUNCTION copilot.make_intake(), copilot.register_intake_questions(),
	copilot.intake_problem(text, text[], jsonb), copilot.intake_check_shape(jsonb), copilot.intake_check(jsonb, jsonb),
	copilot.intake_check_status(text),
	copilot.intake_measure(jsonb, jsonb), copilot.intake_count(), copilot.intake_announce(),
	copilot.intake_merged(jsonb, jsonb), copilot.intake_state(uuid), copilot.intake_save(uuid, jsonb),
	copilot.automation_version_capture(uuid, jsonb, text), copilot.call_automation_version_capture(jsonb),
	copilot.call_automation_version_intake(jsonb), copilot.automation_version_ingest(uuid, text),
	copilot.call_automation_version_ingest(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.intake_check_shape(jsonb), copilot.intake_check_status(text), copilot.intake_measure(jsonb, jsonb),
	copilot.intake_merged(jsonb, jsonb), copilot.intake_state(uuid), copilot.intake_save(uuid, jsonb),
	copilot.automation_version_capture(uuid, jsonb, text), copilot.call_automation_version_capture(jsonb),
	copilot.call_automation_version_intake(jsonb), copilot.automation_version_ingest(uuid, text),
	copilot.call_automation_version_ingest(jsonb) TO wrk_member;
