/*
 * json_order.c
 *	  Longest increasing subsequences; see json_order.h.
 *
 * Found by patience sorting, from the last element to the first: then of two
 * that could stay, the one that stands first does, and what was appended is what
 * moves.
 */
#include "json_order.h"

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
json_moves(const int *wanted, int n)
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
