/*
 * access.c: see access.h.
 *
 * Names are kept as "kind 0x1f tenant 0x1f name"; no name that the database tells
 * contains a control character. Kinds: a(bout a tenant), t(enant as a whole), u(ser),
 * s(ession), c(hannel). A session of any tenant has the empty one.
 */
#include "access.h"

#include "mem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PRESENCE "presence:"

/* The key under which something is kept; borrowed until the next call. */
static const char *
key_of(AccessNews *news, char kind, const char *tenant, const char *name)
{
	news->key.len = 0;
	buf_printf(&news->key, "%c\x1f%s\x1f%s", kind, tenant, name);
	return buf_cstr(&news->key);
}

static void
note(AccessNews *news, char kind, const char *tenant, const char *name)
{
	const char *key = key_of(news, kind, tenant, name);
	char *copy;

	if (strmap_get(&news->names, key) != NULL)
		return;
	copy = mem_strdup(key);
	strmap_add(&news->names, copy, copy);
}

static bool
has(AccessNews *news, char kind, const char *tenant, const char *name)
{
	return news->names.count > 0 &&
		   strmap_get(&news->names, key_of(news, kind, tenant, name)) != NULL;
}

/* Notes the names of a list; false when it is none. */
static bool
note_list(AccessNews *news, char kind, const char *tenant, const json_t *list)
{
	size_t index;
	const json_t *item;

	if (list == NULL)
		return true;
	if (!json_is_array(list))
		return false;
	json_array_foreach(list, index, item)
	{
		if (!json_is_string(item))
			return false;
		note(news, kind, tenant, json_string_value(item));
	}
	return true;
}

/* One event; false when it makes no sense, or is about everybody. */
static bool
read_event(AccessNews *news, const json_t *event)
{
	const char *tenant = json_string_value(json_object_get(event, "tenant"));
	const json_t *users = json_object_get(event, "users");
	const json_t *sessions = json_object_get(event, "sessions");
	const json_t *channels = json_object_get(event, "channels");

	if (!json_is_object(event) || json_is_true(json_object_get(event, "all")))
		return false;
	if (tenant == NULL)
	{
		if (sessions == NULL || users != NULL || channels != NULL)
			return false;
		tenant = "";
	}
	else if (users == NULL && sessions == NULL && channels == NULL)
		note(news, 't', tenant, "");
	note(news, 'a', tenant, "");
	return note_list(news, 'u', tenant, users) &&
		   note_list(news, 's', tenant, sessions) &&
		   note_list(news, 'c', tenant, channels);
}

void
access_add(AccessNews *news, const char *payload)
{
	json_t *event = json_loads(payload ? payload : "", 0, NULL);

	news->any = true;
	if (!read_event(news, event))
		news->all = true;
	json_decref(event);
}

void
access_free(AccessNews *news)
{
	size_t position = 0;
	char *key;
	size_t count = 0;
	char **keys = mem_alloc((news->names.count + 1) * sizeof(char *));

	while ((key = strmap_next(&news->names, &position)) != NULL)
		keys[count++] = key;
	strmap_free(&news->names);
	while (count > 0)
		free(keys[--count]);
	free(keys);
	buf_free(&news->key);
	*news = (AccessNews){0};
}

bool
access_is_about(AccessNews *news, const char *tenant)
{
	return news->all || has(news, 'a', tenant, "") || has(news, 'a', "", "");
}

bool
access_names(AccessNews *news, const char *tenant, const char *user, const char *sid)
{
	return news->all || has(news, 't', tenant, "") || has(news, 'u', tenant, user) ||
		   has(news, 's', tenant, sid) || has(news, 's', "", sid);
}

/*
 * Who may be seen in a channel follows from the right to read it:
 * tenant:T:presence:project/42 is lost with tenant:T:project:42.
 */
static bool
names_watched(AccessNews *news, const char *tenant, const char *channel)
{
	Buf watched = {0};
	size_t below = strlen("tenant::") + strlen(tenant);
	const char *rest = channel + below;
	const char *slash;
	bool found;

	if (strlen(channel) <= below || strncmp(rest, PRESENCE, strlen(PRESENCE)) != 0)
		return false;
	rest += strlen(PRESENCE);
	slash = strchr(rest, '/');
	buf_append(&watched, channel, below);
	buf_append(&watched, rest, slash ? (size_t) (slash - rest) : strlen(rest));
	if (slash != NULL)
	{
		buf_puts(&watched, ":");
		buf_puts(&watched, slash + 1);
	}
	found = has(news, 'c', tenant, buf_cstr(&watched));
	buf_free(&watched);
	return found;
}

bool
access_names_channel(AccessNews *news, const char *tenant, const char *channel)
{
	return has(news, 'c', tenant, channel) || names_watched(news, tenant, channel);
}
