/*
 * blueprint_order.c
 *	  A list in which elements are moved; see blueprint_order.h.
 */
#include "blueprint_order.h"

#include "utils/memutils.h"

static void *
alloc_many(Size size, int n)
{
	return palloc_extended(size * Max(n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* ---------- the list ---------- */

/* owns both arrays, in which i stands at i + 1; at 0 both ends meet */
struct BlueprintList
{
	int *next;
	int *prev;
};

BlueprintList *
blueprint_list(int n)
{
	BlueprintList *list = palloc(sizeof(BlueprintList));

	list->next = alloc_many(sizeof(int), n + 1);
	list->prev = alloc_many(sizeof(int), n + 1);
	for (int i = 0; i <= n; i++)
	{
		list->next[i] = i < n ? i + 1 : 0;
		list->prev[i] = i > 0 ? i - 1 : n;
	}
	return list;
}

static void
unlink_node(BlueprintList *list, int node)
{
	list->next[list->prev[node]] = list->next[node];
	list->prev[list->next[node]] = list->prev[node];
}

void
blueprint_list_drop(BlueprintList *list, int i)
{
	unlink_node(list, i + 1);
}

void
blueprint_list_move(BlueprintList *list, int i, int after)
{
	int node = i + 1;
	int before = after + 1;

	Assert(i != after);
	unlink_node(list, node);
	list->prev[node] = before;
	list->next[node] = list->next[before];
	list->prev[list->next[node]] = node;
	list->next[before] = node;
}

int
blueprint_list_next(const BlueprintList *list, int i)
{
	return list->next[i + 1] - 1;
}
