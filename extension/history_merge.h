/*
 * history_merge.h
 *	  A row that others have changed, and what somebody wants of it, put together.
 *
 * base is the row that somebody knew, theirs what they make of it, ours what is
 * there, locked.  A column that is as it was in base becomes theirs, documents (jsonb
 * objects) are merged part by part (blueprint_merge.h).  A conflict is
 * {"path": [column, ...], "kind", "base", "ours", "theirs"} with the kinds of
 * json_merge.h and dangling_edge; path [] is the whole row.
 */
#ifndef WRK_HISTORY_MERGE_H
#define WRK_HISTORY_MERGE_H

#include "history.h"

/* one of these for each merge; everything is only read but conflicts */
typedef struct HistoryMerge
{
	const HistoryRow *row; /* its values are ours */
	JsonNode *base;
	JsonNode *theirs;
	const bool *columns; /* theirs to change, by attribute number - 1 */
	/*
	 * Who wins where there is a conflict.  If ours do, a document in which they have
	 * drawn an edge to a node that would go is theirs to keep as a whole.
	 */
	bool theirs_win;
	JsonNode *conflicts; /* appended to */
} HistoryMerge;

/* the columns to be written, and their values; false: none */
extern bool history_merge(const HistoryMerge *merge, JsonNode *values, bool *columns);

/* column NULL: the row as a whole.  Returns the conflict. */
extern JsonNode *history_add_conflict(JsonNode *conflicts, const char *column,
									  const char *kind);

/* values of a column; NULL is SQL NULL */
extern bool history_same(JsonNode *a, JsonNode *b);

#endif /* WRK_HISTORY_MERGE_H */
