/*
 * blueprint_sql.c
 *	  SQL-callable functions about one or two blueprints.
 *
 * Entry points only: unpack, guard, delegate.
 */
#include "wrk_copilot.h"

#include "blueprint_diff.h"
#include "blueprint_patch.h"
#include "blueprint_place.h"
#include "blueprint_ui.h"

PG_FUNCTION_INFO_V1(wrk_blueprint_diff);
PG_FUNCTION_INFO_V1(wrk_blueprint_patch);
PG_FUNCTION_INFO_V1(wrk_blueprint_invert);
PG_FUNCTION_INFO_V1(wrk_blueprint_strip);

static JsonNode *
tree_arg(FunctionCallInfo fcinfo, int argno)
{
	return json_from_jsonb(PG_GETARG_JSONB_P(argno));
}

/* the one option that there is: "ui" */
static JsonNode *
ui_arg(FunctionCallInfo fcinfo, int argno)
{
	JsonNode *options = tree_arg(fcinfo, argno);
	JsonNode *ui = blueprint_ui(options);

	for (int i = 0; i < options->n; i++)
	{
		BlueprintPlace place = blueprint_member(NULL, json_member(options, i)->key);

		if (!json_text_is(place.name, "ui"))
			blueprint_malformed(&place, "there is no such option");
	}
	return ui;
}

Datum
wrk_blueprint_diff(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(json_to_jsonb(
		blueprint_diff(tree_arg(fcinfo, 0), tree_arg(fcinfo, 1), ui_arg(fcinfo, 2))));
}

Datum
wrk_blueprint_patch(PG_FUNCTION_ARGS)
{
	JsonNode *doc = tree_arg(fcinfo, 0);

	blueprint_patch(doc, tree_arg(fcinfo, 1));
	PG_RETURN_JSONB_P(json_to_jsonb(doc));
}

/* to the byte, so nothing is UI-only here */
Datum
wrk_blueprint_invert(PG_FUNCTION_ARGS)
{
	Jsonb *before = PG_GETARG_JSONB_P(1);
	JsonNode *after = json_from_jsonb(before);

	blueprint_patch(after, tree_arg(fcinfo, 0));
	PG_RETURN_JSONB_P(
		json_to_jsonb(blueprint_diff(after, json_from_jsonb(before), NULL)));
}

Datum
wrk_blueprint_strip(PG_FUNCTION_ARGS)
{
	JsonNode *doc = tree_arg(fcinfo, 0);

	blueprint_strip(doc, ui_arg(fcinfo, 1));
	PG_RETURN_JSONB_P(json_to_jsonb(doc));
}
