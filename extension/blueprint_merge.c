/*
 * blueprint_merge.c
 *	  Merging blueprints; see blueprint_merge.h.
 *
 * json_merge.c does the work.  Here is what it is told about UI-only members,
 * and what follows for edges from the nodes that are gone.
 *
 * Must stay true: trees that were given are not changed, for the result and the
 * conflicts share nodes with them.
 */
#include "wrk_copilot.h"

#include "miscadmin.h"

#include "blueprint_merge.h"
#include "blueprint_place.h"
#include "blueprint_ui.h"
#include "json_keyed.h"
#include "json_merge.h"
#include "json_text.h"

/* ---------- options ---------- */

static void
set_policy(BlueprintMergeOptions *options, JsonNode *policy)
{
	BlueprintPlace place = blueprint_named(NULL, "policy");
	JsonText name = {0};

	if (policy->kind == JSON_STRING)
		name = policy->u.string;
	if (name.val != NULL && json_text_is(name, "lww"))
		options->theirs_win = true;
	else if (name.val != NULL && json_text_is(name, "strict"))
		options->strict = true;
	else if (name.val == NULL ||
			 (!json_text_is(name, "ours") && !json_text_is(name, "report")))
		blueprint_malformed(&place, "policy must be lww, ours, report or strict");
}

BlueprintMergeOptions
blueprint_merge_options(JsonNode *options)
{
	BlueprintMergeOptions result = {.ui = blueprint_ui(options)};
	bool has_policy = false;

	for (int i = 0; i < options->n; i++)
	{
		const JsonMember *member = json_member(options, i);
		BlueprintPlace place = blueprint_member(NULL, member->key);

		if (json_text_is(member->key, "policy"))
		{
			set_policy(&result, member->value);
			has_policy = true;
		}
		else if (!json_text_is(member->key, "ui"))
			blueprint_malformed(&place, "there is no such option");
	}
	if (!has_policy)
		result.theirs_win = true;
	return result;
}

/* ---------- UI-only members ---------- */

/* what is UI-only below the end of the path, NULL if nothing is */
static JsonNode *
ui_at(JsonNode *ui, const JsonMergeStep *path, int n)
{
	if (n < 2 || path[0].element || !blueprint_is_collection(path[0].name->u.string) ||
		!path[1].element)
		return NULL;
	for (int i = 2; i < n && ui != NULL && !blueprint_ui_all(ui); i++)
		ui = path[i].element ? NULL : blueprint_ui_below(ui, path[i].name->u.string);
	return ui;
}

static bool
is_ui_only(void *arg, const JsonMergeStep *path, int n)
{
	return blueprint_ui_all(ui_at(arg, path, n));
}

static JsonNode *
without_ui(void *arg, const JsonMergeStep *path, int n, JsonNode *value)
{
	JsonNode *copy = json_copy(value);

	if (n == 0)
		blueprint_strip(copy, arg);
	else if (n > 1)
		blueprint_strip_value(copy, ui_at(arg, path, n));
	else if (!path[0].element && blueprint_is_collection(path[0].name->u.string))
		blueprint_strip_array(copy, arg);
	return copy;
}

/* ---------- edges whose node is gone ---------- */

/* one of these for each merge */
typedef struct Versions
{
	JsonNode *docs[4]; /* base, ours, theirs, result */
	JsonKeys *nodes[4];
	JsonKeys *edges[4];
} Versions;

#define RESULT 3

static JsonNode *
member_of(JsonNode *doc, const char *name)
{
	return doc->kind == JSON_OBJECT ? json_get_named(doc, name) : NULL;
}

/* NULL if the document has no such collection */
static JsonKeys *
keys_of(JsonNode *doc, const char *name)
{
	JsonNode *array = member_of(doc, name);

	return array == NULL ? NULL : json_keys(array);
}

/* whether the node once was and is no more */
static bool
is_gone(const Versions *v, JsonNode *node)
{
	if (node == NULL || (node->kind != JSON_STRING && node->kind != JSON_NUMBER) ||
		(v->nodes[RESULT] != NULL && json_keys_find(v->nodes[RESULT], node) >= 0))
		return false;
	for (int i = 0; i < RESULT; i++)
		if (v->nodes[i] != NULL && json_keys_find(v->nodes[i], node) >= 0)
			return true;
	return false;
}

/* whether there are any such; then only are edges worth opening */
static bool
some_are_gone(const Versions *v)
{
	JsonKeys *left = v->nodes[RESULT];

	for (int i = 0; i < RESULT; i++)
	{
		int next = 0;

		for (int k = 0; v->nodes[i] != NULL && k < json_keys_count(v->nodes[i]); k++)
			if (left == NULL ||
				json_keys_next(left, json_keys_id(v->nodes[i], k), &next) < 0)
				return true;
	}
	return false;
}

/* of the ends of an edge, which stays raw, to be written as the bytes it is */
static JsonNode *
gone_nodes(const Versions *v, JsonNode *edge)
{
	JsonNode *opened = edge->raw == NULL ? edge : json_copy(edge);
	JsonNode *source = json_get_named(opened, "source");
	JsonNode *target = json_get_named(opened, "target");
	JsonNode *gone = json_new_array();

	if (is_gone(v, source))
		json_append(gone, source);
	if (is_gone(v, target) && (gone->n == 0 || !json_same(source, target)))
		json_append(gone, target);
	return gone;
}

static JsonNode *
dangling(const Versions *v, JsonNode *id, JsonNode *gone)
{
	static const char *const names[] = {"base", "ours", "theirs"};
	JsonNode *conflict = json_new_object();
	JsonNode *path = json_new_array();

	json_append(path, json_new_string("edges"));
	json_append(path, id);
	json_set_named(conflict, "path", path);
	json_set_named(conflict, "kind", json_new_string("dangling_edge"));
	json_set_named(conflict, "nodes", gone);
	for (int i = 0; i < RESULT; i++)
	{
		int at = v->edges[i] == NULL ? -1 : json_keys_find(v->edges[i], id);

		if (at >= 0)
			json_set_named(conflict, names[i],
						   json_item(member_of(v->docs[i], "edges"), at));
	}
	return conflict;
}

/* the document with these edges, which shares all else */
static JsonNode *
with_edges(JsonNode *doc, JsonNode *edges)
{
	JsonNode *copy = json_new_object();

	for (int i = 0; i < doc->n; i++)
	{
		const JsonMember *member = json_member(doc, i);

		json_set(copy, member->key, member->value);
	}
	json_set_named(copy, "edges", edges);
	return copy;
}

/*
 * The result without dangling edges, in whose order they are reported.  Nodes
 * that are no collection any more do not say which of them are gone.
 */
static JsonNode *
drop_dangling(Versions *v, JsonNode *conflicts, JsonNode *dropped)
{
	JsonNode *result = v->docs[RESULT];
	JsonNode *edges = member_of(result, "edges");
	JsonNode *kept = json_new_array();

	for (int i = 0; i <= RESULT; i++)
		v->nodes[i] = keys_of(v->docs[i], "nodes");
	if ((v->nodes[RESULT] == NULL && member_of(result, "nodes") != NULL) ||
		!some_are_gone(v))
		return result;
	for (int i = 0; i <= RESULT; i++)
		v->edges[i] = keys_of(v->docs[i], "edges");
	if (v->edges[RESULT] == NULL)
		return result;
	for (int i = 0; i < edges->n; i++)
	{
		JsonNode *edge = json_item(edges, i);
		JsonNode *gone = gone_nodes(v, edge);

		CHECK_FOR_INTERRUPTS();
		if (gone->n == 0)
		{
			json_append(kept, edge);
			continue;
		}
		json_append(dropped, json_keys_id(v->edges[RESULT], i));
		json_append(conflicts, dangling(v, json_keys_id(v->edges[RESULT], i), gone));
	}
	return dropped->n == 0 ? result : with_edges(result, kept);
}

/* ---------- merging ---------- */

static void
refuse_conflicts(JsonNode *conflicts)
{
	JsonNode *detail = json_new_object();

	json_set_named(detail, "conflicts", conflicts);
	ereport(ERROR, (errcode(ERRCODE_WRK_CONFLICT),
					errmsg_plural("the blueprints are in conflict in %d place",
								  "the blueprints are in conflict in %d places",
								  conflicts->n, conflicts->n),
					errdetail_internal("%s", json_to_cstring(detail))));
}

JsonNode *
blueprint_merge(JsonNode *base, JsonNode *ours, JsonNode *theirs,
				const BlueprintMergeOptions *options)
{
	JsonMergeOptions how = {.theirs_win = options->theirs_win, .arg = options->ui};
	Versions versions = {.docs = {base, ours, theirs}};
	JsonNode *conflicts = json_new_array();
	JsonNode *dropped = json_new_array();
	JsonNode *merged = json_new_object();

	if (options->ui != NULL)
	{
		how.ignored = is_ui_only;
		how.essence = without_ui;
	}
	versions.docs[RESULT] = json_merge(base, ours, theirs, &how, conflicts);
	json_set_named(merged, "result", drop_dangling(&versions, conflicts, dropped));
	if (options->strict && conflicts->n > 0)
		refuse_conflicts(conflicts);
	json_set_named(merged, "conflicts", conflicts);
	json_set_named(merged, "dropped_edges", dropped);
	return merged;
}
