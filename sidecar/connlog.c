/*
 * connlog.c: see connlog.h.
 */
#include "connlog.h"

#include <stdarg.h>
#include <stdio.h>

/* A requestId is JSON text: a string has its quotes already, but perhaps escapes. */
static void
append_request(Buf *pairs, const char *request)
{
	if (request != NULL)
		buf_printf(pairs, " request=%s", log_quote(request));
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
