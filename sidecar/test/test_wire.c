/* Layer 1: WebSocket frames, request heads, wrk.v1 frames, events, errors, limits. */
#include "errors.h"
#include "event.h"
#include "hello.h"
#include "httphead.h"
#include "mem.h"
#include "ratelimit.h"
#include "tap.h"
#include "utf8.h"
#include "wire.h"
#include "wsframe.h"

#include <stdlib.h>

/* A client's frame as bytes; returns its length. */
static size_t
client_frame(unsigned char *out, const char *payload, size_t len)
{
	static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
	unsigned char header[WS_HEADER_MAX];
	size_t header_len = wsframe_header(header, WS_TEXT, len);

	header[1] |= 0x80;
	memcpy(out, header, header_len);
	memcpy(out + header_len, mask, 4);
	for (size_t i = 0; i < len; i++)
		out[header_len + 4 + i] = (unsigned char) payload[i] ^ mask[i & 3];
	return header_len + 4 + len;
}

static void
test_frame_sizes(void)
{
	static const size_t sizes[] = {0, 1, 7, 8, 125, 126, 127, 65535, 65536, 70000};
	static char payload[70000];
	static unsigned char bytes[70100];
	WsFrame frame;
	size_t used;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (char) (i * 31);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		size_t len = client_frame(bytes, payload, sizes[i]);
		bool short_ok = true;

		for (size_t cut = 0; cut < len && cut < 20; cut++)
			short_ok &=
				wsframe_parse(bytes, cut, 70000, false, &frame, &used) == WS_NEED_MORE;
		ok(short_ok &&
			   wsframe_parse(bytes, len, 70000, false, &frame, &used) == WS_FRAME &&
			   used == len && frame.len == sizes[i] && frame.fin &&
			   memcmp(frame.payload, payload, sizes[i]) == 0,
		   "a frame of %zu bytes is read when it is whole", sizes[i]);
	}
}

static void
breaks(const char *bytes, size_t len, WsParse expected, const char *name)
{
	unsigned char copy[32];
	WsFrame frame;
	size_t used;

	memcpy(copy, bytes, len);
	ok(wsframe_parse(copy, len, 1000, false, &frame, &used) == expected, "%s", name);
}

static void
test_broken_frames(void)
{
	breaks("\x81\x01x", 3, WS_BROKEN, "no mask");
	breaks("\xc1\x81\0\0\0\0x", 7, WS_BROKEN, "a reserved bit");
	breaks("\x40", 1, WS_BROKEN, "a reserved bit, seen at the first byte");
	breaks("\x83\x81\0\0\0\0x", 7, WS_BROKEN, "a reserved opcode");
	breaks("\x09\x80\0\0\0\0", 6, WS_BROKEN, "a fragmented ping");
	breaks("\x89\xfe\0\x80\0\0\0\0", 8, WS_BROKEN, "a long ping");
	breaks("\x81\xfe\0\x7d\0\0\0\0", 8, WS_BROKEN, "125 bytes said in two");
	breaks("\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14, WS_BROKEN, "65535 said in eight");
	breaks("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, WS_BROKEN,
		   "a negative length");
	breaks("\x81\xfe\x03\xe9", 4, WS_TOO_LARGE, "one byte more than allowed");
	breaks("\x81\xfe\x03\xe8\0\0\0\0", 8, WS_NEED_MORE, "just what is allowed");
}

static void
test_utf8(void)
{
	static const char *const good[] = {"",
									   "ascii only, more than eight bytes",
									   "\xc2\x80",
									   "\xe0\xa0\x80",
									   "\xed\x9f\xbf",
									   "\xef\xbf\xbf",
									   "\xf0\x90\x80\x80",
									   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80",
									  "\xc0\x80",
									  "\xc1\xbf",
									  "\xe0\x9f\xbf",
									  "\xed\xa0\x80",
									  "\xf0\x8f\xbf\xbf",
									  "\xf4\x90\x80\x80",
									  "\xf5\x80\x80\x80",
									  "\xe2\x82",
									  "12345678\xff",
									  "\xc3(",
									  "\xe2\x28\xa1"};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		wrong += !utf8_is_valid((const unsigned char *) good[i], strlen(good[i]));
	ok(wrong == 0, "well-formed UTF-8 is taken");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		wrong += utf8_is_valid((const unsigned char *) bad[i], strlen(bad[i]));
	ok(wrong == 0, "ill-formed UTF-8 is not");
}

static HttpParse
parse_head(const char *text, HttpHead *head)
{
	static char bytes[HTTP_HEAD_MAX + 100];
	size_t used;

	snprintf(bytes, sizeof(bytes), "%s", text);
	return http_head_parse(bytes, strlen(bytes), head, &used);
}

static void
test_http_head(void)
{
	HttpHead head;
	HttpListState state = {0, NULL};
	const char *item;
	size_t len;
	Buf items = {0};

	ok(parse_head(
		   "GET /a?b=c HTTP/1.1\r\nHost: x\r\nP: one,two\r\nq:  \r\np: three \r\n\r\n",
		   &head) == HTTP_HEAD_DONE &&
		   strcmp(head.path, "/a") == 0 && strcmp(head.query, "b=c") == 0 &&
		   strcmp(http_header(&head, "host"), "x") == 0 &&
		   http_header(&head, "none") == NULL,
	   "a head is read");
	while (http_list_next(&head, "P", &state, &item, &len))
		buf_printf(&items, "[%.*s]", (int) len, item);
	ok(strcmp(buf_cstr(&items), "[one][two][three]") == 0,
	   "items of repeated headers come one by one");
	ok(http_header_has(&head, "p", "TWO") && !http_header_has(&head, "p", "tw"),
	   "a token is found whole, in any case");
	buf_free(&items);
	ok(parse_head("GET / HTTP/1.1\r\nHost: x\r\n", &head) == HTTP_HEAD_MORE,
	   "no empty line: more is awaited");
	ok(parse_head("GET /\r\n\r\n", &head) == HTTP_HEAD_BROKEN, "no version is refused");
	ok(parse_head("GET http://x/ HTTP/1.1\r\n\r\n", &head) == HTTP_HEAD_BROKEN,
	   "an absolute target is refused");
	ok(parse_head("GET / HTTP/1.1\r\nA : b\r\n\r\n", &head) == HTTP_HEAD_BROKEN,
	   "a space before the colon is refused");
}

static void
test_base64url(void)
{
	char *text = base64url_decode("aGVsbG8_d29ybGQ", 15);

	ok(text != NULL && strcmp(text, "hello?world") == 0, "base64url is decoded");
	free(text);
	ok(base64url_decode("aGVsbG8=", 8) == NULL, "padding is refused");
	ok(base64url_decode("aGVsb", 5) == NULL, "an impossible length is refused");
	ok(base64url_decode("aGVsbH", 6) == NULL, "left-over bits are refused");
	ok(base64url_decode("AA", 2) == NULL, "a NUL inside is refused");
}

static bool
parses(const char *text, Request *request, const char **why)
{
	bool good = request_parse(request, text, strlen(text), why);

	return good;
}

static void
test_requests(void)
{
	Request request;
	const char *why = NULL;

	ok(parses(
		   "{\"type\":\"call\",\"requestId\":\"a\\\"b\",\"channel\":\"c\",\"payload\":{"
		   "\"method\":\"m\",\"n\":1}}",
		   &request, &why) &&
		   strcmp(request.id, "\"a\\\"b\"") == 0 && strcmp(request.channel, "c") == 0 &&
		   strcmp(request_string(&request, "method"), "m") == 0 &&
		   request_string(&request, "n") == NULL &&
		   request_string(&request, "none") == NULL,
	   "a frame is read; the id is kept as JSON");
	request_free(&request);
	ok(parses("{\"type\":\"x\",\"requestId\":17}", &request, &why) &&
		   strcmp(request.id, "17") == 0 && request.payload == NULL,
	   "an id may be an integer, a payload may be absent");
	request_free(&request);
	ok(!parses("{\"requestId\":1,\"type\":2}", &request, &why) &&
		   strcmp(request.id, "1") == 0,
	   "a bad frame keeps its id, so that the error finds the request");
	request_free(&request);
	ok(!parses("{\"type\":\"a\",\"type\":\"b\"}", &request, &why),
	   "no duplicate members");
	request_free(&request);
	ok(!parses("[]", &request, &why), "no arrays");
	request_free(&request);
}

static void
test_answers(void)
{
	Buf out = {0};

	wire_error(&out, "\"r\"", "c",
			   &(WireError){.code = &error_rate_limited,
							.message = "slow \"down\"",
							.retry_after = 20});
	ok(strcmp(
		   buf_cstr(&out),
		   "{\"type\":\"error\",\"requestId\":\"r\",\"channel\":\"c\",\"payload\":{"
		   "\"code\":\"rate_limited\",\"status\":429,\"message\":\"slow \\\"down\\\"\","
		   "\"retry\":\"backoff\",\"retryAfter\":20}}") == 0,
	   "an error frame");
	buf_free(&out);
	wire_error_payload(&out, &(WireError){.code = &error_not_found,
										  .message = "no task",
										  .hint = "Look \"there\"."});
	ok(strcmp(buf_cstr(&out),
			  "{\"code\":\"not_found\",\"status\":404,\"message\":\"no task\","
			  "\"hint\":\"Look \\\"there\\\".\",\"retry\":\"no\"}") == 0,
	   "with a hint");
	buf_free(&out);
	ok(wire_is_ephemeral_type("typing") && wire_is_ephemeral_type("a_1"),
	   "an ephemeral type is a word");
	ok(!wire_is_ephemeral_type("task.updated") && !wire_is_ephemeral_type("entity:x") &&
		   !wire_is_ephemeral_type("error") && !wire_is_ephemeral_type("") &&
		   !wire_is_ephemeral_type("Typing") && !wire_is_ephemeral_type("1a"),
	   "and never the name of an event or of a server's frame");
}

/* Do the payload and its member "p" have these texts? */
static void
has_text(const char *frame, const char *payload, const char *member)
{
	Request request;
	const char *why;
	char *whole = NULL;
	char *part = NULL;

	if (request_parse(&request, frame, strlen(frame), &why))
	{
		whole = request_text(&request, NULL);
		part = request_text(&request, "p");
	}
	ok(whole && strcmp(whole, payload) == 0 && (part == NULL) == (member == NULL) &&
		   (part == NULL || strcmp(part, member) == 0),
	   "%.40s", frame);
	free(whole);
	free(part);
	request_free(&request);
}

static void
test_texts(void)
{
	has_text("{\"type\":\"t\",\"payload\":{\"p\":0.1}}", "{\"p\":0.1}", "0.1");
	has_text("{\"payload\":{\"a\":\"}\\\"{\",\"p\":[1.10,{}]},\"type\":\"t\"}",
			 "{\"a\":\"}\\\"{\",\"p\":[1.10,{}]}", "[1.10,{}]");
	has_text(" {\"payload\" : { \"p\" : \"x\\\\\" } , \"type\":\"t\" } ",
			 "{ \"p\" : \"x\\\\\" }", "\"x\\\\\"");
	has_text("{\"type\":\"t\",\"payload\":{\"p\":18446744073709551616}}",
			 "{\"p\":18446744073709551616}", "18446744073709551616");
	has_text("{\"type\":\"t\",\"payload\":{\"q\":{\"p\":1}}}", "{\"q\":{\"p\":1}}", NULL);
	has_text("{\"type\":\"t\",\"payload\":{\"\\u0070\":0.5}}", "{\"\\u0070\":0.5}",
			 "0.5");
}

static void
test_errors(void)
{
	json_t *array =
		json_loads("[{\"sqlstate\":\"23\",\"code\":\"conflict\",\"status\":409,"
				   "\"retry\":\"refetch\"},{\"sqlstate\":\"23503\",\"code\":"
				   "\"not_found\",\"status\":404,\"retry\":\"no\"},{\"bad\":1}]",
				   0, NULL);

	ok(strcmp(errors_find("23505")->code, "internal") == 0, "unknown is internal");
	errors_load(array);
	ok(strcmp(errors_find("23505")->code, "conflict") == 0, "a prefix matches");
	ok(strcmp(errors_find("23503")->code, "not_found") == 0, "the longest one wins");
	ok(strcmp(errors_find("42883")->code, "internal") == 0, "no match is internal");
	errors_load(NULL);
	json_decref(array);
}

static void
test_hello(void)
{
	Hello hello;
	Buf sql = {0};

	ok(hello_read(&hello, "{\"protocol\":1,\"epoch\":\"e\",\"snapshot\":\"1:1:\","
						  "\"listen\":[\"wrk_event\"]}") &&
		   strcmp(hello_listen(&hello, 0), "wrk_event") == 0 &&
		   hello_listen(&hello, 1) == NULL,
	   "a hello is read");
	hello_free(&hello);
	ok(!hello_read(&hello, "{\"protocol\":2,\"epoch\":\"e\",\"snapshot\":\"1:1:\"}"),
	   "not that of another protocol");
	hello_free(&hello);
	ok(!hello_read(&hello, NULL), "nor none");
	hello_free(&hello);
	ok(strcmp(listen_statement(&sql, "a\"b"), "LISTEN \"a\"\"b\"") == 0,
	   "a channel to listen to is quoted");
	buf_free(&sql);
}

static void
test_events(void)
{
	Event event = {.id = "7",
				   .type = "task.updated",
				   .payload = "{\"a\": 1}",
				   .payload_len = 8,
				   .timestamp = "123",
				   .key = "k"};
	const char *json = "{\"type\":\"task.updated\",\"channel\":\"c\",\"id\":\"7\","
					   "\"payload\":{\"a\": 1},\"sender_id\":null,\"timestamp\":123,"
					   "\"key\":\"k\"}";
	Buf out = {0};
	size_t count;
	char **items;

	event_append_frame(&out, &event, "c");
	ok(out.len == strlen(json) + 2 && out.data[0] == (char) 0x81 &&
		   memcmp(out.data + 2, json, strlen(json)) == 0,
	   "an event is one text frame");
	buf_free(&out);
	items = text_array_parse("{a,\"b,c\",\"d\\\"e\\\\\",tenant:1:x}", &count);
	ok(count == 4 && strcmp(items[1], "b,c") == 0 && strcmp(items[2], "d\"e\\") == 0 &&
		   strcmp(items[3], "tenant:1:x") == 0,
	   "a text[] is read");
	text_array_free(items, count);
	ok(text_array_parse("{}", &count) == NULL && count == 0, "an empty one");
	ok(text_array_parse(NULL, &count) == NULL && count == 0, "and none");
}

static void
test_bucket(void)
{
	Bucket bucket = {0};
	int64_t retry;
	int taken = 0;

	for (int i = 0; i < 30; i++)
		taken += bucket_take(&bucket, 10, 20, 1000, &retry);
	ok(taken == 20 && retry == 100, "a full bucket gives its burst, then says when");
	ok(!bucket_take(&bucket, 10, 20, 1099, &retry) && retry == 1, "not a moment before");
	ok(bucket_take(&bucket, 10, 20, 1100, &retry), "but then");
	taken = 0;
	for (int i = 0; i < 30; i++)
		taken += bucket_take(&bucket, 10, 20, 1000000, &retry);
	ok(taken == 20, "a long pause fills it to the burst and no further");
}

int
main(void)
{
	test_frame_sizes();
	test_broken_frames();
	test_utf8();
	test_http_head();
	test_base64url();
	test_requests();
	test_answers();
	test_texts();
	test_errors();
	test_hello();
	test_events();
	test_bucket();
	return tap_done();
}
