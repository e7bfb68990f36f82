/*
 * blueprint_build.c
 *	  Nodes, edges and what is left of a source; see blueprint_build.h.
 *
 * Ids that are made are UUIDs of version 5: of our namespace and the kind of
 * thing, what identifies it in its source and its place among those that are
 * identified by the same, each ended by a zero byte, which no text of a jsonb
 * can hold.
 */
#include "blueprint_build.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "json_text.h"

/* 28afb415-65eb-4381-a8ec-d1922172b27f, which is nothing but random */
const Uuid5 build_namespace = {{0x28, 0xaf, 0xb4, 0x15, 0x65, 0xeb, 0x43, 0x81, 0xa8,
								0xec, 0xd1, 0x92, 0x21, 0x72, 0xb2, 0x7f}};

void
build_begin(BlueprintBuild *build, const char *format)
{
	*build = (BlueprintBuild){.format = format,
							  .nodes = json_new_array(),
							  .edges = json_new_array(),
							  .dropped = json_new_array(),
							  .node_ids = json_map(0),
							  .edge_ids = json_map(0),
							  .ordinals = json_map(0)};
	problems_begin(&build->problems);
}

/* ---------- ids ---------- */

bool
build_is_id(JsonNode *id)
{
	return id != NULL &&
		   (id->kind == JSON_NUMBER || (id->kind == JSON_STRING && id->u.string.len > 0));
}

bool
build_is_short_id(JsonNode *id)
{
	return build_is_id(id) && json_size(id) <= BLUEPRINT_WORD_MAX;
}

bool
build_take_id(JsonMap *taken, JsonNode *id)
{
	bool found;

	(void) json_map_put(taken, id, &found);
	return !found;
}

static void
append_bytes(StringInfo identity, const void *bytes, int len)
{
	enlargeStringInfo(identity, len);
	memcpy(identity->data + identity->len, bytes, len);
	identity->len += len;
}

static void
append_part(StringInfo identity, JsonNode *part)
{
	if (part != NULL && part->kind == JSON_STRING)
		append_bytes(identity, part->u.string.val, part->u.string.len);
	else if (part != NULL)
		appendStringInfoString(identity, json_to_cstring(part));
	appendStringInfoChar(identity, '\0');
}

JsonNode *
build_new_id(BlueprintBuild *build, JsonMap *taken, const char *kind, JsonNode **parts,
			 int nparts)
{
	StringInfoData identity;
	bool found;
	int *ordinal;
	JsonNode *id;

	initStringInfo(&identity);
	append_bytes(&identity, kind, (int) strlen(kind) + 1);
	for (int i = 0; i < nparts; i++)
		append_part(&identity, parts[i]);
	ordinal = json_map_put(
		build->ordinals, json_new_text((JsonText){identity.data, identity.len}), &found);
	/* the identity is a key of the table from now on, so it is copied */
	do
	{
		StringInfoData name;
		Uuid5 uuid;

		initStringInfo(&name);
		append_bytes(&name, identity.data, identity.len);
		appendStringInfo(&name, "%d", (*ordinal)++);
		appendStringInfoChar(&name, '\0');
		uuid = uuid5(&build_namespace, name.data, name.len);
		id = json_new_string(uuid5_text(&uuid));
		pfree(name.data);
	} while (!build_take_id(taken, id));
	return id;
}

/* ---------- nodes ---------- */

JsonNode *
build_position(JsonNode *x, JsonNode *y)
{
	JsonNode *position = json_new_object();

	json_set_named(position, "x", x);
	json_set_named(position, "y", y);
	return position;
}

JsonNode *
build_origin(void)
{
	return build_position(json_new_int(0), json_new_int(0));
}

static bool
is_number(JsonNode *value)
{
	return value != NULL && value->kind == JSON_NUMBER;
}

JsonNode *
build_position_of(JsonNode *value)
{
	if (value == NULL)
		return NULL;
	if (value->kind == JSON_ARRAY && value->n == 2 && is_number(json_item(value, 0)) &&
		is_number(json_item(value, 1)))
		return build_position(json_item(value, 0), json_item(value, 1));
	if (value->kind == JSON_OBJECT && is_number(json_get_named(value, "x")) &&
		is_number(json_get_named(value, "y")))
		return value;
	return NULL;
}

JsonNode *
build_take_type(JsonNode *element, const char *member)
{
	JsonNode *type = json_get_named(element, member);

	if (type == NULL || type->kind != JSON_STRING || type->u.string.len == 0)
		return json_new_string("default");
	return json_remove(element, json_text(member));
}

void
build_report_member(BlueprintBuild *build, JsonNode *element, const char *collection,
					int i, const char *member, const char *code, const char *problem)
{
	JsonNode *value = json_get_named(element, member);
	JsonNode *path;

	if (value == NULL || value->kind == JSON_NULL)
		return;
	path = problem_path_of(collection, i);
	problem_path_name(path, json_text(member));
	problem_add(&build->problems, path, code, problem);
}

JsonNode *
build_node(BlueprintBuild *build, JsonNode *id, JsonNode *type, JsonNode *position,
		   JsonNode *data)
{
	JsonNode *node = json_new_object();

	CHECK_FOR_INTERRUPTS();
	json_set_named(node, "id", id);
	json_set_named(node, "type", type);
	json_set_named(node, "position", position);
	json_set_named(node, "data", data);
	json_append(build->nodes, node);
	return node;
}

/* ---------- edges ---------- */

static JsonNode *
handle(JsonNode *edge, const char *member, char *name)
{
	JsonNode *text;

	if (name == NULL)
		return NULL;
	text = json_new_string(name);
	json_set_named(edge, member, text);
	return text;
}

JsonNode *
build_edge(BlueprintBuild *build, JsonNode *source, char *source_handle, JsonNode *target,
		   char *target_handle)
{
	JsonNode *edge = json_new_object();
	JsonNode *from = handle(edge, "sourceHandle", source_handle);
	JsonNode *to = handle(edge, "targetHandle", target_handle);

	CHECK_FOR_INTERRUPTS();
	json_set_named(edge, "id",
				   build_new_id(build, build->edge_ids, "edge",
								(JsonNode *[]){source, from, target, to}, 4));
	json_set_named(edge, "source", source);
	json_set_named(edge, "target", target);
	json_append(build->edges, edge);
	return edge;
}

/* ---------- the rest ---------- */

void
build_drop(BlueprintBuild *build, JsonNode *path, const char *code, const char *problem,
		   JsonNode *value)
{
	JsonNode *dropped = json_new_object();

	problem_add(&build->problems, path, code, problem);
	json_set_named(dropped, "path", path);
	json_set_named(dropped, "value", value);
	json_append(build->dropped, dropped);
}

/* what an object has or can be given: an array that is there, or a new one */
static bool
can_append(JsonNode *object, const char *member)
{
	JsonNode *array = json_get_named(object, member);

	return array == NULL || array->kind == JSON_ARRAY;
}

static void
append_all(JsonNode *object, const char *member, JsonNode *items)
{
	JsonNode *array = json_get_named(object, member);

	if (array == NULL)
		json_set_named(object, member, items);
	else
		for (int i = 0; i < items->n; i++)
			json_append(array, json_item(items, i));
}

/* whether a source's own metadata can be the result's, with what is to be added */
static bool
can_keep(JsonNode *metadata, JsonNode *rest, JsonNode *dropped, JsonNode *problems)
{
	JsonNode *source;

	if (metadata == NULL || metadata->kind != JSON_OBJECT)
		return false;
	if (problems->n > 0 && !can_append(metadata, "problems"))
		return false;
	source = json_get_named(metadata, "source");
	if (source == NULL || (rest->n == 0 && dropped->n == 0))
		return true;
	return source->kind == JSON_OBJECT &&
		   (rest->n == 0 || json_get_named(source, "document") == NULL) &&
		   (dropped->n == 0 || can_append(source, "dropped"));
}

static void
add_source(BlueprintBuild *build, JsonNode *metadata, JsonNode *rest)
{
	JsonNode *source = json_get_named(metadata, "source");

	if (source == NULL)
	{
		source = json_new_object();
		json_set_named(metadata, "source", source);
	}
	if (json_get_named(source, "format") == NULL)
		json_set_named(source, "format", json_new_string(build->format));
	if (rest->n > 0)
		json_set_named(source, "document", rest);
	if (build->dropped->n > 0)
		append_all(source, "dropped", build->dropped);
}

/*
 * A document that is canonical already has nothing but nodes, edges and metadata:
 * it is left as it is.
 */
static JsonNode *
metadata_of(BlueprintBuild *build, JsonNode *rest)
{
	JsonNode *problems = problems_end(&build->problems);
	JsonNode *metadata = json_remove(rest, json_text("metadata"));
	bool is_new = !can_keep(metadata, rest, build->dropped, problems);

	if (is_new)
	{
		if (metadata != NULL)
			json_set_named(rest, "metadata", metadata);
		metadata = json_new_object();
	}
	if (is_new || rest->n > 0 || build->dropped->n > 0)
		add_source(build, metadata, rest);
	if (problems->n > 0)
		append_all(metadata, "problems", problems);
	return metadata;
}

JsonNode *
build_finish(BlueprintBuild *build, JsonNode *rest)
{
	JsonNode *doc = json_new_object();

	json_set_named(doc, "nodes", build->nodes);
	json_set_named(doc, "edges", build->edges);
	json_set_named(doc, "metadata", metadata_of(build, rest));
	return doc;
}
