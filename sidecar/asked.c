/*
 * asked.c: see asked.h.
 */
#include "asked.h"

#include "mem.h"
#include "url.h"
#include "utf8.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

#define META ",\"meta\":" /* no string of ours has it: quotes are escaped there */

/* The first reason counts. */
static void
refuse(Asked *asked, const ErrorCode *error, const char *why)
{
	if (asked->error != NULL)
		return;
	asked->error = error;
	asked->why = why;
}

void
asked_free(Asked *asked)
{
	for (size_t i = 0; i < asked->nwanted; i++)
	{
		free(asked->wanted[i].channel);
		free(asked->wanted[i].payload);
	}
	free(asked->wanted);
	free(asked->since);
	free(asked->types);
	free(asked->page);
	*asked = (Asked){0};
}

/* What a subscribe frame says besides its channel; each JSON text or NULL. */
typedef struct Said
{
	const char *types;
	const char *presence;
	const char *version;
} Said;

static void
append_member(Buf *json, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_printf(json, ",\"%s\":", name);
	buf_puts(json, text);
}

/* The payload of a subscribe frame. */
static char *
make_payload(const char *since, const Said *said)
{
	Buf json = {0};

	buf_puts(&json, "{\"since\":");
	buf_json_string(&json, since);
	append_member(&json, "types", said->types);
	append_member(&json, "presence", said->presence);
	append_member(&json, "version", said->version);
	buf_puts(&json, "}");
	(void) buf_cstr(&json);
	return json.data;
}

/* Takes over the payload; one named before stays as it was. Which one it is. */
static size_t
want(Asked *asked, const char *channel, char *payload)
{
	for (size_t i = 0; i < asked->nwanted; i++)
	{
		if (strcmp(asked->wanted[i].channel, channel) == 0)
		{
			free(payload);
			return i;
		}
	}
	asked->wanted = mem_realloc(asked->wanted, (asked->nwanted + 1) * sizeof(Wanted));
	asked->wanted[asked->nwanted] = (Wanted){mem_strdup(channel), payload};
	return asked->nwanted++;
}

void
asked_add(Asked *asked, const char *channel, const char *since)
{
	want(asked, channel, make_payload(since, &(Said){0}));
}

/* Is there room for one more? */
static bool
has_room(Asked *asked)
{
	if (asked->most == 0 || asked->nwanted < asked->most)
		return true;
	refuse(asked, &error_limit_exceeded, "too many subscriptions");
	return false;
}

/* Replaces what was there. */
static void
set_since(Asked *asked, const char *since)
{
	free(asked->since);
	asked->since = *since ? mem_strdup(since) : NULL;
}

static void
set_page(Asked *asked, const char *page)
{
	if (strlen(page) > ASKED_PAGE_MAX)
		refuse(asked, &error_bad_request, "page is too long");
	free(asked->page);
	asked->page = *page ? mem_strdup(page) : NULL;
}

/* -------------------------------------------------------------------- queries */

/* What is collected while a query is read. */
typedef struct Query
{
	Buf types;    /* elements of a JSON array */
	size_t last;  /* the channel that was named last */
	Buf *present; /* of each channel: members of its presence, empty = none */
	size_t npresent;
} Query;

/* The comma separated items of a types= as a JSON array's elements. */
static void
append_types(Buf *types, const char *list)
{
	while (*list != '\0')
	{
		size_t len = strcspn(list, ",");
		char *item = mem_strndup(list, len);

		if (len > 0)
		{
			buf_puts(types, types->len ? "," : "[");
			buf_json_string(types, item);
		}
		free(item);
		list += len + (list[len] == ',');
	}
}

/* The presence of the channel that was named last; NULL, and refused, without one. */
static Buf *
presence_of_last(Asked *asked, Query *query)
{
	if (asked->nwanted == 0)
	{
		refuse(asked, &error_bad_request, "presence belongs behind its channel");
		return NULL;
	}
	if (query->npresent < asked->nwanted)
	{
		query->present = mem_realloc(query->present, asked->nwanted * sizeof(Buf));
		while (query->npresent < asked->nwanted)
			query->present[query->npresent++] = (Buf){0};
	}
	return &query->present[query->last];
}

/* presence=active; without a value: not there any more. */
static void
read_status(Asked *asked, Query *query, const char *status)
{
	Buf *presence = presence_of_last(asked, query);

	if (presence == NULL)
		return;
	if (presence->len > 0)
		refuse(asked, &error_bad_request, "presence comes once, and before meta");
	else if (*status == '\0')
		buf_puts(presence, "null");
	else
	{
		buf_puts(presence, "{\"status\":");
		buf_json_string(presence, status);
	}
}

/* meta={...}, in the client's own words once it is known that it is one object. */
static void
read_meta(Asked *asked, Query *query, const char *meta)
{
	json_t *root = wire_load(meta, strlen(meta));
	Buf *presence = presence_of_last(asked, query);

	if (presence != NULL && !json_is_object(root))
		refuse(asked, &error_bad_request, "meta must be an object");
	else if (presence != NULL && (presence->len == 0 || presence->data[0] != '{' ||
								  strstr(buf_cstr(presence), META) != NULL))
		refuse(asked, &error_bad_request, "meta comes once, behind presence");
	else if (presence != NULL)
	{
		buf_puts(presence, META);
		buf_puts(presence, meta);
	}
	json_decref(root);
}

/* Reads one name=value. */
static void
read_item(Asked *asked, Query *query, const char *name, const char *value)
{
	if (strcmp(name, "channel") == 0 && has_room(asked))
		query->last = want(asked, value, NULL);
	else if (strcmp(name, "presence") == 0)
		read_status(asked, query, value);
	else if (strcmp(name, "meta") == 0)
		read_meta(asked, query, value);
	else if (strcmp(name, "since") == 0 && asked->since == NULL)
		set_since(asked, value);
	else if (strcmp(name, "last_event_id") == 0)
		set_since(asked, value);
	else if (strcmp(name, "types") == 0)
		append_types(&query->types, value);
	else if (strcmp(name, "page") == 0)
		set_page(asked, value);
}

/* What a browser sends by itself when it comes back is the newest. */
static void
read_newest(Asked *asked, const char *newest)
{
	if (newest == NULL || *newest == '\0')
		return;
	if (utf8_is_valid((const unsigned char *) newest, strlen(newest)))
		set_since(asked, newest);
	else
		refuse(asked, &error_bad_request, "Last-Event-ID is not UTF-8");
}

/* Now that all of it is known: the payloads. */
static void
make_payloads(Asked *asked, Query *query)
{
	for (size_t i = 0; i < asked->nwanted; i++)
	{
		Buf *presence = i < query->npresent ? &query->present[i] : NULL;
		Said said = {.types = asked->types};

		if (presence != NULL && presence->len > 0)
		{
			if (presence->data[0] == '{')
				buf_puts(presence, "}");
			said.presence = buf_cstr(presence);
		}
		asked->wanted[i].payload = make_payload(asked->since, &said);
	}
}

void
asked_read_query(Asked *asked, const char *query, const char *newest)
{
	Query read = {0};
	Buf name = {0};
	Buf value = {0};
	bool broken = false;

	while (url_query_next(&query, &name, &value, &broken))
		read_item(asked, &read, name.data, value.data);
	if (broken)
		refuse(asked, &error_bad_request, "the query cannot be decoded");
	read_newest(asked, newest);
	if (read.types.len > 0)
	{
		buf_puts(&read.types, "]");
		asked->types = mem_strdup(buf_cstr(&read.types));
	}
	make_payloads(asked, &read);
	for (size_t i = 0; i < read.npresent; i++)
		buf_free(&read.present[i]);
	free(read.present);
	buf_free(&read.types);
	buf_free(&name);
	buf_free(&value);
}

/* --------------------------------------------------------------------- bodies */

/* A member that is a string or absent; false, and refused, when it is something else. */
static bool
read_string(Asked *asked, const json_t *object, const char *name, const char **text)
{
	const json_t *value = json_object_get(object, name);

	*text = json_string_value(value);
	if (value == NULL || json_is_null(value) || *text != NULL)
		return true;
	refuse(asked, &error_bad_request,
		   "a channel, position, version or page is no string");
	return false;
}

/* One of the subscriptions of a poll, and its text. */
static void
read_subscription(Asked *asked, const json_t *item, const char *text, size_t len)
{
	const json_t *filter = json_object_get(item, "types");
	const json_t *version = json_object_get(item, "version");
	char *types = filter ? json_dumps(filter, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	char *presence = wire_member_text(text, len, item, "presence");
	char *seen = version ? json_dumps(version, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	const char *channel;
	const char *since;
	const char *unused;

	if (!read_string(asked, item, "channel", &channel) ||
		!read_string(asked, item, "since", &since) ||
		!read_string(asked, item, "version", &unused))
		;
	else if (channel == NULL)
		refuse(asked, &error_bad_request, "a subscription needs a channel");
	else if (has_room(asked))
		want(asked, channel,
			 make_payload(since ? since : asked->since,
						  &(Said){types ? types : asked->types, presence, seen}));
	free(types);
	free(presence);
	free(seen);
}

static void
read_wait(Asked *asked, const json_t *wait)
{
	if (wait == NULL)
		return;
	asked->wait = json_integer_value(wait);
	if (!json_is_integer(wait) || asked->wait < 0)
		refuse(asked, &error_bad_request, "wait is a number of milliseconds");
}

/* All subscriptions, each with where it stands in the text. */
static void
read_subscriptions(Asked *asked, const json_t *root, const char *text, size_t len)
{
	json_t *list = json_object_get(root, "subscriptions");
	char *items = wire_member_text(text, len, root, "subscriptions");
	const char *at = items;
	const char *item_text;
	size_t item_len;
	size_t index;
	json_t *item;

	if (list != NULL && !json_is_array(list))
		refuse(asked, &error_bad_request, "subscriptions is an array");
	json_array_foreach(list, index, item)
	{
		if (asked->error != NULL ||
			!wire_element(&at, items + strlen(items), &item_text, &item_len))
			break;
		read_subscription(asked, item, item_text, item_len);
	}
	free(items);
}

void
asked_read_poll(Asked *asked, const char *text, size_t len)
{
	json_t *root = len > 0 ? wire_load(text, len) : NULL;
	const json_t *types = json_object_get(root, "types");
	const char *since;
	const char *page;

	asked->wait = -1;
	if (!json_is_object(root))
		refuse(asked, &error_bad_request, "the body must be one JSON object");
	else if (read_string(asked, root, "since", &since) &&
			 read_string(asked, root, "page", &page))
	{
		if (since != NULL)
			set_since(asked, since);
		if (page != NULL)
			set_page(asked, page);
		if (types != NULL)
			asked->types = json_dumps(types, JSON_COMPACT | JSON_ENCODE_ANY);
		read_wait(asked, json_object_get(root, "wait"));
		read_subscriptions(asked, root, text, len);
	}
	json_decref(root);
}

void
asked_read_publish(Asked *asked, const char *text, size_t len)
{
	json_t *root = len > 0 ? wire_load(text, len) : NULL;
	const char *channel;
	const char *page;

	if (!json_is_object(root))
		refuse(asked, &error_bad_request, "the body must be one JSON object");
	else if (read_string(asked, root, "channel", &channel) &&
			 read_string(asked, root, "page", &page))
	{
		if (channel == NULL || *channel == '\0')
			refuse(asked, &error_bad_request, "publish needs a channel");
		else
			asked_add(asked, channel, NULL);
		if (page != NULL)
			set_page(asked, page);
	}
	json_decref(root);
}
