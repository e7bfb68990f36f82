/*
 * util.c
 *	  What every program under bench/ needs: clocks, strict option parsing,
 *	  files of lines, and what /proc says about a process.
 *
 * CPU time of another process is read from /proc/PID/task/N/schedstat, which
 * counts nanoseconds; /proc/PID/stat counts ticks of 10 ms, too coarse for a
 * quiet step of a few seconds, and is only the fall-back.
 */
#include "util.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

volatile bool stop_requested = false;


/* Print one line to stderr and end the program with status 1. */
void
fatal(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

/* Allocate, or end the program. */
void *
xmalloc(size_t size)
{
	return xrealloc(NULL, size);
}

/* Allocate zeroed memory, or end the program. */
void *
xcalloc(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		fatal("out of memory: %zu x %zu bytes", count, size);
	return memory;
}

/* Resize an allocation, or end the program. */
void *
xrealloc(void *old, size_t size)
{
	void *memory = realloc(old, size);

	if (memory == NULL)
		fatal("out of memory: %zu bytes", size);
	return memory;
}

/* A clock in microseconds. */
static uint64_t
clock_us(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) != 0)
		fatal("cannot read the clock: %s", strerror(errno));
	return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

/* Microseconds since 1970. */
uint64_t
clock_real_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

/* Microseconds since some fixed moment; never steps. */
uint64_t
clock_mono_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

/* Sleep until a moment of clock_mono_us(); returns early when asked to stop. */
void
sleep_until_mono_us(uint64_t when)
{
	struct timespec until = {.tv_sec = (time_t) (when / 1000000),
							 .tv_nsec = (long) (when % 1000000) * 1000};

	while (!stop_requested &&
		   clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* Read a decimal option value; anything else, or out of range, is fatal. */
uint64_t
parse_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-' || value < min ||
		value > max)
		fatal("%s: \"%s\" is not a number from %llu to %llu", option, text,
			  (unsigned long long) min, (unsigned long long) max);
	return value;
}

/* Split "127.0.0.1:8787"; the host must be a numeric loopback address. */
void
parse_host_port(const char *text, char *host, size_t host_size, uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon != NULL ? (size_t) (colon - text) : 0;

	if (length == 0 || length >= host_size || strncmp(text, "127.", 4) != 0)
		fatal("\"%s\" is not a loopback address such as 127.0.0.1:8787", text);
	memcpy(host, text, length);
	host[length] = '\0';
	*port = (uint16_t) parse_number("port", colon + 1, 1, 65535);
}

/* Read all of an open file; the result is terminated and owned by the caller. */
static char *
read_all(FILE *file, const char *path)
{
	size_t used = 0;
	size_t size = 65536;
	char *text = xmalloc(size);

	for (;;)
	{
		size_t got = fread(text + used, 1, size - used - 1, file);

		used += got;
		if (got == 0)
			break;
		if (size - used < 2)
			text = xrealloc(text, size *= 2);
	}
	if (ferror(file))
		fatal("cannot read \"%s\": %s", path, strerror(errno));
	text[used] = '\0';
	return text;
}

/* Read a file of lines.  At least one must be there.  Free with lines_free(). */
Lines
lines_read(const char *path)
{
	Lines lines = {NULL, NULL, 0};
	FILE *file = fopen(path, "r");
	size_t size = 0;
	char *save = NULL;

	if (file == NULL)
		fatal("cannot open \"%s\": %s", path, strerror(errno));
	lines.text = read_all(file, path);
	fclose(file);
	for (char *line = strtok_r(lines.text, "\n", &save); line != NULL;
		 line = strtok_r(NULL, "\n", &save))
	{
		if (lines.count == size)
			lines.line =
				xrealloc(lines.line, (size = size * 2 + 16) * sizeof(*lines.line));
		lines.line[lines.count++] = line;
	}
	if (lines.count == 0)
		fatal("\"%s\" has no lines", path);
	return lines;
}

/* Free what lines_read() made. */
void
lines_free(Lines *lines)
{
	free(lines->line);
	free(lines->text);
	*lines = (Lines){NULL, NULL, 0};
}

/* A timeval in seconds. */
static double
timeval_s(struct timeval value)
{
	return (double) value.tv_sec + (double) value.tv_usec / 1e6;
}

/* CPU seconds of this process, user and system. */
double
own_cpu_s(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		fatal("getrusage: %s", strerror(errno));
	return timeval_s(usage.ru_utime) + timeval_s(usage.ru_stime);
}

/* utime + stime of /proc/PID/stat, fields 14 and 15. */
static double
process_cpu_ticks_s(pid_t pid)
{
	char path[64];
	char text[1024];
	const char *after_name;
	unsigned long utime;
	unsigned long stime;
	FILE *file;
	size_t got;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
	if ((file = fopen(path, "r")) == NULL)
		fatal("process %d is gone", (int) pid);
	got = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[got] = '\0';
	/* the name is in parentheses and may hold spaces and parentheses */
	after_name = strrchr(text, ')');
	if (after_name == NULL ||
		sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			   &utime, &stime) != 2)
		fatal("cannot understand %s", path);
	return (double) (utime + stime) / (double) sysconf(_SC_CLK_TCK);
}

/* CPU seconds of another process, all its threads, user and system. */
double
process_cpu_s(pid_t pid)
{
	char path[320];
	double sum = 0;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);
	if ((tasks = opendir(path)) == NULL)
		fatal("process %d is gone", (int) pid);
	while ((entry = readdir(tasks)) != NULL)
	{
		unsigned long long ns;
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int) pid,
				 entry->d_name);
		if ((file = fopen(path, "r")) == NULL)
			continue;
		if (fscanf(file, "%llu", &ns) == 1)
			sum += (double) ns / 1e9;
		fclose(file);
	}
	closedir(tasks);
	return sum > 0 ? sum : process_cpu_ticks_s(pid);
}

/* Resident memory of another process: VmRSS of /proc/PID/status. */
uint64_t
process_rss_bytes(pid_t pid)
{
	char path[64];
	char line[256];
	unsigned long long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
	if ((file = fopen(path, "r")) == NULL)
		fatal("process %d is gone", (int) pid);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		if (sscanf(line, "VmRSS: %llu kB", &kib) == 1)
			break;
	}
	fclose(file);
	return kib * 1024;
}

/* Handler of SIGINT and SIGTERM. */
static void
request_stop(int signal_number)
{
	(void) signal_number;
	stop_requested = true;
}

/*
 * Let SIGINT and SIGTERM end the loops instead of the process.  No
 * SA_RESTART: a blocked system call must come back to the loop's test.
 */
void
install_stop_signals(void)
{
	struct sigaction action = {.sa_handler = request_stop};

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
		fatal("sigaction: %s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
}

/* Raise the limit of open files, as far as this user may; fatal if too low. */
void
raise_open_files(uint64_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		fatal("getrlimit: %s", strerror(errno));
	if (limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		fatal("%llu open files are needed: raise the limit with ulimit -n",
			  (unsigned long long) wanted);
}
