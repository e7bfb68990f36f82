-- Signed messages of other systems; the secrets are the caller's to keep.

CREATE FUNCTION wrk.webhook_verify(headers jsonb, body bytea, secrets text[],
								   tolerance interval DEFAULT '5 minutes')
RETURNS jsonb
LANGUAGE C VOLATILE PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_webhook_verify';
COMMENT ON FUNCTION wrk.webhook_verify(jsonb, bytea, text[], interval) IS
'what vouches for a message that one of the secrets has signed: {scheme, secret, id, timestamp}, secret being the number, from 1, of the first that did. headers: {name: value}, names in any case; body: as it came, at most 8 MB; secrets: 1 to 16, several while one is replaced by another, each of 16 to 1024 bytes.
Scheme standard is Standard Webhooks v1 (webhook-id, webhook-timestamp in seconds, webhook-signature "v1,BASE64" of "id.timestamp.body", where a secret that begins with whsec_ is base64 behind it), whose timestamp must be within the tolerance of now; id and timestamp are its only. Scheme sha256, for messages without any of these headers, is X-Signature: sha256=HEX of the body: it says no time and can be sent again for ever.
Errors: WK401 unauthorized for a message, WK400 bad_request for a header that is no string or there twice and for what is no secret, WK413 too_large; never NULL';

CREATE FUNCTION wrk.webhook_sign(body bytea, secret text, id text DEFAULT NULL, at timestamptz DEFAULT now())
RETURNS jsonb
LANGUAGE C STABLE PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'wrk_webhook_sign';
COMMENT ON FUNCTION wrk.webhook_sign(bytea, text, text, timestamptz) IS
'the headers that sign a message: of Standard Webhooks v1 if it has an id (1 to 256 letters, digits, _, - and :), else X-Signature; wrk.webhook_verify() says what they are. Errors: WK400 bad_request, WK413 too_large';

-- Meant for everyone: who calls them brings the secret, so they give nobody a right.
GRANT EXECUTE ON FUNCTION wrk.webhook_verify(jsonb, bytea, text[], interval),
	wrk.webhook_sign(bytea, text, text, timestamptz) TO PUBLIC;
