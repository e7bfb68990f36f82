/*
 * json_order.h
 *	  The fewest moves that bring elements into another order.
 */
#ifndef WRK_JSON_ORDER_H
#define WRK_JSON_ORDER_H

#include "postgres.h"

/*
 * wanted[i] is where the i-th of n elements shall be; each of 0 .. n-1 once.  The
 * result says of each wanted place whether the element there must be moved; NULL
 * if none must.  The others keep their order: a longest increasing subsequence,
 * of several the one that prefers elements that stand first.
 */
extern bool *json_moves(const int *wanted, int n);

#endif /* WRK_JSON_ORDER_H */
