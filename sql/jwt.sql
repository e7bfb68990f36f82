-- Verifying and signing with the key as an argument.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;

-- The keys below are published examples (RFC 7515 appendix A, RFC 7520 section 3.4,
-- RFC 8037 appendix A) and one made for this test: none of them is a secret.
CREATE TEMP TABLE test_key (name text PRIMARY KEY, jwk jsonb);
INSERT INTO test_key VALUES
('oct', '{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}'),
('rsa', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"}'),
('rsa7520', '{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}'),
('p256', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}'),
('p384', '{"kty":"EC","crv":"P-384","x":"J5ey68H40TXZWRtjDlkCdKq8cEzAjsWIxuNq-zdpS0fXNxNxRLxHXrD9LMNADn5m","y":"dx9zW__4MuKhrYKpxBxWqJONi8qBg_a2HSdGxhFfJi8c2pgfCSFHMgLyU-A8xArj","d":"SF_zXyTQFXQevj_vdbDCcFVtRkhcl8nC_EYnE1KDCIflE_dKLWVx1o1efPC-xrV_"}'),
('p521', '{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2","d":"AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C"}'),
('ed25519', '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}');

-- SQLSTATE and message of what a statement is refused with, NULL if it is not
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- The published examples verify, with the whole key and with its public half.
CREATE TEMP TABLE example (name text, key text, token text);
INSERT INTO example VALUES
('RFC 7515 A.1 HS256', 'oct', 'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'),
('RFC 7515 A.2 RS256', 'rsa', 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw'),
('RFC 7515 A.3 ES256', 'p256', 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q'),
('RFC 7515 A.4 ES512', 'p521', 'eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn'),
('RFC 7520 4.2 PS384', 'rsa7520', 'eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw'),
('RFC 8037 A.4 EdDSA', 'ed25519', 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg');

SELECT e.name, convert_from(wrk.jws_verify(e.token, k.jwk - 'd'), 'UTF8') AS payload
FROM example e JOIN test_key k ON k.name = e.key ORDER BY e.name;
SELECT e.name, wrk.jws_verify(e.token, k.jwk) = wrk.jws_verify(e.token, k.jwk - 'd') AS same
FROM example e JOIN test_key k ON k.name = e.key ORDER BY e.name;
-- As a JWT the first has expired.
SELECT pg_temp.refusal(format('SELECT wrk.jwt_verify(%L, %L)', token, jwk)) FROM example, test_key
WHERE example.name LIKE '%A.1%' AND test_key.name = 'oct';

-- HMAC and EdDSA sign the same way every time.
SELECT wrk.jwt_sign('{"a": 1}', jwk) FROM test_key WHERE name IN ('oct', 'ed25519') ORDER BY name;

-- Every algorithm signs and verifies; its name ends up in the header.
CREATE TEMP TABLE algorithm (alg text, key text);
INSERT INTO algorithm VALUES
('HS256', 'oct'), ('HS384', 'oct'), ('HS512', 'oct'), ('RS256', 'rsa'), ('RS384', 'rsa'), ('RS512', 'rsa'),
('PS256', 'rsa'), ('PS384', 'rsa'), ('PS512', 'rsa'), ('ES256', 'p256'), ('ES384', 'p384'),
('ES512', 'p521'), ('EdDSA', 'ed25519');
CREATE FUNCTION pg_temp.header(token text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT convert_from(decode(rpad(translate(h, '-_', '+/'), (length(h) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb
	FROM split_part(token, '.', 1) h
$$;
SELECT alg, wrk.jwt_verify(token, jwk - 'd') AS claims, pg_temp.header(token) AS header
FROM algorithm JOIN test_key ON name = key,
	 wrk.jwt_sign('{"sub": "ünïcode", "exp": 4102444800}', jwk || '{"kid": "k\"1"}', alg) token
ORDER BY alg;

-- No algorithm verifies what another one signed: nothing is left.
SELECT s.alg, v.alg FROM algorithm s JOIN test_key sk ON sk.name = s.key,
	wrk.jwt_sign('{"exp": 4102444800}', sk.jwk, s.alg) token,
	algorithm v JOIN test_key vk ON vk.name = v.key
WHERE s.alg <> v.alg AND
	pg_temp.refusal(format('SELECT wrk.jwt_verify(%L, %L)', token, vk.jwk || jsonb_build_object('alg', v.alg))) NOT LIKE 'WK401 token signature%' IS NOT FALSE;

-- A key without "alg" allows what fits its type, curve and length, and nothing else.
SELECT k.name, array_agg(a.alg ORDER BY a.alg) AS signs_with
FROM test_key k JOIN algorithm a
	ON pg_temp.refusal(format('SELECT wrk.jwt_sign(%L, %L, %L)', '{}', k.jwk, a.alg)) IS NULL
GROUP BY k.name ORDER BY k.name;
SELECT pg_temp.refusal(format('SELECT wrk.jwt_sign(%L, %L, %L)', '{}', k.jwk, a)), a
FROM test_key k, unnest('{HS256,HS384,HS512}'::text[]) a WHERE k.name = 'rsa';
SELECT a, pg_temp.refusal(format('SELECT wrk.jwt_sign(%L, %L, %L)', '{}', jsonb_build_object('kty', 'oct', 'k', repeat('A', 44)), a))
FROM unnest('{HS256,HS384,HS512}'::text[]) a;

-- Without alg the key decides.
SELECT name, pg_temp.header(wrk.jwt_sign('{}', jwk)) ->> 'alg' AS alg FROM test_key WHERE name <> 'rsa7520' ORDER BY name;

-- What cannot sign says so.
SELECT pg_temp.refusal(format('SELECT wrk.jwt_sign(%L, %L)', '{}', jwk)) FROM test_key WHERE name = 'rsa7520';
SELECT pg_temp.refusal(format('SELECT wrk.jwt_sign(%L, %L)', '[]', jwk)) FROM test_key WHERE name = 'oct';
SELECT pg_temp.refusal(format('SELECT wrk.jwt_sign(%L, %L, %L)', '{}', jwk, 'none')) FROM test_key WHERE name = 'oct';

-- NULL is refused, not answered with NULL.
SELECT pg_temp.refusal('SELECT wrk.jws_verify(NULL, ''{}'')'), pg_temp.refusal('SELECT wrk.jwt_verify(''a.b.c'', NULL)'),
	pg_temp.refusal('SELECT wrk.jwt_sign(NULL, ''{}'')');

-- One call site, changing keys: the remembered key is not used for another.
SELECT k.name, wrk.jws_verify(e.token, k.jwk) IS NOT NULL AS verified
FROM example e JOIN test_key k ON k.name = e.key, generate_series(1, 2) ORDER BY random() < 2, k.name;

-- Parallel workers verify too.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE TABLE many_tokens AS SELECT wrk.jwt_sign(jsonb_build_object('n', n, 'exp', 4102444800), jwk) AS token
FROM test_key, generate_series(1, 2000) n WHERE name = 'oct';
ALTER TABLE many_tokens SET (parallel_workers = 2);
ANALYZE many_tokens;
SELECT jwk::text AS oct FROM test_key WHERE name = 'oct' \gset
EXPLAIN (COSTS OFF) SELECT count(wrk.jwt_verify(token, :'oct')) FROM many_tokens;
SELECT count(wrk.jwt_verify(token, :'oct')), sum((wrk.jwt_verify(token, :'oct') ->> 'n')::int) FROM many_tokens;
DROP TABLE many_tokens;
