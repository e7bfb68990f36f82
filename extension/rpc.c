/*
 * rpc.c
 *	  Calls from outside: an allow-listed function, run as wrk_member.
 *
 * The function runs with the rights of wrk_member and nothing more, the way a
 * SECURITY DEFINER function runs as its owner, so it cannot switch to another
 * role.  Constraints that wait for the end of the transaction are checked
 * before those rights end, because their triggers would otherwise run as the
 * caller.
 */
#include "wrk_copilot.h"

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/regproc.h"

#include "event.h"
#include "identity.h"

PG_FUNCTION_INFO_V1(wrk_rpc_invoke);
PG_FUNCTION_INFO_V1(wrk_rpc_enter);
PG_FUNCTION_INFO_V1(wrk_rpc_leave);
PG_FUNCTION_INFO_V1(wrk_rpc_event_key);
PG_FUNCTION_INFO_V1(wrk_rpc_current_key);
PG_FUNCTION_INFO_V1(wrk_rpc_event_id);

/* the function must be one the registry can hold: (jsonb) returns jsonb, open to
 * wrk_member */
static void
check_function(Oid function, Oid member)
{
	if (!wrk_has_shape(function, JSONBOID, JSONBOID))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function %s cannot be called from outside",
						format_procedure(function)),
				 errhint("A registered function takes one jsonb and returns jsonb.")));
	wrk_check_execute(function, member);
}

Datum
wrk_rpc_invoke(PG_FUNCTION_ARGS)
{
	Oid function;
	Oid member = get_role_oid(WRK_ROLE_MEMBER, false);
	WrkRoleSwitch saved;
	Datum result;
	bool isnull;

	wrk_require_arg(fcinfo, 0, "function");
	wrk_require_arg(fcinfo, 1, "params");
	function = PG_GETARG_OID(0);
	if (identity_current() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_UNAUTHORIZED), errmsg("nobody is authenticated")));
	check_function(function, member);

	saved = wrk_become(member);
	result = wrk_call1(function, PG_GETARG_DATUM(1), &isnull);
	SPI_connect();
	if (SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not check deferred constraints");
	SPI_finish();
	wrk_unbecome(saved);

	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

Datum
wrk_rpc_enter(PG_FUNCTION_ARGS)
{
	wrk_require_arg(fcinfo, 0, "method");
	PG_RETURN_BOOL(identity_enter(wrk_text_arg(fcinfo, 0)));
}

Datum
wrk_rpc_leave(PG_FUNCTION_ARGS)
{
	identity_leave();
	PG_RETURN_VOID();
}

Datum
wrk_rpc_event_key(PG_FUNCTION_ARGS)
{
	event_set_call_key(wrk_text_arg(fcinfo, 0));
	PG_RETURN_VOID();
}

Datum
wrk_rpc_current_key(PG_FUNCTION_ARGS)
{
	const char *key = event_call_key();

	if (key == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(key));
}

Datum
wrk_rpc_event_id(PG_FUNCTION_ARGS)
{
	int64 id = event_last_id();

	if (id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(id);
}
