-- Seals: hashes of what the audit log says, in a chain that shows every later change.
--
-- Each tenant's rows are the leaves of a Merkle tree (RFC 6962). Now and then
-- wrk.seal() appends what was committed since, and signs the new root.

CREATE TABLE wrk.audit_seal (
	tenant_id text COLLATE "C" NOT NULL,
	seq bigint NOT NULL,
	first_leaf bigint NOT NULL,
	size bigint NOT NULL,
	ids bigint[] NOT NULL,
	min_id bigint NOT NULL,
	max_id bigint NOT NULL,
	from_at timestamptz NOT NULL,
	upto_at timestamptz NOT NULL,
	root bytea NOT NULL,
	prev bytea NOT NULL,
	sealed_at timestamptz NOT NULL,
	kid text NOT NULL,
	signature bytea NOT NULL,
	PRIMARY KEY (tenant_id, seq),
	UNIQUE (tenant_id, size)
);
ALTER TABLE wrk.audit_seal ALTER COLUMN root SET STORAGE PLAIN, ALTER COLUMN prev SET STORAGE PLAIN;
COMMENT ON TABLE wrk.audit_seal IS 'seals of the audit log, a chain for each tenant; appended to by wrk.seal(), changed by nobody';
COMMENT ON COLUMN wrk.audit_seal.tenant_id IS 'tenant, empty for what belongs to none';
COMMENT ON COLUMN wrk.audit_seal.seq IS 'number in the chain, from 1';
COMMENT ON COLUMN wrk.audit_seal.first_leaf IS 'index, from 0, of the first leaf it adds';
COMMENT ON COLUMN wrk.audit_seal.size IS 'leaves of the log with it';
COMMENT ON COLUMN wrk.audit_seal.ids IS 'ids of the rows it adds, in the order of the leaves';
COMMENT ON COLUMN wrk.audit_seal.from_at IS 'smallest created_at of its rows';
COMMENT ON COLUMN wrk.audit_seal.upto_at IS 'greatest created_at of its rows';
COMMENT ON COLUMN wrk.audit_seal.root IS 'hash of the tree over all leaves so far';
COMMENT ON COLUMN wrk.audit_seal.prev IS 'SHA-256 of the signed head before, zeros for the first';
COMMENT ON COLUMN wrk.audit_seal.kid IS 'key that signed it, of wrk.seal_key';
COMMENT ON COLUMN wrk.audit_seal.signature IS 'of the head: format, tenant, seq, size, root, prev, SHA-256 of from_at, upto_at and ids, sealed_at, kid';
CREATE INDEX audit_seal_id_idx ON wrk.audit_seal (tenant_id, max_id);
COMMENT ON INDEX wrk.audit_seal_id_idx IS 'seal of a row';

CREATE TABLE wrk.audit_tile (
	tenant_id text COLLATE "C" NOT NULL,
	level smallint NOT NULL,
	tile bigint NOT NULL,
	hashes bytea NOT NULL,
	PRIMARY KEY (tenant_id, level, tile)
);
ALTER TABLE wrk.audit_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
COMMENT ON TABLE wrk.audit_tile IS
'nodes of the trees of logs, 256 neighbours of a height in a row; so a proof reads a few rows only';
COMMENT ON COLUMN wrk.audit_tile.level IS 'height of the nodes divided by 8; 0: leaves';
COMMENT ON COLUMN wrk.audit_tile.tile IS 'index of the first node, divided by 256';
COMMENT ON COLUMN wrk.audit_tile.hashes IS '256 hashes of 32 bytes';

CREATE TABLE wrk.audit_head (
	tenant_id text COLLATE "C" PRIMARY KEY,
	seq bigint NOT NULL,
	size bigint NOT NULL,
	hash bytea NOT NULL,
	tail bytea NOT NULL
);
ALTER TABLE wrk.audit_head ALTER COLUMN tail SET STORAGE EXTERNAL;
COMMENT ON TABLE wrk.audit_head IS 'where each log has got to; everything in it follows from its seals and tiles';
COMMENT ON COLUMN wrk.audit_head.seq IS 'number of the last seal';
COMMENT ON COLUMN wrk.audit_head.size IS 'leaves of the log';
COMMENT ON COLUMN wrk.audit_head.hash IS 'SHA-256 of the last signed head';
COMMENT ON COLUMN wrk.audit_head.tail IS 'nodes after the last full tile of each level, level 0 first';

CREATE TABLE wrk.seal_state (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	seen pg_snapshot
);
INSERT INTO wrk.seal_state VALUES (true, NULL);
COMMENT ON TABLE wrk.seal_state IS
'what wrk.seal() has seen of this server. Not dumped: transaction ids mean nothing elsewhere';
COMMENT ON COLUMN wrk.seal_state.seen IS
'what committed in it is sealed; NULL, as after a restore: what is in no seal is not';
REVOKE ALL ON wrk.audit_seal, wrk.audit_tile, wrk.audit_head, wrk.seal_state FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('wrk.audit_seal', '');
SELECT pg_catalog.pg_extension_config_dump('wrk.audit_tile', '');
SELECT pg_catalog.pg_extension_config_dump('wrk.audit_head', '');

-- append-only, also for who plays the part of a replica
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON wrk.audit_seal
	FOR EACH STATEMENT EXECUTE FUNCTION wrk.audit_refuse_change();
COMMENT ON TRIGGER append_only ON wrk.audit_seal IS 'nobody changes a seal';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON wrk.audit_tile
	FOR EACH STATEMENT EXECUTE FUNCTION wrk.audit_refuse_change();
COMMENT ON TRIGGER append_only ON wrk.audit_tile IS 'nobody changes a full tile';
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON wrk.audit_head
	FOR EACH STATEMENT EXECUTE FUNCTION wrk.audit_refuse_change();
COMMENT ON TRIGGER append_only ON wrk.audit_head IS 'no log is forgotten';
ALTER TABLE wrk.audit_seal ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE wrk.audit_tile ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE wrk.audit_head ENABLE ALWAYS TRIGGER append_only;

-- Auditors see the seals of their tenant, operations all.
ALTER TABLE wrk.audit_seal ENABLE ROW LEVEL SECURITY;
CREATE POLICY auditors ON wrk.audit_seal FOR SELECT TO wrk_member
	USING (tenant_id = (SELECT wrk.tenant_id()) AND (SELECT wrk.can('read', 'audit_log')));
COMMENT ON POLICY auditors ON wrk.audit_seal IS
'whoever has permission to read audit_log sees the seals of the own tenant';
CREATE POLICY operations ON wrk.audit_seal FOR SELECT TO wrk_ops USING (true);
COMMENT ON POLICY operations ON wrk.audit_seal IS 'operations staff see all seals';
GRANT SELECT ON wrk.audit_seal TO wrk_member, wrk_ops;

-- After a restore everything is compared with all ids that are sealed.
CREATE FUNCTION wrk.seal(max_rows integer DEFAULT 100000)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp SET enable_nestloop TO off SET jit TO off
AS 'MODULE_PATHNAME', 'wrk_seal';
COMMENT ON FUNCTION wrk.seal(integer) IS
'seals what was committed to the audit log since the last time, and returns how many rows; NULL at once if somebody else is sealing. About max_rows, from 1: a transaction''s rows stay together, and what is left is for the next time. A tenant''s rows become one seal, or several of 65536. Rows of the transaction that asks are sealed by a later one. Nobody who writes waits for it. Run by the background worker. Errors: WK400 bad_request, WK503 unavailable (the last seal of a log is not there or does not fit: a restore that is not complete, or tampering, see wrk.audit_verify()), 55000 outside of read committed';

CREATE FUNCTION wrk.seal_step()
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path TO pg_catalog, pg_temp
AS $$
	SELECT wrk.seal()
$$;
COMMENT ON FUNCTION wrk.seal_step() IS 'wrk.seal(), as wrk.maintenance runs it';
REVOKE ALL ON FUNCTION wrk.seal(integer), wrk.seal_step() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wrk.seal(integer) TO wrk_service;
SELECT wrk.maintenance_register('wrk.seal', 'wrk.seal_step()', '5 seconds');
