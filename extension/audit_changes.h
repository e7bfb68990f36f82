/*
 * audit_changes.h
 *	  What a change of a row looks like in the log.
 *
 * An object; members that would be empty are left out:
 *
 *	{"old": {column: value}, "new": {column: value},
 *	 "diff": {column: diff}, "inverse": {column: diff}, "redacted": [column ...]}
 *
 * Values are as to_jsonb() has them, whatever the session's settings: times in
 * UTC, floating point numbers in full.  A column that is NULL is left out.  An
 * INSERT has "new" and a DELETE "old"; an UPDATE has only columns that changed,
 * where jsonb columns that were an object before and after have "diff" and "inverse"
 * (blueprint_diff.h, with nothing that is UI-only), exact to the byte both ways.
 */
#ifndef WRK_AUDIT_CHANGES_H
#define WRK_AUDIT_CHANGES_H

#include "audit_config.h"
#include "executor/tuptable.h"
#include "utils/jsonb.h"

/*
 * palloc'd; NULL for an UPDATE that changed no audited column.  before is NULL for an
 * INSERT, after for a DELETE.
 */
extern Jsonb *audit_changes(AuditConfig *config, Relation rel, TupleTableSlot *before,
							TupleTableSlot *after);

/* palloc'd text of a column, NULL for SQL NULL or column 0 */
extern char *audit_column_text(AuditConfig *config, Relation rel, TupleTableSlot *row,
							   AttrNumber column);

#endif /* WRK_AUDIT_CHANGES_H */
