/*
 * json_align.c
 *	  Aligning two arrays; see json_align.h.
 *
 * Values are numbered first, the same number for the same bytes, so that they
 * are compared once.  The longest common subsequence is that of Hunt and
 * Szymanski (1977): its cost is the number of pairs that are the same, which is
 * bounded here; beyond the bound values that occur often do not count, then
 * none do.  A worse alignment makes a longer patch, never a wrong one.
 */
#include "json_align.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "json_hash.h"
#include "json_keyed.h"
#include "json_order.h"

#define MAX_PAIRS 1000000
#define OFTEN 16

/* a value of this many bytes is worth an operation to move it */
#define WORTH_MOVING 64

static void *
alloc_many(Size size, int64 n)
{
	return palloc_extended(size * Max(n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* ---------- keyed arrays ---------- */

/* those that are aligned in another order than they stand in the first array */
static void
find_moves(JsonAlignment *alignment, int na, int nb)
{
	int *to = alloc_many(sizeof(int), na);
	int *place = alloc_many(sizeof(int), nb); /* among the aligned, of the second */
	int *wanted = alloc_many(sizeof(int), na);
	int naligned = 0;
	int n = 0;
	bool *moves;

	for (int j = 0; j < nb; j++)
	{
		place[j] = naligned;
		if (alignment->from[j] < 0)
			continue;
		to[alignment->from[j]] = j + 1;
		naligned++;
	}
	for (int i = 0; i < na; i++)
		if (to[i] > 0)
			wanted[n++] = place[to[i] - 1];
	moves = json_moves(wanted, n);
	for (int j = 0; moves != NULL && j < nb; j++)
		alignment->moves[j] = alignment->from[j] >= 0 && moves[place[j]];
	if (moves != NULL)
		pfree(moves);
	pfree(to);
	pfree(place);
	pfree(wanted);
}

static bool
align_keyed(JsonNode *a, JsonNode *b, JsonAlignment *alignment)
{
	JsonKeys *keys_a = json_keys(a);
	JsonKeys *keys_b = keys_a == NULL ? NULL : json_keys(b);

	if (keys_b == NULL)
		return false;
	for (int j = 0; j < b->n; j++)
		alignment->from[j] = json_keys_find(keys_a, json_keys_id(keys_b, j));
	find_moves(alignment, a->n, b->n);
	return true;
}

/* ---------- numbers for values ---------- */

/* the part of the arrays that is not the same at both ends, with numbers for values */
typedef struct Middle
{
	JsonNode *a;
	JsonNode *b;
	int start; /* of the middle, in both */
	int na;
	int nb;
	int *class_a;
	int *class_b;
	int nclasses;
	JsonAlignment *alignment; /* whose moves are set here as well */
} Middle;

typedef struct ValueTable
{
	uint32 mask;
	int *slots; /* number + 1, or 0 */
	JsonNode **values;
	uint64 *hashes;
	int n;
} ValueTable;

static int
number_of(ValueTable *table, JsonNode *value)
{
	uint64 hash = json_hash(value);
	uint32 slot = (uint32) hash & table->mask;

	CHECK_FOR_INTERRUPTS();
	for (; table->slots[slot] != 0; slot = (slot + 1) & table->mask)
	{
		int number = table->slots[slot] - 1;

		if (table->hashes[number] == hash && json_same(table->values[number], value))
			return number;
	}
	table->values[table->n] = value;
	table->hashes[table->n] = hash;
	table->slots[slot] = table->n + 1;
	return table->n++;
}

static void
number_values(Middle *m)
{
	ValueTable table = {0};
	int64 total = (int64) m->na + m->nb;
	int64 nslots = 8;

	while (nslots < total * 2)
		nslots *= 2;
	table.mask = (uint32) (nslots - 1);
	table.slots = alloc_many(sizeof(int), nslots);
	table.values = alloc_many(sizeof(JsonNode *), total);
	table.hashes = alloc_many(sizeof(uint64), total);
	m->class_a = alloc_many(sizeof(int), m->na);
	m->class_b = alloc_many(sizeof(int), m->nb);
	for (int i = 0; i < m->na; i++)
		m->class_a[i] = number_of(&table, json_item(m->a, m->start + i));
	for (int j = 0; j < m->nb; j++)
		m->class_b[j] = number_of(&table, json_item(m->b, m->start + j));
	m->nclasses = table.n;
	pfree(table.slots);
	pfree(table.values);
	pfree(table.hashes);
}

static void
find_middle(Middle *m)
{
	int shorter = Min(m->a->n, m->b->n);
	int end = 0;

	while (m->start < shorter &&
		   json_same(json_item(m->a, m->start), json_item(m->b, m->start)))
	{
		m->alignment->from[m->start] = m->start;
		m->start++;
	}
	while (end < shorter - m->start && json_same(json_item(m->a, m->a->n - 1 - end),
												 json_item(m->b, m->b->n - 1 - end)))
	{
		m->alignment->from[m->b->n - 1 - end] = m->a->n - 1 - end;
		end++;
	}
	m->na = m->a->n - m->start - end;
	m->nb = m->b->n - m->start - end;
}

/* ---------- the longest common subsequence ---------- */

/* positions of each value in the second array, the last one first */
typedef struct Places
{
	int *first; /* by number of the value, position + 1 or 0 */
	int *next;  /* by position, the same */
	int *count; /* by number */
} Places;

static Places
find_places(const Middle *m)
{
	Places places;

	places.first = alloc_many(sizeof(int), m->nclasses);
	places.next = alloc_many(sizeof(int), m->nb);
	places.count = alloc_many(sizeof(int), m->nclasses);
	for (int j = 0; j < m->nb; j++)
	{
		int class = m->class_b[j];

		places.next[j] = places.first[class];
		places.first[class] = j + 1;
		places.count[class]++;
	}
	return places;
}

/* how many times a value may occur for all pairs to be looked at; 0 = none can */
static int
most_often(const Middle *m, const Places *places)
{
	int64 pairs = 0;
	int64 rare_pairs = 0;

	for (int i = 0; i < m->na; i++)
	{
		int count = places->count[m->class_a[i]];

		pairs += count;
		rare_pairs += count <= OFTEN ? count : 0;
	}
	if (pairs <= MAX_PAIRS)
		return PG_INT32_MAX;
	return rare_pairs <= MAX_PAIRS ? OFTEN : 0;
}

/* a pair that ends a common subsequence */
typedef struct Link
{
	int i;
	int j;
	int prev; /* link, -1 = none */
} Link;

/* one of these for each search */
typedef struct Search
{
	Link *links;
	int nlinks;
	int space;
	int *ends; /* link that ends the best subsequence of each length */
	int length;
} Search;

static int
add_link(Search *s, int i, int j, int prev)
{
	if (s->nlinks == s->space)
	{
		s->space *= 2;
		s->links = repalloc_huge(s->links, sizeof(Link) * s->space);
	}
	s->links[s->nlinks] = (Link){i, j, prev};
	return s->nlinks++;
}

/* how many of the subsequences end before j */
static int
shorter_than(const Search *s, int j)
{
	int low = 0;
	int high = s->length;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (s->links[s->ends[middle]].j < j)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
add_pairs(Search *s, const Places *places, int i, int class)
{
	for (int place = places->first[class]; place > 0; place = places->next[place - 1])
	{
		int j = place - 1;
		int k = shorter_than(s, j);

		if (k < s->length && s->links[s->ends[k]].j == j)
			continue;
		s->ends[k] = add_link(s, i, j, k > 0 ? s->ends[k - 1] : -1);
		s->length = Max(s->length, k + 1);
	}
}

static void
align_common(Middle *m)
{
	Places places = find_places(m);
	int often = most_often(m, &places);
	Search search = {.space = 64};

	search.links = palloc(sizeof(Link) * search.space);
	search.ends = alloc_many(sizeof(int), Min(m->na, m->nb));
	for (int i = 0; i < m->na && often > 0; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (places.count[m->class_a[i]] <= often)
			add_pairs(&search, &places, i, m->class_a[i]);
	}
	for (int l = search.length > 0 ? search.ends[search.length - 1] : -1; l >= 0;
		 l = search.links[l].prev)
		m->alignment->from[m->start + search.links[l].j] = m->start + search.links[l].i;
	pfree(search.links);
	pfree(search.ends);
	pfree(places.first);
	pfree(places.next);
	pfree(places.count);
}

/* ---------- what is left between those that stayed ---------- */

/* one of these for each array: gaps are numbered by how many stay before them */
typedef struct Rest
{
	int *taken_a; /* whether an element of the first is aligned */
	int *gap_a;
	int *gap_b;
	int *left_a; /* elements of each gap that are not aligned */
	int *left_b;
} Rest;

static Rest
find_gaps(const Middle *m)
{
	Rest r;
	int gap = 0;

	r.taken_a = alloc_many(sizeof(int), m->na);
	r.gap_a = alloc_many(sizeof(int), m->na);
	r.gap_b = alloc_many(sizeof(int), m->nb);
	r.left_a = alloc_many(sizeof(int), (int64) m->na + 1);
	r.left_b = alloc_many(sizeof(int), (int64) m->nb + 1);
	for (int j = 0; j < m->nb; j++)
	{
		int from = m->alignment->from[m->start + j];

		r.gap_b[j] = gap;
		if (from < 0)
			r.left_b[gap]++;
		else
		{
			r.taken_a[from - m->start] = true;
			gap++;
		}
	}
	gap = 0;
	for (int i = 0; i < m->na; i++)
	{
		r.gap_a[i] = gap;
		if (r.taken_a[i])
			gap++;
		else
			r.left_a[gap]++;
	}
	return r;
}

/* values that went to another gap, where that is shorter than to say them again */
static void
align_moved(Middle *m, Rest *r)
{
	int *first = alloc_many(sizeof(int), m->nclasses);
	int *next = alloc_many(sizeof(int), m->na);

	for (int i = m->na - 1; i >= 0; i--)
		if (!r->taken_a[i])
		{
			next[i] = first[m->class_a[i]];
			first[m->class_a[i]] = i + 1;
		}
	for (int j = 0; j < m->nb; j++)
	{
		int *from = &m->alignment->from[m->start + j];
		int i = first[m->class_b[j]] - 1;
		bool saves;

		if (*from >= 0 || i < 0)
			continue;
		saves = r->left_a[r->gap_a[i]] > r->left_b[r->gap_a[i]] ||
				r->left_b[r->gap_b[j]] > r->left_a[r->gap_b[j]];
		if (!saves && json_size(json_item(m->b, m->start + j)) < WORTH_MOVING)
			continue;
		first[m->class_b[j]] = next[i];
		*from = m->start + i;
		m->alignment->moves[m->start + j] = true;
		r->taken_a[i] = true;
		r->left_a[r->gap_a[i]]--;
		r->left_b[r->gap_b[j]]--;
	}
	pfree(first);
	pfree(next);
}

/* in each gap the first with the first, and so on */
static void
align_changed(Middle *m, const Rest *r)
{
	int i = 0;

	for (int j = 0; j < m->nb; j++)
	{
		if (m->alignment->from[m->start + j] >= 0)
			continue;
		while (i < m->na && (r->gap_a[i] < r->gap_b[j] || r->taken_a[i]))
			i++;
		if (i < m->na && r->gap_a[i] == r->gap_b[j])
			m->alignment->from[m->start + j] = m->start + i++;
	}
}

static void
align_values(JsonNode *a, JsonNode *b, JsonAlignment *alignment)
{
	Middle m = {.a = a, .b = b, .alignment = alignment};
	Rest rest;

	find_middle(&m);
	if (m.na == 0 || m.nb == 0)
		return;
	if (m.na == 1 && m.nb == 1)
	{
		/* not read to be hashed, or deep documents would be read at every level */
		alignment->from[m.start] = m.start;
		return;
	}
	number_values(&m);
	align_common(&m);
	rest = find_gaps(&m);
	align_moved(&m, &rest);
	align_changed(&m, &rest);
	pfree(rest.taken_a);
	pfree(rest.gap_a);
	pfree(rest.gap_b);
	pfree(rest.left_a);
	pfree(rest.left_b);
	pfree(m.class_a);
	pfree(m.class_b);
}

JsonAlignment
json_align(JsonNode *a, JsonNode *b)
{
	JsonAlignment alignment;

	alignment.from = alloc_many(sizeof(int), b->n);
	alignment.moves = alloc_many(sizeof(bool), b->n);
	for (int j = 0; j < b->n; j++)
		alignment.from[j] = -1;
	if (!align_keyed(a, b, &alignment))
		align_values(a, b, &alignment);
	return alignment;
}
