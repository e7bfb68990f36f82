/*
 * log.c: see log.h.
 */
#include "log.h"

#include "clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static LogLevel threshold = LOG_INFO;
static const char *const level_names[] = {"error", "warn", "info", "debug"};

void
log_set_level(LogLevel level)
{
	threshold = level;
}

bool
log_level_from_name(const char *name, LogLevel *level)
{
	for (int i = 0; i <= LOG_DEBUG; i++)
	{
		if (strcmp(name, level_names[i]) == 0)
		{
			*level = (LogLevel) i;
			return true;
		}
	}
	return false;
}

bool
log_enabled(LogLevel level)
{
	return level <= threshold;
}

/* UTC with milliseconds, RFC 3339. */
static int
format_time(char *out, size_t size)
{
	int64_t wall = clock_wall_ms();
	time_t seconds = (time_t) (wall / 1000);
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return (int) len + snprintf(out + len, size - len, ".%03dZ", (int) (wall % 1000));
}

/* Control characters would let a client's text forge a line. */
static void
flatten(char *text)
{
	for (; *text; text++)
	{
		if ((unsigned char) *text < 0x20 || *text == 0x7f)
			*text = ' ';
	}
}

const char *
log_quote(const char *text)
{
	static char quoted[2][768];
	static int last;
	char *out = quoted[last = !last];
	size_t len = 0;

	out[len++] = '"';
	for (; *text && len < sizeof(quoted[0]) - 4; text++)
	{
		if (*text == '"' || *text == '\\')
			out[len++] = '\\';
		out[len++] = *text;
	}
	out[len++] = '"';
	out[len] = '\0';
	return out;
}

void
log_line(LogLevel level, const char *message, const char *format, ...)
{
	char line[2048];
	size_t size = sizeof(line) - 1;
	size_t len;

	if (!log_enabled(level))
		return;
	len = (size_t) format_time(line, size);
	len += (size_t) snprintf(line + len, size - len, " level=%s msg=\"%s\"%s",
							 level_names[level], message, *format ? " " : "");
	if (len < size && *format)
	{
		va_list args;

		va_start(args, format);
		len += (size_t) vsnprintf(line + len, size - len, format, args);
		va_end(args);
	}
	if (len >= size)
		len = size - 1;
	line[len] = '\0';
	flatten(line);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to say so */
}
