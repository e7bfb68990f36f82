/*
 * twin.h: a chunk in another framing (layer 1).
 *
 * A chunk is laid out as WebSocket frames once. Clients of other transports get
 * its twin: the same frames in the same order, made when the first of them needs
 * it and shared by all. What must stay true: a twin has its chunk's class, key and
 * number of frames, so a queue treats both alike.
 *
 *  SSE     each frame an event "data: JSON"; a position frame has its position as
 *          `id:`, so that the browser comes back with it as Last-Event-ID; `bye` says
 *          with `retry:` when to come back; `ping` is a comment, which no page sees.
 *  LIST    each frame its JSON and a comma.
 *  DEFLATE each frame compressed (deflate.h), unless it is too small to gain by it.
 */
#ifndef WRK_TWIN_H
#define WRK_TWIN_H

#include "event.h"

/*
 * The chunk in that framing: the chunk itself when it is of it. Borrowed: it lives as
 * long as the chunk does, or as its own references.
 */
extern Chunk *chunk_as(Chunk *chunk, Framing framing);

#endif
