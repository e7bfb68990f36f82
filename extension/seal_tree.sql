-- Merkle trees (RFC 6962 section 2.1) of leaves that are given, for trying and testing.

CREATE FUNCTION wrk.merkle_root(leaves bytea[])
RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_merkle_root';
COMMENT ON FUNCTION wrk.merkle_root(bytea[]) IS
'hash of the Merkle tree over these leaves (RFC 6962 section 2.1), 32 bytes. Error: WK400 bad_request for a null leaf';

CREATE FUNCTION wrk.merkle_path(leaves bytea[], index bigint)
RETURNS bytea[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_merkle_path';
COMMENT ON FUNCTION wrk.merkle_path(bytea[], bigint) IS
'audit path of a leaf, counted from 0, in the tree over these (RFC 6962 section 2.1.1), from the leaf upwards. Error: WK400 bad_request if there is no such leaf';

CREATE FUNCTION wrk.merkle_consistency(leaves bytea[], first_size bigint)
RETURNS bytea[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'wrk_merkle_consistency';
COMMENT ON FUNCTION wrk.merkle_consistency(bytea[], bigint) IS
'consistency proof between the tree over the first first_size of these leaves, at least one, and the tree over all (RFC 6962 section 2.1.2). Error: WK400 bad_request for another size';

REVOKE ALL ON FUNCTION wrk.merkle_root(bytea[]), wrk.merkle_path(bytea[], bigint),
	wrk.merkle_consistency(bytea[], bigint) FROM PUBLIC;
