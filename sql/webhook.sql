-- Webhooks: what a secret has signed is accepted, everything else is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS wrk_copilot;
\set VERBOSITY terse
CREATE SCHEMA regress;
-- Standard Webhooks' published example, and RFC 4231's test case 1 as a plain one
\set secret '\'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\''
\set body '\'{"test": 2432232314}\'::bytea'
\set signature '\'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\''
CREATE FUNCTION regress.headers(changes jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN
	jsonb_strip_nulls('{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
		"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}' || changes);
-- the answer, or the error a sender gets
CREATE FUNCTION regress.verify(headers jsonb, body bytea DEFAULT '{"test": 2432232314}',
	secrets text[] DEFAULT '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}', tolerance interval DEFAULT '100 years')
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN wrk.webhook_verify(headers, body, secrets, tolerance);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- the published examples
SELECT wrk.webhook_sign(:body, :secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', to_timestamp(1614265330)) = regress.headers() AS as_published;
SELECT regress.verify(regress.headers());
SELECT wrk.webhook_sign('Hi There', repeat(chr(11), 20));
SELECT regress.verify('{"X-Signature": "sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"}', 'Hi There', ARRAY[repeat(chr(11), 20)]);
-- names of headers have no case, neither have hexadecimal digits; other headers do not matter
SELECT regress.verify('{"Webhook-ID": "msg_p5jXN8AQM9LWM0D4loKWxJek", "WEBHOOK-TIMESTAMP": "1614265330", "x": [{"webhook-id": 1}],
	"Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}');
SELECT regress.verify('{"x-signature": "sha256=B0344C61D8DB38535CA8AFCEAF0BF12B881DC200C9833DA726E9376C2E32CFF7"}', 'Hi There', ARRAY[repeat(chr(11), 20)]);
-- one of several signatures, one of several secrets
SELECT regress.verify(regress.headers(jsonb_build_object('webhook-signature', 'v1a,xyz v1,AAAA ' || :signature || ' v2,' || :signature)));
SELECT regress.verify(regress.headers(), secrets => ARRAY['whsec_' || encode(sha256('old'), 'base64'), :secret, :secret]);
-- a body of any bytes
SELECT wrk.webhook_verify(wrk.webhook_sign(b, 'a secret of any text', 'm:1'), b, '{a secret of any text}') - 'timestamp'
FROM (VALUES (''::bytea), ('\x00ff2e00')) AS bodies (b);
SELECT length(wrk.webhook_verify(wrk.webhook_sign(convert_to(repeat('x', 8388608), 'UTF8'), :secret), convert_to(repeat('x', 8388608), 'UTF8'), ARRAY[:secret])::text) > 0 AS largest;

-- refused: another body, id, time, secret, version or nothing at all
SELECT regress.verify(regress.headers(), '{"test": 2432232315}');
SELECT regress.verify(regress.headers(), '{"test":2432232314}');
SELECT regress.verify(regress.headers('{"webhook-id": "msg_other"}'));
SELECT regress.verify(regress.headers('{"webhook-timestamp": "1614265331"}'));
SELECT regress.verify(regress.headers('{"webhook-timestamp": "01614265330"}'));
SELECT regress.verify(regress.headers(), secrets => ARRAY['whsec_' || encode(sha256('other'), 'base64')]);
SELECT regress.verify(regress.headers(), secrets => '{MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}');
SELECT s, regress.verify(regress.headers(jsonb_build_object('webhook-signature', s)))
FROM unnest(ARRAY['', ' ', 'v1', 'v1,', :signature || 'A', left(:signature, -1), 'v2' || substr(:signature, 3), 'g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
	'v1,g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=', replace(:signature, ',', ', ')]) s;
SELECT h, regress.verify(regress.headers(jsonb_build_object(h, NULL))) FROM jsonb_object_keys(regress.headers()) h;
SELECT regress.verify('{}');
SELECT s, regress.verify(jsonb_build_object('x-signature', s), 'Hi There', ARRAY[repeat(chr(11), 20)])
FROM unnest('{"",sha256=,sha1=b0344c61,b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7,sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff,sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff8}'::text[]) s;
-- a message with headers of the one scheme is not judged by the other
SELECT regress.verify(wrk.webhook_sign(:body, :secret) || '{"webhook-id": "m"}');
SELECT regress.verify(wrk.webhook_sign(:body, :secret) || regress.headers('{"webhook-id": "m"}'));
-- what one scheme has signed is no message of the other, though their secret is one
SELECT regress.verify(wrk.webhook_sign('{"a": "1.1614265330.x"}', 'a secret of any text') || jsonb_build_object('webhook-id', '{"a": "1', 'webhook-timestamp', '1614265330',
	'webhook-signature', 'v1,' || encode(decode(substr(wrk.webhook_sign('{"a": "1.1614265330.x"}', 'a secret of any text') ->> 'x-signature', 8), 'hex'), 'base64')), 'x"}', '{a secret of any text}');
-- ids and times that are none
SELECT i, regress.verify(regress.headers(jsonb_build_object('webhook-id', i))) FROM unnest(ARRAY['', 'a.b', 'a b', '{', '"', E'a\nb', U&'\00e9']) i;
SELECT regress.verify(regress.headers(jsonb_build_object('webhook-id', repeat('x', 257))));
SELECT t, regress.verify(regress.headers(jsonb_build_object('webhook-timestamp', t))) FROM unnest('{"",-1,1e9,"1614265330 ",1614265330.0,1234567890123}'::text[]) t;

-- the time must be near: five minutes unless said otherwise, on both sides
SELECT age, regress.verify(wrk.webhook_sign(:body, :secret, 'm', now() - age), tolerance => '5 minutes') ~ 'standard' AS accepted
FROM unnest('{0s,4min,6min,-4min,-6min,1d}'::interval[]) age;
SELECT wrk.webhook_verify(wrk.webhook_sign(:body, :secret, 'm', now() - interval '6 minutes'), :body, ARRAY[:secret]);
SELECT wrk.webhook_verify(wrk.webhook_sign(:body, :secret, 'm', now() - interval '4 minutes'), :body, ARRAY[:secret]) ->> 'id';
-- whose signature is wrong does not learn what its time is worth
SELECT regress.verify(regress.headers(), 'x', tolerance => '0');

-- requests that make no sense
SELECT regress.verify(h) FROM (VALUES ('[]'::jsonb), ('"x"'), (NULL), ('{"x-signature": 5}'), ('{"X-Signature": "a", "x-signature": "a"}'), (regress.headers('{"webhook-id": ["a"]}'))) AS v (h);
SELECT regress.verify(jsonb_build_object('a', repeat('x', 70000)));
SELECT regress.verify(regress.headers(), convert_to(repeat('x', 8388609), 'UTF8'));
SELECT s, regress.verify(regress.headers(), secrets => s)
FROM (VALUES ('{}'::text[]), (NULL), ('{NULL}'), ('{""}'), ('{too short}'), ('{whsec_}'), ('{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa_w}'), ('{whsec_MfKQ9r8GKYqrTwjUPD8=}')) AS v (s);
SELECT regress.verify(regress.headers(), secrets => array_fill('a secret of any text'::text, ARRAY[17]));
SELECT regress.verify(regress.headers(), secrets => ARRAY[repeat('x', 1025)]);
SELECT regress.verify(regress.headers(), tolerance => '-1 second'), regress.verify(regress.headers(), tolerance => NULL), regress.verify(regress.headers(), NULL);
SELECT wrk.webhook_sign(:body, :secret, 'a.b');
SELECT wrk.webhook_sign(:body, :secret, 'm', '1969-01-01');
SELECT wrk.webhook_sign(:body, :secret, 'm', 'infinity');
SELECT wrk.webhook_sign(:body, 'short', 'm');
SELECT wrk.webhook_sign(NULL, :secret);
DROP SCHEMA regress CASCADE;
