/*
 * waiters.h: callbacks that wait for the same thing (layer 1).
 *
 * Bound: those who wait bound themselves (a connection's requests_max).
 */
#ifndef WRK_WAITERS_H
#define WRK_WAITERS_H

#include "list.h"

/* ok: it happened; else it will not. */
typedef void (*WaiterCallback)(void *arg, bool ok);

extern void waiters_add(List *list, WaiterCallback callback, void *arg);

/* Appends all of one list to the other. */
extern void waiters_move(List *to, List *from);

/* Calls and forgets everybody; who is added meanwhile waits on. */
extern void waiters_release(List *list, bool ok);

#endif
