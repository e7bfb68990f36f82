-- What a token is refused for: one line for each strictness.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;

-- HMAC-SHA-256 in plain SQL, so that tokens can be made which wrk.jwt_sign() would not make.
CREATE FUNCTION pg_temp.b64url(bytea) RETURNS text LANGUAGE sql AS $$
	SELECT rtrim(translate(encode($1, 'base64'), E'+/\n', '-_'), '=')
$$;
CREATE FUNCTION pg_temp.xor_block(key bytea, pad int) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	block bytea := key || decode(repeat('00', 64 - length(key)), 'hex');
BEGIN
	FOR i IN 0..63 LOOP block := set_byte(block, i, get_byte(block, i) # pad); END LOOP;
	RETURN block;
END
$$;
CREATE FUNCTION pg_temp.hs256(input text, key bytea) RETURNS bytea LANGUAGE sql AS $$
	SELECT sha256(pg_temp.xor_block(key, 92) || sha256(pg_temp.xor_block(key, 54) || convert_to(input, 'UTF8')))
$$;
CREATE FUNCTION pg_temp.token(header bytea, payload bytea) RETURNS text LANGUAGE sql AS $$
	SELECT input || '.' || pg_temp.b64url(pg_temp.hs256(input, repeat('k', 32)::bytea))
	FROM concat(pg_temp.b64url(header), '.', pg_temp.b64url(payload)) input
$$;
CREATE FUNCTION pg_temp.jwk() RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('kty', 'oct', 'k', pg_temp.b64url(repeat('k', 32)::bytea))
$$;
CREATE FUNCTION pg_temp.verify(token text, jwk jsonb DEFAULT pg_temp.jwk()) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN wrk.jwt_verify(token, jwk);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- Good ones, to show that what follows fails for its own reason.
SELECT pg_temp.verify(pg_temp.token('{"alg":"HS256"}', '{"exp":4102444800}'));
SELECT pg_temp.verify(pg_temp.token('{"alg":"HS256","typ":"at+jwt","b64":true,"x":[1,{"y":null}]}', '{"exp":4102444800.5,"nbf":0,"iat":1e9}'));

-- The header.
SELECT pg_temp.verify(pg_temp.token(convert_to(h, 'UTF8'), '{"exp":4102444800}')) AS result, left(h, 60) AS header
FROM unnest(ARRAY[
	'{"alg":"none"}', '{"alg":"None"}', '{"alg":"HS512"}', '{"alg":"RS256"}', '{"alg":"hs256"}', '{"alg":"HS256 "}',
	'{"alg":""}', '{"alg":null}', '{"alg":["HS256"]}', '{}', '{"typ":"JWT"}',
	'{"alg":"HS256","crit":["exp"]}', '{"alg":"HS256","crit":[]}', '{"alg":"HS256","crit":null}',
	'{"alg":"HS256","b64":false,"crit":["b64"]}', '{"alg":"HS256","b64":false}', '{"alg":"HS256","b64":"false"}',
	'{"alg":"HS256","alg":"HS256"}', '{"alg":"none","alg":"HS256"}', '{"alg":"HS256","\u0061lg":"none"}',
	'{"alg":"HS256","x":{"y":1,"y":2}}', '{"alg":"HS256","kid":1}', '{"alg":"HS256","kid":null}',
	'{"alg":"HS256","kid":"' || repeat('k', 257) || '"}',
	'["HS256"]', '"HS256"', 'null', '1', '', ' ', '{"alg":"HS256"', '{"alg":"HS256"}}', '{"alg":"HS256"}{}', '{alg:"HS256"}',
	'{"alg":"HS256","x":"\u0000"}', '{"alg":"HS256","x":"\ud800"}', E'{"alg":"HS256","x":"\t"}',
	'{"alg":"HS256","x":' || repeat('[', 40) || repeat(']', 40) || '}']) h;

-- A key that the header brings along is not used: its own signature does not verify.
SELECT pg_temp.verify(wrk.jwt_sign('{"exp":4102444800}', '{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}'));
SELECT pg_temp.verify(pg_temp.token('{"alg":"HS256","jwk":{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"jku":"https://example.com/jwks","x5c":["AA"],"x5u":"https://example.com/x"}', '{"exp":4102444800}'));

-- The claims.
SELECT pg_temp.verify(pg_temp.token('{"alg":"HS256"}', convert_to(p, 'UTF8'))) AS result, left(p, 60) AS claims
FROM unnest(ARRAY[
	'{}', '{"exp":null}', '{"exp":"4102444800"}', '{"exp":true}', '{"exp":[4102444800]}', '{"exp":1}', '{"exp":0}', '{"exp":-1}',
	'{"exp":4102444800000}', '{"exp":1e12}', '{"exp":1e99}', '{"exp":1e999}', '{"exp":1e99999999999}', '{"exp":1e-999999}',
	'{"exp":9223372036854775808}', '{"exp":253402300800}', '{"exp":253402300799}', '{"exp":00004102444800}', '{"exp":NaN}', '{"exp":Infinity}', '{"exp":0x7fffffff}',
	'{"exp":4102444800,"x":' || repeat('9', 50) || '}',
	'{"exp":4102444800,"nbf":"0"}', '{"exp":4102444800,"nbf":4102444000}', '{"exp":4102444800,"nbf":-1}', '{"exp":4102444800,"nbf":null}',
	'{"exp":4102444800,"iat":"0"}', '{"exp":4102444800,"iat":4102444000}', '{"exp":4102444800,"iat":1e13}',
	'{"exp":1,"exp":4102444800}', '{"exp":4102444800,"exp":4102444800}', '{"exp":4102444800,"\u0065xp":1}',
	'{"exp":4102444800,"a":{"b":[{"c":1,"c":1}]}}', '{"exp":4102444800,"a":[{},{}],"b":{"a":1}}',
	'[{"exp":4102444800}]', '"x"', '', '{"exp":4102444800', '{"exp":4102444800} x', E'\uFEFF{"exp":4102444800}',
	'{"exp":4102444800,"x":"\u0000"}', '{"exp":4102444800,"x":"\udc00\ud800"}',
	'{"exp":4102444800,"x":' || repeat('[', 5000) || repeat(']', 5000) || '}',
	repeat('[', 6000)]) p;
SELECT pg_temp.verify(pg_temp.token('{"alg":"HS256"}', p)) AS result
FROM unnest(ARRAY['\x7b22657870223a343130323434343830302c2278223a22ff227d',	-- {"exp":...,"x":"<ff>"}
				  '\x7b22657870223a343130323434343830302c2278223a22c080227d',	-- overlong NUL
				  '\x7b22657870223a343130323434343830302c2278223a22eda080227d',	-- a surrogate
				  '\x7b22657870223a343130323434343830307d00',					-- NUL behind
				  '\x7b22657870223a34313032343434383030007d'::bytea]) p;		-- NUL within

-- The moment of expiry is already too late, and the second before is not.
SELECT left(pg_temp.verify(pg_temp.token('{"alg":"HS256"}', format('{"exp":%s}', floor(extract(epoch FROM statement_timestamp())))::bytea)), 5);
SELECT pg_temp.verify(pg_temp.token('{"alg":"HS256"}', format('{"exp":%s}', floor(extract(epoch FROM statement_timestamp())) + 60)::bytea)) LIKE '{"exp"%' AS accepted;

-- Segments and their encoding.
SELECT pg_temp.token('{"alg":"HS256"}', '{"exp":4102444800,"pad":"xx"}') AS good \gset
SELECT what, pg_temp.verify(t) AS result FROM (VALUES
	('as it is', :'good'),
	('nothing', ''), ('a dot', '.'), ('two dots', '..'), ('one segment', split_part(:'good', '.', 1)),
	('no signature segment', regexp_replace(:'good', '\.[^.]*$', '')), ('empty signature', regexp_replace(:'good', '[^.]*$', '')),
	('empty payload', regexp_replace(:'good', '\.[^.]*\.', '..')), ('empty header', regexp_replace(:'good', '^[^.]*', '')),
	('four segments', :'good' || '.x'), ('five segments', :'good' || '.x.y'), ('dot at the end', :'good' || '.'),
	('dot in front', '.' || :'good'), ('padding', :'good' || '='), ('padded header', replace(:'good', '.', '=.')),
	('newline behind', :'good' || E'\n'), ('space in front', ' ' || :'good'), ('space within', replace(:'good', '.', ' .')),
	('unused bits set', left(:'good', -1) || translate(right(:'good', 1), 'AEIMQUYcgkosw048', 'BFJNRVZdhlptx159')),
	('signature cut', left(:'good', -1)), ('signature cut by a byte', left(:'good', -2)),
	('signature longer', :'good' || 'A'), ('signature twice', :'good' || split_part(:'good', '.', 3)),
	('standard alphabet', translate(:'good', '-_', '+/') || '+'), ('non-ASCII', :'good' || 'é'),
	('Bearer', 'Bearer ' || :'good'),
	('too long', pg_temp.token('{"alg":"HS256"}', format('{"exp":4102444800,"x":"%s"}', repeat('x', 12300))::bytea)),
	('JSON serialization', '{"payload":"e30","signatures":[]}')) v (what, t);

-- Every change of a single character is refused, and always with our SQLSTATE.
SELECT DISTINCT left(pg_temp.verify(overlay(:'good' PLACING c FROM i FOR 1)), 5) AS sqlstate, count(*) > 1000 AS many
FROM generate_series(1, length(:'good')) i, unnest(ARRAY['A', 'B', 'Q', 'g', '8', '-', '_', '.', '=', '+', ' ', '"', 'é', E'\x01']) c
WHERE substr(:'good', i, 1) <> c GROUP BY 1;
-- So is every shorter one, and every one with two neighbours exchanged.
SELECT DISTINCT left(pg_temp.verify(left(:'good', i)), 5) AS sqlstate FROM generate_series(0, length(:'good') - 1) i;
SELECT DISTINCT left(pg_temp.verify(overlay(:'good' PLACING reverse(substr(:'good', i, 2)) FROM i FOR 2)), 5) AS sqlstate
FROM generate_series(1, length(:'good') - 1) i WHERE substr(:'good', i, 1) <> substr(:'good', i + 1, 1);

-- ECDSA signatures of another length, as DER, of zeros, or out of range.
SELECT '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}' AS p256 \gset
SELECT what, pg_temp.verify('eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.' || pg_temp.b64url(s), :'p256') AS result
FROM decode('0ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665c50a07d38c3c70e5d8f12daf084a5480a66590c5f293509a8f3f7f8a83a354d5', 'hex') sig, LATERAL (VALUES ('right (but expired)', sig), ('a byte less', substr(sig, 1, 63)), ('a byte more', sig || '\x00'), ('zero in front', '\x00' || sig),
	('s and r', substr(sig, 33) || substr(sig, 1, 32)), ('zeros', decode(repeat('00', 64), 'hex')), ('ones', decode(repeat('ff', 64), 'hex')),
	('DER', '\x30440220' || substr(sig, 1, 32) || '\x0220' || substr(sig, 33)), ('nothing', ''::bytea)) v (what, s);

-- Keys.
SELECT pg_temp.verify(:'good', k::jsonb) AS result, left(k, 60) AS jwk
FROM unnest(ARRAY[
	'{}', '[]', '"secret"', 'null', '{"kty":"oct"}', '{"kty":"oct","k":""}', '{"kty":"oct","k":"AAAA"}', '{"kty":"oct","k":1}',
	'{"kty":"oct","k":"' || repeat('A', 42) || '"}', '{"kty":"oct","k":"' || repeat('A', 43) || '="}', '{"kty":"oct","k":"' || repeat('A', 42) || 'B"}',
	'{"kty":"oct","k":"' || repeat('+', 43) || '"}', '{"kty":"oct","alg":"HS512","k":"' || repeat('A', 43) || '"}',
	'{"kty":"oct","alg":"none","k":"' || repeat('A', 43) || '"}', '{"kty":"oct","alg":"RS256","k":"' || repeat('A', 43) || '"}',
	'{"kty":"oct","alg":"A128KW","k":"' || repeat('A', 43) || '"}', '{"kty":"oct","use":"enc","k":"' || repeat('A', 43) || '"}',
	'{"kty":"oct","key_ops":["encrypt"],"k":"' || repeat('A', 43) || '"}', '{"kty":"oct","key_ops":"verify","k":"' || repeat('A', 43) || '"}',
	'{"kty":"OCT","k":"' || repeat('A', 43) || '"}', '{"kty":"oct","kid":7,"k":"' || repeat('A', 43) || '"}',
	'{"kty":"RSA","n":"nQ6Pk8vWQSkQpx-3Kq-DNm6PypWi2ilcUdnGPc1OWOEbNRXg6g7gDxwytxvU01PuX8clYcr2rYkQndfIyoUGGcjLcHn24oFJTOI1Cv9XNOFlWzgz0b2kr2WTpSwTgMDWGNbj46RGb3iTV1SpgtOF9IaaA2Nr-MKs2U0O2pS99xM","e":"AQAB"}',
	'{"kty":"RSA","n":"' || repeat('_', 342) || '","e":"AQ"}', '{"kty":"RSA","n":"' || repeat('_', 340) || '_w","e":"AAAA"}',
	'{"kty":"RSA","n":"' || repeat('_', 340) || '_g","e":"AQAB"}', '{"kty":"RSA","n":"' || repeat('_', 1400) || '","e":"AQAB"}', '{"kty":"RSA","e":"AQAB"}',
	'{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1"}',
	'{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}',
	'{"kty":"EC","crv":"P-256","x":"' || repeat('A', 43) || '","y":"' || repeat('A', 43) || '"}',
	'{"kty":"EC","crv":"P-256","x":"AH_Nzidw9sRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}',
	'{"kty":"EC","crv":"secp256k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}',
	'{"kty":"EC","crv":"P-384","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}',
	'{"kty":"EC","crv":"P-256","alg":"ES384","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}',
	'{"kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}',
	'{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ"}', '{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
	'{"kty":"OKP","crv":"Ed448","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}']) k;

-- A public key is never a secret: the classic confusion of RS256 with HS256.
SELECT pg_temp.verify(wrk.jwt_sign('{"exp":4102444800}', jsonb_build_object('kty', 'oct', 'k', n), 'HS256'),
	jsonb_build_object('kty', 'RSA', 'n', n, 'e', 'AQAB')) AS result
FROM (VALUES ('ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ')) v (n);
-- a private half longer than the modulus: time that no statement_timeout would end
SELECT member, pg_temp.verify(:'good', jsonb_build_object('kty', 'RSA', 'e', 'AQAB', 'n', repeat('_', 341) || 'w',
	'd', 'AQAB', 'p', 'AQAB', 'q', 'AQAB', 'dp', 'AQAB', 'dq', 'AQAB', 'qi', 'AQAB') || jsonb_build_object(member, repeat('_', 344))) AS result
FROM unnest('{d,p,q,dp,dq,qi}'::text[]) member;
