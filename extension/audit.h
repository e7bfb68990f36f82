/*
 * audit.h
 *	  Who did what: rows of wrk.audit_log, written with what they tell of.
 */
#ifndef WRK_AUDIT_H
#define WRK_AUDIT_H

#include "wrk_copilot.h"
#include "utils/jsonb.h"

/* what a row of the log tells of */
#define AUDIT_INSERT 'i'
#define AUDIT_UPDATE 'u'
#define AUDIT_DELETE 'd'
#define AUDIT_TRUNCATE 't'
#define AUDIT_FACT 'f' /* no change of a row */

/* One row about to be written; the caller owns what it points to. */
typedef struct AuditEntry
{
	char op;
	const char *action;
	const char *resource_type;
	const char *resource_id; /* may be NULL */
	const char *tenant_id;   /* NULL: of no tenant */
	Jsonb *changes;          /* NULL: none */
	Jsonb *metadata;         /* NULL: none */
	bool announce;           /* is an event of the tenant */
} AuditEntry;

extern void audit_init(void);

/*
 * Appends the row with this transaction; who did it is the identity of the
 * transaction.  Trusts the entry: see wrk.audit() for what must be checked.  Returns
 * its id.
 */
extern int64 audit_write(const AuditEntry *entry);

/* Metadata of changes of rows that the log calls so; the caller owns both. */
typedef struct AuditNote
{
	const char *resource_type;
	Jsonb *metadata;
} AuditNote;

/*
 * Of the changes that are recorded from now on, NULL for none.  Returns what was said
 * before, to be said again also after an error.
 */
extern const AuditNote *audit_set_note(const AuditNote *note);

/* the metadata for a change of a row, NULL if there is none */
extern Jsonb *audit_note(const char *resource_type);

/* ---------- audit_store.c ---------- */

extern void audit_store_init(void);

/* writes the row; returns its id */
extern int64 audit_store(const AuditEntry *entry, const char *request_id);

#endif /* WRK_AUDIT_H */
