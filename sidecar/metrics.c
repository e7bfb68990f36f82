/*
 * metrics.c: see metrics.h. Format: Prometheus text exposition 0.0.4.
 */
#include "metrics.h"

#include "feed.h"
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* 0 when the kernel does not tell. */
static int64_t
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long total = 0;
	long resident = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%ld %ld", &total, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

/* User and system time of the process. */
static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A gauge for each mode, one of them 1. */
static void
append_feed_mode(const Gateway *gateway, Buf *out)
{
	static const char *const modes[] = {"doorbell", "polling", "down"};
	const char *mode = feed_mode(gateway->feed);

	buf_puts(out, "# HELP wrk_gateway_feed_mode How the feed learns of events\n"
				  "# TYPE wrk_gateway_feed_mode gauge\n");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		buf_printf(out, "wrk_gateway_feed_mode{mode=\"%s\"} %d\n", modes[i],
				   strcmp(mode, modes[i]) == 0);
}

void
metrics_render(const Gateway *gateway, Buf *out)
{
#define X(member, type, help) \
	buf_printf(out, \
			   "# HELP wrk_gateway_" #member " " help "\n# TYPE wrk_gateway_" #member \
			   " " #type "\nwrk_gateway_" #member " %" PRId64 "\n", \
			   stats.member);
	STATS_TABLE(X)
#undef X
	append_feed_mode(gateway, out);
	buf_printf(out,
			   "# HELP process_resident_memory_bytes Resident memory\n"
			   "# TYPE process_resident_memory_bytes gauge\n"
			   "process_resident_memory_bytes %" PRId64 "\n"
			   "# HELP process_cpu_seconds_total CPU time\n"
			   "# TYPE process_cpu_seconds_total counter\n"
			   "process_cpu_seconds_total %.3f\n",
			   resident_bytes(), cpu_seconds());
}
