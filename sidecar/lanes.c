/*
 * lanes.c: see lanes.h.
 */
#include "lanes.h"

#include "mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
lanes_init(Lanes *lanes, int64_t max)
{
	*lanes = (Lanes){.max = max};
	list_init(&lanes->turn);
}

void
lanes_free(Lanes *lanes)
{
	assert(lanes->length == 0 && lanes->map.count == 0);
	strmap_free(&lanes->map);
}

Lane *
lanes_get(Lanes *lanes, const char *key)
{
	Lane *lane = strmap_get(&lanes->map, key);
	size_t size = strlen(key) + 1;

	if (lane != NULL)
		return lane;
	lane = mem_zalloc(sizeof(Lane) + size);
	list_init(&lane->in_turn);
	list_init(&lane->waiting);
	memcpy(lane->key, key, size);
	strmap_add(&lanes->map, lane->key, lane);
	return lane;
}

bool
lanes_have_room(const Lanes *lanes, const Lane *lane)
{
	if (lanes->length < lanes->max)
		return true;
	return lanes->length < 2 * lanes->max &&
		   lane->length < lanes->max / (lanes->nturn + 1);
}

void
lanes_add(Lanes *lanes, Lane *lane, LaneItem *item)
{
	list_push_tail(&lane->waiting, &item->node);
	lane->length++;
	lanes->length++;
	if (list_is_linked(&lane->in_turn))
		return;
	list_push_tail(&lanes->turn, &lane->in_turn);
	lanes->nturn++;
}

void
lanes_remove(Lanes *lanes, Lane *lane, LaneItem *item)
{
	list_remove(&item->node);
	lane->length--;
	lanes->length--;
	if (lane->length > 0)
		return;
	list_remove(&lane->in_turn);
	lanes->nturn--;
}

LaneItem *
lanes_take(Lanes *lanes, Lane *lane)
{
	LaneItem *item = list_entry(lane->waiting.next, LaneItem, node);

	lanes_remove(lanes, lane, item);
	if (lane->length > 0)
	{
		list_remove(&lane->in_turn);
		list_push_tail(&lanes->turn, &lane->in_turn);
	}
	return item;
}

void
lanes_settle(Lanes *lanes, Lane *lane)
{
	if (lane->length > 0 || lane->running > 0)
		return;
	strmap_remove(&lanes->map, lane->key);
	free(lane);
}

bool
lanes_others_wait(const Lanes *lanes, const Lane *lane)
{
	return lanes->nturn > (list_is_linked(&lane->in_turn) ? 1 : 0);
}
