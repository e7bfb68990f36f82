-- What bench/jwt measures with: tokens, and a verifier in SQL.
CREATE SCHEMA bench;

-- Verification as it is usually written in SQL on top of pgcrypto: cut at the dots, turn
-- base64url into base64, compare the signature, read the times.  It checks much less than
-- wrk.jwt_verify(): no canonical encoding, no duplicate members, no constant time.
CREATE FUNCTION bench.url_decode(data text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$
	SELECT decode(translate(data, '-_', '+/') || repeat('=', (4 - length(data) % 4) % 4), 'base64')
$$;
CREATE FUNCTION bench.url_encode(data bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
	SELECT translate(encode(data, 'base64'), E'+/=\n', '-_')
$$;
CREATE FUNCTION bench.signature(input text, secret bytea, alg text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
	SELECT bench.url_encode(hmac(convert_to(input, 'UTF8'), secret,
		CASE alg WHEN 'HS256' THEN 'sha256' WHEN 'HS384' THEN 'sha384' WHEN 'HS512' THEN 'sha512' END))
$$;
CREATE FUNCTION bench.jwt_verify(token text, secret bytea) RETURNS jsonb LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
	part text[] := string_to_array(token, '.');
	header jsonb := convert_from(bench.url_decode(part[1]), 'UTF8');
	claims jsonb := convert_from(bench.url_decode(part[2]), 'UTF8');
	now_seconds numeric := extract(epoch FROM now());
BEGIN
	IF header ->> 'alg' <> 'HS256' OR part[3] <> bench.signature(part[1] || '.' || part[2], secret, header ->> 'alg') THEN
		RAISE EXCEPTION 'invalid token';
	END IF;
	IF now_seconds >= (claims ->> 'exp')::numeric OR now_seconds < coalesce((claims ->> 'nbf')::numeric, 0) THEN
		RAISE EXCEPTION 'expired token';
	END IF;
	RETURN claims;
END
$$;

-- One token for each algorithm, with what the candidates need of it.  The keys are published
-- examples (RFC 7515 appendix A, RFC 8037 appendix A) or made for this: not secrets.
CREATE TABLE bench.token (alg text PRIMARY KEY, token text, jwk jsonb, secret bytea, input bytea, payload text);
INSERT INTO bench.token (alg, jwk) SELECT alg, jwk || jsonb_build_object('alg', alg, 'kid', 'key-' || lower(alg))
FROM (VALUES
	('{HS256,HS512}'::text[], '{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}'::jsonb),
	('{RS256,PS256}', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"}'),
	('{ES256}', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}'),
	('{ES384}', '{"kty":"EC","crv":"P-384","x":"J5ey68H40TXZWRtjDlkCdKq8cEzAjsWIxuNq-zdpS0fXNxNxRLxHXrD9LMNADn5m","y":"dx9zW__4MuKhrYKpxBxWqJONi8qBg_a2HSdGxhFfJi8c2pgfCSFHMgLyU-A8xArj","d":"SF_zXyTQFXQevj_vdbDCcFVtRkhcl8nC_EYnE1KDCIflE_dKLWVx1o1efPC-xrV_"}'),
	('{EdDSA}', '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}')) v (algs, jwk), unnest(algs) alg;
UPDATE bench.token SET token = wrk.jwt_sign('{"sub": "9f0c2b1e-7a54-4c1e-8f43-1f0a6c9d2b11", "tenant_id": "3d5a0f6c-2b1e-4f7a-9c8d-5e6f7a8b9c0d", "roles": ["client", "builder"],
	"exp": 4102444800, "iat": 1700000000, "sid": "5b1f"}', jwk, alg);
UPDATE bench.token SET jwk = jwk - '{d,p,q,dp,dq,qi}'::text[], input = convert_to(regexp_replace(token, '\.[^.]*$', ''), 'UTF8'),
	payload = convert_from(bench.url_decode(split_part(token, '.', 2)), 'UTF8'), secret = bench.url_decode(jwk ->> 'k');
SELECT count(k) AS keys FROM bench.token, wrk.jwt_key_import(jwk) k \gset
