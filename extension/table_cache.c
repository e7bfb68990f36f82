/*
 * table_cache.c
 *	  What a module was told about tables, as each backend keeps it.
 *
 * Each value has a memory context of its own.  Invalidations only mark; what is
 * marked is made anew by whoever asks next.
 *
 * Must stay true: somebody further up may be in the midst of using an old value,
 * so it is freed no sooner than the transaction ends.
 */
#include "table_cache.h"

#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* one of these for each value */
typedef struct TableCacheEntry
{
	Oid key;
	Oid relid;
	bool valid;
	MemoryContext context; /* NULL: there is no value yet */
	void *value;
} TableCacheEntry;

static TableCache *caches = NULL; /* all that are in use */

static void
relation_changed(Datum arg, Oid relid)
{
	for (TableCache *cache = caches; cache != NULL; cache = cache->next)
	{
		HASH_SEQ_STATUS status;
		TableCacheEntry *entry;

		hash_seq_init(&status, cache->entries);
		while ((entry = hash_seq_search(&status)) != NULL)
			if (relid == InvalidOid || entry->relid == relid)
				entry->valid = false;
	}
}

static void
schema_changed(Datum arg, int cacheid, uint32 hash)
{
	relation_changed(arg, InvalidOid);
}

static void
begin_cache(TableCache *cache)
{
	HASHCTL ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(TableCacheEntry)};

	if (caches == NULL)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, schema_changed, (Datum) 0);
	}
	cache->entries = hash_create(cache->name, 32, &ctl, HASH_ELEM | HASH_BLOBS);
	cache->next = caches;
	caches = cache;
}

/* the context is the caller's until the value is whole, so that an error frees it */
static void
fill_entry(TableCacheEntry *entry, const char *name, TableCacheMaker make, void *arg)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "wrk table", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	void *value;

	MemoryContextSetIdentifier(context, name);
	/* valid before reading: a change that arrives meanwhile makes it invalid again */
	entry->valid = true;
	PG_TRY();
	{
		value = make(arg);
	}
	PG_CATCH();
	{
		entry->valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);

	if (entry->context != NULL)
		MemoryContextSetParent(entry->context, TopTransactionContext);
	MemoryContextSetParent(context, CacheMemoryContext);
	entry->context = context;
	entry->value = value;
}

void *
table_cache_get(TableCache *cache, Oid key, Oid relid, TableCacheMaker make, void *arg)
{
	TableCacheEntry *entry;
	bool found;

	if (cache->entries == NULL)
		begin_cache(cache);
	entry = hash_search(cache->entries, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->valid = false;
		entry->context = NULL;
	}
	entry->relid = relid;
	if (!entry->valid)
		fill_entry(entry, cache->name, make, arg);
	return entry->value;
}
