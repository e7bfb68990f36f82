/*
 * fuzz_import.c
 *	  Any document becomes a sound blueprint or is refused.  Of what becomes one
 *	  no string and no number is lost, importing it again changes nothing, nor
 *	  does exporting it in between.
 */
#include "target.h"

#include "blueprint_import.h"
#include "blueprint_validate.h"

/* ---------- documents of other editors, more or less ---------- */

static JsonNode *
make_name(Bytes *bytes)
{
	static const char *const names[] = {"A", "B", "C", "D", "E", "", "1", "main"};
	int i = take(bytes, 40);

	if (i == 39)
		return make_value(bytes, 1);
	return i == 38 ? json_new_int(take(bytes, 4)) : json_new_string(names[i % 8]);
}

static JsonText
make_member(Bytes *bytes)
{
	JsonNode *name = make_name(bytes);

	return name->kind == JSON_STRING ? name->u.string : make_key(bytes);
}

/* an object with some of these members, each of which is a name */
static JsonNode *
make_named(Bytes *bytes, const char *const *members, int n)
{
	JsonNode *object = json_new_object();

	for (int i = 0; i < n; i++)
		if (take(bytes, 8) != 0)
			json_set_named(object, members[i], make_name(bytes));
	if (take(bytes, 8) == 7)
		json_set(object, make_key(bytes), make_value(bytes, 2));
	return object;
}

static JsonNode *
make_position(Bytes *bytes)
{
	JsonNode *position = json_new_array();

	for (int n = take(bytes, 16) == 15 ? 3 : 2; n > 0; n--)
		json_append(position, json_new_int(take(bytes, 256)));
	return position;
}

/* outputs with what they lead to, by name or as an object with a name */
static JsonNode *
make_outputs(Bytes *bytes, bool named)
{
	static const char *const members[] = {"node", "type"};
	JsonNode *outputs = json_new_array();

	for (int n = take(bytes, 4); n > 0; n--)
	{
		JsonNode *output = json_new_array();

		for (int k = take(bytes, 4); k > 0; k--)
		{
			JsonNode *target =
				named ? make_named(bytes, members, lengthof(members)) : make_name(bytes);

			if (named && take(bytes, 2) == 1)
				json_set_named(target, "index", json_new_int(take(bytes, 3)));
			json_append(output, target);
		}
		json_append(outputs, output);
	}
	return outputs;
}

static JsonNode *
make_n8n(Bytes *bytes)
{
	static const char *const members[] = {"id", "name", "type"};
	JsonNode *doc = json_new_object();
	JsonNode *nodes = json_new_array();
	JsonNode *connections = json_new_object();

	for (int n = take(bytes, 8); n > 0; n--)
	{
		JsonNode *node = make_named(bytes, members, lengthof(members));

		json_set_named(node, "position", make_position(bytes));
		json_append(nodes, node);
	}
	for (int n = take(bytes, 6); n > 0; n--)
	{
		JsonNode *kinds = json_new_object();

		json_set_named(kinds, "main", make_outputs(bytes, true));
		if (take(bytes, 4) == 3)
			json_set(kinds, make_key(bytes), make_outputs(bytes, true));
		json_set(connections, make_member(bytes), kinds);
	}
	json_set_named(doc, "nodes", nodes);
	json_set_named(doc, "connections", connections);
	return doc;
}

static JsonNode *
make_node_red(Bytes *bytes)
{
	static const char *const members[] = {"id", "type", "name"};
	JsonNode *flows = json_new_array();
	JsonNode *doc;

	for (int n = take(bytes, 8); n > 0; n--)
	{
		JsonNode *node = make_named(bytes, members, lengthof(members));

		json_set_named(node, "wires", make_outputs(bytes, false));
		json_set_named(node, "x", json_new_int(take(bytes, 256)));
		json_set_named(node, "y", json_new_int(take(bytes, 256)));
		json_append(flows, node);
	}
	if (take(bytes, 4) != 3)
		return flows;
	doc = json_new_object();
	json_set_named(doc, "flows", flows);
	return doc;
}

static JsonNode *
make_rules(Bytes *bytes)
{
	static const char *const members[] = {"Next", "Variable"};
	JsonNode *rules = json_new_array();

	for (int n = take(bytes, 3); n > 0; n--)
		json_append(rules, make_named(bytes, members, lengthof(members)));
	return rules;
}

static JsonNode *
make_machine(Bytes *bytes, int depth)
{
	static const char *const members[] = {"Next", "Default", "Type"};
	JsonNode *machine = json_new_object();
	JsonNode *states = json_new_object();

	for (int n = take(bytes, 5); n > 0; n--)
	{
		JsonNode *state = make_named(bytes, members, lengthof(members));
		int with = take(bytes, 8);

		if (with & 1)
			json_set_named(state, "Choices", make_rules(bytes));
		if (with & 2)
			json_set_named(state, "Catch", make_rules(bytes));
		if ((with & 4) && depth > 0)
		{
			JsonNode *branches = json_new_array();

			for (int k = take(bytes, 3); k > 0; k--)
				json_append(branches, make_machine(bytes, depth - 1));
			json_set_named(state, "Branches", branches);
			json_set_named(state, "ItemProcessor", make_machine(bytes, depth - 1));
		}
		json_set(states, make_member(bytes), state);
	}
	json_set_named(machine, "StartAt", make_name(bytes));
	json_set_named(machine, "States", states);
	return machine;
}

static JsonNode *
make_document(Bytes *bytes)
{
	switch (take(bytes, 5))
	{
		case 0:
			return make_n8n(bytes);
		case 1:
			return make_node_red(bytes);
		case 2:
			return make_machine(bytes, 3);
		case 3:
			return make_blueprint(bytes);
		default:
			return make_value(bytes, 4);
	}
}

/* ---------- what must hold ---------- */

static bool
has_value(JsonNode *node, JsonNode *value)
{
	if (node->kind == JSON_ARRAY || node->kind == JSON_OBJECT)
	{
		for (int i = 0; i < node->n; i++)
			if (has_value(node->kind == JSON_ARRAY ? json_item(node, i)
												   : json_member(node, i)->value,
						  value))
				return true;
		return false;
	}
	return json_same(node, value);
}

/* every string and every number of one is somewhere in the other */
static void
check_kept(JsonNode *source, JsonNode *result)
{
	if (source->kind == JSON_STRING || source->kind == JSON_NUMBER)
		CHECK(has_value(result, source));
	if (source->kind == JSON_ARRAY || source->kind == JSON_OBJECT)
		for (int i = 0; i < source->n; i++)
			check_kept(source->kind == JSON_ARRAY ? json_item(source, i)
												  : json_member(source, i)->value,
					   result);
}

static void
check_sound(JsonNode *blueprint)
{
	BlueprintLimits limits = {PG_INT32_MAX, PG_INT32_MAX, PG_INT32_MAX, PG_INT32_MAX};
	bool too_large;
	JsonNode *nodes = json_get_named(blueprint, "nodes");

	CHECK(blueprint_validate(freeze(blueprint), &limits, &too_large)->n == 0);
	for (int i = 0; i < nodes->n; i++)
	{
		JsonNode *node = json_item(nodes, i);

		CHECK(json_get_named(node, "type")->kind == JSON_STRING);
		CHECK(json_get_named(node, "data")->kind == JSON_OBJECT);
		CHECK(json_get_named(json_get_named(node, "position"), "x")->kind == JSON_NUMBER);
		CHECK(json_get_named(json_get_named(node, "position"), "y")->kind == JSON_NUMBER);
	}
}

typedef struct Try
{
	JsonNode *doc;
	const char *format;
	JsonNode *result;
} Try;

static void
try_import(void *arg)
{
	Try *try = arg;

	try->result = freeze(blueprint_import(try->doc, try->format));
}

static void
work(void *arg)
{
	static const char *const formats[] = {"auto", "auto",     "react_flow",
										  "n8n",  "node_red", "step_functions"};
	Bytes *bytes = arg;
	JsonNode *doc = make_document(bytes);
	Try try = {.format = formats[take(bytes, lengthof(formats))]};
	int state;

	if (take(bytes, 2) == 1)
		doc = make_changed(bytes, doc);
	show("document", freeze(doc));
	try.doc = freeze_some(bytes, doc);
	state = server_try(try_import, &try);
	CHECK(state == 0 || server_may_refuse(state));
	if (state != 0)
		return;
	show("blueprint", freeze(try.result));
	CHECK(same_written(freeze(blueprint_import(freeze(doc), try.format)), try.result));
	check_sound(freeze(try.result));
	check_kept(freeze(doc), freeze(try.result));
	CHECK(same_written(blueprint_import(freeze_some(bytes, try.result), "react_flow"),
					   try.result));
	CHECK(same_written(
		blueprint_import(
			freeze(blueprint_export(freeze_some(bytes, try.result), "react_flow")),
			"react_flow"),
		try.result));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return run_target(work, data, size);
}
