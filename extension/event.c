/*
 * event.c
 *	  Events: wrk.emit(), and what a transaction knows about its own.
 *
 * An event is a row of wrk.event, written by the transaction whose change it
 * announces: it exists if and only if the change does.  The row goes straight
 * into the current slot and its indexes, without planner and executor, because
 * every change of every watched table pays for it.  The table is ours; it has
 * no triggers, checks or generated columns that this could pass over.
 *
 * Must stay true: the last id that a transaction remembers follows its savepoints.
 */
#include "event.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/toast_compression.h"
#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "doorbell.h"
#include "event_check.h"
#include "event_store.h"
#include "identity.h"
#include "table_insert.h"

/*
 * One of these for each open (sub)transaction that has emitted or been given a
 * key, innermost first; all in TopTransactionContext.  What it does not say
 * itself it has from the one around it.
 */
typedef struct Emitted
{
	SubTransactionId subid;
	int64 last_id;
	const char *call_key; /* NULL: events are part of no call with one */
	struct Emitted *outer;
} Emitted;

static Emitted *emitted = NULL;

int event_max_bytes = 8 * 1024 * 1024;
int event_max_replay_scan = 1000000;

PG_FUNCTION_INFO_V1(wrk_emit);


/* ---------- what this transaction has emitted ---------- */

/* the current (sub)transaction's own */
static Emitted *
emitted_here(void)
{
	SubTransactionId subid = GetCurrentSubTransactionId();

	if (emitted == NULL || emitted->subid != subid)
	{
		Emitted *entry = MemoryContextAllocZero(TopTransactionContext, sizeof(Emitted));

		if (emitted != NULL)
			*entry = *emitted;
		entry->subid = subid;
		entry->outer = emitted;
		emitted = entry;
	}
	return emitted;
}

int64
event_last_id(void)
{
	return emitted ? emitted->last_id : 0;
}

void
event_set_call_key(const char *key)
{
	emitted_here()->call_key =
		key ? MemoryContextStrdup(TopTransactionContext, key) : NULL;
}

const char *
event_call_key(void)
{
	return emitted ? emitted->call_key : NULL;
}

static void
event_subxact_callback(SubXactEvent event, SubTransactionId subid,
					   SubTransactionId parent_subid, void *arg)
{
	if (emitted == NULL || emitted->subid != subid)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		emitted = emitted->outer;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		/* what it emitted is its parent's now */
		if (emitted->outer != NULL && emitted->outer->subid == parent_subid)
		{
			emitted->outer->last_id = emitted->last_id;
			emitted->outer->call_key = emitted->call_key;
			emitted = emitted->outer;
		}
		else
			emitted->subid = parent_subid;
	}
}

static void
event_xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			/* their memory goes with the transaction */
			emitted = NULL;
			break;
		default:
			break;
	}
}

void
event_init(void)
{
	DefineCustomIntVariable(
		"wrk_copilot.max_event_bytes", "Greatest size of an event's payload.",
		"wrk.emit() refuses what is larger; events of rows go without the row.",
		&event_max_bytes, 8 * 1024 * 1024, 1024, 256 * 1024 * 1024, PGC_SUSET,
		GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"wrk_copilot.max_replay_scan",
		"Greatest number of events looked at to replay one channel.",
		"Whoever has been away for more, of all tenants together, reads the current state"
		" again.",
		&event_max_replay_scan, 1000000, 1000, PG_INT32_MAX, PGC_SUSET, 0, NULL, NULL,
		NULL);
	RegisterXactCallback(event_xact_callback, NULL);
	RegisterSubXactCallback(event_subxact_callback, NULL);
	event_store_init();
}


/* ---------- writing ---------- */

/* whether an element of a text[] is the prefix and, unless that is NULL, the rest */
static bool
is_element(Datum element, const char *prefix, const char *rest)
{
	const char *text = VARDATA_ANY(DatumGetPointer(element));
	size_t len = VARSIZE_ANY_EXHDR(DatumGetPointer(element));
	size_t prefix_len = strlen(prefix);

	if (len < prefix_len || memcmp(text, prefix, prefix_len) != 0)
		return false;
	return rest == NULL || (len - prefix_len == strlen(rest) &&
							memcmp(text + prefix_len, rest, len - prefix_len) == 0);
}

static bool
in_audience(const EventRow *row, const Identity *who)
{
	Datum *entries;
	int n;

	deconstruct_array(row->audience, TEXTOID, -1, false, TYPALIGN_INT, &entries, NULL,
					  &n);
	for (int i = 0; i < n; i++)
	{
		if (who->user_id != NULL && is_element(entries[i], "user:", who->user_id))
			return true;
		for (int r = 0; r < who->nroles; r++)
			if (is_element(entries[i], "role:", who->roles[r]))
				return true;
	}
	return n == 0;
}

/* whether a channel of it is another than somebody else's own */
static bool
on_common_channel(const EventRow *row, const Identity *who)
{
	char *users = psprintf("tenant:%s:user:", who->tenant_id);
	Datum *channels;
	int n;

	deconstruct_array(row->channels, TEXTOID, -1, false, TYPALIGN_INT, &channels, NULL,
					  &n);
	for (int i = 0; i < n; i++)
		if (!is_element(channels[i], users, NULL) ||
			(who->user_id != NULL && is_element(channels[i], users, who->user_id)))
			return true;
	return false;
}

/*
 * Whether who makes the change may wait for this event to see it done: one that is
 * for others only, or that a later one may replace, would be waited for in vain.
 */
static bool
is_for_its_maker(const EventRow *row, const Identity *who)
{
	return row->class == EVENT_CRITICAL &&
		   (who == NULL || (in_audience(row, who) && on_common_channel(row, who)));
}

int64
event_write(const EventRow *row)
{
	/* also at the end of the transaction, when no method runs any more */
	const Identity *who = identity_presented();
	int64 id;
	int slot;
	Relation rel;
	HeapTuple tuple;
	Datum values[EVENT_NCOLUMNS];
	bool nulls[EVENT_NCOLUMNS] = {false};

	PreventCommandIfReadOnly("wrk.emit()");
	PreventCommandIfParallelMode("wrk.emit()");
	rel = event_store_open_current(&slot);
	id = nextval_internal(event_store_sequence(), false);

	values[EVENT_ID - 1] = Int64GetDatum(id);
	values[EVENT_XID - 1] =
		UInt64GetDatum(U64FromFullTransactionId(GetTopFullTransactionId()));
	values[EVENT_SLOT - 1] = Int16GetDatum(slot);
	wrk_put_text(values, nulls, EVENT_TENANT_ID, row->tenant_id);
	values[EVENT_CHANNELS - 1] = PointerGetDatum(row->channels);
	wrk_put_text(values, nulls, EVENT_TYPE, row->type);
	values[EVENT_PAYLOAD - 1] = row->payload;
	wrk_put_text(values, nulls, EVENT_SENDER_ID, who ? who->user_id : NULL);
	values[EVENT_AUDIENCE - 1] = PointerGetDatum(row->audience);
	values[EVENT_CLASS - 1] = CharGetDatum(row->class);
	wrk_put_text(values, nulls, EVENT_STATE_KEY, row->state_key);
	wrk_put_text(values, nulls, EVENT_KEY, event_call_key());
	values[EVENT_CREATED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());

	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	table_insert(rel, tuple);
	heap_freetuple(tuple);
	table_close(rel, NoLock);

	if (is_for_its_maker(row, who))
		emitted_here()->last_id = id;
	doorbell_mark();
	return id;
}


/* ---------- SQL ---------- */

static char
class_from_name(const char *name)
{
	if (strcmp(name, "critical") == 0)
		return EVENT_CRITICAL;
	if (strcmp(name, "state") == 0)
		return EVENT_STATE;
	if (strcmp(name, "ephemeral") == 0)
		return EVENT_EPHEMERAL;
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
					errmsg("\"%s\" is no class of events", name),
					errhint("Classes are critical, state and ephemeral.")));
}

static void
check_payload(Datum payload)
{
	Size size = toast_raw_datum_size(payload);

	if (size > event_max_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_TOO_LARGE),
				 errmsg("payload of %zu bytes is larger than %d", size, event_max_bytes),
				 errhint("Send what to fetch instead of the thing itself, or raise"
						 " wrk_copilot.max_event_bytes.")));
}

/*
 * Nobody may speak for a tenant but who acts for it, and nobody to all tenants,
 * except services and the extension's owner.
 */
static void
check_tenant(const char *tenant_id)
{
	const Identity *who = identity_current();

	if (tenant_id != NULL)
		event_check_tenant(tenant_id);
	if (tenant_id != NULL && who != NULL && strcmp(tenant_id, who->tenant_id) == 0)
		return;
	if (!event_may_speak_for_all())
		ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
						errmsg("role \"%s\" may not emit events of %s",
							   GetUserNameFromId(GetUserId(), false),
							   tenant_id ? "another tenant" : "all tenants"),
						errhint("Events go to the tenant of the identity; members of role"
								" wrk_service may send to others.")));
}

Datum
wrk_emit(PG_FUNCTION_ARGS)
{
	EventRow row = {0};

	wrk_require_arg(fcinfo, 0, "type");
	wrk_require_arg(fcinfo, 1, "payload");
	wrk_require_arg(fcinfo, 2, "channels");
	wrk_require_arg(fcinfo, 4, "class");
	row.type = wrk_text_arg(fcinfo, 0);
	row.payload = PG_GETARG_DATUM(1);
	row.tenant_id = wrk_text_arg(fcinfo, 6);
	row.class = class_from_name(wrk_text_arg(fcinfo, 4));
	row.state_key = wrk_text_arg(fcinfo, 5);
	if (row.class == EVENT_STATE && row.state_key == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_WRK_BAD_REQUEST),
			 errmsg("an event of class state needs a state_key"),
			 errdetail("Of events with the same key only the last one must arrive.")));
	event_check_type(row.type);
	check_payload(row.payload);
	check_tenant(row.tenant_id);
	row.channels = event_checked_channels(PG_GETARG_ARRAYTYPE_P(2), row.tenant_id);
	row.audience =
		event_checked_audience(PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3));
	PG_RETURN_INT64(event_write(&row));
}
