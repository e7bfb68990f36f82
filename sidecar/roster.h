/*
 * roster.h: who is there, as the database has it (layer 3).
 *
 * This gateway is attached to the database by the feed's connection: as long as that
 * lives, or comes back within presence_grace, its members are believed. What must stay
 * true:
 *  - one batch is written at a time and one read is under way, each at most every
 *    100 and 50 ms but the first at once, so the database is asked as often for a
 *    thousand who come in a second as for ten;
 *  - what the database lost is written again, and until the others have done so, too,
 *    nobody of theirs is taken for gone;
 *  - what it does not answer is asked again.
 *
 * Queues: members to be written and rooms to be read, each at most once; bounded by
 * what there is of them.
 */
#ifndef WRK_ROSTER_H
#define WRK_ROSTER_H

#include "gateway.h"
#include "loop.h"
#include "presence.h"
#include "waiters.h"

typedef struct Roster Roster;

/* changed is called when the model has become another one by what was read. */
extern Roster *roster_open(Gateway *gateway, Presence *model, LoopCallback changed,
						   void *arg);

/* After the feed and the pool, which answer what is in flight. */
extern void roster_close(Roster *roster);

/* The feed listens, from its beginning or again: attach. */
extern void roster_listening(Roster *roster);

/* The model has changed: see whether something is to be written or read. */
extern void roster_look(Roster *roster);

/*
 * Calls back when the others' part of the room was read, or with false when it cannot
 * be. False when there are no others.
 */
extern bool roster_wait(Roster *roster, PresenceRoom *room, WaiterCallback callback,
						void *arg);

#endif
