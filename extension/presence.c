/*
 * presence.c
 *	  The name under which others see a user: the application's to say.
 *
 * The engine has no table of people.  A function of the application, named by
 * wrk.presence_rule, gives a name for a user of the identity's tenant; it runs
 * as wrk_member with the identity in force, so it finds what a member may see.
 */
#include "wrk_copilot.h"

#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/regproc.h"

PG_FUNCTION_INFO_V1(wrk_presence_ask_name);

Datum
wrk_presence_ask_name(PG_FUNCTION_ARGS)
{
	Oid function;
	Oid member = get_role_oid(WRK_ROLE_MEMBER, false);
	WrkRoleSwitch saved;
	Datum result;
	bool isnull;

	wrk_require_arg(fcinfo, 0, "function");
	wrk_require_arg(fcinfo, 1, "user");
	function = PG_GETARG_OID(0);
	if (!wrk_has_shape(function, TEXTOID, TEXTOID))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function %s cannot name users", format_procedure(function)),
				 errhint("It takes one text and returns text.")));
	wrk_check_execute(function, member);
	saved = wrk_become(member);
	result = wrk_call1(function, PG_GETARG_DATUM(1), &isnull);
	wrk_unbecome(saved);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}
