/*
 * audit.c
 *	  wrk.audit(), and what a transaction knows about its part of the log.
 *
 * A row of the log is written by the transaction it tells of: it exists if and
 * only if what it tells of does.  Nobody waits for anybody to append to it; that
 * it cannot be changed unseen afterwards is the sealer's work (seal.c).
 *
 * Tenants whose log has grown are told once, at the end of the transaction.
 */
#include "audit.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "event.h"
#include "event_check.h"
#include "identity.h"
#include "wrk_json.h"

/* bytes of what is reported with wrk.audit() */
#define MAX_METADATA (64 * 1024)
#define MAX_NAME_LEN 128
#define MAX_ID_LEN 512
#define MAX_REQUEST_ID_LEN 200
#define MIN_KEEP (30 * 24 * 60) /* minutes */

/* one of these for each tenant to be told of; in TopTransactionContext */
typedef struct Grown
{
	const char *tenant_id;
	int64 last_id;
} Grown;

static List *grown = NIL;
static const AuditNote *note = NULL;
static char *request_id_setting = NULL;
static int keep_setting = -1; /* minutes; read by SQL */

PG_FUNCTION_INFO_V1(wrk_audit);


/* ---------- what this transaction has appended ---------- */

const AuditNote *
audit_set_note(const AuditNote *said)
{
	const AuditNote *before = note;

	note = said;
	return before;
}

Jsonb *
audit_note(const char *resource_type)
{
	if (note == NULL || strcmp(note->resource_type, resource_type) != 0)
		return NULL;
	return note->metadata;
}

static void
remember_growth(const char *tenant_id, int64 id)
{
	MemoryContext old;
	ListCell *cell;
	Grown *entry;

	foreach (cell, grown)
	{
		entry = lfirst(cell);
		if (strcmp(entry->tenant_id, tenant_id) == 0)
		{
			entry->last_id = id;
			return;
		}
	}
	old = MemoryContextSwitchTo(TopTransactionContext);
	entry = palloc(sizeof(Grown));
	entry->tenant_id = pstrdup(tenant_id);
	entry->last_id = id;
	grown = lappend(grown, entry);
	MemoryContextSwitchTo(old);
}

/* event audit.appended {last_id}; of several, only the last need arrive */
static void
announce_growth(const Grown *entry)
{
	JsonbParseState *state = NULL;
	EventRow row = {0};

	wrk_json_begin_object(&state);
	wrk_json_pair_int64(&state, "last_id", entry->last_id);
	row.type = "audit.appended";
	row.payload = JsonbPGetDatum(wrk_json_finish_object(&state));
	row.channels =
		event_text_array(list_make1(psprintf("tenant:%s:audit", entry->tenant_id)));
	row.audience = event_text_array(NIL);
	row.tenant_id = entry->tenant_id;
	row.state_key = "audit";
	row.class = EVENT_STATE;
	(void) event_write(&row);
}

static void
audit_xact_callback(XactEvent event, void *arg)
{
	ListCell *cell;

	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			foreach (cell, grown)
				announce_growth(lfirst(cell));
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			grown = NIL; /* its memory goes with the transaction */
			break;
		default:
			break;
	}
}

/* what wrk.audit_retention() would refuse once a day, where nobody looks */
static bool
check_keep(int *newval, void **extra, GucSource source)
{
	if (*newval == -1 || *newval >= MIN_KEEP)
		return true;
	GUC_check_errdetail(
		"The audit log is kept for a month (30d) at least, or for ever (-1).");
	return false;
}

void
audit_init(void)
{
	DefineCustomStringVariable(
		"wrk_copilot.request_id", "Name of the request that is being served.",
		"Stands in the audit log as it was given; whoever may write may say anything.",
		&request_id_setting, "", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"wrk_copilot.audit_keep", "How long the audit log is kept; -1: for ever.",
		"At least a month, such as 2555d; see wrk.audit_retention().", &keep_setting, -1,
		-1, PG_INT32_MAX, PGC_SIGHUP, GUC_UNIT_MIN, check_keep, NULL, NULL);
	RegisterXactCallback(audit_xact_callback, NULL);
	audit_store_init();
}

/* what the log calls the request: what its server said, or else its idempotency key */
static const char *
request_id(void)
{
	if (request_id_setting == NULL || request_id_setting[0] == '\0')
		return event_call_key();
	if (strlen(request_id_setting) > MAX_REQUEST_ID_LEN)
		return pnstrdup(request_id_setting,
						pg_mbcliplen(request_id_setting, strlen(request_id_setting),
									 MAX_REQUEST_ID_LEN));
	return request_id_setting;
}

int64
audit_write(const AuditEntry *entry)
{
	int64 id;

	PreventCommandIfReadOnly("appending to the audit log");
	PreventCommandIfParallelMode("appending to the audit log");
	id = audit_store(entry, request_id());
	if (entry->announce && entry->tenant_id != NULL)
		remember_growth(entry->tenant_id, id);
	return id;
}


/* ---------- SQL ---------- */

static char *
checked_name(FunctionCallInfo fcinfo, int argno, const char *what)
{
	char *name;

	wrk_require_arg(fcinfo, argno, what);
	name = wrk_text_arg(fcinfo, argno);
	if (name[0] < 'a' || name[0] > 'z' || strlen(name) > MAX_NAME_LEN ||
		name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-")] != '\0')
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("\"%s\" is no %s of the audit log", name, what),
						errhint("Use a lower-case letter, then up to %d of a-z, 0-9, _, -"
								" and dots, such as login.refused.",
								MAX_NAME_LEN - 1)));
	return name;
}

static char *
checked_id(FunctionCallInfo fcinfo, int argno)
{
	char *id = wrk_text_arg(fcinfo, argno);

	if (id != NULL && strlen(id) > MAX_ID_LEN)
		ereport(ERROR, (errcode(ERRCODE_WRK_TOO_LARGE),
						errmsg("resource_id is longer than %d bytes", MAX_ID_LEN)));
	return id;
}

static Jsonb *
checked_metadata(FunctionCallInfo fcinfo, int argno)
{
	if (PG_ARGISNULL(argno))
		return NULL;
	if (toast_raw_datum_size(PG_GETARG_DATUM(argno)) > MAX_METADATA)
		ereport(ERROR, (errcode(ERRCODE_WRK_TOO_LARGE),
						errmsg("metadata is larger than %d bytes", MAX_METADATA)));
	return PG_GETARG_JSONB_P(argno);
}

/* a fact of another tenant is not for everybody to state */
static char *
checked_tenant(FunctionCallInfo fcinfo, int argno)
{
	const Identity *who = identity_current();
	char *tenant_id = wrk_text_arg(fcinfo, argno);

	if (tenant_id != NULL)
		event_check_tenant(tenant_id);
	if (who != NULL && (tenant_id == NULL || strcmp(who->tenant_id, tenant_id) != 0) &&
		!event_may_speak_for_all())
		ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
						errmsg("role \"%s\" may not report facts of another tenant",
							   GetUserNameFromId(GetUserId(), false))));
	return tenant_id;
}

Datum
wrk_audit(PG_FUNCTION_ARGS)
{
	AuditEntry entry = {.op = AUDIT_FACT, .announce = true};

	entry.action = checked_name(fcinfo, 0, "action");
	entry.resource_type = checked_name(fcinfo, 1, "resource_type");
	entry.resource_id = checked_id(fcinfo, 2);
	entry.metadata = checked_metadata(fcinfo, 3);
	entry.tenant_id = checked_tenant(fcinfo, 4);
	PG_RETURN_INT64(audit_write(&entry));
}
