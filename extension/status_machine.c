/*
 * status_machine.c
 *	  Definitions of status machines, as each backend keeps them.
 *
 * A machine is read whole when the first row asks for its version.  Versions
 * never change, so what is cached could go stale only when the transaction that
 * made it is rolled back, or the extension made anew; a trigger on
 * wrk.state_machine invalidates everything then, as it does when a new version
 * makes another one the current one.  Guards and "after" functions are kept by
 * name and cached by oid: any function that comes, goes or changes invalidates.
 *
 * Must stay true: (1) definitions are read with a fresh snapshot, or an old
 * transaction could put an old current version into the cache; (2) a machine
 * somebody holds is freed no sooner than the transaction ends.
 */
#include "status.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#define MACHINE_NAME_LEN 64

typedef struct MachineKey
{
	char name[MACHINE_NAME_LEN];
	int version; /* 0: the current version's number is what is cached */
} MachineKey;

/* one of these for each version in use, and one for each name */
typedef struct MachineEntry
{
	MachineKey key;
	bool valid;
	int current;            /* if key.version is 0 */
	MemoryContext context;  /* of machine, NULL if there is none */
	StatusMachine *machine; /* otherwise */
} MachineEntry;

static HTAB *entries = NULL;
static Oid machine_relid = InvalidOid;

/* ---------- cache ---------- */

static void
machine_relcache_callback(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	MachineEntry *entry;

	if (entries == NULL || (relid != InvalidOid && relid != machine_relid))
		return;
	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
		entry->valid = false;
}

static void
machine_function_callback(Datum arg, int cacheid, uint32 hash)
{
	machine_relcache_callback(arg, InvalidOid);
}

void
status_init(void)
{
	HASHCTL ctl = {.keysize = sizeof(MachineKey), .entrysize = sizeof(MachineEntry)};

	entries = hash_create("wrk status machines", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(machine_relcache_callback, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, machine_function_callback, (Datum) 0);
}

static MachineEntry *
get_entry(const char *name, int version)
{
	MachineKey key;
	MachineEntry *entry;
	bool found;

	memset(&key, 0, sizeof(key)); /* hashed as bytes */
	strlcpy(key.name, name, sizeof(key.name));
	key.version = version;
	entry = hash_search(entries, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->valid = false;
		entry->context = NULL;
		entry->machine = NULL;
	}
	return entry;
}

/* ---------- reading ---------- */

typedef struct Reading
{
	WrkRoleSwitch saved;
} Reading;

/* reads as the extension's owner, and what is committed now */
static Reading
begin_reading(void)
{
	Reading reading;

	machine_relid = wrk_relation("state_machine");
	LockRelationOid(machine_relid, AccessShareLock);
	reading.saved = wrk_become(wrk_owner());
	SPI_connect();
	PushActiveSnapshot(GetCatalogSnapshot(machine_relid));
	return reading;
}

static void
end_reading(Reading reading)
{
	PopActiveSnapshot();
	SPI_finish();
	wrk_unbecome(reading.saved);
}

static void
run_query(const char *sql, const char *name, int version)
{
	Oid types[] = {TEXTOID, INT4OID};
	Datum values[] = {CStringGetTextDatum(name), Int32GetDatum(version)};

	if (SPI_execute_with_args(sql, 2, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read status machine: %s", sql);
}

static Datum
column(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

/* copy in context of a text column, NULL for SQL NULL */
static char *
column_text(uint64 row, int number, MemoryContext context)
{
	bool isnull;
	Datum value = column(row, number, &isnull);

	return isnull ? NULL : MemoryContextStrdup(context, TextDatumGetCString(value));
}

static bool
column_bool(uint64 row, int number)
{
	bool isnull;
	Datum value = column(row, number, &isnull);

	return !isnull && DatumGetBool(value);
}

static void
read_states(StatusMachine *machine, MemoryContext context)
{
	run_query(
		"SELECT code, label, initial, terminal, history FROM wrk.state"
		" WHERE machine OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2"
		" ORDER BY position",
		machine->name, machine->version);
	machine->nstates = (int) SPI_processed;
	machine->states =
		MemoryContextAllocZero(context, sizeof(StatusState) * Max(machine->nstates, 1));
	for (int i = 0; i < machine->nstates; i++)
	{
		StatusState *state = &machine->states[i];

		state->code = column_text(i, 1, context);
		state->label = column_text(i, 2, context);
		state->initial = column_bool(i, 3);
		state->terminal = column_bool(i, 4);
		state->history = column_bool(i, 5);
	}
}

static void
read_roles(StatusTransition *transition, uint64 row, int number, MemoryContext context)
{
	bool isnull;
	Datum value = column(row, number, &isnull);
	MemoryContext old;

	if (isnull)
		return;
	old = MemoryContextSwitchTo(context);
	transition->roles = (const char **) wrk_text_array(DatumGetArrayTypePCopy(value),
													   "role", &transition->nroles);
	MemoryContextSwitchTo(old);
}

static void
read_after(StatusTransition *transition, uint64 row, int number, MemoryContext context)
{
	bool isnull;
	Datum value = column(row, number, &isnull);
	Datum *elems;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(value), REGPROCEDUREOID, sizeof(Oid), true,
					  TYPALIGN_INT, &elems, NULL, &transition->nafter);
	transition->after =
		MemoryContextAlloc(context, sizeof(Oid) * Max(transition->nafter, 1));
	for (int i = 0; i < transition->nafter; i++)
		transition->after[i] = DatumGetObjectId(elems[i]);
}

static void
read_transition(const StatusMachine *machine, StatusTransition *transition, uint64 row,
				MemoryContext context)
{
	char *to = column_text(row, 2, CurrentMemoryContext);
	bool isnull;
	Datum guard;

	transition->from = status_state(machine, column_text(row, 1, CurrentMemoryContext));
	transition->to =
		strcmp(to, STATUS_PREVIOUS) == 0 ? STATUS_TO_PREVIOUS : status_state(machine, to);
	if (transition->from == STATUS_NONE || transition->to == STATUS_NONE)
		elog(ERROR, "transition of machine \"%s\" version %d has an unknown state",
			 machine->name, machine->version);
	transition->label = column_text(row, 3, context);
	read_roles(transition, row, 4, context);
	transition->permission = column_text(row, 5, context);
	guard = column(row, 6, &isnull);
	transition->guard = isnull ? InvalidOid : DatumGetObjectId(guard);
	read_after(transition, row, 7, context);
	transition->needs_reason = column_bool(row, 8);
}

static void
read_transitions(StatusMachine *machine, MemoryContext context)
{
	run_query(
		"SELECT from_state, to_state, label, roles, permission,"
		" guard::pg_catalog.regprocedure, after::pg_catalog.regprocedure[], needs_reason"
		" FROM wrk.transition WHERE machine OPERATOR(pg_catalog.=) $1"
		" AND version OPERATOR(pg_catalog.=) $2 ORDER BY position",
		machine->name, machine->version);
	machine->ntransitions = (int) SPI_processed;
	machine->transitions = MemoryContextAllocZero(
		context, sizeof(StatusTransition) * Max(machine->ntransitions, 1));
	for (int i = 0; i < machine->ntransitions; i++)
		read_transition(machine, &machine->transitions[i], i, context);
}

static StatusMachine *
read_machine(const char *name, int version, MemoryContext context)
{
	StatusMachine *machine = MemoryContextAllocZero(context, sizeof(StatusMachine));
	Reading reading = begin_reading();

	machine->name = MemoryContextStrdup(context, name);
	machine->version = version;
	read_states(machine, context);
	if (machine->nstates > 0)
		read_transitions(machine, context);
	end_reading(reading);
	return machine->nstates > 0 ? machine : NULL;
}

/* ---------- answers ---------- */

static void
refuse_unknown(const char *name, int version)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRK_NOT_FOUND),
			 version == 0
				 ? errmsg("no status machine \"%s\"", name)
				 : errmsg("status machine \"%s\" has no version %d", name, version),
			 errhint("Machines are made by wrk.define_state_machine() and listed in"
					 " wrk.state_machine.")));
}

static void
load_machine(MachineEntry *entry)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "wrk status machine", ALLOCSET_SMALL_SIZES);
	StatusMachine *machine;

	/* valid before reading: a change that arrives meanwhile makes it invalid again */
	entry->valid = true;
	PG_TRY();
	{
		machine = read_machine(entry->key.name, entry->key.version, context);
		if (machine == NULL)
			refuse_unknown(entry->key.name, entry->key.version);
	}
	PG_CATCH();
	{
		entry->valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (entry->context != NULL)
		MemoryContextSetParent(entry->context, TopTransactionContext);
	MemoryContextSetParent(context, CacheMemoryContext);
	entry->context = context;
	entry->machine = machine;
}

const StatusMachine *
status_machine(const char *name, int version)
{
	MachineEntry *entry = get_entry(name, version);

	if (!entry->valid)
		load_machine(entry);
	return entry->machine;
}

static int
read_current(const char *name)
{
	Reading reading = begin_reading();
	int version = 0;
	bool isnull;

	run_query("SELECT pg_catalog.max(version) FROM wrk.state_machine"
			  " WHERE name OPERATOR(pg_catalog.=) $1 AND $2 OPERATOR(pg_catalog.=) 0",
			  name, 0);
	version = DatumGetInt32(column(0, 1, &isnull));
	end_reading(reading);
	return isnull ? 0 : version;
}

int
status_machine_current(const char *name)
{
	MachineEntry *entry = get_entry(name, 0);

	/* a transaction that takes no new locks would not hear of changes before its end */
	AcceptInvalidationMessages();
	if (!entry->valid)
	{
		entry->valid = true;
		PG_TRY();
		{
			entry->current = read_current(name);
		}
		PG_CATCH();
		{
			entry->valid = false;
			PG_RE_THROW();
		}
		PG_END_TRY();
	}
	if (entry->current == 0)
	{
		entry->valid = false;
		refuse_unknown(name, 0);
	}
	return entry->current;
}

int
status_state(const StatusMachine *machine, const char *code)
{
	for (int i = 0; i < machine->nstates; i++)
		if (strcmp(machine->states[i].code, code) == 0)
			return i;
	return STATUS_NONE;
}

const char *
status_code(const StatusMachine *machine, int state)
{
	return state >= 0 ? machine->states[state].code : NULL;
}
