/*
 * history_merge.c
 *	  Merging into a row; see history_merge.h.
 *
 * Must stay true: the column that counts versions is the trigger's to write, and is
 * no part of what anybody wants.
 */
#include "history_merge.h"

#include "catalog/pg_type.h"

#include "blueprint_merge.h"
#include "json_merge.h"

/* ---------- conflicts ---------- */

JsonNode *
history_add_conflict(JsonNode *conflicts, const char *column, const char *kind)
{
	JsonNode *conflict = json_new_object();
	JsonNode *path = json_new_array();

	if (column != NULL)
		json_append(path, json_new_string(column));
	json_set_named(conflict, "path", path);
	json_set_named(conflict, "kind", json_new_string(kind));
	json_append(conflicts, conflict);
	return conflict;
}

bool
history_same(JsonNode *a, JsonNode *b)
{
	return a == NULL || b == NULL ? a == b : json_same(a, b);
}

/* ---------- columns ---------- */

/* an edge that nobody has touched just goes with its node */
static bool
is_plain_drop(JsonNode *conflict)
{
	JsonNode *base = json_get_named(conflict, "base");

	return json_text_is(json_get_named(conflict, "kind")->u.string, "dangling_edge") &&
		   base != NULL && history_same(base, json_get_named(conflict, "ours"));
}

/* conflicts inside a column; whether one is about an edge that somebody has drawn since
 */
static bool
add_inside(const HistoryMerge *merge, const char *column, JsonNode *conflicts)
{
	bool dangling = false;

	for (int i = 0; i < conflicts->n; i++)
	{
		JsonNode *conflict = json_item(conflicts, i);

		if (is_plain_drop(conflict))
			continue;
		dangling |=
			json_text_is(json_get_named(conflict, "kind")->u.string, "dangling_edge");
		conflict = json_copy(conflict);
		json_insert(json_get_named(conflict, "path"), 0, json_new_string(column));
		json_append(merge->conflicts, conflict);
	}
	return dangling;
}

static bool
are_documents(JsonNode *base, JsonNode *ours, JsonNode *theirs)
{
	return base != NULL && ours != NULL && theirs != NULL && base->kind == JSON_OBJECT &&
		   ours->kind == JSON_OBJECT && theirs->kind == JSON_OBJECT;
}

/* what the column becomes */
static JsonNode *
merge_column(const HistoryMerge *merge, const char *column, JsonNode *base,
			 JsonNode *ours, JsonNode *theirs, bool is_document)
{
	BlueprintMergeOptions options = {.theirs_win = merge->theirs_win};
	JsonNode *merged;

	if (history_same(ours, base))
		return theirs;
	if (history_same(ours, theirs))
		return ours;
	if (!is_document || !are_documents(base, ours, theirs))
	{
		json_merge_put_versions(
			history_add_conflict(merge->conflicts, column, "edit_edit"), base, ours,
			theirs);
		return merge->theirs_win ? theirs : ours;
	}
	merged = blueprint_merge(base, ours, theirs, &options);
	/* a node that somebody has drawn an edge to must stay, with what belongs to it */
	if (add_inside(merge, column, json_get_named(merged, "conflicts")) &&
		!merge->theirs_win)
		return ours;
	return json_get_named(merged, "result");
}

bool
history_merge(const HistoryMerge *merge, JsonNode *values, bool *columns)
{
	const HistoryRow *row = merge->row;
	bool any = false;

	for (int i = 0; i < row->config->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(row->rel), i);
		const char *column = NameStr(att->attname);
		JsonNode *base = json_get_named(merge->base, column);
		JsonNode *theirs = json_get_named(merge->theirs, column);
		JsonNode *ours = json_get_named(row->values, column);
		JsonNode *merged;

		if (!merge->columns[i] || i + 1 == row->config->version ||
			history_same(base, theirs))
			continue;
		merged =
			merge_column(merge, column, base, ours, theirs, att->atttypid == JSONBOID);
		if (history_same(merged, ours))
			continue;
		columns[i] = any = true;
		if (merged != NULL)
			json_set_named(values, column, merged);
	}
	return any;
}
