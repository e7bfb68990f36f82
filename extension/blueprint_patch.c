/*
 * blueprint_patch.c
 *	  Applying a diff; see blueprint_patch.h.
 *
 * What blueprint_check_shape() let pass is not looked at again, only whether the
 * document is one the diff can be about.  Elements that do not change stay raw.
 * The cost is linear: ids are looked up, an order is a list, and what is deleted
 * goes in one sweep.
 */
#include "blueprint_patch.h"

#include "miscadmin.h"

#include "blueprint_order.h"
#include "blueprint_place.h"
#include "blueprint_shape.h"
#include "blueprint_ui.h"
#include "json_keyed.h"

/* ---------- one object ---------- */

static void patch_array(JsonNode *array, JsonNode *changes, const BlueprintPlace *place);

/* the object that the last name of the path belongs to */
static JsonNode *
find_parent(JsonNode *object, JsonNode *path, const BlueprintPlace *place)
{
	for (int i = 0; i < path->n - 1; i++)
	{
		object = json_get(object, json_item(path, i)->u.string);
		if (object == NULL || object->kind != JSON_OBJECT)
			blueprint_conflict(place, NULL, "the path leads through what is no object");
	}
	return object;
}

static JsonText
last_name(JsonNode *path)
{
	return json_item(path, path->n - 1)->u.string;
}

static void
apply_unset(JsonNode *object, JsonNode *path, const BlueprintPlace *place)
{
	JsonNode *parent = find_parent(object, path, place);

	if (json_remove(parent, last_name(path)) == NULL)
		blueprint_conflict(place, NULL, "the member to take away is not there");
}

static void
apply_set(JsonNode *object, JsonNode *step, const BlueprintPlace *place)
{
	JsonNode *path = json_item(step, 0);

	json_set(find_parent(object, path, place), last_name(path), json_item(step, 1));
}

static void
apply_in(JsonNode *object, JsonNode *step, const BlueprintPlace *place)
{
	JsonNode *path = json_get_named(step, "path");
	JsonNode *array = json_get(find_parent(object, path, place), last_name(path));

	if (array == NULL || array->kind != JSON_ARRAY)
		blueprint_conflict(place, NULL, "there is no array at the path");
	patch_array(array, step, place);
}

typedef void (*ApplyStep)(JsonNode *object, JsonNode *step, const BlueprintPlace *place);

static void
apply_steps(JsonNode *object, JsonNode *changes, const char *name, ApplyStep apply,
			const BlueprintPlace *up)
{
	BlueprintPlace list = blueprint_named(up, name);
	JsonNode *steps = json_get_named(changes, name);

	for (int i = 0; steps != NULL && i < steps->n; i++)
	{
		BlueprintPlace place = blueprint_item(&list, i);

		CHECK_FOR_INTERRUPTS();
		apply(object, json_item(steps, i), &place);
	}
}

static void
patch_object(JsonNode *object, JsonNode *changes, const BlueprintPlace *place)
{
	check_stack_depth();
	apply_steps(object, changes, "unset", apply_unset, place);
	apply_steps(object, changes, "set", apply_set, place);
	apply_steps(object, changes, "in", apply_in, place);
}

/* ---------- one keyed array ---------- */

/* what a diff has said about an element */
#define DELETED 1
#define UPDATED 2
#define MOVED 4

/*
 * One of these while an array is patched.  Elements are numbered: those of the
 * array from 0 on, after them those that are added.
 */
typedef struct Patch
{
	JsonNode *array;
	JsonNode *added; /* NULL if there are none */
	JsonKeys *keys;
	JsonKeys *added_keys;
	int n;
	char *said;
} Patch;

/* number of the element, -1 if it is not there or deleted */
static int
find_element(const Patch *patch, JsonNode *id)
{
	int i = json_keys_find(patch->keys, id);

	if (i >= 0)
		return patch->said[i] & DELETED ? -1 : i;
	i = patch->added_keys ? json_keys_find(patch->added_keys, id) : -1;
	return i < 0 ? -1 : patch->array->n + i;
}

/* number of an element that was there before */
static int
find_old(const Patch *patch, JsonNode *id, const BlueprintPlace *place)
{
	int i = json_keys_find(patch->keys, id);

	if (i < 0)
		blueprint_conflict(place, id, "the element is not there");
	return i;
}

static void
say(Patch *patch, int i, char what, const BlueprintPlace *place)
{
	if (patch->said[i] & (what == MOVED ? MOVED : DELETED | UPDATED))
		blueprint_malformed(place, "a diff has this element twice");
	patch->said[i] |= what;
}

static void
delete_elements(Patch *patch, JsonNode *ids, const BlueprintPlace *list)
{
	for (int i = 0; i < ids->n; i++)
	{
		BlueprintPlace place = blueprint_item(list, i);

		CHECK_FOR_INTERRUPTS();
		say(patch, find_old(patch, json_item(ids, i), &place), DELETED, &place);
	}
}

static void
update_elements(Patch *patch, JsonNode *updates, const BlueprintPlace *list)
{
	for (int i = 0; i < updates->n; i++)
	{
		BlueprintPlace place = blueprint_item(list, i);
		JsonNode *update = json_item(updates, i);
		int element = find_old(patch, json_id(update), &place);

		CHECK_FOR_INTERRUPTS();
		say(patch, element, UPDATED, &place);
		patch_object(json_item(patch->array, element), update, &place);
	}
}

static void
check_added(const Patch *patch, const BlueprintPlace *list)
{
	for (int i = 0; i < patch->added->n; i++)
	{
		BlueprintPlace place = blueprint_item(list, i);
		JsonNode *id = json_keys_id(patch->added_keys, i);
		int old = json_keys_find(patch->keys, id);

		if (old >= 0 && patch->said[old] & (DELETED | UPDATED))
			blueprint_malformed(&place, "a diff has this element twice");
		if (old >= 0)
			blueprint_conflict(&place, id, "the element to add is there already");
	}
}

static void
move_elements(Patch *patch, BlueprintList *order, JsonNode *steps,
			  const BlueprintPlace *list)
{
	for (int i = 0; i < steps->n; i++)
	{
		BlueprintPlace place = blueprint_item(list, i);
		JsonNode *id = json_item(json_item(steps, i), 0);
		JsonNode *after_id = json_item(json_item(steps, i), 1);
		int element = find_element(patch, id);
		int after = BLUEPRINT_FIRST;

		CHECK_FOR_INTERRUPTS();
		if (element < 0)
			blueprint_conflict(&place, id, "the element to move is not there");
		say(patch, element, MOVED, &place);
		if (after_id->kind != JSON_NULL)
		{
			after = find_element(patch, after_id);
			if (after < 0)
				blueprint_conflict(&place, after_id,
								   "the element to move another behind is not there");
		}
		blueprint_list_move(order, element, after);
	}
}

/* puts what stays and what is added into their order */
static void
arrange_elements(Patch *patch, JsonNode *steps, const BlueprintPlace *list)
{
	JsonNode *result = json_new_array();
	BlueprintList *order = blueprint_list(patch->n);

	for (int i = 0; i < patch->array->n; i++)
		if (patch->said[i] & DELETED)
			blueprint_list_drop(order, i);
	if (steps != NULL)
		move_elements(patch, order, steps, list);
	for (int i = blueprint_list_next(order, BLUEPRINT_FIRST); i >= 0;
		 i = blueprint_list_next(order, i))
		json_append(result, i < patch->array->n
								? json_item(patch->array, i)
								: json_item(patch->added, i - patch->array->n));
	*patch->array = *result;
}

static void
patch_array(JsonNode *array, JsonNode *changes, const BlueprintPlace *place)
{
	BlueprintPlace deleted_list = blueprint_named(place, "deleted");
	BlueprintPlace updated_list = blueprint_named(place, "updated");
	BlueprintPlace added_list = blueprint_named(place, "added");
	BlueprintPlace order_list = blueprint_named(place, "order");
	JsonNode *deleted = json_get_named(changes, "deleted");
	JsonNode *updated = json_get_named(changes, "updated");
	JsonNode *order = json_get_named(changes, "order");
	Patch patch = {.array = array, .keys = json_keys(array)};

	if (patch.keys == NULL)
		blueprint_conflict(place, NULL, "there is no array of elements with ids");
	patch.added = json_get_named(changes, "added");
	if (patch.added != NULL)
		patch.added_keys = json_keys(patch.added);
	patch.n = array->n + (patch.added ? patch.added->n : 0);
	patch.said = palloc0(Max(patch.n, 1));
	if (deleted != NULL)
		delete_elements(&patch, deleted, &deleted_list);
	if (updated != NULL)
		update_elements(&patch, updated, &updated_list);
	if (patch.added != NULL)
		check_added(&patch, &added_list);
	if (deleted != NULL || patch.added != NULL || order != NULL)
		arrange_elements(&patch, order, &order_list);
}

/* ---------- the document ---------- */

/* what is added to a collection that is not there yet begins it; NULL if there is none */
static JsonNode *
collection(JsonNode *doc, const JsonMember *member)
{
	JsonNode *array = json_get(doc, member->key);

	if (array == NULL && json_get_named(member->value, "added") != NULL)
	{
		array = json_new_array();
		json_set(doc, member->key, array);
	}
	return array;
}

void
blueprint_patch(JsonNode *doc, JsonNode *diff)
{
	blueprint_check_shape(diff);
	if (doc->kind != JSON_OBJECT)
		blueprint_conflict(NULL, NULL, "a blueprint must be an object");
	for (int i = 0; i < diff->n; i++)
	{
		const JsonMember *member = json_member(diff, i);
		BlueprintPlace place = blueprint_member(NULL, member->key);
		JsonNode *array;

		if (!blueprint_is_collection(member->key))
		{
			patch_object(doc, member->value, &place);
			continue;
		}
		array = collection(doc, member);
		if (array == NULL || array->kind != JSON_ARRAY)
			blueprint_conflict(&place, NULL, "there is no array of elements with ids");
		patch_array(array, member->value, &place);
	}
}
