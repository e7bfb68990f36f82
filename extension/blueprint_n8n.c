/*
 * blueprint_n8n.c
 *	  n8n's workflows; see blueprint_import.h.
 *
 * Connections lead from and to nodes by their names:
 *   {"Name": {"main": [[{"node": "Other", "type": "main", "index": 0}, ...], ...]}}
 * where the place in the outer array is the output.  They become edges whose
 * handles are named as n8n names them itself, outputs/main/0 and inputs/main/0.
 *
 * A node keeps its id, unless others have it too.  Then, or if it has none, it gets
 * one made of its name, so that the same workflow gives the same ids however its
 * nodes are ordered.  All else of a node is its data; what of a connection leads
 * nowhere stays in metadata.source.document.connections, at its place.
 */
#include "blueprint_import.h"

#include "miscadmin.h"

#include "json_text.h"

/* one of these for each workflow that is imported */
typedef struct Workflow
{
	BlueprintBuild build;
	JsonNode *source;   /* its nodes */
	JsonMap *id_counts; /* how many nodes have an id */
	JsonMap *places;    /* place in the source of the first node of a name */
	JsonNode **ids;     /* of the source's nodes, NULL for what is none */
} Workflow;

/* ---------- nodes ---------- */

static JsonNode *
name_of(JsonNode *node)
{
	JsonNode *name = json_get_named(node, "name");

	return name != NULL && name->kind == JSON_STRING ? name : NULL;
}

/* whether it is the only one with this id */
static bool
keeps_id(const Workflow *flow, JsonNode *id)
{
	return build_is_short_id(id) && *json_map_get(flow->id_counts, id) == 1;
}

/* counts ids and finds names; what is no object is dropped */
static void
survey(Workflow *flow)
{
	bool found;

	for (int i = 0; i < flow->source->n; i++)
	{
		JsonNode *node = json_item(flow->source, i);

		if (node->kind == JSON_OBJECT && build_is_short_id(json_get_named(node, "id")))
			(*json_map_put(flow->id_counts, json_get_named(node, "id"), &found))++;
	}
	for (int i = 0; i < flow->source->n; i++)
	{
		JsonNode *node = json_item(flow->source, i);
		JsonNode *id;
		int *place;

		CHECK_FOR_INTERRUPTS();
		flow->ids[i] = NULL;
		if (node->kind != JSON_OBJECT)
		{
			build_drop(&flow->build, problem_path_of("nodes", i), "not_object",
					   "is no object", node);
			continue;
		}
		id = json_get_named(node, "id");
		if (keeps_id(flow, id))
		{
			flow->ids[i] = id;
			(void) build_take_id(flow->build.node_ids, id);
		}
		if (name_of(node) == NULL)
			continue;
		place = json_map_put(flow->places, name_of(node), &found);
		if (!found)
			*place = i;
	}
}

static void
report_name(Workflow *flow, JsonNode *node, int i)
{
	JsonNode *name = name_of(node);

	if (name == NULL)
		problem_add(&flow->build.problems, problem_path_of("nodes", i), "missing_name",
					"has no name, so that nothing can lead to it");
	else if (*json_map_get(flow->places, name) != i)
		problem_set(problem_add(&flow->build.problems, problem_path_of("nodes", i),
								"duplicate_name",
								"has the name of another, to which its connections lead"),
					"name", name);
}

static void
make_id(Workflow *flow, JsonNode *node, int i)
{
	JsonNode *id = json_get_named(node, "id");
	JsonNode *name = name_of(node);

	if (id != NULL && id->kind != JSON_NULL)
	{
		bool is_id = build_is_short_id(id);

		problem_set(problem_add(&flow->build.problems, problem_path_of("nodes", i),
								is_id ? "duplicate_id" : "missing_id",
								is_id ? "has an id that others have as well"
									  : "has an id that cannot be one"),
					"id", id);
	}
	flow->ids[i] = build_new_id(&flow->build, flow->build.node_ids, "n8n", &name, 1);
}

static void
import_node(Workflow *flow, JsonNode *node, int i)
{
	JsonNode *position = build_position_of(json_get_named(node, "position"));
	JsonNode *type;

	if (flow->ids[i] != NULL)
		(void) json_remove(node, json_text("id"));
	else
		make_id(flow, node, i);
	report_name(flow, node, i);
	if (position != NULL)
		(void) json_remove(node, json_text("position"));
	type = build_take_type(node, "type");
	build_report_member(&flow->build, node, "nodes", i, "type", "wrong_type",
						"is no type");
	build_report_member(&flow->build, node, "nodes", i, "position", "wrong_position",
						"is no position");
	(void) build_node(&flow->build, flow->ids[i], type,
					  position != NULL ? position : build_origin(), node);
}

/* ---------- connections ---------- */

/* of {"index": 0}, as text; more than an index may be is 0 */
static char *
input_index(JsonNode *connection)
{
	JsonNode *index = json_get_named(connection, "index");

	if (index == NULL || index->kind != JSON_NUMBER || json_size(index) > 16)
		return "0";
	return json_to_cstring(index);
}

static JsonText
input_kind(JsonNode *connection, JsonText otherwise)
{
	JsonNode *kind = json_get_named(connection, "type");

	if (kind == NULL || kind->kind != JSON_STRING ||
		kind->u.string.len > BLUEPRINT_WORD_MAX)
		return otherwise;
	return kind->u.string;
}

/* from where a connection leads */
typedef struct Output
{
	int place; /* of the node in the source */
	JsonText name;
	JsonText kind;
	int index;
} Output;

/* false if it leads nowhere */
static bool
import_connection(Workflow *flow, const Output *from, JsonNode *connection)
{
	JsonNode *name;
	const int *place;
	JsonText kind;
	JsonNode *edge;
	JsonNode *data;

	if (connection->kind != JSON_OBJECT)
		return false;
	name = json_get_named(connection, "node");
	if (name == NULL || name->kind != JSON_STRING)
		return false;
	place = json_map_get(flow->places, name);
	if (place == NULL)
		return false;
	kind = input_kind(connection, from->kind);
	edge = build_edge(
		&flow->build, flow->ids[from->place],
		psprintf("outputs/%.*s/%d", from->kind.len, from->kind.val, from->index),
		flow->ids[*place],
		psprintf("inputs/%.*s/%s", kind.len, kind.val, input_index(connection)));
	(void) json_remove(connection, json_text("node"));
	data = json_new_object();
	json_set_named(data, "kind", json_new_text(from->kind));
	json_set_named(data, "output", json_new_int(from->index));
	json_set_named(data, "input", connection);
	json_set_named(edge, "data", data);
	return true;
}

static void
report_connection(Workflow *flow, const Output *from, int i)
{
	JsonNode *path = problem_path("connections");

	problem_path_name(path, from->name);
	problem_path_name(path, from->kind);
	problem_path_index(path, from->index);
	if (i >= 0)
		problem_path_index(path, i);
	problem_add(&flow->build.problems, path, "dangling_edge",
				"is no connection to a node that is there");
}

/* what of the connections of one output became no edge; NULL if all did */
static JsonNode *
import_output(Workflow *flow, const Output *from, JsonNode *output)
{
	JsonNode *left = NULL;

	if (output->kind == JSON_NULL)
		return NULL;
	if (output->kind != JSON_ARRAY)
	{
		report_connection(flow, from, -1);
		return output;
	}
	for (int i = 0; i < output->n; i++)
	{
		JsonNode *connection = json_item(output, i);

		if (import_connection(flow, from, connection))
			continue;
		report_connection(flow, from, i);
		if (left == NULL)
			left = json_new_array();
		json_append(left, connection);
	}
	return left;
}

/* the same for all outputs of one kind; what is left keeps its output's place */
static JsonNode *
import_kind(Workflow *flow, Output *from, JsonNode *outputs)
{
	JsonNode *left = NULL;

	if (outputs->kind != JSON_ARRAY || from->kind.len > BLUEPRINT_WORD_MAX)
	{
		report_connection(flow, from, -1);
		return outputs;
	}
	for (from->index = 0; from->index < outputs->n; from->index++)
	{
		JsonNode *rest = import_output(flow, from, json_item(outputs, from->index));

		if (rest == NULL)
			continue;
		if (left == NULL)
			left = json_new_array();
		while (left->n < from->index)
			json_append(left, json_new_array());
		json_append(left, rest);
	}
	return left;
}

/* what is left of the connections that begin at one node; NULL if nothing is */
static JsonNode *
import_connections(Workflow *flow, JsonText name, int place, JsonNode *kinds)
{
	Output from = {.place = place, .name = name};
	JsonNode *left = NULL;

	for (int i = 0; i < kinds->n; i++)
	{
		const JsonMember *member = json_member(kinds, i);
		JsonNode *rest;

		from.kind = member->key;
		from.index = 0;
		rest = import_kind(flow, &from, member->value);
		if (rest == NULL)
			continue;
		if (left == NULL)
			left = json_new_object();
		json_set(left, member->key, rest);
	}
	return left;
}

static bool
begin_somewhere(Workflow *flow, const JsonMember *member)
{
	return member->value->kind == JSON_OBJECT &&
		   json_map_get(flow->places, json_new_text(member->key)) != NULL;
}

/*
 * Makes edges, in the order of the nodes they begin at.  Returns the connections
 * that are none, NULL if there are none such.
 */
static JsonNode *
import_edges(Workflow *flow, JsonNode *connections)
{
	JsonNode *done = json_new_object();
	JsonNode *left = NULL;

	for (int i = 0; i < flow->source->n; i++)
	{
		JsonNode *node = json_item(flow->source, i);
		JsonNode *name = node->kind == JSON_OBJECT ? name_of(node) : NULL;
		JsonNode *kinds;
		JsonNode *rest;

		if (name == NULL || *json_map_get(flow->places, name) != i)
			continue;
		kinds = json_get(connections, name->u.string);
		if (kinds == NULL || kinds->kind != JSON_OBJECT)
			continue;
		rest = import_connections(flow, name->u.string, i, kinds);
		json_set(connections, name->u.string, rest != NULL ? rest : done);
	}
	for (int i = 0; i < connections->n; i++)
	{
		const JsonMember *member = json_member(connections, i);

		if (member->value == done)
			continue;
		if (!begin_somewhere(flow, member))
		{
			JsonNode *path = problem_path("connections");

			problem_path_name(path, member->key);
			problem_add(&flow->build.problems, path, "dangling_edge",
						"are no connections of a node that is there");
		}
		if (left == NULL)
			left = json_new_object();
		json_set(left, member->key, member->value);
	}
	return left;
}

JsonNode *
import_n8n(JsonNode *doc)
{
	JsonNode *connections = json_remove(doc, json_text("connections"));
	Workflow flow = {.source = json_remove(doc, json_text("nodes"))};

	build_begin(&flow.build, "n8n");
	flow.id_counts = json_map(flow.source->n);
	flow.places = json_map(flow.source->n);
	flow.ids = palloc_extended(sizeof(JsonNode *) * (Size) Max(flow.source->n, 1),
							   MCXT_ALLOC_HUGE);
	survey(&flow);
	for (int i = 0; i < flow.source->n; i++)
		if (json_item(flow.source, i)->kind == JSON_OBJECT)
			import_node(&flow, json_item(flow.source, i), i);
	if (connections != NULL)
		connections = import_edges(&flow, connections);
	if (connections != NULL)
		json_set_named(doc, "connections", connections);
	return build_finish(&flow.build, doc);
}
