/*
 * util.h
 *	  What every program under bench/ needs: clocks, strict option parsing,
 *	  files of lines, and what /proc says about a process.
 *
 * All of it is fatal on failure: a benchmark that goes on after an error
 * measures the error.
 */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A text file in memory.  Owns both; freed by lines_free(). */
typedef struct Lines
{
	char *text;
	char **line; /* without the newline; empty lines are left out */
	size_t count;
} Lines;

/* Set by the handler of install_stop_signals(); loops test it. */
extern volatile bool stop_requested;

extern void fatal(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
extern void *xmalloc(size_t size);
extern void *xcalloc(size_t count, size_t size);
extern void *xrealloc(void *old, size_t size);

extern uint64_t clock_real_us(void); /* CLOCK_REALTIME, comparable between processes */
extern uint64_t clock_mono_us(void); /* CLOCK_MONOTONIC, for durations */
extern void sleep_until_mono_us(uint64_t when);

extern uint64_t parse_number(const char *option, const char *text, uint64_t min,
							 uint64_t max);
extern void parse_host_port(const char *text, char *host, size_t host_size,
							uint16_t *port);

extern Lines lines_read(const char *path);
extern void lines_free(Lines *lines);

extern double own_cpu_s(void);
extern double process_cpu_s(pid_t pid);
extern uint64_t process_rss_bytes(pid_t pid);

extern void install_stop_signals(void);
extern void raise_open_files(uint64_t wanted);

#endif /* BENCH_UTIL_H */
