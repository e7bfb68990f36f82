/*
 * event_config.c
 *	  Parses the configuration of an event trigger; see event_config.h.
 *
 * {"entity": name, "id": column, "tenant": column, "channels": [template ...],
 *  "audience": [template ...] or {"column", "map": {value: [template ...]}, "default":
 *[...]}, "include": [column ...] or "exclude": [column ...]}
 *
 * Must stay true: in doubt, an error.  A column that was renamed since must not
 * turn into a channel or an audience that was never meant, nor come back into
 * the events it was excluded from.
 */
#include "event_config.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "event.h"
#include "wrk_json.h"

#define ENTITY_MAX_LEN 63
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_-"

/* what a template may look like */
typedef enum TemplateKind
{
	CHANNEL_TEMPLATE,
	AUDIENCE_TEMPLATE
} TemplateKind;

/* what the parser carries along */
typedef struct Parser
{
	Relation rel;
	EventConfig *config;
} Parser;


static void
refuse(const char *message, const char *value, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_BAD_REQUEST), errmsg(message, value),
					hint ? errhint("%s", hint) : 0));
}

/* number of a column by name; error if there is none */
static AttrNumber
column_number(Relation rel, const char *name, size_t len)
{
	AttrNumber number = wrk_stored_column(rel, name, len);

	if (number == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg(
				 "column \"%.*s\", which events of table \"%s\" are made from, does not"
				 " exist",
				 (int) len, name, RelationGetRelationName(rel)),
			 errhint("Call wrk.enable_events() again to say what they are made from.")));
	return number;
}

static List *
string_list(const JsonbValue *array, const char *member)
{
	return wrk_json_strings(array, member, "an event configuration");
}


/* ---------- templates ---------- */

/* the constant part of a template: no characters that a name cannot have */
static void
check_literal(TemplateKind kind, const char *text, const char *literal, size_t len)
{
	size_t good =
		strspn(literal, kind == CHANNEL_TEMPLATE ? NAME_CHARS ":" : NAME_CHARS ":.@");

	if (good < len)
		refuse("\"%s\" contains characters that no name may have", text, NULL);
}

/* a template as a whole: of the right kind, and below the tenant */
static void
check_template(TemplateKind kind, const char *text)
{
	if (kind == AUDIENCE_TEMPLATE)
	{
		if ((strncmp(text, "role:", 5) != 0 && strncmp(text, "user:", 5) != 0) ||
			text[5] == '\0')
			refuse("\"%s\" is no audience", text,
				   "Use role:NAME, user:ID or user:{column}.");
	}
	else if (text[0] < 'a' || text[0] > 'z' || strstr(text, "::") != NULL ||
			 text[strlen(text) - 1] == ':' || strncmp(text, "tenant:", 7) == 0 ||
			 strcmp(text, "global") == 0)
		refuse(
			"\"%s\" is no channel of a row", text,
			"Use a short name such as project:{project_id}; the tenant is put in front.");
}

/* appends "{name}" as a part: a constant, or a column */
static void
add_placeholder(const Parser *parser, Template *template, const char *name, size_t len)
{
	TemplatePart *part = &template->parts[template->nparts++];

	if (len == 6 && memcmp(name, "entity", 6) == 0)
		part->literal = parser->config->entity;
	else if (len == 2 && memcmp(name, "id", 2) == 0)
		part->column = parser->config->id;
	else
		part->column = column_number(parser->rel, name, len);
}

/* cuts "project:{project_id}" into its parts */
static Template
parse_template(const Parser *parser, TemplateKind kind, const char *text)
{
	Template template = {0};
	const char *p = text;

	check_template(kind, text);
	if (strcmp(text, "tenant") == 0)
		return template;
	template.parts = palloc0(sizeof(TemplatePart) * (strlen(text) + 1));
	template.may_end_in_colons =
		kind == AUDIENCE_TEMPLATE || strncmp(text, "entity:", 7) == 0;
	while (*p)
	{
		size_t len = strcspn(p, "{}");

		if (len > 0)
		{
			check_literal(kind, text, p, len);
			template.parts[template.nparts++].literal = pnstrdup(p, len);
			p += len;
		}
		else
		{
			len = strcspn(p, "}");
			if (*p != '{' || p[len] != '}' || len < 2)
				refuse("\"%s\" has braces that do not match", text, NULL);
			add_placeholder(parser, &template, p + 1, len - 1);
			p += len + 1;
		}
	}
	return template;
}

static Template *
parse_templates(const Parser *parser, TemplateKind kind, List *texts, int *n)
{
	Template *templates = palloc0(sizeof(Template) * Max(list_length(texts), 1));
	ListCell *cell;

	*n = 0;
	foreach (cell, texts)
		templates[(*n)++] = parse_template(parser, kind, lfirst(cell));
	return templates;
}


/* ---------- members ---------- */

static void
parse_entity(EventConfig *config, const Jsonb *doc)
{
	config->entity = wrk_json_get_text(doc, "entity");
	if (config->entity == NULL || config->entity[0] < 'a' || config->entity[0] > 'z' ||
		config->entity[strspn(config->entity, NAME_CHARS)] != '\0' ||
		strlen(config->entity) > ENTITY_MAX_LEN)
		refuse("\"%s\" is no entity", config->entity ? config->entity : "",
			   "Use a lower-case letter, then up to 62 of a-z, 0-9, _ and -.");
}

static AttrNumber
parse_column(const Parser *parser, const Jsonb *doc, const char *member)
{
	const char *name = wrk_json_get_text(doc, member);

	if (name == NULL)
		refuse("event configuration has no \"%s\"", member, NULL);
	return column_number(parser->rel, name, strlen(name));
}

/* templates of the channels; without any, those of the entity */
static void
parse_channels(const Parser *parser, const Jsonb *doc)
{
	EventConfig *config = parser->config;
	List *texts = list_make2("entity:{entity}", "entity:{entity}:{id}");
	JsonbValue value;

	if (wrk_json_get(doc, "channels", &value) && value.type != jbvNull)
		texts = string_list(&value, "channels");
	if (list_length(texts) < 1 || list_length(texts) > EVENT_MAX_CHANNELS)
		refuse("an event goes to 1 to %s channels", CppAsString2(EVENT_MAX_CHANNELS),
			   NULL);
	config->channels =
		parse_templates(parser, CHANNEL_TEMPLATE, texts, &config->nchannels);
}

static Audience
parse_audience_list(const Parser *parser, const JsonbValue *value)
{
	Audience audience;
	List *texts = string_list(value, "audience");

	if (list_length(texts) > EVENT_MAX_AUDIENCE)
		refuse("an audience has at most %s entries", CppAsString2(EVENT_MAX_AUDIENCE),
			   NULL);
	audience.entries =
		parse_templates(parser, AUDIENCE_TEMPLATE, texts, &audience.nentries);
	return audience;
}

/* {value: [template ...], ...} */
static void
parse_cases(const Parser *parser, JsonbContainer *map)
{
	EventConfig *config = parser->config;
	JsonbIterator *it = JsonbIteratorInit(map);
	JsonbIteratorToken token;
	JsonbValue value;

	config->cases = palloc0(sizeof(AudienceCase) * Max(JsonContainerSize(map), 1));
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			config->cases[config->ncases].value =
				pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			config->cases[config->ncases++].audience =
				parse_audience_list(parser, &value);
	}
}

/* {"column", "map", "default"} */
static void
parse_audience_map(const Parser *parser, JsonbValue *object)
{
	const Jsonb *doc = JsonbValueToJsonb(object);
	JsonbValue value;

	parser->config->audience_column = parse_column(parser, doc, "column");
	if (!wrk_json_get(doc, "map", &value) || value.type != jbvBinary ||
		!JsonContainerIsObject(value.val.binary.data))
		refuse("\"%s\" of an audience must be an object", "map", NULL);
	parse_cases(parser, value.val.binary.data);
	/* what is not foreseen must not be for everyone by accident */
	if (!wrk_json_get(doc, "default", &value))
		refuse("audience has no \"%s\"", "default",
			   "Say who may see rows whose value is not in the map; [] is everyone.");
	parser->config->audience = parse_audience_list(parser, &value);
}

/* who may see events: a list, or a column that decides between lists */
static void
parse_audience(const Parser *parser, const Jsonb *doc)
{
	JsonbValue value;

	if (!wrk_json_get(doc, "audience", &value) || value.type == jbvNull)
		return;
	if (value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data))
		parse_audience_map(parser, &value);
	else
		parser->config->audience = parse_audience_list(parser, &value);
}

/* sets whether the columns listed in a member are part of events */
static void
mark_columns(const Parser *parser, const Jsonb *doc, const char *member, bool chosen)
{
	JsonbValue value;
	ListCell *cell;

	if (!wrk_json_get(doc, member, &value))
		return;
	foreach (cell, string_list(&value, member))
		parser->config
			->chosen[column_number(parser->rel, lfirst(cell), strlen(lfirst(cell))) - 1] =
			chosen;
}

/* "include" begins with nothing, everything else with every column */
static void
choose_columns(const Parser *parser, const Jsonb *doc)
{
	EventConfig *config = parser->config;
	TupleDesc desc = RelationGetDescr(parser->rel);
	JsonbValue value;
	bool all = !wrk_json_get(doc, "include", &value);

	config->natts = desc->natts;
	config->chosen = palloc0(sizeof(bool) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
		config->chosen[i] = all && wrk_is_stored(TupleDescAttr(desc, i));
	mark_columns(parser, doc, "include", true);
	mark_columns(parser, doc, "exclude", false);
}

EventConfig *
event_config_parse(Relation rel, const char *json)
{
	const Jsonb *doc =
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	EventConfig *config = palloc0(sizeof(EventConfig));
	Parser parser = {rel, config};

	parse_entity(config, doc);
	config->id = parse_column(&parser, doc, "id");
	config->tenant = parse_column(&parser, doc, "tenant");
	parse_channels(&parser, doc);
	parse_audience(&parser, doc);
	choose_columns(&parser, doc);
	return config;
}
