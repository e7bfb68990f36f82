-- Proofs for outsiders; tools/audit-check verifies them without a database.

CREATE FUNCTION wrk.audit_head(tenant text DEFAULT wrk.tenant_id())
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp SET jit TO off
AS 'MODULE_PATHNAME', 'wrk_audit_head';
COMMENT ON FUNCTION wrk.audit_head(text) IS
'the signed head of the last seal of a tenant''s log (NULL: of what belongs to none), for an outsider to keep: {"format", "tenant", "seq", "size", "root", "prev", "rows", "sealed_at" (microseconds since 2000-01-01 UTC), "kid", "signature"}, hashes in hexadecimal, signature in base64url. What is signed: see extension/seal_store.c. Rights as wrk.audit_verify(). Errors: WK403 forbidden, WK404 not_found if nothing is sealed yet';

CREATE FUNCTION wrk.audit_proof(id bigint)
RETURNS jsonb
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp SET jit TO off
AS 'MODULE_PATHNAME', 'wrk_audit_proof';
COMMENT ON FUNCTION wrk.audit_proof(bigint) IS
'what shows an outsider that a row is in the log: {"format", "id", "index" (of its leaf), "leaf" (the row, base64url, format in extension/seal_encode.c), "path" (RFC 6962 section 2.1.1, from the leaf upwards), "seal" (as of wrk.audit_head())}. For whoever may read the row in wrk.audit_log. Error: WK404 not_found for a row that is not sealed, not there or not the caller''s to see';

CREATE FUNCTION wrk.audit_consistency(tenant text, size1 bigint, size2 bigint)
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp SET jit TO off
AS 'MODULE_PATHNAME', 'wrk_audit_consistency';
COMMENT ON FUNCTION wrk.audit_consistency(text, bigint, bigint) IS
'what shows an outsider that the log of size2 leaves begins with that of size1, so nothing was changed in between: {"format", "size1", "size2", "path" (RFC 6962 section 2.1.2), "seal1", "seal2" (the signed heads of these sizes, null if none is)}. Rights as wrk.audit_verify(). Errors: WK400 bad_request for sizes the log never had, WK403 forbidden';
REVOKE ALL ON FUNCTION wrk.audit_head(text), wrk.audit_proof(bigint),
	wrk.audit_consistency(text, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.audit_head(text), wrk.audit_proof(bigint),
	wrk.audit_consistency(text, bigint, bigint) TO wrk_member, wrk_ops;
