/*
 * webhook.c
 *	  Signed messages of other systems: verifying and making them.
 *
 * Two schemes.  Standard Webhooks v1 (standardwebhooks.com) signs
 * "ID.TIMESTAMP.BODY" and says all three in headers, so a message that was
 * listened in on is good for the tolerance only.  The plain one, X-Signature:
 * sha256=HEX, signs the body and nothing else: it can be sent again at any time,
 * so whoever accepts it must be able to hear the same thing twice.  A message
 * with any header of the first is never judged by the second.
 *
 * Must stay true: (1) one message can never be read as the other's: an id has
 * none of the characters JSON begins with, and no dot; (2) signatures are
 * compared in constant time, with every secret; (3) a refusal is an error, never
 * NULL, and no error shows a secret or the signature that would have been right.
 */
#include "wrk_copilot.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base64.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "wrk_json.h"

PG_FUNCTION_INFO_V1(wrk_webhook_verify);
PG_FUNCTION_INFO_V1(wrk_webhook_sign);

#define MAX_BODY_LEN (8 * 1024 * 1024)
#define MAX_HEADERS_LEN (64 * 1024)
#define MAX_ID_LEN 256
#define MAX_SECRETS 16
#define MIN_KEY_LEN 16
#define MAX_KEY_LEN 1024
#define MAC_LEN 32
#define BASE64_MAC_LEN 44
#define HEX_MAC_LEN (2 * MAC_LEN)
#define STANDARD_PREFIX "v1,"
#define PLAIN_PREFIX "sha256="
#define SECRET_PREFIX "whsec_"

#define HAS_PREFIX(bytes, prefix) \
	((bytes).len >= sizeof(prefix) - 1 && \
	 memcmp((bytes).data, prefix, sizeof(prefix) - 1) == 0)

/* borrowed, or palloc'd by whoever made it */
typedef struct Bytes
{
	const char *data; /* NULL: not there */
	size_t len;
} Bytes;

typedef enum Header
{
	HEADER_ID,
	HEADER_TIMESTAMP,
	HEADER_SIGNATURE,
	HEADER_PLAIN,
	N_HEADERS
} Header;

static const char *const header_names[N_HEADERS] = {"webhook-id", "webhook-timestamp",
													"webhook-signature", "x-signature"};

/* ---------- refusals ---------- */

/* the arguments of ereport() say why; the statement may hold a secret */
#define REFUSE(...) \
	ereport(ERROR, (errcode(ERRCODE_WRK_UNAUTHORIZED), __VA_ARGS__, WRK_HIDE_CREDENTIAL))

static void
bad_argument(const char *message)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST), errmsg("%s", message),
					WRK_HIDE_CREDENTIAL));
}

static void
check_length(const char *what, size_t len, size_t most)
{
	if (len > most)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_TOO_LARGE),
				 errmsg("%s of a webhook has %zu bytes", what, len),
				 errdetail("At most %zu are accepted.", most), WRK_HIDE_CREDENTIAL));
}

/* ---------- headers ---------- */

static int
header_named(const JsonbValue *name)
{
	for (int i = 0; i < N_HEADERS; i++)
		if (strlen(header_names[i]) == name->val.string.len &&
			pg_strncasecmp(header_names[i], name->val.string.val, name->val.string.len) ==
				0)
			return i;
	return N_HEADERS;
}

static void
keep_header(Bytes *headers, int which, const JsonbValue *value)
{
	if (value->type != jbvString)
		bad_argument(psprintf("header \"%s\" must be a string", header_names[which]));
	if (headers[which].data != NULL)
		bad_argument(psprintf("header \"%s\" is there twice", header_names[which]));
	headers[which] = (Bytes){value->val.string.val, value->val.string.len};
}

/* names have no case (RFC 9110 section 5.1); what lies in headers is borrowed from doc */
static void
read_headers(Jsonb *doc, Bytes *headers)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	int which = N_HEADERS;

	check_length("the header", VARSIZE(doc), MAX_HEADERS_LEN);
	if (!JB_ROOT_IS_OBJECT(doc))
		bad_argument("headers must be a JSON object");
	memset(headers, 0, sizeof(Bytes) * N_HEADERS);
	it = JsonbIteratorInit(&doc->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			which = header_named(&v);
		else if (token == WJB_VALUE && which != N_HEADERS)
			keep_header(headers, which, &v);
	}
}

/* of what it may have, an id has no dot and nothing that JSON begins with */
static bool
id_is_good(Bytes id)
{
	if (id.len < 1 || id.len > MAX_ID_LEN)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!((id.data[i] >= 'a' && id.data[i] <= 'z') ||
			  (id.data[i] >= 'A' && id.data[i] <= 'Z') ||
			  (id.data[i] >= '0' && id.data[i] <= '9') || id.data[i] == '_' ||
			  id.data[i] == '-' || id.data[i] == ':'))
			return false;
	return true;
}

/* seconds since 1970, -1 for what are none */
static int64
seconds_of(Bytes timestamp)
{
	int64 seconds = 0;

	if (timestamp.len < 1 || timestamp.len > 12)
		return -1;
	for (size_t i = 0; i < timestamp.len; i++)
	{
		if (timestamp.data[i] < '0' || timestamp.data[i] > '9')
			return -1;
		seconds = seconds * 10 + (timestamp.data[i] - '0');
	}
	return seconds;
}

/* ---------- signatures ---------- */

/*
 * The key a secret stands for.  What begins with whsec_ is base64 behind it, in
 * the standard scheme; anywhere else a secret is the bytes of its text.
 */
static Bytes
key_of(const char *secret, bool standard)
{
	Bytes key = {secret, strlen(secret)};

	if (key.len > MAX_KEY_LEN)
		bad_argument(psprintf("a webhook secret has more than %d bytes", MAX_KEY_LEN));
	if (standard && HAS_PREFIX(key, SECRET_PREFIX))
	{
		const char *encoded = secret + strlen(SECRET_PREFIX);
		char *decoded = palloc(key.len);
		int len = pg_b64_decode(encoded, strlen(encoded), decoded, key.len);

		if (len < 0)
			bad_argument("a webhook secret is not base64 behind \"" SECRET_PREFIX "\"");
		key = (Bytes){decoded, len};
	}
	if (key.len < MIN_KEY_LEN)
		bad_argument(psprintf("a webhook secret has fewer than %d bytes", MIN_KEY_LEN));
	return key;
}

static void
mac_of(Bytes key, Bytes message, uint8 *mac)
{
	unsigned int len;

	if (HMAC(EVP_sha256(), key.data, key.len, (const uint8 *) message.data, message.len,
			 mac, &len) == NULL ||
		len != MAC_LEN)
		elog(ERROR, "could not compute a message authentication code");
}

/* palloc'd, without its prefix and without a zero at its end */
static Bytes
standard_signature(const char *secret, Bytes id, Bytes timestamp, Bytes body)
{
	Bytes message = {0};
	char *joined = palloc(id.len + timestamp.len + body.len + 2);
	char *encoded = palloc(BASE64_MAC_LEN);
	char *end = joined;
	uint8 mac[MAC_LEN];

	memcpy(end, id.data, id.len);
	end += id.len;
	*end++ = '.';
	memcpy(end, timestamp.data, timestamp.len);
	end += timestamp.len;
	*end++ = '.';
	memcpy(end, body.data, body.len);
	end += body.len;
	message = (Bytes){joined, end - joined};
	mac_of(key_of(secret, true), message, mac);
	pfree(joined);
	if (pg_b64_encode((const char *) mac, MAC_LEN, encoded, BASE64_MAC_LEN) !=
		BASE64_MAC_LEN)
		elog(ERROR, "could not encode a signature");
	return (Bytes){encoded, BASE64_MAC_LEN};
}

static Bytes
plain_signature(const char *secret, Bytes body)
{
	char *encoded = palloc(HEX_MAC_LEN);
	uint8 mac[MAC_LEN];

	mac_of(key_of(secret, false), body, mac);
	(void) hex_encode((const char *) mac, MAC_LEN, encoded);
	return (Bytes){encoded, HEX_MAC_LEN};
}

/* is it among the signatures of the header, which are separated by spaces? */
static bool
among(Bytes header, Bytes expected)
{
	bool found = false;
	const char *end = header.data + header.len;

	for (const char *at = header.data; at < end;)
	{
		const char *space = memchr(at, ' ', end - at);
		Bytes one = {at, (space == NULL ? end : space) - at};

		/* other versions are for others to understand */
		if (HAS_PREFIX(one, STANDARD_PREFIX) &&
			one.len == strlen(STANDARD_PREFIX) + expected.len &&
			CRYPTO_memcmp(one.data + strlen(STANDARD_PREFIX), expected.data,
						  expected.len) == 0)
			found = true;
		at += one.len + 1;
	}
	return found;
}

static bool
is_plain(Bytes header, Bytes expected)
{
	char given[HEX_MAC_LEN];

	if (!HAS_PREFIX(header, PLAIN_PREFIX) ||
		header.len != strlen(PLAIN_PREFIX) + expected.len)
		return false;
	for (int i = 0; i < HEX_MAC_LEN; i++)
		given[i] =
			pg_ascii_tolower((unsigned char) header.data[strlen(PLAIN_PREFIX) + i]);
	return CRYPTO_memcmp(given, expected.data, expected.len) == 0;
}

/* number, from 1, of the first secret that verifies the message */
static int
verifying_secret(const Bytes *headers, bool standard, Bytes body, char **secrets,
				 int nsecrets)
{
	int found = 0;

	/* all are tried: how long it takes says nothing of which it was */
	for (int i = nsecrets; i > 0; i--)
	{
		const char *secret = secrets[i - 1];

		if (standard ? among(headers[HEADER_SIGNATURE],
							 standard_signature(secret, headers[HEADER_ID],
												headers[HEADER_TIMESTAMP], body))
					 : is_plain(headers[HEADER_PLAIN], plain_signature(secret, body)))
			found = i;
	}
	if (found == 0)
		REFUSE(errmsg("the signature of the webhook does not verify"));
	return found;
}

static void
check_age(int64 seconds, const Interval *tolerance)
{
	double most = tolerance->time / (double) USECS_PER_SEC +
				  tolerance->day * (double) SECS_PER_DAY +
				  tolerance->month * (double) DAYS_PER_MONTH * SECS_PER_DAY;
	double age = GetCurrentTimestamp() / (double) USECS_PER_SEC +
				 (double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY -
				 (double) seconds;

	if (!(most >= 0))
		bad_argument("tolerance must not be negative");
	if (age > most || -age > most)
		REFUSE(errmsg("the webhook is of another time"),
			   errdetail("Its timestamp is %.0f seconds %s, at most %.0f are accepted.",
						 age < 0 ? -age : age, age < 0 ? "ahead" : "old", most));
}

/* ---------- in SQL ---------- */

static bool
is_standard(const Bytes *headers)
{
	if (headers[HEADER_ID].data == NULL && headers[HEADER_TIMESTAMP].data == NULL &&
		headers[HEADER_SIGNATURE].data == NULL)
	{
		if (headers[HEADER_PLAIN].data == NULL)
			REFUSE(errmsg("the webhook is not signed"),
				   errhint("Send webhook-id, webhook-timestamp and webhook-signature,"
						   " or X-Signature."));
		return false;
	}
	for (int i = HEADER_ID; i <= HEADER_SIGNATURE; i++)
		if (headers[i].data == NULL)
			REFUSE(errmsg("the webhook has no header \"%s\"", header_names[i]));
	if (!id_is_good(headers[HEADER_ID]))
		REFUSE(errmsg("header \"webhook-id\" is no message id"),
			   errdetail("One has 1 to %d letters, digits, \"_\", \"-\" and \":\".",
						 MAX_ID_LEN));
	if (seconds_of(headers[HEADER_TIMESTAMP]) < 0)
		REFUSE(errmsg("header \"webhook-timestamp\" must be whole seconds since 1970"));
	return true;
}

Datum
wrk_webhook_verify(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"headers", "body", "secrets", "tolerance"};
	Bytes headers[N_HEADERS];
	JsonbParseState *state = NULL;
	bytea *body;
	char **secrets;
	int nsecrets;
	bool standard;
	int number;

	for (int i = 0; i < lengthof(names); i++)
		wrk_require_arg(fcinfo, i, names[i]);
	body = PG_GETARG_BYTEA_PP(1);
	check_length("the body", VARSIZE_ANY_EXHDR(body), MAX_BODY_LEN);
	read_headers(PG_GETARG_JSONB_P(0), headers);
	secrets = wrk_text_array(PG_GETARG_ARRAYTYPE_P(2), "secret", &nsecrets);
	if (nsecrets < 1 || nsecrets > MAX_SECRETS)
		bad_argument(psprintf("there must be 1 to %d secrets", MAX_SECRETS));

	standard = is_standard(headers);
	number = verifying_secret(headers, standard,
							  (Bytes){VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body)},
							  secrets, nsecrets);
	wrk_json_begin_object(&state);
	wrk_json_pair_text(&state, "scheme", standard ? "standard" : "sha256");
	wrk_json_pair_int64(&state, "secret", number);
	if (standard)
	{
		int64 seconds = seconds_of(headers[HEADER_TIMESTAMP]);

		check_age(seconds, PG_GETARG_INTERVAL_P(3));
		wrk_json_pair_text(&state, "id",
						   pnstrdup(headers[HEADER_ID].data, headers[HEADER_ID].len));
		wrk_json_pair_int64(&state, "timestamp", seconds);
	}
	PG_RETURN_JSONB_P(wrk_json_finish_object(&state));
}

/* "PREFIX" and a signature as one string */
static char *
prefixed(const char *prefix, Bytes signature)
{
	return psprintf("%s%.*s", prefix, (int) signature.len, signature.data);
}

Datum
wrk_webhook_sign(PG_FUNCTION_ARGS)
{
	JsonbParseState *state = NULL;
	bytea *message;
	Bytes body;
	char *secret;

	wrk_require_arg(fcinfo, 0, "body");
	wrk_require_arg(fcinfo, 1, "secret");
	wrk_require_arg(fcinfo, 3, "at");
	message = PG_GETARG_BYTEA_PP(0);
	body = (Bytes){VARDATA_ANY(message), VARSIZE_ANY_EXHDR(message)};
	check_length("the body", body.len, MAX_BODY_LEN);
	secret = wrk_text_arg(fcinfo, 1);
	wrk_json_begin_object(&state);
	if (PG_ARGISNULL(2))
		wrk_json_pair_text(&state, header_names[HEADER_PLAIN],
						   prefixed(PLAIN_PREFIX, plain_signature(secret, body)));
	else
	{
		char *id = wrk_text_arg(fcinfo, 2);
		int64 seconds = PG_GETARG_TIMESTAMPTZ(3) / USECS_PER_SEC +
						(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
		char *timestamp = psprintf(INT64_FORMAT, seconds);
		Bytes id_bytes = {id, strlen(id)};
		Bytes timestamp_bytes = {timestamp, strlen(timestamp)};

		if (!id_is_good(id_bytes) || seconds_of(timestamp_bytes) < 0)
			bad_argument("no webhook can have this id or time");
		wrk_json_pair_text(&state, header_names[HEADER_ID], id);
		wrk_json_pair_text(&state, header_names[HEADER_TIMESTAMP], timestamp);
		wrk_json_pair_text(
			&state, header_names[HEADER_SIGNATURE],
			prefixed(STANDARD_PREFIX,
					 standard_signature(secret, id_bytes, timestamp_bytes, body)));
	}
	PG_RETURN_JSONB_P(wrk_json_finish_object(&state));
}
