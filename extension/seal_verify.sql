-- Is the audit log still what was sealed?

CREATE FUNCTION wrk.audit_verify(tenant text DEFAULT wrk.tenant_id(), "from" timestamptz DEFAULT NULL,
								 upto timestamptz DEFAULT NULL, OUT ok boolean, OUT seals bigint,
								 OUT rows bigint, OUT unsealed bigint, OUT dropped bigint,
								 OUT problem text, OUT seal bigint, OUT audit_id bigint, OUT detail text)
RETURNS record
LANGUAGE C VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp SET enable_nestloop TO off SET jit TO off
AS 'MODULE_PATHNAME', 'wrk_audit_verify';
COMMENT ON FUNCTION wrk.audit_verify(text, timestamptz, timestamptz) IS
'compares the audit log of a tenant (NULL: of what belongs to none) with its seals, and returns the first thing that does not fit. '
'seals, rows: how many were checked; ok with rows 0: nothing was, because nothing is sealed or no tenant is called so; unsealed: rows that wait for the next wrk.seal(); dropped: rows that retention took away. '
'problem: changed, deleted, inserted or reordered (row audit_id), seal_changed, seal_missing, bad_signature, truncated, tiles_changed or head_changed (seal number seal). '
'from, upto (excluded): only the seals that say they have rows of that time; NULL for both: everything, which trusts nothing but the keys. '
'Whoever owns the keys and all tables can make a new log that fits: keep signed heads elsewhere, see wrk.audit_consistency(). '
'For whoever may read audit_log in the tenant of the identity, wrk_ops and the owner. Error: WK403 forbidden';
REVOKE ALL ON FUNCTION wrk.audit_verify(text, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.audit_verify(text, timestamptz, timestamptz) TO wrk_member, wrk_ops;
