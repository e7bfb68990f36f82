/*
 * What streams, polls and publishes ask for: payloads of subscribe frames.
 */
#include "asked.h"
#include "mem.h"
#include "tap.h"
#include "wire.h"

#include <stdlib.h>

/* The payload of the n-th channel, "" when there is none. */
static const char *
payload(const Asked *asked, size_t n)
{
	return n < asked->nwanted ? asked->wanted[n].payload : "";
}

static Asked
query(const char *text, const char *newest)
{
	Asked asked = {.most = 3};

	asked_read_query(&asked, text, newest);
	return asked;
}

static Asked
body(const char *text)
{
	Asked asked = {.most = 3};

	asked_read_poll(&asked, text, strlen(text));
	return asked;
}

/* Is it refused with that status? */
static bool
refused(Asked asked, int status)
{
	bool is = asked.error != NULL && asked.error->status == status && asked.why != NULL;

	asked_free(&asked);
	return is;
}

static bool
has_payload(Asked asked, const char *text)
{
	bool has = asked.error == NULL && strcmp(payload(&asked, 0), text) == 0;

	if (!has)
		printf("# %s: %s\n", asked.why ? asked.why : "taken", payload(&asked, 0));
	asked_free(&asked);
	return has;
}

static void
test_queries(void)
{
	Asked asked = query("channel=a&since=1&presence=idle&channel=b&channel=a&types=x.*,y"
						"&page=p&last_event_id=2",
						"3");

	ok(asked.error == NULL && asked.nwanted == 2 && strcmp(asked.since, "3") == 0 &&
		   strcmp(asked.page, "p") == 0,
	   "channels are named once, and the newest position counts");
	ok(strcmp(payload(&asked, 0), "{\"since\":\"3\",\"types\":[\"x.*\",\"y\"],"
								  "\"presence\":{\"status\":\"idle\"}}") == 0 &&
		   strstr(payload(&asked, 1), "presence") == NULL,
	   "presence is of the channel before it");
	asked_free(&asked);
	ok(has_payload(query("channel=a&channel=b&channel=a&presence=idle", NULL),
				   "{\"since\":null,\"presence\":{\"status\":\"idle\"}}"),
	   "also if that was named before");
	ok(has_payload(query("channel=a&presence=", NULL),
				   "{\"since\":null,\"presence\":null}"),
	   "presence without a value is not to be there any more");
	ok(has_payload(query("channel=a&presence=x%22y&meta=%7B%22n%22%3A1.10%7D", NULL),
				   "{\"since\":null,\"presence\":{\"status\":\"x\\\"y\","
				   "\"meta\":{\"n\":1.10}}}"),
	   "meta stays as it was written, a status is a string");
	ok(refused(query("presence=active&channel=a", NULL), 400) &&
		   refused(query("channel=a&meta={}", NULL), 400) &&
		   refused(query("channel=a&presence=&meta={}", NULL), 400) &&
		   refused(query("channel=a&presence=idle&presence=away", NULL), 400),
	   "presence stands once behind its channel, meta behind that");
	ok(refused(query("channel=a&presence=idle&meta={}},\"channel\":{\"x\":{}", NULL),
			   400) &&
		   refused(query("channel=a&presence=idle&meta=[]", NULL), 400) &&
		   refused(query("channel=a&presence=idle&meta={\"a\":1,\"a\":2}", NULL), 400),
	   "meta is one object and nothing else");
	ok(refused(query("channel=a&channel=b&channel=c&channel=d", NULL), 429) &&
		   refused(query("channel=%zz", NULL), 400) &&
		   refused(query("channel=a", "\xff"), 400),
	   "too many channels, and what cannot be read");
}

static void
test_polls(void)
{
	Asked asked = body("{\"subscriptions\":[ {\"channel\":\"a\"} ,{\"presence\" : "
					   "{\"meta\":{\"n\":1.10,\"t\":\"]},\\\"\"}} , \"channel\":\"b\","
					   "\"since\":\"9\",\"version\":\"v\"}],\"since\":\"1\","
					   "\"types\":[\"x\"],\"wait\":7}");

	ok(asked.error == NULL && asked.nwanted == 2 && asked.wait == 7,
	   "a poll names channels and how long it waits");
	ok(strcmp(payload(&asked, 0), "{\"since\":\"1\",\"types\":[\"x\"]}") == 0 &&
		   strcmp(payload(&asked, 1),
				  "{\"since\":\"9\",\"types\":[\"x\"],\"presence\":{\"meta\":"
				  "{\"n\":1.10,\"t\":\"]},\\\"\"}},\"version\":\"v\"}") == 0,
	   "presence stays as it was written, wherever it stands");
	asked_free(&asked);
	ok(has_payload(body("{\"subscriptions\":[{\"channel\":\"a\",\"presence\":null}]}"),
				   "{\"since\":null,\"presence\":null}"),
	   "presence null is not to be there any more");
	ok(has_payload(
		   body("{\"subscriptions\":[{\"channel\":\"a\",\"pr\\u0065sence\":{}}]}"),
		   "{\"since\":null,\"presence\":{}}"),
	   "a key may be spelt with escapes");
	ok(refused(body(""), 400) && refused(body("[]"), 400) && refused(body("{} x"), 400) &&
		   refused(body("{\"subscriptions\":{}}"), 400) &&
		   refused(body("{\"subscriptions\":[7]}"), 400) &&
		   refused(body("{\"subscriptions\":[{\"channel\":7}]}"), 400) &&
		   refused(body("{\"subscriptions\":[{\"channel\":\"a\",\"version\":7}]}"),
				   400) &&
		   refused(body("{\"wait\":-1}"), 400) &&
		   refused(body("{\"wait\":\"1\"}"), 400) && refused(body("{\"page\":7}"), 400),
	   "what is of another type is refused");
	ok(refused(
		   body("{\"page\":\"ppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
				"pppppppppp\"}"),
		   400) &&
		   refused(body("{\"subscriptions\":[{\"channel\":\"a\"},{\"channel\":\"b\"},"
						"{\"channel\":\"c\"},{\"channel\":\"d\"}]}"),
				   429),
	   "and what is too long or too many");
}

static void
test_publishes(void)
{
	Asked asked = {0};
	const char *text =
		"{\"channel\":\"a\",\"type\":\"cursor\",\"data\":{},\"page\":\"p\"}";

	asked_read_publish(&asked, text, strlen(text));
	ok(asked.error == NULL && asked.nwanted == 1 &&
		   strcmp(asked.wanted[0].channel, "a") == 0 && strcmp(asked.page, "p") == 0,
	   "a publish names a channel");
	asked_free(&asked);
	asked_read_publish(&asked, "{}", 2);
	ok(refused(asked, 400), "and must");
	asked = (Asked){0};
	asked_read_publish(&asked, NULL, 0);
	ok(refused(asked, 400), "nothing is no publish");
}

int
main(void)
{
	test_queries();
	test_polls();
	test_publishes();
	return tap_done();
}
