/*
 * blueprint_react_flow.c
 *	  React Flow's documents, which are nearly blueprints; see blueprint_import.h.
 *
 * Nodes and edges keep all their members; what is missing or wrong of those that
 * every node and edge has is put right.  Other members of the document wait in
 * metadata.source.document until it is exported.
 */
#include "blueprint_import.h"

#include "miscadmin.h"

#include "wrk_copilot.h"

/* ---------- import ---------- */

/* removes a member that is there but cannot be used, and keeps it elsewhere */
static void
drop_member(BlueprintBuild *build, JsonNode *element, const char *collection, int i,
			const char *member, const char *code, const char *problem)
{
	JsonNode *value = json_remove(element, json_text(member));
	JsonNode *path;

	if (value == NULL || value->kind == JSON_NULL)
		return;
	path = problem_path_of(collection, i);
	problem_path_name(path, json_text(member));
	build_drop(build, path, code, problem, value);
}

/* elements that are kept, and where they were in the source */
typedef struct Kept
{
	const char *collection;
	JsonNode *array;
	int *places;
} Kept;

static Kept
keep_objects(BlueprintBuild *build, const char *collection, JsonNode *source,
			 JsonNode *array)
{
	int n = source != NULL ? source->n : 0;
	Kept kept = {collection, array,
				 palloc_extended(sizeof(int) * (Size) Max(n, 1), MCXT_ALLOC_HUGE)};

	for (int i = 0; i < n; i++)
	{
		JsonNode *element = json_item(source, i);

		CHECK_FOR_INTERRUPTS();
		if (element->kind != JSON_OBJECT)
		{
			build_drop(build, problem_path_of(collection, i), "not_object",
					   "is no object", element);
			continue;
		}
		kept.places[array->n] = i;
		json_append(array, element);
	}
	return kept;
}

/*
 * Ids that are there are taken before others are made.  Of elements with the same
 * id the first one keeps it, for that is the one that edges mean.
 */
static void
settle_ids(BlueprintBuild *build, const Kept *kept, JsonMap *taken)
{
	bool *settled = palloc_extended((Size) Max(kept->array->n, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < kept->array->n; i++)
	{
		JsonNode *id = json_get_named(json_item(kept->array, i), "id");

		settled[i] = build_is_id(id) && build_take_id(taken, id);
	}
	for (int i = 0; i < kept->array->n; i++)
	{
		JsonNode *element = json_item(kept->array, i);
		JsonNode *id = json_get_named(element, "id");
		JsonNode *parts[] = {id, json_get_named(element, "source"),
							 json_get_named(element, "target")};
		bool is_double = build_is_id(id);

		if (settled[i])
			continue;
		if (!is_double)
			parts[0] = NULL;
		drop_member(build, element, kept->collection, kept->places[i], "id",
					is_double ? "duplicate_id" : "missing_id",
					is_double ? "has an id that others have as well"
							  : "has no id that is a string or a number");
		json_set_named(element, "id",
					   build_new_id(build, taken, kept->collection, parts,
									taken == build->edge_ids ? 3 : 1));
	}
}

static void
settle_node(BlueprintBuild *build, JsonNode *node, int i)
{
	JsonNode *type = json_get_named(node, "type");
	JsonNode *data = json_get_named(node, "data");
	JsonNode *position = json_get_named(node, "position");
	JsonNode *settled = build_position_of(position);

	if (type == NULL || type->kind != JSON_STRING)
	{
		drop_member(build, node, "nodes", i, "type", "wrong_type", "is no type");
		json_set_named(node, "type", json_new_string("default"));
	}
	if (data == NULL || data->kind != JSON_OBJECT)
	{
		drop_member(build, node, "nodes", i, "data", "wrong_data", "is no object");
		json_set_named(node, "data", json_new_object());
	}
	if (settled == NULL)
	{
		drop_member(build, node, "nodes", i, "position", "wrong_position",
					"is no position");
		settled = build_origin();
	}
	if (settled != position)
		json_set_named(node, "position", settled);
}

static bool
leads_somewhere(BlueprintBuild *build, JsonNode *edge, const char *end)
{
	JsonNode *id = json_get_named(edge, end);

	return build_is_id(id) && json_map_get(build->node_ids, id) != NULL;
}

/* takes out the edges that lead nowhere */
static void
drop_dangling(BlueprintBuild *build, Kept *edges)
{
	JsonNode *sound = json_new_array();

	for (int i = 0; i < edges->array->n; i++)
	{
		JsonNode *edge = json_item(edges->array, i);

		CHECK_FOR_INTERRUPTS();
		if (leads_somewhere(build, edge, "source") &&
			leads_somewhere(build, edge, "target"))
		{
			edges->places[sound->n] = edges->places[i];
			json_append(sound, edge);
		}
		else
			build_drop(build, problem_path_of("edges", edges->places[i]), "dangling_edge",
					   "leads to a node that is not there", edge);
	}
	edges->array = sound;
}

JsonNode *
import_react_flow(JsonNode *doc)
{
	BlueprintBuild build;
	JsonNode *nodes = json_remove(doc, json_text("nodes"));
	JsonNode *edges = json_remove(doc, json_text("edges"));
	Kept kept;

	build_begin(&build, "react_flow");
	kept = keep_objects(&build, "nodes", nodes, build.nodes);
	settle_ids(&build, &kept, build.node_ids);
	for (int i = 0; i < kept.array->n; i++)
		settle_node(&build, json_item(kept.array, i), kept.places[i]);
	kept = keep_objects(&build, "edges", edges, build.edges);
	drop_dangling(&build, &kept);
	build.edges = kept.array;
	settle_ids(&build, &kept, build.edge_ids);
	return build_finish(&build, doc);
}

/* ---------- export ---------- */

/* whether the members of the source's document can be the document's own again */
static bool
can_spread(JsonNode *document, bool keeps_metadata)
{
	return document->kind == JSON_OBJECT && json_get_named(document, "nodes") == NULL &&
		   json_get_named(document, "edges") == NULL &&
		   (!keeps_metadata || json_get_named(document, "metadata") == NULL);
}

static bool
is_from_react_flow(JsonNode *source)
{
	JsonNode *format;

	if (source == NULL || source->kind != JSON_OBJECT)
		return false;
	format = json_get_named(source, "format");
	return format != NULL && format->kind == JSON_STRING &&
		   json_text_is(format->u.string, "react_flow");
}

/* puts back what import_react_flow() took away, unless it came from elsewhere */
static void
restore_document(JsonNode *doc)
{
	JsonNode *metadata = json_get_named(doc, "metadata");
	JsonNode *source = json_get_named(metadata, "source");
	JsonNode *document;
	bool keeps_metadata;

	if (!is_from_react_flow(source))
		return;
	document = json_get_named(source, "document");
	keeps_metadata = metadata->n > 1 || source->n > (document != NULL ? 2 : 1);
	if (document != NULL && !can_spread(document, keeps_metadata))
		return;
	(void) json_remove(source, json_text("document"));
	if (document != NULL && source->n == 1)
		(void) json_remove(metadata, json_text("source"));
	if (!keeps_metadata)
		(void) json_remove(doc, json_text("metadata"));
	for (int i = 0; document != NULL && i < document->n; i++)
	{
		const JsonMember *member = json_member(document, i);

		json_set(doc, member->key, member->value);
	}
}

JsonNode *
blueprint_export(JsonNode *doc, const char *format)
{
	if (strcmp(format, "react_flow") != 0)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("blueprints cannot be exported as \"%s\"", format),
						errhint("Export as react_flow.")));
	doc = blueprint_import(doc, format);
	restore_document(doc);
	return doc;
}
