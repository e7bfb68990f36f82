/*
 * session.h
 *	  Sessions that are over before their tokens are.
 */
#ifndef WRK_SESSION_H
#define WRK_SESSION_H

#include "wrk_copilot.h"

/* error unauthorized if this session (claim sid, else jti) of the tenant is revoked */
extern void session_check(const char *tenant_id, const char *session_id);

#endif /* WRK_SESSION_H */
