/*
 * log.c: see log.h.
 */
#include "log.h"

#include "clock.h"
#include "logjson.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX 4096
#define QUOTES 4

static LogLevel threshold = LOG_INFO;
static bool as_json;
static int worker;
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

void
log_set_json(bool json)
{
	as_json = json;
}

void
log_set_worker(int number)
{
	worker = number;
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

/* Control characters would let a client's text forge a line; a viewer wants UTF-8. */
static void
flatten(char *text, size_t len)
{
	for (size_t i = 0; i < len;)
	{
		size_t size = utf8_length((unsigned char *) text + i, len - i);

		if (size == 0)
			text[i] = '?';
		else if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
		i += size ? size : 1;
	}
}

const char *
log_quote(const char *text)
{
	static char quoted[QUOTES][768];
	static int last;
	char *out = quoted[last = (last + 1) % QUOTES];
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

/* Appends a line of key=value. */
static void
append_text(Buf *out, LogLevel level, const char *time, const char *message,
			const char *pairs)
{
	size_t from = out->len;

	buf_printf(out, "%s level=%s", time, level_names[level]);
	if (worker > 0)
		buf_printf(out, " worker=%d", worker);
	buf_printf(out, " msg=\"%s\"%s%s", message, *pairs ? " " : "", pairs);
	flatten(out->data + from, out->len - from);
	buf_append(out, "\n", 1);
}

/* Appends a JSON object. */
static void
append_json(Buf *out, LogLevel level, const char *time, const char *message,
			const char *pairs)
{
	buf_printf(out, "{\"time\":\"%s\",\"level\":\"%s\"", time, level_names[level]);
	if (worker > 0)
		buf_printf(out, ",\"worker\":%d", worker);
	buf_puts(out, ",\"msg\":");
	logjson_string(out, message, strlen(message));
	logjson_pairs(out, pairs);
	buf_puts(out, "}\n");
}

/* Writes a line in one go. */
static void
log_line_v(LogLevel level, const char *message, const char *format, va_list args)
{
	char time[40];
	char pairs[PAIRS_MAX];
	Buf line = {0};

	if (!log_enabled(level))
		return;
	format_time(time, sizeof(time));
	vsnprintf(pairs, sizeof(pairs), format, args);
	if (as_json)
		append_json(&line, level, time, message, pairs);
	else
		append_text(&line, level, time, message, pairs);
	/* in one write: other processes write to the same place */
	if (write(STDERR_FILENO, line.data, line.len) < 0)
	{
		/* nowhere left to say so */
	}
	buf_free(&line);
}

void
log_line(LogLevel level, const char *message, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line_v(level, message, format, args);
	va_end(args);
}
