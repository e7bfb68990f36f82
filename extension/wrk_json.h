/*
 * wrk_json.h
 *	  Building jsonb values a member at a time, and reading members by name.
 *
 * Thin names over the server's push interface so that callers read as the
 * document they make.  Everything is palloc'd in the current context.
 */
#ifndef WRK_JSON_H
#define WRK_JSON_H

#include "postgres.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

extern void wrk_json_begin_object(JsonbParseState **state);
extern void wrk_json_end_object(JsonbParseState **state);
extern Jsonb *wrk_json_finish_object(JsonbParseState **state);
/* palloc'd */
extern char *wrk_json_text(const Jsonb *doc);
extern void wrk_json_begin_array(JsonbParseState **state);
extern void wrk_json_end_array(JsonbParseState **state);
extern void wrk_json_key(JsonbParseState **state, const char *key);
extern void wrk_json_elem_text(JsonbParseState **state, const char *value);

/* a NULL value becomes JSON null */
extern void wrk_json_pair_text(JsonbParseState **state, const char *key,
							   const char *value);
extern void wrk_json_pair_int64(JsonbParseState **state, const char *key, int64 value);
extern void wrk_json_pair_bool(JsonbParseState **state, const char *key, bool value);
extern void wrk_json_pair_null(JsonbParseState **state, const char *key);
extern void wrk_json_pair_jsonb(JsonbParseState **state, const char *key, Jsonb *value);

/* a value of any type, as to_jsonb() has it: call the function in writer with it */
extern void wrk_json_writer(FmgrInfo *writer, Oid type, MemoryContext context);

/* member of an object; false if doc is no object or has no such member */
extern bool wrk_json_get(const Jsonb *doc, const char *key, JsonbValue *value);

/* string member as palloc'd C string, NULL if absent or JSON null; error if of another
 * type */
extern char *wrk_json_get_text(const Jsonb *doc, const char *key);

/*
 * Palloc'd C strings of an array; error if it is something else.  The error says
 * "member of what".
 */
extern List *wrk_json_strings(const JsonbValue *array, const char *member,
							  const char *what);

/* a document, or NULL for SQL NULL, as a column, from 1, of a row about to be formed */
extern void wrk_put_jsonb(Datum *values, bool *nulls, int column, const Jsonb *doc);

#endif /* WRK_JSON_H */
