-- What gateways do besides events: ephemeral ones, which are not stored, and receipts.

-- ---------- ephemeral events ----------

CREATE FUNCTION wrk.broadcast(channel text, type text, payload jsonb DEFAULT '{}')
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_broadcast';
COMMENT ON FUNCTION wrk.broadcast(text, text, jsonb) IS
'with the commit, sends an ephemeral event to whoever is in the channel now: not stored, first to be dropped, and replaced by the next of the same user and type within 50 ms. For an identity that may publish in the channel, in its user''s name; members of wrk_service may send to any channel by its canonical name, with an identity to any of its tenant. type: a-z, 0-9 and _, up to 32, and no frame of the protocol; payload: up to 6,144 bytes. Not cheap: commits that notify wait for each other. Errors: WK400 bad_request, WK401 unauthorized, WK403 forbidden (may read, not publish), WK404 not_found (no such channel, or not for this identity), WK413 too_large';
REVOKE ALL ON FUNCTION wrk.broadcast(text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.broadcast(text, text, jsonb) TO wrk_member, wrk_service;

-- ---------- receipts ----------

CREATE TABLE wrk.receipt_rule (
	event_type text PRIMARY KEY CHECK (event_type ~ '^[a-z][a-z0-9_.:-]{0,127}$'),
	method text NOT NULL
);
COMMENT ON TABLE wrk.receipt_rule IS
'events of whose arrival the application is told: when a client has acknowledged one, its gateway calls the method in its name';
COMMENT ON COLUMN wrk.receipt_rule.event_type IS 'type of events whose payload has a member id';
COMMENT ON COLUMN wrk.receipt_rule.method IS
'in wrk.rpc, called with {"id": payload.id of the last such event of a channel}; that one and all before it have arrived';
SELECT pg_catalog.pg_extension_config_dump('wrk.receipt_rule', '');
REVOKE ALL ON wrk.receipt_rule FROM PUBLIC;

CREATE FUNCTION wrk.gateway_receipts()
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT coalesce(jsonb_agg(jsonb_build_object('type', event_type, 'method', method) ORDER BY event_type), '[]')
	FROM wrk.receipt_rule
$$;
COMMENT ON FUNCTION wrk.gateway_receipts() IS 'wrk.receipt_rule as [{type, method}], for gateways';

CREATE FUNCTION wrk.receipt_rule_changed()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM pg_notify(b.channel, '- receipts:0:') FROM wrk.gateway_bus b;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION wrk.receipt_rule_changed() IS 'trigger: has gateways ask for the rules again';
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON wrk.receipt_rule
	FOR EACH STATEMENT EXECUTE FUNCTION wrk.receipt_rule_changed();
COMMENT ON TRIGGER tell ON wrk.receipt_rule IS 'gateways that are connected learn of it';

REVOKE ALL ON FUNCTION wrk.gateway_receipts(), wrk.receipt_rule_changed() FROM PUBLIC;
