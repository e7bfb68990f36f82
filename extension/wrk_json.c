/*
 * wrk_json.c
 *	  Building and reading jsonb; see wrk_json.h.
 *
 * Works on the binary form throughout.  Nothing here knows what a document
 * means.
 */
#include "wrk_json.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "wrk_copilot.h"

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *value)
{
	JsonbValue v;

	v.type = jbvString;
	v.val.string.len = strlen(value);
	v.val.string.val = pstrdup(value);
	(void) pushJsonbValue(state, token, &v);
}

void
wrk_json_begin_object(JsonbParseState **state)
{
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
}

void
wrk_json_end_object(JsonbParseState **state)
{
	(void) pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

Jsonb *
wrk_json_finish_object(JsonbParseState **state)
{
	return JsonbValueToJsonb(pushJsonbValue(state, WJB_END_OBJECT, NULL));
}

char *
wrk_json_text(const Jsonb *doc)
{
	return JsonbToCString(NULL, unconstify(JsonbContainer *, &doc->root), VARSIZE(doc));
}

void
wrk_json_begin_array(JsonbParseState **state)
{
	(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
}

void
wrk_json_end_array(JsonbParseState **state)
{
	(void) pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

void
wrk_json_key(JsonbParseState **state, const char *key)
{
	push_string(state, WJB_KEY, key);
}

void
wrk_json_elem_text(JsonbParseState **state, const char *value)
{
	push_string(state, WJB_ELEM, value);
}

void
wrk_json_pair_text(JsonbParseState **state, const char *key, const char *value)
{
	if (value == NULL)
	{
		wrk_json_pair_null(state, key);
		return;
	}
	wrk_json_key(state, key);
	push_string(state, WJB_VALUE, value);
}

void
wrk_json_pair_int64(JsonbParseState **state, const char *key, int64 value)
{
	JsonbValue v;

	wrk_json_key(state, key);
	v.type = jbvNumeric;
	v.val.numeric =
		DatumGetNumeric(DirectFunctionCall1(int8_numeric, Int64GetDatum(value)));
	(void) pushJsonbValue(state, WJB_VALUE, &v);
}

void
wrk_json_pair_bool(JsonbParseState **state, const char *key, bool value)
{
	JsonbValue v;

	wrk_json_key(state, key);
	v.type = jbvBool;
	v.val.boolean = value;
	(void) pushJsonbValue(state, WJB_VALUE, &v);
}

void
wrk_json_pair_null(JsonbParseState **state, const char *key)
{
	JsonbValue v;

	wrk_json_key(state, key);
	v.type = jbvNull;
	(void) pushJsonbValue(state, WJB_VALUE, &v);
}

void
wrk_json_pair_jsonb(JsonbParseState **state, const char *key, Jsonb *value)
{
	JsonbValue v;

	wrk_json_key(state, key);
	if (JB_ROOT_IS_SCALAR(value))
		(void) JsonbExtractScalar(&value->root, &v);
	else
	{
		v.type = jbvBinary;
		v.val.binary.data = &value->root;
		v.val.binary.len = VARSIZE(value) - VARHDRSZ;
	}
	(void) pushJsonbValue(state, WJB_VALUE, &v);
}

/* to_jsonb() learns the type of its argument from the expression it is called by */
void
wrk_json_writer(FmgrInfo *writer, Oid type, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Const *argument = makeNullConst(type, -1, InvalidOid);

	fmgr_info_cxt(F_TO_JSONB, writer, context);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument),
											 InvalidOid, InvalidOid,
											 COERCE_EXPLICIT_CALL),
					   writer);
	MemoryContextSwitchTo(old);
}

bool
wrk_json_get(const Jsonb *doc, const char *key, JsonbValue *value)
{
	JsonbContainer *root = (JsonbContainer *) &doc->root;

	if (!JsonContainerIsObject(root))
		return false;
	return getKeyJsonValueFromContainer(root, key, strlen(key), value) != NULL;
}

char *
wrk_json_get_text(const Jsonb *doc, const char *key)
{
	JsonbValue v;

	if (!wrk_json_get(doc, key, &v) || v.type == jbvNull)
		return NULL;
	if (v.type != jbvString)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("member \"%s\" must be a string", key)));
	return pnstrdup(v.val.string.val, v.val.string.len);
}

List *
wrk_json_strings(const JsonbValue *array, const char *member, const char *what)
{
	JsonbContainer *container = array->val.binary.data;
	List *strings = NIL;

	if (array->type != jbvBinary || !JsonContainerIsArray(container) ||
		JsonContainerIsScalar(container))
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("\"%s\" of %s must be an array", member, what)));
	for (uint32 i = 0; i < JsonContainerSize(container); i++)
	{
		JsonbValue *elem = getIthJsonbValueFromContainer(container, i);

		if (elem->type != jbvString)
			ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
							errmsg("\"%s\" of %s must hold strings", member, what)));
		strings = lappend(strings, pnstrdup(elem->val.string.val, elem->val.string.len));
	}
	return strings;
}

void
wrk_put_jsonb(Datum *values, bool *nulls, int column, const Jsonb *doc)
{
	nulls[column - 1] = doc == NULL;
	if (doc != NULL)
		values[column - 1] = JsonbPGetDatum(doc);
}
