/*
 * wrk_copilot.c
 *	  Loads the extension: one call per module, and the helpers of wrk_copilot.h.
 *
 * The library may come in through shared_preload_libraries (then the doorbell
 * worker runs) or with the first call of one of its functions.  Both must work;
 * a module that needs preloading says so itself and has something to fall back
 * on.
 */
#include "wrk_copilot.h"

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "access/detoast.h"
#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/fmgrprotos.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "access.h"
#include "audit.h"
#include "doorbell.h"
#include "event.h"
#include "identity.h"
#include "job.h"
#include "jwt_key.h"
#include "rbac.h"
#include "status.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

PG_FUNCTION_INFO_V1(wrk_error_code);
PG_FUNCTION_INFO_V1(wrk_cache_invalidate);
PG_FUNCTION_INFO_V1(wrk_function_name);

void
_PG_init(void)
{
	identity_init();
	jwt_key_init();
	rbac_init();
	event_init();
	access_init();
	audit_init();
	status_init();
	status_import_init();
	job_init();
	doorbell_init();
	wrk_reserve_guc_prefix("wrk_copilot");
}

WrkRoleSwitch
wrk_become(Oid userid)
{
	WrkRoleSwitch saved;

	GetUserIdAndSecContext(&saved.userid, &saved.sec_context);
	SetUserIdAndSecContext(userid, saved.sec_context | SECURITY_LOCAL_USERID_CHANGE);
	return saved;
}

void
wrk_unbecome(WrkRoleSwitch saved)
{
	SetUserIdAndSecContext(saved.userid, saved.sec_context);
}

Oid
wrk_owner(void)
{
	Oid nspid = get_namespace_oid("wrk", false);
	HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(nspid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", nspid);
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return owner;
}

Oid
wrk_relation(const char *relname)
{
	Oid relid = get_relname_relid(relname, get_namespace_oid("wrk", false));

	if (!OidIsValid(relid))
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation \"wrk.%s\" does not exist", relname),
			 errhint(
				 "Is the extension wrk_copilot of this database complete and up to date?")));
	return relid;
}

bool
wrk_has_shape(Oid function, Oid argument, Oid result)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	bool fits;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	fits = form->prokind == PROKIND_FUNCTION && !form->proretset && form->pronargs == 1 &&
		   form->proargtypes.values[0] == argument && form->prorettype == result;
	ReleaseSysCache(tuple);
	return fits;
}

Datum
wrk_call1(Oid function, Datum arg, bool *isnull)
{
	FmgrInfo flinfo;
	LOCAL_FCINFO(fcinfo, 1);
	Datum result;

	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 1, DEFAULT_COLLATION_OID, NULL, NULL);
	fcinfo->args[0].value = arg;
	fcinfo->args[0].isnull = false;
	result = FunctionCallInvoke(fcinfo);
	*isnull = fcinfo->isnull;
	return result;
}

void
wrk_check_execute(Oid function, Oid role)
{
	AclResult result = wrk_proc_aclcheck(function, role);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(function));
}

char *
wrk_text_arg(FunctionCallInfo fcinfo, int argno)
{
	return PG_ARGISNULL(argno) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argno));
}

char **
wrk_text_array(ArrayType *array, const char *what, int *n)
{
	Datum *elems;
	bool *nulls;
	char **strings;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, n);
	strings = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
							errmsg("%s %d must not be null", what, i + 1)));
		strings[i] = TextDatumGetCString(elems[i]);
	}
	pfree(elems);
	pfree(nulls);
	return strings;
}

List *
wrk_text_list(ArrayType *array, const char *what)
{
	int n;
	char **strings = wrk_text_array(array, what, &n);
	List *list = NIL;

	for (int i = 0; i < n; i++)
		list = lappend(list, strings[i]);
	return list;
}

void
wrk_put_text(Datum *values, bool *nulls, int column, const char *value)
{
	nulls[column - 1] = value == NULL;
	if (value != NULL)
		values[column - 1] = CStringGetTextDatum(value);
}

bool
wrk_is_stored(Form_pg_attribute column)
{
	return !column->attisdropped && wrk_column_is_stored(column);
}

AttrNumber
wrk_stored_column(Relation rel, const char *name, size_t len)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (wrk_is_stored(column) && strlen(NameStr(column->attname)) == len &&
			memcmp(NameStr(column->attname), name, len) == 0)
			return column->attnum;
	}
	return 0;
}

bool
wrk_column_changed(Relation rel, TupleTableSlot *before, TupleTableSlot *after,
				   AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), column - 1);
	bool null_before, null_after;
	Datum was = slot_getattr(before, column, &null_before);
	Datum is = slot_getattr(after, column, &null_after);

	if (null_before || null_after)
		return null_before != null_after;
	/* an UPDATE of other columns keeps a large value where it was */
	if (att->attlen == -1 && VARATT_IS_EXTERNAL_ONDISK(is) &&
		VARATT_IS_EXTERNAL_ONDISK(was) &&
		memcmp(DatumGetPointer(was), DatumGetPointer(is), TOAST_POINTER_SIZE) == 0)
		return false;
	return !datum_image_eq(was, is, att->attbyval, att->attlen);
}

void
wrk_require_arg(FunctionCallInfo fcinfo, int argno, const char *name)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST), errmsg("%s must not be null", name)));
}

/* the rows of wrk.error_code: errcodes.h as a table */
typedef struct ErrorRow
{
	int sqlstate;
	const char *code;
	int status;
	const char *retry;
	const char *description;
} ErrorRow;

static const ErrorRow error_rows[] = {
#define WRK_ERROR(symbol, a, b, c, code, status, retry, description) \
	{ERRCODE_WRK_##symbol, code, status, retry, description},
#include "errcodes.h"
#undef WRK_ERROR
};

Datum
wrk_error_code(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (size_t i = 0; i < lengthof(error_rows); i++)
	{
		const ErrorRow *row = &error_rows[i];
		Datum values[5] = {CStringGetTextDatum(unpack_sql_state(row->sqlstate)),
						   CStringGetTextDatum(row->code), Int32GetDatum(row->status),
						   CStringGetTextDatum(row->retry),
						   CStringGetTextDatum(row->description)};
		bool nulls[5] = {false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * A relcache invalidation is the one message the server already sends to every
 * backend, in order with the commit that caused it.
 */
Datum
wrk_cache_invalidate(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "wrk.cache_invalidate() must be called as a trigger");
	CacheInvalidateRelcacheByRelid(
		RelationGetRelid(((TriggerData *) fcinfo->context)->tg_relation));
	PG_RETURN_POINTER(NULL);
}

Datum
wrk_function_name(PG_FUNCTION_ARGS)
{
	const TriggerData *data = (TriggerData *) fcinfo->context;
	HeapTuple tuple;
	TupleDesc desc;
	int column;
	char *name;
	Datum kept;
	bool isnull = false;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || data->tg_trigger->tgnargs != 1)
		elog(ERROR, "wrk.function_name() must be called as a row trigger with a column");
	tuple =
		TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	desc = RelationGetDescr(data->tg_relation);
	column = SPI_fnumber(desc, data->tg_trigger->tgargs[0]);
	name = SPI_getvalue(tuple, desc, column);
	if (name == NULL)
		return PointerGetDatum(tuple);
	if (strchr(name, '(') == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("function \"%s\" is named without its arguments", name),
						errhint("Name their types as well: may_join(text).")));
	kept = CStringGetTextDatum(format_procedure_qualified(
		DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(name)))));
	return PointerGetDatum(
		heap_modify_tuple_by_cols(tuple, desc, 1, &column, &kept, &isnull));
}
