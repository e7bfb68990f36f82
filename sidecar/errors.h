/*
 * errors.h: error codes of the wire, and how SQLSTATEs become them (layer 1).
 *
 * The database owns the mapping and sends it when the gateway says hello; the
 * gateway's own refusals use the built-in codes. The longest matching SQLSTATE
 * prefix wins; what matches nothing is `internal`, and its message stays here.
 */
#ifndef WRK_ERRORS_H
#define WRK_ERRORS_H

#include <jansson.h>

typedef struct ErrorCode
{
	char sqlstate[6]; /* or a prefix of one */
	char code[32];
	int status;     /* HTTP twin */
	char retry[12]; /* no, backoff, refetch or refresh */
} ErrorCode;

extern const ErrorCode error_bad_request;
extern const ErrorCode error_unauthorized;
extern const ErrorCode error_token_expired;
extern const ErrorCode error_session_revoked;
extern const ErrorCode error_forbidden;
extern const ErrorCode error_not_found;
extern const ErrorCode error_conflict;
extern const ErrorCode error_too_large;
extern const ErrorCode error_rate_limited;
extern const ErrorCode error_limit_exceeded;
extern const ErrorCode error_limit_for_now; /* limit_exceeded that passes by itself */
extern const ErrorCode error_internal;
extern const ErrorCode error_unavailable;

/* Replaces the mapping by the `errors` array of the database's hello. */
extern void errors_load(const json_t *array);

/* Never NULL. */
extern const ErrorCode *errors_find(const char *sqlstate);

#endif
