/*
 * blueprint_validate.c
 *	  Looking for everything that is wrong with a blueprint; see the header.
 *
 * Sizes and depth are read from the binary form: the length of what is raw is
 * known, and depth is a walk over the entries of containers that makes nothing.
 * The walk ends one step below the limit, so it is never deeper than that.
 */
#include "blueprint_validate.h"

#include "miscadmin.h"

#include "json_keyed.h"
#include "json_map.h"

/* ---------- limits ---------- */

int64 *
blueprint_limit(BlueprintLimits *limits, JsonText name)
{
	if (json_text_is(name, "node_bytes"))
		return &limits->node_bytes;
	if (json_text_is(name, "document_bytes"))
		return &limits->document_bytes;
	if (json_text_is(name, "nodes"))
		return &limits->nodes;
	if (json_text_is(name, "depth"))
		return &limits->depth;
	return NULL;
}

/* ---------- depth ---------- */

/* whether a container is deeper than so many levels, its own included */
static bool
raw_is_deeper(const JsonbContainer *container, int64 levels)
{
	uint32 n = JsonContainerSize(container);
	bool is_object = JsonContainerIsObject(container);
	uint32 nentries = is_object ? 2 * n : n;
	const char *base = (const char *) &container->children[nentries];
	uint32 offset = 0;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (levels < 1)
		return true;
	for (uint32 i = 0; i < nentries; i++)
	{
		JEntry entry = container->children[i];

		if (JBE_ISCONTAINER(entry) &&
			raw_is_deeper((const JsonbContainer *) (base + INTALIGN(offset)), levels - 1))
			return true;
		JBE_ADVANCE_OFFSET(offset, entry);
	}
	return false;
}

static bool
is_deeper(JsonNode *node, int64 levels)
{
	check_stack_depth();
	if (node->kind != JSON_ARRAY && node->kind != JSON_OBJECT)
		return false;
	if (node->raw != NULL)
		return raw_is_deeper(node->raw, levels);
	if (levels < 1)
		return true;
	for (int i = 0; i < node->n; i++)
		if (is_deeper(node->kind == JSON_ARRAY ? json_item(node, i)
											   : json_member(node, i)->value,
					  levels - 1))
			return true;
	return false;
}

/* names the members that are too deep, and of an array its elements */
static void
check_depth(BlueprintProblems *problems, JsonNode *doc, int64 limit)
{
	for (int i = 0; i < doc->n; i++)
	{
		const JsonMember *member = json_member(doc, i);
		bool in_array = member->value->kind == JSON_ARRAY && limit > 1;

		if (!is_deeper(member->value, limit - 1))
			continue;
		for (int k = 0; k < (in_array ? member->value->n : 1); k++)
		{
			JsonNode *path;

			if (in_array && !is_deeper(json_item(member->value, k), limit - 2))
				continue;
			path = problem_path(NULL);
			problem_path_name(path, member->key);
			if (in_array)
				problem_path_index(path, k);
			problem_set(problem_add(problems, path, "too_deep", "is nested too deep"),
						"limit", json_new_int(limit));
		}
	}
}

/* ---------- sizes ---------- */

/* bytes of a value as the root of a jsonb, or nearly for one that is no container */
static int64
bytes_of(JsonNode *node)
{
	return (int64) json_size(node) - (int64) sizeof(JEntry);
}

static void
check_size(BlueprintProblems *problems, JsonNode *path, const char *code,
		   const char *member, int64 size, int64 limit)
{
	JsonNode *problem;

	if (size <= limit)
		return;
	problems->too_large = true;
	problem = problem_add(problems, path, code, "is larger than the limit");
	problem_set(problem, member, json_new_int(size));
	problem_set(problem, "limit", json_new_int(limit));
}

static void
check_node_sizes(BlueprintProblems *problems, JsonNode *nodes,
				 const BlueprintLimits *limits)
{
	if (nodes->n > limits->nodes)
		check_size(problems, problem_path("nodes"), "too_many_nodes", "count", nodes->n,
				   limits->nodes);
	for (int i = 0; i < nodes->n; i++)
	{
		JsonNode *node = json_item(nodes, i);

		if (bytes_of(node) > limits->node_bytes)
			check_size(problems, problem_path_of("nodes", i), "node_too_large", "bytes",
					   bytes_of(node), limits->node_bytes);
	}
}

/* ---------- ids ---------- */

/* says once for each id that is there more than once how often it is */
static void
report_doubles(BlueprintProblems *problems, const char *collection, JsonNode *array,
			   JsonMap *ids)
{
	for (int i = 0; i < array->n; i++)
	{
		JsonNode *id = json_id(json_item(array, i));
		JsonNode *problem;
		bool found;
		int *count;

		if (id == NULL)
			continue;
		count = json_map_put(ids, id, &found);
		if (*count < 2)
			continue;
		problem = problem_add(problems, problem_path_of(collection, i), "duplicate_id",
							  "has an id that others have as well");
		problem_set(problem, "id", id);
		problem_set(problem, "count", json_new_int(*count));
		*count = 1;
	}
}

/* elements are objects with unique ids; returns how often there is each id */
static JsonMap *
check_ids(BlueprintProblems *problems, const char *collection, JsonNode *array)
{
	JsonMap *ids = json_map(array->n);
	bool doubles = false;

	for (int i = 0; i < array->n; i++)
	{
		JsonNode *element = json_item(array, i);
		JsonNode *id = json_id(element);
		bool found;

		if (element->kind != JSON_OBJECT)
			problem_add(problems, problem_path_of(collection, i), "not_object",
						"is no object");
		else if (id == NULL)
			problem_add(problems, problem_path_of(collection, i), "missing_id",
						"has no id that is a string or a number");
		else
		{
			(*json_map_put(ids, id, &found))++;
			doubles |= found;
		}
	}
	if (doubles)
		report_doubles(problems, collection, array, ids);
	return ids;
}

/* ---------- edges ---------- */

static void
check_end(BlueprintProblems *problems, int i, JsonNode *edge, const char *end,
		  const JsonMap *nodes)
{
	JsonNode *node = json_get_named(edge, end);
	bool is_id = node != NULL && (node->kind == JSON_STRING || node->kind == JSON_NUMBER);
	JsonNode *problem;

	if (is_id && json_map_get(nodes, node) != NULL)
		return;
	problem = problem_add(problems, problem_path_of("edges", i), "dangling_edge",
						  is_id ? "leads to a node that is not there"
								: "leads nowhere: has no id of a node");
	problem_set(problem, "id", json_id(edge));
	problem_set(problem, "end", json_new_string(end));
	if (is_id)
		problem_set(problem, "node", node);
}

static void
check_edges(BlueprintProblems *problems, JsonNode *edges, const JsonMap *nodes)
{
	(void) check_ids(problems, "edges", edges);
	for (int i = 0; i < edges->n; i++)
	{
		JsonNode *edge = json_item(edges, i);

		if (edge->kind != JSON_OBJECT)
			continue;
		check_end(problems, i, edge, "source", nodes);
		check_end(problems, i, edge, "target", nodes);
	}
}

/* ---------- all of it ---------- */

/* a member that must be an array; NULL if there is none or it is something else */
static JsonNode *
collection(BlueprintProblems *problems, JsonNode *doc, const char *name)
{
	JsonNode *array = json_get_named(doc, name);

	if (array != NULL && array->kind != JSON_ARRAY)
	{
		problem_add(problems, problem_path(name), "not_array", "is no array");
		array = NULL;
	}
	return array;
}

JsonNode *
blueprint_validate(JsonNode *doc, const BlueprintLimits *limits, bool *too_large)
{
	BlueprintProblems problems;
	JsonMap *ids;
	JsonNode *nodes;
	JsonNode *edges;

	problems_begin(&problems);
	check_size(&problems, problem_path(NULL), "document_too_large", "bytes",
			   bytes_of(doc) + VARHDRSZ, limits->document_bytes);
	if (doc->kind != JSON_OBJECT)
		problem_add(&problems, problem_path(NULL), "not_object", "is no object");
	else
	{
		nodes = collection(&problems, doc, "nodes");
		edges = collection(&problems, doc, "edges");
		if (nodes != NULL)
			check_node_sizes(&problems, nodes, limits);
		check_depth(&problems, doc, limits->depth);
		ids = nodes != NULL ? check_ids(&problems, "nodes", nodes) : json_map(0);
		if (edges != NULL)
			check_edges(&problems, edges, ids);
	}
	*too_large = problems.too_large;
	return problems_end(&problems);
}
