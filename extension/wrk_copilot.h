/*
 * wrk_copilot.h
 *	  What every module of the extension shares: our SQLSTATEs, the role names
 *	  and the one helper that runs code with another role's rights.
 *
 * Module-level state lives in the module that owns it; nothing is kept here.
 */
#ifndef WRK_COPILOT_H
#define WRK_COPILOT_H

#include "postgres.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/rel.h"
#include "executor/tuptable.h"

#include "compat.h"

/* ERRCODE_WRK_NOT_FOUND and friends, class "WK"; see errcodes.h */
#define WRK_SQLSTATE(a, b, c) MAKE_SQLSTATE('W', 'K', a, b, c)
enum WrkErrcode
{
#define WRK_ERROR(symbol, a, b, c, code, status, retry, description) \
	ERRCODE_WRK_##symbol = WRK_SQLSTATE(a, b, c),
#include "errcodes.h"
#undef WRK_ERROR
};

/*
 * Part of an ereport() about a credential: keeps the statement and the lines of
 * functions around it out of the server's log, where it may stand as a literal.
 */
#define WRK_HIDE_CREDENTIAL errhidestmt(true), errhidecontext(true)

#define WRK_ROLE_MEMBER "wrk_member"
#define WRK_ROLE_SERVICE "wrk_service"

/* what a switch of roles must restore; made by wrk_become(), ended by wrk_unbecome() */
typedef struct WrkRoleSwitch
{
	Oid userid;
	int sec_context;
} WrkRoleSwitch;

/*
 * Runs what follows with the rights of another role, the way a SECURITY DEFINER
 * function does: SET ROLE and SET SESSION AUTHORIZATION are refused meanwhile.
 * An error restores the caller's rights by itself (transaction abort does it).
 */
extern WrkRoleSwitch wrk_become(Oid userid);
extern void wrk_unbecome(WrkRoleSwitch saved);

/* owner of the extension's schema "wrk": who our own tables belong to */
extern Oid wrk_owner(void);

/* OID of a function, table or index of schema "wrk"; error if it is not there */
extern Oid wrk_relation(const char *relname);

/*
 * Whether there is such a function and it takes one argument of just this type
 * and returns one value of just that.  Ask it of every function that was named
 * by a row before wrk_call1(), which believes what it is told.
 */
extern bool wrk_has_shape(Oid function, Oid argument, Oid result);

/*
 * Calls a function of one argument without a permission check; the result is
 * detoasted by nobody and lives in the current context.
 */
extern Datum wrk_call1(Oid function, Datum arg, bool *isnull);

/* error unless the role may execute the function */
extern void wrk_check_execute(Oid function, Oid role);

/* text datum helpers: palloc'd C string, or NULL for SQL NULL */
extern char *wrk_text_arg(FunctionCallInfo fcinfo, int argno);

/*
 * Palloc'd C strings of a text[] of any shape, their number in *n.  A NULL element
 * is refused under the name the caller has for one.  Error: bad_request.
 */
extern char **wrk_text_array(ArrayType *array, const char *what, int *n);
extern List *wrk_text_list(ArrayType *array, const char *what);

/* a text, or NULL for SQL NULL, as a column, from 1, of a row about to be formed */
extern void wrk_put_text(Datum *values, bool *nulls, int column, const char *value);

/* whether a trigger finds the column's value in the row */
extern bool wrk_is_stored(Form_pg_attribute column);

/* number of the stored column of that name, which need not end in a zero; 0: none */
extern AttrNumber wrk_stored_column(Relation rel, const char *name, size_t len);

/* whether the column's bytes differ between two rows of the table */
extern bool wrk_column_changed(Relation rel, TupleTableSlot *before,
							   TupleTableSlot *after, AttrNumber column);

/* refuses NULL for an argument the function cannot do without */
extern void wrk_require_arg(FunctionCallInfo fcinfo, int argno, const char *name);

#endif /* WRK_COPILOT_H */
