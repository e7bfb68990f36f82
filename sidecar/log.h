/*
 * log.h: one line per entry on stderr, key=value or JSON (layer 0).
 *
 *     2026-01-01T12:00:00.123Z level=info msg="database is up" epoch=...
 *
 * Tokens, payloads and connection strings are never logged.
 */
#ifndef WRK_LOG_H
#define WRK_LOG_H

#include <stdbool.h>

typedef enum LogLevel
{
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
} LogLevel;

extern void log_set_level(LogLevel level);
extern bool log_level_from_name(const char *name, LogLevel *level);
/* Lines are JSON objects instead. */
extern void log_set_json(bool json);

/* Of several processes, which one this is; 0 = there is only one. */
extern void log_set_worker(int number);

extern bool log_enabled(LogLevel level);

/*
 * The message, then key=value pairs in printf style:
 *     log_info("listening", "address=%s port=%d", address, port);
 * An empty format means no pairs.
 */
extern void log_line(LogLevel level, const char *message, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * A text from outside as a quoted value, so that it cannot end the value and write
 * others. Valid until three further calls; long texts are cut.
 */
extern const char *log_quote(const char *text);

#define log_error(message, ...) log_line(LOG_ERROR, message, __VA_ARGS__)
#define log_warn(message, ...) log_line(LOG_WARN, message, __VA_ARGS__)
#define log_info(message, ...) log_line(LOG_INFO, message, __VA_ARGS__)
#define log_debug(message, ...) log_line(LOG_DEBUG, message, __VA_ARGS__)

#endif
