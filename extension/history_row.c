/*
 * history_row.c
 *	  The row whose history is asked for, as the caller sees it.
 *
 * It is read with the caller's rights, so row-level security and column privileges
 * decide; with an identity, only rows of its tenant are looked at, also by who
 * bypasses row-level security.  Its values are written as the trigger writes them.
 *
 * Must stay true: no word tells a row that is hidden from one that is not there.
 */
#include "history.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "audit_changes.h"
#include "identity.h"
#include "rbac.h"

void
history_refuse(const AuditConfig *config, const char *id)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_NOT_FOUND),
					errmsg("history of %s \"%s\" not found", config->resource, id)));
}

/* ---------- names ---------- */

char *
history_table_name(const HistoryRow *row)
{
	Oid relid = RelationGetRelid(row->rel);

	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

const char *
history_column(const HistoryRow *row, AttrNumber column)
{
	return quote_identifier(
		NameStr(TupleDescAttr(RelationGetDescr(row->rel), column - 1)->attname));
}

bool
history_is_shown(const HistoryRow *row, JsonText column)
{
	AttrNumber number = wrk_stored_column(row->rel, column.val, column.len);

	return number > 0 && row->shown[number - 1];
}

/* ---------- which row ---------- */

static Datum
column_datum(const HistoryRow *row, AttrNumber column, const char *text)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(row->rel), column - 1);
	Oid input;
	Oid ioparam;

	getTypeInputInfo(att->atttypid, &input, &ioparam);
	return OidInputFunctionCall(input, (char *) text, ioparam, att->atttypmod);
}

static void
add_key(HistoryKey *key, const HistoryRow *row, int first, AttrNumber column,
		const char *text)
{
	int n = key->nparams++;

	key->types[n] = TupleDescAttr(RelationGetDescr(row->rel), column - 1)->atttypid;
	key->values[n] = column_datum(row, column, text);
	key->condition =
		psprintf("%s%st.%s OPERATOR(pg_catalog.=) $%d", n ? key->condition : "",
				 n ? " AND " : "", history_column(row, column), first + n);
}

HistoryKey
history_key(const HistoryRow *row, int first)
{
	HistoryKey key = {0};

	add_key(&key, row, first, row->config->id, row->id);
	if (row->config->tenant != 0 && row->tenant != NULL)
		add_key(&key, row, first, row->config->tenant, row->tenant);
	return key;
}

/* a row that has nothing but these values */
static TupleTableSlot *
make_slot(const HistoryRow *row)
{
	TupleTableSlot *slot =
		MakeSingleTupleTableSlot(RelationGetDescr(row->rel), &TTSOpsVirtual);

	ExecStoreAllNullTuple(slot);
	return slot;
}

static void
put_column(TupleTableSlot *slot, AttrNumber column, Datum value)
{
	slot->tts_values[column - 1] = value;
	slot->tts_isnull[column - 1] = false;
}

/* two spellings of one uuid are one id */
static char *
own_spelling(const HistoryRow *row, const char *id)
{
	TupleTableSlot *slot = make_slot(row);
	char *result;

	put_column(slot, row->config->id, column_datum(row, row->config->id, id));
	result = audit_column_text(row->config, row->rel, slot, row->config->id);
	ExecDropSingleTupleTableSlot(slot);
	return result;
}

/* ---------- rights ---------- */

static bool
may_select(const HistoryRow *row, AttrNumber column)
{
	Oid relid = RelationGetRelid(row->rel);

	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		   pg_attribute_aclcheck(relid, column, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

static bool
sees_all_tenants(Oid role)
{
	return has_bypassrls_privilege(role) ||
		   has_privs_of_role(role, get_role_oid("wrk_ops", false));
}

/* whether nothing of the table is kept from the role that runs this */
static bool
is_operator(const HistoryRow *row)
{
	return sees_all_tenants(GetUserId()) ||
		   has_privs_of_role(GetUserId(), row->rel->rd_rel->relowner);
}

/* as the policies of wrk.audit_log have it */
bool
history_is_auditor(const char *tenant)
{
	const Identity *who = identity_current();

	if (sees_all_tenants(GetUserId()))
		return true;
	return who != NULL && tenant != NULL && strcmp(tenant, who->tenant_id) == 0 &&
		   rbac_can(who, "read", "audit_log", NULL);
}

/* ---------- reading ---------- */

static char *
reading_text(const HistoryRow *row, const HistoryKey *key, bool lock)
{
	StringInfoData text;
	const AuditConfig *config = row->config;

	initStringInfo(&text);
	appendStringInfo(&text, "SELECT t.%s", history_column(row, config->id));
	appendStringInfo(&text, ", %s%s", config->tenant ? "t." : "",
					 config->tenant ? history_column(row, config->tenant) : "NULL");
	for (int i = 0; i < config->natts; i++)
		if (row->shown[i])
			appendStringInfo(&text, ", t.%s", history_column(row, i + 1));
	appendStringInfo(&text, " FROM %s t WHERE %s%s", history_table_name(row),
					 key->condition, lock ? " FOR UPDATE OF t" : "");
	return text.data;
}

/* what the first two columns say, which are id and tenant */
static void
take_key(HistoryRow *row, HeapTuple tuple, TupleDesc desc, MemoryContext context)
{
	AuditConfig *config = row->config;
	TupleTableSlot *slot = make_slot(row);
	bool isnull;
	Datum value = heap_getattr(tuple, 1, desc, &isnull);
	MemoryContext old;

	if (!isnull)
		put_column(slot, config->id, value);
	value = heap_getattr(tuple, 2, desc, &isnull);
	if (config->tenant != 0 && !isnull)
		put_column(slot, config->tenant, value);
	old = MemoryContextSwitchTo(context);
	row->id = audit_column_text(config, row->rel, slot, config->id);
	row->tenant = audit_column_text(config, row->rel, slot, config->tenant);
	MemoryContextSwitchTo(old);
	ExecDropSingleTupleTableSlot(slot);
}

JsonNode *
history_tuple_values(const HistoryRow *row, HeapTuple tuple, TupleDesc desc, int skip,
					 const bool *columns)
{
	TupleTableSlot *slot = make_slot(row);
	JsonNode *values;
	int number = skip;

	for (int i = 0; i < row->config->natts; i++)
	{
		bool isnull;
		Datum value;

		if (!columns[i])
			continue;
		value = heap_getattr(tuple, ++number, desc, &isnull);
		if (!isnull)
			put_column(slot, i + 1, value);
	}
	values = json_get_named(
		json_from_jsonb(audit_changes(row->config, row->rel, NULL, slot)), "new");
	ExecDropSingleTupleTableSlot(slot);
	return values ? values : json_new_object();
}

/* the row that was read */
static void
take_row(HistoryRow *row, MemoryContext context)
{
	HeapTuple tuple = SPI_tuptable->vals[0];
	TupleDesc desc = SPI_tuptable->tupdesc;
	MemoryContext old;

	take_key(row, tuple, desc, context);
	old = MemoryContextSwitchTo(context);
	row->values = history_tuple_values(row, tuple, desc, 2, row->shown);
	MemoryContextSwitchTo(old);
}

/* reads what the caller sees of the row; in an SPI connection of its own */
static void
read_row(HistoryRow *row, bool lock)
{
	MemoryContext context = CurrentMemoryContext;
	HistoryKey key = history_key(row, 1);

	SPI_connect();
	if (SPI_execute_with_args(reading_text(row, &key, lock), key.nparams, key.types,
							  key.values, NULL, !row->fresh, 2) != SPI_OK_SELECT)
		elog(ERROR, "could not read a row of \"%s\"", RelationGetRelationName(row->rel));
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST),
				 errmsg("id \"%s\" of %s is not unique", row->id, row->config->resource),
				 errhint("Authenticate, so that it is known which tenant is meant.")));
	if (SPI_processed == 1)
		take_row(row, context);
	SPI_finish();
}

static void
choose_columns(HistoryRow *row)
{
	row->shown = palloc0(sizeof(bool) * Max(row->config->natts, 1));
	for (int i = 0; i < row->config->natts; i++)
		row->shown[i] = row->config->columns[i] == AUDIT_KEEP && may_select(row, i + 1);
}

static bool
may_read(const HistoryRow *row)
{
	return may_select(row, row->config->id) &&
		   (row->config->tenant == 0 || may_select(row, row->config->tenant));
}

/* ---------- opening ---------- */

static HistoryRow *
begin_row(Oid relid, const char *id, const char *tenant)
{
	HistoryRow *row = palloc0(sizeof(HistoryRow));
	const Identity *who = identity_current();

	row->rel = table_open(relid, AccessShareLock);
	row->config = audit_config(row->rel);
	row->id = own_spelling(row, id);
	if (row->config->tenant != 0)
		row->tenant = who ? who->tenant_id : tenant;
	choose_columns(row);
	return row;
}

/* reads the row again, now that nobody else can change it */
static void
lock_row(HistoryRow *row)
{
	row->values = NULL;
	read_row(row, true);
	if (row->values != NULL)
		return;
	/* a lock asks for more than looking does */
	read_row(row, false);
	if (row->values != NULL)
		ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
						errmsg("this identity may not change %s \"%s\"",
							   row->config->resource, row->id)));
}

static bool
is_known(const HistoryRow *row)
{
	return row->auditor || (row->values != NULL && row->config->readers);
}

/* reads the row; false: nothing of it is the caller's to know */
static bool
find_row(HistoryRow *row, bool lock)
{
	row->fresh = lock;
	if (may_read(row))
		read_row(row, false);
	/* for operations staff there need be no identity to say which tenant is meant */
	if (row->values == NULL && row->tenant == NULL && row->config->tenant != 0 &&
		is_operator(row))
		row->tenant = history_log_tenant(row);
	row->auditor = is_operator(row) || history_is_auditor(row->tenant);
	if (!is_known(row))
		return false;
	if (lock && row->values != NULL)
		lock_row(row);
	if (!is_known(row))
		return false;
	row->from = row->auditor ? 0 : history_log_beginning(row);
	return true;
}

HistoryRow *
history_try_open(Oid relid, const char *id, const char *tenant, bool lock)
{
	HistoryRow *row = begin_row(relid, id, tenant);

	if (find_row(row, lock))
		return row;
	history_close(row);
	return NULL;
}

HistoryRow *
history_open(Oid relid, const char *id, const char *tenant, bool lock)
{
	HistoryRow *row = begin_row(relid, id, tenant);

	if (!find_row(row, lock))
		history_refuse(row->config, id);
	return row;
}

void
history_close(HistoryRow *row)
{
	table_close(row->rel, NoLock);
}
