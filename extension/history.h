/*
 * history.h
 *	  What became of a row: its changes in wrk.audit_log, and what it was before them.
 *
 * Everything begins with the row as the caller sees it.  Who may read the audit log
 * knows all of its changes and rows that are gone as well; whoever else sees the
 * row knows, if its table says so, what changed since it was inserted in the columns
 * he may see.  Columns are known by their names and are those the table has now.
 */
#ifndef WRK_HISTORY_H
#define WRK_HISTORY_H

#include "wrk_copilot.h"

#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "audit.h"
#include "audit_config.h"
#include "json_tree.h"

/* One of these for each row that is asked for; palloc'd, ended by history_close(). */
typedef struct HistoryRow
{
	Relation rel;
	AuditConfig *config;
	const char *id;     /* as its column writes it */
	const char *tenant; /* NULL: none */
	bool fresh;         /* what others have committed meanwhile counts */
	bool auditor;       /* may read the log itself */
	bool *shown;        /* by attribute number - 1: audited, and the caller may see it */
	int64 from;         /* first change the caller may know of */
	/*
	 * What is shown of the row, column -> value; those that are NULL are left out.  NULL:
	 * the caller sees no such row.
	 */
	JsonNode *values;
} HistoryRow;

/* ---------- history_row.c ---------- */

/*
 * The row with this id (any spelling its column takes) and, unless that is NULL, of
 * this tenant.  lock: kept from others' changes until the transaction ends.  Errors:
 * not_found for what the caller may not know the history of, bad_request, and those
 * of the id's type.
 */
extern HistoryRow *history_open(Oid relid, const char *id, const char *tenant, bool lock);

/* NULL where that would say not_found */
extern HistoryRow *history_try_open(Oid relid, const char *id, const char *tenant,
									bool lock);
extern void history_close(HistoryRow *row);

/* whether the caller may read the log of the tenant */
extern bool history_is_auditor(const char *tenant);

/* the error for a row that is not there, or not to be known of */
extern void history_refuse(const AuditConfig *config, const char *id)
	pg_attribute_noreturn();

/* whether the column of this name is shown */
extern bool history_is_shown(const HistoryRow *row, JsonText column);

/* tenant = $2 and the like; for statements on the row and the parameters they take */
typedef struct HistoryKey
{
	const char *condition; /* on the row, which is called t */
	int nparams;
	Oid types[2];
	Datum values[2];
} HistoryKey;

/* $first is the first parameter */
extern HistoryKey history_key(const HistoryRow *row, int first);

/*
 * The values of these columns, by attribute number - 1, which a tuple has in their
 * order behind the first few, as the trigger would write them if the row were inserted
 */
extern JsonNode *history_tuple_values(const HistoryRow *row, HeapTuple tuple,
									  TupleDesc desc, int skip, const bool *columns);

/* palloc'd, schema-qualified and quoted */
extern char *history_table_name(const HistoryRow *row);
extern const char *history_column(const HistoryRow *row, AttrNumber column);

/* ---------- history_log.c ---------- */

/* one row of wrk.audit_log; texts NULL for SQL NULL */
typedef struct HistoryChange
{
	int64 id;
	TimestampTz created_at;
	const char *user_id;
	char op;
	const char *action;
	Jsonb *changes;
	Jsonb *metadata;
} HistoryChange;

typedef struct HistoryLog HistoryLog;

/* the changes the caller may know of; in its own SPI connection until it is closed */
extern HistoryLog *history_log_open(const HistoryRow *row, bool newest_first);

/* palloc'd in the context; NULL at the end */
extern HistoryChange *history_log_next(HistoryLog *log, MemoryContext context);
extern void history_log_close(HistoryLog *log);

/* where what became of this very row begins; before it, another one had its id */
extern int64 history_log_beginning(const HistoryRow *row);

/* tenant of the one row the log has of this id, whichever that is; NULL: none, or several
 */
extern char *history_log_tenant(const HistoryRow *row);

/* what a change was about; texts NULL for SQL NULL */
typedef struct HistoryTarget
{
	char op;
	const char *resource;
	const char *id;
	const char *tenant;
} HistoryTarget;

/* false: there is no such change; who asks has no right yet to know anything of it */
extern bool history_log_find(int64 change, HistoryTarget *target);

/* the table whose rows the log calls so, InvalidOid if none is */
extern Oid history_log_table(const char *resource);

/* id of the newest change of the row, whoever may know of it; 0: none */
extern int64 history_log_newest(const HistoryRow *row);

/* what is the caller's to see of the change; false: nothing */
extern bool history_show(const HistoryRow *row, HistoryChange *change);

/* ---------- history_state.c ---------- */

/* A row on its way back in time; owns a memory context. */
typedef struct HistoryState
{
	const HistoryRow *row;
	HistoryLog *log;
	MemoryContext context;
	JsonNode *values;    /* as HistoryRow has them; NULL: there is no row */
	HistoryChange *next; /* the newest change that has not been taken back; NULL: none */
	int nchanges;        /* taken back so far */
	int since;           /* of these, since the values were last written anew */
	bool hidden;         /* a column changed that is not shown */
	bool replaced;       /* what is next is about another row that had this id */
	int64 restores;      /* the same, until this change, the row's deletion; 0: no */
} HistoryState;

extern HistoryState *history_state_open(const HistoryRow *row);

/* whether the log may tell how the row came to be what the caller sees */
extern bool history_state_begins(const HistoryState *state);
extern void history_state_close(HistoryState *state);

/* takes changes back until the row is what that version was; error: too_stale */
extern void history_state_to_version(HistoryState *state, int64 version);
extern void history_state_to_time(HistoryState *state, TimestampTz at);

/* takes one more change back; there must be one.  Error: too_stale. */
extern void history_state_step(HistoryState *state);

/* a copy of the values that outlives the next step */
extern JsonNode *history_state_copy(const HistoryState *state);

/* the values as to_jsonb() would have the row, NULL: there is none */
extern JsonNode *history_row_json(const HistoryRow *row, JsonNode *values);

/* what changed from one to the other, in the form of wrk.audit_log */
extern JsonNode *history_compare(const HistoryRow *row, JsonNode *old, JsonNode *new);

/* ---------- history_write.c ---------- */

/*
 * Statements on the row that run with the caller's rights; an error unless they
 * change one row.  values: column -> value, of which a column that is not there is
 * NULL; columns: those to be written, by attribute number - 1.
 */
extern void history_update(const HistoryRow *row, JsonNode *values, const bool *columns);
extern void history_insert(const HistoryRow *row, JsonNode *values);

/* such values as the log would have them: what history_update() would make of them */
extern JsonNode *history_spell(const HistoryRow *row, JsonNode *values,
							   const bool *columns);
extern void history_delete(const HistoryRow *row);

#endif /* WRK_HISTORY_H */
