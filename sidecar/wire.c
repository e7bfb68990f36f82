/*
 * wire.c: see wire.h.
 */
#include "wire.h"

#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A stretch of the frame's text, which may be anything. */
typedef struct Slice
{
	const char *at;
	const char *end;
} Slice;

/* Past white space. */
static const char *
skip_space(Slice rest)
{
	while (rest.at < rest.end && strchr(" \t\r\n", *rest.at) != NULL)
		rest.at++;
	return rest.at;
}

/* Past the string that begins here. */
static const char *
skip_string(Slice rest)
{
	for (rest.at++; rest.at < rest.end && *rest.at != '"'; rest.at++)
		rest.at += *rest.at == '\\';
	return rest.at < rest.end ? rest.at + 1 : rest.end;
}

/* Past the value that begins here. */
static const char *
skip_value(Slice rest)
{
	int depth = 0;

	while (rest.at < rest.end)
	{
		char c = *rest.at;

		if (depth == 0 && strchr(",}] \t\r\n", c) != NULL)
			break;
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		rest.at = c == '"' ? skip_string(rest) : rest.at + 1;
		if (depth == 0 && strchr("\"}]", c) != NULL)
			break;
	}
	return rest.at;
}

/* The text of an object's member; false when no key is spelt so. */
static bool
find_member(Slice object, const char *name, Slice *value)
{
	Slice rest = {skip_space(object) + 1, object.end};

	while ((rest.at = skip_space(rest)) < rest.end && *rest.at == '"')
	{
		Slice key = {rest.at + 1, skip_string(rest)};

		rest.at = key.end;
		rest.at = skip_space(rest) + 1; /* the colon */
		value->at = rest.at = skip_space(rest);
		value->end = rest.at = skip_value(rest);
		if ((size_t) (key.end - key.at) == strlen(name) + 1 &&
			memcmp(key.at, name, strlen(name)) == 0)
			return true;
		rest.at = skip_space(rest) + 1; /* the comma */
	}
	return false;
}

/* Keeps the requestId as the JSON text that answers repeat. */
static bool
read_id(Request *request, const json_t *id, const char **why)
{
	Buf text = {0};

	if (id == NULL || json_is_null(id))
		return true;
	if (json_is_integer(id))
		buf_printf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
	else if (json_is_string(id) && json_string_length(id) <= WIRE_ID_MAX)
		buf_json_string(&text, json_string_value(id));
	else
	{
		*why = "requestId must be a short string or an integer";
		return false;
	}
	request->id = mem_strdup(buf_cstr(&text));
	buf_free(&text);
	return true;
}

/* The members that frames have in common. */
static bool
read_members(Request *request, const char **why)
{
	json_t *channel = json_object_get(request->root, "channel");

	if (!read_id(request, json_object_get(request->root, "requestId"), why))
		return false;
	request->type = json_string_value(json_object_get(request->root, "type"));
	if (request->type == NULL)
	{
		*why = "a frame needs a type";
		return false;
	}
	if (channel != NULL && !json_is_null(channel) && !json_is_string(channel))
	{
		*why = "channel must be a string";
		return false;
	}
	request->channel = json_string_value(channel);
	request->payload = json_object_get(request->root, "payload");
	if (request->payload != NULL && json_is_null(request->payload))
		request->payload = NULL;
	if (request->payload != NULL && !json_is_object(request->payload))
	{
		*why = "payload must be an object";
		return false;
	}
	return true;
}

/* From what is no JSON as a whole: its sender may wait for an answer. */
static void
salvage_id(Request *request)
{
	Slice id = {request->text, request->text + request->len};
	const char *unused;
	json_t *root = NULL;

	if (find_member(id, "requestId", &id) && id.at < id.end)
		root = json_loadb(id.at, (size_t) (id.end - id.at), JSON_DECODE_ANY, NULL);
	if (root != NULL)
		read_id(request, root, &unused);
	json_decref(root);
}

json_t *
wire_load(const char *text, size_t len)
{
	json_error_t error;
	json_t *root;

	if (memchr(text, '\0', len) != NULL)
		return NULL; /* jansson passes over one behind a number */
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	/* whole numbers past 2^63 are for the database to judge */
	if (root == NULL && json_error_code(&error) == json_error_numeric_overflow)
		root =
			json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
	return root;
}

bool
wire_member(const char *json, size_t len, const char *name, const char **value,
			size_t *value_len)
{
	Slice object = {json, json + len};
	Slice found;

	if (!find_member(object, name, &found) || found.at >= found.end)
		return false;
	*value = found.at;
	*value_len = (size_t) (found.end - found.at);
	return true;
}

bool
wire_member_is(const char *json, size_t len, const char *name, const char *text)
{
	const char *value;
	size_t size;

	return wire_member(json, len, name, &value, &size) && size == strlen(text) &&
		   memcmp(value, text, size) == 0;
}

char *
wire_member_text(const char *json, size_t len, const json_t *object, const char *name)
{
	const json_t *parsed = json_object_get(object, name);
	const char *value;
	size_t size;

	if (parsed == NULL)
		return NULL;
	if (wire_member(json, len, name, &value, &size))
		return mem_strndup(value, size);
	return json_dumps(parsed, JSON_COMPACT | JSON_ENCODE_ANY);
}

bool
wire_element(const char **at, const char *end, const char **value, size_t *value_len)
{
	Slice rest = {*at, end};

	rest.at = skip_space(rest);
	if (rest.at >= end || strchr("[,", *rest.at) == NULL)
		return false;
	rest.at++;
	*value = rest.at = skip_space(rest);
	*at = rest.at = skip_value(rest);
	*value_len = (size_t) (rest.at - *value);
	return *value_len > 0;
}

bool
request_parse(Request *request, const char *text, size_t len, const char **why)
{
	*request = (Request){.text = text, .len = len};
	*why = "a frame must be one JSON object";
	request->root = wire_load(text, len);
	if (!json_is_object(request->root))
	{
		salvage_id(request);
		return false;
	}
	return read_members(request, why);
}

void
request_free(Request *request)
{
	json_decref(request->root);
	free(request->id);
	*request = (Request){0};
}

const char *
request_string(const Request *request, const char *name)
{
	return json_string_value(json_object_get(request->payload, name));
}

char *
request_text(const Request *request, const char *name)
{
	Slice value = {request->text, request->text + request->len};
	const json_t *parsed =
		name ? json_object_get(request->payload, name) : request->payload;

	if (parsed == NULL)
		return NULL;
	if (find_member(value, "payload", &value) &&
		(name == NULL || find_member(value, name, &value)))
		return mem_strndup(value.at, (size_t) (value.end - value.at));
	/* a key spelt with escapes */
	return json_dumps(parsed, JSON_COMPACT | JSON_ENCODE_ANY);
}

void
wire_open(Buf *out, const char *type, const char *id, const char *channel)
{
	buf_puts(out, "{\"type\":");
	buf_json_string(out, type);
	if (id != NULL)
	{
		buf_puts(out, ",\"requestId\":");
		buf_puts(out, id);
	}
	if (channel != NULL)
	{
		buf_puts(out, ",\"channel\":");
		buf_json_string(out, channel);
	}
	buf_puts(out, ",\"payload\":");
}

void
wire_close(Buf *out)
{
	buf_puts(out, "}");
}

/* A frame whose payload is one text. */
static void
put_one_text(Buf *out, const char *type, const char *channel, const char *name,
			 const char *text)
{
	wire_open(out, type, NULL, channel);
	buf_printf(out, "{\"%s\":", name);
	buf_json_string(out, text);
	buf_puts(out, "}");
	wire_close(out);
}

void
wire_gap(Buf *out, const char *channel, const char *reason)
{
	put_one_text(out, "gap", channel, "reason", reason);
}

void
wire_position(Buf *out, const char *position)
{
	put_one_text(out, "position", NULL, "position", position);
}

void
wire_number_or_null(Buf *out, int64_t number)
{
	if (number == 0)
		buf_puts(out, "null");
	else
		buf_printf(out, "%" PRId64, number);
}

void
wire_error_payload(Buf *out, const WireError *error)
{
	buf_puts(out, "{\"code\":");
	buf_json_string(out, error->code->code);
	buf_printf(out, ",\"status\":%d,\"message\":", error->code->status);
	buf_json_string(out, error->message);
	if (error->hint != NULL && strlen(error->hint) <= WIRE_HINT_MAX)
	{
		buf_puts(out, ",\"hint\":");
		buf_json_string(out, error->hint);
	}
	buf_puts(out, ",\"retry\":");
	buf_json_string(out, error->code->retry);
	if (error->retry_after > 0)
		buf_printf(out, ",\"retryAfter\":%" PRId64, error->retry_after);
	if (error->details != NULL)
	{
		buf_puts(out, ",\"details\":");
		buf_puts(out, error->details);
	}
	buf_puts(out, "}");
}

void
wire_error(Buf *out, const char *id, const char *channel, const WireError *error)
{
	wire_open(out, "error", id, channel);
	wire_error_payload(out, error);
	wire_close(out);
}

bool
wire_is_ephemeral_type(const char *type)
{
	static const char *const reserved[] = {
		"connected", "subscribed", "unsubscribed", "position",       "result",
		"error",     "gap",        "flow",         "token_expiring", "status",
		"ping",      "pong",       "bye"};
	size_t len = strlen(type);

	if (len == 0 || len > 32 || type[0] < 'a' || type[0] > 'z' ||
		strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
		return false;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
	{
		if (strcmp(type, reserved[i]) == 0)
			return false;
	}
	return true;
}
