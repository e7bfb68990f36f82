/*
 * present.h: asking to be present (layer 3).
 *
 * `presence:join`, `presence:update`, `presence:leave`, and `subscribe` with presence:
 * what a client may say of itself, checked, and the steps that subscribe.c takes for it.
 * What must stay true: status and meta are all that a client says, within bounds.
 */
#ifndef WRK_PRESENT_H
#define WRK_PRESENT_H

#include "attendance.h"

/* What a client says of itself when it asks to be present; one allocation. */
typedef struct Ask
{
	PresenceState state;
	bool joins; /* presence:join, rather than subscribe */
	char meta[];
} Ask;

/* ---- what subscribe.c asks ---- */

/* Reads what the frame says about presence; false when it was refused. */
extern bool present_read(Pending *pending, const Request *request);

/* May it be present as it asks, now that the channel is known? False when refused. */
extern bool present_admits(const Pending *pending);

/*
 * Sees that the list is known, if the answer needs it; true when the callback comes
 * later.
 */
extern bool present_wait(Pending *pending, WaiterCallback callback);

/* Nobody came of it after all. */
extern void present_give_up(const Pending *pending);

/* The subscription is made, its answer is about to be sent: enters. */
extern void present_enter(Pending *pending, Sub *sub);

/* Appends a member of the answer's payload, if it has one about presence. */
extern void present_append(const Pending *pending, Buf *out);

/* The answer was sent: the list follows, if it was not in it. */
extern void present_sync(const Pending *pending);

/* ---- frames ---- */

extern void present_update(Gateway *gateway, Conn *conn, const Request *request);
extern void present_leave(Gateway *gateway, Conn *conn, const Request *request);

#endif
