/*
 * blueprint_order.h
 *	  Moving elements one by one; json_order.h tells the fewest that must be.
 *
 * A move puts one element right after another.  Steps are in the order of the
 * wanted sequence, so that what an element is put after is already in its place.
 */
#ifndef WRK_BLUEPRINT_ORDER_H
#define WRK_BLUEPRINT_ORDER_H

#include "postgres.h"

/* a list of 0 .. n-1, in which a move takes constant time */
typedef struct BlueprintList BlueprintList;

#define BLUEPRINT_FIRST (-1)

extern BlueprintList *blueprint_list(int n);
extern void blueprint_list_drop(BlueprintList *list, int i);
extern void blueprint_list_move(BlueprintList *list, int i, int after);

/* the one after i, or the first one; -1 if there is none */
extern int blueprint_list_next(const BlueprintList *list, int i);

#endif /* WRK_BLUEPRINT_ORDER_H */
