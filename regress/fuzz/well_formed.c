/*
 * well_formed.c
 *	  Whether bytes are a jsonb as utils/jsonb.h describes it.
 *
 * Written from that description and not from json_write.c: entry by entry, with
 * every byte accounted for, padding of zeros included.
 */
#include "document.h"

#include "miscadmin.h"

/* one of these while a container is checked */
typedef struct Cursor
{
	const JEntry *entries;
	const char *base;
	uint32 offset; /* of the next child */
} Cursor;

static uint32 check_container(const char *bytes, uint32 len);

static bool
is_zero(const char *bytes, uint32 len)
{
	for (uint32 i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* checks the i-th child and goes on behind it */
static void
check_child(Cursor *cursor, int i)
{
	JEntry entry = cursor->entries[i];
	uint32 start = cursor->offset;
	uint32 end = (i % JB_OFFSET_STRIDE == 0 ? 0 : start) + (entry & JENTRY_OFFLENMASK);
	uint32 padding = INTALIGN(start) - start;
	const char *bytes = cursor->base + start;

	CHECK(((entry & JENTRY_HAS_OFF) != 0) == (i % JB_OFFSET_STRIDE == 0));
	CHECK(end >= start);
	if (JBE_ISCONTAINER(entry))
	{
		CHECK(is_zero(bytes, padding));
		CHECK(check_container(bytes + padding, end - start - padding) ==
			  end - start - padding);
	}
	else if (JBE_ISNUMERIC(entry))
	{
		CHECK(is_zero(bytes, padding));
		CHECK(VARSIZE(bytes + padding) == end - start - padding);
	}
	else
		CHECK(JBE_ISSTRING(entry) || start == end);
	cursor->offset = end;
}

static void
check_key(Cursor *cursor, int i, JsonText *last)
{
	uint32 start = cursor->offset;
	JsonText key;

	CHECK(JBE_ISSTRING(cursor->entries[i]));
	check_child(cursor, i);
	key = (JsonText){cursor->base + start, (int) (cursor->offset - start)};
	CHECK(i == 0 || last->len < key.len ||
		  (last->len == key.len && memcmp(last->val, key.val, key.len) < 0));
	*last = key;
}

/* how many bytes it has */
static uint32
check_container(const char *bytes, uint32 len)
{
	const JsonbContainer *container = (const JsonbContainer *) bytes;
	bool is_object = JsonContainerIsObject(container);
	int n = JsonContainerSize(container);
	int nentries = is_object ? 2 * n : n;
	Cursor cursor = {container->children, (const char *) &container->children[nentries],
					 0};
	JsonText last = {NULL, 0};

	check_stack_depth();
	CHECK(is_object != JsonContainerIsArray(container));
	CHECK((uintptr_t) bytes % sizeof(int32) == 0);
	CHECK((const char *) cursor.base - bytes <= len);
	for (int i = 0; i < nentries; i++)
		if (is_object && i < n)
			check_key(&cursor, i, &last);
		else
			check_child(&cursor, i);
	return (uint32) (cursor.base - bytes) + cursor.offset;
}

void
check_well_formed(const Jsonb *doc)
{
	uint32 len = VARSIZE(doc) - VARHDRSZ;

	CHECK(check_container((const char *) &doc->root, len) == len);
	CHECK(!JB_ROOT_IS_SCALAR(doc) || (JB_ROOT_COUNT(doc) == 1 && JB_ROOT_IS_ARRAY(doc)));
}
