/*
 * stream.h: where the stream of events stands (layer 2).
 *
 * The epoch names the database, the snapshot everything of it that was handed
 * out; together they are the position that clients keep. The position frame is
 * laid out once for each snapshot and shared.
 */
#ifndef WRK_STREAM_H
#define WRK_STREAM_H

#include "conn.h"

typedef struct Stream
{
	char *epoch;    /* NULL until the first hello */
	char *snapshot; /* NULL when it must be taken from the database */
	Chunk *position;
	uint64_t position_seq;
} Stream;

extern void stream_free(Stream *stream);

/* True when another database answers now than before. */
extern bool stream_set_epoch(Stream *stream, const char *epoch);
extern void stream_set_snapshot(Stream *stream, const char *snapshot);

/* What was handed out is no place to go on from. */
extern void stream_forget_snapshot(Stream *stream);

/* The position of this snapshot, NULL = the present one. */
extern void stream_append_position(const Stream *stream, Buf *out, const char *snapshot);

#endif
