/*
 * buf.c: see buf.h.
 */
#include "buf.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
buf_free(Buf *buf)
{
	free(buf->data);
	*buf = (Buf){0};
}

void
buf_reserve(Buf *buf, size_t more)
{
	size_t need = buf->len + more;
	size_t cap = buf->cap ? buf->cap : 256;

	if (need <= buf->cap)
		return;
	while (cap < need)
		cap *= 2;
	buf->data = mem_realloc(buf->data, cap);
	buf->cap = cap;
}

void
buf_append(Buf *buf, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	buf_reserve(buf, len);
	memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
}

void
buf_puts(Buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void
buf_printf(Buf *buf, const char *format, ...)
{
	va_list args;
	int need;

	va_start(args, format);
	need = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (need <= 0)
		return;
	buf_reserve(buf, (size_t) need + 1);
	va_start(args, format);
	vsnprintf(buf->data + buf->len, (size_t) need + 1, format, args);
	va_end(args);
	buf->len += (size_t) need;
}

void
buf_consume(Buf *buf, size_t len)
{
	if (len >= buf->len)
	{
		buf->len = 0;
		return;
	}
	memmove(buf->data, buf->data + len, buf->len - len);
	buf->len -= len;
}

const char *
buf_cstr(Buf *buf)
{
	buf_reserve(buf, 1);
	buf->data[buf->len] = '\0';
	return buf->data;
}

/* Writes the escape of one byte that JSON does not allow as it is. */
static void
append_escape(Buf *buf, unsigned char byte)
{
	static const char *const named[] = {
		['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};

	if (byte == '"' || byte == '\\')
	{
		char pair[2] = {'\\', (char) byte};

		buf_append(buf, pair, 2);
	}
	else if (byte < sizeof(named) / sizeof(named[0]) && named[byte] != NULL)
		buf_puts(buf, named[byte]);
	else
		buf_printf(buf, "\\u%04x", byte);
}

void
buf_json_string(Buf *buf, const char *text)
{
	const char *start = text;

	if (text == NULL)
	{
		buf_puts(buf, "null");
		return;
	}
	buf_append(buf, "\"", 1);
	for (; *text; text++)
	{
		unsigned char byte = (unsigned char) *text;

		if (byte >= 0x20 && byte != '"' && byte != '\\')
			continue;
		buf_append(buf, start, (size_t) (text - start));
		append_escape(buf, byte);
		start = text + 1;
	}
	buf_append(buf, start, (size_t) (text - start));
	buf_append(buf, "\"", 1);
}
