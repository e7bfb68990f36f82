/*
 * table_insert.c
 *	  A row into a table of ours, without planner and executor.
 *
 * It goes the way of rows of the catalog.  Tables of the catalog have no indexes on
 * expressions or with a predicate, and that way cannot fill such an index; but ours
 * can be given one by whoever administers the database, so there is another way.
 */
#include "table_insert.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "executor/executor.h"

bool
table_has_plain_indexes(const ResultRelInfo *indexes)
{
	for (int i = 0; i < indexes->ri_NumIndices; i++)
		if (indexes->ri_IndexRelationInfo[i]->ii_Expressions != NIL ||
			indexes->ri_IndexRelationInfo[i]->ii_Predicate != NIL)
			return false;
	return true;
}

static void
insert_with_expressions(Relation rel, HeapTuple tuple, ResultRelInfo *indexes)
{
	EState *estate = CreateExecutorState();
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsHeapTuple);

	ExecStoreHeapTuple(tuple, slot, false);
	table_tuple_insert(rel, slot, GetCurrentCommandId(true), 0, NULL);
	GetPerTupleExprContext(estate)->ecxt_scantuple = slot;
	wrk_insert_index_tuples(indexes, slot, estate);
	wrk_index_insert_cleanup(indexes);
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
}

void
table_insert(Relation rel, HeapTuple tuple)
{
	CatalogIndexState indexes = CatalogOpenIndexes(rel);

	if (table_has_plain_indexes(indexes))
		CatalogTupleInsertWithInfo(rel, tuple, indexes);
	else
		insert_with_expressions(rel, tuple, indexes);
	CatalogCloseIndexes(indexes);
}
