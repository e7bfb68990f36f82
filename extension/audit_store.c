/*
 * audit_store.c
 *	  Rows of wrk.audit_log on their way into the partition of their month.
 *
 * A row goes straight into the partition and its indexes, without planner and
 * executor, because every change of every audited table pays for it.  The log is
 * ours; it has no checks and generated columns, and no triggers that are meant for
 * us.  What the rows of one identity have in common is made once.
 *
 * Must stay true: the id is taken while the row it tells of is locked, and the
 * sequence caches none, so the ids of one row's changes rise.
 */
#include "audit.h"

#include "access/toast_internals.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "audit_writer.h"
#include "identity.h"
#include "wrk_json.h"

/* columns of wrk.audit_log */
enum LogColumn
{
	LOG_ID = 1,
	LOG_CREATED_AT,
	LOG_XID,
	LOG_TENANT_ID,
	LOG_USER_ID,
	LOG_OP,
	LOG_ACTION,
	LOG_RESOURCE_TYPE,
	LOG_RESOURCE_ID,
	LOG_CHANGES,
	LOG_METADATA,
	LOG_ROLES,
	LOG_SESSION_ID,
	LOG_VIA,
	LOG_ACTOR,
	LOG_DB_USER,
	LOG_REQUEST_ID,
	LOG_NCOLUMNS = LOG_REQUEST_ID
};

/* who did it, as columns of a row; its context is a child of TopTransactionContext */
typedef struct Actor
{
	MemoryContext context; /* NULL: there is none */
	uint64 identity;       /* version of the identity it was made of */
	Oid session_user;
	Datum values[LOG_NCOLUMNS];
	bool nulls[LOG_NCOLUMNS];
} Actor;

static Actor actor;


/* ---------- who did it ---------- */

static Datum
roles_array(const Identity *who)
{
	int n = who ? who->nroles : 0;
	Datum *roles;

	if (n == 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	roles = palloc(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
		roles[i] = CStringGetTextDatum(who->roles[i]);
	return PointerGetDatum(construct_array(roles, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* forgets who did it; what there is of it goes with the transaction */
static void
forget_actor(void)
{
	actor.context = NULL;
}

static void
role_changed(Datum arg, int cacheid, uint32 hash)
{
	forget_actor();
}

static void
actor_xact_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		forget_actor();
}

void
audit_store_init(void)
{
	CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
	RegisterXactCallback(actor_xact_callback, NULL);
	audit_writer_init();
}

/*
 * A text from outside of SQL: a setting of the startup packet, the name of a role made
 * in a database of another encoding.  Bytes that are no text here could be neither
 * restored nor proven.
 */
static void
put_outside_text(Datum *values, bool *nulls, int column, const char *text)
{
	char *clean;

	if (text == NULL || pg_verifymbstr(text, strlen(text), true))
	{
		wrk_put_text(values, nulls, column, text);
		return;
	}
	clean = pstrdup(text);
	for (char *c = clean; *c != '\0'; c++)
		if (IS_HIGHBIT_SET(*c))
			*c = '?';
	wrk_put_text(values, nulls, column, clean);
}

static void
fill_actor(Datum *values, bool *nulls, const Identity *who)
{
	char *db_user = GetUserNameFromId(GetSessionUserId(), true);

	wrk_put_text(values, nulls, LOG_USER_ID, who ? who->user_id : NULL);
	wrk_put_text(values, nulls, LOG_SESSION_ID, who ? who->session_id : NULL);
	wrk_put_text(values, nulls, LOG_VIA, who ? who->via : NULL);
	put_outside_text(values, nulls, LOG_ACTOR, who ? who->actor : NULL);
	put_outside_text(values, nulls, LOG_DB_USER,
					 db_user ? db_user : ""); /* dropped meanwhile */
	values[LOG_ROLES - 1] = roles_array(who);
}

static void
make_actor(const Identity *who)
{
	MemoryContext context = AllocSetContextCreate(
		TopTransactionContext, "wrk audit actor", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	if (actor.context != NULL)
		MemoryContextDelete(actor.context);
	forget_actor();
	memset(actor.nulls, false, sizeof(actor.nulls));
	actor.identity = identity_version();
	actor.session_user = GetSessionUserId();
	fill_actor(actor.values, actor.nulls, who);
	actor.context = context;
	MemoryContextSwitchTo(old);
}

static void
put_actor(Datum *values, bool *nulls)
{
	const Identity *who = identity_current();

	if (actor.context == NULL || actor.identity != identity_version() ||
		actor.session_user != GetSessionUserId())
		make_actor(who);
	memcpy(values, actor.values, sizeof(actor.values));
	memcpy(nulls, actor.nulls, sizeof(actor.nulls));
}


/* ---------- writing ---------- */

/*
 * A diff and its inverse say nearly the same twice, so they are compressed, which
 * the server would only do with long rows.  It costs little beside making them.
 */
static void
put_changes(Datum *values, bool *nulls, Jsonb *changes)
{
	JsonbValue diff;
	Datum compressed;

	wrk_put_jsonb(values, nulls, LOG_CHANGES, changes);
	if (changes == NULL || !wrk_json_get(changes, "diff", &diff))
		return;
	compressed = toast_compress_datum(values[LOG_CHANGES - 1], InvalidCompressionMethod);
	if (DatumGetPointer(compressed) != NULL)
		values[LOG_CHANGES - 1] = compressed;
}

int64
audit_store(const AuditEntry *entry, const char *request_id)
{
	TimestampTz now = GetCurrentTimestamp();
	AuditWriter *writer = audit_writer_open(now);
	int64 id = nextval_internal(writer->sequence, false);
	Datum values[LOG_NCOLUMNS];
	bool nulls[LOG_NCOLUMNS];

	put_actor(values, nulls);
	values[LOG_ID - 1] = Int64GetDatum(id);
	values[LOG_CREATED_AT - 1] = TimestampTzGetDatum(now);
	values[LOG_XID - 1] =
		Int64GetDatum((int64) U64FromFullTransactionId(GetTopFullTransactionId()));
	wrk_put_text(values, nulls, LOG_TENANT_ID, entry->tenant_id);
	values[LOG_OP - 1] = CharGetDatum(entry->op);
	wrk_put_text(values, nulls, LOG_ACTION, entry->action);
	wrk_put_text(values, nulls, LOG_RESOURCE_TYPE, entry->resource_type);
	wrk_put_text(values, nulls, LOG_RESOURCE_ID, entry->resource_id);
	put_changes(values, nulls, entry->changes);
	wrk_put_jsonb(values, nulls, LOG_METADATA, entry->metadata);
	put_outside_text(values, nulls, LOG_REQUEST_ID, request_id);
	audit_writer_insert(writer, values, nulls, LOG_NCOLUMNS);
	audit_writer_done(writer);
	return id;
}
