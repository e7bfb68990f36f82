/*
 * lanes.h: a queue in which nobody waits for others' many (layer 1).
 *
 * Each key has a lane of its own, first come first served; lanes take turns, one
 * item each. A lane exists while something of it waits or runs.
 *
 * Bound: max items, for all lanes together. When that is reached only a lane that has
 * less than its share may add to it, so that one full lane does not close the queue
 * to others; at twice the bound nobody may. The items are the caller's, who may also have
 * a bound of their own and not ask.
 */
#ifndef WRK_LANES_H
#define WRK_LANES_H

#include "list.h"
#include "strmap.h"

#include <stdbool.h>
#include <stdint.h>

/* One of these for each key; owned by its Lanes. */
typedef struct Lane
{
	ListNode in_turn; /* linked while something waits */
	List waiting;     /* of LaneItem */
	int64_t length;
	int64_t running; /* what was taken out and has not ended */
	int64_t links;   /* connections that it holds, for the owner of the queue */
	int64_t links_max;
	char key[];
} Lane;

/* Embedded in what waits. */
typedef struct LaneItem
{
	ListNode node;
} LaneItem;

typedef struct Lanes
{
	StrMap map;
	List turn; /* lanes with something waiting, the next first */
	int64_t nturn;
	int64_t length; /* of all */
	int64_t max;
} Lanes;

extern void lanes_init(Lanes *lanes, int64_t max);

/* Everything has been taken out and has ended. */
extern void lanes_free(Lanes *lanes);

/* The lane of this key, made when there is none; see lanes_settle(). */
extern Lane *lanes_get(Lanes *lanes, const char *key);

/* May the lane have one more waiting? */
extern bool lanes_have_room(const Lanes *lanes, const Lane *lane);
extern void lanes_add(Lanes *lanes, Lane *lane, LaneItem *item);

/* Takes the lane's first item; the lane goes to the end of the turn. */
extern LaneItem *lanes_take(Lanes *lanes, Lane *lane);

/* Takes out an item that waits no longer, without a turn. */
extern void lanes_remove(Lanes *lanes, Lane *lane, LaneItem *item);

/* Frees the lane if nothing of it waits or runs. */
extern void lanes_settle(Lanes *lanes, Lane *lane);

/* Does anything wait in another lane? */
extern bool lanes_others_wait(const Lanes *lanes, const Lane *lane);

#endif
