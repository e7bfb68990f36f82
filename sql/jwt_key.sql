-- Stored keys: import, what they vouch for, rotation, and that nobody reads them.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;

-- The keys below are published examples (RFC 7515 appendix A, RFC 8037 appendix A) and made for
-- this test: none of them is a secret.
CREATE TEMP TABLE test_key (alg text PRIMARY KEY, jwk jsonb);
INSERT INTO test_key SELECT alg, jwk || jsonb_build_object('alg', alg, 'kid', 'key-' || alg)
FROM (VALUES
('{HS256,HS384,HS512}'::text[], '{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}'::jsonb),
('{RS256,RS384,RS512,PS256}', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"}'),
('{ES256}', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}'),
('{ES384}', '{"kty":"EC","crv":"P-384","x":"J5ey68H40TXZWRtjDlkCdKq8cEzAjsWIxuNq-zdpS0fXNxNxRLxHXrD9LMNADn5m","y":"dx9zW__4MuKhrYKpxBxWqJONi8qBg_a2HSdGxhFfJi8c2pgfCSFHMgLyU-A8xArj","d":"SF_zXyTQFXQevj_vdbDCcFVtRkhcl8nC_EYnE1KDCIflE_dKLWVx1o1efPC-xrV_"}'),
('{EdDSA}', '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}')) v (algs, jwk), unnest(algs) alg;

CREATE FUNCTION pg_temp.who(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	who jsonb;
BEGIN
	who := wrk.authenticate(token);
	RETURN concat_ws(' ', who ->> 'tenant_id', coalesce(who ->> 'user_id', '-'), who -> 'roles', coalesce(who ->> 'session_id', '-'), who ->> 'actor');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.claims(more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT '{"sub": "u1", "tenant_id": "t1", "roles": ["client"], "exp": 4102444800}' || more
$$;

-- Without keys nothing authenticates.
SELECT pg_temp.who(wrk.jwt_sign(pg_temp.claims(), jwk)) FROM test_key WHERE alg = 'HS256';

-- A set of keys comes in at once, and a token of each algorithm authenticates.
SELECT wrk.jwt_key_import(jsonb_build_object('keys', jsonb_agg(jwk))) FROM test_key ORDER BY 1;
SELECT alg, pg_temp.who(wrk.jwt_sign(pg_temp.claims(), jwk)) AS identity FROM test_key ORDER BY alg;
SELECT kid, issuer, alg, audience, claims, leeway, retire_at, active FROM wrk.jwt_key_list();

-- Private halves are not stored.
SELECT kid, jwk ->> 'kty' AS kty, array_agg(member ORDER BY member) AS members
FROM wrk.jwt_key, jsonb_object_keys(jwk) member GROUP BY kid, jwk ORDER BY kid;

-- What is in the claims: session from sid else jti; roles missing, one, many; nothing of the wrong type.
SELECT c AS claims, pg_temp.who(wrk.jwt_sign(pg_temp.claims(c), jwk)) AS identity
FROM test_key, unnest(ARRAY['{"sid": "s1", "jti": "j1"}', '{"jti": "j1"}', '{"roles": ["a", "b"]}', '{"roles": []}', '{"roles": "client"}',
	'{"roles": {"client": true}}', '{"roles": [1]}', '{"roles": [null]}', '{"roles": null}', '{"tenant_id": ""}', '{"tenant_id": 7}', '{"tenant_id": null}',
	'{"sub": null}', '{"sub": ""}', '{"sub": 7}', '{"sid": 7}', '{"sid": null}', '{"aud": "somebody"}', '{"aud": []}', '{"iss": "anybody"}', '{"iss": 7}',
	'{"exp": 1}', '{"nbf": 4102444000}', '{"iat": 4102444000}', '{"tenant_id": "t\u001f1"}']::jsonb[]) c
WHERE alg = 'HS256';
SELECT pg_temp.who(wrk.jwt_sign(pg_temp.claims() - 'tenant_id', jwk)), pg_temp.who(wrk.jwt_sign(pg_temp.claims() - 'sub', jwk)),
	pg_temp.who(wrk.jwt_sign(pg_temp.claims() - 'roles', jwk)), pg_temp.who(wrk.jwt_sign(pg_temp.claims() - 'exp', jwk))
FROM test_key WHERE alg = 'HS256';

-- Unknown key, wrong algorithm and wrong signature get the same answer.
SELECT pg_temp.who(wrk.jwt_sign(pg_temp.claims(), jwk || '{"kid": "nobody"}')) AS unknown,
	pg_temp.who(wrk.jwt_sign(pg_temp.claims(), jwk || '{"kid": "key-HS512"}')) AS other_algorithm,
	pg_temp.who(wrk.jwt_sign(pg_temp.claims(), '{"kty": "oct", "kid": "key-HS256", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}')) AS other_secret
FROM test_key WHERE alg = 'HS256';
-- The algorithm of a stored key is fixed: what the same material signs otherwise is refused.
SELECT alg, pg_temp.who(wrk.jwt_sign(pg_temp.claims(), jwk - 'alg' || '{"kid": "key-RS256"}', alg)) FROM test_key WHERE jwk ->> 'kty' = 'RSA' ORDER BY alg;

-- Without kid only an algorithm that exactly one active key has.
SELECT pg_temp.who(wrk.jwt_sign(pg_temp.claims(), jwk - 'kid')) FROM test_key WHERE alg = 'ES256';
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "second"}');
SELECT pg_temp.who(wrk.jwt_sign(pg_temp.claims(), jwk - 'kid')) FROM test_key WHERE alg = 'HS256';
SELECT wrk.jwt_key_retire('second');
SELECT pg_temp.who(wrk.jwt_sign(pg_temp.claims(), jwk - 'kid')) FROM test_key WHERE alg = 'HS256';

-- Rotation: the new key beside the old, then the old one retired, at once or at a time.
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA", "kid": "new"}');
SELECT wrk.jwt_sign(pg_temp.claims(), jwk) AS old_token FROM test_key WHERE alg = 'HS256' \gset
SELECT wrk.jwt_sign(pg_temp.claims(), '{"kty": "oct", "k": "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA", "kid": "new"}') AS new_token \gset
SELECT pg_temp.who(:'old_token') AS old, pg_temp.who(:'new_token') AS new;
SELECT wrk.jwt_key_retire('key-HS256', now() + '1 hour');
SELECT pg_temp.who(:'old_token') AS old, pg_temp.who(:'new_token') AS new;
SELECT wrk.jwt_key_retire('key-HS256');
SELECT pg_temp.who(:'old_token') AS old, pg_temp.who(:'new_token') AS new;
SELECT wrk.jwt_key_retire('no such key');
-- The same kid with other material replaces it.
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCA", "kid": "new"}');
SELECT pg_temp.who(:'new_token') AS replaced;
-- A retired key that is imported again is active again.
SELECT wrk.jwt_key_import(jwk) FROM test_key WHERE alg = 'HS256';
SELECT pg_temp.who(:'old_token') AS old;

-- What a transaction undoes was never there, in its own cache neither.
BEGIN;
SELECT wrk.jwt_key_retire('key-HS256');
SELECT pg_temp.who(:'old_token') AS within;
ROLLBACK;
SELECT pg_temp.who(:'old_token') AS after_rollback;
BEGIN;
SAVEPOINT s;
TRUNCATE wrk.jwt_key;
SELECT pg_temp.who(:'old_token') AS within;
ROLLBACK TO s;
SELECT pg_temp.who(:'old_token') AS after_rollback;
COMMIT;
-- A change by replication or pg_restore is seen too.
SET session_replication_role = replica;
DELETE FROM wrk.jwt_key WHERE kid = 'key-HS256';
RESET session_replication_role;
SELECT pg_temp.who(:'old_token') AS deleted;

TRUNCATE wrk.jwt_key;

-- Issuer, audience, claim names and leeway belong to the key.
CREATE FUNCTION pg_temp.identity(claims jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN wrk.authenticate(wrk.jwt_sign(claims || '{"exp": 4102444800}', '{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "k"}')) - '{via,actor,expires_at}'::text[];
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "k"}', issuer => 'https://id.example', audience => '{app,api}',
	claims => '{"tenant_id": ["app_metadata", "tenant_id"], "roles": ["realm_access", "roles"], "user_id": "https://id.example/user", "session_id": "session"}');
SELECT pg_temp.identity('{"iss": "https://id.example", "aud": "app", "app_metadata": {"tenant_id": "t1"}, "realm_access": {"roles": ["ops"]}, "https://id.example/user": "u1", "session": "s1", "sid": "not this", "sub": "nor this"}');
SELECT c ->> 'iss' AS iss, c ->> 'aud' AS aud, pg_temp.identity(c || '{"app_metadata": {"tenant_id": "t1"}, "https://id.example/user": "u1"}')
FROM unnest(ARRAY['{"iss": "https://id.example", "aud": "api"}', '{"iss": "https://id.example", "aud": ["x", "api"]}', '{"iss": "https://id.example", "aud": ["x"]}', '{"iss": "https://id.example", "aud": "x"}',
	'{"iss": "https://id.example", "aud": []}', '{"iss": "https://id.example", "aud": 1}', '{"iss": "https://id.example", "aud": ["api", 1]}', '{"iss": "https://id.example", "aud": null}', '{"iss": "https://id.example"}',
	'{"iss": "https://id.example/", "aud": "api"}', '{"aud": "api"}']::jsonb[]) c;
SELECT pg_temp.identity('{"iss": "https://id.example", "aud": "app", "tenant_id": "t1", "https://id.example/user": "u1"}') AS not_where_it_should_be,
	pg_temp.identity('{"iss": "https://id.example", "aud": "app", "app_metadata": "t1", "https://id.example/user": "u1"}') AS not_an_object;
-- A service has no user when the key says so.
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "k"}', issuer => 'https://id.example', claims => '{"user_id": null, "roles": null, "session_id": null}');
SELECT pg_temp.identity('{"iss": "https://id.example", "tenant_id": "t1", "sub": "u1", "roles": ["admin"], "jti": "j"}');
-- Two issuers may use the same kid: the issuer of the token decides, and each key has its own rules.
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "k"}', issuer => 'https://two.example', claims => '{"user_id": "org"}');
SELECT pg_temp.identity('{"iss": "https://two.example", "tenant_id": "t1", "org": "o1", "sub": "u1"}') AS two,
	pg_temp.identity('{"iss": "https://id.example", "tenant_id": "t1", "org": "o1", "sub": "u1"}') AS one,
	pg_temp.identity('{"iss": "https://three.example", "tenant_id": "t1", "org": "o1", "sub": "u1"}') AS three, pg_temp.identity('{"tenant_id": "t1", "org": "o1", "sub": "u1"}') AS none;
SELECT wrk.jwt_key_retire('k', issuer => 'https://two.example');
SELECT kid, issuer, active FROM wrk.jwt_key_list();
-- Leeway: what has just expired, or is not valid for another moment. The identity ends when the leeway does.
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA", "kid": "l"}', leeway => '60 s');
SELECT what, left(pg_temp.refusal(format('SELECT wrk.authenticate(%L)', wrk.jwt_sign('{"sub": "u1", "tenant_id": "t1", "exp": 4102444800}' || c, '{"kty": "oct", "k": "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA", "kid": "l"}'))), 5) AS refused
FROM (SELECT floor(extract(epoch FROM clock_timestamp()))) now (s), LATERAL (VALUES
	('expired within leeway', jsonb_build_object('exp', s - 30)), ('expired', jsonb_build_object('exp', s - 61)),
	('early within leeway', jsonb_build_object('nbf', s + 30)), ('early', jsonb_build_object('nbf', s + 90)),
	('issued within leeway', jsonb_build_object('iat', s + 30)), ('issued later', jsonb_build_object('iat', s + 90))) v (what, c);
SELECT wrk.authenticate(wrk.jwt_sign('{"sub": "u1", "tenant_id": "t1", "exp": 4102444800}', '{"kty": "oct", "k": "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA", "kid": "l"}')) ->> 'expires_at' AS expires_at;

-- The end may be in another claim; exp, when it is there, holds as well.
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA", "kid": "l"}', claims => '{"expires_at": ["session", "until"]}');
SELECT c AS claims, pg_temp.refusal(format('SELECT wrk.authenticate(%L)', wrk.jwt_sign('{"sub": "u1", "tenant_id": "t1"}' || c, '{"kty": "oct", "k": "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA", "kid": "l"}'))) AS refused
FROM unnest(ARRAY['{"session": {"until": 4102444800}}', '{"session": {"until": 1}}', '{"exp": 4102444800}', '{"exp": 1, "session": {"until": 4102444800}}']::jsonb[]) c;

-- Importing: names for keys without one, other keys of a set left out, all or nothing.
TRUNCATE wrk.jwt_key;
SELECT wrk.jwt_key_import('{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}') AS rfc_8037_a_3_thumbprint;
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}') = wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}') AS same_name_again;
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', kid => 'mine');
TRUNCATE wrk.jwt_key;
SET client_min_messages = notice;
SELECT wrk.jwt_key_import('{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
	{"kty": "EC", "crv": "P-256", "kid": "b", "use": "enc", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
	{"kty": "AKP", "kid": "c", "pub": "AA"}]}', issuer => 'i');
SELECT wrk.jwt_key_import('{"keys": [{"kty": "EC", "crv": "P-256", "kid": "d", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}', issuer => 'i', retire_missing => true);
SET client_min_messages = warning;
SELECT kid, issuer, alg, active FROM wrk.jwt_key_list();
SELECT r AS refused, s AS import FROM unnest(ARRAY[
	$$'{"keys": []}'$$, $$'{"keys": {}}'$$, $$'{}'$$, $$'[]'$$, $$NULL$$, $$'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "short"}]}'$$,
	$$'{"keys": []}', kid => 'x'$$, $$'{"keys": []}', retire_missing => true$$,
	$$'{"kty": "oct", "k": "AAAA"}'$$, $$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', alg => 'HS512'$$,
	$$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', alg => 'RS256'$$,
	$$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', leeway => '61 s'$$, $$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', leeway => '-1 s'$$,
	$$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', audience => '{}'$$, $$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', audience => '{NULL}'$$,
	$$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', claims => '{"tenant": "org"}'$$, $$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', claims => '{"tenant_id": null}'$$,
	$$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', claims => '{"tenant_id": []}'$$, $$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', claims => '{"roles": [1]}'$$,
	$$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', claims => '[]'$$, $$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', claims => NULL$$,
	$$'{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}', kid => E'a\x1fb'$$]) s, pg_temp.refusal(format('SELECT wrk.jwt_key_import(%s)', s)) r;
SELECT kid FROM wrk.jwt_key_list() WHERE kid = 'short';

-- Nobody but the owner reads keys, sees the list, or mints identities by importing one.
SELECT r, f, has_function_privilege(r, f, 'EXECUTE') AS may
FROM unnest('{wrk_member,wrk_ops,wrk_service,wrk_gateway}'::text[]) r,
	(SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'wrk'::regnamespace AND proname LIKE 'jwt\_key%') p (f)
WHERE has_function_privilege(r, f, 'EXECUTE');
SELECT r AS role, pg_temp.refusal(format('SET LOCAL ROLE %I; SELECT * FROM wrk.jwt_key', r)) AS reading,
	pg_temp.refusal(format('SET LOCAL ROLE %I; INSERT INTO wrk.jwt_key (kid, alg, jwk) VALUES (1, 2, ''{}'')', r)) AS writing,
	pg_temp.refusal(format('SET LOCAL ROLE %I; SELECT wrk.jwt_key_import(''{}'')', r)) AS importing
FROM unnest('{wrk_member,wrk_ops,wrk_service,wrk_gateway}'::text[]) r;
-- Whoever is granted the functions can use them without being able to read the table.
CREATE ROLE regress_key_keeper;
GRANT EXECUTE ON FUNCTION wrk.jwt_key_import(jsonb, text, text[], jsonb, interval, text, text, boolean), wrk.jwt_key_list() TO regress_key_keeper;
SET ROLE regress_key_keeper;
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "kept"}');
SELECT kid FROM wrk.jwt_key_list() WHERE kid = 'kept';
SELECT jwk FROM wrk.jwt_key;
RESET ROLE;
DROP OWNED BY regress_key_keeper;
DROP ROLE regress_key_keeper;
-- A member authenticates with a key it cannot read, whatever its search_path holds.
SELECT wrk.jwt_sign('{"sub": "u1", "tenant_id": "t1", "exp": 4102444800}', '{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "kept"}') AS token \gset
\c
CREATE TEMP TABLE jwt_key (LIKE wrk.jwt_key);
SET search_path = pg_temp, wrk;
SET ROLE wrk_member;
BEGIN;
SELECT wrk.authenticate(:'token') ->> 'actor' AS actor;
SELECT count(*) FROM wrk.jwt_key;
ROLLBACK;
RESET ROLE;
RESET search_path;
TRUNCATE wrk.jwt_key;

-- Keys that come, change and go are facts of no tenant; a set that is the same as before is none.
SELECT coalesce(max(id), 0) AS start FROM wrk.audit_log \gset
PREPARE facts AS SELECT action, tenant_id, resource_id, metadata - 'retire_at' AS metadata, metadata ? 'retire_at' AS retires
	FROM wrk.audit_log WHERE id > $1 AND resource_type = 'jwt_key' ORDER BY id;
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "s"}', 'idp', '{app}',
	'{"user_id": null}', '5 s');
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "s"}', 'idp', '{app}',
	'{"user_id": null}', '5 s');
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "s"}', 'idp', '{app}',
	'{"user_id": null}', '5 s');
SELECT wrk.jwt_key_retire('s'), wrk.jwt_key_retire('s', NULL), wrk.jwt_key_retire('none');
SELECT wrk.jwt_key_retire('s', '2099-01-01 UTC');
SELECT wrk.jwt_key_import('{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "e",
	"d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}', 'idp', '{app}', retire_missing => true);
SELECT wrk.jwt_key_import('{"kty": "oct", "k": "AAAA", "kid": "short"}');
EXECUTE facts(:start);
-- whatever the key, its material is not among them
SELECT count(*) FROM wrk.audit_log l WHERE to_jsonb(l)::text ~ '[AB]AAAAAAAAAAA|nWGxne|11qYAYK';
TRUNCATE wrk.jwt_key;
