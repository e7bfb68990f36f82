/*
 * table_cache.h
 *	  What a module was told about tables, as each backend keeps it.
 *
 * A value is made once and read until the table, or the name of a schema, has
 * changed; then the next reader makes another.
 */
#ifndef WRK_TABLE_CACHE_H
#define WRK_TABLE_CACHE_H

#include "wrk_copilot.h"
#include "utils/hsearch.h"

/* one of these for each module, static; name is for memory statistics */
typedef struct TableCache
{
	const char *name;
	HTAB *entries; /* NULL until first used */
	struct TableCache *next;
} TableCache;

/* makes a value, all of it in CurrentMemoryContext */
typedef void *(*TableCacheMaker)(void *arg);

/*
 * The value for key, which depends on table relid.  Stays as it is, and allocated,
 * for the rest of the transaction.
 */
extern void *table_cache_get(TableCache *cache, Oid key, Oid relid, TableCacheMaker make,
							 void *arg);

#endif /* WRK_TABLE_CACHE_H */
