/*
 * logjson.c: see logjson.h.
 */
#include "logjson.h"

#include "utf8.h"

#include <ctype.h>
#include <string.h>

void
logjson_string(Buf *out, const char *text, size_t len)
{
	buf_append(out, "\"", 1);
	while (len > 0)
	{
		size_t size = utf8_length((const unsigned char *) text, len);

		if (size == 0)
			buf_puts(out, "\\ufffd");
		else if (*text == '"' || *text == '\\')
			buf_printf(out, "\\%c", *text);
		else if ((unsigned char) *text < 0x20 || *text == 0x7f)
			buf_printf(out, "\\u%04x", (unsigned) *text);
		else
			buf_append(out, text, size);
		text += size ? size : 1;
		len -= size ? size : 1;
	}
	buf_append(out, "\"", 1);
}

/* Digits, maybe with a sign, short enough to be exact for whoever reads it. */
static bool
is_number(const char *text, size_t len)
{
	size_t sign = len > 1 && *text == '-';

	if (len == sign || len > 15 || (len > sign + 1 && text[sign] == '0'))
		return false;
	for (size_t i = sign; i < len; i++)
	{
		if (!isdigit((unsigned char) text[i]))
			return false;
	}
	return true;
}

/* A value in quotes, from behind the first; returns where it ended. */
static const char *
take_quoted(Buf *out, const char *at)
{
	Buf plain = {0};

	while (*at != '\0' && *at != '"')
	{
		if (*at == '\\' && at[1] != '\0')
			at++;
		buf_append(&plain, at++, 1);
	}
	logjson_string(out, plain.len ? plain.data : "", plain.len);
	buf_free(&plain);
	return *at == '"' ? at + 1 : at;
}

/* A value without quotes, up to the next blank. */
static const char *
take_bare(Buf *out, const char *at)
{
	size_t len = strcspn(at, " ");

	if (is_number(at, len))
		buf_append(out, at, len);
	else
		logjson_string(out, at, len);
	return at + len;
}

void
logjson_pairs(Buf *out, const char *pairs)
{
	while (*(pairs += strspn(pairs, " ")) != '\0')
	{
		size_t key = strcspn(pairs, "= ");

		buf_append(out, ",", 1);
		logjson_string(out, pairs, key);
		buf_append(out, ":", 1);
		pairs += key;
		if (*pairs != '=')
			buf_puts(out, "true");
		else if (pairs[1] == '"')
			pairs = take_quoted(out, pairs + 2);
		else
			pairs = take_bare(out, pairs + 1);
	}
}
