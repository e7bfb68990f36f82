/*
 * jose_json.c
 *	  Strict JSON for token headers and claims.
 *
 * jsonb keeps the last of two members with the same name and says nothing; a
 * verifier that reads the last and a gateway that reads the first would then
 * see two different tokens.  So the server's own parser drives callbacks that
 * build the tree jsonb is made of, and an object that has lost a member by the
 * time it is complete had a duplicate: jsonb's own sorting finds it, at no
 * extra cost, after escapes are resolved and on every level.
 *
 * Must stay true: whatever a stranger sends ends in our SQLSTATE, hence the
 * bounds on depth and on numbers, which the server would refuse with its own.
 */
#include "jose_json.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#define MAX_DEPTH 32
#define MAX_NUMBER_LEN 40
#define MAX_EXPONENT_DIGITS 2

/* one of these for each parse, on its stack */
typedef struct JoseParse
{
	const char *what;
	JsonbParseState *state; /* NULL outside of the object */
	JsonbValue *root;       /* set when the object is complete */
	int depth;
	int nmembers[MAX_DEPTH]; /* seen so far in the open objects */
} JoseParse;

static void
open_container(JoseParse *parse, JsonbIteratorToken token)
{
	if (parse->state == NULL && token != WJB_BEGIN_OBJECT)
		JOSE_REFUSE(errmsg("token %s: not a JSON object", parse->what));
	if (parse->depth == MAX_DEPTH)
		JOSE_REFUSE(
			errmsg("token %s: nested deeper than %d levels", parse->what, MAX_DEPTH));
	parse->nmembers[parse->depth++] = 0;
	(void) pushJsonbValue(&parse->state, token, NULL);
}

static WrkJsonAction
object_start(void *arg)
{
	open_container(arg, WJB_BEGIN_OBJECT);
	WRK_JSON_ACTION_DONE;
}

static WrkJsonAction
array_start(void *arg)
{
	open_container(arg, WJB_BEGIN_ARRAY);
	WRK_JSON_ACTION_DONE;
}

static WrkJsonAction
member_start(void *arg, char *name, bool isnull)
{
	JoseParse *parse = arg;
	JsonbValue key = {.type = jbvString};

	key.val.string.val = name; /* the parser palloc'd it for us */
	key.val.string.len = strlen(name);
	parse->nmembers[parse->depth - 1]++;
	(void) pushJsonbValue(&parse->state, WJB_KEY, &key);
	WRK_JSON_ACTION_DONE;
}

static WrkJsonAction
object_end(void *arg)
{
	JoseParse *parse = arg;

	parse->root = pushJsonbValue(&parse->state, WJB_END_OBJECT, NULL);
	parse->depth--;
	if (parse->root->val.object.nPairs != parse->nmembers[parse->depth])
		JOSE_REFUSE(errmsg("token %s: duplicate member", parse->what));
	WRK_JSON_ACTION_DONE;
}

static WrkJsonAction
array_end(void *arg)
{
	JoseParse *parse = arg;

	(void) pushJsonbValue(&parse->state, WJB_END_ARRAY, NULL);
	parse->depth--;
	WRK_JSON_ACTION_DONE;
}

/* numeric would accept far more, slowly, or refuse it with an error of its own */
static Numeric
bounded_number(JoseParse *parse, const char *text)
{
	size_t exponent_at = strcspn(text, "eE");
	const char *digits = text + exponent_at + (text[exponent_at] != '\0');

	digits += strspn(digits, "+-");
	if (strlen(text) > MAX_NUMBER_LEN ||
		(text[exponent_at] != '\0' && strlen(digits) > MAX_EXPONENT_DIGITS))
		JOSE_REFUSE(errmsg("token %s: number out of range", parse->what));
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}

static WrkJsonAction
scalar(void *arg, char *token, JsonTokenType type)
{
	JoseParse *parse = arg;
	JsonbValue v = {.type = jbvNull};

	if (parse->state == NULL)
		JOSE_REFUSE(errmsg("token %s: not a JSON object", parse->what));
	if (type == JSON_TOKEN_STRING)
	{
		v.type = jbvString;
		v.val.string.val = token;
		v.val.string.len = strlen(token);
	}
	else if (type == JSON_TOKEN_NUMBER)
	{
		v.type = jbvNumeric;
		v.val.numeric = bounded_number(parse, token);
	}
	else if (type == JSON_TOKEN_TRUE || type == JSON_TOKEN_FALSE)
	{
		v.type = jbvBool;
		v.val.boolean = type == JSON_TOKEN_TRUE;
	}
	(void) pushJsonbValue(&parse->state,
						  parse->state->contVal.type == jbvObject ? WJB_VALUE : WJB_ELEM,
						  &v);
	WRK_JSON_ACTION_DONE;
}

JsonbValue *
jose_json_parse(const char *what, const uint8 *json, size_t len)
{
	JoseParse parse = {.what = what};
	JsonSemAction actions = {.semstate = &parse,
							 .object_start = object_start,
							 .object_end = object_end,
							 .array_start = array_start,
							 .array_end = array_end,
							 .object_field_start = member_start,
							 .scalar = scalar};
	char *text = (char *) json;
	JsonParseErrorType error;
	JsonLexContext *lexer;

	/* stops at a NUL too */
	if (pg_encoding_verifymbstr(PG_UTF8, text, len) != len)
		JOSE_REFUSE(errmsg("token %s: not valid UTF-8", what));
	if (GetDatabaseEncoding() != PG_UTF8)
	{
		text = pg_any_to_server(pnstrdup(text, len), len, PG_UTF8);
		len = strlen(text);
	}
	lexer = wrk_make_json_lexer(text, len, GetDatabaseEncoding());
	error = pg_parse_json(lexer, &actions);
	if (error != JSON_SUCCESS)
		JOSE_REFUSE(errmsg("token %s: not valid JSON", what),
					errdetail_log("%s", json_errdetail(error, lexer)));
	return parse.root;
}

const JsonbValue *
jose_json_get(const JsonbValue *object, const char *name)
{
	size_t len = strlen(name);

	if (object->type != jbvObject)
		return NULL;
	for (int i = 0; i < object->val.object.nPairs; i++)
	{
		const JsonbPair *pair = &object->val.object.pairs[i];

		if (pair->key.val.string.len == len &&
			memcmp(pair->key.val.string.val, name, len) == 0)
			return &pair->value;
	}
	return NULL;
}

char *
jose_json_cstring(const JsonbValue *string)
{
	return pnstrdup(string->val.string.val, string->val.string.len);
}

bool
jose_json_equals(const JsonbValue *string, const char *other)
{
	size_t len = strlen(other);

	return string->val.string.len == len &&
		   memcmp(string->val.string.val, other, len) == 0;
}
