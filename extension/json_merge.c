/*
 * json_merge.c
 *	  Three-way merge; see json_merge.h.
 *
 * At every level what is the same in two versions is settled by comparing bytes,
 * so only what both sides changed is ever opened.
 *
 * The order of a keyed array is that of the side that moved elements, of the
 * winner if neither or both did.  What only the other side has comes right after
 * the element it follows there.
 *
 * Must stay true: nothing depends on which side is called ours but through the
 * options, or swapping the sides would change the result.
 */
#include "json_merge.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "json_keyed.h"

/* below a longer path nothing is taken apart: every conflict says its path */
#define MAX_PATH_BYTES 512

/* one of these for each call; owns nothing but the path */
typedef struct Merge
{
	const JsonMergeOptions *options;
	JsonMergeStep *path;
	int depth; /* steps of the path */
	int space;
	Size bytes; /* of names in the path */
	JsonNode *conflicts;
} Merge;

static JsonNode *merge_value(Merge *m, JsonNode *base, JsonNode *ours, JsonNode *theirs,
							 bool element);

/* ---------- the path ---------- */

static Size
name_bytes(const JsonNode *name)
{
	return name->kind == JSON_STRING ? name->u.string.len : VARSIZE_ANY(name->u.number);
}

static void
descend(Merge *m, JsonNode *name, bool element)
{
	if (m->depth == m->space)
	{
		m->space = Max(m->space * 2, 16);
		m->path = m->path == NULL ? palloc(sizeof(JsonMergeStep) * m->space)
								  : repalloc(m->path, sizeof(JsonMergeStep) * m->space);
	}
	m->path[m->depth++] = (JsonMergeStep){name, element};
	m->bytes += name_bytes(name);
}

static void
ascend(Merge *m)
{
	m->depth--;
	m->bytes -= name_bytes(m->path[m->depth].name);
}

static JsonNode *
path_as_json(const Merge *m)
{
	JsonNode *path = json_new_array();

	for (int i = 0; i < m->depth; i++)
		json_append(path, m->path[i].name);
	return path;
}

/* ---------- values ---------- */

/* absent values are the same as each other */
static bool
same(JsonNode *a, JsonNode *b)
{
	return a == b || (a != NULL && b != NULL && json_same(a, b));
}

/* whether one side at most made something of it; what that is, in *result */
static bool
settled(JsonNode *base, JsonNode *ours, JsonNode *theirs, JsonNode **result)
{
	if (same(ours, base) || same(ours, theirs))
		*result = theirs;
	else if (same(theirs, base))
		*result = ours;
	else
		return false;
	return true;
}

void
json_merge_put_versions(JsonNode *conflict, JsonNode *base, JsonNode *ours,
						JsonNode *theirs)
{
	if (base != NULL)
		json_set_named(conflict, "base", base);
	if (ours != NULL)
		json_set_named(conflict, "ours", ours);
	if (theirs != NULL)
		json_set_named(conflict, "theirs", theirs);
}

static void
add_conflict(Merge *m, const char *kind, JsonNode *base, JsonNode *ours, JsonNode *theirs)
{
	JsonNode *conflict = json_new_object();

	json_set_named(conflict, "path", path_as_json(m));
	json_set_named(conflict, "kind", json_new_string(kind));
	json_merge_put_versions(conflict, base, ours, theirs);
	json_append(m->conflicts, conflict);
}

static JsonNode *
essence(Merge *m, JsonNode *value)
{
	return value == NULL ? NULL
						 : m->options->essence(m->options->arg, m->path, m->depth, value);
}

/* a value that cannot be taken apart any further */
static JsonNode *
decide(Merge *m, JsonNode *base, JsonNode *ours, JsonNode *theirs)
{
	if (m->options->essence != NULL)
	{
		JsonNode *plain_base = essence(m, base);
		JsonNode *plain_ours = essence(m, ours);
		JsonNode *plain_theirs = essence(m, theirs);

		if (same(plain_ours, plain_base) || same(plain_ours, plain_theirs))
			return theirs;
		if (same(plain_theirs, plain_base))
			return ours;
	}
	if (ours == NULL)
		add_conflict(m, "delete_edit", base, ours, theirs);
	else if (theirs == NULL)
		add_conflict(m, "edit_delete", base, ours, theirs);
	else
		add_conflict(m, base == NULL ? "add_add" : "edit_edit", base, ours, theirs);
	return m->options->theirs_win ? theirs : ours;
}

/* ---------- objects ---------- */

/* the next member of an object, NULL at its end */
static const JsonMember *
next_member(JsonNode *object, int i)
{
	return object == NULL || i >= object->n ? NULL : json_member(object, i);
}

/* the value of the member and one step on, if it has this key */
static JsonNode *
take(const JsonMember *member, JsonText key, int *i)
{
	if (member == NULL || json_text_cmp(member->key, key) != 0)
		return NULL;
	(*i)++;
	return member->value;
}

static const JsonMember *
lesser(const JsonMember *a, const JsonMember *b)
{
	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	return json_text_cmp(a->key, b->key) <= 0 ? a : b;
}

static JsonNode *
merge_object(Merge *m, JsonNode *base, JsonNode *ours, JsonNode *theirs)
{
	JsonNode *result = json_new_object();
	int at_base = 0;
	int at_ours = 0;
	int at_theirs = 0;

	for (;;)
	{
		const JsonMember *b = next_member(base, at_base);
		const JsonMember *o = next_member(ours, at_ours);
		const JsonMember *t = next_member(theirs, at_theirs);
		const JsonMember *first = lesser(b, lesser(o, t));
		JsonNode *value_b;
		JsonNode *value_o;
		JsonNode *value_t;
		JsonNode *value;

		if (first == NULL)
			return result;
		value_b = take(b, first->key, &at_base);
		value_o = take(o, first->key, &at_ours);
		value_t = take(t, first->key, &at_theirs);
		if (!settled(value_b, value_o, value_t, &value))
		{
			descend(m, json_new_text(first->key), false);
			value = merge_value(m, value_b, value_o, value_t, false);
			ascend(m);
		}
		if (value != NULL)
			json_set(result, first->key, value);
	}
}

/* ---------- keyed arrays ---------- */

/* one version of an array; one that is not there is like an empty one */
typedef struct Version
{
	JsonNode *array;
	JsonKeys *keys;
	int next; /* where an element is looked for first */
} Version;

/*
 * One of these for each array that both sides changed.  Elements have numbers:
 * those of ours their positions, those that only theirs has the next ones.
 */
typedef struct Arrays
{
	Version base;
	Version ours;
	Version theirs;
	JsonNode **merged; /* by number; NULL = gone */
	int *numbers_ours; /* by position */
	int *numbers_theirs;
	int n; /* of numbers */
} Arrays;

static void *
allocate(Size size, int n)
{
	return palloc_extended(size * Max(n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static bool
open_version(Version *version, JsonNode *node)
{
	version->array = node == NULL ? json_new_array() : node;
	version->keys = json_keys(version->array);
	return version->keys != NULL;
}

static JsonNode *
element(Version *version, JsonNode *id)
{
	int i = json_keys_next(version->keys, id, &version->next);

	return i < 0 ? NULL : json_item(version->array, i);
}

static JsonNode *
merge_element(Merge *m, Arrays *a, JsonNode *id)
{
	JsonNode *base = element(&a->base, id);
	JsonNode *ours = element(&a->ours, id);
	JsonNode *theirs = element(&a->theirs, id);
	JsonNode *value;

	CHECK_FOR_INTERRUPTS();
	if (settled(base, ours, theirs, &value))
		return value;
	descend(m, id, true);
	value = merge_value(m, base, ours, theirs, true);
	ascend(m);
	return value;
}

static void
merge_elements(Merge *m, Arrays *a)
{
	int next = 0;

	for (int i = 0; i < a->ours.array->n; i++)
	{
		a->numbers_ours[i] = a->n;
		a->merged[a->n++] = merge_element(m, a, json_keys_id(a->ours.keys, i));
	}
	for (int i = 0; i < a->theirs.array->n; i++)
	{
		JsonNode *id = json_keys_id(a->theirs.keys, i);

		a->numbers_theirs[i] = json_keys_next(a->ours.keys, id, &next);
		if (a->numbers_theirs[i] < 0)
		{
			a->numbers_theirs[i] = a->n;
			a->merged[a->n++] = merge_element(m, a, id);
		}
	}
}

/* positions in base of the elements that all have, in this side's order; their number */
static int
common_order(const Version *base, const Version *side, const Version *other,
			 int *positions, bool *moved)
{
	int next_base = 0;
	int next_other = 0;
	int n = 0;

	*moved = false;
	for (int i = 0; i < side->array->n; i++)
	{
		JsonNode *id = json_keys_id(side->keys, i);
		int position = json_keys_next(base->keys, id, &next_base);

		if (position < 0 || json_keys_next(other->keys, id, &next_other) < 0)
			continue;
		*moved |= n > 0 && positions[n - 1] > position;
		positions[n++] = position;
	}
	return n;
}

static JsonNode *
ids_at(const Version *base, const int *positions, int n)
{
	JsonNode *ids = json_new_array();

	for (int i = 0; i < n; i++)
		json_append(ids, json_keys_id(base->keys, positions[i]));
	return ids;
}

static int
compare_ints(const void *a, const void *b)
{
	int x = *(const int *) a;
	int y = *(const int *) b;

	return (x > y) - (x < y);
}

static void
add_order_conflict(Merge *m, const Arrays *a, const int *ours, const int *theirs, int n)
{
	int *base = allocate(sizeof(int), n);

	memcpy(base, ours, sizeof(int) * n);
	qsort(base, n, sizeof(int), compare_ints);
	add_conflict(m, "order", ids_at(&a->base, base, n), ids_at(&a->base, ours, n),
				 ids_at(&a->base, theirs, n));
	pfree(base);
}

/* whether the order is theirs */
static bool
order_is_theirs(Merge *m, const Arrays *a)
{
	int *ours = allocate(sizeof(int), a->ours.array->n);
	int *theirs = allocate(sizeof(int), a->theirs.array->n);
	bool ours_moved;
	bool theirs_moved;
	int n = common_order(&a->base, &a->ours, &a->theirs, ours, &ours_moved);

	(void) common_order(&a->base, &a->theirs, &a->ours, theirs, &theirs_moved);
	if (ours_moved && theirs_moved && memcmp(ours, theirs, sizeof(int) * n) != 0)
		add_order_conflict(m, a, ours, theirs, n);
	pfree(ours);
	pfree(theirs);
	return ours_moved == theirs_moved ? m->options->theirs_win : theirs_moved;
}

/*
 * The merged elements as the first sequence of numbers has them; after each, and
 * at the front, those that only the second has.
 */
static JsonNode *
arrange(const Arrays *a, const int *first, int nfirst, const int *second, int nsecond)
{
	JsonNode *result = json_new_array();
	bool *in_first = allocate(sizeof(bool), a->n);
	int *next = allocate(sizeof(int), a->n); /* what follows in second, from 1 on */
	int front = 0;
	int *end = &front;

	for (int i = 0; i < nfirst; i++)
		in_first[first[i]] = true;
	for (int i = 0; i < nsecond; i++)
	{
		if (a->merged[second[i]] == NULL)
			continue;
		if (!in_first[second[i]])
			*end = second[i] + 1;
		end = &next[second[i]];
	}
	for (int k = front; k > 0; k = next[k - 1])
		json_append(result, a->merged[k - 1]);
	for (int i = 0; i < nfirst; i++)
	{
		if (a->merged[first[i]] == NULL)
			continue;
		json_append(result, a->merged[first[i]]);
		for (int k = next[first[i]]; k > 0; k = next[k - 1])
			json_append(result, a->merged[k - 1]);
	}
	pfree(in_first);
	pfree(next);
	return result;
}

static JsonNode *
merge_array(Merge *m, Arrays *a)
{
	int nours = a->ours.array->n;
	int ntheirs = a->theirs.array->n;

	a->merged = allocate(sizeof(JsonNode *), nours + ntheirs);
	a->numbers_ours = allocate(sizeof(int), nours);
	a->numbers_theirs = allocate(sizeof(int), ntheirs);
	merge_elements(m, a);
	if (order_is_theirs(m, a))
		return arrange(a, a->numbers_theirs, ntheirs, a->numbers_ours, nours);
	return arrange(a, a->numbers_ours, nours, a->numbers_theirs, ntheirs);
}

/* ---------- any value ---------- */

static bool
all_are(JsonKind kind, JsonNode *base, JsonNode *ours, JsonNode *theirs)
{
	return ours != NULL && ours->kind == kind && theirs != NULL && theirs->kind == kind &&
		   (base == NULL || base->kind == kind);
}

/* element: of a keyed array; two that were added under one id have little in common */
static JsonNode *
merge_value(Merge *m, JsonNode *base, JsonNode *ours, JsonNode *theirs, bool element)
{
	Arrays arrays = {0};
	JsonNode *result;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (settled(base, ours, theirs, &result))
		return result;
	if (m->options->ignored != NULL &&
		m->options->ignored(m->options->arg, m->path, m->depth))
		return theirs;
	if ((element && base == NULL) || m->bytes > MAX_PATH_BYTES)
		return decide(m, base, ours, theirs);
	if (all_are(JSON_OBJECT, base, ours, theirs))
		return merge_object(m, base, ours, theirs);
	if (all_are(JSON_ARRAY, base, ours, theirs) && open_version(&arrays.base, base) &&
		open_version(&arrays.ours, ours) && open_version(&arrays.theirs, theirs))
		return merge_array(m, &arrays);
	return decide(m, base, ours, theirs);
}

JsonNode *
json_merge(JsonNode *base, JsonNode *ours, JsonNode *theirs,
		   const JsonMergeOptions *options, JsonNode *conflicts)
{
	Merge merge = {.options = options, .conflicts = conflicts};

	return merge_value(&merge, base, ours, theirs, false);
}
