/*
 * refusal.h: what somebody was refused goes to the database's audit log (layer 3).
 *
 * An error takes back its transaction, so whoever catches it has to tell. Call it
 * after the answer: recording waits in the pool like any slow request, and nobody
 * waits for it.
 *
 * Queue: records on their way. Bound: 8 for the process, and a few a second for
 * each tenant, or each address of those who are nobody yet. Overflow: not recorded.
 * Counters: stats.refusals_recorded_total, stats.refusals_left_out_total.
 */
#ifndef WRK_REFUSAL_H
#define WRK_REFUSAL_H

#include "errors.h"
#include "gateway.h"

typedef enum RefusalKind
{
	REFUSED_LOGIN,
	REFUSED_CALL,
	REFUSED_CHANNEL,
} RefusalKind;

/* name: the method or the channel, NULL for a login. */
extern void refusal_record(Gateway *gateway, const Conn *conn, RefusalKind kind,
						   const ErrorCode *code, const char *name);

/* Does the name say that it is a channel of a tenant that this is not? */
extern bool refusal_is_foreign(const char *channel, const char *tenant);

#endif
