/*
 * blueprint_validate_sql.c
 *	  wrk.blueprint_validate() and wrk.blueprint_check(); see blueprint_validate.h.
 */
#include "blueprint_validate.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "wrk_copilot.h"
#include "json_number.h"
#include "json_text.h"

PG_FUNCTION_INFO_V1(wrk_blueprint_validate);
PG_FUNCTION_INFO_V1(wrk_blueprint_check);

static void
refuse_limit(JsonText name, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRK_BAD_REQUEST),
			 errmsg("limit \"%s\" of a blueprint %s",
					pnstrdup(name.val, Min(name.len, BLUEPRINT_WORD_MAX)), problem),
			 errhint("Limits are node_bytes, document_bytes, nodes and depth,"
					 " each a number from 0 to 2147483647.")));
}

/* a whole number that is no limit is refused; so is what is no number */
static int64
limit_value(const JsonMember *member)
{
	Datum number;
	Numeric zero = json_number_from_int(0);
	Numeric most = json_number_from_int(PG_INT32_MAX);

	if (member->value->kind != JSON_NUMBER)
		refuse_limit(member->key, "is no number");
	number = NumericGetDatum(member->value->u.number);
	if (!DatumGetBool(DirectFunctionCall2(numeric_ge, number, NumericGetDatum(zero))) ||
		!DatumGetBool(DirectFunctionCall2(numeric_le, number, NumericGetDatum(most))))
		refuse_limit(member->key, "is out of range");
	return DatumGetInt32(DirectFunctionCall1(numeric_int4, number));
}

static BlueprintLimits
limits_argument(const Jsonb *argument)
{
	BlueprintLimits limits = BLUEPRINT_LIMITS;
	JsonNode *object = json_from_jsonb(argument);

	if (object->kind != JSON_OBJECT)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("limits of a blueprint must be a JSON object")));
	for (int i = 0; i < object->n; i++)
	{
		const JsonMember *member = json_member(object, i);
		int64 *limit = blueprint_limit(&limits, member->key);

		if (limit == NULL)
			refuse_limit(member->key, "is not known");
		else
			*limit = limit_value(member);
	}
	return limits;
}

static JsonNode *
validated(FunctionCallInfo fcinfo, bool *too_large)
{
	BlueprintLimits limits = limits_argument(PG_GETARG_JSONB_P(1));

	return blueprint_validate(json_from_jsonb(PG_GETARG_JSONB_P(0)), &limits, too_large);
}

Datum
wrk_blueprint_validate(PG_FUNCTION_ARGS)
{
	bool too_large;

	PG_RETURN_JSONB_P(json_to_jsonb(validated(fcinfo, &too_large)));
}

/* in words; the others are in the detail */
static char *
first_problem(JsonNode *problems)
{
	JsonNode *first = json_item(problems, 0);
	JsonText problem = json_get_named(first, "problem")->u.string;

	return psprintf("%s %.*s", json_to_cstring(json_get_named(first, "path")),
					problem.len, problem.val);
}

Datum
wrk_blueprint_check(PG_FUNCTION_ARGS)
{
	bool too_large;
	JsonNode *problems = validated(fcinfo, &too_large);

	if (problems->n == 0)
		PG_RETURN_VOID();
	ereport(ERROR, (errcode(too_large ? ERRCODE_WRK_TOO_LARGE : ERRCODE_WRK_BAD_REQUEST),
					errmsg("blueprint is %s: %s", too_large ? "too large" : "not sound",
						   first_problem(problems)),
					errdetail_internal("%s", json_to_cstring(problems))));
}
