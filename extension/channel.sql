-- Channels: what a client may name, and who may join.

CREATE TABLE wrk.channel_rule (
	pattern text PRIMARY KEY CHECK (pattern ~ '^[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*)*:\{id\}$'
		AND pattern !~ '^(tenant|user|entity|global|me|presence):'),
	authorizer text NOT NULL,
	description text
);
COMMENT ON TABLE wrk.channel_rule IS
'channels of the application beside the engine''s own (tenant, user, me, entity, audit, presence, global)';
COMMENT ON COLUMN wrk.channel_rule.pattern IS 'name with a placeholder at its end, such as project:{id}';
COMMENT ON COLUMN wrk.channel_rule.authorizer IS
'function (id text) returns text[]: rights of the identity in the channel (read, publish), NULL or empty for no such channel; called as wrk_member, so it must be executable by that role';
CREATE TRIGGER function_name BEFORE INSERT OR UPDATE ON wrk.channel_rule
	FOR EACH ROW EXECUTE FUNCTION wrk.function_name('authorizer');
COMMENT ON TRIGGER function_name ON wrk.channel_rule IS 'keeps the full name of a function that is there';
SELECT pg_catalog.pg_extension_config_dump('wrk.channel_rule', '');
REVOKE ALL ON wrk.channel_rule FROM PUBLIC;

CREATE FUNCTION wrk.channel_resolve(channel text)
RETURNS jsonb
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_channel_resolve';
COMMENT ON FUNCTION wrk.channel_resolve(text) IS
'what a channel name means for the identity of this transaction: {channel: canonical name, as: short name, can: [rights], presence: canonical name of the channel that says who is there, for the tenant''s and for resources}. presence:{type}/{id} is that of {type}:{id} and may be joined by whoever may read this; presence:tenant says who is there at all. Errors: WK401 unauthorized, WK404 not_found (no such channel, or not for this identity), WK400 and WK413 for names that are none';
GRANT EXECUTE ON FUNCTION wrk.channel_resolve(text) TO PUBLIC;
