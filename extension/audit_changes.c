/*
 * audit_changes.c
 *	  What a change of a row looks like in the log; see audit_changes.h.
 *
 * Must stay true: whoever makes a change can set what its session prints, but not
 * what the log says of it.
 */
#include "audit_changes.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "blueprint_diff.h"
#include "json_tree.h"
#include "wrk_json.h"

/* settings that decide how values are printed */
typedef struct OutputSettings
{
	int extra_float_digits;
	int bytea_output;
	int date_style;
	int date_order;
	int interval_style;
	pg_tz *timezone;
} OutputSettings;

/* members of the result, NULL until there is something in them */
typedef struct Changes
{
	JsonNode *old;
	JsonNode *new;
	JsonNode *diff;
	JsonNode *inverse;
	JsonNode *redacted;
} Changes;


/* ---------- values ---------- */

static OutputSettings
output_settings(void)
{
	return (OutputSettings){extra_float_digits, bytea_output,  DateStyle,
							DateOrder,          IntervalStyle, session_timezone};
}

static void
set_output(OutputSettings settings)
{
	extra_float_digits = settings.extra_float_digits;
	bytea_output = settings.bytea_output;
	DateStyle = settings.date_style;
	DateOrder = settings.date_order;
	IntervalStyle = settings.interval_style;
	session_timezone = settings.timezone;
}

static OutputSettings
log_settings(void)
{
	static pg_tz *utc = NULL; /* the server keeps what it has loaded */

	if (utc == NULL)
		utc = pg_tzset("GMT");
	return (OutputSettings){
		1, BYTEA_OUTPUT_HEX, USE_ISO_DATES, DATEORDER_YMD, INTSTYLE_POSTGRES, utc};
}

/* the value's text as the log has it: one value has one, whoever writes it */
static char *
log_text(FmgrInfo *writer, Datum value)
{
	OutputSettings session = output_settings();
	char *result;

	set_output(log_settings());
	PG_TRY();
	{
		result = OutputFunctionCall(writer, value);
	}
	PG_FINALLY();
	{
		set_output(session);
	}
	PG_END_TRY();
	return result;
}

char *
audit_column_text(AuditConfig *config, Relation rel, TupleTableSlot *row,
				  AttrNumber column)
{
	FmgrInfo *writer;
	bool isnull;
	Datum value;

	if (column == 0)
		return NULL;
	value = slot_getattr(row, column, &isnull);
	if (isnull)
		return NULL;
	writer = &config->text[column - 1];
	if (!OidIsValid(writer->fn_oid))
	{
		Oid function;
		bool is_varlena;

		getTypeOutputInfo(TupleDescAttr(RelationGetDescr(rel), column - 1)->atttypid,
						  &function, &is_varlena);
		fmgr_info_cxt(function, writer, config->context);
	}
	return log_text(writer, value);
}

static JsonNode *
text_json(const struct varlena *text)
{
	return json_new_text((JsonText){VARDATA_ANY(text), (int) VARSIZE_ANY_EXHDR(text)});
}

static JsonNode *
number_json(Numeric number)
{
	JsonNode *node = json_new_null();

	node->kind = JSON_NUMBER;
	node->u.number = number;
	return node;
}

/* the value as to_jsonb() has it, without its detour over text; NULL: ask to_jsonb() */
static JsonNode *
plain_json(Datum value, Oid type)
{
	Numeric number;

	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
			return text_json(PG_DETOAST_DATUM_PACKED(value));
		case BOOLOID:
			return json_new_bool(DatumGetBool(value));
		case INT2OID:
			return json_new_int(DatumGetInt16(value));
		case INT4OID:
			return json_new_int(DatumGetInt32(value));
		case INT8OID:
			return json_new_int(DatumGetInt64(value));
		case NUMERICOID:
			number = DatumGetNumeric(value);
			return numeric_is_nan(number) || numeric_is_inf(number) ? NULL
																	: number_json(number);
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return json_new_string(JsonEncodeDateTime(NULL, value, type, NULL));
		case UUIDOID:
			return json_new_string(DatumGetCString(DirectFunctionCall1(uuid_out, value)));
		case JSONBOID:
			return json_from_jsonb(DatumGetJsonbP(value));
		default:
			return NULL;
	}
}

/* NULL for SQL NULL */
static JsonNode *
column_json(AuditConfig *config, Relation rel, TupleTableSlot *row, AttrNumber column)
{
	FmgrInfo *writer = &config->json[column - 1];
	Oid type = TupleDescAttr(RelationGetDescr(rel), column - 1)->atttypid;
	bool isnull;
	Datum value = slot_getattr(row, column, &isnull);
	JsonNode *node = isnull ? NULL : plain_json(value, type);

	if (isnull || node != NULL)
		return node;
	if (!OidIsValid(writer->fn_oid))
		wrk_json_writer(writer, type, config->context);
	value = FunctionCall1(writer, value);
	/* a cast to json with settings of its own has put back those of the session */
	set_output(log_settings());
	return json_from_jsonb(DatumGetJsonbP(value));
}


/* ---------- members ---------- */

/* sets the column of a member, which is made if there is none; no value, no column */
static void
put(JsonNode **member, const char *column, JsonNode *value)
{
	if (value == NULL)
		return;
	if (*member == NULL)
		*member = json_new_object();
	json_set_named(*member, column, value);
}

static void
put_redacted(Changes *changes, const char *column)
{
	if (changes->redacted == NULL)
		changes->redacted = json_new_array();
	json_append(changes->redacted, json_new_string(column));
}

/* a jsonb that was an object and is one: what changed in it, both ways */
static void
put_update(Changes *changes, const char *column, bool is_document, JsonNode *was,
		   JsonNode *is)
{
	if (is_document && was != NULL && is != NULL && was->kind == JSON_OBJECT &&
		is->kind == JSON_OBJECT)
	{
		put(&changes->diff, column, blueprint_diff(was, is, NULL));
		put(&changes->inverse, column, blueprint_diff(is, was, NULL));
		return;
	}
	put(&changes->old, column, was);
	put(&changes->new, column, is);
}

static void
put_column(Changes *changes, AuditConfig *config, Relation rel, TupleTableSlot *before,
		   TupleTableSlot *after, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), column - 1);
	const char *name = NameStr(att->attname);

	if (config->columns[column - 1] == AUDIT_SKIP)
		return;
	if (before != NULL && after != NULL &&
		!wrk_column_changed(rel, before, after, column))
		return;
	if (config->columns[column - 1] == AUDIT_REDACT)
		put_redacted(changes, name);
	else if (before == NULL)
		put(&changes->new, name, column_json(config, rel, after, column));
	else if (after == NULL)
		put(&changes->old, name, column_json(config, rel, before, column));
	else
		put_update(changes, name, att->atttypid == JSONBOID,
				   column_json(config, rel, before, column),
				   column_json(config, rel, after, column));
}

static Jsonb *
finish(const Changes *changes)
{
	JsonNode *result = json_new_object();

	if (changes->old)
		json_set_named(result, "old", changes->old);
	if (changes->new)
		json_set_named(result, "new", changes->new);
	if (changes->diff)
		json_set_named(result, "diff", changes->diff);
	if (changes->inverse)
		json_set_named(result, "inverse", changes->inverse);
	if (changes->redacted)
		json_set_named(result, "redacted", changes->redacted);
	return json_to_jsonb(result);
}

Jsonb *
audit_changes(AuditConfig *config, Relation rel, TupleTableSlot *before,
			  TupleTableSlot *after)
{
	Changes changes = {0};
	OutputSettings session = output_settings();

	set_output(log_settings());
	PG_TRY();
	{
		for (int i = 0; i < config->natts; i++)
			put_column(&changes, config, rel, before, after, i + 1);
	}
	PG_FINALLY();
	{
		set_output(session);
	}
	PG_END_TRY();
	if (before != NULL && after != NULL && changes.old == NULL &&
		changes.new == NULL &&changes.diff == NULL &&changes.redacted == NULL)
		return NULL;
	return finish(&changes);
}
