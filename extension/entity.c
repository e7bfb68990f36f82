/*
 * entity.c
 *	  Rows that several people edit at once: wrk.entity_patch().
 *
 * An edit says which version of the row it was made from.  The row is locked, the
 * audit log leads back to that version, and what others have done since is merged
 * with the edit, column by column and within documents part by part.  The result is
 * written by an ordinary UPDATE with the caller's rights.  Whose change was
 * overwritten is told by an event.
 *
 * A version is the id of the change that made it, or, if wrk.enable_audit() was told
 * of one, the number in the row's own column.
 *
 * Must stay true: whoever may not know older values of a row cannot ask for a merge
 * with them.  An event names no value: who is told may have lost the right to see it.
 */
#include "history_merge.h"

#include "access/detoast.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "event.h"
#include "event_check.h"
#include "identity.h"
#include "json_keyed.h"
#include "json_text.h"
#include "wrk_json.h"

/* an edit is merged with so many changes, and not with more: the row is locked meanwhile
 */
#define MAX_CHANGES 1000
/* people are told of so many conflicts; all of them are answered */
#define MAX_TOLD 100
#define MAX_EDIT_BYTES (8 * 1024 * 1024)

typedef enum PatchMode
{
	PATCH_LWW,
	PATCH_OURS,
	PATCH_STRICT
} PatchMode;

/* one of these for each call */
typedef struct Patch
{
	int64 base_version;
	PatchMode mode;
	HistoryRow *row;
	int64 current; /* version of the row */
	bool *columns; /* that the edit is about, by attribute number - 1 */
	JsonNode *base;
	JsonNode *theirs;
	JsonNode *conflicts;
	List *losers; /* of Loser * */
} Patch;

/* whose changes were overwritten, and where */
typedef struct Loser
{
	const char *user_id;
	JsonNode *conflicts; /* {"path", "kind"} each */
} Loser;

PG_FUNCTION_INFO_V1(wrk_entity_patch);
PG_FUNCTION_INFO_V1(wrk_entity_version);

/* ---------- versions ---------- */

static bool
counts_itself(const HistoryRow *row)
{
	return row->config->version != 0 && row->shown[row->config->version - 1];
}

/* the number in the version column; -1: none */
static int64
counted(const HistoryRow *row, JsonNode *values)
{
	int i = row->config->version - 1;
	JsonNode *number = NULL;

	if (values != NULL)
		number = json_get_named(
			values, NameStr(TupleDescAttr(RelationGetDescr(row->rel), i)->attname));
	if (number == NULL || number->kind != JSON_NUMBER)
		return -1;
	return DatumGetInt64(
		DirectFunctionCall1(numeric_int8, NumericGetDatum(number->u.number)));
}

static int64
version_of(const HistoryRow *row)
{
	return counts_itself(row) ? counted(row, row->values) : history_log_newest(row);
}

/* the row as the caller sees it */
static HistoryRow *
open_row(Oid relid, const char *id, bool lock)
{
	HistoryRow *row = history_try_open(relid, id, NULL, lock);

	if (row == NULL || row->values == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_NOT_FOUND),
				 errmsg("\"%s\" not found in table \"%s\"", id, get_rel_name(relid)),
				 errhint("Only who may know the history of a row can edit versions of it:"
						 " say history => 'readers' in wrk.enable_audit().")));
	return row;
}

/* ---------- the edit ---------- */

static PatchMode
patch_mode(const char *mode)
{
	if (mode != NULL && strcmp(mode, "lww") == 0)
		return PATCH_LWW;
	if (mode != NULL && strcmp(mode, "ours") == 0)
		return PATCH_OURS;
	if (mode == NULL || strcmp(mode, "strict") != 0)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("mode \"%s\" is none of lww, ours, strict",
							   mode ? mode : "NULL")));
	return PATCH_STRICT;
}

static JsonNode *
edit_arg(FunctionCallInfo fcinfo, int argno)
{
	Jsonb *edit;

	if (toast_raw_datum_size(PG_GETARG_DATUM(argno)) > MAX_EDIT_BYTES)
		ereport(ERROR, (errcode(ERRCODE_WRK_TOO_LARGE),
						errmsg("the edit is larger than %d MB", MAX_EDIT_BYTES >> 20)));
	edit = PG_GETARG_JSONB_P(argno);
	if (!JB_ROOT_IS_OBJECT(edit))
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("changes must be an object of columns and values")));
	return json_from_jsonb(edit);
}

/* no word tells a column that is hidden from one that is not there */
static int
edited_column(const HistoryRow *row, JsonText name)
{
	AttrNumber number = wrk_stored_column(row->rel, name.val, name.len);

	if (number == 0 || !row->shown[number - 1] || number == row->config->id ||
		number == row->config->tenant || number == row->config->version)
		ereport(
			ERROR,
			(errcode(ERRCODE_WRK_BAD_REQUEST),
			 errmsg("%s has no column \"%.*s\" that can be edited", row->config->resource,
					name.len, name.val),
			 errhint("Columns that are audited and that one may SELECT can, but not id,"
					 " tenant and version.")));
	return number - 1;
}

/* what the edit makes of its columns; a null is SQL NULL, also in a jsonb */
static void
take_edit(Patch *patch, JsonNode *edit)
{
	JsonNode *values = json_new_object();

	patch->columns = palloc0(sizeof(bool) * patch->row->config->natts);
	for (int i = 0; i < edit->n; i++)
	{
		const JsonMember *member = json_member(edit, i);

		patch->columns[edited_column(patch->row, member->key)] = true;
		if (member->value->kind != JSON_NULL)
			json_set(values, member->key, member->value);
	}
	patch->theirs =
		edit->n == 0 ? values : history_spell(patch->row, values, patch->columns);
}

/* ---------- what the editor knew ---------- */

static void
refuse_stale(const Patch *patch)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_TOO_STALE),
					errmsg("version %lld of %s \"%s\" is not known any more",
						   (long long) patch->base_version, patch->row->config->resource,
						   patch->row->id),
					errhint("Read the row again and edit what it is now.")));
}

/* whether the row is what the editor knew, or was made only after that */
static bool
is_reached(const Patch *patch, const HistoryState *state)
{
	if (state->values == NULL || state->replaced || state->next == NULL)
		return true;
	return (counts_itself(patch->row) ? counted(patch->row, state->values)
									  : state->next->id) <= patch->base_version;
}

static void
go_back(Patch *patch)
{
	HistoryState *state = history_state_open(patch->row);

	while (!is_reached(patch, state))
	{
		if (state->nchanges == MAX_CHANGES)
			refuse_stale(patch);
		history_state_step(state);
	}
	if (state->values == NULL || state->replaced)
		refuse_stale(patch);
	if (!counts_itself(patch->row))
		history_state_to_version(state, patch->base_version);
	else if (counted(patch->row, state->values) != patch->base_version)
		refuse_stale(patch);
	patch->base = history_state_copy(state);
	history_state_close(state);
}

static void
find_base(Patch *patch)
{
	patch->current = version_of(patch->row);
	if (patch->base_version < 0 || patch->base_version > patch->current)
		ereport(ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST),
				 errmsg("%s \"%s\" has no version %lld", patch->row->config->resource,
						patch->row->id, (long long) patch->base_version)));
	if (patch->base_version == patch->current)
		patch->base = patch->row->values;
	else
		go_back(patch);
}

static void
check_conflicts(const Patch *patch)
{
	JsonNode *detail;

	if (patch->mode != PATCH_STRICT || patch->conflicts->n == 0)
		return;
	detail = json_new_object();
	json_set_named(detail, "version", json_new_int(patch->current));
	json_set_named(detail, "conflicts", patch->conflicts);
	ereport(ERROR, (errcode(ERRCODE_WRK_CONFLICT),
					errmsg("others have changed the same of %s \"%s\" since version %lld",
						   patch->row->config->resource, patch->row->id,
						   (long long) patch->base_version),
					errdetail_internal("%s", json_to_cstring(detail))));
}

/* ---------- who is told ---------- */

static JsonNode *
step_into(JsonNode *value, JsonNode *name)
{
	if (value->kind == JSON_OBJECT)
		return name->kind == JSON_STRING ? json_get(value, name->u.string) : NULL;
	for (int i = 0; value->kind == JSON_ARRAY && i < value->n; i++)
	{
		JsonNode *id = json_id(json_item(value, i));

		if (id != NULL && json_same(id, name))
			return json_item(value, i);
	}
	return NULL;
}

static JsonNode *
order_of(JsonNode *array)
{
	JsonNode *ids = json_new_array();

	for (int i = 0; i < array->n; i++)
	{
		JsonNode *id = json_id(json_item(array, i));

		if (id != NULL)
			json_append(ids, id);
	}
	return ids;
}

/* what a conflict is about, in some version of the row; NULL: nothing */
static JsonNode *
disputed(JsonNode *values, JsonNode *conflict)
{
	JsonNode *path = json_get_named(conflict, "path");
	JsonNode *value = values;

	for (int i = 0; value != NULL && i < path->n; i++)
		value = step_into(value, json_item(path, i));
	if (value != NULL && value->kind == JSON_ARRAY &&
		json_text_is(json_get_named(conflict, "kind")->u.string, "order"))
		return order_of(value);
	return value;
}

static void
add_loser(Patch *patch, const char *user_id, JsonNode *conflict)
{
	const Identity *who = identity_current();
	Loser *loser = NULL;
	JsonNode *told = json_new_object();
	ListCell *cell;

	if (user_id == NULL ||
		(who != NULL && who->user_id != NULL && strcmp(who->user_id, user_id) == 0))
		return;
	foreach (cell, patch->losers)
		if (strcmp(((Loser *) lfirst(cell))->user_id, user_id) == 0)
			loser = lfirst(cell);
	if (loser == NULL)
	{
		loser = palloc(sizeof(Loser));
		loser->user_id = pstrdup(user_id);
		loser->conflicts = json_new_array();
		patch->losers = lappend(patch->losers, loser);
	}
	json_set_named(told, "path", json_copy(json_get_named(conflict, "path")));
	json_set_named(told, "kind", json_copy(json_get_named(conflict, "kind")));
	json_append(loser->conflicts, told);
}

/*
 * Whose change made each disputed value what it is: going back, the first one before
 * which it was something else.
 */
static void
find_losers(Patch *patch)
{
	int n = Min(patch->conflicts->n, MAX_TOLD);
	bool *found = palloc0(sizeof(bool) * Max(n, 1));
	HistoryState *state;

	if (n == 0 || patch->mode != PATCH_LWW || patch->row->tenant == NULL)
		return;
	state = history_state_open(patch->row);
	for (int left = n; left > 0 && !is_reached(patch, state);)
	{
		const char *author = state->next->user_id ? pstrdup(state->next->user_id) : NULL;

		history_state_step(state);
		for (int i = 0; state->values != NULL && i < n; i++)
		{
			JsonNode *conflict = json_item(patch->conflicts, i);

			if (found[i] || history_same(disputed(state->values, conflict),
										 disputed(patch->row->values, conflict)))
				continue;
			found[i] = true;
			left--;
			add_loser(patch, author, conflict);
		}
	}
	history_state_close(state);
}

static void
tell_losers(const Patch *patch, int64 version)
{
	const Identity *who = identity_current();
	ListCell *cell;

	foreach (cell, patch->losers)
	{
		const Loser *loser = lfirst(cell);
		JsonNode *payload = json_new_object();
		EventRow event = {.type = "conflict.detected", .class = EVENT_CRITICAL};

		json_set_named(payload, "type", json_new_string(patch->row->config->resource));
		json_set_named(payload, "id", json_new_string(patch->row->id));
		json_set_named(payload, "version", json_new_int(version));
		json_set_named(payload, "by",
					   who != NULL && who->user_id != NULL ? json_new_string(who->user_id)
														   : json_new_null());
		json_set_named(payload, "conflicts", loser->conflicts);
		event.payload = JsonbPGetDatum(json_to_jsonb(payload));
		event.tenant_id = patch->row->tenant;
		event.channels = event_text_array(list_make1(
			psprintf("tenant:%s:user:%s", patch->row->tenant, loser->user_id)));
		event.audience = event_text_array(NIL);
		(void) event_write(&event);
	}
}

/* ---------- entry points ---------- */

/* the version that came of it */
static int64
write_patch(const Patch *patch, JsonNode *values, const bool *columns)
{
	HistoryRow *after;
	int64 version;

	history_update(patch->row, values, columns);
	after = open_row(RelationGetRelid(patch->row->rel), patch->row->id, true);
	version = version_of(after);
	history_close(after);
	tell_losers(patch, version);
	return version;
}

static JsonNode *
apply(Patch *patch)
{
	HistoryMerge merge = {.row = patch->row,
						  .base = patch->base,
						  .theirs = patch->theirs,
						  .columns = patch->columns,
						  .theirs_win = patch->mode == PATCH_LWW,
						  .conflicts = patch->conflicts};
	JsonNode *values = json_new_object();
	bool *columns = palloc0(sizeof(bool) * patch->row->config->natts);
	bool changed = history_merge(&merge, values, columns);
	JsonNode *result = json_new_object();
	int64 version = patch->current;

	check_conflicts(patch);
	find_losers(patch);
	if (changed)
		version = write_patch(patch, values, columns);
	json_set_named(result, "version", json_new_int(version));
	json_set_named(result, "base", json_new_int(patch->current));
	json_set_named(result, "changed", json_new_bool(changed));
	json_set_named(result, "conflicts", patch->conflicts);
	return result;
}

Datum
wrk_entity_patch(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"tbl", "id", "base_version", "changes"};
	Patch patch = {.conflicts = json_new_array()};
	JsonNode *edit;
	JsonNode *result;

	for (int i = 0; i < lengthof(names); i++)
		wrk_require_arg(fcinfo, i, names[i]);
	patch.base_version = PG_GETARG_INT64(2);
	edit = edit_arg(fcinfo, 3);
	patch.mode = patch_mode(wrk_text_arg(fcinfo, 4));
	patch.row = open_row(PG_GETARG_OID(0), wrk_text_arg(fcinfo, 1), true);
	take_edit(&patch, edit);
	find_base(&patch);
	result = apply(&patch);
	history_close(patch.row);
	PG_RETURN_JSONB_P(json_to_jsonb(result));
}

Datum
wrk_entity_version(PG_FUNCTION_ARGS)
{
	HistoryRow *row;
	int64 version;

	wrk_require_arg(fcinfo, 0, "tbl");
	wrk_require_arg(fcinfo, 1, "id");
	row = open_row(PG_GETARG_OID(0), wrk_text_arg(fcinfo, 1), false);
	version = version_of(row);
	history_close(row);
	PG_RETURN_INT64(version);
}
