/*
 * word.c: see word.h.
 */
#include "word.h"

#include "wire.h"

#include <string.h>

bool
word_pack(const Word *word, Buf *out, size_t max)
{
	buf_puts(out, "[");
	buf_json_string(out, word->channel);
	buf_puts(out, ",");
	buf_json_string(out, word->user);
	buf_puts(out, ",");
	buf_json_string(out, word->type);
	buf_puts(out, "]\n");
	buf_append(out, word->data, word->len);
	return out->len <= max;
}

/* Is it one JSON value, and no more than that? */
static bool
is_json(const char *text, size_t len)
{
	json_t *value =
		json_loadb(text, len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);

	json_decref(value);
	return value != NULL;
}

bool
word_unpack(const char *text, size_t len, Word *word, json_t **root)
{
	const char *end = memchr(text, '\n', len);

	*word = (Word){0};
	*root = end ? json_loadb(text, (size_t) (end - text), 0, NULL) : NULL;
	if (*root == NULL || !json_is_array(*root) || json_array_size(*root) != 3)
		return false;
	word->channel = json_string_value(json_array_get(*root, 0));
	word->user = json_string_value(json_array_get(*root, 1));
	word->type = json_string_value(json_array_get(*root, 2));
	word->data = end + 1;
	word->len = len - (size_t) (end + 1 - text);
	return word->channel != NULL && word->user != NULL && word->type != NULL &&
		   wire_is_ephemeral_type(word->type) && word->len <= EPHEMERAL_DATA_MAX &&
		   is_json(word->data, word->len);
}
