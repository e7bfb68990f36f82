-- Undo and redo of a blueprint: each takes back one's own edits only, and merges.
--
-- An undo is an edit: the inverse of a change, made from the version that this
-- change led to, merged into the blueprint of today.  So what others did since
-- stays, and where they changed the same, that is a conflict and never overwritten.
--
-- Everybody has a stack of their own for each blueprint, kept in blueprint_changes:
-- a row is an edit, or it says which edit it undoes or redoes.  An edit stands
-- while "undone" is NULL; otherwise that is the version at which it was undone,
-- whether or not there was anything left to change.  Undone next is the latest edit
-- that stands.  Redone next is the earliest of those undone after one's latest edit:
-- with a new edit, those undone before are out of reach.

CREATE FUNCTION copilot.make_blueprint_undo()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	ALTER TABLE copilot.blueprint_changes
		ADD COLUMN IF NOT EXISTS undoes bigint CHECK (undoes < version),
		ADD COLUMN IF NOT EXISTS redoes bigint CHECK (redoes < version),
		ADD COLUMN IF NOT EXISTS undone bigint CHECK (undone >= version);
	COMMENT ON COLUMN copilot.blueprint_changes.undoes IS
		'version of the edit of the same author that this change takes back';
	COMMENT ON COLUMN copilot.blueprint_changes.redoes IS
		'version of the edit of the same author that this change brings back';
	COMMENT ON COLUMN copilot.blueprint_changes.undone IS
		'version of the blueprint when its author undid this edit; NULL while it stands';
END
$$;
COMMENT ON FUNCTION copilot.make_blueprint_undo() IS
'part of copilot.make_blueprints(): columns of blueprint_changes that say what a change undoes or redoes';

CREATE FUNCTION copilot.blueprint_mark(tenant uuid, version_id uuid, current bigint, author uuid, edit jsonb)
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- whatever is said, it is an edit and one's own
	UPDATE copilot.blueprint_changes c SET undone = CASE WHEN edit ? 'undoes' THEN current END
	WHERE c.tenant_id = tenant AND c.automation_version_id = version_id AND c.author_id = author
		AND c.version = coalesce(edit ->> 'undoes', edit ->> 'redoes')::bigint
		AND c.undoes IS NULL AND c.redoes IS NULL
	RETURNING c.version
$$;
COMMENT ON FUNCTION copilot.blueprint_mark(uuid, uuid, bigint, uuid, jsonb) IS
'part of copilot.blueprint_record(): notes that an edit of the author is undone, or stands again, and returns its version';

-- ---------- which edit, and what takes it back ----------

CREATE FUNCTION copilot.blueprint_next_step(tenant uuid, version_id uuid, redo boolean)
RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH mine AS (
		SELECT c.version, c.undone FROM copilot.blueprint_changes c
		WHERE c.tenant_id = tenant AND c.automation_version_id = version_id
			AND c.author_id = copilot.as_uuid(wrk.user_id()) AND c.undoes IS NULL AND c.redoes IS NULL)
	SELECT CASE WHEN redo
		THEN min(m.version) FILTER (WHERE m.undone >= (SELECT max(l.version) FROM mine l))
		ELSE max(m.version) FILTER (WHERE m.undone IS NULL) END
	FROM mine m
$$;
COMMENT ON FUNCTION copilot.blueprint_next_step(uuid, uuid, boolean) IS
'version of the caller''s edit of a blueprint that is to be undone or redone next; NULL if there is none, or none is kept';

CREATE FUNCTION copilot.blueprint_step_back(tenant uuid, version_id uuid, step bigint, redo boolean,
											OUT version bigint, OUT inverse jsonb)
RETURNS record
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	-- where the last of these is no undo, the undo found nothing to change and the redo has
	-- nothing to bring back; and the other way round
	SELECT c.version, CASE WHEN (c.undoes IS NOT NULL) = redo THEN c.inverse ELSE '{}' END
	FROM copilot.blueprint_changes c
	WHERE c.tenant_id = tenant AND c.automation_version_id = version_id
		AND (c.version = step OR c.undoes = step OR c.redoes = step)
	ORDER BY c.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION copilot.blueprint_step_back(uuid, uuid, bigint, boolean) IS
'the change that last did, undid or redid an edit, and the diff from there that undoes or redoes it';

-- ---------- undoing ----------

CREATE FUNCTION copilot.blueprint_spare(base jsonb, diff jsonb, conflicts jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	kept jsonb;
	deleted jsonb;
	whole boolean := EXISTS (SELECT FROM jsonb_array_elements(diff #> '{meta,unset}') u WHERE u = '["nodes"]');
BEGIN
	SELECT jsonb_agg(DISTINCT n) INTO kept
	FROM jsonb_array_elements(conflicts) c, jsonb_array_elements(c -> 'nodes') n
	WHERE c ->> 'kind' = 'dangling_edge' AND c ? 'ours';
	IF kept IS NULL THEN
		RETURN diff;
	END IF;
	SELECT coalesce(jsonb_agg(d ORDER BY o), '[]') INTO deleted
	FROM jsonb_array_elements(CASE WHEN whole THEN jsonb_path_query_array(base, '$.nodes[*].id')
		ELSE diff #> '{nodes,deleted}' END) WITH ORDINALITY e (d, o)
	WHERE NOT kept @> d;
	IF whole THEN
		diff := jsonb_set(diff, '{meta,unset}', (
			SELECT coalesce(jsonb_agg(u ORDER BY o), '[]')
			FROM jsonb_array_elements(diff #> '{meta,unset}') WITH ORDINALITY e (u, o) WHERE u <> '["nodes"]'));
	END IF;
	RETURN diff || jsonb_build_object('nodes',
		coalesce(diff -> 'nodes', '{}') || jsonb_build_object('deleted', deleted));
END
$$;
COMMENT ON FUNCTION copilot.blueprint_spare(jsonb, jsonb, jsonb) IS
'a diff of the base without deleting the nodes that edges of others hang on, by the conflicts that it led to';

CREATE FUNCTION copilot.blueprint_step(version_id uuid, redo boolean, mode text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	was record;
	step bigint;
	back record;
	base jsonb;
	m record;
	kept jsonb; -- merged again, so that no edge goes
BEGIN
	IF mode IS NULL OR mode NOT IN ('ours', 'strict') THEN
		RAISE EXCEPTION 'mode "%" is none of ours, strict', mode USING ERRCODE = 'WK400';
	END IF;
	was := copilot.blueprint_lock(version_id);
	step := copilot.blueprint_next_step(was.tenant, version_id, redo);
	IF step IS NULL THEN
		RETURN jsonb_build_object(CASE WHEN redo THEN 'redone' ELSE 'undone' END, NULL);
	END IF;
	back := copilot.blueprint_step_back(was.tenant, version_id, step, redo);
	base := copilot.blueprint_at(was.tenant, version_id, was.current, was.document, back.version);
	m := copilot.blueprint_merged(base, was.document, wrk.blueprint_patch(base, back.inverse), 'report');
	m.conflicts := copilot.blueprint_name_rivals(was.tenant, version_id, back.version, was.current, m.conflicts);
	IF mode = 'strict' THEN
		PERFORM copilot.blueprint_refuse(was.current, back.version, m.conflicts);
	ELSIF m.conflicts @> '[{"kind": "dangling_edge"}]' THEN
		kept := wrk.blueprint_merge(base, was.document, wrk.blueprint_patch(base,
			copilot.blueprint_spare(base, back.inverse, m.conflicts)), '{"policy": "report"}');
	END IF;
	RETURN jsonb_build_object(CASE WHEN redo THEN 'redone' ELSE 'undone' END, step)
		|| copilot.blueprint_store(version_id, was.current, was.document, coalesce(kept, m.merged),
			m.conflicts, jsonb_build_object('base', back.version,
				CASE WHEN redo THEN 'redoes' ELSE 'undoes' END, step));
END
$$;
COMMENT ON FUNCTION copilot.blueprint_step(uuid, boolean, text) IS
'part of copilot.blueprint_undo() and copilot.blueprint_redo()';

CREATE FUNCTION copilot.blueprint_step_once(version_id uuid, redo boolean, mode text, key text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	answer jsonb := copilot.key_claim(key,
		CASE WHEN redo THEN 'copilot.blueprint_redo' ELSE 'copilot.blueprint_undo' END, jsonb_build_array(version_id, mode));
BEGIN
	RETURN coalesce(answer, copilot.key_answer(key, copilot.blueprint_step(version_id, redo, mode)));
END
$$;
COMMENT ON FUNCTION copilot.blueprint_step_once(uuid, boolean, text, text) IS
'copilot.blueprint_step(), once per key; part of copilot.blueprint_undo() and copilot.blueprint_redo()';

CREATE FUNCTION copilot.blueprint_undo(version_id uuid, mode text DEFAULT 'strict', key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.blueprint_step_once(version_id, false, mode, key)
$$;
COMMENT ON FUNCTION copilot.blueprint_undo(uuid, text, text) IS
'takes back the caller''s latest edit of a blueprint that stands, and returns {undone, version, base, changed, conflicts, dropped_edges, event_id}: undone is the version that edit had led to, the rest is as copilot.blueprint_apply() has it. With nothing to undo, because all is undone or too old to be kept: {"undone": null}.
What others did since stays. Where they changed the same: with mode strict (the default) nothing is done, and the edit remains the next to be undone; with ours the rest is taken back, theirs stays and is in conflicts. A node stays as well that edges of others hang on. With ours the edit counts as undone even if nothing was left to change. Once per key.
Errors: WK400 bad_request, WK403 forbidden (role, or status of the version), WK404 not_found, WK409 conflict with DETAIL {"version": current, "conflicts": [...]}, WK413 too_large';

CREATE FUNCTION copilot.blueprint_redo(version_id uuid, mode text DEFAULT 'strict', key text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT copilot.blueprint_step_once(version_id, true, mode, key)
$$;
COMMENT ON FUNCTION copilot.blueprint_redo(uuid, text, text) IS
'brings back what the caller''s latest copilot.blueprint_undo() has taken back, no more and no less, and returns {redone, ...}, as that does; {"redone": null} if nothing is undone, or an edit of the caller came after it. Modes and errors are the same';

-- ---------- calls ----------

CREATE FUNCTION copilot.call_blueprint_undo(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'mode');
	RETURN copilot.blueprint_undo(copilot.want_uuid(params, 'id', true),
		coalesce(copilot.want_choice(params, 'mode', 'ours', 'strict'), 'strict'));
END
$$;
COMMENT ON FUNCTION copilot.call_blueprint_undo(jsonb) IS
'call blueprint.undo {id, mode}: {undone, version, base, changed, conflicts, dropped_edges, event_id}, or {undone: null}; takes back the caller''s own latest edit, undone is its version; mode, for what others have changed since as well, is strict (default) or ours. Errors: WK400, WK403, WK404, WK409 with {version, conflicts}, WK413';

CREATE FUNCTION copilot.call_blueprint_redo(params jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM copilot.check_params(params, 'id', 'mode');
	RETURN copilot.blueprint_redo(copilot.want_uuid(params, 'id', true),
		coalesce(copilot.want_choice(params, 'mode', 'ours', 'strict'), 'strict'));
END
$$;
COMMENT ON FUNCTION copilot.call_blueprint_redo(jsonb) IS
'call blueprint.redo {id, mode}: {redone, version, base, changed, conflicts, dropped_edges, event_id}, or {redone: null}; brings back what blueprint.undo took back last, as long as the caller has not edited since. Modes and errors as blueprint.undo';

REVOKE ALL ON FUNCTION copilot.make_blueprint_undo(),
	copilot.blueprint_mark(uuid, uuid, bigint, uuid, jsonb),
	copilot.blueprint_next_step(uuid, uuid, boolean),
	copilot.blueprint_step_back(uuid, uuid, bigint, boolean), copilot.blueprint_spare(jsonb, jsonb, jsonb),
	copilot.blueprint_step(uuid, boolean, text), copilot.blueprint_step_once(uuid, boolean, text, text),
	copilot.blueprint_undo(uuid, text, text), copilot.blueprint_redo(uuid, text, text),
	copilot.call_blueprint_undo(jsonb), copilot.call_blueprint_redo(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copilot.blueprint_next_step(uuid, uuid, boolean),
	copilot.blueprint_step_back(uuid, uuid, bigint, boolean), copilot.blueprint_spare(jsonb, jsonb, jsonb),
	copilot.blueprint_step(uuid, boolean, text), copilot.blueprint_step_once(uuid, boolean, text, text),
	copilot.blueprint_undo(uuid, text, text), copilot.blueprint_redo(uuid, text, text),
	copilot.call_blueprint_undo(jsonb), copilot.call_blueprint_redo(jsonb) TO wrk_member;
