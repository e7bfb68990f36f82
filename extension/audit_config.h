/*
 * audit_config.h
 *	  What wrk.enable_audit() was told about a table.
 */
#ifndef WRK_AUDIT_CONFIG_H
#define WRK_AUDIT_CONFIG_H

#include "wrk_copilot.h"

/* how a column appears in the log */
typedef enum AuditColumn
{
	AUDIT_SKIP,  /* not at all */
	AUDIT_KEEP,  /* with its values */
	AUDIT_REDACT /* as changed, but not from and to what */
} AuditColumn;

/* One of these for each audited table in use; lives in its own context. */
typedef struct AuditConfig
{
	Oid relid;
	MemoryContext context;
	const char *resource; /* what the table calls its rows */
	AttrNumber id;
	AttrNumber tenant;  /* 0: rows belong to no tenant */
	AttrNumber action;  /* a change of this column names the action; 0: none does */
	AttrNumber version; /* counts what became of the row; 0: the log alone does */
	bool readers;       /* whoever sees a row may read its history */
	bool announce;      /* appending is an event */
	int natts;
	AuditColumn *columns; /* by attribute number - 1 */
	FmgrInfo *json;       /* how to write their values, the same; made when first used */
	FmgrInfo *text;
} AuditConfig;

/*
 * Stays as it is for the rest of the transaction.  Errors: bad_request for a table
 * that is not audited, undefined_column for one that lacks a column it was told of.
 */
extern AuditConfig *audit_config(Relation rel);

#endif /* WRK_AUDIT_CONFIG_H */
