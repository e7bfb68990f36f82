/*
 * blueprint_order.c
 *	  Orders of elements; see blueprint_order.h.
 *
 * The longest increasing subsequence is found by patience sorting, from the last
 * element to the first: then of two that could stay, the one that stands first
 * does, and what was appended is what moves.
 */
#include "blueprint_order.h"

#include "utils/memutils.h"

static void *
alloc_many(Size size, int n)
{
	return palloc_extended(size * Max(n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static bool
is_ordered(const int *wanted, int n)
{
	for (int i = 1; i < n; i++)
		if (wanted[i] < wanted[i - 1])
			return false;
	return true;
}

/* how many of the piles, whose tops fall, lie above the value */
static int
find_pile(const int *tops, int npiles, const int *wanted, int value)
{
	int low = 0;
	int high = npiles;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (wanted[tops[middle]] > value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool *
blueprint_moves(const int *wanted, int n)
{
	int *tops;
	int *next;
	int npiles = 0;
	bool *moves;

	if (is_ordered(wanted, n))
		return NULL;
	tops = alloc_many(sizeof(int), n);
	next = alloc_many(sizeof(int), n);
	moves = alloc_many(sizeof(bool), n);
	memset(moves, true, n);
	for (int i = n - 1; i >= 0; i--)
	{
		int pile = find_pile(tops, npiles, wanted, wanted[i]);

		next[i] = pile > 0 ? tops[pile - 1] : -1;
		tops[pile] = i;
		npiles = Max(npiles, pile + 1);
	}
	for (int i = tops[npiles - 1]; i >= 0; i = next[i])
		moves[wanted[i]] = false;
	pfree(tops);
	pfree(next);
	return moves;
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
