/*
 * What parses a client's bytes, under seeded random input: request heads, frames,
 * JSON. Damaged samples rather than noise, each in a block of its own size, so that
 * the address sanitizer sees the first byte too far. WRK_FUZZ_MS sets the time,
 * WRK_SEED the beginning; a failure names its seed.
 */
#include "clock.h"
#include "httphead.h"
#include "mem.h"
#include "tap.h"
#include "wire.h"
#include "wsframe.h"

#include <stdlib.h>

#define DEFAULT_MS 1000
#define MAX_INPUT 4096

static uint64_t state;

/* splitmix64 */
static uint64_t
next(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static size_t
below(size_t limit)
{
	return next() % limit;
}

static const char *const heads[] = {
	"GET /readyz?x=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
	"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
	"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
	"Sec-WebSocket-Protocol: wrk.v1, wrk.bearer.YWJj ,,x\r\n\r\n",
	"HEAD /\n\n",
};
static const char *const frames[] = {
	"{\"type\":\"call\",\"requestId\":7,\"payload\":{\"method\":\"a\",\"params\":{\"x\":[1.10,"
	"{\"y\":\"\\u20ac\\\"}\"}]},\"key\":null}}",
	"{ \"payload\" : { \"since\" : \"e.1:2:\" , \"p\" : -0.5e-3 } , \"type\" : \"subscribe\" , "
	"\"channel\" : \"project:1\" }",
	"{\"type\":\"publish\",\"channel\":\"c\",\"payload\":{\"type\":\"t\",\"data\":\"\\\\\"}}",
	"{\"type\":\"t\",\"payload\":{\"\\u0070\":18446744073709551616,\"q\":[[],{},\"\"]}}",
};

/* A sample with some bytes changed, cut out, doubled; exactly as large as it is. */
static unsigned char *
damage(const unsigned char *sample, size_t len, size_t *size)
{
	static unsigned char work[MAX_INPUT];
	unsigned char *copy;

	memcpy(work, sample, len);
	for (size_t n = below(4); n > 0 && len > 1; n--)
	{
		size_t at = below(len);
		size_t span = 1 + below(len - at);

		switch (below(4))
		{
			case 0:
				work[at] = (unsigned char) next();
				break;
			case 1:
				work[at] = (unsigned char) " \t\r\n\"\\{}[]:,09eE-+./?"[below(22)];
				break;
			case 2:
				memmove(work + at, work + at + span, len - at - span);
				len -= span;
				break;
			default:
				if (len + span > MAX_INPUT)
					break;
				memmove(work + at + span, work + at, len - at);
				len += span;
				break;
		}
	}
	copy = mem_alloc(len);
	memcpy(copy, work, len);
	*size = len;
	return copy;
}

/* Every list and header of what was taken may be walked. */
static bool
fuzz_head(void)
{
	const char *sample = heads[below(sizeof(heads) / sizeof(heads[0]))];
	HttpListState walk = {0, NULL};
	HttpHead head;
	const char *item;
	size_t len;
	size_t used = 0;
	size_t items = 0;
	bool good = true;
	char *bytes = (char *) damage((const unsigned char *) sample, strlen(sample), &len);

	if (http_head_parse(bytes, len, &head, &used) == HTTP_HEAD_DONE)
	{
		size_t item_len;

		good = used <= len && *head.method != '\0' && *head.path == '/';
		while (http_list_next(&head, "Sec-WebSocket-Protocol", &walk, &item, &item_len))
		{
			free(base64url_decode(item, item_len));
			good = good && item >= bytes && item + item_len <= bytes + len;
			items++;
		}
		good = good && items <= len;
	}
	free(bytes);
	return good;
}

/* A frame lies within its bytes, and is the same when they come one by one. */
static bool
fuzz_frame(void)
{
	unsigned char sample[300] = {(unsigned char) next(), (unsigned char) next()};
	size_t len;
	unsigned char *bytes;
	unsigned char *again;
	WsFrame whole;
	WsFrame part;
	WsParse result = WS_NEED_MORE;
	WsParse end;
	size_t used = 0;
	bool good = true;

	if (below(2))
		sample[0] = (unsigned char) (0x80 | below(11));
	sample[1] = (unsigned char) (sample[1] | (below(8) ? 0x80 : 0));
	for (size_t i = 2; i < sizeof(sample); i++)
		sample[i] = below(3) ? (unsigned char) next() : 0;
	bytes = damage(sample, 2 + below(sizeof(sample) - 2), &len);
	again = mem_alloc(len);
	memcpy(again, bytes, len);
	for (size_t i = 1; i <= len && result == WS_NEED_MORE; i++)
		result = wsframe_parse(again, i, 200, &part, &used);
	end = wsframe_parse(bytes, len, 200, &whole, &used);
	good = result == end;
	if (good && end == WS_FRAME)
		good = used <= len && whole.payload + whole.len == bytes + used &&
			   whole.len == part.len &&
			   memcmp(whole.payload, part.payload, part.len) == 0 &&
			   (whole.opcode != WS_CLOSE || wsframe_close_code(&whole) >= 1000);
	free(bytes);
	free(again);
	return good;
}

/* The text handed on for a member parses to what the member is. */
static bool
text_is_same(const Request *request, const char *name)
{
	const json_t *member =
		name ? json_object_get(request->payload, name) : request->payload;
	char *text = request_text(request, name);
	json_t *parsed =
		text ? json_loads(text, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL) : NULL;
	char *one = member ? json_dumps(member, JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
	json_t *reread =
		one ? json_loads(one, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL) : NULL;
	bool same = (text == NULL) == (member == NULL) &&
				(text == NULL || json_equal(parsed, reread));

	json_decref(parsed);
	json_decref(reread);
	free(one);
	free(text);
	return same;
}

static bool
fuzz_request(void)
{
	const char *sample = frames[below(sizeof(frames) / sizeof(frames[0]))];
	size_t len;
	char *bytes = (char *) damage((const unsigned char *) sample, strlen(sample), &len);
	const char *why = NULL;
	Request request;
	bool good = true;

	utf8_is_valid((const unsigned char *) bytes, len);
	if (request_parse(&request, bytes, len, &why))
	{
		good = text_is_same(&request, NULL) && text_is_same(&request, "params") &&
			   text_is_same(&request, "p") && text_is_same(&request, "data");
		wire_is_ephemeral_type(request.type);
	}
	else
		good = why != NULL;
	request_free(&request);
	free(bytes);
	return good;
}

/* Runs one of them for its share of the time. */
static void
fuzz(const char *name, bool (*one)(void), uint64_t seed, int64_t ms)
{
	int64_t end = clock_now_ms() + ms;
	uint64_t failed = 0;

	while (clock_now_ms() < end && failed == 0)
	{
		state = ++seed;
		if (!one())
			failed = seed;
	}
	ok(failed == 0, "%s", name);
	if (failed != 0)
		printf("# WRK_SEED=%llu\n", (unsigned long long) failed - 1);
}

int
main(void)
{
	const char *ms_text = getenv("WRK_FUZZ_MS");
	const char *seed_text = getenv("WRK_SEED");
	int64_t ms = (ms_text ? atoll(ms_text) : DEFAULT_MS) / 3;
	uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10)
							  : (uint64_t) clock_jitter(INT64_MAX) >> 20;

	printf("# WRK_SEED=%llu\n", (unsigned long long) seed);
	fuzz("request heads", fuzz_head, seed, ms);
	fuzz("frames", fuzz_frame, seed, ms);
	fuzz("requests", fuzz_request, seed, ms);
	return tap_done();
}
