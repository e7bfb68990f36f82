/*
 * position.h
 *	  Snapshots of transaction ids, and the positions made of them.
 *
 * A snapshot splits all transactions into those that were finished when it was
 * taken and those that were not.  A position is a snapshot together with the
 * epoch of the server it was taken on: "<epoch>.<xmin>:<xmax>:<xip,...>".
 */
#ifndef WRK_POSITION_H
#define WRK_POSITION_H

#include "wrk_copilot.h"
#include "lib/stringinfo.h"

/* One palloc'd block.  Transaction ids are 64 bits wide and never wrap. */
typedef struct XidSnapshot
{
	uint64 xmin; /* everything below was finished */
	uint64 xmax; /* nothing from here on was */
	int nxip;
	uint64 xip[FLEXIBLE_ARRAY_MEMBER]; /* unfinished between the two, ascending */
} XidSnapshot;

/* parses "xmin:xmax:xip,..."; palloc'd, or NULL if text is none */
extern XidSnapshot *snapshot_parse(const char *text);

/* the same of an SQL value of type pg_snapshot */
extern XidSnapshot *snapshot_from_datum(Datum snapshot);

/*
 * Appends the active snapshot, with our own transaction among the unfinished, as
 * "xmin:xmax:xip,...".
 */
extern void snapshot_append_current(StringInfo buf);

/* whether the transaction was finished when the snapshot was taken */
extern bool snapshot_sees(const XidSnapshot *snapshot, uint64 xid);

/* smallest transaction id >= xid that the snapshot does not see */
extern uint64 snapshot_next_unseen(const XidSnapshot *snapshot, uint64 xid);

/*
 * Brings to disk what makes a snapshot of now true after a crash; to be called
 * before a snapshot or position leaves the server.
 */
extern void position_make_durable(void);

#endif /* WRK_POSITION_H */
