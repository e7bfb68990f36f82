/*
 * history_revert.c
 *	  wrk.revert(): taking back one change, and nothing that came after it.
 *
 * A three-way merge: base is the row as the change left it, theirs as the change
 * found it, ours as it is now, locked.  A column that is as the change left it gets
 * its old value back, documents are merged part by part, and what others have
 * changed since stays as it is and is reported.  The result is written by an
 * ordinary statement with the caller's rights, and is a change of its own.
 *
 * Must stay true: who may not know the history of the row is not told that there
 * is such a change, nor what it was about.
 */
#include "history.h"

#include "utils/builtins.h"

#include "history_merge.h"
#include "identity.h"
#include "json_merge.h"
#include "json_text.h"
#include "wrk_json.h"

/* one of these for each call */
typedef struct Revert
{
	int64 change;
	char op;
	bool strict;
	HistoryRow *row;
	JsonNode *base; /* values of the row; NULL: there was none */
	JsonNode *theirs;
	bool hidden;    /* columns that are not shown have changed since */
	bool replaced;  /* what is there now is another row of that id */
	JsonNode *gone; /* names the change has of columns that are not there any more */
	JsonNode *conflicts;
} Revert;

PG_FUNCTION_INFO_V1(wrk_revert);

static void
refuse_change(int64 change)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_NOT_FOUND),
					errmsg("change %lld not found", (long long) change)));
}

/* ---------- which change ---------- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
find_target(Revert *revert, HistoryTarget *target)
{
	const Identity *who = identity_current();

	if (!history_log_find(revert->change, target))
		refuse_change(revert->change);
	/* what is of another tenant is not even looked at */
	if (who != NULL && target->tenant != NULL &&
		strcmp(who->tenant_id, target->tenant) != 0)
		refuse_change(revert->change);
	if (target->op != AUDIT_INSERT && target->op != AUDIT_UPDATE &&
		target->op != AUDIT_DELETE)
	{
		if (!history_is_auditor(target->tenant))
			refuse_change(revert->change);
		ereport(ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST),
				 errmsg("change %lld is not that of a row and cannot be taken back",
						(long long) revert->change)));
	}
}

static void
open_row(Revert *revert)
{
	HistoryTarget target;
	Oid relid;

	find_target(revert, &target);
	relid = history_log_table(target.resource);
	if (OidIsValid(relid))
		revert->row = history_try_open(relid, target.id, target.tenant, true);
	if (revert->row == NULL || !same_text(revert->row->id, target.id) ||
		!same_text(revert->row->tenant, target.tenant) ||
		revert->change < revert->row->from)
		refuse_change(revert->change);
	revert->op = target.op;
}

/* ---------- what it was before and after ---------- */

/*
 * What the change says of columns that the table has no more.  Whoever may not read
 * the log does not know of them.
 */
static void
find_gone(Revert *revert, const HistoryChange *change)
{
	static const char *const members[] = {"old", "new", "diff"};
	JsonNode *changes = change->changes ? json_from_jsonb(change->changes) : NULL;

	if (!revert->row->auditor)
		return;

	for (int i = 0; changes != NULL && i < lengthof(members); i++)
	{
		JsonNode *columns = json_get_named(changes, members[i]);

		for (int k = 0; columns != NULL && k < columns->n; k++)
		{
			JsonText name = json_member(columns, k)->key;

			if (wrk_stored_column(revert->row->rel, name.val, name.len) == 0)
				json_set_named(revert->gone, pnstrdup(name.val, name.len),
							   json_new_bool(true));
		}
	}
}

static void
go_back(Revert *revert)
{
	HistoryState *state = history_state_open(revert->row);

	/* deleted since, or never seen: then it may be no more than what the log has */
	if (!history_state_begins(state))
		refuse_change(revert->change);
	history_state_to_version(state, revert->change);
	if (state->next == NULL || state->next->id != revert->change)
		refuse_change(revert->change);
	revert->base = history_state_copy(state);
	revert->hidden = state->hidden;
	revert->replaced = state->replaced || state->restores != 0;
	find_gone(revert, state->next);
	history_state_step(state);
	revert->theirs = history_state_copy(state);
	history_state_close(state);
}

/* ---------- conflicts ---------- */

static void
add_gone(Revert *revert)
{
	for (int i = 0; i < revert->gone->n; i++)
	{
		JsonText name = json_member(revert->gone, i)->key;

		(void) history_add_conflict(revert->conflicts, pnstrdup(name.val, name.len),
									"delete_edit");
	}
}

/* each column in which the row is not what it should be for this */
static void
add_differences(Revert *revert, JsonNode *expected, const char *kind)
{
	for (int i = 0; i < revert->row->config->natts; i++)
	{
		const char *column =
			NameStr(TupleDescAttr(RelationGetDescr(revert->row->rel), i)->attname);
		JsonNode *was = json_get_named(expected, column);
		JsonNode *is = json_get_named(revert->row->values, column);

		if (revert->row->shown[i] && i + 1 != revert->row->config->version &&
			!history_same(was, is))
			json_merge_put_versions(history_add_conflict(revert->conflicts, column, kind),
									expected == revert->base ? was : NULL, is,
									expected == revert->theirs ? was : NULL);
	}
}

/* ---------- writing ---------- */

/* others' work stays: nothing is written, or only what does not touch it */
static void
check_conflicts(const Revert *revert)
{
	JsonNode *detail;

	if (!revert->strict || revert->conflicts->n == 0)
		return;
	detail = json_new_object();
	json_set_named(detail, "conflicts", revert->conflicts);
	ereport(ERROR, (errcode(ERRCODE_WRK_CONFLICT),
					errmsg("change %lld cannot be taken back: the same was changed since",
						   (long long) revert->change),
					errdetail_internal("%s", json_to_cstring(detail))));
}

static bool
revert_update(Revert *revert)
{
	JsonNode *values = json_new_object();
	bool *columns = palloc0(sizeof(bool) * revert->row->config->natts);
	HistoryMerge merge = {.row = revert->row,
						  .base = revert->base,
						  .theirs = revert->theirs,
						  .columns = revert->row->shown,
						  .conflicts = revert->conflicts};
	bool any = false;

	add_gone(revert);
	if (revert->row->values == NULL)
		(void) history_add_conflict(revert->conflicts, NULL, "delete_edit");
	else
		any = history_merge(&merge, values, columns);
	check_conflicts(revert);
	if (any)
		history_update(revert->row, values, columns);
	return any;
}

static bool
revert_insert(Revert *revert)
{
	if (revert->row->values == NULL)
		return false;
	if (revert->replaced || revert->hidden)
		(void) history_add_conflict(revert->conflicts, NULL, "edit_delete");
	if (!revert->replaced)
		add_differences(revert, revert->base, "edit_delete");
	check_conflicts(revert);
	if (revert->conflicts->n > 0)
		return false;
	history_delete(revert->row);
	return true;
}

static bool
revert_delete(Revert *revert)
{
	add_gone(revert);
	if (revert->row->values != NULL)
		add_differences(revert, revert->theirs, "add_add");
	check_conflicts(revert);
	if (revert->row->values != NULL)
		return false;
	history_insert(revert->row, revert->theirs);
	return true;
}

/* what is written now says what it takes back */
static bool
write_revert(Revert *revert)
{
	JsonbParseState *state = NULL;
	AuditNote note = {revert->row->config->resource};
	const AuditNote *before;
	volatile bool changed = false;

	wrk_json_begin_object(&state);
	wrk_json_pair_int64(&state, "reverts", revert->change);
	note.metadata = wrk_json_finish_object(&state);
	before = audit_set_note(&note);
	PG_TRY();
	{
		changed = revert->op == AUDIT_INSERT   ? revert_insert(revert)
				  : revert->op == AUDIT_DELETE ? revert_delete(revert)
											   : revert_update(revert);
	}
	PG_FINALLY();
	{
		(void) audit_set_note(before);
	}
	PG_END_TRY();
	return changed;
}

/* ---------- entry point ---------- */

static bool
is_strict(const char *mode)
{
	if (mode == NULL || (strcmp(mode, "strict") != 0 && strcmp(mode, "ours") != 0))
		ereport(ERROR,
				(errcode(ERRCODE_WRK_BAD_REQUEST),
				 errmsg("\"%s\" is no way to take back a change", mode ? mode : "NULL"),
				 errhint("Ways are strict and ours.")));
	return strcmp(mode, "strict") == 0;
}

Datum
wrk_revert(PG_FUNCTION_ARGS)
{
	Revert revert = {.conflicts = json_new_array(), .gone = json_new_object()};
	JsonNode *result = json_new_object();
	int64 newest;
	bool changed;

	wrk_require_arg(fcinfo, 0, "change_id");
	revert.change = PG_GETARG_INT64(0);
	revert.strict = is_strict(wrk_text_arg(fcinfo, 1));
	open_row(&revert);
	go_back(&revert);
	newest = history_log_newest(revert.row);
	changed = write_revert(&revert);
	json_set_named(result, "change_id", json_new_null());
	if (changed && history_log_newest(revert.row) > newest)
		json_set_named(result, "change_id", json_new_int(history_log_newest(revert.row)));
	json_set_named(result, "changed", json_new_bool(changed));
	json_set_named(result, "conflicts", revert.conflicts);
	history_close(revert.row);
	PG_RETURN_JSONB_P(json_to_jsonb(result));
}
