/*
 * status.h
 *	  Status machines: which steps a row may take, and who may have it take them.
 *
 * A machine is rows of wrk.state_machine, wrk.state and wrk.transition, one set
 * for each version; versions never change.  A table under wrk.enable_status()
 * says in its trigger's argument which machine it follows and in which columns.
 */
#ifndef WRK_STATUS_H
#define WRK_STATUS_H

#include "wrk_copilot.h"

#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

#include "event_row.h"

/* what a transition says instead of a state: back to where the row was before */
#define STATUS_PREVIOUS "previous"
#define STATUS_TO_PREVIOUS (-1)
#define STATUS_NONE (-2)

typedef struct StatusState
{
	const char *code;
	const char *label;
	bool initial;
	bool terminal;
	bool history; /* a stop-over: has a way back to the previous state */
} StatusState;

typedef struct StatusTransition
{
	int from; /* numbers of states */
	int to;   /* or STATUS_TO_PREVIOUS */
	const char *label;
	int nroles;
	const char **roles;     /* one of them suffices */
	const char *permission; /* or this; neither: everybody may */
	Oid guard;              /* InvalidOid: none */
	int nafter;
	Oid *after;
	bool needs_reason;
} StatusTransition;

/* One of these for each version of a machine in use; lives in its own context. */
typedef struct StatusMachine
{
	const char *name;
	int version;
	int nstates;
	StatusState *states;
	int ntransitions;
	StatusTransition *transitions;
} StatusMachine;

/* statements of status_row.c, each with and without a tenant */
#define STATUS_NPLANS 12

/* One of these for each table in use; lives in its own context. */
typedef struct StatusTable
{
	Oid relid;
	const char *machine;
	const char *entity;
	AttrNumber status;
	AttrNumber version;
	AttrNumber reason; /* 0: the table has no column for it */
	AttrNumber id;
	AttrNumber tenant; /* 0: rows belong to no tenant */
	MemoryContext context;
	ColumnWriter *writers; /* by attribute number - 1 */
	EventConfig *events;   /* NULL: changes of state are no events of ours */
	const char *late;  /* a trigger that could change what the guard let pass, or NULL */
	SPIPlanPtr *plans; /* STATUS_NPLANS of them, NULL until first used */
} StatusTable;

/* one change of state, asked for or made; the caller owns what it points to */
typedef struct StatusStep
{
	const StatusTable *table;
	const StatusMachine *machine;
	const char *id;
	const char *tenant; /* NULL: none */
	int from; /* STATUS_NONE: the row is new, or was in a state this version lacks */
	const char *from_code; /* as the row had it */
	int to;
	const char *reason;
	/* found by status_find_step() */
	const StatusTransition *transition;
	bool returned; /* it goes back to the previous state */
} StatusStep;

extern void status_init(void);

/* ---------- status_machine.c ---------- */

/*
 * A version of a machine.  Stays as it is for the rest of the transaction.  Error:
 * not_found.
 */
extern const StatusMachine *status_machine(const char *name, int version);

/* newest version of a machine; error: not_found */
extern int status_machine_current(const char *name);

/* number of the state, STATUS_NONE if there is none of that code */
extern int status_state(const StatusMachine *machine, const char *code);

/* the other way round; NULL for what is no number of a state */
extern const char *status_code(const StatusMachine *machine, int state);

/* ---------- status_table.c ---------- */

/*
 * What wrk.enable_status() was told about the table.  Stays as it is for the rest
 * of the transaction.  Error: bad_request for a table without a machine.
 */
extern const StatusTable *status_table(Relation rel);

/* palloc'd text of a column of a row, NULL for SQL NULL or column 0 */
extern char *status_column(const StatusTable *table, Relation rel, TupleTableSlot *row,
						   AttrNumber column);

/* name of a column, not quoted */
extern const char *status_column_name(Relation rel, AttrNumber column);

/* palloc'd, schema-qualified and quoted name */
extern char *status_relation_name(Oid relid);

/* ---------- status_step.c ---------- */

/*
 * Finds the transition that takes the step for the identity of this transaction.
 * Errors: invalid_transition when the machine has none, forbidden or unauthorized
 * when it has but not for this identity; each with the list of what is allowed.
 */
extern void status_find_step(StatusStep *step);

/* refuses a step without the reason it needs, or that its guard refuses */
extern void status_check_step(const StatusStep *step, Jsonb *row);

/* has the transition's "after" functions run */
extern void status_run_after(const StatusStep *step, Jsonb *row, int64 change_id);

/*
 * Whether the identity may take the transition from where the row is; *to is the
 * state it leads to, STATUS_NONE for a previous state nobody knows of.
 */
extern bool status_allowed(const StatusStep *step, const StatusTransition *transition,
						   int *to);

/* number of the state a code asks for, "previous" included; error: invalid_transition */
extern int status_wanted(const StatusStep *step, const char *code);

/* raises invalid_transition for the step, in these words */
extern void status_refuse(const StatusStep *step, const char *to, const char *message,
						  const char *hint) pg_attribute_noreturn();

/* ---------- status_store.c ---------- */

/* records the change in wrk.state_change */
extern void status_record(const StatusStep *step, bool imported);

/* id of the last change this backend has recorded, or was told to take for it */
extern int64 status_last_change(void);
extern void status_set_last_change(int64 id);

/*
 * Id of the recorded change that is this step, whose reason and returned are
 * filled in.  Error if there is none.
 */
extern int64 status_recorded(StatusStep *step);

/* state before the latest entry into the state the row is in; STATUS_NONE: not known */
extern int status_previous(const StatusStep *step);

/* ---------- status_row.c ---------- */

/* what to do about a row that somebody else has locked */
typedef enum StatusLock
{
	STATUS_NO_LOCK,
	STATUS_LOCK_WAIT,
	STATUS_LOCK_SKIP, /* as if it were not there */
	STATUS_LOCK_FAIL  /* error: locked */
} StatusLock;

/* a row as the caller sees it; palloc'd in the context status_read_row() was given */
typedef struct StatusRow
{
	const char *id;     /* as the row has it */
	const char *status; /* NULL for SQL NULL */
	int version;        /* 0 for SQL NULL */
	const char *tenant;
	Jsonb
		*json; /* the whole row, if it was asked for: takes the right to see all of it */
} StatusRow;

/*
 * palloc'd text of an id as the table's column writes it.  Two spellings of one
 * uuid are one row, in the history as well.  Errors: those of the type's input.
 */
extern char *status_row_id(const StatusTable *table, Relation rel, const char *text);

/*
 * These run in an SPI connection of the caller's, with its rights.  The first
 * finds a row, false if the caller sees none or, with STATUS_LOCK_SKIP, somebody
 * else has it; it does not lock what it is to read whole.  The second gives it
 * another state.
 */
extern bool status_read_row(const StatusTable *table, Relation rel, const char *id,
							StatusLock lock, bool whole, MemoryContext context,
							StatusRow *row);
extern void status_write_row(const StatusTable *table, Relation rel, const char *id,
							 const char *status);

/* ---------- status_import.c ---------- */

extern void status_import_init(void);

/* whether this transaction loads data: any state its machine knows may be written */
extern bool status_importing(void);

/* ---------- status_trigger.c ---------- */

/* the step a row is about to take, or has taken; before is NULL for a new row */
extern StatusStep status_read_step(const StatusTable *table, Relation rel,
								   TupleTableSlot *before, TupleTableSlot *after);

/* the row as to_jsonb() has it */
extern Jsonb *status_row_json(Relation rel, TupleTableSlot *row);

extern bool status_same_value(Relation rel, HeapTuple before, HeapTuple after,
							  AttrNumber column);

/* refuses a new row in a state where rows do not begin */
extern void status_refuse_beginning(const StatusStep *step);

/*
 * Says that the step is about to be taken by UPDATE; its reason is that step's and no
 * other's.  Returns what was said before (NULL: nothing), to be said again also
 * after an error.
 */
extern const StatusStep *status_announce_step(const StatusStep *step);

/* members id, from, to, reason (if there is one) and by of what is told of a step */
extern void status_put_step(JsonbParseState **state, const StatusStep *step,
							const char *reason);

#endif /* WRK_STATUS_H */
