/*
 * What a notification on the bus may be, under seeded random input: whoever found out
 * its name may have sent it. WRK_FUZZ_MS sets the time, WRK_SEED the beginning; a
 * failure names its seed.
 */
#include "buspack.h"
#include "ephemeral.h"
#include "fuzz.h"
#include "mem.h"
#include "receipt.h"
#include "typefilter.h"
#include "wire.h"

#include <stdlib.h>

#define DEFAULT_MS 300
#define MAX_INPUT 512

static const char *const payloads[] = {
	"0123456789abcdef0123456789abcdef e:38:[\"tenant:t:project:1\",\"u\",\"cursor\"]\n{}e:3:abc",
	"- rotate:0:receipts:0:",
	"a1 e:30:[\"c\",\"u\",\"typing_start\"]\n{\"x\":[1.50,\"\\u20ac\"]}hi:0:",
};
static const char *const words[] = {
	"[\"tenant:t:project:1\",\"u\",\"cursor\"]\n{\"x\":[1.50,\"\\u20ac\"],\"y\":null}",
	"[\"c\",\"u\\n\",\"typing_start\"]\n\"text\"",
	"[\"c\",\"\",\"a\"]\n-1e5",
};
static const char *const others[] = {
	"[\"task.*\",\"cursor\",\"*\"]",
	"{\"id\":\"0b1e5425\",\"data\":{\"id\":1}}",
};

static unsigned char
some_byte(void)
{
	return (unsigned char) (1 + below(255)); /* it stays a C string */
}

/* A damaged sample, in a block of its own size. */
static char *
damage(const char *sample, size_t *size)
{
	unsigned char work[2 * MAX_INPUT];
	size_t len = strlen(sample);

	memcpy(work, sample, len);
	len = mutate(work, len, MAX_INPUT, some_byte);
	*size = len;
	return mem_strndup((char *) work, len);
}

static size_t seen_bytes;
static bool seen_good;

static void
visit(void *arg, const BusMessage *message)
{
	(void) arg;
	seen_bytes += message->len;
	seen_good = seen_good && strlen(message->text) == message->len &&
				strlen(message->kind) > 0 && strlen(message->node) > 0;
}

/* What was taken is within the payload; what was not was not shown. */
static bool
fuzz_payload(void)
{
	size_t len;
	char *text = damage(payloads[below(3)], &len);
	bool taken;

	seen_bytes = 0;
	seen_good = true;
	taken = buspack_read(text, visit, NULL);
	free(text);
	return seen_good && seen_bytes <= len && (taken || seen_bytes == 0);
}

/* A word that was taken makes frames that are JSON, of a type that is no event's. */
static bool
fuzz_word(void)
{
	size_t len;
	char *text = damage(words[below(3)], &len);
	Word word;
	json_t *root;
	bool good = true;

	if (word_unpack(text, len, &word, &root))
	{
		Buf frame = {0};
		json_t *parsed;

		wire_open(&frame, word.type, NULL, word.channel);
		buf_append(&frame, word.data, word.len);
		wire_close(&frame);
		parsed = json_loadb(frame.data, frame.len,
							JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
		/* members of the data may be there twice: that is its sender's business */
		if (parsed == NULL)
			parsed = json_loadb(frame.data, frame.len, JSON_DECODE_INT_AS_REAL, NULL);
		good = json_object_size(parsed) == 3 && strpbrk(word.type, ".:") == NULL;
		json_decref(parsed);
		buf_free(&frame);
	}
	json_decref(root);
	free(text);
	return good;
}

/* Filters and ids are what they are made of, or nothing. */
static bool
fuzz_other(void)
{
	size_t len;
	char *text = damage(others[below(2)], &len);
	json_t *array = json_loadb(text, len, JSON_DECODE_ANY, NULL);
	TypeFilter *filter = NULL;
	const char *why = NULL;
	char *id = receipt_id(text, len);
	bool good = array == NULL || type_filter_read(array, &filter, &why) || why != NULL;

	if (filter != NULL)
		type_filter_passes(filter, "task.created");
	type_filter_unref(filter);
	json_decref(array);
	free(id);
	free(text);
	return good;
}

int
main(void)
{
	static const FuzzCase cases[] = {
		{"payloads", fuzz_payload},
		{"words", fuzz_word},
		{"filters and ids", fuzz_other},
	};

	return fuzz_all(cases, sizeof(cases) / sizeof(cases[0]), DEFAULT_MS);
}
