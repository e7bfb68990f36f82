/*
 * history_blame.c
 *	  Walking the changes of a row over the row as it is; see history_blame.h.
 *
 * No older version is made.  A tree of marks stands beside the present row; each
 * change, the newest first, marks the leaves it touched that have no mark yet.  A
 * mark knows how many such leaves are below, so that what is done is not entered
 * again: all changes together cost the size of the row and of what they say.
 *
 * Must stay true: (1) what no newer change has touched is, at the time of a
 * change, as it is now.  So a path that leads on below a leaf is one that has
 * emptied this container; and where the kinds of row and change differ, all there
 * is marked already.  (2) A value that was set as a whole may have parts that
 * stayed the same, so old and new are compared.
 */
#include "history_blame.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "blueprint_shape.h"
#include "blueprint_ui.h"
#include "json_keyed.h"

/* one of these for each value of the row that is asked for */
typedef struct Mark
{
	JsonNode *value;
	JsonKeys *keys;      /* of a keyed array with elements, else NULL */
	struct Mark **below; /* of members or elements, NULL if not asked for; NULL: a leaf */
	bool asked;          /* of a leaf: it is where the path leads, or below */
	int open;            /* leaves without a change, at or below */
	const void *who;     /* of a leaf */
} Mark;

struct Blame
{
	Mark *row;
	const void *who; /* made the change that is being walked */
};

/* ---------- making marks ---------- */

/* name of the i-th member, id of the i-th element */
static JsonNode *
step_name(const Mark *mark, int i)
{
	return mark->keys ? json_keys_id(mark->keys, i)
					  : json_new_text(json_member(mark->value, i)->key);
}

static JsonNode *
step_value(const Mark *mark, int i)
{
	return mark->keys ? json_item(mark->value, i) : json_member(mark->value, i)->value;
}

static bool
is_named(JsonNode *name, const char *text)
{
	if (name->kind == JSON_STRING)
		return json_text_is(name->u.string, text);
	return strcmp(DatumGetCString(
					  DirectFunctionCall1(numeric_out, NumericGetDatum(name->u.number))),
				  text) == 0;
}

static Mark *
make_mark(JsonNode *value, char *const *path, int npath)
{
	Mark *mark;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	mark = palloc0(sizeof(Mark));
	mark->value = value;
	if (value->kind == JSON_ARRAY && value->n > 0)
		mark->keys = json_keys(value);
	if (mark->keys == NULL && (value->kind != JSON_OBJECT || value->n == 0))
	{
		mark->asked = npath == 0;
		mark->open = mark->asked;
		return mark;
	}
	mark->below =
		palloc_extended(sizeof(Mark *) * value->n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < value->n; i++)
	{
		if (npath > 0 && !is_named(step_name(mark, i), path[0]))
			continue;
		mark->below[i] = make_mark(step_value(mark, i), path + 1, Max(npath - 1, 0));
		mark->open += mark->below[i]->open;
	}
	return mark;
}

Blame *
blame_begin(JsonNode *row, char *const *path, int npath)
{
	Blame *blame = palloc0(sizeof(Blame));

	blame->row = make_mark(row, path, npath);
	blame->row->asked = false; /* a row is no leaf, also one without columns */
	return blame;
}

int
blame_open(const Blame *blame)
{
	return blame->row->open;
}

/* ---------- marking; each returns how many leaves have got their change ---------- */

/* the mark of a member, NULL if there is none, or none that is left to be marked */
static Mark *
member_mark(const Mark *mark, JsonText key)
{
	int low = 0;
	int high = mark->value->n;

	if (mark->value->kind != JSON_OBJECT)
		return NULL;
	while (low < high)
	{
		int middle = (low + high) / 2;
		int order = json_text_cmp(json_member(mark->value, middle)->key, key);

		if (order == 0)
			return mark->below[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static Mark *
element_mark(const Mark *mark, JsonNode *id)
{
	int i = mark->keys ? json_keys_find(mark->keys, id) : -1;

	return i < 0 ? NULL : mark->below[i];
}

static bool
is_open(const Mark *mark)
{
	return mark != NULL && mark->open > 0;
}

/* everything at or below */
static int
touch_all(const Blame *blame, Mark *mark)
{
	int closed;

	if (!is_open(mark))
		return 0;
	check_stack_depth();
	closed = mark->open;
	mark->open = 0;
	if (mark->below == NULL)
		mark->who = blame->who;
	for (int i = 0; mark->below != NULL && i < mark->value->n; i++)
		(void) touch_all(blame, mark->below[i]);
	return closed;
}

static int touch_value(const Blame *blame, Mark *mark, JsonNode *old, JsonNode *new);

static int
touch_members(const Blame *blame, Mark *mark, JsonNode *old, JsonNode *new)
{
	int closed = 0;

	for (int i = 0; i < new->n; i++)
	{
		const JsonMember *member = json_member(new, i);

		closed += touch_value(blame, member_mark(mark, member->key),
							  json_get(old, member->key), member->value);
	}
	return closed;
}

static int
touch_elements(const Blame *blame, Mark *mark, JsonNode *old, JsonKeys *old_keys,
			   JsonNode *new, JsonKeys *new_keys)
{
	int closed = 0;
	int next = 0;

	for (int i = 0; i < new->n; i++)
	{
		JsonNode *id = json_keys_id(new_keys, i);
		int was = json_keys_next(old_keys, id, &next);

		closed += touch_value(blame, element_mark(mark, id),
							  was < 0 ? NULL : json_item(old, was), json_item(new, i));
	}
	return closed;
}

/* a value that was set as a whole; NULL is one that was not there */
static int
touch_value(const Blame *blame, Mark *mark, JsonNode *old, JsonNode *new)
{
	JsonKeys *old_keys;
	JsonKeys *new_keys;
	int closed = 0;

	if (!is_open(mark))
		return 0;
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (old == NULL || new == NULL || mark->below == NULL || old->kind != new->kind)
		return old != NULL && new != NULL &&json_same(old, new) ? 0
																: touch_all(blame, mark);
	if (json_same(old, new))
		return 0;
	if (new->kind == JSON_OBJECT)
		closed = touch_members(blame, mark, old, new);
	else if ((old_keys = json_keys(old)) != NULL && (new_keys = json_keys(new)) != NULL)
		closed = touch_elements(blame, mark, old, old_keys, new, new_keys);
	else
		return touch_all(blame, mark);
	mark->open -= closed;
	return closed;
}

/* ---------- diffs ---------- */

/* one change at a path; back is the same of the inverse, or NULL */
typedef struct Step
{
	JsonNode *path;
	JsonNode *array; /* changes of a keyed array, NULL: a value was set or taken away */
	JsonNode *back;
	JsonNode *old;
	JsonNode *new;
} Step;

static int touch_array(const Blame *blame, Mark *mark, JsonNode *changes, JsonNode *back);

static int
touch_step(const Blame *blame, Mark *mark, const Step *step, int depth)
{
	int closed;

	if (!is_open(mark))
		return 0;
	/* a container that has been emptied, or a value that was set */
	if (mark->below == NULL)
		return touch_all(blame, mark);
	if (depth == step->path->n)
		return step->array != NULL ? touch_array(blame, mark, step->array, step->back)
								   : touch_value(blame, mark, step->old, step->new);
	closed = touch_step(blame, member_mark(mark, json_item(step->path, depth)->u.string),
						step, depth + 1);
	mark->open -= closed;
	return closed;
}

static int
compare_paths(JsonNode *a, JsonNode *b)
{
	int order = 0;

	for (int i = 0; order == 0 && i < a->n && i < b->n; i++)
		order = json_text_cmp(json_item(a, i)->u.string, json_item(b, i)->u.string);
	return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

/* NULL if there is none of this kind */
static JsonNode *
member_of(JsonNode *object, const char *name, JsonKind kind)
{
	bool can = object != NULL && object->kind == JSON_OBJECT;
	JsonNode *member = can ? json_get_named(object, name) : NULL;

	return member != NULL && member->kind == kind ? member : NULL;
}

/* path of an element of "set", "unset" or "in" */
static JsonNode *
path_of(JsonNode *step)
{
	if (step->kind == JSON_OBJECT)
		return json_get_named(step, "path");
	return step->n > 0 && json_item(step, 0)->kind == JSON_ARRAY ? json_item(step, 0)
																 : step;
}

/*
 * The element of the inverse's list with this path, NULL if there is none; *next
 * moves on, for both lists are in the order of their paths.
 */
static JsonNode *
find_back(JsonNode *list, JsonNode *path, int *next)
{
	for (; list != NULL && *next < list->n; (*next)++)
	{
		int order = compare_paths(path_of(json_item(list, *next)), path);

		if (order == 0)
			return json_item(list, (*next)++);
		if (order > 0)
			break;
	}
	return NULL;
}

static int
touch_list(const Blame *blame, Mark *mark, const char *name, JsonNode *changes,
		   JsonNode *back)
{
	JsonNode *list = member_of(changes, name, JSON_ARRAY);
	JsonNode *back_list = member_of(back, name, JSON_ARRAY);
	bool in = strcmp(name, "in") == 0;
	int closed = 0;
	int next = 0;

	for (int i = 0; list != NULL && i < list->n; i++)
	{
		JsonNode *item = json_item(list, i);
		Step step = {.path = path_of(item)};
		JsonNode *was = find_back(back_list, step.path, &next);

		CHECK_FOR_INTERRUPTS();
		if (in)
		{
			step.array = item;
			step.back = was;
		}
		else if (step.path != item)
		{
			step.new = json_item(item, 1);
			step.old = was ? json_item(was, 1) : NULL;
		}
		closed += touch_step(blame, mark, &step, 0);
	}
	return closed;
}

/* an object's "set", "unset" and "in"; does not count in the mark itself */
static int
touch_lists(const Blame *blame, Mark *mark, JsonNode *changes, JsonNode *back)
{
	int before = mark->open;

	(void) touch_list(blame, mark, "unset", changes, back);
	(void) touch_list(blame, mark, "set", changes, back);
	(void) touch_list(blame, mark, "in", changes, back);
	return before - mark->open;
}

static int
touch_updated(const Blame *blame, Mark *mark, JsonNode *updates, JsonNode *back)
{
	JsonKeys *back_keys = back ? json_keys(back) : NULL;
	int closed = 0;
	int next = 0;

	for (int i = 0; i < updates->n; i++)
	{
		JsonNode *id = json_id(json_item(updates, i));
		Mark *element = element_mark(mark, id);
		int was = back_keys ? json_keys_next(back_keys, id, &next) : -1;

		CHECK_FOR_INTERRUPTS();
		if (is_open(element))
			closed += touch_lists(blame, element, json_item(updates, i),
								  was < 0 ? NULL : json_item(back, was));
	}
	return closed;
}

/* a keyed array that has elements now; what is deleted or moved makes no leaf of it */
static int
touch_array(const Blame *blame, Mark *mark, JsonNode *changes, JsonNode *back)
{
	JsonNode *added = member_of(changes, "added", JSON_ARRAY);
	JsonNode *updated = member_of(changes, "updated", JSON_ARRAY);
	int closed = 0;

	check_stack_depth();
	for (int i = 0; added != NULL && i < added->n; i++)
		closed += touch_all(blame, element_mark(mark, json_id(json_item(added, i))));
	if (updated != NULL)
		closed +=
			touch_updated(blame, mark, updated, member_of(back, "updated", JSON_ARRAY));
	mark->open -= closed;
	return closed;
}

/* ---------- changes of a row ---------- */

/* a document that was an object before and after; returns as the others do */
static int
touch_document(const Blame *blame, Mark *mark, JsonNode *diff, JsonNode *back)
{
	int before;

	if (!is_open(mark))
		return 0;
	if (mark->below == NULL)
		return touch_all(blame, mark);
	before = mark->open;
	for (int i = 0; i < diff->n && mark->open > 0; i++)
	{
		const JsonMember *member = json_member(diff, i);
		JsonNode *member_back = back ? json_get(back, member->key) : NULL;
		Mark *below = member_mark(mark, member->key);

		if (!blueprint_is_collection(member->key))
			(void) touch_lists(blame, mark, member->value, member_back);
		else if (is_open(below))
			mark->open -= below->below == NULL
							  ? touch_all(blame, below)
							  : touch_array(blame, below, member->value, member_back);
	}
	return before - mark->open;
}

/* columns that were written whole; is_null: those that are NULL now, else the others */
static void
touch_columns(Blame *blame, JsonNode *old, JsonNode *new, bool is_null)
{
	JsonNode *columns = is_null ? old : new;

	for (int i = 0; columns != NULL && i < columns->n; i++)
	{
		JsonText column = json_member(columns, i)->key;
		JsonNode *was = old ? json_get(old, column) : NULL;
		JsonNode *is = new ? json_get(new, column) : NULL;

		if (is_null == (is == NULL))
			blame->row->open -=
				touch_value(blame, member_mark(blame->row, column), was, is);
	}
}

void
blame_update(Blame *blame, JsonNode *changes, const void *who)
{
	JsonNode *old = member_of(changes, "old", JSON_OBJECT);
	JsonNode *new = member_of(changes, "new", JSON_OBJECT);
	JsonNode *diff = member_of(changes, "diff", JSON_OBJECT);
	JsonNode *inverse = member_of(changes, "inverse", JSON_OBJECT);

	if (blame->row->below == NULL)
		return;
	blame->who = who;
	touch_columns(blame, old, new, false);
	touch_columns(blame, old, new, true);
	for (int i = 0; diff != NULL && i < diff->n; i++)
	{
		const JsonMember *column = json_member(diff, i);
		JsonNode *back = inverse ? json_get(inverse, column->key) : NULL;

		blueprint_check_shape(column->value);
		if (back != NULL)
			blueprint_check_shape(back);
		blame->row->open -= touch_document(blame, member_mark(blame->row, column->key),
										   column->value, back);
	}
}

void
blame_insert(Blame *blame, const void *who)
{
	blame->who = who;
	(void) touch_all(blame, blame->row);
}

/* ---------- telling ---------- */

static void
tell(const Mark *mark, JsonNode *path, BlameReceiver receiver, void *arg)
{
	if (mark->asked)
		receiver(arg, path, mark->who);
	for (int i = 0; mark->below != NULL && i < mark->value->n; i++)
	{
		if (mark->below[i] == NULL)
			continue;
		json_append(path, step_name(mark, i));
		tell(mark->below[i], path, receiver, arg);
		(void) json_remove_item(path, path->n - 1);
	}
}

void
blame_leaves(const Blame *blame, BlameReceiver receiver, void *arg)
{
	tell(blame->row, json_new_array(), receiver, arg);
}
