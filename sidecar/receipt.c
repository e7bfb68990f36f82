/*
 * receipt.c: see receipt.h.
 */
#include "receipt.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define RULES_MAX 64

typedef struct Rule
{
	char *type;
	char *method;
} Rule;

static Rule rules[RULES_MAX];
static int nrules;

void
receipt_rules_load(const json_t *array)
{
	size_t i;
	json_t *rule;

	while (nrules > 0)
	{
		nrules--;
		free(rules[nrules].type);
		free(rules[nrules].method);
	}
	json_array_foreach((json_t *) (uintptr_t) array, i, rule)
	{
		const char *type = json_string_value(json_object_get(rule, "type"));
		const char *method = json_string_value(json_object_get(rule, "method"));

		if (type != NULL && method != NULL && nrules < RULES_MAX)
			rules[nrules++] = (Rule){mem_strdup(type), mem_strdup(method)};
	}
}

const char *
receipt_method(const char *event_type)
{
	for (int i = 0; i < nrules; i++)
	{
		if (strcmp(rules[i].type, event_type) == 0)
			return rules[i].method;
	}
	return NULL;
}

char *
receipt_id(const char *payload, size_t len)
{
	json_t *root = json_loadb(payload, len, 0, NULL);
	const json_t *id = json_object_get(root, "id");
	char *text = NULL;

	if (json_is_string(id) || json_is_integer(id))
		text = json_dumps(id, JSON_ENCODE_ANY);
	json_decref(root);
	return text;
}

static void
clear_mark(ReceiptMark *mark)
{
	free(mark->id);
	free(mark->sender);
	*mark = (ReceiptMark){0};
}

void
receipt_add(Receipt **receipt, const char *channel, const char *method, const char *id,
			const char *sender)
{
	Receipt *to = *receipt;

	if (to == NULL)
	{
		to = *receipt = mem_zalloc(sizeof(Receipt));
		to->refs = 1;
		to->channel = mem_strdup(channel);
		to->method = mem_strdup(method);
	}
	if (strcmp(to->method, method) != 0)
	{
		free(to->method);
		to->method = mem_strdup(method);
		clear_mark(&to->last);
		clear_mark(&to->other);
	}
	if (to->last.id != NULL && strcmp(to->last.sender, sender) != 0)
	{
		clear_mark(&to->other);
		to->other = to->last;
		to->last = (ReceiptMark){0};
	}
	clear_mark(&to->last);
	to->last = (ReceiptMark){mem_strdup(id), mem_strdup(sender)};
}

const char *
receipt_for(const Receipt *receipt, const char *user)
{
	return strcmp(receipt->last.sender, user) == 0 ? receipt->other.id : receipt->last.id;
}

Receipt *
receipt_ref(Receipt *receipt)
{
	if (receipt != NULL)
		receipt->refs++;
	return receipt;
}

void
receipt_unref(Receipt *receipt)
{
	if (receipt == NULL || --receipt->refs > 0)
		return;
	clear_mark(&receipt->last);
	clear_mark(&receipt->other);
	free(receipt->channel);
	free(receipt->method);
	free(receipt);
}
