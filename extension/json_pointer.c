/*
 * json_pointer.c
 *	  Reading, following and writing JSON pointers; see json_pointer.h.
 *
 * Must stay true: a token is an index only if it is what json_pointer_add_index()
 * would have written, for else two pointers could name one place and
 * json_pointer_is_above() would not see it.
 */
#include "json_pointer.h"

/* digits of the largest int */
#define MAX_INDEX_DIGITS 10

bool
json_pointer_valid(JsonText pointer)
{
	if (pointer.len == 0)
		return true;
	if (pointer.val[0] != '/')
		return false;
	for (int i = 0; i < pointer.len; i++)
	{
		if (pointer.val[i] != '~')
			continue;
		i++;
		if (i == pointer.len || (pointer.val[i] != '0' && pointer.val[i] != '1'))
			return false;
	}
	return true;
}

/* palloc'd copy with "~1" as "/" and "~0" as "~" */
static JsonText
unescape(JsonText token)
{
	char *to = palloc(token.len);
	int len = 0;

	for (int i = 0; i < token.len; i++)
	{
		if (token.val[i] != '~')
			to[len++] = token.val[i];
		else
			to[len++] = token.val[++i] == '1' ? '/' : '~';
	}
	return (JsonText){to, len};
}

bool
json_pointer_next(JsonText *pointer, JsonText *token)
{
	const char *end;

	if (pointer->len == 0)
		return false;
	token->val = pointer->val + 1;
	end = memchr(token->val, '/', pointer->len - 1);
	token->len = end != NULL ? (int) (end - token->val) : pointer->len - 1;
	pointer->val += token->len + 1;
	pointer->len -= token->len + 1;
	if (memchr(token->val, '~', token->len) != NULL)
		*token = unescape(*token);
	return true;
}

int
json_pointer_index(JsonText token, int limit)
{
	int64 index = 0;

	if (token.len == 0 || token.len > MAX_INDEX_DIGITS ||
		(token.val[0] == '0' && token.len > 1))
		return -1;
	for (int i = 0; i < token.len; i++)
	{
		if (token.val[i] < '0' || token.val[i] > '9')
			return -1;
		index = index * 10 + (token.val[i] - '0');
	}
	return index < limit ? (int) index : -1;
}

JsonNode *
json_pointer_child(JsonNode *node, JsonText token)
{
	int i;

	if (node->kind == JSON_OBJECT)
		return json_get(node, token);
	if (node->kind != JSON_ARRAY)
		return NULL;
	i = json_pointer_index(token, node->n);
	return i >= 0 ? json_item(node, i) : NULL;
}

JsonNode *
json_pointer_get(JsonNode *doc, JsonText pointer)
{
	JsonText token;

	while (doc != NULL && json_pointer_next(&pointer, &token))
		doc = json_pointer_child(doc, token);
	return doc;
}

JsonNode *
json_pointer_parent(JsonNode *doc, JsonText pointer, JsonText *last)
{
	(void) json_pointer_next(&pointer, last);
	while (doc != NULL && pointer.len > 0)
	{
		doc = json_pointer_child(doc, *last);
		(void) json_pointer_next(&pointer, last);
	}
	if (doc == NULL || (doc->kind != JSON_ARRAY && doc->kind != JSON_OBJECT))
		return NULL;
	return doc;
}

bool
json_pointer_is_above(JsonText above, JsonText below)
{
	return above.len < below.len && memcmp(above.val, below.val, above.len) == 0 &&
		   below.val[above.len] == '/';
}

void
json_pointer_add_key(StringInfo pointer, JsonText key)
{
	appendStringInfoChar(pointer, '/');
	for (int i = 0; i < key.len; i++)
	{
		if (key.val[i] == '~')
			appendStringInfoString(pointer, "~0");
		else if (key.val[i] == '/')
			appendStringInfoString(pointer, "~1");
		else
			appendStringInfoChar(pointer, key.val[i]);
	}
}

void
json_pointer_add_index(StringInfo pointer, int index)
{
	appendStringInfo(pointer, "/%d", index);
}
