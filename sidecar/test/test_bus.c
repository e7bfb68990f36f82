/* Layer 1: messages between gateways as payloads of notifications. */
#include "buspack.h"
#include "mem.h"
#include "tap.h"

#include <stdlib.h>

#define NODE "0123456789abcdef0123456789abcdef"

static char seen[128][BUS_KIND_MAX + 1];
static size_t seen_len[128];
static char *seen_text[128];
static int nseen;

static void
note(void *arg, const BusMessage *message)
{
	(void) arg;
	snprintf(seen[nseen], sizeof(seen[0]), "%s", message->kind);
	seen_len[nseen] = message->len;
	free(seen_text[nseen]);
	seen_text[nseen++] = mem_strdup(message->text);
}

/* Reads all payloads, each with the limit of a notification. */
static bool
read_all(const BusPack *pack)
{
	bool good = true;

	nseen = 0;
	for (size_t i = 0; i < pack->count; i++)
	{
		char *copy = mem_strndup(pack->payloads[i].data, pack->payloads[i].len);

		good = good && pack->payloads[i].len <= BUS_PAYLOAD_MAX &&
			   buspack_read(copy, note, NULL);
		free(copy);
	}
	return good;
}

static void
test_round_trip(void)
{
	BusPack pack = {0};
	static const char odd[] =
		"{\"a:b\":\"x \\\"y\\\" 3:e:\",\"n\":0.10}\n\xc3\xa9\xf0\x9f\x98\x80";

	ok(buspack_add(&pack, NODE, "e", odd, strlen(odd)), "a text of any kind is taken");
	ok(buspack_add(&pack, NODE, "hi", "", 0), "so is an empty one");
	ok(pack.count == 1, "both travel in one payload");
	ok(read_all(&pack) && nseen == 2 && strcmp(seen[0], "e") == 0 &&
		   strcmp(seen_text[0], odd) == 0 && strcmp(seen[1], "hi") == 0 &&
		   seen_len[1] == 0,
	   "and arrive to the byte");
	ok(!buspack_add(&pack, NODE, "e", "a\0b", 3), "a NUL is refused");
	buspack_free(&pack);
}

static void
test_limit(void)
{
	BusPack pack = {0};
	char *text = mem_alloc(BUS_MESSAGE_MAX + 1);
	size_t sent = 0;

	/* three bytes a character: the limit is in bytes */
	for (size_t i = 0; i + 3 <= BUS_MESSAGE_MAX; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	memset(text + BUS_MESSAGE_MAX / 3 * 3, 'x',
		   BUS_MESSAGE_MAX + 1 - BUS_MESSAGE_MAX / 3 * 3);
	ok(buspack_add(&pack, NODE, "abcdefghijklmnop", text, BUS_MESSAGE_MAX),
	   "the longest message fits, whatever its kind");
	ok(pack.count == 1 && pack.payloads[0].len == BUS_PAYLOAD_MAX,
	   "and fills a notification to the byte");
	ok(!buspack_add(&pack, NODE, "e", text, BUS_MESSAGE_MAX + 1),
	   "one byte more is refused");
	for (int i = 0; i < 100; i++)
		sent += buspack_add(&pack, NODE, "e", text, 300);
	ok(sent == 100 && pack.count == 1 + 4,
	   "a payload takes as many as fit, then another begins");
	ok(read_all(&pack) && nseen == 101 && seen_len[0] == BUS_MESSAGE_MAX, "none is lost");
	free(text);
	buspack_free(&pack);
}

static void
test_elements(void)
{
	BusPack pack = {0};
	BusPack more = {0};
	Buf out = {0};

	buspack_add(&pack, "n1", "e", "\"\\", 2);
	buspack_add(&more, "n1", "p", "x", 1);
	buf_puts(&out, "{");
	buspack_append_elements(&pack, &out);
	buspack_append_elements(&more, &out);
	buf_puts(&out, "}");
	ok(strcmp(buf_cstr(&out), "{\"n1 e:2:\\\"\\\\\",\"n1 p:1:x\"}") == 0,
	   "as elements of an array they are quoted: %s", buf_cstr(&out));
	buspack_move(&pack, &more);
	ok(pack.count == 2 && more.count == 0 && more.bytes == 0 &&
		   pack.bytes == strlen("n1 e:2:\"\\") + strlen("n1 p:1:x"),
	   "moved payloads are counted where they are");
	buf_free(&out);
	buspack_free(&pack);
	buspack_free(&more);
}

static void
test_malformed(void)
{
	static const char *const bad[] = {"",
									  "x",
									  "x",
									  " e:0:",
									  "UPPER e:0:",
									  "n1",
									  "n1 e",
									  "n1 e:",
									  "n1 e:1",
									  "n1 e:1:",
									  "n1 e:-1:x",
									  "n1 e:+1:x",
									  "n1 e: 1:x",
									  "n1 e:2:x",
									  "n1 e:99999:x",
									  "n1 e:9999:x",
									  "n1 E:1:x",
									  "n1 :1:x",
									  "n1 e:1:xy",
									  "n1 e:1:xe:",
									  "n1 abcdefghijklmnopq:0:",
									  "0123456789abcdef0123456789abcdef0 e:0:",
									  "{\"n\":1}"};

	nseen = 0;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!buspack_read(bad[i], note, NULL) && nseen == 0, "no payload: %s", bad[i]);
	ok(!buspack_read("n1 e:1:xe:2:x", note, NULL) && nseen == 0,
	   "of a broken payload the sound part is not taken either");
	ok(buspack_read("- rotate:0:", note, NULL) && nseen == 1,
	   "the database's own is read");
	ok(buspack_read("n1 ", note, NULL) && nseen == 1,
	   "a payload may be without a message");
}

int
main(void)
{
	test_round_trip();
	test_limit();
	test_elements();
	test_malformed();
	for (int i = 0; i < 128; i++)
		free(seen_text[i]);
	return tap_done();
}
