/*
 * seal_access.c
 *	  Who may see what is sealed.
 *
 * The same people as the policies of wrk.audit_log let read it.  What is sealed is
 * read with the owner's rights afterwards, so this is asked before anything else.
 */
#include "seal_access.h"

#include "miscadmin.h"
#include "utils/acl.h"

#include "identity.h"
#include "rbac.h"

#define ROLE_OPS "wrk_ops"

bool
seal_may_read(const char *tenant)
{
	Oid user = GetUserId();
	const Identity *id = identity_current();

	if (has_privs_of_role(user, wrk_owner()) ||
		has_privs_of_role(user, get_role_oid(ROLE_OPS, false)))
		return true;
	return id != NULL && strcmp(id->tenant_id, tenant) == 0 &&
		   rbac_can(id, "read", "audit_log", NULL);
}

void
seal_check_reader(const char *tenant)
{
	if (!seal_may_read(tenant))
		ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
						errmsg("the audit log of this tenant is not yours to check"),
						errhint("It takes the permission to read audit_log, in the"
								" tenant of the identity.")));
}

char *
seal_tenant_arg(FunctionCallInfo fcinfo, int argno)
{
	char *tenant = wrk_text_arg(fcinfo, argno);

	return tenant ? tenant : pstrdup("");
}
