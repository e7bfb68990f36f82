/*
 * permessage-deflate: which offers are kept, that messages come back whole, and that
 * none of them becomes larger than it may.
 */
#include "deflate.h"
#include "event.h"
#include "mem.h"
#include "tap.h"
#include "twin.h"
#include "wsframe.h"

#include <stdlib.h>
#include <zlib.h>

#define MAX 65536

/* Is the offer answered so? NULL: not at all. */
static bool
answered(const char *offer, const char *expected)
{
	char bytes[512];
	HttpHead head;
	size_t used;
	Buf answer = {0};
	bool taken;
	bool good;

	snprintf(bytes, sizeof(bytes),
			 "GET / HTTP/1.1\r\nSec-WebSocket-Extensions: %s\r\n\r\n", offer);
	if (http_head_parse(bytes, strlen(bytes), &head, &used) != HTTP_HEAD_DONE)
		return false;
	taken = deflate_negotiate(&head, &answer);
	good = taken == (expected != NULL) &&
		   (!taken || strcmp(buf_cstr(&answer), expected) == 0);
	buf_free(&answer);
	return good;
}

static void
test_offers(void)
{
	static const char plain[] =
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover";
	static const char window[] = "permessage-deflate; server_no_context_takeover; "
								 "client_no_context_takeover; server_max_window_bits=15";
	static const char *const declined[] = {
		"x-webkit-deflate-frame",
		"permessage-deflater",
		"permessage-deflate; unknown",
		"permessage-deflate; server_max_window_bits=10",
		"permessage-deflate; server_max_window_bits=15; server_max_window_bits=15",
		"permessage-deflate; server_max_window_bits",
		"permessage-deflate; client_max_window_bits=16",
		"permessage-deflate; client_max_window_bits=015",
		"permessage-deflate; client_no_context_takeover=1",
		"permessage-deflate;",
	};

	ok(answered("permessage-deflate", plain) &&
		   answered("permessage-deflate; client_max_window_bits", plain) &&
		   answered("permessage-deflate;client_no_context_takeover ; "
					"server_no_context_takeover;client_max_window_bits=\"10\"",
					plain),
	   "offers of browsers are taken, without takeover");
	ok(answered("permessage-deflate; server_max_window_bits=15", window),
	   "a window of our size is confirmed");
	ok(answered("permessage-deflate; server_max_window_bits=9, permessage-deflate",
				plain),
	   "the first offer that can be kept counts");
	for (size_t i = 0; i < sizeof(declined) / sizeof(declined[0]); i++)
		ok(answered(declined[i], NULL), "declined: %s", declined[i]);
}

/* The message of a frame of ours, read as a client would. */
static bool
comes_back(const char *text, size_t len, bool compressed)
{
	Buf frame = {0};
	Buf back = {0};
	WsOpcode opcode;
	const char *payload;
	size_t size;
	bool is_compressed;
	bool good;

	deflate_append_frame(&frame, text, len);
	is_compressed = (frame.data[0] & 0x40) != 0;
	good = wsframe_walk(frame.data, &opcode, &payload, &size) == frame.len &&
		   is_compressed == compressed;
	if (is_compressed)
		good = good && deflate_inflate(&back, (const unsigned char *) payload, size,
									   len) == INFLATE_DONE;
	else
		buf_append(&back, payload, size);
	good = good && back.len == len && memcmp(back.data, text, len) == 0;
	buf_free(&frame);
	buf_free(&back);
	return good;
}

static void
test_messages(void)
{
	char *text = mem_alloc(200000);

	memset(text, 'x', 200000);
	ok(comes_back("{}", 2, false) && comes_back(text, DEFLATE_MIN - 1, false),
	   "small messages are sent as they are");
	ok(comes_back(text, DEFLATE_MIN, true) && comes_back(text, 200000, true),
	   "larger ones are compressed");
	srand(1);
	for (size_t i = 0; i < 5000; i++)
		text[i] = (char) rand();
	ok(comes_back(text, 5000, false), "unless they do not become smaller");
	free(text);
}

/* Compresses a run of one character as a client that means harm. */
static Inflate
inflate_run(size_t len, size_t max, size_t *kept)
{
	unsigned char *run = mem_alloc(len);
	unsigned char *packed = mem_alloc(len / 100 + 1000);
	z_stream stream = {0};
	Buf out = {0};
	Inflate result;

	memset(run, 'a', len);
	deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
	stream.next_in = run;
	stream.avail_in = (uInt) len;
	stream.next_out = packed;
	stream.avail_out = (uInt) (len / 100 + 1000);
	deflate(&stream, Z_SYNC_FLUSH);
	result = deflate_inflate(&out, packed, stream.total_out - 4, max);
	*kept = out.cap;
	deflateEnd(&stream);
	buf_free(&out);
	free(packed);
	free(run);
	return result;
}

static void
test_bombs(void)
{
	static const unsigned char final[] = {0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00};
	static const unsigned char hello[] = {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
	static const unsigned char two[] = {0xf3, 0x48, 0xcd, 0xc9, 0xc9,
										0x07, 0x00, 0xf2, 0x48};
	Buf out = {0};
	size_t kept;

	ok(deflate_inflate(&out, hello, sizeof(hello), MAX) == INFLATE_DONE && out.len == 5 &&
		   memcmp(out.data, "Hello", 5) == 0,
	   "the RFC's example is read");
	out.len = 0;
	ok(deflate_inflate(&out, final, sizeof(final), MAX) == INFLATE_DONE && out.len == 5,
	   "and the one with a final block");
	ok(deflate_inflate(&out, two, sizeof(two), MAX) == INFLATE_BROKEN,
	   "behind that there is nothing");
	ok(deflate_inflate(&out, (const unsigned char *) "\xff\xff\xff", 3, MAX) ==
		   INFLATE_BROKEN,
	   "what is not compressed is broken");
	out.len = 0;
	ok(deflate_inflate(&out, (const unsigned char *) "", 0, MAX) == INFLATE_DONE &&
		   out.len == 0,
	   "no bytes are no message");
	ok(inflate_run(MAX, MAX, &kept) == INFLATE_DONE, "a message may be as large as any");
	ok(inflate_run(MAX + 1, MAX, &kept) == INFLATE_TOO_LARGE, "and not a byte larger");
	ok(inflate_run(50000000, MAX, &kept) == INFLATE_TOO_LARGE && kept <= 4 * MAX,
	   "50 MB in 50 KB cost no more than that");
	buf_free(&out);
}

static void
test_twins(void)
{
	Buf json = {0};
	Chunk *chunk;
	Chunk *twin;

	buf_puts(&json, "{\"text\":\"");
	for (int i = 0; i < 1000; i++)
		buf_puts(&json, "again ");
	buf_puts(&json, "\"}");
	chunk = chunk_from_json(CLASS_CRITICAL, &json, NULL);
	twin = chunk_as(chunk, FRAMING_DEFLATE);
	ok(twin == chunk_as(chunk, FRAMING_DEFLATE) && twin->len < chunk->len / 20,
	   "a chunk is compressed once");
	chunk_unref(chunk);
	buf_free(&json);
}

int
main(void)
{
	test_offers();
	test_messages();
	test_bombs();
	test_twins();
	return tap_done();
}
