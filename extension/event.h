/*
 * event.h
 *	  Events: rows that tell others about a change, written with it.
 */
#ifndef WRK_EVENT_H
#define WRK_EVENT_H

#include "wrk_copilot.h"
#include "utils/array.h"

#define EVENT_MAX_CHANNELS 32
#define EVENT_MAX_AUDIENCE 128

/* classes: what a slow consumer may lose */
#define EVENT_CRITICAL 'c'  /* nothing: every event arrives */
#define EVENT_STATE 's'     /* all but the last one of a state_key */
#define EVENT_EPHEMERAL 'e' /* any */

/*
 * Not for consumers at all: tells gateways whose rights to ask for again.  Its row has
 * no channel, and only wrk.event_since(control => true) returns it.
 */
#define EVENT_CONTROL 'x'

/* One event about to be written; the caller owns everything it points to. */
typedef struct EventRow
{
	const char *type;
	Datum payload;         /* jsonb */
	ArrayType *channels;   /* text[], canonical */
	ArrayType *audience;   /* text[] of role:NAME and user:ID; empty = all */
	const char *tenant_id; /* NULL = every tenant's */
	const char *state_key; /* may be NULL */
	char class;
} EventRow;

extern void event_init(void);

/* greatest size in bytes of a payload; setting wrk_copilot.max_event_bytes */
extern int event_max_bytes;

/* how many events the replay of one channel may look at; setting
 * wrk_copilot.max_replay_scan */
extern int event_max_replay_scan;

/*
 * Writes the event with this transaction and sees to it that listeners hear of
 * the commit.  Trusts the row: see wrk.emit() for what must be checked.
 * Returns the event's id.
 */
extern int64 event_write(const EventRow *row);

/*
 * Id of the last event of this transaction that who makes the change may hear, 0 =
 * none; what a savepoint took back does not count.
 */
extern int64 event_last_id(void);

/* stamped on events emitted until the end of this transaction; NULL clears */
extern void event_set_call_key(const char *key);

/* what was given last, NULL = nothing */
extern const char *event_call_key(void);

#endif /* WRK_EVENT_H */
