/*
 * session.h
 *	  Sessions that are over before their tokens are, and who is not let in at all.
 */
#ifndef WRK_SESSION_H
#define WRK_SESSION_H

#include "wrk_copilot.h"

/*
 * Error session_revoked if this session (claim sid, else jti) of the tenant has ended,
 * unauthorized if only its tokens are void.
 */
extern void session_check(const char *tenant_id, const char *session_id);

/* error forbidden if the tenant, or this user (may be NULL) of it, is suspended */
extern void suspension_check(const char *tenant_id, const char *user_id);

#endif /* WRK_SESSION_H */
