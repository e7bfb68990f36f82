/*
 * blueprint_diff.c
 *	  Comparing two blueprints; see blueprint_diff.h for what a diff looks like.
 *
 * Two objects are compared by walking their members side by side, two keyed
 * arrays by looking up each id.  Equal parts are found by their bytes and never
 * opened, so the cost beyond reading both documents is that of what changed.
 *
 * Must stay true: (1) blueprint_patch(a, diff) is b to the byte but for UI-only
 * members, of which a's are kept; (2) paths of one list never lead through each
 * other; (3) a path has at most BLUEPRINT_MAX_PATH names, and goes on only below
 * MAX_PATH_BYTES, so that no diff is quadratic in the depth of a document, or in
 * the length of a key with many members.
 */
#include "blueprint_diff.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "blueprint_order.h"
#include "blueprint_place.h"
#include "blueprint_ui.h"
#include "json_keyed.h"
#include "json_order.h"

/* what lies below a longer path is one value, but for what is UI-only in it */
#define MAX_PATH_BYTES 512

/* the names above a value, made on the stack while descending */
typedef struct Path
{
	const struct Path *up;
	JsonText key;
	int depth;
	Size bytes; /* of all names */
} Path;

/* a member of either object; NULL where it is not */
typedef struct Pair
{
	JsonText key;
	JsonNode *a;
	JsonNode *b;
} Pair;

/* two objects side by side */
typedef struct Walk
{
	JsonNode *a;
	JsonNode *b;
	int i;
	int j;
} Walk;

static bool
next_pair(Walk *walk, Pair *pair)
{
	const JsonMember *a = walk->i < walk->a->n ? json_member(walk->a, walk->i) : NULL;
	const JsonMember *b = walk->j < walk->b->n ? json_member(walk->b, walk->j) : NULL;
	int order;

	if (a == NULL && b == NULL)
		return false;
	order = a == NULL ? 1 : b == NULL ? -1 : json_text_cmp(a->key, b->key);
	pair->key = order <= 0 ? a->key : b->key;
	pair->a = order <= 0 ? a->value : NULL;
	pair->b = order >= 0 ? b->value : NULL;
	walk->i += order <= 0;
	walk->j += order >= 0;
	return true;
}

/* ---------- what changed in an object ---------- */

static JsonNode *
path_node(const Path *path)
{
	JsonNode *node = json_new_array();

	for (; path != NULL; path = path->up)
		json_insert(node, 0, json_new_text(path->key));
	return node;
}

/* appends to a list that is made when it is needed */
static void
add_to(JsonNode *changes, const char *list, JsonNode *item)
{
	JsonNode *array = json_get_named(changes, list);

	if (array == NULL)
	{
		array = json_new_array();
		json_set_named(changes, list, array);
	}
	json_append(array, item);
}

static void
add_set(JsonNode *changes, const Path *path, JsonNode *value)
{
	JsonNode *step = json_new_array();

	json_append(step, path_node(path));
	json_append(step, value);
	add_to(changes, "set", step);
}

static bool diff_arrays(JsonNode *a, JsonNode *b, JsonNode *ui, JsonNode *changes);

static bool
add_in(JsonNode *changes, const Path *path, JsonNode *a, JsonNode *b)
{
	JsonNode *inner = json_new_object();

	if (!diff_arrays(a, b, NULL, inner))
		return false;
	json_set_named(inner, "path", path_node(path));
	add_to(changes, "in", inner);
	return true;
}

static void diff_objects(JsonNode *a, JsonNode *b, JsonNode *ui, const Path *up,
						 JsonNode *changes);

static bool
may_descend(const Path *path, const JsonNode *ui)
{
	return path->depth < BLUEPRINT_MAX_PATH &&
		   (path->bytes <= MAX_PATH_BYTES || ui != NULL);
}

static void
diff_values(const Pair *pair, JsonNode *ui, const Path *path, JsonNode *changes)
{
	if (blueprint_ui_all(ui))
		return;
	if (pair->b == NULL)
		add_to(changes, "unset", path_node(path));
	else if (pair->a != NULL && json_same(pair->a, pair->b))
		return;
	else if (pair->a != NULL && pair->a->kind == JSON_OBJECT &&
			 pair->b->kind == JSON_OBJECT && may_descend(path, ui))
		diff_objects(pair->a, pair->b, ui, path, changes);
	else if (pair->a != NULL && pair->a->kind == JSON_ARRAY &&
			 pair->b->kind == JSON_ARRAY && add_in(changes, path, pair->a, pair->b))
		return;
	else
	{
		blueprint_strip_value(pair->b, ui);
		add_set(changes, path, pair->b);
	}
}

static void
diff_objects(JsonNode *a, JsonNode *b, JsonNode *ui, const Path *up, JsonNode *changes)
{
	Walk walk = {.a = a, .b = b};
	Pair pair;

	check_stack_depth();
	while (next_pair(&walk, &pair))
	{
		Path path = {.up = up,
					 .key = pair.key,
					 .depth = up ? up->depth + 1 : 1,
					 .bytes = (up ? up->bytes : 0) + pair.key.len};

		diff_values(&pair, blueprint_ui_below(ui, pair.key), &path, changes);
	}
}

/* ---------- what changed in a keyed array ---------- */

/*
 * Two keyed arrays, and where the elements of each are in the other, or -1.
 *
 * Only one is indexed.  Most elements are where they were and as they were: one
 * memcmp() tells, and the id need not be read.
 */
typedef struct Match
{
	JsonNode *a;
	JsonNode *b;
	JsonKeys *in_a;
	int *to;           /* of each in a */
	int *from;         /* of each in b */
	bool *same;        /* of each in b: as it was */
	JsonNode **new_id; /* of each in b */
} Match;

static int *
new_positions(int n)
{
	int *positions = palloc_extended(sizeof(int) * Max(n, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < n; i++)
		positions[i] = -1;
	return positions;
}

static void
begin_match(Match *match)
{
	Size n = Max(match->b->n, 1);

	match->to = new_positions(match->a->n);
	match->from = new_positions(match->b->n);
	match->same = palloc_extended(sizeof(bool) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	match->new_id = palloc_extended(sizeof(JsonNode *) * n, MCXT_ALLOC_HUGE);
}

/* position in a of the j-th of b, -1 if it is new; next is where it should be */
static int
match_element(Match *match, int j, int next)
{
	JsonNode *element = json_item(match->b, j);
	JsonNode *id;

	if (next < match->a->n && json_same(json_item(match->a, next), element))
	{
		match->same[j] = true;
		match->new_id[j] = json_keys_id(match->in_a, next);
		return next;
	}
	id = match->new_id[j] = json_id(element);
	if (id == NULL)
		return -1;
	if (next >= match->a->n || !json_same(json_keys_id(match->in_a, next), id))
		next = json_keys_find(match->in_a, id);
	if (next >= 0)
		match->same[j] = json_same(json_item(match->a, next), element);
	return next;
}

/* false if b is not keyed: two elements are the same one of a, or new ones are alike */
static bool
match_elements(Match *match)
{
	JsonNode *fresh = json_new_array();
	int next = 0;

	for (int j = 0; j < match->b->n; j++)
	{
		int i = match_element(match, j, next);

		CHECK_FOR_INTERRUPTS();
		if (i < 0)
		{
			json_append(fresh, json_item(match->b, j));
			continue;
		}
		if (match->to[i] >= 0)
			return false;
		match->from[j] = i;
		match->to[i] = j;
		next = i + 1;
	}
	return json_keys(fresh) != NULL;
}

static bool
match_arrays(Match *match, JsonNode *a, JsonNode *b)
{
	match->a = a;
	match->b = b;
	match->in_a = b->kind == JSON_ARRAY ? json_keys(a) : NULL;
	if (match->in_a == NULL)
		return false;
	begin_match(match);
	return match_elements(match);
}

static void
diff_element(const Match *match, int j, JsonNode *ui, JsonNode *changes)
{
	JsonNode *a = json_item(match->a, match->from[j]);
	JsonNode *b = json_item(match->b, j);
	JsonNode *update;

	update = json_new_object();
	diff_objects(a, b, ui, NULL, update);
	if (update->n == 0)
		return;
	json_set_named(update, "id", match->new_id[j]);
	add_to(changes, "updated", update);
}

/* patching leaves what stays in the old order, then what is added in the new one */
static void
diff_order(const Match *match, JsonNode *changes)
{
	int *wanted = new_positions(match->b->n);
	int n = 0;
	bool *moves;

	for (int i = 0; i < match->a->n; i++)
		if (match->to[i] >= 0)
			wanted[n++] = match->to[i];
	for (int j = 0; j < match->b->n; j++)
		if (match->from[j] < 0)
			wanted[n++] = j;
	moves = json_moves(wanted, n);
	for (int j = 0; moves != NULL && j < n; j++)
	{
		JsonNode *step;

		if (!moves[j])
			continue;
		step = json_new_array();
		json_append(step, match->new_id[j]);
		json_append(step, j > 0 ? match->new_id[j - 1] : json_new_null());
		add_to(changes, "order", step);
	}
}

/* false if they are not both keyed */
static bool
diff_arrays(JsonNode *a, JsonNode *b, JsonNode *ui, JsonNode *changes)
{
	Match match;

	check_stack_depth();
	if (!match_arrays(&match, a, b))
		return false;
	for (int j = 0; j < b->n; j++)
	{
		CHECK_FOR_INTERRUPTS();
		if (match.same[j])
			continue;
		if (match.from[j] >= 0)
			diff_element(&match, j, ui, changes);
		else
		{
			blueprint_strip_value(json_item(b, j), ui);
			add_to(changes, "added", json_item(b, j));
		}
	}
	for (int i = 0; i < a->n; i++)
		if (match.to[i] < 0)
			add_to(changes, "deleted", json_keys_id(match.in_a, i));
	diff_order(&match, changes);
	return true;
}

/* ---------- the document ---------- */

static void
diff_member(const Pair *pair, JsonNode *ui, JsonNode *meta, JsonNode *diff)
{
	Path path = {.key = pair->key, .depth = 1, .bytes = pair->key.len};

	if (pair->a != NULL && pair->b != NULL && json_same(pair->a, pair->b))
		return;
	if (blueprint_is_collection(pair->key) && pair->b != NULL)
	{
		JsonNode *changes = json_new_object();

		if (pair->a != NULL && diff_arrays(pair->a, pair->b, ui, changes))
		{
			if (changes->n > 0)
				json_set(diff, pair->key, changes);
			return;
		}
		/* new as a whole */
		blueprint_strip_array(pair->b, ui);
	}
	diff_values(pair, NULL, &path, meta);
}

JsonNode *
blueprint_diff(JsonNode *a, JsonNode *b, JsonNode *ui)
{
	JsonNode *diff = json_new_object();
	JsonNode *meta = json_new_object();
	Walk walk = {.a = a, .b = b};
	Pair pair;

	if (a->kind != JSON_OBJECT || b->kind != JSON_OBJECT)
		blueprint_malformed(NULL, "a blueprint must be an object");
	while (next_pair(&walk, &pair))
		diff_member(&pair, ui, meta, diff);
	if (meta->n > 0)
		json_set_named(diff, BLUEPRINT_META, meta);
	return diff;
}
