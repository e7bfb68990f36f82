/*
 * event.h: refcounted wire bytes, and events on their way to them (layer 1).
 *
 * A Chunk is an immutable run of whole WebSocket frames, header bytes included,
 * that any number of outboxes share. It is born with one reference; the holder
 * of a reference drops it with chunk_unref(), the last one frees it.
 */
#ifndef WRK_EVENT_H
#define WRK_EVENT_H

#include "buf.h"
#include "receipt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum FrameClass
{
	CLASS_CRITICAL,  /* never dropped */
	CLASS_STATE,     /* only the last one of a key matters */
	CLASS_EPHEMERAL, /* dropped first */
	CLASS_REPLY,     /* what the client asked for; does not count against its limit */
} FrameClass;

/* How the frames of a connection are written; see twin.h. */
typedef enum Framing
{
	FRAMING_WS,      /* WebSocket text frames: what chunks are laid out as */
	FRAMING_DEFLATE, /* the same, each message compressed on its own */
	FRAMING_SSE,     /* server-sent events */
	FRAMING_LIST,    /* elements of a JSON array, for a body sent as a whole */
} Framing;

#define POSITION_KEY "position" /* of the chunk that replaces the one before */

/* One of these for each run of frames that is sent as one. */
typedef struct Chunk
{
	struct Chunk *twins; /* in other framings, a reference on each; of a twin: the next */
	Receipt *receipt;    /* of events whose arrival somebody wants to know, or NULL */
	uint32_t refs;
	uint32_t len;     /* bytes of frames */
	uint32_t frames;  /* how many frames they are */
	uint16_t key_len; /* state: length of the key, which follows the frames */
	uint8_t frame_class;
	uint8_t framing;
	char data[];
} Chunk;

extern Chunk *chunk_new(FrameClass frame_class, const void *frames, size_t len,
						uint32_t count, const char *key);
extern Chunk *chunk_ref(Chunk *chunk);
extern void chunk_unref(Chunk *chunk);

/* Same class state and same key: the newer replaces the older. */
extern bool chunk_supersedes(const Chunk *newer, const Chunk *older);

/* Is it the state of something in a channel, rather than the connection's own? */
extern bool chunk_is_of_channel(const Chunk *chunk);

/* Does it only say how far the stream is? */
extern bool chunk_is_position(const Chunk *chunk);

/* A chunk of one text frame with this JSON in it. */
extern Chunk *chunk_from_json(FrameClass frame_class, const Buf *json, const char *key);

/*
 * One event as the feed reads it. All strings are borrowed for the duration of
 * the call that gets the struct; NULL means absent.
 */
typedef struct Event
{
	const char *id;
	const char *type;
	const char *payload; /* JSON text */
	size_t payload_len;
	const char *sender_id;
	const char *timestamp; /* ms, digits */
	const char *key;       /* idempotency key of the call that caused it */
	const char *state_key;
	FrameClass frame_class;
	/* who may see it; everybody in the channel when both are absent */
	bool has_mask;
	int64_t mask;
	bool has_users;
	char **users;
	size_t nusers;
} Event;

/* The event as one JSON object, and as one ready text frame. */
extern void event_append_json(Buf *out, const Event *event, const char *channel);
extern void event_append_frame(Buf *out, const Event *event, const char *channel);

static inline bool
event_is_restricted(const Event *event)
{
	return event->has_mask || event->has_users;
}

/* A Postgres text[] in its text form: an array of malloc'd strings, *count long. */
extern char **text_array_parse(const char *literal, size_t *count);
extern void text_array_free(char **items, size_t count);

#endif
