/*
 * access.c
 *	  Loss of rights: wrk.access_changed(), and how much of it one transaction tells.
 *
 * Rights are rows, so losing them is a change like any other; but who is connected
 * must not see what is committed behind it.  The transaction that takes a right
 * away therefore writes a control event, which a gateway reads before all others of
 * the same fetch.  It says whom to ask about again and not what was lost: what
 * somebody may do is decided where it always is, by wrk.authenticate() and
 * wrk.channel_resolve().
 *
 * To ask once too often costs a moment, to ask once too seldom is a leak.  So in
 * doubt more is told: a transaction that touches more than MAX_ENTRIES users,
 * sessions and channels of a tenant means all of the tenant, one that touches more
 * than MAX_TENANTS tenants means everybody.
 *
 * Must stay true: what a savepoint took back is told again when it happens again.
 */
#include "access.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "event.h"
#include "event_check.h"
#include "wrk_json.h"

#define MAX_ENTRIES 100
#define MAX_TENANTS 100
#define MAX_NAME_LEN 1024
#define EVERYBODY "*"

/* One of these for each thing told, or counted, in this transaction. */
typedef struct Told
{
	const char *key; /* kind, tenant and name; in the table's context */
	SubTransactionId subid;
	int count; /* of a tenant: its entries so far */
} Told;

static HTAB *told = NULL; /* in TopTransactionContext */
static int ntenants = 0;

PG_FUNCTION_INFO_V1(wrk_access_changed);


/* ---------- what this transaction has told ---------- */

static uint32
hash_key(const void *key, Size size)
{
	const char *text = *(const char *const *) key;

	return hash_bytes((const unsigned char *) text, (int) strlen(text));
}

static int
compare_keys(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void
make_table(void)
{
	HASHCTL ctl = {.keysize = sizeof(char *),
				   .entrysize = sizeof(Told),
				   .hash = hash_key,
				   .match = compare_keys,
				   .hcxt = TopTransactionContext};

	ntenants = 0;
	told = hash_create("wrk access changes", 32, &ctl,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

/* the entry for kind, tenant and name; *found says whether it was there */
static Told *
enter(char kind, const char *tenant, const char *name, bool *found)
{
	/* no name and no tenant contains a control character */
	const char *key = psprintf("%c\x1f%s\x1f%s", kind, tenant, name);
	Told *entry;

	if (told == NULL)
		make_table();
	entry = hash_search(told, &key, HASH_ENTER, found);
	if (!*found)
	{
		entry->key = MemoryContextStrdup(TopTransactionContext, key);
		entry->subid = GetCurrentSubTransactionId();
		entry->count = 0;
	}
	return entry;
}

/* whether it has not been told yet; from now on it has */
static bool
is_new(char kind, const char *tenant, const char *name)
{
	bool found;

	(void) enter(kind, tenant, name, &found);
	return !found;
}

static bool
was_told(char kind, const char *tenant, const char *name)
{
	const char *key = psprintf("%c\x1f%s\x1f%s", kind, tenant, name);

	return told != NULL && hash_search(told, &key, HASH_FIND, NULL) != NULL;
}

/* counts entries of a tenant; what was rolled back counts, too */
static int
count_entries(const char *tenant, int more)
{
	bool found;
	Told *entry = enter('n', tenant, "", &found);

	if (!found)
		ntenants++;
	entry->count += more;
	return entry->count;
}

static void
access_subxact_callback(SubXactEvent event, SubTransactionId subid,
						SubTransactionId parent_subid, void *arg)
{
	HASH_SEQ_STATUS scan;
	Told *entry;

	if (told == NULL ||
		(event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB))
		return;
	hash_seq_init(&scan, told);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->subid != subid)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			entry->subid = parent_subid;
		else if (entry->key[0] == 'n')
			entry->subid = TopSubTransactionId; /* still a count */
		else
			(void) hash_search(told, &entry->key, HASH_REMOVE, NULL);
	}
}

static void
access_xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			told = NULL; /* its memory goes with the transaction */
			break;
		default:
			break;
	}
}

void
access_init(void)
{
	RegisterXactCallback(access_xact_callback, NULL);
	RegisterSubXactCallback(access_subxact_callback, NULL);
}


/* ---------- telling ---------- */

static void
push_names(JsonbParseState **state, const char *member, List *names)
{
	ListCell *cell;

	if (names == NIL)
		return;
	wrk_json_key(state, member);
	wrk_json_begin_array(state);
	foreach (cell, names)
		wrk_json_elem_text(state, lfirst(cell));
	wrk_json_end_array(state);
}

static bool
names_nobody(const AccessChange *change)
{
	return change->users == NIL && change->sessions == NIL && change->channels == NIL;
}

/* the event itself */
static void
tell(const AccessChange *change)
{
	JsonbParseState *state = NULL;
	EventRow row = {
		.type = "access.changed", .tenant_id = change->tenant_id, .class = EVENT_CONTROL};

	wrk_json_begin_object(&state);
	if (change->tenant_id != NULL)
		wrk_json_pair_text(&state, "tenant", change->tenant_id);
	else if (names_nobody(change))
		wrk_json_pair_bool(&state, "all", true);
	push_names(&state, "users", change->users);
	push_names(&state, "sessions", change->sessions);
	push_names(&state, "channels", change->channels);
	row.payload = JsonbPGetDatum(wrk_json_finish_object(&state));
	row.channels = construct_empty_array(TEXTOID);
	row.audience = construct_empty_array(TEXTOID);
	(void) event_write(&row);
}

static void
tell_everybody(void)
{
	if (is_new('a', "", EVERYBODY))
		tell(&(AccessChange){.tenant_id = NULL});
}

static void
tell_tenant(const char *tenant)
{
	if (!is_new('t', tenant, ""))
		return;
	(void) count_entries(tenant, 0);
	if (ntenants > MAX_TENANTS)
		tell_everybody();
	else
		tell(&(AccessChange){.tenant_id = tenant});
}

/* those of names that have not been told yet */
static List *
sift(char kind, const char *tenant, List *names)
{
	List *result = NIL;
	ListCell *cell;

	foreach (cell, names)
		if (is_new(kind, tenant, lfirst(cell)))
			result = lappend(result, lfirst(cell));
	return result;
}

void
access_announce(const AccessChange *change)
{
	const char *tenant = change->tenant_id ? change->tenant_id : "";
	AccessChange rest = *change;
	int count;

	if (was_told('a', "", EVERYBODY) || was_told('t', tenant, ""))
		return;
	if (names_nobody(change))
	{
		if (change->tenant_id == NULL)
			tell_everybody();
		else
			tell_tenant(tenant);
		return;
	}
	rest.users = sift('u', tenant, change->users);
	rest.sessions = sift('s', tenant, change->sessions);
	rest.channels = sift('c', tenant, change->channels);
	if (names_nobody(&rest))
		return;
	count = count_entries(tenant, list_length(rest.users) + list_length(rest.sessions) +
									  list_length(rest.channels));
	if (ntenants > MAX_TENANTS || (count > MAX_ENTRIES && change->tenant_id == NULL))
		tell_everybody();
	else if (count > MAX_ENTRIES)
		tell_tenant(tenant);
	else
		tell(&rest);
}


/* ---------- SQL ---------- */

/* an argument as a list of names without control characters; NIL for NULL */
static List *
names_argument(FunctionCallInfo fcinfo, int argno, const char *what)
{
	List *names =
		PG_ARGISNULL(argno) ? NIL : wrk_text_list(PG_GETARG_ARRAYTYPE_P(argno), what);
	ListCell *cell;

	foreach (cell, names)
	{
		const char *name = lfirst(cell);
		bool bad = strlen(name) > MAX_NAME_LEN;

		for (const unsigned char *p = (const unsigned char *) name; !bad && *p; p++)
			bad = *p < 0x20 || *p == 0x7f;
		if (bad)
			ereport(
				ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST),
				 errmsg("a %s whose access has changed has no such name", what),
				 errdetail("It is longer than %d bytes or contains a control character.",
						   MAX_NAME_LEN)));
	}
	return names;
}

/* an empty list is nobody, which is not the same as no list */
static bool
is_empty_on_purpose(FunctionCallInfo fcinfo, const AccessChange *change)
{
	return names_nobody(change) &&
		   !(PG_ARGISNULL(1) && PG_ARGISNULL(2) && PG_ARGISNULL(3));
}

Datum
wrk_access_changed(PG_FUNCTION_ARGS)
{
	AccessChange change = {.tenant_id = wrk_text_arg(fcinfo, 0)};
	ListCell *cell;

	/* EXECUTE is granted to wrk_service alone; a careless GRANT must not open this */
	if (!event_may_speak_for_all())
		ereport(ERROR, (errcode(ERRCODE_WRK_FORBIDDEN),
						errmsg("role \"%s\" may not have access asked for again",
							   GetUserNameFromId(GetUserId(), false))));
	if (change.tenant_id != NULL)
		event_check_tenant(change.tenant_id);
	change.users = names_argument(fcinfo, 1, "user");
	change.sessions = names_argument(fcinfo, 2, "session");
	change.channels = names_argument(fcinfo, 3, "channel");
	if (change.tenant_id == NULL && (change.users != NIL || change.channels != NIL))
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("users and channels are those of a tenant"),
						errhint("Say which one: tenant_id => '...'.")));
	foreach (cell, change.channels)
		event_check_channel(lfirst(cell), change.tenant_id);
	if (!is_empty_on_purpose(fcinfo, &change))
		access_announce(&change);
	PG_RETURN_VOID();
}
