/*
 * seal_access.h
 *	  Who may see what is sealed.
 */
#ifndef WRK_SEAL_ACCESS_H
#define WRK_SEAL_ACCESS_H

#include "wrk_copilot.h"

/*
 * Whether the caller may see the log of this tenant ("" for what belongs to none):
 * whoever may read audit_log that of the own tenant, wrk_ops and the owner any.
 */
extern bool seal_may_read(const char *tenant);

/* error forbidden unless the caller may */
extern void seal_check_reader(const char *tenant);

/* argument for a tenant; SQL NULL is the log of what belongs to none */
extern char *seal_tenant_arg(FunctionCallInfo fcinfo, int argno);

#endif /* WRK_SEAL_ACCESS_H */
