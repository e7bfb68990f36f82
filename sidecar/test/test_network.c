/* Layers 0 and 1: whose pages, whose proxies, whose address. */
#include "address.h"
#include "origins.h"
#include "tap.h"

static void
allows(const char *list, const char *origin)
{
	ok(origin_allowed(list, origin), "\"%s\" lets in %s", list,
	   origin ? origin : "(no origin)");
}

static void
refuses(const char *list, const char *origin)
{
	ok(!origin_allowed(list, origin), "\"%s\" keeps out \"%s\"", list, origin);
}

static void
test_origins(void)
{
	static const char good[] = "https://good.example";
	static const char *const tricks[] = {
		"https://good.example.evil.com",
		"https://evilgood.example",
		"https://good.example@evil.com",
		"https://evil.com@good.example",
		"https://evil.com/https://good.example",
		"https://good.example/",
		"https://good.example/path",
		"https://good.example?x",
		"https://good.example#x",
		"https://good.example:444",
		"https://good.example:",
		"https://good.example:443:443",
		"https://good.example:4 43",
		"https://good.example:000443",
		"https://good.example.",
		"https://good.example ",
		" https://good.example",
		"https://good.example,https://evil.com",
		"https://good.example https://evil.com",
		"https://good.examp",
		"https://good",
		"https://*",
		"http://good.example",
		"wss://good.example",
		"https:good.example",
		"//good.example",
		"good.example",
		"https://",
		"://good.example",
		"*",
		"null",
		"NULL",
		"",
	};

	allows(good, good);
	allows(good, "https://GOOD.example:443");
	allows(good, "HTTPS://good.example");
	allows(good, NULL);
	allows("", NULL);
	allows("https://other.example, https://good.example", good);
	allows("https://other.example\thttps://good.example:443 ", good);
	for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++)
		refuses(good, tricks[i]);
	refuses("", good);
	refuses(" , ", good);
}

static void
test_wild_origins(void)
{
	allows("*", "https://any.example");
	allows("*", "null");
	allows("null", "null");
	refuses("null", "https://good.example");
	refuses("null", "nullx");
	allows("https://*.good.example", "https://a.good.example");
	allows("https://*.good.example", "https://a.b.good.example");
	refuses("https://*.good.example", "https://good.example");
	refuses("https://*.good.example", "https://.good.example");
	refuses("https://*.good.example", "https://..good.example");
	refuses("https://*.good.example", "https://evilgood.example");
	refuses("https://*.good.example", "https://a.good.example.evil.com");
	refuses("https://*.good.example", "https://evil.com/.good.example");
	refuses("https://*.good.example", "https://a.good.example:8443");
	refuses("https://*.good.example", "http://a.good.example");
	allows("http://localhost:*", "http://localhost:3000");
	allows("http://localhost:*", "http://localhost");
	refuses("http://localhost:*", "http://localhost:x");
	refuses("http://localhost:*", "http://localhost.evil.com:3000");
	allows("http://[::1]:3000", "http://[::1]:3000");
	refuses("http://[::1]:3000", "http://[::1]");
	refuses("http://[::1]:3000", "http://[::1:3000");
	allows("app+x://host", "app+x://host");
}

static void
checks(bool (*check)(const char *, Buf *), const char *list, bool good)
{
	Buf error = {0};

	ok(check(list, &error) == good && (error.len == 0) == good, "\"%s\" is %s", list,
	   good ? "a list" : "refused");
	buf_free(&error);
}

static void
test_lists(void)
{
	checks(origins_check, "", true);
	checks(origins_check, "*, null https://a https://*.b.c:8443 http://x:*", true);
	checks(origins_check, "https://a/", false);
	checks(origins_check, "a.example", false);
	checks(origins_check, "https://a*.example", false);
	checks(origins_check, "https://*", false);
	checks(origins_check, "https://*.", false);
	checks(origins_check, "https://a:70000000", false);
	checks(networks_check, "", true);
	checks(networks_check, "10.0.0.0/8, 192.0.2.7 2001:db8::/32,::1", true);
	checks(networks_check, "10.0.0.0/33", false);
	checks(networks_check, "10.0.0.0/", false);
	checks(networks_check, "10.0.0.0/-1", false);
	checks(networks_check, "10.0.0.0/8/8", false);
	checks(networks_check, "10.0.0/8", false);
	checks(networks_check, "10.0.0.0/0008", false);
	checks(networks_check, "::1/129", false);
	checks(networks_check, "fe80::1%eth0", false);
	checks(networks_check, "localhost", false);
}

static bool
has(const char *list, const char *text)
{
	Address address;

	return address_parse(text, strlen(text), &address) && networks_have(list, &address);
}

static void
test_networks(void)
{
	ok(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"), "whole bytes");
	ok(has("10.0.0.0/9", "10.127.0.1") && !has("10.0.0.0/9", "10.128.0.1"), "and bits");
	ok(has("192.0.2.7", "192.0.2.7") && !has("192.0.2.7", "192.0.2.8"), "one address");
	ok(has("192.0.2.7/31", "192.0.2.6"), "bits behind the prefix do not count");
	ok(has("0.0.0.0/0", "8.8.8.8") && !has("0.0.0.0/0", "2001:db8::1"), "all of IPv4");
	ok(has("::/0", "8.8.8.8") && has("::/0", "2001:db8::1"), "all there is");
	ok(has("2001:db8::/33", "2001:db8:7fff::1") &&
		   !has("2001:db8::/33", "2001:db8:8000::1"),
	   "IPv6 bits");
	ok(has("10.0.0.0/8", "::ffff:10.1.1.1"), "IPv4 in IPv6 clothes is IPv4");
	ok(has("::ffff:10.0.0.0/104", "10.1.1.1"), "in the list as well");
	ok(!has("", "10.0.0.1"), "nobody is in an empty list");
	ok(has("nonsense, 10.0.0.1", "10.0.0.1"), "what is no network has nobody");
	ok(!has("10.0.0.1", "10.0.0.1 ") && !has("10.0.0.1", "010.0.0.1") &&
		   !has("::/0", "1.2.3") && !has("::/0", ""),
	   "what is no address is nowhere");
	ok(has("fe80::/10", "fe80::1%eth0"), "a peer's zone does not matter");
}

/* The address that a request with these header lines is from. */
static const char *
client_of(const char *peer, const char *trusted, const char *lines)
{
	static char text[ADDRESS_TEXT_MAX];
	Buf bytes = {0};
	HttpHead head;
	size_t used;

	snprintf(text, sizeof(text), "%s", peer);
	buf_printf(&bytes, "GET / HTTP/1.1\r\n%s\r\n", lines);
	if (http_head_parse(bytes.data, bytes.len, &head, &used) == HTTP_HEAD_DONE)
		address_behind_proxies(&head, trusted, text, text);
	else
		snprintf(text, sizeof(text), "broken");
	buf_free(&bytes);
	return text;
}

static void
is_from(const char *peer, const char *lines, const char *expected, const char *name)
{
	const char *got = client_of(peer, "10.0.0.0/8 2001:db8::/32", lines);

	ok(strcmp(got, expected) == 0, "%s (%s)", name, got);
}

#define XFF "X-Forwarded-For: "

static void
test_proxies(void)
{
	char many[6000] = XFF;

	is_from("192.0.2.1", "", "192.0.2.1", "no proxy");
	is_from("192.0.2.1", XFF "1.1.1.1\r\n", "192.0.2.1", "who is not listed is ignored");
	is_from("10.0.0.1", "", "10.0.0.1", "a proxy that says nothing");
	is_from("10.0.0.1", XFF "1.1.1.1\r\n", "1.1.1.1", "a proxy's word");
	is_from("10.0.0.1", XFF "9.9.9.9, 1.1.1.1\r\n", "1.1.1.1",
			"what the client put in front does not count");
	is_from("10.0.0.1", XFF "9.9.9.9, 10.0.0.9, 1.1.1.1\r\n", "1.1.1.1",
			"not even with a proxy's address");
	is_from("10.0.0.1", XFF "1.1.1.1, 10.0.0.2, 10.0.0.3\r\n", "1.1.1.1", "a chain");
	is_from("10.0.0.1", XFF "9.9.9.9\r\n" XFF "1.1.1.1\r\n", "1.1.1.1", "in two lines");
	is_from("10.0.0.1", XFF "1.1.1.1\r\n" XFF "10.0.0.2\r\n", "1.1.1.1",
			"a chain in two lines");
	is_from("10.0.0.1", XFF "10.0.0.4, 10.0.0.2\r\n", "10.0.0.4", "proxies only");
	is_from("10.0.0.1", XFF "1.1.1.1, unknown\r\n", "10.0.0.1",
			"behind what nobody understands nothing counts");
	is_from("10.0.0.1", XFF "1.1.1.1, <script>, 10.0.0.2\r\n", "10.0.0.2",
			"the last one known is as far as it goes");
	is_from("10.0.0.1", XFF "unknown, 1.1.1.1\r\n", "1.1.1.1", "garbage in front");
	is_from("10.0.0.1", XFF ",, ,\r\n", "10.0.0.1", "empty items");
	is_from("10.0.0.1", XFF "1.1.1.1:5555\r\n", "1.1.1.1", "with a port");
	is_from("10.0.0.1", XFF "\"[2001:0DB9::1]:80\"\r\n", "2001:db9::1",
			"IPv6 in brackets and quotes");
	is_from("10.0.0.1", XFF "[2001:db9::1\r\n", "10.0.0.1", "a bracket that stays open");
	is_from("10.0.0.1", XFF "[2001:db9::1]x\r\n", "10.0.0.1", "something behind it");
	is_from("10.0.0.1", XFF "::ffff:1.1.1.1\r\n", "1.1.1.1", "IPv4 in IPv6 clothes");
	is_from("2001:db8::5", XFF "2001:db9::1\r\n", "2001:db9::1", "an IPv6 proxy");
	is_from("", XFF "1.1.1.1\r\n", "", "a peer that is not known");
	ok(strcmp(client_of("10.0.0.1", "", XFF "1.1.1.1\r\n"), "10.0.0.1") == 0,
	   "nobody is listed unless said so");
	for (size_t len = strlen(many); len < sizeof(many) - 32; len = strlen(many))
		snprintf(many + len, sizeof(many) - len, "9.9.9.%zu,", len % 256);
	strcat(many, "1.1.1.1,10.0.0.2\r\n");
	is_from("10.0.0.1", many, "1.1.1.1", "a long list");
}

int
main(void)
{
	test_origins();
	test_wild_origins();
	test_lists();
	test_networks();
	test_proxies();
	return tap_done();
}
