-- Calls from outside: which functions a browser may call, once per key.

CREATE TABLE wrk.rpc (
	method text PRIMARY KEY CHECK (method ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$'),
	function text NOT NULL,
	roles text[],
	description text,
	once text[]
);
COMMENT ON TABLE wrk.rpc IS 'functions that may be called from outside, by their public name';
COMMENT ON COLUMN wrk.rpc.function IS
'function (params jsonb) returns jsonb; run as wrk_member, so it must be executable by that role';
COMMENT ON COLUMN wrk.rpc.roles IS 'roles of which a caller needs one; NULL: every authenticated identity';
COMMENT ON COLUMN wrk.rpc.once IS
'members of the answer, a new secret for instance, that are given once and not kept: who calls again with the same key gets the answer without them';
CREATE TRIGGER function_name BEFORE INSERT OR UPDATE ON wrk.rpc
	FOR EACH ROW EXECUTE FUNCTION wrk.function_name('function');
COMMENT ON TRIGGER function_name ON wrk.rpc IS 'keeps the full name of a function that is there';
SELECT pg_catalog.pg_extension_config_dump('wrk.rpc', '');
REVOKE ALL ON wrk.rpc FROM PUBLIC;

CREATE TABLE wrk.rpc_key (
	tenant_id text NOT NULL,
	user_id text NOT NULL,
	key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
	request_sha256 bytea NOT NULL,
	result jsonb,
	event_id bigint,
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (tenant_id, user_id, key)
);
COMMENT ON TABLE wrk.rpc_key IS
'idempotency keys of calls and what they were answered; the same key with the same request and the same roles gets the same answer';
CREATE INDEX rpc_key_created_idx ON wrk.rpc_key (created_at);
COMMENT ON INDEX wrk.rpc_key_created_idx IS 'oldest first, for retention';
SELECT pg_catalog.pg_extension_config_dump('wrk.rpc_key', '');
REVOKE ALL ON wrk.rpc_key FROM PUBLIC;

CREATE FUNCTION wrk.rpc_invoke(function regprocedure, params jsonb)
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_rpc_invoke';
COMMENT ON FUNCTION wrk.rpc_invoke(regprocedure, jsonb) IS
'runs a function (jsonb) returns jsonb with the rights of wrk_member; internal to wrk.rpc_call()';
REVOKE ALL ON FUNCTION wrk.rpc_invoke(regprocedure, jsonb) FROM PUBLIC;

CREATE FUNCTION wrk.rpc_enter(method text)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_rpc_enter';
COMMENT ON FUNCTION wrk.rpc_enter(text) IS
'lets an identity with scopes be used for this method, whether wrk.rpc_leave() has to end that; internal to wrk.rpc_call(). Error: WK403 forbidden for a method outside of the scopes';

CREATE FUNCTION wrk.rpc_leave()
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_rpc_leave';
COMMENT ON FUNCTION wrk.rpc_leave() IS 'ends what wrk.rpc_enter() began; internal to wrk.rpc_call()';
REVOKE ALL ON FUNCTION wrk.rpc_enter(text), wrk.rpc_leave() FROM PUBLIC;

CREATE FUNCTION wrk.rpc_event_key(key text)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_rpc_event_key';
COMMENT ON FUNCTION wrk.rpc_event_key(text) IS
'stamps this key on the events of the rest of the transaction (NULL: no key); internal to wrk.rpc_call()';
REVOKE ALL ON FUNCTION wrk.rpc_event_key(text) FROM PUBLIC;

CREATE FUNCTION wrk.rpc_event_key()
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_rpc_current_key';
COMMENT ON FUNCTION wrk.rpc_event_key() IS
'the key that events of the transaction carry just now; internal to wrk.key_claim()';
REVOKE ALL ON FUNCTION wrk.rpc_event_key() FROM PUBLIC;

CREATE FUNCTION wrk.rpc_event_id()
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_rpc_event_id';
COMMENT ON FUNCTION wrk.rpc_event_id() IS
'id of the last event of this transaction that the identity may hear, NULL if none: what an optimistic client waits for; internal to wrk.rpc_call()';
REVOKE ALL ON FUNCTION wrk.rpc_event_id() FROM PUBLIC;

-- Whose key it is, and what is asked for with which rights: an answer is for nobody
-- who might have got another one.
CREATE FUNCTION wrk.rpc_claimant()
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT coalesce(wrk.user_id(), CASE wrk.identity() ->> 'via' WHEN 'api_key' THEN 'api_key ' || (wrk.identity() ->> 'actor') END, '')
$$;
COMMENT ON FUNCTION wrk.rpc_claimant() IS
'whose idempotency keys the identity claims: its user''s, or those of an API key that stands for no user; internal to wrk.rpc_claim_key()';

CREATE FUNCTION wrk.rpc_request(method text, request text)
RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT sha256(convert_to(concat_ws(E'\n', method, coalesce(request, ''),
		(SELECT string_agg(r, ',' ORDER BY r COLLATE "C") FROM unnest(wrk.roles()) r)), 'UTF8'))
$$;
COMMENT ON FUNCTION wrk.rpc_request(text, text) IS
'what an idempotency key is claimed for: the request, and the roles it is made with; internal to wrk.rpc_call() and wrk.key_claim()';
REVOKE ALL ON FUNCTION wrk.rpc_claimant(), wrk.rpc_request(text, text) FROM PUBLIC;

-- Claims the key for this transaction, or finds the answer it got before. A call
-- under way with the same key makes this one wait until it has ended.
CREATE FUNCTION wrk.rpc_claim_key(claim_key text, request bytea, OUT answered boolean,
								  OUT result jsonb, OUT event_id bigint)
RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	earlier wrk.rpc_key;
BEGIN
	IF length(claim_key) NOT BETWEEN 1 AND 200 THEN
		RAISE EXCEPTION 'idempotency key must have 1 to 200 characters, not %', length(claim_key)
			USING ERRCODE = 'WK400';
	END IF;
	LOOP
		INSERT INTO wrk.rpc_key AS k (tenant_id, user_id, key, request_sha256)
		VALUES (wrk.tenant_id(), wrk.rpc_claimant(), claim_key, request)
		ON CONFLICT DO NOTHING;
		IF FOUND THEN
			answered := false;
			RETURN;
		END IF;
		SELECT * INTO earlier FROM wrk.rpc_key k
		WHERE k.tenant_id = wrk.tenant_id() AND k.user_id = wrk.rpc_claimant()
			AND k.key = claim_key;
		-- not there any more: retention was quicker, claim it again
		EXIT WHEN FOUND;
	END LOOP;
	IF earlier.request_sha256 <> request THEN
		RAISE EXCEPTION 'idempotency key "%" was used for another request', claim_key
			USING ERRCODE = 'WK4K2', HINT = 'Make a new key for every request, and for one with other roles.';
	END IF;
	answered := true;
	result := earlier.result;
	event_id := earlier.event_id;
END
$$;
COMMENT ON FUNCTION wrk.rpc_claim_key(text, bytea) IS
'claims an idempotency key of the identity or returns the answer given before. Errors: WK400 bad_request, WK4K2 key_reused';
REVOKE ALL ON FUNCTION wrk.rpc_claim_key(text, bytea) FROM PUBLIC;

-- The same for functions that take a key themselves. Keys belong to an identity,
-- so whoever calls these can claim none but its own.
CREATE FUNCTION wrk.key_claim(key text, method text, request jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	claim record;
BEGIN
	IF wrk.tenant_id() IS NULL THEN
		RAISE EXCEPTION 'an idempotency key needs an identity' USING ERRCODE = 'WK401',
			HINT = 'Call wrk.authenticate() in this transaction first, or pass no key.';
	END IF;
	claim := wrk.rpc_claim_key(key, wrk.rpc_request(method, request::text));
	IF claim.answered THEN
		RETURN claim.result;
	END IF;
	-- within a call that has a key, its events carry that
	IF wrk.rpc_event_key() IS NULL THEN
		PERFORM wrk.rpc_event_key(key);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION wrk.key_claim(text, text, jsonb) IS
'claims an idempotency key for a request or returns the answer it got before, NULL for a new key; a call under way with the same key is waited for. Events of the transaction carry the key until wrk.key_answer(). Errors: WK400 bad_request, WK401 unauthorized, WK4K2 key_reused';

CREATE FUNCTION wrk.key_answer(key text, answer jsonb)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE wrk.rpc_key k SET result = answer, event_id = wrk.rpc_event_id()
	WHERE k.tenant_id = wrk.tenant_id() AND k.user_id = wrk.rpc_claimant()
		AND k.key = key_answer.key;
	IF wrk.rpc_event_key() = key THEN
		PERFORM wrk.rpc_event_key(NULL);
	END IF;
	RETURN answer;
END
$$;
COMMENT ON FUNCTION wrk.key_answer(text, jsonb) IS
'remembers the answer for a key that wrk.key_claim() has claimed in this transaction, and returns it';
REVOKE ALL ON FUNCTION wrk.key_claim(text, text, jsonb), wrk.key_answer(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.key_claim(text, text, jsonb), wrk.key_answer(text, jsonb)
	TO wrk_member, wrk_service;

CREATE FUNCTION wrk.rpc_call(method text, params jsonb DEFAULT '{}', key text DEFAULT NULL,
							 OUT result jsonb, OUT event_id bigint)
RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
	entered boolean := wrk.rpc_enter(coalesce(method, ''));
	entry wrk.rpc;
	claim record;
	answered boolean := false;
BEGIN
	IF wrk.tenant_id() IS NULL THEN
		RAISE EXCEPTION 'nobody is authenticated' USING ERRCODE = 'WK401',
			HINT = 'Call wrk.authenticate() in this transaction first.';
	END IF;
	SELECT * INTO entry FROM wrk.rpc r WHERE r.method = rpc_call.method;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no method "%"', method USING ERRCODE = 'WK404';
	END IF;
	IF entry.roles IS NOT NULL AND NOT entry.roles && wrk.roles() THEN
		RAISE EXCEPTION 'method "%" is not for your role', method USING ERRCODE = 'WK403';
	END IF;
	IF key IS NOT NULL THEN
		claim := wrk.rpc_claim_key(key, wrk.rpc_request(method, params::text));
		answered := claim.answered;
		IF answered THEN
			result := claim.result;
			event_id := claim.event_id;
		END IF;
	END IF;
	IF NOT answered THEN
		PERFORM wrk.rpc_event_key(key);
		result := wrk.rpc_invoke(entry.function::regprocedure, coalesce(params, '{}'));
		event_id := wrk.rpc_event_id();
		PERFORM wrk.rpc_event_key(NULL);
		IF key IS NOT NULL THEN
			PERFORM wrk.key_answer(key, CASE WHEN entry.once IS NULL THEN result ELSE result - entry.once END);
		END IF;
	END IF;
	IF entered THEN
		PERFORM wrk.rpc_leave();
	END IF;
END
$$;
COMMENT ON FUNCTION wrk.rpc_call(text, jsonb, text) IS
'calls a registered method as wrk_member for the identity of this transaction, once per key; event_id is that of the last event it emitted. An API key with scopes calls methods within them only. Errors: WK401 unauthorized, WK403 forbidden, WK404 not_found, WK4K2 key_reused, and the method''s own';
REVOKE ALL ON FUNCTION wrk.rpc_call(text, jsonb, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.rpc_call(text, jsonb, text) TO wrk_member, wrk_service;

CREATE FUNCTION wrk.rpc_key_retention()
RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	WITH gone AS (
		DELETE FROM wrk.rpc_key WHERE created_at < now() - interval '24 hours' RETURNING 1)
	SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION wrk.rpc_key_retention() IS
'forgets idempotency keys older than 24 hours; run by the background worker';
REVOKE ALL ON FUNCTION wrk.rpc_key_retention() FROM PUBLIC;

SELECT wrk.maintenance_register('wrk.rpc_key_retention', 'wrk.rpc_key_retention()', '1 hour');
