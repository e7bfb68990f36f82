/*
 * blueprint_import_sql.c
 *	  wrk.blueprint_import() and wrk.blueprint_export(); see blueprint_import.h.
 */
#include "blueprint_import.h"

#include "fmgr.h"

#include "wrk_copilot.h"

PG_FUNCTION_INFO_V1(wrk_blueprint_import);
PG_FUNCTION_INFO_V1(wrk_blueprint_export);

Datum
wrk_blueprint_import(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(json_to_jsonb(blueprint_import(
		json_from_jsonb(PG_GETARG_JSONB_P(0)), wrk_text_arg(fcinfo, 1))));
}

Datum
wrk_blueprint_export(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(json_to_jsonb(blueprint_export(
		json_from_jsonb(PG_GETARG_JSONB_P(0)), wrk_text_arg(fcinfo, 1))));
}
