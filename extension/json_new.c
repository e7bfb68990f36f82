/*
 * json_new.c
 *	  Nodes that come from no jsonb; see json_tree.h.
 *
 * Texts are not copied: a node points to the bytes it was given.  A copy shares
 * what is raw with what it was made from, since raw bytes never change.
 */
#include "json_tree.h"

#include "miscadmin.h"

#include "json_number.h"

static JsonNode *
new_node(JsonKind kind)
{
	JsonNode *node = palloc0(sizeof(JsonNode));

	node->kind = kind;
	return node;
}

JsonNode *
json_new_null(void)
{
	return new_node(JSON_NULL);
}

JsonNode *
json_new_bool(bool value)
{
	JsonNode *node = new_node(JSON_BOOL);

	node->u.boolean = value;
	return node;
}

JsonNode *
json_new_int(int64 value)
{
	JsonNode *node = new_node(JSON_NUMBER);

	node->u.number = json_number_from_int(value);
	return node;
}

JsonNode *
json_new_text(JsonText text)
{
	JsonNode *node = new_node(JSON_STRING);

	node->u.string = text;
	return node;
}

JsonNode *
json_new_string(const char *text)
{
	return json_new_text(json_text(text));
}

JsonNode *
json_new_array(void)
{
	return new_node(JSON_ARRAY);
}

JsonNode *
json_new_object(void)
{
	return new_node(JSON_OBJECT);
}

JsonNode *
json_copy(JsonNode *node)
{
	JsonNode *copy = palloc(sizeof(JsonNode));

	check_stack_depth();
	*copy = *node;
	if (node->raw != NULL || node->n == 0)
	{
		if (node->raw == NULL && (node->kind == JSON_ARRAY || node->kind == JSON_OBJECT))
			copy->space = 0;
		return copy;
	}
	copy->space = node->n;
	if (node->kind == JSON_ARRAY)
	{
		copy->u.items = palloc(sizeof(JsonNode *) * node->n);
		for (int i = 0; i < node->n; i++)
			copy->u.items[i] = json_copy(node->u.items[i]);
	}
	else
	{
		copy->u.members = palloc(sizeof(JsonMember) * node->n);
		for (int i = 0; i < node->n; i++)
		{
			copy->u.members[i].key = node->u.members[i].key;
			copy->u.members[i].value = json_copy(node->u.members[i].value);
		}
	}
	return copy;
}
