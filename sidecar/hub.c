/*
 * hub.c: see hub.h.
 */
#include "hub.h"

#include "flow.h"
#include "mem.h"
#include "stats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
hub_init(Hub *hub)
{
	*hub = (Hub){0};
}

void
hub_free(Hub *hub)
{
	assert(hub->channels.count == 0);
	strmap_free(&hub->channels);
}

Channel *
hub_find(const Hub *hub, const char *name)
{
	return strmap_get(&hub->channels, name);
}

Sub *
hub_find_sub(const Conn *conn, const char *name)
{
	list_foreach(node, following, &conn->subs)
	{
		Sub *sub = list_entry(node, Sub, in_conn);

		if (strcmp(sub->channel->name, name) == 0 ||
			(sub->as != NULL && strcmp(sub->as, name) == 0))
			return sub;
	}
	return NULL;
}

/* The channel, made when this is its first subscriber. */
static Channel *
get_channel(Hub *hub, const char *name)
{
	Channel *channel = hub_find(hub, name);
	size_t size = strlen(name) + 1;

	if (channel != NULL)
		return channel;
	channel = mem_zalloc(sizeof(Channel) + size);
	memcpy(channel->name, name, size);
	strmap_add(&hub->channels, channel->name, channel);
	stats.channels++;
	return channel;
}

Sub *
hub_subscribe(Hub *hub, Conn *conn, const char *name)
{
	Channel *channel = get_channel(hub, name);
	Sub *sub = mem_zalloc(sizeof(Sub));

	assert(hub_find_sub(conn, name) == NULL);
	if (channel->nsubs == channel->cap)
	{
		channel->cap = channel->cap ? channel->cap * 2 : 1;
		channel->subs = mem_realloc(channel->subs, channel->cap * sizeof(Sub *));
	}
	sub->conn = conn;
	sub->channel = channel;
	sub->index = channel->nsubs;
	channel->subs[channel->nsubs++] = sub;
	list_push_tail(&conn->subs, &sub->in_conn);
	conn->nsubs++;
	stats.subscriptions++;
	return sub;
}

void
hub_set_alias(Sub *sub, const char *as)
{
	free(sub->as);
	sub->as = NULL;
	if (as != NULL && strcmp(as, sub->channel->name) != 0)
		sub->as = mem_strdup(as);
}

void
hub_set_filter(Sub *sub, TypeFilter *filter)
{
	sub->channel->nfiltered += filter != NULL;
	sub->channel->nfiltered -= sub->filter != NULL;
	type_filter_unref(sub->filter);
	sub->filter = filter;
}

void
hub_on_left(Hub *hub, HubLeft left, void *arg)
{
	assert(hub->nlisteners < HUB_LISTENERS);
	hub->listeners[hub->nlisteners].left = left;
	hub->listeners[hub->nlisteners++].arg = arg;
}

/* Lets go of what was held behind the replay. */
static void
drop_held(Sub *sub)
{
	for (uint32_t i = 0; i < sub->nheld; i++)
		chunk_unref(sub->held[i]);
	free(sub->held);
	sub->held = NULL;
	sub->nheld = 0;
	sub->ncovered = 0;
	sub->held_cap = 0;
	sub->conn->held_bytes -= sub->held_bytes;
	sub->held_bytes = 0;
}

/* Whether the client must not be given a position because of this subscription. */
static bool
waits(const Sub *sub)
{
	return sub->pending || sub->suspended || sub->broken;
}

/* Keeps the connection's count of such subscriptions; before: what waits() was. */
static void
count_waiting(const Sub *sub, bool before)
{
	if (waits(sub) && !before)
		sub->conn->npending++;
	else if (before && !waits(sub))
		sub->conn->npending--;
}

/* The last subscriber takes the free place of the one that leaves. */
static void
leave_channel(Hub *hub, const Sub *sub)
{
	Channel *channel = sub->channel;
	Sub *last = channel->subs[--channel->nsubs];

	channel->subs[sub->index] = last;
	last->index = sub->index;
	if (channel->nsubs > 0)
		return;
	assert(channel->batch == NULL);
	strmap_remove(&hub->channels, channel->name);
	free(channel->subs);
	free(channel);
	stats.channels--;
}

void
hub_unsubscribe(Hub *hub, Sub *sub)
{
	Conn *conn = sub->conn;

	for (int i = 0; i < hub->nlisteners; i++)
		hub->listeners[i].left(hub->listeners[i].arg, sub);
	if (waits(sub))
		conn->npending--;
	drop_held(sub);
	hub_set_filter(sub, NULL);
	leave_channel(hub, sub);
	list_remove(&sub->in_conn);
	conn->nsubs--;
	stats.subscriptions--;
	free(sub->companion);
	free(sub->as);
	free(sub);
}

void
hub_unsubscribe_all(Hub *hub, Conn *conn)
{
	list_foreach(node, following, &conn->subs)
	{
		hub_unsubscribe(hub, list_entry(node, Sub, in_conn));
	}
}

void
sub_set_pending(Sub *sub)
{
	bool before = waits(sub);

	sub->ncovered = sub->nheld;
	sub->pending = true;
	count_waiting(sub, before);
}

void
sub_set_broken(Sub *sub, bool broken)
{
	bool before = waits(sub);

	sub->broken = broken;
	count_waiting(sub, before);
}

void
sub_suspend(Sub *sub)
{
	bool before = waits(sub);

	sub->suspended = true;
	sub->doubted = true;
	count_waiting(sub, before);
}

/* What is held behind what was covered, which goes: it was in the replay. */
static void
drop_covered(Sub *sub)
{
	for (uint32_t i = 0; i < sub->ncovered; i++)
	{
		sub->held_bytes -= sub->held[i]->len;
		sub->conn->held_bytes -= sub->held[i]->len;
		chunk_unref(sub->held[i]);
	}
	sub->nheld -= sub->ncovered;
	for (uint32_t i = 0; i < sub->nheld; i++)
		sub->held[i] = sub->held[i + sub->ncovered];
	sub->ncovered = 0;
}

/* Sends what was held if nothing keeps it any more. */
static void
let_flow(Sub *sub)
{
	if (sub->pending || sub->suspended)
		return;
	for (uint32_t i = 0; i < sub->nheld && !sub->overrun; i++)
		sub->overrun = !conn_offer(sub->conn, sub->held[i]);
	drop_held(sub);
	if (!sub->overrun)
		return;
	sub->overrun = false;
	if (outbox_is_full(&sub->conn->out, &sub->conn->table->limits))
		flow_overflow(sub->conn);
	else
		flow_gap(sub, "slow_consumer");
}

void
sub_resume(Sub *sub)
{
	bool before = waits(sub);

	sub->suspended = false;
	sub->denied = false;
	count_waiting(sub, before);
	let_flow(sub);
}

void
sub_forget_held(Sub *sub)
{
	sub->overrun = false;
	drop_held(sub);
}

void
sub_release(Sub *sub, bool replayed)
{
	bool before = waits(sub);

	if (!sub->pending)
		return;
	sub->pending = false;
	count_waiting(sub, before);
	if (replayed)
		drop_covered(sub);
	let_flow(sub);
}

/* Keeps a chunk until it may go out. */
static void
hold(Sub *sub, Chunk *chunk)
{
	if (chunk->frame_class == CLASS_EPHEMERAL || sub->overrun)
	{
		/* older than what the client will see by then, or behind what is lost */
		stats.skipped_total += chunk->frames;
		return;
	}
	if (sub->conn->held_bytes >= sub->conn->table->limits.max)
	{
		stats.slow_gaps_total++;
		drop_held(sub);
		sub->overrun = true;
		return;
	}
	if (sub->nheld == sub->held_cap)
	{
		sub->held_cap = sub->held_cap ? sub->held_cap * 2 : 4;
		sub->held = mem_realloc(sub->held, sub->held_cap * sizeof(Chunk *));
	}
	sub->held[sub->nheld++] = chunk_ref(chunk);
	sub->held_bytes += chunk->len;
	sub->conn->held_bytes += chunk->len;
}

void
sub_deliver(Sub *sub, Chunk *chunk)
{
	if (sub->broken)
		stats.skipped_total += chunk->frames;
	else if (sub->pending || sub->suspended)
		hold(sub, chunk);
	else if (!conn_offer(sub->conn, chunk))
		flow_overflow(sub->conn);
}
