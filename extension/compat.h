/*
 * compat.h
 *	  Differences between PostgreSQL 14 and 18, in this one place.
 *
 * Nothing else of the extension may mention PG_VERSION_NUM.
 */
#ifndef WRK_COMPAT_H
#define WRK_COMPAT_H

#include "postgres.h"
#include "access/xlog.h"
#include "catalog/pg_proc.h"
#include "common/jsonapi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#endif

#if PG_VERSION_NUM < 140000
#error "wrk_copilot needs PostgreSQL 14 or newer"
#endif

/* 16 gave GUC "extra" blocks their own allocator */
#if PG_VERSION_NUM >= 160000
#define wrk_guc_malloc(size) guc_malloc(LOG, (size))
#else
#define wrk_guc_malloc(size) malloc(size)
#endif

/* 15 made reserving a prefix strict and renamed it */
#if PG_VERSION_NUM >= 150000
#define wrk_reserve_guc_prefix(prefix) MarkGUCPrefixReserved(prefix)
#else
#define wrk_reserve_guc_prefix(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 15 moved shared memory requests into a hook of their own */
#if PG_VERSION_NUM >= 150000
#define WRK_HAVE_SHMEM_REQUEST_HOOK 1
#endif

/* 16 merged the per-catalog permission checks */
#if PG_VERSION_NUM >= 160000
#define wrk_proc_aclcheck(function, role) \
	object_aclcheck(ProcedureRelationId, (function), (role), ACL_EXECUTE)
#else
#define wrk_proc_aclcheck(function, role) \
	pg_proc_aclcheck((function), (role), ACL_EXECUTE)
#endif

#if PG_VERSION_NUM >= 160000
#define wrk_owns_table(table, role) object_ownercheck(RelationRelationId, (table), (role))
#else
#define wrk_owns_table(table, role) pg_class_ownercheck((table), (role))
#endif

#if PG_VERSION_NUM >= 160000
#define wrk_owns_database(database, role) \
	object_ownercheck(DatabaseRelationId, (database), (role))
#else
#define wrk_owns_database(database, role) pg_database_ownercheck((database), (role))
#endif

/* 15 made the options of a sort a bit mask */
#if PG_VERSION_NUM >= 150000
#define WRK_SORT_BOUNDED TUPLESORT_ALLOWBOUNDED
#else
#define WRK_SORT_BOUNDED false
#endif

/* 18 brought generated columns that are not stored */
#if PG_VERSION_NUM >= 180000
#define wrk_column_is_stored(att) ((att)->attgenerated != ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define wrk_column_is_stored(att) true
#endif

/* 16 made the JSON parser's callbacks report success; ours raise what is wrong */
#if PG_VERSION_NUM >= 160000
typedef JsonParseErrorType WrkJsonAction;
#define WRK_JSON_ACTION_DONE return JSON_SUCCESS
#else
typedef void WrkJsonAction;
#define WRK_JSON_ACTION_DONE return
#endif

/* 17 lets the caller bring the lexer's struct */
#if PG_VERSION_NUM >= 170000
#define wrk_make_json_lexer(json, len, encoding) \
	makeJsonLexContextCstringLen(NULL, (json), (len), (encoding), true)
#else
#define wrk_make_json_lexer(json, len, encoding) \
	makeJsonLexContextCstringLen((json), (len), (encoding), true)
#endif

/* the entries of a row for all indexes of its table; 16 added an argument */
#if PG_VERSION_NUM >= 160000
#define wrk_insert_index_tuples(result, slot, estate) \
	((void) ExecInsertIndexTuples((result), (slot), (estate), false, false, NULL, NIL, \
								  false))
#else
#define wrk_insert_index_tuples(result, slot, estate) \
	((void) ExecInsertIndexTuples((result), (slot), (estate), false, false, NULL, NIL))
#endif

/* since 17 a BRIN index keeps a page pinned from row to row, unless it is told not to */
#if PG_VERSION_NUM >= 170000
#define wrk_index_insert_cleanup(result) \
	for (int wrk_i = 0; wrk_i < (result)->ri_NumIndices; wrk_i++) \
	index_insert_cleanup((result)->ri_IndexRelationDescs[wrk_i], \
						 (result)->ri_IndexRelationInfo[wrk_i])
#else
#define wrk_index_insert_cleanup(result) ((void) 0)
#endif

/* 15 replaced the global ThisTimeLineID by a function */
static inline TimeLineID
wrk_timeline(void)
{
	if (RecoveryInProgress())
	{
		TimeLineID tli;

		(void) GetXLogReplayRecPtr(&tli);
		return tli;
	}
#if PG_VERSION_NUM >= 150000
	return GetWALInsertionTimeLine();
#else
	return ThisTimeLineID;
#endif
}

#endif /* WRK_COMPAT_H */
