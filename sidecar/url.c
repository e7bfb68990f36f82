/*
 * url.c: see url.h.
 */
#include "url.h"

#include "utf8.h"

#include <string.h>
#include <strings.h>

/* -1 for what is no hex digit. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/*
 * Appends the text with its %XX decoded, and + as a blank when it is of a query.
 * False for a % without two hex digits, a NUL, or what is not UTF-8 then.
 */
static bool
url_decode(Buf *out, const char *text, size_t len, bool query)
{
	size_t start = out->len;

	buf_reserve(out, 1);
	for (size_t i = 0; i < len; i++)
	{
		char c = text[i];

		if (c == '+' && query)
			c = ' ';
		else if (c == '%')
		{
			int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char) (high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return false;
		buf_append(out, &c, 1);
	}
	return utf8_is_valid((const unsigned char *) out->data + start, out->len - start);
}

bool
url_query_next(const char **query, Buf *name, Buf *value, bool *broken)
{
	const char *item = *query + strspn(*query, "&");
	size_t len = strcspn(item, "&");
	const char *equals = memchr(item, '=', len);
	size_t name_len = equals ? (size_t) (equals - item) : len;

	*query = item + len;
	name->len = 0;
	value->len = 0;
	if (len == 0)
		return false;
	*broken =
		!url_decode(name, item, name_len, true) ||
		(equals != NULL && !url_decode(value, equals + 1, len - name_len - 1, true));
	(void) buf_cstr(name);
	(void) buf_cstr(value);
	return !*broken;
}

/* May a decoded name stand in a path? */
static bool
name_is_plain(const char *name, size_t len)
{
	if (len == 0 || len > URL_NAME_MAX || *name == '.')
		return false;
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) name[i];

		if (c < 0x20 || c == 0x7f || c == '/' || c == '\\')
			return false;
	}
	return true;
}

bool
url_file_path(Buf *out, const char *path)
{
	size_t start = out->len;

	for (int depth = 0; *path == '/'; depth++)
	{
		size_t len = strcspn(++path, "/");
		size_t name = out->len;

		if (depth == URL_DEPTH_MAX)
			return false;
		if (*path == '\0')
			buf_puts(out, "index.html");
		else if (!url_decode(out, path, len, false) ||
				 !name_is_plain(out->data + name, out->len - name))
			return false;
		path += len;
		if (*path == '/')
			buf_puts(out, "/");
	}
	(void) buf_cstr(out);
	return out->len > start && *path == '\0';
}

const char *
url_content_type(const char *path)
{
	static const char *const types[][2] = {
		{"html", "text/html; charset=utf-8"},
		{"js", "text/javascript; charset=utf-8"},
		{"mjs", "text/javascript; charset=utf-8"},
		{"css", "text/css; charset=utf-8"},
		{"json", "application/json"},
		{"map", "application/json"},
		{"webmanifest", "application/manifest+json"},
		{"txt", "text/plain; charset=utf-8"},
		{"md", "text/plain; charset=utf-8"},
		{"ts", "text/plain; charset=utf-8"},
		{"svg", "image/svg+xml"},
		{"png", "image/png"},
		{"jpg", "image/jpeg"},
		{"jpeg", "image/jpeg"},
		{"gif", "image/gif"},
		{"webp", "image/webp"},
		{"ico", "image/x-icon"},
		{"woff2", "font/woff2"},
		{"wasm", "application/wasm"},
	};
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++)
	{
		if (strcasecmp(dot + 1, types[i][0]) == 0)
			return types[i][1];
	}
	return "application/octet-stream";
}
