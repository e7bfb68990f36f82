/*
 * What parses a client's bytes, under seeded random input: request heads and bodies,
 * what streams and polls ask for, paths, frames, compressed ones, JSON. Damaged samples
 * rather than noise, each in a block of its own size, so that the address sanitizer sees
 * the first byte too far. WRK_FUZZ_MS sets the time, WRK_SEED the beginning; a failure
 * names its seed.
 */
#include "asked.h"
#include "deflate.h"
#include "event.h"
#include "fuzz.h"
#include "httpbody.h"
#include "httphead.h"
#include "mem.h"
#include "twin.h"
#include "url.h"
#include "utf8.h"
#include "wire.h"
#include "wsframe.h"

#include <stdlib.h>

#define DEFAULT_MS 1000
#define MAX_INPUT 4096

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

/* Any, or one that means something to a parser. */
static unsigned char
some_byte(void)
{
	return below(2) ? (unsigned char) next()
					: (unsigned char) " \t\r\n\"\\{}[]:,09eE-+./?"[below(22)];
}

/* A damaged sample, exactly as large as it is. */
static unsigned char *
damage(const unsigned char *sample, size_t len, size_t *size)
{
	static unsigned char work[MAX_INPUT];
	unsigned char *copy;

	memcpy(work, sample, len);
	len = mutate(work, len, sizeof(work), some_byte);
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
	bool deflate = below(2);
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
		result = wsframe_parse(again, i, 200, deflate, &part, &used);
	end = wsframe_parse(bytes, len, 200, deflate, &whole, &used);
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

static const char *const bodies[] = {
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n"
	"00A\r\n0123456789\r\n0\r\nT: u\r\n\r\nGET / HTTP/1.1\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\nhello, worldGET / HTTP/1.1\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
};

/* Takes a body in pieces of at most that many bytes; how many there were in *used. */
static HttpBodyParse
feed(const HttpHead *head, const char *bytes, size_t len, size_t piece, Buf *data,
	 size_t *used)
{
	HttpBody body;
	HttpBodyParse result = HTTP_BODY_MORE;
	size_t at = 0;

	if (http_body_begin(&body, head, 64) != 0)
		return HTTP_BODY_BROKEN;
	while (at < len && result == HTTP_BODY_MORE)
	{
		size_t size = len - at < piece ? len - at : piece;
		size_t taken;

		result = http_body_feed(&body, bytes + at, size, &taken);
		at += taken;
		if (taken < size && result == HTTP_BODY_MORE)
			result = HTTP_BODY_DONE; /* there is none */
	}
	*data = body.data;
	*used = at;
	return result;
}

/* A body is the same however it comes, lies within its bytes, and within its bound. */
static bool
fuzz_body(void)
{
	const char *sample = bodies[below(sizeof(bodies) / sizeof(bodies[0]))];
	size_t len;
	char *bytes = (char *) damage((const unsigned char *) sample, strlen(sample), &len);
	HttpHead head;
	size_t used = 0;
	bool good = true;

	if (http_head_parse(bytes, len, &head, &used) == HTTP_HEAD_DONE)
	{
		Buf whole = {0};
		Buf parts = {0};
		size_t end = 0;
		size_t other = 0;
		HttpBodyParse one = feed(&head, bytes + used, len - used, len, &whole, &end);
		HttpBodyParse two =
			feed(&head, bytes + used, len - used, 1 + below(4), &parts, &other);

		good = one == two && end == other && used + end <= len && whole.len <= 64 &&
			   whole.len == parts.len &&
			   (whole.len == 0 || memcmp(whole.data, parts.data, whole.len) == 0);
		buf_free(&whole);
		buf_free(&parts);
	}
	free(bytes);
	return good;
}

/* No path that is taken leaves its folder or names what is hidden. */
static bool
path_is_safe(const char *path)
{
	bool start = true;

	for (const char *c = path; *c; c++)
	{
		if (start && (*c == '.' || *c == '/'))
			return false;
		if (*c == '\\' || (unsigned char) *c < 0x20)
			return false;
		start = *c == '/';
	}
	return !start;
}

static const char *const paths[] = {
	"/a/b.js",
	"/%2e%2e/%2E./x",
	"/../a//b",
	"/a%2fb%5c..%00",
	"/%252e/",
	"/.git/a/",
	"/sub/%c3%a4.html?x=1&y=%20+&token=a.b.c",
};

static bool
fuzz_url(void)
{
	const char *sample = paths[below(sizeof(paths) / sizeof(paths[0]))];
	size_t len;
	unsigned char *bytes = damage((const unsigned char *) sample, strlen(sample), &len);
	char *text = mem_strndup((char *) bytes, len);
	const char *query = text;
	bool broken = false;
	Buf out = {0};
	Buf name = {0};
	Buf value = {0};
	size_t items = 0;
	bool good = true;

	if (url_file_path(&out, text))
		good = path_is_safe(buf_cstr(&out)) && strlen(out.data) == out.len &&
			   url_content_type(out.data) != NULL;
	while (url_query_next(&query, &name, &value, &broken))
		items++;
	good = good && items <= len && query <= text + strlen(text);
	buf_free(&out);
	buf_free(&name);
	buf_free(&value);
	free(text);
	free(bytes);
	return good;
}

static const char *const asked_bodies[] = {
	"{\"subscriptions\":[{\"channel\":\"a\",\"presence\":{\"status\":\"idle\",\"meta\":"
	"{\"n\":[1.10,\"]}\"]}},\"version\":\"0f\"} , {\"channel\":\"b\",\"presence\":null}],"
	"\"since\":\"e.1:1:\",\"types\":[\"t.*\"],\"wait\":5,\"page\":\"p\"}",
	"{\"channel\":\"a\",\"type\":\"cursor\",\"data\":{\"x\":1},\"page\":\"p\"}",
};
static const char *const asked_queries[] = {
	"channel=a&presence=idle&meta=%7B%22n%22:1%7D&channel=b&presence=&since=e.1&page=p",
	"channel=a&types=x.*,y&last_event_id=z&presence=active&meta={\"a\":[{}]}",
};

/* Each payload is one object with no members but those of a subscribe. */
static bool
payloads_are_whole(const Asked *asked)
{
	for (size_t i = 0; i < asked->nwanted; i++)
	{
		static const char *const known[] = {"since", "types", "presence", "version"};
		const char *text = asked->wanted[i].payload;
		json_t *root = wire_load(text, strlen(text));
		size_t count = 0;

		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			count += json_object_get(root, known[k]) != NULL;
		if (root == NULL || json_object_size(root) != count)
		{
			json_decref(root);
			return false;
		}
		json_decref(root);
	}
	return true;
}

static bool
fuzz_asked(void)
{
	const char *sample = below(2) ? asked_bodies[below(2)] : asked_queries[below(2)];
	size_t len;
	unsigned char *bytes = damage((const unsigned char *) sample, strlen(sample), &len);
	char *text = mem_strndup((char *) bytes, len);
	Asked asked = {.most = 4};
	bool good;

	if (*sample == 'c')
		asked_read_query(&asked, text, below(2) ? text : NULL);
	else if (sample == asked_bodies[0])
		asked_read_poll(&asked, (char *) bytes, len);
	else
		asked_read_publish(&asked, (char *) bytes, len);
	good = (asked.error == NULL) == (asked.why == NULL) && asked.nwanted <= 4 &&
		   (asked.error != NULL || payloads_are_whole(&asked));
	asked_free(&asked);
	free(text);
	free(bytes);
	return good;
}

/* Inflating is bounded and changes nothing; what we compress comes back. */
static bool
fuzz_deflate(void)
{
	char text[1200];
	size_t len = below(sizeof(text));
	Buf frame = {0};
	Buf back = {0};
	WsOpcode opcode;
	const char *payload;
	size_t size;
	size_t damaged;
	unsigned char *bytes;
	bool good = true;

	for (size_t i = 0; i < len; i++)
		text[i] = below(4) ? "abcabc\"{"[below(8)] : (char) next();
	deflate_append_frame(&frame, text, len);
	wsframe_walk(frame.data, &opcode, &payload, &size);
	if ((frame.data[0] & 0x40) != 0)
		good = deflate_inflate(&back, (const unsigned char *) payload, size, len) ==
				   INFLATE_DONE &&
			   back.len == len && memcmp(back.data, text, len) == 0;
	back.len = 0;
	bytes = damage((const unsigned char *) payload, size, &damaged);
	if (deflate_inflate(&back, bytes, damaged, 500) == INFLATE_DONE)
		good = good && back.len <= 500;
	free(bytes);
	buf_free(&frame);
	buf_free(&back);
	return good;
}

static const char *const offers[] = {
	"GET / HTTP/1.1\r\nSec-WebSocket-Extensions: permessage-deflate; "
	"client_max_window_bits=\"10\"; server_max_window_bits=15, permessage-deflate\r\n\r\n",
	"GET / HTTP/1.1\r\nIf-None-Match: W/\"a\", *\r\nSec-WebSocket-Extensions: "
	"x;y=z ,permessage-deflate;;\r\n\r\n",
};

static bool
fuzz_offer(void)
{
	const char *sample = offers[below(2)];
	size_t len;
	char *bytes = (char *) damage((const unsigned char *) sample, strlen(sample), &len);
	HttpHead head;
	size_t used;
	Buf answer = {0};
	bool good = true;

	if (http_head_parse(bytes, len, &head, &used) == HTTP_HEAD_DONE)
		good = deflate_negotiate(&head, &answer) == (answer.len > 0);
	buf_free(&answer);
	free(bytes);
	return good;
}

/* A run of frames is the same in every framing: as many, and nothing lost. */
static bool
fuzz_twin(void)
{
	Buf out = {0};
	Buf list = {0};
	Chunk *chunk;
	uint32_t count = 1 + (uint32_t) below(4);
	bool good;

	for (uint32_t i = 0; i < count; i++)
	{
		Buf json = {0};
		size_t len = below(3) ? below(300) : 65530 + below(10);

		buf_puts(&json,
				 below(2) ? "{\"type\":\"position\",\"payload\":{\"position\":\"" : "\"");
		for (size_t c = 0; c < len; c++)
			buf_append(&json, &"abc\n\r:"[below(6)], 1);
		buf_puts(&json, "\"");
		wsframe_append(&out, WS_TEXT, json.data, json.len);
		buf_append(&list, json.data, json.len);
		buf_puts(&list, ",");
		buf_free(&json);
	}
	chunk = chunk_new(CLASS_CRITICAL, out.data, out.len, count, NULL);
	good = chunk_as(chunk, FRAMING_LIST)->len == list.len &&
		   memcmp(chunk_as(chunk, FRAMING_LIST)->data, list.data, list.len) == 0 &&
		   chunk_as(chunk, FRAMING_SSE)->frames == count &&
		   chunk_as(chunk, FRAMING_DEFLATE)->len > 0;
	chunk_unref(chunk);
	buf_free(&out);
	buf_free(&list);
	return good;
}

int
main(void)
{
	static const FuzzCase cases[] = {
		{"request heads", fuzz_head},
		{"frames", fuzz_frame},
		{"requests", fuzz_request},
		{"bodies", fuzz_body},
		{"what is asked", fuzz_asked},
		{"paths and queries", fuzz_url},
		{"compressed messages", fuzz_deflate},
		{"offers of extensions", fuzz_offer},
		{"frames of other transports", fuzz_twin},
	};

	return fuzz_all(cases, sizeof(cases) / sizeof(cases[0]), DEFAULT_MS);
}
