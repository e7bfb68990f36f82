/*
 * fuzz_blueprint_merge.c
 *	  The laws of blueprint_merge.h: who changed nothing has no say, no edge of
 *	  the result lost its node in the merge, and strict refuses just what the
 *	  others report.
 */
#include "target.h"

#include "blueprint_merge.h"
#include "blueprint_ui.h"
#include "json_keyed.h"
#include "wrk_copilot.h"

static JsonNode *ui;

/* one of these for each merge; error or result */
typedef struct Merge
{
	JsonNode *base;
	JsonNode *ours;
	JsonNode *theirs;
	BlueprintMergeOptions options;
	JsonNode *result;
} Merge;

static void
try_merge(void *arg)
{
	Merge *merge = arg;

	merge->result =
		freeze(blueprint_merge(merge->base, merge->ours, merge->theirs, &merge->options));
}

static Merge
merged(JsonNode *base, JsonNode *ours, JsonNode *theirs, bool theirs_win)
{
	Merge merge = {
		freeze(base), freeze(ours), freeze(theirs), {theirs_win, false, ui}, NULL};

	try_merge(&merge);
	return merge;
}

static JsonNode *
document(const Merge *merge)
{
	return freeze(json_get_named(merge->result, "result"));
}

static int
count(const Merge *merge, const char *member)
{
	return json_get_named(merge->result, member)->n;
}

static JsonNode *
stripped(JsonNode *doc)
{
	doc = freeze(doc);
	if (doc->kind == JSON_OBJECT)
		blueprint_strip(doc, ui);
	return freeze(doc);
}

/* whether a node of this id is in the document; an array that is not keyed has none */
static bool
has_node(JsonNode *doc, JsonNode *id)
{
	JsonNode *nodes = doc->kind == JSON_OBJECT ? json_get_named(doc, "nodes") : NULL;
	JsonKeys *keys = nodes != NULL ? json_keys(nodes) : NULL;

	return keys != NULL && json_keys_find(keys, id) >= 0;
}

static void
check_edge(const Merge *merge, JsonNode *doc, JsonNode *edge, const char *end)
{
	JsonNode *id = edge->kind == JSON_OBJECT ? json_get_named(edge, end) : NULL;

	if (id == NULL || (id->kind != JSON_STRING && id->kind != JSON_NUMBER))
		return;
	CHECK(has_node(doc, id) || !(has_node(merge->base, id) || has_node(merge->ours, id) ||
								 has_node(merge->theirs, id)));
}

/* no edge has lost its node, as long as nodes and edges are what they should be */
static void
check_edges(const Merge *merge)
{
	JsonNode *doc = document(merge);
	JsonNode *edges = doc->kind == JSON_OBJECT ? json_get_named(doc, "edges") : NULL;
	JsonNode *nodes = doc->kind == JSON_OBJECT ? json_get_named(doc, "nodes") : NULL;

	if (edges == NULL || nodes == NULL || json_keys(edges) == NULL ||
		json_keys(nodes) == NULL)
		return;
	for (int i = 0; i < edges->n; i++)
	{
		check_edge(merge, doc, json_item(edges, i), "source");
		check_edge(merge, doc, json_item(edges, i), "target");
	}
}

/* a merge in which only one side changed something */
static void
check_one_sided(const Merge *merge, JsonNode *wanted)
{
	check_edges(merge);
	CHECK(count(merge, "conflicts") == count(merge, "dropped_edges"));
	if (count(merge, "dropped_edges") == 0)
		CHECK(same_written(stripped(document(merge)), stripped(wanted)));
}

static void
work(void *arg)
{
	Bytes *bytes = arg;
	JsonNode *base = freeze(make_blueprint(bytes));
	JsonNode *ours = freeze(make_changed(bytes, base));
	JsonNode *theirs = freeze(make_changed(bytes, take(bytes, 8) ? base : ours));
	Merge merge;
	int state;

	ui = blueprint_ui(json_new_object());
	if (ours->kind != JSON_OBJECT || theirs->kind != JSON_OBJECT)
		return;
	show("base", base);
	show("ours", ours);
	show("theirs", theirs);
	merge = merged(base, base, theirs, true);
	check_one_sided(&merge, theirs);
	merge = merged(base, ours, base, true);
	check_one_sided(&merge, ours);
	merge = merged(base, theirs, theirs, false);
	check_one_sided(&merge, theirs);

	merge = merged(base, ours, theirs, false);
	check_edges(&merge);
	merge = merged(base, ours, theirs, true);
	check_edges(&merge);
	show("result", merge.result);

	merge.options.strict = true;
	merge.base = freeze_some(bytes, base);
	merge.ours = freeze_some(bytes, ours);
	merge.theirs = freeze_some(bytes, theirs);
	state = server_try(try_merge, &merge);
	CHECK(state == (count(&merge, "conflicts") > 0 ? ERRCODE_WRK_CONFLICT : 0) ||
		  state == ERRCODE_STATEMENT_TOO_COMPLEX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return run_target(work, data, size);
}
