/*
 * json_write.c
 *	  A tree as jsonb; see json_tree.h.
 *
 * Writes jsonb's binary form itself, as convertToJsonb() of the server does,
 * because that would take raw containers apart only to put them together again:
 * here they are copied as bytes, which mean the same wherever they stand, since
 * every container begins at a multiple of four.  The format is the one of
 * utils/jsonb.h (a header with the count, an entry for each child, then the
 * children's bytes; of every JB_OFFSET_STRIDE entries one holds an offset, the
 * others lengths).
 *
 * Must stay true: the result is byte for byte what the server would have made.
 */
#include "json_tree.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"
#include "miscadmin.h"

#include "wrk_copilot.h"

static void
refuse_size(void)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_TOO_LARGE), errmsg("document is too large"),
					errdetail("A container of a jsonb holds at most %d bytes.",
							  JENTRY_OFFLENMASK)));
}

static int
reserve(StringInfo buffer, int len)
{
	int offset;

	if (buffer->len > (int) (MaxAllocSize - 1024) - len)
		refuse_size();
	if (buffer->maxlen - buffer->len <= len)
		enlargeStringInfo(buffer, len);
	offset = buffer->len;
	buffer->len += len;
	return offset;
}

static void
append(StringInfo buffer, const void *data, int len)
{
	int offset = reserve(buffer, len);

	memcpy(buffer->data + offset, data, len);
}

static void
pad(StringInfo buffer)
{
	int padding = INTALIGN(buffer->len) - buffer->len;
	int offset = reserve(buffer, padding);

	memset(buffer->data + offset, 0, padding);
}

static JEntry write_node(StringInfo buffer, JsonNode *node);

/* type bits of the entry, whose length the caller adds */
static JEntry
write_scalar(StringInfo buffer, const JsonNode *node)
{
	switch (node->kind)
	{
		case JSON_NULL:
			return JENTRY_ISNULL;
		case JSON_BOOL:
			return node->u.boolean ? JENTRY_ISBOOL_TRUE : JENTRY_ISBOOL_FALSE;
		case JSON_STRING:
			append(buffer, node->u.string.val, node->u.string.len);
			return JENTRY_ISSTRING;
		default:
			pad(buffer);
			append(buffer, node->u.number, VARSIZE_ANY(node->u.number));
			return JENTRY_ISNUMERIC;
	}
}

/* one of these while the children of a container are written */
typedef struct Children
{
	StringInfo buffer;
	int entries;  /* offset of the first entry in the buffer */
	int i;        /* how many are written */
	uint32 total; /* bytes of those */
} Children;

/* makes the entry of the child whose bytes begin at start */
static void
finish_child(Children *children, JEntry type, int start)
{
	int64 len = children->buffer->len - start;
	int64 total = (int64) children->total + len;
	JEntry entry;

	if (total > JENTRY_OFFLENMASK)
		refuse_size();
	children->total = (uint32) total;
	entry = children->i % JB_OFFSET_STRIDE == 0
				? (type | children->total | JENTRY_HAS_OFF)
				: (type | (JEntry) len);
	memcpy(children->buffer->data + children->entries + children->i * sizeof(JEntry),
		   &entry, sizeof(JEntry));
	children->i++;
}

static void
write_child(Children *children, JsonNode *node)
{
	int start = children->buffer->len;
	JEntry type = write_node(children->buffer, node);

	finish_child(children, type, start);
}

static void
write_key(Children *children, JsonText key)
{
	int start = children->buffer->len;

	append(children->buffer, key.val, key.len);
	finish_child(children, JENTRY_ISSTRING, start);
}

/* header of a container and room for its entries */
static Children
begin_container(StringInfo buffer, uint32 header, int nentries)
{
	Children children = {.buffer = buffer};

	pad(buffer);
	append(buffer, &header, sizeof(header));
	children.entries = reserve(buffer, (int) sizeof(JEntry) * nentries);
	return children;
}

static void
write_container(StringInfo buffer, JsonNode *node)
{
	Children children;

	if (node->raw != NULL)
	{
		pad(buffer);
		append(buffer, node->raw, node->raw_len);
		return;
	}
	if (node->n > (int) JB_CMASK / 2)
		refuse_size();
	if (node->kind == JSON_ARRAY)
	{
		children = begin_container(buffer, (uint32) node->n | JB_FARRAY, node->n);
		for (int i = 0; i < node->n; i++)
			write_child(&children, node->u.items[i]);
		return;
	}
	children = begin_container(buffer, (uint32) node->n | JB_FOBJECT, 2 * node->n);
	for (int i = 0; i < node->n; i++)
		write_key(&children, node->u.members[i].key);
	for (int i = 0; i < node->n; i++)
		write_child(&children, node->u.members[i].value);
}

static JEntry
write_node(StringInfo buffer, JsonNode *node)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (node->kind != JSON_ARRAY && node->kind != JSON_OBJECT)
		return write_scalar(buffer, node);
	write_container(buffer, node);
	return JENTRY_ISCONTAINER;
}

/*
 * As large as the result will be: growing would copy all of it again.  What
 * json_size() leaves out is padding.
 */
static void
begin_buffer(StringInfo buffer, JsonNode *node)
{
	Size size = json_size(node);

	initStringInfo(buffer);
	size = Min(size + size / 16 + 64, MaxAllocSize);
	if (size > (Size) buffer->maxlen)
	{
		pfree(buffer->data);
		buffer->data = palloc(size);
		buffer->maxlen = (int) size;
	}
}

Jsonb *
json_to_jsonb(JsonNode *node)
{
	StringInfoData buffer;

	begin_buffer(&buffer, node);
	(void) reserve(&buffer, VARHDRSZ);
	if (node->kind == JSON_ARRAY || node->kind == JSON_OBJECT)
		write_container(&buffer, node);
	else
	{
		/* a scalar is the one element of an array that says so */
		Children children = begin_container(&buffer, 1 | JB_FSCALAR | JB_FARRAY, 1);

		write_child(&children, node);
	}
	SET_VARSIZE(buffer.data, buffer.len);
	return (Jsonb *) buffer.data;
}

Size
json_size(JsonNode *node)
{
	Size size = sizeof(JEntry);

	check_stack_depth();
	switch (node->kind)
	{
		case JSON_NULL:
		case JSON_BOOL:
			return size;
		case JSON_STRING:
			return size + node->u.string.len;
		case JSON_NUMBER:
			return size + VARSIZE_ANY(node->u.number);
		case JSON_ARRAY:
		case JSON_OBJECT:
			break;
	}
	if (node->raw != NULL)
		return size + node->raw_len;
	for (int i = 0; i < node->n; i++)
		if (node->kind == JSON_ARRAY)
			size += json_size(node->u.items[i]);
		else
			size += sizeof(JEntry) + node->u.members[i].key.len +
					json_size(node->u.members[i].value);
	return size + sizeof(uint32);
}
