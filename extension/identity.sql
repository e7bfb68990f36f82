-- Who is asking: the verified identity of this transaction.

CREATE FUNCTION wrk.authenticate(token text)
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_authenticate';
COMMENT ON FUNCTION wrk.authenticate(text) IS
'verifies a JWT or an API key (wrk_<env>_<id>_<secret>) and makes it the identity of this transaction; returns the identity as wrk.identity() does. A session that wrk.session_revoke() has ended and who wrk.suspend() has suspended are refused; an API key with scopes is good for calls within them (wrk.rpc_call()) and nothing else. Errors: WK401 unauthorized, WK4E1 token_expired, WK4E2 session_revoked (ended, or an API key that was revoked), WK403 forbidden (suspended, or another tenant in this transaction)';

CREATE FUNCTION wrk.impersonate(tenant_id text, user_id text, roles text[] DEFAULT '{}')
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_impersonate';
COMMENT ON FUNCTION wrk.impersonate(text, text, text[]) IS
'makes tenant, user (NULL for a service itself) and roles the identity of this transaction without a credential; for members of wrk_service, written to the server log and, unless the transaction is read-only, recorded as identity.impersonated. Errors: 42501 for anybody else, WK403 forbidden (another tenant in this transaction)';
REVOKE ALL ON FUNCTION wrk.impersonate(text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.impersonate(text, text, text[]) TO wrk_service;

CREATE FUNCTION wrk.tenant_id()
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF COST 1
AS 'MODULE_PATHNAME', 'wrk_tenant_id';
COMMENT ON FUNCTION wrk.tenant_id() IS
'tenant of the identity of this transaction, NULL for nobody. Error: WK4E1 token_expired';

CREATE FUNCTION wrk.user_id()
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF COST 1
AS 'MODULE_PATHNAME', 'wrk_user_id';
COMMENT ON FUNCTION wrk.user_id() IS
'user of the identity of this transaction, NULL for nobody and for a service without a user. Error: WK4E1 token_expired';

CREATE FUNCTION wrk.session_id()
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF COST 1
AS 'MODULE_PATHNAME', 'wrk_session_id';
COMMENT ON FUNCTION wrk.session_id() IS
'session (claim sid, else jti) of the identity of this transaction, NULL if it has none. Error: WK4E1 token_expired';

CREATE FUNCTION wrk.roles()
RETURNS text[]
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF COST 1
AS 'MODULE_PATHNAME', 'wrk_roles';
COMMENT ON FUNCTION wrk.roles() IS
'roles of the identity of this transaction, NULL for nobody. Error: WK4E1 token_expired';

CREATE FUNCTION wrk.has_role(role text)
RETURNS boolean
LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 1
AS 'MODULE_PATHNAME', 'wrk_has_role';
COMMENT ON FUNCTION wrk.has_role(text) IS
'whether the identity of this transaction has the role; false for nobody. Error: WK4E1 token_expired';

CREATE FUNCTION wrk.identity()
RETURNS jsonb
LANGUAGE C STABLE PARALLEL SAFE LEAKPROOF
AS 'MODULE_PATHNAME', 'wrk_identity';
COMMENT ON FUNCTION wrk.identity() IS
'identity of this transaction as {tenant_id, user_id, session_id, roles, via, actor, expires_at (unix seconds), and scopes of an API key that has some}, NULL for nobody. Error: WK4E1 token_expired';

-- Meant for everyone: a policy evaluates the readers with the rights of whoever
-- queries the table, and a credential is its own permission.
GRANT EXECUTE ON FUNCTION wrk.authenticate(text), wrk.tenant_id(), wrk.user_id(), wrk.session_id(),
	wrk.roles(), wrk.has_role(text), wrk.identity() TO PUBLIC;
