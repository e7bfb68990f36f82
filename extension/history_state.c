/*
 * history_state.c
 *	  A row on its way back in time.
 *
 * Begins with the row as it is, or with nothing if it is gone, and takes back one
 * change after the other, the newest first: columns get their old values, documents
 * are patched with the inverse of their diffs.
 *
 * Must stay true: what the log cannot tell is an error and never a guess.  A row
 * that is there before it was inserted, or after it was deleted, has been changed
 * without the log knowing.
 */
#include "history.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "blueprint_diff.h"
#include "blueprint_patch.h"
#include "wrk_json.h"

/* changes after which the values are written anew, so that memory stays bounded */
#define CHANGES_IN_MEMORY 64

static JsonNode *
member(JsonNode *changes, const char *name)
{
	JsonNode *value = changes->kind == JSON_OBJECT ? json_get_named(changes, name) : NULL;

	return value != NULL && value->kind == JSON_OBJECT ? value : NULL;
}

/* ---------- one change ---------- */

static void
refuse_gap(const HistoryState *state)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRK_TOO_STALE),
			 errmsg("the audit log does not lead back beyond change %lld of %s \"%s\"",
					(long long) state->next->id, state->row->config->resource,
					state->row->id),
			 errdetail("The row has been changed without the log knowing.")));
}

/* a deleted row is not there, any other is */
static bool
fits(const HistoryState *state)
{
	return (state->next->op == AUDIT_DELETE) == (state->values == NULL);
}

static void
patch_documents(HistoryState *state, JsonNode *inverse)
{
	for (int i = 0; inverse != NULL && i < inverse->n; i++)
	{
		const JsonMember *column = json_member(inverse, i);
		JsonNode *doc = json_get(state->values, column->key);

		/* a column that is not shown, or not there any more */
		if (!history_is_shown(state->row, column->key))
			continue;
		if (doc == NULL)
			refuse_gap(state);
		blueprint_patch(doc, column->value);
	}
}

static void
take_back_documents(HistoryState *state, JsonNode *inverse)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		patch_documents(state, inverse);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (geterrcode() != ERRCODE_WRK_CONFLICT &&
			geterrcode() != ERRCODE_WRK_BAD_REQUEST)
			PG_RE_THROW();
		FlushErrorState();
		refuse_gap(state);
	}
	PG_END_TRY();
}

static void
take_back_update(HistoryState *state, JsonNode *changes)
{
	JsonNode *old = member(changes, "old");
	JsonNode *new = member(changes, "new");

	for (int i = 0; new != NULL &&i < new->n; i++)
		(void) json_remove(state->values, json_member(new, i)->key);
	for (int i = 0; old != NULL && i < old->n; i++)
		json_set(state->values, json_member(old, i)->key, json_member(old, i)->value);
	take_back_documents(state, member(changes, "inverse"));
}

/* whether the change is about a column that is not shown, or does not say what it did */
static bool
changes_hidden(const HistoryRow *row, JsonNode *changes)
{
	static const char *const members[] = {"old", "new", "diff"};

	if (changes->kind != JSON_OBJECT || json_get_named(changes, "redacted") != NULL)
		return true;
	for (int i = 0; i < lengthof(members); i++)
	{
		JsonNode *columns = member(changes, members[i]);

		for (int k = 0; columns != NULL && k < columns->n; k++)
			if (!history_is_shown(row, json_member(columns, k)->key))
				return true;
	}
	return false;
}

/* id of the change this one has taken back, 0 if none */
static int64
reverts(const HistoryChange *change)
{
	JsonbValue value;

	if (change->metadata == NULL || !wrk_json_get(change->metadata, "reverts", &value) ||
		value.type != jbvNumeric)
		return 0;
	return DatumGetInt64(
		DirectFunctionCall1(numeric_int8, NumericGetDatum(value.val.numeric)));
}

/* a row that was inserted is another one than before, unless that took back its deletion
 */
static void
follow_row(HistoryState *state, const HistoryChange *change)
{
	if (state->restores != 0)
	{
		if (change->id == state->restores)
			state->restores = 0;
		return;
	}
	if (change->op != AUDIT_INSERT)
		return;
	state->restores = reverts(change);
	state->replaced |= state->restores == 0;
}

/* ---------- the walk ---------- */

/* moves what is kept to a new context and frees all that led there */
static void
renew_context(HistoryState *state)
{
	MemoryContext context = AllocSetContextCreate(
		GetMemoryChunkContext(state), "wrk history of a row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	if (state->values != NULL)
		state->values = json_from_jsonb(json_to_jsonb(state->values));
	MemoryContextSwitchTo(old);
	if (state->context != NULL)
		MemoryContextDelete(state->context);
	state->context = context;
	state->since = 0;
}

static void
take_back(HistoryState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->context);
	const HistoryChange *change = state->next;
	JsonNode *changes =
		change->changes ? json_from_jsonb(change->changes) : json_new_object();

	CHECK_FOR_INTERRUPTS();
	if (!fits(state))
		refuse_gap(state);
	if (change->op == AUDIT_INSERT)
		state->values = NULL;
	else if (change->op == AUDIT_DELETE)
	{
		state->values = member(changes, "old");
		if (state->values == NULL)
			state->values = json_new_object();
	}
	else
		take_back_update(state, changes);
	if (change->op == AUDIT_UPDATE && !state->hidden)
		state->hidden = changes_hidden(state->row, changes);
	follow_row(state, change);
	MemoryContextSwitchTo(old);
	state->nchanges++;
	if (++state->since >= CHANGES_IN_MEMORY)
		renew_context(state);
	state->next = history_log_next(state->log, state->context);
}

HistoryState *
history_state_open(const HistoryRow *row)
{
	HistoryState *state = palloc0(sizeof(HistoryState));

	state->row = row;
	state->values = row->values;
	renew_context(state);
	state->log = history_log_open(row, true);
	state->next = history_log_next(state->log, state->context);
	return state;
}

/* otherwise it is hidden from the caller, or gone without the log knowing */
bool
history_state_begins(const HistoryState *state)
{
	return state->row->values != NULL ||
		   (state->next != NULL && state->next->op == AUDIT_DELETE);
}

void
history_state_close(HistoryState *state)
{
	history_log_close(state->log);
	MemoryContextDelete(state->context);
	pfree(state);
}

static void
refuse_stale(const HistoryState *state)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRK_TOO_STALE),
			 errmsg("the history of %s \"%s\" does not go back that far",
					state->row->config->resource, state->row->id),
			 errhint("Version 0 is the row before the first change that is kept.")));
}

/* before the first change that is kept; known: the caller asked for just that */
static void
check_beginning(const HistoryState *state, bool known)
{
	bool begins = state->values == NULL && state->nchanges > 0;

	if (!begins && !known)
		refuse_stale(state);
}

void
history_state_to_version(HistoryState *state, int64 version)
{
	while (state->next != NULL && state->next->id > version)
		take_back(state);
	if (state->next == NULL)
		check_beginning(state, version == 0);
	else if (!fits(state))
		refuse_gap(state);
}

void
history_state_to_time(HistoryState *state, TimestampTz at)
{
	while (state->next != NULL && state->next->created_at > at)
		take_back(state);
	if (state->next == NULL)
		check_beginning(state, state->nchanges == 0 &&
								   at >= GetCurrentTransactionStartTimestamp());
	else if (!fits(state))
		refuse_gap(state);
}

void
history_state_step(HistoryState *state)
{
	take_back(state);
}

JsonNode *
history_state_copy(const HistoryState *state)
{
	return state->values ? json_from_jsonb(json_to_jsonb(state->values)) : NULL;
}

/* ---------- results ---------- */

JsonNode *
history_row_json(const HistoryRow *row, JsonNode *values)
{
	JsonNode *result = json_new_object();

	for (int i = 0; i < row->config->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(RelationGetDescr(row->rel), i)->attname);
		JsonNode *value;

		if (!row->shown[i])
			continue;
		value = json_get_named(values, name);
		json_set_named(result, name, value ? value : json_new_null());
	}
	return result;
}

static void
put(JsonNode *changes, const char *name, const char *column, JsonNode *value)
{
	JsonNode *columns = json_get_named(changes, name);

	if (value == NULL)
		return;
	if (columns == NULL)
	{
		columns = json_new_object();
		json_set_named(changes, name, columns);
	}
	json_set_named(columns, column, value);
}

JsonNode *
history_compare(const HistoryRow *row, JsonNode *old, JsonNode *new)
{
	JsonNode *result = json_new_object();

	for (int i = 0; i < row->config->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(row->rel), i);
		const char *column = NameStr(att->attname);
		JsonNode *was = old ? json_get_named(old, column) : NULL;
		JsonNode *is = new ? json_get_named(new, column) : NULL;

		if (!row->shown[i] || (was != NULL && is != NULL && json_same(was, is)))
			continue;
		if (att->atttypid == JSONBOID && was != NULL && is != NULL &&
			was->kind == JSON_OBJECT && is->kind == JSON_OBJECT)
		{
			put(result, "diff", column, blueprint_diff(was, is, NULL));
			put(result, "inverse", column, blueprint_diff(is, was, NULL));
			continue;
		}
		put(result, "old", column, was);
		put(result, "new", column, is);
	}
	return result;
}
