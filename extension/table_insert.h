/*
 * table_insert.h
 *	  A row into a table of ours, without planner and executor.
 */
#ifndef WRK_TABLE_INSERT_H
#define WRK_TABLE_INSERT_H

#include "wrk_copilot.h"
#include "nodes/execnodes.h"

/*
 * Puts the row into the table, which the caller has opened, and into its indexes.
 * Defaults, checks, triggers and generated columns are passed over.
 */
extern void table_insert(Relation rel, HeapTuple tuple);

/*
 * Whether filling the table's open indexes runs nothing but our and the server's code:
 * none is on an expression or has a predicate.
 */
extern bool table_has_plain_indexes(const ResultRelInfo *indexes);

#endif /* WRK_TABLE_INSERT_H */
