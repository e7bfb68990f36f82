/*
 * event_store.h
 *	  Where events are kept: a fixed number of slots, each a table, used in turn.
 */
#ifndef WRK_EVENT_STORE_H
#define WRK_EVENT_STORE_H

#include "position.h"
#include "utils/relcache.h"

/* as event.sql makes them */
#define EVENT_SLOTS 8

/* columns of wrk.event */
enum EventColumn
{
	EVENT_ID = 1,
	EVENT_XID,
	EVENT_SLOT,
	EVENT_TENANT_ID,
	EVENT_CHANNELS,
	EVENT_TYPE,
	EVENT_PAYLOAD,
	EVENT_SENDER_ID,
	EVENT_AUDIENCE,
	EVENT_CLASS,
	EVENT_STATE_KEY,
	EVENT_KEY,
	EVENT_CREATED_AT,
	EVENT_NCOLUMNS = EVENT_CREATED_AT
};

extern void event_store_init(void);

/* opens and locks the slot that takes new events; *slot is its number */
extern Relation event_store_open_current(int *slot);

/* opens all slots for reading; none can be emptied until the transaction ends */
extern void event_store_open_all(Relation slots[EVENT_SLOTS]);

/* the sequence of event ids */
extern Oid event_store_sequence(void);

/* whether every event the snapshot does not see is still in its slot */
extern bool event_store_keeps(const XidSnapshot *since);

#endif /* WRK_EVENT_STORE_H */
