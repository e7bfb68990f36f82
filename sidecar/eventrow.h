/*
 * eventrow.h: an event as a row of the database (layer 3).
 */
#ifndef WRK_EVENTROW_H
#define WRK_EVENTROW_H

#include "event.h"
#include "pg.h"

/* What to select from functions that return wrk.gateway_event. */
#define EVENT_COLUMNS \
	"id, channels, type, payload, sender_id, audience_mask, audience_users, class, " \
	"created_ms, state_key, key"

/* Where to find what is no member of Event. */
#define EVENT_COLUMN_ID 0
#define EVENT_COLUMN_CHANNELS 1
#define EVENT_COLUMN_PAYLOAD 3
#define EVENT_COLUMN_USERS 6
#define EVENT_COLUMN_CLASS 7
#define EVENT_COLUMN_KEY 10

/* Milliseconds since the event was written, by the database's clock then and ours now. */
extern int64_t row_age_ms(const PgAnswer *answer, int row);

/* *event borrows from the answer; users are not read (see EVENT_COLUMN_USERS). */
extern void row_to_event(const PgAnswer *answer, int row, Event *event);

#endif
