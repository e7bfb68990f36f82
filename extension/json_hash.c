/*
 * json_hash.c
 *	  Multiply and fold, eight bytes a step; see json_hash.h.
 *
 * A step is the folded product of wyhash (Wang Yi, public domain): both halves
 * of a 128-bit product, one xor the other.
 */
#include "json_hash.h"

#define FACTOR UINT64CONST(0xa0761d6478bd642f)
#define SEED_FACTOR UINT64CONST(0xe7037ed1a0b428db)

static inline uint64
fold(uint64 a, uint64 b)
{
#ifdef HAVE_INT128
	uint128 product = (uint128) a * b;

	return (uint64) product ^ (uint64) (product >> 64);
#else
	uint64 low = (a & 0xffffffff) * b;
	uint64 high = (a >> 32) * b;

	return low ^ high ^ (high >> 29);
#endif
}

/* where the library was loaded is anybody's guess */
static inline uint64
seed(void)
{
	static const char here = 0;

	return (uint64) (uintptr_t) &here * SEED_FACTOR;
}

uint64
json_hash_bytes(const void *data, int len)
{
	const char *p = data;
	uint64 hash = fold(seed() ^ (uint64) len, FACTOR);
	uint64 word;

	for (; len >= (int) sizeof(word); len -= sizeof(word), p += sizeof(word))
	{
		memcpy(&word, p, sizeof(word));
		hash = fold(hash ^ word, FACTOR);
	}
	word = 0;
	memcpy(&word, p, len);
	return fold(hash ^ word, SEED_FACTOR);
}

uint64
json_hash(JsonNode *node)
{
	Jsonb *written;
	uint64 hash;

	switch (node->kind)
	{
		case JSON_NULL:
			return 1;
		case JSON_BOOL:
			return node->u.boolean ? 2 : 3;
		case JSON_STRING:
			return json_hash_bytes(node->u.string.val, node->u.string.len);
		case JSON_NUMBER:
			return json_hash_bytes(node->u.number, VARSIZE_ANY(node->u.number)) + 1;
		case JSON_ARRAY:
		case JSON_OBJECT:
			break;
	}
	if (node->raw != NULL)
		return json_hash_bytes(node->raw, node->raw_len);
	written = json_to_jsonb(node);
	hash = json_hash_bytes(&written->root, VARSIZE(written) - VARHDRSZ);
	pfree(written);
	return hash;
}
