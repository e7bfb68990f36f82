/*
 * Bodies of requests, paths and queries: what is taken, and what is refused rather than
 * guessed at.
 */
#include "httpbody.h"
#include "mem.h"
#include "tap.h"
#include "url.h"

#include <stdlib.h>

#define MAX 64

/* The status that a head with these header lines is refused with, 0 = none. */
static int
begin(const char *lines, HttpBody *body)
{
	static char bytes[1024];
	HttpHead head;
	size_t used;

	snprintf(bytes, sizeof(bytes), "POST / HTTP/1.%s\r\n\r\n", lines);
	if (http_head_parse(bytes, strlen(bytes), &head, &used) != HTTP_HEAD_DONE)
		return 400;
	return http_body_begin(body, &head, MAX);
}

static bool
refused(const char *lines, int status)
{
	HttpBody body;

	return begin(lines, &body) == status;
}

/* A chunked body in one piece, and byte by byte; both must come to the same. */
static bool
decodes(const char *coded, HttpBodyParse result, const char *data, size_t rest)
{
	HttpBody whole;
	HttpBody parts;
	HttpBodyParse last = HTTP_BODY_MORE;
	size_t used = 0;
	size_t total = 0;
	bool good;

	begin("1\r\nTransfer-Encoding: chunked", &whole);
	begin("1\r\nTransfer-Encoding: chunked", &parts);
	good = http_body_feed(&whole, coded, strlen(coded), &used) == result;
	for (size_t i = 0; coded[i] != '\0' && last == HTTP_BODY_MORE; i++)
	{
		size_t one;

		last = http_body_feed(&parts, coded + i, 1, &one);
		total += one;
	}
	good = good && last == result && total == used;
	if (result == HTTP_BODY_DONE)
		good = good && strlen(coded) - used == rest && whole.data.len == strlen(data) &&
			   parts.data.len == whole.data.len &&
			   strcmp(buf_cstr(&whole.data), data) == 0 &&
			   strcmp(buf_cstr(&parts.data), data) == 0;
	buf_free(&whole.data);
	buf_free(&parts.data);
	return good;
}

static void
test_framing(void)
{
	HttpBody body;

	ok(refused("1", 0), "a request without a length has no body");
	ok(begin("1\r\nContent-Length: 0", &body) == 0 && body.state == BODY_DONE,
	   "a body of no bytes is over");
	ok(begin("1\r\nContent-Length: 64", &body) == 0 && body.left == 64,
	   "a body may be as large as is allowed");
	ok(refused("1\r\nContent-Length: 65", 413), "and not one byte larger");
	ok(refused("1\r\nContent-Length: 18446744073709551617", 413), "nor wrap around");
	for (size_t i = 0; i < 8; i++)
	{
		static const char *const values[] = {"-1",   "+1", "0x10", "1 2",
											 "1, 1", "",   "1e1",  "1;"};
		char lines[64];

		snprintf(lines, sizeof(lines), "1\r\nContent-Length: %s", values[i]);
		ok(refused(lines, 400), "no length: \"%s\"", values[i]);
	}
	ok(refused("1\r\nContent-Length: 5\r\nContent-Length: 5", 400),
	   "a length said twice");
	ok(refused("1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", 400),
	   "a length and a coding");
	ok(refused("1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", 400),
	   "a coding and a length");
	ok(refused("1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
	   "a coding said twice");
	ok(refused("1\r\nTransfer-Encoding: identity", 400), "a coding that ends nowhere");
	ok(refused("1\r\nTransfer-Encoding: chunked, gzip", 501) &&
		   refused("1\r\nTransfer-Encoding: gzip, chunked", 501),
	   "codings that are not here");
	ok(refused("1\r\nTransfer-Encoding: xchunked", 400) &&
		   refused("1\r\nTransfer-Encoding: \"chunked\"", 400) &&
		   refused("1\r\nTransfer-Encoding: chunked;q=1", 400),
	   "a coding that is called alike");
	ok(refused("1\r\nTransfer-Encoding : chunked", 400), "a name with a blank behind it");
	ok(refused("0\r\nTransfer-Encoding: chunked", 400), "a coding that HTTP/1.0 has not");
	ok(refused("1\r\nTransfer-Encoding: Chunked", 0), "whatever its case");
}

static void
test_length(void)
{
	HttpBody body;
	size_t used;

	begin("1\r\nContent-Length: 5", &body);
	ok(http_body_feed(&body, "ab", 2, &used) == HTTP_BODY_MORE && used == 2,
	   "a body comes in parts");
	ok(http_body_feed(&body, "cdeGET", 6, &used) == HTTP_BODY_DONE && used == 3,
	   "what follows it is not taken");
	ok(body.data.len == 5 && memcmp(body.data.data, "abcde", 5) == 0, "and it is whole");
	buf_free(&body.data);
}

static void
test_chunks(void)
{
	char extension[400] = "1;";
	char trailers[5000] = "0\r\n";

	ok(decodes("5\r\nhello\r\n0\r\n\r\nGET", HTTP_BODY_DONE, "hello", 3), "one chunk");
	ok(decodes("1\r\na\r\n2;x=\"y\"\r\nbc\r\n0\r\nT: u\r\n\r\n", HTTP_BODY_DONE, "abc",
			   0),
	   "several, with extensions and trailers, which are dropped");
	ok(decodes("000A\r\n0123456789\r\n0\r\n\r\n", HTTP_BODY_DONE, "0123456789", 0),
	   "a size with leading zeros");
	ok(decodes("0\r\n\r\n", HTTP_BODY_DONE, "", 0), "none");
	ok(decodes("3\r\nab", HTTP_BODY_MORE, "", 0), "a chunk that is still coming");
	ok(decodes("41\r\n", HTTP_BODY_TOO_LARGE, "", 0), "a chunk larger than is allowed");
	ok(decodes("40\r\n"
			   "0123456789012345678901234567890123456789012345678901234567890123"
			   "\r\n1\r\n",
			   HTTP_BODY_TOO_LARGE, "", 0),
	   "chunks that are too large together");
	ok(decodes("ffffffff\r\n", HTTP_BODY_TOO_LARGE, "", 0), "a huge chunk");
	ok(decodes("fffffffff\r\n", HTTP_BODY_BROKEN, "", 0) &&
		   decodes("000000005\r\n", HTTP_BODY_BROKEN, "", 0),
	   "a size of too many digits");
	for (size_t i = 0; i < 10; i++)
	{
		static const char *const sizes[] = {"\r\n",   "-1\r\n", "+1\r\n", "0x1\r\n",
											" 1\r\n", "1 \r\n", "g\r\n",  "1\n",
											";x\r\n", "1\rx"};

		ok(decodes(sizes[i], HTTP_BODY_BROKEN, "", 0), "no size: %zu", i);
	}
	ok(decodes("1\r\nab\r\n0\r\n\r\n", HTTP_BODY_BROKEN, "", 0),
	   "data longer than its size");
	ok(decodes("1\r\na\n0\r\n\r\n", HTTP_BODY_BROKEN, "", 0) &&
		   decodes("0\r\n\n", HTTP_BODY_BROKEN, "", 0) &&
		   decodes("0\r\nT: u\n\r\n", HTTP_BODY_BROKEN, "", 0),
	   "lines that end in half of CRLF");
	memset(extension + 2, 'x', 300);
	memcpy(extension + 302, "\r\n", 3);
	ok(decodes(extension, HTTP_BODY_BROKEN, "", 0), "an extension without an end");
	memset(trailers + 3, 'x', 4900);
	ok(decodes(trailers, HTTP_BODY_BROKEN, "", 0), "trailers without an end");
}

static bool
path_is(const char *path, const char *file)
{
	Buf out = {0};
	bool found = url_file_path(&out, path);
	bool good = file ? found && strcmp(buf_cstr(&out), file) == 0 : !found;

	buf_free(&out);
	return good;
}

static void
test_paths(void)
{
	static const char *const bad[] = {
		"/..",
		"/../x",
		"/a/../../x",
		"/%2e%2e/x",
		"/%2E%2E%2Fx",
		"/a%2fb",
		"/a%5cb",
		"/a\\..\\b",
		"//x",
		"/a//b",
		"/./x",
		"/.git/config",
		"/a/.env",
		"/%00",
		"/a%00.html",
		"/%",
		"/%2",
		"/%zz",
		"/%ff",
		"/%c0%ae",
		"/a%0ab",
		"/a%7f",
		"x",
		"",
		"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17",
	};

	ok(path_is("/", "index.html") && path_is("/a/", "a/index.html"),
	   "a folder's page is index.html");
	ok(path_is("/a/b.js", "a/b.js") && path_is("/a%20b.js", "a b.js") &&
		   path_is("/%c3%a4.html", "\xc3\xa4.html"),
	   "names are decoded");
	ok(path_is("/a..b/c...", "a..b/c..."), "dots within a name are of no meaning");
	ok(path_is("/%252e%252e/x", "%2e%2e/x"), "and decoded once");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(path_is(bad[i], NULL), "no file: %s", bad[i]);
	ok(strcmp(url_content_type("a/b.HTML"), "text/html; charset=utf-8") == 0 &&
		   strcmp(url_content_type("a.js/b"), "application/octet-stream") == 0 &&
		   strcmp(url_content_type("x.mjs"), "text/javascript; charset=utf-8") == 0,
	   "types go by the ending of the name");
}

static void
test_queries(void)
{
	const char *query = "a=1&&b=x%20y+z&c&d==&%61=2";
	Buf name = {0};
	Buf value = {0};
	Buf all = {0};
	bool broken = false;

	while (url_query_next(&query, &name, &value, &broken))
		buf_printf(&all, "[%s|%s]", name.data, value.data);
	ok(!broken && strcmp(buf_cstr(&all), "[a|1][b|x y z][c|][d|=][a|2]") == 0,
	   "a query is taken apart");
	query = "a=%zz&b=1";
	ok(!url_query_next(&query, &name, &value, &broken) && broken,
	   "one that cannot be decoded is refused as a whole");
	query = "a=%ff";
	ok(!url_query_next(&query, &name, &value, &broken) && broken,
	   "so is one that is not UTF-8");
	buf_free(&name);
	buf_free(&value);
	buf_free(&all);
}

int
main(void)
{
	test_framing();
	test_length();
	test_chunks();
	test_paths();
	test_queries();
	return tap_done();
}
