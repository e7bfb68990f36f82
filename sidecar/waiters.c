/*
 * waiters.c: see waiters.h.
 */
#include "waiters.h"

#include "mem.h"

#include <stdlib.h>

/* One of these for each callback that waits. */
typedef struct Waiter
{
	ListNode node;
	WaiterCallback callback;
	void *arg;
} Waiter;

void
waiters_add(List *list, WaiterCallback callback, void *arg)
{
	Waiter *waiter = mem_zalloc(sizeof(Waiter));

	waiter->callback = callback;
	waiter->arg = arg;
	list_push_tail(list, &waiter->node);
}

void
waiters_move(List *to, List *from)
{
	ListNode *node;

	while ((node = list_pop_head(from)) != NULL)
		list_push_tail(to, node);
}

void
waiters_release(List *list, bool ok)
{
	List released;
	ListNode *node;

	list_init(&released);
	waiters_move(&released, list);
	while ((node = list_pop_head(&released)) != NULL)
	{
		Waiter *waiter = list_entry(node, Waiter, node);
		WaiterCallback callback = waiter->callback;
		void *arg = waiter->arg;

		free(waiter);
		callback(arg, ok);
	}
}
