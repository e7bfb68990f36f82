/*
 * blueprint_import.c
 *	  Which format a document has; see blueprint_import.h.
 *
 * A format is known by the members that only it has.  A document that could be
 * of two is refused rather than guessed at.
 */
#include "blueprint_import.h"

#include "wrk_copilot.h"

static bool
has(JsonNode *doc, const char *member, JsonKind kind)
{
	JsonNode *value = doc->kind == JSON_OBJECT ? json_get_named(doc, member) : NULL;

	return value != NULL && value->kind == kind;
}

static bool
lacks(JsonNode *doc, const char *member)
{
	return json_get_named(doc, member) == NULL;
}

/* ---------- what a document must have to be of a format ---------- */

static bool
may_be_react_flow(JsonNode *doc)
{
	return doc->kind == JSON_OBJECT &&
		   (lacks(doc, "nodes") || has(doc, "nodes", JSON_ARRAY)) &&
		   (lacks(doc, "edges") || has(doc, "edges", JSON_ARRAY));
}

static bool
may_be_n8n(JsonNode *doc)
{
	return has(doc, "nodes", JSON_ARRAY) && lacks(doc, "edges") &&
		   (lacks(doc, "connections") || has(doc, "connections", JSON_OBJECT));
}

static bool
may_be_node_red(JsonNode *doc)
{
	return doc->kind == JSON_ARRAY || has(doc, "flows", JSON_ARRAY);
}

static bool
may_be_step_functions(JsonNode *doc)
{
	return has(doc, "States", JSON_OBJECT);
}

/* ---------- what it must have to be recognized ---------- */

static bool
is_react_flow(JsonNode *doc)
{
	return has(doc, "nodes", JSON_ARRAY) && has(doc, "edges", JSON_ARRAY);
}

static bool
is_n8n(JsonNode *doc)
{
	return has(doc, "nodes", JSON_ARRAY) && has(doc, "connections", JSON_OBJECT);
}

static bool
is_node_red(JsonNode *doc)
{
	if (doc->kind != JSON_ARRAY)
		return has(doc, "flows", JSON_ARRAY);
	return doc->n > 0 && has(json_item(doc, 0), "type", JSON_STRING);
}

typedef struct Format
{
	const char *name;
	bool (*may_be)(JsonNode *doc);
	bool (*is)(JsonNode *doc);
	JsonNode *(*import)(JsonNode *doc);
	const char *shape;
} Format;

static const Format formats[] = {
	{"react_flow", may_be_react_flow, is_react_flow, import_react_flow,
	 "an object with arrays \"nodes\" and \"edges\""},
	{"n8n", may_be_n8n, is_n8n, import_n8n,
	 "an object with an array \"nodes\" and an object \"connections\""},
	{"node_red", may_be_node_red, is_node_red, import_node_red,
	 "an array of nodes with \"type\", or an object with such an array \"flows\""},
	{"step_functions", may_be_step_functions, may_be_step_functions,
	 import_step_functions, "an object with an object \"States\""}};

static const Format *
detect(JsonNode *doc)
{
	const Format *found = NULL;

	for (int i = 0; i < lengthof(formats); i++)
	{
		if (!formats[i].is(doc))
			continue;
		if (found != NULL)
			ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
							errmsg("document could be of format \"%s\" or \"%s\"",
								   found->name, formats[i].name),
							errhint("Name the format.")));
		found = &formats[i];
	}
	if (found == NULL)
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("document is of no format that is known"),
						errhint("Known are react_flow, n8n, node_red and step_functions;"
								" name one to import a document that is not complete.")));
	return found;
}

static const Format *
format_named(const char *name)
{
	for (int i = 0; i < lengthof(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	ereport(ERROR,
			(errcode(ERRCODE_WRK_BAD_REQUEST),
			 errmsg("there is no blueprint format \"%s\"", name),
			 errhint("Formats are react_flow, n8n, node_red, step_functions and auto.")));
}

JsonNode *
blueprint_import(JsonNode *doc, const char *name)
{
	const Format *format = strcmp(name, "auto") == 0 ? detect(doc) : format_named(name);

	if (!format->may_be(doc))
		ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST),
						errmsg("document is not of format \"%s\"", format->name),
						errhint("A document of this format is %s.", format->shape)));
	return format->import(doc);
}
