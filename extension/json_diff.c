/*
 * json_diff.c
 *	  Writing the patch; see json_diff.h.
 *
 * The order of operations on an array, and so the indexes in them: removals from
 * the last to the first; additions and moves in the order of the new array; then
 * what changes inside of elements, which stand where they shall by then.  Where
 * an element stands meanwhile is counted in a Fenwick tree (1994) over all places
 * that elements leave or come to.
 *
 * Must stay true: an operation is counted in bytes when it is added, for that
 * decides whether the container is said whole.
 */
#include "json_diff.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "json_align.h"
#include "json_hash.h"
#include "json_patch.h"
#include "json_pointer.h"

/* what an operation takes beside its pointers and its value, about */
#define OPERATION_BYTES 40

/* by how much changes may be longer than the value, because they say more */
#define SLACK_BYTES 256

/* pairs of a removed and an added member that are looked at for a renaming */
#define MAX_RENAME_PAIRS 100000

/* one of these for each call */
typedef struct Diff
{
	JsonNode *operations;
	Size bytes; /* of those */
	StringInfoData path;
} Diff;

static void diff_value(Diff *d, JsonNode *a, JsonNode *b);

static void *
alloc_many(Size size, int64 n)
{
	return palloc_extended(size * Max(n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* ---------- operations ---------- */

static JsonNode *
pointer(const Diff *d)
{
	return json_new_text((JsonText){pnstrdup(d->path.data, d->path.len), d->path.len});
}

/* back to a path that is a part of this one */
static void
cut_path(Diff *d, int len)
{
	d->path.len = len;
	d->path.data[len] = '\0';
}

/* at the current path; value and from may be NULL */
static void
add_operation(Diff *d, const char *op, JsonNode *value, JsonNode *from)
{
	JsonNode *operation = json_new_object();

	json_set_named(operation, "op", json_new_string(op));
	json_set_named(operation, "path", pointer(d));
	d->bytes += OPERATION_BYTES + d->path.len;
	if (value != NULL)
	{
		json_set_named(operation, "value", value);
		d->bytes += json_size(value);
	}
	if (from != NULL)
	{
		json_set_named(operation, "from", from);
		d->bytes += from->u.string.len;
	}
	json_append(d->operations, operation);
}

static void
add_member_operation(Diff *d, const char *op, JsonText key, JsonNode *value,
					 JsonNode *from)
{
	int len = d->path.len;

	json_pointer_add_key(&d->path, key);
	add_operation(d, op, value, from);
	cut_path(d, len);
}

static void
add_element_operation(Diff *d, const char *op, int index, JsonNode *value, JsonNode *from)
{
	int len = d->path.len;

	json_pointer_add_index(&d->path, index);
	add_operation(d, op, value, from);
	cut_path(d, len);
}

/* ---------- objects ---------- */

/* members that only one object has */
typedef struct Members
{
	JsonMember *members;
	int n;
} Members;

static Members
members_of_one(JsonNode *object, JsonNode *other)
{
	Members result = {.members = alloc_many(sizeof(JsonMember), object->n)};

	for (int i = 0; i < object->n; i++)
	{
		const JsonMember *member = json_member(object, i);

		if (json_get(other, member->key) == NULL)
			result.members[result.n++] = *member;
	}
	return result;
}

/* takes out of both what only has another name now */
static void
diff_renamed(Diff *d, Members *removed, Members *added)
{
	uint64 *hashes;
	int left = 0;

	if (removed->n == 0 || added->n == 0 ||
		(int64) removed->n * added->n > MAX_RENAME_PAIRS)
		return;
	hashes = alloc_many(sizeof(uint64), removed->n);
	for (int i = 0; i < removed->n; i++)
		hashes[i] = json_hash(removed->members[i].value);
	for (int j = 0; j < added->n; j++)
	{
		JsonMember new = added->members[j];
		uint64 hash = json_hash(new.value);
		int i = 0;
		int len = d->path.len;
		JsonNode *from;

		while (i < removed->n &&
			   (removed->members[i].value == NULL || hashes[i] != hash ||
				!json_same(removed->members[i].value, new.value)))
			i++;
		if (i == removed->n)
		{
			added->members[left++] = new;
			continue;
		}
		json_pointer_add_key(&d->path, removed->members[i].key);
		from = pointer(d);
		cut_path(d, len);
		add_member_operation(d, "move", new.key, NULL, from);
		removed->members[i].value = NULL;
	}
	added->n = left;
	pfree(hashes);
}

static void
diff_object(Diff *d, JsonNode *a, JsonNode *b)
{
	Members removed = members_of_one(a, b);
	Members added = members_of_one(b, a);

	diff_renamed(d, &removed, &added);
	for (int i = 0; i < removed.n; i++)
		if (removed.members[i].value != NULL)
			add_member_operation(d, "remove", removed.members[i].key, NULL, NULL);
	for (int i = 0; i < added.n; i++)
		add_member_operation(d, "add", added.members[i].key, added.members[i].value,
							 NULL);
	for (int i = 0; i < b->n; i++)
	{
		JsonMember member = *json_member(b, i);
		JsonNode *old = json_get(a, member.key);
		int len = d->path.len;

		if (old == NULL || json_same(old, member.value))
			continue;
		json_pointer_add_key(&d->path, member.key);
		diff_value(d, old, member.value);
		cut_path(d, len);
	}
	pfree(removed.members);
	pfree(added.members);
}

/* ---------- arrays ---------- */

/* all places, in their final order; an element that moves has two */
typedef struct Places
{
	int *leaves; /* by position in the old array */
	int *comes;  /* by position in the new one */
	int *tree;   /* of counts, from 1 on */
	int n;
} Places;

static void
count_place(Places *p, int place, int change)
{
	for (int i = place + 1; i <= p->n; i += i & -i)
		p->tree[i] += change;
}

/* elements that stand before the place */
static int
index_of(const Places *p, int place)
{
	int count = 0;

	for (int i = place; i > 0; i -= i & -i)
		count += p->tree[i];
	return count;
}

/* places for what comes right after what was looked at last */
static int
places_for_comers(Places *p, const JsonAlignment *al, int j, int nb)
{
	for (; j < nb && (al->from[j] < 0 || al->moves[j]); j++)
		p->comes[j] = p->n++;
	return j;
}

/* to: for each old position the new one + 1, 0 if it is removed */
static Places
make_places(const JsonAlignment *al, const int *to, int na, int nb)
{
	Places p = {0};
	int j;

	p.leaves = alloc_many(sizeof(int), na);
	p.comes = alloc_many(sizeof(int), nb);
	j = places_for_comers(&p, al, 0, nb);
	for (int i = 0; i < na; i++)
	{
		if (to[i] == 0)
			continue;
		p.leaves[i] = p.n++;
		if (!al->moves[to[i] - 1])
			j = places_for_comers(&p, al, j + 1, nb);
	}
	p.tree = alloc_many(sizeof(int), (int64) p.n + 1);
	for (int i = 0; i < na; i++)
		if (to[i] > 0)
			count_place(&p, p.leaves[i], 1);
	return p;
}

static void
move_element(Diff *d, Places *p, int from, int to)
{
	int old = index_of(p, p->leaves[from]);
	int new;

	count_place(p, p->leaves[from], -1);
	new = index_of(p, p->comes[to]);
	if (old != new)
	{
		int len = d->path.len;
		JsonNode *pointer_from;

		json_pointer_add_index(&d->path, old);
		pointer_from = pointer(d);
		cut_path(d, len);
		add_element_operation(d, "move", new, NULL, pointer_from);
	}
}

static void
add_and_move(Diff *d, const JsonAlignment *al, const int *to, int na, JsonNode *b)
{
	Places p = make_places(al, to, na, b->n);

	for (int j = 0; j < b->n; j++)
	{
		CHECK_FOR_INTERRUPTS();
		if (al->from[j] >= 0 && !al->moves[j])
			continue;
		if (al->from[j] >= 0)
			move_element(d, &p, al->from[j], j);
		else
			add_element_operation(d, "add", index_of(&p, p.comes[j]), json_item(b, j),
								  NULL);
		count_place(&p, p.comes[j], 1);
	}
	pfree(p.leaves);
	pfree(p.comes);
	pfree(p.tree);
}

static void
diff_array(Diff *d, JsonNode *a, JsonNode *b)
{
	JsonAlignment al = json_align(a, b);
	int *to = alloc_many(sizeof(int), a->n);

	for (int j = 0; j < b->n; j++)
		if (al.from[j] >= 0)
			to[al.from[j]] = j + 1;
	for (int i = a->n - 1; i >= 0; i--)
		if (to[i] == 0)
			add_element_operation(d, "remove", i, NULL, NULL);
	add_and_move(d, &al, to, a->n, b);
	for (int j = 0; j < b->n; j++)
	{
		int len = d->path.len;

		CHECK_FOR_INTERRUPTS();
		if (al.from[j] < 0 || json_same(json_item(a, al.from[j]), json_item(b, j)))
			continue;
		json_pointer_add_index(&d->path, j);
		diff_value(d, json_item(a, al.from[j]), json_item(b, j));
		cut_path(d, len);
	}
	pfree(to);
	pfree(al.from);
	pfree(al.moves);
}

/* ---------- any value ---------- */

/* values that are not the same */
static void
diff_value(Diff *d, JsonNode *a, JsonNode *b)
{
	int noperations = d->operations->n;
	Size bytes = d->bytes;
	Size whole = OPERATION_BYTES + d->path.len + json_size(b);

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (a->kind == JSON_OBJECT && b->kind == JSON_OBJECT)
		diff_object(d, a, b);
	else if (a->kind == JSON_ARRAY && b->kind == JSON_ARRAY)
		diff_array(d, a, b);
	else
	{
		add_operation(d, "replace", b, NULL);
		return;
	}
	if (d->bytes - bytes <= whole + SLACK_BYTES &&
		d->operations->n <= JSON_PATCH_MAX_OPERATIONS)
		return;
	while (d->operations->n > noperations)
		(void) json_remove_item(d->operations, d->operations->n - 1);
	d->bytes = bytes;
	add_operation(d, "replace", b, NULL);
}

JsonNode *
json_diff(JsonNode *a, JsonNode *b)
{
	Diff diff = {.operations = json_new_array()};

	initStringInfo(&diff.path);
	if (!json_same(a, b))
		diff_value(&diff, a, b);
	return diff.operations;
}
