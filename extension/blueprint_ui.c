/*
 * blueprint_ui.c
 *	  What an editor keeps in a document for itself; see blueprint_ui.h.
 *
 * Must stay true: an element's "id" is never UI-only, so that taking UI-only
 * members away leaves a keyed array keyed, with the same ids.
 */
#include "blueprint_ui.h"

#include "miscadmin.h"

#include "blueprint_place.h"
#include "json_keyed.h"

/* ---------- the paths ---------- */

/* one more path; of two of which one leads through the other, the shorter one counts */
static void
add_path(JsonNode *ui, JsonNode *path)
{
	for (int i = 0; i < path->n; i++)
	{
		JsonText key = json_item(path, i)->u.string;
		JsonNode *below = json_get(ui, key);

		if (below != NULL && blueprint_ui_all(below))
			return;
		if (i == path->n - 1 || below == NULL)
		{
			below = i == path->n - 1 ? json_new_null() : json_new_object();
			json_set(ui, key, below);
		}
		ui = below;
	}
}

static void
add_key(JsonNode *ui, JsonNode *key)
{
	JsonNode *path = json_new_array();

	json_append(path, key);
	add_path(ui, path);
}

static JsonNode *
usual_keys(void)
{
	static const char *const keys[] = {"selected", "dragging", "resizing", "measured",
									   "positionAbsolute"};
	JsonNode *ui = json_new_object();
	JsonNode *path = json_new_array();

	for (int i = 0; i < lengthof(keys); i++)
		add_key(ui, json_new_string(keys[i]));
	json_append(path, json_new_string("data"));
	json_append(path, json_new_string("selected"));
	add_path(ui, path);
	return ui;
}

static void
check_path(const BlueprintPlace *place, JsonNode *path)
{
	if (path->kind != JSON_ARRAY || path->n == 0)
		blueprint_malformed(place, "a UI-only member must be a key or an array of keys");
	if (path->n > BLUEPRINT_MAX_PATH)
		blueprint_malformed(place, "path of a UI-only member is too long");
	for (int i = 0; i < path->n; i++)
		if (json_item(path, i)->kind != JSON_STRING)
			blueprint_malformed(place,
								"a UI-only member must be a key or an array of keys");
}

static bool
is_id(const JsonNode *key)
{
	return json_text_is(key->u.string, "id");
}

JsonNode *
blueprint_ui(JsonNode *options)
{
	BlueprintPlace place = blueprint_named(NULL, "ui");
	JsonNode *list;
	JsonNode *ui;

	if (options->kind != JSON_OBJECT)
		blueprint_malformed(NULL, "options must be an object");
	list = json_get_named(options, "ui");
	if (list == NULL)
		return usual_keys();
	if (list->kind != JSON_ARRAY)
		blueprint_malformed(&place, "option \"ui\" must be an array");
	ui = json_new_object();
	for (int i = 0; i < list->n; i++)
	{
		BlueprintPlace item = blueprint_item(&place, i);
		JsonNode *path = json_item(list, i);

		if (path->kind != JSON_STRING)
			check_path(&item, path);
		if (is_id(path->kind == JSON_STRING ? path : json_item(path, 0)))
			blueprint_malformed(&item, "the id of an element cannot be UI-only");
		if (path->kind == JSON_STRING)
			add_key(ui, path);
		else
			add_path(ui, path);
	}
	return ui->n == 0 ? NULL : ui;
}

JsonNode *
blueprint_ui_below(JsonNode *ui, JsonText key)
{
	return ui == NULL ? NULL : json_get(ui, key);
}

bool
blueprint_ui_all(const JsonNode *ui)
{
	return ui != NULL && ui->kind == JSON_NULL;
}

/* ---------- taking them away ---------- */

bool
blueprint_is_collection(JsonText name)
{
	return !json_text_is(name, BLUEPRINT_META);
}

void
blueprint_strip_value(JsonNode *value, JsonNode *ui)
{
	if (ui == NULL || value->kind != JSON_OBJECT)
		return;
	check_stack_depth();
	for (int i = 0; i < ui->n; i++)
	{
		const JsonMember *member = json_member(ui, i);
		JsonNode *below;

		if (blueprint_ui_all(member->value))
		{
			(void) json_remove(value, member->key);
			continue;
		}
		below = json_get(value, member->key);
		if (below != NULL)
			blueprint_strip_value(below, member->value);
	}
}

void
blueprint_strip_array(JsonNode *array, JsonNode *ui)
{
	if (ui == NULL || json_keys(array) == NULL)
		return;
	for (int i = 0; i < array->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		blueprint_strip_value(json_item(array, i), ui);
	}
}

void
blueprint_strip(JsonNode *doc, JsonNode *ui)
{
	if (doc->kind != JSON_OBJECT)
		return;
	for (int i = 0; i < doc->n; i++)
	{
		const JsonMember *member = json_member(doc, i);

		if (blueprint_is_collection(member->key))
			blueprint_strip_array(member->value, ui);
	}
}
