/*
 * hub.h: who listens to which channel (layer 2).
 *
 * A Channel exists while it has subscribers; names are canonical, as the
 * database spells them. A subscription that waits for its replay is pending: what
 * arrives meanwhile is held behind it. One whose right is being asked for again is
 * suspended, which holds as well; both may be at once, and it flows when both are
 * over. What must stay true: each (connection, channel) has at most one Sub.
 *
 * Queue of held chunks. Bound: outbox_max bytes for all subscriptions of a connection.
 * Overflow: dropped, and a gap behind the answer that was waited for, see flow.h.
 * Counters: stats.slow_gaps_total, stats.skipped_total.
 */
#ifndef WRK_HUB_H
#define WRK_HUB_H

#include "conn.h"
#include "strmap.h"
#include "typefilter.h"

#include <stdbool.h>
#include <stdint.h>

struct ChannelBatch; /* fanout.c */

/* One of these for each channel that has subscribers. */
typedef struct Channel
{
	struct Sub **subs;
	uint32_t nsubs;
	uint32_t cap;
	uint32_t nfiltered;         /* of the subscribers: have a filter */
	struct ChannelBatch *batch; /* of the page being handed out, else NULL */
	char name[];
} Channel;

/* One of these for each subscription; owned by the hub. */
typedef struct Sub
{
	ListNode in_conn;
	Conn *conn;
	Channel *channel;
	uint32_t index; /* in channel->subs */
	bool can_publish;
	bool pending;
	bool suspended;      /* until the database has said that it still may */
	bool denied;         /* it has not; the replay that is awaited says so */
	bool doubted;        /* suspended since the replay that is awaited was asked for */
	bool overrun;        /* too much was held: dropped, a gap is due when it flows */
	bool broken;         /* told of a gap, not subscribed again yet */
	bool answered;       /* the client knows that it has it */
	uint64_t serial;     /* which subscribe request it stands for */
	uint64_t skip_cycle; /* the replay covers the rest of this fetch cycle */
	Chunk **held;
	uint32_t nheld;
	uint32_t ncovered; /* of those held: the replay that is awaited has them, too */
	uint32_t held_cap;
	uint64_t held_bytes;
	char *as;           /* the name the client used, NULL when it is the canonical one */
	TypeFilter *filter; /* types it is for, NULL = all */
	char *companion;    /* presence channel that it brought along, NULL mostly */
} Sub;

/* A subscription ends; it is still whole. */
typedef void (*HubLeft)(void *arg, Sub *sub);

#define HUB_LISTENERS 4

typedef struct Hub
{
	StrMap channels;
	struct
	{
		HubLeft left;
		void *arg;
	} listeners[HUB_LISTENERS];
	int nlisteners;
} Hub;

extern void hub_init(Hub *hub);
extern void hub_free(Hub *hub);

extern Channel *hub_find(const Hub *hub, const char *name);

/* The connection's subscription by canonical name or by the name it used. */
extern Sub *hub_find_sub(const Conn *conn, const char *name);

/* Adds a subscription; the connection must not have one to this channel. */
extern Sub *hub_subscribe(Hub *hub, Conn *conn, const char *channel);
extern void hub_set_alias(Sub *sub, const char *as);

/* Only events of these types from now on; takes the caller's reference. */
extern void hub_set_filter(Sub *sub, TypeFilter *filter);

/* Calls back at the end of each subscription, whatever ends it. */
extern void hub_on_left(Hub *hub, HubLeft left, void *arg);
extern void hub_unsubscribe(Hub *hub, Sub *sub);
extern void hub_unsubscribe_all(Hub *hub, Conn *conn);

/* From now on what arrives waits behind the replay, which covers what waited so far. */
extern void sub_set_pending(Sub *sub);

/* From now on what arrives is held until it is known whether it may be seen. */
extern void sub_suspend(Sub *sub);

/* It may: what was held goes out, unless a replay is awaited. */
extern void sub_resume(Sub *sub);

/* It may not, or not like this: what was held is nobody's. */
extern void sub_forget_held(Sub *sub);

/* There is a gap in its stream, or, subscribed anew, none any more. */
extern void sub_set_broken(Sub *sub, bool broken);

/*
 * What was held goes to the outbox: behind the replay, but for what that covered, or
 * all of it when there was none.
 */
extern void sub_release(Sub *sub, bool replayed);

/*
 * Hands a chunk to the subscriber, or holds it while that waits for something. One whose
 * stream is broken gets nothing until it has subscribed again.
 */
extern void sub_deliver(Sub *sub, Chunk *chunk);

#endif
