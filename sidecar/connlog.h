/*
 * connlog.h: log entries about a client (layer 2).
 *
 * Each says whose it is: address, and once known tenant and user, and the request's
 * id. Never a token, never a payload.
 */
#ifndef WRK_CONNLOG_H
#define WRK_CONNLOG_H

#include "conn.h"
#include "log.h"

/* request: its id as JSON text, or NULL; then as log_line(). */
extern void conn_log(LogLevel level, const Conn *conn, const char *request,
					 const char *message, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#endif
