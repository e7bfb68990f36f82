/*
 * opened.c: see opened.h.
 */
#include "opened.h"

#include <string.h>

#include <stdlib.h>

/* A string member, "" when there is none. */
static const char *
string_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

bool
opened_read(Opened *opened, const char *text)
{
	json_t *root = json_loads(text ? text : "", 0, NULL);

	*opened = (Opened){
		.root = root,
		.tenant = json_string_value(json_object_get(root, "tenant")),
		.user = string_of(json_object_get(root, "user"), "id"),
		.sid = string_of(root, "session"),
		.expires_at = json_integer_value(json_object_get(root, "expiresAt")),
		.mask = strtoll(string_of(root, "audience"), NULL, 10),
		.limits = json_object_get(root, "limits"),
	};
	return opened->tenant != NULL;
}

void
opened_free(Opened *opened)
{
	json_decref(opened->root);
	*opened = (Opened){0};
}

bool
grant_may_publish(const json_t *grant)
{
	size_t index;
	const json_t *right;

	json_array_foreach(json_object_get(grant, "can"), index, right)
	{
		if (json_is_string(right) && strcmp(json_string_value(right), "publish") == 0)
			return true;
	}
	return false;
}
