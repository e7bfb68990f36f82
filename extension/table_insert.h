/*
 * table_insert.h
 *	  A row into a table of ours, without planner and executor.
 */
#ifndef WRK_TABLE_INSERT_H
#define WRK_TABLE_INSERT_H

#include "wrk_copilot.h"

/*
 * Puts the row into the table, which the caller has opened, and into its indexes.
 * Defaults, checks, triggers and generated columns are passed over.
 */
extern void table_insert(Relation rel, HeapTuple tuple);

#endif /* WRK_TABLE_INSERT_H */
