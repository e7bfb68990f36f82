/*
 * jose_json.h
 *	  The JSON of tokens, read more strictly than jsonb reads it.
 */
#ifndef WRK_JOSE_JSON_H
#define WRK_JOSE_JSON_H

#include "wrk_copilot.h"
#include "utils/jsonb.h"

/*
 * Refuses a token.  The statement is kept out of the server log because it may
 * hold the token; what only the operator may know goes into errdetail_log().
 */
#define JOSE_REFUSE(...) \
	ereport(ERROR, (errcode(ERRCODE_WRK_UNAUTHORIZED), WRK_HIDE_CREDENTIAL, __VA_ARGS__))

/*
 * Parses one JSON object given as UTF-8.  Returns a tree (jbvObject) palloc'd
 * in the current context.  what ("header", "claims") names it in messages.
 * Error: unauthorized for anything else than one well-formed object without
 * duplicate members, nested too deep, or with a number jsonb could not keep.
 */
extern JsonbValue *jose_json_parse(const char *what, const uint8 *json, size_t len);

/* member of a jbvObject, NULL if there is none or object is something else */
extern const JsonbValue *jose_json_get(const JsonbValue *object, const char *name);

/* palloc'd copy of a string value */
extern char *jose_json_cstring(const JsonbValue *string);

extern bool jose_json_equals(const JsonbValue *string, const char *other);

#endif /* WRK_JOSE_JSON_H */
