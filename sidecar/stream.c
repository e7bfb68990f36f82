/*
 * stream.c: see stream.h.
 */
#include "stream.h"

#include "mem.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

void
stream_free(Stream *stream)
{
	if (stream->position != NULL)
		chunk_unref(stream->position);
	free(stream->epoch);
	free(stream->snapshot);
	*stream = (Stream){0};
}

void
stream_append_position(const Stream *stream, Buf *out, const char *snapshot)
{
	buf_puts(out, stream->epoch);
	buf_append(out, ".", 1);
	buf_puts(out, snapshot ? snapshot : stream->snapshot);
}

/* Makes the frame that everybody gets until the snapshot moves. */
static void
lay_out_position(Stream *stream)
{
	Buf text = {0};
	Buf json = {0};

	stream_append_position(stream, &text, NULL);
	wire_position(&json, buf_cstr(&text));
	if (stream->position != NULL)
		chunk_unref(stream->position);
	stream->position = chunk_from_json(CLASS_STATE, &json, POSITION_KEY);
	stream->position_seq++;
	buf_free(&text);
	buf_free(&json);
}

bool
stream_set_epoch(Stream *stream, const char *epoch)
{
	bool changed = stream->epoch != NULL && strcmp(stream->epoch, epoch) != 0;

	if (stream->epoch != NULL && !changed)
		return false;
	free(stream->epoch);
	stream->epoch = mem_strdup(epoch);
	return changed;
}

void
stream_set_snapshot(Stream *stream, const char *snapshot)
{
	if (stream->snapshot != NULL && strcmp(stream->snapshot, snapshot) == 0)
		return;
	free(stream->snapshot);
	stream->snapshot = mem_strdup(snapshot);
	lay_out_position(stream);
}

void
stream_forget_snapshot(Stream *stream)
{
	free(stream->snapshot);
	stream->snapshot = NULL;
}
