/*
 * status_row.c
 *	  The statements wrk.transition() makes about one row of a table.
 *
 * Their text depends on the table's names only, and a table's plans go when the
 * table changes.  With an identity, only rows of its tenant are looked at, also
 * by who bypasses row-level security: ids need not be unique over tenants.
 */
#include "status.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "identity.h"

/* statements, the first of them in the order of StatusLock */
enum Statement
{
	STATEMENT_READ,
	STATEMENT_LOCK_WAIT,
	STATEMENT_LOCK_SKIP,
	STATEMENT_LOCK_FAIL,
	STATEMENT_READ_WHOLE,
	STATEMENT_WRITE
};

/* parameters of every statement */
enum Parameter
{
	PARAM_ID,
	PARAM_TENANT,
	PARAM_STATUS,
	NPARAMS
};

static const char *
column_name(Relation rel, AttrNumber column)
{
	return quote_identifier(status_column_name(rel, column));
}

static Oid
column_type(Relation rel, AttrNumber column)
{
	return column == 0 ? TEXTOID
					   : TupleDescAttr(RelationGetDescr(rel), column - 1)->atttypid;
}

/* ---------- texts ---------- */

static char *
condition(const StatusTable *table, Relation rel, bool of_tenant)
{
	char *id = psprintf("t.%s OPERATOR(pg_catalog.=) $1", column_name(rel, table->id));

	if (!of_tenant)
		return id;
	return psprintf("%s AND t.%s OPERATOR(pg_catalog.=) $2", id,
					column_name(rel, table->tenant));
}

static char *
reading_text(const StatusTable *table, Relation rel, enum Statement statement,
			 bool of_tenant)
{
	static const char *const locks[] = {"", " FOR NO KEY UPDATE OF t",
										" FOR NO KEY UPDATE OF t SKIP LOCKED",
										" FOR NO KEY UPDATE OF t NOWAIT", ""};
	const char *tenant =
		table->tenant ? psprintf("t.%s", column_name(rel, table->tenant)) : "NULL";
	const char *whole =
		statement == STATEMENT_READ_WHOLE ? ", pg_catalog.to_jsonb(t)" : "";

	return psprintf("SELECT t.%s, t.%s, t.%s, %s%s FROM %s t WHERE %s%s",
					column_name(rel, table->id), column_name(rel, table->status),
					column_name(rel, table->version), tenant, whole,
					status_relation_name(table->relid), condition(table, rel, of_tenant),
					locks[statement]);
}

static char *
statement_text(const StatusTable *table, Relation rel, enum Statement statement,
			   bool of_tenant)
{
	if (statement != STATEMENT_WRITE)
		return reading_text(table, rel, statement, of_tenant);
	return psprintf("UPDATE %s t SET %s = $3 WHERE %s",
					status_relation_name(table->relid), column_name(rel, table->status),
					condition(table, rel, of_tenant));
}

static SPIPlanPtr
get_plan(const StatusTable *table, Relation rel, enum Statement statement, bool of_tenant)
{
	SPIPlanPtr *plan = &table->plans[statement * 2 + (of_tenant ? 1 : 0)];
	Oid types[NPARAMS];

	if (*plan != NULL)
		return *plan;
	types[PARAM_ID] = column_type(rel, table->id);
	types[PARAM_TENANT] = column_type(rel, table->tenant);
	types[PARAM_STATUS] = column_type(rel, table->status);
	*plan = SPI_prepare(statement_text(table, rel, statement, of_tenant), NPARAMS, types);
	if (*plan == NULL)
		elog(ERROR, "could not prepare a statement on \"%s\": %s",
			 RelationGetRelationName(rel), SPI_result_code_string(SPI_result));
	if (SPI_keepplan(*plan) != 0)
		elog(ERROR, "could not keep a statement on \"%s\"", RelationGetRelationName(rel));
	return *plan;
}

/* ---------- running ---------- */

char *
status_row_id(const StatusTable *table, Relation rel, const char *text)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), table->id - 1);
	Oid input;
	Oid output;
	Oid ioparam;
	bool varlena;

	getTypeInputInfo(att->atttypid, &input, &ioparam);
	getTypeOutputInfo(att->atttypid, &output, &varlena);
	return OidOutputFunctionCall(
		output, OidInputFunctionCall(input, (char *) text, ioparam, att->atttypmod));
}

static void
put_param(Datum *values, char *nulls, enum Parameter param, Oid type, const char *text)
{
	Oid input;
	Oid ioparam;

	if (text == NULL)
		return;
	getTypeInputInfo(type, &input, &ioparam);
	values[param] = OidInputFunctionCall(input, (char *) text, ioparam, -1);
	nulls[param] = ' ';
}

static void
refuse_locked(const StatusTable *table, const char *id)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRK_LOCKED),
			 errmsg("%s \"%s\" is being changed by somebody else", table->entity, id),
			 errhint("Try again in a moment.")));
}

/* as SPI_execute_plan(), with an error of ours for a row that is locked */
static int
execute(const StatusTable *table, const char *id, SPIPlanPtr plan, Datum *values,
		const char *nulls)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int result = 0;

	PG_TRY();
	{
		result = SPI_execute_plan(plan, values, nulls, false, 2);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		FlushErrorState();
		refuse_locked(table, id);
	}
	PG_END_TRY();
	return result;
}

static int
run(const StatusTable *table, Relation rel, enum Statement statement, const char *id,
	const char *status)
{
	const Identity *who = identity_current();
	bool of_tenant = who != NULL && table->tenant != 0;
	SPIPlanPtr plan = get_plan(table, rel, statement, of_tenant);
	Datum values[NPARAMS] = {0};
	char nulls[NPARAMS + 1] = "nnn";

	put_param(values, nulls, PARAM_ID, column_type(rel, table->id), id);
	if (of_tenant)
		put_param(values, nulls, PARAM_TENANT, column_type(rel, table->tenant),
				  who->tenant_id);
	put_param(values, nulls, PARAM_STATUS, column_type(rel, table->status), status);
	if (statement == STATEMENT_LOCK_FAIL)
		return execute(table, id, plan, values, nulls);
	return SPI_execute_plan(plan, values, nulls, false,
							statement == STATEMENT_WRITE ? 0 : 2);
}

static char *
result_text(int number)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number);
}

bool
status_read_row(const StatusTable *table, Relation rel, const char *id, StatusLock lock,
				bool whole, MemoryContext context, StatusRow *row)
{
	enum Statement statement = whole ? STATEMENT_READ_WHOLE : (enum Statement) lock;
	MemoryContext old;
	Datum json = (Datum) 0;
	bool isnull = true;

	if (run(table, rel, statement, id, NULL) != SPI_OK_SELECT)
		elog(ERROR, "could not read a row of \"%s\"", RelationGetRelationName(rel));
	if (SPI_processed == 0)
		return false;
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST),
				 errmsg("id \"%s\" of %s is not unique", id, table->entity),
				 errhint("Authenticate, so that it is known which tenant is meant.")));
	old = MemoryContextSwitchTo(context);
	row->id = result_text(1);
	row->status = result_text(2);
	row->version = result_text(3) ? pg_strtoint32(result_text(3)) : 0;
	row->tenant = result_text(4);
	if (whole)
		json = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 5, &isnull);
	row->json = isnull ? NULL : DatumGetJsonbPCopy(json);
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
	return true;
}

void
status_write_row(const StatusTable *table, Relation rel, const char *id,
				 const char *status)
{
	if (run(table, rel, STATEMENT_WRITE, id, status) != SPI_OK_UPDATE)
		elog(ERROR, "could not change a row of \"%s\"", RelationGetRelationName(rel));
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_FORBIDDEN),
				 errmsg("status of %s \"%s\" could not be changed", table->entity, id),
				 errhint("A policy or another trigger of table \"%s\" prevents it.",
						 RelationGetRelationName(rel))));
}
