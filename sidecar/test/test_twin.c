/*
 * Chunks in other framings: the same frames, made once, shared, freed with the chunk.
 */
#include "conn.h"
#include "event.h"
#include "mem.h"
#include "stats.h"
#include "tap.h"
#include "twin.h"
#include "wsframe.h"

#include <stdlib.h>

/* A chunk of these JSON texts. */
static Chunk *
chunk_of(FrameClass frame_class, const char *key, const char *first, const char *second)
{
	Buf out = {0};
	Chunk *chunk;

	wsframe_append(&out, WS_TEXT, first, strlen(first));
	if (second != NULL)
		wsframe_append(&out, WS_TEXT, second, strlen(second));
	chunk = chunk_new(frame_class, out.data, out.len, second ? 2 : 1, key);
	buf_free(&out);
	return chunk;
}

static bool
reads(const Chunk *chunk, const char *text)
{
	return chunk->len == strlen(text) && memcmp(chunk->data, text, chunk->len) == 0;
}

/* Is it written so to a client of an event stream? */
static bool
streams_as(const char *json, const char *text)
{
	Chunk *chunk = chunk_of(CLASS_CRITICAL, NULL, json, NULL);
	bool same = reads(chunk_as(chunk, FRAMING_SSE), text);

	chunk_unref(chunk);
	return same;
}

static void
test_sharing(void)
{
	Chunk *chunk = chunk_of(CLASS_STATE, "k\n1", "{\"a\":1}", "{\"b\":2}");
	Chunk *sse = chunk_as(chunk, FRAMING_SSE);
	Chunk *list = chunk_as(chunk, FRAMING_LIST);

	ok(chunk_as(chunk, FRAMING_WS) == chunk, "a chunk is its own WebSocket framing");
	ok(chunk_as(chunk, FRAMING_SSE) == sse && chunk_as(chunk, FRAMING_LIST) == list,
	   "a twin is made once");
	ok(sse->frames == 2 && sse->frame_class == CLASS_STATE && sse->key_len == 3,
	   "a twin has class, key and frames of its chunk");
	ok(chunk_supersedes(sse, sse) && chunk_supersedes(list, sse),
	   "a twin replaces what its chunk would");
	ok(reads(sse, "data: {\"a\":1}\n\ndata: {\"b\":2}\n\n"), "frames become events");
	ok(reads(list, "{\"a\":1},{\"b\":2},"), "frames become elements");
	chunk_ref(sse);
	chunk_unref(chunk);
	ok(sse->refs == 1 && reads(sse, "data: {\"a\":1}\n\ndata: {\"b\":2}\n\n"),
	   "a twin that is still queued outlives its chunk");
	chunk_unref(sse);
}

static void
test_event_stream(void)
{
	Buf position = {0};
	Chunk *large;
	char *text = mem_alloc(70001);

	ok(streams_as("{\"type\":\"position\",\"payload\":{\"position\":\"7.1:9:3,4\"}}",
				  "id: 7.1:9:3,4\ndata: {\"type\":\"position\",\"payload\":{\"position\":"
				  "\"7.1:9:3,4\"}}\n\n"),
	   "a position is the id of its event");
	ok(streams_as("{\"type\":\"position\",\"channel\":\"c\",\"id\":\"1\",\"payload\":{}}",
				  "data: {\"type\":\"position\",\"channel\":\"c\",\"id\":\"1\","
				  "\"payload\":{}}\n\n"),
	   "an event of an application that is called so is none");
	ok(streams_as("{\"type\":\"position\",\"payload\":{\"position\":\"a\\nid: x\"}}",
				  "data: {\"type\":\"position\",\"payload\":{\"position\":"
				  "\"a\\nid: x\"}}\n\n"),
	   "a position that would need an escape is no id");
	ok(streams_as("{\"a\":\n\r\n1}", "data: {\"a\":   1}\n\n"),
	   "line ends between tokens end no line of the stream");
	ok(streams_as("{\"type\":\"ping\"}", ":\n\n"), "a ping is a comment");
	ok(streams_as("{\"type\":\"bye\",\"payload\":{\"code\":1012,\"retryAfter\":700}}",
				  "retry: 700\ndata: {\"type\":\"bye\",\"payload\":{\"code\":1012,"
				  "\"retryAfter\":700}}\n\n"),
	   "bye says when to come back");
	ok(streams_as("{\"type\":\"bye\",\"payload\":{\"code\":4401,\"retryAfter\":0}}",
				  "data: {\"type\":\"bye\",\"payload\":{\"code\":4401,"
				  "\"retryAfter\":0}}\n\n"),
	   "or leaves it to the client");
	memset(text, 'x', 70000);
	text[70000] = '\0';
	buf_printf(&position, "\"%s\"", text);
	large = chunk_of(CLASS_CRITICAL, NULL, buf_cstr(&position), "{}");
	ok(chunk_as(large, FRAMING_SSE)->len == 70002 + 8 + 2 + 8,
	   "frames with long headers are found");
	chunk_unref(large);
	buf_free(&position);
	free(text);
}

static int writes;

static void
count_write(Conn *conn)
{
	(void) conn;
	writes++;
}

static void
do_nothing(Conn *conn)
{
	conn->socket = NULL;
}

static void
test_connections(void)
{
	static const ConnOps ops = {
		.write = count_write, .kill = do_nothing, .gone = do_nothing};
	Config config = {.outbox_max = 1000, .ephemeral_max = 100};
	ConnTable table;
	Conn *conn[3];
	Chunk *chunk = chunk_of(CLASS_CRITICAL, NULL, "{\"a\":1}", NULL);

	conn_table_init(&table, &config, &ops);
	for (int i = 0; i < 3; i++)
	{
		conn[i] = conn_create(&table, NULL);
		conn_set_state(conn[i], CONN_OPEN);
		conn[i]->framing = i == 0 ? FRAMING_WS : FRAMING_SSE;
		conn_push(conn[i], chunk);
	}
	ok(chunk->refs == 2 && chunk->twins->refs == 3,
	   "connections of one transport share one layout");
	ok(conn[1]->out.bytes == strlen("data: {\"a\":1}\n\n"),
	   "a queue counts the bytes that will be sent");
	for (int i = 0; i < 3; i++)
		conn_doom(conn[i]);
	conn_table_reap(&table);
	ok(chunk->refs == 1 && chunk->twins->refs == 1, "and let go of it");
	chunk_unref(chunk);
	ok(stats.outbox_bytes == 0, "nothing is left in the books");
}

int
main(void)
{
	test_sharing();
	test_event_stream();
	test_connections();
	return tap_done();
}
