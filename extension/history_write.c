/*
 * history_write.c
 *	  The statements by which a row becomes what it was.
 *
 * Ordinary INSERT, UPDATE and DELETE with the rights of the caller: policies,
 * privileges and triggers apply as they do to everybody.
 *
 * Must stay true: values come from JSON by way of jsonb_to_record(), each as the
 * type of its column, so names and types are all that a statement's text is made of.
 * A jsonb is taken as it is, for there a JSON null is not SQL NULL.
 */
#include "history.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static Form_pg_attribute
attribute(const HistoryRow *row, int i)
{
	return TupleDescAttr(RelationGetDescr(row->rel), i);
}

static bool
is_jsonb(const HistoryRow *row, int i)
{
	return getBaseType(attribute(row, i)->atttypid) == JSONBOID;
}

/* the column's value, of $1 */
static char *
value_text(const HistoryRow *row, int i)
{
	if (is_jsonb(row, i))
		return psprintf("($1 OPERATOR(pg_catalog.->) %s::pg_catalog.text)",
						quote_literal_cstr(NameStr(attribute(row, i)->attname)));
	return psprintf("r.%s", history_column(row, i + 1));
}

/* " FROM ... r", if there is a column that needs it */
static char *
record_text(const HistoryRow *row, const bool *columns)
{
	StringInfoData text;
	const char *separator = "";

	initStringInfo(&text);
	for (int i = 0; i < row->config->natts; i++)
	{
		Form_pg_attribute att = attribute(row, i);

		if (!columns[i] || is_jsonb(row, i))
			continue;
		appendStringInfo(
			&text, "%s%s %s", separator, history_column(row, i + 1),
			format_type_extended(att->atttypid, att->atttypmod,
								 FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		separator = ", ";
	}
	return text.len == 0
			   ? ""
			   : psprintf(" FROM pg_catalog.jsonb_to_record($1) AS r(%s)", text.data);
}

/* the expressions of the columns, each after its name and what stands between them */
static char *
list_text(const HistoryRow *row, const bool *columns, bool names, bool values)
{
	StringInfoData text;
	const char *separator = "";

	initStringInfo(&text);
	for (int i = 0; i < row->config->natts; i++)
	{
		if (!columns[i])
			continue;
		appendStringInfo(&text, "%s%s%s%s", separator,
						 names ? history_column(row, i + 1) : "",
						 names && values ? " = " : "", values ? value_text(row, i) : "");
		separator = ", ";
	}
	return text.data;
}

/* runs the statement, whose parameters are the values, if there are any, and the key */
static void
run(const HistoryRow *row, const char *text, JsonNode *values, const HistoryKey *key)
{
	Oid types[3];
	Datum params[3];
	int n = 0;

	if (values != NULL)
	{
		types[n] = JSONBOID;
		params[n++] = JsonbPGetDatum(json_to_jsonb(values));
	}
	for (int i = 0; key != NULL && i < key->nparams; i++)
	{
		types[n] = key->types[i];
		params[n++] = key->values[i];
	}
	SPI_connect();
	if (SPI_execute_with_args(text, n, types, params, NULL, false, 0) < 0)
		elog(ERROR, "could not change a row of \"%s\"",
			 RelationGetRelationName(row->rel));
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_FORBIDDEN),
				 errmsg("%s \"%s\" could not be changed", row->config->resource, row->id),
				 errhint("A policy or another trigger of table \"%s\" prevents it.",
						 RelationGetRelationName(row->rel))));
	SPI_finish();
}

void
history_update(const HistoryRow *row, JsonNode *values, const bool *columns)
{
	HistoryKey key = history_key(row, 2);

	run(row,
		psprintf("UPDATE %s t SET %s%s WHERE %s", history_table_name(row),
				 list_text(row, columns, true, true), record_text(row, columns),
				 key.condition),
		values, &key);
}

JsonNode *
history_spell(const HistoryRow *row, JsonNode *values, const bool *columns)
{
	MemoryContext context = CurrentMemoryContext;
	Oid type = JSONBOID;
	Datum param = JsonbPGetDatum(json_to_jsonb(values));
	char *text = psprintf("SELECT %s%s", list_text(row, columns, false, true),
						  record_text(row, columns));
	JsonNode *result;
	MemoryContext old;

	SPI_connect();
	if (SPI_execute_with_args(text, 1, &type, &param, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read values for a row of \"%s\"",
			 RelationGetRelationName(row->rel));
	old = MemoryContextSwitchTo(context);
	result = history_tuple_values(row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 0,
								  columns);
	MemoryContextSwitchTo(old);
	SPI_finish();
	return result;
}

void
history_delete(const HistoryRow *row)
{
	HistoryKey key = history_key(row, 1);

	run(row,
		psprintf("DELETE FROM %s t WHERE %s", history_table_name(row), key.condition),
		NULL, &key);
}

/* ---------- inserting again ---------- */

/* what the log leaves out of a row, but says of it */
static void
put_known(const HistoryRow *row, JsonNode *values, AttrNumber column, const char *text)
{
	const char *name;

	if (column == 0 || text == NULL)
		return;
	name = NameStr(attribute(row, column - 1)->attname);
	if (json_get_named(values, name) == NULL)
		json_set_named(values, name, json_new_string(text));
}

static void
refuse_lost(const HistoryRow *row, const char *column)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
					errmsg("%s \"%s\" cannot be inserted again: column \"%s\" must not be"
						   " null, and the log does not know what it was",
						   row->config->resource, row->id, column)));
}

/* which columns are to be written: what was NULL is NULL again, the rest has its default
 */
static bool *
columns_to_insert(const HistoryRow *row, JsonNode *values)
{
	bool *columns = palloc0(sizeof(bool) * row->config->natts);

	for (int i = 0; i < row->config->natts; i++)
	{
		Form_pg_attribute att = attribute(row, i);
		bool kept = row->config->columns[i] == AUDIT_KEEP || i + 1 == row->config->id ||
					i + 1 == row->config->tenant;

		if (att->attisdropped || att->attgenerated)
			continue;
		if (kept && json_get_named(values, NameStr(att->attname)) != NULL)
			columns[i] = true;
		else if (!att->attnotnull)
			columns[i] = kept;
		else if (!att->atthasdef && !att->attidentity)
			refuse_lost(row, NameStr(att->attname));
	}
	return columns;
}

static const char *
overriding(const HistoryRow *row, const bool *columns)
{
	for (int i = 0; i < row->config->natts; i++)
		if (columns[i] && attribute(row, i)->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
			return " OVERRIDING SYSTEM VALUE";
	return "";
}

static void
refuse_taken(const HistoryRow *row)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_CONFLICT),
					errmsg("%s \"%s\" cannot be inserted again: its id, or another value"
						   " that only one row may have, is taken",
						   row->config->resource, row->id)));
}

void
history_insert(const HistoryRow *row, JsonNode *values)
{
	MemoryContext context = CurrentMemoryContext;
	bool *columns;

	put_known(row, values, row->config->id, row->id);
	put_known(row, values, row->config->tenant, row->tenant);
	columns = columns_to_insert(row, values);
	PG_TRY();
	{
		run(row,
			psprintf("INSERT INTO %s (%s)%s SELECT %s%s", history_table_name(row),
					 list_text(row, columns, true, false), overriding(row, columns),
					 list_text(row, columns, false, true), record_text(row, columns)),
			values, NULL);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (geterrcode() != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		FlushErrorState();
		refuse_taken(row);
	}
	PG_END_TRY();
}
