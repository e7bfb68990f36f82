-- Merkle trees: the published vectors of RFC 6962's own implementation, and a tree as the RFC
-- defines it, compared for every size around the limits of tiles.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

CREATE FUNCTION pg_temp.inputs(n int) RETURNS bytea[] LANGUAGE sql AS $$
	SELECT coalesce((ARRAY['\x', '\x00', '\x10', '\x2021', '\x3031', '\x40414243', '\x5051525354555657',
		'\x606162636465666768696a6b6c6d6e6f']::bytea[])[:n], '{}')
$$;

-- the root of every size
SELECT n, encode(wrk.merkle_root(pg_temp.inputs(n)), 'hex') AS root FROM generate_series(0, 8) n;

-- paths of leaves
SELECT n AS size, leaf, encode(hash, 'hex') AS path
FROM (VALUES (1, 0), (8, 0), (8, 5), (3, 2), (5, 1)) v (n, leaf)
	LEFT JOIN LATERAL unnest(wrk.merkle_path(pg_temp.inputs(n), leaf)) hash ON true;

-- consistency of two sizes
SELECT a, b, encode(hash, 'hex') AS proof
FROM (VALUES (1, 1), (1, 8), (6, 8), (2, 5), (6, 7)) v (a, b)
	LEFT JOIN LATERAL unnest(wrk.merkle_consistency(pg_temp.inputs(b), a)) hash ON true;

-- what there is not
SELECT pg_temp.refusal(s) FROM unnest(ARRAY[
	$$SELECT wrk.merkle_path('{}', 0)$$,
	$$SELECT wrk.merkle_path('{a,b}', 2)$$,
	$$SELECT wrk.merkle_path('{a,b}', -1)$$,
	$$SELECT wrk.merkle_consistency('{a,b}', 0)$$,
	$$SELECT wrk.merkle_consistency('{a,b}', 3)$$,
	$$SELECT wrk.merkle_root('{a,NULL}')$$]) s;

-- the definitions of section 2.1, word by word, over leaves[a + 1 .. b]
CREATE FUNCTION pg_temp.k(n int) RETURNS int LANGUAGE sql IMMUTABLE AS $$
	SELECT (2 ^ ceil(log(2, n) - 1))::int
$$;
CREATE FUNCTION pg_temp.mth(leaves bytea[], a int, b int) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RETURN CASE b - a WHEN 0 THEN sha256('') WHEN 1 THEN sha256('\x00'::bytea || leaves[b])
		ELSE sha256('\x01'::bytea || pg_temp.mth(leaves, a, a + pg_temp.k(b - a)) || pg_temp.mth(leaves, a + pg_temp.k(b - a), b)) END;
END
$$;
CREATE FUNCTION pg_temp.path(leaves bytea[], m int, a int, b int) RETURNS bytea[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	k int := pg_temp.k(greatest(b - a, 2));
BEGIN
	RETURN CASE WHEN b - a = 1 THEN '{}'
		WHEN m < k THEN pg_temp.path(leaves, m, a, a + k) || pg_temp.mth(leaves, a + k, b)
		ELSE pg_temp.path(leaves, m - k, a + k, b) || pg_temp.mth(leaves, a, a + k) END;
END
$$;
CREATE FUNCTION pg_temp.subproof(leaves bytea[], m int, a int, b int, known boolean) RETURNS bytea[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	k int := pg_temp.k(greatest(b - a, 2));
BEGIN
	RETURN CASE WHEN m = b - a AND known THEN '{}'
		WHEN m = b - a THEN ARRAY[pg_temp.mth(leaves, a, b)]
		WHEN m <= k THEN pg_temp.subproof(leaves, m, a, a + k, known) || pg_temp.mth(leaves, a + k, b)
		ELSE pg_temp.subproof(leaves, m - k, a + k, b, false) || pg_temp.mth(leaves, a, a + k) END;
END
$$;
CREATE TEMP TABLE leaf AS SELECT array_agg(int4send(i) ORDER BY i) AS leaves FROM generate_series(1, 65537) i;

-- every small size with every leaf and every size before it
SELECT count(*) AS cases,
	count(*) FILTER (WHERE wrk.merkle_root(leaves[:n]) IS DISTINCT FROM pg_temp.mth(leaves, 0, n)) AS wrong_roots,
	count(*) FILTER (WHERE wrk.merkle_path(leaves[:n], m - 1) IS DISTINCT FROM pg_temp.path(leaves, m - 1, 0, n)) AS wrong_paths,
	count(*) FILTER (WHERE wrk.merkle_consistency(leaves[:n], m) IS DISTINCT FROM pg_temp.subproof(leaves, m, 0, n, true)) AS wrong_proofs
FROM leaf, generate_series(1, 17) n, generate_series(1, n) m;

-- sizes around full tiles, which have 256 leaves
SELECT n, m, wrk.merkle_root(leaves[:n]) = pg_temp.mth(leaves, 0, n) AS root,
	wrk.merkle_path(leaves[:n], m - 1) = pg_temp.path(leaves, m - 1, 0, n) AS path,
	wrk.merkle_consistency(leaves[:n], m) = pg_temp.subproof(leaves, m, 0, n, true) AS consistency
FROM leaf, (VALUES (255, 255), (256, 1), (256, 255), (257, 256), (257, 257), (511, 256), (512, 300), (513, 512), (1000, 700)) v (n, m);

-- and around one of the level above, which has 65536; an odd one out makes most of it simple
SELECT wrk.merkle_root(leaves) = sha256('\x01'::bytea || many || one) AS root,
	wrk.merkle_path(leaves, 65536) = ARRAY[many] AS path,
	wrk.merkle_consistency(leaves, 65536) = ARRAY[one] AS consistency
FROM (SELECT leaves, pg_temp.mth(leaves, 0, 65536) AS many, pg_temp.mth(leaves, 65536, 65537) AS one FROM leaf OFFSET 0) m;
