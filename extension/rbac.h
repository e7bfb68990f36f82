/*
 * rbac.h
 *	  Roles, permissions and memberships as data; may this identity do that?
 */
#ifndef WRK_RBAC_H
#define WRK_RBAC_H

#include "identity.h"

extern void rbac_init(void);

/*
 * Whether the identity may perform action on the resource, or on resources of
 * this type at large when resource_id is NULL.
 */
extern bool rbac_can(const Identity *id, const char *action, const char *resource_type,
					 const char *resource_id);

/* the bits (wrk.role.bit) of role names; unknown names have none */
extern uint64 rbac_role_mask(const char *const *roles, int nroles);

#endif /* WRK_RBAC_H */
