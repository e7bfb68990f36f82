/*
 * tap.h: Test Anything Protocol for the unit tests; run by prove.
 */
#ifndef WRK_TAP_H
#define WRK_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

#define ok(condition, ...) tap_ok((condition), __FILE__, __LINE__, __VA_ARGS__)

static inline void __attribute__((format(printf, 4, 5)))
tap_ok(bool good, const char *file, int line, const char *format, ...)
{
	char name[256];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	tap_count++;
	printf("%sok %d - %s\n", good ? "" : "not ", tap_count, name);
	if (good)
		return;
	tap_failed++;
	printf("# failed at %s line %d\n", file, line);
}

static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
