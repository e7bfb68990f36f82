/*
 * json_work.h
 *	  A memory context for one call from SQL.
 *
 * One statement may work on any number of documents, so what a call makes of
 * trees is freed at its end; only the result is made outside.
 */
#ifndef WRK_JSON_WORK_H
#define WRK_JSON_WORK_H

#include "json_tree.h"

typedef struct JsonWork
{
	MemoryContext own;
	MemoryContext caller;
} JsonWork;

extern JsonWork json_work_begin(void);

/* the tree as jsonb of the caller */
extern Datum json_work_end(JsonWork work, JsonNode *result);

#endif /* WRK_JSON_WORK_H */
