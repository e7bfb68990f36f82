/*
 * access.h
 *	  Whose rights may have become fewer: told to gateways as control events.
 */
#ifndef WRK_ACCESS_H
#define WRK_ACCESS_H

#include "wrk_copilot.h"
#include "nodes/pg_list.h"

/*
 * Who is to be asked about again: whoever is in one of the lists; without any list
 * everybody of the tenant.  The caller owns everything it points to.
 */
typedef struct AccessChange
{
	const char *tenant_id; /* NULL = every tenant's sessions, or simply everybody */
	List *users;           /* of char *; "" is a service without a user */
	List *sessions;        /* as in the claim sid, or api_key:{id} */
	List *channels;        /* canonical: whoever is in them */
} AccessChange;

extern void access_init(void);

/*
 * Tells every gateway, with this transaction's commit.  What it has told already is
 * not told again, and many are told as one: the whole tenant, then everybody.
 */
extern void access_announce(const AccessChange *change);

#endif /* WRK_ACCESS_H */
