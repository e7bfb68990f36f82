/*
 * errcodes.h
 *	  Every error of ours, stated once.
 *
 * WRK_ERROR(symbol, three characters after "WK", code, HTTP status, retry,
 * description) is expanded twice: into the ERRCODE_WRK_* values that C code
 * raises, and into the rows of the view wrk.error_code from which the gateway
 * learns what to tell a browser.  SQL code raises the same states with
 * ERRCODE = 'WK404'.  A state, once released, never changes its meaning.
 *
 * retry says what a client may do next: "no" (the request is wrong),
 * "backoff" (later, unchanged), "refetch" (read again, then decide) or
 * "refresh" (get a new token first).
 */
/* one error a line reads as the table it is */
/* clang-format off */
WRK_ERROR(BAD_REQUEST,        '4','0','0', "bad_request",        400, "no",      "the request is malformed or misses something")
WRK_ERROR(UNAUTHORIZED,       '4','0','1', "unauthorized",       401, "refresh", "no credential, or one that does not verify")
WRK_ERROR(TOKEN_EXPIRED,      '4','E','1', "token_expired",      401, "refresh", "the credential was good once and has expired")
WRK_ERROR(SESSION_REVOKED,    '4','E','2', "session_revoked",    401, "no",      "the session was ended, or the API key revoked, that the credential is of")
WRK_ERROR(FORBIDDEN,          '4','0','3', "forbidden",          403, "no",      "the identity may not do this")
WRK_ERROR(NOT_FOUND,          '4','0','4', "not_found",          404, "no",      "no such thing, or nothing this identity may know of")
WRK_ERROR(CONFLICT,           '4','0','9', "conflict",           409, "refetch", "somebody else changed it first")
WRK_ERROR(TOO_STALE,          '4','S','9', "too_stale",          409, "refetch", "the base version is older than what is kept")
WRK_ERROR(UNRECOVERABLE,      '4','1','0', "unrecoverable",      410, "refetch", "the position is of another epoch or older than what is kept")
WRK_ERROR(TOO_LARGE,          '4','1','3', "too_large",          413, "no",      "the value is larger than the limit")
WRK_ERROR(INVALID_TRANSITION, '4','2','2', "invalid_transition", 422, "refetch", "the state machine has no such step")
WRK_ERROR(KEY_REUSED,         '4','K','2', "key_reused",         422, "no",      "the idempotency key was used for another request")
WRK_ERROR(LOCKED,             '4','2','3', "locked",             423, "backoff", "somebody else holds the lock")
WRK_ERROR(RATE_LIMITED,       '4','2','9', "rate_limited",       429, "backoff", "too many requests in too short a time")
WRK_ERROR(LIMIT_EXCEEDED,     '4','L','9', "limit_exceeded",     429, "no",      "a quota or cap is used up")
WRK_ERROR(INTERNAL,           '5','0','0', "internal",           500, "backoff", "something broke on our side")
WRK_ERROR(UNAVAILABLE,        '5','0','3', "unavailable",        503, "backoff", "the service cannot answer just now")
/* clang-format on */
