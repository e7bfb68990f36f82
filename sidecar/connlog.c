/*
 * connlog.c: see connlog.h.
 */
#include "connlog.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A requestId is JSON text: of a string what is between its quotes, escapes and all. */
static void
append_request(Buf *pairs, const char *request)
{
	size_t len = request ? strlen(request) : 0;
	Buf inner = {0};

	if (len == 0)
		return;
	if (len >= 2 && *request == '"')
		buf_append(&inner, request + 1, len - 2);
	else
		buf_append(&inner, request, len);
	buf_printf(pairs, " request=%s", log_quote(buf_cstr(&inner)));
	buf_free(&inner);
}

void
conn_log(LogLevel level, const Conn *conn, const char *request, const char *message,
		 const char *format, ...)
{
	Buf pairs = {0};
	char more[2048];
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, format);
	vsnprintf(more, sizeof(more), format, args);
	va_end(args);
	buf_printf(&pairs, "address=%s", *conn->address ? conn->address : "-");
	if (conn->tenant != NULL)
		buf_printf(&pairs, " tenant=%s", log_quote(conn->tenant));
	if (conn->tenant != NULL && *conn->user != '\0')
		buf_printf(&pairs, " user=%s", log_quote(conn->user));
	append_request(&pairs, request);
	log_line(level, message, "%s%s%s", buf_cstr(&pairs), *more ? " " : "", more);
	buf_free(&pairs);
}
