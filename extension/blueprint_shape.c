/*
 * blueprint_shape.c
 *	  Refusing what is no diff; see blueprint_shape.h.
 *
 * Strict: a member that is not known is refused, because a client that misspells
 * one would lose a change without a word.
 *
 * Must stay true: (1) what passes can be applied without looking at the kind of
 * anything in it again; (2) no two paths of an object lead through each other, so
 * that the order of its changes does not matter; (3) no path touches an "id".
 */
#include "blueprint_shape.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "blueprint_place.h"
#include "blueprint_ui.h"
#include "json_keyed.h"

static void
need_object(const BlueprintPlace *place, const JsonNode *node)
{
	if (node->kind != JSON_OBJECT)
		blueprint_malformed(place, "this part of a diff must be an object");
}

static void
need_array(const BlueprintPlace *place, const JsonNode *node)
{
	if (node->kind != JSON_ARRAY)
		blueprint_malformed(place, "this part of a diff must be an array");
}

static void
need_id(const BlueprintPlace *place, const JsonNode *node)
{
	if (node->kind != JSON_STRING && node->kind != JSON_NUMBER)
		blueprint_malformed(place, "an id must be a string or a number");
}

/* ---------- paths ---------- */

/* a path and where it stands */
typedef struct PathEntry
{
	JsonNode *path; /* array of names */
	BlueprintPlace list;
	BlueprintPlace item;
} PathEntry;

/* paths of one object; owns the array */
typedef struct PathList
{
	PathEntry *entries;
	int n;
} PathList;

static void
add_path(PathList *paths, JsonNode *path, const BlueprintPlace *list, int index)
{
	PathEntry *entry = &paths->entries[paths->n++];

	entry->path = path;
	entry->list = *list;
	entry->item = blueprint_item(NULL, index);
}

static void
check_path(const BlueprintPlace *place, JsonNode *path, JsonNode *taken)
{
	if (path->kind != JSON_ARRAY || path->n == 0)
		blueprint_malformed(place, "a path must be an array of at least one name");
	for (int i = 0; i < path->n; i++)
		if (json_item(path, i)->kind != JSON_STRING)
			blueprint_malformed(place, "a path must be an array of names");
	if (json_get(taken, json_item(path, 0)->u.string) != NULL)
		blueprint_malformed(place, "a path must not lead to an id or a collection");
}

static int
compare_paths(const void *a, const void *b)
{
	const JsonNode *pa = ((const PathEntry *) a)->path;
	const JsonNode *pb = ((const PathEntry *) b)->path;

	for (int i = 0; i < pa->n && i < pb->n; i++)
	{
		int order = json_text_cmp(pa->u.items[i]->u.string, pb->u.items[i]->u.string);

		if (order != 0)
			return order;
	}
	return pa->n == pb->n ? 0 : pa->n > pb->n ? 1 : -1;
}

static bool
leads_through(const JsonNode *path, const JsonNode *first)
{
	if (first->n > path->n)
		return false;
	for (int i = 0; i < first->n; i++)
		if (json_text_cmp(first->u.items[i]->u.string, path->u.items[i]->u.string) != 0)
			return false;
	return true;
}

/* in order, a path that others lead through stands right before one of them */
static void
check_apart(PathList *paths)
{
	qsort(paths->entries, paths->n, sizeof(PathEntry), compare_paths);
	for (int i = 1; i < paths->n; i++)
	{
		PathEntry *entry = &paths->entries[i];

		if (!leads_through(entry->path, paths->entries[i - 1].path))
			continue;
		entry->item.up = &entry->list;
		blueprint_malformed(&entry->item,
							"two paths of a diff are the same, or one leads through"
							" the other");
	}
}

/* ---------- changes of an object ---------- */

/*
 * Checks of one step of a list; each returns the step's path.  taken is an object
 * with the names that no path may begin with.
 */
typedef JsonNode *(*StepCheck)(const BlueprintPlace *place, JsonNode *step,
							   JsonNode *taken);

static void check_collection(const BlueprintPlace *place, JsonNode *changes, bool inside);

static JsonNode *
check_set(const BlueprintPlace *place, JsonNode *step, JsonNode *taken)
{
	BlueprintPlace at = blueprint_item(place, 0);

	if (step->kind != JSON_ARRAY || step->n != 2)
		blueprint_malformed(place, "an element of \"set\" must be [path, value]");
	check_path(&at, json_item(step, 0), taken);
	return json_item(step, 0);
}

static JsonNode *
check_unset(const BlueprintPlace *place, JsonNode *step, JsonNode *taken)
{
	check_path(place, step, taken);
	return step;
}

static JsonNode *
check_in(const BlueprintPlace *place, JsonNode *step, JsonNode *taken)
{
	BlueprintPlace at = blueprint_named(place, "path");
	JsonNode *path;

	need_object(place, step);
	path = json_get_named(step, "path");
	if (path == NULL)
		blueprint_malformed(place, "an element of \"in\" needs a \"path\"");
	check_path(&at, path, taken);
	check_collection(place, step, true);
	return path;
}

static StepCheck
step_check(JsonText name)
{
	if (json_text_is(name, "set"))
		return check_set;
	if (json_text_is(name, "unset"))
		return check_unset;
	if (json_text_is(name, "in"))
		return check_in;
	return NULL;
}

static void
check_steps(const BlueprintPlace *list, JsonNode *steps, StepCheck check, JsonNode *taken,
			PathList *paths)
{
	for (int i = 0; i < steps->n; i++)
	{
		BlueprintPlace place = blueprint_item(list, i);

		CHECK_FOR_INTERRUPTS();
		add_path(paths, check(&place, json_item(steps, i), taken), list, i);
	}
}

/* "set", "unset" and "in", and the one other member that there may be */
static void
check_changes(const BlueprintPlace *place, JsonNode *changes, const char *other,
			  JsonNode *taken)
{
	PathList paths = {0};
	int n = 0;

	for (int i = 0; i < changes->n; i++)
	{
		const JsonMember *member = json_member(changes, i);
		BlueprintPlace list = blueprint_member(place, member->key);

		if (other != NULL && json_text_is(member->key, other))
			continue;
		if (step_check(member->key) == NULL)
			blueprint_malformed(&list, "a diff has no such member here");
		need_array(&list, member->value);
		n += member->value->n;
	}
	paths.entries = palloc_extended(sizeof(PathEntry) * Max(n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < changes->n; i++)
	{
		const JsonMember *member = json_member(changes, i);
		BlueprintPlace list = blueprint_member(place, member->key);

		if (step_check(member->key) != NULL)
			check_steps(&list, member->value, step_check(member->key), taken, &paths);
	}
	check_apart(&paths);
	pfree(paths.entries);
}

/* ---------- changes of a collection ---------- */

/* how many elements from the first on are a keyed array */
static int
keyed_part(JsonNode *array)
{
	JsonNode part = *array;
	int low = 0;
	int high = array->n;

	while (low < high)
	{
		part.n = low + (high - low + 1) / 2;
		if (json_keys(&part) != NULL)
			low = part.n;
		else
			high = part.n - 1;
	}
	return low;
}

static void
check_keyed(const BlueprintPlace *list, JsonNode *elements)
{
	BlueprintPlace place;

	if (elements->n == 0 || json_keys(elements) != NULL)
		return;
	(void) json_item(elements, 0); /* opens it, for a part of it is looked at */
	place = blueprint_item(list, keyed_part(elements));
	need_object(&place, json_item(elements, place.index));
	if (json_id(json_item(elements, place.index)) == NULL)
		blueprint_malformed(&place,
							"an element must have an id that is a string or a number");
	blueprint_malformed(&place, "a diff has two elements with this id");
}

static void
check_updated(const BlueprintPlace *list, JsonNode *updates)
{
	JsonNode *taken = json_new_object();

	json_set_named(taken, "id", json_new_null());
	check_keyed(list, updates);
	for (int i = 0; i < updates->n; i++)
	{
		BlueprintPlace place = blueprint_item(list, i);

		CHECK_FOR_INTERRUPTS();
		check_changes(&place, json_item(updates, i), "id", taken);
	}
}

static void
check_deleted(const BlueprintPlace *list, JsonNode *ids)
{
	for (int i = 0; i < ids->n; i++)
	{
		BlueprintPlace place = blueprint_item(list, i);

		need_id(&place, json_item(ids, i));
	}
}

static void
check_order(const BlueprintPlace *list, JsonNode *steps)
{
	for (int i = 0; i < steps->n; i++)
	{
		BlueprintPlace place = blueprint_item(list, i);
		BlueprintPlace id = blueprint_item(&place, 0);
		BlueprintPlace after = blueprint_item(&place, 1);
		JsonNode *step = json_item(steps, i);

		if (step->kind != JSON_ARRAY || step->n != 2)
			blueprint_malformed(&place,
								"an element of \"order\" must be [id, id or null]");
		need_id(&id, json_item(step, 0));
		if (json_item(step, 1)->kind != JSON_NULL)
			need_id(&after, json_item(step, 1));
		if (json_same(json_item(step, 0), json_item(step, 1)))
			blueprint_malformed(&place, "an element cannot be put after itself");
	}
}

/* inside: a keyed array inside an element, which has a path */
static void
check_collection(const BlueprintPlace *place, JsonNode *changes, bool inside)
{
	check_stack_depth();
	need_object(place, changes);
	for (int i = 0; i < changes->n; i++)
	{
		const JsonMember *member = json_member(changes, i);
		BlueprintPlace list = blueprint_member(place, member->key);

		if (inside && json_text_is(member->key, "path"))
			continue;
		need_array(&list, member->value);
		if (json_text_is(member->key, "added"))
			check_keyed(&list, member->value);
		else if (json_text_is(member->key, "updated"))
			check_updated(&list, member->value);
		else if (json_text_is(member->key, "deleted"))
			check_deleted(&list, member->value);
		else if (json_text_is(member->key, "order"))
			check_order(&list, member->value);
		else
			blueprint_malformed(&list, "a diff has no such member here");
	}
}

/* ---------- the diff ---------- */

void
blueprint_check_shape(JsonNode *diff)
{
	JsonNode *collections = json_new_object();
	BlueprintPlace place = blueprint_named(NULL, BLUEPRINT_META);
	JsonNode *meta;

	need_object(NULL, diff);
	for (int i = 0; i < diff->n; i++)
	{
		const JsonMember *member = json_member(diff, i);
		BlueprintPlace collection = blueprint_member(NULL, member->key);

		if (!blueprint_is_collection(member->key))
			continue;
		check_collection(&collection, member->value, false);
		json_set(collections, member->key, json_new_null());
	}
	meta = json_get_named(diff, BLUEPRINT_META);
	if (meta == NULL)
		return;
	need_object(&place, meta);
	check_changes(&place, meta, NULL, collections);
}
