/*
 * flow.h: a client that reads slowly (layer 2).
 *
 * How far behind it is has three levels: 0, everything goes out; 1, ephemeral frames
 * are dropped for it; 2, half of outbox_max waits, or its stream was broken. A level is
 * left at half of where it begins. Each change is told by a `flow` frame, with what
 * was dropped or replaced since the one before, so the frames of a connection add up.
 *
 * At outbox_max its stream is broken: what waits for channels is dropped, each channel
 * gets a `gap` with reason slow_consumer and nothing more until it is subscribed
 * again, from the last position the client has; so it misses nothing. Answers stay,
 * with the replays among them: a client as slow as that reads a replay to its end and
 * is then further than before. It is closed 4430, and resumes from its position, when
 * it takes nothing for slow_timeout after the gap, or when that happens again before
 * the gap is out.
 *
 * Counters: stats.slow_gaps_total, dropped_gap_total, slow_consumers_total.
 */
#ifndef WRK_FLOW_H
#define WRK_FLOW_H

#include "hub.h"

/* Something was queued, dropped or not taken: is it another level now? */
extern void flow_changed(Conn *conn);

/* Everything that waited is with the socket. */
extern void flow_drained(Conn *conn);

/* There is no room for what came for its channels. */
extern void flow_overflow(Conn *conn);

/* One channel's stream is broken; nothing is held for it any more. */
extern void flow_gap(Sub *sub, const char *reason);

/*
 * It may not see all it might: what waits for channels is not for it any more. What is
 * whose is not known by then, so all of its streams break.
 */
extern void flow_take_back(Conn *conn);

/* Does it take anything at all? Call every second or so. */
extern void flow_check(Conn *conn, int64_t now_ms);

#endif
