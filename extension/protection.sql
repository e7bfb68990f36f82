-- What protects a table is switched off: a fact of the audit log.

CREATE FUNCTION wrk.protection_disabled(tbl regclass, protection text)
RETURNS bigint
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'wrk_protection_disabled';
COMMENT ON FUNCTION wrk.protection_disabled(regclass, text) IS
'part of wrk.disable_tenancy(), wrk.disable_audit(), wrk.disable_status(), wrk.disable_events() and wrk.disable_access(): appends the fact protection.disabled {protection}, of no tenant, about a table of the caller''s own, and returns its id; NULL and no fact for a temporary table. protection: tenancy, audit, status, events or access. Errors: WK400 bad_request, 42501, 42P01';

-- Called with the rights of whoever owns the table; it can say nothing else than this.
REVOKE ALL ON FUNCTION wrk.protection_disabled(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.protection_disabled(regclass, text) TO PUBLIC;
