/*
 * blueprint_node_red.c
 *	  Node-RED's flows; see blueprint_import.h.
 *
 * Everything is in one array: tabs, groups, subflows, configurations, comments and
 * the nodes proper, and all of them become nodes.  A node's wires are an array of
 * outputs, each an array of ids; they become edges whose sourceHandle is the number
 * of the output.  What remains of the wires, at least how many outputs there are,
 * stays in the node's data, as all else does.
 */
#include "blueprint_import.h"

#include "miscadmin.h"

/* one of these for each document that is imported */
typedef struct Flows
{
	BlueprintBuild build;
	const char *member; /* of the document that is the array; NULL if it is the root */
	JsonNode *source;
	JsonMap *places; /* of the first element of an id */
	JsonNode **ids;  /* of the elements, NULL for what is none */
} Flows;

static JsonNode *
path_to(const Flows *flows, int i)
{
	return problem_path_of(flows->member, i);
}

/* the ids that stay; of elements with the same id the first one keeps it */
static void
keep_ids(Flows *flows)
{
	for (int i = 0; i < flows->source->n; i++)
	{
		JsonNode *element = json_item(flows->source, i);
		JsonNode *id;
		bool found;
		int *place;

		CHECK_FOR_INTERRUPTS();
		flows->ids[i] = NULL;
		if (element->kind != JSON_OBJECT)
		{
			build_drop(&flows->build, path_to(flows, i), "not_object", "is no object",
					   element);
			continue;
		}
		id = json_get_named(element, "id");
		if (!build_is_id(id))
			continue;
		place = json_map_put(flows->places, id, &found);
		if (found)
			continue;
		*place = i;
		if (!build_is_short_id(id))
			continue;
		flows->ids[i] = id;
		(void) build_take_id(flows->build.node_ids, id);
	}
}

static void
make_id(Flows *flows, JsonNode *element, int i)
{
	JsonNode *id = json_get_named(element, "id");
	JsonNode *type = json_get_named(element, "type");

	if (id != NULL && id->kind != JSON_NULL)
	{
		bool is_id = build_is_short_id(id);

		problem_set(problem_add(&flows->build.problems, path_to(flows, i),
								is_id ? "duplicate_id" : "missing_id",
								is_id ? "has an id that others have as well"
									  : "has an id that cannot be one"),
					"id", id);
	}
	if (type != NULL && type->kind != JSON_STRING)
		type = NULL;
	flows->ids[i] =
		build_new_id(&flows->build, flows->build.node_ids, "node_red", &type, 1);
}

/* of {"x", "y"}, which are removed */
static JsonNode *
take_position(JsonNode *element)
{
	JsonNode *x = json_get_named(element, "x");
	JsonNode *y = json_get_named(element, "y");

	if (x == NULL || y == NULL || x->kind != JSON_NUMBER || y->kind != JSON_NUMBER)
		return build_origin();
	(void) json_remove(element, json_text("x"));
	(void) json_remove(element, json_text("y"));
	return build_position(x, y);
}

static void
import_element(Flows *flows, JsonNode *element, int i)
{
	JsonNode *position = take_position(element);
	JsonNode *type;

	if (flows->ids[i] != NULL)
		(void) json_remove(element, json_text("id"));
	else
		make_id(flows, element, i);
	type = build_take_type(element, "type");
	build_report_member(&flows->build, element, flows->member, i, "type", "wrong_type",
						"is no type");
	build_report_member(&flows->build, element, flows->member, i, "x", "wrong_position",
						"is no position, with its y");
	(void) build_node(&flows->build, flows->ids[i], type, position, element);
}

static void
report_wire(Flows *flows, int i, int output, int wire)
{
	JsonNode *path = path_to(flows, i);

	problem_path_name(path, json_text("wires"));
	if (output >= 0)
		problem_path_index(path, output);
	if (wire >= 0)
		problem_path_index(path, wire);
	problem_add(&flows->build.problems, path, "dangling_edge",
				"is no wire to a node that is there");
}

/* makes edges of the wires of one output; returns those that are none */
static JsonNode *
import_output(Flows *flows, int i, int output, JsonNode *wires)
{
	JsonNode *left;

	if (wires->kind != JSON_ARRAY)
	{
		report_wire(flows, i, output, -1);
		return wires;
	}
	left = json_new_array();
	for (int k = 0; k < wires->n; k++)
	{
		JsonNode *wire = json_item(wires, k);
		const int *place = build_is_id(wire) ? json_map_get(flows->places, wire) : NULL;

		if (place != NULL)
		{
			(void) build_edge(&flows->build, flows->ids[i], psprintf("%d", output),
							  flows->ids[*place], NULL);
			continue;
		}
		report_wire(flows, i, output, k);
		json_append(left, wire);
	}
	return left;
}

static void
import_wires(Flows *flows, JsonNode *element, int i)
{
	JsonNode *wires = json_get_named(element, "wires");

	if (wires == NULL)
		return;
	if (wires->kind != JSON_ARRAY)
	{
		report_wire(flows, i, -1, -1);
		return;
	}
	for (int output = 0; output < wires->n; output++)
		json_set_item(wires, output,
					  import_output(flows, i, output, json_item(wires, output)));
}

JsonNode *
import_node_red(JsonNode *doc)
{
	Flows flows = {.source = doc};
	bool is_array = doc->kind == JSON_ARRAY;

	if (!is_array)
	{
		flows.member = "flows";
		flows.source = json_remove(doc, json_text("flows"));
	}
	build_begin(&flows.build, "node_red");
	flows.places = json_map(flows.source->n);
	flows.ids = palloc_extended(sizeof(JsonNode *) * (Size) Max(flows.source->n, 1),
								MCXT_ALLOC_HUGE);
	keep_ids(&flows);
	for (int i = 0; i < flows.source->n; i++)
		if (json_item(flows.source, i)->kind == JSON_OBJECT)
			import_element(&flows, json_item(flows.source, i), i);
	for (int i = 0; i < flows.source->n; i++)
		if (json_item(flows.source, i)->kind == JSON_OBJECT)
			import_wires(&flows, json_item(flows.source, i), i);
	return build_finish(&flows.build, is_array ? json_new_object() : doc);
}
